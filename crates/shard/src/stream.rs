use bellwether_acoustics::{SilenceAnalysis, SilenceProfile};
use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_rtp::{Arrival, Codec, Packet, Reception, static_codec};
use smallvec::SmallVec;

use crate::Side;
use crate::control::Listener;
use crate::fact::Silence;

/// Packets in good order that make a stream of an RTP-like flow nobody negotiated.
const PROBATION: u32 = 4;

/// Packets after which news of a stream's call must have arrived: they travel for up to 450 ms.
const SETTLED: u64 = 64;

/// Payload types told apart per stream; packets of further ones count for the last.
const MAX_PAYLOAD_TYPES: usize = 4;

/// Clock rate of G.711 and of most telephony codecs' RTP clocks.
const DEFAULT_RATE: u32 = 8000;

/// One RTP source between two endpoints.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) identity: i64,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) link: Option<(i64, Side)>,
    pub(crate) reception: Reception,
    payload_types: SmallVec<[PayloadType; 1]>,
    in_order: u32,
    rate: u32,
    telephone_events: u32,
    comfort_noise: u32,
    pub(crate) rtcp_packets: u32,
    is_confirmed: bool,
    is_secure: bool,
    analysis: Analysis,
}

#[derive(Debug, Clone)]
struct PayloadType {
    number: u8,
    codec: Codec,
    packets: u32,
    /// Encoding name where negotiation gave one.
    name: Option<Box<str>>,
}

#[derive(Debug)]
enum Analysis {
    /// No G.711 so far.
    NotBegun,
    Open(Box<SilenceAnalysis>),
    /// The window is over and its result was reported.
    Done,
}

impl Stream {
    pub(crate) fn new(identity: i64, at: Timestamp) -> Self {
        Self {
            identity,
            first_seen: at,
            last_seen: at,
            link: None,
            reception: Reception::default(),
            payload_types: SmallVec::new(),
            in_order: 0,
            rate: DEFAULT_RATE,
            telephone_events: 0,
            comfort_noise: 0,
            rtcp_packets: 0,
            is_confirmed: false,
            is_secure: false,
            analysis: Analysis::NotBegun,
        }
    }

    /// Whether it is time to look for the call: at the first packet, then ever more rarely until one is found,
    /// and once more when all that signalling said before the stream began must have arrived. What is found
    /// before that is a guess: the port may just have been negotiated for the next call.
    pub(crate) fn looks_for_call(&self) -> bool {
        let packet = self.reception.packets() + 1;
        packet == SETTLED || (self.link.is_none() && packet.is_power_of_two())
    }

    /// Whether the call is no guess any more.
    pub(crate) const fn is_settled(&self) -> bool {
        self.reception.packets() >= SETTLED
    }

    /// Whether packets of this payload type came before.
    pub(crate) fn knows(&self, payload_type: u8) -> bool {
        self.payload_types.iter().any(|p| p.number == payload_type)
            || self.payload_types.len() == MAX_PAYLOAD_TYPES
    }

    /// Joins it to the call of the endpoint it goes to (or comes from, `is_sender`).
    pub(crate) fn join(&mut self, listener: &Listener, is_sender: bool) {
        let sender = if is_sender { listener.side } else { listener.side.other() };
        self.link = Some((listener.call, sender));
        self.is_confirmed = true;
        if listener.is_secure {
            self.encrypt();
        }
        for (number, encoding) in listener.formats.iter() {
            let (name, rate) = encoding.split_once('/').unwrap_or((encoding, ""));
            if let Some(known) = self.payload_types.iter_mut().find(|p| p.number == *number) {
                known.codec = Codec::from_encoding(name);
                known.name = Some(name.into());
                if known.codec != Codec::TelephoneEvent {
                    self.rate = rate.split('/').next().and_then(|r| r.parse().ok()).unwrap_or(self.rate);
                }
            }
        }
    }

    /// The media is encrypted: no sample of it means anything.
    pub(crate) fn encrypt(&mut self) {
        self.is_secure = true;
        if !matches!(self.analysis, Analysis::Done) {
            self.analysis = Analysis::NotBegun;
        }
    }

    pub(crate) fn packet(
        &mut self,
        packet: &Packet<'_>,
        at: Timestamp,
        is_cut: bool,
        listener: Option<&Listener>,
    ) -> Arrival {
        let elapsed_ticks = at.since(self.first_seen).as_secs_f64() * f64::from(self.rate);
        let arrival = self.reception.arrive(packet.seq, packet.ticks, elapsed_ticks);
        self.last_seen = at;
        if let Arrival::InOrder { gap: 0..=3 } = arrival {
            self.in_order += 1;
            self.is_confirmed |= self.in_order >= PROBATION - 1;
        }
        let codec = self.count(packet, listener);
        match codec {
            Codec::TelephoneEvent => self.telephone_events += 1,
            Codec::ComfortNoise => self.comfort_noise += 1,
            Codec::G711(law) if arrival != Arrival::Duplicate && !is_cut => self.analyse(law, packet),
            Codec::G711(_) | Codec::Other => {}
        }
        arrival
    }

