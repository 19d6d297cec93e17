use std::net::IpAddr;

use bellwether_base::{CallId, CampaignId, IncidentId, RecordingId, Severity, Timestamp};
use bellwether_enrich::{NumberReadings, PassportStatus, Side, Validity};
use bellwether_fingerprint::PrintHash;
use bellwether_incidents::{IncidentKind, IncidentLabel};
use bellwether_senders::{CallerAccess, log_odds};

use crate::{Account, Finding, MembershipKind, ReputationRecord, SignalSet, Subject};

/// The stage of a stored score.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// At the INVITE, or during the call.
    Provisional,
    /// At the end of the call.
    Final,
    /// Reputation has learned from the call. Only labels, devices and campaigns still change its score.
    Closed,
}

impl Stage {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Final | Self::Closed => "final",
        }
    }

    /// The stored number.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Provisional => 0,
            Self::Final => 1,
            Self::Closed => 2,
        }
    }

    /// Converts from the stored number.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        match number {
            0 => Self::Provisional,
            1 => Self::Final,
            _ => Self::Closed,
        }
    }
}

/// The stored score of a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// Its stage.
    pub stage: Stage,
    /// Its signals.
    pub findings: Vec<Finding>,
    /// Its membership in a campaign.
    pub member: Option<PastMember>,
}

/// The stored membership of a call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns")]
pub struct PastMember {
    pub campaign: CampaignId,
    pub kind: MembershipKind,
    /// Log odds of the membership.
    pub strength: f64,
    pub why: String,
}

/// Facts about a platform from the structure of its messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlatformFacts {
    /// The stack that wrote the headers, if it is known.
    pub stack: Option<String>,
    /// True if the stack is a scanner or a generator of test traffic.
    pub is_suspicious: bool,
    /// True if the User-Agent names a product whose messages have another structure.
    pub is_contradictory: bool,
}

/// A call of an earlier run, as far as the database holds it: the fields that later calls are compared with.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct PastCall {
    pub call: CallId,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub final_status: Option<u16>,
    pub ended_by: Option<Side>,
    pub caller: String,
    pub caller_host: String,
    pub dialled: String,
    pub callee_country: Option<String>,
    /// Number blocks: the number without its last three digits.
    pub callee_block: Option<String>,
    pub caller_block: Option<String>,
    /// Only of an impossible or unallocated number.
    pub caller_validity: Option<Validity>,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub user_agent: Option<String>,
    pub fingerprint: PrintHash,
    pub family: PrintHash,
    pub is_anonymous: bool,
    pub deployment: String,
    pub origin: String,
    pub passport: Option<PastPassport>,
    pub is_neighbour: bool,
    pub is_emergency: bool,
    pub is_from_trunk: bool,
    /// The campaign that it belongs to, and how it became a member.
    pub campaign: Option<(CampaignId, MembershipKind)>,
}

/// A call of an earlier run, as far as the judgement of its sender needs it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct PastSender {
    pub call: CallId,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<Side>,
    pub caller: String,
    pub caller_block: Option<String>,
    pub dialled: String,
    pub source: IpAddr,
    pub user_agent: Option<String>,
    pub fingerprint: PrintHash,
    pub family: PrintHash,
    pub is_anonymous: bool,
    pub is_from_trunk: bool,
    pub trunk: Option<String>,
    /// The campaign that it belongs to.
    pub campaign: Option<CampaignId>,
    /// The recording that the caller plays, if it is one of several calls.
    pub recording: Option<RecordingId>,
    pub marks: SenderMarks,
    /// The signals of its last score.
    pub shown: SignalSet,
}

/// A call of an earlier run, as far as the watch for incidents needs it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct PastWatched {
    pub call: CallId,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub final_status: Option<u16>,
    pub is_cancelled: bool,
    /// True if a linked leg was answered.
    pub is_answered_elsewhere: bool,
    pub caller: String,
    pub caller_host: String,
    pub dialled: String,
    pub caller_readings: NumberReadings,
    pub called_readings: NumberReadings,
    pub source: IpAddr,
    pub family: PrintHash,
    pub is_registered: bool,
    pub is_from_trunk: bool,
}

/// An incident of an earlier run, as far as a label concerns it.
#[derive(Clone, Debug)]
pub struct PastIncident {
    /// Its kind.
    pub kind: IncidentKind,
    /// Its severity.
    pub severity: Severity,
    /// The probability of fraud that was stored.
    pub fraud_probability: f64,
    /// Its calls.
    pub members: Vec<CallId>,
}

impl PastIncident {
    /// True while honest explanations are as good.
    pub(crate) fn is_notice(&self, label: Option<IncidentLabel>) -> bool {
        self.severity == Severity::Notice && label != Some(IncidentLabel::Fraud)
    }

    /// Log odds of fraud with a label.
    pub(crate) fn log_odds(&self, label: Option<IncidentLabel>) -> f64 {
        log_odds(label.map_or(self.fraud_probability, IncidentLabel::probability).clamp(0.001, 0.999))
    }
}

/// A recording of an earlier run.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "plain columns")]
pub struct PastRecording {
    pub recording: RecordingId,
    pub player: Side,
    /// Number of its words.
    pub words: usize,
    pub is_commonplace: bool,
    /// Calls of the last days that play it, with their callers.
    pub calls: Vec<(CallId, String)>,
    pub last_seen: Timestamp,
    /// The campaign that it belongs to.
    pub campaign: Option<CampaignId>,
}

