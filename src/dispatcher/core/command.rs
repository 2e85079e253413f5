//! What people ask for, and what becomes of it: here of a run that is held; of pauses and skipped times in `holding_command`.
//!
//! An answer is given when it is stored, never before: it comes out of the turn next to the changes. Each is an `audit` row and a
//! line of the run, with who asked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::{Answer, CommandId, CommandRefused, Done, Resolved};
use super::backfill_command::{self, BackfillCommand};
use super::flights::Folder;
use super::holding_command::{self, HoldingCommand};
use super::inquiry::Settle;
use super::progress::Wish;
use super::retry_command::{self, RetryCommand};
use super::run::{adopt, ending, stop};
use super::set::planning::Planning;
use super::start_command::{self, StartCommand};
use super::state::State;
use super::stop_command::{self, StopCommand};
use crate::executor::Action;
use crate::happening::{HowFound, OfRun, WhyLost};
use crate::orchestrator::{CallError, JobPage, JobView, is_same_name};
use crate::run::{Ending, FolderId, JobKey, Reference, RunEvent, RunId, RunState, SkipReason};
use crate::store::Deed;

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
    /// Start something by hand.
    Start {
        /// What.
        what: StartCommand,
        /// Who asks, for `audit`.
        actor: String,
    },
    /// Try a run again.
    Retry {
        /// Which, and how.
        what: RetryCommand,
        /// Who asks, for `audit`.
        actor: String,
    },
    /// Make times of the past good.
    Backfill {
        /// Which.
        what: BackfillCommand,
        /// Who asks, for `audit`.
        actor: String,
    },
    /// Stop a run, or whatever of a schedule waits.
    Stop {
        /// What.
        what: StopCommand,
        /// Who asks, for `audit`.
        actor: String,
    },
    /// Pause, resume or skip.
    Hold {
        /// What.
        what: HoldingCommand,
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

/// Commands that wait for Orchestrator, and the answers to those that do not.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pending: BTreeMap<RunId, (Asking, Pending)>,
    answers: Vec<Answer>,
}

/// Who asks for what.
#[derive(Clone, Debug)]
struct Asking {
    id: CommandId,
    run: RunId,
    actor: String,
}

/// What a command waits for.
#[derive(Clone, Copy, Debug)]
enum Pending {
    /// The job that was named.
    Named(JobKey),
    /// Whether its job can be read: if not, the run is given up.
    GivingUp,
}

impl Desk {
    /// Nothing was decided.
    pub(crate) fn refuse(&mut self, id: CommandId, refused: CommandRefused) {
        self.answers.push((id, Err(refused)));
    }

    /// To be given once it is stored.
    pub(crate) fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Decided: an `audit` row, and the answer.
    fn decided(&mut self, state: &mut State, asking: Asking, how: Resolution, resolved: Resolved) {
        let detail = match how {
            Resolution::Start => "start".to_owned(),
            Resolution::Skip => "skip".to_owned(),
            Resolution::Job(key) => format!("job {key}"),
            Resolution::Lost => "lost".to_owned(),
        };
        state.book.record_deed(Deed {
            at: state.now.wall,
            actor: asking.actor,
            action: "resolve",
            subject: asking.run.to_string(),
            detail: Some(detail),
        });
        self.answers.push((asking.id, Ok(Done::Resolved(resolved))));
    }
}

