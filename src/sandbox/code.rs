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

impl Code {
    /// Whether the one who brings the code is the one who asked for it.
    pub(super) fn fits(&self, client_id: &str, redirect_uri: &str, verifier: &str, now: Timestamp) -> bool {
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        self.client_id == client_id
            && self.redirect_uri == redirect_uri
            && self.challenge == challenge
            && now < self.expires_at
    }
}
