use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ThrottleLimits;
use crate::samples::{MOMENT, sample_with};

/// A spool in memory.
#[derive(Default)]
struct Memory {
    alerts: BTreeMap<i64, OutgoingAlert>,
    cursors: BTreeMap<String, i64>,
    /// True if the next access fails.
    fails: bool,
}

impl Memory {
    fn with(ids: impl IntoIterator<Item = i64>) -> Self {
        let alerts = ids.into_iter().map(|id| (id, about(id, &format!("s{id}")))).collect();
        Self { alerts, ..Self::default() }
    }

    fn access(&mut self) -> Result<(), &'static str> {
        if std::mem::take(&mut self.fails) { Err("disk full") } else { Ok(()) }
    }
}

impl Spool for Memory {
    type Error = &'static str;

    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<OutgoingAlert>, Self::Error> {
        self.access()?;
        Ok(self.alerts.range(id + 1..).take(limit).map(|(_, outgoing)| outgoing.clone()).collect())
    }

    fn newest(&mut self) -> Result<i64, Self::Error> {
        self.access()?;
        Ok(self.alerts.last_key_value().map_or(0, |(id, _)| *id))
    }

    fn cursor(&mut self, receiver: &str) -> Result<i64, Self::Error> {
        self.access()?;
        Ok(self.cursors.get(receiver).copied().unwrap_or(0))
    }

    fn sent(&mut self, receiver: &str, id: i64) -> Result<(), Self::Error> {
        self.access()?;
        let before = self.cursors.insert(receiver.to_owned(), id);
        assert!(before.is_none_or(|before| before < id), "a cursor never goes back");
        Ok(())
    }
}

/// The outcomes of a receiver's next steps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Luck {
    Good,
    /// It is unreachable at the next alert.
    SendFails,
    /// All that was sent is lost, and the confirmation does not come.
    Lost,
    /// All that was sent arrives, but the confirmation does not come.
    Unconfirmed,
    Refuses,
}

/// A receiver with a plan.
struct Fake {
    batch_size: usize,
    luck: VecDeque<Luck>,
    pending: Vec<i64>,
    arrived: Vec<OutgoingAlert>,
    tries: usize,
}

impl Fake {
    fn new(batch_size: usize, luck: impl IntoIterator<Item = Luck>) -> Self {
        Self {
            batch_size,
            luck: luck.into_iter().collect(),
            pending: Vec::new(),
            arrived: Vec::new(),
            tries: 0,
        }
    }

    fn ids(&self) -> Vec<i64> {
        self.arrived.iter().map(|outgoing| outgoing.id).collect()
    }
}

