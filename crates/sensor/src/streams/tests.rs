use super::*;
use bellwether_base::{Endpoint, FlowKey, HashKey, Loss, Timestamp};
use bellwether_wire::{Segment, TcpLimits, TcpReassembler};

const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);
const HIDDEN: &[u8] = b"INVITE sip:hidden@b SIP/2.0\r\nCall-ID: hidden\r\n\r\n";
const AFTER: &[u8] = b"BYE sip:after@b SIP/2.0\r\nl: 0\r\n\r\n";

fn flow() -> FlowKey {
    FlowKey { src: Endpoint::v4([1, 1, 1, 1], 5060), dst: Endpoint::v4([2, 2, 2, 2], 5060) }
}

/// Messages read from pieces of a stream, each with its offset, and the losses.
fn read(pieces: &[(usize, &[u8])]) -> (Vec<Vec<u8>>, Losses) {
    let mut tcp = TcpReassembler::<SipFlow>::new(TcpLimits::default(), HashKey::new([1; 16]));
    let (mut got, mut losses) = (Vec::new(), Losses::default());
    let syn = Segment { seq: 99, syn: true, ends: false, payload: &[], is_cut: false };
    tcp.push(flow(), syn, NOW, &mut losses, |_, _| {});
    let mut take = |stream: &mut Stream, losses: &mut Losses| {
        read_messages(stream, losses, |message, _| match message.what {
            InStream::Sip(octets) | InStream::WebSocket(octets) | InStream::Hep(octets) => {
                got.push(octets.to_vec())
            }
            InStream::KeepAlive(_) | InStream::Tls => {}
        });
    };
    for (at, payload) in pieces {
        let segment = Segment { seq: 100 + *at as u32, syn: false, ends: false, payload, is_cut: false };
        tcp.push(flow(), segment, NOW, &mut losses, &mut take);
    }
    tcp.finish(&mut losses, |_, stream, losses| take(stream, losses));
    assert_eq!(tcp.held(), 0);
    (got, losses)
}

/// The whole stream in segments of `size`.
fn segments(stream: &[u8], size: usize) -> Vec<(usize, &[u8])> {
    stream.chunks(size).enumerate().map(|(i, piece)| (i * size, piece)).collect()
}

/// The stream without the octets from `gap` to `end`.
fn without(stream: &[u8], gap: usize, end: usize) -> Vec<(usize, &[u8])> {
    vec![(0, &stream[..gap]), (end, &stream[end..])]
}

