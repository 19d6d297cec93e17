//! Devices' clocks: read from what was stored, compared with each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_clock::{
    Discipline, NoFit, Rate, Reading, RoundTrip, SegmentStats, Skew, SkewFit, Verdict, compare_clocks,
    parted_at, policy, read_clock, tick,
};
use rusqlite::{OptionalExtension, Row};
use serde_json::{Map, Value, json};

use crate::StoreError;
use crate::query::{Reader, Report, Values};
use crate::sensor_clock;
use crate::timelines::REGISTRATIONS as REGISTRATION_TIMELINES;
use crate::values::{REGISTRATIONS, int, object, real, round, text, time};

/// Devices listed that another could be.
const MAX_CANDIDATES: usize = 10;

/// What finds the devices of an address of record or contact.
const OF_ID: &str = "r.aor = ?1 OR r.contact = ?1";

/// One registration with its clock.
pub(crate) struct Device {
    pub(crate) row: Map<String, Value>,
    pub(crate) fingerprint: String,
    pub(crate) registration: i64,
    segments: Vec<SegmentStats>,
    pub(crate) reading: Result<Reading, NoFit>,
    /// When it was first and last seen, in nanoseconds.
    pub(crate) seen: (i64, i64),
}

/// Whether a device is only compared with, or shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Row,
    Whole,
}

