//! Tables for people: names on top, columns apart, one line a row.
//!
//! The layout sees plain text and colours come afterwards: comfy-table counts escapes as text. A pipe gets every word; a
//! terminal gets lines that fit: first short forms, then fewer columns, and the last column is cut with `…`.

use crate::text::cut;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width, presets};
use owo_colors::OwoColorize;

/// Between two columns.
const GAP: u16 = 2;

/// Less of the last column says too little: rather leave another out.
const LEAST: u16 = 20;

/// The last column itself is left out below this.
const LEAST_OF_ALL: u16 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    None,
    Green,
    Red,
    Yellow,
    Cyan,
}

impl Tint {
    pub fn paint(self, text: &str) -> String {
        match self {
            Tint::None => text.to_owned(),
            Tint::Green => text.green().to_string(),
            Tint::Red => text.red().to_string(),
            Tint::Yellow => text.yellow().to_string(),
            Tint::Cyan => text.cyan().to_string(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    short: Option<String>,
    tint: Tint,
    /// A tint for each character, the last for the last: a short form is the end of the text.
    tints: Vec<Tint>,
}

impl Cell {
    pub fn new(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), short: None, tint: Tint::None, tints: Vec::new() }
    }

    /// Another form for a narrow terminal.
    pub fn or_short(self, short: impl Into<String>) -> Cell {
        Cell { short: Some(short.into()), ..self }
    }

    pub fn tinted(self, tint: Tint) -> Cell {
        Cell { tint, ..self }
    }

    /// Each character in its own tint, for a text whose short form is its end.
    pub fn in_tints(self, tints: Vec<Tint>) -> Cell {
        Cell { tints, ..self }
    }

    fn paint(&self, text: &str) -> String {
        if self.tints.is_empty() {
            return self.tint.paint(text);
        }
        let skipped = self.tints.len().saturating_sub(text.chars().count());
        let chars = text.chars().zip(self.tints.iter().skip(skipped));
        chars.map(|(char, tint)| tint.paint(char.encode_utf8(&mut [0; 4]))).collect()
    }

    fn form(&self, form: Form) -> &str {
        match form {
            Form::Full => &self.text,
            Form::Short => self.short.as_ref().unwrap_or(&self.text),
        }
    }
}

#[derive(Clone, Copy)]
enum Form {
    Full,
    Short,
}

/// A table; the last column takes what room is left.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    right: Vec<usize>,
    spare: Vec<usize>,
}

impl Grid {
    pub fn new(header: &[&'static str]) -> Grid {
        Grid { header: header.to_vec(), ..Grid::default() }
    }

    /// Columns whose cells end at the same place.
    pub fn right(self, columns: &[usize]) -> Grid {
        Grid { right: columns.to_vec(), ..self }
    }

    /// Columns that a narrow terminal goes without, the first of them first.
    pub fn spare(self, columns: &[usize]) -> Grid {
        Grid { spare: columns.to_vec(), ..self }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, coloured; for a terminal none is wider than `width` cells.
    pub fn lines(&self, width: Option<u16>) -> Vec<String> {
        let mut columns: Vec<usize> = (0..self.header.len()).collect();
        let Some(width) = width else {
            return self.painted(&self.table(&columns, Form::Full), &columns, Form::Full, None);
        };
        let fitted = |columns: &[usize], form, least| {
            let mut table = self.table(columns, form);
            fit(&mut table, width, least).then(|| self.painted(&table, columns, form, Some(width)))
        };
        if let Some(lines) = fitted(&columns, Form::Full, LEAST).or_else(|| fitted(&columns, Form::Short, LEAST)) {
            return lines;
        }
        for spare in &self.spare {
            columns.retain(|column| column != spare);
            if let Some(lines) = fitted(&columns, Form::Short, LEAST) {
                return lines;
            }
        }
        if let Some(lines) = fitted(&columns, Form::Short, LEAST_OF_ALL) {
            return lines;
        }
        columns.pop();
        self.painted(&self.table(&columns, Form::Short), &columns, Form::Short, Some(width))
    }

    fn table(&self, columns: &[usize], form: Form) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_truncation_indicator("…");
        table.set_header(columns.iter().filter_map(|column| self.header.get(*column).copied()));
        for cells in &self.rows {
            let mut row = Row::from(
                columns.iter().map(|column| cells.get(*column).map_or("", |cell| cell.form(form))).collect::<Vec<_>>(),
            );
            row.max_height(1);
            table.add_row(row);
        }
        let last = columns.len().saturating_sub(1);
        for (place, column) in columns.iter().enumerate() {
            if let Some(shown) = table.column_mut(place) {
                shown.set_padding((0, if place == last { 0 } else { GAP }));
                if self.right.contains(column) {
                    shown.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table
    }

    fn painted(&self, table: &Table, columns: &[usize], form: Form, width: Option<u16>) -> Vec<String> {
        let fitting = |line: String| match width.map(usize::from) {
            Some(width) if line.chars().count() > width => cut(&line, width.saturating_sub(1)),
            Some(_) | None => line,
        };
        let mut lines = table.lines().map(|line| fitting(line.trim_end().to_owned()));
        let mut painted: Vec<String> = lines.next().into_iter().collect();
        for (line, cells) in lines.zip(&self.rows) {
            let cells = columns.iter().filter_map(|column| cells.get(*column));
            painted.push(paint(&line, cells, form));
        }
        painted
    }
}

/// Gives the last column what the others leave. False when that is too little.
fn fit(table: &mut Table, width: u16, least: u16) -> bool {
    let widths = table.column_max_content_widths();
    let Some((last, others)) = widths.split_last() else { return true };
    let taken = others.iter().fold(0u16, |sum, one| sum.saturating_add(*one).saturating_add(GAP));
    let room = width.saturating_sub(taken);
    if room < (*last).min(least) {
        return false;
    }
    if room < *last {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for place in 0..others.len() {
            if let Some(column) = table.column_mut(place) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        if let Some(column) = table.column_mut(others.len()) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(room)));
        }
    }
    true
}

/// The cells stand in the line in their order, and all but the last are whole.
fn paint<'c>(line: &str, cells: impl Iterator<Item = &'c Cell>, form: Form) -> String {
    let mut painted = String::new();
    let mut rest = line;
    for cell in cells {
        let text = cell.form(form);
        let Some((before, after)) = rest.split_once(text).filter(|_| !text.is_empty()) else { continue };
        painted.push_str(before);
        painted.push_str(&cell.paint(text));
        rest = after;
    }
    painted + rest
}