    /// Whether it is more than a few datagrams that look like RTP.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Whether the window's result is due.
    pub(crate) fn window_is_over(&self, window: Span) -> bool {
        matches!(self.analysis, Analysis::Open(_)) && self.last_seen.since(self.first_seen) > window
    }

    /// Ends the analysis and answers what it found, once.
    pub(crate) fn take_silence(&mut self) -> Silence {
        if self.is_secure {
            return Silence::Encrypted;
        }
        match std::mem::replace(&mut self.analysis, Analysis::Done) {
            Analysis::Open(analysis) => found(analysis.profile()),
            Analysis::NotBegun => Silence::Codec,
            Analysis::Done => Silence::Pending,
        }
    }

    /// Payload type and encoding name of most packets, signalling aside.
    pub(crate) fn main_payload(&self) -> (u8, Option<String>) {
        let is_audio = |p: &&PayloadType| !matches!(p.codec, Codec::TelephoneEvent | Codec::ComfortNoise);
        let most = |p: &&PayloadType| (p.packets, std::cmp::Reverse(p.number));
        let main = self
            .payload_types
            .iter()
            .filter(is_audio)
            .max_by_key(most)
            .or_else(|| self.payload_types.iter().max_by_key(most));
        let Some(main) = main else { return (0, None) };
        let name = main.name.as_deref().or_else(|| static_codec(main.number)).map(str::to_owned);
        (main.number, name)
    }

    /// Interarrival jitter; none where the clock rate is not known.
    pub(crate) fn jitter_ms(&self) -> Option<f64> {
        let (number, name) = self.main_payload();
        let is_known = name.is_some() || number < 96;
        is_known.then(|| self.reception.jitter_ticks() / f64::from(self.rate) * 1e3)
    }

    pub(crate) const fn signalling_packets(&self) -> (u32, u32) {
        (self.telephone_events, self.comfort_noise)
    }

    /// Counts the payload type and answers what it carries.
    fn count(&mut self, packet: &Packet<'_>, listener: Option<&Listener>) -> Codec {
        let number = packet.payload_type;
        if let Some(known) = self.payload_types.iter_mut().find(|p| p.number == number) {
            known.packets += 1;
            return known.codec;
        }
        let negotiated = listener.and_then(|l| l.formats.iter().find(|(pt, _)| *pt == number));
        let name = negotiated.map(|(_, encoding)| encoding.split('/').next().unwrap_or(encoding));
        let codec = match name.or_else(|| static_codec(number)) {
            Some(name) => Codec::from_encoding(name),
            // Four octets under a dynamic type among audio are an event (RFC 4733 section 2.3).
            None if number >= 96 && packet.payload.len() == 4 => Codec::TelephoneEvent,
            None => Codec::Other,
        };
        if let Codec::G711(_) = codec
            && has_srtp_tail(packet.payload.len())
        {
            self.encrypt();
        }
        if self.payload_types.len() < MAX_PAYLOAD_TYPES {
            // A dynamic type's name comes from negotiation only, and is kept for the report.
            let name = if number >= 96 { name.map(Into::into) } else { None };
            self.payload_types.push(PayloadType { number, codec, packets: 1, name });
        } else if let Some(last) = self.payload_types.last_mut() {
            last.packets += 1;
        }
        codec
    }

    fn analyse(&mut self, law: Law, packet: &Packet<'_>) {
        if self.is_secure || !self.is_confirmed {
            return;
        }
        match &mut self.analysis {
            Analysis::Open(analysis) if analysis.law() == law => analysis.packet(packet.payload),
            // A stream that changes law starts anew; what came before was another encoder's.
            Analysis::Open(_) | Analysis::NotBegun => {
                let mut analysis = SilenceAnalysis::new(law);
                analysis.packet(packet.payload);
                self.analysis = Analysis::Open(Box::new(analysis));
            }
            Analysis::Done => {}
        }
    }
}

fn found(profile: Option<SilenceProfile>) -> Silence {
    profile.map_or(Silence::NoneFound, Silence::Profile)
}

/// Whether a G.711 payload is a whole number of 10 ms plus an SRTP authentication tag of 80 or 32 bits
/// (RFC 3711 section 4.2): telling where the signalling was not seen.
const fn has_srtp_tail(len: usize) -> bool {
    len > 80 && (len % 80 == 10 || len % 80 == 4)
}
