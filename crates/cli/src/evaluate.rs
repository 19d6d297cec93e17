use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bellwether_judge::Tokeniser;
use bellwether_store::{Column, Query, Reader, Report, WireCall};
use serde_json::{Map, Value, json};

use crate::args::{Common, EvaluateArgs};
use crate::config::Config;
use crate::key::InstallationKey;
use crate::outcome::{Exit, Failure};
use crate::replay::note;
use crate::show::{open_reader, print};
use crate::truth::{self, Truth};

/// Thresholds of the sweep.
const SWEEP: [f64; 11] = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0];

/// What was concluded of a call.
struct Call {
    score: Option<f64>,
    is_quarantined: bool,
    campaign: Option<String>,
    device: String,
    signals: Vec<(String, f64)>,
    from_tag: String,
}

/// All calls.
struct Calls {
    /// By Call-ID, in the order of the report: calls with masked numbers may share one.
    by_id: BTreeMap<String, Vec<Call>>,
    /// Those with masked Call-IDs, by what these were.
    by_wire_id: BTreeMap<i64, WireCall>,
    /// Where the key is at hand.
    tokeniser: Option<Tokeniser>,
}

impl Calls {
    /// A call by its Call-ID, as it was on the wire or with something in it masked.
    fn find(&self, id: &str) -> Option<&Call> {
        let on_the_wire = || {
            let found = self.by_wire_id.get(&self.tokeniser.as_ref()?.wire_id(id))?;
            self.by_id.get(&found.call_id)?.iter().rev().find(|call| call.from_tag == found.from_tag)
        };
        self.by_id.get(id).and_then(|calls| calls.last()).or_else(on_the_wire)
    }
}

/// `bellwether evaluate`.
pub(crate) fn run(common: &Common, args: &EvaluateArgs) -> Result<Exit, Failure> {
    let truths = truth::read(&args.truth)?;
    let reader = open_reader(common)?;
    let config = Config::load(common.config.as_deref())?;
    let quarantine_below = config.verdict().dispositions.quarantine_below;
    let mut calls = Calls { by_id: calls(&reader)?, by_wire_id: reader.wire_ids()?, tokeniser: None };
    // The key is asked for where it is needed: a copy of the database is evaluated without it.
    if truths.iter().any(|truth| calls.find(&truth.call_id).is_none()) {
        let key = InstallationKey::kept(&config.key_file, &common.db, &mut |warning| note(common, &warning))?;
        calls.tokeniser = key.map(|key| Tokeniser::new(&key.0, config.privacy()));
    }
    let mut result = Map::new();
    let found: Vec<(&Truth, Option<&Call>)> =
        truths.iter().map(|truth| (truth, calls.find(&truth.call_id))).collect();
    let known: Vec<(&Truth, &Call)> = found.iter().filter_map(|(t, call)| Some((*t, (*call)?))).collect();
    result.insert("truth".into(), json!(truths.len()));
    result.insert("found".into(), json!(known.len()));
    let missing: Vec<&str> =
        found.iter().filter(|(_, call)| call.is_none()).map(|(t, _)| t.call_id.as_str()).take(20).collect();
    result.insert("missing".into(), json!(missing));
    let labelled: Vec<(bool, &Call)> =
        known.iter().filter_map(|(t, call)| Some((t.is_fraud?, *call))).collect();
    let matrix = Matrix::of(labelled.iter().map(|(is_fraud, call)| (*is_fraud, call.is_quarantined)));
    matrix.put(&mut result);
    result.insert("threshold_sweep".into(), sweep(&labelled));
    result.insert("signals".into(), signals(&labelled, quarantine_below));
    result.insert("campaigns".into(), campaigns(&known));
    result.insert("devices".into(), devices(&known));
    result.insert("classes".into(), classes(&reader, &truths)?);
    print(common.format, &result)?;
    Ok(if known.len() < truths.len() { Exit::Partial } else { Exit::Done })
}

