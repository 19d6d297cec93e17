//! WebSocket frames of one direction.

use bellwether_wire::{WebSocket, WsFrame, first_octets};

/// As large as a SIP message may be.
const LARGEST: usize = 64 << 10;

/// Laws: a frame is taken from its own octets alone; with one octet less it is not whole; messages are bounded; the way in
/// midway sees what the way from the start sees.
pub(super) fn run(octets: &[u8]) {
    let mut socket = WebSocket::default();
    let mut rest = octets;
    let mut is_first = true;
    while let Ok(WsFrame::Taken(len) | WsFrame::Complete(len)) = WebSocket::default().take(rest) {
        assert!(len > 0 && len <= rest.len(), "a frame has a length, and lies in the octets");
        let (frame, behind) = rest.split_at(len);
        assert_eq!(
            WebSocket::default().take(frame),
            WebSocket::default().take(rest),
            "a frame is taken from its own octets"
        );
        let short = frame.split_last().map_or(frame, |(_, short)| short);
        assert_eq!(
            WebSocket::default().take(short),
            Ok(WsFrame::Incomplete),
            "a frame that lacks an octet is not whole"
        );
        let taken = socket.take(rest);
        assert!(socket.message().len() <= LARGEST, "a message is bounded");
        if is_first && let Some(begins) = first_octets(rest) {
            assert!(socket.message().starts_with(&begins), "both ways in see the same");
        }
        is_first = false;
        if taken.is_err() {
            return;
        }
        rest = behind;
    }
}
