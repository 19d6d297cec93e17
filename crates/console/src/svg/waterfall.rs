//! The way of a score from 50 to its value, term by term.

use maud::Markup;

use super::{Anchor, Canvas, Paint};
use crate::format::{fixed, signed};
use crate::words::{spaced, tone_within};

const WIDTH: f64 = 580.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 60.0;
const ROW: f64 = 24.0;

/// The score of a call without any signal.
const NEUTRAL: f64 = 50.0;

/// Differences below this come from rounding of the terms.
const ROUNDING: f64 = 0.06;

/// A term of a score.
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) points: f64,
}

/// All terms from the neutral score to a score. A term of the scale's limits is added where the sum leaves 0 to 100.
pub(crate) fn complete(mut terms: Vec<Term>, score: f64) -> Vec<Term> {
    let rest = score - NEUTRAL - terms.iter().map(|term| term.points).sum::<f64>();
    if rest.abs() >= ROUNDING {
        terms.push(Term { name: "limits of the scale".to_owned(), points: rest });
    }
    terms
}

/// The picture of terms that add up to a score, with the limits of dispositions.
pub(crate) fn draw(terms: &[Term], score: f64, limits: (f64, f64)) -> Markup {
    let mut sums = vec![NEUTRAL];
    for term in terms {
        sums.push(sums.last().copied().unwrap_or(NEUTRAL) + term.points);
    }
    let low = sums.iter().copied().fold(0.0, f64::min);
    let high = sums.iter().copied().fold(100.0, f64::max);
    let height = (terms.len() + 2) as f64 * ROW + 24.0;
    let title = format!("Score {}: 50 points and {} terms", fixed(score, 1), terms.len());
    let mut canvas = Canvas::new(WIDTH, height, &title);
    let x_of = |value: f64| LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT);
    let bottom = height - 20.0;
    for limit in [0.0, limits.0, NEUTRAL, limits.1, 100.0] {
        canvas.line((x_of(limit), 0.0), (x_of(limit), bottom), 1.0, Paint::Rule);
        canvas.text((x_of(limit), height - 6.0), Anchor::Middle, Paint::Muted, &fixed(limit, 0));
    }
    let middle = |row: usize| row as f64 * ROW + ROW / 2.0;
    canvas.text((LEFT - 10.0, middle(0) + 4.0), Anchor::End, Paint::Muted, "neutral");
    canvas.circle((x_of(NEUTRAL), middle(0)), 4.0, Paint::Muted);
    canvas.text((WIDTH - 4.0, middle(0) + 4.0), Anchor::End, Paint::Muted, "50.0");
    for (i, term) in terms.iter().enumerate() {
        let (from, to) =
            (sums.get(i).copied().unwrap_or(NEUTRAL), sums.get(i + 1).copied().unwrap_or(NEUTRAL));
        let y = middle(i + 1);
        let paint = if term.points < 0.0 { Paint::Bad } else { Paint::Good };
        canvas.path(&format!("M{:.1} {:.1}V{:.1}", x_of(from), y - ROW, y + 7.0), 1.0, Paint::Muted, true);
        canvas.rect((x_of(from.min(to)), y - 7.0), ((x_of(to) - x_of(from)).abs().max(1.5), 14.0), paint);
        canvas.text((LEFT - 10.0, y + 4.0), Anchor::End, Paint::Ink, spaced(&term.name).as_str());
        canvas.text((WIDTH - 4.0, y + 4.0), Anchor::End, paint, &signed(term.points, 1));
    }
    let y = middle(terms.len() + 1);
    let tone = Paint::of(tone_within(score, limits));
    canvas.path(&format!("M{:.1} {:.1}V{y:.1}", x_of(score), y - ROW), 1.0, Paint::Muted, true);
    canvas.circle((x_of(score), y), 5.0, tone);
    canvas.bold((LEFT - 10.0, y + 4.0), Anchor::End, Paint::Ink, "score");
    canvas.bold((WIDTH - 4.0, y + 4.0), Anchor::End, tone, &fixed(score, 1));
    canvas.element()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(name: &str, points: f64) -> Term {
        Term { name: name.to_owned(), points }
    }

    #[test]
    fn the_terms_add_up_to_the_score() {
        let sum = |terms: &[Term]| 50.0 + terms.iter().map(|term| term.points).sum::<f64>();
        let terms = complete(vec![term("registered", 28.0), term("conversation", 5.0)], 83.0);
        assert_eq!((terms.len(), sum(&terms)), (2, 83.0));
        // The scale ends at 0.
        let terms = complete(vec![term("incident", -41.9), term("scanner_tool", -45.0)], 0.0);
        assert_eq!(terms.len(), 3);
        assert!(sum(&terms).abs() < 1e-9);
        let picture = draw(&terms, 0.0, (20.0, 70.0)).into_string();
        assert_eq!(picture.matches("<rect").count(), 3);
        assert!(picture.contains(">20<") && !picture.contains(">30<"), "{picture}");
        assert!(picture.contains("+36.9") && picture.contains("limits of the scale"), "{picture}");
    }
}
