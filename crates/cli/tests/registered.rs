//! Where an account is registered, from packets to the signals of its calls.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, PcapFormat, udp_frame, write_pcap};
use common::Room;
use serde_json::Value;

const START: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);
const PHONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
const STRANGER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 6);
const PROXY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);
const REGISTRAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 30);

const HERE: &[&str] = &["registered"];
const NOT_HERE: &[&str] = &["registered_elsewhere"];
const NOWHERE: &[&str] = &[];

/// A REGISTER of one account, and the response to it.
#[derive(Clone, Copy)]
struct Register<'a> {
    at_s: f64,
    from: Ipv4Addr,
    to: Ipv4Addr,
    call_id: &'a str,
    cseq: u32,
    branch: &'a str,
    contact: &'a str,
    expires_s: u32,
    answer: u16,
    /// Contacts that the response lists; `None` for those of the request.
    listed: Option<&'a str>,
}

const FIRST: Register<'static> = Register {
    at_s: 0.0,
    from: PHONE,
    to: REGISTRAR,
    call_id: "one",
    cseq: 1,
    branch: "a",
    contact: "<sip:7@10.1.0.9:5060>",
    expires_s: 3600,
    answer: 200,
    listed: None,
};

#[derive(Default)]
struct Scene {
    frames: Vec<Frame>,
}

impl Scene {
    fn send(&mut self, at_s: f64, from: Ipv4Addr, to: Ipv4Addr, text: &str) {
        let at = START + Span::from_nanos((at_s * 1e9) as i64);
        let end = |ip| SocketAddrV4::new(ip, 5060);
        self.frames.push(udp_frame(at, end(from), end(to), self.frames.len() as u16 + 1, text.as_bytes()));
    }

    /// Sends a REGISTER over a number of hops; each hop takes some time, and the response arrives after 20 ms.
    fn hops(&mut self, r: Register<'_>, hops: &[(Ipv4Addr, Ipv4Addr, f64)]) {
        let Register { at_s, call_id, cseq, branch, contact, expires_s, answer, .. } = r;
        let mut vias = String::new();
        let mut responses = Vec::new();
        for (hop, (from, to, delay_s)) in hops.iter().enumerate() {
            vias =
                format!("Via: SIP/2.0/UDP {from}:5060;branch=z9hG4bK{branch}{call_id}{cseq}h{hop}\r\n{vias}");
            let head = format!(
                "{vias}From: <sip:7@pbx.example>;tag=f{call_id}\r\nTo: <sip:7@pbx.example>;tag=\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n"
            );
            let request = head.replace(";tag=\r\n", "\r\n");
            let bound = format!("Contact: {contact}\r\nExpires: {expires_s}\r\n");
            self.send(
                at_s + delay_s,
                *from,
                *to,
                &format!("REGISTER sip:pbx.example SIP/2.0\r\nMax-Forwards: 70\r\n{request}{bound}Content-Length: 0\r\n\r\n"),
            );
            let more = match (answer, r.listed) {
                (200, Some(listed)) => format!("Contact: {listed}\r\n"),
                (200, None) if expires_s > 0 => bound,
                (401, _) => "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n".to_owned(),
                _ => String::new(),
            };
            let head = head.replace(";tag=\r\n", ";tag=t\r\n");
            let response = format!("SIP/2.0 {answer} X\r\n{head}{more}Content-Length: 0\r\n\r\n");
            responses.push((*to, *from, response));
        }
        for (back, (from, to, response)) in responses.iter().rev().enumerate().filter(|_| answer > 0) {
            self.send(at_s + 0.02 + back as f64 / 1e3, *from, *to, response);
        }
    }

    fn register(&mut self, r: Register<'_>) {
        self.hops(r, &[(r.from, r.to, 0.0)]);
    }

    fn call(&mut self, at_s: f64, from: Ipv4Addr, id: &str) {
        let invite = format!(
            "INVITE sip:9@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP {from}:5060;branch=z9hG4bKi{id}\r\nFrom: <sip:7@pbx.example>;tag=f\r\n\
             To: <sip:9@pbx.example>\r\nMax-Forwards: 70\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\nContact: <sip:7@{from}>\r\nContent-Length: 0\r\n\r\n"
        );
        let to = if from == REGISTRAR { PROXY } else { REGISTRAR };
        self.send(at_s, from, to, &invite);
    }

    /// Refreshes of another account, by which time goes on.
    fn until(&mut self, seconds: u32) {
        for (cseq, at_s) in (0..seconds).step_by(300).enumerate() {
            let other =
                Register { at_s: at_s.into(), from: Ipv4Addr::new(192, 0, 2, 99), call_id: "other", ..FIRST };
            let first = self.frames.len();
            self.register(Register { cseq: cseq as u32 + 1, contact: "<sip:8@192.0.2.99>", ..other });
            for frame in self.frames.iter_mut().skip(first) {
                // Only the checksum of UDP is wrong then, which the sensor does not check.
                while let Some(at) = frame.bytes.windows(6).position(|part| part == b"sip:7@") {
                    frame.bytes[at + 4] = b'8';
                }
            }
        }
    }

