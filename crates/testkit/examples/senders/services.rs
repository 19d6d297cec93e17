//! Honest companies and carriers that call for many, or call many.

use std::ops::{Range, RangeInclusive};

use crate::kinds::Kind;
use crate::site::{Caller, Conduct, Device, Line, MINUTE, SECOND, Site};

pub(crate) const KINDS: &[Kind] = &[
    Kind::honest("call_centre_with_few_numbers", call_centre_with_few_numbers),
    Kind::honest("call_centre_with_many_numbers", call_centre_with_many_numbers),
    Kind::honest("distributed_call_centre", distributed_call_centre),
    Kind::honest("clinic", clinic),
    Kind::honest("debt_collection", debt_collection),
    Kind::honest("spoken_codes", spoken_codes),
    Kind::honest("delivery_notices", delivery_notices),
    Kind::honest("opinion_poll", opinion_poll),
    Kind::honest("school_alert", school_alert),
    Kind::honest("school_alert_with_five_numbers", school_alert_with_five_numbers),
    Kind::honest("callback_service", callback_service),
    Kind::honest("missed_call_codes", missed_call_codes),
    Kind::honest("many_missed_call_senders", many_missed_call_senders),
    Kind::honest("forwarding_system", forwarding_system),
    Kind::honest("many_forwarding_systems", many_forwarding_systems),
    Kind::honest("border_controllers", border_controllers),
    Kind::honest("gateways", gateways),
    Kind::honest("border_controllers_that_move", border_controllers_that_move),
    Kind::honest("transit_carrier", transit_carrier),
];

/// The numbers and addresses that a service calls from.
struct Pool {
    device: Device,
    numbers: Vec<u64>,
    addresses: Vec<u64>,
    block: u64,
}

impl Pool {
    fn new(site: &mut Site, numbers: RangeInclusive<u64>, addresses: RangeInclusive<u64>) -> Self {
        let platform = site.any_platform();
        let (numbers, addresses) = (site.draw.count(numbers), site.draw.count(addresses));
        Self {
            device: site.device(&platform),
            numbers: site.draw.keys(numbers),
            addresses: site.draw.keys(addresses),
            block: site.draw.key(),
        }
    }

    fn caller(&self, site: &mut Site) -> Caller {
        Caller {
            number: site.draw.one_of(&self.numbers),
            address: site.draw.one_of(&self.addresses),
            block: self.block,
            device: self.device,
        }
    }
}

/// A company that calls a list of people.
struct CallList {
    numbers: RangeInclusive<u64>,
    addresses: RangeInclusive<u64>,
    per_hour: Range<f64>,
    answered: Range<f64>,
    short: Range<f64>,
    /// Median seconds of a call.
    median: f64,
    /// Share of calls to somebody who was called before.
    repeats: f64,
}

/// The most calls of a list.
const LONGEST_LIST: u64 = 4000;

fn call_list(site: &mut Site, of: CallList) {
    let pool = Pool::new(site, of.numbers, of.addresses);
    let conduct = site.conduct(of.answered, of.short, of.median);
    let hours = site.shift(2.0..12.0);
    let calls = (site.draw.within(of.per_hour) * (hours.end - hours.start)) as u64;
    let mut called = Vec::new();
    for _ in 0..calls.min(LONGEST_LIST) {
        let is_repeated = !called.is_empty() && site.draw.chance(of.repeats);
        let callee = if is_repeated { site.draw.one_of(&called) } else { site.draw.key() };
        called.push(callee);
        let (at, caller) = (site.draw.within(hours.clone()), pool.caller(site));
        site.add_call(at, caller, callee, conduct);
    }
}

/// A call centre that shows few numbers.
fn call_centre_with_few_numbers(site: &mut Site) {
    let (numbers, addresses, per_hour) = (1..=5, 1..=2, 20.0..200.0);
    let (answered, short) = (0.2..0.5, 0.2..0.5);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 90.0, repeats: 0.1 });
}

/// A call centre that shows a number of each client.
fn call_centre_with_many_numbers(site: &mut Site) {
    let (numbers, addresses, per_hour) = (30..=300, 1..=3, 40.0..300.0);
    let (answered, short) = (0.2..0.5, 0.2..0.5);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 90.0, repeats: 0.1 });
}

/// A clinic that reminds of appointments.
fn clinic(site: &mut Site) {
    let (numbers, addresses, per_hour) = (5..=30, 1..=2, 20.0..60.0);
    let (answered, short) = (0.5..0.8, 0.0..0.3);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 40.0, repeats: 0.1 });
}

