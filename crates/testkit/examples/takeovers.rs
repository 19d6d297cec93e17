//! Detection of account takeovers against ground truth: the second table of `docs/silence.md`.
//!
//!     cargo run --release -p bellwether-testkit --example takeovers [SUBSCRIBERS] [SEEDS]
//!
//! Rows go directly into the database, in the form of the enrichment's output: calls of 15 s, and an hour of
//! refreshes per device.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example that creates a file")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bellwether_acoustics::SilenceAnalysis;
use bellwether_base::{CallId, Endpoint, Ppm, RegistrationId, Span, StreamId, Timestamp, Transport};
use bellwether_clock::{RegisterTimeline, read_clock};
use bellwether_enrich::{
    AccessSide, CallRow, CallTraits, DialPlan, Masked, NumberFacts, RegistrationRow, RegistrationUpdate, Row,
    StreamRow,
};
use bellwether_fingerprint::{Part, PrintHash};
use bellwether_recorder::Recorder;
use bellwether_report::{Query, Report, Reports};
use bellwether_rtp::g711::Law;
use bellwether_store::{InventoryRow, Lesson, Policy, Reader, Writer};
use bellwether_testkit::{
    Delay, DeviceMode, Discipline, Impairment, PAPERS_DEVICES, Rng, Speaker, Timer, spoken_call,
};

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

/// Subscribers' devices. Each has a stack and a noise profile of its own.
const OWNED: [(&str, &str); 6] = [
    ("Cisco SPA 525G", "handset"),
    ("Polycom 331", "handset"),
    ("Avaya 9620", "handset"),
    ("Panasonic KX-TGP500", "cordless"),
    ("Aastra 6731i", "hands-free"),
    ("Polycom 601", "handset"),
];

/// Devices of a thief without a model of `OWNED`.
const SOFTPHONES: [&str; 3] = ["softphone 1", "softphone 2", "softphone 5"];

fn mode(device: &str, mode: &str) -> DeviceMode {
    *PAPERS_DEVICES.iter().find(|d| d.device == device && d.mode == mode).unwrap()
}

/// The stack of a device. Models of one manufacturer share it.
fn stack(device: &str) -> PrintHash {
    PrintHash::of(Part::Sip, device.split(' ').next().unwrap_or_default())
}

/// One physical device.
#[derive(Clone)]
struct Unit {
    device: DeviceMode,
    skew: Ppm,
    author: PrintHash,
    agent: String,
    at: Endpoint,
}

struct World {
    rng: Rng,
    rows: Vec<Row>,
    next: i64,
    /// Ground truth for each call.
    truth: BTreeMap<String, &'static str>,
    /// For thieves with the subscriber's model: the difference between both skews.
    apart: BTreeMap<String, f64>,
}

