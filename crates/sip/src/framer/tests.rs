use super::*;
use proptest::prelude::*;

/// Feeds a stream in the given pieces and returns the framed messages.
fn framed(pieces: &[&[u8]]) -> Vec<(&'static str, Vec<u8>)> {
    let (mut framer, mut unread, mut out) = (Framer::default(), Vec::new(), Vec::new());
    for piece in pieces {
        unread.extend_from_slice(piece);
        loop {
            let (kind, len) = match framer.next(&unread) {
                Framed::Message { len } => ("message", len),
                Framed::Cut { len } => ("cut", len),
                Framed::KeepAlive { len } | Framed::Pass { len } => ("", len),
                Framed::Incomplete => break,
                Framed::NotSip => {
                    framer.pass_line();
                    continue;
                }
            };
            assert!(len > 0 && len <= unread.len());
            let octets: Vec<u8> = unread.drain(..len).collect();
            if !kind.is_empty() {
                out.push((kind, octets));
            }
        }
        assert!(unread.len() <= MAX_MESSAGE);
    }
    out
}

fn octet_by_octet(stream: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    framed(&stream.chunks(1).collect::<Vec<_>>())
}

const HIDDEN: &[u8] = b"INVITE sip:hidden@b SIP/2.0\r\nCall-ID: hidden\r\n\r\n";
const AFTER: &[u8] = b"BYE sip:after@b SIP/2.0\r\nl: 0\r\n\r\n";

