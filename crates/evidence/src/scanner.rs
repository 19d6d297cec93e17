//! From frames to messages and media packets, with the frames that carried each.

use std::hash::{BuildHasher, Hasher};

use bellwether_base::{FlowKey, HashKey, Losses, Timestamp, Transport};
use bellwether_capture::Record;
use bellwether_rtp::{Kind, classify};
use bellwether_sensor::{InStream, MAX_REASSEMBLIES, SipFlow, believable, read_messages};
use bellwether_sip::{Verdict, probe};
use bellwether_wire::{
    Decoded, FragmentLimits, FragmentPool, Frame, Pushed, Segment, TcpLimits, TcpReassembler, TunnelPorts,
    decode, decode_reassembled, looks_like_hep, read_hep,
};
use smallvec::SmallVec;

use crate::pieces::Pieces;
use crate::search::FoundFrame;
use crate::segments::{Octets, Segments};

/// Frames that carry one message.
pub(crate) type Carriers = SmallVec<[FoundFrame; 1]>;

/// A message or a media packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Capture time of the frame that completed it, or the time of the agent that sent a copy.
    pub at: Timestamp,
    /// Source and destination.
    pub flow: FlowKey,
    /// What the octets are.
    pub content: Content,
    /// The octets.
    pub octets: &'a [u8],
}

/// The kind of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// A SIP message.
    Sip(Transport),
    /// A media packet.
    Rtp,
    /// A report about media.
    Rtcp,
}

/// Receives packets, and answers which of them are wanted.
pub(crate) type Wants<'a> = dyn FnMut(&Packet<'_>) -> bool + 'a;

/// Decodes frames in order.
pub(crate) struct Scanner {
    fragments: FragmentPool,
    tcp: TcpReassembler<SipFlow>,
    tunnels: TunnelPorts,
    pieces: Pieces,
    segments: Segments,
    losses: Losses,
    now: Timestamp,
    /// Frames found so far that nobody took.
    found: Vec<FoundFrame>,
    /// True if the last frame belongs to a TCP flow of another protocol.
    is_foreign: bool,
}

impl Scanner {
    pub(crate) fn new(tunnels: &TunnelPorts) -> Self {
        let key = random_key();
        let (fragments, tcp) = (FragmentLimits::default(), TcpLimits::default());
        Self {
            fragments: FragmentPool::new(fragments, key.derive("fragments")),
            tcp: TcpReassembler::new(tcp, key.derive("tcp")),
            tunnels: tunnels.clone(),
            pieces: Pieces::new(&fragments, key.derive("pieces")),
            segments: Segments::new(&tcp, key.derive("segments")),
            losses: Losses::default(),
            now: Timestamp::MIN,
            found: Vec::new(),
            is_foreign: false,
        }
    }

    /// Reads the next frame. Returns the frames of the wanted packets that it completed, in any order.
    pub(crate) fn frame(
        &mut self,
        frame: FoundFrame,
        record: &Record<'_>,
        wants: &mut Wants<'_>,
    ) -> &mut Vec<FoundFrame> {
        self.now = self.now.max(frame.at);
        self.is_foreign = false;
        let (carriers, at) = (SmallVec::from_elem(frame, 1), frame.at);
        let frame = decode(record.link, record.frame, &self.tunnels);
        self.decoded(frame, at, &carriers, MAX_REASSEMBLIES, wants);
        &mut self.found
    }

    /// True if the last frame belongs to a TCP flow of another protocol, so that no message will ever need the frame.
    pub(crate) const fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Reads what lies behind gaps of TCP flows at the end of the captures.
    pub(crate) fn finish(&mut self, wants: &mut Wants<'_>) -> &mut Vec<FoundFrame> {
        let Self { tcp, segments, losses, found, now, .. } = self;
        tcp.finish(losses, |flow, stream, losses| {
            read_messages(stream, losses, |taken, _| {
                let InStream::Sip(octets) = taken.what else { return };
                let packet = Packet { at: *now, flow, content: Content::Sip(Transport::Tcp), octets };
                if wants(&packet) {
                    found.extend(segments.want(flow, Octets { from: taken.from, to: taken.to }, *now));
                }
            });
        });
        found
    }

