//! Recognises stacks by messages with their structure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bellwether_fingerprint::{
    Claim, Grammar, Identifiers, Readable, Seen, Signatures, fields, write_habits, write_sip_author,
};
use bellwether_sip::Message;

/// The stack of a message, its suspicious flag, and the result for its User-Agent.
fn stack(lines: &[&str], agent: &str) -> (Option<String>, bool, Claim) {
    let text = format!("{}\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
    let message = Message::parse(text.as_bytes());
    let (mut readable, mut learned) = (Readable::default(), Readable::default());
    assert!(write_sip_author(&message, &mut readable));
    write_habits(&message, None, &mut learned);
    let habits: Vec<(String, String)> =
        fields(learned.as_str()).skip(1).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let identifiers: Vec<(String, Grammar)> =
        Identifiers::of(&message).iter().map(|(name, grammar)| (name.to_owned(), grammar)).collect();
    let seen = Seen { readable: readable.as_str(), habits: &habits, identifiers: &identifiers };
    let signatures = Signatures::with(None).unwrap();
    let known = signatures.recognise(&seen);
    (
        known.map(|known| known.name.to_owned()),
        known.is_some_and(|known| known.is_suspicious),
        signatures.claim(&seen, Some(agent)),
    )
}

fn named(lines: &[&str], agent: &str) -> (String, Claim) {
    let (name, _, claim) = stack(lines, agent);
    (name.unwrap_or_default(), claim)
}

const PJSIP: [&str; 8] = [
    "INVITE sip:200@pbx.example SIP/2.0",
    "Via: SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bKPjmZ3Fh0sXkM9W7aJ2uC1dQp8vR4tY6nBe",
    "Max-Forwards: 70",
    "From: <sip:100@pbx.example>;tag=kQ0o2uKq3M5pWc7x",
    "To: <sip:200@pbx.example>",
    "Contact: <sip:100@198.51.100.7:5060;ob>",
    "Call-ID: eXo2uKq3M5pWc7xLz9",
    "CSeq: 4711 INVITE",
];

const SCANNER: [&str; 7] = [
    "INVITE sip:000048422032120@203.0.113.5 SIP/2.0",
    "Via: SIP/2.0/UDP 203.0.113.48:5071;branch=z9hG4bK1285016391",
    "Max-Forwards: 70",
    "From: <sip:100@203.0.113.5>;tag=908145372",
    "To: <sip:000048422032120@203.0.113.5>",
    "Call-ID: 1193840582-857132209-1830441",
    "CSeq: 1 INVITE",
];

#[test]
fn a_scanner_of_a_family_is_known_by_structure_with_its_name_changed() {
    let mut lines = SCANNER.to_vec();
    lines.push("Contact: <sip:100@203.0.113.48:5071>");
    for (agent, claim) in [
        ("pplsip", Claim::Consistent),
        ("PolycomSoundPointIP-SPIP_335-UA/3.3.1.0907", Claim::Contradictory),
        ("Avaya one-X", Claim::Contradictory),
    ] {
        assert_eq!(stack(&lines, agent), (Some("pplsip family".into()), true, claim), "{agent}");
    }
    // With a host in the Call-ID, it is another stack.
    lines[5] = "Call-ID: 1193840582-857132209-1830441@203.0.113.48";
    assert_eq!(named(&lines, "Some Phone 1"), (String::new(), Claim::Unverifiable));
    // A gateway with a number as its Call-ID does not belong to the family.
    for id in ["Call-ID: 158204417365", "Call-ID: 11938405828571322091", "Call-ID: 11938405-857132"] {
        lines[5] = id;
        assert_eq!(named(&lines, "SIP Trunk GW"), (String::new(), Claim::Unverifiable), "{id}");
    }
}

#[test]
fn vendors_that_build_on_exosip_contradict_nothing() {
    let lines = |call_id: &'static str| {
        [
            "INVITE sip:200@pbx.example SIP/2.0",
            "Via: SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bK1387452910",
            "From: <sip:100@pbx.example>;tag=940218375",
            "To: <sip:200@pbx.example>",
            call_id,
            "CSeq: 20 INVITE",
            "Contact: <sip:100@198.51.100.7:5060>",
            "Max-Forwards: 70",
        ]
    };
    for call_id in ["Call-ID: 1730294415", "Call-ID: 1730294415@198.51.100.7"] {
        for agent in ["Linphone/3.3.2 (eXosip2/3.3.0)", "Yealink SIP-T20P 9.70.0.10"] {
            assert_eq!(
                named(&lines(call_id), agent),
                ("eXosip2".into(), Claim::Consistent),
                "{call_id} {agent}"
            );
        }
        assert_eq!(named(&lines(call_id), "Some Phone 1").1, Claim::Unverifiable);
    }
    let yealink = lines("Call-ID: 0_1730294415@198.51.100.7");
    assert_eq!(named(&yealink, "Yealink SIP-T46S 66.81"), ("Yealink".into(), Claim::Consistent));
}

