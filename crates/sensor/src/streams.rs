//! Content of TCP connections: plain SIP, WebSockets, HEP envelopes, or TLS.

mod hep;
mod sip;
mod web_socket;

use bellwether_base::Losses;
use bellwether_wire::{Held, TcpStream, Torn};

use hep::Envelopes;
use sip::Messages;
use web_socket::Socket;

/// State of a TCP flow.
#[derive(Default)]
pub struct SipFlow {
    speaks: Speaks,
    /// Octets at the front that were searched for the end of a handshake.
    searched: usize,
    /// True after HTTP without an upgrade to WebSocket.
    is_no_web_socket: bool,
}

/// Protocol of a flow, as far as recognised.
enum Speaks {
    /// SIP, or not recognised yet.
    Sip(Messages),
    Hep(Envelopes),
    WebSocket(Box<Socket>),
}

impl Default for Speaks {
    fn default() -> Self {
        Self::Sip(Messages::default())
    }
}

/// Octets charged for the position within a message.
const WITHIN: usize = 64;

impl Held for SipFlow {
    fn held(&self) -> usize {
        match &self.speaks {
            Speaks::WebSocket(socket) => socket.held(),
            // A flow in the middle of a message is evicted later than an idle one.
            Speaks::Sip(messages) if messages.is_within() => WITHIN,
            Speaks::Sip(_) | Speaks::Hep(_) => 0,
        }
    }
}

/// An element of a flow with the sequence numbers of its octets.
pub struct Taken<'a> {
    /// The element.
    pub what: InStream<'a>,
    /// Sequence number of its first octet. Control frames of a WebSocket may precede its message.
    pub from: u32,
    /// Sequence number behind its last octet.
    pub to: u32,
}

/// The content of an element.
pub enum InStream<'a> {
    /// A SIP message.
    Sip(&'a [u8]),
    /// A HEP version 3 envelope of an agent.
    Hep(&'a [u8]),
    /// A WebSocket message.
    WebSocket(&'a [u8]),
    /// Line ends that keep the connection open.
    KeepAlive(&'a [u8]),
    /// A TLS handshake: the following data cannot be read.
    Tls,
}

/// A TCP flow with its state.
type Stream = TcpStream<SipFlow>;

/// Result of one step on a flow.
enum Step {
    /// Octets were consumed, or the protocol was recognised.
    Taken,
    /// More octets are needed.
    Waits,
    /// The flow has another protocol.
    NotOurs,
}

/// Takes complete messages off the front of a flow and passes each to `message`.
pub fn read_messages(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    mut message: impl FnMut(Taken<'_>, &mut Losses),
) {
    if let Some(torn) = stream.take_torn() {
        tear(stream, torn, losses);
    }
    while !stream.unread().is_empty() {
        let step = match stream.state.speaks {
            Speaks::Sip(messages) if !messages.is_sip() => match begins(stream.unread()) {
                Begins::Hep => {
                    stream.state.speaks = Speaks::Hep(Envelopes::default());
                    Step::Taken
                }
                Begins::Http if !stream.state.is_no_web_socket => web_socket::take_handshake(stream),
                Begins::Tls => {
                    message(front(stream, InStream::Tls, 0), losses);
                    Step::NotOurs
                }
                Begins::Unsure => Step::Waits,
                Begins::Http | Begins::Other => sip::take(stream, messages, losses, &mut message),
            },
            Speaks::Sip(messages) => sip::take(stream, messages, losses, &mut message),
            Speaks::Hep(envelopes) => hep::take(stream, envelopes, losses, &mut message),
            Speaks::WebSocket(_) => web_socket::take(stream, losses, &mut message),
        };
        match step {
            Step::Taken => {}
            Step::Waits => return,
            Step::NotOurs => return stream.ignore(),
        }
    }
}

/// An element of `len` octets at the front of a flow.
fn front<'a>(stream: &Stream, what: InStream<'a>, len: usize) -> Taken<'a> {
    let from = stream.position();
    Taken { what, from, to: from.wrapping_add(len as u32) }
}

/// Handles octets missing at the front. A flow stays in step if lengths locate the next message, and searches
/// for it otherwise.
fn tear(stream: &mut Stream, torn: Torn, losses: &mut Losses) {
    let octets = match torn {
        Torn::Octets(octets) => Some(octets),
        Torn::Unknown => None,
    };
    stream.state.searched = 0;
    let is_framed_sip = web_socket::begins_with_framed_sip(stream.unread());
    let now_speaks = match &mut stream.state.speaks {
        Speaks::Sip(messages) => {
            let is_in_step = messages.torn(octets);
            (!is_in_step && !messages.is_sip() && is_framed_sip).then(|| Speaks::WebSocket(Box::default()))
        }
        Speaks::Hep(envelopes) => {
            envelopes.torn(octets, losses);
            None
        }
        Speaks::WebSocket(socket) => {
            socket.torn(octets);
            None
        }
    };
    if let Some(now_speaks) = now_speaks {
        stream.state.speaks = now_speaks;
    }
}

/// Protocol of a flow by its first octets.
enum Begins {
    Hep,
    Http,
    Tls,
    /// A few octets that may also be the start of TLS.
    Unsure,
    Other,
}

fn begins(unread: &[u8]) -> Begins {
    match unread {
        [b'H', b'E', b'P', b'3', ..] => Begins::Hep,
        [b'G', b'E', b'T', b' ', ..] | [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', b'1', ..] => {
            Begins::Http
        }
        // A handshake record of any version (RFC 8446 section 5.1).
        [0x16, 3, 0..=4, _, _, 1 | 2, ..] => Begins::Tls,
        [0x16] | [0x16, 3] | [0x16, 3, 0..=4] | [0x16, 3, 0..=4, _] | [0x16, 3, 0..=4, _, _] => {
            Begins::Unsure
        }
        _ => Begins::Other,
    }
}

#[cfg(test)]
mod tests;
