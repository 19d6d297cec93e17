//! Comments and documents begin their sentences with the noun that acts.
//!
//! A sentence that begins with a relative or interrogative clause ("What is told ...", "Whoever sends ...", "That a call ...") makes its reader
//! wait for the subject. Some are natural; many together are a habit. The bound is a share per crate and per document.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The largest share of such sentences, in percent.
const MAX_PERCENT: usize = 4;

/// Sentences that a text may have in any case: a share means nothing in a short one.
const FREE: usize = 1;

/// Words that begin such a clause.
const CLAUSES: [&str; 13] = [
    "what", "whatever", "whether", "who", "whoever", "whom", "whose", "where", "wherever", "how", "that",
    "those", "which",
];

/// Words of the shortest sentence that counts: shorter ones are headings and fragments.
const MIN_WORDS: usize = 3;

#[test]
fn sentences_of_comments_and_documents_begin_with_their_subject() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut counts: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for file in tracked(&root) {
        let Ok(text) = std::fs::read_to_string(root.join(&file)) else { continue };
        let paragraphs = match file.extension().and_then(|e| e.to_str()) {
            Some("rs") => comments(&text),
            _ => prose(&text),
        };
        let (all, clauses) = counts.entry(unit(&file)).or_default();
        for sentence in paragraphs.iter().flat_map(|paragraph| sentences(paragraph)) {
            *all += 1;
            if begins_with_a_clause(&sentence) {
                clauses.push(format!("{}: {sentence}", file.display()));
            }
        }
    }
    assert!(counts.len() > 30, "only {} crates and documents were read", counts.len());
    let over: Vec<String> = counts
        .into_iter()
        .filter(|(_, (all, clauses))| clauses.len() > FREE && clauses.len() * 100 > all * MAX_PERCENT)
        .map(|(unit, (all, clauses))| {
            format!("{unit}: {} of {all}\n  {}", clauses.len(), clauses.join("\n  "))
        })
        .collect();
    assert!(
        over.is_empty(),
        "more than {MAX_PERCENT} % of the sentences begin with a clause:\n{}",
        over.join("\n")
    );
}

#[test]
fn clauses_are_told_from_sentences_with_a_subject() {
    for (text, is) in [
        ("What was captured is delivered or lost.", true),
        ("Whoever sends the traffic chooses it.", true),
        ("`Frame` is what the kernel delivers.", false),
        ("The kernel delivers what fits.", false),
    ] {
        let found = sentences(text);
        assert_eq!((found.len(), begins_with_a_clause(&found[0])), (1, is), "{text}");
    }
    let two = "/// One thing. What follows\n/// is another.\nlet x = 1; // A third one here.\n";
    let read: Vec<String> = comments(two).iter().flat_map(|paragraph| sentences(paragraph)).collect();
    assert_eq!(
        read,
        ["What follows is another."],
        "two words are no sentence, and a remark behind code is none"
    );
}

/// Rust files and documents under version control; the list of changes is history.
fn tracked(root: &Path) -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "*.rs", "*.md"]).current_dir(root).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter(|name| !name.ends_with("CHANGELOG.md")).map(PathBuf::from).collect()
}

/// What a file is counted with: its crate, or itself.
fn unit(file: &Path) -> String {
    let mut parts = file.iter().map(|part| part.to_string_lossy().into_owned());
    match (file.extension().and_then(|e| e.to_str()), parts.next(), parts.next()) {
        (Some("rs"), Some(first), Some(second)) if first == "crates" => format!("{first}/{second}"),
        (Some("rs"), Some(first), _) => first,
        _ => file.display().to_string(),
    }
}

/// Runs of comment lines as paragraphs.
fn comments(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let line = line.trim_start().strip_prefix("//")?;
        let line = line.strip_prefix(['/', '!']).unwrap_or(line).trim();
        let is_text = !line.is_empty() && !line.starts_with(['#', '|', '`', '>']) && !line.starts_with("- ");
        is_text.then_some(line)
    });
    paragraphs(lines)
}

/// Paragraphs and items of lists; no code, tables or headings.
fn prose(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut all = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let is_text = !is_code && !line.starts_with("    ") && !line.starts_with(['#', '|']);
        let item = line.trim_start().strip_prefix("- ").or_else(|| {
            let (number, rest) = line.trim_start().split_once(". ")?;
            number.bytes().all(|b| b.is_ascii_digit()).then_some(rest)
        });
        if item.is_some() {
            all.push(None);
        }
        all.push(Some(item.unwrap_or(line).trim()).filter(|line| is_text && !line.is_empty()));
    }
    paragraphs(all.into_iter())
}

fn paragraphs<'a>(lines: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in lines {
        match (line, all.last_mut()) {
            (Some(line), Some(last)) => {
                last.push_str(line);
                last.push(' ');
            }
            _ => all.push(String::new()),
        }
    }
    all.retain(|paragraph| !paragraph.is_empty());
    all
}

/// The sentences of a paragraph that have words enough.
fn sentences(paragraph: &str) -> Vec<String> {
    let mut found = vec![Vec::new()];
    for word in paragraph.split_whitespace() {
        let begins = word.starts_with(|c: char| c.is_uppercase() || "\"(`*".contains(c));
        let ends = |last: &&str| last.trim_end_matches(['*', '"', ')']).ends_with(['.', '!', '?', ':']);
        if let Some(last) = found.last_mut() {
            if begins && last.last().is_some_and(ends) {
                found.push(vec![word]);
            } else {
                last.push(word);
            }
        }
    }
    found.into_iter().filter(|words| words.len() >= MIN_WORDS).map(|words| words.join(" ")).collect()
}

fn begins_with_a_clause(sentence: &str) -> bool {
    let mut words = sentence.split_whitespace().map(|word| word.trim_matches(['*', '"', '(']).to_lowercase());
    let first = words.next().unwrap_or_default();
    // "That is the case" and "Which is a question" have their subject in place.
    let is_pronoun = ["that", "those"].contains(&first.as_str())
        && words.next().is_some_and(|next| ["is", "are", "was", "means", "holds"].contains(&next.as_str()));
    CLAUSES.contains(&first.as_str()) && !is_pronoun
}
