//! Many accounts with few calls each.

use crate::countries::{Class, Country};
use crate::kinds::{Goal, Kind};
use crate::plan::Habit;
use crate::site::regulars;
use crate::world::{DAY, HOUR, Host, MINUTE, World};

use super::drive::{numbers_of, paying, paying_numbers, thief, user_of};

const POOL: &[Goal] = &[Goal::new("pool", 0.25, 4)];

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("stolen_pool_day", POOL, stolen_pool_day),
    Kind::fraud("hacked_phones", POOL, hacked_phones),
    Kind::fraud("range_by_accounts", POOL, range_by_accounts),
    Kind::undecidable("stolen_pool_plain", POOL, stolen_pool_plain),
];

/// Calls of several accounts in the same hours, from their own devices or from those of thieves.
fn pooled(world: &mut World, accounts: u64, each: u64, numbers: &[String], is_stolen: bool) {
    world.begin_fraud("pool");
    let conduct = paying(world);
    let from = 2.0 * DAY + world.draw.within(6.0..10.0) * HOUR;
    let hours = world.draw.within(3.0..10.0);
    let shared: Vec<Host> = (0..world.draw.count(1..=4)).map(|_| thief(world)).collect();
    let has_own = world.draw.chance(0.5);
    for account in regulars(world, accounts) {
        let stack = shared.first().map(|host| host.stack).unwrap_or_default();
        let host = match shared.get(world.draw.count(0..=3) as usize) {
            Some(host) if !has_own => *host,
            _ => Host { stack, ..thief(world) },
        };
        let mut at = from + world.draw.within(0.0..hours) * HOUR;
        if is_stolen {
            let user = user_of(world, account);
            let from = at - world.draw.within(0.1..30.0) * MINUTE;
            world.register(&user, host, from..at + HOUR, 20.0 * MINUTE);
        }
        let calls = world.draw.count(each.saturating_sub(1).max(1)..=each + 1);
        for _ in 0..calls {
            let caller = match is_stolen {
                true => world.elsewhere(account, host),
                false => world.own_device(account, at),
            };
            let (number, end) = (world.draw.one_of(numbers), world.end(&conduct));
            if let Some(caller) = caller {
                let to = world.plan.dialled(&number, Habit::Usual);
                world.add(at, &caller, &to, end);
            }
            at += end.length() + world.draw.wait(10.0 * MINUTE);
        }
    }
}

/// Some twenty stolen accounts with three calls each, by day.
fn stolen_pool_day(world: &mut World) {
    let (accounts, numbers) = (world.draw.count(14..=30), paying_numbers(world));
    pooled(world, accounts, 3, &numbers, true);
}

/// Some twenty telephones of the site, driven from outside.
fn hacked_phones(world: &mut World) {
    let (accounts, numbers) = (world.draw.count(14..=30), paying_numbers(world));
    pooled(world, accounts, 3, &numbers, false);
}

/// A dozen accounts that call one range.
fn range_by_accounts(world: &mut World) {
    let class = if world.draw.chance(0.5) { Class::Risky } else { Class::Plain };
    let countries = Country::of(class, world.plan.home.code);
    let country = world.draw.one_of(&countries);
    let (differing, size) = (world.draw.count(2..=3) as usize, world.draw.count(8..=60));
    let numbers = country.range(differing, size, &mut world.draw);
    let (accounts, each, is_stolen) =
        (world.draw.count(8..=16), world.draw.count(2..=5), world.draw.chance(0.7));
    pooled(world, accounts, each, &numbers, is_stolen);
}

/// Stolen accounts that call people in plain countries, as travellers do.
fn stolen_pool_plain(world: &mut World) {
    let countries = world.draw.count(4..=12);
    let numbers = numbers_of(world, Class::Plain, countries);
    let accounts = world.draw.count(14..=30);
    pooled(world, accounts, 3, &numbers, true);
}
