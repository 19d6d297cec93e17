//! Parties, calls and registrations of a world.

use std::net::SocketAddrV4;
use std::ops::Range;

use crate::plan::Habit;
use crate::stack::Stack;

/// Seconds, in which all times and lengths are.
pub(crate) const MINUTE: f64 = 60.0;
pub(crate) const HOUR: f64 = 3600.0;
pub(crate) const DAY: f64 = 24.0 * HOUR;

/// The length of the recording.
pub(crate) const END: f64 = 3.0 * DAY;

/// An address with the program behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Host {
    pub(crate) at: SocketAddrV4,
    pub(crate) stack: Stack,
}

/// A party that calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The user part of From.
    pub(crate) user: String,
    pub(crate) host: Host,
    pub(crate) identity: Identity,
}

/// The standing of a caller at the proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Identity {
    /// A caller with a domain of its own.
    Outside,
    /// A caller with the credentials of an account.
    Account(String),
    /// A caller who names the site's domain without credentials.
    Claimed,
}

/// The end of a call attempt. Times are in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Talk {
        ring: f64,
        talk: f64,
        is_by_caller: bool,
    },
    Cancel {
        ring: f64,
    },
    /// The other branch of a forked call answered.
    Elsewhere {
        ring: f64,
        has_reason: bool,
    },
    Refused {
        status: u16,
        ring: f64,
    },
}

impl End {
    /// The time for which the caller is busy.
    pub(crate) fn length(&self) -> f64 {
        match self {
            Self::Talk { ring, talk, .. } => ring + talk,
            Self::Cancel { ring } | Self::Elsewhere { ring, .. } | Self::Refused { ring, .. } => *ring,
        }
    }
}

/// The habits of a group of calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conduct {
    pub(crate) answered: f64,
    /// The median of the talk, and its spread (log-normal).
    pub(crate) talk: f64,
    pub(crate) spread: f64,
    /// The share of unanswered calls that the caller ends.
    pub(crate) gives_up: f64,
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: f64,
    pub(crate) caller: Caller,
    /// The dialled user.
    pub(crate) to: String,
    /// The receiver of the INVITE.
    pub(crate) toward: SocketAddrV4,
    /// The host to which the proxy forwards the call, if the mirror shows that.
    pub(crate) relay: Option<Host>,
    pub(crate) end: End,
    pub(crate) group: &'static str,
    pub(crate) campaign: Option<&'static str>,
}

/// A device that keeps a registration.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) user: String,
    pub(crate) host: Host,
    pub(crate) during: Range<f64>,
    pub(crate) period: f64,
}

/// A REGISTER that the registrar refuses.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) at: f64,
    pub(crate) user: String,
    pub(crate) host: Host,
    pub(crate) status: u16,
}

/// An account of the site.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The name of the account.
    pub(crate) user: String,
    /// Its numbers; a telephone system has several.
    pub(crate) numbers: Vec<String>,
    /// The addresses of its device, each with the time from which it holds.
    pub(crate) hosts: Vec<(f64, Host)>,
    pub(crate) habit: Habit,
    pub(crate) contacts: Vec<String>,
    /// Contacts abroad, and the share of calls to them.
    pub(crate) foreign: Vec<String>,
    pub(crate) foreign_share: f64,
    pub(crate) new_share: f64,
    /// The share of the site's calls, relative to the others.
    pub(crate) weight: f64,
    pub(crate) is_system: bool,
}

impl Account {
    /// Its device at a time.
    pub(crate) fn host(&self, at: f64) -> Option<Host> {
        self.hosts.iter().rev().find(|(from, _)| *from <= at).or(self.hosts.first()).map(|(_, host)| *host)
    }

    /// Its main number.
    pub(crate) fn number(&self) -> &str {
        self.numbers.first().map_or("", String::as_str)
    }
}
