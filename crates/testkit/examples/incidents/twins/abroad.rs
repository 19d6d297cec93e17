//! People with new calls abroad.

use std::ops::Range;

use crate::countries::{Class, Country};
use crate::kinds::Kind;
use crate::plan::Habit;
use crate::site::{a_regular, add_subscriber, lives_too, regulars, talk};
use crate::world::{DAY, END, End, HOUR, Host, Lanes, MINUTE, Place, World};

pub(crate) const KINDS: &[Kind] = &[
    Kind::twin("holiday", holiday),
    Kind::twin("ring_round_hotels", ring_round_hotels),
    Kind::twin("new_customer_abroad", new_customer_abroad),
    Kind::twin("project_twelve_countries", project_twelve_countries),
    Kind::twin("editor_after_earthquake", editor_after_earthquake),
    Kind::twin("importer", importer),
    Kind::twin("migrants_first_day", migrants_first_day),
    Kind::twin("fifteen_on_holiday", fifteen_on_holiday),
    Kind::twin("moves_abroad", moves_abroad),
    Kind::twin("on_the_move", on_the_move),
    Kind::twin("number_abroad_everybody", number_abroad_everybody),
    Kind::twin("fax_retries", fax_retries),
];

/// A country with much ordinary traffic, in some worlds one that is often named in fraud.
fn a_country(world: &mut World, risky: f64) -> Country {
    let class = if world.draw.chance(risky) { Class::Risky } else { Class::Plain };
    let all = Country::of(class, world.plan.home.code);
    world.draw.one_of(&all)
}

/// Working hours of a day: 0 is the first one.
pub(super) fn work(world: &mut World, day: f64) -> Range<f64> {
    let from = world.draw.within(7.0..10.0);
    day * DAY + from * HOUR..day * DAY + (from + world.draw.within(6.0..9.0)) * HOUR
}

/// Calls of an account's own device to new numbers of a country, of which some are called again.
fn rings_round(world: &mut World, account: usize, country: Country, during: Range<f64>, of: (u64, f64)) {
    let (count, again) = of;
    let conduct = talk(0.65, 120.0);
    let mut called: Vec<String> = Vec::new();
    let pause = (during.end - during.start) / count as f64;
    let lanes = Lanes { start: during.start, count, at_once: 1, pause: 0.6 * pause };
    for (at, end) in world.lanes(&lanes, &conduct) {
        let number = match world.draw.chance(again) && !called.is_empty() {
            true => world.draw.favourite(&called),
            false => country.number(&mut world.draw),
        };
        if let Some(caller) = world.own_device(account, at) {
            let to = world.dialled(account, &number);
            world.add(at, &caller, &to, end);
        }
        called.push(number);
    }
}

/// Calls from another place: contacts at home, and numbers of the country there.
fn calls_from(world: &mut World, account: usize, host: Host, country: Country, of: (Range<f64>, u64)) {
    let (during, count) = of;
    let Some(person) = world.accounts.get(account).cloned() else { return };
    let period = world.draw.within(10.0..60.0) * MINUTE;
    world.register(&person.user, host, during.start - 600.0..during.end, period);
    let conduct = world.people;
    let mut there: Vec<String> = Vec::new();
    for _ in 0..count {
        let at = world.busy_time(during.clone());
        let number = match world.draw.count(0..=9) {
            0..=5 => world.draw.favourite(&person.contacts),
            6 | 7 if !there.is_empty() => world.draw.favourite(&there),
            _ => country.number(&mut world.draw),
        };
        if number.starts_with(country.code) {
            there.push(number.clone());
        }
        if let Some(caller) = world.elsewhere(account, host) {
            let (to, end) = (world.dialled(account, &number), world.end(&conduct));
            world.add(at, &caller, &to, end);
        }
    }
}

/// The device of a traveller: the own program, or an application of a mobile phone.
fn travels(world: &mut World, account: usize) -> Host {
    let own = world.accounts.get(account).and_then(|of| of.host(0.0)).map(|host| host.stack);
    let stack = match own {
        Some(stack) if world.draw.chance(0.4) => stack,
        _ => world.known_stack(),
    };
    world.host(Place::Abroad, stack)
}

fn holiday(world: &mut World) {
    world.begin_group("holiday");
    for _ in 0..world.draw.count(1..=3) {
        let account = a_regular(world);
        let (host, country) = (travels(world, account), a_country(world, 0.35));
        let during = world.third_day().min(END - 6.0 * HOUR)..END;
        let count = world.draw.count(6..=30);
        calls_from(world, account, host, country, (during, count));
    }
}

