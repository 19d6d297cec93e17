//! Claims of a call about its parties, in a form that outlives the clear numbers.

use bellwether_base::is_public;
use bellwether_tracker::{CallStarted, Clear, Party};

use crate::mask::{Mask, is_address};
use crate::number::{NumberFacts, NumberKind, canonical};
use crate::{Attested, CallTraits, Knowledge, Masked, NumberReadings, Tokeniser, Topology, Verstat};

/// Number of final digits in which neighbouring numbers may differ.
const OWN_DIGITS: usize = 4;

/// Minimum length of a number with neighbours.
const MIN_DIGITS: usize = 10;

pub(crate) fn traits(
    tokens: &Tokeniser,
    site: &Topology,
    knowledge: &Knowledge,
    call: &CallStarted,
) -> CallTraits {
    let dialled = if call.request_user.is_empty() { &call.to.user } else { &call.request_user };
    let (from, to) = (canonical(&call.from.user), canonical(dialled));
    let differs = |other: Option<&Party>| {
        other.is_some_and(|other| !other.user.is_empty() && canonical(&other.user) != from)
    };
    let claims = call.claims.as_deref();
    let kind_of = |user: &str| NumberFacts::of(user, &knowledge.plan).kind;
    // A caller that is withheld but asserted to the network always differs in From: the two headers serve
    // this purpose.
    let is_anonymous = kind_of(&call.from.user) == NumberKind::Anonymous
        || call.from.host.ends_with("anonymous.invalid")
        || claims.is_some_and(|c| c.is_private);
    let digits = knowledge.plan.international(&to);
    let read =
        |user: &str| NumberReadings::of(user, &knowledge.plan, &knowledge.risky, |range| tokens.range(range));
    CallTraits {
        caller_neighbourhood: tokens.neighbourhood(&call.from.user),
        callee_line: line(&to),
        is_neighbour: are_neighbours(&from, &to),
        differs_from_asserted: !is_anonymous && differs(call.asserted.as_ref()),
        differs_from_remote_party: !is_anonymous && differs(claims.and_then(|c| c.remote_party.as_ref())),
        is_anonymous,
        brand: knowledge.brands.find(&call.from.display).map(str::to_owned),
        dials_abroad: (is_public(call.flow.src.ip()) && !site.is_inside(call.flow.src.ip()))
            .then(|| knowledge.plan.dialled_abroad(dialled))
            .flatten(),
        risk: digits.and_then(|digits| knowledge.risky.reason(&digits).map(str::to_owned)),
        is_emergency: false,
        caller_readings: read(&call.from.user),
        called_readings: read(dialled),
        verstat: claims.and_then(|c| c.verstat.as_deref()).and_then(verstat),
        has_other_via: claims.is_some_and(|c| c.other_via.is_some()) && !site.is_own(call.flow.src.ip()),
        trunk: site.carrier(call.flow.src.ip(), &call.first_via_host).map(|t| t.policy.clone()),
    }
}

/// Token of the properties that calls of one installation share beside the platform, whatever their numbers
/// and addresses.
pub(crate) fn deployment(tokens: &Tokeniser, call: &CallStarted) -> Masked {
    let name = |host: &str| if is_address(host) { String::new() } else { host.to_owned() };
    // The user name of the origin line, unless it is the caller's number.
    let origin = call.sdp_origin.as_deref().and_then(|origin| origin.split(' ').next()).unwrap_or_default();
    let origin =
        if origin == call.from.user || origin.bytes().any(|b| b.is_ascii_digit()) { "" } else { origin };
    tokens.deployment(&[
        call.prints.combined.as_str(),
        call.prints.path.expose(),
        &name(&call.from.host),
        &name(&call.first_via_host),
        origin,
    ])
}

/// Masks the texts of tokens, because any of them may contain a number. An origin identifier that is a UUID
/// contains no name; any other is replaced by its token.
pub(crate) fn masked(mask: &Mask<'_>, attested: Attested<Clear>) -> Attested {
    let is_uuid = |id: &str| id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let origid = attested.origid.as_ref().map(Clear::expose);
    Attested {
        status: attested.status,
        attestation: attested.attestation,
        signer: attested.signer.as_ref().map(|signer| mask.host(signer.expose())),
        origid: origid.map(|id| if is_uuid(id) { mask.distinct(id) } else { mask.token(id) }),
        x5u: attested.x5u.as_ref().map(|x5u| mask.text(x5u.expose())),
        age_s: attested.age_s,
        reasons: attested.reasons,
        slips: attested.slips,
    }
}

fn verstat(text: &str) -> Option<Verstat> {
    let text = text.to_ascii_lowercase();
    [
        ("tn-validation-passed", Verstat::Passed),
        ("tn-validation-failed", Verstat::Failed),
        ("no-tn-validation", Verstat::None),
    ]
    .into_iter()
    .find_map(|(name, found)| text.starts_with(name).then_some(found))
}

/// The last three digits of a number that is long enough for a number block.
fn line(number: &str) -> Option<u16> {
    let digits = number.trim_start_matches('+');
    let is_number = digits.len() >= 7 && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.get(digits.len() - 3..)?.parse().ok()).flatten()
}

fn are_neighbours(from: &str, to: &str) -> bool {
    let digits = |number: &str| {
        let digits = number.trim_start_matches('+');
        (digits.len() >= MIN_DIGITS && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.to_owned())
    };
    let Some((from, to)) = digits(from).zip(digits(to)) else { return false };
    // One of the numbers may have its country code.
    let tail = from.len().min(to.len());
    let (from, to) =
        (from.get(from.len() - tail..).unwrap_or_default(), to.get(to.len() - tail..).unwrap_or_default());
    from != to && from.get(..tail - OWN_DIGITS) == to.get(..tail - OWN_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_all_but_the_last_four_digits() {
        assert!(are_neighbours("+12125550188", "12125559999"));
        assert!(are_neighbours("2125550188", "+12125559999"));
        assert!(!are_neighbours("+12125550188", "+12125550188"));
        assert!(!are_neighbours("+12125550188", "+12125540188"));
        assert!(!are_neighbours("1001", "1002"));
        assert_eq!((line("+12125550188"), line("101")), (Some(188), None));
    }

    #[test]
    fn what_verifiers_write_is_read_with_their_additions() {
        assert_eq!(verstat("TN-Validation-Passed-A"), Some(Verstat::Passed));
        assert_eq!(verstat("No-TN-Validation"), Some(Verstat::None));
        assert_eq!(verstat("tn-validation-failed"), Some(Verstat::Failed));
        assert_eq!(verstat("yes"), None);
    }
}
