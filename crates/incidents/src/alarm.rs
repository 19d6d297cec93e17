use bellwether_base::CallId;

use crate::IncidentKind;
use crate::pool::PoolKey;

/// A detector's finding.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) kind: IncidentKind,
    pub(crate) key: PoolKey,
    /// ln M, and the threshold that it reached.
    pub(crate) ln_m: f64,
    pub(crate) threshold: f64,
    /// The calls that speak for it, oldest first; the last one raised it.
    pub(crate) calls: Vec<CallId>,
    /// The honest explanation that fits best, as the subject of a sentence.
    pub(crate) rival: &'static str,
    /// A further observation of the detector.
    pub(crate) also: Option<String>,
}
