//! Pools: calls that have something in common.

use std::net::IpAddr;

use bellwether_base::{CallId, Timestamp};

use smallvec::SmallVec;

use crate::detector::LogM;
use crate::sketch::{mix, pair};
use crate::watch::Call;

/// The common property of a pool's calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum PoolKey {
    Account(u64),
    Source(IpAddr),
    Platform(u64),
    Network(u64),
    /// The country that callers show.
    Country(u16),
    /// All callers from abroad.
    Abroad,
    /// A called number.
    Callee(u64),
    /// All calls.
    Site,
}

impl PoolKey {
    /// The pools in which a call that was cut counts.
    pub(crate) fn of_ring(call: &Call) -> SmallVec<[Self; 4]> {
        let mut keys = SmallVec::from_iter([Self::Source(call.source), Self::Platform(call.platform)]);
        keys.extend(call.origin.into_iter().flat_map(|origin| [Self::Country(origin.country), Self::Abroad]));
        keys
    }

    /// The key of a table, for one kind of pool.
    pub(crate) fn hash(self, of: u64) -> u64 {
        let (kind, value) = match self {
            Self::Account(key) => (1, key),
            Self::Source(address) => (2, address_key(address)),
            Self::Platform(key) => (3, key),
            Self::Network(key) => (4, key),
            Self::Country(country) => (5, u64::from(country)),
            Self::Abroad => (6, 0),
            Self::Callee(key) => (7, key),
            Self::Site => (8, 0),
        };
        pair(value, kind + 16 * of)
    }
}

/// The key of an address: IPv6 counts by /64, which one host has to itself.
pub(crate) fn address_key(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => mix(u64::from(u32::from(v4)) + 1),
        IpAddr::V6(v6) => mix((u128::from(v6) >> 64) as u64 ^ 6),
    }
}

/// The network of an address: /16, or /48 of IPv6.
pub(crate) fn network_key(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => mix(u64::from(u32::from(v4) >> 16) + 1),
        IpAddr::V6(v6) => mix((u128::from(v6) >> 80) as u64 ^ 6),
    }
}

/// Calls that a pool remembers.
const REMEMBERED: usize = 128;

/// Alternatives and families with their statistics, and the calls that spoke for the fraud.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) logs: Vec<LogM>,
    pub(crate) calls: Vec<CallId>,
    /// Different parties of these calls: people called, or accounts.
    pub(crate) parties: Vec<u64>,
    pub(crate) last: Timestamp,
}

impl Pool {
    pub(crate) fn new(logs: usize, at: Timestamp) -> Self {
        Self { logs: vec![LogM::default(); logs], calls: Vec::new(), parties: Vec::new(), last: at }
    }

    /// Remembers a call that spoke for the fraud.
    pub(crate) fn remember(&mut self, call: CallId, party: u64, at: Timestamp) {
        self.last = at;
        if self.calls.len() == REMEMBERED {
            self.calls.remove(0);
        }
        self.calls.push(call);
        if !self.parties.contains(&party) {
            if self.parties.len() == REMEMBERED {
                self.parties.remove(0);
            }
            self.parties.push(party);
        }
    }

    /// The calls that spoke for the fraud, for an alarm. The pool begins anew.
    pub(crate) fn take_calls(&mut self) -> Vec<CallId> {
        let calls = std::mem::take(&mut self.calls);
        self.reset();
        calls
    }

    /// Begins anew, after an alarm or a label.
    pub(crate) fn reset(&mut self) {
        self.logs.fill(LogM::default());
        self.calls.clear();
        self.parties.clear();
    }
}
