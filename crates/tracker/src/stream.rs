use bellwether_acoustics::recordings::Voice;
use bellwether_acoustics::{Coding, SilenceAnalysis};
use bellwether_base::{CallId, Span, Timestamp};
use bellwether_rtp::{Arrival, Beginning, Codec, Packet, Reception, SrtpKey, SrtpSession};
use smallvec::SmallVec;

use crate::fact::Silence;
use crate::feedback::Feedback;
use crate::formats::Described;
use crate::hearing::{Attention, Hearing, Talker};
use crate::listeners::{Claim, sender_of};
use crate::secrecy::{Secrecy, Told};
use crate::siblings::Announced;
use crate::timing::Timing;
use crate::{Item, Side, Tally};

/// Packets in good order that confirm a stream without negotiation.
const PROBATION: u8 = 4;

/// Packets after which announcements of a stream's call have arrived. They travel for up to 450 ms.
const SETTLED: u64 = 64;

/// Interval in packets between lookups of a stream without a call, or with changed packets.
const LOOK_AGAIN: u64 = 64;

/// Interval in packets between lookups of other streams. A re-INVITE may have changed the negotiation.
const LOOK_RARELY: u64 = 512;

/// Packet of one early lookup, when most calls are known.
const LOOK_EARLY: u64 = 16;

/// One RTP source between two endpoints. Streams are the most numerous objects.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// The call. Valid only if `sender` is known.
    call: CallId,
    sender: Option<Side>,
    pub(crate) reception: Reception,
    /// Payload types and media clock.
    pub(crate) timing: Timing,
    /// The silence analysis in progress.
    analysis: Option<Box<SilenceAnalysis>>,
    /// Whether the beginning is listened to, and what was heard.
    pub(crate) attention: Attention,
    pub(crate) rtcp_packets: u32,
    /// What receivers report.
    pub(crate) feedback: Option<Box<Feedback>>,
    in_order: u8,
    /// Initial RTP values that are not random (RFC 3550 sections 5.1 and 8.1).
    pub(crate) beginning: Beginning,
    is_confirmed: bool,
    /// True if the stream is queued for an interim report.
    pub(crate) is_marked: bool,
    /// Decides whether payloads are readable.
    secrecy: Secrecy,
    /// Announcements of this stream to the media owners.
    pub(crate) announced: Announced,
    /// Decryption with the keys from signalling.
    opener: Option<Box<Opener>>,
    /// True if the window is over and its result was reported.
    is_analysed: bool,
    /// True if the noise was reported before the end of the window.
    is_noise_told: bool,
}

impl Stream {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            first_seen: at,
            last_seen: at,
            call: CallId::default(),
            sender: None,
            reception: Reception::default(),
            timing: Timing::default(),
            analysis: None,
            attention: Attention::default(),
            rtcp_packets: 0,
            feedback: None,
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

    /// The call, and the side whose media this is.
    pub(crate) fn link(&self) -> Option<(CallId, Side)> {
        self.sender.map(|sender| (self.call, sender))
    }

    /// Returns true if a lookup of the call is due.
    ///
    /// Without a call, the lookups of a new stream follow powers of two, and later a fixed interval. With a
    /// call, one lookup follows when all earlier signalling must have arrived. A result before that is
    /// provisional, because the port may just have been negotiated for the next call. Later lookups find
    /// changes in the call.
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

    /// Returns true if the stream may still join a call: it has none, or a provisional one.
    pub(crate) const fn takes_call(&self) -> bool {
        self.sender.is_none() || self.reception.packets() < SETTLED
    }

    /// Joins the stream to the call of the claim, with payload types as `described`.
    pub(crate) fn join(&mut self, claim: Claim<'_>, described: Option<&Described<'_>>, remaps: u32) {
        self.call = claim.0.call;
        self.sender = Some(sender_of(claim));
        self.is_confirmed = true;
        self.timing.describe(self.last_seen, described, remaps);
    }

    /// Updates the encryption state from signalling or a handshake. The first state is provisional, like the
    /// call.
    pub(crate) fn tell(&mut self, told: Told) {
        let was_plain = !self.secrecy.is_sealed();
        let is_doubtful = self.secrecy.tell(told);
        if is_doubtful || (was_plain && told == Told::Sealed && self.reception.packets() < SETTLED) {
            (self.analysis, self.attention) = (None, Attention::default());
        }
    }

