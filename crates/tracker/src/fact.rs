use std::net::IpAddr;

use bellwether_acoustics::recordings::AudioSummary;
use bellwether_acoustics::{Pauses, SilenceProfile};
use bellwether_base::{
    CallId, Endpoint, FlowKey, Ppm, RegistrationId, StreamId, SubjectId, TimerId, Timestamp, Transport,
};
use bellwether_clock::{NoRate, SegmentStats};
use bellwether_fingerprint::{self as fingerprint, Identifiers, Part, PrintHash};
use bellwether_instance::Evidence;

use bellwether_rtp::Beginning;

use crate::recurring::TimerKind;
use crate::{Claims, Clear, Kin, Mirror, Named, Side, StreamQuality};

/// Position of a fact in the total order of all facts.
///
/// A fact of a packet has the packet's (clamped) time and the reader's sequence number. A fact of a timer has
/// the timer's deadline and follows the packets of that moment. Neither depends on batches or on the number
/// of workers.
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

/// A fact with its position.
#[derive(Debug)]
pub struct StampedFact {
    /// The position.
    pub order: Order,
    /// The fact.
    pub fact: Fact,
}

/// An observation of a worker.
#[derive(Debug)]
pub enum Fact {
    /// The fingerprint of a platform.
    Fingerprint(Box<FingerprintSeen>),
    /// Habits and identifiers of a SIP author.
    Author(Box<AuthorSeen>),
    /// A platform sent OPTIONS or a response.
    Sighting(Box<Sighting>),
    /// A dialog-forming INVITE was seen for the first time.
    CallStarted(Box<CallStarted>),
    /// The state of a call.
    CallProgress(Box<CallProgress>),
    /// The interim state of an open call, for live displays only. No conclusion is drawn from it.
    CallUnderWay(Box<CallProgress>),
    /// A description names the media endpoint of one side of a call.
    MediaNamed(Box<MediaNamed>),
    /// A party of a call referred the other one to a new target.
    Referral(Box<Referral>),
    /// A BYE ended a call whose INVITE this run did not see.
    OrphanBye(Box<OrphanBye>),
    /// An unknown device registers.
    RegistrationStarted(Box<RegistrationStarted>),
    /// A registrar accepted a device for the first time, or refused it.
    RegisterAnswered(Box<RegisterAnswered>),
    /// A binding was removed or expired.
    RegistrationEnded(Box<RegistrationEnded>),
    /// The state of a registration timeline.
    RegistrationProgress(Box<RegistrationProgress>),
    /// The interim state of a registration timeline, for live displays only. No conclusion is drawn from it.
    RegistrationUnderWay(Box<RegistrationProgress>),
    /// A new reading of a device's wall clock.
    Clock(Box<ClockSeen>),
    /// The state of another recurring timer of a device.
    Timer(Box<TimerProgress>),
    /// A media stream, reported when its noise is known, at the end of its analysis window, and at its end.
    Stream(Box<StreamFact>),
    /// The interim state of a media stream, for live displays only. No conclusion is drawn from it.
    StreamUnderWay(Box<StreamFact>),
}

/// A BYE of an unknown call. The call began before the program started, or was evicted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrphanBye {
    /// Call-ID.
    pub call_id: Clear,
    /// Tags of From and To. One of them is the caller's.
    pub tags: [Clear; 2],
    /// Parties that the message names.
    pub named: Named,
    /// Time of the BYE.
    pub at: Timestamp,
}

/// A REFER within a call (RFC 3515).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Referral {
    /// The call.
    pub call: CallId,
    /// The sender of the REFER.
    pub by: Side,
    /// User part, or number, of Refer-To.
    pub to_user: String,
}

/// The media endpoint of one side of a call, as first described. Legs of one conversation name the same
/// endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaNamed {
    /// The call.
    pub call: CallId,
    /// The side that listens.
    pub side: Side,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Time of the description.
    pub at: Timestamp,
}

/// A SIP party as a message names it.
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
    /// Fingerprint of all parts together.
    pub combined: PrintHash,
    /// Fingerprint of the author of the headers.
    pub sip: PrintHash,
    /// Fingerprint of the author of the offer.
    pub sdp: Option<PrintHash>,
    /// Family of the author of the headers.
    pub family: PrintHash,
    /// The same without the session description.
    pub family_of_headers: PrintHash,
    /// The path, readable.
    pub path: Clear,
}

impl Prints {
    /// The fingerprints of a message without a recognisable author.
    pub(crate) fn unknown() -> Self {
        let (combined, sip) = (PrintHash::of(Part::Combined, ""), PrintHash::of(Part::Sip, ""));
        let family = fingerprint::family("");
        Self { combined, sip, sdp: None, family, family_of_headers: family, path: Clear::default() }
    }
}

