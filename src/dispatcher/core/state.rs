//! What the core knows: the open runs, the connections, the loaded set, the time of this step; and what is to be done.
//!
//! The rules in `run` and `set` are functions of it. What they have in common is here: the step of a run is the choke point through
//! which each of its changes goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::book::Book;
use super::flights::Question;
use super::holding::Holding;
use super::inquiry::Settle;
use super::link::{Link, identity};
use super::progress::{Open, Progress};
use super::wake::Wake;
use crate::clock::{Reading, later};
use crate::executor::Action;
use crate::happening::{Happening, OfConnection, OfRun};
use crate::policy;
use crate::policy::overlap::Knowledge;
use crate::run::{Attempt, Ending, InstallationId, JobEnding, RunEvent, RunId, RunState, WaitReason};
use crate::schedule::{ConnectionName, ScheduleKey, ScheduleSet, Trigger};
use crate::store::Doubt;

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

/// What becomes of schedules that the database knows and the loaded set does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// They were taken out of the files: their marks go, and they begin anew should they come back.
    Retire,
    /// The set is held back, so nothing is loaded yet: their marks stay, and what comes due is judged when they are loaded.
    Park,
}

/// Random bits for run ids; comes from outside, like time.
pub type RandomBits = Box<dyn FnMut() -> [u8; 10] + Send>;

/// What this life of the daemon runs on.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) installation: InstallationId,
    pub(crate) set: Arc<ScheduleSet>,
    pub(crate) absent: Absent,
    pub(crate) pace: Pace,
    /// When this daemon took the lock: what was due before may have been started by another life.
    pub(crate) opened: Reading,
    /// Why this life began with a database that may have forgotten starts.
    pub(crate) doubt: Option<Doubt>,
}

/// What a life before this one may have done about a time, before it took the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EarlierLife {
    /// The time came in this life.
    StartedNothing,
    /// It was due before, or found late: its job is looked for first.
    MayHaveStarted,
    /// The same, under a database that may have forgotten it: no look-up of a moment is enough.
    MayBeForgotten,
}

/// A repeated start whose jobs are counted once more.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    pub(crate) run: RunId,
    pub(crate) connection: ConnectionName,
    pub(crate) attempt: Attempt,
    /// Pages of a cache, or without their filter, since the start of this life.
    pub(crate) said_nothing: u32,
}

impl Sweep {
    pub(crate) fn new(run: RunId, connection: ConnectionName, attempt: Attempt) -> Sweep {
        Sweep { run, connection, attempt, said_nothing: 0 }
    }
}

/// All of it.
pub(crate) struct State {
    /// The time of this step.
    pub(crate) now: Reading,
    pub(crate) loaded: Loaded,
    pub(crate) book: Book,
    pub(crate) links: BTreeMap<ConnectionName, Link>,
    /// Of those, the ones that the files do not have any more: kept until the last open run on them has ended.
    pub(crate) leaving: BTreeSet<ConnectionName>,
    pub(crate) sweeps: Vec<Sweep>,
    /// Pauses, times to be skipped, windows, and what has failed in a row.
    pub(crate) holding: Holding,
    /// How long each schedule's jobs took lately, from acceptance to the end as seen here; learned anew after a start.
    pub(crate) usual: BTreeMap<ScheduleKey, Duration>,
    pub(crate) random: RandomBits,
    actions: Vec<Action>,
    pub(crate) wake: Wake,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("open", &self.book.len()).field("links", &self.links).finish_non_exhaustive()
    }
}

impl State {
    /// With nothing open yet.
    pub(crate) fn new(loaded: Loaded, random: RandomBits) -> State {
        State {
            now: loaded.opened,
            loaded,
            book: Book::default(),
            links: BTreeMap::new(),
            leaving: BTreeSet::new(),
            sweeps: Vec::new(),
            holding: Holding::default(),
            usual: BTreeMap::new(),
            random,
            actions: Vec::new(),
            wake: Wake::default(),
        }
    }

    /// Has a call made once this turn is stored.
    pub(crate) fn act(&mut self, action: Action) {
        for question in Question::all_of(&action) {
            self.book.begin(question, action.connection(), self.now.boot);
        }
        self.actions.push(action);
    }

    /// An action that was decided is not carried out.
    pub(crate) fn withdraw(&mut self, action: &Action) {
        for question in Question::all_of(action) {
            self.book.end(&question, action.connection());
        }
    }

