//! What follows when a job has ended: another attempt, or the end of its run (semantics.md 18, 21, 21a).

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::dispatcher::core::inquiry::Inquiry;
use crate::dispatcher::core::progress::{Need, Progress};
use crate::dispatcher::core::run::ending::{self, join};
use crate::dispatcher::core::state::{State, there};
use crate::happening::OfRun;
use crate::orchestrator::{JobState, JobView};
use crate::policy::fault::{self, Fault, Told};
use crate::policy::retry::{self, JobEnd, Next, Why};
use crate::policy::stop::{JobWord, OwnLimit, ended_as, own_limit};
use crate::run::{Attempt, Ending, Run, RunEvent, RunId, RunState, WaitReason};
use crate::schedule::{OnPending, OverlapPolicy};

/// Whether another attempt may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Further {
    /// By its policy.
    AsItSays,
    /// None: the database had forgotten the run, and whether one was made is not known.
    None,
}

/// A job has ended, and was read whole.
pub(crate) fn on_job_ended(state: &mut State, id: RunId, job: &JobView, further: Further) {
    let now = state.now;
    let word = match job.state {
        JobState::Successful => JobWord::Successful,
        JobState::Faulted => JobWord::Faulted,
        JobState::Stopped => JobWord::Stopped,
        JobState::Pending
        | JobState::Running
        | JobState::Stopping
        | JobState::Terminating
        | JobState::Suspended
        | JobState::Resumed
        | JobState::Other(_) => return,
    };
    let Some(open) = there(state.book.get(id), "a run whose job ends is open") else { return };
    let Some(attempt) = there(open.run.attempt(), "what has a job has an attempt") else { return };
    let stop = attempt.stop.clone();
    let ended_at = job.ended_at.unwrap_or(now.wall);
    let ended = ended_as(word, stop.as_ref(), own_limit_of(&open.run, ended_at));
    let fault = (word == JobWord::Faulted).then(|| fault_of(job));
    let error = ending::job_error(job);
    let restart = open.run.policy.timeout.as_ref().is_some_and(|timeout| timeout.on_pending == OnPending::Restart);
    let end = JobEnd {
        ended_as: ended,
        fault: fault.as_ref().map(|fault| fault.class),
        stop: stop.as_ref(),
        began: has_begun(attempt, job),
        restart,
        starts: attempt.attempt,
    };
    let mut next = match further {
        Further::AsItSays => retry::decide(open.run.policy.retry.as_ref(), &end, id),
        Further::None => Next::Ends(Why::NotAsked),
    };
    let stop_at = open.run.policy.stop_at;
    if let Next::Again(pause) = next
        && stop_at.is_some_and(|stop_at| later(now.wall, pause) >= stop_at)
    {
        next = Next::Ends(Why::TooLate);
    }
    if let Next::Again(_) = next
        && let Some(newer) = gives_way_to(state, id)
    {
        next = Next::Ends(Why::GaveWay(newer));
    }
    state.book.change(id, |run| {
        run.started_at = job.began_at().or(run.started_at);
        run.error.clone_from(&error);
        if let Some(attempt) = run.attempt_mut() {
            attempt.job_state = Some(job.state.as_str().to_owned());
            attempt.started_at = job.began_at().or(attempt.started_at);
            attempt.ended_at = Some(ended_at);
            attempt.ended_as = Some(ended);
            attempt.fault = fault.as_ref().map(|fault| fault.class);
            attempt.account = fault.as_ref().and_then(|fault| fault.account.clone());
        }
    });
    let what = match next {
        Next::Again(pause) => match again(state, id, job, error.clone(), pause) {
            Ok(()) => return,
            Err(wrong) => {
                note(state, id, format!("no further attempt was made: {wrong}"));
                OfRun::JobEnded { job: job.id, state: job.state.as_str().to_owned(), error }
            }
        },
        Next::Ends(why) => {
            note_why(state, id, why, word, stop.is_some());
            OfRun::JobEnded { job: job.id, state: job.state.as_str().to_owned(), error }
        }
    };
    state.book.change(id, |run| {
        run.ended_at = Some(ended_at);
        run.output = run.policy.history.output.of_output(job.output.clone());
    });
    state.step(id, RunEvent::End(Ending::from(ended)), what);
}

