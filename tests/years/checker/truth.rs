//! Rules 13, 16, 20 and the promise: what the rows say of jobs is so at the server, and no job is there that no row has.

use std::collections::HashMap;

use punctual::run::{Ending, RunState};

use super::Findings;
use crate::job::Job;
use crate::story::{Row, Story};

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    let mut by_reference: HashMap<&str, Vec<&Job>> = HashMap::new();
    story.jobs.iter().for_each(|job| by_reference.entry(job.reference.as_str()).or_default().push(job));
    for (reference, jobs) in &by_reference {
        let row = story.by_reference.get(*reference).map(|(place, _)| &story.rows[*place]);
        let (schedule, at) = (jobs[0].schedule.clone(), jobs[0].made);
        let rows: Vec<&Row> = row.into_iter().collect();
        if jobs.len() > 1 {
            found.about("13", schedule, at, &rows, format!("{} jobs have the Reference {reference}", jobs.len()));
        } else if row.is_none() {
            found.about("14", schedule, at, &rows, format!("no row has the job of {reference}"));
        }
    }
    for call in &story.starts {
        let row = story.by_reference.get(&call.reference).map(|(place, _)| &story.rows[*place]);
        // No durable claim, no call.
        let stored = row.is_some_and(|row| row.state_at(call.at) == Some(RunState::Starting));
        if !stored {
            let rows: Vec<&Row> = row.into_iter().collect();
            let text = format!("{} was sent without a stored `starting`", call.reference);
            found.about("14", String::new(), call.at, &rows, text);
        }
    }
    if let Some(at) = story.record.spins.first() {
        let text = format!("the loop turns without a pause, {} times", story.record.spins.len());
        found.about("7", String::new(), *at, &[], text);
    }
    for row in &story.rows {
        job_of_row(story, row, &by_reference, found);
        wakes_up(story, row, found);
    }
}

fn job_of_row(story: &Story, row: &Row, jobs: &HashMap<&str, Vec<&Job>>, found: &mut Findings<'_>) {
    let over = row.over().unwrap_or(story.end);
    for attempt in &row.tries {
        let made = jobs.get(attempt.reference.as_str()).and_then(|jobs| jobs.first());
        match (attempt.job, made) {
            (Some(said), Some(job)) if job.id == said => {}
            (Some(_), _) => found.add("16", over, &[row], "its job is another's"),
            // So long a job may stay out of sight.
            (None, Some(job)) if row.state.is_final() && job.made < over => {
                found.add("16", over, &[row], "it is over without its job, and there is one");
            }
            (None, _) => {}
        }
    }
    if !row.says_it_ran() {
        if row.is("lost", "") {
            found.add("22", over, &[row], "lost, though its job can be read");
        }
        return;
    }
    let with_job = row.tries.iter().rev().find_map(|attempt| story.job_of(attempt).map(|job| (attempt, job)));
    let Some((attempt, job)) = with_job else {
        return found.add("20", over, &[row], "it says that it ran, and there is no job");
    };
    let Some((end, _)) = job.ended_by(over) else {
        return found.add("20", over, &[row], "it says that it ended, and its job goes on");
    };
    if row.ended != Some(end) {
        found.add("20", over, &[row], "it does not have its job's end");
    }
    let named = match row.state {
        RunState::Ended(Ending::Succeeded) => "succeeded",
        RunState::Ended(Ending::Faulted) => "faulted",
        RunState::Ended(Ending::TimedOut) => "timed_out",
        _ => "stopped",
    };
    if attempt.ended_as.as_deref() != Some(named) {
        found.add("18", over, &[row], "it did not end as its last job did");
    }
}

/// Nothing is forgotten: the end of a job is read, and what is unclear is settled.
fn wakes_up(story: &Story, row: &Row, found: &mut Findings<'_>) {
    const FORGOTTEN: i64 = 900_000;
    let Some(law) = story.law(row) else { return };
    let over = row.over().unwrap_or(story.end);
    if let Some((end, _)) = row.last_try().and_then(|attempt| story.job_of(attempt)).map(Job::end)
        && over > end + FORGOTTEN
        && matches!(row.state_before(end + FORGOTTEN), Some(RunState::Job(_)))
        && story.is_calm(law.connection, end, end + FORGOTTEN)
    {
        found.add("20", end, &[row], "the end of its job was not read for a quarter of an hour");
    }
    for (from, to) in row.spans(|state| matches!(state, RunState::Unknown | RunState::Starting)) {
        // One that may be sent again, and is held back by a pause or a window, stays unclear until it is.
        let is_free = story.is_calm(law.connection, from - 200_000, from + FORGOTTEN)
            && !story.is_held(law, from, from + FORGOTTEN);
        if to.min(story.end) > from + FORGOTTEN && is_free {
            let pool = if law.pool.is_some() { ", in a pool" } else { "" };
            found.add("16", from, &[row], format!("unclear for a quarter of an hour{pool}"));
        }
    }
}
