//! The run itself, as the database knows it: what it took, that it is alive, and when it could not see.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bellwether_base::{Counters, HashKey, Loss, Timestamp};
use bellwether_capture::Record;
use bellwether_enrich::{BlindRow, InputRow, Row, RunRow};

/// The longest time between two signs of life. While packets come there is one each second, which is committed with their rows.
const SIGN_EVERY: Duration = Duration::from_secs(10);

/// The input that a live run is in the database: one row, written again as it grows.
pub(crate) struct Session {
    pub(crate) input: i64,
    /// All places that it listens at.
    name: String,
    is_live: bool,
    opened_at: Timestamp,
    pub(crate) packets: u64,
    bytes: u64,
    first_at: Option<Timestamp>,
    pub(crate) last_at: Option<Timestamp>,
    /// When what was lost was last counted.
    counted_at: Option<Timestamp>,
    /// Losses that grew each time they were counted of late: since when, and by how much.
    lasting: BTreeMap<Loss, (Timestamp, u64)>,
    /// The last sign of life, the packets taken by then, and whether they had grown.
    signed: Option<(Instant, u64, bool)>,
}

impl Session {
    /// A run at places, whose names stand between spaces.
    pub(crate) fn new(name: String, key: HashKey, opened_at: Timestamp, is_live: bool) -> Self {
        let input = key.identity(&[b"live", name.as_bytes(), &opened_at.as_nanos().to_le_bytes()]);
        Self {
            input,
            name,
            is_live,
            opened_at,
            packets: 0,
            bytes: 0,
            first_at: None,
            last_at: None,
            counted_at: is_live.then_some(opened_at),
            lasting: BTreeMap::new(),
            signed: None,
        }
    }

    /// Takes note of a record.
    pub(crate) fn take(&mut self, record: &Record<'_>) {
        self.packets += 1;
        self.bytes += record.frame.len() as u64;
        // A record without a time says nothing about the span.
        if record.at != Timestamp::MIN {
            self.first_at.get_or_insert(record.at);
            self.last_at = self.last_at.max(Some(record.at));
        }
    }

    pub(crate) fn row(&self, counters: Counters) -> InputRow {
        InputRow {
            input: self.input,
            name: self.name.clone(),
            packets: self.packets,
            bytes: self.bytes,
            first_at: self.first_at,
            last_at: self.last_at,
            counters,
        }
    }

    /// That the run begins.
    pub(crate) fn begun(&self) -> Row {
        self.run(self.opened_at, false)
    }

    /// That it ends in order.
    pub(crate) fn over(&self, at: Timestamp) -> Row {
        self.run(at, true)
    }

    /// That it is alive and took what came up to a time, where that is due: asked every second. The second behind the last packet has a sign too, so
    /// that quiet is told from an end as soon as it begins.
    pub(crate) fn sign_of_life(&mut self, up_to: Timestamp) -> Option<Row> {
        let is_due = self.is_live
            && self.signed.is_none_or(|(at, packets, had_grown)| {
                had_grown || packets != self.packets || at.elapsed() >= SIGN_EVERY
            });
        if !is_due {
            return None;
        }
        let has_grown = self.signed.is_none_or(|(_, packets, _)| packets != self.packets);
        self.signed = Some((Instant::now(), self.packets, has_grown));
        Some(self.run(up_to.max(self.opened_at), false))
    }

    fn run(&self, alive_at: Timestamp, is_over: bool) -> Row {
        Row::Run(Box::new(RunRow {
            input: self.input,
            places: self.name.clone(),
            is_live: self.is_live,
            started_at: self.opened_at,
            alive_at,
            is_over,
        }))
    }

    /// A time in which something could not be seen.
    pub(crate) fn blind(
        &self,
        loss: Loss,
        place: &str,
        from: Timestamp,
        to: Option<Timestamp>,
        count: u64,
    ) -> Row {
        let place = place.to_owned();
        Row::Blind(Box::new(BlindRow { input: self.input, loss, place, from, to, count }))
    }

    /// What was lost between the last count and this one: a span for each loss that is a blindness, which grows while that goes on.
    pub(crate) fn counted(&mut self, lost: &[(Loss, u64)], at: Timestamp) -> Vec<Row> {
        let since = self.counted_at.or(self.first_at).unwrap_or(at);
        self.counted_at = Some(at);
        self.lasting.retain(|loss, _| lost.iter().any(|(other, _)| other == loss));
        // What a growing file lacks has spans of its own.
        for (loss, n) in lost.iter().filter(|(loss, _)| loss.is_blindness() && *loss != Loss::RecordDamaged) {
            self.lasting.entry(*loss).or_insert((since, 0)).1 += n;
        }
        let span = |(loss, (from, n)): (&Loss, &(Timestamp, u64))| {
            self.blind(*loss, &self.name, *from, Some(at.max(*from)), *n)
        };
        self.lasting.iter().map(span).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new("eth0 eth1".to_owned(), HashKey::new([1; 16]), Timestamp::from_nanos(0), true)
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_nanos(minute * 60_000_000_000)
    }

    fn spans(rows: Vec<Row>) -> Vec<(Loss, i64, i64, u64)> {
        rows.into_iter()
            .map(|row| {
                let Row::Blind(span) = row else { panic!("{row:?} is no span") };
                let minute = |at: Timestamp| at.as_nanos() / 60_000_000_000;
                (span.loss, minute(span.from), minute(span.to.unwrap()), span.count)
            })
            .collect()
    }

    #[test]
    fn minutes_in_which_a_queue_overflows_are_one_span_as_long_as_they_touch() {
        let mut session = session();
        let ring = |n| [(Loss::RingFull, n), (Loss::SipMalformed, 9)];
        assert_eq!(spans(session.counted(&[], at(1))), []);
        assert_eq!(spans(session.counted(&ring(5), at(2))), [(Loss::RingFull, 1, 2, 5)]);
        assert_eq!(spans(session.counted(&ring(7), at(3))), [(Loss::RingFull, 1, 3, 12)]);
        assert_eq!(spans(session.counted(&[(Loss::SipMalformed, 1)], at(4))), []);
        let two = [(Loss::RingFull, 1), (Loss::RowsDropped, 2)];
        assert_eq!(
            spans(session.counted(&two, at(5))),
            [(Loss::RingFull, 4, 5, 1), (Loss::RowsDropped, 4, 5, 2)]
        );
    }

    #[test]
    fn a_run_shows_that_it_is_alive_while_packets_come_and_once_behind_them() {
        let mut session = session();
        assert!(session.sign_of_life(at(1)).is_some());
        assert!(session.sign_of_life(at(1)).is_some(), "the second behind the beginning");
        assert!(session.sign_of_life(at(1)).is_none());
        session.packets += 1;
        let sign = session.sign_of_life(at(2));
        assert!(matches!(sign, Some(Row::Run(run)) if run.alive_at == at(2) && !run.is_over));
        assert!(session.sign_of_life(at(3)).is_some());
        assert!(session.sign_of_life(at(4)).is_none());
        let mut files = Session::new("x.pcap".to_owned(), HashKey::new([1; 16]), at(0), false);
        assert!(files.sign_of_life(at(1)).is_none(), "files do not die");
    }
}
