use std::sync::Arc;

use bellwether_base::{CallId, Endpoint, FlowKey, HashKey, Loss, LruTable, Side, Span, Timestamp};
use bellwether_rtp::SrtpKey;
use smallvec::SmallVec;

use crate::Tally;
use crate::formats::{Described, FormatLog, Formats};
use crate::listeners::{
    Claim, LONG_AFTERGLOW, Listener, Listeners, Rank, claim, claim_of_both, claim_of_only,
};
use crate::negotiation::Section;
use crate::pairs::Checked;
use crate::siblings::Relayed;

/// Key of a media endpoint, or of another name of one end of a media stream. It is a 64-bit keyed hash; a
/// collision needs knowledge of the secret key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointKey(u64);

impl EndpointKey {
    pub(crate) fn new(key: &HashKey, endpoint: Endpoint) -> Self {
        Self(key.parts(&[&endpoint.octets(), &endpoint.port().to_be_bytes()]))
    }

    /// Key of an ICE user name fragment, which connectivity checks carry.
    pub(crate) fn of_fragment(key: &HashKey, fragment: &[u8]) -> Self {
        Self(key.parts(&[b"fragment", fragment]))
    }

    /// Key of a media source that keeps its SSRC at any destination.
    pub(crate) fn of_source(key: &HashKey, endpoint: Endpoint, ssrc: u32) -> Self {
        Self(key.parts(&[&endpoint.octets(), &endpoint.port().to_be_bytes(), &ssrc.to_be_bytes()]))
    }

    /// Key of a host that a stream of this SSRC leaves or enters, at any port.
    fn of_host(key: &HashKey, way: &[u8], host: Endpoint, ssrc: u32) -> Self {
        Self(key.parts(&[way, &host.octets(), &ssrc.to_be_bytes()]))
    }
}

/// SRTP keys of one side's media, if a description names them. The sender uses one of them.
pub type Keys = Option<Arc<[SrtpKey]>>;

/// Encryption of a media section according to the call's descriptions. A section without it is plain RTP.
///
/// Each key is stored under the side that sends with it. Behind NAT that side's media may come from an
/// address that differs from its description.
#[derive(Clone, PartialEq, Debug)]
pub enum Protection {
    /// One side offered encryption and may also send plain media. Nothing is encrypted yet, but the keys may
    /// explain packets.
    Offered([Keys; 2]),
    /// Both sides agreed to encryption.
    Agreed([Keys; 2]),
}

impl Protection {
    /// The keys of the sending side.
    pub(crate) fn keys_of(&self, sender: Side) -> Option<&Arc<[SrtpKey]>> {
        let (Self::Offered(keys) | Self::Agreed(keys)) = self;
        keys[sender as usize].as_ref()
    }
}

/// Signalling knowledge for the media owners. A control takes effect on every worker at the same barrier.
#[derive(Clone, Debug)]
pub enum Control {
    /// A description names an endpoint at which one side of a call may receive media.
    Listen {
        /// The endpoint.
        endpoint: EndpointKey,
        /// The way the endpoint was named.
        rank: Rank,
        /// The call.
        call: CallId,
        /// The side that listens.
        side: Side,
        /// Time of the description.
        since: Timestamp,
        /// Payload types of the description.
        formats: Arc<Formats>,
        /// The CSeq of the re-INVITE with this offer. `None` if the description takes effect at once.
        offered_by: Option<u32>,
        /// The media section.
        section: Section,
    },
    /// Offer and answer change the encryption of a section.
    Protect {
        /// The call.
        call: CallId,
        /// The media section.
        section: Section,
        /// The new protection. `None` for plain media.
        protection: Option<Protection>,
        /// Time of the change.
        since: Timestamp,
    },
    /// A re-INVITE got its final response, which accepts or rejects its offer.
    Settled {
        /// An endpoint of the call.
        endpoint: EndpointKey,
        /// The call.
        call: CallId,
        /// The sender of the re-INVITE.
        side: Side,
        /// The CSeq of the re-INVITE.
        cseq: u32,
        /// True if the response was a 2xx.
        is_accepted: bool,
        /// Time of the response.
        at: Timestamp,
    },
    /// The call is over. A stream that begins now belongs to another call.
    Release {
        /// An endpoint of the call.
        endpoint: EndpointKey,
        /// The call.
        call: CallId,
        /// Time of the end.
        at: Timestamp,
    },
    /// A stream without a call looks for an original stream of which it may be a relayed copy.
    Seek {
        /// Relay names of the stream.
        names: [EndpointKey; 2],
        /// Time of the search.
        at: Timestamp,
    },
    /// The call is over. Its keys are no longer needed.
    Unprotect {
        /// The call.
        call: CallId,
        /// Time of the end.
        at: Timestamp,
    },
}