    /// Replays it as parts of these lengths, and expects the signals of registration of each call.
    fn expect(mut self, cuts_s: &[f64], calls: &[(&str, &[&str])]) -> Vec<Value> {
        self.frames.sort_by_key(|frame| frame.at);
        let room = Room::new();
        let cut = |s: &f64| START + Span::from_nanos((s * 1e9) as i64);
        let mut from = Timestamp::MIN;
        for until in cuts_s.iter().map(cut).chain([Timestamp::MAX]) {
            let part: Vec<Frame> =
                self.frames.iter().filter(|f| f.at >= from && f.at < until).cloned().collect();
            let capture = room.write("part.pcap", &write_pcap(&part, PcapFormat::Nano));
            room.replay("x.db", "2", &[&capture]);
            from = until;
        }
        let rows = room.rows("x.db", "calls");
        for (id, expected) in calls {
            let row = rows.iter().find(|row| row["call_id"] == *id).unwrap();
            let names = row["signals"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap());
            let told: Vec<&str> =
                names.filter(|n| n.starts_with("registered") || n.starts_with("account")).collect();
            assert_eq!(&told, expected, "{id} in {} parts", cuts_s.len() + 1);
        }
        let rows = room.rows("x.db", "registrations");
        rows.into_iter().filter(|row| row["source"] != "192.0.2.99:5060").collect()
    }
}

#[test]
fn the_registrar_is_the_server_that_answered_and_not_the_proxy_before_it() {
    for cuts in [&[][..], &[50.0]] {
        let mut scene = Scene::default();
        scene.hops(FIRST, &[(PHONE, PROXY, 0.0), (PROXY, REGISTRAR, 0.001)]);
        scene.call(100.0, PHONE, "phone");
        scene.call(200.0, REGISTRAR, "server");
        let rows = scene.expect(cuts, &[("phone", HERE), ("server", NOWHERE)]);
        assert_eq!(rows[0]["registered_by"], "192.0.2.30:5060");
    }
    // The mirror delivers the copy of the last hop first.
    let mut scene = Scene::default();
    scene.hops(FIRST, &[(PHONE, PROXY, 0.0), (PROXY, REGISTRAR, 0.001)]);
    let last = scene.frames.len();
    let (one, other) = (scene.frames[last - 2].at, scene.frames[last - 1].at);
    (scene.frames[last - 2].at, scene.frames[last - 1].at) = (other, one);
    scene.call(200.0, REGISTRAR, "server");
    let rows = scene.expect(&[], &[("server", NOWHERE)]);
    assert_eq!(rows[0]["registered_by"], "192.0.2.30:5060");
    // The device goes to another server of the same provider.
    let other = Ipv4Addr::new(192, 0, 2, 31);
    let mut scene = Scene::default();
    scene.register(FIRST);
    scene.register(Register { at_s: 900.0, to: other, cseq: 2, ..FIRST });
    scene.call(1000.0, other, "server");
    scene.expect(&[], &[("server", NOWHERE)]);
}

#[test]
fn hops_that_arrive_in_the_wrong_order_move_no_device() {
    let mut scene = Scene::default();
    scene.hops(FIRST, &[(PHONE, PROXY, 0.0), (PROXY, REGISTRAR, 0.001)]);
    for cseq in 2..4 {
        let r = Register { at_s: 900.0 * f64::from(cseq - 1), cseq, ..FIRST };
        scene.hops(r, &[(PHONE, PROXY, 0.001), (PROXY, REGISTRAR, 0.0)]);
    }
    scene.call(2000.0, PHONE, "phone");
    scene.expect(&[], &[("phone", HERE)]);
}

#[test]
fn a_request_alone_moves_and_removes_nothing() {
    for (contact, expires_s) in [("*", 0), (FIRST.contact, 0), (FIRST.contact, 3600)] {
        for answer in [0, 401, 403] {
            for cuts in [&[][..], &[650.0]] {
                let mut scene = Scene::default();
                scene.register(FIRST);
                let of_stranger = Register {
                    at_s: 600.0,
                    from: STRANGER,
                    call_id: "evil",
                    contact,
                    expires_s,
                    answer,
                    ..FIRST
                };
                scene.register(of_stranger);
                scene.call(700.0, PHONE, "owner");
                scene.call(750.0, STRANGER, "stranger");
                let rows = scene.expect(cuts, &[("owner", HERE), ("stranger", NOT_HERE)]);
                assert_eq!((rows.len(), &rows[0]["ended_at"]), (1, &Value::Null), "{contact} {answer}");
            }
        }
        // The owner's refresh is accepted just then.
        let mut scene = Scene::default();
        scene.register(FIRST);
        scene.register(Register { at_s: 600.0, cseq: 2, ..FIRST });
        scene.register(Register {
            at_s: 600.01,
            from: STRANGER,
            call_id: "evil",
            cseq: 2,
            contact,
            expires_s,
            answer: 0,
            ..FIRST
        });
        scene.call(700.0, PHONE, "owner");
        scene.call(750.0, STRANGER, "stranger");
        scene.expect(&[], &[("owner", HERE), ("stranger", NOT_HERE)]);
    }
}

