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

/// The fields used from one RTCP datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rtcp {
    /// SSRC of the first packet.
    pub ssrc: u32,
    /// The first sender report.
    pub sender_report: Option<SenderReport>,
    /// True if the datagram holds a BYE.
    pub bye: bool,
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
            match kind {
                200 if found.sender_report.is_none() => found.sender_report = sender_report(body),
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
}
