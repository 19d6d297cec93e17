//! Gateways with cards of mobile networks, which end other people's calls from abroad as local ones.

use crate::kinds::{Goal, Kind};
use crate::plan::Habit;
use crate::world::{Caller, Conduct, DAY, END, HOUR, Host, Identity, Place, World};

const GATEWAY: &[Goal] = &[Goal::new("gateway", 0.5, 4)];

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("gateway", GATEWAY, gateway),
    Kind::fraud("small_gateway", GATEWAY, small_gateway),
    Kind::fraud("large_gateway", GATEWAY, large_gateway),
    Kind::fraud("gateway_by_day", GATEWAY, gateway_by_day),
    Kind::undecidable("gateway_address_per_sim", GATEWAY, gateway_address_per_sim),
];

struct Gateway {
    numbers: u64,
    calls: u64,
    /// True if it works by day only.
    is_by_day: bool,
    /// True if each number has an address of its own.
    has_addresses: bool,
}

/// The hours in which people abroad call: two broad waves, shifted by their time of day.
fn hour_abroad(world: &mut World, from: f64, peak: f64) -> f64 {
    for _ in 0..200 {
        let at = world.draw.within(from..END);
        let hour = at / HOUR % 24.0;
        let away = (hour - peak).abs().min(24.0 - (hour - peak).abs());
        if world.draw.chance(1.0 - 0.85 * away / 12.0) {
            return at;
        }
    }
    from
}

fn ends_calls(world: &mut World, of: &Gateway) {
    world.begin_fraud("gateway");
    let stack = if world.draw.chance(0.7) { world.new_stack() } else { world.known_stack() };
    let first = world.host(Place::Home, stack);
    let is_account = world.draw.chance(0.4);
    let from = world.draw.within(1.0..1.5) * DAY;
    let conduct = Conduct {
        answered: world.draw.within(0.48..0.62),
        talk: world.draw.within(120.0..170.0),
        spread: world.draw.within(0.8..1.1),
        gives_up: 0.6,
    };
    let mut senders: Vec<(Caller, String)> = Vec::new();
    for _ in 0..of.numbers {
        let number = world.plan.local(&mut world.draw);
        let host: Host = if of.has_addresses { world.host(Place::Home, stack) } else { first };
        let own = world.plan.own(&number);
        if is_account {
            world.register(&own, host, from - 1800.0..END, 3600.0);
        }
        let identity = if is_account { Identity::Account(own.clone()) } else { Identity::Outside };
        let user = if is_account { own.clone() } else { world.plan.shown(&number) };
        senders.push((Caller { user, host, identity }, own));
    }
    let (again, back) = (world.draw.within(0.0..0.06), world.draw.within(0.0..0.01));
    let peak = world.draw.within(0.0..24.0);
    let mut called: Vec<String> = Vec::new();
    for _ in 0..of.calls {
        let at = match of.is_by_day {
            true => world.busy_time(from..END),
            false => hour_abroad(world, from, peak),
        };
        if of.is_by_day && !(8.0..21.0).contains(&(at / HOUR % 24.0)) {
            continue;
        }
        let number = match world.draw.chance(again) && !called.is_empty() {
            true => world.draw.one_of(&called),
            false => world.plan.local(&mut world.draw),
        };
        let place = world.draw.count(0..=of.numbers - 1) as usize;
        let Some((caller, own)) = senders.get(place).cloned() else { return };
        let (to, end) = (world.plan.dialled(&number, Habit::Usual), world.end(&conduct));
        world.begin_fraud("gateway");
        world.add(at, &caller, &to, end);
        called.push(number.clone());
        if world.draw.chance(back) {
            world.begin_group("called_back");
            let (people, person) = (world.people, world.outside(&number));
            let end = world.end(&people);
            let later = at + world.draw.within(60.0..7200.0);
            world.add(later, &person, &own, end);
        }
    }
}

fn gateway(world: &mut World) {
    let (numbers, calls) = (world.draw.count(20..=45), world.draw.size(600..=1400));
    ends_calls(world, &Gateway { numbers, calls, is_by_day: false, has_addresses: false });
}

fn small_gateway(world: &mut World) {
    let (numbers, calls) = (world.draw.count(4..=10), world.draw.size(300..=600));
    ends_calls(world, &Gateway { numbers, calls, is_by_day: false, has_addresses: false });
}

fn large_gateway(world: &mut World) {
    let (numbers, calls) = (world.draw.count(80..=200), world.draw.size(1500..=3500));
    ends_calls(world, &Gateway { numbers, calls, is_by_day: false, has_addresses: false });
}

fn gateway_by_day(world: &mut World) {
    let (numbers, calls) = (world.draw.count(15..=45), world.draw.size(600..=1400));
    ends_calls(world, &Gateway { numbers, calls, is_by_day: true, has_addresses: false });
}

fn gateway_address_per_sim(world: &mut World) {
    let (numbers, calls) = (world.draw.count(20..=45), world.draw.size(600..=1400));
    ends_calls(world, &Gateway { numbers, calls, is_by_day: false, has_addresses: true });
}
