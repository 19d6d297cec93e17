//! Signals of the message structure, and of the platform's reputation.

use std::fmt::{self, Formatter};

use bellwether_base::Span;

use super::{AtStart, Found};
use crate::Evidence;
use crate::call_history::CallResult;
use crate::evidence::{Numbers, Phrase, whole};
use crate::reputation_record::{Layer, Reputed};
use crate::settings::Tuned;
use crate::stack_index::distinct;

/// The finding of a reputation: all points against the call at 0, a third of them in its favour at 100, none
/// at 50.
///
/// Others on the same platform cannot spoil or buy the name of a line, which stands for itself.
fn reputation(at: &AtStart<'_>, of: Layer) -> Option<Found> {
    let is_shared = matches!(of, Layer::Fingerprint | Layer::Deployment);
    if is_shared && at.is_line {
        return None;
    }
    let reputed = at.standing(of)?;
    // Honest users of a stack vouch for themselves, not for a stranger who copies it. Nobody can copy a trunk.
    if is_shared && reputed.score > 50.0 && (reputed.labels.1 == 0 || !at.is_from_trunk()) {
        return None;
    }
    of_reputation(of, reputed)
}

/// What a reputation says.
pub(crate) fn of_reputation(of: Layer, reputed: Reputed) -> Option<Found> {
    let off = (reputed.score - 50.0) / 50.0;
    if off.abs() < 0.01 {
        return None;
    }
    let (fraud, legit) = reputed.labels;
    let share = if off < 0.0 { -off } else { -off / 3.0 };
    let is_scaled = reputed.specificity < 0.5 && off < 0.0;
    let phrase: Phrase = match of {
        Layer::Fingerprint => |numbers, f| standing("platform", numbers, f),
        Layer::Deployment => |numbers, f| standing("deployment", numbers, f),
        Layer::Instance => |numbers, f| standing("process or device", numbers, f),
        Layer::Origin => |numbers, f| standing("origin", numbers, f),
    };
    let numbers = [whole(reputed.score), fraud as usize, legit as usize, usize::from(is_scaled)];
    Some(Found { share, evidence: Evidence::of(numbers, phrase) })
}

/// Renders a reputation as text.
fn standing(of: &str, [score, fraud, legit, is_scaled]: Numbers, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "the {of} has reputation {score}")?;
    if fraud > 0 || legit > 0 {
        write!(f, ": {fraud} labels of fraud, {legit} of honest use")?;
    }
    if is_scaled > 0 {
        f.write_str(", less weight because honest parties also use it")?;
    }
    Ok(())
}

pub(super) fn fingerprint_reputation(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let platform = at.standing(Layer::Fingerprint);
    // Evidence about a deployment is evidence about its platform too. It counts once, unless the platform
    // alone is worse.
    let is_told = |deployment: Reputed| {
        deployment.score < 50.0 && platform.is_some_and(|platform| deployment.score <= platform.score + 0.5)
    };
    if at.standing(Layer::Deployment).is_some_and(is_told) {
        return None;
    }
    reputation(at, Layer::Fingerprint)
}

pub(super) fn deployment_reputation(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    reputation(at, Layer::Deployment)
}

pub(super) fn instance_reputation(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    reputation(at, Layer::Instance)
}

pub(super) fn origin_reputation(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    reputation(at, Layer::Origin)
}

pub(super) fn contradicts(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    if !at.platform.facts.is_contradictory {
        return None;
    }
    let agent = at.row.user_agent.as_deref().unwrap_or_default();
    Found::whole(match &at.platform.facts.stack {
        Some(stack) => format!("the User-Agent is {agent}, but the structure is that of {stack}"),
        None => format!("the User-Agent is {agent}, but the structure contradicts it"),
    })
}

pub(super) fn volatile(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.is_from_trunk() || at.source.actor.is_below(tuned.limit(0)) {
        return None;
    }
    let latest = at.source.actor.since(at.now() - Span::from_secs(3600));
    let of = latest.last()?;
    let named = latest.iter().filter(|deed| deed.platform == of.platform);
    // Most addresses have one User-Agent.
    if named.clone().all(|deed| deed.agent == of.agent) {
        return None;
    }
    let agents = distinct(&named.collect::<Vec<_>>(), |deed| deed.agent.into());
    (agents as f64 >= tuned.limit(0))
        .then(|| {
            let address = at.row.source.ip();
            let words = format!("{agents} User-Agents on one platform from {address} within the hour");
            Evidence::of_address(words, address)
        })
        .and_then(Found::whole)
}

pub(super) fn scanner(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    at.platform.tool.clone().and_then(Found::whole)
}

pub(super) fn scanning_source(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.is_from_trunk() {
        return None;
    }
    let attack = at.source.attack(tuned.limit(0), tuned.limit(1));
    if attack.is_none() && at.source.actor.is_below(tuned.limit(2)) {
        return None;
    }
    let latest = at.source.actor.since(at.now() - Span::from_secs(3600));
    let calls = latest.len();
    let unknown = latest.iter().filter(|deed| deed.fate == CallResult::Nobody).count();
    // Single wrong numbers are no scan.
    let by_number = (unknown as f64 >= tuned.limit(2) && unknown * 2 > calls)
        .then(|| format!("the address called {unknown} unassigned numbers"));
    attack.or(by_number).and_then(Found::whole)
}

pub(super) fn malformed(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    let defects = &at.row.defects;
    (defects.len() as f64 >= tuned.limit(0))
        .then(|| format!("defects: {}", defects.join(", ")))
        .and_then(Found::whole)
}

pub(super) fn other_via(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.row.traits.has_other_via && !at.is_from_trunk())
        .then_some("the Via names another public address than the source of the packet")
        .and_then(Found::whole)
}
