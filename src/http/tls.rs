//! Whom a client of ours trusts.
//!
//! The system's verifier decides, with the authorities of `tls.ca` and the system's own. One case is added. The command
//! that most guides give for a server of one's own (`openssl req -x509`) makes a certificate that is an authority (CA:TRUE)
//! and the server's at once. OpenSSL, curl, .NET and browsers take it once it is trusted; webpki never does, because an
//! authority's certificate is not to be a server's (reqwest #2041, webpki #205). It is accepted here if it is, byte for byte,
//! one of the trusted certificates, is valid today, names the host, and may be a server's. That gives nobody anything new:
//! whoever has its key could sign another certificate for this host, and would be trusted with it. That the server has the
//! key is shown by the handshake's signature, as always.
//!
//! Absent: any way to switch verification off (S25), and certificates of our own for servers that ask for one.

use std::sync::{Arc, OnceLock};

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::asked::Asked;
use super::authorities::Authorities;
use super::trouble::{Distrust, IS_AN_AUTHORITY};

/// TLS as all our clients speak it: 1.2 and 1.3, what this machine trusts, no certificate of our own.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// Without ALPN.
    pub(crate) config: ClientConfig,
    /// Whether a server has asked for a certificate of ours.
    pub(crate) asked: Arc<Asked>,
}

impl Tls {
    /// For the server of this address.
    ///
    /// # Errors
    /// The system's certificates cannot be read, and there are no others.
    pub(crate) fn new(url: &Url, authorities: Option<&Authorities>) -> Result<Tls, Error> {
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let given = authorities.map(|authorities| authorities.certificates().to_vec()).unwrap_or_default();
        let inner = Verifier::new_with_extra_roots(given.clone(), provider.clone())?;
        let asked = Arc::new(Asked::default());
        let server = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443));
        let named = authorities.cloned();
        let trust = Trust { inner, given, named, system: OnceLock::new(), server };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
            .with_client_cert_resolver(asked.clone());
        Ok(Tls { config, asked })
    }
}

/// The system's verifier, and the one case more.
#[derive(Debug)]
struct Trust {
    inner: Verifier,
    given: Vec<CertificateDer<'static>>,
    /// The file that they are from; for texts.
    named: Option<Authorities>,
    /// The system's, read when the one case first occurs.
    system: OnceLock<Vec<CertificateDer<'static>>>,
    /// For texts: rustls knows the host and not the port.
    server: String,
}

impl Trust {
    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        let same = |trusted: &CertificateDer<'_>| trusted.as_ref() == certificate.as_ref();
        self.given.iter().any(same)
            || self.system.get_or_init(|| rustls_native_certs::load_native_certs().certs).iter().any(same)
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        refused: CertificateError,
        host: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, CertificateError> {
        let one_case = matches!(&refused, CertificateError::Other(other) if other.to_string() == IS_AN_AUTHORITY);
        if !one_case || !self.holds(end_entity) {
            return Err(refused);
        }
        // Checked again, though webpki did some of it before it came to the one case: nothing here hangs on its order.
        let (_, read) = X509Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < read.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet);
        }
        if now > read.validity().not_after.timestamp() {
            return Err(CertificateError::Expired);
        }
        match read.extended_key_usage() {
            Ok(Some(uses)) if !(uses.value.server_auth || uses.value.any) => {
                return Err(CertificateError::InvalidPurpose);
            }
            Ok(_) => {}
            Err(_) => return Err(CertificateError::BadEncoding),
        }
        let named = ParsedCertificate::try_from(end_entity).and_then(|parsed| verify_server_name(&parsed, host));
        match named {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(Error::InvalidCertificate(cause)) => Err(cause),
            Err(_) => Err(refused),
        }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(refused)) => refused,
            other => return other,
        };
        self.judge(end_entity, refused, server_name, now).map_err(|why| {
            // Who signed it and for whom is known here and nowhere later, so it goes with the error.
            let distrust =
                Distrust::new(why, server_name, &self.server, end_entity, intermediates, now).with(self.named.as_ref());
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(distrust))))
        })
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
