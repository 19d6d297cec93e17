use std::sync::Arc;

use bellwether_base::{CallId, CampaignId, IncidentId, RecordingId, SlotId, Timestamp};
use bellwether_incidents::IncidentKind;
use smallvec::SmallVec;

use crate::call_history::CallResult;
use crate::invite::Invite;
use crate::keys::Names;
use crate::reputation_record::Subject;
use crate::score::{Finding, NEUTRAL};
use crate::signal_rates::Peers;
use crate::{MembershipKind, OperatorEntry, OperatorList, SenderMarks, Stage};

/// A call during scoring: from its INVITE until a while after its end.
#[derive(Clone, Debug)]
pub(crate) struct OpenCall {
    pub(crate) call: CallId,
    pub(crate) started_at: Timestamp,
    pub(crate) caller: u64,
    pub(crate) callee: u64,
    pub(crate) source: u64,
    /// Places of the call in the histories of its caller and of its source.
    pub(crate) places: (u32, u32),
    /// Slot of the caller in its table.
    pub(crate) caller_at: SlotId,
    /// Slot of the source in its table.
    pub(crate) source_at: SlotId,
    /// The groups of the call.
    pub(crate) pools: GroupMemberships,
    pub(crate) fate: CallResult,
    pub(crate) is_over: bool,
    /// Duration of talk in seconds.
    pub(crate) secs: u16,
    /// Media of this leg.
    pub(crate) heard: Heard,
    /// Media of the other legs.
    pub(crate) heard_of_legs: Heard,
    /// Number of calls with the same recording, and of their callers.
    pub(crate) prompt: Option<(u32, u32)>,
    pub(crate) recording: Option<RecordingId>,
    /// The recording that the callee plays.
    pub(crate) announcement: Option<RecordingId>,
    pub(crate) membership: Option<Membership>,
    /// The judgement of its sender.
    pub(crate) sender: Option<bellwether_senders::Verdict>,
    pub(crate) sender_marks: SenderMarks,
    /// Whom its signals are compared with.
    pub(crate) peers: Peers,
    /// The entry of the operator's lists that applies.
    pub(crate) listing: Option<Listing>,
    /// True if the account is also used from elsewhere by a device that registered earlier.
    pub(crate) is_contested: bool,
    /// True if a label declares the sender honest.
    pub(crate) is_vouched_for: bool,
    /// Findings at the INVITE. More than four are rare.
    pub(crate) at_start: SmallVec<[Finding; 4]>,
    /// Findings about the device.
    pub(crate) of_device: Vec<Finding>,
    /// True if an earlier run scored the call completely. It then serves as evidence about others only.
    pub(crate) is_known: bool,
    /// True if the call is from the warm-up window and not read again. It may still join a campaign.
    pub(crate) is_recalled: bool,
    /// True for a call through a trunk.
    pub(crate) is_from_trunk: bool,
    /// True for a call of an established caller.
    pub(crate) is_rooted: bool,
    /// True if the destination is risky, which makes an alert critical.
    pub(crate) is_risky: bool,
    /// The incident that it belongs to.
    pub(crate) incident: Option<OfIncident>,
    /// Other legs of the conversation.
    pub(crate) legs: SmallVec<[CallId; 2]>,
    /// The foreign country that an unknown caller dials. `None` for other calls.
    pub(crate) stranger_to: Option<u32>,
    /// True once the caller's credentials were accepted.
    pub(crate) is_let_in: bool,
    /// The subjects whose reputation learns from the call. The platform is the first.
    pub(crate) subjects: SmallVec<[Known; 3]>,
    /// User and host of the caller, needed for alerts only.
    pub(crate) party: SmallVec<[u8; 36]>,
    /// True if something changed that may affect the score and was not reported.
    pub(crate) is_news: bool,
    /// The last report of the score.
    pub(crate) told: Option<Told>,
    pub(crate) is_alerted: bool,
}

