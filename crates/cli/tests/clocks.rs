//! The clocks of devices from packets to reports: registrations, the other timers, wall clocks, and the sensor's own.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_testkit::{
    Agent, Delay, Discipline, Frame, PcapFormat, Registration, Rng, Timer, udp_frame, write_pcap,
};
use common::Room;
use serde_json::Value;

const START: Timestamp = Timestamp::from_nanos(1_750_000_000_000_000_000);
const HOUR_S: i64 = 3600;
const REGISTRAR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 5060);

fn at(seconds: f64) -> Timestamp {
    START + Span::from_nanos((seconds * 1e9) as i64)
}

fn phone(i: u8) -> Agent {
    Agent::new([10, 1, 0, 10 + i], &format!("20{i}"), "Phone/1")
}

/// An hour of one phone's registrations, each 25 s by a clock that is 10 ppm faster than that of the phone before.
fn registrations(i: u8, rng: &mut Rng) -> Vec<Frame> {
    let registration = Registration {
        device: phone(i),
        registrar: REGISTRAR,
        timer: Timer {
            period: Span::from_secs(25),
            skew: Ppm(10.0 * f64::from(i)),
            discipline: Discipline::Periodic,
            delay: Delay::Exponential(Span::from_millis(3), Span::from_millis(1)),
            round_trip: Span::from_millis(3),
            lateness: Span::ZERO,
        },
        granted_s: 30,
        is_challenged: false,
        start: at(1.7 * f64::from(i)),
        refreshes: (HOUR_S / 25) as usize,
    };
    registration.frames(rng)
}

/// The messages of a timer with period `period_s` over an hour. The clock is `ppm` fast.
fn beats(from: &Agent, period_s: f64, ppm: f64, payload: impl Fn(u32) -> Vec<u8>) -> Vec<Frame> {
    let n = (HOUR_S as f64 / period_s) as u32;
    let mut rng = Rng::new(period_s as u64);
    (0..n)
        .map(|i| {
            let jitter = rng.exponential() * 1e-3;
            let seconds = 0.5 + f64::from(i) * period_s / (1.0 + ppm * 1e-6) + jitter;
            udp_frame(at(seconds), from.at, REGISTRAR, 40_000 + i as u16, &payload(i))
        })
        .collect()
}

fn replayed(frames: &mut [Frame]) -> Room {
    frames.sort_by_key(|f| f.at);
    let room = Room::new();
    let capture = room.write("x.pcap", &write_pcap(frames, PcapFormat::Nano));
    room.replay("x.db", "2", &[&capture]);
    room
}

fn row_of<'a>(rows: &'a [Value], phone: &Agent) -> &'a Value {
    rows.iter().find(|r| r["source"] == phone.at.to_string()).unwrap()
}

fn shown(room: &Room, phone: &Agent) -> Value {
    let rows = room.rows("x.db", "registrations");
    let aor = row_of(&rows, phone)["aor"].as_str().unwrap().to_owned();
    let out = room.expect(0, &["--db", "x.db", "--format", "json", "show", "device", &aor]);
    serde_json::from_str(&out).unwrap()
}

fn inside(interval: &Value, truth: f64) -> bool {
    let end = |i: usize| interval[i].as_f64().unwrap();
    end(0) <= truth && truth <= end(1)
}

