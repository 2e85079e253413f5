//! `POST /schedules/KEY/backfill`: a person has times of the past made good; the same call shows which these are.
//!
//! Which times are taken is decided from rows that have ended, which do not change any more; the dispatcher leaves out what is open, and
//! writes the `audit` row in the transaction that claims the runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::nominal::edge;
use super::once::Caller;
use super::start::{refused_by_hand, unable};
use super::stop::{StopAnswer, StopRequest, stop};
use crate::clock::{earlier, later};
use crate::dispatcher::core::{
    BackfillCommand, BackfillDone, BackfillRefused, CommandRefused, Done, MOST_TIMES, StopCommand, StopWaiting,
};
use crate::history::{History, HistoryFilter, RunSummary, Shown};
use crate::policy::backfill::{Choice, Kind, Row, decide};
use crate::recurrence::{Excluded, Nominal, Recurrence, spoken};
use crate::run::RunState;
use crate::schedule::{OverlapPolicy, Schedule, ScheduleKey, Timing, Trigger};
use crate::text::{known_names, quoted};

/// Times are whole seconds: what is this much later is after one and before the next.
const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

/// So many rows of a range are looked through; each is a few hundred bytes for a moment.
const MOST_ROWS: u32 = 20_000;

/// So many times that a pattern has in a range are looked through one by one.
const MOST_TIMES_LOOKED_AT: usize = 100_000;

/// What to do about a range with too much in it.
const SHORTER: &str = "ask for a part of it: `--until` ends the range earlier";

/// Which times are to be made good, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillRequest {
    /// The first instant of the range, as a person writes it, read in the schedule's zone.
    pub from: String,
    /// The first instant after it. None: now.
    #[serde(default)]
    pub until: Option<String>,
    /// What is taken besides what was missed.
    #[serde(default)]
    pub include: Vec<String>,
    /// What an older run does to each. None: one after another.
    #[serde(default)]
    pub overlap: Option<OverlapPolicy>,
    /// Only show what would be taken.
    #[serde(default)]
    pub dry_run: bool,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What is made good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillAnswer {
    /// Each time that is taken, the oldest first.
    pub times: Vec<BackfillTime>,
    /// How many more would be taken by the same call once more: one takes a thousand.
    pub more: usize,
    /// What of the range is not taken, by why, with how many.
    pub left: Vec<(String, usize)>,
}

/// One time that is made good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillTime {
    /// Which.
    pub nominal_at: Timestamp,
    /// As it reads in the schedule's zone.
    pub local: String,
    /// What became of it.
    pub kind: String,
    /// Its run; none where it was only asked what would be taken.
    pub run: Option<Uuid>,
}

pub(super) async fn backfill(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(request): Body<BackfillRequest>,
) -> Result<Json<BackfillAnswer>, Refusal> {
    let set = control.served().set;
    let Some(schedule) = set.schedules.get(schedule.as_str()).cloned() else {
        let known = set.schedules.keys().map(ScheduleKey::as_str);
        return Err(Refusal::new(Why::Missing, format!("there is no schedule `{schedule}`"))
            .hint(known_names(&schedule, known)));
    };
    let named = named(&request.include)?;
    let (now, zone) = (control.clock.now(), schedule.recurrence.zone());
    let from = edge(&request.from, zone, now, None)?;
    let until =
        request.until.as_deref().map(|text| edge(text, zone, now, Some(from))).transpose()?.unwrap_or(now).min(now);
    if from >= until {
        return Err(Refusal::new(
            Why::Wrong,
            format!("nothing lies between {} and {}", spoken(zone, from), spoken(zone, until)),
        )
        .hint("`--from` is the first instant, and `--until` the first one after the range; times to come run by themselves"));
    }
    let chosen = choose(&control, &schedule, from, until, &named).await?;
    let times: Vec<(Timestamp, Kind)> = chosen.taken.iter().take(MOST_TIMES).copied().collect();
    let offer = Offer {
        more: chosen.taken.len().saturating_sub(times.len()),
        left: chosen.left.into_iter().map(|(why, count)| (why.to_owned(), count)).collect(),
        times: times.iter().map(|(at, kind)| (*at, spoken(zone, *at), *kind)).collect(),
    };
    if request.dry_run || times.is_empty() {
        return Ok(Json(offer.shown()));
    }
    let command = BackfillCommand {
        schedule: schedule.key.to_string(),
        times: times.iter().map(|(at, _)| *at).collect(),
        overlap: request.overlap,
        reason: request.reason,
    };
    let kept = offer.clone();
    let by = caller.by(move |done| {
        let Done::Backfilled(done) = done else { return None };
        Some(kept.taken(done))
    });
    let done = control.dispatcher.backfill(command, by).await.map_err(|cause| refused(&cause))?;
    Ok(Json(offer.taken(&done)))
}

