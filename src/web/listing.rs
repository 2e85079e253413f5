//! Lists of runs, and what schedules have come to, for whoever may call; and the same where no daemon runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Refusal, Why};
use super::control::Control;
use super::reading::{NotTold, opened};
use crate::history::{Details, Digest, Ended, History, HistoryFilter, RunSummary, Spans};
use crate::text::known_names;

/// A daemon lists so many runs in one answer: a few megabytes. Who reads the files has no such limit.
pub const MOST_LISTED: u32 = 10_000;

/// As many are listed where nobody says how many.
const LISTED: u32 = 50;

/// How many runs are read to name the schedules that have any, where none has the name that was asked for.
const NAMED_FROM: u32 = 10_000;

/// Which runs. Lists are words with commas between; none means any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunQuery {
    pub schedule: Option<String>,
    pub state: Option<String>,
    /// States that are left out.
    pub not: Option<String>,
    /// Only those that failed or were missed.
    #[serde(default)]
    pub failed: bool,
    pub reason: Option<String>,
    pub trigger: Option<String>,
    /// Due from here on.
    pub since: Option<Timestamp>,
    /// Due before this.
    pub until: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

impl RunQuery {
    /// The question for a filter.
    pub fn of(filter: &HistoryFilter) -> RunQuery {
        let list = |words: &[String]| (!words.is_empty()).then(|| words.join(","));
        RunQuery {
            schedule: list(&filter.schedules),
            state: list(&filter.states),
            not: list(&filter.not),
            failed: filter.ended == Ended::Failed,
            reason: list(&filter.reasons),
            trigger: list(&filter.triggers),
            since: filter.since,
            until: filter.until,
            limit: Some(filter.limit),
        }
    }

    /// As it stands in an address.
    pub fn in_address(&self) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        let lists = [&self.schedule, &self.state, &self.not, &self.reason, &self.trigger];
        for (name, list) in ["schedule", "state", "not", "reason", "trigger"].into_iter().zip(lists) {
            if let Some(list) = list {
                pairs.append_pair(name, list);
            }
        }
        for (name, at) in [("since", self.since), ("until", self.until)] {
            if let Some(at) = at {
                pairs.append_pair(name, &at.to_string());
            }
        }
        if let Some(limit) = self.limit {
            pairs.append_pair("limit", &limit.to_string());
        }
        if self.failed {
            pairs.append_pair("failed", "true");
        }
        pairs.finish()
    }

    fn filter(&self) -> HistoryFilter {
        let list = |words: &Option<String>| -> Vec<String> {
            words.iter().flat_map(|words| words.split(',')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        HistoryFilter {
            schedules: list(&self.schedule),
            states: list(&self.state),
            not: list(&self.not),
            ended: if self.failed { Ended::Failed } else { Ended::Anyhow },
            reasons: list(&self.reason),
            triggers: list(&self.trigger),
            since: self.since,
            until: self.until,
            limit: self.limit.unwrap_or(LISTED),
        }
    }
}

/// A row as `runs -o json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListedRun {
    #[serde(flatten)]
    pub run: RunSummary,
    #[serde(flatten)]
    pub spans: Spans,
}

/// Runs, and what people are told next to them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunList {
    /// Newest first by their times; of what has changed, in the order in which it did.
    pub runs: Vec<ListedRun>,
    /// By run, for those that have any.
    pub details: BTreeMap<String, Details>,
    /// What happened after this is asked for with `/runs/changed?after=`.
    pub seen: i64,
}

impl RunList {
    /// Those of a filter. `names`: the schedules of the files, which need not have run.
    ///
    /// # Errors
    /// Nobody knows a schedule that is asked for, or the history cannot be read.
    pub async fn ask(
        history: &History,
        names: &BTreeSet<String>,
        filter: &HistoryFilter,
        now: Timestamp,
    ) -> Result<RunList, NotTold> {
        known(history, names, &filter.schedules).await?;
        let (_, seen) = history.changed_since(i64::MAX).await?;
        let runs = history.list(filter).await?;
        let details = history.details_now(&runs, now).await?;
        Ok(RunList::of(runs, details, seen, now))
    }

