//! The documents against the program: sizes, limits and names that a document states are read from the code.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// A sentence of a document, with `{}` for each number, and the constants behind the numbers.
struct Fact {
    document: &'static str,
    sentence: &'static str,
    numbers: &'static [Number],
}

/// `const NAME: T = VALUE;` in a file of `crates/`, divided by a unit.
struct Number {
    file: &'static str,
    name: &'static str,
    unit: f64,
}

const fn number(file: &'static str, name: &'static str) -> Number {
    Number { file, name, unit: 1.0 }
}

const fn kib(file: &'static str, name: &'static str) -> Number {
    Number { file, name, unit: 1024.0 }
}

const EPOCHS: &str = "sensor/src/epochs.rs";
const WRITING: &str = "sensor/src/writing.rs";
const REPUTATION: &str = "scoring/src/reputation_record.rs";

const FACTS: &[Fact] = &[
    Fact {
        document: "docs/architecture.md",
        sentence: "FrameBatch, {} for each source",
        numbers: &[number("sensor/src/sources.rs", "PORTIONS")],
    },
    Fact {
        document: "docs/architecture.md",
        sentence: "{} virtual shards",
        numbers: &[number("tracker/src/limits.rs", "VIRTUAL_SHARDS")],
    },
    Fact {
        document: "docs/architecture.md",
        sentence: "Rows: {} batches of {};",
        numbers: &[number("sensor/src/room.rs", "BATCHES"), number("sensor/src/merge.rs", "ROWS_AT_ONCE")],
    },
    Fact {
        document: "docs/architecture.md",
        sentence: "\n{} epochs later",
        numbers: &[number(EPOCHS, "LAG")],
    },
    Fact {
        document: "docs/decisions/0001-virtual-shards.md",
        sentence: "one of {} virtual shards",
        numbers: &[number("tracker/src/limits.rs", "VIRTUAL_SHARDS")],
    },
    Fact {
        document: "docs/decisions/0002-order-of-facts.md",
        sentence: "{} items, {} KiB, or {} ms while signalling is under way",
        numbers: &[number(EPOCHS, "MAX_ITEMS"), kib(EPOCHS, "MAX_BYTES"), number(EPOCHS, "MAX_SPAN")],
    },
    Fact {
        document: "docs/decisions/0002-order-of-facts.md",
        sentence: "if it is at most {} s older",
        numbers: &[number("sensor/src/dispatcher.rs", "MAX_BACKWARD")],
    },
    Fact {
        document: "docs/decisions/0003-controls.md",
        sentence: "{} epochs or {} ms of trace time later",
        numbers: &[number(EPOCHS, "LAG"), number(EPOCHS, "MAX_DELAY")],
    },
    Fact {
        document: "docs/decisions/0012-tunnels.md",
        sentence: "one header at a time, {} at most",
        numbers: &[number("wire/src/decode.rs", "MAX_LAYERS")],
    },
    Fact {
        document: "docs/decisions/0019-live-capture.md",
        sentence: "a socket thread reports {} ms without packets",
        numbers: &[number("sensor/src/sources.rs", "TICK")],
    },
    Fact {
        document: "docs/decisions/0020-rows-of-running-calls.md",
        sentence: "are reported {} s later",
        numbers: &[number("tracker/src/under_way.rs", "WAIT")],
    },
    Fact {
        document: "docs/decisions/0020-rows-of-running-calls.md",
        sentence: "are written every {} s",
        numbers: &[number("sensor/src/live.rs", "WRITE_EVERY")],
    },
    Fact {
        document: "docs/decisions/0024-batch-sizes.md",
        sentence: "An epoch has {} items",
        numbers: &[number(EPOCHS, "MAX_ITEMS")],
    },
    Fact {
        document: "docs/decisions/0024-batch-sizes.md",
        sentence: "Rows go to the writer {} at a time; {} such batches wait at most.",
        numbers: &[number("sensor/src/merge.rs", "ROWS_AT_ONCE"), number("sensor/src/room.rs", "BATCHES")],
    },
    Fact {
        document: "docs/decisions/0026-replays-hold-scores-back.md",
        sentence: "The buffer holds {} scores. When it is full, or after {} s on a pipe",
        numbers: &[number(WRITING, "MAX_HELD"), number(WRITING, "PIPE_HOLDS_FOR")],
    },
    Fact {
        document: "docs/decisions/0031-prefetch.md",
        sentence: "# 0031. Keys of {} rows are looked up together",
        numbers: &[number("base/src/table.rs", "GATHERED")],
    },
    Fact {
        document: "docs/database.md",
        sentence: "At most {} revisions of one verdict are stored",
        numbers: &[number("devices/src/authorisation/steps.rs", "MAX_STEPS")],
    },
    Fact {
        document: "docs/database.md",
        sentence: "At most {} spans of each loss are stored",
        numbers: &[number("store/src/writer/blindness.rs", "MAX_SPANS")],
    },
    Fact {
        document: "docs/database.md",
        sentence: "At most {} values of each habit are stored",
        numbers: &[number("store/src/writer/statements.rs", "MAX_VALUES")],
    },
    Fact {
        document: "docs/judgement.md",
        sentence: "with a prior of {} on each side",
        numbers: &[number(REPUTATION, "PRIOR")],
    },
    Fact {
        document: "docs/judgement.md",
        sentence: "| observed fraud, per call | {} |",
        numbers: &[number(REPUTATION, "OBSERVED_FRAUD")],
    },
    Fact {
        document: "docs/judgement.md",
        sentence: "| observed honest call | {} |",
        numbers: &[number(REPUTATION, "OBSERVED_LEGIT")],
    },
    Fact {
        document: "docs/judgement.md",
        sentence: "summed by the hour, at most {} an hour",
        numbers: &[number(REPUTATION, "MAX_IN_AN_HOUR")],
    },
    Fact {
        document: "docs/judgement.md",
        sentence: "A recording that {} established callers",
        numbers: &[number("scoring/src/engine/recordings.rs", "COMMONPLACE")],
    },
    Fact {
        document: "docs/output.md",
        sentence: "A table cell is cut at {} columns, a value in `show` and a message at {}.",
        numbers: &[number("cli/src/render.rs", "LONGEST_CELL"), number("cli/src/render.rs", "LONGEST_VALUE")],
    },
    Fact {
        document: "docs/security.md",
        sentence: "| header lines that are kept | {} |",
        numbers: &[number("sip/src/message.rs", "MAX_HEADERS")],
    },
    Fact {
        document: "docs/security.md",
        sentence: "| lists of one name, and values of all of them | {} and {} |",
        numbers: &[number("sip/src/message.rs", "MAX_LISTS"), number("sip/src/message.rs", "MAX_VALUES")],
    },
    Fact {
        document: "docs/security.md",
        sentence: "| lines of a description, sections of it | {} and {} |",
        numbers: &[number("sip/src/sdp.rs", "MAX_LINES"), number("sip/src/sdp.rs", "MAX_MEDIA")],
    },
    Fact {
        document: "docs/security.md",
        sentence: "| escapes in one quoted string | {} |",
        numbers: &[number("sip/src/lex.rs", "MAX_ESCAPES")],
    },
    Fact {
        document: "docs/security.md",
        sentence: "a message longer than {} KiB is read that far",
        numbers: &[kib("sip/src/framer.rs", "MAX_MESSAGE")],
    },
];

