//! Media streams: contents by the session description in force at each packet, and results of the clock rate.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::Timestamp;
use bellwether_testkit::{Frame, PcapFormat, udp_frame, write_pcap};
use common::{Room, shared_case};
use serde_json::Value;

const CALLER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const CALLEE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

/// The session description of one side, with its port and the formats of `m=audio PORT RTP/AVP`.
fn description(ip: Ipv4Addr, port: u16, formats: &str) -> String {
    let (numbers, maps) = formats.split_once(' ').map_or((formats, ""), |(numbers, maps)| (numbers, maps));
    let numbers = numbers.replace(',', " ");
    let maps: String =
        maps.split_whitespace().map(|map| format!("a=rtpmap:{}\r\n", map.replacen('=', " ", 1))).collect();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {numbers}\r\n{maps}"
    )
}

/// A call between two phones that is written frame by frame; times in milliseconds.
struct Scene {
    name: &'static str,
    frames: Vec<Frame>,
}

impl Scene {
    fn new(name: &'static str) -> Self {
        Self { name, frames: Vec::new() }
    }

    fn at(ms: f64) -> Timestamp {
        Timestamp::from_nanos(1_700_000_000_000_000_000 + (ms * 1e6) as i64)
    }

    /// A request or response of the dialog, sent by the caller or the callee.
    fn sip(&mut self, ms: f64, first: &str, is_callers: bool, cseq: &str, body: &str) {
        let name = self.name;
        let (caller, callee) = (format!("<sip:a@{CALLER}>;tag=1"), format!("<sip:b@{CALLEE}>;tag=2"));
        // From names the sender of the request, in responses too.
        let of_caller = is_callers != first.starts_with("SIP/2.0");
        let (from, to) = if of_caller { (caller, callee) } else { (callee, caller) };
        let to = if ms == 0.0 { to.replace(";tag=2", "") } else { to };
        let (via, len) = (if of_caller { CALLER } else { CALLEE }, body.len());
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{first}\r\nVia: SIP/2.0/UDP {via}:5060;branch=z9hG4bK{name}{}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {name}@example.net\r\nCSeq: {cseq}\r\nContact: <sip:x@{via}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {len}\r\n\r\n{body}",
            cseq.replace(' ', "")
        );
        let (caller, callee) = (SocketAddrV4::new(CALLER, 5060), SocketAddrV4::new(CALLEE, 5060));
        let (src, dst) = if is_callers { (caller, callee) } else { (callee, caller) };
        self.frames.push(udp_frame(Self::at(ms), src, dst, self.frames.len() as u16, text.as_bytes()));
    }

    /// A call answered at 2 s, with the session descriptions of both sides, on ports 4000 and 6000.
    fn answered(mut self, offer: &str, answer: &str) -> Self {
        self.sip(
            0.0,
            &format!("INVITE sip:b@{CALLEE} SIP/2.0"),
            true,
            "1 INVITE",
            &description(CALLER, 4000, offer),
        );
        self.sip(2000.0, "SIP/2.0 200 OK", false, "1 INVITE", &description(CALLEE, 6000, answer));
        self
    }

    /// A change of the session by one side, and what becomes of it 100 ms later.
    fn changed(
        mut self,
        ms: f64,
        by_caller: bool,
        cseq: u32,
        offer: &str,
        outcome: &str,
        answer: &str,
    ) -> Self {
        let (own, other) =
            if by_caller { ((CALLER, 4000), (CALLEE, 6000)) } else { ((CALLEE, 6000), (CALLER, 4000)) };
        let uri = format!("INVITE sip:x@{} SIP/2.0", other.0);
        self.sip(ms, &uri, by_caller, &format!("{cseq} INVITE"), &description(own.0, own.1, offer));
        let body = if answer.is_empty() { String::new() } else { description(other.0, other.1, answer) };
        self.sip(ms + 100.0, &format!("SIP/2.0 {outcome}"), !by_caller, &format!("{cseq} INVITE"), &body);
        self
    }

    /// One RTP packet, from the caller or the callee.
    fn rtp(
        &mut self,
        ms: f64,
        (is_callers, ssrc): (bool, u32),
        seq: u16,
        number: u8,
        ticks: u32,
        payload: &[u8],
    ) {
        let mut packet = vec![0x80, number];
        packet.extend(seq.to_be_bytes());
        packet.extend(ticks.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        self.octets(ms, is_callers, &packet);
    }

    fn octets(&mut self, ms: f64, is_callers: bool, packet: &[u8]) {
        let (caller, callee) = (SocketAddrV4::new(CALLER, 4000), SocketAddrV4::new(CALLEE, 6000));
        let (src, dst) = if is_callers { (caller, callee) } else { (callee, caller) };
        self.frames.push(udp_frame(Self::at(ms), src, dst, 0, packet));
    }

    /// Packets in step, `every` ms and `ticks` apart.
    fn talk(
        mut self,
        ms: f64,
        (is_callers, ssrc): (bool, u32),
        number: u8,
        count: u16,
        every: f64,
        ticks: u32,
    ) -> Self {
        for i in 0..count {
            let at = ms + f64::from(i) * every;
            self.rtp(at, (is_callers, ssrc), i, number, u32::from(i) * ticks, &[0xd5; 160]);
        }
        self
    }

    /// Replays it; the rows of its streams by SSRC.
    fn replayed(mut self, room: &Room) -> impl Fn(u32) -> Value + use<> {
        self.frames.sort_by_key(|frame| frame.at);
        let capture = room.write(&format!("{}.pcap", self.name), &write_pcap(&self.frames, PcapFormat::Nano));
        let db = format!("{}.db", self.name);
        room.replay(&db, "2", &[&capture]);
        let (rows, name) = (room.rows(&db, "streams"), self.name);
        move |ssrc| {
            let row = rows.iter().find(|row| row["ssrc"] == ssrc);
            assert!(row.is_some(), "{name}: no stream {ssrc} in {rows:?}");
            row.unwrap().clone()
        }
    }
}

