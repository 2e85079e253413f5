//! `POST /schedules/KEY/skip`: people skip a single coming time.
//!
//! Absent: which time is meant (`meant`).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::holding::{held_back, hold, refused};
use super::meant::{NotMeant, meant, meant_of};
use super::once::Caller;
use crate::dispatcher::core::{CommandRefused, HoldingCommand, HoldingDone, HoldingRefused, SkipHow};
use crate::recurrence::spoken;
use crate::schedule::{ScheduleKey, ScheduleSet};
use crate::text::{all, known_names, quoted};

/// Skip one coming time, or do not skip it after all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipRequest {
    /// Which time, as a person writes it; see [`meant`]. None: the next one.
    pub at: Option<String>,
    /// Which of both.
    pub how: SkipWay,
    /// Why.
    pub reason: Option<String>,
}

/// Whether a time is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipWay {
    /// It is.
    Skip,
    /// It is not after all.
    Undo,
}

/// Which time it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkipAnswer {
    /// Whose.
    pub schedule: String,
    /// Which nominal time.
    pub nominal_at: Timestamp,
    /// The same as it reads in the schedule's zone, with the offset. A daemon of an older version does not say.
    #[serde(default)]
    pub local: Option<String>,
    /// That zone.
    #[serde(default)]
    pub zone: Option<String>,
}

pub(super) async fn skip(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Path(schedule): Path<String>,
    Body(request): Body<SkipRequest>,
) -> Result<Json<SkipAnswer>, Refusal> {
    let SkipRequest { at, how, reason } = request;
    let at = match at {
        Some(text) => Some(time_of(&control, &schedule, &text, how).await?),
        None => None,
    };
    let how = match how {
        SkipWay::Skip => SkipHow::Skip,
        SkipWay::Undo => SkipHow::Undo,
    };
    let set = control.served().set;
    let tell = move |done: &HoldingDone| SkipAnswer::of(done, &set);
    hold(&control, &caller, HoldingCommand::Skip { schedule, at, how, reason }, tell).await
}

impl SkipAnswer {
    fn of(done: &HoldingDone, set: &ScheduleSet) -> Option<SkipAnswer> {
        match done {
            HoldingDone::Skipped(schedule, nominal_at) | HoldingDone::Unskipped(schedule, nominal_at) => {
                let zone = set.schedules.get(schedule).map(|schedule| schedule.recurrence.zone());
                Some(SkipAnswer {
                    schedule: schedule.to_string(),
                    nominal_at: *nominal_at,
                    local: zone.map(|zone| spoken(zone, *nominal_at)),
                    zone: zone.map(|zone| zone.name().to_owned()),
                })
            }
            HoldingDone::Paused { .. } | HoldingDone::Resumed { .. } => None,
        }
    }
}

/// The time that is meant. One that is not to be skipped after all may be none of the schedule's any more: its files may be others since.
async fn time_of(control: &Control, name: &str, text: &str, how: SkipWay) -> Result<Timestamp, Refusal> {
    let set = control.served().set;
    let Some(schedule) = set.schedules.get(name) else {
        let hint = known_names(name, set.schedules.keys().map(ScheduleKey::as_str));
        return Err(refused(&CommandRefused::Holding(HoldingRefused::NoSchedule { name: name.to_owned(), hint })));
    };
    let (recurrence, now) = (&schedule.recurrence, control.clock.now());
    let unclear = |why: &NotMeant| not_meant(name, why);
    if how == SkipWay::Undo {
        let marks = held_back(control).await?.skips;
        let marked: Vec<Timestamp> =
            marks.iter().filter(|mark| mark.schedule == schedule.key).map(|mark| mark.nominal_at).collect();
        if let Some(at) = meant_of(text, recurrence.zone(), &marked, now).map_err(|why| unclear(&why))? {
            return Ok(at);
        }
    }
    meant(text, recurrence, now).map(|time| time.at).map_err(|why| unclear(&why))
}

fn not_meant(schedule: &str, why: &NotMeant) -> Refusal {
    let (message, hint) = match why {
        NotMeant::Unreadable(_) => (
            why.to_string(),
            "write a time as `punctual next` shows it, `2026-11-23 07:00`, `tomorrow 07:00`, `07:00`, or a date; it is read in the \
             schedule's zone unless it has an offset"
                .to_owned(),
        ),
        NotMeant::NoTime { wanted, zone, nearest } => (
            format!("`{schedule}` has no coming time {wanted} in {zone}, its zone"),
            match nearest.as_slice() {
                [] => "it has no coming time at all".to_owned(),
                times => format!("the nearest there: {}", all(times)),
            },
        ),
        NotMeant::Several { wanted, zone, times } => (
            format!("`{schedule}` has several coming times {wanted} in {zone}, its zone"),
            format!("say which: {}", quoted(times)),
        ),
    };
    Refusal::new(Why::Wrong, message).hint(hint)
}
