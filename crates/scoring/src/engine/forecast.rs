//! Answers about calls: the present score of a call, and the score that a call would get if it came now.
//!
//! An answer changes nothing: no table counts the question, and no evidence about others follows from it.

use std::sync::Arc;

use bellwether_base::{CallId, CampaignId, IncidentId};
use bellwether_enrich::CallRow;
use bellwether_fingerprint::PrintHash;
use bellwether_incidents::CallStart;
use smallvec::SmallVec;

use super::incidents::{membership as membership_of_incident, readings};
use super::senders::{LASTS, access_of, reason};
use super::{Caller, ScoringEngine};
use crate::call_history::{CallEvent, CallResult, OF_CALLERS};
use crate::campaign_state::MembershipKind;
use crate::history::{PartyHistory, SenderMarks};
use crate::invite::Invite;
use crate::open::{Membership, OF_SENDER, OpenCall};
use crate::operator_list::ListedCall;
use crate::platform::Platform;
use crate::reputation_record::{Layer, Reputed, Subject};
use crate::score::Finding;
use crate::signals::{AtStart, Registration};
use crate::source::count;
use crate::{Confidence, Disposition, Scorecard};

/// A score with its reasons, given as an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Forecast {
    /// The score, 0 (worst) to 100.
    pub score: f64,
    /// The recommended treatment.
    pub disposition: Disposition,
    /// The probability of fraud; none without evidence.
    pub fraud_probability: Option<f64>,
    /// How much evidence there is.
    pub confidence: Confidence,
    /// The evidence. Its points and 50 add up to the score.
    pub findings: Vec<Finding>,
    /// Name of the campaign that the call belongs to.
    pub campaign: Option<Arc<str>>,
    /// The incident that the call belongs to.
    pub incident: Option<IncidentId>,
}

/// What a switch may know of a caller without its INVITE. Numbers are tokens.
#[derive(Clone, Default, Debug)]
pub struct KnownParties {
    /// The fingerprint of the caller's messages, and its platform family if the database has it.
    pub fingerprint: Option<(PrintHash, Option<PrintHash>)>,
    /// The caller's number.
    pub caller: Option<String>,
    /// The source address.
    pub source: Option<std::net::IpAddr>,
}

impl ScoringEngine {
    /// The present score of a call: none for a call that ended more than a while ago, or that was never seen.
    #[must_use]
    pub fn present(&self, call: CallId) -> Option<Forecast> {
        let open = self.open.value(call.key()).filter(|open| !open.is_known)?;
        let incident = self.watch.of_call(call);
        let campaign = open.membership.as_ref().map(|membership| membership.name.clone());
        Some(self.sum_up(self.card(open), campaign, incident))
    }

    /// The score that a call would get if it came now. `memory` answers about parties that are not in memory.
    ///
    /// An emergency call has no score.
    pub fn forecast(&self, row: &CallRow, memory: &mut dyn PartyHistory) -> Option<Forecast> {
        if row.traits.is_emergency {
            return None;
        }
        let invite = Invite::from(row);
        let now = invite.started_at.max(self.now);
        let names = self.keys.names(&invite);
        let event = CallEvent {
            call: invite.call,
            at: now,
            caller: names.caller as u32,
            callee: names.callee as u32,
            agent: names.agent as u32,
            platform: names.fingerprint as u32,
            neighbourhood: names.dialled_block as u32,
            line: invite.callee_line.unwrap_or(u16::MAX),
            secs: 0,
            fate: CallResult::Open,
        };
        let caller = self.caller_as_of(&invite, names.caller, event, memory);
        let mut source = self.sources.value(names.source).cloned().unwrap_or_default();
        source.begin(event);
        let mut signed = match invite.trunk.and_then(|trunk| self.trunks.get(trunk)) {
            Some(signed) => *signed,
            None => source.signed,
        };
        count(&mut signed, invite.passport.is_some());
        let platform = self.platforms.value(names.platform_and_agent()).map(|(platform, _)| platform.clone());
        let platform = platform.unwrap_or_else(|| {
            let facts = memory.platform(invite.fingerprint.as_str(), invite.user_agent);
            Platform::new(facts.unwrap_or_default(), invite.user_agent)
        });
        let account = &caller.account;
        let registration = account.registration(invite.source);
        let moved = account.moved(invite.source, now).filter(|_| !invite.is_from_trunk);
        let is_young = account.registered_at(invite.source).is_some_and(|at| now.since(at) < LASTS);
        let is_home = matches!(registration, Registration::Here | Registration::ByServer);
        let is_rooted = account.is_rooted(is_home, invite.family, now);
        let access = access_of(registration, is_young, invite.is_from_trunk);
        let (listing, sender, is_vouched_for) = self.forecast_sender(&invite, access);
        let is_line = Self::is_line(Some(&sender)) && moved.is_none();
        let standings = self.standings_as_of(&invite, names.fingerprint, names.deployment, memory);
        let peers = self.keys.peers(invite.family, invite.trunk);
        let at = AtStart {
            row,
            platform: &platform,
            account,
            caller: &caller.actor,
            source: &source,
            signed,
            registration,
            moved,
            standings,
            since: self.since.unwrap_or(now),
            is_registrar: self.registrars.slot(self.keys.address(invite.destination)).is_some(),
            is_rooted,
            is_line,
        };
        let mut at_start: SmallVec<[Finding; 4]> = SmallVec::new();
        self.rules
            .at_invite(&at, |signal, found| at_start.extend(self.weighed_finding(signal, found, peers)));
        let incident = self.watch.forecast(&CallStart {
            call: invite.call,
            at: now,
            account: self.keys.user(invite.caller),
            name: "",
            devices: &[],
            caller: readings(&row.traits.caller_readings),
            callee: self.keys.user(invite.dialled),
            called: readings(&row.traits.called_readings),
            source: invite.source,
            platform: self.keys.family(invite.family),
            is_registered: is_home,
            is_from_trunk: invite.is_from_trunk,
        });
        let campaign = self.campaign_of_cluster(sender.cluster).filter(|_| sender.is_accused);
        let campaign = campaign.and_then(|id| Some((id, self.name_in_memory(id)?)));
        let open = OpenCall {
            sender: Some(sender),
            sender_marks: SenderMarks::of_access(access),
            peers,
            is_vouched_for,
            listing,
            is_contested: moved.is_some(),
            at_start,
            is_rooted: is_rooted && moved.is_none(),
            membership: campaign.clone().map(|(campaign, name)| Membership {
                is_pardoned: self.is_honest(campaign),
                ..Membership::new(campaign, name, MembershipKind::Sender, OF_SENDER, reason(&sender))
            }),
            incident: incident.and_then(|id| self.watch.incident(id)).map(membership_of_incident),
            ..OpenCall::new(&invite, &names)
        };
        Some(self.sum_up(self.card(&open), campaign.map(|(_, name)| name), incident))
    }

