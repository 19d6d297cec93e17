//! Recent calls of one caller, or of one source address.

use bellwether_base::{CallId, Span, Timestamp};
use smallvec::SmallVec;

use crate::stack_index::StackIndex;

/// Maximum number of calls per history.
const MAX_CALLS: usize = 48;

/// Calls above the maximum before the oldest are dropped together. Dropping them one by one would move the
/// others each time.
const TOO_MANY: usize = 16;

/// Length of the window for all evidence.
pub(crate) const LOOKS_BACK: Span = Span::from_secs(6 * 3600);

/// Length of the window for a caller's own calls.
pub(crate) const OF_CALLERS: Span = Span::from_secs(2 * 3600);

/// The result of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum CallResult {
    /// The call is open, or its end was not seen.
    #[default]
    Open,
    Unanswered,
    /// The number is unallocated (404, 484 or 604).
    Nobody,
    Answered,
}

/// A call in a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallEvent {
    pub(crate) call: CallId,
    pub(crate) at: Timestamp,
    /// Hashes of the parties, the User-Agent and the platform. 32 bits suffice to distinguish some dozens.
    pub(crate) caller: u32,
    pub(crate) callee: u32,
    pub(crate) agent: u32,
    pub(crate) platform: u32,
    /// Hash of the called number's block; 0 for none.
    pub(crate) neighbourhood: u32,
    /// Offset of the called number in its block: the last three digits.
    pub(crate) line: u16,
    /// Duration of the conversation in seconds.
    pub(crate) secs: u16,
    pub(crate) fate: CallResult,
}

/// The latest calls of a caller or source, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallHistory {
    /// Most callers make one call, which needs no heap memory.
    deeds: SmallVec<[CallEvent; 1]>,
    /// Total number of calls. The place of a call is the number of calls before it.
    begun: u32,
}

impl CallHistory {
    /// Adds a new call and returns its place. Calls older than `asked_for` are dropped before the history
    /// grows.
    pub(crate) fn begin(&mut self, deed: CallEvent, asked_for: Span) -> u32 {
        if self.deeds.len() == self.deeds.capacity() {
            let old = self.deeds.partition_point(|known| known.at < deed.at - asked_for);
            self.deeds.drain(..old);
        }
        if self.deeds.len() == MAX_CALLS + TOO_MANY {
            self.deeds.drain(..TOO_MANY);
        }
        self.deeds.push(deed);
        self.begun = self.begun.wrapping_add(1);
        self.begun.wrapping_sub(1)
    }

    /// All remembered calls, oldest first.
    pub(crate) fn latest(&self) -> &[CallEvent] {
        self.deeds.get(self.deeds.len().saturating_sub(MAX_CALLS)..).unwrap_or_default()
    }

    /// Number of open calls in the last two hours. The limit excludes calls whose end the mirror missed.
    pub(crate) fn open(&self, now: Timestamp) -> usize {
        self.since(now - OF_CALLERS).iter().filter(|deed| deed.fate == CallResult::Open).count()
    }

    /// Records the result of the call at a place.
    pub(crate) fn end(&mut self, place: u32, call: CallId, fate: CallResult, secs: u16) {
        let first = self.begun.wrapping_sub(self.deeds.len() as u32);
        let deed = self.deeds.get_mut(place.wrapping_sub(first) as usize);
        if let Some(deed) = deed.filter(|deed| deed.call == call) {
            (deed.fate, deed.secs) = (fate, secs);
        }
    }

    /// The calls since a time, oldest first.
    pub(crate) fn since(&self, since: Timestamp) -> &[CallEvent] {
        let latest = self.latest();
        let first = latest.partition_point(|deed| deed.at < since);
        latest.get(first..).unwrap_or_default()
    }

    /// Returns true if the history has fewer calls than a limit.
    pub(crate) fn is_below(&self, limit: f64) -> bool {
        (self.latest().len() as f64) < limit
    }

    /// Returns true if the history is full, so that older calls may have been dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.deeds.len() >= MAX_CALLS
    }

    /// Calls per hour over the latest calls, and the number of calls counted. The divisor is at least ten
    /// minutes, so that three calls in a row are no high rate.
    pub(crate) fn rate(&self, now: Timestamp) -> (f64, usize) {
        let window = Span::from_secs(3600);
        let count = self.since(now - window).len();
        let span = if self.is_full() {
            self.latest().first().map_or(window, |first| now.since(first.at)).min(window)
        } else {
            window
        };
        (count as f64 * 3600.0 / span.as_secs_f64().max(600.0), count)
    }

    /// Of the latest calls, the number whose caller returned after calls of other callers. Honest numbers
    /// return; throwaway numbers do not.
    pub(crate) fn returns(&self, latest: usize) -> usize {
        let deeds = self.latest();
        let start = deeds.len().saturating_sub(latest);
        let mut places = StackIndex::<128>::new();
        let (mut before, mut is_return, mut count) = (None, false, 0);
        for (place, deed) in deeds.iter().enumerate() {
            let last = places.put(place, |at| deeds.get(at).map_or(0, |deed| deed.caller.into()));
            // Consecutive calls of one caller count as one return.
            if before != Some(deed.caller) {
                is_return = last.is_some();
            }
            before = Some(deed.caller);
            count += usize::from(is_return && place >= start);
        }
        count
    }
}

