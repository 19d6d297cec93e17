//! Reputation: evidence of fraud and of honest use. It decays with time and is weighted by the specificity of
//! its subject.
//!
//! The score is the mean of a Beta distribution, times 100: honest evidence over all evidence, with a prior
//! of two on each side. One confirmed fraud weighs as much as twenty confirmed honest calls, and its half-
//! life is months: trust is lost at once and regained slowly. Unconfirmed observations weigh little: in one
//! hour at most as much as one confirmed honest call. A large number of calls therefore buys no good name,
//! and gives no other party a bad one.
//!
//! Evidence of fraud is scaled by specificity, 1 / (1 + honest parties). One fraudster does not poison a stack
//! that thousands share, but does poison a deployment without other users.

use std::sync::Arc;

use bellwether_base::{Span, Timestamp};

use crate::Outcome;
use crate::outcome::Listed;
use crate::settings::ReputationSettings;

/// Prior evidence on either side. Without other evidence the score is 50.
const PRIOR: f64 = 2.0;

/// Maximum evidence on either side.
const MAX_LEGIT: f64 = 40.0;
const MAX_FRAUD: f64 = 80.0;

/// Maximum evidence from the observations of one hour.
const MAX_IN_AN_HOUR: f64 = 1.0;

/// Weight of an observed conversation.
const OBSERVED_LEGIT: f64 = 0.05;

/// Weight of an observed call that scores as fraud by its own signals.
const OBSERVED_FRAUD: f64 = 0.15;

/// Minimum evidence of fraud for the block list, unless a label confirms fraud.
const BLOCK_EVIDENCE: f64 = 8.0;
/// Minimum evidence of honest use for the allow list.
const ALLOW_EVIDENCE: f64 = 12.0;
/// Minimum specificity for the block list. A widely shared subject is never blocked.
const BLOCK_SPECIFICITY: f64 = 0.2;

const HOUR: i64 = 3_600_000_000_000;

/// The kind of subject, from the widest to the narrowest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Layer {
    /// A platform fingerprint.
    Fingerprint,
    /// One installation of a platform.
    Deployment,
    /// A process or device.
    Instance,
    /// The claimed caller together with the first hop.
    Origin,
}

impl Layer {
    /// All layers, in order.
    pub const ALL: [Self; 4] = [Self::Fingerprint, Self::Deployment, Self::Instance, Self::Origin];

    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fingerprint => "fingerprint",
            Self::Deployment => "deployment",
            Self::Instance => "instance",
            Self::Origin => "origin",
        }
    }

    /// Finds a layer by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

/// The subject of a reputation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Subject {
    /// Its kind.
    pub layer: Layer,
    /// Its hash, token or name.
    pub name: String,
}

/// A reputation record in the tables.
#[derive(Clone, Debug)]
pub(crate) struct Reputation {
    pub(crate) subject: Arc<Subject>,
    pub(crate) standing: ReputationRecord,
}

impl Reputation {
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::Reputation(Subject::clone(&self.subject), Box::new(self.standing.clone()))
    }
}

/// The evidence of a label about one subject.
#[derive(Clone, PartialEq, Debug)]
pub struct LabelEvidence {
    /// The subject.
    pub subject: Subject,
    /// Time of the labelled call.
    pub at: Timestamp,
    /// True for fraud, false for confirmed honest use.
    pub is_fraud: bool,
    /// True if the label names the subject itself, not one of its calls. Its weight is not scaled.
    pub is_direct: bool,
}

/// The observed evidence about a subject.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReputationRecord {
    /// Evidence of honest use at `as_of`.
    pub legit: f64,
    /// Evidence of fraud at `as_of`.
    pub fraud: f64,
    /// Time of the last summation. `None` before the end of the first hour.
    pub as_of: Option<Timestamp>,
    /// The current hour, with the evidence observed in it.
    pub hour: i64,
    /// See `hour`.
    pub hour_legit: f64,
    /// See `hour`.
    pub hour_fraud: f64,
    /// Number of calls.
    pub calls: u64,
    /// Honest parties, as a bitmap for linear counting (Whang et al. 1990).
    pub parties: [u64; 4],
    /// The list that the subject is on.
    pub listed: Listed,
}

/// The reputation at a moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Reputed {
    /// The score from 0 to 100; 50 without evidence.
    pub(crate) score: f64,
    pub(crate) fraud: f64,
    pub(crate) legit: f64,
    /// 1 without honest parties, near 0 with thousands.
    pub(crate) specificity: f64,
    /// Number of labels: fraud, honest.
    pub(crate) labels: (u32, u32),
}

impl ReputationRecord {
    /// Estimated number of honest parties. The estimate saturates at about a thousand.
    #[must_use]
    pub fn party_count(&self) -> f64 {
        let zeros: u32 = self.parties.iter().map(|word| word.count_zeros()).sum();
        256.0 * (256.0 / f64::from(zeros.max(1))).ln()
    }

