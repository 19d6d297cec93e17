//! Pictures as SVG: the canvas that all of them are drawn on.

pub(crate) mod bars;
pub(crate) mod clock;
pub(crate) mod course;
pub(crate) mod graph;
pub(crate) mod ladder;
pub(crate) mod noise;
pub(crate) mod tiles;
pub(crate) mod waterfall;

use std::fmt::Write as _;

use bellwether_base::Shown;
use maud::{Markup, PreEscaped};

/// A colour by its meaning. The style sheet names the colour for dark and light pages; a picture alone has the light one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paint {
    Ink,
    Muted,
    Rule,
    Track,
    Bad,
    Warn,
    Good,
    Accent,
    Second,
}

impl Paint {
    const fn name(self) -> &'static str {
        match self {
            Self::Ink => "ink",
            Self::Muted => "muted",
            Self::Rule => "rule",
            Self::Track => "track",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Good => "good",
            Self::Accent => "accent",
            Self::Second => "second",
        }
    }

    const fn light(self) -> &'static str {
        match self {
            Self::Ink => "#1c2430",
            Self::Muted => "#566173",
            Self::Rule => "#cfd6e0",
            Self::Track => "#e8ecf1",
            Self::Bad => "#b3261e",
            Self::Warn => "#8f5a00",
            Self::Good => "#1e7b4a",
            Self::Accent => "#1d5fae",
            Self::Second => "#7a4fb5",
        }
    }

    /// The paint of a tone.
    pub(crate) fn of(tone: &str) -> Self {
        match tone {
            "bad" => Self::Bad,
            "warn" => Self::Warn,
            "good" => Self::Good,
            _ => Self::Muted,
        }
    }
}

/// The end of a text that stands at its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture in the making.
pub(crate) struct Canvas {
    out: String,
    size: (f64, f64),
    title: Shown,
    has_links: bool,
}

