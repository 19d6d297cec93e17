//! Matching of media to calls, and detection of encryption.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use bellwether_base::Loss;
use bellwether_rtp::{SrtpKey, SrtpSession};
use bellwether_tracker::{Content, Side};
use scene::{Scene, check, ciphered, handshake, quiet, rtp, sdp, sdp_of};

/// Media endpoints in the descriptions, and endpoints of the media itself.
const SAID: [&str; 2] = ["198.51.100.1:7078", "198.51.100.2:7270"];
const HOSTS: [&str; 2] = ["192.0.2.106:7078", "192.0.2.105:7270"];

fn candidate(at: &str, kind: &str) -> String {
    let (ip, port) = at.rsplit_once(':').unwrap();
    format!("a=candidate:1 1 UDP 2130706303 {ip} {port} typ {kind}\r\n")
}

fn caller_of(id: &str) -> Option<(String, Side)> {
    Some((id.to_owned(), Side::Caller))
}

fn callee_of(id: &str) -> Option<(String, Side)> {
    Some((id.to_owned(), Side::Callee))
}

#[test]
fn media_between_candidates_belongs_to_the_call_that_names_them() {
    for kind in ["host", "srflx raddr 10.0.0.1 rport 4000", "relay raddr 10.0.0.1 rport 4000"] {
        let mut scene = Scene::new();
        scene.invite(0, "ice", 1, &sdp(SAID[0], &candidate(HOSTS[0], kind)));
        scene.answer(1000, "ice", 1, &sdp(SAID[1], &candidate(HOSTS[1], kind)));
        scene.talk(1100, HOSTS[0], HOSTS[1], 1, 0..500);
        scene.talk(11_100, HOSTS[1], HOSTS[0], 2, 0..500);
        let outcome = scene.finish();
        assert_eq!(outcome.owner(HOSTS[0], HOSTS[1]), caller_of("ice"), "{kind}");
        assert_eq!(outcome.owner(HOSTS[1], HOSTS[0]), callee_of("ice"), "{kind}");
        assert_eq!(outcome.stream(HOSTS[0], HOSTS[1]).codec.as_ref().unwrap().expose(), "PCMU");
    }
}

#[test]
fn a_stream_that_began_before_the_description_that_names_it_is_claimed_later() {
    let mut scene = Scene::new();
    scene.invite(0, "late", 1, &sdp(SAID[0], ""));
    scene.answer(1000, "late", 1, &sdp(SAID[1], ""));
    scene.talk(1100, HOSTS[0], HOSTS[1], 1, 0..50);
    scene.invite(2100, "late", 2, &sdp(HOSTS[0], ""));
    scene.answer(2150, "late", 2, &sdp(HOSTS[1], ""));
    scene.talk(2160, HOSTS[0], HOSTS[1], 1, 50..400);
    // A late re-INVITE counts too.
    scene.talk(9200, "192.0.2.77:4000", "192.0.2.78:4000", 3, 0..500);
    scene.invite(19_250, "late", 3, &sdp("192.0.2.77:4000", ""));
    scene.answer(19_300, "late", 3, &sdp("192.0.2.78:4000", ""));
    scene.talk(19_310, "192.0.2.77:4000", "192.0.2.78:4000", 3, 500..620);
    // The call was removed from the table long before the streams end.
    scene.bye(21_800, "late", 4);
    scene.invite(40_000, "another", 1, &sdp("192.0.2.79:4000", ""));
    scene.bye(40_100, "another", 2);
    scene.talk(70_000, "192.0.2.80:4000", "192.0.2.81:4000", 9, 0..2);
    let outcome = scene.finish();
    assert_eq!(outcome.owner(HOSTS[0], HOSTS[1]), caller_of("late"));
    assert_eq!(outcome.owner("192.0.2.77:4000", "192.0.2.78:4000"), caller_of("late"));
}

