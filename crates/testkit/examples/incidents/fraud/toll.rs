//! One stolen account, or one hacked telephone system, whose calls pay somebody abroad.

use crate::countries::{Class, Country};
use crate::kinds::Kind;
use crate::plan::Habit;
use crate::site::a_regular;
use crate::world::{Caller, DAY, END, End, Host, Lanes, MINUTE, Place, World};

use super::drive::{
    By, QUICK, SLOW, a_system, drive, hacked, numbers_of, paying, paying_numbers, quick, registers, thief,
    user_of,
};

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("stolen_softphone_abroad", QUICK, stolen_softphone_abroad),
    Kind::fraud("stolen_plain_countries", QUICK, stolen_plain_countries),
    Kind::fraud("stolen_same_make", QUICK, stolen_same_make),
    Kind::fraud("stolen_no_register", QUICK, stolen_no_register),
    Kind::fraud("own_device_driven", QUICK, own_device_driven),
    Kind::fraud("own_system_driven", QUICK, own_system_driven),
    Kind::fraud("hammered_numbers", QUICK, hammered_numbers),
    Kind::fraud("plain_range", QUICK, plain_range),
    Kind::fraud("one_by_one", QUICK, one_by_one),
    Kind::fraud("satellite", QUICK, satellite),
    Kind::fraud("premium_repeated", QUICK, premium_repeated),
    Kind::fraud("dial_through", QUICK, dial_through),
    Kind::fraud("slow_account", SLOW, slow_account),
    Kind::fraud("slow_own_system", SLOW, slow_own_system),
    Kind::fraud("slow_plain", SLOW, slow_plain),
];

/// Some thieves first try prefixes until one works.
fn tries_prefixes(world: &mut World, by: &By, number: &str, start: f64) {
    if !world.draw.chance(0.3) {
        return;
    }
    let prefixes = world.draw.some(&["000", "9011", "900", "0011", "810", "+00", "99"], 4);
    let mut at = start - 200.0;
    for prefix in prefixes {
        let status = world.draw.one_of(&[404_u16, 404, 403, 484]);
        if let Some(caller) = by.caller(world, at) {
            world.add(at, &caller, &format!("{prefix}{number}"), End::Refused { status, ring: 0.0 });
        }
        at += world.draw.within(3.0..40.0);
    }
}

fn stolen(world: &mut World, host: Host, numbers: &[String], is_registering: bool) {
    let account = a_regular(world);
    world.begin_fraud("toll");
    let (of, conduct) = (quick(world), paying(world));
    if is_registering {
        registers(world, account, host, &of);
    }
    let by = By::Thief(account, host);
    if let Some(first) = numbers.first() {
        tries_prefixes(world, &by, first, of.start);
    }
    drive(world, &by, numbers, &of, &conduct);
}

/// A stolen account in a softphone at another place.
fn stolen_softphone_abroad(world: &mut World) {
    let (host, numbers) = (thief(world), paying_numbers(world));
    stolen(world, host, &numbers, true);
}

/// The same to countries with much ordinary traffic.
fn stolen_plain_countries(world: &mut World) {
    let countries = world.draw.count(2..=10);
    let (host, numbers) = (thief(world), numbers_of(world, Class::Plain, countries));
    stolen(world, host, &numbers, true);
}

/// The same with the program that the victim has.
fn stolen_same_make(world: &mut World) {
    let account = a_regular(world);
    let stack = world.accounts.get(account).and_then(|of| of.host(0.0)).map(|host| host.stack);
    let place = if world.draw.chance(0.5) { Place::Servers } else { Place::Abroad };
    let host = world.host(place, stack.unwrap_or_default());
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    registers(world, account, host, &of);
    drive(world, &By::Thief(account, host), &numbers, &of, &conduct);
}

/// Calls with stolen credentials, without a registration.
fn stolen_no_register(world: &mut World) {
    let (host, numbers) = (thief(world), paying_numbers(world));
    stolen(world, host, &numbers, false);
}

/// An account's own telephone, driven from outside.
fn own_device_driven(world: &mut World) {
    let account = a_regular(world);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    drive(world, &By::Owner(account), &numbers, &of, &conduct);
}

/// A telephone system, driven by its own trunk.
fn own_system_driven(world: &mut World) {
    let account = a_system(world);
    let by = hacked(world, account);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    drive(world, &by, &numbers, &of, &conduct);
}

/// The own device or a thief, equally often.
fn anybody(world: &mut World) -> By {
    let account = a_regular(world);
    match world.draw.chance(0.5) {
        true => By::Owner(account),
        false => By::Thief(account, thief(world)),
    }
}

/// An own device that calls the same three numbers without end.
fn hammered_numbers(world: &mut World) {
    let account = a_regular(world);
    world.begin_fraud("toll");
    let numbers = paying_numbers(world);
    let numbers = world.draw.some(&numbers, 3);
    let (of, conduct) = (quick(world), paying(world));
    drive(world, &By::Owner(account), &numbers, &of, &conduct);
}