fn jitter(row: &Value) -> f64 {
    row["jitter_ms"].as_f64().unwrap_or(f64::NAN)
}

#[track_caller]
fn is_steady(row: &Value, codec: &str, packets: u64) {
    assert_eq!((row["codec"].as_str(), row["packets"].as_u64()), (Some(codec), Some(packets)), "{row}");
    assert!(jitter(row) < 0.01 && row["lost"] == 0 && row["duplicates"] == 0, "{row}");
}

#[test]
fn a_stream_is_what_the_description_in_force_says_also_if_a_later_one_takes_its_number() {
    let room = Room::new();
    let stream = Scene::new("remapped")
        .answered("96 96=opus/48000/2", "111 111=opus/48000/2")
        .talk(2200.0, (true, 1), 111, 20, 20.0, 960)
        .talk(2200.0, (false, 2), 96, 20, 20.0, 960)
        .changed(3000.0, true, 2, "111 111=AMR-WB/16000", "200 OK", "111 111=AMR-WB/16000")
        .talk(3400.0, (true, 3), 111, 20, 20.0, 320)
        .talk(3400.0, (false, 4), 111, 300, 20.0, 320)
        .replayed(&room);
    is_steady(&stream(1), "opus", 20);
    is_steady(&stream(2), "opus", 20);
    is_steady(&stream(3), "AMR-WB", 20);
    is_steady(&stream(4), "AMR-WB", 300);
}

