//! Calls of known devices in surroundings that their microphones hear: is the surroundings named, and is anybody taken for
//! another device?

use bellwether_acoustics::{NoClass, Unsteady};
use bellwether_testkit::Surroundings;

use crate::world::World;
use crate::{learned, share};

/// Calls that teach each class.
const LESSONS: usize = 10;

pub(crate) fn print(worlds: &[World], seeds: &[u64]) {
    println!(
        "| surroundings | calls | room % | gain_control % | unlike_all % | ambiguous % | right % | wrong % | wrong at 0.95 % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for kind in [Surroundings::Quiet].into_iter().chain(Surroundings::ALL) {
        let (mut calls, mut counts) = (0, [0_usize; 7]);
        for (world, seed) in worlds.iter().zip(seeds) {
            let classes = learned(&world.taught, LESSONS, false);
            for (device, pauses) in world.calls_in(kind, *seed) {
                let Some(pauses) = pauses else { continue };
                calls += 1;
                let place = match classes.compare(&pauses).result {
                    Err(NoClass::Surroundings(Unsteady::Room)) => 0,
                    Err(NoClass::Surroundings(Unsteady::GainControl)) => 1,
                    Err(NoClass::Ambiguous(_)) => 3,
                    Err(_) => 2,
                    Ok(found) if world.taught[device].is_right(&found.class) => 4,
                    Ok(found) => {
                        counts[6] += usize::from(found.confidence >= 0.95);
                        5
                    }
                };
                counts[place] += 1;
            }
        }
        let columns = counts.map(|count| format!("{:.1}", share(count, calls)));
        println!("| {} | {calls} | {} |", kind.name(), columns.join(" | "));
    }
}
