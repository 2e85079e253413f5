//! What stands between: proxies with logins, gateways that pack and refuse, certificates that signed themselves.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::bench::{Bench, CLIENT, SCHEDULE, file, step};
use crate::way::{Words, has, proxy};

/// A tenant whose token server works and whose API answers so.
async fn tenant(api: impl Fn() -> Response + Clone + Send + Sync + 'static) -> SocketAddr {
    let answer = move |uri: Uri| {
        let api = api.clone();
        async move {
            if uri.path().contains("openid-configuration") {
                return axum::Json(serde_json::json!({ "issuer": "x" })).into_response();
            }
            if uri.path().contains("connect/token") {
                let token = serde_json::json!({ "access_token": "at-1", "expires_in": 3600, "token_type": "Bearer" });
                return axum::Json(token).into_response();
            }
            api()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

fn refused(status: u16, challenge: &'static str) -> Response {
    let headers = HeaderMap::from_iter([(axum::http::header::WWW_AUTHENTICATE, challenge.parse().unwrap())]);
    (StatusCode::from_u16(status).unwrap(), headers).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_a_token_is_shown_with_its_cure() {
    let bench = Bench::new().await;
    // The sentences of the library that Orchestrator checks tokens with, and RFC 6750's example of a scope.
    let table: [(u16, &str, Words, Words, Words); 8] = [
        (
            401,
            r#"Bearer error="invalid_token", error_description="The audience 'UiPath.Apps' is invalid""#,
            &["`The audience 'UiPath.Apps' is invalid`"],
            &["another audience"],
            &["`OR.…`", "auth.token_url"],
        ),
        (
            401,
            r#"Bearer error="invalid_token", error_description="The token is not valid before '07/01/2026 10:00:00'""#,
            &["not valid before"],
            &["clock of the identity server is ahead"],
            &["one time server"],
        ),
        (
            401,
            r#"Bearer error="invalid_token", error_description="The token expired at '07/01/2026 10:00:00'""#,
            &["expired at"],
            &["had ended when it arrived"],
            &["one time server", "personal access token"],
        ),
        (
            401,
            r#"Bearer error="invalid_token", error_description="The issuer 'https://x.example' is invalid""#,
            &["issuer"],
            &["identity server that this Orchestrator does not trust"],
            &["auth.token_url"],
        ),
        (
            401,
            r#"Bearer error="invalid_token", error_description="The signature key was not found""#,
            &["signature key"],
            &["key that Orchestrator does not know"],
            &["restart Orchestrator"],
        ),
        (
            403,
            r#"Bearer error="insufficient_scope", scope="OR.Folders.Read""#,
            &["`insufficient_scope`", "scope `OR.Folders.Read`"],
            &["does not carry the scope"],
            &["grant the scope `OR.Folders.Read`", "auth.scope"],
        ),
        (401, "Negotiate, NTLM", &["`Negotiate`, `NTLM`"], &["Windows authentication"], &["anonymous authentication"]),
        (401, "Basic realm=\"gate\"", &["`Basic`"], &["gateway before Orchestrator"], &["let this machine through"]),
    ];
    for (status, challenge, found, cause, cure) in table {
        let address = tenant(move || refused(status, challenge)).await;
        let url = format!("http://{address}/acme/acmeprod/orchestrator_");
        let (_, rows) = bench.rows(&file(&url, CLIENT, SCHEDULE)).await;
        let told = step(&rows, "tenant");
        has(told, "found", found);
        has(told, "cause", cause);
        has(told, "cure", cure);
        std::fs::remove_dir_all(bench.path("state")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_came_compressed_unasked_are_read_and_said() {
    let bench = Bench::new().await;
    let packed = || {
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        let rows = r#"{"value":[{"Id":7,"FullyQualifiedName":"Shared","DisplayName":"Shared"}]}"#;
        out.write_all(rows.as_bytes()).unwrap();
        let kind = [("content-type", "application/json"), ("content-encoding", "gzip")];
        (kind, out.finish().unwrap()).into_response()
    };
    let url = format!("http://{}/acme/acmeprod/orchestrator_", tenant(packed).await);
    let (_, rows) = bench.rows(&file(&url, CLIENT, SCHEDULE)).await;
    let told = step(&rows, "tenant");
    assert_eq!(told["verdict"], "fine", "{told:#}");
    has(told, "found", &["`Shared`", "compressed (`gzip`) though nobody asked for it", "a gateway on the way"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_wants_a_login_of_its_own_is_told_as_such() {
    let bench = Bench::new().await;
    let portal = || (StatusCode::from_u16(511).unwrap(), axum::response::Html("<html>Log in</html>")).into_response();
    let url = format!("http://{}/acme/acmeprod/orchestrator_", tenant(portal).await);
    let (_, rows) = bench.rows(&file(&url, CLIENT, SCHEDULE)).await;
    has(step(&rows, "tenant"), "cause", &["captive portal"]);
    has(step(&rows, "tenant"), "cure", &["with a browser"]);
}

const FAR: &str = "https://orchestrator.invalid/acme/acmeprod/orchestrator_";

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_takes_windows_logins_only_is_named_with_its_way_out() {
    let bench = Bench::new().await;
    let line = "407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM";
    let (address, _) = proxy(line, None).await;
    let environment = [("HTTPS_PROXY", &*format!("http://clerk:pr0xy-passw0rd@{address}"))];
    let seen = bench.doctor_in(&file(FAR, CLIENT, SCHEDULE), &["-o", "json"], &environment).await;
    let rows = seen.rows();
    let told = step(&rows, "connect");
    has(told, "found", &["407", "`Negotiate`, `NTLM` alone"]);
    has(told, "cause", &["Windows login (NTLM, Kerberos)", "only `Basic` is"]);
    has(told, "cure", &["cntlm", "HTTPS_PROXY=http://127.0.0.1:3128"]);
    assert!(!seen.out.contains("pr0xy-passw0rd"), "{}", seen.out);

    let line = "407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=\"p\"";
    let (address, _) = proxy(line, None).await;
    let environment = [("HTTPS_PROXY", &*format!("http://clerk:pr0xy-passw0rd@{address}"))];
    let seen = bench.doctor_in(&file(FAR, CLIENT, SCHEDULE), &["-o", "json"], &environment).await;
    has(step(&seen.rows(), "connect"), "cause", &["does not take the name and the password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_password_with_odd_characters_is_told_without_a_part_of_it_and_its_cure_works() {
    let bench = Bench::new().await;
    let password = r"Qx9@zz7k/j4:j5#vv8?ww6%q\x3";
    for (name, value) in [
        ("HTTPS_PROXY", format!("http://clerk:{password}@127.0.0.1:9")),
        ("https_proxy", "http://clerk:Qx9@zz7k@127.0.0.1:9".to_owned()),
        ("ALL_PROXY", "http://clerk:Qx9/zz7k@127.0.0.1:9".to_owned()),
        ("HTTPS_PROXY", "http://clerk:Qx9%zz7k@127.0.0.1:9".to_owned()),
        ("HTTPS_PROXY", r"ACME\clerk:Qx9zz7k@127.0.0.1:9".to_owned()),
    ] {
        let environment = [(name, value.as_str())];
        let seen = bench.doctor_in(&file(FAR, CLIENT, SCHEDULE), &["-o", "json"], &environment).await;
        let rows = seen.rows();
        let told = step(&rows, "proxy");
        assert_eq!((seen.exit, &told["verdict"]), (1, &serde_json::json!("fault")), "{value}: {told:#}");
        has(told, "found", &[format!("`{name}`").as_str()]);
        has(told, "cure", &["percent-encoded", "`@` as `%40`"]);
        for part in ["Qx9", "zz7k", "j4", "vv8", "ww6", "x3"] {
            assert!(!seen.out.contains(part) && !seen.err.contains(part), "{value}: {}{}", seen.out, seen.err);
        }
    }
    // As the cure says it; what arrives is the password as it is.
    let encoded: String =
        [("%", "%25"), ("@", "%40"), (":", "%3A"), ("/", "%2F"), ("?", "%3F"), ("#", "%23"), ("\\", "%5C")]
            .into_iter()
            .fold(password.to_owned(), |text, (sign, code)| text.replace(sign, code));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<String>> = Arc::default();
    let log = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&head[..length]));
        }
    });
    let environment = [("HTTPS_PROXY", &*format!("http://clerk:{encoded}@{address}"))];
    bench.doctor_in(&file(FAR, CLIENT, SCHEDULE), &["-o", "json"], &environment).await;
    use base64::Engine as _;
    let login = base64::engine::general_purpose::STANDARD.encode(format!("clerk:{password}"));
    let heard = heard.lock().unwrap().clone();
    assert!(heard.contains(&format!("Basic {login}")), "{heard}");
    // A host that is not asked through the proxy does not suffer from it.
    let environment = [("HTTPS_PROXY", "http://clerk:a@b@127.0.0.1:9"), ("NO_PROXY", "orchestrator.invalid")];
    let seen = bench.doctor_in(&file(FAR, CLIENT, SCHEDULE), &["-o", "json"], &environment).await;
    assert_eq!(step(&seen.rows(), "proxy")["verdict"], "fine");
}
