use std::path::Path;

use bellwether_app::Installation;
use bellwether_base::Timestamp;
use bellwether_enrich::Tokeniser;
use bellwether_report::{Leg, Reach, Reaching, Reports};
use bellwether_store::{Labelled, Reader, Telemetry, Writer};
use serde_json::{Map, Value};

use crate::args::{Common, LabelArgs, LabelKind, LabelValue, TelemetryArgs};
use crate::config::Config;
use crate::feedback;
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::reach::{self, Consent};
use crate::session::open_installation;
use crate::truth;

/// `bellwether label`.
pub(crate) fn run(common: &Common, args: &LabelArgs) -> Result<Exit, Failure> {
    match (&args.file, args.kind, &args.id, args.label) {
        (Some(file), ..) => {
            let Installation { tokeniser, mut recorder, .. } = open(common)?;
            feedback::begin(&mut recorder, args.dry_run)?;
            let exit = from_file(common, &tokeniser, recorder.writer(), file)?;
            feedback::finish(common, recorder, args.dry_run)?;
            Ok(exit)
        }
        (None, Some(kind), Some(id), Some(label)) => one(common, args, kind, id, label),
        _ => Err(Failure::Usage("give a kind, an id and a label, or --file".to_owned())),
    }
}

/// Labels one subject, and tells what the label reaches and how to take it back.
fn one(
    common: &Common,
    args: &LabelArgs,
    kind: LabelKind,
    id: &str,
    label: LabelValue,
) -> Result<Exit, Failure> {
    if args.from_tag.is_some() && kind != LabelKind::Call {
        return Err(Failure::Usage("--from-tag chooses a leg of a call".to_owned()));
    }
    let Installation { tokeniser, mut recorder, .. } = open(common)?;
    let (name, text) = (kind.name(), label.text());
    let (reach, legs) = reached(recorder.reader(), &tokeniser, kind, id)?;
    // A label of a call says its legs. Only labels of more than that ask.
    let is_harmful = label == LabelValue::Fraud && kind != LabelKind::Call;
    let consent = reach::consent(&reach, is_harmful, args.yes || args.dry_run)?;
    let is_trial = args.dry_run || consent == Consent::Missing;
    feedback::begin(&mut recorder, is_trial)?;
    let writer = recorder.writer();
    let done = match (kind, &args.from_tag) {
        (LabelKind::Call, Some(tag)) => {
            writer.label_leg((id, tag), Some(tokeniser.wire_id(id)), text, "operator")?
        }
        (LabelKind::Call, None) => label_call(&tokeniser, writer, id, text)?,
        _ => writer.label(name, id, None, text, "operator")?,
    };
    let words = match done {
        Labelled::Missing => {
            let leg =
                args.from_tag.as_ref().map_or_else(String::new, |tag| format!(" with the From tag {tag}"));
            return Err(Failure::Work(format!("there is no {name} {id}{leg} in {}", common.db.display())));
        }
        Labelled::Known => "had that label already",
        Labelled::Replaced => "had another label, which this one replaces",
        Labelled::Changed if text.is_some() => "is labelled",
        Labelled::Changed => "has no label any more",
    };
    if !common.quiet {
        out::line(format!("{name} {id} {words}"))?;
        if args.from_tag.is_none() {
            reach::legs_in_words(&legs).into_iter().try_for_each(out::line)?;
        }
        out::line(reach::in_words(&reach))?;
    }
    feedback::finish(common, recorder, is_trial)?;
    if consent == Consent::Missing {
        return Err(reach::refusal(&reach));
    }
    let former = match (done, label) {
        (Labelled::Changed, LabelValue::Fraud | LabelValue::Legit) => Some("none"),
        (Labelled::Replaced, LabelValue::Fraud) => Some("legit"),
        (Labelled::Replaced, LabelValue::Legit) => Some("fraud"),
        _ => None,
    };
    if let Some(former) = former.filter(|_| !common.quiet && !args.dry_run) {
        let mut command = vec!["label", name, id, former];
        if let Some(tag) = &args.from_tag {
            command.extend(["--from-tag", tag.as_str()]);
        }
        out::line(reach::undo(common, &command))?;
    }
    Ok(Exit::Done)
}

/// What a label reaches, and the legs of a call.
fn reached(
    reader: &Reader,
    tokeniser: &Tokeniser,
    kind: LabelKind,
    id: &str,
) -> Result<(Reach, Vec<Leg>), Failure> {
    let reports = Reports::of(reader);
    let subject = match kind {
        LabelKind::Call => {
            let on_the_wire =
                if reader.has_call(id)? { None } else { reader.call_on_the_wire(tokeniser.wire_id(id))? };
            let id = on_the_wire.as_deref().unwrap_or(id);
            return Ok((reports.reach(Reaching::Call(id))?, reports.legs_of(id)?));
        }
        LabelKind::Fingerprint => Reaching::Fingerprint(id),
        LabelKind::Campaign => Reaching::Campaign(id),
        LabelKind::Recording => Reaching::Recording(id),
        LabelKind::Incident => Reaching::Incident(id),
    };
    Ok((reports.reach(subject)?, Vec::new()))
}

/// Labels a call by its Call-ID, in clear text or in the masked form of reports.
fn label_call(
    tokeniser: &Tokeniser,
    writer: &mut Writer,
    id: &str,
    text: Option<&str>,
) -> Result<Labelled, Failure> {
    Ok(writer.label("call", id, Some(tokeniser.wire_id(id)), text, "operator")?)
}

