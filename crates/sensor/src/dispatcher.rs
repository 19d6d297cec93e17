use bellwether_base::{
    Counters, Endpoint, FlowKey, HashKey, Loss, Losses, Span, Timestamp, Transport, percent_decoded,
};
use bellwether_capture::Record;
use bellwether_rtp::{Kind, classify};
use bellwether_sip::{RouteKey, Verdict, probe, route_key};
use bellwether_tracker::{Content, Item, Mirror, VIRTUAL_SHARDS};
use bellwether_wire::{
    Decoded, FragmentLimits, FragmentPool, Frame, Hep, Pushed, Segment, TcpLimits, TcpReassembler, Tunnel,
    TunnelKind, TunnelPorts, decode, decode_reassembled, looks_like_hep, read_hep,
};

use crate::epochs::{Epochs, ReceiverGone};
use crate::frames::Frames;
use crate::keyed::KeyedCounts;
use crate::streams::{InStream, SipFlow, read_messages};
use crate::tap::{SignallingTap, TapWriter};

/// Limit of nested reassemblies: a fragmented tunnel that carries fragments needs two.
pub const MAX_REASSEMBLIES: u8 = 4;

/// Largest plausible error of an agent's clock.
const MAX_CLOCK_OFF: Span = Span::from_secs(3600);

/// Largest backward step of a capture time; after a larger one the previous time is used.
const MAX_BACKWARD: Span = Span::from_secs(2);

/// Decodes frames just enough to find the owning shard, and sends them to its worker.
///
/// State without a single owner stays here, on the one thread that sees all frames. Fragments belong to it
/// because only the first one has ports. TCP streams belong to it because one stream carries messages of many
/// calls.
pub(crate) struct Dispatcher {
    pub(crate) epochs: Epochs,
    fragments: FragmentPool,
    tcp: TcpReassembler<SipFlow>,
    tunnels: TunnelPorts,
    /// Frames per outermost tunnel: the switch, cloud or session of a mirror.
    mirrors: KeyedCounts<Tunnel>,
    /// Tunnel of the current frame.
    mirror: Option<Tunnel>,
    /// Number of items with a timestamp of an agent.
    told: u64,
    /// Encrypted connections, counted per direction: the share of signalling that cannot be read.
    opaque: KeyedCounts<String>,
    shard_key: HashKey,
    pub(crate) frames: Frames,
    pub(crate) losses: Losses,
    now: Timestamp,
    /// Capture time of the current frame, which may be slightly before `now`.
    captured: Timestamp,
    tap: Option<TapWriter>,
    /// True if the current frame may hold signalling.
    is_signalling: bool,
}

impl Dispatcher {
    pub(crate) fn new(
        epochs: Epochs,
        fragments: FragmentLimits,
        tcp: TcpLimits,
        tunnels: TunnelPorts,
        key: HashKey,
    ) -> Self {
        Self {
            epochs,
            fragments: FragmentPool::new(fragments, key.derive("fragments")),
            tcp: TcpReassembler::new(tcp, key.derive("tcp")),
            tunnels,
            mirrors: KeyedCounts::default(),
            mirror: None,
            told: 0,
            opaque: KeyedCounts::default(),
            shard_key: key.derive("shards"),
            frames: Frames::default(),
            losses: Losses::default(),
            now: Timestamp::MIN,
            captured: Timestamp::MIN,
            tap: None,
            is_signalling: false,
        }
    }

    /// Gives frames that may hold signalling to a second reader, too.
    pub(crate) fn tapped(self, tap: Option<SignallingTap>) -> Self {
        Self { tap: tap.map(TapWriter::new), ..self }
    }

    /// Processes the next frame. If its time is earlier than the previous frame's, it is raised to that time.
    pub(crate) fn frame(&mut self, record: &Record<'_>) -> Result<(), ReceiverGone> {
        self.frames.captured += 1;
        if record.at < self.now {
            self.losses.count(Loss::TimestampBackward);
        }
        self.now = self.now.max(record.at);
        let is_near = self.now.since(record.at) <= MAX_BACKWARD;
        self.captured = if is_near { record.at } else { self.now };
        let is_cut = (record.original_len as usize) > record.frame.len();
        let frame = decode(record.link, record.frame, &self.tunnels);
        self.mirror = frame.tunnel;
        if let Some(tunnel) = frame.tunnel {
            self.mirrors.count(tunnel);
        }
        self.is_signalling = false;
        let sent = self.decoded(frame, is_cut, MAX_REASSEMBLIES);
        if let Some(tap) = &mut self.tap {
            if self.is_signalling {
                tap.push(record, &mut self.losses);
            }
            tap.tick(self.now, &mut self.losses);
        }
        sent
    }

