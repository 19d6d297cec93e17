//! Rows and objects in the formats of the output.

mod cells;
mod feed;
mod object;
mod shown;
mod table;

use std::io;

use bellwether_base::Shown;
use bellwether_report::{Column, Report, Values};
use serde_json::Value;

use crate::args::Format;
use crate::out::{Out, json, width};

use cells::cell;
use table::Table;

pub(crate) use cells::{in_one_line, short_time, shorten};
pub(crate) use feed::Feed;
pub(crate) use object::print_object;

/// The maximum width of a cell in a table, and of a value in `show`. Longer text is cut; JSON has the whole text.
const LONGEST_CELL: usize = 200;
const LONGEST_VALUE: usize = 4096;

/// Prints the rows of a report in one of the formats. Only `table` holds back rows until the end.
pub(crate) struct Printer {
    format: Format,
    columns: &'static [Column],
    /// The places of the columns that are printed.
    places: Vec<usize>,
    out: Out,
    table: Option<Table>,
    rows: u64,
}

impl Printer {
    /// Prints these columns, or those of the format: a table has the important ones that its width has room for.
    pub(crate) fn new(format: Format, report: Report, chosen: Option<Vec<usize>>, wide: Option<u16>) -> Self {
        let columns = report.columns();
        let wide = wide.or_else(width);
        match chosen {
            Some(places) => Self::with_places(format, columns, places, &[], wide),
            None => {
                Self::choosing(format, columns, shown::shown(report), shown::least_important(report), wide)
            }
        }
    }

    pub(crate) fn with_columns(
        format: Format,
        columns: &'static [Column],
        shown: &'static [&'static str],
    ) -> Self {
        Self::choosing(format, columns, shown, &[], width())
    }

    fn choosing(
        format: Format,
        columns: &'static [Column],
        shown: &[&str],
        spare: &'static [&'static str],
        wide: Option<u16>,
    ) -> Self {
        let places = places(format, columns, shown);
        Self::with_places(format, columns, places, spare, wide)
    }

    fn with_places(
        format: Format,
        columns: &'static [Column],
        places: Vec<usize>,
        spare: &'static [&'static str],
        wide: Option<u16>,
    ) -> Self {
        let table = (format == Format::Table).then(|| {
            let columns = places.iter().filter_map(|place| columns.get(*place).copied()).collect();
            Table::new(columns, spare, wide)
        });
        Self { format, columns, places, out: Out::new(), table, rows: 0 }
    }

    pub(crate) fn row(&mut self, values: &Values) -> io::Result<()> {
        let columns = self.columns;
        let printed = || {
            let of = |place: &usize| Some((columns.get(*place)?, values.get(*place)?));
            self.places.iter().filter_map(of)
        };
        match self.format {
            Format::Table => {
                let cells = printed().map(|(column, value)| cell(value, column)).collect();
                if let Some(table) = &mut self.table {
                    table.row(cells);
                }
            }
            Format::Json => {
                let mut text = Shown::default();
                text.own(if self.rows == 0 { "[\n" } else { ",\n" });
                text.push(&json(&object(printed())));
                self.out.part(&text)?;
            }
            Format::Jsonl => {
                let line = json(&object(printed()));
                self.out.line(&line)?;
            }
            Format::Csv => {
                let line = csv_line(printed().map(|(_, value)| csv_field(value)));
                if self.rows == 0 {
                    self.csv_header()?;
                }
                self.out.line(&line)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The number of rows so far.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the output. Returns the columns for which a table had no room.
    pub(crate) fn finish(mut self) -> io::Result<Vec<&'static str>> {
        let mut left_out = Vec::new();
        match (self.format, self.rows) {
            (Format::Table, 0) => self.out.line(&"none".into())?,
            (Format::Table, _) => {
                if let Some(table) = self.table.take() {
                    let (lines, without) = table.lines();
                    lines.iter().try_for_each(|line| self.out.line(line))?;
                    left_out = without;
                }
            }
            (Format::Json, 0) => self.out.line(&"[]".into())?,
            (Format::Json, _) => self.out.line(&Shown::lines("\n]"))?,
            (Format::Csv, 0) => self.csv_header()?,
            (Format::Csv | Format::Jsonl, _) => {}
        }
        self.out.finish()?;
        Ok(left_out)
    }

    fn csv_header(&mut self) -> io::Result<()> {
        let columns = self.columns;
        let names = self.places.iter().filter_map(|place| columns.get(*place));
        self.out.line(&csv_line(names.map(|column| Shown::csv_text(column.name))))
    }
}

/// The lines of a table of these columns. Columns of `spare` are left out where the width has no room.
pub(crate) fn table_lines(
    report: Report,
    names: &[&str],
    spare: &'static [&'static str],
    rows: &[Values],
    wide: Option<u16>,
) -> Vec<Shown> {
    let columns = report.columns();
    let places = places(Format::Table, columns, names);
    let chosen: Vec<Column> = places.iter().filter_map(|place| columns.get(*place).copied()).collect();
    let mut table = Table::new(chosen.clone(), spare, wide).unfolded();
    for values in rows {
        let cells = places.iter().zip(&chosen);
        table.row(cells.filter_map(|(place, column)| Some(cell(values.get(*place)?, column))).collect());
    }
    table.lines().0
}

/// The places of the columns that a format prints.
fn places(format: Format, columns: &[Column], shown: &[&str]) -> Vec<usize> {
    match format {
        Format::Table => {
            shown.iter().filter_map(|name| columns.iter().position(|c| c.name == *name)).collect()
        }
        Format::Json | Format::Jsonl | Format::Csv => (0..columns.len()).collect(),
    }
}

fn object<'a>(fields: impl Iterator<Item = (&'a Column, &'a Value)>) -> Value {
    Value::Object(fields.map(|(column, value)| (column.name.to_owned(), value.clone())).collect())
}

/// A field of CSV (RFC 4180): nothing for null, JSON for lists and objects. Numbers come from the program and stay numbers with any sign;
/// texts may come from traffic.
pub(crate) fn csv_field(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::default(),
        Value::Bool(_) | Value::Number(_) => Shown::of(&value.to_string()),
        Value::String(text) => Shown::csv_text(text),
        Value::Array(_) | Value::Object(_) => Shown::csv_text(json(value).as_str()),
    }
}

/// Fields in one line.
pub(crate) fn csv_line(fields: impl IntoIterator<Item = Shown>) -> Shown {
    let mut line = Shown::default();
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            line.own(",");
        }
        line.push(&field);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_quotes_what_needs_it() {
        let field = |value| csv_field(&value).to_string();
        assert_eq!(field(json!("a,\"b\"")), "\"a,\"\"b\"\"\"");
        assert_eq!(field(json!(["x", 1])), "\"[\"\"x\"\",1]\"");
        assert_eq!((field(Value::Null), field(json!(7))), (String::new(), "7".to_owned()));
    }

    #[test]
    fn a_negative_number_stays_one_and_a_text_like_it_is_made_text() {
        let line = csv_line([csv_field(&json!(-2.5)), csv_field(&json!("-2.5")), csv_field(&json!(["-1"]))]);
        assert_eq!(line.as_str(), "-2.5,'-2.5,\"[\"\"-1\"\"]\"");
    }
}
