//! The record of a run, as it is kept.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::{
    Attempt, Ending, FolderId, FrozenPolicy, IllegalStep, InstallationId, JobRef, Reference, RunEvent, RunId, RunState,
    VersionId, Work,
};
use crate::schedule::{
    ArgumentTemplate, AttemptFacts, CatchUpPolicy, ConnectionName, Kept, OnPending, OverlapPolicy, Retry, ScheduleKey,
    StartSpec, TemplateError, Trigger,
};

/// One occurrence and what became of it. Everything the start needs is frozen here at the claim: a later edit of the
/// schedule does not change a run that exists.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Counts the writes; a write names the version it saw, so a lost update cannot pass.
    pub version: i64,
    /// The schedule's key.
    pub schedule: ScheduleKey,
    /// Why it exists.
    pub trigger: Trigger,
    /// The time that was meant.
    pub nominal_at: Timestamp,
    /// With `count`: the last of a range of times that share this row.
    pub nominal_until: Option<Timestamp>,
    /// How many times share this row, when more than one.
    pub count: Option<u64>,
    /// The nominal time in the schedule's zone.
    pub local: civil::DateTime,
    /// The zone's offset then.
    pub offset: Offset,
    /// When it was to be sent.
    pub fire_at: Timestamp,
    /// When this row was written.
    pub claimed_at: Timestamp,
    /// From when its `start_deadline` counts, but for the windows in which nothing is started.
    pub deadline_from: Timestamp,
    /// From this on what was not sent is not sent any more.
    pub deadline_at: Timestamp,
    /// Where it stands.
    pub state: RunState,
    /// For people: clock changes, adoption, duplicates.
    pub note: Option<String>,
    /// For people: what went wrong, with the cure where known.
    pub error: Option<String>,
    /// On which connection.
    pub connection: ConnectionName,
    /// Where that connection led at the claim: host, path and tenant (semantics.md 12a). Rows of before this was kept have none.
    pub identity: Option<String>,
    /// What is done. Arguments are those of the attempt under way, or of the last one.
    pub work: Work,
    /// The arguments as the next attempt fills them in; none where all attempts have the same, and once there will be no other.
    pub template: Option<ArgumentTemplate>,
    /// What its schedule said at the claim about all that may happen to it.
    pub policy: FrozenPolicy,
    /// Under which of its schedule's timings it was claimed; given by the writer.
    pub schedule_version: Option<VersionId>,
    /// When a waiting run is looked at again.
    pub waiting_until: Option<Timestamp>,
    /// When the (last) StartJobs call was made.
    pub sent_at: Option<Timestamp>,
    /// When Orchestrator's acceptance was read.
    pub accepted_at: Option<Timestamp>,
    /// When the job began on its robot, by Orchestrator's clock.
    pub started_at: Option<Timestamp>,
    /// When it ended: the job by Orchestrator's clock, else by ours.
    pub ended_at: Option<Timestamp>,
    /// Who asked for it, for manual runs.
    pub actor: Option<String>,
    /// Who called it off, for cancelled runs: a person, or `files`.
    pub cancelled_by: Option<String>,
    /// The run that this one follows.
    pub parent: Option<RunId>,
    /// The run that this one repeats.
    pub retry_of: Option<RunId>,
    /// The run that made a missed one good.
    pub made_good_by: Option<RunId>,
    /// The job's output arguments, JSON text.
    pub output: Option<String>,
    /// Orchestrator's own name for the request that failed last, which its support asks for.
    pub trace_id: Option<String>,
    /// Why it is held, or was last.
    pub held_for: Option<HeldFor>,
    /// It has ended, but counts for overlap until then: its job could not be read and may still run.
    pub counts_until: Option<Timestamp>,
    /// The StartJobs calls, oldest first. Empty for a run that was never claimed for a start.
    pub attempts: Vec<Attempt>,
}

/// Why a run is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldFor {
    /// Nothing at Orchestrator can prove that no job was made.
    Proof,
    /// No job was made, and its schedule leaves the decision to a person.
    Person,
}

impl HeldFor {
    /// What a person can do about a run that is held for this, of which this is the short id.
    pub fn cure(self, short: &str) -> String {
        match self {
            HeldFor::Proof => format!(
                "look in Orchestrator whether the job exists; then: `punctual resolve {short} start`, `skip`, the job's key, or `lost`"
            ),
            HeldFor::Person => format!("`punctual resolve {short} start`, `skip`, the job's key, or `lost`"),
        }
    }

    /// Its stable name, as in the database.
    pub fn name(self) -> &'static str {
        match self {
            HeldFor::Proof => "proof",
            HeldFor::Person => "person",
        }
    }
}

/// One line of a run's story: a change of state, or something learned on the way.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whose.
    pub run: RunId,
    /// When, by our clock.
    pub at: Timestamp,
    /// The state after it; `None` for a line about a run that ended long ago: its state stays.
    pub state: Option<RunState>,
    /// What happened, in a person's words.
    pub text: String,
}

/// What lets an empty look-up count: the newest job of ours that a look-up has found in this folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// On which connection.
    pub connection: ConnectionName,
    /// In which folder.
    pub folder_id: FolderId,
    /// The job's Reference: asked for again with every look-up, as its control.
    pub reference: Reference,
    /// When it was last found so.
    pub proven_at: Timestamp,
}

