//! The open runs, and what has changed since the last turn.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::due::Due;
use super::ended::Ended;
use super::flights::{Flights, Question};
use super::inquiry::Settle;
use super::progress::{Need, Open, Progress, Stored};
use super::queue::Seat;
use crate::happening::{Happening, Now, OfDaemon, OfRun};
use crate::run::{Attempt, Evidence, JobKey, ListCalls, Run, RunEvent, RunId, RunState, Seen, ShortFolder};
use crate::schedule::{ConnectionName, HighWaterMark, ScheduleKey};
use crate::store::{Changes, Deed, DoubtOver, Failing, HoldingChange, Retired, StoredVersion};

/// All open runs, and the changes of this turn.
#[derive(Debug, Default)]
pub(crate) struct Book {
    runs: BTreeMap<RunId, Open>,
    by_schedule: HashMap<ScheduleKey, BTreeSet<RunId>>,
    /// Of these the late times that run one after another, before later ones.
    caught_up: HashMap<ScheduleKey, BTreeSet<RunId>>,
    /// What of runs that have ended still matters to others.
    pub(crate) ended: Ended,
    changes: Changes,
    happened: Vec<Happening>,
    touched: BTreeSet<RunId>,
    flights: Flights,
    due: Due,
    /// To be filed anew, since they were touched.
    unfiled: BTreeSet<RunId>,
    /// The schedules of runs that were touched: younger runs that wait for one of them are looked at.
    stirred: BTreeSet<ScheduleKey>,
    /// How many runs were looked at since it was last asked: what a turn costs.
    looks: Cell<u64>,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(crate) fn ids(&self) -> Vec<RunId> {
        self.looked_at(self.runs.len());
        self.runs.keys().copied().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.runs.values().inspect(|_| self.looked_at(1))
    }

    pub(crate) fn get(&self, id: RunId) -> Option<&Open> {
        self.looked_at(1);
        self.runs.get(&id)
    }

    /// For what is only in memory; [`Book::change`] for what is stored.
    pub(crate) fn get_mut(&mut self, id: RunId) -> Option<&mut Open> {
        self.looked_at(1);
        self.unfiled.insert(id);
        self.runs.get_mut(&id)
    }

    fn looked_at(&self, runs: usize) {
        self.looks.set(self.looks.get().saturating_add(u64::try_from(runs).unwrap_or(u64::MAX)));
    }

    /// How many runs were looked at since this was last asked.
    pub(crate) fn take_looks(&self) -> u64 {
        self.looks.take()
    }

    /// Where the open runs are to be looked for.
    pub(crate) fn due(&mut self) -> &mut Due {
        for id in std::mem::take(&mut self.unfiled) {
            match self.runs.get(&id) {
                Some(open) => {
                    self.due.file(open, &self.flights, Seat::Next);
                    self.stir(id);
                }
                None => self.due.drop(id),
            }
        }
        &mut self.due
    }

    /// The same as they were filed last.
    pub(crate) fn filed(&self) -> &Due {
        &self.due
    }

    /// Whether each run is filed as it is and fits its stored state, for assertions; many are not looked through.
    pub(crate) fn holds(&mut self) -> bool {
        const MANY: usize = 300;
        self.due();
        let holds = |open: &Open| open.fits() && self.due.has(open, &self.flights);
        self.runs.len() > MANY || self.runs.values().all(holds)
    }

    /// The calls under way.
    pub(crate) fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Takes over the calls under way from a core that could not store.
    pub(crate) fn inherit_flights(&mut self, flights: Flights) {
        self.flights = flights;
        self.look_at_all();
    }

    /// The calls under way, for a core that takes over.
    pub(crate) fn into_flights(self) -> Flights {
        self.flights
    }

    /// A call leaves that asks this, at this boot time.
    pub(crate) fn begin(&mut self, question: Question, connection: &ConnectionName, boot: Duration) {
        self.unfiled.extend(question.run());
        self.flights.begin(question, connection, boot);
    }

    /// Its answer has come, or it never left. Gives whether it was being asked.
    pub(crate) fn end(&mut self, question: &Question, connection: &ConnectionName) -> bool {
        self.unfiled.extend(question.run());
        self.flights.end(question, connection)
    }

    /// A turn is over.
    pub(crate) fn end_turn(&mut self) {
        self.flights.end_turn();
    }

    /// What a run that may be sent waits for, as it turned out when it was looked at.
    pub(crate) fn seat(&mut self, id: RunId, seat: Seat) {
        let touched = self.unfiled.remove(&id);
        match self.runs.get(&id) {
            Some(open) => self.due.file(open, &self.flights, seat),
            None => self.due.drop(id),
        }
        if touched {
            self.stir(id);
        }
    }

    fn stir(&mut self, id: RunId) {
        if let Some(open) = self.runs.get(&id).filter(|open| !self.stirred.contains(&open.run.schedule)) {
            self.stirred.insert(open.run.schedule.clone());
        }
    }

