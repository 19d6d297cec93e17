use bellwether_base::{Loss, Losses};
use bellwether_sip::{Framed, frame, resync};
use bellwether_wire::TcpStream;

use super::hep::HEP;
use super::web_socket::begins_with_framed_sip;
use super::{InStream, SipFlow};

/// Reads without a start line after which a flow joined midway is taken for something else.
const MAX_MISSES: u8 = 16;

/// The unread end of a torn flow that may hold the beginning of a start line.
const KEPT_TAIL: usize = 2048;

/// Two line ends.
const PING: usize = 4;

/// Takes one message, keep-alive or line off the front; none if it has to wait for more octets.
pub(super) fn take(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    message: &mut impl FnMut(InStream<'_>, &mut Losses),
) -> Option<()> {
    if stream.take_torn() {
        // The start may be that of an envelope or a frame, which are taken by others.
        return find_start(stream).then_some(());
    }
    match frame(stream.unread()) {
        Framed::Message { skip, len } => {
            stream.state.is_sip = true;
            stream.consume(skip);
            message(InStream::Sip(stream.unread().get(..len)?), losses);
            stream.consume(len);
        }
        Framed::KeepAlive { len } => {
            // The answer to one is a single line end (RFC 5626 section 4.4.1).
            if len >= PING {
                message(InStream::KeepAlive(stream.unread().get(..PING)?), losses);
            }
            stream.consume(len);
        }
        Framed::Incomplete => return None,
        Framed::NotSip if !stream.state.is_sip => {
            stream.ignore();
            return None;
        }
        Framed::NotSip => skip_line(stream),
        Framed::TooLarge => {
            losses.count(Loss::TcpBufferFull);
            skip_line(stream);
        }
    }
    Some(())
}

/// In a torn flow, goes to the next envelope or start line; answers whether there is one.
fn find_start(stream: &mut TcpStream<SipFlow>) -> bool {
    let unread = stream.unread();
    // Looked for first: an envelope holds a start line too.
    let hep = if stream.state.is_sip { None } else { memchr::memmem::find(unread, HEP) };
    if let Some(at) = hep {
        stream.consume(at);
        stream.state.is_hep = true;
        return true;
    }
    if !stream.state.is_sip && begins_with_framed_sip(unread) {
        stream.state.web_socket = Some(Box::default());
        return true;
    }
    if let Some(at) = resync(unread, 0) {
        stream.consume(at);
        return true;
    }
    // A start line may have begun at the end of what is there.
    let tail = unread.iter().rposition(|b| *b == b'\n').map_or(unread.len(), |at| unread.len() - at - 1);
    let dropped = unread.len() - tail.min(KEPT_TAIL);
    stream.consume(dropped);
    stream.tear();
    // Octets that may still become a start line are no miss, however few come at a time.
    stream.state.misses = stream.state.misses.saturating_add(u8::from(dropped > 0));
    if stream.state.misses > MAX_MISSES && !stream.state.is_sip {
        stream.ignore();
    }
    false
}

/// Passes over the line at the front, which no message begins with.
fn skip_line(stream: &mut TcpStream<SipFlow>) {
    let line = stream.unread().iter().position(|b| *b == b'\n').map_or(stream.unread().len(), |at| at + 1);
    stream.consume(line.max(1));
    stream.tear();
}
