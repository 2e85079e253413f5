//! `GET /schedules/KEY/why?at=TIME`: why a time ran or did not, as `why -o json` prints it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Refusal, Why as Refused};
use super::control::Control;
use super::holding::held_back;
use super::instant::instant;
use super::reading::{NotTold, opened};
use crate::history::History;
use crate::policy::holds::Holds;
use crate::recurrence::spoken;
use crate::schedule::{ScheduleKey, ScheduleSet};
use crate::text::known_names;
use crate::why::{NoAnswer, NotMeant, Why};

/// Of which time. A person's words: only the daemon knows in which zone the schedule's times are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WhyQuestion {
    /// None: the last that was due.
    pub at: Option<String>,
}

/// The answer. Fields are stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyAnswer {
    pub schedule: String,
    pub nominal_at: String,
    /// The same in the schedule's zone, with the offset.
    pub local: String,
    /// That zone.
    pub zone: String,
    /// In one word.
    pub answer: String,
    pub run: Option<String>,
    pub reason: Option<String>,
    pub sentence: String,
    pub evidence: Vec<String>,
    /// What can be done.
    pub cure: Option<String>,
}

impl WhyAnswer {
    /// Answers from what is known here. `set`: what the files say, if they can be read.
    ///
    /// # Errors
    /// No such schedule, no such time, or the history cannot be read.
    pub async fn ask(
        history: Option<&History>,
        set: Option<&ScheduleSet>,
        holds: &mut Holds,
        (name, text): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<WhyAnswer, NotTold> {
        let schedule = set.and_then(|set| set.schedules.get(name)).map(|schedule| &**schedule);
        let why = Why::ask(history, name, schedule, holds, text, now).await;
        why.map(|why| WhyAnswer::of(&why)).map_err(|none| not_told(none, set, name))
    }

    fn of(why: &Why) -> WhyAnswer {
        WhyAnswer {
            schedule: why.schedule.clone(),
            nominal_at: instant(why.nominal_at),
            local: spoken(&why.zone, why.nominal_at),
            zone: why.zone.name().to_owned(),
            answer: why.answer.name().to_owned(),
            run: why.answer.run().map(str::to_owned),
            reason: why.answer.reason().map(str::to_owned),
            sentence: why.sentence(),
            evidence: why.evidence(),
            cure: why.cure(),
        }
    }
}

fn not_told(none: NoAnswer, set: Option<&ScheduleSet>, name: &str) -> NotTold {
    let said = none.to_string();
    let refusal = match none {
        NoAnswer::History(cause) => return NotTold::from(cause),
        NoAnswer::NoSchedule(_) => match set {
            Some(set) => Refusal::new(Refused::Missing, said)
                .hint(known_names(name, set.schedules.keys().map(ScheduleKey::as_str))),
            None => Refusal::new(Refused::Missing, format!("the history has no schedule `{name}`"))
                .hint("mend the files first: what they say of it cannot be read"),
        },
        NoAnswer::NotMeant(NotMeant::Several { times, .. }) => {
            let times = times.join("`, `");
            Refusal::new(Refused::Wrong, format!("`{name}`: {said}")).hint(format!("name one of them: `{times}` …"))
        }
        NoAnswer::NotMeant(NotMeant::Unreadable(_)) => Refusal::new(Refused::Wrong, said).hint(
            "write a time of day such as `06:00`, a day such as `yesterday` or `2026-11-23`, both, or what `punctual runs` prints",
        ),
        NoAnswer::NotMeant(NotMeant::None) => Refusal::new(Refused::Wrong, format!("`{name}`: {said}")),
    };
    NotTold::from(refusal)
}

pub(super) async fn why(
    State(control): State<Arc<Control>>,
    Path(schedule): Path<String>,
    Query(WhyQuestion { at }): Query<WhyQuestion>,
) -> Result<Json<WhyAnswer>, Refusal> {
    let (set, now) = (control.served().set, control.clock.now());
    let held = held_back(&control).await?;
    let mut holds = Holds::new(held.pauses, held.skips, &set);
    let history = opened(&control).await?;
    let asked = (schedule.as_str(), at.as_deref());
    let answer = WhyAnswer::ask(Some(&history), Some(&set), &mut holds, asked, now).await;
    history.close().await;
    Ok(Json(answer?))
}