    /// Specificity: 1 without a known honest party.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        1.0 / (1.0 + self.party_count())
    }

    /// Adds an honest party by its hash. Returns true if it is new.
    pub(crate) fn party(&mut self, party: u64) -> bool {
        let bit = party % 256;
        let Some(word) = self.parties.get_mut((bit / 64) as usize) else { return false };
        let before = *word;
        *word |= 1 << (bit % 64);
        *word != before
    }

    /// Adds an observed call.
    pub(crate) fn observe(&mut self, at: Timestamp, is_fraud: bool, settings: &ReputationSettings) {
        self.sum_up(at, settings);
        if is_fraud {
            self.hour_fraud += OBSERVED_FRAUD;
        } else {
            self.hour_legit += OBSERVED_LEGIT;
        }
    }

    /// Closes the current hour if it is over. Returns true if it did.
    pub(crate) fn sum_up(&mut self, now: Timestamp, settings: &ReputationSettings) -> bool {
        let hour = now.as_nanos().div_euclid(HOUR);
        if hour <= self.hour {
            return false;
        }
        let ended = Timestamp::from_nanos((self.hour + 1).saturating_mul(HOUR));
        if self.hour_legit > 0.0 || self.hour_fraud > 0.0 {
            let (legit, fraud) = self.faded(ended, settings);
            self.legit = (legit + self.hour_legit.min(MAX_IN_AN_HOUR)).min(MAX_LEGIT);
            self.fraud = (fraud + self.hour_fraud.min(MAX_IN_AN_HOUR)).min(MAX_FRAUD);
            self.as_of = Some(ended);
            (self.hour_legit, self.hour_fraud) = (0.0, 0.0);
        }
        self.hour = hour;
        true
    }

    fn faded(&self, now: Timestamp, settings: &ReputationSettings) -> (f64, f64) {
        let age = self.as_of.map_or(Span::ZERO, |as_of| now.since(as_of));
        (
            self.legit * fading(age, settings.legit_half_life),
            self.fraud * fading(age, settings.fraud_half_life),
        )
    }

    /// The reputation at a time, labels included.
    pub(crate) fn at(&self, now: Timestamp, labels: &[Label], settings: &ReputationSettings) -> Reputed {
        let specificity = self.specificity();
        let (mut legit, mut fraud) = self.faded(now, settings);
        fraud *= specificity;
        let mut counts = (0, 0);
        // Several labels of one campaign weigh little more than the first, because they concern one party.
        let mut confirmed = 0.0_f64;
        for label in labels {
            let age = now.since(label.at).max(Span::ZERO);
            if label.is_fraud {
                counts.0 += 1;
                let weight = fading(age, settings.fraud_half_life);
                if label.is_direct {
                    fraud += 2.0 * settings.confirmed_fraud * weight;
                } else {
                    confirmed += weight;
                }
            } else {
                counts.1 += 1;
                let weight = if label.is_direct { MAX_LEGIT } else { 1.0 };
                legit += weight * fading(age, settings.legit_half_life);
            }
        }
        let confirmed = if confirmed > 1.0 { 1.0 + confirmed.ln() } else { confirmed };
        fraud += settings.confirmed_fraud * specificity * confirmed;
        let (legit, fraud) = (legit.min(2.0 * MAX_LEGIT), fraud.min(2.0 * MAX_FRAUD));
        let score = 100.0 * (PRIOR + legit) / (2.0 * PRIOR + legit + fraud);
        Reputed { score, fraud, legit, specificity, labels: counts }
    }

    /// The list that follows from a reputation, with hysteresis.
    pub(crate) fn list(&self, reputed: &Reputed, settings: &ReputationSettings) -> Listed {
        let score = reputed.score;
        match self.listed {
            Listed::Blocked if score < settings.block.1 => Listed::Blocked,
            Listed::Allowed if score > settings.allow.1 => Listed::Allowed,
            _ => {
                let is_confirmed = reputed.labels.0 > 0 || reputed.fraud >= BLOCK_EVIDENCE;
                if score <= settings.block.0 && is_confirmed && reputed.specificity >= BLOCK_SPECIFICITY {
                    Listed::Blocked
                } else if score >= settings.allow.0
                    && reputed.legit >= ALLOW_EVIDENCE
                    && reputed.labels.0 == 0
                {
                    Listed::Allowed
                } else {
                    Listed::No
                }
            }
        }
    }
}

/// The reputation score of a subject, 0 to 100, with the subject's labels.
#[must_use]
pub fn reputation(
    standing: &ReputationRecord,
    labels: &[LabelEvidence],
    now: Timestamp,
    settings: &ReputationSettings,
) -> f64 {
    let labels: Vec<Label> = labels
        .iter()
        .map(|label| Label { at: label.at, is_fraud: label.is_fraud, is_direct: label.is_direct })
        .collect();
    (standing.at(now, &labels, settings).score * 10.0).round() / 10.0
}

