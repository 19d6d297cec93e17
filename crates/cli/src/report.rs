//! `bellwether report`.

mod context;
mod selection;

use bellwether_base::Shown;
use bellwether_report::{Report, Reports};
use bellwether_store::Reader;
use serde_json::{Map, Value};

use crate::args::{Common, Format, ReportArgs, What};
use crate::calls::CallIds;
use crate::config::Config;
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::{Printer, csv_field, csv_line, print_object};
use crate::schema::schema;
use crate::show::open_reader_with;

pub(crate) use context::ReportContext;
pub(crate) use selection::{Selection, place_of, places_of};

/// `bellwether report`.
pub(crate) fn run(common: &Common, args: &ReportArgs) -> Result<Exit, Failure> {
    if args.schema {
        let text =
            serde_json::to_string_pretty(&schema(args.what)).map_err(|e| Failure::Work(e.to_string()))?;
        out::page(&Shown::lines(&(text + "\n")))?;
        return Ok(Exit::Done);
    }
    let Some(report) = args.what.report() else {
        return summary(common, args);
    };
    if args.follow {
        return crate::follow::run(common, args, report);
    }
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let ids = CallIds::new(common, &config, &reader);
    let context = ReportContext::new(report, jiff::Timestamp::now(), &ids);
    let selection = Selection::of(args, report, &context)?;
    let chosen = args.columns.as_deref().map(|names| places_of(names, report)).transpose()?;
    let reports = Reports::of(&reader);
    let mut printer = Printer::new(common.format, report, chosen, args.width);
    selection.visit(reports, &mut |values| Ok(printer.row(&values)?))?;
    if printer.rows() == 0 && common.format == Format::Table && selection.is_narrow() {
        out::line(none_of(reports, report)?)?;
        return Ok(Exit::Done);
    }
    let left_out = printer.finish()?;
    if !left_out.is_empty() {
        note(common, &format!("no room for the columns {}; --columns chooses columns", left_out.join(", ")));
    }
    Ok(Exit::Done)
}

/// The words for a report of which nothing is wanted.
fn none_of(reports: Reports<'_>, report: Report) -> Result<String, Failure> {
    let name = format!("{report:?}").to_lowercase();
    let (count, newest) = reports.extent(report)?;
    Ok(match newest.as_deref().map(crate::render::short_time) {
        _ if count == 0 => "none".to_owned(),
        Some(newest) => format!("none of {count} {name} matches; the newest is of {newest}"),
        None => format!("none of {count} {name} matches"),
    })
}

/// `bellwether report summary`, which has no rows to choose from.
fn summary(common: &Common, args: &ReportArgs) -> Result<Exit, Failure> {
    if args.follow {
        return Err(Failure::Usage(
            "the summary has no rows to follow; `bellwether watch` shows counts".to_owned(),
        ));
    }
    if let Some(option) = args.option_of_rows() {
        note(common, &format!("the summary is of the whole database; {option} has no effect on it"));
    }
    print_summary(common.format, &Reader::open(&common.db)?)?;
    Ok(Exit::Done)
}

/// `bellwether reputation list`.
pub(crate) fn reputation(common: &Common) -> Result<Exit, Failure> {
    run(common, &ReportArgs::all_of(What::Reputation))
}

/// Prints what the database amounts to.
pub(crate) fn print_summary(format: Format, reader: &Reader) -> Result<(), Failure> {
    let summary = Reports::of(reader).summary()?;
    match format {
        Format::Table => print_object(&summary)?,
        Format::Json | Format::Jsonl => out::line(out::json(&Value::Object(summary)))?,
        Format::Csv => print_csv_object(&summary)?,
    }
    Ok(())
}

fn print_csv_object(object: &Map<String, Value>) -> std::io::Result<()> {
    out::line(csv_line(object.keys().map(|name| Shown::csv_text(name))))?;
    out::line(csv_line(object.values().map(csv_field)))
}
