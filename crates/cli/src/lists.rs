//! `bellwether allow` and `bellwether block`: the operator's own lists.

use bellwether_app::Installation;
use bellwether_enrich::Tokeniser;
use bellwether_scoring::{OperatorEntry, OperatorList, OperatorSubject};

use crate::args::{Common, ListAction, ListKind, ListsArgs};
use crate::config::Config;
use crate::feedback;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::session::open_installation;
use crate::show::open_reader;
use crate::when;

pub(crate) fn run(common: &Common, list: OperatorList, args: &ListsArgs) -> Result<Exit, Failure> {
    if let ListAction::List = args.action {
        return print(common, list);
    }
    let installation = open_installation(common, &Config::load(common.config.as_deref())?)?;
    let Installation { tokeniser, mut recorder, .. } = installation;
    let is_dry_run = match args.action {
        ListAction::Add { dry_run, .. } | ListAction::Remove { dry_run, .. } => dry_run,
        ListAction::List => false,
    };
    feedback::begin(&mut recorder, is_dry_run)?;
    match &args.action {
        ListAction::Add { kind, value, reason, until, .. } => {
            let now = jiff::Timestamp::now();
            let until = until.as_deref().map(|text| when::until(text, now)).transpose()?;
            let subject = subject(&tokeniser, *kind, value)?;
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
            let former = recorder.writer().add_to_list(&entry)?;
            say(
                common,
                list,
                value,
                match former {
                    None => "is on",
                    Some(of) if of == list => "was on, and has the new reason and end on",
                    Some(_) => "was on the other list, and is on",
                },
            )?;
        }
        ListAction::Remove { kind, value, .. } => {
            let is_removed = recorder.writer().remove_from_list(list, &subject(&tokeniser, *kind, value)?)?;
            if !is_removed {
                return Err(Failure::Work(format!(
                    "{} {value} is not on the {} list",
                    kind.name(),
                    list.name()
                )));
            }
            say(common, list, value, "is no longer on")?;
        }
        ListAction::List => {}
    }
    feedback::finish(common, recorder, is_dry_run)?;
    Ok(Exit::Done)
}

fn say(common: &Common, list: OperatorList, value: &str, what: &str) -> Result<(), Failure> {
    if common.quiet {
        return Ok(());
    }
    out::line(format!("{value} {what} the {} list", list.name()))?;
    Ok(())
}

/// The subject of an entry. A number may be clear or a token of a report.
fn subject(tokeniser: &Tokeniser, kind: ListKind, value: &str) -> Result<OperatorSubject, Failure> {
    let value = if kind == ListKind::Number { user_of(value)? } else { value };
    let is_token = value.len() == 32 && value.bytes().all(|octet| octet.is_ascii_hexdigit());
    let value = if kind == ListKind::Number && !is_token {
        tokeniser.user(value).as_str().to_owned()
    } else {
        value.to_owned()
    };
    OperatorSubject::read(kind.name(), &value)
        .ok_or_else(|| Failure::Usage(format!("\"{value}\" is no {}: {}", kind.name(), kind.example())))
}

/// The user part of a number that is given as a URI.
fn user_of(value: &str) -> Result<&str, Failure> {
    let rest =
        ["sip:", "sips:", "tel:"].iter().find_map(|scheme| value.strip_prefix(scheme)).unwrap_or(value);
    let user = rest.split(['@', ';']).next().unwrap_or_default().trim();
    let is_user = !user.is_empty() && !user.contains(char::is_whitespace);
    if is_user { Ok(user) } else { Err(Failure::Usage(format!("\"{value}\" is no number"))) }
}

fn author() -> String {
    std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "operator".to_owned())
}

fn print(common: &Common, list: OperatorList) -> Result<Exit, Failure> {
    let entries = open_reader(common)?.operator_lists()?;
    for entry in entries.iter().filter(|entry| entry.list == list) {
        let now = when::now(jiff::Timestamp::now());
        let until = entry.until.map_or_else(
            || "no end".to_owned(),
            |at| format!("{} {}", if at < now { "ended" } else { "until" }, when::rfc3339(at)),
        );
        let reason = if entry.reason.is_empty() { "no reason" } else { &entry.reason };
        out::line(format!(
            "{} {} ({reason}; by {} on {}; {until})",
            entry.subject.kind(),
            entry.subject.value(),
            entry.author,
            when::rfc3339(entry.added_at),
        ))?;
    }
    Ok(Exit::Done)
}
