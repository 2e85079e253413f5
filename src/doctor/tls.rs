//! One handshake, looked at: version, certificate, and why it is not trusted.
//!
//! The certificate is judged by the same verifier as in the real requests, the system's; this one only keeps what it was
//! shown. There is no way to go on after a refusal.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::step::{Blame, Finding};
use crate::clock::Clock;
use crate::witness::masked;

const PATIENCE: Duration = Duration::from_secs(5);

/// Told before it is too late: most certificates are renewed in their last month.
const RENEW_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);

/// A verifier that remembers what it judged.
#[derive(Debug)]
struct Remembering {
    inner: Verifier,
    shown: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|one| one.clone().into_owned()).collect();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    names: Vec<String>,
    issuer: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Makes the handshake with `host` over an open connection.
pub(super) async fn handshake(stream: TcpStream, host: &str, clock: &Clock) -> Finding {
    let began = clock.boottime();
    let (config, verifier) = match config() {
        Ok(made) => made,
        Err(cause) => {
            return Finding::fault(
                Blame::Here,
                format!("TLS cannot be set up: {cause}"),
                "the system's certificates cannot be read",
                "install them (`ca-certificates`), or correct `SSL_CERT_FILE`",
            );
        }
    };
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return Finding::fault(
            Blame::Here,
            format!("`{host}` cannot be a server's name"),
            "it holds characters that no name may have",
            "correct the host in the connection's `url`",
        );
    };
    let shaken = tokio::select! {
        shaken = TlsConnector::from(Arc::new(config)).connect(name, stream) => shaken,
        () = clock.sleep(PATIENCE) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")),
    };
    let now = clock.read();
    let took = now.boot.saturating_sub(began);
    let shown = std::mem::take(&mut *verifier.shown.lock().unwrap_or_else(PoisonError::into_inner));
    let certificate = shown.first().and_then(read);
    let finding = match shaken {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            let version = version.and_then(|version| version.as_str()).unwrap_or("TLS").replace("TLSv1_", "TLS 1.");
            trusted(&version, certificate.as_ref(), now.wall)
        }
        Err(cause) => refused(&cause, host, certificate.as_ref(), now.wall),
    };
    finding.taking(took)
}

fn config() -> Result<(ClientConfig, Arc<Remembering>), Error> {
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let inner = Verifier::new(provider.clone())?;
    let verifier = Arc::new(Remembering { inner, shown: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    Ok((config, verifier))
}

fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten().map(|names| {
        names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(masked(name, &[])),
                GeneralName::IPAddress(bytes) => Some(address(bytes)),
                _ => None,
            })
            .collect()
    });
    let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    Some(Certificate {
        names: names.unwrap_or_default(),
        issuer: masked(&certificate.issuer().to_string(), &[]),
        from: instant(certificate.validity().not_before),
        until: instant(certificate.validity().not_after),
    })
}

fn address(bytes: &[u8]) -> String {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => std::net::Ipv4Addr::from(four).to_string(),
        (_, Ok(sixteen)) => std::net::Ipv6Addr::from(sixteen).to_string(),
        (Err(_), Err(_)) => "an odd address".to_owned(),
    }
}

fn trusted(version: &str, certificate: Option<&Certificate>, now: Timestamp) -> Finding {
    let Some(certificate) = certificate else { return Finding::fine(format!("{version}, trusted")) };
    let found = format!(
        "{version}, certificate by `{}`, valid until {}",
        certificate.issuer,
        certificate.until.map_or_else(|| "an unknown day".to_owned(), day)
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

fn refused(cause: &io::Error, host: &str, certificate: Option<&Certificate>, now: Timestamp) -> Finding {
    let error = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let issuer = certificate.map_or("an unknown authority", |certificate| certificate.issuer.as_str());
    let dates = |at: fn(&Certificate) -> Option<Timestamp>| {
        certificate.and_then(at).map_or_else(|| "an unknown day".to_owned(), day)
    };
    let fault = |found: String, cause: &str, cure: String| Finding::fault(Blame::Unreached, found, cause, cure);
    match error {
        Some(Error::InvalidCertificate(bad)) => match bad {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => fault(
                format!(
                    "the certificate by `{issuer}` ended on {}, and this machine's clock says {}",
                    dates(|certificate| certificate.until),
                    day(now)
                ),
                "the certificate has expired, or the clock of this machine is wrong",
                "have whoever runs the server renew the certificate; check the clock with `timedatectl`".to_owned(),
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => fault(
                format!(
                    "the certificate by `{issuer}` begins on {}, and this machine's clock says {}",
                    dates(|certificate| certificate.from),
                    day(now)
                ),
                "the clock of this machine is wrong, or the certificate is not in force yet",
                "set the clock: `timedatectl set-ntp true`".to_owned(),
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = certificate.map(|certificate| certificate.names.join(", ")).unwrap_or_default();
                let names = if names.is_empty() { "no host".to_owned() } else { names };
                fault(
                    format!("the certificate by `{issuer}` is for {names}, not for `{host}`"),
                    "another server answers at this name, or `url` names the server otherwise than its certificate does",
                    "write a host of the certificate as the connection's `url`, or have the certificate made for this one"
                        .to_owned(),
                )
            }
            CertificateError::Revoked => fault(
                format!("the certificate by `{issuer}` was revoked"),
                "its authority has called it back",
                "have whoever runs the server replace it".to_owned(),
            ),
            CertificateError::UnknownIssuer => fault(
                format!("the certificate is by `{issuer}`, which this machine does not know"),
                "a company's own authority, or a proxy that opens TLS with one; or the server does not send its intermediate certificate",
                "add the authority to this machine's certificates (Debian: put it into `/usr/local/share/ca-certificates/NAME.crt` and run `update-ca-certificates`)"
                    .to_owned(),
            ),
            other => fault(
                format!("the certificate by `{issuer}` is not accepted: {other}"),
                "the certificate does not fit this use, for example because it signed itself",
                "have whoever runs the server get one from an authority".to_owned(),
            ),
        },
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
            | Error::PeerIncompatible(_)) => fault(
            format!("no agreement on a version or cipher: {cause}"),
            "the server speaks only versions before TLS 1.2, or ciphers that are broken",
            "have TLS 1.2 or 1.3 switched on at the server".to_owned(),
        ),
        Some(Error::InvalidMessage(_)) => fault(
            format!("what answers does not speak TLS: {cause}"),
            "the port is one for plain HTTP, or belongs to something else",
            "correct the port in the connection's `url`".to_owned(),
        ),
        Some(other) => fault(
            format!("no secure connection: {other}"),
            "server and client do not understand each other",
            "look into the server's log for the same minute".to_owned(),
        ),
        None => fault(
            format!("the handshake broke off: {cause}"),
            "a firewall or proxy cuts secure connections to this host, or the server is overloaded",
            "ask whoever runs the network to let this host through; set `HTTPS_PROXY` if it has to go through a proxy"
                .to_owned(),
        ),
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
