//! Rows as statements, each kind by its own.

use bellwether_base::{CallId, Timestamp};
use bellwether_enrich::{
    Attested, AuthorRow, CallRow, CallUpdate, FingerprintObservationRow, FingerprintRow, InputRow,
    InstanceRow, NumberReadings, OrphanByeRow, ReferralRow, Row, Side, StreamRow,
};
use bellwether_fingerprint::PrintHash;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::clocks::nanos;
use super::{blindness, clocks};
use crate::StoreError;
use crate::sqlite_history::marks as call_marks;

/// Writes a row. Referenced rows exist already or follow in the same transaction.
pub(super) fn write(tx: &Connection, row: &Row) -> Result<(), StoreError> {
    match row {
        Row::Fingerprint(row) => fingerprint(tx, row),
        Row::Family { fingerprint, family } => {
            tx.prepare_cached("UPDATE fingerprints SET family = ?2 WHERE fingerprint = ?1")?
                .execute([fingerprint.as_str(), family.as_str()])?;
            Ok(())
        }
        Row::Call(row) => call(tx, row),
        Row::CallUpdate(update) | Row::CallUnderWay(update) => call_update(tx, update),
        Row::Referral(row) => referral(tx, row),
        Row::OrphanBye(row) => call_end(tx, row),
        Row::Link(a, b) => {
            let mut link =
                tx.prepare_cached("INSERT OR IGNORE INTO call_links (call, other) VALUES (?1, ?2)")?;
            link.execute([a.get(), b.get()])?;
            link.execute([b.get(), a.get()])?;
            Ok(())
        }
        Row::Registration(row) => clocks::registration(tx, row),
        Row::RegistrationUpdate(update) | Row::RegistrationUnderWay(update) => {
            clocks::registration_update(tx, update)
        }
        Row::Timer(row) => clocks::timer(tx, row),
        Row::WallClock(row) => clocks::wall_clock(tx, row),
        Row::SensorClock(row) => clocks::sensor_clock_event(tx, row),
        Row::Stream(row) | Row::StreamUnderWay(row) => stream(tx, row),
        Row::Author(row) => author(tx, row),
        Row::Sighting(row) => sighting(tx, row),
        Row::Instance(row) => instance(tx, row),
        // The row is scored but not stored.
        Row::Attempt(_) => Ok(()),
        Row::RegistrationEnd { registration, at } => clocks::registration_end(tx, *registration, *at),
        Row::Input(row) => input(tx, row),
        Row::Losses(input, at, losses) => loss_minute(tx, *input, *at, losses),
        Row::Run(row) => blindness::run(tx, row),
        Row::Blind(row) => blindness::span(tx, row),
    }
}

/// SQLite has no unsigned numbers; counts stay far below the limit.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn fingerprint(tx: &Connection, row: &FingerprintRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO fingerprints (fingerprint, readable, method, sip_author, sdp_author, seen_at, family)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, family = excluded.family WHERE excluded.seen_at > coalesce(seen_at, 0)",
    )?
    .execute(params![
        row.fingerprint.as_str(),
        row.readable.as_str(),
        row.method.as_str(),
        row.sip_author.as_str(),
        row.sdp_author.as_ref().map(PrintHash::as_str),
        nanos(row.at),
        row.family.as_str(),
    ])?;
    Ok(())
}

/// The maximum number of values of one habit of one author. The sender of the traffic controls these values.
const MAX_VALUES: i64 = 16;

/// Learned features accumulate, so their order does not matter.
fn author(tx: &Connection, row: &AuthorRow) -> Result<(), StoreError> {
    let author = row.author.as_str();
    let known: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM habits WHERE author = ?1)")?
        .query_row([author], |r| r.get(0))?;
    for (habit, value) in &row.habits {
        // Of an author that is new there is nothing to count.
        if !known {
            tx.prepare_cached("INSERT OR IGNORE INTO habits (author, habit, value) VALUES (?1, ?2, ?3)")?
                .execute(params![author, habit, value.as_str()])?;
            continue;
        }
        tx.prepare_cached(
            "INSERT OR IGNORE INTO habits (author, habit, value) SELECT ?1, ?2, ?3
             WHERE (SELECT count(*) FROM habits WHERE author = ?1 AND habit = ?2) < ?4",
        )?
        .execute(params![author, habit, value.as_str(), MAX_VALUES])?;
    }
    for (identifier, grammar) in &row.identifiers {
        let mut select = tx.prepare_cached(
            "SELECT shortest, longest, alphabet, prefix FROM identifiers WHERE author = ?1 AND identifier = ?2",
        )?;
        let known = select.query_row([author, identifier], crate::platforms::grammar).optional()?;
        let mut grammar = *grammar;
        if let Some(known) = known {
            grammar.learn(&known);
            if grammar == known {
                continue;
            }
        }
        tx.prepare_cached(
            "INSERT OR REPLACE INTO identifiers (author, identifier, shortest, longest, alphabet, prefix)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            author,
            identifier,
            grammar.lengths.0,
            grammar.lengths.1,
            grammar.alphabet(),
            grammar.prefix()
        ])?;
    }
    Ok(())
}

