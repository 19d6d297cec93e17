//! `bellwether allow` and `bellwether block`: the operator's own lists.

use bellwether_recorder::Recorder;
use bellwether_report::{Reaching, Reports, rfc3339};
use bellwether_scoring::{OperatorEntry, OperatorList, OperatorSubject};

use crate::args::{Common, ListAction, ListKind, ListsArgs};
use crate::calls::CallIds;
use crate::config::Config;
use crate::feedback;
use crate::names::Names;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::reach::{self, Consent};
use crate::session::open_installation;
use crate::show::open_reader;
use crate::when;

pub(crate) fn run(common: &Common, list: OperatorList, args: &ListsArgs) -> Result<Exit, Failure> {
    if let ListAction::List = args.action {
        return print(common, list);
    }
    let config = Config::load(common.config.as_deref())?;
    let mut recorder = open_installation(common, &config)?.recorder;
    let resolve = |recorder: &Recorder, kind, value: &str| {
        let ids = CallIds::new(common, &config, recorder.reader());
        subject(&ids, list, kind, value)
    };
    match &args.action {
        ListAction::Add { kind, value, reason, until, yes, dry_run } => {
            let now = jiff::Timestamp::now();
            let until = until.as_deref().map(|text| when::until(text, now)).transpose()?;
            let subject = resolve(&recorder, *kind, value)?;
            if let OperatorSubject::Recording(recording) = subject
                && !recorder.reader().has_recording(recording)?
            {
                return Err(Failure::Work(format!(
                    "there is no recording {value} in {}",
                    common.db.display()
                )));
            }
            let entry = OperatorEntry {
                list,
                subject,
                reason: reason.clone(),
                author: author(),
                added_at: when::now(now),
                until,
            };
            add(common, recorder, &entry, *yes, *dry_run)?;
        }
        ListAction::Remove { kind, value, dry_run } => {
            let subject = resolve(&recorder, *kind, value)?;
            feedback::begin(&mut recorder, *dry_run)?;
            if !recorder.writer().remove_from_list(list, &subject)? {
                let name = shown(&subject);
                return Err(Failure::Work(format!("{name} is not on the {} list", list.name())));
            }
            say(common, list, &subject, "is no longer on")?;
            feedback::finish(common, recorder, *dry_run)?;
            tell_undo(common, *dry_run, &[list.name(), "add", subject.kind(), &subject.value()])?;
        }
        ListAction::List => {}
    }
    Ok(Exit::Done)
}

/// Adds an entry, tells what it reaches and how to take it back.
fn add(
    common: &Common,
    mut recorder: Recorder,
    entry: &OperatorEntry,
    is_agreed: bool,
    is_dry_run: bool,
) -> Result<(), Failure> {
    let (list, subject) = (entry.list, &entry.subject);
    let reach = reach::of_entry(recorder.reader(), subject)?;
    let consent = reach::consent(&reach, list == OperatorList::Block, is_agreed || is_dry_run)?;
    let is_trial = is_dry_run || consent == Consent::Missing;
    feedback::begin(&mut recorder, is_trial)?;
    let former = recorder.writer().add_to_list(entry)?;
    let what = match former {
        None => "is on",
        Some(of) if of == list => "was on, and has the new reason and end on",
        Some(_) => "was on the other list, and is on",
    };
    say(common, list, subject, what)?;
    if !common.quiet {
        out::line(reach::in_words(&reach))?;
    }
    feedback::finish(common, recorder, is_trial)?;
    if consent == Consent::Missing {
        return Err(reach::refusal(&reach));
    }
    let value = subject.value();
    match former {
        None => tell_undo(common, is_dry_run, &[list.name(), "remove", subject.kind(), &value]),
        Some(of) if of != list => tell_undo(common, is_dry_run, &[of.name(), "add", subject.kind(), &value]),
        Some(_) => Ok(()),
    }
}

fn say(common: &Common, list: OperatorList, subject: &OperatorSubject, what: &str) -> Result<(), Failure> {
    if common.quiet {
        return Ok(());
    }
    out::line(format!("{} {what} the {} list", shown(subject), list.name()))?;
    Ok(())
}

fn tell_undo(common: &Common, is_dry_run: bool, command: &[&str]) -> Result<(), Failure> {
    if !common.quiet && !is_dry_run {
        out::line(reach::undo(common, command))?;
    }
    Ok(())
}

/// A subject by its kind and its value. A number is a token there.
fn shown(subject: &OperatorSubject) -> String {
    format!("{} {}", subject.kind(), subject.value())
}

/// The subject of an entry. A number may be clear, or a token as reports print it, whole or shortened.
fn subject(
    ids: &CallIds<'_>,
    list: OperatorList,
    kind: ListKind,
    value: &str,
) -> Result<OperatorSubject, Failure> {
    let value = if kind == ListKind::Number { number(ids, list, value)? } else { value.to_owned() };
    OperatorSubject::read(kind.name(), &value)
        .ok_or_else(|| Failure::Usage(format!("\"{value}\" is no {}: {}", kind.name(), kind.example())))
}

/// The token of a number. An extension has one in each domain: the one that is meant calls, or is on the list already.
fn number(ids: &CallIds<'_>, list: OperatorList, value: &str) -> Result<String, Failure> {
    let tokens = Names::new(ids).users(value)?;
    let entries = ids.reader().operator_lists()?;
    let is_listed = |token: &String| {
        entries
            .iter()
            .any(|entry| entry.list == list && entry.subject == OperatorSubject::Number(token.clone()))
    };
    let mut known = Vec::new();
    for token in &tokens {
        if is_listed(token) || Reports::of(ids.reader()).reach(Reaching::Number(token))?.calls > 0 {
            known.push(token.clone());
        }
    }
    match (tokens.first(), known.as_slice()) {
        (None, _) => Err(Failure::Usage("the value is no number".to_owned())),
        (Some(_), [one]) => Ok(one.clone()),
        (Some(first), []) => Ok(first.clone()),
        (Some(first), several) if several.contains(first) => Ok(first.clone()),
        (Some(_), several) => Err(Failure::Usage(format!(
            "the number is one of several parties; give its domain too (101@example.net), or one of: {}",
            several.join(", ")
        ))),
    }
}

fn author() -> String {
    std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "operator".to_owned())
}

fn print(common: &Common, list: OperatorList) -> Result<Exit, Failure> {
    let entries = open_reader(common)?.operator_lists()?;
    for entry in entries.iter().filter(|entry| entry.list == list) {
        let now = bellwether_app::now();
        let until = entry.until.map_or_else(
            || "no end".to_owned(),
            |at| format!("{} {}", if at < now { "ended" } else { "until" }, rfc3339(at)),
        );
        let reason = if entry.reason.is_empty() { "no reason" } else { &entry.reason };
        out::line(format!(
            "{} {} ({reason}; by {} on {}; {until})",
            entry.subject.kind(),
            entry.subject.value(),
            entry.author,
            rfc3339(entry.added_at),
        ))?;
    }
    Ok(Exit::Done)
}
