//! The other clocks of a device: its timers beside that of its registration, its wall clock, and its media. Each by its own name,
//! with what it can resolve; they are never mixed.

use std::collections::BTreeMap;

use bellwether_base::Ppm;
use bellwether_clock::{Drift, Reading, parted_at, read_clock};
use rusqlite::{Row, params_from_iter};
use serde_json::{Value, json};

use crate::StoreError;
use crate::clocks::interval;
use crate::devices::{MADE_BY, user_and_host};
use crate::query::Reader;
use crate::timelines::TIMERS;
use crate::values::{round, time};

/// Timers listed of one device: whoever sends them makes them.
const MAX_TIMERS: i64 = 20;

/// Readings of wall clocks that are looked at, and streams.
const MAX_READINGS: i64 = 2000;

/// One reading of a wall clock: when, what it said, and its step, in nanoseconds.
type WallReading = (i64, i64, i64);

impl Reader {
    /// The other clocks of the device of a registration's row.
    pub(crate) fn other_clocks(&self, row: &Row<'_>) -> Result<Value, StoreError> {
        let (id, registration): (i64, i64) = (row.get("id")?, row.get("registration")?);
        let (aor, source): (String, String) = (row.get("aor")?, row.get("source")?);
        let mut sources = vec![source];
        sources.extend(self.moves(id)?.into_iter().map(|(_, source)| source));
        let mut clocks = self.timers(&aor, &sources)?;
        let (user, host) = user_and_host(&aor).unwrap_or_default();
        // In the order of the parameters of what selects the calls.
        let made = [user, host].into_iter().chain(sources.iter().map(String::as_str));
        let places = vec!["?"; sources.len()].join(", ");
        let calls = format!("{MADE_BY} AND c.source IN ({places})");
        clocks.extend(self.wall_clocks(registration, &calls, made.clone())?);
        clocks.extend(self.media_clocks(&calls, made)?);
        Ok(Value::Array(clocks))
    }

    /// From where a device came since when, after the address that its row names.
    pub(crate) fn moves(&self, registration: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT at, source FROM moves WHERE registration = ?1 ORDER BY at")?;
        let rows: Result<Vec<_>, rusqlite::Error> =
            select.query_map([registration], |r| Ok((r.get(0)?, r.get(1)?)))?.collect();
        Ok(rows?)
    }

