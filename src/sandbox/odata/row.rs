//! What the options of a query know of the rows they are about.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Number,
    Text,
    Flag,
    Guid,
    Time,
    /// Text out of a list; its position may be used as well (`State eq '4'`).
    OneOf(&'static [&'static str]),
    /// Can be selected, but not compared.
    Opaque,
}

/// A property of an entity.
pub(in super::super) type Property = (&'static str, Kind);

/// The value of a property in one row.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Scalar<'a> {
    Absent,
    Flag(bool),
    Number(i64),
    Text(&'a str),
    Guid(Uuid),
    Time(Timestamp),
}

/// A row that can be filtered, ordered and shown.
pub(in super::super) trait Row {
    /// The entity's context, after `$metadata#`.
    const CONTEXT: &'static str;
    /// Every property, spelled as the contract spells it.
    const PROPERTIES: &'static [Property];
    /// The value of the property with this very spelling.
    fn scalar(&self, property: &str) -> Scalar<'_>;
    /// All of it.
    fn render(&self) -> Map<String, Value>;
}

/// The property with this name, in any case.
pub(super) fn find_property(properties: &'static [Property], name: &str) -> Option<Property> {
    properties.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).copied()
}

/// The query is not one the service would answer; the reason is for the sandbox's log, the service does not give it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in super::super) struct BadQuery(pub(super) String);

impl<'a> From<&'a str> for Scalar<'a> {
    fn from(text: &'a str) -> Scalar<'a> {
        Scalar::Text(text)
    }
}

impl<'a, T: Into<Scalar<'a>>> From<Option<T>> for Scalar<'a> {
    fn from(value: Option<T>) -> Scalar<'a> {
        value.map_or(Scalar::Absent, Into::into)
    }
}

impl From<i64> for Scalar<'_> {
    fn from(value: i64) -> Self {
        Scalar::Number(value)
    }
}

impl From<Uuid> for Scalar<'_> {
    fn from(value: Uuid) -> Self {
        Scalar::Guid(value)
    }
}

impl From<Timestamp> for Scalar<'_> {
    fn from(value: Timestamp) -> Self {
        Scalar::Time(value)
    }
}
