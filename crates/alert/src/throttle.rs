use std::collections::{BTreeMap, VecDeque};

use bellwether_base::{Alert, AlertKind, OutgoingAlert, Severity, Span, Timestamp};

use crate::text::rfc3339;

/// The limits of a [`Throttle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// The time after an alert in which others of its kind and subject are suppressed.
    pub quiet: Span,
    /// The most alerts in a minute, whatever they are about.
    pub per_minute: u32,
    /// The most subjects that are known at once.
    pub subjects: usize,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self { quiet: Span::from_secs(300), per_minute: 60, subjects: 10_000 }
    }
}

/// The period in which alerts are counted.
const MINUTE: Span = Span::from_secs(60);

/// The most kinds that are summed up one by one. Kinds beyond it are summed up together, as [`AlertKind::OtherKinds`].
const MAX_KINDS: usize = 64;

/// Suppresses alerts that come too often, and reports them later.
///
/// - An alert whose number is not above all earlier ones is a duplicate, and dropped.
/// - The first alert of a kind and subject passes. Others are suppressed for the quiet time; then the last of them passes, with the number of
///   the others.
/// - If more alerts come in a minute than the limit, the rest of the minute is summed up: one alert for each kind. Critical alerts always pass.
///
/// No alert is lost: each passes, or is counted in the [`OutgoingAlert::more`] of one that passes. The result depends only on the alerts and
/// times that are passed in.
pub struct Throttle {
    limits: ThrottleLimits,
    /// The latest time; it never runs backward.
    now: Timestamp,
    /// The highest number seen.
    newest: i64,
    /// Recent alerts by kind and subject, with what was suppressed since.
    recent: BTreeMap<Key, Option<Suppressed>>,
    /// The same keys in order of the end of their quiet time.
    quiet_until: VecDeque<(Timestamp, Key)>,
    /// The minute that is counted.
    minute: Option<Minute>,
    /// All suppressed alerts since the start.
    suppressed: u64,
}

/// The name of a kind, and a subject.
type Key = (String, String);

/// Alerts of one key that wait for the end of its quiet time.
struct Suppressed {
    last: OutgoingAlert,
    /// The lowest number among them.
    first: i64,
    since: Timestamp,
    count: u64,
}

struct Minute {
    began: Timestamp,
    passed: u32,
    /// The overflow of this minute, by the names of kinds.
    buckets: BTreeMap<String, Bucket>,
}

/// The overflow of one kind in a minute.
struct Bucket {
    kind: AlertKind,
    count: u64,
    first: i64,
    last: i64,
    severity: Severity,
    /// The subject, if all have the same.
    subject: Option<String>,
}

/// An alert that passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// The alert.
    pub outgoing: OutgoingAlert,
    /// The lowest number that it stands for. The cursor must stay below it until it is sent.
    pub first: i64,
}

impl Throttle {
    /// A throttle that has seen nothing.
    #[must_use]
    pub fn new(limits: ThrottleLimits) -> Self {
        Self {
            limits: ThrottleLimits { subjects: limits.subjects.max(1), ..limits },
            now: Timestamp::MIN,
            newest: i64::MIN,
            recent: BTreeMap::new(),
            quiet_until: VecDeque::new(),
            minute: None,
            suppressed: 0,
        }
    }

    /// Takes one alert; returns the alerts that pass, in order.
    pub fn admit(&mut self, outgoing: OutgoingAlert, now: Timestamp) -> Vec<Emitted> {
        let mut out = self.due(now);
        if outgoing.id <= self.newest {
            return out;
        }
        self.newest = outgoing.id;
        let key = (outgoing.alert.kind.name().to_owned(), outgoing.alert.subject.clone());
        match self.recent.get_mut(&key) {
            Some(suppressed) => {
                self.suppressed += 1;
                match suppressed {
                    Some(suppressed) => {
                        suppressed.count += 1;
                        suppressed.last = outgoing;
                    }
                    None => {
                        let (first, since) = (outgoing.id, self.now);
                        *suppressed = Some(Suppressed { first, since, count: 1, last: outgoing });
                    }
                }
            }
            None => {
                if self.recent.len() >= self.limits.subjects {
                    self.end_oldest_quiet(&mut out);
                }
                let first = outgoing.id;
                self.pass(key, Emitted { outgoing, first }, &mut out);
            }
        }
        out
    }

