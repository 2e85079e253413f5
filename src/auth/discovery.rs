//! Asks an identity server what it is (`.well-known/openid-configuration`), for people who look for a fault.
//!
//! A wrong path is the commonest mistake and the hardest to see: the server answers it with a login page and 200. So when the
//! path in use shows no identity server, the other one is tried too. Nothing here is needed to get a token.

use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::grant::Style;
use crate::http;
use crate::witness::{Answered, Came, Exchange, Witness, excerpt, masked};

use super::answer::object;
use super::credential::{AuthSetupError, Credential, other_token_url, printable};
use super::raw::Raw;
use super::tell::{instant, text};
use super::wire::{self, Patience};

/// What stands at the end of every token endpoint of an identity server.
const TOKEN_PATH: &str = "/connect/token";

/// What the path of a token endpoint leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// An identity server.
    Found {
        /// Who it says it is.
        issuer: Option<String>,
        /// Where it says its token endpoint is.
        token_endpoint: Option<String>,
    },
    /// Something else answered.
    Other {
        /// HTTP status.
        status: u16,
        /// Whether it was a web page.
        looks: Looks,
    },
    /// Nobody answered.
    Silent {
        /// Why, and empty if that is not known.
        cause: String,
    },
    /// This kind of token server does not describe itself.
    NotAsked,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// A page for people.
    Page,
    /// Anything else.
    Data,
}

/// Asks the identity server of this credential.
///
/// # Errors
/// No HTTP client could be made.
pub async fn discover(credential: &Credential, clock: &Clock, witness: &Witness) -> Result<Discovery, AuthSetupError> {
    match credential.style() {
        Style::Identity => ask(credential, &credential.token_url, clock, witness).await,
        Style::Account | Style::Authenticate => Ok(Discovery::NotAsked),
    }
}

/// Asks at the other path that this deployment may have; gives the token endpoint there if an identity server answers.
///
/// # Errors
/// No HTTP client could be made.
pub async fn discover_elsewhere(
    credential: &Credential,
    clock: &Clock,
    witness: &Witness,
) -> Result<Option<String>, AuthSetupError> {
    let other = other_token_url(&credential.token_url);
    let Some(url) =
        Url::parse(&other).ok().filter(|url| *url != credential.token_url && !other.contains("ORGANIZATION"))
    else {
        return Ok(None);
    };
    Ok(match ask(credential, &url, clock, witness).await? {
        Discovery::Found { .. } => Some(other),
        Discovery::Other { .. } | Discovery::Silent { .. } | Discovery::NotAsked => None,
    })
}

async fn ask(
    credential: &Credential,
    token_url: &Url,
    clock: &Clock,
    witness: &Witness,
) -> Result<Discovery, AuthSetupError> {
    let Some(base) = token_url.path().strip_suffix(TOKEN_PATH) else { return Ok(Discovery::NotAsked) };
    let mut url = token_url.clone();
    url.set_path(&format!("{base}/.well-known/openid-configuration"));
    url.set_query(None);
    let began = clock.boottime();
    let client = wire::client(credential)?;
    let request = client.get(url.clone()).header("accept", "application/json");
    let raw = wire::exchange(&client, request, clock, Patience::FIRST).await.and_then(Raw::whole);
    let now = clock.read();
    let (came, found) = match &raw {
        Err(trouble) => {
            let cause = masked(&trouble.what_broke(), &[]);
            (Came::Nothing { cause: cause.clone() }, Discovery::Silent { cause })
        }
        Ok(Raw { status, headers, body, cut: _, packed: _ }) => {
            let kind = text(headers, reqwest::header::CONTENT_TYPE).map(|kind| masked(kind, &[]));
            let page = http::is_page(kind.as_deref(), body);
            let answered = Answered {
                status: *status,
                content_type: kind,
                excerpt: excerpt(body, &[]),
                server_date: text(headers, reqwest::header::DATE).and_then(instant),
                ..Answered::default()
            };
            let looks = if page { Looks::Page } else { Looks::Data };
            let found = described(*status, body).unwrap_or(Discovery::Other { status: *status, looks });
            (Came::Answer(answered), found)
        }
    };
    witness.tell(Exchange {
        request: format!("GET {}", printable(&url)),
        sent: Vec::new(),
        came,
        took: now.boot.saturating_sub(began),
        ended_at: now.wall,
    });
    Ok(found)
}

fn described(status: u16, body: &[u8]) -> Option<Discovery> {
    let object = object(body).filter(|_| status == 200)?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).map(|text| masked(text, &[]));
    let (issuer, token_endpoint) = (text("issuer"), text("token_endpoint"));
    (issuer.is_some() || token_endpoint.is_some()).then_some(Discovery::Found { issuer, token_endpoint })
}