    fn timers(&self, aor: &str, sources: &[String]) -> Result<Vec<Value>, StoreError> {
        // What names nobody is whose address it is, unless others are behind that too: a proxy keeps its own way open.
        let places = vec!["?"; sources.len()].join(", ");
        let mut select = self.db.prepare(&format!(
            "SELECT t.id, t.kind, t.source, min(o.first_at), max(o.last_at), sum(o.beats) AS beats
             FROM timers AS t JOIN timer_observations AS o ON o.timer = t.id
             WHERE t.source IN ({places}) AND (t.aor = ? OR t.aor IS NULL AND NOT EXISTS
                 (SELECT 1 FROM registrations AS r WHERE r.source = t.source AND r.aor <> ?))
             GROUP BY t.id ORDER BY t.kind, beats DESC, t.id LIMIT {MAX_TIMERS}"
        ))?;
        let named = sources.iter().map(String::as_str).chain([aor, aor]);
        let mut rows = select.query(params_from_iter(named))?;
        let steps = self.sensor_steps()?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let segments = parted_at(TIMERS.read(&self.db, row.get(0)?)?, &steps);
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
        let mut select = self.db.prepare(&format!(
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
            kinds.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?, row.get(3)?));
        }
        Ok(kinds.iter().map(|(kind, readings)| wall_clock(kind, readings)).collect())
    }

    /// Media clocks over all calls that the device made: against the sensor's clock, and against its own wall clock.
    fn media_clocks<'a>(
        &self,
        calls: &str,
        made: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Vec<Value>, StoreError> {
        let mut out = Vec::new();
        for (name, column) in [("rtp", "media_skew"), ("rtcp", "rtcp_skew")] {
            let mut select = self.db.prepare(&format!(
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
            let Some((rate, half)) = pooled(&rates) else { continue };
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

/// What a wall clock shows: how far it is off, and how fast that changes.
fn wall_clock(kind: &str, readings: &[WallReading]) -> Value {
    let (begin, step) = readings.first().map_or((0, 0), |(at, _, step)| (*at, *step));
    let ahead = |(at, clock, step): &WallReading| clock.saturating_sub(*at).saturating_add(step / 2);
    let mut offsets: Vec<i64> = readings.iter().map(ahead).collect();
    offsets.sort_unstable();
    let offset = offsets.get(offsets.len() / 2).copied().unwrap_or(0);
    let mut drift = Drift::default();
    for reading in readings {
        let since = (reading.0 - begin) as f64 / 1e9;
        drift.add(since as f32, (ahead(reading) - offset) as f32 / 1e9);
    }
    let rate = drift.rate(step as f64 / 1e9);
    json!({
        "clock": kind,
        "first_seen": time(Some(begin)),
        "last_seen": time(readings.last().map(|(at, ..)| *at)),
        "readings": readings.len(),
        "offset_s": round(offset as f64 / 1e9, 6),
        "rate_ppm": rate.map(|(rate, _)| round(rate.0, 3)),
        "rate_ci95_ppm": rate.map(|(_, ci95)| interval(ci95)),
        "resolution_s": step as f64 / 1e9,
    })
}

/// Rates with the halves of their 95 % intervals, as one: weighed by their variance, and where they differ by more than that
/// explains, by so much less sure.
fn pooled(rates: &[(f64, f64)]) -> Option<(f64, f64)> {
    let weight = |half: f64| 1.0 / (half * half).max(1e-12);
    let total: f64 = rates.iter().map(|(_, half)| weight(*half)).sum();
    if rates.is_empty() || !total.is_finite() || total <= 0.0 {
        return None;
    }
    let mean = rates.iter().map(|(rate, half)| rate * weight(*half)).sum::<f64>() / total;
    let squares: f64 = rates.iter().map(|(rate, half)| (rate - mean).powi(2) * weight(*half)).sum();
    // Halves are nearly two deviations.
    let excess = squares * 1.96 * 1.96 / (rates.len() as f64 - 1.0).max(1.0);
    Some((mean, (excess.max(1.0) / total).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_pooled_by_what_they_are_worth() {
        assert_eq!(pooled(&[]), None);
        assert_eq!(pooled(&[(5.0, 2.0)]), Some((5.0, 2.0)));
        let (rate, half) = pooled(&[(10.0, 1.0), (10.4, 1.0), (50.0, 100.0)]).unwrap();
        assert!((rate - 10.2).abs() < 0.01 && half < 0.8, "{rate} {half}");
        let (_, half) = pooled(&[(-40.0, 1.0), (40.0, 1.0)]).unwrap();
        assert!(half > 50.0, "{half}");
    }

    #[test]
    fn a_wall_clock_is_read_in_seconds_and_parts_of_a_million() {
        // 3.2 s behind and 2000 ppm fast over an hour, shown in whole seconds.
        let readings: Vec<WallReading> = (0..120_i64)
            .map(|i| {
                let at = i * 30_000_000_000 + i * i % 7 * 131_000_000;
                let clock = (at as f64 * 1.002 - 3.2e9) as i64;
                (at, clock.div_euclid(1_000_000_000) * 1_000_000_000, 1_000_000_000)
            })
            .collect();
        let shown = wall_clock("date", &readings);
        let rate = shown["rate_ppm"].as_f64().unwrap();
        assert!((rate - 2000.0).abs() < 60.0, "{shown}");
        let ends = shown["rate_ci95_ppm"].as_array().unwrap();
        assert!(ends[0].as_f64().unwrap() < 2000.0 && ends[1].as_f64().unwrap() > 2000.0, "{shown}");
        assert!((shown["offset_s"].as_f64().unwrap() - 0.4).abs() < 0.3, "{shown}");
    }
}
