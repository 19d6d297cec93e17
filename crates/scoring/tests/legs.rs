//! Scores of the legs of one conversation.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rows;

use std::collections::BTreeMap;

use bellwether_base::{CallId, Endpoint, HashKey, RegistrationId, Span, StreamId, Timestamp, Transport};
use bellwether_enrich::{
    AccessSide, CallRow, CallTraits, CallUpdate, Masked, NumberFacts, NumberKind, RegistrationAttempt,
    RegistrationRow, Row, StreamRow,
};
use bellwether_fingerprint::{Part, PrintHash};
use bellwether_scoring::{NoHistory, Outcome, SIGNALS, ScoringEngine, Settings};

const START: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const PHONE: Endpoint = Endpoint::v4([198, 51, 100, 10], 5060);
const REGISTRAR: Endpoint = Endpoint::v4([198, 51, 100, 20], 5060);
const BORDER: Endpoint = Endpoint::v4([198, 51, 100, 30], 5060);

fn at(secs: i64) -> Timestamp {
    START + Span::from_secs(secs)
}

fn number() -> NumberFacts {
    NumberFacts { kind: NumberKind::Name, digits: 0, country: None, place: None, validity: None }
}

fn call(call: i64, source: Endpoint, traits: CallTraits) -> Row {
    let print = PrintHash::of(Part::Combined, &source.to_string());
    Row::Call(Box::new(CallRow {
        call: CallId::new(call),
        call_id: Masked::stored(format!("call-{call}")),
        wire_id: None,
        from_tag: Masked::stored("t"),
        started_at: at(call),
        caller: Masked::stored("alice"),
        caller_host: Masked::stored("pbx.example"),
        is_sensitive: false,
        callee: Masked::stored("bob"),
        dialled: Masked::stored("bob"),
        caller_number: number(),
        callee_number: number(),
        callee_neighbourhood: None,
        source,
        destination: REGISTRAR,
        transport: Transport::Udp,
        user_agent: None,
        fingerprint: print,
        sip_author: print,
        sdp_author: None,
        family: print,
        path: None,
        origin: Masked::stored("o"),
        access_side: AccessSide::Unknown,
        trunk_id: None,
        attested: None,
        deployment: Masked::stored("d"),
        traits,
        defects: Vec::new(),
        hep_agent: None,
        mirror: None,
    }))
}

fn update(call: i64, ended: Option<i64>, is_let_in: bool) -> Row {
    Row::CallUpdate(Box::new(CallUpdate {
        call: CallId::new(call),
        started_at: at(call),
        answered_at: Some(at(call + 1)),
        ended_at: ended.map(at),
        final_status: Some(200),
        duplicates: 0,
        retransmissions: 0,
        hops: 1,
        last_destination: REGISTRAR,
        access_side: AccessSide::Unknown,
        trunk_id: None,
        forks: 1,
        reinvites: 0,
        cancelled: false,
        ended_by: None,
        is_let_in,
    }))
}

fn registered() -> [Row; 2] {
    [
        Row::Registration(Box::new(RegistrationRow {
            registration: RegistrationId::new(77),
            aor: Masked::stored("sip:alice@pbx.example"),
            contact: Masked::stored("sip:alice@phone"),
            instance_id: None,
            source: PHONE,
            registrar: REGISTRAR,
            transport: Transport::Udp,
            user_agent: None,
            fingerprint: PrintHash::of(Part::Combined, "phone"),
            first_seen: START,
            hep_agent: None,
            mirror: None,
        })),
        attempt_from(PHONE, "phone"),
    ]
}

fn attempt_from(source: Endpoint, platform: &str) -> Row {
    Row::Attempt(Box::new(RegistrationAttempt {
        registration: RegistrationId::new(77),
        aor: Masked::stored("sip:alice@pbx.example"),
        user: Masked::stored("alice"),
        source,
        registrar: REGISTRAR,
        fingerprint: PrintHash::of(Part::Combined, platform),
        status: 200,
        had_credentials: true,
        at: START,
    }))
}

fn heard(stream: i64, call: i64, direction: &'static str, also: Vec<(i64, &'static str)>) -> Row {
    Row::Stream(Box::new(StreamRow {
        stream: StreamId::new(stream),
        ssrc: stream as u32,
        packets: 900,
        also: also.into_iter().map(|(call, side)| (CallId::new(call), side)).collect(),
        first_seen: at(3),
        last_seen: at(20),
        ..rows::stream(call, direction, PHONE, REGISTRAR)
    }))
}

/// The final signals of each call.
fn said(rows: impl IntoIterator<Item = Row>) -> BTreeMap<i64, Vec<&'static str>> {
    let mut assessor = ScoringEngine::new(Settings::default(), HashKey::new([7; 16]));
    let mut outcomes = Vec::new();
    for row in rows {
        assessor.row(&row, &mut NoHistory, &mut outcomes);
    }
    assessor.finish(&mut NoHistory, &mut outcomes);
    let scores = outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::Score(row) => {
            Some((row.call.get(), row.findings.iter().map(|f| SIGNALS.get(f.signal).unwrap().name).collect()))
        }
        _ => None,
    });
    scores.collect()
}

fn is_said(said: &BTreeMap<i64, Vec<&'static str>>, call: i64, signal: &str) -> bool {
    said[&call].contains(&signal)
}

fn plain(number: i64, source: Endpoint) -> Row {
    call(number, source, CallTraits::default())
}