    /// Has those looked at that wait for an older run of which something has changed. Gives whether there are any.
    pub(crate) fn look_at_younger(&mut self) -> bool {
        self.due();
        let stirred = std::mem::take(&mut self.stirred);
        stirred.iter().filter(|schedule| self.due.look_at_younger(schedule)).count() > 0
    }

    /// The open runs whose job has this key, as far as they are filed.
    pub(crate) fn followed_as(&mut self, job: JobKey) -> Vec<RunId> {
        self.due().jobs.get(&job).into_iter().flatten().copied().collect()
    }

    /// All open runs are looked at in the next turn: something changed that no run shows.
    pub(crate) fn look_at_all(&mut self) {
        self.unfiled.extend(self.runs.keys());
    }

    pub(crate) fn add(&mut self, open: Open) {
        self.unfiled.insert(open.run.id);
        if open.stored == Stored::New {
            self.touched.insert(open.run.id);
        }
        self.by_schedule.entry(open.run.schedule.clone()).or_default().insert(open.run.id);
        if open.run.is_caught_up() {
            self.caught_up.entry(open.run.schedule.clone()).or_default().insert(open.run.id);
        }
        self.runs.insert(open.run.id, open);
    }

    /// Changes what is stored of a run.
    pub(crate) fn change(&mut self, id: RunId, change: impl FnOnce(&mut Run)) {
        self.looked_at(1);
        self.unfiled.insert(id);
        if let Some(open) = self.runs.get_mut(&id) {
            change(&mut open.run);
            if open.stored == Stored::AsIs {
                open.stored = Stored::Changed;
            }
            self.touched.insert(id);
        }
    }