#[test]
fn a_source_that_goes_on_under_the_number_of_another_codec_is_read_anew() {
    let room = Room::new();
    let mut scene = Scene::new("goes-on")
        .answered("96 96=opus/48000/2", "96 96=opus/48000/2")
        .talk(2200.0, (true, 1), 96, 200, 20.0, 960)
        .changed(6100.0, false, 1, "96 96=AMR-WB/16000", "200 OK", "96 96=AMR-WB/16000");
    for i in 0..400_u16 {
        scene.rtp(
            6200.0 + f64::from(i) * 20.0,
            (true, 1),
            200 + i,
            96,
            192_000 + u32::from(i) * 320,
            &[1; 60],
        );
    }
    let stream = scene.replayed(&room);
    is_steady(&stream(1), "AMR-WB", 600);
    assert_eq!(stream(1)["clock_rate"], 16_000);
    assert!(stream(1)["media_skew_ppm"].as_f64().unwrap().abs() < 5.0, "{}", stream(1));
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let room = Room::new();
    let stream = Scene::new("refused")
        .answered("96 96=opus/48000/2", "96 96=opus/48000/2")
        .talk(2200.0, (true, 1), 96, 400, 20.0, 960)
        .changed(3000.0, false, 1, "96 96=AMR-WB/16000", "488 Not Acceptable Here", "")
        .talk(5000.0, (true, 2), 96, 20, 20.0, 960)
        .replayed(&room);
    is_steady(&stream(1), "opus", 400);
    is_steady(&stream(2), "opus", 20);
}

#[test]
fn each_side_has_its_own_numbers_and_a_new_source_is_known_from_its_first_packet() {
    let room = Room::new();
    let stream = Scene::new("asymmetric")
        .answered("97,101 97=opus/48000/2 101=telephone-event/8000", "96,97 96=opus/48000/2 97=speex/16000")
        .talk(2010.0, (true, 1), 96, 40, 20.0, 960)
        .talk(2010.0, (false, 2), 97, 40, 20.0, 960)
        .talk(3000.0, (true, 12), 97, 100, 20.0, 320)
        // The callee has no such number: it is the caller's own, which some write.
        .talk(6000.0, (true, 13), 101, 20, 20.0, 0)
        .replayed(&room);
    is_steady(&stream(1), "opus", 40);
    is_steady(&stream(2), "opus", 40);
    is_steady(&stream(12), "speex", 100);
    assert_eq!(stream(13)["telephone_events"], 20, "{}", stream(13));
    assert!(stream(13)["jitter_ms"].is_null(), "events show no jitter: {}", stream(13));
}

#[test]
fn encoding_names_have_one_spelling_and_the_filter_finds_it() {
    let room = Room::new();
    let stream = Scene::new("spelling")
        .answered(
            "8,97,98 8=pcma/8000 97=OPUS/48000/2 98=X-Own/8000",
            "8,97,98 8=Pcma/8000 97=Opus/48000/2 98=x-own/8000",
        )
        .talk(2200.0, (true, 1), 8, 100, 20.0, 160)
        .talk(2200.0, (false, 2), 97, 100, 20.0, 960)
        .talk(5200.0, (true, 3), 98, 20, 20.0, 160)
        .talk(5200.0, (false, 4), 98, 20, 20.0, 160)
        .replayed(&room);
    is_steady(&stream(1), "PCMA", 100);
    is_steady(&stream(2), "opus", 100);
    // An unknown name may be personal, so reports show a token. Other spellings give the same token.
    let own = |ssrc| stream(ssrc)["codec"].as_str().unwrap().to_owned();
    assert!(own(3).starts_with("unknown~") && own(3) == own(4), "{} {}", own(3), own(4));
    let found = room.expect(
        0,
        &["--db", "spelling.db", "--format", "jsonl", "report", "streams", "--where", "codec=PCMA"],
    );
    assert_eq!(found.lines().count(), 1);
}

