//! `connections.X`: where a tenant is, and how to get in.
//!
//! A literal secret is refused here; that nothing shows it is the work of `hidden`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::address::{self, Matter, Weight};
use super::choices;
use super::field::Field;
use super::fields::Fields;
use super::keys;
use super::mistyped;
use super::open;
use super::secret::secret;
use super::token_address::token_server;
use super::tree::Entry;
use crate::grant::{Facts, Grant, GrantKind, Style};
use crate::http::{Authorities, Unusable, is_loopback};
use crate::schedule::diagnostic::{Findings, SourceFile, quoted};
use crate::schedule::model::{AuthSpec, Connection, ConnectionLimits};
use crate::schedule::name::ConnectionName;
use crate::secret::{SecretRef, SecretSource};

/// How long a job of an unclear start may take to become visible (semantics.md 16).
const SETTLE: Duration = Duration::from_secs(120);

/// Reads one connection. `None`: something was told.
pub(super) fn read(
    entry: &Entry,
    name: ConnectionName,
    sources: &[SourceFile],
    findings: &mut Findings,
) -> Option<Arc<Connection>> {
    let subject = format!("connection `{name}`");
    let node = mistyped::without_stray_auth(&entry.value, &subject, sources, findings);
    let strayed = node.is_some();
    let node = node.as_ref().unwrap_or(&entry.value);
    let fields = open::map(node, &keys::CONNECTION, subject, entry.key_at, findings)?;
    let url_hint = "write the base address, such as `url: https://cloud.uipath.com/acme/production/orchestrator_`";
    let url = fields.need("url", url_hint, findings).and_then(|field| address(&field, address::base, findings));
    let tenant = fields.get("tenant").map(|field| header(&field, findings));
    let auth_hint = "write `auth: { grant: client_credentials, … }`";
    let auth = match strayed {
        // What is missing in it is not missing.
        true => None,
        false => fields.need("auth", auth_hint, findings).and_then(|field| auth(&field, sources, findings)),
    };
    let limits = fields.get("limits").map(|field| limits(&field, findings));
    let settle = fields.get("settle").map(|field| field.duration(findings));
    let authorities = fields.get("tls").map(|field| authorities(&field, sources, findings));
    Some(Arc::new(Connection {
        name,
        url: url?,
        tenant: settled(tenant)?,
        auth: auth?,
        limits: settled(limits)?.unwrap_or_default(),
        settle: settled(settle)?.unwrap_or(SETTLE),
        authorities: settled(authorities)?,
    }))
}

/// Read with the file, so that `check` sees what is wrong, and a reload takes up what has changed.
fn authorities(field: &Field<'_>, sources: &[SourceFile], findings: &mut Findings) -> Option<Authorities> {
    let fields = open::within(field, &keys::TLS, findings)?;
    let hint = "write `ca: FILE`, a file with the certificates of the authorities to trust";
    let field = fields.need("ca", hint, findings)?;
    let text = field.line(findings)?;
    let folder = sources.get(field.at().file).map_or(Path::new(""), |source| source.folder.as_path());
    match Authorities::read(&folder.join(text)) {
        Ok(authorities) => Some(authorities),
        Err(Unusable { what, cure }) => {
            field.error(&format!("{} {} {what}", field.named(), quoted(text)), findings).hint(cure);
            None
        }
    }
}

/// `None`: it was there and wrong. `Some(None)`: it was not there.
fn settled<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
        None => Some(None),
    }
}