/// Numbers of one range in a country with much ordinary traffic.
fn plain_range(world: &mut World) {
    let by = anybody(world);
    world.begin_fraud("toll");
    let countries = Country::of(Class::Plain, world.plan.home.code);
    let (differing, count) = (world.draw.count(2..=4) as usize, world.draw.size(8..=80));
    let country = world.draw.one_of(&countries);
    let numbers = country.range(differing, count, &mut world.draw);
    let (of, conduct) = (quick(world), paying(world));
    drive(world, &by, &numbers, &of, &conduct);
}

/// One country, and one call after the other.
fn one_by_one(world: &mut World) {
    let by = anybody(world);
    world.begin_fraud("toll");
    let class = if world.draw.chance(0.5) { Class::Risky } else { Class::Plain };
    let numbers = numbers_of(world, class, 1);
    let conduct = paying(world);
    let of = Lanes {
        start: world.third_day(),
        count: world.draw.size(25..=80),
        at_once: 1,
        pause: world.draw.within(20.0..240.0),
    };
    drive(world, &by, &numbers, &of, &conduct);
}

/// Calls to satellite telephones.
fn satellite(world: &mut World) {
    let by = anybody(world);
    world.begin_fraud("toll");
    let countries = world.draw.count(1..=3);
    let (numbers, conduct) = (numbers_of(world, Class::Satellite, countries), paying(world));
    let of = Lanes { count: world.draw.size(15..=90), ..quick(world) };
    drive(world, &by, &numbers, &of, &conduct);
}

/// One number again and again: a premium number at home, or a paying one abroad.
fn premium_repeated(world: &mut World) {
    let by = anybody(world);
    world.begin_fraud("toll");
    let code = world.plan.home.code;
    let number = match world.draw.chance(0.35) {
        true => format!("{code}900{}", world.draw.count(2_000_000..=9_999_999)),
        false => {
            let numbers = paying_numbers(world);
            world.draw.one_of(&numbers)
        }
    };
    let conduct = paying(world);
    let at_once = world.draw.count(1..=3);
    let of = Lanes { count: world.draw.size(25..=150), at_once, ..quick(world) };
    drive(world, &by, &[number], &of, &conduct);
}

/// Somebody calls a telephone system, and through it goes abroad.
fn dial_through(world: &mut World) {
    let account = a_system(world);
    let Some(system) = world.accounts.get(account).cloned() else { return };
    let own = world.plan.own(system.number());
    let entries = world.draw.count(1..=6);
    let country = Country::of(Class::Plain, "");
    let mut from: Vec<Caller> = Vec::new();
    for _ in 0..entries {
        let number = match world.draw.chance(0.6) {
            true => world.plan.local(&mut world.draw),
            false => world.draw.one_of(&country).number(&mut world.draw),
        };
        from.push(world.through_carrier(&number));
    }
    let by = hacked(world, account);
    let (numbers, of, conduct) = (paying_numbers(world), quick(world), paying(world));
    let of = Lanes { at_once: of.at_once.min(4), pause: of.pause + 20.0, ..of };
    for (at, end) in world.lanes(&of, &conduct) {
        let Some(entry) = from.get(world.draw.count(0..=entries - 1) as usize).cloned() else { return };
        let lead = world.draw.within(8.0..45.0);
        world.begin_fraud("dial_in");
        let talk = lead + end.length() + world.draw.within(0.5..6.0);
        world.add(at - lead, &entry, &own, End::Talk { ring: 1.0, talk, is_by_caller: true });
        world.begin_fraud("toll");
        let number = world.draw.one_of(&numbers);
        if let Some(caller) = by.caller(world, at) {
            let to = world.plan.dialled(&number, Habit::Usual);
            world.add(at, &caller, &to, end);
        }
    }
}

/// Calls with long pauses.
fn slow(world: &mut World) -> Lanes {
    let start = world.draw.within(1.3..2.0) * DAY;
    let count = world.draw.count(30..=60);
    Lanes { start, count, at_once: 1, pause: (END - start) / count as f64 * world.draw.within(0.6..0.9) }
}

/// A stolen account that calls seldom.
fn slow_account(world: &mut World) {
    let account = a_regular(world);
    let host = thief(world);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), slow(world), paying(world));
    if world.draw.chance(0.7) {
        let user = user_of(world, account);
        let period = world.draw.within(20.0..60.0) * MINUTE;
        world.register(&user, host, of.start - 600.0..END, period);
    }
    drive(world, &By::Thief(account, host), &numbers, &of, &conduct);
}

/// A telephone system that is driven seldom.
fn slow_own_system(world: &mut World) {
    let account = a_system(world);
    let by = hacked(world, account);
    world.begin_fraud("toll");
    let (numbers, of, conduct) = (paying_numbers(world), slow(world), paying(world));
    drive(world, &by, &numbers, &of, &conduct);
}

/// An account that calls seldom, and plain countries only.
fn slow_plain(world: &mut World) {
    let by = anybody(world);
    world.begin_fraud("toll");
    let countries = world.draw.count(2..=8);
    let (of, conduct) = (slow(world), paying(world));
    let numbers = numbers_of(world, Class::Plain, countries);
    drive(world, &by, &numbers, &of, &conduct);
}
