//! Judges random honest and fraudulent senders, and prints the shares of their calls that are accused.
//!
//!     FIRST_SEED=1 cargo run --release -p bellwether-testkit --example senders -- [SEEDS] [KIND...]
//!
//! Each run has a site with its own lines, and one sender of a kind. Parameters of both are drawn for each
//! seed. The calls go to a fresh judge of the crate `bellwether-senders`. A call is accused if its sender
//! stands accused and the probability is 0.8 or more.
//!
//! - SEEDS: the number of runs for each kind (5), numbered from the environment's `FIRST_SEED` (1)
//! - KIND: kinds of senders (all)
//! - CAPTURES in the environment: a folder that gets the same calls as captures, with their truth, instead of a table
//!
//! Columns of the table, each a mean over the seeds unless it says something else:
//!
//! - mirror: "registers" if registrations are seen, "none" if all callers look alike
//! - calls: calls of the sender
//! - accused at the end: share of the sender's calls that the last report accuses
//! - accused at any moment: share that some report accuses
//! - worst seed: for an honest kind the largest share at any moment, for a fraudulent one the smallest at
//!   the end
//! - found after calls: calls of the sender until one is accused, in the seeds with an accused call
//! - bystanders accused: the same of honest parties whose address or number the sender uses
//! - background accused: share of the other callers' calls that some report accuses
#![expect(clippy::print_stdout, reason = "an example that prints a table")]

mod beginnings;
mod capture;
mod fraud;
mod judge;
mod kinds;
mod lines;
mod services;
mod shared;
mod site;
mod table;

use std::ops::Range;
use std::path::Path;

use bellwether_base::Span;
use bellwether_testkit::{PcapFormat, chosen, first_seed, write_pcap};
use capture::capture;
use judge::{Judged, judge};
use kinds::Kind;
use table::Totals;

/// Seeds of each kind if none are asked for.
const SEEDS: u64 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).peekable();
    let seeds = match args.next_if(|arg| arg.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(seeds) => seeds.parse()?,
        None => SEEDS,
    };
    let first = first_seed()?;
    let kinds = chosen(kinds::all(), |kind| kind.name, &args.collect::<Vec<_>>())?;
    if let Some(folder) = std::env::var_os("CAPTURES") {
        return write_captures(Path::new(&folder), &kinds, first..first.saturating_add(seeds));
    }
    let mut totals = Totals::default();
    println!("{}", table::HEADER);
    for kind in kinds {
        for has_registrations in [true, false] {
            let judged = judge_all(kind, first..first.saturating_add(seeds), has_registrations);
            println!("{}", table::row(kind, has_registrations, &judged));
            totals.add(kind, &judged);
        }
    }
    println!("\n{}", totals.in_words());
    Ok(())
}

/// Writes NAME.1.pcap, NAME.2.pcap and NAME.truth.jsonl for each kind, mirror and seed. The first part has six tenths of
/// the time.
fn write_captures(
    folder: &Path,
    kinds: &[&Kind],
    seeds: Range<u64>,
) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    for kind in kinds {
        for (has_registrations, mirror) in [(true, "registers"), (false, "none")] {
            for seed in seeds.clone() {
                let name = format!("{}-{mirror}-{seed}", kind.name);
                let captured = capture(kind, seed, has_registrations);
                let span = captured.frames.first().zip(captured.frames.last());
                let cut = span.map(|(first, last)| {
                    first.at + Span::from_nanos(last.at.since(first.at).as_nanos() / 10 * 6)
                });
                let split = cut.map_or(0, |cut| captured.frames.partition_point(|frame| frame.at < cut));
                let (before, after) = captured.frames.split_at(split);
                for (part, frames) in [("1", before), ("2", after)] {
                    let pcap = write_pcap(frames, PcapFormat::Micro);
                    std::fs::write(folder.join(format!("{name}.{part}.pcap")), pcap)?;
                }
                std::fs::write(folder.join(format!("{name}.truth.jsonl")), captured.truth)?;
            }
        }
    }
    Ok(())
}

fn judge_all(kind: &Kind, seeds: Range<u64>, has_registrations: bool) -> Vec<Judged> {
    seeds.map(|seed| judge(kind, seed, has_registrations)).collect()
}
