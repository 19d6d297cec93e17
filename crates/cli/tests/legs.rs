//! One conversation in several calls, from packets to the row of each call.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, PcapFormat, udp_frame, write_pcap};
use common::{Room, text};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);
const PHONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const PBX: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);
const CALLED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 30);

/// The traffic at the sensor.
#[derive(Default)]
struct Scene {
    frames: Vec<Frame>,
}

/// A call between two hosts: Call-ID, parties, and media endpoints.
#[derive(Clone, Copy)]
struct Leg {
    id: &'static str,
    hosts: (Ipv4Addr, Ipv4Addr),
    ports: (u16, u16),
    parties: (&'static str, &'static str),
    media: ((Ipv4Addr, u16), (Ipv4Addr, u16)),
}

fn ms(millis: i64) -> Timestamp {
    START + Span::from_millis(millis)
}

impl Scene {
    fn send(&mut self, at: i64, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) {
        let end = |(ip, port)| SocketAddrV4::new(ip, port);
        let id = self.frames.len() as u16;
        self.frames.push(udp_frame(ms(at), end(from), end(to), id, payload));
    }

    /// A registration that is let in at once.
    fn register(&mut self, at: i64, device: Ipv4Addr, user: &str) {
        self.register_for(at, device, user, 3600);
    }

    /// A registration for some seconds, a removal for none.
    fn register_for(&mut self, at: i64, device: Ipv4Addr, user: &str, seconds: u32) {
        let headers = format!(
            "Via: SIP/2.0/UDP {device}:5060;branch=z9hG4bKr{user}{at}\r\nFrom: <sip:{user}@pbx.example>;tag=r{user}\r\nTo: <sip:{user}@pbx.example>\r\n\
             Call-ID: reg-{user}@{device}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@{device}:5060>;expires={seconds}\r\nContent-Length: 0\r\n\r\n"
        );
        let request = format!("REGISTER sip:pbx.example SIP/2.0\r\nMax-Forwards: 70\r\n{headers}");
        self.send(at, (device, 5060), (PBX, 5060), request.as_bytes());
        self.send(at + 5, (PBX, 5060), (device, 5060), format!("SIP/2.0 200 OK\r\n{headers}").as_bytes());
    }

    /// A request or answer of a call.
    fn message(
        &mut self,
        at: i64,
        leg: &Leg,
        is_forth: bool,
        start: &str,
        cseq: &str,
        sdp: Option<(Ipv4Addr, u16)>,
    ) {
        let Leg { id, hosts: (from, to), ports, parties: (caller, callee), .. } = *leg;
        let tag = if cseq == "1 INVITE" && start.starts_with("INVITE") { "" } else { ";tag=callee" };
        let body = sdp.map(|(ip, port)| {
            format!("v=0\r\no=- {port} {port} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")
        });
        let body = body.unwrap_or_default();
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP {from}:{};branch=z9hG4bK{id}{}\r\nMax-Forwards: 70\r\nFrom: <sip:{caller}@pbx.example>;tag=caller\r\n\
             To: <sip:{callee}@pbx.example>{tag}\r\nCall-ID: {id}\r\nCSeq: {cseq}\r\nContact: <sip:{caller}@{from}:{}>\r\nUser-Agent: Test\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            ports.0,
            cseq.replace(' ', ""),
            ports.0,
            body.len(),
        );
        let (here, there) = ((from, ports.0), (to, ports.1));
        let (src, dst) = if is_forth { (here, there) } else { (there, here) };
        self.send(at, src, dst, text.as_bytes());
    }

    fn invite(&mut self, at: i64, leg: &Leg) {
        let uri = format!("INVITE sip:{}@{} SIP/2.0", leg.parties.1, leg.hosts.1);
        self.message(at, leg, true, &uri, "1 INVITE", Some(leg.media.0));
    }

    fn answer(&mut self, at: i64, leg: &Leg) {
        self.message(at, leg, false, "SIP/2.0 200 OK", "1 INVITE", Some(leg.media.1));
    }

    fn bye(&mut self, at: i64, leg: &Leg) {
        let uri = format!("BYE sip:{}@{} SIP/2.0", leg.parties.1, leg.hosts.1);
        self.message(at, leg, true, &uri, "2 BYE", None);
        self.message(at + 2, leg, false, "SIP/2.0 200 OK", "2 BYE", None);
    }

    /// Half-loud media for some time.
    fn media(&mut self, span: (i64, i64), from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), ssrc: u32) {
        for n in 0..(span.1 - span.0) / 20 {
            let mut packet = vec![0x80, 0];
            packet.extend((1000 + n as u16).to_be_bytes());
            packet.extend((160 * n as u32).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend((0..160).map(|i| (i * 7 + n as u32 * 13) as u8));
            self.send(span.0 + 20 * n, from, to, &packet);
        }
    }

    /// Replays the scene. Returns the rows of calls by Call-ID, and the rows of streams.
    fn replayed(mut self, room: &Room, arguments: &[&str]) -> (Vec<Value>, Vec<Value>) {
        self.frames.sort_by_key(|frame| frame.at);
        let capture: PathBuf = room.write("scene.pcap", &write_pcap(&self.frames, PcapFormat::Nano));
        let mut all = vec!["--db", "x.db", "-q"];
        all.extend(arguments);
        all.extend(["replay", capture.to_str().unwrap()]);
        let output = room.run(&all);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        (room.rows("x.db", "calls"), room.rows("x.db", "streams"))
    }
}

