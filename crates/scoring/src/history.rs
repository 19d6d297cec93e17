use std::net::IpAddr;

use bellwether_acoustics::OpeningPrint;
use bellwether_base::Timestamp;
use bellwether_enrich::{PassportStatus, Validity};
use bellwether_fingerprint::PrintHash;

use crate::{Account, Finding, ReputationRecord, Subject};

/// How far a call's judgement was kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// At its INVITE, or while it goes on.
    Provisional,
    /// At its end.
    Final,
    /// It has taught reputation what it had to: nothing of it changes any more but by labels, devices and campaigns.
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

    /// As it is stored.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Provisional => 0,
            Self::Final => 1,
            Self::Closed => 2,
        }
    }

    /// From what was stored.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        match number {
            0 => Self::Provisional,
            1 => Self::Final,
            _ => Self::Closed,
        }
    }
}

/// A call's judgement as it was kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// How far it went.
    pub stage: Stage,
    /// Its signals.
    pub findings: Vec<Finding>,
    /// Its campaign, how sure that is, and why.
    pub member: Option<(i64, f64, String)>,
}

/// What structure shows of a platform.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlatformFacts {
    /// The stack that wrote the headers, where it is known.
    pub stack: Option<String>,
    /// Whether that looks for victims or makes test traffic.
    pub is_suspicious: bool,
    /// Whether the User-Agent belongs to something that is built differently.
    pub is_contradictory: bool,
}

/// A call of an earlier run, as far as the database keeps what later calls are compared with.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct PastCall {
    pub call: i64,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub final_status: Option<u16>,
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
    pub deployment: String,
    pub origin: String,
    pub passport: Option<PastPassport>,
    pub is_neighbour: bool,
    pub is_emergency: bool,
    pub is_from_trunk: bool,
    /// The campaign that it belongs to.
    pub campaign: Option<i64>,
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

/// What outlives a run: asked for when a table has forgotten it, or never knew.
pub trait History {
    /// What an earlier run kept of the judgement of a call that began at a time.
    fn judged(&mut self, call: i64, started_at: Timestamp) -> Option<Judged>;

    /// What is known of a caller from calls before a time, and from registrations.
    fn account(&mut self, caller: &str, before: Timestamp) -> Account;

    /// The standing of a platform, deployment, instance or origin.
    fn standing(&mut self, subject: &Subject) -> Option<ReputationRecord>;

    /// What structure shows of a platform.
    fn platform(&mut self, fingerprint: &str, user_agent: Option<&str>) -> PlatformFacts;

    /// What leads to campaigns that made a call since a time, each with the campaign; not more than so many, the latest last. Asked for once,
    /// so that nobody has to ask for each platform and block of numbers that was never seen.
    fn leads(&mut self, since: Timestamp, most: usize) -> Vec<(i64, i64)>;

    /// A campaign that was kept.
    fn campaign(&mut self, campaign: i64) -> Option<crate::CampaignRow>;

    /// Recordings of campaigns.
    fn prompts(&mut self) -> Vec<(OpeningPrint, i64)>;

    /// Calls of the window that ends with a time, oldest first.
    fn recent(&mut self, since: Timestamp, before: Timestamp) -> Vec<PastCall>;
}

/// No earlier run: for whoever judges without a database.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn judged(&mut self, _: i64, _: Timestamp) -> Option<Judged> {
        None
    }

    fn account(&mut self, _: &str, _: Timestamp) -> Account {
        Account::default()
    }

    fn standing(&mut self, _: &Subject) -> Option<ReputationRecord> {
        None
    }

    fn platform(&mut self, _: &str, _: Option<&str>) -> PlatformFacts {
        PlatformFacts::default()
    }

    fn leads(&mut self, _: Timestamp, _: usize) -> Vec<(i64, i64)> {
        Vec::new()
    }

    fn campaign(&mut self, _: i64) -> Option<crate::CampaignRow> {
        None
    }

    fn prompts(&mut self) -> Vec<(OpeningPrint, i64)> {
        Vec::new()
    }

    fn recent(&mut self, _: Timestamp, _: Timestamp) -> Vec<PastCall> {
        Vec::new()
    }
}
