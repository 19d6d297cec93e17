//! The judgement of senders on its way to scores and campaigns.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bellwether_base::{CallId, CampaignId, RecordingId, RegistrationId, Span, Timestamp};
use bellwether_enrich::Side;
use bellwether_fingerprint::PrintHash;
use bellwether_senders::{
    CallEnd, CallStart, CallerAccess, CallerAudio, Change, Cluster, SenderKind, Verdict,
};

use super::{Membership, Outcome, REGISTERED, ScoringEngine};
use crate::campaign::LinkKind;
use crate::history::{History, PastSender, SenderMarks};
use crate::invite::Invite;
use crate::open::{Listing, OF_NOTICE, OF_SENDER};
use crate::operator_list::ListedCall;
use crate::outcome::LinkRow;
use crate::signals::{Group, REGISTERED_LINE, RETURNING, Registration, SENDER, SIGNALS, group, of_sender};
use crate::{CampaignKind, MembershipKind};

/// Parties return within days. Calls of this time before a run are read again.
pub(super) const RETURNS_WITHIN: Span = Span::from_secs(3 * 86_400);

/// Maximum number of these calls, the latest.
const MAX_PAST: usize = 200_000;

/// A registration that lasts so long was not made for one call.
pub(super) const LASTS: Span = Span::from_secs(1800);

/// Log likelihood ratio of evidence that a campaign lists as a link.
const WORTH_A_LINK: f64 = 0.7;

/// The family and the address behind the keys of a cluster, for the campaign index and for reports.
#[derive(Clone, Copy)]
pub(super) struct SenderName {
    family: PrintHash,
    /// None for a family.
    address: Option<IpAddr>,
}

/// Where the campaign of a cluster is looked up.
#[derive(Clone, Copy)]
enum CampaignPlace {
    Parties(SenderName),
    Recording(RecordingId),
}

/// What a call shows of its sender.
struct Caller<'a> {
    number: &'a str,
    block: Option<&'a str>,
    dialled: &'a str,
    source: IpAddr,
    user_agent: Option<&'a str>,
    fingerprint: PrintHash,
    family: PrintHash,
    is_anonymous: bool,
}

impl ScoringEngine {
    /// Reads the calls of the last days again.
    pub(super) fn recall_senders(&mut self, at: Timestamp, memory: &mut dyn History) {
        self.read_senders(at - RETURNS_WITHIN, at, memory);
    }

    /// Reads calls of the database in the order of their events. Returns the members of campaigns among them.
    pub(super) fn read_senders(
        &mut self,
        since: Timestamp,
        before: Timestamp,
        memory: &mut dyn History,
    ) -> BTreeMap<CallId, CampaignId> {
        let past = memory.senders(since, before, MAX_PAST);
        let mut events: Vec<(Timestamp, bool, &PastSender)> = Vec::with_capacity(2 * past.len());
        for call in &past {
            events.push((call.started_at, false, call));
            events.extend(call.ended_at.map(|ended| (ended, true, call)));
        }
        events.sort_by_key(|(at, is_end, call)| (*at, *is_end, call.call));
        // Verdicts about these calls are in the database. The later ones change them.
        let mut told = Vec::new();
        let mut accounts: BTreeSet<&str> = BTreeSet::new();
        let recordings = self.recordings.by_campaign();
        for (at, is_end, call) in events {
            if call.marks.is_registered && accounts.insert(&call.caller) {
                self.recalled_accounts = accounts.len();
                self.count_accounts();
            }
            if is_end {
                self.recall_rates(call);
                let end = end_of(call.call, (call.started_at, call.answered_at), at, call.ended_by);
                self.senders.end(&end, &mut told);
            } else {
                let access = call.marks.access(call.is_from_trunk);
                let start = self.start_of(call.call, at, &Caller::from(call), access);
                self.senders.begin(&start, &mut told);
                let repeated = call.recording.filter(|recording| self.is_repeated(*recording));
                if call.marks.is_heard || repeated.is_some() {
                    // A database of an earlier version does not say which recording it was. A member of a campaign
                    // plays the campaign's one.
                    let of_campaign =
                        || call.campaign.and_then(|campaign| recordings.get(&campaign).copied());
                    let heard = match repeated {
                        Some(recording) => CallerAudio::Recording(recording),
                        None if !call.marks.is_recorded || call.recording.is_some() => CallerAudio::Speech,
                        None => of_campaign().map_or(CallerAudio::Recorded, CallerAudio::Recording),
                    };
                    self.senders.add_audio(call.call, heard, at, &mut told);
                }
            }
            told.clear();
        }
        self.count_labelled_clusters();
        past.iter().filter_map(|call| Some((call.call, call.campaign?))).collect()
    }

