use bellwether_base::{Span, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// The bounds of a database that a sensor fills.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Retention {
    /// The maximum age of a row. `None` keeps all rows.
    pub keep: Option<Span>,
    /// The maximum size of the database in octets; the oldest rows leave near this bound. `None` is no bound.
    pub max_bytes: Option<u64>,
}

/// The maximum number of rows of one kind per transaction, so that the writer hardly waits.
const AT_ONCE: i64 = 2000;

/// Shares of the bound: rows begin to leave at the first, down to the second.
const BEGIN: f64 = 0.9;
const END: f64 = 0.85;

/// Deletes rows beyond the maximum age, the oldest first, while it `has_time`. Returns the number of calls, streams and
/// observations.
pub(crate) fn prune_by_age(
    db: &mut Connection,
    keep: Span,
    now: Timestamp,
    has_time: &dyn Fn() -> bool,
) -> Result<u64, StoreError> {
    let before = (now - keep).as_nanos();
    let mut gone = 0;
    loop {
        let round = oldest(db, before)?;
        gone += round;
        if round == 0 || !has_time() {
            return Ok(gone);
        }
    }
}

/// Deletes the oldest rows until the database is below its bound, while it `has_time`. Returns the number of rows.
pub(crate) fn prune_by_size(
    db: &mut Connection,
    max_bytes: u64,
    has_time: &dyn Fn() -> bool,
) -> Result<u64, StoreError> {
    let is_above = |db: &Connection, share: f64| -> Result<bool, StoreError> {
        Ok(used(db)? as f64 > max_bytes as f64 * share)
    };
    if !is_above(db, BEGIN)? {
        return Ok(0);
    }
    let mut gone = 0;
    while is_above(db, END)? {
        let round = oldest(db, end_of_oldest(db)?)?;
        gone += round;
        if round == 0 || !has_time() {
            break;
        }
    }
    Ok(gone)
}

/// The tables that a flood can fill, and the column with the time of a row.
const TIMES: [(&str, &str); 6] = [
    ("calls", "started_at"),
    ("streams", "first_seen"),
    ("observations", "last_at"),
    ("sightings", "last_seen"),
    ("timer_observations", "last_at"),
    ("alerts", "at"),
];

/// The latest reputation records with evidence of fraud, which are kept at any age.
const KEPT_STANDINGS: i64 = 100_000;

/// A platform in traffic gives a row every ten minutes. A platform without a row for longer is no longer in traffic.
const PRINT_TOLD_FOR: i64 = 20 * 60 * 1_000_000_000;

/// The time up to which rows leave in one round of pruning by size. The time follows from the oldest rows of the largest table, so
/// related rows of other tables leave together with these.
fn end_of_oldest(db: &Connection) -> Result<i64, StoreError> {
    let at = |offset: &str| -> Result<Option<i64>, StoreError> {
        let mut earliest: Option<i64> = None;
        for (table, time) in TIMES {
            let sql = format!("SELECT {time} FROM {table} ORDER BY {time} LIMIT 1 OFFSET {offset}");
            let sql = sql.replace("HALF", &format!("(SELECT count(*) / 2 FROM {table})"));
            let found: Option<i64> = db.prepare_cached(&sql)?.query_row([], |r| r.get(0)).optional()?;
            earliest = earliest.into_iter().chain(found).min();
        }
        Ok(earliest)
    };
    let end = match at(&AT_ONCE.to_string())? {
        Some(end) => Some(end),
        // Each kind has few rows, so half of one kind leaves.
        None => at("HALF")?,
    };
    Ok(end.map_or(i64::MAX, |end| end.saturating_add(1)))
}

