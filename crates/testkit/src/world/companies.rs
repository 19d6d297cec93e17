//! Honest sources of many calls.

use bellwether_base::Span;

use super::builder::{Builder, millis};
use super::call::{CallPlan, Outcome, Says};
use super::party::Party;
use super::passport::Attest;
use super::speech::Talker;
use super::stack::{Stack, uuid};

/// PBXes of one product, each with its own address and 10 to 50 recurring numbers.
pub(super) fn exchanges(world: &mut Builder, stack: &'static Stack, count: usize, calls: usize) {
    for i in 0..count {
        let ip = world.address([198, 18]);
        let size = 10 + world.rng.below(41);
        let numbers = world.numbers.block(size, &mut world.rng);
        let origid = uuid(&mut world.rng);
        let agent = Party::at(stack, ip, "", &mut world.rng).agent;
        let known: Vec<String> = (0..30).map(|_| world.numbers.any(&mut world.rng)).collect();
        let actor = format!("pbx-{}-{}", stack.name, i + 1);
        let count = (world.count(calls) as f64 * (0.5 + world.rng.uniform())) as usize;
        for _ in 0..count.max(1) {
            // A few extensions make most of the calls.
            let which = (size as f64 * world.rng.uniform().powi(2)) as usize;
            let mut caller = Party::at(stack, ip, &numbers[which], &mut world.rng);
            caller.agent.clone_from(&agent);
            caller.display = Some(format!("{:03}", 200 + which));
            let to = match world.rng.below(4) {
                0 => world.some_subscriber(),
                1 => world.numbers.any(&mut world.rng),
                _ => known[world.rng.below(known.len() as u64) as usize].clone(),
            };
            let at = world.human_moment();
            let mut call = world.call(at, &actor, caller, &to);
            call.asserts = true;
            call.attest =
                Some(Attest { level: 'A', origid: origid.clone(), signer: "example", stolen: None });
            world.ends_as_humans_do(&mut call, 0.65, 110.0);
            world.push(call);
        }
    }
}

/// The path of a company's calls.
#[derive(Clone, Copy)]
pub(super) enum Through {
    /// An address of its own, with this program.
    Itself(&'static Stack),
    /// A carrier's session border controller.
    Carrier,
}

/// A call centre with a predictive dialler. It makes hundreds of calls an hour to new callees, with few answers and
/// many short calls. It has eight numbers of its own and human agents.
pub(super) fn call_centre(world: &mut Builder, through: Through, calls: usize) {
    let numbers = world.numbers.block(8, &mut world.rng);
    let ip = world.address([198, 18]);
    let agents: Vec<Talker> = (0..25).map(|_| Talker::drawn(&mut world.rng)).collect();
    let origid = uuid(&mut world.rng);
    let count = world.count(calls);
    let agent = match through {
        Through::Itself(stack) => Party::at(stack, ip, "", &mut world.rng).agent,
        Through::Carrier => String::new(),
    };
    for i in 0..count {
        let part = (i as f64 + world.rng.uniform()) / count as f64;
        let at = world.moment(0.02 + 0.96 * part);
        let number = &numbers[world.rng.below(8) as usize];
        let mut caller = match through {
            Through::Itself(stack) => {
                Party { agent: agent.clone(), ..Party::at(stack, ip, number, &mut world.rng) }
            }
            Through::Carrier => world.carrier(0, number),
        };
        caller.display = Some("Northgate Research".to_owned());
        let to = match world.rng.below(5) {
            0 => world.some_subscriber(),
            _ => world.numbers.national(&mut world.rng),
        };
        let mut call = world.call(at, "call-centre", caller, &to);
        call.asserts = true;
        let signer = if matches!(through, Through::Carrier) { "carrier-a" } else { "example" };
        call.attest = Some(Attest { level: 'A', origid: origid.clone(), signer, stolen: None });
        dials_predictively(world, &mut call, &agents);
        world.push(call);
    }
}

fn dials_predictively(world: &mut Builder, call: &mut CallPlan, agents: &[Talker]) {
    world.ends_as_humans_do(call, 0.35, 90.0);
    if let Outcome::Answered { lasts, caller_hangs_up } = &mut call.outcome {
        // No agent is free, or the callee has no time.
        if world.rng.below(5) < 2 {
            (*lasts, *caller_hangs_up) = (millis(2.0 + 10.0 * world.rng.uniform()), world.rng.below(4) == 0);
        }
        let agent = agents[world.rng.below(agents.len() as u64) as usize];
        call.caller_says = Says::Human(agent, 4000 + world.rng.below(16_000) as usize);
    } else if matches!(call.outcome, Outcome::Cancelled) {
        call.rings = Span::from_millis(20_000 + world.rng.below(1500) as i64);
    }
}

/// People in other networks who call subscribers through the carriers, once or twice each.
pub(super) fn callers_elsewhere(world: &mut Builder, calls: usize) {
    let mut left = world.count(calls);
    while left > 0 {
        let number = world.numbers.any(&mut world.rng);
        let which = world.rng.below(2) as usize;
        let attest = world.attestation(which);
        let to = world.some_subscriber();
        let display = (world.rng.below(3) == 0).then(|| super::party::name(&mut world.rng));
        for _ in 0..(1 + world.rng.below(2) as usize).min(left) {
            let caller = Party { display: display.clone(), ..world.carrier(which, &number) };
            let at = world.human_moment();
            let mut call = world.call(at, "caller-elsewhere", caller, &to);
            call.asserts = true;
            call.attest.clone_from(&attest);
            world.ends_as_humans_do(&mut call, 0.65, 100.0);
            world.push(call);
            left -= 1;
        }
    }
}
