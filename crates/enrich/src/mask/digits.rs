use std::ops::Range;

use smallvec::SmallVec;

use super::Ranges;

/// Number of final digits by which a number is recognised. Prefixes and country code are optional in texts.
const TAIL: usize = 7;

/// Minimum length of a masked shorter number. Still shorter runs occur by chance.
const SHORTEST: usize = 5;

/// Number of digits in a number spelled in groups (ITU-T E.164, with a prefix).
const SPELLED: Range<usize> = 7..19;

/// Maximum number of digits: fifteen after a prefix (ITU-T E.164, E.123).
const LONGEST: usize = 18;

/// Separators allowed between two digits of one number.
struct Separators {
    most: usize,
    are: fn(u8) -> bool,
}

/// For known numbers: any octets but letters. A character beyond ASCII has up to three octets.
const WIDE: Separators = Separators { most: 6, are: |octet| !octet.is_ascii_alphabetic() };

/// For unknown numbers: the usual separators of phone numbers.
const NARROW: Separators = Separators {
    most: 2,
    are: |octet| matches!(octet, b' ' | b'-' | b'.' | b'(' | b')' | b'/' | b'_' | b':' | b'+'),
};

/// Maximum number of numbers per message. No real call has more.
const MOST: usize = 128;

/// Maximum length of a dialled prefix: carrier, country or trunk code.
const LONGEST_PREFIX: usize = 8;

/// Maximum number of stored digits. Longer numbers are stored without their beginning.
const KEPT: usize = 24;

/// The numbers of the parties, as digits.
#[derive(Default)]
pub(super) struct Numbers(SmallVec<[Number; 4]>);

#[derive(PartialEq, Eq)]
struct Number {
    digits: SmallVec<[u8; KEPT]>,
}

/// A digit and its octets: one octet, or three of a percent escape.
#[derive(Clone, Copy)]
struct Digit {
    value: u8,
    start: usize,
    end: usize,
}

/// Digits that may belong to one number.
type Group = SmallVec<[Digit; 32]>;

impl Numbers {
    /// Adds all numbers in the name of a party.
    fn add(&mut self, name: &str) {
        groups(name.as_bytes(), &NARROW, |group| {
            if group.len() >= SHORTEST {
                let last = group.get(group.len().saturating_sub(KEPT)..).unwrap_or_default();
                let number = Number { digits: last.iter().map(|digit| digit.value).collect() };
                if self.0.len() < MOST && !self.0.contains(&number) {
                    self.0.push(number);
                }
            }
        });
    }

    /// Finds the octets of all digits that belong to a party's number, or may belong to another one.
    pub(super) fn find(&self, text: &str, is_identifier: bool, found: &mut Ranges) {
        let text = text.as_bytes();
        if !self.0.is_empty() {
            groups(text, &WIDE, |group| {
                if group.len() >= SHORTEST {
                    self.0.iter().for_each(|number| number.find(group, found));
                }
            });
        }
        groups(text, &NARROW, |group| {
            if group.len() < SHORTEST {
                return;
            }
            let mut parts = 0;
            for run in runs(group) {
                parts += 1;
                let is_made_up = || is_identifier && (run.len() > LONGEST || is_in_hexadecimal(text, run));
                if run.len() >= TAIL && !is_made_up() {
                    mark(run, found);
                }
            }
            if parts > 1 && SPELLED.contains(&group.len()) && is_spelled_number(text, group) {
                mark(group, found);
            }
        });
    }
}

impl<'a> FromIterator<&'a str> for Numbers {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut numbers = Self::default();
        names.into_iter().for_each(|name| numbers.add(name));
        numbers
    }
}

/// Returns true if a text has enough digits for a number.
pub(super) fn may_hold_a_number(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= SHORTEST
}

impl Number {
    /// The leading digits, and the final digits by which the number is recognised.
    fn tail(&self) -> (&[u8], &[u8]) {
        self.digits.split_at(self.digits.len().saturating_sub(TAIL))
    }

