//! A seeded carrier that generates rows for scoring.

use std::collections::BTreeMap;

use bellwether_acoustics::recordings::{Found, Print, Word};
use bellwether_base::{CallId, Endpoint, RecordingId, RegistrationId, Span, StreamId, Timestamp, Transport};
use bellwether_enrich::{
    AccessSide, Attested, CallRow, CallTraits, CallUpdate, Masked, PassportStatus, RegistrationAttempt,
    RegistrationRow, RegistrationUpdate, Row, StreamRow, TrunkPolicy,
};
use bellwether_fingerprint::PrintHash;
use bellwether_testkit::Rng;

use crate::rows::{REGISTRAR, address, call, identity, platform, token};

const START: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);

/// Number of subscribers registered before the first call.
pub(crate) const SUBSCRIBERS: u64 = 100_000;
/// Number of platforms of subscribers and of other carriers' callers.
const PLATFORMS: u64 = 80;
/// Number of robocallers.
const ROBOTS: u64 = 30;
/// Number of the call centre's phone numbers.
const CENTRE: u64 = 20;
/// A registration begins with every fourth call.
const CALLS_PER_REGISTRATION: u64 = 4;

/// Scheduled events of a call or registration.
enum Later {
    Answered(Fate),
    Ended(Fate),
    Streams(Fate),
    Refreshed(i64, Timestamp),
}

#[derive(Clone)]
struct Fate {
    call: i64,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Timestamp,
    status: u16,
    source: Endpoint,
    plays: Option<Found>,
}

/// The kind of caller.
#[derive(Clone, Copy)]
enum Caller {
    Subscriber,
    Inbound,
    Centre,
    Robot,
}

/// An active campaign.
struct Robot {
    number: u64,
    calls_left: u64,
    address: u64,
    dialled: u64,
    recordings: [u64; 3],
}

/// Generates rows in order of time.
pub(crate) struct Carrier {
    rng: Rng,
    rate: f64,
    next_call: Timestamp,
    made: u64,
    numbers: u64,
    later: BTreeMap<(Timestamp, u64), Later>,
    platforms: Vec<PrintHash>,
    robots: Vec<Robot>,
    ready: Vec<Row>,
}

impl Carrier {
    /// Creates a carrier with this number of calls per second.
    pub(crate) fn new(rate: f64) -> Self {
        let mut rng = Rng::new(2026);
        let robot = |_| Robot {
            number: 0,
            calls_left: 0,
            address: 0,
            dialled: 0,
            recordings: std::array::from_fn(|_| rng.bits()),
        };
        let robots = (0..ROBOTS).map(robot).collect();
        Self {
            rng,
            rate,
            next_call: START,
            made: 0,
            numbers: 0,
            later: BTreeMap::new(),
            platforms: (0..PLATFORMS + ROBOTS + 1).map(platform).collect(),
            robots,
            ready: Vec::new(),
        }
    }

    fn platform(&self, number: u64) -> PrintHash {
        self.platforms.get(number as usize).copied().unwrap_or_else(|| platform(number))
    }

