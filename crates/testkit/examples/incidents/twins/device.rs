//! Accounts whose devices, places or hours change, or that call at night.

use crate::countries::{Class, Country};
use crate::kinds::Kind;
use crate::plan::Habit;
use crate::site::{a_regular, add_subscriber, regulars, talk};
use crate::world::{DAY, END, End, HOUR, Host, MINUTE, Place, Refusal, World};

pub(crate) const KINDS: &[Kind] = &[
    Kind::twin("owners_app", owners_app),
    Kind::twin("phones_replaced", phones_replaced),
    Kind::twin("wrong_passwords", wrong_passwords),
    Kind::twin("night_shift", night_shift),
    Kind::twin("doctor_on_call", doctor_on_call),
    Kind::twin("machine_watch", machine_watch),
    Kind::twin("wrong_prefixes", wrong_prefixes),
    Kind::twin("forwards_abroad", forwards_abroad),
    Kind::twin("ship_owner", ship_owner),
    Kind::twin("nothing_special", |_| ()),
];

/// An owner abroad who lets the office forward its calls to him.
fn forwards_abroad(world: &mut World) {
    world.begin_group("forwarding");
    let account = a_regular(world);
    let class = if world.draw.chance(0.4) { Class::Risky } else { Class::Plain };
    let all = Country::of(class, world.plan.home.code);
    let mobile = world.draw.one_of(&all).number(&mut world.draw);
    let Some(owner) = world.accounts.get(account).cloned() else { return };
    let from = 2.0 * DAY + world.draw.within(0.0..10.0) * HOUR;
    let conduct = talk(0.6, 120.0);
    for _ in 0..world.draw.count(10..=45) {
        let (at, end) = (world.busy_time(from..END), world.end(&conduct));
        let number = match world.draw.chance(0.5) {
            true => world.draw.favourite(&owner.contacts),
            false => world.plan.local(&mut world.draw),
        };
        let caller = world.outside(&number);
        // The second leg begins at once and ends with the first.
        world.add(at, &caller, &owner.user, end);
        if let Some(device) = world.own_device(account, at) {
            let to = world.dialled(account, &mobile);
            world.add(at + 0.3, &device, &to, end);
        }
    }
}

/// A firm whose ships have satellite telephones.
fn ship_owner(world: &mut World) {
    world.begin_group("ships");
    let (account, ships) = (a_regular(world), Country::of(Class::Satellite, ""));
    let ships = world.draw.some(&ships, 2);
    let numbers: Vec<String> =
        (0..world.draw.count(3..=12)).map(|_| world.draw.favourite(&ships).number(&mut world.draw)).collect();
    let conduct = talk(0.5, 150.0);
    for _ in 0..world.draw.count(15..=60) {
        let (at, number) = (world.busy_time(0.0..END), world.draw.favourite(&numbers));
        world.add_own(at, account, &number, &conduct);
    }
}

/// An application beside the telephone, often in mobile networks. It calls the owner's contacts.
fn owners_app(world: &mut World) {
    world.begin_group("app");
    let owners = world.draw.count(1..=8);
    for account in regulars(world, owners) {
        let Some(owner) = world.accounts.get(account).cloned() else { return };
        let stack = if world.draw.chance(0.5) { world.new_stack() } else { world.known_stack() };
        let (mut at, conduct) = (world.draw.within(1.5..2.3) * DAY, world.people);
        let fresh = world.draw.within(0.05..0.3);
        while at < END - HOUR {
            let host = world.host(Place::Home, stack);
            let until = (at + world.draw.wait(8.0 * HOUR) + HOUR).min(END);
            let period = world.draw.within(8.0..60.0) * MINUTE;
            world.register(&owner.user, host, at..until, period);
            for _ in 0..world.draw.count(1..=6) {
                let when = world.busy_time(at..until);
                let number = match world.draw.chance(fresh) {
                    true => world.plan.local(&mut world.draw),
                    false => world.draw.favourite(&owner.contacts),
                };
                if let Some(caller) = world.elsewhere(account, host) {
                    // A phone book of a mobile phone has numbers with a plus.
                    let habit = if world.draw.chance(0.3) { Habit::Plus } else { owner.habit };
                    let (to, end) = (world.plan.dialled(&number, habit), world.end(&conduct));
                    world.add(when, &caller, &to, end);
                }
            }
            at = until;
        }
    }
}

