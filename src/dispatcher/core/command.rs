//! What people ask of a run that is held, and what becomes of it.
//!
//! An answer is given when it is stored, never before: it comes out of the turn beside the changes. Each is an `audit` row and a
//! line of the run, with who asked.

use std::collections::BTreeMap;
use std::fmt;

use super::Core;
use super::open::Decided;
use crate::clock::{Reading, later};
use crate::executor::Action;
use crate::orchestrator::{CallError, JobPage, JobView, is_same_name};
use crate::run::{Ending, FolderId, JobId, JobKey, Reference, RunEvent, RunId, RunState, SkipReason};
use crate::schedule::ConnectionName;
use crate::store::Deed;

/// Names a command until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub u64);

/// What a person asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Decide about a run that is held.
    Resolve {
        /// Which.
        run: RunId,
        /// How.
        how: Resolution,
        /// Who asks, for `audit`.
        actor: String,
    },
}

/// What to do with a held run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// No job was made: send it again under the same Reference, after one more look-up.
    Start,
    /// Do not start it.
    Skip,
    /// This is its job.
    Job(JobKey),
    /// Nothing can be learnt of its job: it is given up.
    Lost,
}

/// What was decided. Its `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// It is looked up once more and then sent.
    Starting,
    /// It is recorded as skipped.
    Skipped,
    /// The job is followed.
    Adopted(JobId),
    /// The run has ended, and its schedule goes on.
    Lost,
}

impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resolved::Starting => f.write_str("it is looked up once more, and started if no job is found"),
            Resolved::Skipped => f.write_str("it is recorded as skipped and is not started"),
            Resolved::Adopted(job) => write!(f, "job {job} is taken as its job and followed"),
            Resolved::Lost => f.write_str("it is given up, and its schedule goes on; its job may still run"),
        }
    }
}

/// Why nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// It has ended, or there is none.
    #[error("run `{0}` is not open")]
    NotOpen(RunId),
    /// Nobody has to decide about it.
    #[error("run `{run}` is {state}, and only a held run can be resolved so; `lost` ends one whose job cannot be read")]
    NotHeld {
        /// Which.
        run: RunId,
        /// What it is.
        state: RunState,
    },
    /// Its job can be read, so nothing is lost.
    #[error("job {job} of run `{run}` can be read: it is {state}; stop it in Orchestrator if it is not wanted")]
    CanBeRead {
        /// The run.
        run: RunId,
        /// Its job.
        job: JobId,
        /// What it is.
        state: String,
    },
    /// Nothing of it is at Orchestrator.
    #[error("run `{run}` is {state}: nothing of it can be lost; it ends by its deadline")]
    NothingToLose {
        /// Which.
        run: RunId,
        /// What it is.
        state: RunState,
    },
    /// It was never sent anywhere.
    #[error("run `{0}` has no folder in which a job of it could be")]
    NoFolder(RunId),
    /// There is no such job.
    #[error("folder {folder} shows no job `{key}`")]
    NoJob {
        /// The key.
        key: JobKey,
        /// Where it was looked for.
        folder: FolderId,
    },
    /// Another process's job.
    #[error("job `{key}` is of process `{found}`, and the run starts `{wanted}`")]
    OtherProcess {
        /// The key.
        key: JobKey,
        /// Its process.
        found: String,
        /// The run's.
        wanted: String,
    },
    /// Another run's job.
    #[error("job `{0}` belongs to another run")]
    OtherRun(JobKey),
    /// Orchestrator did not answer.
    #[error("the job could not be read: {0}")]
    NotRead(String),
    /// It is being decided already.
    #[error("run `{0}` is being resolved already")]
    Busy(RunId),
    /// The daemon is about to end.
    #[error("the daemon is stopping")]
    Stopping,
    /// Nothing can be written now.
    #[error("the database cannot be written at the moment, so nothing was decided")]
    NotStored,
}

/// A command with its answer.
pub type Answer = (CommandId, Result<Resolved, CommandRefused>);

/// Commands that wait for Orchestrator.
#[derive(Debug, Default)]
pub(super) struct Desk {
    reading: BTreeMap<RunId, (CommandId, JobKey, String)>,
    /// Runs to be given up once it is clear that their job cannot be read.
    giving_up: BTreeMap<RunId, (CommandId, String)>,
    pub(super) answers: Vec<Answer>,
}

