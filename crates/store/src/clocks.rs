//! Registrations as the database holds them, with their clocks fitted.

use std::ops::ControlFlow;
use std::sync::Arc;

use bellwether_base::{RegistrationId, Span, Timestamp};
use bellwether_clock::{ClockSummary, RoundTrip, SegmentStats, parted_at, read_clock};
use rusqlite::{OptionalExtension, Params, Row, params};

use crate::StoreError;
use crate::reader::Reader;
use crate::registration::{LatestObservation, Registration, RegistrationTimeline};
use crate::sensor_clock;
use crate::timelines::{REGISTRATIONS as REGISTRATION_TIMELINES, TIMERS};

const REGISTRATIONS: &str = "SELECT r.*, min(o.first_at) AS first_seen, max(o.last_at) AS last_seen,
        sum(o.refreshes) AS refreshes, sum(o.duplicates) AS duplicates, sum(o.challenges) AS challenges,
        min(o.rtt_ms) AS rtt_ms
    FROM registrations AS r JOIN observations AS o ON o.registration = r.id";

impl Reader {
    /// The registrations of an address of record as reports print it, or else of a contact.
    ///
    /// # Errors
    /// If the database fails.
    pub fn registrations_of(&self, id: &str) -> Result<Vec<RegistrationTimeline>, StoreError> {
        let found = self.registrations("r.aor = ?1", [id])?;
        // Contacts have no index.
        if found.is_empty() { self.registrations("r.contact = ?1", [id]) } else { Ok(found) }
    }

    /// The registrations of a fingerprint, at most `most`: the ones that were stored last.
    ///
    /// # Errors
    /// If the database fails.
    pub fn registrations_of_platform(
        &self,
        fingerprint: &str,
        most: usize,
    ) -> Result<Vec<RegistrationTimeline>, StoreError> {
        let newest =
            "r.id IN (SELECT id FROM registrations WHERE fingerprint = ?1 ORDER BY id DESC LIMIT ?2)";
        self.registrations(newest, params![fingerprint, i64::try_from(most).unwrap_or(i64::MAX)])
    }

    /// Calls `visit` for each registration with its last REGISTER in a time range, in order of their start, until `visit` breaks off.
    ///
    /// # Errors
    /// If the database or the visitor fails.
    pub fn visit_registrations(
        &self,
        since: Timestamp,
        until: Timestamp,
        visit: &mut dyn FnMut(&Registration) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut select = self.db.prepare(&format!(
            "{REGISTRATIONS} GROUP BY r.registration HAVING max(o.last_at) >= ?1 AND max(o.last_at) < ?2
             ORDER BY min(o.first_at), r.registration"
        ))?;
        let mut rows = select.query([since.as_nanos(), until.as_nanos()])?;
        while let Some(row) = rows.next()? {
            if visit(&self.registration(row)?.0)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The segments of another timer of a device, parted where the sensor's clock was stepped.
    ///
    /// # Errors
    /// If the database fails.
    pub fn timer_segments(&self, timer: i64) -> Result<Vec<SegmentStats>, StoreError> {
        Ok(parted_at(TIMERS.read(&self.db, timer)?, &self.sensor_steps()?))
    }

    /// Registrations by a condition, in order of their start, each with its clock segments.
    pub(crate) fn registrations(
        &self,
        condition: &str,
        parameters: impl Params,
    ) -> Result<Vec<RegistrationTimeline>, StoreError> {
        let mut select = self.db.prepare(&format!(
            "{REGISTRATIONS} WHERE {condition} GROUP BY r.registration ORDER BY min(o.first_at), r.registration"
        ))?;
        let mut rows = select.query(parameters)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(self.registration(row)?);
        }
        Ok(out)
    }

    /// A registration from its row. The clock is fitted here, from all segments that were ever observed of the device.
    fn registration(&self, row: &Row<'_>) -> Result<RegistrationTimeline, StoreError> {
        let id: i64 = row.get("id")?;
        let segments = parted_at(REGISTRATION_TIMELINES.read(&self.db, id)?, &self.sensor_steps()?);
        let (rtt_ms, challenges): (Option<f64>, i64) = (row.get("rtt_ms")?, row.get("challenges")?);
        let reading = read_clock(&segments, self.round_trip(id, rtt_ms, challenges)?);
        let registration = Registration {
            id,
            registration: RegistrationId::new(row.get("registration")?),
            aor: row.get("aor")?,
            contact: row.get("contact")?,
            instance_id: row.get("instance_id")?,
            source: row.get("source")?,
            registrar: row.get("registrar")?,
            transport: row.get("transport")?,
            user_agent: row.get("user_agent")?,
            fingerprint: row.get("fingerprint")?,
            first_seen: Timestamp::from_nanos(row.get("first_seen")?),
            last_seen: Timestamp::from_nanos(row.get("last_seen")?),
            refreshes: row.get("refreshes")?,
            duplicates: row.get("duplicates")?,
            challenges,
            rtt_ms,
            hep_agent: row.get("hep_agent")?,
            mirror: row.get("mirror")?,
            latest: self.latest_observation(id)?,
            clock: ClockSummary::of(&segments, &reading),
            reading,
        };
        Ok((registration, segments))
    }

    /// The round trips of a registration; none where no challenge was seen.
    fn round_trip(
        &self,
        id: i64,
        rtt_ms: Option<f64>,
        challenges: i64,
    ) -> Result<Option<RoundTrip>, StoreError> {
        let span = |ms: f64| Span::from_nanos((ms * 1e6) as i64);
        let mut select = self.db.prepare_cached(
            "SELECT rtt_middle_ms, rtt_spread_ms FROM observations
             WHERE registration = ?1 AND rtt_middle_ms IS NOT NULL ORDER BY first_at DESC LIMIT 1",
        )?;
        let middle = select.query_row([id], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        Ok(rtt_ms.map(|shortest| RoundTrip {
            shortest: span(shortest),
            seen: u32::try_from(challenges).unwrap_or(1),
            middle: middle.map(|(middle, spread)| (span(middle), span(spread))),
        }))
    }

    /// When the clock that stamps packets was stepped: asked once.
    pub(crate) fn sensor_steps(&self) -> Result<Arc<[(Timestamp, Timestamp)]>, StoreError> {
        if let Some(known) = self.sensor_steps.get() {
            return Ok(Arc::clone(known));
        }
        let steps: Arc<[_]> = sensor_clock::steps(&self.db)?.into();
        Ok(Arc::clone(self.sensor_steps.get_or_init(|| steps)))
    }

    fn latest_observation(&self, registration: i64) -> Result<LatestObservation, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT last_status, expires_s, registered_by, ended_at FROM observations
             WHERE registration = ?1 ORDER BY first_at DESC LIMIT 1",
        )?;
        let found = select.query_row([registration], |r| {
            Ok(LatestObservation {
                status: r.get(0)?,
                expires_s: r.get(1)?,
                registered_by: r.get(2)?,
                ended_at: r.get(3)?,
            })
        });
        Ok(found.optional()?.unwrap_or_default())
    }

    /// From where a device came since when, in nanoseconds, after the address that its row names.
    ///
    /// # Errors
    /// If the database fails.
    pub fn moves(&self, registration: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT at, source FROM moves WHERE registration = ?1 ORDER BY at")?;
        let rows: Result<Vec<_>, rusqlite::Error> =
            select.query_map([registration], |r| Ok((r.get(0)?, r.get(1)?)))?.collect();
        Ok(rows?)
    }
}