fn of<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    rows.iter().find(|row| row["call_id"] == id).unwrap()
}

fn signals(row: &Value) -> Vec<&str> {
    row["signals"].as_array().unwrap().iter().filter_map(|signal| signal["name"].as_str()).collect()
}

fn legs_through_the_pbx(media: [((Ipv4Addr, u16), (Ipv4Addr, u16)); 2]) -> [Leg; 2] {
    let first = Leg {
        id: "incoming-leg",
        hosts: (PHONE, PBX),
        ports: (5060, 5060),
        parties: ("alice", "bob"),
        media: media[0],
    };
    // The dial plan gives the callee another name.
    let second = Leg {
        id: "outgoing-leg",
        hosts: (PBX, CALLED),
        parties: ("alice", "desk-bob"),
        media: media[1],
        ..first
    };
    [first, second]
}

#[test]
fn media_between_the_phones_stand_with_both_legs_and_are_no_one_way_media() {
    let (a, b) = ((PHONE, 51_412), (CALLED, 7_902));
    let [first, second] = legs_through_the_pbx([(a, b), (a, b)]);
    let mut scene = Scene::default();
    scene.register(0, PHONE, "alice");
    scene.register(20, CALLED, "desk-bob");
    scene.invite(1_000, &first);
    scene.invite(1_004, &second);
    scene.answer(3_000, &second);
    scene.answer(3_004, &first);
    scene.media((3_100, 18_000), a, b, 0x5eed_0001);
    scene.media((3_100, 18_000), b, a, 0x5eed_0002);
    scene.bye(18_100, &first);
    scene.bye(18_104, &second);
    let room = Room::new();
    let (calls, streams) = scene.replayed(&room, &[]);
    let (one, other) = (of(&calls, "incoming-leg"), of(&calls, "outgoing-leg"));
    assert_eq!(one["linked_call_ids"], json!(["outgoing-leg"]));
    assert_eq!(other["linked_call_ids"], json!(["incoming-leg"]));
    for row in [one, other] {
        let spoken = signals(row);
        assert!(!spoken.contains(&"one_way_media") && !spoken.contains(&"dead_air"), "{spoken:?}");
        assert!(!spoken.contains(&"registered_elsewhere"), "the server calls in alice's name: {spoken:?}");
    }
    let mut stand: Vec<(&str, &str, u64)> = streams
        .iter()
        .map(|s| {
            (s["call_id"].as_str().unwrap(), s["direction"].as_str().unwrap(), s["ssrc"].as_u64().unwrap())
        })
        .collect();
    stand.sort_unstable();
    let (forth, back) = (0x5eed_0001, 0x5eed_0002);
    assert_eq!(streams.iter().filter(|s| s["counted_in"].is_null()).count(), 2, "each counts in one call");
    assert_eq!(
        stand,
        [
            ("incoming-leg", "callee", back),
            ("incoming-leg", "caller", forth),
            ("outgoing-leg", "callee", back),
            ("outgoing-leg", "caller", forth)
        ]
    );
    let summary = &room.rows("x.db", "summary")[0];
    assert_eq!(summary["streams"], 2, "two sources, whoever names them");
    let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "call", "outgoing-leg"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let shown = shown.as_array().map_or(&shown, |all| &all[0]);
    assert_eq!(shown["streams"].as_array().unwrap().len(), 2);
}