/// Facts about a call that only the run knew that saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderMarks {
    /// The caller was registered at the source address.
    pub is_registered: bool,
    /// The server called at which the caller was registered.
    pub is_at_server: bool,
    /// The caller had registered there less than half an hour ago.
    pub is_registered_lately: bool,
    /// The caller's speech was heard.
    pub is_heard: bool,
    /// Other callers play the same recording.
    pub is_recorded: bool,
}

impl SenderMarks {
    /// The marks of a call by the caller's access to the site.
    pub(crate) fn of_access(access: CallerAccess) -> Self {
        Self {
            is_registered: access == CallerAccess::Registered,
            is_at_server: access == CallerAccess::Server,
            is_registered_lately: access == CallerAccess::RegisteredLately,
            ..Self::default()
        }
    }

    /// The caller's access to the site: the inverse of [`Self::of_access`].
    pub(crate) const fn access(self, is_from_trunk: bool) -> CallerAccess {
        match self {
            Self { is_at_server: true, .. } => CallerAccess::Server,
            Self { is_registered: true, .. } => CallerAccess::Registered,
            Self { is_registered_lately: true, .. } => CallerAccess::RegisteredLately,
            _ if is_from_trunk => CallerAccess::Trunk,
            _ => CallerAccess::Unknown,
        }
    }

    /// The stored number.
    #[must_use]
    pub fn number(self) -> i64 {
        i64::from(self.is_registered)
            + 2 * i64::from(self.is_heard)
            + 4 * i64::from(self.is_recorded)
            + 8 * i64::from(self.is_registered_lately)
            + 16 * i64::from(self.is_at_server)
    }

    /// Converts from the stored number.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        Self {
            is_registered: number & 1 > 0,
            is_heard: number & 2 > 0,
            is_recorded: number & 4 > 0,
            is_registered_lately: number & 8 > 0,
            is_at_server: number & 16 > 0,
        }
    }
}

/// The PASSporT of a call of an earlier run.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct PastPassport {
    pub status: PassportStatus,
    pub attestation: Option<String>,
    pub signer: Option<String>,
    pub origid: Option<String>,
}

/// What earlier runs knew of the parties of a call.
pub trait PartyHistory {
    /// The account of a caller, from registrations and from calls before a time.
    fn account(&mut self, caller: &str, before: Timestamp) -> Account;

    /// The reputation record of a platform, deployment, instance or origin.
    fn standing(&mut self, subject: &Subject) -> Option<ReputationRecord>;

    /// The facts about a platform: none for one that no message had.
    fn platform(&mut self, fingerprint: &str, user_agent: Option<&str>) -> Option<PlatformFacts>;
}

/// Knowledge from earlier runs. It is queried for entries that a table never had or has evicted.
pub trait History: PartyHistory {
    /// The stored score of a call that began at a time.
    fn judged(&mut self, call: CallId, started_at: Timestamp) -> Option<Judged>;

    /// Keys of campaigns active since `since`, each with its campaign, latest last, at most `most` of them.
    /// Read once at the start, which saves a query for each new platform and number block.
    fn leads(&mut self, since: Timestamp, most: usize) -> Vec<(i64, CampaignId)>;

    /// A stored campaign.
    fn campaign(&mut self, campaign: CampaignId) -> Option<crate::CampaignRow>;

    /// Recordings that several calls played, with the calls from `since` on.
    fn recordings(&mut self, since: Timestamp) -> Vec<PastRecording>;

    /// The calls from `since` until `before` for the watch, oldest first, the latest `most` of them.
    fn watched(&mut self, since: Timestamp, before: Timestamp, most: usize) -> Vec<PastWatched>;

    /// A stored incident.
    fn incident(&mut self, incident: IncidentId) -> Option<PastIncident>;

    /// The calls from `since` until `before`, oldest first.
    fn recent(&mut self, since: Timestamp, before: Timestamp) -> Vec<PastCall>;

    /// The senders of the calls from `since` until `before`, oldest first, the latest `most` of them.
    fn senders(&mut self, since: Timestamp, before: Timestamp, most: usize) -> Vec<PastSender>;
}

/// An empty history, for scoring without a database.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl PartyHistory for NoHistory {
    fn account(&mut self, _: &str, _: Timestamp) -> Account {
        Account::default()
    }

    fn standing(&mut self, _: &Subject) -> Option<ReputationRecord> {
        None
    }

    fn platform(&mut self, _: &str, _: Option<&str>) -> Option<PlatformFacts> {
        None
    }
}

impl History for NoHistory {
    fn judged(&mut self, _: CallId, _: Timestamp) -> Option<Judged> {
        None
    }

    fn leads(&mut self, _: Timestamp, _: usize) -> Vec<(i64, CampaignId)> {
        Vec::new()
    }

    fn campaign(&mut self, _: CampaignId) -> Option<crate::CampaignRow> {
        None
    }

    fn recordings(&mut self, _: Timestamp) -> Vec<PastRecording> {
        Vec::new()
    }

    fn watched(&mut self, _: Timestamp, _: Timestamp, _: usize) -> Vec<PastWatched> {
        Vec::new()
    }

    fn incident(&mut self, _: IncidentId) -> Option<PastIncident> {
        None
    }

    fn recent(&mut self, _: Timestamp, _: Timestamp) -> Vec<PastCall> {
        Vec::new()
    }

    fn senders(&mut self, _: Timestamp, _: Timestamp, _: usize) -> Vec<PastSender> {
        Vec::new()
    }
}
