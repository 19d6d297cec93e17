/// The state of a sender's handshake, by one DTLS record (RFC 6347, RFC 9147).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DtlsStep {
    /// A fatal alert: the handshake failed, and no media is encrypted by it.
    Failed,
    /// A first handshake message: ClientHello, HelloRequest or HelloVerifyRequest. Anybody can send one, so
    /// it proves nothing.
    Hello,
    /// A later record of a handshake that the peer has accepted: a server's answer, key exchange, or
    /// encrypted data.
    Further,
}

/// Content types of DTLS records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Length of a record header; the handshake type follows it.
const HEADER: usize = 13;

/// Handshake types of first messages: a server's request for a handshake, and a client's hello.
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
/// A server's stateless cookie exchange: the client repeats its hello (RFC 6347 section 4.2.1).
const HELLO_VERIFY_REQUEST: u8 = 3;

/// Alert level that ends the connection (RFC 5246 section 7.2).
const FATAL: u8 = 2;

impl DtlsStep {
    /// Reads a datagram that [`crate::classify`] identified as DTLS. Returns `None` for warnings, encrypted
    /// alerts and truncated records.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        // All records after the first epoch are encrypted.
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