/// An entry of the operator's lists, as evidence.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Listing {
    pub(crate) list: OperatorList,
    /// Kind of the entry's subject and reason.
    pub(crate) words: Arc<str>,
}

impl From<&Arc<OperatorEntry>> for Listing {
    fn from(entry: &Arc<OperatorEntry>) -> Self {
        let (kind, list) = (entry.subject.kind(), entry.list.name());
        let reason = if entry.reason.is_empty() { String::new() } else { format!(": {}", entry.reason) };
        let words = format!("the {kind} is on the operator's {list} list{reason}");
        Self { list: entry.list, words: words.into() }
    }
}

/// Membership of a call in an incident.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct OfIncident {
    /// Log odds of fraud.
    pub(crate) log_odds: f64,
    /// True while honest explanations are as good.
    pub(crate) is_notice: bool,
    pub(crate) words: Arc<str>,
}

impl OfIncident {
    pub(crate) fn new(id: IncidentId, kind: IncidentKind, log_odds: f64, is_notice: bool) -> Self {
        Self { log_odds, is_notice, words: crate::engine::incident_words(id, kind) }
    }
}

/// Media of a call.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) caller_packets: u64,
    pub(crate) callee_packets: u64,
    /// Share of the caller's packets that are quiet.
    pub(crate) quiet_share: Option<f64>,
}

impl Heard {
    /// Combines the media of two legs. The caller is silent only if it is silent on both.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            caller_packets: self.caller_packets.max(other.caller_packets),
            callee_packets: self.callee_packets.max(other.callee_packets),
            quiet_share: self.quiet_share.into_iter().chain(other.quiet_share).min_by(f64::total_cmp),
        }
    }
}

/// The evidence that reputation learns from a closed call. It has no subjects if the end of the call was not
/// seen.
pub(crate) struct Lesson {
    pub(crate) caller: u64,
    /// The subjects.
    pub(crate) subjects: SmallVec<[Known; 3]>,
    pub(crate) is_fraud: bool,
    /// True for a conversation without evidence against it.
    pub(crate) is_conversation: bool,
    /// True if an honest party uses the platform.
    pub(crate) is_party: bool,
}

impl OpenCall {
    /// A call at its INVITE, of which nothing is known but its parties.
    pub(crate) fn new(invite: &Invite<'_>, names: &Names) -> Self {
        let mut party = SmallVec::new();
        for part in [invite.caller, "@", invite.caller_host] {
            party.extend_from_slice(part.as_bytes());
        }
        Self {
            call: invite.call,
            started_at: invite.started_at,
            caller: names.caller,
            callee: names.callee,
            source: names.source,
            places: (0, 0),
            caller_at: SlotId::default(),
            source_at: SlotId::default(),
            pools: GroupMemberships::default(),
            fate: CallResult::Open,
            is_over: false,
            secs: 0,
            heard: Heard::default(),
            heard_of_legs: Heard::default(),
            prompt: None,
            recording: None,
            announcement: None,
            membership: None,
            sender: None,
            sender_marks: SenderMarks::default(),
            peers: Peers::default(),
            listing: None,
            is_contested: false,
            is_vouched_for: false,
            at_start: SmallVec::new(),
            of_device: Vec::new(),
            is_known: false,
            is_recalled: false,
            is_from_trunk: invite.is_from_trunk,
            is_rooted: false,
            is_risky: invite.is_risky,
            incident: None,
            legs: SmallVec::new(),
            stranger_to: None,
            is_let_in: false,
            subjects: SmallVec::new(),
            party,
            is_news: true,
            told: None,
            is_alerted: false,
        }
    }