#[test]
fn a_response_that_the_sender_of_the_request_makes_up_accepts_nothing() {
    for (contact, expires_s) in [("<sip:7@203.0.113.6>", 3600), ("*", 0)] {
        for forger in [STRANGER, Ipv4Addr::new(203, 0, 113, 7)] {
            let mut scene = Scene::default();
            scene.register(FIRST);
            let evil = Register { at_s: 600.0, from: STRANGER, call_id: "evil", contact, expires_s, ..FIRST };
            let first = scene.frames.len();
            scene.register(evil);
            // It goes where the request went.
            let response = &mut scene.frames[first + 1].bytes;
            response[26..30].copy_from_slice(&forger.octets());
            response[30..34].copy_from_slice(&REGISTRAR.octets());
            scene.call(700.0, PHONE, "owner");
            scene.call(750.0, STRANGER, "stranger");
            let rows = scene.expect(&[], &[("owner", HERE), ("stranger", NOT_HERE)]);
            assert!(rows.iter().all(|row| row["ended_at"].is_null()), "{rows:?}");
        }
    }
    // A load balancer without a Via shows both messages between other hosts, too.
    let mut scene = Scene::default();
    scene.register(FIRST);
    let behind = Ipv4Addr::new(10, 1, 0, 30);
    let copy = |frame: &Frame| {
        let is_request = frame.bytes[26..30] == PHONE.octets();
        let (from, to, millis) = if is_request { (REGISTRAR, behind, 1) } else { (behind, REGISTRAR, -1) };
        let mut copy = frame.clone();
        copy.bytes[26..30].copy_from_slice(&from.octets());
        copy.bytes[30..34].copy_from_slice(&to.octets());
        copy.at = frame.at + Span::from_millis(millis);
        copy
    };
    let copies: Vec<Frame> = scene.frames.iter().map(copy).collect();
    scene.frames.extend(copies);
    scene.call(100.0, PHONE, "balanced");
    scene.expect(&[], &[("balanced", HERE)]);
}

#[test]
fn a_device_that_moved_while_the_sensor_was_away_is_where_it_registered_last() {
    for cuts in [&[][..], &[900.0], &[900.0, 1200.0]] {
        let mut scene = Scene::default();
        scene.register(FIRST);
        scene.register(Register { at_s: 1000.0, from: ELSEWHERE, cseq: 2, ..FIRST });
        scene.call(1300.0, ELSEWHERE, "new");
        scene.call(1350.0, PHONE, "old");
        scene.expect(cuts, &[("new", HERE), ("old", NOT_HERE)]);
    }
    // A phone that has another contact at each address leaves its bindings behind.
    for cuts in [&[][..], &[7000.0]] {
        let mut scene = Scene::default();
        for host in 0..12 {
            let from = Ipv4Addr::new(198, 51, 100, host);
            let contact = &*format!("<sip:7@{from}:5060>");
            let at_s = 500.0 * f64::from(host);
            scene.register(Register {
                at_s,
                from,
                call_id: &format!("c{host}"),
                contact,
                expires_s: 86_400,
                ..FIRST
            });
        }
        scene.call(7100.0, Ipv4Addr::new(198, 51, 100, 11), "last");
        scene.expect(cuts, &[("last", HERE)]);
    }
}

#[test]
fn a_registration_of_an_earlier_run_ends_as_one_of_this_run() {
    for cuts in [&[][..], &[50.0]] {
        let mut removed = Scene::default();
        removed.register(FIRST);
        removed.register(Register { at_s: 100.0, cseq: 2, expires_s: 0, ..FIRST });
        removed.call(200.0, PHONE, "removed");
        removed.expect(cuts, &[("removed", NOWHERE)]);
        let mut expired = Scene::default();
        expired.register(Register { expires_s: 600, ..FIRST });
        expired.call(100.0, PHONE, "before");
        expired.call(1000.0, PHONE, "after");
        expired.expect(cuts, &[("before", HERE), ("after", NOWHERE)]);
    }
}

