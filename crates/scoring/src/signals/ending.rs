//! Signals of a call's progress and end.

use bellwether_senders::{Cluster, LineKind, Verdict, log_odds};

use super::{
    Found, INCIDENT, OPERATOR_ALLOWED, OPERATOR_BLOCKED, REGISTERED_ELSEWHERE, REGISTERED_LINE, RETURNING,
    SENDER, SIGNALS,
};
use crate::Evidence;
use crate::OperatorList;
use crate::call_history::CallResult;
use crate::evidence::whole;
use crate::open::{Listing, Membership, OfIncident, OpenCall};
use crate::score::{NEUTRAL_LOG_ODDS, POINTS_PER_NAT};
use crate::settings::Tuned;

pub(super) fn operator_blocked(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_listing(call.listing.as_ref()?, OPERATOR_BLOCKED)
}

pub(super) fn operator_allowed(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_listing(call.listing.as_ref()?, OPERATOR_ALLOWED)
}

/// The finding about an entry of the operator's lists, if its signal is the given one.
pub(crate) fn of_listing(listing: &Listing, signal: usize) -> Option<Found> {
    let own = match listing.list {
        OperatorList::Block => OPERATOR_BLOCKED,
        OperatorList::Allow => OPERATOR_ALLOWED,
    };
    if signal == own { Found::whole(listing.words.to_string()) } else { None }
}

pub(super) fn sender(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_signal(call, SENDER)
}

pub(super) fn registered(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_signal(call, REGISTERED_LINE)
}

pub(super) fn returning(call: &OpenCall, _: &Tuned) -> Option<Found> {
    of_signal(call, RETURNING)
}

fn of_signal(call: &OpenCall, signal: usize) -> Option<Found> {
    if signal != SENDER && call.is_contested {
        return None;
    }
    let verdict = call.sender.as_ref().filter(|verdict| signal_of(verdict) == Some(signal))?;
    of_sender(verdict).map(|(_, found)| found)
}

/// The signal of a call's sender.
const fn signal_of(verdict: &Verdict) -> Option<usize> {
    match verdict.cluster {
        Cluster::Nothing | Cluster::Trunk => None,
        Cluster::Line(LineKind::Registered) => Some(REGISTERED_LINE),
        Cluster::Line(LineKind::Server | LineKind::Returning) => Some(RETURNING),
        _ => Some(SENDER),
    }
}

/// The finding about a call's sender, with its signal: points for the distance of its log odds from those of a
/// neutral score.
pub(crate) fn of_sender(verdict: &Verdict) -> Option<(usize, Found)> {
    let signal = signal_of(verdict)?;
    let points = (NEUTRAL_LOG_ODDS - log_odds(verdict.probability)) * POINTS_PER_NAT;
    let share = points / SIGNALS.get(signal)?.points;
    let sessions = [verdict.once.1 as usize];
    let evidence = match verdict.cluster {
        Cluster::Line(LineKind::Registered) => Evidence::of(sessions, |[sessions, ..], f| {
            write!(f, "the caller is registered at the address of the call; sessions so far: {sessions}")
        }),
        Cluster::Line(LineKind::Server) => Evidence::of(sessions, |[sessions, ..], f| {
            write!(f, "the caller is registered at the server that calls; sessions so far: {sessions}")
        }),
        Cluster::Line(LineKind::Returning) => Evidence::of(sessions, |[sessions, ..], f| {
            write!(f, "the caller came back to its address; sessions so far: {sessions}")
        }),
        _ => Evidence::of_sender(verdict),
    };
    Some((signal, Found { share, evidence }))
}

pub(super) fn borrowed_number(call: &OpenCall, _: &Tuned) -> Option<Found> {
    let verdict = call.sender.as_ref().filter(|verdict| verdict.is_borrowed)?;
    // A line of two addresses is a line. Registration elsewhere is the same fact.
    let is_line = matches!(verdict.cluster, Cluster::Line(_));
    let is_told = call.at_start.iter().any(|finding| finding.signal == REGISTERED_ELSEWHERE);
    if is_line || is_told {
        None
    } else {
        Found::whole("the number is a line of another address, which is in use")
    }
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

pub(super) fn incident(call: &OpenCall, _: &Tuned) -> Option<Found> {
    call.incident.as_ref().map(of_incident)
}

/// Share of the points of a notice: 1.5 nats, since honest life explains it as well. With more, a notice and the sender,
/// which see the same unknown numbers, quarantined a service that rings once with codes.
const OF_NOTICE: f64 = 0.15;

/// The finding of a member of an incident.
pub(crate) fn of_incident(of: &OfIncident) -> Found {
    let most = SIGNALS.get(INCIDENT).map_or(-1.0, |signal| signal.points);
    let share = (NEUTRAL_LOG_ODDS - of.log_odds) * POINTS_PER_NAT / most;
    let share = if of.is_notice { OF_NOTICE } else { share.clamp(0.0, 1.0) };
    Found { share, evidence: of.words.to_string().into() }
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
