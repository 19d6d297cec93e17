use std::collections::BTreeSet;

use bellwether_enrich::{Tokeniser, stored_aor};
use bellwether_store::{InventoryRow, Policy};
use serde_json::{Map, Value};

/// The columns of an inventory. The first is mandatory.
const COLUMNS: [&str; 5] = ["aor", "device_class", "max_devices", "policy", "note"];

/// One row of a text: its place, and its fields by column.
type Line = (String, Map<String, Value>);

/// The rows of an inventory in JSON or CSV, with addresses of record as the database has them.
///
/// # Errors
/// The place of the first wrong row, and the fault.
pub fn inventory_rows(text: &str, is_json: bool, tokeniser: &Tokeniser) -> Result<Vec<InventoryRow>, String> {
    parsed(text, is_json).and_then(|lines| checked(&lines, tokeniser))
}

/// The fields of a text, not yet checked.
fn parsed(text: &str, is_json: bool) -> Result<Vec<Line>, String> {
    if is_json {
        let rows: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        return Ok(rows.into_iter().enumerate().map(|(i, row)| (format!("row {}", i + 1), row)).collect());
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header: Vec<String> =
        reader.headers().map_err(|e| e.to_string())?.iter().map(str::to_owned).collect();
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let place = record.position().map_or_else(String::new, |at| format!("line {}", at.line()));
        let field = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
        lines.push((place, header.iter().cloned().zip(record.iter().map(field)).collect()));
    }
    Ok(lines)
}

/// The rows, with addresses of record as the database has them.
fn checked(lines: &[Line], tokeniser: &Tokeniser) -> Result<Vec<InventoryRow>, String> {
    if lines.is_empty() {
        return Err("there are no rows".to_owned());
    }
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for (place, line) in lines {
        let row = row(line, tokeniser).map_err(|what| format!("{place}: {what}"))?;
        if !seen.insert((row.aor.clone(), row.device_class.clone())) {
            return Err(format!("{place}: an earlier row has the same address of record and class"));
        }
        out.push(row);
    }
    Ok(out)
}

fn row(line: &Map<String, Value>, tokeniser: &Tokeniser) -> Result<InventoryRow, String> {
    if let Some(unknown) = line.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
        return Err(format!("there is no column \"{unknown}\", only {}", COLUMNS.join(", ")));
    }
    let text = |name: &str| match line.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(format!("{name} is not text: {other}")),
    };
    let aor = text("aor")?.ok_or("aor is missing")?;
    let policy = text("policy")?.unwrap_or_else(|| "strict".to_owned());
    let policy = Policy::of(&policy)
        .ok_or_else(|| format!("policy must be strict, learn or watch, not \"{policy}\""))?;
    let device_class = text("device_class")?.unwrap_or_default();
    if device_class.is_empty() && policy != Policy::Learn {
        return Err("device_class is missing; only policy learn may omit it".to_owned());
    }
    let max_devices = text("max_devices")?
        .map(|n| {
            n.parse::<u32>()
                .ok()
                .filter(|n| *n > 0)
                .ok_or(format!("max_devices is not a positive number: \"{n}\""))
        })
        .transpose()?;
    let aor = stored_aor(&aor, tokeniser).ok_or_else(|| format!("\"{aor}\" is not an address of record"))?;
    Ok(InventoryRow { aor, device_class, max_devices, policy, note: text("note")? })
}

#[cfg(test)]
mod tests {
    use bellwether_enrich::Privacy;
    use serde_json::json;

    use super::*;

    fn read_rows(rows: Value) -> Result<Vec<InventoryRow>, String> {
        let lines: Vec<Line> = rows
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(i, row)| (format!("row {}", i + 1), row.as_object().unwrap().clone()))
            .collect();
        checked(&lines, &Tokeniser::new(&[7; 32], Privacy::Clear))
    }

    #[test]
    fn rows_are_read_and_a_wrong_one_is_an_error_with_its_place() {
        let good = json!({"aor": "sip:101@Lab.example", "device_class": "Polycom 331", "max_devices": 2});
        let found = read_rows(json!([good])).unwrap();
        assert_eq!((found[0].aor.as_str(), found[0].max_devices), ("sip:101@lab.example", Some(2)));
        assert_eq!(found[0].policy, Policy::Strict);
        for (wrong, words) in [
            (json!({"device_class": "x"}), "row 2: aor is missing"),
            (json!({"aor": "101", "device_class": "x"}), "\"101\" is not an address of record"),
            (json!({"aor": "a@b", "device_class": "x", "policy": "lax"}), "not \"lax\""),
            (json!({"aor": "a@b"}), "device_class is missing"),
            (json!({"aor": "a@b", "device_class": "x", "max_devices": "many"}), "not a positive number"),
            (json!({"aor": "a@b", "device_class": "x", "max_devices": 0}), "not a positive number"),
            (json!({"aor": "a@b", "device_class": "x", "clas": "y"}), "no column \"clas\""),
            (json!({"aor": "101@lab.example", "device_class": "Polycom 331"}), "earlier row"),
        ] {
            let told = read_rows(json!([good, wrong])).unwrap_err();
            assert!(told.starts_with("row 2: ") && told.contains(words), "{told}");
        }
        assert!(read_rows(json!([])).is_err());
    }

    #[test]
    fn addresses_become_tokens_once() {
        let tokeniser = Tokeniser::new(&[7; 32], Privacy::Tokens);
        let number = stored_aor("tel:+4930123456", &tokeniser).unwrap();
        assert_eq!(number, format!("tel:{}", tokeniser.user("+4930123456")));
        assert_eq!(stored_aor(&number, &tokeniser).as_deref(), Some(number.as_str()));
        let token = stored_aor("sip:101@lab.example", &tokeniser).unwrap();
        assert!(!token.contains("101@") && token.ends_with("@lab.example"));
        assert_eq!(stored_aor(&token, &tokeniser), Some(token.clone()));
        assert_eq!(stored_aor("101@lab.example", &tokeniser), Some(token));
        assert_eq!(stored_aor("nobody", &tokeniser), None);
    }
}