fn sip(body: &[u8]) -> Vec<u8> {
    [format!("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn hep(payload: &[u8]) -> Vec<u8> {
    [b"HEP3", &(6 + payload.len() as u16).to_be_bytes()[..], payload].concat()
}

/// A binary frame without a mask.
fn frame(payload: &[u8]) -> Vec<u8> {
    [&[0x82, 127][..], &(payload.len() as u64).to_be_bytes(), payload].concat()
}

fn handshake() -> Vec<u8> {
    b"GET /sip HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec()
}

#[test]
fn a_message_hidden_in_a_long_body_is_none_and_the_next_one_is_not_lost() {
    let long = sip(&HIDDEN.repeat(3000));
    let framed = [handshake(), frame(&long)].concat();
    for (stream, after) in [
        ([long.clone(), AFTER.to_vec()].concat(), AFTER.to_vec()),
        ([framed, frame(AFTER)].concat(), AFTER.to_vec()),
    ] {
        for size in [1, 1000, 60_000] {
            let (got, losses) = read(&segments(&stream, size));
            assert_eq!(got.len(), 2, "{size}");
            assert!(long.starts_with(&got[0]) && got[0].len() == 64 << 10);
            assert_eq!(got[1], after);
            assert_eq!((losses.get(Loss::SipTooLong), losses.get(Loss::TcpGap)), (1, 0));
        }
    }
}

#[test]
fn something_else_first_does_not_blind_the_sensor_to_what_follows() {
    let long = format!("INVITE sip:{}@h SIP/2.0\r\nVia: x\r\n\r\n", "x".repeat(9000)).into_bytes();
    for first in [
        long,
        b"\x01garbage\r\n".to_vec(),
        b" INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ] {
        let stream = [&first[..], AFTER, AFTER].concat();
        for size in [1, 1000, 60_000] {
            let (got, _) = read(&segments(&stream, size));
            assert_eq!(got, [AFTER.to_vec(), AFTER.to_vec()], "{size} {:?}", &first[..10]);
        }
    }
}

#[test]
fn a_mark_of_hep_in_a_message_makes_no_agent_of_a_flow_joined_midway() {
    let told = [&b"INVITE sip:a@b SIP/2.0\r\nSubject: HEP3 and more\r\nl: 0\r\n\r\n"[..]].concat();
    let stream = [b"before".to_vec(), told.clone(), AFTER.to_vec()].concat();
    let pieces: Vec<(usize, &[u8])> = vec![(6, &stream[6..])];
    let (got, _) = read(&pieces);
    assert_eq!(got, [told, AFTER.to_vec()]);
}

#[test]
fn a_flow_is_recognised_however_few_octets_its_first_segment_has() {
    for stream in [hep(AFTER), [handshake(), frame(AFTER)].concat(), AFTER.to_vec()] {
        let expected = read(&[(0, &stream)]).0;
        assert_eq!(expected.len(), 1);
        for cut in 1..8 {
            assert_eq!(read(&without(&stream, cut, cut)).0, expected, "{cut}");
        }
    }
    let hello = [0x16, 3, 1, 0, 40, 1, 0, 0, 36];
    for cut in 1..hello.len() {
        let mut tcp = TcpReassembler::<SipFlow>::new(TcpLimits::default(), HashKey::new([1; 16]));
        let (mut losses, mut seen) = (Losses::default(), 0);
        for (seq, piece) in [(1, &hello[..cut]), (1 + cut as u32, &hello[cut..])] {
            let segment = Segment { seq, syn: false, ends: false, payload: piece, is_cut: false };
            tcp.push(flow(), segment, NOW, &mut losses, |stream, losses| {
                read_messages(stream, losses, |message, _| {
                    seen += u32::from(matches!(message.what, InStream::Tls))
                });
            });
        }
        assert_eq!(seen, 1, "{cut}");
    }
}

#[test]
fn a_gap_within_a_body_an_envelope_or_a_frame_costs_that_one_alone() {
    let body = [b"text\r\n", HIDDEN, HIDDEN].concat();
    let in_hep = [&[b'x'; 20][..], &hep(HIDDEN), b"tail"].concat();
    for (stream, expected) in [
        ([sip(&body), AFTER.to_vec()].concat(), AFTER.to_vec()),
        ([hep(&in_hep), hep(AFTER)].concat(), hep(AFTER)),
        ([handshake(), frame(&sip(&body)), frame(AFTER)].concat(), AFTER.to_vec()),
    ] {
        // The gap is directly before the hidden message.
        let hidden = memchr::memmem::find(&stream, b"HEP3\0").filter(|at| *at > 0);
        let hidden = hidden.or(memchr::memmem::find(&stream, HIDDEN)).unwrap();
        let (got, losses) = read(&without(&stream, hidden - 4, hidden));
        assert_eq!(got, [expected]);
        assert_eq!((losses.get(Loss::TcpGap), losses.get(Loss::HepDesync)), (1, 0));
    }
}

#[test]
fn behind_a_gap_over_a_messages_end_the_next_segment_is_tried_first() {
    for (first, next) in
        [(sip(b"12345678"), sip(b"")), (hep(b"12345678"), hep(AFTER)), (frame(AFTER), frame(AFTER))]
    {
        let is_frame = first[0] == 0x82;
        let start = if is_frame { handshake() } else { Vec::new() };
        let stream = [start.clone(), first.clone(), first.clone(), next.clone()].concat();
        let (gap, end) = (start.len() + first.len() - 2, start.len() + 2 * first.len());
        let (got, _) = read(&without(&stream, gap, end));
        assert_eq!(got, [if is_frame { AFTER.to_vec() } else { next }]);
    }
}

#[test]
fn a_flow_that_never_shows_a_start_line_is_given_up() {
    let stream = b"neither SIP nor anything\r\n".repeat(8000);
    let torn = without(&stream, 0, 26);
    let (got, _) = read(&torn[1..]);
    assert_eq!(got, Vec::<Vec<u8>>::new());
    // Data behind more than a message's length of other octets is ignored.
    let joined = [stream, AFTER.to_vec()].concat();
    let pieces: Vec<_> = segments(&joined, 1000).split_off(1);
    assert_eq!(read(&pieces).0, Vec::<Vec<u8>>::new());
    let (got, _) = read(&segments(&[&b"midway\r\n".repeat(100)[..], AFTER].concat(), 100).split_off(1));
    assert_eq!(got, [AFTER.to_vec()]);
}

#[test]
fn partial_messages_of_web_sockets_count_as_held() {
    let mut tcp = TcpReassembler::<SipFlow>::new(
        TcpLimits { bytes: 200_000, ..TcpLimits::default() },
        HashKey::new([1; 16]),
    );
    let mut losses = Losses::default();
    for port in 1..100 {
        let flow = FlowKey { src: flow().src.with_port(port), ..flow() };
        // An incomplete message whose frames were all taken.
        let mut unfinished = frame(&[b'x'; 20_000]);
        unfinished[0] = 0x02;
        let stream = [handshake(), unfinished].concat();
        let segment = Segment { seq: 1, syn: true, ends: false, payload: &stream, is_cut: false };
        tcp.push(flow, segment, NOW, &mut losses, |stream, losses| read_messages(stream, losses, |_, _| {}));
        assert!(tcp.held() <= 200_000);
    }
    assert!(losses.get(Loss::TcpFlowEvicted) > 80);
}

#[test]
fn each_message_has_the_sequence_numbers_of_its_octets() {
    let message = sip(b"abcdef");
    let len = message.len() as u32;
    let socket = [handshake(), frame(&message)].concat();
    let start = handshake().len() as u32;
    for (stream, wanted) in [
        ([message.clone(), message.clone()].concat(), vec![(100, 100 + len), (100 + len, 100 + 2 * len)]),
        (hep(b"xyz"), vec![(100, 109)]),
        (socket, vec![(100 + start, 110 + start + len)]),
    ] {
        for size in [1, 7, 1000] {
            let mut tcp = TcpReassembler::<SipFlow>::new(TcpLimits::default(), HashKey::new([1; 16]));
            let (mut got, mut losses) = (Vec::new(), Losses::default());
            for (at, payload) in segments(&stream, size) {
                let seq = 100 + at as u32;
                let segment = Segment { seq, syn: false, ends: false, payload, is_cut: false };
                tcp.push(flow(), segment, NOW, &mut losses, |stream, losses| {
                    read_messages(stream, losses, |taken, _| got.push((taken.from, taken.to)));
                });
            }
            assert_eq!(got, wanted, "in pieces of {size}");
        }
    }
}
