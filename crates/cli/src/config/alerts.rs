//! Receivers of alerts, and bounds on what they get.

use bellwether_alert::{Facility, Format, Target};
use bellwether_base::Severity;
use bellwether_base::Span;
use serde::Deserialize;

use super::distinct;

/// `[alerts]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertSettings {
    pub(crate) quiet_s: WholeSeconds,
    pub(crate) per_minute: u32,
    pub(crate) backlog: u32,
    pub(crate) min_severity: SeveritySetting,
    pub(crate) host: String,
    pub(crate) receivers: Vec<ReceiverSettings>,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            quiet_s: WholeSeconds(300),
            per_minute: 60,
            backlog: 100_000,
            min_severity: SeveritySetting::default(),
            host: String::new(),
            receivers: Vec::new(),
        }
    }
}

/// A time in whole seconds; 0 is none.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct WholeSeconds(u32);

impl WholeSeconds {
    /// The time in nanoseconds.
    pub(crate) const fn span(self) -> Span {
        Span::from_secs(self.0 as i64)
    }
}

/// The lowest severity that is sent.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SeveritySetting {
    #[default]
    Notice,
    Warning,
    Critical,
}

impl From<SeveritySetting> for Severity {
    fn from(setting: SeveritySetting) -> Self {
        match setting {
            SeveritySetting::Notice => Self::Notice,
            SeveritySetting::Warning => Self::Warning,
            SeveritySetting::Critical => Self::Critical,
        }
    }
}

/// `[[alerts.receivers]]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiverSettings {
    pub(crate) name: String,
    pub(crate) target: TargetSetting,
    #[serde(default)]
    pub(crate) format: FormatSetting,
    #[serde(default)]
    pub(crate) facility: FacilitySetting,
    #[serde(default = "yes")]
    pub(crate) confirm: bool,
    #[serde(default)]
    pub(crate) secret_file: String,
    #[serde(default)]
    pub(crate) ca_file: String,
    #[serde(default)]
    pub(crate) server_name: String,
    #[serde(default)]
    pub(crate) certificate_file: String,
    #[serde(default)]
    pub(crate) key_file: String,
}

const fn yes() -> bool {
    true
}

/// The address of a receiver.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TargetSetting(pub(crate) Target);

impl TryFrom<String> for TargetSetting {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|e: bellwether_alert::TargetError| e.to_string())
    }
}

/// The format of a message.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatSetting {
    /// The format that suits the target.
    #[default]
    #[serde(rename = "")]
    Usual,
    Rfc5424,
    Cef,
    Local,
}

impl From<FormatSetting> for Option<Format> {
    fn from(setting: FormatSetting) -> Self {
        match setting {
            FormatSetting::Usual => None,
            FormatSetting::Rfc5424 => Some(Format::Rfc5424),
            FormatSetting::Cef => Some(Format::Cef),
            FormatSetting::Local => Some(Format::Local),
        }
    }
}

/// A syslog facility by its name.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FacilitySetting(pub(crate) Facility);

impl TryFrom<String> for FacilitySetting {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = || Facility::NAMES.join(", ");
        Facility::named(&name)
            .map(Self)
            .ok_or_else(|| format!("there is no facility \"{name}\"; there is {}", known()))
    }
}

impl AlertSettings {
    /// Receivers have different names, because the spool keeps a cursor for each name.
    pub(super) fn check(&self) -> Result<(), String> {
        distinct("alerts.receivers", self.receivers.iter().map(|receiver| receiver.name.as_str()))
    }
}
