//! The clock of a device: offsets of its refreshes over time, as in the paper's figures 6, 8 and 9.

use maud::Markup;

use super::{Anchor, Canvas, Paint, ticks};
use crate::fields::Fields;
use crate::format::{fixed, span};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 12.0;

/// Points that are drawn: more are thinned evenly.
const MAX_POINTS: usize = 3000;

/// The offsets of a device.
pub(crate) struct ClockPicture {
    /// Points of each segment: seconds since the first refresh, and milliseconds.
    segments: Vec<Vec<(f64, f64)>>,
    slope_ppm: Option<f64>,
    skew_ppm: Option<f64>,
    skew_ci95_ppm: Option<(f64, f64)>,
}

impl ClockPicture {
    /// The clock of a registration as `show_device` gives it; none without points.
    pub(crate) fn of(device: Fields<'_>) -> Option<Self> {
        let clock = device.object("clock")?;
        let point = |p: &serde_json::Value| Some((p.get(0)?.as_f64()?, p.get(1)?.as_f64()?));
        let segments: Vec<Vec<(f64, f64)>> = clock
            .list("points_s_ms")
            .iter()
            .map(|segment| segment.as_array().into_iter().flatten().filter_map(point).collect())
            .filter(|points: &Vec<_>| points.len() > 1)
            .collect();
        (!segments.is_empty()).then(|| Self {
            segments,
            slope_ppm: clock.number("slope_ppm"),
            skew_ppm: device.number("skew_ppm"),
            skew_ci95_ppm: device.pair("skew_ci95_ppm"),
        })
    }

    pub(crate) fn draw(&self) -> Markup {
        let points = || self.segments.iter().flatten().copied();
        let (left, right) = range(points().map(|p| p.0));
        let (bottom, top) = range(points().map(|p| p.1));
        let pad = (top - bottom) * 0.06;
        let (bottom, top) = (bottom - pad, top + pad);
        let pad = (right - left) * 0.01;
        let (left, right) = (left - pad, right + pad);
        let title = format!("{} offsets over {}", points().count(), span(right - left));
        let mut canvas = Canvas::new(WIDTH, HEIGHT, &title);
        let (width, height) = (WIDTH - LEFT - 8.0, HEIGHT - BOTTOM - TOP);
        let x_of = |x: f64| (x - left) / (right - left) * width;
        let y_of = |y: f64| (top - y) / (top - bottom) * height;
        let (marks, digits) = ticks(bottom, top, 5);
        for y in marks {
            canvas.line((LEFT, TOP + y_of(y)), (LEFT + width, TOP + y_of(y)), 1.0, Paint::Rule);
            canvas.text((LEFT - 6.0, TOP + y_of(y) + 4.0), Anchor::End, Paint::Muted, &fixed(y, digits));
        }
        let (unit, name) = if right - left > 7200.0 { (3600.0, "h") } else { (60.0, "min") };
        let (marks, digits) = ticks(left / unit, right / unit, 8);
        for x in marks {
            let at = LEFT + x_of(x * unit);
            canvas.line((at, TOP + height), (at, TOP + height + 4.0), 1.0, Paint::Muted);
            canvas.text((at, TOP + height + 17.0), Anchor::Middle, Paint::Muted, &fixed(x, digits));
        }
        canvas.line((LEFT, TOP + height), (LEFT + width, TOP + height), 1.0, Paint::Muted);
        canvas.text(
            (LEFT + width, HEIGHT - 6.0),
            Anchor::End,
            Paint::Muted,
            &format!("{name} since the first refresh"),
        );
        canvas.text(
            (LEFT, HEIGHT - 6.0),
            Anchor::Start,
            Paint::Muted,
            "offset in ms; rising: the clock runs fast",
        );
        canvas.window((LEFT, TOP), (width, height), |canvas| {
            for segment in &self.segments {
                // Lines go through the middle of the points.
                let n = segment.len() as f64;
                let (mx, my) = segment.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
                let (a, b) = ends(segment);
                let at = |x: f64, ppm: f64| (x_of(x), y_of(my + (x - mx) * ppm * 1e-3));
                if let Some((low, high)) = self.skew_ci95_ppm {
                    let corners = [at(a, low), at(b, low), at(b, high), at(a, high)];
                    let [p, q, r, s] = corners.map(|(x, y)| format!("{x:.1} {y:.1}"));
                    canvas.area(&format!("M{p}L{q}L{r}L{s}z"), Paint::Warn);
                }
                let every = segment.len().div_ceil(MAX_POINTS);
                for (x, y) in segment.iter().step_by(every.max(1)) {
                    canvas.circle((x_of(*x), y_of(*y)), 2.2, Paint::Accent);
                }
                for (ppm, paint) in [(self.skew_ppm, Paint::Warn), (self.slope_ppm, Paint::Ink)] {
                    if let Some(ppm) = ppm {
                        canvas.line(at(a, ppm), at(b, ppm), 1.4, paint);
                    }
                }
            }
        });
        canvas.element()
    }
}

/// The ends of values; never the same.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if high - low > 1e-9 {
        (low, high)
    } else if low.is_finite() {
        (low - 1.0, low + 1.0)
    } else {
        (0.0, 1.0)
    }
}

fn ends(points: &[(f64, f64)]) -> (f64, f64) {
    (points.first().map_or(0.0, |p| p.0), points.last().map_or(0.0, |p| p.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_point_is_drawn_with_the_line_and_its_interval() {
        let device = json!({
            "skew_ppm": -40.0, "skew_ci95_ppm": [-45.0, -35.0],
            "clock": {"slope_ppm": -41.0, "points_s_ms": [[[0.0, 0.0], [25.0, -1.0], [50.0, -2.0]]]},
        });
        let text = ClockPicture::of(Fields::of(&device).unwrap()).unwrap().draw().into_string();
        assert_eq!(text.matches("<circle").count(), 3);
        assert_eq!(text.matches("fill-opacity").count(), 1);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
