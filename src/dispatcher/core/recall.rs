//! After a database was lost, or an old copy put back: Orchestrator is asked what was started (R13).
//!
//! Each folder's jobs of ours are listed before anything is planned there. Those that no row tells of get one, so that a job that
//! still runs is followed and counts for overlap. A time that was due before the lock was taken, and whose job is not shown, may
//! have been started a moment before: it settles like any unclear start, and its schedule's `on_unknown_start` holds.
//!
//! Without marks, planning begins at the latest start that Orchestrator shows, at most the catch-up window back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::claim::new_run;
use super::open::{Asked, BeforeStart, Open};
use crate::clock::{Reading, earlier};
use crate::executor::Action;
use crate::orchestrator::{CallError, Completeness, Freshness, JobPage, JobView};
use crate::recurrence::{Excluded, Nominal};
use crate::run::{Attempt, Evidence, FolderId, Reference, RunEvent, RunId, RunState};
use crate::schedule::{
    ConnectionName, FolderChoice, HighWaterMark, Schedule, ScheduleKey, ScheduleSet, StartSpec, Trigger,
};
use crate::store::{Doubt, DoubtOver};

/// Jobs are asked for from this long ago at least: longer than most robots take.
const AT_LEAST: Duration = Duration::from_secs(24 * 3600);

/// Clocks differ, and a start may have been late.
const MARGIN: Duration = Duration::from_secs(7_200);

/// A call that broke is made again after this, …
const AGAIN: Duration = Duration::from_secs(5);

/// … each time later, up to this.
const AGAIN_MOST: Duration = Duration::from_secs(60);

/// A process that was refused is looked for again this seldom.
pub(super) const REFUSED_AGAIN: Duration = Duration::from_secs(60);

/// One folder that is to be asked.
#[derive(Debug)]
pub(super) struct Recall {
    connection: ConnectionName,
    folder: Option<FolderChoice>,
    /// By any of these the folder is found.
    starts: Vec<StartSpec>,
    schedules: Vec<ScheduleKey>,
    since: Timestamp,
    how: HowAsked,
    next: Duration,
    asked: Asked,
    broken: u32,
    /// The latest time of each schedule that has a job.
    latest: BTreeMap<ScheduleKey, Timestamp>,
}

/// How a folder's jobs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HowAsked {
    /// Those whose Reference begins as ours do.
    OursOnly,
    /// All of them, where that filter is refused.
    All,
}

/// Where planning begins for a schedule whose mark was lost: as far back as it would catch up.
pub(super) fn mark_without_memory(schedule: &Schedule, load: Timestamp) -> HighWaterMark {
    HighWaterMark(earlier(load, schedule.catch_up.window))
}

impl Core {
    /// Nothing is planned in a folder that has not been asked.
    pub(super) fn plan_recalls(&mut self, set: &ScheduleSet, doubt: Doubt, now: Reading) {
        let mut folders: BTreeMap<(ConnectionName, Option<FolderChoice>), Recall> = BTreeMap::new();
        for (key, schedule) in &set.schedules {
            let mark = self.planner.marks().0.get(key).map_or(now.wall, |mark| mark.0);
            let place = (schedule.connection.clone(), schedule.start.folder.clone());
            let recall = folders.entry(place).or_insert_with_key(|(connection, folder)| Recall {
                connection: connection.clone(),
                folder: folder.clone(),
                starts: Vec::new(),
                schedules: Vec::new(),
                since: earlier(now.wall, AT_LEAST),
                how: HowAsked::OursOnly,
                next: now.boot,
                asked: Asked::No,
                broken: 0,
                latest: BTreeMap::new(),
            });
            recall.since = recall.since.min(earlier(mark, MARGIN));
            recall.schedules.push(key.clone());
            if recall.starts.iter().all(|start| start.process != schedule.start.process) {
                recall.starts.push(schedule.start.clone());
            }
        }
        tracing::warn!(
            "Nothing is planned before Orchestrator has been asked what was started: {} folders, because the database is {}",
            folders.len(),
            match doubt {
                Doubt::Older => "older than its folder",
                Doubt::Lost => "new",
            }
        );
        self.recalls = folders.into_values().collect();
        self.hold_recalled();
    }

