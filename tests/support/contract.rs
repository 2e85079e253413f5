//! Checks requests and answers against UiPath's own description of its API (OpenAPI 3.0).
//!
//! The file is not ours, so it is not in the repository: `PUNCTUAL_CONTRACT` names it, else it is looked for next to the
//! package. Without it tests go on unchecked and say so; with `PUNCTUAL_CONTRACT_REQUIRED=1` they fail. Each check is
//! appended to the file named by `PUNCTUAL_CONTRACT_TALLY`, one line each, so that a script can count over all test binaries.
//!
//! Where the description and the servers differ, this is stricter on what we send and milder on what comes back: a field
//! of ours that it does not declare is refused, as older servers then read no body at all; `null` in an answer stands for
//! any field that is not required, as it never says `nullable` where servers do send it; and a `$select` lifts `required`.
//!
//! Absent from the description, so exempt: token calls, `GetByKey` of jobs, error answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// Larger values of `$top` are refused, says the parameter's description, not its schema.
const MAX_TOP: i64 = 1000;

/// UiPath's description, ready to check against.
pub(crate) struct Contract {
    operations: Vec<Operation>,
    schemas: Map<String, Value>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
    requests: AtomicUsize,
    answers: AtomicUsize,
    exempt: AtomicUsize,
    tally: Option<PathBuf>,
}

struct Operation {
    method: String,
    template: Vec<Piece>,
    name: String,
    spec: Value,
}

enum Piece {
    Literal(String),
    Parameter(String),
}

/// What is wrong, one line each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violations(pub(crate) Vec<String>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Which way a body goes: what it may hold differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    Sent,
    Answered,
    /// With `$select`.
    AnsweredInPart,
}

