//! The other clocks of a device: further timers, wall clock and media clock. Each clock has its own name and resolution, and clocks are
//! never mixed.

use std::collections::BTreeMap;

use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_clock::{Reading, WallClock, WallReading, pooled_rates, read_clock};
use bellwether_devices::user_and_host;
use bellwether_store::{MADE_BY, Registration, StoreError};
use rusqlite::params_from_iter;
use serde_json::{Value, json};

use crate::Reports;
use crate::cells::{round, time};
use crate::devices::interval;

/// The maximum number of listed timers of one device. The sender of the traffic controls the number.
const MAX_TIMERS: i64 = 20;

/// Readings of wall clocks that are looked at, and streams.
const MAX_READINGS: i64 = 2000;

impl Reports<'_> {
    /// The other clocks of the device of a registration.
    pub(crate) fn other_clocks(&self, registration: &Registration) -> Result<Value, StoreError> {
        let mut sources = vec![registration.source.clone()];
        sources.extend(self.reader.moves(registration.id)?.into_iter().map(|(_, source)| source));
        let mut clocks = self.timers(&registration.aor, &sources)?;
        let (user, host) = user_and_host(&registration.aor).unwrap_or_default();
        // In the order of the query's parameters.
        let made = [user, host].into_iter().chain(sources.iter().map(String::as_str));
        let places = vec!["?"; sources.len()].join(", ");
        let calls = format!("{MADE_BY} AND c.source IN ({places})");
        clocks.extend(self.wall_clocks(registration.registration.get(), &calls, made.clone())?);
        clocks.extend(self.media_clocks(&calls, made)?);
        Ok(Value::Array(clocks))
    }

    fn timers(&self, aor: &str, sources: &[String]) -> Result<Vec<Value>, StoreError> {
        // A timer that names nobody belongs to the owner of its address. If other subscribers register from there too, it is a proxy's.
        let places = vec!["?"; sources.len()].join(", ");
        let mut select = self.db().prepare(&format!(
            "SELECT t.id, t.kind, t.source, min(o.first_at), max(o.last_at), sum(o.beats) AS beats
             FROM timers AS t JOIN timer_observations AS o ON o.timer = t.id
             WHERE t.source IN ({places}) AND (t.aor = ? OR t.aor IS NULL AND NOT EXISTS
                 (SELECT 1 FROM registrations AS r WHERE r.source = t.source AND r.aor <> ?))
             GROUP BY t.id ORDER BY t.kind, beats DESC, t.id LIMIT {MAX_TIMERS}"
        ))?;
        let named = sources.iter().map(String::as_str).chain([aor, aor]);
        let mut rows = select.query(params_from_iter(named))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let segments = self.reader.timer_segments(row.get(0)?)?;
            let reading = read_clock(&segments, None);
            let read = reading.as_ref().ok();
            let rate = read.and_then(|r| r.rate);
            out.push(json!({
                "clock": row.get::<_, String>(1)?,
                "source": row.get::<_, String>(2)?,
                "first_seen": time(row.get(3)?),
                "last_seen": time(row.get(4)?),
                "readings": row.get::<_, i64>(5)?,
                "period_s": read.map(|r| round(r.period_s, 3)),
                "discipline": read.map(|r| r.discipline.name()),
                "slope_ppm": read.map(|r| round(r.slope.skew.0, 3)),
                "rate_ppm": rate.map(|r| round(r.rate.0, 3)),
                "rate_ci95_ppm": rate.map(|r| interval(r.ci95)),
                "rate_method": rate.map(|r| r.kind.name()),
                "no_fit": no_fit(&reading),
                "resolution_s": read.map(|r| round(r.slope.residual_s, 6)),
            }));
        }
        Ok(out)
    }

    /// Wall clocks in a registration, and in the calls that are selected so.
    fn wall_clocks<'a>(
        &self,
        registration: i64,
        calls: &str,
        made: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Value>, StoreError> {
        let mut select = self.db().prepare(&format!(
            "WITH subjects(subject) AS (SELECT c.call FROM calls AS c WHERE {calls} UNION ALL VALUES({registration}))
             SELECT kind, captured_at, clock_at, resolution_ns FROM (
                 SELECT kind, captured_at, clock_at, resolution_ns FROM instances
                     WHERE subject IN subjects AND clock_at IS NOT NULL
                 UNION SELECT kind, captured_at, clock_at, resolution_ns FROM wall_clocks
                     WHERE subject IN subjects)
             ORDER BY captured_at LIMIT {MAX_READINGS}"
        ))?;
        let mut rows = select.query(params_from_iter(made))?;
        let mut kinds: BTreeMap<String, Vec<WallReading>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            kinds.entry(row.get(0)?).or_default().push(WallReading {
                captured_at: Timestamp::from_nanos(row.get(1)?),
                clock_at: Timestamp::from_nanos(row.get(2)?),
                step: Span::from_nanos(row.get(3)?),
            });
        }
        Ok(kinds.iter().filter_map(|(kind, readings)| wall_clock(kind, readings)).collect())
    }

    /// Media clocks over all calls that the device made: against the sensor's clock, and against its own wall clock.
    fn media_clocks<'a>(
        &self,
        calls: &str,
        made: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Vec<Value>, StoreError> {
        let mut out = Vec::new();
        for (name, column) in [("rtp", "media_skew"), ("rtcp", "rtcp_skew")] {
            let mut select = self.db().prepare(&format!(
                "SELECT s.{column}_ppm, s.{column}_low_ppm, s.{column}_high_ppm, s.first_seen, s.last_seen
                 FROM calls AS c JOIN streams AS s ON s.call = c.call
                 WHERE s.direction = 'caller' AND s.{column}_ppm IS NOT NULL AND {calls}
                 ORDER BY s.first_seen LIMIT {MAX_READINGS}"
            ))?;
            let streams: Vec<(f64, f64, f64, i64, i64)> = select
                .query_map(params_from_iter(made.clone()), |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
                })?
                .collect::<Result<_, rusqlite::Error>>()?;
            let rates: Vec<(f64, f64)> =
                streams.iter().map(|(rate, low, high, ..)| (*rate, (high - low) / 2.0)).collect();
            let Some((rate, half)) = pooled_rates(&rates) else { continue };
            out.push(json!({
                "clock": name,
                "first_seen": time(streams.iter().map(|s| s.3).min()),
                "last_seen": time(streams.iter().map(|s| s.4).max()),
                "readings": streams.len(),
                "rate_ppm": round(rate, 3),
                "rate_ci95_ppm": interval((Ppm(rate - half), Ppm(rate + half))),
            }));
        }
        Ok(out)
    }
}

fn no_fit(reading: &Result<Reading, bellwether_clock::NoFit>) -> Option<&'static str> {
    match reading {
        Ok(reading) => reading.skew.err().filter(|_| reading.rate.is_none()).map(|reason| reason.name()),
        Err(reason) => Some(reason.name()),
    }
}

/// A wall clock as reports show it.
fn wall_clock(kind: &str, readings: &[WallReading]) -> Option<Value> {
    let clock = WallClock::of(readings)?;
    let at = |reading: Option<&WallReading>| time(reading.map(|r| r.captured_at.as_nanos()));
    Some(json!({
        "clock": kind,
        "first_seen": at(readings.first()),
        "last_seen": at(readings.last()),
        "readings": readings.len(),
        "offset_s": round(clock.offset_s, 6),
        "rate_ppm": clock.rate.map(|(rate, _)| round(rate.0, 3)),
        "rate_ci95_ppm": clock.rate.map(|(_, ci95)| interval(ci95)),
        "resolution_s": clock.resolution_s,
    }))
}