#[test]
fn telephone_events_are_left_out_of_jitter_and_clock() {
    let room = Room::new();
    let both = "0,101 0=PCMU/8000 101=telephone-event/8000";
    let mut scene = Scene::new("events").answered(both, both);
    // 20 s, with an event of 300 ms in each second, whose packets keep the stamp of its beginning, the last one three times.
    for i in 0..1000_u16 {
        let (ms, ticks) = (2200.0 + f64::from(i) * 20.0, u32::from(i) * 160);
        match i % 50 {
            place @ 10..25 => {
                let event = [1, if place == 24 { 0x80 } else { 0 }, 0, 160];
                scene.rtp(ms, (true, 1), i, 101, u32::from(i - (place - 10)) * 160, &event);
            }
            _ => scene.rtp(ms, (true, 1), i, 0, ticks, &[0xff; 160]),
        }
    }
    let row = scene.replayed(&room)(1);
    is_steady(&row, "PCMU", 1000);
    assert_eq!(row["telephone_events"], 300);
    assert!(row["media_skew_ppm"].as_f64().unwrap().abs() < 5.0, "{row}");
}

#[test]
fn sources_extensions_and_padding_are_no_payload() {
    let room = Room::new();
    let mut scene = Scene::new("headers").answered("0", "0");
    for i in 0..300_u16 {
        let mut packet = vec![0x80 | 0x20 | 0x10 | 2, 0];
        packet.extend(i.to_be_bytes());
        packet.extend((u32::from(i) * 160).to_be_bytes());
        packet.extend(1_u32.to_be_bytes());
        packet.extend([7; 8]);
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x85, 0, 0]);
        packet.extend([0xfe; 160]);
        packet.extend([0, 0, 0, 4]);
        scene.octets(2200.0 + f64::from(i) * 20.0, true, &packet);
    }
    let row = scene.replayed(&room)(1);
    is_steady(&row, "PCMU", 300);
    assert_eq!(row["silence"]["packets"], 299, "all but the first, which could be anything: {row}");
}

#[test]
fn redundancy_comfort_noise_and_pauses_make_no_jitter() {
    let room = Room::new();
    let both = "121,0,13,98 121=red/8000 98=CN/16000";
    let mut scene = Scene::new("pauses").answered(both, both);
    for i in 0..100_u16 {
        // RFC 2198: a block from 160 ticks before, and the present one.
        let block = [&[0x80, 0x02, 0x80, 160, 0][..], &[0xff; 160], &[0xff; 160]].concat();
        scene.rtp(2200.0 + f64::from(i) * 20.0, (true, 1), i, 121, u32::from(i) * 160, &block);
    }
    // Half a second of voice, comfort noise now and then, its stamps by the voice's clock, and nothing else for two seconds.
    let mut seq = 0;
    for burst in 0..8_u32 {
        for i in 0..25_u32 {
            let ticks = burst * 20_000 + i * 160;
            scene.rtp(5000.0 + f64::from(ticks) / 8.0, (false, 2), seq, 0, ticks, &[0xff; 160]);
            seq += 1;
        }
        for (i, number) in [13, 98, 13].into_iter().enumerate() {
            let ticks = burst * 20_000 + 4000 + 4000 * i as u32;
            scene.rtp(5000.0 + f64::from(ticks) / 8.0, (false, 2), seq, number, ticks, &[40]);
            seq += 1;
        }
    }
    let stream = scene.replayed(&room);
    is_steady(&stream(1), "red", 100);
    is_steady(&stream(2), "PCMU", 224);
    assert_eq!(stream(2)["comfort_noise"], 24);
    assert!(stream(2)["media_skew_ppm"].as_f64().unwrap().abs() < 20.0, "{}", stream(2));
}

