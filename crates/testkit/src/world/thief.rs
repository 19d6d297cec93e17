use std::net::Ipv4Addr;

use super::builder::{Builder, millis};
use super::call::Outcome;
use super::party::Party;
use super::stacks::MAGPIE;
use super::subscribers::registers;

/// A thief with the passwords of subscribers. It registers their accounts from two addresses abroad and calls premium
/// numbers, partly in parallel and for a long time.
pub(super) fn steals(world: &mut Builder, victims: usize, calls: usize) {
    const RANGES: [&str; 4] = ["+25290", "+37190", "+67570", "+96079"];
    let sources = [Ipv4Addr::new(203, 0, 113, 140), Ipv4Addr::new(203, 0, 113, 141)];
    let victims = world.count(victims);
    let step = world.subscribers.len() / victims;
    for i in 0..victims {
        let victim = world.subscribers[i * step].clone();
        let source = sources[i % 2];
        let mut thief = Party::at(&MAGPIE, source, &victim.number, &mut world.rng);
        thief.at.set_port(5060 + 2 * i as u16);
        thief.inner = thief.at;
        let begins = 0.08 + 0.8 * i as f64 / victims as f64;
        registers(world, &thief, 120, begins, begins + 0.1);
        let mut seconds = 60.0;
        let range = RANGES[world.rng.below(4) as usize];
        for _ in 0..world.count(calls) {
            let at = world.moment(begins) + millis(seconds);
            seconds += 15.0 + 60.0 * world.rng.uniform();
            let to = format!("{range}{}", 100_000 + world.rng.below(300));
            let mut call = world.call(at, "thief", thief.clone(), &to);
            call.is_fraud = true;
            call.account = Some(victim.number.clone());
            world.ends_as_humans_do(&mut call, 0.75, 260.0);
            if let Outcome::Answered { caller_hangs_up, .. } = &mut call.outcome {
                *caller_hangs_up = true;
            }
            world.push(call);
        }
    }
}
