//! Printing rows: tables for people, JSON, NDJSON and CSV for programs.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::failure::{Exit, Failure};

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One array.
    Json,
    /// One object a line.
    Ndjson,
    /// With a header line.
    Csv,
}

/// A kind of row with fixed columns.
pub(super) trait Columns: Serialize {
    /// The machine names, in order.
    const COLUMNS: &'static [&'static str];
}

/// Standard output, or a test's buffer.
pub(super) struct Out {
    writer: Box<dyn Write + Send>,
    width: Option<u16>,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out")
    }
}

impl Out {
    pub(super) fn stdout() -> Out {
        let width = io::stdout().is_terminal().then(terminal_width).flatten();
        Out { writer: Box::new(BufWriter::new(anstream::stdout())), width }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    pub(super) fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.writer, "{text}")
    }

    /// How wide the terminal is; `None` when this is none.
    pub(super) fn width(&self) -> Option<u16> {
        self.width
    }

    /// Prints rows; `table` is asked only for the format for people.
    pub(super) fn rows<T: Columns>(
        &mut self,
        format: Format,
        rows: &[T],
        table: impl FnOnce(&[T]) -> Table,
    ) -> Result<(), Failure> {
        match format {
            Format::Table => {
                let mut table = table(rows);
                self.fit(&mut table);
                self.line(trimmed(&table))?;
            }
            Format::Json => {
                let text = serde_json::to_string_pretty(rows).map_err(unprintable)?;
                self.line(text)?;
            }
            Format::Ndjson => {
                for row in rows {
                    let text = serde_json::to_string(row).map_err(unprintable)?;
                    self.line(text)?;
                }
            }
            Format::Csv => self.csv(rows, T::COLUMNS)?,
        }
        Ok(())
    }

    pub(super) fn fit(&self, table: &mut Table) {
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
    }

    fn csv<T: Serialize>(&mut self, rows: &[T], columns: &[&str]) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(columns).map_err(unprintable)?;
        for row in rows {
            let value = serde_json::to_value(row).map_err(unprintable)?;
            let cells = columns.iter().map(|column| cell(value.get(*column)));
            writer.write_record(cells).map_err(unprintable)?;
        }
        let bytes = writer.into_inner().map_err(unprintable)?;
        self.writer.write_all(&bytes)?;
        Ok(())
    }
}

fn unprintable(cause: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, format!("failed to print: {cause}"))
}

/// A cell that a spreadsheet would run as a formula gets a quote in front (S41).
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// A table without lines: names on top, columns apart.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

pub(super) fn right_align(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// comfy-table pads the last column; a pipe to a file should not carry that.
pub(super) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Text from files and from Orchestrator may hold escape sequences; a terminal must not obey them (S40).
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' | '\r' => ' ',
            // Bidirectional controls can make a line read backwards.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

fn terminal_width() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col).filter(|width| *width > 20)
}
