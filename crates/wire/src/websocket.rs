//! WebSocket framing (RFC 6455 section 5), as SIP uses it (RFC 7118).

use bellwether_base::Loss;

/// The largest message that is put together: as large as a SIP message may be.
const MAX_MESSAGE: usize = 64 << 10;

/// One direction of a WebSocket connection: the message that is being put together from frames.
#[derive(Debug, Default)]
pub struct WebSocket {
    message: Vec<u8>,
}

/// What the front of the octets comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WsFrame {
    /// A frame is not there whole.
    Incomplete,
    /// A frame of this length was taken; the message goes on, or it was a control frame.
    Taken(usize),
    /// A frame of this length was taken, and with it the message is complete.
    Complete(usize),
}

struct Header {
    is_final: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Octets before the payload, and of it.
    start: usize,
    len: usize,
}

impl WebSocket {
    /// Takes the frame at the front.
    ///
    /// # Errors
    /// If it uses an extension (compression is one) that cannot be read, or the message grows too large.
    pub fn take(&mut self, bytes: &[u8]) -> Result<WsFrame, Loss> {
        let Some(header) = header(bytes)? else { return Ok(WsFrame::Incomplete) };
        let end = header.start + header.len;
        let Some(payload) = bytes.get(header.start..end) else { return Ok(WsFrame::Incomplete) };
        // Close, ping and pong may stand between the frames of a message.
        if header.opcode >= 8 {
            return Ok(WsFrame::Taken(end));
        }
        if header.opcode != 0 {
            self.message.clear();
        }
        if self.message.len() + payload.len() > MAX_MESSAGE {
            return Err(Loss::WebSocketUnreadable);
        }
        self.append(payload, header.mask);
        Ok(if header.is_final { WsFrame::Complete(end) } else { WsFrame::Taken(end) })
    }

    /// The message that was completed last.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    fn append(&mut self, payload: &[u8], mask: Option<[u8; 4]>) {
        match mask {
            None => self.message.extend_from_slice(payload),
            Some(mask) => {
                self.message.extend(payload.iter().zip(mask.iter().cycle()).map(|(octet, key)| octet ^ key));
            }
        }
    }
}

/// The beginning of the first message, if octets begin with a frame: for connections that were joined midway.
#[must_use]
pub fn first_octets(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = header(bytes).ok()??;
    if !matches!(header.opcode, 1 | 2) {
        return None;
    }
    let mut socket = WebSocket::default();
    let payload = bytes.get(header.start..)?;
    socket.append(payload.get(..header.len.min(256)).unwrap_or(payload), header.mask);
    Some(socket.message)
}

fn header(bytes: &[u8]) -> Result<Option<Header>, Loss> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = first & 0x0f;
    // Reserved bits belong to extensions, reserved opcodes to nobody yet.
    if first & 0x70 != 0 || matches!(opcode, 3..=7 | 11..=15) {
        return Err(Loss::WebSocketUnreadable);
    }
    let (len, extra) = match second & 0x7f {
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
    if len > MAX_MESSAGE as u64 {
        return Err(Loss::WebSocketUnreadable);
    }
    let is_masked = second & 0x80 != 0;
    let mask = if is_masked {
        let Some(mask) = rest.get(extra..).and_then(|rest| rest.first_chunk::<4>()) else { return Ok(None) };
        Some(*mask)
    } else {
        None
    };
    let start = 2 + extra + if is_masked { 4 } else { 0 };
    Ok(Some(Header { is_final: first & 0x80 != 0, opcode, mask, start, len: len as usize }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Frames of one message, cut at `cuts`, with a ping between each two.
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
                    // An empty message has no piece to put into a frame.
                    let expected = if len == 0 { vec![] } else { vec![message.clone(), message.clone()] };
                    assert_eq!(read(&twice), Ok(expected), "{len} {mask:?} {cuts}");
                }
            }
        }
    }

    #[test]
    fn extensions_and_bombs_are_named() {
        assert_eq!(read(&[0xc1, 1, 0]), Err(Loss::WebSocketUnreadable));
        assert_eq!(read(&[0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0]), Err(Loss::WebSocketUnreadable));
        let endless: Vec<u8> = [vec![1, 1, b'a'], [0, 126, 0x40, 0].to_vec()].concat();
        let mut bomb = endless;
        for _ in 0..5 {
            bomb.extend([0; 0x4000]);
            bomb.extend([0, 126, 0x40, 0]);
        }
        assert_eq!(read(&bomb), Err(Loss::WebSocketUnreadable));
    }

    #[test]
    fn the_first_octets_of_a_frame_show_what_it_carries() {
        let message = b"OPTIONS sip:a SIP/2.0\r\n\r\n";
        assert_eq!(first_octets(&frames(message, 1, Some([9, 8, 7, 6]))), Some(message.to_vec()));
        assert_eq!(first_octets(b"INVITE sip:"), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read(&bytes), first_octets(&bytes));
        }
    }
}
