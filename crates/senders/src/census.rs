//! Do the parties of a population come back?

use std::sync::LazyLock;

use statrs::function::gamma::ln_gamma;

/// Classes of a census: parties with 1, 2, 3, 4, and 5 or more sessions.
const CLASSES: usize = 5;

/// Parties of a population, counted by their number of sessions. The last class holds five sessions and more:
/// a few busy parties then say nothing about the rate of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Census([u32; CLASSES]);

impl Census {
    /// Counts a party with so many sessions.
    pub(crate) fn add(&mut self, sessions: u32) {
        if let Some(class) = self.class(sessions) {
            *class = class.saturating_add(1);
        }
    }

    /// Removes a party with so many sessions.
    pub(crate) fn remove(&mut self, sessions: u32) {
        if let Some(class) = self.class(sessions) {
            *class = class.saturating_sub(1);
        }
    }

    /// Moves a party that opened one more session and has `sessions` now.
    pub(crate) fn grow(&mut self, sessions: u32) {
        self.remove(sessions.saturating_sub(1));
        self.add(sessions);
    }

    /// Adds another population.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (class, more) in self.0.iter_mut().zip(other.0) {
            *class = class.saturating_add(more);
        }
    }

    fn class(&mut self, sessions: u32) -> Option<&mut u32> {
        self.0.get_mut((sessions.checked_sub(1)? as usize).min(CLASSES - 1))
    }

    /// Parties with one session.
    pub(crate) const fn once(&self) -> u32 {
        self.0[0]
    }

    /// All parties.
    pub(crate) fn parties(&self) -> u32 {
        self.0.iter().sum()
    }
}

/// Shares of parties that are thrown away after one session.
const THROWN: [f64; 13] = [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 0.95, 0.98, 1.0];

/// Weights of [`THROWN`] for lines, which keep their identities.
const STABLE: [f64; 13] = [0.9, 0.025, 0.025, 0.025, 0.025, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

/// Weights of [`THROWN`] for a sender that throws identities away, alone on its platform or on a shared one.
const CAMPAIGN: [f64; 13] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.08, 0.08, 0.08, 0.08, 0.08, 0.2, 0.2, 0.2];

/// Mean sessions of a line so far: a logarithmic grid with 16 steps from [`LEAST_MEAN`] to [`GREATEST_MEAN`], and
/// [`BELOW`] steps below it for lines that had no time to come back.
const MEANS: usize = BELOW + 17;
const BELOW: usize = 10;
const LEAST_MEAN: f64 = 0.01;
const GREATEST_MEAN: f64 = 30.0;

/// Expected sessions of lines that had hardly time to come back.
const NO_TIME: f64 = 0.02;

/// Shapes of the Gamma distribution of the lines' rates: from very different lines to similar ones.
const SHAPES: [f64; 3] = [0.4, 1.0, 3.0];

/// Standard deviation of the logarithm of the mean sessions around its expectation.
const SPREAD: f64 = 1.2;

/// Logarithms of the probabilities of 1, 2, 3, 4, and 5 or more sessions of a line that called at all.
type Sessions = [f64; CLASSES];

#[derive(Clone, Copy)]
struct Once {
    p: [f64; 13],
    ln_p: [f64; 13],
}

struct Grid {
    /// For each mean and shape: see [`Sessions`].
    sessions: Vec<(f64, [Sessions; 3])>,
    /// Probability of one session and its logarithm, for each mean, shape and share of [`THROWN`].
    once: Vec<[Once; 3]>,
    /// Chance that a party seen once was thrown away, in the order of all means and shapes.
    thrown_once: Vec<[f64; 13]>,
}

