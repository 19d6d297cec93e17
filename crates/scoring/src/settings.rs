use std::collections::BTreeMap;

use bellwether_base::{Span, Timestamp};
use bellwether_incidents::IncidentSettings;

use crate::DispositionThresholds;
use crate::signals::SIGNALS;

/// Settings of the scoring. The defaults are calibrated on the synthetic populations of `docs/judgement.md`.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Thresholds of the dispositions.
    pub dispositions: DispositionThresholds,
    /// Settings per signal, in the order of [`SIGNALS`].
    pub(crate) signals: Vec<Tuned>,
    /// Settings of reputation.
    pub reputation: ReputationSettings,
    /// Settings of campaign detection.
    pub campaigns: CampaignSettings,
    /// Settings of incidents.
    pub incidents: IncidentSettings,
    /// Accounts without incidents. An installation replaces their names by tokens.
    pub exempt_accounts: Vec<AccountExemption>,
}

/// An account that is not looked at for incidents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountExemption {
    /// The user part of its address of record, or its number; as a token where numbers are masked.
    pub account: String,
    /// The operator's reason.
    pub reason: String,
    /// The exemption ends here.
    pub until: Option<Timestamp>,
}

/// The operator's settings of a signal.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Tuned {
    pub(crate) is_on: bool,
    pub(crate) points: f64,
    thresholds: Vec<f64>,
}

impl Tuned {
    /// A threshold by its index in the signal's definition.
    pub(crate) fn limit(&self, place: usize) -> f64 {
        self.thresholds.get(place).copied().unwrap_or(f64::INFINITY)
    }
}

/// Settings of reputation.
#[derive(Clone, PartialEq, Debug)]
pub struct ReputationSettings {
    /// Half-life of evidence of fraud.
    pub fraud_half_life: Span,
    /// Half-life of evidence of honest use.
    pub legit_half_life: Span,
    /// Weight of one confirmed fraud. The honest prior weighs 2, a call confirmed as honest 1.
    pub confirmed_fraud: f64,
    /// Reputation scores (0 to 100) at which a subject enters the block list, and above which it leaves.
    pub block: (f64, f64),
    /// Reputation scores at which a subject enters the allow list, and below which it leaves.
    pub allow: (f64, f64),
}

impl Default for ReputationSettings {
    fn default() -> Self {
        let days = |n: i64| Span::from_secs(n * 86_400);
        Self {
            fraud_half_life: days(90),
            legit_half_life: days(30),
            confirmed_fraud: 20.0,
            block: (15.0, 35.0),
            allow: (85.0, 70.0),
        }
    }
}

/// Settings of campaign detection.
#[derive(Clone, PartialEq, Debug)]
pub struct CampaignSettings {
    /// Minimum number of calls.
    pub fewest_calls: usize,
    /// Maximum age of calls in a pattern.
    pub window: Span,
    /// A campaign ends after this time without a call. Later calls form a new one.
    pub ends_after: Span,
    /// Kinds of evidence, beside rotating numbers, that a campaign needs: on a specific platform, and on one
    /// that honest callers share.
    pub kinds: (usize, usize),
}

impl Default for CampaignSettings {
    fn default() -> Self {
        Self {
            fewest_calls: 6,
            window: Span::from_secs(6 * 3600),
            ends_after: Span::from_secs(14 * 86_400),
            kinds: (2, 2),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let tuned = |signal: &crate::Signal| Tuned {
            is_on: true,
            points: signal.points,
            thresholds: signal.thresholds.iter().map(|t| t.value).collect(),
        };
        Self {
            dispositions: DispositionThresholds::default(),
            signals: SIGNALS.iter().map(tuned).collect(),
            reputation: ReputationSettings::default(),
            campaigns: CampaignSettings::default(),
            incidents: IncidentSettings::default(),
            exempt_accounts: Vec::new(),
        }
    }
}

/// The reason for refusing a setting.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl Settings {
    /// Sets `on`, `points` or a threshold of a signal.
    ///
    /// # Errors
    /// If the signal or setting does not exist (the error names the nearest one), or the value is invalid.
    pub fn set(&mut self, signal: &str, key: &str, value: f64) -> Result<(), SettingError> {
        let names = || SIGNALS.iter().map(|s| s.name);
        let place = names().position(|name| name == signal).ok_or_else(|| {
            SettingError(format!("there is no signal {signal}; the nearest is {}", nearest(signal, names())))
        })?;
        let (Some(definition), Some(tuned)) = (SIGNALS.get(place), self.signals.get_mut(place)) else {
            return Ok(());
        };
        if !value.is_finite() {
            return Err(SettingError(format!("{signal}.{key} is not a number")));
        }
        match key {
            "on" => tuned.is_on = value != 0.0,
            "points" if value.abs() > 100.0 => {
                return Err(SettingError(format!("{signal}.points must be between -100 and 100")));
            }
            // A changed sign would turn evidence against a call into evidence for it.
            "points" if value * definition.points < 0.0 => {
                let sign = if definition.points < 0.0 { "against" } else { "for" };
                return Err(SettingError(format!(
                    "{signal} counts {sign} a call; its points must keep their sign"
                )));
            }
            "points" => tuned.points = value,
            _ => {
                let keys = || definition.thresholds.iter().map(|t| t.name);
                let at = keys().position(|name| name == key).ok_or_else(|| {
                    let all = ["on", "points"].into_iter().chain(keys());
                    SettingError(format!(
                        "the signal {signal} has no setting {key}; the nearest is {}",
                        nearest(key, all)
                    ))
                })?;
                if value < 0.0 {
                    return Err(SettingError(format!("{signal}.{key} is negative")));
                }
                if let Some(limit) = tuned.thresholds.get_mut(at) {
                    *limit = value;
                }
            }
        }
        Ok(())
    }

    /// The current points of each signal, by name.
    #[must_use]
    pub fn points(&self) -> BTreeMap<&'static str, f64> {
        SIGNALS.iter().zip(&self.signals).map(|(s, t)| (s.name, t.points)).collect()
    }
}

/// The name with the smallest edit distance (Levenshtein).
#[must_use]
pub fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> &'a str {
    all.min_by_key(|other| distance(name, other)).unwrap_or_default()
}

fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.bytes().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(0);
            let left = row.get(j).copied().unwrap_or(0);
            let next = (before + usize::from(x != y)).min(above + 1).min(left + 1);
            before = above;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = next;
            }
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_by_name_and_wrong_names_are_told_the_nearest() {
        let mut settings = Settings::default();
        settings.set("call_velocity", "per_hour", 90.0).unwrap();
        settings.set("call_velocity", "points", -3.0).unwrap();
        settings.set("dead_air", "on", 0.0).unwrap();
        assert_eq!(settings.points()["call_velocity"], -3.0);
        let told = |signal: &str, key: &str, value| {
            Settings::default().set(signal, key, value).unwrap_err().to_string()
        };
        assert!(told("call_velocty", "on", 1.0).contains("nearest is call_velocity"));
        assert!(told("call_velocity", "per_our", 1.0).contains("nearest is per_hour"));
        assert!(told("call_velocity", "points", 5.0).contains("against"));
        assert!(told("call_velocity", "points", f64::NAN).contains("not a number"));
        assert!(told("call_velocity", "per_hour", -1.0).contains("negative"));
    }
}