/// Telephones of an office that are replaced in one morning.
fn phones_replaced(world: &mut World) {
    world.begin_group("replaced");
    let (stack, phones) = (world.new_stack(), world.draw.count(15..=30));
    let morning = 2.0 * DAY + world.draw.within(6.0..9.0) * HOUR;
    let is_moved = world.draw.chance(0.5);
    let office = world.address(Place::Home);
    let conduct = world.people;
    for account in regulars(world, phones) {
        let Some(owner) = world.accounts.get(account).cloned() else { return };
        let Some(old) = owner.host(morning) else { continue };
        let host = match is_moved {
            true => world.host_at(office, stack),
            false => Host { stack, ..old },
        };
        let from = morning + world.draw.within(0.0..3.0) * HOUR;
        world.replace_device(account, from, host);
        let period = world.draw.within(10.0..60.0) * MINUTE;
        world.register(&owner.user, host, from..END, period);
        for _ in 0..world.draw.count(2..=12) {
            let at = world.busy_time(from..END);
            let number = match world.draw.chance(owner.new_share) {
                true => world.plan.local(&mut world.draw),
                false if world.draw.chance(owner.foreign_share) => world.draw.favourite(&owner.foreign),
                false => world.draw.favourite(&owner.contacts),
            };
            if let Some(caller) = world.elsewhere(account, host) {
                let (to, end) = (world.dialled(account, &number), world.end(&conduct));
                world.add(at, &caller, &to, end);
            }
        }
    }
}

/// An office whose telephones have an old password, until somebody sets the new one.
fn wrong_passwords(world: &mut World) {
    world.begin_group("office");
    let stack = world.known_stack();
    let office = world.address(Place::Home);
    let wrong = 2.0 * DAY + world.draw.within(0.0..12.0) * HOUR;
    let right = wrong + world.draw.within(0.3..6.0) * HOUR;
    let (pause, status) = (world.draw.within(0.5..10.0) * MINUTE, world.draw.one_of(&[401_u16, 403]));
    let conduct = world.people;
    for _ in 0..world.draw.count(5..=15) {
        let host = world.host_at(office, stack);
        let account = add_subscriber(world, host, 0.0);
        let Some(owner) = world.accounts.get(account).cloned() else { return };
        let last = world.registrations.len() - 1;
        if let Some(registration) = world.registrations.get_mut(last) {
            registration.during.end = wrong;
        }
        let mut at = wrong + world.draw.within(0.0..600.0);
        while at < right {
            world.refusals.push(Refusal { at, user: owner.user.clone(), host, status });
            at += pause * world.draw.within(0.9..1.1);
        }
        world.register(&owner.user, host, at..END, 50.0 * MINUTE);
        for _ in 0..world.draw.count(8..=30) {
            let when = world.busy_time(0.0..END);
            let number = match world.draw.chance(0.15) {
                true => world.plan.local(&mut world.draw),
                false => world.draw.favourite(&owner.contacts),
            };
            if !(wrong..at).contains(&when) {
                world.add_own(when, account, &number, &conduct);
            }
        }
        // Some calls abroad follow on the same day.
        if world.draw.chance(0.2) {
            let country = Country::of(Class::Plain, world.plan.home.code);
            let number = world.draw.one_of(&country).number(&mut world.draw);
            let later = at + world.draw.within(60.0..3600.0);
            world.add_own(later, account, &number, &conduct);
        }
    }
}

