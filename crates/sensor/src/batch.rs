use std::sync::Arc;
use std::time::Duration;

use bellwether_base::{FlowKey, Timestamp};
use bellwether_tracker::{Content, Control, Item, Mirror, Order, StampedFact, Tally};

/// Action of a worker after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Then {
    /// Continues.
    #[default]
    GoOn,
    /// Returns a copy of its counters.
    Count,
    /// Reports all open state of one shard, and returns the counters after the last shard.
    Finish(u16),
}

/// One worker's share of an epoch. Its buffers are reused.
#[derive(Default)]
pub(crate) struct Batch {
    metas: Vec<Meta>,
    bytes: Vec<u8>,
    /// Mirror metadata of the items with `is_told`, in the order of these items.
    told: Vec<MirrorMeta>,
    /// The latest time of the epoch: timers due before it fire after its items.
    pub(crate) up_to: Timestamp,
    /// Controls that take effect before the items, equal for every worker.
    pub(crate) controls: Arc<[Control]>,
    pub(crate) then: Then,
    /// Send time on the clock of the process, for the latency histogram only.
    pub(crate) sent: Duration,
}

/// An item without its bytes.
#[derive(Clone, Copy)]
struct Meta {
    seq: u64,
    at: Timestamp,
    pair: u64,
    flow: FlowKey,
    offset: u32,
    len: u32,
    shard: u16,
    ip_id: u16,
    content: Content,
    is_cut: bool,
    is_told: bool,
}

/// Metadata of mirrored items, and of items whose timestamp differs from the time of their order.
#[derive(Clone, Copy)]
struct MirrorMeta {
    stamp: Timestamp,
    agent: Option<u32>,
    mirror: Option<Mirror>,
}

impl Batch {
    /// Copies an item, under its number in the order of all items.
    pub(crate) fn push(&mut self, item: &Item<'_>, seq: u64) {
        let offset = self.bytes.len() as u32;
        let is_told = item.mirror.is_some() || item.stamp != item.at;
        self.bytes.extend_from_slice(item.bytes);
        self.metas.push(Meta {
            seq,
            at: item.at,
            pair: item.pair,
            flow: item.flow,
            offset,
            len: item.bytes.len() as u32,
            shard: item.shard,
            ip_id: item.ip_id,
            content: item.content,
            is_cut: item.is_cut,
            is_told,
        });
        if is_told {
            self.told.push(MirrorMeta { stamp: item.stamp, agent: item.agent, mirror: item.mirror });
        }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let mut told = self.told.iter();
        self.metas.iter().map(move |m| {
            let told = if m.is_told { told.next() } else { None };
            Item {
                seq: m.seq,
                at: m.at,
                stamp: told.map_or(m.at, |told| told.stamp),
                agent: told.and_then(|told| told.agent),
                mirror: told.and_then(|told| told.mirror),
                flow: m.flow,
                content: m.content,
                shard: m.shard,
                pair: m.pair,
                ip_id: m.ip_id,
                is_cut: m.is_cut,
                bytes: self.bytes.get(m.offset as usize..(m.offset + m.len) as usize).unwrap_or_default(),
            }
        })
    }

    pub(crate) fn clear(&mut self) {
        self.metas.clear();
        self.bytes.clear();
        self.told.clear();
        self.controls = Arc::default();
        self.then = Then::GoOn;
    }
}

/// Result of one epoch from a worker to the dispatcher.
pub(crate) struct Done {
    /// Facts from signalling about media, for all workers.
    pub(crate) controls: Vec<(Order, Control)>,
    /// Its counters, if requested.
    pub(crate) tally: Option<Box<Tally>>,
    /// The batch, for reuse.
    pub(crate) batch: Batch,
}

/// Facts of one epoch from a worker to the merge.
pub(crate) struct Facts {
    pub(crate) facts: Vec<StampedFact>,
    pub(crate) sent: Duration,
}
