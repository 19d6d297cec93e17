//! The world's numbering plans as one automaton over digits, from the data of libphonenumber.
//!
//! `scripts/numbering-plan` writes the table and compares it with the library, whose own lookup takes up to ten times as long,
//! some 10 ms for the first number of a country, and 120 MiB if a stranger calls from all of them (docs/analyses.md).

use std::sync::LazyLock;

use crate::number::country_code;
use crate::number_class::NumberClass;
use crate::numbering::lines;

static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan::read(include_str!("data/numbering-plan.txt")));

/// Most digits of an international number (ITU-T E.164 section 6).
pub(crate) const MAX_DIGITS: usize = 15;

/// Country codes have three digits at most.
const CODES: usize = 1000;

/// A state of the automaton.
#[derive(Default)]
struct Node {
    /// The region whose number ends here.
    region: Option<&'static str>,
    /// The class of that number.
    class: NumberClass,
    /// The state that each digit leads to; 0 is a dead end.
    next: [u16; 10],
}

/// A country code.
#[derive(Clone)]
pub(crate) struct Code {
    /// Its region if it has one, otherwise what it is for.
    pub(crate) place: &'static str,
    /// Bit n is set if national numbers may have n digits.
    lengths: u32,
    /// The digits that subscribers dial before a national number; empty for none.
    prefix: &'static str,
    root: u16,
}

struct Plan {
    version: &'static str,
    nodes: Vec<Node>,
    codes: Vec<Option<Code>>,
}

/// Name and version of the numbering plans' source, which the database records.
#[must_use]
pub fn numbering_plan_version() -> &'static str {
    PLAN.version
}

/// Splits an international number, digits without plus, into its country code and the national number. Returns none if nobody
/// has such a country code.
pub(crate) fn split(digits: &str) -> Option<(&'static Code, &str)> {
    let prefix = country_code(digits);
    let code = PLAN.codes.get(prefix.parse::<usize>().ok()?)?.as_ref()?;
    Some((code, digits.get(prefix.len()..)?))
}

impl Code {
    /// True if national numbers may have that many digits.
    pub(crate) fn has_length(&self, digits: usize) -> bool {
        u32::try_from(digits)
            .is_ok_and(|digits| self.lengths.checked_shr(digits).is_some_and(|bits| bits & 1 == 1))
    }

    /// The region that a national number belongs to, if it lies in a range that somebody has.
    pub(crate) fn region(&self, national: &str) -> Option<&'static str> {
        self.end(national)?.region
    }

    /// The class of a national number. It is ordinary if the number lies in a range that nobody has.
    pub(crate) fn class(&self, national: &str) -> NumberClass {
        self.end(national).map_or_else(NumberClass::default, |node| node.class)
    }

    /// The state behind the last digit.
    fn end(&self, national: &str) -> Option<&'static Node> {
        let mut node = PLAN.nodes.get(usize::from(self.root))?;
        for digit in national.bytes() {
            let next = node.next.get(usize::from(digit.checked_sub(b'0')?))?;
            node = PLAN.nodes.get(usize::from(*next))?;
        }
        Some(node)
    }

    /// The number without the prefix that belongs to dialling inside the country, which some write behind the country code as
    /// in `+44 (0)20`. Returns the number as it is if that one is somebody's, or if nobody has the rest.
    pub(crate) fn without_prefix<'a>(&self, national: &'a str) -> &'a str {
        match national.strip_prefix(self.prefix).filter(|_| !self.prefix.is_empty()) {
            Some(rest) if self.region(national).is_none() && self.region(rest).is_some() => rest,
            _ => national,
        }
    }
}

impl Plan {
    /// Reads the table. A line of another form is left out, and a test holds that there is none.
    fn read(text: &'static str) -> Self {
        let mut plan = Self { version: "", nodes: vec![Node::default()], codes: vec![None; CODES] };
        for mut columns in lines(text) {
            match (columns.next(), columns.next()) {
                (Some("version"), Some(version)) => plan.version = version,
                (Some("node"), Some(words)) => plan.nodes.push(node(words).unwrap_or_default()),
                (Some("code"), Some(number)) => {
                    let code = code(number, columns);
                    if let Some(slot) = number.parse().ok().and_then(|n: usize| plan.codes.get_mut(n)) {
                        *slot = code;
                    }
                }
                _ => {}
            }
        }
        plan
    }
}