/// Coefficient of variation of the gaps between moments, oldest first: standard deviation over mean. `None`
/// with fewer than two gaps, or if all moments are equal.
pub(crate) fn unevenness<T>(things: &[T], at: impl Fn(&T) -> Timestamp) -> Option<f64> {
    let gaps =
        || things.windows(2).filter_map(|two| Some(at(two.get(1)?).since(at(two.first()?)).as_secs_f64()));
    if things.len() < 3 {
        return None;
    }
    let count = (things.len() - 1) as f64;
    let mean = gaps().sum::<f64>() / count;
    let variance = gaps().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
    (mean > 0.0).then(|| variance.sqrt() / mean)
}

/// Returns true if two numbers of one block are consecutive: they differ by one or two.
pub(crate) fn follows(before: (u32, u16), after: (u32, u16)) -> bool {
    before.0 == after.0 && before.0 != 0 && matches!(before.1.abs_diff(after.1), 1..=2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    pub(crate) fn deed(call: i64, secs: i64, caller: u32) -> CallEvent {
        CallEvent {
            call: CallId::new(call),
            at: at(secs),
            caller,
            callee: call as u32,
            agent: 1,
            platform: 1,
            neighbourhood: 7,
            line: call as u16,
            secs: 0,
            fate: CallResult::Open,
        }
    }

    #[test]
    fn an_actor_remembers_its_latest_calls_and_what_became_of_them() {
        let mut actor = CallHistory::default();
        let places: Vec<u32> = (0..70).map(|call| actor.begin(deed(call, call, 1), LOOKS_BACK)).collect();
        actor.end(places[69], CallId::new(69), CallResult::Answered, 7);
        // A call that was dropped, or has another place, changes nothing.
        actor.end(places[3], CallId::new(3), CallResult::Answered, 9);
        actor.end(places[68], CallId::new(67), CallResult::Answered, 9);
        assert_eq!(actor.since(at(0)).len(), MAX_CALLS);
        assert_eq!(actor.since(at(68)).iter().map(|d| d.secs).collect::<Vec<_>>(), [0, 7]);
        assert_eq!(actor.latest().first().map(|d| d.call), Some(CallId::new(70 - MAX_CALLS as i64)));
        let (per_hour, count) = actor.rate(at(70));
        assert_eq!((per_hour, count), (288.0, 48));
        // A caller with one call a day has no history.
        let mut seldom = CallHistory::default();
        for call in 0..3 {
            seldom.begin(deed(call, call * 86_400, 1), LOOKS_BACK);
        }
        let place = seldom.begin(deed(3, 2 * 86_400 + 1, 1), LOOKS_BACK);
        seldom.end(place, CallId::new(3), CallResult::Answered, 5);
        assert_eq!(
            seldom.latest().iter().map(|d| (d.call.get(), d.secs)).collect::<Vec<_>>(),
            [(2, 0), (3, 5)]
        );
    }

    #[test]
    fn numbers_that_come_back_are_told_from_numbers_that_are_thrown_away() {
        let mut pbx = CallHistory::default();
        let mut robot = CallHistory::default();
        for call in 0..24_i64 {
            pbx.begin(deed(call, call, (call % 8) as u32), LOOKS_BACK);
            robot.begin(deed(call, call, (call / 3) as u32), LOOKS_BACK);
        }
        assert_eq!((pbx.returns(16), robot.returns(16)), (16, 0));
    }

    #[test]
    fn evenness_and_sequence() {
        assert_eq!(unevenness(&[0, 10, 20, 30], |s| at(*s)), Some(0.0));
        assert!(unevenness(&[0, 1, 20, 22, 90], |s| at(*s)).unwrap() > 0.9);
        assert_eq!(unevenness(&[0, 1], |s| at(*s)), None);
        assert!(follows((7, 41), (7, 42)) && follows((7, 42), (7, 40)));
        assert!(!follows((7, 41), (8, 42)) && !follows((0, 1), (0, 2)) && !follows((7, 1), (7, 1)));
    }
}
