//! The JSON Schema of schedule files, for editors: what `punctual schema` prints.
//!
//! Made from the reader's own table of keys, so that it can say neither more nor less than the reader takes. Keys that are
//! not built yet are left out: an editor marks them, as `check` does.

use serde_json::{Map, Value, json};

use super::name::ScheduleKey;
use super::spec::keys::{self, Need, Section, Shape, Stage};
use crate::grant::{Facts, GrantKind, Style};

/// The schema of what is built now, JSON Schema 2020-12.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let mut schema = section(&keys::FILE, &mut definitions);
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("punctual schedule file"));
    schema.insert("patternProperties".into(), json!({ "^x-": { "description": "Ignored; may hold anchors" } }));
    schema.insert("$defs".into(), Value::Object(definitions));
    Value::Object(schema)
}

fn section(section: &'static Section, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in section.keys {
        if key.stage != Stage::Built {
            continue;
        }
        let mut shape = shape(key.shape, definitions);
        shape.insert("description".into(), json!(key.about));
        properties.insert(key.name.into(), Value::Object(shape));
        if key.need == Need::Required {
            required.push(key.name);
        }
    }
    let mut schema = Map::new();
    schema.insert("description".into(), json!(section.about));
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    schema.insert("additionalProperties".into(), json!(false));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    rules(section.name, &mut schema);
    schema
}

/// What holds between keys.
fn rules(name: &str, schema: &mut Map<String, Value>) {
    match name {
        "schedule" => {
            let one = json!([{ "required": ["cron"] }, { "required": ["every"] }, { "required": ["at"] }]);
            schema.insert("oneOf".into(), one);
            schema.insert("dependentRequired".into(), json!({ "anchor": ["every"], "quartz": ["cron"] }));
        }
        "blackout" => {
            schema.insert("oneOf".into(), json!([{ "required": ["cron"] }, { "required": ["at"] }]));
        }
        "catch_up" => {
            let all = json!({ "properties": { "policy": { "const": "all" } }, "required": ["policy"] });
            schema.insert("dependentSchemas".into(), json!({ "max": all }));
        }
        "timeout" => {
            let times = ["soft", "pending", "at", "kill_after"].map(|key| json!({ "required": [key] }));
            schema.insert("anyOf".into(), json!(times));
            schema.insert("dependentRequired".into(), json!({ "on_pending": ["pending"] }));
            let counted = json!({ "properties": { "on_server": { "const": true } }, "required": ["on_server"] });
            schema.insert("if".into(), counted);
            schema.insert("then".into(), json!({ "required": ["pending", "soft"] }));
        }
        "auth" => {
            let refused = |keys: Vec<&str>| -> Map<String, Value> {
                keys.into_iter().map(|key| (key.to_owned(), json!(false))).collect()
            };
            let rule = |kind: GrantKind| {
                let Facts { word, needs, .. } = kind.facts();
                let word = json!({ "const": word });
                let mut surplus: Vec<&str> = kind.facts().surplus().collect();
                // Of two grants with one word, the one that has a style of its own refuses more.
                match GrantKind::ALL.into_iter().find(|other| *other != kind && other.facts().word == kind.facts().word)
                {
                    Some(other) if kind.facts().style == Style::Account => {
                        surplus.retain(|key| !other.facts().surplus().any(|same| same == *key));
                        let account = json!({ "grant": word, "style": { "const": "account" } });
                        let account = json!({ "allOf": [{ "properties": account }, { "required": ["style"] }] });
                        json!({ "if": account, "then": { "properties": refused(surplus) } })
                    }
                    Some(_) | None => json!({
                        "if": { "properties": { "grant": word } },
                        "then": { "required": needs, "properties": refused(surplus) },
                    }),
                }
            };
            let mut rules: Vec<Value> = GrantKind::ALL.into_iter().map(rule).collect();
            rules.push(json!({
                "if": { "properties": { "grant": { "not": { "const": "refresh_token" } } } },
                "then": { "properties": { "style": { "not": { "const": "account" } } } },
            }));
            schema.insert("allOf".into(), json!(rules));
        }
        "start" | "defaults" => {
            schema.insert("not".into(), json!({ "required": ["folder", "folder_id"] }));
        }
        _ => {}
    }
}

fn shape(shape: Shape, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    // A number is taken as the text it is written as.
    let text = json!({ "type": ["string", "number"], "minLength": 1, "maxLength": 1000 });
    let schema = match shape {
        Shape::Version => json!({ "const": 1 }),
        Shape::Text => text,
        Shape::Texts | Shape::Names => many(&json!({ "type": "string", "minLength": 1 })),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::TimeOfDay => json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
        Shape::FolderNumber => json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX }),
        Shape::Duration => {
            json!({ "type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2 })
        }
        Shape::Instant => instant(),
        Shape::Instants => many(&instant()),
        Shape::Dates => many(&date()),
        Shape::Bound => json!({ "anyOf": [date(), instant()] }),
        Shape::Url => json!({ "type": "string", "format": "uri", "pattern": "^https?://[^@?#]+$" }),
        Shape::Secret => {
            json!({ "type": "string", "pattern": "^(credential:[A-Za-z0-9_.-]+|file:.+|env:[A-Za-z0-9_.-]+)$" })
        }
        Shape::Choice(names) => json!({ "enum": names.built() }),
        Shape::Words(names) => many(&json!({ "enum": names.built() })),
        Shape::Object => json!({ "type": "object" }),
        Shape::Moment | Shape::Listen => json!({ "type": "string", "minLength": 2 }),
        Shape::List(inner) => json!({ "type": "array", "items": reference(inner, definitions), "minItems": 1 }),
        Shape::Map(inner) => reference(inner, definitions),
        Shape::MapOrNone(inner) => json!({ "anyOf": [reference(inner, definitions), { "const": "none" }] }),
        Shape::Named(inner) => {
            let pattern = format!("^[A-Za-z0-9._-]{{1,{}}}$", ScheduleKey::MAX_CHARS);
            json!({
                "type": "object",
                "propertyNames": { "pattern": pattern },
                "additionalProperties": reference(inner, definitions),
            })
        }
    };
    match schema {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn instant() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}" })
}

fn date() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
}

fn many(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
}

fn reference(inner: &'static Section, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(inner.name) {
        let schema = section(inner, definitions);
        definitions.insert(inner.name.into(), Value::Object(schema));
    }
    json!({ "$ref": format!("#/$defs/{}", inner.name) })
}
