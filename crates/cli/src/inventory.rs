use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bellwether_base::{Span, Timestamp};
use bellwether_enrich::Tokeniser;
use bellwether_report::{INVENTORY_COLUMNS, Reports};
use bellwether_store::{Alert, AlertKind, InventoryRow, Policy, Severity, StoreError, Writer};
use bellwether_tracker::Party;
use serde_json::{Map, Value};

use crate::args::{Common, InventoryAction, InventoryArgs};
use crate::config::Config;
use crate::outcome::{Exit, Failure};
use crate::provisioning::{self, Pulled};
use crate::render::Printer;
use crate::replay::{Installation, note};
use crate::show::open_reader;

/// Columns that a file may have; the first must be there.
const COLUMNS: [&str; 5] = ["aor", "device_class", "max_devices", "policy", "note"];

/// `bellwether inventory`.
pub(crate) fn run(common: &Common, args: &InventoryArgs) -> Result<Exit, Failure> {
    match &args.action {
        InventoryAction::Import { file } => {
            let told =
                |what: String| Failure::Work(format!("{}: {what}; nothing was imported", file.display()));
            let text = std::fs::read_to_string(file).map_err(|e| told(e.to_string()))?;
            let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
            let Installation { tokeniser, mut recorder, .. } = installation(common)?;
            let rows = read(&text, is_json, &tokeniser).map_err(told)?;
            recorder.writer().put_inventory(&rows)?;
            recorder.judge_all_devices()?;
            tell(common, &rows);
        }
        InventoryAction::Pull { url, token_file, timeout } => {
            let Installation { tokeniser, mut recorder, .. } = installation(common)?;
            let timeout = Duration::from_secs(*timeout);
            let pulled = pull(url, token_file.as_deref(), timeout, &tokeniser, recorder.writer());
            match pulled {
                Ok(Some(rows)) => {
                    recorder.judge_all_devices()?;
                    tell(common, &rows);
                }
                Ok(None) => note(common, "the inventory has not changed"),
                Err(NotPulled::Told(what)) => {
                    recorder.writer().alert(&alert(url, &what), QUIET)?;
                    return Err(Failure::Work(format!("{url}: {what}; the inventory stays as it was")));
                }
                Err(NotPulled::Failed(failure)) => return Err(failure),
            }
        }
        InventoryAction::List => {
            let shown = &["aor", "device_class", "max_devices", "policy", "note", "approved"];
            let rows = Reports::of(&open_reader(common)?).inventory_list()?;
            let mut printer = Printer::with_columns(common.format, INVENTORY_COLUMNS, shown);
            for row in rows {
                printer.row(row)?;
            }
            printer.finish()?;
        }
        InventoryAction::Approve { aor, device } => {
            let Installation { tokeniser, mut recorder, .. } = installation(common)?;
            let aor = token_of(aor, &tokeniser)
                .ok_or_else(|| Failure::Usage(format!("{aor} is no address of record")))?;
            if !recorder.reader().device_names(&aor)?.contains(device) {
                let text = format!("{aor} has no device {device} in {}", common.db.display());
                return Err(Failure::Work(text));
            }
            recorder.writer().approve(&aor, device, now())?;
            recorder.judge_all_devices()?;
        }
    }
    Ok(Exit::Done)
}

fn installation(common: &Common) -> Result<Installation, Failure> {
    Installation::open(common, &Config::load(common.config.as_deref())?)
}

/// A system that stays away is told of once in so long.
const QUIET: Span = Span::from_secs(3600);

/// Why there is no new inventory.
enum NotPulled {
    /// The system, or what it gives, in words.
    Told(String),
    /// Our own side.
    Failed(Failure),
}

impl From<String> for NotPulled {
    fn from(what: String) -> Self {
        Self::Told(what)
    }
}

