//! Chores that may come late, twice or not at all without harm, on UTC crons.
//!
//! This is where tokio-cron-scheduler serves: it keeps a zone's offset frozen and loses bursts (ARCHITECTURE.md), so it never
//! times a user's schedule. A fixed list, registered once, never removed; each chore's last success is kept in the database, and
//! what failed is told until it succeeds: a copy that is never made is noticed on the day it is needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::clock::{Clock, Reading, earlier, later};
use crate::store::{CopyError, Removed, Retention, Store, StoreError, copy_database};
use crate::text::{chain, roughly};

/// Every night at odd minutes, when few schedules are due; one after another, so that the copy is of what stays.
const RETENTION: &str = "0 17 3 * * *";
const COPY: &str = "0 37 3 * * *";

/// Between two batches, so that claims come in between.
const BREATH: Duration = Duration::from_millis(20);

/// Rounds of giving free pages back, of some megabytes each.
const GIVE_BACK_ROUNDS: usize = 50;

/// A clock that was set forward by more than this may be wrong: by it the whole history may be old.
const SET_FORWARD: SignedDuration = SignedDuration::from_hours(1);

/// One that has been as it is for so long is believed.
const BELIEVED: Duration = Duration::from_secs(20 * 3600);

/// When the clock was last believed, and since when it has not been.
#[derive(Clone, Debug)]
pub struct Belief(Arc<Mutex<(Reading, Option<Duration>)>>);

impl Belief {
    /// Believes it now.
    pub fn begin(now: Reading) -> Belief {
        Belief(Arc::new(Mutex::new((now, None))))
    }

    /// By how much it was set forward, if what it says is not to be believed yet.
    pub fn doubt(&self, now: Reading) -> Option<SignedDuration> {
        let mut belief = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, since) = *belief;
        let by = now.wall.duration_since(later(last.wall, now.boot.saturating_sub(last.boot)));
        let since = since.unwrap_or(now.boot);
        if by <= SET_FORWARD || now.boot.saturating_sub(since) >= BELIEVED {
            *belief = (now, None);
            return None;
        }
        *belief = (last, Some(since));
        Some(by)
    }
}

/// What is done, and how much of it.
#[derive(Clone, Debug)]
pub struct ChoreSettings {
    /// The writer.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Whether what it says is to be believed.
    pub belief: Belief,
    /// Whose database is copied.
    pub state_dir: PathBuf,
    /// Runs that ended longer ago than this go.
    pub keep: Duration,
    /// And those beyond so many.
    pub max_runs: Option<u64>,
    /// And those that do not fit in so many bytes.
    pub max_bytes: Option<u64>,
    /// Where copies are kept.
    pub copies_dir: PathBuf,
    /// How many.
    pub copies: usize,
    /// Where failures are told.
    pub failing: watch::Sender<Failing>,
}

/// One sentence for each chore that failed when it was last done, by name.
pub type Failing = BTreeMap<&'static str, String>;

/// Running chores; they end when this is shut down.
pub struct Housekeeping(JobScheduler);

impl std::fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Housekeeping")
    }
}

/// A chore. Its name stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Old runs go, statistics are refreshed, the WAL is folded back.
    Retention,
    /// A copy of the database is made and checked.
    Copy,
}

impl Chore {
    /// All there are.
    pub const ALL: [Chore; 2] = [Chore::Retention, Chore::Copy];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Chore::Retention => "retention",
            Chore::Copy => "copy",
        }
    }

    fn cron(self) -> &'static str {
        match self {
            Chore::Retention => RETENTION,
            Chore::Copy => COPY,
        }
    }
}

/// Why a chore was not done. The next night tries again.
#[derive(Debug, thiserror::Error)]
pub enum ChoreError {
    /// The database.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
    /// The copy.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// Nothing is removed by a clock that may be wrong.
    #[error("the clock was set forward by {}, and by a wrong clock the whole history may be old", roughly(.0.unsigned_abs()))]
    ClockWasSet(SignedDuration),
}

