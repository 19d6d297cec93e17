//! Recordings that are known again, whatever the network or the dialler does to them.
//!
//! A [`Listener`] turns the first 20 s of a stream into words, one for each syllable: 64 bits of the modulation of
//! the second around it. Noise, another opening, 5 % of speed, codecs and losses change few of the bits.
//! [`compare`] finds out whether two calls play one recording. [`Recordings`] holds the recordings of the last
//! weeks and finds the one that a call plays.
//!
//! This module must never know whose calls these are.

mod collection;
mod constants;
mod fft;
mod index;
mod input;
mod lanes;
mod listener;
mod logarithm;
mod matching;
mod playback;
mod print;
mod refusal;
mod spectrum;
mod stock;
mod study;
mod track;
mod word;

pub use collection::{Found, Played, Recordings};
pub use input::Voice;
pub use listener::{AudioSummary, Ear, Listener};
pub use matching::{Likeness, Match, compare};
pub use playback::Playback;
pub use print::{PRINT_CAPACITY, Print, Word};
pub use stock::{Stock, stock_octets};
pub use study::{Syllable, study};

/// The class of a stream's sound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sound {
    /// Voice, or music, which no rule tells from it.
    Voice,
    /// Digits that were dialled.
    Dtmf,
    /// Tones: special information tones, dial tone, beeps, panels.
    Tone,
    /// The calling or answer tone of a fax.
    Fax,
    /// Ringback.
    Progress,
    /// A sound of one level: busy, a modem, noise.
    Noise,
    /// Clicks.
    Click,
    /// Nothing.
    Silence,
    /// A person who takes turns with the other side.
    Conversation,
}

impl Sound {
    /// All sounds, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Voice,
        Self::Dtmf,
        Self::Tone,
        Self::Fax,
        Self::Progress,
        Self::Noise,
        Self::Click,
        Self::Silence,
        Self::Conversation,
    ];

    /// Name, as reports show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Dtmf => "dtmf",
            Self::Tone => "tone",
            Self::Fax => "fax",
            Self::Progress => "progress",
            Self::Noise => "noise",
            Self::Click => "click",
            Self::Silence => "silence",
            Self::Conversation => "conversation",
        }
    }
}

#[cfg(test)]
mod tests;
