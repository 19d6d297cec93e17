//! The torture messages of RFC 4475 and other anomalies, if the shared test data is available.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bellwether_sip::{Message, StartLine, route_key};

/// The folder of shared test data; none, with a message, if it is absent. The messages belong to others and
/// are not part of this project.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    if !path.exists() {
        eprintln!("skipped: {folder} of the shared test data is not here");
        return None;
    }
    Some(path)
}

fn messages(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|f| (f.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&f).unwrap()))
        .collect()
}

#[test]
fn every_torture_message_of_rfc_4475_parses_to_its_defects() {
    let Some(folder) = shared("torture/rfc4475") else { return };
    let mut table = String::new();
    for (name, bytes) in messages(&folder) {
        let mut message = Message::parse(&bytes);
        let defects = message.examine();
        let start = match message.start() {
            StartLine::Request { method, .. } => method.name().to_owned(),
            StartLine::Status { code, .. } => code.to_string(),
            StartLine::Unknown(_) => "?".to_owned(),
        };
        let names: Vec<_> = defects.iter().map(|d| d.name()).collect();
        writeln!(
            table,
            "{name:16} {start:8} headers={:<2} vias={} contacts={} body={:<4} {}",
            message.headers().len(),
            message.vias().count(),
            message.contacts().count(),
            message.body().len(),
            names.join(" ")
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_example_flows_of_rfc_3665_have_hardly_a_defect() {
    let Some(folder) = shared("torture/rfc3665") else { return };
    let mut table = String::new();
    for (name, bytes) in messages(&folder) {
        let defects: Vec<_> = Message::parse(&bytes).examine().iter().map(|d| d.name()).collect();
        if !defects.is_empty() {
            writeln!(table, "{name}: {}", defects.join(" ")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn anomalous_registers_parse_without_panic_and_route() {
    let Some(archive) = shared("torture/register-anomalies.tar.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    let mut pending = vec![folder.path().to_path_buf()];
    let (mut seen, mut with_defects) = (0, 0);
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let mut message = Message::parse(&bytes);
            with_defects += usize::from(!message.examine().is_empty());
            let _ = (message.cseq(), message.contacts().count(), message.vias().count(), route_key(&bytes));
            seen += 1;
        }
    }
    assert!(seen >= 1_339, "only {seen} anomalies read");
    assert!(with_defects > seen / 4, "only {with_defects} of {seen} anomalies are named");
}
