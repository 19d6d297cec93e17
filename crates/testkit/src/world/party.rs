use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Rng;

use super::stack::Stack;

/// Where the provider's proxy and registrar is.
pub(super) const PROXY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 20, 0, 2), 5060);

/// The provider's domain.
pub(super) const DOMAIN: &str = "voice.example.net";

/// One end of a call: a program somewhere, and the number that it shows.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) stack: &'static Stack,
    pub(super) agent: String,
    /// Where its signalling comes from.
    pub(super) at: SocketAddrV4,
    /// Where it believes to be: behind NAT another address.
    pub(super) inner: SocketAddrV4,
    /// Where its media comes from.
    pub(super) media: Ipv4Addr,
    pub(super) number: String,
    pub(super) display: Option<String>,
}

impl Party {
    /// A program on its own address, with one of the User-Agents that its makers gave it.
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

    /// The same behind a home router: what it writes is an address that many others have too.
    pub(super) fn behind_nat(mut self, rng: &mut Rng) -> Self {
        let net = [0, 1, 2, 178][rng.below(4) as usize];
        let inner = Ipv4Addr::new(192, 168, net, 2 + rng.below(60) as u8);
        self.inner = SocketAddrV4::new(inner, 5060);
        self.at = SocketAddrV4::new(*self.at.ip(), 20_000 + rng.below(40_000) as u16);
        self
    }
}

/// One of several.
pub(super) fn one_of<'a, T: ?Sized>(all: &[&'a T], rng: &mut Rng) -> &'a T {
    all[rng.below(all.len() as u64) as usize]
}

/// Names that people and companies show.
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
