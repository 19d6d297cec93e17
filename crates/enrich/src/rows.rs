use bellwether_acoustics::{Coding, OpeningPrint, SilenceProfile};
use bellwether_base::{Counters, Endpoint, Loss, Span, Timestamp, Transport};
use bellwether_clock::SegmentStats;
use bellwether_fingerprint::{Grammar, PrintHash};
use bellwether_tracker::{ClockRate, NoRates};

use crate::{AccessSide, Attested, NumberFacts};

/// One thing to persist. Personal data in it is tokens already, unless the operator wants it clear.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant carries the row of its name")]
pub enum Row {
    Fingerprint(Box<FingerprintRow>),
    Call(Box<CallRow>),
    CallUpdate(Box<CallUpdate>),
    /// The same of a call that goes on, as a live run shows it meanwhile. Nothing is concluded from it, so that a replay comes to the same.
    CallUnderWay(Box<CallUpdate>),
    Referral(Box<ReferralRow>),
    OrphanBye(Box<OrphanByeRow>),
    /// Two calls that are legs of one.
    Link(i64, i64),
    Registration(Box<RegistrationRow>),
    RegistrationUpdate(Box<RegistrationUpdate>),
    /// The same of a device that goes on; as of calls.
    RegistrationUnderWay(Box<RegistrationUpdate>),
    Timer(Box<TimerRow>),
    WallClock(Box<WallClockRow>),
    SensorClock(Box<SensorClockRow>),
    Stream(Box<StreamRow>),
    /// The same of a stream that goes on; as of calls.
    StreamUnderWay(Box<StreamRow>),
    Author(Box<AuthorRow>),
    Sighting(Box<FingerprintObservationRow>),
    Instance(Box<InstanceRow>),
    Attempt(Box<RegistrationAttempt>),
    /// A registration ended: the same.
    RegistrationEnd {
        registration: i64,
        at: Timestamp,
    },
    Input(Box<InputRow>),
    /// What an input lost since it was last told: its identity, when, and losses by name.
    Losses(i64, Timestamp, Vec<(&'static str, u64)>),
    Run(Box<RunRow>),
    Blind(Box<BlindRow>),
}

/// A run that is no replay: that it began, that it is alive, or that it ended in order.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct RunRow {
    pub input: i64,
    /// Interfaces and listeners, or files that grow, between spaces.
    pub places: String,
    /// Whether it hears the network.
    pub is_live: bool,
    pub started_at: Timestamp,
    /// Up to here it was alive, and took what came.
    pub alive_at: Timestamp,
    pub is_over: bool,
}

/// A time in which something could not be seen. The same loss, place and beginning are the same span: a later row tells its end.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct BlindRow {
    pub input: i64,
    pub loss: Loss,
    pub place: String,
    pub from: Timestamp,
    /// None while it lasts.
    pub to: Option<Timestamp>,
    /// What was lost, as the loss counts.
    pub count: u64,
}

/// What was learned of a SIP author: habits by key and value, grammars by identifier.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct AuthorRow {
    pub author: PrintHash,
    pub habits: Vec<(String, String)>,
    pub identifiers: Vec<(&'static str, Grammar)>,
}

/// A platform that asked or answered.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct FingerprintObservationRow {
    pub fingerprint: PrintHash,
    /// Port 0.
    pub source: Endpoint,
    /// Empty for nothing.
    pub user_agent: String,
    pub at: Timestamp,
}

/// Evidence of the process or device behind a call or registration.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct InstanceRow {
    /// Identity of the call or registration.
    pub subject: i64,
    pub kind: &'static str,
    /// Empty where only a clock shows.
    pub instance: String,
    pub counter: Option<u64>,
    pub captured_at: Timestamp,
    /// What its clock said, and its step.
    pub clock: Option<(Timestamp, Span)>,
}

