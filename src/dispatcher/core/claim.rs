//! From due times to rows: the claim that must be durable before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::book::Book;
use super::open::{Asked, BeforeStart, Open};
use super::{Absent, Core, boot_of, recall, version_of};
use crate::clock::{Reading, later};
use crate::planner::{Plan, Recorded, plan_edited};
use crate::policy::deadline;
use crate::policy::overlap::{self, Admission};
use crate::recurrence::Nominal;
use crate::run::{
    Ending, FrozenPolicy, InstallationId, MissReason, Run, RunEvent, RunId, RunState, SkipReason, WaitReason, Work,
};
use crate::schedule::{
    HighWaterMark, Occurrence, Schedule, ScheduleKey, ScheduleSet, TemplateContext, TemplateError, Timing, Trigger,
};
use crate::store::Doubt;

/// A mark with the hash of the timing it belongs to, and that timing itself if it can still be read.
pub(super) type StoredMark = (ScheduleKey, HighWaterMark, String, Option<Timing>);

/// What the stored marks and the loaded schedules come to.
pub(super) struct Settled {
    pub(super) marks: BTreeMap<ScheduleKey, HighWaterMark>,
    /// Times that the old timings still owed.
    pub(super) recorded: Vec<Recorded>,
    /// Marks of schedules that are not loaded, kept for when they are.
    pub(super) parked: Vec<StoredMark>,
}

/// Brings the stored marks and the loaded schedules together (semantics.md 8): a new key begins at its load; a changed timing
/// is a new version, and the times that the old one still owed are recorded as `missed: edited`; a key that is gone loses its
/// mark, so that it begins anew should it come back.
pub(super) fn settle_versions(
    set: &ScheduleSet,
    stored: Vec<StoredMark>,
    absent: Absent,
    doubt: Option<Doubt>,
    load: Timestamp,
    book: &mut Book,
) -> Settled {
    let mut known: BTreeMap<ScheduleKey, (HighWaterMark, String, Option<Timing>)> =
        stored.into_iter().map(|(key, mark, hash, timing)| (key, (mark, hash, timing))).collect();
    let mut marks = BTreeMap::new();
    let mut recorded = Vec::new();
    for (key, schedule) in &set.schedules {
        let mark = match known.remove(key) {
            // Most are as they were, and comparing costs less than hashing.
            Some((mark, _, Some(old))) if old == schedule.timing => mark,
            Some((mark, hash, _)) if hash == schedule.timing.hash() => mark,
            Some((mark, _, old)) => {
                recorded.extend(dropped_by_edit(schedule, old, mark, load));
                tracing::info!(schedule = %key, "The times of `{key}` were edited; the new ones hold from now");
                begin(schedule, load, book)
            }
            None => match doubt {
                Some(Doubt::Lost) => begin(schedule, recall::mark_without_memory(schedule, load).0, book),
                Some(Doubt::Older) | None => begin(schedule, load, book),
            },
        };
        marks.insert(key.clone(), mark);
    }
    let mut parked = Vec::new();
    for (key, (mark, hash, timing)) in known {
        match absent {
            Absent::Retire => {
                tracing::warn!(schedule = %key, "Schedule `{key}` is not in the files any more; nothing is started for it");
                book.record_retired(key);
            }
            Absent::Park => parked.push((key, mark, hash, timing)),
        }
    }
    Settled { marks, recorded, parked }
}

fn begin(schedule: &Arc<Schedule>, load: Timestamp, book: &mut Book) -> HighWaterMark {
    let mark = HighWaterMark(load);
    book.record_version(version_of(schedule, load));
    book.record_mark(schedule.key.clone(), mark);
    mark
}

fn dropped_by_edit(
    schedule: &Arc<Schedule>,
    old: Option<Timing>,
    mark: HighWaterMark,
    load: Timestamp,
) -> Vec<Recorded> {
    match old.map(|timing| timing.compile(schedule.key.as_str())) {
        Some(Ok(recurrence)) => plan_edited(schedule, &recurrence, mark, load),
        Some(Err(_)) | None => {
            tracing::warn!(schedule = %schedule.key, "The old times of `{}` cannot be read; what was due since {} is not recorded", schedule.key, mark.0);
            Vec::new()
        }
    }
}

impl Core {
    /// Writes a row for every time that has come.
    pub(super) fn claim_due(&mut self, now: Reading) {
        let Plan { due, recorded, marks } = self.planner.pass(now.wall);
        for recorded in &recorded {
            self.record_not_run(recorded, now.wall);
        }
        for occurrence in due {
            self.claim(&occurrence, now);
        }
        for (key, mark) in marks {
            self.book.record_mark(key, mark);
        }
    }

