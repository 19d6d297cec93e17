//! The evidence of an incident, in sentences.

use bellwether_base::{Span, several};

use crate::incident::{Facts, MAX_NAMED};
use crate::number::Place;
use crate::{Incident, IncidentKind};

/// Different numbers that are counted well.
const MOST_CALLEES: usize = 1_500;

/// Names in a sentence before the rest is only counted.
const NAMED: usize = 3;

/// Writes subject and evidence anew.
pub(crate) fn describe(incident: &mut Incident) {
    incident.subject = subject(incident);
    let facts = &incident.facts;
    let mut evidence = vec![who(incident), what(incident)];
    evidence.extend(facts.past.iter().map(|past| format!("before that: {past}")));
    evidence.push(rival(incident));
    evidence.push(exposed(incident));
    evidence.extend(facts.also.iter().cloned());
    evidence.extend(facts.closed_for.map(|why| format!("closed: {why}")));
    incident.evidence = evidence.into_iter().filter(|sentence| !sentence.is_empty()).collect();
}

fn subject(incident: &Incident) -> String {
    let facts = &incident.facts;
    let account = || match facts.accounts.as_slice() {
        [(_, name, _)] => format!("account {name}"),
        [(_, name, _), ..] => {
            format!("{}, {name} among them", named(facts.accounts.len(), "account", "accounts"))
        }
        [] => "accounts".to_owned(),
    };
    let source = || match facts.sources.as_slice() {
        [(address, _)] => format!("source {address}"),
        [(address, _), ..] => {
            format!("{}, {address} among them", named(facts.sources.len(), "source", "sources"))
        }
        [] => "sources".to_owned(),
    };
    match incident.kind {
        IncidentKind::TollFraud | IncidentKind::AccountTakeover | IncidentKind::TwoPlaces => account(),
        IncidentKind::OneRing if facts.sources.len() > 1 && !facts.origins.is_empty() => {
            format!("callers from {}", places(&facts.origins))
        }
        IncidentKind::OneRing | IncidentKind::Gateway | IncidentKind::Scan => source(),
        IncidentKind::Pumping if facts.callees.estimate() < 1.5 => {
            format!("one number, called from {}", source())
        }
        IncidentKind::Pumping => source(),
    }
}

/// A count of names that is limited.
fn named(len: usize, one: &str, many: &str) -> String {
    at_most(len, MAX_NAMED, one, many)
}

fn who(incident: &Incident) -> String {
    let facts = &incident.facts;
    let sources: Vec<String> =
        facts.sources.iter().take(NAMED).map(|(address, _)| address.to_string()).collect();
    let more = facts.sources.len().saturating_sub(NAMED);
    let more = match more {
        0 => String::new(),
        more => format!(" and {}", several(more as u64, "more address", "more addresses")),
    };
    match incident.kind {
        IncidentKind::Gateway | IncidentKind::Scan if facts.sources.len() == 1 => subject(incident),
        _ => format!("{} from {}{more}", subject(incident), sources.join(", ")),
    }
}

