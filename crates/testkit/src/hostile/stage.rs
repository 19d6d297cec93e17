use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};

use super::text::Text;
use crate::{Frame, Rng, tcp_frame, udp_frame};

/// The attacker, unless a shape uses another address.
pub(super) const ATTACKER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 5060);
/// The attacked server.
pub(super) const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 5060);
/// Payload octets of a message that fills one datagram, with room for its other headers.
pub(super) const LARGE: usize = 60_000;
/// Maximum octets per capture.
const CAPTURE: f64 = 36e6;

/// Collects the frames of a shape.
pub(super) struct Stage {
    pub(super) rng: Rng,
    pub(super) frames: Vec<Frame>,
    /// Number of requests for more frames.
    pub(super) turn: u32,
    /// Next sequence number of the single TCP connection.
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

    /// Returns true if the capture may grow.
    pub(super) fn has_room(&self) -> bool {
        self.frames.len() < self.packets && self.octets <= self.capacity
    }

    /// Returns a counter that increases with each call.
    pub(super) const fn next(&mut self) -> u32 {
        self.turn += 1;
        self.turn
    }

    /// Time of the next frame.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.at = self.at + Span::from_nanos(250_000);
        self.at
    }

    /// Adds an Ethernet frame as it is.
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

    /// Adds a message from the attacker to the server.
    pub(super) fn send(&mut self, text: &Text) {
        self.udp(ATTACKER, SERVER, &text.octets());
    }

    /// Adds octets from the attacker's port to the server's.
    pub(super) fn send_octets(&mut self, octets: &[u8]) {
        self.udp(ATTACKER, SERVER, octets);
    }

    /// Adds a message from the attacker and the server's response.
    pub(super) fn ask(&mut self, text: &Text, status: &str, more: &str) {
        self.send(text);
        self.udp(SERVER, ATTACKER, &text.answer(status, "u", more, ""));
    }

    /// Adds a segment of a connection to the server with this sequence number.
    pub(super) fn tcp(&mut self, src: SocketAddrV4, seq: u32, flags: u8, payload: &[u8]) {
        let at = self.tick();
        self.put(tcp_frame(at, src, SERVER, seq, flags, payload));
    }

    /// Adds the next octets of the attacker's single connection, in segments of `size`. The connection is opened
    /// first.
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

    /// A unique address of network 10.
    pub(super) fn host(&self, n: u32) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from(0x0a40_0000 + (n & 0x3f_ffff)), 5060)
    }

    pub(super) fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.rng.bits().to_le_bytes()).take(count).collect()
    }
}
