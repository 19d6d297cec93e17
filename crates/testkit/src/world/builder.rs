use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use bellwether_base::{Span, Timestamp};

use crate::Rng;

use super::Kind;
use super::call::{CallPlan, Outcome, Says, address};
use super::number::Numbers;
use super::party::Party;
use super::passport::Attest;
use super::register::RegisterPlan;
use super::scanner::Probe;
use super::speech::Talker;
use super::stack::{Fields, Stack, fill, uuid};
use super::stacks::{CITADEL, RAMPART};

/// A scheduled event of a world, compact until it is due.
#[derive(Debug)]
pub(super) enum Item {
    Call(Box<CallPlan>),
    Register(Box<RegisterPlan>),
    Probe(Box<Probe>),
}

impl Item {
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Call(call) => call.at,
            Self::Register(refresh) => refresh.at,
            Self::Probe(probe) => probe.at,
        }
    }
}

/// A world under construction.
pub(super) struct Builder {
    pub(super) rng: Rng,
    pub(super) numbers: Numbers,
    pub(super) items: Vec<Item>,
    pub(super) recordings: Vec<Vec<i16>>,
    pub(super) start: Timestamp,
    pub(super) hours: f64,
    /// Scale factor for all counts.
    pub(super) scale: f64,
    /// Registered devices, by number.
    pub(super) subscribers: Vec<Party>,
    by_number: BTreeMap<String, usize>,
    addresses: BTreeSet<Ipv4Addr>,
    /// Mailbox recordings of unanswered calls, one per carrier.
    mailboxes: [usize; 2],
    /// Origin identifiers of the carriers' customers in attestations.
    customers: Vec<String>,
}

/// The two carriers: program, name, signalling and media address.
const CARRIERS: [(&Stack, &str, Ipv4Addr, Ipv4Addr); 2] = [
    (&CITADEL, "carrier-a", Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 12)),
    (&RAMPART, "carrier-b", Ipv4Addr::new(192, 0, 2, 74), Ipv4Addr::new(192, 0, 2, 76)),
];

impl Builder {
    pub(super) fn new(kind: Kind, seed: u64, hours: f64, scale: f64) -> Self {
        let mut rng = Rng::new(seed ^ (kind as u64 + 1) << 32);
        // A Monday, nine o'clock. The seed chooses the week.
        let start = Timestamp::from_nanos(1_794_819_600_000_000_000);
        let start = start + Span::from_secs(7 * 86_400 * (seed % 40) as i64);
        let recordings: Vec<Vec<i16>> =
            (0..2).map(|_| Talker::recorded(&mut rng).speaks(56_000, 0, &mut rng)).collect();
        let customers = (0..24).map(|_| uuid(&mut rng)).collect();
        Self {
            rng,
            numbers: Numbers::default(),
            items: Vec::new(),
            recordings,
            start,
            hours,
            scale,
            subscribers: Vec::new(),
            by_number: BTreeMap::new(),
            addresses: BTreeSet::new(),
            mailboxes: [0, 1],
            customers,
        }
    }

    /// A count scaled to the world's size, at least one.
    pub(super) fn count(&self, usual: usize) -> usize {
        ((usual as f64 * self.scale) as usize).max(1)
    }

    /// A moment at a fraction of the world's duration, from 0 to 1.
    pub(super) fn moment(&self, part: f64) -> Timestamp {
        self.start + Span::from_nanos((part * self.hours * 3.6e12) as i64)
    }

    /// A moment of a human call. More calls occur late in the morning.
    pub(super) fn human_moment(&mut self) -> Timestamp {
        loop {
            let part = self.rng.uniform();
            let busy = 0.65 + 0.35 * (std::f64::consts::PI * (1.5 * part - 0.25)).sin();
            if self.rng.uniform() < busy {
                return self.moment(part);
            }
        }
    }

    pub(super) fn add_subscriber(&mut self, party: Party) -> usize {
        self.by_number.insert(party.number.clone(), self.subscribers.len());
        self.subscribers.push(party);
        self.subscribers.len() - 1
    }

    /// An unused address in a network of business customers or subscribers.
    pub(super) fn address(&mut self, network: [u8; 2]) -> Ipv4Addr {
        loop {
            let ip = address(network, 1000 + self.rng.below(8000));
            if self.addresses.insert(ip) {
                return ip;
            }
        }
    }

