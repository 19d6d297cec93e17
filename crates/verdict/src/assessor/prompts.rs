//! Recordings that are played in several calls.

use bellwether_acoustics::OpeningPrint;
use bellwether_base::{LruTable, Timestamp};

use super::membership::SURE;
use super::{Assessor, Outcome};
use crate::memory::Memory;
use crate::open::Membership;
use crate::places::distinct;
use crate::{LinkKind, LinkRow};

/// Bits in which two prints of one recording differ at most; two voices differ in some 80 of 192.
const SAME: u32 = 38;

/// Calls remembered of one recording.
const MOST_CALLS: usize = 48;

/// Callers and called that one recording needs to make a campaign.
const FEWEST: usize = 3;

/// A recording.
struct Cluster {
    print: OpeningPrint,
    calls: Vec<Heard>,
    count: u32,
    campaign: Option<i64>,
    is_kept: bool,
}

#[derive(Clone, Copy)]
struct Heard {
    call: i64,
    caller: u64,
    callee: u64,
    /// Whether its caller has a history: an account that was registered for one call is nobody's.
    has_history: bool,
}

/// Recordings by parts of their prints.
pub(super) struct Prompts {
    clusters: LruTable<u64, Cluster, 1>,
    bands: LruTable<u64, u64, 1>,
    next: u64,
}

impl Prompts {
    pub(super) fn new(capacity: usize) -> Self {
        Self { clusters: LruTable::new(capacity), bands: LruTable::new(capacity * 6), next: 0 }
    }

    /// A recording that an earlier run knew.
    pub(super) fn known(&mut self, print: OpeningPrint, campaign: i64, at: Timestamp) {
        let id = self.cluster(print, at);
        if let Some(cluster) = self.get_mut(id) {
            cluster.campaign = Some(campaign);
            cluster.is_kept = true;
        }
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Cluster> {
        let slot = self.clusters.find(id, &id)?;
        self.clusters.get_mut(slot).map(|(_, cluster)| cluster)
    }

    /// The recording that a print is of, known or new.
    fn cluster(&mut self, print: OpeningPrint, at: Timestamp) -> u64 {
        let bands: Vec<u64> =
            (0_u64..).zip(print.bands()).map(|(place, band)| place << 32 | u64::from(band)).collect();
        let mut found = None;
        for band in &bands {
            let Some(slot) = self.bands.find(*band, band) else { continue };
            let Some(id) = self.bands.get(slot).map(|(_, id)| *id) else { continue };
            let Some(cluster) = self.get_mut(id) else { continue };
            if cluster.print.distance(&print) <= SAME {
                found = Some(id);
                break;
            }
        }
        let id = found.unwrap_or_else(|| {
            self.next += 1;
            let cluster = Cluster { print, calls: Vec::new(), count: 0, campaign: None, is_kept: false };
            self.clusters.insert(self.next, self.next, cluster, 0, at);
            self.next
        });
        for band in bands {
            match self.bands.find(band, &band) {
                Some(slot) => {
                    self.bands.mark_used(slot);
                    if let Some((_, of)) = self.bands.get_mut(slot) {
                        *of = id;
                    }
                }
                None => {
                    self.bands.insert(band, band, id, 0, at);
                }
            }
        }
        if let Some(slot) = self.clusters.find(id, &id) {
            self.clusters.mark_used(slot);
        }
        id
    }

    /// A campaign became part of another.
    pub(super) fn merged(&mut self, from: i64, into: i64) {
        self.clusters.for_each_mut(|_, cluster| {
            if cluster.campaign == Some(from) {
                cluster.campaign = Some(into);
            }
        });
    }
}

impl Assessor {
    /// A call's voice was heard to begin.
    pub(super) fn hear(
        &mut self,
        id: i64,
        print: OpeningPrint,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) {
        let now = self.now;
        let Some(call) = self.opened(id) else { return };
        // What an earlier run concluded stands; the recording is known by what was kept of it.
        if call.cluster.is_some() || call.leg.is_some() || (call.is_known && !call.is_recalled) {
            return;
        }
        let heard = Heard { call: id, caller: call.caller, callee: call.callee, has_history: false };
        let (caller, at) = (call.caller, call.started_at);
        let slot = self.callers.find(caller, &caller);
        let has_history =
            slot.and_then(|slot| self.callers.get(slot)).is_some_and(|(_, of)| of.account.has_history(at));
        let heard = Heard { has_history, ..heard };
        let cluster_id = self.prompts.cluster(print, now);
        let Some(cluster) = self.prompts.get_mut(cluster_id) else { return };
        cluster.count += 1;
        if cluster.calls.len() == MOST_CALLS {
            cluster.calls.remove(0);
        }
        cluster.calls.push(heard);
        let unrooted: Vec<Heard> = cluster.calls.iter().filter(|h| !h.has_history).copied().collect();
        let callers = distinct(unrooted.iter().map(|h| h.caller));
        let callees = distinct(unrooted.iter().map(|h| h.callee));
        let (count, campaign) = (cluster.count, cluster.campaign);
        let all_callers = distinct(cluster.calls.iter().map(|h| h.caller)) as u32;
        // Two are enough where they share something else too.
        let are_akin = callers == 2
            && callees >= 2
            && unrooted.first().is_some_and(|first| self.share_a_pool(first.call, id));
        let is_shared = callers >= FEWEST && callees >= FEWEST || are_akin;
        if let Some(call) = self.opened(id) {
            call.cluster = Some(cluster_id);
            call.prompt = Some((count, all_callers));
            call.is_news = true;
        }
        if all_callers < 2 {
            return;
        }
        let news: Vec<Heard> = if campaign.is_none() && is_shared { unrooted } else { vec![heard] };
        for heard in &news {
            if let Some(call) = self.opened(heard.call) {
                call.prompt = Some((count, all_callers));
                call.is_news = true;
            }
            self.mark_prompt(heard.call);
        }
        let campaign = match campaign {
            Some(campaign) => Some(campaign),
            None if is_shared => {
                let known = news.iter().find_map(|h| self.member(h.call)).map(|(of, _)| of);
                let first = news.first().map_or(id, |h| h.call);
                known.or_else(|| self.found("prompt", first, memory, out))
            }
            None => None,
        };
        let Some(mut campaign) = campaign else { return };
        if let Some(cluster) = self.prompts.get_mut(cluster_id) {
            cluster.campaign = Some(campaign);
            if !std::mem::replace(&mut cluster.is_kept, true) {
                out.push(Outcome::Prompt { print: cluster.print, campaign });
            }
        }
        let evidence = format!("{count} calls of {all_callers} callers begin with the same recording");
        self.link(campaign, LinkRow { kind: LinkKind::Prompt, evidence }, memory, out);
        for heard in news.into_iter().filter(|h| !h.has_history) {
            let Some(name) = self.campaign_name(campaign, memory, out) else { return };
            let why = "plays a recording that other callers play".to_owned();
            self.join(heard.call, Membership { campaign, name, strength: SURE, why }, memory, out);
            // Pools that the call is in, and that belong to another campaign, are of one origin with it.
            campaign = self.merge_by_call(heard.call, campaign, memory, out);
            self.tell(heard.call, out);
        }
        self.announce(campaign, memory, out);
    }
}
