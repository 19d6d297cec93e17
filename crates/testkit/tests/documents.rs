//! The documents as a set: links lead somewhere, walks name code, decisions have one form.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn links_between_documents_lead_to_files_and_headings() {
    let (mut checked, mut faults) = (0, Vec::new());
    for (path, text) in documents() {
        for target in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let to = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = || {
                let text = std::fs::read_to_string(&to).ok();
                heading.is_empty() || text.is_none_or(|text| headings(&text).contains(heading))
            };
            if !to.exists() || !is_there() {
                faults.push(format!("{}: nothing at {target}", path.display()));
            }
            checked += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 50, "only {checked} links");
}

#[test]
fn paths_in_documents_exist() {
    let (mut checked, mut faults) = (0, Vec::new());
    for (document, text) in documents() {
        for span in code_spans(&text) {
            let path = span.split("::").next().unwrap();
            let is_path =
                ["crates/", "docs/", "scripts/", "fuzz/", "pcaps/"].iter().any(|f| path.starts_with(f));
            // Placeholders, patterns and commands.
            if !is_path
                || path.contains([' ', '*', '<', '{', '\n'])
                || path.contains("/N.")
                || path.contains("GROUP")
                || path.contains("REPORT")
                || path.contains("NAME")
            {
                continue;
            }
            if !root().join(path).exists() {
                faults.push(format!("{}: {path} does not exist", document.display()));
            }
            checked += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 50, "only {checked} paths");
}

#[test]
fn each_step_of_the_walks_names_an_item_of_its_file() {
    let text = read("docs/architecture.md");
    let mut checked = 0;
    for step in code_spans(&text).into_iter().filter(|span| span.contains(".rs::")) {
        let (file, item) = step.split_once("::").unwrap();
        let path = root().join("crates").join(file);
        let code = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{step}: {e}"));
        for name in item.split("::") {
            assert!(names_item(&code, name), "docs/architecture.md: {file} has no {name}");
        }
        checked += 1;
    }
    assert!(checked >= 30, "only {checked} steps");
}

#[test]
fn an_invite_has_at_most_twelve_steps() {
    let text = read("docs/architecture.md");
    let walk = text.split("**A SIP INVITE").nth(1).unwrap().split("An RTP packet").next().unwrap();
    let steps = walk.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
    assert!((8..=12).contains(&steps), "{steps} steps");
}

#[test]
fn each_crate_stands_once_in_the_table_of_layers() {
    let text = read("docs/architecture.md");
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    for (name, dependency) in manifest["workspace"]["dependencies"].as_table().unwrap() {
        let Some(path) = dependency.get("path").and_then(|p| p.as_str()) else { continue };
        let folder = path.strip_prefix("crates/").unwrap();
        let rows =
            text.lines().filter(|l| l.starts_with('|') && l.contains(&format!("| `{folder}` |"))).count();
        assert_eq!(rows, 1, "docs/architecture.md: {name}");
    }
}

#[test]
fn crates_use_only_crates_above_them_in_the_table() {
    let text = read("docs/architecture.md");
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    let place = |package: &str| {
        let folder = package.strip_prefix("bellwether-").unwrap_or("cli");
        let row = format!("| `{folder}` |");
        table.iter().position(|line| line.contains(&row)).unwrap_or_else(|| panic!("no row for {folder}"))
    };
    let deny: toml::Table = read("deny.toml").parse().unwrap();
    let mut checked = 0;
    for rule in deny["bans"]["deny"].as_array().unwrap() {
        let used = rule["crate"].as_str().unwrap();
        let users = rule["wrappers"].as_array().unwrap().iter().map(|w| w.as_str().unwrap());
        for user in users.filter(|user| used.starts_with("bellwether") && *user != "bellwether-fuzz-driver") {
            assert!(
                place(used) < place(user),
                "docs/architecture.md: {used} stands below {user}, which may use it"
            );
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} rules");
}

#[test]
fn each_crate_opens_with_what_it_must_never_know_and_an_example() {
    let (mut checked, mut faults) = (0, Vec::new());
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(code) = std::fs::read_to_string(folder.join("src/lib.rs")) else { continue };
        let opening: Vec<&str> = code.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let has_limit = opening.join("").contains("This crate must never ");
        let has_example = opening.iter().filter(|line| line.starts_with(" ```")).count() >= 2;
        if !has_limit || !has_example {
            faults.push(format!("{}: limit {has_limit}, example {has_example}", folder.display()));
        }
        checked += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 20, "only {checked} crates");
}

#[test]
fn decisions_are_numbered_dated_and_listed() {
    let index = read("docs/decisions/README.md");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("README.md"))
        .collect();
    paths.sort();
    for (number, path) in (1..).zip(&paths) {
        let name = path.file_name().unwrap().to_string_lossy();
        let text = std::fs::read_to_string(path).unwrap();
        let title =
            text.lines().next().unwrap().strip_prefix(&format!("# {number:04}. ")).unwrap_or_default();
        assert!(
            !title.is_empty() && name.starts_with(&format!("{number:04}-")),
            "{name}: number {number:04}"
        );
        let date =
            text.lines().nth(2).unwrap().strip_prefix("Date: ").unwrap_or_else(|| panic!("{name}: no date"));
        let row = format!("| [{number:04}]({name}) | {title} | {} |", &date[..10]);
        assert!(index.contains(&row), "docs/decisions/README.md lacks: {row}");
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(found, ["Context", "Decision", "Alternatives", "Consequences"], "{name}");
        let words = text.split_whitespace().count();
        assert!(words < 450, "{name}: {words} words are more than a page");
    }
    assert_eq!(index.matches("| [0").count(), paths.len());
}

#[test]
fn the_code_map_has_two_pages() {
    let words = read("docs/architecture.md").split_whitespace().count();
    assert!((700..=1700).contains(&words), "{words} words");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// All pages: of the root, of `docs/` and its folders, of `pcaps/`.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/decisions", "pcaps"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "md") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn links(text: &str) -> Vec<String> {
    let ends = text.split("](").skip(1);
    ends.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .filter(|to| !to.contains([' ', '\n']))
        .collect()
}

/// Headings as a forge makes anchors of them.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |title: &str| -> String {
        let kept = title.trim_start_matches('#').trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .collect::<String>()
            .replace(' ', "-")
    };
    titles.map(anchor).collect()
}

fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// True if a file defines an item, or has an `impl` for it.
fn names_item(code: &str, name: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "impl ", "impl<'a> ", " for "].iter().any(
        |keyword| {
            let start = format!("{keyword}{name}");
            code.match_indices(&start).any(|(at, _)| is_end(&code[at + start.len()..]))
        },
    )
}
