//! What is handed to the writer, and what a start finds.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::kept_answer::KeptAnswer;
use crate::run::{
    Account, Attempt, Evidence, InstallationId, ListCalls, Pause, PauseId, Run, RunId, Seen, ShortFolder, SkipMark,
};
use crate::schedule::{ConnectionName, HighWaterMark, ScheduleKey, Timing};

/// All that one turn of the dispatcher decided to write: one transaction.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// New rows. A planned time that has one already is lost to it.
    pub inserted: Vec<Run>,
    /// Rows with a new state, each with the version it was read at.
    pub updated: Vec<Run>,
    /// What happened, in order.
    pub seen: Vec<Seen>,
    /// New timings.
    pub versions: Vec<StoredVersion>,
    /// Up to where schedules are planned now.
    pub marks: Vec<(ScheduleKey, HighWaterMark)>,
    /// Schedules that are gone.
    pub retired: Vec<Retired>,
    /// Proofs that look-ups see our jobs.
    pub evidence: Vec<Evidence>,
    /// Where short names of folders lead.
    pub short_folders: Vec<ShortFolder>,
    /// List calls that are made after this is stored.
    pub list_calls: Vec<ListCalls>,
    /// Attempts of runs that have ended, changed by a late sweep.
    pub swept: Vec<(RunId, Attempt)>,
    /// Runs that were given up and count for overlap no longer, said a person.
    pub uncounted: Vec<RunId>,
    /// Pauses and times to be skipped, in the order in which they were asked for.
    pub holding: Vec<HoldingChange>,
    /// Counts of failures that changed; 0 where a row of them is over.
    pub failing: Failing,
    /// What people did.
    pub audit: Vec<Deed>,
    /// What they were answered, where they asked under a key.
    pub kept: Vec<KeptAnswer>,
    /// Orchestrator has been asked what the database had forgotten.
    pub doubt: Option<DoubtOver>,
}

/// The database is trusted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubtOver;

/// Why the database may have forgotten starts that were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is older than what was last written in its folder: a copy was put back, or its WAL is gone.
    Older,
    /// It is new, and its folder is not.
    Lost,
}

impl Doubt {
    pub(super) fn name(self) -> &'static str {
        match self {
            Doubt::Older => "older",
            Doubt::Lost => "lost",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Doubt> {
        [Doubt::Older, Doubt::Lost].into_iter().find(|doubt| doubt.name() == name)
    }
}

/// Something done by hand.
#[derive(Clone, Debug)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// What, in one word.
    pub action: &'static str,
    /// To what.
    pub subject: String,
    /// More, if there is more to say.
    pub detail: Option<String>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let Changes {
            inserted,
            updated,
            seen,
            versions,
            marks,
            retired,
            evidence,
            short_folders,
            list_calls,
            swept,
            uncounted,
            holding,
            failing,
            audit,
            kept,
            doubt,
        } = self;
        inserted.is_empty()
            && updated.is_empty()
            && seen.is_empty()
            && versions.is_empty()
            && marks.is_empty()
            && retired.is_empty()
            && evidence.is_empty()
            && short_folders.is_empty()
            && list_calls.is_empty()
            && swept.is_empty()
            && uncounted.is_empty()
            && holding.is_empty()
            && failing.is_empty()
            && audit.is_empty()
            && kept.is_empty()
            && doubt.is_none()
    }
}

/// A change of what holds schedules back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldingChange {
    /// A pause begins, under a number that no pause has had.
    Pause(PauseId, Pause),
    /// A pause ends, if it has not ended before.
    Resume {
        /// Which.
        pause: PauseId,
        /// When.
        at: Timestamp,
        /// Who ended it.
        actor: String,
    },
    /// A coming time is to be skipped.
    Skip(SkipMark),
    /// It is not to be skipped after all.
    Unskip {
        /// Whose.
        schedule: ScheduleKey,
        /// Which nominal time.
        nominal_at: Timestamp,
    },
}

/// What holds schedules back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// The pauses that a time may lie in that is not planned yet, the first one first. Of one that was ended, `until` is that end.
    pub pauses: Vec<(PauseId, Pause)>,
    /// The number of the last pause there was.
    pub last_pause: PauseId,
    /// The times to be skipped, by time.
    pub skips: Vec<SkipMark>,
}

/// Rows of failures that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// How many runs of a schedule have failed in a row.
    pub schedules: BTreeMap<ScheduleKey, u32>,
    /// How many logons of an account have.
    pub accounts: BTreeMap<Account, u32>,
    /// Under which account a schedule's last run was, as far as its job named one.
    pub last: BTreeMap<ScheduleKey, Account>,
}

impl Failing {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        let Failing { schedules, accounts, last } = self;
        schedules.is_empty() && accounts.is_empty() && last.is_empty()
    }
}

/// A schedule that is no longer in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired(pub ScheduleKey);

/// A timing that a schedule had.
#[derive(Clone, Debug)]
pub struct StoredVersion {
    /// Whose.
    pub schedule: ScheduleKey,
    /// What it was.
    pub timing: Timing,
    /// When it was first loaded.
    pub loaded_at: Timestamp,
}

/// What the database knows when a daemon starts, or starts over.
#[derive(Clone, Debug)]
pub struct LoadedState {
    /// Whose jobs these are.
    pub installation: InstallationId,
    /// Every run without a final state, oldest first.
    pub open: Vec<Run>,
    /// Marks with the timing they belong to. A timing that cannot be read any more is `None`.
    pub marks: Vec<(ScheduleKey, HighWaterMark, String, Option<Timing>)>,
    /// Which folders' look-ups are proven.
    pub evidence: Vec<Evidence>,
    /// Attempts whose jobs are still to be counted once more.
    pub sweeps: Vec<(RunId, ConnectionName, Attempt)>,
    /// Where short names of folders led.
    pub short_folders: Vec<ShortFolder>,
    /// The list calls of the last minute.
    pub list_calls: Vec<ListCalls>,
    /// What holds schedules back.
    pub holding: Holding,
    /// Which runs and logons have failed in a row.
    pub failing: Failing,
    /// Runs that have ended and still count for overlap.
    pub counting: Vec<Counting>,
    /// Whether starts may have been made that this database does not know.
    pub doubt: Option<Doubt>,
}

/// A run that has ended, but whose job could not be read and may still run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counting {
    /// The run.
    pub run: RunId,
    /// Its schedule.
    pub schedule: ScheduleKey,
    /// Its pool.
    pub pool: Option<String>,
    /// Until when it counts.
    pub until: Timestamp,
}
