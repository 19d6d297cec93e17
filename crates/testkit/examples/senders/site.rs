//! A site with its lines, and the calls that reach it.

use std::f64::consts::TAU;
use std::ops::Range;

use bellwether_senders::CallerAccess;
use bellwether_testkit::Draw;

use crate::kinds::Kind;

/// A second and a minute in hours, the unit of all times here.
pub(crate) const SECOND: f64 = 1.0 / 3600.0;
pub(crate) const MINUTE: f64 = 1.0 / 60.0;

/// Time after its first registration in which a line is registered lately.
const LATELY: f64 = 30.0 * MINUTE;

/// Blocks of numbers in use.
const BLOCKS: u64 = 20_000;

/// A platform family with the products and the fingerprints that occur in it.
#[derive(Clone, Default)]
pub(crate) struct Platform {
    pub(crate) family: u64,
    pub(crate) products: Vec<u64>,
    pub(crate) prints: Vec<u64>,
}

/// One installation of a platform.
#[derive(Clone, Copy)]
pub(crate) struct Device {
    pub(crate) family: u64,
    pub(crate) product: u64,
    pub(crate) agent: u64,
    pub(crate) print: u64,
}

/// A party that calls.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) number: u64,
    pub(crate) address: u64,
    /// The block of numbers that its number belongs to.
    pub(crate) block: u64,
    pub(crate) device: Device,
}

/// The way in which calls end.
#[derive(Clone, Copy)]
pub(crate) struct Conduct {
    /// Share of answered calls.
    pub(crate) answered: f64,
    /// Share of answered calls that last a few seconds only.
    pub(crate) short: f64,
    /// Median seconds of the other ones.
    pub(crate) median: f64,
    /// Share of calls in which the caller gives up before or right after the answer.
    pub(crate) gives_up: f64,
}

/// The share of calls in which people give up at once.
const MISDIALLED: f64 = 0.03;

/// A telephone line, which calls the same people again.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) caller: Caller,
    pub(crate) per_hour: f64,
    /// The hour of its first possible call.
    pub(crate) from: f64,
    pub(crate) access: CallerAccess,
}

impl Line {
    /// A line that is not registered here and exists all the time.
    pub(crate) const fn new(caller: Caller, per_hour: f64) -> Self {
        Self { caller, per_hour, from: 0.0, access: CallerAccess::Unknown }
    }
}

/// A call.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// The hour of its start.
    pub(crate) at: f64,
    pub(crate) caller: Caller,
    pub(crate) callee: u64,
    pub(crate) access: CallerAccess,
    /// Seconds until the answer, or until the end of a call without one.
    pub(crate) ring: f64,
    /// Seconds of talk.
    pub(crate) talk: Option<f64>,
    /// True if the caller ended the call.
    pub(crate) is_ended_by_caller: bool,
    pub(crate) party: CallParty,
}

/// The party that a call belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallParty {
    /// The sender under test.
    Sender,
    /// An honest party whose address or number the sender uses.
    Bystander,
    /// Everybody else.
    Background,
}

/// A site and all calls that reach it.
pub(crate) struct Site {
    pub(crate) draw: Draw,
    /// True if the mirror shows registrations, too.
    pub(crate) has_registrations: bool,
    /// The length of the recording.
    pub(crate) hours: f64,
    /// Relative activity in each hour of the day.
    day: Vec<f64>,
    platforms: Vec<Platform>,
    /// The conduct of people who call people.
    pub(crate) people: Conduct,
    /// The number of registered accounts.
    pub(crate) accounts: u64,
    pub(crate) calls: Vec<Call>,
    /// The party whose calls are added.
    party: CallParty,
}

impl Site {
    /// A site with a sender of a kind, its calls in order of time.
    pub(crate) fn with_sender(kind: &Kind, seed: u64, has_registrations: bool) -> Self {
        let start = seed.wrapping_mul(0x00ab_cdef_1234_5678) ^ u64::from(has_registrations);
        let mut site = Self::new(Draw::new(kind.name, start), has_registrations, kind.least_hours);
        (kind.add)(&mut site);
        site.calls.sort_by(|a, b| a.at.total_cmp(&b.at));
        site
    }

