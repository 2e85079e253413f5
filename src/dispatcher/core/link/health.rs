//! Whether a connection answers, as its reads show it (semantics.md 15).
//!
//! An answer to a start never marks a connection: a firewall that dislikes one schedule's arguments must not make its
//! neighbours late. It only makes a trial read go out at once. Reads mark it: three in a row over at least five seconds without
//! an answer in Orchestrator's own form. What leaves no doubt (no connection, no token, a rate limit) marks it at once.

use std::time::Duration;

use super::obstacle::Obstacle;
use crate::happening::{Cause, OfConnection};
use crate::orchestrator::{CallError, UnsentReason};
use crate::run::WaitReason;
use crate::schedule::ConnectionName;

/// A `Retry-After` beyond this would stop a tenant's starts for longer than any limit is known to last.
const LONGEST_RATE_PAUSE: Duration = Duration::from_secs(300);

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

/// How a connection is.
#[derive(Debug)]
pub(crate) struct Health {
    name: ConnectionName,
    /// To be logged.
    said: Vec<OfConnection>,
    pub(crate) is: Answering,
    /// Whether answers are unclear, though none has marked it yet.
    doubt: Option<Unclear>,
    /// How many trial reads were made: each reads another process than the one before.
    pub(crate) trials: u32,
    /// Before this (boot time) nothing is asked of the tenant at all: it said so.
    paused_until: Duration,
    /// Whether that was its last word: nothing has shown yet that it takes calls again.
    is_limited: bool,
    /// Spreads the probes of several installations, which an outage would else make in step.
    salt: u32,
}

/// Whether it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    /// It does, as far as is known.
    Fine,
    /// It did not. One call is let through after `until` (boot time) to see.
    Down { trouble: Trouble, until: Duration },
    /// That call is under way.
    Probing(Trouble),
    /// It answers again; what piled up is sent at the recovery rate.
    Recovering,
}

/// A connection that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    reason: WaitReason,
    /// In a row.
    failures: u32,
    /// The first of them, in boot time.
    since: Duration,
    /// The last of them, and what helps.
    text: String,
    cure: Option<String>,
}

/// Answers that say nothing of Orchestrator, not enough of them yet to mark the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unclear {
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

impl Health {
    pub(crate) fn of(name: ConnectionName, salt: u32) -> Health {
        Health {
            name,
            said: Vec::new(),
            is: Answering::Fine,
            doubt: None,
            trials: 0,
            paused_until: Duration::ZERO,
            is_limited: false,
            salt,
        }
    }

    /// Another server, or another user's rights: what was known of it holds no longer.
    pub(crate) fn forget(&mut self) {
        self.is = Answering::Fine;
        self.doubt = None;
    }

    /// Another tenant: what the old one asked for does not hold there.
    pub(crate) fn forget_pause(&mut self) {
        self.paused_until = Duration::ZERO;
        self.is_limited = false;
    }

    /// What happened since this was last asked.
    pub(crate) fn take_said(&mut self) -> Vec<OfConnection> {
        std::mem::take(&mut self.said)
    }

    /// Nothing is left of what an outage piled up.
    pub(crate) fn recovered(&mut self) {
        if self.is == Answering::Recovering {
            self.is = Answering::Fine;
        }
    }

    /// The server answered in its own form, whatever it said.
    pub(crate) fn answered(&mut self) {
        self.doubt = None;
        self.is_limited = false;
        match &self.is {
            Answering::Fine | Answering::Recovering => {}
            Answering::Down { .. } | Answering::Probing(_) => {
                self.said.push(OfConnection::Answers);
                self.is = Answering::Recovering;
            }
        }
    }

