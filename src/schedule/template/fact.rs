//! What a template names, and what it comes to for a run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::moment::{Face, Shift, Told, check_format, read_shift, time_text};
use crate::recurrence::Zone;
use crate::schedule::diagnostic::quoted;
use crate::schedule::model::StartSpec;
use crate::text::nearest;

/// Orchestrator takes no more; .NET counts UTF-16 units.
pub(in crate::schedule) const MOST_CHARS: usize = 10_000;

/// Whatever a template may name, for hints.
const NAMES: [&str; 13] = [
    "nominal",
    "nominal.date",
    "nominal.time",
    "previous",
    "previous.date",
    "previous.time",
    "fire",
    "fire.date",
    "fire.time",
    "schedule",
    "run",
    "attempt",
    "reference",
];

/// The facts that a run's templates are filled in with.
#[derive(Clone, Copy, Debug)]
pub struct TemplateContext<'a> {
    /// When the run was meant.
    pub nominal: Timestamp,
    /// The schedule's time before that ([`crate::schedule::Schedule::previous_time`]); without one, its templates are empty texts.
    pub previous: Option<Timestamp>,
    /// When this attempt was to be sent: nominal plus jitter, or the time of a retry.
    pub fire: Timestamp,
    /// The schedule's key.
    pub schedule: &'a str,
    /// The run's id.
    pub run: &'a str,
    /// Counted from 1.
    pub attempt: u16,
    /// The `Reference` under which Orchestrator will know the job.
    pub reference: &'a str,
    /// The schedule's zone, in which times are written.
    pub zone: &'a Zone,
    /// The variables that `daemon.allow_env` names, as far as they are set.
    pub env: &'a BTreeMap<String, String>,
}

/// Arguments that cannot be filled in for a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not written as this version reads it: the file was checked by another one.
    #[error("the template in `{text}` cannot be read: {message}")]
    Unreadable {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// `env:NAME` of a variable that is not set.
    #[error("the environment variable `{0}` is not set for the daemon; set it in the unit, or take `${{env:{0}}}` out")]
    NotSet(String),
    /// A shift beyond what instants can be.
    #[error("`${{{0}}}` leads to a time that is out of range; write a smaller shift")]
    OutOfRange(String),
    /// A zone that the time zone database of today does not know.
    #[error("the time zone `{0}`, in which the templates' times are written, is not known any more")]
    ZoneGone(String),
    /// More than Orchestrator takes.
    #[error(
        "the arguments are {0} characters as JSON once their templates are filled in, and at most 10000 are allowed"
    )]
    TooLong(usize),
}

/// What is wrong with a template as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: String,
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
}

impl StartSpec {
    /// Whether filling it in needs the schedule's time before: finding that costs some look-ups.
    pub fn names_previous(&self) -> bool {
        fn names(value: &Value) -> bool {
            match value {
                Value::Null | Value::Bool(_) | Value::Number(_) => false,
                Value::String(text) => text.contains("${previous"),
                Value::Array(items) => items.iter().any(names),
                Value::Object(entries) => entries.values().any(names),
            }
        }
        self.arguments.iter().flat_map(Map::values).any(names)
    }

    /// The arguments with every template filled in; empty when there are none.
    ///
    /// # Errors
    /// [`TemplateError`] when a fact is missing or the result is too long. Nothing may be started then.
    pub fn render(&self, context: &TemplateContext<'_>) -> Result<Map<String, Value>, TemplateError> {
        not_too_long(render_map(self.arguments.iter().flatten(), context)?)
    }
}

pub(super) fn not_too_long(arguments: Map<String, Value>) -> Result<Map<String, Value>, TemplateError> {
    let length = json_chars(&arguments);
    if length > MOST_CHARS { Err(TemplateError::TooLong(length)) } else { Ok(arguments) }
}

/// The length of arguments as Orchestrator counts it.
pub(in crate::schedule) fn json_chars(arguments: &Map<String, Value>) -> usize {
    serde_json::to_string(arguments).unwrap_or_default().encode_utf16().count()
}

fn render_map<'m>(
    entries: impl Iterator<Item = (&'m String, &'m Value)>,
    context: &TemplateContext<'_>,
) -> Result<Map<String, Value>, TemplateError> {
    entries.map(|(name, value)| Ok((name.clone(), render_value(value, context)?))).collect()
}

fn render_value(value: &Value, context: &TemplateContext<'_>) -> Result<Value, TemplateError> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => Value::String(render_text(text, context)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| render_value(item, context)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => Value::Object(render_map(entries.iter(), context)?),
    })
}

fn render_text(text: &str, context: &TemplateContext<'_>) -> Result<String, TemplateError> {
    let parts = parts_of(text)?;
    let mut filled = String::with_capacity(text.len());
    for part in parts {
        match part {
            Part::Plain(plain) => filled.push_str(plain),
            Part::Fact(fact) => filled.push_str(&fact.value(context)?),
        }
    }
    Ok(filled)
}

pub(super) fn parts_of(text: &str) -> Result<Vec<Part<'_>>, TemplateError> {
    read(text, None).map_err(|slip| TemplateError::Unreadable { text: text.to_owned(), message: slip.message })
}

/// Checks a text of the file; `allowed` are the names of `daemon.allow_env`.
///
/// # Errors
/// [`Slip`] with the bytes that are wrong.
pub fn check(text: &str, allowed: &BTreeSet<String>) -> Result<(), Slip> {
    read(text, Some(allowed)).map(|_| ())
}

