use std::net::IpAddr;

use bellwether_acoustics::{OpeningPrint, Pauses, SilenceProfile};
use bellwether_base::{Endpoint, FlowKey, Ppm, Timestamp, Transport};
use bellwether_clock::{NoRate, SegmentStats};
use bellwether_fingerprint::{Identifiers, Part, PrintHash};
use bellwether_instance::Evidence;

use bellwether_rtp::Beginning;

use crate::recurring::TimerKind;
use crate::{Claims, Clear, Kin, Mirror, Named, Side};

/// Where a fact stands in the one order of all facts.
///
/// Facts of packets come at the packet's (clamped) time in the reader's order; facts of timers come at their
/// own deadline, behind the packets of that moment. Neither depends on batches or on the number of workers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Order {
    /// The packet's time, or the timer's deadline.
    pub at: Timestamp,
    is_timer: bool,
    /// The reader's sequence number, or the shard.
    source: u64,
    /// Position among the facts of the same source.
    index: u64,
}

/// A fact with its place.
#[derive(Debug)]
pub struct StampedFact {
    /// Its place.
    pub order: Order,
    /// The fact.
    pub fact: Fact,
}

/// What the worker learned.
#[derive(Debug)]
pub enum Fact {
    /// A platform's fingerprint.
    Fingerprint(Box<FingerprintSeen>),
    /// What was learned of a SIP author.
    Author(Box<AuthorSeen>),
    /// A platform asked or answered.
    Sighting(Box<Sighting>),
    /// A dialog-forming INVITE was seen for the first time.
    CallStarted(Box<CallStarted>),
    /// What has become of a call.
    CallProgress(Box<CallProgress>),
    /// The same while it goes on, for those who look at a live run: nothing is concluded from it.
    CallUnderWay(Box<CallProgress>),
    /// A description says where one side of a call listens.
    MediaNamed(Box<MediaNamed>),
    /// A party of a call sent the other one elsewhere.
    Referral(Box<Referral>),
    /// A call ended that this run did not see begin.
    OrphanBye(Box<OrphanBye>),
    /// A device registers that was not known before.
    RegistrationStarted(Box<RegistrationStarted>),
    /// A device was let in for the first time, or turned away.
    RegisterAnswered(Box<RegisterAnswered>),
    /// A registration was removed, or ran out.
    RegistrationEnded(Box<RegistrationEnded>),
    /// What is known of its timeline now.
    RegistrationProgress(Box<RegistrationProgress>),
    /// The same between its beats, for those who look at a live run: nothing is concluded from it.
    RegistrationUnderWay(Box<RegistrationProgress>),
    /// A device showed its wall clock again.
    Clock(Box<ClockSeen>),
    /// What is known of another timer of a device.
    Timer(Box<TimerProgress>),
    /// A media stream: when its noise is known, at the end of its analysis window, and when it is over.
    Stream(Box<StreamFact>),
    /// The same while it goes on, for those who look at a live run: nothing is concluded from it.
    StreamUnderWay(Box<StreamFact>),
}

/// A BYE of a call that is not known (any more): it began before the program did, or another call took its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrphanBye {
    /// Call-ID.
    pub call_id: Clear,
    /// Of From and To: one of them is the caller's.
    pub tags: [Clear; 2],
    /// Whom the message names.
    pub named: Named,
    /// When.
    pub at: Timestamp,
}

/// A REFER within a call (RFC 3515).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Referral {
    /// The call.
    pub call: i64,
    /// Who sent it.
    pub by: Side,
    /// User part, or number, of Refer-To.
    pub to_user: String,
}

/// Where one side of a call wants to receive, as a description says it for the first time: legs of one conversation name the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaNamed {
    /// The call.
    pub call: i64,
    /// Who listens there.
    pub side: Side,
    /// Where.
    pub endpoint: Endpoint,
    /// When.
    pub at: Timestamp,
}

/// A user of SIP as a message names them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Party {
    /// User part, or number for `tel`.
    pub user: String,
    /// Host.
    pub host: String,
    /// Display name without quotes.
    pub display: String,
}

