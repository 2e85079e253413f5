//! Which folder a schedule means.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A folder as the file says it. Stored as it was written: a text, or a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FolderChoice {
    /// `folder`: the full name, else the last part of a path, else a number in digits.
    Named(String),
    /// `folder_id`: Orchestrator's number, from 1, as web addresses show it (`fid=345`).
    Number(i64),
}

impl fmt::Display for FolderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderChoice::Named(name) => f.write_str(name),
            FolderChoice::Number(number) => write!(f, "{number}"),
        }
    }
}