impl Core {
    pub(super) fn take_command(&mut self, id: CommandId, command: Command, now: Reading) {
        let Command::Resolve { run, how, actor } = command;
        if let Err(refused) = self.resolve(id, run, how, &actor, now) {
            self.desk.answers.push((id, Err(refused)));
        }
    }

    fn resolve(
        &mut self,
        id: CommandId,
        run: RunId,
        how: Resolution,
        actor: &str,
        now: Reading,
    ) -> Result<(), CommandRefused> {
        if self.stopping == super::Stopping::Yes {
            return Err(CommandRefused::Stopping);
        }
        if how == Resolution::Lost {
            return self.give_up(id, run, actor, now);
        }
        let open = self.book.get(run).ok_or(CommandRefused::NotOpen(run))?;
        match open.run.state {
            RunState::Held => {}
            state @ (RunState::Armed
            | RunState::Waiting(_)
            | RunState::Starting
            | RunState::Unknown
            | RunState::Job(_)
            | RunState::Ended(_)) => return Err(CommandRefused::NotHeld { run, state }),
        }
        if self.desk.reading.contains_key(&run) || self.desk.giving_up.contains_key(&run) {
            return Err(CommandRefused::Busy(run));
        }
        match how {
            Resolution::Start => {
                let schedule = self.set.schedules.get(&open.run.schedule);
                // Counted from the asking, as for anything that a person starts (semantics.md 10).
                let deadline = schedule.map(|schedule| later(now.wall, schedule.start_deadline));
                self.book.change(run, |run| {
                    run.error = None;
                    run.deadline_at = deadline.unwrap_or(run.deadline_at).max(run.deadline_at);
                });
                self.step(run, RunEvent::Unclear, now, format!("{actor} decided to start it; looking it up once more"));
                if let Some(open) = self.book.get_mut(run) {
                    open.decided = Decided::Start;
                    open.settle_from(std::time::Duration::ZERO, now.boot);
                }
                self.decided(id, run, "start", None, actor, Resolved::Starting, now);
            }
            Resolution::Skip => {
                let ending = Ending::Skipped(SkipReason::UnknownStart);
                self.step(run, RunEvent::End(ending), now, format!("{actor} decided not to start it"));
                self.decided(id, run, "skip", None, actor, Resolved::Skipped, now);
            }
            Resolution::Job(key) => {
                let folder_id =
                    open.run.attempt().and_then(|attempt| attempt.folder_id).ok_or(CommandRefused::NoFolder(run))?;
                let connection = open.run.connection.clone();
                self.desk.reading.insert(run, (id, key, actor.to_owned()));
                self.actions.push(Action::FindJob { connection, folder_id, run, key });
            }
            Resolution::Lost => {}
        }
        Ok(())
    }

    /// A person gives a run up (semantics.md 22): at once where no job is known, else if its job cannot be read now.
    fn give_up(&mut self, id: CommandId, run: RunId, actor: &str, now: Reading) -> Result<(), CommandRefused> {
        let Some(open) = self.book.get(run) else {
            // It has ended as lost, and its job, which may still run, keeps its schedule back.
            if !self.book.stop_counting(run, now.wall) {
                return Err(CommandRefused::NotOpen(run));
            }
            self.book.note_ended(
                run,
                now.wall,
                format!("{actor} gave up waiting for its job; it no longer counts for overlap"),
            );
            self.decided(id, run, "lost", None, actor, Resolved::Lost, now);
            return Ok(());
        };
        if self.desk.reading.contains_key(&run) || self.desk.giving_up.contains_key(&run) {
            return Err(CommandRefused::Busy(run));
        }
        match open.run.state {
            RunState::Held | RunState::Unknown => {
                self.give_up_now(id, run, actor, now);
                Ok(())
            }
            RunState::Job(_) => {
                let attempt = open.run.attempt();
                let (job, folder_id) = (open.run.open_job(), attempt.and_then(|attempt| attempt.folder_id));
                let (Some(job), Some(folder_id)) = (job, folder_id) else { return Err(CommandRefused::NoFolder(run)) };
                let connection = open.run.connection.clone();
                if self.is_elsewhere(run) || !self.links.contains_key(&connection) {
                    // Nobody is there to be asked about it.
                    self.give_up_now(id, run, actor, now);
                    return Ok(());
                }
                if let Some(link) = self.links.get_mut(&connection) {
                    link.reads_in_flight += 1;
                }
                self.desk.giving_up.insert(run, (id, actor.to_owned()));
                self.actions.push(Action::Read { connection, folder_id, run, job });
                Ok(())
            }
            state @ (RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Ended(_)) => {
                Err(CommandRefused::NothingToLose { run, state })
            }
        }
    }

