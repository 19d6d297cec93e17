use std::sync::Arc;

use bellwether_base::{Endpoint, FlowKey, HashKey, Loss, LruTable, Span, Timestamp};
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

/// The two sides of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// Who sent the first INVITE.
    Caller,
    /// Who answered it.
    Callee,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }
}

/// Stands for a media endpoint, or for another name of one end of a media stream: 64 keyed bits, which nobody without the key can make collide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointKey(u64);

impl EndpointKey {
    pub(crate) fn new(key: &HashKey, endpoint: Endpoint) -> Self {
        Self(key.parts(&[&endpoint.octets(), &endpoint.port().to_be_bytes()]))
    }

    /// Of the fragment of user names by which an agent of ICE is checked.
    pub(crate) fn of_fragment(key: &HashKey, fragment: &[u8]) -> Self {
        Self(key.parts(&[b"fragment", fragment]))
    }

    /// Of a source that keeps its SSRC wherever it sends.
    pub(crate) fn of_source(key: &HashKey, endpoint: Endpoint, ssrc: u32) -> Self {
        Self(key.parts(&[&endpoint.octets(), &endpoint.port().to_be_bytes(), &ssrc.to_be_bytes()]))
    }

    /// Of a host that a stream of an SSRC leaves or enters, at whatever port.
    fn of_host(key: &HashKey, way: &[u8], host: Endpoint, ssrc: u32) -> Self {
        Self(key.parts(&[way, &host.octets(), &ssrc.to_be_bytes()]))
    }
}

/// The keys of a side's media, where descriptions tell them: one of these is its sender's.
pub type Keys = Option<Arc<[SrtpKey]>>;

/// What a call's descriptions say of a section's encryption. A section that has none of it is plain.
///
/// Keys stand at the place of the side that sends under them: behind NAT its media comes from elsewhere than where it says that it listens.
#[derive(Clone, PartialEq, Debug)]
pub enum Protection {
    /// One side offered it and may send plain media as well: it encrypts nothing, but may explain what packets show.
    Offered([Keys; 2]),
    /// Both sides agreed to it.
    Agreed([Keys; 2]),
}

impl Protection {
    /// The keys under which a side sends.
    pub(crate) fn keys_of(&self, sender: Side) -> Option<&Arc<[SrtpKey]>> {
        let (Self::Offered(keys) | Self::Agreed(keys)) = self;
        keys[sender as usize].as_ref()
    }
}

/// What media owners must know from signalling. It takes effect on every worker at the same barrier.
#[derive(Clone, Debug)]
pub enum Control {
    /// A description names an endpoint at which one side of a call may receive.
    Listen {
        /// Where.
        endpoint: EndpointKey,
        /// How it is named.
        rank: Rank,
        /// For which call.
        call: i64,
        /// Which side listens there.
        side: Side,
        /// Since when.
        since: Timestamp,
        /// What the description says of payload types.
        formats: Arc<Formats>,
        /// The CSeq of the re-INVITE that offers it; none where it is in force at once.
        offered_by: Option<u32>,
        /// Of which section.
        section: Section,
    },
    /// Offer and answer say something new of a section's encryption.
    Protect {
        /// Of which call.
        call: i64,
        /// Of which section.
        section: Section,
        /// What; none if its media is plain.
        protection: Option<Protection>,
        /// Since when.
        since: Timestamp,
    },
    /// A re-INVITE was answered for good: what it offered is in force, or is not.
    Settled {
        /// Where its author may listen.
        endpoint: EndpointKey,
        /// The call.
        call: i64,
        /// Who sent it.
        side: Side,
        /// Its CSeq.
        cseq: u32,
        /// Whether it was accepted.
        is_accepted: bool,
        /// When.
        at: Timestamp,
    },
    /// The call is over: a stream that begins now is another call's.
    Release {
        /// Where the call listened.
        endpoint: EndpointKey,
        /// The call.
        call: i64,
        /// Since when.
        at: Timestamp,
    },
    /// A stream without a call looks for one whose stream it is a relay's copy of.
    Seek {
        /// Its names.
        names: [EndpointKey; 2],
        /// Since when.
        at: Timestamp,
    },
    /// The call is over: its keys are of no use any more.
    Unprotect {
        /// The call.
        call: i64,
        /// Since when.
        at: Timestamp,
    },
}

/// Endpoints of calls that are over stay this long, for streams that are looked up late.
const REMEMBERED: Span = LONG_AFTERGLOW;

/// Names sought at once, and for how long: a stream with a call looks each ten seconds whether another seeks it.
const MAX_SOUGHT: usize = 16_384;
const SOUGHT: Span = Span::from_secs(60);

