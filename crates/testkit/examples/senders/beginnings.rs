//! The first hours of a sensor at a busy site, whose lines it sees for the first time.

use crate::kinds::Kind;
use crate::site::{CallParty, Line, Site};

pub(crate) const KINDS: &[Kind] = &[
    Kind::honest("lines_at_first_sight", lines_at_first_sight),
    Kind::honest("lines_that_register_later", lines_that_register_later),
    Kind::fraud("own_platform_at_first_sight", own_platform_at_first_sight),
    Kind::fraud("own_platform_before_registrations", own_platform_before_registrations),
];

/// The hours that a busy site is watched.
const HOURS: f64 = 3.0;

/// The hours within which a phone registers again.
const REFRESH: f64 = 0.9;

/// Makes a site of many lines on few platforms, with thousands of calls from the first minute on, and nothing else.
/// `registers` tells when the sensor sees the first REGISTER of a line; none for lines that never register.
fn busy(site: &mut Site, mut registers: impl FnMut(&mut Site) -> Option<f64>) {
    site.calls.clear();
    site.accounts = 0;
    site.hours = HOURS;
    let lines = (300.0 * 100.0_f64.powf(site.draw.within(0.0..1.0))) as u64;
    let per_hour = site.draw.within(0.3..3.0).min(60_000.0 / HOURS / lines as f64);
    for _ in 0..lines {
        let platform = site.popular_platform();
        let caller = site.new_caller(&platform);
        let registered = registers(site);
        site.accounts += u64::from(registered.is_some());
        let mut calls = site.calls_of(&Line::new(caller, per_hour));
        for call in &mut calls {
            if let Some(registered) = registered.filter(|registered| call.at >= *registered) {
                call.access = site.access_since(registered, call.at);
            }
        }
        site.calls.extend(calls);
    }
}

/// Lines that nobody registers, at a carrier or behind their own servers.
fn lines_at_first_sight(site: &mut Site) {
    busy(site, |_| None);
}

/// Lines that register again in the first hour. On a mirror without registrations they are as above.
fn lines_that_register_later(site: &mut Site) {
    busy(site, |site| Some(site.draw.within(0.0..REFRESH)).filter(|_| site.has_registrations));
}

/// A robocaller from the first minute on.
fn robocaller(site: &mut Site) {
    site.calls.iter_mut().for_each(|call| call.party = CallParty::Background);
    let platform = site.new_platform(1);
    let conduct = site.conduct(0.2..0.5, 0.6..0.9, 60.0);
    for _ in 0..site.draw.count(200..=2000) {
        let (at, caller) = (site.draw.within(0.0..HOURS), site.new_caller(&platform));
        site.add_new_call(at, caller, conduct);
    }
}

/// A robocaller beside lines that nobody registers.
fn own_platform_at_first_sight(site: &mut Site) {
    lines_at_first_sight(site);
    robocaller(site);
}

/// A robocaller beside lines that register again in the first hour.
fn own_platform_before_registrations(site: &mut Site) {
    lines_that_register_later(site);
    robocaller(site);
}
