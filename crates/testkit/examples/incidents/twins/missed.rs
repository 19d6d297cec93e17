//! Calls that end while they ring, without any fraud.

use std::net::SocketAddrV4;

use crate::countries::{Class, Country};
use crate::kinds::Kind;
use crate::plan::Habit;
use crate::sip::PROXY;
use crate::site::{regulars, talk};
use crate::world::{Caller, Conduct, DAY, END, End, HOUR, Host, Identity, Lanes, MINUTE, Place, World};

pub(crate) const KINDS: &[Kind] = &[
    Kind::twin("beeping", beeping),
    Kind::twin("hunt_group", hunt_group),
    Kind::twin("hunt_in_turn", hunt_in_turn),
    Kind::twin("predictive_dialler", predictive_dialler),
    Kind::twin("carrier_from_abroad", carrier_from_abroad),
    Kind::twin("flash_calls", flash_calls),
];

/// People abroad who let a telephone ring once, so that their relatives call back.
fn beeping(world: &mut World) {
    world.begin_group("beeping");
    let class = if world.draw.chance(0.6) { Class::Risky } else { Class::Plain };
    let countries = Country::of(class, world.plan.home.code);
    let count = world.draw.count(1..=3);
    let countries = world.draw.some(&countries, count);
    let (conduct, known) = (talk(0.8, 400.0), world.draw.within(0.3..1.0));
    let families = world.draw.count(8..=30);
    for account in regulars(world, families) {
        let relatives: Vec<String> = (0..world.draw.count(1..=2))
            .map(|_| world.draw.one_of(&countries).number(&mut world.draw))
            .collect();
        // Most families talk on other days too.
        if world.draw.chance(known) {
            for _ in 0..world.draw.count(1..=4) {
                let (at, relative) = (world.busy_time(0.0..END), world.draw.favourite(&relatives));
                world.add_own(at, account, &relative, &conduct);
            }
        }
        for _ in 0..world.draw.count(1..=6) {
            let (at, from) = (world.busy_time(0.0..END), world.draw.favourite(&relatives));
            let caller = world.outside(&from);
            let to = world.accounts.get(account).map(|of| of.user.clone()).unwrap_or_default();
            let ring = world.draw.within(1.0..7.0);
            world.add(at, &caller, &to, End::Cancel { ring });
            if world.draw.chance(0.7) {
                let later = at + world.draw.within(20.0..1800.0);
                world.add_own(later, account, &from, &conduct);
            }
        }
    }
}

/// The members of a group, with their devices.
fn members(world: &mut World) -> Vec<(String, Host)> {
    let count = world.draw.count(3..=8);
    let mut all = Vec::new();
    for account in world.any_accounts(count) {
        if let Some(of) = world.accounts.get(account) {
            all.extend(of.host(0.0).map(|host| (of.user.clone(), host)));
        }
    }
    all
}

/// A call of the group's number, which the proxy shows at a telephone under the caller's number.
fn leg(world: &mut World, at: f64, from: &str, member: &(String, Host), end: End) {
    let stack = world.carriers.first().map(|host| host.stack).unwrap_or_default();
    let caller =
        Caller { user: from.to_owned(), host: Host { at: PROXY, stack }, identity: Identity::Claimed };
    let toward: SocketAddrV4 = member.1.at;
    world.add_toward(at, &caller, &member.0, toward, end);
}

/// All telephones of a group ring, and one answers.
fn hunt_group(world: &mut World) {
    world.begin_group("hunt_group");
    let (group, all) = (world.plan.own(&world.plan.local(&mut world.draw)), members(world));
    let has_reason = world.draw.chance(0.5);
    for _ in 0..world.draw.count(40..=150) {
        let (at, number) = (world.busy_time(0.0..END), world.plan.local(&mut world.draw));
        let (caller, ring) = (world.outside(&number), world.draw.around(5.0, 0.6).clamp(1.2, 30.0));
        let talks = world.draw.around(100.0, 1.0).clamp(3.0, 3000.0);
        let is_answered = world.draw.chance(0.85);
        let answers = world.draw.count(0..=all.len() as u64 - 1) as usize;
        let end = match is_answered {
            true => End::Talk { ring: ring + 0.2, talk: talks, is_by_caller: true },
            false => End::Cancel { ring: ring + 0.2 },
        };
        world.add(at, &caller, &group, end);
        for (n, member) in all.iter().enumerate() {
            let end = match (is_answered, n == answers) {
                (true, true) => End::Talk { ring, talk: talks, is_by_caller: true },
                (true, false) => End::Elsewhere { ring: ring + 0.05, has_reason },
                (false, _) => End::Cancel { ring },
            };
            leg(world, at + 0.05, &caller.user, member, end);
        }
    }
}

