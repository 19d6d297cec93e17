use crate::Rng;

use super::party::{DOMAIN, PROXY, Party};
use super::stack::{Fields, Stack, message};

/// Common parts of the messages of one dialog.
#[derive(Default, Debug)]
pub(super) struct Leg {
    pub(super) call_id: String,
    pub(super) tag: String,
    pub(super) to: String,
    /// Includes `;tag=`; empty before the first response.
    pub(super) to_tag: String,
    pub(super) branch: String,
    pub(super) cseq: u32,
    pub(super) auth: String,
    pub(super) extra: Vec<String>,
}

/// A request in the style of the party's program.
pub(super) fn request(
    party: &Party,
    leg: &Leg,
    method: &str,
    target: &str,
    body: &str,
    rng: &mut Rng,
) -> String {
    let lines = match method {
        "INVITE" => party.stack.invite,
        "REGISTER" | "OPTIONS" => party.stack.register,
        _ => party.stack.within,
    };
    written(party, leg, method, &format!("{method} {target} SIP/2.0"), lines, "", body, rng)
}

/// A REGISTER with this expiry.
pub(super) fn register(party: &Party, leg: &Leg, expires: &str, rng: &mut Rng) -> String {
    let start = format!("REGISTER sip:{DOMAIN} SIP/2.0");
    written(party, leg, "REGISTER", &start, party.stack.register, expires, "", rng)
}

#[expect(clippy::too_many_arguments, reason = "fills a template from all its values")]
fn written(
    party: &Party,
    leg: &Leg,
    method: &str,
    start: &str,
    lines: &[&str],
    expires: &str,
    body: &str,
    rng: &mut Rng,
) -> String {
    let (host, port) = (party.inner.ip().to_string(), party.inner.port().to_string());
    let (cseq, length) = (leg.cseq.to_string(), body.len().to_string());
    let fixed = fixed(&party.number);
    let display = party.display.as_ref().map_or(String::new(), |name| format!("\"{name}\" "));
    let pairs = vec![
        ("host", &*host),
        ("port", &port),
        ("branch", &leg.branch),
        ("user", &party.number),
        ("display", &display),
        ("domain", DOMAIN),
        ("tag", &leg.tag),
        ("to", &leg.to),
        ("totag", &leg.to_tag),
        ("callid", &leg.call_id),
        ("cseq", &cseq),
        ("method", method),
        ("agent", &party.agent),
        ("expires", expires),
        ("fixed", &fixed),
        ("length", &length),
    ];
    message(start, lines, &Fields { pairs, auth: &leg.auth, extra: &leg.extra }, body, rng)
}

/// Digits derived from a number.
fn fixed(number: &str) -> String {
    let start = number.bytes().fold(0, |sum: u64, digit| sum.wrapping_mul(31).wrapping_add(u64::from(digit)));
    Rng::new(start).hex(12)
}

/// The lower-case name of a header that responses repeat, in full or compact form.
fn repeated(line: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 10] = [
        ("Via", "via"),
        ("v", "via"),
        ("Record-Route", "record-route"),
        ("From", "from"),
        ("f", "from"),
        ("To", "to"),
        ("t", "to"),
        ("Call-ID", "call-id"),
        ("i", "call-id"),
        ("CSeq", "cseq"),
    ];
    let (name, _) = line.split_once(':')?;
    NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, full)| *full)
}

/// The header lines that a response repeats, in their usual order, with a tag for To.
fn repeats(request: &str, tag: &str) -> String {
    let head = request.split("\r\n\r\n").next().unwrap_or_default();
    let mut out = String::new();
    for name in ["via", "record-route", "from", "to", "call-id", "cseq"] {
        for line in head.split("\r\n").filter(|line| repeated(line) == Some(name)) {
            let has_tag = tag.is_empty() || line.contains(";tag=");
            let end = if name == "to" && !has_tag { format!(";tag={tag}") } else { String::new() };
            out += &format!("{line}{end}\r\n");
        }
    }
    out
}

/// A response of the party.
pub(super) fn answer(
    party: &Party,
    request: &str,
    status: &str,
    tag: &str,
    body: &str,
    rng: &mut Rng,
) -> String {
    let start = format!("SIP/2.0 {status}\r\n{}", repeats(request, tag));
    let text = written(party, &Leg::default(), "", start.trim_end(), party.stack.answer, "", body, rng);
    if body.is_empty() || text.contains("application/sdp") {
        return text;
    }
    text.replacen("Content-Length", "Content-Type: application/sdp\r\nContent-Length", 1)
}

/// A response of the proxy itself, with an additional header.
pub(super) fn refusal(request: &str, status: &str, header: &str, rng: &mut Rng) -> String {
    let tag = if status.starts_with("100") { String::new() } else { format!("px{}", rng.hex(10)) };
    let line = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    format!("SIP/2.0 {status}\r\n{}{line}Content-Length: 0\r\n\r\n", repeats(request, &tag))
}

/// A request as forwarded by the proxy: with its Via and route on top, one hop less, and without credentials.
pub(super) fn forwarded(text: &str, from: &Party, to: &Party, rng: &mut Rng) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.split("\r\n");
    let method = lines.next().and_then(|start| start.split(' ').next()).unwrap_or_default();
    let is_initial = method == "INVITE";
    let branch = format!("z9hG4bKpx{}.{}", rng.hex(6), rng.hex(20));
    let mut out = format!("{method} sip:{}@{} SIP/2.0\r\n", to.number, to.inner);
    if is_initial {
        out += &format!("Record-Route: <sip:{};lr>\r\n", PROXY.ip());
    }
    out += &format!("Via: SIP/2.0/UDP {};branch={branch}\r\n", PROXY.ip());
    for line in lines {
        let hops = line.strip_prefix("Max-Forwards: ").and_then(|n| n.parse::<u32>().ok());
        if let Some(hops) = hops {
            out += &format!("Max-Forwards: {}\r\n", hops - 1);
        } else if repeated(line) == Some("via") {
            let known = format!("rport={};received={}", from.at.port(), from.at.ip());
            out += &format!("{}\r\n", line.replacen("rport", &known, 1));
        } else if !line.starts_with("Proxy-Authorization") {
            out += &format!("{line}\r\n");
        }
    }
    out + "\r\n" + body
}

/// A response as forwarded by the proxy: without the proxy's Via.
pub(super) fn passed_back(text: &str) -> String {
    let Some((start, rest)) = text.split_once("\r\n") else { return text.to_owned() };
    let (_, rest) = rest.split_once("\r\n").unwrap_or((rest, ""));
    format!("{start}\r\n{rest}")
}

impl Party {
    /// The credentials for a challenge.
    pub(super) fn credentials(
        &self,
        header: &str,
        account: &str,
        nonce: &str,
        target: &str,
        rng: &mut Rng,
    ) -> String {
        let response = rng.hex(32);
        let more = if self.stack.has_qop {
            format!(", cnonce=\"{}\", qop=auth, nc=00000001", rng.hex(16))
        } else {
            String::new()
        };
        format!(
            "{header}: Digest username=\"{account}\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", uri=\"{target}\", response=\"{response}\", algorithm=MD5{more}"
        )
    }
}

impl Stack {
    /// Returns true if A-law is preferred to mu-law.
    pub(super) fn offers_a_law(&self) -> bool {
        self.sdp.contains("RTP/AVP 8 0")
    }
}
