use std::fmt;

use crate::signals::{Group, SIGNALS, group};
use crate::{Evidence, Settings};

/// A signal that a call shows.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Its place in [`SIGNALS`].
    pub signal: usize,
    /// What it adds to the score; what its group's limit leaves of it.
    pub points: f64,
    /// Whether the group's limit took of the points.
    pub is_limited: bool,
    /// Evidence in words.
    pub evidence: Evidence,
}

/// What is said of a finding that counts for less than its points.
const LIMITED: &str = " (limited: its group has said enough)";

/// The evidence, and whether it counts for less than its points.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.evidence, if self.is_limited { LIMITED } else { "" })
    }
}

impl Finding {
    /// As it was kept: its evidence as it displays itself.
    #[must_use]
    pub fn kept(signal: usize, points: f64, words: &str) -> Self {
        let limited = words.strip_suffix(LIMITED);
        let evidence = limited.unwrap_or(words).to_owned().into();
        Self { signal, points, is_limited: limited.is_some(), evidence }
    }

    /// The signal's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        SIGNALS.get(self.signal).map_or("", |signal| signal.name)
    }
}

/// What is to be done with a call (seed 002).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Disposition {
    /// Keep it away from people and menus.
    Quarantine,
    /// Let it through, and look at it.
    Monitor,
    /// Nothing speaks against it.
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

/// Where dispositions begin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DispositionThresholds {
    /// Below this a call is quarantined.
    pub quarantine_below: f64,
    /// From this on it is treated like any other.
    pub standard_from: f64,
}

impl Default for DispositionThresholds {
    fn default() -> Self {
        Self { quarantine_below: 30.0, standard_from: 70.0 }
    }
}

impl DispositionThresholds {
    /// What follows from a score.
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

/// The signals of one call, and what they add up to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scorecard {
    findings: Vec<Finding>,
}

/// The score of a call of which nothing is known.
pub(crate) const NEUTRAL: f64 = 50.0;

impl Scorecard {
    /// Of signals with their full points: within each group the points against a call, and those for it, count up to the group's
    /// limit, so that one fact that shows in several ways is not held against it several times. The strongest count first.
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

    /// The signals in the order of [`SIGNALS`]; their points and 50 add up to the score, unless that leaves 0 to 100.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The same, for good.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// 0 to 100.
    #[must_use]
    pub fn score(&self) -> f64 {
        round((NEUTRAL + self.findings.iter().map(|f| f.points).sum::<f64>()).clamp(0.0, 100.0))
    }

    /// The score without some groups: what a call shows by itself.
    #[must_use]
    pub(crate) fn score_without(&self, groups: &[Group]) -> f64 {
        let is_in = |f: &&Finding| !groups.contains(&group(f.signal));
        (NEUTRAL + self.findings.iter().filter(is_in).map(|f| f.points).sum::<f64>()).clamp(0.0, 100.0)
    }

    /// What follows from it.
    #[must_use]
    pub fn disposition(&self, settings: &Settings) -> Disposition {
        settings.dispositions.of(self.score())
    }
}

/// What each group has said against a call, and for it.
#[derive(Default)]
struct Said([(f64, f64); Group::COUNT]);

impl Said {
    /// What was said so far in a finding's group and direction, and the most that counts.
    fn beside(&mut self, finding: &Finding) -> Option<(&mut f64, f64)> {
        let group = group(finding.signal);
        let (against, towards) = group.limits();
        let (bad, good) = self.0.get_mut(group as usize)?;
        Some(if finding.points < 0.0 { (bad, against) } else { (good, towards) })
    }
}

/// Whether any group's points, against the call or for it, are beyond its limit. Those of most calls are not.
fn has_said_too_much(findings: &[Finding]) -> bool {
    let mut said = Said::default();
    findings.iter().any(|finding| {
        said.beside(finding).is_some_and(|(sum, limit)| {
            *sum += finding.points.abs();
            *sum > limit
        })
    })
}

/// Takes from each group's points what is beyond its limit; the strongest count first.
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

/// Points are told with one decimal: there are far fewer than an integer holds.
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
        // More than its group may say against a call.
        let said = |points| Finding { evidence: "what it found".into(), ..finding(0, points) };
        let card = Scorecard::new(vec![said(-30.0), said(-30.0)]);
        let words: Vec<String> = card.findings().iter().map(Finding::to_string).collect();
        assert_eq!(words, ["what it found", "what it found (limited: its group has said enough)"]);
        let kept =
            card.findings().iter().zip(&words).map(|(f, words)| Finding::kept(f.signal, f.points, words));
        let again = Scorecard::new(kept.collect());
        assert_eq!(again, card);
        assert_eq!(again.findings().iter().map(Finding::to_string).collect::<Vec<_>>(), words);
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
                // Each finding is rounded by itself.
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
