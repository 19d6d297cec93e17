//! HEP envelopes of all versions.

use bellwether_base::{Span, Timestamp};
use bellwether_wire::{hep3_len, looks_like_hep, read_hep};

/// A message grows to no more than this, however it is packed.
const LARGEST: usize = 65_536;

/// Laws: the same octets give the same answer; a message that is read looked like one; what is unpacked is bounded; octets
/// behind an envelope change nothing in it.
pub(super) fn run(octets: &[u8]) {
    let arrival = Timestamp::default() + Span::from_secs(1_750_000_000);
    let read = read_hep(octets, arrival);
    assert_eq!(read, read_hep(octets, arrival), "the same envelope is read alike");
    let Ok(hep) = read else { return };
    assert!(looks_like_hep(octets), "what is read looked like HEP");
    assert!(hep.payload.len() <= LARGEST, "a message is bounded");
    if octets.starts_with(b"HEP3") {
        let len = hep3_len(octets);
        assert!(matches!(len, Ok(Some(len)) if len <= octets.len()), "an envelope that is read is whole");
        let Ok(Some(len)) = len else { return };
        assert_eq!(Ok(&hep), read_hep(octets.get(..len).unwrap_or_default(), arrival).as_ref());
    }
}
