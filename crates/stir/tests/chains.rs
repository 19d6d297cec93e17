//! Chains of certificates, each right but for one thing.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking")]

mod common;

use bellwether_base::Timestamp;
use bellwether_stir::{Certificates, Coverage, Distrust, Signature};
use common::{
    CLAIM_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, LONG, Party, SHORT, TN_AUTH_LIST, authority, extension,
    key_usage, one_number, pem, provider, sequence, tlv,
};

/// 15 June 2026.
const NOW: Timestamp = Timestamp::from_nanos(1_781_481_600_000_000_000);
/// 15 June 2025, in the short validity.
const EARLIER: Timestamp = Timestamp::from_nanos(1_749_945_600_000_000_000);

/// An authority, one below it, one below that, and a signer.
struct World {
    root: Party,
    middle: Party,
    lower: Party,
    signer: Party,
}

impl World {
    fn new() -> Self {
        Self {
            root: Party::new("root"),
            middle: Party::new("middle"),
            lower: Party::new("lower"),
            signer: Party::new("signer"),
        }
    }

    fn root(&self, path_length: Option<u8>) -> Vec<u8> {
        self.root.issues(&self.root, LONG, &[authority(path_length), key_usage(0x04)])
    }

    fn middle(&self, path_length: Option<u8>) -> Vec<u8> {
        self.root.issues(&self.middle, LONG, &[authority(path_length), key_usage(0x04)])
    }

    /// Verifies a token with this chain in the signer's file and the root in another file.
    fn verdict(&self, root: &[u8], chain: &[&[u8]], at: Timestamp) -> Signature {
        let all = files(&[("root.pem", &[root]), ("signer.pem", chain)]);
        all.verify(&self.signer.token("signer.pem", "12155551212"), at)
    }

    /// Verifies a token of a signer with these extensions under the root.
    fn of_signer(&self, extensions: &[Vec<u8>]) -> Signature {
        let signer = self.root.issues(&self.signer, LONG, extensions);
        self.verdict(&self.root(None), &[&signer], NOW)
    }
}

fn files(files: &[(&str, &[&[u8]])]) -> Certificates {
    let mut all = Certificates::default();
    for (name, certificates) in files {
        all.add(name, &pem(certificates)).unwrap();
    }
    all
}

#[test]
fn a_chain_is_no_longer_than_its_authorities_allow() {
    let world = World::new();
    let lower = world.middle.issues(&world.lower, LONG, &[authority(None), key_usage(0x04)]);
    let signer = world.lower.issues(&world.signer, LONG, &[key_usage(0x80)]);
    for (root, middle, verdict) in [
        (None, None, Signature::Valid),
        (None, Some(1), Signature::Valid),
        (None, Some(0), Signature::Untrusted(Distrust::PathLength)),
        (Some(2), None, Signature::Valid),
        (Some(1), None, Signature::Untrusted(Distrust::PathLength)),
    ] {
        let middle_certificate = world.middle(middle);
        let chain = [&signer[..], &lower, &middle_certificate];
        assert_eq!(world.verdict(&world.root(root), &chain, NOW), verdict, "{root:?} {middle:?}");
    }
}

#[test]
fn a_key_signs_only_what_its_usage_says() {
    let world = World::new();
    let refused = Signature::Untrusted(Distrust::KeyUsage);
    assert_eq!(world.of_signer(&[]), Signature::Valid);
    assert_eq!(world.of_signer(&[key_usage(0x80)]), Signature::Valid);
    assert_eq!(world.of_signer(&[key_usage(0x08)]), refused);
    assert_eq!(world.of_signer(&[extension(KEY_USAGE, true, &tlv(2, &[0x80]))]), refused, "no bits");
    let signer = world.middle.issues(&world.signer, LONG, &[key_usage(0x80)]);
    let middle = world.root.issues(&world.middle, LONG, &[authority(None), key_usage(0x80)]);
    assert_eq!(world.verdict(&world.root(None), &[&signer, &middle], NOW), refused);
    let root = world.root.issues(&world.root, LONG, &[authority(None), key_usage(0x80)]);
    assert_eq!(world.verdict(&root, &[&signer, &world.middle(None)], NOW), refused);
}

#[test]
fn a_certificate_for_other_purposes_signs_no_tokens() {
    let world = World::new();
    let purposes = |purposes: &[Vec<u8>]| extension(EXTENDED_KEY_USAGE, false, &sequence(purposes));
    let server = tlv(6, &[0x2b, 6, 1, 5, 5, 7, 3, 1]);
    let any = tlv(6, &[0x55, 0x1d, 0x25, 0]);
    assert_eq!(
        world.of_signer(&[purposes(std::slice::from_ref(&server))]),
        Signature::Untrusted(Distrust::Purpose)
    );
    assert_eq!(world.of_signer(&[purposes(&[server, any])]), Signature::Valid);
}

