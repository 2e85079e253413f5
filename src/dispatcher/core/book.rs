//! The open runs, and what has changed since the last turn.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::due::Due;
use super::open::{Open, Stored};
use super::queue::Seat;
use crate::policy::overlap::{ActiveRun, Knowledge};
use crate::run::{Attempt, Evidence, JobKey, ListCalls, Run, RunEvent, RunId, RunState, Seen, ShortFolder};
use crate::schedule::{ConnectionName, HighWaterMark, OnUnknownStart, OverlapPolicy, ScheduleKey, Trigger};
use crate::store::{Changes, Deed, DoubtOver, Retired, StoredVersion};

/// One line of the log about a run.
#[derive(Clone, Debug)]
pub struct Told {
    /// Which.
    pub run: RunId,
    /// Of which schedule.
    pub schedule: ScheduleKey,
    /// What it is by then.
    pub state: RunState,
    /// For people.
    pub line: String,
}

/// All open runs, and the changes of this turn.
#[derive(Debug, Default)]
pub(super) struct Book {
    runs: BTreeMap<RunId, Open>,
    by_schedule: HashMap<ScheduleKey, BTreeSet<RunId>>,
    /// Runs that have ended and still count for overlap, each until an instant.
    counting: HashMap<ScheduleKey, BTreeMap<RunId, Timestamp>>,
    changes: Changes,
    told: Vec<Told>,
    touched: BTreeSet<RunId>,
    due: Due,
    /// To be filed anew, since they were touched.
    unfiled: BTreeSet<RunId>,
    /// The schedules of runs that were touched: younger runs that wait for one of them are looked at.
    stirred: BTreeSet<ScheduleKey>,
    /// How many runs were looked at since it was last asked: what a turn costs.
    looks: Cell<u64>,
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn ids(&self) -> Vec<RunId> {
        self.looked_at(self.runs.len());
        self.runs.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.runs.values().inspect(|_| self.looked_at(1))
    }

    pub(super) fn get(&self, id: RunId) -> Option<&Open> {
        self.looked_at(1);
        self.runs.get(&id)
    }

    /// For what is only in memory; [`Book::change`] for what is stored.
    pub(super) fn get_mut(&mut self, id: RunId) -> Option<&mut Open> {
        self.looked_at(1);
        self.unfiled.insert(id);
        self.runs.get_mut(&id)
    }

    fn looked_at(&self, runs: usize) {
        self.looks.set(self.looks.get().saturating_add(u64::try_from(runs).unwrap_or(u64::MAX)));
    }

    /// How many runs were looked at since this was last asked.
    pub(super) fn take_looks(&self) -> u64 {
        self.looks.take()
    }

    /// Where the open runs are to be looked for.
    pub(super) fn due(&mut self) -> &mut Due {
        for id in std::mem::take(&mut self.unfiled) {
            match self.runs.get(&id) {
                Some(open) => {
                    self.due.file(open, Seat::Next);
                    self.stir(id);
                }
                None => self.due.drop(id),
            }
        }
        &mut self.due
    }

    /// The same as they were filed last.
    pub(super) fn filed(&self) -> &Due {
        &self.due
    }

    /// Whether each run is filed as it is, for `debug_assert`; many are not looked through.
    pub(super) fn is_filed_right(&mut self) -> bool {
        const MANY: usize = 300;
        self.due();
        self.runs.len() > MANY || self.runs.values().all(|open| self.due.has(open))
    }

