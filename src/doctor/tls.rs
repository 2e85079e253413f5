//! One handshake, looked at: version, certificate, and why it is not trusted.
//!
//! It is made with the very TLS of the real requests, so what pleases here works there. There is no way to go on after a
//! refusal.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;

use super::step::{Blame, Finding};
use crate::clock::Clock;
use crate::http::{self, Asked, Authorities, Certificate, Tls, Trouble};

const PATIENCE: Duration = Duration::from_secs(5);

/// A refusal comes within one round trip.
const REFUSES_WITHIN: Duration = Duration::from_secs(1);

/// Told before it is too late: most certificates are renewed in their last month.
const RENEW_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);

/// Makes the handshake with the server of `url` over an open connection.
pub(super) async fn handshake(
    stream: TcpStream,
    url: &Url,
    authorities: Option<&Authorities>,
    clock: &Clock,
) -> Finding {
    let began = clock.boottime();
    let tls = match Tls::new(url, authorities) {
        Ok(tls) => tls,
        Err(cause) => {
            return Finding::fault(
                Blame::Here,
                format!("TLS cannot be set up: {cause}"),
                "the system's certificates cannot be read",
                "install them (`ca-certificates`), or correct `SSL_CERT_FILE`",
            );
        }
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Finding::fault(
            Blame::Here,
            format!("`{host}` cannot be a server's name"),
            "it holds characters that no name may have",
            "correct the host in the connection's `url`",
        );
    };
    let shaken = tokio::select! {
        shaken = TlsConnector::from(Arc::new(tls.config)).connect(name, stream) => shaken,
        () = clock.sleep(PATIENCE) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")),
    };
    let now = clock.read();
    let took = now.boot.saturating_sub(began);
    let finding = match shaken {
        Ok(mut stream) => {
            let session = stream.get_ref().1;
            let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
            let version = version.replace("TLSv1_", "TLS 1.");
            let certificate = session.peer_certificates().and_then(|chain| Certificate::read(chain.first()?));
            let finding = trusted(&version, certificate.as_ref(), now.wall);
            if tls.asked.was() { wants_ours(finding, &mut stream, &tls.asked, clock).await } else { finding }
        }
        Err(cause) => {
            let Trouble { found, cause, cure } = match http::of_tls(&cause) {
                Some(error) => http::handshake(error, &tls.asked),
                None => http::broke_off(&cause),
            };
            Finding::fault(Blame::Unreached, found, cause, cure)
        }
    };
    finding.taking(took)
}

fn trusted(version: &str, certificate: Option<&Certificate>, now: Timestamp) -> Finding {
    let Some(certificate) = certificate else { return Finding::fine(format!("{version}, trusted")) };
    let by = if certificate.signed_itself() { "certificate that signed itself and is trusted," } else { "certificate" };
    let found = format!(
        "{version}, {by} by `{}`, valid until {}",
        certificate.issuer,
        certificate.until.map_or_else(|| "an unknown day".to_owned(), |until| until.strftime("%Y-%m-%d").to_string())
    );
    match certificate.until {
        Some(until) if until.duration_since(now) < RENEW_WITHIN => Finding::doubt(
            found,
            "the certificate ends soon",
            "have whoever runs the server renew it; from that day on nothing can be started",
        ),
        Some(_) | None => Finding::fine(found),
    }
}

/// In TLS 1.3 a server refuses only after the handshake, and one that does not refuse says nothing before it is asked.
async fn wants_ours(finding: Finding, stream: &mut TlsStream<TcpStream>, asked: &Asked, clock: &Clock) -> Finding {
    let heard = tokio::select! {
        heard = stream.read_u8() => heard,
        () = clock.sleep(REFUSES_WITHIN) => Ok(0),
    };
    if let Some(error) = heard.as_ref().err().and_then(http::of_tls) {
        let Trouble { found, cause, cure } = http::handshake(error, asked);
        return Finding::fault(Blame::Unreached, found, cause, cure);
    }
    Finding::doubt(
        format!("{}; the server asked for a certificate of the client", finding.found),
        "it may take only clients that have one (mutual TLS), and none is sent from here",
        "if the next steps fail, have the server, or the gateway before it, let this machine in without a client certificate",
    )
}