    /// A site with ordinary lines, for 3 to 48 hours.
    fn new(mut draw: Draw, has_registrations: bool, least_hours: f64) -> Self {
        let hours = 3.0 * 16.0_f64.powf(draw.within(0.0..1.0));
        let is_flat = draw.chance(0.4);
        let (quietest, depth) = (draw.within(0.0..24.0), draw.within(0.5..0.95));
        let activity = |hour: i32| match is_flat {
            true => 1.0,
            false => 1.0 - depth * (0.5 + 0.5 * (TAU * (f64::from(hour) - quietest) / 24.0).cos()),
        };
        let people = Conduct {
            answered: draw.within(0.5..0.8),
            short: draw.within(0.03..0.2),
            median: draw.within(50.0..180.0),
            gives_up: MISDIALLED,
        };
        let mut site = Self {
            draw,
            has_registrations,
            hours: hours.max(least_hours),
            day: (0..24).map(activity).collect(),
            platforms: Vec::new(),
            people,
            accounts: 0,
            calls: Vec::new(),
            party: CallParty::Background,
        };
        site.add_background();
        site.party = CallParty::Sender;
        site
    }

    /// The site's own lines, and with some registrars also lines of others.
    fn add_background(&mut self) {
        for _ in 0..self.draw.count(4..=8) {
            let products = self.draw.count(1..=3);
            let platform = self.new_platform(products);
            self.platforms.push(platform);
        }
        let lines = match self.has_registrations {
            true => self.draw.count(40..=200),
            false => self.draw.count(150..=800),
        };
        self.accounts = lines;
        let least = self.draw.within(0.2..0.8);
        let rates = least..self.draw.within(least..2.0);
        let access = self.access_of_accounts();
        (0..lines).for_each(|_| self.add_background_line(rates.clone(), access));
        if self.has_registrations && self.draw.chance(0.5) {
            for _ in 0..self.draw.count(5..=40) {
                self.add_background_line(rates.clone(), CallerAccess::Unknown);
            }
        }
    }

    fn add_background_line(&mut self, rates: Range<f64>, access: CallerAccess) {
        let platform = self.popular_platform();
        let caller = self.new_caller(&platform);
        let per_hour = self.draw.within(rates);
        self.add_line(&Line { access, ..Line::new(caller, per_hour) });
    }

    /// Access of the site's own accounts, as far as the mirror shows it.
    pub(crate) const fn access_of_accounts(&self) -> CallerAccess {
        if self.has_registrations { CallerAccess::Registered } else { CallerAccess::Unknown }
    }

    /// Access of an account at an hour, after its registration.
    pub(crate) fn access_since(&self, registered: f64, at: f64) -> CallerAccess {
        match self.has_registrations && at < registered + LATELY {
            true => CallerAccess::RegisteredLately,
            false => self.access_of_accounts(),
        }
    }

    /// A platform that no line of the site uses.
    pub(crate) fn new_platform(&mut self, products: u64) -> Platform {
        let prints = self.draw.count(1..=3);
        Platform {
            family: self.draw.key(),
            products: self.draw.keys(products),
            prints: self.draw.keys(prints),
        }
    }

    /// A platform of the site, the common ones more often.
    pub(crate) fn popular_platform(&mut self) -> Platform {
        self.draw.favourite(&self.platforms)
    }

    /// A platform of the site, each equally often.
    pub(crate) fn known_platform(&mut self) -> Platform {
        self.draw.one_of(&self.platforms)
    }

    /// A platform of the site, or a new one.
    pub(crate) fn any_platform(&mut self) -> Platform {
        if self.draw.chance(0.5) {
            let products = self.draw.count(1..=2);
            return self.new_platform(products);
        }
        self.popular_platform()
    }

    /// An installation of a platform.
    pub(crate) fn device(&mut self, of: &Platform) -> Device {
        let product = self.draw.one_of(&of.products);
        let version = self.draw.count(1..=3);
        Device {
            family: of.family,
            product,
            agent: product.wrapping_mul(31).wrapping_add(version) | 1,
            print: self.draw.one_of(&of.prints),
        }
    }

    /// A party that has not called before.
    pub(crate) fn new_caller(&mut self, of: &Platform) -> Caller {
        Caller {
            number: self.draw.key(),
            address: self.draw.key(),
            block: self.draw.count(1..=BLOCKS),
            device: self.device(of),
        }
    }

