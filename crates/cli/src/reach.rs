//! What a label or an entry of a list reaches, told before it is stored. Only somebody who knows may reach honest parties.

use bellwether_base::several;
use bellwether_report::{Leg, Reach, Reaching, Reports};
use bellwether_scoring::OperatorSubject;
use bellwether_store::Reader;

use crate::args::Common;
use crate::out;
use crate::outcome::Failure;

/// The legs of a call that are named one by one.
const MOST_LEGS: usize = 4;

/// The reach of a subject of the operator's lists.
pub(crate) fn of_entry(reader: &Reader, subject: &OperatorSubject) -> Result<Reach, Failure> {
    let value = subject.value();
    let reports = Reports::of(reader);
    Ok(match subject {
        OperatorSubject::Number(token) => reports.reach(Reaching::Number(token))?,
        OperatorSubject::Peer(peer) => reports.reach(Reaching::Sources(&|ip| ip == *peer))?,
        OperatorSubject::Network(network) => reports.reach(Reaching::Sources(&|ip| network.contains(&ip)))?,
        OperatorSubject::Fingerprint(_) => reports.reach(Reaching::Fingerprint(&value))?,
        OperatorSubject::Family(_) => reports.reach(Reaching::Family(&value))?,
        OperatorSubject::Recording(_) => reports.reach(Reaching::Recording(&value))?,
    })
}

/// The reach in words.
pub(crate) fn in_words(reach: &Reach) -> String {
    if reach.calls == 0 {
        return "it reaches no call in the database".to_owned();
    }
    format!(
        "it reaches {} of {} from {}; {}",
        several(reach.calls, "call", "calls"),
        several(reach.callers, "caller", "callers"),
        several(reach.sources, "address", "addresses"),
        several(reach.honest_parties, "honest party", "honest parties"),
    )
}

/// The legs under a Call-ID in words.
pub(crate) fn legs_in_words(legs: &[Leg]) -> Vec<String> {
    let one = |leg: &Leg| {
        let agent = leg.user_agent.as_deref().unwrap_or("no User-Agent");
        format!(
            "leg {} from {} ({agent}) to {}, {}",
            leg.from_tag, leg.source, leg.destination, leg.fingerprint
        )
    };
    let mut lines: Vec<String> = legs.iter().take(MOST_LEGS).map(one).collect();
    if legs.len() > MOST_LEGS {
        lines.push(format!("and {} more legs", legs.len() - MOST_LEGS));
    }
    if legs.len() > 1 {
        lines.push("the label is for all legs of the Call-ID; --from-tag TAG labels one".to_owned());
    }
    lines
}

/// The operator's consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consent {
    /// It is given, or not needed.
    Given,
    /// Nobody can be asked.
    Missing,
}

/// Asks for consent where honest parties are reached. An error is a no.
pub(crate) fn consent(reach: &Reach, is_harmful: bool, is_agreed: bool) -> Result<Consent, Failure> {
    if !is_harmful || is_agreed || reach.honest_parties == 0 {
        return Ok(Consent::Given);
    }
    if !out::can_ask() {
        return Ok(Consent::Missing);
    }
    if out::is_agreed(format!("{}. Go on?", in_words(reach))) {
        Ok(Consent::Given)
    } else {
        Err(Failure::Usage("nothing was changed".to_owned()))
    }
}

/// The refusal where consent is missing.
pub(crate) fn refusal(reach: &Reach) -> Failure {
    Failure::Usage(format!("nothing was changed: {}. --yes does it, --dry-run tries it", in_words(reach)))
}

/// The command that takes a change back.
pub(crate) fn undo(common: &Common, words: &[&str]) -> String {
    let mut command = "undo with: bellwether".to_owned();
    if common.db.as_os_str() != "bellwether.db" {
        command.push_str(&format!(" --db {}", quoted(&common.db.display().to_string())));
    }
    for word in words {
        command.push(' ');
        command.push_str(&quoted(word));
    }
    command
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain =
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "@._:+-/".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reach_is_told_in_words() {
        let reach = |calls, callers, sources, honest_parties| {
            in_words(&Reach { calls, callers, honest_parties, sources })
        };
        assert_eq!(reach(0, 0, 0, 0), "it reaches no call in the database");
        assert_eq!(reach(1, 1, 1, 0), "it reaches 1 call of 1 caller from 1 address; 0 honest parties");
        assert_eq!(reach(40, 13, 2, 1), "it reaches 40 calls of 13 callers from 2 addresses; 1 honest party");
    }

    #[test]
    fn a_shell_takes_the_words_of_a_command_as_they_are() {
        assert_eq!(quoted("1-10080@10.77.1.11"), "1-10080@10.77.1.11");
        assert_eq!(quoted("a'b $(c)"), "'a'\\''b $(c)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn several_legs_are_named_with_the_tag_that_chooses_one() {
        let leg = Leg {
            from_tag: "t1".into(),
            source: "192.0.2.1:5060".into(),
            destination: "192.0.2.2:5060".into(),
            user_agent: None,
            fingerprint: "f2-0".into(),
        };
        assert_eq!(legs_in_words(std::slice::from_ref(&leg)).len(), 1);
        let two = legs_in_words(&[leg.clone(), leg]);
        assert!(two[2].contains("--from-tag"), "{two:?}");
    }
}
