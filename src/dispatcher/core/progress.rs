//! One open run: how far it is, with what is known of it in memory only. It is derived again from its stored state at the next start.

use std::time::Duration;

use jiff::Timestamp;

use super::folder_state::FolderState;
use super::inquiry::{Inquiry, Settle, Then, Way};
use crate::clock::Reading;
use crate::orchestrator::JobView;
use crate::policy::overlap::{Knowledge, Stage};
use crate::run::{FolderId, Run, RunState, WaitReason};

/// A run without a final state, with what is only known in memory.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) run: Run,
    pub(crate) progress: Progress,
    pub(crate) tries: Tries,
    pub(crate) wish: Wish,
    pub(crate) folder: FolderState,
    pub(crate) patience: Patience,
    /// Since when it has waited for a place in its pool, by the wall clock.
    pub(crate) pool_since: Option<Timestamp>,
    /// Since when its connection leads to another tenant than the one it was claimed for, in boot time.
    pub(crate) elsewhere: Option<Duration>,
    pub(crate) stored: Stored,
}

/// Whether the time within which a run is to be sent runs (semantics.md 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It does.
    Runs,
    /// It waits for the end of an older run, from which it will count.
    Behind,
    /// It waited so in a life before this one, and has not been looked at yet.
    NotAskedYet,
}

/// How far a run is. It fits the stored state, and says of it what is worth knowing until the next step.
#[derive(Debug)]
pub(crate) enum Progress {
    /// `armed` and `waiting`: not sent, as far as the database knows.
    Queued(Need),
    /// `starting`: its call is under way.
    Sending,
    /// `unknown` and `held`: its job is looked for.
    Settling(Settle),
    /// `unknown`: no job was made, and it may be sent again.
    Settled(Settle),
    /// With a job.
    Following(Follow),
    /// It has ended with this turn.
    Over,
}

/// What has to be known before a queued run may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// Whether an older run of the schedule is still open, once that has been read.
    Overlap,
    /// Whether its job exists already.
    LookUp(Inquiry),
}

/// What a person has said about a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    None,
    /// Unless one more look-up shows a job, it is sent again, whatever such a look-up proves.
    StartAfterLook,
    /// That look-up showed none: it is sent, also when its schedule is not in the files any more.
    Start,
}

/// What came of sending it so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    pub(crate) looked_again: LookedAgain,
    /// What was turned away at the door, or answered "not now", is sent again after a pause.
    pub(crate) pause: Option<Pause>,
}

/// Whether the process was not found where it had been, and has been looked up again once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookedAgain {
    NotYet,
    Once,
}

/// A pause before one start is sent again. In boot time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// So many in a row.
    pub(crate) count: u32,
    pub(crate) until: Duration,
}

/// When a job is read next. In boot time.
#[derive(Debug)]
pub(crate) struct Follow {
    pub(crate) since: Duration,
    pub(crate) next: Duration,
    /// When it was last asked for.
    pub(crate) asked_at: Duration,
    /// When the question left whose answer last showed it open; none while nothing has shown it since the start of this life, or since
    /// the clock was set.
    pub(crate) read_at: Option<Duration>,
    pub(crate) misses: u32,
    pub(crate) first_miss: Option<Duration>,
    pub(crate) reads_in_vain: u32,
    /// Lists that came to nothing, one after another: perhaps one job in them is the reason.
    pub(crate) broken: u32,
    /// Since when nothing that can be read comes of it.
    pub(crate) silent: Option<Duration>,
    /// Since when it may not be read.
    pub(crate) unreadable: Option<Duration>,
    /// When its stop may be asked for again, and how often that came to nothing in a row.
    pub(crate) stop_again: Duration,
    pub(crate) stops_in_vain: u32,
    /// What a list said of a job that has ended, until it is read whole.
    pub(crate) ended: Option<Box<JobView>>,
}

/// Whether the database has the run as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    New,
    Changed,
    AsIs,
}

impl Need {
    /// Its job is looked for before it is sent.
    pub(crate) const LOOK_UP: Need =
        Need::LookUp(Inquiry { next: Duration::ZERO, way: Way::ByReference, broken: 0, lists_broken: 0 });
}

impl Open {
    pub(crate) fn claimed(run: Run) -> Open {
        let progress = match run.state {
            RunState::Armed | RunState::Waiting(_) => Progress::Queued(Need::Nothing),
            RunState::Starting => Progress::Sending,
            RunState::Unknown | RunState::Held => Progress::Settling(Settle::from(Duration::ZERO, Duration::ZERO)),
            RunState::Job(_) => Progress::Following(Follow::from(Duration::ZERO, Duration::ZERO)),
            RunState::Ended(_) => Progress::Over,
        };
        Open {
            run,
            progress,
            tries: Tries { looked_again: LookedAgain::NotYet, pause: None },
            wish: Wish::None,
            folder: FolderState::Known,
            patience: Patience::Runs,
            pool_since: None,
            elsewhere: None,
            stored: Stored::New,
        }
    }

