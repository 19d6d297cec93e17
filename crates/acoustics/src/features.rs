//! Features of a stream's noise: numbers that characterise a device independent of its user.

use crate::Pauses;

/// Number of features.
pub const FEATURES: usize = 19;

/// Smallest variance that counts as noise: one sample off by one step in a thousand packets.
const NO_NOISE: f64 = 1e-11;

/// Level of digital silence, an energy of 1e-9: one sample in fifty is off by the smallest step, as at the ends of words.
pub(crate) const DIGITAL_LEVEL: f64 = -10.357;

/// The first of the features that are shares of code words.
pub(crate) const SHARES: usize = NAMES.len();

/// Offsets are compared on a scale that is linear up to this value and logarithmic beyond; half a step of
/// mu-law near zero is 1.2e-4. Loud noise makes the offset less certain, so a share of the noise amplitude is
/// added.
const EVEN_DC: f64 = 2e-5;
const EVEN_DC_OF_NOISE: f64 = 0.05;

/// Upper bounds of the magnitude groups of code words: single magnitudes near zero, where devices differ, and
/// wider groups above. Each group is split by sign, except the last, which takes the rest.
const GROUPS: [u8; 6] = [1, 2, 3, 4, 6, 10];

/// Names of the features, in order.
pub(crate) const NAMES: [&str; 6] = ["level", "dc_offset", "lag1", "lag2", "crossings", "hum"];

/// Standard deviation of each feature between calls of one device and mode, before anything is learned. It
/// comes from the paper's table 2 (energy within 15 %, offsets within a few per cent) and from the sampling
/// error of 100 packets.
pub(crate) const USUAL_SPREAD: [f64; FEATURES] = {
    let mut out = [0.03; FEATURES];
    let first = [0.12, 0.05, 0.03, 0.03, 0.02, 0.05];
    let mut i = 0;
    while i < first.len() {
        out[i] = first[i];
        i += 1;
    }
    out
};

/// The features of a stream's noise.
#[must_use]
pub fn features(pauses: &Pauses) -> [f64; FEATURES] {
    let mut out = [0.0; FEATURES];
    let first = [
        // Half the log of a power is the log of an amplitude.
        0.5 * (pauses.energy + NO_NOISE).ln(),
        (pauses.dc_offset / (EVEN_DC + EVEN_DC_OF_NOISE * pauses.energy.max(0.0).sqrt())).asinh(),
        pauses.lag1,
        pauses.lag2,
        pauses.crossings,
        pauses.hum.max(0.0).sqrt(),
    ];
    let (sounds, shares) = out.split_at_mut(first.len());
    sounds.copy_from_slice(&first);
    let total: f64 = pauses.codes.iter().map(|(_, n)| f64::from(*n)).sum();
    for (code, count) in &pauses.codes {
        let magnitude = pauses.coding.law().magnitude(*code);
        let group = GROUPS.iter().position(|below| magnitude < *below);
        let place = group.map_or(2 * GROUPS.len(), |group| 2 * group + usize::from(code >> 7));
        if let Some(share) = shares.get_mut(place) {
            *share += f64::from(*count) / total.max(1.0);
        }
    }
    // The square root of a share has a constant variance.
    shares.iter_mut().for_each(|share| *share = share.sqrt());
    out
}

/// Name of the feature with this number.
#[must_use]
pub fn feature_name(number: usize) -> String {
    if let Some(name) = NAMES.get(number) {
        return (*name).to_owned();
    }
    let group = (number - NAMES.len()) / 2;
    match GROUPS.get(group) {
        Some(below) => {
            let sign = if (number - NAMES.len()) % 2 == 1 { '+' } else { '-' };
            let from = group.checked_sub(1).and_then(|before| GROUPS.get(before)).copied().unwrap_or(0);
            format!("codes {sign}{from}..{}", below - 1)
        }
        None => format!("codes {}..", GROUPS.last().copied().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use bellwether_rtp::g711::Law;

    use super::*;

    #[test]
    fn code_words_fall_into_their_groups() {
        let pauses = Pauses {
            coding: Law::Mu.into(),
            packets: 1,
            observed_packets: 1,
            constant: (0, 0),
            is_digital: false,
            dc_offset: -2e-5,
            energy: 1e-7,
            lag1: 0.1,
            lag2: 0.2,
            crossings: 0.5,
            hum: 0.25,
            codes: vec![(Law::Mu.code(0, 1), 49), (Law::Mu.code(5, 0), 1), (Law::Mu.code(120, 1), 50)],
            steadiness: None,
        };
        let found = features(&pauses);
        let share = |name: &str| found[(0..FEATURES).find(|i| feature_name(*i) == name).unwrap()];
        assert!((share("codes +0..0") - 0.7).abs() < 1e-12);
        assert!((share("codes -4..5") - 0.1).abs() < 1e-12);
        assert!((share("codes 10..") - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((share("hum") - 0.5).abs() < 1e-12 && share("dc_offset") < -0.5);
        let names: std::collections::BTreeSet<String> = (0..FEATURES).map(feature_name).collect();
        assert_eq!(names.len(), FEATURES);
    }
}
