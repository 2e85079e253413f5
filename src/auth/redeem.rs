//! The one request of a browser login: the code for a refresh token.
//!
//! Form for today's identity server, JSON for the early cloud, as with their other grants.

use serde_json::{Value, json};

use super::answer::{Answer, object};
use super::credential::Credential;
use super::wire::{self, Patience};
use crate::clock::Clock;
use crate::grant::Style;
use crate::http::Client;
use crate::secret::Secret;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodeOrder<'a> {
    pub(super) client_id: &'a str,
    pub(super) code: &'a Secret,
    pub(super) redirect: &'a str,
    pub(super) verifier: &'a Secret,
    pub(super) client_secret: Option<&'a Secret>,
}

/// Sends it once, and reads the answer; with it the id token, where there is one.
pub(super) async fn redeem(
    client: &Client,
    credential: &Credential,
    order: CodeOrder<'_>,
    clock: &Clock,
) -> (Answer, Option<Secret>) {
    let CodeOrder { client_id, code, redirect, verifier, client_secret } = order;
    let words: Vec<Secret> = [code, verifier].into_iter().chain(client_secret).cloned().collect();
    let post = client.post(credential.token_url.clone()).header("accept", "application/json");
    let request = match credential.style() {
        Style::Identity | Style::Authenticate => {
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("client_id", client_id),
                ("code", code.expose()),
                ("redirect_uri", redirect),
                ("code_verifier", verifier.expose()),
            ];
            form.extend(client_secret.map(|secret| ("client_secret", secret.expose())));
            post.form(&form)
        }
        Style::Account => post.json(&json!({
            "grant_type": "authorization_code", "client_id": client_id, "code": code.expose(), "redirect_uri": redirect,
            "code_verifier": verifier.expose(),
        })),
    };
    // A code works once, like the token that it is for.
    let raw = wire::exchange(client, request, clock, Patience::OneUse).await;
    let id_token = raw.as_ref().ok().and_then(|raw| {
        let object = object(&raw.body)?;
        object.get("id_token").and_then(Value::as_str).map(Secret::new)
    });
    (wire::answer_of(raw, credential, &words, clock.now()), id_token)
}
