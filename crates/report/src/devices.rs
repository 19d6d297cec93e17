//! Registrations and devices as reports show them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bellwether_base::{CallId, Ppm};
use bellwether_clock::{NoFit, SegmentStats, tick};
use bellwether_devices::{CallVerdict, DeviceRecord, Evidence, PORTAL_FROM_TRUNK, SensitiveCall, candidates};
use bellwether_enrich::AccessSide;
use bellwether_store::{Registration, RegistrationTimeline, StoreError, Subscriber};
use rusqlite::{Row, params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{parsed, round, text, time};
use crate::columns::{Query, Report, Values, object};

impl Reports<'_> {
    /// The devices of an address of record as reports print it (or of a contact): their rows, the points of their clocks, and which
    /// other known devices of the same fingerprint each could be by its clock. At most `compared` devices of a fingerprint are compared,
    /// the newest: each takes some statements.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_device(&self, id: &str, compared: usize) -> Result<Vec<Map<String, Value>>, StoreError> {
        let found = self.reader.registrations_of(id)?;
        // An address of record may have very many devices, mostly of few platforms.
        let mut alike: BTreeMap<&str, Vec<RegistrationTimeline>> = BTreeMap::new();
        for (registration, _) in &found {
            let print = registration.fingerprint.as_str();
            if !alike.contains_key(print) {
                alike.insert(print, self.reader.registrations_of_platform(print, compared)?);
            }
        }
        let mut out = Vec::new();
        for (registration, segments) in &found {
            let mut shown = object(Report::Registrations, self.registration_values(registration)?);
            let moves = self.reader.moves(registration.id)?;
            let moves = moves.iter().map(|(at, to)| json!({"at": time(Some(*at)), "source": to})).collect();
            shown.insert("moves".to_owned(), Value::Array(moves));
            shown.insert("other_clocks".to_owned(), self.other_clocks(registration)?);
            shown.insert("clock".to_owned(), plot_of(registration, segments));
            let others = alike.get(registration.fingerprint.as_str()).map_or(&[][..], Vec::as_slice);
            shown.insert("could_be".to_owned(), self.could_be(registration, others));
            self.add_verdict(registration, &mut shown)?;
            out.push(shown);
        }
        Ok(out)
    }

    /// The devices that [`Self::show_device`] finds, without similar devices. A picture needs no more.
    ///
    /// # Errors
    /// If the database fails.
    pub fn device_clocks(&self, id: &str) -> Result<Vec<Map<String, Value>>, StoreError> {
        let found = self.reader.registrations_of(id)?;
        found
            .iter()
            .map(|(registration, segments)| {
                let mut shown = object(Report::Registrations, self.registration_values(registration)?);
                shown.insert("clock".to_owned(), plot_of(registration, segments));
                Ok(shown)
            })
            .collect()
    }

    /// The verdict about the device of a registration.
    fn add_verdict(
        &self,
        registration: &Registration,
        shown: &mut Map<String, Value>,
    ) -> Result<(), StoreError> {
        let subscriber = self.reader.subscriber(&registration.aor)?;
        let Some(device) = subscriber.verdict.device_at(&registration.source) else { return Ok(()) };
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("device", json!(device.name));
        put("class", json!(device.class));
        put("class_mode", json!(device.class_mode));
        put("expected_class", json!(device.expected_class));
        put("verdict", json!(device.step.verdict.name()));
        put("evidence", evidence_list(&device.step.evidence));
        put("other_aors", json!(device.other_owners));
        put("verdict_course", self.kept_verdicts("device", device.subject().get())?);
        Ok(())
    }

    /// The devices in `others` whose clocks do not differ from the clock of this device, the likeliest first.
    fn could_be(&self, registration: &Registration, others: &[RegistrationTimeline]) -> Value {
        let clocks = others.iter().map(|(other, _)| other.timer());
        let found = candidates(registration.timer(), clocks, self.reader.tolerance());
        let listed = found.into_iter().filter_map(|candidate| {
            let (other, _) = others.get(candidate.index)?;
            Some(json!({
                "aor": other.aor,
                "contact": other.contact,
                "verdict": candidate.verdict.name(),
                "p_value": round(candidate.p_value, 4),
                "difference_ppm": candidate.difference.map(|d| round(d.0, 3)),
            }))
        });
        Value::Array(listed.collect())
    }

    /// All registrations, in the order in which they began.
    pub(crate) fn registration_rows(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (since, until) = query.span();
        self.reader.visit_registrations(since, until, &mut |registration| {
            Ok(visit(self.registration_values(registration)?))
        })
    }

    /// A registration in the order of the report's columns.
    fn registration_values(&self, r: &Registration) -> Result<Values, StoreError> {
        let stacks = self.stacks(&r.fingerprint, r.user_agent.as_deref())?;
        let clock = &r.clock;
        Ok(vec![
            json!(r.aor),
            json!(r.contact),
            json!(r.instance_id),
            json!(r.source),
            json!(r.registrar),
            json!(r.transport),
            json!(r.user_agent),
            json!(r.fingerprint),
            stacks.stack,
            time(Some(r.first_seen.as_nanos())),
            time(Some(r.last_seen.as_nanos())),
            json!(r.refreshes),
            json!(r.duplicates),
            json!(r.latest.expires_s),
            json!(clock.period_s),
            json!(clock.period_observed_s.map(|p| round(p, 6))),
            json!(clock.discipline.name()),
            json!(clock.slope.map(|f| round(f.residual_s * 1e3, 4))),
            json!(r.rtt_ms.map(|ms| round(ms, 3))),
            json!(clock.skew.map(|s| round(s.skew.0, 3))),
            json!(clock.skew.map(|s| interval(s.ci95))),
            json!(clock.slope.map(|f| round(f.skew.0, 3))),
            json!(clock.lateness_s.map(|s| round(s * 1e3, 3))),
            json!(clock.skew.map(|s| s.method)),
            json!(clock.no_fit.map(NoFit::name)),
            json!(clock.segments),
            json!(r.challenges),
            json!(r.latest.status),
            json!(r.hep_agent),
            json!(r.mirror),
            stacks.claim,
            json!(clock.policy(r.latest.expires_s)),
            json!(clock.rate.map(|r| round(r.rate.0, 3))),
            json!(clock.rate.map(|r| interval(r.ci95))),
            json!(clock.rate.map(|r| r.kind.name())),
            json!(r.latest.registered_by),
            time(r.latest.ended_at),
        ])
    }

    /// The devices of all subscribers, in the order of their addresses of record.
    pub(crate) fn device_rows(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut select = self.db().prepare("SELECT DISTINCT aor FROM registrations ORDER BY aor")?;
        let aors: Vec<String> =
            select.query_map([], |r| r.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
        for aor in aors {
            let subscriber = self.reader.subscriber(&aor)?;
            for device in &subscriber.verdict.devices {
                let is_meant = query.since.is_none_or(|since| device.last_seen >= since)
                    && query.until.is_none_or(|until| device.last_seen < until);
                if is_meant && visit(self.device_values(&subscriber, device)?).is_break() {
                    return Ok(());
                }
            }
            // Very many subscribers would fill the memory: each is asked for once here.
            self.reader.forget_subscriber(&aor);
        }
        Ok(())
    }

    /// A device in the order of the report's columns. Clock, instance and stack come from the steadiest registration of the
    /// device.
    fn device_values(&self, subscriber: &Subscriber, device: &DeviceRecord) -> Result<Values, StoreError> {
        let steadiest = device.steadiest.and_then(|registration| subscriber.registration(registration));
        let skew = steadiest.and_then(|r| r.clock.skew);
        let stack = match steadiest {
            Some(r) => self.reader.platform(&r.fingerprint)?.stack().map(str::to_owned),
            None => None,
        };
        Ok(vec![
            json!(subscriber.verdict.aor),
            json!(device.name),
            json!(device.class),
            json!(device.class_mode),
            json!(skew.map(|s| round(s.skew.0, 3))),
            json!(skew.map(|s| interval(s.ci95))),
            json!(steadiest.map(|r| &r.fingerprint)),
            json!(device.expected_class),
            json!(device.step.verdict.name()),
            evidence_list(&device.step.evidence),
            time(Some(device.first_seen.as_nanos())),
            time(Some(device.last_seen.as_nanos())),
            json!(steadiest.map(|r| &r.instance_id)),
            json!(stack),
            json!(steadiest.and_then(|r| r.clock.policy(r.latest.expires_s))),
            json!(device.registrations.len()),
            json!(device.calls),
            json!(device.sources),
            json!(device.other_owners),
            json!(device.is_enrolled),
        ])
    }

    /// The verdict about the calling device, with findings about the call's path.
    pub(crate) fn verdict_of(&self, row: &Row<'_>) -> Result<CallVerdict, StoreError> {
        let (caller, host): (String, Option<String>) = (row.get("caller")?, row.get("caller_host")?);
        let mut verdict =
            self.reader.call_verdict(CallId::new(row.get("call")?), &caller, host.as_deref())?;
        let side = AccessSide::of(&row.get::<_, String>("access_side")?);
        if SensitiveCall::is_portal_from_trunk(row.get("is_sensitive")?, side) {
            verdict.findings.insert(0, PORTAL_FROM_TRUNK.to_owned());
        }
        Ok(verdict)
    }

    /// The steps of the verdict about a `call` or `device` since it was first judged.
    pub(crate) fn kept_verdicts(&self, kind: &str, subject: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT at, basis, verdict, evidence FROM verdicts WHERE kind = ?1 AND subject = ?2 ORDER BY step",
        )?;
        let steps: Result<Vec<Value>, StoreError> = select
            .query_and_then(params![kind, subject], |row| {
                Ok(json!({
                    "at": time(row.get("at")?),
                    "with": text(row, "basis")?,
                    "verdict": text(row, "verdict")?,
                    "evidence": parsed(row, "evidence")?,
                }))
            })?
            .collect();
        Ok(Value::Array(steps?))
    }
}

