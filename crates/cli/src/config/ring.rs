//! `[ring]`: signalling packets on disk.

use std::path::PathBuf;

use bellwether_base::Span;
use serde::Deserialize;

use super::Config;

/// Least size of a ring in MiB: sixteen segments of the least size.
const MIN_MIB: u64 = 16;

/// `[ring]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RingSettings {
    folder: String,
    max_mib: u64,
    keep_hours: u32,
}

impl Default for RingSettings {
    fn default() -> Self {
        Self { folder: String::new(), max_mib: 1024, keep_hours: 168 }
    }
}

impl RingSettings {
    /// Checks the bounds.
    pub(super) fn check(&self) -> Result<(), String> {
        if (MIN_MIB..=1 << 24).contains(&self.max_mib) {
            Ok(())
        } else {
            Err(format!("ring.max_mib must be between {MIN_MIB} and {}", 1 << 24))
        }
    }
}

impl Config {
    /// The folder of the ring; none if there is no ring.
    pub(crate) fn ring_folder(&self) -> Option<PathBuf> {
        (!self.ring.folder.is_empty()).then(|| PathBuf::from(&self.ring.folder))
    }

    /// The bounds of the ring: octets and age.
    pub(crate) fn ring_bounds(&self) -> (u64, Option<Span>) {
        let hours = i64::from(self.ring.keep_hours);
        (self.ring.max_mib << 20, (hours > 0).then(|| Span::from_secs(hours * 3600)))
    }
}
