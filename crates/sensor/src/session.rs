//! Rows about the run itself: inputs, signs of life, and blind intervals.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bellwether_base::{Counters, HashKey, Loss, Timestamp};
use bellwether_capture::Record;
use bellwether_enrich::{BlindRow, InputRow, Row, RunRow};

/// Longest interval between two signs of life. While packets arrive there is one per second, committed with
/// their rows.
const SIGN_EVERY: Duration = Duration::from_secs(10);

/// The database input of a live run: one row, updated as the run continues.
pub(crate) struct Session {
    pub(crate) input: i64,
    /// All interfaces, listeners or files of the run.
    name: String,
    is_live: bool,
    opened_at: Timestamp,
    pub(crate) packets: u64,
    bytes: u64,
    first_at: Option<Timestamp>,
    pub(crate) last_at: Option<Timestamp>,
    /// Time of the last loss count.
    counted_at: Option<Timestamp>,
    /// Losses that increased in each recent count: start and amount.
    lasting: BTreeMap<Loss, (Timestamp, u64)>,
    /// The last sign of life, the packet count at that time, and true if the count had increased.
    signed: Option<(Instant, u64, bool)>,
}

impl Session {
    /// A run on inputs whose names are separated by spaces.
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

    /// Counts a record.
    pub(crate) fn take(&mut self, record: &Record<'_>) {
        self.packets += 1;
        self.bytes += record.frame.len() as u64;
        // A record without a time does not extend the time range.
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

    /// Row for the start of the run.
    pub(crate) fn begun(&self) -> Row {
        self.run(self.opened_at, false)
    }

    /// Row for the regular end of the run.
    pub(crate) fn over(&self, at: Timestamp) -> Row {
        self.run(at, true)
    }

    /// Row for a sign of life: the run is alive and has processed packets up to a time. Called every second;
    /// none if no row is due. The second after the last packet has a sign too, so that a quiet link is
    /// distinguished from an end at once.
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

    /// Row for an interval in which traffic could not be observed.
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

    /// Rows for losses between the last count and this one: an interval per loss that makes the sensor blind,
    /// extended while the loss continues.
    pub(crate) fn counted(&mut self, lost: &[(Loss, u64)], at: Timestamp) -> Vec<Row> {
        let since = self.counted_at.or(self.first_at).unwrap_or(at);
        self.counted_at = Some(at);
        self.lasting.retain(|loss, _| lost.iter().any(|(other, _)| other == loss));
        // Gaps of a growing file have rows of their own.
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