static GRID: LazyLock<Grid> = LazyLock::new(|| {
    let step = (GREATEST_MEAN / LEAST_MEAN).ln() / (MEANS - 1 - BELOW) as f64;
    let sessions: Vec<_> = (0..MEANS)
        .map(|i| {
            let mean = GREATEST_MEAN * (-step * (MEANS - 1 - i) as f64).exp();
            (mean.ln(), SHAPES.map(|shape| sessions_of(mean, shape)))
        })
        .collect();
    let once_of = |sessions: Sessions| {
        let p = THROWN.map(|thrown| thrown + (1.0 - thrown) * sessions[0].exp());
        Once { p, ln_p: p.map(f64::ln) }
    };
    let once: Vec<[Once; 3]> = sessions.iter().map(|(_, shapes)| shapes.map(once_of)).collect();
    let chance = |once: &Once| {
        let mut chance = THROWN;
        chance.iter_mut().zip(once.p).for_each(|(thrown, once)| *thrown /= once);
        chance
    };
    let thrown_once = once.iter().flatten().map(chance).collect();
    Grid { sessions, once, thrown_once }
});

/// Negative binomial counts of lines with Gamma(`shape`) rates (Fisher, Corbet and Williams, J. Animal Ecol. 12,
/// 1943), given at least one session.
fn sessions_of(mean: f64, shape: f64) -> Sessions {
    let ln_p = |k: f64| {
        ln_gamma(shape + k) - ln_gamma(k + 1.0) - ln_gamma(shape)
            + shape * (shape / (shape + mean)).ln()
            + k * (mean / (shape + mean)).ln()
    };
    let any = 1.0 - ln_p(0.0).exp();
    let mut rest = 1.0_f64;
    let mut out = [0.0; CLASSES];
    for (k, place) in out.iter_mut().take(CLASSES - 1).enumerate() {
        let p = (ln_p(k as f64 + 1.0).exp() / any).min(1.0);
        rest -= p;
        *place = p.max(1e-300).ln();
    }
    out[CLASSES - 1] = rest.max(1e-12).ln();
    out
}

/// Fit of a census to populations that keep their identities, and to populations that throw them away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returns {
    /// Log likelihood of lines.
    pub(crate) stable: f64,
    /// Log likelihood of a sender that throws identities away.
    pub(crate) thrown: f64,
    /// Log likelihood of any share of parties that are thrown away.
    pub(crate) any: f64,
    /// Chance that a party seen once is thrown away, if the population is a campaign's.
    pub(crate) once_is_thrown: f64,
    /// Mean share of parties that are thrown away, without an opinion about the sender.
    pub(crate) share_thrown: f64,
}

impl Returns {
    /// The fit of a census, where lines have `expected` sessions on average by now.
    pub(crate) fn of(census: &Census, expected: f64) -> Self {
        let skipped = if expected < NO_TIME { 0 } else { BELOW };
        let (sessions, once) = (GRID.sessions.iter().skip(skipped), GRID.once.iter().skip(skipped));
        let thrown_once = GRID.thrown_once.iter().skip(skipped * SHAPES.len());
        let least = sessions.clone().next().map_or(0.0, |(ln_mean, _)| *ln_mean);
        let centre = expected.min(GREATEST_MEAN).ln().max(least);
        let [_, more @ ..] = census.0.map(f64::from);
        let prior_of = |ln_mean: f64| -0.5 * ((ln_mean - centre) / SPREAD).powi(2);
        // Of each mean and shape: the prior with the likelihood of the parties that came back.
        let shapes = sessions.clone().zip(once).flat_map(|((ln_mean, shapes), once)| {
            let prior = prior_of(*ln_mean);
            shapes.iter().zip(once).map(move |(sessions, once)| {
                (prior + more.iter().zip(&sessions[1..]).map(|(f, ln_p)| f * ln_p).sum::<f64>(), once)
            })
        });
        let is_small = census.parties() <= FEW_PARTIES;
        let (cells, scale) = if is_small { few_cells(census, shapes) } else { many_cells(census, shapes) };
        // Sums over means and shapes, beside the scale, by share; and the same weighted with the chance that a party
        // seen once was thrown away.
        let mut by_share = [0.0; THROWN.len()];
        let mut once_thrown = [0.0; THROWN.len()];
        for (cell, chances) in cells.iter().zip(thrown_once) {
            for (((p, chance), sum), thrown) in
                cell.iter().zip(chances).zip(&mut by_share).zip(&mut once_thrown)
            {
                *sum += p;
                *thrown += p * chance;
            }
        }
        let sum = |of: &[f64; THROWN.len()], weights: &[f64; THROWN.len()]| -> f64 {
            of.iter().zip(weights).map(|(p, weight)| p * weight).sum()
        };
        let uniform = [1.0 / THROWN.len() as f64; THROWN.len()];
        let prior: f64 = sessions.map(|(ln_mean, _)| SHAPES.len() as f64 * prior_of(*ln_mean).exp()).sum();
        let marginal = |weights| scale + (sum(&by_share, weights) / prior).max(1e-300).ln();
        let all: f64 = by_share.iter().sum();
        Self {
            stable: marginal(&STABLE),
            thrown: marginal(&CAMPAIGN),
            any: marginal(&uniform),
            once_is_thrown: sum(&once_thrown, &CAMPAIGN) / sum(&by_share, &CAMPAIGN).max(1e-300),
            share_thrown: sum(&by_share, &THROWN) / all.max(1e-300),
        }
    }
}

