//! Media packets of known streams.

use std::collections::BTreeMap;

use bellwether_base::{FlowKey, Span, Timestamp};
use bellwether_rtp::Packet as RtpPacket;

use crate::scanner::{Content, Packet};

/// Time before the first and after the last packet of a stream in which its reports are wanted too. Intervals of reports are 5 s on
/// average (RFC 3550 section 6.2).
const AROUND: Span = Span::from_secs(10);

/// A stream whose packets are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantedStream {
    /// Source and destination.
    pub flow: FlowKey,
    /// The RTP source.
    pub ssrc: u32,
    /// Time of the first packet.
    pub first: Timestamp,
    /// Time of the last packet.
    pub last: Timestamp,
}

/// Recognises the packets of streams.
#[derive(Default)]
pub struct MediaFilter {
    streams: BTreeMap<FlowKey, Vec<WantedStream>>,
}

impl MediaFilter {
    /// A filter for these streams.
    #[must_use]
    pub fn new(streams: &[WantedStream]) -> Self {
        let mut of_flow: BTreeMap<FlowKey, Vec<WantedStream>> = BTreeMap::new();
        for stream in streams {
            of_flow.entry(stream.flow).or_default().push(*stream);
        }
        Self { streams: of_flow }
    }

    /// True for a packet of a stream, or for a report between its endpoints, in either direction, at its time.
    #[must_use]
    pub fn wants(&self, packet: &Packet<'_>) -> bool {
        match packet.content {
            Content::Sip(_) => false,
            Content::Rtp => {
                let Some(rtp) = RtpPacket::parse(packet.octets) else { return false };
                let of_flow = self.streams.get(&packet.flow);
                of_flow
                    .into_iter()
                    .flatten()
                    .any(|s| s.ssrc == rtp.ssrc && s.is_near(packet.at, Span::from_secs(0)))
            }
            Content::Rtcp => {
                // Reports use the media port (RFC 5761) or the next one (RFC 3550 section 11).
                let FlowKey { src, dst } = packet.flow;
                let beside = |port: u16| port.wrapping_sub(1);
                let below = FlowKey {
                    src: src.with_port(beside(src.port())),
                    dst: dst.with_port(beside(dst.port())),
                };
                [packet.flow, below].iter().flat_map(|flow| [*flow, flow.reversed()]).any(|flow| {
                    let of_flow = self.streams.get(&flow);
                    of_flow.into_iter().flatten().any(|s| s.is_near(packet.at, AROUND))
                })
            }
        }
    }
}

impl WantedStream {
    fn is_near(&self, at: Timestamp, around: Span) -> bool {
        at >= self.first - around && self.last.since(at) >= Span::from_nanos(-around.as_nanos())
    }
}
