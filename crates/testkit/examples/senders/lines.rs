//! Honest people and devices with lines of their own.

use std::ops::{Range, RangeInclusive};

use crate::kinds::Kind;
use crate::site::{Caller, Line, MINUTE, Platform, SECOND, Site};

pub(crate) const KINDS: &[Kind] = &[
    Kind::honest("background_only", background_only),
    Kind::honest("telephone_system", telephone_system),
    Kind::honest("couriers", couriers),
    Kind::honest("slow_couriers", slow_couriers),
    Kind::honest("roaming_behind_carrier", roaming_behind_carrier),
    Kind::honest("roaming_anywhere", roaming_anywhere),
    Kind::honest("changing_home_addresses", changing_home_addresses),
    Kind::honest("offices_that_move", offices_that_move),
    Kind::honest("alarm_panels", alarm_panels),
    Kind::honest("lift_phones", lift_phones),
    Kind::honest("new_lines", new_lines),
    Kind::honest("renewed_lines", renewed_lines),
    Kind::honest("hotline_callers", hotline_callers),
    Kind::honest("night_shift", night_shift).for_hours(26.0),
    Kind::honest("shared_address", shared_address),
    Kind::honest("rare_callers", rare_callers),
    Kind::honest("two_line_offices", two_line_offices),
    Kind::honest("hot_desks", hot_desks),
    Kind::honest("conference_bridge", conference_bridge),
];

/// No sender beside the site's own lines.
fn background_only(_: &mut Site) {}

/// A telephone system with many extensions behind one address.
fn telephone_system(site: &mut Site) {
    let platform = site.any_platform();
    let system = site.new_caller(&platform);
    let per_hour = site.draw.within(0.1..1.0);
    for _ in 0..site.draw.count(20..=200) {
        let number = site.draw.key();
        site.add_line(&Line::new(Caller { number, ..system }, per_hour));
    }
}

/// Couriers who call recipients from mobile phones, all day.
fn couriers(site: &mut Site) {
    let platform = site.any_platform();
    let conduct = site.conduct(0.5..0.8, 0.2..0.5, 25.0);
    let hours = site.shift(9.0..9.0);
    let each = site.draw.within(2.0..8.0) * (hours.end - hours.start);
    for _ in 0..site.draw.count(20..=80) {
        let courier = site.new_caller(&platform);
        for _ in 0..each as u64 {
            let (at, address) = (site.draw.within(hours.clone()), site.draw.key());
            site.add_new_call(at, Caller { address, ..courier }, conduct);
        }
    }
}

/// Couriers who seldom call.
fn slow_couriers(site: &mut Site) {
    let platform = site.any_platform();
    let conduct = site.conduct(0.5..0.8, 0.2..0.5, 25.0);
    for _ in 0..site.draw.count(40..=150) {
        let courier = site.new_caller(&platform);
        for _ in 0..site.draw.count(1..=4) {
            let (at, address) = (site.busy_time(0.0, site.hours), site.draw.key());
            site.add_new_call(at, Caller { address, ..courier }, conduct);
        }
    }
}

/// People whose addresses change.
struct Changing {
    people: RangeInclusive<u64>,
    per_hour: Range<f64>,
    /// Hours until the next address; none for an address per call.
    lease: Option<Range<f64>>,
    /// Addresses that all share; none for unlimited ones.
    pool: Option<RangeInclusive<u64>>,
}

fn changing_addresses(site: &mut Site, of: Changing) {
    let platform = site.any_platform();
    let per_hour = site.draw.within(of.per_hour);
    let pool = of.pool.map(|size| {
        let size = site.draw.count(size);
        site.draw.keys(size)
    });
    for _ in 0..site.draw.count(of.people) {
        let person = site.new_caller(&platform);
        let lease = of.lease.clone().map(|hours| site.draw.within(hours));
        let mut calls = site.calls_of(&Line::new(person, per_hour));
        calls.sort_by(|a, b| a.at.total_cmp(&b.at));
        let (mut held, mut address) = (None, person.address);
        for call in &mut calls {
            let period = lease.map(|hours| (call.at / hours) as u64);
            if period.is_none() || period != held {
                held = period;
                address = match &pool {
                    Some(pool) => site.draw.one_of(pool),
                    None => site.draw.key(),
                };
            }
            call.caller.address = address;
        }
        site.calls.extend(calls);
    }
}

