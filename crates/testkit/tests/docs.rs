//! Checks documents against the program: names in the documents must equal those in the code.

use std::path::Path;

use bellwether_base::{AlertKind, Loss, LossKind};

#[test]
fn the_table_of_losses_is_complete_and_in_the_programs_words() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/losses.md");
    let document = std::fs::read_to_string(path).unwrap();
    for loss in Loss::ALL {
        let kind = match loss.kind() {
            LossKind::Frame => "frame",
            LossKind::Missed => "missed",
            LossKind::Partial => "partial",
            LossKind::Notice => "notice",
        };
        let row = format!("| `{}` | {kind} | {} | {} |", loss.name(), loss.cause(), loss.remedy());
        assert!(document.contains(&row), "docs/losses.md lacks: {row}");
    }
    let rows = document.lines().filter(|l| l.starts_with("| `")).count();
    assert_eq!(rows, Loss::ALL.len(), "docs/losses.md has rows of unknown losses");
}

#[test]
fn each_loss_is_counted_somewhere() {
    let mut code = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("base/src/loss.rs") {
                code.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let is_named = |loss: &&Loss| {
        let name = format!("Loss::{loss:?}");
        code.match_indices(&name).any(|(at, _)| !code[at + name.len()..].starts_with(char::is_alphanumeric))
    };
    let unused: Vec<&Loss> = Loss::ALL.iter().filter(|loss| !is_named(loss)).collect();
    assert!(unused.is_empty(), "no code outside `base` names {unused:?}");
}

#[test]
fn the_table_of_alert_kinds_is_complete_and_in_the_programs_words() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/alerts.md");
    let document = std::fs::read_to_string(path).unwrap();
    let kinds = document.split("\n## Which kinds of alert are there?\n").nth(1).unwrap();
    let rows: Vec<&str> = kinds.lines().filter(|l| l.starts_with("| `")).collect();
    assert_eq!(rows.len(), AlertKind::STORED.len());
    for (row, kind) in rows.iter().zip(AlertKind::STORED) {
        let (name, occasion) = (format!("| `{kind}` | "), format!(" | {} |", kind.occasion()));
        assert!(
            row.starts_with(&name) && row.ends_with(&occasion),
            "docs/alerts.md lacks{occasion} in: {row}"
        );
    }
}