#[test]
fn one_brand_on_two_stacks_and_vendors_wrappers_are_no_contradiction() {
    for (agent, claim) in [
        ("Bria iOS 2.4.1", Claim::Consistent),
        ("Asterisk PBX 20.5.0", Claim::Consistent),
        ("Vendor Communicator 7", Claim::Unverifiable),
        ("X-Lite release 5.0", Claim::Unverifiable),
        ("Yealink Mobile 1.0", Claim::Unverifiable),
        // These products have one stack only.
        ("Yealink SIP-T46S 66.81.0.110", Claim::Contradictory),
        ("Twinkle/1.10.2", Claim::Contradictory),
        ("Linphone/5.2", Claim::Contradictory),
    ] {
        assert_eq!(named(&PJSIP, agent), ("PJSIP".into(), claim), "{agent}");
    }
}

#[test]
fn a_tool_that_names_itself_is_what_it_says_and_a_tool_all_the_same() {
    let sipp = [
        "INVITE sip:service@203.0.113.5:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7:5061;branch=z9hG4bK-2140-1-0",
        "From: sipp <sip:sipp@198.51.100.7:5061>;tag=2140SIPpTag001",
        "To: service <sip:service@203.0.113.5:5060>",
        "Call-ID: 1-2140@198.51.100.7",
        "CSeq: 1 INVITE",
        "Contact: sip:sipp@198.51.100.7:5061",
        "Max-Forwards: 70",
    ];
    assert_eq!(stack(&sipp, "SIPp/Win32"), (Some("SIPp".into()), true, Claim::Consistent));
    assert_eq!(stack(&sipp, "load test 7"), (Some("SIPp".into()), true, Claim::Unverifiable));
    for product in ["eyeBeam release 1102q", "Zoiper rv2.10.13"] {
        assert_eq!(named(&sipp, product), ("SIPp".into(), Claim::Contradictory), "{product}");
    }
    assert_eq!(stack(&sipp, "Yealink SIP-T46S 66.81"), (Some("SIPp".into()), true, Claim::Contradictory));
}

#[test]
fn zoiper_is_known_by_its_short_name() {
    let lines = [
        "INVITE sip:200@pbx.example SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1---9d1f3a5c7e9b2d4f;rport",
        "Max-Forwards: 70",
        "Contact: <sip:100@198.51.100.7:5060>",
        "To: <sip:200@pbx.example>",
        "From: <sip:100@pbx.example>;tag=8c3b5d11",
        "Call-ID: aGVsbG8td29ybGQtdGhpcy1pcw..",
        "CSeq: 1 INVITE",
    ];
    assert_eq!(named(&lines, "Z 5.6.5 v2.10.20.5"), ("reSIProcate".into(), Claim::Consistent));
    assert_eq!(named(&lines, "AZ 5.6.5"), ("reSIProcate".into(), Claim::Unverifiable));
}

