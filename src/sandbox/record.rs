//! What was asked and answered, kept for tests. Secrets are kept out: a token appears only as its number.

use jiff::Timestamp;
use serde_json::Value;

/// One call of the API, with its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When the request had been read.
    pub at: Timestamp,
    /// When the answer was ready, or the connection was cut.
    pub answered_at: Timestamp,
    /// `GET` or `POST`.
    pub method: String,
    /// As sent, percent signs and all.
    pub path: String,
    /// The path from `/odata` or `/api` on, with its parameters named as in the contract: `/odata/Jobs({key})`.
    pub template: Option<&'static str>,
    /// As sent, without the question mark.
    pub query: Option<String>,
    /// Names in lower case; the value of `authorization` is `Bearer [token N]`.
    pub headers: Vec<(String, String)>,
    /// The request's body, when it was JSON.
    pub request_body: Option<Value>,
    /// `None` when the connection was cut without an answer.
    pub status: Option<u16>,
    /// The answer's headers.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body, whether the client got it or not.
    pub response_body: Option<String>,
    /// The faults that hit it, by name.
    pub faults: Vec<&'static str>,
}

impl Exchange {
    /// The answer's body as JSON, if it is some.
    pub fn response_json(&self) -> Option<Value> {
        self.response_body.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }

    /// A header of the request, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// One call of a token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCall {
    /// When the request had been read.
    pub at: Timestamp,
    /// The path as sent.
    pub path: String,
    /// The grant as asked for; empty where none was named.
    pub grant: String,
    /// The client as named; for a password login, the user.
    pub client_id: String,
    /// What came of it. The client may not have got the answer: see `faults`.
    pub outcome: TokenOutcome,
    /// The faults that hit it.
    pub faults: Vec<&'static str>,
}

/// What came of a token call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOutcome {
    /// A new token, the n-th of this sandbox.
    Granted(u64),
    /// The old answer again: a used refresh token within the grace window.
    Repeated,
    /// Refused with this OAuth error.
    Refused(String),
    /// A used refresh token came again: refused, and its family revoked.
    ReuseDetected,
    /// A fault kept the identity server from looking at it.
    Prevented,
}
