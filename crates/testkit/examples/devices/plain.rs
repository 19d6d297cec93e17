//! The paper's method: the nearest device by offset and level alone.

use bellwether_acoustics::Pauses;

use crate::world::{Taught, World};

/// The largest distance at which a device is accepted: three deviations in each of both.
const NEAR: f64 = 18.0;

fn distance(known: (f64, f64), pauses: &Pauses) -> f64 {
    let level = ((pauses.energy + 1e-10) / (known.1 + 1e-10)).ln() / 0.15;
    let offset = (pauses.dc_offset - known.0) / (0.03 * known.0.abs() + 1e-6);
    level * level + offset * offset
}

fn mean(device: &Taught, calls: usize) -> (f64, f64) {
    let own: Vec<&Pauses> = device.lessons.iter().flatten().take(calls).collect();
    let n = own.len().max(1) as f64;
    let sum = |of: &dyn Fn(&Pauses) -> f64| own.iter().map(|pauses| of(pauses)).sum::<f64>() / n;
    (sum(&|pauses| pauses.dc_offset), sum(&|pauses| pauses.energy))
}

/// Right calls, all calls, accepted calls of strangers, all calls of strangers.
pub(crate) fn nearest(worlds: &[World], calls: usize) -> (usize, usize, usize, usize) {
    let mut count = (0, 0, 0, 0);
    for world in worlds {
        let known: Vec<(f64, f64)> = world.taught.iter().map(|device| mean(device, calls)).collect();
        let best = |pauses: &Pauses| {
            let of = |i: &usize| distance(known[*i], pauses);
            (0..known.len()).min_by(|a, b| of(a).total_cmp(&of(b))).map(|i| (i, of(&i)))
        };
        for device in &world.taught {
            for pauses in device.tested.iter().flatten() {
                count.1 += 1;
                count.0 +=
                    usize::from(best(pauses).is_some_and(|(i, _)| device.is_right(&world.taught[i].class)));
            }
        }
        for pauses in world.strangers.iter().flat_map(|stranger| stranger.calls.iter().flatten()) {
            count.3 += 1;
            count.2 += usize::from(best(pauses).is_some_and(|(_, distance)| distance < NEAR));
        }
    }
    count
}