/// A fingerprint with its readable form. It precedes the first fact that refers to it, and may repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FingerprintSeen {
    /// Fingerprint of all parts together.
    pub combined: PrintHash,
    /// The readable form.
    pub readable: Clear,
    /// The kind of message: the method of a request, or method and status of a response.
    pub method: Clear,
    /// Fingerprint of the author of the headers.
    pub sip: PrintHash,
    /// Fingerprint of the author of the offer.
    pub sdp: Option<PrintHash>,
    /// Family of the author of the headers.
    pub family: PrintHash,
    /// The same without the session description.
    pub family_of_headers: PrintHash,
    /// Time of the message.
    pub at: Timestamp,
    /// Parties that the message names.
    pub named: Named,
}

/// Habits and identifiers of a SIP author, beyond its fingerprint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorSeen {
    /// The author's fingerprint.
    pub sip: PrintHash,
    /// Habits not reported before, by key and value.
    pub habits: Vec<(String, Clear)>,
    /// Common properties of the author's identifiers so far.
    pub identifiers: Identifiers,
    /// Parties that the message names.
    pub named: Named,
}

/// A platform in a role other than caller or registering device: it sent OPTIONS or a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Its fingerprint.
    pub fingerprint: PrintHash,
    /// The source address of the message.
    pub source: IpAddr,
    /// User-Agent or Server text; empty if absent.
    pub user_agent: Clear,
    /// Time of the message.
    pub at: Timestamp,
    /// Parties that the message names.
    pub named: Named,
}

/// A new call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct CallStarted {
    /// Parties that the message names.
    pub named: Named,
    /// Identity of the call, derived from Call-ID, From-tag and the time of the first INVITE.
    pub call: CallId,
    pub call_id: Clear,
    pub from_tag: Clear,
    pub started_at: Timestamp,
    /// The HEP agent that reported the call. Its clock made the timestamps.
    pub agent: Option<u32>,
    /// The SPAN session that delivered the first message.
    pub mirror: Option<Mirror>,
    pub flow: FlowKey,
    pub transport: Transport,
    pub from: Party,
    pub to: Party,
    /// User part of the Request-URI. It is the dialled number if To differs.
    pub request_user: String,
    /// P-Asserted-Identity.
    pub asserted: Option<Party>,
    pub user_agent: Option<Clear>,
    /// Host of the author's own Via.
    pub first_via_host: String,
    pub prints: Prints,
    /// Evidence of the process or device that built the first message.
    pub instances: Vec<Evidence>,
    /// Origin line of the offer: user, session identifier, address. Legs of a B2BUA that passes SDP through
    /// share all of it, or all but the address.
    pub sdp_origin: Option<String>,
    /// Further claims of the request. `None` if it makes no further claims.
    pub claims: Option<Box<Claims>>,
    /// References to related calls. `None` if the request has none.
    pub kin: Option<Box<Kin>>,
    /// Names of the message's defects.
    pub defects: Vec<&'static str>,
}

/// The state of a call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct CallProgress {
    pub call: CallId,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub final_status: Option<u16>,
    /// Copies of its messages made by the mirror.
    pub duplicates: u32,
    pub retransmissions: u32,
    /// Number of hops that carried the INVITE.
    pub hops: u32,
    pub first_hop: FlowKey,
    /// The last hop seen.
    pub last_hop: FlowKey,
    /// Number of distinct answering dialogs (To-tags).
    pub forks: u32,
    pub reinvites: u32,
    pub cancelled: bool,
    /// The side that cancelled, refused or hung up.
    pub ended_by: Option<Side>,
    /// True if the caller answered a challenge with credentials and was neither challenged again nor rejected
    /// for them.
    pub is_let_in: bool,
}

/// A device that registers.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct RegistrationStarted {
    /// Parties that the message names.
    pub named: Named,
    /// Identity of the timeline, derived from AOR and contact binding or instance.
    pub registration: RegistrationId,
    pub aor: Party,
    pub contact: Party,
    pub instance_id: Option<Clear>,
    pub flow: FlowKey,
    pub transport: Transport,
    pub user_agent: Option<Clear>,
    pub prints: Prints,
    /// Evidence of the process or device that built the first message.
    pub instances: Vec<Evidence>,
    pub first_seen: Timestamp,
    /// The HEP agent that reported the registration. Its clock made the timestamps.
    pub agent: Option<u32>,
    /// The SPAN session that delivered the first message.
    pub mirror: Option<Mirror>,
}

/// A final response to a REGISTER that accepts or rejects the claimed identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterAnswered {
    /// The timeline.
    pub registration: RegistrationId,
    /// The AOR of the request.
    pub aor: Party,
    /// Source of the request on its first hop, whatever proxies follow.
    pub device: Endpoint,
    /// Source of the response.
    pub registrar: Endpoint,
    /// Fingerprint of the device's first REGISTER from its present address.
    pub fingerprint: PrintHash,
    /// Status of the response: the first success, or a refusal.
    pub status: u16,
    /// True if the request carried credentials. A refusal then means wrong credentials.
    pub had_credentials: bool,
    /// Time of the response.
    pub at: Timestamp,
}

