//! Printing rows: tables for people (`grid`), JSON, NDJSON and CSV for programs.

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use super::args::Format;
use super::csv_cell;
use super::failure::{Exit, Failure};
use super::grid::Grid;

/// How many rows of an endless table are laid out together: far more than a screen, and a moment's work.
const TABLE_ROWS: usize = 1_000;

/// A kind of row with fixed columns.
pub(super) trait Columns: Serialize {
    /// The machine names, in order.
    const COLUMNS: &'static [&'static str];
}

/// Standard output, or a test's buffer.
pub(super) struct Out {
    writer: Box<dyn Write + Send>,
}

/// How big the terminal is, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out")
    }
}

impl Out {
    pub(super) fn stdout() -> Out {
        Out { writer: Box::new(BufWriter::new(anstream::stdout())) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    pub(super) fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.writer, "{text}")
    }

    /// The terminal's size now; `None` when this is none.
    pub(super) fn size(&self) -> Option<Size> {
        io::stdout().is_terminal().then(terminal_size).flatten()
    }

    /// Prints rows; `table` is asked only for the format for people.
    pub(super) fn rows<T: Columns>(
        &mut self,
        format: Format,
        rows: &[T],
        table: impl FnOnce(&[T]) -> Grid,
    ) -> Result<(), Failure> {
        match format {
            Format::Table => {
                let width = self.size().map(|size| size.columns);
                for line in table(rows).lines(width) {
                    self.line(line)?;
                }
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
            Format::Csv => self.csv(rows, Header::Shown)?,
        }
        Ok(())
    }

    /// Prints rows as they come, however many there are: nothing but a table's screenful is held in memory.
    ///
    /// A table needs all its rows to find its widths, so a long one is several tables, each with its names on top.
    pub(super) fn stream<T: Columns>(
        &mut self,
        format: Format,
        mut rows: impl Iterator<Item = T>,
        table: impl Fn(&[T]) -> Grid,
    ) -> Result<(), Failure> {
        match format {
            Format::Json => {
                let mut serializer = serde_json::Serializer::pretty(&mut self.writer);
                // As an I/O error, so that a reader who has seen enough is no failure.
                serde::Serializer::collect_seq(&mut serializer, rows).map_err(io::Error::from)?;
                self.line("")?;
            }
            Format::Ndjson => {
                for row in rows {
                    self.rows(format, &[row], &table)?;
                }
            }
            Format::Csv => {
                self.csv::<T>(&[], Header::Shown)?;
                for row in rows {
                    self.csv(&[row], Header::Omitted)?;
                }
            }
            Format::Table => loop {
                let part: Vec<T> = rows.by_ref().take(TABLE_ROWS).collect();
                if part.is_empty() {
                    break;
                }
                self.rows(format, &part, &table)?;
            },
        }
        Ok(())
    }

    /// CSV rows that follow others.
    pub(super) fn more_csv<T: Columns>(&mut self, rows: &[T]) -> Result<(), Failure> {
        self.csv(rows, Header::Omitted)
    }

    fn csv<T: Columns>(&mut self, rows: &[T], header: Header) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        match header {
            Header::Shown => writer.write_record(T::COLUMNS).map_err(unprintable)?,
            Header::Omitted => {}
        }
        for row in rows {
            let value = serde_json::to_value(row).map_err(unprintable)?;
            let cells = T::COLUMNS.iter().map(|column| csv_cell::cell(column, value.get(*column)));
            writer.write_record(cells).map_err(unprintable)?;
        }
        let bytes = writer.into_inner().map_err(unprintable)?;
        self.writer.write_all(&bytes)?;
        Ok(())
    }
}

enum Header {
    Shown,
    Omitted,
}

fn unprintable(cause: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, format!("failed to print: {cause}"))
}

/// Bytes for people: `1.4 GB`, in powers of ten as disks are sold.
pub(super) fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        1_000_000_000.. => (1_000_000_000, "GB"),
        1_000_000.. => (1_000_000, "MB"),
        1_000.. => (1_000, "kB"),
        _ => return format!("{bytes} bytes"),
    };
    let tenths = bytes / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Of an error that a workflow threw, with its stack, what a cell has room for. `show` has all of it.
pub(super) fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
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

fn terminal_size() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    // Some pseudo-terminals do not know theirs.
    (size.ws_col > 20).then_some(Size { columns: size.ws_col, rows: if size.ws_row == 0 { 24 } else { size.ws_row } })
}
