//! Everything about one party, one network address, one network or one Call-ID.

use std::net::{IpAddr, SocketAddr};

use bellwether_base::{IncidentId, Timestamp};
use bellwether_scoring::{OperatorEntry, OperatorSubject};
use bellwether_store::StoreError;
use ipnet::IpNet;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Params, Row, named_params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{int, text, time};

/// Rows that are listed of anything that there may be many of.
const MOST: i64 = 20;

/// Calls as a search lists them.
const CALLS: &str = "FROM calls_now AS c LEFT JOIN scores AS s ON s.id = c.id
    LEFT JOIN campaigns AS k ON k.campaign = s.campaign LEFT JOIN incident_members AS m ON m.call = c.call
    LEFT JOIN labels AS l ON l.kind = 'call' AND l.subject = CAST(c.call AS TEXT)";

/// The calls of one of the parties `:who`, a JSON array of tokens.
const FROM_PARTY: &str = "c.caller IN (SELECT value FROM json_each(:who))";
const TO_PARTY: &str = "(c.callee IN (SELECT value FROM json_each(:who)) OR c.dialled_otherwise IN (SELECT value FROM json_each(:who)))";

/// A network address that is looked for, with its port if one is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The port; any if none.
    pub port: Option<u16>,
}

impl Address {
    /// An address as people write it: alone, with a port, or in the brackets of IPv6.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let end = |end: SocketAddr| Self { ip: end.ip(), port: Some(end.port()) };
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let ip = |ip: IpAddr| Self { ip, port: None };
        text.parse().map(end).or_else(|_| bare.parse().map(ip)).ok()
    }

    /// The beginning of the texts of its endpoints.
    fn beginning(self) -> String {
        let ip = match self.ip.to_canonical() {
            IpAddr::V4(ip) => format!("{ip}:"),
            IpAddr::V6(ip) => format!("[{ip}]:"),
        };
        self.port.map_or_else(|| ip.clone(), |port| format!("{ip}{port}"))
    }
}

/// Endpoints that are looked for: those of an address, or of a network.
struct Endpoints {
    /// The parameter `:who` of the conditions.
    who: String,
    /// The condition that a column holds one of them.
    is_one: fn(&str) -> String,
    /// The condition that the subject of an alert or an incident is one of them.
    is_subject: String,
}

impl Endpoints {
    fn of_address(address: Address) -> Self {
        let is_one = |column: &str| format!("substr({column}, 1, length(:who)) = :who");
        let is_subject = format!("subject = '{}' OR {}", address.ip.to_canonical(), is_one("subject"));
        Self { who: address.beginning(), is_one, is_subject }
    }

    /// The conditions use [`Reports::learn_networks`].
    fn of_network(network: IpNet) -> Self {
        let is_one = |column: &str| format!("in_network({column}, :who)");
        Self { who: network.to_string(), is_one, is_subject: is_one("subject") }
    }

    fn from(&self) -> String {
        (self.is_one)("c.source")
    }

    fn to(&self) -> String {
        format!("({} OR {})", (self.is_one)("c.destination"), (self.is_one)("c.last_destination"))
    }
}

/// True if the text of an address or an endpoint lies in the network of another text.
fn is_in_network(text: Option<&str>, network: &str) -> bool {
    let ip = text.and_then(Address::read).map(|address| address.ip.to_canonical());
    ip.zip(network.parse::<IpNet>().ok()).is_some_and(|(ip, network)| network.contains(&ip))
}

