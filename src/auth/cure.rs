//! The cure of every trouble in `trouble`: what a person can do about it, in one sentence.
//!
//! The words are the product here. Each cure names the key, the file or the command, and says when it is tried again, so
//! that nobody restarts a daemon in vain.

use url::Url;

use super::challenge::Challenge;
use super::credential::{Credential, is_uipath, other_token_url};
use super::trouble::{Before, Network, Oauth, Trouble};
use super::what_helps::{AGAIN, Cure};
use crate::grant::{Asking, Facts, Style};
use crate::secret::{Purpose, SecretSource};

impl Trouble {
    pub(super) fn cure(&self, credential: &Credential, before: Before) -> Cure {
        let Credential { grant, token_url, .. } = credential;
        match self {
            Trouble::Secret { .. } => Cure::looked_for("put the secret there, for this service only"),
            Trouble::TokenFile { .. } => Cure::again("let this service, and nobody else, write there"),
            Trouble::DamagedFile { .. } => {
                let (source, kind) = grant.main_secret();
                let anew = put(source, &format!("the new {kind}"), credential);
                Cure::of(format!("restore it from a copy, or log in once more and {anew}"))
            }
            Trouble::NothingKept { kind: _ } => {
                Cure::looked_for(format!("run `punctual login {}`", credential.connection))
            }
            Trouble::LoginRefused { challenge, .. } => Cure::of(refused_user(credential, challenge.as_ref())),
            Trouble::SameToken => Cure::looked_for(format!(
                "it has ended, was revoked, or belongs to another organization: create a new one and {}",
                put(grant.main_secret().0, "it", credential)
            )),
            Trouble::Busy => Cure::again("end the other process that uses this login"),
            Trouble::Stopping => Cure::of("start it again"),
            Trouble::Spent => Cure::of(format!(
                "{}; `punctual token refresh {}` sends it once more",
                new_login(credential, ""),
                credential.connection
            )),
            Trouble::Denied { code: Oauth::InvalidGrant, description: Some(words), .. } if tells_of_user(words) => {
                Cure::of(format!(
                    "its user is disabled or locked: enable the user, then run `punctual token refresh {}`",
                    credential.connection
                ))
            }
            Trouble::Denied { code, .. } => Cure::of(denied(*code, credential, before)),
            Trouble::Network { how, detail } => of_network(how, detail),
            Trouble::Status { status, challenge, .. } => of_status(*status, challenge.as_ref(), token_url),
            Trouble::Redirect { to: Some(to), .. } => Cure::again(redirected(credential, to)),
            Trouble::Redirect { to: None, .. } => Cure::again(format!(
                "something at {} or before it keeps the request from the token server: have it let POST {} through",
                host(token_url),
                token_url.path()
            )),
            Trouble::Page { .. } if grant.facts().style == Style::Authenticate => Cure::of(format!(
                "the path `{}` was tried; write as `url` what stands before `/odata` in a stand-alone Orchestrator's address (Automation Cloud takes no passwords)",
                token_url.path()
            )),
            Trouble::Page { .. } => Cure::of(format!(
                "the path `{}` was tried; set `auth.token_url` to {}",
                token_url.path(),
                other_token_url(token_url)
            )),
            Trouble::Packed { .. } => Cure::again(
                "have the proxy or gateway on the way send answers whole and without compression, as the request asks",
            ),
            Trouble::TooLarge | Trouble::Unreadable | Trouble::NoToken | Trouble::OddToken | Trouble::NotBearer => {
                Cure::again("check that `auth.token_url` is the token endpoint and no proxy changes answers")
            }
            Trouble::Crashed => Cure::again("report it with the log"),
        }
    }
}

/// There was no answer, or none to its end.
fn of_network(how: &Network, detail: &str) -> Cure {
    match how {
        Network::Name => Cure::again("check the host in `auth.token_url` or `url`, and the name server"),
        Network::Connect if detail.contains("authorization required") => {
            Cure::again(format!("{PROXY_PASSWORD}; {NO_WINDOWS_PROXY}"))
        }
        Network::Refused | Network::Connect | Network::ConnectTimeout => {
            Cure::again("check host and port, firewall and proxy")
        }
        Network::Tls => Cure::again("check host and port, or add the server's authority to the system's certificates"),
        Network::GaveUp { next, .. } => Cure {
            act: "find out what keeps the server, or a proxy between, so long".to_owned(),
            promise: Some(format!("{AGAIN}, and waits up to {} s then", next.as_secs())),
        },
        Network::Broken => Cure::again("check the server and any proxy between"),
    }
}