    /// A planner that was made anew plans nothing of these either.
    pub(super) fn hold_recalled(&mut self) {
        let keys: BTreeSet<ScheduleKey> =
            self.recalls.iter().flat_map(|recall| recall.schedules.iter().cloned()).collect();
        self.planner.hold(keys);
    }

    /// Asks the folders that are to be asked.
    pub(super) fn ask_recalls(&mut self, now: Reading) {
        for place in 0..self.recalls.len() {
            let Some(recall) = self.recalls.get(place) else { continue };
            if recall.asked == Asked::Yes {
                continue;
            }
            if now.boot < recall.next {
                self.wake.at_boot(recall.next);
                continue;
            }
            let (connection, folder, since, how) =
                (recall.connection.clone(), recall.folder.clone(), recall.since, recall.how);
            let starts = recall.starts.clone();
            let mut folder_id = None;
            let mut refused = 0;
            for start in &starts {
                if self.was_refused(&connection, start, now) {
                    refused += 1;
                    continue;
                }
                folder_id = self.want_target(&connection, start, now).map(|target| target.folder_id);
                break;
            }
            if refused == starts.len() {
                tracing::error!(
                    connection = %connection,
                    "No process of the schedules in folder `{}` can be found, so it cannot be asked what was started there",
                    in_words(folder.as_ref())
                );
                self.end_recall(place, now);
                // The places have moved; the next turn has the others.
                self.wake.at_boot(now.boot);
                return;
            }
            let Some(folder_id) = folder_id else { continue };
            if !self.may_list(&connection, now) {
                continue;
            }
            self.recalls[place].asked = Asked::Yes;
            let prefix = match how {
                HowAsked::OursOnly => Some(Reference::prefix(self.installation)),
                HowAsked::All => None,
            };
            self.actions.push(Action::Recall { connection, folder, folder_id, prefix, since });
        }
    }

    /// Whether a process was refused a moment ago, so that asking again at once is of no use.
    pub(super) fn was_refused(&self, connection: &ConnectionName, start: &StartSpec, now: Reading) -> bool {
        use super::target::TargetState;
        let key = (start.folder.clone(), start.process.clone());
        let state = self.links.get(connection).and_then(|link| link.targets.get(&key));
        matches!(state, Some(TargetState::Refused(at)) if now.boot.saturating_sub(*at) < REFUSED_AGAIN)
    }

    /// A folder's jobs were listed.
    pub(super) fn recalled(
        &mut self,
        connection: &ConnectionName,
        folder: &Option<FolderChoice>,
        folder_id: FolderId,
        result: Result<JobPage, CallError>,
        now: Reading,
    ) {
        self.heard_of_jobs(connection, folder_id, &result, now);
        if let Some(link) = self.link_mut(connection) {
            link.heard_read(&result, now.boot);
        }
        let Some(place) =
            self.recalls.iter().position(|recall| &recall.connection == connection && &recall.folder == folder)
        else {
            return;
        };
        let recall = &mut self.recalls[place];
        recall.asked = Asked::No;
        match result {
            // What a cache kept may lack the jobs that matter.
            Ok(JobPage { freshness: Freshness::Stale(_), .. }) | Err(CallError::Unknown { .. }) => {
                recall.broken = recall.broken.saturating_add(1);
                recall.next = now.boot + AGAIN.saturating_mul(recall.broken).min(AGAIN_MOST);
            }
            Ok(page) => {
                recall.broken = 0;
                self.remember(place, folder_id, &page, now);
                let recall = &mut self.recalls[place];
                let last = page.jobs.iter().filter_map(|job| job.created_at).max();
                match (page.completeness, recall.how, last) {
                    // Oldest first: the next page begins where this one was cut.
                    (Completeness::Cut | Completeness::Holes, HowAsked::OursOnly, Some(last))
                        if last > recall.since =>
                    {
                        recall.since = last;
                        recall.next = now.boot;
                    }
                    (Completeness::Cut | Completeness::Holes, HowAsked::OursOnly | HowAsked::All, _) => {
                        tracing::warn!(
                            connection = %connection,
                            "Folder {folder_id} has more jobs than Orchestrator lists, or some that cannot be read; those starts of ours there get no row"
                        );
                        self.end_recall(place, now);
                    }
                    (Completeness::Complete, HowAsked::OursOnly | HowAsked::All, _) => self.end_recall(place, now),
                }
            }
            // The link's health decides when it is asked again.
            Err(CallError::Unsent { .. }) => {}
            Err(CallError::Rejected { text, .. }) => match recall.how {
                HowAsked::OursOnly => recall.how = HowAsked::All,
                HowAsked::All => {
                    tracing::error!(
                        connection = %connection,
                        "It cannot be asked what was started in folder {folder_id}: {text}; look there before you trust the history"
                    );
                    self.end_recall(place, now);
                }
            },
        }
    }

