//! Streams of one source in several places. Behind NAT a source sends to other addresses too, and a relay
//! forwards it under its SSRC.

use std::sync::Arc;

use bellwether_base::{FlowKey, Timestamp};

use crate::control::{Control, EndpointKey, MediaDirectory};
use crate::fact::Outbox;
use crate::listeners::{Claim, Rank};
use crate::stream::Stream;

/// Packets of a source before it is announced. A flood of sources is not worth the announcements.
const KNOWN_SOURCE: u64 = 16;

/// Announcements of a stream to the media owners, beyond the descriptions.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Announced {
    /// True if the call's source was announced at this address.
    source: bool,
    /// True if relayed copies were announced as the call's.
    relayed: bool,
    /// True if the stream's search for a call was announced.
    seeks: bool,
}

/// The names by which the copies of a relayed stream are matched. One copy leaves the host that the other one
/// enters.
#[derive(Clone, Copy)]
pub(crate) struct Relayed {
    /// Name of a stream of this SSRC that leaves a host.
    pub(crate) leaves: EndpointKey,
    /// Name of a stream of this SSRC that enters a host.
    pub(crate) enters: EndpointKey,
}

impl Relayed {
    fn both(self) -> [EndpointKey; 2] {
        [self.leaves, self.enters]
    }
}

/// Announces a stream to the media owners, after a lookup of its call with the result `found`.
pub(crate) fn tell(
    stream: &mut Stream,
    found: Option<Claim<'_>>,
    (flow, ssrc): (FlowKey, u32),
    at: Timestamp,
    directory: &MediaDirectory,
    out: &mut Outbox,
) {
    if stream.reception.packets() < KNOWN_SOURCE {
        return;
    }
    let Some((call, side)) = stream.link() else {
        // If both ends are one host, every stream would look relayed.
        if !stream.announced.seeks && flow.src.ip() != flow.dst.ip() {
            stream.announced.seeks = true;
            out.control(Control::Seek { names: directory.relayed(flow, ssrc).both(), at });
        }
        return;
    };
    let Some((listener, _)) = found.filter(|(l, _)| l.call == call && l.rank != Rank::Source) else { return };
    let mut name = |endpoint: EndpointKey| {
        let (formats, section) = (Arc::clone(listener.formats.latest()), listener.section);
        out.control(Control::Listen {
            endpoint,
            rank: Rank::Source,
            call,
            side,
            since: at,
            formats,
            offered_by: None,
            section,
        });
    };
    if !stream.announced.source && !directory.names(flow.src, call) {
        stream.announced.source = true;
        name(directory.source(flow, ssrc));
    }
    if !stream.announced.relayed && directory.is_sought() {
        // An upstream copy enters this stream's source host, and a downstream copy leaves its destination
        // host.
        let own = directory.relayed(flow.reversed(), ssrc);
        for endpoint in own.both().into_iter().filter(|endpoint| directory.seeks(*endpoint)) {
            stream.announced.relayed = true;
            name(endpoint);
        }
    }
}

/// Withdraws the announcements of a stream that ended.
pub(crate) fn forget(
    stream: &Stream,
    (flow, ssrc): (FlowKey, u32),
    at: Timestamp,
    directory: &MediaDirectory,
    out: &mut Outbox,
) {
    let Some((call, _)) = stream.link() else { return };
    let mut release = |endpoint: EndpointKey| out.control(Control::Release { endpoint, call, at });
    if stream.announced.source {
        release(directory.source(flow, ssrc));
    }
    if stream.announced.relayed {
        directory.relayed(flow.reversed(), ssrc).both().into_iter().for_each(release);
    }
}
