use std::net::Ipv4Addr;

use bellwether_base::{Span, Timestamp};

use crate::Rng;

use super::builder::{Builder, millis};
use super::call::{CallPlan, Outcome, Says};
use super::number::{EXCHANGES, of_exchange};
use super::party::{Party, one_of};
use super::passport::Attest;
use super::speech::Talker;
use super::stack::{Stack, uuid};

/// A robocaller's choice of caller numbers.
#[derive(Clone, Copy)]
pub(super) enum Shows {
    /// Any number, each for one to three calls.
    Any,
    /// Neighbour spoofing: a number of the callee's own exchange, each once.
    Neighbour,
}

/// A robocaller's choice of callees.
#[derive(Clone, Copy)]
pub(super) enum Dials {
    AtRandom,
    /// Sequential dialling through number blocks.
    InSequence,
}

/// The sources of a robocaller's calls.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// A number of addresses among those of business customers, each for some consecutive calls.
    Pool(u64),
    /// A number of addresses among those of subscribers, with bought accounts.
    Homes(u64),
    /// The carriers' session border controllers.
    Carriers,
}

/// The attestations of a robocaller's calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    None,
    /// One origin identifier for all calls.
    OneOrigin(char),
    /// A new origin identifier for each call.
    ManyOrigins(char),
    /// Copies of one token in all calls of its last campaign.
    Replayed,
}

/// A robocaller.
pub(super) struct Robot {
    pub(super) name: &'static str,
    pub(super) stack: &'static Stack,
    /// Its User-Agents. If empty, it uses those of honest users of its program.
    pub(super) agents: &'static [&'static str],
    /// Names of its campaigns: the same platform, a recording each.
    pub(super) campaigns: &'static [&'static str],
    pub(super) calls: usize,
    /// Seconds between one call and the next.
    pub(super) every: f64,
    /// Its start, as a fraction of the world's duration.
    pub(super) begins: f64,
    pub(super) shows: Shows,
    pub(super) dials: Dials,
    pub(super) from: From,
    pub(super) tokens: Tokens,
    pub(super) answered: f64,
}

/// Product names that robocallers imitate.
pub(super) const MASKS: &[&str] = &[
    "Harbour PBX 18.4.1",
    "Kestrel/6.1.4 (Windows)",
    "Merlin M31 7.0.4.2",
    "RowanPhone R4-UA/5.9.7",
    "Tern-CallServer/3.4",
    "SIPGate 2.1",
    "Office Gateway",
    "VoIP-UA",
];

/// State that persists over some of a robocaller's calls.
struct State {
    pool: Vec<Ipv4Addr>,
    accounts: Vec<String>,
    source: Party,
    calls_from_source: u64,
    number: (String, u64),
    next: (String, u64),
    /// Recording and customer of each campaign.
    campaigns: Vec<(usize, String)>,
    token: (String, String, Timestamp, u64),
    last: usize,
}

impl Robot {
    /// Generates its calls.
    pub(super) fn runs(&self, world: &mut Builder) {
        let mut state = self.sets_up(world);
        let mut seconds = 0.0;
        // In a smaller world too it is active until the end.
        let every = self.every * world.hours / 4.0 / world.scale;
        for i in 0..world.count(self.calls) {
            let at = world.moment(self.begins) + millis(seconds);
            seconds += every * (0.75 + 0.5 * world.rng.uniform());
            let which = i % self.campaigns.len();
            let call = self.call(world, &mut state, at, which);
            world.push(call);
        }
    }

    fn sets_up(&self, world: &mut Builder) -> State {
        let pool = match self.from {
            From::Pool(n) => (0..n).map(|_| world.address([198, 18])).collect(),
            From::Homes(n) => (0..n).map(|_| world.address([100, 64])).collect(),
            From::Carriers => vec![Ipv4Addr::UNSPECIFIED],
        };
        let campaigns = self.campaigns.iter().map(|_| {
            let seconds = 9 + world.rng.below(5) as usize;
            world.recordings.push(Talker::recorded(&mut world.rng).speaks(8000 * seconds, 0, &mut world.rng));
            (world.recordings.len() - 1, uuid(&mut world.rng))
        });
        let campaigns = campaigns.collect();
        let number = world.numbers.national(&mut world.rng);
        State {
            source: Party::at(self.stack, pool[0], "", &mut world.rng),
            pool,
            accounts: (0..3).map(|_| format!("acct{}", 10_000 + world.rng.below(90_000))).collect(),
            calls_from_source: 0,
            number: (String::new(), 0),
            next: (String::new(), 0),
            campaigns,
            token: (number, EXCHANGES[0].to_owned() + "2000", world.moment(self.begins), world.rng.bits()),
            last: 0,
        }
    }

