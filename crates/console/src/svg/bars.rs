//! Bars over time.

use bellwether_base::Timestamp;
use bellwether_report::rfc3339;
use maud::Markup;

use super::{Anchor, Canvas, Paint, ticks};
use crate::format::fixed;

const LEFT: f64 = 44.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;

/// Widths of bins, in seconds.
const WIDTHS: [i64; 10] = [1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400, 604_800];

/// Bins of one picture.
const MAX_BINS: i64 = 72;

/// A bar with its parts from the bottom to the top.
pub(crate) struct Bar {
    pub(crate) at: Timestamp,
    pub(crate) parts: Vec<(f64, Paint)>,
}

/// The bars of moments, each with its paint: bins of a round width that cover all of them. Returns the width in words too.
pub(crate) fn binned(moments: &[(i64, Paint)], order: &[Paint]) -> (Vec<Bar>, &'static str) {
    let first = moments.iter().map(|(at, _)| *at).min().unwrap_or(0);
    let last = moments.iter().map(|(at, _)| *at).max().unwrap_or(0);
    let fits = |seconds: &&i64| last.saturating_sub(first) / (**seconds * 1_000_000_000) < MAX_BINS;
    let seconds = WIDTHS.iter().find(fits).copied().unwrap_or(604_800);
    let width = seconds * 1_000_000_000;
    let (from, to) = (first.div_euclid(width), last.div_euclid(width));
    let mut bars: Vec<Bar> = (from..=to.min(from + 2000))
        .map(|bin| Bar {
            at: Timestamp::from_nanos(bin * width),
            parts: order.iter().map(|paint| (0.0, *paint)).collect(),
        })
        .collect();
    for (at, paint) in moments {
        let bar = usize::try_from(at.div_euclid(width) - from).ok().and_then(|place| bars.get_mut(place));
        if let Some(part) = bar.and_then(|bar| bar.parts.iter_mut().find(|part| part.1 == *paint)) {
            part.0 += 1.0;
        }
    }
    let words = match seconds {
        1 => "second",
        5 => "5 seconds",
        15 => "15 seconds",
        60 => "minute",
        300 => "5 minutes",
        900 => "15 minutes",
        3600 => "hour",
        21_600 => "6 hours",
        86_400 => "day",
        _ => "week",
    };
    (bars, words)
}

/// The picture of bars in order of time, without gaps between their times.
pub(crate) fn draw(title: &str, bars: &[Bar], width: f64, height: f64) -> Markup {
    let sum = |bar: &Bar| bar.parts.iter().map(|(value, _)| value).sum::<f64>();
    let most = bars.iter().map(sum).fold(1.0, f64::max);
    let mut canvas = Canvas::new(width, height, title);
    let y_of = |value: f64| height - BOTTOM - value / most * (height - BOTTOM - TOP);
    for value in ticks(0.0, most, 3).0 {
        canvas.line((LEFT, y_of(value)), (width, y_of(value)), 1.0, Paint::Rule);
        canvas.text((LEFT - 6.0, y_of(value) + 4.0), Anchor::End, Paint::Muted, &fixed(value, 0));
    }
    let step = (width - LEFT) / bars.len().max(1) as f64;
    let labels = ((width - LEFT) / 110.0).max(1.0);
    let every = (bars.len() as f64 / labels).ceil().max(1.0) as usize;
    let is_within_days = bars
        .first()
        .zip(bars.last())
        .is_some_and(|(first, last)| last.at.since(first.at).as_secs_f64() < 172_800.0);
    for (i, bar) in bars.iter().enumerate() {
        let x = LEFT + step * i as f64;
        let mut below = 0.0;
        for (value, paint) in &bar.parts {
            if *value > 0.0 {
                let (top, bottom) = (y_of(below + value), y_of(below));
                canvas.rect((x + 0.5, top), ((step - 1.0).clamp(0.8, 40.0), bottom - top), *paint);
            }
            below += value;
        }
        if i % every == 0 && x + 60.0 < width {
            let text = rfc3339(bar.at);
            let part = if is_within_days && i > 0 { text.get(11..16) } else { text.get(5..16) };
            canvas.line((x, height - BOTTOM), (x, height - BOTTOM + 4.0), 1.0, Paint::Muted);
            canvas.text(
                (x + 2.0, height - 5.0),
                Anchor::Start,
                Paint::Muted,
                &part.unwrap_or_default().replace('T', " "),
            );
        }
    }
    canvas.line((LEFT, height - BOTTOM), (width, height - BOTTOM), 1.0, Paint::Muted);
    canvas.element()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_is_in_one_bar() {
        let moments: Vec<(i64, Paint)> = (0..100).map(|i| (i * 7_000_000_000, Paint::Bad)).collect();
        let (bars, width) = binned(&moments, &[Paint::Bad, Paint::Good]);
        assert_eq!(width, "15 seconds");
        assert_eq!(bars.iter().map(|bar| bar.parts[0].0).sum::<f64>(), 100.0);
        assert!(bars.len() <= MAX_BINS as usize);
        assert!(draw("x", &bars, 600.0, 120.0).into_string().contains("01-01 00:00"));
    }
}
