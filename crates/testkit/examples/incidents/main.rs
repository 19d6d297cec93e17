//! Writes captures of fraud that is no robocall campaign, and of honest activity that resembles it.
//!
//!     cargo run --release -p bellwether-testkit --example incidents -- FOLDER [SEEDS [KIND...]]
//!     cargo run --release -p bellwether-testkit --example incidents -- kinds
//!
//! Each world is a provider's site of three days with accounts, registrations and calls of its own. The kind adds a
//! fraud or an honest twin, mostly on the third day. All parameters are drawn for each seed. There is no media.
//!
//! - FOLDER: gets KIND-SEED.pcap and KIND-SEED.truth.jsonl. The truth has an object for each call, in order of time:
//!   `call_id`, `label` (`fraud` or `legit`), `campaign` (a name, or null) and `group`, the party that calls.
//! - SEEDS: the number of worlds for each kind (1), numbered from the environment's `FIRST_SEED` (1)
//! - KIND: names of kinds (all)
//! - kinds: prints a JSON object for each kind with its class and its campaigns. A campaign's `share` is the part of
//!   its calls that may pass before an incident, and `least` a number of calls that may pass in any case.
#![expect(clippy::print_stdout, reason = "an example that prints its kinds")]

mod capture;
mod countries;
mod fraud;
mod kinds;
mod model;
mod plan;
mod registrar;
mod relay;
mod sip;
mod site;
mod stack;
mod twins;
mod world;

use std::path::Path;

use bellwether_testkit::{Draw, PcapFormat, chosen, first_seed, write_pcap};
use kinds::Kind;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, rest)) = args.split_first() else {
        return Err("usage: incidents FOLDER [SEEDS [KIND...]], or incidents kinds".into());
    };
    if folder == "kinds" {
        kinds::all().for_each(|kind| println!("{}", kind.described()));
        return Ok(());
    }
    let (seeds, names) = match rest.split_first() {
        Some((seeds, names)) => (seeds.parse()?, names),
        None => (1, rest),
    };
    let first = first_seed()?;
    std::fs::create_dir_all(folder)?;
    for kind in chosen(kinds::all(), |kind| kind.name, names)? {
        for seed in first..first.saturating_add(seeds) {
            write(Path::new(folder), kind, seed)?;
        }
    }
    Ok(())
}

/// Writes the capture of a world and its truth.
fn write(folder: &Path, kind: &Kind, seed: u64) -> std::io::Result<()> {
    let mut world = site::site(Draw::new(kind.name, seed.wrapping_mul(0x00ab_cdef_1234_5679)));
    (kind.add)(&mut world);
    let captured = capture::capture(world, seed);
    let name = format!("{}-{seed}", kind.name);
    std::fs::write(folder.join(format!("{name}.pcap")), write_pcap(&captured.frames, PcapFormat::Micro))?;
    std::fs::write(folder.join(format!("{name}.truth.jsonl")), captured.truth)
}