#[test]
fn stacks_that_were_missing_are_named_by_their_structure() {
    let cases: [(&str, &[&str], &str); 8] = [
        (
            "eXosip2",
            &[
                "INVITE sip:200@pbx.example SIP/2.0",
                "Via: SIP/2.0/UDP 198.51.100.7:5060;rport;branch=z9hG4bK1387452910",
                "From: <sip:100@pbx.example>;tag=940218375",
                "To: <sip:200@pbx.example>",
                "Call-ID: 1730294415",
                "CSeq: 20 INVITE",
                "Contact: <sip:100@198.51.100.7:5060>",
                "Max-Forwards: 70",
            ],
            "Linphone/3.5.2 (eXosip2/3.6.0)",
        ),
        (
            "JAIN-SIP",
            &[
                "INVITE sip:200@pbx.example SIP/2.0",
                "Call-ID: 0f3c5e7d9b1a2c4e6f8091a3b5c7d9e1@0:0:0:0:0:0:0:0",
                "CSeq: 1 INVITE",
                "From: \"a\" <sip:100@pbx.example>;tag=9dd9ef2d",
                "To: <sip:200@pbx.example>",
                "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-313833-0aa8b0e9b97e6c2c2f6d6d3e1f5a7b9c",
                "Max-Forwards: 70",
                "Contact: <sip:100@198.51.100.7:5060>",
            ],
            "Jitsi2.10.5550Windows 10",
        ),
        (
            "JsSIP",
            &[
                "INVITE sip:200@pbx.example SIP/2.0",
                "Via: SIP/2.0/WSS 7dsj3k2lq0pm.invalid;branch=z9hG4bK8392011",
                "Max-Forwards: 69",
                "To: <sip:200@pbx.example>",
                "From: <sip:100@pbx.example>;tag=u8k2m4p6r0",
                "Call-ID: 6lq8o0bk3vj5h7g9f1d2",
                "CSeq: 2571 INVITE",
                "Contact: <sip:k3j5l7m9@7dsj3k2lq0pm.invalid;transport=ws;ob>",
            ],
            "JsSIP 3.10.0",
        ),
        (
            "Doubango (tinySIP)",
            &[
                "REGISTER sip:pbx.example SIP/2.0",
                "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1804289383;rport",
                "From: <sip:100@pbx.example>;tag=846930886",
                "To: <sip:100@pbx.example>",
                "Contact: <sip:100@198.51.100.7:5060>;expires=600",
                "Call-ID: 0a5b1f6a-2c3d-4e5f-8a9b-0c1d2e3f4a5b",
                "CSeq: 20305 REGISTER",
                "Max-Forwards: 70",
            ],
            "IM-client/OMA1.0 android-ngn-stack/v2.0.0 (doubango r000)",
        ),
        (
            "Polycom",
            &[
                "INVITE sip:200@pbx.example SIP/2.0",
                "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK8c2ee3a5A2D0E9FE",
                "From: \"a\" <sip:100@pbx.example>;tag=C5ABB88A-9ECE9ED5",
                "To: <sip:200@pbx.example;user=phone>",
                "CSeq: 1 INVITE",
                "Call-ID: 8b5eeed9-d3d7f9ad-6ff5bb1b@198.51.100.7",
                "Contact: <sip:100@198.51.100.7>",
                "Max-Forwards: 70",
            ],
            "PolycomSoundPointIP-SPIP_550-UA/3.1.2.0392",
        ),
        (
            "AudioCodes",
            &[
                "INVITE sip:200@pbx.example SIP/2.0",
                "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKac1387452910",
                "Max-Forwards: 70",
                "From: <sip:100@pbx.example>;tag=1c940218375",
                "To: <sip:200@pbx.example>",
                "Call-ID: 94021837512201613141@198.51.100.7",
                "CSeq: 1 INVITE",
                "Contact: <sip:100@198.51.100.7:5060>",
            ],
            "Audiocodes-Sip-Gateway-MP-118 FXS/v.6.00A.041.003",
        ),
        (
            "AudioCodes",
            &[
                "SIP/2.0 200 OK",
                "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKabc",
                "From: <sip:100@pbx.example>;tag=1",
                "To: <sip:200@pbx.example>;tag=1c782100345",
                "Call-ID: x@198.51.100.9",
                "CSeq: 1 INVITE",
                "Contact: <sip:200@198.51.100.7:5060>",
                "Supported: em,timer,replaces,path,resource-priority",
                "Allow: REGISTER,OPTIONS,INVITE,ACK,CANCEL,BYE,NOTIFY,PRACK,REFER,INFO,SUBSCRIBE,UPDATE",
            ],
            "GW/v.6.20A",
        ),
        (
            "YATE",
            &[
                "SIP/2.0 200 OK",
                "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKabc",
                "From: <sip:100@pbx.example>;tag=1",
                "To: <sip:200@pbx.example>;tag=206938412",
                "Call-ID: x@198.51.100.9",
                "CSeq: 1 INVITE",
                "Contact: <sip:200@198.51.100.7:5060>",
                "Allow: ACK, INVITE, BYE, CANCEL, REGISTER, REFER, OPTIONS, INFO",
            ],
            "YATE/5.4.1",
        ),
    ];
    for (name, lines, agent) in cases {
        assert_eq!(named(lines, agent), (name.to_owned(), Claim::Consistent), "{agent}");
    }
}
