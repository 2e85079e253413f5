//! Tries a personal access token: no token server knows it, so Orchestrator is asked for a folder with it.
//!
//! Only whether it is taken matters. 403 is an answer to a token that was taken and may do little; whoever examines the rest is
//! `doctor`.

use crate::http::{self, Client};

use super::credential::Credential;
use super::margins::LONGEST_RETRY_AFTER;
use super::raw::Raw;
use super::trouble::Trouble;
use super::wire::{self, Patience};
use crate::clock::Clock;
use crate::secret::Secret;

/// Any call that asks for a token.
const PATH: [&str; 2] = ["odata", "Folders"];

/// Least to read.
const QUERY: &str = "$top=1&$select=Id";

/// Sends it once.
pub(super) async fn try_personal(
    client: &Client,
    credential: &Credential,
    token: &Secret,
    clock: &Clock,
) -> Result<(), Trouble> {
    // Without a token endpoint, this is the connection's own address.
    let mut address = credential.token_url.clone();
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().extend(PATH);
    }
    address.set_query(Some(QUERY));
    let asked = address.clone();
    let request = client.get(address).header("accept", "application/json");
    let raw = wire::exchange(client, request.bearer_auth(token.expose()), clock, Patience::FIRST).await;
    match raw.map_err(|trouble| trouble.cleaned(std::slice::from_ref(token)))? {
        Raw { status: 200..=299 | 403, .. } => Ok(()),
        Raw { status: 401, .. } => Err(Trouble::SameToken),
        Raw { status: status @ 300..=399, headers, .. } => {
            Err(Trouble::Redirect { status, to: wire::location(&headers, &asked, std::slice::from_ref(token)) })
        }
        Raw { status, headers, .. } => {
            let retry_after = http::retry_after(&headers, clock.now(), LONGEST_RETRY_AFTER);
            Err(Trouble::Status { status, error: None, description: None, retry_after, challenge: None })
        }
    }
}
