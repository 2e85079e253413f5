//! A run as programs get it: the columns of the view, and behind them the three lengths that are worked out from these.

use serde::Serialize;

use super::output::Columns;
use crate::history::{RunSummary, Spans};

/// A row of `runs` and of `show`.
#[derive(Serialize)]
pub(super) struct RunRow {
    #[serde(flatten)]
    pub(super) run: RunSummary,
    #[serde(flatten)]
    spans: Spans,
}

impl RunRow {
    /// One whose lengths whoever was asked has worked out.
    pub(super) fn of(run: RunSummary, spans: Spans) -> RunRow {
        RunRow { run, spans }
    }
}

const COUNT: usize = RunSummary::COLUMNS.len() + Spans::COLUMNS.len();

const ALL: [&str; COUNT] = {
    let mut all = [""; COUNT];
    let mut place = 0;
    while place < COUNT {
        all[place] = match place.checked_sub(RunSummary::COLUMNS.len()) {
            Some(behind) => Spans::COLUMNS[behind],
            None => RunSummary::COLUMNS[place],
        };
        place += 1;
    }
    all
};

impl Columns for RunRow {
    const COLUMNS: &'static [&'static str] = &ALL;
}