fn sighting(tx: &Connection, row: &FingerprintObservationRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO sightings (fingerprint, source, user_agent, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT DO UPDATE SET first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?4)",
    )?
    .execute(params![
        row.fingerprint.as_str(),
        row.source.to_string(),
        row.user_agent.as_str(),
        nanos(row.at)
    ])?;
    Ok(())
}

/// A device's first evidence stays: replaying its later part is no news.
fn instance(tx: &Connection, row: &InstanceRow) -> Result<(), StoreError> {
    let clock = row.clock.map(|(at, resolution)| (nanos(at), resolution.as_nanos()));
    tx.prepare_cached(
        "INSERT INTO instances (subject, kind, instance, counter, captured_at, clock_at, resolution_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET counter = excluded.counter, captured_at = excluded.captured_at,
             clock_at = excluded.clock_at, resolution_ns = excluded.resolution_ns
         WHERE excluded.captured_at < captured_at",
    )?
    .execute(params![
        row.subject.get(),
        row.kind,
        row.instance.as_str(),
        // A counter of 64 bits keeps its bits, not its sign.
        row.counter.map(u64::cast_signed),
        nanos(row.captured_at),
        clock.map(|c| c.0),
        clock.map(|c| c.1),
    ])?;
    Ok(())
}

/// An existing call keeps its values, except for the results of analysis.
fn call(tx: &Connection, row: &CallRow) -> Result<(), StoreError> {
    let defects = (!row.defects.is_empty()).then(|| row.defects.join(" "));
    let attested = row.attested.as_deref();
    tx.prepare_cached(
        "INSERT INTO calls (call, call_id, from_tag, started_at, caller, callee, dialled_otherwise, caller_kind,
             caller_country, callee_kind, callee_country, callee_neighbourhood, source, destination, transport,
             user_agent, fingerprint, sip_author, sdp_author, path, origin, first_access_side, first_trunk_id,
             has_identity, defects, hep_agent, mirror, caller_host, is_sensitive,
             attestation, passport, identity, deployment, caller_neighbourhood, marks, wire_id, caller_readings, called_readings)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
             ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38)
         ON CONFLICT (call) DO UPDATE SET
             fingerprint = excluded.fingerprint, sip_author = excluded.sip_author,
             sdp_author = excluded.sdp_author, path = excluded.path, defects = excluded.defects",
    )?
    .execute(params![
        row.call.get(),
        row.call_id.as_str(),
        row.from_tag.as_str(),
        nanos(row.started_at),
        row.caller.as_str(),
        row.callee.as_str(),
        (row.dialled != row.callee).then(|| row.dialled.as_str()),
        row.caller_number.kind.name(),
        row.caller_number.country,
        row.callee_number.kind.name(),
        row.callee_number.country,
        row.callee_neighbourhood.as_deref(),
        row.source.to_string(),
        row.destination.to_string(),
        row.transport.name(),
        row.user_agent.as_deref(),
        row.fingerprint.as_str(),
        row.sip_author.as_str(),
        row.sdp_author.as_ref().map(PrintHash::as_str),
        row.path.as_deref(),
        row.origin.as_str(),
        row.access_side.name(),
        row.trunk_id,
        row.attested.is_some(),
        defects,
        row.hep_agent,
        row.mirror,
        row.caller_host.as_str(),
        row.is_sensitive,
        attested.and_then(|a| a.attestation),
        attested.map(|a| a.status.name()),
        attested.map(|a| identity(a).to_string()),
        row.deployment.as_str(),
        row.traits.caller_neighbourhood.as_deref(),
        call_marks(row),
        row.wire_id,
        stored(&row.traits.caller_readings),
        stored(&row.traits.called_readings),
    ])?;
    Ok(())
}