/// A call as its first INVITE shows it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct CallRow {
    pub call: i64,
    pub call_id: String,
    /// Where something is masked in the Call-ID: its form on the wire, see [`crate::Tokeniser::wire_id`].
    pub wire_id: Option<i64>,
    pub from_tag: String,
    pub started_at: Timestamp,
    pub caller: String,
    /// The host of the caller's address of record.
    pub caller_host: String,
    /// Whether what was dialled is judged strictly.
    pub is_sensitive: bool,
    pub callee: String,
    pub dialled: String,
    pub caller_number: NumberFacts,
    pub callee_number: NumberFacts,
    pub callee_neighbourhood: Option<String>,
    pub source: Endpoint,
    pub destination: Endpoint,
    pub transport: Transport,
    pub user_agent: Option<String>,
    pub fingerprint: PrintHash,
    pub sip_author: PrintHash,
    pub sdp_author: Option<PrintHash>,
    pub path: Option<String>,
    pub origin: String,
    pub access_side: AccessSide,
    pub trunk_id: Option<String>,
    /// What its tokens amount to; none where it has none.
    pub attested: Option<Box<Attested>>,
    /// Token of what calls of one installation share beside the platform: domain, path, names in the description.
    pub deployment: String,
    pub traits: CallTraits,
    pub defects: Vec<&'static str>,
    /// The HEP agent that told of it, by whose clock its times are.
    pub hep_agent: Option<u32>,
    /// The tunnel or agent that brought its first message: kind, sender, session.
    pub mirror: Option<String>,
}

/// What judging needs of what a call says, derived before numbers become tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallTraits {
    /// Token of the caller's number without its last three digits.
    pub caller_neighbourhood: Option<String>,
    /// The last three digits of the called number: with its neighbourhood, numbers dialled in turn show. Never stored.
    pub callee_line: Option<u16>,
    /// Whether caller and called share all but the last four digits of a number of ten and more.
    pub is_neighbour: bool,
    /// Whether From names somebody else than P-Asserted-Identity.
    pub differs_from_asserted: bool,
    /// Whether From names somebody else than Remote-Party-ID.
    pub differs_from_remote_party: bool,
    /// Whether the caller withholds the name, or gives none.
    pub is_anonymous: bool,
    /// The name of a bank, office or company in the display name.
    pub brand: Option<String>,
    /// The country code that is dialled with an international prefix, as subscribers do, from a public address that is none of the site's.
    pub dials_abroad: Option<u32>,
    /// Why the destination is risky.
    pub risk: Option<String>,
    /// Whether an emergency number is called: such a call is never judged.
    pub is_emergency: bool,
    /// What a verifier is said to have found.
    pub verstat: Option<Verstat>,
    /// Whether the sender's Via names another public address.
    pub has_other_via: bool,
    /// Whether the calling trunk is trusted, and how its calls are attested usually.
    pub trunk: Option<TrunkPolicy>,
}

/// What the operator says of a trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrunkPolicy {
    /// Whether its attestation is believed: C counts as B then (seed 002, edge case 1).
    pub is_trusted: bool,
    /// A, B or C: what its calls have usually; empty if that is not known.
    pub usual_attestation: String,
}

/// The outcome of a verification, as somebody on the way wrote it beside the caller's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verstat {
    /// TN-Validation-Passed.
    Passed,
    /// TN-Validation-Failed.
    Failed,
    /// No-TN-Validation.
    None,
}

/// An answer to a REGISTER: judged, and not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct RegistrationAttempt {
    pub registration: i64,
    pub aor: String,
    /// The user part alone, as calls name their caller.
    pub user: String,
    pub source: Endpoint,
    pub registrar: Endpoint,
    /// The fingerprint of the first REGISTER from the present address.
    pub fingerprint: PrintHash,
    pub status: u16,
    pub had_credentials: bool,
    pub at: Timestamp,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct CallUpdate {
    pub call: i64,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub final_status: Option<u16>,
    pub duplicates: u32,
    pub retransmissions: u32,
    pub hops: u32,
    pub last_destination: Endpoint,
    pub access_side: AccessSide,
    pub trunk_id: Option<String>,
    pub forks: u32,
    pub reinvites: u32,
    pub cancelled: bool,
    /// Whether the caller showed credentials and was let in by them.
    pub is_let_in: bool,
}

/// A party of a call sent the other one elsewhere.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct ReferralRow {
    pub call: i64,
    pub referred_to: String,
    /// Whether that is judged strictly.
    pub is_sensitive: bool,
}

/// A call that an earlier run left open ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct OrphanByeRow {
    pub call_id: String,
    /// See [`CallRow::wire_id`].
    pub wire_id: i64,
    /// One of them is the caller's.
    pub tags: [String; 2],
    pub ended_at: Timestamp,
}

