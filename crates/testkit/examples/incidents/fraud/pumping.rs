//! Invented callers who call a number for which its owner, or a carrier on the way, is paid.

use crate::kinds::{Goal, Kind};
use crate::world::{Caller, Conduct, DAY, END, End, HOUR, Host, Place, World};

const FROM_ONE: &[Goal] = &[Goal::new("pumping", 0.25, 4)];
const SPREAD: &[Goal] = &[Goal::new("pumping", 0.4, 4)];

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("pumping_one_address", FROM_ONE, pumping_one_address),
    Kind::fraud("pumping_sixty_addresses", SPREAD, pumping_sixty_addresses),
    Kind::fraud("pumping_three_addresses", SPREAD, pumping_three_addresses),
    Kind::fraud("pumping_shared_stack", SPREAD, pumping_shared_stack),
    Kind::fraud("short_pumping", SPREAD, short_pumping),
    Kind::undecidable("pumping_in_carrier", SPREAD, pumping_in_carrier),
];

struct Pumping {
    /// Addresses; none for the site's carriers.
    addresses: u64,
    is_shared_stack: bool,
    conduct: Conduct,
}

fn long_talks(world: &mut World) -> Conduct {
    Conduct {
        answered: world.draw.within(0.9..0.99),
        talk: world.draw.within(150.0..420.0),
        spread: world.draw.within(0.2..0.6),
        gives_up: 0.5,
    }
}

fn pump(world: &mut World, of: &Pumping) {
    let numbers: Vec<String> =
        (0..world.draw.count(1..=2)).map(|_| world.plan.toll_free(&mut world.draw)).collect();
    honest_callers(world, &numbers);
    world.begin_fraud("pumping");
    let stack = match of.is_shared_stack {
        true => world.known_stack(),
        false => world.new_stack(),
    };
    let place = if of.addresses > 10 { Place::Abroad } else { Place::Servers };
    let hosts: Vec<Host> = (0..of.addresses).map(|_| world.host(place, stack)).collect();
    let from = world.draw.within(1.3..2.4) * DAY;
    let until = (from + world.draw.within(4.0..30.0) * HOUR).min(END);
    let again = world.draw.within(0.0..0.04);
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..world.draw.size(300..=800) {
        let at = world.draw.within(from..until);
        let number = match world.draw.chance(again) && !seen.is_empty() {
            true => world.draw.one_of(&seen),
            false => world.plan.local(&mut world.draw),
        };
        seen.push(number.clone());
        let place = world.draw.count(0..=of.addresses.saturating_sub(1)) as usize;
        let caller: Caller = match hosts.get(place) {
            Some(host) => world.caller_at(&number, *host),
            None => world.through_carrier(&number),
        };
        let to = world.plan.own(&world.draw.favourite(&numbers));
        let mut end = world.end(&of.conduct);
        // The caller holds the line and ends the call himself.
        if let End::Talk { ring, talk, .. } = end {
            end = End::Talk { ring: ring.min(6.0), talk, is_by_caller: world.draw.chance(0.8) };
        }
        world.add(at, &caller, &to, end);
    }
}

/// The number's ordinary callers, few or none.
fn honest_callers(world: &mut World, numbers: &[String]) {
    world.begin_group("customers");
    let conduct = crate::site::talk(0.85, 110.0);
    for _ in 0..world.draw.count(0..=60) {
        let (at, number) = (world.busy_time(0.0..END), world.plan.local(&mut world.draw));
        let (caller, to) = (world.outside(&number), world.plan.own(&world.draw.favourite(numbers)));
        let end = world.end(&conduct);
        world.add(at, &caller, &to, end);
    }
}

fn pumping_one_address(world: &mut World) {
    let conduct = long_talks(world);
    pump(world, &Pumping { addresses: 1, is_shared_stack: false, conduct });
}

fn pumping_sixty_addresses(world: &mut World) {
    let (conduct, addresses) = (long_talks(world), world.draw.count(40..=90));
    pump(world, &Pumping { addresses, is_shared_stack: false, conduct });
}

fn pumping_three_addresses(world: &mut World) {
    let (conduct, addresses) = (long_talks(world), world.draw.count(2..=5));
    pump(world, &Pumping { addresses, is_shared_stack: false, conduct });
}

/// Addresses whose program is a popular one of the site.
fn pumping_shared_stack(world: &mut World) {
    let (conduct, addresses) = (long_talks(world), world.draw.count(20..=60));
    pump(world, &Pumping { addresses, is_shared_stack: true, conduct });
}

/// Calls of half a minute.
fn short_pumping(world: &mut World) {
    let conduct = Conduct { talk: world.draw.within(25.0..60.0), ..long_talks(world) };
    let addresses = world.draw.size(1..=60);
    pump(world, &Pumping { addresses, is_shared_stack: false, conduct });
}

/// Calls among a carrier's other ones.
fn pumping_in_carrier(world: &mut World) {
    let conduct = long_talks(world);
    pump(world, &Pumping { addresses: 0, is_shared_stack: false, conduct });
}
