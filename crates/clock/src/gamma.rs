//! A line under delay that is gamma distributed, as queues in a row make it: by likelihood, which comes near the bound where
//! quantiles cannot.
//!
//! Shape and scale are taken from the residuals of another line. They hardly matter for the slope: errors in them shift all points
//! alike, and what shifts all alike says nothing of a slope (their scores are orthogonal where times lie evenly).

use crate::line::{MAD_TO_SD, Offsets, middle_and_deviation, residuals, select};

/// Points below which the shape of the delays is not known.
const FEWEST: usize = 12;

/// Shapes that are tried. Towards 2 the density's edge becomes so sharp that single points decide, and what the residuals say of
/// the shape is not that exact; above, delays are as good as normal.
const SHAPES: (f64, f64) = (2.6, 60.0);

/// Residuals further than so many deviations below the middle are no part of the distribution: spikes.
const FAR: f64 = 5.0;

/// The least share of spikes that is allowed for.
const MIN_SPIKES: f64 = 0.01;

/// Steps of the search, and halvings of one.
const STEPS: usize = 30;
const HALVINGS: usize = 6;

/// Gamma distributed delays, a share of which is spread evenly instead.
#[derive(Clone, Copy, Debug)]
struct Delays {
    shape: f64,
    scale: f64,
    spikes: f64,
    /// The density of a spike's delay.
    spike_density: f64,
    /// Logarithm of what makes the gamma density one altogether.
    norm: f64,
}

/// The slope by likelihood, and the variance that one point leaves, in s^2; none if there are too few points.
pub(crate) fn gamma_slope(segments: &[Offsets], start: f64) -> Option<(f64, f64)> {
    let left = residuals(segments, start, 0.5);
    if left.len() < FEWEST {
        return None;
    }
    let (delays, lift) = Delays::of(&left)?;
    // Each segment's floor: how early a packet without any delay is.
    let mut floors: Vec<f64> = Vec::new();
    for points in segments {
        let mut own: Vec<f64> = points.iter().map(|(x, y)| y - start * x).collect();
        let highest = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Above all points, or those above would count as spikes from the start.
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
            // A floor is where the line is at the segment's beginning; the line turns around its middle.
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
    /// From residuals (the least delayed are the largest), and how far the floor lies above their median.
    fn of(left: &[f64]) -> Option<(Self, f64)> {
        let (middle, deviation) = middle_and_deviation(left);
        let off = MAD_TO_SD * deviation;
        // Delay is what a residual lacks.
        let core: Vec<f64> = left.iter().map(|r| middle - r).filter(|d| *d < FAR * off).collect();
        let n = core.len() as f64;
        if off <= 0.0 || core.len() < FEWEST * 2 / 3 {
            return None;
        }
        let mean = core.iter().sum::<f64>() / n;
        let moment = |power: i32| core.iter().map(|d| (d - mean).powi(power)).sum::<f64>() / n;
        let deviation = moment(2).sqrt();
        let skewness = (moment(3) / deviation.powi(3)).max(0.0) * (n * (n - 1.0)).sqrt() / (n - 2.0);
        // A gamma variable's skewness is 2 / sqrt(shape).
        let shape = (4.0 / (skewness * skewness).max(1e-6)).clamp(SHAPES.0, SHAPES.1);
        let scale = deviation / shape.sqrt();
        let spikes = ((left.len() as f64 - n) / left.len() as f64).max(MIN_SPIKES);
        let furthest = left.iter().map(|r| middle - r).fold(0.0, f64::max);
        let spike_density = spikes / (furthest + 10.0 * deviation);
        let norm = -statrs::function::gamma::ln_gamma(shape) - scale.ln();
        Some((Self { shape, scale, spikes, spike_density, norm }, shape * scale - mean))
    }

    /// Fisher's, of one point for its location.
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

    /// How the logarithm of the density changes with delay.
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