/// Mobile users behind the shared addresses of a carrier.
fn roaming_behind_carrier(site: &mut Site) {
    let lease = (!site.draw.chance(0.4)).then_some(1.0..3.0);
    let of = Changing { people: 50..=300, per_hour: 0.1..1.0, lease, pool: Some(20..=400) };
    changing_addresses(site, of);
}

/// Mobile users who call from a new address each time.
fn roaming_anywhere(site: &mut Site) {
    let of = Changing { people: 50..=300, per_hour: 0.1..0.6, lease: None, pool: None };
    changing_addresses(site, of);
}

/// Households whose provider changes their addresses once or several times a day.
fn changing_home_addresses(site: &mut Site) {
    let of = Changing { people: 50..=200, per_hour: 0.2..0.8, lease: Some(6.0..24.0), pool: None };
    changing_addresses(site, of);
}

/// Offices of one company, which all get a new address at one moment.
fn offices_that_move(site: &mut Site) {
    let platform = site.any_platform();
    let turn = site.turn();
    let per_hour = site.draw.within(0.2..1.0);
    for _ in 0..30 {
        let office = site.new_caller(&platform);
        let moved_to = site.draw.key();
        for _ in 0..site.draw.count(3..=15) {
            let number = site.draw.key();
            let mut calls = site.calls_of(&Line::new(Caller { number, ..office }, per_hour));
            let moved = calls.iter_mut().filter(|call| call.at > turn);
            moved.for_each(|call| call.caller.address = moved_to);
            site.calls.extend(calls);
        }
    }
}

/// Devices that report to a control centre from time to time.
struct Panels {
    centre_numbers: u64,
    short: f64,
}

fn panels(site: &mut Site, of: &Panels) {
    let platform = site.any_platform();
    let common = site.device(&platform);
    let centre = site.draw.keys(of.centre_numbers);
    let period = site.draw.within(2.0..24.0);
    let conduct = site.conduct(0.9..1.0, of.short..of.short, 15.0);
    for _ in 0..site.draw.count(60..=300) {
        let mut panel = site.new_caller(&platform);
        if site.draw.chance(0.8) {
            panel.device = common;
        }
        let mut at = site.draw.within(0.0..period);
        while at < site.hours {
            let callee = site.draw.one_of(&centre);
            site.add_call(at, panel, callee, conduct);
            at += period;
        }
    }
}

/// Alarm panels that report to one number.
fn alarm_panels(site: &mut Site) {
    panels(site, &Panels { centre_numbers: 1, short: 0.8 });
}

/// Emergency phones of lifts, which test their connection.
fn lift_phones(site: &mut Site) {
    panels(site, &Panels { centre_numbers: 4, short: 0.3 });
}

/// A hundred accounts that are registered for the first time during the recording.
fn new_lines(site: &mut Site) {
    let platform = site.any_platform();
    let per_hour = site.draw.within(0.2..1.5);
    let from = site.start();
    site.accounts += 100;
    for _ in 0..100 {
        let line = Line { from, ..Line::new(site.new_caller(&platform), per_hour) };
        let mut calls = site.calls_of(&line);
        calls.iter_mut().for_each(|call| call.access = site.access_since(from, call.at));
        site.calls.extend(calls);
    }
}

/// Accounts whose devices all get new addresses and a new firmware at one moment.
fn renewed_lines(site: &mut Site) {
    let platform = site.any_platform();
    let renewed = Platform { products: platform.products.clone(), ..site.new_platform(1) };
    let per_hour = site.draw.within(0.2..1.5);
    let turn = site.turn();
    let lines = site.draw.count(40..=200);
    site.accounts += lines;
    for _ in 0..lines {
        let old = site.new_caller(&platform);
        let new = Caller { number: old.number, ..site.new_caller(&renewed) };
        let access = site.access_of_accounts();
        let mut calls = site.calls_of(&Line { access, ..Line::new(old, per_hour) });
        for call in calls.iter_mut().filter(|call| call.at > turn) {
            call.caller = new;
            call.access = site.access_since(turn, call.at);
        }
        site.calls.extend(calls);
    }
}

