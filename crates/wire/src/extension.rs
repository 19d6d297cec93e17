//! The chain of extension headers between an IP header and the transport (RFC 8200 section 4, RFC 4302).

use bellwether_base::Loss;

/// Limit of extension headers in one chain. RFC 8504 section 5.3 lets hosts give up at eight.
const MAX_HEADERS: usize = 24;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
/// Mobility (RFC 6275), HIP (RFC 7401) and Shim6 (RFC 5533) share the layout of options headers. IANA lists
/// all three as extension headers.
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// The IP version of a chain. In IPv4 only the authentication header (RFC 4302) extends the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V4,
    V6,
}

/// The end of a chain: the first header that is no extension header, and the octets behind the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Behind<'a> {
    /// An upper-layer protocol: a transport, a tunnel, or something else.
    Upper { protocol: u8, payload: &'a [u8] },
    /// A Fragment header with a non-zero offset or the more-fragments bit.
    Fragment { protocol: u8, id: u32, offset: u32, more: bool, payload: &'a [u8] },
}

/// Follows the chain that begins with the header `protocol` at `bytes`.
///
/// Every step is bounds-checked. The walk stops at the first header that does not fit.
///
/// # Errors
/// [`Loss::IpMalformed`] if a header is cut short, if Hop-by-Hop options are not the first header, or if the
/// chain has more than [`MAX_HEADERS`] headers.
#[inline]
pub(crate) fn follow(version: Version, protocol: u8, bytes: &[u8]) -> Result<Behind<'_>, Loss> {
    let (mut protocol, mut rest) = (protocol, bytes);
    for place in 0..MAX_HEADERS {
        let len = match (version, protocol) {
            (_, AUTHENTICATION) => (usize::from(octet(rest, 1)?) + 2) * 4,
            (Version::V4, _) => return Ok(Behind::Upper { protocol, payload: rest }),
            (Version::V6, HOP_BY_HOP) if place > 0 => return Err(Loss::IpMalformed),
            (Version::V6, HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6) => {
                (usize::from(octet(rest, 1)?) + 1) * 8
            }
            (Version::V6, FRAGMENT) => {
                let (header, payload) = rest.split_first_chunk::<8>().ok_or(Loss::IpMalformed)?;
                let [next, _, o0, o1, i0, i1, i2, i3] = *header;
                let place = u16::from_be_bytes([o0, o1]);
                let (offset, more) = (u32::from(place & 0xfff8), place & 1 == 1);
                if offset > 0 || more {
                    let id = u32::from_be_bytes([i0, i1, i2, i3]);
                    return Ok(Behind::Fragment { protocol: next, id, offset, more, payload });
                }
                // An atomic fragment (RFC 6946) is a whole datagram.
                8
            }
            (Version::V6, _) => return Ok(Behind::Upper { protocol, payload: rest }),
        };
        protocol = octet(rest, 0)?;
        rest = rest.get(len..).ok_or(Loss::IpMalformed)?;
    }
    Err(Loss::IpMalformed)
}

fn octet(bytes: &[u8], at: usize) -> Result<u8, Loss> {
    bytes.get(at).copied().ok_or(Loss::IpMalformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(protocol: u8, payload: &[u8]) -> Result<Behind<'_>, Loss> {
        Ok(Behind::Upper { protocol, payload })
    }

    #[test]
    fn headers_of_every_kind_are_passed_over() {
        let options = [60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let destination = [43, 0, 0, 0, 0, 0, 0, 0];
        let routing = [51, 0, 0, 0, 0, 0, 0, 0];
        let authentication = [44, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let atomic = [17, 0, 0, 0, 1, 2, 3, 4];
        let chain = [&options[..], &destination, &routing, &authentication, &atomic, b"datagram"].concat();
        assert_eq!(follow(Version::V6, 0, &chain), upper(17, b"datagram"));
        for cut in 0..chain.len() - 8 {
            assert_eq!(follow(Version::V6, 0, &chain[..cut]), Err(Loss::IpMalformed), "{cut}");
        }
    }

    #[test]
    fn a_fragment_header_ends_the_chain() {
        let chain = [44, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0x05, 0x01, 0, 0, 0, 9, 1, 2];
        let expected = Behind::Fragment { protocol: 60, id: 9, offset: 0x500, more: true, payload: &[1, 2] };
        assert_eq!(follow(Version::V6, 0, &chain), Ok(expected));
    }

    #[test]
    fn options_that_stand_twice_and_endless_chains_are_malformed() {
        assert_eq!(follow(Version::V6, 0, &[0; 64]), Err(Loss::IpMalformed));
        let endless = [60, 0, 0, 0, 0, 0, 0, 0].repeat(100);
        assert_eq!(follow(Version::V6, 60, &endless), Err(Loss::IpMalformed));
    }

    #[test]
    fn version_4_knows_the_authentication_header_alone() {
        let chain = [17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(follow(Version::V4, 51, &chain), upper(17, &[7]));
        assert_eq!(follow(Version::V4, 60, &chain), upper(60, &chain));
    }
}
