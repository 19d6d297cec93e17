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