impl Reader {
    /// The devices of an address of record as reports print it (or of a contact): their rows, the points of their clocks, and which
    /// other known devices of the same fingerprint each could be by its clock.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_device(&self, id: &str) -> Result<Vec<Map<String, Value>>, StoreError> {
        let found = self.devices(OF_ID, id, Detail::Whole)?;
        // An address of record may have very many devices, mostly of few platforms.
        let mut alike: BTreeMap<&str, Vec<Device>> = BTreeMap::new();
        for device in &found {
            if !alike.contains_key(device.fingerprint.as_str()) {
                alike.insert(
                    &device.fingerprint,
                    self.devices("r.fingerprint = ?1", &device.fingerprint, Detail::Row)?,
                );
            }
        }
        let shown = |device: &Device| {
            let others = alike.get(device.fingerprint.as_str()).map_or(&[][..], Vec::as_slice);
            let mut shown = with_clock(device);
            shown.insert("could_be".to_owned(), self.candidates(device, others));
            shown
        };
        let mut out: Vec<Map<String, Value>> = found.iter().map(shown).collect();
        for (shown, device) in out.iter_mut().zip(&found) {
            self.add_verdict(device, shown)?;
        }
        Ok(out)
    }

    /// The devices that [`Self::show_device`] finds, without those they could be: what a picture needs.
    ///
    /// # Errors
    /// If the database fails.
    pub fn device_clocks(&self, id: &str) -> Result<Vec<Map<String, Value>>, StoreError> {
        Ok(self.devices(OF_ID, id, Detail::Row)?.iter().map(with_clock).collect())
    }

    /// What is thought of a device, beside what is known of it.
    fn add_verdict(&self, device: &Device, shown: &mut Map<String, Value>) -> Result<(), StoreError> {
        let aor = device.row.get("aor").and_then(Value::as_str).unwrap_or_default();
        let source = device.row.get("source").cloned().unwrap_or_default();
        let is_of_this = |record: &Map<String, Value>| {
            record.get("sources").and_then(Value::as_array).is_some_and(|sources| sources.contains(&source))
        };
        let subscriber = self.subscriber(aor)?;
        let records =
            subscriber.records.iter().map(|r| (r.subject, object(Report::Devices, r.columns.clone())));
        let mut of_this = records.filter(|(_, record)| is_of_this(record));
        if let Some((subject, record)) = of_this.next() {
            for name in
                ["device", "class", "class_mode", "expected_class", "verdict", "evidence", "other_aors"]
            {
                shown.insert(name.to_owned(), record.get(name).cloned().unwrap_or_default());
            }
            shown.insert("verdict_course".to_owned(), self.kept_verdicts("device", subject)?);
        }
        Ok(())
    }

    /// Those of `others` whose clocks do not tell them apart from this device, the likeliest first.
    fn candidates(&self, device: &Device, others: &[Device]) -> Value {
        let Ok(reading) = &device.reading else { return json!([]) };
        let mut found = Vec::new();
        for other in others {
            let Ok(theirs) = &other.reading else { continue };
            if other.registration == device.registration {
                continue;
            }
            let same = compare_clocks(reading, theirs, &self.tolerance);
            let Some(p_value) = same.p_value.filter(|_| same.verdict != Verdict::Different) else { continue };
            found.push((
                p_value,
                json!({
                    "aor": other.row.get("aor"),
                    "contact": other.row.get("contact"),
                    "verdict": same.verdict.name(),
                    "p_value": round(p_value, 4),
                    "difference_ppm": same.difference.map(|d| round(d.0, 3)),
                }),
            ));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        Value::Array(found.into_iter().take(MAX_CANDIDATES).map(|(_, value)| value).collect())
    }

    pub(crate) fn devices(
        &self,
        condition: &str,
        value: &str,
        detail: Detail,
    ) -> Result<Vec<Device>, StoreError> {
        let mut select = self.db.prepare(&format!(
            "{REGISTRATIONS} WHERE {condition} GROUP BY r.registration ORDER BY min(o.first_at), r.registration"
        ))?;
        let mut rows = select.query([value])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let (segments, reading) = self.clock(row)?;
            let mut shown = object(Report::Registrations, self.registration_with(row, &segments, &reading)?);
            if detail == Detail::Whole {
                let moves = self.moves(row.get("id")?)?;
                let moves =
                    moves.iter().map(|(at, to)| json!({"at": time(Some(*at)), "source": to})).collect();
                shown.insert("moves".to_owned(), Value::Array(moves));
                shown.insert("other_clocks".to_owned(), self.other_clocks(row)?);
            }
            out.push(Device {
                row: shown,
                fingerprint: row.get("fingerprint")?,
                registration: row.get("registration")?,
                seen: (row.get("first_seen")?, row.get("last_seen")?),
                segments,
                reading,
            });
        }
        Ok(out)
    }

    /// The segments of a registration, and its clock as all of them show it.
    fn clock(&self, row: &Row<'_>) -> Result<(Vec<SegmentStats>, Result<Reading, NoFit>), StoreError> {
        let id: i64 = row.get("id")?;
        let segments = parted_at(REGISTRATION_TIMELINES.read(&self.db, id)?, &self.sensor_steps()?);
        let shortest: Option<f64> = row.get("rtt_ms")?;
        let span = |ms: f64| Span::from_nanos((ms * 1e6) as i64);
        let middle = self.middle_rtt(id)?;
        let round_trip = shortest.map(|shortest| RoundTrip {
            shortest: span(shortest),
            seen: row.get("challenges").unwrap_or(1),
            middle: middle.map(|(middle, spread)| (span(middle), span(spread))),
        });
        let reading = read_clock(&segments, round_trip);
        Ok((segments, reading))
    }

    /// The clock is fitted here, from all segments that were ever observed of the device.
    pub(crate) fn registration(&self, row: &Row<'_>) -> Result<Values, StoreError> {
        let (segments, reading) = self.clock(row)?;
        self.registration_with(row, &segments, &reading)
    }

    fn registration_with(
        &self,
        row: &Row<'_>,
        segments: &[SegmentStats],
        reading: &Result<Reading, NoFit>,
    ) -> Result<Values, StoreError> {
        let stacks = self.stacks(row)?;
        let id: i64 = row.get("id")?;
        // Drawn intervals have no period, whatever grid they lie on.
        let is_drawn = segments.iter().any(SegmentStats::is_drawn);
        let longest = segments.iter().filter(|_| !is_drawn).max_by_key(|s| s.refreshes);
        let read = reading.as_ref().ok().filter(|_| !is_drawn);
        let period = read.map(|r| r.period_s).or(longest.map(|s| s.period_s)).filter(|p| *p > 0.0);
        let observed = longest.map(|s| s.period_observed_s).filter(|p| *p > 0.0);
        let Latest { status: latest_status, expires_s: latest_expires, registered_by, ended_at } =
            self.latest(id)?;
        let rule = period
            .zip(latest_expires.as_u64())
            .and_then(|(period, expires)| policy(period, u32::try_from(expires).ok()?));
        let clock = Clock::of(reading);
        Ok(vec![
            text(row, "aor")?,
            text(row, "contact")?,
            text(row, "instance_id")?,
            text(row, "source")?,
            text(row, "registrar")?,
            text(row, "transport")?,
            text(row, "user_agent")?,
            text(row, "fingerprint")?,
            stacks.stack,
            time(row.get("first_seen")?),
            time(row.get("last_seen")?),
            int(row, "refreshes")?,
            int(row, "duplicates")?,
            latest_expires,
            json!(period),
            json!(observed.map(|p| round(p, 6))),
            json!(clock.discipline.name()),
            json!(clock.slope.map(|f| round(f.residual_s * 1e3, 4))),
            real(row, "rtt_ms", 3)?,
            json!(clock.skew.map(|s| round(s.skew.0, 3))),
            json!(clock.skew.map(|s| interval(s.ci95))),
            json!(clock.slope.map(|f| round(f.skew.0, 3))),
            json!(clock.lateness_s.map(|s| round(s * 1e3, 3))),
            json!(clock.skew.map(|s| s.method)),
            json!(clock.no_fit.map(NoFit::name)),
            json!(segments.len()),
            int(row, "challenges")?,
            latest_status,
            int(row, "hep_agent")?,
            text(row, "mirror")?,
            stacks.claim,
            json!(rule),
            json!(clock.rate.map(|r| round(r.rate.0, 3))),
            json!(clock.rate.map(|r| interval(r.ci95))),
            json!(clock.rate.map(|r| r.kind.name())),
            registered_by,
            ended_at,
        ])
    }

    fn middle_rtt(&self, registration: i64) -> Result<Option<(f64, f64)>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT rtt_middle_ms, rtt_spread_ms FROM observations
             WHERE registration = ?1 AND rtt_middle_ms IS NOT NULL ORDER BY first_at DESC LIMIT 1",
        )?;
        Ok(select.query_row([registration], |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
    }

    /// When the clock that stamps packets was stepped: asked once.
    pub(crate) fn sensor_steps(&self) -> Result<Arc<[(Timestamp, Timestamp)]>, StoreError> {
        if let Some(known) = self.sensor_steps.get() {
            return Ok(Arc::clone(known));
        }
        let steps: Arc<[_]> = sensor_clock::steps(&self.db)?.into();
        Ok(Arc::clone(self.sensor_steps.get_or_init(|| steps)))
    }

    fn latest(&self, registration: i64) -> Result<Latest, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT last_status, expires_s, registered_by, ended_at FROM observations
             WHERE registration = ?1 ORDER BY first_at DESC LIMIT 1",
        )?;
        let found = select.query_row([registration], |r| {
            Ok(Latest {
                status: json!(r.get::<_, Option<i64>>(0)?),
                expires_s: json!(r.get::<_, Option<i64>>(1)?),
                registered_by: json!(r.get::<_, Option<String>>(2)?),
                ended_at: time(r.get(3)?),
            })
        });
        Ok(found.optional()?.unwrap_or_default())
    }
}

