use std::sync::Arc;

use bellwether_acoustics::recordings::{AudioSummary, Ear};
use bellwether_base::{
    Evicted, FlowKey, HashKey, Loss, LruTable, PackedFlow, SlotId, Span, StreamId, Timestamp,
};
use bellwether_rtp::{Arrival, Codec, DtlsStep, IceCheck, Packet, Rtcp};

use crate::control::MediaDirectory;
use crate::fact::{Fact, Outbox, Silence, StreamFact};
use crate::feedback::Feedback;
use crate::formats::Described;
use crate::hearing::Hearing;
use crate::listeners::{Claim, sender_of};
use crate::pairs::{Checked, Pairs};
use crate::secrecy::Told;
use crate::siblings;
use crate::stream::{Stream, captured};
use crate::timers::Timers;
use crate::transactions::MIRROR_DELAY;
use crate::under_way::UnderWay;
use crate::{Item, Limits, Tally};

/// A flow that resembles RTP but stays short expires after this time.
const PROBATION_TIME: Span = Span::from_secs(5);

/// After a pause of this length a source may belong to another call. Some user agents use one source for all
/// calls.
const CALL_GAP: Span = Span::from_millis(500);

/// Interval at which a busy stream moves to the back of its queue.
const TOUCH_EVERY: Span = Span::from_secs(1);

/// RTCP datagrams remembered per shard. All shards together hold the datagrams of 10,000 calls within the
/// mirror's delay.
const RECENT_REPORTS: usize = 64;

/// The media streams of a shard.
pub(crate) struct Media {
    table: LruTable<Key, Stream, 2>,
    pairs: Pairs,
    hearing: Hearing,
    /// Recent RTCP datagrams, by which mirrored copies are recognised. RTP copies show by their sequence
    /// numbers.
    reports: LruTable<u64, (), 1>,
    identity_key: HashKey,
    window: Span,
    ends_early: bool,
    timers: Timers<2>,
    under_way: UnderWay,
}

/// Eviction class of flows on probation. An attacker can create them at no cost.
const PROBATION: usize = 0;
/// Eviction class of confirmed streams.
const CONFIRMED: usize = 1;

#[derive(PartialEq, Eq)]
struct Key {
    flow: PackedFlow,
    ssrc: u32,
}

impl Media {
    pub(crate) fn new(limits: &Limits, identity_key: HashKey, ear: Arc<Ear>) -> Self {
        Self {
            table: LruTable::new(Limits::per_shard(limits.streams)),
            pairs: Pairs::new(identity_key),
            hearing: Hearing::new(limits, ear),
            reports: LruTable::new(RECENT_REPORTS),
            identity_key,
            window: limits.analysis_window,
            ends_early: limits.analysis_ends_early,
            // A busy stream moves in its queue once per TOUCH_EVERY only, so its last packet may be that
            // late.
            timers: Timers::new([PROBATION_TIME, limits.stream_idle + TOUCH_EVERY]),
            under_way: UnderWay::new(limits.tells_under_way, Limits::per_shard(limits.streams)),
        }
    }

    /// Processes an RTP packet. `pair` is the keyed hash of its endpoints, equal in both directions.
    pub(crate) fn rtp(
        &mut self,
        item: &Item<'_>,
        pair: u64,
        is_cut: bool,
        directory: &MediaDirectory,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let Some(packet) = Packet::parse(item.bytes) else { return };
        tally.rtp_packets += 1;
        let (flow, ssrc) = (item.flow, packet.ssrc);
        let mut slot = match self.find(pair, flow, ssrc) {
            Some(slot) => slot,
            None => self.open(item, ssrc, directory, out, tally),
        };
        if self.belongs_to_next_call(slot, (flow, packet.seq), item.at, directory) {
            self.close(slot, directory, out, tally);
            slot = self.open(item, ssrc, directory, out, tally);
        }
        let Some((key, stream)) = self.table.get_mut(slot) else { return };
        let looks_for_call = stream.looks_for_call();
        let takes_call = looks_for_call && stream.takes_call();
        let looks_for_formats = stream.timing.looks(packet.payload_type, captured(item), directory.remaps());
        let found = if looks_for_call || looks_for_formats {
            directory.call_of(flow, ssrc, self.pairs.checked(flow), stream.first_seen)
        } else {
            None
        };
        let was_confirmed = stream.is_confirmed();
        if looks_for_call {
            // The call must be known before the payload is examined, because the codec and the encryption
            // depend on it.
            learn(stream, found, flow, self.pairs.is_encrypted(flow), directory);
        }
        let described = described(stream, found, flow, directory);
        if looks_for_formats {
            stream.timing.describe(item.at, described.as_ref(), directory.remaps());
        }
        let arrival = stream.packet(&packet, item, is_cut, described.as_ref(), (&mut self.hearing, tally));
        if looks_for_call {
            if let Some(claim) = found.filter(|_| takes_call) {
                stream.join(claim, described.as_ref(), directory.remaps());
            }
            siblings::tell(stream, found, (flow, ssrc), item.at, directory, out);
        }
        let found = if stream.window_is_over(self.window) {
            Some(stream.take_silence())
        } else {
            let noise = stream.settled_noise();
            noise.map(|noise| if self.ends_early { stream.take_silence() } else { noise })
        };
        let is_heard = stream.attention.is_heard() && stream.link().is_some();
        if found.is_some() || is_heard {
            let heard = if is_heard { stream.attention.take() } else { None };
            let silence = found.unwrap_or(Silence::Pending);
            out.fact(Fact::Stream(Box::new(told(&self.identity_key, key, stream, silence, heard))));
        }
        let is_confirmed = stream.is_confirmed();
        if is_confirmed && !stream.is_marked {
            stream.is_marked = self.under_way.mark(slot, item.at, stream.link().is_none());
        }
        let class = if is_confirmed { CONFIRMED } else { PROBATION };
        let is_stale = self.table.touched(slot).is_some_and(|t| item.at.since(t) > TOUCH_EVERY);
        if was_confirmed != is_confirmed || is_stale || arrival == Arrival::First {
            self.table.touch(slot, class, item.at);
        }
    }

