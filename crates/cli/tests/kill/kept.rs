//! The database that a killed process left, and its invariants.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_store::Upkeep;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::common::text;
use super::hook::Posts;

/// The tables of facts and of conclusions.
const TABLES: [&str; 19] = [
    "calls",
    "outcomes",
    "streams",
    "registrations",
    "observations",
    "segments",
    "fingerprints",
    "instances",
    "scores",
    "standings",
    "list_changes",
    "campaigns",
    "campaign_members",
    "incidents",
    "incident_members",
    "campaign_events",
    "campaign_keys",
    "recordings",
    "alerts",
];

/// The database after a kill.
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
}

impl Kept {
    /// True if a complete database exists. A run killed during creation leaves a file without tables or without the name of the key; the
    /// next run completes the file.
    pub(crate) fn is_there(&self) -> bool {
        bellwether_store::key_id(&self.path).unwrap().is_some()
    }

    /// Checks that the database is sound, that alerts refer to rows, and that posts equal stored alerts. At the end, all
    /// alerts were posted.
    pub(crate) fn check(&self, posts: &Posts, is_end: bool) {
        let problems = Upkeep::open(&self.path).unwrap().check().unwrap();
        assert!(problems.is_empty(), "the database is not sound: {problems:?}");
        let alerts = self.alerts();
        for alert in alerts.values() {
            self.names_what_is_there(alert);
        }
        let mut ids: Vec<i64> = Vec::new();
        for post in &posts.taken() {
            let id = post["id"].as_i64().unwrap();
            let kept = alerts.get(&id).unwrap_or_else(|| panic!("{post} was sent, and is not kept"));
            for column in ["kind", "severity", "subject", "message"] {
                assert_eq!(post[column], kept[column], "{column} of alert {id} is not what was sent");
            }
            if !ids.contains(&id) {
                assert!(ids.last().is_none_or(|last| *last < id), "alert {id} came behind a later one");
                ids.push(id);
            }
        }
        // Every alert up to the cursor has arrived.
        let up_to = self.number("SELECT coalesce(max(up_to), 0) FROM deliveries WHERE receiver = 'hook'");
        let lost: Vec<_> = alerts.keys().filter(|id| **id <= up_to && !ids.contains(id)).collect();
        assert!(lost.is_empty(), "alerts {lost:?} count as sent, and never came");
        if is_end {
            assert!(alerts.keys().eq(&ids), "kept {:?}, taken {ids:?}", alerts.keys().collect::<Vec<_>>());
        }
    }

    /// Checks that the row of the alert's subject exists. [`Upkeep::check`] checks call and campaign.
    fn names_what_is_there(&self, alert: &Value) {
        let (kind, subject) = (alert["kind"].as_str().unwrap(), alert["subject"].as_str().unwrap());
        let sql = match kind {
            "campaign_found" => "SELECT count(*) FROM campaigns WHERE name = ?1",
            "fraud_incident" => {
                "SELECT count(*) FROM alerts AS a JOIN incidents AS i ON i.incident = a.incident WHERE a.subject = ?1"
            }
            "block_list_changed" => {
                "SELECT count(*) FROM standings WHERE instr(?1, name) > 0
                     AND (layer <> 'fingerprint' OR name IN (SELECT fingerprint FROM fingerprints))"
            }
            "device_unauthorised" | "device_shared" => "SELECT count(*) FROM registrations WHERE aor = ?1",
            "call_quarantined" | "passport_replay" | "portal_from_trunk" => {
                "SELECT count(*) FROM calls WHERE ?1 IN ('sip:' || caller || '@' || coalesce(caller_host, ''), caller)"
            }
            // An address that attacks, and a system beside this one, have no rows.
            "registration_attack" | "provisioning_failed" => return,
            other => panic!("{other} is not known here"),
        };
        let count: i64 = self.open().query_row(sql, [subject], |r| r.get(0)).unwrap();
        assert!(count > 0, "{alert} names what is not there");
    }

    pub(crate) fn open(&self) -> Connection {
        read_only(&self.path)
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.open().query_row(sql, [], |r| r.get(0)).unwrap()
    }

    /// Alerts by their numbers.
    pub(crate) fn alerts(&self) -> BTreeMap<i64, Value> {
        if !self.is_there() {
            return BTreeMap::new();
        }
        let db = self.open();
        let mut select = db.prepare("SELECT id, kind, severity, subject, message FROM alerts").unwrap();
        let rows = select.query_map([], |r| {
            let text = |i: usize| r.get::<_, String>(i);
            let alert = serde_json::json!({
                "kind": text(1)?, "severity": text(2)?, "subject": text(3)?, "message": text(4)?,
            });
            Ok((r.get(0)?, alert))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The rows of tables as text. Numbers of rows go by the order of commits, which is the machine's, and stay out.
    pub(crate) fn tables(&self) -> BTreeMap<&'static str, Vec<String>> {
        let db = self.open();
        let is_told = |name: &str| name != "id";
        let rows = |table: &str| {
            let mut select = match table {
                "scores" => {
                    db.prepare("SELECT c.call, s.* FROM scores AS s JOIN calls AS c ON c.id = s.id").unwrap()
                }
                "outcomes" => db
                    .prepare("SELECT c.call, s.* FROM outcomes AS s JOIN calls AS c ON c.id = s.id")
                    .unwrap(),
                _ => db.prepare(&format!("SELECT * FROM {table}")).unwrap(),
            };
            let names: Vec<String> = select.column_names().map(ToString::to_string).collect();
            let row = |r: &rusqlite::Row<'_>| {
                let mut shown = String::new();
                for (i, name) in names.iter().enumerate().filter(|(_, name)| is_told(name)) {
                    shown.push_str(&format!("{name}={} ", value(r.get_ref(i)?)));
                }
                Ok(shown)
            };
            let mut rows: Vec<String> = select.query_map([], row).unwrap().map(Result::unwrap).collect();
            rows.sort();
            rows
        };
        TABLES.into_iter().map(|table| (table, rows(table))).collect()
    }
}

fn value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(octets) => text(octets),
        ValueRef::Blob(octets) => octets.iter().map(|octet| format!("{octet:02x}")).collect(),
    }
}

fn read_only(path: &Path) -> Connection {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db
}
