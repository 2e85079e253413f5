//! Which open jobs are read when: those whose turn has come in as few lists as they fit, and those that a newer time waits for
//! ahead of others (semantics.md 11, 20).

use std::time::Duration;

use super::Core;
use super::crowd::SLOWEST_IN_CROWD;
use super::open::Asked;
use crate::clock::Reading;
use crate::executor::Action;
use crate::policy::overlap::{ActiveRun, Knowledge};
use crate::run::{FolderId, JobRef, RunId};
use crate::schedule::ConnectionName;

/// Keys in one call: both official clients send as many, for the URL's length.
const KEYS_PER_CALL: usize = 50;

/// A job is read again after this part of its age: often while it is young, seldom when it takes hours.
const PART_OF_AGE: u32 = 8;

/// What a newer time waits for is read as if it had been due so much earlier: before all that others have waited for less long, and
/// after what has waited longer. Where there are more folders than list calls, each has its turn.
const AHEAD: Duration = Duration::from_secs(60);

/// Jobs that are due within this time are read along.
const TOGETHER: Duration = Duration::from_secs(2);

impl Core {
    /// Sends the list calls that are due; look-ups had the budget first.
    pub(super) fn follow_jobs(&mut self, now: Reading) {
        let reading: Vec<ConnectionName> = self.book.due().whole.keys().cloned().collect();
        for name in reading {
            let (ended, next) = self.book.due().whole_due(&name, now.boot);
            next.into_iter().for_each(|next| self.wake.at_boot(next));
            for id in ended {
                if !self.read_ended(id, now) {
                    break;
                }
            }
        }
        let mut calls = Vec::new();
        let (due, next) = self.book.due().folders_due(now.boot);
        next.into_iter().for_each(|next| self.wake.at_boot(next));
        for (connection, folder_id) in due {
            if !self.could_list(&connection, now) {
                continue;
            }
            let jobs = self.book.due().listed_by(&(connection.clone(), folder_id), now.boot + TOGETHER);
            let jobs: Vec<(Duration, RunId, JobRef)> = jobs
                .into_iter()
                .filter_map(|(next, id)| Some((next, id, self.book.get(id)?.run.open_job()?)))
                .collect();
            calls.extend(jobs.chunks(KEYS_PER_CALL).map(|chunk| (connection.clone(), folder_id, chunk.to_vec())));
        }
        // Whoever has waited longest is first, or the last folders would never be read when the budget is short.
        calls.sort_by_key(|(_, _, jobs)| jobs.first().map(|(next, _, _)| *next));
        for (connection, folder_id, chunk) in calls {
            if !self.may_list(&connection, now) {
                continue;
            }
            let jobs: Vec<(RunId, JobRef)> = chunk.into_iter().map(|(_, run, job)| (run, job)).collect();
            for (run, _) in &jobs {
                self.ask_to_follow(*run, now);
            }
            self.actions.push(Action::Poll { connection, folder_id, jobs });
        }
    }

    /// Reads a job that a list shows as ended. Gives whether its connection lets more be read.
    fn read_ended(&mut self, id: RunId, now: Reading) -> bool {
        let Some(open) = self.book.get(id) else { return true };
        let Some(job) = open.run.open_job() else { return true };
        let Some(folder_id) = open.run.attempt().and_then(|attempt| attempt.folder_id) else { return true };
        let connection = open.run.connection.clone();
        self.read_whole(&connection, folder_id, id, job, now)
    }

    /// Reads a job whole, if its connection lets it. Gives whether it does.
    pub(super) fn read_whole(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        run: RunId,
        job: JobRef,
        now: Reading,
    ) -> bool {
        let Some(link) = self.links.get_mut(connection) else { return false };
        // A burst that ends together is not read all at once; each answer lets the next one go.
        let may = link.reads_in_flight < link.connection.limits.open_requests && link.may_read(now.boot);
        if may {
            link.reads_in_flight += 1;
            self.ask_to_follow(run, now);
            self.actions.push(Action::Read { connection: connection.clone(), folder_id, run, job });
        }
        may
    }

    fn ask_to_follow(&mut self, run: RunId, now: Reading) {
        if let Some(follow) = self.book.get_mut(run).and_then(|open| open.follow.as_mut()) {
            follow.asked = Asked::Yes;
            follow.asked_at = now.boot;
        }
    }

    pub(super) fn asked_to_follow(&mut self, run: RunId) {
        if let Some(follow) = self.book.get_mut(run).and_then(|open| open.follow.as_mut()) {
            follow.asked = Asked::No;
        }
    }

    /// A newer time waits for the word of these jobs: they are read ahead of others, once for each such time. What comes to nothing is
    /// read again at its usual pace.
    pub(super) fn read_for_overlap(&mut self, older: &[ActiveRun], due: Duration) {
        for run in older.iter().filter(|run| run.knowledge == Knowledge::NotReadYet) {
            let ahead = due.saturating_sub(AHEAD);
            let follow = self.book.get(run.id).and_then(|open| open.follow.as_ref());
            let sooner =
                follow.is_some_and(|follow| follow.asked == Asked::No && follow.asked_at < due && follow.next > ahead);
            // Only a job whose turn changes is touched, since each run that waits for a touched one is looked at again.
            if sooner && let Some(follow) = self.book.get_mut(run.id).and_then(|open| open.follow.as_mut()) {
                follow.next = ahead;
            }
        }
    }

    pub(super) fn read_again_later(&mut self, id: RunId, now: Reading) {
        let Some(open) = self.book.get(id) else { return };
        let folder_id = open.run.attempt().and_then(|attempt| attempt.folder_id);
        let crowded = folder_id.is_some_and(|folder_id| self.is_crowded(&open.run.connection, folder_id));
        let usual = self.usual.get(&open.run.schedule).copied();
        let slowest = if crowded { SLOWEST_IN_CROWD } else { self.pace.slowest };
        let first = if crowded { SLOWEST_IN_CROWD } else { self.pace.first };
        let Some(follow) = self.book.get_mut(id).and_then(|open| open.follow.as_mut()) else { return };
        let age = now.boot.saturating_sub(follow.since);
        follow.next = now.boot + next_look(age, usual).clamp(first, slowest.max(first));
        let next = follow.next;
        self.wake.at_boot(next);
    }
}

/// How long until a job of this age is read again: seldom while its usual end is far, often around it, and seldom again once
/// it takes much longer than usual. Without a usual duration, the age alone decides.
fn next_look(age: Duration, usual: Option<Duration>) -> Duration {
    match usual {
        Some(usual) if age < usual => (usual - age) / 2,
        Some(usual) => (age - usual) / PART_OF_AGE,
        None => age / PART_OF_AGE,
    }
}
