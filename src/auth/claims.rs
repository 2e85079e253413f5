//! What an access token says of itself, for people who look for a fault.
//!
//! The signature is not checked and not shown: the server that takes the token judges it, not we. Nothing is decided by a
//! claim. Only the members below leave the token; the rest may name a person.

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::secret::Secret;
use crate::text::cut;
use crate::witness::masked;

use super::status::AccessToken;

/// Longest part of a claim that is shown.
const CLAIM_CHARS: usize = 300;

/// The harmless claims of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: who made it.
    pub issuer: Option<String>,
    /// `aud`: for whom.
    pub audience: Vec<String>,
    /// `client_id`: for which application.
    pub client_id: Option<String>,
    /// `scope`, whether written as one text or as a list.
    pub scopes: Option<Vec<String>>,
    /// `nbf`: not good before.
    pub not_before: Option<Timestamp>,
    /// `iat`: made.
    pub issued_at: Option<Timestamp>,
    /// `exp`: not good from here on.
    pub expires_at: Option<Timestamp>,
}

impl AccessToken {
    /// What it says of itself; `None` when it is not a JWT: such a token is opaque to all but its server.
    pub fn claims(&self) -> Option<Claims> {
        read(&self.secret)
    }
}

/// Reads the middle part of a JWT. Total over any text.
pub fn read(token: &Secret) -> Option<Claims> {
    let mut parts = token.expose().split('.');
    let (_, middle, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else { return None };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle.trim_end_matches('=')).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(shown);
    let instant = |name: &str| Timestamp::from_second(claims.get(name)?.as_i64()?).ok();
    Some(Claims {
        issuer: text("iss"),
        audience: claims.get("aud").map(texts).unwrap_or_default(),
        client_id: text("client_id"),
        scopes: claims.get("scope").or_else(|| claims.get("scp")).map(texts),
        not_before: instant("nbf"),
        issued_at: instant("iat"),
        expires_at: instant("exp"),
    })
}

/// One text with spaces, or a list of texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(shown).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(shown).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn shown(text: &str) -> String {
    cut(&masked(text, &[]), CLAIM_CHARS)
}
