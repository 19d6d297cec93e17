//! PASSporTs of Identity headers, and operators' certificate files.

use bellwether_base::{Span, Timestamp};
use bellwether_stir::{Certificates, Identity, Passport, Signature};

use crate::input::Input;

/// Maximum number of tokens. A longer header value is truncated before it is read.
const MAX_TOKENS: usize = 64;

/// Laws: equal values give equal tokens. The number of tokens is bounded. A token without its signer's certificate is
/// never valid. A file of certificates is accepted, or refused with a message.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let pem = input.piece();
    let value = input.rest();
    let tokens = Passport::read(value);
    assert_eq!(tokens, Passport::read(value), "the same value gives the same tokens");
    assert!(tokens.len() <= MAX_TOKENS, "tokens of one value are bounded");
    let mut certificates = Certificates::default();
    if let Err(error) = certificates.add("a.pem", pem) {
        assert!(!error.to_string().is_empty(), "an error has a message");
        assert!(certificates.is_empty(), "a refused file adds no certificate");
    }
    let at = Timestamp::default() + Span::from_secs(1_750_000_000);
    for mut token in tokens {
        assert!(token.dest.len() + token.slips.len() <= 256, "the stored parts of a token are bounded");
        let _ = (token.signer().len(), token.is_malformed(), token.orig.as_ref().map(Identity::user));
        let number = |text: &str| Identity::Number(text.to_owned());
        token.complete(number("+4930123456"), number("\"\\\u{0}"), 1_750_000_000);
        if token.certificate_name() != "a.pem" {
            assert_eq!(certificates.verify(&token, at), Signature::NoCertificate);
        } else {
            let _ = certificates.verify(&token, at);
        }
    }
}
