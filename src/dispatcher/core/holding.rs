//! What holds schedules back, and which of them have failed in a row, as far as it is kept in memory; each change of it is stored with the
//! turn that made it.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::book::Book;
use crate::happening::{Happening, OfSchedule};
use crate::policy::deadline;
use crate::policy::holds::Holds;
use crate::policy::windows::{Whose, Windows};
use crate::recurrence::Nominal;
use crate::run::{Account, Held, Pause, PauseId, Run, RunId, SkipMark};
use crate::schedule::{Marks, Schedule, ScheduleKey, ScheduleSet, Trigger};
use crate::store::{self, Failing, HoldingChange};

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    pub(crate) holds: Holds,
    pub(crate) failing: Failing,
    last_pause: PauseId,
    /// Runs that have ended, and that no count has yet.
    pub(crate) ended: Vec<RunId>,
    /// What of each schedule was counted in this life: an end may be read after that of a run that ended later.
    row: HashMap<ScheduleKey, Row>,
}

/// So many failures of a schedule are remembered one by one: more of them are seldom read after a success that was before them.
const REMEMBERED: usize = 100;

/// When runs of a schedule ended.
#[derive(Debug, Default)]
struct Row {
    /// The last success.
    succeeded: Option<Timestamp>,
    /// The failures after it.
    failed: VecDeque<Timestamp>,
}

impl Holding {
    /// What the database knows, under the blackouts of a set.
    pub(crate) fn new(stored: store::Holding, failing: Failing, set: &ScheduleSet) -> Holding {
        let store::Holding { pauses, last_pause, skips } = stored;
        Holding { holds: Holds::new(pauses, skips, set), failing, last_pause, ..Holding::default() }
    }

    /// The files have other blackouts, or other schedules that these are about.
    pub(crate) fn renew_windows(&mut self, set: &ScheduleSet) {
        self.holds.windows = Windows::of(set);
    }

    /// What becomes of a planned time.
    pub(crate) fn of_time(&mut self, schedule: &Schedule, nominal: &Nominal) -> Held {
        let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
        self.holds.held(whose, nominal.at, nominal.fire_at, Trigger::Scheduled)
    }

    /// The same, as the planner asks it.
    pub(crate) fn ask(&mut self) -> impl FnMut(&Schedule, &Nominal) -> Held {
        |schedule, nominal| self.of_time(schedule, nominal)
    }

    /// What becomes of the time of a run that is claimed.
    pub(crate) fn of_run(&mut self, run: &Run) -> Held {
        self.holds.held(whose(run), run.nominal_at, run.fire_at, run.trigger)
    }

    /// When the deadline of a run is that counts from an instant on (semantics.md 10, 30). None is after the time of day at which its
    /// time-out ends all (21).
    pub(crate) fn deadline(&mut self, run: &Run, base: Timestamp) -> Timestamp {
        let deadline =
            deadline::at(base, run.policy.start_deadline, |at| self.holds.windows.free_stretch(whose(run), at));
        run.policy.stop_at.map_or(deadline, |stop_at| deadline.min(stop_at))
    }

    /// A pause begins.
    pub(crate) fn pause(&mut self, book: &mut Book, pause: Pause) {
        self.last_pause = PauseId(self.last_pause.0.saturating_add(1));
        self.holds.pause(self.last_pause, pause.clone());
        book.record_holding(HoldingChange::Pause(self.last_pause, pause));
    }

    /// A pause ends.
    pub(crate) fn resume(&mut self, book: &mut Book, pause: PauseId, at: Timestamp, actor: &str) {
        self.holds.end(pause, at);
        book.record_holding(HoldingChange::Resume { pause, at, actor: actor.to_owned() });
    }

    /// A coming time is to be skipped.
    pub(crate) fn mark(&mut self, book: &mut Book, mark: SkipMark) {
        self.holds.mark(mark.clone());
        book.record_holding(HoldingChange::Skip(mark));
    }

