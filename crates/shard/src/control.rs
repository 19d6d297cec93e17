use std::sync::Arc;

use bellwether_base::{Endpoint, FlowKey, HashKey, Loss, LruTable, Span, Timestamp};
use bellwether_rtp::SrtpKey;

use crate::Tally;
use crate::formats::{Described, FormatLog, Formats};

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

/// Stands for a media endpoint: 64 keyed bits, which nobody without the key can make collide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointKey(u64);

impl EndpointKey {
    pub(crate) fn new(key: &HashKey, endpoint: Endpoint) -> Self {
        Self(key.parts(&[&endpoint.octets(), &endpoint.port().to_be_bytes()]))
    }
}

/// What media owners must know from signalling. It takes effect on every worker at the same barrier.
#[derive(Clone, Debug)]
pub enum Control {
    /// A session description names an endpoint at which one side of a call wants to receive.
    Listen {
        /// Where.
        endpoint: EndpointKey,
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
        /// Whether the media is encrypted.
        is_secure: bool,
        /// The keys under which that side sends, where the description tells them.
        keys: Option<Arc<[SrtpKey]>>,
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
}

/// Who listens at an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) call: i64,
    pub(crate) side: Side,
    pub(crate) is_secure: bool,
    since: Timestamp,
    released_at: Option<Timestamp>,
    formats: FormatLog,
}

/// The listeners of an endpoint: nearly always one, which needs no list.
#[derive(Debug)]
enum Listeners {
    One(Listener),
    Several(Vec<Listener>),
}

/// How long a stream may begin after its call ended and still belong to it.
const AFTERGLOW: Span = Span::from_secs(1);

/// How much earlier than the description that announces it a stream may begin: mirrors reorder a little.
const AHEAD: Span = Span::from_millis(100);

/// Calls remembered per endpoint: some programs use one port for all their calls at once.
const MAX_LISTENERS: usize = 16;

/// Endpoints of calls that are over stay this long, for streams that are looked up late.
const REMEMBERED: Span = Span::from_secs(5);

/// The negotiated media endpoints. Every worker holds the same, as each gets all controls in one order.
pub(crate) struct MediaDirectory {
    table: LruTable<EndpointKey, Listeners, 2>,
    /// What opens the media of calls that told it, by the side that sends: behind NAT it comes from elsewhere than where that side
    /// says that it listens.
    keys: LruTable<(i64, Side), Arc<[SrtpKey]>, 1>,
    hash_key: HashKey,
    /// How often a payload type in use came to stand for something else.
    remaps: u32,
}

/// Where the keys of a side lie. A call's identity is a keyed hash already.
const fn place_of_keys(call: i64, side: Side) -> u64 {
    call.cast_unsigned().rotate_left(side as u32)
}

/// Queue of the table for endpoints whose calls are over: they leave first.
const RELEASED: usize = 0;
/// Queue for endpoints in use.
const IN_USE: usize = 1;

