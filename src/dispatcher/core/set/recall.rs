//! After a database was lost, or an old copy put back: Orchestrator is asked what was started (R13).
//!
//! Each folder's jobs of ours are listed before anything is planned there. Those that no row tells of get one, so that a job that
//! still runs is followed and counts for overlap. A time that was due before the lock was taken, and whose job is not shown, may
//! have been started a moment before: it settles like any unclear start, and its schedule's `on_unknown_start` holds.
//!
//! Without marks, planning begins at the latest start that Orchestrator shows, at most the catch-up window back.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::new_run::new_run;
use super::planning::{HowAsked, Planning, Recall, Trusted};
use crate::clock::earlier;
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::progress::{Need, Open, Progress};
use crate::dispatcher::core::run::next_attempt::{self, Further};
use crate::dispatcher::core::run::{adopt, lists, process, unreadable};
use crate::dispatcher::core::state::State;
use crate::executor::Action;
use crate::happening::{Happening, HowFound, OfConnection, OfDaemon};
use crate::orchestrator::{CallError, Completeness, Freshness, JobPage, JobView};
use crate::recurrence::{Excluded, Nominal};
use crate::run::{Attempt, Evidence, FolderId, Reference, RunId, RunState};
use crate::schedule::{ConnectionName, FolderChoice, HighWaterMark, Schedule, ScheduleKey, Trigger};
use crate::store::{Doubt, DoubtOver};

/// Jobs are asked for from this long ago at least: longer than most robots take.
const AT_LEAST: Duration = Duration::from_secs(24 * 3600);

/// Clocks differ, and a start may have been late.
const MARGIN: Duration = Duration::from_secs(7_200);

/// A call that broke is made again after this, …
const AGAIN: Duration = Duration::from_secs(5);

/// … each time later, up to this.
const AGAIN_MOST: Duration = Duration::from_secs(60);

/// A folder for a log line.
fn in_words(folder: Option<&FolderChoice>) -> String {
    folder.map_or_else(|| "(the only one)".to_owned(), FolderChoice::to_string)
}

/// Nothing is planned in a folder that has not been asked.
pub(crate) fn plan(state: &mut State, planning: &mut Planning, doubt: Doubt) {
    let now = state.now;
    let mut folders: BTreeMap<(ConnectionName, Option<FolderChoice>), Recall> = BTreeMap::new();
    for (key, schedule) in &state.loaded.set.schedules {
        let mark = planning.planner.marks().0.get(key).map_or(now.wall, |mark| mark.0);
        let place = (schedule.connection.clone(), schedule.start.folder.clone());
        let recall = folders.entry(place).or_insert_with_key(|(connection, folder)| Recall {
            connection: connection.clone(),
            folder: folder.clone(),
            starts: Vec::new(),
            schedules: Vec::new(),
            since: earlier(now.wall, AT_LEAST),
            how: HowAsked::OursOnly,
            next: now.boot,
            broken: 0,
            latest: BTreeMap::new(),
        });
        recall.since = recall.since.min(earlier(mark, MARGIN));
        recall.schedules.push(key.clone());
        if recall.starts.iter().all(|start| start.process != schedule.start.process) {
            recall.starts.push(schedule.start.clone());
        }
    }
    let folders_to_ask = folders.len();
    state.book.log(Happening::Daemon(match doubt {
        Doubt::Older => OfDaemon::DatabaseOlder { folders: folders_to_ask },
        Doubt::Lost => OfDaemon::DatabaseLost { folders: folders_to_ask },
    }));
    planning.recalls = folders.into_values().collect();
    hold(planning);
}

/// A planner that was made anew plans nothing of these either.
pub(crate) fn hold(planning: &mut Planning) {
    let keys: BTreeSet<ScheduleKey> =
        planning.recalls.iter().flat_map(|recall| recall.schedules.iter().cloned()).collect();
    planning.planner.hold(keys);
}

/// Asks the folders that are to be asked.
pub(crate) fn ask(state: &mut State, planning: &mut Planning) {
    let now = state.now;
    for place in 0..planning.recalls.len() {
        let Some(recall) = planning.recalls.get(place) else { continue };
        if state.book.flights().has(&recall.question()) {
            continue;
        }
        if now.boot < recall.next {
            state.wake.at_boot(recall.next);
            continue;
        }
        let (connection, folder, since, how) =
            (recall.connection.clone(), recall.folder.clone(), recall.since, recall.how);
        let starts = recall.starts.clone();
        let mut folder_id = None;
        let mut refused = 0;
        for start in &starts {
            if process::was_refused(state, &connection, start) {
                refused += 1;
                continue;
            }
            folder_id = process::want_target(state, &connection, start).map(|target| target.folder_id);
            break;
        }
        if refused == starts.len() {
            state.log(&connection, OfConnection::NothingToAskBy { folder: in_words(folder.as_ref()) });
            end(state, planning, place);
            // The places have moved; the next turn has the others.
            state.wake.at_boot(now.boot);
            return;
        }
        let Some(folder_id) = folder_id else { continue };
        if !lists::may_list(state, &connection) {
            continue;
        }
        let prefix = match how {
            HowAsked::OursOnly => Some(Reference::prefix(state.loaded.installation)),
            HowAsked::All => None,
        };
        state.act(Action::Recall { connection, folder, folder_id, prefix, since });
    }
}