/// Where a folder that a schedule names by the last part of its path led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortFolder {
    /// On which connection.
    pub connection: ConnectionName,
    /// As the schedule names it.
    pub name: String,
    /// Orchestrator's number for it; it may change while the folder stays.
    pub folder_id: FolderId,
    /// Its full name.
    pub full_name: String,
    /// When it was found so first.
    pub found_at: Timestamp,
}

/// List calls that a connection made in one turn: the limit of a minute is the tenant's and holds over restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCalls {
    /// On which connection.
    pub connection: ConnectionName,
    /// When.
    pub at: Timestamp,
    /// How many.
    pub calls: u32,
}

impl Run {
    /// Takes one step.
    ///
    /// With the step after which no start can be sent any more, its arguments become what its schedule keeps of them.
    ///
    /// # Errors
    /// [`IllegalStep`]; the run is then unchanged.
    pub fn apply(&mut self, event: RunEvent) -> Result<(), IllegalStep> {
        let after = self.state.apply(event)?;
        if after.is_without_job() && self.had_job() {
            return Err(IllegalStep { from: self.state, event });
        }
        let needed_before = self.needs_its_arguments();
        self.state = after;
        // Nothing leads back, so this happens once.
        if needed_before && !self.needs_its_arguments() {
            if self.policy.history.arguments != Kept::Keep {
                self.template = None;
            }
            match &mut self.work {
                Work::Process(start) => {
                    start.arguments = self.policy.history.arguments.of_arguments(start.arguments.take());
                }
            }
        }
        // A person may have it tried again (semantics.md 31), but not what has succeeded.
        if after == RunState::Ended(Ending::Succeeded) {
            self.template = None;
        }
        Ok(())
    }

    /// How many starts it may make in all, where its policy knows of more than one (semantics.md 18, 21).
    pub fn most_starts(&self) -> Option<u16> {
        let restarts = self.policy.timeout.as_ref().is_some_and(|timeout| timeout.on_pending == OnPending::Restart);
        self.policy.retry.as_ref().map(|retry| retry.attempts).or(restarts.then_some(Retry::STARTS_OF_PENDING))
    }

    /// Whether a start may still be sent: of this attempt, or of one that follows it.
    fn needs_its_arguments(&self) -> bool {
        let made = self.attempts.iter().map(|attempt| attempt.attempt).max().unwrap_or(0);
        let another = self.most_starts().is_some_and(|most| made < most);
        self.state.may_be_sent() || (another && !self.state.is_final())
    }

    /// Begins an attempt at one of its jobs, the first or the next one: its own Reference, and the arguments filled in for it
    /// (semantics.md 13, 18). `due_at` is when it is to be sent.
    ///
    /// # Errors
    /// [`TemplateError`] when its arguments cannot be filled in. It has the attempt all the same.
    pub fn begin_attempt(
        &mut self,
        installation: InstallationId,
        job_number: u8,
        due_at: Timestamp,
    ) -> Result<(), TemplateError> {
        let of_this_job = self.attempts.iter().filter(|attempt| attempt.job_number == job_number);
        let attempt = of_this_job.map(|attempt| attempt.attempt).max().map_or(1, |last| last.saturating_add(1));
        let first = Reference::for_occurrence(installation, &self.schedule, self.nominal_at, self.trigger, self.id);
        let reference = first.of_attempt(job_number, attempt);
        let facts = AttemptFacts { fire: due_at, attempt, reference: reference.as_str() };
        let filled = self.template.as_ref().map(|template| template.fill_in(&facts)).transpose();
        let due_at = (attempt > 1).then_some(due_at);
        self.attempts.push(Attempt { job_number, attempt, due_at, ..Attempt::first(reference) });
        match (filled?, &mut self.work) {
            (Some(arguments), Work::Process(start)) => start.arguments = Some(arguments),
            (None, Work::Process(_)) => {}
        }
        Ok(())
    }

    /// When it is to be sent: its first attempt at its time, a later one after its pause.
    pub fn due_at(&self) -> Timestamp {
        self.attempt().and_then(|attempt| attempt.due_at).unwrap_or(self.fire_at)
    }

    /// Whether it is one of several late times that run one after another, before later ones (semantics.md 9).
    pub fn is_caught_up(&self) -> bool {
        let all = self.policy.catch_up.is_some_and(|catch_up| catch_up.policy == CatchUpPolicy::All);
        self.trigger == Trigger::CatchUp && all
    }

    /// Whether it may have to wait for the end of an older run of its schedule, where one is open (semantics.md 9, 11).
    pub fn may_queue(&self) -> bool {
        let queues = self.policy.overlap.is_some_and(OverlapPolicy::waits);
        !self.had_job() && (queues || self.is_caught_up())
    }

    /// Whether one of its attempts has had a job: it ends as its last job did, whatever becomes of a further attempt (semantics.md 18).
    pub fn had_job(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.job.is_some())
    }

    /// What is started.
    pub fn start(&self) -> &StartSpec {
        match &self.work {
            Work::Process(start) => start,
        }
    }

    /// The attempt that is under way, or the last one.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The same, to be changed.
    pub fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }

    /// The folder that its last call went to: every look-up asks this very folder.
    pub fn folder_id(&self) -> Option<FolderId> {
        self.attempt().and_then(|attempt| attempt.folder_id)
    }

    /// The job that is followed, while there is one.
    pub fn open_job(&self) -> Option<JobRef> {
        match self.state {
            RunState::Job(_) => self.attempt().and_then(|attempt| attempt.job),
            RunState::Armed
            | RunState::Waiting(_)
            | RunState::Starting
            | RunState::Unknown
            | RunState::Held
            | RunState::Ended(_) => None,
        }
    }
}
