//! HEP envelopes of all versions.

use bellwether_base::{Span, Timestamp};
use bellwether_wire::{hep3_len, looks_like_hep, read_hep};

/// Maximum size of an unpacked message, with any compression.
const LARGEST: usize = 65_536;

/// Laws: equal octets give equal results. A message that is read was also recognised as HEP. Unpacked data is
/// bounded. Octets after an envelope do not change its content.
pub(super) fn run(octets: &[u8]) {
    let arrival = Timestamp::default() + Span::from_secs(1_750_000_000);
    let read = read_hep(octets, arrival);
    assert_eq!(read, read_hep(octets, arrival), "equal envelopes give equal results");
    let Ok(hep) = read else { return };
    assert!(looks_like_hep(octets), "an envelope that parses is recognised as HEP");
    assert!(hep.payload.len() <= LARGEST, "a message is bounded");
    if octets.starts_with(b"HEP3") {
        let len = hep3_len(octets);
        assert!(matches!(len, Ok(Some(len)) if len <= octets.len()), "an envelope that parses is complete");
        let Ok(Some(len)) = len else { return };
        assert_eq!(Ok(&hep), read_hep(octets.get(..len).unwrap_or_default(), arrival).as_ref());
    }
}