/// The readings of a number. None for no number.
fn stored(readings: &NumberReadings) -> Option<String> {
    readings.is_number.then(|| readings.text())
}

/// The result of a call's PASSporTs, in the form of reports.
fn identity(attested: &Attested) -> Value {
    json!({
        "signer": attested.signer.as_deref(),
        "origid": attested.origid.as_deref(),
        "x5u": attested.x5u.as_deref(),
        "age_s": attested.age_s,
        "reasons": attested.reasons,
        "slips": attested.slips,
    })
}

/// A referral stays with its call for good.
fn referral(tx: &Connection, row: &ReferralRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE calls SET referred_to = ?2, is_sensitive = max(is_sensitive, ?3) WHERE call = ?1",
    )?
    .execute(params![row.call.get(), row.referred_to.as_str(), row.is_sensitive])?;
    Ok(())
}

/// The latest answered call of a Call-ID without an end.
pub(super) fn call_end(tx: &Connection, row: &OrphanByeRow) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE outcomes SET ended_at = ?4
         WHERE id = (SELECT id FROM calls WHERE (wire_id = ?5 OR call_id = ?1) AND from_tag IN (?2, ?3)
                     AND started_at <= ?4 ORDER BY started_at DESC, call LIMIT 1)
             AND answered_at <= ?4 AND ended_at IS NULL",
    )?
    .execute(params![
        row.call_id.as_str(),
        row.tags[0].as_str(),
        row.tags[1].as_str(),
        nanos(row.ended_at),
        row.wire_id
    ])?;
    Ok(())
}

/// The fuller observation wins: replaying part of a capture takes nothing away from what the whole showed.
///
/// The row's place is read first. One `INSERT ... SELECT` would do both, but SQLite keeps a statement journal for it:
/// copies of all pages that it touches, on the heap, for each call.
pub(super) fn call_update(tx: &Connection, u: &CallUpdate) -> Result<(), StoreError> {
    let destination = u.last_destination.to_string();
    let Some(id) = id_of_outcome(tx, u, &destination)? else { return Ok(()) };
    tx.prepare_cached(
        "INSERT INTO outcomes (id, answered_at, ended_at, final_status, duplicates, retransmissions, hops,
             last_destination, access_side, trunk_id, forks, reinvites, cancelled, ended_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (id) DO UPDATE SET
             final_status = CASE
                 WHEN ?3 IS NOT NULL OR ended_at IS NULL AND (?2 IS NOT NULL OR answered_at IS NULL)
                 THEN coalesce(?4, final_status) ELSE final_status END,
             answered_at = coalesce(?2, answered_at), ended_at = coalesce(?3, ended_at),
             duplicates = max(duplicates, ?5), retransmissions = max(retransmissions, ?6),
             last_destination = CASE WHEN ?7 >= hops THEN ?8 ELSE last_destination END,
             access_side = CASE WHEN ?7 >= hops THEN ?9 ELSE access_side END,
             trunk_id = CASE WHEN ?7 >= hops THEN ?10 ELSE trunk_id END,
             hops = max(hops, ?7), forks = max(forks, ?11), reinvites = max(reinvites, ?12),
             cancelled = max(cancelled, ?13), ended_by = coalesce(?14, ended_by)",
    )?
    .execute(params![
        id,
        u.answered_at.map(nanos),
        u.ended_at.map(nanos),
        u.final_status,
        u.duplicates,
        u.retransmissions,
        u.hops,
        destination,
        u.access_side.name(),
        u.trunk_id,
        u.forks,
        u.reinvites,
        u.cancelled,
        u.ended_by.map(Side::name),
    ])?;
    Ok(())
}

/// Row of `outcomes` that the update belongs to. None if the call is not stored, or if it has no such row and the
/// update says nothing that its INVITE did not say.
fn id_of_outcome(tx: &Connection, u: &CallUpdate, destination: &str) -> Result<Option<i64>, StoreError> {
    let says_more = u.answered_at.is_some()
        || u.ended_at.is_some()
        || u.final_status.is_some()
        || u.hops > 1
        || [u.duplicates, u.retransmissions, u.forks, u.reinvites].iter().any(|count| *count > 0)
        || u.cancelled;
    let mut find = tx.prepare_cached(
        "SELECT id, ?2 OR destination <> ?3 OR first_access_side <> ?4 OR first_trunk_id IS NOT ?5
             OR EXISTS (SELECT 1 FROM outcomes AS o WHERE o.id = c.id)
         FROM calls AS c WHERE call = ?1",
    )?;
    let place = params![u.call.get(), says_more, destination, u.access_side.name(), u.trunk_id];
    let found = find.query_row(place, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.and_then(|(id, has_outcome): (i64, bool)| has_outcome.then_some(id)))
}

