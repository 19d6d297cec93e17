mod calibration;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use self::calibration::Calibration;
use crate::calls::CallIds;
use bellwether_report::{Column, Query, Report, Reports};
use bellwether_store::Reader;
use serde_json::{Map, Value, json};

use crate::args::{Common, EvaluateArgs};
use crate::config::Config;
use crate::outcome::{Exit, Failure};
use crate::show::{open_reader, print};
use crate::truth::{Truth, Truths};

/// Thresholds of the sweep.
const SWEEP: [f64; 11] = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0];

/// The results of scoring for one call.
struct Call {
    score: Option<f64>,
    fraud_probability: Option<f64>,
    is_quarantined: bool,
    campaign: Option<String>,
    device: String,
    signals: Vec<(String, f64)>,
}

/// All calls.
struct Calls<'a> {
    /// By Call-ID, in the order of the report: several may have one.
    by_id: BTreeMap<String, Vec<Call>>,
    ids: CallIds<'a>,
    reader: &'a Reader,
    /// Classes of the callers' streams by Call-ID, once a line asks for one; none where the stream has none.
    classes: OnceCell<BTreeMap<String, Option<String>>>,
}

impl<'a> Calls<'a> {
    fn new(reader: &'a Reader, common: &'a Common, config: &'a Config) -> Result<Self, Failure> {
        let ids = CallIds::new(common, config, reader);
        Ok(Self { by_id: calls(reader)?, ids, reader, classes: OnceCell::new() })
    }

    /// A call by its Call-ID in reports.
    fn find(&self, id: &str) -> Option<&Call> {
        self.by_id.get(id).and_then(|calls| calls.last())
    }

    /// The class of a call's caller: none where no stream of his is known.
    fn class(&self, call_id: &str) -> Result<Option<&Option<String>>, Failure> {
        if self.classes.get().is_none() {
            let _ = self.classes.set(classes(self.reader)?);
        }
        Ok(self.classes.get().and_then(|classes| classes.get(call_id)))
    }
}

/// `bellwether evaluate`. Reads the file line by line. Memory does not grow with the file, except for a bounded number of campaign names.
pub(crate) fn run(common: &Common, args: &EvaluateArgs) -> Result<Exit, Failure> {
    let truths = Truths::open(&args.truth)?;
    let reader = open_reader(common)?;
    let config = Config::load(common.config.as_deref())?;
    let calls = Calls::new(&reader, common, &config)?;
    let mut evaluation = Evaluation::new(config.verdict().dispositions.quarantine_below);
    for truth in truths {
        evaluation.take(&truth?, &calls)?;
    }
    let is_whole = evaluation.found == evaluation.truths;
    print(common.format, &evaluation.result())?;
    Ok(if is_whole { Exit::Done } else { Exit::Partial })
}

/// The maximum number of distinguished campaigns. Calls of further campaigns count as calls of one.
const MAX_CAMPAIGNS: usize = 4096;

/// Calls that are not found and are named.
const MAX_MISSING: usize = 20;

/// The sums over all lines so far.
struct Evaluation {
    quarantine_below: f64,
    truths: u64,
    found: u64,
    missing: Vec<String>,
    matrix: Matrix,
    sweep: [Matrix; SWEEP.len()],
    calibration: Calibration,
    signals: BTreeMap<String, Contribution>,
    campaigns: Matrix,
    found_as: Shares,
    made_of: Shares,
    devices: BTreeMap<String, u64>,
    classes: [u64; 3],
}

/// Counts of a signal at frauds and at honest calls, and the number of dispositions that depend on the signal.
#[derive(Default)]
struct Contribution {
    fraud: u64,
    legit: u64,
    points: f64,
    turned_right: u64,
    turned_wrong: u64,
}

/// Of each campaign, how many calls are of which other.
#[derive(Default)]
struct Shares(BTreeMap<String, BTreeMap<String, u64>>);

impl Shares {
    fn count(&mut self, of: &str, other: &str) {
        let of = bounded(&self.0, of).to_owned();
        let shares = self.0.entry(of).or_default();
        let other = bounded(shares, other).to_owned();
        *shares.entry(other).or_default() += 1;
    }
}

/// The name, or that of all the rest where there is no room for another.
fn bounded<'a, T>(known: &BTreeMap<String, T>, name: &'a str) -> &'a str {
    if known.len() < MAX_CAMPAIGNS || known.contains_key(name) { name } else { "(others)" }
}

impl Evaluation {
    fn new(quarantine_below: f64) -> Self {
        Self {
            quarantine_below,
            truths: 0,
            found: 0,
            missing: Vec::new(),
            matrix: Matrix::default(),
            sweep: Default::default(),
            calibration: Calibration::new(),
            signals: BTreeMap::new(),
            campaigns: Matrix::default(),
            found_as: Shares::default(),
            made_of: Shares::default(),
            devices: BTreeMap::new(),
            classes: [0; 3],
        }
    }