#[test]
fn a_stream_of_an_earlier_holder_is_not_claimed_by_a_later_call() {
    let mut scene = Scene::new();
    scene.invite(0, "first", 1, &sdp(SAID[0], ""));
    scene.answer(100, "first", 1, &sdp(SAID[1], ""));
    scene.talk(700, SAID[0], SAID[1], 1, 0..200);
    scene.invite(4750, "second", 1, &sdp(SAID[0], &candidate(SAID[1], "host")));
    scene.answer(4800, "second", 1, &sdp(SAID[1], &candidate(SAID[0], "host")));
    scene.talk(4900, SAID[0], SAID[1], 1, 200..400);
    let outcome = scene.finish();
    assert_eq!(outcome.owner(SAID[0], SAID[1]), caller_of("first"));
}

#[test]
fn a_source_that_begins_anew_when_its_call_is_over_is_the_next_calls_though_that_is_not_known_yet() {
    let mut scene = Scene::new();
    scene.invite(0, "first", 1, &sdp(SAID[0], ""));
    scene.answer(100, "first", 1, &sdp(SAID[1], ""));
    scene.talk(200, SAID[0], SAID[1], 1, 5000..5200);
    scene.bye(4200, "first", 2);
    // Late packets continue the sequence numbers.
    scene.talk(5000, SAID[0], SAID[1], 1, 5200..5202);
    scene.invite(5100, "second", 1, &sdp(SAID[0], ""));
    scene.answer(5150, "second", 1, &sdp(SAID[1], ""));
    scene.talk(5200, SAID[0], SAID[1], 1, 0..200);
    let outcome = scene.finish();
    assert_eq!(outcome.owner(SAID[0], SAID[1]), caller_of("second"));
    assert_eq!((outcome.stream(SAID[0], SAID[1]).packets, outcome.stream(SAID[0], SAID[1]).lost), (200, 0));
}

#[test]
fn candidates_that_are_told_later_in_an_info_count_too() {
    let mut scene = Scene::new();
    let open = "a=ice-ufrag:8hhY\r\na=mid:1\r\na=rtpmap:111 opus/48000/2\r\n";
    scene.invite(0, "trickle", 1, &sdp_of("0.0.0.0:9", "RTP/AVPF 111", open));
    scene.answer(500, "trickle", 1, &sdp_of("0.0.0.0:9", "RTP/AVPF 111", open));
    let told =
        format!("a=ice-ufrag:8hhY\r\nm=audio 9 RTP/AVPF 111\r\na=mid:1\r\n{}", candidate(HOSTS[0], "host"));
    scene.info(600, "trickle", 2, &told);
    scene.stream(700, HOSTS[1], HOSTS[0], 0..100, |seq| rtp(5, seq, 111, &ciphered(9, 71)));
    let outcome = scene.finish();
    assert_eq!(outcome.owner(HOSTS[1], HOSTS[0]), callee_of("trickle"));
    assert_eq!(outcome.stream(HOSTS[1], HOSTS[0]).codec.as_ref().unwrap().expose(), "opus");
}

#[test]
fn a_check_between_two_ends_binds_them_to_the_call_that_knows_both_names() {
    let hidden = ["192.0.2.200:50001", "192.0.2.201:50002"];
    for (asker, names) in [(0, ["BBBB", "AAAA"]), (1, ["AAAA", "BBBB"])] {
        let mut scene = Scene::new();
        scene.invite(0, "stun", 1, &sdp(SAID[0], "a=ice-ufrag:AAAA\r\n"));
        scene.answer(100, "stun", 1, &sdp(SAID[1], "a=ice-ufrag:BBBB\r\n"));
        // Another call has one of the two user name fragments.
        scene.invite(150, "other", 1, &sdp("198.51.100.9:4000", "a=ice-ufrag:AAAA\r\n"));
        scene.answer(200, "other", 1, &sdp("198.51.100.8:4000", "a=ice-ufrag:CCCC\r\n"));
        let way = [hidden[asker], hidden[1 - asker]];
        scene.send(250, way[0], way[1], Content::KeepAlive, &check(names[0], names[1]));
        scene.talk(300, hidden[0], hidden[1], 1, 0..100);
        scene.talk(2400, hidden[1], hidden[0], 2, 0..30);
        let outcome = scene.finish();
        assert_eq!(outcome.owner(hidden[0], hidden[1]), caller_of("stun"));
        assert_eq!(outcome.owner(hidden[1], hidden[0]), callee_of("stun"));
    }
}

