//! Streams of one source in several places: behind NAT it sends elsewhere too, and a relay passes it on under its SSRC.

use std::sync::Arc;

use bellwether_base::{FlowKey, Timestamp};

use crate::control::{Control, EndpointKey, MediaDirectory};
use crate::fact::Outbox;
use crate::listeners::{Claim, Rank};
use crate::stream::Stream;

/// Packets after which a source is known well enough to be told of: a flood of sources is not worth it.
const KNOWN_SOURCE: u64 = 16;

/// What media owners were told of a stream beside what descriptions say.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Announced {
    /// That its call's source is here.
    source: bool,
    /// That its copies, which look for their call, are that call's.
    relayed: bool,
    /// That it looks for a call.
    seeks: bool,
}

/// Names under which copies of a stream are known that a relay passes on: one leaves the host that the other goes to.
#[derive(Clone, Copy)]
pub(crate) struct Relayed {
    /// Of a stream that leaves a host under an SSRC.
    pub(crate) leaves: EndpointKey,
    /// Of one that goes to a host.
    pub(crate) enters: EndpointKey,
}

impl Relayed {
    fn both(self) -> [EndpointKey; 2] {
        [self.leaves, self.enters]
    }
}

/// Tells media owners of a stream, at a look for its call that `found` something or not.
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
        // Where both ends are one host, everything would be a relay's.
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
        // A copy before this one goes to where this one comes from, and one behind it leaves where this one goes to.
        let own = directory.relayed(flow.reversed(), ssrc);
        for endpoint in own.both().into_iter().filter(|endpoint| directory.seeks(*endpoint)) {
            stream.announced.relayed = true;
            name(endpoint);
        }
    }
}

/// The stream is over, and what was told of it with it.
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
