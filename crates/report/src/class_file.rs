//! Device classes as a file to exchange: operators share profiles without sharing audio.

use bellwether_acoustics::{Coding, FEATURES, Mode, feature_name};
use serde_json::{Value, json};

/// The format name in an exchanged file, and its version.
const FORMAT: &str = "bellwether-classes";
const FORMAT_VERSION: u64 = 1;

/// Classes as a file to exchange: no audio, and nobody's name.
#[must_use]
pub fn export_classes(modes: &[Mode]) -> Value {
    let names: Vec<String> = (0..FEATURES).map(feature_name).collect();
    let modes: Vec<Value> = modes
        .iter()
        .map(|mode| {
            json!({
                "class": mode.class,
                "mode": mode.mode,
                "law": mode.coding.name(),
                "calls": mode.calls,
                "mean": mode.mean,
                "scatter": mode.scatter,
            })
        })
        .collect();
    json!({ "format": FORMAT, "version": FORMAT_VERSION, "features": names, "modes": modes })
}

/// Reads such a file.
///
/// # Errors The fault in the file, as text.
pub fn import_classes(file: &Value) -> Result<Vec<Mode>, String> {
    if file.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(format!("this is no file of device classes: \"format\" is not \"{FORMAT}\""));
    }
    let version = file.get("version").and_then(Value::as_u64);
    if version != Some(FORMAT_VERSION) {
        return Err(format!("version {version:?} of the format is not known, only {FORMAT_VERSION}"));
    }
    let names: Vec<String> = (0..FEATURES).map(feature_name).collect();
    let is_same =
        file.get("features").and_then(Value::as_array).is_some_and(|own| own.iter().eq(names.iter()));
    if !is_same {
        return Err("its features are not those that this version compares".to_owned());
    }
    let modes = file.get("modes").and_then(Value::as_array).ok_or("\"modes\" is missing")?;
    modes
        .iter()
        .enumerate()
        .map(|(i, mode)| mode_of(mode).ok_or_else(|| format!("mode {i} is malformed")))
        .collect()
}

fn mode_of(mode: &Value) -> Option<Mode> {
    let word = |name: &str| Some(mode.get(name)?.as_str()?.to_owned());
    let numbers = |name: &str| -> Option<Vec<f64>> {
        mode.get(name)?.as_array()?.iter().map(|n| n.as_f64().filter(|n| n.is_finite())).collect()
    };
    let scatter = numbers("scatter").filter(|s| s.len() == FEATURES * (FEATURES + 1) / 2)?;
    Some(Mode {
        class: word("class").filter(|class| !class.is_empty())?,
        mode: word("mode")?,
        coding: Coding::of(&word("law")?)?,
        calls: mode.get("calls")?.as_f64().filter(|n| *n > 0.0 && n.is_finite())?,
        mean: numbers("mean")?.try_into().ok()?,
        scatter,
    })
}