    /// Processes an RTCP packet.
    pub(crate) fn rtcp(&mut self, item: &Item<'_>, pair: u64, tally: &mut Tally) {
        let Some(rtcp) = Rtcp::parse(item.bytes) else { return };
        if self.is_copy(item, pair) {
            tally.rtcp_duplicates += 1;
            return;
        }
        tally.rtcp_packets += 1;
        // RTCP uses the media port (RFC 5761) or the next one (RFC 3550 section 11).
        let FlowKey { src, dst } = item.flow;
        let beside = FlowKey {
            src: src.with_port(src.port().wrapping_sub(1)),
            dst: dst.with_port(dst.port().wrapping_sub(1)),
        };
        for flow in [item.flow.reversed(), beside.reversed()] {
            self.heard_back(&rtcp, item, pair, flow);
        }
        for flow in [item.flow, beside] {
            if let Some(slot) = self.find(pair, flow, rtcp.ssrc)
                && let Some((_, stream)) = self.table.get_mut(slot)
            {
                stream.rtcp_packets += 1;
                if let Some(report) = rtcp.sender_report {
                    stream.timing.report(&report);
                    stream.feedback.get_or_insert_default().sent(&report, item.stamp);
                }
                if stream.is_confirmed() && !stream.is_marked {
                    stream.is_marked = self.under_way.mark(slot, item.at, stream.link().is_none());
                }
                return;
            }
        }
    }

    /// Takes what a receiver says about the stream that it receives.
    fn heard_back(&mut self, rtcp: &Rtcp, item: &Item<'_>, pair: u64, flow: FlowKey) {
        if let Some(report) = rtcp.reception
            && let Some(slot) = self.find(pair, flow, report.source)
            && let Some((_, stream)) = self.table.get_mut(slot)
            && let Some(feedback) = &mut stream.feedback
        {
            feedback.answered(&report, item.stamp);
        }
        if let Some(metrics) = rtcp.metrics
            && let Some(slot) = self.find(pair, flow, metrics.source)
            && let Some((_, stream)) = self.table.get_mut(slot)
        {
            stream.feedback.get_or_insert_default().measured(metrics);
        }
    }

    /// Returns true if the same datagram passed between these endpoints a moment ago. Receivers in a session
    /// without peers repeat a report, but only after seconds (RFC 3550 section 6.2).
    fn is_copy(&mut self, item: &Item<'_>, pair: u64) -> bool {
        let direction = [u8::from(item.flow.src < item.flow.dst)];
        let digest = self.identity_key.parts(&[&pair.to_le_bytes(), &direction, item.bytes]);
        if let Some(slot) = self.reports.find(digest, &digest) {
            let last = self.reports.touched(slot);
            self.reports.touch(slot, 0, item.at);
            return last.is_some_and(|last| item.at.since(last) <= MIRROR_DELAY);
        }
        self.reports.insert(digest, digest, (), 0, item.at);
        false
    }

    /// Processes a DTLS record. Media after a handshake between these endpoints is encrypted.
    pub(crate) fn dtls(&mut self, item: &Item<'_>) {
        if let Some(step) = DtlsStep::parse(item.bytes) {
            self.pairs.handshake(item.flow, step, item.at);
        }
    }

