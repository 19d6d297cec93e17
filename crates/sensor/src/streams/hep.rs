use bellwether_base::{Loss, Losses};
use bellwether_wire::{TcpStream, hep3_len};

use super::{InStream, SipFlow};

/// How every message of HEP version 3 begins.
pub(super) const HEP: &[u8] = b"HEP3";

/// Takes one envelope off the front; none if it has to wait for more octets.
pub(super) fn take(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    message: &mut impl FnMut(InStream<'_>, &mut Losses),
) -> Option<()> {
    stream.state.is_hep = true;
    // Behind a gap only the mark shows where an envelope begins.
    let is_lost = stream.take_torn() && !stream.unread().starts_with(HEP);
    match hep3_len(stream.unread()) {
        Ok(Some(len)) if !is_lost => {
            message(InStream::Hep(stream.unread().get(..len)?), losses);
            stream.consume(len);
        }
        Ok(None) if !is_lost => return None,
        _ => {
            losses.count(Loss::HepDesync);
            // The mark may also have begun at the end of what is there.
            let unread = stream.unread();
            let next = memchr::memmem::find(unread.get(1..).unwrap_or_default(), HEP).map(|at| at + 1);
            stream.consume(next.unwrap_or_else(|| unread.len().saturating_sub(HEP.len() - 1).max(1)));
        }
    }
    Some(())
}