/// Unknown people who all call one hotline.
fn hotline_callers(site: &mut Site) {
    let conduct = site.conduct(0.5..0.95, 0.05..0.4, 100.0);
    let hotline = site.draw.key();
    let hours = site.shift(1.0..6.0);
    for _ in 0..site.draw.count(100..=600) {
        let platform = site.known_platform();
        let caller = site.new_caller(&platform);
        for _ in 0..site.draw.count(1..=2) {
            let at = site.draw.within(hours.clone());
            site.add_call(at, caller, hotline, conduct);
        }
    }
}

/// People who call between ten in the evening and six in the morning only.
fn night_shift(site: &mut Site) {
    let platform = site.any_platform();
    for _ in 0..site.draw.count(20..=60) {
        let person = site.new_caller(&platform);
        let contacts = site.draw.keys(6);
        for _ in 0..site.draw.count(2..=12) {
            let day = if site.hours > 24.0 && site.draw.chance(0.5) { 24.0 } else { 0.0 };
            let at = site.draw.within(22.0..30.0) % 24.0 + day;
            if at < site.hours {
                let callee = site.draw.one_of(&contacts);
                site.add_call(at, person, callee, site.people);
            }
        }
    }
}

/// Twenty people behind one address, of whom every second one has an account here.
fn shared_address(site: &mut Site) {
    let platform = site.any_platform();
    let address = site.draw.key();
    let per_hour = site.draw.within(0.2..1.5);
    for person in 0..20 {
        let caller = Caller { address, ..site.new_caller(&platform) };
        let mut line = Line::new(caller, per_hour);
        if person % 2 == 0 {
            line.access = site.access_of_accounts();
        }
        site.add_line(&line);
    }
}

/// People anywhere who call this site about once in a day.
fn rare_callers(site: &mut Site) {
    for _ in 0..site.draw.count(100..=500) {
        let platform = site.known_platform();
        let caller = site.new_caller(&platform);
        site.add_line(&Line::new(caller, 0.03));
    }
}

/// Offices with two lines that seldom call.
fn two_line_offices(site: &mut Site) {
    let platform = site.any_platform();
    let per_hour = site.draw.within(0.02..0.15);
    for _ in 0..site.draw.count(60..=300) {
        let office = site.new_caller(&platform);
        for _ in 0..2 {
            let number = site.draw.key();
            site.add_line(&Line::new(Caller { number, ..office }, per_hour));
        }
    }
}

/// Offices in which each number makes all its calls within one hour.
fn hot_desks(site: &mut Site) {
    let platform = site.any_platform();
    for _ in 0..site.draw.count(6..=25) {
        let office = site.new_caller(&platform);
        for _ in 0..site.draw.count(3..=8) {
            let number = site.draw.key();
            let from = site.busy_time(0.0, site.hours - 1.0);
            for _ in 0..site.draw.count(2..=10) {
                let at = from + site.draw.within(0.0..60.0) * MINUTE;
                site.add_new_call(at, Caller { number, ..office }, site.people);
            }
        }
    }
}

/// A conference bridge that calls all participants at once.
fn conference_bridge(site: &mut Site) {
    let platform = site.any_platform();
    let bridge = site.new_caller(&platform);
    let (numbers, addresses) = (site.draw.count(1..=4), site.draw.count(1..=3));
    let (numbers, addresses) = (site.draw.keys(numbers), site.draw.keys(addresses));
    let conduct = site.conduct(0.6..0.9, 0.1..0.1, 1200.0);
    let people = site.draw.count(20..=200);
    let people = site.draw.keys(people);
    for _ in 0..site.draw.count(5..=40) {
        let begin = site.busy_time(0.0, site.hours);
        let (number, address) = (site.draw.one_of(&numbers), site.draw.one_of(&addresses));
        for _ in 0..site.draw.count(4..=20) {
            let at = begin + site.draw.within(0.0..10.0) * SECOND;
            let callee = site.draw.one_of(&people);
            site.add_call(at, Caller { number, address, ..bridge }, callee, conduct);
        }
    }
}
