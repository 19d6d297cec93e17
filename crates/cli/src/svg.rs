//! The common frame of all SVG pictures: a title, axes with their names, and room for labels.

use std::fmt::Write as _;

use bellwether_base::Shown;

/// The size of one picture.
pub(crate) const WIDTH: f64 = 720.0;
pub(crate) const HEIGHT: f64 = 440.0;

/// The edges of the field in which points are drawn. A label of the left axis has 11 characters at most.
pub(crate) const LEFT: f64 = 110.0;
pub(crate) const RIGHT: f64 = WIDTH - 30.0;
pub(crate) const TOP: f64 = 84.0;
pub(crate) const BOTTOM: f64 = HEIGHT - 60.0;

/// The width of the widest usual character at the size of the text.
pub(crate) const CHARACTER: f64 = 7.2;

/// The left edge of the title, and the height of one of its lines.
const TITLE_LEFT: f64 = 20.0;
const LINE: f64 = 16.0;

/// Characters of a line of the title.
const LONGEST_LINE: usize = ((WIDTH - 2.0 * TITLE_LEFT) / CHARACTER) as usize;

/// The words around a picture.
pub(crate) struct Frame<'a> {
    /// Lines of the title. A longer one is cut.
    pub(crate) title: &'a [Shown],
    /// The name of the horizontal axis, with its unit.
    pub(crate) across: &'static str,
    /// The name of the vertical axis, with its unit.
    pub(crate) up: &'static str,
}

/// One file with pictures one below the other, each of which `draw` continues behind its frame.
pub(crate) fn document(pictures: &[String]) -> String {
    let height = HEIGHT * pictures.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (place, picture) in pictures.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "<g transform=\"translate(0 {})\">\n{picture}</g>", HEIGHT * place as f64);
    }
    out.push_str("</svg>\n");
    out
}

/// The beginning of a picture: its title, its axes and their names.
pub(crate) fn begin(frame: &Frame<'_>) -> String {
    let mut out = String::new();
    for (place, line) in frame.title.iter().enumerate() {
        let weight = if place == 0 { " font-weight=\"bold\"" } else { "" };
        let line = Shown::within(line.as_str(), LONGEST_LINE);
        let y = 24.0 + LINE * place as f64;
        let _ = writeln!(
            out,
            "<text x=\"{TITLE_LEFT}\" y=\"{y}\"{weight}>{}</text>",
            Shown::xml_text(line.as_str())
        );
    }
    let _ = writeln!(out, "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"black\"/>");
    let middle = (LEFT + RIGHT) / 2.0;
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
        BOTTOM + 40.0,
        Shown::xml_text(frame.across)
    );
    let middle = (TOP + BOTTOM) / 2.0;
    let _ = writeln!(
        out,
        "<text transform=\"translate(22 {middle}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        Shown::xml_text(frame.up)
    );
    out
}

/// A label under the horizontal axis.
pub(crate) fn label_across(out: &mut String, x: f64, text: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        BOTTOM + 18.0,
        Shown::xml_text(text)
    );
}

/// A label beside the vertical axis.
pub(crate) fn label_up(out: &mut String, y: f64, text: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        LEFT - 6.0,
        y + 4.0,
        Shown::xml_text(text)
    );
}

/// Texts of a picture that leave it, for tests: labels that begin left of it, and title lines that are too long.
#[cfg(test)]
pub(crate) fn cut_texts(svg: &str) -> Vec<String> {
    let attribute = |text: &str, name: &str| {
        let value = text.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        value.parse::<f64>().ok()
    };
    let mut cut = Vec::new();
    for text in svg.split("<text").skip(1) {
        let Some(x) = attribute(text, "x") else { continue };
        let words = text.split('>').nth(1).unwrap_or_default().trim_end_matches("</text");
        let width = words.chars().count() as f64 * CHARACTER;
        let (from, to) = match text {
            _ if text.contains("text-anchor=\"end\"") => (x - width, x),
            _ if text.contains("text-anchor=\"middle\"") => (x - width / 2.0, x + width / 2.0),
            _ => (x, x + width),
        };
        if from < 0.0 || to > WIDTH {
            cut.push(words.to_owned());
        }
    }
    cut
}
