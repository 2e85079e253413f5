//! Tells a witness of one request to Orchestrator: what left, and what of the answer may be shown.
//!
//! Input arguments are a schedule's business and stay unseen, as the token does.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use serde_json::Value;
use url::Url;

use super::bearer::Token;
use super::outcome::{Body, Heard};
use super::request::Request;
use crate::http;
use crate::run::FolderId;
use crate::secret::Secret;
use crate::witness::{Answered, Came, MASK, excerpt, masked};

/// Method, address and query, the query as people write it.
pub(super) fn asked(request: &Request, address: &Url) -> String {
    let options: Vec<String> = address.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
    format!("{} {}{}{query}", request.method, address.origin().ascii_serialization(), address.path())
}

/// Headers and body of a request.
pub(super) fn sent(request: &Request, tenant: &HeaderMap) -> Vec<String> {
    let mut lines = vec![format!("Authorization: Bearer {MASK}")];
    let tenant = tenant.get("x-uipath-tenantname").and_then(|value| value.to_str().ok());
    lines.extend(tenant.map(|tenant| format!("X-UIPATH-TenantName: {tenant}")));
    lines.extend(request.folder.map(|FolderId(id)| format!("X-UIPATH-OrganizationUnitId: {id}")));
    lines.extend(request.body.as_deref().map(|body| format!("JSON: {}", without_arguments(body))));
    lines
}

fn without_arguments(body: &[u8]) -> String {
    let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return format!("{} bytes", body.len()) };
    if let Some(Value::String(arguments)) = body.pointer_mut("/startInfo/InputArguments") {
        *arguments = format!("[{} characters]", arguments.chars().count());
    }
    body.to_string()
}

/// What came back.
pub(super) fn came(heard: &Heard, token: &Token) -> Came {
    let secrets = std::slice::from_ref(&token.secret);
    match heard {
        Heard::Unreached { cause, .. } | Heard::Cut { cause } => Came::Nothing { cause: masked(cause, secrets) },
        Heard::Answer(answer) => Came::Answer(Answered {
            status: answer.status,
            content_type: header(&answer.headers, CONTENT_TYPE.as_str(), secrets),
            excerpt: match &answer.body {
                Body::Whole(bytes) => excerpt(bytes, secrets),
                Body::Oversize { limit } => format!("more than {limit} bytes"),
                Body::Broken { cause } => format!("broke off: {}", masked(cause, secrets)),
            },
            server_date: crate::http::date(&answer.headers),
            api_versions: header(&answer.headers, "api-supported-versions", secrets),
            error: None,
            scope: None,
            challenge: http::values(&answer.headers, WWW_AUTHENTICATE).map(|text| masked(&text, secrets)),
            encoding: http::values(&answer.headers, CONTENT_ENCODING).map(|text| masked(&text, &[])),
        }),
    }
}

fn header(headers: &HeaderMap, name: &str, secrets: &[Secret]) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|value| masked(value, secrets))
}
