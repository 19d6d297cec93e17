//! Recognition of emergency calls, which are never scored.
//!
//! A number is an emergency number in a country, and on the trunks that lead there. In a PBX an ordinary
//! extension may have the same digits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use bellwether_tracker::{CallStarted, RegisterAnswered};

use crate::number::canonical;
use crate::numbering::lines;
use crate::{DialPlan, Topology};

/// Emergency numbers by country code.
static COUNTRIES: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    lines(include_str!("data/emergency.tsv"))
        .filter_map(|mut columns| Some((columns.next()?, columns.next()?.split(' ').collect())))
        .collect()
});

/// Emergency numbers of all countries.
static ANYWHERE: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| COUNTRIES.values().flatten().copied().collect());

/// Emergency numbers in every country.
const EVERYWHERE: [&str; 2] = ["112", "911"];

/// Length of the longest of them. Nearly every number is longer, and needs no lookup.
const MAX_LEN: usize = 5;

/// Maximum number of extensions. Hardly as many emergency numbers exist.
const MAX_EXTENSIONS: usize = 1024;

impl DialPlan {
    /// Returns true for an emergency number of the site: a configured one, or else one of its country.
    pub(crate) fn is_emergency(&self, number: &str) -> bool {
        let number = number.trim_start_matches('+');
        if !self.emergency.is_empty() {
            return self.emergency.iter().any(|known| known == number);
        }
        number.len() <= MAX_LEN && (EVERYWHERE.contains(&number) || helps_in(&self.country_code, number))
    }

    /// Returns true for an emergency number at the far end of a trunk. If the site's country is unknown, the
    /// number of any country counts.
    fn is_emergency_on_trunk(&self, number: &str) -> bool {
        self.is_emergency(number)
            || self.country_code.is_empty() && self.emergency.is_empty() && ANYWHERE.contains(number)
    }
}

fn helps_in(country: &str, number: &str) -> bool {
    COUNTRIES.get(country).is_some_and(|numbers| numbers.contains(&number))
}

/// Returns true if the user part is a service URN (RFC 5031).
pub(crate) fn is_service(user: &str) -> bool {
    let user = user.to_ascii_lowercase();
    user.contains("service:sos") || user == "sos"
}

/// Returns true if the user part is a number that can be assigned.
fn is_number(user: &str) -> bool {
    let number = canonical(user);
    let digits = number.trim_start_matches('+');
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'))
}

/// Registered extensions with the digits of an emergency number.
#[derive(Default)]
pub(crate) struct Extensions {
    /// User, domain and registrar.
    known: BTreeSet<(String, String, IpAddr)>,
}

impl Extensions {
    /// Records an extension after an accepted registration.
    pub(crate) fn registered(&mut self, answered: &RegisterAnswered, plan: &DialPlan) {
        let user = canonical(&answered.aor.user);
        let is_like = plan.is_emergency_on_trunk(&user);
        if is_like && (200..300).contains(&answered.status) && self.known.len() < MAX_EXTENSIONS {
            self.known.insert((user, answered.aor.host.clone(), answered.registrar.ip()));
        }
    }

    /// Returns true for an emergency call, as opposed to a call to an extension with the same digits.
    pub(crate) fn is_for_help(&self, call: &CallStarted, site: &Topology, plan: &DialPlan) -> bool {
        // The Request-URI is the destination (RFC 3261 section 16.5). An emergency number in To alone would
        // hide another destination.
        let goes_to_number = is_number(&call.request_user);
        let dialled: &[&String] =
            if goes_to_number { &[&call.request_user] } else { &[&call.request_user, &call.to.user] };
        if dialled.iter().any(|user| is_service(user)) {
            return true;
        }
        let trunks = [call.flow.src.ip(), call.flow.dst.ip()].map(|address| site.trunk_at(address));
        let is_on_trunk = trunks.iter().any(Option::is_some);
        let is_the_trunks = |number: &str| {
            trunks.iter().flatten().any(|trunk| trunk.emergency.iter().any(|known| known == number))
        };
        dialled.iter().map(|user| canonical(user)).any(|number| {
            if is_on_trunk {
                is_the_trunks(&number) || plan.is_emergency_on_trunk(&number)
            } else {
                plan.is_emergency(&number) && !self.is_extension(&number, call)
            }
        })
    }

