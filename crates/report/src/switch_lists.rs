//! Lists that a switch can act on by itself: each entry is something that it can compare a request with.
//!
//! Fingerprints cannot be computed by a switch. So the block list has, beside the operator's entries, the addresses and the
//! User-Agents from which lately nearly only quarantined calls came. Anybody can write another's address into a UDP packet, so a call
//! counts only where something proves its source: a connection, or media of the caller from the same address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bellwether_base::{Span, Timestamp};
use bellwether_scoring::{OperatorList, OperatorSubject};
use bellwether_store::StoreError;
use rusqlite::params;
use serde::Serialize;
use serde_json::Value;

use crate::Reports;
use crate::cells::time;

/// Calls of this time before the latest one decide.
const LATELY: Span = Span::from_secs(86_400);

/// An address or a User-Agent needs so many quarantined calls, or so many of a campaign or an incident.
const FEWEST_CALLS: u32 = 5;
const FEWEST_OF_CAMPAIGN: u32 = 2;

/// A User-Agent needs more calls, from several networks: many honest callers may share it, and robocallers borrow names.
const FEWEST_OF_AGENT: u32 = 20;
const FEWEST_NETWORKS: usize = 3;

/// Largest share of its calls that is not quarantined: the first calls of a sender are judged before it is known. None of them may be
/// `standard`.
const MAX_OTHERS: f64 = 0.1;

/// Calls that are read, the latest.
const MAX_READ: i64 = 200_000;

/// An entry lasts so long after the latest call that speaks for it.
const LASTS: Span = Span::from_secs(86_400);

/// The list that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SwitchList {
    /// Requests to let through.
    Allow,
    /// Requests to refuse.
    Block,
}

/// An entry of a list.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SwitchEntry {
    /// address, network, number, user_agent, fingerprint, family or recording.
    pub kind: &'static str,
    /// What a request is compared with. A number is a token, unless the installation keeps numbers readable.
    pub value: String,
    /// The reason.
    pub because: String,
    /// Calls of the last day that it reaches.
    pub calls: u32,
    /// Calls among them that are judged `standard`.
    pub honest_calls: u32,
    /// End of the entry in RFC 3339; none for an entry without end.
    pub until: Option<String>,
}

/// Calls of one address or User-Agent.
#[derive(Clone, Default)]
struct Reach {
    calls: u32,
    quarantined: u32,
    /// Quarantined calls that belong to a campaign or an incident.
    members: u32,
    standard: u32,
    last: i64,
    /// Networks of a User-Agent, by the first half of the address; a few suffice.
    networks: BTreeSet<String>,
}

impl Reach {
    fn is_bad(&self) -> bool {
        let others = f64::from(self.calls - self.quarantined);
        let is_enough = self.quarantined >= FEWEST_CALLS || self.members >= FEWEST_OF_CAMPAIGN;
        is_enough
            && self.standard == 0
            && others <= (MAX_OTHERS * f64::from(self.calls)).max(3.0)
            && self.quarantined > self.calls / 2
    }
}