    /// Replaces the tunnel ports.
    pub(crate) fn set_tunnels(&mut self, tunnels: TunnelPorts) {
        self.tunnels = tunnels;
    }

    /// Advances time to `to`, when no earlier frame can arrive any more. Due timers fire.
    pub(crate) fn advance(&mut self, to: Timestamp) -> Result<(), ReceiverGone> {
        self.now = self.now.max(to);
        if let Some(tap) = &mut self.tap {
            tap.tick(to, &mut self.losses);
        }
        self.epochs.advance(to)
    }

    /// Delivers everything in flight while no input arrives.
    pub(crate) fn flush(&mut self) -> Result<(), ReceiverGone> {
        self.empty_tap();
        self.epochs.flush()
    }

    /// Ends the input: incomplete fragments and streams are closed.
    pub(crate) fn finish(&mut self) -> Result<(), ReceiverGone> {
        self.empty_tap();
        self.fragments.finish(&mut self.losses);
        let item = self.item(FlowKey::default(), &[]);
        let Self { tcp, losses, epochs, shard_key, .. } = self;
        let mut sent = Ok(());
        tcp.finish(losses, |flow, stream, losses| {
            read_messages(stream, losses, |message, _| {
                // An incomplete envelope or frame holds no complete message.
                let InStream::Sip(bytes) = message.what else { return };
                let item = Item { content: Content::SipStream, flow, bytes, ..item };
                if sent.is_ok() {
                    sent = epochs.push(&owned(shard_key, item), true);
                }
            });
        });
        sent
    }

    fn empty_tap(&mut self) {
        if let Some(tap) = &mut self.tap {
            tap.send(&mut self.losses);
        }
    }

    /// Reports all counters of the dispatcher by name.
    pub(crate) fn report(&self, counters: &mut Counters) {
        self.frames.report(counters);
        let name = |tunnel: &Tunnel| mirror(*tunnel).to_string();
        self.mirrors.report("mirror", name, counters);
        counters.add("stamps", "agent", self.told);
        self.opaque.report("opaque", String::clone, counters);
        self.losses.report(counters);
    }

    /// Processes the content of a frame. The content of a reassembled packet is processed by recursion, at
    /// most `nesting` times.
    fn decoded(&mut self, frame: Frame<'_>, frame_is_cut: bool, nesting: u8) -> Result<(), ReceiverGone> {
        match frame.what {
            Decoded::Udp { flow, ip_id, payload, is_cut } => self.datagram(flow, ip_id, payload, is_cut),
            Decoded::Tcp { flow, segment } => {
                self.frames.tcp += 1;
                self.is_signalling |= segment.syn || !segment.payload.is_empty();
                self.segment(flow, segment)
            }
            Decoded::Fragment(fragment) => {
                self.is_signalling = true;
                match self.fragments.push(fragment, self.now, &mut self.losses) {
                    Pushed::Held | Pushed::Refused => Ok(()),
                    Pushed::Copy => {
                        self.frames.fragments += 1;
                        Ok(())
                    }
                    Pushed::Whole(whole) => {
                        self.frames.fragments += whole.frames - 1;
                        if nesting == 0 {
                            self.losses.count(Loss::TunnelTooDeep);
                            return Ok(());
                        }
                        let inner = decode_reassembled(&whole, frame.tunnel, &self.tunnels);
                        if let (None, Some(tunnel)) = (frame.tunnel, inner.tunnel) {
                            self.mirror = Some(tunnel);
                            self.mirrors.count(tunnel);
                        }
                        self.decoded(inner, false, nesting - 1)
                    }
                }
            }
            Decoded::Other => {
                self.frames.other += 1;
                Ok(())
            }
            Decoded::Lost(loss) => {
                // A header cut by the capture is a loss of the capture, not a defect of the sender.
                let is_malformed = matches!(
                    loss,
                    Loss::LinkMalformed
                        | Loss::TunnelMalformed
                        | Loss::IpMalformed
                        | Loss::TransportMalformed
                );
                self.losses.count(if frame_is_cut && is_malformed { Loss::SnapLength } else { loss });
                Ok(())
            }
        }
    }

