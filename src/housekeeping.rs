//! Chores that may come late, twice or not at all without harm, on UTC crons.
//!
//! This is where tokio-cron-scheduler serves: it keeps a zone's offset frozen and loses bursts (ARCHITECTURE.md), so it never
//! times a user's schedule. A fixed list, registered once, never removed; each chore's last success is kept in the database.

use std::sync::Arc;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// Every night at an odd minute, when few schedules are due.
const NIGHTLY: &str = "0 17 3 * * *";

/// Running chores; they end when this is shut down.
pub struct Housekeeping(JobScheduler);

impl std::fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Housekeeping")
    }
}

impl Housekeeping {
    /// Registers the chores.
    ///
    /// # Errors
    /// The scheduler could not be set up.
    pub async fn start(store: Store, clock: Clock) -> Result<Housekeeping, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let job = Job::new_async(NIGHTLY, move |_, _| {
            let (store, clock) = (store.clone(), clock.clone());
            Box::pin(async move {
                match tidy(&store, &clock).await {
                    Ok(()) => tracing::info!("Tidied the database"),
                    Err(cause) => tracing::warn!("Failed to tidy the database: {cause}"),
                }
            })
        })?;
        scheduler.add(job).await?;
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

/// Fresh statistics for SQLite's planner, and the WAL folded back into the file.
///
/// # Errors
/// As the store's.
pub async fn tidy(store: &Store, clock: &Clock) -> Result<(), Arc<StoreError>> {
    store.optimize().await?;
    store.checkpoint().await?;
    store.record_housekeeping("tidy", clock.now()).await
}
