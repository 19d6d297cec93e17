use bellwether_base::{Loss, Losses};
use bellwether_sip::{Framed, Framer};

use super::{InStream, Speaks, Step, Stream, Taken, front};

/// Octets without a start line after which a flow counts as another protocol: more than the largest message.
const MAX_ASTRAY: u32 = 64 << 10;

/// Length of a ping: two line ends.
const PING: usize = 4;

/// State of SIP messages in a flow.
#[derive(Clone, Copy, Default)]
pub(super) struct Messages {
    framer: Framer,
    /// True once a message was found.
    is_sip: bool,
    /// Octets skipped in search of the first message.
    astray: u32,
}

impl Messages {
    pub(super) const fn is_sip(self) -> bool {
        self.is_sip
    }

    /// True within a message.
    pub(super) const fn is_within(&self) -> bool {
        self.framer.is_within()
    }

    /// Skips the line at the front, which is not SIP.
    pub(super) fn pass_line(mut self) -> Self {
        self.framer.pass_line();
        self
    }

    /// Handles missing octets. Returns true if lengths locate the next message.
    pub(super) fn torn(&mut self, octets: Option<u64>) -> bool {
        self.framer.torn(octets)
    }
}

/// Takes one message, keep-alive or line off the front.
pub(super) fn take(
    stream: &mut Stream,
    mut messages: Messages,
    losses: &mut Losses,
    message: &mut impl FnMut(Taken<'_>, &mut Losses),
) -> Step {
    let mut hand = |len, stream: &Stream, losses: &mut Losses| {
        if let Some(octets) = stream.unread().get(..len) {
            message(front(stream, InStream::Sip(octets), len), losses);
        }
    };
    let len = match messages.framer.next(stream.unread()) {
        Framed::Message { len } => {
            messages.is_sip = true;
            hand(len, stream, losses);
            len
        }
        Framed::Cut { len } => {
            messages.is_sip = true;
            losses.count(Loss::SipTooLong);
            hand(len, stream, losses);
            len
        }
        Framed::KeepAlive { len } => {
            // The answer to a ping is a single line end (RFC 5626 section 4.4.1).
            if let Some(ping) = stream.unread().get(..PING) {
                message(front(stream, InStream::KeepAlive(ping), PING), losses);
            }
            len
        }
        Framed::Pass { len } => {
            messages.astray = messages.astray.saturating_add(len as u32);
            if !messages.is_sip && messages.astray > MAX_ASTRAY {
                return Step::NotOurs;
            }
            len
        }
        // Other data before SIP does not decide the protocol: a proxy may receive an invalid line first.
        Framed::NotSip => {
            messages.framer.pass_line();
            0
        }
        Framed::Incomplete => {
            stream.state.speaks = Speaks::Sip(messages);
            return Step::Waits;
        }
    };
    stream.state.speaks = Speaks::Sip(messages);
    stream.consume(len);
    Step::Taken
}
