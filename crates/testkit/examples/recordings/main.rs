//! Measures how recordings are known again, on a corpus that `scripts/recordings-corpus` makes.
//!
//! ```text
//! cargo run --release -p bellwether-testkit --example recordings -- FOLDER WHAT...
//! WHAT: tune     mean and deviation of the coefficients of a word, as constants.rs
//!       same     the same recording under each impairment, by seconds heard of the recording itself
//!       false    unrelated recordings that match
//!       firms    eight firms with common words
//!       openings recordings with a personal opening
//!       classes  sounds that give no word
//!       cost     nanoseconds for each packet
//!       stock    the announcements and music of PBX packages, as crates/acoustics/src/recordings/stock.words
//!       stocked  how the stock is recognised, and what is taken for it
//!       index    100,000 recordings: memory, and how many are found again
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example's main")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "an example that measures")]
#![expect(clippy::disallowed_types, reason = "it measures time")]

mod calls;
mod corpus;
mod impairments;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use bellwether_acoustics::recordings::{
    Likeness, Listener, PRINT_CAPACITY, Played, Print, Recordings, Sound, Stock, Voice, Word, compare,
    stock_octets, study,
};
use bellwether_base::{RecordingId, Side, Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::Rng;

use calls::{Ends, ear, parallel, play};
use corpus::Piece;
use impairments::{ALL, Impairment, Material, clipped, faster, white};

/// Seconds heard, of the tables.
const HEARD: [f64; 5] = [2.0, 3.0, 5.0, 10.0, 20.0];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, tables)) = arguments.split_first() else {
        println!("usage: recordings FOLDER tune|same|false|firms|openings|classes|cost|index...");
        return;
    };
    let pieces = corpus::read(Path::new(folder));
    for table in tables {
        match &**table {
            "tune" => tune(&pieces),
            "same" => same(&pieces),
            "false" => unrelated(&pieces),
            "firms" => firms(&pieces),
            "openings" => openings(&pieces),
            "classes" => classes(&pieces),
            "cost" => cost(&pieces),
            "stock" => stock(Path::new(folder)),
            "stocked" => stocked(&pieces, Path::new(folder)),
            "index" => index(&pieces),
            other => println!("no table {other}"),
        }
    }
}

fn is_voice(piece: &&Piece) -> bool {
    piece.kind == "speech" || piece.kind == "people"
}

fn tune(pieces: &[Piece]) {
    let ear = ear();
    let tuned: Vec<&Piece> = pieces.iter().filter(is_voice).filter(|piece| piece.is_tuned).collect();
    let rows: Vec<[f32; 64]> = parallel(&tuned, |piece| {
        let codes: Vec<u8> = piece.samples.iter().map(|sample| Law::A.encode(*sample)).collect();
        study(&ear, Law::A, &codes).iter().map(|syllable| syllable.coefficients).collect::<Vec<_>>()
    })
    .concat();
    let count = rows.len() as f64;
    let sum = |of: &dyn Fn(&[f32; 64]) -> f64| rows.iter().map(of).sum::<f64>() / count;
    let mean: Vec<f64> = (0..64).map(|i| sum(&|row| f64::from(row[i]))).collect();
    let deviation: Vec<f64> =
        (0..64).map(|i| sum(&|row| (f64::from(row[i]) - mean[i]).powi(2)).sqrt()).collect();
    println!("// {} syllables of {} recordings", rows.len(), tuned.len());
    for (name, values) in [("MEAN", mean), ("DEVIATION", deviation)] {
        println!("{name}: {}", values.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(", "));
    }
}

