//! Rule 18: which failed jobs are tried again, how often and when.

use punctual::orchestrator::JobState;
use punctual::run::{RunState, WaitReason};

use super::{Findings, clock};
use crate::job::{Class, Job, Moment};
use crate::law::{Law, Retry};
use crate::story::{Row, Story, Try};

const SLACK: i64 = 2_000;

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    for row in story.rows.iter().filter(|row| !row.tries.is_empty()) {
        let Some(law) = story.law(row) else { continue };
        count(row, law, found);
        for (number, pair) in row.tries.windows(2).enumerate() {
            another(story, row, law, &pair[0], found);
            times(story, row, law, number, pair, found);
        }
        if row.state.is_final() {
            last(story, row, law, found);
        }
    }
}

fn most(law: &Law) -> i64 {
    let restarts = law.timeout.as_ref().is_some_and(|timeout| timeout.restarts);
    law.retry.as_ref().map_or(if restarts { 2 } else { 1 }, |retry| retry.attempts)
}

fn count(row: &Row, law: &Law, found: &mut Findings<'_>) {
    let numbers: Vec<i64> = row.tries.iter().map(|attempt| attempt.number).collect();
    if i64::try_from(numbers.len()).unwrap() > most(law) || numbers != (1..=numbers.len() as i64).collect::<Vec<_>>() {
        found.add("18", row.claimed, &[row], format!("{numbers:?} are attempts, and {} were allowed", most(law)));
    }
}

/// Whether a job that was stopped for waiting too long is started again at once.
fn is_restarted(law: &Law, job: &Job, attempt: &Try) -> bool {
    let for_pending = attempt.stop.as_ref().is_some_and(|stop| stop.limit.as_deref() == Some("pending"));
    let (end, state) = job.end();
    let never_began = state == JobState::Stopped && job.started_by(end).is_none();
    for_pending && never_began && law.timeout.as_ref().is_some_and(|timeout| timeout.restarts)
}

/// Whether the law lets another attempt follow this one.
fn may_follow(law: &Law, job: &Job, attempt: &Try) -> Result<(), &'static str> {
    if is_restarted(law, job, attempt) {
        return Ok(());
    }
    let on = |name: &str| law.retry.as_ref().is_some_and(|retry| retry.on.contains(&name));
    let (_, state) = job.end();
    match (&attempt.stop, state) {
        (_, JobState::Successful) => Err("its job was successful"),
        (Some(stop), _) if stop.by != "timeout" => Err("it was stopped, and not by a time-out"),
        (Some(stop), _) => match stop.limit.as_deref() {
            Some("soft") if on("timed_out") => Ok(()),
            _ => Err("it timed out, and that is not tried again"),
        },
        (None, JobState::Faulted) => match job.fault.map(|(class, _)| class) {
            Some(Class::Account) => Err("an account's fault is never tried again"),
            Some(Class::Business) if !on("business") => Err("a business fault is tried again only if named"),
            Some(Class::Business) => Ok(()),
            Some(Class::Infrastructure | Class::Application) | None if on("faulted") => Ok(()),
            Some(Class::Infrastructure | Class::Application) | None => Err("a fault is not to be tried again here"),
        },
        (None, _) => Err("it did not fail"),
    }
}

fn another(story: &Story, row: &Row, law: &Law, attempt: &Try, found: &mut Findings<'_>) {
    let Some(job) = story.job_of(attempt) else {
        return found.add("18", row.claimed, &[row], format!("attempt {} has no job and was followed", attempt.number));
    };
    if let Err(why) = may_follow(law, job, attempt) {
        found.add("18", job.made, &[row], format!("another attempt followed attempt {}: {why}", attempt.number));
    }
}

/// The n-th pause, in milliseconds.
fn pause(retry: &Retry, number: i64) -> i64 {
    let doubled = (1..number).fold(retry.delay, |delay, _| (delay * 2).min(retry.max_delay));
    doubled.min(retry.max_delay) * 1_000
}