    /// The session border controller of a carrier, with a number behind it.
    pub(super) fn carrier(&mut self, which: usize, number: &str) -> Party {
        let (stack, _, at, media) = CARRIERS[which];
        Party { media, ..Party::at(stack, at, number, &mut self.rng) }
    }

    /// The party that answers a number: the subscriber, or the carrier that forwards the call.
    pub(super) fn route(&mut self, number: &str) -> Party {
        match self.by_number.get(number) {
            Some(index) => self.subscribers[*index].clone(),
            None => {
                let which = self.rng.below(2) as usize;
                self.carrier(which, number)
            }
        }
    }

    /// A random subscriber's number.
    pub(super) fn some_subscriber(&mut self) -> String {
        let index = self.rng.below(self.subscribers.len() as u64) as usize;
        self.subscribers[index].number.clone()
    }

    /// A carrier's attestation of an honest caller in another network.
    pub(super) fn attestation(&mut self, which: usize) -> Option<Attest> {
        let level = match self.rng.below(20) {
            0..9 => 'A',
            9..13 => 'B',
            13..17 => 'C',
            _ => return None,
        };
        let customer = self.rng.below(12) as usize * 2 + which;
        Some(Attest {
            level,
            origid: self.customers[customer].clone(),
            signer: CARRIERS[which].1,
            stolen: None,
        })
    }

    /// An honest call between people, without an outcome yet.
    pub(super) fn call(&mut self, at: Timestamp, actor: &str, caller: Party, to: &str) -> CallPlan {
        let callee = self.route(to);
        let host = caller.inner.ip().to_string();
        let fields = Fields { pairs: vec![("host", &*host)], ..Fields::default() };
        let call_id = fill(caller.stack.call_id, &fields, &mut self.rng);
        let mut human = |lead: u64| {
            let lead = 800 + self.rng.below(lead) as usize;
            Says::Human(Talker::drawn(&mut self.rng), lead)
        };
        let (caller_says, callee_says) = (human(12_000), human(5_000));
        CallPlan {
            at,
            call_id,
            actor: actor.to_owned(),
            campaign: None,
            is_fraud: false,
            caller,
            callee,
            to: to.to_owned(),
            account: None,
            asserts: false,
            attest: None,
            rings: Span::ZERO,
            outcome: Outcome::Cancelled,
            caller_says,
            callee_says,
            seed: self.rng.bits(),
        }
    }

    /// Sets the outcome of a call between people. A share is answered and lasts about `median` seconds.
    pub(super) fn ends_as_humans_do(&mut self, call: &mut CallPlan, answered: f64, median: f64) {
        let rng = &mut self.rng;
        call.rings = millis(2.0 + 14.0 * rng.uniform().powi(2));
        if rng.uniform() < answered {
            let lasts = (median * (0.95 * rng.normal()).exp()).clamp(2.0, 1500.0);
            call.outcome = Outcome::Answered { lasts: millis(lasts), caller_hangs_up: rng.below(2) == 0 };
            let odd = rng.uniform();
            if odd < 0.07 && call.callee.stack.register.is_empty() {
                // The carrier's mailbox, with the same words for all callers.
                let which = usize::from(call.callee.stack.name == RAMPART.name);
                call.callee_says = Says::Recording(self.mailboxes[which], 1600, 160);
            } else if odd > 0.98 {
                call.caller_says = Says::Nothing;
            }
            return;
        }
        let odd = rng.uniform();
        if odd < 0.55 {
            call.rings = millis(10.0 + 30.0 * rng.uniform());
            return;
        }
        call.outcome = match odd {
            o if o < 0.75 => Outcome::Refused(486, false),
            o if o < 0.9 => Outcome::Refused(480, true),
            o if o < 0.95 => Outcome::Refused(603, true),
            _ => Outcome::Refused(404, false),
        };
        call.is_known_where_it_is();
    }

    pub(super) fn push(&mut self, call: CallPlan) {
        self.items.push(Item::Call(Box::new(call)));
    }
}

/// A duration in seconds, rounded to milliseconds.
pub(super) fn millis(seconds: f64) -> Span {
    Span::from_millis((seconds * 1000.0) as i64)
}