    /// Reads the content of a frame. Returns true if a packet in it was wanted.
    fn decoded(
        &mut self,
        frame: Frame<'_>,
        at: Timestamp,
        carriers: &Carriers,
        nesting: u8,
        wants: &mut Wants<'_>,
    ) -> bool {
        match frame.what {
            Decoded::Udp { flow, payload, .. } => {
                let is_wanted = self.datagram(flow, at, payload, wants);
                if is_wanted {
                    self.found.extend_from_slice(carriers);
                }
                is_wanted
            }
            Decoded::Tcp { flow, segment } => self.segment(flow, segment, at, carriers, wants),
            Decoded::Fragment(fragment) => {
                let pushed = self.fragments.push(fragment, self.now, &mut self.losses);
                let frames = self.pieces.push(&fragment, &pushed, carriers, self.now);
                match pushed {
                    Pushed::Whole(whole) if nesting > 0 => {
                        let inner = decode_reassembled(&whole, frame.tunnel, &self.tunnels);
                        // The inner packet borrows from the datagram, which is not held in `self`.
                        let is_wanted = self.decoded(inner, at, &frames, nesting - 1, wants);
                        if is_wanted {
                            self.pieces.want(&fragment);
                        }
                        is_wanted
                    }
                    Pushed::Copy => {
                        self.found.extend_from_slice(&frames);
                        false
                    }
                    Pushed::Whole(_) | Pushed::Held | Pushed::Refused => false,
                }
            }
            Decoded::Other | Decoded::Lost(_) => false,
        }
    }

    fn datagram(&self, flow: FlowKey, at: Timestamp, octets: &[u8], wants: &mut Wants<'_>) -> bool {
        match content_of(octets) {
            Some(content) => wants(&Packet { at, flow, content, octets }),
            None if looks_like_hep(octets) => envelope(octets, at, wants),
            None => false,
        }
    }

    fn segment(
        &mut self,
        flow: FlowKey,
        segment: Segment<'_>,
        at: Timestamp,
        carriers: &Carriers,
        wants: &mut Wants<'_>,
    ) -> bool {
        if self.segments.push(flow, &segment, carriers, self.now) {
            self.found.extend_from_slice(carriers);
        }
        let Self { tcp, segments, losses, found, now, .. } = self;
        let (mut any, mut read_up_to) = (false, None);
        tcp.push(flow, segment, *now, losses, |stream, losses| {
            read_messages(stream, losses, |taken, _| {
                let sip = |octets, transport| Packet { at, flow, content: Content::Sip(transport), octets };
                let is_wanted = match taken.what {
                    InStream::Sip(octets) => wants(&sip(octets, Transport::Tcp)),
                    InStream::WebSocket(octets) => wants(&sip(octets, Transport::WebSocket)),
                    InStream::Hep(octets) => envelope(octets, at, wants),
                    InStream::KeepAlive(_) | InStream::Tls => false,
                };
                read_up_to = Some(taken.to);
                if is_wanted {
                    any = true;
                    found.extend(segments.want(flow, Octets { from: taken.from, to: taken.to }, *now));
                }
            });
        });
        self.is_foreign = tcp.ignores(flow);
        if let Some(before) = read_up_to {
            segments.forget(flow, before, *now);
        }
        any
    }
}

/// A key for tables that live as long as one command. No result depends on the key.
fn random_key() -> HashKey {
    let word = || std::hash::RandomState::new().build_hasher().finish();
    let mut key = [0; 16];
    for (octet, random) in key.iter_mut().zip([word().to_le_bytes(), word().to_le_bytes()].as_flattened()) {
        *octet = *random;
    }
    HashKey::new(key)
}

/// Reads the packet that an agent sent a copy of.
fn envelope(octets: &[u8], at: Timestamp, wants: &mut Wants<'_>) -> bool {
    let Ok(hep) = read_hep(octets, at) else { return false };
    let Some(content) = content_of(&hep.payload) else { return false };
    let content = match content {
        Content::Sip(_) => Content::Sip(hep.transport),
        other => other,
    };
    let at = believable(hep.at, at).unwrap_or(at);
    wants(&Packet { at, flow: hep.flow, content, octets: &hep.payload })
}

/// The kind of a datagram; none for other protocols.
fn content_of(octets: &[u8]) -> Option<Content> {
    match classify(octets) {
        Kind::Rtp => Some(Content::Rtp),
        Kind::Rtcp => Some(Content::Rtcp),
        Kind::Dtls | Kind::Stun => None,
        Kind::Other => (probe(octets) != Verdict::NotOurs).then_some(Content::Sip(Transport::Udp)),
    }
}
