//! What is known of one connection: whether it answers, how much it may be asked, where its processes are.

pub(crate) mod budget;
pub(crate) mod clocks;
pub(crate) mod health;
pub(crate) mod obstacle;
pub(crate) mod targets;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::budget::{Bucket, ListBudget};
use self::clocks::{Clocks, Judges, Looked};
use self::health::{Answering, Health};
use self::obstacle::{ConnectionObstacle, ConnectionTrouble, Obstacle};
use self::targets::{TargetState, Targets};
use crate::executor::Action;
use crate::happening::{Cause, OfConnection};
use crate::orchestrator::CallError;
use crate::run::{Evidence, FolderId, RunId, ShortFolder, WaitReason};
use crate::schedule::{Connection, FolderChoice, asks_elsewhere};

/// One connection as the dispatcher sees it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: Arc<Connection>,
    pub(crate) phase: Phase,
    pub(crate) health: Health,
    /// The folders in which jobs may not be read, and what a person can do.
    pub(crate) unreadable: BTreeMap<FolderId, Unreadable>,
    /// When a start was last accepted, in boot time.
    pub(crate) accepted: Option<Duration>,
    pub(crate) starts: Bucket,
    pub(crate) lists: ListBudget,
    pub(crate) targets: Targets,
    pub(crate) evidence: BTreeMap<FolderId, Evidence>,
    /// Where the folders led that schedules name by the last part of their path.
    pub(crate) short_folders: HashMap<String, ShortFolder>,
    pub(crate) proofs: BTreeMap<FolderId, ProofWanted>,
    pub(crate) crowds: BTreeMap<FolderId, Crowd>,
    pub(crate) clocks: Clocks,
    looked: Looked,
    /// Whether a trouble has kept starts back since they could go last: what piled up is chosen from when it ends.
    pub(crate) has_kept_back: bool,
    /// To be logged.
    said: Vec<OfConnection>,
}

/// Whether the open runs found at start-up have been read again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// These have not; until then nothing new is started, since they may have ended (semantics.md 11, 17).
    Reconciling(BTreeSet<RunId>),
    /// All have.
    Ready,
}

/// A folder whose look-ups are to be proven with this run's job.
#[derive(Clone, Debug)]
pub(crate) struct ProofWanted {
    pub(crate) run: RunId,
    pub(crate) reference: crate::run::Reference,
    pub(crate) next: Duration,
    pub(crate) tries: u32,
}

/// A crowded folder, whose jobs are listed as they end.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// The latest end that has been seen, by Orchestrator's clock.
    pub(crate) since: Timestamp,
    /// When the list is asked for next, in boot time.
    pub(crate) next: Duration,
}

/// A folder whose jobs may not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Since when, in boot time.
    pub(crate) since: Duration,
    /// What was refused, with its cure.
    pub(crate) cause: Cause,
}

impl Link {
    pub(crate) fn new(connection: Arc<Connection>, to_read: BTreeSet<RunId>, boot: Duration, salt: u32) -> Link {
        let limits = connection.limits;
        #[cfg(feature = "faults")]
        let connection = crate::faults::without_settle(connection);
        Link {
            phase: if to_read.is_empty() { Phase::Ready } else { Phase::Reconciling(to_read) },
            health: Health::of(connection.name.clone(), salt),
            unreadable: BTreeMap::new(),
            accepted: None,
            starts: Bucket::new(f64::from(limits.starts_per_second), f64::from(limits.starts_per_second), boot),
            lists: ListBudget::new(limits.list_calls_per_minute, boot),
            targets: Targets::default(),
            evidence: BTreeMap::new(),
            short_folders: HashMap::new(),
            proofs: BTreeMap::new(),
            crowds: BTreeMap::new(),
            clocks: Clocks::Agree,
            looked: Looked::NotYet { asked: 0, next: boot },
            has_kept_back: false,
            said: Vec::new(),
            connection,
        }
    }

