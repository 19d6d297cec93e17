//! The pcap and pcapng formats (draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng).

use bellwether_base::Timestamp;
use bellwether_wire::LinkType;

use crate::buffer::Buffer;

/// Size limit of a record or block; a larger one is damage. It is four times libpcap's largest snap length,
/// and covers the largest pcapng block that capture programs write.
const MAX_BLOCK: usize = 1 << 20;

/// Limit of interfaces per section; a file that declares more is an attack.
const MAX_INTERFACES: usize = 4096;

/// Position and metadata of the next record in the buffer.
pub(crate) struct Found {
    pub(crate) at: Timestamp,
    pub(crate) link: LinkType,
    pub(crate) original_len: u32,
    /// Octets before the frame, of the frame, and behind the frame.
    pub(crate) before: usize,
    pub(crate) frame: usize,
    pub(crate) behind: usize,
}

/// The result of reading one record.
pub(crate) enum Next {
    Record(Found),
    End,
    Damaged(String),
}

/// A file format with its reader state.
pub(crate) enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl Format {
    /// Detects the format by up to 24 octets of the file.
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        if head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            return Some(Self::PcapNg(PcapNg { is_big_endian: false, interfaces: Vec::new() }));
        }
        let magic = *head.first_chunk::<4>()?;
        let (is_big_endian, tick) = match u32::from_le_bytes(magic) {
            0xa1b2_c3d4 => (false, 1000),
            0xa1b2_3c4d => (false, 1),
            0xd4c3_b2a1 => (true, 1000),
            0x4d3c_b2a1 => (true, 1),
            _ => return None,
        };
        let link = u32_at(head, 20, is_big_endian).unwrap_or(0);
        // The upper bits describe a frame check sequence and are ignored.
        Some(Self::Pcap(Pcap { is_big_endian, tick, link: LinkType::from_number(link & 0x03ff_ffff) }))
    }

    pub(crate) fn header_len(&self) -> usize {
        match self {
            Self::Pcap(_) => 24,
            Self::PcapNg(_) => 0,
        }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self, buffer: &mut Buffer) -> std::io::Result<Next> {
        match self {
            Self::Pcap(pcap) => pcap.next(buffer),
            Self::PcapNg(ng) => ng.next(buffer),
        }
    }
}

/// The classic format: one link type and one time resolution per file.
pub(crate) struct Pcap {
    is_big_endian: bool,
    /// Nanoseconds per unit of the fraction.
    tick: i64,
    link: LinkType,
}

impl Pcap {
    #[inline(always)]
    fn next(&self, buffer: &mut Buffer) -> std::io::Result<Next> {
        const HEADER: usize = 16;
        let got = buffer.fill(HEADER)?;
        if got == 0 {
            return Ok(Next::End);
        }
        let Some(header) = buffer.visible().first_chunk::<HEADER>() else {
            return Ok(cut("record header", HEADER, got));
        };
        let word = |i: usize| {
            let bytes = [header[i], header[i + 1], header[i + 2], header[i + 3]];
            if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let (secs, fraction, len, original_len) = (word(0), word(4), word(8) as usize, word(12));
        if len > MAX_BLOCK {
            return Ok(Next::Damaged(format!("it claims {len} bytes, more than any capture program writes")));
        }
        let got = buffer.fill(HEADER + len)?;
        if got < HEADER + len {
            return Ok(cut("packet", len, got - HEADER));
        }
        let at = i64::from(secs) * 1_000_000_000 + i64::from(fraction) * self.tick;
        Ok(Next::Record(Found {
            at: Timestamp::from_nanos(at),
            link: self.link,
            original_len,
            before: HEADER,
            frame: len,
            behind: 0,
        }))
    }
}

/// The block format: several interfaces, each with its own link type and time resolution.
pub(crate) struct PcapNg {
    is_big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    snap_len: u32,
    /// Timestamp units per second.
    resolution: u128,
    /// Seconds added to every timestamp.
    offset: i64,
}

impl PcapNg {
    fn next(&mut self, buffer: &mut Buffer) -> std::io::Result<Next> {
        loop {
            let got = buffer.fill(12)?;
            if got == 0 {
                return Ok(Next::End);
            }
            let head = buffer.visible();
            let Some(head) = head.get(..12) else { return Ok(cut("block header", 12, got)) };
            if head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
                match head.get(8..12) {
                    Some([0x1a, 0x2b, 0x3c, 0x4d]) => self.is_big_endian = true,
                    Some([0x4d, 0x3c, 0x2b, 0x1a]) => self.is_big_endian = false,
                    _ => return Ok(Next::Damaged("a section header without byte order".into())),
                }
                self.interfaces.clear();
            }
            let big = self.is_big_endian;
            let (Some(kind), Some(len)) = (u32_at(head, 0, big), u32_at(head, 4, big)) else {
                return Ok(cut("block header", 12, got));
            };
            let len = len as usize;
            if !(12..=MAX_BLOCK).contains(&len) || !len.is_multiple_of(4) {
                return Ok(Next::Damaged(format!("a block of impossible length {len}")));
            }
            let got = buffer.fill(len)?;
            let Some(block) = buffer.visible().get(..len) else { return Ok(cut("block", len, got)) };
            if u32_at(block, len - 4, big) != u32::try_from(len).ok() {
                return Ok(Next::Damaged("a block whose two lengths differ".into()));
            }
            let body = block.get(8..len - 4).unwrap_or_default();
            let found = match kind {
                1 => {
                    let Some(interface) = interface(body, big) else {
                        return Ok(Next::Damaged("a broken interface description".into()));
                    };
                    if self.interfaces.len() == MAX_INTERFACES {
                        return Ok(Next::Damaged(format!("more than {MAX_INTERFACES} interfaces")));
                    }
                    self.interfaces.push(interface);
                    None
                }
                6 => Some(self.enhanced(body, u32_at(body, 0, big))),
                // The obsolete packet block has a 16-bit interface number and a drop count in the same place.
                2 => Some(self.enhanced(body, u16_at(body, 0, big).map(u32::from))),
                3 => Some(self.simple(body)),
                _ => None,
            };
            match found {
                None => {
                    buffer.consume(len);
                }
                Some(Some(mut found)) => {
                    found.behind = len - found.before - found.frame;
                    return Ok(Next::Record(found));
                }
                Some(None) => {
                    let what = match self.interfaces.len() {
                        0 => "a packet block, and no block before it describes an interface",
                        _ => "a packet block of an unknown interface or length",
                    };
                    return Ok(Next::Damaged(what.into()));
                }
            }
        }
    }