    /// What is known of parties without an INVITE: reputation of the fingerprint, the operator's lists, and an open
    /// incident of the caller or its address. None if nothing is known.
    pub fn known(&self, parties: &KnownParties, memory: &mut dyn PartyHistory) -> Option<Forecast> {
        let nobody = PrintHash::of(bellwether_fingerprint::Part::Combined, "");
        let (print, family) = parties.fingerprint.map_or((nobody, None), |(print, family)| (print, family));
        let listed = ListedCall {
            number: parties.caller.as_deref().map_or(0, |caller| self.keys.user(caller)),
            source: parties.source.unwrap_or(std::net::IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)),
            print: parties.fingerprint.map_or(0, |_| self.keys.print(print) as u32),
            family: family.unwrap_or(nobody),
            recording: None,
            at: self.now,
        };
        let mut findings: Vec<Finding> = self.listed_findings(&listed);
        if parties.fingerprint.is_some() {
            let key = self.keys.subject(Layer::Fingerprint, print.as_str());
            let reputed = self.reputed(Layer::Fingerprint, print.as_str(), key, memory);
            findings.extend(reputed.and_then(|reputed| self.finding_of_platform(reputed)));
        }
        let account = parties.caller.as_deref().map(|caller| self.keys.user(caller));
        let incident = self.watch.open_incident(account, parties.source);
        findings.extend(incident.and_then(|id| self.finding_of_incident(id)));
        let is_seen = account.is_some_and(|key| self.callers.slot(key).is_some());
        (is_seen || !findings.is_empty()).then(|| self.sum_up(Scorecard::new(findings), None, incident))
    }

    fn sum_up(&self, card: Scorecard, campaign: Option<Arc<str>>, incident: Option<IncidentId>) -> Forecast {
        Forecast {
            score: card.score(),
            disposition: card.disposition(&self.settings),
            fraud_probability: card.fraud_probability(),
            confidence: card.confidence(),
            findings: card.into_findings(),
            campaign,
            incident,
        }
    }

    fn name_in_memory(&self, campaign: CampaignId) -> Option<Arc<str>> {
        let slot = self.campaigns.find(campaign.key())?;
        self.campaigns.get(slot).map(|row| row.name.clone())
    }

    /// The state of the caller, with the call as its latest one.
    fn caller_as_of(
        &self,
        invite: &Invite<'_>,
        key: u64,
        event: CallEvent,
        memory: &mut dyn PartyHistory,
    ) -> Caller {
        let (mut account, mut actor) = match self.callers.value(key) {
            Some(of) if of.is_asked => (of.account.clone(), of.actor.clone()),
            Some(of) => {
                let mut account = memory.account(invite.caller, event.at);
                of.account.devices.iter().for_each(|home| account.add_device(home.clone()));
                (account, of.actor.clone())
            }
            None => (memory.account(invite.caller, event.at), Default::default()),
        };
        account.expire(event.at);
        actor.begin(event, OF_CALLERS);
        Caller { account, actor, campaign: None, is_asked: true }
    }

    /// The reputation of a call's subjects by layer.
    fn standings_as_of(
        &self,
        invite: &Invite<'_>,
        fingerprint: u64,
        deployment: u64,
        memory: &mut dyn PartyHistory,
    ) -> [Option<Reputed>; 4] {
        let mut reputed = [None; 4];
        let subjects = [
            (Layer::Fingerprint, invite.fingerprint.as_str(), fingerprint),
            (Layer::Deployment, invite.deployment, deployment),
        ];
        for (layer, name, key) in subjects {
            if let Some(of) = reputed.get_mut(layer as usize) {
                *of = self.reputed(layer, name, key, memory);
            }
        }
        if let Some(of) = reputed.get_mut(Layer::Origin as usize) {
            *of = self.reputed_origin(invite);
        }
        reputed
    }

    /// The reputation of a subject: none for one without a record.
    fn reputed(&self, layer: Layer, name: &str, key: u64, memory: &mut dyn PartyHistory) -> Option<Reputed> {
        let (labels, settings) = (self.labels_of(key), &self.settings.reputation);
        if let Some(kept) = self.standings.find(key).and_then(|slot| self.standings.get(slot)) {
            return Some(kept.standing.at(self.now, labels, settings));
        }
        let record = memory.standing(&Subject { layer, name: name.to_owned() })?;
        Some(record.at(self.now, labels, settings))
    }
}