    /// What is to be done so far in this turn.
    pub(crate) fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Of these what only reads Orchestrator; the rest stays to be done.
    pub(crate) fn take_reads(&mut self) -> Vec<Action> {
        let (reads, kept) = std::mem::take(&mut self.actions).into_iter().partition(Action::only_reads);
        self.actions = kept;
        reads
    }

    /// All that is to be done.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Takes a step of a run and writes its line. Gives whether the states allow it. A run of which one job has existed ends as its last job
    /// did, whatever else is asked for (semantics.md 18).
    pub(crate) fn step(&mut self, id: RunId, event: RunEvent, what: OfRun) -> bool {
        let event = match event {
            RunEvent::End(ending) => RunEvent::End(self.end_with_job(id, ending, &what)),
            RunEvent::Send | RunEvent::Wait(_) | RunEvent::Unclear | RunEvent::Hold | RunEvent::Job(_) => event,
        };
        let taken = self.book.step(id, event, self.now.wall, what);
        if taken && matches!(event, RunEvent::End(_)) {
            self.on_ended(id);
        }
        taken
    }

    /// The end of a run of which a job has existed already, if it is asked to end without one.
    fn end_with_job(&mut self, id: RunId, ending: Ending, what: &OfRun) -> Ending {
        let Some(open) = self.book.get(id) else { return ending };
        if !RunState::Ended(ending).is_without_job() || !open.run.had_job() {
            return ending;
        }
        let ended = open.run.attempts.iter().rev().find_map(|attempt| Some((attempt.ended_as?, attempt.ended_at)));
        let Some((ended_as, ended_at)) = there(ended, "a job before this attempt has ended") else { return ending };
        self.book.change(id, |run| {
            while run.attempts.last().is_some_and(|attempt| attempt.sends == 0) {
                run.attempts.pop();
            }
            if ending == Ending::Rejected
                && let Some(attempt) = run.attempt_mut()
            {
                attempt.ended_as = Some(JobEnding::Rejected);
            }
            let what = what.to_string();
            let why = what.strip_prefix("Not started: ").unwrap_or(&what);
            let why = format!("no further attempt was made: {why}");
            run.note = Some(run.note.take().map_or(why.clone(), |note| format!("{note}; {why}")));
            run.ended_at = ended_at;
        });
        Ending::from(ended_as)
    }

    /// Every end of a run passes here, however it came: what waits for an end hears of it from here on.
    fn on_ended(&mut self, id: RunId) {
        self.holding.ended.push(id);
        let Some(open) = self.book.get(id) else { return };
        let (schedule, nominal) = (open.run.schedule.clone(), open.run.nominal_at);
        let (connection, at) = (open.run.connection.clone(), open.run.ended_at.unwrap_or(self.now.wall));
        self.book.ended.note(&schedule, nominal, at);
        // It may be one left over from before the start, with an answer to a call of before, when everything was read again after a
        // failed write: nothing waits for it any more.
        if let Some(link) = self.links.get_mut(&connection) {
            link.reconciled(id);
        }
    }

    /// It may have been sent: it settles so.
    pub(crate) fn become_unclear(&mut self, id: RunId, settle: Settle, what: OfRun) {
        if self.step(id, RunEvent::Unclear, what)
            && let Some(open) = self.book.get_mut(id)
        {
            open.progress = Progress::Settling(settle);
        }
    }

    /// A line about a run whose state stays.
    pub(crate) fn note(&mut self, id: RunId, what: OfRun) {
        self.book.note(id, self.now.wall, what);
    }

    /// A fact about a connection, logged once this turn is stored.
    pub(crate) fn log(&mut self, connection: &ConnectionName, what: OfConnection) {
        self.book.log(Happening::Connection(connection.clone(), what));
    }

    /// What happened since this was last asked: to be logged once it is stored.
    pub(crate) fn take_happened(&mut self) -> Vec<Happening> {
        let mut happened = self.book.take_happened();
        for (name, link) in &mut self.links {
            happened.extend(link.take_said().map(|what| Happening::Connection(name.clone(), what)));
        }
        happened
    }

    /// Of these what is about connections and the machine; what is about runs waits until it is stored.
    pub(crate) fn take_unstored(&mut self) -> Vec<Happening> {
        let (runs, others) = self.take_happened().into_iter().partition(|one| one.run().is_some());
        self.book.happened_before(runs);
        others
    }

