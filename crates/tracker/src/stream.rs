use bellwether_acoustics::{Coding, Opening, OpeningPrint, SilenceAnalysis};
use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_rtp::{Arrival, Beginning, Codec, Packet, Reception, SrtpKey, SrtpSession};
use smallvec::SmallVec;

use crate::fact::Silence;
use crate::formats::Described;
use crate::listeners::{Claim, sender_of};
use crate::secrecy::{Secrecy, Told};
use crate::siblings::Announced;
use crate::timing::Timing;
use crate::{Item, Side};

/// Packets in good order that make a stream of an RTP-like flow nobody negotiated.
const PROBATION: u8 = 4;

/// Packets after which news of a stream's call must have arrived: they travel for up to 450 ms.
const SETTLED: u64 = 64;

/// A stream without a call, and one whose packets changed, looks again after so many packets.
const LOOK_AGAIN: u64 = 64;

/// So does every other, more rarely: a re-INVITE may have changed what was agreed.
const LOOK_RARELY: u64 = 512;

/// And once early, when most calls are known.
const LOOK_EARLY: u64 = 16;

/// One RTP source between two endpoints. There are more of these than of anything else.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// The call; it means something only if the sender is known.
    call: i64,
    sender: Option<Side>,
    pub(crate) reception: Reception,
    /// Its payload types and its clock.
    pub(crate) timing: Timing,
    /// The analysis under way.
    analysis: Option<Box<SilenceAnalysis>>,
    voice: Voice,
    pub(crate) rtcp_packets: u32,
    in_order: u8,
    /// Its first packet's numbers.
    pub(crate) beginning: Beginning,
    is_confirmed: bool,
    /// Whether it waits to be told of.
    pub(crate) is_marked: bool,
    /// Whether its payloads are readable.
    secrecy: Secrecy,
    /// What media owners were told of it.
    pub(crate) announced: Announced,
    /// What opens it, where signalling told the keys.
    opener: Option<Box<Opener>>,
    /// The window is over and its result was reported.
    is_analysed: bool,
    /// The noise was reported before that.
    is_noise_told: bool,
}

/// How the voice begins.
#[derive(Debug, Default)]
enum Voice {
    /// Nothing was said yet.
    #[default]
    Unheard,
    Beginning(Box<Opening>),
    /// Was heard, and has a print or not.
    Begun(Option<Box<OpeningPrint>>),
}

