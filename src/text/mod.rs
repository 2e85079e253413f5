//! The small things that texts for people are made of, each once: which known name was meant, durations, lists in words, errors
//! with their causes, and what is too long.
//!
//! It is the lowest module: whoever writes a sentence may use it. Each thing has one reader and one writer, so that what one
//! command prints another one takes, and a limit that is tightened is tightened everywhere.
//!
//! Absent: what must not be shown (`witness`), and instants, which belong to zones (`recurrence`).

mod chain;
mod cut;
mod duration;
mod list;
mod nearest;
mod pattern;
mod shell;

pub use chain::{causes, chain, innermost};
pub use cut::cut;
pub use duration::{NotADuration, duration, exactly, in_columns, roughly};
pub use list::{all, both, counted, either, first, listed, quoted};
pub use nearest::{MOST_NAMES, known, known_names, nearest, within};
pub use pattern::NamePattern;
pub use shell::in_shell;