    /// True for a member of a campaign that is no notification.
    pub(crate) fn is_in_campaign(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::is_against)
    }

    /// Media of the whole conversation.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.with(self.heard_of_legs)
    }

    /// The caller's name in reports.
    pub(crate) fn name(&self) -> String {
        format!("sip:{}", String::from_utf8_lossy(&self.party))
    }

    /// The evidence for reputation. `None` if an earlier run has learned from the call.
    ///
    /// The call counts as fraud if its own score is below a limit. This score excludes reputation, so that
    /// reputation does not feed on itself.
    pub(crate) fn lesson(&mut self, fraud_below: f64) -> Option<Lesson> {
        if self.is_known {
            return None;
        }
        let own_score = self.told.filter(|_| self.is_over).map(|told| told.own_score);
        // A campaign with one recording, or with a confirming label, is certain.
        let is_sure = self
            .membership
            .as_ref()
            .is_some_and(|membership| membership.is_against() && membership.strength >= SURE);
        let is_conversation = self.fate == CallResult::Answered
            && self.secs >= 30
            && !self.is_in_campaign()
            && self.incident.is_none()
            && !self.is_risky
            && own_score.is_some_and(|score| score >= NEUTRAL);
        // An honest party holds a conversation and owns its number: it is established, or a customer of a
        // carrier. Any other number may be spoofed.
        let is_its_own = self.is_rooted || (self.is_from_trunk && self.secs >= 45);
        Some(Lesson {
            caller: self.caller,
            subjects: if own_score.is_some() && self.incident.is_none() {
                std::mem::take(&mut self.subjects)
            } else {
                SmallVec::new()
            },
            is_fraud: is_sure || own_score.is_some_and(|score| score < fraud_below),
            is_conversation,
            is_party: is_conversation && is_its_own,
        })
    }
}

/// The last report of a call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) stage: Stage,
    pub(crate) signals: usize,
    /// The sum of the points, of which score and disposition follow.
    pub(crate) points: f64,
    pub(crate) campaign: Option<CampaignId>,
    /// The score without reputation and campaign.
    pub(crate) own_score: f64,
}

/// A subject of reputation with its key.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) key: u64,
    pub(crate) subject: Arc<Subject>,
}

/// The groups of a call: one of each kind, and as many instance groups as there is room for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupMemberships {
    pools: [GroupMembership; 8],
    len: u8,
}

/// A call in a group: the group's key and slot, and the call's place in it.
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

/// Log odds from which on a membership is permanent: the call plays the campaign's recording.
pub(crate) const SURE: f64 = 5.0;

/// Membership of a call in a campaign, with the reason.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Membership {
    pub(crate) campaign: CampaignId,
    pub(crate) name: Arc<str>,
    pub(crate) kind: MembershipKind,
    pub(crate) strength: f64,
    pub(crate) why: Arc<str>,
    /// True if the operator says that the call or the campaign is honest.
    pub(crate) is_pardoned: bool,
}

/// Strength of a membership that follows from the judgement of the sender, of another leg of such a call, and of a
/// call of a notification.
pub(crate) const OF_SENDER: f64 = 4.0;
pub(crate) const OF_LEG: f64 = 3.0;
pub(crate) const OF_NOTICE: f64 = 0.5;

impl Membership {
    /// A membership, as far as the operator says nothing else.
    pub(crate) fn new(
        campaign: CampaignId,
        name: Arc<str>,
        kind: MembershipKind,
        strength: f64,
        why: impl Into<Arc<str>>,
    ) -> Self {
        Self { campaign, name, kind, strength, why: why.into(), is_pardoned: false }
    }

    /// A membership by evidence about the call, which has these log odds.
    pub(crate) fn by_evidence(
        campaign: CampaignId,
        name: Arc<str>,
        log_odds: f64,
        why: impl Into<Arc<str>>,
    ) -> Self {
        Self::new(campaign, name, MembershipKind::Evidence, log_odds, why)
    }

    /// True if the membership speaks against the call.
    pub(crate) fn is_against(&self) -> bool {
        self.kind != MembershipKind::Notification && !self.is_pardoned
    }

    /// True if the judgement of the sender made the membership.
    pub(crate) fn is_of_sender(&self) -> bool {
        self.kind == MembershipKind::Sender
    }
}