    fn claim(&mut self, occurrence: &Occurrence, now: Reading) {
        let schedule = &occurrence.schedule;
        let id = self.random_run_id(now.wall);
        let mut run = new_run(id, schedule, &occurrence.nominal, occurrence.trigger, now.wall);
        run.fire_at = occurrence.fire_at;
        run.deadline_at = deadline::decide(occurrence.trigger, occurrence.fire_at, now.wall, schedule.start_deadline);
        run.identity = self.identity_of(&schedule.connection);
        let filled = fill_in(&mut run, schedule, &self.set, self.installation);
        let due = boot_of(now, occurrence.fire_at);
        let older = self.book.active(schedule.overlap, &schedule.key, None, due, now.wall);
        let mut open = Open::claimed(run);
        let doubtful = occurrence.trigger == Trigger::CatchUp || self.was_due_before(occurrence.fire_at);
        let admission = overlap::decide(schedule.overlap, &older);
        // Under a database that has forgotten starts, no look-up of a moment is enough.
        let forgotten = self.doubt.is_some() && self.was_due_before(occurrence.fire_at);
        open.before_start = match admission {
            Admission::AskAgain => BeforeStart::Overlap,
            Admission::Start | Admission::Skip(_) if doubtful => BeforeStart::LookUp(Asked::No),
            Admission::Start | Admission::Skip(_) => BeforeStart::Clear,
        };
        let before_start = open.before_start;
        self.book.add(open);
        if let Err(wrong) = filled {
            self.book.change(id, |run| run.attempts.clear());
            return self.refuse(id, &wrong.to_string(), now);
        }
        if forgotten {
            // Whether it overlaps is asked when it is known not to have been started.
            return self.doubt_start(id, now);
        }
        match admission {
            Admission::Skip(other) => {
                // Nothing was sent for it, so it has no attempt to look for.
                self.book.change(id, |run| run.attempts.clear());
                self.skip_for(id, other, now);
            }
            Admission::Start | Admission::AskAgain => {
                let (reason, text) = match before_start {
                    // Sent in this very turn, or told there what it waits for.
                    BeforeStart::Clear => return self.book.note(id, now.wall, "Claimed".to_owned()),
                    BeforeStart::LookUp(_) => {
                        (WaitReason::CatchUp, "Claimed; looked up at Orchestrator before it is started")
                    }
                    BeforeStart::Overlap => {
                        (WaitReason::Overlap, "Claimed; an older run is read first to see whether it is still open")
                    }
                };
                self.step(id, RunEvent::Wait(reason), now, text.to_owned());
            }
        }
    }

    /// Whether it was due before this daemon took the lock: another life may have started it, under a database that was since put back.
    pub(super) fn was_due_before(&self, fire_at: Timestamp) -> bool {
        fire_at <= self.opened.wall
    }

    /// An older run of the schedule is open. Whether a robot is at work or nothing could be sent yet is told apart.
    pub(super) fn skip_for(&mut self, id: RunId, other: RunId, now: Reading) {
        let state = self.book.get(other).map(|open| open.run.state);
        let why = match state {
            Some(state @ (RunState::Waiting(_) | RunState::Armed | RunState::Held)) => {
                format!("run {} was still open, {state}", other.short())
            }
            Some(RunState::Starting | RunState::Unknown | RunState::Job(_)) => {
                format!("run {} was still open", other.short())
            }
            Some(RunState::Ended(_)) | None => {
                let other = other.short();
                format!(
                    "run {other} is lost and its job may still run; `punctual resolve {other} lost` lets its schedule go on"
                )
            }
        };
        self.book.change(id, |run| run.note = join(run.note.take(), why.clone()));
        self.step(id, RunEvent::End(Ending::Skipped(SkipReason::Overlap)), now, format!("Not started: {why}"));
    }

    /// A time that will not run gets its row all the same.
    pub(super) fn record_not_run(&mut self, recorded: &Recorded, at: Timestamp) {
        let id = self.random_run_id(at);
        let mut run = new_run(id, &recorded.schedule, &recorded.first, Trigger::Scheduled, at);
        if let Some((until, count)) = recorded.range {
            run.nominal_until = Some(until);
            run.count = count;
        }
        self.book.add(Open::claimed(run));
        let text = not_run_text(&recorded.schedule, recorded);
        self.book.step(id, RunEvent::End(recorded.ending), at, text);
    }

