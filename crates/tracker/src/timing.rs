//! Payload types of a stream, and the measurements that depend on the clock rate: jitter and clock skew.
//!
//! Signalling takes up to 450 ms to the media owners. The first packets are therefore buffered until all
//! earlier descriptions must have arrived. Measurements are then computed packet by packet, each by the
//! description in force at its arrival.

use std::sync::Arc;

use bellwether_base::{Span, Timestamp};
use bellwether_clock::{MediaClock, NoRate, ReportClock};
use bellwether_rtp::{Arrival, Codec, Jitter, Packet, SenderReport, static_format};
use smallvec::SmallVec;

use crate::fact::{ClockRate, NoRates};
use crate::formats::{Described, Format, Formats};

/// Maximum number of payload types per stream. Packets of further types count for the last one.
const MAX_PAYLOAD_TYPES: usize = 8;

/// Minimum number of buffered packets before the payload types are settled.
const SETTLED: usize = 64;

/// Minimum time since the first packet before the payload types are settled.
const SETTLED_AFTER: Span = Span::from_millis(600);

/// Maximum number of buffered packets.
const MAX_EARLY: usize = 128;

/// Interval in packets between checks for remapped payload types.
const LOOK_EVERY: u32 = 8;

/// The payload types of one RTP source, and its clock.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// Of several entries with one number the last counts.
    types: SmallVec<[PayloadType; 1]>,
    /// The first packets, until they are settled.
    early: Option<Box<Early>>,
    is_settled: bool,
    /// Capture time of the first packet.
    begun: Timestamp,
    packets: u32,
    /// The directory's count of remapped payload types at the last lookup.
    remaps: u32,
    pace: Pace,
    report_clock: Option<Box<(u32, ReportClock)>>,
}

#[derive(Debug, Default)]
struct Early(SmallVec<[EarlyPacket; 4]>);

#[derive(Debug, Clone, Copy)]
struct EarlyPacket {
    /// Time since the stream's first packet.
    after: Span,
    ticks: u32,
    number: u8,
    /// Index into the payload types.
    place: u8,
    /// True if the sender restarted with this packet.
    is_anew: bool,
    is_event: bool,
}

#[derive(Debug)]
struct PayloadType {
    /// The description that defined the payload type.
    formats: Option<Arc<Formats>>,
    packets: u32,
    /// Clock rate; 0 if unknown, and for telephone events.
    rate: u32,
    number: u8,
    codec: Codec,
}

impl PayloadType {
    fn new(number: u8, formats: Option<Arc<Formats>>, is_event: bool) -> Self {
        let said = formats.as_ref().and_then(|formats| formats.of(number));
        let (codec, rate) = match (said, static_format(number)) {
            (Some(said), fixed) => (Codec::from_encoding(&said.name), rate(said, fixed)),
            (None, Some((name, rate))) => (Codec::from_encoding(name), rate),
            (None, None) if is_event => (Codec::TelephoneEvent, 0),
            (None, None) => (Codec::Other, 0),
        };
        // An event keeps the timestamp of its beginning (RFC 4733 section 2.2.1), so it shows no clock.
        let rate = if codec == Codec::TelephoneEvent { 0 } else { rate };
        Self { formats, packets: 0, rate, number, codec }
    }

    fn name(&self) -> Option<&str> {
        let said = self.formats.as_ref().and_then(|formats| formats.of(self.number));
        said.map(|format| format.name.as_ref()).or_else(|| static_format(self.number).map(|(name, _)| name))
    }

    fn is_named_like(&self, other: &Self) -> bool {
        (self.number, self.rate, self.name()) == (other.number, other.rate, other.name())
    }
}