/// A folder's jobs were listed.
pub(crate) fn on_recalled(
    state: &mut State,
    planning: &mut Planning,
    at: &Folder,
    folder: &Option<FolderChoice>,
    result: Result<JobPage, CallError>,
) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    unreadable::heard(state, at, &result);
    if let Some(link) = state.links.get_mut(connection) {
        link.health.heard_read(&result, now.boot);
    }
    let Some(place) =
        planning.recalls.iter().position(|recall| &recall.connection == connection && &recall.folder == folder)
    else {
        return;
    };
    let recall = &mut planning.recalls[place];
    match result {
        // What a cache kept may lack the jobs that matter.
        Ok(JobPage { freshness: Freshness::Stale(_), .. }) | Err(CallError::Unknown { .. }) => {
            recall.broken = recall.broken.saturating_add(1);
            recall.next = now.boot + AGAIN.saturating_mul(recall.broken).min(AGAIN_MOST);
        }
        Ok(page) => {
            recall.broken = 0;
            remember(state, planning, place, folder_id, &page);
            let recall = &mut planning.recalls[place];
            let last = page.jobs.iter().filter_map(|job| job.created_at).max();
            match (page.completeness, recall.how, last) {
                // Oldest first: the next page begins where this one was cut.
                (Completeness::Cut | Completeness::Holes, HowAsked::OursOnly, Some(last)) if last > recall.since => {
                    recall.since = last;
                    recall.next = now.boot;
                }
                (Completeness::Cut | Completeness::Holes, HowAsked::OursOnly | HowAsked::All, _) => {
                    state.log(connection, OfConnection::MoreThanListed(folder_id));
                    end(state, planning, place);
                }
                (Completeness::Complete, HowAsked::OursOnly | HowAsked::All, _) => end(state, planning, place),
            }
        }
        // The link's health decides when it is asked again.
        Err(CallError::Unsent { .. }) => {}
        Err(CallError::Rejected { text, .. }) => match recall.how {
            HowAsked::OursOnly => recall.how = HowAsked::All,
            HowAsked::All => {
                let came = text.to_string();
                state.log(connection, OfConnection::CannotBeAsked { folder: folder_id, came });
                end(state, planning, place);
            }
        },
    }
}

/// Gives a row to each job of ours that has none.
fn remember(state: &mut State, planning: &mut Planning, place: usize, folder_id: FolderId, page: &JobPage) {
    let schedules: BTreeMap<String, ScheduleKey> =
        state.loaded.set.schedules.keys().map(|key| (Reference::part_of(key), key.clone())).collect();
    // Of several attempts at one time the last one is what its run has come to.
    let mut found: BTreeMap<(ScheduleKey, Timestamp), Planned> = BTreeMap::new();
    for job in &page.jobs {
        let Some(reference) = &job.reference else { continue };
        let Some((part, nominal_at, attempt)) = reference.planned_time(state.loaded.installation) else { continue };
        let Some(key) = schedules.get(part) else { continue };
        let planned = found.entry((key.clone(), nominal_at)).or_insert_with(|| Planned::of(reference, attempt));
        match attempt.cmp(&planned.attempt) {
            Ordering::Less => continue,
            Ordering::Equal => {}
            Ordering::Greater => *planned = Planned::of(reference, attempt),
        }
        planned.jobs.push(job.clone());
    }
    keep_proof(state, planning, place, folder_id, page);
    for ((key, nominal_at), planned) in found {
        let Some(schedule) = state.loaded.set.schedules.get(&key).cloned() else { continue };
        let latest = planning.recalls[place].latest.entry(key).or_insert(nominal_at);
        *latest = nominal_at.max(*latest);
        let of_it = |open: &&Open| open.run.attempts.iter().any(|attempt| attempt.reference == planned.reference);
        let is_last = |open: &Open| open.run.attempt().is_some_and(|attempt| attempt.reference == planned.reference);
        let known = state.book.iter().find(of_it).map(|open| (open.run.id, open.run.state, is_last(open)));
        match known {
            // An attempt before the one that it waits to make: its end is known.
            Some((_, _, false)) => {}
            Some((id, RunState::Waiting(_) | RunState::Starting | RunState::Unknown | RunState::Held, true)) => {
                adopt::adopt(state, id, folder_id, &planned.jobs, HowFound::Recalled);
                state.read_once(&schedule.connection, id);
            }
            // Its look-up has it, or it is followed already.
            Some((_, RunState::Armed | RunState::Job(_) | RunState::Ended(_), true)) => {}
            None => write_from_job(state, &schedule, nominal_at, planned, folder_id),
        }
    }
}

