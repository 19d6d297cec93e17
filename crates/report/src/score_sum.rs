//! The sum behind a score, in words: each signal's points, the score, and the disposition with its thresholds.

use bellwether_scoring::{Disposition, DispositionThresholds, SIGNALS, Scorecard};
use bellwether_store::StoredSignal;

/// The score with every term, such as `50 + 6.9 sender - 45 scanner_tool = 11.9: quarantine (below 30)`.
pub(crate) fn score_sum(
    score: f64,
    disposition: &str,
    signals: &[StoredSignal],
    thresholds: &DispositionThresholds,
) -> String {
    let neutral = Scorecard::default().score();
    let mut words = short(neutral);
    let mut sum = neutral;
    for signal in signals {
        let sign = if signal.points < 0.0 { '-' } else { '+' };
        words.push_str(&format!(" {sign} {} {}", short(signal.points.abs()), signal.name));
        sum += signal.points;
    }
    words.push_str(&format!(" = {}", short(sum)));
    let ends = sum.clamp(0.0, 100.0);
    if (ends - sum).abs() > HALF_A_DIGIT {
        words.push_str(&format!(", as a score {}", short(ends)));
    }
    if (ends - score).abs() > HALF_A_DIGIT {
        words.push_str(&format!(", and {} by the version that scored the call", short(score)));
    }
    words.push_str(&format!(": {disposition}"));
    let DispositionThresholds { quarantine_below: low, standard_from: high } = *thresholds;
    let now = thresholds.of(score);
    if now.name() == disposition {
        words.push_str(&match now {
            Disposition::Quarantine => format!(" (below {})", short(low)),
            Disposition::Monitor => format!(" ({} to {})", short(low), short(high)),
            Disposition::Standard => format!(" ({} and more)", short(high)),
        });
    } else {
        words.push_str(&format!(" ({} by the thresholds of the configuration)", now.name()));
    }
    words
}

/// Points have one digit.
const HALF_A_DIGIT: f64 = 0.05;

/// The signals whose points were reduced, each with its group and the limit of the group.
pub(crate) fn reductions(signals: &[StoredSignal]) -> Vec<String> {
    let reduced = signals.iter().filter(|signal| {
        let marks = [" (reduced: ", " (limited: "];
        signal.words.ends_with(')') && marks.iter().any(|mark| signal.words.contains(mark))
    });
    let told = reduced.filter_map(|signal| {
        let group = SIGNALS.iter().find(|known| known.name == signal.name)?.group;
        let (against, towards) = group.limits();
        let (verb, limit) = if signal.points > 0.0 { ("adds", towards) } else { ("takes", against) };
        let beside: Vec<&str> = signals
            .iter()
            .filter(|other| other.name != signal.name && (other.points < 0.0) == (signal.points <= 0.0))
            .filter(|other| SIGNALS.iter().any(|known| known.name == other.name && known.group == group))
            .map(|other| other.name.as_str())
            .collect();
        let beside = if beside.is_empty() { String::new() } else { format!(" with {}", beside.join(", ")) };
        Some(format!(
            "{} counts {}: the group {} {verb} {} points at most{beside}",
            signal.name,
            short(signal.points),
            group.name(),
            short(limit),
        ))
    });
    told.collect()
}

/// A number of points with one digit, or none if that is zero.
fn short(points: f64) -> String {
    let text = format!("{points:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str, points: f64, words: &str) -> StoredSignal {
        StoredSignal { name: name.to_owned(), points, words: words.to_owned() }
    }

    #[test]
    fn every_term_stands_in_the_sum() {
        let thresholds = DispositionThresholds::default();
        let sum = |score, disposition, signals: &[StoredSignal]| {
            score_sum(score, disposition, signals, &thresholds)
        };
        assert_eq!(sum(50.0, "monitor", &[]), "50 = 50: monitor (30 to 70)");
        let two = [signal("sender", 6.9, ""), signal("scanner_tool", -45.0, "")];
        assert_eq!(
            sum(11.9, "quarantine", &two),
            "50 + 6.9 sender - 45 scanner_tool = 11.9: quarantine (below 30)"
        );
        let three = [two[1].clone(), signal("campaign", -45.0, "")];
        assert_eq!(
            sum(0.0, "quarantine", &three),
            "50 - 45 scanner_tool - 45 campaign = -40, as a score 0: quarantine (below 30)"
        );
        assert!(
            sum(62.0, "monitor", &[]).contains("= 50, and 62 by the version"),
            "{}",
            sum(62.0, "monitor", &[])
        );
        assert!(
            sum(50.0, "standard", &[]).ends_with("standard (monitor by the thresholds of the configuration)")
        );
    }

    #[test]
    fn a_reduced_signal_names_its_group_and_the_limit() {
        let [first, second, ..] =
            SIGNALS.iter().filter(|s| s.group == bellwether_scoring::Group::Conduct).collect::<Vec<_>>()[..]
        else {
            panic!("the group has two signals");
        };
        let all = [
            signal(first.name, -4.0, "it was so"),
            signal(second.name, -1.0, "it was so (reduced: the limit of the group is reached)"),
        ];
        assert_eq!(
            reductions(&all),
            [format!(
                "{} counts -1: the group conduct takes 5 points at most with {}",
                second.name, first.name
            )]
        );
    }
}
