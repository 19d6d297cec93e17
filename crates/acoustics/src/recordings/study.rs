//! Syllables of whole streams before they become words: what the constants and the stock are made of.

use bellwether_rtp::g711::Law;

use super::input::{Input, Voice};
use super::listener::Ear;
use super::track::Track;

/// A syllable.
#[derive(Clone, Copy, Debug)]
pub struct Syllable {
    /// Its time in tenths of a frame of 20 ms.
    pub at: u32,
    /// Its 64 coefficients, neither centred nor rotated.
    pub coefficients: [f32; 64],
}

/// The syllables of a stream of any length that give words.
#[must_use]
pub fn study(ear: &Ear, law: Law, codes: &[u8]) -> Vec<Syllable> {
    let mut found = Vec::new();
    let mut track = Track::new();
    let mut input = Input::new(law);
    let voice = Voice { codes, ticks: 0, is_after_loss: false };
    input.packet(&voice, |samples, _| {
        for frame in &ear.spectrum.frames(samples) {
            track.push(frame, &ear.words, &mut |syllable| {
                if let Ok(patch) = &syllable.patch {
                    found.push(Syllable { at: syllable.time, coefficients: ear.words.coefficients(patch) });
                }
            });
        }
    });
    found
}
