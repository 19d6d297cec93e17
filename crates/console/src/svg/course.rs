//! The course of a reputation over time.

use bellwether_report::{parse_time, rfc3339};
use maud::Markup;

use super::{Anchor, Canvas, Paint};
use crate::format::{fixed, nanos};
use crate::words::tone;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 40.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 24.0;

/// A change of list: the time, the reputation at that time, and the new list.
pub(crate) struct Change<'a> {
    pub(crate) at: &'a str,
    pub(crate) reputation: f64,
    pub(crate) list: &'a str,
}

/// The picture of changes and of the present reputation, from the first to the last sight of the subject.
pub(crate) fn draw(changes: &[Change<'_>], (first, last): (&str, &str), now: Option<f64>) -> Markup {
    let (Some(from), Some(to)) = (nanos(first), nanos(last)) else { return Markup::default() };
    let from = changes.iter().filter_map(|change| nanos(change.at)).fold(from, i64::min);
    let to = changes.iter().filter_map(|change| nanos(change.at)).fold(to, i64::max).max(from + 1);
    let mut canvas =
        Canvas::new(WIDTH, HEIGHT, &format!("Reputation over time with {} changes of list", changes.len()));
    let (width, height) = (WIDTH - LEFT - 10.0, HEIGHT - BOTTOM - TOP);
    let x_of = |at: i64| LEFT + (at - from) as f64 / (to - from) as f64 * width;
    let y_of = |value: f64| TOP + (1.0 - value / 100.0) * height;
    for value in [0.0, 50.0, 100.0] {
        canvas.line((LEFT, y_of(value)), (LEFT + width, y_of(value)), 1.0, Paint::Rule);
        canvas.text((LEFT - 6.0, y_of(value) + 4.0), Anchor::End, Paint::Muted, &fixed(value, 0));
    }
    for (at, anchor) in [(from, Anchor::Start), (to, Anchor::End)] {
        let text = rfc3339(bellwether_base::Timestamp::from_nanos(at));
        let text = text.get(..16).unwrap_or_default().replace('T', " ");
        canvas.text((x_of(at), HEIGHT - 6.0), anchor, Paint::Muted, &text);
    }
    let mut path = format!("M{:.1} {:.1}", x_of(from), y_of(50.0));
    for change in changes {
        let Some(at) = parse_time(change.at) else { continue };
        let (x, y) = (x_of(at.as_nanos()), y_of(change.reputation));
        path.push_str(&format!("L{x:.1} {y:.1}"));
    }
    if let Some(now) = now {
        path.push_str(&format!("L{:.1} {:.1}", x_of(to), y_of(now)));
    }
    // Between its changes a reputation is not stored.
    canvas.path(&path, 1.4, Paint::Accent, true);
    for change in changes {
        let Some(at) = nanos(change.at) else { continue };
        let paint = Paint::of(tone(change.list));
        canvas.circle((x_of(at), y_of(change.reputation)), 4.5, paint);
        let is_late = x_of(at) > LEFT + width * 0.8;
        let anchor = if is_late { Anchor::End } else { Anchor::Start };
        let shift = if is_late { -8.0 } else { 8.0 };
        canvas.text(
            (x_of(at) + shift, y_of(change.reputation) - 9.0),
            anchor,
            paint,
            &format!("{} {}", change.list, fixed(change.reputation, 0)),
        );
    }
    canvas.element()
}
