//! Rule 11: which runs of a schedule are open at once, who waits behind whom, and who gives way.

use punctual::orchestrator::JobState;
use punctual::run::{RunState, WaitReason};

use super::Findings;
use crate::job::{Job, Moment};
use crate::law::{Law, Overlap};
use crate::story::{Row, Story};

/// A queue goes on so soon after the end of the run in front was read.
const SOON: i64 = 30_000;

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    for row in &story.rows {
        let Some(law) = story.law(row) else { continue };
        if row.is("skipped", "overlap") {
            skipped(story, row, law, found);
        }
        if law.overlap != Overlap::Allow {
            sent_alone(story, row, found);
            queue_goes_on(story, row, found);
        }
        if law.overlap == Overlap::Allow
            && let Some((from, _)) = row.spans(|state| state == RunState::Waiting(WaitReason::Overlap)).first()
        {
            found.add("11", *from, &[row], "overlap is allowed, and it waits for an older run");
        }
    }
    jobs_at_once(story, found);
}

/// Whether a run counts just before that moment. One that waits for the end of a window does not.
fn counts(story: &Story, row: &Row, at: Moment) -> bool {
    let held_counts = story.law(row).is_some_and(|law| law.unknown == "hold");
    row.is_open_before(at)
        && match row.state_before(at) {
            Some(RunState::Held) => held_counts,
            Some(RunState::Waiting(WaitReason::Blackout)) => false,
            _ => true,
        }
}

/// Of one that was sent and waits for the end of a window to be tried again the law says both.
fn may_count(story: &Story, row: &Row, at: Moment) -> bool {
    counts(story, row, at) || row.is_open_before(at) && (was_sent_before(row, at) || is_let_go(story, row, at))
}

/// Whether the windows that it waits for have ended, or are none any more: it counts from then on, also where nobody was there to see it and
/// others have begun since.
fn is_let_go(story: &Story, row: &Row, at: Moment) -> bool {
    let last = row.lines.iter().rev().find(|(since, _)| *since < at);
    let Some((since, RunState::Waiting(WaitReason::Blackout))) = last else { return false };
    let ended = |law| story.files_at(at).windows_at(law, *since).is_none_or(|windows| windows.until <= at);
    story.law(row).is_some_and(ended)
}

fn was_sent_before(row: &Row, at: Moment) -> bool {
    row.first_send().is_some_and(|sent| sent < at)
}

/// Whether its open job was read as open since `from`.
fn is_read_as_open(job: &Job, from: Moment, until: Moment) -> bool {
    let open = |state: &JobState| !matches!(state, JobState::Faulted | JobState::Successful | JobState::Stopped);
    job.reads.iter().any(|(at, state)| from <= *at && *at <= until && open(state))
}

fn others<'s>(story: &'s Story, row: &Row) -> impl Iterator<Item = &'s Row> {
    let id = row.id.clone();
    story.near(row).filter(move |other| other.id != id)
}

fn skipped(story: &Story, row: &Row, law: &Law, found: &mut Findings<'_>) {
    let over = row.over().unwrap_or(story.end);
    // What happens in one turn has one time, and what ends in it may have been asked before.
    let open: Vec<&Row> = others(story, row)
        .filter(|other| {
            may_count(story, other, over)
                || other.lines.iter().any(|(at, _)| *at == over) && counts(story, other, over + 1)
        })
        .collect();
    let older: Vec<&&Row> =
        open.iter().filter(|other| other.nominal < row.nominal || was_sent_before(other, over)).collect();
    let replaces =
        |other: &Row| other.nominal > row.nominal && story.law(other).is_some_and(|law| law.overlap.replaces());
    // One that comes in that turn may wait for the next window itself.
    let came = |other: &Row| other.claimed == over && other.is_open_before(over + 1);
    let replaced = open.iter().any(|other| replaces(other))
        || is_let_go(story, row, over) && others(story, row).any(|other| replaces(other) && came(other));
    let right = replaced
        || match law.overlap {
            Overlap::Skip => !older.is_empty(),
            Overlap::QueueOne => older.len() > 1,
            Overlap::Allow | Overlap::QueueAll | Overlap::QueueLatest | Overlap::StopOther | Overlap::KillOther => {
                false
            }
        };
    if !right {
        let rows: Vec<&Row> = [row].into_iter().chain(open.iter().copied()).collect();
        return found.add("11", over, &rows, format!("skipped, and nothing of {:?} asks for it", law.overlap));
    }
    if !replaced {
        let with_job = older.iter().find_map(|other| {
            let running = matches!(other.state_at(over), Some(RunState::Job(_)));
            let jobs = other.tries.iter().rev().filter_map(|attempt| story.job_of(attempt));
            let job = jobs.filter(|_| running).find(|job| job.made <= over);
            job.map(|job| (other, job))
        });
        if let Some((other, job)) = with_job
            && older.len() == 1
            && !is_read_as_open(job, row.fire, over)
        {
            found.add(
                "11",
                over,
                &[row, other],
                "skipped because of a job that was not read as open since the due time",
            );
        }
    }
}

/// When it is sent, no other may count: none that was sent, and none that is in front.
fn sent_alone(story: &Story, row: &Row, found: &mut Findings<'_>) {
    let Some(sent) = row.first_send() else { return };
    for other in others(story, row) {
        let open = counts(story, other, sent) && other.over().is_none_or(|over| over > sent);
        if open && (other.nominal < row.nominal || was_sent_before(other, sent)) {
            found.add("11", sent, &[row, other], "sent while another run of its schedule counted, in front of it");
        }
    }
}

/// Nothing waits for an older run that is not there.
fn queue_goes_on(story: &Story, row: &Row, found: &mut Findings<'_>) {
    let Some(law) = story.law(row) else { return };
    for (from, to) in row.spans(|state| state == RunState::Waiting(WaitReason::Overlap)) {
        let to = to.min(story.end);
        // The last of those in front that ended before it did; one that was started next to them, as its file said `allow` then, is in front too.
        let in_front = others(story, row)
            .filter(|other| other.claimed <= to && (other.nominal < row.nominal || was_sent_before(other, to)));
        let mut free = from;
        for other in in_front {
            match other.over() {
                Some(over) if over < to => free = free.max(over),
                _ => free = to,
            }
        }
        let calm = |free| story.is_calm(law.connection, free - SOON, to) && !story.is_held(law, free - SOON, to);
        if to > free + SOON && calm(free) {
            found.add("11", free, &[row], "waits for an older run, and there is none");
        }
    }
}

/// The truth: where one run at a time is allowed, no two jobs of a schedule are alive when the second one is made.
fn jobs_at_once(story: &Story, found: &mut Findings<'_>) {
    let mut alive: std::collections::HashMap<&str, Vec<&Job>> = std::collections::HashMap::new();
    for job in &story.jobs {
        let made = job.made;
        let list = alive.entry(job.schedule.as_str()).or_default();
        list.retain(|other| other.end().0 > made);
        let row_of = |job: &Job| story.by_reference.get(&job.reference).map(|(place, _)| &story.rows[*place]);
        if let Some(row) = row_of(job)
            && story.law(row).is_some_and(|law| law.overlap != Overlap::Allow)
        {
            for other in list.iter().filter_map(|other| row_of(other)).filter(|other| other.id != row.id) {
                found.add("11", made, &[row, other], "a job was made while a job of another run was alive");
            }
        }
        list.push(job);
    }
}