/// A row of the table of impairments: calls heard of each length, by column.
fn same(pieces: &[Piece]) {
    let ear = ear();
    let voices: Vec<&Piece> = pieces.iter().filter(is_voice).collect();
    let coded: Vec<&Piece> = pieces.iter().filter(|piece| piece.kind == "codec").collect();
    let material = Material { others: voices.clone(), coded: coded.clone() };
    // Recordings with coded copies, and others of each voice.
    let mut of_voice: BTreeMap<&str, usize> = BTreeMap::new();
    let chosen: Vec<&Piece> = voices
        .iter()
        .copied()
        .filter(|piece| {
            let count = of_voice.entry(&piece.voice).or_default();
            *count += 1;
            *count <= 12 || coded.iter().any(|copy| copy.source == piece.file)
        })
        .collect();
    let clean: Vec<Print> = parallel(&chosen, |piece| {
        play(&ear, &piece.samples, Ends { seconds: 20.0, loss: 0.0 }, &mut Rng::new(1)).print
    });
    let columns = [("speech", true), ("people", true), ("speech", false), ("people", false)];
    print!("| impairment |");
    for (kind, is_tuned) in columns {
        let count = chosen.iter().filter(|piece| piece.kind == kind && piece.is_tuned == is_tuned).count();
        print!(" {kind}, {} ({count}) |", if is_tuned { "tuned on" } else { "left out" });
    }
    println!("\n|---|---|---|---|---|");
    for (number, (name, impairment)) in ALL.iter().enumerate() {
        let items: Vec<(&Piece, &Print)> = chosen.iter().copied().zip(&clean).collect();
        let known: Vec<Option<[bool; 5]>> = parallel(&items, |(piece, clean)| {
            let mut rng = Rng::new(
                1000 * number as u64 + piece.samples.len() as u64 + u64::from(piece.samples[9000] as u16),
            );
            let impaired = impairment.of(piece, &material, &mut rng)?;
            Some(HEARD.map(|seconds| {
                let ends = Ends { seconds: seconds + impaired.lead, loss: impaired.loss };
                let heard = play(&ear, &impaired.samples, ends, &mut rng.clone());
                compare(clean, &heard.print).likeness() == Some(Likeness::SameRecording)
            }))
        });
        print!("| {name} |");
        for (kind, is_tuned) in columns {
            let of_column = items
                .iter()
                .zip(&known)
                .filter(|((piece, _), _)| piece.kind == kind && piece.is_tuned == is_tuned);
            let known: Vec<[bool; 5]> = of_column.filter_map(|(_, known)| *known).collect();
            for i in 0..HEARD.len() {
                let share = known.iter().filter(|known| known[i]).count() as f64 / known.len().max(1) as f64;
                print!(" {:.0}", 100.0 * share);
            }
            print!(" |");
        }
        println!();
    }
}

