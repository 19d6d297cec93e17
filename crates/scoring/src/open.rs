use std::sync::Arc;

use bellwether_base::{SlotId, Timestamp};
use smallvec::SmallVec;

use crate::call_history::CallResult;
use crate::reputation_record::Subject;
use crate::score::{Finding, NEUTRAL};
use crate::{Disposition, Stage};

/// A call that is judged: from its INVITE until a while after its end.
#[derive(Clone, Debug)]
pub(crate) struct OpenCall {
    pub(crate) call: i64,
    pub(crate) started_at: Timestamp,
    pub(crate) caller: u64,
    pub(crate) callee: u64,
    pub(crate) source: u64,
    /// Its places among the calls of its caller and of its address, and where these two stood.
    pub(crate) places: (u32, u32),
    pub(crate) caller_at: SlotId,
    pub(crate) source_at: SlotId,
    /// Pools that it is in.
    pub(crate) pools: GroupMemberships,
    pub(crate) fate: CallResult,
    pub(crate) is_over: bool,
    /// How long people talked, in seconds.
    pub(crate) secs: u16,
    /// What was heard of it, and of its other legs.
    pub(crate) heard: Heard,
    pub(crate) heard_of_legs: Heard,
    /// Calls that begin with the same recording, and their callers.
    pub(crate) prompt: Option<(u32, u32)>,
    pub(crate) cluster: Option<u64>,
    pub(crate) membership: Option<Membership>,
    /// What its INVITE showed: rarely more than stands here.
    pub(crate) at_start: SmallVec<[Finding; 4]>,
    /// What was found of its device.
    pub(crate) of_device: Vec<Finding>,
    /// Whether an earlier run judged it to the end: it is looked at for what it tells of others.
    pub(crate) is_known: bool,
    /// Whether it is of the window before this run, and not read again: it may still join a campaign.
    pub(crate) is_recalled: bool,
    /// Whether it comes by a trunk, and whether its caller has roots.
    pub(crate) is_from_trunk: bool,
    pub(crate) is_rooted: bool,
    /// Whether an operator should hear of it: it goes to a risky destination.
    pub(crate) is_risky: bool,
    /// Other legs of its conversation.
    pub(crate) legs: SmallVec<[i64; 2]>,
    /// The country that it dials though nobody knows who it is, and whether it showed credentials by now that were taken.
    pub(crate) stranger_to: Option<u32>,
    pub(crate) is_let_in: bool,
    /// Who is known by it and observed: reputation is of these. The platform is the first.
    pub(crate) subjects: SmallVec<[Known; 3]>,
    /// Who calls, by user and host: asked for only where somebody is told of it.
    pub(crate) party: SmallVec<[u8; 36]>,
    /// Whether something is known of it that its score may follow from and that was not told.
    pub(crate) is_news: bool,
    /// What was told of it last.
    pub(crate) told: Option<Told>,
    pub(crate) is_alerted: bool,
}

/// What was heard of a call.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) caller_packets: u64,
    pub(crate) callee_packets: u64,
    /// Share of the caller's packets that are quiet.
    pub(crate) quiet_share: Option<f64>,
}

impl Heard {
    /// With what was heard on another leg: the caller is silent only where it is on each.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            caller_packets: self.caller_packets.max(other.caller_packets),
            callee_packets: self.callee_packets.max(other.callee_packets),
            quiet_share: self.quiet_share.into_iter().chain(other.quiet_share).min_by(f64::total_cmp),
        }
    }
}

/// What a call teaches when nothing more is expected of it: nothing (no subjects) where its end was not seen.
pub(crate) struct Lesson {
    pub(crate) caller: u64,
    /// Of whom.
    pub(crate) subjects: SmallVec<[Known; 3]>,
    pub(crate) is_fraud: bool,
    /// Whether people talked, and nothing speaks against it.
    pub(crate) is_conversation: bool,
    /// Whether somebody honest uses the platform.
    pub(crate) is_party: bool,
}

impl OpenCall {
    /// What was heard of the conversation.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.with(self.heard_of_legs)
    }

    /// Who calls, as reports name them.
    pub(crate) fn name(&self) -> String {
        format!("sip:{}", String::from_utf8_lossy(&self.party))
    }

    /// What it teaches; none of one that an earlier run has learned from. A call is taken for fraud where its own score is below a limit:
    /// without what is known of its platform, so that no reputation feeds on itself.
    pub(crate) fn lesson(&mut self, fraud_below: f64) -> Option<Lesson> {
        if self.is_known {
            return None;
        }
        let own_score = self.told.filter(|_| self.is_over).map(|told| told.own_score);
        // A campaign that plays one recording, or that a label confirms, is no guess.
        let is_sure = self.membership.as_ref().is_some_and(|membership| membership.strength >= SURE);
        let is_conversation = self.fate == CallResult::Answered
            && self.secs >= 30
            && self.membership.is_none()
            && !self.is_risky
            && own_score.is_some_and(|score| score >= NEUTRAL);
        // Whoever talks to people is a party, if its number is its own, or a carrier's customer's: of anybody else's there may be any
        // number.
        let is_its_own = self.is_rooted || (self.is_from_trunk && self.secs >= 45);
        Some(Lesson {
            caller: self.caller,
            subjects: if own_score.is_some() { std::mem::take(&mut self.subjects) } else { SmallVec::new() },
            is_fraud: is_sure || own_score.is_some_and(|score| score < fraud_below),
            is_conversation,
            is_party: is_conversation && is_its_own,
        })
    }
}

/// What was told of a call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) stage: Stage,
    pub(crate) score: f64,
    pub(crate) disposition: Disposition,
    pub(crate) signals: usize,
    /// Its score without what is known of its platform and its campaign.
    pub(crate) own_score: f64,
}

/// Who has a reputation, with the key of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) key: u64,
    pub(crate) subject: Arc<Subject>,
}

/// The pools of a call: one of each kind, and of processes and devices as many as there is room for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupMemberships {
    pools: [GroupMembership; 8],
    len: u8,
}

/// A call in a pool: the pool's key, where it stood, and the call's place there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupMembership {
    pub(crate) key: u64,
    pub(crate) slot: SlotId,
    pub(crate) place: u32,
}

impl GroupMemberships {
    pub(crate) fn push(&mut self, pool: GroupMembership) {
        if let Some(free) = self.pools.get_mut(usize::from(self.len)) {
            *free = pool;
            self.len += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = GroupMembership> + use<> {
        self.pools.into_iter().take(usize::from(self.len))
    }
}

/// Odds from which on a call stays in its campaign whatever it shows later: it plays the campaign's recording.
pub(crate) const SURE: f64 = 5.0;

/// That a call belongs to a campaign, and why.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Membership {
    pub(crate) campaign: i64,
    pub(crate) name: Arc<str>,
    pub(crate) strength: f64,
    pub(crate) why: Arc<str>,
}