#[test]
fn a_side_that_is_heard_on_the_other_leg_was_heard() {
    let relay = ((PBX, 10_000), (PBX, 10_002));
    let (a, b) = ((PHONE, 51_412), (CALLED, 7_902));
    let [first, second] = legs_through_the_pbx([(a, relay.0), (relay.1, b)]);
    let mut scene = Scene::default();
    scene.invite(1_000, &first);
    scene.invite(1_004, &second);
    scene.answer(3_000, &second);
    scene.answer(3_004, &first);
    // The mirror shows only the path to the PBX: of each leg, the packets from the phone.
    scene.media((3_100, 18_000), a, relay.0, 0x5eed_0001);
    scene.media((3_100, 18_000), b, relay.1, 0x5eed_0002);
    scene.bye(18_100, &first);
    scene.bye(18_104, &second);
    let (calls, streams) = scene.replayed(&Room::new(), &[]);
    assert_eq!(streams.len(), 2, "each is of one leg");
    for row in &calls {
        assert!(!signals(row).contains(&"one_way_media"), "{row}");
    }
    assert_eq!(of(&calls, "incoming-leg")["linked_call_ids"], json!(["outgoing-leg"]));
}

#[test]
fn one_way_media_of_a_call_by_itself_are_told() {
    let (a, b) = ((PHONE, 51_412), (CALLED, 7_902));
    let [first, _] = legs_through_the_pbx([(a, b), (a, b)]);
    let mut scene = Scene::default();
    scene.invite(1_000, &first);
    scene.answer(3_004, &first);
    scene.media((3_100, 18_000), a, b, 0x5eed_0001);
    scene.bye(18_100, &first);
    let (calls, _) = scene.replayed(&Room::new(), &[]);
    assert!(signals(&calls[0]).contains(&"one_way_media"));
}

#[test]
fn a_leg_that_comes_from_home_vouches_for_the_one_that_goes_on_from_another_server() {
    // Alice registers with the PBX. Her call goes on from another server, that is no registrar.
    let border = Ipv4Addr::new(192, 0, 2, 40);
    let [first, second] =
        legs_through_the_pbx([((PHONE, 4000), (PBX, 4002)), ((border, 4004), (CALLED, 4006))]);
    let second = Leg { hosts: (border, CALLED), parties: ("alice", "bob"), ..second };
    let stranger = Leg { id: "strangers-call", hosts: (border, CALLED), ..second };
    let mut scene = Scene::default();
    scene.register(0, PHONE, "alice");
    scene.invite(1_000, &first);
    scene.invite(1_004, &second);
    for leg in [&second, &first] {
        scene.answer(2_000, leg);
        scene.bye(3_000, leg);
    }
    scene.invite(60_000, &stranger);
    let (calls, _) = scene.replayed(&Room::new(), &[]);
    assert!(!signals(of(&calls, "outgoing-leg")).contains(&"registered_elsewhere"));
    assert!(signals(of(&calls, "strangers-call")).contains(&"registered_elsewhere"));
}

#[test]
fn separate_calls_of_a_test_tool_on_one_host_are_linked_with_none() {
    let host = Ipv4Addr::LOCALHOST;
    let mut scene = Scene::default();
    for (n, id) in ["call-a", "call-b", "call-c", "call-d", "call-e"].into_iter().enumerate() {
        let leg = Leg {
            id,
            hosts: (host, host),
            ports: (5061, 5060),
            parties: ("sipp", "service"),
            media: ((host, 6000), (host, 6002)),
        };
        let at = 1_000 + 200 * n as i64;
        scene.invite(at, &leg);
        scene.answer(at + 10, &leg);
        scene.bye(at + 100, &leg);
    }
    let (calls, _) = scene.replayed(&Room::new(), &[]);
    assert_eq!(calls.len(), 5);
    for row in &calls {
        assert_eq!(row["linked_call_ids"], json!([]), "{row}");
    }
}