/// Endpoints of finished calls stay in the directory for streams that are looked up late.
const REMEMBERED: Span = LONG_AFTERGLOW;

/// Maximum number of names sought at once.
const MAX_SOUGHT: usize = 16_384;

/// Lifetime of a sought name. A stream with a call checks every ten seconds for seekers.
const SOUGHT: Span = Span::from_secs(60);

/// Hash of a call in the table of protections. The call's identity already is a keyed hash.
const fn place_of(call: CallId) -> u64 {
    call.key()
}

/// The negotiated media endpoints. Every worker holds the same content, because all controls arrive in one
/// order.
pub(crate) struct MediaDirectory {
    table: LruTable<EndpointKey, Listeners, 3>,
    /// Encryption state of each call.
    protections: LruTable<CallId, Protections, 2>,
    /// Names of streams that look for a call.
    sought: LruTable<EndpointKey, (), 1>,
    hash_key: HashKey,
    /// Count of changes that gave a payload type in use another meaning.
    remaps: u32,
}

/// The protected sections of a call. Most calls have one.
type Protections = SmallVec<[(Section, Arc<Protection>); 1]>;

/// Eviction class of finished calls in both tables. It is evicted first.
const RELEASED: usize = 0;
/// Eviction class of active entries. For endpoints it holds the candidates, because one description may name
/// many.
const IN_USE: usize = 1;
/// Eviction class of agreed endpoints.
const AGREED: usize = 2;

impl MediaDirectory {
    pub(crate) fn new(capacity: usize, hash_key: HashKey) -> Self {
        let (table, protections) = (LruTable::new(capacity), LruTable::new(capacity));
        let sought = LruTable::new(capacity.min(MAX_SOUGHT));
        Self { table, protections, sought, hash_key, remaps: 0 }
    }

    pub(crate) fn apply(&mut self, control: &Control, tally: &mut Tally) {
        match control {
            Control::Listen { endpoint, rank, call, side, since, formats, offered_by, section } => {
                let listener = Listener {
                    call: *call,
                    side: *side,
                    section: *section,
                    rank: *rank,
                    since: *since,
                    released_at: None,
                    formats: FormatLog::new(Arc::clone(formats)),
                };
                self.listen(*endpoint, listener, (formats, *offered_by), tally);
            }
            Control::Protect { call, section, protection, since } => {
                self.protect(*call, *section, protection.as_ref(), *since);
            }
            Control::Settled { endpoint, call, side, cseq, is_accepted, at } => {
                let Some(slot) = self.table.find(endpoint.0, endpoint) else { return };
                let Some((_, listeners)) = self.table.get_mut(slot) else { return };
                let of_it = |l: &&mut Listener| l.call == *call && l.side == *side;
                for listener in listeners.as_mut_slice().iter_mut().filter(of_it) {
                    let is_remapped = listener.formats.settle(*cseq, *is_accepted, listener.since, *at);
                    self.remaps = self.remaps.wrapping_add(u32::from(is_remapped));
                }
            }
            Control::Release { endpoint, call, at } => {
                while let Some((slot, _)) = self.table.oldest_before(RELEASED, *at - REMEMBERED) {
                    self.table.remove(slot);
                }
                let Some(slot) = self.table.find(endpoint.0, endpoint) else { return };
                let Some((_, listeners)) = self.table.get_mut(slot) else { return };
                for listener in listeners.as_mut_slice().iter_mut().filter(|l| l.call == *call) {
                    listener.released_at.get_or_insert(*at);
                }
                if listeners.are_released() {
                    self.table.touch(slot, RELEASED, *at);
                }
            }
            Control::Seek { names, at } => {
                while let Some((slot, _)) = self.sought.oldest_before(0, *at - SOUGHT) {
                    self.sought.remove(slot);
                }
                for name in names {
                    if self.sought.find(name.0, name).is_none() {
                        self.sought.insert(name.0, *name, (), 0, *at);
                    }
                }
            }
            Control::Unprotect { call, at } => {
                while let Some((slot, _)) = self.protections.oldest_before(RELEASED, *at - REMEMBERED) {
                    self.protections.remove(slot);
                }
                if let Some(slot) = self.protections.find(place_of(*call), call) {
                    self.protections.touch(slot, RELEASED, *at);
                }
            }
        }
    }

