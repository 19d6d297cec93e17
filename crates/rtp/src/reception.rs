use crate::bursts::{BurstCounter, Bursts};

/// A larger sequence jump forward is a restart of the sender, not loss (RFC 3550 appendix A.1).
const MAX_DROPOUT: i32 = 3000;
/// A larger jump back is a restart, not reordering.
const MAX_MISORDER: i32 = 100;

/// Relation of a packet to the earlier ones of its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The first packet.
    First,
    /// In order; `gap` sequence numbers before it are missing so far.
    InOrder {
        /// Number of missing packets before this one.
        gap: u16,
    },
    /// Late: it fills a gap.
    Reordered,
    /// A duplicate, made by the network or the mirror.
    Duplicate,
    /// The sender restarted its sequence.
    Restart,
}

/// Loss, order and duplicates of one RTP source (RFC 3550 appendix A).
///
/// Every stream holds one, so derived values are not stored: unique packets are arrivals without duplicates,
/// and lost packets are expected ones that are not unique.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    packets: u32,
    duplicates: u32,
    reordered: u32,
    restarts: u32,
    /// Packets expected, over all runs between restarts.
    expected: u32,
    /// Bit set of the 64 sequence numbers up to `highest` that arrived; bit 0 is `highest`.
    seen: u64,
    highest: u16,
    /// Number of bits in `seen` that belong to the current run.
    run: u8,
    /// Losses that left `seen`, so that no late packet can fill them any more. Most sources have none.
    bursts: Option<Box<BurstCounter>>,
}

/// Width of the `seen` window in sequence numbers.
const REACH: u16 = 64;

