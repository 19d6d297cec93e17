use bellwether_base::{Counters, FlowKey, HashKey, Loss, Losses, Timestamp};
use bellwether_capture::Record;
use bellwether_rtp::{Kind, classify};
use bellwether_shard::{Content, Item, VIRTUAL_SHARDS};
use bellwether_sip::{RouteKey, Verdict, probe, route_key};
use bellwether_wire::{
    Decoded, FragmentLimits, FragmentPool, Frame, Pushed, Segment, TcpLimits, TcpReassembler, TunnelPorts,
    decode, decode_reassembled,
};

use crate::epochs::{Epochs, Gone};
use crate::frames::Frames;
use crate::mirrors::Mirrors;
use crate::streams::{SipFlow, read_messages};

/// Reassembled packets within reassembled packets: a fragmented tunnel that carries fragments needs two.
const MAX_REASSEMBLIES: u8 = 4;

/// Decodes frames just enough to know their owner, and sends them there.
///
/// What belongs to no single owner is kept here, on the one thread that sees everything: fragments, whose
/// ports are in the first one only, and TCP streams, which carry the messages of many calls.
pub(crate) struct Dispatcher {
    pub(crate) epochs: Epochs,
    fragments: FragmentPool,
    tcp: TcpReassembler<SipFlow>,
    tunnels: TunnelPorts,
    mirrors: Mirrors,
    shard_key: HashKey,
    pub(crate) frames: Frames,
    pub(crate) losses: Losses,
    seq: u64,
    now: Timestamp,
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
            mirrors: Mirrors::default(),
            shard_key: key.derive("shards"),
            frames: Frames::default(),
            losses: Losses::default(),
            seq: 0,
            now: Timestamp::MIN,
        }
    }

    /// Takes the next frame. Its time is raised to its predecessor's if it is earlier.
    pub(crate) fn frame(&mut self, record: &Record<'_>) -> Result<(), Gone> {
        self.seq += 1;
        self.frames.captured += 1;
        if record.at < self.now {
            self.losses.count(Loss::TimestampBackward);
        }
        self.now = self.now.max(record.at);
        let is_cut = (record.original_len as usize) > record.frame.len();
        let frame = decode(record.link, record.frame, &self.tunnels);
        if let Some(tunnel) = frame.tunnel {
            self.mirrors.count(tunnel);
        }
        self.decoded(frame, is_cut, MAX_REASSEMBLIES)
    }

    /// No frame from before `to` will come any more: what is due by then happens.
    pub(crate) fn advance(&mut self, to: Timestamp) -> Result<(), Gone> {
        self.now = self.now.max(to);
        self.epochs.advance(to)
    }

    /// The input is over: what waits for more will not get it.
    pub(crate) fn finish(&mut self) -> Result<(), Gone> {
        self.fragments.expire(Timestamp::MAX, &mut self.losses);
        self.seq += 1;
        let Self { tcp, losses, epochs, shard_key, seq, now, .. } = self;
        let mut sent = Ok(());
        tcp.finish(losses, |flow, stream, losses| {
            read_messages(stream, losses, |message| {
                let item = sip_item(shard_key, Content::SipStream, flow, 0, message, *seq, *now);
                if sent.is_ok() {
                    sent = epochs.push(&item, true);
                }
            });
        });
        sent
    }

    /// Everything counted here, by name.
    pub(crate) fn report(&self, counters: &mut Counters) {
        self.frames.report(counters);
        self.mirrors.report(counters);
        self.losses.report(counters);
    }

    /// Takes a frame's content; a reassembled packet's content comes here again, `nesting` times at most.
    fn decoded(&mut self, frame: Frame<'_>, frame_is_cut: bool, nesting: u8) -> Result<(), Gone> {
        match frame.what {
            Decoded::Udp { flow, ip_id, payload, is_cut } => self.datagram(flow, ip_id, payload, is_cut),
            Decoded::Tcp { flow, segment } => {
                self.frames.tcp += 1;
                self.segment(flow, segment)
            }
            Decoded::Fragment(fragment) => match self.fragments.push(fragment, self.now, &mut self.losses) {
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
                        self.mirrors.count(tunnel);
                    }
                    self.decoded(inner, false, nesting - 1)
                }
            },
            Decoded::Other => {
                self.frames.other += 1;
                Ok(())
            }
            Decoded::Lost(loss) => {
                // A header that is cut because the capture cut it is the capture's loss, not the sender's.
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

    fn datagram(&mut self, flow: FlowKey, ip_id: u16, payload: &[u8], is_cut: bool) -> Result<(), Gone> {
        let content = match classify(payload) {
            Kind::Rtp => Content::Rtp,
            Kind::Rtcp => Content::Rtcp,
            Kind::Dtls => Content::Dtls,
            Kind::Stun => {
                self.frames.other += 1;
                return Ok(());
            }
            Kind::Other if probe(payload) == Verdict::NotOurs => {
                self.frames.other += 1;
                return Ok(());
            }
            Kind::Other => {
                self.frames.sip += 1;
                let key = &self.shard_key;
                let item = sip_item(key, Content::SipDatagram, flow, ip_id, payload, self.seq, self.now);
                return self.epochs.push(&Item { is_cut, ..item }, true);
            }
        };
        self.frames.media += 1;
        let pair = self.shard_key.media_pair(flow);
        let shard = (pair >> 32) as u16 % VIRTUAL_SHARDS;
        let (seq, at) = (self.seq, self.now);
        let item = Item { seq, at, flow, content, shard, pair, ip_id, is_cut, bytes: payload };
        self.epochs.push(&item, false)
    }

    fn segment(&mut self, flow: FlowKey, segment: Segment<'_>) -> Result<(), Gone> {
        let Self { tcp, losses, epochs, shard_key, seq, now, .. } = self;
        let mut sent = Ok(());
        tcp.push(flow, segment, *now, losses, |stream, losses| {
            read_messages(stream, losses, |message| {
                let item = sip_item(shard_key, Content::SipStream, flow, 0, message, *seq, *now);
                if sent.is_ok() {
                    sent = epochs.push(&item, true);
                }
            });
        });
        sent
    }
}

/// SIP is owned by Call-ID, registrations by address of record.
fn sip_item<'a>(
    key: &HashKey,
    content: Content,
    flow: FlowKey,
    ip_id: u16,
    bytes: &'a [u8],
    seq: u64,
    at: Timestamp,
) -> Item<'a> {
    let hash = match route_key(bytes) {
        RouteKey::Call(call_id) => key.parts(&[call_id]),
        RouteKey::Registration { user, host } => key.parts(&[user, host]),
        RouteKey::None => key.media_pair(flow),
    };
    let shard = hash as u16 % VIRTUAL_SHARDS;
    Item { seq, at, flow, content, shard, pair: 0, ip_id, is_cut: false, bytes }
}
