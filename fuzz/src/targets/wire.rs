//! Frames of every link type, decoded down to their transport.

use bellwether_base::Loss;
use bellwether_wire::{Decoded, Frame, LinkType, TunnelPorts, decode};

use crate::input::Input;

/// All supported link types, and one unsupported.
pub(crate) const LINKS: [u32; 17] =
    [1, 101, 228, 0, 9, 51, 113, 219, 276, 147, 10, 104, 105, 127, 192, 197, 239];

pub(crate) fn link(octet: u8) -> LinkType {
    let place = usize::from(octet & 0x7f) % LINKS.len();
    LinkType::from_number(LINKS.get(place).copied().unwrap_or(1))
}

/// Laws: equal octets give equal results. Borrowed data lies within the frame. Three paths agree: the short one for
/// plain Ethernet datagrams, the general one, and the one behind a VLAN tag.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let link = link(input.octet());
    let frame = input.rest();
    let ports = TunnelPorts::default();
    let decoded = decode(link, frame, &ports);
    assert_eq!(decoded, decode(link, frame, &ports), "decoding is repeatable");
    check_within(&decoded, frame);
    if link == LinkType::Ethernet && frame.len() > 14 {
        ways_agree(&decoded, frame, &ports);
    }
}

fn ways_agree(decoded: &Frame<'_>, frame: &[u8], ports: &TunnelPorts) {
    let (addresses, rest) = frame.split_at(12);
    if let [0x08, 0x00, packet @ ..] = rest {
        same(decoded, &decode(LinkType::RawIp, packet, ports), "the packet without Ethernet");
    }
    if matches!(rest, [0x08, 0x00, ..] | [0x86, 0xdd, ..]) {
        let tagged = [addresses, &[0x81, 0, 0, 5], rest].concat();
        same(decoded, &decode(LinkType::Ethernet, &tagged, ports), "the frame with a VLAN tag");
    }
}

/// The two results may differ if an additional layer exceeds the maximum depth.
fn same(one: &Frame<'_>, two: &Frame<'_>, what: &str) {
    let is_deep = |frame: &Frame<'_>| frame.what == Decoded::Lost(Loss::TunnelTooDeep);
    if !is_deep(one) && !is_deep(two) {
        assert_eq!(one, two, "{what} decodes equally");
    }
}

fn check_within(decoded: &Frame<'_>, frame: &[u8]) {
    let lent = match &decoded.what {
        Decoded::Udp { payload, .. } => payload,
        Decoded::Tcp { segment, .. } => segment.payload,
        Decoded::Fragment(fragment) => fragment.payload,
        Decoded::Other | Decoded::Lost(_) => return,
    };
    assert!(lent.is_empty() || is_within(lent, frame), "borrowed data lies within the frame");
    // Reads every octet, so that the sanitizer reports invalid memory.
    assert!(lent.iter().fold(0_u64, |sum, octet| sum + u64::from(*octet)) <= lent.len() as u64 * 255);
}

pub(super) fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}
