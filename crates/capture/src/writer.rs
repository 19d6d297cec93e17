//! Writes pcap and pcapng (draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng), with stamps in nanoseconds.

use std::io::{self, Write};

use bellwether_wire::LinkType;

use crate::Record;

/// The format of a written capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaptureFormat {
    /// pcap: one link type for the whole file.
    Pcap,
    /// pcapng: an interface for each link type.
    PcapNg,
}

/// Largest frame that readers accept. libpcap calls it MAXIMUM_SNAPLEN.
const MAX_FRAME: u32 = 262_144;

/// Writes records as they were read: octets, stamp and length on the wire.
///
/// Other parts of a capture are not kept: names of interfaces, comments, counters.
pub struct CaptureWriter<W: Write> {
    out: W,
    format: CaptureFormat,
    /// Link types of the interfaces so far, in order. A pcap file has one.
    links: Vec<LinkType>,
}

impl<W: Write> CaptureWriter<W> {
    /// Starts a capture. pcap names the link type of its frames at the start.
    ///
    /// # Errors
    /// If the start cannot be written.
    pub fn new(mut out: W, format: CaptureFormat, link: LinkType) -> io::Result<Self> {
        match format {
            CaptureFormat::Pcap => {
                // The magic number of nanoseconds, version 2.4.
                out.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
                out.write_all(&[2, 0, 4, 0])?;
                out.write_all(&[0, 0, MAX_FRAME, link.number()].map(u32::to_le_bytes).concat())?;
                Ok(Self { out, format, links: vec![link] })
            }
            CaptureFormat::PcapNg => {
                let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
                body.extend([1, 0, 0, 0]);
                // The length of the section is unknown.
                body.extend([0xff; 8]);
                block(&mut out, 0x0a0d_0d0a, &body)?;
                Ok(Self { out, format, links: Vec::new() })
            }
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// If the record cannot be written, or the format cannot hold it: pcap has one link type, and seconds up to the year 2106.
    pub fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let nanos = record.at.as_nanos();
        let len = u32::try_from(record.frame.len()).map_err(io::Error::other)?;
        if self.format == CaptureFormat::Pcap {
            let seconds = u32::try_from(nanos.div_euclid(1_000_000_000))
                .map_err(|_| io::Error::other("pcap has no such time; pcapng has"))?;
            if self.links.first() != Some(&record.link) {
                return Err(io::Error::other("pcap holds one link type; pcapng holds several"));
            }
            let fraction = nanos.rem_euclid(1_000_000_000) as u32;
            let header = [seconds, fraction, len, record.original_len];
            self.out.write_all(&header.map(u32::to_le_bytes).concat())?;
            return self.out.write_all(record.frame);
        }
        let interface = self.interface(record.link)?;
        // A record without a stamp has the earliest possible one.
        let stamp = u64::try_from(nanos).unwrap_or_default();
        let header = [interface, (stamp >> 32) as u32, stamp as u32, len, record.original_len];
        let mut body = header.map(u32::to_le_bytes).concat();
        body.extend_from_slice(record.frame);
        body.resize(body.len().next_multiple_of(4), 0);
        block(&mut self.out, 6, &body)
    }

    /// Passes all records so far on to the output.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The output.
    #[must_use]
    pub const fn inner(&self) -> &W {
        &self.out
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// If buffered octets cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    /// The number of the interface with the link type, described before its first frame.
    fn interface(&mut self, link: LinkType) -> io::Result<u32> {
        let known = self.links.iter().position(|known| *known == link);
        let number = known.unwrap_or(self.links.len());
        if known.is_none() {
            let mut body = (link.number() as u16).to_le_bytes().to_vec();
            body.extend([0, 0]);
            body.extend(MAX_FRAME.to_le_bytes());
            // if_tsresol: nanoseconds; then the end of the options.
            body.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
            block(&mut self.out, 1, &body)?;
            self.links.push(link);
        }
        u32::try_from(number).map_err(io::Error::other)
    }
}

/// Writes a block of pcapng. The body has a multiple of four octets.
fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let len = u32::try_from(body.len() + 12).map_err(io::Error::other)?.to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&len)?;
    out.write_all(body)?;
    out.write_all(&len)
}

#[cfg(test)]
mod tests {
    use bellwether_base::Timestamp;

    use super::*;
    use crate::CaptureReader;

    fn record(nanos: i64, link: LinkType, frame: &[u8]) -> Record<'_> {
        Record { at: Timestamp::from_nanos(nanos), link, original_len: 1500, frame }
    }

    type Read = (i64, LinkType, u32, Vec<u8>);

    fn read(octets: Vec<u8>) -> Vec<Read> {
        let mut reader = CaptureReader::in_memory(octets, "written".as_ref()).unwrap();
        let mut out = Vec::new();
        while let Some(r) = reader.next().unwrap() {
            out.push((r.at.as_nanos(), r.link, r.original_len, r.frame.to_vec()));
        }
        out
    }

    #[test]
    fn records_come_back_as_they_were_in_both_formats() {
        let frames: [(i64, &[u8]); 3] =
            [(1_700_000_000_123_456_789, b"abc"), (5, b""), (1_999_999_999, b"12345678")];
        for format in [CaptureFormat::Pcap, CaptureFormat::PcapNg] {
            let mut writer = CaptureWriter::new(Vec::new(), format, LinkType::Ethernet).unwrap();
            for (nanos, frame) in frames {
                writer.write(&record(nanos, LinkType::Ethernet, frame)).unwrap();
            }
            let wanted: Vec<Read> =
                frames.iter().map(|(n, f)| (*n, LinkType::Ethernet, 1500, f.to_vec())).collect();
            assert_eq!(read(writer.finish().unwrap()), wanted, "{format:?}");
        }
    }

    #[test]
    fn several_link_types_need_pcapng() {
        let links = [LinkType::LinuxSll, LinkType::RawIp, LinkType::LinuxSll];
        let mut writer = CaptureWriter::new(Vec::new(), CaptureFormat::PcapNg, links[0]).unwrap();
        for link in links {
            writer.write(&record(7, link, b"x")).unwrap();
        }
        let got: Vec<LinkType> = read(writer.finish().unwrap()).iter().map(|r| r.1).collect();
        assert_eq!(got, links);
        let mut writer = CaptureWriter::new(Vec::new(), CaptureFormat::Pcap, links[0]).unwrap();
        writer.write(&record(7, links[0], b"x")).unwrap();
        assert!(writer.write(&record(7, links[1], b"x")).is_err());
        assert!(writer.write(&record(-1, links[0], b"x")).is_err(), "a time before 1970");
    }
}