    /// Counts the signals of a line's call of an earlier run.
    fn recall_rates(&mut self, call: &PastSender) {
        if [REGISTERED_LINE, RETURNING].iter().any(|signal| call.shown.has(*signal)) {
            let peers = self.keys.peers(call.family, call.trunk.as_deref());
            self.rates.learn(self.keys.user(&call.caller), peers, call.shown, call.started_at);
        }
    }

    /// Judges the sender of a new call. Verdicts that changed go to `changes`.
    pub(super) fn judge_sender(
        &mut self,
        invite: &Invite<'_>,
        (registration, is_young): (Registration, bool),
        changes: &mut Vec<Change>,
    ) -> (Option<Verdict>, SenderMarks) {
        let access = access_of(registration, is_young, invite.is_from_trunk);
        let start = self.start_of(invite.call, invite.started_at, &Caller::from(invite), access);
        self.count_accounts();
        self.senders.begin(&start, changes);
        let verdict = self.senders.verdict(invite.call);
        let verdict = verdict.map(|verdict| self.with_feedback(invite.call, verdict).0);
        (verdict, SenderMarks::of_access(access))
    }

    /// Counts the registered accounts. A run that has just begun has seen few of them register; the calls of earlier
    /// runs show how many there are at least.
    fn count_accounts(&mut self) {
        let accounts = self.callers.len_of(REGISTERED).max(self.recalled_accounts);
        self.senders.set_accounts(u32::try_from(accounts).unwrap_or(u32::MAX));
    }

    /// Tells the judgement that a call ended.
    pub(super) fn sender_ended(&mut self, end: &CallEnd, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        let mut changes = Vec::new();
        self.senders.end(end, &mut changes);
        self.apply(changes, memory, out);
    }

    /// Tells the judgement that a registration has lasted: its number is a line at the address.
    pub(super) fn registration_lasts(
        &mut self,
        registration: RegistrationId,
        at: Timestamp,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some((user, home)) = self.users.value(registration.key()) else { return };
        let (user, source, first) = (*user, self.keys.address(home.source), home.first);
        if at.since(first) < LASTS {
            return;
        }
        let mut changes = Vec::new();
        self.senders.register(user, source, at, &mut changes);
        self.apply(changes, memory, out);
    }

    /// Tells the judgement that a caller was heard.
    pub(super) fn sender_heard(
        &mut self,
        call: CallId,
        audio: CallerAudio,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let mut changes = Vec::new();
        self.senders.add_audio(call, audio, self.now, &mut changes);
        if let Some(opened) = self.opened(call) {
            opened.sender_marks.is_heard = true;
            opened.sender_marks.is_recorded |= audio != CallerAudio::Speech;
        }
        self.apply(changes, memory, out);
    }

    /// Takes changed verdicts over into scores and campaigns.
    pub(super) fn apply(&mut self, changes: Vec<Change>, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        for Change { call, at, verdict } in changes {
            // The operator's word frees a call, and may be taken back. The call stays a member of the campaign.
            let is_member_still = verdict.is_accused;
            let (verdict, is_vouched_for) = self.with_feedback(call, verdict);
            let is_open = match self.opened(call) {
                // The result of an earlier run about this call stands until others change it.
                Some(opened) => {
                    opened.sender = Some(verdict);
                    opened.is_vouched_for = is_vouched_for;
                    opened.is_news = true;
                    true
                }
                None => false,
            };
            let is_closed = !is_open || self.opened(call).is_some_and(|opened| opened.is_known);
            let notice = self.membership(call).filter(|of| of.kind == MembershipKind::Notification);
            if let Some(notice) = notice.filter(|_| verdict.notifies_from.is_none()) {
                self.leave(call, notice.campaign, "the sender is judged otherwise now", out);
            }
            if verdict.is_accused {
                self.join_sender((call, at), &verdict, memory, out);
            } else if let Some(address) = verdict.notifies_from {
                self.join_notification((call, at), address, memory, out);
            } else if let Some(membership) = self.membership(call).filter(Membership::is_of_sender)
                && !(is_vouched_for && is_member_still)
            {
                self.leave(call, membership.campaign, "the sender is judged otherwise now", out);
            }
            if is_closed {
                let campaign = self.member(call).map(|(campaign, _)| campaign);
                if is_vouched_for {
                    let reputation = (0..SIGNALS.len()).filter(|signal| group(*signal) == Group::Reputation);
                    let silent = |signal| Outcome::Amend { call, signal, finding: None, campaign };
                    out.extend(reputation.map(silent));
                }
                let found = of_sender(&verdict);
                for signal in [SENDER, REGISTERED_LINE, RETURNING] {
                    let found = found.clone().filter(|(of, _)| *of == signal).map(|(_, found)| found);
                    let finding = found.and_then(|found| self.finding(signal, found));
                    out.push(Outcome::Amend { call, signal, finding, campaign });
                }
            } else {
                self.tell(call, out);
            }
        }
    }

