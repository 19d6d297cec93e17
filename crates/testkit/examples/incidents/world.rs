//! A provider's site: its accounts, its carriers, and all calls and registrations of its days.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use crate::plan::Plan;
use crate::sip::PROXY;
use crate::stack::Stack;
use bellwether_testkit::Draw;

pub(crate) use crate::model::{
    Account, Call, Caller, Conduct, DAY, END, End, HOUR, Host, Identity, MINUTE, Refusal, Registration,
};

/// Places in the network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    /// Access networks of the own country.
    Home,
    /// A network of servers.
    Servers,
    /// Access networks of other countries.
    Abroad,
}

/// A site with its calls.
pub(crate) struct World {
    pub(crate) draw: Draw,
    pub(crate) plan: Plan,
    pub(crate) accounts: Vec<Account>,
    pub(crate) carriers: Vec<Host>,
    pub(crate) stacks: Vec<Stack>,
    pub(crate) people: Conduct,
    /// Relative activity by hour of the day.
    pub(crate) day: [f64; 24],
    pub(crate) calls: Vec<Call>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) refusals: Vec<Refusal>,
    /// True if the proxy challenges the calls of its accounts.
    pub(crate) is_challenging: bool,
    /// True if the mirror shows the way from the proxy onward.
    pub(crate) is_relayed: bool,
    networks: BTreeMap<Place, Vec<[u8; 2]>>,
    used: BTreeMap<Ipv4Addr, ()>,
    routes: BTreeMap<String, Host>,
    group: &'static str,
    campaign: Option<&'static str>,
}

impl World {
    /// A site without accounts and calls.
    pub(crate) fn new(mut draw: Draw) -> Self {
        let plan = Plan::new(&mut draw);
        let mut networks = BTreeMap::new();
        for (place, count) in [(Place::Home, 2..=6), (Place::Servers, 2..=4), (Place::Abroad, 6..=12)] {
            let count = draw.count(count);
            let one = |draw: &mut Draw| [draw.count(24..=95) as u8, draw.count(1..=250) as u8];
            networks.insert(place, (0..count).map(|_| one(&mut draw)).collect());
        }
        let stacks = draw.count(4..=8);
        let stacks = (0..stacks).map(|_| Stack { family: draw.bits(), version: draw.bits() % 960 }).collect();
        let people = Conduct {
            answered: draw.within(0.55..0.8),
            talk: draw.within(50.0..150.0),
            spread: draw.within(0.9..1.3),
            gives_up: 0.6,
        };
        let day = a_day(&mut draw);
        let (is_challenging, is_relayed) = (draw.chance(0.7), draw.chance(0.35));
        let mut world = Self {
            draw,
            plan,
            accounts: Vec::new(),
            carriers: Vec::new(),
            stacks,
            people,
            day,
            calls: Vec::new(),
            registrations: Vec::new(),
            refusals: Vec::new(),
            is_challenging,
            is_relayed,
            networks,
            used: BTreeMap::new(),
            routes: BTreeMap::new(),
            group: "background",
            campaign: None,
        };
        for _ in 0..world.draw.count(1..=2) {
            let stack = world.new_stack();
            let carrier = world.host(Place::Servers, stack);
            world.carriers.push(Host { at: SocketAddrV4::new(*carrier.at.ip(), 5060), ..carrier });
        }
        world
    }

    /// Makes the following calls those of an honest group.
    pub(crate) fn begin_group(&mut self, group: &'static str) {
        (self.group, self.campaign) = (group, None);
    }

    /// Makes the following calls those of a fraud.
    pub(crate) fn begin_fraud(&mut self, campaign: &'static str) {
        (self.group, self.campaign) = (campaign, Some(campaign));
    }

    /// A program that the site has not seen.
    pub(crate) fn new_stack(&mut self) -> Stack {
        Stack { family: self.draw.bits(), version: self.draw.bits() % 960 }
    }

    /// A program of the site's accounts, popular ones more often.
    pub(crate) fn known_stack(&mut self) -> Stack {
        self.draw.favourite(&self.stacks)
    }

    /// An address that nobody has yet.
    pub(crate) fn address(&mut self, place: Place) -> Ipv4Addr {
        let networks = self.networks.get(&place).cloned().unwrap_or_default();
        loop {
            let [a, b] = self.draw.favourite(&networks);
            let ip = Ipv4Addr::new(a, b, self.draw.count(0..=255) as u8, self.draw.count(1..=254) as u8);
            if self.used.insert(ip, ()).is_none() {
                return ip;
            }
        }
    }

    /// A device at a new address.
    pub(crate) fn host(&mut self, place: Place, stack: Stack) -> Host {
        let ip = self.address(place);
        self.host_at(ip, stack)
    }

