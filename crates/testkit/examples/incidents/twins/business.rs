//! Firms with many numbers at one address, who call many people.

use crate::kinds::Kind;
use crate::plan::Habit;
use crate::site::talk;
use crate::world::{Caller, Conduct, DAY, END, HOUR, Host, Identity, Place, World};

pub(crate) const KINDS: &[Kind] = &[
    Kind::twin("sales", sales),
    Kind::twin("survey", survey),
    Kind::twin("fundraising", fundraising),
    Kind::twin("drivers", drivers),
    Kind::twin("taxi", taxi),
    Kind::twin("wholesale", wholesale),
    Kind::twin("hosted_pbx", hosted_pbx),
    Kind::twin("ported_gateway", ported_gateway),
    Kind::twin("school", school),
    Kind::twin("clinic", clinic),
    Kind::twin("notices", notices),
    Kind::twin("service_engineers", service_engineers),
];

/// A firm behind one address.
struct Firm {
    numbers: u64,
    calls: u64,
    /// First and last hour of its day; none for all hours.
    open: Option<(f64, f64)>,
    conduct: Conduct,
    /// The share of calls to people who were called before.
    again: f64,
    /// The share of people who call back.
    back: f64,
    /// The share of calls of one number to contacts of its own.
    contacts: f64,
}

/// A time at which a firm is open.
fn open_time(world: &mut World, open: Option<(f64, f64)>) -> f64 {
    let Some((from, until)) = open else { return world.draw.within(0.0..END) };
    let day = world.draw.count(0..=2) as f64;
    day * DAY + world.draw.within(from..until) * HOUR
}

/// The callers of a firm with the names by which people call them: numbers at one host, with or without accounts.
fn callers(world: &mut World, count: u64, host: Host) -> Vec<(Caller, String)> {
    let is_account = world.draw.chance(0.4);
    let mut all = Vec::new();
    for _ in 0..count {
        let number = world.plan.local(&mut world.draw);
        let own = world.plan.own(&number);
        if is_account {
            let from = world.draw.within(0.0..HOUR);
            world.register(&own, host, from..END, 1.5 * HOUR);
        }
        let identity = if is_account { Identity::Account(own.clone()) } else { Identity::Outside };
        let user = if is_account { own.clone() } else { world.plan.shown(&number) };
        all.push((Caller { user, host, identity }, own));
    }
    all
}

fn works(world: &mut World, of: &Firm) {
    let stack = if world.draw.chance(0.6) { world.new_stack() } else { world.known_stack() };
    let host = world.host(Place::Home, stack);
    let callers = callers(world, of.numbers, host);
    let mut contacts: Vec<Vec<String>> = Vec::new();
    for _ in 0..of.numbers {
        let count = world.draw.count(5..=15);
        contacts.push((0..count).map(|_| world.plan.local(&mut world.draw)).collect());
    }
    let mut called: Vec<String> = Vec::new();
    for _ in 0..of.calls {
        let (at, place) = (open_time(world, of.open), world.draw.count(0..=of.numbers - 1) as usize);
        let Some((caller, own)) = callers.get(place).cloned() else { return };
        let number = if world.draw.chance(of.contacts) {
            contacts.get(place).map(|own| world.draw.favourite(own)).unwrap_or_default()
        } else if world.draw.chance(of.again) && !called.is_empty() {
            world.draw.one_of(&called)
        } else {
            world.plan.local(&mut world.draw)
        };
        let (to, end) = (world.plan.dialled(&number, Habit::Usual), world.end(&of.conduct));
        world.add(at, &caller, &to, end);
        if world.draw.chance(of.back) {
            let (person, people) = (world.outside(&number), world.people);
            let (later, end) = (at + world.draw.around(1800.0, 1.2).max(15.0), world.end(&people));
            world.add(later.min(END), &person, &own, end);
        }
        called.push(number);
    }
}

/// A firm that sells by telephone, and talks as long as its customers like.
fn sales(world: &mut World) {
    world.begin_group("sales");
    let conduct = talk(world.draw.within(0.3..0.5), world.draw.within(60.0..240.0));
    let (numbers, calls) = (world.draw.count(3..=40), world.draw.size(300..=1200));
    let (again, back) = (world.draw.within(0.05..0.2), world.draw.within(0.02..0.06));
    works(world, &Firm { numbers, calls, open: Some((9.0, 19.0)), conduct, again, back, contacts: 0.0 });
}

/// Interviews of people by lists.
fn survey(world: &mut World) {
    world.begin_group("survey");
    let conduct = talk(world.draw.within(0.25..0.45), world.draw.within(40.0..500.0));
    let (numbers, calls) = (world.draw.count(1..=20), world.draw.size(300..=1200));
    let again = world.draw.within(0.1..0.3);
    let (open, back) = (Some((10.0, 20.5)), world.draw.within(0.01..0.05));
    works(world, &Firm { numbers, calls, open, conduct, again, back, contacts: 0.0 });
}

/// A charity that calls for money.
fn fundraising(world: &mut World) {
    world.begin_group("fundraising");
    let conduct = talk(world.draw.within(0.4..0.6), world.draw.within(90.0..220.0));
    let (numbers, calls) = (world.draw.count(3..=25), world.draw.size(300..=1000));
    let again = world.draw.within(0.02..0.1);
    let (open, back) = (Some((10.0, 21.0)), world.draw.within(0.005..0.03));
    works(world, &Firm { numbers, calls, open, conduct, again, back, contacts: 0.0 });
}

