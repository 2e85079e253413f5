//! Every call under way: what was asked, until its answer comes.
//!
//! Each action has exactly one report, so a question that was put here is taken out by its answer. Whoever wants to ask looks here first.
//! Only what is being asked about processes and trials is known where the answer is kept (`link::targets`, `link::health`).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::executor::{Action, Ask, AskedFor, Report};
use crate::run::{FolderId, Reference, RunId};
use crate::schedule::{ConnectionName, FolderChoice};

/// A folder of a connection's tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Folder {
    pub(crate) connection: ConnectionName,
    pub(crate) id: FolderId,
}

impl Folder {
    pub(crate) fn new(connection: ConnectionName, id: FolderId) -> Folder {
        Folder { connection, id }
    }
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// Start this run.
    Start(RunId),
    /// Whether a job of this run exists.
    Outcome(RunId),
    /// How many jobs a repeated start under this name made.
    Count(Reference),
    /// How this run's job is, in a list of several.
    Listed(RunId),
    /// How this run's job is, alone and whole.
    Read(RunId),
    /// Whether look-ups in this folder show our jobs.
    Proof(Folder),
    /// Which jobs of a crowded folder have ended.
    Ended(Folder),
    /// Which jobs of ours a folder has, after the database forgot them.
    Recall(ConnectionName, Option<FolderChoice>),
    /// The job that a person named for this run.
    Named(RunId),
    /// That this run's job ends.
    Stop(RunId),
}

/// The calls under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    /// How often each question is being asked: a person may have a job read that is being followed.
    asked: BTreeMap<Question, u32>,
    /// Those that count against a connection's `open_requests`.
    load: BTreeMap<ConnectionName, Load>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    starts: u32,
    reads: u32,
    /// Since when there was always a start under way, in boot time.
    starting_since: Option<Duration>,
}

impl Question {
    /// What one Reference of a look-up in this folder asks.
    fn of(ask: &Ask, folder: &Folder) -> Question {
        match ask.purpose {
            AskedFor::Settling | AskedFor::Settled | AskedFor::BeforeStart | AskedFor::Held => {
                Question::Outcome(ask.run)
            }
            AskedFor::Sweep => Question::Count(ask.reference.clone()),
            AskedFor::Proof => Question::Proof(folder.clone()),
        }
    }

    /// What an action asks.
    pub(crate) fn all_of(action: &Action) -> Vec<Question> {
        match action {
            Action::Start(order) => vec![Question::Start(order.run)],
            Action::LookUp { connection, folder_id, asks, .. }
            | Action::LookUpNextToNewest { connection, folder_id, asks, .. }
            | Action::ListSince { connection, folder_id, asks, .. } => {
                let folder = Folder::new(connection.clone(), *folder_id);
                asks.iter().map(|ask| Question::of(ask, &folder)).collect()
            }
            Action::Poll { jobs, .. } => jobs.iter().map(|(run, _)| Question::Listed(*run)).collect(),
            Action::ListEnded { connection, folder_id, .. } => {
                vec![Question::Ended(Folder::new(connection.clone(), *folder_id))]
            }
            Action::Read { run, .. } => vec![Question::Read(*run)],
            Action::Recall { connection, folder, .. } => vec![Question::Recall(connection.clone(), folder.clone())],
            Action::FindJob { run, .. } => vec![Question::Named(*run)],
            Action::Stop { run, .. } => vec![Question::Stop(*run)],
            // What is learnt of a process is kept, and so is that it is being looked for; a stop is asked for once.
            Action::Resolve { .. } | Action::StopSpare { .. } => Vec::new(),
        }
    }

