//! The table that lives: redrawn in place on a terminal, a line a change elsewhere.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::failure::Failure;
use crate::cli::output::{Out, Size};
use crate::cli::runs::{one_line, runs_table};
use crate::history::{History, HistoryFilter};

/// Rows of the table on a terminal: the newest.
const ROWS: u32 = 18;

pub(super) struct Screen {
    drawn: usize,
    seen: i64,
}

impl Screen {
    /// Shows what changes after the history's line `seen`.
    pub(super) fn new(seen: i64) -> Screen {
        Screen { drawn: 0, seen }
    }

    /// `left` is `None` for the last drawing, which stays.
    pub(super) async fn draw(
        &mut self,
        history: &History,
        left: Option<Duration>,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<(), Failure> {
        match out.size() {
            Some(size) => self.redraw(history, left, now, size, out).await?,
            None => {
                let (changed, newest) = history.changed_since(self.seen).await?;
                self.seen = newest;
                let details = history.details(&changed).await?;
                for run in &changed {
                    out.line(one_line(run, &details, now))?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }

    async fn redraw(
        &mut self,
        history: &History,
        left: Option<Duration>,
        now: Timestamp,
        size: Size,
        out: &mut Out,
    ) -> Result<(), Failure> {
        // The names, two lines below and the cursor's: what scrolls away cannot be drawn again.
        let limit = ROWS.min(u32::from(size.rows.saturating_sub(4))).max(1);
        let runs = history.list(&HistoryFilter { limit, ..HistoryFilter::default() }).await?;
        let mut lines = runs_table(&runs, &history.details(&runs).await?, now).lines(Some(size.columns));
        if let Some(left) = left {
            lines.extend([String::new(), format!("{} s left; Ctrl-C ends it", left.as_secs_f64().ceil())]);
        }
        let text = lines.join("\n");
        if self.drawn > 0 {
            // Up to the first line of the last drawing, and clear from there.
            out.line(format!("\x1b[{}A\x1b[J{text}", self.drawn))?;
        } else {
            out.line(&text)?;
        }
        self.drawn = lines.len();
        Ok(())
    }
}