/// A label in the tables.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Label {
    pub(crate) at: Timestamp,
    pub(crate) is_fraud: bool,
    pub(crate) is_direct: bool,
}

/// The share of evidence that remains after a time.
fn fading(age: Span, half_life: Span) -> f64 {
    let half_life = half_life.as_secs_f64().max(1.0);
    0.5_f64.powf(age.as_secs_f64().max(0.0) / half_life)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: fn() -> ReputationSettings = ReputationSettings::default;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_nanos(1_790_000_000_000_000_000 / HOUR * HOUR + hours * HOUR)
    }

    fn label(hours: i64, is_fraud: bool) -> Label {
        Label { at: at(hours), is_fraud, is_direct: false }
    }

    #[test]
    fn nothing_known_is_fifty_and_one_confirmed_fraud_is_the_end_of_a_specific_platform() {
        let standing = ReputationRecord::default();
        assert_eq!(standing.at(at(0), &[], &SETTINGS()).score, 50.0);
        let reputed = standing.at(at(1), &[label(0, true)], &SETTINGS());
        assert!(reputed.score < 10.0, "{reputed:?}");
        assert_eq!(standing.list(&reputed, &SETTINGS()), Listed::Blocked);
    }

    #[test]
    fn a_stack_that_hundreds_share_is_not_poisoned_by_one() {
        let mut standing = ReputationRecord::default();
        for party in 0..400_u64 {
            // SplitMix64: hashes whose low bits collide at random.
            let mut hash = (party + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            standing.party(hash ^ (hash >> 31));
        }
        assert!((250.0..600.0).contains(&standing.party_count()), "{}", standing.party_count());
        let before = standing.at(at(0), &[], &SETTINGS()).score;
        let reputed = standing.at(at(1), &[label(0, true)], &SETTINGS());
        assert!(before - reputed.score < 2.0, "{reputed:?}");
        // The same for many labelled calls of one fraudster.
        let reputed = standing.at(at(1), &[label(0, true); 300], &SETTINGS());
        assert!(before - reputed.score < 8.0, "{reputed:?}");
        assert_eq!(standing.list(&reputed, &SETTINGS()), Listed::No);
    }

    #[test]
    fn recovery_takes_more_than_ten_times_as_long_as_the_fall() {
        let settings = SETTINGS();
        let mut standing = ReputationRecord::default();
        let half_way = 25.0;
        let mut fall = 0;
        while standing.at(at(fall), &[], &settings).score > half_way {
            for _ in 0..20 {
                standing.observe(at(fall), true, &settings);
            }
            fall += 1;
            standing.sum_up(at(fall), &settings);
        }
        let mut recovery = 0;
        while standing.at(at(fall + recovery), &[], &settings).score < 37.5 {
            recovery += 1;
            // Honest use restores the score no faster than the hourly limit allows.
            assert!(recovery < 100_000);
        }
        assert!(fall <= 12 && recovery >= 10 * fall, "{fall} {recovery}");
    }

    #[test]
    fn one_confirmed_fraud_weighs_for_months() {
        let standing = ReputationRecord::default();
        let after = |days: i64| standing.at(at(24 * days), &[label(0, true)], &SETTINGS()).score;
        assert!(after(90) < 20.0 && after(180) < 30.0 && after(720) > 45.0, "{} {}", after(90), after(180));
    }

    #[test]
    fn lists_have_hysteresis() {
        let settings = SETTINGS();
        let reputed = |score| Reputed { score, fraud: 20.0, legit: 20.0, specificity: 1.0, labels: (0, 0) };
        let mut standing = ReputationRecord::default();
        assert_eq!(standing.list(&reputed(16.0), &settings), Listed::No);
        assert_eq!(standing.list(&reputed(14.0), &settings), Listed::Blocked);
        standing.listed = Listed::Blocked;
        assert_eq!(standing.list(&reputed(30.0), &settings), Listed::Blocked);
        assert_eq!(standing.list(&reputed(36.0), &settings), Listed::No);
        standing.listed = Listed::Allowed;
        assert_eq!(standing.list(&reputed(75.0), &settings), Listed::Allowed);
        assert_eq!(standing.list(&reputed(65.0), &settings), Listed::No);
    }

    proptest! {
        #[test]
        fn a_standing_stays_between_0_and_100_and_fraud_never_raises_it(
            calls in proptest::collection::vec((0_i64..400, any::<bool>()), 0..200), fraud_at in 0_i64..400,
        ) {
            let settings = SETTINGS();
            let mut calls = calls;
            calls.sort_unstable();
            let mut standing = ReputationRecord::default();
            for (hour, is_fraud) in calls {
                standing.observe(at(hour), is_fraud, &settings);
            }
            standing.sum_up(at(401), &settings);
            let clean = standing.at(at(401), &[], &settings).score;
            let labelled = standing.at(at(401), &[label(fraud_at, true)], &settings).score;
            prop_assert!((0.0..=100.0).contains(&clean) && labelled < clean);
        }
    }
}