    /// What a report answers: the questions of its action.
    pub(crate) fn answered_by(report: &Report) -> Vec<Question> {
        match report {
            Report::Started { run, .. } => vec![Question::Start(*run)],
            Report::LookedUp { connection, folder_id, asks, .. }
            | Report::LookedUpNextToNewest { connection, folder_id, asks, .. }
            | Report::ListedSince { connection, folder_id, asks, .. } => {
                let folder = Folder::new(connection.clone(), *folder_id);
                asks.iter().map(|ask| Question::of(ask, &folder)).collect()
            }
            Report::Polled { jobs, .. } => jobs.iter().map(|(run, _)| Question::Listed(*run)).collect(),
            Report::ListedEnded { connection, folder_id, .. } => {
                vec![Question::Ended(Folder::new(connection.clone(), *folder_id))]
            }
            Report::Read { run, .. } => vec![Question::Read(*run)],
            Report::Recalled { connection, folder, .. } => vec![Question::Recall(connection.clone(), folder.clone())],
            Report::JobFound { run, .. } => vec![Question::Named(*run)],
            Report::Stopped { run, .. } => vec![Question::Stop(*run)],
            Report::TokenRenewed { .. } | Report::Resolved { .. } | Report::SpareStopped { .. } => Vec::new(),
        }
    }

    /// The run whose next question waits for this one's answer.
    pub(crate) fn run(&self) -> Option<RunId> {
        match self {
            Question::Start(run)
            | Question::Outcome(run)
            | Question::Listed(run)
            | Question::Read(run)
            | Question::Stop(run) => Some(*run),
            Question::Count(_)
            | Question::Proof(_)
            | Question::Ended(_)
            | Question::Recall(..)
            | Question::Named(_) => None,
        }
    }
}

impl Flights {
    /// A call leaves that asks this, at this boot time.
    pub(crate) fn begin(&mut self, question: Question, connection: &ConnectionName, boot: Duration) {
        let load = self.weigh(&question, connection, |count| count.saturating_add(1));
        if load.starts > 0 {
            load.starting_since.get_or_insert(boot);
        }
        *self.asked.entry(question).or_default() += 1;
    }

    /// Its answer has come, or it never left. Gives whether it was being asked.
    pub(crate) fn end(&mut self, question: &Question, connection: &ConnectionName) -> bool {
        let Some(times) = self.asked.get_mut(question) else { return false };
        *times -= 1;
        if *times == 0 {
            self.asked.remove(question);
        }
        self.weigh(question, connection, |count| count.saturating_sub(1));
        true
    }

    /// A turn is over. Where no start is under way now, there was a gap between two: one that ended and the next that left in the same turn
    /// leave none.
    pub(crate) fn end_turn(&mut self) {
        for load in self.load.values_mut().filter(|load| load.starts == 0) {
            load.starting_since = None;
        }
    }

    fn weigh(&mut self, question: &Question, connection: &ConnectionName, change: impl Fn(u32) -> u32) -> &mut Load {
        let load = self.load.entry(connection.clone()).or_default();
        match question {
            Question::Start(_) => load.starts = change(load.starts),
            Question::Read(_) => load.reads = change(load.reads),
            Question::Outcome(_)
            | Question::Count(_)
            | Question::Listed(_)
            | Question::Proof(_)
            | Question::Ended(_)
            | Question::Recall(..)
            | Question::Named(_)
            | Question::Stop(_) => {}
        }
        load
    }

    /// Whether this is being asked.
    pub(crate) fn has(&self, question: &Question) -> bool {
        self.asked.contains_key(question)
    }

    /// Whether it is being asked how a run's job is.
    pub(crate) fn has_job_of(&self, run: RunId) -> bool {
        self.has(&Question::Listed(run)) || self.has(&Question::Read(run))
    }

    /// How many starts are under way on a connection.
    pub(crate) fn starts_on(&self, connection: &ConnectionName) -> u32 {
        self.load.get(connection).map_or(0, |load| load.starts)
    }

    /// Since when there was always a start under way on a connection, in boot time.
    pub(crate) fn starting_since(&self, connection: &ConnectionName) -> Option<Duration> {
        self.load.get(connection).filter(|load| load.starts > 0).and_then(|load| load.starting_since)
    }

    /// How many reads of one job are under way on a connection.
    pub(crate) fn reads_on(&self, connection: &ConnectionName) -> u32 {
        self.load.get(connection).map_or(0, |load| load.reads)
    }
}
