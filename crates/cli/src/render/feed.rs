//! Rows that come one after the other, each printed at once.

use std::collections::VecDeque;
use std::io;

use bellwether_base::Shown;
use bellwether_report::{Column, Report, Values};

use super::cells::cell;
use super::table::Table;
use super::{csv_field, csv_line, object, places, shown};
use crate::args::Format;
use crate::out::{Out, json, width};

/// Earlier rows by which the columns of a table keep their widths.
const REMEMBERED: usize = 100;

/// Prints rows at once. A table has its header at its beginning only, and folds nothing.
pub(crate) struct Feed {
    format: Format,
    columns: &'static [Column],
    places: Vec<usize>,
    spare: &'static [&'static str],
    width: Option<u16>,
    earlier: VecDeque<Vec<Shown>>,
    is_begun: bool,
}

impl Feed {
    pub(crate) fn new(format: Format, report: Report, chosen: Option<Vec<usize>>, wide: Option<u16>) -> Self {
        let columns = report.columns();
        let spare = if chosen.is_some() { &[] } else { shown::least_important(report) };
        Self {
            format,
            columns,
            places: chosen.unwrap_or_else(|| places(format, columns, shown::shown(report))),
            spare,
            width: wide.or_else(width),
            earlier: VecDeque::new(),
            is_begun: false,
        }
    }

    /// Prints rows.
    pub(crate) fn rows(&mut self, rows: &[Values]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut out = Out::new();
        if self.format == Format::Table {
            self.table(rows, &mut out)?;
        }
        if self.format == Format::Csv && !self.is_begun {
            out.line(&csv_line(self.chosen().map(|column| Shown::csv_text(column.name))))?;
        }
        for values in rows {
            let printed = || {
                self.places.iter().filter_map(|place| Some((self.columns.get(*place)?, values.get(*place)?)))
            };
            match self.format {
                Format::Table => {}
                Format::Json | Format::Jsonl => out.line(&json(&object(printed())))?,
                Format::Csv => out.line(&csv_line(printed().map(|(_, value)| csv_field(value))))?,
            }
        }
        self.is_begun = true;
        out.finish()
    }

    fn chosen(&self) -> impl Iterator<Item = &'static Column> + '_ {
        let columns = self.columns;
        self.places.iter().filter_map(move |place| columns.get(*place))
    }

    fn table(&mut self, rows: &[Values], out: &mut Out) -> io::Result<()> {
        let columns: Vec<Column> = self.chosen().copied().collect();
        for values in rows {
            let cells = self.places.iter().zip(&columns);
            let cells = cells.filter_map(|(place, column)| Some(cell(values.get(*place)?, column))).collect();
            self.earlier.push_back(cells);
        }
        let forgotten = self.earlier.len().saturating_sub(REMEMBERED.max(rows.len()));
        self.earlier.drain(..forgotten);
        let mut table = Table::new(columns, self.spare, self.width).unfolded();
        self.earlier.iter().for_each(|cells| table.row(cells.clone()));
        let (lines, _) = table.lines();
        let new = lines.len().saturating_sub(rows.len());
        if !self.is_begun
            && let Some(header) = lines.first()
        {
            out.line(header)?;
        }
        lines.iter().skip(new).try_for_each(|line| out.line(line))
    }
}