/// A status without OAuth's words.
fn of_status(status: u16, challenge: Option<&Challenge>, token_url: &Url) -> Cure {
    match (status, challenge) {
        (407, Some(challenge)) if challenge.is_windows_only() => Cure::again(WINDOWS_PROXY),
        (407, Some(_)) => Cure::again(PROXY_PASSWORD),
        (407, None) => Cure::again(format!("{PROXY_PASSWORD}; {NO_WINDOWS_PROXY}")),
        (_, Some(challenge)) if challenge.is_windows_only() => Cure::again(format!(
            "the web server wants a Windows login before the identity server is reached: let IIS allow anonymous authentication for `{}`",
            token_url.path()
        )),
        (429, _) => Cure::again("ask for tokens less often from other programs of this organization"),
        (500.., _) => Cure::again("the token server has a fault of its own"),
        (_, _) => Cure::again("check `auth` and `auth.token_url` of the connection"),
    }
}

/// What to do about a redirect. Only where a token server is likely to be at its target is that suggested: reverse proxies send
/// plain HTTP to HTTPS and add or take a slash (DuendeArchive/IdentityServer4 2618, freelawproject/courtlistener 7927), and
/// servers move to another host with their paths (PostHog/posthog 49807). Login pages and portals under maintenance are no
/// token server, however often they are entered as `token_url`.
fn redirected(credential: &Credential, to: &str) -> String {
    let Credential { grant, token_url, .. } = credential;
    let usual = usual_address(credential);
    let key = grant.facts().address_key;
    match Url::parse(to).map(|to| target(token_url, &to)) {
        Ok(Target::Itself) => format!(
            "the address leads to itself, as where a login page or a gateway wants a cookie first: have {} let POST {} through as it is",
            host(token_url),
            token_url.path()
        ),
        Ok(Target::SameHost) if key == "auth.token_url" => format!("set `auth.token_url` to {to}"),
        Ok(Target::SameHost) => format!("correct `url` of the connection, so that it leads to {to}"),
        Ok(Target::OtherHost) if key == "auth.token_url" => {
            format!("if you know that host to be your token server's, set `auth.token_url` to {to}")
        }
        Ok(Target::OtherHost) => {
            format!(
                "if you know that host to be your Orchestrator's, correct `url` of the connection, so that it leads to {to}"
            )
        }
        Ok(Target::Elsewhere) | Err(_) => match usual {
            Usual::IsTried(kind) => format!(
                "that is no token server, but most likely a login or maintenance page; the address that was tried is the usual one of {kind}, so have whoever runs {} let POST {} through to it",
                host(token_url),
                token_url.path()
            ),
            Usual::Others(addresses) => format!(
                "that is no token server, but most likely a login or maintenance page; expected as `{key}` is {addresses}"
            ),
        },
    }
}

/// Where a redirect leads, seen from where it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The same address.
    Itself,
    /// Likely a token server, on the same host.
    SameHost,
    /// Likely a token server, on another host.
    OtherHost,
    /// Something else, or a step down to plain HTTP.
    Elsewhere,
}

fn target(from: &Url, to: &Url) -> Target {
    let bare = |url: &Url| url.path().trim_end_matches('/').to_owned();
    let answers = bare(from) == bare(to) || TOKEN_PATHS.iter().any(|path| bare(to).ends_with(path));
    if !answers || (to.scheme() != "https" && to.scheme() != from.scheme()) {
        Target::Elsewhere
    } else if from.origin() == to.origin() && from.path() == to.path() {
        Target::Itself
    } else if from.host() == to.host() {
        Target::SameHost
    } else {
        Target::OtherHost
    }
}

/// How the paths of token endpoints end.
const TOKEN_PATHS: [&str; 3] = ["/connect/token", "/oauth/token", "/api/account/authenticate"];

