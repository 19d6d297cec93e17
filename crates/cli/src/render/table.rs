//! The layout of a table: as many columns as the width has room for.

use bellwether_base::Shown;
use bellwether_report::{Column, Kind};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement};

use super::shown::is_prose;

/// Columns between two columns.
const GAP: usize = 2;

/// The least width of a column with sentences, in columns.
const LEAST_PROSE: usize = 20;

/// Rows of a table with the columns that are wanted.
pub(super) struct Table {
    columns: Vec<Column>,
    /// Columns that may be left out, the first ones first.
    spare: &'static [&'static str],
    width: Option<u16>,
    folds: bool,
    rows: Vec<Vec<Shown>>,
}

impl Table {
    pub(super) const fn new(
        columns: Vec<Column>,
        spare: &'static [&'static str],
        width: Option<u16>,
    ) -> Self {
        Self { columns, spare, width, folds: true, rows: Vec::new() }
    }

    /// The same with one line for each row, however long.
    pub(super) fn unfolded(self) -> Self {
        Self { folds: false, ..self }
    }

    pub(super) fn row(&mut self, cells: Vec<Shown>) {
        self.rows.push(cells);
    }

    /// The lines, and the names of the columns that found no room.
    pub(super) fn lines(self) -> (Vec<Shown>, Vec<&'static str>) {
        let least: Vec<usize> = (0..self.columns.len()).map(|place| self.least(place)).collect();
        let kept = self.kept(&least);
        let wanted: usize = kept.iter().filter_map(|place| least.get(*place)).sum();
        let left_out = self.columns.iter().enumerate().filter(|(place, _)| !kept.contains(place));
        let left_out = left_out.map(|(_, column)| column.name).collect();
        let mut table = self.empty(&kept, wanted);
        for cells in &self.rows {
            table.add_row(kept.iter().map(|place| cells.get(*place).map_or("", |cell| cell.as_str())));
        }
        (table.lines().map(|line| line.trim_end().into()).collect(), left_out)
    }

    /// The places of the columns that fit, in order.
    fn kept(&self, least: &[usize]) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let Some(width) = self.width.map(usize::from) else { return kept };
        let every = kept.clone();
        let name = |place: usize| self.columns.get(place).map_or("", |column| column.name);
        // No gap follows the last column.
        let fits =
            |kept: &[usize]| kept.iter().filter_map(|place| least.get(*place)).sum::<usize>() <= width + GAP;
        let mut dropped = Vec::new();
        for spare in self.spare {
            if fits(&kept) {
                break;
            }
            kept.retain(|place| name(*place) != *spare);
            dropped.push(*spare);
        }
        // A wide column may have left room for a narrow one that was dropped before it.
        for spare in dropped.into_iter().rev() {
            let more: Vec<usize> =
                every.iter().copied().filter(|place| kept.contains(place) || name(*place) == spare).collect();
            if fits(&more) {
                kept = more;
            }
        }
        kept
    }

    /// The least width of a column with the gap behind it.
    fn least(&self, place: usize) -> usize {
        let is_prose = self.columns.get(place).is_some_and(|column| is_prose(column.name));
        let widest = self.widest(place);
        GAP + if is_prose { widest.min(LEAST_PROSE) } else { widest }
    }

    fn widest(&self, place: usize) -> usize {
        let header = self.columns.get(place).map_or(0, |column| column.name.len());
        let cells = self.rows.iter().filter_map(|cells| cells.get(place));
        cells.map(Shown::width).max().unwrap_or(0).max(header)
    }

    fn empty(&self, kept: &[usize], wanted: usize) -> comfy_table::Table {
        let columns: Vec<&Column> = kept.iter().filter_map(|place| self.columns.get(*place)).collect();
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let folds = self.folds && columns.iter().any(|column| is_prose(column.name));
        match self.width {
            // A table without room for a column of sentences is wider than the terminal.
            Some(width) if folds && wanted <= usize::from(width) + GAP => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width);
            }
            _ => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        table.set_header(columns.iter().map(|column| column.name.to_uppercase()));
        for (place, of) in columns.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, 2));
                if !is_prose(of.name) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
                if matches!(of.kind, Kind::Int | Kind::Real) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<u16>) -> Table {
        let column = |name| Column { name, kind: Kind::Text };
        let mut table = Table::new(vec![column("at"), column("agent"), column("message")], &["agent"], width);
        table.row(
            ["03:43:51", "a program with a long name", "nobody expects the length of this message"]
                .map(Shown::from)
                .to_vec(),
        );
        table
    }

    #[test]
    fn a_narrow_table_leaves_columns_out_and_folds_sentences_between_words_alone() {
        let (lines, left_out) = table(None).lines();
        assert_eq!((lines.len(), left_out), (2, Vec::new()));
        let (lines, left_out) = table(Some(44)).lines();
        assert_eq!(left_out, ["agent"]);
        assert!(lines.iter().all(|line| line.width() <= 44), "{lines:?}");
        let words: Vec<&str> = lines.iter().flat_map(|line| line.as_str().split_whitespace()).collect();
        assert_eq!(words.join(" "), "AT MESSAGE 03:43:51 nobody expects the length of this message");
    }
}
