//! Calls that ring once, so that people call an expensive number back.

use crate::countries::{Class, Country};
use crate::kinds::{Goal, Kind};
use crate::world::{DAY, END, End, HOUR, Host, MINUTE, Place, World};

const RING: &[Goal] = &[Goal::new("ring", 0.05, 8)];

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("one_ring_one_address", RING, one_ring_one_address),
    Kind::fraud("one_ring_forty_addresses", RING, one_ring_forty_addresses),
    Kind::fraud("one_ring_each_address", RING, one_ring_each_address),
    Kind::fraud("one_ring_carrier", RING, one_ring_carrier),
    Kind::fraud("one_ring_call_backs", RING, one_ring_call_backs),
    Kind::fraud("one_ring_plain", RING, one_ring_plain),
    Kind::fraud("one_ring_islands", RING, one_ring_islands),
    Kind::fraud("slow_one_ring", RING, slow_one_ring),
    Kind::fraud("burst_one_ring", RING, burst_one_ring),
];

/// A series of such calls.
struct Rings {
    count: u64,
    /// The time of all.
    during: std::ops::Range<f64>,
    numbers: Vec<String>,
    /// Addresses; none for a carrier of the site.
    hosts: Vec<Host>,
    called_back: f64,
}

/// Callers' numbers in a few countries of a class.
fn callers(world: &mut World, class: Class) -> Vec<String> {
    let all = Country::of(class, world.plan.home.code);
    let countries = world.draw.count(1..=4);
    let countries = world.draw.some(&all, countries);
    let mut numbers = Vec::new();
    for country in countries {
        for _ in 0..world.draw.count(1..=2) {
            let count = world.draw.size(1..=100);
            numbers.extend(country.range(3, count, &mut world.draw));
        }
    }
    numbers
}

/// The addresses of a sender, with one program.
fn hosts(world: &mut World, count: u64) -> Vec<Host> {
    let stack = if world.draw.chance(0.6) { world.new_stack() } else { world.known_stack() };
    let place = if world.draw.chance(0.7) { Place::Servers } else { Place::Abroad };
    (0..count).map(|_| world.host(place, stack)).collect()
}

/// Some hours of the third day.
fn hours(world: &mut World) -> std::ops::Range<f64> {
    let from = world.third_day();
    let hours = world.draw.size(30..=360) as f64 * MINUTE;
    from..(from + hours).min(END)
}

/// A number that the sender dials: mostly one of a subscriber.
fn target(world: &mut World) -> (String, bool) {
    let account = world.any_account();
    let numbers = world.accounts.get(account).map(|of| of.numbers.clone()).unwrap_or_default();
    let number = world.draw.one_of(&numbers);
    if world.draw.chance(0.75) {
        return (number, true);
    }
    // The sender counts through the block.
    let kept = number.len().saturating_sub(4);
    let number = format!("{}{}", number.get(..kept).unwrap_or_default(), world.draw.digits(4));
    let is_there = world.accounts.iter().any(|a| a.numbers.contains(&number));
    (number, is_there)
}

fn ring(world: &mut World, of: &Rings) {
    let (shortest, longest) = (world.draw.within(0.6..1.2), world.draw.within(1.5..3.5));
    let caught = world.draw.within(0.0..0.05);
    let mut backs = Vec::new();
    world.begin_fraud("ring");
    for _ in 0..of.count {
        let at = world.draw.within(of.during.clone());
        let (from, (to, is_there)) = (world.draw.one_of(&of.numbers), target(world));
        let end = match () {
            () if !is_there => End::Refused { status: 404, ring: 0.0 },
            () if world.draw.chance(caught) => {
                let talk = world.draw.within(1.0..6.0);
                End::Talk { ring: world.draw.within(0.5..longest), talk, is_by_caller: true }
            }
            () => End::Cancel { ring: world.draw.within(shortest..longest) },
        };
        let caller = match of.hosts.is_empty() {
            true => world.through_carrier(&from),
            false => {
                let place = world.draw.count(0..=of.hosts.len() as u64 - 1) as usize;
                let Some(host) = of.hosts.get(place) else { return };
                world.caller_at(&from, *host)
            }
        };
        let to_user = world.plan.own(&to);
        world.add(at, &caller, &to_user, end);
        if is_there && world.draw.chance(of.called_back) {
            backs.push((at, from, to));
        }
    }
    call_back(world, &backs);
}

