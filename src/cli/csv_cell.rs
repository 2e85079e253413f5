//! One cell of `-o csv`: as it is, unless a spreadsheet would run it.

use serde_json::Value;

/// Columns whose text people or Orchestrator write. What we generate (an offset, a time) stays as it is.
const FREE_TEXT: [&str; 13] = [
    "note",
    "error",
    "output",
    "arguments",
    "folder",
    "process",
    "schedule",
    "connection",
    "queue_item",
    "actor",
    "message",
    "hint",
    "file",
];

/// A cell that a spreadsheet would run as a formula gets a quote in front (S41).
pub fn cell(column: &str, value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return other.to_string(),
    };
    if FREE_TEXT.contains(&column) && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text
    }
}