impl World {
    fn id(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    fn unit(&mut self, device: DeviceMode) -> Unit {
        let n = self.id();
        Unit {
            device: device.unit(&mut self.rng),
            skew: Ppm(30.0 * self.rng.normal()),
            author: stack(device.device),
            agent: device.device.to_owned(),
            at: Endpoint::v4([10, (n >> 14) as u8, (n >> 6) as u8, (n & 63) as u8 + 1], 5060),
        }
    }

    /// An hour of refreshes, one each 25 s.
    fn registers(&mut self, user: &str, unit: &Unit, contact: &str, hour: i64) {
        let registration = self.id();
        let timer = Timer {
            period: Span::from_secs(25),
            skew: unit.skew,
            discipline: Discipline::Periodic,
            delay: Delay::Exponential(Span::from_millis(8), Span::from_millis(2)),
            round_trip: Span::from_millis(3),
            lateness: Span::ZERO,
        };
        let begin = START + Span::from_secs(3600 * hour);
        let times = timer.refreshes(begin, 144, &mut self.rng);
        let mut timeline = RegisterTimeline::default();
        times.iter().for_each(|at| timeline.refresh(*at, None));
        let (first_seen, last_seen) = (times[0], *times.last().unwrap());
        self.rows.push(Row::Registration(Box::new(RegistrationRow {
            registration: RegistrationId::new(registration),
            aor: Masked::stored(format!("sip:{user}@example.org")),
            contact: Masked::stored(contact.to_owned()),
            instance_id: None,
            source: unit.at,
            registrar: Endpoint::v4([10, 0, 0, 2], 5060),
            transport: Transport::Udp,
            user_agent: Some(Masked::stored(unit.agent.clone())),
            fingerprint: unit.author,
            first_seen,
            hep_agent: None,
            mirror: None,
        })));
        self.rows.push(Row::RegistrationUpdate(Box::new(RegistrationUpdate {
            registration: RegistrationId::new(registration),
            first_seen,
            last_seen,
            refreshes: timeline.refreshes(),
            duplicates: 0,
            challenges: 0,
            last_status: Some(200),
            expires_s: Some(30),
            rtt_ms: None,
            rtt_middle_ms: None,
            registered_by: None,
            ended_at: None,
            moves: Vec::new(),
            segments: timeline.segments(),
        })));
    }

    fn calls(&mut self, user: &str, unit: &Unit, hour: i64, what: &'static str) -> String {
        let call = self.id();
        let call_id = format!("call-{call}");
        let started_at = START + Span::from_secs(3600 * hour + 60 + call % 3000);
        let how = Impairment { loss: 0.01, ..Impairment::default() };
        let speaker = Speaker::drawn(&mut self.rng);
        let device = unit.device.call(&mut self.rng);
        let mut analysis = SilenceAnalysis::new(Law::Mu);
        let packets = spoken_call(device, speaker, Law::Mu, 15, how, &mut self.rng);
        packets.iter().for_each(|packet| analysis.packet(packet));
        self.rows.push(Row::Call(Box::new(CallRow {
            call: CallId::new(call),
            call_id: Masked::stored(call_id.clone()),
            wire_id: None,
            from_tag: Masked::stored("t".to_owned()),
            started_at,
            caller: Masked::stored(user.to_owned()),
            caller_host: Masked::stored("example.org".to_owned()),
            is_sensitive: false,
            callee: Masked::stored("c".to_owned()),
            dialled: Masked::stored("c".to_owned()),
            caller_number: NumberFacts::of("1", &DialPlan::default()),
            callee_number: NumberFacts::of("2", &DialPlan::default()),
            callee_neighbourhood: None,
            source: unit.at,
            destination: Endpoint::v4([10, 0, 0, 2], 5060),
            transport: Transport::Udp,
            user_agent: Some(Masked::stored(unit.agent.clone())),
            fingerprint: unit.author,
            sip_author: unit.author,
            sdp_author: None,
            family: unit.author,
            path: None,
            origin: Masked::stored("o".to_owned()),
            access_side: AccessSide::Outbound,
            trunk_id: None,
            attested: None,
            deployment: Masked::stored(String::new()),
            traits: CallTraits::default(),
            defects: Vec::new(),
            hep_agent: None,
            mirror: None,
        })));
        let stream = self.id();
        self.rows.push(Row::Stream(Box::new(StreamRow {
            stream: StreamId::new(stream),
            call: Some(CallId::new(call)),
            direction: "caller",
            src: unit.at,
            dst: Endpoint::v4([10, 0, 0, 3], 4000),
            ssrc: 1,
            codec: Some(Masked::stored("PCMU".to_owned())),
            payload_type: 0,
            packets: packets.len() as u64,
            lost: 0,
            reordered: 0,
            duplicates: 0,
            restarts: 0,
            jitter_ms: None,
            telephone_events: 0,
            comfort_noise: 0,
            rtcp_packets: 0,
            quality: Default::default(),
            media_rate: None,
            report_rate: None,
            no_rates: Default::default(),
            beginning: String::new(),
            also: Vec::new(),
            heard: None,
            recording: None,
            first_seen: started_at,
            last_seen: started_at + Span::from_secs(15),
            silence: None,
            pauses: analysis.pauses().map(|pauses| pauses.to_octets()),
            silence_reason: None,
        })));
        self.truth.insert(call_id.clone(), what);
        call_id
    }
}

/// Half of the 95 % interval of an hour's timeline on this path.
fn half_interval() -> f64 {
    let timer = Timer {
        period: Span::from_secs(25),
        skew: Ppm(0.0),
        discipline: Discipline::Periodic,
        delay: Delay::Exponential(Span::from_millis(8), Span::from_millis(2)),
        round_trip: Span::ZERO,
        lateness: Span::ZERO,
    };
    let mut timeline = RegisterTimeline::default();
    timer.refreshes(START, 144, &mut Rng::new(1)).iter().for_each(|at| timeline.refresh(*at, None));
    let skew = read_clock(&timeline.segments(), None).unwrap().skew.unwrap();
    (skew.ci95.1.0 - skew.ci95.0.0) / 2.0
}

fn world(seed: u64, subscribers: usize) -> BTreeMap<(&'static str, String), u32> {
    let mut world = World {
        rng: Rng::new(seed),
        rows: Vec::new(),
        next: 0,
        truth: BTreeMap::new(),
        apart: BTreeMap::new(),
    };
    let mut inventory = Vec::new();
    let mut lessons = Vec::new();
    for i in 0..subscribers {
        let user = format!("{i:032x}");
        let (device, name) = OWNED[i % OWNED.len()];
        let own = world.unit(mode(device, name));
        inventory.push(InventoryRow {
            aor: format!("sip:{user}@example.org"),
            device_class: device.to_owned(),
            max_devices: Some(1),
            policy: Policy::Strict,
            note: None,
        });
        // Activation, and some days later another network with another contact.
        world.registers(&user, &own, &format!("{i}@home"), 0);
        for hour in [0, 1, 2] {
            let call_id = world.calls(&user, &own, hour, "honest");
            if i < 60 {
                lessons.push(Lesson { call_id, class: device.to_owned(), mode: None });
            }
        }
        let moved = Unit { at: world.unit(own.device).at, ..own.clone() };
        world.registers(&user, &moved, &format!("{i}@away"), 20);
        world.calls(&user, &moved, 20, "honest, from another network");
        // Thieves, each at another time.
        let (other, other_mode) = OWNED[(i + 1 + i / OWNED.len() % (OWNED.len() - 1)) % OWNED.len()];
        let thief = world.unit(mode(other, other_mode));
        world.registers(&user, &thief, &format!("{i}@thief"), 40);
        world.calls(&user, &thief, 40, "another model");
        let twin = world.unit(mode(device, name));
        world.registers(&user, &twin, &format!("{i}@twin"), 60);
        let call_id = world.calls(&user, &twin, 60, "same model, another unit");
        world.apart.insert(call_id, (twin.skew.0 - own.skew.0).abs());
        let softphone = SOFTPHONES[i % SOFTPHONES.len()];
        let soft = Unit { agent: device.to_owned(), ..world.unit(mode(softphone, "computer")) };
        world.registers(&user, &soft, &format!("{i}@soft"), 80);
        world.calls(&user, &soft, 80, "softphone with a copied User-Agent");
    }
    let folder = std::env::temp_dir().join(format!("bellwether-takeovers-{}-{seed}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("x.db");
    let mut recorder = Recorder::new(Writer::open(&path, "key").unwrap());
    for row in world.rows.drain(..) {
        recorder.push(row);
    }
    recorder.commit(true).unwrap();
    recorder.writer().put_inventory(&inventory).unwrap();
    let learned = Reader::open(&path).unwrap().learn_from(&lessons).unwrap();
    recorder.writer().put_classes(&learned.modes, "learned").unwrap();
    drop(recorder.close().unwrap());
    let reader = Reader::open(&path).unwrap();
    let mut counts: BTreeMap<(&'static str, String), u32> = BTreeMap::new();
    // The uncertainty of two readings, and the crystal's drift in between.
    let three = 3.0 * half_interval().hypot(1.96) * std::f64::consts::SQRT_2;
    let columns = Report::Calls.columns();
    let at = |name: &str| columns.iter().position(|c| c.name == name).unwrap();
    let (id, verdict) = (at("call_id"), at("device_verdict"));
    Reports::of(&reader)
        .rows(&Query { report: Report::Calls, since: None, until: None }, &mut |values| {
            let call_id = values[id].as_str().unwrap();
            let what = match (world.truth[call_id], world.apart.get(call_id)) {
                (_, Some(apart)) if *apart < three => "same model, skews within three intervals",
                (what, _) => what,
            };
            *counts.entry((what, values[verdict].as_str().unwrap().to_owned())).or_default() += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    counts
}

fn main() {
    let mut args = std::env::args().skip(1).map(|n| n.parse::<u64>().unwrap());
    let (subscribers, seeds) = (args.next().unwrap_or(200), args.next().unwrap_or(2));
    let mut total: BTreeMap<(&'static str, String), u32> = BTreeMap::new();
    let found = std::thread::scope(|scope| {
        let worlds: Vec<_> =
            (0..seeds).map(|seed| scope.spawn(move || world(seed + 1, subscribers as usize))).collect();
        worlds.into_iter().map(|w| w.join().unwrap()).collect::<Vec<_>>()
    });
    for (key, n) in found.into_iter().flatten() {
        *total.entry(key).or_default() += n;
    }
    println!("| calls | n | authorised % | unknown % | unauthorised % |");
    println!("|---|---|---|---|---|");
    let mut kinds: Vec<&str> = total.keys().map(|(what, _)| *what).collect();
    kinds.dedup();
    for what in kinds {
        let of = |verdict: &str| f64::from(total.get(&(what, verdict.to_owned())).copied().unwrap_or(0));
        let n = of("authorised") + of("unknown") + of("unauthorised") + of("not_enrolled");
        let share = |verdict: &str| 100.0 * of(verdict) / n;
        println!(
            "| {what} | {n} | {:.1} | {:.1} | {:.1} |",
            share("authorised"),
            share("unknown"),
            share("unauthorised")
        );
    }
}