    pub(crate) fn found_at_start(run: Run, opened: Reading) -> Open {
        let mut open = Open { stored: Stored::AsIs, ..Open::claimed(run) };
        match &mut open.progress {
            // Certainly unsent, unless the database is an old copy: then the job exists, and a look-up shows it.
            // Overlap first, and then the look-up: it may have waited for an older run that is still open.
            Progress::Queued(need) => {
                *need = Need::Overlap;
                let shows_it = matches!(open.run.state, RunState::Waiting(WaitReason::Overlap | WaitReason::CatchUp));
                // A pause or a window is what it shows then, and it may have waited for an older run as well. What is past its deadline
                // is given up at once, before it stands in a new time's way.
                let is_held = matches!(open.run.state, RunState::Waiting(WaitReason::Paused | WaitReason::Blackout));
                let may_wait = is_held && !open.run.had_job() && open.run.deadline_at > opened.wall;
                if shows_it || may_wait {
                    open.patience = Patience::NotAskedYet;
                }
            }
            Progress::Settling(settle) => {
                *settle = Settle { knowledge: Knowledge::NotReadYet, ..Settle::from(opened.boot, opened.boot) };
            }
            Progress::Following(follow) => {
                *follow = Follow { read_at: None, ..Follow::from(opened.boot, opened.boot) };
            }
            // A call of a life before this one is settled in the first turn.
            Progress::Sending | Progress::Settled(_) | Progress::Over => {}
        }
        open
    }

    /// Whether the stored state and the progress say the same.
    pub(crate) fn fits(&self) -> bool {
        match (&self.run.state, &self.progress) {
            (RunState::Armed | RunState::Waiting(_), Progress::Queued(_))
            | (RunState::Starting, Progress::Sending)
            | (RunState::Unknown | RunState::Held, Progress::Settling(_))
            | (RunState::Unknown, Progress::Settled(_))
            | (RunState::Ended(_), _) => true,
            (RunState::Job(_), Progress::Following(_)) => self.run.open_job().is_some(),
            (
                RunState::Armed
                | RunState::Waiting(_)
                | RunState::Starting
                | RunState::Unknown
                | RunState::Held
                | RunState::Job(_),
                _,
            ) => false,
        }
    }

