use bellwether_base::Losses;
use bellwether_sip::{Verdict, probe};
use bellwether_wire::{TcpStream, WsFrame, first_octets};

use super::{InStream, SipFlow};

/// Headers of a WebSocket's handshake; more is no handshake.
const MAX_HANDSHAKE: usize = 16 << 10;

/// Takes the handshake that turns HTTP into a WebSocket (RFC 6455 section 4); gives up on any other HTTP.
pub(super) fn take_handshake(stream: &mut TcpStream<SipFlow>) -> Option<()> {
    let unread = stream.unread();
    let Some(end) = memchr::memmem::find(unread, b"\r\n\r\n") else {
        if unread.len() > MAX_HANDSHAKE {
            stream.ignore();
        }
        return None;
    };
    let headers = unread.get(..end).unwrap_or_default();
    let is_upgrade = headers.split(|b| *b == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"upgrade:") && memchr::memmem::find(&line, b"websocket").is_some()
    });
    if !is_upgrade {
        stream.ignore();
        return None;
    }
    stream.consume(end + 4);
    stream.state.web_socket = Some(Box::default());
    Some(())
}

/// Takes one frame off the front; none if it has to wait for more octets, or cannot be read.
pub(super) fn take(
    stream: &mut TcpStream<SipFlow>,
    losses: &mut Losses,
    message: &mut impl FnMut(InStream<'_>, &mut Losses),
) -> Option<()> {
    let mut socket = stream.state.web_socket.take()?;
    // Frames have no mark; behind a gap the next segment that begins with SIP in a frame goes on.
    if stream.take_torn() && !begins_with_framed_sip(stream.unread()) {
        let len = stream.unread().len();
        stream.consume(len);
        stream.tear();
        stream.state.web_socket = Some(socket);
        return None;
    }
    let taken = socket.take(stream.unread());
    let len = match taken {
        Ok(WsFrame::Incomplete) => None,
        Ok(WsFrame::Taken(len)) => Some(len),
        Ok(WsFrame::Complete(len)) => {
            if probe(socket.message()) != Verdict::NotOurs {
                message(InStream::WebSocket(socket.message()), losses);
            }
            Some(len)
        }
        Err(loss) => {
            losses.count(loss);
            stream.ignore();
            return None;
        }
    };
    stream.state.web_socket = Some(socket);
    stream.consume(len?);
    Some(())
}

/// Whether a frame begins here and a SIP message in it.
pub(super) fn begins_with_framed_sip(bytes: &[u8]) -> bool {
    first_octets(bytes).is_some_and(|octets| probe(&octets) != Verdict::NotOurs)
}