#[test]
fn each_timer_of_a_device_is_a_clock_of_its_own() {
    let mut rng = Rng::new(7);
    let (one, other) = (phone(0), phone(1));
    let mut frames = [registrations(0, &mut rng), registrations(1, &mut rng)].concat();
    frames.extend(beats(&one, 20.0, 40.0, |_| b"\r\n\r\n".to_vec()));
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    frames.extend(beats(&one, 15.0, -60.0, |_| stun.clone()));
    // A new Call-ID for each.
    let options = |i: u32| {
        format!(
            "OPTIONS sip:10.1.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.10:5060;branch=z9hG4bKo{i}\r\nFrom: <sip:200@example.org>;tag=o{i}\r\nTo: <sip:10.1.0.2>\r\nCall-ID: options-{i}@10.1.0.10\r\nCSeq: 1 OPTIONS\r\nDate: {}\r\nContent-Length: 0\r\n\r\n",
            "Sun, 15 Jun 2025 15:06:40 GMT"
        )
    };
    frames.extend(beats(&one, 30.0, 80.0, |i| options(i).into_bytes()));
    let subscribe = |i: u32| {
        format!(
            "SUBSCRIBE sip:200@10.1.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.10:5060;branch=z9hG4bKs{i}\r\nFrom: <sip:200@example.org>;tag=s\r\nTo: <sip:200@example.org>;tag=t\r\nCall-ID: sub@10.1.0.10\r\nCSeq: {} SUBSCRIBE\r\nEvent: message-summary\r\nContent-Length: 0\r\n\r\n",
            i + 1
        )
    };
    frames.extend(beats(&one, 120.0, -5.0, |i| subscribe(i).into_bytes()));
    let room = replayed(&mut frames);
    let device = shown(&room, &one);
    let clocks = device["other_clocks"].as_array().unwrap();
    for (name, period_s, ppm) in [
        ("keep_alive", 20.0, 40.0),
        ("stun", 15.0, -60.0),
        ("options", 30.0, 80.0),
        ("subscription", 120.0, -5.0),
    ] {
        let clock =
            clocks.iter().find(|c| c["clock"] == name).unwrap_or_else(|| panic!("no {name}: {clocks:?}"));
        assert_eq!(clock["period_s"], period_s, "{clock}");
        assert!((clock["rate_ppm"].as_f64().unwrap() - ppm).abs() < 1.0, "{clock}");
        assert!(inside(&clock["rate_ci95_ppm"], ppm), "{clock}");
        assert_eq!(clock["readings"].as_f64().unwrap(), (HOUR_S as f64 / period_s).floor(), "{clock}");
    }
    assert_eq!(clocks.len(), 4, "{clocks:?}");
    assert_eq!(shown(&room, &other)["other_clocks"], serde_json::json!([]));
    // Once more changes nothing, and half of it neither.
    let capture = room.path("x.pcap");
    let half = write_pcap(&frames[..frames.len() / 2], PcapFormat::Nano);
    let half = room.write("half.pcap", &half);
    room.replay("x.db", "2", &[&capture]);
    room.replay("x.db", "2", &[&half]);
    assert_eq!(shown(&room, &one), device);
}

#[test]
fn a_new_binding_keeps_the_timeline_and_is_marked() {
    let mut rng = Rng::new(8);
    let one = phone(0);
    let mut frames = registrations(0, &mut rng);
    // The NAT gives another port after half an hour, and the phone roams after three quarters of one.
    let places = [
        (1800, SocketAddrV4::new(*one.at.ip(), 31_007)),
        (2700, SocketAddrV4::new(Ipv4Addr::new(10, 9, 9, 9), 5060)),
    ];
    for frame in &mut frames {
        let since = frame.at.since(START).as_secs_f64() as i64;
        let Some((_, place)) = places.iter().rev().find(|(from, _)| since >= *from) else { continue };
        let is_phones = frame.bytes[26..30] == one.at.ip().octets();
        let (ip, port) = if is_phones { (26, 34) } else { (30, 36) };
        frame.bytes[ip..ip + 4].copy_from_slice(&place.ip().octets());
        frame.bytes[port..port + 2].copy_from_slice(&place.port().to_be_bytes());
    }
    let room = replayed(&mut frames);
    let device = shown(&room, &one);
    assert_eq!((device["segments"].as_u64(), device["refreshes"].as_u64()), (Some(1), Some(144)));
    assert!(inside(&device["skew_ci95_ppm"], 0.0), "{device}");
    let moves = device["moves"].as_array().unwrap();
    let to: Vec<&str> = moves.iter().map(|m| m["source"].as_str().unwrap()).collect();
    assert_eq!(to, places.map(|(_, place)| place.to_string()));
}

