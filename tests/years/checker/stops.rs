//! Rules 21 and 21a: what is stopped, when, and why.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use punctual::orchestrator::{JobState, StopStrategy};

use super::{Findings, clock};
use crate::job::{Job, Moment};
use crate::law::{self, Law, Overlap, Timeout};
use crate::orchestrator::StopCall;
use crate::story::{Row, Stop, Story, Try};

const SLACK: i64 = 2_000;

/// The slowest reads, an answer, and what other reads take of the budget.
const UNTIL_SEEN: i64 = 420_000;

/// Where no file says it (rules 11, 21).
const KILL_AFTER: i64 = 300;

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    story.stops.iter().for_each(|call| intended(story, call, found));
    for row in &story.rows {
        let Some(law) = story.law(row) else { continue };
        if let (Some(over), Some(last)) = (day_is_over(law, row), row.sends().last())
            && last >= over
        {
            found.add("21", last, &[row], "sent at its time of day or after it");
        }
        for attempt in &row.tries {
            let Some(job) = story.job_of(attempt) else { continue };
            match &attempt.stop {
                Some(stop) => {
                    by_right(story, row, law, job, stop, found);
                    steps(story, row, law, job, stop, found);
                }
                None => passed_over(story, row, law, job, found),
            }
            end(story, row, attempt, job, found);
        }
    }
}

/// No stop without an intent that was stored before.
fn intended(story: &Story, call: &StopCall, found: &mut Findings<'_>) {
    let Some(job) = story.job(call.job) else { return };
    let Some((row, attempt)) = story.by_reference.get(&job.reference) else { return };
    let row = &story.rows[*row];
    let attempt = &row.tries[*attempt];
    if attempt.job != Some(call.job) {
        // One too many of its Reference.
        return;
    }
    let Some(stop) = &attempt.stop else {
        return found.add("21a", call.at, &[row], format!("{:?} was asked for without an intent", call.how));
    };
    let planned = match call.how {
        StopStrategy::SoftStop => stop.soft,
        StopStrategy::Kill => stop.kill,
    };
    if call.at < stop.asked || planned.is_none_or(|planned| call.at < planned) {
        let text = format!("{:?} was asked for before its time {:?}", call.how, planned.map(clock));
        found.add("21a", call.at, &[row], text);
    }
}

/// How long the job was suspended, or waited for a robot after that, as it was read: each state holds until the next read.
fn parked_as_read(job: &Job, until: Moment) -> i64 {
    let mut total = 0;
    for (number, (at, state)) in job.reads.iter().enumerate() {
        let next = job.reads.get(number + 1).map_or(until, |(next, _)| *next).min(until);
        if matches!(state, JobState::Suspended | JobState::Resumed) && next > *at {
            total += next - at;
        }
    }
    total
}

/// The next such local time of day after a moment; of two alike hours the first, but for what is due in the second of them.
pub(super) fn time_of_day(law: &Law, (hour, minute): (i8, i8), after: Moment) -> Moment {
    let zone = TimeZone::get(law.zone).unwrap();
    let due = Timestamp::from_millisecond(after).unwrap();
    let mut day = zone.to_datetime(due).date();
    let again = law::second_at(&zone, day, hour, minute).filter(|(_, offset)| *offset == zone.to_offset(due));
    if let Some((at, _)) = again.filter(|(at, _)| at * 1_000 > after) {
        return at * 1_000;
    }
    loop {
        let at = law::first_at(&zone, day, hour, minute) * 1_000;
        if at > after {
            return at;
        }
        day = day.tomorrow().unwrap();
    }
}

/// When the day of a run is over, if its law has such a time: nothing of it is started at it or after it.
pub(super) fn day_is_over(law: &Law, row: &Row) -> Option<Moment> {
    law.timeout.as_ref()?.at.map(|at| time_of_day(law, at, row.fire))
}

/// The intent has its reason in what was so.
fn by_right(story: &Story, row: &Row, law: &Law, job: &Job, stop: &Stop, found: &mut Findings<'_>) {
    let none = Timeout::default();
    let timeout = law.timeout.as_ref().unwrap_or(&none);
    let wrong = match (stop.by.as_str(), stop.limit.as_deref()) {
        ("overlap", _) => {
            let newer = story.near(row).find(|other| {
                let ends = story.law(other).is_some_and(|law| law.overlap.ends_the_other());
                ends && other.nominal > row.nominal
                    && other.claimed <= stop.asked
                    && other.is_open_before(stop.asked + 1)
            });
            newer.is_none().then_some("no newer run asks for its end")
        }
        ("timeout", Some("pending")) => match timeout.pending {
            None => Some("there is no limit for pending"),
            Some(limit) if stop.asked < job.made + limit * 1_000 => Some("it was not pending for so long"),
            // A robot may take it between the last read of it and the stop.
            Some(_) if job.begins + SLACK < stop.asked => Some("it had begun"),
            Some(_) => None,
        },
        ("timeout", Some("soft")) => match (timeout.soft, job.started_by(stop.asked)) {
            (None, _) => Some("there is no limit for running"),
            (Some(_), None) => Some("it never began"),
            (Some(limit), Some(begins)) => {
                let parked = parked_as_read(job, stop.asked);
                (stop.asked + SLACK < begins + limit * 1_000 + parked).then_some("it did not run for so long")
            }
        },
        ("timeout", Some("at")) => match timeout.at {
            None => Some("there is no time of day for it"),
            Some(at) => (stop.asked < time_of_day(law, at, row.fire)).then_some("its time of day had not come"),
        },
        (_, _) => Some("nobody may have asked for that"),
    };
    if let Some(wrong) = wrong {
        found.add("21", stop.asked, &[row], format!("stopped by {} {:?}: {wrong}", stop.by, stop.limit));
    }
}

