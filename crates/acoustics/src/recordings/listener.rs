//! Listens to the beginning of one stream.

use bellwether_base::HashKey;
use bellwether_rtp::g711::Law;

use super::input::{Input, Voice};
use super::lanes::LANES;
use super::playback::Levels;
use super::print::{PRINT_CAPACITY, Print, Word};
use super::refusal::is_fax;
use super::spectrum::Spectrum;
use super::track::{Syllable, Track};
use super::word::Words;
use super::{Playback, Sound};

/// Frames after which listening ends: 20 s.
const MAX_FRAMES: usize = 1000;

/// Frames after which sounds that link nobody are not listened to any longer: 3 s.
const PATIENCE: usize = 150;

/// Sounds without a word that end it then.
const REFUSED: u16 = 4;

/// Level of speech in hundredths of a dB: 12 dB above the quietest syllable. Noise of a line is below it.
const SPEECH: u16 = 4300;

/// Loud frames of a sound without syllables: a second.
const STEADY_FRAMES: u16 = 50;

/// Frames with DTMF of a stream of DTMF.
const DTMF_FRAMES: u16 = 8;

/// Constants of all listeners of a site.
#[derive(Clone, Debug)]
pub struct Ear {
    pub(super) spectrum: Spectrum,
    pub(super) words: Words,
}

impl Ear {
    /// The ear of the site that has the key. Words of two sites cannot be compared.
    #[must_use]
    pub fn new(key: &HashKey) -> Self {
        Self { spectrum: Spectrum::new(), words: Words::new(key) }
    }
}

/// Listens to a stream for 20 s or 48 words.
#[derive(Clone, Debug)]
pub struct Listener {
    input: Input,
    track: Box<Track>,
    gathered: Gathered,
    /// Whether the latest batch of frames has speech, until somebody asks.
    activity: Option<bool>,
}

/// Results of a stream so far.
#[derive(Clone, Debug, Default)]
struct Gathered {
    print: Print,
    /// Syllables without a word, by sound.
    refused: [u16; Sound::ALL.len()],
    levels: Levels,
    /// Loud frames, those of them with a tone, and those of a fax.
    loud: [u16; 3],
}

/// Summary of the sound of a stream's beginning.
#[derive(Clone, PartialEq, Debug)]
pub struct AudioSummary {
    /// Its words; none if it is nothing that could be known again.
    pub print: Print,
    /// Its class.
    pub sound: Sound,
    /// Time that was listened to, in frames of 20 ms.
    pub frames: u16,
    /// Depth of the pauses, if the stream had some.
    pub playback: Option<Playback>,
}

impl Listener {
    /// Begins to listen.
    #[must_use]
    pub fn new(law: Law) -> Self {
        Self {
            input: Input::new(law),
            track: Box::new(Track::new()),
            gathered: Gathered::default(),
            activity: None,
        }
    }

    /// Goes on with packets of another law: a dialler or a network may change it at the answer.
    pub const fn set_law(&mut self, law: Law) {
        self.input.set_law(law);
    }

    /// Adds a packet. True once enough was heard.
    pub fn packet(&mut self, ear: &Ear, voice: &Voice<'_>) -> bool {
        let Self { input, track, gathered, activity, .. } = self;
        input.packet(voice, |samples, broken| {
            *activity = Some(gathered.batch(track, ear, samples, LANES, broken));
        });
        self.is_over()
    }

    /// True if the latest 160 ms have speech, false if not; once for each.
    pub const fn take_activity(&mut self) -> Option<bool> {
        self.activity.take()
    }

    /// Ends, since a person speaks. Nothing of it is kept.
    #[must_use]
    pub fn of_a_conversation(&self) -> AudioSummary {
        let frames = self.track.len().min(usize::from(u16::MAX)) as u16;
        AudioSummary { print: Print::default(), sound: Sound::Conversation, frames, playback: None }
    }

    fn is_over(&self) -> bool {
        let of = &self.gathered;
        let is_nothing = of.print.is_empty()
            && (self.track.dtmf >= DTMF_FRAMES || of.refused.iter().sum::<u16>() >= REFUSED);
        self.track.len() >= MAX_FRAMES
            || of.print.len() == PRINT_CAPACITY
            || (is_nothing && self.track.len() >= PATIENCE)
    }

    /// Ends, and tells what was heard.
    #[must_use]
    pub fn finish(mut self, ear: &Ear) -> AudioSummary {
        let (samples, whole, broken) = self.input.rest();
        let frames = self.track.len() + whole;
        self.gathered.batch(&mut self.track, ear, &samples, whole, broken);
        self.track.finish(&ear.words, &mut |syllable| self.gathered.syllable(&ear.words, syllable));
        let sound = self.gathered.sound(&self.track);
        AudioSummary {
            sound,
            frames: frames.min(usize::from(u16::MAX)) as u16,
            playback: self.gathered.levels.playback().filter(|_| sound == Sound::Voice),
            print: if sound == Sound::Voice { self.gathered.print } else { Print::default() },
        }
    }
}

impl Gathered {
    /// Takes the frames of a batch. True if a quarter of them is loud.
    #[inline(always)]
    fn batch(&mut self, track: &mut Track, ear: &Ear, samples: &[i16], whole: usize, broken: u8) -> bool {
        let mut loud = 0;
        let mut frames = ear.spectrum.frames(samples);
        for (lane, frame) in frames.iter_mut().enumerate().take(whole) {
            frame.look.is_broken = broken >> lane & 1 == 1;
            self.levels.frame(frame);
            if frame.look.level >= SPEECH {
                loud += 1;
                let kinds = [true, frame.look.has_tone(), is_fax(&frame.look)];
                self.loud.iter_mut().zip(kinds).for_each(|(n, is)| *n = n.saturating_add(u16::from(is)));
            }
            track.push(frame, &ear.words, &mut |syllable| self.syllable(&ear.words, syllable));
        }
        4 * loud >= LANES
    }

    fn syllable(&mut self, words: &Words, syllable: &Syllable) {
        match &syllable.patch {
            Ok(patch) => _ = self.print.push(Word { bits: words.word(patch), at: syllable.time as u16 }),
            Err(sound) => {
                if let Some(count) = self.refused.get_mut(*sound as usize) {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// The class of the stream: that of most of its syllables.
    fn sound(&self, track: &Track) -> Sound {
        let words = self.print.len() as u16;
        if track.dtmf >= DTMF_FRAMES && words < DTMF_FRAMES {
            return Sound::Dtmf;
        }
        let most = Sound::ALL.iter().rev().max_by_key(|sound| self.refused.get(**sound as usize));
        let count = |sound: Sound| self.refused.get(sound as usize).copied().unwrap_or(0);
        match most {
            Some(sound) if count(*sound) > words => *sound,
            _ if words > 0 => Sound::Voice,
            _ => self.sound_without_syllables(),
        }
    }

    /// The class of a sound that never swells.
    const fn sound_without_syllables(&self) -> Sound {
        let [loud, tonal, fax] = self.loud;
        match loud {
            0..STEADY_FRAMES => Sound::Silence,
            _ if 2 * fax > loud => Sound::Fax,
            _ if 2 * tonal > loud => Sound::Tone,
            _ => Sound::Noise,
        }
    }
}