/// A debt collector that calls the same people again and is hung up on.
fn debt_collection(site: &mut Site) {
    let (numbers, addresses, per_hour) = (50..=200, 1..=2, 50.0..150.0);
    let (answered, short) = (0.2..0.35, 0.4..0.6);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 60.0, repeats: 0.3 });
}

/// A service that speaks codes for logging in.
fn spoken_codes(site: &mut Site) {
    let (numbers, addresses, per_hour) = (1..=50, 1..=2, 60.0..400.0);
    let (answered, short) = (0.6..0.8, 0.2..0.6);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 18.0, repeats: 0.1 });
}

/// A machine that announces deliveries.
fn delivery_notices(site: &mut Site) {
    let (numbers, addresses, per_hour) = (1..=3, 1..=1, 60.0..300.0);
    let (answered, short) = (0.5..0.7, 0.5..0.8);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 20.0, repeats: 0.05 });
}

/// An institute that asks random people with three hundred numbers.
fn opinion_poll(site: &mut Site) {
    let (numbers, addresses, per_hour) = (300..=300, 4..=4, 60.0..250.0);
    let (answered, short) = (0.15..0.4, 0.3..0.6);
    call_list(site, CallList { numbers, addresses, per_hour, answered, short, median: 120.0, repeats: 0.05 });
}

/// A pool of numbers and addresses whose callees are all new.
struct Spread {
    numbers: RangeInclusive<u64>,
    addresses: RangeInclusive<u64>,
    calls: RangeInclusive<u64>,
    /// The length of the work in hours.
    hours: Range<f64>,
}

fn spread(site: &mut Site, of: Spread, conduct: Conduct) {
    let pool = Pool::new(site, of.numbers, of.addresses);
    let hours = site.shift(of.hours);
    for _ in 0..site.draw.count(of.calls) {
        let (at, caller) = (site.draw.within(hours.clone()), pool.caller(site));
        site.add_new_call(at, caller, conduct);
    }
}

/// A call centre of several places that share a pool of numbers.
fn distributed_call_centre(site: &mut Site) {
    let conduct = site.conduct(0.2..0.45, 0.2..0.5, 80.0);
    let of = Spread { numbers: 100..=800, addresses: 5..=15, calls: 400..=2500, hours: 8.0..8.0 };
    spread(site, of, conduct);
}

/// A school that calls eight hundred parents within twenty minutes.
fn school_alert(site: &mut Site) {
    let conduct = site.conduct(0.5..0.8, 0.2..0.6, 25.0);
    let hours = 20.0 * MINUTE..20.0 * MINUTE;
    spread(site, Spread { numbers: 1..=1, addresses: 1..=1, calls: 800..=800, hours }, conduct);
}

/// A school that does the same with five numbers.
fn school_alert_with_five_numbers(site: &mut Site) {
    let conduct = site.conduct(0.5..0.8, 0.2..0.6, 25.0);
    let hours = 20.0 * MINUTE..20.0 * MINUTE;
    spread(site, Spread { numbers: 5..=5, addresses: 1..=1, calls: 800..=800, hours }, conduct);
}

/// A service that calls back people who asked for it.
fn callback_service(site: &mut Site) {
    let conduct = site.conduct(0.4..0.7, 0.1..0.4, 150.0);
    let of = Spread { numbers: 1..=3, addresses: 3..=20, calls: 100..=800, hours: 1.0..10.0 };
    spread(site, of, conduct);
}

/// The conduct of a call whose number is the message: nobody needs to answer.
pub(crate) const MISSED: Conduct = Conduct { answered: 0.06, short: 0.9, median: 5.0, gives_up: 0.95 };

/// A service that rings once from a number whose last digits are a code for logging in.
fn missed_call_codes(site: &mut Site) {
    let of = Spread { numbers: 500..=5000, addresses: 1..=1, calls: 300..=2000, hours: 2.0..8.0 };
    spread(site, of, MISSED);
}

