use bellwether_base::{Loss, Losses};
use bellwether_sip::{Verdict, probe};
use bellwether_wire::{WebSocket, WsFrame, first_octets};

use super::{InStream, Speaks, Step, Stream, Taken};

/// Size limit of a WebSocket handshake's headers.
const MAX_HANDSHAKE: usize = 16 << 10;

/// The end of a handshake.
const END: &[u8] = b"\r\n\r\n";

/// State of WebSocket frames in a flow.
#[derive(Default)]
pub(super) struct Socket {
    frames: WebSocket,
    /// True if the start of the next frame is unknown.
    is_lost: bool,
    /// Sequence number at which the current message began.
    began: Option<u32>,
}

impl Socket {
    pub(super) const fn held(&self) -> usize {
        self.frames.held()
    }

    /// Handles missing octets. Frames have no marker: unless a length locates the next frame, reading
    /// continues at the next segment that starts with SIP in a frame.
    pub(super) fn torn(&mut self, octets: Option<u64>) {
        let is_in_step = octets.is_some_and(|octets| self.frames.torn(octets));
        self.is_lost = !is_in_step;
        if self.is_lost {
            self.began = None;
            self.frames = WebSocket::default();
        }
    }
}

/// Takes the handshake that upgrades HTTP to a WebSocket (RFC 6455 section 4); other HTTP is skipped.
pub(super) fn take_handshake(stream: &mut Stream) -> Step {
    let unread = stream.unread();
    let searched = stream.state.searched.saturating_sub(END.len());
    let Some(end) = memchr::memmem::find(unread.get(searched..).unwrap_or_default(), END) else {
        if unread.len() > MAX_HANDSHAKE {
            return no_web_socket(stream);
        }
        stream.state.searched = unread.len();
        return Step::Waits;
    };
    let end = searched + end;
    let headers = unread.get(..end).unwrap_or_default();
    let is_upgrade = headers.split(|b| *b == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"upgrade:") && memchr::memmem::find(&line, b"websocket").is_some()
    });
    if !is_upgrade {
        return no_web_socket(stream);
    }
    stream.consume(end + END.len());
    stream.state.speaks = Speaks::WebSocket(Box::default());
    Step::Taken
}

/// Handles other HTTP: some ports accept SIP as well.
fn no_web_socket(stream: &mut Stream) -> Step {
    if let Speaks::Sip(messages) = stream.state.speaks {
        stream.state.speaks = Speaks::Sip(messages.pass_line());
    }
    stream.state.searched = 0;
    stream.state.is_no_web_socket = true;
    Step::Taken
}

/// Takes a part of a frame off the front.
pub(super) fn take(
    stream: &mut Stream,
    losses: &mut Losses,
    message: &mut impl FnMut(Taken<'_>, &mut Losses),
) -> Step {
    // The socket is moved out of the state while the flow's octets are borrowed.
    let Speaks::WebSocket(mut socket) = std::mem::take(&mut stream.state.speaks) else {
        return Step::NotOurs;
    };
    let (unread, position) = (stream.unread(), stream.position());
    let began = *socket.began.get_or_insert(position);
    let len = if socket.is_lost && !begins_with_framed_sip(unread) {
        unread.len()
    } else {
        socket.is_lost = false;
        match socket.frames.take(unread) {
            Ok(WsFrame::Incomplete) => 0,
            Ok(WsFrame::Taken(len)) => len,
            Ok(WsFrame::Complete(len)) => {
                if socket.frames.is_cut() {
                    losses.count(Loss::SipTooLong);
                }
                socket.began = None;
                if probe(socket.frames.message()) != Verdict::NotOurs {
                    let what = InStream::WebSocket(socket.frames.message());
                    message(Taken { what, from: began, to: position.wrapping_add(len as u32) }, losses);
                }
                len
            }
            Err(loss) => {
                losses.count(loss);
                return Step::NotOurs;
            }
        }
    };
    stream.state.speaks = Speaks::WebSocket(socket);
    stream.consume(len);
    if len == 0 { Step::Waits } else { Step::Taken }
}

/// True if a frame with a SIP message starts here.
pub(super) fn begins_with_framed_sip(bytes: &[u8]) -> bool {
    first_octets(bytes).is_some_and(|octets| probe(&octets) != Verdict::NotOurs)
}
