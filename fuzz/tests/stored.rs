//! Runs every stored input through its target: the corpus, and every past finding.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

use bellwether_fuzz::{TARGETS, target};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

fn names(folder: &Path) -> BTreeSet<String> {
    entries(folder).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_its_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&folder("corpus")), targets);
    for name in &targets {
        assert!(!entries(&folder("corpus").join(name)).is_empty(), "the corpus of {name} is empty");
    }
}

#[test]
fn every_stored_input_keeps_the_laws() {
    for target in TARGETS {
        let stored = entries(&folder("corpus").join(target.name));
        for path in stored {
            held(target.name, &path, &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn no_past_finding_comes_back() {
    let folders = entries(&folder("findings"));
    assert!(!folders.is_empty(), "past findings are missing");
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(target(&name).is_some(), "findings of an unknown target: {name}");
        let found = entries(&folder);
        assert!(!found.is_empty(), "the findings of {name} are missing");
        for path in found {
            held(&name, &path, &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn the_corpus_stays_small() {
    let size = |path: PathBuf| std::fs::metadata(path).unwrap().len();
    let all: u64 = ["corpus", "findings"]
        .iter()
        .flat_map(|name| entries(&folder(name)))
        .flat_map(|folder| entries(&folder))
        .map(size)
        .sum();
    assert!(all < 1 << 20, "{all} octets are too many for a repository");
}

thread_local! {
    /// The present input. A failed compiler check ends the process at once, and only the panic hook can name the
    /// input.
    static RUNNING: RefCell<String> = const { RefCell::new(String::new()) };
}

fn say_what_ran() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let words = RUNNING.with_borrow(|path| format!("while {path} ran:\n"));
            #[expect(
                clippy::disallowed_methods,
                reason = "the process ends without a message of the test harness"
            )]
            let _ = std::io::stderr().write_all(words.as_bytes());
            before(panic);
        }));
    });
}

/// Runs one input and names it on failure.
fn held(name: &str, path: &Path, octets: &[u8]) {
    let run = target(name).unwrap().run;
    say_what_ran();
    RUNNING.set(path.display().to_string());
    let outcome = std::panic::catch_unwind(|| run(octets));
    assert!(outcome.is_ok(), "{} breaks a law of {name}", path.display());
}
