//! Totals over the whole database: the summary, and the losses.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bellwether_base::{Loss, LossKind};
use bellwether_store::{SpansOfLoss, StoreError};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::blindness::span_columns;
use crate::calls::{FOR_HELP, UNFINISHED};
use crate::cells::{round, time};
use crate::columns::Values;

/// Losses that only spans count: no input counts them.
const SPANS_ONLY: [Loss; 3] = [Loss::InterfaceAway, Loss::SensorDown, Loss::SensorStopped];

impl Reports<'_> {
    /// Totals over the whole database.
    ///
    /// # Errors
    /// If the database fails.
    pub fn summary(&self) -> Result<Map<String, Value>, StoreError> {
        let (inputs, packets, bytes, first, last): (i64, i64, i64, Option<i64>, Option<i64>) = self
            .db()
            .query_row(
            "SELECT count(*), coalesce(sum(packets), 0), coalesce(sum(bytes), 0), min(first_at), max(last_at)
             FROM inputs",
            [],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)),
        )?;
        let counters = self.counters()?;
        let group = |kind: &str| -> Map<String, Value> {
            let of_kind = counters.iter().filter(|((k, _), _)| k == kind);
            of_kind.map(|((_, name), n)| (name.clone(), json!(n))).collect()
        };
        let count = |table: &str| -> Result<i64, StoreError> {
            Ok(self.db().query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0))?)
        };
        let losses: i64 = Loss::ALL
            .iter()
            .filter(|l| l.kind() != LossKind::Notice)
            .filter_map(|l| counters.get(&("loss".to_owned(), l.name().to_owned())))
            .sum();
        let spans = self.reader.spans_by_loss()?;
        let losses = losses + SPANS_ONLY.iter().filter_map(|l| spans.get(l)).map(|s| s.count).sum::<i64>();
        let span = first.zip(last).map(|(first, last)| (last.saturating_sub(first)) as f64 / 1e9);
        let mut summary = Map::new();
        let mut put = |name: &str, value: Value| {
            summary.insert(name.to_owned(), value);
        };
        put("inputs", json!(inputs));
        put("packets", json!(packets));
        put("bytes", json!(bytes));
        put("first_at", time(first));
        put("last_at", time(last));
        put("span_s", json!(span));
        put("sip_messages", json!(counters.get(&("sip".to_owned(), "messages".to_owned())).unwrap_or(&0)));
        put("calls", json!(count("calls")?));
        put("calls_answered", json!(count("outcomes WHERE answered_at IS NOT NULL")?));
        put("registrations", json!(count("registrations")?));
        put("streams", json!(count("streams")?));
        put("fingerprints", json!(count("fingerprints")?));
        put("campaigns", json!(count("campaigns WHERE merged_into IS NULL AND calls > 0")?));
        put("incidents", json!(count("incidents WHERE merged_into IS NULL")?));
        put("scores", self.dispositions()?);
        put("calls_not_judged", self.not_judged(count("calls")?)?);
        put("alerts", json!(count("alerts")?));
        put("losses", json!(losses));
        put("sip_requests", Value::Object(group("request")));
        put("sip_responses", Value::Object(group("response")));
        put("sip", Value::Object(group("sip")));
        put("media", Value::Object(group("media")));
        put("frames", Value::Object(group("frames")));
        put("mirrors", Value::Object(group("mirror")));
        put("stamps", Value::Object(group("stamps")));
        put("sensor_clock", self.sensor_clock()?);
        put("opaque", Value::Object(group("opaque")));
        put("defects", Value::Object(group("defect")));
        Ok(summary)
    }

    fn counters(&self) -> Result<BTreeMap<(String, String), i64>, StoreError> {
        let mut select =
            self.db().prepare("SELECT kind, name, sum(count) FROM counters GROUP BY kind, name")?;
        let rows: Result<_, rusqlite::Error> =
            select.query_map([], |r| Ok(((r.get(0)?, r.get(1)?), r.get(2)?)))?.collect();
        Ok(rows?)
    }

    pub(crate) fn losses(&self, visit: &mut dyn FnMut(Values) -> ControlFlow<()>) -> Result<(), StoreError> {
        let counters = self.counters()?;
        let (passed_over, refused) = self.reader.undelivered()?;
        let spans = self.reader.spans_by_loss()?;
        let none = SpansOfLoss::default();
        for loss in Loss::ALL {
            let count = match loss {
                // Alerts are lost on their way out, which is no input's.
                Loss::AlertPassedOver => passed_over,
                Loss::AlertRefused => refused,
                loss if SPANS_ONLY.contains(loss) => spans.get(loss).map_or(0, |spans| spans.count),
                _ => counters.get(&("loss".to_owned(), loss.name().to_owned())).copied().unwrap_or(0),
            };
            if count == 0 {
                continue;
            }
            let kind = match loss.kind() {
                LossKind::Frame => "frame",
                LossKind::Missed => "missed",
                LossKind::Partial => "partial",
                LossKind::Notice => "notice",
            };
            let mut values = vec![
                json!(loss.name()),
                json!(count),
                json!(loss.cause()),
                json!(loss.remedy()),
                json!(kind),
            ];
            values.extend(span_columns(spans.get(loss).unwrap_or(&none)));
            if visit(values).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Steps and changes of rate of the clock that stamps packets.
    fn sensor_clock(&self) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT kind, from_at, to_at, amount, devices, of FROM sensor_clock ORDER BY from_at, kind",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([], |r| {
                Ok(json!({
                    "kind": r.get::<_, String>(0)?,
                    "from": time(r.get(1)?),
                    "to": time(r.get(2)?),
                    "amount": round(r.get(3)?, 6),
                    "devices": r.get::<_, Option<i64>>(4)?,
                    "of": r.get::<_, Option<i64>>(5)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    /// Numbers of calls without a score by reason.
    fn not_judged(&self, calls: i64) -> Result<Value, StoreError> {
        let count = |sql: &str| self.db().query_row(sql, [], |r| r.get::<_, i64>(0));
        let for_help = count("SELECT count(*) FROM calls WHERE instr(marks, 'emergency') > 0")?;
        let unfinished = calls - for_help - count("SELECT count(*) FROM scores")?;
        let by_reason = [(FOR_HELP, for_help), (UNFINISHED, unfinished)];
        let some = by_reason.into_iter().filter(|(_, n)| *n > 0);
        Ok(Value::Object(some.map(|(reason, n)| (reason.to_owned(), json!(n))).collect()))
    }

    /// Calls by their disposition.
    fn dispositions(&self) -> Result<Value, StoreError> {
        let mut select = self
            .db()
            .prepare("SELECT disposition, count(*) FROM scores GROUP BY disposition ORDER BY disposition")?;
        let rows: Result<Map<String, Value>, rusqlite::Error> =
            select.query_map([], |r| Ok((r.get::<_, String>(0)?, json!(r.get::<_, i64>(1)?))))?.collect();
        Ok(Value::Object(rows?))
    }
}
