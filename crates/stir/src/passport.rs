use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::Defect;

/// Longest token that is read: certificates chains in `x5c` and rich call data stay far below.
const LONGEST: usize = 16 * 1024;

/// Tokens read of one header field.
const MAX_TOKENS: usize = 8;

/// Destinations kept of one token.
const MAX_DESTINATIONS: usize = 32;

/// A caller or called party, as a token names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Identity {
    /// A telephone number, as spelled.
    Number(String),
    /// A URI.
    Uri(String),
}

impl Identity {
    /// The number, or the user part of the URI.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Number(number) => number,
            Self::Uri(uri) => {
                let rest = uri.split_once(':').map_or(uri.as_str(), |(_, rest)| rest);
                rest.split(['@', ';']).next().unwrap_or(rest)
            }
        }
    }
}

/// The signer's knowledge of the caller, as the signer states it (RFC 8588 section 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Attestation {
    /// The caller is known, and may use the number.
    Full,
    /// The caller is known, the number is not vouched for.
    Partial,
    /// Only where the call came in.
    Gateway,
}

impl Attestation {
    /// The letter.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Full => "A",
            Self::Partial => "B",
            Self::Gateway => "C",
        }
    }

    /// Of a letter.
    #[must_use]
    pub fn of(letter: &str) -> Option<Self> {
        match letter {
            "A" => Some(Self::Full),
            "B" => Some(Self::Partial),
            "C" => Some(Self::Gateway),
            _ => None,
        }
    }
}

/// One token of an Identity header field.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Passport {
    /// Extension: `shaken`, `div`, `rcd` and others; empty for none.
    pub ppt: String,
    /// Address of the certificate: `x5u`, or `info` of the header field.
    pub x5u: String,
    /// The caller.
    pub orig: Option<Identity>,
    /// The called.
    pub dest: Vec<Identity>,
    /// The called party before the call was diverted (RFC 8946).
    pub div: Option<Identity>,
    /// Time of signing, in seconds since 1970.
    pub iat: Option<i64>,
    /// The signer's knowledge of the caller.
    pub attest: Option<Attestation>,
    /// The signer's identifier for the origin of the call.
    pub origid: Option<String>,
    /// The caller's name that is vouched for (RFC 9795).
    pub name: Option<String>,
    /// Departures from the standards and from the canonical form, in order, each once.
    pub slips: Vec<Defect>,
    /// True if header and payload are left out: they follow from the message (RFC 8224 section 4.1.1).
    pub is_compact: bool,
    /// The signed octets: header and payload as on the wire.
    pub signed: Vec<u8>,
    /// The signature: 64 octets if it is one of ES256.
    pub signature: Vec<u8>,
}

impl Passport {
    /// Reads the tokens of one Identity header field's value. Bare tokens without parameters are read too.
    #[must_use]
    pub fn read(value: &[u8]) -> Vec<Self> {
        let text = String::from_utf8_lossy(value.get(..LONGEST).unwrap_or(value));
        split(&text, ',').filter(|token| !token.is_empty()).take(MAX_TOKENS).map(Self::of_one).collect()
    }

