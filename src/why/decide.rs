//! Which answer the facts give.

use jiff::Timestamp;

use super::answer::{Answer, Coming, Row, Why};
use super::delay::spans;
use super::facts::Facts;
use crate::history::RunSummary;
use crate::policy::holds::Holds;
use crate::policy::windows::Whose;
use crate::recurrence::Nominal;
use crate::run::{RunState, WaitReason};

/// Judges one time.
pub(super) fn decide(facts: Facts<'_>, holds: &mut Holds, at: Timestamp) -> Why {
    let (schedule, zone) = (facts.key.clone(), facts.zone());
    let row = facts.planned_row().cloned();
    let others = facts.rows.iter().filter(|run| row.as_ref().is_none_or(|row| row.run != run.run)).cloned().collect();
    let answer = match row {
        Some(run) => Answer::Row(Box::new(explained(&facts, run))),
        None => without_row(&facts, holds, at),
    };
    Why { schedule, nominal_at: at, zone, is_loaded: facts.schedule.is_some(), answer, others }
}

fn explained(facts: &Facts<'_>, run: RunSummary) -> Row {
    let delay = spans(&run, &facts.lines, facts.now);
    let in_front = match run.state.known() {
        Some(RunState::Waiting(WaitReason::Overlap | WaitReason::CatchUp)) => {
            let older = |open: &&RunSummary| (&open.nominal_at, &open.run) < (&run.nominal_at, &run.run);
            facts.open.iter().filter(older).cloned().collect()
        }
        Some(RunState::Waiting(WaitReason::Limit)) => {
            facts.in_pool.iter().filter(|other| other.run != run.run).cloned().collect()
        }
        Some(_) | None => Vec::new(),
    };
    Row { run, lines: facts.lines.clone(), overlap: facts.overlap, delay, in_front }
}

fn without_row(facts: &Facts<'_>, holds: &mut Holds, at: Timestamp) -> Answer {
    let planned = facts.planned_at(at);
    let is_judged = facts.mark.is_some_and(|mark| at <= mark);
    match (planned, is_judged) {
        (Some(time), false) if time.fire_at > facts.now => coming(facts, holds, time),
        (Some(time), false) if facts.schedule.is_some() => {
            // No time of before the schedule was loaded first is one of its times.
            match facts.versions.first() {
                Some(first) if at < first.loaded_at => Answer::BeforeItExisted { loaded_at: first.loaded_at },
                Some(_) | None => Answer::NotYet { planned: Box::new(time), mark: facts.mark },
            }
        }
        (Some(_), _) => match facts.version_at(at) {
            Some(_) => Answer::NoRow { oldest: facts.oldest },
            None => before(facts).unwrap_or(Answer::NoRow { oldest: facts.oldest }),
        },
        (None, _) => match facts.version_at(at) {
            None if at <= facts.now => before(facts).unwrap_or_else(|| not_planned(facts, at)),
            Some(_) | None => not_planned(facts, at),
        },
    }
}

fn before(facts: &Facts<'_>) -> Option<Answer> {
    facts.versions.first().map(|first| Answer::BeforeItExisted { loaded_at: first.loaded_at })
}

fn not_planned(facts: &Facts<'_>, at: Timestamp) -> Answer {
    let recurrence = facts.recurrence_at(at);
    let boxed = |time: Nominal| Box::new(time);
    let newest = facts.versions.last().map(|version| version.loaded_at);
    let of_then = facts.version_at(at).map(|version| version.loaded_at).filter(|_| at <= facts.now);
    Answer::NotPlanned {
        before: recurrence.and_then(|recurrence| recurrence.previous_before(at)).map(boxed),
        after: recurrence.and_then(|recurrence| recurrence.next_after(at)).map(boxed),
        loaded_at: of_then.filter(|loaded_at| Some(*loaded_at) != newest),
    }
}

fn coming(facts: &Facts<'_>, holds: &mut Holds, time: Nominal) -> Answer {
    let Some(schedule) = facts.schedule else { return not_planned(facts, time.at) };
    let whose = Whose { schedule: &schedule.key, connection: &schedule.connection };
    let paused = holds.pauses_of(whose, time.fire_at).next().map(|(_, pause)| pause.scope.clone());
    Answer::Coming(Box::new(Coming {
        held: holds.outlook(schedule, &time),
        paused,
        time,
        enablement: schedule.enablement,
        overlap: schedule.overlap,
        open: facts.open.clone(),
    }))
}