/// Reads `=GB/p 0:12 2-9:17`.
fn node(words: &'static str) -> Option<Node> {
    let mut node = Node::default();
    for word in words.split(' ') {
        if let Some(end) = word.strip_prefix('=') {
            let (region, class) = end.split_once('/').unwrap_or((end, ""));
            (node.region, node.class) = (Some(region), class_with_letter(class)?);
            continue;
        }
        let (digits, next) = word.split_once(':')?;
        let (first, last) = digits.split_once('-').unwrap_or((digits, digits));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        node.next.get_mut(first..=last)?.fill(next.parse().ok()?);
    }
    Some(node)
}

/// The class that the table writes behind a region.
fn class_with_letter(letter: &str) -> Option<NumberClass> {
    match letter {
        "" => Some(NumberClass::Ordinary),
        "p" => Some(NumberClass::Premium),
        "s" => Some(NumberClass::SharedCost),
        "t" => Some(NumberClass::TollFree),
        _ => None,
    }
}

fn code(number: &str, mut columns: impl Iterator<Item = &'static str>) -> Option<Code> {
    let region = columns.next()?;
    let lengths = columns
        .next()?
        .split(',')
        .try_fold(0_u32, |bits, length| Some(bits | 1_u32.checked_shl(length.parse().ok()?)?))?;
    let prefix = columns.next()?;
    let root = columns.next()?.parse().ok()?;
    let prefix = if prefix == "-" { "" } else { prefix };
    Some(Code {
        place: if region == "001" || number == "1" { service(number) } else { region },
        lengths,
        prefix,
        root,
    })
}

/// The service of a country code that belongs to no single country (ITU-T E.164 annex; ITU list of assigned country codes).
fn service(code: &str) -> &'static str {
    match code {
        "1" => "NANP",
        "800" => "freephone",
        "808" => "shared-cost",
        "870" | "881" => "satellite",
        "878" => "personal",
        "882" | "883" => "networks",
        "888" => "disaster-relief",
        "979" => "premium",
        _ => "shared",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert!(numbering_plan_version().starts_with("libphonenumber "), "{}", numbering_plan_version());
        let text = include_str!("data/numbering-plan.txt");
        for mut columns in lines(text) {
            let (kind, rest) = (columns.next().unwrap(), columns.next().unwrap());
            let is_read = match kind {
                "version" => true,
                "node" => node(rest).is_some(),
                "code" => code(rest, columns).is_some() && country_code(rest) == rest,
                _ => false,
            };
            assert!(is_read, "{kind} {rest}");
        }
        let nodes = PLAN.nodes.iter().enumerate();
        for (number, node) in nodes {
            assert!(
                node.next.iter().all(|next| usize::from(*next) < number.max(1)),
                "node {number} leads back"
            );
        }
        for code in PLAN.codes.iter().flatten() {
            assert!(code.prefix.bytes().all(|b| b.is_ascii_digit()), "{}", code.place);
            assert!(code.lengths != 0 && usize::from(code.root) < PLAN.nodes.len(), "{}", code.place);
        }
        assert_eq!(PLAN.codes.iter().flatten().count(), 215);
    }

    /// The library's verdict on each of these numbers, as the program that wrote the table asked it.
    #[test]
    fn the_table_says_what_the_library_says() {
        let mut compared = BTreeMap::new();
        for mut columns in lines(include_str!("data/numbering-verdicts.tsv")) {
            let mut column = || columns.next().unwrap();
            let (digits, region, class) = (column(), column(), column());
            let (code, national) = split(digits).unwrap();
            let found = code.region(national);
            assert_eq!(found.unwrap_or("-"), region, "{digits}");
            let found = if found.is_some() { code.class(national).name() } else { "-" };
            assert_eq!(found, class, "{digits}");
            assert!(found != "-" || code.class(national) == NumberClass::Ordinary, "{digits}");
            *compared.entry(class).or_insert(0) += 1;
        }
        assert!(compared.len() == 5 && compared.values().all(|count| *count > 100), "{compared:?}");
    }
}
