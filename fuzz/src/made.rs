//! Constructed seeds for inputs that no capture contains: operators' files, keys, tokens, and sequences in the
//! targets' own notations.

use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, PcapFormat, write_pcap};

use crate::input::with_length;

const CONFIG: &str = include_str!("../../crates/cli/src/default.toml");
const SIGNATURES: &str = include_str!("../../crates/fingerprint/src/signatures.toml");
const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/stir/signer.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("../../fixtures/stir/authority.pem");

/// A complete token with an invalid signature.
const PASSPORT: &str = "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0\
    LmV4YW1wbGUvYS5wZW0ifQ.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyI0OTMwMTIzNDU2NyJdfSwiaWF0IjoxNzUwMDAwMDAwLCJvcmln\
    Ijp7InRuIjoiNDk4OTEyMzQ1NjcifSwib3JpZ2lkIjoiMTIzZTQ1NjctZTg5Yi0xMmQzLWE0NTYtNDI2NjU1NDQwMDAwIn0.\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    ;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken";

/// The seeds: target and input.
#[must_use]
pub fn made() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = files();
    seeds.extend(packets());
    seeds.extend(links());
    seeds.extend(captures());
    let tables: Vec<&str> = SIGNATURES.split("\n\n").filter(|table| table.contains("[[")).collect();
    seeds.extend(tables.iter().map(|table| ("signatures", table.as_bytes().to_vec())));
    let full = [&with_length(CERTIFICATE), PASSPORT.as_bytes()].concat();
    let compact =
        [&with_length(PUBLIC_KEY)[..], b"..AAAA;info=<https://cert.example/a.pem>, ", PASSPORT.as_bytes()];
    seeds.extend([("stir", full), ("stir", compact.concat())]);
    seeds
}

/// A file of each kind. The first octet selects the kind.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let of_kind = |kind: u8, text: &str| ("files", [&[kind], text.as_bytes()].concat());
    let mut seeds: Vec<_> =
        CONFIG.split("\n[").skip(1).map(|table| of_kind(0, &format!("[{table}"))).collect();
    seeds.extend([
        of_kind(1, r#"[{"aor":"sip:101@a.example","device_class":"x","max_devices":2,"policy":"strict","note":null}]"#),
        of_kind(2, "aor,device_class,max_devices,policy,note\nsip:101@a.example,x,2,learn,\"a, b\"\n102@b,,,learn,\n"),
        of_kind(3, "{\"call_id\":\"a\",\"label\":\"fraud\",\"campaign\":\"c\"}\n\n{\"call_id\":\"b\",\"label\":\"legit\"}\n"),
        of_kind(4, "{\"call_id\":\"a\",\"class\":\"x\",\"mode\":\"loud\"}\n"),
        of_kind(5, r#"{"call_id":"a","fraud_score":0.5,"disposition":"x","talk_time_seconds":3,"timestamp_epoch":1.7e9}"#),
        of_kind(6, r#"{"format":"bellwether-classes","version":1,"features":[],"modes":[]}"#),
        of_kind(7, "# why\n+882\tsatellite\n37\n"),
        of_kind(8, "A Bank\n# no\nTax Office\n"),
        of_kind(9, &"0f".repeat(32)),
    ]);
    seeds
}

/// A datagram behind the header of each link type that no capture has. The first octet is the index of the link type.
fn links() -> Vec<(&'static str, Vec<u8>)> {
    const DATAGRAM: &[u8] = &[
        0x45, 0, 0, 30, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x13, 0xc4, 0x13, 0xc4, 0, 10,
        0, 0, 13, 10,
    ];
    const SNAP: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let data = [&[0x88, 1][..], &[0; 24], SNAP].concat();
    let radiotap = [&[0, 0, 17, 0, 3, 0, 0, 0][..], &[0; 9], &data].concat();
    let ppi = [&[0, 0, 8, 0, 105, 0, 0, 0][..], &data].concat();
    let endace = [&[0; 8][..], &[0x82, 0, 0, 0, 0, 0, 0, 0], &[0; 8], &[0; 14], &[8, 0]].concat();
    let log = [2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0, 34, 0, 9, 0];
    let headers: [(u8, &[u8]); 8] = [
        (10, &[&[0x50; 13][..], SNAP].concat()),
        (11, &[0x0f, 0, 8, 0]),
        (12, &data),
        (13, &radiotap),
        (14, &ppi),
        (15, &endace),
        (16, &log),
        (15, &[&[0; 8][..], &[1, 0, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0x21]].concat()),
    ];
    headers.iter().map(|(link, header)| ("wire", [&[*link], *header, DATAGRAM].concat())).collect()
}

/// Inputs for the targets of single components.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let key = b"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4";
    let media: Vec<u8> = [&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xff; 40]].concat();
    let sealed = [with_length(key), with_length(&media), with_length(&media)].concat();
    let secret =
        b"1 AES_256_CM_HMAC_SHA1_32 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    let other = [with_length(secret), with_length(&media)].concat();
    // Flags and number of a datagram, offset in units of eight, length.
    let fragments = vec![0, 0, 0, 0, 0, 16, 8, 0, 2, 0, 5, 1, 0, 2, 0, 8, 9, 0, 3, 0, 3, 1, 0, 0, 0, 16];
    // Flags and number of a flow, offset, length: a SYN, two segments out of order, a FIN.
    let segments = vec![
        0, 255, 255, 255, 0, 4, 0, 0, 0, 0, 0, 0, 100, 0, 50, 0, 0, 0, 0, 100, 48, 1, 0, 0, 50, 8, 0, 150, 0,
        9,
    ];
    // Two consecutive Hop-by-Hop headers.
    let mut options = vec![1, 0x60, 0, 0, 0, 0, 24, 0, 64];
    options.extend([1; 32]);
    options.extend([0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, 0x13, 0xc4, 0x13, 0xc4, 0, 8, 0, 0]);
    let silence = [&[0x80][..], &[1, 0, 0, 0xff], &[0; 12], &[0; 48], &[0xff, 1, 0, 0, 0]].concat();
    vec![
        ("srtp", sealed),
        ("srtp", other),
        ("fragments", fragments),
        ("tcp", segments),
        ("wire", options),
        ("sound", silence),
    ]
}

/// A small capture of each format.
fn captures() -> Vec<(&'static str, Vec<u8>)> {
    let at = Timestamp::default() + Span::from_secs(1_750_000_000);
    let frames = [Frame { at, bytes: vec![1; 20] }, Frame { at, bytes: vec![2; 33] }];
    let block = |kind: u32, body: &[u8]| {
        let len = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, body, &len].concat()
    };
    let section = [&[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0][..], &[0xff; 8]].concat();
    let interface =
        [1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let enhanced = [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3, 4];
    let simple = [8, 0, 0, 0, 1, 2, 3, 4];
    let blocks =
        [block(0x0a0d_0d0a, &section), block(1, &interface), block(6, &enhanced), block(3, &simple)].concat();
    let mut seeds: Vec<_> = [PcapFormat::Micro, PcapFormat::Nano]
        .into_iter()
        .map(|format| ("capture", [&[200][..], &write_pcap(&frames, format)].concat()))
        .collect();
    seeds.push(("capture", [&[200][..], &blocks].concat()));
    // The same, stored in gzip without compression (RFC 1952, RFC 1951 section 3.2.4). Its checksum is wrong.
    let len = blocks.len() as u16;
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let packed = [&[200][..], &header, &len.to_le_bytes(), &(!len).to_le_bytes(), &blocks, &[0; 8]].concat();
    seeds.push(("capture", packed));
    seeds
}