    /// What has changed since another list was asked for.
    ///
    /// # Errors
    /// The history cannot be read.
    pub async fn changed(history: &History, after: i64, now: Timestamp) -> Result<RunList, NotTold> {
        let (runs, seen) = history.changed_since(after).await?;
        let details = history.details(&runs).await?;
        Ok(RunList::of(runs, details, seen, now))
    }

    fn of(runs: Vec<RunSummary>, details: BTreeMap<String, Details>, seen: i64, now: Timestamp) -> RunList {
        let listed = |run: RunSummary| ListedRun { spans: Spans::of(&run, now), run: run.without_template() };
        RunList { runs: runs.into_iter().map(listed).collect(), details, seen }
    }
}

/// What these schedules have come to, or all that have run where none is named.
///
/// # Errors
/// Nobody knows a schedule that is asked for, or the history cannot be read.
pub async fn digests_of(
    history: &History,
    names: &BTreeSet<String>,
    filter: &HistoryFilter,
) -> Result<Vec<Digest>, NotTold> {
    known(history, names, &filter.schedules).await?;
    let all = if filter.schedules.is_empty() { history.schedules().await? } else { filter.schedules.clone() };
    Ok(history.digests(&all, filter.since, filter.until).await?)
}

/// Refuses a schedule that neither the history nor the files know: a typo must not look like "nothing ran".
async fn known(history: &History, names: &BTreeSet<String>, wanted: &[String]) -> Result<(), NotTold> {
    for name in wanted.iter().filter(|name| !names.contains(*name)) {
        let filter = HistoryFilter { schedules: vec![name.clone()], limit: 1, ..HistoryFilter::default() };
        if !history.list(&filter).await?.is_empty() {
            continue;
        }
        let newest = history.list(&HistoryFilter { limit: NAMED_FROM, ..HistoryFilter::default() }).await?;
        let mut names = names.clone();
        names.extend(newest.into_iter().map(|run| run.schedule));
        let refusal = Refusal::new(Why::Missing, format!("there is no schedule `{name}`"));
        let hint = match names.is_empty() {
            true => "nothing has run yet".to_owned(),
            false => known_names(name, names.iter().map(String::as_str)),
        };
        return Err(refusal.hint(hint).into());
    }
    Ok(())
}

fn asked(query: Result<Query<RunQuery>, QueryRejection>) -> Result<HistoryFilter, Refusal> {
    let Query(query) = query.map_err(|_| {
        Refusal::new(Why::Wrong, "the filter cannot be read").hint(
            "`schedule`, `state`, `not`, `reason` and `trigger` are words with commas between, `since` and `until` instants such as \
             2026-11-23T07:00:00Z, `limit` is a number, and `failed` is `true` or `false`",
        )
    })?;
    let filter = query.filter();
    if filter.limit > MOST_LISTED {
        return Err(Refusal::new(Why::Wrong, format!("a daemon lists at most {MOST_LISTED} runs at once"))
            .hint("ask for a part by `--since` and `--until`"));
    }
    Ok(filter)
}

fn names(control: &Control) -> BTreeSet<String> {
    control.served().set.schedules.keys().map(ToString::to_string).collect()
}

pub(super) async fn runs(
    State(control): State<Arc<Control>>,
    query: Result<Query<RunQuery>, QueryRejection>,
) -> Result<Json<RunList>, Refusal> {
    let filter = asked(query)?;
    let history = opened(&control).await?;
    let list = RunList::ask(&history, &names(&control), &filter, control.clock.now()).await;
    history.close().await;
    Ok(Json(list?))
}

/// From which on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct After {
    after: i64,
}

pub(super) async fn changed(
    State(control): State<Arc<Control>>,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Json<RunList>, Refusal> {
    let Query(After { after }) = after.map_err(|_| {
        Refusal::new(Why::Wrong, "what has been seen cannot be read").hint("`after` is the number `seen` of a list")
    })?;
    let history = opened(&control).await?;
    let list = RunList::changed(&history, after, control.clock.now()).await;
    history.close().await;
    Ok(Json(list?))
}

pub(super) async fn digests(
    State(control): State<Arc<Control>>,
    query: Result<Query<RunQuery>, QueryRejection>,
) -> Result<Json<Vec<Digest>>, Refusal> {
    let filter = asked(query)?;
    let history = opened(&control).await?;
    let digests = digests_of(&history, &names(&control), &filter).await;
    history.close().await;
    Ok(Json(digests?))
}