    /// Processes a STUN message. An ICE check names both sides of the call, at any address behind NAT.
    pub(crate) fn stun(&mut self, item: &Item<'_>, directory: &MediaDirectory) {
        if let Some(IceCheck { asked, asking }) = IceCheck::parse(item.bytes) {
            let checked = Checked { src: directory.fragment(asking), dst: directory.fragment(asked) };
            self.pairs.check(item.flow, checked, item.at);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next_deadline(&self.table).into_iter().chain(self.under_way.next_deadline()).min()
    }

    /// Fires timers due before `now`.
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        shard: u16,
        directory: &MediaDirectory,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        while let Some((slot, _)) = self.timers.due(&self.table, now, shard, out) {
            self.close(slot, directory, out, tally);
        }
        while let Some(slot) = self.under_way.due(now, shard, out) {
            if let Some((key, stream)) = self.table.get_mut(slot)
                && std::mem::take(&mut stream.is_marked)
            {
                let mut fact = told(&self.identity_key, key, stream, Silence::Pending, None);
                // A short stream finds its call only at its end. Until then the report shows the best match.
                let checked = self.pairs.checked(fact.flow);
                if fact.call.is_none()
                    && let Some(claim) = directory.call_of(fact.flow, key.ssrc, checked, stream.first_seen)
                {
                    fact.call = Some(claim.0.call);
                    fact.sender = Some(sender_of(claim));
                }
                out.fact(Fact::StreamUnderWay(Box::new(fact)));
            }
        }
    }

    /// Reports all open streams.
    pub(crate) fn finish(
        &mut self,
        now: Timestamp,
        shard: u16,
        directory: &MediaDirectory,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        while let Some(slot) = self.timers.rest(&self.table, now, shard, out) {
            self.close(slot, directory, out, tally);
        }
    }

    fn find(&self, pair: u64, flow: FlowKey, ssrc: u32) -> Option<SlotId> {
        self.table.find_by(hash(pair, flow, ssrc), |key| key.ssrc == ssrc && key.flow.is(&flow))
    }

    fn open(
        &mut self,
        item: &Item<'_>,
        ssrc: u32,
        directory: &MediaDirectory,
        out: &mut Outbox,
        tally: &mut Tally,
    ) -> SlotId {
        let Item { pair, flow, at, .. } = *item;
        let (hash, key) = (hash(pair, flow, ssrc), Key { flow: flow.into(), ssrc });
        let (slot, evicted) = self.table.insert(hash, key, Stream::new(at), PROBATION, at);
        if let Some(Evicted { key, mut value }) = evicted {
            if value.is_confirmed() {
                tally.losses.count(Loss::StreamEvicted);
            }
            siblings::forget(&value, (key.flow.unpack(), key.ssrc), at, directory, out);
            self.report(&key, &mut value, out, tally);
        }
        slot
    }

    fn close(&mut self, slot: SlotId, directory: &MediaDirectory, out: &mut Outbox, tally: &mut Tally) {
        self.link_late(slot, directory);
        if let Some((key, mut stream)) = self.table.remove(slot) {
            let last_seen = stream.last_seen;
            siblings::forget(&stream, (key.flow.unpack(), key.ssrc), last_seen, directory, out);
            self.report(&key, &mut stream, out, tally);
        }
    }

    /// Returns true if a known source now belongs to another call. Either it restarted after the end of its
    /// call, as sources with one SSRC for all calls do. Or it paused, and another call has negotiated its
    /// endpoint since.
    fn belongs_to_next_call(
        &self,
        slot: SlotId,
        (flow, seq): (FlowKey, u16),
        at: Timestamp,
        directory: &MediaDirectory,
    ) -> bool {
        let Some((key, stream)) = self.table.get(slot) else { return false };
        let goes_on = stream.reception.goes_on_with(seq);
        if goes_on && at.since(stream.last_seen) < CALL_GAP {
            return false;
        }
        let Some((call, _)) = stream.link() else { return false };
        if !goes_on && directory.is_over(flow, call, stream.first_seen) {
            return true;
        }
        if at.since(stream.last_seen) < CALL_GAP {
            return false;
        }
        let next = || directory.call_of(flow, key.ssrc, self.pairs.checked(flow), at);
        !directory.is_open(flow, call) && next().is_some_and(|(listener, _)| listener.call != call)
    }

    fn report(&self, key: &Key, stream: &mut Stream, out: &mut Outbox, tally: &mut Tally) {
        if !stream.is_confirmed() {
            tally.rtp_unconfirmed += stream.reception.packets();
            return;
        }
        let silence = stream.take_silence();
        let heard = stream.attention.finish(&self.hearing);
        out.fact(Fact::Stream(Box::new(told(&self.identity_key, key, stream, silence, heard))));
    }

