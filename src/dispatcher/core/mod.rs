//! Every decision of the running daemon, as plain functions of events and time.
//!
//! No await, no clock, no network, no database: an event and a reading of the clocks go in, changes to be stored and
//! actions to be taken come out, and nothing is done before it is stored. What it keeps in memory beside the runs (when to
//! look next, what was asked) can be lost at any moment: it is derived again from the stored states at the next start.

mod adopt;
mod book;
mod budget;
mod claim;
mod clocks;
mod command;
mod crowd;
mod due;
mod elsewhere;
mod ending;
mod follow;
mod health;
mod link;
mod list_calls;
mod look_up;
mod looked_up;
mod moved;
mod obstacle;
mod open;
mod polling;
mod proof;
mod queue;
mod recall;
mod reload;
mod report;
mod send;
mod settle;
mod shortened;
mod started;
mod steps;
mod succession;
mod target;
mod unreadable;
mod wake;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::book::Book;
pub use self::book::Told;
pub use self::command::{Answer, Command, CommandId, CommandRefused, Resolution, Resolved};
use self::link::{Link, Phase};
pub use self::obstacle::ConnectionObstacle;
use self::open::Open;
pub use self::reload::Absent;
pub use self::unreadable::ConnectionTrouble;
pub use self::wake::Wake;
use crate::clock::{Reading, later};
use crate::executor::{Action, Report};
use crate::planner::Planner;
use crate::run::{InstallationId, RunEvent, RunId, RunState};
use crate::schedule::{ConnectionName, Marks, ScheduleKey, ScheduleSet};
use crate::store::{Changes, Doubt, LoadedState, StoredVersion};

/// How soon and how often open jobs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After a start.
    pub first: Duration,
    /// At most this long between two reads of a job.
    pub slowest: Duration,
}

impl Default for Pace {
    /// semantics.md 20: from 5 s after a start. Half a minute at the slowest, so that an end is seen soon enough for people.
    fn default() -> Self {
        Pace { first: Duration::from_secs(5), slowest: Duration::from_secs(30) }
    }
}

/// What can happen.
#[derive(Debug)]
pub enum Event {
    /// The executor has something to say.
    Report(Box<Report>),
    /// The daemon is asked to stop.
    Stop,
    /// A person asks for something.
    Command(CommandId, Command),
    /// The files were read again, and these schedules take the place of all that were loaded.
    Load(Arc<ScheduleSet>),
    /// Claims that another row had already won.
    ClaimsLost(BTreeSet<RunId>),
}

/// What is to be done: store first, then act.
#[derive(Debug, Default)]
pub struct Step {
    /// One transaction.
    pub record: Changes,
    /// Only after it.
    pub then: Vec<Action>,
    /// To be given once it is stored.
    pub answers: Vec<Answer>,
    /// To be logged once it is stored: what was not stored never happened.
    pub told: Vec<Told>,
}

/// Random bits for run ids; comes from outside, like time.
pub type RandomBits = Box<dyn FnMut() -> [u8; 10] + Send>;

/// The dispatcher's mind.
pub struct Core {
    installation: InstallationId,
    set: Arc<ScheduleSet>,
    planner: Planner,
    book: Book,
    links: BTreeMap<ConnectionName, Link>,
    /// Of those, the ones that the files do not have any more: kept until the last open run on them has ended.
    leaving: BTreeSet<ConnectionName>,
    parked: Vec<claim::StoredMark>,
    absent: Absent,
    /// Why this life began with a database that may have forgotten starts.
    doubt: Option<Doubt>,
    trusted: recall::Trusted,
    recalls: Vec<recall::Recall>,
    desk: command::Desk,
    sweeps: Vec<adopt::Sweep>,
    /// How long each schedule's jobs took lately, from acceptance to the end as seen here; learned anew after a start.
    usual: BTreeMap<ScheduleKey, Duration>,
    pace: Pace,
    warmed: target::Warmed,
    /// When this daemon took the lock: what was due before may have been started by another life.
    opened: Reading,
    /// When the last turn was taken, and until when (boot time) it let the next one wait.
    last_turn: Reading,
    next_turn_by: Option<Duration>,
    stopping: Stopping,
    random: RandomBits,
    actions: Vec<Action>,
    wake: Wake,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Yes,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("open", &self.book.len()).field("links", &self.links).finish_non_exhaustive()
    }
}

