//! Rows for people and machines. Names and order are those of the machine output and stay.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::columns::{columns_of_history, summary};
use super::shown::{Shown, ShownState};
use crate::run::{HeldFor, RunId};
use crate::schedule::Trigger;

columns_of_history!(summary);

impl RunSummary {
    /// Whether its arguments are those of a start: a time that never ran keeps the template of its schedule.
    pub fn is_filled(&self) -> bool {
        self.attempts > 0 || self.arguments.as_ref().is_none_or(|arguments| !arguments.to_string().contains("${"))
    }

    /// Without arguments that nobody has filled in: a program would take `${nominal}` for a value.
    pub fn without_template(self) -> RunSummary {
        if self.is_filled() { self } else { RunSummary { arguments: None, ..self } }
    }

    /// The end of its id, as tables show it: it is random, and any command takes it.
    pub fn short(&self) -> &str {
        self.run.get(self.run.len().saturating_sub(RunId::SHORT_CHARS)..).unwrap_or(&self.run)
    }
}

/// One attempt's job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobLine {
    pub n: u32,
    pub attempt: u32,
    pub reference: String,
    pub job_key: Option<String>,
    pub job_id: Option<i64>,
    pub state: Option<String>,
    /// When it was to be made, for one that follows another.
    #[serde(default)]
    pub due_at: Option<String>,
    #[serde(default)]
    pub sent_at: Option<String>,
    /// When its job began on a robot and when it ended, by Orchestrator's clock.
    #[serde(default)]
    pub started_at: Option<String>,
    #[serde(default)]
    pub ended_at: Option<String>,
    #[serde(default)]
    pub ended_as: Option<String>,
    /// `account`, `business`, `infrastructure`, `application`.
    #[serde(default)]
    pub fault: Option<String>,
    #[serde(default)]
    pub account: Option<String>,
    /// `pending`, `soft`, `at`, `overlap`, or who.
    #[serde(default)]
    pub stopped_by: Option<String>,
    #[serde(default)]
    pub stop_asked_at: Option<String>,
}

/// One line of a run's story.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunLine {
    pub at: String,
    #[serde(flatten)]
    pub state: ShownState,
    pub text: String,
}

/// A chore that has succeeded at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chore {
    pub name: String,
    pub last_ok_at: String,
}

/// What somebody did by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeedLine {
    pub at: String,
    /// Who, as the daemon knows them: a user's name and number, or `daemon`.
    pub actor: String,
    /// The command: `pause`, `resolve`, `login` …
    pub action: String,
    /// What it was done to: a run, a schedule, a connection …
    pub subject: String,
    pub detail: Option<String>,
}