impl Receiver for Fake {
    fn send(&mut self, outgoing: &OutgoingAlert, _now: Timestamp) -> Result<(), Failure> {
        self.tries += 1;
        match self.luck.front() {
            Some(Luck::SendFails) => {
                self.luck.pop_front();
                let lost = std::mem::take(&mut self.pending).len();
                self.arrived.truncate(self.arrived.len() - lost);
                return Err(Failure::Unreachable("connection refused".into()));
            }
            Some(Luck::Refuses) => {
                self.luck.pop_front();
                return Err(Failure::Refused("400".into()));
            }
            _ => {}
        }
        self.pending.push(outgoing.id);
        self.arrived.push(outgoing.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let sent = std::mem::take(&mut self.pending).len();
        match self.luck.pop_front() {
            Some(Luck::Lost) => {
                self.arrived.truncate(self.arrived.len() - sent);
                Err(Failure::Unreachable("reset".into()))
            }
            Some(Luck::Unconfirmed) => Err(Failure::Unreachable("took too long".into())),
            _ => Ok(()),
        }
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }
}

fn about(id: i64, subject: &str) -> OutgoingAlert {
    sample_with(id, |alert| (alert.subject, alert.severity) = (subject.into(), Severity::Warning))
}

fn start() -> Timestamp {
    Timestamp::from_nanos(MOMENT)
}

/// Polls until nothing waits. Time passes as the deliverer asks for. Returns the time.
fn run(deliverer: &mut Deliverer<Fake>, spool: &mut Memory, mut now: Timestamp) -> Timestamp {
    for _ in 0..10_000 {
        match deliverer.poll(spool, now) {
            Ok(Wait::Again) | Err(_) => {}
            Ok(Wait::Until(then)) => now = now.max(then),
            Ok(Wait::NewAlert) => return now,
        }
    }
    panic!("it does not come to an end");
}

fn deliverer(fake: Fake) -> Deliverer<Fake> {
    Deliverer::new("siem", fake, None, Limits::default(), 1)
}

#[test]
fn alerts_arrive_in_order_and_the_cursor_follows() {
    let mut spool = Memory::with([1, 2, 3, 5, 8, 13]);
    let mut deliverer = deliverer(Fake::new(2, []));
    run(&mut deliverer, &mut spool, start());
    assert_eq!(deliverer.receiver.ids(), [1, 2, 3, 5, 8, 13]);
    assert_eq!(spool.cursors["siem"], 13);
    assert_eq!(deliverer.counts(), Counts { sent: 6, ..Counts::default() });
    spool.alerts.insert(14, about(14, "late"));
    run(&mut deliverer, &mut spool, start());
    assert_eq!(deliverer.receiver.ids(), [1, 2, 3, 5, 8, 13, 14]);
}

#[test]
fn the_cursor_waits_for_the_confirmation_and_the_batch_comes_again() {
    let mut spool = Memory::with(1..=4);
    let mut deliverer = deliverer(Fake::new(2, [Luck::Good, Luck::Unconfirmed, Luck::Lost]));
    assert_eq!(deliverer.poll(&mut spool, start()), Ok(Wait::Again));
    let Ok(Wait::Until(then)) = deliverer.poll(&mut spool, start()) else { panic!("it should wait") };
    assert_eq!((spool.cursors["siem"], deliverer.outage()), (2, Some((start(), "took too long"))));
    // Nothing is tried before.
    let tries = deliverer.receiver.tries;
    assert_eq!(deliverer.poll(&mut spool, start()), Ok(Wait::Until(then)));
    assert_eq!(deliverer.receiver.tries, tries);
    run(&mut deliverer, &mut spool, then);
    assert_eq!(deliverer.receiver.ids(), [1, 2, 3, 4, 3, 4]);
    assert_eq!((spool.cursors["siem"], deliverer.outage()), (4, None));
    assert_eq!(deliverer.counts(), Counts { sent: 4, failures: 2, ..Counts::default() });
}

#[test]
fn a_receiver_that_is_unreachable_for_long_is_tried_less_and_less() {
    let mut spool = Memory::with([1]);
    let mut deliverer = deliverer(Fake::new(2, vec![Luck::SendFails; 20]));
    let end = run(&mut deliverer, &mut spool, start());
    let hours = end.since(start()).as_secs_f64() / 3600.0;
    // Nine doublings to 256 s, then eleven times 300 s; half of it by chance.
    assert!((0.5..1.1).contains(&hours), "{hours}");
    assert_eq!(deliverer.receiver.ids(), [1]);
}

#[test]
fn a_refused_alert_is_counted_and_the_next_one_comes() {
    let mut spool = Memory::with(1..=3);
    let mut deliverer = deliverer(Fake::new(1, [Luck::Good, Luck::Refuses, Luck::Good]));
    run(&mut deliverer, &mut spool, start());
    assert_eq!(deliverer.receiver.ids(), [1, 3]);
    assert_eq!((deliverer.counts().refused, deliverer.refusal(), spool.cursors["siem"]), (1, Some("400"), 3));
}

#[test]
fn a_backlog_beyond_the_bound_is_skipped_counted_and_reported() {
    let mut spool = Memory::with(1001..=2000);
    let limits = Limits { backlog: 100, ..Limits::default() };
    let mut deliverer = Deliverer::new("siem", Fake::new(16, []), None, limits, 1);
    run(&mut deliverer, &mut spool, start());
    assert_eq!(deliverer.counts(), Counts { sent: 101, skipped: 900, ..Counts::default() });
    assert_eq!(deliverer.receiver.ids(), (1900..=2000).collect::<Vec<_>>());
    let skipped = &deliverer.receiver.arrived[0];
    assert_eq!((skipped.alert.kind.name(), skipped.alert.subject.as_str()), ("notices_skipped", "siem"));
    assert!(skipped.alert.message.starts_with("900 alerts were never sent"), "{}", skipped.alert.message);
    assert_eq!(spool.cursors["siem"], 2000);
}

#[test]
fn alerts_that_a_spool_removed_before_the_first_poll_are_not_skipped() {
    let mut spool = Memory::with(200_000..200_010);
    let mut deliverer = deliverer(Fake::new(16, []));
    run(&mut deliverer, &mut spool, start());
    assert_eq!(deliverer.counts(), Counts { sent: 10, ..Counts::default() });
}

#[test]
fn a_spool_that_fails_stops_nothing() {
    let mut spool = Memory::with(1..=3);
    let mut deliverer = deliverer(Fake::new(2, []));
    spool.fails = true;
    assert_eq!(deliverer.poll(&mut spool, start()), Err("disk full"));
    run(&mut deliverer, &mut spool, start());
    assert_eq!(deliverer.receiver.ids(), [1, 2, 3]);
}

#[test]
fn the_cursor_stays_below_suppressed_alerts_until_they_are_reported() {
    let mut spool = Memory::default();
    for (id, subject) in [(1, "a"), (2, "a"), (3, "b")] {
        spool.alerts.insert(id, about(id, subject));
    }
    let throttle = Some(Throttle::new(ThrottleLimits::default()));
    let mut deliverer = Deliverer::new("siem", Fake::new(16, []), throttle, Limits::default(), 1);
    let mut poll = |deliverer: &mut Deliverer<Fake>, now| loop {
        match deliverer.poll(&mut spool, now).unwrap() {
            Wait::Again => {}
            other => break (other, spool.cursors["siem"]),
        }
    };
    let quiet = start() + Span::from_secs(300);
    assert_eq!(poll(&mut deliverer, start()), (Wait::Until(quiet), 1));
    assert_eq!(deliverer.receiver.ids(), [1, 3]);
    assert_eq!(poll(&mut deliverer, quiet), (Wait::NewAlert, 3));
    assert_eq!(deliverer.receiver.ids(), [1, 3, 2]);
    assert_eq!(deliverer.counts(), Counts { sent: 3, suppressed: 1, ..Counts::default() });
}

#[test]
fn alerts_that_waited_for_an_unreachable_receiver_are_limited_by_their_own_times() {
    let mut spool = Memory::default();
    for id in 1..=600 {
        let mut outgoing = about(id, &format!("s{id}"));
        outgoing.alert.at = start() + Span::from_secs(id * 10);
        spool.alerts.insert(id, outgoing);
    }
    let throttle = Some(Throttle::new(ThrottleLimits::default()));
    let mut deliverer = Deliverer::new("siem", Fake::new(64, []), throttle, Limits::default(), 1);
    run(&mut deliverer, &mut spool, start() + Span::from_secs(100_000));
    assert_eq!(deliverer.receiver.ids(), (1..=600).collect::<Vec<_>>());
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        3 => Just(Luck::Good),
        1 => Just(Luck::SendFails),
        1 => Just(Luck::Lost),
        1 => Just(Luck::Unconfirmed),
    ]
}

proptest! {
    /// Any failures, and any restarts of the deliverer from the spool's cursor.
    #[test]
    fn every_alert_arrives_at_least_once_and_in_order(
        luck in prop::collection::vec(luck(), 0..60),
        batch_size in 1usize..8,
        lives in 1usize..5,
    ) {
        let mut spool = Memory::with(1..=40);
        let mut fake = Fake::new(batch_size, luck);
        let mut now = start();
        for _ in 0..lives {
            let mut living = deliverer(std::mem::replace(&mut fake, Fake::new(1, [])));
            for _ in 0..7 {
                if let Ok(Wait::Until(then)) = living.poll(&mut spool, now) {
                    now = now.max(then);
                }
            }
            fake = living.receiver;
        }
        let mut last = deliverer(fake);
        run(&mut last, &mut spool, now);
        let mut newest = 0;
        for id in last.receiver.ids() {
            // Either it is a repetition, or it is the very next.
            prop_assert!(id <= newest + 1, "{id} after {newest}");
            newest = newest.max(id);
        }
        prop_assert_eq!(newest, 40);
        prop_assert_eq!(spool.cursors["siem"], 40);
    }
}