    /// Adds a call to the notification of its address.
    fn join_notification(
        &mut self,
        (call, at): (CallId, Timestamp),
        address: u64,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some(name) = self.sender_names.value(address).copied() else { return };
        match self.membership(call) {
            Some(membership) if membership.is_of_sender() => {
                self.leave(call, membership.campaign, "the sender notifies many people", out);
            }
            Some(_) => return,
            None => {}
        }
        let lead = self.keys.cluster("notification", name.family, name.address);
        let known = self.leads.value(lead).copied();
        let campaign = match known.filter(|campaign| self.is_running(*campaign, memory, out)) {
            Some(campaign) => campaign,
            None => {
                let Some(campaign) = self.found("notification", call, memory, out) else { return };
                self.leads_to(lead, campaign, out);
                if let Some(slot) = self.campaign_slot(campaign, memory, out)
                    && let Some(row) = self.campaigns.get_mut(slot)
                {
                    row.kind = CampaignKind::Notification;
                    self.campaigns.is_news(slot);
                }
                let evidence =
                    "one address calls many people once each, with recordings or short talks".to_owned();
                self.link(campaign, LinkRow { kind: LinkKind::Pace, evidence }, memory, out);
                campaign
            }
        };
        let Some(name) = self.campaign_name(campaign, memory, out) else { return };
        let membership = Membership::new(
            campaign,
            name,
            MembershipKind::Notification,
            OF_NOTICE,
            "the address notifies many people",
        );
        self.join((call, at), membership, memory, out);
    }

    /// Adds a call to the campaign of its sender.
    fn join_sender(
        &mut self,
        (call, at): (CallId, Timestamp),
        verdict: &Verdict,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let place = match verdict.cluster {
            Cluster::Recording { recording } => CampaignPlace::Recording(recording),
            cluster => match self.name_of(cluster) {
                Some(name) => CampaignPlace::Parties(name),
                None => return,
            },
        };
        // A recording of a campaign precedes what else its caller has in common with others.
        let of_recording =
            self.recordings.of_call(call).and_then(|recording| self.recordings.campaign(recording));
        let known = of_recording.or_else(|| self.campaign_of_cluster(verdict.cluster));
        let known = known.filter(|campaign| self.is_running(*campaign, memory, out));
        let campaign = match known {
            Some(campaign) => campaign,
            None => {
                let member = self.member(call).map(|(campaign, _)| campaign);
                let found = member.or_else(|| self.found("sender", call, memory, out));
                let Some(campaign) = found else { return };
                match place {
                    CampaignPlace::Recording(recording) => {
                        if self.recordings.belongs(recording, campaign) {
                            out.push(Outcome::RecordingOf { recording, campaign });
                        }
                    }
                    CampaignPlace::Parties(name) => self.leads_to(self.lead_of(name), campaign, out),
                }
                campaign
            }
        };
        // Several addresses that are one sender were several senders before.
        let campaign = match self.membership(call) {
            Some(other) if other.campaign == campaign => campaign,
            Some(other) if other.is_of_sender() => {
                self.merge(other.campaign, campaign, "its addresses are one sender", memory, out)
            }
            Some(_) => return,
            None => campaign,
        };
        self.link_sender(campaign, verdict, place, memory, out);
        let Some(name) = self.campaign_name(campaign, memory, out) else { return };
        let membership = Membership::new(campaign, name, MembershipKind::Sender, OF_SENDER, reason(verdict));
        self.join((call, at), membership, memory, out);
        self.announce(campaign, memory, out);
    }