/// The fingerprints of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prints {
    /// Of all parts together.
    pub combined: PrintHash,
    /// Of who wrote the headers.
    pub sip: PrintHash,
    /// Of who wrote the offer.
    pub sdp: Option<PrintHash>,
    /// The path, readable.
    pub path: Clear,
}

impl Prints {
    /// Of a message that tells nothing of its author.
    pub(crate) fn unknown() -> Self {
        let (combined, sip) = (PrintHash::of(Part::Combined, ""), PrintHash::of(Part::Sip, ""));
        Self { combined, sip, sdp: None, path: Clear::default() }
    }
}

/// A fingerprint with what it is made of. It comes before what has it, and may come again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FingerprintSeen {
    /// Of all parts together.
    pub combined: PrintHash,
    /// The readable form.
    pub readable: Clear,
    /// The message: the method of a request, method and status of an answer.
    pub method: Clear,
    /// Of who wrote the headers.
    pub sip: PrintHash,
    /// Of who wrote the offer.
    pub sdp: Option<PrintHash>,
    /// When.
    pub at: Timestamp,
    /// Whom the message names that this was read in.
    pub named: Named,
}

/// What was learned of a SIP author beside its fingerprint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorSeen {
    /// The author.
    pub sip: PrintHash,
    /// Habits that are news, by key and value.
    pub habits: Vec<(String, Clear)>,
    /// What its identifiers have in common so far.
    pub identifiers: Identifiers,
    /// Whom the message names that this was read in.
    pub named: Named,
}

/// A platform seen otherwise than as caller or device: it asked with OPTIONS, or answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Its fingerprint.
    pub fingerprint: PrintHash,
    /// Who sent the message.
    pub source: IpAddr,
    /// What it calls itself; empty for nothing.
    pub user_agent: Clear,
    /// When.
    pub at: Timestamp,
    /// Whom the message names that this was read in.
    pub named: Named,
}

/// A new call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct CallStarted {
    /// Whom the message names.
    pub named: Named,
    /// Identity of the call: of Call-ID, From-tag and the time of the first INVITE.
    pub call: i64,
    pub call_id: Clear,
    pub from_tag: Clear,
    pub started_at: Timestamp,
    /// The HEP agent that told of it, by whose clock its times are.
    pub agent: Option<u32>,
    /// What brought its first message to the sensor.
    pub mirror: Option<Mirror>,
    pub flow: FlowKey,
    pub transport: Transport,
    pub from: Party,
    pub to: Party,
    /// User part of the Request-URI: what was dialled, where To says something else.
    pub request_user: String,
    /// P-Asserted-Identity.
    pub asserted: Option<Party>,
    pub user_agent: Option<Clear>,
    /// Host of the author's own Via.
    pub first_via_host: String,
    pub prints: Prints,
    /// What names the process or device that made its first message.
    pub instances: Vec<Evidence>,
    /// Origin line of the offer: user, session identifier, address. Legs of a B2BUA that passes SDP through share it, or all but the address.
    pub sdp_origin: Option<String>,
    /// What else it claims; none where it claims nothing else.
    pub claims: Option<Box<Claims>>,
    /// What it says of other calls that it belongs with; none where it says nothing.
    pub kin: Option<Box<Kin>>,
    /// Names of the message's defects.
    pub defects: Vec<&'static str>,
}

/// The state of a call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct CallProgress {
    pub call: i64,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub final_status: Option<u16>,
    /// Mirrored copies of its messages.
    pub duplicates: u32,
    pub retransmissions: u32,
    /// Hops that carried the INVITE.
    pub hops: u32,
    pub first_hop: FlowKey,
    /// The last hop seen.
    pub last_hop: FlowKey,
    /// Distinct answering dialogs (To-tags).
    pub forks: u32,
    pub reinvites: u32,
    pub cancelled: bool,
    /// Whether the caller was challenged, showed credentials, and was neither asked for others nor turned away.
    pub is_let_in: bool,
}

