//! The way to a server: names, proxies, TCP, TLS. A terminator in front of the sandbox gives it TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::bench::{Bench, CLIENT, SCHEDULE, Seen, file, step};

/// Words that a text must hold.
pub(crate) type Words = &'static [&'static str];

const HOST: &str = "orchestrator.invalid";

/// What is wrong with a certificate.
#[derive(Clone, Copy)]
enum Dates {
    Good,
    Over,
    Ahead,
    SoonOver,
    SignedItself,
    /// Nothing, but the server wants one of the client.
    WantsOurs,
}

struct Tls {
    address: SocketAddr,
    authority: PathBuf,
}

/// TLS for `names` in front of the sandbox, by an authority whose certificate is in the folder.
async fn tls(bench: &Bench, names: &[&str], dates: Dates) -> Tls {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "Acme Company Authority");
    let authority_key = KeyPair::generate().unwrap();
    let path = bench.path("authority.pem");
    std::fs::write(&path, authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);

    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let soon = punctual::clock::Clock::system().now().checked_add(jiff::SignedDuration::from_hours(48)).unwrap();
    let soon = soon.to_string();
    let part = |range: std::ops::Range<usize>| soon[range].parse::<u16>().unwrap();
    match dates {
        Dates::Good | Dates::SignedItself | Dates::WantsOurs => {}
        Dates::Over => (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1)),
        Dates::Ahead => (params.not_before, params.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1)),
        Dates::SoonOver => {
            params.not_after = date_time_ymd(i32::from(part(0..4)), part(5..7) as u8, part(8..10) as u8);
        }
    }
    let key = KeyPair::generate().unwrap();
    let certificate = match dates {
        // An authority and the server's at once, as `openssl req -x509` makes it.
        Dates::SignedItself => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key).unwrap();
            std::fs::write(&path, certificate.pem()).unwrap();
            certificate
        }
        Dates::Good | Dates::Over | Dates::Ahead | Dates::SoonOver | Dates::WantsOurs => {
            params.signed_by(&key, &issuer).unwrap()
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match dates {
        Dates::WantsOurs => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.der().clone()).unwrap();
            let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            config.with_client_cert_verifier(clients)
        }
        Dates::Good | Dates::Over | Dates::Ahead | Dates::SoonOver | Dates::SignedItself => {
            config.with_no_client_auth()
        }
    };
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = bench.sandbox.root_url().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut back = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut back).await;
            });
        }
    });
    Tls { address, authority: path }
}

async fn over_tls(bench: &Bench, tls: &Tls, host: &str, environment: &[(&str, &str)]) -> Seen {
    let url = format!("https://{host}:{}/acme/acmeprod/orchestrator_", tls.address.port());
    bench.doctor_in(&file(&url, CLIENT, SCHEDULE), &["-o", "json"], environment).await
}

