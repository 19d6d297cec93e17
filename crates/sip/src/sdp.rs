//! Session descriptions (RFC 8866): the lines in wire order, and the fields that media negotiation needs.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::ice::{self, Candidate, MAX_CANDIDATES};
use crate::lex::{self, number, trim};
use crate::message::next_line;

/// Limit of media sections; later ones are skipped.
const MAX_MEDIA: usize = 32;

/// Limit of lines; a browser's description with all its candidates has some hundreds.
const MAX_LINES: usize = 2048;

/// One `type=value` line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The type letter.
    pub kind: u8,
    /// The text after `=`.
    pub value: &'a [u8],
}

/// The lines of a description in wire order; malformed lines are skipped.
pub fn lines(body: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let (mut rest, mut left) = (body, MAX_LINES);
    std::iter::from_fn(move || {
        while !rest.is_empty() && left > 0 {
            left -= 1;
            let (line, _, after) = next_line(rest);
            rest = after;
            if let [kind, b'=', value @ ..] = line {
                return Some(Line { kind: *kind, value: trim(value) });
            }
        }
        None
    })
}

/// The origin line (RFC 8866 section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin<'a> {
    /// The user name.
    pub username: &'a [u8],
    /// The session identifier.
    pub session_id: &'a [u8],
    /// The session version.
    pub version: &'a [u8],
    /// The address, as spelled.
    pub address: &'a [u8],
}

/// Direction of the media, seen from the description's author.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "each variant is the attribute of its name")]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// One `m=` section with the session attributes that apply to it.
#[derive(Clone, Debug)]
pub struct Media<'a> {
    /// `audio`, `video`...
    pub kind: &'a [u8],
    /// The port; 0 means rejected or on hold.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`...
    pub proto: &'a [u8],
    /// The address at which the author receives media: `c=` of the section, else of the session.
    pub address: Option<IpAddr>,
    /// The payload types, in order of preference.
    pub formats: SmallVec<[u8; 16]>,
    /// `a=rtpmap` lines: payload type and encoding (`PCMU/8000`).
    pub rtpmaps: SmallVec<[(u8, &'a [u8]); 8]>,
    /// `a=crypto` lines: tag, suite, key (RFC 4568).
    pub crypto: SmallVec<[&'a [u8]; 1]>,
    /// `a=fingerprint` present, here or in the session (DTLS-SRTP, RFC 5763).
    pub has_dtls: bool,
    /// `a=ptime` in milliseconds.
    pub ptime: Option<u16>,
    /// Direction of the media.
    pub direction: Direction,
    /// `a=rtcp` port, if given (RFC 3605).
    pub rtcp_port: Option<u16>,
    /// `a=mid`, by which trickled candidates name the section (RFC 5888).
    pub mid: Option<&'a [u8]>,
    /// `a=ice-ufrag`, here or in the session (RFC 8839 section 5.4).
    pub ice_fragment: Option<&'a [u8]>,
    /// `a=candidate` lines, as spelled.
    pub candidates: Vec<&'a [u8]>,
    /// Number of candidate lines beyond the limit.
    pub candidates_left_out: u16,
}

impl Media<'_> {
    /// True if the profile excludes plain media (RFC 3711 section 12): the section is encrypted or refused.
    #[must_use]
    pub fn is_secure_profile(&self) -> bool {
        self.proto.windows(4).any(|w| w == b"SAVP")
    }

    /// The candidates at which the author may receive media besides the section's address.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> {
        self.candidates.iter().filter_map(|line| Candidate::parse(line))
    }
}

/// A whole description.
#[derive(Clone, Debug, Default)]
pub struct Session<'a> {
    /// The origin.
    pub origin: Option<Origin<'a>>,
    /// The session name.
    pub name: Option<&'a [u8]>,
    /// The media sections, in order.
    pub media: SmallVec<[Media<'a>; 2]>,
    /// True if sections share one transport, and therefore their payload types (`a=group:BUNDLE`, RFC 9143).
    pub is_bundled: bool,
}

