//! People take turns when they talk; a recording goes on while the other side speaks.

use bellwether_base::{LruTable, Span, Timestamp};

/// Changes of the speaker, each after both were heard alone, that make a conversation.
const CHANGES: u8 = 4;

/// Time from the first sound in which they have to happen. Later ones do not show how a call began.
const WITHIN: Span = Span::from_secs(10);

/// A side speaks alone if the other one was silent for so long.
const ALONE: Span = Span::from_millis(250);

/// Consecutive moments alone after which a side has the floor: 320 ms.
const FLOOR: u8 = 2;

/// At most one moment in so many at which both speak. A recording that meets a mailbox speaks over it.
const OVERLAP: u16 = 5;

/// The turns between pairs of endpoints, by the keyed hash of the pair.
pub(crate) struct Conversations(LruTable<u64, Turns, 1>);

/// The turns of one pair so far. The two sides are the two directions.
#[derive(Default)]
struct Turns {
    first: Option<Timestamp>,
    spoke_at: [Option<Timestamp>; 2],
    /// Consecutive moments alone.
    alone: [u8; 2],
    /// Moments of speech, and those of them with speech of the other side.
    spoken: [u16; 2],
    overlapped: [u16; 2],
    floor: Option<usize>,
    changes: u8,
}

impl Conversations {
    pub(crate) fn new(pairs: usize) -> Self {
        Self(LruTable::new(pairs))
    }

    /// Notes a moment of 160 ms of one direction. True if the two take turns.
    pub(crate) fn note(&mut self, pair: u64, is_forward: bool, is_speech: bool, at: Timestamp) -> bool {
        let (slot, _) = self.0.find_or_insert(pair, pair, at);
        let Some((_, turns)) = self.0.get_mut(slot) else { return false };
        if is_speech {
            turns.speech(usize::from(is_forward), at);
        }
        turns.is_conversation()
    }
}

impl Turns {
    fn speech(&mut self, side: usize, at: Timestamp) {
        let other = 1 - side;
        let first = *self.first.get_or_insert(at);
        if at.since(first) > WITHIN {
            return;
        }
        self.spoken[side] = self.spoken[side].saturating_add(1);
        self.spoke_at[side] = Some(at);
        if self.spoke_at[other].is_some_and(|spoke| at.since(spoke) < ALONE) {
            self.overlapped[side] = self.overlapped[side].saturating_add(1);
            self.alone[side] = 0;
            return;
        }
        self.alone[side] = self.alone[side].saturating_add(1);
        self.alone[other] = 0;
        if self.alone[side] >= FLOOR && self.floor != Some(side) {
            self.changes += u8::from(self.floor.is_some());
            self.floor = Some(side);
        }
    }

    fn is_conversation(&self) -> bool {
        let rarely_both =
            self.spoken.iter().zip(self.overlapped).all(|(spoken, both)| both * OVERLAP <= *spoken);
        self.changes >= CHANGES && rarely_both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True if speech at these moments of both directions is a conversation.
    fn talks(forward: &str, back: &str) -> bool {
        let mut conversations = Conversations::new(16);
        let mut found = false;
        for (i, (a, b)) in forward.chars().zip(back.chars()).enumerate() {
            let at = Timestamp::from_nanos(160_000_000 * i as i64);
            found |= conversations.note(7, true, a == 'x', at);
            found |= conversations.note(7, false, b == 'x', at + Span::from_millis(10));
        }
        found
    }

    #[test]
    fn people_take_turns() {
        let forward = "----xxxxxxx------xxxxxxxx-------xxxxx----";
        let back = "-xxx---------xxx-----------xxx--------xxx";
        assert!(talks(forward, back));
        // Two sentences and two answers are not yet enough.
        assert!(!talks(&forward[..24], &back[..24]));
    }

    #[test]
    fn a_recording_goes_on_whatever_the_other_side_says() {
        let recording = "-xxxxxxx--xxxxxxxxx--xxxxxx--xxxxxxxxxx--xxxxxxx-";
        let person = "xxx---------xxx-----xxxx-------xxx-------xxx-----";
        assert!(!talks(recording, person));
        let mailbox = "xxxxxxx--xxxxxxxxxxxx--xxxxxxxx--xxxxxxxxxxxx--xx";
        assert!(!talks(recording, mailbox));
        assert!(!talks(recording, &"-".repeat(49)));
        assert!(!talks(&"-".repeat(40), &"-".repeat(40)));
    }

    #[test]
    fn turns_after_the_beginning_do_not_count() {
        let long = "x".repeat(70);
        let turns = "-".repeat(70);
        let forward = format!("{long}----xxxxxxx------xxxxxxxx-------xxxxx----");
        let back = format!("{turns}-xxx---------xxx-----------xxx--------xxx");
        assert!(!talks(&forward, &back));
    }
}