    /// Lists the evidence of a cluster as links of its campaign.
    fn link_sender(
        &mut self,
        campaign: CampaignId,
        verdict: &Verdict,
        place: CampaignPlace,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let (once, all) = verdict.once;
        let odds = |term: f64| format!("{:.1} in log odds", term);
        let t = &verdict.terms;
        let (mut links, is_address) = match place {
            CampaignPlace::Parties(name) => {
                let evidence = format!("calls of the platform family {}", name.family);
                (vec![(LinkKind::Fingerprint, evidence)], name.address.is_some())
            }
            CampaignPlace::Recording(_) => {
                let evidence = format!("{all} addresses play the same recording");
                (vec![(LinkKind::Prompt, evidence)], false)
            }
        };
        if t.addresses >= WORTH_A_LINK || matches!(verdict.cluster, Cluster::Strangers { .. }) {
            links
                .push((LinkKind::Addresses, format!("{once} of {all} addresses called in one session only")));
        }
        if t.numbers >= WORTH_A_LINK {
            let words = if is_address {
                format!("{once} of {all} numbers called in one session only")
            } else {
                format!("numbers do not come back: {}", odds(t.numbers))
            };
            links.push((LinkKind::Numbers, words));
        }
        let more = [
            (LinkKind::ShortCalls, t.conduct, "few answers and short talks"),
            (LinkKind::Agents, t.names, "one platform names itself as many"),
            (LinkKind::Prompt, t.recording, "calls play recordings"),
            (LinkKind::BorrowedNumbers, t.owners, "numbers are shown that are lines elsewhere"),
        ];
        for (kind, term, words) in more.into_iter().filter(|(_, term, _)| *term >= WORTH_A_LINK) {
            links.push((kind, format!("{words}: {}", odds(term))));
        }
        for (kind, evidence) in links {
            self.link(campaign, LinkRow { kind, evidence }, memory, out);
        }
    }

    /// The campaign of a cluster, if it has one.
    pub(super) fn campaign_of_cluster(&self, cluster: Cluster) -> Option<CampaignId> {
        match cluster {
            Cluster::Recording { recording } => self.recordings.campaign(recording),
            cluster => self.leads.value(self.lead_of(self.name_of(cluster)?)).copied(),
        }
    }

    /// Key of a family or an address in the campaign index.
    fn lead_of(&self, name: SenderName) -> u64 {
        let kind = if name.address.is_some() { "address" } else { "family" };
        self.keys.cluster(kind, name.family, name.address)
    }

    /// The family and the address of a cluster; none for a cluster that founds no campaign.
    fn name_of(&self, cluster: Cluster) -> Option<SenderName> {
        let key = match cluster {
            Cluster::Nothing | Cluster::Line(_) | Cluster::Trunk | Cluster::Recording { .. } => {
                return None;
            }
            Cluster::Strangers { family } | Cluster::Gang { family } | Cluster::Crowd { family } => family,
            Cluster::Address { address } | Cluster::Guests { address } => address,
        };
        self.sender_names.value(key).copied()
    }

    fn start_of(&mut self, call: CallId, at: Timestamp, of: &Caller<'_>, access: CallerAccess) -> CallStart {
        let start = self.keys_of(call, at, of, access);
        let family = SenderName { family: of.family, address: None };
        self.name_sender(start.family, family, at);
        self.name_sender(start.place(), SenderName { address: Some(of.source), ..family }, at);
        start
    }

    fn keys_of(&self, call: CallId, at: Timestamp, of: &Caller<'_>, access: CallerAccess) -> CallStart {
        let agent = of.user_agent.unwrap_or_default();
        let address = self.keys.address(of.source);
        CallStart {
            call,
            at,
            // Callers without a number are one caller for each address.
            number: if of.is_anonymous { address } else { self.keys.user(of.number) },
            address,
            block: self.keys.caller_block(of.block),
            family: self.keys.family(of.family),
            print: self.keys.print(of.fingerprint),
            product: self.keys.product(agent),
            agent: if agent.is_empty() { 0 } else { self.keys.agent(agent) },
            callee: self.keys.callee(of.dialled),
            access,
        }
    }

