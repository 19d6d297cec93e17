//! Signals of the claimed identity and its attestation.

use bellwether_enrich::{Attested, PassportStatus, Validity, Verstat};

use super::{AtStart, Found, Registration};
use crate::settings::Tuned;

fn attested<'a>(at: &'a AtStart<'_>) -> Option<&'a Attested> {
    at.row.attested.as_deref()
}

/// The finding of an attestation level, for a token without defects.
fn attestation(at: &AtStart<'_>, letter: &str) -> Option<Found> {
    let attested = attested(at)?;
    let is_sound = matches!(attested.status, PassportStatus::Valid | PassportStatus::Unverified);
    if !is_sound || attested.attestation != Some(letter) {
        return None;
    }
    let signer = attested.signer.as_deref().unwrap_or("an unnamed signer");
    let is_valid = attested.status == PassportStatus::Valid;
    let is_believed = is_valid || is_trusted(at);
    let words = if is_valid { "verified" } else { "claimed, not verified" };
    Some(Found {
        share: if is_believed { 1.0 } else { 0.5 },
        evidence: format!("attestation {letter} by {signer}, {words}").into(),
    })
}

fn is_trusted(at: &AtStart<'_>) -> bool {
    at.row.traits.trunk.as_ref().is_some_and(|trunk| trunk.is_trusted)
}

pub(super) fn full(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    attestation(at, "A")
}

pub(super) fn partial(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    attestation(at, "B").or_else(|| {
        let found = attestation(at, "C").filter(|_| is_trusted(at))?;
        Found::whole(format!("{}; counts as B on a trusted trunk", found.evidence))
    })
}

pub(super) fn gateway(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    attestation(at, "C").filter(|_| !is_trusted(at)).and_then(|found| Found::whole(found.evidence))
}

pub(super) fn unsigned(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.row.attested.is_some() {
        return None;
    }
    if let Some(trunk) = at.row.traits.trunk.as_ref().filter(|trunk| !trunk.usual_attestation.is_empty()) {
        return Found::whole(format!(
            "no PASSporT, but the trunk's calls usually have attestation {}",
            trunk.usual_attestation
        ));
    }
    let (signed, not) = at.signed;
    let all = f64::from(signed + not);
    let who = at.row.trunk_id.as_deref().unwrap_or("the address");
    (all >= tuned.limit(0) && f64::from(signed) / all >= tuned.limit(1))
        .then(|| format!("no PASSporT, but {signed} of {} calls from {who} had one", signed + not))
        .and_then(Found::whole)
}

fn status(at: &AtStart<'_>, status: PassportStatus) -> Option<Found> {
    let attested = attested(at).filter(|a| a.status == status)?;
    Found::whole(if attested.reasons.is_empty() {
        status.name().to_owned()
    } else {
        attested.reasons.join("; ")
    })
}

pub(super) fn valid(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let signer = attested(at).filter(|a| a.status == PassportStatus::Valid)?.signer.as_deref();
    Found::whole(format!("the signature of {} is valid", signer.unwrap_or("the signer")))
}

pub(super) fn malformed(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    status(at, PassportStatus::Malformed)
}

pub(super) fn stale(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    status(at, PassportStatus::Stale)
}

pub(super) fn mismatch(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    status(at, PassportStatus::Mismatch)
}

pub(super) fn replay(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    status(at, PassportStatus::Replay)
}

pub(super) fn invalid(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    status(at, PassportStatus::Invalid)
}

pub(super) fn unusual(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let slips = &attested(at)?.slips;
    (!slips.is_empty()).then(|| format!("not in canonical form: {}", slips.join(", "))).and_then(Found::whole)
}

pub(super) fn verstat_spoofed(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    if at.row.traits.verstat != Some(Verstat::Passed) {
        return None;
    }
    let contradicted = attested(at).filter(|a| a.status >= PassportStatus::Stale);
    if let Some(attested) = contradicted {
        return Found::whole(format!(
            "TN-Validation-Passed with a PASSporT of status {}",
            attested.status.name()
        ));
    }
    // Only a trunk has a verifier.
    let is_subscriber = at.registration == Registration::Here && !at.is_from_trunk();
    is_subscriber.then_some("TN-Validation-Passed from a subscriber").and_then(Found::whole)
}

pub(super) fn verstat_failed(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.row.traits.verstat == Some(Verstat::Failed)).then_some("TN-Validation-Failed").and_then(Found::whole)
}

pub(super) fn differs(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.row.traits.differs_from_asserted && !is_trusted(at))
        .then_some("From and P-Asserted-Identity name different callers")
        .and_then(Found::whole)
}

pub(super) fn remote_party(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.row.traits.differs_from_remote_party && !is_trusted(at))
        .then_some("From and Remote-Party-ID name different callers")
        .and_then(Found::whole)
}

pub(super) fn neighbour(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.row.traits.is_neighbour && !at.is_rooted)
        .then_some("the numbers of caller and callee are equal but for the last four digits")
        .and_then(Found::whole)
}

pub(super) fn impossible(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let number = &at.row.caller_number;
    (number.validity == Some(Validity::Impossible))
        .then(|| match number.place {
            Some(place) => format!("no number of {place} has {} digits in this form", number.digits),
            None => "no country has such a number".to_owned(),
        })
        .and_then(Found::whole)
}

pub(super) fn unallocated(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    (at.row.caller_number.validity == Some(Validity::Unallocated))
        .then_some("the country code, area or range of the number is not allocated")
        .and_then(Found::whole)
}

pub(super) fn borrowed_name(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let brand = at.row.traits.brand.as_deref()?;
    let is_vouched = attested(at).is_some_and(|a| a.status == PassportStatus::Valid) || at.is_rooted;
    (!is_vouched).then(|| format!("the display name contains \"{brand}\"")).and_then(Found::whole)
}

pub(super) fn anonymous(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    at.row.traits.is_anonymous.then_some("the caller withholds the number").and_then(Found::whole)
}

pub(super) fn risky(at: &AtStart<'_>, _: &Tuned) -> Option<Found> {
    let reason = at.row.traits.risk.as_deref()?;
    Found::whole(format!("risky destination: {reason}"))
}