/// A device that registers.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct RegistrationStarted {
    /// Whom the message names.
    pub named: Named,
    /// Identity of the timeline: of address of record and contact binding or instance.
    pub registration: i64,
    pub aor: Party,
    pub contact: Party,
    pub instance_id: Option<Clear>,
    pub flow: FlowKey,
    pub transport: Transport,
    pub user_agent: Option<Clear>,
    pub prints: Prints,
    /// What names the process or device that made its first message.
    pub instances: Vec<Evidence>,
    pub first_seen: Timestamp,
    /// The HEP agent that told of it, by whose clock its times are.
    pub agent: Option<u32>,
    /// What brought its first message to the sensor.
    pub mirror: Option<Mirror>,
}

/// An answer to a REGISTER that says whether somebody may be who they say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterAnswered {
    /// The timeline.
    pub registration: i64,
    /// Whom it is for.
    pub aor: Party,
    /// Who asked: the first hop of the request, whatever proxies it passed.
    pub device: Endpoint,
    /// Who answered.
    pub registrar: Endpoint,
    /// The fingerprint of the device's first REGISTER from its present address.
    pub fingerprint: PrintHash,
    /// Status of the answer: success the first time, or a refusal.
    pub status: u16,
    /// Whether the request showed credentials: a refusal then says that they are wrong.
    pub had_credentials: bool,
    /// When.
    pub at: Timestamp,
}

/// A device is not registered any more: it removed its binding (RFC 3261 section 10.2.2), or let it run out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrationEnded {
    /// The timeline.
    pub registration: i64,
    /// When: the time of the answer, or the one that was granted last.
    pub at: Timestamp,
}

/// The timeline of a device.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct RegistrationProgress {
    pub registration: i64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// REGISTERs that were refreshes: no copies, no answers to challenges.
    pub refreshes: u32,
    /// Copies from the mirror, retransmissions and repeats under one CSeq.
    pub duplicates: u32,
    pub challenges: u32,
    pub last_status: Option<u16>,
    pub expires_s: Option<u32>,
    /// From a challenge passing the sensor to the authorised REGISTER: the least seen.
    pub rtt_ms: Option<f64>,
    /// The middle of the latest ones, and how far half of them lie from it at most.
    pub rtt_middle_ms: Option<(f64, f64)>,
    /// The server that accepted it last.
    pub registrar: Option<Endpoint>,
    /// When the registration was removed or ran out; none while it stands.
    pub ended_at: Option<Timestamp>,
    /// Addresses that it came from, oldest first.
    pub moves: Vec<Move>,
    pub segment_count: u32,
    pub segments: Vec<SegmentStats>,
}

/// A reading of a device's wall clock, beside the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockSeen {
    /// The registration.
    pub subject: i64,
    /// What showed it.
    pub kind: &'static str,
    /// When.
    pub at: Timestamp,
    /// What it said.
    pub reading: bellwether_instance::Reading,
}

/// A device came from another address than before: a NAT's new binding, or another network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// When it first did.
    pub at: Timestamp,
    /// From where, on the first hop that was seen.
    pub source: Endpoint,
}

/// A timer beside that of registrations.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct TimerProgress {
    /// Identity: of kind and sender.
    pub timer: i64,
    pub kind: TimerKind,
    /// Who sends it, where the message says.
    pub party: Option<Party>,
    pub flow: FlowKey,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub beats: u32,
    pub segments: Vec<SegmentStats>,
}

