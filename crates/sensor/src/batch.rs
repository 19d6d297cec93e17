use std::sync::Arc;
use std::time::Duration;

use bellwether_base::{FlowKey, Timestamp};
use bellwether_tracker::{Content, Control, Item, Mirror, Order, StampedFact, Tally};

/// What a worker does behind a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Then {
    /// Goes on.
    #[default]
    GoOn,
    /// Hands in a copy of its tally.
    Count,
    /// Reports everything still open in one shard, and hands in its tally if that is the last.
    Finish(u16),
}

/// One worker's share of an epoch. Its buffers are used again and again.
#[derive(Default)]
pub(crate) struct Batch {
    metas: Vec<Meta>,
    bytes: Vec<u8>,
    /// What brought an item, and when it was captured, in the order of the items that something is to be said of.
    told: Vec<MirrorMeta>,
    /// The latest time of the epoch: timers due before it fire behind its items.
    pub(crate) up_to: Timestamp,
    /// What takes effect before its items, the same for every worker.
    pub(crate) controls: Arc<[Control]>,
    pub(crate) then: Then,
    /// When it left the dispatcher, on the process's clock: for the latency histogram only.
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

/// What only mirrored items have, and those whose stamp is not the time by which they are ordered.
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

/// What a worker returns to the dispatcher for an epoch.
pub(crate) struct Done {
    /// What signalling told about media, for all workers.
    pub(crate) controls: Vec<(Order, Control)>,
    /// Its counts, if asked for.
    pub(crate) tally: Option<Box<Tally>>,
    /// The batch, to be filled again.
    pub(crate) batch: Batch,
}

/// What a worker hands to the merge for an epoch.
pub(crate) struct Facts {
    pub(crate) facts: Vec<StampedFact>,
    pub(crate) sent: Duration,
}
