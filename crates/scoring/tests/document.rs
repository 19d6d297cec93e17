//! `docs/signals.md` must equal the rendered definitions.

use std::path::Path;

#[test]
fn the_document_of_signals_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/signals.md");
    let text = bellwether_scoring::signals_document();
    if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/signals.md is outdated: run INSTA_UPDATE=always cargo test -p bellwether-scoring"
    );
}
