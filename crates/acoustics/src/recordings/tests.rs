use bellwether_base::{HashKey, RecordingId, Side, Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::spoken_syllables as speech;

use super::*;

/// A seeded stream of numbers from 0 to 1.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 31)
    }
}

fn noisy(samples: &[f64], level: f64, seed: u64) -> Vec<f64> {
    let mut draw = Draw(seed);
    samples.iter().map(|s| s + level * (draw.next() + draw.next() + draw.next() - 1.5)).collect()
}

fn encoded(samples: &[f64], law: Law) -> Vec<u8> {
    samples.iter().map(|s| law.encode(s.clamp(-32_000.0, 32_000.0) as i16)).collect()
}

fn ear() -> Ear {
    Ear::new(&HashKey::new([7; 16]))
}

/// What is heard of samples in packets of a size, with every `lost`th packet lost.
fn heard(samples: &[f64], law: Law, size: usize, lost: usize) -> AudioSummary {
    let ear = ear();
    let mut listener = Listener::new(law);
    let mut is_after_loss = false;
    for (i, codes) in encoded(samples, law).chunks(size).enumerate() {
        let is_lost = i % lost == lost - 1;
        let ticks = (u32::MAX - 4000).wrapping_add((i * size) as u32);
        if !is_lost && listener.packet(&ear, &Voice { codes, ticks, is_after_loss }) {
            break;
        }
        is_after_loss = is_lost;
    }
    listener.finish(&ear)
}

fn print(samples: &[f64]) -> Print {
    heard(samples, Law::A, 160, usize::MAX).print
}

fn is_same(a: &Print, b: &Print) -> bool {
    compare(a, b).likeness() == Some(Likeness::SameRecording)
}

#[test]
fn the_packets_of_a_stream_do_not_matter() {
    let samples = speech(1, 10);
    let whole = heard(&samples, Law::Mu, 160, usize::MAX);
    assert!(whole.print.len() > 15 && whole.sound == Sound::Voice, "{whole:?}");
    for size in [80, 240, 333, 480] {
        assert_eq!(heard(&samples, Law::Mu, size, usize::MAX), whole, "{size}");
    }
}

#[test]
fn a_recording_is_known_again_after_what_networks_and_diallers_do() {
    for seed in 1..6 {
        let samples = speech(seed, 16);
        let clean = print(&samples);
        let late: Vec<f64> = samples[5000..].to_vec();
        let opened = [speech(100 + seed, 2), samples.clone()].concat();
        let quiet: Vec<f64> = samples.iter().map(|s| s / 8.0).collect();
        let faster: Vec<f64> = (0..samples.len() - 9000).map(|i| samples[i * 103 / 100]).collect();
        let cases = [
            ("other law", heard(&samples, Law::Mu, 160, usize::MAX)),
            ("lost packets", heard(&samples, Law::A, 160, 20)),
            ("late", heard(&late, Law::A, 240, usize::MAX)),
            ("opening", heard(&opened, Law::A, 160, usize::MAX)),
            ("quiet", heard(&quiet, Law::A, 160, usize::MAX)),
            ("noise", heard(&noisy(&samples, 900.0, seed), Law::A, 160, usize::MAX)),
            ("faster", heard(&faster, Law::A, 160, usize::MAX)),
        ];
        for (name, heard) in cases {
            assert!(is_same(&clean, &heard.print), "{seed} {name}: {:?}", compare(&clean, &heard.print));
        }
    }
}

#[test]
fn a_change_of_the_law_changes_nothing() {
    let samples = speech(3, 12);
    let ear = ear();
    let mut listener = Listener::new(Law::A);
    for (i, part) in samples.chunks(160).enumerate() {
        let law = if i < 25 || i % 7 == 0 { Law::A } else { Law::Mu };
        listener.set_law(law);
        let codes = encoded(part, law);
        listener.packet(&ear, &Voice { codes: &codes, ticks: 160 * i as u32, is_after_loss: false });
    }
    assert!(is_same(&print(&samples), &listener.finish(&ear).print));
}

