//! What one caller, or one address, did of late.

use std::collections::VecDeque;

use bellwether_base::{Span, Timestamp};

use crate::places::Places;

/// Calls remembered of one actor.
const MOST_CALLS: usize = 48;

/// What became of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Fate {
    /// It goes on, or nobody saw its end.
    #[default]
    Open,
    Unanswered,
    /// Nobody has the number.
    Nobody,
    Answered,
}

/// A call as an actor's history knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    pub(crate) call: i64,
    pub(crate) at: Timestamp,
    pub(crate) caller: u64,
    pub(crate) callee: u64,
    /// Hash of the User-Agent and the platform.
    pub(crate) agent: u32,
    pub(crate) platform: u32,
    /// Hash of the called number's neighbourhood; 0 for none. Its last three digits.
    pub(crate) neighbourhood: u32,
    pub(crate) line: u16,
    /// How long people talked, in seconds.
    pub(crate) secs: u16,
    pub(crate) fate: Fate,
}

/// The latest calls of an actor, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actor {
    deeds: VecDeque<Deed>,
}

impl Actor {
    pub(crate) fn begin(&mut self, deed: Deed) {
        if self.deeds.len() == MOST_CALLS {
            self.deeds.pop_front();
        }
        self.deeds.push_back(deed);
    }

    /// Calls under way: those of the last two hours whose end was not seen. An end that the mirror missed does not count for ever.
    pub(crate) fn open(&self, now: Timestamp) -> usize {
        self.since(now - Span::from_secs(7200)).filter(|deed| deed.fate == Fate::Open).count()
    }

    pub(crate) fn end(&mut self, call: i64, fate: Fate, secs: u16) {
        if let Some(deed) = self.deeds.iter_mut().rev().find(|deed| deed.call == call) {
            (deed.fate, deed.secs) = (fate, secs);
        }
    }

    /// Those since a time, oldest first.
    pub(crate) fn since(&self, since: Timestamp) -> impl DoubleEndedIterator<Item = &Deed> + Clone {
        let first = self.deeds.partition_point(|deed| deed.at < since);
        self.deeds.range(first..)
    }

    /// Whether fewer calls are remembered than something takes.
    pub(crate) fn is_below(&self, limit: f64) -> bool {
        (self.deeds.len() as f64) < limit
    }

    /// Whether the oldest that is remembered is younger than a time: then there may have been more.
    pub(crate) fn is_full(&self) -> bool {
        self.deeds.len() == MOST_CALLS
    }

    /// Calls per hour over the latest calls, and how many that is the rate of. Over at least ten minutes, so that three calls in a row
    /// are no rate.
    pub(crate) fn rate(&self, now: Timestamp) -> (f64, usize) {
        let window = Span::from_secs(3600);
        let count = self.since(now - window).count();
        let span = if self.is_full() {
            self.deeds.front().map_or(window, |first| now.since(first.at)).min(window)
        } else {
            window
        };
        (count as f64 * 3600.0 / span.as_secs_f64().max(600.0), count)
    }

    /// Of the latest calls those whose caller had called before, with another caller in between: numbers that are used for good come
    /// back, numbers that are thrown away do not.
    pub(crate) fn returns(&self, latest: usize) -> usize {
        let start = self.deeds.len().saturating_sub(latest);
        let mut places = Places::<128>::new();
        let (mut before, mut is_return, mut count) = (None, false, 0);
        for (place, deed) in self.deeds.iter().enumerate() {
            let last = places.put(deed.caller, place);
            // Calls in a row are one coming.
            if before != Some(deed.caller) {
                is_return = last.is_some();
            }
            before = Some(deed.caller);
            count += usize::from(is_return && place >= start);
        }
        count
    }
}

/// Standard deviation over mean of the gaps between moments, the oldest first; none for fewer than two gaps or without any time between.
pub(crate) fn unevenness(moments: impl Iterator<Item = Timestamp> + Clone) -> Option<f64> {
    let gaps = || moments.clone().zip(moments.clone().skip(1)).map(|(a, b)| b.since(a).as_secs_f64());
    let count = gaps().count();
    if count < 2 {
        return None;
    }
    let mean = gaps().sum::<f64>() / count as f64;
    let variance = gaps().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count as f64;
    (mean > 0.0).then(|| variance.sqrt() / mean)
}

/// Whether two numbers of one neighbourhood follow each other: by one or two, up or down.
pub(crate) fn follows(before: (u32, u16), after: (u32, u16)) -> bool {
    before.0 == after.0 && before.0 != 0 && matches!(before.1.abs_diff(after.1), 1..=2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    pub(crate) fn deed(call: i64, secs: i64, caller: u64) -> Deed {
        Deed {
            call,
            at: at(secs),
            caller,
            callee: call.cast_unsigned(),
            agent: 1,
            platform: 1,
            neighbourhood: 7,
            line: call as u16,
            secs: 0,
            fate: Fate::Open,
        }
    }

    #[test]
    fn an_actor_remembers_its_latest_calls_and_what_became_of_them() {
        let mut actor = Actor::default();
        for call in 0..60 {
            actor.begin(deed(call, call, 1));
        }
        actor.end(59, Fate::Answered, 7);
        assert_eq!(actor.since(at(0)).count(), MOST_CALLS);
        assert_eq!(actor.since(at(58)).map(|d| d.secs).collect::<Vec<_>>(), [0, 7]);
        let (per_hour, count) = actor.rate(at(60));
        assert_eq!((per_hour, count), (288.0, 48));
    }

    #[test]
    fn numbers_that_come_back_are_told_from_numbers_that_are_thrown_away() {
        let mut pbx = Actor::default();
        let mut robot = Actor::default();
        for call in 0..24_i64 {
            pbx.begin(deed(call, call, (call % 8) as u64));
            robot.begin(deed(call, call, (call / 3) as u64));
        }
        assert_eq!((pbx.returns(16), robot.returns(16)), (16, 0));
    }

    #[test]
    fn evenness_and_sequence() {
        assert_eq!(unevenness([0, 10, 20, 30].into_iter().map(at)), Some(0.0));
        assert!(unevenness([0, 1, 20, 22, 90].into_iter().map(at)).unwrap() > 0.9);
        assert_eq!(unevenness([0, 1].into_iter().map(at)), None);
        assert!(follows((7, 41), (7, 42)) && follows((7, 42), (7, 40)));
        assert!(!follows((7, 41), (8, 42)) && !follows((0, 1), (0, 2)) && !follows((7, 1), (7, 1)));
    }
}
