//! Accuracy of clock readings against ground truth: the table of `docs/clocks.md`.
//!
//!     cargo run --release -p bellwether-testkit --example clocks [RUNS]
#![expect(clippy::print_stdout, reason = "an example's main")]

use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_clock::{
    Discipline as Read, Reading, RegisterTimeline, RoundTrip, Tolerance, Verdict, compare_clocks, read_clock,
};
use bellwether_testkit::{Delay, Discipline, Rng, Timer};

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);
const PERIOD_S: i64 = 25;

/// Microseconds and milliseconds.
const fn us(n: i64) -> Span {
    Span::from_nanos(n * 1000)
}
const fn ms(n: i64) -> Span {
    Span::from_millis(n)
}

/// Network paths by name. The number is the standard deviation in seconds from the Fisher information of one point,
/// or 0 without a closed form.
const PATHS: [(&str, Delay, f64); 6] = [
    ("gaussian 2 ms", Delay::Gaussian(ms(20), ms(2)), 2e-3),
    ("exponential 2 ms", Delay::Exponential(ms(10), ms(2)), 0.0),
    // Gamma's location: scale * sqrt(shape - 2).
    ("gamma 3, 0.6 ms", Delay::Gamma(ms(5), 3, us(600)), 0.6e-3),
    ("gamma 4, 0.8 ms", Delay::Gamma(ms(8), 4, us(800)), 1.131e-3),
    ("LTE-like", Delay::Spiky(ms(20), (4, us(1200)), 0.1, (ms(40), ms(120))), 0.0),
    ("spiky", Delay::Spiky(ms(5), (3, us(600)), 0.05, (ms(100), ms(500))), 0.0),
];

#[derive(Default)]
struct Cell {
    squares: f64,
    own: f64,
    given: u32,
    covered: u32,
    right: u32,
    wrong: u32,
}

/// The clock reading of a device on a path.
fn observed(path: (Discipline, Delay), skew: Ppm, seconds: i64, loss: f64, rng: &mut Rng) -> Option<Reading> {
    observed_over_step(path, skew, seconds, loss, (0, Span::ZERO), rng)
}

/// The same with a longer route for all packets after a number of seconds.
fn observed_over_step(
    (discipline, delay): (Discipline, Delay),
    skew: Ppm,
    seconds: i64,
    loss: f64,
    (step_at_s, longer): (i64, Span),
    rng: &mut Rng,
) -> Option<Reading> {
    let timer = Timer {
        period: Span::from_secs(PERIOD_S),
        skew,
        discipline,
        delay,
        round_trip: ms(4),
        lateness: ms(1),
    };
    let cycles = timer.cycles(START, (seconds / PERIOD_S + 1) as usize, rng);
    let mut timeline = RegisterTimeline::default();
    let (mut answered, mut trips) = (None, Vec::new());
    let stepped_at = START + Span::from_secs(step_at_s);
    for cycle in cycles {
        if rng.uniform() < loss {
            answered = None;
            continue;
        }
        let at = if cycle.at > stepped_at { cycle.at + longer } else { cycle.at };
        timeline.refresh(at, answered.map(|answered| at.since(answered)));
        answered = Some(cycle.answered_at);
        trips.push(delay.draw(rng) + delay.draw(rng));
    }
    read_clock(&timeline.segments(), round_trip(&trips)).ok()
}

/// The sensor's statistics of round trips: the minimum, and the median of the latest eight.
fn round_trip(trips: &[Span]) -> Option<RoundTrip> {
    let mut latest = trips.iter().rev().take(8).copied().collect::<Vec<_>>();
    let middle = middle(&mut latest)?;
    let mut off: Vec<Span> =
        latest.iter().map(|trip| Span::from_nanos((trip.as_nanos() - middle.as_nanos()).abs())).collect();
    let off = self::middle(&mut off)?;
    Some(RoundTrip {
        shortest: trips.iter().copied().min()?,
        seen: trips.len() as u32,
        middle: (latest.len() >= 4).then_some((middle, off)),
    })
}

fn middle(spans: &mut [Span]) -> Option<Span> {
    spans.sort_unstable();
    spans.get(spans.len() / 2).copied()
}

