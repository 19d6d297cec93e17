use std::ops::Range;

/// Digits from which on a number is told by its end: prefixes and country code may be written or not.
const TAIL: usize = 7;

/// Digits of a shorter number that are masked; still shorter runs occur by chance.
const SHORTEST: usize = 5;

/// Digits that a number spelled in groups has (ITU-T E.164, with a prefix).
const SPELLED: Range<usize> = 7..19;

/// Digits of the longest number: fifteen behind a prefix (ITU-T E.164, E.123).
const LONGEST: usize = 18;

/// Separators between two digits of one number.
const MOST_SEPARATORS: usize = 2;

/// The numbers of parties, as digits.
#[derive(Default)]
pub(super) struct Numbers(Vec<Number>);

struct Number {
    digits: Vec<u8>,
    /// How many digits of its end are looked for.
    tail: usize,
}

/// A digit and the octets that spell it: one, or three of a percent escape.
#[derive(Clone, Copy)]
struct Digit {
    value: u8,
    start: usize,
    end: usize,
}

impl Numbers {
    /// Every number in the name of a party.
    pub(super) fn add(&mut self, name: &str) {
        for group in groups(name.as_bytes()) {
            if group.len() >= SHORTEST {
                let digits: Vec<u8> = group.iter().map(|digit| digit.value).collect();
                // The same number as the ASCII codes of its digits in hexadecimal.
                let codes = digits.iter().flat_map(|digit| [b'3', *digit]).collect();
                let tail = digits.len().min(TAIL);
                self.0.push(Number { digits: codes, tail: 2 * tail });
                self.0.push(Number { digits, tail });
            }
        }
    }

    /// Marks the octets of all digits that are, or can be, somebody's number.
    pub(super) fn find(&self, text: &str, is_identifier: bool, places: &mut [bool]) {
        let text = text.as_bytes();
        if text.iter().filter(|b| b.is_ascii_digit()).count() < SHORTEST {
            return;
        }
        for group in groups(text) {
            for number in &self.0 {
                number.find(&group, places);
            }
            let runs = runs(&group);
            for run in &runs {
                let is_made_up = is_identifier && (run.len() > LONGEST || is_in_hexadecimal(text, run));
                if run.len() >= TAIL && !is_made_up {
                    mark(run, places);
                }
            }
            if runs.len() > 1 && SPELLED.contains(&group.len()) && is_spelled_number(text, &group) {
                mark(&group, places);
            }
        }
    }
}

impl Number {
    fn find(&self, group: &[Digit], places: &mut [bool]) {
        let start = self.digits.len() - self.tail;
        let tail = self.digits.get(start..).unwrap_or_default();
        for at in 0..(group.len() + 1).saturating_sub(tail.len()) {
            let found = group.get(at..at + tail.len()).unwrap_or_default();
            let is_it = found.iter().zip(tail).all(|(digit, wanted)| digit.value == *wanted);
            // A short number with separators in it is an address or a version.
            if !is_it || (self.tail < TAIL && runs(found).len() > 1) {
                continue;
            }
            mark(found, places);
            let before = group.get(..at).unwrap_or_default();
            let known = self.digits.get(..start).unwrap_or_default();
            let same =
                before.iter().rev().zip(known.iter().rev()).take_while(|(d, k)| d.value == **k).count();
            // Other prefixes stand directly before it.
            let prefix = before.get(..before.len() - same).unwrap_or_default();
            let next = before.get(before.len() - same).or(found.first());
            let joined = runs(prefix).pop().filter(|run| run.last().map(|d| d.end) == next.map(|d| d.start));
            mark(before.get(before.len() - same..).unwrap_or_default(), places);
            mark(joined.unwrap_or_default(), places);
        }
    }
}

fn mark(digits: &[Digit], places: &mut [bool]) {
    for digit in digits {
        if let Some(place) = places.get_mut(digit.start..digit.end) {
            place.fill(true);
        }
    }
}

/// Digits that may be of one number: nothing but a few separators stands between each two.
fn groups(text: &[u8]) -> Vec<Vec<Digit>> {
    let (mut groups, mut group, mut separators, mut at) = (Vec::new(), Vec::new(), 0, 0);
    while let Some(octet) = text.get(at) {
        let (octet, end) = match escaped(text, at) {
            Some(octet) => (octet, at + 3),
            None => (*octet, at + 1),
        };
        if octet.is_ascii_digit() {
            group.push(Digit { value: octet, start: at, end });
            separators = 0;
        } else {
            separators += 1;
            let is_separator = matches!(octet, b' ' | b'-' | b'.' | b'(' | b')' | b'/' | b'_' | b':' | b'+');
            if (!is_separator || separators > MOST_SEPARATORS) && !group.is_empty() {
                groups.push(std::mem::take(&mut group));
            }
        }
        at = end;
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// The octet that a percent escape stands for.
fn escaped(text: &[u8], at: usize) -> Option<u8> {
    let escape = text.get(at..at + 3).filter(|escape| escape.starts_with(b"%"))?;
    u8::from_str_radix(std::str::from_utf8(escape.get(1..)?).ok()?, 16).ok()
}

/// The parts of a group between separators.
fn runs(group: &[Digit]) -> Vec<&[Digit]> {
    group.chunk_by(|a, b| a.end == b.start).collect()
}

/// Whether digits are part of a longer hexadecimal word.
fn is_in_hexadecimal(text: &[u8], run: &[Digit]) -> bool {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return false };
    let is_letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let is_hex = |b: &&u8| b.is_ascii_hexdigit();
    let before = text.get(..first.start).unwrap_or_default().iter().rev().take_while(is_hex).count();
    let after = text.get(last.end..).unwrap_or_default().iter().take_while(is_hex).count();
    let is_whole = !is_letter(first.start.checked_sub(before + 1)) && !is_letter(Some(last.end + after));
    before + after > 0 && is_whole
}

/// Whether a group of digits is written as people write numbers: with `+`, or with a prefix and the separators of
/// numbers.
fn is_spelled_number(text: &[u8], group: &[Digit]) -> bool {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return false };
    let between = text.get(first.start..last.end).unwrap_or_default();
    let before = first.start.checked_sub(1).and_then(|at| text.get(at));
    if [before, text.get(last.end)].into_iter().flatten().any(u8::is_ascii_alphabetic) {
        return false;
    }
    let is_grouped =
        between.iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'/' | b'(' | b')'));
    before == Some(&b'+') || (is_grouped && (first.value == b'0' || before == Some(&b'(')))
}
