//! What the answers to look-ups say of each Reference that was asked for.
//!
//! "There is none" is said only by an answer that proves it: complete, of now, showing what is known to be there and nothing
//! that was not asked for (semantics.md 16, 16a). What follows from it is `settle`'s.

use std::time::Duration;

use jiff::Timestamp;

use super::ending::join;
use super::finding::{Finding, find_in_page, stale};
use super::look_up::list_from;
use super::settle::{self, BROKEN_AT_START};
use super::{folder, proof, unreadable};
use crate::clock::earlier;
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::State;
use crate::executor::{Ask, NextToNewest};
use crate::happening::{Cause, HowFound, OfConnection, OfRun};
use crate::orchestrator::{CallError, Completeness, Freshness, JobPage, JobView, is_same_name};
use crate::run::{Reference, RunId};
use crate::schedule::ConnectionName;

/// Orchestrator's clock may be so far from ours before starts wait for it (semantics.md 7), and a little more.
const CLOCKS_APART: Duration = Duration::from_secs(600);

/// Jobs were listed by Reference.
pub(crate) fn on_looked_up(
    state: &mut State,
    at: &Folder,
    asks: &[Ask],
    control: Option<&Reference>,
    result: Result<JobPage, CallError>,
) {
    let freshness = result.as_ref().ok().map(|page| page.freshness);
    heard(state, at, asks, &result, freshness);
    let page = match result {
        Ok(page) => page,
        Err(error) => return failed(state, at, asks, &error),
    };
    if page.freshness == Freshness::Fresh {
        proof::keep(state, at, asks, control, &page);
    }
    let asked_for = |job: &JobView| {
        control.is_some() && job.reference.as_ref() == control || asks.iter().any(|ask| ask.is(job.reference.as_ref()))
    };
    let shows_ours = page.jobs.iter().any(asked_for);
    // Somebody else's job: the filter was ignored, and a server that ignores it may cut as it likes.
    let filtered = page.jobs.iter().all(asked_for);
    for ask in asks {
        let finding = find_in_page(ask, &page, filtered, shows_ours);
        settle::on_looked_up(state, at, ask, finding, HowFound::ByReference);
    }
}

/// Jobs were listed by Reference next to the folder's newest job, whoever started that one. Exactly that job and ours must
/// come back.
pub(crate) fn on_looked_up_next_to_newest(
    state: &mut State,
    at: &Folder,
    asks: &[Ask],
    result: Result<NextToNewest, CallError>,
) {
    let freshness = result.as_ref().ok().map(|found| found.page.freshness);
    heard(state, at, asks, &result, freshness);
    let NextToNewest { newest, page } = match result {
        Ok(found) => found,
        Err(error) => return failed(state, at, asks, &error),
    };
    let control = |job: &JobView| newest.as_ref().is_some_and(|newest| newest.id == job.id);
    let shows_control = page.jobs.iter().any(control);
    let filtered = page.jobs.iter().all(|job| control(job) || asks.iter().any(|ask| ask.is(job.reference.as_ref())));
    for ask in asks {
        let foreign = newest.as_ref().is_some_and(|newest| is_foreign(state, ask.run, newest));
        let finding = find_in_page(ask, &page, filtered, shows_control && foreign);
        match finding {
            Finding::NoneShown | Finding::Nothing => settle::cannot_tell_next_to(state, ask),
            Finding::Jobs(_) | Finding::ProvenNone | Finding::Stale(_) => {
                settle::on_looked_up(state, at, ask, finding, HowFound::ByReference);
            }
        }
    }
}

/// A call for look-ups has ended; what it says of each of them comes after.
fn heard<T>(state: &mut State, at: &Folder, asks: &[Ask], result: &Result<T, CallError>, freshness: Option<Freshness>) {
    if freshness == Some(Freshness::Fresh) {
        folder::answered(state, at.id, asks.iter().map(|ask| ask.run));
    }
    unreadable::heard(state, at, result);
    if let Some(link) = state.links.get_mut(&at.connection) {
        link.health.heard_read(result, state.now.boot);
    }
}

/// Whether a job is certainly not this run's: it has another name, is of another process, or was there before the call. One that
/// shows no name at all may be ours, shown by a server that leaves names out.
fn is_foreign(state: &State, id: RunId, job: &JobView) -> bool {
    let Some(run) = state.book.get(id).map(|open| &open.run) else { return false };
    let named = job.reference.is_some() && job.reference.as_ref() != run.attempt().map(|attempt| &attempt.reference);
    let other = job.release_name.as_ref().is_some_and(|name| !is_same_name(name, &run.start().process));
    let sent = run.attempt().and_then(|attempt| attempt.sent_at).unwrap_or(run.fire_at);
    let before = job.created_at.is_some_and(|created| created < earlier(sent.min(run.fire_at), CLOCKS_APART));
    named || other || before
}