fn cell(discipline: Discipline, delay: Delay, seconds: i64, loss: f64, runs: u32) -> Cell {
    let mut cell = Cell::default();
    for run in 0..runs {
        let mut rng = Rng::new(u64::from(run) << 32 | seconds as u64);
        let skew = 200.0 * (rng.uniform() - 0.5);
        let Some(reading) = observed((discipline, delay), Ppm(skew), seconds, loss, &mut rng) else {
            continue;
        };
        let is_right = match discipline {
            Discipline::Periodic => reading.discipline == Read::Periodic,
            Discipline::Restart => reading.discipline == Read::Restart,
            Discipline::Randomised => reading.discipline == Read::Randomised,
        };
        cell.right += u32::from(is_right);
        cell.wrong += u32::from(!is_right && reading.discipline != Read::Undetermined);
        cell.squares += (reading.slope.skew.0 - skew).powi(2);
        if let Ok(read) = reading.skew {
            cell.given += 1;
            cell.own += (read.skew.0 - skew).powi(2);
            cell.covered += u32::from(read.ci95.0.0 <= skew && skew <= read.ci95.1.0);
        }
    }
    cell
}

/// Verdicts on pairs of observations, as shares in percent. A pair shows either one device, whose crystal drifted in
/// between, or two devices with random skews.
fn verdicts(path: (Discipline, Delay), seconds: i64, is_one_device: bool, runs: u32) -> [f64; 3] {
    let tolerance = Tolerance::default();
    let mut counts = [0_u32; 3];
    for run in 0..runs {
        let mut rng = Rng::new(u64::from(run) << 33 | (seconds as u64) << 1 | u64::from(is_one_device));
        let first = 30.0 * rng.normal();
        let base = if is_one_device { first } else { 30.0 * rng.normal() };
        let skews = [first, base].map(|skew| Ppm(skew + tolerance.drift.0 * rng.normal()));
        let [Some(a), Some(b)] = skews.map(|skew| observed(path, skew, seconds, 0.0, &mut rng)) else {
            counts[2] += 1;
            continue;
        };
        counts[match compare_clocks(&a, &b, &tolerance).verdict {
            Verdict::Same => 0,
            Verdict::Different => 1,
            Verdict::CannotTell => 2,
        }] += 1;
    }
    counts.map(|n| 100.0 * f64::from(n) / f64::from(runs))
}

fn compared(runs: u32) {
    println!(
        "\n| discipline | path | s | one device: same % | different % | cannot tell % | two devices: same % | different % | cannot tell % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for discipline in [Discipline::Periodic, Discipline::Restart] {
        for (name, delay, _) in PATHS {
            for seconds in [300, 900, 3600] {
                let [one, two] =
                    [true, false].map(|is_one| verdicts((discipline, delay), seconds, is_one, runs));
                let cells = one.iter().chain(&two).fold(String::new(), |row, v| row + &format!(" {v:.1} |"));
                println!("| {discipline:?} | {name} | {seconds} |{cells}");
            }
        }
    }
}

/// One instance of a restart timer, seen twice with a skew change of 200 ppm, on the same wired path or on another
/// one.
fn changes(runs: u32) {
    const CHANGE: f64 = 200.0;
    println!(
        "\n| first path | second path | s | error of the slope's change, ppm | of the rate's change, RMSE | 95 % within | inside its interval % |"
    );
    println!("|---|---|---|---|---|---|---|");
    let wired = [PATHS[1], PATHS[2], PATHS[3]];
    for (first, second) in wired.iter().flat_map(|a| wired.iter().map(move |b| (a, b))) {
        for seconds in [900, 3600] {
            let (mut errors, mut slope_squares, mut inside) = (Vec::new(), 0.0, 0_u32);
            for run in 0..runs {
                let mut rng = Rng::new(u64::from(run) << 32 | seconds as u64);
                let skew = 30.0 * rng.normal();
                let mut read = |path: Delay, skew| {
                    observed((Discipline::Restart, path), Ppm(skew), seconds, 0.0, &mut rng)
                };
                let (Some(a), Some(b)) = (read(first.1, skew), read(second.1, skew + CHANGE)) else {
                    continue;
                };
                let (Some(one), Some(two)) = (a.rate, b.rate) else { continue };
                let error = two.rate.0 - one.rate.0 - CHANGE;
                let half = |(low, high): (Ppm, Ppm)| (high.0 - low.0) / 2.0;
                inside += u32::from(error.abs() <= half(one.ci95).hypot(half(two.ci95)));
                slope_squares += (b.slope.skew.0 - a.slope.skew.0 - CHANGE).powi(2);
                errors.push(error.abs());
            }
            errors.sort_unstable_by(f64::total_cmp);
            let n = errors.len().max(1) as f64;
            let squares: f64 = errors.iter().map(|e| e * e).sum();
            println!(
                "| {} | {} | {seconds} | {:.0} | {:.1} | {:.1} | {:.1} |",
                first.0,
                second.0,
                (slope_squares / n).sqrt(),
                (squares / n).sqrt(),
                errors.get(errors.len() * 95 / 100).copied().unwrap_or(0.0),
                100.0 * f64::from(inside) / n,
            );
        }
    }
}

