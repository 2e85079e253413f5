//! One open run, with what is known of it in memory only: derived again from its stored state at the next start.

use std::time::Duration;

use crate::clock::Reading;
use crate::orchestrator::{CallError, JobView};
use crate::policy::overlap::Knowledge;
use crate::run::{FolderId, Run, RunState};

/// A run without a final state, with what is only known in memory.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) run: Run,
    pub(super) knowledge: Knowledge,
    pub(super) before_start: BeforeStart,
    pub(super) settle: Option<Settle>,
    pub(super) follow: Option<Follow>,
    /// The process was not found where it had been, and has been looked up again once.
    pub(super) looked_again: LookedAgain,
    /// A repeated start was refused with this, perhaps because of the job that the first one made.
    pub(super) refused: Option<CallError>,
    pub(super) decided: Decided,
    pub(super) folder: FolderState,
    /// What was turned away at the door, or told "not now", is sent again after a pause.
    pub(super) pause: Option<Pause>,
    /// Since when its connection leads to another tenant than the one it was claimed for, in boot time.
    pub(super) elsewhere: Option<Duration>,
    pub(super) stored: Stored,
}

/// Whether Orchestrator knows the folder of a run's last call by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderState {
    /// As far as is known.
    Known,
    /// It does not, and the folder is looked for by its name.
    Sought,
    /// The name leads to this number now: what was started under the old one is looked for here.
    Moved(FolderId),
    /// No folder has had that name since then, in boot time.
    Absent { since: Duration },
}

/// A pause before one start is sent again. In boot time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    /// So many in a row.
    pub(super) count: u32,
    pub(super) until: Duration,
}

/// What has to be known before a waiting run may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BeforeStart {
    /// Nothing.
    Clear,
    /// Whether its job exists already.
    LookUp(Asked),
    /// Whether an older run of the schedule is still open, once that has been read.
    Overlap,
}

/// Whether the question is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    Yes,
}

/// Whether a process has been looked up again after `404/1002`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookedAgain {
    No,
    Yes,
}

/// What a person has said about an unclear start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    Nothing,
    /// Unless one more look-up shows a job, it is sent again, whatever such a look-up proves.
    Start,
    /// That look-up showed none: it is sent, also when its schedule is not in the files any more.
    Granted,
}

/// How far the settling of an unclear start is. In boot time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settle {
    pub(super) from: Duration,
    pub(super) step: usize,
    pub(super) next: Duration,
    pub(super) asked: Asked,
    /// Calls that came to nothing, one after another.
    pub(super) broken: u32,
    /// The same of lists of all jobs, once look-ups had broken too often.
    pub(super) lists_broken: u32,
    pub(super) verdict: Verdict,
}

/// What the last look-up of an unclear start showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Open,
    /// No job of ours shows that such a look-up works; one of somebody else may.
    NeedsBeside,
    /// The look-ups cannot tell; a list of all jobs may.
    NeedsList,
    /// No job was made: it may be sent again.
    None,
}

/// When a job is read next. In boot time.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    pub(super) since: Duration,
    pub(super) next: Duration,
    pub(super) asked: Asked,
    /// When it was last asked for, in boot time.
    pub(super) asked_at: Duration,
    /// When the question left whose answer last showed it open, in boot time; none while nothing has shown it in this life.
    pub(super) read_at: Option<Duration>,
    pub(super) misses: u32,
    pub(super) first_miss: Option<Duration>,
    pub(super) reads_in_vain: u32,
    /// Lists that came to nothing, one after another: perhaps one job in them is the reason.
    pub(super) broken: u32,
    /// Since when nothing that can be read comes of it.
    pub(super) silent: Option<Duration>,
    /// Since when it may not be read.
    pub(super) unreadable: Option<Duration>,
    /// What a list said of a job that has ended, until it is read whole.
    pub(super) ended: Option<Box<JobView>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    New,
    Changed,
    AsIs,
}

impl Open {
    pub(super) fn claimed(run: Run) -> Open {
        Open {
            run,
            knowledge: Knowledge::Current,
            before_start: BeforeStart::Clear,
            settle: None,
            follow: None,
            looked_again: LookedAgain::No,
            refused: None,
            decided: Decided::Nothing,
            folder: FolderState::Known,
            pause: None,
            elsewhere: None,
            stored: Stored::New,
        }
    }

    pub(super) fn found_at_start(run: Run, opened: Reading) -> Open {
        let mut open = Open { stored: Stored::AsIs, ..Open::claimed(run) };
        match open.run.state {
            // Certainly unsent, unless the database is an old copy: then the job exists, and a look-up shows it.
            // Overlap first, and then the look-up: it may have waited for an older run that is still open.
            RunState::Armed | RunState::Waiting(_) => open.before_start = BeforeStart::Overlap,
            RunState::Starting | RunState::Unknown | RunState::Held => {
                open.knowledge = Knowledge::NotReadYet;
                open.settle_from(opened.boot, opened.boot);
            }
            RunState::Job(_) => {
                open.knowledge = Knowledge::NotReadYet;
                open.follow_from(opened.boot, opened.boot);
                if let Some(follow) = &mut open.follow {
                    follow.read_at = None;
                }
            }
            RunState::Ended(_) => {}
        }
        open
    }

    /// Whether Orchestrator must be asked about it before anything new is started on its connection.
    pub(super) fn is_to_be_read(&self) -> bool {
        self.knowledge == Knowledge::NotReadYet
    }

    /// Whether it is known to be open at this instant, in boot time: a job that was read before may have ended since (semantics.md 11).
    pub(super) fn knowledge_since(&self, due: Duration) -> Knowledge {
        match (&self.run.state, &self.follow) {
            (RunState::Job(_), Some(follow)) if follow.read_at.is_none_or(|read_at| read_at < due) => {
                Knowledge::NotReadYet
            }
            _ => self.knowledge,
        }
    }

    /// Whether its job would be in this folder: the one that it was sent to, or the one that has the name of that now.
    pub(super) fn is_looked_for_in(&self, folder_id: FolderId) -> bool {
        match self.folder {
            FolderState::Moved(number) => number == folder_id,
            FolderState::Known | FolderState::Sought | FolderState::Absent { .. } => {
                self.run.attempt().and_then(|attempt| attempt.folder_id) == Some(folder_id)
            }
        }
    }

    /// The settle window counts from `from`, the end of the call; the first look is at `next`.
    pub(super) fn settle_from(&mut self, from: Duration, next: Duration) {
        self.settle =
            Some(Settle { from, step: 0, next, asked: Asked::No, broken: 0, lists_broken: 0, verdict: Verdict::Open });
    }

    pub(super) fn follow_from(&mut self, boot: Duration, next: Duration) {
        self.settle = None;
        self.folder = FolderState::Known;
        self.follow = Some(Follow {
            since: boot,
            next,
            asked: Asked::No,
            asked_at: Duration::ZERO,
            read_at: Some(boot),
            misses: 0,
            first_miss: None,
            reads_in_vain: 0,
            broken: 0,
            silent: None,
            unreadable: None,
            ended: None,
        });
    }
}