fn stream(tx: &Connection, row: &StreamRow) -> Result<(), StoreError> {
    let silence = row.silence.as_ref();
    tx.prepare_cached(
        "INSERT INTO streams (stream, call, direction, src, dst, ssrc, codec, payload_type, packets, lost, reordered,
             duplicates, restarts, jitter_ms, telephone_events, comfort_noise, rtcp_packets, first_seen, last_seen,
             silence_law, silence_packets, silence_observed_packets, silence_energy, silence_dc_offset,
             silence_codes, silence_reason, beginning, media_skew_ppm, media_skew_low_ppm, media_skew_high_ppm,
             rtcp_skew_ppm, rtcp_skew_low_ppm, rtcp_skew_high_ppm, pauses, media_skew_no_fit, rtcp_skew_no_fit,
             clock_rate, shown_rate, burst_lost, burst_packets, loss_runs, receiver_rtt_ms, xr_round_trip_ms, xr_mos)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
             ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44)
         ON CONFLICT (first_seen, stream) DO UPDATE SET
             call = coalesce(excluded.call, call),
             direction = CASE WHEN excluded.call IS NULL THEN direction ELSE excluded.direction END,
             codec = coalesce(excluded.codec, codec), payload_type = excluded.payload_type,
             packets = excluded.packets, lost = excluded.lost, reordered = excluded.reordered,
             duplicates = excluded.duplicates, restarts = excluded.restarts, jitter_ms = excluded.jitter_ms,
             telephone_events = excluded.telephone_events, comfort_noise = excluded.comfort_noise,
             rtcp_packets = excluded.rtcp_packets, last_seen = excluded.last_seen,
             media_skew_ppm = excluded.media_skew_ppm, media_skew_low_ppm = excluded.media_skew_low_ppm,
             media_skew_high_ppm = excluded.media_skew_high_ppm, rtcp_skew_ppm = excluded.rtcp_skew_ppm,
             rtcp_skew_low_ppm = excluded.rtcp_skew_low_ppm, rtcp_skew_high_ppm = excluded.rtcp_skew_high_ppm,
             media_skew_no_fit = excluded.media_skew_no_fit, rtcp_skew_no_fit = excluded.rtcp_skew_no_fit,
             clock_rate = excluded.clock_rate, shown_rate = excluded.shown_rate,
             burst_lost = excluded.burst_lost, burst_packets = excluded.burst_packets,
             loss_runs = excluded.loss_runs, receiver_rtt_ms = excluded.receiver_rtt_ms,
             xr_round_trip_ms = excluded.xr_round_trip_ms, xr_mos = excluded.xr_mos,
             silence_law = coalesce(excluded.silence_law, silence_law),
             silence_packets = coalesce(excluded.silence_packets, silence_packets),
             silence_observed_packets = coalesce(excluded.silence_observed_packets, silence_observed_packets),
             silence_energy = coalesce(excluded.silence_energy, silence_energy),
             silence_dc_offset = coalesce(excluded.silence_dc_offset, silence_dc_offset),
             silence_codes = coalesce(excluded.silence_codes, silence_codes),
             pauses = coalesce(excluded.pauses, pauses),
             silence_reason = coalesce(excluded.silence_reason, silence_reason)
         WHERE excluded.packets >= packets",
    )?
    .execute(params![
        row.stream.get(),
        row.call.map(CallId::get),
        row.direction,
        row.src.to_string(),
        row.dst.to_string(),
        row.ssrc,
        row.codec.as_deref(),
        row.payload_type,
        int(row.packets),
        int(row.lost),
        row.reordered,
        row.duplicates,
        row.restarts,
        row.jitter_ms,
        row.telephone_events,
        row.comfort_noise,
        row.rtcp_packets,
        nanos(row.first_seen),
        nanos(row.last_seen),
        silence.map(|s| s.coding.name()),
        silence.map(|s| s.packets),
        silence.map(|s| s.observed_packets),
        silence.map(|s| s.energy),
        silence.map(|s| s.dc_offset),
        silence.map(|s| pack_codes(&s.codes)),
        row.silence_reason,
        row.beginning,
        row.media_rate.map(|r| r.ppm),
        row.media_rate.map(|r| r.ci95_ppm.0),
        row.media_rate.map(|r| r.ci95_ppm.1),
        row.report_rate.map(|r| r.ppm),
        row.report_rate.map(|r| r.ci95_ppm.0),
        row.report_rate.map(|r| r.ci95_ppm.1),
        row.pauses,
        row.no_rates.media.map(|reason| reason.name()),
        row.no_rates.report.map(|reason| reason.name()),
        row.no_rates.clock_rate,
        row.no_rates.shown_rate(),
        row.quality.bursts.lost,
        row.quality.bursts.packets,
        row.quality.bursts.runs,
        row.quality.receiver_rtt_ms,
        row.quality.xr_round_trip_ms,
        row.quality.xr_mos,
    ])?;
    what_was_heard(tx, row)?;
    for (call, direction) in &row.also {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO stream_legs (call, first_seen, stream, direction) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![call.get(), nanos(row.first_seen), row.stream.get(), direction])?;
    }
    Ok(())
}