    /// Adds calls of honest parties whose identities the sender uses.
    pub(crate) fn add_bystanders(&mut self, add: impl FnOnce(&mut Self)) {
        self.party = CallParty::Bystander;
        add(self);
        self.party = CallParty::Sender;
    }

    /// An hour of a part of the recording, the busy ones more often.
    pub(crate) fn busy_time(&mut self, from: f64, to: f64) -> f64 {
        for _ in 0..200 {
            let at = self.draw.within(from..to);
            let activity = self.day.get(at as usize % 24).copied().unwrap_or(1.0);
            if self.draw.chance(activity) {
                return at;
            }
        }
        self.draw.within(from..to)
    }

    /// The working hours of a sender: a start, and an end that a length allows.
    pub(crate) fn shift(&mut self, lengths: Range<f64>) -> Range<f64> {
        let from = self.start();
        let length = self.draw.within(lengths);
        from..(from + length).min(self.hours)
    }

    /// The hour at which a sender begins, when the site is known already.
    pub(crate) fn start(&mut self) -> f64 {
        self.draw.within(0.02..0.5) * self.hours
    }

    /// The hour at which something changes for good.
    pub(crate) fn turn(&mut self) -> f64 {
        self.draw.within(0.3..0.8) * self.hours
    }

    /// A conduct with random shares.
    pub(crate) fn conduct(&mut self, answered: Range<f64>, short: Range<f64>, median: f64) -> Conduct {
        Conduct {
            answered: self.draw.within(answered),
            short: self.draw.within(short),
            median,
            gives_up: MISDIALLED,
        }
    }

    fn made(&mut self, at: f64, caller: Caller, callee: u64, conduct: Conduct) -> Call {
        let call = Call {
            at,
            caller,
            callee,
            access: CallerAccess::Unknown,
            ring: 0.0,
            talk: None,
            is_ended_by_caller: false,
            party: self.party,
        };
        if self.draw.chance(conduct.gives_up) {
            let talk = self.draw.chance(conduct.answered / 2.0).then(|| self.draw.within(0.5..3.0));
            return Call { ring: self.draw.within(1.0..7.0), talk, is_ended_by_caller: true, ..call };
        }
        let talk = self.draw.chance(conduct.answered).then(|| match self.draw.chance(conduct.short) {
            true => self.draw.within(1.0..12.0),
            false => self.draw.around(conduct.median, 0.9).clamp(2.0, 3000.0),
        });
        let is_ended_by_caller = self.draw.chance(0.5);
        let ring = match (talk, is_ended_by_caller) {
            (Some(_), _) => self.draw.within(3.0..25.0),
            (None, true) => self.draw.within(12.0..45.0),
            (None, false) => self.draw.within(1.0..60.0),
        };
        Call { ring, talk, is_ended_by_caller, ..call }
    }

    /// Adds a call at an hour.
    pub(crate) fn add_call(&mut self, at: f64, caller: Caller, callee: u64, conduct: Conduct) {
        let call = self.made(at, caller, callee, conduct);
        self.calls.push(call);
    }

    /// Adds a call to a number that was not called before.
    pub(crate) fn add_new_call(&mut self, at: f64, caller: Caller, conduct: Conduct) {
        let callee = self.draw.key();
        self.add_call(at, caller, callee, conduct);
    }

    /// All calls of a line.
    pub(crate) fn calls_of(&mut self, line: &Line) -> Vec<Call> {
        let contacts = self.draw.count(3..=15);
        let contacts = self.draw.keys(contacts);
        let count = self.draw.events(line.per_hour * (self.hours - line.from));
        let mut calls = Vec::new();
        for _ in 0..count {
            let at = self.busy_time(line.from, self.hours);
            let callee = match self.draw.chance(0.6) {
                true => self.draw.favourite(&contacts),
                false => self.draw.key(),
            };
            let call = self.made(at, line.caller, callee, self.people);
            calls.push(Call { access: line.access, ..call });
        }
        calls
    }

    /// Adds all calls of a line.
    pub(crate) fn add_line(&mut self, line: &Line) {
        let calls = self.calls_of(line);
        self.calls.extend(calls);
    }
}
