//! Every known failure names its cause and its cure, in words compared whole.

use punctual::auth::core::Class;
use punctual::auth::trouble::{Before, Network, Trouble};
use punctual::auth::{AuthUnavailable, Credential, TokenManager, TokenState};
use punctual::grant::Grant;
use punctual::secret::{SecretRef, SecretSource};
use url::Url;

use crate::secs;
use crate::server::{House, Said, Seen, soon};

/// What a caller is told, with the parts that differ from run to run taken out.
async fn told(house: &House, credential: Credential) -> (TokenState, String) {
    let manager = TokenManager::start(credential, house.environment()).unwrap();
    let refused = soon(manager.token()).await.unwrap_err();
    let AuthUnavailable { state, cure, .. } = &refused;
    let folder = house.folder.path().display().to_string();
    (
        *state,
        format!("{}\n{cure}", refused.sentence())
            .replace(&house.server.origin, "http://identity")
            .replace(&folder, "/etc"),
    )
}

async fn answered(said: Said) -> (TokenState, String) {
    let house = House::new(move |_, _: &Seen| said.clone()).await;
    let credential = house.credential(house.client_credentials());
    told(&house, credential).await
}

#[tokio::test]
async fn a_refused_client_is_told_what_to_check() {
    let (state, text) = answered(Said::error(400, "invalid_client")).await;
    assert_eq!(state, TokenState::BadClient);
    insta::assert_snapshot!(text, @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 400 `invalid_client`
    check `client_id` and the secret in `file:/etc/client-secret`, that the secret has not expired, and that the application belongs to this organization
    "#);
}

#[tokio::test]
async fn refused_scopes_are_told_by_the_mistake_in_them() {
    let house = House::new(|_, _: &Seen| Said::error(400, "invalid_scope")).await;
    let mut texts = Vec::new();
    for scope in ["OR.Jobs,OR.Folders", "OR.Jobs offline_access", "OR.Jobs OR.Jobs.Read"] {
        let grant = Grant::ClientCredentials {
            client_id: "app-1".to_owned(),
            client_secret: house.secret("client-secret"),
            scope: scope.to_owned(),
        };
        let (state, text) = told(&house, house.credential(grant)).await;
        assert_eq!(state, TokenState::BadClient);
        texts.push(text);
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 400 `invalid_scope`
    put spaces, not commas, between the scopes (asked for: `OR.Jobs,OR.Folders`)
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 400 `invalid_scope`
    take `offline_access` out of `scope`: this grant has no refresh token (asked for: `OR.Jobs offline_access`)
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 400 `invalid_scope`
    check that each scope is granted to the application as an application scope, and that none is asked for both whole and as `.Read` and `.Write` (asked for: `OR.Jobs OR.Jobs.Read`)
    "#);
}

#[tokio::test]
async fn a_refused_refresh_token_is_told_for_both_styles() {
    let house = House::new(|_, _: &Seen| Said::error(400, "invalid_grant")).await;
    let (state, identity) = told(&house, house.credential(house.identity())).await;
    assert_eq!(state, TokenState::NeedsLogin);
    let house = House::new(|_, _: &Seen| {
        Said::json(
            403,
            serde_json::json!({ "error": "invalid_grant", "error_description": "Unknown or invalid\n refresh token." }),
        )
    })
    .await;
    let (state, account) = told(&house, house.credential(house.account())).await;
    assert_eq!(state, TokenState::NeedsLogin);
    insta::assert_snapshot!(format!("{identity}\n{account}"), @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 400 `invalid_grant`
    it expired, was revoked, or was used by another process: log in once more and put the new refresh token in `file:/etc/seed`; or leave `refresh_token` out of the file and run `punctual login cloud`
    connection `cloud`: POST http://identity/oauth/token answered 403 `invalid_grant` (Unknown or invalid refresh token.)
    it expired, was revoked, or was used by another process: see that its user is enabled, or create a new user key under API Access and put it in `file:/etc/seed`; this one is tried again every hour, and at once by `punctual token refresh cloud`
    "#);
}

#[tokio::test]
async fn a_web_page_says_which_path_was_tried_and_which_to_set() {
    let (state, cloud) = answered(Said::html(200)).await;
    assert_eq!(state, TokenState::Unavailable);
    let house = House::new(|_, _: &Seen| Said::html(404)).await;
    let mut credential = house.credential(house.client_credentials());
    credential.token_url = house.server.url("/identity/connect/token");
    let (_, suite) = told(&house, credential).await;
    insta::assert_snapshot!(format!("{cloud}\n{suite}"), @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 200 with a web page instead of a token
    the path `/acme/identity_/connect/token` was tried; set `auth.token_url` to http://identity/identity_/connect/token
    connection `cloud`: POST http://identity/identity/connect/token answered 404: there is no token endpoint at this path
    the path `/identity/connect/token` was tried; set `auth.token_url` to http://identity/identity_/connect/token
    "#);
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_told_apart() {
    let said = [
        Said::json(200, serde_json::json!({ "token_type": "Bearer" })),
        Said::json(200, serde_json::json!({ "access_token": "", "token_type": "Bearer" })),
        Said::json(200, serde_json::json!({ "access_token": "a b", "token_type": "Bearer" })),
        Said::json(200, serde_json::json!({ "access_token": "at", "token_type": "mac" })),
        Said::json(200, serde_json::json!([])),
        Said::json(200, serde_json::json!({ "access_token": "at", "expires_in": 0 })),
    ];
    let mut texts = Vec::new();
    for one in said {
        texts.push(answered(one).await.1);
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 200 without an `access_token`
    check that `auth.token_url` is the token endpoint and no proxy changes answers; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 200 without an `access_token`
    check that `auth.token_url` is the token endpoint and no proxy changes answers; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered with an `access_token` that is too long or cannot stand in a header
    check that `auth.token_url` is the token endpoint and no proxy changes answers; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered with a `token_type` other than Bearer
    check that `auth.token_url` is the token endpoint and no proxy changes answers; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered with something that is not a JSON object
    check that `auth.token_url` is the token endpoint and no proxy changes answers; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered with a token that had already expired
    check the clock of the token server; it is tried again by itself
    "#);
}

#[tokio::test]
async fn a_server_in_trouble_is_told_with_its_status() {
    let mut texts = Vec::new();
    for one in [
        Said::error(503, "temporarily_unavailable"),
        Said::html(502),
        Said::error(429, "slow_down"),
        Said::error(403, "access_denied"),
        Said::error(302, "moved").with("location", "/login"),
    ] {
        let (state, text) = answered(one).await;
        assert_eq!(state, TokenState::Unavailable);
        texts.push(text);
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 503 `temporarily_unavailable`
    the token server has a fault of its own; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 502
    the token server has a fault of its own; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 429 `slow_down`
    ask for tokens less often from other programs of this organization; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 403 `access_denied`
    check `auth` and `auth.token_url` of the connection; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 302, a redirect to http://identity/login, which is not followed
    that is no token server, but most likely a login or maintenance page; expected as `auth.token_url` is http://identity/identity_/connect/token for Automation Suite, http://identity/identity/connect/token for a stand-alone Orchestrator; it is tried again by itself
    "#);
}

/// The target of a redirect and the cure, for a token server at this path.
async fn redirected(path: &str, to: &str) -> String {
    let said = Said { status: 302, headers: vec![("location", to.to_owned())], body: String::new() };
    let house = House::new(move |_, _: &Seen| said.clone()).await;
    let mut credential = house.credential(house.client_credentials());
    credential.token_url = house.server.url(path);
    let text = told(&house, credential).await.1;
    text.replace(&house.server.origin.replacen("http:", "https:", 1), "https://identity")
}

#[tokio::test]
async fn a_redirect_names_its_target_and_only_a_likely_token_server_is_suggested() {
    let (suite, alone) = ("/identity_/connect/token", "/identity/connect/token");
    let mut texts = Vec::new();
    for (path, to) in [
        // Servers that moved, or want another spelling (PostHog/posthog 49807, freelawproject/courtlistener 7927).
        (suite, "https://other.example/identity_/connect/token"),
        (suite, "/identity_/connect/token/"),
        (alone, "/identity_/connect/token"),
        // Login pages, portals, and what loops.
        (suite, "/identity_/Account/Login?ReturnUrl=%2Fx&client_secret=client-secret-1#top"),
        (alone, "https://me:client-secret-1@sorry.example/client-secret-1/maintenance.html"),
        (suite, "/identity_/connect/token?cookie=1"),
        (suite, "javascript:alert(1)"),
        (suite, ""),
        ("/acme/token", "/login"),
    ] {
        texts.push(redirected(path, to).await);
    }
    let texts = texts.join("\n");
    assert!(!texts.contains("client-secret-1") && !texts.contains("ReturnUrl") && !texts.contains("me:"), "{texts}");
    insta::assert_snapshot!(texts, @r#"
    connection `cloud`: POST http://identity/identity_/connect/token answered 302, a redirect to https://other.example/identity_/connect/token, which is not followed
    if you know that host to be your token server's, set `auth.token_url` to https://other.example/identity_/connect/token; it is tried again by itself
    connection `cloud`: POST http://identity/identity_/connect/token answered 302, a redirect to http://identity/identity_/connect/token/, which is not followed
    set `auth.token_url` to http://identity/identity_/connect/token/; it is tried again by itself
    connection `cloud`: POST http://identity/identity/connect/token answered 302, a redirect to http://identity/identity_/connect/token, which is not followed
    set `auth.token_url` to http://identity/identity_/connect/token; it is tried again by itself
    connection `cloud`: POST http://identity/identity_/connect/token answered 302, a redirect to http://identity/identity_/Account/Login, which is not followed
    that is no token server, but most likely a login or maintenance page; the address that was tried is the usual one of Automation Suite, so have whoever runs 127.0.0.1 let POST /identity_/connect/token through to it; it is tried again by itself
    connection `cloud`: POST http://identity/identity/connect/token answered 302, a redirect to https://sorry.example/[secret]/maintenance.html, which is not followed
    that is no token server, but most likely a login or maintenance page; the address that was tried is the usual one of a stand-alone Orchestrator, so have whoever runs 127.0.0.1 let POST /identity/connect/token through to it; it is tried again by itself
    connection `cloud`: POST http://identity/identity_/connect/token answered 302, a redirect to http://identity/identity_/connect/token, which is not followed
    the address leads to itself, as where a login page or a gateway wants a cookie first: have 127.0.0.1 let POST /identity_/connect/token through as it is; it is tried again by itself
    connection `cloud`: POST http://identity/identity_/connect/token answered 302, a redirect without an address, which is not followed
    something at 127.0.0.1 or before it keeps the request from the token server: have it let POST /identity_/connect/token through; it is tried again by itself
    connection `cloud`: POST http://identity/identity_/connect/token answered 302, a redirect without an address, which is not followed
    something at 127.0.0.1 or before it keeps the request from the token server: have it let POST /identity_/connect/token through; it is tried again by itself
    connection `cloud`: POST http://identity/acme/token answered 302, a redirect to http://identity/login, which is not followed
    that is no token server, but most likely a login or maintenance page; expected as `auth.token_url` is http://identity/identity_/connect/token for Automation Suite, http://identity/identity/connect/token for a stand-alone Orchestrator; it is tried again by itself
    "#);
}

#[tokio::test]
async fn a_redirect_from_plain_http_to_the_same_path_over_https_is_the_cure() {
    let house = House::new(|_, seen: &Seen| {
        let host = seen.headers.get("host").unwrap().to_str().unwrap();
        let location = format!("https://{host}/acme/identity_/connect/token");
        Said { status: 301, headers: vec![("location", location)], body: String::new() }
    })
    .await;
    let (_, text) = told(&house, house.credential(house.client_credentials())).await;
    let target = format!("{}/acme/identity_/connect/token", house.server.origin.replacen("http:", "https:", 1));
    assert!(text.contains(&format!("a redirect to {target},")), "{text}");
    assert!(text.contains(&format!("set `auth.token_url` to {target};")), "{text}");
    // And never a step down: that would send the secret in the clear.
    let failure = |from: &str, to: &str| {
        let mut credential = house.credential(house.client_credentials());
        credential.token_url = Url::parse(from).unwrap();
        Trouble::Redirect { status: 301, to: Some(to.to_owned()) }.explain(&credential, Before::Answered).cure
    };
    let down = failure("https://id.example/identity/connect/token", "http://id.example/identity/connect/token");
    assert!(!down.act.contains("set `auth.token_url`"), "{down}");
}

async fn password_of(username: &str, said: Said) -> String {
    let house = House::new(move |_, _: &Seen| said.clone()).await;
    let Grant::Password { password, .. } = house.password() else { panic!("a password") };
    let grant = Grant::Password { username: username.to_owned(), password };
    told(&house, house.credential(grant)).await.1
}

#[tokio::test]
async fn users_of_a_directory_are_told_why_their_password_does_not_work() {
    let wrong = || {
        let body = serde_json::json!({ "message": "Invalid username/email address or password.", "errorCode": 1000 });
        Said::json(400, body)
    };
    let asks = Said::html(401).with("www-authenticate", "Negotiate").with("www-authenticate", "NTLM");
    let texts = [
        password_of("ACME\\svc-rpa", wrong()).await,
        password_of("svc-rpa@acme.example", wrong()).await,
        password_of("svc-rpa", asks).await,
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    connection `cloud`: POST http://identity/api/account/authenticate answered 400 (Invalid username/email address or password.)
    `ACME\svc-rpa` is a user of a directory (a Windows domain), whom Orchestrator logs in by NTLM or Negotiate only and never with a password here: use an external application (`grant: client_credentials`), or a local user with a password of its own; it is tried again every hour only, as each try may count towards locking the account
    connection `cloud`: POST http://identity/api/account/authenticate answered 400 (Invalid username/email address or password.)
    check `username`, `tenant` and the password in `file:/etc/password`; if it is the address of a user of a directory (a Windows domain) or of single sign-on, it cannot log in with a password here: use an external application (`grant: client_credentials`), or a local user with a password of its own; it is tried again every hour only, as each try may count towards locking the account
    connection `cloud`: POST http://identity/api/account/authenticate answered 401 and wants `Negotiate` or `NTLM`
    `svc-rpa` is a user of a directory (a Windows domain), whom Orchestrator logs in by NTLM or Negotiate only and never with a password here: use an external application (`grant: client_credentials`), or a local user with a password of its own; it is tried again every hour only, as each try may count towards locking the account
    "#);
}

#[tokio::test]
async fn windows_logins_before_the_token_endpoint_and_proxies_are_named() {
    let house = House::new(|_, _: &Seen| {
        Said::json(400, serde_json::json!({ "error": "invalid_grant", "error_description": "user is not active" }))
    })
    .await;
    let (_, disabled) = told(&house, house.credential(house.identity())).await;
    let texts = [
        answered(Said::html(401).with("www-authenticate", "Negotiate, NTLM")).await.1,
        answered(Said::html(407).with("proxy-authenticate", "NTLM").with("proxy-authenticate", "Negotiate")).await.1,
        answered(Said::html(407).with("proxy-authenticate", "Basic realm=\"corp\"")).await.1,
        disabled,
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 401 and wants `Negotiate` or `NTLM`
    the web server wants a Windows login before the identity server is reached: let IIS allow anonymous authentication for `/acme/identity_/connect/token`; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 407 and wants `Negotiate` or `NTLM`
    the proxy on the way takes only NTLM or Negotiate, Windows logins of a domain, which are not spoken here: have it let this machine through without one, or set `HTTPS_PROXY` to a helper on this machine that speaks them; it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 407 and wants `Basic`
    the proxy on the way wants a name and a password: write them into the proxy's address for the service (`HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT`); it is tried again by itself
    connection `cloud`: POST http://identity/acme/identity_/connect/token answered 400 `invalid_grant` (user is not active)
    its user is disabled or locked: enable the user, then run `punctual token refresh cloud`
    "#);
}

#[tokio::test]
async fn a_secret_that_is_missing_or_open_is_told_with_its_place() {
    let house = House::new(|_, _: &Seen| Said::token("at")).await;
    std::fs::remove_file(house.folder.path().join("client-secret")).unwrap();
    let (state, client) = told(&house, house.credential(house.client_credentials())).await;
    assert_eq!(state, TokenState::BadClient);
    let seed = house.folder.path().join("seed");
    std::fs::set_permissions(&seed, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (state, login) = told(&house, house.credential(house.identity())).await;
    assert_eq!(state, TokenState::NeedsLogin);
    assert_eq!(house.server.count(), 0);
    insta::assert_snapshot!(format!("{client}\n{login}"), @r#"
    connection `cloud`: no client secret: failed to read the secret in `/etc/client-secret`: No such file or directory (os error 2)
    put the secret there, for this service only; it is looked for every 5 s
    connection `cloud`: no refresh token: the secret in `/etc/seed` is open to others (mode 644); run `chmod 600 /etc/seed`
    put the secret there, for this service only; it is looked for every 5 s
    "#);
}

#[tokio::test]
async fn a_connection_that_fails_is_told_how() {
    let house = House::new(|_, _: &Seen| Said::token("at")).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut credential = house.credential(house.client_credentials());
    credential.token_url = Url::parse(&format!("http://127.0.0.1:{closed}/identity/connect/token")).unwrap();
    let (_, refused) = told(&house, credential.clone()).await;
    // The port answers, but not in TLS.
    credential.token_url = Url::parse(&house.server.origin.replacen("http:", "https:", 1)).unwrap();
    let (_, plain) = told(&house, credential).await;
    let plain = plain.replace(&house.server.origin.replacen("http:", "https:", 1), "https://identity");
    insta::assert_snapshot!(format!("{}\n{plain}", refused.replace(&closed.to_string(), "PORT")), @r#"
    connection `cloud`: POST http://127.0.0.1:PORT/identity/connect/token failed: the connection was refused (Connection refused (os error 111))
    check host and port, firewall and proxy; it is tried again by itself
    connection `cloud`: POST https://identity/ failed: no secure connection (what answers does not speak TLS: received corrupt message of type InvalidContentType; the port is one for plain HTTP, or belongs to something else; correct the port in the connection's `url`)
    check host and port, or add the server's authority to the system's certificates; it is tried again by itself
    "#);
}

#[test]
fn failures_that_take_a_network_to_make_have_words_too() {
    let credential = Credential {
        connection: "cloud".to_owned(),
        grant: Grant::RefreshTokenIdentity {
            client_id: "app-1".to_owned(),
            client_secret: SecretSource::Kept,
            refresh_token: SecretSource::At(SecretRef::Credential("cloud".to_owned())),
            scope: None,
        },
        token_url: Url::parse("https://user:pass@cloud.uipath.com/acme/identity_/connect/token?x=1").unwrap(),
        tenant: None,
        authorities: None,
    };
    let network = |how| Trouble::Network { how, detail: String::new() };
    let troubles = [
        network(Network::Name),
        network(Network::Tls),
        network(Network::ConnectTimeout),
        network(Network::GaveUp { after: secs(15), next: secs(30) }),
        network(Network::Broken),
        Trouble::Busy,
        Trouble::DamagedFile { path: "/var/lib/punctual/tokens/x.token".to_owned() },
        Trouble::Denied { status: 400, code: punctual::auth::trouble::Oauth::InvalidGrant, description: None },
    ];
    let told: Vec<String> = troubles
        .iter()
        .map(|trouble| {
            let failure = trouble.explain(&credential, Before::Lost);
            assert!(!failure.message.contains("pass") && !failure.message.contains("x=1"));
            format!("{}\n{}", failure.message, failure.cure)
        })
        .collect();
    let gave_up = Network::GaveUp { after: secs(15), next: secs(30) };
    assert_eq!(network(gave_up).explain(&credential, Before::Answered).class, Class::Ambiguous);
    insta::assert_snapshot!(told.join("\n"), @r#"
    POST https://cloud.uipath.com/acme/identity_/connect/token failed: the server's name was not found
    check the host in `auth.token_url` or `url`, and the name server; it is tried again by itself
    POST https://cloud.uipath.com/acme/identity_/connect/token failed: no secure connection
    check host and port, or add the server's authority to the system's certificates; it is tried again by itself
    POST https://cloud.uipath.com/acme/identity_/connect/token failed: no connection within 5 s
    check host and port, firewall and proxy; it is tried again by itself
    POST https://cloud.uipath.com/acme/identity_/connect/token failed: no complete answer yet when punctual stopped waiting after 15 s
    find out what keeps the server, or a proxy between, so long; it is tried again by itself, and waits up to 30 s then
    POST https://cloud.uipath.com/acme/identity_/connect/token failed: the connection broke before the answer was complete
    check the server and any proxy between; it is tried again by itself
    nothing was sent to https://cloud.uipath.com/acme/identity_/connect/token because another process keeps the token file
    end the other process that uses this login; it is tried again by itself
    nothing was sent to https://cloud.uipath.com/acme/identity_/connect/token because the token file `/var/lib/punctual/tokens/x.token` is damaged
    restore it from a copy, or log in once more and put the new refresh token in `credential:cloud`
    POST https://cloud.uipath.com/acme/identity_/connect/token answered 400 `invalid_grant`
    the answer that held the next one was lost: log in once more and put the new refresh token in `credential:cloud`; or leave `refresh_token` out of the file and run `punctual login cloud`
    "#);
}