/// `SoftStop`, and `Kill` so long after it was accepted; pursued until the job is final.
fn steps(story: &Story, row: &Row, law: &Law, job: &Job, stop: &Stop, found: &mut Findings<'_>) {
    let after = law.timeout.as_ref().and_then(|timeout| timeout.kill_after).unwrap_or(KILL_AFTER) * 1_000;
    let mut possible = vec![after, KILL_AFTER * 1_000];
    // The newer run's own words may count for the end that it asks for.
    possible.extend(story.near(row).filter_map(|other| {
        story.law(other)?.timeout.as_ref()?.kill_after.filter(|_| stop.by == "overlap").map(|after| after * 1_000)
    }));
    // A newer run that kills the other hastens what a time-out had begun.
    let is_hastened = |kill: Moment| {
        story.near(row).any(|newer| {
            let kills = story.law(newer).is_some_and(|law| law.overlap == Overlap::KillOther);
            kills && newer.nominal > row.nominal && newer.claimed <= kill && newer.is_open_before(kill + 1)
        })
    };
    if let (Some(_), Some(accepted), Some(kill)) = (stop.soft, stop.soft_accepted, stop.kill)
        && !is_hastened(kill)
        && !possible.iter().any(|after| (kill - accepted - after).abs() < SLACK)
    {
        found.add("21", kill, &[row], format!("the kill comes {} s after the soft stop", (kill - accepted) / 1_000));
    }
    let end = job.end().0.min(story.end);
    let calls = || story.stops_of.get(&job.id).into_iter().flatten().map(|place| &story.stops[*place]);
    let step = |how: StopStrategy| calls().any(|call| call.how == how && call.accepted);
    let due = [(stop.soft, StopStrategy::SoftStop), (stop.kill, StopStrategy::Kill)];
    for (at, how) in due.into_iter().filter_map(|(at, how)| at.map(|at| (at, how))) {
        if at + UNTIL_SEEN < end && !step(how) && story.is_calm(law.connection, at - SLACK, at + UNTIL_SEEN) {
            found.add("21a", at, &[row], format!("{how:?} was never asked for"));
        }
    }
    if stop.soft.is_some() && stop.kill.is_none() && stop.soft_accepted.is_some_and(|at| at + UNTIL_SEEN + after < end)
    {
        found.add("21", stop.asked, &[row], "a deaf job is never killed");
    }
}

/// A limit was passed for long, and nothing stopped it.
fn passed_over(story: &Story, row: &Row, law: &Law, job: &Job, found: &mut Findings<'_>) {
    let Some(timeout) = &law.timeout else { return };
    let end = job.end().0.min(story.end);
    let calm = |at: Moment| at + UNTIL_SEEN < end && story.is_calm(law.connection, at - UNTIL_SEEN, at + UNTIL_SEEN);
    // From when it was known to be ours.
    let known = row.accepted.unwrap_or(story.end);
    if let Some(limit) = timeout.pending {
        let at = job.made.max(known) + limit * 1_000;
        if job.begins > at + UNTIL_SEEN && calm(at) {
            found.add("21", at, &[row], "it was pending for too long, and nothing stopped it");
        }
    }
    if let Some(limit) = timeout.soft {
        let parked = job.parked.map_or(0, |(from, _, to)| to - from);
        let at = job.begins.max(known) + limit * 1_000 + parked + parked_as_read(job, end);
        if calm(at) {
            found.add("21", at, &[row], "it ran for too long, and nothing stopped it");
        }
    }
    if let Some(at) = timeout.at {
        let at = time_of_day(law, at, row.fire).max(known);
        if calm(at) {
            found.add("21", at, &[row], "its time of day came, and nothing stopped it");
        }
    }
}

/// The intent decides `Stopped` and `Faulted`, and nothing else.
fn end(story: &Story, row: &Row, attempt: &Try, job: &Job, found: &mut Findings<'_>) {
    let Some(said) = attempt.ended_as.as_deref() else { return };
    let Some((at, state)) = job.ended_by(story.end) else {
        return found.add("20", story.end, &[row], format!("said to have {said}, and its job goes on"));
    };
    let by = attempt.stop.as_ref().map(|stop| stop.by.as_str());
    let right = match (state, by) {
        (JobState::Successful, _) => "succeeded",
        (_, Some("timeout")) => "timed_out",
        (_, Some(_)) | (JobState::Stopped, None) => "stopped",
        (_, None) => "faulted",
    };
    if said != right {
        found.add("21a", at, &[row], format!("attempt {} ended as {said}, it ought to be {right}", attempt.number));
    }
}