impl From<StoreError> for NotPulled {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes the inventory from a provisioning system; answers its rows, or none if it is the one that is known.
fn pull(
    url: &str,
    token_file: Option<&Path>,
    timeout: Duration,
    tokeniser: &Tokeniser,
    writer: &mut Writer,
) -> Result<Option<Vec<InventoryRow>>, NotPulled> {
    let token = token_file.map(provisioning::token).transpose()?;
    let known = writer.inventory_version(url)?;
    let Some(pulled) = provisioning::pull(url, token.as_deref(), known.as_deref(), timeout)? else {
        return Ok(None);
    };
    let Pulled { text, is_json, version } = pulled;
    let rows = rows(&parsed(&text, is_json)?, tokeniser)?;
    writer.put_inventory(&rows)?;
    writer.set_inventory_version(url, version.as_deref())?;
    Ok(Some(rows))
}

fn alert(url: &str, what: &str) -> Alert {
    // Some write a password or a token into the address.
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let subject = match address.split_once("://").zip(address.rsplit_once('@')) {
        Some(((scheme, _), (_, place))) => format!("{scheme}://{place}"),
        None => address.to_owned(),
    };
    Alert {
        at: now(),
        kind: AlertKind::ProvisioningFailed,
        severity: Severity::Warning,
        subject,
        message: format!("{what}; the inventory stays as it was"),
        call: None,
        campaign: None,
    }
}

fn now() -> Timestamp {
    let now = jiff::Timestamp::now().as_nanosecond();
    Timestamp::from_nanos(i64::try_from(now).unwrap_or(i64::MAX))
}

/// One row of a file: where it stands, and its fields by column.
type Line = (String, Map<String, Value>);

fn tell(common: &Common, rows: &[InventoryRow]) {
    let aors: BTreeSet<&str> = rows.iter().map(|row| row.aor.as_str()).collect();
    note(common, &format!("{} rows of {} addresses of record", rows.len(), aors.len()));
}

/// The rows of a text, JSON or CSV, with addresses as reports print them.
pub(crate) fn read(text: &str, is_json: bool, tokeniser: &Tokeniser) -> Result<Vec<InventoryRow>, String> {
    parsed(text, is_json).and_then(|lines| rows(&lines, tokeniser))
}

/// The rows of a text as they stand.
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

/// The rows, with addresses as reports print them.
fn rows(lines: &[Line], tokeniser: &Tokeniser) -> Result<Vec<InventoryRow>, String> {
    if lines.is_empty() {
        return Err("it holds no rows".to_owned());
    }
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for (place, line) in lines {
        let row = row(line, tokeniser).map_err(|what| format!("{place}: {what}"))?;
        if !seen.insert((row.aor.clone(), row.device_class.clone())) {
            return Err(format!("{place}: the address of record and class stand in an earlier row too"));
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
        Some(other) => Err(format!("{name} is no text: {other}")),
    };
    let aor = text("aor")?.ok_or("aor is missing")?;
    let policy = text("policy")?.unwrap_or_else(|| "strict".to_owned());
    let policy =
        Policy::of(&policy).ok_or_else(|| format!("policy is strict, learn or watch, not \"{policy}\""))?;
    let device_class = text("device_class")?.unwrap_or_default();
    if device_class.is_empty() && policy != Policy::Learn {
        return Err("device_class is missing; only the policy learn does without".to_owned());
    }
    let max_devices = text("max_devices")?
        .map(|n| n.parse::<u32>().ok().filter(|n| *n > 0).ok_or(format!("max_devices is no count: \"{n}\"")))
        .transpose()?;
    let aor = token_of(&aor, tokeniser).ok_or_else(|| format!("\"{aor}\" is no address of record"))?;
    Ok(InventoryRow { aor, device_class, max_devices, policy, note: text("note")? })
}

/// An address of record as reports print it; one that is printed so already stays.
fn token_of(aor: &str, tokeniser: &Tokeniser) -> Option<String> {
    let rest = ["sip:", "sips:"].iter().find_map(|scheme| aor.strip_prefix(scheme)).unwrap_or(aor);
    let number = aor.strip_prefix("tel:");
    let (user, host) = number.map_or_else(|| rest.rsplit_once('@'), |number| Some((number, "")))?;
    if user.is_empty() || (host.is_empty() && number.is_none()) || host.contains(['<', '>', ' ']) {
        return None;
    }
    let is_token = user.len() == 32 && user.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let host = host.to_ascii_lowercase();
    if is_token {
        return Some(if number.is_some() { format!("tel:{user}") } else { format!("sip:{user}@{host}") });
    }
    Some(tokeniser.address(&Party { user: user.to_owned(), host, display: String::new() }).to_string())
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
        super::rows(&lines, &Tokeniser::new(&[7; 32], Privacy::Clear))
    }

    #[test]
    fn rows_are_read_and_wrong_ones_told_with_their_place() {
        let good = json!({"aor": "sip:101@Lab.example", "device_class": "Polycom 331", "max_devices": 2});
        let found = read_rows(json!([good])).unwrap();
        assert_eq!((found[0].aor.as_str(), found[0].max_devices), ("sip:101@lab.example", Some(2)));
        assert_eq!(found[0].policy, Policy::Strict);
        for (wrong, words) in [
            (json!({"device_class": "x"}), "row 2: aor is missing"),
            (json!({"aor": "101", "device_class": "x"}), "\"101\" is no address of record"),
            (json!({"aor": "a@b", "device_class": "x", "policy": "lax"}), "not \"lax\""),
            (json!({"aor": "a@b"}), "device_class is missing"),
            (json!({"aor": "a@b", "device_class": "x", "max_devices": "many"}), "no count"),
            (json!({"aor": "a@b", "device_class": "x", "max_devices": 0}), "no count"),
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
        let number = token_of("tel:+4930123456", &tokeniser).unwrap();
        assert_eq!(number, format!("tel:{}", tokeniser.user("+4930123456")));
        assert_eq!(token_of(&number, &tokeniser).as_deref(), Some(number.as_str()));
        let token = token_of("sip:101@lab.example", &tokeniser).unwrap();
        assert!(!token.contains("101@") && token.ends_with("@lab.example"));
        assert_eq!(token_of(&token, &tokeniser), Some(token.clone()));
        assert_eq!(token_of("101@lab.example", &tokeniser), Some(token));
        assert_eq!(token_of("nobody", &tokeniser), None);
    }
}
