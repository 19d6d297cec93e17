use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;

use crate::{Agent, Call, Frame, Microphone, Rng, Talk, fragment, tcp_frame, udp_frame};

/// A flood by an attacker who knows the sensor: each packet makes a table grow.
/// Dialogs and devices have random names and forged sources. The flood also has first halves of fragmented datagrams,
/// half-open connections with the start of a message, and media-like datagrams over all ports. Honest calls run in the
/// middle of it.
#[derive(Clone, Debug)]
pub struct Flood {
    /// Time of its first packet.
    pub start: Timestamp,
    /// Packets of the flood per second.
    pub rate: u64,
    /// Seconds between two honest calls. A call takes 3 s.
    pub call_every: u64,
    rng: Rng,
}

/// The attacked server.
const VICTIM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 5060);

impl Flood {
    /// Creates a flood from a seed.
    #[must_use]
    pub const fn new(start: Timestamp, rate: u64, call_every: u64, seed: u64) -> Self {
        Self { start, rate, call_every, rng: Rng::new(seed) }
    }

    /// The frames of one second of the flood, in order of time. An honest call that begins in it goes to `call` as a
    /// whole; its frames reach into later seconds.
    pub fn second(&mut self, second: u64, call: &mut Vec<Frame>) -> Vec<Frame> {
        let begin = self.start + Span::from_secs(second as i64);
        if second.is_multiple_of(self.call_every) {
            call.extend(self.honest_call(second / self.call_every, begin));
            call.sort_by_key(|frame| frame.at);
        }
        let mut frames = Vec::new();
        for i in 0..self.rate {
            let at = begin + Span::from_nanos((i * 1_000_000_000 / self.rate) as i64);
            frames.extend(self.packet(i, at));
        }
        let end = begin + Span::from_secs(1);
        let due = call.iter().take_while(|frame| frame.at < end).count();
        frames.extend(call.drain(..due));
        frames.sort_by_key(|frame| frame.at);
        frames
    }

    /// One packet of the flood, or its fragments.
    fn packet(&mut self, i: u64, at: Timestamp) -> Vec<Frame> {
        let rng = &mut self.rng;
        let src = SocketAddrV4::new(Ipv4Addr::from(rng.bits() as u32), rng.below(65_536) as u16);
        match i % 5 {
            0 => vec![udp_frame(at, src, VICTIM, 0, &forged("INVITE", rng))],
            1 => vec![udp_frame(at, src, VICTIM, 0, &forged("REGISTER", rng))],
            2 => {
                let whole = udp_frame(at, src, VICTIM, rng.bits() as u16, &forged("INVITE", rng));
                fragment(&whole, 48).into_iter().take(1).collect()
            }
            3 => {
                let seq = rng.bits() as u32;
                let text = forged("INVITE", rng);
                vec![
                    tcp_frame(at, src, VICTIM, seq, 0x02, &[]),
                    tcp_frame(at, src, VICTIM, seq.wrapping_add(1), 0x10, &text[..text.len() / 2]),
                ]
            }
            _ => {
                let port = rng.below(65_536) as u16;
                let mut rtp = vec![0x80, 0];
                rtp.extend(rng.bits().to_be_bytes());
                rtp.extend([0xff; 170]);
                vec![udp_frame(at, src, SocketAddrV4::new(*VICTIM.ip(), port), 0, &rtp)]
            }
        }
    }

    /// An answered call of two seconds between phones of its own.
    fn honest_call(&mut self, number: u64, begin: Timestamp) -> Vec<Frame> {
        let rng = &mut self.rng;
        let ip = |side: u8| [10, 9 + side, (number >> 8) as u8, number as u8];
        let mut talk = |dc_offset: f64| Talk {
            law: Law::Mu,
            packets: Microphone { dc_offset, noise: 3e-4, hum: 0.0 }.packets(Law::Mu, None, 100, 160, rng),
        };
        let (caller_talk, callee_talk) = (talk(1e-4), talk(-1e-4));
        let call = Call {
            caller: Agent::new(ip(0), &format!("7{number:06}"), "Phone/1"),
            callee: Agent::new(ip(1), &format!("8{number:06}"), "Phone/2"),
            start: begin + Span::from_millis(100),
            rings: Span::from_millis(500),
            caller_talk,
            callee_talk,
            is_challenged: true,
        };
        call.frames(rng)
    }
}

/// A request under unique names.
fn forged(method: &str, rng: &mut Rng) -> Vec<u8> {
    let (id, tag) = (rng.hex(16), rng.hex(8));
    format!(
        "{method} sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{id}\r\nFrom: <sip:a@x>;tag={tag}\r\nTo: <sip:{id}@x>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\nContact: <sip:a@h>\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
