use bellwether_base::{Loss, Losses};
use bellwether_sip::{Framed, frame, resync};
use bellwether_wire::{TcpStream, hep3_len};

/// Reads without a start line after which a flow joined midway is taken for something else.
const MAX_MISSES: u8 = 16;

/// The unread end of a torn flow that may hold the beginning of a start line.
const KEPT_TAIL: usize = 2048;

/// What is remembered of a TCP flow.
#[derive(Default)]
pub(crate) struct SipFlow {
    is_sip: bool,
    is_hep: bool,
    misses: u8,
}

/// What stands in a flow.
pub(crate) enum InStream<'a> {
    Sip(&'a [u8]),
    /// An agent's envelope, version 3.
    Hep(&'a [u8]),
}

/// Takes the whole messages off the front of a flow and hands each to `message`.
pub(crate) fn read_messages(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    mut message: impl FnMut(InStream<'_>, &mut Losses),
) {
    loop {
        if stream.state.is_hep || stream.unread().starts_with(HEP) {
            match read_hep(stream, losses, &mut message) {
                Some(()) => continue,
                None => return,
            }
        }
        if stream.take_torn() && !find_start(stream) {
            return;
        }
        if stream.state.is_hep {
            continue;
        }
        match frame(stream.unread()) {
            Framed::Message { skip, len } => {
                stream.state.is_sip = true;
                stream.consume(skip);
                message(InStream::Sip(stream.unread().get(..len).unwrap_or_default()), losses);
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

/// How every message of HEP version 3 begins.
const HEP: &[u8] = b"HEP3";

/// Takes one envelope off the front; none if it has to wait for more octets.
fn read_hep(
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
    (!stream.unread().is_empty()).then_some(())
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