fn ring_round_hotels(world: &mut World) {
    world.begin_group("ring_round");
    for _ in 0..world.draw.count(1..=2) {
        let (account, country) = (a_regular(world), a_country(world, 0.25));
        let from = 2.0 * DAY + world.draw.within(8.0..18.0) * HOUR;
        let during = from..from + world.draw.within(0.5..3.0) * HOUR;
        let count = world.draw.count(8..=30);
        rings_round(world, account, country, during, (count, 0.2));
    }
}

fn new_customer_abroad(world: &mut World) {
    world.begin_group("new_customer");
    let account = a_regular(world);
    let country = a_country(world, 0.3);
    let numbers: Vec<String> =
        (0..world.draw.count(2..=5)).map(|_| country.number(&mut world.draw)).collect();
    let conduct = world.people;
    for day in [1.0, 2.0] {
        let during = work(world, day);
        for _ in 0..world.draw.count(4..=14) {
            let (at, number) = (world.draw.within(during.clone()), world.draw.favourite(&numbers));
            world.add_own(at, account, &number, &conduct);
            if world.draw.chance(0.3) {
                let later = at + world.draw.within(300.0..7000.0);
                world.add_incoming(later, &number, account, &conduct);
            }
        }
    }
}

fn project_twelve_countries(world: &mut World) {
    world.begin_group("project");
    let (account, countries) = (a_regular(world), world.draw.count(8..=14));
    let mut all = Country::of(Class::Plain, world.plan.home.code);
    if world.draw.chance(0.4) {
        let risky = Country::of(Class::Risky, "");
        all.extend(world.draw.some(&risky, 4));
    }
    let mut partners: Vec<String> = Vec::new();
    for country in world.draw.some(&all, countries) {
        for _ in 0..world.draw.count(1..=3) {
            partners.push(country.number(&mut world.draw));
        }
    }
    let (conduct, during) = (talk(0.6, 240.0), work(world, 2.0));
    for _ in 0..world.draw.count(15..=45) {
        let (at, number) = (world.draw.within(during.clone()), world.draw.one_of(&partners));
        world.add_own(at, account, &number, &conduct);
    }
}

fn editor_after_earthquake(world: &mut World) {
    world.begin_group("editor");
    let (account, country) = (a_regular(world), a_country(world, 0.6));
    let from = world.third_day().min(END - 8.0 * HOUR);
    let during = from..from + world.draw.within(1.5..6.0) * HOUR;
    let count = world.draw.count(15..=45);
    rings_round(world, account, country, during, (count, 0.35));
}

fn importer(world: &mut World) {
    world.begin_group("importer");
    let account = a_regular(world);
    let mut suppliers: Vec<String> = Vec::new();
    for _ in 0..world.draw.count(2..=4) {
        let country = a_country(world, 0.2);
        suppliers.extend((0..world.draw.count(2..=6)).map(|_| country.number(&mut world.draw)));
    }
    let conduct = talk(0.65, 200.0);
    for day in [0.0, 1.0, 2.0] {
        let during = work(world, day);
        for _ in 0..world.draw.count(8..=25) {
            let (at, number) = (world.draw.within(during.clone()), world.draw.favourite(&suppliers));
            world.add_own(at, account, &number, &conduct);
        }
    }
    let (country, during) = (a_country(world, 0.6), work(world, 2.0));
    let count = world.draw.count(4..=12);
    rings_round(world, account, country, during, (count, 0.4));
}

/// Accounts of one day that call their families.
fn migrants_first_day(world: &mut World) {
    world.begin_group("migrants");
    let (country, shared) = (a_country(world, 0.6), world.known_stack());
    let home = world.address(Place::Home);
    let has_one_home = world.draw.chance(0.4);
    for _ in 0..world.draw.count(8..=25) {
        let host = match has_one_home {
            true => world.host_at(home, shared),
            false => {
                let stack = world.known_stack();
                world.host(Place::Home, stack)
            }
        };
        let from = 2.0 * DAY + world.draw.within(6.0..20.0) * HOUR;
        let account = add_subscriber(world, host, from);
        let family: Vec<String> =
            (0..world.draw.count(1..=5)).map(|_| country.number(&mut world.draw)).collect();
        let conduct = talk(0.55, 300.0);
        let mut at = from + world.draw.within(30.0..3600.0);
        for _ in 0..world.draw.count(2..=8) {
            let number = world.draw.favourite(&family);
            world.add_own(at, account, &number, &conduct);
            at += world.draw.wait(20.0 * MINUTE) + 20.0;
        }
    }
}