fn unrelated(pieces: &[Piece]) {
    let ear = ear();
    let voices: Vec<&Piece> = pieces.iter().filter(is_voice).collect();
    let full: Vec<Print> = parallel(&voices, |piece| {
        play(&ear, &piece.samples, Ends { seconds: 20.0, loss: 0.0 }, &mut Rng::new(1)).print
    });
    for seconds in [5.0, 10.0, 20.0] {
        let noisy: Vec<Print> = parallel(&voices, |piece| {
            let mut rng = Rng::new(piece.samples.len() as u64 + u64::from(piece.samples[9000] as u16));
            let mut samples: Vec<f64> = piece.samples.iter().map(|s| f64::from(*s)).collect();
            white(&mut samples, 20.0, &mut rng);
            play(&ear, &clipped(&samples), Ends { seconds, loss: 0.0 }, &mut rng).print
        });
        let numbers: Vec<usize> = (0..voices.len()).collect();
        let rows: Vec<BTreeMap<&str, [u64; 6]>> = parallel(&numbers, |i| {
            let mut counts: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
            for j in (0..voices.len()).filter(|j| j != i) {
                let (a, b) = (voices[*i], voices[j]);
                let kind = match (a.voice == b.voice, a.kind == "people" || b.kind == "people") {
                    (true, true) => "people, one speaker",
                    (true, false) => "synthetic, one voice",
                    (false, true) => "people against others",
                    (false, false) => "synthetic, other voices",
                };
                let found = compare(&full[*i], &noisy[j]);
                let score = f64::from(found.score) / 256.0;
                let count = counts.entry(kind).or_default();
                count[0] += 1;
                for (place, least) in count[1..5].iter_mut().zip([12.0, 14.0, 18.0, 24.0]) {
                    *place += u64::from(score >= least);
                }
                let is_same = found.likeness() == Some(Likeness::SameRecording);
                count[5] += u64::from(is_same);
                if is_same && kind != "people, one speaker" {
                    eprintln!("{} {} score {score:.1} pairs {} at {seconds} s", a.file, b.file, found.pairs);
                }
            }
            counts
        });
        println!(
            "\n| pairs, one of {seconds} s | n | s >= 12 | >= 14 | >= 18 | >= 24 | same recording |\n|---|---|---|---|---|---|---|"
        );
        let mut all: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
        for (kind, counts) in rows.iter().flatten() {
            all.entry(kind).or_default().iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        for (kind, counts) in all {
            println!("| {kind} | {} |", counts.map(|count| count.to_string()).join(" | "));
        }
    }
}

fn firms(pieces: &[Piece]) {
    let ear = ear();
    let seconds = [6.0, 8.0, 10.0, 12.0, 15.0, 20.0];
    println!("\n| eight firms, one voice | {} |", seconds.map(|s| format!("{s} s")).join(" | "));
    let mut voices: BTreeMap<&str, Vec<&Piece>> = BTreeMap::new();
    for piece in pieces.iter().filter(|piece| piece.kind == "firm") {
        voices.entry(&piece.voice).or_default().push(piece);
    }
    for (voice, firms) in voices {
        let shares = seconds.map(|seconds| {
            let prints: Vec<Print> = parallel(&firms, |piece| {
                play(
                    &ear,
                    &piece.samples,
                    Ends { seconds, loss: 0.0 },
                    &mut Rng::new(piece.samples.len() as u64),
                )
                .print
            });
            let (mut joined, mut all) = (0, 0);
            for (i, a) in prints.iter().enumerate() {
                for (_, b) in prints.iter().enumerate().filter(|(j, _)| *j != i) {
                    all += 1;
                    joined += u32::from(compare(a, b).likeness() == Some(Likeness::SameRecording));
                }
            }
            format!("{:.0}", 100.0 * f64::from(joined) / f64::from(all.max(1)))
        });
        println!("| {voice} | {} |", shares.join(" | "));
    }
}

/// Ten calls of each text, each with another name, speed, level, noise, law, start, and 4 to 7 s heard.
fn openings(pieces: &[Piece]) {
    let ear = ear();
    let of = |kind: &'static str, voice: String| {
        pieces.iter().filter(move |p| p.kind == kind && p.voice == voice).collect::<Vec<_>>()
    };
    let voices: std::collections::BTreeSet<&str> =
        pieces.iter().filter(|piece| piece.kind == "opening").map(|piece| &*piece.voice).collect();
    println!(
        "\n| voice | name | pairs matched | in the largest piece | pairs of other texts |\n|---|---|---|---|---|"
    );
    for voice in voices {
        let (texts, names) = (of("example", voice.to_owned()), of("opening", voice.to_owned()));
        for has_name in [false, true] {
            let calls: Vec<(usize, usize)> =
                (0..texts.len()).flat_map(|t| (0..10).map(move |n| (t, n))).collect();
            let prints: Vec<Print> = parallel(&calls, |(text, name)| {
                let mut rng = Rng::new(100 * *text as u64 + *name as u64);
                let mut samples: Vec<f64> = Vec::new();
                if has_name && !names.is_empty() {
                    samples.extend(
                        names[(10 * text + name) % names.len()].samples.iter().map(|s| f64::from(*s)),
                    );
                }
                samples.extend(texts[*text].samples.iter().map(|s| f64::from(*s)));
                let mut samples = faster(&samples, 0.95 + 0.1 * rng.uniform());
                let gain = 10_f64.powf((-8.0 + 12.0 * rng.uniform()) / 20.0);
                samples.iter_mut().for_each(|s| *s *= gain);
                white(&mut samples, 10.0, &mut rng);
                samples.splice(..0, vec![0.0; rng.below(8000) as usize]);
                let seconds = 4.0 + 3.0 * rng.uniform();
                play(&ear, &clipped(&samples), Ends { seconds, loss: 0.0 }, &mut rng).print
            });
            let (mut same, mut pairs, mut other, mut others, mut largest) = (0, 0, 0, 0, 0);
            for text in 0..texts.len() {
                let of_text: Vec<usize> = (0..prints.len()).filter(|i| calls[*i].0 == text).collect();
                let mut piece: Vec<usize> = (0..of_text.len()).collect();
                for (x, i) in of_text.iter().enumerate() {
                    for (y, j) in of_text.iter().enumerate().filter(|(y, _)| *y > x) {
                        pairs += 1;
                        if compare(&prints[*i], &prints[*j]).likeness() == Some(Likeness::SameRecording) {
                            same += 1;
                            let (from, into) = (piece[y], piece[x]);
                            piece.iter_mut().filter(|p| **p == from).for_each(|p| *p = into);
                        }
                    }
                }
                largest +=
                    (0..of_text.len()).map(|p| piece.iter().filter(|q| **q == p).count()).max().unwrap_or(0);
            }
            for i in 0..prints.len() {
                for j in (0..i).filter(|j| calls[*j].0 != calls[i].0) {
                    others += 1;
                    other += u32::from(
                        compare(&prints[i], &prints[j]).likeness() == Some(Likeness::SameRecording),
                    );
                }
            }
            println!(
                "| {voice} | {} | {:.0} % | {:.0} % | {other} of {others} |",
                if has_name { "yes" } else { "no" },
                100.0 * f64::from(same) / f64::from(pairs.max(1)),
                100.0 * largest as f64 / prints.len().max(1) as f64
            );
        }
    }
}

