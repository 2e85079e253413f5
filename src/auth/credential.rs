//! What a connection's `auth` says, and the token endpoint that its URL implies.
//!
//! The endpoint is derived because users set it wrong more often than anything else: today's cloud has the organisation
//! and `identity_` in the path, Automation Suite only `identity_`, a stand-alone server `identity`, the early cloud a host
//! of its own.

use std::path::PathBuf;

use url::Url;

use crate::grant::{Grant, Style};
use crate::http::{Authorities, is_loopback};

/// The early cloud's token server.
const ACCOUNT_TOKEN_URL: &str = "https://account.uipath.com/oauth/token";

/// One connection's credential, as validated from the schedule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The connection's name, for messages.
    pub connection: String,
    /// How to get a token.
    pub grant: Grant,
    /// Where to get it.
    pub token_url: Url,
    /// The tenant's name, sent with the request; none where the grant has no place for it, and at the host of a stand-alone
    /// Orchestrator.
    pub tenant: Option<String>,
    /// Whom to trust there besides the system's authorities (`tls.ca`).
    pub authorities: Option<Authorities>,
}

/// Why a credential cannot be served at all. Found at start, before any request.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// Secrets would travel in the clear (T17).
    #[error("connection `{connection}`: `auth.token_url` {url} is not https; only a loopback address may go without")]
    InsecureUrl {
        /// The connection.
        connection: String,
        /// Scheme, host and path.
        url: String,
    },
    /// The tenant's name cannot stand in a header.
    #[error("connection `{connection}`: `tenant` holds a character that cannot be sent in a header")]
    Tenant {
        /// The connection.
        connection: String,
    },
    /// The folder for rotated refresh tokens cannot be used.
    #[error("connection `{connection}`: the folder for refresh tokens `{path}` cannot be used: {reason}", path = path.display())]
    TokensFolder {
        /// The connection.
        connection: String,
        /// The folder.
        path: PathBuf,
        /// What is wrong with it, and the cure.
        reason: String,
    },
    /// No HTTP client: most likely the system's certificates cannot be read.
    #[error("connection `{connection}`: failed to set up the HTTP client: {reason}")]
    HttpClient {
        /// The connection.
        connection: String,
        /// What the library said.
        reason: String,
    },
}

impl Credential {
    /// The style of its token server.
    pub fn style(&self) -> Style {
        self.grant.facts().style
    }

    /// What holds the token in an answer, for a sentence.
    pub(crate) fn token_key(&self) -> &'static str {
        match self.style() {
            Style::Identity | Style::Account => "an `access_token`",
            Style::Authenticate => "a token in `result`",
        }
    }

    pub(crate) fn check_url(&self) -> Result<(), AuthSetupError> {
        match self.token_url.scheme() {
            "https" => Ok(()),
            "http" if is_loopback(&self.token_url) => Ok(()),
            _ => Err(AuthSetupError::InsecureUrl {
                connection: self.connection.clone(),
                url: printable(&self.token_url),
            }),
        }
    }
}

/// The token endpoint for a connection's `url`. Only asked for when `auth.token_url` is absent.
pub fn token_url(base: &Url, style: Style) -> Url {
    let host = base.host_str().unwrap_or_default();
    let segments: Vec<&str> = base.path_segments().map(|s| s.filter(|p| !p.is_empty()).collect()).unwrap_or_default();
    let path = match style {
        // Automation Cloud Public Sector has no part in this one: nothing of it goes to another cloud.
        Style::Account if is_uipath(host) && host.ends_with(".com") => {
            return Url::parse(ACCOUNT_TOKEN_URL).unwrap_or_else(|_| base.clone());
        }
        Style::Account => "/oauth/token".to_owned(),
        // Below the base, as every other call of Orchestrator.
        Style::Authenticate => format!("{}/api/account/authenticate", base.path().trim_end_matches('/')),
        Style::Identity => match segments.as_slice() {
            // Tokens of the host level work too, but newer organisations answer `InvalidPartition` there for the rest.
            [organisation, ..] if is_uipath(host) => format!("/{organisation}/identity_/connect/token"),
            [] if is_uipath(host) => "/identity_/connect/token".to_owned(),
            // The sandbox on this machine stands in for the cloud.
            [organisation, _tenant, ..] if is_loopback(base) => format!("/{organisation}/identity_/connect/token"),
            [.., "orchestrator_"] => "/identity_/connect/token".to_owned(),
            _ => "/identity/connect/token".to_owned(),
        },
    };
    let mut url = base.clone();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

pub(crate) fn is_uipath(host: &str) -> bool {
    // The second is Automation Cloud Public Sector.
    ["uipath.com", "uipath.us"]
        .iter()
        .any(|own| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// A URL as it may be printed: no user, no password, no query.
pub(crate) fn printable(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot hold a user at all.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Another token path to try when the one in `url` leads to a web page instead of the identity server.
pub(crate) fn other_token_url(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let segments: Vec<&str> = url.path_segments().map(|s| s.filter(|p| !p.is_empty()).collect()).unwrap_or_default();
    let path = match segments.as_slice() {
        [organisation, "identity", ..] if is_uipath(host) => format!("/{organisation}/identity_/connect/token"),
        _ if is_uipath(host) => "/ORGANIZATION/identity_/connect/token".to_owned(),
        // Automation Suite keeps its identity server at the host, whatever organisation is in Orchestrator's path.
        [_, "identity" | "identity_", ..] | ["identity", ..] => "/identity_/connect/token".to_owned(),
        _ => "/identity/connect/token".to_owned(),
    };
    format!("{}{path}", url.origin().ascii_serialization())
}
