use std::fmt;

use crate::signals::{Group, SIGNALS, group};
use crate::{Evidence, Settings};

/// A signal that applies to a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Its index in [`SIGNALS`].
    pub signal: usize,
    /// Its contribution to the score, after the group's limit.
    pub points: f64,
    /// True if the group's limit reduced the points.
    pub is_limited: bool,
    /// The evidence.
    pub evidence: Evidence,
}

/// Suffix of evidence whose points were reduced by the group's limit.
const LIMITED: &str = " (reduced: the limit of the group is reached)";

/// The suffix in databases of earlier versions.
const LIMITED_BEFORE: &str = " (limited: its group has said enough)";

/// Writes the evidence, and the suffix if the points were reduced.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.evidence, if self.is_limited { LIMITED } else { "" })
    }
}

impl Finding {
    /// Restores a stored finding from its displayed evidence.
    #[must_use]
    pub fn kept(signal: usize, points: f64, words: &str) -> Self {
        let limited = words.strip_suffix(LIMITED).or_else(|| words.strip_suffix(LIMITED_BEFORE));
        let evidence = limited.unwrap_or(words).to_owned().into();
        Self { signal, points, is_limited: limited.is_some(), evidence }
    }

    /// The signal's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        SIGNALS.get(self.signal).map_or("", |signal| signal.name)
    }
}

/// The recommended treatment of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Disposition {
    /// Keep the call away from people and voice menus.
    Quarantine,
    /// Let the call through and monitor it.
    Monitor,
    /// Treat the call normally.
    Standard,
}

impl Disposition {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Monitor => "monitor",
            Self::Standard => "standard",
        }
    }
}

/// How much the evidence of a score moved the estimate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Confidence {
    /// No evidence.
    None,
    /// Little evidence.
    Low,
    /// Evidence of odds of 10 and more.
    Medium,
    /// Evidence of odds of 50 and more about the sender as a whole.
    High,
}

impl Confidence {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Score thresholds of the dispositions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DispositionThresholds {
    /// A call below this score is quarantined.
    pub quarantine_below: f64,
    /// A call from this score on is treated normally.
    pub standard_from: f64,
}

impl Default for DispositionThresholds {
    fn default() -> Self {
        Self { quarantine_below: 30.0, standard_from: 70.0 }
    }
}

impl DispositionThresholds {
    /// The disposition of a score.
    #[must_use]
    pub fn of(&self, score: f64) -> Disposition {
        if score < self.quarantine_below {
            Disposition::Quarantine
        } else if score < self.standard_from {
            Disposition::Monitor
        } else {
            Disposition::Standard
        }
    }
}

/// The signals of one call and their sum.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scorecard {
    findings: Vec<Finding>,
}

/// The score of a call without evidence.
pub(crate) const NEUTRAL: f64 = 50.0;

/// Points of one unit of log odds. With it a score below 30 says 80 % of fraud and more, and one from 70 on says
/// 0.5 % and less.
pub(crate) const POINTS_PER_NAT: f64 = 6.0;

/// Log odds of fraud at the neutral score: one in eight.
pub(crate) const NEUTRAL_LOG_ODDS: f64 = -1.945_910_149_055_313_2;

impl Scorecard {
    /// Limits the points of each group, separately against a call and for it, and sorts the signals. One fact
    /// that triggers several signals of a group is thereby not counted several times. The strongest signals
    /// count first.
    #[must_use]
    pub fn new(mut findings: Vec<Finding>) -> Self {
        if has_said_too_much(&findings) {
            limit(&mut findings);
        }
        findings.iter_mut().for_each(|finding| finding.points = round(finding.points));
        if !findings.is_sorted_by_key(|f| f.signal) {
            findings.sort_by_key(|f| f.signal);
        }
        Self { findings }
    }

    /// The signals in the order of [`SIGNALS`]. Their points and 50 add up to the score, unless the sum
    /// leaves 0 to 100.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The signals, by value.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The sum of the points.
    pub(crate) fn points(&self) -> f64 {
        self.findings.iter().map(|f| f.points).sum()
    }

    /// The score, 0 to 100.
    #[must_use]
    pub fn score(&self) -> f64 {
        round((NEUTRAL + self.points()).clamp(0.0, 100.0))
    }

    /// The score without some groups.
    #[must_use]
    pub(crate) fn score_without(&self, groups: &[Group]) -> f64 {
        let is_in = |f: &&Finding| !groups.contains(&group(f.signal));
        (NEUTRAL + self.findings.iter().filter(is_in).map(|f| f.points).sum::<f64>()).clamp(0.0, 100.0)
    }

    /// The probability of fraud: the score, which is a scale of log odds, as a number from 0 to 1. None without
    /// evidence.
    #[must_use]
    pub fn fraud_probability(&self) -> Option<f64> {
        let probability = bellwether_senders::probability(NEUTRAL_LOG_ODDS - self.points() / POINTS_PER_NAT);
        (!self.findings.is_empty()).then(|| (probability * 1e5).round() / 1e5)
    }

