//! WebSocket framing (RFC 6455 section 5), as SIP uses it (RFC 7118).

use bellwether_base::Loss;

/// Octets kept of a message: the size limit of a SIP message.
const MAX_MESSAGE: usize = 64 << 10;

/// Buffer capacity kept between messages.
const KEPT_ROOM: usize = 4096;

/// One direction of a WebSocket connection: assembles messages from frames.
///
/// Payload is taken as it arrives, so no frame is buffered whole, and a frame of any length is skipped to its
/// last octet.
#[derive(Debug, Default)]
pub struct WebSocket {
    message: Vec<u8>,
    frame: Option<Frame>,
    /// True while a message is incomplete.
    is_open: bool,
    /// True if octets of the message are missing.
    is_torn: bool,
    /// True if the message is longer than the part kept.
    is_cut: bool,
}

/// The result of [`WebSocket::take`] for the octets at the front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WsFrame {
    /// More octets are needed.
    Incomplete,
    /// This many octets were taken; the message is not complete.
    Taken(usize),
    /// This many octets were taken, and the message is complete.
    Complete(usize),
}

/// A frame whose header was read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    is_final: bool,
    opcode: u8,
    /// Masking key, rotated so that the key of the next octet comes first.
    mask: [u8; 4],
    /// Octets of the payload not taken yet.
    left: u64,
}

impl Frame {
    /// True for close, ping and pong, which may stand between the frames of a message.
    const fn is_control(self) -> bool {
        self.opcode >= 8
    }

    /// The frame after `n` octets of its payload.
    fn behind(mut self, n: u64) -> Self {
        self.mask.rotate_left((n % 4) as usize);
        Self { left: self.left.saturating_sub(n), ..self }
    }
}

impl WebSocket {
    /// Takes the header or the available payload at the front.
    ///
    /// # Errors
    /// [`Loss::WebSocketUnreadable`] if a frame uses an extension (compression is one).
    pub fn take(&mut self, bytes: &[u8]) -> Result<WsFrame, Loss> {
        let Some(frame) = self.frame else {
            let Some((frame, len)) = header(bytes)? else { return Ok(WsFrame::Incomplete) };
            if !frame.is_control() && frame.opcode != 0 {
                self.begin();
                self.is_open = true;
            }
            return Ok(self.goes_on(frame, len));
        };
        if bytes.is_empty() {
            return Ok(WsFrame::Incomplete);
        }
        let len = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
        // A continuation without a message is dropped.
        if !frame.is_control() && self.is_open {
            self.append(bytes.get(..len).unwrap_or_default(), frame.mask);
        }
        Ok(self.goes_on(frame.behind(len as u64), len))
    }

    /// Handles `octets` that are missing at the front. Returns true if they all belong to the current frame's
    /// payload, so that framing stays in step.
    pub fn torn(&mut self, octets: u64) -> bool {
        let Some(frame) = self.frame.filter(|frame| octets <= frame.left) else {
            self.frame = None;
            self.begin();
            return false;
        };
        self.is_torn |= !frame.is_control();
        self.goes_on(frame.behind(octets), 0);
        true
    }

    /// The message completed last, or the first octets of a long one.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// True if that message was longer than the part kept.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Heap octets held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.message.capacity()
    }

    fn begin(&mut self) {
        self.message.clear();
        self.message.shrink_to(KEPT_ROOM);
        (self.is_open, self.is_torn, self.is_cut) = (false, false, false);
    }

    /// Updates the state after `len` octets of a frame were taken.
    fn goes_on(&mut self, frame: Frame, len: usize) -> WsFrame {
        self.frame = Some(frame).filter(|frame| frame.left > 0);
        let is_complete = self.frame.is_none() && frame.is_final && !frame.is_control();
        let is_whole = is_complete && self.is_open && !self.is_torn;
        self.is_open &= !is_complete;
        if is_whole { WsFrame::Complete(len) } else { WsFrame::Taken(len) }
    }

    fn append(&mut self, payload: &[u8], mask: [u8; 4]) {
        let room = MAX_MESSAGE - self.message.len().min(MAX_MESSAGE);
        self.is_cut |= payload.len() > room;
        let kept = payload.iter().take(room);
        self.message.extend(kept.zip(mask.iter().cycle()).map(|(octet, key)| octet ^ key));
    }
}