impl Reception {
    /// Adds a packet by its sequence number.
    pub fn arrive(&mut self, seq: u16) -> Arrival {
        // 2^32 packets are 2.7 years of G.711.
        self.packets = self.packets.saturating_add(1);
        if self.packets == 1 {
            self.start(seq);
            return Arrival::First;
        }
        let step = i32::from(seq.wrapping_sub(self.highest).cast_signed());
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) {
            self.restarts += 1;
            self.start(seq);
            Arrival::Restart
        } else if step > 0 {
            self.advance(step as u16)
        } else {
            self.late((-step) as u16)
        }
    }

    /// True if the sequence number continues the earlier ones: neither far ahead nor far behind.
    #[must_use]
    pub fn goes_on_with(&self, seq: u16) -> bool {
        let step = i32::from(seq.wrapping_sub(self.highest).cast_signed());
        self.packets == 0 || (-MAX_MISORDER..=MAX_MISORDER).contains(&step)
    }

    /// Packets that arrived, including duplicates.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets as u64
    }

    /// Packets that did not arrive.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        let unique = self.packets.saturating_sub(self.duplicates);
        self.expected.saturating_sub(unique) as u64
    }

    /// Packets that arrived after a later one.
    #[must_use]
    pub const fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Duplicates.
    #[must_use]
    pub const fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Number of sequence restarts.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// How the losses so far cluster. Packets that are missing now count as lost.
    #[must_use]
    pub fn bursts(&self) -> Bursts {
        let mut all = self.clone();
        all.judge_rest();
        all.bursts.map(|bursts| bursts.so_far()).unwrap_or_default()
    }

    /// Judges all packets of the window, and ends the current burst.
    fn judge_rest(&mut self) {
        (0..self.run).rev().for_each(|behind| self.judge(behind));
        if let Some(bursts) = &mut self.bursts {
            bursts.close();
        }
    }

    /// Judges the packet so far behind the highest one.
    #[inline]
    fn judge(&mut self, behind: u8) {
        if self.seen >> behind & 1 == 0 {
            self.bursts.get_or_insert_default().lost(1);
        } else if let Some(bursts) = &mut self.bursts {
            bursts.received();
        }
    }

    fn start(&mut self, seq: u16) {
        self.judge_rest();
        (self.highest, self.seen, self.run) = (seq, 1, 1);
        self.expected = self.expected.saturating_add(1);
    }

    fn advance(&mut self, step: u16) -> Arrival {
        // Nearly always one received packet leaves the window of a source without losses, or none does.
        let has_oldest = self.seen >> (REACH - 1) == 1 || u16::from(self.run) < REACH;
        if step > 1 || !has_oldest || self.bursts.is_some() {
            self.leave(step);
        }
        self.highest = self.highest.wrapping_add(step);
        self.seen = if step < REACH { self.seen << step } else { 0 } | 1;
        self.run = step.saturating_add(u16::from(self.run)).min(REACH) as u8;
        self.expected = self.expected.saturating_add(u32::from(step));
        Arrival::InOrder { gap: step - 1 }
    }

    /// Judges the packets that leave the window, the oldest first, and then those that were never in it.
    #[cold]
    fn leave(&mut self, step: u16) {
        let leaving = REACH.saturating_sub(step) as u8;
        (leaving..self.run).rev().for_each(|behind| self.judge(behind));
        if step > REACH {
            self.bursts.get_or_insert_default().lost(u32::from(step - REACH));
        }
    }

    fn late(&mut self, behind: u16) -> Arrival {
        let bit = if behind < REACH { 1 << behind } else { 0 };
        // The window does not reach that far back; so late a packet is far more often a duplicate.
        if bit == 0 || self.seen & bit != 0 {
            self.duplicates += 1;
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        // A packet from before the first one of this run extends the run.
        let run = (behind + 1) as u8;
        self.expected = self.expected.saturating_add(u32::from(run.saturating_sub(self.run)));
        self.run = self.run.max(run);
        self.reordered += 1;
        Arrival::Reordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seqs: &[u16]) -> (Reception, Vec<Arrival>) {
        let mut reception = Reception::default();
        let arrivals = seqs.iter().map(|seq| reception.arrive(*seq)).collect();
        (reception, arrivals)
    }

    #[test]
    fn loss_order_and_duplicates_are_told_apart() {
        let (r, arrivals) = run(&[65534, 65535, 1, 0, 0, 4]);
        use Arrival::{Duplicate, First, InOrder, Reordered};
        assert_eq!(
            arrivals,
            [First, InOrder { gap: 0 }, InOrder { gap: 1 }, Reordered, Duplicate, InOrder { gap: 2 }]
        );
        assert_eq!((r.packets(), r.lost(), r.reordered(), r.duplicates()), (6, 2, 1, 1));
    }

    #[test]
    fn numbers_go_on_from_the_highest_over_their_end() {
        let (r, _) = run(&[65_530, 65_535]);
        assert!([0, 99, 65_535, 65_435].iter().all(|seq| r.goes_on_with(*seq)));
        assert!(![100, 3000, 65_434].iter().any(|seq| r.goes_on_with(*seq)));
        assert!(Reception::default().goes_on_with(7777));
    }

    #[test]
    fn a_restart_of_the_sender_is_no_loss() {
        let (r, arrivals) = run(&[10, 11, 30_000, 30_001]);
        assert_eq!(arrivals[2], Arrival::Restart);
        assert_eq!((r.lost(), r.restarts()), (0, 1));
    }

    #[test]
    fn a_packet_before_the_first_one_seen_counts_as_expected() {
        let (r, _) = run(&[5, 4, 6]);
        assert_eq!((r.lost(), r.reordered()), (0, 1));
    }

    #[test]
    fn a_packet_from_before_a_restart_is_late_in_the_new_run_only_within_reach() {
        let (r, arrivals) = run(&[10, 30_000, 29_998, 30_001]);
        assert_eq!(arrivals[2], Arrival::Reordered);
        assert_eq!((r.lost(), r.restarts()), (1, 1));
    }

    /// Bursts of a run of packets, by the definition of RFC 3611 section 4.7.2.
    fn bursts_of(received: &[bool]) -> Bursts {
        let mut out = Bursts::default();
        let lost: Vec<usize> = (0..received.len()).filter(|i| !received[*i]).collect();
        out.runs = lost.iter().filter(|i| **i == 0 || received[**i - 1]).count() as u32;
        for burst in lost.chunk_by(|a, b| b - a <= 16).filter(|burst| burst.len() > 1) {
            out.lost += burst.len() as u32;
            out.packets += (burst[burst.len() - 1] - burst[0] + 1) as u32;
        }
        out
    }

    #[test]
    fn bursts_are_those_of_the_rfc_for_any_pattern_and_small_reordering() {
        let mut state = 7_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for case in 0..400 {
            let share = 1 + case % 40;
            // Losses come alone and in rows.
            let mut received: Vec<bool> = vec![true];
            while received.len() < 700 {
                let is_lost = random(100) < share;
                let row = if is_lost { 1 + random(1 + case % 90) } else { 1 + random(30) };
                received.extend((0..row).map(|_| !is_lost));
            }
            received.push(true);
            let mut seqs: Vec<u16> = (0..received.len())
                .filter(|i| received[*i])
                .map(|i| 65_000_u16.wrapping_add(i as u16))
                .collect();
            for i in 1..seqs.len() - 1 {
                if i > 1 && random(20) == 0 && seqs[i].wrapping_sub(seqs[i - 1]) < 30 {
                    seqs.swap(i, i - 1);
                }
            }
            let (reception, _) = run(&seqs);
            assert_eq!(reception.bursts(), bursts_of(&received), "case {case}");
            let lost = received.iter().filter(|r| !**r).count() as u64;
            assert_eq!(reception.lost(), lost);
        }
    }

    #[test]
    fn a_lost_packet_alone_is_no_burst_and_a_restart_ends_one() {
        let alone: Vec<u16> = (0..100).filter(|seq| *seq != 50).collect();
        assert_eq!(run(&alone).0.bursts(), Bursts { lost: 0, packets: 0, runs: 1 });
        let (r, _) = run(&[0, 2, 30_000, 30_002]);
        assert_eq!(r.bursts(), Bursts { lost: 0, packets: 0, runs: 2 });
        let (r, _) = run(&[0, 2, 4, 30_000]);
        assert_eq!(r.bursts(), Bursts { lost: 2, packets: 3, runs: 2 });
    }

    #[test]
    fn a_source_grows_by_one_pointer() {
        assert!(size_of::<Reception>() <= 40, "{}", size_of::<Reception>());
    }
}