impl Core {
    /// Takes over what the database knows. The first turn stores the schedule versions and marks that are new.
    pub fn recover(
        set: Arc<ScheduleSet>,
        absent: Absent,
        state: LoadedState,
        opened: Reading,
        pace: Pace,
        random: RandomBits,
    ) -> Core {
        let LoadedState {
            installation,
            open,
            marks: stored,
            evidence,
            sweeps,
            counting,
            short_folders,
            list_calls,
            // Nothing pauses yet.
            holding: _,
            doubt,
        } = state;
        let mut book = Book::default();
        for counting in counting {
            book.count_until(&counting.schedule, counting.run, counting.until);
        }
        let claim::Settled { marks, recorded, parked } =
            claim::settle_versions(&set, stored, absent, doubt, opened.wall, &mut book);
        let mut core = Core {
            installation,
            planner: Planner::new(set.clone(), Marks(marks)),
            book,
            links: BTreeMap::new(),
            leaving: BTreeSet::new(),
            parked,
            absent,
            doubt,
            trusted: recall::Trusted::No,
            recalls: Vec::new(),
            desk: command::Desk::default(),
            sweeps: sweeps
                .into_iter()
                .map(|(run, connection, attempt)| adopt::Sweep::new(run, connection, attempt))
                .collect(),
            usual: BTreeMap::new(),
            set,
            pace,
            warmed: target::Warmed::from(opened.wall),
            opened,
            last_turn: opened,
            next_turn_by: None,
            stopping: Stopping::No,
            random,
            actions: Vec::new(),
            wake: Wake::default(),
        };
        let mut to_read: BTreeMap<ConnectionName, BTreeSet<RunId>> = BTreeMap::new();
        for run in open {
            let open = Open::found_at_start(run, opened);
            if open.is_to_be_read() {
                to_read.entry(open.run.connection.clone()).or_default().insert(open.run.id);
            }
            core.book.add(open);
        }
        for (name, connection) in &core.set.connections {
            let left = to_read.remove(name).unwrap_or_default();
            core.links.insert(name.clone(), Link::new(connection.clone(), left, opened.boot, installation.0));
        }
        for (name, runs) in to_read {
            tracing::error!(
                connection = %name,
                "{} open runs belong to connection `{name}`, which is not in the loaded files; they wait for it within their schedules' `start_deadline`",
                runs.len()
            );
        }
        for proof in evidence {
            if let Some(link) = core.links.get_mut(&proof.connection) {
                link.evidence.insert(proof.folder_id, proof);
            }
        }
        for short in short_folders {
            if let Some(link) = core.links.get_mut(&short.connection) {
                link.short_folders.insert(short.name.clone(), short);
            }
        }
        core.count_stored_list_calls(list_calls, opened);
        for recorded in recorded {
            core.record_not_run(&recorded, opened.wall);
        }
        core.take_back_marks(opened.wall);
        core.doubt_unfinished_starts(opened);
        core.compare_identities(opened);
        if let Some(doubt) = doubt {
            core.plan_recalls(&core.set.clone(), doubt, opened);
        }
        core
    }

    /// Takes one event in. Decisions that follow from it and from time are made in [`Core::turn`].
    pub fn handle(&mut self, event: Event, now: Reading) {
        match event {
            Event::Report(report) => self.take_report(*report, now),
            Event::Stop => self.stopping = Stopping::Yes,
            Event::Command(id, command) => self.take_command(id, command, now),
            Event::Load(set) => self.load(set, now),
            Event::ClaimsLost(lost) => {
                for id in lost {
                    if let Some(open) = self.book.forget(id) {
                        tracing::info!(
                            schedule = %open.run.schedule,
                            "The time {} of `{}` has a row already; it is not run again",
                            open.run.nominal_at,
                            open.run.schedule
                        );
                        if open.run.state == RunState::Starting
                            && let Some(link) = self.links.get_mut(&open.run.connection)
                        {
                            link.starts_in_flight = link.starts_in_flight.saturating_sub(1);
                        }
                    }
                }
            }
        }
    }

