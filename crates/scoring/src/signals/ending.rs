//! Signals of a call's progress and end.

use bellwether_senders::{Cluster, LineKind, Verdict, log_odds};

use super::{Found, REGISTERED_LINE, RETURNING, SENDER, SIGNALS};
use crate::Evidence;
use crate::call_history::CallResult;
use crate::evidence::whole;
use crate::open::{Membership, OpenCall};
use crate::score::{NEUTRAL_LOG_ODDS, POINTS_PER_NAT};
use crate::settings::Tuned;

pub(super) fn sender(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_sender(call.sender.as_ref()?).filter(|(signal, _)| *signal == SENDER).map(|(_, found)| found)
}

pub(super) fn registered(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_sender(call.sender.as_ref()?).filter(|(signal, _)| *signal == REGISTERED_LINE).map(|(_, found)| found)
}

pub(super) fn returning(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_sender(call.sender.as_ref()?).filter(|(signal, _)| *signal == RETURNING).map(|(_, found)| found)
}

/// The finding about a call's sender, with its signal: points for the distance of its log odds from those of a
/// neutral score.
pub(crate) fn of_sender(verdict: &Verdict) -> Option<(usize, Found)> {
    let signal = match verdict.cluster {
        Cluster::Line(LineKind::Registered) => REGISTERED_LINE,
        Cluster::Line(LineKind::Server | LineKind::Returning) => RETURNING,
        _ => SENDER,
    };
    let log_odds = log_odds(verdict.probability);
    let points = (NEUTRAL_LOG_ODDS - log_odds) * POINTS_PER_NAT;
    let share = points / SIGNALS.get(signal)?.points;
    evidence_of_sender(verdict, log_odds).map(|evidence| (signal, Found { share, evidence }))
}

fn evidence_of_sender(verdict: &Verdict, log_odds: f64) -> Option<Evidence> {
    let (once, all) = verdict.once;
    let what = match verdict.cluster {
        Cluster::Nothing | Cluster::Trunk => return None,
        Cluster::Line(LineKind::Registered) => {
            return Some(Evidence::of([all as usize], |[sessions, ..], f| {
                write!(f, "the caller is registered at the address of the call; sessions so far: {sessions}")
            }));
        }
        Cluster::Line(LineKind::Server) => {
            return Some(Evidence::of([all as usize], |[sessions, ..], f| {
                write!(f, "the caller is registered at the server that calls; sessions so far: {sessions}")
            }));
        }
        Cluster::Line(LineKind::Returning) => {
            return Some(Evidence::of([all as usize], |[sessions, ..], f| {
                write!(f, "the caller came back to its address; sessions so far: {sessions}")
            }));
        }
        Cluster::Strangers { .. } => {
            format!("{once} of {all} addresses on the platform family called in one session only")
        }
        Cluster::Address { .. } => {
            format!("{once} of {all} numbers of the address called in one session only")
        }
        Cluster::Gang { .. } => {
            format!("{once} addresses of the platform family are alike, of {all} that are judged")
        }
        Cluster::Recording { .. } => format!("{all} addresses play one recording under several numbers each"),
        Cluster::Crowd { .. } => {
            format!("{once} addresses of the platform family have several numbers and few calls, of {all}")
        }
    };
    let t = &verdict.terms;
    let sum = t.sum();
    let terms = [
        ("before", t.prior),
        ("addresses", t.addresses),
        ("numbers", t.numbers),
        ("answers and talks", t.conduct),
        ("names", t.names),
        ("fingerprints", t.prints),
        ("callees", t.callees),
        ("recordings", t.recording),
        ("this call", log_odds - sum),
    ];
    let mut words = format!("{what}; {} calls; log odds", verdict.calls);
    for (name, term) in terms.into_iter().filter(|(_, term)| term.abs() >= 0.05) {
        words.push_str(&format!(" {name} {term:+.1}"));
    }
    Some(Evidence::counted(words))
}

pub(super) fn campaign_member(call: &OpenCall, _: &Tuned) -> Option<Found> {
    call.membership.as_ref().filter(|of| of.is_against() && !of.is_of_sender()).map(member)
}

/// The finding of a campaign member.
pub(crate) fn member(membership: &Membership) -> Found {
    Found { share: share(membership.strength), evidence: Evidence::member(&membership.name, &membership.why) }
}

/// Share of the points by log odds, from two thirds to all.
fn share(strength: f64) -> f64 {
    (0.67 + 0.11 * strength).clamp(0.67, 1.0)
}

pub(super) fn prompt_repeated(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let (calls, callers) = call.prompt?;
    // The judgement of the sender weighs the recordings of other calls.
    let is_meant = call.is_from_trunk || call.is_in_campaign();
    (is_meant && f64::from(calls) >= tuned.limit(0) && callers >= 2)
        .then(|| {
            Evidence::of([calls.saturating_sub(1) as usize, callers as usize], |[calls, callers, ..], f| {
                write!(f, "the caller plays the same recording as {calls} calls of {callers} callers")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn stranger_abroad(call: &OpenCall, _: &Tuned) -> Option<Found> {
    let country = call.stranger_to.filter(|_| !call.is_let_in)?;
    Found::whole(Evidence::of([country as usize], |[country, ..], f| {
        write!(
            f,
            "a call to +{country} with an international prefix, without registration or accepted credentials"
        )
    }))
}

pub(super) fn conversation(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let heard = call.heard();
    let is_two_way = (heard.caller_packets == 0) == (heard.callee_packets == 0);
    let is_long = call.fate == CallResult::Answered && f64::from(call.secs) >= tuned.limit(0);
    // Calls to premium destinations are long even if a robot makes them.
    (is_long && is_two_way && !call.is_in_campaign() && !call.is_risky)
        .then(|| {
            Evidence::of([usize::from(call.secs)], |[secs, ..], f| write!(f, "a conversation of {secs} s"))
        })
        .and_then(Found::whole)
}

pub(super) fn one_way(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let is_long = call.fate == CallResult::Answered && f64::from(call.secs) >= tuned.limit(0);
    // The mirror must carry both directions. A substantial stream in one direction shows that it would.
    let heard = call.heard();
    let (most, least) =
        (heard.caller_packets.max(heard.callee_packets), heard.caller_packets.min(heard.callee_packets));
    (is_long && most >= 200 && least == 0)
        .then(|| {
            let is_caller = heard.caller_packets > 0;
            Evidence::of([usize::from(is_caller), usize::from(call.secs)], |[is_caller, secs, ..], f| {
                let who = if is_caller > 0 { "caller" } else { "callee" };
                write!(f, "only the {who} sent media in {secs} s")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn dead_air(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let is_long = call.fate == CallResult::Answered && f64::from(call.secs) >= tuned.limit(1);
    let quiet = call.heard().quiet_share?;
    (is_long && quiet >= tuned.limit(0))
        .then(|| {
            Evidence::of([whole(quiet * 100.0)], |[percent, ..], f| {
                write!(f, "{percent} % of the caller's packets are quiet")
            })
        })
        .and_then(Found::whole)
}
