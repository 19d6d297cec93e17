//! The ordinary life of a site: accounts, their registrations and calls, and people outside who call them.

use std::ops::RangeInclusive;

use crate::countries::{Class, Country};
use crate::plan::Habit;
use crate::world::{Account, Conduct, DAY, END, HOUR, Host, Place, World};
use bellwether_testkit::Draw;

/// A site with three days of ordinary calls.
pub(crate) fn site(draw: Draw) -> World {
    let mut world = World::new(draw);
    let count = world.draw.count(40..=70);
    let blocks = a_few_blocks(&mut world);
    let mut office = None;
    for _ in 0..count {
        // Some accounts share the address of an office.
        if world.draw.chance(0.08) {
            let home = world.address(Place::Home);
            office = Some((home, world.draw.count(2..=8)));
        }
        let stack = world.known_stack();
        let host = match &mut office {
            Some((ip, left)) if *left > 0 => {
                *left -= 1;
                let ip = *ip;
                let port = world.draw.count(1025..=64_000) as u16;
                Host { at: std::net::SocketAddrV4::new(ip, port), stack }
            }
            _ => world.host(Place::Home, stack),
        };
        add_account(&mut world, &blocks, host);
    }
    live(&mut world);
    world
}

/// Beginnings of the site's numbers.
fn a_few_blocks(world: &mut World) -> Vec<String> {
    let count = world.draw.count(1..=4);
    let mut block = || {
        let number = world.plan.local(&mut world.draw);
        let kept = number.len() - 4;
        number.get(..kept).unwrap_or_default().to_owned()
    };
    (0..count).map(|_| block()).collect()
}

