//! Listens to the beginnings of streams, so that recordings are known again.

use std::sync::Arc;

use bellwether_acoustics::recordings::{Ear, Heard, Listener, Voice};
use bellwether_base::{HashKey, Loss};
use bellwether_rtp::g711::Law;

use crate::{Limits, Tally};

/// What all streams of a shard share.
pub(crate) struct Hearing {
    ear: Arc<Ear>,
    /// Each stream that is listened to holds one of these.
    seats: Arc<()>,
    /// Maximum number of streams that are listened to at once.
    most: usize,
}

impl Hearing {
    pub(crate) fn new(limits: &Limits, ear: Arc<Ear>) -> Self {
        Self { ear, seats: Arc::new(()), most: Limits::per_shard(limits.listeners) }
    }

    /// The constants of all shards of a worker.
    pub(crate) fn ear(key: &HashKey) -> Arc<Ear> {
        Arc::new(Ear::new(key))
    }

    fn seat(&self) -> Option<Arc<()>> {
        // One more reference is held here.
        (Arc::strong_count(&self.seats) <= self.most).then(|| Arc::clone(&self.seats))
    }
}

/// State of one stream.
#[derive(Debug, Default)]
pub(crate) enum Attention {
    /// No G.711 so far.
    #[default]
    Unheard,
    Listening {
        listener: Box<Listener>,
        _seat: Arc<()>,
    },
    /// Enough was heard. The result waits for the stream's call.
    Heard(Box<Heard>),
    /// The result was reported, or nobody could listen.
    Over,
}

impl Attention {
    /// Listens to a packet.
    pub(crate) fn packet(&mut self, law: Law, voice: &Voice<'_>, hearing: &Hearing, tally: &mut Tally) {
        let is_over = match self {
            Self::Over | Self::Heard(_) => return,
            Self::Listening { listener, .. } if listener.law() == law => listener.packet(&hearing.ear, voice),
            // The codec changed: what was heard so far stands.
            Self::Listening { .. } => true,
            Self::Unheard => {
                let Some(seat) = hearing.seat() else {
                    tally.losses.count(Loss::RecordingUnheard);
                    *self = Self::Over;
                    return;
                };
                let mut listener = Box::new(Listener::new(law));
                let is_over = listener.packet(&hearing.ear, voice);
                *self = Self::Listening { listener, _seat: seat };
                is_over
            }
        };
        if is_over {
            self.end(hearing);
        }
    }

    fn end(&mut self, hearing: &Hearing) {
        match std::mem::replace(self, Self::Over) {
            Self::Listening { listener, .. } => {
                *self = Self::Heard(Box::new(listener.finish(&hearing.ear)));
            }
            other => *self = other,
        }
    }

    /// True if the result waits to be reported.
    pub(crate) const fn is_heard(&self) -> bool {
        matches!(self, Self::Heard(_))
    }

    /// The result, once.
    pub(crate) fn take(&mut self) -> Option<Box<Heard>> {
        match std::mem::replace(self, Self::Over) {
            Self::Heard(heard) => Some(heard),
            _ => None,
        }
    }

    /// The result at the end of the stream.
    pub(crate) fn finish(&mut self, hearing: &Hearing) -> Option<Box<Heard>> {
        self.end(hearing);
        self.take()
    }
}