/// Labels of many calls. Contradictory lines are reported, and the later line counts.
fn from_file(
    common: &Common,
    tokeniser: &Tokeniser,
    writer: &mut Writer,
    file: &Path,
) -> Result<Exit, Failure> {
    let (mut changed, mut missing, mut contradictory) = (0_u64, 0_u64, 0_u64);
    let all = truth::read(file)?;
    let mut seen: std::collections::BTreeMap<&str, bool> = std::collections::BTreeMap::new();
    for truth in &all {
        let Some(is_fraud) = truth.is_fraud else { continue };
        if seen.insert(&truth.call_id, is_fraud).is_some_and(|before| before != is_fraud) {
            contradictory += 1;
            note(
                common,
                &format!("the call {} has the labels fraud and legit; the later line counts", truth.call_id),
            );
        }
        let text = if is_fraud { "fraud" } else { "legit" };
        match label_call(tokeniser, writer, &truth.call_id, Some(text))? {
            Labelled::Missing => missing += 1,
            Labelled::Changed | Labelled::Replaced => changed += 1,
            Labelled::Known => {}
        }
    }
    if !common.quiet {
        out::line(format!(
            "{changed} calls labelled, {missing} unknown, {contradictory} lines contradict an earlier one"
        ))?;
    }
    Ok(if missing > 0 { Exit::Partial } else { Exit::Done })
}

/// `bellwether telemetry`.
pub(crate) fn telemetry(common: &Common, args: &TelemetryArgs) -> Result<Exit, Failure> {
    let told = |e: &dyn std::fmt::Display| Failure::Work(format!("{}: {e}", args.file.display()));
    let text = std::fs::read_to_string(&args.file).map_err(|e| told(&e))?;
    let Installation { tokeniser, mut recorder, .. } = open(common)?;
    let (mut known, mut unknown, mut wrong) = (0_u64, 0_u64, 0_u64);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match parse(line) {
            Ok(telemetry) => {
                let wire_id = tokeniser.wire_id(&telemetry.call_id);
                let is_known = recorder.writer().telemetry(&telemetry, Some(wire_id))?;
                *(if is_known { &mut known } else { &mut unknown }) += 1;
            }
            Err(why) => {
                wrong += 1;
                note(common, &format!("{}, line {number}: {why}", args.file.display()));
            }
        }
    }
    recorder.apply_labels()?;
    recorder.close()?;
    if !common.quiet {
        out::line(format!("telemetry of {known} known and {unknown} unknown calls, {wrong} lines refused"))?;
    }
    Ok(if unknown + wrong > 0 { Exit::Partial } else { Exit::Done })
}

/// One call's telemetry. A value that is missing, mistyped or an unmasked phone number is refused by its name (contract, score API).
pub(crate) fn parse(line: &str) -> Result<Telemetry, String> {
    let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let Value::Object(fields) = value else { return Err("the line is not an object".to_owned()) };
    Ok(Telemetry {
        call_id: text(&fields, "call_id")?.ok_or("call_id is missing")?,
        fraud_score: number(&fields, "fraud_score")?,
        disposition: masked(&fields, "disposition")?,
        talk_time_seconds: number(&fields, "talk_time_seconds")?.map_or(Ok(None), |n| {
            if n < 0.0 { Err("talk_time_seconds is negative".to_owned()) } else { Ok(Some(n)) }
        })?,
        agent_id: masked(&fields, "agent_id")?,
        at: {
            let seconds = number(&fields, "timestamp_epoch")?.ok_or("timestamp_epoch is missing")?;
            // Milliseconds since 1970 are a thousand times as many.
            let seconds = if seconds > 1e11 { seconds / 1e3 } else { seconds };
            Timestamp::from_nanos((seconds * 1e9) as i64)
        },
    })
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name} is not text")),
    }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| format!("{name} is not a number")),
    }
}

/// Text without a phone number: seven digits and more with nothing but separators between them.
fn masked(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    let found = text(fields, name)?;
    let is_number = found.as_deref().is_some_and(|text| {
        let parts = text.split(|c: char| !(c.is_ascii_digit() || " +-().".contains(c)));
        parts.map(|part| part.chars().filter(char::is_ascii_digit).count()).any(|digits| digits >= 7)
    });
    if is_number { Err(format!("{name} is an unmasked phone number")) } else { Ok(found) }
}

fn open(common: &Common) -> Result<Installation, Failure> {
    open_installation(common, &Config::load(common.config.as_deref())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_is_refused_by_the_name_of_what_is_wrong() {
        let good = r#"{"call_id":"a","fraud_score":12,"talk_time_seconds":3.5,"agent_id":"a-17","timestamp_epoch":1790000000}"#;
        assert_eq!(parse(good).unwrap().fraud_score, Some(12.0));
        for (line, name) in [
            (r#"{"timestamp_epoch":1}"#, "call_id"),
            (r#"{"call_id":"a"}"#, "timestamp_epoch"),
            (r#"{"call_id":"a","timestamp_epoch":"now"}"#, "timestamp_epoch"),
            (r#"{"call_id":"a","timestamp_epoch":1,"fraud_score":"low"}"#, "fraud_score"),
            (r#"{"call_id":"a","timestamp_epoch":1,"agent_id":"+49 30 1234567"}"#, "unmasked"),
            (r#"{"call_id":"a","timestamp_epoch":1,"disposition":"caller 212 555 0188 said"}"#, "unmasked"),
            (r#"{"call_id":"a","timestamp_epoch":1,"talk_time_seconds":-3}"#, "negative"),
            ("[]", "not an object"),
        ] {
            assert!(parse(line).unwrap_err().contains(name), "{line}");
        }
    }
}
