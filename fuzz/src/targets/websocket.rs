//! WebSocket frames of one direction.

use bellwether_wire::{WebSocket, WsFrame, first_octets};

/// Maximum size of a SIP message.
const LARGEST: usize = 64 << 10;

/// The result of reading a stream.
#[derive(PartialEq, Eq, Debug, Default)]
struct Read {
    /// The messages in order.
    messages: Vec<Vec<u8>>,
    /// Number of consumed octets, and true if an invalid frame ended the stream.
    taken: usize,
    is_refused: bool,
}

/// Laws: segmentation does not change the messages. Only present octets are consumed. Messages are bounded. The
/// recognition of a stream midway (`first_octets`) agrees with the regular reader.
pub(super) fn run(octets: &[u8]) {
    let whole = read(octets, octets.len().max(1));
    for size in [1, 5, 1460] {
        assert_eq!(read(octets, size), whole, "segments of {size} octets give the same messages");
    }
    if let Some(begins) = first_octets(octets) {
        let mut socket = WebSocket::default();
        let mut rest = octets;
        // The header, and then the first octets of the payload.
        for _ in 0..2 {
            if let Ok(WsFrame::Taken(len) | WsFrame::Complete(len)) = socket.take(rest) {
                rest = rest.get(len..).unwrap_or_default();
            }
        }
        assert!(socket.message().starts_with(&begins), "recognition midway agrees with the reader");
    }
}

fn read(stream: &[u8], size: usize) -> Read {
    let (mut socket, mut read) = (WebSocket::default(), Read::default());
    for end in (size..stream.len() + size).step_by(size) {
        loop {
            let unread = stream.get(read.taken..end.min(stream.len())).unwrap_or_default();
            let (len, is_complete) = match socket.take(unread) {
                Ok(WsFrame::Incomplete) => break,
                Ok(WsFrame::Taken(len)) => (len, false),
                Ok(WsFrame::Complete(len)) => (len, true),
                Err(_) => {
                    read.is_refused = true;
                    return read;
                }
            };
            assert!(len > 0 && len <= unread.len(), "only present octets are consumed");
            assert!(socket.message().len() <= LARGEST, "a message is bounded");
            read.taken += len;
            if is_complete {
                read.messages.push(socket.message().to_vec());
            }
        }
    }
    read
}
