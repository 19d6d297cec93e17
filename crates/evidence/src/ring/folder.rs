//! Segments of a ring in its folder. The name of a segment is the time of its first frame.

use std::io;
use std::path::{Path, PathBuf};

use bellwether_base::{Span, Timestamp};

/// Start and end of a segment's name.
const NAME: (&str, &str) = ("signalling-", ".bwring");

/// A segment in a folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Segment {
    /// Time of its first frame.
    pub first: Timestamp,
    /// Its file.
    pub path: PathBuf,
}

/// The path of a segment that begins at a time.
pub(super) fn path_of(folder: &Path, first: Timestamp) -> PathBuf {
    // Times before 1970 are no times of a sensor.
    folder.join(format!("{}{:020}{}", NAME.0, first.as_nanos().max(0), NAME.1))
}

/// The segments of a folder in order of time.
///
/// # Errors
/// If the folder cannot be read.
pub fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let nanos = name.strip_prefix(NAME.0).and_then(|rest| rest.strip_suffix(NAME.1));
        if let Some(nanos) = nanos.and_then(|nanos| nanos.parse().ok()) {
            out.push(Segment { first: Timestamp::from_nanos(nanos), path });
        }
    }
    out.sort();
    Ok(out)
}

/// The segments that may hold frames of a time span. A segment lasts until the next one begins.
#[must_use]
pub fn segments_between(all: &[Segment], from: Timestamp, to: Timestamp) -> Vec<Segment> {
    let next = all.iter().skip(1).map(|segment| segment.first).chain([Timestamp::MAX]);
    let within = all.iter().zip(next).filter(|(segment, next)| segment.first <= to && *next >= from);
    within.map(|(segment, _)| segment.clone()).collect()
}

/// Removes the oldest segments until the rest is within both bounds. The newest one stays.
pub(super) fn prune(folder: &Path, max_bytes: u64, max_age: Option<Span>, now: Timestamp) -> io::Result<()> {
    let all = segments(folder)?;
    let size = |segment: &Segment| std::fs::metadata(&segment.path).map_or(0, |meta| meta.len());
    let mut left: u64 = all.iter().map(size).sum();
    for pair in all.windows(2) {
        let [oldest, next] = pair else { break };
        let is_old = max_age.is_some_and(|age| now.since(next.first) > age);
        if left <= max_bytes && !is_old {
            break;
        }
        left -= size(oldest);
        std::fs::remove_file(&oldest.path)?;
    }
    Ok(())
}