impl<'a> Session<'a> {
    /// Reads a description; none if the body does not start with `v=`. Total otherwise.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        body.trim_ascii_start().starts_with(b"v=").then(|| Self::read(body))
    }

    /// Reads a fragment with trickled candidates, whose sections have no formats (RFC 8840 section 4.4).
    /// Lines before the first section belong to the only section.
    #[must_use]
    pub fn parse_fragment(body: &'a [u8]) -> Self {
        let mut session = Self::read(body);
        if session.media.is_empty() {
            let mut media = media_line(b"audio 9 RTP/AVP 0", &Common::default());
            if let Some(media) = &mut media {
                lines(body).filter(|line| line.kind == b'a').for_each(|line| attribute(media, line.value));
            }
            session.media.extend(media);
        }
        session
    }

    fn read(body: &'a [u8]) -> Self {
        let mut session = Self::default();
        let mut common = Common::default();
        for Line { kind, value } in lines(body) {
            match (kind, session.media.last_mut()) {
                (b'm', _) => match media_line(value, &common) {
                    Some(media) if session.media.len() < MAX_MEDIA => session.media.push(media),
                    _ => {}
                },
                (b'c', Some(media)) => media.address = connection(value).or(media.address),
                (b'c', None) => common.address = connection(value),
                (b'a', Some(media)) => attribute(media, value),
                (b'a', None) => {
                    session.is_bundled |= value.starts_with(b"group:BUNDLE");
                    common.attribute(value);
                }
                (b'o', None) => session.origin = origin(value),
                (b's', None) => session.name = Some(value),
                _ => {}
            }
        }
        session
    }
}

/// The fragment with trickled candidates in an INFO body, or in one part of it (RFC 8840 section 9.1).
#[must_use]
pub fn fragment<'a>(content_type: Option<&[u8]>, body: &'a [u8]) -> Option<&'a [u8]> {
    part(b"application/trickle-ice-sdpfrag", content_type, body)
}

/// The description in a message body: the body itself, or one part of a multipart body.
#[must_use]
pub fn description<'a>(content_type: Option<&[u8]>, body: &'a [u8]) -> Option<&'a [u8]> {
    part(b"application/sdp", content_type, body)
}

/// The body of the wanted type: the body itself, or one part of a multipart body.
fn part<'a>(wanted: &[u8], content_type: Option<&[u8]>, body: &'a [u8]) -> Option<&'a [u8]> {
    let kind = content_type?;
    let begins = |prefix: &[u8]| kind.get(..prefix.len()).is_some_and(|k| k.eq_ignore_ascii_case(prefix));
    if begins(wanted) {
        return Some(body);
    }
    if !begins(b"multipart/") {
        return None;
    }
    // A part's headers end at an empty line; its body ends at the next boundary, which starts with "--".
    let mut rest = body;
    let mut is_wanted = false;
    while !rest.is_empty() {
        let (line, _, after) = next_line(rest);
        if line.starts_with(b"--") {
            is_wanted = false;
        } else if line.is_empty() && is_wanted {
            let end = memchr::memmem::find(after, b"\n--").map_or(after.len(), |at| at + 1);
            return after.get(..end);
        } else if !is_wanted && names_kind(line, wanted) {
            is_wanted = true;
        }
        rest = after;
    }
    None
}

/// True if a header line of a part names the type `type/subtype`.
fn names_kind(line: &[u8], kind: &[u8]) -> bool {
    let before = kind.iter().take_while(|octet| **octet != b'/').count();
    memchr::memchr_iter(b'/', line).any(|slash| {
        let here = slash.checked_sub(before).and_then(|start| line.get(start..start + kind.len()));
        here.is_some_and(|here| here.eq_ignore_ascii_case(kind))
    })
}

#[derive(Default)]
struct Common<'a> {
    address: Option<IpAddr>,
    direction: Direction,
    has_dtls: bool,
    ice_fragment: Option<&'a [u8]>,
}

impl<'a> Common<'a> {
    fn attribute(&mut self, value: &'a [u8]) {
        if let Some(direction) = direction(value) {
            self.direction = direction;
        }
        self.has_dtls |= value.starts_with(b"fingerprint:");
        if let Some(fragment) = value.strip_prefix(b"ice-ufrag:") {
            self.ice_fragment = ice::fragment(trim(fragment));
        }
    }
}

