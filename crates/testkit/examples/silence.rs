//! Accuracy of device class recognition against ground truth: the tables of `docs/silence.md`.
//!
//!     cargo run --release -p bellwether-testkit --example silence [CALLS]
#![expect(clippy::print_stdout, reason = "an example's main")]

use std::collections::BTreeMap;

use bellwether_acoustics::{Classes, Comparison, Pauses, SilenceAnalysis};
use bellwether_devices::Lessons;
use bellwether_rtp::g711::Law;
use bellwether_testkit::{DeviceMode, Impairment, PAPERS_DEVICES, Rng, Speaker, Surroundings, spoken_call};

/// Units per device for learning.
const UNITS: usize = 6;
/// Calls per unit for learning.
const LEARNED: usize = 4;

const CLEAN: Impairment =
    Impairment { surroundings: Surroundings::Quiet, loss: 0.0, is_dtx: false, is_transcoded: false };

const CONDITIONS: [(&str, Impairment); 5] = [
    ("clean", CLEAN),
    ("5 % loss", Impairment { loss: 0.05, ..CLEAN }),
    ("DTX", Impairment { is_dtx: true, ..CLEAN }),
    ("DTX, 5 % loss", Impairment { loss: 0.05, is_dtx: true, ..CLEAN }),
    ("other law on the way", Impairment { is_transcoded: true, ..CLEAN }),
];

/// The noise profile of one call, and the paper's two numbers.
struct Heard {
    device: DeviceMode,
    pauses: Option<Pauses>,
    papers: Option<(f64, f64)>,
    /// Heap memory of the analysis at its end, in octets.
    octets: usize,
}

fn heard(device: DeviceMode, unit: DeviceMode, law: Law, how: Impairment, rng: &mut Rng) -> Heard {
    let packets = spoken_call(unit.call(rng), Speaker::drawn(rng), law, 30, how, rng);
    let mut analysis = SilenceAnalysis::new(law);
    packets.iter().for_each(|packet| analysis.packet(packet));
    let papers = analysis.profile().map(|p| (p.dc_offset, p.energy));
    let octets = analysis.heap_bytes() + size_of::<SilenceAnalysis>();
    Heard { device, pauses: analysis.pauses(), papers, octets }
}

/// Returns true for modes that the model cannot distinguish: offset and level differ by less than between units.
fn is_alike(a: &DeviceMode, b: &DeviceMode) -> bool {
    let level = |m: &DeviceMode| (m.energy + 1e-10).ln();
    let dc = (a.dc_offset - b.dc_offset).abs() < 0.05 * a.dc_offset.abs().max(b.dc_offset.abs()) + 1e-6;
    dc && (level(a) - level(b)).abs() < 0.5 && a.colour == b.colour && a.hum == b.hum
}

/// Returns true if the class fits the call's mode or an indistinguishable one.
fn is_right(of: &DeviceMode, class: &str) -> bool {
    of.device == class || PAPERS_DEVICES.iter().any(|other| other.device == class && is_alike(of, other))
}

/// Returns true if no other device resembles this mode.
fn is_distinguishable(mode: &DeviceMode) -> bool {
    !PAPERS_DEVICES.iter().any(|other| other.device != mode.device && is_alike(mode, other))
}

/// The calls for learning.
fn teaching(law: Law) -> Vec<Heard> {
    let mut out = Vec::new();
    for (i, device) in PAPERS_DEVICES.iter().enumerate() {
        for unit in 0..UNITS {
            let mut rng = Rng::new((i * 97 + unit) as u64 + 1);
            let own = device.unit(&mut rng);
            for call in 0..LEARNED {
                // Some labelled calls have senders that stop in pauses.
                let how = Impairment { is_dtx: call == 0, ..Impairment::default() };
                out.push(heard(*device, own, law, how, &mut rng));
            }
        }
    }
    out
}

fn learned(taught: &[Heard], without: Option<&str>) -> Classes {
    let mut lessons = Lessons::default();
    for call in taught.iter().filter(|call| Some(call.device.device) != without) {
        if let Some(pauses) = &call.pauses {
            lessons.add_labelled(call.device.device, Some(call.device.mode), pauses);
        }
    }
    Classes::new(&lessons.learn())
}

/// The paper's method: nearest neighbour by offset and level alone.
fn nearest(known: &[(DeviceMode, f64, f64)], (dc, energy): (f64, f64)) -> Option<&DeviceMode> {
    let distance = |(_, d, e): &&(DeviceMode, f64, f64)| {
        let level = ((energy + 1e-10) / (e + 1e-10)).ln() / 0.15;
        let offset = (dc - d) / (0.03 * d.abs() + 1e-6);
        level * level + offset * offset
    };
    known.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|(device, ..)| device)
}

fn papers(taught: &[Heard]) -> Vec<(DeviceMode, f64, f64)> {
    let mean = |device: &DeviceMode| {
        let own: Vec<(f64, f64)> =
            taught.iter().filter(|call| call.device == *device).filter_map(|call| call.papers).collect();
        let n = own.len() as f64;
        let sums = own.iter().fold((0.0, 0.0), |(d, e), (dc, energy)| (d + dc, e + energy));
        (!own.is_empty()).then_some((*device, sums.0 / n, sums.1 / n))
    };
    PAPERS_DEVICES.iter().filter_map(mean).collect()
}