#[test]
fn a_check_that_no_call_knows_binds_nothing() {
    let mut scene = Scene::new();
    scene.invite(0, "stun", 1, &sdp(SAID[0], "a=ice-ufrag:AAAA\r\n"));
    scene.answer(100, "stun", 1, &sdp(SAID[1], "a=ice-ufrag:BBBB\r\n"));
    scene.send(250, HOSTS[0], HOSTS[1], Content::KeepAlive, &check("AAAA", "DDDD"));
    scene.talk(300, HOSTS[0], HOSTS[1], 1, 0..100);
    assert_eq!(scene.finish().owner(HOSTS[0], HOSTS[1]), None);
}

#[test]
fn a_source_that_the_call_knows_elsewhere_takes_its_other_streams_along() {
    // Behind NAT no description names the caller's source address. The stream's second destination is not
    // named either.
    let (source, elsewhere) = ["192.0.2.50:61000", "192.0.2.99:3000"].into();
    let mut scene = Scene::new();
    scene.invite(0, "nat", 1, &sdp("10.0.0.5:4000", ""));
    scene.answer(100, "nat", 1, &sdp(SAID[1], ""));
    scene.talk(600, source, SAID[1], 77, 0..24);
    scene.talk(1200, source, elsewhere, 77, 24..300);
    // Another SSRC of that source, and the SSRC of another source, belong to no call.
    scene.talk(7000, source, "192.0.2.98:3000", 78, 0..100);
    scene.talk(9100, "192.0.2.51:61000", "192.0.2.97:3000", 77, 0..100);
    let outcome = scene.finish();
    assert_eq!(outcome.owner(source, SAID[1]), caller_of("nat"));
    assert_eq!(outcome.owner(source, elsewhere), caller_of("nat"));
    assert_eq!(outcome.owner(source, "192.0.2.98:3000"), None);
    assert_eq!(outcome.owner("192.0.2.51:61000", "192.0.2.97:3000"), None);
}

#[test]
fn what_a_relay_passes_on_belongs_to_the_call_of_the_stream_that_it_is_a_copy_of() {
    // The negotiation on the relay's far side is invisible.
    let (relay, far) = (["198.51.100.9:40376", "198.51.100.9:40378"], "192.0.2.199:4800");
    let mut scene = Scene::new();
    scene.invite(0, "relayed", 1, &sdp(SAID[0], ""));
    scene.answer(100, "relayed", 1, &sdp(relay[0], ""));
    // A relay on another host uses one SSRC for two calls, which is no evidence.
    for (id, port) in [("one", 1), ("two", 2)] {
        scene.invite(200, id, 1, &sdp(&format!("203.0.113.7{port}:4000"), ""));
        scene.answer(300, id, 1, &sdp("198.51.100.8:5000", ""));
    }
    for seq in 0..300 {
        let ms = 700 + i64::from(seq) * 20;
        let mut copy = |ms, from: &str, to: &str, ssrc| {
            scene.send(ms, from, to, Content::Rtp, &rtp(ssrc, seq, 0, &quiet()));
        };
        copy(ms, SAID[0], relay[0], 500);
        copy(ms + 1, relay[1], far, 500);
        copy(ms + 2, far, relay[1], 600);
        copy(ms + 3, relay[0], SAID[0], 600);
        copy(ms + 4, "203.0.113.71:4000", "198.51.100.8:5000", 9);
        copy(ms + 5, "203.0.113.72:4000", "198.51.100.8:5000", 9);
        copy(ms + 6, "198.51.100.8:6000", "192.0.2.66:4000", 9);
        // Neither the SSRC alone nor the host alone is evidence.
        copy(ms + 7, "192.0.2.67:4000", "192.0.2.68:4000", 500);
        copy(ms + 8, relay[1], "192.0.2.69:4000", 501);
    }
    let outcome = scene.finish();
    assert_eq!(outcome.owner(relay[1], far), caller_of("relayed"));
    assert_eq!(outcome.owner(far, relay[1]), callee_of("relayed"));
    for way in [
        ["198.51.100.8:6000", "192.0.2.66:4000"],
        ["192.0.2.67:4000", "192.0.2.68:4000"],
        [relay[1], "192.0.2.69:4000"],
    ] {
        assert_eq!(outcome.owner(way[0], way[1]), None, "{way:?}");
    }
}

