//! The calls, callers and honest parties that a label or an entry of a list reaches.

use std::net::{IpAddr, SocketAddr};

use bellwether_base::{IncidentId, RecordingId};
use bellwether_scoring::{Layer, Subject};
use bellwether_store::StoreError;
use rusqlite::named_params;
use rusqlite::types::Value as SqlValue;
use serde_json::json;

use crate::Reports;

/// A subject of a label or of an entry.
#[derive(Clone, Copy)]
pub enum Reaching<'a> {
    /// The legs under a Call-ID as reports print it.
    Call(&'a str),
    /// A platform by its fingerprint.
    Fingerprint(&'a str),
    /// A platform family.
    Family(&'a str),
    /// A campaign by name.
    Campaign(&'a str),
    /// A recording by name.
    Recording(&'a str),
    /// An incident by name.
    Incident(&'a str),
    /// A caller by its token.
    Number(&'a str),
    /// Addresses of callers.
    Sources(&'a dyn Fn(IpAddr) -> bool),
}

/// What it reaches of the calls in the database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Calls.
    pub calls: u64,
    /// Their callers.
    pub callers: u64,
    /// Callers with an answered call of the disposition standard. For a fingerprint the honest parties of its reputation, if those are
    /// more.
    pub honest_parties: u64,
    /// Network addresses of their senders.
    pub sources: u64,
}

/// One leg under a Call-ID.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    /// The From tag, which distinguishes it.
    pub from_tag: String,
    /// The sender.
    pub source: String,
    /// The receiver.
    pub destination: String,
    /// The User-Agent.
    pub user_agent: Option<String>,
    /// The fingerprint.
    pub fingerprint: String,
}

impl Reports<'_> {
    /// What a subject reaches.
    ///
    /// # Errors
    /// If the database fails.
    pub fn reach(&self, subject: Reaching<'_>) -> Result<Reach, StoreError> {
        let (condition, value): (&str, SqlValue) = match subject {
            Reaching::Call(id) => ("c.call_id = :it", id.to_owned().into()),
            Reaching::Fingerprint(print) => ("c.fingerprint = :it", print.to_owned().into()),
            Reaching::Family(family) => {
                ("c.fingerprint IN (SELECT fingerprint FROM fingerprints WHERE family = :it)", family.to_owned().into())
            }
            Reaching::Campaign(name) => (
                "c.call IN (SELECT m.call FROM campaign_members AS m JOIN campaigns AS k ON k.campaign = m.campaign
                    WHERE k.name = :it AND k.merged_into IS NULL)",
                name.to_owned().into(),
            ),
            // No row has the number NULL of a name that is none.
            Reaching::Recording(name) => (
                "c.call IN (SELECT call FROM streams WHERE recording = :it)",
                RecordingId::named(name).map(RecordingId::get).into(),
            ),
            Reaching::Incident(name) => (
                "c.call IN (SELECT call FROM incident_members WHERE incident = :it)",
                IncidentId::named(name).map(IncidentId::get).into(),
            ),
            Reaching::Number(token) => ("c.caller = :it", token.to_owned().into()),
            Reaching::Sources(is_meant) => {
                let all = self.texts("SELECT DISTINCT source FROM calls", [])?;
                let meant = all.into_iter().filter(|source| {
                    source.parse::<SocketAddr>().is_ok_and(|source| is_meant(source.ip().to_canonical()))
                });
                let meant: Vec<String> = meant.collect();
                ("c.source IN (SELECT value FROM json_each(:it))", json!(meant).to_string().into())
            }
        };
        let mut reach = self.db().query_row(
            &format!(
                "SELECT count(*), count(DISTINCT c.caller), count(DISTINCT rtrim(c.source, '0123456789')),
                     count(DISTINCT iif(s.disposition = 'standard' AND o.answered_at IS NOT NULL, c.caller, NULL))
                 FROM calls AS c LEFT JOIN scores AS s ON s.id = c.id LEFT JOIN outcomes AS o ON o.id = c.id WHERE {condition}"
            ),
            named_params! {":it": value},
            |row| {
                let count = |place| row.get::<_, i64>(place).map(i64::cast_unsigned);
                Ok(Reach { calls: count(0)?, callers: count(1)?, sources: count(2)?, honest_parties: count(3)? })
            },
        )?;
        if let Reaching::Fingerprint(print) = subject {
            let subject = Subject { layer: Layer::Fingerprint, name: print.to_owned() };
            let record = self.reader.reputation_record(&subject)?;
            let parties = record.map_or(0, |record| record.party_count().round() as u64);
            reach.honest_parties = reach.honest_parties.max(parties);
        }
        Ok(reach)
    }

    /// The legs under a Call-ID as reports print it, in the order in which they began.
    ///
    /// # Errors
    /// If the database fails.
    pub fn legs_of(&self, call_id: &str) -> Result<Vec<Leg>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT from_tag, source, destination, user_agent, fingerprint FROM calls WHERE call_id = ?1
             ORDER BY started_at, call LIMIT 20",
        )?;
        let legs = select.query_map([call_id], |row| {
            Ok(Leg {
                from_tag: row.get(0)?,
                source: row.get(1)?,
                destination: row.get(2)?,
                user_agent: row.get(3)?,
                fingerprint: row.get(4)?,
            })
        })?;
        Ok(legs.collect::<Result<_, _>>()?)
    }
}
