use std::collections::{BTreeMap, VecDeque};

use bellwether_base::{Span, Timestamp};

use crate::text::rfc3339;
use crate::{Notice, Severity};

/// What a [`Throttle`] lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// For so long after a notice, others of its kind about its subject are held back.
    pub quiet: Span,
    /// So many notices may come in a minute, whatever they are about.
    pub per_minute: u32,
    /// So many subjects are known at most.
    pub subjects: usize,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self { quiet: Span::from_secs(300), per_minute: 60, subjects: 10_000 }
    }
}

/// Over what the notices are counted.
const MINUTE: Span = Span::from_secs(60);

/// Kinds that are summed up apart; kinds beyond that are summed up together.
const KINDS: usize = 64;

/// What the kinds beyond [`KINDS`] are called.
const OTHER_KINDS: &str = "other_kinds";

/// Holds back what comes too often, and tells of it later.
///
/// - A notice whose number is not above the ones before is a repetition and passed over.
/// - Of a kind and subject the first is let through. What follows while it is quiet is held; when that is over, the last of them comes, and says how
///   many more there were.
/// - When more than a number in a minute would come, the rest of the minute is summed up: one notice for each kind. Critical notices are
///   let through all the same.
///
/// Nothing is lost: every notice is let through, or counted in the [`Notice::more`] of one that is. Which only
/// depends on the notices and times that are passed in.
pub struct Throttle {
    limits: ThrottleLimits,
    /// Time as far as it is known; it never runs backward.
    now: Timestamp,
    /// The highest number seen.
    newest: i64,
    /// What was told lately, by kind and subject.
    told: BTreeMap<Key, Option<Suppressed>>,
    /// The same in order of when it was quiet for long enough.
    quiet_until: VecDeque<(Timestamp, Key)>,
    /// The minute that is counted.
    minute: Option<Minute>,
    /// Held ever.
    held: u64,
}

type Key = (String, String);

/// What waits for the end of a subject's quiet.
struct Suppressed {
    last: Notice,
    /// The lowest number held.
    first: i64,
    since: Timestamp,
    count: u64,
}

struct Minute {
    began: Timestamp,
    passed: u32,
    poured: BTreeMap<String, Bucket>,
}

/// What came too much of in a minute, of one kind.
struct Bucket {
    count: u64,
    first: i64,
    last: i64,
    severity: Severity,
    /// Its subject, as long as it is always the same.
    subject: Option<String>,
}

/// A notice that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// What is said.
    pub notice: Notice,
    /// The lowest number that it speaks for: a cursor must stay below until it is sent.
    pub first: i64,
}

impl Throttle {
    /// Nothing told yet.
    #[must_use]
    pub fn new(limits: ThrottleLimits) -> Self {
        Self {
            limits: ThrottleLimits { subjects: limits.subjects.max(1), ..limits },
            now: Timestamp::MIN,
            newest: i64::MIN,
            told: BTreeMap::new(),
            quiet_until: VecDeque::new(),
            minute: None,
            held: 0,
        }
    }

    /// One notice comes in; returns what goes out, in order.
    pub fn admit(&mut self, notice: Notice, now: Timestamp) -> Vec<Emitted> {
        let mut out = self.due(now);
        if notice.id <= self.newest {
            return out;
        }
        self.newest = notice.id;
        let key = (notice.kind.clone(), notice.subject.clone());
        match self.told.get_mut(&key) {
            Some(held) => {
                self.held += 1;
                match held {
                    Some(held) => {
                        held.count += 1;
                        held.last = notice;
                    }
                    None => {
                        *held =
                            Some(Suppressed { first: notice.id, since: self.now, count: 1, last: notice });
                    }
                }
            }
            None => {
                if self.told.len() >= self.limits.subjects {
                    self.forget_oldest(&mut out);
                }
                let first = notice.id;
                self.pass(key, Emitted { notice, first }, &mut out);
            }
        }
        out
    }

    /// Time goes on; returns what goes out, in order.
    pub fn due(&mut self, now: Timestamp) -> Vec<Emitted> {
        let mut out = Vec::new();
        self.now = self.now.max(now);
        if self.minute.as_ref().is_some_and(|minute| self.now >= minute.began + MINUTE)
            && let Some(over) = self.minute.take()
        {
            out.extend(over.poured.into_iter().map(|(kind, poured)| self.sum_up(kind, poured, over.began)));
        }
        while self.quiet_until.front().is_some_and(|(until, _)| *until <= self.now) {
            self.forget_oldest(&mut out);
        }
        out
    }

