//! What is known of a schedule and one of its times.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::history::{History, HistoryError, HistoryFilter, RunLine, RunSummary, Shown};
use crate::recurrence::{Nominal, Recurrence, Zone};
use crate::run::{RunState, WaitReason};
use crate::schedule::{OverlapPolicy, Schedule, Timing, Trigger};

/// Of the runs of one time so many are read: by hand a time may be repeated at will.
const MOST_ROWS: u32 = 20;

/// Times are whole seconds: what is this much later is after one and before the next.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What a time of the schedule itself is claimed as.
const PLANNED: [Trigger; 2] = [Trigger::Scheduled, Trigger::CatchUp];

/// The times of a schedule as they were from an instant on.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// Since when.
    pub(super) loaded_at: Timestamp,
    /// Which; none if another version of this program wrote them and they cannot be read any more.
    pub(super) recurrence: Option<Recurrence>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Facts<'s> {
    pub(super) key: String,
    pub(super) now: Timestamp,
    /// What the files say now.
    pub(super) schedule: Option<&'s Schedule>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
    /// Up to where its times have been judged.
    pub(super) mark: Option<Timestamp>,
    /// The oldest time with a row.
    pub(super) oldest: Option<Timestamp>,
    /// The rows of the time that is asked about, newest first.
    pub(super) rows: Vec<RunSummary>,
    /// The story of the first of them that a plan made.
    pub(super) lines: Vec<RunLine>,
    /// What its schedule said of older runs when it was claimed.
    pub(super) overlap: Option<OverlapPolicy>,
    /// The open runs of the schedule, the one due first at the front.
    pub(super) open: Vec<RunSummary>,
    /// The runs that have the places of the pool for which the row waits.
    pub(super) in_pool: Vec<RunSummary>,
}

impl<'s> Facts<'s> {
    /// What is known of a schedule, without any of its times. None: neither the files nor the history know it.
    pub(super) async fn of(
        history: Option<&History>,
        key: &str,
        schedule: Option<&'s Schedule>,
        now: Timestamp,
    ) -> Result<Option<Facts<'s>>, HistoryError> {
        let mut facts = Facts {
            key: key.to_owned(),
            now,
            schedule,
            versions: Vec::new(),
            mark: None,
            oldest: None,
            rows: Vec::new(),
            lines: Vec::new(),
            overlap: None,
            open: Vec::new(),
            in_pool: Vec::new(),
        };
        if let Some(history) = history {
            let known = history.planned(key).await?;
            let compile = |timing: &str| serde_json::from_str::<Timing>(timing).ok()?.compile(key).ok();
            let versions = known.versions.into_iter();
            facts.versions =
                versions.map(|(loaded_at, timing)| Version { loaded_at, recurrence: compile(&timing) }).collect();
            (facts.mark, facts.oldest) = (known.mark, known.oldest);
        }
        let known = schedule.is_some() || !facts.versions.is_empty() || facts.oldest.is_some();
        Ok(known.then_some(facts))
    }

    /// The newest time with a row, of those that have come.
    pub(super) async fn last_row(&self, history: &History) -> Result<Option<Timestamp>, HistoryError> {
        let filter = HistoryFilter {
            schedules: vec![self.key.clone()],
            triggers: PLANNED.map(|trigger| trigger.name().to_owned()).to_vec(),
            until: Some(later(self.now, A_MOMENT)),
            limit: 1,
            ..HistoryFilter::default()
        };
        Ok(history.list(&filter).await?.first().and_then(|run| run.nominal_at.parse().ok()))
    }

    /// Reads what is known of one time.
    pub(super) async fn read(&mut self, history: Option<&History>, at: Timestamp) -> Result<(), HistoryError> {
        let Some(history) = history else { return Ok(()) };
        let filter = HistoryFilter {
            schedules: vec![self.key.clone()],
            since: Some(at),
            until: Some(later(at, A_MOMENT)),
            limit: MOST_ROWS,
            ..HistoryFilter::default()
        };
        self.rows = history.list(&filter).await?;
        let row = self.planned_row().cloned();
        if let Some(row) = &row {
            self.lines = history.lines(&row.run).await?;
            self.overlap = history.policy(&row.run).await?.and_then(|policy| policy.overlap);
            if matches!(row.state.known(), Some(RunState::Waiting(WaitReason::Limit))) {
                self.in_pool = history.in_pool_of(&row.run).await?;
            }
        }
        // Nothing stands in front of what does not wait.
        if row.is_some_and(|row| !matches!(row.state.known(), Some(RunState::Waiting(_)))) {
            return Ok(());
        }
        let open = history.open_runs().await?;
        self.open = open.into_iter().filter(|run| run.schedule == self.key).collect();
        Ok(())
    }

    /// The row that a plan made, of its own before one that it shares; without one, the newest.
    pub(super) fn planned_row(&self) -> Option<&RunSummary> {
        let planned = |run: &&RunSummary| match run.trigger {
            Shown::Known(trigger) => PLANNED.contains(&trigger),
            Shown::Other(_) => false,
        };
        let own = self.rows.iter().filter(planned).find(|run| run.nominal_until.is_none());
        own.or_else(|| self.rows.iter().find(planned)).or_else(|| self.rows.first())
    }

    /// In which zone its times are: that of the files, else of its last version.
    pub(super) fn zone(&self) -> Zone {
        let last = || self.versions.iter().rev().find_map(|version| version.recurrence.as_ref());
        let recurrence = self.schedule.map(|schedule| &schedule.recurrence).or_else(last);
        recurrence.map_or_else(Zone::utc, |recurrence| recurrence.zone().clone())
    }

    /// The times by which an instant is judged: those of the version of then, and of the files for what is not judged yet.
    pub(super) fn recurrence_at(&self, at: Timestamp) -> Option<&Recurrence> {
        let judged = self.mark.is_some_and(|mark| at <= mark);
        if !judged && let Some(schedule) = self.schedule {
            return Some(&schedule.recurrence);
        }
        self.version_at(at)?.recurrence.as_ref()
    }

    /// The version that was loaded at an instant.
    pub(super) fn version_at(&self, at: Timestamp) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.loaded_at <= at)
    }

    /// The time at just this instant, by what is loaded for it.
    pub(super) fn planned_at(&self, at: Timestamp) -> Option<Nominal> {
        let before = later(at, A_MOMENT);
        self.recurrence_at(at)?.previous_before(before).filter(|time| time.at == at)
    }
}