/// Drivers who call the people to whom they bring something.
fn drivers(world: &mut World) {
    world.begin_group("drivers");
    let conduct = talk(world.draw.within(0.55..0.8), world.draw.within(15.0..40.0));
    let (numbers, calls) = (world.draw.count(10..=50), world.draw.size(400..=1500));
    let back = world.draw.within(0.05..0.2);
    works(
        world,
        &Firm { numbers, calls, open: Some((7.0, 20.0)), conduct, again: 0.1, back, contacts: 0.02 },
    );
}

/// Taxis of a town, at all hours.
fn taxi(world: &mut World) {
    world.begin_group("taxi");
    let conduct = talk(world.draw.within(0.6..0.8), world.draw.within(12.0..40.0));
    let (numbers, calls) = (world.draw.count(3..=40), world.draw.size(300..=1200));
    let (again, back) = (world.draw.within(0.08..0.3), world.draw.within(0.03..0.15));
    works(world, &Firm { numbers, calls, open: None, conduct, again, back, contacts: 0.02 });
}

/// Firms behind one address whose numbers have contacts of their own.
fn hosted_pbx(world: &mut World) {
    world.begin_group("hosted");
    let conduct = talk(world.draw.within(0.5..0.7), world.draw.within(60.0..180.0));
    let (numbers, calls) = (world.draw.count(20..=100), world.draw.size(600..=2500));
    let contacts = world.draw.within(0.5..0.8);
    works(
        world,
        &Firm { numbers, calls, open: Some((7.5, 19.0)), conduct, again: 0.1, back: 0.25, contacts },
    );
}

/// The gateway of a firm that took its old numbers along.
fn ported_gateway(world: &mut World) {
    world.begin_group("ported");
    let conduct = talk(world.draw.within(0.55..0.75), world.draw.within(60.0..180.0));
    let (numbers, calls) = (world.draw.count(10..=60), world.draw.size(400..=1500));
    let (contacts, back) = (world.draw.within(0.4..0.7), world.draw.within(0.15..0.4));
    works(world, &Firm { numbers, calls, open: Some((7.0, 20.0)), conduct, again: 0.15, back, contacts });
}

/// A school that calls parents.
fn school(world: &mut World) {
    world.begin_group("school");
    let conduct = talk(world.draw.within(0.5..0.7), world.draw.within(40.0..150.0));
    let (numbers, calls) = (world.draw.count(3..=25), world.draw.size(200..=700));
    let (again, back) = (world.draw.within(0.15..0.4), world.draw.within(0.15..0.35));
    works(world, &Firm { numbers, calls, open: Some((7.0, 17.0)), conduct, again, back, contacts: 0.05 });
}

/// A clinic that calls patients.
fn clinic(world: &mut World) {
    world.begin_group("clinic");
    let conduct = talk(world.draw.within(0.5..0.7), world.draw.within(60.0..200.0));
    let (numbers, calls) = (world.draw.count(5..=30), world.draw.size(300..=1000));
    let (again, back) = (world.draw.within(0.1..0.3), world.draw.within(0.1..0.25));
    works(world, &Firm { numbers, calls, open: Some((7.5, 18.0)), conduct, again, back, contacts: 0.05 });
}

/// A firm whose machine tells people of deliveries and dates.
fn notices(world: &mut World) {
    world.begin_group("notices");
    let conduct = talk(world.draw.within(0.5..0.75), world.draw.within(10.0..35.0));
    let (numbers, calls) = (world.draw.count(1..=12), world.draw.size(300..=1500));
    let (again, back) = (world.draw.within(0.02..0.15), world.draw.within(0.01..0.06));
    works(world, &Firm { numbers, calls, open: Some((8.0, 20.0)), conduct, again, back, contacts: 0.0 });
}

/// Engineers who call the people they are about to visit.
fn service_engineers(world: &mut World) {
    world.begin_group("engineers");
    let conduct = talk(world.draw.within(0.45..0.7), world.draw.within(45.0..130.0));
    let (numbers, calls) = (world.draw.count(5..=30), world.draw.size(300..=900));
    let (again, back) = (world.draw.within(0.08..0.2), world.draw.within(0.05..0.15));
    works(world, &Firm { numbers, calls, open: Some((6.5, 18.0)), conduct, again, back, contacts: 0.08 });
}

/// A carrier that brings other people's calls under thousands of numbers, in both directions.
fn wholesale(world: &mut World) {
    world.begin_group("wholesale");
    let stack = world.new_stack();
    let host = world.host(Place::Servers, stack);
    let people = world.draw.size(200..=900);
    let conduct = world.people;
    for _ in 0..people {
        let number = world.plan.local(&mut world.draw);
        let (caller, own) = (world.caller_at(&number, host), world.plan.own(&number));
        let contacts: Vec<String> =
            (0..world.draw.count(1..=5)).map(|_| world.plan.local(&mut world.draw)).collect();
        for _ in 0..world.draw.count(1..=4) {
            let at = world.busy_time(0.0..END);
            let to = world.plan.dialled(&world.draw.favourite(&contacts), Habit::Usual);
            let end = world.end(&conduct);
            world.add(at, &caller, &to, end);
            if world.draw.chance(0.2) {
                let contact = world.draw.favourite(&contacts);
                let person = world.outside(&contact);
                let (later, end) = (world.busy_time(0.0..END), world.end(&conduct));
                world.add(later, &person, &own, end);
            }
        }
    }
}
