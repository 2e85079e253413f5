//! Servers with certificates of every kind, and the real client.

use std::path::Path;
use std::sync::Arc;

use punctual::clock::Clock;
use punctual::http::Authorities;
use punctual::orchestrator::{Bearer, BoxFuture, Client, ClientConfig, Token, TokenUnavailable};
use punctual::secret::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A server's certificates, its own first, and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// What a command left in a folder.
    pub(crate) fn read(folder: &Path, certificate: &str, key: &str) -> Identity {
        Identity {
            chain: CertificateDer::pem_file_iter(folder.join(certificate)).unwrap().map(Result::unwrap).collect(),
            key: PrivateKeyDer::from_pem_file(folder.join(key)).unwrap(),
        }
    }

    pub(crate) fn config(self) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .unwrap()
    }
}

/// Serves an empty list to whoever makes the handshake; gives the port.
pub(crate) async fn serve(config: ServerConfig) -> u16 {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream).await;
                }
            });
        }
    });
    port
}

/// The same without TLS; gives the port.
pub(crate) async fn answer_plainly(place: &str) -> u16 {
    let listener = TcpListener::bind(place).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    port
}

/// Sends these bytes to whoever says something, and ends.
pub(crate) async fn blurt(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 2048];
                let _ = stream.read(&mut heard).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                while stream.read(&mut heard).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    port
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let body = r#"{"value":[]}"#;
        let length = body.len();
        let text =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

struct Purse;

impl Bearer for Purse {
    fn token(&self) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        Box::pin(async { Ok(Token { generation: 1, secret: Secret::new("at-1") }) })
    }

    fn renewed(&self, _: u64) -> BoxFuture<'_, Result<Token, TokenUnavailable>> {
        self.token()
    }
}

/// Asks for the folders; gives the error's sentence.
pub(crate) async fn ask(url: &str, authorities: Option<Authorities>) -> Result<(), String> {
    let client = Client::new(ClientConfig {
        connection: "main".to_owned(),
        base: url.parse().unwrap(),
        tenant: None,
        authorities,
        clock: Clock::system(),
        bearer: Arc::new(Purse),
    })
    .unwrap();
    let told = |error: punctual::orchestrator::CallError| format!("{error}; {}", error.cure().unwrap_or_default());
    client.list_folders().await.map(|_| ()).map_err(told)
}

/// Runs a shell command in a folder. False: there is no openssl here, and nothing was tried.
#[expect(clippy::print_stderr, reason = "who runs the tests should know what was left out")]
pub(crate) fn sh(folder: &Path, command: &str) -> bool {
    let there = std::process::Command::new("openssl").arg("version").output().is_ok();
    if !there {
        assert!(std::env::var_os("PUNCTUAL_OPENSSL_REQUIRED").is_none(), "openssl is not here");
        eprintln!("notice: openssl is not here, so the commands that are given for it were not carried out");
        return false;
    }
    let output = std::process::Command::new("sh").args(["-c", command]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    true
}
