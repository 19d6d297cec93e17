//! What one lookup of a number costs, and the memory of all numbering plans: the table of `docs/analyses.md`.
//!
//!     cargo run --release -p bellwether-testkit --example numbering [FILE]
//!
//! With a file of numbers, one a line, it prints what is known of each instead.
#![expect(clippy::print_stdout, reason = "an example that measures itself")]

use std::hint::black_box;
use std::time::Duration;

use bellwether_enrich::{DialPlan, NumberFacts};
use bellwether_testkit::Rng;
use rustix::time::{ClockId, clock_gettime};

/// Runs of which the median is told.
const RUNS: usize = 9;
const NUMBERS: usize = 20_000;

fn main() {
    let plan = DialPlan::default();
    if let Some(path) = std::env::args().nth(1) {
        for number in std::fs::read_to_string(path).unwrap_or_default().lines() {
            let facts = NumberFacts::of(number, &plan);
            println!("{number}\t{:?}\t{}", facts.validity, facts.place.unwrap_or("-"));
        }
        return;
    }
    let before = resident();
    let mut rng = Rng::new(21);
    let first = processor();
    black_box(NumberFacts::of("+12125550188", &plan));
    println!("first number: {:.1} ms", (processor() - first).as_secs_f64() * 1e3);
    for (name, codes) in
        [("North America", &["1"][..]), ("Germany, Britain", &["49", "44"]), ("everywhere", &[])]
    {
        let numbers: Vec<String> = (0..NUMBERS).map(|_| number(codes, &mut rng)).collect();
        let mut times: Vec<f64> = (0..RUNS)
            .map(|_| {
                let start = processor();
                for number in &numbers {
                    black_box(NumberFacts::of(number, &plan));
                }
                (processor() - start).as_secs_f64() * 1e9 / NUMBERS as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{name}: {:.0} ns a number", times.get(RUNS / 2).copied().unwrap_or_default());
    }
    println!("memory: {} KiB more than before", resident().saturating_sub(before));
}

/// A number of one of these country codes, or of any.
fn number(codes: &[&str], rng: &mut Rng) -> String {
    let digits =
        |count: u64, rng: &mut Rng| (0..count).map(|_| rng.below(10).to_string()).collect::<String>();
    match codes.get(rng.below(codes.len().max(1) as u64) as usize) {
        Some(code) => format!("+{code}{}{}", 2 + rng.below(8), digits(9, rng)),
        None => {
            let count = 6 + rng.below(8);
            format!("+{}{}", 1 + rng.below(9), digits(count, rng))
        }
    }
}

/// The processor's time of this thread.
fn processor() -> Duration {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.unsigned_abs(), u32::try_from(at.tv_nsec).unwrap_or_default())
}

/// The process's memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