pub(crate) fn has(row: &Value, field: &str, words: &[&str]) {
    let text = row[field].as_str().unwrap_or_default();
    assert!(words.iter().all(|word| text.contains(word)), "{field} lacks one of {words:?}: {row:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_a_known_authority_is_shown_with_its_issuer_and_its_end() {
    let bench = Bench::new().await;
    let tls = tls(&bench, &["localhost"], Dates::Good).await;
    let seen = over_tls(&bench, &tls, "localhost", &[("SSL_CERT_FILE", tls.authority.to_str().unwrap())]).await;
    let rows = seen.rows();
    assert_eq!(seen.exit, 0, "{rows:#?}");
    has(step(&rows, "tls"), "found", &["TLS 1.3", "Acme Company Authority", "valid until"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_certificate_that_signed_itself_works_from_the_system_and_from_the_file() {
    let bench = Bench::new().await;
    let tls = tls(&bench, &["localhost"], Dates::SignedItself).await;
    let seen = over_tls(&bench, &tls, "localhost", &[("SSL_CERT_FILE", tls.authority.to_str().unwrap())]).await;
    assert_eq!(seen.exit, 0, "{}", seen.out);
    has(step(&seen.rows(), "tls"), "found", &["signed itself", "TLS 1.3"]);

    std::fs::remove_dir_all(bench.path("state")).unwrap();
    let url = format!("https://localhost:{}/acme/acmeprod/orchestrator_", tls.address.port());
    let yaml = file(&url, CLIENT, SCHEDULE).replace("    auth:", "    tls: { ca: authority.pem }\n    auth:");
    let (exit, rows) = bench.rows(&yaml).await;
    assert_eq!(exit, 0, "{rows:#?}");
    has(step(&rows, "tls"), "found", &["signed itself"]);

    let (exit, rows) = bench.rows(&file(&url, CLIENT, SCHEDULE)).await;
    assert_eq!(exit, 4);
    has(step(&rows, "tls"), "cure", &["openssl s_client", "tls: { ca: server.pem }"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_certificate_is_named() {
    let bench = Bench::new().await;
    let table: [(Dates, &str, Words, Words, Words); 4] = [
        (Dates::Over, "localhost", &["ended on 2020-01-01", "clock says"], &["has expired", "clock"], &["renew"]),
        (Dates::Ahead, "localhost", &["begins on 2090-01-01"], &["clock of this machine is wrong"], &["timedatectl"]),
        (
            Dates::Good,
            "another.example",
            &["is for another.example, not for `localhost`"],
            &["another server answers"],
            &["host of the certificate"],
        ),
        (Dates::SoonOver, "localhost", &["valid until"], &["ends soon"], &["renew"]),
    ];
    for (dates, name, found, cause, cure) in table {
        let tls = tls(&bench, &[name], dates).await;
        let seen = over_tls(&bench, &tls, "localhost", &[("SSL_CERT_FILE", tls.authority.to_str().unwrap())]).await;
        let rows = seen.rows();
        let told = step(&rows, "tls");
        has(told, "found", found);
        has(told, "cause", cause);
        has(told, "cure", cure);
        assert_eq!(seen.exit, if told["verdict"] == "doubt" { 0 } else { 4 }, "{told:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_certificate_of_the_client_is_told_as_such() {
    let bench = Bench::new().await;
    let tls = tls(&bench, &["localhost"], Dates::WantsOurs).await;
    let seen = over_tls(&bench, &tls, "localhost", &[("SSL_CERT_FILE", tls.authority.to_str().unwrap())]).await;
    assert_eq!(seen.exit, 4);
    has(step(&seen.rows(), "tls"), "found", &["wants a certificate of the client"]);
    has(step(&seen.rows(), "tls"), "cure", &["without a client certificate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_the_machine_does_not_know_is_named_with_the_way_to_add_it() {
    let bench = Bench::new().await;
    let tls = tls(&bench, &["localhost"], Dates::Good).await;
    let seen = over_tls(&bench, &tls, "localhost", &[]).await;
    let rows = seen.rows();
    let told = step(&rows, "tls");
    assert_eq!(seen.exit, 4);
    has(told, "found", &["Acme Company Authority", "does not know"]);
    has(told, "cause", &["company's own authority", "intermediate"]);
    has(told, "cure", &["update-ca-certificates"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_speaks_plain_http_is_not_taken_for_tls() {
    let bench = Bench::new().await;
    let url = bench.sandbox.base_url().replace("http://", "https://");
    let (exit, rows) = bench.rows(&file(&url, CLIENT, SCHEDULE)).await;
    assert_eq!(exit, 4);
    has(step(&rows, "tls"), "cause", &["plain HTTP"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_knows_is_told_as_such() {
    let bench = Bench::new().await;
    let (exit, rows) =
        bench.rows(&file(&format!("https://{HOST}/acme/acmeprod/orchestrator_"), CLIENT, SCHEDULE)).await;
    assert_eq!(exit, 4);
    let told = step(&rows, "address");
    has(told, "found", &["`orchestrator.invalid` was not found"]);
    has(told, "cause", &["misspelt", "name server"]);
    has(told, "cure", &["`url`", "getent hosts"]);
}

/// A proxy that answers CONNECT with this line, and then leads to `behind` if it said 200.
pub(crate) async fn proxy(
    line: &'static str,
    behind: Option<SocketAddr>,
) -> (SocketAddr, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = heard.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let log = log.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                log.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                stream.write_all(format!("HTTP/1.1 {line}\r\n\r\n").as_bytes()).await.unwrap();
                if let Some(behind) = behind {
                    let mut back = TcpStream::connect(behind).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut back).await;
                }
            });
        }
    });
    (address, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_shown_without_its_password_and_everything_goes_through_it() {
    let bench = Bench::new().await;
    let tls = tls(&bench, &[HOST], Dates::Good).await;
    let (address, heard) = proxy("200 Connection established", Some(tls.address)).await;
    let proxy = format!("http://clerk:pr0xy-passw0rd@{address}");
    let environment = [("HTTPS_PROXY", proxy.as_str()), ("SSL_CERT_FILE", tls.authority.to_str().unwrap())];
    let seen = over_tls(&bench, &tls, HOST, &environment).await;
    let rows = seen.rows();
    assert_eq!(seen.exit, 0, "{rows:#?}");
    has(step(&rows, "proxy"), "found", &["go through `http://127.0.0.1", "with a login", "`HTTPS_PROXY`"]);
    has(step(&rows, "connect"), "found", &["opened a way to orchestrator.invalid"]);
    assert!(!seen.out.contains("pr0xy-passw0rd"), "{}", seen.out);
    let heard = heard.lock().unwrap();
    // One by hand, one each for discovery, token and API.
    assert!(
        heard.len() >= 4 && heard.iter().all(|head| head.starts_with("CONNECT orchestrator.invalid:")),
        "{heard:?}"
    );
    assert!(heard.iter().all(|head| head.to_lowercase().contains("proxy-authorization: basic ")), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_told_apart_from_a_server_that_does() {
    let bench = Bench::new().await;
    let table: [(&str, Words, Words, Words); 3] = [
        ("403 Forbidden", &["`HTTP/1.1 403 Forbidden`"], &["does not let this host through"], &["NO_PROXY"]),
        (
            "407 Proxy Authentication Required",
            &["407"],
            &["a name and a password"],
            &["HTTPS_PROXY=http://NAME:PASSWORD@"],
        ),
        ("502 Bad Gateway", &["502"], &["does not find it"], &["whoever runs the proxy"]),
    ];
    for (line, found, cause, cure) in table {
        let (address, _) = proxy(line, None).await;
        let url = format!("https://{HOST}/acme/acmeprod/orchestrator_");
        let environment = [("HTTPS_PROXY", &*format!("http://{address}"))];
        let seen = bench.doctor_in(&file(&url, CLIENT, SCHEDULE), &["-o", "json"], &environment).await;
        let rows = seen.rows();
        let told = step(&rows, "connect");
        assert_eq!(seen.exit, 4, "{told:#}");
        has(told, "found", found);
        has(told, "cause", cause);
        has(told, "cure", cure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_asked_about_this_machine_itself() {
    let bench = Bench::new().await;
    let environment = [("HTTP_PROXY", "http://127.0.0.1:1"), ("HTTPS_PROXY", "http://127.0.0.1:1")];
    let seen = bench.doctor_in(&bench.usual(), &["-o", "json"], &environment).await;
    assert_eq!(seen.exit, 0, "{}", seen.out);
    has(step(&seen.rows(), "proxy"), "found", &["this machine's own addresses"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens_is_told_as_such() {
    let bench = Bench::new().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (exit, rows) = bench.rows(&file(&format!("http://{free}/acme/acmeprod/orchestrator_"), CLIENT, SCHEDULE)).await;
    assert_eq!(exit, 4);
    let told = step(&rows, "connect");
    has(told, "cause", &["nothing listens on this port"]);
    has(told, "cure", &["host and port", "`url`"]);
}