fn tested(law: Law, how: Impairment, calls: usize, seed: u64) -> Vec<Heard> {
    let mut out = Vec::new();
    for (i, device) in PAPERS_DEVICES.iter().enumerate() {
        for call in 0..calls {
            let mut rng = Rng::new(1_000_000 + seed * 10_007 + (i * 1009 + call) as u64);
            let unit = device.unit(&mut rng);
            out.push(heard(*device, unit, law, how, &mut rng));
        }
    }
    out
}

/// Area under the ROC curve: the probability that a known sample is more similar than an unknown one.
fn area(known: &[f64], strangers: &[f64]) -> f64 {
    let wins = |k: &f64| {
        strangers
            .iter()
            .map(|s| {
                if k > s {
                    1.0
                } else if k == s {
                    0.5
                } else {
                    0.0
                }
            })
            .sum::<f64>()
    };
    known.iter().map(wins).sum::<f64>() / (known.len() * strangers.len()).max(1) as f64
}

/// The results of the tables for one law.
struct Table {
    recognised: Vec<String>,
    confused: BTreeMap<String, u32>,
    strangers: Vec<String>,
    octets: Vec<usize>,
}

fn table(law: Law, calls: usize) -> Table {
    let taught = teaching(law);
    let (classes, known) = (learned(&taught, None), papers(&taught));
    let mut table = Table {
        recognised: Vec::new(),
        confused: BTreeMap::new(),
        strangers: Vec::new(),
        octets: Vec::new(),
    };
    let mut clean = Vec::new();
    for (c, (name, how)) in CONDITIONS.into_iter().enumerate() {
        let all = tested(law, how, calls, c as u64);
        table.octets.extend(all.iter().map(|call| call.octets));
        for is_clear in [true, false] {
            let some = all.iter().filter(|call| is_distinguishable(&call.device) == is_clear);
            let (mut n, mut right, mut wrong, mut papers_right, mut sure, mut sure_right) =
                (0, 0, 0, 0, 0, 0);
            for call in some {
                n += 1;
                let nearest = call.papers.and_then(|papers| nearest(&known, papers));
                papers_right += u32::from(nearest.is_some_and(|d| is_right(&call.device, d.device)));
                let Some(Comparison { result: Ok(found), .. }) =
                    call.pauses.as_ref().map(|p| classes.compare(p))
                else {
                    continue;
                };
                let is_right = is_right(&call.device, &found.class);
                right += u32::from(is_right);
                wrong += u32::from(!is_right);
                if !is_right {
                    let pair = format!("{} {} as {}", call.device.device, call.device.mode, found.class);
                    *table.confused.entry(pair).or_default() += 1;
                }
                if found.confidence >= 0.95 {
                    sure += 1;
                    sure_right += u32::from(is_right);
                }
            }
            let share = |k: u32| 100.0 * f64::from(k) / f64::from(n.max(1));
            table.recognised.push(format!(
                "| {law:?} | {name} | {} | {n} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} of {sure} |",
                if is_clear { "distinguishable" } else { "alike" },
                share(right),
                share(wrong),
                100.0 - share(right) - share(wrong),
                share(papers_right),
                100.0 * f64::from(sure_right) / f64::from(sure.max(1)),
            ));
        }
        if c == 0 {
            clean = all;
        }
    }
    let mut devices: Vec<&str> = PAPERS_DEVICES.iter().map(|d| d.device).collect();
    devices.dedup();
    let (mut all_known, mut all_strangers) = (Vec::new(), Vec::new());
    for device in devices {
        let classes = learned(&taught, Some(device));
        let (mut known, mut strangers, mut refused) = (Vec::new(), Vec::new(), 0);
        for call in &clean {
            let Some(pauses) = &call.pauses else { continue };
            let found = classes.compare(pauses);
            if call.device.device != device {
                known.push(found.likeness);
            } else if is_distinguishable(&call.device) {
                refused += u32::from(found.result.is_err());
                strangers.push(found.likeness);
            }
        }
        if !strangers.is_empty() {
            table.strangers.push(format!(
                "| {law:?} | {device} | {} | {:.1} | {:.4} |",
                strangers.len(),
                100.0 * f64::from(refused) / strangers.len() as f64,
                area(&known, &strangers)
            ));
        }
        all_known.extend(known);
        all_strangers.extend(strangers);
    }
    let all = area(&all_known, &all_strangers);
    table.strangers.push(format!("| {law:?} | all | {} | | {all:.4} |", all_strangers.len()));
    table
}

fn main() {
    let calls = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10);
    let tables = std::thread::scope(|scope| {
        let one = scope.spawn(|| table(Law::Mu, calls));
        let other = table(Law::A, calls);
        one.join().map(|one| [one, other])
    });
    let Ok(tables) = tables else { return };
    println!(
        "| law | condition | device-modes | calls | right % | wrong % | none % | paper's rule: right % | at 0.95 and more: right % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    tables.iter().flat_map(|t| &t.recognised).for_each(|line| println!("{line}"));
    println!("\nTaken for another: {:?}", tables.each_ref().map(|t| &t.confused));
    println!("\n| law | left out | calls | not called any other's % | area under the curve |");
    println!("|---|---|---|---|---|");
    tables.iter().flat_map(|t| &t.strangers).for_each(|line| println!("{line}"));
    let octets: Vec<usize> = tables.iter().flat_map(|t| &t.octets).copied().collect();
    let mean = octets.iter().sum::<usize>() as f64 / octets.len().max(1) as f64;
    println!(
        "\nMemory behind an analysis at its end: {mean:.0} octets on average, {} at most.",
        octets.iter().max().unwrap_or(&0)
    );
}
