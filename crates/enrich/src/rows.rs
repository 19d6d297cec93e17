use bellwether_acoustics::recordings::{AudioSummary, Found};
use bellwether_acoustics::{Coding, SilenceProfile};
use bellwether_base::{
    CallId, Counters, Endpoint, Loss, RegistrationId, Span, StreamId, SubjectId, TimerId, Timestamp,
    Transport,
};
use bellwether_clock::SegmentStats;
use bellwether_fingerprint::{Grammar, PrintHash};
use bellwether_tracker::{ClockRate, NoRates, Side, StreamQuality};

use crate::{AccessSide, Attested, Masked, NumberFacts, NumberReadings};

/// One row to store or to score. Personal data is already tokenised, unless the operator wants clear text.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant carries the row of its name")]
pub enum Row {
    Fingerprint(Box<FingerprintRow>),
    /// A fingerprint belongs to another platform family than its row says.
    Family {
        fingerprint: PrintHash,
        family: PrintHash,
    },
    Call(Box<CallRow>),
    CallUpdate(Box<CallUpdate>),
    /// Interim state of an open call, for live displays. No conclusion is drawn from it, so that a replay
    /// gives equal results.
    CallUnderWay(Box<CallUpdate>),
    Referral(Box<ReferralRow>),
    OrphanBye(Box<OrphanByeRow>),
    /// Two legs of one conversation.
    Link(CallId, CallId),
    Registration(Box<RegistrationRow>),
    RegistrationUpdate(Box<RegistrationUpdate>),
    /// Interim state of an active registration, like `CallUnderWay`.
    RegistrationUnderWay(Box<RegistrationUpdate>),
    Timer(Box<TimerRow>),
    WallClock(Box<WallClockRow>),
    SensorClock(Box<SensorClockRow>),
    Stream(Box<StreamRow>),
    /// Interim state of an active stream, like `CallUnderWay`.
    StreamUnderWay(Box<StreamRow>),
    Author(Box<AuthorRow>),
    Sighting(Box<FingerprintObservationRow>),
    Instance(Box<InstanceRow>),
    Attempt(Box<RegistrationAttempt>),
    /// End of a registration. It is scored and not stored.
    RegistrationEnd {
        registration: RegistrationId,
        at: Timestamp,
    },
    Input(Box<InputRow>),
    /// Losses of an input since the last report: the input's identity, the time, and the losses by name.
    Losses(i64, Timestamp, Vec<(&'static str, u64)>),
    Run(Box<RunRow>),
    Blind(Box<BlindRow>),
}

/// The state of a run that is no replay: started, alive, or ended in order.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct RunRow {
    pub input: i64,
    /// Interfaces and listeners, or growing files, separated by spaces.
    pub places: String,
    /// True if the run captures from the network.
    pub is_live: bool,
    pub started_at: Timestamp,
    /// The run was alive and capturing until this time.
    pub alive_at: Timestamp,
    pub is_over: bool,
}

/// A period without visibility. Rows with equal loss, place and start describe the same period; a later one
/// gives its end.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct BlindRow {
    pub input: i64,
    pub loss: Loss,
    pub place: String,
    pub from: Timestamp,
    /// `None` while the period lasts.
    pub to: Option<Timestamp>,
    /// Amount of the loss, in the loss's own unit.
    pub count: u64,
}

/// Habits and identifiers of a SIP author: habits by key and value, grammars by identifier.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct AuthorRow {
    pub author: PrintHash,
    pub habits: Vec<(String, Masked)>,
    pub identifiers: Vec<(&'static str, Grammar)>,
}

/// A platform that sent OPTIONS or a response.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct FingerprintObservationRow {
    pub fingerprint: PrintHash,
    /// Port 0.
    pub source: Endpoint,
    /// Empty if the message names no product.
    pub user_agent: Masked,
    pub at: Timestamp,
}

/// Evidence of the process or device behind a call or registration.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct InstanceRow {
    /// Identity of the call or registration.
    pub subject: SubjectId,
    pub kind: &'static str,
    /// Empty if the evidence is only a clock.
    pub instance: Masked,
    pub counter: Option<u64>,
    pub captured_at: Timestamp,
    /// The reading of its clock, and the resolution.
    pub clock: Option<(Timestamp, Span)>,
}

