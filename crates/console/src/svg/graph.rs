//! The graph of a campaign: the properties that link its calls.

use maud::Markup;

use super::{Anchor, Canvas, Paint};
use crate::format::{count, cut};
use crate::link;

const WIDTH: f64 = 760.0;
const BOX: (f64, f64) = (236.0, 28.0);
const GAP: f64 = 8.0;
const HEAD: f64 = 26.0;

/// A property that calls of a campaign share.
pub(crate) struct Shared<'a> {
    /// `address`, `origin`, `fingerprint` or `recording`.
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) calls: i64,
}

/// The picture: on the left who sends, on the right what is sent, in the middle the calls. The width of a line grows with the share of
/// the calls that have the property.
pub(crate) fn draw(campaign: &str, calls: i64, shared: &[Shared<'_>]) -> Markup {
    let side = |kinds: [&str; 2]| -> Vec<&Shared<'_>> {
        kinds.iter().flat_map(|kind| shared.iter().filter(move |of| of.kind == *kind).take(8)).collect()
    };
    let (left, right) = (side(["address", "origin"]), side(["fingerprint", "recording"]));
    let rows = left.len().max(right.len()).max(2) as f64;
    let height = HEAD + rows * (BOX.1 + GAP) + GAP;
    let title = format!("{calls} calls, linked by {} properties", left.len() + right.len());
    let mut canvas = Canvas::new(WIDTH, height, &title);
    let center = (WIDTH / 2.0, HEAD + (height - HEAD) / 2.0);
    canvas.bold((0.0, 14.0), Anchor::Start, Paint::Muted, "who sends");
    canvas.bold((WIDTH, 14.0), Anchor::End, Paint::Muted, "what is sent");
    for (of, is_left) in [(&left, true), (&right, false)] {
        let top = HEAD + (rows - of.len() as f64) * (BOX.1 + GAP) / 2.0;
        for (i, shared) in of.iter().enumerate() {
            let y = top + i as f64 * (BOX.1 + GAP);
            let edge = if is_left { BOX.0 } else { WIDTH - BOX.0 };
            let share = shared.calls as f64 / calls.max(1) as f64;
            let middle = y + BOX.1 / 2.0;
            let bend = f64::midpoint(edge, center.0);
            let path = format!(
                "M{edge:.1} {middle:.1}C{bend:.1} {middle:.1} {bend:.1} {:.1} {:.1} {:.1}",
                center.1, center.0, center.1
            );
            canvas.path(&path, 1.0 + 7.0 * share.min(1.0), Paint::Rule, false);
        }
        for (i, shared) in of.iter().enumerate() {
            let y = top + i as f64 * (BOX.1 + GAP);
            property(&mut canvas, shared, (if is_left { 0.0 } else { WIDTH - BOX.0 }, y));
        }
    }
    canvas.circle(center, 46.0, Paint::Ink);
    canvas.styled(
        (center.0, center.1 - 4.0),
        Anchor::Middle,
        Paint::Track,
        " font-weight=\"600\" font-size=\"17\"",
        &count(calls),
    );
    canvas.text((center.0, center.1 + 13.0), Anchor::Middle, Paint::Track, "calls");
    canvas.text((center.0, center.1 + 64.0), Anchor::Middle, Paint::Muted, cut(campaign, 20).as_str());
    canvas.element()
}

fn property(canvas: &mut Canvas, of: &Shared<'_>, (x, y): (f64, f64)) {
    let (paint, href) = match of.kind {
        "fingerprint" => (Paint::Accent, Some(link::to("fingerprint", of.name))),
        "recording" => (Paint::Second, Some(link::to("recording", of.name))),
        "address" => (Paint::Warn, Some(link::with_query("/calls", &[("source", of.name)]))),
        _ => (Paint::Muted, None),
    };
    let draw = |canvas: &mut Canvas| {
        canvas.node((x, y), BOX, paint);
        canvas.text((x + 8.0, y + 18.0), Anchor::Start, Paint::Ink, cut(of.name, 26).as_str());
        canvas.text((x + BOX.0 - 8.0, y + 18.0), Anchor::End, paint, &count(of.calls));
    };
    match href {
        Some(href) => canvas.link(&href, draw),
        None => draw(canvas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_properties_give_the_same_picture_and_each_is_in_it() {
        let shared = || {
            let of = |kind, name, calls| Shared { kind, name, calls };
            [
                of("fingerprint", "f2-1", 9),
                of("address", "192.0.2.1", 5),
                of("recording", "a<b", 2),
                of("origin", "o", 4),
            ]
        };
        let picture = draw("c-1", 9, &shared()).into_string();
        assert_eq!(picture, draw("c-1", 9, &shared()).into_string());
        assert_eq!(picture.matches("class=\"node").count(), 4);
        assert!(picture.contains("a&lt;b") && picture.contains("/fingerprint/f2-1"), "{picture}");
    }
}
