//! The engine's input from an INVITE, of a new call or of a call of an earlier run.

use std::net::IpAddr;

use bellwether_base::{CallId, Timestamp};
use bellwether_enrich::{Attested, CallRow, CallUpdate, PassportStatus, Side, Validity};
use bellwether_fingerprint::PrintHash;

use crate::history::{PastCall, PastPassport};

/// An INVITE, as far as tables and groups are keyed by it. Signals read more, and only of new calls.
#[derive(Clone, Copy)]
pub(crate) struct Invite<'a> {
    pub(crate) call: CallId,
    pub(crate) started_at: Timestamp,
    pub(crate) caller: &'a str,
    pub(crate) caller_host: &'a str,
    pub(crate) dialled: &'a str,
    pub(crate) callee_country: Option<&'a str>,
    /// Number blocks: the number without its last three digits.
    pub(crate) callee_block: Option<&'a str>,
    pub(crate) caller_block: Option<&'a str>,
    /// The last digits of the called number, within its block.
    pub(crate) callee_line: Option<u16>,
    pub(crate) caller_validity: Option<Validity>,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) fingerprint: PrintHash,
    pub(crate) family: PrintHash,
    pub(crate) is_anonymous: bool,
    pub(crate) deployment: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) passport: Option<Passport<'a>>,
    /// Name of the trunk; a call of an earlier run may have come from a trunk without a name.
    pub(crate) trunk: Option<&'a str>,
    pub(crate) is_from_trunk: bool,
    pub(crate) is_neighbour: bool,
    pub(crate) is_risky: bool,
    pub(crate) dials_abroad: Option<u32>,
}

/// The engine's input from a PASSporT (RFC 8225).
#[derive(Clone, Copy)]
pub(crate) struct Passport<'a> {
    pub(crate) status: PassportStatus,
    /// Attestation A, B or C (RFC 8588).
    pub(crate) attestation: Option<&'a str>,
    pub(crate) signer: Option<&'a str>,
    pub(crate) origid: Option<&'a str>,
}

impl Passport<'_> {
    /// True if the token says nothing false as far as could be checked.
    pub(crate) fn is_sound(&self) -> bool {
        self.status <= PassportStatus::Unverified
    }
}

impl<'a> From<&'a CallRow> for Invite<'a> {
    fn from(row: &'a CallRow) -> Self {
        let traits = &row.traits;
        Self {
            call: row.call,
            started_at: row.started_at,
            caller: &row.caller,
            caller_host: &row.caller_host,
            dialled: &row.dialled,
            callee_country: row.callee_number.country.as_deref(),
            callee_block: row.callee_neighbourhood.as_deref(),
            caller_block: traits.caller_neighbourhood.as_deref(),
            callee_line: traits.callee_line,
            caller_validity: row.caller_number.validity,
            source: row.source.ip(),
            destination: row.destination.ip(),
            user_agent: row.user_agent.as_deref(),
            fingerprint: row.fingerprint,
            family: row.family,
            is_anonymous: traits.is_anonymous,
            deployment: &row.deployment,
            origin: &row.origin,
            passport: row.attested.as_deref().map(Passport::from),
            trunk: row.trunk_id.as_deref(),
            is_from_trunk: traits.trunk.is_some(),
            is_neighbour: traits.is_neighbour,
            is_risky: traits.risk.is_some(),
            dials_abroad: traits.dials_abroad,
        }
    }
}

impl<'a> From<&'a PastCall> for Invite<'a> {
    fn from(past: &'a PastCall) -> Self {
        Self {
            call: past.call,
            started_at: past.started_at,
            caller: &past.caller,
            caller_host: &past.caller_host,
            dialled: &past.dialled,
            callee_country: past.callee_country.as_deref(),
            callee_block: past.callee_block.as_deref(),
            caller_block: past.caller_block.as_deref(),
            callee_line: None,
            caller_validity: past.caller_validity,
            source: past.source,
            destination: past.destination,
            user_agent: past.user_agent.as_deref(),
            fingerprint: past.fingerprint,
            family: past.family,
            is_anonymous: past.is_anonymous,
            deployment: &past.deployment,
            origin: &past.origin,
            passport: past.passport.as_ref().map(Passport::from),
            trunk: None,
            is_from_trunk: past.is_from_trunk,
            is_neighbour: past.is_neighbour,
            is_risky: false,
            dials_abroad: None,
        }
    }
}

impl<'a> From<&'a Attested> for Passport<'a> {
    fn from(attested: &'a Attested) -> Self {
        Self {
            status: attested.status,
            attestation: attested.attestation,
            signer: attested.signer.as_deref(),
            origid: attested.origid.as_deref(),
        }
    }
}

impl<'a> From<&'a PastPassport> for Passport<'a> {
    fn from(past: &'a PastPassport) -> Self {
        Self {
            status: past.status,
            attestation: past.attestation.as_deref(),
            signer: past.signer.as_deref(),
            origid: past.origid.as_deref(),
        }
    }
}

/// The progress of a call.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) call: CallId,
    pub(crate) started_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) final_status: Option<u16>,
    pub(crate) ended_by: Option<Side>,
    /// True if the server took the caller's credentials.
    pub(crate) is_let_in: bool,
    pub(crate) is_cancelled: bool,
}

impl From<&CallUpdate> for Progress {
    fn from(update: &CallUpdate) -> Self {
        Self {
            call: update.call,
            started_at: update.started_at,
            answered_at: update.answered_at,
            ended_at: update.ended_at,
            final_status: update.final_status,
            ended_by: update.ended_by,
            is_let_in: update.is_let_in,
            is_cancelled: update.cancelled,
        }
    }
}

impl From<&PastCall> for Progress {
    fn from(past: &PastCall) -> Self {
        Self {
            call: past.call,
            started_at: past.started_at,
            answered_at: past.answered_at,
            ended_at: past.ended_at,
            final_status: past.final_status,
            ended_by: past.ended_by,
            is_let_in: false,
            is_cancelled: false,
        }
    }
}
