use std::path::Path;

use bellwether_answers::parse_telemetry;
use bellwether_app::Installation;
use bellwether_enrich::Tokeniser;
use bellwether_report::{Leg, Reach, Reaching, Reports};
use bellwether_store::{Labelled, Reader, Telemetry, Writer};

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

/// One call's telemetry, by the rules of the score API.
pub(crate) fn parse(line: &str) -> Result<Telemetry, String> {
    let value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    parse_telemetry(&value).map_err(|e| e.to_string().trim().to_owned())
}

fn open(common: &Common) -> Result<Installation, Failure> {
    open_installation(common, &Config::load(common.config.as_deref())?)
}
