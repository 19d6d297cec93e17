//! Signals of the caller's account.

use bellwether_base::Span;

use super::{AtStart, Found, Registration};
use crate::Evidence;
use crate::evidence::whole;
use crate::settings::Tuned;

const DAY: Span = Span::from_secs(86_400);

pub(super) fn moved(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let own = at.moved?;
    Found::whole(format!(
        "the owner's device is registered at {} on another platform; the calling device registered later",
        own.source
    ))
}

pub(super) fn taken(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    let taken = at.source.taken.len();
    (taken as f64 >= tuned.limit(0) && !at.is_from_trunk())
        .then(|| {
            let address = at.row.source.ip();
            Evidence::of_address(
                format!("{address} uses {taken} accounts that other platforms used before"),
                address,
            )
        })
        .and_then(Found::whole)
}

pub(super) fn elsewhere(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.registration == Registration::Elsewhere && !at.is_from_trunk())
        .then_some("the caller is registered, but not from the address of the call")
        .and_then(Found::whole)
}

/// Applies only if the destination accepts registrations, and long enough after the start to have seen them.
pub(super) fn not_registered(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    let seen = at.now().since(at.since).as_secs_f64() / 3600.0;
    let is_missing = at.registration == Registration::No && at.is_registrar && !at.is_from_trunk();
    (is_missing && seen >= tuned.limit(0))
        .then(|| {
            Evidence::of([whole(seen)], |[hours, ..], f| {
                write!(f, "no registration in {hours} hours at a registrar of other subscribers")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn many_platforms(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    // The network before a trunk chooses the platform of its callers.
    if at.is_from_trunk() || at.registration == Registration::No && at.account.calls < 4 {
        return None;
    }
    let platforms = at.account.platforms_since(at.now() - DAY);
    (platforms as f64 >= tuned.limit(0))
        .then(|| {
            Evidence::of([platforms], |[platforms, ..], f| {
                write!(f, "{platforms} platforms used the account within the day")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn first_country(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if f64::from(at.account.calls) < tuned.limit(0) {
        return None;
    }
    let country = at.row.callee_number.country.as_deref()?;
    let is_known = country.parse().is_ok_and(|code: u32| at.account.countries.contains(&code));
    (!is_known)
        .then(|| format!("first call to +{country} after {} calls to other countries", at.account.calls))
        .and_then(Found::whole)
}

pub(super) fn odd_hours(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if f64::from(at.account.calls) < tuned.limit(0) {
        return None;
    }
    let now = at.now().hour_of_day();
    // Some days must have passed before the hours of a history are representative.
    let is_long =
        at.account.first_call.is_some_and(|first| at.now().since(first) >= Span::from_secs(3 * 86_400));
    let near: u32 = [now, (now + 1) % 24, (now + 23) % 24]
        .iter()
        .map(|hour| u32::from(at.account.hours.get(*hour).copied().unwrap_or(0)))
        .sum();
    (is_long && near == 0)
        .then(|| {
            Evidence::of([at.account.calls as usize, now], |[calls, hour, ..], f| {
                write!(f, "none of {calls} earlier calls was within an hour of {hour:02}:00 UTC")
            })
        })
        .and_then(Found::whole)
}