/// A person asks for something.
pub(crate) fn take(state: &mut State, planning: &Planning, desk: &mut Desk, id: CommandId, command: Command) {
    let (run, how, actor) = match command {
        Command::Resolve { run, how, actor } => (run, how, actor),
        Command::Start { what, actor } => {
            let done = start_command::take(state, what, &actor);
            return desk.answers.push((id, done.map(Done::Started).map_err(CommandRefused::from)));
        }
        Command::Retry { what, actor } => {
            let done = retry_command::take(state, what, &actor);
            return desk.answers.push((id, done.map(Done::Retried).map_err(CommandRefused::from)));
        }
        Command::Backfill { what, actor } => {
            let done = backfill_command::take(state, what, &actor);
            return desk.answers.push((id, done.map(Done::Backfilled).map_err(CommandRefused::from)));
        }
        Command::Stop { what, actor } => {
            let done = stop_command::take(state, what, &actor);
            return desk.answers.push((id, done.map(Done::Stopped).map_err(CommandRefused::from)));
        }
        Command::Hold { what, actor } => {
            let done = holding_command::take(state, planning, what, &actor);
            return desk.answers.push((id, done.map(Done::Held).map_err(CommandRefused::from)));
        }
    };
    let asking = Asking { id, run, actor };
    let asked = match how {
        Resolution::Lost => give_up(state, desk, asking),
        Resolution::Start | Resolution::Skip | Resolution::Job(_) => resolve_held(state, desk, asking, how),
    };
    if let Err(refused) = asked {
        desk.refuse(id, refused);
    }
}

fn resolve_held(state: &mut State, desk: &mut Desk, asking: Asking, how: Resolution) -> Result<(), CommandRefused> {
    let now = state.now;
    let run = asking.run;
    let open = state.book.get(run).ok_or(CommandRefused::NotOpen(run))?;
    if open.run.state != RunState::Held {
        return Err(CommandRefused::NotHeld { run, state: open.run.state });
    }
    if desk.pending.contains_key(&run) {
        return Err(CommandRefused::Busy(run));
    }
    let actor = &asking.actor;
    match how {
        Resolution::Start => {
            let deadline = open.run.deadline_at;
            state.book.change(run, |run| run.error = None);
            // Counted from the asking, as for anything that a person starts (semantics.md 10).
            state.set_deadline(run, now.wall);
            state.book.change(run, |run| run.deadline_at = run.deadline_at.max(deadline));
            let what = OfRun::DecidedToStart { actor: actor.clone() };
            // Its window is over, whenever its call ended.
            state.become_unclear(run, Settle::from(Duration::ZERO, now.boot), what);
            if let Some(open) = state.book.get_mut(run) {
                open.wish = Wish::StartAfterLook;
            }
            desk.decided(state, asking, how, Resolved::Starting);
        }
        Resolution::Skip => {
            let ending = Ending::Skipped(SkipReason::UnknownStart);
            state.step(run, RunEvent::End(ending), OfRun::DecidedNotToStart { actor: actor.clone() });
            desk.decided(state, asking, how, Resolved::Skipped);
        }
        Resolution::Job(key) => {
            let folder_id = open.run.folder_id().ok_or(CommandRefused::NoFolder(run))?;
            let connection = open.run.connection.clone();
            desk.pending.insert(run, (asking, Pending::Named(key)));
            state.act(Action::FindJob { connection, folder_id, run, key });
        }
        Resolution::Lost => {}
    }
    Ok(())
}

/// A person gives a run up (semantics.md 22): at once where no job is known, else if its job cannot be read now.
fn give_up(state: &mut State, desk: &mut Desk, asking: Asking) -> Result<(), CommandRefused> {
    let (run, now) = (asking.run, state.now);
    let Some(open) = state.book.get(run) else {
        // It has ended as lost, and its job, which may still run, keeps its schedule back.
        if !state.book.stop_counting(run, now.wall) {
            return Err(CommandRefused::NotOpen(run));
        }
        let what = OfRun::CountsNoLonger { actor: asking.actor.clone() };
        state.book.note_ended(run, now.wall, what);
        desk.decided(state, asking, Resolution::Lost, Resolved::Lost);
        return Ok(());
    };
    if desk.pending.contains_key(&run) {
        return Err(CommandRefused::Busy(run));
    }
    match open.run.state {
        RunState::Held | RunState::Unknown => {
            give_up_now(state, desk, asking);
            Ok(())
        }
        RunState::Job(_) => {
            let (job, folder_id) = (open.run.open_job(), open.run.folder_id());
            let (Some(job), Some(folder_id)) = (job, folder_id) else { return Err(CommandRefused::NoFolder(run)) };
            let connection = open.run.connection.clone();
            if open.elsewhere.is_some() || !state.links.contains_key(&connection) {
                // Nobody is there to be asked about it.
                give_up_now(state, desk, asking);
                return Ok(());
            }
            desk.pending.insert(run, (asking, Pending::GivingUp));
            state.act(Action::Read { connection, folder_id, run, job });
            Ok(())
        }
        state @ (RunState::Armed | RunState::Waiting(_) | RunState::Starting | RunState::Ended(_)) => {
            Err(CommandRefused::NothingToLose { run, state })
        }
    }
}