    /// Past its deadline a start that was certainly not sent is not sent any more (semantics.md 10).
    pub(super) fn give_up_late_starts(&mut self, now: Reading) {
        let deadlines = &self.book.due().deadlines;
        let late: Vec<RunId> = deadlines.iter().take_while(|(at, _)| *at <= now.wall).map(|(_, id)| *id).collect();
        if let Some((next, _)) = deadlines.iter().find(|(at, _)| *at > now.wall) {
            self.wake.at_wall(*next);
        }
        for id in late {
            let waited = self.book.get(id).map(|open| open.run.state.to_string()).unwrap_or_default();
            let text = format!("Not started before its deadline ({waited})");
            self.book.change(id, |run| {
                run.note = join(run.note.take(), format!("not started before its deadline; it was {waited}"));
            });
            self.step(id, RunEvent::End(Ending::Missed(MissReason::Deadline)), now, text);
        }
    }
}

/// Fills in the templates of the arguments and begins the first attempt: from here on the work is frozen, but for what each attempt has
/// anew (semantics.md 12a, 18).
fn fill_in(
    run: &mut Run,
    schedule: &Schedule,
    set: &ScheduleSet,
    installation: InstallationId,
) -> Result<(), TemplateError> {
    if schedule.start.arguments.is_none() {
        return run.begin_attempt(installation, 1, run.fire_at);
    }
    let previous = schedule.start.names_previous().then(|| schedule.previous_time(run.nominal_at)).flatten();
    let context = TemplateContext {
        nominal: run.nominal_at,
        previous,
        fire: run.fire_at,
        schedule: schedule.key.as_str(),
        run: &run.id.to_string(),
        // What these are is open in the template.
        attempt: 1,
        reference: "",
        zone: schedule.recurrence.zone(),
        env: &set.env,
    };
    run.template = schedule.start.freeze(&context)?;
    if run.template.is_none() {
        match &mut run.work {
            Work::Process(start) => start.arguments = Some(schedule.start.render(&context)?),
        }
    }
    run.begin_attempt(installation, 1, run.fire_at)
}

pub(super) fn new_run(id: RunId, schedule: &Schedule, nominal: &Nominal, trigger: Trigger, at: Timestamp) -> Run {
    Run {
        id,
        version: 1,
        schedule: schedule.key.clone(),
        trigger,
        nominal_at: nominal.at,
        nominal_until: None,
        count: None,
        local: nominal.local,
        offset: nominal.offset,
        fire_at: nominal.at,
        claimed_at: at,
        deadline_at: later(nominal.at, schedule.start_deadline),
        state: RunState::Armed,
        note: nominal.note.as_ref().map(ToString::to_string),
        error: None,
        connection: schedule.connection.clone(),
        identity: None,
        work: Work::Process(schedule.start.clone()),
        template: None,
        policy: FrozenPolicy::of(schedule),
        schedule_version: None,
        waiting_until: None,
        sent_at: None,
        accepted_at: None,
        started_at: None,
        ended_at: None,
        actor: None,
        cancelled_by: None,
        parent: None,
        retry_of: None,
        made_good_by: None,
        output: None,
        trace_id: None,
        held_for: None,
        counts_until: None,
        attempts: Vec::new(),
    }
}

fn not_run_text(schedule: &Schedule, recorded: &Recorded) -> String {
    let times = match recorded.range {
        Some((_, Some(count))) => format!("{count} times"),
        Some((_, None)) => "Times too many to be counted".to_owned(),
        None => "This time".to_owned(),
    };
    match recorded.ending {
        Ending::Missed(MissReason::Down) => {
            format!("{times} came while nobody was there; catching up takes the latest")
        }
        Ending::Missed(MissReason::Window) => {
            format!("{times} came longer ago than the catch-up window of {:#}", span(schedule.catch_up.window))
        }
        Ending::Missed(MissReason::Edited) => format!("{times} belonged to the schedule before it was edited"),
        Ending::Skipped(SkipReason::Calendar) => format!("{times} came on a day that the calendar takes out"),
        Ending::Skipped(SkipReason::Disabled) => format!("{times} came while the schedule was disabled"),
        other => format!("{times}: {}", RunState::Ended(other)),
    }
}

fn span(length: std::time::Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(length).unwrap_or(jiff::SignedDuration::MAX)
}

/// Two notes on one run.
pub(super) fn join(old: Option<String>, new: String) -> Option<String> {
    Some(match old {
        Some(old) => format!("{old}; {new}"),
        None => new,
    })
}