#[test]
fn an_extension_is_judged_and_a_call_for_help_says_why_it_is_not() {
    let media = ((PHONE, 4000), (PBX, 4002));
    let base = Leg { id: "", hosts: (PHONE, PBX), ports: (5060, 5060), parties: ("alice", "110"), media };
    let extension = Leg { id: "to-an-extension", ..base };
    let help = Leg { id: "for-help", parties: ("alice", "112"), ..base };
    let police = Leg { id: "police", parties: ("alice", "110"), ..base };
    let scene = |is_registered: bool| {
        let mut scene = Scene::default();
        if is_registered {
            scene.register(0, CALLED, "110");
        }
        let first = if is_registered { &extension } else { &police };
        for (at, leg) in [(1_000, first), (9_000, &help)] {
            scene.invite(at, leg);
            scene.answer(at + 1_000, leg);
            scene.bye(at + 5_000, leg);
        }
        scene
    };
    let room = Room::new();
    room.write("german.toml", b"[numbering]\ncountry_code = \"49\"\n");
    let (calls, _) = scene(true).replayed(&room, &["--config", "german.toml"]);
    let (judged, not) = (of(&calls, "to-an-extension"), of(&calls, "for-help"));
    assert!(judged["score"].is_number() && judged["not_judged_reason"].is_null(), "{judged}");
    assert_eq!(
        (&not["score"], &not["disposition"], &not["not_judged_reason"]),
        (&Value::Null, &json!("not_judged"), &json!("emergency_call"))
    );
    let summary = &room.rows("x.db", "summary")[0];
    assert_eq!(summary["calls_not_judged"], json!({ "emergency_call": 1 }));
    // No subscriber has the extension. In Germany it is the police, and in an unknown country an ordinary number.
    for (config, disposition) in [("country_code = \"49\"", "not_judged"), ("country_code = \"\"", "monitor")]
    {
        let room = Room::new();
        room.write("site.toml", format!("[numbering]\n{config}\n").as_bytes());
        let (calls, _) = scene(false).replayed(&room, &["--config", "site.toml"]);
        assert_eq!(of(&calls, "police")["disposition"], disposition, "{config}");
    }
}

#[test]
fn a_stranger_who_dials_abroad_is_told_and_a_subscriber_is_not() {
    let base = Leg {
        id: "",
        hosts: (Ipv4Addr::new(203, 0, 113, 48), PBX),
        ports: (5060, 5060),
        parties: ("500", "000048422032120"),
        media: ((PHONE, 4000), (PBX, 4002)),
    };
    let mut scene = Scene::default();
    scene.register(0, PHONE, "alice");
    scene.invite(1_000, &Leg { id: "a-stranger", ..base });
    scene.invite(
        2_000,
        &Leg { id: "a-subscriber", hosts: (PHONE, PBX), parties: ("alice", "0048422032120"), ..base },
    );
    scene.invite(3_000, &Leg { id: "a-peer", parties: ("500", "+48422032120"), ..base });
    let (calls, _) = scene.replayed(&Room::new(), &[]);
    for (id, is) in [("a-stranger", true), ("a-subscriber", false), ("a-peer", false)] {
        let row = of(&calls, id);
        assert_eq!(signals(row).contains(&"stranger_abroad"), is, "{row}");
    }
}

#[test]
fn a_removal_alone_makes_nobody_registered() {
    let place = |ip, port| (ip, port);
    for (seconds, is_registered) in [(3600, true), (0, false)] {
        let mut scene = Scene::default();
        scene.register_for(0, PHONE, "alice", seconds);
        let [first, _] = legs_through_the_pbx([(place(PHONE, 4000), place(PBX, 5000)); 2]);
        scene.invite(1_000, &first);
        scene.answer(2_000, &first);
        scene.bye(4_000, &first);
        let (calls, _) = scene.replayed(&Room::new(), &[]);
        assert_eq!(signals(&calls[0]).contains(&"registered"), is_registered, "{}", calls[0]);
    }
}
