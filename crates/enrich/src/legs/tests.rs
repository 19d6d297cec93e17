use super::*;
use bellwether_base::{CallId, FlowKey, StreamId, Transport};
use bellwether_fingerprint::{Part, PrintHash};
use bellwether_rtp::Beginning;
use bellwether_tracker::{Kin, Named, Party, Prints, Silence};

/// Hosts by their last octet. Each uses the SIP port.
const PHONE: u8 = 1;
const PBX: u8 = 2;
const CALLED: u8 = 3;
const OTHER: u8 = 4;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(1_790_000_000_000_000_000 + millis * 1_000_000)
}

fn end(host: u8, port: u16) -> Endpoint {
    Endpoint::v4([10, 0, 0, host], port)
}

fn flow(from: u8, to: u8) -> FlowKey {
    FlowKey { src: end(from, 5060), dst: end(to, 5060) }
}

fn party(user: &str) -> Party {
    Party { user: user.into(), host: "pbx.example".into(), display: String::new() }
}

/// An INVITE at a time in milliseconds, with a Call-ID of its own.
pub(crate) fn invite(call: i64, millis: i64, hosts: (u8, u8), parties: (&str, &str)) -> CallStarted {
    let print = PrintHash::of(Part::Combined, "x");
    CallStarted {
        named: Named::default(),
        call: CallId::new(call),
        call_id: format!("call-id-{call}").into(),
        from_tag: format!("tag-{call}").into(),
        started_at: at(millis),
        agent: None,
        mirror: None,
        flow: flow(hosts.0, hosts.1),
        transport: Transport::Udp,
        from: party(parties.0),
        to: party(parties.1),
        request_user: parties.1.into(),
        asserted: None,
        user_agent: None,
        first_via_host: String::new(),
        prints: Prints {
            combined: print,
            sip: print,
            sdp: None,
            family: print,
            family_of_headers: print,
            path: String::new().into(),
        },
        instances: Vec::new(),
        sdp_origin: None,
        claims: None,
        kin: None,
        defects: Vec::new(),
    }
}

fn with_kin(call: CallStarted, ids: &[&str], sent_on_by: &[&str], is_referred: bool) -> CallStarted {
    let ids = ids.iter().map(|id| (*id).to_owned().into()).collect();
    let sent_on_by = sent_on_by.iter().map(|user| (*user).to_owned()).collect();
    CallStarted { kin: Some(Box::new(Kin { ids, sent_on_by, is_referred })), ..call }
}

fn progress(call: &CallStarted, answered: Option<i64>, ended: Option<i64>, status: u16) -> CallProgress {
    CallProgress {
        call: call.call,
        started_at: call.started_at,
        answered_at: answered.map(at),
        ended_at: ended.map(at),
        final_status: Some(status),
        duplicates: 0,
        retransmissions: 0,
        hops: 1,
        first_hop: call.flow,
        last_hop: call.flow,
        forks: 1,
        reinvites: 0,
        cancelled: false,
        ended_by: None,
        is_let_in: false,
    }
}

fn media(call: i64, side: Side, endpoint: Endpoint, millis: i64) -> MediaNamed {
    MediaNamed { call: CallId::new(call), side, endpoint, at: at(millis) }
}

fn stream(call: i64, from: Endpoint, to: Endpoint, ssrc: u32, millis: (i64, i64)) -> StreamFact {
    StreamFact {
        stream: StreamId::new(i64::from(ssrc) * 31 + call),
        call: Some(CallId::new(call)),
        sender: Some(Side::Caller),
        flow: FlowKey { src: from, dst: to },
        ssrc,
        codec: None,
        payload_type: 0,
        packets: 500,
        lost: 0,
        reordered: 0,
        duplicates: 0,
        restarts: 0,
        jitter_ms: None,
        telephone_events: 0,
        comfort_noise: 0,
        rtcp_packets: 0,
        quality: Default::default(),
        beginning: Beginning::default(),
        heard: None,
        media_rate: None,
        report_rate: None,
        no_rates: Default::default(),
        first_seen: at(millis.0),
        last_seen: at(millis.1),
        silence: Silence::Pending,
    }
}

fn link(call: i64, other: i64) -> Link {
    (CallId::new(call), CallId::new(other))
}