/// A URL to send requests to: https, or plain http to this machine.
fn address(field: &Field<'_>, judge: fn(&Url) -> Option<Matter>, findings: &mut Findings) -> Option<Url> {
    let text = field.name(findings)?;
    let name = field.named();
    if text.contains('@') {
        findings.hide(field.at());
        let what = format!("{name} must not hold a user name or password");
        findings.valueless(field.at(), field.said(&what)).hint("write them under `auth`");
        return None;
    }
    let bare = address::bare(&text);
    if let Some(what) = mistyped::blank_inside(bare) {
        let together = mistyped::together(bare);
        let cure = Url::parse(&together)
            .ok()
            .filter(|url| url.has_host())
            .map_or_else(|| "take that out".to_owned(), |url| meant_by(url, judge));
        field.error(&format!("{name} {what}"), findings).hint(cure);
        return None;
    }
    let wrong = |what: &str, meant: &str, findings: &mut Findings| {
        let cure = Url::parse(meant)
            .ok()
            .map_or_else(|| "write it with `https://` in front".to_owned(), |url| meant_by(url, judge));
        field.error(&format!("{name} {what}"), findings).hint(cure);
    };
    let url = Url::parse(bare).ok().filter(|url| bare.contains("://") && matches!(url.scheme(), "http" | "https"));
    let Some(mut url) = url else {
        match address::with_scheme(bare) {
            Some(meant) => wrong("must begin with `https://`", &meant, findings),
            None => wrong("is not a URL", "", findings),
        }
        return None;
    };
    if bare != text {
        wrong("must be the address alone, without signs around it", bare, findings);
        return None;
    }
    let secure = url.scheme() == "https" || is_loopback(&url);
    if !secure {
        let what = format!("{name} must be https, so that nobody on the way can read the tokens");
        let also = "plain http is taken for `localhost`, `127.0.0.1` and `[::1]` only";
        field.error(&what, findings).hint(format!("{}; {also}", meant_by(url, judge)));
        return None;
    }
    if let Some(matter) = judge(&url) {
        let what = format!("{name} {}", matter.what);
        match matter.weight {
            Weight::Wrong => {
                field.error(&what, findings).hint(matter.cure());
                return None;
            }
            Weight::Doubtful => field.warning(&what, findings).hint(matter.cure()),
        };
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

/// The cure for an address whose scheme is not right: all that is the matter with it is mended in one go.
fn meant_by(mut url: Url, judge: fn(&Url) -> Option<Matter>) -> String {
    if !is_loopback(&url) {
        // From http to https, which every such URL can take.
        let _ = url.set_scheme("https");
    }
    match judge(&url) {
        Some(matter) => matter.cure(),
        None => format!("write `{}`", url.as_str().trim_end_matches('/')),
    }
}

/// A text that goes into a request's header.
fn header(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    mistyped::line(field, findings).map(str::to_owned)
}

fn limits(field: &Field<'_>, findings: &mut Findings) -> Option<ConnectionLimits> {
    let fields = open::within(field, &keys::LIMITS, findings)?;
    let default = ConnectionLimits::default();
    let mut count = |name, most, otherwise| match fields.get(name) {
        Some(field) => field.count(most, findings),
        None => Some(otherwise),
    };
    let starts_per_second = count("starts_per_second", 1_000, default.starts_per_second);
    let open_requests = count("open_requests", 1_000, default.open_requests);
    let list_calls_per_minute = count("list_calls_per_minute", 10_000, default.list_calls_per_minute);
    let recovery_rate = count("recovery_rate", 1_000, default.recovery_rate);
    Some(ConnectionLimits {
        starts_per_second: starts_per_second?,
        open_requests: open_requests?,
        list_calls_per_minute: list_calls_per_minute?,
        recovery_rate: recovery_rate?,
    })
}

fn auth(field: &Field<'_>, sources: &[SourceFile], findings: &mut Findings) -> Option<AuthSpec> {
    let fields = open::within(field, &keys::AUTH, findings)?;
    let kind = fields
        .need("grant", "write `grant: client_credentials` or `grant: refresh_token`", findings)
        .and_then(|field| field.choice(&choices::GRANT, findings));
    let style = fields.get("style").map(|field| (field.choice(&choices::STYLE, findings), field));
    let token_url = fields.get("token_url").map(|field| address(&field, token_server, findings));
    let client_id = fields.get("client_id").map(|field| client_id(&field, findings));
    let username = fields.get("username").map(|field| field.line(findings).map(str::to_owned));
    // Left out: kept by `punctual login`.
    let mut secret = |name: &str| match fields.get(name) {
        Some(field) => secret(&field, sources, findings).map(SecretSource::At),
        None => Some(SecretSource::Kept),
    };
    let client_secret = secret("client_secret");
    let refresh_token = secret("refresh_token");
    let password = secret("password");
    let token = secret("token");
    let scope = fields.get("scope").map(|field| mistyped::scope(&field, findings));
    // What else is missing follows from the grant, so nothing is said about it while the grant is not known.
    let kind = kind?.1;
    let kind = match &style {
        None => kind,
        Some((Some((_, style)), field)) => kind.styled(*style).unwrap_or_else(|| {
            let what = "`style: account` goes with `grant: refresh_token` only";
            field.error(what, findings).hint("take `style` out");
            kind
        }),
        // Which of two grants it is, is not known.
        Some((None, _)) if kind == GrantKind::RefreshTokenIdentity => return None,
        Some((None, _)) => kind,
    };
    let facts = kind.facts();
    surplus(&fields, facts, findings);
    for (name, hint) in NEEDED.iter().filter(|(name, _)| facts.needs.contains(name)) {
        let _ = fields.need(name, hint, findings);
    }
    let (client_id, username, scope) = (client_id.flatten(), username.flatten(), settled(scope));
    let grant = match kind {
        GrantKind::ClientCredentials => {
            let scope = scope.flatten();
            if let (Some(field), Some(scope)) = (fields.get("scope"), &scope) {
                mistyped::user_scope(&field, scope, findings);
            }
            Grant::ClientCredentials { client_id: client_id?, client_secret: client_secret?, scope: scope? }
        }
        GrantKind::RefreshTokenIdentity => Grant::RefreshTokenIdentity {
            client_id: client_id?,
            client_secret: client_secret?,
            refresh_token: refresh_token?,
            scope: scope?,
        },
        GrantKind::RefreshTokenAccount => {
            Grant::RefreshTokenAccount { client_id: client_id?, refresh_token: refresh_token? }
        }
        GrantKind::Password => Grant::Password { username: username?, password: password? },
        GrantKind::PersonalAccessToken => Grant::PersonalAccessToken { token: token? },
    };
    Some(AuthSpec { grant, token_url: settled(token_url)? })
}

fn client_id(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let text = mistyped::line(field, findings)?;
    if SecretRef::parse(text, Path::new("")).is_ok() {
        let what = format!("{} is written as it is, not as a reference", field.named());
        field.error(&what, findings).hint("a client id is no secret; write the id itself");
        return None;
    }
    if mistyped::stands_for_an_id(text) {
        let what = format!("{} {} stands for an id of yours", field.named(), quoted(text));
        let cure = "write the application's own id: Admin, External applications shows it; that of a user key is next to the key";
        field.error(&what, findings).hint(cure);
        return None;
    }
    Some(text.to_owned())
}

/// What to do about a key that a grant needs and that is missing.
const NEEDED: [(&str, &str); 3] = [
    ("client_id", "write the application's id as `client_id`"),
    ("scope", "write the scopes that the application has, such as `scope: OR.Jobs OR.Execution.Read OR.Folders.Read`"),
    ("username", "write the user name or email address as `username`"),
];

/// A key that this grant has no use for would be a silent mistake.
fn surplus(fields: &Fields<'_>, facts: &Facts, findings: &mut Findings) {
    let with = match facts.style {
        Style::Account => "`style: account`".to_owned(),
        Style::Identity | Style::Authenticate => format!("`grant: {}`", facts.word),
    };
    for field in facts.surplus().filter_map(|name| fields.get(name)) {
        let what = format!("{} has no use with {with}", field.named());
        field.error_at(field.key_at, &what, findings).hint("take it out");
    }
}
