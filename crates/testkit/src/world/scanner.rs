use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};

use crate::{Frame, Rng, udp_frame};

use super::builder::{Builder, Item, millis};
use super::party::{PROXY, Party};
use super::sip::{Leg, refusal, request};
use super::stack::fill;
use super::stacks::PROWLER;

/// One request of a scanner, and its response.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) at: Timestamp,
    pub(super) method: &'static str,
    pub(super) scanner: Party,
    /// The probed host.
    pub(super) host: SocketAddrV4,
    pub(super) to: String,
    pub(super) call_id: String,
    status: &'static str,
    seed: u64,
}

/// The scanner's address.
const SCANNER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

/// A sweep for servers, password guesses for three extensions, and calls abroad without credentials.
pub(super) fn scans(world: &mut Builder) {
    let mut at = world.moment(0.1);
    for host in 0..world.count(200) as u32 {
        let host = Ipv4Addr::from(u32::from(*PROXY.ip()) - 1 + host);
        let status = if host == *PROXY.ip() { "200 OK" } else { "" };
        probe(world, at, "OPTIONS", host, "100", status);
        at = at + Span::from_millis(8);
    }
    at = world.moment(0.15);
    for extension in ["100", "101", "2001"] {
        for _ in 0..world.count(60) {
            let status = if extension == "2001" { "403 Forbidden" } else { "401 Unauthorized" };
            probe(world, at, "REGISTER", *PROXY.ip(), extension, status);
            at = at + Span::from_millis(70);
        }
    }
    for i in 0..world.count(45) {
        let at = world.moment(0.2 + 0.7 * (i / 15) as f64 / 3.0) + millis(4.0 * (i % 15) as f64);
        let prefix = ["9011", "900", "00", "011", "9810"][i % 5];
        let to = format!("{prefix}97259{:07}", 2_000_000 + world.rng.below(5000));
        probe(world, at, "INVITE", *PROXY.ip(), &to, "401 Unauthorized");
    }
}

fn probe(
    world: &mut Builder,
    at: Timestamp,
    method: &'static str,
    host: Ipv4Addr,
    to: &str,
    status: &'static str,
) {
    let user = if method == "REGISTER" { to } else { "100" };
    let mut scanner = Party::at(&PROWLER, SCANNER, user, &mut world.rng);
    scanner.display = Some("sipvicious".to_owned());
    let call_id = fill(PROWLER.call_id, &Default::default(), &mut world.rng);
    let host = SocketAddrV4::new(host, 5060);
    let (to, seed) = (to.to_owned(), world.rng.bits());
    world.items.push(Item::Probe(Box::new(Probe { at, method, scanner, host, to, call_id, status, seed })));
}

impl Probe {
    pub(super) fn frames(&self) -> Vec<Frame> {
        let mut rng = Rng::new(self.seed);
        // Its tag encodes the victim's address and port, and a random number.
        let ip = u32::from(*self.host.ip());
        let text = format!("{ip:08x}{:04x}\u{1}{}", self.host.port(), 1_000_000_000 + rng.below(1 << 31));
        let leg = Leg {
            call_id: self.call_id.clone(),
            tag: text.bytes().map(|b| format!("{b:02x}")).collect(),
            to: self.to.clone(),
            branch: fill(PROWLER.branch, &Default::default(), &mut rng),
            cseq: 1,
            ..Leg::default()
        };
        let target = match self.method {
            "INVITE" => format!("sip:{}@{}", self.to, self.host.ip()),
            _ => format!("sip:{}", self.host.ip()),
        };
        let from = self.scanner.at;
        let mut at = self.at;
        let ask = request(&self.scanner, &leg, self.method, &target, "", &mut rng);
        let mut frames = vec![udp_frame(at, from, self.host, 0, ask.as_bytes())];
        if self.status.is_empty() {
            return frames;
        }
        at = at + Span::from_nanos(900_000);
        let header = match self.status {
            "401 Unauthorized" => format!("WWW-Authenticate: Digest realm=\"x\", nonce=\"{}\"", rng.hex(32)),
            _ => String::new(),
        };
        let text = refusal(&ask, self.status, &header, &mut rng);
        frames.push(udp_frame(at, self.host, from, 0, text.as_bytes()));
        if self.method == "INVITE" {
            let ack = request(&self.scanner, &leg, "ACK", &target, "", &mut rng);
            frames.push(udp_frame(at + Span::from_millis(30), from, self.host, 0, ack.as_bytes()));
        }
        frames
    }
}