fn media_line<'a>(value: &'a [u8], common: &Common<'a>) -> Option<Media<'a>> {
    let mut words = lex::words(value);
    let kind = words.next()?;
    // "port/count" (RFC 8866 section 5.14) reserves several consecutive ports.
    let port = words.next()?.split(|b| *b == b'/').next()?;
    let port = number(port).and_then(|n| u16::try_from(n).ok())?;
    let proto = words.next()?;
    let formats = words.filter_map(payload_type).collect();
    Some(Media {
        kind,
        port,
        proto,
        address: common.address,
        formats,
        rtpmaps: SmallVec::new(),
        crypto: SmallVec::new(),
        has_dtls: common.has_dtls,
        ptime: None,
        direction: common.direction,
        rtcp_port: None,
        mid: None,
        ice_fragment: common.ice_fragment,
        candidates: Vec::new(),
        candidates_left_out: 0,
    })
}

fn attribute<'a>(media: &mut Media<'a>, value: &'a [u8]) {
    if let Some(map) = value.strip_prefix(b"rtpmap:") {
        let mut words = lex::words(map);
        if let (Some(pt), Some(encoding)) = (words.next().and_then(payload_type), words.next())
            && media.rtpmaps.len() < 64
        {
            media.rtpmaps.push((pt, encoding));
        }
    } else if let Some(crypto) = value.strip_prefix(b"crypto:") {
        // An offer has one line per suite; the limit bounds other input.
        if media.crypto.len() < 16 {
            media.crypto.push(crypto);
        }
    } else if let Some(candidate) = value.strip_prefix(b"candidate:") {
        if media.candidates.len() < MAX_CANDIDATES {
            media.candidates.push(candidate);
        } else {
            media.candidates_left_out = media.candidates_left_out.saturating_add(1);
        }
    } else if let Some(fragment) = value.strip_prefix(b"ice-ufrag:") {
        media.ice_fragment = ice::fragment(trim(fragment)).or(media.ice_fragment);
    } else if let Some(mid) = value.strip_prefix(b"mid:") {
        media.mid = Some(trim(mid));
    } else if value.starts_with(b"fingerprint:") {
        media.has_dtls = true;
    } else if let Some(ptime) = value.strip_prefix(b"ptime:") {
        media.ptime = number(trim(ptime)).and_then(|n| u16::try_from(n).ok());
    } else if let Some(rtcp) = value.strip_prefix(b"rtcp:") {
        media.rtcp_port = lex::words(rtcp).next().and_then(number).and_then(|n| u16::try_from(n).ok());
    } else if let Some(direction) = direction(value) {
        media.direction = direction;
    }
}