    /// Returns true if the number is registered at the call's destination, in the domain that the call names,
    /// or at its source. A call from the registrar is on its way to the extension's device.
    fn is_extension(&self, number: &str, call: &CallStarted) -> bool {
        let (from, to) = (call.flow.src.ip(), call.flow.dst.ip());
        self.known.iter().filter(|(user, ..)| user == number).any(|(_, domain, registrar)| {
            let names_it = call.to.host == *domain || call.to.host == registrar.to_string();
            from == *registrar || to == *registrar && names_it
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trunk;
    use crate::legs::tests::invite;
    use bellwether_base::{Endpoint, RegistrationId, Timestamp};
    use bellwether_tracker::Party;

    const PHONE: u8 = 1;
    const PBX: u8 = 2;
    const CARRIER: u8 = 3;

    fn plan(country: &str) -> DialPlan {
        DialPlan { country_code: country.to_owned(), ..DialPlan::default() }
    }

    fn site() -> Topology {
        let trunk =
            Trunk { name: "t".into(), networks: vec!["10.0.0.3/32".parse().unwrap()], ..Trunk::default() };
        Topology { trunks: vec![trunk], ..Topology::default() }
    }

    fn is_for_help(extensions: &Extensions, hosts: (u8, u8), dialled: &str, plan: &DialPlan) -> bool {
        extensions.is_for_help(&invite(1, 0, hosts, ("100", dialled)), &site(), plan)
    }

    fn registered(user: &str, domain: &str, status: u16) -> RegisterAnswered {
        RegisterAnswered {
            registration: RegistrationId::new(1),
            aor: Party { user: user.into(), host: domain.into(), display: String::new() },
            device: Endpoint::v4([10, 0, 0, PHONE], 5060),
            registrar: Endpoint::v4([10, 0, 0, PBX], 5060),
            fingerprint: bellwether_fingerprint::PrintHash::of(bellwether_fingerprint::Part::Combined, ""),
            status,
            had_credentials: true,
            at: Timestamp::default(),
        }
    }

    #[test]
    fn the_longest_emergency_number_is_looked_up() {
        assert_eq!(ANYWHERE.iter().map(|number| number.len()).max(), Some(MAX_LEN));
        assert!(plan("27").is_emergency("10111") && !plan("27").is_emergency("101112"));
    }

    #[test]
    fn a_number_helps_in_its_country_and_nowhere_else() {
        let none = Extensions::default();
        for (country, number, is) in [
            ("", "110", false),
            ("", "122", false),
            ("", "112", true),
            ("", "911", true),
            ("49", "110", true),
            ("49", "999", false),
            ("44", "999", true),
            ("44", "110", false),
            ("1", "110", false),
            ("1", "911", true),
            ("", "urn:service:sos.police", true),
        ] {
            assert_eq!(
                is_for_help(&none, (PHONE, PBX), number, &plan(country)),
                is,
                "{number} in +{country}"
            );
        }
        let named = DialPlan { emergency: vec!["555".into()], ..plan("49") };
        assert!(is_for_help(&none, (PHONE, PBX), "555", &named));
        assert!(!is_for_help(&none, (PHONE, PBX), "110", &named));
    }

    #[test]
    fn a_number_helps_where_a_trunk_leads() {
        let none = Extensions::default();
        assert!(is_for_help(&none, (PBX, CARRIER), "110", &plan("")), "the site's country is unknown");
        assert!(!is_for_help(&none, (PBX, CARRIER), "110", &plan("1")));
        let mut site = site();
        site.trunks[0].emergency = vec!["110".into()];
        let call = |hosts| invite(1, 0, hosts, ("100", "110"));
        assert!(none.is_for_help(&call((PBX, CARRIER)), &site, &plan("1")));
        assert!(!none.is_for_help(&call((PHONE, PBX)), &site, &plan("1")));
    }

    #[test]
    fn an_extension_that_is_spelled_so_is_an_extension() {
        let german = plan("49");
        let mut extensions = Extensions::default();
        extensions.registered(&registered("110", "pbx.example", 403), &german);
        assert!(is_for_help(&extensions, (PHONE, PBX), "110", &german), "the registration was refused");
        extensions.registered(&registered("110", "pbx.example", 200), &german);
        assert!(!is_for_help(&extensions, (PHONE, PBX), "110", &german));
        assert!(!is_for_help(&extensions, (PBX, PHONE), "110", &german), "from the registrar to the device");
        assert!(
            is_for_help(&extensions, (PBX, CARRIER), "110", &german),
            "on a trunk it is an emergency number"
        );
        assert!(is_for_help(&extensions, (PHONE, PBX), "112", &german));
        let mut elsewhere = Extensions::default();
        elsewhere.registered(&registered("110", "another.example", 200), &german);
        assert!(is_for_help(&elsewhere, (PHONE, PBX), "110", &german), "an extension of another domain");
    }

    #[test]
    fn those_who_help_in_to_alone_hide_no_other_number() {
        let none = Extensions::default();
        let call = |request: &str, to: &str| {
            let call = invite(1, 0, (PHONE, PBX), ("100", to));
            none.is_for_help(&CallStarted { request_user: request.into(), ..call }, &site(), &plan("49"))
        };
        for to in ["112", "110", "sos", "urn:service:sos"] {
            assert!(!call("+881234567890", to), "{to}");
            assert!(!call("900123", to), "{to}");
            assert!(call("", to), "{to}");
            assert!(call("psap-berlin", to), "{to}: routed by RFC 6881");
        }
        assert!(call("112", "+881234567890"));
    }

    #[test]
    fn extensions_are_bounded() {
        let mut extensions = Extensions::default();
        for n in 0..2 * MAX_EXTENSIONS {
            extensions.registered(&registered("112", &format!("d{n}.example"), 200), &plan(""));
        }
        assert_eq!(extensions.known.len(), MAX_EXTENSIONS);
    }

    #[test]
    fn the_table_is_whole() {
        assert!(COUNTRIES.len() > 80);
        for (country, numbers) in COUNTRIES.iter() {
            assert!(country.bytes().all(|b| b.is_ascii_digit()), "{country}");
            assert!(
                numbers.iter().all(|n| (2..=5).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
            );
        }
    }
}
