//! The table beside the library: as many numbers as one likes, and some for a test in the tree.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber};

use crate::Result;
use crate::automaton::Automaton;
use crate::source::{Class, Code, Source, kinds};

/// Numbers compared of each country code.
const COMPARED: usize = 20_000;
/// Numbers of each country code and class that go into the tree, and as many that are nobody's.
const EXAMPLES: usize = 3;

/// Compares numbers of all lengths. Returns how many there were.
///
/// # Errors
/// The first that differs.
pub(crate) fn all(source: &Source, automaton: &Automaton, roots: &[usize]) -> Result<usize> {
    let mut count = 0;
    for (code, root) in source.codes.iter().zip(roots) {
        for national in numbers(code, COMPARED) {
            let (here, there) = (automaton.look_up(*root, &national), verdict(code, &national));
            if here != there.as_ref().map(|(region, class)| (region.as_str(), *class)) {
                return Err(format!("+{} {national}: {here:?}, the library {there:?}", code.number).into());
            }
            count += 1;
        }
    }
    Ok(count)
}

/// Numbers with the library's verdict on each, line by line.
pub(crate) fn examples(source: &Source, automaton: &Automaton, roots: &[usize]) -> Result<String> {
    let mut text = format!(
        "# Numbers, their regions, or - for none's, and their classes, as {} finds them.\n# Written by scripts/numbering-plan.\n",
        source.version
    );
    for (code, root) in source.codes.iter().zip(roots) {
        // As many of each class: most digits that are drawn are nobody's, and most numbers ordinary.
        let mut counts: BTreeMap<Option<Class>, usize> = BTreeMap::new();
        for national in numbers(code, COMPARED) {
            let count =
                counts.entry(automaton.look_up(*root, &national).map(|(_, class)| class)).or_default();
            *count += 1;
            if *count <= EXAMPLES {
                let found = verdict(code, &national);
                let (region, class) =
                    found.as_ref().map_or(("-", "-"), |(region, class)| (region, class.name()));
                writeln!(text, "{}{national}\t{region}\t{class}", code.number)?;
            }
        }
    }
    Ok(text)
}

/// The region and the class that the library finds for a valid number.
fn verdict(code: &Code, national: &str) -> Option<(String, Class)> {
    let zeros = national.bytes().take_while(|digit| *digit == b'0').count();
    let number = PhoneNumber {
        country_code: code.number,
        national_number: national.parse().ok()?,
        italian_leading_zero: (zeros > 0).then_some(true),
        number_of_leading_zeros: (zeros > 0).then(|| i32::try_from(zeros).unwrap_or(i32::MAX)),
        ..PhoneNumber::default()
    };
    let library = &*PHONE_NUMBER_UTIL;
    let region = library.is_valid_number(&number).then(|| library.get_region_for_number(&number))??;
    let region = if code.main() == "001" { "001".to_owned() } else { format!("{region:?}") };
    Some((region, library.get_number_type(&number).into()))
}

/// The library's examples, and digits drawn around them: each with a few changed, so that many are somebody's.
fn numbers(code: &Code, count: usize) -> Vec<String> {
    let mut seeds: Vec<String> = Vec::new();
    for region in &code.regions {
        let examples = kinds(region).map(|(_, kind)| kind.example_number().to_owned());
        seeds.extend(examples.filter(|example| !example.is_empty()));
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(code.number.unsigned_abs());
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let most = code.lengths.last().copied().unwrap_or(1);
    let mut all = Vec::new();
    while all.len() < count {
        let mut digits: Vec<u8> = match draw(4) {
            0 | 1 if !seeds.is_empty() => seeds[draw(seeds.len())].bytes().collect(),
            _ => (0..=draw(most)).map(|_| b'0' + draw(10) as u8).collect(),
        };
        for _ in 0..draw(5) {
            let place = draw(digits.len());
            digits[place] = b'0' + draw(10) as u8;
        }
        // A number that is nothing but zeros has no place for the last one in the library's form.
        if digits.len() <= most && digits.iter().any(|digit| *digit != b'0') {
            all.extend(String::from_utf8(digits));
        }
    }
    all
}
