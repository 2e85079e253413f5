//! What is known of one connection: whether it answers, how much it may be asked, where its processes are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::budget::{Bucket, ListBudget};
use super::clocks::Clocks;
use super::crowd::Crowd;
use super::elsewhere::identity;
use super::health::Unclear;
use super::target::Targets;
use super::unreadable::Unreadable;
use crate::executor::Action;
use crate::run::{Evidence, FolderId, RunId, ShortFolder, WaitReason};
use crate::schedule::{Connection, ConnectionName, FolderChoice, asks_elsewhere};

/// A `Retry-After` beyond this would stop a tenant's starts for longer than any limit is known to last.
const LONGEST_RATE_PAUSE: Duration = Duration::from_secs(300);

/// One connection as the dispatcher sees it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Arc<Connection>,
    pub(super) phase: Phase,
    pub(super) health: Health,
    /// Whether answers are unclear, though none has marked it yet.
    pub(super) doubt: Option<Unclear>,
    /// How many trial reads were made: each reads another process than the one before.
    pub(super) trials: u32,
    /// The folders in which jobs may not be read, and what a person can do.
    pub(super) unreadable: BTreeMap<FolderId, Unreadable>,
    /// When a start was last accepted, in boot time.
    pub(super) accepted: Option<Duration>,
    /// Before this (boot time) nothing is asked of the tenant at all: it said so.
    pub(super) paused_until: Duration,
    pub(super) starts: Bucket,
    pub(super) lists: ListBudget,
    /// Spreads the probes of several installations, which an outage would else make in step.
    pub(super) salt: u32,
    pub(super) starts_in_flight: u32,
    /// Reads of one job; they count against `open_requests` as starts do.
    pub(super) reads_in_flight: u32,
    pub(super) targets: Targets,
    pub(super) evidence: BTreeMap<FolderId, Evidence>,
    /// Where the folders led that schedules name by the last part of their path.
    pub(super) short_folders: HashMap<String, ShortFolder>,
    pub(super) proofs: BTreeMap<FolderId, ProofWanted>,
    pub(super) crowds: BTreeMap<FolderId, Crowd>,
    pub(super) clocks: Clocks,
}

/// Whether the open runs found at start-up have been read again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// These have not; until then nothing new is started, since they may have ended (semantics.md 11, 17).
    Reconciling(BTreeSet<RunId>),
    /// All have.
    Ready,
}

/// Whether the connection answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
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
pub(super) struct Trouble {
    pub(super) reason: WaitReason,
    /// In a row.
    pub(super) failures: u32,
    /// The first of them, in boot time.
    pub(super) since: Duration,
    /// The last of them, and what helps.
    pub(super) text: String,
    pub(super) cure: Option<String>,
}

/// What keeps a connection's starts back.
#[derive(Debug)]
pub(super) struct Obstacle {
    pub(super) reason: WaitReason,
    /// In boot time, where time alone may take it away.
    pub(super) until: Option<Duration>,
    /// For the run's story.
    pub(super) text: String,
    /// The failure itself, for the run's `error`.
    pub(super) error: Option<String>,
}

impl Obstacle {
    fn down(name: &ConnectionName, trouble: &Trouble) -> Obstacle {
        let Trouble { reason, text: came, cure, .. } = trouble;
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
        Obstacle { reason: *reason, until: None, text: format!("{text}: {came}{cure}"), error }
    }
}

/// A folder whose look-ups are to be proven with this run's job.
#[derive(Clone, Debug)]
pub(super) struct ProofWanted {
    pub(super) run: RunId,
    pub(super) reference: crate::run::Reference,
    pub(super) next: Duration,
    pub(super) tries: u32,
    pub(super) in_flight: bool,
}

impl Link {
    pub(super) fn new(connection: Arc<Connection>, to_read: BTreeSet<RunId>, boot: Duration, salt: u32) -> Link {
        let limits = connection.limits;
        #[cfg(feature = "faults")]
        let connection = crate::faults::without_settle(connection);
        Link {
            phase: if to_read.is_empty() { Phase::Ready } else { Phase::Reconciling(to_read) },
            health: Health::Fine,
            doubt: None,
            trials: 0,
            unreadable: BTreeMap::new(),
            accepted: None,
            paused_until: Duration::ZERO,
            starts: Bucket::new(f64::from(limits.starts_per_second), f64::from(limits.starts_per_second), boot),
            lists: ListBudget::new(limits.list_calls_per_minute, boot),
            salt,
            starts_in_flight: 0,
            reads_in_flight: 0,
            targets: Targets::default(),
            evidence: BTreeMap::new(),
            short_folders: HashMap::new(),
            proofs: BTreeMap::new(),
            crowds: BTreeMap::new(),
            clocks: Clocks::Agree,
            connection,
        }
    }

