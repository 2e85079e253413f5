//! The browser's half of a login (authorization code with PKCE), without a browser: everybody agrees to everything.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::answer::Answer;
use super::code::Code;
use super::identity::Identity;
use super::request::Request;
use crate::clock::later;

/// A code is for the next moment only.
const CODE_LIFETIME: Duration = Duration::from_secs(300);

/// `GET .../.well-known/openid-configuration`: where this identity server has its parts.
pub(super) fn configuration(request: &Request) -> Answer {
    let host = request.header("host").unwrap_or("localhost");
    let base = request.path.split("/.well-known").next().unwrap_or_default();
    let place = |part: &str| format!("http://{host}{base}{part}");
    Answer::json(
        200,
        json!({
            "issuer": place(""), "authorization_endpoint": place("/connect/authorize"),
            "token_endpoint": place("/connect/token"),
        }),
    )
}

/// `GET .../authorize`: sends the browser back at once, with a code.
pub(super) fn authorize(request: &Request, identity: &mut Identity, now: Timestamp) -> Answer {
    let value = |name: &str| request.query_value(name).unwrap_or_default();
    let client_id = value("client_id");
    let Ok(mut redirect) = url::Url::parse(&value("redirect_uri")) else { return Answer::login_page() };
    if !identity.knows_client(&client_id)
        || value("response_type") != "code"
        || value("code_challenge_method") != "S256"
        || value("code_challenge").is_empty()
    {
        return Answer::login_page();
    }
    let code = Code {
        client_id,
        redirect_uri: value("redirect_uri"),
        challenge: value("code_challenge"),
        expires_at: later(now, CODE_LIFETIME),
        scopes: value("scope").split_whitespace().filter(|s| *s != "offline_access").map(str::to_owned).collect(),
    };
    let code = identity.agree(code);
    redirect.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = request.query_value("state") {
        redirect.query_pairs_mut().append_pair("state", &state);
    }
    Answer::empty(302).header("location", redirect.as_str())
}