fn legs() -> Legs {
    Legs::new(HashKey::new([5; 16]))
}

/// The links between two calls. The first call alone must have none.
fn links_of(first: &CallStarted, second: &CallStarted) -> Vec<Link> {
    let mut legs = legs();
    assert_eq!(legs.begin(first), []);
    legs.begin(second)
}

#[test]
fn separate_calls_between_two_ports_of_one_host_are_no_legs() {
    let mut legs = legs();
    for call in 1..=5 {
        let millis = call * 200;
        let mut one = invite(call, millis, (PBX, PBX), ("sipp", "service"));
        one.flow.src = end(PBX, 6000 + call as u16);
        assert_eq!(legs.begin(&one), [], "the calls do not overlap");
        let _ = legs.progress(&progress(&one, Some(millis + 10), Some(millis + 100), 200));
    }
    // Nor do they if they overlap.
    let open = |call: i64| CallStarted {
        flow: FlowKey { src: end(PBX, 5061), dst: end(PBX, 5060) },
        sdp_origin: Some("user1 3876543210 10.0.0.2".into()),
        ..invite(call, 5_000 + call, (PBX, PBX), ("sipp", "service"))
    };
    assert_eq!((legs.begin(&open(6)), legs.begin(&open(7))), (vec![], vec![]));
}

#[test]
fn two_calls_of_one_caller_to_one_callee_by_the_same_way_are_two_calls() {
    let first = invite(1, 0, (PHONE, PBX), ("100", "200"));
    let second = invite(2, 300, (PHONE, PBX), ("100", "200"));
    assert_eq!(links_of(&first, &second), []);
}

#[test]
fn a_call_goes_on_from_the_host_it_went_to_under_the_same_parties() {
    let first = invite(1, 0, (PHONE, PBX), ("100", "200"));
    let second = invite(2, 300, (PBX, CALLED), ("100", "200"));
    assert_eq!(links_of(&first, &second), [link(2, 1)]);
    // Back to the source host, to another line of the same device.
    let back = invite(2, 300, (PBX, PHONE), ("100", "200"));
    assert_eq!(links_of(&first, &back), [link(2, 1)]);
    // All calls within one host, distinguished by ports.
    let on_port = |call, millis, ports: (u16, u16)| CallStarted {
        flow: FlowKey { src: end(PBX, ports.0), dst: end(PBX, ports.1) },
        ..invite(call, millis, (PBX, PBX), ("100", "200"))
    };
    assert_eq!(links_of(&on_port(1, 0, (5070, 5060)), &on_port(2, 5, (5060, 5080))), [link(2, 1)]);
    assert_eq!(links_of(&on_port(1, 0, (5070, 5060)), &on_port(2, 5, (5090, 5080))), []);
}

#[test]
fn a_call_that_is_over_is_no_leg_of_one_that_begins() {
    let mut legs = legs();
    let first = with_kin(invite(1, 0, (PHONE, PBX), ("100", "200")), &["conversation-id"], &[], false);
    let _ = legs.begin(&first);
    let _ = legs.progress(&progress(&first, Some(100), Some(200), 200));
    let second = with_kin(
        CallStarted { call_id: first.call_id.clone(), ..invite(2, 201, (PBX, CALLED), ("100", "200")) },
        &["conversation-id", "call-id-1"],
        &["200"],
        true,
    );
    assert_eq!(legs.begin(&second), []);
}

#[test]
fn a_dial_plan_that_gives_the_callee_another_number_hides_no_leg() {
    let first = invite(1, 0, (PHONE, PBX), ("telephone1", "2302"));
    let second = invite(2, 4, (PBX, CALLED), ("telephone1", "telephone2"));
    assert_eq!(links_of(&first, &second), [link(2, 1)]);
    // Of two calls of the caller, the one without a next leg is linked.
    let mut legs = legs();
    let _ = legs.begin(&first);
    let _ = legs.begin(&second);
    let _ = legs.begin(&invite(3, 100, (PHONE, PBX), ("telephone1", "2303")));
    assert_eq!(legs.begin(&invite(4, 104, (PBX, OTHER), ("telephone1", "telephone3"))), [link(4, 3)]);
    // If both have no next leg, an equal end of the number decides. Otherwise none is linked.
    let mut legs = self::legs();
    let _ = legs.begin(&invite(1, 0, (PHONE, PBX), ("100", "0301234567")));
    let _ = legs.begin(&invite(2, 1, (PHONE, PBX), ("100", "0307654321")));
    assert_eq!(legs.begin(&invite(3, 4, (PBX, CALLED), ("100", "+49301234567"))), [link(3, 1)]);
    let _ = legs.begin(&invite(4, 5, (PHONE, PBX), ("100", "0305550100")));
    assert_eq!(legs.begin(&invite(5, 6, (PBX, OTHER), ("100", "operator"))), []);
}