fn add_account(world: &mut World, blocks: &[String], host: Host) {
    let is_system = world.draw.chance(0.06);
    let lines = if is_system { world.draw.count(4..=25) } else { 1 };
    let block = world.draw.favourite(blocks);
    let mut numbers: Vec<String> = Vec::new();
    while (numbers.len() as u64) < lines {
        let number = format!("{block}{}", world.draw.digits(4));
        let is_taken = world.accounts.iter().any(|a| a.numbers.contains(&number));
        if !is_taken && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    let habit = match world.draw.count(0..=19) {
        0 | 1 => Habit::Short,
        2 => Habit::Plus,
        _ => Habit::Usual,
    };
    let weight = world.draw.around(if is_system { 4.0 } else { 1.0 }, 0.7);
    let user = world.plan.own(numbers.first().map_or("", String::as_str));
    let hosts = devices(world, host, is_system);
    let period = world.draw.within(40.0..100.0) * 60.0;
    for (n, (from, host)) in hosts.iter().enumerate() {
        let until = hosts.get(n + 1).map_or(END, |(until, _)| *until);
        let from = from + if n == 0 { world.draw.within(0.0..period) } else { 0.0 };
        world.register(&user, *host, from..until, period);
    }
    let new_share = world.draw.within(0.04..0.25);
    world.accounts.push(Account {
        user,
        numbers,
        hosts,
        habit,
        contacts: Vec::new(),
        foreign: Vec::new(),
        foreign_share: 0.0,
        new_share,
        weight,
        is_system,
    });
}

/// The addresses of a device: mobile ones and those of some homes change.
fn devices(world: &mut World, first: Host, is_system: bool) -> Vec<(f64, Host)> {
    let mut hosts = vec![(0.0, first)];
    let lease = match world.draw.count(0..=99) {
        0..=7 if !is_system => world.draw.within(2.0..8.0) * HOUR,
        8..=19 if !is_system => DAY,
        _ => return hosts,
    };
    let mut at = world.draw.within(0.2..1.0) * lease;
    while at < END {
        let next = world.host(Place::Home, first.stack);
        hosts.push((at, next));
        at += lease * world.draw.within(0.8..1.2);
    }
    hosts
}

/// Contacts and calls of three days.
fn live(world: &mut World) {
    let own: Vec<String> = world.accounts.iter().flat_map(|a| a.numbers.first().cloned()).collect();
    for account in 0..world.accounts.len() {
        let count = world.draw.count(6..=18);
        let contact = |world: &mut World| match world.draw.chance(0.2) {
            true => world.draw.one_of(&own),
            false => world.plan.local(&mut world.draw),
        };
        let contacts: Vec<String> = (0..count).map(|_| contact(world)).collect();
        if let Some(of) = world.accounts.get_mut(account) {
            of.contacts = contacts;
        }
    }
    contacts_abroad(world);
    let calls = world.draw.count(700..=1600);
    let outgoing = world.draw.within(0.55..0.75);
    let weights: Vec<f64> = world.accounts.iter().map(|a| a.weight).collect();
    for _ in 0..calls {
        let at = world.busy_time(0.0..END);
        let Some(account) = weighted(&mut world.draw, &weights) else { return };
        if world.draw.chance(outgoing) {
            calls_out(world, account, at);
        } else {
            is_called(world, account, at);
        }
    }
}

fn contacts_abroad(world: &mut World) {
    let count = world.draw.count(3..=8);
    for account in world.any_accounts(count) {
        let class = if world.draw.chance(0.12) { Class::Risky } else { Class::Plain };
        let countries = Country::of(class, world.plan.home.code);
        let countries = world.draw.some(&countries, 2);
        let count = world.draw.count(1..=5);
        let foreign = (0..count).map(|_| world.draw.favourite(&countries).number(&mut world.draw)).collect();
        let share = world.draw.within(0.05..0.4);
        if let Some(of) = world.accounts.get_mut(account) {
            (of.foreign, of.foreign_share) = (foreign, share);
        }
    }
}

fn calls_out(world: &mut World, account: usize, at: f64) {
    let Some(of) = world.accounts.get(account).cloned() else { return };
    let number = if world.draw.chance(of.foreign_share) {
        world.draw.favourite(&of.foreign)
    } else if world.draw.chance(of.new_share) {
        world.plan.local(&mut world.draw)
    } else {
        world.draw.favourite(&of.contacts)
    };
    if of.numbers.contains(&number) {
        return;
    }
    let people = world.people;
    // An own number is dialled as any other.
    world.add_own(at, account, &number, &people);
}

fn is_called(world: &mut World, account: usize, at: f64) {
    let Some(of) = world.accounts.get(account).cloned() else { return };
    let number = match world.draw.count(0..=9) {
        0..=5 => world.draw.favourite(&of.contacts),
        6 if !of.foreign.is_empty() => world.draw.favourite(&of.foreign),
        _ => world.plan.local(&mut world.draw),
    };
    let is_own = world.accounts.iter().any(|a| a.numbers.contains(&number));
    if !is_own {
        let people = world.people;
        world.add_incoming(at, &number, account, &people);
    }
}

fn weighted(draw: &mut Draw, weights: &[f64]) -> Option<usize> {
    let mut at = draw.within(0.0..weights.iter().sum());
    weights.iter().position(|weight| {
        at -= weight;
        at < 0.0
    })
}

/// Ordinary calls of an account in a time, for kinds that add accounts.
pub(crate) fn lives_too(world: &mut World, account: usize, during: std::ops::Range<f64>, calls: u64) {
    for _ in 0..calls {
        let at = world.busy_time(during.clone());
        match world.draw.chance(0.65) {
            true => calls_out(world, account, at),
            false => is_called(world, account, at),
        }
    }
}

/// Gives an account more of a past, as accounts have at a site that is watched for weeks. Some stay quiet.
pub(crate) fn gives_past(world: &mut World, account: usize, calls: RangeInclusive<u64>) {
    if world.draw.chance(0.8) {
        let calls = world.draw.size(calls);
        world.as_background(|world| lives_too(world, account, 0.0..END, calls));
    }
}

/// An account that its owner uses every day, as the party of a kind.
pub(crate) fn a_regular(world: &mut World) -> usize {
    let account = world.any_account();
    gives_past(world, account, 20..=100);
    account
}

/// Several different accounts that their owners use.
pub(crate) fn regulars(world: &mut World, count: u64) -> Vec<usize> {
    let all = world.any_accounts(count);
    for account in &all {
        gives_past(world, *account, 5..=40);
    }
    all
}

/// Adds an account with contacts of its own from a time on. Its device is at a host.
pub(crate) fn add_subscriber(world: &mut World, host: Host, from: f64) -> usize {
    let number = world.plan.local(&mut world.draw);
    let user = world.plan.own(&number);
    let period = world.draw.within(40.0..100.0) * 60.0;
    world.register(&user, host, from..END, period);
    let count = world.draw.count(6..=14);
    let contacts = (0..count).map(|_| world.plan.local(&mut world.draw)).collect();
    world.accounts.push(Account {
        user,
        numbers: vec![number],
        hosts: vec![(from, host)],
        habit: Habit::Usual,
        contacts,
        foreign: Vec::new(),
        foreign_share: 0.0,
        new_share: 0.1,
        weight: 1.0,
        is_system: false,
    });
    world.accounts.len() - 1
}

/// People who answer four calls of five and talk for some minutes.
pub(crate) const fn talk(answered: f64, median: f64) -> Conduct {
    Conduct { answered, talk: median, spread: 0.9, gives_up: 0.6 }
}