impl Reports<'_> {
    /// Everything about a party by its tokens: as caller, as callee, as subscriber, on lists, in incidents, campaigns and alerts. None if
    /// nothing is known.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_party(&self, tokens: &[String]) -> Result<Option<Map<String, Value>>, StoreError> {
        let who = json!(tokens).to_string();
        let mut found = Map::new();
        put(&mut found, "as_caller", self.calls_where(FROM_PARTY, &who)?);
        put(&mut found, "as_callee", self.calls_where(TO_PARTY, &who)?);
        let is_user = |column: &str| {
            format!(
                "substr({column}, 5, 32) IN (SELECT value FROM json_each(:who)) OR {column} IN (SELECT value FROM json_each(:who))"
            )
        };
        put(
            &mut found,
            "registrations",
            self.registrations_where(&format!("{} OR {}", is_user("r.aor"), is_user("r.contact")), &who)?,
        );
        put(&mut found, "devices", self.devices_of(&is_user("aor"), &who)?);
        put(
            &mut found,
            "inventory",
            self.objects(
                &format!(
                    "SELECT aor, device_class, max_devices, policy, note FROM inventory WHERE {} LIMIT :most",
                    is_user("aor")
                ),
                named_params! {":who": who, ":most": MOST},
                |row| {
                    Ok(json!({
                        "aor": text(row, "aor")?, "device_class": text(row, "device_class")?,
                        "max_devices": int(row, "max_devices")?, "policy": text(row, "policy")?,
                    }))
                },
            )?,
        );
        let is_meant = |subject: &OperatorSubject| matches!(subject, OperatorSubject::Number(token) if tokens.contains(token));
        put(&mut found, "lists", self.entries_where(&is_meant)?);
        self.put_consequences(&mut found, &[FROM_PARTY, TO_PARTY], &is_user("subject"), &who)?;
        Ok((!found.is_empty()).then_some(found))
    }

    /// Everything about a network address: calls, registrations and media from it and to it, lists, incidents and alerts. None if
    /// nothing is known.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_address(&self, address: Address) -> Result<Option<Map<String, Value>>, StoreError> {
        let ip = address.ip.to_canonical();
        self.find_endpoints(&Endpoints::of_address(address), &|subject| match subject {
            OperatorSubject::Peer(peer) => *peer == ip,
            OperatorSubject::Network(network) => network.contains(&ip),
            _ => false,
        })
    }

    /// Everything about the addresses of a network, as of one address, with those that call most. None if nothing is known.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_network(&self, network: IpNet) -> Result<Option<Map<String, Value>>, StoreError> {
        self.learn_networks()?;
        let endpoints = Endpoints::of_network(network);
        let found = self.find_endpoints(&endpoints, &|subject| match subject {
            OperatorSubject::Peer(peer) => network.contains(peer),
            OperatorSubject::Network(of) => network.contains(of) || of.contains(&network),
            _ => false,
        })?;
        let Some(mut found) = found else { return Ok(None) };
        let sources = self.objects(
            &format!(
                "SELECT c.source, count(*) AS calls, min(c.started_at) AS first, max(c.started_at) AS last FROM calls AS c
                 WHERE {} GROUP BY c.source ORDER BY calls DESC, c.source LIMIT :most",
                endpoints.from()
            ),
            named_params! {":who": endpoints.who, ":most": MOST},
            |row| {
                Ok(json!({
                    "source": text(row, "source")?, "calls": int(row, "calls")?, "first_seen": time(row.get("first")?),
                    "last_seen": time(row.get("last")?),
                }))
            },
        )?;
        put(&mut found, "sources", sources);
        Ok(Some(found))
    }

    /// Teaches this connection `in_network(text, network)`.
    fn learn_networks(&self) -> Result<(), StoreError> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        self.db().create_scalar_function("in_network", 2, flags, |context| {
            let text = context.get_raw(0).as_str_or_null().unwrap_or_default();
            Ok(context.get_raw(1).as_str().is_ok_and(|network| is_in_network(text, network)))
        })?;
        Ok(())
    }

    fn find_endpoints(
        &self,
        endpoints: &Endpoints,
        is_meant: &dyn Fn(&OperatorSubject) -> bool,
    ) -> Result<Option<Map<String, Value>>, StoreError> {
        let (who, is_one) = (&endpoints.who, endpoints.is_one);
        let (from, to) = (endpoints.from(), endpoints.to());
        let mut found = Map::new();
        put(&mut found, "as_source", self.calls_where(&from, who)?);
        put(&mut found, "as_destination", self.calls_where(&to, who)?);
        let registered = format!("{} OR {}", is_one("r.source"), is_one("r.registrar"));
        put(&mut found, "registrations", self.registrations_where(&registered, who)?);
        for (name, column) in [("media_sent", "src"), ("media_received", "dst")] {
            let sql = format!(
                "SELECT count(*) AS streams, sum(packets) AS packets, min(first_seen) AS first, max(last_seen) AS last
                 FROM streams WHERE {}",
                is_one(column)
            );
            let media = self.db().query_row(&sql, named_params! {":who": who}, |row| {
                let streams: i64 = row.get("streams")?;
                Ok((streams > 0).then_some((
                    streams,
                    row.get::<_, i64>("packets").ok(),
                    row.get("first")?,
                    row.get("last")?,
                )))
            })?;
            if let Some((streams, packets, first, last)) = media {
                let media = json!({"streams": streams, "packets": packets, "first_seen": time(first), "last_seen": time(last)});
                found.insert(name.to_owned(), media);
            }
        }
        put(&mut found, "lists", self.entries_where(is_meant)?);
        self.put_consequences(&mut found, &[&from, &to], &endpoints.is_subject, who)?;
        Ok((!found.is_empty()).then_some(found))
    }

    /// The calls under a Call-ID as it stands in the database, and the other legs of their conversations. None if there is none.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_call(&self, call_id: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let mut found = Map::new();
        put(&mut found, "legs", self.call_list("c.call_id = :who", call_id)?);
        let others = "c.call_id <> :who AND c.call IN (SELECT other FROM call_links AS o JOIN calls AS a ON a.call = o.call WHERE a.call_id = :who)";
        put(&mut found, "linked", self.call_list(others, call_id)?);
        self.put_consequences(
            &mut found,
            &["c.call_id = :who"],
            "alerts.call IN (SELECT call FROM calls WHERE call_id = :who)",
            call_id,
        )?;
        Ok((!found.is_empty()).then_some(found))
    }

    /// The incidents, campaigns and alerts of calls, or of a subject.
    fn put_consequences(
        &self,
        found: &mut Map<String, Value>,
        calls: &[&str],
        subject: &str,
        who: &str,
    ) -> Result<(), StoreError> {
        let calls = calls.join(" OR ");
        let incidents = if subject.starts_with("alerts.") { "0" } else { subject };
        put(
            found,
            "incidents",
            self.objects(
                &format!(
                    "SELECT i.incident, i.kind, i.severity, i.subject, i.state, i.opened_at, i.calls FROM incidents AS i
                     WHERE i.merged_into IS NULL AND (({incidents}) OR i.incident IN (
                         SELECT m.incident FROM incident_members AS m JOIN calls_now AS c ON c.call = m.call WHERE {calls}))
                     ORDER BY i.updated_at DESC LIMIT :most"
                ),
                named_params! {":who": who, ":most": MOST},
                |row| {
                    Ok(json!({
                        "incident": IncidentId::new(row.get("incident")?).name(), "kind": text(row, "kind")?,
                        "severity": text(row, "severity")?, "state": text(row, "state")?,
                        "subject": text(row, "subject")?, "opened_at": time(row.get("opened_at")?),
                        "calls": int(row, "calls")?,
                    }))
                },
            )?,
        );
        put(
            found,
            "campaigns",
            self.objects(
                &format!(
                    "SELECT k.name, k.kind, count(*) AS calls FROM calls_now AS c JOIN scores AS s ON s.id = c.id
                         JOIN campaigns AS k ON k.campaign = s.campaign
                     WHERE {calls} GROUP BY k.name ORDER BY calls DESC, k.name LIMIT :most"
                ),
                named_params! {":who": who, ":most": MOST},
                |row| Ok(json!({"campaign": text(row, "name")?, "kind": text(row, "kind")?, "calls": int(row, "calls")?})),
            )?,
        );
        put(
            found,
            "alerts",
            self.objects(
                &format!("SELECT at, kind, severity, message FROM alerts WHERE {subject} ORDER BY at DESC, id DESC LIMIT :most"),
                named_params! {":who": who, ":most": MOST},
                |row| {
                    Ok(json!({
                        "at": time(row.get("at")?), "kind": text(row, "kind")?, "severity": text(row, "severity")?,
                        "message": text(row, "message")?,
                    }))
                },
            )?,
        );
        Ok(())
    }

    /// The number of calls that meet a condition, their dispositions, and the newest of them. Null if there is none.
    fn calls_where(&self, condition: &str, who: &str) -> Result<Value, StoreError> {
        let sql = format!(
            "SELECT coalesce(s.disposition, 'not_judged') AS disposition, count(*) AS calls, min(c.started_at) AS first,
                 max(c.started_at) AS last FROM calls_now AS c LEFT JOIN scores AS s ON s.id = c.id
             WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1"
        );
        let mut select = self.db().prepare(&sql)?;
        let mut rows = select.query(named_params! {":who": who})?;
        let (mut calls, mut first, mut last, mut dispositions) = (0_i64, i64::MAX, i64::MIN, Map::new());
        while let Some(row) = rows.next()? {
            let count: i64 = row.get("calls")?;
            calls += count;
            first = first.min(row.get("first")?);
            last = last.max(row.get("last")?);
            dispositions.insert(row.get("disposition")?, json!(count));
        }
        if calls == 0 {
            return Ok(Value::Null);
        }
        Ok(json!({
            "calls": calls,
            "first_seen": time(Some(first)),
            "last_seen": time(Some(last)),
            "dispositions": dispositions,
            "newest": self.call_list(condition, who)?,
        }))
    }

    /// The newest calls that meet a condition.
    fn call_list(&self, condition: &str, who: &str) -> Result<Value, StoreError> {
        self.objects(
            &format!(
                "SELECT c.*, s.score, s.disposition, iif(k.kind = 'campaign', k.name, NULL) AS campaign_name, m.incident, l.label {CALLS}
                 WHERE {condition} ORDER BY c.started_at DESC, c.call LIMIT :most"
            ),
            named_params! {":who": who, ":most": MOST},
            |row| {
                let incident: Option<i64> = row.get("incident")?;
                Ok(json!({
                    "started_at": time(row.get("started_at")?), "call_id": text(row, "call_id")?,
                    "caller": text(row, "caller")?, "callee": text(row, "dialled")?, "source": text(row, "source")?,
                    "destination": text(row, "last_destination")?, "final_status": int(row, "final_status")?,
                    "fingerprint": text(row, "fingerprint")?, "score": row.get::<_, Option<f64>>("score")?,
                    "disposition": text(row, "disposition")?, "campaign": text(row, "campaign_name")?,
                    "incident": incident.map(|incident| IncidentId::new(incident).name()), "label": text(row, "label")?,
                }))
            },
        )
    }

    fn registrations_where(&self, condition: &str, who: &str) -> Result<Value, StoreError> {
        self.objects(
            &format!(
                "SELECT r.aor, r.contact, r.source, r.user_agent, r.fingerprint, min(o.first_at) AS first, max(o.last_at) AS last
                 FROM registrations AS r JOIN observations AS o ON o.registration = r.id WHERE {condition}
                 GROUP BY r.id ORDER BY last DESC, r.id LIMIT :most"
            ),
            named_params! {":who": who, ":most": MOST},
            |row| {
                Ok(json!({
                    "aor": text(row, "aor")?, "contact": text(row, "contact")?, "source": text(row, "source")?,
                    "user_agent": text(row, "user_agent")?, "fingerprint": text(row, "fingerprint")?,
                    "first_seen": time(row.get("first")?), "last_seen": time(row.get("last")?),
                }))
            },
        )
    }

    /// The devices of the addresses of record that meet a condition, with their verdicts.
    fn devices_of(&self, condition: &str, who: &str) -> Result<Value, StoreError> {
        let aors = self.texts(
            &format!("SELECT DISTINCT aor FROM registrations WHERE {condition} ORDER BY aor LIMIT :most"),
            named_params! {":who": who, ":most": MOST},
        )?;
        let mut devices = Vec::new();
        for aor in aors {
            let subscriber = self.reader.subscriber(&aor)?;
            devices.extend(subscriber.verdict.devices.iter().map(|device| {
                json!({
                    "aor": aor, "device": device.name, "verdict": device.step.verdict.name(), "class": device.class,
                    "calls": device.calls, "last_seen": time(Some(device.last_seen.as_nanos())),
                })
            }));
        }
        Ok(Value::Array(devices))
    }

    /// The entries of the operator's lists about a subject.
    fn entries_where(&self, is_meant: &dyn Fn(&OperatorSubject) -> bool) -> Result<Value, StoreError> {
        let entries = self.reader.operator_lists()?;
        let shown = |entry: &OperatorEntry| {
            json!({
                "list": entry.list.name(), "kind": entry.subject.kind(), "value": entry.subject.value(),
                "reason": entry.reason, "author": entry.author, "until": time(entry.until.map(Timestamp::as_nanos)),
            })
        };
        Ok(entries.iter().filter(|entry| is_meant(&entry.subject)).map(shown).collect())
    }

    fn objects(
        &self,
        sql: &str,
        values: impl Params,
        object: impl Fn(&Row<'_>) -> Result<Value, StoreError>,
    ) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(sql)?;
        let rows: Result<Vec<Value>, StoreError> = select.query_and_then(values, object)?.collect();
        Ok(Value::Array(rows?))
    }
}

