//! The identity servers, today's and the early Cloud's: who gets a token, and what a token opens.
//!
//! Ages are measured by the sandbox's own time. An access token outlives the revocation of its family, as a signed token
//! does; [`Identity::revoke_all`] is for tests that want it dead at once.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::code::{Code, SentCode};
use super::config::{ClientSpec, IdentitySpec};
use super::dice::Keys;
use super::record::TokenOutcome;
use super::request::{Request, member, text_member};
use crate::clock::later;

/// Life of a refresh token, by UiPath's page on external applications.
const REFRESH_LIFETIME: Duration = Duration::from_secs(60 * 24 * 3_600);
/// Life of a token from `/api/Account/Authenticate`, where nobody has changed it.
const PASSWORD_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// What a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// What its user may: everything here.
    All,
    Scopes(Vec<String>),
}

#[derive(Clone, Debug)]
struct AccessToken {
    number: u64,
    rights: Rights,
    expires_at: Timestamp,
    revoked: bool,
}

/// A refresh token, and the family it belongs to.
#[derive(Clone, Debug)]
struct RefreshToken {
    family: usize,
    expires_at: Timestamp,
    used: Option<Used>,
}

#[derive(Clone, Debug)]
struct Used {
    at: Timestamp,
    answer: Value,
}

#[derive(Clone, Debug)]
struct Family {
    client_id: String,
    scopes: Vec<String>,
    revoked: bool,
}

/// What a token call came to.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) answer: Answer,
    pub(super) grant: String,
    pub(super) client_id: String,
    pub(super) outcome: TokenOutcome,
}

/// Why a token does not open the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    NoToken,
    ScopeMissing(&'static str),
}

pub(super) struct Identity {
    spec: IdentitySpec,
    keys: Keys,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    families: Vec<Family>,
    codes: HashMap<String, Code>,
    issued: u64,
}

/// An answer and what to note of it.
type Outcome = (Answer, TokenOutcome);

impl Identity {
    pub(super) fn new(spec: IdentitySpec, seed: u64, now: Timestamp) -> Identity {
        let mut identity = Identity {
            keys: Keys::new(seed, 2),
            access: HashMap::new(),
            refresh: HashMap::new(),
            families: Vec::new(),
            codes: HashMap::new(),
            issued: 0,
            spec,
        };
        for first in identity.spec.refresh_tokens.clone() {
            let family = identity.found_family(first.client_id, first.scopes);
            let expires_at = later(now, REFRESH_LIFETIME);
            identity.refresh.insert(first.token, RefreshToken { family, expires_at, used: None });
        }
        for token in identity.spec.personal_access_tokens.clone() {
            identity.issued += 1;
            let number = identity.issued;
            let access = AccessToken { number, rights: Rights::All, expires_at: Timestamp::MAX, revoked: false };
            identity.access.insert(token, access);
        }
        identity
    }

    /// `POST {identity}/connect/token`: a form, and nothing but a form.
    pub(super) fn identity_token(&mut self, request: &Request, now: Timestamp) -> Granted {
        let form = request.form().unwrap_or_default();
        let value = |name: &str| {
            let found = form.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (grant, client_id) = (value("grant_type"), value("client_id"));
        let (answer, outcome) = match self.client(&client_id).cloned() {
            Some(client) => match grant.as_str() {
                "client_credentials" => self.client_credentials(&client, &value("client_secret"), &value("scope"), now),
                "refresh_token" => self.refresh(&client, &value("client_secret"), &value("refresh_token"), now),
                "authorization_code" => self.code(&client, &value("client_secret"), &SentCode::of(value), now),
                _ => refused("unsupported_grant_type"),
            },
            // A JSON body has no form and so no client: that is what the real one says as well.
            None => refused("invalid_client"),
        };
        Granted { answer, grant, client_id, outcome }
    }

    /// `POST /oauth/token` of the early Cloud: JSON or a form, a key that stays valid.
    pub(super) fn account_token(&mut self, request: &Request, now: Timestamp) -> Granted {
        let (form, object) = (request.form(), request.object());
        let value = |name: &str| match (&form, &object) {
            (Some(form), _) => form.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()),
            (None, Some(object)) => text_member(object, name).map(str::to_owned),
            (None, None) => None,
        };
        let grant = value("grant_type").unwrap_or_default();
        let client_id = value("client_id").unwrap_or_default();
        let (answer, outcome) = match grant.as_str() {
            "refresh_token" => {
                let key = value("refresh_token").unwrap_or_default();
                let known = self.spec.user_keys.iter().any(|user| user.client_id == client_id && user.key == key);
                if known { self.account_grant(now, None) } else { refused_with(403, "invalid_grant") }
            }
            "authorization_code" => {
                let sent = SentCode::of(|name| value(name).unwrap_or_default());
                let key = self.spec.user_keys.iter().find(|user| user.client_id == client_id);
                match (key.map(|user| user.key.clone()), self.codes.remove(&sent.code)) {
                    (Some(key), Some(code)) if code.fits(&client_id, &sent, now) => self.account_grant(now, Some(key)),
                    (Some(_) | None, Some(_) | None) => refused_with(403, "invalid_grant"),
                }
            }
            _ => refused_with(403, "unsupported_grant_type"),
        };
        Granted { answer, grant, client_id, outcome }
    }

