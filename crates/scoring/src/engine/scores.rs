//! Scores of calls, reported when they change.

use bellwether_base::{Alert, AlertKind, CallId, Severity, Timestamp};
use bellwether_devices::DeviceVerdict;

use super::{Outcome, ScoreRow, ScoringEngine};
use crate::history::{History, Stage};
use crate::open::{Lesson, OpenCall, Told};
use crate::score::Finding;
use crate::signal_rates::{Peers, SignalSet};
use crate::signals::{
    DEVICE_AUTHORISED, DEVICE_SHARED, DEVICE_UNAUTHORISED, Found, Group, PASSPORT_REPLAY, group,
};
use crate::{Disposition, Scorecard};

impl ScoringEngine {
    /// Applies a device verdict to a call. For a closed call the signals are emitted as amendments.
    pub fn device(
        &mut self,
        call: CallId,
        verdict: DeviceVerdict,
        evidence: &str,
        is_shared: bool,
        out: &mut Vec<Outcome>,
    ) {
        let words = if evidence.is_empty() { verdict.name() } else { evidence };
        let found = [
            (DEVICE_AUTHORISED, verdict == DeviceVerdict::Authorised, words),
            (DEVICE_UNAUTHORISED, verdict == DeviceVerdict::Unauthorised, words),
            (DEVICE_SHARED, is_shared, "the device also registers other accounts"),
        ];
        let found = found.map(|(signal, is, words)| {
            let found = is.then(|| Found { share: 1.0, evidence: words.to_owned().into() });
            (signal, found.and_then(|found| self.finding(signal, found)))
        });
        if let Some(opened) = self.opened(call) {
            opened.is_news = true;
            opened.of_device = found.into_iter().filter_map(|(_, finding)| finding).collect();
            self.tell(call, out);
            return;
        }
        let campaign = self.member(call).map(|(of, _)| of);
        out.extend(found.into_iter().map(|(signal, finding)| Outcome::Amend {
            call,
            signal,
            finding,
            campaign,
        }));
    }

    /// The finding of a signal with its points, if the signal is on.
    pub(super) fn finding(&self, signal: usize, found: Found) -> Option<Finding> {
        let tuned = self.settings.signals.get(signal).filter(|t| t.is_on)?;
        let points = tuned.points * found.share.clamp(-1.0, 1.0);
        (points.abs() >= 0.05).then_some(Finding {
            signal,
            points,
            is_limited: false,
            evidence: found.evidence,
        })
    }

    /// The same, weighed by how many lines show the signal.
    pub(super) fn weighed_finding(&self, signal: usize, found: Found, peers: Peers) -> Option<Finding> {
        self.finding(signal, found).map(|finding| self.rates.weighed(finding, peers))
    }

    /// Counts the signals of a closed call of a line.
    fn learn_rates(&mut self, id: CallId) {
        let Some(call) = self.open.value(id.key()) else { return };
        if call.is_known || call.is_recalled || !Self::is_line(call.sender.as_ref()) {
            return;
        }
        let mut shown: SignalSet = call.at_start.iter().map(|finding| finding.signal).collect();
        self.rules.until_end(call, |signal, _| shown.insert(signal));
        let (line, peers, at) = (call.caller, call.peers, call.started_at);
        self.rates.learn(line, peers, shown, at);
    }

    pub(super) fn card(&self, call: &OpenCall) -> Scorecard {
        let mut findings = Vec::with_capacity(call.at_start.len() + call.of_device.len() + 2);
        let is_told = |of: &&Finding| !(call.is_vouched_for && group(of.signal) == Group::Reputation);
        findings.extend(call.at_start.iter().chain(&call.of_device).filter(is_told).cloned());
        self.rules.until_end(call, |signal, found| {
            findings.extend(self.weighed_finding(signal, found, call.peers))
        });
        // What speaks for the account speaks for no call of an incident: the account is what was taken.
        if call.incident.as_ref().is_some_and(|of| !of.is_notice) {
            let earns = |signal| matches!(group(signal), Group::Sender | Group::Account | Group::Media);
            findings.retain(|finding| finding.points < 0.0 || !earns(finding.signal));
        }
        Scorecard::new(findings)
    }