/// Recordings, words, and recordings by sound.
type Class = (u32, usize, BTreeMap<Sound, u32>);

fn classes(pieces: &[Piece]) {
    let ear = ear();
    let mut kinds: BTreeMap<(&str, &str), Class> = BTreeMap::new();
    let items: Vec<&Piece> = pieces
        .iter()
        .filter(|piece| ["speech", "people", "music", "signal"].contains(&&*piece.kind))
        .collect();
    let heard = parallel(&items, |piece| {
        play(&ear, &piece.samples, Ends { seconds: 20.0, loss: 0.0 }, &mut Rng::new(3))
    });
    for (piece, heard) in items.iter().zip(&heard) {
        let (count, words, sounds) = kinds.entry((&piece.kind, &piece.voice)).or_default();
        *count += 1;
        *words += heard.print.len();
        *sounds.entry(heard.sound).or_default() += 1;
        if piece.kind == "signal" && !heard.print.is_empty() {
            println!("words of a signal: {} {} {}", piece.file, piece.text, heard.print.len());
        }
    }
    println!("\n| kind | voice | recordings | words each | classes |\n|---|---|---|---|---|");
    for ((kind, voice), (count, words, sounds)) in kinds {
        let sounds: Vec<String> = sounds.iter().map(|(sound, n)| format!("{} {n}", sound.name())).collect();
        println!(
            "| {kind} | {voice} | {count} | {:.1} | {} |",
            words as f64 / f64::from(count),
            sounds.join(", ")
        );
    }
}

fn cost(pieces: &[Piece]) {
    let ear = ear();
    let voices: Vec<&Piece> = pieces.iter().filter(is_voice).take(200).collect();
    let codes: Vec<Vec<u8>> =
        voices.iter().map(|piece| piece.samples.iter().map(|s| Law::A.encode(*s)).collect()).collect();
    for round in 0..5 {
        let start = Instant::now();
        let (mut packets, mut words) = (0, 0);
        for codes in &codes {
            let mut listener = Listener::new(Law::A);
            for (i, packet) in codes.chunks(160).enumerate() {
                packets += 1;
                let voice = Voice { codes: packet, ticks: 160 * i as u32, is_after_loss: false };
                if listener.packet(&ear, &voice) {
                    break;
                }
            }
            words += listener.finish(&ear).print.len();
        }
        let nanoseconds = start.elapsed().as_nanos() as f64 / f64::from(packets);
        println!(
            "round {round}: {nanoseconds:.0} ns for each of {packets} packets, {words} words of at most {}",
            PRINT_CAPACITY * codes.len()
        );
    }
}

