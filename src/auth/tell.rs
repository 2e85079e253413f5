//! Tells a witness of one token request: which fields left, and what of the answer may be shown.
//!
//! Of a success only the members that are known to be harmless are shown, by name: an answer of a token server is made of
//! secrets. Of a refusal the text is shown, with the secrets of the request taken out.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, WWW_AUTHENTICATE};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::http;
use crate::secret::Secret;
use crate::witness::{Answered, Came, Exchange, MASK, Witness, excerpt, masked};

use super::answer::object;
use super::credential::{Credential, printable};
use super::order::{Form, Part, order};
use super::raw::Raw;
use super::secrets::Secrets;
use super::trouble::Trouble;

/// Members of a token answer that are no secret.
const HARMLESS: [&str; 5] = ["expires_in", "token_type", "scope", "error", "error_description"];

/// What stands in the name of every secret of an answer.
const TOKEN: &[u8] = b"_token";

/// Whom to tell, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) witness: &'a Witness,
    pub(crate) clock: &'a Clock,
    /// Boot time when the request left.
    pub(crate) began: Duration,
}

impl Telling<'_> {
    pub(crate) fn tell(self, credential: &Credential, secrets: &Secrets, raw: &Result<Raw, Trouble>) {
        let now = self.clock.read();
        self.witness.tell(Exchange {
            request: format!("POST {}", printable(&credential.token_url)),
            sent: sent(credential, secrets),
            came: came(raw, secrets),
            took: now.boot.saturating_sub(self.began),
            ended_at: now.wall,
        });
    }
}

fn sent(credential: &Credential, secrets: &Secrets) -> Vec<String> {
    let Some((form, fields)) = order(credential, secrets) else { return Vec::new() };
    let value = |part| match part {
        Part::Plain(text) => text,
        Part::Secret(secret) => mask(secret),
        Part::Null => "null",
    };
    let written: Vec<String> = fields.into_iter().map(|(name, part)| format!("{name}={}", value(part))).collect();
    match form {
        Form::Url => vec![format!("a form: {}", written.join("&"))],
        Form::Json => {
            let tenant = credential.tenant.as_ref().map(|tenant| format!("X-UIPATH-TenantName: {tenant}"));
            std::iter::once(format!("JSON: {}", written.join(", "))).chain(tenant).collect()
        }
    }
}

/// What is shown in the place of a secret.
#[cfg(not(feature = "faults"))]
fn mask(_: &Secret) -> &'static str {
    MASK
}

#[cfg(feature = "faults")]
fn mask(secret: &Secret) -> &str {
    if crate::faults::is_on(crate::faults::SHOW_SECRETS) { secret.expose() } else { MASK }
}

fn came(raw: &Result<Raw, Trouble>, secrets: &Secrets) -> Came {
    match raw {
        Ok(Raw { cut: Some(cut), .. }) => Came::Nothing { cause: masked(&cut.what_broke(), &secrets.all()) },
        Ok(Raw { status, headers, body, cut: None, packed: _ }) => {
            let object = object(body);
            let scope = object.as_ref().and_then(|object| object.get("scope")).and_then(Value::as_str);
            Came::Answer(Answered {
                status: *status,
                content_type: text(headers, CONTENT_TYPE).map(|kind| masked(kind, &secrets.all())),
                excerpt: match (&object, status) {
                    (Some(object), 200..=299) => members(object, &secrets.all()),
                    // Something that is no answer may hold a whole token.
                    (None, 200..=299) if !begins_a_page(body) => {
                        format!("{} bytes that are no JSON object", body.len())
                    }
                    (Some(_) | None, _) => excerpt(body, &secrets.all()),
                },
                server_date: text(headers, DATE).and_then(instant),
                api_versions: None,
                error: error_of(object.as_ref(), &secrets.all()),
                scope: scope.map(|scope| masked(scope, &secrets.all())),
                challenge: http::values(headers, WWW_AUTHENTICATE).map(|text| masked(&text, &secrets.all())),
                encoding: http::values(headers, CONTENT_ENCODING).map(|text| masked(&text, &[])),
            })
        }
        Err(trouble) => Came::Nothing { cause: masked(&trouble.what_broke(), &secrets.all()) },
    }
}

/// OAuth's `error`, or the number in Orchestrator's own form of an error.
fn error_of(object: Option<&Map<String, Value>>, secrets: &[Secret]) -> Option<String> {
    match object?.get("error") {
        Some(Value::String(error)) => Some(masked(error, secrets)),
        Some(_) | None => None,
    }
}

fn begins_a_page(body: &[u8]) -> bool {
    let holds_token = body.windows(TOKEN.len()).any(|part| part.eq_ignore_ascii_case(TOKEN));
    http::is_page(None, body) && !holds_token
}

/// Each member by its name, its value only where it is known to be harmless.
fn members(object: &Map<String, Value>, secrets: &[Secret]) -> String {
    let shown = object.iter().map(|(name, value)| match value {
        Value::Null => format!("\"{name}\":null"),
        value if HARMLESS.contains(&name.as_str()) => format!("\"{name}\":{value}"),
        _ => format!("\"{name}\":\"{MASK}\""),
    });
    let text = format!("{{{}}}", shown.collect::<Vec<_>>().join(","));
    excerpt(text.as_bytes(), secrets)
}

pub(super) use http::{http_date as instant, text};