    /// The rows of a subscriber's registration before the first call.
    pub(crate) fn at_home(&self, subscriber: u64) -> [Row; 2] {
        let platform = self.platform(subscriber % PLATFORMS);
        let (row, attempt) = registration(subscriber, (1 << 40) + subscriber, platform, START);
        [Row::Registration(Box::new(row)), Row::Attempt(Box::new(attempt))]
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Row {
        loop {
            if let Some(row) = self.ready.pop() {
                return row;
            }
            match self.later.first_entry() {
                Some(first) if first.key().0 <= self.next_call => {
                    let ((at, _), later) = first.remove_entry();
                    self.happens(at, later);
                }
                _ => self.arrives(),
            }
        }
    }

    /// Generates the rows of a due event. The row pushed last is returned first.
    fn happens(&mut self, at: Timestamp, later: Later) {
        let of = |fate: &Fate, ended_at| {
            Row::CallUpdate(Box::new(update(
                fate.call,
                fate.started_at,
                fate.answered_at,
                ended_at,
                Some(fate.status),
            )))
        };
        match later {
            Later::Answered(fate) => {
                self.ready.push(of(&fate, None));
                self.schedule(fate.ended_at, Later::Ended(fate));
            }
            Later::Ended(fate) => {
                self.ready.push(of(&fate, Some(fate.ended_at)));
                if fate.answered_at.is_some() {
                    self.schedule(at + Span::from_secs(8), Later::Streams(fate));
                }
            }
            Later::Streams(fate) => {
                self.ready.push(stream(&fate, "callee", None));
                self.ready.push(stream(&fate, "caller", fate.plays.clone()));
            }
            Later::Refreshed(registration, first_seen) => {
                self.ready.push(Row::RegistrationUpdate(Box::new(RegistrationUpdate {
                    registration: RegistrationId::new(registration),
                    first_seen,
                    last_seen: at,
                    refreshes: 2,
                    duplicates: 0,
                    challenges: 1,
                    last_status: Some(200),
                    expires_s: Some(300),
                    rtt_ms: None,
                    rtt_middle_ms: None,
                    registered_by: None,
                    ended_at: None,
                    moves: Vec::new(),
                    segments: Vec::new(),
                })));
            }
        }
    }

    fn schedule(&mut self, at: Timestamp, later: Later) {
        self.numbers += 1;
        self.later.insert((at, self.numbers), later);
    }

    fn arrives(&mut self) {
        let at = self.next_call;
        let gap = self.rng.exponential() / self.rate;
        self.next_call = at + Span::from_nanos((gap * 1e9) as i64 + 1);
        self.made += 1;
        let number = self.made;
        let who = match self.rng.below(100) {
            0..55 => Caller::Subscriber,
            55..80 => Caller::Inbound,
            80..88 => Caller::Centre,
            _ => Caller::Robot,
        };
        let (row, plays) = match who {
            Caller::Subscriber => self.subscriber(number, at),
            Caller::Inbound => self.inbound(number, at),
            Caller::Centre => self.centre(number, at),
            Caller::Robot => self.robot(number, at),
        };
        let (answered, mean_s) = match who {
            Caller::Subscriber | Caller::Inbound => (65, 90.0),
            Caller::Centre => (30, 40.0),
            Caller::Robot => (25, 7.0),
        };
        let rings = Span::from_nanos((self.rng.uniform() * 2e10) as i64 + 1_000_000_000);
        let talk = Span::from_nanos((self.rng.exponential() * mean_s * 1e9) as i64);
        let is_answered = self.rng.below(100) < answered;
        let fate = Fate {
            call: row.call.get(),
            started_at: at,
            answered_at: is_answered.then(|| at + rings),
            ended_at: if is_answered { at + rings + talk } else { at + rings },
            status: if is_answered { 200 } else { [480, 486, 487, 404][self.rng.below(4) as usize] },
            source: row.source,
            plays,
        };
        let later = if is_answered { Later::Answered } else { Later::Ended };
        self.schedule(at + rings, later(fate));
        if number.is_multiple_of(CALLS_PER_REGISTRATION) {
            self.registers(number / CALLS_PER_REGISTRATION % SUBSCRIBERS, number, at);
        }
        self.ready.push(Row::Call(Box::new(row)));
    }

    /// Registers a subscriber's device with a new contact.
    fn registers(&mut self, subscriber: u64, number: u64, at: Timestamp) {
        let (row, attempt) = registration(subscriber, number, self.platform(subscriber % PLATFORMS), at);
        self.schedule(at + Span::from_secs(60), Later::Refreshed(row.registration.get(), at));
        self.ready.push(Row::Attempt(Box::new(attempt)));
        self.ready.push(Row::Registration(Box::new(row)));
    }

    fn subscriber(&mut self, number: u64, at: Timestamp) -> (CallRow, Option<Found>) {
        let caller = self.rng.below(SUBSCRIBERS);
        let block = self.rng.below(50_000);
        let row = CallRow {
            source: address(caller),
            user_agent: Some(Masked::stored(format!("Phone {} 4.{}", caller % PLATFORMS, caller % 7))),
            origin: Masked::stored(token("origin of", caller)),
            deployment: Masked::stored(token("deployment", caller % 200)),
            callee_neighbourhood: Some(Masked::stored(token("block", block))),
            traits: CallTraits {
                caller_neighbourhood: Some(Masked::stored(token("block", caller / 100))),
                callee_line: Some(self.rng.below(1000) as u16),
                ..CallTraits::default()
            },
            ..call(
                number,
                at,
                token("subscriber", caller),
                token("number", self.rng.below(1_000_000)),
                self.platform(caller % PLATFORMS),
            )
        };
        (row, self.voice())
    }

    /// A call from another carrier, by a caller with a single call.
    fn inbound(&mut self, number: u64, at: Timestamp) -> (CallRow, Option<Found>) {
        let carrier = self.rng.below(4);
        let callee = self.rng.below(SUBSCRIBERS);
        let row = CallRow {
            source: Endpoint::v4([203, 0, 113, carrier as u8], 5060),
            origin: Masked::stored(token("origin from", number)),
            deployment: Masked::stored(token("carrier", carrier)),
            callee_neighbourhood: Some(Masked::stored(token("block", callee / 100))),
            attested: Some(Box::new(Attested {
                status: PassportStatus::Unverified,
                attestation: Some(if number.is_multiple_of(3) { "B" } else { "A" }),
                signer: Some(Masked::stored(format!("certificates.carrier{carrier}.example"))),
                origid: Some(Masked::stored(token("customer", self.rng.below(2000)))),
                x5u: Some(Masked::stored(format!(
                    "https://certificates.carrier{carrier}.example/shaken.pem"
                ))),
                age_s: Some(1),
                reasons: Vec::new(),
                slips: Vec::new(),
            })),
            traits: CallTraits {
                caller_neighbourhood: Some(Masked::stored(token("block", 1000 + self.rng.below(200_000)))),
                callee_line: Some((callee % 1000) as u16),
                trunk: Some(TrunkPolicy { is_trusted: carrier < 2, usual_attestation: "A".to_owned() }),
                ..CallTraits::default()
            },
            trunk_id: Some(format!("carrier-{carrier}")),
            ..call(number, at, token("caller", number), token("subscriber", callee), self.platform(carrier))
        };
        (row, self.voice())
    }

    fn centre(&mut self, number: u64, at: Timestamp) -> (CallRow, Option<Found>) {
        let line = self.rng.below(CENTRE);
        let callee = self.rng.below(5_000_000);
        let row = CallRow {
            source: Endpoint::v4([198, 51, 100, (line % 2) as u8], 5060),
            user_agent: Some(Masked::stored("Centre 11.2".to_owned())),
            origin: Masked::stored(token("origin at the centre", line)),
            deployment: Masked::stored(token("centre", 0)),
            callee_neighbourhood: Some(Masked::stored(token("block", callee / 1000))),
            traits: CallTraits {
                caller_neighbourhood: Some(Masked::stored(token("centre's block", 0))),
                callee_line: Some((callee % 1000) as u16),
                ..CallTraits::default()
            },
            ..call(
                number,
                at,
                token("centre", line),
                token("number", callee),
                self.platform(PLATFORMS + ROBOTS),
            )
        };
        (row, self.voice())
    }

    fn robot(&mut self, number: u64, at: Timestamp) -> (CallRow, Option<Found>) {
        let which = self.rng.below(ROBOTS);
        // Half of the robocallers use a platform of subscribers.
        let prints = self.platform(if which < ROBOTS / 2 { which } else { PLATFORMS + which });
        let is_sequential = which.is_multiple_of(3);
        let mut found = None;
        let (mut shown, mut line, mut block, mut at_address) = (0, 0, 0, 0);
        if let Some(robot) = self.robots.get_mut(which as usize) {
            if robot.calls_left == 0 {
                robot.number = number;
                robot.calls_left = 1 + self.rng.below(3);
                robot.address = self.rng.below(40);
            }
            robot.calls_left -= 1;
            robot.dialled += 1 + self.rng.below(2);
            let called = if is_sequential { robot.dialled + 7_000_000 } else { self.rng.below(5_000_000) };
            (shown, line, block, at_address) = (robot.number, called % 1000, called / 1000, robot.address);
            if self.rng.below(2) == 0 {
                let recording = RecordingId::from_key(robot.recordings[self.rng.below(3) as usize] >> 1);
                found =
                    Some(Found { recording, known_by: None, print: Some(words(recording)), is_stock: false });
            }
        }
        let row = CallRow {
            source: Endpoint::v4([100, 64, which as u8, at_address as u8], 5060),
            user_agent: Some(Masked::stored(format!("Office {}.{}", which, self.rng.below(8)))),
            origin: Masked::stored(token("origin of a robot", shown)),
            deployment: Masked::stored(token("robot", which)),
            callee_neighbourhood: Some(Masked::stored(token("block", block))),
            traits: CallTraits {
                caller_neighbourhood: Some(Masked::stored(token("block", 300_000 + shown % 100_000))),
                callee_line: Some(line as u16),
                is_neighbour: which.is_multiple_of(2),
                ..CallTraits::default()
            },
            ..call(number, at, token("robot's", shown), token("number", block * 1000 + line), prints)
        };
        (row, found)
    }

    /// A person's speech, in two calls of five. The other calls are unreadable.
    fn voice(&mut self) -> Option<Found> {
        let recording = RecordingId::from_key(self.rng.bits() >> 1);
        (self.rng.below(5) < 2).then_some(Found { recording, known_by: None, print: None, is_stock: false })
    }
}

/// Words of a recording.
fn words(recording: RecordingId) -> Print {
    let mut print = Print::default();
    for at in 0..32 {
        print.push(Word { bits: recording.key().rotate_left(u32::from(at)), at: 15 * at });
    }
    print
}

fn registration(
    subscriber: u64,
    number: u64,
    fingerprint: PrintHash,
    at: Timestamp,
) -> (RegistrationRow, RegistrationAttempt) {
    let user = token("subscriber", subscriber);
    let registration = identity(u64::MAX - number);
    let source = address(subscriber);
    let aor = format!("sip:{user}@voice.example.net");
    let row = RegistrationRow {
        registration: RegistrationId::new(registration),
        aor: Masked::stored(aor.clone()),
        contact: Masked::stored(format!("sip:{user}@{source}")),
        instance_id: None,
        source,
        registrar: REGISTRAR,
        transport: Transport::Udp,
        user_agent: None,
        fingerprint,
        first_seen: at,
        hep_agent: None,
        mirror: None,
    };
    let attempt = RegistrationAttempt {
        registration: RegistrationId::new(registration),
        aor: Masked::stored(aor),
        user: Masked::stored(user),
        source,
        registrar: REGISTRAR,
        fingerprint: row.fingerprint,
        status: 200,
        had_credentials: true,
        at,
    };
    (row, attempt)
}

/// The state of a call at a time.
fn update(
    call: i64,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    final_status: Option<u16>,
) -> CallUpdate {
    CallUpdate {
        call: CallId::new(call),
        started_at,
        answered_at,
        ended_at,
        final_status,
        duplicates: 0,
        retransmissions: 0,
        hops: 1,
        last_destination: REGISTRAR,
        access_side: AccessSide::Outbound,
        trunk_id: None,
        forks: 0,
        reinvites: 0,
        cancelled: false,
        ended_by: None,
        is_let_in: false,
    }
}

fn stream(fate: &Fate, direction: &'static str, found: Option<Found>) -> Row {
    Row::Stream(Box::new(StreamRow {
        stream: StreamId::new(fate.call ^ i64::from(direction == "caller")),
        call: Some(CallId::new(fate.call)),
        direction,
        src: fate.source,
        dst: REGISTRAR,
        ssrc: 1,
        codec: Some(Masked::stored("PCMU".to_owned())),
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
        media_rate: None,
        report_rate: None,
        no_rates: Default::default(),
        beginning: String::new(),
        also: Vec::new(),
        heard: None,
        recording: found.map(Box::new),
        first_seen: fate.started_at,
        last_seen: fate.ended_at,
        silence: None,
        pauses: None,
        silence_reason: None,
    }))
}

/// The kind of caller of a row.
pub(crate) fn caller(row: &CallRow) -> &'static str {
    match row.user_agent.as_deref() {
        Some(agent) if agent.starts_with("Office") => "robocallers'",
        Some(agent) if agent.starts_with("Centre") => "the call centre's",
        _ if row.trunk_id.is_some() => "from other carriers",
        _ => "subscribers'",
    }
}