    /// Links a stream to its call at its end, if it was too short for a later lookup.
    fn link_late(&mut self, slot: SlotId, directory: &MediaDirectory) {
        let Some((key, stream)) = self.table.get_mut(slot) else { return };
        if !stream.takes_call() && stream.timing.is_settled() {
            return;
        }
        let flow = key.flow.unpack();
        let checked = self.pairs.checked(flow);
        let found = directory.call_of(flow, key.ssrc, checked, stream.first_seen);
        let described = described(stream, found, flow, directory);
        if !stream.takes_call() {
            stream.timing.describe(stream.last_seen, described.as_ref(), directory.remaps());
            return;
        }
        learn(stream, found, flow, self.pairs.is_encrypted(flow), directory);
        if let Some(claim) = found {
            stream.join(claim, described.as_ref(), directory.remaps());
        }
    }
}

/// The described payload types of a stream's call, once the link to this call is certain.
fn described<'a>(
    stream: &Stream,
    found: Option<Claim<'a>>,
    flow: FlowKey,
    directory: &'a MediaDirectory,
) -> Option<Described<'a>> {
    let is_its = |call| stream.takes_call() || stream.link().is_some_and(|(linked, _)| linked == call);
    found.filter(|(listener, _)| is_its(listener.call)).map(|claim| directory.described(flow, claim))
}

/// Updates the stream with the current knowledge about its encryption.
fn learn(
    stream: &mut Stream,
    found: Option<Claim<'_>>,
    flow: FlowKey,
    is_handshaken: bool,
    directory: &MediaDirectory,
) {
    let linked = stream.link().map(|(call, _)| call);
    let by_handshake = if is_handshaken { Told::Sealed } else { Told::Plain };
    let Some(claim) = found else {
        if linked.is_none() {
            stream.tell(by_handshake);
        }
        return;
    };
    // Knowledge of another call, or of this one after its end, changes nothing.
    let (listener, _) = claim;
    let is_same = linked == Some(listener.call);
    if (linked.is_some() && !is_same && !stream.takes_call()) || (is_same && listener.released_at.is_some()) {
        return;
    }
    let protection = directory.protection(flow, claim);
    stream.tell(by_handshake.max(Told::by(protection)));
    if let Some(keys) = protection.and_then(|protection| protection.keys_of(sender_of(claim))) {
        stream.unlock(keys);
    }
}

/// Spreads the pair's keyed hash over sources and directions. The key stays unknown to the sender.
fn hash(pair: u64, flow: FlowKey, ssrc: u32) -> u64 {
    let direction = u64::from(flow.src < flow.dst);
    let mixed = u128::from(pair ^ u64::from(ssrc) ^ (direction << 40)) * 0x9e37_79b9_7f4a_7c15_u128;
    (mixed as u64) ^ ((mixed >> 64) as u64) ^ pair.rotate_left(32)
}

/// The fact of a stream. The stream's identity is computed here, a few times in its life, rather than stored.
fn told(
    identity_key: &HashKey,
    key: &Key,
    stream: &Stream,
    silence: Silence,
    heard: Option<Box<AudioSummary>>,
) -> StreamFact {
    let (reception, timing) = (&stream.reception, &stream.timing);
    let (payload_type, codec) = timing.main_payload();
    let flow = key.flow.unpack();
    let identity = StreamId::of(
        identity_key,
        &[
            b"stream",
            &flow.src.octets(),
            &flow.src.port().to_be_bytes(),
            &flow.dst.octets(),
            &flow.dst.port().to_be_bytes(),
            &key.ssrc.to_be_bytes(),
            &stream.first_seen.as_nanos().to_le_bytes(),
        ],
    );
    StreamFact {
        stream: identity,
        call: stream.link().map(|(call, _)| call),
        sender: stream.link().map(|(_, side)| side),
        flow,
        ssrc: key.ssrc,
        codec: codec.map(|name| name.to_owned().into()),
        payload_type,
        packets: reception.packets(),
        lost: reception.lost(),
        reordered: reception.reordered(),
        duplicates: reception.duplicates(),
        restarts: reception.restarts(),
        jitter_ms: timing.jitter_ms(),
        telephone_events: timing.packets_of(Codec::TelephoneEvent),
        comfort_noise: timing.packets_of(Codec::ComfortNoise),
        rtcp_packets: stream.rtcp_packets,
        quality: Feedback::quality(stream.feedback.as_deref(), reception.bursts()),
        beginning: stream.beginning,
        heard,
        media_rate: timing.media_rate().ok(),
        report_rate: timing.report_rate().ok(),
        no_rates: timing.no_rates(),
        first_seen: stream.first_seen,
        last_seen: stream.last_seen,
        silence,
    }
}
