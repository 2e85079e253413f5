//! Templates `${…}` in arguments: text that is filled in for each run.
//!
//! Pure, one pass, no code: a template can name a fact of the run, move a time and give it a shape, and nothing else. It is
//! filled in inside a text of the JSON *value*, never in JSON's own spelling, so no fact can add a key or end a text.
//! Files keep the template; a run that is claimed takes one with it in which all but the facts of an attempt is filled in
//! (`attempt`; semantics.md 12a, 18).
//!
//! Absent: where the facts come from, and templates in the names of arguments.

mod attempt;
mod fact;
mod moment;

pub use attempt::{ArgumentTemplate, AttemptFacts};
pub(in crate::schedule) use fact::{MOST_CHARS, json_chars};
pub use fact::{Slip, TemplateContext, TemplateError, check};
