//! Senders that use the address or the number of somebody else, and honest ones that do the same.

use crate::fraud::own;
use crate::kinds::Kind;
use crate::services::MISSED;
use crate::site::{Caller, Conduct, Line, MINUTE, Site};

pub(crate) const KINDS: &[Kind] = &[
    Kind::honest("systems_that_forward", systems_that_forward),
    Kind::honest("systems_with_a_call_centre", systems_with_a_call_centre),
    Kind::honest("branches_with_the_main_number", branches_with_the_main_number),
    Kind::honest("extensions_on_mobile_phones", extensions_on_mobile_phones),
    Kind::honest("votes_by_telephone", votes_by_telephone),
    Kind::fraud("calls_through_hacked_systems", calls_through_hacked_systems),
    Kind::fraud("calls_through_one_hacked_system", calls_through_one_hacked_system),
    Kind::fraud("number_of_a_bank", number_of_a_bank),
    Kind::fraud("numbers_of_lines", numbers_of_lines),
];

/// Adds telephone systems with lines that call all the time, as bystanders. Returns the systems.
fn systems(site: &mut Site, count: u64) -> Vec<Caller> {
    let platform = site.any_platform();
    let systems: Vec<Caller> = (0..count).map(|_| site.new_caller(&platform)).collect();
    let per_hour = site.draw.within(0.2..1.0);
    site.add_bystanders(|site| {
        for system in &systems {
            for _ in 0..site.draw.count(5..=30) {
                let number = site.draw.key();
                site.add_line(&Line::new(Caller { number, ..*system }, per_hour));
            }
        }
    });
    systems
}

/// Systems that forward some of their callers, with their numbers, to mobile phones, from one moment on.
fn systems_that_forward(site: &mut Site) {
    let count = site.draw.count(1..=12);
    let conduct = site.conduct(0.3..0.7, 0.1..0.2, 120.0);
    let turn = site.turn();
    for system in systems(site, count) {
        let mobiles = site.draw.keys(8);
        for _ in 0..site.draw.count(10..=60) {
            let platform = site.known_platform();
            let outsider = site.new_caller(&platform);
            let caller = Caller { number: outsider.number, block: outsider.block, ..system };
            let (at, callee) = (site.busy_time(turn, site.hours), site.draw.one_of(&mobiles));
            site.add_call(at, caller, callee, conduct);
        }
    }
}

/// Systems of companies that also call people for clients, under the clients' numbers, from one moment on.
fn systems_with_a_call_centre(site: &mut Site) {
    let count = site.draw.count(1..=4);
    let conduct = site.conduct(0.2..0.5, 0.3..0.7, 90.0);
    let turn = site.turn();
    for system in systems(site, count) {
        let clients = site.draw.count(3..=60);
        let clients = site.draw.keys(clients);
        for _ in 0..site.draw.count(40..=300) {
            let number = site.draw.one_of(&clients);
            let at = site.busy_time(turn, site.hours);
            site.add_new_call(at, Caller { number, block: number, ..system }, conduct);
        }
    }
}

/// Robocalls through the telephone systems of honest companies, whose own calls go on.
fn through_systems(site: &mut Site, count: u64, calls: u64) {
    let platform = own(site);
    let conduct = site.conduct(0.2..0.5, 0.6..0.9, 60.0);
    let turn = site.turn();
    let end = site.hours.min(turn + 8.0);
    let systems = systems(site, count);
    for _ in 0..calls {
        let robot = site.new_caller(&platform);
        let Some(system) = site.draw.any(&systems) else { continue };
        let at = site.draw.within(turn..end);
        site.add_new_call(at, Caller { number: robot.number, block: robot.block, ..system }, conduct);
    }
}

/// Robocalls through ten hacked telephone systems.
fn calls_through_hacked_systems(site: &mut Site) {
    let calls = site.draw.count(150..=600);
    through_systems(site, 10, calls);
}

/// Robocalls through one hacked telephone system.
fn calls_through_one_hacked_system(site: &mut Site) {
    let calls = site.draw.count(60..=300);
    through_systems(site, 1, calls);
}

/// A line that calls all the time, as a bystander.
fn busy_line(site: &mut Site, per_hour: f64) -> Caller {
    let platform = site.popular_platform();
    let caller = site.new_caller(&platform);
    let access = site.access_of_accounts();
    site.add_bystanders(|site| site.add_line(&Line { access, ..Line::new(caller, per_hour) }));
    caller
}

/// The number of a bank, shown by seventy foreign addresses while the bank goes on calling.
fn number_of_a_bank(site: &mut Site) {
    let bank = busy_line(site, 20.0);
    let platform = own(site);
    let conduct = site.conduct(0.3..0.7, 0.5..0.9, 60.0);
    let hours = site.shift(2.0..8.0);
    for _ in 0..site.draw.count(60..=300) {
        let robot = site.new_caller(&platform);
        let at = site.draw.within(hours.clone());
        site.add_new_call(at, Caller { number: bank.number, block: bank.block, ..robot }, conduct);
    }
}

/// The numbers of many lines of the site, shown by foreign addresses.
fn numbers_of_lines(site: &mut Site) {
    let lines: Vec<Caller> = (0..40).map(|_| busy_line(site, 1.5)).collect();
    let platform = own(site);
    let conduct = site.conduct(0.3..0.7, 0.5..0.9, 60.0);
    let hours = site.shift(2.0..8.0);
    for _ in 0..site.draw.count(100..=400) {
        let robot = site.new_caller(&platform);
        let Some(line) = site.draw.any(&lines) else { continue };
        let at = site.draw.within(hours.clone());
        site.add_new_call(at, Caller { number: line.number, block: line.block, ..robot }, conduct);
    }
}

/// Branches of a company that all show the number of the main office.
fn branches_with_the_main_number(site: &mut Site) {
    let office = busy_line(site, 10.0);
    let per_hour = site.draw.within(0.1..0.6);
    let platform = site.any_platform();
    for _ in 0..site.draw.count(5..=40) {
        let branch = site.new_caller(&platform);
        site.add_line(&Line::new(Caller { number: office.number, block: office.block, ..branch }, per_hour));
    }
}

/// Employees on the road, who show their number at work, from ever new addresses.
fn extensions_on_mobile_phones(site: &mut Site) {
    let platform = site.any_platform();
    for _ in 0..site.draw.count(10..=60) {
        let line = busy_line(site, 0.8);
        let mobile = site.new_caller(&platform);
        for _ in 0..site.draw.count(1..=6) {
            let at = site.busy_time(0.0, site.hours);
            let caller =
                Caller { number: line.number, block: line.block, address: site.draw.key(), ..mobile };
            site.add_new_call(at, caller, site.people);
        }
    }
}

/// Viewers who call one number within minutes and hang up at once.
fn votes_by_telephone(site: &mut Site) {
    let vote = site.draw.key();
    let begin = site.start();
    let conduct = Conduct { answered: 0.9, ..MISSED };
    for _ in 0..site.draw.count(100..=800) {
        let platform = site.known_platform();
        let viewer = site.new_caller(&platform);
        let at = begin + site.draw.within(0.0..15.0) * MINUTE;
        site.add_call(at, viewer, vote, conduct);
    }
}
