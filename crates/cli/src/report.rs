use std::ops::ControlFlow;

use bellwether_base::Shown;
use bellwether_report::{Column, Query, Reports};
use bellwether_store::Reader;
use serde_json::{Map, Value};

use crate::args::{Common, Format, ReportArgs, What};
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::{Printer, csv_field, csv_line, print_object};
use crate::schema::schema;
use crate::show::open_reader;
use crate::when::moment;

/// `bellwether report`.
pub(crate) fn run(common: &Common, args: &ReportArgs) -> Result<Exit, Failure> {
    if args.schema {
        let text =
            serde_json::to_string_pretty(&schema(args.what)).map_err(|e| Failure::Work(e.to_string()))?;
        out::page(&Shown::lines(&(text + "\n")))?;
        return Ok(Exit::Done);
    }
    let Some(report) = args.what.report() else {
        print_summary(common.format, &Reader::open(&common.db)?)?;
        return Ok(Exit::Done);
    };
    let now = jiff::Timestamp::now();
    let when = |text: &Option<String>| text.as_deref().map(|t| moment(t, now)).transpose();
    let query = Query { report, since: when(&args.since)?, until: when(&args.until)? };
    let filters: Vec<Filter> =
        args.filters.iter().map(|f| Filter::parse(f, report.columns())).collect::<Result<_, _>>()?;
    let reader = open_reader(common)?;
    let limit = args.limit.unwrap_or(u64::MAX);
    let mut printer = Printer::new(common.format, report);
    let mut failure = None;
    let mut printed = 0;
    Reports::of(&reader).rows(&query, &mut |values| {
        if printed >= limit {
            return ControlFlow::Break(());
        }
        if !filters.iter().all(|f| f.matches(&values)) {
            return ControlFlow::Continue(());
        }
        printed += 1;
        match printer.row(values) {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                failure = Some(e);
                ControlFlow::Break(())
            }
        }
    })?;
    match failure {
        Some(e) => Err(e.into()),
        None => {
            printer.finish()?;
            Ok(Exit::Done)
        }
    }
}

/// `bellwether reputation list`.
pub(crate) fn reputation(common: &Common) -> Result<Exit, Failure> {
    let what = What::Reputation;
    run(
        common,
        &ReportArgs { what, schema: false, since: None, until: None, limit: None, filters: Vec::new() },
    )
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

/// One `--where`.
struct Filter {
    column: usize,
    operator: EventHandler,
    value: String,
}

#[derive(Clone, Copy, PartialEq)]
enum EventHandler {
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Contains,
}

impl Filter {
    fn parse(text: &str, columns: &[Column]) -> Result<Self, Failure> {
        use EventHandler::{Contains, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let at = text.find(['=', '!', '<', '>', '~']);
        let (name, rest) = text.split_at(at.unwrap_or(text.len()));
        // The longer operators first, as the shorter are their prefixes.
        let operators = [
            ("!=", NotEqual),
            ("<=", LessOrEqual),
            (">=", GreaterOrEqual),
            ("=", Equal),
            ("<", Less),
            (">", Greater),
            ("~", Contains),
        ];
        let Some((operator, value)) =
            operators.iter().find_map(|(sign, op)| rest.strip_prefix(sign).map(|value| (*op, value)))
        else {
            return Err(Failure::Usage(format!("--where {text}: give COLUMN=VALUE (or != < <= > >= ~)")));
        };
        let name = name.trim();
        let Some(column) = columns.iter().position(|c| c.name == name) else {
            let known: Vec<&str> = columns.iter().map(|c| c.name).collect();
            return Err(Failure::Usage(format!("there is no column {name}; there is {}", known.join(", "))));
        };
        Ok(Self { column, operator, value: value.trim().to_owned() })
    }

    fn matches(&self, values: &[Value]) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let value = values.get(self.column).unwrap_or(&Value::Null);
        if value.is_null() {
            let asks_for_null = self.value == "null";
            return match self.operator {
                EventHandler::Equal => asks_for_null,
                EventHandler::NotEqual => !asks_for_null,
                _ => false,
            };
        }
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let order = match (value.as_f64(), self.value.parse::<f64>()) {
            (Some(a), Ok(b)) => a.partial_cmp(&b),
            _ => Some(text.as_str().cmp(&self.value)),
        };
        match self.operator {
            EventHandler::Equal => order == Some(Equal),
            EventHandler::NotEqual => order != Some(Equal),
            EventHandler::Less => order == Some(Less),
            EventHandler::LessOrEqual => matches!(order, Some(Less | Equal)),
            EventHandler::Greater => order == Some(Greater),
            EventHandler::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
            EventHandler::Contains => text.contains(&self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_report::Report;
    use serde_json::json;

    #[test]
    fn filters_compare_numbers_as_numbers_and_know_null() {
        let columns = Report::Losses.columns();
        let matches = |filter: &str, count: Value| {
            Filter::parse(filter, columns).unwrap().matches(&[json!("tcp_gap"), count, json!(""), json!("")])
        };
        assert!(matches("count>9", json!(10)));
        assert!(!matches("count<=9", json!(10)));
        assert!(matches("count=10", json!(10)));
        assert!(matches("name~gap", json!(1)));
        assert!(matches("name!=other", json!(1)));
        assert!(matches("count=null", Value::Null));
        assert!(!matches("count>1", Value::Null));
    }

    #[test]
    fn an_unknown_column_or_operator_is_a_usage_error() {
        let columns = Report::Losses.columns();
        for (filter, expected) in [("size=3", "no column size"), ("count", "give COLUMN=VALUE")] {
            let failure = Filter::parse(filter, columns).err().unwrap();
            assert!(failure.to_string().contains(expected), "{failure}");
            assert_eq!(failure.exit(), Exit::Usage);
        }
    }
}