    /// Gives a row to each job of ours that has none.
    fn remember(&mut self, place: usize, folder_id: FolderId, page: &JobPage, now: Reading) {
        let schedules: BTreeMap<String, ScheduleKey> =
            self.set.schedules.keys().map(|key| (Reference::part_of(key), key.clone())).collect();
        let mut found: BTreeMap<Reference, Vec<JobView>> = BTreeMap::new();
        for job in &page.jobs {
            if let Some(reference) = &job.reference {
                found.entry(reference.clone()).or_default().push(job.clone());
            }
        }
        self.keep_recalled_proof(place, folder_id, page, now);
        for (reference, jobs) in found {
            let Some((part, nominal_at)) = reference.planned_time(self.installation) else { continue };
            let Some(schedule) = schedules.get(part).and_then(|key| self.set.schedules.get(key)).cloned() else {
                continue;
            };
            let latest = self.recalls[place].latest.entry(schedule.key.clone()).or_insert(nominal_at);
            *latest = nominal_at.max(*latest);
            let known = self
                .book
                .iter()
                .find(|open| open.run.attempt().is_some_and(|attempt| attempt.reference == reference))
                .map(|open| (open.run.id, open.run.state));
            match known {
                Some((id, RunState::Waiting(_) | RunState::Starting | RunState::Unknown | RunState::Held)) => {
                    self.adopt(id, folder_id, &jobs, "Found at Orchestrator", now);
                    self.read_once(&schedule.connection, id);
                }
                // Its look-up has it, or it is followed already.
                Some((_, RunState::Armed | RunState::Job(_) | RunState::Ended(_))) => {}
                None => self.write_from_job(&schedule, nominal_at, reference, folder_id, &jobs, now),
            }
        }
    }

    /// A job of ours that was just shown is what later look-ups there are held against.
    fn keep_recalled_proof(&mut self, place: usize, folder_id: FolderId, page: &JobPage, now: Reading) {
        let prefix = Reference::prefix(self.installation);
        let ours = page
            .jobs
            .iter()
            .filter(|job| job.reference.as_ref().is_some_and(|text| text.as_str().starts_with(&prefix)));
        let Some(reference) = ours.max_by_key(|job| job.id).and_then(|job| job.reference.clone()) else { return };
        let connection = self.recalls[place].connection.clone();
        let proof = Evidence { connection: connection.clone(), folder_id, reference, proven_at: now.wall };
        if let Some(link) = self.links.get_mut(&connection) {
            link.evidence.insert(folder_id, proof.clone());
            self.book.record_evidence(proof);
        }
    }

