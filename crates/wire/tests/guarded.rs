//! Every reader of this crate stays within its input.
//!
//! Each packet is put directly before an unmapped page, at every length, so that a read one octet too far
//! ends the process. `scripts/test` also runs this test in an optimised build, because debug builds check the
//! unchecked accesses of libraries.
#![expect(unsafe_code, reason = "a page without access has to be mapped for the test")]

use bellwether_base::{HashKey, Losses, Timestamp};
use bellwether_wire::{
    Decoded, FragmentLimits, FragmentPool, LinkType, Pushed, TunnelPorts, WebSocket, decode,
    decode_reassembled, first_octets, looks_like_hep, read_hep,
};
use proptest::prelude::*;

/// Writable memory that ends at a page without access.
struct Guarded {
    start: *mut u8,
    len: usize,
}

impl Guarded {
    const PAGE: usize = 4096;

    fn new(pages: usize) -> Self {
        let len = pages * Self::PAGE;
        // SAFETY: a new anonymous mapping overlaps nothing, and its last page is part of it.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let start = libc::mmap(std::ptr::null_mut(), len + Self::PAGE, access, flags, -1, 0);
            assert_ne!(start, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(start.add(len), Self::PAGE, libc::PROT_NONE), 0);
            Self { start: start.cast(), len }
        }
    }

    /// Copies the octets so that the last one stands directly before the page without access.
    fn put(&mut self, octets: &[u8]) -> &[u8] {
        assert!(octets.len() <= self.len);
        // SAFETY: the place lies within the mapping, which nothing else refers to while `self` is borrowed.
        unsafe {
            let place = self.start.add(self.len - octets.len());
            place.copy_from_nonoverlapping(octets.as_ptr(), octets.len());
            std::slice::from_raw_parts(place, octets.len())
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, of this length.
        unsafe { libc::munmap(self.start.cast(), self.len + Self::PAGE) };
    }
}

/// Runs every reader on the octets.
fn read(octets: &[u8]) {
    for link in [0, 1, 9, 10, 12, 50, 51, 101, 104, 105, 108, 113, 127, 192, 197, 219, 228, 229, 239, 276] {
        let ports = TunnelPorts::default();
        let frame = decode(LinkType::from_number(link), octets, &ports);
        if let Decoded::Fragment(fragment) = frame.what {
            let mut pool = FragmentPool::new(FragmentLimits::default(), HashKey::new([1; 16]));
            let now = Timestamp::from_nanos(1);
            if let Pushed::Whole(whole) = pool.push(fragment, now, &mut Losses::default()) {
                let _ = decode_reassembled(&whole, frame.tunnel, &ports);
            }
        }
    }
    if looks_like_hep(octets) {
        let _ = read_hep(octets, Timestamp::from_nanos(1));
    }
    let _ = (first_octets(octets), WebSocket::default().take(octets));
}

fn at_every_length(octets: &[u8]) {
    let mut memory = Guarded::new(octets.len() / Guarded::PAGE + 1);
    for len in 0..=octets.len() {
        read(memory.put(&octets[..len]));
    }
}

/// An Ethernet frame of IPv6, its length field 0, whose chain begins with `next`.
fn ipv6(next: u8, chain: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 12];
    out.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, next, 64]);
    out.extend([0x20; 32]);
    out.extend(chain);
    out
}

#[test]
fn an_extension_header_that_does_not_fit_behind_one_that_does_ends_the_walk() {
    for first in [0, 43, 51, 60, 135, 139, 140] {
        for second in [0, 43, 44, 51, 60, 135] {
            for claimed in [0, 1, 3, 200, 255] {
                let header = [second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                let len = if first == 51 { 8 } else { 16 };
                let header = &header[..if first == 51 { len } else { 8 }];
                let chain = [header, &[first, claimed, 0, 0, 0, 0, 0, 0], &[0; 24]].concat();
                at_every_length(&ipv6(first, &chain));
            }
        }
    }
}

#[test]
fn zeros_that_look_like_a_chain_without_an_end_are_read_to_their_end() {
    for zeros in [0, 1024, 4096 - 54, 8000] {
        let mut memory = Guarded::new(3);
        read(memory.put(&ipv6(0, &vec![0; zeros])));
    }
}

/// One header of each kind that leads to another one, so that they nest in any order.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |octets: &'static [u8]| Just(octets.to_vec());
    prop_oneof![
        fixed(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00]),
        fixed(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd]),
        fixed(&[0, 1, 0x08, 0x00]),
        fixed(&[0x88, 0x47, 0, 0, 0x11, 64]),
        fixed(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 40, 0, 0x21]),
        (prop_oneof![Just(0x45_u8), Just(0x46), Just(0x4f)], any::<[u8; 3]>(), protocol()).prop_map(
            |(first, [length, flags, offset], protocol)| {
                let mut out = vec![first, 0, 0, length, 1, 2, flags & 0x3f, offset & 1, 64, protocol, 0, 0];
                out.extend([10, 0, 0, 1, 10, 0, 0, 2]);
                out
            }
        ),
        (any::<bool>(), any::<u8>(), protocol()).prop_map(|(long, length, next)| {
            let mut out = vec![0x60, 0, 0, 0, 0, if long { 0 } else { length }, next, 64];
            out.extend([0x20; 32]);
            out
        }),
        (protocol(), 0_u8..4, any::<[u8; 6]>())
            .prop_map(|(next, len, rest)| { [&[next, len][..], &rest].concat() }),
        (
            prop_oneof![
                Just(4789_u16),
                Just(2152),
                Just(6081),
                Just(1701),
                Just(37008),
                Just(6635),
                Just(5060)
            ],
            any::<u16>()
        )
            .prop_map(|(port, len)| {
                [[0xc0, 0x00], port.to_be_bytes(), (len % 200).to_be_bytes(), [0, 0]].concat()
            }),
        fixed(&[8, 0, 0, 0, 1, 2, 3, 0]),
        fixed(&[0x30, 0xff, 0, 0, 0, 0, 0, 77]),
        fixed(&[0x20, 0, 0x65, 0x58, 0, 1, 2, 3]),
        // Radiotap with time and flags, 802.11 data with quality of service, a logical link header.
        fixed(&[0, 0, 17, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20]),
        (any::<u8>(), any::<bool>()).prop_map(|(flags, is_plain)| {
            let mut out = vec![0; 26];
            (out[0], out[1]) = (0x88, if is_plain { flags & 0x83 } else { flags });
            out
        }),
        fixed(&[0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00]),
        // ERF with an extension, Cisco's HDLC, netfilter's log, per-packet information.
        any::<u8>()
            .prop_map(|kind| [&[0; 8][..], &[kind | 0x80, 0, 0, 0, 0, 0, 0, 0], &[0; 8], &[0; 2]].concat()),
        fixed(&[0x0f, 0, 0x08, 0x00]),
        fixed(&[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0, 200, 0, 9, 0]),
        fixed(&[0, 0, 8, 0, 105, 0, 0, 0]),
        fixed(b"HEP3"),
        fixed(&[0x81, 0xfe, 1, 0, 1, 2, 3, 4]),
        prop::collection::vec(any::<u8>(), 0..24),
    ]
}

fn protocol() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![0_u8, 4, 6, 17, 41, 43, 44, 47, 51, 59, 60, 97, 115, 132, 135, 137])
}

proptest! {
    #[test]
    fn headers_in_any_order_are_read_within_their_octets(headers in prop::collection::vec(header(), 1..8)) {
        at_every_length(&headers.concat());
    }
}
