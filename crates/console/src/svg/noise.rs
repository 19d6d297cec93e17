//! The noise of a device: energy over DC offset (the paper's figures 3 and 4), and how often each code word and sample value occurs
//! (its figures 5 and 10).

use maud::Markup;

use super::clock::range;
use super::{Anchor, Canvas, Paint, ticks};
use crate::format::fixed;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 12.0;

/// Louder samples are left out of a picture: silence is near zero.
const WIDEST: f64 = 800.0;

/// The noise of one stream.
pub(crate) struct NoisePoint {
    /// DC offset, normalised to full scale.
    pub(crate) dc_offset: f64,
    /// Energy, normalised to full scale.
    pub(crate) energy: f64,
}

/// Energy over DC offset, a point for each stream. Digital silence has no energy and is not drawn.
pub(crate) fn energy_over_dc(points: &[NoisePoint]) -> Markup {
    let drawn: Vec<&NoisePoint> = points.iter().filter(|p| p.energy > 0.0).collect();
    let title = format!("Energy over DC offset of {} streams", drawn.len());
    let mut canvas = Canvas::new(WIDTH, HEIGHT, &title);
    let (left, right) = range(drawn.iter().map(|p| p.dc_offset * 1e4));
    let (left, right) = (left - (right - left) * 0.08, right + (right - left) * 0.08);
    let (low, high) = range(drawn.iter().map(|p| p.energy.log10()));
    let (low, high) = ((low - 0.2).floor(), (high + 0.2).ceil());
    let (width, height) = (WIDTH - LEFT - 10.0, HEIGHT - BOTTOM - TOP);
    let x_of = |x: f64| LEFT + (x - left) / (right - left) * width;
    let y_of = |y: f64| TOP + (high - y) / (high - low) * height;
    for power in low as i32..=high as i32 {
        let y = y_of(f64::from(power));
        canvas.line((LEFT, y), (LEFT + width, y), 1.0, Paint::Rule);
        canvas.text((LEFT - 6.0, y + 4.0), Anchor::End, Paint::Muted, &format!("1e{power}"));
    }
    let (marks, digits) = ticks(left, right, 6);
    for x in marks {
        canvas.line((x_of(x), TOP), (x_of(x), TOP + height), 1.0, Paint::Rule);
        canvas.text((x_of(x), TOP + height + 16.0), Anchor::Middle, Paint::Muted, &fixed(x, digits));
    }
    canvas.text((LEFT, HEIGHT - 6.0), Anchor::Start, Paint::Muted, "energy (full scale = 1)");
    canvas.text((LEFT + width, HEIGHT - 6.0), Anchor::End, Paint::Muted, "DC offset in 1e-4 of full scale");
    for point in drawn {
        canvas.circle((x_of(point.dc_offset * 1e4), y_of(point.energy.log10())), 4.0, Paint::Accent);
    }
    canvas.element()
}

/// The share of each code word, 0 to 255.
pub(crate) fn codes(counts: &[(i64, f64)]) -> Markup {
    shares("Shares of the code words", "code word", counts, (0.0, 255.0), 1.6)
}

/// The share of each sample value of 16 bits near zero.
pub(crate) fn samples(counts: &[(i64, f64)]) -> Markup {
    let near: Vec<(i64, f64)> =
        counts.iter().copied().filter(|(value, _)| (*value as f64).abs() <= WIDEST).collect();
    let reach = near.iter().map(|(value, _)| (*value as f64).abs()).fold(16.0, f64::max) * 1.05;
    shares("Shares of the sample values near zero", "sample value, 16 bits", &near, (-reach, reach), 3.0)
}

fn shares(title: &str, name: &str, counts: &[(i64, f64)], (left, right): (f64, f64), bar: f64) -> Markup {
    let total = counts.iter().map(|(_, n)| n).sum::<f64>().max(1.0);
    let most = counts.iter().map(|(_, n)| n / total * 100.0).fold(1e-6, f64::max);
    let mut canvas = Canvas::new(WIDTH, HEIGHT, title);
    let (width, height) = (WIDTH - LEFT - 10.0, HEIGHT - BOTTOM - TOP);
    let x_of = |x: f64| LEFT + (x - left) / (right - left) * width;
    let y_of = |y: f64| TOP + (1.0 - y / most) * height;
    let (marks, digits) = ticks(0.0, most, 4);
    for y in marks {
        canvas.line((LEFT, y_of(y)), (LEFT + width, y_of(y)), 1.0, Paint::Rule);
        canvas.text(
            (LEFT - 6.0, y_of(y) + 4.0),
            Anchor::End,
            Paint::Muted,
            &format!("{} %", fixed(y, digits)),
        );
    }
    let (marks, digits) = ticks(left, right, 8);
    for x in marks {
        canvas.line((x_of(x), TOP + height), (x_of(x), TOP + height + 4.0), 1.0, Paint::Muted);
        canvas.text((x_of(x), TOP + height + 17.0), Anchor::Middle, Paint::Muted, &fixed(x, digits));
    }
    canvas.line((LEFT, TOP + height), (LEFT + width, TOP + height), 1.0, Paint::Muted);
    canvas.text((LEFT + width, HEIGHT - 4.0), Anchor::End, Paint::Muted, name);
    for (value, n) in counts {
        let share = n / total * 100.0;
        canvas.rect(
            (x_of(*value as f64) - bar / 2.0, y_of(share)),
            (bar, TOP + height - y_of(share)),
            Paint::Accent,
        );
    }
    canvas.element()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_and_each_value_is_drawn_once() {
        let point = |dc_offset, energy| NoisePoint { dc_offset, energy };
        let text = energy_over_dc(&[point(1e-4, 1e-7), point(-2e-4, 2e-7), point(0.0, 0.0)]).into_string();
        assert_eq!(text.matches("<circle").count(), 2);
        let text = samples(&[(-8, 1.0), (0, 6.0), (8, 3.0), (4000, 9.0)]).into_string();
        assert_eq!(text.matches("<rect").count(), 3);
        for empty in [energy_over_dc(&[]), codes(&[]), samples(&[])] {
            let text = empty.into_string();
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}
