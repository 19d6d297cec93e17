//! Cost of timelines: memory for a large number of devices, and time per refresh (`docs/clocks.md`).
//!
//!     cargo run --release -p bellwether-testkit --example timelines [DEVICES] [REFRESHES]
#![expect(clippy::print_stdout, clippy::disallowed_types, reason = "an example that measures itself")]

use std::time::{Duration, Instant};

use bellwether_base::{Span, Timestamp};
use bellwether_clock::{RegisterTimeline, read_clock};
use bellwether_testkit::Rng;

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);
const PERIOD_NS: i64 = 25_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let devices = args.next().transpose()?.unwrap_or(1_000_000);
    let refreshes = args.next().transpose()?.unwrap_or(40);
    let mut rng = Rng::new(1);
    let before = resident_mib()?;
    let mut timelines = vec![RegisterTimeline::default(); devices];
    let mut taken = Duration::ZERO;
    // In order of time, as at a sensor: all first refreshes precede the second ones.
    for round in 0..refreshes {
        let delays: Vec<i64> = (0..devices).map(|_| rng.below(3_000_000) as i64).collect();
        let began = Instant::now();
        for (timeline, delay) in timelines.iter_mut().zip(&delays) {
            let at = START + Span::from_nanos(round as i64 * PERIOD_NS + delay);
            timeline.refresh(at, (round > 0).then(|| Span::from_nanos(PERIOD_NS - 20_000_000 + delay)));
        }
        taken += began.elapsed();
    }
    let resident = resident_mib()? - before;
    let began = Instant::now();
    let some = 1000.min(devices);
    let read = timelines.iter().take(some).filter(|t| read_clock(&t.segments(), None).is_ok()).count();
    let reading = began.elapsed();
    let each = taken.as_secs_f64() / (devices * refreshes) as f64;
    println!(
        "{devices} timelines of {refreshes} refreshes: {resident:.0} MiB, {:.0} octets each",
        resident * 1_048_576.0 / devices as f64
    );
    println!(
        "a refresh: {:.3} us; reading a clock: {:.0} us ({read} of {some} read)",
        each * 1e6,
        reading.as_secs_f64() * 1e6 / some as f64
    );
    Ok(())
}

/// Resident memory of this process, in MiB (proc(5)).
fn resident_mib() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