/// Parties of a census whose likelihoods are computed as products. Those of the shares for lines stay far above the
/// least float then.
const FEW_PARTIES: u32 = 64;

/// Likelihoods, for each mean and shape, by share of [`THROWN`]. All are multiplied with the same factor.
type Cells = [[f64; THROWN.len()]; MEANS * SHAPES.len()];

/// The likelihoods of a small census, and the logarithm of their common factor. Powers by repeated squaring cost a
/// fraction of exponentials, and nearly every census is small.
fn few_cells<'a>(census: &Census, shapes: impl Iterator<Item = (f64, &'a Once)> + Clone) -> (Cells, f64) {
    let once = census.once();
    let returned = census.parties() - once;
    let kept = powers(THROWN.map(|thrown| 1.0 - thrown), returned);
    let scale = shapes.clone().map(|(base, _)| base).fold(f64::NEG_INFINITY, f64::max);
    let mut cells = [[0.0; THROWN.len()]; MEANS * SHAPES.len()];
    for (cell, (base, once_of)) in cells.iter_mut().zip(shapes) {
        let base = (base - scale).exp();
        *cell = powers(once_of.p, once);
        cell.iter_mut().zip(kept).for_each(|(p, kept)| *p *= base * kept);
    }
    (cells, scale)
}

/// The same for a census of any size.
fn many_cells<'a>(census: &Census, shapes: impl Iterator<Item = (f64, &'a Once)>) -> (Cells, f64) {
    let once = f64::from(census.once());
    let returned = f64::from(census.parties() - census.once());
    let kept =
        THROWN.map(|thrown| if returned > 0.0 { returned * (1.0 - thrown).max(1e-300).ln() } else { 0.0 });
    let mut cells = [[0.0; THROWN.len()]; MEANS * SHAPES.len()];
    let mut largest = f64::NEG_INFINITY;
    let mut filled = 0;
    for (cell, (base, once_of)) in cells.iter_mut().zip(shapes) {
        for ((cell, ln_p), kept) in cell.iter_mut().zip(once_of.ln_p).zip(kept) {
            *cell = once * ln_p + kept + base;
            largest = largest.max(*cell);
        }
        filled += 1;
    }
    for cell in cells.iter_mut().take(filled) {
        cell.iter_mut().for_each(|l| *l = (*l - largest).max(-700.0).exp());
    }
    (cells, largest)
}

/// The values to the power of `exponent`.
fn powers(mut values: [f64; THROWN.len()], mut exponent: u32) -> [f64; THROWN.len()] {
    let mut powers = [1.0; THROWN.len()];
    while exponent > 0 {
        if exponent & 1 == 1 {
            powers.iter_mut().zip(values).for_each(|(power, value)| *power *= value);
        }
        values.iter_mut().for_each(|value| *value *= *value);
        exponent >>= 1;
    }
    powers
}