/// A static payload type has a fixed rate, whatever the description says (RFC 3551 section 6). G.722 has
/// 8,000 under any number, although many user agents write its sampling rate of 16,000 (section 4.5.2).
fn rate(said: &Format, fixed: Option<(&'static str, u32)>) -> u32 {
    match fixed {
        Some((name, rate)) if name == said.name => rate,
        _ if Codec::from_encoding(&said.name) == Codec::G722 => 8000,
        _ => said.rate,
    }
}

impl Timing {
    /// Returns true if payload types must be looked up before the next packet: its type is new, it is one of
    /// the first packets, or a description remapped a number.
    pub(crate) fn looks(&self, payload_type: u8, at: Timestamp, remaps: u32) -> bool {
        let after = at.since(self.begun);
        let is_known = self.types.len() == MAX_PAYLOAD_TYPES || self.type_of(payload_type).is_some();
        let is_early =
            !self.is_settled && (self.is_due(self.kept() + 1, after) || self.kept().is_power_of_two());
        !is_known || is_early || (self.remaps != remaps && self.packets.is_multiple_of(LOOK_EVERY))
    }

    /// Returns true if all descriptions of the first packets must have arrived.
    pub(crate) const fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Processes a packet that is no copy, and returns its codec.
    pub(crate) fn packet(
        &mut self,
        packet: &Packet<'_>,
        at: Timestamp,
        arrival: Arrival,
        described: Option<&Described<'_>>,
    ) -> Codec {
        if arrival == Arrival::First {
            self.begun = at;
        }
        let after = at.since(self.begun);
        let number = packet.payload_type;
        // Four octets under a dynamic type among audio are an event (RFC 4733 section 2.3).
        let is_event = number >= 96 && packet.payload.len() == 4;
        let is_anew = matches!(arrival, Arrival::First | Arrival::Restart);
        self.packets = self.packets.saturating_add(1);
        let place = self.type_of(number).unwrap_or_else(|| {
            let said = described.and_then(|described| described.of(number, at));
            self.place_of(PayloadType::new(number, said.map(|(formats, _)| Arc::clone(formats)), is_event))
        });
        let Some(found) = self.types.get_mut(place) else { return Codec::Other };
        found.packets = found.packets.saturating_add(1);
        let (codec, rate) = (found.codec, found.rate);
        if self.is_settled {
            self.pace.packet(after, packet.ticks, is_anew, rate, codec);
        } else {
            let place = place as u8;
            let early = EarlyPacket { after, ticks: packet.ticks, number, place, is_anew, is_event };
            self.early.get_or_insert_default().0.push(early);
            if self.is_due(self.kept(), after) {
                self.describe(at, described, self.remaps);
                self.pace = self.settled();
                (self.is_settled, self.early) = (true, None);
            }
        }
        codec
    }

    /// Rereads the payload types with the present descriptions. Without a known call nothing changes.
    pub(crate) fn describe(&mut self, now: Timestamp, described: Option<&Described<'_>>, remaps: u32) {
        self.remaps = remaps;
        let Some(described) = described.filter(|described| described.says_something()) else { return };
        let said = |number: u8, at: Timestamp| described.of(number, at);
        if let Some(mut early) = self.early.take() {
            self.types.clear();
            for packet in &mut early.0 {
                let formats = said(packet.number, self.begun + packet.after).map(|(f, _)| Arc::clone(f));
                let place = self.place_of(PayloadType::new(packet.number, formats, packet.is_event));
                packet.place = place as u8;
                if let Some(found) = self.types.get_mut(place) {
                    found.packets += 1;
                }
            }
            self.early = Some(early);
            return;
        }
        let numbers: SmallVec<[u8; MAX_PAYLOAD_TYPES]> =
            self.types.iter().map(|known| known.number).collect();
        for number in numbers {
            if let Some((formats, since)) = said(number, now) {
                self.rename(number, formats, since, now);
            }
        }
    }

    /// Applies a changed meaning of a payload type from a moment on.
    fn rename(&mut self, number: u8, formats: &Arc<Formats>, since: Timestamp, now: Timestamp) {
        let Some(place) = self.type_of(number) else { return };
        let has_room = self.types.len() < MAX_PAYLOAD_TYPES;
        let Some(known) = self.types.get_mut(place) else { return };
        let is_event = known.codec == Codec::TelephoneEvent && known.formats.is_none();
        let mut newer = PayloadType::new(number, Some(Arc::clone(formats)), is_event);
        if newer.is_named_like(known) {
            return;
        }
        // Packets are evenly spaced, so the time share estimates the number of packets since the change.
        let whole = now.since(self.begun).as_secs_f64();
        let share = if whole > 0.0 { now.since(since.max(self.begun)).as_secs_f64() / whole } else { 1.0 };
        newer.packets = ((f64::from(self.packets) * share) as u32).min(known.packets);
        known.packets -= newer.packets;
        // The sums since the change used another rate.
        if newer.rate != known.rate && newer.rate != 0 {
            self.pace = Pace { rate: newer.rate, ..Pace::default() };
        }
        if known.packets == 0 || !has_room {
            *known = newer;
            return;
        }
        // The number may return to its earlier meaning.
        if let Some(before) = self.types.iter().position(|old| old.is_named_like(&newer)) {
            newer.packets += self.types.remove(before).packets;
        }
        self.types.push(newer);
    }

    /// Processes an RTCP sender report.
    pub(crate) fn report(&mut self, report: &SenderReport) {
        let rate = self.settled().rate;
        match &mut self.report_clock {
            Some(clock) if clock.0 == rate => clock.1.report(report.ntp, report.ticks, rate),
            // Some senders write no wall clock.
            _ if report.ntp == 0 || rate == 0 => {}
            other => *other = Some(Box::new((rate, ReportClock::new(report.ntp, report.ticks)))),
        }
    }

    /// Rate of the media clock against the sensor's clock.
    pub(crate) fn media_rate(&self) -> Result<ClockRate, NoRate> {
        let pace = self.settled();
        pace.media_clock.rate(pace.rate).map(ClockRate::from)
    }

    /// Rate of the media clock against the sender's wall clock.
    pub(crate) fn report_rate(&self) -> Result<ClockRate, NoRate> {
        let (rate, clock) = self.report_clock.as_deref().ok_or(NoRate::NoReports)?;
        clock.rate(*rate).map(ClockRate::from)
    }

    /// Nominal clock rate, and the reasons for missing rates.
    pub(crate) fn no_rates(&self) -> NoRates {
        let rate = self.settled().rate;
        NoRates {
            clock_rate: (rate > 0).then_some(rate),
            media: self.media_rate().err(),
            report: self.report_rate().err(),
        }
    }

    /// Interarrival jitter. `None` if the clock rate is unknown.
    pub(crate) fn jitter_ms(&self) -> Option<f64> {
        let pace = self.settled();
        (pace.rate > 0).then(|| pace.jitter.seconds() * 1e3)
    }

    /// Payload type and encoding name of most packets, without telephone events and comfort noise.
    pub(crate) fn main_payload(&self) -> (u8, Option<&str>) {
        let is_audio = |p: &&PayloadType| !matches!(p.codec, Codec::TelephoneEvent | Codec::ComfortNoise);
        let most = |p: &&PayloadType| (p.packets, std::cmp::Reverse(p.number));
        let main = self.types.iter().filter(is_audio).max_by_key(most);
        let main = main.or_else(|| self.types.iter().max_by_key(most));
        main.map_or((0, None), |main| (main.number, main.name()))
    }

    /// Number of packets of the payload types with this codec.
    pub(crate) fn packets_of(&self, codec: Codec) -> u32 {
        self.types.iter().filter(|p| p.codec == codec).map(|p| p.packets).sum()
    }

    fn type_of(&self, number: u8) -> Option<usize> {
        self.types.iter().rposition(|known| known.number == number)
    }

    /// The index of a type, which is added if there is room.
    fn place_of(&mut self, wanted: PayloadType) -> usize {
        if let Some(place) = self.types.iter().rposition(|known| known.is_named_like(&wanted)) {
            return place;
        }
        if self.types.len() < MAX_PAYLOAD_TYPES {
            self.types.push(wanted);
        }
        self.types.len() - 1
    }

    fn kept(&self) -> usize {
        self.early.as_ref().map_or(0, |early| early.0.len())
    }

    fn is_due(&self, kept: usize, after: Span) -> bool {
        kept >= MAX_EARLY || (kept >= SETTLED && after >= SETTLED_AFTER)
    }

    /// The measurements over all packets so far.
    fn settled(&self) -> Pace {
        let mut pace = self.pace;
        for packet in self.early.iter().flat_map(|early| &early.0) {
            if let Some(found) = self.types.get(usize::from(packet.place)) {
                pace.packet(packet.after, packet.ticks, packet.is_anew, found.rate, found.codec);
            }
        }
        pace
    }
}

/// Measurements that depend on the clock rate.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    /// Rate of the previous packet; 0 before the first.
    rate: u32,
    jitter: Jitter,
    media_clock: MediaClock,
}