/// What the latest observation of a registration says of how it stands.
#[derive(Default)]
struct Latest {
    status: Value,
    expires_s: Value,
    registered_by: Value,
    ended_at: Value,
}

/// A device's row and the points of its clock.
fn with_clock(device: &Device) -> Map<String, Value> {
    let mut shown = device.row.clone();
    shown.insert("clock".to_owned(), plot_of(device));
    shown
}

/// The points of a device's clock, for a picture: seconds since its first refresh and offsets in milliseconds, by segment,
/// with the slope that is drawn through each.
fn plot_of(device: &Device) -> Value {
    let first = device.segments.iter().map(|s| s.first_at).min();
    let segments: Vec<Value> = device
        .segments
        .iter()
        .map(|s| {
            let from = first.map_or(0.0, |first| s.first_at.since(first).as_secs_f64());
            let points: Vec<[f64; 2]> =
                s.points().map(|p| [round(from + p.x_s, 3), round(p.y_s * 1e3, 3)]).collect();
            json!(points)
        })
        .collect();
    let reading = device.reading.as_ref().ok();
    json!({
        "slope_ppm": reading.map(|reading| round(reading.slope.skew.0, 3)),
        "path_steps": reading.map(|reading| reading.path_steps),
        "tick_ms": reading.and_then(|reading| tick(&device.segments, reading)).map(|t| t.as_nanos() / 1_000_000),
        "points_s_ms": segments,
    })
}

/// A clock's reading as columns show it.
struct Clock {
    discipline: Discipline,
    slope: Option<SkewFit>,
    skew: Option<Skew>,
    no_fit: Option<NoFit>,
    lateness_s: Option<f64>,
    rate: Option<Rate>,
}

impl Clock {
    fn of(reading: &Result<Reading, NoFit>) -> Self {
        match reading {
            Ok(reading) => Self {
                discipline: reading.discipline,
                slope: Some(reading.slope),
                skew: reading.skew.ok(),
                no_fit: reading.skew.err(),
                lateness_s: reading.lateness_s,
                rate: reading.rate,
            },
            Err(reason) => Self {
                discipline: match reason {
                    NoFit::IrregularIntervals => Discipline::Randomised,
                    _ => Discipline::Undetermined,
                },
                slope: None,
                skew: None,
                no_fit: Some(*reason),
                lateness_s: None,
                rate: None,
            },
        }
    }
}

/// A 95 % interval as reports show it.
pub(crate) fn interval((low, high): (Ppm, Ppm)) -> [f64; 2] {
    [round(low.0, 3), round(high.0, 3)]
}
