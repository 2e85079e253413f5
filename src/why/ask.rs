//! Reading what is known, and answering.

use jiff::Timestamp;

use super::answer::Why;
use super::decide::decide;
use super::facts::Facts;
use super::wanted::{self, NotMeant};
use crate::history::{History, HistoryError};
use crate::policy::holds::Holds;
use crate::schedule::Schedule;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Neither the files nor the history know the name.
    #[error("there is no schedule `{0}`, neither in the files nor in the history")]
    NoSchedule(String),
    /// The time cannot be told.
    #[error(transparent)]
    NotMeant(#[from] NotMeant),
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl Why {
    /// Answers for the time of a schedule that a person means by `text`; without one, for the last that was due.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn ask(
        history: Option<&History>,
        key: &str,
        schedule: Option<&Schedule>,
        holds: &mut Holds,
        text: Option<&str>,
        now: Timestamp,
    ) -> Result<Why, NoAnswer> {
        let facts = Facts::of(history, key, schedule, now).await?;
        let mut facts = facts.ok_or_else(|| NoAnswer::NoSchedule(key.to_owned()))?;
        let at = match (text, history) {
            (Some(text), _) => wanted::meant(&facts, text)?,
            (None, Some(history)) => wanted::last_due(&facts, facts.last_row(history).await?)?,
            (None, None) => wanted::last_due(&facts, None)?,
        };
        facts.read(history, at).await?;
        Ok(decide(facts, holds, at))
    }
}
