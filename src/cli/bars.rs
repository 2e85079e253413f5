//! The last runs of a schedule as one short text: a bar for each success, the higher the longer it took, and a sign for any other end.
//!
//! Never colour alone: a run that did not succeed has a sign of its own and no bar. Blocks are for terminals whose locale is UTF-8; elsewhere
//! the same heights are the digits 1 to 8, which a pipe, a ticket and an old terminal show alike.

use super::grid::Tint;
use crate::run::{Ending, JobPhase, RunState};

/// The heights, the lowest first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const DIGITS: [char; 8] = ['1', '2', '3', '4', '5', '6', '7', '8'];

/// What heights are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Blocks.
    Blocks,
    /// Digits.
    Digits,
}

impl Script {
    /// For a terminal, by its locale (locale(7): the first of these variables that is set and not empty); a pipe gets digits.
    pub fn of(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Script {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        if is_terminal && (locale.contains("utf-8") || locale.contains("utf8")) {
            Script::Blocks
        } else {
            Script::Digits
        }
    }

    fn heights(self) -> [char; 8] {
        match self {
            Script::Blocks => BLOCKS,
            Script::Digits => DIGITS,
        }
    }

    /// What the signs mean, in one line.
    pub fn legend(self) -> String {
        let heights = self.heights();
        format!(
            "{}-{} took so long  x failed  ! missed  - left out  / stopped  > open  ? unknown",
            heights[0], heights[7]
        )
    }
}

/// One run: its state, and how long it took in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// None: a word that this version does not know.
    pub state: Option<RunState>,
    /// From the accepted start to the end.
    pub took_ms: Option<i64>,
}

/// The runs in their order, with a tint for each. The longest success is the highest bar.
pub fn bars(runs: &[Bar], script: Script) -> (String, Vec<Tint>) {
    let longest = runs.iter().filter(|run| is_bar(run)).filter_map(|run| run.took_ms).max().unwrap_or(0).max(1);
    runs.iter().map(|run| of(run, longest, script)).unzip()
}

fn is_bar(run: &Bar) -> bool {
    run.state == Some(RunState::Ended(Ending::Succeeded))
}

fn of(run: &Bar, longest: i64, script: Script) -> (char, Tint) {
    let Some(state) = run.state else { return ('?', Tint::None) };
    match state {
        RunState::Ended(Ending::Succeeded) => {
            let eighths = run.took_ms.unwrap_or(0).max(0).saturating_mul(8) / longest;
            let place = usize::try_from(eighths).unwrap_or(0).min(7);
            (script.heights().get(place).copied().unwrap_or('?'), Tint::Green)
        }
        RunState::Ended(Ending::Faulted | Ending::TimedOut | Ending::Rejected | Ending::Lost) => ('x', Tint::Red),
        RunState::Ended(Ending::Missed(_)) => ('!', Tint::Red),
        RunState::Ended(Ending::Stopped) => ('/', Tint::Yellow),
        RunState::Ended(Ending::Skipped(_) | Ending::Cancelled) => ('-', Tint::None),
        RunState::Unknown | RunState::Held => ('?', Tint::Yellow),
        RunState::Armed
        | RunState::Waiting(_)
        | RunState::Starting
        | RunState::Job(JobPhase::Pending | JobPhase::Running | JobPhase::Suspended | JobPhase::Stopping) => {
            ('>', Tint::Cyan)
        }
    }
}