/// Keeps a value that says something.
fn put(found: &mut Map<String, Value>, name: &str, value: Value) {
    let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if !is_empty {
        found.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port_and_brackets() {
        let of = |text| Address::read(text).map(|found| (found.ip.to_string(), found.port));
        assert_eq!(of("10.0.0.1"), Some(("10.0.0.1".to_owned(), None)));
        assert_eq!(of("10.0.0.1:5060"), Some(("10.0.0.1".to_owned(), Some(5060))));
        assert_eq!(of("[2001:db8::1]"), Some(("2001:db8::1".to_owned(), None)));
        assert_eq!(of("[2001:db8::1]:5060"), Some(("2001:db8::1".to_owned(), Some(5060))));
        assert_eq!((of("101"), of("sip:101@10.0.0.1")), (None, None));
    }

    #[test]
    fn a_network_has_addresses_and_endpoints() {
        for (text, network, is_so) in [
            (Some("198.51.100.7:5060"), "198.51.100.0/24", true),
            (Some("198.51.100.7"), "198.51.100.0/24", true),
            (Some("198.51.101.7:5060"), "198.51.100.0/24", false),
            (Some("[2001:db8::1]:5060"), "2001:db8::/32", true),
            (Some("[::ffff:198.51.100.7]:5060"), "198.51.100.0/24", true),
            (Some("+12125550188"), "0.0.0.0/0", false),
            (None, "0.0.0.0/0", false),
        ] {
            assert_eq!(is_in_network(text, network), is_so, "{text:?} {network}");
        }
    }

    #[test]
    fn an_address_is_no_beginning_of_another() {
        let of = |ip: &str, port| Address { ip: ip.parse().unwrap(), port }.beginning();
        assert_eq!(of("10.0.0.1", None), "10.0.0.1:");
        assert_eq!(of("10.0.0.1", Some(5060)), "10.0.0.1:5060");
        assert_eq!(of("2001:db8::1", None), "[2001:db8::1]:");
        assert_eq!(of("::ffff:10.0.0.1", None), "10.0.0.1:");
    }
}