/// Where a server of this kind has its token endpoint.
enum Usual {
    /// There, where it was tried; of what.
    IsTried(&'static str),
    /// One of these.
    Others(String),
}

fn usual_address(credential: &Credential) -> Usual {
    let Credential { grant, token_url, .. } = credential;
    let origin = token_url.origin().ascii_serialization();
    let segments: Vec<&str> = token_url.path_segments().map(Iterator::collect).unwrap_or_default();
    match (grant.facts().asking, grant.facts().style) {
        (Asking::Nobody, _) => Usual::Others("what stands before `/odata` in Orchestrator's address".to_owned()),
        (_, Style::Authenticate) => match segments.as_slice() {
            ["api", "account" | "Account", "authenticate" | "Authenticate"] => {
                Usual::IsTried("a stand-alone Orchestrator, whose passwords are checked there")
            }
            _ => Usual::Others("what stands before `/odata` in a stand-alone Orchestrator's address".to_owned()),
        },
        (_, Style::Account) => match segments.as_slice() {
            ["oauth", "token"] => Usual::IsTried("the early cloud's user keys"),
            _ => Usual::Others("https://account.uipath.com/oauth/token".to_owned()),
        },
        (_, Style::Identity) => {
            let cloud = token_url.host_str().is_some_and(is_uipath);
            match segments.as_slice() {
                [_, "identity_", "connect", "token"] if cloud => Usual::IsTried("Automation Cloud"),
                _ if cloud => Usual::Others(format!("{origin}/ORGANIZATION/identity_/connect/token")),
                ["identity_", "connect", "token"] => Usual::IsTried("Automation Suite"),
                ["identity", "connect", "token"] => Usual::IsTried("a stand-alone Orchestrator"),
                _ => Usual::Others(format!(
                    "{origin}/identity_/connect/token for Automation Suite, {origin}/identity/connect/token for a stand-alone Orchestrator"
                )),
            }
        }
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

const PROXY_PASSWORD: &str = "the proxy on the way wants a name and a password: write them into the proxy's address for the service (`HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT`)";
/// Where the ways to log in are not known: an answer to CONNECT is not shown to whoever asked for the connection.
const NO_WINDOWS_PROXY: &str = "a proxy that takes only NTLM or Negotiate, Windows logins of a domain, needs a helper on this machine that speaks them, or an exception for this machine";
const WINDOWS_PROXY: &str = "the proxy on the way takes only NTLM or Negotiate, Windows logins of a domain, which are not spoken here: have it let this machine through without one, or set `HTTPS_PROXY` to a helper on this machine that speaks them";

/// Orchestrator logs users of a directory in by NTLM or Negotiate only; with their password it answers 400 and code 1000, as to
/// a wrong one (forum.uipath.com 24921 and 78830, of 2018.3 to 2018.4). Users of single sign-on have no password there at all
/// (forum.uipath.com 155800).
fn refused_user(credential: &Credential, challenge: Option<&Challenge>) -> String {
    const ELSE: &str =
        "use an external application (`grant: client_credentials`), or a local user with a password of its own";
    let password = held(credential.grant.main_secret().0, "the password", credential);
    let pause = "it is tried again every hour only, as each try may count towards locking the account";
    let username = credential.grant.username().unwrap_or_default();
    if username.contains('\\') || challenge.is_some_and(Challenge::is_windows_only) {
        return format!(
            "`{username}` is a user of a directory (a Windows domain), whom Orchestrator logs in by NTLM or Negotiate only and never with a password here: {ELSE}; {pause}"
        );
    }
    let may_be = if username.contains('@') { "if it is the address of" } else { "if it is" };
    format!(
        "check `username`, `tenant` and {password}; {may_be} a user of a directory (a Windows domain) or of single sign-on, it cannot log in with a password here: {ELSE}; {pause}"
    )
}

/// Whether a refusal speaks of the user and not of the token.
fn tells_of_user(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["disabled", "inactive", "not active", "locked", "deactivated"].iter().any(|word| words.contains(word))
}

fn denied(code: Oauth, credential: &Credential, before: Before) -> String {
    let wrong_client = |source: &SecretSource| {
        format!(
            "check `client_id` and {}, that the secret has not expired, and that the application belongs to {}",
            held(source, "the secret", credential),
            organization(credential)
        )
    };
    let grant = &credential.grant;
    let facts = grant.facts();
    if code != Oauth::InvalidGrant && !facts.speaks_oauth() {
        return "check `auth.token_url` and `grant` of the connection".to_owned();
    }
    let is_user_key = facts.style == Style::Account;
    let is_application = facts.secret == Purpose::ClientSecret;
    match code {
        Oauth::InvalidGrant => match before {
            Before::Answered => new_login(credential, "it expired, was revoked, or was used by another process: "),
            Before::Lost => new_login(credential, "the answer that held the next one was lost: "),
        },
        Oauth::InvalidClient => match grant.secret(Purpose::ClientSecret) {
            None => "check `client_id`: API Access shows it next to the user key".to_owned(),
            Some(SecretSource::Kept) if !is_application => {
                "check `client_id`; a confidential application needs `client_secret` too".to_owned()
            }
            Some(source) => wrong_client(source),
        },
        Oauth::InvalidScope if is_user_key => "create a new user key under API Access".to_owned(),
        Oauth::InvalidScope => {
            let asked = grant.scope().map(|scope| format!(" (asked for: `{scope}`)")).unwrap_or_default();
            match grant.scope().filter(|_| is_application) {
                Some(scope) => scope_cure(scope).to_owned() + &asked,
                None => "take scopes out of `scope` that the login did not have".to_owned() + &asked,
            }
        }
        Oauth::UnauthorizedClient | Oauth::UnsupportedGrantType if is_application => {
            "make the application a confidential one with application scopes".to_owned()
        }
        Oauth::UnauthorizedClient | Oauth::UnsupportedGrantType => {
            "check `style`, and that the application may use refresh tokens (`offline_access`)".to_owned()
        }
    }
}

/// Whose identity server is asked: in the Cloud the path says it, and an application is known to its own alone.
fn organization(credential: &Credential) -> String {
    let cloud = credential.token_url.host_str().is_some_and(is_uipath);
    let first = credential.token_url.path_segments().and_then(|mut segments| segments.next());
    match first.filter(|name| cloud && !name.is_empty() && !name.starts_with("identity")) {
        Some(name) => format!("the organization `{name}`, whose identity server was asked"),
        None => "this organization".to_owned(),
    }
}

/// Names the mistake that can be seen in the scopes, else the ones that cannot.
fn scope_cure(scope: &str) -> &'static str {
    if scope.contains(',') {
        "put spaces, not commas, between the scopes"
    } else if scope.split_whitespace().any(|one| one == "offline_access") {
        "take `offline_access` out of `scope`: this grant has no refresh token"
    } else if scope.split_whitespace().any(|one| matches!(one, "openid" | "profile" | "email")) {
        "take `openid`, `profile` and `email` out of `scope`: they are of a user's login"
    } else if scope.split_whitespace().any(|one| one.starts_with("or.") || one.starts_with("Or.")) {
        "write the scopes as the application's page shows them, such as `OR.Jobs`: capitals count"
    } else if scope.contains(['"', '\'', '`']) {
        "take the quotes out of `scope`"
    } else {
        "check that each scope is granted to the application as an application scope, and that none is asked for both whole and as `.Read` and `.Write`"
    }
}

fn new_login(credential: &Credential, cause: &str) -> String {
    let (source, kind) = credential.grant.main_secret();
    let Facts { secret, style, .. } = credential.grant.facts();
    match (secret, style) {
        (Purpose::ClientSecret, _) => "check the application at the identity server".to_owned(),
        (Purpose::RefreshToken, Style::Account) => format!(
            "{cause}see that its user is enabled, or create a new user key under API Access and {}; this one is tried again every hour, and at once by `punctual token refresh {}`",
            put(source, "it", credential),
            credential.connection
        ),
        (Purpose::RefreshToken, Style::Identity | Style::Authenticate) => match source {
            SecretSource::Kept => format!("{cause}run `punctual login {}`", credential.connection),
            // Two ways: a fresh token where this one came from, or no more handling of tokens at all.
            SecretSource::At(_) => format!(
                "{cause}log in once more and {}; or leave `refresh_token` out of the file and run `punctual login {}`",
                put(source, "the new refresh token", credential),
                credential.connection
            ),
        },
        (Purpose::Password | Purpose::PersonalToken, _) => {
            format!("{cause}{}", put(source, &format!("a new {kind}"), credential))
        }
    }
}

/// How a new secret gets to where it is looked for.
pub(super) fn put(source: &SecretSource, what: &str, credential: &Credential) -> String {
    match source {
        SecretSource::At(reference) => format!("put {what} in `{reference}`"),
        SecretSource::Kept => format!("give {what} to `punctual login {}`", credential.connection),
    }
}

/// The secret that is there now.
fn held(source: &SecretSource, what: &str, credential: &Credential) -> String {
    match source {
        SecretSource::At(reference) => format!("{what} in `{reference}`"),
        SecretSource::Kept => format!("{what} given to `punctual login {}`", credential.connection),
    }
}