/// Octets in use. Free pages are used again before the file grows.
fn used(db: &Connection) -> Result<i64, StoreError> {
    let pragma = |name: &str| db.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

/// Deletes some of the oldest calls, streams and observations before a time.
fn oldest(db: &mut Connection, before: i64) -> Result<u64, StoreError> {
    if db.is_autocommit() {
        let tx = db.transaction()?;
        let gone = delete_oldest(&tx, before)?;
        tx.commit()?;
        return Ok(gone);
    }
    // A trial is one transaction, and a round is a step of it.
    let step = db.savepoint()?;
    let gone = delete_oldest(&step, before)?;
    step.commit()?;
    Ok(gone)
}

fn delete_oldest(tx: &Connection, before: i64) -> Result<u64, StoreError> {
    let mut gone: usize = 0;
    // A labelled call is evidence, and stays until the label is taken back.
    let calls = "SELECT id FROM calls WHERE started_at < ?1
            AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'call' AND subject = CAST(calls.call AS TEXT))
            AND NOT EXISTS (SELECT 1 FROM campaign_members AS m JOIN campaigns AS k ON k.campaign = m.campaign
                JOIN labels AS l ON l.kind = 'campaign' AND l.subject = k.name WHERE m.call = calls.call)
            AND NOT EXISTS (SELECT 1 FROM incident_members AS m JOIN labels AS l
                ON l.kind = 'incident' AND l.subject = format('inc-%016x', m.incident) WHERE m.call = calls.call)
        ORDER BY started_at, id LIMIT ?2";
    let links = format!("SELECT call FROM calls WHERE id IN ({calls})");
    for sql in [
        format!("DELETE FROM call_links WHERE call IN ({links}) OR other IN ({links})"),
        format!("DELETE FROM instances WHERE subject IN ({links})"),
        format!("DELETE FROM verdicts WHERE kind = 'call' AND subject IN ({links})"),
        format!("DELETE FROM campaign_members WHERE call IN ({links})"),
        format!("DELETE FROM incident_members WHERE call IN ({links})"),
        format!("DELETE FROM telemetry WHERE call IN ({links})"),
        format!("DELETE FROM alerts WHERE call IN ({links})"),
        format!("DELETE FROM scores WHERE id IN ({calls})"),
        format!("DELETE FROM outcomes WHERE id IN ({calls})"),
    ] {
        tx.prepare_cached(&sql)?.execute(params![before, AT_ONCE])?;
    }
    for sql in [
        format!("DELETE FROM calls WHERE id IN ({calls})").as_str(),
        "DELETE FROM streams WHERE id IN
             (SELECT id FROM streams WHERE first_seen < ?1
                 AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'call' AND subject = CAST(streams.call AS TEXT))
              ORDER BY first_seen, stream LIMIT ?2)",
        "DELETE FROM sightings WHERE (fingerprint, source, user_agent) IN
             (SELECT fingerprint, source, user_agent FROM sightings WHERE last_seen < ?1 ORDER BY last_seen LIMIT ?2)",
    ] {
        gone += tx.prepare_cached(sql)?.execute(params![before, AT_ONCE])?;
    }
    tx.prepare_cached(
        "DELETE FROM stream_legs WHERE first_seen < ?1 AND NOT EXISTS
             (SELECT 1 FROM streams AS s WHERE s.first_seen = stream_legs.first_seen AND s.stream = stream_legs.stream)",
    )?
    .execute([before])?;
    let observations = tx
        .prepare_cached(
            "DELETE FROM observations WHERE (registration, first_at) IN
                 (SELECT registration, first_at FROM observations WHERE last_at < ?1 ORDER BY last_at LIMIT ?2)",
        )?
        .execute(params![before, AT_ONCE])?;
    if observations > 0 {
        // Rows that nothing refers to any more. The search reads whole tables, so it runs only if there may be some.
        tx.execute_batch(
            "DELETE FROM segments WHERE registration NOT IN (SELECT registration FROM observations);
             DELETE FROM moves WHERE registration NOT IN (SELECT registration FROM observations);
             DELETE FROM wall_clocks WHERE subject IN
                 (SELECT registration FROM registrations WHERE id NOT IN (SELECT registration FROM observations));
             DELETE FROM instances WHERE subject IN
                 (SELECT registration FROM registrations WHERE id NOT IN (SELECT registration FROM observations));
             DELETE FROM verdicts WHERE kind = 'device' AND subject IN
                 (SELECT registration FROM registrations WHERE id NOT IN (SELECT registration FROM observations));
             DELETE FROM registrations WHERE id NOT IN (SELECT registration FROM observations);",
        )?;
    }
    let beats = tx
        .prepare_cached(
            "DELETE FROM timer_observations WHERE (timer, first_at) IN
                 (SELECT timer, first_at FROM timer_observations WHERE last_at < ?1 ORDER BY last_at LIMIT ?2)",
        )?
        .execute(params![before, AT_ONCE])?;
    if beats > 0 {
        tx.execute_batch(
            "DELETE FROM timer_segments WHERE timer NOT IN (SELECT timer FROM timer_observations);
             DELETE FROM timers WHERE id NOT IN (SELECT timer FROM timer_observations);",
        )?;
    }
    tx.prepare_cached("DELETE FROM sensor_clock WHERE to_at < ?1")?.execute([before])?;
    prune_blind_spans(tx, before)?;
    tx.prepare_cached("DELETE FROM alerts WHERE at < ?1")?.execute([before])?;
    tx.prepare_cached(
        "DELETE FROM incidents WHERE updated_at < ?1
             AND NOT EXISTS (SELECT 1 FROM incident_members AS m WHERE m.incident = incidents.incident)
             AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'incident' AND subject = format('inc-%016x', incident))",
    )?
    .execute([before])?;
    // A campaign without calls appears in no report.
    let ended = tx
        .prepare_cached(
            "DELETE FROM campaigns WHERE last_seen < ?1
                 AND NOT EXISTS (SELECT 1 FROM campaign_members AS m WHERE m.campaign = campaigns.campaign)
                 AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'campaign' AND subject = campaigns.name)",
        )?
        .execute([before])?;
    if ended > 0 {
        tx.execute_batch(
            "DELETE FROM campaign_keys WHERE campaign NOT IN (SELECT campaign FROM campaigns);
             DELETE FROM alerts WHERE campaign IS NOT NULL AND campaign NOT IN (SELECT name FROM campaigns);
             DELETE FROM campaign_events WHERE campaign NOT IN (SELECT campaign FROM campaigns);
             UPDATE recordings SET campaign = NULL WHERE campaign NOT IN (SELECT campaign FROM campaigns);",
        )?;
    }
    tx.prepare_cached(
        "DELETE FROM recordings WHERE last_seen < ?1
             AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'recording' AND subject = format('%016x', recording))",
    )?
    .execute([before])?;
    tx.prepare_cached("DELETE FROM list_changes WHERE at < ?1")?.execute([before])?;
    // A reputation record without list and evidence equals the default. Its hour counts from 1970.
    tx.prepare_cached(
        "DELETE FROM standings WHERE hour < ?1 / 3600000000000 AND listed = 'none' AND fraud + hour_fraud < 0.5
             AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'fingerprint' AND subject = standings.name)",
    )?
    .execute([before])?;
    tx.prepare_cached(
        "DELETE FROM standings WHERE hour < ?1 / 3600000000000 AND listed = 'none'
             AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'fingerprint' AND subject = standings.name)
             AND hour < (SELECT hour FROM standings ORDER BY hour DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![before, KEPT_STANDINGS])?;
    tx.prepare_cached("DELETE FROM loss_minutes WHERE at < ?1")?.execute([before])?;
    let mut prints = 0;
    if gone + observations + beats > 0 {
        // Platforms without any reference, and then the learned features of their authors.
        prints = tx
            .prepare_cached(
                "DELETE FROM fingerprints WHERE coalesce(seen_at, 0) < ?1
                     AND NOT EXISTS (SELECT 1 FROM calls AS c WHERE c.fingerprint = fingerprints.fingerprint)
                     AND NOT EXISTS (SELECT 1 FROM registrations AS r WHERE r.fingerprint = fingerprints.fingerprint)
                     AND NOT EXISTS (SELECT 1 FROM sightings AS s WHERE s.fingerprint = fingerprints.fingerprint)
                     AND NOT EXISTS (SELECT 1 FROM standings AS s WHERE s.layer = 'fingerprint' AND s.name = fingerprints.fingerprint AND s.listed <> 'none')
                     AND NOT EXISTS (SELECT 1 FROM labels WHERE kind = 'fingerprint' AND subject = fingerprints.fingerprint)",
            )?
            .execute([before.saturating_sub(PRINT_TOLD_FOR)])?;
        tx.execute_batch(
            "DELETE FROM habits WHERE author NOT IN (SELECT sip_author FROM fingerprints);
             DELETE FROM identifiers WHERE author NOT IN (SELECT sip_author FROM fingerprints);",
        )?;
    }
    Ok((gone + observations + beats + prints) as u64)
}

