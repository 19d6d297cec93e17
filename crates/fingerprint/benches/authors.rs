//! Speed and allocations of parsing and fingerprinting one message: `cargo bench -p bellwether-fingerprint`.

use bellwether_fingerprint::{Identifiers, Readable, write_habits, write_sdp_author, write_sip_author};
use bellwether_sip::Message;
use bellwether_sip::sdp::description;
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// 14 headers, three UUIDs, and a description of 13 lines: typical of PJSIP.
const LONG: &[u8] = b"INVITE sip:+4930901820@registrar.example;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.17:5060;rport;branch=z9hG4bKPj921a24ab-d9f7-b921-921a-24abd9f7b921\r\nMax-Forwards: 70\r\nFrom: \"Ann Example\" <sip:100@registrar.example>;tag=331acff7-e56c-9318-921a-24abd9f7b921\r\nTo: <sip:+4930901820@registrar.example>\r\nContact: <sip:100@192.0.2.17:5060;ob>;+sip.instance=\"<urn:uuid:df7a4a50-1b5d-4c50-9d2e-1f7b1f7b1f7b>\"\r\nCall-ID: 0a24b040-106d-42f0-921a-24abd9f7b921\r\nCSeq: 20172 INVITE\r\nAllow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\nSupported: replaces, 100rel, timer, norefersub\r\nSession-Expires: 1800\r\nMin-SE: 90\r\nUser-Agent: Example Phone 1.2.3\r\nContent-Type: application/sdp\r\nContent-Length:   344\r\n\r\nv=0\r\no=- 3941234567 3941234567 IN IP4 192.0.2.17\r\ns=session\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 9 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// 11 headers and a description of 13 lines: typical of libre.
const MIDDLE: &[u8] = b"INVITE sip:102@registrar.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK921a24abd9f7b921;rport\r\nContact: <sip:101-0x55d0c8a0@192.0.2.17:5060>\r\nMax-Forwards: 70\r\nTo: <sip:102@registrar.example>\r\nFrom: \"Ann\" <sip:101@registrar.example>;tag=331acff7e56c9318\r\nCall-ID: 0a24b040106d42f0\r\nCSeq: 20172 INVITE\r\nUser-Agent: example v1.0.0 (x86_64/linux)\r\nAllow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,REFER\r\nSupported: gruu\r\nContent-Type: application/sdp\r\nContent-Length:   293\r\n\r\nv=0\r\no=- 3941234567 1941234567 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\na=tool:example 1.0.0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\na=ssrc:12345 cname:x\r\na=ptime:20\r\n";

/// 10 headers and a description of 7 lines: typical of gateways and dialers.
const SHORT: &[u8] = b"INVITE sip:102@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK-6199-1-0\r\nFrom: sip:101@192.0.2.17:5060;tag=6199SIPpTag001\r\nTo: <sip:102@192.0.2.1:5060>\r\nCall-ID: 1-6199@192.0.2.17\r\nCSeq: 1 INVITE\r\nContact: sip:101@192.0.2.17:5060\r\nMax-Forwards: 70\r\nSubject: Performance Test\r\nContent-Type: application/sdp\r\nContent-Length:   130\r\n\r\nv=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.17\r\ns=-\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/// The messages by name.
const MESSAGES: [(&str, &[u8]); 3] = [("short", SHORT), ("middle", MIDDLE), ("long", LONG)];

fn message(name: &str) -> &'static [u8] {
    MESSAGES.iter().find(|(known, _)| *known == name).map_or(&[], |(_, message)| message)
}

fn main() {
    divan::main();
}

/// Parsing, and the readable forms of both authors.
#[divan::bench(args = ["short", "middle", "long"])]
fn read_and_fingerprint(bencher: Bencher<'_, '_>, name: &str) {
    let invite = message(name);
    let (mut sip, mut sdp) = (Readable::default(), Readable::default());
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let message = Message::parse(black_box(invite));
        sip.clear();
        sdp.clear();
        write_sip_author(&message, &mut sip);
        let body = description(message.get(bellwether_sip::Name::ContentType), message.body());
        body.is_some_and(|body| write_sdp_author(body, &mut sdp))
    });
}

/// The same, with the habits and identifiers that are learned beside the fingerprint.
#[divan::bench(args = ["short", "middle", "long"])]
fn read_fingerprint_and_learn(bencher: Bencher<'_, '_>, name: &str) {
    let invite = message(name);
    let (mut sip, mut sdp, mut habits) = (Readable::default(), Readable::default(), Readable::default());
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let message = Message::parse(black_box(invite));
        for out in [&mut sip, &mut sdp, &mut habits] {
            out.clear();
        }
        write_sip_author(&message, &mut sip);
        let body = description(message.get(bellwether_sip::Name::ContentType), message.body());
        if let Some(body) = body {
            write_sdp_author(body, &mut sdp);
        }
        write_habits(&message, body, &mut habits);
        Identifiers::of(&message)
    });
}

/// Parsing alone.
#[divan::bench(args = ["short", "middle", "long"])]
fn read(bencher: Bencher<'_, '_>, name: &str) {
    let invite = message(name);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| Message::parse(black_box(invite)));
}
