//! Capabilities (capabilities(7)) and core dumps.

use caps::{CapSet, Capability};
use rustix::process::{DumpableBehavior, Resource, Rlimit};

pub(crate) const NO_DUMPS: &str = "no core file, no look into the memory";
const NO_RIGHTS: &str = "none in any set, the bounding set is empty";

/// Empties the bounding set, which limits the rights of new programs. It needs `CAP_SETPCAP`, which is
/// dropped later.
pub(crate) fn empty_bounding() -> Result<(), String> {
    let left = || caps::read(None, CapSet::Bounding).map_err(|e| e.to_string());
    if left()?.is_empty() {
        return Ok(());
    }
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        return Err(
            "the bounding set is unchanged, as CAP_SETPCAP is missing; every other set is empty".to_owned()
        );
    }
    caps::clear(None, CapSet::Bounding).map_err(|e| e.to_string())
}

/// Drops every capability. `bounding` is the result for the bounding set.
pub(crate) fn drop_all(bounding: &Result<(), String>) -> Result<String, String> {
    use CapSet::{Ambient, Effective, Inheritable, Permitted};
    for set in [Ambient, Effective, Inheritable, Permitted] {
        // A service manager may have emptied it, and forbidden the call.
        if caps::read(None, set).is_ok_and(|held| held.is_empty()) {
            continue;
        }
        caps::clear(None, set).map_err(|e| e.to_string())?;
    }
    bounding.clone().map(|()| NO_RIGHTS.to_owned())
}

/// Tests if [`empty_bounding`] would succeed in this process.
pub(crate) fn could_drop_all() -> Result<String, String> {
    let is_empty = caps::read(None, CapSet::Bounding).is_ok_and(|left| left.is_empty());
    let may = caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false);
    if is_empty || may { Ok(NO_RIGHTS.to_owned()) } else { empty_bounding().map(|()| NO_RIGHTS.to_owned()) }
}

/// Disables core dumps. A core file would hold unmasked phone numbers and the key. Other processes of the
/// same user cannot read the memory of a process without dumps.
pub(crate) fn forbid_dumps() -> Result<String, String> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map(|()| NO_DUMPS.to_owned())
        .map_err(|e| e.to_string())
}