impl Pace {
    fn packet(&mut self, after: Span, ticks: u32, is_anew: bool, rate: u32, codec: Codec) {
        // Comfort noise uses the clock of the voice that it replaces (RFC 3389 section 4).
        let rate = if codec == Codec::ComfortNoise && self.rate > 0 { self.rate } else { rate };
        if rate == 0 {
            return;
        }
        if rate != self.rate {
            (self.rate, self.media_clock) = (rate, MediaClock::default());
        }
        let after_s = after.as_secs_f64();
        self.media_clock.packet(after_s, ticks, rate);
        if is_anew {
            self.jitter.restart();
        }
        // In order of arrival (RFC 3550 section 6.4.1), whatever the sequence number.
        self.jitter.packet(after_s, ticks, rate);
    }
}

#[cfg(test)]
mod tests {
    use bellwether_rtp::Arrival::{First, InOrder, Restart};

    use super::*;
    use crate::formats::FormatLog;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(1_000_000_000_000 + ms * 1_000_000)
    }

    /// Processes a packet as a media owner does: payload types are looked up when the stream asks.
    fn take(timing: &mut Timing, ms: i64, number: u8, ticks: u32, arrival: Arrival, log: Option<&FormatLog>) {
        let described = log.map(|log| Described { receiver: Some(log), sender: None });
        let described = described.as_ref().filter(|_| timing.looks(number, at(ms), 0));
        timing.describe(at(ms), described, 0);
        let packet =
            Packet { marker: false, payload_type: number, seq: 0, ticks, ssrc: 1, payload: &[0; 20] };
        timing.packet(&packet, at(ms), arrival, described);
    }

    /// Packets every 20 ms with `ticks` ticks each. The description arrives after the first `late` packets.
    fn stream(packets: u32, number: u8, ticks: u32, log: &FormatLog, late: u32) -> Timing {
        let mut timing = Timing::default();
        for i in 0..packets {
            let arrival = if i == 0 { First } else { InOrder { gap: 0 } };
            let log = Some(log).filter(|_| i >= late);
            take(&mut timing, i64::from(i) * 20, number, i * ticks, arrival, log);
        }
        // As at the end of a stream.
        timing.describe(
            at(i64::from(packets) * 20),
            Some(&Described { receiver: Some(log), sender: None }),
            0,
        );
        timing
    }

    fn log(list: &[(u8, &str)]) -> FormatLog {
        FormatLog::new(Arc::new(Formats::new(list.iter().copied())))
    }

    #[test]
    fn what_was_summed_before_the_rate_was_known_is_summed_by_it() {
        let opus = log(&[(96, "opus/48000/2")]);
        for (packets, late) in [(30, 29), (30, 0), (400, 22), (400, 0)] {
            let timing = stream(packets, 96, 960, &opus, late);
            assert_eq!(timing.main_payload(), (96, Some("opus")), "{packets} {late}");
            assert!(timing.jitter_ms().unwrap() < 1e-3, "{packets} {late}: {:?}", timing.jitter_ms());
        }
        let rate = stream(1000, 96, 960, &opus, 22).media_rate().unwrap();
        assert!(rate.ppm.abs() < 1.0, "{rate:?}");
    }

    #[test]
    fn nothing_follows_from_ticks_of_which_nobody_said_the_rate() {
        let timing = stream(500, 96, 960, &log(&[]), 0);
        assert_eq!((timing.jitter_ms(), timing.main_payload()), (None, (96, None)));
        assert_eq!(timing.no_rates().media, Some(NoRate::RateUnknown));
        // A static payload type defines its rate; a description does not change it.
        let video = stream(500, 34, 1800, &log(&[]), 0);
        assert_eq!((video.no_rates().clock_rate, video.main_payload()), (Some(90_000), (34, Some("H263"))));
        let wideband = stream(500, 9, 160, &log(&[(9, "G722/16000")]), 0);
        assert_eq!(wideband.no_rates().clock_rate, Some(8000));
        assert!(wideband.jitter_ms().unwrap() < 1e-3);
    }

    #[test]
    fn a_change_of_codec_is_no_jitter_and_begins_another_clock() {
        let both = log(&[(96, "opus/48000/2")]);
        let mut timing = stream(500, 96, 960, &both, 0);
        for i in 0..600_u32 {
            take(
                &mut timing,
                10_000 + i64::from(i) * 20,
                0,
                480_000 + i * 160,
                InOrder { gap: 0 },
                Some(&both),
            );
        }
        assert!(timing.jitter_ms().unwrap() < 1e-3, "{:?}", timing.jitter_ms());
        assert!(timing.media_rate().unwrap().ppm.abs() < 1.0);
        assert_eq!(timing.main_payload(), (0, Some("PCMU")));
    }

    #[test]
    fn what_was_summed_by_the_rate_of_a_codec_that_is_no_more_is_begun_anew() {
        let mut changing = log(&[(96, "opus/48000/2")]);
        let mut timing = stream(200, 96, 960, &changing, 0);
        let go_on = |timing: &mut Timing, changing: &FormatLog, packets: std::ops::Range<u32>| {
            for i in packets {
                let (ms, ticks) = (4000 + i64::from(i) * 20, 192_000 + i * 320);
                take(timing, ms, 96, ticks, InOrder { gap: 0 }, Some(changing));
            }
        };
        // The announcement takes 300 ms.
        go_on(&mut timing, &changing, 0..15);
        assert!(timing.jitter_ms().unwrap() > 5.0, "{:?}", timing.jitter_ms());
        changing.add(&Arc::new(Formats::new([(96, "AMR-WB/16000")].into_iter())), at(0), at(4000));
        timing.describe(at(4300), Some(&Described { receiver: Some(&changing), sender: None }), 1);
        go_on(&mut timing, &changing, 15..17);
        assert!(timing.jitter_ms().unwrap() < 1e-3, "{:?}", timing.jitter_ms());
        assert_eq!((timing.packets_of(Codec::Other), timing.main_payload().1), (217, Some("opus")));
    }

    #[test]
    fn a_number_that_stands_for_something_else_for_a_while_stands_for_the_first_thing_again() {
        let opus = log(&[(96, "opus/48000/2")]);
        let mut timing = stream(200, 96, 960, &opus, 0);
        let mut changing = opus.clone();
        changing.add(&Arc::new(Formats::new([(96, "AMR/8000")].into_iter())), at(0), at(3000));
        timing.describe(at(4000), Some(&Described { receiver: Some(&changing), sender: None }), 1);
        assert_eq!((timing.packets_of(Codec::Other), timing.types.len()), (200, 2));
        changing.add(&Arc::new(Formats::new([(96, "opus/48000/2")].into_iter())), at(0), at(3500));
        timing.describe(at(4000), Some(&Described { receiver: Some(&changing), sender: None }), 2);
        assert_eq!((timing.packets_of(Codec::Other), timing.main_payload()), (200, (96, Some("opus"))));
        assert_eq!(timing.types.len(), 2, "each name once");
    }

    #[test]
    fn first_packets_are_kept_for_a_while_and_never_more_than_so_many() {
        let mut timing = Timing::default();
        for i in 0..10_000_u32 {
            let arrival = if i == 0 { First } else { InOrder { gap: 0 } };
            take(&mut timing, 0, (i % 100) as u8, i, arrival, None);
            assert!(timing.kept() < MAX_EARLY && timing.types.len() <= MAX_PAYLOAD_TYPES);
        }
        assert!(timing.is_settled() && timing.early.is_none());
        assert_eq!(timing.types.iter().map(|known| known.packets).sum::<u32>(), 10_000);
    }

    #[test]
    fn a_sender_that_begins_anew_makes_no_jitter() {
        let law = log(&[]);
        let mut timing = stream(100, 0, 160, &law, 0);
        take(&mut timing, 2000, 0, 3_000_000_000, Restart, Some(&law));
        assert!(timing.jitter_ms().unwrap() < 1e-3, "{:?}", timing.jitter_ms());
    }

    #[test]
    fn reports_are_read_by_the_rate_of_the_codec() {
        let opus = log(&[(96, "opus/48000/2")]);
        let mut timing = stream(400, 96, 960, &opus, 0);
        assert_eq!(timing.no_rates().report, Some(NoRate::NoReports));
        for i in 0..10_u64 {
            let ticks = (i * 5 * 48_000) as u32;
            timing.report(&SenderReport { ssrc: 1, ntp: (7 + 5 * i) << 32, ticks, packets: 0 });
        }
        assert!(timing.report_rate().unwrap().ppm.abs() < 0.1);
    }
}