/// A device that registers.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct RegistrationRow {
    pub registration: i64,
    pub aor: String,
    pub contact: String,
    pub instance_id: Option<String>,
    pub source: Endpoint,
    pub registrar: Endpoint,
    pub transport: Transport,
    pub user_agent: Option<String>,
    pub fingerprint: PrintHash,
    pub first_seen: Timestamp,
    /// The HEP agent that told of it, by whose clock its times are.
    pub hep_agent: Option<u32>,
    /// The tunnel or agent that brought its first message: kind, sender, session.
    pub mirror: Option<String>,
}

/// Its timeline. Segments carry the clock; the skew is fitted from them whenever it is asked for.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct RegistrationUpdate {
    pub registration: i64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub refreshes: u32,
    pub duplicates: u32,
    pub challenges: u32,
    pub last_status: Option<u16>,
    pub expires_s: Option<u32>,
    pub rtt_ms: Option<f64>,
    /// The middle of the latest round trips, and how far half of them lie from it at most.
    pub rtt_middle_ms: Option<(f64, f64)>,
    /// The server that accepted it last.
    pub registered_by: Option<Endpoint>,
    /// When the registration was removed or ran out; none while it stands.
    pub ended_at: Option<Timestamp>,
    /// From where it came since when.
    pub moves: Vec<(Timestamp, Endpoint)>,
    pub segments: Vec<SegmentStats>,
}

/// Another timer of a device.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct TimerRow {
    pub timer: i64,
    pub kind: &'static str,
    /// Who sends it; none where the message does not say.
    pub aor: Option<String>,
    pub source: Endpoint,
    pub destination: Endpoint,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub beats: u32,
    pub segments: Vec<SegmentStats>,
}

/// A later reading of a device's wall clock.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct WallClockRow {
    /// Identity of the registration.
    pub subject: i64,
    pub kind: &'static str,
    pub captured_at: Timestamp,
    pub clock_at: Timestamp,
    pub resolution: Span,
}

/// Something that befell the clock that stamps packets.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct SensorClockRow {
    /// Between these moments.
    pub from: Timestamp,
    pub to: Timestamp,
    pub kind: &'static str,
    /// Of a step, in seconds, ahead positive; of a rate's change, in ppm.
    pub amount: f64,
}

/// A media stream.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct StreamRow {
    pub stream: i64,
    pub call: Option<i64>,
    pub direction: &'static str,
    pub src: Endpoint,
    pub dst: Endpoint,
    pub ssrc: u32,
    pub codec: Option<String>,
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
    /// Rate of the media clock against the sensor's, and against its sender's wall clock.
    pub media_rate: Option<ClockRate>,
    pub report_rate: Option<ClockRate>,
    /// Why one of them is missing.
    pub no_rates: NoRates,
    /// Which of its first numbers were not random.
    pub beginning: String,
    /// Other legs of the conversation that name it too, and whose voice it is in each.
    pub also: Vec<(i64, &'static str)>,
    /// How the sender's voice begins.
    pub opening: Option<OpeningPrint>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub silence: Option<SilenceRow>,
    /// The noise that was chosen out of it, packed.
    pub pauses: Option<Vec<u8>>,
    /// Why there is no silence profile, once that is certain.
    pub silence_reason: Option<&'static str>,
}

/// The silence of a stream.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct SilenceRow {
    pub coding: Coding,
    pub packets: u32,
    pub observed_packets: u32,
    pub energy: f64,
    pub dc_offset: f64,
    pub codes: Vec<(u8, u32)>,
}

impl From<SilenceProfile> for SilenceRow {
    fn from(p: SilenceProfile) -> Self {
        Self {
            coding: p.coding,
            packets: p.packets,
            observed_packets: p.observed_packets,
            energy: p.energy,
            dc_offset: p.dc_offset,
            codes: p.codes,
        }
    }
}

/// A platform fingerprint that was seen.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct FingerprintRow {
    /// When it was seen.
    pub at: Timestamp,
    pub fingerprint: PrintHash,
    pub readable: String,
    pub method: String,
    pub sip_author: PrintHash,
    pub sdp_author: Option<PrintHash>,
}

/// One input that was read, identified by what it holds, with everything counted while reading it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct InputRow {
    /// Identity: of the times and lengths of all its packets.
    pub input: i64,
    pub name: String,
    pub packets: u64,
    pub bytes: u64,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub counters: Counters,
}
