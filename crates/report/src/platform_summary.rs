//! A platform in bounded time over any number of calls.

use bellwether_store::StoreError;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{text, time};
use crate::platforms::{explained, habits, identifiers};

/// The newest calls of a platform that are counted.
const MAX_COUNTED: i64 = 5000;

/// The newest calls and registrations whose instances are told apart.
const MAX_INSTANCES: i64 = 500;

/// Rows listed of anything that there may be many of.
const MAX_LISTED: i64 = 20;

impl Reports<'_> {
    /// A fingerprint by its hash or by the hash of its SIP or SDP author, as in [`Self::show_fingerprint`] but without the members that
    /// read all calls: no specificity, trunks, beginnings of media or neighbours. `callers` and `sources` are those of the
    /// newest calls, whose number is `counted_calls`; `calls` counts scored calls.
    ///
    /// # Errors
    /// If the database fails.
    pub fn platform_summary(&self, hash: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT f.*, coalesce(t.calls, 0) AS calls,
                 (SELECT count(*) FROM registrations AS r WHERE r.fingerprint = f.fingerprint) AS registrations
             FROM fingerprints AS f LEFT JOIN standings AS t ON t.layer = 'fingerprint' AND t.name = f.fingerprint
             WHERE f.fingerprint = ?1 OR f.sip_author = ?1 OR f.sdp_author = ?1 ORDER BY calls DESC, f.fingerprint LIMIT 1",
        )?;
        let found = select.query_row([hash], |row| Ok(self.summary_of(row)));
        found.optional()?.transpose()
    }

    fn summary_of(&self, row: &Row<'_>) -> Result<Map<String, Value>, StoreError> {
        let print: String = row.get("fingerprint")?;
        let platform = self.reader.platform(&print)?;
        let reputed = self.reputed_print(row)?;
        let agents = self.agents_of(&print)?;
        let mut claims = Vec::new();
        for agent in &agents {
            claims.push(self.reader.claim(&print, Some(agent))?.name());
        }
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        for name in ["fingerprint", "readable", "method", "sip_author", "sdp_author"] {
            put(name, text(row, name)?);
        }
        put("platform_family", text(row, "family")?);
        put("stack", json!(platform.stack()));
        put("sdp_stack", json!(platform.sdp_stack()));
        put("calls", json!(row.get::<_, i64>("calls")?));
        put("registrations", json!(row.get::<_, i64>("registrations")?));
        put("claimed_agents", json!(agents));
        put("claims", json!(claims));
        put("reputation", json!(reputed.score));
        put("label", json!(reputed.label));
        put("list", json!(reputed.listed.name()));
        put("honest_parties", json!(reputed.parties));
        put("too_little_material", json!(platform.is_thin()));
        put("is_scanner_or_tool", json!(platform.is_suspicious()));
        put("reputation_course", self.list_changes("fingerprint", &print)?);
        put("parts", explained(&platform));
        put("habits", habits(&platform));
        put("identifiers", identifiers(&platform));
        put("relatives", self.relatives(&print)?);
        let (counted, callers, sources) = self.newest_of(&print)?;
        put("counted_calls", json!(counted));
        put("callers", json!(callers));
        put("sources", json!(sources));
        let (first, last) = self.span_of(&print)?;
        put("first_seen", time(first));
        put("last_seen", time(last));
        let newest =
            "SELECT call_id FROM calls WHERE fingerprint = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2";
        put("newest_call_ids", json!(self.texts(newest, params![print, MAX_LISTED])?));
        let aors = "SELECT DISTINCT aor FROM registrations WHERE fingerprint = ?1 ORDER BY aor LIMIT ?2";
        put("instances", self.instances_of(&print, MAX_INSTANCES)?);
        put("aors", json!(self.texts(aors, params![print, MAX_LISTED])?));
        Ok(shown)
    }

    /// User-Agents of the newest calls and of some registrations.
    fn agents_of(&self, print: &str) -> Result<Vec<String>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT agent FROM (SELECT user_agent AS agent FROM calls WHERE fingerprint = ?1 ORDER BY started_at DESC LIMIT ?2)
             WHERE agent IS NOT NULL
             UNION SELECT agent FROM (SELECT user_agent AS agent FROM registrations WHERE fingerprint = ?1 LIMIT ?2)
             WHERE agent IS NOT NULL
             UNION SELECT agent FROM (SELECT user_agent AS agent FROM sightings WHERE fingerprint = ?1 LIMIT ?2)
             WHERE agent <> '' ORDER BY 1",
        )?;
        let rows = select.query_map(params![print, MAX_COUNTED], |r| r.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest calls, their callers and their addresses.
    fn newest_of(&self, print: &str) -> Result<(i64, i64, i64), StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT count(*), count(DISTINCT caller), count(DISTINCT rtrim(source, '0123456789')) FROM
                 (SELECT caller, source FROM calls WHERE fingerprint = ?1 ORDER BY started_at DESC LIMIT ?2)",
        )?;
        Ok(select.query_row(params![print, MAX_COUNTED], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?)
    }

    /// The first and the last time of a platform.
    fn span_of(&self, print: &str) -> Result<(Option<i64>, Option<i64>), StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT min(first), max(last) FROM (
                 SELECT (SELECT min(started_at) FROM calls WHERE fingerprint = ?1) AS first,
                     (SELECT max(started_at) FROM calls WHERE fingerprint = ?1) AS last
                 UNION ALL SELECT min(o.first_at), max(o.last_at) FROM registrations AS r JOIN observations AS o
                     ON o.registration = r.id WHERE r.fingerprint = ?1
                 UNION ALL SELECT min(first_seen), max(last_seen) FROM sightings WHERE fingerprint = ?1)",
        )?;
        Ok(select.query_row([print], |r| Ok((r.get(0)?, r.get(1)?)))?)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_store::Writer;

    use super::*;

    #[test]
    fn a_summary_says_what_the_whole_answer_says() {
        let room = tempfile::tempdir().unwrap();
        let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        let db = writer.reader().connection();
        db.execute_batch(
            "INSERT INTO fingerprints (fingerprint, readable, method, sip_author, sdp_author, family)
                 VALUES ('f2-1', 'sip2|m=INVITE|h=Via', 'INVITE', 's2-1', 'd2-1', 'k2-1');
             WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29)
             INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, callee, caller_kind, callee_kind, source,
                 destination, transport, user_agent, fingerprint, sip_author, origin, first_access_side, has_identity, is_sensitive)
             SELECT i + 1, i, 'c' || i, 't', i * 1000000000, 'a' || (i % 7), 'b', 'k', 'k', '192.0.2.' || (i % 5) || ':5060', 'd',
                 'udp', 'agent ' || (i % 2), 'f2-1', 's2-1', 'o', 'unknown', 0, 0 FROM n;",
        )
        .unwrap();
        let reports = Reports::of(writer.reader());
        let summary = reports.platform_summary("s2-1").unwrap().unwrap();
        let whole = reports.show_fingerprint("s2-1").unwrap().unwrap();
        assert_eq!(
            (&summary["callers"], &summary["sources"], &summary["counted_calls"]),
            (&json!(7), &json!(5), &json!(30))
        );
        // Scored calls: there are none here.
        for (name, value) in
            summary.iter().filter(|(name, _)| !["calls", "counted_calls"].contains(&name.as_str()))
        {
            assert_eq!(Some(value), whole.get(name), "{name}");
        }
        assert_eq!(reports.platform_summary("f2-2").unwrap(), None);
    }
}
