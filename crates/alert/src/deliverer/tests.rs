use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ThrottleLimits;
use crate::notice::tests::{MOMENT, notice};

/// A spool in memory.
#[derive(Default)]
struct Memory {
    notices: BTreeMap<i64, Notice>,
    cursors: BTreeMap<String, i64>,
    /// Whether the next access fails.
    fails: bool,
}

impl Memory {
    fn with(ids: impl IntoIterator<Item = i64>) -> Self {
        let notices = ids.into_iter().map(|id| (id, about(id, &format!("s{id}")))).collect();
        Self { notices, ..Self::default() }
    }

    fn access(&mut self) -> Result<(), &'static str> {
        if std::mem::take(&mut self.fails) { Err("disk full") } else { Ok(()) }
    }
}

impl Spool for Memory {
    type Error = &'static str;

    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<Notice>, Self::Error> {
        self.access()?;
        Ok(self.notices.range(id + 1..).take(limit).map(|(_, notice)| notice.clone()).collect())
    }

    fn newest(&mut self) -> Result<i64, Self::Error> {
        self.access()?;
        Ok(self.notices.last_key_value().map_or(0, |(id, _)| *id))
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

/// What the next steps of a receiver lead to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Luck {
    Good,
    /// It is away when it is sent something.
    SendFails,
    /// What was sent is lost: the confirmation does not come.
    Lost,
    /// What was sent arrives, but the confirmation does not come.
    Unconfirmed,
    Refuses,
}

/// A receiver with a plan.
struct Fake {
    portion: usize,
    luck: VecDeque<Luck>,
    pending: Vec<i64>,
    arrived: Vec<Notice>,
    tries: usize,
}

impl Fake {
    fn new(portion: usize, luck: impl IntoIterator<Item = Luck>) -> Self {
        Self { portion, luck: luck.into_iter().collect(), pending: Vec::new(), arrived: Vec::new(), tries: 0 }
    }

    fn ids(&self) -> Vec<i64> {
        self.arrived.iter().map(|notice| notice.id).collect()
    }
}

impl Receiver for Fake {
    fn send(&mut self, notice: &Notice, _now: Timestamp) -> Result<(), Failure> {
        self.tries += 1;
        match self.luck.front() {
            Some(Luck::SendFails) => {
                self.luck.pop_front();
                let lost = std::mem::take(&mut self.pending).len();
                self.arrived.truncate(self.arrived.len() - lost);
                return Err(Failure::Away("connection refused".into()));
            }
            Some(Luck::Refuses) => {
                self.luck.pop_front();
                return Err(Failure::Refused("400".into()));
            }
            _ => {}
        }
        self.pending.push(notice.id);
        self.arrived.push(notice.clone());
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        let sent = std::mem::take(&mut self.pending).len();
        match self.luck.pop_front() {
            Some(Luck::Lost) => {
                self.arrived.truncate(self.arrived.len() - sent);
                Err(Failure::Away("reset".into()))
            }
            Some(Luck::Unconfirmed) => Err(Failure::Away("took too long".into())),
            _ => Ok(()),
        }
    }

