//! The files that operators hand in, read as the commands read them: a text in, the number of rows or the first fault
//! out. Nothing is opened or written here. Fuzzing comes in by this door.

use bellwether_app::InstallationKey;
use bellwether_enrich::Tokeniser;
use bellwether_report::{export_classes, import_classes};

use crate::config::Config;
use crate::{class, label, truth};

/// A configuration with everything that is derived from it (`--config`).
///
/// # Errors The message of `config check`.
pub fn config(text: &str) -> Result<(), String> {
    let config = Config::parse(text)?;
    let _ = (config.verdict(), config.limits(), config.fragments(), config.tcp(), config.retention());
    let _ = (config.sensitive(), config.tunnels(), config.site(), config.privacy(), config.tolerance());
    Ok(())
}

/// An inventory in JSON or CSV (`inventory import`).
///
/// # Errors The first invalid row with its fault.
pub fn inventory(text: &str, is_json: bool, tokeniser: &Tokeniser) -> Result<usize, String> {
    bellwether_app::inventory_rows(text, is_json, tokeniser).map(|rows| rows.len())
}

/// Labels of calls, one JSON object on each line (`evaluate --truth`, `label --from`).
///
/// # Errors
/// The first invalid line with its fault.
pub fn labels(text: &str) -> Result<usize, String> {
    truth::lines(text).map(|labels| labels.len())
}

/// Labels that teach device classes (`class learn --truth`).
///
/// # Errors
/// The first invalid line with its fault.
pub fn lessons(text: &str) -> Result<usize, String> {
    class::lessons_of(text).map(|lessons| lessons.len())
}

/// One line of telemetry (`telemetry`).
///
/// # Errors The fault of the line.
pub fn telemetry(line: &str) -> Result<(), String> {
    label::parse(line).map(|_| ())
}

/// Device classes to exchange (`class import`), as `class export` would write them again.
///
/// # Errors The fault of the text.
pub fn classes(text: &str) -> Result<String, String> {
    let file = serde_json::from_str(text).map_err(|e| e.to_string())?;
    import_classes(&file).map(|modes| export_classes(&modes).to_string())
}

/// Returns true if the text is the key of an installation.
#[must_use]
pub fn is_key(text: &str) -> bool {
    InstallationKey::parse(text.trim()).is_some()
}