#[test]
fn a_step_of_the_sensors_clock_is_no_devices_skew() {
    let mut rng = Rng::new(9);
    for step_ms in [250, 2500, -400] {
        let mut frames: Vec<Frame> = (0..8).flat_map(|i| registrations(i, &mut rng)).collect();
        frames.sort_by_key(|f| f.at);
        let stepped = at(1800.0);
        for frame in frames.iter_mut().filter(|f| f.at > stepped) {
            frame.at = frame.at + Span::from_millis(step_ms);
        }
        let room = replayed(&mut frames);
        let summary = room.expect(0, &["--db", "x.db", "--format", "json", "report", "summary"]);
        let summary: Value = serde_json::from_str(&summary).unwrap();
        let events = summary["sensor_clock"].as_array().unwrap();
        assert_eq!(events.len(), 1, "{step_ms}: {events:?}");
        let found = &events[0];
        assert_eq!((&found["kind"], &found["devices"]), (&"common_step".into(), &8.into()), "{found}");
        assert!((found["amount"].as_f64().unwrap() * 1e3 - step_ms as f64).abs() < 3.0, "{found}");
        let rows = room.rows("x.db", "registrations");
        for i in 0..8 {
            let row = row_of(&rows, &phone(i));
            assert_eq!(row["discipline"], "periodic", "{step_ms}: {row}");
            let error = row["skew_ppm"].as_f64().unwrap() - 10.0 * f64::from(i);
            assert!(error.abs() < 0.5, "{step_ms} ms: off by {error} ppm: {row}");
        }
    }
}

/// Real programs whose clocks run at known rates: each against the instance of the same program that runs at 1.
#[test]
fn real_programs_show_the_rates_that_their_clocks_were_given() {
    let folder = common::project().join("pcaps/clocks");
    let room = Room::new();
    room.replay("x.db", "2", &[&folder.join("faketime.pcap.gz")]);
    let rows = room.rows("x.db", "registrations");
    let truth = std::fs::read_to_string(folder.join("faketime.truth.json")).unwrap();
    let truth: Vec<Value> = serde_json::from_str(&truth).unwrap();
    let rate = |program: &Value| {
        let source = format!("{}:5060", program["ip"].as_str().unwrap());
        let row = rows.iter().find(|r| r["source"] == source.as_str()).unwrap();
        let end = |i: usize| row["rate_ci95_ppm"][i].as_f64().unwrap();
        (row["rate_ppm"].as_f64().unwrap(), (end(1) - end(0)) / 2.0, row["rate_method"].clone())
    };
    let mut widest: BTreeMap<&str, f64> = BTreeMap::new();
    for program in &truth {
        let (kind, clock) = (program["kind"].as_str().unwrap(), program["clock_rate"].as_f64().unwrap());
        if clock == 1.0 {
            continue;
        }
        let twin = truth.iter().find(|p| p["kind"] == kind && p["clock_rate"] == 1.0).unwrap();
        let ((fast, a, method), (plain, b, twins)) = (rate(program), rate(twin));
        assert_eq!(method, twins, "{kind} is read alike");
        let error = fast - plain - (clock - 1.0) * 1e6;
        assert!(error.abs() < a + b, "{kind} at {clock}: off by {error} ppm, +-{}", a + b);
        let widest = widest.entry(kind).or_default();
        *widest = widest.max(a + b);
    }
    // Twice the values of the first measurement: a hundredth of a second in half a minute, and less for accurate timers.
    for (kind, most) in [("baresip", 200.0), ("linphonec", 200.0), ("jami", 150.0), ("pyvoip", 30.0)] {
        assert!(widest[kind] < most, "{widest:?}");
    }
}
