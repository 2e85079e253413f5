//! What goes back: answers, and the error bodies of Orchestrator and of whatever stands before it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::config::Nulls;

/// One HTTP answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Empty,
    Json(Value),
    Html(String),
    /// Bytes that claim to be JSON.
    Garbled(String),
    /// Text of any kind.
    Text {
        kind: String,
        text: String,
    },
}

impl Body {
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Body::Empty => None,
            Body::Json(value) => Some(value.to_string()),
            Body::Html(text) | Body::Garbled(text) | Body::Text { kind: _, text } => Some(text.clone()),
        }
    }

    pub(super) fn content_type(&self) -> Option<&str> {
        match self {
            Body::Empty => None,
            Body::Json(_) | Body::Garbled(_) => Some("application/json; charset=utf-8"),
            Body::Html(_) => Some("text/html; charset=utf-8"),
            Body::Text { kind, text: _ } => Some(kind),
        }
    }
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Answer {
        Answer { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn empty(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Body::Empty }
    }

    pub(super) fn text(status: u16, kind: &str, text: &str) -> Answer {
        let body = Body::Text { kind: kind.to_owned(), text: text.to_owned() };
        Answer { status, headers: Vec::new(), body }
    }

    pub(super) fn html(status: u16, text: &str) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Body::Html(format!("<!DOCTYPE html><html><body>{text}</body></html>")),
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// Orchestrator's own error body: `ErrorResult` of its OpenAPI description.
    pub(super) fn error(status: u16, code: i32, message: impl Into<String>) -> Answer {
        Answer::json(
            status,
            json!({"message": message.into(), "errorCode": code, "traceId": "00-sandbox-00", "resourceIds": null}),
        )
    }

    pub(super) fn unauthorized() -> Answer {
        Answer::error(401, 0, "You are not authenticated!").header("www-authenticate", "Bearer")
    }

    pub(super) fn bad_query() -> Answer {
        Answer::error(400, 1000, "Invalid OData query options")
    }

    pub(super) fn bad_body(what: &str) -> Answer {
        Answer::error(400, 0, format!("{what} must not be null"))
    }

    pub(super) fn not_found(what: &str) -> Answer {
        Answer::error(404, 1002, format!("{what} does not exist."))
    }

    pub(super) fn too_many(retry_after: Duration) -> Answer {
        Answer::error(429, 0, "Too many requests").header("retry-after", retry_after.as_secs().max(1).to_string())
    }

    /// What a page of the web interface, and so any wrong path of the identity server, answers.
    pub(super) fn login_page() -> Answer {
        Answer::html(200, "<h1>Log in</h1>")
    }
}

/// An object without the fields that have no value, unless they are wanted.
pub(super) fn without_nulls(mut row: Map<String, Value>, nulls: Nulls) -> Map<String, Value> {
    match nulls {
        Nulls::Omitted => row.retain(|_, value| !value.is_null()),
        Nulls::Written => {}
    }
    row
}

/// One entity, with its context.
pub(super) fn entity(context: &str, row: Map<String, Value>) -> Value {
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), Value::from(context));
    body.extend(row);
    Value::Object(body)
}