#[test]
fn other_recordings_and_other_keys_do_not_match() {
    let prints: Vec<Print> = (1..25).map(|seed| print(&speech(seed, 12))).collect();
    for (i, a) in prints.iter().enumerate() {
        for b in &prints[..i] {
            assert_eq!(compare(a, b).likeness(), None, "{:?}", compare(a, b));
        }
    }
    // A word is read by the owner of its key only.
    let samples = encoded(&speech(1, 12), Law::A);
    let other = Ear::new(&HashKey::new([8; 16]));
    let mut listener = Listener::new(Law::A);
    listener.packet(&other, &Voice { codes: &samples, ticks: 0, is_after_loss: false });
    assert_eq!(compare(&prints[0], &listener.finish(&other).print).likeness(), None);
}

#[test]
fn common_words_link_nobody() {
    // Both begin alike for 6 s and go on differently for 9 s.
    let common = speech(50, 6);
    let [a, b] = [51, 52].map(|seed| print(&[common.clone(), speech(seed, 9)].concat()));
    assert_eq!(compare(&a, &b).likeness(), Some(Likeness::SameWords), "{:?}", compare(&a, &b));
}

#[test]
fn tones_digits_noise_and_silence_are_named_and_give_no_word() {
    let wave = |i: usize, hertz: f64| 6000.0 * (std::f64::consts::TAU * hertz * i as f64 / 8000.0).sin();
    let cadence = |on: usize, off: usize, tones: &[f64]| -> Vec<f64> {
        let at = |i: usize| tones.iter().map(|tone| wave(i, *tone)).sum::<f64>();
        (0..80_000).map(|i| if i % (on + off) < on { at(i) } else { 0.0 }).collect()
    };
    let cases = [
        (Sound::Dtmf, cadence(800, 800, &[770.0, 1336.0])),
        (Sound::Dtmf, cadence(400, 400, &[941.0, 1209.0])),
        (Sound::Fax, cadence(4000, 24_000, &[1100.0])),
        (Sound::Tone, cadence(2400, 2400, &[1400.0])),
        (Sound::Silence, vec![0.0; 80_000]),
        (Sound::Tone, cadence(80_000, 0, &[425.0])),
        (Sound::Fax, cadence(80_000, 0, &[2100.0])),
    ];
    for (sound, samples) in cases {
        let heard = heard(&samples, Law::Mu, 160, usize::MAX);
        assert_eq!((heard.sound, heard.print.len()), (sound, 0), "{sound:?} {heard:?}");
    }
    let noise = heard(&noisy(&vec![0.0; 80_000], 3000.0, 3), Law::Mu, 160, usize::MAX);
    assert_eq!(noise.print.len(), 0, "{noise:?}");
    assert!(noise.frames <= 500 && noise.playback.is_none());
}

#[test]
fn junk_is_bounded_and_does_not_panic() {
    let ear = ear();
    let mut draw = Draw(5);
    for round in 0..40 {
        let mut listener = Listener::new(if round % 2 == 0 { Law::A } else { Law::Mu });
        for i in 0..1500_u32 {
            let size = (draw.next() * 500.0) as usize;
            let value = (draw.next() * 256.0) as u8;
            let codes: Vec<u8> =
                (0..size).map(|_| if round % 3 == 0 { value } else { (draw.next() * 256.0) as u8 }).collect();
            let ticks = match round % 4 {
                0 => 160 * i,
                1 => (draw.next() * f64::from(u32::MAX)) as u32,
                2 => u32::MAX - 160 * i,
                _ => (draw.next() * 4000.0) as u32,
            };
            if listener.packet(&ear, &Voice { codes: &codes, ticks, is_after_loss: i % 5 == 0 }) {
                break;
            }
        }
        let heard = listener.finish(&ear);
        assert!(
            heard.print.len() <= PRINT_CAPACITY && usize::from(heard.frames) <= 1000 + 2008,
            "{}",
            heard.frames
        );
    }
}

#[test]
fn a_persons_room_has_shallow_pauses_and_playback_has_deep_ones() {
    let speech: Vec<f64> =
        speech(9, 10).chunks(8000).flat_map(|c| [c.to_vec(), vec![0.0; 4000]].concat()).collect();
    let clean = heard(&speech, Law::Mu, 160, usize::MAX).playback.unwrap();
    let room = heard(&noisy(&speech, 60.0, 4), Law::Mu, 160, usize::MAX).playback.unwrap();
    assert!(clean.depth_db > room.depth_db + 20, "{clean:?} {room:?}");
    assert!(clean.digital_silence_percent >= 20 && room.digital_silence_percent == 0, "{clean:?} {room:?}");
}

