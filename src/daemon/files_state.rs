//! How the schedule files stand against what is loaded, in words.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::schedule::{Loss, ScheduleSet};
use crate::text::counted;

/// A set that lost much is taken when nobody has changed it for so long: what was cut off is mended sooner.
pub(super) const HOLD: Duration = Duration::from_secs(600);

/// How the files stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesState {
    /// They are what is loaded.
    InUse { schedules: usize },
    /// They have mistakes, and what was loaded before goes on.
    Wrong { schedules: usize, errors: usize, first: String },
    /// No file is left where they were, and what was loaded before goes on.
    Gone { schedules: usize, file: PathBuf },
    /// They lost too much, and what was loaded before goes on.
    HeldBack { schedules: usize, loss: Loss },
}

impl fmt::Display for FilesState {
    /// For the service manager's status line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schedules = self.schedules();
        f.write_str(&counted(schedules, "schedule"))?;
        match self.trouble() {
            Some(trouble) => write!(f, "; {trouble}"),
            None => Ok(()),
        }
    }
}

impl FilesState {
    /// What a daemon begins with.
    pub(super) fn at_start(set: &ScheduleSet, held: Option<&Loss>) -> FilesState {
        let schedules = set.schedules.len();
        match held {
            None => FilesState::InUse { schedules },
            Some(loss) => FilesState::HeldBack { schedules, loss: loss.clone() },
        }
    }

    /// What is wrong, in one sentence; none when they are what is loaded.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            FilesState::InUse { .. } => None,
            FilesState::Wrong { errors, first, .. } => {
                let mistakes = if *errors == 1 { "a mistake".to_owned() } else { format!("{errors} mistakes") };
                Some(format!("changed files are not taken, they have {mistakes}: {first}"))
            }
            FilesState::Gone { schedules, file } => {
                Some(format!("`{}`: {}; {PUT_BACK}", file.display(), gone_message(*schedules)))
            }
            FilesState::HeldBack { loss, .. } => Some(format!("changed files are held back: {loss}; {}", cure(loss))),
        }
    }

    pub(super) fn schedules(&self) -> usize {
        match self {
            FilesState::InUse { schedules }
            | FilesState::Wrong { schedules, .. }
            | FilesState::Gone { schedules, .. }
            | FilesState::HeldBack { schedules, .. } => *schedules,
        }
    }
}

/// What to do where no file is left.
pub(super) const PUT_BACK: &str = "put it back";

/// Where no file is left.
pub(super) fn gone_message(schedules: usize) -> String {
    let goes = if schedules == 1 { "goes" } else { "go" };
    format!("the schedule file is gone; {} {goes} on as loaded", counted(schedules, "schedule"))
}

/// What to do about a set that is held back.
pub(super) fn cure(loss: &Loss) -> String {
    let accept = "if that is meant, run `punctual reload --accept-removals`";
    match loss.left {
        0 => format!("{accept}; otherwise mend the files"),
        _ => format!("{accept}, or leave them so for {} minutes; otherwise mend them", HOLD.as_secs() / 60),
    }
}