#[test]
fn where_both_numbers_change_the_answer_that_comes_back_tells() {
    let mut legs = legs();
    let first = invite(1, 0, (PHONE, PBX), ("100", "2302"));
    let second = invite(2, 4, (PBX, CALLED), ("+49301000", "telephone2"));
    let unrelated = invite(3, 5, (PBX, OTHER), ("+49301001", "telephone9"));
    for call in [&first, &second, &unrelated] {
        assert_eq!(legs.begin(call), []);
    }
    assert_eq!(legs.progress(&progress(&unrelated, Some(600), None, 200)), []);
    assert_eq!(legs.progress(&progress(&second, Some(1_000), None, 200)), []);
    assert_eq!(legs.progress(&progress(&first, Some(1_005), None, 200)), [link(2, 1)]);
    // A refusal returns in the same way.
    let mut legs = self::legs();
    for call in [&first, &second] {
        let _ = legs.begin(call);
    }
    let _ = legs.progress(&progress(&second, None, Some(1_000), 486));
    assert_eq!(legs.progress(&progress(&first, None, Some(1_002), 486)), [link(2, 1)]);
    // Two calls were answered at once, so neither is linked.
    let mut legs = self::legs();
    for call in [&first, &second, &unrelated] {
        let _ = legs.begin(call);
    }
    let _ = legs.progress(&progress(&unrelated, Some(999), None, 200));
    let _ = legs.progress(&progress(&second, Some(1_000), None, 200));
    assert_eq!(legs.progress(&progress(&first, Some(1_005), None, 200)), []);
}

#[test]
fn identifiers_of_dialogs_and_conversations_link_whatever_the_numbers_and_hosts_are() {
    let first = with_kin(invite(1, 0, (PHONE, PBX), ("100", "200")), &["ab30317f1a784dc4"], &[], false);
    let other = || invite(2, 900, (OTHER, CALLED), ("a", "b"));
    assert_eq!(links_of(&first, &with_kin(other(), &["call-id-1"], &[], false)), [link(2, 1)]);
    assert_eq!(links_of(&first, &with_kin(other(), &["ab30317f1a784dc4"], &[], false)), [link(2, 1)]);
    assert_eq!(links_of(&first, &CallStarted { call_id: first.call_id.clone(), ..other() }), [link(2, 1)]);
    let derived = CallStarted { call_id: "call-id-1-b2b_1".to_owned().into(), ..other() };
    assert_eq!(links_of(&first, &derived), [link(2, 1)]);
    // An identifier that a device writes into each of its calls is no evidence.
    let again = with_kin(invite(2, 900, (PHONE, PBX), ("100", "300")), &["ab30317f1a784dc4"], &[], false);
    assert_eq!(links_of(&first, &again), []);
}

#[test]
fn a_description_that_is_passed_through_links_by_its_origin_and_by_where_it_listens() {
    let first = CallStarted {
        sdp_origin: Some("- 3876543210 10.0.0.1".into()),
        ..invite(1, 0, (PHONE, PBX), ("100", "2"))
    };
    let second = CallStarted {
        sdp_origin: Some("- 3876543210 10.0.0.1".into()),
        ..invite(2, 50, (PBX, CALLED), ("a", "b"))
    };
    assert_eq!(links_of(&first, &second), [link(2, 1)]);
    let mut legs = legs();
    let _ = legs.begin(&invite(1, 0, (PHONE, PBX), ("100", "2")));
    let _ = legs.begin(&invite(2, 50, (PBX, CALLED), ("a", "b")));
    let _ = legs.begin(&invite(3, 60, (OTHER, PBX), ("c", "d")));
    assert_eq!(legs.names_media(&media(1, Side::Caller, end(PHONE, 4000), 0)), []);
    // Private addresses of unrelated calls are equal by chance.
    assert_eq!(legs.names_media(&media(3, Side::Caller, end(PHONE, 4000), 60)), []);
    assert_eq!(legs.names_media(&media(2, Side::Caller, end(PHONE, 4000), 61)), [link(2, 1)]);
}

