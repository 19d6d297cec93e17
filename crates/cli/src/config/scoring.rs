//! Settings of scoring, of the comparison of clocks and of device authorisation.

use std::collections::BTreeMap;

use bellwether_base::Ppm;
use bellwether_devices::Strictness;
use bellwether_enrich::SensitiveNumbers;
use bellwether_scoring::{CampaignSettings, DispositionThresholds, ReputationSettings, Settings};
use bellwether_store::Tolerance;
use serde::Deserialize;

use super::Config;
use super::units::{Days, DriftPpm, FalseAlarmRate, Hours, StrangerShare, Weight};

/// `[dispositions]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DispositionSettings {
    quarantine_below: f64,
    standard_from: f64,
}

impl Default for DispositionSettings {
    fn default() -> Self {
        let DispositionThresholds { quarantine_below, standard_from } = DispositionThresholds::default();
        Self { quarantine_below, standard_from }
    }
}

/// `[reputation]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReputationTable {
    fraud_half_life_days: Days,
    legit_half_life_days: Days,
    confirmed_fraud: Weight,
    block_at: f64,
    block_until: f64,
    allow_at: f64,
    allow_until: f64,
}

impl Default for ReputationTable {
    fn default() -> Self {
        let r = ReputationSettings::default();
        Self {
            fraud_half_life_days: r.fraud_half_life.into(),
            legit_half_life_days: r.legit_half_life.into(),
            confirmed_fraud: Weight(r.confirmed_fraud),
            block_at: r.block.0,
            block_until: r.block.1,
            allow_at: r.allow.0,
            allow_until: r.allow.1,
        }
    }
}

/// `[campaigns]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CampaignTable {
    min_calls: usize,
    window_h: Hours,
    ends_after_days: Days,
    kinds: usize,
    kinds_on_shared: usize,
}

impl Default for CampaignTable {
    fn default() -> Self {
        let c = CampaignSettings::default();
        Self {
            min_calls: c.fewest_calls,
            window_h: c.window.into(),
            ends_after_days: c.ends_after.into(),
            kinds: c.kinds.0,
            kinds_on_shared: c.kinds.1,
        }
    }
}

/// One key of `[signals.NAME]`: `on`, `points` or a threshold.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) enum SignalSetting {
    Switch(bool),
    Number(f64),
}

impl TryFrom<toml::Value> for SignalSetting {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Boolean(is_on) => Ok(Self::Switch(is_on)),
            toml::Value::Float(n) => Ok(Self::Number(n)),
            toml::Value::Integer(n) => Ok(Self::Number(n as f64)),
            other => Err(format!("is a {}, not a number", other.type_str())),
        }
    }
}

/// `[signals.NAME]` by name and key.
pub(super) type SignalSettings = BTreeMap<String, BTreeMap<String, SignalSetting>>;

/// `[clocks]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClockSettings {
    false_alarms: FalseAlarmRate,
    drift_ppm: DriftPpm,
}

impl Default for ClockSettings {
    fn default() -> Self {
        let Tolerance { false_alarms, drift } = Tolerance::default();
        Self { false_alarms: FalseAlarmRate(false_alarms), drift_ppm: DriftPpm(drift.0) }
    }
}

/// `[authorisation]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuthorisationSettings {
    false_alarms: FalseAlarmRate,
    strangers: StrangerShare,
    sensitive_prefixes: Vec<String>,
    sensitive_numbers: Vec<String>,
}

impl Default for AuthorisationSettings {
    fn default() -> Self {
        let SensitiveNumbers { prefixes, numbers } = SensitiveNumbers::default();
        let Strictness { false_alarms, strangers } = Strictness::default();
        let (false_alarms, strangers) = (FalseAlarmRate(false_alarms), StrangerShare(strangers));
        Self { false_alarms, strangers, sensitive_prefixes: prefixes, sensitive_numbers: numbers }
    }
}

