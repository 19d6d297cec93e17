//! Rows of devices' clocks: registrations and other timers with their observations, wall clocks, and the sensor's own.

use bellwether_base::{Endpoint, RegistrationId, Timestamp, Transport};
use bellwether_enrich::{RegistrationRow, RegistrationUpdate, SensorClockRow, TimerRow, WallClockRow};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{StoreError, timelines};

pub(super) const fn nanos(at: Timestamp) -> i64 {
    at.as_nanos()
}

pub(super) fn registration(tx: &Connection, row: &RegistrationRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO registrations (registration, aor, contact, instance_id, source, registrar, transport,
             user_agent, fingerprint, hep_agent, mirror)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (registration) DO UPDATE SET fingerprint = excluded.fingerprint",
    )?
    .execute(params![
        row.registration.get(),
        row.aor.as_str(),
        row.contact.as_str(),
        row.instance_id.as_deref(),
        row.source.to_string(),
        row.registrar.to_string(),
        row.transport.name(),
        row.user_agent.as_deref(),
        row.fingerprint.as_str(),
        row.hep_agent,
        row.mirror,
    ])?;
    Ok(())
}

/// A new observation replaces stored observations within its time. An observation within a stored one is skipped, and so is one of equal
/// time with less information: a capture may end between a REGISTER and its response, or before the expiry.
pub(super) fn registration_update(tx: &Connection, u: &RegistrationUpdate) -> Result<(), StoreError> {
    let mut row = tx.prepare_cached("SELECT id FROM registrations WHERE registration = ?1")?;
    let Some(id) = row.query_row([u.registration.get()], |r| r.get::<_, i64>(0)).optional()? else {
        return Ok(());
    };
    let (first, last) = (nanos(u.first_seen), nanos(u.last_seen));
    for (at, source) in &u.moves {
        // A run begins with the address that an earlier run may know.
        let mut known = tx.prepare_cached(
            "SELECT coalesce((SELECT m.source FROM moves AS m WHERE m.registration = r.id AND m.at < ?2
                 ORDER BY m.at DESC LIMIT 1), r.source), r.transport FROM registrations AS r WHERE r.id = ?1",
        )?;
        let (known, transport): (String, String) =
            known.query_row(params![id, nanos(*at)], |r| Ok((r.get(0)?, r.get(1)?)))?;
        if is_same_place(&known, *source, &transport) {
            continue;
        }
        tx.prepare_cached("INSERT OR REPLACE INTO moves (registration, at, source) VALUES (?1, ?2, ?3)")?
            .execute(params![id, nanos(*at), source.to_string()])?;
    }
    let mut held = tx.prepare_cached(
        "SELECT refreshes, last_status IS NOT NULL, ended_at IS NOT NULL FROM observations
         WHERE registration = ?1 AND first_at = ?2 AND last_at = ?3",
    )?;
    let held: Option<(u32, bool, bool)> =
        held.query_row([id, first, last], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    if held.is_some_and(|held| held > (u.refreshes, u.last_status.is_some(), u.ended_at.is_some())) {
        return Ok(());
    }
    if !timelines::REGISTRATIONS.admits(tx, id, first, last)? {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO observations (registration, first_at, last_at, refreshes, duplicates, challenges,
             last_status, expires_s, rtt_ms, rtt_middle_ms, rtt_spread_ms, registered_by, ended_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        id,
        first,
        last,
        u.refreshes,
        u.duplicates,
        u.challenges,
        u.last_status,
        u.expires_s,
        u.rtt_ms,
        u.rtt_middle_ms.map(|(middle, _)| middle),
        u.rtt_middle_ms.map(|(_, spread)| spread),
        u.registered_by.map(|server| server.to_string()),
        u.ended_at.map(nanos),
    ])?;
    timelines::REGISTRATIONS.write(tx, id, &u.segments)
}

/// Tells whether an address that the database holds is this one. The port counts for UDP only, because every new connection
/// has another port.
fn is_same_place(known: &str, source: Endpoint, transport: &str) -> bool {
    if transport == Transport::Udp.name() {
        return known == source.to_string();
    }
    let host = |text: &str| text.rsplit_once(':').map(|(host, _)| host.to_owned());
    host(known) == host(&source.to_string())
}

/// A binding that ran out after its timeline was written.
pub(super) fn registration_end(
    tx: &Connection,
    registration: RegistrationId,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE observations SET ended_at = ?2
         WHERE registration = (SELECT id FROM registrations WHERE registration = ?1) AND ended_at IS NULL AND last_at <= ?2
             AND first_at = (SELECT max(l.first_at) FROM observations AS l WHERE l.registration = observations.registration)",
    )?
    .execute(params![registration.get(), nanos(at)])?;
    Ok(())
}

pub(super) fn timer(tx: &Connection, row: &TimerRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO timers (timer, kind, aor, source, destination) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        row.timer.get(),
        row.kind,
        row.aor.as_deref(),
        row.source.to_string(),
        row.destination.to_string()
    ])?;
    let mut id = tx.prepare_cached("SELECT id FROM timers WHERE timer = ?1")?;
    let id: i64 = id.query_row([row.timer.get()], |r| r.get(0))?;
    let (first, last) = (nanos(row.first_seen), nanos(row.last_seen));
    if !timelines::TIMERS.admits(tx, id, first, last)? {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO timer_observations (timer, first_at, last_at, beats) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id, first, last, row.beats])?;
    timelines::TIMERS.write(tx, id, &row.segments)
}

pub(super) fn wall_clock(tx: &Connection, row: &WallClockRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO wall_clocks (subject, kind, captured_at, clock_at, resolution_ns)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        row.subject.get(),
        row.kind,
        nanos(row.captured_at),
        nanos(row.clock_at),
        row.resolution.as_nanos()
    ])?;
    Ok(())
}

pub(super) fn sensor_clock_event(tx: &Connection, row: &SensorClockRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO sensor_clock (from_at, to_at, kind, amount) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![nanos(row.from), nanos(row.to), row.kind, row.amount])?;
    Ok(())
}
