//! Runs, and the times in which something could not be seen.

use bellwether_base::{Alert, AlertKind, Loss, Severity, Span, Timestamp};
use bellwether_enrich::{BlindRow, RunRow};
use rusqlite::{Connection, OptionalExtension, params};

use super::clocks::nanos;
use crate::retention::note_gone;
use crate::{StoreError, alerts};

/// Spans kept of one loss: the latest.
const MAX_SPANS: i64 = 100;

/// Records that a run began, is alive, or is over. At the start of a live run, the time since the previous live run at one of its places
/// becomes a blind span.
pub(super) fn run(tx: &Connection, row: &RunRow) -> Result<(), StoreError> {
    let mut known = tx.prepare_cached("SELECT 1 FROM runs WHERE input = ?1")?;
    if row.is_live && !known.exists([row.input])? {
        interruption(tx, row)?;
    }
    tx.prepare_cached(
        "INSERT INTO runs (input, places, is_live, started_at, alive_at, is_over) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (input) DO UPDATE SET alive_at = max(alive_at, excluded.alive_at), is_over = excluded.is_over",
    )?
    .execute(params![
        row.input,
        row.places,
        row.is_live,
        nanos(row.started_at),
        nanos(row.alive_at),
        row.is_over
    ])?;
    Ok(())
}

fn interruption(tx: &Connection, row: &RunRow) -> Result<(), StoreError> {
    let started = nanos(row.started_at);
    let mut select = tx.prepare_cached(
        "SELECT input, places, alive_at, is_over FROM runs WHERE is_live AND alive_at <= ?1 ORDER BY alive_at DESC",
    )?;
    let mut rows = select.query([started])?;
    while let Some(before) = rows.next()? {
        let places: String = before.get(1)?;
        if !places.split(' ').any(|place| row.places.split(' ').any(|other| other == place)) {
            continue;
        }
        let (input, alive_at, is_over): (i64, i64, Option<bool>) =
            (before.get(0)?, before.get(2)?, before.get(3)?);
        // Open spans of a run end with the run.
        tx.prepare_cached(
            "UPDATE blind_spans SET to_at = max(from_at, ?2) WHERE input = ?1 AND to_at IS NULL",
        )?
        .execute([input, alive_at])?;
        let loss = match is_over {
            Some(true) => Loss::SensorStopped,
            Some(false) => Loss::SensorDown,
            None => return Ok(()),
        };
        return span(
            tx,
            &BlindRow {
                input: row.input,
                loss,
                place: row.places.clone(),
                from: Timestamp::from_nanos(alive_at),
                to: Some(row.started_at),
                count: 1,
            },
        );
    }
    Ok(())
}

/// Stores a span, or the end of a stored span.
pub(super) fn span(tx: &Connection, row: &BlindRow) -> Result<(), StoreError> {
    let name = row.loss.name();
    tx.prepare_cached(
        "INSERT INTO blind_spans (name, place, from_at, to_at, count, input) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET to_at = coalesce(excluded.to_at, to_at), count = max(count, excluded.count)",
    )?
    .execute(params![
        name,
        row.place,
        nanos(row.from),
        row.to.map(nanos),
        i64::try_from(row.count).unwrap_or(i64::MAX),
        row.input
    ])?;
    bound(tx, name)?;
    if row.loss == Loss::InterfaceAway { tell(tx, row) } else { Ok(()) }
}

/// Deletes the oldest spans of a loss beyond the maximum, and keeps their number and the sum of their counts.
fn bound(tx: &Connection, name: &str) -> Result<(), StoreError> {
    let oldest = "SELECT place, from_at FROM blind_spans WHERE name = ?1 ORDER BY from_at DESC, place LIMIT -1 OFFSET ?2";
    let gone: Option<(i64, i64)> = tx
        .prepare_cached(&format!(
            "SELECT count(*), sum(count) FROM blind_spans WHERE name = ?1 AND (place, from_at) IN ({oldest}) HAVING count(*) > 0"
        ))?
        .query_row(params![name, MAX_SPANS], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let Some((spans, count)) = gone else { return Ok(()) };
    tx.prepare_cached(&format!(
        "DELETE FROM blind_spans WHERE name = ?1 AND (place, from_at) IN ({oldest})"
    ))?
    .execute(params![name, MAX_SPANS])?;
    note_gone(tx, name, spans, count)
}

/// Alerts of an interface that went away, and of its return.
fn tell(tx: &Connection, row: &BlindRow) -> Result<(), StoreError> {
    // An absence may begin at the end of the absence before, and the time distinguishes alerts.
    let behind = Span::from_nanos(1);
    let (at, severity, message) = match row.to {
        None => (
            row.from + behind,
            Severity::Warning,
            format!("the interface {} brings nothing any more", row.place),
        ),
        Some(to) => {
            let seconds = to.since(row.from).as_secs_f64();
            let message =
                format!("the interface {} brings packets again; it was away for {seconds:.0} s", row.place);
            (to, Severity::Notice, message)
        }
    };
    let subject = row.place.clone();
    alerts::keep(
        tx,
        &Alert {
            at,
            kind: AlertKind::InterfaceAway,
            severity,
            subject,
            message,
            call: None,
            campaign: None,
            incident: None,
        },
    )
}