fn give_up_now(state: &mut State, desk: &mut Desk, asking: Asking) {
    let connection = state.book.get(asking.run).map(|open| open.run.connection.clone());
    ending::lose(state, asking.run, WhyLost::GivenUp(asking.actor.clone()), None);
    if let Some(connection) = connection {
        state.read_once(&connection, asking.run);
    }
    desk.decided(state, asking, Resolution::Lost, Resolved::Lost);
}

/// A job was read, or not: perhaps that of a run that a person wants to give up.
pub(crate) fn on_read(state: &mut State, desk: &mut Desk, run: RunId, result: &Result<Option<JobView>, CallError>) {
    let Some((asking, Pending::GivingUp)) = desk.pending.get(&run).cloned() else { return };
    desk.pending.remove(&run);
    match result {
        // It was stopped and goes on: nothing more can be asked of it (semantics.md 21a).
        Ok(Some(_)) if state.book.get(run).is_some_and(|open| stop::is_stuck(open, state.now.wall)) => {
            give_up_now(state, desk, asking);
        }
        Ok(Some(job)) => {
            let state = job.state.as_str().to_owned();
            desk.refuse(asking.id, CommandRefused::CanBeRead { run, job: job.id, state });
        }
        // Meanwhile it has ended by itself.
        Ok(None) | Err(_) if state.book.get(run).is_none() => desk.refuse(asking.id, CommandRefused::NotOpen(run)),
        Ok(None) | Err(_) => give_up_now(state, desk, asking),
    }
}

/// The job that a person named was looked for.
pub(crate) fn on_job_found(
    state: &mut State,
    desk: &mut Desk,
    at: &Folder,
    run: RunId,
    result: Result<JobPage, CallError>,
) {
    if let Some(link) = state.links.get_mut(&at.connection) {
        link.health.heard_read(&result, state.now.boot);
    }
    let Some((asking, Pending::Named(key))) = desk.pending.get(&run).cloned() else { return };
    desk.pending.remove(&run);
    let checked = match result {
        Ok(page) => check_job(state, at.id, run, key, &page),
        Err(error) => Err(CommandRefused::NotRead(error.to_string())),
    };
    match checked {
        Ok(job) => {
            if let Some(reference) = job.reference.clone() {
                // Started by hand under another name; from here on that one names its job.
                state.book.change_attempt(run, |attempt| attempt.reference = reference);
            }
            let number = job.id;
            adopt::adopt(state, run, at.id, &[job], HowFound::ByPerson(asking.actor.clone()));
            desk.decided(state, asking, Resolution::Job(key), Resolved::Adopted(number));
        }
        Err(refused) => desk.refuse(asking.id, refused),
    }
}

fn check_job(
    state: &mut State,
    folder: FolderId,
    id: RunId,
    key: JobKey,
    page: &JobPage,
) -> Result<JobView, CommandRefused> {
    let followed = state.book.followed_as(key);
    let open = state.book.get(id).ok_or(CommandRefused::NotOpen(id))?;
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
    let prefix = Reference::prefix(state.loaded.installation);
    let of_another =
        job.reference.as_ref().is_some_and(|text| Some(text) != ours && text.as_str().starts_with(&prefix));
    if of_another || followed.iter().any(|other| *other != id) {
        return Err(CommandRefused::OtherRun(key));
    }
    Ok(job.clone())
}