    /// The call of a stream that began at `first_seen`, and true if the match is the sender's own listener.
    /// The lookup uses the listeners at the destination, and those at the source, because behind NAT the
    /// destination differs from the description.
    ///
    /// The evidence, strongest first:
    /// - ICE checks under the user name fragments of one call, at any address;
    /// - endpoints, by the rule of [`claim`];
    /// - a source and SSRC that the call uses elsewhere;
    /// - a relayed copy of the call's stream, if no other call has a stream of this SSRC there.
    pub(crate) fn call_of(
        &self,
        flow: FlowKey,
        ssrc: u32,
        checked: Option<Checked>,
        first_seen: Timestamp,
    ) -> Option<Claim<'_>> {
        let by_check =
            checked.and_then(|ends| claim_of_both(self.named(ends.dst), self.named(ends.src), first_seen));
        by_check
            .or_else(|| claim(self.listeners(flow.dst), self.listeners(flow.src), first_seen))
            .or_else(|| claim(&[], self.named(self.source(flow, ssrc)), first_seen))
            .or_else(|| {
                let Relayed { leaves, enters } = self.relayed(flow, ssrc);
                claim_of_only(self.named(leaves), self.named(enters), first_seen)
            })
    }

    /// The payload types that both ends of a stream described. If a name other than an endpoint led to the
    /// call, the description under this name counts.
    pub(crate) fn described<'a>(&'a self, flow: FlowKey, (listener, is_sender): Claim<'a>) -> Described<'a> {
        let of = |endpoint, is_named: bool| {
            let named = self.listeners(endpoint).iter().find(|l| l.call == listener.call);
            named.or_else(|| is_named.then_some(listener)).map(|l| &l.formats)
        };
        Described { receiver: of(flow.dst, !is_sender), sender: of(flow.src, is_sender) }
    }

    /// Count of changes, over all calls, that gave a payload type in use another meaning.
    pub(crate) const fn remaps(&self) -> u32 {
        self.remaps
    }

    /// The names under which a relay's input and output of this stream are matched.
    pub(crate) fn relayed(&self, flow: FlowKey, ssrc: u32) -> Relayed {
        let of = |way: &[u8], host| EndpointKey::of_host(&self.hash_key, way, host, ssrc);
        Relayed { leaves: of(b"leaves", flow.src), enters: of(b"enters", flow.dst) }
    }

    /// Returns true if any stream looks for its call.
    pub(crate) fn is_sought(&self) -> bool {
        !self.sought.is_empty()
    }

    /// Returns true if a stream with this name looks for its call.
    pub(crate) fn seeks(&self, name: EndpointKey) -> bool {
        self.sought.find(name.0, &name).is_some()
    }

    /// The name of a stream's source.
    pub(crate) fn source(&self, flow: FlowKey, ssrc: u32) -> EndpointKey {
        EndpointKey::of_source(&self.hash_key, flow.src, ssrc)
    }

    /// The name of one end of an ICE check.
    pub(crate) fn fragment(&self, fragment: &[u8]) -> EndpointKey {
        EndpointKey::of_fragment(&self.hash_key, fragment)
    }

    /// The encryption between the ends of a flow. `None` for plain media.
    ///
    /// Two sections may share an endpoint while one of them was refused. The other end then decides: a
    /// section is protected only if both sides accepted it.
    pub(crate) fn protection(&self, flow: FlowKey, (listener, is_sender): Claim<'_>) -> Option<&Protection> {
        let other = self.listeners(if is_sender { flow.dst } else { flow.src });
        let other = other.iter().find(|l| l.call == listener.call && l.side != listener.side);
        let of_both = [Some(listener), other].into_iter().flatten().filter_map(|l| self.protection_of(l));
        of_both.max_by_key(|protection| matches!(protection, Protection::Agreed(_)))
    }

    fn protection_of(&self, listener: &Listener) -> Option<&Protection> {
        if !listener.section.may_be_protected() {
            return None;
        }
        let slot = self.protections.find(place_of(listener.call), &listener.call)?;
        let (_, sections) = self.protections.get(slot)?;
        sections.iter().find(|(section, _)| *section == listener.section).map(|(_, known)| &**known)
    }

    fn listen(
        &mut self,
        endpoint: EndpointKey,
        listener: Listener,
        (said, offered_by): (&Arc<Formats>, Option<u32>),
        tally: &mut Tally,
    ) {
        let (rank, since) = (listener.rank, listener.since);
        let Some(slot) = self.table.find(endpoint.0, &endpoint) else {
            let class = if rank == Rank::Named { AGREED } else { IN_USE };
            let (_, evicted) =
                self.table.insert(endpoint.0, endpoint, Listeners::One(listener), class, since);
            if evicted.is_some_and(|e| !e.value.are_released()) {
                tally.losses.count(Loss::MediaEndpointEvicted);
            }
            return;
        };
        let Some((_, listeners)) = self.table.get_mut(slot) else { return };
        let is_remapped = listeners.add(listener, said, offered_by);
        self.remaps = self.remaps.wrapping_add(u32::from(is_remapped));
        let class = if listeners.are_named() { AGREED } else { IN_USE };
        self.table.touch(slot, class, since);
    }

    fn protect(&mut self, call: CallId, section: Section, protection: Option<&Protection>, since: Timestamp) {
        let known = self.protections.find(place_of(call), &call);
        let slot = match (known, protection) {
            (Some(slot), _) => slot,
            (None, None) => return,
            (None, Some(_)) => {
                self.protections.insert(place_of(call), call, Protections::new(), IN_USE, since).0
            }
        };
        self.protections.touch(slot, IN_USE, since);
        let Some((_, sections)) = self.protections.get_mut(slot) else { return };
        sections.retain(|(known, _)| *known != section);
        sections.extend(protection.map(|protection| (section, Arc::new(protection.clone()))));
    }

    /// Returns true if `call` still listens at either end.
    pub(crate) fn is_open(&self, flow: FlowKey, call: CallId) -> bool {
        let is_it = |l: &Listener| l.call == call && l.released_at.is_none();
        self.listeners(flow.dst).iter().chain(self.listeners(flow.src)).any(is_it)
    }

    /// Returns true if `call` listened at either end and ended after `first_seen`.
    pub(crate) fn is_over(&self, flow: FlowKey, call: CallId, first_seen: Timestamp) -> bool {
        let ends = self.listeners(flow.dst).iter().chain(self.listeners(flow.src));
        let mut its = ends.filter(|l| l.call == call).peekable();
        its.peek().is_some() && its.all(|l| l.released_at.is_some_and(|at| at > first_seen))
    }

    /// Returns true if a description of the call names this endpoint.
    pub(crate) fn names(&self, endpoint: Endpoint, call: CallId) -> bool {
        self.listeners(endpoint).iter().any(|l| l.call == call)
    }

    fn listeners(&self, endpoint: Endpoint) -> &[Listener] {
        self.named(EndpointKey::new(&self.hash_key, endpoint))
    }

    fn named(&self, key: EndpointKey) -> &[Listener] {
        let found = self.table.find(key.0, &key).and_then(|slot| self.table.get(slot));
        found.map_or(&[], |(_, listeners)| listeners.as_slice())
    }
}
