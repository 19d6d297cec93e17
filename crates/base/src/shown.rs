//! Harmless display of text that traffic controls: the one module that tables, logs, alerts and files rely
//! on.
//!
//! Senders choose Call-IDs, user agents, hosts and header names. Some characters move the cursor, change
//! the writing direction, hide other characters, or start a line that looks like program output. Text
//! therefore leaves the program only as a [`Shown`].

use std::fmt;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_width::UnicodeWidthChar;

/// Limit of combining marks on one letter. Vietnamese has two, vocalised Hebrew and Arabic three; an attack
/// has hundreds, which overwrite the lines above and below.
const MAX_MARKS: u8 = 4;

/// Replaces the part that was cut off.
const ELLIPSIS: char = '…';

/// True if a character may be displayed unchanged. Returns false for controls, formats (directions, joiners,
/// tags), line separators, spaces other than U+0020, invisible characters, and private or unassigned ones.
#[must_use]
pub fn is_plain(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    match c.general_category() {
        GeneralCategory::Control
        | GeneralCategory::Format
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator
        | GeneralCategory::SpaceSeparator
        | GeneralCategory::Surrogate
        | GeneralCategory::PrivateUse
        | GeneralCategory::Unassigned => false,
        _ => !is_ignorable(c),
    }
}

/// Letters and marks without a glyph: Unicode's `Default_Ignorable_Code_Point` beyond the categories above,
/// and the Braille blank.
const fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_mark(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            c.general_category(),
            GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark
        )
}

/// One character of a text in its displayed form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// The character itself, or the symbol of a control character (U+2400 to U+2421).
    Char(char),
    /// The code point number, as in `\u{202e}`.
    Number(char),
}

impl Piece {
    /// The displayed characters.
    pub fn chars(self) -> impl Iterator<Item = char> {
        let (own, number) = match self {
            Self::Char(c) => (Some(c), None),
            Self::Number(c) => (None, Some(c.escape_unicode())),
        };
        own.into_iter().chain(number.into_iter().flatten())
    }

    /// Terminal columns.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Char(c) => c.width().unwrap_or(1),
            Self::Number(c) => c.escape_unicode().count(),
        }
    }
}

/// Iterator over the displayed characters of a text.
pub struct Pieces<'a> {
    text: std::str::Chars<'a>,
    marks: Marks,
}

/// Combining marks that the current letter may still have. Zero before the first letter, because a mark there
/// would modify the text before.
#[derive(Default)]
struct Marks(u8);

impl Marks {
    /// True if the next character is allowed at its position.
    fn allow(&mut self, c: char) -> bool {
        if !is_mark(c) {
            self.0 = MAX_MARKS;
            return true;
        }
        let is_allowed = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        is_allowed
    }
}

impl<'a> Pieces<'a> {
    /// The pieces of a text.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        Self { text: text.chars(), marks: Marks::default() }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let c = self.text.next()?;
        let is_allowed = self.marks.allow(c);
        Some(match c {
            '\0'..='\x1f' => {
                Piece::Char(char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            '\x7f' => Piece::Char('\u{2421}'),
            c if is_plain(c) && is_allowed => Piece::Char(c),
            c => Piece::Number(c),
        })
    }
}

/// A text that is safe to display: it cannot affect a terminal, a log or a table, whatever its source.
///
/// It is made from foreign text by cleaning, from literals of the program unchanged, and from other safe
/// texts. Output functions accept no other type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Shown(String);

impl Shown {
    /// One line of any length.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut shown = Self::default();
        shown.put(text);
        shown
    }

    /// The start of the text, limited to a number of terminal columns; an ellipsis marks a cut.
    #[must_use]
    pub fn within(text: &str, columns: usize) -> Self {
        let mut out = String::new();
        let (mut used, mut fits) = (0, 0);
        for piece in Pieces::of(text) {
            used += piece.width();
            if used > columns {
                out.truncate(fits);
                out.push(ELLIPSIS);
                break;
            }
            out.extend(piece.chars());
            if used < columns {
                fits = out.len();
            }
        }
        Self(out)
    }

    /// The end of the text, limited to a number of terminal columns, for file names.
    #[must_use]
    pub fn ending_within(text: &str, columns: usize) -> Self {
        let pieces: Vec<Piece> = Pieces::of(text).collect();
        let whole: usize = pieces.iter().map(|piece| piece.width()).sum();
        if whole <= columns {
            return Self::of(text);
        }
        let mut left = columns.saturating_sub(1);
        let kept = pieces.iter().rev().take_while(|piece| {
            let fits = piece.width() <= left;
            left = left.saturating_sub(piece.width());
            fits
        });
        let first = pieces.len() - kept.count();
        let mut out = String::from(ELLIPSIS);
        // A mark that lost its letter would combine with the ellipsis.
        let rest = pieces.get(first..).unwrap_or_default().iter();
        out.extend(rest.skip_while(|p| matches!(p, Piece::Char(c) if is_mark(*c))).flat_map(|p| p.chars()));
        Self(out)
    }