    fn write_from_job(
        &mut self,
        schedule: &Schedule,
        nominal_at: Timestamp,
        reference: Reference,
        folder_id: FolderId,
        jobs: &[JobView],
        now: Reading,
    ) {
        let id: RunId = self.random_run_id(now.wall);
        let (local, offset) = schedule.recurrence.zone().read(nominal_at);
        let nominal =
            Nominal { at: nominal_at, local, offset, fire_at: nominal_at, excluded: Excluded::No, note: None };
        let mut run = new_run(id, schedule, &nominal, Trigger::Scheduled, now.wall);
        let created = jobs.iter().filter_map(|job| job.created_at).min();
        run.state = RunState::Starting;
        run.sent_at = created;
        run.accepted_at = created;
        run.identity = self.identity_of(&schedule.connection);
        run.note = Some("written from its job: the database had forgotten it".to_owned());
        run.attempts.push(Attempt {
            folder_id: Some(folder_id),
            sends: 1,
            sent_at: created,
            ..Attempt::first(reference)
        });
        self.book.add(Open::claimed(run));
        self.adopt(id, folder_id, jobs, "Found at Orchestrator, forgotten by the database,", now);
        let followed = self.book.get(id).and_then(|open| open.run.open_job());
        let ended = jobs.iter().find(|job| followed.is_some_and(|ours| ours.key == job.key) && job.state.is_final());
        if let Some(job) = ended {
            // A day's jobs are not read one by one; the list says how each ended.
            self.record_end(id, job, now);
        }
    }

    /// The folder has been asked, or cannot be: its schedules are planned from here on.
    fn end_recall(&mut self, place: usize, now: Reading) {
        let recall = self.recalls.swap_remove(place);
        for key in &recall.schedules {
            let latest = match self.doubt {
                Some(Doubt::Lost) => recall.latest.get(key).copied().filter(|latest| *latest <= now.wall),
                // The old marks hold, so that every time since gets a row.
                Some(Doubt::Older) | None => None,
            };
            if let Some(mark) = self.planner.release(key, latest.map(HighWaterMark)) {
                self.book.record_mark(key.clone(), mark);
            }
        }
        tracing::info!(
            connection = %recall.connection,
            "Orchestrator was asked what was started in folder `{}`: it shows jobs of {} schedules",
            in_words(recall.folder.as_ref()),
            recall.latest.len()
        );
    }

    /// Once everything has been asked and claimed, the database is trusted again.
    pub(super) fn end_doubt(&mut self) {
        let doubted = self.doubt.is_some() && self.trusted == Trusted::No;
        // A row that waits for an older run says nothing yet of having been forgotten.
        let undecided = |open: &Open| {
            open.before_start == BeforeStart::Overlap
                && matches!(open.run.state, RunState::Waiting(_) | RunState::Armed)
        };
        if doubted && self.recalls.is_empty() && !self.book.iter().any(undecided) {
            self.trusted = Trusted::Yes;
            self.book.record_doubt_over(DoubtOver);
        }
    }

    /// A time that a life before this one may have started, and that the database may have forgotten: an unclear start.
    pub(super) fn doubt_start(&mut self, id: RunId, now: Reading) {
        self.book.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                // So that a call of ours counts as a repeated one, whose jobs are counted later.
                attempt.sends = attempt.sends.max(1);
            }
        });
        let text =
            "It may have been started before the database was lost or put back; it is looked up until that is settled";
        self.step(id, RunEvent::Unclear, now, text.to_owned());
        let opened = self.opened.boot;
        if let Some(open) = self.book.get_mut(id) {
            open.before_start = BeforeStart::Overlap;
            open.settle_from(opened, now.boot);
        }
        self.wake.at_boot(now.boot);
    }
}

/// Whether it has been written that the doubt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trusted {
    No,
    Yes,
}

/// A folder for a log line.
fn in_words(folder: Option<&FolderChoice>) -> String {
    folder.map_or_else(|| "(the only one)".to_owned(), FolderChoice::to_string)
}
