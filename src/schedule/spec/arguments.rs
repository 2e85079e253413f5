//! `start.arguments`: a YAML map that becomes the job's JSON input.
//!
//! What the robot gets is what the file says: text stays text, a number that JSON would not keep is refused. Templates are
//! checked here and stay as they are written until a run fills them in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::field::{Field, written};
use super::tree::{Entry, Kind, Node, Value};
use crate::schedule::diagnostic::{At, Findings, quoted};
use crate::schedule::template::{self, MOST_CHARS};

/// Reads the object; `env` are the variables that templates may name. `None`: something was told.
pub(super) fn read(
    field: &Field<'_>,
    env: &BTreeSet<String>,
    findings: &mut Findings,
) -> Option<serde_json::Map<String, Json>> {
    let name = field.named();
    let object = match &field.node.value {
        Value::Map(entries) => map(entries, field, env, findings),
        Value::List(_) | Value::Scalar(_) => {
            let what = format!("{name} must be a map of names and values");
            field.error(&what, findings).hint(format!("write `{}: {{ name: value }}`", field.key()));
            None
        }
    }?;
    let length = template::json_chars(&object);
    if length > MOST_CHARS {
        let what = format!("{name} is {length} characters as JSON, and at most {MOST_CHARS} are allowed");
        field.error_at(field.key_at, &what, findings).hint("pass the name of a file or of a queue item instead");
        return None;
    }
    Some(object)
}

fn map(
    entries: &[Entry],
    field: &Field<'_>,
    env: &BTreeSet<String>,
    findings: &mut Findings,
) -> Option<serde_json::Map<String, Json>> {
    let mut object = serde_json::Map::new();
    let mut places: BTreeMap<&str, At> = BTreeMap::new();
    let mut fine = true;
    for entry in entries {
        if let Some(first) = places.insert(&entry.key, entry.key_at) {
            let what = format!("{}: the name {} stands twice", field.named(), quoted(&entry.key));
            let finding = field.error_at(entry.key_at, &what, findings);
            finding.hint("keep one of the two").also(first, "first here");
            fine = false;
            continue;
        }
        fine &= plain_name(&entry.key, entry.key_at, field, findings);
        match json(&entry.value, field, env, findings) {
            Some(value) => {
                object.insert(entry.key.clone(), value);
            }
            None => fine = false,
        }
    }
    fine.then_some(object)
}

fn json(node: &Node, field: &Field<'_>, env: &BTreeSet<String>, findings: &mut Findings) -> Option<Json> {
    match &node.value {
        Value::Map(entries) => map(entries, field, env, findings).map(Json::Object),
        Value::List(items) => {
            let values: Vec<Option<Json>> = items.iter().map(|item| json(item, field, env, findings)).collect();
            values.into_iter().collect::<Option<Vec<Json>>>().map(Json::Array)
        }
        Value::Scalar(scalar) => match &scalar.kind {
            Kind::Null => Some(Json::Null),
            Kind::Bool(value) => Some(Json::Bool(*value)),
            Kind::Number(number) => Some(Json::Number(number.clone())),
            Kind::Text => fits(&scalar.text, node.at, field, env, findings).then(|| Json::String(scalar.text.clone())),
            Kind::Inexact => {
                let what = format!("{}: a number that JSON cannot hold as it is written", field.named());
                field.error_at(node.at, &what, findings).hint("put quotes around it to pass it as a text");
                None
            }
        },
    }
}

/// Whether the templates in a text can be read.
pub(super) fn fits(text: &str, at: At, field: &Field<'_>, env: &BTreeSet<String>, findings: &mut Findings) -> bool {
    match template::check(text, env) {
        Ok(()) => true,
        Err(slip) => {
            let part = written(at, text).map_or(at, |whole| whole.part(slip.span));
            field.error_at(part, &format!("{}: {}", field.named(), slip.message), findings).hint(slip.hint);
            false
        }
    }
}

fn plain_name(name: &str, at: At, field: &Field<'_>, findings: &mut Findings) -> bool {
    if name.contains("${") {
        let what = format!("{}: the name of an argument cannot be a template", field.named());
        field.error_at(at, &what, findings).hint("templates stand in values; write the argument's own name");
        return false;
    }
    true
}