#[test]
fn a_critical_list_of_numbers_is_read_and_any_other_critical_extension_refuses() {
    let world = World::new();
    let refused = Signature::Untrusted(Distrust::CriticalExtension);
    for is_critical in [false, true] {
        let list = extension(TN_AUTH_LIST, is_critical, &provider("709J"));
        assert_eq!(world.of_signer(std::slice::from_ref(&list)), Signature::Valid, "{is_critical}");
        let unknown = extension(CLAIM_CONSTRAINTS, is_critical, &sequence(&[]));
        let verdict = if is_critical { refused } else { Signature::Valid };
        assert_eq!(world.of_signer(&[list, unknown]), verdict, "{is_critical}");
        let unreadable = extension(TN_AUTH_LIST, is_critical, &tlv(0x16, b"ca.example/list"));
        assert_eq!(world.of_signer(&[unreadable]), verdict, "{is_critical}");
    }
    let twice = extension(TN_AUTH_LIST, true, &provider("709J"));
    assert_eq!(world.of_signer(&[twice.clone(), twice]), refused);
}

#[test]
fn a_critical_list_in_an_authority_is_read_too() {
    let world = World::new();
    let list = extension(TN_AUTH_LIST, true, &provider("709J"));
    let middle = world.root.issues(&world.middle, LONG, &[authority(None), list.clone()]);
    let signer = world.middle.issues(&world.signer, LONG, &[list]);
    assert_eq!(world.verdict(&world.root(None), &[&signer, &middle], NOW), Signature::Valid);
}

#[test]
fn the_signature_is_over_the_certificate_as_it_was_issued() {
    let world = World::new();
    let list = |is_critical| vec![extension(TN_AUTH_LIST, is_critical, &provider("709J"))];
    let critical = world.root.issues(&world.signer, LONG, &list(true));
    let uncritical = world.root.issues(&world.signer, LONG, &list(false));
    // Both are issued, each with a signature of its own, and webpki sees the same text of both.
    for certificate in [&critical, &uncritical] {
        let all =
            files(&[("root.pem", &[&world.root(None)]), ("a.pem", &[&critical]), ("b.pem", &[&uncritical])]);
        let name = if certificate == &critical { "a.pem" } else { "b.pem" };
        assert_eq!(all.verify(&world.signer.token(name, "12155551212"), NOW), Signature::Valid);
    }
    // With the flag taken out by somebody else, it is nobody's certificate.
    let mut forged = critical;
    let flag = [TN_AUTH_LIST, &[1, 1, 0xff]].concat();
    let place = forged.windows(flag.len()).position(|w| w == flag).unwrap() + flag.len() - 1;
    forged[place] = 0;
    let verdict = world.verdict(&world.root(None), &[&forged], NOW);
    assert!(matches!(verdict, Signature::Untrusted(_)), "{verdict:?}");
}

/// A certificate of an issuer with the trusted authority's name and another key.
#[test]
fn a_name_alone_vouches_for_nobody() {
    let (world, rogue) = (World::new(), Party::new("root"));
    let list = extension(TN_AUTH_LIST, true, &provider("709J"));
    let signer = rogue.issues(&world.signer, LONG, &[list]);
    let verdict = world.verdict(&world.root(None), &[&signer], NOW);
    assert_eq!(verdict, Signature::Untrusted(Distrust::UnknownIssuer));
}

#[test]
fn each_certificate_holds_at_the_time_of_the_call() {
    let world = World::new();
    let root = world.root(None);
    let middle = world.root.issues(&world.middle, SHORT, &[authority(None)]);
    let signer = world.middle.issues(&world.signer, LONG, &[]);
    assert_eq!(world.verdict(&root, &[&signer, &middle], EARLIER), Signature::Valid);
    assert_eq!(world.verdict(&root, &[&signer, &middle], NOW), Signature::Untrusted(Distrust::IssuerExpired));
    let signer = world.root.issues(&world.signer, SHORT, &[]);
    assert_eq!(world.verdict(&root, &[&signer], EARLIER), Signature::Valid);
    assert_eq!(world.verdict(&root, &[&signer], NOW), Signature::Expired);
    let old_root = world.root.issues(&world.root, SHORT, &[authority(None)]);
    let signer = world.root.issues(&world.signer, LONG, &[]);
    assert_eq!(world.verdict(&old_root, &[&signer], EARLIER), Signature::Valid);
    assert_eq!(world.verdict(&old_root, &[&signer], NOW), Signature::Untrusted(Distrust::UnknownIssuer));
    let before = Timestamp::from_nanos(-1);
    assert_eq!(world.verdict(&root, &[&signer], before), Signature::Expired);
}