#[test]
fn a_registration_ends_although_its_timeline_was_closed_before() {
    // The timeline closes after four hours without a REGISTER.
    let mut scene = Scene::default();
    scene.register(Register { expires_s: 18_000, ..FIRST });
    scene.until(20_400);
    scene.call(17_000.0, PHONE, "before");
    scene.call(20_000.0, PHONE, "after");
    let rows = scene.expect(&[], &[("before", HERE), ("after", NOWHERE)]);
    assert_eq!(rows[0]["ended_at"], "2026-09-21T19:13:20.020000000Z");
}

#[test]
fn a_phone_that_repeats_its_cseq_is_followed() {
    let mut moved = Scene::default();
    moved.register(FIRST);
    moved.register(Register { at_s: 1000.0, from: ELSEWHERE, branch: "b", ..FIRST });
    moved.call(1300.0, ELSEWHERE, "moved");
    moved.expect(&[], &[("moved", HERE)]);
    let mut back = Scene::default();
    back.register(FIRST);
    back.register(Register { at_s: 100.0, branch: "b", expires_s: 0, ..FIRST });
    back.call(150.0, PHONE, "removed");
    back.register(Register { at_s: 200.0, branch: "c", ..FIRST });
    back.call(300.0, PHONE, "back");
    back.expect(&[], &[("removed", NOWHERE), ("back", HERE)]);
}

#[test]
fn a_removal_that_the_mirror_delivers_late_removes_no_newer_binding() {
    let mut scene = Scene::default();
    scene.register(FIRST);
    let removal = Register { at_s: 100.0, cseq: 2, expires_s: 0, ..FIRST };
    scene.register(removal);
    scene.register(Register { at_s: 100.03, cseq: 3, ..FIRST });
    scene.register(Register { at_s: 100.04, answer: 0, ..removal });
    scene.call(200.0, PHONE, "phone");
    let rows = scene.expect(&[], &[("phone", HERE)]);
    assert_eq!(rows[0]["ended_at"], Value::Null);
}

#[test]
fn a_binding_that_the_registrar_still_lists_was_not_removed() {
    // Two phones in private networks have one contact, and one of them leaves.
    let mut scene = Scene::default();
    scene.register(FIRST);
    scene.register(Register { at_s: 10.0, from: ELSEWHERE, call_id: "two", ..FIRST });
    let listed = Some("<sip:7@10.1.0.9:5060>;expires=3500");
    let removal =
        Register { at_s: 100.0, from: ELSEWHERE, call_id: "two", cseq: 2, expires_s: 0, listed, ..FIRST };
    scene.register(removal);
    let rows = scene.expect(&[], &[]);
    assert_eq!(rows[0]["ended_at"], Value::Null);
}

#[test]
fn a_device_that_replaces_its_contact_in_one_request_stays_registered() {
    let (old, new) = (
        "<sip:7@192.0.2.10:5060>;+sip.instance=\"<urn:uuid:1>\"",
        "<sip:7@192.0.2.11:5060>;+sip.instance=\"<urn:uuid:1>\"",
    );
    for contact in [format!("{old};expires=0, {new}"), format!("{new}, {old};expires=0")] {
        let mut scene = Scene::default();
        scene.register(Register { contact: old, ..FIRST });
        let listed = Some("<sip:7@192.0.2.11:5060>;+sip.instance=\"<urn:uuid:1>\";expires=3600");
        scene.register(Register {
            at_s: 900.0,
            from: ELSEWHERE,
            cseq: 2,
            contact: &contact,
            listed,
            ..FIRST
        });
        scene.call(1000.0, ELSEWHERE, "moved");
        let rows = scene.expect(&[], &[("moved", HERE)]);
        assert_eq!((&rows[0]["refreshes"], &rows[0]["ended_at"]), (&2.into(), &Value::Null), "{contact}");
    }
}

#[test]
fn a_refresh_without_a_seen_response_postpones_the_end_once() {
    let mut scene = Scene::default();
    scene.register(Register { expires_s: 600, ..FIRST });
    scene.register(Register { at_s: 590.0, cseq: 2, expires_s: 600, answer: 0, ..FIRST });
    scene.until(2400);
    scene.call(700.0, PHONE, "before");
    scene.call(1400.0, PHONE, "after");
    let rows = scene.expect(&[], &[("before", HERE), ("after", NOWHERE)]);
    assert_eq!(rows[0]["ended_at"], "2026-09-21T14:33:10.000000000Z");
    // A challenge that nobody took up is a response.
    let mut scene = Scene::default();
    scene.register(Register { expires_s: 600, ..FIRST });
    scene.register(Register { at_s: 590.0, cseq: 2, expires_s: 600, answer: 401, ..FIRST });
    scene.until(2400);
    scene.call(700.0, PHONE, "challenged");
    scene.expect(&[], &[("challenged", NOWHERE)]);
}