impl MediaDirectory {
    pub(crate) fn new(capacity: usize, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(capacity), keys: LruTable::new(capacity), hash_key, remaps: 0 }
    }

    pub(crate) fn apply(&mut self, control: &Control, tally: &mut Tally) {
        match control {
            Control::Listen { endpoint, call, side, since, formats, offered_by, is_secure, keys } => {
                let listener = Listener {
                    call: *call,
                    side: *side,
                    is_secure: *is_secure,
                    since: *since,
                    released_at: None,
                    formats: FormatLog::new(Arc::clone(formats)),
                };
                if let Some(keys) = keys {
                    self.learn_keys((*call, *side), keys, *since);
                }
                if let Some(slot) = self.table.find(endpoint.0, endpoint) {
                    if let Some((_, listeners)) = self.table.get_mut(slot) {
                        let is_remapped = listeners.add(listener, formats, *offered_by);
                        self.remaps = self.remaps.wrapping_add(u32::from(is_remapped));
                    }
                    self.table.touch(slot, IN_USE, *since);
                    return;
                }
                let listeners = Listeners::One(listener);
                let (_, evicted) = self.table.insert(endpoint.0, *endpoint, listeners, IN_USE, *since);
                if evicted.is_some_and(|e| !e.value.are_released()) {
                    tally.losses.count(Loss::MediaEndpointEvicted);
                }
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
                // No stream of it begins any more.
                self.forget_keys(*call);
                let Some(slot) = self.table.find(endpoint.0, endpoint) else { return };
                let Some((_, listeners)) = self.table.get_mut(slot) else { return };
                for listener in listeners.as_mut_slice().iter_mut().filter(|l| l.call == *call) {
                    listener.released_at.get_or_insert(*at);
                }
                if listeners.are_released() {
                    self.table.touch(slot, RELEASED, *at);
                }
            }
        }
    }

    /// The call that a stream between two endpoints belongs to, if it began at `first_seen`: by whoever listens
    /// where it goes, or (behind NAT the description names another address) where it comes from; then it is
    /// the sender's own listener, and the second value is true.
    ///
    /// Of several calls at one endpoint, one that knows both ends is preferred, then one that is not over, then
    /// the newest.
    pub(crate) fn call_of(&self, flow: FlowKey, first_seen: Timestamp) -> Option<(&Listener, bool)> {
        let there = self.listeners(flow.dst);
        let here = self.listeners(flow.src);
        let is_apt = |l: &&Listener| {
            l.since <= first_seen + AHEAD && l.released_at.is_none_or(|at| first_seen.since(at) <= AFTERGLOW)
        };
        let rank = |l: &&Listener| (l.released_at.is_none(), l.since);
        let knows_both = |l: &&Listener| here.iter().any(|h| h.call == l.call && h.side != l.side);
        let both = there.iter().filter(is_apt).filter(knows_both).max_by_key(rank);
        let receiver = both.or_else(|| there.iter().filter(is_apt).max_by_key(rank));
        receiver
            .map(|l| (l, false))
            .or_else(|| here.iter().filter(is_apt).max_by_key(rank).map(|l| (l, true)))
    }

    /// What the descriptions of a call say of payload types between two endpoints.
    pub(crate) fn described(&self, flow: FlowKey, call: i64) -> Described<'_> {
        let of = |endpoint| self.listeners(endpoint).iter().find(|l| l.call == call).map(|l| &l.formats);
        Described { receiver: of(flow.dst), sender: of(flow.src) }
    }

    /// How often a payload type in use came to stand for something else, in whatever call.
    pub(crate) const fn remaps(&self) -> u32 {
        self.remaps
    }

    /// The keys under which a call's side sends, where a description told them.
    pub(crate) fn keys_of(&self, call: i64, sender: Side) -> Option<&Arc<[SrtpKey]>> {
        let slot = self.keys.find(place_of_keys(call, sender), &(call, sender))?;
        self.keys.get(slot).map(|(_, keys)| keys)
    }

    fn forget_keys(&mut self, call: i64) {
        if self.keys.is_empty() {
            return;
        }
        for side in [Side::Caller, Side::Callee] {
            if let Some(slot) = self.keys.find(place_of_keys(call, side), &(call, side)) {
                self.keys.remove(slot);
            }
        }
    }

    fn learn_keys(&mut self, of: (i64, Side), keys: &Arc<[SrtpKey]>, since: Timestamp) {
        let hash = place_of_keys(of.0, of.1);
        if let Some(slot) = self.keys.find(hash, &of) {
            if let Some((_, known)) = self.keys.get_mut(slot) {
                known.clone_from(keys);
            }
            self.keys.touch(slot, 0, since);
        } else {
            self.keys.insert(hash, of, Arc::clone(keys), 0, since);
        }
    }

    /// Whether `call` still listens at either end.
    pub(crate) fn is_open(&self, flow: FlowKey, call: i64) -> bool {
        let is_it = |l: &Listener| l.call == call && l.released_at.is_none();
        self.listeners(flow.dst).iter().chain(self.listeners(flow.src)).any(is_it)
    }

    fn listeners(&self, endpoint: Endpoint) -> &[Listener] {
        let key = EndpointKey::new(&self.hash_key, endpoint);
        let found = self.table.find(key.0, &key).and_then(|slot| self.table.get(slot));
        found.map_or(&[], |(_, listeners)| listeners.as_slice())
    }
}

impl Listeners {
    fn as_slice(&self) -> &[Listener] {
        match self {
            Self::One(listener) => std::slice::from_ref(listener),
            Self::Several(listeners) => listeners,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Listener] {
        match self {
            Self::One(listener) => std::slice::from_mut(listener),
            Self::Several(listeners) => listeners,
        }
    }

    /// Whether the calls of all are over.
    fn are_released(&self) -> bool {
        self.as_slice().iter().all(|l| l.released_at.is_some())
    }

    /// Adds a listener in place of the same call's older word, of one that is over, or of the oldest. Answers whether a
    /// payload type came to stand for something else.
    fn add(&mut self, listener: Listener, said: &Arc<Formats>, offered_by: Option<u32>) -> bool {
        let known = self.as_mut_slice();
        if let Some(same) = known.iter_mut().find(|l| l.call == listener.call) {
            let mut formats = same.formats.clone();
            let is_remapped = match offered_by {
                Some(cseq) => {
                    formats.offer(cseq, said);
                    false
                }
                None => formats.add(said, same.since, listener.since),
            };
            // A re-INVITE changes what is said, not since when the call listens.
            *same = Listener { since: same.since, formats, ..listener };
            return is_remapped;
        }
        let is_over = |l: &Listener| l.released_at.is_some_and(|at| listener.since.since(at) > AFTERGLOW);
        if let Some(over) = known.iter_mut().find(|l| is_over(l)) {
            *over = listener;
            return false;
        }
        match self {
            Self::One(first) => *self = Self::Several(vec![first.clone(), listener]),
            Self::Several(listeners) => {
                if listeners.len() == MAX_LISTENERS {
                    listeners.remove(0);
                }
                listeners.push(listener);
            }
        }
        false
    }
}
