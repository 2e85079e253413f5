//! What a server says of a token that it did not take (`WWW-Authenticate`), as cause and cure.
//!
//! The words are those of the library that Orchestrator checks tokens with (Microsoft's JwtBearer), which says most in
//! `error_description`, and of RFC 6750. The body of such an answer is usually empty.

use super::step::{Finding, Verdict};
use crate::http::{Challenge, challenges_of};
use crate::text;
use crate::witness::{Came, Exchange};

/// Adds what the server said to the finding of a refused call.
pub(super) fn explained(finding: Finding, exchange: Option<&Exchange>) -> Finding {
    let Some(Came::Answer(answered)) = exchange.map(|exchange| &exchange.came) else { return finding };
    let (401 | 403, Some(text), Verdict::Fault(_)) = (answered.status, &answered.challenge, finding.verdict) else {
        return finding;
    };
    let all = challenges_of(text);
    let said = all.iter().find(|challenge| challenge.error.is_some() || challenge.error_description.is_some());
    match said {
        Some(challenge) => {
            let found = format!("{}; the server says: {}", finding.found, words(challenge));
            match why(challenge) {
                Some((cause, cure)) => Finding { found, cause: Some(cause.to_owned()), cure: Some(cure), ..finding },
                None => Finding { found, ..finding },
            }
        }
        None => match other_way(&all) {
            Some((schemes, cause, cure)) => Finding {
                found: format!("{}; it wants {schemes}", finding.found),
                cause: Some(cause.to_owned()),
                cure: Some(cure.to_owned()),
                ..finding
            },
            None => finding,
        },
    }
}

fn words(challenge: &Challenge) -> String {
    let Challenge { scheme: _, realm: _, error, error_description, scope } = challenge;
    let parts = [
        error.as_ref().map(|error| format!("`{error}`")),
        error_description.as_ref().map(|text| format!("`{text}`")),
        scope.as_ref().map(|scope| format!("scope `{scope}`")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn why(challenge: &Challenge) -> Option<(&'static str, String)> {
    let said = challenge.error_description.as_deref().unwrap_or_default().to_ascii_lowercase();
    let error = challenge.error.as_deref().unwrap_or_default();
    let has = |word: &str| said.contains(word);
    if error == "insufficient_scope" || has("scope") {
        let which = challenge.scope.as_deref().map(|scope| format!("`{scope}`"));
        let which = which.unwrap_or_else(|| "that this call needs".to_owned());
        return Some((
            "the access token does not carry the scope that this call needs",
            format!(
                "grant the scope {which} to the external application, and name it in the connection's `auth.scope`"
            ),
        ));
    }
    let (cause, cure) = if has("audience") {
        (
            "the token is for another audience: its scopes are of another UiPath service, or it is of another organization",
            "name Orchestrator's scopes (`OR.…`) alone in `auth.scope`, and check that the organization in `url` and in \
             `auth.token_url` is the same",
        )
    } else if has("not valid before") || has("not yet valid") || has("not valid yet") {
        (
            "the clock of the identity server is ahead of Orchestrator's",
            "set the clocks of these two servers by one time server; this machine's plays no part in it",
        )
    } else if has("expired") {
        (
            "the token had ended when it arrived: Orchestrator's clock is ahead of the identity server's, or this token was \
             given for a fixed time that is over",
            "set the clocks of these two servers by one time server; a personal access token is made anew in Orchestrator",
        )
    } else if has("issuer") {
        (
            "the token is by an identity server that this Orchestrator does not trust",
            "take `auth.token_url` out, or correct it: identity server and Orchestrator are of one installation",
        )
    } else if has("signature") || has("signing key") || has("key was not found") {
        (
            "the token is signed with a key that Orchestrator does not know: the identity server is of another installation, \
             or has a new certificate that Orchestrator has not read yet",
            "check that `auth.token_url` and `url` are of one installation; after a change of the identity server's \
             certificate restart Orchestrator",
        )
    } else {
        return None;
    };
    Some((cause, cure.to_owned()))
}

/// No word about a token: somebody else asks for another kind of login.
fn other_way(all: &[Challenge]) -> Option<(String, &'static str, &'static str)> {
    let schemes = || text::quoted(all.iter().map(|challenge| &challenge.scheme));
    if all.is_empty() || all.iter().any(|challenge| challenge.is("Bearer")) {
        return None;
    }
    Some(if all.iter().any(|challenge| challenge.is("NTLM") || challenge.is("Negotiate")) {
        (
            schemes(),
            "the web server before Orchestrator wants Windows authentication, and does not hand tokens on",
            "have anonymous authentication switched on for Orchestrator's site in IIS",
        )
    } else {
        (
            schemes(),
            "a gateway before Orchestrator wants a login of its own",
            "have the gateway let this machine through, or name an address that leads past it as the connection's `url`",
        )
    })
}