    /// Decides all that is due now, and gives what is to be stored and done.
    pub fn turn(&mut self, now: Reading) -> Step {
        self.wake = Wake::default();
        self.notice_jumps(now);
        if self.stopping == Stopping::No {
            self.try_unclear_connections(now);
            self.ask_recalls(now);
            self.give_up_elsewhere(now);
            self.claim_due(now);
            self.give_up_late_starts(now);
            self.warm_up(now);
            self.ask_about_unclear_starts(now);
            self.send_waiting(now);
            self.end_doubt();
        }
        self.ask_crowds(now);
        self.follow_jobs(now);
        self.wake_for_links(now);
        // While the daemon stops, due times are left to the next life.
        if self.stopping == Stopping::No
            && let Some(next) = self.planner.wake_at()
        {
            self.wake.at_wall(next);
        }
        self.next_turn_by = self.wake.from(now).map(|left| now.boot + left);
        debug_assert!(self.book.is_filed_right(), "a run is not where it is looked for");
        let step = Step {
            record: self.book.take_changes(),
            then: std::mem::take(&mut self.actions),
            answers: std::mem::take(&mut self.desk.answers),
            told: self.book.take_told(),
        };
        self.let_connections_go();
        step
    }

    fn wake_for_links(&mut self, now: Reading) {
        for link in self.links.values() {
            if let Some(boot) = link.wake(now.boot) {
                self.wake.at_boot(boot);
            }
        }
    }

    /// When to take the next turn if nothing happens before.
    pub fn wake(&self) -> Wake {
        self.wake
    }

    /// How many times a run was looked at since this was last asked: what the events and turns since then cost.
    pub fn take_looks(&self) -> u64 {
        self.book.take_looks()
    }

    /// Has all open runs looked at in the next turn, whether they are due or not. After it a turn decides as it would have without.
    pub fn look_at_all(&mut self) {
        self.book.look_at_all();
    }

    /// How many runs are open.
    pub fn open_runs(&self) -> usize {
        self.book.len()
    }

    /// Whether every connection's open runs have been read since the start.
    pub fn is_reconciled(&self) -> bool {
        self.links.values().all(|link| link.phase == Phase::Ready)
    }

    /// Takes a step of a run and writes its line. An illegal step is a fault of ours: it is logged and not taken.
    fn step(&mut self, id: RunId, event: RunEvent, now: Reading, text: String) -> bool {
        let taken = self.book.step(id, event, now.wall, text);
        // However a run left over from before the start ended, nothing waits for it any more: the answer may be to a call of
        // before, when everything was read again after a failed write.
        if let Some(open) = self.book.get(id).filter(|open| open.run.state.is_final())
            && let Some(link) = self.links.get_mut(&open.run.connection)
        {
            link.reconciled(id);
        }
        taken
    }

    fn link_mut(&mut self, name: &ConnectionName) -> Option<&mut Link> {
        self.links.get_mut(name)
    }

    fn random_run_id(&mut self, now: Timestamp) -> RunId {
        RunId::new(u64::try_from(now.as_millisecond()).unwrap_or(0), (self.random)())
    }
}

/// `now + length`, for a waiting run's stored time.
fn wall_of(now: Reading, boot: Duration) -> Timestamp {
    later(now.wall, boot.saturating_sub(now.boot))
}

/// When an instant was, in boot time; of one to come, now.
fn boot_of(now: Reading, wall: Timestamp) -> Duration {
    now.boot.saturating_sub(now.wall.duration_since(wall).try_into().unwrap_or_default())
}

/// The versions to store for schedules that are new or edited; used by `claim`.
fn version_of(schedule: &crate::schedule::Schedule, at: Timestamp) -> StoredVersion {
    StoredVersion { schedule: schedule.key.clone(), timing: schedule.timing.clone(), loaded_at: at }
}