#[test]
fn two_ways_of_media_over_two_legs_are_no_one_way_media() {
    let legs = |links: Vec<Row>| {
        let mut rows = vec![plain(1, PHONE), plain(2, REGISTRAR)];
        rows.extend(links);
        rows.extend([update(1, Some(40), false), update(2, Some(40), false)]);
        rows.extend([heard(5, 1, "caller", Vec::new()), heard(6, 2, "callee", Vec::new())]);
        said(rows)
    };
    let linked = legs(vec![Row::Link(CallId::new(2), CallId::new(1))]);
    let apart = legs(Vec::new());
    for call in [1, 2] {
        assert!(!is_said(&linked, call, "one_way_media"), "{linked:?}");
        assert!(is_said(&linked, call, "conversation"), "{linked:?}");
        assert!(is_said(&apart, call, "one_way_media"), "{apart:?}");
    }
    // A link found after the media counts like one found before.
    let rows = [
        plain(1, PHONE),
        plain(2, REGISTRAR),
        heard(5, 1, "caller", Vec::new()),
        heard(6, 2, "callee", Vec::new()),
        update(1, Some(40), false),
        update(2, Some(40), false),
        Row::Link(CallId::new(2), CallId::new(1)),
    ];
    assert!(!is_said(&said(rows), 1, "one_way_media"));
}

#[test]
fn a_stream_that_two_legs_name_was_heard_on_both() {
    let rows = [
        plain(1, PHONE),
        plain(2, REGISTRAR),
        update(1, Some(40), false),
        update(2, Some(40), false),
        heard(5, 1, "caller", vec![(2, "caller")]),
        heard(6, 2, "callee", vec![(1, "callee")]),
    ];
    let said = said(rows);
    assert!(!is_said(&said, 1, "one_way_media") && !is_said(&said, 2, "one_way_media"), "{said:?}");
}

#[test]
fn a_registered_caller_is_not_elsewhere_where_its_server_or_another_leg_speaks_for_it() {
    let elsewhere = |source: Endpoint, links: Vec<Row>| {
        let rows = registered().into_iter().chain([plain(1, PHONE), plain(2, source)]).chain(links);
        is_said(&said(rows), 2, "registered_elsewhere")
    };
    assert!(elsewhere(BORDER, Vec::new()));
    assert!(!elsewhere(REGISTRAR, Vec::new()), "the registrar itself");
    assert!(
        !elsewhere(BORDER, vec![Row::Link(CallId::new(2), CallId::new(1))]),
        "the other leg comes from the registered address"
    );
    // Another leg from an unregistered address is no evidence of registration.
    let other = Endpoint::v4([203, 0, 113, 9], 5060);
    let rows = registered().into_iter().chain([
        plain(1, other),
        plain(2, BORDER),
        Row::Link(CallId::new(2), CallId::new(1)),
    ]);
    assert!(is_said(&said(rows), 2, "registered_elsewhere"));
}

#[test]
fn a_caller_whose_registration_ended_is_registered_nowhere_until_it_comes_back() {
    let ended =
        || Row::RegistrationEnd { registration: RegistrationId::new(77), at: START + Span::from_millis(500) };
    let elsewhere = |between: Vec<Row>| {
        let rows = registered().into_iter().chain(between).chain([plain(2, BORDER)]);
        is_said(&said(rows), 2, "registered_elsewhere")
    };
    assert!(elsewhere(Vec::new()));
    assert!(!elsewhere(vec![ended()]));
    assert!(elsewhere(vec![ended(), attempt_from(PHONE, "phone")]));
    // A moved binding leaves its former address. A binding taken over by another platform does not: the first
    // device stays.
    assert!(!elsewhere(vec![attempt_from(BORDER, "phone")]));
    let from_home = |platform: &str| {
        let rows = registered().into_iter().chain([attempt_from(BORDER, platform), plain(2, PHONE)]);
        !is_said(&said(rows), 2, "registered_elsewhere")
    };
    assert!(!from_home("phone") && from_home("dialler"));
}

#[test]
fn a_stranger_who_dials_abroad_is_one_until_its_credentials_are_taken() {
    let abroad = || CallTraits { dials_abroad: Some(48), ..CallTraits::default() };
    let is_told = |rows: Vec<Row>, call| is_said(&said(rows), call, "stranger_abroad");
    assert!(is_told(vec![call(1, BORDER, abroad())], 1));
    assert!(is_told(vec![call(1, BORDER, abroad()), update(1, None, false)], 1));
    assert!(!is_told(vec![call(1, BORDER, abroad()), update(1, None, true)], 1), "credentials accepted");
    assert!(!is_told(vec![plain(1, BORDER)], 1), "no call abroad");
    // A server that accepts registrations is not unregistered, and neither is a caller known on another leg.
    let served = registered().into_iter().chain([call(1, REGISTRAR, abroad())]);
    assert!(!is_told(served.collect(), 1));
    let legs = |is_let_in: bool| {
        vec![
            plain(1, PHONE),
            call(2, BORDER, abroad()),
            Row::Link(CallId::new(2), CallId::new(1)),
            update(1, None, is_let_in),
        ]
    };
    assert!(is_told(legs(false), 2) && !is_told(legs(true), 2));
    let [registration, attempt] = registered();
    assert!(!is_told(vec![registration, attempt, call(1, PHONE, abroad())], 1), "registered");
}
