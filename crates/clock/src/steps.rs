//! Steps of the path: a new route makes all later refreshes earlier or later by one amount, which a single
//! line takes for skew.

use crate::line::{Offsets, Sums, residuals, select};

/// Fewest refreshes of a segment for a step: fewer fit a random walk too easily.
const FEWEST: usize = 60;

/// Fewest refreshes on either side of a step.
const MARGIN: usize = 6;

/// Limit of a residual in median absolute deviations: a spike is no step.
const CLIP: f64 = 4.0;

/// Splits one segment at the step that explains most of the residuals of a line with this slope. None if all
/// segments are too short. The caller decides if the step is significant.
pub(crate) fn parted_at_step(segments: &[Offsets], slope: f64) -> Option<Vec<Offsets>> {
    let (which, at, _) = segments
        .iter()
        .enumerate()
        .filter_map(|(i, points)| best_step(points, slope).map(|(at, gain)| (i, at, gain)))
        .max_by(|a, b| a.2.total_cmp(&b.2))?;
    let mut out = Vec::with_capacity(segments.len() + 1);
    for (i, points) in segments.iter().enumerate() {
        match points.split_at_checked(at).filter(|_| i == which) {
            Some((before, after)) => out.extend([before.to_vec(), after.to_vec()]),
            None => out.push(points.clone()),
        }
    }
    Some(out)
}

/// Log likelihood ratio of the residuals with a step and without. Both are clipped at a multiple of the
/// smaller deviation, so that spikes, which remain in both, do not hide the step.
pub(crate) fn evidence(without: &[f64], with: &[f64]) -> f64 {
    let most = CLIP * median(with.iter().map(|v| v.abs()));
    let mean = |values: &[f64]| values.iter().map(|v| v.abs().min(most)).sum::<f64>().max(1e-9);
    without.len() as f64 * (mean(without) / mean(with)).ln()
}

/// The best position of a step in a segment, and the reduction of the squared residuals around a slope common
/// to both sides.
fn best_step(points: &Offsets, slope: f64) -> Option<(usize, f64)> {
    if points.len() < FEWEST {
        return None;
    }
    let clipped = clipped_residuals(points, slope);
    let mut all = Moments::default();
    clipped.iter().for_each(|p| all.add(*p));
    let whole = all.centred();
    let mut before = Moments::default();
    clipped
        .iter()
        .enumerate()
        .filter_map(|(i, point)| {
            let left = before;
            before.add(*point);
            let is_inside = (MARGIN..=points.len() - MARGIN).contains(&i);
            is_inside.then(|| (i, whole.left() - parted(left.centred(), all.without(&left).centred()).left()))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Combined sums of two sides that share a slope.
fn parted(before: Sums, after: Sums) -> Sums {
    Sums { sxx: before.sxx + after.sxx, sxy: before.sxy + after.sxy, syy: before.syy + after.syy }
}

fn clipped_residuals(points: &Offsets, slope: f64) -> Vec<(f64, f64)> {
    let residuals = residuals(std::slice::from_ref(points), slope, 0.5);
    let most = CLIP * median(residuals.iter().map(|r| r.abs()));
    points.iter().zip(residuals).map(|((x, _), r)| (*x, r.clamp(-most, most))).collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    select(&mut values.collect::<Vec<f64>>(), 0.5)
}

/// Uncentred sums of points, squares and products.
#[derive(Clone, Copy, Default)]
struct Moments {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Moments {
    fn add(&mut self, (x, y): (f64, f64)) {
        *self = Self {
            n: self.n + 1.0,
            x: self.x + x,
            y: self.y + y,
            xx: x.mul_add(x, self.xx),
            xy: x.mul_add(y, self.xy),
            yy: y.mul_add(y, self.yy),
        };
    }

    const fn without(&self, other: &Self) -> Self {
        Self {
            n: self.n - other.n,
            x: self.x - other.x,
            y: self.y - other.y,
            xx: self.xx - other.xx,
            xy: self.xy - other.xy,
            yy: self.yy - other.yy,
        }
    }

    fn centred(&self) -> Sums {
        let n = self.n.max(1.0);
        Sums {
            sxx: self.xx - self.x * self.x / n,
            sxy: self.xy - self.x * self.y / n,
            syy: self.yy - self.y * self.y / n,
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::Timestamp;

    use super::*;
    use crate::{Discipline, RegisterTimeline, read_clock};

    /// An hour of refreshes at +20 ppm with 0.4 ms of jitter, later by `step_ns` from the middle on.
    fn hour(step_ns: i64) -> RegisterTimeline {
        let mut timeline = RegisterTimeline::default();
        for i in 0..144_i64 {
            let later = if i >= 70 { step_ns } else { 0 };
            let at = i * 25_000_000_000 - i * 500_000 + i * 7 % 5 * 100_000 + later;
            timeline.refresh(Timestamp::from_nanos(at), None);
        }
        timeline
    }

    #[test]
    fn a_new_route_does_not_change_the_skew() {
        for (step_ns, steps) in [(0, 0), (10_000_000, 1), (-10_000_000, 1)] {
            let reading = read_clock(&hour(step_ns).segments(), None).unwrap();
            let skew = reading.skew.unwrap();
            assert_eq!(
                (reading.discipline, reading.path_steps),
                (Discipline::Periodic, steps),
                "{step_ns} ns"
            );
            assert!((skew.skew.0 - 20.0).abs() < 0.1, "{step_ns} ns: {skew:?}");
        }
    }

    #[test]
    fn a_segment_is_parted_at_its_step_and_not_at_a_spike() {
        let offsets: Offsets = (0..80)
            .map(|i| {
                let (x, jitter) = (25.0 * f64::from(i), 1e-4 * f64::from(i * 7 % 5));
                let step = if i >= 23 { 0.01 } else { 0.0 };
                let spike = if i == 65 { -0.3 } else { 0.0 };
                (x, 20e-6 * x + jitter + step + spike)
            })
            .collect();
        let short = offsets.iter().take(20).copied().collect();
        let parts = parted_at_step(&[short, offsets], 20e-6).unwrap();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [20, 23, 57]);
        assert!(parted_at_step(&[vec![(0.0, 0.0); 20]], 0.0).is_none());
    }
}