/// The jobs of one attempt at a planned time.
struct Planned {
    reference: Reference,
    attempt: u16,
    jobs: Vec<JobView>,
}

impl Planned {
    fn of(reference: &Reference, attempt: u16) -> Planned {
        Planned { reference: reference.clone(), attempt, jobs: Vec::new() }
    }
}

/// A job of ours that was just shown is what later look-ups there are held against.
fn keep_proof(state: &mut State, planning: &mut Planning, place: usize, folder_id: FolderId, page: &JobPage) {
    let now = state.now;
    let prefix = Reference::prefix(state.loaded.installation);
    let ours =
        page.jobs.iter().filter(|job| job.reference.as_ref().is_some_and(|text| text.as_str().starts_with(&prefix)));
    let Some(reference) = ours.max_by_key(|job| job.id).and_then(|job| job.reference.clone()) else { return };
    let connection = planning.recalls[place].connection.clone();
    let proof = Evidence { connection: connection.clone(), folder_id, reference, proven_at: now.wall };
    if let Some(link) = state.links.get_mut(&connection) {
        link.evidence.insert(folder_id, proof.clone());
        state.book.record_evidence(proof);
    }
}

fn write_from_job(
    state: &mut State,
    schedule: &Schedule,
    nominal_at: Timestamp,
    Planned { reference, attempt, jobs }: Planned,
    folder_id: FolderId,
) {
    let now = state.now;
    let id: RunId = state.random_run_id();
    let (local, offset) = schedule.recurrence.zone().read(nominal_at);
    let nominal = Nominal { at: nominal_at, local, offset, fire_at: nominal_at, excluded: Excluded::No, note: None };
    let mut run = new_run(id, schedule, &nominal, Trigger::Scheduled, now.wall);
    let created = jobs.iter().filter_map(|job| job.created_at).min();
    run.state = RunState::Starting;
    run.sent_at = created;
    run.accepted_at = created;
    run.identity = state.identity_of(&schedule.connection);
    run.note = Some("written from its job: the database had forgotten it".to_owned());
    let first = Attempt { attempt, ..Attempt::first(reference) };
    run.attempts.push(Attempt { folder_id: Some(folder_id), sends: 1, sent_at: created, ..first });
    state.book.add(Open::claimed(run));
    adopt::adopt(state, id, folder_id, &jobs, HowFound::Forgotten);
    let followed = state.book.get(id).and_then(|open| open.run.open_job());
    let ended = jobs.iter().find(|job| followed.is_some_and(|ours| ours.key == job.key) && job.state.is_final());
    if let Some(job) = ended {
        // A day's jobs are not read one by one; the list says how each ended.
        next_attempt::on_job_ended(state, id, job, Further::None);
    }
}

/// The folder has been asked, or cannot be: its schedules are planned from here on.
fn end(state: &mut State, planning: &mut Planning, place: usize) {
    let now = state.now;
    let recall = planning.recalls.swap_remove(place);
    for key in &recall.schedules {
        let latest = match state.loaded.doubt {
            Some(Doubt::Lost) => recall.latest.get(key).copied().filter(|latest| *latest <= now.wall),
            // The old marks hold, so that every time since gets a row.
            Some(Doubt::Older) | None => None,
        };
        if let Some(mark) = planning.planner.release(key, latest.map(HighWaterMark)) {
            state.book.record_mark(key.clone(), mark);
        }
    }
    let folder = in_words(recall.folder.as_ref());
    state.log(&recall.connection, OfConnection::WasAsked { folder, schedules: recall.latest.len() });
}

/// Once everything has been asked and claimed, the database is trusted again.
pub(crate) fn end_doubt(state: &mut State, planning: &mut Planning) {
    let doubted = state.loaded.doubt.is_some() && planning.trusted == Trusted::No;
    let opened = state.loaded.opened.wall;
    // A row that waits for an older run says nothing yet of having been forgotten, unless its time came in this life.
    let undecided =
        |open: &Open| open.run.fire_at <= opened && matches!(open.progress, Progress::Queued(Need::Overlap));
    if doubted && planning.recalls.is_empty() && !state.book.iter().any(undecided) {
        planning.trusted = Trusted::Yes;
        state.book.record_doubt_over(DoubtOver);
    }
}