/// The start of the first message, if the octets start with a frame. It serves connections that the capture
/// joined midway.
#[must_use]
pub fn first_octets(bytes: &[u8]) -> Option<Vec<u8>> {
    let (frame, len) = header(bytes).ok()??;
    if !matches!(frame.opcode, 1 | 2) {
        return None;
    }
    let mut socket = WebSocket::default();
    let payload = bytes.get(len..)?;
    let most = usize::try_from(frame.left).unwrap_or(usize::MAX).min(256);
    socket.append(payload.get(..most).unwrap_or(payload), frame.mask);
    Some(socket.message)
}

/// Reads the frame header at the front, with its length; none while the header is incomplete.
fn header(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Loss> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = first & 0x0f;
    // Reserved bits belong to extensions; reserved opcodes are undefined.
    if first & 0x70 != 0 || matches!(opcode, 3..=7 | 11..=15) {
        return Err(Loss::WebSocketUnreadable);
    }
    let (left, extra) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(len) => (u64::from(u16::from_be_bytes(*len)), 2),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (u64::from_be_bytes(*len), 8),
            None => return Ok(None),
        },
        len => (u64::from(len), 0),
    };
    let is_masked = second & 0x80 != 0;
    let mask = if is_masked {
        let Some(mask) = rest.get(extra..).and_then(|rest| rest.first_chunk::<4>()) else { return Ok(None) };
        *mask
    } else {
        [0; 4]
    };
    let start = 2 + extra + if is_masked { 4 } else { 0 };
    Ok(Some((Frame { is_final: first & 0x80 != 0, opcode, mask, left }, start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Frames of one message split into `cuts` parts, with a ping between each two.
    fn frames(message: &[u8], cuts: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
        let pieces: Vec<&[u8]> = message.chunks(message.len().div_ceil(cuts.max(1)).max(1)).collect();
        let mut out = Vec::new();
        for (i, piece) in pieces.iter().enumerate() {
            let is_last = i + 1 == pieces.len();
            out.push(if is_last { 0x80 } else { 0 } | u8::from(i == 0));
            let flag = if mask.is_some() { 0x80 } else { 0 };
            match piece.len() {
                len @ 0..=125 => out.push(flag | len as u8),
                len @ 126..=65_535 => {
                    out.push(flag | 126);
                    out.extend((len as u16).to_be_bytes());
                }
                len => {
                    out.push(flag | 127);
                    out.extend((len as u64).to_be_bytes());
                }
            }
            out.extend(mask.into_iter().flatten());
            let key = mask.unwrap_or_default();
            out.extend(piece.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key));
            if !is_last {
                out.extend([0x89, 1, b'?']);
            }
        }
        out
    }

    fn read(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, Loss> {
        let (mut socket, mut messages) = (WebSocket::default(), Vec::new());
        loop {
            match socket.take(bytes)? {
                WsFrame::Incomplete => return Ok(messages),
                WsFrame::Taken(len) => bytes = &bytes[len..],
                WsFrame::Complete(len) => {
                    messages.push(socket.message().to_vec());
                    bytes = &bytes[len..];
                }
            }
        }
    }

    #[test]
    fn messages_come_whole_out_of_masked_and_fragmented_frames() {
        for len in [0, 1, 125, 126, 5000, 65_536] {
            let message: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            for mask in [None, Some([1, 2, 3, 4])] {
                for cuts in [1, 3] {
                    let twice = [frames(&message, cuts, mask), frames(&message, cuts, mask)].concat();
                    // An empty message yields no frame.
                    let expected = if len == 0 { vec![] } else { vec![message.clone(), message.clone()] };
                    assert_eq!(read(&twice), Ok(expected), "{len} {mask:?} {cuts}");
                }
            }
        }
    }

    #[test]
    fn a_continuation_of_nothing_is_no_message() {
        let twice = [frames(b"OPTIONS", 1, None), vec![0x80, 0, 0x80, 2, b'x', b'y']].concat();
        assert_eq!(read(&twice), Ok(vec![b"OPTIONS".to_vec()]));
    }

    #[test]
    fn extensions_are_named() {
        assert_eq!(read(&[0xc1, 1, 0]), Err(Loss::WebSocketUnreadable));
    }

    #[test]
    fn a_long_message_is_cut_and_passed_over_to_its_last_octet() {
        let (long, short) = (vec![b'x'; 200_000], b"OPTIONS".to_vec());
        for cuts in [1, 7] {
            let both = [frames(&long, cuts, Some([1, 2, 3, 4])), frames(&short, 1, None)].concat();
            assert_eq!(read(&both), Ok(vec![long[..MAX_MESSAGE].to_vec(), short.clone()]));
        }
        let endless = [&[0x82, 127, 0x7f, 0xff, 0, 0, 0, 0, 0, 0][..], &vec![0x81; 300_000]].concat();
        assert_eq!(read(&endless), Ok(vec![]));
    }

    #[test]
    fn octets_that_are_missing_within_a_frame_cost_its_message_alone() {
        let (torn, next) = (b"a message in two frames".to_vec(), b"the next".to_vec());
        let both = [frames(&torn, 2, Some([1, 2, 3, 4])), frames(&next, 1, Some([5, 6, 7, 8]))].concat();
        let mut socket = WebSocket::default();
        assert_eq!(socket.take(&both[..8]), Ok(WsFrame::Taken(6)));
        assert_eq!(socket.take(&both[6..8]), Ok(WsFrame::Taken(2)));
        assert!(socket.torn(4));
        let (mut rest, mut got) = (&both[12..], Vec::new());
        loop {
            match socket.take(rest).unwrap() {
                WsFrame::Incomplete => break,
                WsFrame::Taken(len) => rest = &rest[len..],
                WsFrame::Complete(len) => {
                    got.push(socket.message().to_vec());
                    rest = &rest[len..];
                }
            }
        }
        assert_eq!(got, [next]);
        assert!(!socket.torn(4));
    }

    #[test]
    fn the_first_octets_of_a_frame_show_what_it_carries() {
        let message = b"OPTIONS sip:a SIP/2.0\r\n\r\n";
        assert_eq!(first_octets(&frames(message, 1, Some([9, 8, 7, 6]))), Some(message.to_vec()));
        assert_eq!(first_octets(b"INVITE sip:"), None);
    }

    proptest! {
        /// A frame may arrive in pieces of any length.
        #[test]
        fn any_cutting_gives_the_messages(
            message in prop::collection::vec(any::<u8>(), 1..300),
            cuts in 1_usize..4,
            mask: [u8; 4],
            size in 1_usize..50,
        ) {
            let stream = [frames(&message, cuts, Some(mask)), frames(&message, 1, None)].concat();
            let (mut socket, mut got, mut unread) = (WebSocket::default(), Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                unread.extend_from_slice(piece);
                loop {
                    let (taken, is_complete) = match socket.take(&unread) {
                        Ok(WsFrame::Taken(len)) => (len, false),
                        Ok(WsFrame::Complete(len)) => (len, true),
                        _ => break,
                    };
                    if is_complete {
                        got.push(socket.message().to_vec());
                    }
                    unread.drain(..taken);
                }
            }
            prop_assert_eq!(got, vec![message.clone(), message]);
        }

        #[test]
        fn any_octets_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read(&bytes), first_octets(&bytes));
        }
    }
}