#[test]
fn candidates_by_the_thousand_are_bounded_and_steal_nothing() {
    let mut scene = Scene::new();
    scene.invite(0, "honest", 1, &sdp(SAID[0], ""));
    scene.answer(100, "honest", 1, &sdp(SAID[1], ""));
    for i in 0..40 {
        let many: String = (0..1000)
            .map(|k| candidate(&format!("192.0.2.{}:{}", k % 250 + 1, 10_000 + k), "host"))
            .collect();
        // A candidate of one side only. The agreed endpoint has precedence.
        let all = format!("{}{many}", candidate(SAID[1], "host"));
        scene.invite(110 + i, &format!("greedy{i}"), 1, &sdp("203.0.113.77:9000", &all));
    }
    scene.talk(700, SAID[0], SAID[1], 1, 0..100);
    let outcome = scene.finish();
    assert_eq!(outcome.owner(SAID[0], SAID[1]), caller_of("honest"));
    let refused = outcome.tally.losses.get(Loss::MediaEndpointRefused);
    // The parser reads 64 candidate lines per section.
    assert_eq!(refused, 40 * (1001 - 64));
}

#[test]
fn a_side_with_many_candidates_takes_no_room_from_the_other() {
    let many: String = (0..1000).map(|k| candidate(&format!("192.0.2.7:{}", 10_000 + k), "host")).collect();
    for (offer, answer) in [(many.clone(), candidate(HOSTS[1], "host")), (candidate(HOSTS[0], "host"), many)]
    {
        let mut scene = Scene::new();
        scene.invite(0, "many", 1, &sdp(SAID[0], &offer));
        scene.answer(1000, "many", 1, &sdp(SAID[1], &answer));
        scene.talk(1500, HOSTS[0], HOSTS[1], 1, 0..100);
        scene.talk(3600, HOSTS[1], HOSTS[0], 2, 0..100);
        let outcome = scene.finish();
        assert_eq!(outcome.owner(HOSTS[0], HOSTS[1]), caller_of("many"));
        assert_eq!(outcome.owner(HOSTS[1], HOSTS[0]), callee_of("many"));
    }
}

#[test]
fn candidates_of_an_ice_restart_take_the_room_of_those_before() {
    let places = |host: &str, n: u32| -> String {
        (0..12).map(|k| candidate(&format!("{host}:{}", 10_000 + n * 100 + k), "host")).collect()
    };
    let mut scene = Scene::new();
    for n in 1..=20 {
        let ms = i64::from(n) * 3000;
        scene.invite(ms, "moves", n, &sdp(SAID[0], &places("192.0.2.7", n)));
        scene.answer(ms + 100, "moves", n, &sdp(SAID[1], &places("192.0.2.8", n)));
        let ends = ["7", "8"].map(|host| format!("192.0.2.{host}:{}", 10_000 + n * 100 + 11));
        scene.talk(ms + 600, &ends[0], &ends[1], n, 0..40);
    }
    let outcome = scene.finish();
    for n in 1..=20 {
        let ends = ["7", "8"].map(|host| format!("192.0.2.{host}:{}", 10_000 + n * 100 + 11));
        assert_eq!(outcome.owner(&ends[0], &ends[1]), caller_of("moves"), "{n}");
    }
    assert_eq!(outcome.tally.losses.get(Loss::MediaEndpointRefused), 0);
}