    /// How much evidence the score has.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        let weight = |of: &Finding| of.points.abs() / POINTS_PER_NAT;
        let is_of_sender = |f: &&Finding| group(f.signal) == Group::Sender;
        let sender = self.findings.iter().find(is_of_sender).map_or(0.0, weight);
        let all: f64 = self.findings.iter().map(weight).sum();
        match () {
            () if self.findings.is_empty() => Confidence::None,
            () if sender >= 50.0_f64.ln() => Confidence::High,
            () if all >= 10.0_f64.ln() => Confidence::Medium,
            () => Confidence::Low,
        }
    }

    /// The disposition of the score.
    #[must_use]
    pub fn disposition(&self, settings: &Settings) -> Disposition {
        settings.dispositions.of(self.score())
    }
}

/// The points so far of each group, against a call and for it.
#[derive(Default)]
struct Said([(f64, f64); Group::COUNT]);

impl Said {
    /// The points so far in a finding's group and direction, and their limit.
    fn beside(&mut self, finding: &Finding) -> Option<(&mut f64, f64)> {
        let group = group(finding.signal);
        let (against, towards) = group.limits();
        let (bad, good) = self.0.get_mut(group as usize)?;
        Some(if finding.points < 0.0 { (bad, against) } else { (good, towards) })
    }
}

/// Returns true if any group exceeds a limit. Most calls exceed none.
fn has_said_too_much(findings: &[Finding]) -> bool {
    let mut said = Said::default();
    findings.iter().any(|finding| {
        said.beside(finding).is_some_and(|(sum, limit)| {
            *sum += finding.points.abs();
            *sum > limit
        })
    })
}

/// Limits each group's points. The strongest findings count first.
fn limit(findings: &mut [Finding]) {
    findings.sort_by(|a, b| b.points.abs().total_cmp(&a.points.abs()).then(a.signal.cmp(&b.signal)));
    let mut said = Said::default();
    for finding in findings {
        let Some((sum, limit)) = said.beside(finding) else { continue };
        let counted = finding.points.abs().min((limit - *sum).max(0.0));
        *sum += counted;
        if counted + 1e-9 < finding.points.abs() {
            finding.is_limited = true;
        }
        finding.points = counted.copysign(finding.points);
    }
}

/// Rounds points to one decimal. Points are small enough for the integer conversion.
fn round(n: f64) -> f64 {
    (n * 10.0 + 0.5_f64.copysign(n)) as i64 as f64 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finding(signal: usize, points: f64) -> Finding {
        Finding { signal, points, is_limited: false, evidence: "".into() }
    }

    #[test]
    fn nothing_known_is_neutral_and_thresholds_are_the_contracts() {
        assert_eq!(Scorecard::default().score(), 50.0);
        let of = |score| DispositionThresholds::default().of(score).name();
        assert_eq!(
            [of(29.9), of(30.0), of(69.9), of(70.0)],
            ["quarantine", "monitor", "monitor", "standard"]
        );
    }

    #[test]
    fn what_was_kept_is_told_in_the_same_words() {
        // Points beyond the limit of the group.
        let said = |points| Finding { evidence: "what it found".into(), ..finding(0, points) };
        let card = Scorecard::new(vec![said(-80.0), said(-30.0)]);
        let words: Vec<String> = card.findings().iter().map(Finding::to_string).collect();
        assert_eq!(words, ["what it found", "what it found (reduced: the limit of the group is reached)"]);
        let kept =
            card.findings().iter().zip(&words).map(|(f, words)| Finding::kept(f.signal, f.points, words));
        let again = Scorecard::new(kept.collect());
        assert_eq!(again, card);
        assert_eq!(again.findings().iter().map(Finding::to_string).collect::<Vec<_>>(), words);
        let before = Finding::kept(0, -20.0, "what it found (limited: its group has said enough)");
        assert!(before.is_limited && before.evidence.to_string() == "what it found");
    }

    proptest! {
        #[test]
        fn points_add_up_to_the_score_and_groups_keep_their_limits(
            points in proptest::collection::vec((0..SIGNALS.len(), -60.0..60.0_f64), 0..30),
        ) {
            let card = Scorecard::new(points.iter().map(|(s, p)| finding(*s, *p)).collect());
            let sum: f64 = 50.0 + card.findings().iter().map(|f| f.points).sum::<f64>();
            prop_assert!((sum.clamp(0.0, 100.0) - card.score()).abs() < 0.06);
            for group in SIGNALS.iter().map(|s| s.group) {
                let of = |sign: f64| -> f64 {
                    card.findings()
                        .iter()
                        .filter(|f| SIGNALS[f.signal].group == group && f.points * sign > 0.0)
                        .map(|f| f.points.abs())
                        .sum()
                };
                let (against, towards) = group.limits();
                // Each finding is rounded separately.
                prop_assert!(of(-1.0) <= against + 1.6 && of(1.0) <= towards + 1.6);
            }
        }

        #[test]
        fn a_further_bad_signal_never_helps(
            points in proptest::collection::vec((0..SIGNALS.len(), -40.0..20.0_f64), 0..12), more in 0..SIGNALS.len(),
        ) {
            let mut findings: Vec<Finding> = points.iter().map(|(s, p)| finding(*s, *p)).collect();
            let before = Scorecard::new(findings.clone()).score();
            findings.push(finding(more, -5.0));
            prop_assert!(Scorecard::new(findings).score() <= before + 0.7);
        }
    }
}