/// What would be made good, with all that is told of it.
#[derive(Clone, Debug)]
struct Offer {
    times: Vec<(Timestamp, String, Kind)>,
    more: usize,
    left: Vec<(String, usize)>,
}

impl Offer {
    /// As it is, where nothing is started.
    fn shown(self) -> BackfillAnswer {
        let time = |(at, local, kind): (Timestamp, String, Kind)| BackfillTime {
            nominal_at: at,
            local,
            kind: kind.name().to_owned(),
            run: None,
        };
        BackfillAnswer { times: self.times.into_iter().map(time).collect(), more: self.more, left: self.left }
    }

    /// What of it has a run now: the rest was open by then.
    fn taken(&self, done: &BackfillDone) -> BackfillAnswer {
        let runs: BTreeMap<Timestamp, Uuid> = done.runs.iter().map(|(at, run)| (*at, run.0)).collect();
        let mut answer = self.clone().shown();
        answer.times.iter_mut().for_each(|time| time.run = runs.get(&time.nominal_at).copied());
        answer.times.retain(|time| time.run.is_some());
        answer
    }
}

/// Calls off what of a schedule is to be made good and was never sent.
pub(super) async fn cancel(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(request): Body<StopRequest>,
) -> Result<Json<StopAnswer>, Refusal> {
    let of = StopWaiting::Backfill;
    stop(&control, &caller, StopCommand::Waiting { schedule, of, reason: request.reason }).await
}

fn named(include: &[String]) -> Result<BTreeSet<Kind>, Refusal> {
    let find = |name: &String| {
        Kind::NAMED.into_iter().find(|kind| kind.name() == name.as_str()).ok_or_else(|| {
            Refusal::new(Why::Wrong, format!("`{name}` cannot be included"))
                .hint(format!("there are {}", quoted(Kind::NAMED.map(Kind::name))))
        })
    };
    include.iter().map(find).collect()
}

/// What of a range is taken, and what is not.
#[derive(Debug, Default)]
struct Chosen {
    taken: Vec<(Timestamp, Kind)>,
    left: BTreeMap<&'static str, usize>,
}

