//! Energy bins. The paper (Sengar 2014, section 4.2) has one bin below 1e-9 and 20 bins of equal width up to
//! 1e-4. Nearly all devices fall into the first of the 20, and some softphones above the last. The first is
//! therefore divided in steps of 2 dB, and the scale continues above the ceiling in such steps.

/// Full scale squared: energies refer to samples between -1 and 1.
pub(crate) const FULL_SCALE: f64 = 32768.0 * 32768.0;

/// Paper, section 4.2: one bin below this energy.
const FLOOR: f64 = 1e-9;
/// Paper, section 4.2: 20 bins of equal width up to this energy.
const CEILING: f64 = 1e-4;
const EQUAL_BINS: f64 = 20.0;
const WIDTH: f64 = (CEILING - FLOOR) / EQUAL_BINS;

/// Fewest packets at a level that is no accident, and their smallest share of all packets.
pub(crate) const FEWEST: u32 = 4;
pub(crate) const SHARE: f64 = 0.01;

/// Louder packets are not silence: 6 dB above the paper's ceiling.
pub(crate) const LOUDEST: f64 = 4e-4;

/// Ratio between neighbouring fine bins: 2 dB.
const STEP: f64 = 1.584_893_192_461_113_5;

/// Fine bins within the paper's first one, which ends at 1e-9 + 5e-6.
const IN_FIRST: u8 = 19;

/// First bin above the paper's ceiling, behind the paper's second to twentieth.
const ABOVE: u8 = 1 + IN_FIRST + 19;

/// The bin of an energy, in order of energy; none above [`LOUDEST`].
pub(crate) fn bin_of(energy: f64) -> Option<u8> {
    if energy < FLOOR {
        return Some(0);
    }
    if energy > LOUDEST {
        return None;
    }
    let steps = |over: f64| (energy / over).ln() / STEP.ln();
    Some(match ((energy - FLOOR) / WIDTH) as u8 {
        0 => 1 + (steps(FLOOR) as u8).min(IN_FIRST - 1),
        equal @ 1..20 => IN_FIRST + equal,
        _ if energy <= CEILING => ABOVE - 1,
        _ => ABOVE + steps(CEILING) as u8,
    })
}

/// The paper's bin that contains a bin; none above its ceiling.
pub(crate) fn papers_bin(bin: u8) -> Option<u8> {
    match bin {
        0 => Some(0),
        1..=IN_FIRST => Some(1),
        _ if bin < ABOVE => Some(bin - IN_FIRST + 1),
        _ => None,
    }
}

/// The middle of a bin in decibels.
pub(crate) fn level_db(bin: u8) -> f64 {
    let db = |energy: f64| 10.0 * energy.log10();
    let step = 10.0 * STEP.log10();
    match bin {
        0 => db(FLOOR) - step,
        1..=IN_FIRST => db(FLOOR) + step * (f64::from(bin) - 0.5),
        _ if bin < ABOVE => db(FLOOR + WIDTH * (f64::from(bin - IN_FIRST) + 0.5)),
        _ => db(CEILING) + step * (f64::from(bin - ABOVE) + 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_parts_of_the_papers() {
        let papers = |energy: f64| bin_of(energy).and_then(papers_bin);
        assert_eq!(papers(0.0), Some(0));
        assert_eq!(papers(9.9e-10), Some(0));
        assert_eq!(papers(1e-9), Some(1));
        assert_eq!(papers(4.9e-6), Some(1));
        assert_eq!(papers(5.1e-6), Some(2));
        assert_eq!(papers(1e-4), Some(20));
        assert_eq!(papers(1.1e-4), None);
        assert_eq!(bin_of(5e-4), None);
    }

    #[test]
    fn bins_ascend_with_energy() {
        let energies = (0..2000).map(|i| 1e-10 * 1.0077_f64.powi(i)).take_while(|e| *e <= LOUDEST);
        let bins: Vec<u8> = energies.clone().filter_map(bin_of).collect();
        assert!(bins.is_sorted() && bins.last() > Some(&40), "{bins:?}");
        assert!((0..*bins.last().unwrap()).all(|bin| bins.contains(&bin)), "{bins:?}");
        for (energy, bin) in energies.zip(&bins).skip(350) {
            assert!((10.0 * energy.log10() - level_db(*bin)).abs() < 1.8, "{energy} in {bin}");
        }
    }
}
