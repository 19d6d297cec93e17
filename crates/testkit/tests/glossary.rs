//! The glossary against the code: its types exist, its terms stand once, and no public item has a name of yesterday.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Words that name no public item: the field has better ones, or they mean several things.
const BANNED: &[&str] = &[
    "assessing",
    "assessor",
    "away",
    "behind",
    "courier",
    "crowd",
    "dark",
    "deed",
    "ears",
    "fate",
    "foresee",
    "foresight",
    "gather",
    "gone",
    "handover",
    "hear",
    "heard",
    "hears",
    "judge",
    "judged",
    "judges",
    "judging",
    "keep",
    "kept",
    "kin",
    "lesson",
    "longest",
    "most",
    "neighbourhood",
    "news",
    "notice",
    "opaque",
    "parted",
    "parting",
    "patience",
    "poured",
    "recollection",
    "released",
    "resident",
    "said",
    "settle",
    "sighting",
    "slip",
    "standing",
    "stranger",
    "supply",
    "teaching",
    "tell",
    "tells",
    "told",
    "touched",
    "whoever",
    "words",
];

/// Public items that still have such a name, as `crate::name`. The list only shrinks: an entry without an item fails.
const REMAINING: &[&str] = &[
    "acoustics::parted",
    "acoustics::words",
    "base::gather",
    "base::gather_slots",
    "base::oldest_touched",
    "base::touched",
    "clock::KEPT",
    "clock::parted_at",
    "enrich::neighbourhood",
    "recorder::judge_all_devices",
    "recorder::judge_devices",
    "scoring::Judged",
    "scoring::kept",
    "scoring::settle",
    "sensor::Patience",
    "store::Lesson",
    "store::LockNews",
    "store::LockPatience",
    "store::judge_subscriber",
    "store::longest",
    "tracker::Kin",
    "tracker::Sighting",
];

#[test]
fn each_type_of_the_glossary_occurs_in_the_code() {
    let items = items(|_| true);
    let faults: Vec<String> = rows()
        .iter()
        .flat_map(|row| code_spans(&row.code))
        .filter(|name| !items.contains(name.as_str()))
        .map(|name| format!("docs/glossary.md: {name} is not in the code"))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_term_has_one_meaning_and_a_place_in_the_code() {
    let rows = rows();
    let mut meanings: BTreeMap<String, &str> = BTreeMap::new();
    for row in &rows {
        assert!(!row.meaning.is_empty() && !code_spans(&row.code).is_empty(), "{}", row.term);
        let before = meanings.insert(row.term.to_lowercase(), &row.meaning);
        assert_eq!(before, None, "{} stands twice", row.term);
    }
    assert!(rows.len() > 80, "only {} terms", rows.len());
}

#[test]
fn no_public_item_has_a_banned_name() {
    let public = items(|line| line.starts_with("pub "));
    let banned: BTreeSet<&str> = BANNED.iter().copied().collect();
    let has_banned = |item: &str| words(item).iter().any(|word| banned.contains(word.as_str()));
    let found: BTreeSet<&str> = public.iter().map(String::as_str).filter(|item| has_banned(item)).collect();
    let remaining: BTreeSet<&str> = REMAINING.iter().copied().collect();
    let new: Vec<_> = found.difference(&remaining).collect();
    let done: Vec<_> = remaining.difference(&found).collect();
    assert!(
        new.is_empty() && done.is_empty(),
        "names for docs/glossary.md to replace: {new:?}; out of REMAINING: {done:?}"
    );
}

#[test]
fn names_are_parted_into_words() {
    assert_eq!(words("base::LruTable"), ["lru", "table"]);
    assert_eq!(words("store::judge_all"), ["judge", "all"]);
    assert_eq!(words("clock::KEPT"), ["kept"]);
    assert_eq!(words("sip::CSeq"), ["c", "seq"]);
}

struct Row {
    term: String,
    meaning: String,
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| term");
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "docs/glossary.md: {line}");
        Row { term: cells[0].to_owned(), meaning: cells[1].to_owned(), code: cells[2].to_owned() }
    };
    text.lines().filter(is_row).map(row).collect()
}

fn code_spans(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Items of all crates as `crate::name`, of those lines that are meant.
fn items(is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut folders = vec![entry.path().join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let lines = text.lines().map(str::trim_start).filter(|line| is_meant(line));
                    found.extend(lines.filter_map(item).map(|item| format!("{name}::{item}")));
                }
            }
        }
    }
    found
}

/// The name that a line defines.
fn item(line: &str) -> Option<&str> {
    const QUALIFIERS: &[&str] = &["pub", "const", "async", "unsafe", "pub(crate)", "pub(super)"];
    const KEYWORDS: &[&str] = &["fn", "struct", "enum", "trait", "type", "static", "mod"];
    let mut before = "";
    for word in line.split(' ') {
        let name = word.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        if KEYWORDS.contains(&before) || (before == "const" && word.ends_with(':')) {
            return (!name.is_empty()).then_some(name);
        }
        if !QUALIFIERS.contains(&word) && !KEYWORDS.contains(&word) {
            return None;
        }
        before = word;
    }
    None
}

/// The words of a name, in lower case.
fn words(item: &str) -> Vec<String> {
    let name = item.rsplit("::").next().unwrap();
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for (i, c) in name.char_indices() {
        let next_is_lower = name[i + c.len_utf8()..].starts_with(|c: char| c.is_lowercase());
        if c == '_' || (c.is_uppercase() && (was_lower || (i > 0 && next_is_lower))) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}