    /// The files have it otherwise now. What is under way stays counted; what was known of another server, or of another
    /// user's rights, is forgotten.
    pub(crate) fn renew(&mut self, connection: Arc<Connection>, boot: Duration) {
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
            self.health.forget_pause();
        }
        if asks_elsewhere(&old, new) {
            self.targets.retain(|_, _| false);
            self.health.forget();
            self.unreadable.clear();
        }
    }

    /// Looks for a process where the connection leads now.
    pub(crate) fn find(&self, folder: Option<FolderChoice>, process: String) -> Action {
        let asked_of = identity(&self.connection);
        Action::Resolve { connection: self.connection.name.clone(), asked_of, folder, process }
    }

    /// One of the runs found at start-up has been read.
    pub(crate) fn reconciled(&mut self, run: RunId) {
        if let Phase::Reconciling(left) = &mut self.phase {
            left.remove(&run);
            if left.is_empty() {
                self.said.push(OfConnection::AllRead);
                self.phase = Phase::Ready;
            }
        }
    }

    /// Why a start on this connection has to wait now, if it has to.
    pub(crate) fn obstacle(&self, boot: Duration) -> Option<Obstacle> {
        self.health.obstacle(boot).or_else(|| match self.phase {
            Phase::Reconciling(_) => Some(Obstacle {
                reason: WaitReason::Outage,
                until: None,
                text: "The runs that were open at the start are read first".to_owned(),
                error: None,
            }),
            Phase::Ready => self.clocks.obstacle(&self.connection.name),
        })
    }

    /// Whether it has a trouble of its own: not only that what was open at the start is read first.
    pub(crate) fn is_in_trouble(&self, boot: Duration) -> bool {
        self.health.obstacle(boot).is_some() || self.clocks.obstacle(&self.connection.name).is_some()
    }

    /// The same for people who ask.
    pub(crate) fn shown_obstacle(&self, boot: Duration) -> Option<ConnectionObstacle> {
        let Obstacle { reason, until, text, error: _ } = self.obstacle(boot)?;
        Some(ConnectionObstacle { connection: self.connection.name.clone(), reason, text, until })
    }

    /// What keeps no start back but a person must act on.
    pub(crate) fn shown_trouble(&self) -> Option<ConnectionTrouble> {
        let unreadable = self.unreadable.values().next()?;
        Some(ConnectionTrouble {
            connection: self.connection.name.clone(),
            text: format!("jobs cannot be read, so runs that were started are not followed: {}", unreadable.cause),
        })
    }

    /// An answer showed Orchestrator's clock minus ours.
    pub(crate) fn compare_clocks(&mut self, skew: SignedDuration, boot: Duration) {
        self.looked = Looked::Yes;
        self.said.extend(self.clocks.compare(skew, boot));
    }

    /// A good answer came without Orchestrator's clock.
    pub(crate) fn has_no_clock(&mut self) {
        self.looked = Looked::Yes;
        self.clocks.cannot_be_compared();
    }

    /// Whether a job's time is judged now (semantics.md 7, 21).
    pub(crate) fn may_judge(&mut self, boot: Duration) -> Judges {
        self.clocks.may_judge(&mut self.looked, boot)
    }

    /// What happened since this was last asked.
    pub(crate) fn take_said(&mut self) -> impl Iterator<Item = OfConnection> {
        let health = self.health.take_said();
        std::mem::take(&mut self.said).into_iter().chain(health)
    }

    /// The server answered a start, or did not.
    pub(crate) fn heard_start<T>(&mut self, result: &Result<T, CallError>, boot: Duration) {
        if result.is_ok() {
            self.accepted = Some(boot);
        }
        self.health.heard_start(result, boot);
    }

    /// Takes a place within the rate of starts, or gives when the next one is free, in boot time.
    pub(crate) fn take_start(&mut self, boot: Duration) -> Result<(), Duration> {
        match self.health.is {
            Answering::Recovering => self.starts.take_slowly(boot, f64::from(self.connection.limits.recovery_rate)),
            Answering::Fine | Answering::Down { .. } | Answering::Probing(_) => self.starts.take(boot),
        }
    }

    /// The next look for any process of this folder finds the folder anew.
    pub(crate) fn forget_folder(&mut self, folder: &Option<FolderChoice>) {
        self.targets.retain(|(known, _), _| known != folder);
    }

    /// A person has had the files loaded again: what the short names lead to now is what is meant.
    pub(crate) fn forget_short_folders(&mut self) {
        self.short_folders.clear();
        self.targets.retain(|_, state| !matches!(state, TargetState::Refused(_)));
    }

    /// Whether a folder's jobs are followed as a crowd.
    pub(crate) fn is_crowded(&self, folder_id: FolderId) -> bool {
        self.crowds.contains_key(&folder_id)
    }

    /// Takes over from a core that could not store: how the server is, and what was asked of it, does not change because our database
    /// failed.
    pub(crate) fn inherit(&mut self, old: Link) {
        self.health.inherit(old.health);
        self.unreadable = old.unreadable;
        self.accepted = old.accepted;
        self.starts = old.starts;
        self.lists = old.lists;
        self.targets = old.targets;
        self.short_folders = old.short_folders;
        self.proofs = old.proofs;
        self.clocks = old.clocks;
        self.looked = old.looked;
    }
}

/// Where a connection leads: host, path and tenant. The scheme, the port and a slash at the end are not part of it, so that a move
/// to TLS or to another port of the same server loses nothing (semantics.md 12a).
pub(crate) fn identity(connection: &Connection) -> String {
    let host = connection.url.host_str().unwrap_or_default().to_ascii_lowercase();
    let path = connection.url.path().trim_end_matches('/');
    let tenant = connection.tenant.as_deref().unwrap_or_default();
    format!("{host}{path}#{tenant}")
}