    fn enhanced(&self, body: &[u8], interface: Option<u32>) -> Option<Found> {
        let big = self.is_big_endian;
        let interface = self.interfaces.get(interface? as usize)?;
        let stamp = (u64::from(u32_at(body, 4, big)?) << 32) | u64::from(u32_at(body, 8, big)?);
        let len = u32_at(body, 12, big)? as usize;
        let original_len = u32_at(body, 16, big)?;
        body.get(20..20 + len)?;
        Some(Found {
            at: interface.time(stamp),
            link: interface.link,
            original_len,
            before: 28,
            frame: len,
            behind: 0,
        })
    }

    /// Reads a simple packet block, which has no timestamp. It gets the earliest time, and the sensor raises
    /// this to the time of the previous record.
    fn simple(&self, body: &[u8]) -> Option<Found> {
        let interface = self.interfaces.first()?;
        let original_len = u32_at(body, 0, self.is_big_endian)?;
        let held = body.len() - 4;
        let wanted = original_len as usize;
        let snap_len = if interface.snap_len == 0 { wanted } else { interface.snap_len as usize };
        let frame = held.min(wanted).min(snap_len);
        let at = Timestamp::MIN;
        Some(Found { at, link: interface.link, original_len, before: 12, frame, behind: 0 })
    }
}

impl Interface {
    fn time(&self, stamp: u64) -> Timestamp {
        // Each term may exceed the range of a timestamp while their sum lies within it.
        let nanos = (u128::from(stamp) * 1_000_000_000 / self.resolution).cast_signed();
        let nanos = nanos + i128::from(self.offset) * 1_000_000_000;
        let within = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp::from_nanos(i64::try_from(within).unwrap_or_default())
    }
}

fn interface(body: &[u8], big: bool) -> Option<Interface> {
    let mut interface = Interface {
        link: LinkType::from_number(u32::from(u16_at(body, 0, big)?)),
        snap_len: u32_at(body, 4, big)?,
        resolution: 1_000_000,
        offset: 0,
    };
    let mut options = body.get(8..)?;
    while let (Some(code), Some(len)) = (u16_at(options, 0, big), u16_at(options, 2, big)) {
        let value = options.get(4..4 + usize::from(len))?;
        match (code, value) {
            (0, _) => break,
            // if_tsresol: a power of ten, or of two if the highest bit is set.
            (9, [exponent]) => {
                let (base, exponent) =
                    if exponent & 0x80 == 0 { (10_u128, *exponent) } else { (2, exponent & 0x7f) };
                // A unit too fine for the integer saturates, and the time becomes 0.
                interface.resolution = base.saturating_pow(u32::from(exponent));
            }
            // if_tsoffset.
            (14, bytes) => {
                let bytes = *bytes.first_chunk::<8>()?;
                interface.offset = if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
            }
            _ => {}
        }
        options = options.get(4 + usize::from(len).next_multiple_of(4)..).unwrap_or_default();
    }
    Some(interface)
}

fn cut(what: &str, needed: usize, got: usize) -> Next {
    Next::Damaged(format!("the file ends inside a {what}: {needed} bytes needed, {got} left"))
}

fn u32_at(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
}

fn u16_at(bytes: &[u8], at: usize, big: bool) -> Option<u16> {
    let two = *bytes.get(at..)?.first_chunk::<2>()?;
    Some(if big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
}