/// The telephones of a group ring one after the other.
fn hunt_in_turn(world: &mut World) {
    world.begin_group("hunt_group");
    let (group, all) = (world.plan.own(&world.plan.local(&mut world.draw)), members(world));
    let step = world.draw.within(5.0..12.0);
    for _ in 0..world.draw.count(40..=150) {
        let (at, number) = (world.busy_time(0.0..END), world.plan.local(&mut world.draw));
        let caller = world.outside(&number);
        let answers = world.draw.count(0..=all.len() as u64) as usize;
        let (ring, talks) = (world.draw.within(1.0..step), world.draw.around(100.0, 1.0).clamp(3.0, 3000.0));
        for (n, member) in all.iter().enumerate().take(answers + 1) {
            let end = match n == answers {
                true => End::Talk { ring, talk: talks, is_by_caller: true },
                false => End::Cancel { ring: step },
            };
            leg(world, at + 0.05 + (step + 0.1) * n as f64, &caller.user, member, end);
        }
        let tried = (step + 0.1) * answers.min(all.len()) as f64;
        let end = match answers < all.len() {
            true => End::Talk { ring: tried + ring + 0.1, talk: talks, is_by_caller: true },
            false => End::Cancel { ring: tried + 0.1 },
        };
        world.add(at, &caller, &group, end);
    }
}

/// A call centre whose machine dials more people than agents are free, and hangs up on the others.
fn predictive_dialler(world: &mut World) {
    world.begin_group("dialler");
    let stack = world.new_stack();
    let host = world.host(Place::Servers, stack);
    let numbers: Vec<String> =
        (0..world.draw.count(1..=10)).map(|_| world.plan.local(&mut world.draw)).collect();
    let people = Conduct {
        answered: world.draw.within(0.3..0.5),
        talk: world.draw.within(30.0..120.0),
        ..talk(0.4, 60.0)
    };
    let short = world.draw.within(0.02..0.15);
    for day in [1.0, 2.0] {
        let start = day * DAY + world.draw.within(8.0..10.0) * HOUR;
        let of = Lanes {
            start,
            count: world.draw.size(150..=700),
            at_once: world.draw.count(5..=30),
            pause: world.draw.within(10.0..90.0),
        };
        for (at, mut end) in world.lanes(&of, &people) {
            if at > start + 11.0 * HOUR {
                break;
            }
            if world.draw.chance(short) {
                end = End::Cancel { ring: world.draw.within(2.0..10.0) };
            } else if let End::Talk { ring, .. } = end
                && world.draw.chance(0.05)
            {
                end = End::Talk { ring, talk: world.draw.within(1.0..3.0), is_by_caller: true };
            }
            let (from, to) = (world.draw.one_of(&numbers), world.plan.local(&mut world.draw));
            let caller = world.caller_at(&from, host);
            let to = world.plan.dialled(&to, Habit::Usual);
            world.add(at, &caller, &to, end);
        }
    }
}

/// A carrier that brings calls from abroad.
fn carrier_from_abroad(world: &mut World) {
    world.begin_group("carrier");
    let stack = world.new_stack();
    let host = world.host(Place::Abroad, stack);
    let count = world.draw.count(3..=12);
    let mut countries = Country::of(Class::Plain, world.plan.home.code);
    if world.draw.chance(0.5) {
        countries.extend(Country::of(Class::Risky, ""));
    }
    let countries = world.draw.some(&countries, count);
    // The way abroad takes long, and callers give up early.
    let (early, conduct) = (world.draw.within(0.01..0.08), Conduct { answered: 0.5, ..talk(0.5, 150.0) });
    let from = if world.draw.chance(0.5) { 0.0 } else { 2.0 * DAY };
    for _ in 0..world.draw.size(100..=700) {
        let at = world.draw.within(from..END);
        let number = world.draw.favourite(&countries).number(&mut world.draw);
        let (caller, account) = (world.caller_at(&number, host), world.any_account());
        let to = world.accounts.get(account).map(|of| of.user.clone()).unwrap_or_default();
        let end = match world.draw.chance(early) {
            true => End::Cancel { ring: world.draw.within(0.5..8.0) },
            false => world.end(&conduct),
        };
        world.add(at, &caller, &to, end);
    }
}

/// A service that proves the number of a new user by a call that he need not answer.
fn flash_calls(world: &mut World) {
    world.begin_group("flash_calls");
    let (stack, addresses) = (world.new_stack(), world.draw.count(1..=4));
    let hosts: Vec<Host> = (0..addresses).map(|_| world.host(Place::Servers, stack)).collect();
    let class = if world.draw.chance(0.5) { Class::Plain } else { Class::Risky };
    let all = Country::of(class, world.plan.home.code);
    let country = if world.draw.chance(0.6) { world.plan.home } else { world.draw.one_of(&all) };
    let size = world.draw.size(30..=300);
    let numbers = country.range(3, size, &mut world.draw);
    let from = world.draw.within(0.0..1.5) * DAY;
    for _ in 0..world.draw.size(40..=250) {
        let at = world.busy_time(from..END);
        let place = world.draw.count(0..=addresses - 1) as usize;
        let Some(host) = hosts.get(place).copied() else { return };
        let number = world.draw.one_of(&numbers);
        let caller = world.caller_at(&number, host);
        // Users are subscribers here, or their numbers went to other carriers.
        let account = world.any_account();
        let to = match world.draw.chance(0.5) {
            true => world.accounts.get(account).map(|of| of.user.clone()).unwrap_or_default(),
            false => world.plan.dialled(&world.plan.local(&mut world.draw), Habit::Usual),
        };
        let end = End::Cancel { ring: world.draw.within(1.0..5.0) };
        world.add(at, &caller, &to, end);
        if world.draw.chance(0.02) {
            let (account, later) = (world.any_account(), at + 10.0 * MINUTE);
            world.add_own(later, account, &number, &talk(0.2, 10.0));
        }
    }
}
