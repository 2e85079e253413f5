//! The table that lives: redrawn in place on a terminal, a line a change elsewhere.

use std::time::Duration;

use crate::cli::failure::Failure;
use crate::cli::output::{Out, trimmed};
use crate::cli::runs::{one_line, runs_table};
use crate::history::{History, HistoryFilter};

/// Rows of the table on a terminal: the newest.
const ROWS: u32 = 18;

pub(super) struct Screen {
    width: Option<u16>,
    drawn: usize,
    seen: i64,
}

impl Screen {
    pub(super) fn new(width: Option<u16>) -> Screen {
        Screen { width, drawn: 0, seen: 0 }
    }

    pub(super) async fn draw(&mut self, history: &History, left: Duration, out: &mut Out) -> Result<(), Failure> {
        match self.width {
            Some(_) => self.redraw(history, left, out).await?,
            None => {
                let (changed, newest) = history.changed_since(self.seen).await?;
                self.seen = newest;
                for run in &changed {
                    out.line(one_line(run))?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }

    async fn redraw(&mut self, history: &History, left: Duration, out: &mut Out) -> Result<(), Failure> {
        let runs = history.list(&HistoryFilter { limit: ROWS, ..HistoryFilter::default() }).await?;
        let mut table = runs_table(&runs);
        out.fit(&mut table);
        let text = format!("{}\n\n{} s left; Ctrl-C ends it", trimmed(&table), left.as_secs());
        if self.drawn > 0 {
            // Up to the first line of the last drawing, and clear from there.
            out.line(format!("\x1b[{}A\x1b[J{text}", self.drawn))?;
        } else {
            out.line(&text)?;
        }
        self.drawn = text.lines().count();
        Ok(())
    }
}