impl Config {
    /// Checks over several settings: the order of thresholds, and the names of signals.
    pub(super) fn check_scoring(&self) -> Result<(), String> {
        let DispositionSettings { quarantine_below, standard_from } = self.dispositions;
        if !is_in_order(&[0.0, quarantine_below, standard_from, 100.0]) {
            return Err(format!(
                "dispositions.quarantine_below ({quarantine_below}) and dispositions.standard_from ({standard_from}) must lie in order between 0 and 100"
            ));
        }
        let r = &self.reputation;
        if !is_in_order(&[0.0, r.block_at, r.block_until, r.allow_until, r.allow_at, 100.0]) {
            return Err(format!(
                "reputation.block_at ({}), block_until ({}), allow_until ({}) and allow_at ({}) must lie in order between 0 and 100",
                r.block_at, r.block_until, r.allow_until, r.allow_at
            ));
        }
        let c = &self.campaigns;
        if !(3..=128).contains(&c.min_calls) || c.kinds == 0 || c.kinds_on_shared == 0 {
            return Err("campaigns.min_calls must lie between 3 and 128, and the kinds above 0".into());
        }
        self.scored().map(|_| ())
    }

    /// The settings of scoring, or their fault.
    fn scored(&self) -> Result<Settings, String> {
        let (d, r, c) = (&self.dispositions, &self.reputation, &self.campaigns);
        let mut settings = Settings::default();
        settings.dispositions =
            DispositionThresholds { quarantine_below: d.quarantine_below, standard_from: d.standard_from };
        settings.reputation = ReputationSettings {
            fraud_half_life: r.fraud_half_life_days.span(),
            legit_half_life: r.legit_half_life_days.span(),
            confirmed_fraud: r.confirmed_fraud.0,
            block: (r.block_at, r.block_until),
            allow: (r.allow_at, r.allow_until),
        };
        settings.campaigns = CampaignSettings {
            fewest_calls: c.min_calls,
            window: c.window_h.span(),
            ends_after: c.ends_after_days.span(),
            kinds: (c.kinds, c.kinds_on_shared),
        };
        (settings.incidents, settings.exempt_accounts) = self.incidents()?;
        for (signal, keys) in &self.signals {
            for (key, value) in keys {
                let number = match value {
                    SignalSetting::Switch(is_on) if key == "on" => f64::from(u8::from(*is_on)),
                    SignalSetting::Switch(_) => {
                        return Err(format!("signals.{signal}.{key} is a boolean, not a number"));
                    }
                    SignalSetting::Number(n) => *n,
                };
                settings.set(signal, key, number).map_err(|e| e.to_string())?;
            }
        }
        Ok(settings)
    }

    /// The settings of scoring. Parsing of the file has already refused wrong settings.
    pub(crate) fn verdict(&self) -> Settings {
        self.scored().unwrap_or_default()
    }

    /// The allowance for chance and drift in a comparison of clocks.
    pub(crate) const fn tolerance(&self) -> Tolerance {
        Tolerance { false_alarms: self.clocks.false_alarms.0, drift: Ppm(self.clocks.drift_ppm.0) }
    }

    /// The false-alarm rate of device authorisation.
    pub(crate) const fn strictness(&self) -> Strictness {
        let AuthorisationSettings { false_alarms, strangers, .. } = &self.authorisation;
        Strictness { false_alarms: false_alarms.0, strangers: strangers.0 }
    }

    /// Sensitive numbers. Device authorisation is stricter for calls to these numbers.
    pub(crate) fn sensitive(&self) -> SensitiveNumbers {
        let AuthorisationSettings { sensitive_prefixes, sensitive_numbers, .. } = &self.authorisation;
        SensitiveNumbers { prefixes: sensitive_prefixes.clone(), numbers: sensitive_numbers.clone() }
    }
}

/// Returns true if the numbers ascend. NaN gives false.
fn is_in_order(numbers: &[f64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] <= pair[1])
}