    /// What a run that may be sent waits for, as it turned out when it was looked at.
    pub(super) fn seat(&mut self, id: RunId, seat: Seat) {
        let touched = self.unfiled.remove(&id);
        match self.runs.get(&id) {
            Some(open) => self.due.file(open, seat),
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
    pub(super) fn look_at_younger(&mut self) -> bool {
        self.due();
        let stirred = std::mem::take(&mut self.stirred);
        stirred.iter().filter(|schedule| self.due.look_at_younger(schedule)).count() > 0
    }

    /// The open runs whose job has this key, as far as they are filed.
    pub(super) fn followed_as(&mut self, job: JobKey) -> Vec<RunId> {
        self.due().jobs.get(&job).into_iter().flatten().copied().collect()
    }

    /// All open runs are looked at in the next turn: something changed that no run shows.
    pub(super) fn look_at_all(&mut self) {
        self.unfiled.extend(self.runs.keys());
    }

    pub(super) fn add(&mut self, open: Open) {
        self.unfiled.insert(open.run.id);
        if open.stored == Stored::New {
            self.touched.insert(open.run.id);
        }
        self.by_schedule.entry(open.run.schedule.clone()).or_default().insert(open.run.id);
        self.runs.insert(open.run.id, open);
    }

    /// Changes what is stored of a run.
    pub(super) fn change(&mut self, id: RunId, change: impl FnOnce(&mut Run)) {
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

    /// Takes a step and writes its line; `false` when the states do not allow it.
    pub(super) fn step(&mut self, id: RunId, event: RunEvent, at: Timestamp, text: String) -> bool {
        self.looked_at(1);
        self.unfiled.insert(id);
        let Some(open) = self.runs.get_mut(&id) else { return false };
        let before = open.run.state;
        if let Err(illegal) = open.run.apply(event) {
            tracing::error!(run.id = %id, "{illegal}");
            return false;
        }
        if open.run.state == before {
            return true;
        }
        if open.run.state.is_final() && open.run.ended_at.is_none() {
            open.run.ended_at = Some(at);
        }
        if !matches!(open.run.state, RunState::Waiting(_)) {
            open.run.waiting_until = None;
        }
        let state = open.run.state;
        let line = format!("`{}` is {state}: {text}", open.run.schedule);
        self.told.push(Told { run: id, schedule: open.run.schedule.clone(), state, line });
        self.change(id, |_| {});
        self.changes.seen.push(Seen { run: id, at, state: Some(state), text });
        true
    }

    /// A line about a run whose state stays.
    pub(super) fn note(&mut self, id: RunId, at: Timestamp, text: String) {
        if let Some(open) = self.runs.get(&id) {
            let Run { schedule, state, .. } = &open.run;
            let line = format!("`{schedule}`: {text}");
            self.told.push(Told { run: id, schedule: schedule.clone(), state: *state, line });
            self.changes.seen.push(Seen { run: id, at, state: Some(open.run.state), text });
        }
    }

    /// A line about a run that may have ended.
    pub(super) fn note_ended(&mut self, id: RunId, at: Timestamp, text: String) {
        self.changes.seen.push(Seen { run: id, at, state: None, text });
    }

    /// A run that ends counts for overlap until then.
    pub(super) fn count_until(&mut self, schedule: &ScheduleKey, id: RunId, until: Timestamp) {
        self.counting.entry(schedule.clone()).or_default().insert(id, until);
    }

    /// A run that was given up counts for overlap no longer. Gives whether it did.
    pub(super) fn stop_counting(&mut self, id: RunId, now: Timestamp) -> bool {
        let counted = self.counting.values_mut().filter_map(|runs| runs.remove(&id)).any(|until| until > now);
        if counted {
            self.changes.uncounted.push(id);
        }
        counted
    }

    /// The runs of a schedule but this one that count for overlap, oldest first (semantics.md 11): those that were sent or may
    /// have been, and those that were due before it. What is held for want of proof does not count, unless its schedule leaves
    /// the decision to a person (16b). A job is known to be open only if it was read since `due`, in boot time.
    pub(super) fn active(
        &self,
        policy: OverlapPolicy,
        schedule: &ScheduleKey,
        but: Option<RunId>,
        due: Duration,
        now: Timestamp,
    ) -> Vec<ActiveRun> {
        // Nothing is looked at where nothing depends on it.
        if policy == OverlapPolicy::Allow {
            return Vec::new();
        }
        let before = but.and_then(|id| self.runs.get(&id)).map(|open| (open.run.nominal_at, open.run.id));
        let ids = self.by_schedule.get(schedule);
        let runs = ids.into_iter().flatten().filter_map(|id| self.get(*id));
        let mut active: Vec<_> = runs
            // Rows that end with this very turn are still here.
            .filter(|open| !open.run.state.is_final())
            .filter(|open| match open.run.trigger {
                Trigger::Scheduled | Trigger::CatchUp | Trigger::After => true,
                // They have an overlap of their own (semantics.md 12).
                Trigger::Manual | Trigger::Backfill => false,
            })
            .filter(|open| Some(open.run.id) != but)
            .filter(|open| match open.run.state {
                RunState::Held => open.run.policy.on_unknown_start == OnUnknownStart::Hold,
                RunState::Starting | RunState::Unknown | RunState::Job(_) => true,
                RunState::Armed | RunState::Waiting(_) => {
                    before.is_none_or(|before| (open.run.nominal_at, open.run.id) < before)
                }
                RunState::Ended(_) => false,
            })
            .map(|open| (open.run.nominal_at, ActiveRun { id: open.run.id, knowledge: open.knowledge_since(due) }))
            .collect();
        active.sort_by_key(|(nominal_at, run)| (*nominal_at, run.id));
        let ended = self.counting.get(schedule).into_iter().flatten().filter(|(_, until)| **until > now);
        let ended = ended.map(|(id, _)| ActiveRun { id: *id, knowledge: Knowledge::Current });
        active.into_iter().map(|(_, run)| run).chain(ended).collect()
    }

    /// Drops a run that was never written.
    pub(super) fn forget(&mut self, id: RunId) -> Option<Open> {
        self.stir(id);
        let open = self.runs.remove(&id)?;
        self.unfiled.remove(&id);
        self.due.drop(id);
        if let Some(ids) = self.by_schedule.get_mut(&open.run.schedule) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_schedule.remove(&open.run.schedule);
            }
        }
        self.touched.remove(&id);
        Some(open)
    }

    pub(super) fn record_mark(&mut self, key: ScheduleKey, mark: HighWaterMark) {
        self.changes.marks.push((key, mark));
    }

    pub(super) fn record_version(&mut self, version: StoredVersion) {
        self.changes.versions.push(version);
    }

    pub(super) fn record_retired(&mut self, key: ScheduleKey) {
        self.changes.retired.push(Retired(key));
    }

    pub(super) fn record_evidence(&mut self, evidence: Evidence) {
        self.changes.evidence.push(evidence);
    }

    pub(super) fn record_short_folder(&mut self, short: ShortFolder) {
        self.changes.short_folders.push(short);
    }

    pub(super) fn record_list_call(&mut self, connection: &ConnectionName, at: Timestamp) {
        let same = |made: &&mut ListCalls| &made.connection == connection && made.at == at;
        match self.changes.list_calls.iter_mut().find(same) {
            Some(made) => made.calls = made.calls.saturating_add(1),
            None => self.changes.list_calls.push(ListCalls { connection: connection.clone(), at, calls: 1 }),
        }
    }

    pub(super) fn record_sweep(&mut self, run: RunId, attempt: Attempt) {
        self.changes.swept.push((run, attempt));
    }

    pub(super) fn record_deed(&mut self, deed: Deed) {
        self.changes.audit.push(deed);
    }

    pub(super) fn record_doubt_over(&mut self, over: DoubtOver) {
        self.changes.doubt = Some(over);
    }

    pub(super) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// What is to be stored. Runs that have ended leave the book with it.
    pub(super) fn take_changes(&mut self) -> Changes {
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