#[test]
fn forwarding_and_transfer_name_the_call_that_they_go_on_from() {
    let first = invite(1, 0, (PHONE, PBX), ("100", "2302"));
    let forwarded = with_kin(invite(2, 20_000, (PBX, CALLED), ("pbx", "0171555")), &[], &["2302"], false);
    assert_eq!(links_of(&first, &forwarded), [link(2, 1)]);
    let elsewhere = with_kin(invite(2, 20_000, (OTHER, CALLED), ("pbx", "0171555")), &[], &["2302"], false);
    assert_eq!(links_of(&first, &elsewhere), []);
    let mut legs = legs();
    let _ = legs.begin(&first);
    let _ = legs.progress(&progress(&first, Some(1_000), None, 200));
    legs.referred(CallId::new(1), "300");
    let other = with_kin(invite(3, 9_000, (PHONE, OTHER), ("x", "400")), &[], &[], true);
    let transferred = with_kin(invite(4, 9_000, (PHONE, OTHER), ("100", "300")), &[], &[], true);
    assert_eq!((legs.begin(&other), legs.begin(&transferred)), (vec![], vec![link(4, 1)]));
}

#[test]
fn a_relay_that_keeps_the_source_of_a_stream_links_its_calls() {
    let mut legs = legs();
    let calls = [invite(1, 0, (PHONE, PBX), ("100", "2302")), invite(2, 4, (PBX, CALLED), ("x", "y"))];
    calls.iter().for_each(|call| drop(legs.begin(call)));
    let (a, b) = (end(PHONE, 4000), end(PBX, 10_000));
    assert_eq!(legs.hears(&stream(1, a, b, 0x5eed_0001, (100, 9_000))), []);
    // Another SSRC, and a stream that starts after the end of the first.
    assert_eq!(legs.hears(&stream(2, end(PBX, 10_004), end(CALLED, 5_000), 0x5eed_0002, (110, 9_000))), []);
    assert_eq!(legs.hears(&stream(2, end(PBX, 10_004), end(CALLED, 5_000), 0x5eed_0001, (9_100, 9_900))), []);
    assert_eq!(
        legs.hears(&stream(2, end(PBX, 10_002), end(CALLED, 5_000), 0x5eed_0001, (110, 9_000))),
        [link(2, 1)]
    );
    // An echo test returns the media to each of its callers.
    let _ = legs.begin(&invite(4, 20, (OTHER, CALLED), ("r", "s")));
    let _ = legs.begin(&invite(5, 30, (7, CALLED), ("t", "s")));
    let _ = legs.hears(&stream(4, end(OTHER, 4_000), end(CALLED, 5_000), 0x5eed_0009, (100, 9_000)));
    let back = StreamFact {
        sender: Some(Side::Callee),
        ..stream(5, end(CALLED, 5_000), end(7, 4_000), 0x5eed_0009, (110, 9_000))
    };
    assert_eq!(legs.hears(&back), []);
    // Counted SSRCs are shared by unrelated streams.
    let _ = legs.begin(&invite(3, 10, (PBX, OTHER), ("u", "v")));
    let _ = legs.hears(&stream(1, a, b, 7, (100, 9_000)));
    assert_eq!(legs.hears(&stream(3, end(PBX, 10_006), end(OTHER, 5_000), 7, (110, 9_000))), []);
}

