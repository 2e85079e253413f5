//! Arguments of a run in which everything is filled in but what each attempt has anew: `${attempt}`, `${reference}` and `${fire…}`
//! (semantics.md 18).
//!
//! Kept as a tree of what is done and what is open, not as text with templates in it: a fact may end with `$`, and the text that follows
//! it would then read as another template.
//!
//! Absent: when an attempt is made (`run`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fact::{Fact, Moment, Part, TemplateContext, TemplateError, not_too_long, parts_of, read_fact};
use crate::recurrence::Zone;
use crate::schedule::model::StartSpec;

/// What an attempt fills in.
#[derive(Clone, Copy, Debug)]
pub struct AttemptFacts<'a> {
    /// When it was to be sent: nominal plus jitter, or the time of a retry.
    pub fire: Timestamp,
    /// Counted from 1.
    pub attempt: u16,
    /// The `Reference` under which Orchestrator will know its job.
    pub reference: &'a str,
}

/// A run's arguments, open only where an attempt fills them in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentTemplate {
    /// The schedule's zone, in which times are written.
    zone: String,
    /// By name, in their order.
    arguments: Vec<(String, Node)>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Node {
    /// As it is sent.
    Done(Value),
    /// One text, of parts.
    Text(Vec<TextPart>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TextPart {
    Plain(String),
    /// What was written between `${` and `}`.
    Open(String),
}

impl StartSpec {
    /// The arguments with all filled in but what each attempt has anew. None where an attempt fills in nothing: then
    /// [`StartSpec::render`] is all that is needed.
    ///
    /// # Errors
    /// [`TemplateError`] when a fact is missing.
    pub fn freeze(&self, context: &TemplateContext<'_>) -> Result<Option<ArgumentTemplate>, TemplateError> {
        let arguments = freeze_map(self.arguments.iter().flatten(), context)?;
        let open = arguments.iter().any(|(_, node)| !matches!(node, Node::Done(_)));
        Ok(open.then(|| ArgumentTemplate { zone: context.zone.name().to_owned(), arguments }))
    }
}

impl ArgumentTemplate {
    /// The arguments of one attempt.
    ///
    /// # Errors
    /// [`TemplateError`] when the result is too long, or its zone is not known any more.
    pub fn fill_in(&self, facts: &AttemptFacts<'_>) -> Result<Map<String, Value>, TemplateError> {
        let zone = Zone::find(&self.zone).map_err(|_| TemplateError::ZoneGone(self.zone.clone()))?;
        not_too_long(fill_map(&self.arguments, facts, &zone)?)
    }
}

fn freeze_map<'m>(
    entries: impl Iterator<Item = (&'m String, &'m Value)>,
    context: &TemplateContext<'_>,
) -> Result<Vec<(String, Node)>, TemplateError> {
    entries.map(|(name, value)| Ok((name.clone(), freeze_value(value, context)?))).collect()
}

fn freeze_value(value: &Value, context: &TemplateContext<'_>) -> Result<Node, TemplateError> {
    let node = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Done(value.clone()),
        Value::String(text) => freeze_text(text, context)?,
        Value::Array(items) => {
            Node::List(items.iter().map(|item| freeze_value(item, context)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => Node::Map(freeze_map(entries.iter(), context)?),
    };
    Ok(closed(node))
}

/// What has nothing open in it is done.
fn closed(node: Node) -> Node {
    match node {
        Node::List(items) if items.iter().all(|item| matches!(item, Node::Done(_))) => {
            Node::Done(items.into_iter().filter_map(done).collect())
        }
        Node::Map(entries) if entries.iter().all(|(_, node)| matches!(node, Node::Done(_))) => {
            let entries = entries.into_iter().filter_map(|(name, node)| Some((name, done(node)?)));
            Node::Done(Value::Object(entries.collect()))
        }
        Node::Done(_) | Node::Text(_) | Node::List(_) | Node::Map(_) => node,
    }
}

fn done(node: Node) -> Option<Value> {
    match node {
        Node::Done(value) => Some(value),
        Node::Text(_) | Node::List(_) | Node::Map(_) => None,
    }
}

fn freeze_text(text: &str, context: &TemplateContext<'_>) -> Result<Node, TemplateError> {
    let mut parts: Vec<TextPart> = Vec::new();
    let mut plain = String::new();
    for part in parts_of(text)? {
        let fact = match part {
            Part::Plain(text) => {
                plain.push_str(text);
                continue;
            }
            Part::Fact(fact) => fact,
        };
        let open = match fact {
            Fact::Attempt => "attempt",
            Fact::Reference => "reference",
            Fact::Time { of: Moment::Fire, written, .. } => written,
            Fact::Time { of: Moment::Nominal | Moment::Previous, .. } | Fact::Schedule | Fact::Run | Fact::Env(_) => {
                plain.push_str(&fact.value(context)?);
                continue;
            }
        };
        if !plain.is_empty() {
            parts.push(TextPart::Plain(std::mem::take(&mut plain)));
        }
        parts.push(TextPart::Open(open.to_owned()));
    }
    if parts.is_empty() {
        return Ok(Node::Done(Value::String(plain)));
    }
    if !plain.is_empty() {
        parts.push(TextPart::Plain(plain));
    }
    Ok(Node::Text(parts))
}

fn fill_map(
    entries: &[(String, Node)],
    facts: &AttemptFacts<'_>,
    zone: &Zone,
) -> Result<Map<String, Value>, TemplateError> {
    entries.iter().map(|(name, node)| Ok((name.clone(), fill(node, facts, zone)?))).collect()
}

fn fill(node: &Node, facts: &AttemptFacts<'_>, zone: &Zone) -> Result<Value, TemplateError> {
    Ok(match node {
        Node::Done(value) => value.clone(),
        Node::Text(parts) => Value::String(fill_text(parts, facts, zone)?),
        Node::List(items) => Value::Array(items.iter().map(|item| fill(item, facts, zone)).collect::<Result<_, _>>()?),
        Node::Map(entries) => Value::Object(fill_map(entries, facts, zone)?),
    })
}

fn fill_text(parts: &[TextPart], facts: &AttemptFacts<'_>, zone: &Zone) -> Result<String, TemplateError> {
    let AttemptFacts { fire, attempt, reference } = *facts;
    // Only facts of the attempt are open, so the others are never asked for.
    let env = BTreeMap::new();
    let (nominal, previous) = (fire, None);
    let context =
        TemplateContext { nominal, previous, fire, schedule: "", run: "", attempt, reference, zone, env: &env };
    let mut filled = String::new();
    for part in parts {
        match part {
            TextPart::Plain(text) => filled.push_str(text),
            TextPart::Open(written) => {
                let fact = read_fact(written, None)
                    .map_err(|(message, _)| TemplateError::Unreadable { text: written.clone(), message })?;
                filled.push_str(&fact.value(&context)?);
            }
        }
    }
    Ok(filled)
}