fn failed(state: &mut State, at: &Folder, asks: &[Ask], error: &CallError) {
    seek_if_unknown(state, &at.connection, asks, error);
    match error {
        // The link's health decides when it is tried again; nothing was learned.
        CallError::Unsent { .. } => {}
        CallError::Unknown { .. } => {
            proof::not_shown(state, at, asks);
            for ask in asks {
                settle::put_off(state, ask);
                show_that_look_ups_break(state, ask, error);
            }
        }
        CallError::Rejected { .. } => {
            state.log(&at.connection, OfConnection::LookUpRefused(Cause::of(error)));
            proof::not_shown(state, at, asks);
            for ask in asks {
                settle::on_looked_up(state, at, ask, Finding::Nothing, HowFound::ByReference);
            }
        }
    }
}

fn seek_if_unknown(state: &mut State, connection: &ConnectionName, asks: &[Ask], error: &CallError) {
    if error.folder_is_unknown() {
        let ids: Vec<RunId> = asks.iter().map(|ask| ask.run).collect();
        folder::seek(state, connection, &ids);
    }
}

/// So many calls came to nothing that whoever looks at the run should see why.
fn show_that_look_ups_break(state: &mut State, ask: &Ask, error: &CallError) {
    let inquiry = state.book.get(ask.run).and_then(Open::inquiry);
    if inquiry.is_none_or(|inquiry| inquiry.broken != BROKEN_AT_START) {
        return;
    }
    let what = OfRun::LookUpsBreak(Cause::of(error));
    state.book.change(ask.run, |run| run.error = join(run.error.take(), what.to_string()));
    state.note(ask.run, what);
}

/// All jobs since an instant were listed, because the filter by Reference was of no use. One list answers for every
/// unclear start of its folder.
pub(crate) fn on_listed_since(state: &mut State, at: &Folder, asks: &[Ask], result: &Result<JobPage, CallError>) {
    let freshness = result.as_ref().ok().map(|page| page.freshness);
    heard(state, at, asks, result, freshness);
    if let Err(error) = result {
        seek_if_unknown(state, &at.connection, asks, error);
    }
    for ask in asks {
        let finding = match result {
            Ok(page) => find_in_list(state, ask, page),
            Err(CallError::Unsent { .. }) => continue,
            Err(CallError::Unknown { .. }) => {
                settle::put_off(state, ask);
                continue;
            }
            Err(CallError::Rejected { .. }) => Finding::Nothing,
        };
        match finding {
            Finding::NoneShown | Finding::Nothing => settle::cannot_tell(state, &at.connection, ask, &finding),
            Finding::Jobs(_) | Finding::ProvenNone | Finding::Stale(_) => {
                settle::on_looked_up(state, at, ask, finding, HowFound::InList);
            }
        }
    }
}

fn find_in_list(state: &State, ask: &Ask, page: &JobPage) -> Finding {
    let jobs: Vec<JobView> = page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
    // A list counts when it is whole and shows a job of ours with its Reference: then rights, folder and field are all
    // there.
    let prefix = Reference::prefix(state.loaded.installation);
    let is_ours = |job: &JobView| job.reference.as_ref().is_some_and(|text| text.as_str().starts_with(&prefix));
    let from = state.book.get(ask.run).map(|open| list_from(&open.run));
    let whole = match page.completeness {
        Completeness::Complete => true,
        // Newest first, and cut beyond the time of this start: what is cut off is older than its job would be.
        Completeness::Cut => from.is_some_and(|from| reaches_back_to(&page.jobs, from)),
        // The job that could not be read may be the one that is looked for.
        Completeness::Holes => false,
    };
    match whole {
        _ if !jobs.is_empty() => Finding::Jobs(jobs),
        _ if page.freshness != Freshness::Fresh => stale(page),
        true if page.jobs.iter().any(is_ours) => Finding::ProvenNone,
        true => Finding::NoneShown,
        false => Finding::Nothing,
    }
}

/// Whether a list that is newest first, as it was asked for, goes back beyond an instant.
fn reaches_back_to(jobs: &[JobView], from: Timestamp) -> bool {
    let created: Vec<Timestamp> = jobs.iter().filter_map(|job| job.created_at).collect();
    created.len() == jobs.len()
        && created.is_sorted_by(|a, b| a >= b)
        && created.last().is_some_and(|last| *last < from)
}
