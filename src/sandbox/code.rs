//! The codes of browser logins: who may turn one into tokens.

use base64::Engine as _;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// What a code stands for.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) expires_at: Timestamp,
    pub(super) scopes: Vec<String>,
}

/// A browser's code, and what a client sends to show that it asked for it.
#[derive(Debug)]
pub(super) struct SentCode {
    pub(super) code: String,
    redirect_uri: String,
    verifier: String,
}

impl SentCode {
    pub(super) fn of(value: impl Fn(&str) -> String) -> SentCode {
        SentCode { code: value("code"), redirect_uri: value("redirect_uri"), verifier: value("code_verifier") }
    }
}

impl Code {
    /// Whether the one who brings the code is the one who asked for it.
    pub(super) fn fits(&self, client_id: &str, sent: &SentCode, now: Timestamp) -> bool {
        let digest = Sha256::digest(sent.verifier.as_bytes());
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        self.client_id == client_id
            && self.redirect_uri == sent.redirect_uri
            && self.challenge == challenge
            && now < self.expires_at
    }
}