    fn call(&self, world: &mut Builder, state: &mut State, at: Timestamp, which: usize) -> CallPlan {
        let to = self.callee(world, state);
        let number = self.shown(world, state, &to);
        let mut caller = self.source(world, state, &number);
        if world.rng.below(4) == 0 {
            let names = ["Account Services", "WIRELESS CALLER", "CHICAGO IL", "Customer Care", "NEW YORK NY"];
            caller.display = Some(one_of(&names, &mut world.rng).to_owned());
        }
        let mut call = world.call(at, self.name, caller, &to);
        call.campaign = Some(self.campaigns[which].to_owned());
        call.is_fraud = true;
        match self.from {
            From::Homes(_) => call.account = Some(state.accounts[world.rng.below(3) as usize].clone()),
            From::Pool(_) | From::Carriers => call.asserts = true,
        }
        call.attest = self.attest(world, state, which);
        self.ends(&mut world.rng, &mut call);
        call.is_known_where_it_is();
        let (recording, _) = state.campaigns[which];
        call.caller_says = plays(recording, &mut world.rng);
        call
    }

    fn callee(&self, world: &mut Builder, state: &mut State) -> String {
        match self.dials {
            Dials::AtRandom if world.rng.below(5) < 2 => world.some_subscriber(),
            Dials::AtRandom => {
                let exchange = one_of(&EXCHANGES, &mut world.rng);
                of_exchange(exchange, &mut world.rng)
            }
            Dials::InSequence => {
                let (exchange, next) = &mut state.next;
                if exchange.is_empty() || *next > 9990 {
                    one_of(&EXCHANGES, &mut world.rng).clone_into(exchange);
                    *next = 1000 + 500 * world.rng.below(14);
                }
                *next += 1 + world.rng.below(2);
                format!("{exchange}{next}")
            }
        }
    }

    fn shown(&self, world: &mut Builder, state: &mut State, to: &str) -> String {
        let (number, left) = &mut state.number;
        match self.shows {
            Shows::Neighbour if to.starts_with("+1") => {
                return world.numbers.fresh(&mut world.rng, |rng| of_exchange(&to[..8], rng));
            }
            _ if *left == 0 => {
                *number = world.numbers.national(&mut world.rng);
                *left = 1 + world.rng.below(3);
            }
            _ => {}
        }
        *left -= 1;
        number.clone()
    }

    fn source(&self, world: &mut Builder, state: &mut State, number: &str) -> Party {
        if let From::Carriers = self.from {
            let which = world.rng.below(2) as usize;
            state.last = which;
            return world.carrier(which, number);
        }
        if state.calls_from_source == 0 {
            let rng = &mut world.rng;
            state.calls_from_source = 3 + rng.below(6);
            let ip = state.pool[rng.below(state.pool.len() as u64) as usize];
            state.source = Party::at(self.stack, ip, "", rng);
            if let From::Homes(_) = self.from {
                state.source = state.source.clone().behind_nat(rng);
            }
            if !self.agents.is_empty() {
                state.source.agent = one_of(self.agents, rng).to_owned();
            }
        }
        state.calls_from_source -= 1;
        Party { number: number.to_owned(), ..state.source.clone() }
    }

    fn attest(&self, world: &mut Builder, state: &State, which: usize) -> Option<Attest> {
        let signer = match self.from {
            From::Carriers => ["carrier-a", "carrier-b"][state.last],
            _ => "gateway",
        };
        let own = |level| Attest { level, origid: state.campaigns[which].1.clone(), signer, stolen: None };
        match self.tokens {
            Tokens::None => None,
            // A carrier signs for its customers, and this robocaller is one of them.
            Tokens::OneOrigin(level) => Some(own(level)),
            Tokens::ManyOrigins(_) if matches!(self.from, From::Carriers) => world.attestation(state.last),
            Tokens::ManyOrigins(level) => Some(Attest { origid: uuid(&mut world.rng), ..own(level) }),
            // One of its campaigns replays a token.
            Tokens::Replayed if which == 0 => Some(Attest { origid: uuid(&mut world.rng), ..own('C') }),
            Tokens::Replayed => Some(Attest { stolen: Some(state.token.clone()), ..own('A') }),
        }
    }

    fn ends(&self, rng: &mut Rng, call: &mut CallPlan) {
        call.rings = millis(3.0 + 12.0 * rng.uniform());
        if rng.uniform() < self.answered {
            let lasts =
                if rng.below(7) > 0 { 3.0 + 12.0 * rng.uniform() } else { 15.0 + 40.0 * rng.uniform() };
            call.outcome = Outcome::Answered { lasts: millis(lasts), caller_hangs_up: rng.below(5) == 0 };
            return;
        }
        call.outcome = match rng.below(20) {
            0..4 => Outcome::Refused(404, false),
            4..7 => Outcome::Refused(486, false),
            7..9 => Outcome::Refused(603, true),
            _ => {
                call.rings = Span::from_millis(16_000 + rng.below(8000) as i64);
                Outcome::Cancelled
            }
        };
    }
}

/// The playback of a recording. In half of the calls it starts at a packet boundary; in the others it does not, or
/// uses another packet length.
fn plays(recording: usize, rng: &mut Rng) -> Says {
    let lead = 1600 + rng.below(6400) as usize;
    match rng.below(10) {
        0..5 => Says::Recording(recording, lead / 160 * 160, 160),
        5..8 => Says::Recording(recording, lead, 160),
        _ => Says::Recording(recording, lead, 240),
    }
}
