//! The newest calls in figures: by hour, country and trunk.

use std::collections::BTreeMap;

use bellwether_base::{Span, Timestamp};
use bellwether_store::StoreError;

use crate::Reports;

/// Calls that are counted at most: more take longer than a page may.
const MAX_COUNTED: usize = 20_000;

/// An hour in nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

/// Calls with their results.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Figures {
    /// All calls.
    pub calls: u64,
    /// Answered calls.
    pub answered: u64,
    /// Talk time in seconds.
    pub talk_s: f64,
    /// Calls with the disposition quarantine.
    pub quarantine: u64,
    /// Calls with the disposition monitor.
    pub monitor: u64,
    /// Calls without a score.
    pub not_judged: u64,
}

impl Figures {
    fn add(&mut self, disposition: Option<&str>, talk_s: Option<f64>) {
        self.calls += 1;
        self.answered += u64::from(talk_s.is_some());
        self.talk_s += talk_s.unwrap_or(0.0);
        match disposition {
            None => self.not_judged += 1,
            Some("quarantine") => self.quarantine += 1,
            Some("monitor") => self.monitor += 1,
            Some(_) => {}
        }
    }
}

/// The calls of the last hours.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recent {
    /// Time of the first counted call.
    pub from: Option<Timestamp>,
    /// Time of the last counted call.
    pub to: Option<Timestamp>,
    /// True if older calls of the span were left out: there are too many.
    pub is_cut: bool,
    /// All counted calls.
    pub all: Figures,
    /// By the beginning of the hour.
    pub hours: BTreeMap<Timestamp, Figures>,
    /// By the country calling code of the dialled number; an empty name is a number without one.
    pub countries: BTreeMap<String, Figures>,
    /// By trunk; an empty name is a call without one.
    pub trunks: BTreeMap<String, Figures>,
}

impl Reports<'_> {
    /// Figures of the newest calls: those of a span before the last call, up to a number that a page can count.
    ///
    /// # Errors
    /// If the database fails.
    pub fn recent(&self, span: Span) -> Result<Recent, StoreError> {
        let newest: Option<i64> =
            self.db().query_row("SELECT max(started_at) FROM calls", [], |r| r.get(0))?;
        let Some(newest) = newest else { return Ok(Recent::default()) };
        let since = (Timestamp::from_nanos(newest) - span).as_nanos();
        let mut select = self.db().prepare_cached(
            "SELECT c.started_at, s.disposition, o.answered_at, o.ended_at, coalesce(c.callee_country, ''),
                 coalesce(iif(o.id IS NULL, c.first_trunk_id, o.trunk_id), '')
             FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id LEFT JOIN scores AS s ON s.id = c.id
             WHERE c.started_at > ?1 ORDER BY c.started_at DESC, c.id DESC",
        )?;
        let mut rows = select.query([since])?;
        let mut recent = Recent { to: Some(Timestamp::from_nanos(newest)), ..Recent::default() };
        while let Some(row) = rows.next()? {
            if recent.all.calls >= MAX_COUNTED as u64 {
                recent.is_cut = true;
                break;
            }
            let at: i64 = row.get(0)?;
            let disposition: Option<String> = row.get(1)?;
            let (answered, ended): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            // A call that goes on has no talk time yet.
            let talk_s = answered.map(|from| ended.map_or(0.0, |to| to.saturating_sub(from) as f64 / 1e9));
            let hour = Timestamp::from_nanos(at.div_euclid(HOUR) * HOUR);
            recent.from = Some(Timestamp::from_nanos(at));
            recent.all.add(disposition.as_deref(), talk_s);
            recent.hours.entry(hour).or_default().add(disposition.as_deref(), talk_s);
            recent.countries.entry(row.get(4)?).or_default().add(disposition.as_deref(), talk_s);
            recent.trunks.entry(row.get(5)?).or_default().add(disposition.as_deref(), talk_s);
        }
        Ok(recent)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_store::Writer;

    use super::*;

    #[test]
    fn figures_count_the_calls_of_the_span_and_say_when_there_are_too_many() {
        let room = tempfile::tempdir().unwrap();
        let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        assert_eq!(Reports::of(writer.reader()).recent(Span::from_secs(60)).unwrap(), Recent::default());
        writer
            .reader()
            .connection()
            .execute_batch(
                "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20999)
                 INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, callee, caller_kind, callee_kind, callee_country,
                     source, destination, transport, fingerprint, sip_author, origin, first_access_side, has_identity, is_sensitive)
                 SELECT i + 1, i, 'c' || i, 't', i * 1000000000, 'a', 'b', 'k', 'k', iif(i % 2 = 0, '49', NULL), 's', 'd', 'udp', 'f',
                     'a', 'o', 'unknown', 0, 0 FROM n;
                 INSERT INTO outcomes (id, answered_at, ended_at, access_side, trunk_id, duplicates, retransmissions, hops, forks,
                     reinvites, cancelled)
                 VALUES (21000, 20999000000000, 21002000000000, 'inbound', 'carrier', 0, 0, 1, 0, 0, 0);
                 INSERT INTO scores (id, stage, at, score, disposition, signals) VALUES (20999, 1, 1, 1.0, 'quarantine', '[]');",
            )
            .unwrap();
        let reports = Reports::of(writer.reader());
        let minute = reports.recent(Span::from_secs(60)).unwrap();
        assert_eq!(
            (minute.all.calls, minute.all.answered, minute.all.quarantine, minute.all.not_judged),
            (60, 1, 1, 59)
        );
        assert!(!minute.is_cut && (minute.all.talk_s - 3.0).abs() < 1e-9);
        assert_eq!(
            (minute.countries["49"].calls, minute.countries[""].calls, minute.trunks["carrier"].calls),
            (30, 30, 1)
        );
        let day = reports.recent(Span::from_secs(86_400)).unwrap();
        assert_eq!((day.all.calls, day.is_cut), (MAX_COUNTED as u64, true));
        assert_eq!(day.hours.values().map(|hour| hour.calls).sum::<u64>(), day.all.calls);
    }
}