    /// It is not, or it has come. Gives whether it was.
    pub(crate) fn unmark(&mut self, book: &mut Book, schedule: &ScheduleKey, nominal_at: Timestamp) -> bool {
        let was = self.holds.unmark(schedule, nominal_at).is_some();
        if was {
            book.record_holding(HoldingChange::Unskip { schedule: schedule.clone(), nominal_at });
        }
        was
    }

    /// No time of before is left to be judged: what holds nothing any more is forgotten.
    pub(crate) fn forget_past(&mut self, book: &mut Book, now: Timestamp, planned: &Marks) {
        for SkipMark { schedule, nominal_at, .. } in self.holds.forget_past(now, planned) {
            book.log(Happening::Schedule(schedule.clone(), OfSchedule::SkippedTimeGone { nominal_at }));
            book.record_holding(HoldingChange::Unskip { schedule, nominal_at });
        }
    }

    /// A run of a schedule has failed. Gives how many have in a row by now; none where one that ended later has succeeded.
    pub(crate) fn count_failure(&mut self, book: &mut Book, schedule: &ScheduleKey, at: Timestamp) -> Option<u32> {
        let row = self.row.entry(schedule.clone()).or_default();
        if row.succeeded.is_some_and(|succeeded| at < succeeded) {
            return None;
        }
        row.failed.push_back(at);
        if row.failed.len() > REMEMBERED {
            row.failed.pop_front();
        }
        let failures = self.failing.schedules.get(schedule).copied().unwrap_or(0).saturating_add(1);
        self.count_failures(book, schedule, failures);
        Some(failures)
    }

    /// One has succeeded: only what failed after it counts on.
    pub(crate) fn count_success(&mut self, book: &mut Book, schedule: &ScheduleKey, at: Timestamp) {
        let row = self.row.entry(schedule.clone()).or_default();
        row.succeeded = row.succeeded.max(Some(at));
        row.failed.retain(|failed| at < *failed);
        let failures = u32::try_from(row.failed.len()).unwrap_or(u32::MAX);
        self.count_failures(book, schedule, failures);
    }

    /// A person has resumed it: the row begins anew.
    pub(crate) fn count_anew(&mut self, book: &mut Book, schedule: &ScheduleKey) {
        self.row.remove(schedule);
        self.count_failures(book, schedule, 0);
    }

    /// So many runs of a schedule have failed in a row by now.
    fn count_failures(&mut self, book: &mut Book, schedule: &ScheduleKey, failures: u32) {
        let before = match failures {
            0 => self.failing.schedules.remove(schedule),
            failures => self.failing.schedules.insert(schedule.clone(), failures),
        };
        if before.unwrap_or(0) != failures {
            book.failing().schedules.insert(schedule.clone(), failures);
        }
    }

    /// So many logons of an account have.
    pub(crate) fn count_logons(&mut self, book: &mut Book, account: &Account, faults: u32) {
        let before = match faults {
            0 => self.failing.accounts.remove(account),
            faults => self.failing.accounts.insert(account.clone(), faults),
        };
        if before.unwrap_or(0) != faults {
            book.failing().accounts.insert(account.clone(), faults);
        }
    }

    /// Under this account a schedule's last run was.
    pub(crate) fn ran_under(&mut self, book: &mut Book, schedule: &ScheduleKey, account: &Account) {
        if self.failing.last.get(schedule) != Some(account) {
            self.failing.last.insert(schedule.clone(), account.clone());
            book.failing().last.insert(schedule.clone(), account.clone());
        }
    }

    /// Of schedules that left their file nothing is counted on: should a key come back, it begins anew.
    pub(crate) fn retire(&mut self, is_kept: impl Fn(&ScheduleKey) -> bool) {
        self.failing.schedules.retain(|key, _| is_kept(key));
        self.failing.last.retain(|key, _| is_kept(key));
        self.row.retain(|key, _| is_kept(key));
    }
}

/// Whose run it is, for what holds it back.
pub(crate) fn whose(run: &Run) -> Whose<'_> {
    Whose { schedule: &run.schedule, connection: &run.connection }
}
