//! Calls as reports show them.

use bellwether_devices::CallVerdict;
use bellwether_scoring::Stage;
use bellwether_store::{Blindness, StoreError, StoredSignal};
use rusqlite::Row;
use serde_json::{Value, json};

use crate::Reports;
use crate::blindness::of_call;
use crate::cells::{int, parsed, real, text, time};
use crate::columns::Values;
use crate::platforms::Stacks;

/// The rows of the report.
pub(crate) const CALLS: &str =
    "SELECT calls.*, (SELECT json_group_array(other.call_id ORDER BY other.started_at, other.call)
        FROM call_links JOIN calls AS other ON other.call = call_links.other
        WHERE call_links.call = calls.call) AS linked,
        s.score AS score, s.disposition AS disposition, s.signals AS signals, s.stage AS stage, s.fraud_probability,
        s.confidence, iif(k.kind = 'campaign', k.name, NULL) AS campaign_name,
        iif(k.kind = 'notification', k.name, NULL) AS notification, l.label AS label, f.family AS family
    FROM calls_now AS calls LEFT JOIN scores AS s ON s.id = calls.id
        LEFT JOIN fingerprints AS f ON f.fingerprint = calls.fingerprint
        LEFT JOIN campaigns AS k ON k.campaign = s.campaign
        LEFT JOIN labels AS l ON l.kind = 'call' AND l.subject = CAST(calls.call AS TEXT)";

impl Reports<'_> {
    /// A call's row in the order of the report's columns.
    pub(crate) fn call_values(&self, row: &Row<'_>, blindness: &Blindness) -> Result<Values, StoreError> {
        self.call_values_of(row, &self.verdict_of(row)?, blindness)
    }

    /// The same, with the verdict about the call's device.
    pub(crate) fn call_values_of(
        &self,
        row: &Row<'_>,
        judged: &CallVerdict,
        blindness: &Blindness,
    ) -> Result<Values, StoreError> {
        let packed: Option<String> = row.get("signals")?;
        let signals = packed.map_or(Ok(Vec::new()), |packed| self.reader.stored_signals(&packed))?;
        call(row, self.stacks_of(row)?, shown_signals(&signals), judged, blindness)
    }
}

/// The signals of a score.
fn shown_signals(signals: &[StoredSignal]) -> Value {
    let one = |s: &StoredSignal| json!({"name": s.name, "points": s.points, "evidence": s.words});
    signals.iter().map(one).collect()
}

fn call(
    row: &Row<'_>,
    stacks: Stacks,
    signals: Value,
    judged: &CallVerdict,
    blindness: &Blindness,
) -> Result<Values, StoreError> {
    let answered: Option<i64> = row.get("answered_at")?;
    let ended: Option<i64> = row.get("ended_at")?;
    let duration = answered.zip(ended).map(|(a, e)| e.saturating_sub(a) as f64 / 1e9);
    let has_identity: bool = row.get("has_identity")?;
    let cancelled: bool = row.get("cancelled")?;
    let not_judged = why_not_judged(row)?;
    let defects: Option<String> = row.get("defects")?;
    let defects: Vec<&str> = defects.iter().flat_map(|d| d.split(' ')).collect();
    Ok(vec![
        text(row, "call_id")?,
        text(row, "from_tag")?,
        time(row.get("started_at")?),
        time(answered),
        time(ended),
        json!(duration),
        int(row, "final_status")?,
        text(row, "caller")?,
        text(row, "callee")?,
        text(row, "source")?,
        text(row, "destination")?,
        text(row, "transport")?,
        text(row, "user_agent")?,
        text(row, "fingerprint")?,
        text(row, "sip_author")?,
        text(row, "sdp_author")?,
        text(row, "path")?,
        stacks.stack,
        text(row, "origin")?,
        text(row, "trunk_id")?,
        text(row, "access_side")?,
        text(row, "attestation")?,
        if has_identity { text(row, "passport")? } else { json!("none") },
        real(row, "score", 1)?,
        if not_judged.is_some() { json!(NOT_JUDGED) } else { text(row, "disposition")? },
        signals,
        json!(judged.verdict.name()),
        text(row, "campaign_name")?,
        int(row, "duplicates")?,
        int(row, "hops")?,
        parsed(row, "linked")?,
        text(row, "dialled")?,
        text(row, "last_destination")?,
        json!(cancelled),
        int(row, "forks")?,
        int(row, "reinvites")?,
        int(row, "retransmissions")?,
        text(row, "caller_kind")?,
        text(row, "caller_country")?,
        text(row, "callee_kind")?,
        text(row, "callee_country")?,
        json!(defects),
        int(row, "hep_agent")?,
        text(row, "mirror")?,
        stacks.sdp_stack,
        stacks.claim,
        text(row, "referred_to")?,
        json!(row.get::<_, Option<i64>>("stage")?.map(|stage| Stage::of(stage).name())),
        text(row, "label")?,
        row.get::<_, Option<String>>("identity")?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or(Value::Null),
        of_call(blindness, row)?,
        json!(not_judged),
        real(row, "fraud_probability", 5)?,
        text(row, "confidence")?,
        text(row, "family")?,
        text(row, "notification")?,
        text(row, "ended_by")?,
    ])
}

/// The disposition of a call that has no score.
pub(crate) const NOT_JUDGED: &str = "not_judged";

/// All values of the column `disposition`.
pub const DISPOSITIONS: [&str; 4] = ["quarantine", "monitor", "standard", NOT_JUDGED];

/// Somebody called for help.
pub(crate) const FOR_HELP: &str = "emergency_call";

/// The run ended before it scored the call, or has not scored the call yet.
pub(crate) const UNFINISHED: &str = "judging_unfinished";

/// Why a call has no score; none where it has one.
fn why_not_judged(row: &Row<'_>) -> Result<Option<&'static str>, StoreError> {
    if row.get::<_, Option<f64>>("score")?.is_some() {
        return Ok(None);
    }
    let marks: Option<String> = row.get("marks")?;
    let is_for_help = marks.is_some_and(|marks| marks.split(' ').any(|mark| mark == "emergency"));
    Ok(Some(if is_for_help { FOR_HELP } else { UNFINISHED }))
}
