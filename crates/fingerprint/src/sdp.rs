//! Fingerprint of the author of a session description.

use bellwether_sip::sdp::{Line, lines};
use smallvec::SmallVec;

use crate::Readable;
use crate::text::{List, push_key, push_text};

/// Limit of lines; a longer description is cut there and marked.
const MAX_LINES: usize = 200;

/// Limit of payload types per media line.
const MAX_FORMATS: usize = 40;

/// The readable fingerprint of a session description's author; none if the body is no description.
/// `docs/fingerprint.md` specifies the fields.
#[must_use]
pub fn sdp_author(body: &[u8]) -> Option<String> {
    let mut out = Readable::default();
    write_sdp_author(body, &mut out).then(|| out.to_string())
}

/// A line, with the name of its attribute or its bandwidth type.
#[derive(Clone, Copy)]
struct Named<'a> {
    kind: u8,
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Named<'a> {
    fn of(Line { kind, value }: Line<'a>) -> Self {
        let name = if matches!(kind, b'a' | b'b') { before_colon(value) } else { &[] };
        Self { kind, name, value }
    }

    /// The text behind the name and its colon.
    fn rest(&self) -> &'a [u8] {
        self.value.get(self.name.len() + 1..).unwrap_or_default()
    }
}

/// Like [`sdp_author`], into a reusable buffer. Returns false if the body is no description.
pub fn write_sdp_author(body: &[u8], out: &mut Readable) -> bool {
    if !body.trim_ascii_start().starts_with(b"v=") {
        return false;
    }
    let mut all = lines(body);
    let mut read: SmallVec<[Named<'_>; 32]> = SmallVec::new();
    for line in all.by_ref().take(MAX_LINES) {
        read.push(Named::of(line));
    }
    let is_cut = all.next().is_some();
    // Lines before the first media line belong to the session.
    let (session, mut sections) = split_at_media(&read);
    out.push_str("sdp2");
    let value_of = |wanted: u8| session.iter().find(|l| l.kind == wanted).map(|l| l.value);
    let origin = value_of(b'o').and_then(|o| o.split(|b| *b == b' ').next());
    push_key(out, "o");
    out.push_str(if origin == Some(b"-") { "dash" } else { "name" });
    push_key(out, "s");
    out.push_str(if value_of(b's') == Some(b"-") { "dash" } else { "name" });
    line_order(out, session);
    while let Some((line, rest)) = sections.split_first() {
        let section;
        (section, sections) = split_at_media(rest);
        media_line(out, line.value);
        values(out, "r", section, b"rtpmap");
        values(out, "f", section, b"fmtp");
        settings(out, section);
        line_order(out, section);
    }
    if is_cut {
        out.push(b'~');
    }
    true
}

/// Splits before the next media line.
fn split_at_media<'l, 'a>(lines: &'l [Named<'a>]) -> (&'l [Named<'a>], &'l [Named<'a>]) {
    let at = lines.iter().position(|l| l.kind == b'm').unwrap_or(lines.len());
    lines.split_at_checked(at).unwrap_or((lines, &[]))
}

/// The lines in order: letters, attributes by name, bandwidth by type. Consecutive repetitions count once,
/// because the number of candidates, keys and codecs varies. Attributes that proxies add for NAT are left
/// out.
fn line_order(out: &mut Readable, section: &[Named<'_>]) {
    let mut list = List::field(out, "l");
    let mut last: (u8, &[u8]) = (0, &[]);
    for line in section {
        let name = line.name;
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
            kind if kind.is_ascii_graphic() => item.push(kind),
            _ => item.push(b'?'),
        }
    }
}

/// Attributes that Kamailio and its relatives add in transit.
fn is_added_for_nat(name: &[u8]) -> bool {
    matches!(name, b"nortpproxy" | b"oldmediaip" | b"oldcip" | b"oldmediaport" | b"direction")
}

/// Kind and profile of a media section, and its payload types in order. The port belongs to the call, but
/// port 0 is a refusal.
fn media_line(out: &mut Readable, value: &[u8]) {
    let words = || value.split(|b| *b == b' ').filter(|w| !w.is_empty());
    push_key(out, "m");
    push_text(out, words().next().unwrap_or_default());
    out.push(b'.');
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
fn values(out: &mut Readable, key: &str, section: &[Named<'_>], attribute: &[u8]) {
    let mut list = List::field(out, key);
    for line in section.iter().filter(|l| l.kind == b'a' && l.name == attribute) {
        push_text(list.item(), line.rest());
    }
}

/// Attributes with values from the configuration.
fn settings(out: &mut Readable, section: &[Named<'_>]) {
    let mut list = List::field(out, "x");
    for line in section.iter().filter(|l| l.kind == b'a') {
        if matches!(line.name, b"ptime" | b"maxptime" | b"silenceSupp" | b"rtcp-fb" | b"setup") {
            push_text(list.item(), line.value);
        }
    }
}

fn before_colon(value: &[u8]) -> &[u8] {
    value.iter().position(|b| *b == b':').and_then(|at| value.get(..at)).unwrap_or(value)
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