    /// Several lines, separated by line feeds: for charts, tables and multi-line messages.
    #[must_use]
    pub fn lines(text: &str) -> Self {
        let mut shown = Self::default();
        for (i, line) in text.split('\n').enumerate() {
            if i > 0 {
                shown.0.push('\n');
            }
            shown.put(line);
        }
        shown
    }

    /// A JSON document with the same values, in which every unsafe character is escaped as `\u202e` (RFC 8259
    /// section 7).
    ///
    /// The input must be JSON: outside its strings there are then only ASCII characters and line ends, which
    /// stay.
    #[must_use]
    pub fn json(document: &str) -> Self {
        let mut out = String::with_capacity(document.len());
        let mut marks = Marks::default();
        for c in document.chars() {
            let is_allowed = marks.allow(c);
            if (is_plain(c) && is_allowed) || c == '\n' {
                out.push(c);
            } else {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        Self(out)
    }

    /// A CSV field (RFC 4180) that holds text. An apostrophe precedes text that a spreadsheet would evaluate
    /// as a formula.
    #[must_use]
    pub fn csv_text(text: &str) -> Self {
        let mut shown = Self::default();
        if is_computed(text) {
            shown.own("'");
        }
        shown.put(text);
        if shown.0.contains(['"', ',']) {
            shown.0 = format!("\"{}\"", shown.0.replace('"', "\"\""));
        }
        shown
    }

    /// Text content of an XML document.
    #[must_use]
    pub fn xml_text(text: &str) -> Self {
        let shown = Self::of(text).0.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Self(shown.replace('"', "&quot;"))
    }

    /// Appends foreign text.
    pub fn put(&mut self, text: &str) {
        Pieces::of(text).for_each(|piece| self.0.extend(piece.chars()));
    }

    /// Appends literals of the program, which cannot contain traffic.
    pub fn own(&mut self, words: &'static str) {
        self.0.push_str(words);
    }

    /// Appends a text that is safe already.
    pub fn push(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Appends spaces up to a width in columns.
    pub fn pad(&mut self, columns: usize) {
        for _ in self.width()..columns {
            self.0.push(' ');
        }
    }

    /// Terminal columns of a one-line text.
    #[must_use]
    pub fn width(&self) -> usize {
        self.0.chars().map(|c| c.width().unwrap_or(0)).sum()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl From<&String> for Shown {
    fn from(text: &String) -> Self {
        Self::of(text)
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::of(&text)
    }
}

/// True if a spreadsheet might evaluate a cell as a formula. The decision uses the first character after
/// spaces, controls, quotation marks and invisible characters.
fn is_computed(text: &str) -> bool {
    let is_skipped = |c: &char| {
        c.is_whitespace()
            || !is_plain(*c)
            || matches!(c, '"' | '\'' | '`' | '\u{ff02}' | '\u{ff07}' | '\u{2018}'..='\u{201f}' | '\u{2400}'..='\u{2421}')
    };
    let begins_with_control = text.starts_with(['\t', '\r', '\n']);
    begins_with_control
        || text.chars().find(|c| !is_skipped(c)).is_some_and(|c| {
            matches!(
                c,
                '=' | '+'
                    | '-'
                    | '@'
                    | '\u{ff1d}'
                    | '\u{ff0b}'
                    | '\u{ff0d}'
                    | '\u{ff20}'
                    | '\u{2212}'
                    | '\u{fe62}'
                    | '\u{fe63}'
                    | '\u{fe66}'
                    | '\u{fe6b}'
            )
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Random text with an excess of dangerous characters, as an attacker would mix it.
    fn hostile() -> impl Strategy<Value = String> {
        let dangerous = prop::sample::select(vec![
            '\0',
            '\t',
            '\n',
            '\r',
            '\x07',
            '\x1b',
            '\x7f',
            '\u{9b}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{301}',
            '\u{34f}',
            '\u{20e3}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3000}',
            '\u{3164}',
            '\u{e000}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fffe}',
            '\u{fff9}',
            '\u{10ffff}',
            '\u{e0041}',
            '\u{1d173}',
            '漢',
            'é',
            '=',
            '"',
            '\'',
            '\\',
            ',',
            '<',
        ]);
        prop::collection::vec(prop_oneof![dangerous, any::<char>(), prop::char::range(' ', '~')], 0..60)
            .prop_map(|chars| chars.into_iter().collect())
    }

    /// The longest run of marks, and whether the text starts with one.
    fn marks(text: &str) -> (usize, bool) {
        let mut longest = 0;
        let mut row = 0;
        for c in text.chars() {
            row = if is_mark(c) { row + 1 } else { 0 };
            longest = longest.max(row);
        }
        (longest, text.chars().next().is_some_and(is_mark))
    }

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_a_picture() {
        assert_eq!(Shown::of("a\r\nb\x1b[2J\x07\x7f").as_str(), "a␍␊b␛[2J␇␡");
        assert_eq!(Shown::of("\u{9b}31m a\u{202e}b\u{2028}é漢").as_str(), r"\u{9b}31m a\u{202e}b\u{2028}é漢");
        assert_eq!(Shown::of("a\u{e000}\u{378}\u{200b}").as_str(), r"a\u{e000}\u{378}\u{200b}");
    }

    #[test]
    fn a_flood_of_marks_is_told_by_numbers_and_an_accent_stays() {
        assert_eq!(Shown::of("e\u{301}a").as_str(), "e\u{301}a");
        let flood = Shown::of(&format!("e{}", "\u{301}".repeat(9)));
        assert_eq!(marks(flood.as_str()).0, usize::from(MAX_MARKS));
        assert_eq!(Shown::of("\u{301}x").as_str(), r"\u{301}x");
    }

    #[test]
    fn a_text_that_a_spreadsheet_computes_is_made_text() {
        for formula in [
            "=1+1",
            "+1",
            "-2+3",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            " =1",
            "\u{a0}=1",
            "\"=1",
            "'\"=1",
            "＝1",
            "＋1",
            "－1",
            "＠a",
            "\u{200b}=1",
            "\n1",
        ] {
            assert!(
                Shown::csv_text(formula).as_str().trim_start_matches('"').starts_with('\''),
                "{formula:?}"
            );
        }
        for text in ["a=1", "1-2", "", "sip:a@b", "漢"] {
            assert_eq!(Shown::csv_text(text).as_str(), text);
        }
        assert_eq!(Shown::csv_text("=A,\"x\"").as_str(), "\"'=A,\"\"x\"\"\"");
    }

    #[test]
    fn names_of_files_keep_their_end() {
        assert_eq!(Shown::ending_within("/long/way/to/a.pcap", 8).as_str(), "…/a.pcap");
        assert_eq!(Shown::ending_within("a.pcap", 8).as_str(), "a.pcap");
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left_of_any_text(text in hostile(), columns in 1usize..40) {
            let one_line = [
                Shown::of(&text), Shown::within(&text, columns), Shown::ending_within(&text, columns),
                Shown::csv_text(&text), Shown::xml_text(&text),
            ];
            for shown in &one_line {
                prop_assert!(shown.as_str().chars().all(is_plain), "{:?}", shown);
                let (longest, is_first) = marks(shown.as_str());
                prop_assert!(longest <= usize::from(MAX_MARKS) && !is_first, "{:?}", shown);
            }
            prop_assert!(Shown::lines(&text).as_str().chars().all(|c| is_plain(c) || c == '\n'));
            prop_assert_eq!(Shown::lines(&text).as_str().matches('\n').count(), text.matches('\n').count());
        }

        #[test]
        fn what_is_cut_fits_and_what_fits_is_whole(text in hostile(), columns in 1usize..40) {
            let whole = Shown::of(&text);
            for cut in [Shown::within(&text, columns), Shown::ending_within(&text, columns)] {
                prop_assert!(cut.width() <= columns, "{:?}", cut);
                prop_assert!(cut == whole || cut.as_str().contains(ELLIPSIS));
                prop_assert!(whole.width() > columns || cut == whole);
            }
        }

        #[test]
        fn what_is_shown_is_shown_the_same_again(text in hostile()) {
            let once = Shown::of(&text);
            prop_assert_eq!(Shown::of(once.as_str()), once);
        }

        #[test]
        fn a_field_of_csv_is_one_field_that_computes_nothing(text in hostile()) {
            let field = Shown::csv_text(&text).as_str().to_owned();
            let inner = match field.strip_prefix('"') {
                Some(quoted) => quoted.strip_suffix('"').unwrap().replace("\"\"", "\u{0}").replace('"', "!").replace('\u{0}', "\""),
                None => field.clone(),
            };
            prop_assert!(!inner.contains('!') || text.contains('!') || !field.starts_with('"'));
            prop_assert!(inner.starts_with('\'') || !is_computed(&inner), "{:?}", inner);
            prop_assert!(!inner.trim_start().starts_with(['=', '+', '-', '@']), "{:?}", inner);
        }
    }
}