    fn datagram(
        &mut self,
        flow: FlowKey,
        ip_id: u16,
        payload: &[u8],
        is_cut: bool,
    ) -> Result<(), ReceiverGone> {
        match content_of(payload) {
            Some(content) => {
                self.is_signalling |= is_sip(content);
                let (pair, shard) = owner(&self.shard_key, content, flow, payload);
                let mirror = self.mirror.filter(|_| is_sip(content)).map(mirror);
                // Media clocks use the capture time, because a file may hold the frames of two interfaces one
                // after the other.
                let stamp = if content == Content::Rtp { self.captured } else { self.now };
                let item = self.item(flow, payload);
                self.push(&Item { content, shard, pair, ip_id, is_cut, mirror, stamp, ..item })
            }
            None if looks_like_hep(payload) => self.hep(flow, payload),
            None => {
                self.frames.other += 1;
                Ok(())
            }
        }
    }

    /// Processes a message forwarded by an agent.
    fn hep(&mut self, outer: FlowKey, bytes: &[u8]) -> Result<(), ReceiverGone> {
        let hep = match read_hep(bytes, self.now) {
            Ok(hep) => hep,
            Err(loss) if bytes.starts_with(b"HEP3") => {
                self.losses.count(loss);
                return Ok(());
            }
            // Versions 1 and 2 have no unique marker.
            Err(_) => {
                self.frames.other += 1;
                return Ok(());
            }
        };
        let Some(content) = content_of(&hep.payload) else {
            self.frames.other += 1;
            return Ok(());
        };
        self.is_signalling |= is_sip(content);
        self.mirrors.count(agent(outer, &hep));
        self.told += 1;
        let item = self.item(hep.flow, &hep.payload);
        let item = told_by_agent(Item { content, ..item }, outer, &hep, &mut self.losses);
        let item = owned(&self.shard_key, item);
        self.push(&item)
    }

    /// An item at the current time. Inlined, so that it is built in one piece for every packet.
    #[inline]
    fn item<'a>(&self, flow: FlowKey, bytes: &'a [u8]) -> Item<'a> {
        Item {
            // The epoch that takes the item numbers it.
            seq: 0,
            at: self.now,
            stamp: self.now,
            agent: None,
            mirror: None,
            flow,
            content: Content::SipDatagram,
            shard: 0,
            pair: 0,
            ip_id: 0,
            is_cut: false,
            bytes,
        }
    }

    /// Counts a datagram's item and sends it to its owner.
    #[inline]
    fn push(&mut self, item: &Item<'_>) -> Result<(), ReceiverGone> {
        let is_sip = is_sip(item.content);
        *(match item.content {
            Content::KeepAlive => &mut self.frames.other,
            _ if is_sip => &mut self.frames.sip,
            _ => &mut self.frames.media,
        }) += 1;
        self.epochs.push(item, is_sip)
    }

    fn segment(&mut self, flow: FlowKey, segment: Segment<'_>) -> Result<(), ReceiverGone> {
        let item = Item { mirror: self.mirror.map(mirror), ..self.item(flow, &[]) };
        let Self { tcp, losses, epochs, mirrors, told, opaque, shard_key, now, .. } = self;
        let mut sent = Ok(());
        tcp.push(flow, segment, *now, losses, |stream, losses| {
            let mut push = |item: Item<'_>| {
                if sent.is_ok() {
                    sent = epochs.push(&owned(shard_key, item), is_sip(item.content));
                }
            };
            read_messages(stream, losses, |message, losses| match message.what {
                InStream::Sip(bytes) => push(Item { content: Content::SipStream, bytes, ..item }),
                InStream::WebSocket(bytes) => push(Item { content: Content::SipWebSocket, bytes, ..item }),
                InStream::KeepAlive(bytes) => push(Item { content: Content::KeepAlive, bytes, ..item }),
                InStream::Tls => opaque.count(dark(flow)),
                InStream::Hep(bytes) => match read_hep(bytes, item.at) {
                    Ok(hep) => {
                        let Some(content) = content_of(&hep.payload) else { return };
                        mirrors.count(agent(flow, &hep));
                        let item = Item { content, flow: hep.flow, bytes: &hep.payload, ..item };
                        *told += 1;
                        push(told_by_agent(item, flow, &hep, losses));
                    }
                    Err(_) => losses.count(Loss::HepDesync),
                },
            });
        });
        sent
    }
}

