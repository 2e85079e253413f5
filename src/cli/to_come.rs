//! Commands that are not built yet, each with what to do instead: a person who knows what a scheduler can do types them, and "a similar
//! subcommand exists" would send them to another one.
//!
//! A row goes when its command is there.

use clap::error::{ContextKind, ContextValue};

use super::failure::{Exit, Failure};

const TO_COME: [(&str, &str); 3] = [
    ("incident", "`punctual status` shows first what waits for a person, each with its command"),
    (
        "notify",
        "a monitor can call `punctual status`: it ends with 1 while something waits for a person, and with 3 without a daemon",
    ),
    ("web", "`punctual status` and `punctual runs` show the same in a terminal"),
];

/// The failure that names it, if that is what clap did not know.
pub(super) fn not_built(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let (name, instead) = TO_COME.iter().find(|(known, _)| known == name)?;
    Some(Failure::new(Exit::Usage, format!("`punctual {name}` is not built yet")).hint(*instead))
}