    /// True if a verifier has to refuse it for its form.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.slips.iter().any(|slip| slip.is_fatal())
    }

    /// The last segment of the path of `x5u`: by which a certificate's file is found.
    #[must_use]
    pub fn certificate_name(&self) -> &str {
        let path = self.x5u.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// The host of `x5u`, which names the signer.
    #[must_use]
    pub fn signer(&self) -> &str {
        let rest = self.x5u.split_once("//").map_or("", |(_, rest)| rest);
        rest.split(['/', ':', '?']).next().unwrap_or_default()
    }

    /// Adds header and payload from the message to a compact token (RFC 8224 section 4.1.1), for verification of the signature.
    /// `date` is the Date header field in seconds since 1970.
    pub fn complete(&mut self, orig: Identity, dest: Identity, date: i64) {
        if !self.is_compact {
            return;
        }
        let name = |identity: &Identity| match identity {
            Identity::Number(number) => ("tn", quoted(number)),
            Identity::Uri(uri) => ("uri", quoted(uri)),
        };
        let header = format!(r#"{{"alg":"ES256","typ":"passport","x5u":{}}}"#, quoted(&self.x5u));
        let ((dest_kind, dest_name), (orig_kind, orig_name)) = (name(&dest), name(&orig));
        let payload = format!(
            r#"{{"dest":{{"{dest_kind}":[{dest_name}]}},"iat":{date},"orig":{{"{orig_kind}":{orig_name}}}}}"#
        );
        self.signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)).into_bytes();
        (self.orig, self.dest, self.iat) = (Some(orig), vec![dest], Some(date));
    }

    fn of_one(text: &str) -> Self {
        let mut passport = Self::default();
        let mut parts = split(text, ';');
        let token = parts.next().unwrap_or_default().trim_matches('"');
        let mut param_ppt = None;
        for param in parts {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "info" => passport.x5u = value.trim_start_matches('<').trim_end_matches('>').to_owned(),
                "ppt" => param_ppt = Some(value.to_owned()),
                "alg" if value != "ES256" => passport.slip(Defect::Algorithm),
                _ => {}
            }
        }
        passport.token(token, param_ppt.as_deref());
        if passport.x5u.is_empty() {
            passport.slip(Defect::NoCertificate);
        }
        passport.slips.sort_unstable();
        passport.slips.dedup();
        passport
    }

    fn token(&mut self, token: &str, param_ppt: Option<&str>) {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            self.slip(Defect::Parts);
            return;
        };
        self.signature = self.decoded(signature).unwrap_or_default();
        if self.signature.len() != 64 {
            self.slip(Defect::SignatureLength);
        }
        if header.is_empty() && payload.is_empty() {
            self.is_compact = true;
            self.ppt = param_ppt.unwrap_or_default().to_owned();
            return;
        }
        self.signed = format!("{header}.{payload}").into_bytes();
        if let Some(header) = self.object(header) {
            self.header(&header, param_ppt);
        }
        if let Some(payload) = self.object(payload) {
            self.payload(&payload);
        }
    }

    fn header(&mut self, header: &Map<String, Value>, param_ppt: Option<&str>) {
        let text = |key: &str| header.get(key).and_then(Value::as_str);
        if text("alg") != Some("ES256") {
            self.slip(Defect::Algorithm);
        }
        if text("typ") != Some("passport") {
            self.slip(Defect::Type);
        }
        let ppt = text("ppt").unwrap_or_default();
        if header.contains_key("ppt") && ppt.is_empty() || param_ppt.is_some_and(|param| param != ppt) {
            self.slip(Defect::Extension);
        }
        self.ppt = ppt.to_owned();
        if let Some(x5u) = text("x5u") {
            if !self.x5u.is_empty() && self.x5u != x5u {
                self.slip(Defect::InfoDiffers);
            }
            x5u.clone_into(&mut self.x5u);
        }
    }

    fn payload(&mut self, payload: &Map<String, Value>) {
        self.iat = match payload.get("iat") {
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => {
                self.slip(Defect::IssuedAtAsText);
                text.parse().ok()
            }
            _ => None,
        };
        if self.iat.is_none() {
            self.slip(Defect::IssuedAt);
        }
        self.orig = self.names(payload.get("orig")).into_iter().next();
        if self.orig.is_none() {
            self.slip(Defect::Origin);
        }
        self.dest = self.names(payload.get("dest"));
        if self.dest.is_empty() {
            self.slip(Defect::Destination);
        }
        if payload.get("dest").is_some_and(|dest| ["tn", "uri"].iter().any(|key| dest[*key].is_string())) {
            self.slip(Defect::SingleDestination);
        }
        self.div = self.names(payload.get("div")).into_iter().next();
        if self.ppt.starts_with("div") && self.div.is_none() {
            self.slip(Defect::Diversion);
        }
        let text = |key: &str| payload.get(key).and_then(Value::as_str);
        self.attest = text("attest").and_then(Attestation::of);
        self.origid = text("origid").filter(|id| !id.is_empty()).map(|id| id.chars().take(128).collect());
        self.name = payload.get("rcd").and_then(|rcd| rcd["nam"].as_str()).map(str::to_owned);
        if self.ppt == "shaken" {
            if self.attest.is_none() {
                self.slip(Defect::Attest);
            }
            match &self.origid {
                None => self.slip(Defect::OriginId),
                Some(id) if !is_uuid(id) => self.slip(Defect::OriginIdForm),
                Some(_) => {}
            }
        }
    }

    /// The names in an `orig`, `dest` or `div` claim.
    fn names(&mut self, claim: Option<&Value>) -> Vec<Identity> {
        let mut found = Vec::new();
        let Some(Value::Object(claim)) = claim else { return found };
        for (key, make) in [("tn", Identity::Number as fn(String) -> Identity), ("uri", Identity::Uri)] {
            let values = match claim.get(key) {
                Some(Value::String(one)) => std::slice::from_ref(one).to_vec(),
                Some(Value::Array(all)) => {
                    all.iter().filter_map(Value::as_str).map(str::to_owned).take(MAX_DESTINATIONS).collect()
                }
                _ => Vec::new(),
            };
            for value in values.into_iter().filter(|value| !value.is_empty()) {
                if key == "tn" && !value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#')) {
                    self.slip(Defect::NumberForm);
                }
                found.push(make(value));
            }
        }
        found
    }

    fn object(&mut self, part: &str) -> Option<Map<String, Value>> {
        let octets = self.decoded(part)?;
        match serde_json::from_slice(&octets) {
            Ok(Value::Object(object)) => {
                if !is_canonical(&octets, &object) {
                    self.slip(Defect::NotCanonical);
                }
                Some(object)
            }
            _ => {
                self.slip(Defect::Json);
                None
            }
        }
    }

    fn decoded(&mut self, part: &str) -> Option<Vec<u8>> {
        let bare = part.trim_end_matches('=');
        if bare.len() != part.len() {
            self.slip(Defect::Padded);
        }
        let octets = URL_SAFE_NO_PAD.decode(bare).ok();
        if octets.is_none() {
            self.slip(Defect::Encoding);
        }
        octets
    }

    fn slip(&mut self, slip: Defect) {
        self.slips.push(slip);
    }
}