impl Contract {
    /// Finds and reads the description; `None`, with a notice, when it is not there.
    #[expect(clippy::print_stderr, reason = "the notice is for who runs the tests")]
    pub(crate) fn load() -> Option<Contract> {
        let sibling = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contract/orchestrator.json");
        let path = std::env::var_os("PUNCTUAL_CONTRACT").map_or(sibling, PathBuf::from);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let document = serde_json::from_slice(&bytes).expect("the contract is JSON");
                let tally = std::env::var_os("PUNCTUAL_CONTRACT_TALLY").map(PathBuf::from);
                Some(Contract { tally, ..Contract::from_json(&document) })
            }
            Err(cause) => {
                let required = std::env::var_os("PUNCTUAL_CONTRACT_REQUIRED").is_some_and(|value| value == "1");
                assert!(!required, "the contract cannot be read: {}: {cause}", path.display());
                eprintln!("notice: no contract at {}: requests and answers go unchecked", path.display());
                None
            }
        }
    }

    /// Takes a description.
    pub(crate) fn from_json(document: &Value) -> Contract {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().expect("the contract has paths") {
            for (method, spec) in methods.as_object().expect("a path has methods") {
                operations.push(Operation {
                    method: method.to_uppercase(),
                    template: pieces(path),
                    name: format!("{} {path}", method.to_uppercase()),
                    spec: spec.clone(),
                });
            }
        }
        Contract {
            operations,
            schemas: document["components"]["schemas"].as_object().cloned().unwrap_or_default(),
            validators: Mutex::default(),
            requests: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            exempt: AtomicUsize::new(0),
            tally: None,
        }
    }

    /// Checks one request. `path` is what stands after the connection's base, `query` what stands after the `?`.
    pub(crate) fn check_request(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(String, String)],
        body: Option<&Value>,
    ) -> Result<(), Violations> {
        if is_exempt(path) {
            return self.pass(&self.exempt, "exempt", method, path);
        }
        let (operation, found) = self.operation(method, path)?;
        let mut wrong = Vec::new();
        self.check_parameters(operation, &found, query, headers, &mut wrong);
        self.check_sent_body(operation, body, &mut wrong);
        self.verdict(wrong, &self.requests, "request", operation)
    }

    /// Checks one answer. `path` may carry the request's query after a `?`, so that `$select` is seen.
    pub(crate) fn check_response(
        &self,
        method: &str,
        path: &str,
        status: u16,
        body: Option<&Value>,
    ) -> Result<(), Violations> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if is_exempt(path) || status >= 400 {
            return self.pass(&self.exempt, "exempt", method, path);
        }
        let (operation, _) = self.operation(method, path)?;
        let selected = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "$select");
        let way = if selected { Way::AnsweredInPart } else { Way::Answered };
        let mut wrong = Vec::new();
        match &operation.spec["responses"][status.to_string()] {
            Value::Null => wrong.push(format!("status {status} is not declared")),
            answer => match (body_schema(answer), body) {
                (Some(schema), Some(body)) => self.check_value(schema, body, way, "answer", &mut wrong),
                (Some(_), None) => wrong.push("the answer has no body".to_owned()),
                (None, Some(Value::Null) | None) => {}
                (None, Some(_)) => wrong.push("the answer has a body where none is declared".to_owned()),
            },
        }
        self.verdict(wrong, &self.answers, "answer", operation)
    }

    fn operation(&self, method: &str, path: &str) -> Result<(&Operation, BTreeMap<String, String>), Violations> {
        let path = format!("/{}", path.trim_start_matches('/'));
        self.operations
            .iter()
            .filter(|operation| operation.method.eq_ignore_ascii_case(method))
            .filter_map(|operation| Some((operation, matched(&operation.template, &path)?)))
            // The most literal template is meant: `Jobs/…StopJobs`, not `{entity}/{action}`.
            .max_by_key(|(operation, _)| literal_len(&operation.template))
            .ok_or_else(|| Violations(vec![format!("{method} {path} is not in the contract")]))
    }

    fn check_parameters(
        &self,
        operation: &Operation,
        found: &BTreeMap<String, String>,
        query: &str,
        headers: &[(String, String)],
        wrong: &mut Vec<String>,
    ) {
        let none = Vec::new();
        let declared = operation.spec["parameters"].as_array().unwrap_or(&none);
        let options: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let known: BTreeSet<&str> =
            declared.iter().filter(|parameter| parameter["in"] == "query").filter_map(|p| p["name"].as_str()).collect();
        for (name, value) in &options {
            if !known.contains(name.as_str()) {
                wrong.push(format!("query option `{name}` is not declared"));
            }
            if name == "$top" && value.parse::<i64>().is_ok_and(|top| top > MAX_TOP) {
                wrong.push(format!("query option `$top` is {value}, more than {MAX_TOP}"));
            }
        }
        for parameter in declared {
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            let values: Vec<&String> = match place {
                "path" => found.get(name).into_iter().collect(),
                "query" => options.iter().filter(|(option, _)| option == name).map(|(_, value)| value).collect(),
                "header" => headers
                    .iter()
                    .filter(|(header, _)| header.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
                    .collect(),
                _ => continue,
            };
            let schema = &parameter["schema"];
            if parameter["required"] == true && values.is_empty() {
                wrong.push(format!("{place} parameter `{name}` is missing"));
            }
            if schema["type"] != "array" && values.len() > 1 {
                wrong.push(format!("{place} parameter `{name}` is there {} times", values.len()));
            }
            let item = if schema["type"] == "array" { &schema["items"] } else { schema };
            for value in values {
                self.check_value(item, &typed(item, value), Way::Sent, &format!("{place} parameter `{name}`"), wrong);
            }
        }
    }

    fn check_sent_body(&self, operation: &Operation, body: Option<&Value>, wrong: &mut Vec<String>) {
        let declared = &operation.spec["requestBody"];
        match (body_schema(declared), body) {
            (Some(schema), Some(body)) => self.check_value(schema, body, Way::Sent, "body", wrong),
            (Some(schema), None) => {
                // The description forgets to say that a body is required; its required fields do.
                let has_required = self.resolved(schema)["required"].as_array().is_some_and(|names| !names.is_empty());
                if has_required || declared["required"] == true {
                    wrong.push("the body is missing".to_owned());
                }
            }
            (None, Some(_)) => wrong.push("there is a body where none is declared".to_owned()),
            (None, None) => {}
        }
    }

    fn check_value(&self, schema: &Value, value: &Value, way: Way, place: &str, wrong: &mut Vec<String>) {
        let validator = self.validator(schema, way);
        for error in validator.iter_errors(value) {
            wrong.push(format!("{place}{}: {error}", error.instance_path()));
        }
    }

    fn validator(&self, schema: &Value, way: Way) -> Arc<Validator> {
        let key = format!("{way:?} {schema}");
        let mut validators = self.validators.lock().expect("no check panicked");
        if let Some(validator) = validators.get(&key) {
            return validator.clone();
        }
        let mut needed = BTreeSet::new();
        self.collect(schema, &mut needed);
        let schemas: Map<String, Value> =
            needed.iter().map(|name| (name.clone(), converted(&self.schemas[name], way))).collect();
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [converted(schema, way)],
            "components": { "schemas": schemas },
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&document)
            .unwrap_or_else(|error| panic!("the contract's schema is not understood: {error}"));
        let validator = Arc::new(validator);
        validators.insert(key, validator.clone());
        validator
    }

    /// The names of all schemas that one leads to.
    fn collect(&self, schema: &Value, needed: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                if let Some(name) = reference(fields)
                    && needed.insert(name.to_owned())
                {
                    self.collect(&self.schemas[name], needed);
                }
                fields.values().for_each(|inner| self.collect(inner, needed));
            }
            Value::Array(items) => items.iter().for_each(|inner| self.collect(inner, needed)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.as_object().and_then(reference) {
            Some(name) => &self.schemas[name],
            None => schema,
        }
    }

    fn verdict(
        &self,
        wrong: Vec<String>,
        counter: &AtomicUsize,
        kind: &str,
        operation: &Operation,
    ) -> Result<(), Violations> {
        if wrong.is_empty() {
            let (method, path) = operation.name.split_once(' ').unwrap_or_default();
            self.pass(counter, kind, method, path)
        } else {
            Err(Violations(wrong.into_iter().map(|line| format!("{}: {line}", operation.name)).collect()))
        }
    }

    fn pass(&self, counter: &AtomicUsize, kind: &str, method: &str, path: &str) -> Result<(), Violations> {
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(file) = &self.tally {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).expect("the tally opens");
            // One write, so that lines of parallel tests do not mix.
            file.write_all(format!("{kind} {method} {path}\n").as_bytes()).expect("the tally is written");
        }
        Ok(())
    }
}

