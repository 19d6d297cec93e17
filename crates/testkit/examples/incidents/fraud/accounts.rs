//! Accounts that are guessed, taken over in silence, or driven although they call abroad on ordinary days.

use crate::countries::{Class, Country};
use crate::kinds::{Goal, Kind};
use crate::plan::Habit;
use crate::site::{a_regular, add_subscriber, gives_past, talk};
use crate::world::{Conduct, DAY, END, HOUR, Host, Lanes, MINUTE, Place, Refusal, World};

use super::drive::{
    By, QUICK, SLOW, drive, hacked, numbers_of, paying, paying_numbers, quick, registers, thief, user_of,
};

const TAKEN: &[Goal] = &[Goal::new("takeover", 0.25, 4)];

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("password_guessed", SLOW, password_guessed),
    Kind::fraud("slow_guessing", SLOW, slow_guessing),
    Kind::fraud("settled_caller_driven", QUICK, settled_caller_driven),
    Kind::fraud("hotel_driven", QUICK, hotel_driven),
    Kind::fraud("call_centre_driven", QUICK, call_centre_driven),
    Kind::undecidable("quiet_takeover", TAKEN, quiet_takeover),
    Kind::undecidable("second_place_home", TAKEN, second_place_home),
    Kind::undecidable("new_account_abroad", QUICK, new_account_abroad),
];

/// Guesses of passwords from a host: accounts, guesses for each, the time between two guesses.
struct Guessing {
    from: f64,
    accounts: Vec<usize>,
    each: u64,
    pause: f64,
}

/// Adds refused registrations, and returns the time of the last one.
fn guess(world: &mut World, host: Host, of: &Guessing) -> f64 {
    let mut at = of.from;
    let unknown = world.draw.within(0.0..0.5);
    for account in &of.accounts {
        let mut user = user_of(world, *account);
        let is_unknown = world.draw.chance(unknown);
        if is_unknown {
            user = world.plan.own(&world.plan.local(&mut world.draw));
        }
        let status = if is_unknown { 404 } else { world.draw.one_of(&[403_u16, 401]) };
        for _ in 0..of.each {
            world.refusals.push(Refusal { at, user: user.clone(), host, status });
            at += world.draw.wait(of.pause);
        }
    }
    at
}

fn uses_what_was_guessed(world: &mut World, account: usize, host: Host, from: f64, calls: u64) {
    world.begin_fraud("toll");
    let (numbers, conduct, of) = (paying_numbers(world), paying(world), quick(world));
    let of = Lanes { start: from, count: calls, ..of };
    registers(world, account, host, &of);
    drive(world, &By::Thief(account, host), &numbers, &of, &conduct);
}

/// Many refused registrations, then an admitted one and calls.
fn password_guessed(world: &mut World) {
    let (host, accounts) = (thief(world), world.draw.count(5..=30));
    let accounts = world.any_accounts(accounts);
    let Some(account) = accounts.last().copied() else { return };
    gives_past(world, account, 20..=100);
    let from = 2.0 * DAY + world.draw.within(-6.0..12.0) * HOUR;
    let of = Guessing { from, accounts, each: world.draw.size(3..=60), pause: world.draw.within(0.2..8.0) };
    let last = guess(world, host, &of);
    let user = if world.draw.chance(0.6) { host } else { thief(world) };
    let from = (last + world.draw.within(1.0..240.0) * MINUTE).min(END - 4.0 * HOUR);
    let calls = world.draw.size(25..=80);
    uses_what_was_guessed(world, account, user, from, calls);
}

/// Guesses over many hours, few at a time.
fn slow_guessing(world: &mut World) {
    let (host, count) = (thief(world), world.draw.count(6..=20));
    let accounts = world.any_accounts(count);
    let Some(account) = accounts.last().copied() else { return };
    gives_past(world, account, 20..=100);
    let each = world.draw.count(2..=8);
    let (from, until) = (world.draw.within(0.4..0.9) * DAY, world.draw.within(1.9..2.4) * DAY);
    let pause = (until - from) / (count * each) as f64;
    let last = guess(world, host, &Guessing { from, accounts, each, pause });
    let from = (last + world.draw.within(1.0..120.0) * MINUTE).min(END - 4.0 * HOUR);
    let calls = world.draw.size(25..=80);
    uses_what_was_guessed(world, account, host, from, calls);
}

