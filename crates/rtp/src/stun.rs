/// Binding requests (RFC 8489 section 5): the only message that names both agents.
const BINDING_REQUEST: [u8; 2] = [0, 1];
const HEADER: usize = 20;

/// The attribute that holds the user name.
const USERNAME: u16 = 0x0006;

/// Limit of attributes; the user name is among the first.
const MAX_ATTRIBUTES: usize = 16;

/// An ICE connectivity check (RFC 8445 section 7.2). Its username fragments name the two agents that test
/// this pair of endpoints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IceCheck<'a> {
    /// Username fragment of the agent that receives the check.
    pub asked: &'a [u8],
    /// Username fragment of the agent that sends the check.
    pub asking: &'a [u8],
}

impl<'a> IceCheck<'a> {
    /// Reads a STUN message; none if it is no connectivity check.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER)?;
        if !header.starts_with(&BINDING_REQUEST) {
            return None;
        }
        for _ in 0..MAX_ATTRIBUTES {
            let (&[k0, k1, l0, l1], after) = rest.split_first_chunk::<4>()?;
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            let value = after.get(..len)?;
            if u16::from_be_bytes([k0, k1]) == USERNAME {
                let colon = value.iter().position(|b| *b == b':')?;
                let (asked, asking) = (value.get(..colon)?, value.get(colon + 1..)?);
                return (!asked.is_empty() && !asking.is_empty()).then_some(Self { asked, asking });
            }
            // Values are padded to multiples of four octets.
            rest = after.get(len.next_multiple_of(4)..)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (number, value) in attributes {
            body.extend(number.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut out = kind.to_be_bytes().to_vec();
        out.extend((body.len() as u16).to_be_bytes());
        out.extend([0x21, 0x12, 0xa4, 0x42]);
        out.extend([7; 12]);
        out.extend(body);
        out
    }

    #[test]
    fn a_check_names_who_is_asked_and_who_asks() {
        let bytes = message(1, &[(0x0024, &[0; 4]), (0x8022, b"odd"), (6, b"remote:local"), (8, &[0; 20])]);
        assert_eq!(IceCheck::parse(&bytes), Some(IceCheck { asked: b"remote", asking: b"local" }));
    }

    #[test]
    fn other_stun_is_no_check() {
        assert_eq!(IceCheck::parse(&message(1, &[])), None);
        assert_eq!(IceCheck::parse(&message(0x0101, &[(6, b"a:b")])), None);
        for name in [&b"nocolon"[..], b":b", b"a:", b""] {
            assert_eq!(IceCheck::parse(&message(1, &[(6, name)])), None);
        }
        let whole = message(1, &[(6, b"remote:local")]);
        for end in 0..whole.len() {
            assert_eq!(IceCheck::parse(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(IceCheck::parse(&message(1, &[(0x8022, &b""[..]); 40])), None);
    }
}