    /// Changes what is stored of a run's attempt; one that was never to be sent has none.
    pub(crate) fn change_attempt(&mut self, id: RunId, change: impl FnOnce(&mut Attempt)) {
        self.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                change(attempt);
            }
        });
    }

    /// Takes a step and writes its line; `false` when the states do not allow it. How far the run is follows the state, as far as it can be
    /// derived from it: how an unclear start settles and how a job is followed is set by whoever takes the step.
    pub(crate) fn step(&mut self, id: RunId, event: RunEvent, at: Timestamp, what: OfRun) -> bool {
        self.looked_at(1);
        self.unfiled.insert(id);
        let Some(open) = self.runs.get_mut(&id) else { return false };
        let before = open.run.state;
        if let Err(illegal) = open.run.apply(event) {
            self.happened.push(Happening::Daemon(OfDaemon::IllegalStep(format!("Run {}: {illegal}", id.short()))));
            return false;
        }
        if open.run.state == before {
            return true;
        }
        match (open.run.state, &open.progress) {
            (RunState::Armed | RunState::Waiting(_), Progress::Queued(_))
            | (RunState::Unknown | RunState::Held, Progress::Settling(_))
            | (RunState::Job(_), _) => {}
            (RunState::Armed | RunState::Waiting(_), _) => open.progress = Progress::Queued(Need::Nothing),
            (RunState::Starting, _) => open.progress = Progress::Sending,
            (RunState::Unknown | RunState::Held, _) => {
                open.progress = Progress::Settling(Settle::from(Duration::ZERO, Duration::ZERO));
            }
            (RunState::Ended(_), _) => open.progress = Progress::Over,
        }
        if open.run.state.is_final() && open.run.ended_at.is_none() {
            open.run.ended_at = Some(at);
        }
        if !matches!(open.run.state, RunState::Waiting(_)) {
            open.run.waiting_until = None;
        }
        let state = open.run.state;
        let (schedule, text) = (Some(open.run.schedule.clone()), what.to_string());
        self.happened.push(Happening::Run { run: id, schedule, state: Now::Becomes(state), what });
        if open.stored == Stored::AsIs {
            open.stored = Stored::Changed;
        }
        self.touched.insert(id);
        self.changes.seen.push(Seen { run: id, at, state: Some(state), text });
        true
    }

    /// A line about a run whose state stays.
    pub(crate) fn note(&mut self, id: RunId, at: Timestamp, what: OfRun) {
        let Some(Run { schedule, state, .. }) = self.runs.get(&id).map(|open| &open.run) else { return };
        self.changes.seen.push(Seen { run: id, at, state: Some(*state), text: what.to_string() });
        let (schedule, state) = (Some(schedule.clone()), Now::Stays(*state));
        self.happened.push(Happening::Run { run: id, schedule, state, what });
    }

    /// A line about a run that may have ended.
    pub(crate) fn note_ended(&mut self, id: RunId, at: Timestamp, what: OfRun) {
        self.changes.seen.push(Seen { run: id, at, state: None, text: what.to_string() });
        let schedule = self.runs.get(&id).map(|open| open.run.schedule.clone());
        self.happened.push(Happening::Run { run: id, schedule, state: Now::Ended, what });
    }

    /// A fact that is logged once this turn is stored, and is no line of a run.
    pub(crate) fn log(&mut self, happening: Happening) {
        self.happened.push(happening);
    }

    /// A run that was given up counts for overlap no longer. Gives whether it did.
    pub(crate) fn stop_counting(&mut self, id: RunId, now: Timestamp) -> bool {
        let counted = self.ended.stop_counting(id, now);
        if counted {
            self.changes.uncounted.push(id);
        }
        counted
    }

    /// The open runs of a schedule.
    pub(crate) fn of_schedule(&self, schedule: &ScheduleKey) -> impl Iterator<Item = &Open> {
        self.of_schedule_but(schedule, None)
    }

    /// The same without this one.
    pub(crate) fn of_schedule_but(&self, schedule: &ScheduleKey, but: Option<RunId>) -> impl Iterator<Item = &Open> {
        let ids = self.by_schedule.get(schedule).into_iter().flatten();
        ids.filter(move |id| Some(**id) != but).filter_map(|id| self.get(*id))
    }

    /// Whether a schedule has open runs that are late and run one after another.
    pub(crate) fn has_caught_up(&self, schedule: &ScheduleKey) -> bool {
        self.caught_up.contains_key(schedule)
    }

    /// The open runs of a schedule that are late and run one after another.
    pub(crate) fn caught_up(&self, schedule: &ScheduleKey) -> impl Iterator<Item = &Open> {
        self.caught_up.get(schedule).into_iter().flatten().filter_map(|id| self.get(*id))
    }

    /// Drops a run that was never written.
    pub(crate) fn forget(&mut self, id: RunId) -> Option<Open> {
        self.stir(id);
        let open = self.runs.remove(&id)?;
        self.unfiled.remove(&id);
        self.due.drop(id);
        for sets in [&mut self.by_schedule, &mut self.caught_up] {
            let Some(ids) = sets.get_mut(&open.run.schedule) else { continue };
            ids.remove(&id);
            if ids.is_empty() {
                sets.remove(&open.run.schedule);
            }
        }
        self.touched.remove(&id);
        // A line has a run: what was learnt of it while it was being written is about a row that is not there.
        self.changes.seen.retain(|seen| seen.run != id);
        Some(open)
    }

    pub(crate) fn record_mark(&mut self, key: ScheduleKey, mark: HighWaterMark) {
        self.changes.marks.push((key, mark));
    }

    pub(crate) fn record_version(&mut self, version: StoredVersion) {
        self.changes.versions.push(version);
    }

    pub(crate) fn record_retired(&mut self, key: ScheduleKey) {
        self.changes.retired.push(Retired(key));
    }

    pub(crate) fn record_evidence(&mut self, evidence: Evidence) {
        self.changes.evidence.push(evidence);
    }

    pub(crate) fn record_short_folder(&mut self, short: ShortFolder) {
        self.changes.short_folders.push(short);
    }

    pub(crate) fn record_list_call(&mut self, connection: &ConnectionName, at: Timestamp) {
        let same = |made: &&mut ListCalls| &made.connection == connection && made.at == at;
        match self.changes.list_calls.iter_mut().find(same) {
            Some(made) => made.calls = made.calls.saturating_add(1),
            None => self.changes.list_calls.push(ListCalls { connection: connection.clone(), at, calls: 1 }),
        }
    }

    pub(crate) fn record_sweep(&mut self, run: RunId, attempt: Attempt) {
        self.changes.swept.push((run, attempt));
    }

    pub(crate) fn record_deed(&mut self, deed: Deed) {
        self.changes.audit.push(deed);
    }

    pub(crate) fn record_holding(&mut self, change: HoldingChange) {
        self.changes.holding.push(change);
    }

    /// Counts of failures that are to be stored.
    pub(crate) fn failing(&mut self) -> &mut Failing {
        &mut self.changes.failing
    }

    pub(crate) fn record_doubt_over(&mut self, over: DoubtOver) {
        self.changes.doubt = Some(over);
    }

    /// These wait on to be stored.
    pub(crate) fn happened_before(&mut self, happened: Vec<Happening>) {
        self.happened.splice(0..0, happened);
    }

    pub(crate) fn take_happened(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happened)
    }

    /// What is to be stored. Runs that have ended leave the book with it.
    pub(crate) fn take_changes(&mut self) -> Changes {
        let mut changes = std::mem::take(&mut self.changes);
        for id in std::mem::take(&mut self.touched) {
            let Some(open) = self.runs.get_mut(&id) else { continue };
            match open.stored {
                Stored::New => changes.inserted.push(open.run.clone()),
                Stored::Changed => {
                    changes.updated.push(open.run.clone());
                    open.run.version += 1;
                }
                Stored::AsIs => {}
            }
            open.stored = Stored::AsIs;
            if open.run.state.is_final() {
                self.forget(id);
            }
        }
        changes
    }
}
