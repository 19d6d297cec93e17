//! Listens to the beginnings of streams, so that recordings are known again.

use std::sync::Arc;

use bellwether_acoustics::recordings::{AudioSummary, Ear, Listener, Voice};
use bellwether_base::{Loss, Timestamp};
use bellwether_rtp::g711::Law;

use crate::conversations::Conversations;
use crate::{Limits, Tally};

/// Common parts of all streams of a shard.
pub(crate) struct Hearing {
    ear: Arc<Ear>,
    /// Each stream that is listened to holds one of these.
    seats: Arc<()>,
    /// Maximum number of streams that are listened to at once.
    most: usize,
    /// None if conversations are listened to as well.
    conversations: Option<Conversations>,
}

/// The sender of a packet of voice.
#[derive(Clone, Copy)]
pub(crate) struct Talker {
    /// Keyed hash of the two endpoints.
    pub(crate) pair: u64,
    /// One of the two directions.
    pub(crate) is_forward: bool,
    pub(crate) at: Timestamp,
}

impl Hearing {
    pub(crate) fn new(limits: &Limits, ear: Arc<Ear>) -> Self {
        let most = Limits::per_shard(limits.listeners);
        let conversations = limits.skips_conversations.then(|| Conversations::new(most));
        Self { ear, seats: Arc::new(()), most, conversations }
    }

    /// True if the talker takes turns with the other side.
    fn is_in_conversation(&mut self, listener: &mut Listener, talker: &Talker) -> bool {
        let (Some(conversations), Some(is_speech)) = (&mut self.conversations, listener.take_activity())
        else {
            return false;
        };
        conversations.note(talker.pair, talker.is_forward, is_speech, talker.at)
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
    Heard(Box<AudioSummary>),
    /// The result was reported, or nobody could listen.
    Over,
}

impl Attention {
    /// Listens to a packet.
    pub(crate) fn packet(
        &mut self,
        law: Law,
        voice: &Voice<'_>,
        talker: &Talker,
        hearing: &mut Hearing,
        tally: &mut Tally,
    ) {
        let is_over = match self {
            Self::Over | Self::Heard(_) => return,
            Self::Listening { listener, .. } => {
                listener.set_law(law);
                listener.packet(&hearing.ear, voice)
            }
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
        } else if let Self::Listening { listener, .. } = self
            && hearing.is_in_conversation(listener, talker)
        {
            *self = Self::Heard(Box::new(listener.of_a_conversation()));
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
    pub(crate) fn take(&mut self) -> Option<Box<AudioSummary>> {
        match std::mem::replace(self, Self::Over) {
            Self::Heard(heard) => Some(heard),
            _ => None,
        }
    }

    /// The result at the end of the stream.
    pub(crate) fn finish(&mut self, hearing: &Hearing) -> Option<Box<AudioSummary>> {
        self.end(hearing);
        self.take()
    }
}