fn played(print: &Print, name: i64, secs: i64) -> Played<'_> {
    Played {
        print,
        player: Side::Caller,
        name: RecordingId::new(name),
        source: name as u64,
        at: Timestamp::from_nanos(0) + Span::from_secs(secs),
    }
}

/// Seconds of an announcement, and words of it. Shorter ones are parts of what a PBX says.
const ANNOUNCEMENT: f64 = 4.0;
const ANNOUNCEMENT_WORDS: usize = 10;

/// Words from one piece of music to the next: a caller hears it from anywhere.
const MUSIC_STEP: usize = 24;

/// The files of the packages that are long enough: true for music, and the samples.
fn packaged(folder: &Path) -> Vec<(bool, Vec<i16>)> {
    let list = std::fs::read_to_string(folder.join("stock.txt")).unwrap();
    let files = list.lines().filter_map(|line| {
        let [path, seconds, file] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let octets = std::fs::read(folder.join(file)).ok()?;
        let samples = octets.as_chunks::<2>().0.iter().map(|octets| i16::from_le_bytes(*octets)).collect();
        (seconds.parse::<f64>().ok()? >= ANNOUNCEMENT).then_some((path.contains("/moh/"), samples))
    });
    files.collect()
}

/// Writes the stock.
fn stock(folder: &Path) {
    let (ear, files) = (ear(), packaged(folder));
    let pieces: Vec<Vec<Vec<u8>>> = parallel(&files, |(is_music, samples)| {
        let codes: Vec<u8> = samples.iter().map(|sample| Law::Mu.encode(*sample)).collect();
        let syllables = study(&ear, Law::Mu, &codes);
        let step = if *is_music { MUSIC_STEP } else { usize::MAX };
        let starts = (0..syllables.len().saturating_sub(ANNOUNCEMENT_WORDS)).step_by(step);
        starts.map(|start| stock_octets(&syllables[start..])).collect()
    });
    let octets: Vec<u8> = pieces.iter().flatten().flatten().copied().collect();
    std::fs::write("crates/acoustics/src/recordings/stock.words", &octets).unwrap();
    println!("{} pieces of {} files, {} octets", pieces.iter().flatten().count(), files.len(), octets.len());
}

/// Plays the stock with noise of 20 dB: announcements from their beginning, music from anywhere. And what is no stock.
fn stocked(pieces: &[Piece], folder: &Path) {
    let ear = ear();
    let is_found = |print: &Print| {
        let mut recordings = Recordings::new(1).with_stock(Stock::new(&ear));
        recordings.identify(&played(print, i64::MAX, 0)).is_some_and(|found| found.is_stock)
    };
    let files: Vec<(bool, Vec<i16>)> = packaged(folder);
    for (name, is_meant) in [("announcements", false), ("music", true)] {
        let meant: Vec<&(bool, Vec<i16>)> =
            files.iter().filter(|(is_music, _)| *is_music == is_meant).collect();
        let numbers: Vec<(usize, usize)> =
            (0..meant.len()).flat_map(|i| (0..if is_meant { 20 } else { 1 }).map(move |j| (i, j))).collect();
        let found = parallel(&numbers, |(i, j)| {
            let mut rng = Rng::new((100 * i + j) as u64);
            let samples = &meant[*i].1;
            let latest = if is_meant { samples.len().saturating_sub(20 * impairments::RATE) } else { 0 };
            let start = rng.below(latest as u64 + 1) as usize;
            let mut samples: Vec<f64> = samples[start..].iter().map(|s| f64::from(*s)).collect();
            samples.truncate(20 * impairments::RATE);
            white(&mut samples, 20.0, &mut rng);
            let heard = play(&ear, &clipped(&samples), Ends { seconds: 20.0, loss: 0.0 }, &mut rng);
            (heard.print.len(), is_found(&heard.print))
        });
        let count = found.iter().filter(|(words, _)| *words >= 8).count();
        println!(
            "{name}: {} of {count} with eight words are stock",
            found.iter().filter(|(n, f)| *f && *n >= 8).count()
        );
    }
    // The prompts of Asterisk are pieces of the stock.
    let others: Vec<&Piece> =
        pieces.iter().filter(is_voice).filter(|piece| !piece.voice.starts_with("asterisk")).collect();
    let taken = parallel(&others, |piece| {
        is_found(&play(&ear, &piece.samples, Ends { seconds: 20.0, loss: 0.0 }, &mut Rng::new(1)).print)
    });
    println!("others: {} of {} are stock", taken.iter().filter(|is_stock| **is_stock).count(), taken.len());
}

