//! A value that a schedule and `defaults` can both give.

use super::field::Field;
use super::foreign_cure::is_off;
use super::tree::{Kind, Value};
use crate::schedule::diagnostic::Findings;

/// The word that takes back what `defaults` say, and so no name of a pool or of a calendar.
pub(super) const NONE: &str = "none";

/// A value that other values depend on.
#[derive(Clone, Debug, Default)]
pub(super) enum Given<T> {
    #[default]
    Absent,
    /// It was told; nothing that follows from it is told as well.
    Wrong,
    /// `none`: a schedule takes back what `defaults` say.
    TakenBack,
    Here(T),
}

impl<T> Given<T> {
    /// Whether anything is said: what a schedule may take back.
    pub(super) fn is_said(&self) -> bool {
        !matches!(self, Given::Absent)
    }
}

impl<T: Clone> Given<T> {
    pub(super) fn or(&self, other: &Given<T>) -> Given<T> {
        match self {
            Given::Absent => other.clone(),
            Given::Wrong => Given::Wrong,
            Given::TakenBack => Given::TakenBack,
            Given::Here(value) => Given::Here(value.clone()),
        }
    }

    /// `None`: something was told. `Some(None)`: nothing was said.
    pub(super) fn settled(&self) -> Option<Option<&T>> {
        match self {
            Given::Absent | Given::TakenBack => Some(None),
            Given::Wrong => None,
            Given::Here(value) => Some(Some(value)),
        }
    }
}

/// Whether a value says that there is to be none, and what that comes to. None: it says something else.
pub(super) fn taken_back<T>(
    field: &Field<'_>,
    defaults: Option<&Given<T>>,
    findings: &mut Findings,
) -> Option<Given<T>> {
    let said = defaults.is_some_and(Given::is_said);
    let (word, off) = match &field.node.value {
        Value::Scalar(scalar) if scalar.kind == Kind::Null => ("", said),
        Value::Scalar(scalar) => (scalar.text.trim(), scalar.text.trim().is_empty() || is_off(Some(scalar))),
        Value::Map(entries) => ("", entries.is_empty() && said),
        Value::List(items) => ("", items.is_empty()),
    };
    if !off {
        return None;
    }
    let key = field.key();
    match (said, word) {
        (true, NONE) => return Some(Given::TakenBack),
        (true, _) => {
            let what = format!("{} is taken back by the word `{NONE}`", field.named());
            field.error(&what, findings).hint(format!("write `{key}: {NONE}`, and what `defaults` say does not hold"));
        }
        (false, _) => {
            let what = format!("{} takes back what `defaults` say, and they say nothing of it", field.named());
            field.error(&what, findings).hint(format!("take `{key}` out; there is none unless it is written"));
        }
    }
    Some(Given::Wrong)
}