    fn portion(&self) -> usize {
        self.portion
    }
}

fn about(id: i64, subject: &str) -> Notice {
    Notice { subject: subject.into(), severity: Severity::Warning, ..notice(id) }
}

fn start() -> Timestamp {
    Timestamp::from_nanos(MOMENT)
}

/// Turns until there is nothing more to do; time passes as it is asked for. Returns the time.
fn run(courier: &mut Deliverer<Fake>, spool: &mut Memory, mut now: Timestamp) -> Timestamp {
    for _ in 0..10_000 {
        match courier.turn(spool, now) {
            Ok(Wait::Again) | Err(_) => {}
            Ok(Wait::Until(then)) => now = now.max(then),
            Ok(Wait::News) => return now,
        }
    }
    panic!("it does not come to an end");
}

fn courier(fake: Fake) -> Deliverer<Fake> {
    Deliverer::new("siem", fake, None, Limits::default(), 1)
}

#[test]
fn notices_arrive_in_order_and_the_cursor_follows() {
    let mut spool = Memory::with([1, 2, 3, 5, 8, 13]);
    let mut courier = courier(Fake::new(2, []));
    run(&mut courier, &mut spool, start());
    assert_eq!(courier.receiver.ids(), [1, 2, 3, 5, 8, 13]);
    assert_eq!(spool.cursors["siem"], 13);
    assert_eq!(courier.counts(), Counts { sent: 6, ..Counts::default() });
    spool.notices.insert(14, about(14, "late"));
    run(&mut courier, &mut spool, start());
    assert_eq!(courier.receiver.ids(), [1, 2, 3, 5, 8, 13, 14]);
}

#[test]
fn the_cursor_waits_for_the_confirmation_and_the_portion_comes_again() {
    let mut spool = Memory::with(1..=4);
    let mut courier = courier(Fake::new(2, [Luck::Good, Luck::Unconfirmed, Luck::Lost]));
    assert_eq!(courier.turn(&mut spool, start()), Ok(Wait::Again));
    let Ok(Wait::Until(then)) = courier.turn(&mut spool, start()) else { panic!("it should wait") };
    assert_eq!((spool.cursors["siem"], courier.away()), (2, Some((start(), "took too long"))));
    // Nothing is tried before.
    let tries = courier.receiver.tries;
    assert_eq!(courier.turn(&mut spool, start()), Ok(Wait::Until(then)));
    assert_eq!(courier.receiver.tries, tries);
    run(&mut courier, &mut spool, then);
    assert_eq!(courier.receiver.ids(), [1, 2, 3, 4, 3, 4]);
    assert_eq!((spool.cursors["siem"], courier.away()), (4, None));
    assert_eq!(courier.counts(), Counts { sent: 4, failures: 2, ..Counts::default() });
}

#[test]
fn one_that_is_away_for_long_is_asked_less_and_less() {
    let mut spool = Memory::with([1]);
    let mut courier = courier(Fake::new(2, vec![Luck::SendFails; 20]));
    let end = run(&mut courier, &mut spool, start());
    let hours = end.since(start()).as_secs_f64() / 3600.0;
    // Nine doublings to 256 s, then eleven times 300 s; half of it by chance.
    assert!((0.5..1.1).contains(&hours), "{hours}");
    assert_eq!(courier.receiver.ids(), [1]);
}

#[test]
fn a_refused_notice_is_counted_and_the_next_one_comes() {
    let mut spool = Memory::with(1..=3);
    let mut courier = courier(Fake::new(1, [Luck::Good, Luck::Refuses, Luck::Good]));
    run(&mut courier, &mut spool, start());
    assert_eq!(courier.receiver.ids(), [1, 3]);
    assert_eq!((courier.counts().refused, courier.refusal(), spool.cursors["siem"]), (1, Some("400"), 3));
}

#[test]
fn a_backlog_beyond_the_bound_is_skipped_counted_and_told() {
    let mut spool = Memory::with(1001..=2000);
    let limits = Limits { backlog: 100, ..Limits::default() };
    let mut courier = Deliverer::new("siem", Fake::new(16, []), None, limits, 1);
    run(&mut courier, &mut spool, start());
    assert_eq!(courier.counts(), Counts { sent: 101, skipped: 900, ..Counts::default() });
    assert_eq!(courier.receiver.ids(), (1900..=2000).collect::<Vec<_>>());
    let told = &courier.receiver.arrived[0];
    assert_eq!((told.kind.as_str(), told.subject.as_str()), ("notices_skipped", "siem"));
    assert!(told.message.starts_with("900 notices were never sent"), "{}", told.message);
    assert_eq!(spool.cursors["siem"], 2000);
}

#[test]
fn what_a_spool_forgot_before_the_first_turn_is_not_skipped() {
    let mut spool = Memory::with(200_000..200_010);
    let mut courier = courier(Fake::new(16, []));
    run(&mut courier, &mut spool, start());
    assert_eq!(courier.counts(), Counts { sent: 10, ..Counts::default() });
}

#[test]
fn a_spool_that_fails_stops_nothing() {
    let mut spool = Memory::with(1..=3);
    let mut courier = courier(Fake::new(2, []));
    spool.fails = true;
    assert_eq!(courier.turn(&mut spool, start()), Err("disk full"));
    run(&mut courier, &mut spool, start());
    assert_eq!(courier.receiver.ids(), [1, 2, 3]);
}

#[test]
fn the_cursor_stays_below_what_is_held_until_that_is_told() {
    let mut spool = Memory::default();
    for (id, subject) in [(1, "a"), (2, "a"), (3, "b")] {
        spool.notices.insert(id, about(id, subject));
    }
    let throttle = Some(Throttle::new(ThrottleLimits::default()));
    let mut courier = Deliverer::new("siem", Fake::new(16, []), throttle, Limits::default(), 1);
    let mut turn = |courier: &mut Deliverer<Fake>, now| loop {
        match courier.turn(&mut spool, now).unwrap() {
            Wait::Again => {}
            other => break (other, spool.cursors["siem"]),
        }
    };
    let quiet = start() + Span::from_secs(300);
    assert_eq!(turn(&mut courier, start()), (Wait::Until(quiet), 1));
    assert_eq!(courier.receiver.ids(), [1, 3]);
    assert_eq!(turn(&mut courier, quiet), (Wait::News, 3));
    assert_eq!(courier.receiver.ids(), [1, 3, 2]);
    assert_eq!(courier.counts(), Counts { sent: 3, held: 1, ..Counts::default() });
}

#[test]
fn what_waited_for_an_absent_receiver_is_limited_by_when_it_came_about() {
    let mut spool = Memory::default();
    for id in 1..=600 {
        let at = start() + Span::from_secs(id * 10);
        spool.notices.insert(id, Notice { at, ..about(id, &format!("s{id}")) });
    }
    let throttle = Some(Throttle::new(ThrottleLimits::default()));
    let mut courier = Deliverer::new("siem", Fake::new(64, []), throttle, Limits::default(), 1);
    run(&mut courier, &mut spool, start() + Span::from_secs(100_000));
    assert_eq!(courier.receiver.ids(), (1..=600).collect::<Vec<_>>());
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
    /// Whatever fails, and whenever the courier starts anew from the spool's cursor.
    #[test]
    fn every_notice_arrives_at_least_once_and_in_order(
        luck in prop::collection::vec(luck(), 0..60),
        portion in 1usize..8,
        lives in 1usize..5,
    ) {
        let mut spool = Memory::with(1..=40);
        let mut fake = Fake::new(portion, luck);
        let mut now = start();
        for _ in 0..lives {
            let mut living = courier(std::mem::replace(&mut fake, Fake::new(1, [])));
            for _ in 0..7 {
                if let Ok(Wait::Until(then)) = living.turn(&mut spool, now) {
                    now = now.max(then);
                }
            }
            fake = living.receiver;
        }
        let mut last = courier(fake);
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