/// People of one firm or school in one country that is often named in fraud.
fn fifteen_on_holiday(world: &mut World) {
    world.begin_group("holiday");
    let country = a_country(world, 0.85);
    let people = world.draw.count(10..=18);
    let hotel = world.address(Place::Abroad);
    let has_one_hotel = world.draw.chance(0.4);
    for account in regulars(world, people) {
        let mut host = travels(world, account);
        if has_one_hotel {
            host = world.host_at(hotel, host.stack);
        }
        let during = 2.0 * DAY + world.draw.within(0.0..10.0) * HOUR..END;
        let count = world.draw.count(3..=12);
        calls_from(world, account, host, country, (during, count));
    }
}

/// Somebody who lives in another country from the third day on.
fn moves_abroad(world: &mut World) {
    world.begin_group("moved");
    let (account, country) = (a_regular(world), a_country(world, 0.4));
    let own = world.accounts.get(account).and_then(|of| of.host(0.0)).map(|host| host.stack);
    let host = world.host(Place::Abroad, own.unwrap_or_default());
    let count = world.draw.count(15..=40);
    let from = 2.0 * DAY + world.draw.within(0.0..6.0) * HOUR;
    world.replace_device(account, from, host);
    calls_from(world, account, host, country, (from..END, count));
    // A household needs many new numbers.
    let during = work(world, 2.0);
    let conduct = talk(0.6, 150.0);
    for _ in 0..world.draw.count(6..=20) {
        let (at, number) = (world.draw.within(during.clone()), country.number(&mut world.draw));
        if let Some(caller) = world.elsewhere(account, host) {
            let (to, end) = (world.plan.dialled(&number, Habit::Usual), world.end(&conduct));
            world.add(at.max(from), &caller, &to, end);
        }
    }
}

/// People whose addresses change all day, also between countries.
fn on_the_move(world: &mut World) {
    world.begin_group("on_the_move");
    let people = world.draw.count(5..=15);
    for account in regulars(world, people) {
        let Some(person) = world.accounts.get(account).cloned() else { return };
        let stack = world.known_stack();
        let country = a_country(world, 0.15);
        let conduct = world.people;
        let mut at = world.draw.within(0.0..DAY);
        while at < END {
            let place = if world.draw.chance(0.3) { Place::Abroad } else { Place::Home };
            let host = world.host(place, stack);
            let stay = world.draw.wait(5.0 * HOUR) + 600.0;
            world.register(&person.user, host, at..(at + stay).min(END), 40.0 * MINUTE);
            for _ in 0..world.draw.count(0..=3) {
                let when = world.busy_time(at..at + stay);
                let number = match world.draw.count(0..=9) {
                    0..=6 => world.draw.favourite(&person.contacts),
                    7 | 8 => world.plan.local(&mut world.draw),
                    _ => country.number(&mut world.draw),
                };
                if let (Some(caller), true) = (world.elsewhere(account, host), when < END) {
                    let (to, end) = (world.dialled(account, &number), world.end(&conduct));
                    world.add(when, &caller, &to, end);
                }
            }
            at += stay;
        }
    }
}

/// A number abroad that many call on one day: an airline, a conference, a helpline.
fn number_abroad_everybody(world: &mut World) {
    world.begin_group("helpline_abroad");
    let number = a_country(world, 0.3).number(&mut world.draw);
    let from = 2.0 * DAY + world.draw.within(6.0..14.0) * HOUR;
    let until = from + world.draw.within(1.0..9.0) * HOUR;
    let conduct = talk(0.9, world.draw.within(120.0..900.0));
    let people = world.draw.count(12..=40);
    for account in regulars(world, people) {
        for _ in 0..world.draw.count(1..=2) {
            let at = world.draw.within(from..until);
            world.add_own(at, account, &number, &conduct);
        }
    }
}

/// A fax that fails and calls again.
fn fax_retries(world: &mut World) {
    world.begin_group("fax");
    let account = a_regular(world);
    let countries = [a_country(world, 0.35), a_country(world, 0.35)];
    for _ in 0..world.draw.count(1..=3) {
        let number = world.draw.one_of(&countries).number(&mut world.draw);
        let mut at = world.third_day();
        for _ in 0..world.draw.count(6..=30) {
            let end = match world.draw.chance(0.6) {
                true => End::Talk { ring: 4.0, talk: world.draw.within(8.0..45.0), is_by_caller: true },
                false => End::Refused { status: 486, ring: 0.0 },
            };
            if let Some(caller) = world.own_device(account, at) {
                let to = world.dialled(account, &number);
                world.add(at, &caller, &to, end);
            }
            at += end.length() + world.draw.within(60.0..400.0);
        }
    }
    lives_too(world, account, 2.0 * DAY..END, 3);
}