#[test]
fn a_stream_that_two_legs_name_stands_with_both_and_with_no_other() {
    let mut legs = legs();
    let _ = legs.begin(&invite(1, 0, (PHONE, PBX), ("100", "200")));
    let _ = legs.begin(&invite(2, 4, (PBX, CALLED), ("100", "200")));
    let _ = legs.begin(&invite(3, 9, (OTHER, PBX), ("7", "8")));
    let (caller, callee) = (end(PHONE, 51_412), end(CALLED, 7_902));
    for call in [1, 2, 3] {
        let _ = legs.names_media(&media(call, Side::Caller, caller, 10));
        let _ = legs.names_media(&media(call, Side::Callee, callee, 900));
    }
    let there = stream(1, caller, callee, 0x1234_5678, (1_000, 61_000));
    assert_eq!(legs.also_names(&there), [(CallId::new(2), Side::Caller)]);
    let back = stream(2, callee, caller, 0x1234_5679, (1_000, 61_000));
    assert_eq!(legs.also_names(&back), [(CallId::new(1), Side::Callee)]);
    // A stream that only one leg names belongs to that leg.
    let relayed = stream(1, caller, end(PBX, 10_000), 0x1234_5680, (1_000, 61_000));
    let _ = legs.names_media(&media(1, Side::Callee, end(PBX, 10_000), 950));
    assert_eq!(legs.also_names(&relayed), []);
}

#[test]
fn all_legs_of_a_conversation_are_linked_that_last_at_one_time() {
    let mut legs = legs();
    let first = invite(1, 0, (PHONE, PBX), ("100", "200"));
    let tried = invite(2, 10, (PBX, CALLED), ("100", "200"));
    let _ = legs.begin(&first);
    assert_eq!(legs.begin(&tried), [link(2, 1)]);
    let _ = legs.progress(&progress(&tried, None, Some(20_000), 487));
    // The next target is called after the end of the previous attempt, so these two do not overlap.
    assert_eq!(legs.begin(&invite(3, 20_010, (PBX, OTHER), ("100", "200"))), [link(3, 1)]);
    let beyond = invite(4, 20_020, (OTHER, CALLED), ("100", "200"));
    let mut links = legs.begin(&beyond);
    links.sort_unstable();
    assert_eq!(links, [link(4, 1), link(4, 3)]);
}

#[test]
fn a_conversation_has_so_many_legs_at_most() {
    let mut legs = legs();
    let _ = legs.begin(&invite(1, 0, (PHONE, PBX), ("100", "200")));
    for call in 2..200 {
        let _ = legs.begin(&invite(call, call, (PBX, CALLED), ("100", "200")));
    }
    assert_eq!(legs.of(CallId::new(1)).len(), MAX_LEGS);
}

#[test]
fn a_proxy_and_a_pbx_on_one_address_link_each_caller_with_its_own_leg() {
    let mut legs = legs();
    // The proxy listens on 5060, the PBX behind it on 5080, both on the same address.
    let outgoing = |call, millis, caller: &'static str| CallStarted {
        flow: FlowKey { src: end(PBX, 5080), dst: end(PBX, 5060) },
        ..invite(call, millis, (PBX, PBX), (caller, "desk"))
    };
    assert_eq!(legs.begin(&invite(1, 0, (PHONE, PBX), ("alice", "2302"))), []);
    assert_eq!(legs.begin(&invite(2, 2, (OTHER, PBX), ("carol", "2303"))), []);
    assert_eq!(legs.begin(&outgoing(3, 5, "carol")), [link(3, 2)]);
    assert_eq!(legs.begin(&outgoing(4, 6, "alice")), [link(4, 1)]);
    // A call that the PBX originates is no leg of another call.
    assert_eq!(legs.begin(&outgoing(5, 7, "reception")), []);
}

#[test]
fn phones_that_call_within_one_second_and_number_sessions_by_it_are_not_one() {
    let offer = |call: CallStarted, host: u8| CallStarted {
        sdp_origin: Some(format!("- 3912345678 10.0.0.{host}")),
        ..call
    };
    let first = offer(invite(1, 0, (PHONE, PBX), ("100", "200")), PHONE);
    let beside = offer(invite(2, 500, (OTHER, PBX), ("300", "400")), OTHER);
    assert_eq!(links_of(&first, &beside), []);
    let elsewhere = offer(invite(2, 500, (OTHER, 9), ("300", "400")), OTHER);
    assert_eq!(links_of(&first, &elsewhere), []);
    // A session border controller with two addresses keeps the whole origin line, and a PBX at least the
    // session identifier.
    let beyond = offer(invite(2, 5, (8, 9), ("300", "400")), PHONE);
    assert_eq!(links_of(&first, &beyond), [link(2, 1)]);
    let next = offer(invite(2, 5, (PBX, CALLED), ("300", "400")), PBX);
    assert_eq!(links_of(&first, &next), [link(2, 1)]);
}

