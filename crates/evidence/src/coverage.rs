//! Times that captures cover.

use bellwether_base::{Span, Timestamp};

use crate::search::SearchedInput;

/// Silence between two captures up to which one counts as the continuation of the other.
const MAX_QUIET: Span = Span::from_secs(2);

/// A time that no capture covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// The parts of a time span that no capture covers. A capture covers the time from its first to its last frame: nobody knows whether
/// it would have seen a frame before or after that.
#[must_use]
pub fn gaps(from: Timestamp, to: Timestamp, inputs: &[SearchedInput]) -> Vec<Gap> {
    // A ring covers the time from its first to its last segment: nothing came between two frames but media.
    let of_ring = inputs.iter().filter(|input| input.is_ring).filter_map(|input| input.span);
    let of_ring = of_ring.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let captures = inputs.iter().filter(|input| !input.is_ring).filter_map(|input| input.span);
    let mut spans: Vec<(Timestamp, Timestamp)> = captures.chain(of_ring).collect();
    spans.sort_unstable();
    let mut out = Vec::new();
    let mut covered = from;
    for (first, last) in spans {
        if first >= to {
            break;
        }
        if first.since(covered) > MAX_QUIET {
            out.push(Gap { from: covered, to: first });
        }
        covered = covered.max(last);
    }
    if to.since(covered) > MAX_QUIET {
        out.push(Gap { from: covered, to });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn input(first: i64, last: i64) -> SearchedInput {
        let span = Some((at(first), at(last)));
        SearchedInput { name: "x".into(), records: 1, span, found: 0, damage: None, is_ring: false }
    }

    #[test]
    fn times_before_between_and_after_captures_are_gaps() {
        let inputs = [input(110, 120), input(121, 130), input(150, 160)];
        let gap = |from, to| Gap { from: at(from), to: at(to) };
        assert_eq!(gaps(at(100), at(170), &inputs), [gap(100, 110), gap(130, 150), gap(160, 170)]);
        assert_eq!(
            gaps(at(111), at(129), &inputs),
            [],
            "captures that follow each other cover what lies between"
        );
        assert_eq!(gaps(at(125), at(140), &inputs), [gap(130, 140)]);
        assert_eq!(gaps(at(10), at(20), &inputs), [gap(10, 20)]);
        assert_eq!(gaps(at(10), at(20), &[]), [gap(10, 20)]);
    }
}
