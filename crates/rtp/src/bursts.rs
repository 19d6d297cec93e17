/// Packets received in a row that end a burst (RFC 3611 section 4.7.2, the recommended Gmin).
const GMIN: u8 = 16;

/// How the losses of a source cluster (RFC 3611 section 4.7.2).
///
/// A burst begins and ends with a lost packet, and fewer than Gmin packets in a row are received within it. A single lost packet is
/// no burst.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bursts {
    /// Packets lost in bursts.
    pub lost: u32,
    /// Packets of bursts, lost and received.
    pub packets: u32,
    /// Sequences of packets lost in a row, in bursts and alone.
    pub runs: u32,
}

/// Bursts while packets are judged in order. A source without losses has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct BurstCounter {
    done: Bursts,
    /// Losses of the sequence that may become a burst.
    lost: u32,
    /// Packets received between these losses.
    received: u32,
    /// Packets received since the last loss.
    since: u8,
}

impl BurstCounter {
    pub(crate) fn received(&mut self) {
        if self.lost == 0 {
            return;
        }
        self.since += 1;
        if self.since >= GMIN {
            self.close();
        }
    }

    pub(crate) fn lost(&mut self, packets: u32) {
        if packets == 0 {
            return;
        }
        if self.lost == 0 || self.since > 0 {
            self.done.runs = self.done.runs.saturating_add(1);
        }
        self.received += u32::from(self.since);
        self.since = 0;
        self.lost = self.lost.saturating_add(packets);
    }

    /// Ends the sequence, because the source restarted or nothing follows.
    pub(crate) fn close(&mut self) {
        if self.lost > 1 {
            self.done.lost = self.done.lost.saturating_add(self.lost);
            self.done.packets = self.done.packets.saturating_add(self.lost.saturating_add(self.received));
        }
        (self.lost, self.received, self.since) = (0, 0, 0);
    }

    pub(crate) const fn so_far(&self) -> Bursts {
        self.done
    }
}
