use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bellwether_base::Timestamp;
use bellwether_wire::LinkType;

use crate::blocks::{Format, Found, Next};
use crate::buffer::Buffer;
use crate::error::{plain, words};
use crate::{OpenError, ReadError};

/// One captured frame, borrowed until the next read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Capture time.
    pub at: Timestamp,
    /// Link type of the frame.
    pub link: LinkType,
    /// Length on the wire.
    pub original_len: u32,
    /// The captured octets.
    pub frame: &'a [u8],
}

/// Reads one capture from its first record to its last.
pub struct CaptureReader {
    source: Source,
    records: u64,
    /// The next record, if it was located already.
    ahead: Option<Found>,
}

enum Source {
    Blocks { format: Format, buffer: Buffer, is_compressed: bool },
    Libpcap { capture: Box<pcap::Capture<pcap::Offline>>, link: LinkType, held: Vec<u8> },
}

impl CaptureReader {
    /// Opens a file, plain or compressed with gzip or Zstandard.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read or is no capture.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |e| OpenError::Io(path.to_path_buf(), e);
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(OpenError::Io(path.to_path_buf(), io::Error::other("it is a folder")));
        }
        Self::from_stream(Box::new(file), path, true)
    }

    /// Opens a plain file that is still being written. At its current end, or inside an incomplete record,
    /// [`Self::next`] returns none for now.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read, is no capture, or has a format that cannot be followed
    /// (compressed, or read by libpcap).
    pub fn open_growing(path: &Path) -> Result<Self, OpenError> {
        let mut reader = Self::open(path)?;
        match &mut reader.source {
            Source::Blocks { buffer, is_compressed: false, .. } => buffer.follow(),
            Source::Blocks { .. } | Source::Libpcap { .. } => {
                let why = "only plain pcap and pcapng can be followed while they grow";
                return Err(OpenError::Io(path.to_path_buf(), io::Error::other(why)));
            }
        }
        Ok(reader)
    }

    /// True if the buffer holds part of an incomplete record.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        match &self.source {
            Source::Blocks { buffer, .. } => !buffer.visible().is_empty(),
            Source::Libpcap { .. } => false,
        }
    }

    /// Reads standard input.
    ///
    /// # Errors
    /// [`OpenError`] if the stream is no capture.
    pub fn standard_input() -> Result<Self, OpenError> {
        Self::from_stream(Box::new(io::stdin()), Path::new("standard input"), false)
    }

    /// Reads a capture from memory, plain or compressed; errors refer to it by `name`.
    ///
    /// # Errors
    /// [`OpenError`] if the octets are no capture.
    pub fn in_memory(octets: Vec<u8>, name: &Path) -> Result<Self, OpenError> {
        Self::from_stream(Box::new(io::Cursor::new(octets)), name, false)
    }

    fn from_stream(source: Box<dyn Read + Send>, path: &Path, is_file: bool) -> Result<Self, OpenError> {
        let name = || path.to_path_buf();
        let mut buffer = Buffer::new(source);
        // A pipe may return fewer octets than requested, so the head is filled first.
        let got = buffer.fill(24).map_err(|e| OpenError::Io(name(), e))?;
        if got == 0 {
            return Err(OpenError::Empty(name()));
        }
        let mut is_compressed = false;
        if let Some(decoded) = decompress(&mut buffer, path)? {
            buffer = decoded;
            is_compressed = true;
            let got = buffer.fill(24).map_err(|e| OpenError::NotACapture(name(), plain(&e)))?;
            if got == 0 {
                return Err(OpenError::Empty(name()));
            }
        }
        match Format::detect(buffer.visible()) {
            Some(Format::Pcap(_)) if buffer.visible().len() < 24 => {
                Err(OpenError::NotACapture(name(), "its header is cut short".into()))
            }
            Some(format) => {
                buffer.consume(format.header_len());
                Ok(Self { source: Source::Blocks { format, buffer, is_compressed }, records: 0, ahead: None })
            }
            None if is_file && !is_compressed => Self::by_libpcap(path),
            None => Err(OpenError::NotACapture(name(), "its format is not recognised".into())),
        }
    }

    /// Opens a rare format through libpcap.
    fn by_libpcap(path: &Path) -> Result<Self, OpenError> {
        let capture = pcap::Capture::from_file_with_precision(path, pcap::Precision::Nano)
            .map_err(|e| OpenError::NotACapture(path.to_path_buf(), words(&e)))?;
        let link = LinkType::from_number(u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX));
        Ok(Self {
            source: Source::Libpcap { capture: Box::new(capture), link, held: Vec::new() },
            records: 0,
            ahead: None,
        })
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// [`ReadError`] if the file is damaged or cut here. All earlier records were delivered.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "the record borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        if let Some(found) = self.ahead.take() {
            return Ok(Some(self.take(&found)));
        }
        // The place of a record stays in registers on this way. Written to memory field by field and read again as a whole,
        // it would cost the processor more than all the rest.
        match self.find()? {
            Some(found) => Ok(Some(self.take(&found))),
            None => Ok(None),
        }
    }

    /// Consumes the record that was found.
    #[inline(always)]
    fn take(&mut self, found: &Found) -> Record<'_> {
        self.records += 1;
        let (at, link, original_len) = (found.at, found.link, found.original_len);
        let frame = match &mut self.source {
            Source::Blocks { buffer, .. } => {
                let whole = buffer.consume(found.before + found.frame + found.behind);
                whole.get(found.before..found.before + found.frame).unwrap_or_default()
            }
            Source::Libpcap { held, .. } => held.as_slice(),
        };
        Record { at, link, original_len, frame }
    }

    /// Capture time of the next record, without consuming it; none at the end.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_time(&mut self) -> Result<Option<Timestamp>, ReadError> {
        if self.ahead.is_none() {
            self.ahead = self.find()?;
        }
        Ok(self.ahead.as_ref().map(|found| found.at))
    }

    /// Locates the next record without consuming it.
    #[inline(always)]
    fn find(&mut self) -> Result<Option<Found>, ReadError> {
        let record = self.records + 1;
        match &mut self.source {
            Source::Blocks { format, buffer, .. } => {
                let offset = Some(buffer.position());
                match format.next(buffer) {
                    Ok(Next::Record(found)) => Ok(Some(found)),
                    Ok(Next::End) => Ok(None),
                    // The rest of the record is not written yet.
                    Ok(Next::Damaged(_)) if buffer.is_followed() && buffer.is_at_end() => Ok(None),
                    Ok(Next::Damaged(reason)) => Err(ReadError { record, offset, reason }),
                    Err(e) => Err(ReadError { record, offset, reason: plain(&e) }),
                }
            }
            Source::Libpcap { capture, link, held } => match capture.next_packet() {
                Ok(packet) => {
                    held.clear();
                    held.extend_from_slice(packet.data);
                    let stamp = packet.header.ts;
                    // With nanosecond precision libpcap puts nanoseconds in the microsecond field.
                    let at = Timestamp::from_nanos(stamp.tv_sec * 1_000_000_000 + stamp.tv_usec);
                    let (link, original_len) = (*link, packet.header.len);
                    Ok(Some(Found { at, link, original_len, before: 0, frame: held.len(), behind: 0 }))
                }
                Err(pcap::Error::NoMorePackets) => Ok(None),
                Err(e) => Err(ReadError { record, offset: None, reason: words(&e) }),
            },
        }
    }

    /// Octets read of the uncompressed file; 0 if libpcap reads it.
    #[must_use]
    pub fn position(&self) -> u64 {
        match &self.source {
            Source::Blocks { buffer, .. } => buffer.position(),
            Source::Libpcap { .. } => 0,
        }
    }
}