fn what(incident: &Incident) -> String {
    let facts = &incident.facts;
    let span = facts.first.zip(facts.last).map_or(Span::ZERO, |(first, last)| last.since(first));
    let callees = facts.callees.estimate().round().clamp(1.0, f64::from(incident.calls.max(1))) as usize;
    let callees = |one, many| at_most(callees, MOST_CALLEES, one, many);
    let numbers = || callees("number", "numbers");
    let calls = number(incident.calls, "call");
    let to = |places: &[(Place, u32)]| {
        if places.is_empty() { String::new() } else { format!(" in {}", self::places(places)) }
    };
    let ranges = match facts.ranges.len() {
        0 | 1 => String::new(),
        n => format!(", in {}", named(n, "range", "ranges")),
    };
    match incident.kind {
        IncidentKind::OneRing => {
            let backs = match facts.call_backs {
                0 => String::new(),
                n => format!("; {} called back", number(n, "call")),
            };
            let people = callees("person", "people");
            format!("{calls} rang briefly and were cut, to {people}, within {}{backs}", words(span))
        }
        IncidentKind::Scan => {
            format!(
                "{} to {} {} refused within {}",
                number(incident.calls, "request"),
                callees("number or account", "numbers or accounts"),
                if incident.calls == 1 { "was" } else { "were" },
                words(span)
            )
        }
        IncidentKind::Gateway => format!(
            "{calls} of {} at one address to {} within {}; people are not called twice and do not call back",
            named(facts.accounts.len(), "number", "numbers"),
            callees("person", "people"),
            words(span)
        ),
        IncidentKind::Pumping => format!(
            "{calls} of {} whom nobody knows to {} within {}; they talk long",
            named(facts.accounts.len(), "caller", "callers"),
            numbers(),
            words(span)
        ),
        IncidentKind::TwoPlaces => {
            format!("the account talked from several addresses at once, in {calls}")
        }
        IncidentKind::AccountTakeover => {
            format!("{calls} to {}, none of which the account has called before", numbers())
        }
        IncidentKind::TollFraud => {
            format!("{calls} to {}{}{ranges} within {}", numbers(), to(&facts.places), words(span))
        }
    }
}

/// Countries by their share.
fn places(places: &[(Place, u32)]) -> String {
    let mut all = places.to_vec();
    all.sort_by_key(|(place, count)| (std::cmp::Reverse(*count), *place));
    let named: Vec<String> =
        all.iter().take(NAMED).map(|(place, count)| format!("{place} ({count})")).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => {
            let more = several(more as u64, "more country", "more countries");
            format!("{} and {more}", named.join(", "))
        }
    }
}

fn rival(incident: &Incident) -> String {
    let Facts { ln_m, rival, .. } = &incident.facts;
    if *ln_m == f64::NEG_INFINITY || rival.is_empty() {
        return String::new();
    }
    format!("{rival} would show this once in {} cases", large(ln_m.exp()))
}

fn exposed(incident: &Incident) -> String {
    let facts = &incident.facts;
    let running = match facts.running {
        0 => String::new(),
        1 => "1 answered call is still running".to_owned(),
        n => format!("{n} answered calls are still running"),
    };
    if incident.exposed_minutes <= 0.0 {
        return running;
    }
    let hours =
        facts.first.zip(facts.last).map_or(1.0, |(first, last)| last.since(first).as_secs_f64() / 3600.0);
    let more = if running.is_empty() { String::new() } else { format!("; {running}") };
    format!(
        "{:.0} minutes in {}, {:.2} exposed; {:.0} minutes an hour so far{more}",
        incident.exposed_minutes,
        number(facts.answered, "answered call"),
        incident.exposed_money,
        incident.exposed_minutes / hours.max(1.0)
    )
}

/// A count with its noun.
fn number(count: u32, noun: &str) -> String {
    several(u64::from(count), noun, &format!("{noun}s"))
}

/// A count with its noun, where `most` stands for any greater number, too.
fn at_most(count: usize, most: usize, one: &str, many: &str) -> String {
    if count >= most { format!("{most} or more {many}") } else { several(count as u64, one, many) }
}

/// A length of time in words.
pub(crate) fn words(span: Span) -> String {
    let secs = span.as_secs_f64();
    match secs {
        ..90.0 => format!("{secs:.0} seconds"),
        90.0..5400.0 => format!("{:.0} minutes", secs / 60.0),
        5400.0..129_600.0 => format!("{:.0} hours", secs / 3600.0),
        _ => format!("{:.0} days", secs / 86_400.0),
    }
}

fn large(number: f64) -> String {
    match number {
        ..1e3 => format!("{number:.0}"),
        1e3..1e6 => format!("{:.0} thousand", number / 1e3),
        1e6..1e9 => format!("{:.0} million", number / 1e6),
        _ => "1,000 million or more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!(number(1, "call"), "1 call");
        assert_eq!(number(0, "call"), "0 calls");
        assert_eq!(at_most(1, 9, "person", "people"), "1 person");
        assert_eq!(at_most(8, 9, "person", "people"), "8 people");
        assert_eq!(at_most(9, 9, "person", "people"), "9 or more people");
    }
}