#[test]
fn sections_that_share_a_place_share_their_payload_types() {
    let bundle = |at: &str| {
        let port = at.rsplit_once(':').unwrap().1;
        let video =
            format!("a=rtpmap:111 opus/48000/2\r\nm=video {port} RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
        sdp_of(at, "RTP/AVP 111", &video).replace("t=0 0", "t=0 0\r\na=group:BUNDLE 0 1")
    };
    let mut scene = Scene::new();
    scene.invite(0, "bundle", 1, &bundle(SAID[0]));
    scene.answer(100, "bundle", 1, &bundle(SAID[1]));
    scene.stream(600, SAID[0], SAID[1], 0..100, |seq| rtp(1, seq, 111, &ciphered(seq.into(), 73)));
    scene.stream(2600, SAID[1], SAID[0], 0..100, |seq| rtp(2, seq, 96, &ciphered(seq.into(), 900)));
    let outcome = scene.finish();
    assert_eq!(outcome.stream(SAID[0], SAID[1]).codec.as_ref().unwrap().expose(), "opus");
    assert_eq!(outcome.stream(SAID[1], SAID[0]).codec.as_ref().unwrap().expose(), "VP8");
}

#[test]
fn an_update_that_is_refused_gives_a_number_to_nothing_else() {
    let said = |at: &str, map: &str| sdp_of(at, "RTP/AVP 96", &format!("a=rtpmap:96 {map}\r\n"));
    for (status, answer, codec) in [
        ("488 Not Acceptable Here", String::new(), "opus"),
        ("200 OK", said(SAID[1], "speex/16000"), "speex"),
    ] {
        let mut scene = Scene::new();
        scene.invite(0, "update", 1, &said(SAID[0], "opus/48000/2"));
        scene.answer(100, "update", 1, &said(SAID[1], "opus/48000/2"));
        scene.update(1000, "update", 2, &said(SAID[0], "speex/16000"), status, &answer);
        scene.stream(2000, SAID[1], SAID[0], 0..100, |seq| rtp(1, seq, 96, &ciphered(seq.into(), 73)));
        let outcome = scene.finish();
        assert_eq!(outcome.stream(SAID[1], SAID[0]).codec.as_ref().unwrap().expose(), codec);
    }
}

#[test]
fn a_late_copy_of_an_answer_opens_no_place_again() {
    let mut scene = Scene::new();
    scene.invite(0, "over", 1, &sdp(SAID[0], ""));
    scene.answer(100, "over", 1, &sdp(SAID[1], ""));
    scene.bye(1000, "over", 2);
    scene.answer(4000, "over", 1, &sdp(SAID[1], "a=sendrecv\r\n"));
    scene.talk(6100, HOSTS[0], SAID[1], 1, 0..100);
    assert_eq!(scene.finish().owner(HOSTS[0], SAID[1]), None);
}

const LINE: &str = "AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const GCM: &str = "AEAD_AES_128_GCM inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3OA==";

fn crypto(tag: u32, line: &str) -> String {
    format!("a=crypto:{tag} {line}\r\n")
}

fn session(line: &str) -> SrtpSession {
    SrtpSession::new(&SrtpKey::parse(format!("1 {line}").as_bytes()).unwrap())
}

const PRINT: &str = "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n";

/// A call whose two descriptions are `PROFILE FORMATS|LINES`, with packets of both sides after the answer.
fn call(offer: &str, answer: &str, packet: impl Fn(u16) -> Vec<u8>) -> Scene {
    let mut scene = Scene::new();
    let body =
        |at: &str, said: &str| said.split_once('|').map(|(media, more)| sdp_of(at, media, more)).unwrap();
    scene.invite(0, "keys", 1, &body(SAID[0], offer));
    scene.answer(100, "keys", 1, &body(SAID[1], answer));
    scene.stream(200, SAID[0], SAID[1], 0..200, &packet);
    scene.stream(4200, SAID[1], SAID[0], 0..200, &packet);
    scene
}

fn plain(seq: u16) -> Vec<u8> {
    rtp(1, seq, 0, &quiet())
}

#[test]
fn keys_and_fingerprints_that_were_only_offered_encrypt_nothing() {
    for offered in [crypto(1, LINE), PRINT.to_owned()] {
        let outcome = call(&format!("RTP/AVP 0|{offered}"), "RTP/AVP 0|", plain).finish();
        for way in [[SAID[0], SAID[1]], [SAID[1], SAID[0]]] {
            assert_eq!(outcome.reading(way[0], way[1]), "read", "{offered}");
            assert!(outcome.packets_read(way[0], way[1]) > 190);
        }
    }
}

#[test]
fn what_both_sides_name_is_encrypted_and_packets_in_clear_overrule_it() {
    let opus = "RTP/AVP 111|a=rtpmap:111 opus/48000/2\r\n";
    let sealed = |seq: u16| rtp(1, seq, 111, &ciphered(seq.into(), 73));
    let both = call(&format!("{opus}{PRINT}"), &format!("{opus}{PRINT}"), sealed).finish();
    assert_eq!(both.reading(SAID[0], SAID[1]), "encrypted");
    let offered = call(&format!("{opus}{PRINT}"), opus, sealed).finish();
    assert_eq!(offered.reading(SAID[0], SAID[1]), "codec");
    let mut unanswered = Scene::new();
    let (media, lines) = opus.split_once('|').unwrap();
    unanswered.invite(0, "keys", 1, &sdp_of(SAID[0], media, &format!("{lines}{PRINT}")));
    unanswered.stream(500, SAID[1], SAID[0], 0..100, sealed);
    assert_eq!(unanswered.finish().reading(SAID[1], SAID[0]), "codec");
    // Whole frames that are no ciphertext.
    let agreed = format!("RTP/AVP 0|{}", crypto(1, LINE));
    let clear = call(&agreed, &agreed, plain).finish();
    assert_eq!(clear.reading(SAID[0], SAID[1]), "read");
    // Ciphertext without a tag.
    let untagged = call(&agreed, &agreed, |seq| rtp(1, seq, 0, &ciphered(seq.into(), 160))).finish();
    assert_eq!(untagged.reading(SAID[0], SAID[1]), "encrypted");
    // No keys in the signalling, but packets with a tag.
    for tag in [4, 10, 16] {
        let dark = |seq: u16| rtp(1, seq, 0, &ciphered(seq.into(), 160 + tag));
        assert_eq!(call("RTP/AVP 0|", "RTP/AVP 0|", dark).finish().reading(SAID[0], SAID[1]), "encrypted");
    }
}

#[test]
fn a_profile_without_plain_media_needs_no_answer_and_a_refused_section_encrypts_no_other() {
    let opus = "111|a=rtpmap:111 opus/48000/2\r\n";
    let mut scene = Scene::new();
    let offer = format!("RTP/SAVP {opus}{}", crypto(1, LINE));
    let (profile, more) = offer.split_once('|').unwrap();
    scene.invite(0, "one way", 1, &sdp_of(SAID[0], profile, more));
    scene.stream(500, HOSTS[0], SAID[0], 0..100, |seq| rtp(1, seq, 111, &ciphered(seq.into(), 73)));
    assert_eq!(scene.finish().reading(HOSTS[0], SAID[0]), "encrypted");
    // Two sections share a port; the first is refused.
    let two = format!("{}m=audio 7078 RTP/AVP 0\r\n", crypto(1, LINE));
    let offer = sdp_of(SAID[0], "RTP/SAVP 0", &two);
    let answer = sdp_of(SAID[1], "RTP/AVP 0", "").replace("m=audio", "m=audio 0 RTP/SAVP 0\r\nm=audio");
    let mut scene = Scene::new();
    scene.invite(0, "best effort", 1, &offer);
    scene.answer(100, "best effort", 1, &answer);
    scene.talk(200, SAID[1], SAID[0], 1, 0..200);
    let outcome = scene.finish();
    assert_eq!(outcome.reading(SAID[1], SAID[0]), "read");
    assert!(outcome.packets_read(SAID[1], SAID[0]) > 190);
    // The second is refused. The offer's endpoint serves both sections; the answer's endpoint decides.
    let opus = "a=rtpmap:111 opus/48000/2\r\n";
    let two = format!("{opus}{}m=audio 7078 RTP/AVP 111\r\n{opus}", crypto(1, LINE));
    let one = format!("{opus}{}m=audio 0 RTP/AVP 111\r\n", crypto(1, LINE));
    let mut scene = Scene::new();
    scene.invite(0, "secure", 1, &sdp_of(SAID[0], "RTP/SAVP 111", &two));
    scene.answer(100, "secure", 1, &sdp_of(SAID[1], "RTP/SAVP 111", &one));
    scene.stream(700, SAID[1], SAID[0], 0..100, |seq| rtp(1, seq, 111, &ciphered(seq.into(), 73)));
    assert_eq!(scene.finish().reading(SAID[1], SAID[0]), "encrypted");
}

#[test]
fn a_late_offer_of_keys_in_a_call_that_began_in_clear_is_one() {
    let opus = "a=rtpmap:111 opus/48000/2\r\n";
    let keyed = |at: &str| sdp_of(at, "RTP/AVP 111", &format!("{opus}{}", crypto(1, LINE)));
    let mut scene = Scene::new();
    scene.invite(0, "late", 1, &sdp_of(SAID[0], "RTP/AVP 111", opus));
    scene.answer(100, "late", 1, &sdp_of(SAID[1], "RTP/AVP 111", opus));
    scene.invite(1000, "late", 2, "");
    scene.answer(1100, "late", 2, &keyed(SAID[1]));
    scene.ack(1200, "late", 2, &keyed(SAID[0]));
    scene.stream(2000, SAID[0], SAID[1], 0..100, |seq| rtp(1, seq, 111, &ciphered(seq.into(), 73)));
    assert_eq!(scene.finish().reading(SAID[0], SAID[1]), "encrypted");
}

#[test]
fn frames_of_thirty_two_milliseconds_in_clear_are_read() {
    let frame: Vec<u8> = (0..256).map(|i| if i % 7 == 0 { 0x7e } else { 0xff }).collect();
    let packet = |seq: u16| rtp(1, seq, 0, &frame);
    let outcome = call("RTP/AVP 0|", "RTP/AVP 0|", packet).finish();
    assert_eq!(outcome.reading(SAID[0], SAID[1]), "read");
    assert!(outcome.packets_read(SAID[0], SAID[1]) > 190);
}

#[test]
fn media_is_opened_with_the_key_that_the_answer_took_also_in_galois_counter_mode() {
    for line in [LINE, GCM] {
        let offer = format!("RTP/AVP 0|{}{}", crypto(1, "F8_128_HMAC_SHA1_80 inline:AAAA"), crypto(2, line));
        let answer = format!("RTP/AVP 0|{}", crypto(2, line));
        let key = session(line);
        let sealed = |seq: u16| key.seal(&rtp(1, seq, 0, &quiet()), 0).unwrap();
        let outcome = call(&offer, &answer, sealed).finish();
        for way in [[SAID[0], SAID[1]], [SAID[1], SAID[0]]] {
            assert_eq!(outcome.reading(way[0], way[1]), "read", "{line}");
            // All packets except those before the announcement of the keys.
            assert!(outcome.packets_read(way[0], way[1]) > 130, "{line}");
        }
    }
}

#[test]
fn reinvites_that_add_or_drop_keys_are_followed() {
    let key = session(LINE);
    let sealed = |seq: u16| key.seal(&rtp(1, seq, 0, &quiet()), 0).unwrap();
    let keyed = |at: &str| sdp(at, &crypto(1, LINE));
    // A re-INVITE adds a key: plain media first, then media under the new key.
    let mut scene = Scene::new();
    scene.invite(0, "adds", 1, &sdp(SAID[0], ""));
    scene.answer(100, "adds", 1, &sdp(SAID[1], ""));
    scene.stream(200, SAID[0], SAID[1], 0..100, plain);
    scene.invite(2300, "adds", 2, &keyed(SAID[0]));
    scene.answer(2400, "adds", 2, &keyed(SAID[1]));
    scene.stream(2900, SAID[0], SAID[1], 100..400, sealed);
    let outcome = scene.finish();
    assert!(outcome.packets_read(SAID[0], SAID[1]) > 300, "{}", outcome.packets_read(SAID[0], SAID[1]));
    // A re-INVITE drops the key: earlier media is decrypted, plain media is read at once.
    let mut scene = Scene::new();
    scene.invite(0, "drops", 1, &keyed(SAID[0]));
    scene.answer(100, "drops", 1, &keyed(SAID[1]));
    scene.stream(600, SAID[0], SAID[1], 0..200, sealed);
    scene.invite(4700, "drops", 2, &sdp(SAID[0], ""));
    scene.answer(4800, "drops", 2, &sdp(SAID[1], ""));
    scene.stream(4850, SAID[0], SAID[1], 200..400, plain);
    let outcome = scene.finish();
    assert!(outcome.packets_read(SAID[0], SAID[1]) > 380, "{}", outcome.packets_read(SAID[0], SAID[1]));
    // A codec whose packet lengths show no encryption: the latest signalling counts.
    let opus = "a=rtpmap:111 opus/48000/2\r\n";
    let mut scene = Scene::new();
    scene.invite(0, "opus", 1, &sdp_of(SAID[0], "RTP/AVP 111", opus));
    scene.answer(100, "opus", 1, &sdp_of(SAID[1], "RTP/AVP 111", opus));
    let dark = |seq: u16| rtp(1, seq, 111, &ciphered(seq.into(), 73));
    scene.stream(200, SAID[0], SAID[1], 0..100, dark);
    scene.invite(2300, "opus", 2, &sdp_of(SAID[0], "RTP/AVP 111", &format!("{opus}{PRINT}")));
    scene.answer(2400, "opus", 2, &sdp_of(SAID[1], "RTP/AVP 111", &format!("{opus}{PRINT}")));
    scene.stream(2500, SAID[0], SAID[1], 100..700, dark);
    assert_eq!(scene.finish().reading(SAID[0], SAID[1]), "encrypted");
}

#[test]
fn a_client_hello_that_nobody_answers_blinds_nothing() {
    let dtls = |records: &[(usize, u8)], packet: &dyn Fn(u16) -> Vec<u8>| {
        let mut scene = Scene::new();
        for (i, (from, kind)) in records.iter().enumerate() {
            let way = [SAID[*from], SAID[1 - from]];
            scene.send(i as i64, way[0], way[1], Content::Dtls, &handshake(*kind));
        }
        scene.stream(100, SAID[0], SAID[1], 0..200, packet);
        scene.finish()
    };
    let opus = |seq: u16| rtp(1, seq, 111, &ciphered(seq.into(), 73));
    let asked = [(0, 1), (0, 1)];
    let answered = [(0, 1), (1, 2), (0, 16)];
    assert_eq!(dtls(&asked, &plain).reading(SAID[0], SAID[1]), "read");
    assert_eq!(dtls(&asked, &opus).reading(SAID[0], SAID[1]), "codec");
    assert_eq!(dtls(&answered, &opus).reading(SAID[0], SAID[1]), "encrypted");
    // One attacker may play both ends. Whole plain frames are no ciphertext.
    assert_eq!(dtls(&answered, &plain).reading(SAID[0], SAID[1]), "read");
}
