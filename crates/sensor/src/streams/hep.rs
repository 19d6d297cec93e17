use bellwether_base::{Loss, Losses};
use bellwether_wire::hep3_len;

use super::{InStream, Speaks, Step, Stream, Taken, front};

/// Start of every HEP version 3 message.
pub(super) const HEP: &[u8] = b"HEP3";

/// State of HEP envelopes in a flow.
#[derive(Clone, Copy, Default)]
pub(super) struct Envelopes {
    /// Length of the envelope at the front, once its header is complete.
    awaited: u64,
    /// Octets of a torn envelope left to skip.
    passed_over: u64,
    /// True if the start of the next envelope is unknown.
    is_lost: bool,
}

impl Envelopes {
    /// Handles missing octets. Within an envelope its length locates the next one, so that an envelope hidden
    /// in a message is not read as an agent's.
    pub(super) fn torn(&mut self, octets: Option<u64>, losses: &mut Losses) {
        let whole = self.awaited.max(self.passed_over);
        let left = octets.and_then(|octets| whole.checked_sub(octets));
        if left.is_none() {
            losses.count(Loss::HepDesync);
        }
        *self = Self { awaited: 0, passed_over: left.unwrap_or(0), is_lost: left.is_none() };
    }
}

/// Takes one envelope off the front.
pub(super) fn take(
    stream: &mut Stream,
    mut envelopes: Envelopes,
    losses: &mut Losses,
    message: &mut impl FnMut(Taken<'_>, &mut Losses),
) -> Step {
    let unread = stream.unread();
    let len = if envelopes.passed_over > 0 {
        let len = usize::try_from(envelopes.passed_over).unwrap_or(usize::MAX).min(unread.len());
        envelopes.passed_over -= len as u64;
        len
    } else if envelopes.is_lost && !unread.starts_with(HEP) {
        let next = memchr::memmem::find(unread, HEP);
        // The marker may start at the end of the available octets.
        next.unwrap_or_else(|| (unread.len() + 1).saturating_sub(HEP.len()))
    } else {
        match hep3_len(unread) {
            Ok(Some(len)) => {
                envelopes = Envelopes { awaited: len as u64, ..Envelopes::default() };
                let Some(envelope) = unread.get(..len) else {
                    stream.state.speaks = Speaks::Hep(envelopes);
                    return Step::Waits;
                };
                message(front(stream, InStream::Hep(envelope), len), losses);
                envelopes.awaited = 0;
                len
            }
            Ok(None) => 0,
            Err(_) => {
                losses.count(Loss::HepDesync);
                envelopes.is_lost = true;
                1
            }
        }
    };
    stream.state.speaks = Speaks::Hep(envelopes);
    stream.consume(len);
    if len == 0 { Step::Waits } else { Step::Taken }
}