fn call_back(world: &mut World, backs: &[(f64, String, String)]) {
    world.begin_fraud("call_back");
    let conduct = crate::site::talk(0.9, 90.0);
    for (rang, from, to) in backs {
        let account = world.accounts.iter().position(|a| a.numbers.contains(to));
        let at = rang + world.draw.around(12.0 * MINUTE, 1.2).max(20.0);
        if let Some(account) = account {
            world.add_own(at, account, from, &conduct);
        }
    }
}

fn one_ring_one_address(world: &mut World) {
    let (numbers, during) = (callers(world, Class::Risky), hours(world));
    let (count, hosts) = (world.draw.size(150..=600), hosts(world, 1));
    ring(world, &Rings { count, during, numbers, hosts, called_back: 0.0 });
}

fn one_ring_forty_addresses(world: &mut World) {
    let (numbers, during) = (callers(world, Class::Risky), hours(world));
    let (count, addresses) = (world.draw.size(150..=600), world.draw.count(25..=60));
    let hosts = hosts(world, addresses);
    ring(world, &Rings { count, during, numbers, hosts, called_back: 0.0 });
}

/// As many addresses as calls.
fn one_ring_each_address(world: &mut World) {
    let (numbers, during) = (callers(world, Class::Risky), hours(world));
    let count = world.draw.count(100..=200);
    let mut rings = Rings { count: 1, during, numbers, hosts: Vec::new(), called_back: 0.0 };
    for host in hosts(world, count) {
        rings.hosts = vec![host];
        ring(world, &rings);
    }
}

fn one_ring_carrier(world: &mut World) {
    let (numbers, during) = (callers(world, Class::Risky), hours(world));
    let count = world.draw.size(100..=400);
    ring(world, &Rings { count, during, numbers, hosts: Vec::new(), called_back: 0.0 });
}

fn one_ring_call_backs(world: &mut World) {
    let (numbers, during) = (callers(world, Class::Risky), hours(world));
    let (count, called_back) = (world.draw.size(100..=400), world.draw.within(0.03..0.2));
    let addresses = world.draw.size(1..=40);
    let hosts = if world.draw.chance(0.4) { Vec::new() } else { hosts(world, addresses) };
    ring(world, &Rings { count, during, numbers, hosts, called_back });
}

/// Numbers at home or in plain countries.
fn one_ring_plain(world: &mut World) {
    let numbers = match world.draw.chance(0.5) {
        true => {
            let count = world.draw.size(3..=150);
            (0..count).map(|_| world.plan.local(&mut world.draw)).collect()
        }
        false => callers(world, Class::Plain),
    };
    let (count, during, addresses) = (world.draw.size(120..=400), hours(world), world.draw.size(1..=10));
    let hosts = hosts(world, addresses);
    ring(world, &Rings { count, during, numbers, hosts, called_back: 0.0 });
}

/// Numbers of islands, which look like ordinary ones of North America.
fn one_ring_islands(world: &mut World) {
    let (numbers, during) = (callers(world, Class::Island), hours(world));
    let (count, addresses) = (world.draw.size(100..=400), world.draw.size(1..=10));
    let hosts = if world.draw.chance(0.4) { Vec::new() } else { hosts(world, addresses) };
    let called_back = world.draw.within(0.0..0.06);
    ring(world, &Rings { count, during, numbers, hosts, called_back });
}

/// Some calls each hour.
fn slow_one_ring(world: &mut World) {
    let numbers = callers(world, Class::Risky);
    let during = world.draw.within(1.0..1.6) * DAY..END;
    let (count, addresses) = (world.draw.count(80..=200), world.draw.size(1..=20));
    let hosts = if world.draw.chance(0.3) { Vec::new() } else { hosts(world, addresses) };
    ring(world, &Rings { count, during, numbers, hosts, called_back: 0.0 });
}

/// All within minutes.
fn burst_one_ring(world: &mut World) {
    let numbers = callers(world, Class::Risky);
    let from = 2.0 * DAY + world.draw.within(0.0..20.0) * HOUR;
    let during = from..from + world.draw.within(1.0..12.0) * MINUTE;
    let (count, addresses) = (world.draw.size(100..=400), world.draw.size(1..=40));
    let hosts = hosts(world, addresses);
    ring(world, &Rings { count, during, numbers, hosts, called_back: 0.0 });
}