/// A system that forwards its callers, with their numbers, to mobile phones.
fn forwarding_system(site: &mut Site) {
    let platform = site.any_platform();
    let system = site.new_caller(&platform);
    let (mobiles, regulars) = (site.draw.count(5..=30), site.draw.count(30..=300));
    let (mobiles, regulars) = (site.draw.keys(mobiles), site.draw.keys(regulars));
    let conduct = site.conduct(0.3..0.6, 0.1..0.1, 120.0);
    for _ in 0..site.draw.count(60..=800) {
        let at = site.busy_time(0.0, site.hours);
        let is_regular = site.draw.chance(0.4);
        let number = if is_regular { site.draw.one_of(&regulars) } else { site.draw.key() };
        for _ in 0..site.draw.count(1..=2) {
            let callee = site.draw.one_of(&mobiles);
            site.add_call(at + 0.1 * SECOND, Caller { number, ..system }, callee, conduct);
        }
    }
}

/// Addresses of one platform that show a new number in each call.
struct Showers {
    addresses: RangeInclusive<u64>,
    /// True if each address calls the same few people.
    has_contacts: bool,
}

fn showers(site: &mut Site, of: Showers, conduct: Conduct) {
    let platform = site.any_platform();
    for _ in 0..site.draw.count(of.addresses) {
        let system = site.new_caller(&platform);
        let contacts = site.draw.count(3..=20);
        let contacts = site.draw.keys(contacts);
        for _ in 0..site.draw.count(15..=120) {
            let (at, number) = (site.busy_time(0.0, site.hours), site.draw.key());
            let callee = if of.has_contacts { site.draw.one_of(&contacts) } else { site.draw.key() };
            site.add_call(at, Caller { number, ..system }, callee, conduct);
        }
    }
}

/// Offices that forward unknown callers to mobile phones.
fn many_forwarding_systems(site: &mut Site) {
    let conduct = site.conduct(0.3..0.6, 0.15..0.15, 120.0);
    showers(site, Showers { addresses: 10..=40, has_contacts: true }, conduct);
}

/// A service that rings once with codes, from several addresses.
fn many_missed_call_senders(site: &mut Site) {
    showers(site, Showers { addresses: 4..=10, has_contacts: false }, MISSED);
}

/// A carrier whose lines all arrive from a few addresses.
struct Carrier {
    lines: RangeInclusive<u64>,
    addresses: RangeInclusive<u64>,
    per_hour: Range<f64>,
    /// True if all addresses are replaced at one moment.
    is_moving: bool,
}

/// About the most calls of a carrier.
const MOST_OF_CARRIER: f64 = 8000.0;

fn carrier(site: &mut Site, of: Carrier) {
    let lines = site.draw.count(of.lines);
    let pool = Pool::new(site, 1..=1, of.addresses);
    let turn = if of.is_moving { site.turn() } else { site.hours };
    let moved_to = site.draw.keys(pool.addresses.len() as u64);
    let most = MOST_OF_CARRIER / lines as f64 / site.hours;
    let per_hour = site.draw.within(of.per_hour).min(most);
    for _ in 0..lines {
        let caller = Caller { number: site.draw.key(), ..pool.caller(site) };
        let mut calls = site.calls_of(&Line::new(caller, per_hour));
        for call in &mut calls {
            let addresses = if call.at < turn { &pool.addresses } else { &moved_to };
            call.caller.address = site.draw.one_of(addresses);
        }
        site.calls.extend(calls);
    }
}

/// Forty border controllers of a provider, each of which passes on calls of all its lines.
fn border_controllers(site: &mut Site) {
    let (lines, addresses) = (850..=850, 40..=40);
    carrier(site, Carrier { lines, addresses, per_hour: 0.03..0.6, is_moving: false });
}

/// A few gateways of a large carrier.
fn gateways(site: &mut Site) {
    let (lines, addresses) = (500..=3000, 1..=6);
    carrier(site, Carrier { lines, addresses, per_hour: 0.03..0.6, is_moving: false });
}

/// Twenty border controllers that get new addresses at one moment.
fn border_controllers_that_move(site: &mut Site) {
    let (lines, addresses) = (400..=400, 20..=20);
    carrier(site, Carrier { lines, addresses, per_hour: 0.1..0.6, is_moving: true });
}

/// A transit carrier with callers from everywhere, who call once or twice.
fn transit_carrier(site: &mut Site) {
    let pool = Pool::new(site, 1..=1, 4..=30);
    let conduct = site.conduct(0.4..0.75, 0.05..0.35, 90.0);
    for _ in 0..site.draw.count(1500..=6000) {
        let number = site.draw.key();
        for _ in 0..site.draw.count(1..=2) {
            let at = site.busy_time(0.0, site.hours);
            let caller = Caller { number, ..pool.caller(site) };
            site.add_new_call(at, caller, conduct);
        }
    }
}