/// A media stream: one RTP source from one endpoint to another.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct StreamFact {
    /// Identity: of both endpoints, source and first packet.
    pub stream: i64,
    pub call: Option<i64>,
    /// Whose voice it carries.
    pub sender: Option<Side>,
    pub flow: FlowKey,
    pub ssrc: u32,
    /// Encoding name of the payload type most packets have.
    pub codec: Option<Clear>,
    pub payload_type: u8,
    pub packets: u64,
    pub lost: u64,
    pub reordered: u32,
    pub duplicates: u32,
    pub restarts: u32,
    pub jitter_ms: Option<f64>,
    pub telephone_events: u32,
    pub comfort_noise: u32,
    pub rtcp_packets: u32,
    pub beginning: Beginning,
    /// How its voice begins.
    pub opening: Option<OpeningPrint>,
    /// Of the media clock against the sensor's.
    pub media_rate: Option<ClockRate>,
    /// Of the media clock against its sender's wall clock.
    pub report_rate: Option<ClockRate>,
    pub no_rates: NoRates,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub silence: Silence,
}

/// A clock's rate against another, in ppm, with its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockRate {
    /// Positive where it runs fast.
    pub ppm: f64,
    /// The interval.
    pub ci95_ppm: (f64, f64),
}

/// The nominal rate of a stream's clock, and why one of its rates is missing.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct NoRates {
    /// In Hz; none where nobody said it.
    pub clock_rate: Option<u32>,
    /// Of the media clock against the sensor's.
    pub media: Option<NoRate>,
    /// Of the media clock against its sender's wall clock.
    pub report: Option<NoRate>,
}

impl NoRates {
    /// The rate in Hz that the stamps count at, where it is another one.
    #[must_use]
    pub fn shown_rate(&self) -> Option<u32> {
        let wrong = |reason: NoRate| match reason {
            NoRate::WrongRate(shown) => Some(shown),
            _ => None,
        };
        self.media.and_then(wrong).or_else(|| self.report.and_then(wrong))
    }
}

impl From<(Ppm, (Ppm, Ppm))> for ClockRate {
    fn from((rate, (low, high)): (Ppm, (Ppm, Ppm))) -> Self {
        Self { ppm: rate.0, ci95_ppm: (low.0, high.0) }
    }
}

/// The silence of a stream, or why there is none.
#[derive(Clone, PartialEq, Debug)]
pub enum Silence {
    /// The window is still open.
    Pending,
    /// What was found in the window: by the paper's bins, and the noise that was chosen out of it.
    Found(Option<SilenceProfile>, Option<Box<Pauses>>),
    /// SRTP: the samples cannot be read.
    Encrypted,
    /// The codec is not G.711.
    Codec,
    /// No packet was quiet, or none was analysed.
    NoneFound,
}

/// Collects facts with their places.
#[derive(Default)]
pub struct Outbox {
    facts: Vec<StampedFact>,
    controls: Vec<(Order, crate::Control)>,
    now: Option<Order>,
}

impl Outbox {
    /// What follows belongs to a packet.
    pub(crate) fn at_packet(&mut self, at: Timestamp, seq: u64) {
        self.now = Some(Order { at, is_timer: false, source: seq, index: 0 });
    }

    /// What follows belongs to a timer of `shard`; `index` orders it among that shard's timers.
    pub(crate) fn at_timer(&mut self, deadline: Timestamp, shard: u16, index: u64) {
        self.now = Some(Order { at: deadline, is_timer: true, source: u64::from(shard), index: index << 8 });
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        if let Some(order) = self.next() {
            self.facts.push(StampedFact { order, fact });
        }
    }

    pub(crate) fn control(&mut self, control: crate::Control) {
        if let Some(order) = self.next() {
            self.controls.push((order, control));
        }
    }

    /// Takes all facts and controls, each in order, and goes on with `spare` for its facts.
    pub fn drain(&mut self, spare: Vec<StampedFact>) -> (Vec<StampedFact>, Vec<(Order, crate::Control)>) {
        let mut facts = std::mem::replace(&mut self.facts, spare);
        let mut controls = std::mem::take(&mut self.controls);
        facts.sort_by_key(|f| f.order);
        controls.sort_by_key(|(order, _)| *order);
        (facts, controls)
    }

    fn next(&mut self) -> Option<Order> {
        let order = self.now?;
        self.now = Some(Order { index: order.index + 1, ..order });
        Some(order)
    }
}
