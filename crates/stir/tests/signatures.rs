//! Signatures under the test certificates of `fixtures/stir`, and, where they are at hand, under published tokens and keys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking ")]

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bellwether_base::Timestamp;
use bellwether_stir::{Certificates, Distrust, Passport, Signature};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stir")
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

/// A shaken token signed with a key of the fixtures, whose certificate is said to be `x5u`.
fn signed(key: &str, x5u: &str) -> Passport {
    let text = String::from_utf8(pem(key)).unwrap();
    let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let random = SystemRandom::new();
    let pkcs8 = STANDARD.decode(base64).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random).unwrap();
    let header =
        format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://c.example/{x5u}"}}"#);
    let payload = r#"{"attest":"A","dest":{"tn":["12155551213"]},"iat":1790000000,"orig":{"tn":"12155551212"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(&random, signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    Passport::read(token.as_bytes()).remove(0)
}

fn certificates(files: &[&str]) -> Certificates {
    let mut all = Certificates::default();
    for file in files {
        all.add(file, &pem(file)).unwrap();
    }
    all
}

const NOW: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);

#[test]
fn a_signature_holds_under_a_certificate_that_leads_to_an_authority() {
    let all = certificates(&["authority.pem", "signer.pem", "rogue.pem", "key.pem"]);
    assert_eq!(all.verify(&signed("signer.key.pem", "signer.pem"), NOW), Signature::Valid);
    assert_eq!(all.verify(&signed("signer.key.pem", "key.pem"), NOW), Signature::Valid);
    assert_eq!(all.verify(&signed("rogue.key.pem", "signer.pem"), NOW), Signature::Wrong);
    // It is of version 1, which RFC 5280 does not profile.
    assert_eq!(all.verify(&signed("rogue.key.pem", "rogue.pem"), NOW), Signature::Untrusted(Distrust::Form));
    assert_eq!(all.verify(&signed("signer.key.pem", "other.pem"), NOW), Signature::NoCertificate);
    let before = Timestamp::from_nanos(1_000_000_000_000_000_000);
    assert_eq!(all.verify(&signed("signer.key.pem", "signer.pem"), before), Signature::Expired);
}

#[test]
fn without_an_authority_the_operator_vouches_for_each_file() {
    assert_eq!(
        certificates(&["rogue.pem"]).verify(&signed("rogue.key.pem", "rogue.pem"), NOW),
        Signature::Valid
    );
}

#[test]
fn a_signature_holds_for_no_other_token() {
    let all = certificates(&["authority.pem", "signer.pem"]);
    let mut token = signed("signer.key.pem", "signer.pem");
    let last = token.signed.last_mut().unwrap();
    *last = if *last == b'A' { b'B' } else { b'A' };
    assert_eq!(all.verify(&token, NOW), Signature::Wrong);
}

#[test]
fn files_that_are_no_certificates_are_told() {
    let mut all = Certificates::default();
    for bad in
        ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PUBLIC KEY-----\n"]
    {
        assert!(all.add("x.pem", bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(all.add("x.pem", &[0xff, 0xfe]).is_err());
    assert!(all.is_empty());
}

/// Every published token beside the project verifies with exactly the keys that are said to verify it.
#[test]
fn published_tokens_verify_with_the_keys_they_are_said_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/stir");
    let Ok(table) = std::fs::read_to_string(folder.join("sigcheck.tsv")) else {
        eprintln!("no published tokens at hand: not compared");
        return;
    };
    let keys =
        ["libstirshaken_ref_sp.pem", "libstirshaken_ref_sp.pub", "rfc8225_key_2.pem", "rfc8946_key_1.pem"];
    let mut verified = 0;
    for line in table.lines().skip(1) {
        let (file, with) = line.split_once('\t').unwrap();
        let mut text = std::fs::read_to_string(folder.join(file)).unwrap();
        if let Some(rest) = text.strip_prefix("Identity:") {
            text = rest.trim().to_owned();
        }
        for passport in &mut Passport::read(text.trim().as_bytes()) {
            for key in keys {
                let mut all = Certificates::default();
                all.add("k", &std::fs::read(folder.join(key)).unwrap()).unwrap();
                passport.x5u = "https://h/k".into();
                let holds = all.verify(passport, NOW) == Signature::Valid;
                assert_eq!(holds, with.contains(key), "{file} with {key}");
                verified += usize::from(holds);
            }
        }
    }
    assert!(verified >= 15, "{verified}");
}
