use bellwether_base::{Loss, Losses};
use bellwether_sip::{Framed, Framer};

use super::{InStream, Speaks, Step, Stream};

/// Octets without a start line after which a flow is taken for something else: more than a message may have.
const MAX_ASTRAY: u32 = 64 << 10;

/// Two line ends.
const PING: usize = 4;

/// SIP messages in a flow.
#[derive(Clone, Copy, Default)]
pub(super) struct Messages {
    framer: Framer,
    /// Whether a message was found.
    is_sip: bool,
    /// Octets that were passed over in search of the first one.
    astray: u32,
}

impl Messages {
    pub(super) const fn is_sip(self) -> bool {
        self.is_sip
    }

    /// Whether a message is under way.
    pub(super) const fn is_within(&self) -> bool {
        self.framer.is_within()
    }

    /// The front is nothing of SIP, up to the end of its line.
    pub(super) fn pass_line(mut self) -> Self {
        self.framer.pass_line();
        self
    }

    /// Octets are missing. Answers whether lengths tell where the next message begins.
    pub(super) fn torn(&mut self, octets: Option<u64>) -> bool {
        self.framer.torn(octets)
    }
}

/// Takes one message, keep-alive or line off the front.
pub(super) fn take(
    stream: &mut Stream,
    mut messages: Messages,
    losses: &mut Losses,
    message: &mut impl FnMut(InStream<'_>, &mut Losses),
) -> Step {
    let mut hand = |len, stream: &Stream, losses: &mut Losses| {
        if let Some(octets) = stream.unread().get(..len) {
            message(InStream::Sip(octets), losses);
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
            // The answer to one is a single line end (RFC 5626 section 4.4.1).
            if let Some(ping) = stream.unread().get(..PING) {
                message(InStream::KeepAlive(ping), losses);
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
        // Something else first makes no other flow of it: a proxy may have been sent a line that is none.
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
