use bellwether_base::Timestamp;

use crate::Rng;

/// A caller's attestation by its operator.
#[derive(Clone, Debug)]
pub(super) struct Attest {
    /// A, B, or C.
    pub(super) level: char,
    pub(super) origid: String,
    /// The operator, as in the certificate's URL.
    pub(super) signer: &'static str,
    /// Numbers and time of another call, if the token is copied from that call.
    pub(super) stolen: Option<(String, String, Timestamp, u64)>,
}

impl Attest {
    /// The header: a well-formed token (RFC 8225, RFC 8588) with an invalid signature.
    pub(super) fn header(&self, from: &str, to: &str, at: Timestamp, rng: &mut Rng) -> String {
        let mut own = Rng::new(rng.bits());
        let (from, to, at, mut signs) = match &self.stolen {
            Some((from, to, at, seed)) => (from.as_str(), to.as_str(), *at, Rng::new(*seed)),
            None => (from, to, at, Rng::new(own.bits())),
        };
        let (from, to) = (from.trim_start_matches('+'), to.trim_start_matches('+'));
        let seconds = at.as_nanos() / 1_000_000_000;
        let url = format!("https://certs.example.net/{}.pem", self.signer);
        let head = format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{url}"}}"#);
        let claims = format!(
            r#"{{"attest":"{}","dest":{{"tn":["{to}"]}},"iat":{seconds},"orig":{{"tn":"{from}"}},"origid":"{}"}}"#,
            self.level, self.origid
        );
        let signature: Vec<u8> = (0..8).flat_map(|_| signs.bits().to_be_bytes()).collect();
        let [head, claims, signature] = [head.as_bytes(), claims.as_bytes(), &signature].map(base64url);
        format!("Identity: {head}.{claims}.{signature};info=<{url}>;alg=ES256;ppt=shaken")
    }
}

/// Octets as in RFC 4648 section 5, without padding.
pub(crate) fn base64url(octets: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for three in octets.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..=three.len() {
            out.push(char::from(LETTERS[(bits >> (18 - 6 * i)) as usize & 63]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_written_as_in_rfc_4648() {
        for (octets, text) in [("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(octets.as_bytes()), text);
        }
    }
}
