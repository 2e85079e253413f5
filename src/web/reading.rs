//! Questions to the history, for whoever may call: nobody needs a right on the state folder for them.
//!
//! Each answer is what the command prints with `-o json`, from the one query that the command has where no daemon runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::answer::{Refusal, Why};
use super::control::Control;
use super::job_link::job_link;
use crate::history::{DeedLine, Details, Found, History, HistoryError, RunLine, RunSummary, Spans};
use crate::run::FrozenPolicy;

/// As many deeds as are told where nobody says how many.
const DEEDS: u32 = 50;

/// As `show -o json` prints a run: a row of `runs`, and what its schedule said at the claim.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownRun {
    /// The row.
    #[serde(flatten)]
    pub run: RunSummary,
    /// How late it was, how long it waited for a robot, and how long it ran.
    #[serde(flatten)]
    pub spans: Spans,
    /// What its schedule said.
    pub policy: Option<FrozenPolicy>,
    /// Its job's page in Orchestrator, where that is known.
    pub job_link: Option<String>,
}

/// How a run came to be what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunStory {
    /// Line by line.
    pub lines: Vec<RunLine>,
    /// Its arguments where nobody has filled them in, since it was not sent.
    pub template: Option<Value>,
    /// How many starts it may have.
    pub starts_allowed: Option<u32>,
    /// Why its last job was to stop, if it was.
    pub to_stop: Option<String>,
    /// How long its schedule usually takes, in milliseconds, for one that is running.
    #[serde(default)]
    pub usual_ms: Option<i64>,
    /// It was given up and its job may still run, so that it keeps its schedule back.
    #[serde(default)]
    pub counts: bool,
}

/// Which deeds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct DeedFilter {
    /// From this on.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

impl ShownRun {
    /// All that is known of the run that a person names: an id, or the beginning or end of one.
    ///
    /// # Errors
    /// There is none, or more than one; or the history cannot be read.
    /// `address` gives where a connection leads by the files.
    pub async fn find(
        history: &History,
        named: &str,
        address: impl Fn(&str) -> Option<Url>,
        now: Timestamp,
    ) -> Result<(ShownRun, RunStory), NotTold> {
        let run = found(history, named).await?;
        let policy = history.policy(&run.run).await?;
        let lines = history.lines(&run.run).await?;
        let details = history.details_now(std::slice::from_ref(&run), now).await?;
        let Details { run: _, starts_allowed, to_stop, usual_ms, counts } =
            details.get(&run.run).cloned().unwrap_or_default();
        let place = match run.job_key {
            Some(_) => history.job_place(&run.run).await?,
            None => None,
        };
        let job_link = match (&run.job_key, place, address(&run.connection)) {
            (Some(key), Some(place), Some(base)) => job_link(&base, key, &place),
            (_, _, _) => None,
        };
        let template = if run.is_filled() { None } else { run.arguments.clone() };
        let story = RunStory { lines, template, starts_allowed, to_stop, usual_ms, counts };
        let spans = Spans::of(&run, now);
        Ok((ShownRun { run: run.without_template(), spans, policy, job_link }, story))
    }
}

async fn found(history: &History, named: &str) -> Result<RunSummary, NotTold> {
    Ok(match history.find(named).await? {
        Found::One(run) => *run,
        Found::None => Err(Refusal::new(Why::Missing, format!("there is no run `{named}`"))
            .hint("`punctual runs` lists them; the end of an id is enough"))?,
        Found::Several(ids) => Err(Refusal::new(Why::Wrong, format!("`{named}` may mean several runs"))
            .hint(format!("write more of it: {}", ids.join(", "))))?,
    })
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum NotTold {
    /// The history cannot be read.
    Unreadable(HistoryError),
    /// What is asked about is not there, or not named well.
    Refused(Refusal),
}

impl From<HistoryError> for NotTold {
    fn from(cause: HistoryError) -> NotTold {
        NotTold::Unreadable(cause)
    }
}

impl From<Refusal> for NotTold {
    fn from(refusal: Refusal) -> NotTold {
        NotTold::Refused(refusal)
    }
}

/// As the daemon says it: its log says more.
impl From<NotTold> for Refusal {
    fn from(none: NotTold) -> Refusal {
        match none {
            NotTold::Refused(refusal) => refusal,
            NotTold::Unreadable(cause) => {
                tracing::warn!("The history cannot be read: {cause}");
                Refusal::new(Why::Unable, "the daemon's database cannot be read").hint("its log says why")
            }
        }
    }
}

pub(super) async fn opened(control: &Control) -> Result<History, NotTold> {
    Ok(History::open(&control.state_dir).await?)
}

pub(super) async fn run(
    State(control): State<Arc<Control>>,
    Path(named): Path<String>,
) -> Result<Json<ShownRun>, Refusal> {
    Ok(Json(shown(&control, &named).await?.0))
}

pub(super) async fn story(
    State(control): State<Arc<Control>>,
    Path(named): Path<String>,
) -> Result<Json<RunStory>, Refusal> {
    Ok(Json(shown(&control, &named).await?.1))
}

async fn shown(control: &Control, named: &str) -> Result<(ShownRun, RunStory), NotTold> {
    let set = control.served().set;
    let address = |name: &str| {
        let connection = set.connections.values().find(|connection| connection.name.as_str() == name);
        connection.map(|connection| connection.url.clone())
    };
    let history = opened(control).await?;
    let shown = ShownRun::find(&history, named, address, control.clock.now()).await;
    history.close().await;
    shown
}

pub(super) async fn audit(
    State(control): State<Arc<Control>>,
    filter: Result<Query<DeedFilter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<DeedLine>>, Refusal> {
    let Query(DeedFilter { since, until, limit }) = filter.map_err(|_| {
        Refusal::new(Why::Wrong, "the filter cannot be read")
            .hint("`since` and `until` are instants such as 2026-11-23T07:00:00Z, `limit` is a number")
    })?;
    let history = opened(&control).await?;
    let deeds = history.deeds(since, until, limit.unwrap_or(DEEDS)).await;
    history.close().await;
    Ok(Json(deeds.map_err(NotTold::from)?))
}