fn played(print: &Print, name: i64, source: u64, seconds: i64) -> Played<'_> {
    let at = Timestamp::from_nanos(0) + Span::from_secs(seconds);
    Played { print, player: Side::Caller, name: RecordingId::new(name), source, at }
}

#[test]
fn a_collection_finds_what_it_heard_and_forgets_what_nobody_plays_again() {
    let mut recordings = Recordings::new(1000);
    let prints: Vec<Print> = (1..60).map(|seed| print(&speech(seed, 10))).collect();
    for (name, print) in (1..).zip(&prints) {
        let found = recordings.identify(&played(print, name, name as u64, name)).unwrap();
        assert_eq!((found.recording.get(), found.known_by), (name, None));
    }
    for (name, seed) in (1..).zip(1..60) {
        let other = heard(&noisy(&speech(seed, 10), 500.0, seed), Law::Mu, 160, usize::MAX).print;
        let found = recordings.identify(&played(&other, 100 + name, 7, 100 + name)).unwrap();
        assert_eq!(found.recording.get(), name);
        assert!(found.known_by.unwrap().log_likelihood_ratio() > 5.0 && found.print.is_some());
        // A callee who says the same is another recording.
        let answer = Played { player: Side::Callee, ..played(&other, 300 + name, name as u64, 200) };
        assert_eq!(recordings.identify(&answer).unwrap().recording.get(), 300 + name);
    }
    // What one call played leaves after a day, what two played after 30 days.
    let later = |days: i64| days * 86_400 + 1000;
    assert_eq!(
        recordings.identify(&played(&print(&speech(99, 10)), 999, 1, later(2))).unwrap().known_by,
        None
    );
    assert_eq!(recordings.len(), 60);
    assert_eq!(recordings.identify(&played(&prints[0], 1000, 1, later(29))).unwrap().recording.get(), 1);
    assert_eq!(recordings.identify(&played(&prints[1], 1001, 1, later(33))).unwrap().recording.get(), 1001);
}

#[test]
fn a_flood_of_one_source_and_few_words_leave_the_others_alone() {
    let mut recordings = Recordings::new(200);
    let honest = print(&speech(1, 10));
    recordings.identify(&played(&honest, 1, 1, 0)).unwrap();
    recordings.identify(&played(&honest, 2, 2, 1)).unwrap();
    let mut draw = Draw(3);
    let mut kept = 0;
    for i in 0..2000 {
        let mut junk = Print::default();
        for word in 0..PRINT_CAPACITY {
            let bits = (0..4).fold(0, |bits, _| bits << 16 | (draw.next() * 65_536.0) as u64);
            junk.push(Word { bits, at: 100 * word as u16 });
        }
        kept += u32::from(recordings.identify(&played(&junk, 10 + i, 3, 2)).is_some());
    }
    assert_eq!(kept, 64);
    // Of many sources: the table is full, and what two calls played stays.
    for i in 0..2000 {
        let mut junk = Print::default();
        for word in 0..PRINT_CAPACITY {
            let bits = (0..4).fold(0, |bits, _| bits << 16 | (draw.next() * 65_536.0) as u64);
            junk.push(Word { bits, at: 100 * word as u16 });
        }
        recordings.identify(&played(&junk, 10_000 + i, i as u64, 3));
    }
    assert_eq!(recordings.identify(&played(&honest, 99_999, 4, 4)).unwrap().recording.get(), 1);
    let mut short = Print::default();
    for word in honest.words().take(3) {
        short.push(word);
    }
    assert_eq!(recordings.identify(&played(&short, 5, 5, 5)), None);
}

#[test]
fn constant_words_are_compared_within_bounds() {
    let mut constant = Print::default();
    for word in 0..PRINT_CAPACITY as u16 {
        constant.push(Word { bits: 0, at: 30 * word });
    }
    let found = compare(&constant, &constant);
    assert!(usize::from(found.pairs) <= PRINT_CAPACITY);
}