/// A call at its first INVITE.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct CallRow {
    pub call: CallId,
    pub call_id: Masked,
    /// Token of the original Call-ID, if something is masked in it: see [`crate::Tokeniser::wire_id`].
    pub wire_id: Option<i64>,
    pub from_tag: Masked,
    pub started_at: Timestamp,
    pub caller: Masked,
    /// The host of the caller's AOR.
    pub caller_host: Masked,
    /// True if the dialled number is sensitive and needs strict device authorisation.
    pub is_sensitive: bool,
    pub callee: Masked,
    pub dialled: Masked,
    pub caller_number: NumberFacts,
    pub callee_number: NumberFacts,
    pub callee_neighbourhood: Option<Masked>,
    pub source: Endpoint,
    pub destination: Endpoint,
    pub transport: Transport,
    pub user_agent: Option<Masked>,
    pub fingerprint: PrintHash,
    pub sip_author: PrintHash,
    pub sdp_author: Option<PrintHash>,
    /// The platform family.
    pub family: PrintHash,
    pub path: Option<Masked>,
    pub origin: Masked,
    pub access_side: AccessSide,
    pub trunk_id: Option<String>,
    /// The result of its PASSporTs. `None` if the call has none.
    pub attested: Option<Box<Attested>>,
    /// Token of the properties that calls of one installation share beside the platform: domain, path, names
    /// in the description.
    pub deployment: Masked,
    pub traits: CallTraits,
    pub defects: Vec<&'static str>,
    /// The HEP agent that reported the call. Its clock made the timestamps.
    pub hep_agent: Option<u32>,
    /// The tunnel or agent that delivered the first message: kind, source, session.
    pub mirror: Option<String>,
}

/// Features of a call for scoring, derived from clear numbers before tokenisation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallTraits {
    /// Token of the caller's number block.
    pub caller_neighbourhood: Option<Masked>,
    /// The last three digits of the called number. Together with the number block they show sequential
    /// dialling. Never stored.
    pub callee_line: Option<u16>,
    /// True if caller and callee share all but the last four digits of a number with ten or more.
    pub is_neighbour: bool,
    /// True if From and P-Asserted-Identity name different parties.
    pub differs_from_asserted: bool,
    /// True if From and Remote-Party-ID name different parties.
    pub differs_from_remote_party: bool,
    /// True if the caller withholds the name or gives none.
    pub is_anonymous: bool,
    /// The name of a bank, office or company in the display name.
    pub brand: Option<String>,
    /// The country code dialled with an international prefix, as subscribers dial, from a public address
    /// outside the site.
    pub dials_abroad: Option<u32>,
    /// The reason for the destination's risk.
    pub risk: Option<String>,
    /// The readings of the caller's number and of the dialled one.
    pub caller_readings: NumberReadings,
    /// See `caller_readings`.
    pub called_readings: NumberReadings,
    /// True for an emergency call, which is never scored.
    pub is_emergency: bool,
    /// The claimed result of a verifier.
    pub verstat: Option<Verstat>,
    /// True if the sender's Via names another public address.
    pub has_other_via: bool,
    /// The operator's policy for the calling trunk.
    pub trunk: Option<TrunkPolicy>,
}

/// The operator's policy for a trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrunkPolicy {
    /// True if attestations on this trunk are trusted. Level C then counts as B.
    pub is_trusted: bool,
    /// Usual attestation of its calls: A, B or C. Empty if unknown.
    pub usual_attestation: String,
}

/// The result of a verification, as a server on the path wrote it beside the caller's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verstat {
    /// TN-Validation-Passed.
    Passed,
    /// TN-Validation-Failed.
    Failed,
    /// No-TN-Validation.
    None,
}

/// A final response to a REGISTER. It is scored and not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct RegistrationAttempt {
    pub registration: RegistrationId,
    pub aor: Masked,
    /// The user part alone, in the form in which calls name their caller.
    pub user: Masked,
    pub source: Endpoint,
    pub registrar: Endpoint,
    /// The fingerprint of the first REGISTER from the present address.
    pub fingerprint: PrintHash,
    pub status: u16,
    pub had_credentials: bool,
    pub at: Timestamp,
}

/// The state of a call.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct CallUpdate {
    pub call: CallId,
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
    /// The side that cancelled, refused or hung up.
    pub ended_by: Option<Side>,
    /// True if the caller's credentials were accepted.
    pub is_let_in: bool,
}

