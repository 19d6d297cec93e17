//! Depth of a stream's pauses: clean playback and synthesis have deep ones, a person in a room has shallow ones.

use super::spectrum::Frame;

/// Levels in steps of 1 dB.
const STEPS: usize = 96;

/// Fewest frames, 3 s, and the quantiles that are compared, in per cent.
const FEWEST: u32 = 150;
const LOUD: u32 = 95;
const DEEP: u32 = 3;

/// Depth of the pauses of a voice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Playback {
    /// The 95 % quantile of the levels of 20 ms over their 3 % quantile, in dB.
    pub depth_db: u8,
    /// Frames of digital silence, in per cent.
    pub digital_silence_percent: u8,
}

/// Counts of levels.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    counts: [u16; STEPS],
    silent: u16,
    all: u16,
}

impl Default for Levels {
    fn default() -> Self {
        Self { counts: [0; STEPS], silent: 0, all: 0 }
    }
}

impl Levels {
    pub(super) fn frame(&mut self, frame: &Frame) {
        if frame.look.is_broken {
            return;
        }
        let step = usize::from(frame.look.level / 100).min(STEPS - 1);
        if let Some(count) = self.counts.get_mut(step) {
            *count = count.saturating_add(1);
        }
        self.silent = self.silent.saturating_add(u16::from(frame.look.level == 0));
        self.all = self.all.saturating_add(1);
    }

    /// The depth of the pauses; none of a short stream.
    pub(super) fn playback(&self) -> Option<Playback> {
        let all = u32::from(self.all);
        if all < FEWEST {
            return None;
        }
        let quantile = |percent: u32| {
            let mut left = all * percent / 100;
            let step = self.counts.iter().position(|count| {
                let is_here = left < u32::from(*count);
                left = left.saturating_sub(u32::from(*count));
                is_here
            });
            step.unwrap_or(STEPS - 1) as u8
        };
        Some(Playback {
            depth_db: quantile(LOUD) - quantile(DEEP),
            digital_silence_percent: (u32::from(self.silent) * 100 / all) as u8,
        })
    }
}
