//! `bellwether find`: everything about one number, token, network address, network or Call-ID.

use std::io::Read;

use bellwether_report::Reports;
use serde_json::{Map, Value, json};

use crate::args::{Common, FindArgs, Format};
use crate::calls::CallIds;
use crate::config::Config;
use crate::names::Names;
use crate::outcome::{Exit, Failure};
use crate::render::in_one_line;
use crate::show::{open_reader_with, print};

/// Octets of the longest name on standard input.
const LONGEST_NAME: u64 = 4096;

/// Finds a name. No message repeats the name: it may be a number in clear text.
pub(crate) fn run(common: &Common, args: &FindArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let ids = CallIds::new(common, &config, &reader);
    let name = if args.name == "-" { from_standard_input()? } else { args.name.trim().to_owned() };
    let reports = Reports::of(&reader);
    let found =
        reports.find::<Failure>(&name, || ids.stored(&name).map(Some), || Names::new(&ids).users(&name))?;
    reader.is_whole()?;
    let Some((kind, mut found)) = found else {
        return Err(Failure::Work(format!("{} knows nothing about it", common.db.display())));
    };
    let mut shown = Map::new();
    shown.insert("found".to_owned(), json!(kind));
    shown.append(&mut found);
    if common.format == Format::Table && matches!(kind, "party" | "address" | "network" | "call") {
        shown = for_people(shown);
    }
    print(common.format, &shown)?;
    Ok(Exit::Done)
}

/// The same with one line for each thing of a list.
fn for_people(object: Map<String, Value>) -> Map<String, Value> {
    let line = |item: Value| match item.as_object() {
        Some(object) => Value::String(in_one_line(object)),
        None => item,
    };
    let fields = object.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Array(items) => items.into_iter().map(line).collect(),
            Value::Object(inner) => Value::Object(for_people(inner)),
            other => other,
        };
        (name, value)
    });
    fields.collect()
}

fn from_standard_input() -> Result<String, Failure> {
    let mut name = String::new();
    let read = std::io::stdin().lock().take(LONGEST_NAME).read_to_string(&mut name);
    read.map_err(|e| Failure::Work(format!("cannot read standard input: {e}")))?;
    Ok(name.trim().to_owned())
}
