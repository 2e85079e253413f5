//! What a certificate says, for people. Who may be trusted is decided in `tls`.

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::witness::masked;

/// What is shown of a certificate; texts are cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The hosts and addresses it is for (`subjectAltName`).
    pub(crate) names: Vec<String>,
    /// Whose it is.
    pub(crate) subject: String,
    /// Who signed it.
    pub(crate) issuer: String,
    /// Its first second.
    pub(crate) from: Option<Timestamp>,
    /// Its last second.
    pub(crate) until: Option<Timestamp>,
}

impl Certificate {
    /// `None` if it is no certificate that can be read.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten().map(|names| {
            let shown = names.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(masked(name, &[])),
                GeneralName::IPAddress(bytes) => Some(address(bytes)),
                _ => None,
            });
            shown.collect()
        });
        let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        Some(Certificate {
            names: names.unwrap_or_default(),
            subject: masked(&certificate.subject().to_string(), &[]),
            issuer: masked(&certificate.issuer().to_string(), &[]),
            from: instant(certificate.validity().not_before),
            until: instant(certificate.validity().not_after),
        })
    }

    /// Whether it names itself as who signed it.
    pub(crate) fn signed_itself(&self) -> bool {
        self.subject == self.issuer
    }
}

fn address(bytes: &[u8]) -> String {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => std::net::Ipv4Addr::from(four).to_string(),
        (_, Ok(sixteen)) => std::net::Ipv6Addr::from(sixteen).to_string(),
        (Err(_), Err(_)) => "an odd address".to_owned(),
    }
}