    fn take(&mut self, truth: &Truth, calls: &Calls<'_>) -> Result<(), Failure> {
        self.truths += 1;
        let id = calls.ids.stored(&truth.call_id)?;
        if let Some(class) = &truth.class
            && let Some(found) = calls.class(&id)?
        {
            let [right, wrong, none] = &mut self.classes;
            *(match found {
                None => none,
                Some(found) if found == class => right,
                Some(_) => wrong,
            }) += 1;
        }
        let Some(call) = calls.find(&id) else {
            if self.missing.len() < MAX_MISSING {
                self.missing.push(truth.call_id.clone());
            }
            return Ok(());
        };
        self.found += 1;
        if let Some(is_fraud) = truth.is_fraud {
            self.label(is_fraud, call);
        }
        let (is, said) = (truth.campaign.as_deref(), call.campaign.as_deref());
        self.campaigns.count(is.is_some(), said.is_some());
        if let Some(is) = is {
            self.found_as.count(is, said.unwrap_or("none"));
        }
        if let Some(said) = said {
            self.made_of.count(said, is.unwrap_or("none"));
        }
        if truth.device.is_some() {
            *self.devices.entry(call.device.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// A call of which is known whether it is fraud.
    fn label(&mut self, is_fraud: bool, call: &Call) {
        self.matrix.count(is_fraud, call.is_quarantined);
        self.calibration.count(is_fraud, call.fraud_probability, call.score);
        for (below, matrix) in SWEEP.iter().zip(&mut self.sweep) {
            matrix.count(is_fraud, call.score.is_some_and(|score| score < *below));
        }
        for (name, points) in &call.signals {
            let of = self.signals.entry(name.clone()).or_default();
            *(if is_fraud { &mut of.fraud } else { &mut of.legit }) += 1;
            of.points += points;
            let Some(score) = call.score else { continue };
            let is_quarantined = call.is_quarantined;
            let without = score - points < self.quarantine_below;
            if without != is_quarantined {
                *(if is_quarantined == is_fraud { &mut of.turned_right } else { &mut of.turned_wrong }) += 1;
            }
        }
    }

    fn result(self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("truth".into(), json!(self.truths));
        out.insert("found".into(), json!(self.found));
        out.insert("missing".into(), json!(self.missing));
        self.matrix.put(&mut out);
        let sweep: Vec<Value> = SWEEP
            .iter()
            .zip(&self.sweep)
            .map(|(below, matrix)| {
                let mut row = Map::new();
                row.insert("quarantine_below".into(), json!(below));
                matrix.put(&mut row);
                Value::Object(row)
            })
            .collect();
        out.insert("threshold_sweep".into(), json!(sweep));
        out.insert("calibration".into(), self.calibration.result());
        out.insert("signals".into(), signals(&self.signals, &self.matrix));
        // Calls of true campaigns that are in any, calls in any that are of true ones, and which is which.
        let mut campaigns = Map::new();
        self.campaigns.put(&mut campaigns);
        campaigns.insert("found_as".into(), json!(self.found_as.0));
        campaigns.insert("made_of".into(), json!(self.made_of.0));
        out.insert("campaigns".into(), Value::Object(campaigns));
        out.insert("devices".into(), json!(self.devices));
        let [right, wrong, none] = self.classes;
        out.insert("classes".into(), json!({"right": right, "wrong": wrong, "none": none}));
        out
    }
}

/// The confusion matrix of predictions and truth. Fraud is the positive class.
#[derive(Default)]
struct Matrix {
    true_positive: u64,
    false_positive: u64,
    true_negative: u64,
    false_negative: u64,
}

impl Matrix {
    /// One truth and its prediction.
    const fn count(&mut self, is: bool, said: bool) {
        let cell = match (is, said) {
            (true, true) => &mut self.true_positive,
            (false, true) => &mut self.false_positive,
            (false, false) => &mut self.true_negative,
            (true, false) => &mut self.false_negative,
        };
        *cell += 1;
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

/// The contribution of each signal.
fn signals(all: &BTreeMap<String, Contribution>, matrix: &Matrix) -> Value {
    let frauds = (matrix.true_positive + matrix.false_negative).max(1) as f64;
    let legits = (matrix.true_negative + matrix.false_positive).max(1) as f64;
    let rounded = |n: f64| (n * 1e4).round() / 1e4;
    all.iter()
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

/// Classes of the callers' streams; of several of one call the first counts.
fn classes(reader: &Reader) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let columns = Report::Streams.columns();
    let mut all = BTreeMap::new();
    Reports::of(reader).rows(&everything(Report::Streams), &mut |values| {
        let text = |name: &str| column(columns, &values, name).as_str().map(str::to_owned);
        if let Some(call_id) = text("call_id")
            && text("direction").as_deref() == Some("caller")
        {
            all.entry(call_id).or_insert_with(|| text("class"));
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

fn calls(reader: &Reader) -> Result<BTreeMap<String, Vec<Call>>, Failure> {
    let columns = Report::Calls.columns();
    let mut all: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    Reports::of(reader).rows(&everything(Report::Calls), &mut |values| {
        let value = |name: &str| column(columns, &values, name);
        let text = |name: &str| value(name).as_str().map(str::to_owned);
        let signals = value("signals").as_array().map(Vec::as_slice).unwrap_or_default();
        let call = Call {
            score: value("score").as_f64(),
            fraud_probability: value("fraud_probability").as_f64(),
            is_quarantined: value("disposition").as_str() == Some("quarantine"),
            campaign: text("campaign"),
            device: text("device_verdict").unwrap_or_default(),
            signals: signals
                .iter()
                .filter_map(|s| Some((s["name"].as_str()?.to_owned(), s["points"].as_f64()?)))
                .collect(),
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
        let mut matrix = Matrix::default();
        pairs.into_iter().for_each(|(is, said)| matrix.count(is, said));
        matrix.put(&mut out);
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
