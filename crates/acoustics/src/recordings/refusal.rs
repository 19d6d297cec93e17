//! Sounds that give no word, because they link nobody: tones, dialled digits, signals of modems, noise.

use super::Sound;
use super::spectrum::Look;
use super::word::PATCH;

/// Decibels below the loudest frame of a patch from which on a frame is heard, in hundredths.
const HEARD: u16 = 1200;

/// Fewest frames that are heard.
const FEWEST: usize = 4;

/// Frequencies of DTMF in Hz (ITU-T Q.23), and the tolerance in their thousandths.
const DTMF_LOW: [u32; 4] = [697, 770, 852, 941];
const DTMF_HIGH: [u32; 4] = [1209, 1336, 1477, 1633];
const DTMF_TOLERANCE: u32 = 20;

/// Share of two peaks in DTMF, and in a tone, of 255.
const DTMF_SHARE: u8 = 204;
const TONE_SHARE: u8 = 216;

/// Frames of a patch with DTMF.
const DTMF_FRAMES: usize = 2;

/// Frames through which a tone is steady, and how steady, in tenths of Hz.
const TONE_RUN: usize = 6;
const TONE_STEADY: u16 = 30;

/// Interquartile range of the level, in hundredths of a dB, below which a sound is steady.
const STEADY: u16 = 160;

/// Share of the energy in 280 to 530 Hz, of 255.
const PROGRESS: u8 = 242;

/// The calling tone of a fax (ITU-T T.30), and its answer tone, mirrored at half of the sampling rate. In tenths of Hz.
const FAX: [std::ops::RangeInclusive<u16>; 2] = [10_620..=11_380, 18_850..=19_150];

/// True for a frame with two tones of DTMF.
pub(super) fn is_dtmf(look: &Look) -> bool {
    let is_near = |peak: u16, tones: [u32; 4]| {
        tones.iter().any(|tone| u32::from(peak).abs_diff(10 * tone) * 1000 <= 10 * tone * DTMF_TOLERANCE)
    };
    look.share > DTMF_SHARE && is_near(look.peaks[0], DTMF_LOW) && is_near(look.peaks[1], DTMF_HIGH)
}

/// True for a frame with a tone of a fax.
pub(super) fn is_fax(look: &Look) -> bool {
    look.has_tone() && FAX.iter().any(|tone| look.peaks.iter().any(|peak| tone.contains(peak)))
}

impl Look {
    /// True if two peaks have nearly all of the energy.
    pub(super) const fn has_tone(&self) -> bool {
        self.share > TONE_SHARE
    }
}

/// The level from which on a frame is heard.
pub(super) fn heard_from(patch: &[Look; PATCH], floor: u16) -> u16 {
    let loudest = patch.iter().map(|look| look.level).max().unwrap_or(0);
    loudest.saturating_sub(HEARD).max(floor)
}

/// The sound of a patch that gives no word; none for voice and music. `floor` is the least level of a syllable.
pub(super) fn refusal(patch: &[Look; PATCH], floor: u16) -> Option<Sound> {
    if patch.iter().filter(|look| is_dtmf(look)).count() >= DTMF_FRAMES {
        return Some(Sound::Dtmf);
    }
    let from = heard_from(patch, floor);
    let is_on = |look: &&Look| look.level >= from;
    let on = patch.iter().filter(is_on).count();
    if on < FEWEST {
        return Some(Sound::Click);
    }
    if let Some(tone) = tone(patch, from, on) {
        return Some(tone);
    }
    let mut levels: Vec<u16> = patch.iter().filter(is_on).map(|look| look.level).collect();
    levels.sort_unstable();
    let at = |quarter: usize| levels[(levels.len() - 1) * quarter / 4];
    if at(3) - at(1) < STEADY {
        return Some(Sound::Noise);
    }
    let progress = patch.iter().filter(is_on).filter(|look| look.progress > PROGRESS).count();
    (progress * 10 > on * 7).then_some(Sound::Progress)
}

/// A tone that fills over half of the frames that are heard.
fn tone(patch: &[Look; PATCH], from: u16, on: usize) -> Option<Sound> {
    let (mut tonal, mut fax) = (0, 0);
    let mut run: &[Look] = &[];
    let mut start = 0;
    let mut close = |run: &[Look]| {
        if run.len() >= TONE_RUN {
            tonal += run.len();
            fax += run.iter().filter(|look| is_fax(look)).count();
        }
    };
    for (i, look) in patch.iter().enumerate() {
        let is_tone = look.level >= from && look.has_tone();
        let goes_on = run
            .last()
            .is_none_or(|last| last.peaks.iter().zip(look.peaks).all(|(a, b)| a.abs_diff(b) <= TONE_STEADY));
        if !(is_tone && goes_on) {
            close(run);
            start = i + usize::from(!is_tone);
        }
        run = patch.get(start..=i).unwrap_or_default();
    }
    close(run);
    (2 * tonal > on).then_some(if 2 * fax > tonal { Sound::Fax } else { Sound::Tone })
}
