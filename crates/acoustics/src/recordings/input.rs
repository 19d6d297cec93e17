//! Packets to a continuous signal at half the rate of G.711, in batches of eight frames.

use bellwether_rtp::g711::Law;

use super::fft::WINDOW;
use super::lanes::LANES;
use super::spectrum::HOP;

/// Samples of eight frames.
const BATCH: usize = (LANES - 1) * HOP + WINDOW;

/// Samples before them, which are repeated in place of lost ones.
const PAST: usize = HOP;

/// Timestamps of a gap that is filled with the frame before: 3 frames.
const REPEATED: u32 = 3 * 2 * HOP as u32;

/// Timestamps of a jump after which the clock of the stream begins anew: 20 s.
const JUMP: u32 = 20 * 8000;

/// Joins the packets of a stream.
#[derive(Clone, Debug)]
pub(super) struct Input {
    linear: &'static [i16; 256],
    /// RTP timestamp after the latest packet.
    next: Option<u32>,
    /// The first of two samples that give one.
    odd: Option<i16>,
    samples: Box<[i16; PAST + BATCH]>,
    filled: usize,
    /// Frames of this batch and the first of the next one with missing samples.
    broken: u16,
}

/// A packet of G.711.
#[derive(Clone, Copy, Debug)]
pub struct Voice<'a> {
    /// Code words.
    pub codes: &'a [u8],
    /// RTP timestamp of the first one.
    pub ticks: u32,
    /// True if packets before it are missing. Otherwise a gap of timestamps is a pause of the sender.
    pub is_after_loss: bool,
}

impl Input {
    pub(super) fn new(law: Law) -> Self {
        Self {
            linear: law.linear(),
            next: None,
            odd: None,
            samples: Box::new([0; PAST + BATCH]),
            filled: PAST,
            broken: 0,
        }
    }

    /// Goes on with another law. The signal is the same.
    pub(super) const fn set_law(&mut self, law: Law) {
        self.linear = law.linear();
    }

    /// Adds a packet. `take` gets the samples of each full batch, and a bit for each broken frame of it.
    pub(super) fn packet(&mut self, voice: &Voice<'_>, mut take: impl FnMut(&[i16], u8)) {
        let mut codes = voice.codes;
        let ahead = self.next.map_or(0, |next| voice.ticks.wrapping_sub(next).cast_signed());
        let gap = ahead.unsigned_abs();
        if ahead > 0 && gap < JUMP {
            self.fill(gap, voice.is_after_loss, &mut take);
        } else if ahead < 0 && gap < JUMP {
            // A late packet, whose place is filled.
            codes = codes.get(gap as usize..).unwrap_or_default();
            if codes.is_empty() {
                return;
            }
        }
        self.next = Some(voice.ticks.wrapping_add(voice.codes.len() as u32));
        if let (Some(first), Some((code, rest))) = (self.odd, codes.split_first()) {
            self.odd = None;
            self.push(half(first, self.linear[usize::from(*code)]), &mut take);
            codes = rest;
        }
        let (mut pairs, rest) = codes.as_chunks::<2>();
        while !pairs.is_empty() {
            let (now, later) = pairs.split_at(pairs.len().min(PAST + BATCH - self.filled));
            if let Some(places) = self.samples.get_mut(self.filled..self.filled + now.len()) {
                for (place, [a, b]) in places.iter_mut().zip(now) {
                    *place = half(self.linear[usize::from(*a)], self.linear[usize::from(*b)]);
                }
            }
            self.filled += now.len();
            self.take_if_full(&mut take);
            pairs = later;
        }
        self.odd = rest.first().map(|code| self.linear[usize::from(*code)]);
    }

    /// Fills a gap of so many timestamps.
    fn fill(&mut self, gap: u32, is_loss: bool, take: &mut impl FnMut(&[i16], u8)) {
        // Both samples of a pair are taken for missing.
        let count = (gap + u32::from(self.odd.take().is_some())) / 2;
        for _ in 0..count {
            let sample = if !is_loss {
                0
            } else if gap <= REPEATED {
                self.filled.checked_sub(PAST).and_then(|at| self.samples.get(at)).copied().unwrap_or(0)
            } else {
                let at = self.filled - PAST;
                let frame = at / HOP;
                self.broken |= 1 << frame;
                if at % HOP < WINDOW - HOP && frame > 0 {
                    self.broken |= 1 << (frame - 1);
                }
                0
            };
            self.push(sample, take);
        }
    }

    #[inline(always)]
    fn push(&mut self, sample: i16, take: &mut impl FnMut(&[i16], u8)) {
        if let Some(place) = self.samples.get_mut(self.filled) {
            *place = sample;
            self.filled += 1;
        }
        self.take_if_full(take);
    }