/// How much was checked.
impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (requests, answers, exempt) = (count(&self.requests), count(&self.answers), count(&self.exempt));
        write!(f, "contract: {requests} requests and {answers} answers checked, {exempt} exempt")
    }
}

fn is_exempt(path: &str) -> bool {
    let token = path.ends_with("/connect/token") || path.ends_with("/oauth/token");
    let login = path.ends_with("api/Account/Authenticate");
    let by_key = path.trim_start_matches('/').starts_with("odata/Jobs/UiPath.Server.Configuration.OData.GetByKey");
    token || login || by_key
}

/// `/odata/Jobs({key})/X` as literals and parameters.
fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').expect("a template's braces are closed");
        pieces.push(Piece::Literal(literal.to_owned()));
        pieces.push(Piece::Parameter(name.to_owned()));
        rest = tail;
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    pieces
}

fn literal_len(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| if let Piece::Literal(text) = piece { text.len() } else { 0 }).sum()
}

/// The parameters' values, if the path is one of the template's.
fn matched(pieces: &[Piece], path: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = path;
    let mut pieces = pieces.iter();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
            Piece::Parameter(name) => {
                let Some(Piece::Literal(next)) = pieces.next() else { return None };
                let end = if next.is_empty() { rest.len() } else { rest.find(next.as_str())? };
                let (value, tail) = rest.split_at(end);
                if value.is_empty() || value.contains('/') {
                    return None;
                }
                found.insert(name.clone(), value.to_owned());
                rest = &tail[next.len()..];
            }
        }
    }
    rest.is_empty().then_some(found)
}

/// A parameter's text as the JSON that its schema speaks of; what does not read stays text, and fails there.
fn typed(schema: &Value, text: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer") => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        Some("number") => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
        Some("boolean") => text.parse::<bool>().map_or_else(|_| json!(text), |truth| json!(truth)),
        Some(_) | None => json!(text),
    }
}

fn body_schema(declared: &Value) -> Option<&Value> {
    let content = declared["content"].as_object()?;
    let json = content.get("application/json").or_else(|| content.values().next())?;
    json.get("schema")
}

fn reference(fields: &Map<String, Value>) -> Option<&str> {
    fields.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

/// OpenAPI 3.0's dialect as JSON Schema.
fn converted(schema: &Value, way: Way) -> Value {
    let fields = match schema {
        Value::Object(fields) => fields,
        Value::Array(items) => return items.iter().map(|item| converted(item, way)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return schema.clone(),
    };
    let required: Vec<&str> =
        fields.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out = Map::new();
    for (name, inner) in fields {
        let inner = match (name.as_str(), inner) {
            // A property may have any name, so its name is no keyword.
            ("properties", Value::Object(properties)) => properties
                .iter()
                .map(|(name, inner)| {
                    let inner = converted(inner, way);
                    let may_be_null = way != Way::Sent && !required.contains(&name.as_str());
                    (name.clone(), if may_be_null { or_null(inner) } else { inner })
                })
                .collect(),
            ("required", _) if way == Way::AnsweredInPart => continue,
            ("enum" | "required" | "example" | "default", inner) => inner.clone(),
            (_, inner) => converted(inner, way),
        };
        out.insert(name.clone(), inner);
    }
    let closed = way == Way::Sent && out.contains_key("properties") && !out.contains_key("additionalProperties");
    if closed {
        out.insert("additionalProperties".to_owned(), json!(false));
    }
    let nullable = out.remove("nullable") == Some(json!(true));
    let out = Value::Object(out);
    if nullable { or_null(out) } else { out }
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}