    /// The files have it otherwise now. What is under way stays counted; what was known of another server, or of another
    /// user's rights, is forgotten.
    pub(super) fn renew(&mut self, connection: Arc<Connection>, boot: Duration) {
        #[cfg(feature = "faults")]
        let connection = crate::faults::without_settle(connection);
        let old = std::mem::replace(&mut self.connection, connection);
        let new = &self.connection;
        if old.limits != new.limits {
            let limits = new.limits;
            let starts = f64::from(limits.starts_per_second);
            self.starts.retune(starts, starts, boot);
            self.lists.retune(limits.list_calls_per_minute, boot);
        }
        let elsewhere = old.url != new.url || old.tenant != new.tenant;
        if elsewhere {
            self.evidence.clear();
            self.proofs.clear();
            self.short_folders.clear();
            self.clocks = Clocks::Agree;
            self.paused_until = Duration::ZERO;
        }
        if asks_elsewhere(&old, new) {
            self.targets.retain(|_, _| false);
            self.health = Health::Fine;
            self.doubt = None;
            self.unreadable.clear();
        }
    }

    /// Looks for a process where the connection leads now.
    pub(super) fn find(&self, folder: Option<FolderChoice>, process: String) -> Action {
        let asked_of = identity(&self.connection);
        Action::Resolve { connection: self.connection.name.clone(), asked_of, folder, process }
    }

    /// One of the runs found at start-up has been read.
    pub(super) fn reconciled(&mut self, run: RunId) {
        if let Phase::Reconciling(left) = &mut self.phase {
            left.remove(&run);
            if left.is_empty() {
                tracing::info!("Connection `{}`: every open run has been read again", self.connection.name);
                self.phase = Phase::Ready;
            }
        }
    }

    /// The server asked to be left alone.
    pub(super) fn pause(&mut self, asked: Duration, boot: Duration) {
        self.paused_until = self.paused_until.max(boot + asked.min(LONGEST_RATE_PAUSE));
    }

    /// There is a new token: whatever waited for one is tried at once.
    pub(super) fn has_token(&mut self, boot: Duration) {
        if let Health::Down { trouble, until } = &mut self.health
            && trouble.reason == WaitReason::Token
        {
            *until = boot;
        }
    }

    /// Why a start on this connection has to wait now, if it has to.
    pub(super) fn obstacle(&self, boot: Duration) -> Option<Obstacle> {
        if boot < self.paused_until {
            let text = "Orchestrator asked to be called less often".to_owned();
            return Some(Obstacle { reason: WaitReason::RateLimit, until: Some(self.paused_until), text, error: None });
        }
        match &self.health {
            Health::Down { trouble, until } => {
                Some(Obstacle { until: Some(*until), ..Obstacle::down(&self.connection.name, trouble) })
            }
            Health::Probing(trouble) => Some(Obstacle::down(&self.connection.name, trouble)),
            Health::Fine | Health::Recovering => match self.phase {
                Phase::Reconciling(_) => Some(Obstacle {
                    reason: WaitReason::Outage,
                    until: None,
                    text: "The runs that were open at the start are read first".to_owned(),
                    error: None,
                }),
                Phase::Ready => self.clock_obstacle(),
            },
        }
    }

    /// Whether reads may be made: while the connection is down only one at a time.
    pub(super) fn may_read(&mut self, boot: Duration) -> bool {
        if boot < self.paused_until {
            return false;
        }
        match &self.health {
            Health::Fine | Health::Recovering => true,
            Health::Probing(_) => false,
            Health::Down { until, .. } if boot < *until => false,
            Health::Down { trouble, .. } => {
                self.health = Health::Probing(trouble.clone());
                true
            }
        }
    }

    /// When something may change by time alone.
    pub(super) fn wake(&self, boot: Duration) -> Option<Duration> {
        let paused = (boot < self.paused_until).then_some(self.paused_until);
        match &self.health {
            // Once its time has come, whoever needs the connection tries it; without anybody there is nothing to wake for.
            Health::Down { until, .. } => Some((*until).max(paused.unwrap_or_default())).filter(|at| *at > boot),
            Health::Fine | Health::Probing(_) | Health::Recovering => paused,
        }
    }
}