impl Housekeeping {
    /// Registers the chores.
    ///
    /// # Errors
    /// The scheduler could not be set up.
    pub async fn start(settings: ChoreSettings) -> Result<Housekeeping, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        for chore in Chore::ALL {
            let settings = settings.clone();
            let job = Job::new_async(chore.cron(), move |_, _| {
                let settings = settings.clone();
                Box::pin(async move { settings.attempt(chore).await })
            })?;
            scheduler.add(job).await?;
        }
        scheduler.start().await?;
        Ok(Housekeeping(scheduler))
    }

    /// Ends them.
    pub async fn stop(mut self) {
        if let Err(cause) = self.0.shutdown().await {
            tracing::debug!("Housekeeping did not end cleanly: {cause}");
        }
    }
}

impl ChoreSettings {
    /// Does one chore, and tells what failed until it succeeds.
    pub async fn attempt(&self, chore: Chore) {
        let failed = self.perform(chore).await.err().map(|cause| {
            let text = format!("the nightly chore `{}` failed: {}; {}", chore.name(), chain(&cause), cure(&cause));
            tracing::error!("{text}");
            text
        });
        self.failing.send_if_modified(|failing| match failed {
            Some(text) => failing.insert(chore.name(), text.clone()) != Some(text),
            None => failing.remove(chore.name()).is_some(),
        });
    }

    /// Does one chore and records its success.
    ///
    /// # Errors
    /// See [`ChoreError`].
    pub async fn perform(&self, chore: Chore) -> Result<(), ChoreError> {
        match chore {
            Chore::Retention => self.remove_old_runs().await?,
            Chore::Copy => {
                let copy = copy_database(&self.state_dir, &self.copies_dir, self.copies, self.clock.now()).await?;
                tracing::info!("Copied the database to {} and checked the copy", copy.display());
            }
        }
        self.store.record_housekeeping(chore.name(), self.clock.now()).await?;
        Ok(())
    }

    async fn remove_old_runs(&self) -> Result<(), ChoreError> {
        if let Some(by) = self.belief.doubt(self.clock.read()) {
            return Err(ChoreError::ClockWasSet(by));
        }
        let retention = Retention {
            ended_before: Some(earlier(self.clock.now(), self.keep)),
            max_runs: self.max_runs,
            max_bytes: self.max_bytes,
        };
        let mut gone = 0;
        loop {
            let Removed(batch) = self.store.remove_old_runs(retention).await?;
            if batch == 0 {
                break;
            }
            gone += batch;
            self.clock.sleep(BREATH).await;
        }
        if gone > 0 {
            tracing::info!("Removed {gone} old runs from the history");
            for _ in 0..GIVE_BACK_ROUNDS {
                self.store.give_back().await?;
            }
        }
        self.store.optimize().await?;
        self.store.checkpoint().await?;
        Ok(())
    }
}

fn cure(error: &ChoreError) -> &'static str {
    match error {
        ChoreError::Store(_) | ChoreError::Copy(CopyError::Store(_)) => {
            "it is tried again next night; look at the disk of the state folder"
        }
        // Each copy has a name of its own, and a daemon has set another's log aside before it is ready.
        ChoreError::Copy(CopyError::Exists(_) | CopyError::Foreign { .. }) => {
            "please report it: this is a fault of punctual"
        }
        ChoreError::Copy(CopyError::Files { .. }) => {
            "let the daemon's user write there, or name another folder as `daemon.backup.folder`"
        }
        ChoreError::Copy(CopyError::Damaged { .. }) => {
            "the older copies are kept: look at the disk, and at `pragma integrity_check` of the database"
        }
        ChoreError::Copy(CopyError::NoRoom { .. }) => {
            "free space there, or name another folder as `daemon.backup.folder`"
        }
        ChoreError::ClockWasSet(_) => "it is done when the clock has stood so for a night; set it if it is wrong",
    }
}
