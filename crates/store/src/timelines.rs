//! Timelines in the database: what registrations and the other timers of devices have in common.

use bellwether_base::Timestamp;
use bellwether_clock::{Points, SegmentStats};
use rusqlite::{Connection, params};

use crate::StoreError;

/// The tables of one kind of timelines.
#[derive(Clone, Copy)]
pub(crate) struct Timelines {
    /// The table of observations, that of segments, and the column in both that names the timeline.
    observations: &'static str,
    segments: &'static str,
    owner: &'static str,
}

/// Of registrations.
pub(crate) const REGISTRATIONS: Timelines =
    Timelines { observations: "observations", segments: "segments", owner: "registration" };

/// Of other timers.
pub(crate) const TIMERS: Timelines =
    Timelines { observations: "timer_observations", segments: "timer_segments", owner: "timer" };

impl Timelines {
    /// Makes room for an observation by deleting observations within its time. Returns false if a stored observation contains the new
    /// one, which is then not written.
    pub(crate) fn admits(self, tx: &Connection, id: i64, first: i64, last: i64) -> Result<bool, StoreError> {
        let Self { observations, segments, owner } = self;
        let mut held =
            tx.prepare_cached(&format!("SELECT first_at, last_at FROM {observations} WHERE {owner} = ?1"))?;
        let held: Vec<(i64, i64)> =
            held.query_map([id], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
        if held.iter().any(|(f, l)| *f <= first && *l >= last && (*f, *l) != (first, last)) {
            return Ok(false);
        }
        if held.iter().any(|(f, l)| *f >= first && *l <= last) {
            for table in [observations, segments] {
                let delete =
                    format!("DELETE FROM {table} WHERE {owner} = ?1 AND first_at >= ?2 AND last_at <= ?3");
                tx.prepare_cached(&delete)?.execute([id, first, last])?;
            }
        }
        Ok(true)
    }

    /// Writes segments of a timeline.
    pub(crate) fn write(self, tx: &Connection, id: i64, segments: &[SegmentStats]) -> Result<(), StoreError> {
        let Self { segments: table, owner, .. } = self;
        let mut insert = tx.prepare_cached(&format!(
            "INSERT OR REPLACE INTO {table} ({owner}, first_at, last_at, refreshes, off_grid, period_s,
                 period_observed_s, sxx, sxy, syy, points)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ))?;
        for s in segments {
            insert.execute(params![
                id,
                s.first_at.as_nanos(),
                s.last_at.as_nanos(),
                s.refreshes,
                s.off_grid,
                s.period_s,
                s.period_observed_s,
                s.sxx,
                s.sxy,
                s.syy,
                s.packed.as_octets(),
            ])?;
        }
        Ok(())
    }

    /// Reads the segments of a timeline, oldest first.
    pub(crate) fn read(self, db: &Connection, id: i64) -> Result<Vec<SegmentStats>, StoreError> {
        let Self { segments: table, owner, .. } = self;
        let mut select = db.prepare_cached(&format!(
            "SELECT first_at, last_at, refreshes, off_grid, period_s, period_observed_s, sxx, sxy, syy, points
             FROM {table} WHERE {owner} = ?1 ORDER BY first_at"
        ))?;
        let rows: Result<Vec<SegmentStats>, rusqlite::Error> = select
            .query_map([id], |r| {
                Ok(SegmentStats {
                    first_at: Timestamp::from_nanos(r.get(0)?),
                    last_at: Timestamp::from_nanos(r.get(1)?),
                    refreshes: r.get(2)?,
                    off_grid: r.get(3)?,
                    period_s: r.get(4)?,
                    period_observed_s: r.get(5)?,
                    sxx: r.get(6)?,
                    sxy: r.get(7)?,
                    syy: r.get(8)?,
                    packed: r
                        .get::<_, Option<Vec<u8>>>(9)?
                        .map(|p| Points::from_octets(&p))
                        .unwrap_or_default(),
                })
            })?
            .collect();
        Ok(rows?)
    }
}