    /// Reports a call's score if it changed.
    pub(super) fn tell(&mut self, id: CallId, out: &mut Vec<Outcome>) {
        let key = id.key();
        let Some(slot) = self.open.slot(key) else { return };
        let Some((_, call)) = self.open.get(slot) else { return };
        if call.is_known || !call.is_news || self.awaits_legs(id) {
            return;
        }
        let card = self.card(call);
        let stage = if call.is_over { Stage::Final } else { Stage::Provisional };
        let score = card.score();
        let disposition = self.settings.dispositions.of(score);
        let own_score = card.score_without(&[Group::Reputation, Group::Campaign]);
        let campaign = call.membership.as_ref().map(|m| m.campaign);
        let (signals, points) = (card.findings().len(), card.points());
        let told = Told { stage, signals, points, campaign, own_score };
        let at = self.now;
        let Some((_, call)) = self.open.get_mut(slot) else { return };
        call.is_news = false;
        if call.told.replace(told) == Some(told) {
            return;
        }
        let sender = call.sender_marks;
        let alert = alert_of(call, disposition, card.findings(), at);
        out.push(Outcome::Score(ScoreRow {
            call: id,
            stage,
            at,
            score,
            disposition,
            fraud_probability: card.fraud_probability(),
            confidence: card.confidence(),
            findings: card.into_findings(),
            campaign,
            sender,
        }));
        out.extend(alert);
    }

    pub(super) fn close_due(&mut self, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        while self.over.front().is_some_and(|(at, _)| *at < self.now) {
            if let Some((_, call)) = self.over.pop_front() {
                self.close(call, memory, out);
            }
        }
    }

    /// Closes a call: reputation learns from it, and the table drops it.
    pub(super) fn close(&mut self, id: CallId, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        self.tell(id, out);
        self.learn_rates(id);
        let key = id.key();
        let Some(slot) = self.open.slot(key) else { return };
        let Some((_, call)) = self.open.get_mut(slot) else { return };
        let lesson = call.lesson(self.settings.dispositions.quarantine_below);
        // The call is discarded in place, because it is too large to move.
        self.open.discard(slot);
        self.closed(id, lesson, memory, out);
    }

    /// Handles a call that left the table, because it closed or was evicted.
    pub(super) fn closed(
        &mut self,
        call: CallId,
        lesson: Option<Lesson>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some(lesson) = lesson else { return };
        self.learn(&lesson, memory, out);
        out.push(Outcome::Closed { call, at: self.now });
    }
}

/// The alert for a quarantined call or a replayed token, once per call. Campaigns raise their own alerts.
fn alert_of(
    call: &mut OpenCall,
    disposition: Disposition,
    findings: &[Finding],
    at: Timestamp,
) -> Option<Outcome> {
    if call.is_alerted || call.is_in_campaign() || call.incident.is_some() {
        return None;
    }
    let is_replay = findings.iter().any(|f| f.signal == PASSPORT_REPLAY);
    let (kind, severity) = if disposition == Disposition::Quarantine {
        let severity = if call.is_risky { Severity::Critical } else { Severity::Warning };
        (AlertKind::CallQuarantined, severity)
    } else if is_replay {
        (AlertKind::PassportReplay, Severity::Warning)
    } else {
        return None;
    };
    let against: Vec<String> = {
        let mut bad: Vec<&Finding> = findings.iter().filter(|f| f.points < 0.0).collect();
        bad.sort_by(|a, b| a.points.total_cmp(&b.points));
        bad.into_iter().take(3).map(Finding::to_string).collect()
    };
    call.is_alerted = true;
    Some(Outcome::Alert(Box::new(Alert {
        at,
        kind,
        severity,
        subject: call.name(),
        message: against.join("; "),
        call: Some(call.call),
        campaign: None,
        incident: None,
    })))
}