#[test]
fn an_extension_of_another_domain_is_another_caller() {
    let of = |call: CallStarted, domain: &str| CallStarted {
        from: Party { host: domain.into(), ..call.from.clone() },
        ..call
    };
    let first = of(invite(1, 0, (PHONE, PBX), ("101", "102")), "a.example");
    let second = invite(2, 400, (OTHER, CALLED), ("101", "102"));
    assert_eq!(links_of(&first, &of(second.clone(), "b.example")), []);
    assert_eq!(links_of(&first, &of(second.clone(), "A.example")), [link(2, 1)]);
    assert_eq!(links_of(&first, &of(second, "10.0.0.4")), [link(2, 1)], "an address is no domain");
    let number = of(invite(1, 0, (PHONE, PBX), ("+4930123456", "102")), "a.example");
    let same = of(invite(2, 400, (OTHER, CALLED), ("+4930123456", "102")), "b.example");
    assert_eq!(links_of(&number, &same), [link(2, 1)], "a full number is global");
}

#[test]
fn two_calls_that_cross_a_trunk_and_are_answered_at_one_time_are_two() {
    let mut legs = legs();
    let there = invite(1, 0, (PBX, OTHER), ("101", "202"));
    let back = invite(2, 300, (OTHER, PBX), ("204", "105"));
    let _ = (legs.begin(&there), legs.begin(&back));
    let _ = legs.progress(&progress(&back, Some(4_950), None, 200));
    assert_eq!(legs.progress(&progress(&there, Some(5_000), None, 200)), []);
    // A call that returns at once, and whose outcome returns at once, was forwarded.
    let mut legs = self::legs();
    let back = invite(2, 4, (OTHER, PBX), ("204", "105"));
    let _ = (legs.begin(&there), legs.begin(&back));
    let _ = legs.progress(&progress(&back, Some(4_995), None, 200));
    assert_eq!(legs.progress(&progress(&there, Some(5_000), None, 200)), [link(2, 1)]);
}

#[test]
fn a_leg_that_the_mirror_shows_a_moment_before_the_one_it_goes_on_from_is_linked() {
    // Links by the caller, by the callee, and by the outcome if both numbers change.
    let second = invite(2, 0, (PBX, CALLED), ("101", "77"));
    assert_eq!(links_of(&second, &invite(1, 3, (PHONE, PBX), ("101", "2302"))), [link(1, 2)]);
    assert_eq!(links_of(&second, &invite(1, 300, (PHONE, PBX), ("101", "2302"))), []);
    let mut legs = legs();
    let first = invite(1, 3, (PHONE, PBX), ("5", "2302"));
    let _ = (legs.begin(&second), legs.begin(&first));
    let _ = legs.progress(&progress(&second, Some(1_000), None, 200));
    assert_eq!(legs.progress(&progress(&first, Some(1_005), None, 200)), [link(2, 1)]);
}

#[test]
fn a_border_controller_of_two_addresses_that_keeps_only_the_source_links_its_calls() {
    let there = |call, hosts: (u8, u8), millis| {
        stream(call, end(hosts.0, 4_000), end(hosts.1, 10_000), 0x5eed_0003, millis)
    };
    let heard = |second: StreamFact| {
        let mut legs = legs();
        let _ = legs.begin(&invite(1, 0, (PHONE, PBX), ("100", "2302")));
        let _ = legs.begin(&invite(2, 4, (OTHER, CALLED), ("x", "y")));
        assert_eq!(legs.hears(&there(1, (PHONE, PBX), (100, 9_000))), []);
        legs.hears(&second)
    };
    assert_eq!(heard(there(2, (OTHER, CALLED), (101, 9_010))), [link(2, 1)]);
    assert_eq!(heard(there(2, (OTHER, CALLED), (1_500, 9_010))), [], "a repeated recording");
    assert_eq!(heard(there(2, (OTHER, CALLED), (101, 5_000))), []);
}
