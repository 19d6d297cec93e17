//! The run: privacy, live traffic, privileges, the database.

use std::time::Duration;

use bellwether_base::Span;
use bellwether_confine::{Part, Wish};
use bellwether_enrich::Privacy;
use bellwether_sensor::Retention;
use bellwether_wire::TunnelPorts;
use serde::Deserialize;

use super::Config;
use super::units::{DatabaseMib, Seconds, WaitingRows};

/// `privacy`
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PrivacySetting {
    #[default]
    Tokens,
    Clear,
}

/// `[sense]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SenseSettings {
    pub(crate) interfaces: Vec<String>,
    pub(crate) user: String,
    pub(crate) answers: bool,
}

impl Default for SenseSettings {
    fn default() -> Self {
        Self { interfaces: Vec::new(), user: String::new(), answers: true }
    }
}

/// `[confine]`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfineSettings {
    capabilities: ConfineSetting,
    dumps: ConfineSetting,
    landlock: ConfineSetting,
    seccomp: ConfineSetting,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ConfineSetting {
    Off,
    #[default]
    On,
    Required,
}

impl From<ConfineSetting> for Wish {
    fn from(setting: ConfineSetting) -> Self {
        match setting {
            ConfineSetting::Off => Self::Off,
            ConfineSetting::On => Self::On,
            ConfineSetting::Required => Self::Required,
        }
    }
}

/// `[database]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DatabaseSettings {
    keep_days: u32,
    max_mib: DatabaseMib,
    lock_wait_s: Seconds,
    waiting_rows: WaitingRows,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            keep_days: 90,
            max_mib: DatabaseMib(20_480),
            lock_wait_s: Seconds(600.0),
            waiting_rows: WaitingRows(100_000),
        }
    }
}

/// `[mirror]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MirrorSettings {
    vxlan_ports: Vec<u16>,
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self { vxlan_ports: TunnelPorts::default().vxlan }
    }
}

impl Config {
    /// The form in which personal data is stored.
    pub(crate) const fn privacy(&self) -> Privacy {
        match self.privacy {
            PrivacySetting::Tokens => Privacy::Tokens,
            PrivacySetting::Clear => Privacy::Clear,
        }
    }

    /// The wish for each part of the lock, in the order of [`Part::ALL`].
    pub(crate) fn confine(&self) -> [Wish; 4] {
        let c = &self.confine;
        Part::ALL.map(|part| {
            Wish::from(match part {
                Part::Capabilities => c.capabilities,
                Part::Dumps => c.dumps,
                Part::Landlock => c.landlock,
                Part::Seccomp => c.seccomp,
            })
        })
    }

    /// The user that `sense` becomes, if it does.
    pub(crate) fn user(&self) -> Option<&str> {
        (!self.sense.user.is_empty()).then_some(self.sense.user.as_str())
    }

    /// The bounds of the database; 0 in the file means no bound.
    pub(crate) fn retention(&self) -> Retention {
        let DatabaseSettings { keep_days, max_mib, .. } = self.database;
        Retention {
            keep: (keep_days > 0).then(|| Span::from_secs(i64::from(keep_days) * 86_400)),
            max_bytes: (max_mib.0 > 0).then_some(max_mib.0 << 20),
        }
    }

    /// The longest wait for another program that holds the database locked.
    pub(crate) fn lock_wait(&self) -> Duration {
        Duration::from_secs_f64(self.database.lock_wait_s.0)
    }

    /// The rows that wait for it meanwhile.
    pub(crate) const fn waiting_rows(&self) -> usize {
        self.database.waiting_rows.0
    }

    /// The UDP ports of tunnels.
    pub(crate) fn tunnels(&self) -> TunnelPorts {
        TunnelPorts { vxlan: self.mirror.vxlan_ports.clone() }
    }
}