fn at_night(world: &mut World) -> f64 {
    let night = world.draw.count(0..=2) as f64;
    let hour = world.draw.within(-2.0..6.0);
    // The first night has no evening before it, but the last day has one.
    let hour = if night == 0.0 && hour < 0.0 { hour + 72.0 } else { hour };
    night * DAY + hour * HOUR
}

/// People who work and call at night, some of them abroad.
fn night_shift(world: &mut World) {
    world.begin_group("night_shift");
    let (people, conduct) = (world.draw.count(3..=12), world.people);
    let countries = Country::of(Class::Plain, world.plan.home.code);
    for account in regulars(world, people) {
        let partner = world.draw.one_of(&countries).number(&mut world.draw);
        let contacts: Vec<String> = (0..6).map(|_| world.plan.local(&mut world.draw)).collect();
        let abroad = if world.draw.chance(0.3) { 0.3 } else { 0.0 };
        for _ in 0..world.draw.count(6..=30) {
            let at = at_night(world);
            let number = match world.draw.chance(abroad) {
                true => partner.clone(),
                false if world.draw.chance(0.2) => world.plan.local(&mut world.draw),
                false => world.draw.favourite(&contacts),
            };
            world.add_own(at, account, &number, &conduct);
        }
    }
}

/// A doctor whom people call at night, and who calls them back.
fn doctor_on_call(world: &mut World) {
    world.begin_group("doctor");
    let account = a_regular(world);
    let conduct = talk(0.8, 150.0);
    for _ in 0..world.draw.count(15..=50) {
        let (at, patient) = (at_night(world), world.plan.local(&mut world.draw));
        world.add_incoming(at, &patient, account, &conduct);
        if world.draw.chance(0.7) {
            let later = at + world.draw.within(60.0..1800.0);
            world.add_own(later, account, &patient, &conduct);
        }
    }
}

/// A machine that calls its keepers, at home or abroad, again and again until somebody answers.
fn machine_watch(world: &mut World) {
    world.begin_group("machine");
    let account = a_regular(world);
    let class = if world.draw.chance(0.3) { Class::Risky } else { Class::Plain };
    let all = Country::of(class, world.plan.home.code);
    let country = if world.draw.chance(0.6) { world.draw.one_of(&all) } else { world.plan.home };
    let keepers: Vec<String> =
        (0..world.draw.count(1..=4)).map(|_| country.number(&mut world.draw)).collect();
    for _ in 0..world.draw.count(2..=8) {
        let mut at = at_night(world);
        for _ in 0..world.draw.count(3..=12) {
            let number = world.draw.favourite(&keepers);
            let end = match world.draw.chance(0.4) {
                true => End::Talk { ring: 9.0, talk: world.draw.within(8.0..40.0), is_by_caller: true },
                false => End::Cancel { ring: world.draw.within(15.0..40.0) },
            };
            if let Some(caller) = world.own_device(account, at) {
                let to = world.dialled(account, &number);
                world.add(at, &caller, &to, end);
            }
            at += end.length() + world.draw.within(10.0..240.0);
        }
    }
}

/// An office that dials as in another country, so that many calls are refused.
fn wrong_prefixes(world: &mut World) {
    world.begin_group("wrong_prefixes");
    let account = a_regular(world);
    let contacts = world.accounts.get(account).map(|of| of.contacts.clone()).unwrap_or_default();
    let from = 2.0 * DAY + world.draw.within(8.0..14.0) * HOUR;
    let status = world.draw.one_of(&[404_u16, 484]);
    for _ in 0..world.draw.count(6..=25) {
        let at = from + world.draw.within(0.0..3.0) * HOUR;
        let number = world.draw.favourite(&contacts);
        if let Some(caller) = world.own_device(account, at) {
            let to = format!("9{}", world.dialled(account, &number));
            world.add(at, &caller, &to, End::Refused { status, ring: 0.0 });
        }
    }
}