/// How predictions agree with the truth; fraud is what is looked for.
#[derive(Default)]
struct Matrix {
    true_positive: u64,
    false_positive: u64,
    true_negative: u64,
    false_negative: u64,
}

impl Matrix {
    /// Of truths and predictions.
    fn of(pairs: impl Iterator<Item = (bool, bool)>) -> Self {
        let mut matrix = Self::default();
        for (is, said) in pairs {
            let cell = match (is, said) {
                (true, true) => &mut matrix.true_positive,
                (false, true) => &mut matrix.false_positive,
                (false, false) => &mut matrix.true_negative,
                (true, false) => &mut matrix.false_negative,
            };
            *cell += 1;
        }
        matrix
    }

    fn put(&self, out: &mut Map<String, Value>) {
        let Self { true_positive, false_positive, true_negative, false_negative } = *self;
        let share = |part: u64, whole: u64| {
            if whole == 0 { Value::Null } else { json!((part as f64 / whole as f64 * 1e4).round() / 1e4) }
        };
        let all = true_positive + false_positive + true_negative + false_negative;
        out.insert(
            "confusion".into(),
            json!({
                "true_positive": true_positive,
                "false_positive": false_positive,
                "true_negative": true_negative,
                "false_negative": false_negative,
            }),
        );
        out.insert("accuracy".into(), share(true_positive + true_negative, all));
        out.insert("precision".into(), share(true_positive, true_positive + false_positive));
        out.insert("recall".into(), share(true_positive, true_positive + false_negative));
        out.insert("false_positive_rate".into(), share(false_positive, false_positive + true_negative));
    }
}

/// What every threshold would have made of the scores.
fn sweep(labelled: &[(bool, &Call)]) -> Value {
    let at = |below: f64| {
        let said = |call: &Call| call.score.is_some_and(|score| score < below);
        let matrix = Matrix::of(labelled.iter().map(|(is_fraud, call)| (*is_fraud, said(call))));
        let mut row = Map::new();
        row.insert("quarantine_below".into(), json!(below));
        matrix.put(&mut row);
        Value::Object(row)
    };
    SWEEP.into_iter().map(at).collect()
}

/// What each signal contributed: how often it spoke of frauds and of honest calls, and how many verdicts would be others without it.
fn signals(labelled: &[(bool, &Call)], quarantine_below: f64) -> Value {
    #[derive(Default)]
    struct Contribution {
        fraud: u64,
        legit: u64,
        points: f64,
        turned_right: u64,
        turned_wrong: u64,
    }
    let mut all: BTreeMap<&str, Contribution> = BTreeMap::new();
    for (is_fraud, call) in labelled {
        for (name, points) in &call.signals {
            let of = all.entry(name).or_default();
            *(if *is_fraud { &mut of.fraud } else { &mut of.legit }) += 1;
            of.points += points;
            let Some(score) = call.score else { continue };
            let is_quarantined = call.is_quarantined;
            let without = score - points < quarantine_below;
            if without != is_quarantined {
                *(if is_quarantined == *is_fraud { &mut of.turned_right } else { &mut of.turned_wrong }) += 1;
            }
        }
    }
    let frauds = labelled.iter().filter(|(is_fraud, _)| *is_fraud).count().max(1) as f64;
    let legits = labelled.iter().filter(|(is_fraud, _)| !*is_fraud).count().max(1) as f64;
    let rounded = |n: f64| (n * 1e4).round() / 1e4;
    all.into_iter()
        .map(|(name, c)| {
            json!({
                "name": name,
                "fraud_share": rounded(c.fraud as f64 / frauds),
                "legit_share": rounded(c.legit as f64 / legits),
                "mean_points": rounded(c.points / (c.fraud + c.legit).max(1) as f64),
                "turned_right": c.turned_right,
                "turned_wrong": c.turned_wrong,
            })
        })
        .collect()
}