/// Recordings in the index of the table.
const INDEXED: i64 = 100_000;

fn index(pieces: &[Piece]) {
    let ear = ear();
    let voices: Vec<&Piece> = pieces.iter().filter(is_voice).collect();
    let clean: Vec<Print> = parallel(&voices, |piece| {
        play(&ear, &piece.samples, Ends { seconds: 20.0, loss: 0.0 }, &mut Rng::new(1)).print
    });
    let before = resident_kib();
    let mut recordings = Recordings::new(INDEXED as usize);
    for (name, print) in (1..).zip(&clean) {
        recordings.identify(&played(print, name, 0));
    }
    // The others have the words of no voice, evenly spread like those of voices.
    let mut rng = Rng::new(9);
    let start = Instant::now();
    for name in clean.len() as i64 + 1..=INDEXED {
        let mut print = Print::default();
        let count = 20 + rng.below(PRINT_CAPACITY as u64 - 19);
        for word in 0..count {
            print.push(Word { bits: rng.bits(), at: (150 * word + rng.below(100)) as u16 });
        }
        recordings.identify(&played(&print, name, 1));
    }
    let filled = start.elapsed().as_micros() as f64 / (INDEXED - clean.len() as i64) as f64;
    println!(
        "\n{} recordings: {} MiB; {filled:.0} us for each new one",
        recordings.len(),
        (resident_kib() - before) / 1024
    );
    for (name, impairment) in [
        ("clean", Impairment::None),
        ("white noise 10 dB", Impairment::White(10.0)),
        ("speed +-5 %", Impairment::Speed(5.0)),
    ] {
        let material = Material { others: voices.clone(), coded: Vec::new() };
        for seconds in [5.0, 10.0] {
            let calls: Vec<Print> = parallel(&voices, |piece| {
                let mut rng = Rng::new(u64::from(piece.samples[9000] as u16));
                let impaired = impairment.of(piece, &material, &mut rng).unwrap();
                play(&ear, &impaired.samples, Ends { seconds, loss: 0.0 }, &mut rng).print
            });
            let (mut right, mut wrong, mut compared) = (0, 0, 0);
            let start = Instant::now();
            for (number, print) in (1..).zip(&calls) {
                // A name of its own would make the call known.
                let found = recordings.identify(&played(print, number, 2));
                let is_known = found.as_ref().is_some_and(|found| found.known_by.is_some());
                right += u32::from(
                    is_known && found.as_ref().is_some_and(|found| found.recording.get() == number),
                );
                wrong += u32::from(is_known && found.is_some_and(|found| found.recording.get() != number));
            }
            let spent = start.elapsed().as_micros() as f64 / calls.len() as f64;
            for (clean, print) in clean.iter().zip(&calls) {
                compared += u32::from(compare(clean, print).likeness() == Some(Likeness::SameRecording));
            }
            println!(
                "{name}, {seconds} s: {right} of {} found, {wrong} as another one; {compared} match if compared; {spent:.0} us each",
                calls.len()
            );
        }
    }
}

/// Memory of this process in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