/// Evidence as reports show it.
pub(crate) fn evidence_list(evidence: &[Evidence]) -> Value {
    let shown = |e: &Evidence| json!({ "kind": e.kind.name(), "evidence": e.words, "log10_ratio": round(e.weight, 2) });
    Value::Array(evidence.iter().map(shown).collect())
}

/// The points of a device's clock, for a picture: seconds since its first refresh and offsets in milliseconds, by segment,
/// with the slope that is drawn through each.
fn plot_of(registration: &Registration, segments: &[SegmentStats]) -> Value {
    let first = segments.iter().map(|s| s.first_at).min();
    let shown: Vec<Value> = segments
        .iter()
        .map(|s| {
            let from = first.map_or(0.0, |first| s.first_at.since(first).as_secs_f64());
            let points: Vec<[f64; 2]> =
                s.points().map(|p| [round(from + p.x_s, 3), round(p.y_s * 1e3, 3)]).collect();
            json!(points)
        })
        .collect();
    let reading = registration.reading.as_ref().ok();
    json!({
        "slope_ppm": reading.map(|reading| round(reading.slope.skew.0, 3)),
        "path_steps": reading.map(|reading| reading.path_steps),
        "tick_ms": reading.and_then(|reading| tick(segments, reading)).map(|t| t.as_nanos() / 1_000_000),
        "points_s_ms": shown,
    })
}

/// A 95 % interval as reports show it.
pub(crate) fn interval((low, high): (Ppm, Ppm)) -> [f64; 2] {
    [round(low.0, 3), round(high.0, 3)]
}