/// A device lost its registration: it removed its binding (RFC 3261 section 10.2.2), or the binding expired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrationEnded {
    /// The timeline.
    pub registration: RegistrationId,
    /// Time of the response to the removal, or the expiry time granted last.
    pub at: Timestamp,
}

/// The timeline of a device.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct RegistrationProgress {
    pub registration: RegistrationId,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Number of REGISTERs that were refreshes; copies and retries after a challenge are excluded.
    pub refreshes: u32,
    /// Number of mirrored copies, retransmissions and repeats under one CSeq.
    pub duplicates: u32,
    pub challenges: u32,
    pub last_status: Option<u16>,
    pub expires_s: Option<u32>,
    /// Minimum time from a challenge passing the sensor to the authorised REGISTER.
    pub rtt_ms: Option<f64>,
    /// Median of the latest such times, and their median absolute deviation.
    pub rtt_middle_ms: Option<(f64, f64)>,
    /// The server that accepted the binding last.
    pub registrar: Option<Endpoint>,
    /// Time at which the binding was removed or expired. `None` while it is valid.
    pub ended_at: Option<Timestamp>,
    /// Source addresses of accepted bindings, oldest first.
    pub moves: Vec<Move>,
    pub segment_count: u32,
    pub segments: Vec<SegmentStats>,
}

/// A later reading of a device's wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockSeen {
    /// The registration.
    pub subject: SubjectId,
    /// The kind of identifier with the reading.
    pub kind: &'static str,
    /// Time of the message.
    pub at: Timestamp,
    /// The reading.
    pub reading: bellwether_instance::Reading,
}

/// A source address of a device: the first one at which a registrar accepted it, a new NAT binding, or another network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// Time of the first message from there.
    pub at: Timestamp,
    /// The new source, on the first hop seen.
    pub source: Endpoint,
}

/// A recurring timer other than that of registrations.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields named after what they hold")]
pub struct TimerProgress {
    /// Identity, derived from kind and sender.
    pub timer: TimerId,
    pub kind: TimerKind,
    /// The sender, if the message names it.
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
    /// Identity, derived from both endpoints, SSRC and first packet.
    pub stream: StreamId,
    pub call: Option<CallId>,
    /// The side whose media the stream carries.
    pub sender: Option<Side>,
    pub flow: FlowKey,
    pub ssrc: u32,
    /// Encoding name of the most frequent payload type.
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
    pub quality: StreamQuality,
    pub beginning: Beginning,
    /// Summary of the sound of its beginning, in one fact of the stream only.
    pub heard: Option<Box<AudioSummary>>,
    /// Rate of the media clock against the sensor's clock.
    pub media_rate: Option<ClockRate>,
    /// Rate of the media clock against the sender's wall clock.
    pub report_rate: Option<ClockRate>,
    pub no_rates: NoRates,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub silence: Silence,
}

/// The rate of one clock against another in ppm, with its 95 % confidence interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockRate {
    /// Positive if the clock runs fast.
    pub ppm: f64,
    /// The interval.
    pub ci95_ppm: (f64, f64),
}

/// The nominal rate of a stream's clock, and the reason for each missing rate.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct NoRates {
    /// In Hz; `None` if no description states it.
    pub clock_rate: Option<u32>,
    /// Missing rate of the media clock against the sensor's clock.
    pub media: Option<NoRate>,
    /// Missing rate of the media clock against the sender's wall clock.
    pub report: Option<NoRate>,
}

impl NoRates {
    /// The rate in Hz at which the RTP timestamps advance, if it differs from the nominal one.
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

/// The background noise of a stream, or the reason for its absence.
#[derive(Clone, PartialEq, Debug)]
pub enum Silence {
    /// The window is still open.
    Pending,
    /// Results of the window: the noise profile by the paper's bins, and the selected noise.
    Found(Option<SilenceProfile>, Option<Box<Pauses>>),
    /// SRTP: the samples cannot be read.
    Encrypted,
    /// The codec is not G.711.
    Codec,
    /// No packet was quiet, or none was analysed.
    NoneFound,
}

/// Collects facts with their positions.
#[derive(Default)]
pub struct Outbox {
    facts: Vec<StampedFact>,
    controls: Vec<(Order, crate::Control)>,
    now: Option<Order>,
}

impl Outbox {
    /// Assigns the facts that follow to a packet.
    pub(crate) fn at_packet(&mut self, at: Timestamp, seq: u64) {
        self.now = Some(Order { at, is_timer: false, source: seq, index: 0 });
    }

    /// Assigns the facts that follow to a timer of `shard`. `index` orders the timers of one shard.
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

    /// Takes all facts and controls, each in order. Uses `spare` as the new buffer for facts.
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