/// Code words and counts as the schema lays them out.
fn pack_codes(codes: &[(u8, u32)]) -> Vec<u8> {
    codes.iter().flat_map(|(code, n)| std::iter::once(*code).chain(n.to_le_bytes())).collect()
}

/// The inverse of `pack_codes`. Wrong octets are skipped.
#[must_use]
pub fn unpack_codes(bytes: &[u8]) -> Vec<(u8, u32)> {
    bytes
        .chunks_exact(5)
        .filter_map(|chunk| match chunk {
            [code, a, b, c, d] => Some((*code, u32::from_le_bytes([*a, *b, *c, *d]))),
            _ => None,
        })
        .collect()
}

fn loss_minute(
    tx: &Connection,
    input: i64,
    at: Timestamp,
    losses: &[(&'static str, u64)],
) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT OR REPLACE INTO loss_minutes (input, at, name, count) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (name, count) in losses {
        insert.execute(params![input, nanos(at), name, int(*count)])?;
    }
    Ok(())
}

/// The content identifies an input, not the file name. The input of a live run grows.
fn input(tx: &Connection, row: &InputRow) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM counters WHERE input = ?1")?.execute([row.input])?;
    tx.prepare_cached(
        "INSERT INTO inputs (input, name, packets, bytes, first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (input) DO UPDATE SET packets = excluded.packets, bytes = excluded.bytes,
             first_at = excluded.first_at, last_at = excluded.last_at",
    )?
    .execute(params![
        row.input,
        row.name,
        int(row.packets),
        int(row.bytes),
        row.first_at.map(nanos),
        row.last_at.map(nanos)
    ])?;
    let mut counter =
        tx.prepare_cached("INSERT INTO counters (input, kind, name, count) VALUES (?1, ?2, ?3, ?4)")?;
    for (kind, name, count) in row.counters.iter() {
        counter.execute(params![row.input, kind, name, int(count)])?;
    }
    Ok(())
}

/// Writes the sound of a stream. One row of it has the sound, also in a second replay: the first stream that plays a recording has
/// learned of it since.
fn what_was_heard(tx: &Connection, row: &StreamRow) -> Result<(), StoreError> {
    let Some(heard) = &row.heard else { return Ok(()) };
    let known_by = row.recording.as_ref().and_then(|found| Some((found.recording, found.known_by?)));
    tx.prepare_cached(
        "UPDATE streams SET sound = ?3, heard_ms = ?4, pause_depth_db = ?5, digital_silence_percent = ?6,
             recording_log_ratio = CASE WHEN recording IS NULL THEN ?8 ELSE recording_log_ratio END,
             recording_shared_ms = CASE WHEN recording IS NULL THEN ?9 ELSE recording_shared_ms END,
             recording = coalesce(recording, ?7)
         WHERE first_seen = ?1 AND stream = ?2",
    )?
    .execute(params![
        nanos(row.first_seen),
        row.stream.get(),
        heard.sound.name(),
        u32::from(heard.frames) * 20,
        heard.playback.map(|playback| playback.depth_db),
        heard.playback.map(|playback| playback.digital_silence_percent),
        known_by.map(|(recording, _)| recording.get()),
        known_by.map(|(_, known_by)| known_by.log_likelihood_ratio()),
        known_by.map(|(_, known_by)| (known_by.seconds() * 1000.0) as i64),
    ])?;
    Ok(())
}