/// The decompressed stream, if the stream is compressed.
fn decompress(buffer: &mut Buffer, path: &Path) -> Result<Option<Buffer>, OpenError> {
    let rest = |buffer: &mut Buffer| -> Box<dyn Read + Send> {
        Box::new(std::mem::replace(buffer, Buffer::new(Box::new(io::empty()))))
    };
    if buffer.visible().starts_with(&[0x1f, 0x8b]) {
        return Ok(Some(Buffer::new(Box::new(flate2::read::MultiGzDecoder::new(rest(buffer))))));
    }
    if buffer.visible().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(rest(buffer))
            .map_err(|e| OpenError::NotACapture(PathBuf::from(path), e.to_string()))?;
        return Ok(Some(Buffer::new(Box::new(decoder))));
    }
    Ok(None)
}

impl Read for Buffer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.fill(1)?;
        if got == 0 {
            return Ok(0);
        }
        let n = self.visible().len().min(into.len());
        into[..n].copy_from_slice(self.consume(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (i64, LinkType, Vec<u8>);

    fn read_all(bytes: &[u8]) -> (Vec<Owned>, Option<ReadError>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut reader = CaptureReader::open(file.path()).unwrap();
        let mut out = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(r)) => out.push((r.at.as_nanos(), r.link, r.frame.to_vec())),
                Ok(None) => return (out, None),
                Err(e) => return (out, Some(e)),
            }
        }
    }

    fn pcap(magic: [u8; 4], big: bool) -> Vec<u8> {
        let w = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut f = magic.to_vec();
        f.extend([0; 16]);
        f.extend(w(1));
        for (i, frame) in [b"abc".as_slice(), b"", b"defgh"].iter().enumerate() {
            f.extend([w(10 + i as u32), w(7), w(frame.len() as u32), w(60)].concat());
            f.extend(*frame);
        }
        f
    }

    #[test]
    fn pcap_is_read_in_both_byte_orders_and_resolutions() {
        for (magic, big, nanos) in [
            ([0xd4, 0xc3, 0xb2, 0xa1], false, 7000),
            ([0xa1, 0xb2, 0xc3, 0xd4], true, 7000),
            ([0x4d, 0x3c, 0xb2, 0xa1], false, 7),
            ([0xa1, 0xb2, 0x3c, 0x4d], true, 7),
        ] {
            let (records, error) = read_all(&pcap(magic, big));
            assert!(error.is_none());
            assert_eq!(records.len(), 3);
            assert_eq!(records[0], (10_000_000_000 + nanos, LinkType::Ethernet, b"abc".to_vec()));
            assert_eq!(records[2].2, b"defgh");
        }
    }

    #[test]
    fn a_cut_file_gives_what_stands_before_the_cut_and_says_where() {
        let whole = pcap([0xd4, 0xc3, 0xb2, 0xa1], false);
        let (records, error) = read_all(&whole[..whole.len() - 2]);
        assert_eq!(records.len(), 2);
        assert_eq!(
            error.unwrap().to_string(),
            "record 3 at byte 59: the file ends inside a packet: 5 bytes needed, 3 left"
        );
    }

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, &body, &len].concat()
    }

    /// Two interfaces with different link type, snap length and resolution: libpcap refuses this file.
    fn mixed_pcapng() -> Vec<u8> {
        let mut f =
            block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
        f.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0]));
        f.extend(block(1, &[101, 0, 0, 0, 0, 1, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
        let packet = |interface: u32, stamp: u64, data: &[u8]| {
            let words = [interface, (stamp >> 32) as u32, stamp as u32, data.len() as u32, 99];
            let mut body: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            body.extend(data);
            block(6, &body)
        };
        f.extend(packet(0, 5_000_001, b"ether"));
        f.extend(block(5, &[0; 12]));
        f.extend(packet(1, 6_000_000_002, b"rawip!!"));
        f
    }

    #[test]
    fn interfaces_of_one_pcapng_keep_their_link_type_and_clock() {
        let (records, error) = read_all(&mixed_pcapng());
        assert!(error.is_none(), "{error:?}");
        assert_eq!(
            records,
            [
                (5_000_001_000, LinkType::Ethernet, b"ether".to_vec()),
                (6_000_000_002, LinkType::RawIp, b"rawip!!".to_vec()),
            ]
        );
    }

    #[test]
    fn packets_of_an_interface_that_no_block_describes_are_named() {
        let whole = mixed_pcapng();
        let (section, behind) = whole.split_at(28);
        // Without any interface description, and without the second one.
        let (records, error) = read_all(&[section, &behind[52..]].concat());
        assert_eq!(records.len(), 0);
        assert!(error.unwrap().to_string().contains("no block before it describes an interface"));
        let (records, error) = read_all(&[section, &behind[..20], &behind[52..]].concat());
        assert_eq!(records.len(), 1, "what stood before it was read");
        assert!(error.unwrap().to_string().contains("unknown interface"));
    }

    #[test]
    fn damaged_pcapng_is_named() {
        let mut f = mixed_pcapng();
        let at = f.len() - 4;
        f[at] ^= 1;
        let (records, error) = read_all(&f);
        assert_eq!(records.len(), 1);
        assert!(error.unwrap().to_string().ends_with("a block whose two lengths differ"));
    }

    #[test]
    fn a_growing_file_is_read_as_far_as_it_goes_whatever_it_ends_in() {
        for whole in [pcap([0xd4, 0xc3, 0xb2, 0xa1], false), mixed_pcapng()] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &whole[..24]).unwrap();
            let mut reader = CaptureReader::open_growing(file.path()).unwrap();
            let mut frames = Vec::new();
            for end in 24..=whole.len() {
                std::fs::write(file.path(), &whole[..end]).unwrap();
                while let Some(record) = reader.next().unwrap() {
                    frames.push(record.frame.to_vec());
                }
            }
            let expected: Vec<Vec<u8>> = read_all(&whole).0.into_iter().map(|(_, _, frame)| frame).collect();
            assert_eq!(frames, expected);
        }
    }

    #[test]
    fn gzip_is_read_through() {
        use std::io::Write;
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&pcap([0xd4, 0xc3, 0xb2, 0xa1], false)).unwrap();
        assert_eq!(read_all(&gz.finish().unwrap()).0.len(), 3);
    }

    #[test]
    fn what_is_no_capture_is_refused_with_a_reason() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).unwrap();
            CaptureReader::open(file.path()).err().unwrap().to_string()
        };
        assert!(refused(b"").ends_with(" is empty"));
        assert!(refused(b"just some text that is long enough").contains("is not a capture file: "));
        assert!(refused(&[0xd4, 0xc3, 0xb2, 0xa1, 2]).contains("its header is cut short"));
        assert!(
            CaptureReader::open(Path::new("/nowhere/x.pcap"))
                .err()
                .unwrap()
                .to_string()
                .contains("no such file")
        );
    }
}