/// A text taken apart.
#[derive(Debug)]
pub(super) enum Part<'t> {
    Plain(&'t str),
    Fact(Fact<'t>),
}

/// What stands between `${` and `}`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fact<'t> {
    Time { written: &'t str, of: Moment, face: Face, shift: Shift, format: Option<&'t str> },
    Schedule,
    Run,
    Attempt,
    Reference,
    Env(&'t str),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    Nominal,
    Previous,
    Fire,
}

fn read<'t>(text: &'t str, allowed: Option<&BTreeSet<String>>) -> Result<Vec<Part<'t>>, Slip> {
    let mut parts = Vec::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find("${").map(|n| from + n) {
        if text[..found].ends_with('$') && found > done {
            // `$${` is the text `${`: one of the two signs is dropped.
            parts.push(Part::Plain(&text[done..found]));
            done = found + 1;
            from = found + 2;
            continue;
        }
        parts.push(Part::Plain(&text[done..found]));
        let inside = found + 2;
        let Some(end) = text[inside..].find('}').map(|n| inside + n) else {
            return Err(Slip {
                message: "a template begins with `${` and is never closed".to_owned(),
                hint: "close it with `}`; write `$${` if the text `${` is meant".to_owned(),
                span: found..text.len(),
            });
        };
        let fact = read_fact(&text[inside..end], allowed).map_err(|(message, hint)| Slip {
            message,
            hint,
            span: found..end + 1,
        })?;
        parts.push(Part::Fact(fact));
        done = end + 1;
        from = done;
    }
    parts.push(Part::Plain(&text[done..]));
    Ok(parts)
}

pub(super) fn read_fact<'t>(written: &'t str, allowed: Option<&BTreeSet<String>>) -> Result<Fact<'t>, Told> {
    if let Some(name) = written.strip_prefix("env:") {
        return read_env(name, allowed);
    }
    let (head, format) = match written.split_once(':') {
        Some((head, format)) => (head, Some(format)),
        None => (written, None),
    };
    let (name, shift) = match head.find(['+', '-']) {
        Some(sign) => (&head[..sign], Some(&head[sign..])),
        None => (head, None),
    };
    let (of, face) = match name {
        "nominal" => (Moment::Nominal, Face::Whole),
        "nominal.date" => (Moment::Nominal, Face::Date),
        "nominal.time" => (Moment::Nominal, Face::Time),
        "previous" => (Moment::Previous, Face::Whole),
        "previous.date" => (Moment::Previous, Face::Date),
        "previous.time" => (Moment::Previous, Face::Time),
        "fire" => (Moment::Fire, Face::Whole),
        "fire.date" => (Moment::Fire, Face::Date),
        "fire.time" => (Moment::Fire, Face::Time),
        "schedule" | "run" | "attempt" | "reference" if shift.is_some() || format.is_some() => {
            let message = format!("`{name}` in a template is no time, and cannot be moved or formatted");
            return Err((message, format!("write `${{{name}}}`")));
        }
        "schedule" => return Ok(Fact::Schedule),
        "run" => return Ok(Fact::Run),
        "attempt" => return Ok(Fact::Attempt),
        "reference" => return Ok(Fact::Reference),
        other => return Err(unknown(other)),
    };
    let shift = shift.map_or(Ok(Shift::None), read_shift)?;
    if let Some(format) = format {
        check_format(format, face)?;
    }
    Ok(Fact::Time { written, of, face, shift, format })
}

fn unknown(name: &str) -> Told {
    let plain = name.trim();
    let message = match plain {
        "" => "a template names nothing".to_owned(),
        _ if name != plain => "spaces stand around the name in a template".to_owned(),
        _ => format!("unknown name {} in a template", quoted(plain)),
    };
    let hint = match nearest(plain, NAMES) {
        Some(meant) if name != plain => format!("write `${{{meant}}}`, without spaces"),
        Some(meant) => format!("did you mean `${{{meant}}}`? Write `$${{` if no template is meant"),
        None => {
            "known are `nominal`, `nominal.date`, `nominal.time`, `previous`, `fire`, `schedule`, `run`, `attempt`, \
             `reference` and `env:NAME`; write `$${` if no template is meant"
                .to_owned()
        }
    };
    (message, hint)
}

fn read_env<'t>(name: &'t str, allowed: Option<&BTreeSet<String>>) -> Result<Fact<'t>, Told> {
    match allowed {
        Some(allowed) if !allowed.contains(name) => {
            let message = format!("the environment variable {} may not be used here", quoted(name));
            let hint = match nearest(name, allowed.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `${{env:{meant}}}`? Others go into `daemon.allow_env` first"),
                None => {
                    "name it in `daemon: { allow_env: […] }` first; its value will be seen in the history".to_owned()
                }
            };
            Err((message, hint))
        }
        Some(_) | None => Ok(Fact::Env(name)),
    }
}

impl Fact<'_> {
    pub(super) fn value(self, context: &TemplateContext<'_>) -> Result<String, TemplateError> {
        Ok(match self {
            Fact::Schedule => context.schedule.to_owned(),
            Fact::Run => context.run.to_owned(),
            Fact::Attempt => context.attempt.to_string(),
            Fact::Reference => context.reference.to_owned(),
            Fact::Env(name) => context.env.get(name).cloned().ok_or_else(|| TemplateError::NotSet(name.to_owned()))?,
            Fact::Time { written, of, face, shift, format } => {
                let moment = match of {
                    Moment::Nominal => Some(context.nominal),
                    Moment::Fire => Some(context.fire),
                    Moment::Previous => context.previous,
                };
                match moment {
                    Some(at) => time_text(at, context.zone, face, shift, format)
                        .ok_or_else(|| TemplateError::OutOfRange(written.to_owned()))?,
                    None => String::new(),
                }
            }
        })
    }
}
