//! Sentences about names that nothing has.

use super::field::Field;
use crate::schedule::diagnostic::{Findings, quoted};
use crate::text;

/// What a name is looked up among.
#[derive(Clone, Copy, Debug)]
pub(super) enum Noun {
    Calendar,
    Connection,
    Pool,
    Schedule,
}

impl Noun {
    pub(super) fn name(self) -> &'static str {
        match self {
            Noun::Calendar => "calendar",
            Noun::Connection => "connection",
            Noun::Pool => "pool",
            Noun::Schedule => "schedule",
        }
    }

    /// Where one is described.
    fn home(self) -> &'static str {
        match self {
            Noun::Calendar => "`calendars`",
            Noun::Connection => "`connections`",
            Noun::Pool => "`limits` at the top of the file",
            Noun::Schedule => "`schedules`",
        }
    }
}

/// Tells that nothing has this name.
pub(super) fn unknown<'n>(
    field: &Field<'_>,
    noun: Noun,
    name: &str,
    known: impl ExactSizeIterator<Item = &'n String> + Clone,
    findings: &mut Findings,
) {
    let names = known.clone().map(String::as_str);
    let hint = match known.len() {
        0 => format!("describe it under {}", noun.home()),
        many if findings.may_compare(many) => text::known_names(name, names),
        _ => text::known(names),
    };
    field.error(&format!("unknown {} {}", noun.name(), quoted(name)), findings).hint(hint);
}
