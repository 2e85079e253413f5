//! The record of a run, as it is kept.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::{FolderId, IllegalStep, JobId, JobKey, Reference, RunEvent, RunId, RunState};
use crate::schedule::{ConnectionName, HistoryChoice, OnUnknownStart, ScheduleKey, StartSpec, Trigger};

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
    /// After this the first start is not sent any more.
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
    /// What is started.
    pub start: StartSpec,
    /// What happens when the start stays unclear.
    pub on_unknown_start: OnUnknownStart,
    /// What of arguments and output stays in the history.
    pub history: HistoryChoice,
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

/// One StartJobs call, repeated under the same Reference only while it is unclear, and its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which of the run's jobs: 1 unless the schedule asks for several.
    pub job_number: u8,
    /// 1 for the first, counting on with retries of a failed job.
    pub attempt: u16,
    /// The name under which its job can be found.
    pub reference: Reference,
    /// The folder it is sent to; every look-up asks this very folder.
    pub folder_id: Option<FolderId>,
    /// How often the call was made.
    pub sends: u16,
    /// How many of these calls stayed unclear: each may have made a job.
    pub unclear: u16,
    /// The HTTP status of the last answer that was unclear.
    pub answered: Option<u16>,
    /// How many calls in a row were answered by that status and settled as "no job was made".
    pub settled_none: u16,
    /// When the last call was about to be made.
    pub sent_at: Option<Timestamp>,
    /// The job, once known.
    pub job: Option<JobRef>,
    /// Orchestrator's word for the job's state when last read.
    pub job_state: Option<String>,
    /// When all jobs of this Reference are counted once more, after a repeated call.
    pub sweep_at: Option<Timestamp>,
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
    /// Its stable name, as in the database.
    pub fn name(self) -> &'static str {
        match self {
            HeldFor::Proof => "proof",
            HeldFor::Person => "person",
        }
    }
}

impl Attempt {
    /// The first, not sent yet.
    pub fn first(reference: Reference) -> Attempt {
        Attempt {
            job_number: 1,
            attempt: 1,
            reference,
            folder_id: None,
            sends: 0,
            unclear: 0,
            answered: None,
            settled_none: 0,
            sent_at: None,
            job: None,
            job_state: None,
            sweep_at: None,
        }
    }
}

/// Orchestrator's two names for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobRef {
    /// For `Key in (…)`.
    pub key: JobKey,
    /// For `/odata/Jobs(id)`.
    pub id: JobId,
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
    /// With the step that ends the possibility of sending it (again), its arguments become what its schedule keeps of them.
    ///
    /// # Errors
    /// [`IllegalStep`]; the run is then unchanged.
    pub fn apply(&mut self, event: RunEvent) -> Result<(), IllegalStep> {
        let after = self.state.apply(event)?;
        let before = std::mem::replace(&mut self.state, after);
        // No step leads back, so this happens once.
        if before.may_be_sent() && !self.state.may_be_sent() {
            self.start.arguments = self.history.arguments.of_arguments(self.start.arguments.take());
        }
        Ok(())
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
            _ => None,
        }
    }
}