/// The newer run of its schedule that waits until it has been stopped: then no attempt follows, whoever stopped its job (semantics.md 11).
fn gives_way_to(state: &State, id: RunId) -> Option<RunId> {
    let run = &state.book.get(id)?.run;
    let others = state.book.of_schedule_but(&run.schedule, Some(id)).map(|open| &open.run);
    let waits = others.filter(|newer| {
        let stops = newer.policy.overlap.is_some_and(OverlapPolicy::stops_the_older);
        stops && newer.state == RunState::Waiting(WaitReason::Overlap) && newer.nominal_at > run.nominal_at
    });
    waits.max_by_key(|newer| newer.nominal_at).map(|newer| newer.id)
}

/// Whether a robot has, or may have, taken a job that has ended: only of one that is Stopped is it certain that none
/// had (semantics.md 21).
fn has_begun(attempt: &Attempt, job: &JobView) -> bool {
    job.state != JobState::Stopped || attempt.started_at.or(job.began_at()).is_some()
}

/// Whether Orchestrator's own limit stopped its job, where it was given one.
fn own_limit_of(run: &Run, ended_at: Timestamp) -> OwnLimit {
    let given = run.policy.timeout.as_ref().and_then(|timeout| Some((timeout.on_server()?, timeout.kill_after)));
    let (Some((after, grace)), Some(accepted_at)) = (given, run.accepted_at) else { return OwnLimit::No };
    own_limit(later(accepted_at, after), grace, ended_at)
}

fn fault_of(job: &JobView) -> Fault {
    let error = job.error.as_ref();
    fault::decide(&Told {
        code: error.and_then(|error| error.code.as_deref()),
        title: error.and_then(|error| error.title.as_deref()),
        detail: error.and_then(|error| error.detail.as_deref()),
        info: job.info.as_deref(),
    })
}

/// Another attempt follows after this pause, with a name of its own (semantics.md 13, 18).
///
/// # Errors
/// Why its arguments cannot be filled in. Nothing follows then.
fn again(state: &mut State, id: RunId, job: &JobView, error: Option<String>, pause: Duration) -> Result<(), String> {
    let now = state.now;
    let due = later(now.wall, pause);
    let installation = state.loaded.installation;
    let opened = state.loaded.opened.wall;
    let mut filled = Ok(());
    let mut attempt = 0;
    // A life before this one may have seen the same end, where this database is a copy of before that: then the attempt exists.
    let sent = state.book.get(id).and_then(|open| open.run.attempt()?.sent_at);
    let may_exist = sent.is_none_or(|sent| sent <= opened);
    state.book.change(id, |run| {
        filled = run.begin_attempt(installation, 1, due);
        attempt = run.attempt().map_or(0, |attempt| attempt.attempt);
        if filled.is_err() {
            run.attempts.pop();
        }
    });
    filled.map_err(|wrong| wrong.to_string())?;
    let what = OfRun::TriesAgain { job: job.id, state: job.state.as_str().to_owned(), error, attempt, due };
    if state.step(id, RunEvent::Wait(WaitReason::Retry), what) {
        state.book.change(id, |run| {
            run.waiting_until = Some(due);
            (run.accepted_at, run.started_at) = (None, None);
        });
        if let Some(open) = state.book.get_mut(id) {
            open.begin_anew();
            if may_exist {
                open.progress = Progress::Queued(Need::LookUp(Inquiry::at(now.boot + pause)));
            }
        }
        state.set_deadline(id, due);
        state.wake.at_wall(due);
    }
    Ok(())
}

fn note_why(state: &mut State, id: RunId, why: Why, word: JobWord, was_to_stop: bool) {
    if was_to_stop && word == JobWord::Successful {
        note(state, id, "it ended well although it was to stop".to_owned());
    }
    let text = match why {
        Why::Account => "the robot's account was refused: it is not tried again, since each try may lock the account",
        Why::HadBegun => "a robot took it before it could be stopped, so no other job was started in its place",
        Why::GaveWay(newer) => {
            return note(state, id, format!("no further attempt was made: run {} took its place", newer.short()));
        }
        Why::TooLate => "no further attempt was made: none is after the time of day at which its time-out ends all",
        Why::NotAsked | Why::NoneLeft | Why::Stopped => return,
    };
    note(state, id, text.to_owned());
}

fn note(state: &mut State, id: RunId, text: String) {
    state.book.change(id, |run| run.note = join(run.note.take(), text));
}