    fn give_up_now(&mut self, id: CommandId, run: RunId, actor: &str, now: Reading) {
        let connection = self.book.get(run).map(|open| open.run.connection.clone());
        self.lose(run, &format!("{actor} gave it up"), None, now);
        if let Some(connection) = connection {
            self.read_once(&connection, run);
        }
        self.decided(id, run, "lost", None, actor, Resolved::Lost, now);
    }

    /// The job of a run that a person wants to give up was read, or not. Gives whether it was asked for that.
    pub(super) fn read_to_give_up(&mut self, run: RunId, result: &Result<Option<JobView>, CallError>, now: Reading) {
        let Some((id, actor)) = self.desk.giving_up.remove(&run) else { return };
        match result {
            Ok(Some(job)) => {
                let state = job.state.as_str().to_owned();
                let refused = CommandRefused::CanBeRead { run, job: job.id, state };
                self.desk.answers.push((id, Err(refused)));
            }
            Ok(None) | Err(_) => self.give_up_now(id, run, &actor, now),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a word of the same line in `audit`")]
    fn decided(
        &mut self,
        id: CommandId,
        run: RunId,
        word: &str,
        job: Option<JobKey>,
        actor: &str,
        resolved: Resolved,
        now: Reading,
    ) {
        let detail = job.map_or_else(|| word.to_owned(), |key| format!("{word} {key}"));
        self.book.record_deed(Deed {
            at: now.wall,
            actor: actor.to_owned(),
            action: "resolve",
            subject: run.to_string(),
            detail: Some(detail),
        });
        self.desk.answers.push((id, Ok(resolved)));
    }

    /// The job that a person named was looked for.
    pub(super) fn found_job(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        run: RunId,
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        if let Some(link) = self.link_mut(connection) {
            link.heard_read(&result, now.boot);
        }
        let Some((id, key, actor)) = self.desk.reading.remove(&run) else { return };
        let checked = match result {
            Ok(page) => self.check_job(folder_id, run, key, &page),
            Err(error) => Err(CommandRefused::NotRead(error.to_string())),
        };
        match checked {
            Ok(job) => {
                if let Some(reference) = job.reference.clone() {
                    // Started by hand under another name; from here on that one tells its job.
                    self.book.change(run, |run| {
                        if let Some(attempt) = run.attempt_mut() {
                            attempt.reference = reference;
                        }
                    });
                }
                let number = job.id;
                self.adopt(run, folder_id, &[job], &format!("Found by {actor}"), now);
                self.decided(id, run, "job", Some(key), &actor, Resolved::Adopted(number), now);
            }
            Err(refused) => self.desk.answers.push((id, Err(refused))),
        }
    }

    fn check_job(
        &mut self,
        folder: FolderId,
        id: RunId,
        key: JobKey,
        page: &JobPage,
    ) -> Result<JobView, CommandRefused> {
        let followed = self.book.followed_as(key);
        let open = self.book.get(id).ok_or(CommandRefused::NotOpen(id))?;
        // Meanwhile a look-up may have found it.
        if open.run.state != RunState::Held {
            return Err(CommandRefused::NotHeld { run: id, state: open.run.state });
        }
        let job = page.jobs.iter().find(|job| job.key == key).ok_or(CommandRefused::NoJob { key, folder })?;
        let wanted = &open.run.start().process;
        if let Some(found) = job.release_name.as_ref().filter(|found| !is_same_name(found, wanted)) {
            return Err(CommandRefused::OtherProcess { key, found: found.clone(), wanted: wanted.clone() });
        }
        let ours = open.run.attempt().map(|attempt| &attempt.reference);
        let prefix = Reference::prefix(self.installation);
        let of_another =
            job.reference.as_ref().is_some_and(|text| Some(text) != ours && text.as_str().starts_with(&prefix));
        if of_another || followed.iter().any(|other| *other != id) {
            return Err(CommandRefused::OtherRun(key));
        }
        Ok(job.clone())
    }
}