async fn choose(
    control: &Control,
    schedule: &Schedule,
    from: Timestamp,
    until: Timestamp,
    named: &BTreeSet<Kind>,
) -> Result<Chosen, Refusal> {
    let unreadable = |cause: &dyn std::fmt::Display| {
        tracing::error!("The history cannot be read for a back-fill: {cause}");
        Refusal::new(Why::Unable, "the daemon's history cannot be read").hint("its log says why")
    };
    let history = History::open(&control.state_dir).await.map_err(|cause| unreadable(&cause))?;
    let filter = HistoryFilter {
        schedules: vec![schedule.key.to_string()],
        since: Some(from),
        until: Some(until),
        limit: MOST_ROWS + 1,
        ..HistoryFilter::default()
    };
    let read = async { Ok((history.list(&filter).await?, history.planned(schedule.key.as_str()).await?)) };
    let read: Result<_, crate::history::HistoryError> = read.await;
    history.close().await;
    let (rows, planned) = read.map_err(|cause| unreadable(&cause))?;
    if rows.len() > usize::try_from(MOST_ROWS).unwrap_or(usize::MAX) {
        return Err(Refusal::new(
            Why::Wrong,
            format!("there are more than {MOST_ROWS} runs of `{}` in it", schedule.key),
        )
        .hint(SHORTER));
    }
    let mut times: BTreeMap<Timestamp, Vec<Row>> = BTreeMap::new();
    for row in &rows {
        let (Some(at), Some(own)) = (row.nominal_at.parse::<Timestamp>().ok(), own_row(row)) else { continue };
        match row.nominal_until.as_ref().and_then(|until| until.parse::<Timestamp>().ok()) {
            None => times.entry(at).or_default().push(own),
            Some(last) => {
                let versions = &planned.versions;
                let timing = versions.iter().rev().find(|(loaded_at, _)| *loaded_at <= at).or(versions.first());
                let compiled = timing.and_then(|(_, timing)| serde_json::from_str::<Timing>(timing).ok());
                let recurrence = compiled.and_then(|timing| timing.compile(schedule.key.as_str()).ok());
                let recurrence = recurrence.unwrap_or_else(|| schedule.recurrence.clone());
                for at in kept(&recurrence, at.max(from), last.min(just_before(until)))? {
                    times.entry(at).or_default().push(own);
                }
            }
        }
    }
    if named.contains(&Kind::Unplanned) {
        let planned_until = planned.mark.unwrap_or(until).min(just_before(until));
        for at in kept(&schedule.recurrence, from, planned_until)? {
            times.entry(at).or_default();
        }
    }
    let mut chosen = Chosen::default();
    let is_time =
        |at: Timestamp| schedule.recurrence.previous_before(later(at, A_MOMENT)).is_some_and(|time| time.at == at);
    // What a person has started for a moment of its own is none of the schedule's times.
    let of_plan = |at: Timestamp, rows: &[Row]| rows.iter().any(|row| row.trigger.is_planned()) || is_time(at);
    let in_range = |(at, rows): &(Timestamp, Vec<Row>)| (from..until).contains(at) && of_plan(*at, rows);
    for (at, rows) in times.into_iter().filter(in_range) {
        let why = match decide(&rows, named) {
            Choice::Taken(kind) => {
                chosen.taken.push((at, kind));
                continue;
            }
            Choice::Open => "open",
            Choice::Succeeded => "succeeded",
            // Nothing is known to have gone wrong with what no plan had.
            Choice::NotNamed(Kind::Unplanned) => continue,
            Choice::NotNamed(kind) => kind.name(),
            Choice::Never => "other",
        };
        *chosen.left.entry(why).or_default() += 1;
    }
    Ok(chosen)
}

fn own_row(run: &RunSummary) -> Option<Row> {
    let trigger: Trigger = match &run.trigger {
        Shown::Known(trigger) => *trigger,
        Shown::Other(_) => return None,
    };
    let state: RunState = run.state.known()?;
    Some(Row { trigger, state })
}

/// The times of a pattern from `first` to `last` that its calendar keeps.
///
/// # Errors
/// They are too many to be looked at: none of them is left out without a word.
fn kept(recurrence: &Recurrence, first: Timestamp, last: Timestamp) -> Result<Vec<Timestamp>, Refusal> {
    let times = std::iter::successors(recurrence.next_after(just_before(first)), |time| recurrence.next_after(time.at));
    let times = times.take_while(|time| time.at <= last);
    let times: Vec<Nominal> = times.take(MOST_TIMES_LOOKED_AT + 1).collect();
    if times.len() > MOST_TIMES_LOOKED_AT {
        return Err(Refusal::new(Why::Wrong, format!("more than {MOST_TIMES_LOOKED_AT} times lie in it")).hint(SHORTER));
    }
    Ok(times.into_iter().filter(|time| time.excluded == Excluded::No).map(|time| time.at).collect())
}

fn just_before(at: Timestamp) -> Timestamp {
    earlier(at, A_MOMENT)
}

fn refused(cause: &CommandRefused) -> Refusal {
    let CommandRefused::Backfill(refused) = cause else { return unable(cause) };
    let hint = match refused {
        BackfillRefused::ByHand(refused) => return refused_by_hand(refused),
        BackfillRefused::Disabled(_) => "take `enabled: false` out of its file first".to_owned(),
        BackfillRefused::AllOpen(_) => "`punctual runs --trigger backfill` shows how far they are".to_owned(),
    };
    Refusal::new(Why::NotNow, refused.to_string()).hint(hint)
}
