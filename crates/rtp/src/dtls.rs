/// What a DTLS record says of its sender's handshake (RFC 6347, RFC 9147).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DtlsStep {
    /// It gave up: what follows is not encrypted by this handshake.
    Failed,
    /// It asks for a handshake, or for the proof that the asking one is where it says. Anybody can, and nothing follows from it yet.
    Hello,
    /// It goes on with one that the other side has agreed to: a server's answer, keys, or what is encrypted already.
    Further,
}

/// Content types of records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// A record's header, and where a handshake's kind stands in it.
const HEADER: usize = 13;

/// Kinds of handshake messages: a client's hello, and a server's wish for one.
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
/// A server's wish to hear the hello again, for which it keeps no state (RFC 6347 section 4.2.1).
const HELLO_VERIFY_REQUEST: u8 = 3;

/// The level of an alert that ends the connection (RFC 5246 section 7.2).
const FATAL: u8 = 2;

impl DtlsStep {
    /// Reads a datagram that [`crate::classify`] took for DTLS; none of an alert that warns or is encrypted, and of
    /// what is cut short.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        // Behind the first epoch all is encrypted.
        let is_first_epoch = bytes.get(3..5)? == [0, 0];
        match *bytes.first()? {
            CHANGE_CIPHER_SPEC | APPLICATION_DATA => Some(Self::Further),
            HANDSHAKE => match *bytes.get(HEADER)? {
                HELLO_REQUEST | CLIENT_HELLO | HELLO_VERIFY_REQUEST if is_first_epoch => Some(Self::Hello),
                _ => Some(Self::Further),
            },
            ALERT if is_first_epoch && *bytes.get(HEADER)? == FATAL => Some(Self::Failed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: u8, epoch: u8, first: u8) -> Vec<u8> {
        vec![content, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, 1, first]
    }

    #[test]
    fn a_hello_is_told_from_what_follows_an_answer() {
        assert_eq!(DtlsStep::parse(&record(22, 0, 1)), Some(DtlsStep::Hello));
        assert_eq!(DtlsStep::parse(&record(22, 0, 0)), Some(DtlsStep::Hello));
        assert_eq!(DtlsStep::parse(&record(22, 0, 3)), Some(DtlsStep::Hello));
        for (content, epoch, first) in [(22, 0, 2), (22, 0, 16), (22, 1, 1), (20, 0, 1), (23, 1, 0)] {
            assert_eq!(DtlsStep::parse(&record(content, epoch, first)), Some(DtlsStep::Further));
        }
        assert_eq!(DtlsStep::parse(&record(21, 0, 1)), None);
        assert_eq!(DtlsStep::parse(&record(21, 1, 2)), None);
        assert_eq!(DtlsStep::parse(&record(21, 0, 2)), Some(DtlsStep::Failed));
        assert_eq!((DtlsStep::parse(&[]), DtlsStep::parse(&[22, 0xfe])), (None, None));
    }
}
