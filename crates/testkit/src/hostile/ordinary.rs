use std::net::{Ipv4Addr, SocketAddrV4};

use super::stage::{ATTACKER, SERVER};
use super::text::Text;
use crate::{Frame, as_hep, tcp_frame, udp_frame};

/// Octets before the payload of a UDP datagram in a frame.
const UDP: usize = 42;
/// Octets before the payload of a TCP segment in a frame.
const TCP: usize = 54;
/// Number of ordinary media streams.
const STREAMS: u16 = 50;

/// The ordinary traffic that a shape is compared with. A frame too short for a message holds media instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordinary {
    /// Whole calls: INVITE, 100, 200, ACK, BYE, 200.
    Calls,
    /// INVITEs alone, all of one caller.
    Invites,
    /// RTP of fifty streams.
    Media,
    /// Whole messages over one TCP connection, in segments of the same length.
    Stream,
    /// Datagrams in two fragments each.
    Fragments,
    /// INVITEs in HEP messages of one agent.
    Hep,
}

impl Ordinary {
    /// Its name in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Invites => "INVITEs",
            Self::Media => "media",
            Self::Stream => "stream",
            Self::Fragments => "fragments",
            Self::Hep => "HEP",
        }
    }

    /// Ordinary frames of the same lengths at the same times.
    pub(super) fn beside(self, frames: &[Frame]) -> Vec<Frame> {
        let mut stream = Stream::default();
        let one = |(i, frame): (usize, &Frame)| {
            let made = match self {
                Self::Calls => call(i, frame),
                Self::Invites => padded(frame.bytes.len() - UDP.min(frame.bytes.len()), &invite(i))
                    .map(|octets| udp_frame(frame.at, ATTACKER, SERVER, 0, &octets)),
                Self::Media => None,
                Self::Stream => stream.next(frame),
                Self::Fragments => piece(i, frames, frame),
                Self::Hep => in_hep(i, frame),
            };
            let made = made.unwrap_or_else(|| media(i, frame));
            debug_assert_eq!(made.bytes.len(), frame.bytes.len());
            made
        };
        frames.iter().enumerate().map(one).collect()
    }
}

fn invite(n: usize) -> Text {
    Text::new("INVITE", n as u32)
}

/// A message of exactly this length. A Subject header fills up missing octets. A message that is too long loses its
/// body, and then its optional headers.
fn padded(length: usize, text: &Text) -> Option<Vec<u8>> {
    let fitted = |text: Text| {
        let with = |n: usize| text.clone().with(subject(n)).octets();
        length.checked_sub(with(0).len()).map(with)
    };
    let bare = text.clone().saying("");
    fitted(text.clone()).or_else(|| fitted(bare.clone())).or_else(|| fitted(Text { is_short: true, ..bare }))
}

/// A Subject header with a number of letters.
fn subject(length: usize) -> String {
    format!("s: {}\r\n", "a".repeat(length))
}

/// The next message of a whole call.
fn call(i: usize, frame: &Frame) -> Option<Frame> {
    let (number, step) = (i / 6, i % 6);
    let length = frame.bytes.len().checked_sub(UDP)?;
    let mut text = invite(number);
    text.to = format!("4940{:08}", number % 100_000_000);
    let follows = |method: &'static str, cseq: u32| {
        let mut next = text.clone().saying("");
        (next.method, next.cseq, next.to_tag) = (method, cseq, "u".into());
        next.branch.push_str(method);
        next
    };
    let answer = |of: &Text, status: &str| {
        let with = |n: usize| of.answer(status, "u", &subject(n), "");
        length.checked_sub(with(0).len()).map(with)
    };
    let (src, dst, octets) = match step {
        0 => (ATTACKER, SERVER, padded(length, &text)),
        1 => (SERVER, ATTACKER, answer(&text, "100 Trying")),
        2 => (SERVER, ATTACKER, answer(&text, "200 OK")),
        3 => (ATTACKER, SERVER, padded(length, &follows("ACK", 1))),
        4 => (ATTACKER, SERVER, padded(length, &follows("BYE", 2))),
        _ => (SERVER, ATTACKER, answer(&follows("BYE", 2), "200 OK")),
    };
    Some(udp_frame(frame.at, src, dst, 0, &octets?))
}

/// The next packet of one of the streams.
fn media(i: usize, frame: &Frame) -> Frame {
    let (stream, n) = ((i % usize::from(STREAMS)) as u16, (i / usize::from(STREAMS)) as u32);
    let mut rtp = vec![0x80, 0];
    rtp.extend((n as u16).to_be_bytes());
    rtp.extend((n * 160).to_be_bytes());
    rtp.extend((u32::from(stream) + 1).to_be_bytes());
    let Some(length) = frame.bytes.len().checked_sub(UDP) else {
        return Frame { at: frame.at, bytes: vec![0; frame.bytes.len()] };
    };
    if length < 12 {
        // A keep-alive from a phone to its proxy (RFC 5626 section 4.4.1).
        rtp = b"\r\n\r\n".to_vec();
    }
    rtp.resize(length, 0xd5);
    let at = |ip: u8| SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, ip), 20_000 + 2 * stream);
    udp_frame(frame.at, at(1), at(2), 0, &rtp)
}

/// An INVITE in a HEP message.
fn in_hep(i: usize, frame: &Frame) -> Option<Frame> {
    let wrapped = |octets: &[u8]| as_hep(&udp_frame(frame.at, ATTACKER, SERVER, 0, octets), 7);
    let length = frame.bytes.len().checked_sub(UDP + wrapped(&[]).len())?;
    let octets = padded(length, &invite(i))?;
    let [agent, sensor] = [3, 4].map(|ip| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, ip), 9060));
    Some(udp_frame(frame.at, agent, sensor, 0, &wrapped(&octets)))
}

/// One of the two fragments of a datagram.
fn piece(i: usize, frames: &[Frame], frame: &Frame) -> Option<Frame> {
    let length = frame.bytes.len().checked_sub(34)?;
    let first = frames.get(i & !1)?.bytes.len().checked_sub(34)? / 8;
    let mut made = media(i, frame);
    let (is_last, id) = (i % 2 == 1, ((i / 2) as u16).to_be_bytes());
    let offset = if is_last { first as u16 } else { 0x2000 };
    made.bytes[18..20].copy_from_slice(&id);
    made.bytes[20..22].copy_from_slice(&offset.to_be_bytes());
    let is_whole = (frames.get(i & !1)?.bytes.len() - 34).is_multiple_of(8);
    (length >= 8 && is_whole).then_some(made)
}

/// Consecutive whole messages over one connection.
#[derive(Default)]
struct Stream {
    waiting: Vec<u8>,
    messages: u32,
    sent: u32,
}

impl Stream {
    fn next(&mut self, frame: &Frame) -> Option<Frame> {
        let length = frame.bytes.len().checked_sub(TCP)?;
        if self.sent == 0 && length == 0 {
            self.sent = 1;
            return Some(tcp_frame(frame.at, ATTACKER, SERVER, 0, 2, &[]));
        }
        while self.waiting.len() < length {
            self.messages += 1;
            let mut text = Text::new("OPTIONS", 1);
            text.cseq = self.messages;
            self.waiting.extend(text.octets());
        }
        let octets: Vec<u8> = self.waiting.drain(..length).collect();
        let made = tcp_frame(frame.at, ATTACKER, SERVER, self.sent.max(1), 0x18, &octets);
        self.sent = self.sent.max(1) + length as u32;
        Some(made)
    }
}
