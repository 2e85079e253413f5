//! Whether a connection answers, as its reads show it (semantics.md 15).
//!
//! An answer to a start never marks a connection: a firewall that dislikes one schedule's arguments must not make its
//! neighbours late. It only makes a trial read go out at once. Reads mark it: three in a row over at least five seconds without
//! an answer in Orchestrator's own form. What leaves no doubt (no connection, no token, a rate limit) marks it at once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Core;
use super::link::{Health, Link, Trouble};
use super::target::TargetState;
use crate::clock::Reading;
use crate::orchestrator::{CallError, UnsentReason};
use crate::run::WaitReason;
use crate::schedule::{ConnectionName, FolderChoice, StartSpec};

/// Pauses after failures in a row that leave no doubt, and then always the last: a glitch costs a second, and recovery is
/// noticed within five.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5)];

/// So many failures in a row are an outage, which is logged as an error; failures of calls under way together count as one.
const OUTAGE: u32 = 5;

/// Asking the token manager costs nothing, and a new login should not wait.
const TOKEN_PAUSE: Duration = Duration::from_secs(5);

/// Without a `Retry-After`, this is how long a 429 pauses the tenant.
const DEFAULT_RATE_PAUSE: Duration = Duration::from_secs(10);

/// A connection that a server asked us to leave alone is tried again after this at the latest: recovery must be noticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// So many unclear reads in a row …
const UNCLEAR_READS: u32 = 3;

/// … over at least this time mark a connection.
const UNCLEAR_FOR: Duration = Duration::from_secs(5);

/// While reads are unclear a trial read is made this often.
const TRIAL_EVERY: Duration = Duration::from_millis(2_500);

/// Answers that say nothing of Orchestrator, not enough of them yet to mark the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unclear {
    /// Reads in a row.
    reads: u32,
    /// The first of them, in boot time.
    since: Duration,
    /// When the next trial read is due.
    trial: Duration,
    /// Whether one is under way.
    tried: Trial,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    Due,
    UnderWay,
}

impl Link {
    /// The server answered in its own form, whatever it said.
    pub(super) fn answered(&mut self) {
        self.doubt = None;
        match &self.health {
            Health::Fine | Health::Recovering => {}
            Health::Down { .. } | Health::Probing(_) => {
                tracing::info!(connection = %self.connection.name, "Connection `{}` answers again", self.connection.name);
                self.health = Health::Recovering;
            }
        }
    }

