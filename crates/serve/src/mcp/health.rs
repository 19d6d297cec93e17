//! The health of the sensor: what an agent must know before it believes an absence.

use std::ops::ControlFlow;

use bellwether_base::Timestamp;
use bellwether_report::{Health, Query, Report, rfc3339};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::names::Context;
use super::schema::ToolError;

/// A live run without a sign of life for this long has ended or hangs. A sensor gives one each second.
const ALIVE_WITHIN_NANOS: i64 = 60_000_000_000;

/// `health`. `scores` says who answers about scores; none if nobody does.
pub(crate) fn health(
    context: &Context<'_>,
    now: Timestamp,
    scores: Option<&'static str>,
) -> Result<Answer, ToolError> {
    let health = context.reports.health()?;
    let losses = losses(context)?;
    let mut checks = Vec::new();
    let mut check = |name: &str, is_fine: bool, words: String| {
        let state = if is_fine { "ok" } else { "warning" };
        checks.push(json!({"check": name, "state": state, "words": words}));
    };
    match health.last_at {
        Some(at) => check("traffic", true, format!("the last packet is of {}", rfc3339(at))),
        None => check("traffic", false, "the database has no packet".to_owned()),
    }
    let live: Vec<_> = health.runs.iter().filter(|run| run.is_over != Some(true)).collect();
    let silent =
        live.iter().filter(|run| now.as_nanos().saturating_sub(run.alive_at.as_nanos()) > ALIVE_WITHIN_NANOS);
    match (live.len(), silent.count()) {
        (0, _) => check("sensor", true, "no sensor runs; the database is finished".to_owned()),
        (_, 0) => check("sensor", true, "each sensor that runs gave a sign of life".to_owned()),
        (_, n) => {
            check("sensor", false, format!("{n} runs gave no sign of life for a minute, and no orderly end"))
        }
    }
    let behind =
        health.receivers.iter().filter(|one| one.up_to < health.last_alert || one.skipped + one.refused > 0);
    match (health.receivers.len(), behind.count()) {
        (_, 0) => check("alerts", true, "no receiver waits for alerts".to_owned()),
        (_, n) => check("alerts", false, format!("{n} receivers have not all alerts")),
    }
    let lost = losses.iter().filter(|row| row.get("kind") != Some(&json!("notice"))).count();
    match lost {
        0 => check("losses", true, "nothing was lost".to_owned()),
        n => check("losses", false, format!("{n} kinds of loss were counted; an absence may be one of them")),
    }
    match scores {
        Some(who) => check("scores", true, format!("{who} answers about scores")),
        None => check("scores", false, "nobody answers about scores".to_owned()),
    }
    let mut shown = inputs(&health);
    shown.insert("checks".to_owned(), Value::Array(checks));
    shown.insert("losses".to_owned(), Value::Array(losses));
    Ok(Answer::of(shown, "the tool losses lists all losses"))
}

/// Losses that were counted.
fn losses(context: &Context<'_>) -> Result<Vec<Value>, ToolError> {
    let mut losses = Vec::new();
    let names = ["name", "kind", "count", "cause", "remedy"];
    let places = names.map(|name| Report::Losses.place(name).unwrap_or_default());
    context.reports.rows(&Query { report: Report::Losses, since: None, until: None }, &mut |values| {
        let members = names.into_iter().zip(places);
        let row: Map<String, Value> = members
            .map(|(name, at)| (name.to_owned(), values.get(at).cloned().unwrap_or_default()))
            .collect();
        if row.get("count").and_then(Value::as_i64).is_some_and(|count| count > 0) {
            losses.push(Value::Object(row));
        }
        ControlFlow::Continue(())
    })?;
    Ok(losses)
}

fn inputs(health: &Health) -> Map<String, Value> {
    let runs = health.runs.iter().map(|run| {
        json!({
            "places": run.places, "is_live": run.is_live, "started_at": rfc3339(run.started_at),
            "alive_at": rfc3339(run.alive_at), "is_over": run.is_over,
        })
    });
    let receivers = health.receivers.iter().map(|one| {
        json!({"receiver": one.name, "up_to": one.up_to, "skipped": one.skipped, "refused": one.refused})
    });
    let members = [
        ("inputs", json!(health.inputs)),
        ("packets", json!(health.packets)),
        ("bytes", json!(health.octets)),
        ("first_at", json!(health.first_at.map(rfc3339))),
        ("last_at", json!(health.last_at.map(rfc3339))),
        ("last_alert", json!(health.last_alert)),
        ("runs", runs.collect()),
        ("receivers", receivers.collect()),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
