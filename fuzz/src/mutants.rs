//! Mutants of real captures: flipped, truncated, shuffled, spliced.

use bellwether_base::{Span, Timestamp};
use bellwether_capture::{CaptureReader, OpenError};
use bellwether_testkit::{Frame, PcapFormat, Rng, write_pcap};
use std::path::Path;

/// Maximum number of frames per capture, so that a replay is short.
const MOST: usize = 20_000;

/// The frames of a capture, up to the first unreadable one.
///
/// # Errors
/// If the file is no capture.
pub fn frames(path: &Path) -> Result<Vec<Frame>, OpenError> {
    let mut reader = CaptureReader::open(path)?;
    let mut found = Vec::new();
    while found.len() < MOST
        && let Ok(Some(record)) = reader.next()
    {
        found.push(Frame { at: record.at, bytes: record.frame.to_vec() });
    }
    Ok(found)
}

/// One mutant of a capture, as a file. `other` supplies frames for splices. Equal random numbers give equal mutants.
#[must_use]
pub fn mutant(frames: &[Frame], other: &[Frame], rng: &mut Rng) -> Vec<u8> {
    let mut frames = frames.to_vec();
    for _ in 0..=rng.below(3) {
        match rng.below(7) {
            0 => flip(&mut frames, rng),
            1 => cut(&mut frames, rng),
            2 => shuffle(&mut frames, rng),
            3 => splice_frames(&mut frames, other, rng),
            4 => splice_octets(&mut frames, other, rng),
            5 => shift_times(&mut frames, rng),
            _ => double(&mut frames, rng),
        }
    }
    let format = if rng.below(2) == 0 { PcapFormat::Nano } else { PcapFormat::Micro };
    let mut file = write_pcap(&frames, format);
    // The structure of one file in four is damaged too.
    match rng.below(8) {
        0 => file.truncate(at(rng, file.len())),
        1 => {
            for _ in 0..=rng.below(8) {
                let place = at(rng, file.len());
                change(&mut file, place, rng);
            }
        }
        _ => {}
    }
    file
}

fn at(rng: &mut Rng, len: usize) -> usize {
    rng.below(len as u64) as usize
}

fn change(octets: &mut [u8], place: usize, rng: &mut Rng) {
    let bits = rng.bits();
    if let Some(octet) = octets.get_mut(place) {
        *octet = if bits & 1 == 0 { *octet ^ (1 << ((bits >> 8) & 7)) } else { (bits >> 16) as u8 };
    }
}

/// Flips some octets of one frame in 32.
fn flip(frames: &mut [Frame], rng: &mut Rng) {
    for frame in frames {
        if rng.below(32) == 0 {
            for _ in 0..=rng.below(6) {
                let place = at(rng, frame.bytes.len());
                change(&mut frame.bytes, place, rng);
            }
        }
    }
}

fn cut(frames: &mut [Frame], rng: &mut Rng) {
    for frame in frames {
        if rng.below(16) == 0 {
            frame.bytes.truncate(at(rng, frame.bytes.len() + 1));
        }
    }
}

/// Swaps near frames together with their times.
fn shuffle(frames: &mut [Frame], rng: &mut Rng) {
    for _ in 0..frames.len() / 8 {
        let one = at(rng, frames.len());
        let two = (one + 1 + at(rng, 6)).min(frames.len().saturating_sub(1));
        frames.swap(one, two);
    }
}

fn splice_frames(frames: &mut Vec<Frame>, other: &[Frame], rng: &mut Rng) {
    for frame in other.iter().skip(at(rng, other.len())).take(200) {
        let place = at(rng, frames.len() + 1);
        let time = frames.get(place.saturating_sub(1)).map_or(frame.at, |before| before.at);
        frames.insert(place, Frame { at: time, bytes: frame.bytes.clone() });
    }
}

/// Joins the front of one frame with the back of another.
fn splice_octets(frames: &mut [Frame], other: &[Frame], rng: &mut Rng) {
    for frame in frames {
        if rng.below(32) == 0
            && let Some(from) = other.get(at(rng, other.len()))
        {
            let place = at(rng, frame.bytes.len().min(from.bytes.len()) + 1);
            frame.bytes.truncate(place);
            frame.bytes.extend(from.bytes.iter().skip(place));
        }
    }
}

/// Shifts times. One frame may get an extreme time.
fn shift_times(frames: &mut [Frame], rng: &mut Rng) {
    for frame in frames.iter_mut() {
        if rng.below(64) == 0 {
            frame.at = frame.at + Span::from_millis(rng.below(600_000) as i64 - 300_000);
        }
    }
    if rng.below(4) == 0
        && let Some(last) = frames.last_mut()
    {
        last.at = Timestamp::from_nanos(i64::from(u32::MAX) * 1_000_000_000);
    }
}

fn double(frames: &mut Vec<Frame>, rng: &mut Rng) {
    let keep = rng.below(8) + 2;
    let copies = frames.iter().filter(|_| rng.below(keep) == 0).cloned().collect::<Vec<_>>();
    frames.extend(copies);
    frames.sort_by_key(|frame| frame.at);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_makes_one_mutant_and_another_number_another() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/lab-scan.pcap");
        let frames = frames(&path).unwrap();
        let made = |seed| mutant(&frames, &frames, &mut Rng::new(seed));
        assert_eq!(made(1), made(1));
        let all: std::collections::BTreeSet<Vec<u8>> = (0..40).map(made).collect();
        assert!(all.len() > 35, "{} of 40 mutants differ", all.len());
        assert!(!all.contains(&write_pcap(&frames, PcapFormat::Nano)));
    }
}
