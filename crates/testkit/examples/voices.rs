//! Influence of the speaker: recorded voices through one device, against classes learned from other voices.
//!
//!     scripts/voices [FOLDER]      makes the voices with espeak-ng and runs this
//!     cargo run --release -p bellwether-testkit --example voices FOLDER
//!
//! FOLDER holds raw files, one per voice: 16 bits, little-endian, 8,000 samples a second.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "an example's main")]

use bellwether_acoustics::{Classes, FEATURES, Mode, SilenceAnalysis, features};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{DeviceMode, Impairment, PAPERS_DEVICES, Rng, Speaker, spoken_call, voiced_call};

/// The device of all voices, as in the paper's table 3.
const THROUGH: (&str, &str) = ("Polycom 331", "handset");

fn learned(law: Law) -> Classes {
    let mut modes = Vec::new();
    for (i, device) in PAPERS_DEVICES.iter().enumerate() {
        let mut calls: Vec<([f64; FEATURES], f64)> = Vec::new();
        for unit in 0..3 {
            let mut rng = Rng::new((i * 97 + unit) as u64 + 1);
            let own: DeviceMode = device.unit(&mut rng);
            for _ in 0..4 {
                let speaker = Speaker::drawn(&mut rng);
                let packets =
                    spoken_call(own.call(&mut rng), speaker, law, 30, Impairment::default(), &mut rng);
                let mut analysis = SilenceAnalysis::new(law);
                packets.iter().for_each(|packet| analysis.packet(packet));
                calls.extend(analysis.pauses().map(|pauses| (features(&pauses), 1.0)));
            }
        }
        modes.extend(Mode::learn(device.device, device.mode, law, &calls));
    }
    Classes::new(&modes)
}

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let device = *PAPERS_DEVICES.iter().find(|d| (d.device, d.mode) == THROUGH).unwrap();
    println!("| voice | law | packets of noise | energy | offset | class | confidence |");
    println!("|---|---|---|---|---|---|---|");
    for law in [Law::Mu, Law::A] {
        let classes = learned(law);
        for file in &files {
            let octets = std::fs::read(file).unwrap();
            let voice: Vec<i16> = octets.as_chunks().0.iter().map(|s| i16::from_le_bytes(*s)).collect();
            let mut rng = Rng::new(voice.len() as u64);
            let unit = device.unit(&mut rng).call(&mut rng);
            let mut analysis = SilenceAnalysis::new(law);
            voiced_call(unit, &voice, law, &mut rng).iter().for_each(|packet| analysis.packet(packet));
            let pauses = analysis.pauses().unwrap();
            let (class, confidence) = match classes.compare(&pauses).result {
                Ok(found) => (format!("{} {}", found.class, found.mode), format!("{:.3}", found.confidence)),
                Err(reason) => (reason.words(), "-".to_owned()),
            };
            println!(
                "| {} | {law:?} | {} | {:.2e} | {:.2e} | {class} | {confidence} |",
                file.file_stem().unwrap_or_default().to_string_lossy(),
                pauses.packets,
                pauses.energy + pauses.dc_offset * pauses.dc_offset,
                pauses.dc_offset
            );
        }
    }
}