    /// Moves the time forward; returns the alerts that pass, in order.
    pub fn due(&mut self, now: Timestamp) -> Vec<Emitted> {
        let mut out = Vec::new();
        self.now = self.now.max(now);
        if self.minute.as_ref().is_some_and(|minute| self.now >= minute.began + MINUTE)
            && let Some(over) = self.minute.take()
        {
            out.extend(over.buckets.into_values().map(|bucket| self.sum_up(bucket, over.began)));
        }
        while self.quiet_until.front().is_some_and(|(until, _)| *until <= self.now) {
            self.end_oldest_quiet(&mut out);
        }
        out
    }

    /// The time at which [`Self::due`] will return something if no alert comes before.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let minute = self.minute.as_ref().filter(|minute| !minute.buckets.is_empty());
        let quiet = self.quiet_until.iter().find(|(_, key)| matches!(self.recent.get(key), Some(Some(_))));
        [minute.map(|minute| minute.began + MINUTE), quiet.map(|(until, _)| *until)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The lowest number that is suppressed and not reported yet.
    #[must_use]
    pub fn oldest_suppressed(&self) -> Option<i64> {
        let quiet = self.recent.values().flatten().map(|suppressed| suppressed.first);
        let buckets = self.minute.iter().flat_map(|minute| minute.buckets.values());
        quiet.chain(buckets.map(|bucket| bucket.first)).min()
    }

    /// The number of alerts that were suppressed since the start.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Ends the quiet time that began first. If alerts were suppressed in it, the last of them passes, and a new quiet time begins.
    fn end_oldest_quiet(&mut self, out: &mut Vec<Emitted>) {
        let Some((_, key)) = self.quiet_until.pop_front() else { return };
        let Some(Some(suppressed)) = self.recent.remove(&key) else { return };
        let Suppressed { mut last, first, since, count } = suppressed;
        if count > 1 {
            last.more = last.more.saturating_add(count - 1);
            let message = &last.alert.message;
            last.alert.message = format!("{message} (and {} more since {})", count - 1, rfc3339(since));
        }
        self.pass(key, Emitted { outgoing: last, first }, out);
    }

    /// Lets an alert pass, unless the minute is full.
    fn pass(&mut self, key: Key, emitted: Emitted, out: &mut Vec<Emitted>) {
        let began = self.now;
        let minute = self.minute.get_or_insert_with(|| Minute { began, passed: 0, buckets: BTreeMap::new() });
        let is_critical = emitted.outgoing.alert.severity == Severity::Critical;
        if minute.passed >= self.limits.per_minute && !is_critical {
            self.suppressed += 1;
            minute.overflow(emitted);
            return;
        }
        minute.passed = minute.passed.saturating_add(1);
        self.quiet_until.push_back((self.now + self.limits.quiet, key.clone()));
        self.recent.insert(key, None);
        out.push(emitted);
    }

    fn sum_up(&self, bucket: Bucket, began: Timestamp) -> Emitted {
        let Bucket { kind, count, first, last, severity, subject } = bucket;
        let message = format!(
            "{count} more {kind} in the minute from {}, held back since over {} alerts came in it",
            rfc3339(began),
            self.limits.per_minute
        );
        let alert = Alert {
            at: began + MINUTE,
            kind,
            severity,
            subject: subject.unwrap_or_default(),
            message,
            call: None,
            campaign: None,
            incident: None,
        };
        // The summary is none of those that it counts, but takes the place of one.
        let more = count - 1;
        let outgoing = OutgoingAlert { id: last, alert, call_id: None, fingerprint: None, score: None, more };
        Emitted { outgoing, first }
    }
}

impl Minute {
    /// Counts an alert that came when the minute was full.
    fn overflow(&mut self, emitted: Emitted) {
        let Emitted { outgoing: OutgoingAlert { id, alert, more, .. }, first } = emitted;
        let Alert { kind, severity, subject, .. } = alert;
        let is_known = self.buckets.contains_key(kind.name()) || self.buckets.len() < MAX_KINDS;
        let kind = if is_known { kind } else { AlertKind::OtherKinds };
        let count = more.saturating_add(1);
        match self.buckets.get_mut(kind.name()) {
            None => {
                let name = kind.name().to_owned();
                let subject = Some(subject);
                self.buckets.insert(name, Bucket { kind, count, first, last: id, severity, subject });
            }
            Some(bucket) => {
                bucket.count = bucket.count.saturating_add(count);
                bucket.first = bucket.first.min(first);
                bucket.last = bucket.last.max(id);
                bucket.severity = bucket.severity.max(severity);
                if bucket.subject.as_ref() != Some(&subject) {
                    bucket.subject = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::sample_with;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(crate::samples::MOMENT) + Span::from_secs(seconds)
    }

    fn about(id: i64, subject: &str) -> OutgoingAlert {
        sample_with(id, |alert| {
            (alert.severity, alert.message) = (Severity::Warning, "seen".into());
            alert.subject = subject.into();
        })
    }

    fn ids(emitted: &[Emitted]) -> Vec<i64> {
        emitted.iter().map(|r| r.outgoing.id).collect()
    }

    #[test]
    fn a_subject_is_reported_once_and_the_rest_is_counted_when_its_quiet_ends() {
        let mut throttle = Throttle::new(ThrottleLimits::default());
        assert_eq!(ids(&throttle.admit(about(1, "a"), at(0))), [1]);
        assert_eq!(ids(&throttle.admit(about(2, "b"), at(1))), [2]);
        for id in 3..6 {
            assert_eq!(ids(&throttle.admit(about(id, "a"), at(id))), [0; 0]);
        }
        assert_eq!((throttle.next_due(), throttle.oldest_suppressed()), (Some(at(300)), Some(3)));
        assert_eq!(throttle.due(at(299)), []);
        let reported = throttle.due(at(300));
        assert_eq!(ids(&reported), [5]);
        assert_eq!((reported[0].first, reported[0].outgoing.more), (3, 2));
        assert_eq!(reported[0].outgoing.alert.message, "seen (and 2 more since 2026-03-01T12:34:59.789012Z)");
        // It was reported again, so it is quiet again.
        assert_eq!(ids(&throttle.admit(about(6, "a"), at(301))), [0; 0]);
        assert_eq!(ids(&throttle.admit(about(7, "b"), at(302))), [7]);
        let alone = throttle.due(at(600));
        assert_eq!((ids(&alone), alone[0].outgoing.alert.message.as_str()), (vec![6], "seen"));
        assert_eq!(throttle.due(at(5000)), []);
        assert_eq!(
            (throttle.next_due(), throttle.oldest_suppressed(), throttle.recent.len()),
            (None, None, 0)
        );
    }

    #[test]
    fn the_same_number_comes_once() {
        let mut throttle = Throttle::new(ThrottleLimits::default());
        assert_eq!(ids(&throttle.admit(about(5, "a"), at(0))), [5]);
        assert_eq!(throttle.admit(about(5, "a"), at(1000)), []);
        assert_eq!(throttle.admit(about(4, "b"), at(1000)), []);
        assert_eq!(throttle.suppressed(), 0);
    }

    #[test]
    fn a_full_minute_is_summed_up_by_kind_and_critical_alerts_pass() {
        let mut throttle = Throttle::new(ThrottleLimits { per_minute: 3, ..ThrottleLimits::default() });
        let mut out = Vec::new();
        for id in 0..10 {
            let kind = if id % 2 == 0 { "even" } else { "odd" };
            let mut outgoing = about(id, &format!("s{id}"));
            outgoing.alert.kind = AlertKind::named(kind);
            out.extend(throttle.admit(outgoing, at(id)));
        }
        assert_eq!(ids(&out), [0, 1, 2]);
        let mut critical = about(10, "s10");
        critical.alert.severity = Severity::Critical;
        assert_eq!(ids(&throttle.admit(critical, at(20))), [10]);
        assert_eq!(throttle.next_due(), Some(at(60)));
        let sums = throttle.due(at(61));
        assert_eq!(
            sums.iter().map(|r| r.outgoing.alert.message.as_str()).collect::<Vec<_>>(),
            [
                "3 more even in the minute from 2026-03-01T12:34:56.789012Z, held back since over 3 alerts came in it",
                "4 more odd in the minute from 2026-03-01T12:34:56.789012Z, held back since over 3 alerts came in it",
            ]
        );
        assert_eq!((sums[0].first, sums[0].outgoing.id, sums[0].outgoing.more), (4, 8, 2));
        assert_eq!(ids(&throttle.admit(about(11, "s11"), at(62))), [11]);
    }

    #[test]
    fn a_subject_that_has_to_be_forgotten_is_reported_first() {
        let mut throttle = Throttle::new(ThrottleLimits { subjects: 2, ..ThrottleLimits::default() });
        throttle.admit(about(1, "a"), at(0));
        throttle.admit(about(2, "a"), at(1));
        throttle.admit(about(3, "b"), at(2));
        assert_eq!(ids(&throttle.admit(about(4, "c"), at(3))), [2, 4]);
        assert!(throttle.recent.len() <= 3);
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
                let mut outgoing = about(id, &subject.to_string());
                (outgoing.alert.kind, outgoing.alert.severity) = (AlertKind::named(&kind.to_string()), severity);
                let sent = throttle.admit(outgoing, at(seconds));
                // The cursor's bound: a suppressed alert was not reported yet.
                if let Some(first) = throttle.oldest_suppressed() {
                    prop_assert!(first <= id);
                }
                out.extend(sent.into_iter().map(|r| (seconds, r)));
            }
            // As often as it says, until it says no more.
            while let Some(next) = throttle.next_due() {
                let sent = throttle.due(next);
                out.extend(sent.into_iter().map(|r| (next.since(at(0)).as_nanos() / 1_000_000_000, r)));
            }
            prop_assert_eq!(throttle.oldest_suppressed(), None);
            let reported: u64 = out.iter().map(|(_, r)| 1 + r.outgoing.more).sum();
            prop_assert_eq!(reported, came.len() as u64);
            let is_sum = |r: &Emitted| r.outgoing.alert.message.contains("held back since");
            for (i, (when, r)) in out.iter().enumerate() {
                if is_sum(r) {
                    prop_assert!(r.outgoing.alert.severity != Severity::Critical);
                    continue;
                }
                let before = out[..i].iter().rev().find(|(_, b)| {
                    !is_sum(b) && (&b.outgoing.alert.kind, &b.outgoing.alert.subject) == (&r.outgoing.alert.kind, &r.outgoing.alert.subject)
                });
                if let Some((earlier, _)) = before {
                    prop_assert!(when - earlier >= quiet);
                }
            }
            // Any minute holds the ends of two counted ones at most.
            for (when, _) in &out {
                let near = out.iter().filter(|(w, r)| {
                    (*when..*when + 60).contains(w) && r.outgoing.alert.severity != Severity::Critical && !is_sum(r)
                });
                prop_assert!(near.count() <= 2 * per_minute as usize);
            }
        }
    }
}
