use std::sync::Arc;

use bellwether_base::{Endpoint, HashKey, Loss, LruTable, Timestamp};

use crate::Tally;

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

/// What media owners must know from signalling. It takes effect on every worker at the same barrier.
#[derive(Clone, Debug)]
pub enum Control {
    /// A session description names an endpoint at which one side of a call wants to receive.
    Listen {
        /// Where.
        endpoint: Endpoint,
        /// For which call.
        call: i64,
        /// Which side listens there.
        side: Side,
        /// Since when.
        since: Timestamp,
        /// Payload types and their encodings, `name/rate`.
        formats: Arc<[(u8, Box<str>)]>,
        /// Whether the media is encrypted.
        is_secure: bool,
    },
    /// The call is over: a stream that begins now is another call's.
    Release {
        /// Where the call listened.
        endpoint: Endpoint,
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
    released_at: Option<Timestamp>,
    pub(crate) formats: Arc<[(u8, Box<str>)]>,
}

/// How long a stream may begin after its call ended and still belong to it.
const AFTERGLOW_NS: i64 = 1_000_000_000;

/// The negotiated media endpoints. Every worker holds the same, as each gets all controls in one order.
pub(crate) struct MediaDirectory {
    table: LruTable<Endpoint, Listener, 2>,
    hash_key: HashKey,
}

/// Queue of the table for endpoints of calls that are over: they leave first.
const RELEASED: usize = 0;
/// Queue for endpoints in use.
const IN_USE: usize = 1;

impl MediaDirectory {
    pub(crate) fn new(capacity: usize, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(capacity), hash_key }
    }

    pub(crate) fn apply(&mut self, control: &Control, tally: &mut Tally) {
        match control {
            Control::Listen { endpoint, call, side, since, formats, is_secure } => {
                let listener = Listener {
                    call: *call,
                    side: *side,
                    is_secure: *is_secure,
                    released_at: None,
                    formats: Arc::clone(formats),
                };
                let hash = self.hash(*endpoint);
                if let Some(slot) = self.table.find(hash, endpoint) {
                    let held = self.table.get_mut(slot).map(|(_, listener)| listener);
                    // A B2BUA that passes SDP through names one endpoint in two calls: the first keeps it.
                    if let Some(held) = held
                        && (held.released_at.is_some() || held.call == *call)
                    {
                        *held = listener;
                        self.table.touch(slot, IN_USE, *since);
                    }
                } else {
                    let (_, evicted) = self.table.insert(hash, *endpoint, listener, IN_USE, *since);
                    if evicted.is_some_and(|e| e.value.released_at.is_none()) {
                        tally.losses.count(Loss::MediaEndpointEvicted);
                    }
                }
            }
            Control::Release { endpoint, call, at } => {
                let Some(slot) = self.table.find(self.hash(*endpoint), endpoint) else { return };
                let Some((_, held)) = self.table.get_mut(slot) else { return };
                if held.call == *call && held.released_at.is_none() {
                    held.released_at = Some(*at);
                    self.table.touch(slot, RELEASED, *at);
                }
                // Nothing begins late enough to need entries this old.
                while let Some((slot, _)) = self
                    .table
                    .oldest_before(RELEASED, *at - bellwether_base::Span::from_nanos(5 * AFTERGLOW_NS))
                {
                    self.table.remove(slot);
                }
            }
        }
    }

    /// Who listens at `endpoint` for a stream that began at `first_seen`.
    pub(crate) fn listener(&self, endpoint: Endpoint, first_seen: Timestamp) -> Option<&Listener> {
        let slot = self.table.find(self.hash(endpoint), &endpoint)?;
        let (_, listener) = self.table.get(slot)?;
        let is_over = listener.released_at.is_some_and(|at| first_seen.since(at).as_nanos() > AFTERGLOW_NS);
        (!is_over).then_some(listener)
    }

    fn hash(&self, endpoint: Endpoint) -> u64 {
        self.hash_key.parts(&[&endpoint.octets(), &endpoint.port().to_be_bytes()])
    }
}
