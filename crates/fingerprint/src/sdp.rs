use bellwether_sip::sdp::{Line, lines};

use crate::push_text;

/// Lines read; an SDP with more is cut there and marked.
const MAX_LINES: usize = 200;

/// The readable fingerprint of who wrote a session description; none if the body is not one.
///
/// Fields, separated by `|`: the version; `o` whether the origin's user name is `-`; `s` whether the name is
/// `-`; `l` the session's lines in order, attributes by name; then one `m` per media section: kind, profile,
/// payload types in order, and its lines in order. Values that belong to one call (ports, addresses, ids,
/// keys) are left out; those that a configuration fixes (rtpmap, fmtp, ptime) stay.
#[must_use]
pub fn sdp_author(body: &[u8]) -> Option<String> {
    let mut out = String::new();
    write_sdp_author(body, &mut out).then_some(out)
}

/// Like [`sdp_author`], into a string that is used again and again; answers whether there is one.
pub fn write_sdp_author(body: &[u8], out: &mut String) -> bool {
    if !body.trim_ascii_start().starts_with(b"v=") {
        return false;
    }
    out.push_str("sdp1");
    let value_of = |wanted: u8| lines(body).find(|l| l.kind == wanted).map(|l| l.value);
    let origin = value_of(b'o').and_then(|o| o.split(|b| *b == b' ').next());
    out.push_str(if origin == Some(b"-") { "|o=dash" } else { "|o=name" });
    out.push_str(if value_of(b's') == Some(b"-") { "|s=dash" } else { "|s=name" });
    out.push_str("|l=");
    let mut last_attribute: &[u8] = &[];
    for (i, line) in lines(body).enumerate() {
        if i == MAX_LINES {
            out.push('~');
            break;
        }
        let name = attribute_name(line);
        // ICE candidates and the like come in varying numbers.
        if line.kind == b'a' && name == last_attribute && !keeps_value(name) {
            continue;
        }
        last_attribute = if line.kind == b'a' { name } else { &[] };
        push_line(out, line, name);
    }
    true
}

fn push_line(out: &mut String, line: Line<'_>, name: &[u8]) {
    match line.kind {
        b'm' => {
            out.push_str("|m=");
            for (i, word) in line.value.split(|b| *b == b' ').filter(|w| !w.is_empty()).enumerate().take(40) {
                // The second word is the port, which belongs to the call; 0 is a refusal.
                if i != 1 {
                    push_text(out, word);
                    out.push('.');
                } else if word == b"0" {
                    out.push_str("0.");
                }
            }
            out.push(':');
        }
        b'a' => {
            push_text(out, if keeps_value(name) { line.value } else { name });
            out.push(',');
        }
        b'b' => {
            push_text(out, name_before_colon(line.value));
            out.push_str("=b,");
        }
        kind if kind.is_ascii_graphic() => {
            out.push(char::from(kind));
            out.push(',');
        }
        _ => out.push_str("?,"),
    }
}

fn attribute_name(line: Line<'_>) -> &[u8] {
    name_before_colon(line.value)
}

fn name_before_colon(value: &[u8]) -> &[u8] {
    value.split(|b| *b == b':').next().unwrap_or(value)
}

/// Attributes whose value the platform or its configuration fixes.
fn keeps_value(name: &[u8]) -> bool {
    matches!(name, b"rtpmap" | b"fmtp" | b"ptime" | b"maxptime" | b"silenceSupp" | b"rtcp-fb" | b"setup")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 11 12 IN IP4 10.0.0.1\r\ns=Phone\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=fmtp:101 0-15\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=candidate:2 1 UDP 1 10.0.0.2 4000 typ host\r\na=sendrecv\r\n";

    fn readable(text: &str) -> String {
        sdp_author(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_readable_form_is_stable() {
        assert_eq!(
            readable(OFFER),
            "sdp1|o=dash|s=name|l=v,o,s,c,t,|m=audio.RTP/AVP.8.0.101.:rtpmap:8\\ PCMA/8000,fmtp:101\\ 0-15,candidate,sendrecv,"
        );
    }

    #[test]
    fn addresses_ports_and_ids_leave_it_unchanged_and_codec_order_does_not() {
        let other = OFFER
            .replace("10.0.0.1", "192.0.2.77")
            .replace("11 12", "9999 10000")
            .replace("audio 4000", "audio 17384")
            .replace("a=candidate:2 1 UDP 1 10.0.0.2 4000 typ host\r\n", "");
        assert_eq!(readable(&other), readable(OFFER));
        assert_ne!(readable(&OFFER.replace("8 0 101", "0 8 101")), readable(OFFER));
        assert_eq!(sdp_author(b"<xml/>"), None);
    }
}
