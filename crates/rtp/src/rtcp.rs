/// A sender report: wall clock and media clock of the sender at the same instant (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderReport {
    /// SSRC of the sender.
    pub ssrc: u32,
    /// Wall clock: NTP seconds in the upper half, fraction in the lower.
    pub ntp: u64,
    /// Media clock at the same instant, in ticks.
    pub ticks: u32,
    /// Packets sent so far.
    pub packets: u32,
}

/// What a receiver says about a source (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceptionReport {
    /// SSRC of the source.
    pub source: u32,
    /// Middle 32 bits of the wall clock in the source's last sender report; 0 if none was received.
    pub last_report: u32,
    /// Time since that report was received, in units of 1/65536 s.
    pub delay: u32,
}

/// The VoIP metrics that a receiver measured (RFC 3611 section 4.7), as far as they are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoipMetrics {
    /// SSRC of the source.
    pub source: u32,
    /// Round trip between both ends of the RTP path; none if the receiver does not know it.
    pub round_trip_ms: Option<u16>,
    /// Mean opinion score times 10, for conversation if it was sent, or else for listening.
    pub mos_tenths: Option<u8>,
}

/// The fields used from one RTCP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rtcp {
    /// SSRC of the first packet.
    pub ssrc: u32,
    /// The first sender report.
    pub sender_report: Option<SenderReport>,
    /// True if the datagram holds a BYE.
    pub bye: bool,
    /// The first report about a source: a call has one source in each direction.
    pub reception: Option<ReceptionReport>,
    /// The first VoIP metrics.
    pub metrics: Option<VoipMetrics>,
}

impl Rtcp {
    /// Reads a compound packet; none if its lengths are inconsistent.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut found = Self::default();
        let mut is_first = true;
        while let Some((&[flags, kind, l0, l1], body)) = rest.split_first_chunk::<4>() {
            let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
            // In SRTCP the lengths behind the encrypted part are random: the results from before that part
            // are kept.
            let Some((body, after)) = body.split_at_checked(length) else {
                return if is_first { None } else { Some(found) };
            };
            if flags >> 6 != 2 || !(192..=223).contains(&kind) {
                return if is_first { None } else { Some(found) };
            }
            if is_first {
                found.ssrc = be32(body, 0)?;
                is_first = false;
            }
            let has_blocks = flags & 0x1f > 0;
            match kind {
                200 if found.sender_report.is_none() => {
                    found.sender_report = sender_report(body);
                    if has_blocks {
                        found.reception = found.reception.or_else(|| reception(body.get(24..)?));
                    }
                }
                201 if has_blocks => found.reception = found.reception.or_else(|| reception(body.get(4..)?)),
                207 => found.metrics = found.metrics.or_else(|| metrics(body.get(4..)?)),
                203 => found.bye = true,
                _ => {}
            }
            rest = after;
        }
        (!is_first).then_some(found)
    }
}

fn sender_report(body: &[u8]) -> Option<SenderReport> {
    Some(SenderReport {
        ssrc: be32(body, 0)?,
        ntp: (u64::from(be32(body, 4)?) << 32) | u64::from(be32(body, 8)?),
        ticks: be32(body, 12)?,
        packets: be32(body, 16)?,
    })
}

fn reception(block: &[u8]) -> Option<ReceptionReport> {
    Some(ReceptionReport { source: be32(block, 0)?, last_report: be32(block, 16)?, delay: be32(block, 20)? })
}

/// Value of a metric that the receiver does not know.
const UNAVAILABLE: u8 = 127;

/// The VoIP metrics among the blocks of an extended report.
fn metrics(mut blocks: &[u8]) -> Option<VoipMetrics> {
    while let Some((&[kind, _, l0, l1], rest)) = blocks.split_first_chunk::<4>() {
        let (body, after) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])) * 4)?;
        if kind == 7 {
            let trip = body.get(12..14)?.first_chunk::<2>().map(|octets| u16::from_be_bytes(*octets));
            // MOS of listening and of conversation, each from 1.0 to 5.0.
            let known = |at: usize| {
                body.get(at).copied().filter(|mos| *mos != UNAVAILABLE && (10..=50).contains(mos))
            };
            return Some(VoipMetrics {
                source: be32(body, 0)?,
                round_trip_ms: trip.filter(|trip| *trip > 0),
                mos_tenths: known(23).or_else(|| known(22)),
            });
        }
        blocks = after;
    }
    None
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_of_report_and_bye_is_read() {
        let mut bytes = vec![0x80, 200, 0, 6];
        for word in [0xaabb_ccdd_u32, 0xe000_0000, 0x8000_0000, 160, 7, 1120] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend([0x81, 203, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd]);
        let rtcp = Rtcp::parse(&bytes).unwrap();
        let report = rtcp.sender_report.unwrap();
        assert_eq!((rtcp.ssrc, rtcp.bye), (0xaabb_ccdd, true));
        assert_eq!((report.ntp, report.ticks, report.packets), (0xe000_0000_8000_0000, 160, 7));
        assert_eq!(Rtcp::parse(&bytes[..20]), None);
    }

    /// An RTCP packet of words.
    fn packet(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
        let mut out = vec![0x80 | count, kind];
        out.extend((words.len() as u16).to_be_bytes());
        out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        out
    }

    #[test]
    fn reports_about_a_source_are_read_from_senders_and_receivers() {
        let block = [0x55, 0, 0, 0, 0x1234_5678, 65_536];
        let sender = packet(200, 1, &[&[7, 1, 2, 3, 4, 5][..], &block].concat());
        let receiver = packet(201, 1, &[&[7][..], &block].concat());
        for octets in [sender, receiver] {
            let found = Rtcp::parse(&octets).unwrap().reception.unwrap();
            assert_eq!((found.source, found.last_report, found.delay), (0x55, 0x1234_5678, 65_536));
        }
        assert_eq!(Rtcp::parse(&packet(201, 0, &[7])).unwrap().reception, None);
        assert_eq!(Rtcp::parse(&packet(201, 1, &[7, 0x55])).unwrap().reception, None, "a short block");
    }

    #[test]
    fn voip_metrics_are_read_behind_other_blocks() {
        // A block of statistics (type 6, one word), then VoIP metrics: RFC 3611 section 4.7.
        let metrics = |listening: u32, talking: u32| {
            let scores = 0x5d7f_0000 | listening << 8 | talking;
            let words = [7, 0x0600_0001, 9, 0x0700_0008, 0x55, 0, 0, 120 << 16 | 30, 0, scores, 0, 0];
            let octets = [packet(201, 0, &[7]), packet(207, 0, &words)].concat();
            Rtcp::parse(&octets).unwrap().metrics.unwrap()
        };
        let found = metrics(41, 39);
        assert_eq!((found.source, found.round_trip_ms, found.mos_tenths), (0x55, Some(120), Some(39)));
        assert_eq!(metrics(41, 127).mos_tenths, Some(41), "no score of conversation");
        assert_eq!(metrics(127, 0).mos_tenths, None);
    }
}
