use std::io::Write;

use bellwether_store::Reader;
use serde_json::{Map, Value};

use crate::args::{Common, Format, ShowArgs, ShowKind};
use crate::outcome::{Exit, Failure};
use crate::render::print_object;

/// `bellwether show`.
pub(crate) fn run(common: &Common, args: &ShowArgs) -> Result<Exit, Failure> {
    let reader = Reader::open(&common.db)?;
    let found = match args.kind {
        ShowKind::Call => reader.show_call(&args.id)?,
        ShowKind::Fingerprint => reader.show_fingerprint(&args.id)?.into_iter().collect(),
    };
    if found.is_empty() {
        let kind = match args.kind {
            ShowKind::Call => "call with the Call-ID",
            ShowKind::Fingerprint => "fingerprint",
        };
        return Err(Failure::Work(format!("there is no {kind} {} in {}", args.id, common.db.display())));
    }
    for (i, object) in found.iter().enumerate() {
        if i > 0 && common.format == Format::Table {
            writeln!(std::io::stdout())?;
        }
        print(common.format, object)?;
    }
    Ok(Exit::Done)
}

/// Only `table` is for people; the others give the object.
fn print(format: Format, object: &Map<String, Value>) -> Result<(), Failure> {
    match format {
        Format::Table => print_object(object)?,
        Format::Json | Format::Jsonl | Format::Csv => {
            writeln!(std::io::stdout(), "{}", Value::Object(object.clone()))?;
        }
    }
    Ok(())
}
