//! What lines for people have next to a run's columns, as it stands now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Details, History, HistoryError, RunSummary};
use crate::run::{Ending, RunState};

impl History {
    /// What these runs have next to their columns, with how long those that are running usually take, and which of those that are lost count on.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn details_now(
        &self,
        runs: &[RunSummary],
        now: Timestamp,
    ) -> Result<BTreeMap<String, Details>, HistoryError> {
        let mut details = self.details(runs).await?;
        let running = |run: &&RunSummary| matches!(run.state.known(), Some(RunState::Job(_)));
        let schedules: BTreeSet<String> = runs.iter().filter(running).map(|run| run.schedule.clone()).collect();
        let schedules: Vec<String> = schedules.into_iter().collect();
        let digests = self.digests(&schedules, None, None).await?;
        for run in runs.iter().filter(running) {
            let digest = digests.iter().find(|digest| digest.schedule == run.schedule);
            details.entry(run.run.clone()).or_default().usual_ms = digest.and_then(|digest| digest.usual_ms);
        }
        if runs.iter().any(|run| run.state.known() == Some(RunState::Ended(Ending::Lost))) {
            for counting in self.counting_runs(now).await? {
                details.entry(counting.run).or_default().counts = true;
            }
        }
        Ok(details)
    }
}
