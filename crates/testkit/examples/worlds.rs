//! Writes a synthetic capture of honest and fraudulent callers with its ground truth, for measuring detection.
//!
//!     cargo run --release -p bellwether-testkit --example worlds -- OUTDIR SEED [KIND] [short|full|none] [SCALE]
//!
//! KIND is specific (default), shared, trunk or thief. OUTDIR gets world.pcap, truth.jsonl, inventory.csv, bellwether.toml.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example that prints a summary and stops on write errors"
)]

use std::fs::{File, create_dir_all, write};
use std::io::BufWriter;
use std::path::Path;

use bellwether_testkit::{WORLD_CONFIG, World, WorldKind, WorldMedia, WorldOptions};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, seed, rest @ ..] = &*args else {
        println!("usage: worlds OUTDIR SEED [specific|shared|trunk|thief] [short|full|none] [SCALE]");
        return;
    };
    let kind = rest.first().map_or("specific", |kind| kind);
    let kind = WorldKind::ALL.into_iter().find(|k| k.name() == kind).unwrap();
    let mut options = WorldOptions::new(kind, seed.parse().unwrap());
    options.media = match rest.get(1).map(String::as_str) {
        Some("full") => WorldMedia::Full,
        Some("none") => WorldMedia::None,
        _ => WorldMedia::Short,
    };
    options.scale = rest.get(2).map_or(1.0, |scale| scale.parse().unwrap());
    let world = World::new(options);
    let folder = Path::new(folder);
    create_dir_all(folder).unwrap();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join("world.pcap")).unwrap());
    let frames = world.write_capture(&mut file).unwrap();
    write(folder.join("truth.jsonl"), world.truth()).unwrap();
    write(folder.join("inventory.csv"), world.inventory()).unwrap();
    write(folder.join("bellwether.toml"), WORLD_CONFIG).unwrap();
    println!("| actor | calls | answered |\n|---|---|---|");
    for (actor, calls, answered) in world.actors() {
        println!("| {actor} | {calls} | {answered} |");
    }
    println!("\n{frames} frames");
}
