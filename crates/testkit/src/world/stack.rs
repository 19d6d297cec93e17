use crate::Rng;

/// A program's way of writing SIP, as data: templates whose places in braces are filled per message.
///
/// Places of headers: `host`, `port`, `branch`, `user`, `display` (quoted, a space behind it), `bare` (unquoted), `domain`, `tag`, `to`,
/// `totag`, `callid`, `fixed` (digits of the number's own), `cseq`, `method`, `agent`, `expires`, `length`; the lines `{auth}` and `{extra}` stand for credentials and for what a
/// deployment adds. Places of descriptions: `ip`, `mport`, `sid`, `next` (one more than `sid`).
/// Everywhere: `hex:N`, `dec:N`, `low:N` (letters and digits), `uuid`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    /// What it is called in tests.
    pub(super) name: &'static str,
    /// User-Agents that honest installations show.
    pub(super) agents: &'static [&'static str],
    pub(super) call_id: &'static str,
    pub(super) tag: &'static str,
    pub(super) branch: &'static str,
    /// The first sequence number, and by how much it may be more.
    pub(super) cseq: (u32, u32),
    pub(super) invite: &'static [&'static str],
    pub(super) register: &'static [&'static str],
    /// Requests within a dialog, ACK and CANCEL.
    pub(super) within: &'static [&'static str],
    /// Lines of its answers behind those that repeat the request.
    pub(super) answer: &'static [&'static str],
    pub(super) sdp: &'static str,
    /// Lowest media port, and how many even ones there are.
    pub(super) ports: (u16, u16),
    /// Whether credentials are written with `qop`.
    pub(super) has_qop: bool,
}

/// What fills the places of one message.
#[derive(Default, Debug)]
pub(super) struct Fields<'a> {
    pub(super) pairs: Vec<(&'static str, &'a str)>,
    pub(super) auth: &'a str,
    pub(super) extra: &'a [String],
}

/// Fills a template's places.
pub(super) fn fill(template: &str, fields: &Fields<'_>, rng: &mut Rng) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, place)) = rest.split_once('{') {
        out.push_str(before);
        let (key, after) = place.split_once('}').unwrap_or((place, ""));
        rest = after;
        match (fields.pairs.iter().find(|(name, _)| *name == key), key.split_once(':')) {
            (Some((_, value)), _) => out.push_str(value),
            (None, Some((kind, n))) => out.push_str(&drawn(kind, n.parse().unwrap_or(8), rng)),
            (None, None) => out.push_str(&uuid(rng)),
        }
    }
    out.push_str(rest);
    out
}

/// A whole message: start line, headers of a template, body.
pub(super) fn message(start: &str, lines: &[&str], fields: &Fields<'_>, body: &str, rng: &mut Rng) -> String {
    let mut out = format!("{start}\r\n");
    for line in lines {
        match *line {
            "{auth}" if fields.auth.is_empty() => {}
            "{auth}" => out += &format!("{}\r\n", fields.auth),
            "{extra}" => fields.extra.iter().for_each(|extra| out += &format!("{extra}\r\n")),
            _ if body.is_empty() && is_of_body(line) => {}
            _ => out += &format!("{}\r\n", fill(line, fields, rng)),
        }
    }
    out + "\r\n" + body
}

fn is_of_body(line: &str) -> bool {
    ["Content-Type", "Content-Disposition", "c:"].iter().any(|name| line.starts_with(name))
}

fn drawn(kind: &str, n: usize, rng: &mut Rng) -> String {
    let alphabet: &[u8] = match kind {
        "hex" => b"0123456789abcdef",
        "dec" => b"0123456789",
        _ => b"abcdefghijklmnopqrstuvwxyz0123456789",
    };
    let mut text = String::new();
    while text.len() < n {
        let c = char::from(alphabet[rng.below(alphabet.len() as u64) as usize]);
        // A number has no zeros in front.
        if kind != "dec" || c != '0' || !text.is_empty() {
            text.push(c);
        }
    }
    text
}

/// A random UUID (version 4).
pub(super) fn uuid(rng: &mut Rng) -> String {
    let variant = char::from(b"89ab"[rng.below(4) as usize]);
    format!("{}-{}-4{}-{variant}{}-{}", rng.hex(8), rng.hex(4), rng.hex(3), rng.hex(3), rng.hex(12))
}