/// Name of a TLS connection by its endpoints. Ephemeral ports are left out, because a client uses a new one
/// each time.
fn dark(flow: FlowKey) -> String {
    let end = |end: Endpoint| if end.port() >= 32_768 { end.ip().to_string() } else { end.to_string() };
    format!("tls {} > {}", end(flow.src), end(flow.dst))
}

/// The content type of a datagram; none for other protocols.
fn content_of(payload: &[u8]) -> Option<Content> {
    match classify(payload) {
        Kind::Rtp => Some(Content::Rtp),
        Kind::Rtcp => Some(Content::Rtcp),
        Kind::Dtls => Some(Content::Dtls),
        Kind::Stun => Some(Content::KeepAlive),
        Kind::Other if is_keep_alive(payload) => Some(Content::KeepAlive),
        Kind::Other => (probe(payload) != Verdict::NotOurs).then_some(Content::SipDatagram),
    }
}

/// True for a few line ends or zeros, which phones send to keep a NAT binding open.
fn is_keep_alive(payload: &[u8]) -> bool {
    const LONGEST: usize = 8;
    !payload.is_empty() && payload.len() <= LONGEST && payload.iter().all(|b| matches!(b, b'\r' | b'\n' | 0))
}

const fn is_sip(content: Content) -> bool {
    matches!(content, Content::SipDatagram | Content::SipStream | Content::SipWebSocket)
}

const fn agent(outer: FlowKey, hep: &Hep<'_>) -> Tunnel {
    Tunnel { kind: TunnelKind::Hep, source: outer.src.with_port(0), session: hep.agent }
}

fn mirror(tunnel: Tunnel) -> Mirror {
    Mirror { kind: tunnel.kind.name(), source: tunnel.source.ip(), session: tunnel.session }
}

/// The time that an agent told about a packet, unless it is too far from the time of the capture.
#[must_use]
pub fn believable(told: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    told.filter(|told| told.since(at).max(at.since(*told)) <= MAX_CLOCK_OFF)
}

/// Adds the agent's timestamp and number, and the transport of the message.
fn told_by_agent<'a>(item: Item<'a>, outer: FlowKey, hep: &Hep<'_>, losses: &mut Losses) -> Item<'a> {
    let is_stream = hep.transport == Transport::Tcp && item.content == Content::SipDatagram;
    let content = if is_stream { Content::SipStream } else { item.content };
    let told = believable(hep.at, item.at);
    if hep.at.is_some() && told.is_none() {
        losses.count(Loss::HepClockOff);
    }
    let stamp = told.unwrap_or(item.at);
    Item { content, stamp, agent: Some(hep.agent), mirror: Some(mirror(agent(outer, hep))), ..item }
}

/// The item with its owner.
fn owned<'a>(key: &HashKey, item: Item<'a>) -> Item<'a> {
    let (pair, shard) = owner(key, item.content, item.flow, item.bytes);
    Item { pair, shard, ..item }
}

/// The endpoint pair of media, and the owning shard. Media and keep-alives are owned by the endpoint pair,
/// SIP by Call-ID, registrations by address of record, and OPTIONS by their sender.
#[inline]
fn owner(key: &HashKey, content: Content, flow: FlowKey, bytes: &[u8]) -> (u64, u16) {
    if !is_sip(content) {
        let pair = key.media_pair(flow);
        return (pair, (pair >> 32) as u16 % VIRTUAL_SHARDS);
    }
    let hash = match route_key(bytes) {
        RouteKey::Call(call_id) => key.parts(&[call_id]),
        RouteKey::Registration { user, host } | RouteKey::Asker { user, host } => {
            key.parts(&[&percent_decoded(user), host])
        }
        RouteKey::None => key.media_pair(flow),
    };
    (0, hash as u16 % VIRTUAL_SHARDS)
}
