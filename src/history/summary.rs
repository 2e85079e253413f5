//! Rows for people and machines. Names and order are those of the machine output and stay.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One run, as the view `history` shows it. Instants are RFC 3339 in UTC with milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSummary {
    pub run: String,
    pub schedule: String,
    pub trigger: String,
    pub nominal_at: String,
    pub nominal_until: Option<String>,
    pub count: Option<u64>,
    pub local: String,
    pub offset: String,
    pub fire_at: String,
    pub claimed_at: String,
    pub sent_at: Option<String>,
    pub accepted_at: Option<String>,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub note: Option<String>,
    pub error: Option<String>,
    pub connection: String,
    pub folder: Option<String>,
    pub process: Option<String>,
    pub queue_item: Option<String>,
    pub job_key: Option<String>,
    pub job_id: Option<i64>,
    pub reference: Option<String>,
    pub attempts: u32,
    pub jobs: Vec<JobLine>,
    pub waiting_until: Option<String>,
    pub actor: Option<String>,
    pub parent: Option<String>,
    pub retry_of: Option<String>,
    pub made_good_by: Option<String>,
    pub arguments: Option<Value>,
    pub output: Option<Value>,
    pub trace_id: Option<String>,
    pub held_for: Option<String>,
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
}

/// One line of a run's story.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunLine {
    pub at: String,
    pub state: String,
    pub reason: Option<String>,
    pub text: String,
}

/// A chore that has succeeded at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chore {
    pub name: String,
    pub last_ok_at: String,
}