fn direction(attribute: &[u8]) -> Option<Direction> {
    match attribute {
        b"sendrecv" => Some(Direction::SendRecv),
        b"sendonly" => Some(Direction::SendOnly),
        b"recvonly" => Some(Direction::RecvOnly),
        b"inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

fn payload_type(word: &[u8]) -> Option<u8> {
    number(word).and_then(|n| u8::try_from(n).ok()).filter(|pt| *pt < 128)
}

/// Reads `IN IP4 192.0.2.1` with an optional `/ttl`, or a link-local address with its zone (`fe80::1%eth0`,
/// RFC 4007 section 11). A host name gives none, because a passive sensor resolves no names.
fn connection(value: &[u8]) -> Option<IpAddr> {
    let address = lex::words(value).nth(2)?.split(|b| matches!(b, b'/' | b'%')).next()?;
    std::str::from_utf8(address).ok()?.parse().ok()
}

fn origin(value: &[u8]) -> Option<Origin<'_>> {
    let mut words = lex::words(value);
    Some(Origin {
        username: words.next()?,
        session_id: words.next()?,
        version: words.next()?,
        address: words.nth(2).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &[u8] = b"v=0\r\no=- 1 2 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=sendonly\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\nm=video 0 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::1\r\n";

    #[test]
    fn session_values_apply_where_media_has_none() {
        let session = Session::parse(OFFER).unwrap();
        assert_eq!(session.origin.unwrap().username, b"-");
        let [audio, video] = &session.media[..] else { panic!("two sections") };
        assert_eq!((audio.port, audio.address), (4000, Some("10.0.0.1".parse().unwrap())));
        assert_eq!(audio.formats[..], [8, 0, 101]);
        assert_eq!(audio.rtpmaps[..], [(8, &b"PCMA/8000"[..]), (101, &b"telephone-event/8000"[..])]);
        assert_eq!((audio.ptime, audio.direction), (Some(20), Direction::SendOnly));
        assert!(!audio.is_secure_profile() && video.is_secure_profile());
        assert_eq!(video.address, Some("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn candidates_and_name_fragments_are_the_sections_own() {
        let body = b"v=0\r\na=ice-ufrag:sess\r\nm=audio 4000 RTP/AVP 0\r\na=mid:a1\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=candidate:1 2 UDP 1 10.0.0.1 4001 typ host\r\nm=video 4002 RTP/AVP 96\r\na=ice-ufrag:own1\r\n";
        let session = Session::parse(body).unwrap();
        let [audio, video] = &session.media[..] else { panic!("two sections") };
        assert_eq!(audio.candidates().map(|c| c.address.1).collect::<Vec<_>>(), [4000]);
        assert_eq!((audio.mid, audio.ice_fragment), (Some(&b"a1"[..]), Some(&b"sess"[..])));
        assert_eq!((video.candidates.len(), video.ice_fragment), (0, Some(&b"own1"[..])));
    }

    #[test]
    fn candidates_by_the_thousand_are_counted_and_few_are_kept() {
        let body = format!(
            "v=0\r\nm=audio 4000 RTP/AVP 0\r\n{}",
            "a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\n".repeat(1000)
        );
        let session = Session::parse(body.as_bytes()).unwrap();
        assert_eq!(session.media[0].candidates.len(), MAX_CANDIDATES);
        assert_eq!(usize::from(session.media[0].candidates_left_out), 1000 - MAX_CANDIDATES);
    }

    #[test]
    fn candidates_that_are_told_later_need_no_whole_description() {
        let kind = Some(&b"application/trickle-ice-sdpfrag"[..]);
        let body = b"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\na=candidate:1 1 UDP 2 192.0.2.1 4000 typ host\r\n";
        assert_eq!(fragment(kind, body), Some(&body[..]));
        assert_eq!(fragment(Some(b"application/sdp"), body), None);
        let beside =
            [b"--b\r\nContent-Type: application/trickle-ice-sdpfrag\r\n\r\n", &body[..], b"--b--\r\n"]
                .concat();
        assert_eq!(fragment(Some(b"multipart/mixed;boundary=b"), &beside), Some(&body[..]));
        let session = Session::parse_fragment(body);
        assert_eq!(session.media[0].ice_fragment, Some(&b"8hhY"[..]));
        assert_eq!(session.media[0].candidates().count(), 1);
        let alone = Session::parse_fragment(b"a=candidate:1 1 UDP 2 192.0.2.1 4000 typ host\r\n");
        assert_eq!(alone.media[0].candidates().count(), 1);
    }

    #[test]
    fn the_description_is_found_in_a_multipart_body() {
        let body = b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--x\r\nContent-Type: application/SDP\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\n--x--\r\n";
        let found = description(Some(b"multipart/mixed;boundary=x"), body).unwrap();
        assert_eq!(found, b"v=0\r\nm=audio 1 RTP/AVP 0\r\n");
        assert_eq!(description(Some(b"text/plain"), body), None);
    }

    #[test]
    fn a_zone_is_no_part_of_an_address() {
        for address in ["fe80::1%eth0", "fe80::1%25eth0", "fe80::1"] {
            let body = format!("v=0\r\nc=IN IP6 {address}\r\nm=audio 4000 RTP/AVP 0\r\n");
            let session = Session::parse(body.as_bytes()).unwrap();
            assert_eq!(session.media[0].address, "fe80::1".parse().ok(), "{address}");
        }
    }

    #[test]
    fn absurd_numbers_are_passed_over() {
        let session =
            Session::parse(b"v=0\r\nm=audio 70000 RTP/AVP 0\r\nm=audio 9 RTP/AVP 999 0\r\n").unwrap();
        assert_eq!(session.media.len(), 1);
        assert_eq!(session.media[0].formats[..], [0]);
    }
}
