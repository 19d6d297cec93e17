//! Who wrote the session description.

use bellwether_sip::sdp::{Line, lines};

use crate::text::{List, push_key, push_text};

/// Lines read; a description with more is cut there and marked.
const MAX_LINES: usize = 200;

/// Payload types read of a media line.
const MAX_FORMATS: usize = 40;

/// The readable fingerprint of who wrote a session description; none if the body is not one. `docs/fingerprint.md`
/// specifies the fields.
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
    out.push_str("sdp2");
    let value_of = |wanted: u8| lines(body).find(|l| l.kind == wanted).map(|l| l.value);
    let origin = value_of(b'o').and_then(|o| o.split(|b| *b == b' ').next());
    push_key(out, "o");
    out.push_str(if origin == Some(b"-") { "dash" } else { "name" });
    push_key(out, "s");
    out.push_str(if value_of(b's') == Some(b"-") { "dash" } else { "name" });
    line_order(out, session_lines(body));
    let mut media = lines(body).take(MAX_LINES).enumerate().filter(|(_, l)| l.kind == b'm');
    for (at, line) in media.by_ref() {
        let section = || lines(body).take(MAX_LINES).skip(at + 1).take_while(|l| l.kind != b'm');
        media_line(out, line.value);
        values(out, "r", section(), b"rtpmap");
        values(out, "f", section(), b"fmtp");
        settings(out, section());
        line_order(out, section());
    }
    if lines(body).nth(MAX_LINES).is_some() {
        out.push('~');
    }
    true
}

fn session_lines(body: &[u8]) -> impl Iterator<Item = Line<'_>> {
    lines(body).take(MAX_LINES).take_while(|l| l.kind != b'm')
}

/// The lines in order: letters, attributes by name, bandwidth by its type. Repeated ones in a row count once (candidates,
/// keys and codecs come in varying numbers); what proxies put in for NAT is left out.
fn line_order<'a>(out: &mut String, section: impl Iterator<Item = Line<'a>>) {
    let mut list = List::field(out, "l");
    let mut last: (u8, &[u8]) = (0, &[]);
    for line in section {
        let name = match line.kind {
            b'a' | b'b' => before_colon(line.value),
            _ => &[],
        };
        if (line.kind, name) == last || (line.kind == b'a' && is_added_for_nat(name)) {
            continue;
        }
        last = (line.kind, name);
        let item = list.item();
        match line.kind {
            b'a' => push_text(item, name),
            b'b' => {
                item.push_str("b:");
                push_text(item, name);
            }
            kind if kind.is_ascii_graphic() => item.push(char::from(kind)),
            _ => item.push('?'),
        }
    }
}

/// Attributes that Kamailio and its kin add to what passes through them.
fn is_added_for_nat(name: &[u8]) -> bool {
    matches!(name, b"nortpproxy" | b"oldmediaip" | b"oldcip" | b"oldmediaport" | b"direction")
}

/// Kind and profile of a media section, and the payload types in order. The port belongs to the call; 0 is a refusal.
fn media_line(out: &mut String, value: &[u8]) {
    let words = || value.split(|b| *b == b' ').filter(|w| !w.is_empty());
    push_key(out, "m");
    push_text(out, words().next().unwrap_or_default());
    out.push('.');
    push_text(out, words().nth(2).unwrap_or_default());
    if words().nth(1) == Some(b"0") {
        out.push_str(".refused");
    }
    let mut list = List::field(out, "p");
    for format in words().skip(3).take(MAX_FORMATS) {
        push_text(list.item(), format);
    }
}

/// The values of one attribute, in order.
fn values<'a>(out: &mut String, key: &str, section: impl Iterator<Item = Line<'a>>, attribute: &[u8]) {
    let mut list = List::field(out, key);
    for line in section.filter(|l| l.kind == b'a' && before_colon(l.value) == attribute) {
        push_text(list.item(), line.value.get(attribute.len() + 1..).unwrap_or_default());
    }
}

/// Attributes whose value the configuration fixes.
fn settings<'a>(out: &mut String, section: impl Iterator<Item = Line<'a>>) {
    let mut list = List::field(out, "x");
    for line in section.filter(|l| l.kind == b'a') {
        if matches!(before_colon(line.value), b"ptime" | b"maxptime" | b"silenceSupp" | b"rtcp-fb" | b"setup")
        {
            push_text(list.item(), line.value);
        }
    }
}

pub(crate) fn before_colon(value: &[u8]) -> &[u8] {
    value.split(|b| *b == b':').next().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 11 12 IN IP4 10.0.0.1\r\ns=Phone\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=candidate:2 1 UDP 1 10.0.0.2 4000 typ host\r\na=ptime:20\r\na=sendrecv\r\n";

    fn readable(text: &str) -> String {
        sdp_author(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_readable_form_is_stable() {
        assert_eq!(
            readable(OFFER),
            "sdp2|o=dash|s=name|l=v,o,s,c,t|m=audio.RTP/AVP|p=8,0,101|r=8\\ PCMA/8000,101\\ telephone-event/8000|f=101\\ 0-15|x=ptime:20|l=rtpmap,fmtp,candidate,ptime,sendrecv"
        );
    }

    #[test]
    fn addresses_ports_ids_and_helpers_leave_it_unchanged_and_codec_order_does_not() {
        let other = OFFER
            .replace("10.0.0.1", "192.0.2.77")
            .replace("11 12", "9999 10000")
            .replace("audio 4000", "audio 17384")
            .replace("a=candidate:2 1 UDP 1 10.0.0.2 4000 typ host\r\n", "")
            .replace("a=sendrecv\r\n", "a=sendrecv\r\na=nortpproxy:yes\r\n");
        assert_eq!(readable(&other), readable(OFFER));
        assert_ne!(readable(&OFFER.replace("8 0 101", "0 8 101")), readable(OFFER));
        assert_eq!(sdp_author(b"<xml/>"), None);
    }

    #[test]
    fn every_section_has_fields_of_its_own() {
        let two = format!("{OFFER}m=video 0 RTP/AVP 31\r\nb=AS:64\r\n");
        assert!(readable(&two).ends_with("|m=video.RTP/AVP.refused|p=31|r=|f=|x=|l=b:AS"));
    }
}
