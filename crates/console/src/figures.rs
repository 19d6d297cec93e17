//! Figures that several pages share.

use bellwether_report::Recent;
use maud::{Markup, html};

use crate::parts::figure;
use crate::svg::Paint;
use crate::svg::bars::{Bar, draw};

/// An hour in nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

/// Calls by hour and disposition; nothing without calls.
pub(crate) fn hours(recent: &Recent) -> Markup {
    let (Some((first, _)), Some((last, _))) = (recent.hours.first_key_value(), recent.hours.last_key_value())
    else {
        return html! {};
    };
    let (from, to) = (first.as_nanos() / HOUR, last.as_nanos() / HOUR);
    let bars: Vec<Bar> = (from..=to)
        .map(|hour| {
            let at = bellwether_base::Timestamp::from_nanos(hour * HOUR);
            let of = recent.hours.get(&at).copied().unwrap_or_default();
            let standard = of.calls.saturating_sub(of.quarantine + of.monitor + of.not_judged);
            let parts = vec![
                (of.quarantine as f64, Paint::Bad),
                (of.monitor as f64, Paint::Warn),
                (standard as f64, Paint::Good),
                (of.not_judged as f64, Paint::Muted),
            ];
            Bar { at, parts }
        })
        .collect();
    let span = html! {
        "Calls by hour and disposition: "
        span.key.bad { "quarantine" } " " span.key.warn { "monitor" } " " span.key.good { "standard" } ". "
        @if recent.is_cut { "Only the newest calls of the span are counted." }
    };
    figure("calls by hour", &draw("Calls by hour and disposition", &bars, 1180.0, 150.0), &span, None)
}