#[test]
fn sizes_and_limits_in_documents_are_those_of_the_code() {
    let faults: Vec<String> = FACTS
        .iter()
        .filter_map(|fact| {
            let sentence = fact.numbers.iter().fold(fact.sentence.to_owned(), |sentence, number| {
                sentence.replacen("{}", &shown(constant(number) / number.unit), 1)
            });
            let is_said = read(fact.document).contains(&sentence);
            (!is_said).then(|| format!("{} does not say: {sentence}", fact.document))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_constant_is_read_as_a_number() {
    assert_eq!(value("256 * 1024"), Some(262_144.0));
    assert_eq!(value("65_536"), Some(65_536.0));
    assert_eq!(value("Duration::from_millis(50)"), Some(50.0));
    assert_eq!(value("0.15"), Some(0.15));
    assert_eq!(value("other::LIMIT"), None);
    assert_eq!(shown(1_065_536.0), "1,065,536");
    assert_eq!(shown(400.0), "400");
    assert_eq!(shown(0.15), "0.15");
}

#[test]
fn the_build_profile_is_the_documented_one() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let release = &manifest["profile"]["release"];
    assert_eq!(release["lto"].as_str(), Some("fat"));
    assert_eq!(release["codegen-units"].as_integer(), Some(1));
    let sentence = "use fat link-time optimisation and one code generation unit";
    assert!(read("docs/decisions/0024-batch-sizes.md").contains(sentence));
}

#[test]
fn unsafe_code_stands_in_the_documented_files_and_nowhere_else() {
    let security = read("docs/security.md");
    let mut documented = 0;
    for (path, text) in sources() {
        let places = text.lines().filter(|line| line.contains("unsafe {")).count();
        if places > 0 {
            let row = format!("| `{path}` | {places} |");
            assert!(security.contains(&row), "docs/security.md lacks: {row}");
            documented += 1;
        }
    }
    let rows = security.lines().filter(|line| line.starts_with("| `") && line.contains(".rs` | ")).count();
    assert!(documented >= 4, "only {documented} files with unsafe code found");
    assert!(rows >= documented, "docs/security.md: {rows} rows");
}

#[test]
fn the_toolchain_and_the_oldest_supported_version_are_the_documented_ones() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let declared = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let toolchain: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let sentence = format!(
        "The tree is built with the {channel} Rust compiler; the oldest supported version is {declared}."
    );
    assert!(read("CONTRIBUTING.md").contains(&sentence), "CONTRIBUTING.md does not say: {sentence}");
}

#[test]
fn the_version_of_the_numbering_plans_is_the_documented_one() {
    let plans = read("crates/enrich/src/data/numbering-plan.txt");
    let version = plans.lines().find_map(|line| line.strip_prefix("version\tlibphonenumber ")).unwrap();
    let version = version.split(' ').next().unwrap();
    let sentence = format!("libphonenumber, version {version},");
    assert!(read("docs/analyses.md").contains(&sentence), "docs/analyses.md does not say: {sentence}");
}

#[test]
fn the_default_retention_is_the_documented_one() {
    let defaults: toml::Table = read("crates/cli/src/default.toml").parse().unwrap();
    let days = defaults["database"]["keep_days"].as_integer().unwrap();
    let gib = defaults["database"]["max_mib"].as_integer().unwrap() / 1024;
    let sentence = format!("{days} days and {gib} GiB");
    assert!(read("docs/usage.md").contains(&sentence), "docs/usage.md does not say: {sentence}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Rust files of all crates with their paths behind `crates/`.
fn sources() -> Vec<(String, String)> {
    let crates = root().join("crates");
    let (mut folders, mut found) = (vec![crates.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&crates).unwrap().to_string_lossy().into_owned();
                // This file speaks of unsafe code.
                if name != "testkit/tests/facts.rs" {
                    found.push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    found
}

fn constant(number: &Number) -> f64 {
    let text = read(&format!("crates/{}", number.file));
    let start = format!("const {}: ", number.name);
    let found =
        text.lines().find_map(|line| line.split_once(&start)?.1.split_once(" = ")?.1.strip_suffix(';'));
    let found = found.unwrap_or_else(|| panic!("crates/{} has no constant {}", number.file, number.name));
    value(found).unwrap_or_else(|| panic!("crates/{}: {found} is not a number", number.file))
}

/// Products of numbers, and numbers inside a constructor: `64 * 1024`, `Span::from_millis(50)`.
fn value(text: &str) -> Option<f64> {
    let inner = text.rsplit('(').next()?.trim_end_matches(')');
    inner.split('*').map(|factor| factor.trim().replace('_', "").parse::<f64>().ok()).product()
}

/// With a comma between thousands.
fn shown(number: f64) -> String {
    let text = number.to_string();
    let (digits, fraction) = text.split_once('.').map_or((text.as_str(), None), |(d, f)| (d, Some(f)));
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    fraction.map_or(shown.clone(), |fraction| format!("{shown}.{fraction}"))
}
