//! Firms that call abroad all day.

use crate::countries::{Class, Country};
use crate::kinds::Kind;
use crate::plan::Habit;
use crate::site::{add_subscriber, talk};
use crate::world::{Account, Conduct, DAY, END, HOUR, Lanes, MINUTE, Place, World};

use super::abroad::work;

pub(crate) const KINDS: &[Kind] = &[
    Kind::twin("call_shop", call_shop),
    Kind::twin("call_shop_opens", call_shop_opens),
    Kind::twin("hotel", hotel),
    Kind::twin("hotel_opens", hotel_opens),
    Kind::twin("call_centre_abroad", call_centre_abroad),
    Kind::twin("call_centre_abroad_opens", call_centre_abroad_opens),
];

/// A telephone system with numbers of its own, from a time on.
fn a_firm(world: &mut World, numbers: u64, from: f64) -> usize {
    let stack = if world.draw.chance(0.5) { world.new_stack() } else { world.known_stack() };
    let host = world.host(Place::Home, stack);
    let account = add_subscriber(world, host, from);
    let first = world.accounts.get(account).map(Account::number).unwrap_or_default().to_owned();
    let start = first.get(..first.len().saturating_sub(3)).unwrap_or_default().to_owned();
    let more: Vec<String> = (1..numbers).map(|n| format!("{start}{:03}", (n * 7) % 1000)).collect();
    if let Some(of) = world.accounts.get_mut(account) {
        of.numbers.extend(more.into_iter().filter(|number| *number != first));
        of.is_system = true;
    }
    account
}

/// A shop in which people call their countries.
fn a_call_shop(world: &mut World, from: f64) {
    world.begin_group("call_shop");
    let booths = world.draw.count(3..=10);
    let account = a_firm(world, booths, from);
    let count = world.draw.count(5..=15);
    let mut countries = Country::of(Class::Risky, "");
    countries = world.draw.some(&countries, count);
    let plain = Country::of(Class::Plain, world.plan.home.code);
    countries.extend(world.draw.some(&plain, count));
    let calls = (world.draw.within(50.0..160.0) * (END - from) / DAY) as u64;
    let conduct = talk(0.6, 300.0);
    let mut known: Vec<String> = Vec::new();
    for _ in 0..calls {
        let at = world.busy_time(from..END);
        let number = match world.draw.chance(0.3) && !known.is_empty() {
            true => world.draw.one_of(&known),
            false => world.draw.favourite(&countries).number(&mut world.draw),
        };
        world.add_own(at, account, &number, &conduct);
        known.push(number);
    }
}

fn call_shop(world: &mut World) {
    a_call_shop(world, 0.0);
}

fn call_shop_opens(world: &mut World) {
    a_call_shop(world, 2.0 * DAY + 7.0 * HOUR);
}

/// A hotel whose guests call home and each other.
pub(crate) fn a_hotel(world: &mut World, from: f64) -> usize {
    world.begin_group("hotel");
    let rooms = world.draw.count(1..=30);
    let account = a_firm(world, rooms, from);
    let countries = Country::of(Class::Plain, world.plan.home.code);
    let count = world.draw.count(6..=20);
    let mut countries = world.draw.some(&countries, count);
    let risky = Country::of(Class::Risky, "");
    countries.extend(world.draw.some(&risky, count / 4));
    let calls = (world.draw.within(40.0..120.0) * (END - from) / DAY) as u64;
    let abroad = world.draw.within(0.3..0.7);
    let conduct = talk(0.65, 150.0);
    let mut homes: Vec<String> = Vec::new();
    for _ in 0..calls {
        let at = world.busy_time(from..END);
        let number = match (world.draw.chance(abroad), world.draw.chance(0.4)) {
            (true, true) if !homes.is_empty() => world.draw.one_of(&homes),
            (true, _) => world.draw.favourite(&countries).number(&mut world.draw),
            (false, _) => world.plan.local(&mut world.draw),
        };
        world.add_own(at, account, &number, &conduct);
        homes.push(number);
    }
    account
}

fn hotel(world: &mut World) {
    a_hotel(world, 0.0);
}

fn hotel_opens(world: &mut World) {
    a_hotel(world, 2.0 * DAY + 6.0 * HOUR);
}

/// A call centre for the customers of firms abroad.
pub(crate) fn a_call_centre_abroad(world: &mut World, from: f64) -> usize {
    world.begin_group("call_centre");
    let numbers = world.draw.count(1..=8);
    let account = a_firm(world, numbers, from);
    let countries = Country::of(Class::Plain, world.plan.home.code);
    let count = world.draw.count(1..=4);
    let countries = world.draw.some(&countries, count);
    let (agents, pause) = (world.draw.count(4..=20), world.draw.within(1.0..6.0) * MINUTE);
    let conduct = Conduct {
        answered: world.draw.within(0.25..0.5),
        talk: world.draw.within(40.0..180.0),
        ..talk(0.4, 90.0)
    };
    let again = world.draw.within(0.05..0.3);
    let mut called: Vec<String> = Vec::new();
    for day in [0.0, 1.0, 2.0] {
        let during = work(world, day);
        if during.start < from {
            continue;
        }
        let lanes = Lanes { start: during.start, count: world.draw.count(100..=350), at_once: agents, pause };
        for (at, end) in world.lanes(&lanes, &conduct) {
            if at > during.end {
                break;
            }
            let number = match world.draw.chance(again) && !called.is_empty() {
                true => world.draw.one_of(&called),
                false => world.draw.favourite(&countries).number(&mut world.draw),
            };
            if let Some(caller) = world.own_device(account, at) {
                let to = world.plan.dialled(&number, Habit::Usual);
                world.add(at, &caller, &to, end);
            }
            called.push(number);
        }
    }
    account
}

fn call_centre_abroad(world: &mut World) {
    a_call_centre_abroad(world, 0.0);
}

fn call_centre_abroad_opens(world: &mut World) {
    a_call_centre_abroad(world, 2.0 * DAY);
}
