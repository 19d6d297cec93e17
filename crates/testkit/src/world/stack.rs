use crate::Rng;

/// The message style of a SIP program, as templates. Placeholders in braces are filled for each message.
///
/// Placeholders of headers: `host`, `port`, `branch`, `user`, `display` (quoted, with a space after it), `bare`
/// (unquoted), `domain`, `tag`, `to`, `totag`, `callid`, `fixed` (digits derived from the number), `cseq`, `method`,
/// `agent`, `expires`, `length`. The lines `{auth}` and `{extra}` stand for credentials and for additions of a
/// deployment.
/// Placeholders of descriptions: `ip`, `mport`, `sid`, `next` (`sid` plus one).
/// Placeholders everywhere: `hex:N`, `dec:N`, `low:N` (letters and digits), `uuid`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack {
    /// Its name in tests.
    pub(super) name: &'static str,
    /// User-Agents of honest installations.
    pub(super) agents: &'static [&'static str],
    pub(super) call_id: &'static str,
    pub(super) tag: &'static str,
    pub(super) branch: &'static str,
    /// The lowest initial CSeq, and the size of the range.
    pub(super) cseq: (u32, u32),
    pub(super) invite: &'static [&'static str],
    pub(super) register: &'static [&'static str],
    /// Headers of requests within a dialog, of ACK and of CANCEL.
    pub(super) within: &'static [&'static str],
    /// Header lines of responses after the repeated ones.
    pub(super) answer: &'static [&'static str],
    pub(super) sdp: &'static str,
    /// Lowest media port, and number of even ports.
    pub(super) ports: (u16, u16),
    /// True if credentials contain `qop`.
    pub(super) has_qop: bool,
}

/// The values of the placeholders of one message.
#[derive(Default, Debug)]
pub(super) struct Fields<'a> {
    pub(super) pairs: Vec<(&'static str, &'a str)>,
    pub(super) auth: &'a str,
    pub(super) extra: &'a [String],
}

/// Fills the placeholders of a template.
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
        // A number has no leading zeros.
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