impl Stream {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            first_seen: at,
            last_seen: at,
            call: 0,
            sender: None,
            reception: Reception::default(),
            timing: Timing::default(),
            analysis: None,
            voice: Voice::default(),
            rtcp_packets: 0,
            in_order: 0,
            beginning: Beginning::default(),
            is_confirmed: false,
            is_marked: false,
            secrecy: Secrecy::default(),
            announced: Announced::default(),
            opener: None,
            is_analysed: false,
            is_noise_told: false,
        }
    }

    /// The call, and whose voice this is in it.
    pub(crate) fn link(&self) -> Option<(i64, Side)> {
        self.sender.map(|sender| (self.call, sender))
    }

    /// Whether it is time to look for the call: at the first packets ever more rarely until one is found, and once more when all that
    /// signalling said before the stream began must have arrived. What is found before that is a guess: the port may just have been
    /// negotiated for the next call. Later a stream without a call looks for one that claims it, and one with a call for what changed in it.
    pub(crate) fn looks_for_call(&mut self) -> bool {
        let packet = self.reception.packets() + 1;
        match self.sender {
            None => packet.is_power_of_two() || packet.is_multiple_of(LOOK_AGAIN),
            Some(_) if packet < SETTLED => packet == LOOK_EARLY,
            Some(_) => {
                packet.is_multiple_of(LOOK_AGAIN)
                    && (packet == SETTLED || packet.is_multiple_of(LOOK_RARELY) || self.secrecy.take_news())
            }
        }
    }

    /// Whether it may still join a call: it has none, or that is a guess.
    pub(crate) const fn takes_call(&self) -> bool {
        self.sender.is_none() || self.reception.packets() < SETTLED
    }

    /// Joins it to the call that claims it, where payload types are as `described`.
    pub(crate) fn join(&mut self, claim: Claim<'_>, described: Option<&Described<'_>>, remaps: u32) {
        self.call = claim.0.call;
        self.sender = Some(sender_of(claim));
        self.is_confirmed = true;
        self.timing.describe(self.last_seen, described, remaps);
    }

    /// Takes what signalling or a handshake says of its encryption by now. What was said at first is a guess, as the call is.
    pub(crate) fn tell(&mut self, told: Told) {
        let was_plain = !self.secrecy.is_sealed();
        let is_doubtful = self.secrecy.tell(told);
        if is_doubtful || (was_plain && told == Told::Sealed && self.reception.packets() < SETTLED) {
            (self.analysis, self.voice) = (None, Voice::default());
        }
    }

    /// Signalling told the keys: one of them is the sender's.
    pub(crate) fn unlock(&mut self, keys: &[SrtpKey]) {
        let is_wanted = self.opener.as_ref().is_none_or(|opener| opener.is_exhausted());
        if is_wanted && !self.is_analysed {
            let sessions = keys.iter().take(MAX_KEYS).map(SrtpSession::new).collect();
            self.opener = Some(Box::new(Opener { sessions, failed: 0 }));
        }
    }

    pub(crate) fn packet(
        &mut self,
        packet: &Packet<'_>,
        item: &Item<'_>,
        is_cut: bool,
        described: Option<&Described<'_>>,
    ) -> Arrival {
        let at = item.at;
        let arrival = self.reception.arrive(packet.seq);
        self.last_seen = at;
        if arrival == Arrival::First {
            self.beginning = Beginning::of(packet);
        }
        // A copy says nothing that the packet did not say.
        if arrival == Arrival::Duplicate {
            return arrival;
        }
        if let Arrival::InOrder { gap: 0..=3 } = arrival {
            self.in_order = self.in_order.saturating_add(1);
            self.is_confirmed |= self.in_order >= PROBATION - 1;
        }
        let coding = match self.timing.packet(packet, captured(item), arrival, described) {
            Codec::G711(law) => Some(Coding::G711(law)),
            Codec::G722 => Some(Coding::G722),
            Codec::ComfortNoise | Codec::TelephoneEvent | Codec::Other => None,
        };
        if let Some(coding) = coding.filter(|_| !is_cut) {
            self.analyse(coding, packet, item.bytes);
        }
        arrival
    }

    /// Whether it is more than a few datagrams that look like RTP.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Whether the window's result is due.
    pub(crate) fn window_is_over(&self, window: Span) -> bool {
        self.analysis.is_some() && self.last_seen.since(self.first_seen) > window
    }

    /// The noise before the window is over, once, when it is known well enough: who calls is then known while they speak.
    pub(crate) fn settled_noise(&mut self) -> Option<Silence> {
        let is_time = self.reception.packets().is_multiple_of(LOOK_EVERY) && !self.is_noise_told;
        let analysis = self.analysis.as_ref().filter(|analysis| is_time && analysis.is_settled())?;
        self.is_noise_told = true;
        analysis.pauses().map(|pauses| Silence::Found(None, Some(Box::new(pauses))))
    }

    /// Ends the analysis and answers what it found, once.
    pub(crate) fn take_silence(&mut self) -> Silence {
        self.opener = None;
        match self.analysis.take() {
            Some(analysis) => {
                self.is_analysed = true;
                match (analysis.profile(), analysis.pauses()) {
                    (None, None) => Silence::NoneFound,
                    (profile, pauses) => Silence::Found(profile, pauses.map(Box::new)),
                }
            }
            None if self.is_analysed => Silence::Pending,
            None if self.secrecy.is_sealed() => Silence::Encrypted,
            None => Silence::Codec,
        }
    }

    /// How the voice of its sender begins, as soon as that was heard.
    pub(crate) fn opening_print(&self) -> Option<OpeningPrint> {
        match &self.voice {
            Voice::Unheard => None,
            Voice::Beginning(opening) => opening.print(),
            Voice::Begun(print) => print.as_deref().copied(),
        }
    }

    /// `bytes` is the packet as it was sent.
    fn analyse(&mut self, coding: Coding, packet: &Packet<'_>, bytes: &[u8]) {
        if self.is_analysed || !self.is_confirmed {
            return;
        }
        let payload = if self.secrecy.is_open(packet.payload) {
            packet.payload
        } else {
            let Some(opener) = &mut self.opener else { return };
            let Some(payload) = opener.open(bytes) else {
                if opener.is_exhausted() {
                    self.secrecy.ask_again();
                }
                return;
            };
            payload
        };
        // A stream that changes its coding starts anew; what came before was another encoder's.
        let analysis = match &mut self.analysis {
            Some(analysis) if analysis.coding() == coding => analysis,
            other => other.insert(Box::new(SilenceAnalysis::new(coding))),
        };
        analysis.packet(payload);
        if let Coding::G711(law) = coding {
            self.voice.packet(law, payload, packet.ticks);
        }
    }
}

/// When a packet was captured, by the clock that descriptions are ordered by: an agent's may be another.
pub(crate) const fn captured(item: &Item<'_>) -> Timestamp {
    if item.agent.is_some() { item.at } else { item.stamp }
}

impl Voice {
    fn packet(&mut self, law: Law, payload: &[u8], ticks: u32) {
        let opening = match self {
            Self::Begun(_) => return,
            Self::Beginning(opening) => opening,
            Self::Unheard => {
                *self = Self::Beginning(Box::new(Opening::new(law)));
                let Self::Beginning(opening) = self else { return };
                opening
            }
        };
        if opening.packet(payload, ticks) {
            let print = opening.print().map(Box::new);
            *self = Self::Begun(print);
        }
    }
}

/// Packets after which is looked again whether the noise has settled.
const LOOK_EVERY: u64 = 64;

/// Keys tried on a stream, and packets after which none of them is its: an offer names one for each suite.
const MAX_KEYS: usize = 8;
const MAX_FAILED: u8 = 32;

/// Opens an encrypted stream's packets with the one of some keys that proves to be its.
#[derive(Debug)]
struct Opener {
    sessions: SmallVec<[SrtpSession; 1]>,
    failed: u8,
}

impl Opener {
    /// Whether it has given up.
    const fn is_exhausted(&self) -> bool {
        self.failed >= MAX_FAILED
    }

    fn open(&mut self, packet: &[u8]) -> Option<&[u8]> {
        if self.is_exhausted() {
            return None;
        }
        // The one that proved itself stays alone.
        let place = self.sessions.iter_mut().position(|session| session.open(packet).is_some());
        let Some(place) = place else {
            self.failed += 1;
            return None;
        };
        self.failed = 0;
        self.sessions.swap(0, place);
        self.sessions.truncate(1);
        self.sessions.first().map(SrtpSession::payload)
    }
}
