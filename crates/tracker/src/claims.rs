use bellwether_base::{FlowKey, is_public};
use bellwether_sip::{Address, Message, Name};
use bellwether_stir::Passport;

use crate::Party;
use crate::party::text;

/// Maximum number of PASSporTs read per request. A call with several diversions has fewer.
const MAX_TOKENS: usize = 8;

/// Claims of a request about its caller, beyond From and User-Agent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Claims {
    /// PASSporTs of the Identity headers, in wire order.
    pub passports: Vec<Passport>,
    /// The `verstat` parameter of a verifier (3GPP TS 24.229 section 7.2A.20, ATIS-1000074).
    pub verstat: Option<String>,
    /// Remote-Party-ID.
    pub remote_party: Option<Party>,
    /// True if the request asks to withhold the caller's name (RFC 3323).
    pub is_private: bool,
    /// True if the request carries Diversion (RFC 5806) or History-Info (RFC 7044).
    pub is_diverted: bool,
    /// Host of the topmost Via, if it is a public address other than the packet's source.
    pub other_via: Option<String>,
}

impl Claims {
    pub(crate) fn of(message: &Message<'_>, flow: FlowKey) -> Self {
        let mut claims = Self::default();
        for header in message.all(Name::Identity) {
            claims.passports.extend(Passport::read(header.value));
            if claims.passports.len() >= MAX_TOKENS {
                claims.passports.truncate(MAX_TOKENS);
                break;
            }
        }
        claims.verstat = [Name::PAssertedIdentity, Name::From]
            .into_iter()
            .filter_map(|name| message.get(name))
            .find_map(|value| verstat(&Address::parse(value)));
        claims.remote_party =
            message.get(Name::RemotePartyId).map(|value| Party::from_address(&Address::parse(value)));
        claims.is_private = message.get(Name::Privacy).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value
                .split(|b| matches!(b, b';' | b','))
                .any(|p| matches!(p.trim_ascii(), b"id" | b"user" | b"header"))
        });
        claims.is_diverted =
            [Name::Diversion, Name::HistoryInfo].iter().any(|name| message.get(*name).is_some());
        claims.other_via = other_via(message, flow);
        claims
    }
}

fn verstat(address: &Address<'_>) -> Option<String> {
    let in_uri = address.uri.and_then(|uri| uri.params.get("verstat"));
    in_uri.or_else(|| address.params.get("verstat"))?.value.map(text)
}

/// Honest user agents write a name or a private address behind NAT. A public address of another host is
/// suspicious.
fn other_via(message: &Message<'_>, flow: FlowKey) -> Option<String> {
    let via = message.vias().next()??;
    let host = std::str::from_utf8(via.host).ok()?;
    let address = bellwether_base::host_address(host)?;
    let (source, is_v4_pair) = (flow.src.ip().to_canonical(), address.is_ipv4());
    // Addresses of two families are not comparable: a dual-stack agent may write its other address.
    (is_public(address) && source.is_ipv4() == is_v4_pair && address != source).then(|| host.to_owned())
}