/// A party of a call referred the other one to a new target.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct ReferralRow {
    pub call: CallId,
    pub referred_to: Masked,
    /// True if the target is sensitive and needs strict device authorisation.
    pub is_sensitive: bool,
}

/// The end of a call that an earlier run left open.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct OrphanByeRow {
    pub call_id: Masked,
    /// See [`CallRow::wire_id`].
    pub wire_id: i64,
    /// Tags of From and To. One of them is the caller's.
    pub tags: [Masked; 2],
    pub ended_at: Timestamp,
}

/// A device that registers.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct RegistrationRow {
    pub registration: RegistrationId,
    pub aor: Masked,
    pub contact: Masked,
    pub instance_id: Option<Masked>,
    pub source: Endpoint,
    pub registrar: Endpoint,
    pub transport: Transport,
    pub user_agent: Option<Masked>,
    pub fingerprint: PrintHash,
    pub first_seen: Timestamp,
    /// The HEP agent that reported the registration. Its clock made the timestamps.
    pub hep_agent: Option<u32>,
    /// The tunnel or agent that delivered the first message: kind, source, session.
    pub mirror: Option<String>,
}

/// The timeline of a registration. The clock skew is fitted from the segments at query time.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct RegistrationUpdate {
    pub registration: RegistrationId,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub refreshes: u32,
    pub duplicates: u32,
    pub challenges: u32,
    pub last_status: Option<u16>,
    pub expires_s: Option<u32>,
    pub rtt_ms: Option<f64>,
    /// Median of the latest round-trip times, and their median absolute deviation.
    pub rtt_middle_ms: Option<(f64, f64)>,
    /// The server that accepted the binding last.
    pub registered_by: Option<Endpoint>,
    /// Time at which the binding was removed or expired. `None` while it is valid.
    pub ended_at: Option<Timestamp>,
    /// Source addresses, each with the time of the first message from there.
    pub moves: Vec<(Timestamp, Endpoint)>,
    pub segments: Vec<SegmentStats>,
}

/// Another recurring timer of a device.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct TimerRow {
    pub timer: TimerId,
    pub kind: &'static str,
    /// The sender. `None` if the message does not name it.
    pub aor: Option<Masked>,
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
    pub subject: SubjectId,
    pub kind: &'static str,
    pub captured_at: Timestamp,
    pub clock_at: Timestamp,
    pub resolution: Span,
}

/// An event of the clock that timestamps packets.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct SensorClockRow {
    /// The interval of the event.
    pub from: Timestamp,
    pub to: Timestamp,
    pub kind: &'static str,
    /// Size of a step in seconds, positive for ahead, or of a rate change in ppm.
    pub amount: f64,
}

/// A media stream.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct StreamRow {
    pub stream: StreamId,
    pub call: Option<CallId>,
    pub direction: &'static str,
    pub src: Endpoint,
    pub dst: Endpoint,
    pub ssrc: u32,
    pub codec: Option<Masked>,
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
    /// Rate of the media clock against the sensor's clock, and against the sender's wall clock.
    pub media_rate: Option<ClockRate>,
    pub report_rate: Option<ClockRate>,
    /// The reasons for missing rates.
    pub no_rates: NoRates,
    /// Names of the initial RTP values that are not random.
    pub beginning: String,
    /// Other legs of the conversation that name the stream, each with the side whose media it is.
    pub also: Vec<(CallId, &'static str)>,
    /// Summary of the sound of its beginning, in one row of the stream only.
    pub heard: Option<Box<AudioSummary>>,
    /// The recording that it plays.
    pub recording: Option<Box<Found>>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub silence: Option<SilenceRow>,
    /// The selected noise, packed.
    pub pauses: Option<Vec<u8>>,
    /// The reason for a missing silence profile, once it is certain.
    pub silence_reason: Option<&'static str>,
}

/// The silence profile of a stream.
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

/// An observed platform fingerprint.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct FingerprintRow {
    /// Time of the observation.
    pub at: Timestamp,
    pub fingerprint: PrintHash,
    pub readable: Masked,
    pub method: Masked,
    pub sip_author: PrintHash,
    pub sdp_author: Option<PrintHash>,
    /// The platform family.
    pub family: PrintHash,
}

/// One input, identified by its content, with all counters of its processing.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "plain columns")]
pub struct InputRow {
    /// Identity, derived from the times and lengths of all packets.
    pub input: i64,
    pub name: String,
    pub packets: u64,
    pub bytes: u64,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub counters: Counters,
}