    fn find(&self, group: &[Digit], found: &mut Ranges) {
        let (before, tail) = self.tail();
        let Some(wanted) = tail.first().copied() else { return };
        let places = (group.len() + 1).saturating_sub(tail.len());
        for (at, digit) in group.iter().enumerate().take(places) {
            if digit.value != wanted && digit.value != b'3' {
                continue;
            }
            if digit.value == wanted {
                let here = group.get(at..at + tail.len()).unwrap_or_default();
                if here.iter().zip(tail).all(|(digit, wanted)| digit.value == *wanted) {
                    self.found(group, at, here, before, found);
                }
            }
            // The same number as ASCII codes of its digits in hexadecimal.
            if digit.value != b'3' {
                continue;
            }
            let codes = group.get(at..at + 2 * tail.len()).unwrap_or_default();
            let are_codes = codes.chunks_exact(2).zip(tail).all(|(code, wanted)| {
                matches!(code, [three, digit] if three.value == b'3' && digit.value == *wanted)
            });
            if !codes.is_empty() && are_codes {
                mark(group.get(..at + codes.len()).unwrap_or_default(), found);
            }
        }
    }

    /// Marks a match of the final digits, with leading digits before it.
    fn found(&self, group: &[Digit], at: usize, here: &[Digit], known: &[u8], found: &mut Ranges) {
        // A match of a short number across separators is an address or a version.
        if here.len() < TAIL && runs(here).nth(1).is_some() {
            return;
        }
        mark(here, found);
        let before = group.get(..at).unwrap_or_default();
        let same = before.iter().rev().zip(known.iter().rev()).take_while(|(d, k)| d.value == **k).count();
        let (prefix, own) = before.split_at(before.len() - same);
        mark(own, found);
        // Other prefixes are adjacent to the number.
        let mut next = own.first().or(here.first()).map_or(0, |digit| digit.start);
        for digit in prefix.iter().rev().take(LONGEST_PREFIX) {
            if digit.end != next {
                break;
            }
            next = digit.start;
            mark(std::slice::from_ref(digit), found);
        }
    }
}

fn mark(digits: &[Digit], found: &mut Ranges) {
    found.extend(digits.iter().map(|digit| digit.start..digit.end));
}

/// Calls `take` for each group of digits with only a few separators between each two.
fn groups(text: &[u8], separators: &Separators, mut take: impl FnMut(&[Digit])) {
    let (mut group, mut between, mut at) = (Group::new(), 0, 0);
    while let Some(octet) = text.get(at) {
        let spelled = if *octet == b'%' { escaped(text, at) } else { None };
        let (octet, end) = spelled.map_or((*octet, at + 1), |octet| (octet, at + 3));
        if octet.is_ascii_digit() {
            group.push(Digit { value: octet, start: at, end });
            between = 0;
        } else if !group.is_empty() {
            between += 1;
            if !(separators.are)(octet) || between > separators.most {
                take(&group);
                group.clear();
            }
        }
        at = end;
    }
    if !group.is_empty() {
        take(&group);
    }
}

/// The octet of a percent escape.
fn escaped(text: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = *text.get(at..at + 3)? else { return None };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// The parts of a group between separators.
fn runs(group: &[Digit]) -> impl Iterator<Item = &[Digit]> {
    group.chunk_by(|a, b| a.end == b.start)
}

/// Returns true if the digits are part of a longer hexadecimal word.
fn is_in_hexadecimal(text: &[u8], run: &[Digit]) -> bool {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return false };
    let is_letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let is_hex = |b: &&u8| b.is_ascii_hexdigit();
    let before = text.get(..first.start).unwrap_or_default().iter().rev().take_while(is_hex).count();
    let after = text.get(last.end..).unwrap_or_default().iter().take_while(is_hex).count();
    let is_whole = !is_letter(first.start.checked_sub(before + 1)) && !is_letter(Some(last.end + after));
    before + after > 0 && is_whole
}

/// Returns true if the group is written like a phone number: with `+`, or with a prefix and the usual
/// separators.
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
