//! Every frame that carried an octet of a wanted message is found, and no other frame.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddrV4;

use bellwether_base::{Span, Timestamp};
use bellwether_capture::{CaptureFormat, CaptureReader, expand};
use bellwether_evidence::{Found, Source, copy, search};
use bellwether_testkit::{
    Frame, PcapFormat, as_hep, as_web_socket, fragment, in_erspan, in_vxlan, tcp_frame, udp_frame, write_pcap,
};
use bellwether_wire::TunnelPorts;

const START: i64 = 1_700_000_000_000_000_000;

fn socket(ip: [u8; 4], port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(ip.into(), port)
}

fn a() -> SocketAddrV4 {
    socket([192, 0, 2, 1], 5060)
}

fn b() -> SocketAddrV4 {
    socket([192, 0, 2, 2], 5060)
}

fn at(i: usize) -> Timestamp {
    Timestamp::from_nanos(START) + Span::from_millis(20 * i as i64)
}

/// Messages of two calls by turns, each long enough for several fragments.
fn messages() -> Vec<(bool, Vec<u8>)> {
    let message = |i: usize| {
        let call = if i.is_multiple_of(2) { "wanted" } else { "other" };
        let body = "x".repeat(700);
        let text = format!(
            "INVITE sip:1@b SIP/2.0\r\nCall-ID: {call}\r\nCSeq: {i} INVITE\r\nContent-Length: 700\r\n\r\n{body}"
        );
        (call == "wanted", text.into_bytes())
    };
    (0..8).map(message).collect()
}

fn datagrams() -> Vec<(bool, Frame)> {
    let frames = messages().into_iter().enumerate();
    frames
        .map(|(i, (is_wanted, message))| (is_wanted, udp_frame(at(i), a(), b(), 1 + i as u16, &message)))
        .collect()
}

/// Searches frames for one call. The frames are those of two captures, the second of which begins in the middle.
fn found(frames: &[Frame]) -> (tempfile::TempDir, Vec<Source>, Found) {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = frames.split_at(frames.len() / 2);
    for (name, part) in [("1.pcap", first), ("2.pcap", second)] {
        std::fs::write(folder.path().join(name), write_pcap(part, PcapFormat::Nano)).unwrap();
    }
    let inputs = expand(&[folder.path().to_path_buf()]).unwrap();
    let inputs: Vec<Source> = inputs.into_iter().map(Source::Capture).collect();
    let found = search(&inputs, &TunnelPorts::default(), &mut |packet| {
        packet.sip().is_some_and(|head| head.call_id == "wanted")
    });
    (folder, inputs, found)
}

/// Checks that a search and a copy give the frames that are marked.
fn check(what: &str, marked: &[(bool, Frame)]) {
    let frames: Vec<Frame> = marked.iter().map(|(_, frame)| frame.clone()).collect();
    let (_folder, inputs, found) = found(&frames);
    let mut octets = Vec::new();
    copy(&inputs, &found, CaptureFormat::Pcap, &mut octets).unwrap();
    let mut reader = CaptureReader::in_memory(octets, "copy".as_ref()).unwrap();
    let mut copied = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        copied.push(Frame { at: record.at, bytes: record.frame.to_vec() });
    }
    let wanted: Vec<Frame> =
        marked.iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, f)| f.clone()).collect();
    assert!(!wanted.is_empty() && wanted.len() < frames.len());
    assert_eq!(copied.len(), wanted.len(), "{what}");
    assert!(copied == wanted, "{what}: other frames, or another order");
}

#[test]
fn datagrams_and_their_fragments_are_found_in_tunnels_too() {
    let plain = datagrams();
    check("datagrams", &plain);
    let cut = |frames: &[(bool, Frame)], size| -> Vec<(bool, Frame)> {
        frames.iter().flat_map(|(w, f)| fragment(f, size).into_iter().map(|piece| (*w, piece))).collect()
    };
    check("fragments", &cut(&plain, 200));
    let doubled: Vec<_> = cut(&plain, 200).into_iter().flat_map(|piece| [piece.clone(), piece]).collect();
    check("fragments that a mirror doubled", &doubled);
    let (cloud, sensor) = (socket([192, 0, 2, 8], 50_000), socket([192, 0, 2, 9], 4789));
    let mut tunnelled: Vec<_> = cut(&plain, 400)
        .into_iter()
        .map(|(w, f)| (w, in_vxlan(&in_erspan(&f, cloud, sensor, 7), cloud, sensor, 7)))
        .collect();
    check("fragments in tunnels", &tunnelled);
    for (id, (_, frame)) in (1_u16..).zip(&mut tunnelled) {
        frame.bytes[18..20].copy_from_slice(&id.to_be_bytes());
    }
    check("fragments of tunnels with fragments", &cut(&tunnelled, 120));
}

/// Octets of messages on one connection, cut into segments of a size. A segment is marked if it has an octet of a wanted one.
fn segments(messages: &[(bool, Vec<u8>)], size: usize) -> Vec<(bool, Frame)> {
    let octets: Vec<(bool, u8)> =
        messages.iter().flat_map(|(w, m)| m.iter().map(|octet| (*w, *octet))).collect();
    let mut seq = u32::MAX - 2000;
    let mut out = Vec::new();
    for (i, piece) in octets.chunks(size).enumerate() {
        let payload: Vec<u8> = piece.iter().map(|(_, octet)| *octet).collect();
        out.push((piece.iter().any(|(w, _)| *w), tcp_frame(at(i), a(), b(), seq, 0x18, &payload)));
        seq = seq.wrapping_add(payload.len() as u32);
    }
    out
}

#[test]
fn segments_that_hold_octets_of_a_message_are_found_and_its_retransmissions() {
    for size in [1, 60, 333, 536, 1400] {
        let marked = segments(&messages(), size);
        check(&format!("segments of {size}"), &marked);
        let doubled: Vec<_> = marked.into_iter().flat_map(|segment| [segment.clone(), segment]).collect();
        check(&format!("retransmitted segments of {size}"), &doubled);
    }
}

#[test]
fn messages_in_web_sockets_and_envelopes_are_found() {
    let shake = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec();
    let framed = |(w, m): (bool, Vec<u8>)| (w, as_web_socket(&m, 300, Some([7, 0, 255, 9])));
    let socket: Vec<_> = std::iter::once((false, shake)).chain(messages().into_iter().map(framed)).collect();
    check("WebSocket", &segments(&socket, 333));
    let envelopes: Vec<_> = datagrams().iter().map(|(w, frame)| (*w, as_hep(frame, 5))).collect();
    check("HEP over TCP", &segments(&envelopes, 333));
    let datagram = |(i, (w, hep)): (usize, (bool, Vec<u8>))| (w, udp_frame(at(i), a(), b(), 7, &hep));
    check("HEP", &envelopes.into_iter().enumerate().map(datagram).collect::<Vec<_>>());
}
