use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};

use super::text::Text;
use crate::{Frame, Rng, tcp_frame, udp_frame};

/// Who attacks, where it does not say otherwise.
pub(super) const ATTACKER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5060);
/// Who is attacked.
pub(super) const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 5060);
/// Octets of payload of a message that is as large as one datagram carries, with room for its other headers.
pub(super) const LARGE: usize = 60_000;
/// Octets of one capture.
const CAPTURE: f64 = 36e6;

/// Where a shape's frames are put together.
pub(super) struct Stage {
    pub(super) rng: Rng,
    pub(super) frames: Vec<Frame>,
    /// How often the shape was asked for more.
    pub(super) turn: u32,
    /// The next octet of the one TCP connection.
    pub(super) seq: u32,
    at: Timestamp,
    octets: usize,
    packets: usize,
    capacity: usize,
}

impl Stage {
    pub(super) fn new(seed: u64, packets: usize, scale: f64) -> Self {
        Self {
            rng: Rng::new(seed),
            frames: Vec::new(),
            turn: 0,
            seq: 1,
            at: Timestamp::from_nanos(1_790_000_000_000_000_000),
            octets: 0,
            packets: packets.max(1),
            capacity: (CAPTURE * scale) as usize,
        }
    }

    /// Whether the capture is still to grow.
    pub(super) fn has_room(&self) -> bool {
        self.frames.len() < self.packets && self.octets <= self.capacity
    }

    /// A number that counts how often it was asked.
    pub(super) const fn next(&mut self) -> u32 {
        self.turn += 1;
        self.turn
    }

    /// When the next frame is sent.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.at = self.at + Span::from_nanos(250_000);
        self.at
    }

    /// Ethernet octets as they are.
    pub(super) fn raw(&mut self, bytes: Vec<u8>) {
        let at = self.tick();
        self.put(Frame { at, bytes });
    }

    pub(super) fn put(&mut self, frame: Frame) {
        self.octets += frame.bytes.len();
        self.frames.push(frame);
    }

    pub(super) fn udp(&mut self, src: SocketAddrV4, dst: SocketAddrV4, payload: &[u8]) {
        let at = self.tick();
        self.put(udp_frame(at, src, dst, 0, payload));
    }

    /// A message from the attacker to the server.
    pub(super) fn send(&mut self, text: &Text) {
        self.udp(ATTACKER, SERVER, &text.octets());
    }

    /// Octets from the attacker's port to the server's.
    pub(super) fn send_octets(&mut self, octets: &[u8]) {
        self.udp(ATTACKER, SERVER, octets);
    }

    /// A message from the attacker, and the server's answer to it.
    pub(super) fn ask(&mut self, text: &Text, status: &str, more: &str) {
        self.send(text);
        self.udp(SERVER, ATTACKER, &text.answer(status, "u", more, ""));
    }

    /// A segment of a connection to the server; its sequence number is given.
    pub(super) fn tcp(&mut self, src: SocketAddrV4, seq: u32, flags: u8, payload: &[u8]) {
        let at = self.tick();
        self.put(tcp_frame(at, src, SERVER, seq, flags, payload));
    }

    /// The next octets of the one connection from the attacker, in segments of `size`. The connection is opened first.
    pub(super) fn stream(&mut self, octets: &[u8], size: usize) {
        if self.seq == 1 {
            self.tcp(ATTACKER, 0, 2, &[]);
        }
        for piece in octets.chunks(size) {
            if !self.has_room() {
                return;
            }
            self.tcp(ATTACKER, self.seq, 0x18, piece);
            self.seq = self.seq.wrapping_add(piece.len() as u32);
        }
    }

    /// A telephone number in international form, without plus.
    pub(super) fn number(&mut self) -> String {
        format!("49{:010}", self.rng.below(10_000_000_000))
    }

    /// An address of network 10 that nobody else has.
    pub(super) fn host(&self, n: u32) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from(0x0a40_0000 + (n & 0x3f_ffff)), 5060)
    }

    pub(super) fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.rng.bits().to_le_bytes()).take(count).collect()
    }
}