/// True if the octets are the object's canonical form: sorted keys and no white space (RFC 8225 section 9).
fn is_canonical(octets: &[u8], object: &Map<String, Value>) -> bool {
    let sorted = sorted(&Value::Object(object.clone()));
    serde_json::to_vec(&sorted).is_ok_and(|canonical| canonical == octets)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_unstable();
            keys.into_iter()
                .filter_map(|key| object.get(key).map(|value| (key.clone(), sorted(value))))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(all) => all.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn is_uuid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == groups.len()
        && parts
            .iter()
            .zip(groups)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Splits outside quotes and angle brackets.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let mut is_bracketed = false;
    text.split(move |c| {
        match c {
            '"' => is_quoted = !is_quoted,
            '<' if !is_quoted => is_bracketed = true,
            '>' if !is_quoted => is_bracketed = false,
            _ => {}
        }
        c == separator && !is_quoted && !is_bracketed
    })
    .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A token with this header and payload, and a signature of the right length.
    pub(super) fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(payload), URL_SAFE_NO_PAD.encode([7; 64]))
    }

    const HEADER: &str =
        r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://c.example/a/b.pem?x=1"}"#;
    const PAYLOAD: &str = r#"{"attest":"B","dest":{"tn":["12155551213"]},"iat":1443208345,"orig":{"tn":"12155551212"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#;

    fn one(value: &str) -> Passport {
        let mut all = Passport::read(value.as_bytes());
        assert_eq!(all.len(), 1, "{value}");
        all.remove(0)
    }

    #[test]
    fn a_whole_token_tells_its_claims_and_has_no_slips() {
        let value = format!(
            "{};info=<https://c.example/a/b.pem?x=1>;alg=ES256;ppt=\"shaken\"",
            token(HEADER, PAYLOAD)
        );
        let p = one(&value);
        assert_eq!(p.slips, []);
        assert_eq!((p.attest, p.iat), (Some(Attestation::Partial), Some(1_443_208_345)));
        assert_eq!(p.orig.as_ref().unwrap().user(), "12155551212");
        assert_eq!(p.dest, [Identity::Number("12155551213".into())]);
        assert_eq!((p.certificate_name(), p.signer()), ("b.pem", "c.example"));
        assert_eq!(p.signed, value.split(';').next().unwrap().rsplit_once('.').unwrap().0.as_bytes());
    }

    #[test]
    fn several_tokens_of_one_field_are_parted_outside_quotes_and_brackets() {
        let t = token(HEADER, PAYLOAD);
        let all = Passport::read(format!("{t};info=<https://a,b>;ppt=shaken , {t};info=\"x,y\"").as_bytes());
        assert_eq!(all.len(), 2);
        assert!(all[0].slips.contains(&Defect::InfoDiffers) && !all[0].is_malformed());
    }

    #[test]
    fn what_breaks_the_standard_is_told_from_what_is_only_unusual() {
        let of = |header: &str, payload: &str| one(&token(header, payload));
        let bad = of(&HEADER.replace("ES256", "HS256"), PAYLOAD);
        assert_eq!((bad.slips.as_slice(), bad.is_malformed()), (&[Defect::Algorithm][..], true));
        let odd =
            of(HEADER, &PAYLOAD.replace("1443208345", "\"1443208345\"").replace("{\"tn\":\"", "{\"tn\":\"+"));
        assert_eq!(odd.slips, [Defect::IssuedAtAsText, Defect::NumberForm]);
        assert!(!odd.is_malformed());
        let spaced = of(HEADER, &PAYLOAD.replace(':', ": "));
        assert_eq!(spaced.slips, [Defect::NotCanonical]);
        for (from, to, slip) in [
            ("\"attest\":\"B\"", "\"attest\":\"N\"", Defect::Attest),
            ("12155551212", "", Defect::Origin),
            ("{\"tn\":[\"12155551213\"]}", "\"x\"", Defect::Destination),
            ("\"iat\":1443208345,", "", Defect::IssuedAt),
        ] {
            let p = of(HEADER, &PAYLOAD.replace(from, to));
            assert!(p.slips.contains(&slip) && p.is_malformed(), "{slip:?} {:?}", p.slips);
        }
        assert_eq!(one("abc;info=<x>").slips, [Defect::Parts]);
    }

    #[test]
    fn a_compact_token_is_completed_from_the_message() {
        let mut p = one("..AAAA;info=<https://biloxi.example.org/biloxi.cert>");
        assert!(p.is_compact);
        p.complete(Identity::Number("12155551212".into()), Identity::Uri("sip:a@b".into()), 1_443_208_345);
        let text = String::from_utf8(p.signed).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().1).unwrap();
        assert_eq!(
            String::from_utf8(payload).unwrap(),
            r#"{"dest":{"uri":["sip:a@b"]},"iat":1443208345,"orig":{"tn":"12155551212"}}"#
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_read(value: Vec<u8>) {
            let _ = Passport::read(&value);
        }

        #[test]
        fn any_claims_are_read(header in "\\{\"alg\":.{0,20}\\}", payload in "\\{\"(iat|orig|dest|attest)\":[0-9\\[\\]{}\"a-z:,]{0,30}\\}") {
            let _ = Passport::read(token(&header, &payload).as_bytes());
        }
    }
}
