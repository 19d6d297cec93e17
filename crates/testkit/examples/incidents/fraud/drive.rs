//! The parts of toll fraud: numbers that pay, callers, and series of calls.

use crate::countries::{Class, Country};
use crate::kinds::Goal;
use crate::plan::Habit;
use crate::site::gives_past;
use crate::world::{Caller, Conduct, END, HOUR, Host, Lanes, MINUTE, Place, World};

pub(super) const QUICK: &[Goal] = &[Goal::new("toll", 0.1, 4)];
pub(super) const SLOW: &[Goal] = &[Goal::new("toll", 0.25, 4)];

/// The conduct of calls that pay by the minute.
pub(super) fn paying(world: &mut World) -> Conduct {
    Conduct {
        answered: world.draw.within(0.55..0.97),
        talk: world.draw.within(60.0..420.0),
        spread: world.draw.within(0.3..1.0),
        gives_up: 0.3,
    }
}

/// Numbers of a few countries of a class, mostly in ranges.
pub(super) fn numbers_of(world: &mut World, class: Class, countries: u64) -> Vec<String> {
    let all = Country::of(class, world.plan.home.code);
    let mut numbers = Vec::new();
    for country in world.draw.some(&all, countries) {
        for _ in 0..world.draw.count(1..=4) {
            let (differing, count) = (world.draw.count(1..=4) as usize, world.draw.size(1..=25));
            numbers.extend(country.range(differing, count, &mut world.draw));
        }
    }
    numbers
}

/// Numbers that pay: most in risky countries, some anywhere.
pub(super) fn paying_numbers(world: &mut World) -> Vec<String> {
    let countries = world.draw.count(2..=12);
    let mut numbers = numbers_of(world, Class::Risky, countries);
    for (class, chance) in [(Class::Island, 0.3), (Class::Satellite, 0.1), (Class::Plain, 0.3)] {
        if world.draw.chance(chance) {
            let countries = world.draw.count(1..=3);
            numbers.extend(numbers_of(world, class, countries));
        }
    }
    numbers
}

/// A quick series of calls.
pub(super) fn quick(world: &mut World) -> Lanes {
    let start = world.third_day();
    Lanes {
        start,
        count: world.draw.size(35..=200),
        at_once: world.draw.size(1..=12),
        pause: world.draw.size(2..=120) as f64,
    }
}

/// The place of a thief, with a program that is new here or popular here.
pub(super) fn thief(world: &mut World) -> Host {
    let stack = if world.draw.chance(0.7) { world.new_stack() } else { world.known_stack() };
    let place = if world.draw.chance(0.6) { Place::Servers } else { Place::Abroad };
    world.host(place, stack)
}

/// The caller of a series of calls.
pub(super) enum By {
    /// A thief with the credentials of an account.
    Thief(usize, Host),
    /// The account's own device.
    Owner(usize),
    /// One extension of a telephone system.
    Line(usize, String),
}

impl By {
    /// The caller of a call at a time.
    pub(super) fn caller(&self, world: &mut World, at: f64) -> Option<Caller> {
        match self {
            Self::Thief(account, host) => world.elsewhere(*account, *host),
            Self::Owner(account) => world.own_device(*account, at),
            Self::Line(account, number) => {
                let user = world.plan.own(number);
                world.own_device(*account, at).map(|caller| Caller { user, ..caller })
            }
        }
    }
}

/// Makes a series of calls to random ones of some numbers.
pub(super) fn drive(world: &mut World, by: &By, numbers: &[String], of: &Lanes, conduct: &Conduct) {
    for (at, end) in world.lanes(of, conduct) {
        let (number, caller) = (world.draw.one_of(numbers), by.caller(world, at));
        if let Some(caller) = caller {
            let to = world.plan.dialled(&number, Habit::Usual);
            world.add(at, &caller, &to, end);
        }
    }
}

/// Registers a thief's device from a while before the calls until their end.
pub(super) fn registers(world: &mut World, account: usize, host: Host, of: &Lanes) {
    let before = world.draw.size(2..=3000) as f64;
    let (period, user) = (world.draw.within(5.0..60.0) * MINUTE, user_of(world, account));
    world.register(&user, host, of.start - before..(of.start + 12.0 * HOUR).min(END), period);
}

pub(super) fn user_of(world: &World, account: usize) -> String {
    world.accounts.get(account).map(|of| of.user.clone()).unwrap_or_default()
}

/// A telephone system of the site, or any account where there is none.
pub(super) fn a_system(world: &mut World) -> usize {
    let systems: Vec<usize> =
        world.accounts.iter().enumerate().filter(|(_, a)| a.is_system).map(|(n, _)| n).collect();
    let account = if systems.is_empty() { world.any_account() } else { world.draw.one_of(&systems) };
    gives_past(world, account, 40..=200);
    account
}

/// A hacked telephone system calls as one of its extensions, or as all of them.
pub(super) fn hacked(world: &mut World, account: usize) -> By {
    let numbers = world.accounts.get(account).map(|of| of.numbers.clone()).unwrap_or_default();
    match world.draw.chance(0.7) {
        true => By::Line(account, world.draw.one_of(&numbers)),
        false => By::Owner(account),
    }
}