    /// From here on the deadline of a run counts, but for the windows in which nothing is started.
    pub(crate) fn set_deadline(&mut self, id: RunId, base: Timestamp) {
        let Some(open) = self.book.get(id) else { return };
        // A back-fill run has none, whatever it has waited for (semantics.md 10).
        let base = policy::deadline::base(open.run.trigger, base, base);
        let deadline = self.holding.deadline(&open.run, base);
        self.book.change(id, |run| (run.deadline_from, run.deadline_at) = (base, deadline));
    }

    /// Now, as it can be stored: what begins now is in memory as the next life will read it.
    pub(crate) fn this_millisecond(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now.wall.as_millisecond()).unwrap_or(self.now.wall)
    }

    /// Keeps a run waiting, and writes its line once.
    pub(crate) fn wait(&mut self, id: RunId, reason: WaitReason, until: Option<Duration>, what: OfRun) {
        let now = self.now;
        let Some(open) = self.book.get(id) else { return };
        if let Some(until) = until {
            self.wake.at_boot(until);
        }
        // An unclear start that may be sent again stays `unknown` until it is: it is not certain any more that nothing runs.
        if open.run.state == RunState::Unknown || open.run.state == RunState::Waiting(reason) {
            return;
        }
        // A run that Orchestrator keeps off shows that until it takes calls again, and not in between what it would wait for then.
        let would_wait =
            matches!(reason, WaitReason::Overlap | WaitReason::Limit | WaitReason::LookUp | WaitReason::Outage);
        if would_wait && open.run.state == RunState::Waiting(WaitReason::RateLimit) {
            let link = self.links.get(&open.run.connection);
            if link.is_some_and(|link| link.health.is_easing(now.boot)) {
                return;
            }
        }
        if self.step(id, RunEvent::Wait(reason), what) {
            self.book.change(id, |run| run.waiting_until = until.map(|boot| wall_of(now, boot)));
        }
    }

    /// One of the runs left over from before the start has been asked about.
    pub(crate) fn read_once(&mut self, connection: &ConnectionName, id: RunId) {
        if let Some(settle) = self.book.get_mut(id).and_then(Open::settle_mut) {
            settle.knowledge = Knowledge::Current;
        }
        if let Some(link) = self.links.get_mut(connection) {
            link.reconciled(id);
        }
    }

    /// A new id, of this instant.
    pub(crate) fn random_run_id(&mut self) -> RunId {
        let now = self.now.wall;
        RunId::new(u64::try_from(now.as_millisecond()).unwrap_or(0), (self.random)())
    }

    /// What a life before this one may have done about a time.
    pub(crate) fn earlier_life(&self, trigger: Trigger, fire_at: Timestamp) -> EarlierLife {
        let was_due_then = fire_at <= self.loaded.opened.wall;
        match (was_due_then, self.loaded.doubt, trigger) {
            (true, Some(_), _) => EarlierLife::MayBeForgotten,
            (true, None, _) | (false, _, Trigger::CatchUp) => EarlierLife::MayHaveStarted,
            (false, _, Trigger::Scheduled | Trigger::After | Trigger::Backfill | Trigger::Manual) => {
                EarlierLife::StartedNothing
            }
        }
    }

    /// Whether a run's connection leads elsewhere.
    pub(crate) fn is_elsewhere(&self, id: RunId) -> bool {
        self.book.get(id).is_some_and(|open| open.elsewhere.is_some())
    }

    /// Where a connection leads now, for a run that is claimed on it.
    pub(crate) fn identity_of(&self, connection: &ConnectionName) -> Option<String> {
        self.loaded.set.connections.get(connection).map(|connection| identity(connection))
    }
}

/// What must hold. A breach ends the process where people test, and where faults are tried; elsewhere it is not looked at.
pub(crate) fn must(holds: impl FnOnce() -> bool, what: &str) {
    if cfg!(any(debug_assertions, feature = "faults")) {
        assert!(holds(), "{what}");
    }
}

/// The same of something that must be there. What follows is left undone where it is not, and nobody looks.
pub(crate) fn there<T>(thing: Option<T>, what: &str) -> Option<T> {
    must(|| thing.is_some(), what);
    thing
}

/// When a boot time is by the wall clock, for a waiting run's stored time.
pub(crate) fn wall_of(now: Reading, boot: Duration) -> Timestamp {
    later(now.wall, boot.saturating_sub(now.boot))
}

/// When an instant was, in boot time; of one to come, now.
pub(crate) fn boot_of(now: Reading, wall: Timestamp) -> Duration {
    now.boot.saturating_sub(now.wall.duration_since(wall).try_into().unwrap_or_default())
}
