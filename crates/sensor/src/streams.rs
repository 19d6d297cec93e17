//! What flows in TCP connections: SIP as it is, in WebSockets, in HEP envelopes, or behind TLS.

mod hep;
mod sip;
mod web_socket;

use bellwether_base::Losses;
use bellwether_wire::{TcpStream, WebSocket};

/// What is remembered of a TCP flow.
#[derive(Default)]
pub(crate) struct SipFlow {
    is_sip: bool,
    is_hep: bool,
    web_socket: Option<Box<WebSocket>>,
    misses: u8,
}

/// What stands in a flow.
pub(crate) enum InStream<'a> {
    /// A SIP message.
    Sip(&'a [u8]),
    /// An agent's envelope, version 3.
    Hep(&'a [u8]),
    /// A message of a WebSocket.
    WebSocket(&'a [u8]),
    /// Line ends that keep the connection open.
    KeepAlive(&'a [u8]),
    /// A TLS handshake: what follows is dark.
    Tls,
}

/// Takes the whole messages off the front of a flow and hands each to `message`.
pub(crate) fn read_messages(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    mut message: impl FnMut(InStream<'_>, &mut Losses),
) {
    loop {
        let taken = match Kind::of(stream) {
            Kind::Sip => sip::take(stream, losses, &mut message),
            Kind::Hep => hep::take(stream, losses, &mut message),
            Kind::Http => web_socket::take_handshake(stream),
            Kind::WebSocket => web_socket::take(stream, losses, &mut message),
            Kind::Tls => {
                message(InStream::Tls, losses);
                return stream.ignore();
            }
        };
        if taken.is_none() || stream.unread().is_empty() {
            return;
        }
    }
}

/// What a flow speaks, as far as it shows.
#[derive(Clone, Copy)]
enum Kind {
    Sip,
    Hep,
    WebSocket,
    Http,
    Tls,
}

impl Kind {
    fn of(stream: &TcpStream<SipFlow>) -> Self {
        let (state, unread) = (&stream.state, stream.unread());
        if state.is_hep {
            return Self::Hep;
        }
        if state.web_socket.is_some() {
            return Self::WebSocket;
        }
        match unread {
            _ if state.is_sip => Self::Sip,
            [b'H', b'E', b'P', b'3', ..] => Self::Hep,
            [b'G', b'E', b'T', b' ', ..]
            | [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', b'1', ..] => Self::Http,
            // A handshake record of any version (RFC 8446 section 5.1).
            [0x16, 3, 0..=4, _, _, 1 | 2, ..] => Self::Tls,
            _ => Self::Sip,
        }
    }
}