    /// A device at an address, with a port of its own.
    pub(crate) fn host_at(&mut self, ip: Ipv4Addr, stack: Stack) -> Host {
        let port = if self.draw.chance(0.5) { 5060 } else { self.draw.count(1025..=64_000) as u16 };
        Host { at: SocketAddrV4::new(ip, port), stack }
    }

    /// A party outside with a number of any country. Its calls always come the same way.
    pub(crate) fn outside(&mut self, number: &str) -> Caller {
        let user = self.plan.shown(number);
        if let Some(host) = self.routes.get(number) {
            return Caller { user, host: *host, identity: Identity::Outside };
        }
        let host = match self.carriers.first().copied() {
            Some(first) if !self.draw.chance(0.12) => {
                let others = self.carriers.get(1).copied();
                others.filter(|_| self.draw.chance(0.4)).unwrap_or(first)
            }
            _ => {
                let stack = self.known_stack();
                self.host(Place::Home, stack)
            }
        };
        self.routes.insert(number.to_owned(), host);
        Caller { user, host, identity: Identity::Outside }
    }

    /// A new party outside whose calls come through a carrier.
    pub(crate) fn through_carrier(&mut self, number: &str) -> Caller {
        let host = match self.carriers.get(self.draw.count(0..=1) as usize).or(self.carriers.first()) {
            Some(host) => *host,
            None => return self.outside(number),
        };
        self.routes.insert(number.to_owned(), host);
        Caller { user: self.plan.shown(number), host, identity: Identity::Outside }
    }

    /// A caller outside with an address of its own.
    pub(crate) fn caller_at(&self, number: &str, host: Host) -> Caller {
        Caller { user: self.plan.shown(number), host, identity: Identity::Outside }
    }

    /// An account that calls from its own device.
    pub(crate) fn own_device(&mut self, account: usize, at: f64) -> Option<Caller> {
        let of = self.accounts.get(account)?;
        let host = of.host(at)?;
        let number = self.draw.favourite(&of.numbers);
        Some(Caller { user: self.plan.own(&number), host, identity: Identity::Account(of.user.clone()) })
    }

    /// An account that calls from elsewhere.
    pub(crate) fn elsewhere(&self, account: usize, host: Host) -> Option<Caller> {
        let user = self.accounts.get(account)?.user.clone();
        Some(Caller { user: user.clone(), host, identity: Identity::Account(user) })
    }

    /// The dialled form of a number for an account.
    pub(crate) fn dialled(&self, account: usize, number: &str) -> String {
        let habit = self.accounts.get(account).map(|of| of.habit).unwrap_or_default();
        self.plan.dialled(number, habit)
    }

    /// The end of a call by a conduct.
    pub(crate) fn end(&mut self, of: &Conduct) -> End {
        let draw = &mut self.draw;
        if draw.chance(of.answered) {
            let talk = draw.around(of.talk, of.spread).clamp(1.0, 4.0 * HOUR);
            return End::Talk {
                ring: draw.around(8.0, 0.6).clamp(0.8, 45.0),
                talk,
                is_by_caller: draw.chance(0.5),
            };
        }
        if draw.chance(of.gives_up) {
            // Some notice at once that they dialled wrong.
            let ring = if draw.chance(0.06) { draw.within(1.0..6.0) } else { draw.within(11.0..50.0) };
            return End::Cancel { ring };
        }
        match draw.count(0..=9) {
            0 => End::Refused { status: 404, ring: 0.0 },
            1..=4 => End::Refused { status: 486, ring: 0.0 },
            5 | 6 => End::Refused { status: 603, ring: draw.within(3.0..15.0) },
            _ => End::Refused { status: 480, ring: draw.within(20.0..60.0) },
        }
    }

    /// Adds a call to a dialled user of the proxy.
    pub(crate) fn add(&mut self, at: f64, caller: &Caller, to: &str, end: End) {
        self.add_toward(at, caller, to, PROXY, end);
    }

    /// Adds a call to a host.
    pub(crate) fn add_toward(&mut self, at: f64, caller: &Caller, to: &str, toward: SocketAddrV4, end: End) {
        let owner = self.accounts.iter().find(|a| a.numbers.iter().any(|n| self.plan.own(n) == to));
        let next = owner.map_or(self.carriers.first().copied(), |account| account.host(at));
        let relay = next.filter(|_| self.is_relayed && toward == PROXY);
        let (group, campaign) = (self.group, self.campaign);
        let (caller, to) = (caller.clone(), to.to_owned());
        self.calls.push(Call { at, caller, to, toward, relay, end, group, campaign });
    }