#[test]
fn a_signer_issues_no_certificates_and_an_authority_below_another_signs_no_tokens() {
    let world = World::new();
    let middle = world.root.issues(&world.middle, LONG, &[]);
    let signer = world.middle.issues(&world.signer, LONG, &[]);
    assert_eq!(
        world.verdict(&world.root(None), &[&signer, &middle], NOW),
        Signature::Untrusted(Distrust::UnknownIssuer)
    );
    assert_eq!(world.of_signer(&[authority(None)]), Signature::Untrusted(Distrust::Role));
}

#[test]
fn an_authority_may_have_a_longer_key_than_signers_have() {
    let (root, signer) = (Party::with_p384("root"), Party::new("signer"));
    let root_certificate = root.issues(&root, LONG, &[authority(None)]);
    let certificate = root.issues(&signer, LONG, &[]);
    let all = files(&[("root.pem", &[&root_certificate]), ("signer.pem", &[&certificate])]);
    assert_eq!(all.verify(&signer.token("signer.pem", "12155551212"), NOW), Signature::Valid);
    let other = root.issues(&Party::with_p384("other"), LONG, &[]);
    assert!(Certificates::default().add("other.pem", &pem(&[&other])).is_err(), "a signer's key is of P-256");
}

#[test]
fn a_signers_bundle_brings_no_authority_of_its_own() {
    let (world, other) = (World::new(), World::new());
    let signer = other.root.issues(&other.signer, LONG, &[]);
    let bundle: &[&[u8]] = &[&signer, &other.root(None)];
    let token = other.signer.token("signer.pem", "12155551212");
    let all = files(&[("root.pem", &[&world.root(None)]), ("signer.pem", bundle)]);
    assert_eq!(all.verify(&token, NOW), Signature::Untrusted(Distrust::UnknownIssuer));
    // Without authorities the operator vouches for each file, and with the root in a list of authorities it is one.
    assert_eq!(files(&[("signer.pem", bundle)]).verify(&token, NOW), Signature::Valid);
    let roots: &[&[u8]] = &[&world.root(None), &other.root(None)];
    let all = files(&[("roots.pem", roots), ("signer.pem", bundle)]);
    assert!(all.has_authorities());
    assert_eq!(all.verify(&token, NOW), Signature::Valid);
}

#[test]
fn what_the_operator_vouches_for_needs_no_chain() {
    let world = World::new();
    let token = world.signer.token("signer.pem", "12155551212");
    // Without authorities, usage, purposes and extensions do not matter.
    let odd = world.root.issues(
        &world.signer,
        LONG,
        &[key_usage(0x08), extension(CLAIM_CONSTRAINTS, true, &sequence(&[]))],
    );
    assert_eq!(files(&[("signer.pem", &[&odd])]).verify(&token, NOW), Signature::Valid);
    // A self-signed certificate, as `openssl req -x509` makes it.
    let own = world.signer.issues(&world.signer, LONG, &[authority(None)]);
    let all = files(&[("root.pem", &[&world.root(None)]), ("signer.pem", &[&own])]);
    assert_eq!(all.verify(&token, NOW), Signature::Valid);
}

#[test]
fn a_list_says_for_whom_a_signer_may_speak() {
    let world = World::new();
    let with = |list: Option<Vec<u8>>| {
        let extensions: Vec<Vec<u8>> = list.iter().map(|list| extension(TN_AUTH_LIST, true, list)).collect();
        files(&[("signer.pem", &[&world.root.issues(&world.signer, LONG, &extensions)])])
    };
    let caller = world.signer.token("signer.pem", "12155551212");
    assert_eq!(with(None).coverage(&caller), Coverage::NoList);
    assert_eq!(with(Some(provider("709J"))).coverage(&caller), Coverage::Provider(vec!["709J".into()]));
    let numbers = with(Some(one_number("12155551212")));
    assert_eq!(numbers.coverage(&caller), Coverage::Number);
    assert_eq!(numbers.coverage(&world.signer.token("signer.pem", "12155551213")), Coverage::Outside);
    // A div PASSporT is signed for the original callee.
    let diverted = |div: &str| {
        let claims = format!(r#""div":{{"tn":"{div}"}},"orig":{{"tn":"493012345"}}"#);
        world.signer.token_of("div", "signer.pem", &claims)
    };
    assert_eq!(numbers.coverage(&diverted("12155551212")), Coverage::Number);
    assert_eq!(numbers.coverage(&diverted("12155551213")), Coverage::Outside);
}