    /// A list, a folder, a process or a trial was read.
    pub(super) fn heard_read<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
        match result {
            Ok(_) | Err(CallError::Rejected { .. }) => self.answered(),
            // One folder's gateway may refuse every token: that is no lack of one.
            Err(error @ CallError::Unsent { reason: UnsentReason::Token, status: Some(_), .. }) => {
                self.unclear_read(WaitReason::Token, error, boot);
            }
            Err(error @ CallError::Unsent { .. }) => self.unsent(error, boot),
            Err(error @ CallError::Unknown { .. }) => self.unclear_read(WaitReason::Outage, error, boot),
        }
    }

    /// One job was read by its id, or asked to stop: an answer that is unclear may be about this job alone.
    pub(super) fn heard_of_job<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
        match result {
            Ok(_) | Err(CallError::Rejected { .. }) => self.answered(),
            Err(error @ CallError::Unsent { .. }) => self.unsent(error, boot),
            // It was the one call that was let through: whatever it says of its job, nothing else is until the next try.
            Err(error @ CallError::Unknown { .. }) if matches!(self.health, Health::Probing(_)) => {
                self.mark(WaitReason::Outage, error, boot);
            }
            Err(CallError::Unknown { .. }) => self.try_soon(boot),
        }
    }

    /// A start was answered. An answer that leaves doubt has a trial read made at once, and nothing else.
    pub(super) fn heard_start<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
        match result {
            Ok(_) => {
                self.accepted = Some(boot);
                self.answered();
            }
            Err(CallError::Rejected { .. }) => self.answered(),
            Err(error @ CallError::Unsent { status: None, .. })
            | Err(error @ CallError::Unsent { reason: UnsentReason::RateLimit, .. }) => self.unsent(error, boot),
            Err(CallError::Unsent { .. } | CallError::Unknown { .. }) => self.try_soon(boot),
        }
    }

    fn try_soon(&mut self, boot: Duration) {
        if !matches!(self.health, Health::Fine | Health::Recovering) {
            return;
        }
        let doubt = self.doubt.get_or_insert(Unclear { reads: 0, since: boot, trial: boot, tried: Trial::Due });
        doubt.trial = doubt.trial.min(boot);
    }

    fn unclear_read(&mut self, reason: WaitReason, error: &CallError, boot: Duration) {
        match &self.health {
            Health::Fine | Health::Recovering => {}
            Health::Down { .. } | Health::Probing(_) => return self.mark(reason, error, boot),
        }
        let doubt = self.doubt.get_or_insert(Unclear { reads: 0, since: boot, trial: boot, tried: Trial::Due });
        if doubt.reads == 0 {
            doubt.since = boot;
            doubt.trial = boot;
        } else if doubt.tried == Trial::UnderWay {
            // Only a trial puts off the next one: a read that is made again and again must not.
            doubt.trial = boot + TRIAL_EVERY;
        }
        doubt.reads += 1;
        doubt.tried = Trial::Due;
        if doubt.reads >= UNCLEAR_READS && boot.saturating_sub(doubt.since) >= UNCLEAR_FOR {
            self.mark(reason, error, boot);
        }
    }

    /// A call failed in a way that leaves no doubt.
    fn unsent(&mut self, error: &CallError, boot: Duration) {
        match error {
            CallError::Unsent { reason: UnsentReason::RateLimit, retry_after, .. } => {
                // It answers; were it the one call that was let through, nothing else would ever be.
                self.answered();
                self.pause(retry_after.unwrap_or(DEFAULT_RATE_PAUSE), boot);
            }
            CallError::Unsent { reason: UnsentReason::Token, .. } => self.mark(WaitReason::Token, error, boot),
            CallError::Unsent { reason: UnsentReason::Outage, .. } => self.mark(WaitReason::Outage, error, boot),
            CallError::Rejected { .. } | CallError::Unknown { .. } => {}
        }
    }

    /// Marks the connection: its starts wait, and one read at a time tries it.
    fn mark(&mut self, reason: WaitReason, error: &CallError, boot: Duration) {
        // Calls that were under way together fail together: that is one failure, or a glitch would cost five seconds.
        if matches!(&self.health, Health::Down { until, .. } if boot < *until) {
            return;
        }
        let unclear = self.doubt.take().map_or(0, |doubt| doubt.reads.saturating_sub(1));
        let (failures, since) = match &self.health {
            Health::Down { trouble, .. } | Health::Probing(trouble) => {
                (trouble.failures.saturating_add(1), trouble.since)
            }
            Health::Fine | Health::Recovering => (1 + unclear, boot),
        };
        // The trouble is the connection's: the start or the list that met it is not named, since others are shown it too.
        let text = error.text().came.clone();
        let name = &self.connection.name;
        if failures == OUTAGE && reason == WaitReason::Token {
            tracing::error!(connection = %name, "Connection `{name}` has no access token: its starts wait: {text}");
        } else if failures == OUTAGE {
            tracing::error!(
                connection = %name,
                "Connection `{name}` has failed {failures} times in a row: its starts wait, and it is tried every {} s: {text}",
                PAUSES[PAUSES.len() - 1].as_secs()
            );
        } else if matches!(self.health, Health::Fine | Health::Recovering) {
            tracing::warn!(connection = %name, "{error}");
        }
        let asked = match (reason, error.retry_after()) {
            (WaitReason::Token, asked) => Some(asked.unwrap_or(TOKEN_PAUSE).min(TOKEN_PAUSE)),
            (_, asked) => asked.map(|asked| asked.min(LONGEST_PAUSE)),
        };
        let pause = asked.unwrap_or_else(|| self.pause_after(failures));
        let trouble = Trouble { reason, failures, since, text, cure: error.cure().map(str::to_owned) };
        self.health = Health::Down { trouble, until: boot + pause };
    }

    /// Until the next try after so many failures.
    fn pause_after(&self, failures: u32) -> Duration {
        let place = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
        let pause = PAUSES[place];
        if place + 1 < PAUSES.len() {
            return pause;
        }
        // Up to a fifth sooner, differently each time: nobody else's probes are met twice.
        let part = self.salt.wrapping_mul(2_654_435_761).wrapping_add(failures.wrapping_mul(40_503)) % 1_000;
        pause - pause / 5 * part / 1_000
    }

    /// When a trial read is due, if reads are unclear or the connection is marked: nobody else may need it just now, and its
    /// state is shown to people.
    pub(super) fn trial_due(&self) -> Option<Duration> {
        if let Health::Down { trouble, until } = &self.health
            && trouble.reason == WaitReason::Outage
        {
            return Some(*until);
        }
        self.doubt.as_ref().filter(|doubt| doubt.tried == Trial::Due).map(|doubt| doubt.trial)
    }

    fn trial_began(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            doubt.tried = Trial::UnderWay;
        }
    }
}

impl Core {
    /// What the next trial reads: each schedule's process in turn, for one of them may be what a firewall dislikes; those that
    /// were found before come first.
    fn sample(&self, name: &ConnectionName) -> Option<(Option<FolderChoice>, String)> {
        let place = |start: &StartSpec| (start.folder.clone(), start.process.clone());
        let link = self.links.get(name)?;
        let all: BTreeSet<_> =
            self.set.schedules.values().filter(|one| &one.connection == name).map(|one| place(&one.start)).collect();
        let known: Vec<_> =
            all.iter().filter(|place| matches!(link.targets.get(place), Some(TargetState::Known(..)))).collect();
        let from = if known.is_empty() { all.iter().collect() } else { known };
        let turn = usize::try_from(link.trials).unwrap_or_default();
        let open = || self.book.iter().find(|open| &open.run.connection == name).map(|open| place(open.run.start()));
        from.get(turn % from.len().max(1)).map(|place| (*place).clone()).or_else(open)
    }

    /// Makes the trial reads that are due: a folder and a process that are known to be there, or were when last looked at.
    pub(super) fn try_unclear_connections(&mut self, now: Reading) {
        let due: Vec<(ConnectionName, Duration)> =
            self.links.iter().filter_map(|(name, link)| Some((name.clone(), link.trial_due()?))).collect();
        let clocks = self.links.iter().filter_map(|(name, link)| Some((name.clone(), link.clocks_doubted_until()?)));
        let due: Vec<(ConnectionName, Duration)> = due.into_iter().chain(clocks).collect();
        for (name, at) in due {
            if now.boot < at {
                self.wake.at_boot(at);
                continue;
            }
            let Some((folder, process)) = self.sample(&name) else { continue };
            let Some(link) = self.links.get_mut(&name) else { continue };
            if link.may_read(now.boot) {
                link.trials = link.trials.wrapping_add(1);
                link.trial_began();
                link.may_compare_clocks(now.boot);
                let action = link.find(folder, process);
                self.actions.push(action);
            }
        }
    }
}
