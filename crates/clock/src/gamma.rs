//! Fits a line under gamma distributed delay, as produced by queues in series, by maximum likelihood. This
//! comes near the lower bound of the variance where quantile lines do not.
//!
//! Shape and scale are estimated from the residuals of another line. Their errors hardly affect the slope,
//! because they shift all points alike. A common shift does not change a slope (the scores are orthogonal for
//! evenly spaced times).

use crate::line::{MAD_TO_SD, Offsets, middle_and_deviation, residuals, select};

/// Fewest points for an estimate of the delays' shape.
const FEWEST: usize = 12;

/// Range of gamma shapes. Towards 2 the density's edge becomes so sharp that single points decide, and the
/// estimated shape is not accurate enough for that. Above the range, delays are practically normal.
const SHAPES: (f64, f64) = (2.6, 60.0);

/// Residuals more than this many deviations below the median are spikes, outside the distribution.
const FAR: f64 = 5.0;

/// Smallest assumed share of spikes.
const MIN_SPIKES: f64 = 0.01;

/// Iterations of the search, and step halvings per iteration.
const STEPS: usize = 30;
const HALVINGS: usize = 6;

/// Mixture of gamma distributed delays and a share of uniformly distributed spikes.
#[derive(Clone, Copy, Debug)]
struct Delays {
    shape: f64,
    scale: f64,
    spikes: f64,
    /// Density of a spike's delay.
    spike_density: f64,
    /// Log of the normalisation factor of the gamma density.
    norm: f64,
}

/// The maximum likelihood slope, and the variance per point in s^2; none if there are too few points.
pub(crate) fn gamma_slope(segments: &[Offsets], start: f64) -> Option<(f64, f64)> {
    let left = residuals(segments, start, 0.5);
    if left.len() < FEWEST {
        return None;
    }
    let (delays, lift) = Delays::of(&left)?;
    // Floor of each segment: the offset of a packet without delay.
    let mut floors: Vec<f64> = Vec::new();
    for points in segments {
        let mut own: Vec<f64> = points.iter().map(|(x, y)| y - start * x).collect();
        let highest = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // The floor must lie above all points, or the points above it would count as spikes from the start.
        floors.push((select(&mut own, 0.5) + lift).max(highest + 0.1 * delays.scale));
    }
    let centres: Vec<f64> = segments
        .iter()
        .map(|points| points.iter().map(|p| p.0).sum::<f64>() / points.len().max(1) as f64)
        .collect();
    let sxx: f64 = segments
        .iter()
        .zip(&centres)
        .flat_map(|(points, centre)| points.iter().map(move |(x, _)| (x - centre) * (x - centre)))
        .sum();
    let information = delays.information();
    let mut slope = start;
    let mut likelihood = delays.likelihood(segments, slope, &floors);
    for _ in 0..STEPS {
        let mut turn = 0.0;
        let mut lifts = Vec::with_capacity(floors.len());
        for ((points, floor), centre) in segments.iter().zip(&floors).zip(&centres) {
            let mut lift = 0.0;
            for (x, y) in points {
                let score = delays.score(floor - (y - slope * x));
                turn += (x - centre) * score;
                lift += score;
            }
            lifts.push(lift / (points.len().max(1) as f64 * information));
        }
        turn /= sxx * information;
        let mut share = 1.0;
        let mut is_better = false;
        for _ in 0..HALVINGS {
            let tried = slope + share * turn;
            // A floor is the line's value at the start of the segment; the line turns around the segment's
            // middle.
            let lifted: Vec<f64> = floors
                .iter()
                .zip(&lifts)
                .zip(&centres)
                .map(|((floor, lift), centre)| floor + share * (lift - turn * centre))
                .collect();
            let now = delays.likelihood(segments, tried, &lifted);
            if now > likelihood {
                is_better = now - likelihood > 1e-4;
                (slope, floors, likelihood) = (tried, lifted, now);
                break;
            }
            share *= 0.5;
        }
        if !is_better {
            break;
        }
    }
    Some((slope, 1.0 / information))
}

impl Delays {
    /// Estimates the delays from residuals (the least delayed are the largest). Also returns the distance
    /// from the median up to the floor.
    fn of(left: &[f64]) -> Option<(Self, f64)> {
        let (middle, deviation) = middle_and_deviation(left);
        let off = MAD_TO_SD * deviation;
        // A delay is the distance of a residual below the median.
        let core: Vec<f64> = left.iter().map(|r| middle - r).filter(|d| *d < FAR * off).collect();
        let n = core.len() as f64;
        if off <= 0.0 || core.len() < FEWEST * 2 / 3 {
            return None;
        }
        let mean = core.iter().sum::<f64>() / n;
        let moment = |power: i32| core.iter().map(|d| (d - mean).powi(power)).sum::<f64>() / n;
        let deviation = moment(2).sqrt();
        let skewness = (moment(3) / deviation.powi(3)).max(0.0) * (n * (n - 1.0)).sqrt() / (n - 2.0);
        // The skewness of a gamma variable is 2 / sqrt(shape).
        let shape = (4.0 / (skewness * skewness).max(1e-6)).clamp(SHAPES.0, SHAPES.1);
        let scale = deviation / shape.sqrt();
        let spikes = ((left.len() as f64 - n) / left.len() as f64).max(MIN_SPIKES);
        let furthest = left.iter().map(|r| middle - r).fold(0.0, f64::max);
        let spike_density = spikes / (furthest + 10.0 * deviation);
        let norm = -statrs::function::gamma::ln_gamma(shape) - scale.ln();
        Some((Self { shape, scale, spikes, spike_density, norm }, shape * scale - mean))
    }

    /// Fisher information of one point about the location.
    fn information(&self) -> f64 {
        (1.0 - self.spikes) / ((self.shape - 2.0) * self.scale * self.scale)
    }

    fn density(&self, delay: f64) -> f64 {
        if delay <= 0.0 {
            return 0.0;
        }
        let z = delay / self.scale;
        (1.0 - self.spikes) * ((self.shape - 1.0) * z.ln() - z + self.norm).exp()
    }

    /// Derivative of the log density with respect to the delay.
    fn score(&self, delay: f64) -> f64 {
        let gamma = self.density(delay);
        if gamma <= 0.0 {
            return 0.0;
        }
        gamma / (gamma + self.spike_density) * ((self.shape - 1.0) / delay - 1.0 / self.scale)
    }

    fn likelihood(&self, segments: &[Offsets], slope: f64, floors: &[f64]) -> f64 {
        segments
            .iter()
            .zip(floors)
            .flat_map(|(points, floor)| points.iter().map(move |(x, y)| floor - (y - slope * x)))
            .map(|delay| (self.density(delay) + self.spike_density).ln())
            .sum()
    }
}
