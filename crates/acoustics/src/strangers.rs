//! How probable it is that a call which fits a taught class is a stranger's.
//!
//! Strangers are what the taught classes are to each other: most are far from all others, some are relatives of one. Each class is left out
//! in turn, and the others tell how well it would have fitted one of them. A call of a taught device fits its class with a likeness that
//! is spread evenly between 0 and 1; that of a stranger is mostly 0.

/// Significance level below which a call is unlike a class.
pub(crate) const UNLIKE: f64 = 0.0001;

/// Prior counts of left-out classes that fit another one, and that do not.
const PRIOR_NEAR: f64 = 0.5;
const PRIOR_FAR: f64 = 2.0;

/// Prior for the shape of the likeness of strangers that fit: small values are more frequent than large ones by this power.
const PRIOR_SHAPE: f64 = 0.2;
const TRUST_IN_SHAPE: f64 = 4.0;

/// The likeness of strangers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strangers {
    /// Share of strangers whose likeness is not negligible.
    near: f64,
    /// Their likeness has the density `shape * likeness ^ (shape - 1)`.
    shape: f64,
}

impl Default for Strangers {
    fn default() -> Self {
        Self::learn(std::iter::empty())
    }
}

impl Strangers {
    /// From the likeness that classes have which were left out.
    pub(crate) fn learn(left_out: impl Iterator<Item = f64>) -> Self {
        let (mut near, mut all, mut logs) =
            (PRIOR_NEAR, PRIOR_NEAR + PRIOR_FAR, TRUST_IN_SHAPE / PRIOR_SHAPE);
        let mut count = TRUST_IN_SHAPE;
        for likeness in left_out {
            all += 1.0;
            if likeness > UNLIKE {
                near += 1.0;
                count += 1.0;
                logs -= likeness.min(1.0).ln();
            }
        }
        Self { near: near / all, shape: (count / logs).min(1.0) }
    }

    /// Probability that a call with a likeness is that of a taught device, where a share of all calls is of others.
    pub(crate) fn known(&self, likeness: f64, unknown: f64) -> f64 {
        let stranger = self.near * self.shape * likeness.max(UNLIKE).powf(self.shape - 1.0);
        (1.0 - unknown) / (1.0 - unknown + unknown * stranger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_says_less_where_classes_are_like_each_other() {
        let far = Strangers::learn([0.0; 20].into_iter());
        let near = Strangers::learn([0.5, 0.01, 0.0, 0.9].into_iter());
        for strangers in [far, near, Strangers::default()] {
            assert!(strangers.known(0.9, 0.2) > strangers.known(0.01, 0.2));
        }
        assert!(far.known(0.3, 0.2) > 0.99 && near.known(0.3, 0.2) < far.known(0.3, 0.2), "{far:?} {near:?}");
        assert!(near.known(0.002, 0.2) < 0.7);
        // Without strangers, each fit is one of a taught device.
        assert!((near.known(0.002, 0.0) - 1.0).abs() < 1e-12);
    }
}