    /// `POST /api/Account/Authenticate`: tenant, user and password.
    pub(super) fn password_login(&mut self, request: &Request, tenant: &str, now: Timestamp) -> Granted {
        let body = request.object().unwrap_or_default();
        let value = |name: &str| member(&body, name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (user, password, wanted) = (value("usernameOrEmailAddress"), value("password"), value("tenancyName"));
        let known = self.spec.passwords.iter().any(|one| one.username == user && one.password == password);
        let right_tenant = wanted.is_empty() || wanted.eq_ignore_ascii_case(tenant);
        let (answer, outcome) = if known && right_tenant {
            let (token, number) = self.issue(Rights::All, PASSWORD_LIFETIME, now);
            let body = json!({
                "result": token, "targetUrl": null, "success": true, "error": null, "unAuthorizedRequest": false,
                "__abp": true,
            });
            (Answer::json(200, body), TokenOutcome::Granted(number))
        } else {
            let answer = Answer::error(400, 1000, "Invalid username/email address or password.");
            (answer, TokenOutcome::Refused("invalid_password".to_owned()))
        };
        Granted { answer, grant: "password".to_owned(), client_id: user, outcome }
    }

    /// Remembers what a person agreed to in the browser, and gives the code for it.
    pub(super) fn agree(&mut self, code: Code) -> String {
        let text = format!("sandbox-code-{}", self.keys.hex());
        self.codes.insert(text.clone(), code);
        text
    }

    /// Whether a login may be begun for this client.
    pub(super) fn knows_client(&self, client_id: &str) -> bool {
        self.client(client_id).is_some() || self.spec.user_keys.iter().any(|user| user.client_id == client_id)
    }

    /// Makes a token outside of any grant.
    pub(super) fn mint(&mut self, rights: Rights, now: Timestamp) -> String {
        let lifetime = self.spec.token_lifetime;
        self.issue(rights, lifetime, now).0
    }

    /// A new login for a client: the first refresh token of a new family.
    pub(super) fn mint_refresh(&mut self, client_id: &str, now: Timestamp) -> Option<String> {
        let scopes = self.client(client_id)?.scopes.clone();
        let family = self.found_family(client_id.to_owned(), scopes.clone());
        let (grant, _) = self.family_grant(family, &scopes, now);
        grant["refresh_token"].as_str().map(str::to_owned)
    }

    /// Whether the token opens a call that needs this scope (or its `.Read`/`.Write` half).
    pub(super) fn check(
        &self,
        token: Option<&str>,
        needed: Option<(&'static str, Access)>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let access = token.and_then(|token| self.access.get(token)).ok_or(Refused::NoToken)?;
        if access.revoked || access.expires_at <= now {
            return Err(Refused::NoToken);
        }
        let (Rights::Scopes(scopes), Some((scope, kind))) = (&access.rights, needed) else { return Ok(()) };
        let half = match kind {
            Access::Read => format!("{scope}.Read"),
            Access::Write => format!("{scope}.Write"),
        };
        let enough = scopes.iter().any(|held| held == scope || *held == half || held == "OR.Default");
        if enough { Ok(()) } else { Err(Refused::ScopeMissing(scope)) }
    }

    /// Whatever opens anything here, or did.
    pub(super) fn secrets(&self) -> Vec<String> {
        let IdentitySpec { clients, user_keys, passwords, .. } = &self.spec;
        let held = clients.iter().filter_map(|client| client.secret.clone());
        let keys = user_keys.iter().map(|user| user.key.clone());
        let words = passwords.iter().map(|user| user.password.clone());
        held.chain(keys).chain(words).chain(self.access.keys().cloned()).chain(self.refresh.keys().cloned()).collect()
    }

    /// The number of a token, for the record.
    pub(super) fn number(&self, token: &str) -> Option<u64> {
        self.access.get(token).map(|access| access.number)
    }

    pub(super) fn revoke(&mut self, token: &str) {
        if let Some(access) = self.access.get_mut(token) {
            access.revoked = true;
        }
    }

    /// No access token given so far opens anything any more.
    pub(super) fn revoke_all(&mut self) {
        self.access.values_mut().for_each(|access| access.revoked = true);
    }

    /// No refresh token given so far is good any more.
    pub(super) fn revoke_families(&mut self) {
        self.families.iter_mut().for_each(|family| family.revoked = true);
    }

    fn client(&self, id: &str) -> Option<&ClientSpec> {
        self.spec.clients.iter().find(|client| client.id == id)
    }

    fn client_credentials(&mut self, client: &ClientSpec, secret: &str, scope: &str, now: Timestamp) -> Outcome {
        match &client.secret {
            Some(right) if right == secret => {}
            Some(_) => return refused("invalid_client"),
            None => return refused("unauthorized_client"),
        }
        let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
        let granted = |scope: &String| client.scopes.contains(scope);
        // `offline_access` is no scope of an application, so it falls out here as well.
        // A scope together with both its halves is refused by the real one as well.
        let whole_and_halves =
            |scope: &String| scopes.contains(&format!("{scope}.Read")) && scopes.contains(&format!("{scope}.Write"));
        if scopes.is_empty() || !scopes.iter().all(granted) || scopes.iter().any(whole_and_halves) {
            return refused("invalid_scope");
        }
        let lifetime = self.spec.token_lifetime;
        let (token, number) = self.issue(Rights::Scopes(scopes), lifetime, now);
        let body = json!({
            "access_token": token, "expires_in": lifetime.as_secs(), "token_type": "Bearer", "scope": scope,
        });
        (Answer::json(200, body), TokenOutcome::Granted(number))
    }

    fn refresh(&mut self, client: &ClientSpec, secret: &str, token: &str, now: Timestamp) -> Outcome {
        // A secret is needed only where one was given; a wrong one never passes.
        if !secret.is_empty() && client.secret.as_deref() != Some(secret) {
            return refused("invalid_client");
        }
        let Some(entry) = self.refresh.get(token).cloned() else { return refused("invalid_grant") };
        let Family { client_id, scopes, revoked } = self.families[entry.family].clone();
        if client_id != client.id || revoked || entry.expires_at <= now {
            return refused("invalid_grant");
        }
        if let Some(Used { at, answer }) = entry.used {
            let in_grace = self.spec.reuse_grace.is_some_and(|grace| now <= later(at, grace));
            if in_grace {
                return (Answer::json(200, answer), TokenOutcome::Repeated);
            }
            self.families[entry.family].revoked = true;
            return (oauth_error(400, "invalid_grant"), TokenOutcome::ReuseDetected);
        }
        let (body, number) = self.family_grant(entry.family, &scopes, now);
        if let Some(entry) = self.refresh.get_mut(token) {
            entry.used = Some(Used { at: now, answer: body.clone() });
        }
        (Answer::json(200, body), TokenOutcome::Granted(number))
    }

    /// A wrong secret does not spend the code: the client is looked at first (RFC 6749 4.1.3).
    fn code(&mut self, client: &ClientSpec, secret: &str, sent: &SentCode, now: Timestamp) -> Outcome {
        if client.secret.is_some() && client.secret.as_deref() != Some(secret) && !secret.is_empty() {
            return refused("invalid_client");
        }
        let code = self.codes.remove(&sent.code);
        let Some(code) = code.filter(|code| code.fits(&client.id, sent, now)) else {
            return refused("invalid_grant");
        };
        let family = self.found_family(client.id.clone(), code.scopes.clone());
        let (body, number) = self.family_grant(family, &code.scopes, now);
        (Answer::json(200, body), TokenOutcome::Granted(number))
    }

    fn found_family(&mut self, client_id: String, scopes: Vec<String>) -> usize {
        self.families.push(Family { client_id, scopes, revoked: false });
        self.families.len() - 1
    }

    /// An access token and the family's next refresh token.
    fn family_grant(&mut self, family: usize, scopes: &[String], now: Timestamp) -> (Value, u64) {
        let lifetime = self.spec.token_lifetime;
        let (token, number) = self.issue(Rights::Scopes(scopes.to_vec()), lifetime, now);
        let next = format!("sandbox-rt-{}", self.keys.hex());
        let expires_at = later(now, REFRESH_LIFETIME);
        self.refresh.insert(next.clone(), RefreshToken { family, expires_at, used: None });
        let body = json!({
            "access_token": token, "expires_in": lifetime.as_secs(), "token_type": "Bearer", "refresh_token": next,
            "scope": scopes.join(" "),
        });
        (body, number)
    }

    fn account_grant(&mut self, now: Timestamp, key: Option<String>) -> Outcome {
        let lifetime = self.spec.account_token_lifetime;
        let (token, number) = self.issue(Rights::All, lifetime, now);
        let mut body = json!({
            "access_token": token, "id_token": format!("sandbox-id-{}", self.keys.hex()),
            "scope": "openid profile email offline_access", "expires_in": lifetime.as_secs(), "token_type": "Bearer",
        });
        // Only the first login shows the key; a refresh keeps it.
        if let Some(key) = key {
            body["refresh_token"] = Value::from(key);
        }
        (Answer::json(200, body), TokenOutcome::Granted(number))
    }

    fn issue(&mut self, rights: Rights, lifetime: Duration, now: Timestamp) -> (String, u64) {
        self.issued += 1;
        let number = self.issued;
        let token = format!("sandbox-at-{}", self.keys.hex());
        let access = AccessToken { number, rights, expires_at: later(now, lifetime), revoked: false };
        self.access.insert(token.clone(), access);
        (token, number)
    }
}

/// Which half of a scope is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

fn oauth_error(status: u16, error: &str) -> Answer {
    Answer::json(status, json!({"error": error}))
}

fn refused(error: &str) -> Outcome {
    refused_with(400, error)
}

fn refused_with(status: u16, error: &str) -> Outcome {
    (oauth_error(status, error), TokenOutcome::Refused(error.to_owned()))
}