/// A message with the given header and body.
fn message(header: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("OPTIONS sip:a@b SIP/2.0\r\n{header}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn messages_are_framed_however_the_stream_is_cut() {
    let two =
        b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbodySIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    let expected = vec![("message", two[4..41].to_vec()), ("message", two[41..].to_vec())];
    for cut in 0..two.len() {
        assert_eq!(framed(&[&two[..cut], &two[cut..]]), expected, "cut at {cut}");
    }
    assert_eq!(octet_by_octet(two), expected);
    assert_eq!(Framer::default().next(b"\r\n\r\n"), Framed::KeepAlive { len: 4 });
}

#[test]
fn several_carriage_returns_are_one_line_end() {
    let one = b"OPTIONS sip:a@b SIP/2.0\r\r\nl: 4\r\r\n\r\r\nbody";
    let stream = [&one[..], AFTER].concat();
    let expected = vec![("message", one.to_vec()), ("message", AFTER.to_vec())];
    assert_eq!((framed(&[&stream]), octet_by_octet(&stream)), (expected.clone(), expected));
}

#[test]
fn other_protocols_are_refused() {
    assert_eq!(Framer::default().next(b"GET / HTTP/1.1\r\n\r\n"), Framed::NotSip);
    assert_eq!(Framer::default().next(b"\x16\x03\x01 not text"), Framed::NotSip);
    for prefix in ["I", "INVI", "INVITE ", "INVITE sip:alice@exam", "SIP/", "SIP/2.0 2"] {
        assert_eq!(Framer::default().next(prefix.as_bytes()), Framed::Incomplete, "{prefix}");
    }
}

#[test]
fn a_body_beyond_the_largest_message_is_passed_over_to_its_last_octet() {
    let body = HIDDEN.repeat(100_000 / HIDDEN.len());
    let long = message("", &body);
    let stream = [&long[..], AFTER].concat();
    let expected = vec![("cut", long[..MAX_MESSAGE].to_vec()), ("message", AFTER.to_vec())];
    assert_eq!(framed(&[&stream]), expected);
    assert_eq!(octet_by_octet(&stream), expected);
}

#[test]
fn headers_beyond_the_largest_message_are_passed_over_with_their_body() {
    for filler in ["X: y\r\n".repeat(20_000), format!("X: {}\r\n", "y".repeat(200_000))] {
        let hidden = "INVITE sip:hidden@b SIP/2.0\r\n";
        let long = message(&format!("{filler}{hidden}{filler}"), HIDDEN);
        let stream = [&long[..], AFTER].concat();
        let got = framed(&[&stream]);
        assert_eq!(octet_by_octet(&stream), got);
        assert_eq!(got.len(), 2);
        assert!(got[0].0 == "cut" && long.starts_with(&got[0].1) && got[0].1.ends_with(b"\r\n"));
        assert_eq!(got[1], ("message", AFTER.to_vec()));
    }
}

#[test]
fn a_length_on_a_continuation_line_is_a_length_and_the_largest_of_several_counts() {
    let n = HIDDEN.len();
    for lengths in [
        format!("Content-Length:\r\n {n}\r\n"),
        format!("l:\r\n\t\r\n  {n}\r\nX: y\r\n"),
        format!("Content-Length: 0\r\nl: {n}\r\n"),
        format!("CONTENT-LENGTH : {n}\r\nl: 7\r\n"),
        format!("l: 000000000000000000000{n}\r\n"),
        format!("l: +{n}\r\n"),
        format!("l: {n};x\r\n"),
        format!("l: {n} (x)\r\n"),
        format!("l: \x0b{n}, {n}\r\n"),
    ] {
        let head = format!("OPTIONS sip:a@b SIP/2.0\r\n{lengths}\r\n");
        let first = [head.as_bytes(), HIDDEN].concat();
        let stream = [&first[..], AFTER].concat();
        assert_eq!(framed(&[&stream]), [("message", first), ("message", AFTER.to_vec())], "{lengths}");
    }
}

#[test]
fn a_line_that_no_message_begins_with_is_passed_over_whole() {
    let stream = [b"\"rubbish\" INVITE sip:x@y SIP/2.0\r\n".as_slice(), AFTER].concat();
    for cut in 0..stream.len() {
        let got = framed(&[&stream[..cut], &stream[cut..]]);
        assert_eq!(got, [("message", AFTER.to_vec())], "cut at {cut}");
    }
}

#[test]
fn headers_behind_a_line_that_no_message_begins_with_are_passed_over_with_their_body() {
    for first in [
        format!("INVITE sip:{} SIP/2.0", "x".repeat(9000)),
        format!("{} sip:a SIP/2.0", "M".repeat(70)),
        "INVITE sip:a@b SIP/x".into(),
    ] {
        let head = format!("{first}\r\nVia: x\r\nl: {}\r\n\r\n", HIDDEN.len());
        let stream = [head.as_bytes(), HIDDEN, AFTER].concat();
        assert_eq!(framed(&[&stream]), [("message", AFTER.to_vec())], "{}", &first[..20]);
        assert_eq!(octet_by_octet(&stream), [("message", AFTER.to_vec())]);
    }
}

#[test]
fn a_length_in_a_header_that_is_too_long_to_be_read_hides_nothing() {
    let head = format!("OPTIONS sip:a@b SIP/2.0\r\nl: {}{}\r\n\r\n", " ".repeat(70_000), HIDDEN.len());
    let got = framed(&[&[head.as_bytes(), HIDDEN].concat()]);
    assert!(got.iter().all(|(kind, _)| *kind == "cut"), "{got:?}");
}

#[test]
fn a_gap_within_a_body_leaves_the_framer_in_step() {
    let first = message("", &[b"text\r\n", HIDDEN, HIDDEN].concat());
    let missing = HIDDEN.len() + 10;
    let gap = first.len() - missing - 3;
    let mut framer = Framer::default();
    assert_eq!(framer.next(&first[..gap]), Framed::Incomplete);
    // The unread octets are dropped together with the missing ones.
    assert!(framer.torn(Some((gap + missing) as u64)));
    let rest = [&first[gap + missing..], AFTER].concat();
    assert_eq!(framer.next(&rest), Framed::Pass { len: 3 });
    assert_eq!(framer.next(&rest[3..]), Framed::Message { len: AFTER.len() });
}

#[test]
fn behind_another_gap_the_next_start_line_is_looked_for_at_the_front_first() {
    let mut framer = Framer::default();
    assert!(!framer.torn(None));
    assert_eq!(framer.next(AFTER), Framed::Message { len: AFTER.len() });
    assert!(!framer.torn(Some(5)));
    assert_eq!(framer.next(b"e: x\r\n"), Framed::Pass { len: 6 });
    assert!(!framer.is_within());
    assert_eq!(framer.next(AFTER), Framed::Message { len: AFTER.len() });
}

/// A line beyond the limit that ends like a start line, or holds the colon of a header, is judged by its first
/// octets also when all of it is there.
#[test]
fn a_line_that_is_too_long_is_judged_alike_however_much_of_it_is_there() {
    for end in ["OPTIONS sip:a@b SIP/2.0\r\n", " OPTIONS sip:a@b SIP/2.0\r\n", ": x\r\n", "\r\n"] {
        let long = [&[b'a'; LONGEST_FIRST_LINE], end.as_bytes()].concat();
        let stream = [b"no message\r\n", &long[..], b"l: 12\r\n\r\n", AFTER, AFTER].concat();
        assert_eq!(octet_by_octet(&stream), framed(&[&stream]), "{end}");
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec()),
        Just(b"SIP/2.0 200 OK\r\n".to_vec()),
        Just(b"Content-Length: 12\r\n".to_vec()),
        Just(b"l:\r\n 3\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"SIP/7.0 \n".to_vec()),
        Just(vec![b'a'; 3000]),
        Just(vec![b'a'; 30_000]),
        Just(b":".to_vec()),
        Just(b" ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Every octet is taken once, and segmentation does not change the result.
    #[test]
    fn any_cutting_gives_the_same_messages(stream in text(), cuts in prop::collection::vec(1_usize..40, 1..20)) {
        let (mut pieces, mut rest) = (Vec::new(), stream.as_slice());
        for len in cuts.iter().cycle() {
            let (piece, tail) = rest.split_at((*len).min(rest.len()));
            pieces.push(piece);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(framed(&pieces), framed(&[&stream]));
        prop_assert_eq!(octet_by_octet(&stream), framed(&[&stream]));
    }
}