/// Gives an account settled contacts in some countries, which it calls on all days.
fn settle(world: &mut World, account: usize, countries: u64, calls: u64) {
    let all = Country::of(Class::Plain, world.plan.home.code);
    let countries = world.draw.some(&all, countries);
    let contacts: Vec<String> =
        (0..12).map(|_| world.draw.favourite(&countries).number(&mut world.draw)).collect();
    let conduct = world.people;
    for _ in 0..calls {
        let at = world.busy_time(0.0..END);
        let number = match world.draw.chance(0.25) {
            true => world.draw.favourite(&countries).number(&mut world.draw),
            false => world.draw.favourite(&contacts),
        };
        world.add_own(at, account, &number, &conduct);
    }
}

/// An account with settled calls abroad, driven to other countries.
fn settled_caller_driven(world: &mut World) {
    let account = a_regular(world);
    let (countries, calls) = (world.draw.count(1..=3), world.draw.count(30..=90));
    settle(world, account, countries, calls);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    let by = if world.draw.chance(0.5) { By::Owner(account) } else { By::Thief(account, thief(world)) };
    drive(world, &by, &numbers, &of, &conduct);
}

/// A hotel whose guests call many countries, and whose system is driven then.
fn hotel_driven(world: &mut World) {
    let account = crate::twins::a_hotel(world, 0.0);
    let by = hacked(world, account);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    drive(world, &by, &numbers, &of, &conduct);
}

/// A call centre for customers abroad, whose system is driven then.
fn call_centre_driven(world: &mut World) {
    let account = crate::twins::a_call_centre_abroad(world, 0.0);
    let by = hacked(world, account);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    drive(world, &by, &numbers, &of, &conduct);
}

/// A thief who calls people at home, as the owner's second device would.
fn quiet_takeover(world: &mut World) {
    let account = a_regular(world);
    let host = thief(world);
    world.begin_fraud("takeover");
    let start = world.third_day().min(END - 10.0 * HOUR);
    let of = Lanes {
        start,
        count: world.draw.count(8..=30),
        at_once: 1,
        pause: world.draw.within(2.0..15.0) * MINUTE,
    };
    registers(world, account, host, &of);
    strangers(world, account, host, &of);
}

/// A device at another home that lasts beside the owner's.
fn second_place_home(world: &mut World) {
    let account = a_regular(world);
    let stack = world.known_stack();
    let host = world.host(Place::Home, stack);
    world.begin_fraud("takeover");
    let start = world.draw.within(1.5..2.2) * DAY;
    let count = world.draw.count(15..=40);
    let of = Lanes { start, count, at_once: 1, pause: 0.8 * (END - start) / count as f64 };
    registers(world, account, host, &of);
    strangers(world, account, host, &of);
}

fn strangers(world: &mut World, account: usize, host: Host, of: &Lanes) {
    let conduct: Conduct = talk(0.6, 120.0);
    for (at, end) in world.lanes(of, &conduct) {
        let number = world.plan.local(&mut world.draw);
        if let Some(caller) = world.elsewhere(account, host) {
            let to = world.plan.dialled(&number, Habit::Usual);
            world.add(at, &caller, &to, end);
        }
    }
}

/// An account of this day that calls many countries.
fn new_account_abroad(world: &mut World) {
    let host = thief(world);
    let of = quick(world);
    let before = world.draw.within(5.0..600.0) * MINUTE;
    let account = add_subscriber(world, host, of.start - before);
    world.begin_fraud("toll");
    let countries = world.draw.count(3..=10);
    let class = if world.draw.chance(0.5) { Class::Plain } else { Class::Risky };
    let (numbers, conduct) = (numbers_of(world, class, countries), paying(world));
    drive(world, &By::Owner(account), &numbers, &of, &conduct);
}
