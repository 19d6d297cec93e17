//! Files that use each other in a circle can only be read and changed together. Two may: one type in two files.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The crates that are checked.
const CRATES: [&str; 17] = [
    "acoustics",
    "alert",
    "app",
    "base",
    "capture",
    "cli",
    "clock",
    "devices",
    "fingerprint",
    "instance",
    "report",
    "rtp",
    "sensor",
    "sip",
    "stir",
    "store",
    "wire",
];

/// The most files in one circle.
const MAX_FILES: usize = 2;

#[test]
fn no_circle_holds_more_than_two_files() {
    let mut circles = Vec::new();
    for name in CRATES {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        let uses = uses_of(&source);
        assert!(uses.len() > 1, "{name} has hardly any files");
        assert!(uses.values().any(|used| !used.is_empty()), "no use was found in {name}");
        circles.extend(circles_of(&uses).into_iter().map(|circle| format!("{name}: {circle:?}")));
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_through_paths_and_through_names_of_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\nmod c;\npub use c::{Thing, Other};\n");
    write("a.rs", "use crate::b::{self, X};\n// use crate::c::Y;\n");
    write("b.rs", "use std::fmt;\nuse crate::{Thing, Unknown};\n");
    write("c.rs", "fn f() -> crate::a::Z { crate::a::z() }\n#[cfg(test)]\nmod tests { use crate::b::X; }\n");
    let circle: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
    assert_eq!(circles_of(&uses_of(folder.path())), [circle]);
    write("c.rs", "#[cfg(test)]\nmod tests { use crate::a::X; }\n");
    assert!(circles_of(&uses_of(folder.path())).is_empty());
}

/// Of each module the modules that it uses.
fn uses_of(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = BTreeMap::new();
    read(source, "", &mut files);
    let root = files.remove("lib").unwrap_or_default();
    // Names that the root exports, and where they come from.
    let exported: BTreeMap<String, String> = paths(&root, "use ")
        .into_iter()
        .filter_map(|path| Some((path.last()?.clone(), module_of(&files, &path)?)))
        .collect();
    let used = |module: &str, text: &str| -> BTreeSet<String> {
        let through_root = |path: &Vec<String>| exported.get(path.first()?).cloned();
        let of_crate = paths(text, "crate::").into_iter();
        let of_crate = of_crate.filter_map(|path| module_of(&files, &path).or_else(|| through_root(&path)));
        let above = module.rsplit_once("::").map_or("", |(above, _)| above);
        let of_super = paths(text, "super::").into_iter().filter_map(|path| {
            let whole = above.split("::").filter(|part| !part.is_empty()).map(str::to_owned);
            module_of(&files, &whole.chain(path).collect::<Vec<_>>())
        });
        of_crate.chain(of_super).filter(|other| other != module).collect()
    };
    files.iter().map(|(module, text)| (module.clone(), used(module, text))).collect()
}

/// The modules below a folder, without comments and tests.
fn read(folder: &Path, above: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = if above.is_empty() { name.to_owned() } else { format!("{above}::{name}") };
        if path.is_dir() {
            read(&path, &module, files);
        } else if path.extension().is_some_and(|e| e == "rs") && name != "tests" {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines();
            let code = code.map(|line| line.split("//").next().unwrap_or_default());
            files.insert(module, code.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The longest module at the beginning of a path.
fn module_of(files: &BTreeMap<String, String>, path: &[String]) -> Option<String> {
    (1..=path.len()).rev().map(|len| path[..len].join("::")).find(|module| files.contains_key(module))
}

/// The paths that begin with a prefix, with braces expanded.
fn paths(text: &str, prefix: &str) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let is_word = text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !is_word {
            expand(&mut text[at + prefix.len()..].chars().peekable(), &[], &mut out);
        }
    }
    out
}

fn expand(text: &mut std::iter::Peekable<std::str::Chars<'_>>, above: &[String], out: &mut Vec<Vec<String>>) {
    let mut path = above.to_vec();
    loop {
        let mut word = String::new();
        while let Some(c) = text.next_if(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
        }
        if !word.is_empty() && word != "self" {
            path.push(word);
        }
        if text.next_if_eq(&'{').is_some() {
            loop {
                while text.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
                if text.next_if_eq(&'}').is_some() || text.peek().is_none() {
                    return;
                }
                expand(text, &path, out);
                // An alias, or anything else that is no path.
                while text.next_if(|c| !matches!(c, ',' | '}')).is_some() {}
            }
        }
        if text.next_if_eq(&':').is_none() || text.next_if_eq(&':').is_none() {
            out.push(path);
            return;
        }
    }
}

/// Groups of modules that reach each other, of more than [`MAX_FILES`].
fn circles_of(uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let reach = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![from.to_owned()];
        while let Some(next) = waiting.pop() {
            for other in uses.get(&next).into_iter().flatten() {
                if reached.insert(other.clone()) {
                    waiting.push(other.clone());
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&str, BTreeSet<String>> =
        uses.keys().map(|module| (module.as_str(), reach(module))).collect();
    let circle = |module: &str| -> BTreeSet<String> {
        let of = reached[module].iter();
        of.filter(|other| reached.get(other.as_str()).is_some_and(|r| r.contains(module))).cloned().collect()
    };
    let all: BTreeSet<BTreeSet<String>> = uses.keys().map(|module| circle(module)).collect();
    all.into_iter().filter(|circle| circle.len() > MAX_FILES).collect()
}