impl Canvas {
    /// An empty picture; `title` says for a screen reader what the picture shows.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        Self { out: String::new(), size: (width, height), title: Shown::of(title), has_links: false }
    }

    // Writing to a string does not fail.
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }

    pub(crate) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), paint: Paint) {
        let (width, height) = (width.max(0.0), height.max(0.0));
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"f-{}\" fill=\"{}\"/>",
            paint.name(),
            paint.light()
        ));
    }

    /// A rounded box with an outline.
    pub(crate) fn node(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), paint: Paint) {
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\" class=\"node s-{}\" fill=\"none\" stroke=\"{}\"/>",
            paint.name(),
            paint.light()
        ));
    }

    pub(crate) fn circle(&mut self, (x, y): (f64, f64), radius: f64, paint: Paint) {
        self.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" class=\"f-{}\" fill=\"{}\"/>",
            paint.name(),
            paint.light()
        ));
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, paint: Paint) {
        self.path(&format!("M{:.1} {:.1}L{:.1} {:.1}", from.0, from.1, to.0, to.1), width, paint, false);
    }

    /// A line along a path, whole or dashed.
    pub(crate) fn path(&mut self, path: &str, width: f64, paint: Paint, is_dashed: bool) {
        let dash = if is_dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        self.put(format_args!(
            "<path d=\"{path}\" class=\"s-{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width:.1}\"{dash}/>",
            paint.name(),
            paint.light()
        ));
    }

    /// A filled area, half transparent.
    pub(crate) fn area(&mut self, path: &str, paint: Paint) {
        self.put(format_args!(
            "<path d=\"{path}\" class=\"f-{}\" fill=\"{}\" fill-opacity=\"0.12\"/>",
            paint.name(),
            paint.light()
        ));
    }

    /// The head of an arrow at a place, to the right or to the left.
    pub(crate) fn head(&mut self, (x, y): (f64, f64), is_right: bool, paint: Paint) {
        let back = if is_right { x - 7.0 } else { x + 7.0 };
        self.put(format_args!(
            "<path d=\"M{x:.1} {y:.1}L{back:.1} {:.1}V{:.1}z\" class=\"f-{}\" fill=\"{}\"/>",
            y - 3.5,
            y + 3.5,
            paint.name(),
            paint.light()
        ));
    }

    /// A text of any origin.
    pub(crate) fn text(&mut self, at: (f64, f64), anchor: Anchor, paint: Paint, text: &str) {
        self.styled(at, anchor, paint, "", text);
    }

    /// A text in bold type.
    pub(crate) fn bold(&mut self, at: (f64, f64), anchor: Anchor, paint: Paint, text: &str) {
        self.styled(at, anchor, paint, " font-weight=\"600\"", text);
    }

    fn styled(&mut self, (x, y): (f64, f64), anchor: Anchor, paint: Paint, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = Shown::xml_text(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"f-{}\" fill=\"{}\"{style}>{text}</text>",
            paint.name(),
            paint.light()
        ));
    }

    /// A text in small type.
    pub(crate) fn small(&mut self, at: (f64, f64), anchor: Anchor, paint: Paint, text: &str) {
        self.styled(at, anchor, paint, " font-size=\"9.5\"", text);
    }

    /// A square with a shade of 1 to 5, and its words.
    pub(crate) fn tile(
        &mut self,
        (x, y): (f64, f64),
        side: f64,
        paint: Paint,
        shade: Option<&str>,
        words: &str,
    ) {
        let opacity =
            shade.and_then(|shade| shade.parse::<f64>().ok()).map_or(1.0, |shade| 0.1 + 0.13 * shade);
        let words = Shown::xml_text(words);
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" rx=\"3\" class=\"f-{}\" fill=\"{}\" fill-opacity=\"{opacity:.2}\"><title>{words}</title></rect>",
            paint.name(),
            paint.light()
        ));
    }

    /// A link around what `draw` adds.
    pub(crate) fn link(&mut self, href: &str, draw: impl FnOnce(&mut Self)) {
        let href = Shown::xml_text(href);
        self.has_links = true;
        self.put(format_args!("<a href=\"{href}\">"));
        draw(self);
        self.out.push_str("</a>");
    }

    /// A part that is cut at its own edges, with its own coordinates.
    pub(crate) fn window(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        draw: impl FnOnce(&mut Self),
    ) {
        self.put(format_args!(
            "<svg x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" viewBox=\"0 0 {width:.1} {height:.1}\">"
        ));
        draw(self);
        self.out.push_str("</svg>");
    }

    /// The element.
    pub(crate) fn element(self) -> Markup {
        let (width, height) = self.size;
        let title = Shown::xml_text(self.title.as_str());
        // A screen reader takes an image as one thing, and a group by its parts.
        let role = if self.has_links { "group" } else { "img" };
        PreEscaped(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"picture\" role=\"{role}\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"system-ui,sans-serif\" font-size=\"12\"><title>{title}</title>{}</svg>",
            self.out
        ))
    }
}

/// Ticks of an axis: some round numbers from `low` to `high`.
pub(crate) fn ticks(low: f64, high: f64, wanted: usize) -> (Vec<f64>, usize) {
    let span = (high - low).max(f64::MIN_POSITIVE);
    let raw = span / wanted.max(1) as f64;
    let scale = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * scale).find(|step| *step >= raw).unwrap_or(raw);
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    ((first..=last.min(first.saturating_add(50))).map(|i| i as f64 * step).collect(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut canvas = Canvas::new(10.0, 10.0, "<script>\"\u{202e}");
        canvas.text((1.0, 1.0), Anchor::Start, Paint::Ink, "</text><script>alert(1)</script>\u{7}");
        canvas.link("/call/\"><script>", |canvas| canvas.circle((0.0, 0.0), 1.0, Paint::Bad));
        let text = canvas.element().into_string();
        assert!(!text.contains("<script") && !text.contains('\u{202e}') && !text.contains('\u{7}'), "{text}");
        assert!(!text.contains("style="), "{text}");
    }

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(ticks(0.0, 100.0, 5), (vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0], 0));
        let (ticks, digits) = ticks(-0.25, 0.1, 4);
        assert_eq!((ticks.len(), digits), (4, 1));
    }
}