/// Schedules with a route change somewhere in the middle half of an hour.
fn steps(runs: u32) {
    println!(
        "\n| path | step ms | least squares | Bellwether | coverage % | steps found: none % | one % | more % |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, delay, _) in PATHS {
        for step_ms in [0, 3, 10, -10] {
            let (mut squares, mut own, mut covered, mut given) = (0.0, 0.0, 0_u32, 0_u32);
            let mut found = [0_u32; 3];
            for run in 0..runs {
                let mut rng = Rng::new(u64::from(run) << 32 | 3600);
                let skew = 200.0 * (rng.uniform() - 0.5);
                let at = 900 + (1800.0 * rng.uniform()) as i64;
                let path = (Discipline::Periodic, delay);
                let Some(reading) =
                    observed_over_step(path, Ppm(skew), 3600, 0.0, (at, ms(step_ms)), &mut rng)
                else {
                    continue;
                };
                squares += (reading.slope.skew.0 - skew).powi(2);
                found[reading.path_steps.min(2) as usize] += 1;
                if let Ok(read) = reading.skew {
                    given += 1;
                    own += (read.skew.0 - skew).powi(2);
                    covered += u32::from(read.ci95.0.0 <= skew && skew <= read.ci95.1.0);
                }
            }
            let share = |n: u32| 100.0 * f64::from(n) / f64::from(runs);
            println!(
                "| {name} | {step_ms} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} |",
                (squares / f64::from(runs)).sqrt(),
                (own / f64::from(given.max(1))).sqrt(),
                100.0 * f64::from(covered) / f64::from(given.max(1)),
                share(found[0]),
                share(found[1]),
                share(found[2]),
            );
        }
    }
}

fn main() {
    let runs: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(400);
    println!("{runs} runs a cell; period {PERIOD_S} s; skews uniform within 100 ppm; RMSE in ppm.\n");
    println!(
        "| discipline | path | loss | s | bound | least squares | Bellwether | coverage % | given % | discipline right % | wrong % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let (mut covered, mut given) = (0, 0);
    for discipline in [Discipline::Periodic, Discipline::Restart] {
        for (name, delay, unit) in PATHS {
            for loss in [0.0, 0.05] {
                for seconds in [300, 900, 3600] {
                    let c = cell(discipline, delay, seconds, loss, runs);
                    let n = (seconds / PERIOD_S + 1) as f64;
                    let spread = seconds as f64 * ((n + 1.0) / (12.0 * (n - 1.0))).sqrt();
                    let bound = unit / (n.sqrt() * spread) * 1e6;
                    let share = |k: u32, of: u32| 100.0 * f64::from(k) / f64::from(of.max(1));
                    println!(
                        "| {discipline:?} | {name} | {loss} | {seconds} | {} | {:.3} | {:.3} | {:.1} | {:.0} | {:.1} | {:.1} |",
                        if unit > 0.0 && discipline == Discipline::Periodic {
                            format!("{bound:.3}")
                        } else {
                            String::new()
                        },
                        (c.squares / f64::from(runs)).sqrt(),
                        (c.own / f64::from(c.given.max(1))).sqrt(),
                        share(c.covered, c.given),
                        share(c.given, runs),
                        share(c.right, runs),
                        share(c.wrong, runs),
                    );
                    if discipline == Discipline::Periodic {
                        covered += c.covered;
                        given += c.given;
                    }
                }
            }
        }
    }
    println!(
        "\nPooled coverage of periodic timers: {:.1} %.",
        100.0 * f64::from(covered) / f64::from(given.max(1))
    );
    compared(runs);
    changes(runs);
    steps(runs);
}