pub(crate) fn note_gone(tx: &Connection, name: &str, spans: i64, count: i64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO blind_spans_gone (name, spans, count) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET spans = spans + excluded.spans, count = count + excluded.count",
    )?
    .execute(params![name, spans, count])?;
    Ok(())
}

/// Deletes spans that ended before a time, and keeps their number and the sum of their counts.
fn prune_blind_spans(tx: &Connection, before: i64) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT name, count(*), sum(count) FROM blind_spans WHERE to_at < ?1 GROUP BY name ORDER BY name",
    )?;
    let gone: Vec<(String, i64, i64)> =
        select.query_map([before], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect::<Result<_, _>>()?;
    for (name, spans, count) in &gone {
        note_gone(tx, name, *spans, *count)?;
    }
    if !gone.is_empty() {
        tx.prepare_cached("DELETE FROM blind_spans WHERE to_at < ?1")?.execute([before])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::open_for_writing;

    /// A second each, oldest first: calls with their outcome, a link to the next, a stream, and a device.
    fn filled(path: &std::path::Path, n: i64) -> Connection {
        let db = open_for_writing(path, "key").unwrap();
        db.execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {n})
             INSERT INTO calls SELECT i + 1, -i, 'id' || i, 't', i * 1000000000, 'a', 'b', 'k', NULL, 'k', NULL, NULL,
                 's', 'd', 'udp', hex(zeroblob(100)), 'f', 's', NULL, NULL, 'o', 'unknown', NULL, 0, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'c', NULL, NULL FROM n;
             INSERT INTO outcomes SELECT id, NULL, NULL, 200, NULL, 'unknown', NULL, 0, 0, 1, 0, 0, 0, NULL FROM calls;
             INSERT INTO scores SELECT id, 2, started_at, 50.0, 'monitor', '[]', NULL, NULL, NULL, 0 FROM calls;
             INSERT INTO campaign_members SELECT 1, call, started_at, 1.0, '', 'evidence' FROM calls;
             INSERT INTO call_links SELECT call, call - 1 FROM calls WHERE id < {n};
             INSERT INTO streams (id, stream, call, direction, src, dst, ssrc, payload_type, packets, lost, reordered,
                     duplicates, restarts, telephone_events, comfort_noise, rtcp_packets, first_seen, last_seen)
                 SELECT id, id, call, 'caller', 'a', 'b', 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, started_at, started_at FROM calls;
             INSERT INTO stream_legs SELECT call - 1, started_at, id, 'caller' FROM calls;
             INSERT INTO registrations SELECT id, id, 'a', 'c', NULL, 's', 'r', 'udp', NULL, 'f', NULL, NULL FROM calls;
             INSERT INTO instances SELECT call, 'lan', '10.0.0.1', NULL, started_at, NULL, NULL FROM calls;
             INSERT INTO verdicts SELECT 'call', call, 0, started_at, '', 'unknown', '[]' FROM calls;
             INSERT INTO verdicts SELECT 'device', id, 0, started_at, '', 'unknown', '[]' FROM calls;
             INSERT INTO alerts SELECT id, started_at, 'k', 's', 'a', 'm', call, NULL, NULL, NULL FROM calls;
             INSERT INTO incident_members SELECT call, id FROM calls;
             INSERT INTO incidents SELECT id, 'scan', 'notice', 's', started_at, started_at, NULL, 'opened', 1, 0, 0, 0, '[]', NULL FROM calls;
             INSERT INTO observations SELECT id, started_at, started_at, 1, 0, 0, 200, 60, NULL, NULL, NULL, NULL, NULL FROM calls;
             INSERT INTO segments SELECT id, started_at, started_at, 1, 0, 30, 30, 1, 1, 1, NULL FROM calls;"
        ))
        .unwrap();
        db
    }

    fn counts(db: &Connection) -> Vec<i64> {
        [
            "calls",
            "outcomes",
            "scores",
            "campaign_members",
            "incident_members",
            "incidents",
            "call_links",
            "streams",
            "stream_legs",
            "registrations",
            "observations",
            "segments",
            "instances",
            "verdicts",
            "alerts",
        ]
        .iter()
        .map(|t| db.query_row(&format!("SELECT count(*) FROM {t}"), [], |r| r.get(0)).unwrap())
        .collect()
    }

    #[test]
    fn what_is_too_old_leaves_with_all_that_belongs_to_it() {
        let room = tempfile::tempdir().unwrap();
        let mut db = filled(&room.path().join("x.db"), 5000);
        let now = Timestamp::from_nanos(5000 * 1_000_000_000);
        let gone = prune_by_age(&mut db, Span::from_secs(1000), now, &|| true).unwrap();
        assert_eq!(gone, 3 * 4000);
        assert_eq!(
            counts(&db),
            [1000, 1000, 1000, 1000, 1000, 1000, 999, 1000, 1000, 1000, 1000, 1000, 1000, 2000, 1000]
        );
        let oldest: i64 = db.query_row("SELECT min(started_at) FROM calls", [], |r| r.get(0)).unwrap();
        assert_eq!(oldest, 4000 * 1_000_000_000);
        assert_eq!(prune_by_age(&mut db, Span::from_secs(1000), now, &|| true).unwrap(), 0);
    }

    #[test]
    fn without_time_a_call_deletes_one_round_and_the_next_goes_on() {
        let room = tempfile::tempdir().unwrap();
        let mut db = filled(&room.path().join("x.db"), 5000);
        let now = Timestamp::from_nanos(5000 * 1_000_000_000);
        let mut left = Vec::new();
        while prune_by_age(&mut db, Span::from_secs(0), now, &|| false).unwrap() > 0 {
            left.push(counts(&db)[0]);
        }
        assert_eq!(left, [3000, 1000, 0]);
        let mut db = filled(&room.path().join("y.db"), 5000);
        prune_by_size(&mut db, 1, &|| false).unwrap();
        assert!(counts(&db)[0] >= 3000);
    }

    #[test]
    fn platforms_of_which_nothing_speaks_leave_with_what_was_learned_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = filled(&folder.path().join("db"), 100);
        db.execute_batch(
            "INSERT INTO fingerprints VALUES ('gone', '', 'INVITE', 'a1', NULL, 0, NULL), ('called', '', 'INVITE', 'a2', NULL, 0, NULL),
                 ('labelled', '', 'INVITE', 'a3', NULL, 0, NULL), ('fresh', '', 'INVITE', 'a4', NULL, 2000000000000, NULL),
                 ('of before', '', 'INVITE', 'a1', NULL, NULL, NULL);
             INSERT INTO habits SELECT DISTINCT sip_author, 'h', 'v' FROM fingerprints;
             INSERT INTO identifiers SELECT author, 'tag', 1, 2, 3, '' FROM habits;
             UPDATE calls SET fingerprint = 'called', started_at = 5000000000000 WHERE id = 100;
             INSERT INTO labels VALUES ('fingerprint', 'labelled', 'fraud', 0, 'operator');",
        )
        .unwrap();
        prune_by_age(&mut db, Span::from_secs(1000), Timestamp::from_nanos(3_000_000_000_000), &|| true)
            .unwrap();
        let names = |sql: &str| -> String {
            db.query_row(&format!("SELECT group_concat(x) FROM ({sql})"), [], |r| r.get(0)).unwrap()
        };
        assert_eq!(names("SELECT fingerprint AS x FROM fingerprints ORDER BY 1"), "called,fresh,labelled");
        assert_eq!(names("SELECT author AS x FROM habits ORDER BY 1"), "a2,a3,a4");
        assert_eq!(names("SELECT author AS x FROM identifiers ORDER BY 1"), "a2,a3,a4");
    }

    #[test]
    fn where_there_is_little_of_each_kind_half_of_one_goes_and_not_all_that_is_told_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = filled(&folder.path().join("db"), 100);
        assert_eq!(end_of_oldest(&db).unwrap(), 50_000_000_001);
    }

    #[test]
    fn labelled_evidence_stays_however_old_it_is() {
        let room = tempfile::tempdir().unwrap();
        let mut db = filled(&room.path().join("x.db"), 100);
        db.execute_batch(
            "INSERT INTO labels VALUES ('call', '-5', 'fraud', 0, 'operator');
             INSERT INTO campaigns VALUES (9, 'c-x', 0, 0, 0, 1, 0, 0, '[]', NULL, NULL, 'campaign');
             INSERT INTO campaign_members VALUES (9, -7, 0, 1.0, '', 'evidence');
             INSERT INTO labels VALUES ('campaign', 'c-x', 'fraud', 0, 'operator');",
        )
        .unwrap();
        prune_by_age(&mut db, Span::from_secs(1), Timestamp::from_nanos(i64::MAX), &|| true).unwrap();
        let left: Vec<i64> = db
            .prepare("SELECT call FROM calls ORDER BY call")
            .unwrap()
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(left, [-7, -5]);
    }

    #[test]
    fn the_oldest_leave_before_the_bound_is_reached_and_the_file_stays_below_it() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("x.db");
        let mut db = filled(&path, 20_000);
        let full = used(&db).unwrap() as u64;
        assert_eq!(prune_by_size(&mut db, full * 2, &|| true).unwrap(), 0);
        let gone = prune_by_size(&mut db, full, &|| true).unwrap();
        assert!(gone > 0 && used(&db).unwrap() as u64 <= full * 85 / 100);
        let newest: i64 = db.query_row("SELECT max(started_at) FROM calls", [], |r| r.get(0)).unwrap();
        assert_eq!(newest, 19_999 * 1_000_000_000);
        // With a bound too small for anything, only undeletable rows stay.
        prune_by_size(&mut db, 1, &|| true).unwrap();
        assert_eq!(counts(&db)[0], 0);
    }
}
