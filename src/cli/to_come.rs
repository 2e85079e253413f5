//! Commands that are not built yet, each with what to do instead: a person who knows what a scheduler can do types them, and "a similar
//! subcommand exists" would send them to another one.
//!
//! A row goes when its command is there.

use clap::error::{ContextKind, ContextValue};

use super::failure::{Exit, Failure};

const TO_COME: [(&str, &str); 2] = [
    (
        "retry",
        "`punctual start SCHEDULE` starts what the file says now; `retry:` in the schedule file has failed jobs tried again",
    ),
    (
        "backfill",
        "`punctual start SCHEDULE` starts what the file says now; `catch_up:` in the schedule file has late times made good",
    ),
];

/// The failure that names it, if that is what clap did not know.
pub(super) fn not_built(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let (name, instead) = TO_COME.iter().find(|(known, _)| known == name)?;
    Some(Failure::new(Exit::Usage, format!("`punctual {name}` is not built yet")).hint(*instead))
}