    /// Adds a call of an account to a number.
    pub(crate) fn add_own(&mut self, at: f64, account: usize, number: &str, conduct: &Conduct) {
        if let Some(caller) = self.own_device(account, at) {
            let (to, end) = (self.dialled(account, number), self.end(conduct));
            self.add(at, &caller, &to, end);
        }
    }

    /// Adds a call from outside to an account.
    pub(crate) fn add_incoming(&mut self, at: f64, from: &str, account: usize, conduct: &Conduct) {
        let Some(to) = self.accounts.get(account).map(|of| of.numbers.clone()) else { return };
        let to = self.draw.favourite(&to);
        let (caller, to) = (self.outside(from), self.plan.own(&to));
        let end = self.end(conduct);
        self.add(at, &caller, &to, end);
    }

    /// Registers a device for a time.
    pub(crate) fn register(&mut self, user: &str, host: Host, during: Range<f64>, period: f64) {
        self.registrations.push(Registration { user: user.to_owned(), host, during, period });
    }

    /// A time of a range, by the hours of the day.
    pub(crate) fn busy_time(&mut self, during: Range<f64>) -> f64 {
        for _ in 0..300 {
            let at = self.draw.within(during.clone());
            let activity = self.day.get((at / HOUR) as usize % 24).copied().unwrap_or(1.0);
            if self.draw.chance(activity) {
                return at;
            }
        }
        self.draw.within(during)
    }

    /// Times and ends of calls, of which several may last at once.
    pub(crate) fn lanes(&mut self, of: &Lanes, conduct: &Conduct) -> Vec<(f64, End)> {
        let mut free: Vec<f64> = Vec::new();
        for _ in 0..of.at_once.max(1) {
            let at = of.start + self.draw.wait(of.pause);
            free.push(at);
        }
        let mut all = Vec::new();
        for _ in 0..of.count {
            let Some(next) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) else { break };
            let at = *next;
            if at > END {
                break;
            }
            let end = self.end(conduct);
            *next = at + end.length() + self.draw.wait(of.pause) + 0.5;
            all.push((at, end));
        }
        all
    }

    /// An account of the site.
    pub(crate) fn any_account(&mut self) -> usize {
        let count = self.accounts.len() as u64;
        self.draw.count(0..=count.saturating_sub(1)) as usize
    }

    /// Several different accounts.
    pub(crate) fn any_accounts(&mut self, count: u64) -> Vec<usize> {
        let all: Vec<usize> = (0..self.accounts.len()).collect();
        self.draw.some(&all, count)
    }

    /// Gives an account another device from a time on, also in its ordinary calls.
    pub(crate) fn replace_device(&mut self, account: usize, from: f64, host: Host) {
        let Some(of) = self.accounts.get_mut(account) else { return };
        of.hosts.retain(|(since, _)| *since < from);
        of.hosts.push((from, host));
        let identity = Identity::Account(of.user.clone());
        for call in self.calls.iter_mut().filter(|call| call.at >= from && call.caller.identity == identity) {
            call.caller.host = host;
        }
        self.registrations.retain(|one| one.user != of.user || one.during.start < from);
        for one in self.registrations.iter_mut().filter(|one| one.user == of.user) {
            one.during.end = one.during.end.min(from);
        }
    }

    /// Adds ordinary calls to a group that has begun.
    pub(crate) fn as_background(&mut self, add: impl FnOnce(&mut Self)) {
        let before = (self.group, self.campaign);
        self.begin_group("background");
        add(self);
        (self.group, self.campaign) = before;
    }

    /// A time on the third day that leaves some hours, at night in every second world.
    pub(crate) fn third_day(&mut self) -> f64 {
        match self.draw.chance(0.5) {
            true => 2.0 * DAY + self.draw.within(0.0..5.0) * HOUR,
            false => 2.0 * DAY + self.draw.within(1.0..18.0) * HOUR,
        }
    }
}

/// Calls one after the other, several at once.
pub(crate) struct Lanes {
    pub(crate) start: f64,
    pub(crate) count: u64,
    pub(crate) at_once: u64,
    /// The mean pause between two calls.
    pub(crate) pause: f64,
}

/// The activity of each hour: quiet nights, and a peak at work or in the evening.
fn a_day(draw: &mut Draw) -> [f64; 24] {
    let (night, evening) = (draw.within(0.02..0.08), draw.within(0.3..1.0));
    let from = draw.count(6..=9) as usize;
    let mut day = [night; 24];
    for (hour, activity) in day.iter_mut().enumerate() {
        if (from..18).contains(&hour) {
            *activity = draw.within(0.6..1.0);
        } else if (18..23).contains(&hour) {
            *activity = evening * draw.within(0.5..1.0);
        }
    }
    day
}
