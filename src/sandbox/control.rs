//! The hand behind the scenes: sees the truth, sets faults, turns things off and on.

use std::sync::Arc;

use jiff::Timestamp;

use super::config::RobotResult;
use super::faults::{Fault, FaultRule, Faults, Outage};
use super::identity::Rights;
use super::job::{JobState, JobTruth};
use super::queue::QueueItemTruth;
use super::record::{Exchange, TokenCall};
use super::shared::{Shared, SharedState};

/// A handle on a running sandbox; clones see the same one.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>) -> Control {
        Control { shared }
    }

    /// The sandbox's own time.
    pub fn now(&self) -> Timestamp {
        self.shared.time.now()
    }

    /// Every job ever made, oldest first, as it truly is by now.
    pub fn jobs(&self) -> Vec<JobTruth> {
        let now = self.now();
        let mut state = self.shared.lock();
        state.service.world.advance(now);
        state.service.world.truths()
    }

    /// How many jobs were ever made: cheaper than [`Control::jobs`], for waiting.
    pub fn jobs_made(&self) -> usize {
        self.shared.lock().service.world.jobs.len()
    }

    /// How many starts of a process have been let in, whatever became of them.
    pub fn starts_asked(&self, process: &str) -> usize {
        self.shared.lock().starts_asked.get(process).copied().unwrap_or(0)
    }

    /// Every secret and token that opens anything here, or did: none of them may be found in what a client prints or keeps.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.lock().service.identity.secrets()
    }

    /// Every queue item ever placed, oldest first.
    pub fn queue_items(&self) -> Vec<QueueItemTruth> {
        self.shared.lock().service.queues.items.clone()
    }

    /// Calls of the API that are over, oldest first; the last 20,000.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.lock().exchanges.iter().cloned().collect()
    }

    /// Calls of token endpoints that are over, oldest first.
    pub fn token_calls(&self) -> Vec<TokenCall> {
        self.shared.lock().token_calls.clone()
    }

    /// Replaces all rules; their counters begin anew.
    pub fn set_faults(&self, faults: Faults) {
        self.change(|state, now| state.faults.replace(faults, now));
    }

    /// Adds a rule.
    pub fn push_rule(&self, rule: FaultRule) {
        self.change(|state, now| state.faults.push(rule, now));
    }

    /// Adds a fault that hits the next call it makes sense for.
    pub fn push_fault(&self, fault: Fault) {
        self.push_rule(FaultRule::once(fault));
    }

    /// How often the present rules have hit: a test that wants a fault should see that it came.
    pub fn faults_fired(&self) -> u64 {
        self.shared.lock().faults.fired()
    }

    /// Takes the whole service away, or gives it back with [`Outage::None`].
    pub fn set_outage(&self, outage: Outage) {
        self.shared.set_outage(outage);
        self.shared.changed();
    }

    /// Makes an access token outside of any grant: for calls by hand. No scopes means all rights.
    pub fn mint_token(&self, scopes: &[&str]) -> String {
        let rights = match scopes {
            [] => Rights::All,
            scopes => Rights::Scopes(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        };
        self.change(|state, now| state.service.identity.mint(rights, now))
    }

    /// Logs a client in anew, as a person would in a browser, and gives the refresh token; `None` for an unknown client.
    pub fn mint_refresh_token(&self, client_id: &str) -> Option<String> {
        self.change(|state, now| state.service.identity.mint_refresh(client_id, now))
    }

    /// No access token given so far opens anything any more. Refresh tokens stay good.
    pub fn revoke_tokens(&self) {
        self.change(|state, _| state.service.identity.revoke_all());
    }

    /// No refresh token given so far is good any more. Access tokens stay good.
    pub fn revoke_refresh_tokens(&self) {
        self.change(|state, _| state.service.identity.revoke_families());
    }

    /// Ends a job now, however it stands; a job that is final, or unknown, stays as it is.
    pub fn finish_job(&self, id: i64, result: RobotResult) {
        self.change_job(id, |state, job, now| state.service.world.finish_by_hand(job, result, now));
    }

    /// Keeps a job in the state it has: it does nothing by itself any more.
    pub fn hold_job(&self, id: i64) {
        self.change_job(id, |state, job, now| {
            let as_it_is = state.service.world.jobs[job].state;
            state.service.world.set_by_hand(job, as_it_is, now);
        });
    }

    /// Puts a job into a state; it does nothing by itself from there.
    pub fn set_job_state(&self, id: i64, to: JobState) {
        self.change_job(id, |state, job, now| state.service.world.set_by_hand(job, to, now));
    }

    /// A folder has so many robots from now on: those that wait are taken if there are more, and nobody is stopped if there
    /// are fewer. A job that is made while there is none stays Pending for ever, as one with [`Fault::Hang`]. An unknown
    /// folder changes nothing.
    pub fn set_robots(&self, folder: &str, robots: usize) {
        self.change(|state, now| {
            let world = &mut state.service.world;
            world.advance(now);
            if let Some(at) = world.folders.iter().position(|known| known.path.eq_ignore_ascii_case(folder)) {
                world.set_robots(at, robots, now);
            }
        });
    }

    /// Lets the API forget a job: no list and no look-up shows it any more.
    pub fn forget_job(&self, id: i64) {
        self.change_job(id, |state, job, _| state.service.world.forget(job));
    }

    /// Waits until `reached` holds: asked at once, and again after everything that happens. It may hold already.
    pub async fn wait_until(&self, mut reached: impl FnMut(&Control) -> bool) {
        let mut changes = self.shared.watch();
        loop {
            // Marked as seen before the look: what happens after it wakes us again.
            changes.borrow_and_update();
            if reached(self) || changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut SharedState, Timestamp) -> T) -> T {
        let now = self.now();
        let result = change(&mut self.shared.lock(), now);
        self.shared.changed();
        result
    }

    fn change_job(&self, id: i64, change: impl FnOnce(&mut SharedState, usize, Timestamp)) {
        self.change(|state, now| {
            state.service.world.advance(now);
            if let Some(job) = state.service.world.find_job(id) {
                change(state, job, now);
            }
        });
    }
}
