//! What of a run's arguments and output stays in the history (semantics.md 26).
//!
//! Arguments are needed as they are for as long as a start may be sent again, so they are replaced once that is over, not when
//! the run is claimed. A hash tells equal from different, and nothing more; whoever can guess the value can check the guess, so
//! what must not be found again is dropped.
//!
//! Absent: when a run is past its start (`run`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What stays of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// All of it.
    #[default]
    Keep,
    /// Its SHA-256, as `{"sha256":"…"}`.
    Hash,
    /// Nothing.
    Drop,
}

/// What stays of a schedule's runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChoice {
    /// Of the arguments that were sent.
    pub arguments: Kept,
    /// Of the output that came back.
    pub output: Kept,
}

impl Kept {
    /// What stays of arguments; the hash is of their JSON text as it was sent.
    pub fn of_arguments(self, arguments: Option<Map<String, Value>>) -> Option<Map<String, Value>> {
        match self {
            Kept::Keep => arguments,
            Kept::Hash => arguments.map(|arguments| hashed(&Value::Object(arguments).to_string())),
            Kept::Drop => None,
        }
    }

    /// What stays of an output; the hash is of the JSON text as it came.
    pub fn of_output(self, output: Option<String>) -> Option<String> {
        match self {
            Kept::Keep => output,
            Kept::Hash => output.map(|output| Value::Object(hashed(&output)).to_string()),
            Kept::Drop => None,
        }
    }
}

fn hashed(text: &str) -> Map<String, Value> {
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Map::from_iter([("sha256".to_owned(), Value::String(digest))])
}
