use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Rng;

use super::stack::Stack;

/// Address of the provider's proxy and registrar.
pub(super) const PROXY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 20, 0, 2), 5060);

/// The provider's domain.
pub(super) const DOMAIN: &str = "voice.example.net";

/// One end of a call: a program at an address, and its displayed number.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) stack: &'static Stack,
    pub(super) agent: String,
    /// Source of its signalling.
    pub(super) at: SocketAddrV4,
    /// Its own view of its address, which differs behind NAT.
    pub(super) inner: SocketAddrV4,
    /// Source of its media.
    pub(super) media: Ipv4Addr,
    pub(super) number: String,
    pub(super) display: Option<String>,
}

impl Party {
    /// A program on a public address, with one of its usual User-Agents.
    pub(super) fn at(stack: &'static Stack, ip: Ipv4Addr, number: &str, rng: &mut Rng) -> Self {
        let at = SocketAddrV4::new(ip, 5060);
        Self {
            stack,
            agent: one_of(stack.agents, rng).to_owned(),
            at,
            inner: at,
            media: ip,
            number: number.to_owned(),
            display: None,
        }
    }

    /// Moves the party behind a home router. Its messages then contain a private address that many others share.
    pub(super) fn behind_nat(mut self, rng: &mut Rng) -> Self {
        let net = [0, 1, 2, 178][rng.below(4) as usize];
        let inner = Ipv4Addr::new(192, 168, net, 2 + rng.below(60) as u8);
        self.inner = SocketAddrV4::new(inner, 5060);
        self.at = SocketAddrV4::new(*self.at.ip(), 20_000 + rng.below(40_000) as u16);
        self
    }
}

/// A random element.
pub(super) fn one_of<'a, T: ?Sized>(all: &[&'a T], rng: &mut Rng) -> &'a T {
    all[rng.below(all.len() as u64) as usize]
}

/// Display names of people and companies.
pub(super) fn name(rng: &mut Rng) -> String {
    const FIRST: [&str; 16] = [
        "Ada", "Ben", "Clara", "David", "Elena", "Frank", "Grace", "Hugo", "Irene", "Jonas", "Karin",
        "Louis", "Maria", "Nils", "Olga", "Paul",
    ];
    const LAST: [&str; 16] = [
        "Adler", "Brandt", "Carter", "Diaz", "Evans", "Fischer", "Grant", "Hall", "Ito", "Jensen", "Keller",
        "Lopez", "Moore", "Novak", "Owens", "Price",
    ];
    format!("{} {}", one_of(&FIRST, rng), one_of(&LAST, rng))
}