impl Reports<'_> {
    /// The entries of a list that are in force, by kind and value. `is_own` is true for addresses of the site, its trunks and its
    /// subscribers, which only the operator puts on a list.
    ///
    /// # Errors
    /// If the database fails.
    pub fn switch_list(
        &self,
        which: SwitchList,
        now: Timestamp,
        is_own: &dyn Fn(IpAddr) -> bool,
    ) -> Result<Vec<SwitchEntry>, StoreError> {
        // A packet with a stamp from the future must not retire what was seen today.
        let moment = self.reader.moment()?.min(now);
        let [addresses, agents] = self.reach_since(moment - LATELY)?;
        let mut entries = self.operator_entries(which, moment, &addresses)?;
        if which == SwitchList::Block {
            let allowed: Vec<OperatorSubject> = self
                .reader
                .operator_lists()?
                .into_iter()
                .filter(|entry| {
                    entry.list == OperatorList::Allow && entry.until.is_none_or(|until| until > moment)
                })
                .map(|entry| entry.subject)
                .collect();
            for (kind, all) in [("address", &addresses), ("user_agent", &agents)] {
                let bad = all.iter().filter(|(value, reach)| {
                    let is_known = entries.iter().any(|entry| entry.kind == kind && entry.value == **value);
                    let is_seen_enough = match value.parse::<IpAddr>() {
                        Ok(address) if kind == "address" => !is_own(address),
                        _ => reach.quarantined >= FEWEST_OF_AGENT && reach.networks.len() >= FEWEST_NETWORKS,
                    };
                    is_seen_enough
                        && reach.is_bad()
                        && !is_known
                        && !allowed.iter().any(|subject| covers(subject, value))
                });
                let found: Vec<SwitchEntry> = bad
                    .map(|(value, reach)| SwitchEntry {
                        kind,
                        value: value.clone(),
                        because: format!(
                            "{} of {} calls of the last day are quarantined",
                            reach.quarantined, reach.calls
                        ),
                        calls: reach.calls,
                        honest_calls: reach.standard,
                        until: text_of(Timestamp::from_nanos(reach.last) + LASTS),
                    })
                    .collect();
                entries.extend(found);
            }
        }
        entries.sort_by(|a, b| (a.kind, &a.value).cmp(&(b.kind, &b.value)));
        Ok(entries)
    }

    fn operator_entries(
        &self,
        which: SwitchList,
        moment: Timestamp,
        addresses: &BTreeMap<String, Reach>,
    ) -> Result<Vec<SwitchEntry>, StoreError> {
        let list = match which {
            SwitchList::Allow => OperatorList::Allow,
            SwitchList::Block => OperatorList::Block,
        };
        let entries = self.reader.operator_lists()?.into_iter();
        let in_force =
            entries.filter(|entry| entry.list == list && entry.until.is_none_or(|until| until > moment));
        Ok(in_force
            .map(|entry| {
                let reached = addresses.iter().filter(|(address, _)| covers(&entry.subject, address));
                let (calls, honest) = reached.fold((0, 0), |(calls, honest), (_, reach)| {
                    (calls + reach.calls, honest + reach.standard)
                });
                SwitchEntry {
                    kind: if entry.subject.kind() == "peer" { "address" } else { entry.subject.kind() },
                    value: entry.subject.value(),
                    because: if entry.reason.is_empty() {
                        format!("by {}", entry.author)
                    } else {
                        entry.reason
                    },
                    calls,
                    honest_calls: honest,
                    until: entry.until.and_then(text_of),
                }
            })
            .collect())
    }

    /// The calls since a time by address and by User-Agent.
    fn reach_since(&self, since: Timestamp) -> Result<[BTreeMap<String, Reach>; 2], StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT c.source, c.user_agent, s.disposition, c.started_at,
                    s.campaign IS NOT NULL OR EXISTS (SELECT 1 FROM incident_members AS m WHERE m.call = c.call),
                    c.transport,
                    (SELECT t.src FROM streams AS t WHERE t.call = c.call AND t.direction = 'caller' ORDER BY t.id LIMIT 1)
             FROM calls AS c JOIN scores AS s ON s.id = c.id WHERE c.started_at >= ?1 ORDER BY c.started_at DESC LIMIT ?2",
        )?;
        let mut rows = select.query(params![since.as_nanos(), MAX_READ])?;
        let (mut addresses, mut agents): (BTreeMap<String, Reach>, BTreeMap<String, Reach>) =
            Default::default();
        while let Some(row) = rows.next()? {
            let (source, agent): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let disposition: String = row.get(2)?;
            let (at, is_member): (i64, bool) = (row.get(3)?, row.get(4)?);
            let (transport, media): (String, Option<String>) = (row.get(5)?, row.get(6)?);
            let address = without_port(&source).to_owned();
            let is_proven = transport != "udp" || media.is_some_and(|media| without_port(&media) == address);
            let is_bad = disposition == "quarantine" && is_proven;
            let add = |of: &mut BTreeMap<String, Reach>, key: String| {
                let reach = of.entry(key).or_default();
                reach.calls += 1;
                reach.quarantined += u32::from(is_bad);
                reach.members += u32::from(is_bad && is_member);
                if reach.networks.len() < FEWEST_NETWORKS {
                    reach.networks.insert(network_of(&address));
                }
                reach.standard += u32::from(disposition == "standard");
                reach.last = reach.last.max(at);
            };
            add(&mut addresses, address.clone());
            if let Some(agent) = agent.filter(|agent| !agent.is_empty()) {
                add(&mut agents, agent);
            }
        }
        Ok([addresses, agents])
    }
}

/// True if an entry of the operator reaches an address.
fn covers(subject: &OperatorSubject, address: &str) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    match subject {
        OperatorSubject::Peer(peer) => *peer == address,
        OperatorSubject::Network(network) => network.contains(&address),
        _ => false,
    }
}

/// The first half of an address.
fn network_of(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V4(of)) => {
            of.octets().map(|octet| octet.to_string()).get(..2).unwrap_or_default().join(".")
        }
        _ => address.chars().take(9).collect(),
    }
}

/// The address of an endpoint as the database has it.
fn without_port(source: &str) -> &str {
    let address = source.rsplit_once(':').map_or(source, |(address, _)| address);
    address.trim_start_matches('[').trim_end_matches(']')
}

fn text_of(at: Timestamp) -> Option<String> {
    match time(Some(at.as_nanos())) {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_an_honest_call_is_never_blocked() {
        let bad = Reach { calls: 20, quarantined: 18, ..Reach::default() };
        assert!(bad.is_bad());
        assert!(!Reach { standard: 1, ..bad.clone() }.is_bad());
        assert!(!Reach { calls: 4, quarantined: 4, ..bad.clone() }.is_bad());
        assert!(!Reach { calls: 40, quarantined: 18, ..bad.clone() }.is_bad());
        assert!(Reach { calls: 2, quarantined: 2, members: 2, ..bad.clone() }.is_bad());
    }

    #[test]
    fn endpoints_lose_their_ports() {
        for (source, address) in [("192.0.2.1:5060", "192.0.2.1"), ("[2001:db8::1]:5060", "2001:db8::1")] {
            assert_eq!(without_port(source), address);
        }
    }
}