/// The mean sessions of lines that fits best to the parties that came back. Parties with one session are left
/// out, because robots are among them. `expected` has the weight of ten parties.
pub(crate) fn mean_of_returned(census: &Census, expected: f64) -> f64 {
    let [_, more @ ..] = census.0.map(f64::from);
    let returned: f64 = more.iter().sum();
    if returned == 0.0 {
        return expected;
    }
    let centre = expected.clamp(LEAST_MEAN, GREATEST_MEAN).ln();
    let mut best = (f64::NEG_INFINITY, expected.ln());
    for (ln_mean, shapes) in GRID.sessions.iter().skip(BELOW) {
        let Some(sessions) = shapes.get(1) else { continue };
        let back = (1.0 - sessions[0].exp()).max(1e-300).ln();
        let fit: f64 = more.iter().zip(&sessions[1..]).map(|(f, ln_p)| f * (ln_p - back)).sum();
        let fit = fit - 10.0 * 0.5 * ((ln_mean - centre) / SPREAD).powi(2);
        if fit > best.0 {
            best = (fit, *ln_mean);
        }
    }
    best.1.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_moves_up_and_the_last_class_takes_the_rest() {
        let mut census = Census::default();
        census.add(1);
        (2..=9).for_each(|sessions| census.grow(sessions));
        assert_eq!(census.0, [0, 0, 0, 0, 1]);
        census.remove(9);
        assert_eq!(census, Census::default());
    }

    #[test]
    fn sessions_of_a_line_add_up_to_one() {
        for (_, shapes) in &GRID.sessions {
            for sessions in shapes {
                let sum: f64 = sessions.iter().map(|l| l.exp()).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            }
        }
    }

    #[test]
    fn freshness_says_nothing_in_the_first_hour_and_much_in_the_third_day() {
        let all_fresh = Census([60, 0, 0, 0, 0]);
        let against = |expected| {
            let fit = Returns::of(&all_fresh, expected);
            fit.thrown - fit.stable
        };
        assert!(against(0.05) < 2.0, "{}", against(0.05));
        assert!(against(3.0) > 6.0, "{}", against(3.0));
    }

    #[test]
    fn lines_that_come_back_are_no_campaign_and_a_mixture_is_half_one() {
        let lines = Returns::of(&Census([14, 12, 10, 8, 20]), 2.5);
        assert!(lines.stable > lines.thrown && lines.share_thrown < 0.1);
        let mixed = Returns::of(&Census([74, 12, 10, 8, 20]), 2.5);
        assert!(mixed.thrown > mixed.stable + 3.0);
        assert!((0.5..0.97).contains(&mixed.once_is_thrown), "{}", mixed.once_is_thrown);
        let own = Returns::of(&Census([74, 0, 0, 0, 0]), 2.5);
        assert!(own.once_is_thrown > mixed.once_is_thrown);
    }

    #[test]
    fn small_censuses_and_large_ones_have_one_formula() {
        for census in
            [[1, 0, 0, 0, 0], [64, 0, 0, 0, 0], [0, 0, 0, 0, 64], [30, 20, 8, 4, 2], [3, 1, 0, 0, 0]]
        {
            let census = Census(census);
            let shapes = || GRID.once.iter().enumerate().map(|(i, once)| (-(i as f64), &once[i % 3]));
            let (few, few_scale) = few_cells(&census, shapes());
            let (many, many_scale) = many_cells(&census, shapes());
            let likelihoods = few.iter().flatten().zip(many.iter().flatten()).take(GRID.once.len() * 13);
            for (few, many) in likelihoods {
                let (few, many) = (few * (few_scale - many_scale).exp(), *many);
                assert!((few - many).abs() < 1e-12 * many.max(1e-200), "{census:?}: {few} {many}");
            }
        }
    }

    #[test]
    fn an_empty_census_is_no_evidence() {
        let fit = Returns::of(&Census::default(), 1.0);
        assert!((fit.stable - fit.thrown).abs() < 1e-9 && (fit.any - fit.stable).abs() < 1e-9);
    }

    #[test]
    fn the_rate_of_lines_is_learned_from_those_that_came_back() {
        let busy = mean_of_returned(&Census([500, 10, 20, 30, 200]), 0.5);
        let calm = mean_of_returned(&Census([500, 60, 10, 2, 0]), 0.5);
        assert!(busy > 2.0 && calm < 1.2, "{busy} {calm}");
        assert_eq!(mean_of_returned(&Census([500, 0, 0, 0, 0]), 0.5), 0.5);
    }
}