#[test]
fn what_is_no_clock_has_a_reason_and_a_wrong_rate_is_a_trait_of_the_platform() {
    let room = Room::new();
    let both = "0,97,98 97=L16/11025 98=G7221/16000";
    let mut bursts = Scene::new("no-clock")
        .answered(both, both)
        // Stamps by 8000, a frame of 20 ms every 31 ms, a sound card that is off by 2.5 %, two seconds, a good crystal.
        .talk(2200.0, (true, 1), 97, 600, 32.0, 256)
        .talk(2200.0, (true, 2), 0, 600, 31.0, 160)
        .talk(2200.0, (true, 3), 98, 800, 20.5, 320)
        .talk(2200.0, (true, 4), 0, 100, 20.0, 160)
        .talk(2200.0, (true, 5), 0, 1500, 20.001, 160)
        .talk(2200.0, (true, 6), 99, 300, 20.0, 160);
    // A sender that stops for a while, at random.
    let mut state = 9_u32;
    let mut ms = 2200.0;
    for i in 0..600_u16 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ms += if state >> 27 == 0 { 516.0 } else { 4.0 };
        bursts.rtp(ms, (true, 7), i, 0, u32::from(i) * 160, &[0xff; 160]);
    }
    let stream = bursts.replayed(&room);
    let found = |ssrc| {
        let row = stream(ssrc);
        assert_eq!(row["media_skew_ppm"].is_null(), row["media_skew_ci95_ppm"].is_null());
        assert_ne!(row["media_skew_ppm"].is_null(), row["media_skew_no_fit"].is_null(), "{row}");
        (row["media_skew_no_fit"].as_str().map(str::to_owned), row["shown_rate"].as_u64())
    };
    let reason = |name: &str| (Some(name.to_owned()), None);
    assert_eq!(found(1), (Some("wrong_rate".into()), Some(8000)));
    assert_eq!(found(2), reason("starved"));
    assert_eq!(found(3), reason("implausible"));
    assert_eq!(found(4), reason("too_short"));
    assert_eq!(found(5), (None, None));
    assert_eq!(found(6), reason("rate_unknown"));
    assert_eq!(found(7), reason("interval_too_wide"), "{}", stream(7));
    assert_eq!(
        (&stream(1)["clock_rate"], &stream(1)["rtcp_skew_no_fit"]),
        (&11_025.into(), &"no_reports".into())
    );
    let skew = stream(5)["media_skew_ppm"].as_f64().unwrap();
    assert!((skew + 50.0).abs() < 3.0, "{skew}");
    let calls = room.rows("no-clock.db", "calls");
    let print = calls[0]["fingerprint"].as_str().unwrap();
    let shown = room.expect(0, &["--db", "no-clock.db", "--format", "json", "show", "fingerprint", print]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["media_clocks"], serde_json::json!({"L16 at 11025 Hz counts 8000": 1}));
}

#[test]
fn frames_of_two_interfaces_that_stand_one_after_the_other_make_no_jitter() {
    let room = Room::new();
    let mut scene = Scene::new("late").answered("0", "0").talk(2200.0, (true, 1), 0, 300, 20.0, 160);
    scene.frames.sort_by_key(|frame| frame.at);
    // Frames of another interface, each 150 ms later than the following frames.
    for i in (10..scene.frames.len()).step_by(30) {
        let early = udp_frame(
            scene.frames[i].at + bellwether_base::Span::from_millis(150),
            SocketAddrV4::new(CALLER, 9),
            SocketAddrV4::new(CALLEE, 9),
            0,
            b"x",
        );
        scene.frames.insert(i, early);
    }
    let capture = room.write("late.pcap", &write_pcap(&scene.frames, PcapFormat::Nano));
    room.replay("late.db", "1", &[&capture]);
    is_steady(&room.rows("late.db", "streams")[0], "PCMU", 300);
}

#[test]
fn the_case_of_payload_types_comes_out_as_it_is_known_to_be() {
    let Some(capture) = shared_case("b22-payload-types.pcap.gz") else { return };
    let room = Room::new();
    room.replay("x.db", "2", &[&capture]);
    let rows = room.rows("x.db", "streams");
    let stream = |ssrc: u64| rows.iter().find(|row| row["ssrc"] == ssrc).unwrap();
    for (ssrc, codec) in [(1, "opus"), (2, "opus"), (3, "AMR-WB"), (4, "AMR-WB")] {
        is_steady(stream(ssrc), codec, 20);
    }
    is_steady(stream(20), "G729", 30);
    is_steady(stream(26), "G722", 12);
    assert_eq!(stream(22)["codec"], "H264");
}