/// When our reading of a job's end came.
fn read_end(job: &Job) -> Option<Moment> {
    let over = |state: &JobState| matches!(state, JobState::Faulted | JobState::Successful | JobState::Stopped);
    job.reads.iter().find(|(_, state)| over(state)).map(|(at, _)| *at)
}

fn times(story: &Story, row: &Row, law: &Law, number: usize, pair: &[Try], found: &mut Findings<'_>) {
    let (Some(job), Some(due)) = (story.job_of(&pair[0]), pair[1].due) else {
        return found.add("18", row.claimed, &[row], "a later attempt has no time at which it is due");
    };
    let (end, _) = job.end();
    let waits = row.spans(|state| state == RunState::Waiting(WaitReason::Retry));
    let pauses = match &law.retry {
        _ if is_restarted(law, job, &pair[0]) => (0, 0),
        Some(retry) => (pause(retry, pair[0].number) * 9 / 10, pause(retry, pair[0].number) * 11 / 10),
        None => (0, 0),
    };
    // The answer to the first read of its end comes a moment later, or was lost with a daemon that was killed.
    let begun = waits.iter().map(|(from, _)| *from).rfind(|from| *from <= due).unwrap_or(due);
    if due < end + pauses.0 || due < begun + pauses.0 - SLACK || due > begun + pauses.1 + SLACK {
        let text = format!("attempt {} is due at {}, pauses {pauses:?}", pair[1].number, clock(due));
        found.add("18", due, &[row], text);
    }
    let next = row.tries.get(number + 2).and_then(|after| after.due).unwrap_or(Moment::MAX);
    let Some(sent) = row.sends().find(|sent| *sent >= begun && *sent < next) else { return };
    if sent < due {
        found.add("18", sent, &[row], format!("attempt {} was sent before it was due", pair[1].number));
    }
    // What came due while the daemon was down counts from the finding; so does what it had no time to store before it died.
    let found_at = story.record.lives.iter().map(|(begun, _)| *begun).find(|begun| *begun >= due);
    let from = found_at.filter(|_| !story.lived(due, due + SLACK)).unwrap_or(due);
    if sent - story.in_windows_at_most(law, row.claimed, from, sent) > from + law.deadline * 1_000 + SLACK {
        let down = if story.lived(due, sent) { "" } else { ", and came due before the daemon was down" };
        found.add("18", sent, &[row], format!("attempt {} was sent after its deadline{down}", pair[1].number));
    }
}

/// The last attempt of a run that is over.
fn last(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    let over = row.over().unwrap_or(story.end);
    let with_job = row.tries.iter().rev().find_map(|attempt| story.job_of(attempt).map(|job| (attempt, job)));
    let Some((attempt, job)) = with_job else { return };
    if row.state.is_without_job() {
        return found.add("18", over, &[row], "a run of which a job existed ended as if there had been none");
    }
    if may_follow(law, job, attempt).is_err() || attempt.number >= most(law) {
        return;
    }
    let at = law.timeout.as_ref().is_some_and(|timeout| timeout.at.is_some());
    if row.note.is_none() {
        let at = if at { ", by a time of day" } else { "" };
        found.add("18", over, &[row], format!("no further attempt was made{at}, and no note says why"));
    }
    let waited = row.lines.iter().any(|(at, state)| {
        *state == RunState::Waiting(WaitReason::Retry) && read_end(job).is_some_and(|read| *at >= read)
    });
    let gone = story.files_at(over).laws.get(&row.schedule).is_none_or(|law| !law.enabled);
    let given_way = story.near(row).any(|other| {
        let ends = story.law(other).is_some_and(|law| law.overlap.ends_the_other());
        ends && other.nominal > row.nominal && other.claimed <= over
    });
    if !waited && !gone && !given_way && !at {
        found.add("18", over, &[row], "another attempt was to follow, and none did");
    }
}