    #[inline(always)]
    fn take_if_full(&mut self, take: &mut impl FnMut(&[i16], u8)) {
        if self.filled == PAST + BATCH {
            take(&self.samples[PAST..], self.broken as u8);
            self.samples.copy_within(LANES * HOP.., 0);
            self.filled -= LANES * HOP;
            self.broken >>= LANES;
        }
    }

    /// The frames of the last batch that are whole: their samples, their number and the broken ones.
    pub(super) fn rest(&self) -> (Vec<i16>, usize, u8) {
        let have = self.filled - PAST;
        let whole = if have < WINDOW { 0 } else { (have - WINDOW) / HOP + 1 };
        let mut samples = vec![0; BATCH];
        samples[..have].copy_from_slice(&self.samples[PAST..self.filled]);
        (samples, whole, self.broken as u8)
    }
}

#[inline(always)]
fn half(a: i16, b: i16) -> i16 {
    ((i32::from(a) + i32::from(b)) >> 1) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(packets: &[(Vec<u8>, u32, bool)]) -> Vec<(Vec<i16>, u8)> {
        let mut input = Input::new(Law::Mu);
        let mut found = Vec::new();
        for (codes, ticks, is_after_loss) in packets {
            let voice = Voice { codes, ticks: *ticks, is_after_loss: *is_after_loss };
            input.packet(&voice, |samples, broken| found.push((samples.to_vec(), broken)));
        }
        found
    }

    fn cut(codes: &[u8], size: usize) -> Vec<(Vec<u8>, u32, bool)> {
        let start = u32::MAX - 999;
        (0_u32..)
            .step_by(size)
            .zip(codes.chunks(size))
            .map(|(at, part)| (part.to_vec(), start.wrapping_add(at), false))
            .collect()
    }

    #[test]
    fn packets_of_any_length_are_one_signal() {
        let codes: Vec<u8> = (0..8000_u32).map(|i| (i * i / 7) as u8).collect();
        let whole = batches(&cut(&codes, 160));
        assert_eq!(whole.len(), (4000 - BATCH) / (LANES * HOP) + 1);
        for size in [1, 7, 80, 240, 333, 480] {
            assert_eq!(batches(&cut(&codes, size)), whole, "{size}");
        }
        // The windows of two batches overlap as those of two frames do.
        assert_eq!(whole[0].0[LANES * HOP..], whole[1].0[..WINDOW - HOP]);
    }

    #[test]
    fn a_lost_frame_is_repeated_and_a_longer_gap_breaks_its_frames_only() {
        let codes: Vec<u8> = (0..16_000_u32).map(|i| (i * i / 7) as u8).collect();
        let mut packets = cut(&codes, 160);
        packets.remove(2);
        packets[2].2 = true;
        let repeated = batches(&packets);
        assert!(repeated.iter().all(|(_, broken)| *broken == 0));
        assert_eq!(repeated[0].0[160..240], repeated[0].0[80..160]);
        packets.drain(2..7);
        packets[2].2 = true;
        let broken = batches(&packets);
        assert_eq!(broken.len(), repeated.len());
        // Packets 2 to 7 are frames 2 to 7. Frame 1 reads into frame 2.
        assert_eq!(broken.iter().map(|(_, b)| *b).collect::<Vec<_>>()[..3], [0b1111_1110, 0, 0]);
    }

    #[test]
    fn a_pause_of_the_sender_is_silence_and_a_jump_of_its_clock_is_nothing() {
        let loud = vec![0x10; 160];
        let paused = batches(&[(loud.clone(), 0, false), (loud.clone(), 1760, false)]);
        assert_eq!(paused.len(), 1);
        assert!(paused[0].1 == 0 && paused[0].0[80..].iter().all(|s| *s == 0));
        let packets: Vec<_> = (0..20_u32).map(|i| (loud.clone(), i.wrapping_mul(1 << 30), false)).collect();
        assert!(batches(&packets).iter().all(|(samples, _)| samples.iter().all(|s| *s == samples[0])));
        // A late packet is dropped: its place was filled.
        let late = [
            (loud.clone(), 0, false),
            (loud.clone(), 320, true),
            (vec![0x7f; 160], 160, false),
            (loud, 480, false),
        ];
        assert!(batches(&late).is_empty());
        let mut input = Input::new(Law::Mu);
        for (codes, ticks, is_after_loss) in &late {
            input.packet(&Voice { codes, ticks: *ticks, is_after_loss: *is_after_loss }, |_, _| {});
        }
        assert_eq!((input.filled, input.next), (PAST + 320, Some(640)));
    }
}
