use bellwether_base::{Loss, Losses};
use bellwether_sip::{Framed, frame, resync};
use bellwether_wire::TcpStream;

/// Reads without a start line after which a flow joined midway is taken for something else.
const MAX_MISSES: u8 = 16;

/// The unread end of a torn flow that may hold the beginning of a start line.
const KEPT_TAIL: usize = 2048;

/// What is remembered of a TCP flow.
#[derive(Default)]
pub(crate) struct SipFlow {
    is_sip: bool,
    misses: u8,
}

/// Takes the whole SIP messages off the front of a flow and hands each to `message`.
pub(crate) fn read_messages(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    mut message: impl FnMut(&[u8]),
) {
    loop {
        if stream.take_torn() && !find_start(stream) {
            return;
        }
        match frame(stream.unread()) {
            Framed::Message { skip, len } => {
                stream.state.is_sip = true;
                stream.consume(skip);
                message(stream.unread().get(..len).unwrap_or_default());
                stream.consume(len);
            }
            Framed::KeepAlive { len } => stream.consume(len),
            Framed::Incomplete => return,
            Framed::NotSip if !stream.state.is_sip => return stream.ignore(),
            Framed::NotSip => skip_line(stream),
            Framed::TooLarge => {
                losses.count(Loss::TcpBufferFull);
                skip_line(stream);
            }
        }
        if stream.unread().is_empty() {
            return;
        }
    }
}

/// In a torn flow, goes to the next start line; answers whether there is one.
fn find_start(stream: &mut TcpStream<SipFlow>) -> bool {
    let unread = stream.unread();
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
