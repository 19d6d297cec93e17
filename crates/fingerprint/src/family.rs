//! Platform families: the fingerprints of one stack, whatever features a call uses.

use crate::compare::{fields, members};
use crate::{Part, PrintHash};

/// Headers that a feature, a configuration or a kind of call adds.
const OPTIONAL: [&str; 22] = [
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Content-Disposition",
    "Content-Length",
    "Content-Type",
    "Date",
    "Expires",
    "Min-SE",
    "MIME-Version",
    "Organization",
    "Priority",
    "Proxy-Require",
    "Require",
    "Session-Expires",
    "Subject",
    "Supported",
    "Timestamp",
];

/// Methods that a feature adds to Allow: reliable provisional responses (RFC 3262) and session timers (RFC 4028).
const METHODS_OF_FEATURES: [&str; 2] = ["PRACK", "UPDATE"];

/// The readable family of a readable form: of the SIP author, and of the SDP author if there is an offer.
///
/// A family keeps what the code of a stack decides: the set of mandatory headers, white space, allowed methods, Via
/// parameters, the classes of tag, Call-ID and branch, Contact parameters, and line ends. It leaves out what a
/// feature or a configuration decides: optional and private headers, the order of headers, extensions, and the
/// session description except the classes of its origin and session name. A sender that adds a random header to each call, or shuffles its headers, therefore
/// stays in one family.
#[must_use]
pub fn readable_family(readable: &str) -> String {
    let mut out = String::with_capacity(readable.len());
    out.push_str("family1");
    let mut is_offer = false;
    for (key, value) in fields(readable) {
        is_offer |= key.starts_with("sdp");
        let value = match key {
            "o" | "s" if is_offer => value.to_owned(),
            _ if is_offer => continue,
            "m" | "v" | "t" | "i" | "z" | "c" | "e" | "b" => value.to_owned(),
            "h" => joined(members(value).into_iter().filter(|name| is_mandatory(name)).collect()),
            "s" => joined(members(value).into_iter().filter(|name| is_mandatory_in_any_case(name)).collect()),
            "w" => {
                let width = |of: &&str| of.split_once(':').is_some_and(|(name, _)| is_mandatory(name));
                let widths = members(value).into_iter().filter(width);
                joined(widths.filter_map(|of| of.split_once(':')).map(|(_, width)| width).collect())
            }
            "a" => members(value)
                .into_iter()
                .filter(|method| !METHODS_OF_FEATURES.contains(method))
                .collect::<Vec<_>>()
                .join(","),
            _ => continue,
        };
        for part in ["|", key, "=", &value] {
            out.push_str(part);
        }
    }
    out
}

/// The family of a readable form: see [`readable_family`].
#[must_use]
pub fn family(readable: &str) -> PrintHash {
    PrintHash::of(Part::Family, &readable_family(readable))
}

/// Distinct values in the order of the alphabet.
fn joined(mut values: Vec<&str>) -> String {
    values.sort_unstable();
    values.dedup();
    values.join(",")
}

/// Names of unknown headers are in lower case.
fn is_mandatory(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && !OPTIONAL.contains(&name)
}

fn is_mandatory_in_any_case(name: &str) -> bool {
    MANDATORY.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Headers of every INVITE (RFC 3261 table 2).
const MANDATORY: [&str; 7] = ["Call-ID", "Contact", "CSeq", "From", "Max-Forwards", "To", "Via"];

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "sip2|m=INVITE|h=Via,From,To,Call-ID,CSeq,Max-Forwards,Contact,Allow|s=|w=Via:0:0|a=INVITE,ACK|\
                       k=timer|ac=|ae=|v=branch,rport|t=x|i=uuid|z=x|c=/|ct=|e=crlf sdp2|o=name|s=dash|l=v,o,s,c,t|m=audio.RTP/AVP|p=0,8";

    #[test]
    fn features_order_and_random_headers_stay_in_the_family() {
        let more = ONE.replace("Contact,Allow", "Alert-Info,Contact,Session-Expires,x-q7t,Allow,Supported");
        let shuffled = ONE.replace("Via,From,To,Call-ID", "To,Via,Call-ID,From");
        let reliable =
            ONE.replace("INVITE,ACK", "INVITE,PRACK,ACK,UPDATE").replace("k=timer", "k=100rel,timer");
        let spelled = ONE.replacen("s=", "s=X-Q7t,Alert-info", 1);
        let video = ONE.replace("m=audio.RTP/AVP|p=0,8", "m=audio.RTP/SAVP|p=8,0|m=video.RTP/AVP|p=96");
        for kin in [more, shuffled, reliable, spelled, video] {
            assert_eq!(family(&kin), family(ONE), "{kin}");
        }
    }

    #[test]
    fn what_the_code_of_a_stack_decides_parts_families() {
        for (from, to) in [
            ("i=uuid", "i=x@"),
            ("v=branch,rport", "v=branch"),
            ("INVITE,ACK", "INVITE,ACK,INFO"),
            ("w=Via:0:0", "w="),
            ("s=", "s=VIA"),
            (",Max-Forwards", ""),
            ("e=crlf", "e=lf"),
            ("o=name", "o=dash"),
        ] {
            assert_ne!(family(&ONE.replacen(from, to, 1)), family(ONE), "{from} {to}");
        }
        assert!(family(ONE).as_str().starts_with("k2-"));
    }
}
