//! Reputation of platforms, deployments, instances and origins, learned from calls and labels.

use std::sync::Arc;

use bellwether_base::{Alert, AlertKind, Severity, SlotId, Timestamp};

use super::{Label, Outcome, Reputation, ScoringEngine};
use crate::Finding;
use crate::history::History;
use crate::open::Lesson;
use crate::outcome::{ListChange, Listed};
use crate::reputation_record::{LabelEvidence, Layer, Reputed, Subject};
use crate::signals::{FINGERPRINT_REPUTATION, of_reputation};

impl ScoringEngine {
    /// The slot of a subject's reputation record. `subject` is called only if the table does not hold the
    /// record.
    pub(super) fn standing(
        &mut self,
        key: u64,
        subject: impl FnOnce() -> Arc<Subject>,
        now: Timestamp,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> SlotId {
        if let Some(slot) = self.standings.find(key) {
            self.standings.mark_used(slot);
            return slot;
        }
        let subject = subject();
        let standing = memory.standing(&subject).unwrap_or_default();
        let (slot, gone) = self.standings.insert(key, Reputation { subject, standing }, now);
        out.extend(gone.map(|kept| kept.outcome()));
        slot
    }

    /// What the reputation of a platform says about a call of which nothing else is known.
    pub(super) fn finding_of_platform(&self, reputed: Reputed) -> Option<Finding> {
        let found = of_reputation(Layer::Fingerprint, reputed)?;
        self.finding(FINGERPRINT_REPUTATION, found)
    }

    /// The labels of a subject.
    pub(super) fn labels_of(&self, key: u64) -> &[Label] {
        self.labels.get(&key).map_or(&[], |(_, labels)| labels.as_slice())
    }

    /// Learns from a call that is closed.
    pub(super) fn learn(&mut self, lesson: &Lesson, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        let Lesson { caller, is_fraud, is_conversation, is_party, .. } = *lesson;
        // An origin has labels only, and an instance learns from fraud only. Otherwise there would be as many
        // records as callers.
        for known in lesson.subjects.iter().filter(|known| known.subject.layer != Layer::Instance || is_fraud)
        {
            let slot = self.standing(known.key, || known.subject.clone(), self.now, memory, out);
            let Some(kept) = self.standings.get_mut(slot) else { continue };
            // An honest party on a platform or deployment lowers its specificity, and so the weight of fraud.
            let is_shared = is_party && known.subject.layer != Layer::Instance && kept.standing.party(caller);
            kept.standing.calls += 1;
            let settings = &self.settings.reputation;
            let is_new_hour = kept.standing.sum_up(self.now, settings);
            if is_fraud || is_conversation {
                kept.standing.observe(self.now, is_fraud, settings);
            }
            // Invented deployments shall not fill the database.
            let is_worth_it = kept.standing.calls > 1 || is_fraud || is_conversation;
            if is_new_hour {
                self.list(known.key, self.now, "observation", None, out);
            }
            if is_worth_it || is_shared {
                self.standings.is_news(slot);
            }
        }
    }

    /// Updates the list entry of a subject from its reputation. `anew` is the former list if hysteresis shall
    /// not apply.
    fn list(&mut self, key: u64, now: Timestamp, why: &str, anew: Option<Listed>, out: &mut Vec<Outcome>) {
        let labels = self.labels.get(&key).map_or(&[][..], |(_, labels)| labels.as_slice());
        let Some(slot) = self.standings.find(key) else { return };
        let Some(Reputation { subject, standing }) = self.standings.get_mut(slot) else { return };
        let settings = &self.settings.reputation;
        let reputed = standing.at(now, labels, settings);
        let from = anew.unwrap_or(standing.listed);
        if anew.is_some() {
            standing.listed = Listed::No;
        }
        let to = standing.list(&reputed, settings);
        if from == to {
            return;
        }
        standing.listed = to;
        let subject = Subject::clone(subject);
        let (frauds, honest) = reputed.labels;
        let why = format!(
            "reputation {:.0} after {why}: evidence of fraud {:.1} ({frauds} labels), of honest use {:.1} ({honest} labels)",
            reputed.score, reputed.fraud, reputed.legit
        );
        if from == Listed::Blocked || to == Listed::Blocked {
            let words = if to == Listed::Blocked { "added to" } else { "removed from" };
            out.push(Outcome::Alert(Box::new(Alert {
                at: now,
                kind: AlertKind::BlockListChanged,
                severity: if to == Listed::Blocked { Severity::Warning } else { Severity::Notice },
                subject: format!("{}:{}", subject.layer.name(), subject.name),
                message: format!("{words} the block list: {why}"),
                call: None,
                campaign: None,
                incident: None,
            })));
        }
        out.push(Outcome::List(ListChange {
            at: now,
            subject,
            from,
            to,
            standing: (reputed.score * 10.0).round() / 10.0,
            why,
        }));
        self.standings.is_news(slot);
    }

    /// Replaces all labels of subjects. List entries change at once.
    pub fn set_labels(
        &mut self,
        evidence: &[LabelEvidence],
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let before = std::mem::take(&mut self.labels);
        for label in evidence {
            let key = self.keys.subject(label.subject.layer, &label.subject.name);
            self.now = self.now.max(label.at);
            self.labels.entry(key).or_insert_with(|| (label.subject.clone(), Vec::new())).1.push(Label {
                at: label.at,
                is_fraud: label.is_fraud,
                is_direct: label.is_direct,
            });
        }
        let changed: Vec<(u64, Subject)> = self
            .labels
            .iter()
            .chain(&before)
            .filter(|(key, _)| before.get(key) != self.labels.get(key))
            .map(|(key, (subject, _))| (*key, subject.clone()))
            .collect();
        for (key, subject) in changed {
            let slot = self.standing(key, || Arc::new(subject), self.now, memory, out);
            // A label that was withdrawn was wrong, so its effect ends without hysteresis.
            let is_less = self.labels.get(&key).map_or(0, |(_, l)| l.len())
                < before.get(&key).map_or(0, |(_, l)| l.len());
            let was = self.standings.get(slot).map(|kept| kept.standing.listed).unwrap_or_default();
            self.list(key, self.now, "labels", is_less.then_some(was), out);
        }
    }
}
