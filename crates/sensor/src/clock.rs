//! The system's clock, read by live runs only.

use std::time::SystemTime;

use bellwether_base::Timestamp;

/// The time of the clock that stamps packets.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}