    /// Whether it was not sent yet, as far as the database knows.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.progress, Progress::Queued(_))
    }

    /// What has to be known before it may be sent. None: it may not be sent now.
    pub(crate) fn need(&self) -> Option<Need> {
        match &self.progress {
            Progress::Queued(need) => Some(*need),
            Progress::Settled(settle) => Some(match settle.then {
                Then::Send => Need::Nothing,
                Then::AskOverlap => Need::Overlap,
            }),
            Progress::Sending | Progress::Settling(_) | Progress::Following(_) | Progress::Over => None,
        }
    }

    /// How it is asked whether its job exists, if it is.
    pub(crate) fn inquiry(&self) -> Option<&Inquiry> {
        match &self.progress {
            Progress::Queued(Need::LookUp(inquiry)) => Some(inquiry),
            Progress::Settling(settle) => Some(&settle.inquiry),
            Progress::Queued(Need::Nothing | Need::Overlap) | Progress::Sending | Progress::Settled(_) => None,
            Progress::Following(_) | Progress::Over => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn inquiry_mut(&mut self) -> Option<&mut Inquiry> {
        match &mut self.progress {
            Progress::Queued(Need::LookUp(inquiry)) => Some(inquiry),
            Progress::Settling(settle) => Some(&mut settle.inquiry),
            Progress::Queued(Need::Nothing | Need::Overlap) | Progress::Sending | Progress::Settled(_) => None,
            Progress::Following(_) | Progress::Over => None,
        }
    }

    /// How it settles, whether it may be sent again by now or not.
    pub(crate) fn settle(&self) -> Option<&Settle> {
        let (Progress::Settling(settle) | Progress::Settled(settle)) = &self.progress else { return None };
        Some(settle)
    }

    /// The same, to be changed.
    pub(crate) fn settle_mut(&mut self) -> Option<&mut Settle> {
        let (Progress::Settling(settle) | Progress::Settled(settle)) = &mut self.progress else { return None };
        Some(settle)
    }

    /// How its job is followed, while it has one.
    pub(crate) fn follow(&self) -> Option<&Follow> {
        let Progress::Following(follow) = &self.progress else { return None };
        Some(follow)
    }

    /// The same, to be changed.
    pub(crate) fn follow_mut(&mut self) -> Option<&mut Follow> {
        let Progress::Following(follow) = &mut self.progress else { return None };
        Some(follow)
    }

    /// No job was made: it may be sent again.
    pub(crate) fn become_settled(&mut self) {
        self.progress = match std::mem::replace(&mut self.progress, Progress::Over) {
            Progress::Settling(settle) => Progress::Settled(settle),
            other => other,
        };
    }

    /// What is known of it is old: it is asked for again at once.
    pub(crate) fn reread(&mut self, boot: Duration) {
        self.progress = match std::mem::replace(&mut self.progress, Progress::Over) {
            // What was to be sent again is looked up once more, also where a person had decided that.
            Progress::Settled(mut settle) | Progress::Settling(mut settle) => {
                if self.wish == Wish::Start {
                    self.wish = Wish::StartAfterLook;
                }
                settle.inquiry.next = settle.inquiry.next.min(boot);
                settle.knowledge = Knowledge::NotReadYet;
                Progress::Settling(settle)
            }
            Progress::Following(mut follow) => {
                follow.next = follow.next.min(boot);
                follow.read_at = None;
                Progress::Following(follow)
            }
            // Its answer is under way, or it was never sent.
            other @ (Progress::Queued(_) | Progress::Sending | Progress::Over) => other,
        };
    }

    /// Whether Orchestrator must be asked about it before anything new is started on its connection.
    pub(crate) fn is_to_be_read(&self) -> bool {
        match &self.progress {
            Progress::Settling(settle) | Progress::Settled(settle) => settle.knowledge == Knowledge::NotReadYet,
            Progress::Following(follow) => follow.read_at.is_none() || follow.ended.is_some(),
            Progress::Queued(_) | Progress::Sending | Progress::Over => false,
        }
    }

    /// Whether it is known to be open at this instant, in boot time: a job that was read before may have ended since (semantics.md 11).
    pub(crate) fn knowledge_since(&self, due: Duration) -> Knowledge {
        match &self.progress {
            Progress::Following(follow) if follow.ended.is_some() => Knowledge::NotReadYet,
            Progress::Following(follow) if follow.read_at.is_none_or(|read_at| read_at < due) => Knowledge::NotReadYet,
            Progress::Settling(settle) | Progress::Settled(settle) => settle.knowledge,
            Progress::Following(_) | Progress::Queued(_) | Progress::Sending | Progress::Over => Knowledge::Current,
        }
    }

    /// How far it is, as far as a newer run of its schedule has to know.
    pub(crate) fn stage(&self) -> Stage {
        match self.run.state {
            RunState::Armed | RunState::Waiting(_) if self.run.had_job() => Stage::Retrying,
            RunState::Armed | RunState::Waiting(_) => Stage::Unsent,
            RunState::Starting | RunState::Unknown | RunState::Held => Stage::Unclear,
            RunState::Job(_) => Stage::Job,
            RunState::Ended(_) => Stage::GivenUp,
        }
    }

    /// Whether its job would be in this folder: the one that it was sent to, or the one that has the name of that now.
    pub(crate) fn is_looked_for_in(&self, folder_id: FolderId) -> bool {
        match self.folder {
            FolderState::Moved(number) => number == folder_id,
            FolderState::Known | FolderState::Sought | FolderState::Absent { .. } => {
                self.run.folder_id() == Some(folder_id)
            }
        }
    }

    /// Another attempt is made: what came of the one before does not hold for it.
    pub(crate) fn begin_anew(&mut self) {
        self.tries = Tries { looked_again: LookedAgain::NotYet, pause: None };
        self.wish = Wish::None;
        self.folder = FolderState::Known;
        self.patience = Patience::Runs;
        self.pool_since = None;
    }

    /// Its job is followed from now on, and read first at `next`.
    pub(crate) fn become_following(&mut self, boot: Duration, next: Duration) {
        self.folder = FolderState::Known;
        self.progress = Progress::Following(Follow::from(boot, next));
    }
}

impl Follow {
    fn from(boot: Duration, next: Duration) -> Follow {
        Follow {
            since: boot,
            next,
            asked_at: Duration::ZERO,
            read_at: Some(boot),
            misses: 0,
            first_miss: None,
            reads_in_vain: 0,
            broken: 0,
            silent: None,
            unreadable: None,
            stop_again: Duration::ZERO,
            stops_in_vain: 0,
            ended: None,
        }
    }
}
