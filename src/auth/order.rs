//! What a request for a token says, as data: sent by `wire`, and shown by `tell` with the secrets masked.

use super::credential::Credential;
use super::secrets::Secrets;
use crate::grant::{Asking, Style};
use crate::secret::{Purpose, Secret};

/// In which form the fields travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/x-www-form-urlencoded`.
    Url,
    /// A JSON object; the tenant's name goes in a header.
    Json,
}

/// The value of one field.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Plain(&'a str),
    Secret(&'a Secret),
    /// Sent as `null`.
    Null,
}

/// One request: how its fields travel, and the fields in order. None: nobody is asked.
pub(super) fn order<'a>(
    credential: &'a Credential,
    secrets: &'a Secrets,
) -> Option<(Form, Vec<(&'static str, Part<'a>)>)> {
    let grant = &credential.grant;
    let facts = grant.facts();
    let Secrets { main, client_secret, odd: _ } = secrets;
    if facts.asking == Asking::Nobody {
        return None;
    }
    let form = match facts.style {
        Style::Authenticate => {
            let fields = vec![
                ("tenancyName", credential.tenant.as_deref().map_or(Part::Null, Part::Plain)),
                ("usernameOrEmailAddress", Part::Plain(grant.username().unwrap_or_default())),
                ("password", Part::Secret(main)),
            ];
            return Some((Form::Json, fields));
        }
        Style::Identity => Form::Url,
        Style::Account => Form::Json,
    };
    let mut fields = vec![
        ("grant_type", Part::Plain(facts.word)),
        ("client_id", Part::Plain(grant.client_id().unwrap_or_default())),
        (facts.secret.key(), Part::Secret(main)),
    ];
    fields.extend(client_secret.as_ref().map(|secret| (Purpose::ClientSecret.key(), Part::Secret(secret))));
    fields.extend(grant.scope().map(|scope| ("scope", Part::Plain(scope))));
    Some((form, fields))
}
