use bellwether_base::{Ppm, Span};

use crate::{Delay, Discipline, Timer};

use super::builder::{Builder, Item};
use super::call::address;
use super::party::{Party, name};
use super::register::RegisterPlan;
use super::stack::{Fields, Stack, fill};

/// Adds subscribers with devices of one kind.
pub(super) fn subscribe(world: &mut Builder, stack: &'static Stack, count: usize, is_behind_nat: f64) {
    for _ in 0..world.count(count) {
        let number = world.numbers.own(&mut world.rng);
        let at = address([100, 64], world.subscribers.len() as u64);
        let mut party = Party::at(stack, at, &number, &mut world.rng);
        if world.rng.uniform() < is_behind_nat {
            party = party.behind_nat(&mut world.rng);
        }
        if world.rng.below(3) > 0 {
            party.display = Some(name(&mut world.rng));
        }
        world.add_subscriber(party.clone());
        const PERIODS: [u32; 8] = [60, 120, 300, 300, 600, 1800, 3600, 3600];
        let expires = PERIODS[world.rng.below(8) as usize];
        registers(world, &party, expires, 0.0, 1.0);
    }
}

/// A device's refreshes between two moments of the world.
pub(super) fn registers(world: &mut Builder, party: &Party, expires: u32, from: f64, to: f64) {
    let rng = &mut world.rng;
    let host = party.inner.ip().to_string();
    let fields = Fields { pairs: vec![("host", &*host)], ..Fields::default() };
    let call_id = fill(party.stack.call_id, &fields, rng);
    let tag = fill(party.stack.tag, &fields, rng);
    let period = f64::from(expires) * if party.stack.has_qop { 0.9 } else { 0.5 };
    let round_trip = Span::from_millis(8 + rng.below(60) as i64);
    let timer = Timer {
        period: Span::from_nanos((period * 1e9) as i64),
        skew: Ppm(25.0 * rng.normal()),
        discipline: if party.stack.has_qop { Discipline::Restart } else { Discipline::Periodic },
        delay: Delay::Exponential(Span::from_millis(6), Span::from_millis(2)),
        round_trip,
        lateness: Span::from_millis(1),
    };
    let length = (to - from) * world.hours * 3600.0;
    let first = length.min(period) * rng.uniform();
    let refreshes = 1 + ((length - first) / period) as usize;
    let mut cseq = party.stack.cseq.0;
    let nonce = rng.hex(32);
    // Some devices send credentials unasked, others are challenged each time.
    let is_always_challenged = !party.stack.has_qop;
    let begin = world.moment(from) + Span::from_nanos((first * 1e9) as i64);
    let times = timer.refreshes(begin, refreshes, &mut world.rng);
    for (i, at) in times.into_iter().enumerate() {
        let is_challenged = i == 0 || is_always_challenged;
        world.items.push(Item::Register(Box::new(RegisterPlan {
            at,
            device: party.clone(),
            call_id: call_id.clone(),
            tag: tag.clone(),
            cseq,
            expires,
            is_challenged,
            round_trip,
            nonce: nonce.clone(),
            seed: world.rng.bits(),
        })));
        cseq += 1 + u32::from(is_challenged);
    }
}

/// The subscribers' calls: each calls a few people repeatedly, under its own number.
pub(super) fn subscribers_call(world: &mut Builder, each: f64) {
    for index in 0..world.subscribers.len() {
        let party = world.subscribers[index].clone();
        let known: Vec<String> = (0..2 + world.rng.below(5))
            .map(|_| match world.rng.below(3) {
                0 => world.some_subscriber(),
                _ => world.numbers.any(&mut world.rng),
            })
            .filter(|number| *number != party.number)
            .collect();
        let calls = (2.0 * each * world.rng.uniform()).round() as usize;
        for _ in 0..calls {
            let to = match known.get(world.rng.below(known.len() as u64 + 1) as usize) {
                Some(to) => to.clone(),
                None => world.numbers.any(&mut world.rng),
            };
            let at = world.human_moment();
            let mut call = world.call(at, "subscriber", party.clone(), &to);
            call.account = Some(party.number.clone());
            world.ends_as_humans_do(&mut call, 0.65, 100.0);
            world.push(call);
        }
    }
}
