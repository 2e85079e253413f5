//! Whom a start trusts, and what its error says when it does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use punctual::http::Authorities;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::server::{Identity, ask, blurt, serve, sh};

/// What `openssl req -x509` makes: an authority that is the server's certificate too.
fn self_made(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "localhost");
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Identity { chain: vec![certificate.der().clone()], key: private(&key) }
}

/// What makes a certificate bad.
type Change = fn(&mut CertificateParams);

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

/// A chain of an authority of this name, an intermediate one, and a server's.
struct Company {
    root: CertificateDer<'static>,
    intermediate: CertificateDer<'static>,
    identity: Identity,
}

fn company(name: &str) -> Company {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        (params, KeyPair::generate().unwrap())
    };
    let (params, root_key) = authority(name);
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, root_key);
    let (params, middle_key) = authority(&format!("{name} 2"));
    let middle = params.signed_by(&middle_key, &issuer).unwrap();
    let issuer = Issuer::new(params, middle_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    Company {
        root: root.der().clone(),
        intermediate: middle.der().clone(),
        identity: Identity { chain: vec![leaf.der().clone(), middle.der().clone()], key: private(&key) },
    }
}

fn trusting(folder: &Path, certificates: &[&CertificateDer<'static>]) -> Option<Authorities> {
    use base64::Engine as _;
    let text: String = certificates
        .iter()
        .map(|der| {
            let body = base64::engine::general_purpose::STANDARD.encode(der);
            let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
        })
        .collect();
    let path: PathBuf = folder.join("ca.pem");
    std::fs::write(&path, text).unwrap();
    Some(Authorities::read(&path).unwrap())
}

async fn refusal(config: ServerConfig, authorities: Option<Authorities>) -> String {
    let port = serve(config).await;
    ask(&format!("https://localhost:{port}"), authorities).await.expect_err("it was trusted")
}

fn says(text: &str, words: &[&str]) {
    assert!(words.iter().all(|word| text.contains(word)), "{text} lacks one of {words:?}");
}

/// The command of a cure that begins like this.
fn command<'a>(text: &'a str, begin: &str) -> &'a str {
    text.split('`').find(|part| part.starts_with(begin)).unwrap_or_else(|| panic!("no `{begin}`: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_signed_itself_is_trusted_when_it_is_named_and_by_the_commands_of_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    // Without `subjectAltName`, as many guides have it: no program takes the common name for a host any more.
    let old = self_made(&[], |_| {});
    let authorities = trusting(folder.path(), &[&old.chain[0]]);
    let told = refusal(old.config(), authorities).await;
    says(&told, &["names no host in `subjectAltName`", "common name"]);
    if !sh(folder.path(), command(&told, "openssl req -x509")) {
        return;
    }
    let port = serve(Identity::read(folder.path(), "cert.pem", "key.pem").config()).await;
    let url = format!("https://localhost:{port}");
    let told = ask(&url, None).await.unwrap_err();
    says(&told, &["CN=localhost", "signed itself", "does not trust it", "tls: { ca: server.pem }"]);
    assert!(sh(folder.path(), command(&told, "openssl s_client")));
    assert!(sh(folder.path(), command(&told, "openssl x509 -in server.pem")));
    let saved = Authorities::read(&folder.path().join("server.pem")).unwrap();
    assert_eq!(ask(&url, Some(saved)).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_very_certificate_is_trusted_and_only_for_its_host_in_its_time_and_for_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let good = self_made(&["localhost"], |_| {});
    let trusted = trusting(folder.path(), &[&good.chain[0]]);
    let port = serve(good.config()).await;
    assert_eq!(ask(&format!("https://localhost:{port}"), trusted.clone()).await, Ok(()));
    says(&ask(&format!("https://127.0.0.1:{port}"), trusted.clone()).await.unwrap_err(), &["not for `127.0.0.1`"]);
    // Another key under the same name.
    says(&refusal(self_made(&["localhost"], |_| {}).config(), trusted).await, &["does not trust it"]);
    let table: [(Change, &str); 3] = [
        (|params| params.not_after = date_time_ymd(2020, 1, 1), "ended on 2020-01-01"),
        (|params| params.not_before = date_time_ymd(2090, 1, 1), "begins on 2090-01-01"),
        (|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning], "is not accepted"),
    ];
    for (change, words) in table {
        let bad = self_made(&["localhost"], |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            change(params);
        });
        let trusted = trusting(folder.path(), &[&bad.chain[0]]);
        says(&refusal(bad.config(), trusted).await, &[words]);
    }
    let elsewhere = self_made(&["other.example"], |_| {});
    let trusted = trusting(folder.path(), &[&elsewhere.chain[0]]);
    says(&refusal(elsewhere.config(), trusted).await, &["is for other.example, not for `localhost`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_trusted_by_its_root_among_several_and_by_its_intermediate() {
    let folder = tempfile::tempdir().unwrap();
    let (acme, other) = (company("Acme"), company("Other"));
    for certificates in [vec![&other.root, &acme.root], vec![&acme.intermediate]] {
        let identity = Identity { chain: acme.identity.chain.clone(), key: acme.identity.key.clone_key() };
        let port = serve(identity.config()).await;
        let authorities = trusting(folder.path(), &certificates);
        assert_eq!(ask(&format!("https://localhost:{port}"), authorities).await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_is_named_and_told_apart_from_a_chain_that_was_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let company_ = |name: &str| company(name).identity;
    says(
        &refusal(company_("Acme").config(), None).await,
        &["CN=Acme 2", "does not know", "company's own authority", "tls: { ca: FILE }", "update-ca-certificates"],
    );
    says(
        &refusal(company_("Zscaler Root CA").config(), None).await,
        &["Zscaler Root CA", "opens TLS on the way (Zscaler)", "excepted from inspection"],
    );
    let Company { root, identity: Identity { chain, key }, .. } = company("Acme");
    let leaf = Identity { chain: chain[..1].to_vec(), key };
    let trusted = trusting(folder.path(), &[&root]);
    says(&refusal(leaf.config(), trusted).await, &["sent no other one", "intermediate certificate", "full chain"]);
}

/// The file is there and holds a good certificate, of another authority.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lacks_the_issuer_is_named_with_both_sides_and_the_commands_that_show_them() {
    let folder = tempfile::tempdir().unwrap();
    let other = company("Other");
    let trusted = trusting(folder.path(), &[&other.root]);
    let told = refusal(company("Acme").identity.config(), trusted.clone()).await;
    let file = format!("`tls.ca` (`{}`) does not include that authority", folder.path().join("ca.pem").display());
    says(&told, &[&file, "by `CN=Acme 2`", "nor `CN=Acme`, by which its chain ends", "but `CN=Other`"]);
    says(
        &told,
        &["the file is of another authority", "write the certificate of `CN=Acme 2` or `CN=Acme` into the file"],
    );
    let port = serve(company("Acme").identity.config()).await;
    let told = ask(&format!("https://localhost:{port}"), trusted.clone()).await.unwrap_err();
    let shown = folder.path().join("shown");
    for (begin, words) in [("openssl s_client", "i:CN=Acme 2"), ("openssl crl2pkcs7", "subject=CN=Other")] {
        if !sh(folder.path(), &format!("{} >shown", command(&told, begin))) {
            return;
        }
        let text = std::fs::read_to_string(&shown).unwrap().replace(" = ", "=");
        assert!(text.contains(words), "{begin}: {text}");
    }
    // A server that made its own, as a guide's.
    let told = refusal(self_made(&["localhost"], |_| {}).config(), trusted).await;
    says(&told, &["signed itself", "does not include it, but `CN=Other`", "so this machine does not trust it"]);
    // The chain that the server leaves out is still named, with the file next to it.
    let Company { root, identity: Identity { chain, key }, .. } = company("Acme");
    let leaf = Identity { chain: chain[..1].to_vec(), key };
    let told = refusal(leaf.config(), trusting(folder.path(), &[&root])).await;
    says(&told, &["by `CN=Acme 2`", "but `CN=Acme`", "does not send its intermediate certificate", "full chain"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_agrees_on_nothing_is_told_by_what_is_missing() {
    // The alerts that OpenSSL and Schannel send to a client that asks for more than they have.
    let table: [(&[u8], &[&str]); 4] = [
        (b"\x15\x03\x01\x00\x02\x02\x46", &["version of TLS", "before TLS 1.2", "switched on at the server"]),
        (b"\x15\x03\x03\x00\x02\x02\x28", &["version or cipher", "forward secrecy", "ECDHE"]),
        (b"\x15\x03\x03\x00\x02\x02\x70", &["knows no such host", "`url`"]),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", &["does not speak TLS", "plain HTTP", "the port"]),
    ];
    for (bytes, words) in table {
        let port = blurt(bytes).await;
        let told = ask(&format!("https://localhost:{port}"), None).await.unwrap_err();
        says(&told, words);
        says(&told, &[format!("https://localhost:{port}: ").as_str()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_wants_tls_is_told_as_such() {
    // What OpenSSL's servers answer to plain HTTP: an alert, which is no HTTP.
    let port = blurt(b"\x15\x03\x01\x00\x02\x02\x46").await;
    let told = ask(&format!("http://localhost:{port}"), None).await.unwrap_err();
    says(&told, &["does not speak HTTP", "wants TLS", "scheme and port"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_certificate_of_the_client_is_told_as_such() {
    let versions: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];
    for version in versions {
        let folder = tempfile::tempdir().unwrap();
        let Company { root, identity, .. } = company("Acme");
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(identity.chain, identity.key)
            .unwrap();
        let told = refusal(config, trusting(folder.path(), &[&root])).await;
        says(&told, &["certificate of the client", "none is sent from here"]);
    }
}