    /// When [`Self::due`] will have something, if nothing else comes.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let minute = self.minute.as_ref().filter(|minute| !minute.poured.is_empty());
        let quiet = self.quiet_until.iter().find(|(_, key)| matches!(self.told.get(key), Some(Some(_))));
        [minute.map(|minute| minute.began + MINUTE), quiet.map(|(until, _)| *until)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The lowest number that is held and not told of yet.
    #[must_use]
    pub fn oldest_held(&self) -> Option<i64> {
        let quiet = self.told.values().flatten().map(|held| held.first);
        let poured = self.minute.iter().flat_map(|minute| minute.poured.values()).map(|poured| poured.first);
        quiet.chain(poured).min()
    }

    /// How many notices were held back since the start, to be counted in others.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// The quiet of the one told longest ago ends; what was held meanwhile is told, and it is quiet again.
    fn forget_oldest(&mut self, out: &mut Vec<Emitted>) {
        let Some((_, key)) = self.quiet_until.pop_front() else { return };
        let Some(Some(held)) = self.told.remove(&key) else { return };
        let Suppressed { mut last, first, since, count } = held;
        if count > 1 {
            last.more = last.more.saturating_add(count - 1);
            last.message = format!("{} (and {} more since {})", last.message, count - 1, rfc3339(since));
        }
        self.pass(key, Emitted { notice: last, first }, out);
    }

    /// Lets a notice out, unless too many came in this minute.
    fn pass(&mut self, key: Key, released: Emitted, out: &mut Vec<Emitted>) {
        let began = self.now;
        let minute = self.minute.get_or_insert_with(|| Minute { began, passed: 0, poured: BTreeMap::new() });
        let is_critical = released.notice.severity == Severity::Critical;
        if minute.passed >= self.limits.per_minute && !is_critical {
            self.held += 1;
            minute.pour(released);
            return;
        }
        minute.passed = minute.passed.saturating_add(1);
        self.quiet_until.push_back((self.now + self.limits.quiet, key.clone()));
        self.told.insert(key, None);
        out.push(released);
    }

    fn sum_up(&self, kind: String, poured: Bucket, began: Timestamp) -> Emitted {
        let count = poured.count;
        let message = format!(
            "{count} more {kind} in the minute from {}, held back since over {} notices came in it",
            rfc3339(began),
            self.limits.per_minute
        );
        let notice = Notice {
            id: poured.last,
            at: began + MINUTE,
            kind,
            severity: poured.severity,
            subject: poured.subject.unwrap_or_default(),
            message,
            call_id: None,
            campaign: None,
            fingerprint: None,
            score: None,
            // It is itself none of those that it counts, but stands in for one.
            more: count - 1,
        };
        Emitted { notice, first: poured.first }
    }
}

impl Minute {
    fn pour(&mut self, released: Emitted) {
        let Emitted { notice, first } = released;
        let is_known = self.poured.contains_key(&notice.kind) || self.poured.len() < KINDS;
        let kind = if is_known { notice.kind } else { OTHER_KINDS.to_owned() };
        let count = notice.more.saturating_add(1);
        match self.poured.get_mut(&kind) {
            None => {
                let subject = Some(notice.subject);
                let poured = Bucket { count, first, last: notice.id, severity: notice.severity, subject };
                self.poured.insert(kind, poured);
            }
            Some(poured) => {
                poured.count = poured.count.saturating_add(count);
                poured.first = poured.first.min(first);
                poured.last = poured.last.max(notice.id);
                poured.severity = poured.severity.max(notice.severity);
                if poured.subject.as_ref() != Some(&notice.subject) {
                    poured.subject = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notice::tests::notice;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(crate::notice::tests::MOMENT) + Span::from_secs(seconds)
    }

    fn about(id: i64, subject: &str) -> Notice {
        Notice { subject: subject.into(), severity: Severity::Warning, message: "seen".into(), ..notice(id) }
    }

    fn ids(released: &[Emitted]) -> Vec<i64> {
        released.iter().map(|r| r.notice.id).collect()
    }

    #[test]
    fn a_subject_is_told_once_and_what_followed_is_counted_when_its_quiet_ends() {
        let mut throttle = Throttle::new(ThrottleLimits::default());
        assert_eq!(ids(&throttle.admit(about(1, "a"), at(0))), [1]);
        assert_eq!(ids(&throttle.admit(about(2, "b"), at(1))), [2]);
        for id in 3..6 {
            assert_eq!(ids(&throttle.admit(about(id, "a"), at(id))), [0; 0]);
        }
        assert_eq!((throttle.next_due(), throttle.oldest_held()), (Some(at(300)), Some(3)));
        assert_eq!(throttle.due(at(299)), []);
        let told = throttle.due(at(300));
        assert_eq!(ids(&told), [5]);
        assert_eq!((told[0].first, told[0].notice.more), (3, 2));
        assert_eq!(told[0].notice.message, "seen (and 2 more since 2026-03-01T12:34:59.789012Z)");
        // It was told again, so it is quiet again.
        assert_eq!(ids(&throttle.admit(about(6, "a"), at(301))), [0; 0]);
        assert_eq!(ids(&throttle.admit(about(7, "b"), at(302))), [7]);
        let alone = throttle.due(at(600));
        assert_eq!((ids(&alone), alone[0].notice.message.as_str()), (vec![6], "seen"));
        assert_eq!(throttle.due(at(5000)), []);
        assert_eq!((throttle.next_due(), throttle.oldest_held(), throttle.told.len()), (None, None, 0));
    }

    #[test]
    fn the_same_number_comes_once() {
        let mut throttle = Throttle::new(ThrottleLimits::default());
        assert_eq!(ids(&throttle.admit(about(5, "a"), at(0))), [5]);
        assert_eq!(throttle.admit(about(5, "a"), at(1000)), []);
        assert_eq!(throttle.admit(about(4, "b"), at(1000)), []);
        assert_eq!(throttle.held(), 0);
    }

    #[test]
    fn when_they_pour_each_kind_is_summed_up_and_critical_ones_pass() {
        let mut throttle = Throttle::new(ThrottleLimits { per_minute: 3, ..ThrottleLimits::default() });
        let mut out = Vec::new();
        for id in 0..10 {
            let kind = if id % 2 == 0 { "even" } else { "odd" };
            out.extend(throttle.admit(Notice { kind: kind.into(), ..about(id, &format!("s{id}")) }, at(id)));
        }
        assert_eq!(ids(&out), [0, 1, 2]);
        let critical = Notice { severity: Severity::Critical, ..about(10, "s10") };
        assert_eq!(ids(&throttle.admit(critical, at(20))), [10]);
        assert_eq!(throttle.next_due(), Some(at(60)));
        let sums = throttle.due(at(61));
        assert_eq!(
            sums.iter().map(|r| r.notice.message.as_str()).collect::<Vec<_>>(),
            [
                "3 more even in the minute from 2026-03-01T12:34:56.789012Z, held back since over 3 notices came in it",
                "4 more odd in the minute from 2026-03-01T12:34:56.789012Z, held back since over 3 notices came in it",
            ]
        );
        assert_eq!((sums[0].first, sums[0].notice.id, sums[0].notice.more), (4, 8, 2));
        assert_eq!(ids(&throttle.admit(about(11, "s11"), at(62))), [11]);
    }

    #[test]
    fn a_subject_that_has_to_be_forgotten_is_told_first() {
        let mut throttle = Throttle::new(ThrottleLimits { subjects: 2, ..ThrottleLimits::default() });
        throttle.admit(about(1, "a"), at(0));
        throttle.admit(about(2, "a"), at(1));
        throttle.admit(about(3, "b"), at(2));
        assert_eq!(ids(&throttle.admit(about(4, "c"), at(3))), [2, 4]);
        assert!(throttle.told.len() <= 3);
    }

    proptest! {
        #[test]
        fn every_notice_is_let_through_or_counted_and_the_limits_hold(
            came in prop::collection::vec((0i64..40, 0u8..3, 0u8..30, 0u8..3), 0..400),
            per_minute in 1u32..20,
            quiet in 0i64..400,
        ) {
            let limits = ThrottleLimits { quiet: Span::from_secs(quiet), per_minute, subjects: 1000 };
            let mut throttle = Throttle::new(limits);
            let (mut seconds, mut out) = (0, Vec::new());
            for (id, (pause, kind, subject, severity)) in (1i64..).zip(&came) {
                seconds += pause;
                let severity = [Severity::Notice, Severity::Warning, Severity::Critical][usize::from(*severity)];
                let came = Notice { kind: kind.to_string(), severity, ..about(id, &subject.to_string()) };
                let sent = throttle.admit(came, at(seconds));
                // The cursor's bound: whatever is held was not told of yet.
                if let Some(held) = throttle.oldest_held() {
                    prop_assert!(held <= id);
                }
                out.extend(sent.into_iter().map(|r| (seconds, r)));
            }
            // As often as it says, until it says no more.
            while let Some(next) = throttle.next_due() {
                let sent = throttle.due(next);
                out.extend(sent.into_iter().map(|r| (next.since(at(0)).as_nanos() / 1_000_000_000, r)));
            }
            prop_assert_eq!(throttle.oldest_held(), None);
            let told: u64 = out.iter().map(|(_, r)| 1 + r.notice.more).sum();
            prop_assert_eq!(told, came.len() as u64);
            let is_sum = |r: &Emitted| r.notice.message.contains("held back since");
            for (i, (when, r)) in out.iter().enumerate() {
                if is_sum(r) {
                    prop_assert!(r.notice.severity != Severity::Critical);
                    continue;
                }
                let before = out[..i].iter().rev().find(|(_, b)| {
                    !is_sum(b) && (&b.notice.kind, &b.notice.subject) == (&r.notice.kind, &r.notice.subject)
                });
                if let Some((earlier, _)) = before {
                    prop_assert!(when - earlier >= quiet);
                }
            }
            // Any minute holds the ends of two counted ones at most.
            for (when, _) in &out {
                let near = out.iter().filter(|(w, r)| {
                    (*when..*when + 60).contains(w) && r.notice.severity != Severity::Critical && !is_sum(r)
                });
                prop_assert!(near.count() <= 2 * per_minute as usize);
            }
        }
    }
}