/// Where a call's protections lie: its identity is a keyed hash already.
const fn place_of(call: i64) -> u64 {
    call.cast_unsigned()
}

/// The negotiated media endpoints. Every worker holds the same, as each gets all controls in one order.
pub(crate) struct MediaDirectory {
    table: LruTable<EndpointKey, Listeners, 3>,
    /// What is known of calls' encryption.
    protections: LruTable<i64, Protections, 2>,
    /// Names of streams that look for a call.
    sought: LruTable<EndpointKey, (), 1>,
    hash_key: HashKey,
    /// How often a payload type in use came to stand for something else.
    remaps: u32,
}

/// The protected sections of a call: most calls have one.
type Protections = SmallVec<[(Section, Arc<Protection>); 1]>;

/// Queue of both tables for what is of calls that are over: it leaves first.
const RELEASED: usize = 0;
/// Queue for what is in use; of endpoints, for those that are only tried, as a description may name many.
const IN_USE: usize = 1;
/// Queue for endpoints that were agreed.
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

    /// The call that a stream belongs to which began at `first_seen`, by whoever listens where it goes, or (behind NAT the description names
    /// another address) where it comes from; then it is the sender's own listener, and the second value is true.
    ///
    /// Two ends that checked their way under names of one call are that call's, wherever they are. Next are endpoints, by the rule of
    /// [`claim`]; then a source that the call knows elsewhere; then a relay's copy of the call's stream, if no other call has one of that SSRC there.
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

    /// What the descriptions of a stream's call say of payload types between its ends; where a name beside theirs brought it to the call,
    /// what goes with that name.
    pub(crate) fn described<'a>(&'a self, flow: FlowKey, (listener, is_sender): Claim<'a>) -> Described<'a> {
        let of = |endpoint, is_named: bool| {
            let named = self.listeners(endpoint).iter().find(|l| l.call == listener.call);
            named.or_else(|| is_named.then_some(listener)).map(|l| &l.formats)
        };
        Described { receiver: of(flow.dst, !is_sender), sender: of(flow.src, is_sender) }
    }

    /// How often a payload type in use came to stand for something else, in whatever call.
    pub(crate) const fn remaps(&self) -> u32 {
        self.remaps
    }

    /// The names of a stream that a relay may have passed on, or will.
    pub(crate) fn relayed(&self, flow: FlowKey, ssrc: u32) -> Relayed {
        let of = |way: &[u8], host| EndpointKey::of_host(&self.hash_key, way, host, ssrc);
        Relayed { leaves: of(b"leaves", flow.src), enters: of(b"enters", flow.dst) }
    }

    /// Whether any stream looks for its call.
    pub(crate) fn is_sought(&self) -> bool {
        !self.sought.is_empty()
    }

    /// Whether one of this name does.
    pub(crate) fn seeks(&self, name: EndpointKey) -> bool {
        self.sought.find(name.0, &name).is_some()
    }

    /// The name of a stream's source.
    pub(crate) fn source(&self, flow: FlowKey, ssrc: u32) -> EndpointKey {
        EndpointKey::of_source(&self.hash_key, flow.src, ssrc)
    }

    /// The name of one end of a check.
    pub(crate) fn fragment(&self, fragment: &[u8]) -> EndpointKey {
        EndpointKey::of_fragment(&self.hash_key, fragment)
    }

    /// What is known of the encryption between a flow's ends; none if it is plain.
    ///
    /// Where two sections name one place, of which one was refused, only the other end tells which of them is spoken: a section is
    /// protected if both sides took it.
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

    fn protect(&mut self, call: i64, section: Section, protection: Option<&Protection>, since: Timestamp) {
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

    /// Whether `call` still listens at either end.
    pub(crate) fn is_open(&self, flow: FlowKey, call: i64) -> bool {
        let is_it = |l: &Listener| l.call == call && l.released_at.is_none();
        self.listeners(flow.dst).iter().chain(self.listeners(flow.src)).any(is_it)
    }

    /// Whether `call` listened at either end, and is over since a moment behind `first_seen`.
    pub(crate) fn is_over(&self, flow: FlowKey, call: i64, first_seen: Timestamp) -> bool {
        let ends = self.listeners(flow.dst).iter().chain(self.listeners(flow.src));
        let mut its = ends.filter(|l| l.call == call).peekable();
        its.peek().is_some() && its.all(|l| l.released_at.is_some_and(|at| at > first_seen))
    }

    /// Whether a description of the call names this endpoint.
    pub(crate) fn names(&self, endpoint: Endpoint, call: i64) -> bool {
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