/// How well campaigns are found: calls of true ones that are in any, calls in any that are of true ones, and which is which.
fn campaigns(known: &[(&Truth, &Call)]) -> Value {
    let matrix = Matrix::of(known.iter().map(|(t, call)| (t.campaign.is_some(), call.campaign.is_some())));
    let mut out = Map::new();
    matrix.put(&mut out);
    let mut by_truth: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut by_found: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for (truth, call) in known {
        let (is, said) = (truth.campaign.as_deref(), call.campaign.as_deref());
        if let Some(is) = is {
            *by_truth.entry(is).or_default().entry(said.unwrap_or("none")).or_default() += 1;
        }
        if let Some(said) = said {
            *by_found.entry(said).or_default().entry(is.unwrap_or("none")).or_default() += 1;
        }
    }
    out.insert("found_as".into(), json!(by_truth));
    out.insert("made_of".into(), json!(by_found));
    Value::Object(out)
}

/// Verdicts on devices, by whether the truth names the device of the call as another's.
fn devices(known: &[(&Truth, &Call)]) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, call) in known.iter().filter(|(t, _)| t.device.is_some()) {
        *counts.entry(&call.device).or_default() += 1;
    }
    json!(counts)
}

/// Classes of the callers' streams against the truth.
fn classes(reader: &Reader, truths: &[Truth]) -> Result<Value, Failure> {
    let wanted: BTreeMap<&str, &str> =
        truths.iter().filter_map(|t| Some((t.call_id.as_str(), t.class.as_deref()?))).collect();
    let (mut right, mut wrong, mut none) = (0_u64, 0_u64, 0_u64);
    let columns = Report::Streams.columns();
    let mut seen = BTreeSet::new();
    if !wanted.is_empty() {
        reader.rows(&everything(Report::Streams), &mut |values| {
            let text = |name: &str| column(columns, &values, name).as_str().unwrap_or_default().to_owned();
            let call_id = text("call_id");
            if let Some(class) = wanted.get(call_id.as_str())
                && text("direction") == "caller"
                && seen.insert(call_id.clone())
            {
                match column(columns, &values, "class").as_str() {
                    None => none += 1,
                    Some(found) if found == *class => right += 1,
                    Some(_) => wrong += 1,
                }
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(json!({"right": right, "wrong": wrong, "none": none}))
}

fn calls(reader: &Reader) -> Result<BTreeMap<String, Vec<Call>>, Failure> {
    let columns = Report::Calls.columns();
    let mut all: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    reader.rows(&everything(Report::Calls), &mut |values| {
        let value = |name: &str| column(columns, &values, name);
        let text = |name: &str| value(name).as_str().map(str::to_owned);
        let signals = value("signals").as_array().map(Vec::as_slice).unwrap_or_default();
        let call = Call {
            score: value("score").as_f64(),
            is_quarantined: value("disposition").as_str() == Some("quarantine"),
            campaign: text("campaign"),
            device: text("device_verdict").unwrap_or_default(),
            signals: signals
                .iter()
                .filter_map(|s| Some((s["name"].as_str()?.to_owned(), s["points"].as_f64()?)))
                .collect(),
            from_tag: text("from_tag").unwrap_or_default(),
        };
        if let Some(call_id) = text("call_id") {
            all.entry(call_id).or_default().push(call);
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

const fn everything(report: Report) -> Query {
    Query { report, since: None, until: None }
}

fn column<'a>(columns: &[Column], values: &'a [Value], name: &str) -> &'a Value {
    columns.iter().position(|c| c.name == name).and_then(|place| values.get(place)).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_counts_and_divides() {
        let pairs =
            [(true, true), (true, true), (true, false), (false, false), (false, true), (false, false)];
        let mut out = Map::new();
        Matrix::of(pairs.into_iter()).put(&mut out);
        assert_eq!(
            out["confusion"],
            json!({"true_positive": 2, "false_positive": 1, "true_negative": 2, "false_negative": 1})
        );
        assert_eq!((&out["accuracy"], &out["precision"]), (&json!(0.6667), &json!(0.6667)));
        let mut empty = Map::new();
        Matrix::default().put(&mut empty);
        assert_eq!(empty["recall"], Value::Null);
    }
}