    /// A list, a folder, a process or a trial was read.
    pub(crate) fn heard_read<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
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
    pub(crate) fn heard_of_job<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
        match result {
            Ok(_) | Err(CallError::Rejected { .. }) => self.answered(),
            Err(error @ CallError::Unsent { .. }) => self.unsent(error, boot),
            // It was the one call that was let through: whatever it says of its job, nothing else is until the next try.
            Err(error @ CallError::Unknown { .. }) if matches!(self.is, Answering::Probing(_)) => {
                self.mark(WaitReason::Outage, error, boot);
            }
            Err(CallError::Unknown { .. }) => self.try_soon(boot),
        }
    }

    /// A start was answered. An answer that leaves doubt has a trial read made at once, and nothing else.
    pub(crate) fn heard_start<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
        match result {
            Ok(_) | Err(CallError::Rejected { .. }) => self.answered(),
            Err(error @ CallError::Unsent { status: None, .. })
            | Err(error @ CallError::Unsent { reason: UnsentReason::RateLimit, .. }) => self.unsent(error, boot),
            Err(CallError::Unsent { .. } | CallError::Unknown { .. }) => self.try_soon(boot),
        }
    }

    fn try_soon(&mut self, boot: Duration) {
        if !matches!(self.is, Answering::Fine | Answering::Recovering) {
            return;
        }
        let doubt = self.doubt.get_or_insert(Unclear { reads: 0, since: boot, trial: boot, tried: Trial::Due });
        doubt.trial = doubt.trial.min(boot);
    }

    fn unclear_read(&mut self, reason: WaitReason, error: &CallError, boot: Duration) {
        match &self.is {
            Answering::Fine | Answering::Recovering => {}
            Answering::Down { .. } | Answering::Probing(_) => return self.mark(reason, error, boot),
        }
        self.is_limited = false;
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
        self.is_limited = false;
        // Calls that were under way together fail together: that is one failure, or a glitch would cost five seconds.
        if matches!(&self.is, Answering::Down { until, .. } if boot < *until) {
            return;
        }
        let unclear = self.doubt.take().map_or(0, |doubt| doubt.reads.saturating_sub(1));
        let (failures, since) = match &self.is {
            Answering::Down { trouble, .. } | Answering::Probing(trouble) => {
                (trouble.failures.saturating_add(1), trouble.since)
            }
            Answering::Fine | Answering::Recovering => (1 + unclear, boot),
        };
        // The trouble is the connection's: the start or the list that met it is not named, since others are shown it too.
        let text = error.text().came.clone();
        let cure = error.cure().map(str::to_owned);
        let cause = Cause { came: text.clone(), cure: cure.clone() };
        if failures == OUTAGE && reason == WaitReason::Token {
            self.said.push(OfConnection::NoToken(cause));
        } else if failures == OUTAGE {
            self.said.push(OfConnection::Outage { failures, every: PAUSES[PAUSES.len() - 1], cause });
        } else if matches!(self.is, Answering::Fine | Answering::Recovering) {
            self.said.push(OfConnection::Failed(Cause::of(error)));
        }
        let asked = match (reason, error.retry_after()) {
            (WaitReason::Token, asked) => Some(asked.unwrap_or(TOKEN_PAUSE).min(TOKEN_PAUSE)),
            (_, asked) => asked.map(|asked| asked.min(LONGEST_PAUSE)),
        };
        let pause = asked.unwrap_or_else(|| self.pause_after(failures));
        let trouble = Trouble { reason, failures, since, text, cure };
        self.is = Answering::Down { trouble, until: boot + pause };
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
    pub(crate) fn trial_due(&self) -> Option<Duration> {
        if let Answering::Down { trouble, until } = &self.is
            && trouble.reason == WaitReason::Outage
        {
            return Some(*until);
        }
        self.doubt.as_ref().filter(|doubt| doubt.tried == Trial::Due).map(|doubt| doubt.trial)
    }

    /// A trial read leaves.
    pub(crate) fn trial_began(&mut self) {
        self.trials = self.trials.wrapping_add(1);
        if let Some(doubt) = &mut self.doubt {
            doubt.tried = Trial::UnderWay;
        }
    }

    /// The server asked to be left alone.
    fn pause(&mut self, asked: Duration, boot: Duration) {
        self.paused_until = self.paused_until.max(boot + asked.min(LONGEST_RATE_PAUSE));
        self.is_limited = true;
    }

    /// Whether Orchestrator's last word was to be called less often, and that time is over: calls are made again, and whether it takes them
    /// is not known yet.
    pub(crate) fn is_easing(&self, boot: Duration) -> bool {
        self.is_limited && self.paused_until <= boot
    }

    /// There is a new token: whatever waited for one is tried at once.
    pub(crate) fn has_token(&mut self, boot: Duration) {
        if let Answering::Down { trouble, until } = &mut self.is
            && trouble.reason == WaitReason::Token
        {
            *until = boot;
        }
    }

    /// Whether reads may be made: while the connection is down only one at a time.
    pub(crate) fn may_read(&mut self, boot: Duration) -> bool {
        if boot < self.paused_until {
            return false;
        }
        match &self.is {
            Answering::Fine | Answering::Recovering => true,
            Answering::Probing(_) => false,
            Answering::Down { until, .. } if boot < *until => false,
            Answering::Down { trouble, .. } => {
                self.is = Answering::Probing(trouble.clone());
                true
            }
        }
    }

    /// When something may change by time alone.
    pub(crate) fn wake(&self, boot: Duration) -> Option<Duration> {
        let paused = (boot < self.paused_until).then_some(self.paused_until);
        match &self.is {
            // Once its time has come, whoever needs the connection tries it; without anybody there is nothing to wake for.
            Answering::Down { until, .. } => Some((*until).max(paused.unwrap_or_default())).filter(|at| *at > boot),
            Answering::Fine | Answering::Probing(_) | Answering::Recovering => paused,
        }
    }

    /// Why the connection itself keeps a start back, if it does.
    pub(crate) fn obstacle(&self, boot: Duration) -> Option<Obstacle> {
        if boot < self.paused_until {
            let text = "Orchestrator asked to be called less often".to_owned();
            return Some(Obstacle { reason: WaitReason::RateLimit, until: Some(self.paused_until), text, error: None });
        }
        match &self.is {
            Answering::Down { trouble, until } => Some(trouble.obstacle(&self.name, Some(*until))),
            Answering::Probing(trouble) => Some(trouble.obstacle(&self.name, None)),
            Answering::Fine | Answering::Recovering => None,
        }
    }

    /// Takes over from a core that could not store: how the server is does not change because our database failed.
    pub(crate) fn inherit(&mut self, old: Health) {
        self.is = old.is;
        self.doubt = old.doubt;
        (self.paused_until, self.is_limited) = (old.paused_until, old.is_limited);
    }
}

impl Trouble {
    fn obstacle(&self, name: &ConnectionName, until: Option<Duration>) -> Obstacle {
        let Trouble { reason, text: came, cure, .. } = self;
        let text = match reason {
            WaitReason::Token => "There is no access token",
            WaitReason::Overlap
            | WaitReason::Outage
            | WaitReason::RateLimit
            | WaitReason::Limit
            | WaitReason::Retry
            | WaitReason::Clock
            | WaitReason::CatchUp
            | WaitReason::LookUp
            | WaitReason::Capacity
            | WaitReason::Paused
            | WaitReason::Blackout => "Orchestrator cannot be reached",
        };
        let cure = cure.as_ref().map(|cure| format!("; {cure}")).unwrap_or_default();
        let error = Some(format!("connection `{name}`: {came}{cure}"));
        Obstacle { reason: *reason, until, text: format!("{text}: {came}{cure}"), error }
    }
}
