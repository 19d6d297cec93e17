//! Recognition of device classes in worlds of devices drawn at random: the second table of `docs/silence.md`.
//!
//!     cargo run --release -p bellwether-testkit --example devices [FIRST_SEED] [WORLDS]
#![expect(clippy::print_stdout, reason = "an example's main")]

mod plain;
mod surroundings;
mod world;

use bellwether_acoustics::{Classes, Comparison};
use bellwether_devices::Lessons;

use world::{Taught, World};

/// The share of strangers among the calls of the figures.
const STRANGERS: f64 = 0.2;

/// A claim about one call: the claimed class, the set, the confidence, and whether they are right.
struct Claim {
    is_stranger: bool,
    is_near: bool,
    is_right: bool,
    is_in_set: bool,
    is_named: bool,
    confidence: f64,
    /// Larger for calls that a taught class explains.
    known: f64,
}

/// Learns classes from the first calls of each device.
fn learned(taught: &[Taught], calls: usize, wrong: bool) -> Classes {
    let mut lessons = Lessons::default();
    let mut count = 0;
    for (i, device) in taught.iter().enumerate() {
        for pauses in device.lessons.iter().flatten().take(calls) {
            count += 1;
            // A tenth of the labels names another device.
            let named = if wrong && count % 10 == 0 { &taught[(i + 7) % taught.len()] } else { device };
            lessons.add_labelled(&named.class, None, pauses);
        }
    }
    Classes::new(&lessons.learn())
}

fn claim(found: &Comparison, is_right: impl Fn(&str) -> bool, (is_stranger, is_near): (bool, bool)) -> Claim {
    let named = found.result.as_ref().ok();
    let set = &found.set;
    Claim {
        is_stranger,
        is_near,
        is_right: !set.is_empty()
            && (named.is_some_and(|named| is_right(&named.class))
                || set.iter().all(|of| is_right(&of.class))),
        is_in_set: set.len() <= 3 && set.iter().any(|of| is_right(&of.class)),
        is_named: named.is_some(),
        confidence: named.map_or(0.0, |named| named.confidence),
        known: found.likeness,
    }
}

/// All claims about the calls of a world.
fn claims(world: &World, calls: usize, wrong: bool) -> Vec<Claim> {
    let classes = learned(&world.taught, calls, wrong);
    let mut out = Vec::new();
    for device in &world.taught {
        for pauses in device.tested.iter().flatten() {
            out.push(claim(&classes.compare(pauses), |class| device.is_right(class), (false, false)));
        }
    }
    for stranger in &world.strangers {
        for pauses in stranger.calls.iter().flatten() {
            out.push(claim(&classes.compare(pauses), |_| false, (true, stranger.is_near)));
        }
    }
    out
}

fn share(of: usize, all: usize) -> f64 {
    100.0 * of as f64 / all.max(1) as f64
}

/// Area under the ROC curve: the probability that a known call is more like its class than a stranger's.
fn area(claims: &[Claim]) -> f64 {
    let known: Vec<f64> = claims.iter().filter(|c| !c.is_stranger).map(|c| c.known).collect();
    let strangers: Vec<f64> = claims.iter().filter(|c| c.is_stranger).map(|c| c.known).collect();
    let wins = |k: &f64| strangers.iter().map(|s| f64::from(k > s) + 0.5 * f64::from(k == s)).sum::<f64>();
    known.iter().map(wins).sum::<f64>() / (known.len() * strangers.len()).max(1) as f64
}

/// The weight of a call in figures with a share of strangers.
fn weight(claim: &Claim, strangers: usize, all: usize) -> f64 {
    let known = all - strangers;
    if claim.is_stranger {
        STRANGERS / strangers.max(1) as f64
    } else {
        (1.0 - STRANGERS) / known.max(1) as f64
    }
}

fn row(name: &str, claims: &[Claim]) -> String {
    let known = claims.iter().filter(|c| !c.is_stranger).count();
    let strangers = claims.len() - known;
    let count = |which: &dyn Fn(&Claim) -> bool| claims.iter().filter(|c| which(c)).count();
    let right = count(&|c| !c.is_stranger && c.is_right);
    let in_set = count(&|c| !c.is_stranger && c.is_in_set);
    let wrong = count(&|c| !c.is_stranger && c.is_named && !c.is_right);
    let accepted = count(&|c| c.is_stranger && c.confidence >= 0.95);
    let near = count(&|c| c.is_near);
    let near_accepted = count(&|c| c.is_near && c.confidence >= 0.95);
    let sum = |which: &dyn Fn(&Claim) -> bool| -> f64 {
        claims.iter().filter(|c| which(c)).map(|c| weight(c, strangers, claims.len())).sum()
    };
    let sure = sum(&|c| c.confidence >= 0.95);
    let sure_right = sum(&|c| c.confidence >= 0.95 && c.is_right);
    let named = sum(&|c| c.is_named);
    let mut off = 0.0;
    for bin in 0..10 {
        let in_bin = |c: &Claim| c.is_named && ((c.confidence * 10.0) as usize).min(9) == bin;
        let here = sum(&in_bin);
        let right = sum(&|c| in_bin(c) && c.is_right);
        let told: f64 = claims
            .iter()
            .filter(|c| in_bin(c))
            .map(|c| weight(c, strangers, claims.len()) * c.confidence)
            .sum();
        if here > 0.0 {
            off += (told - right).abs();
        }
    }
    format!(
        "| {name} | {known} | {:.1} | {:.1} | {:.1} | {:.1} of {strangers} | {:.1} of {near} | {:.4} | {:.1} | {:.1} | {:.3} |",
        share(right, known),
        share(in_set, known),
        share(wrong, known),
        share(accepted, strangers),
        share(near_accepted, near),
        area(claims),
        100.0 * sure / (1.0 - STRANGERS),
        100.0 * sure_right / sure.max(1e-9),
        off / named.max(1e-9),
    )
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (first, worlds) = (arguments.next().unwrap_or(1), arguments.next().unwrap_or(6));
    let seeds: Vec<u64> = (first..first + worlds).collect();
    let (first, second) = seeds.split_at(seeds.len() / 2);
    let made = std::thread::scope(|scope| {
        let other = scope.spawn(|| second.iter().map(|seed| World::new(*seed)).collect::<Vec<_>>());
        let mut all: Vec<World> = first.iter().map(|seed| World::new(*seed)).collect();
        all.extend(other.join().unwrap_or_default());
        all
    });
    println!(
        "| training | calls | right % | in set % | wrong % | strangers at 0.95 % | near strangers at 0.95 % | area | claims at 0.95 % | of them right % | calibration error |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (name, calls, wrong) in [
        ("1 call", 1, false),
        ("3 calls", 3, false),
        ("3 calls, a tenth wrong", 3, true),
        ("10 calls", 10, false),
        ("10 calls, a tenth wrong", 10, true),
    ] {
        let all: Vec<Claim> = made.iter().flat_map(|world| claims(world, calls, wrong)).collect();
        println!("{}", row(name, &all));
    }
    println!();
    surroundings::print(&made, &seeds);
    let (right, all, strange, strangers) = plain::nearest(&made, 3);
    println!(
        "\nThe paper's rule, three calls: {:.1} % right, {:.1} % of strangers accepted.",
        share(right, all),
        share(strange, strangers)
    );
}