    /// The judgement of the sender of a call that has not come, after the operator's feedback.
    pub(super) fn forecast_sender(
        &self,
        invite: &Invite<'_>,
        access: CallerAccess,
    ) -> (Option<Listing>, Verdict, bool) {
        let start = self.keys_of(invite.call, invite.started_at, &Caller::from(invite), access);
        let listed = ListedCall {
            number: start.number,
            source: invite.source,
            print: start.print as u32,
            family: invite.family,
            recording: None,
            at: invite.started_at,
        };
        let party = Cluster::Address { address: start.place() };
        self.forecast_feedback(&listed, party, self.senders.forecast(&start))
    }

    fn name_sender(&mut self, key: u64, name: SenderName, at: Timestamp) {
        match self.sender_names.slot(key) {
            Some(slot) => self.sender_names.mark_used(slot),
            None => drop(self.sender_names.insert(key, key, name, 0, at)),
        }
    }

    /// What the operator's lists are compared with.
    pub(super) fn compared(&self, call: CallId) -> Option<ListedCall> {
        let (number, place, print, at) = self.senders.parties(call)?;
        let name = self.sender_names.value(place)?;
        let recording = self.recordings.of_call(call);
        Some(ListedCall { number, source: name.address?, print, family: name.family, recording, at })
    }

    /// True for a call of a line: registered at its address, or back at it.
    pub(super) fn is_line(verdict: Option<&Verdict>) -> bool {
        verdict.is_some_and(|verdict| matches!(verdict.cluster, Cluster::Line(_)))
    }
}

/// The access of a caller by its registration; `is_young` if that has not lasted yet.
pub(super) const fn access_of(
    registration: Registration,
    is_young: bool,
    is_from_trunk: bool,
) -> CallerAccess {
    match (registration, is_from_trunk) {
        (_, true) => CallerAccess::Trunk,
        (Registration::Here, false) if is_young => CallerAccess::RegisteredLately,
        (Registration::Here, false) => CallerAccess::Registered,
        (Registration::ByServer, false) => CallerAccess::Server,
        (Registration::Elsewhere | Registration::No, false) => CallerAccess::Unknown,
    }
}

/// The reason for a membership.
pub(super) fn reason(verdict: &Verdict) -> String {
    let what = match verdict.cluster {
        Cluster::Strangers { .. } => "the caller and its address are of the strangers on the platform family",
        Cluster::Gang { .. } | Cluster::Crowd { .. } => {
            "the address is one of several that act as one sender"
        }
        Cluster::Recording { .. } => "the address plays the recording of a campaign",
        Cluster::Guests { .. } => {
            "the call passes the address of others, under a number of none of their lines"
        }
        _ => "the address changes numbers and does not use them again",
    };
    let kind = if verdict.kind == SenderKind::Campaign { "" } else { ", although another kind fits" };
    format!("{what} (probability {:.2}{kind})", verdict.probability)
}

/// The end of a call at a time: `since` is its start, and `answered` the time of its answer.
pub(super) fn end_of(
    call: CallId,
    (since, answered): (Timestamp, Option<Timestamp>),
    at: Timestamp,
    ended_by: Option<Side>,
) -> CallEnd {
    CallEnd {
        call,
        at,
        ring_secs: whole_secs(answered.unwrap_or(at).since(since)),
        talk_secs: answered.map(|answered| whole_secs(at.since(answered))),
        is_ended_by_caller: ended_by == Some(Side::Caller),
    }
}

/// Seconds of a span, rounded down.
pub(super) fn whole_secs(span: Span) -> u16 {
    span.as_secs_f64().clamp(0.0, f64::from(u16::MAX)) as u16
}

impl<'a> From<&'a PastSender> for Caller<'a> {
    fn from(past: &'a PastSender) -> Self {
        Self {
            number: &past.caller,
            block: past.caller_block.as_deref(),
            dialled: &past.dialled,
            source: past.source,
            user_agent: past.user_agent.as_deref(),
            fingerprint: past.fingerprint,
            family: past.family,
            is_anonymous: past.is_anonymous,
        }
    }
}

impl<'a> From<&'a Invite<'a>> for Caller<'a> {
    fn from(invite: &'a Invite<'a>) -> Self {
        Self {
            number: invite.caller,
            block: invite.caller_block,
            dialled: invite.dialled,
            source: invite.source,
            user_agent: invite.user_agent,
            fingerprint: invite.fingerprint,
            family: invite.family,
            is_anonymous: invite.is_anonymous,
        }
    }
}