    /// Sets the keys from signalling. One of them is the sender's.
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
        (hearing, tally): (&mut Hearing, &mut Tally),
    ) -> Arrival {
        let at = item.at;
        let arrival = self.reception.arrive(packet.seq);
        self.last_seen = at;
        if arrival == Arrival::First {
            self.beginning = Beginning::of(packet);
        }
        // A copy adds nothing to its original.
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
            let is_after_loss = matches!(arrival, Arrival::InOrder { gap: 1.. });
            self.analyse(coding, (packet, is_after_loss), item, (hearing, tally));
        }
        arrival
    }

    /// Returns true for a confirmed stream, as opposed to a few datagrams that resemble RTP.
    pub(crate) const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Returns true if the window's result is due.
    pub(crate) fn window_is_over(&self, window: Span) -> bool {
        self.analysis.is_some() && self.last_seen.since(self.first_seen) > window
    }

    /// The noise before the end of the window, once, when it is known well enough. The caller is then
    /// identified during the call.
    pub(crate) fn settled_noise(&mut self) -> Option<Silence> {
        let is_time = self.reception.packets().is_multiple_of(LOOK_EVERY) && !self.is_noise_told;
        let analysis = self.analysis.as_ref().filter(|analysis| is_time && analysis.is_settled())?;
        self.is_noise_told = true;
        analysis.pauses().map(|pauses| Silence::Found(None, Some(Box::new(pauses))))
    }

    /// Ends the analysis and returns its result, once.
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

    /// Analyses a payload. The item has the whole packet as it was sent.
    fn analyse(
        &mut self,
        coding: Coding,
        (packet, is_after_loss): (&Packet<'_>, bool),
        item: &Item<'_>,
        (hearing, tally): (&mut Hearing, &mut Tally),
    ) {
        if self.is_analysed || !self.is_confirmed {
            return;
        }
        let payload = if self.secrecy.is_open(packet.payload) {
            packet.payload
        } else {
            let Some(opener) = &mut self.opener else { return };
            let Some(payload) = opener.open(item.bytes) else {
                if opener.is_exhausted() {
                    self.secrecy.ask_again();
                }
                return;
            };
            payload
        };
        // A change of coding restarts the analysis, because earlier samples came from another encoder.
        let analysis = match &mut self.analysis {
            Some(analysis) if analysis.coding() == coding => analysis,
            other => other.insert(Box::new(SilenceAnalysis::new(coding))),
        };
        analysis.packet(payload);
        if let Coding::G711(law) = coding {
            let voice = Voice { codes: payload, ticks: packet.ticks, is_after_loss };
            let is_forward = item.flow.src < item.flow.dst;
            let talker = Talker { pair: item.pair, is_forward, at: item.at };
            self.attention.packet(law, &voice, &talker, hearing, tally);
        }
    }
}

/// Capture time of a packet, by the clock that orders the descriptions. A HEP agent may use another clock.
pub(crate) const fn captured(item: &Item<'_>) -> Timestamp {
    if item.agent.is_some() { item.at } else { item.stamp }
}

/// Interval in packets between checks for settled noise.
const LOOK_EVERY: u64 = 64;

/// Maximum number of keys tried on a stream. An offer names one key per suite.
const MAX_KEYS: usize = 8;

/// Number of consecutive packets without a matching key after which no more packets are tried.
const MAX_FAILED: u8 = 32;

/// Decrypts a stream's packets with the key that proves to be the stream's, out of several.
#[derive(Debug)]
struct Opener {
    sessions: SmallVec<[SrtpSession; 1]>,
    failed: u8,
}

impl Opener {
    /// Returns true if no key has worked and no more packets are tried.
    const fn is_exhausted(&self) -> bool {
        self.failed >= MAX_FAILED
    }

    fn open(&mut self, packet: &[u8]) -> Option<&[u8]> {
        if self.is_exhausted() {
            return None;
        }
        // Only the key that authenticated a packet stays.
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
