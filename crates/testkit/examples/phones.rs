//! Writes simulated speech through units of some devices, to be played by real programs (`scripts/record-noise`).
//!
//!     cargo run --release -p bellwether-testkit --example phones FOLDER SECONDS
//!
//! FOLDER gets DEVICE-MODE-UNIT.wav with 16 bits at 8,000 samples a second. All values are exact in mu-law, so that a
//! program with mu-law adds no noise.
#![expect(clippy::unwrap_used, reason = "an example's main")]

use std::path::Path;

use bellwether_rtp::g711::Law;
use bellwether_testkit::{DeviceMode, Impairment, PAPERS_DEVICES, Rng, Speaker, spoken_call};

const PHONES: [(&str, &str); 5] = [
    ("Polycom 331", "handset"),
    ("Cisco SPA 525G", "hands-free"),
    ("Aastra 57i", "hands-free"),
    ("Panasonic KX-TGP550", "cordless"),
    ("softphone 1", "computer"),
];

const UNITS: u64 = 2;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap();
    let seconds: usize = arguments.next().unwrap().parse().unwrap();
    for (i, (device, mode)) in PHONES.into_iter().enumerate() {
        let of_device = |d: &&DeviceMode| (d.device, d.mode) == (device, mode);
        let model = PAPERS_DEVICES.iter().find(of_device).unwrap();
        for unit in 1..=UNITS {
            let mut rng = Rng::new(7000 + 10 * i as u64 + unit);
            let own = model.unit(&mut rng).call(&mut rng);
            let speaker = Speaker::drawn(&mut rng);
            let packets = spoken_call(own, speaker, Law::Mu, seconds, Impairment::default(), &mut rng);
            let linear = Law::Mu.linear();
            let samples: Vec<u8> =
                packets.iter().flatten().flat_map(|code| linear[usize::from(*code)].to_le_bytes()).collect();
            let name = format!("{device}-{mode}-{unit}.wav").replace(' ', "-");
            std::fs::write(Path::new(&folder).join(name), wave(&samples)).unwrap();
        }
    }
}

/// A RIFF file of 16-bit samples, one channel, 8,000 a second.
fn wave(samples: &[u8]) -> Vec<u8> {
    let len = samples.len() as u32;
    let mut out = Vec::with_capacity(samples.len() + 44);
    out.extend(b"RIFF");
    out.extend((len + 36).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    out.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    out.extend([8000_u32, 16_000].map(u32::to_le_bytes).concat());
    out.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    out.extend(b"data");
    out.extend(len.to_le_bytes());
    out.extend(samples);
    out
}
