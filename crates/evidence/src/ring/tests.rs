use std::net::SocketAddrV4;

use bellwether_sensor::signalling_tap;
use bellwether_testkit::{Frame, fragment, tcp_frame, udp_frame};

use super::*;

const START: i64 = 1_700_000_000_000_000_000;

fn end(last: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new([192, 0, 2, last].into(), port)
}

fn message(second: i64, call: usize, padding: usize) -> Frame {
    let body = "x".repeat(padding);
    let text =
        format!("INVITE sip:1@b SIP/2.0\r\nCall-ID: call-{call}\r\nContent-Length: {padding}\r\n\r\n{body}");
    let at = Timestamp::from_nanos(START) + Span::from_secs(second);
    udp_frame(at, end(1, 5060), end(2, 5060), call as u16 + 1, text.as_bytes())
}

fn record(frame: &Frame) -> Record<'_> {
    let original_len = frame.bytes.len() as u32;
    Record { at: frame.at, link: LinkType::Ethernet, original_len, frame: &frame.bytes }
}

fn options(folder: &Path, key: Option<RingKey>) -> RingOptions {
    let (max_bytes, max_age) = (16 * MIN_SEGMENT, Some(Span::from_secs(1600)));
    RingOptions { folder: folder.to_path_buf(), max_bytes, max_age, key, tunnels: TunnelPorts::default() }
}

fn kept(folder: &Path, key: Option<&RingKey>) -> Vec<Frame> {
    let mut out = Vec::new();
    for segment in segments(folder).unwrap() {
        let mut reader = open_segment(&segment.path, key).unwrap();
        while let Some(record) = reader.next().unwrap() {
            out.push(Frame { at: record.at, bytes: record.frame.to_vec() });
        }
    }
    out
}

#[test]
fn signalling_is_kept_in_fragments_too_and_media_is_not() {
    for secret in [None, Some([7; 32])] {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), secret.as_ref().map(RingKey::new));
        let mut keeper = Keeper::new(&options);
        let cut = fragment(&message(1, 1, 900), 400);
        // A media packet in fragments, and one that is whole.
        let mut rtp = vec![0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9];
        rtp.resize(900, 0xd5);
        let media = udp_frame(Timestamp::from_nanos(START), end(1, 4000), end(2, 4000), 77, &rtp);
        let mut all = vec![message(0, 0, 3), media.clone()];
        all.extend(fragment(&media, 400));
        all.extend(cut.clone());
        all.iter().for_each(|frame| keeper.frame(&record(frame)).unwrap());
        keeper.flush().unwrap();
        let wanted: Vec<Frame> = std::iter::once(message(0, 0, 3)).chain(cut).collect();
        assert!(kept(folder.path(), options.key.as_ref()) == wanted);
        let octets = std::fs::read(&segments(folder.path()).unwrap()[0].path).unwrap();
        let is_clear = octets.windows(6).any(|part| part == b"INVITE");
        assert_eq!(is_clear, secret.is_none());
    }
}

#[test]
fn the_ring_stays_within_size_and_age_and_loses_the_oldest_frames() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), Some(RingKey::new(&[7; 32])));
    let mut keeper = Keeper::new(&options);
    let size = || -> u64 {
        segments(folder.path()).unwrap().iter().map(|s| std::fs::metadata(&s.path).unwrap().len()).sum()
    };
    for i in 0..6000 {
        keeper.frame(&record(&message(i / 60, i as usize, 1200))).unwrap();
        if i % 500 == 0 {
            assert!(size() <= options.max_bytes, "{} at frame {i}", size());
        }
    }
    keeper.flush().unwrap();
    assert!(size() > options.max_bytes / 2, "{}", size());
    let frames = kept(folder.path(), options.key.as_ref());
    assert_eq!(frames.last(), Some(&message(99, 5999, 1200)));
    assert!(frames.is_sorted_by_key(|frame| frame.at) && frames.len() < 6000);
    // An hour later nothing of that is young enough, but for the segment before the last one.
    for second in [3600, 3800, 4000] {
        keeper.frame(&record(&message(second, 0, 3))).unwrap();
    }
    let first = segments(folder.path()).unwrap()[0].first;
    assert!(first > Timestamp::from_nanos(START) + Span::from_secs(80), "{first:?}");
    let mode = std::fs::metadata(&segments(folder.path()).unwrap()[0].path).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
}

#[test]
fn segments_of_a_time_are_those_that_begin_before_its_end_and_last_until_its_start() {
    let at = |n: i64| Timestamp::from_nanos(n);
    let all: Vec<Segment> = [10, 20, 30].map(|n| Segment { first: at(n), path: PathBuf::new() }).into();
    let firsts = |from, to| -> Vec<i64> {
        segments_between(&all, at(from), at(to)).iter().map(|s| s.first.as_nanos()).collect()
    };
    assert_eq!(firsts(12, 15), [10]);
    assert_eq!(firsts(20, 25), [10, 20]);
    assert_eq!(firsts(40, 50), [30]);
    assert!(firsts(1, 5).is_empty());
}

#[test]
fn a_tap_that_ends_leaves_everything_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), None);
    let (tap, frames) = signalling_tap();
    drop(tap);
    write_ring(&frames, &options).unwrap();
    assert_eq!(segments(folder.path()).unwrap(), []);
}

#[test]
fn a_flow_of_another_protocol_takes_no_room_from_messages() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path(), None);
    let mut keeper = Keeper::new(&options);
    let at = Timestamp::from_nanos(START);
    let segment =
        |i: u32, octets: &[u8]| tcp_frame(at, end(1, 40_000), end(2, 8080), 1 + i * 1000, 0x18, octets);
    for i in 0..5000 {
        keeper.frame(&record(&segment(i, &[b'z'; 1000]))).unwrap();
    }
    assert!(keeper.held_bytes < 256 << 10, "{}", keeper.held_bytes);
    // A message over TCP in two segments, of which the first one waits.
    let text = b"INVITE sip:1@b SIP/2.0\r\nCall-ID: tcp\r\nContent-Length: 0\r\n\r\n";
    let (first, second) = text.split_at(30);
    for (seq, part) in [(1, first), (31, second)] {
        let frame = tcp_frame(at, end(1, 5060), end(2, 5060), seq, 0x18, part);
        keeper.frame(&record(&frame)).unwrap();
    }
    keeper.flush().unwrap();
    assert_eq!(kept(folder.path(), None).len(), 2);
}
