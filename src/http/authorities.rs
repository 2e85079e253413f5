//! A file with certificates that a connection trusts besides the system's (`connections.X.tls.ca`).
//!
//! People have certificates in five shapes, and only one of them is PEM with certificates alone. Each of the others is
//! recognised, and the command that turns it into the right one is given. A private key is refused: who holds the file could
//! be the server.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::Certificate;

/// All of the world's public authorities take 250 kB.
const MOST_BYTES: u64 = 1024 * 1024;

/// Certificates from one file, at least one. Equal if path and content are.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities {
    file: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

/// A file that holds no certificates that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong, as the end of a sentence whose subject is the file.
    pub what: String,
    /// What to do about it.
    pub cure: String,
}

impl Authorities {
    /// Reads the file: PEM with one or more certificates.
    ///
    /// # Errors
    /// It cannot be read, or holds anything else.
    pub fn read(file: &Path) -> Result<Authorities, Unusable> {
        let certificates = certificates(file, &bytes(file)?)?;
        Ok(Authorities { file: file.to_owned(), certificates })
    }

    /// Where they were read.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whose certificates they are, for texts.
    pub(super) fn subjects(&self) -> Vec<String> {
        let read = self.certificates.iter().filter_map(Certificate::read);
        read.map(|certificate| certificate.subject).collect()
    }

    /// The path as a shell takes it.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.file)
    }

    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({}: {})", self.file.display(), self.certificates.len())
    }
}

fn unusable(what: impl Into<String>, cure: impl Into<String>) -> Unusable {
    Unusable { what: what.into(), cure: cure.into() }
}

fn bytes(file: &Path) -> Result<Vec<u8>, Unusable> {
    // A pipe would be waited for.
    if std::fs::metadata(file).is_ok_and(|seen| !seen.is_file()) {
        return Err(unusable("is no file", "name a file with certificates in it"));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|opened| opened.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > MOST_BYTES => {
            Err(unusable("is larger than 1 MiB", "name a file with the certificates of your authorities alone"))
        }
        Ok(_) => Ok(bytes),
        Err(cause) => {
            let cure = match cause.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    format!("let the service's user read it: `chmod a+r {}`", quoted(file))
                }
                _ => "correct the path; it is relative to the schedule file".to_owned(),
            };
            Err(unusable(format!("cannot be read: {cause}"), cure))
        }
    }
}

fn certificates(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let text = String::from_utf8_lossy(bytes);
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('\u{feff}').trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")
        })
        .collect();
    let (from, to) = (quoted(file), quoted(&with_ending(file)));
    let instead = |command: String| format!("name a file with certificates alone; `{command}` writes it");
    let has = |label: &str| labels.contains(&label);
    if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) {
        let cure = if has("CERTIFICATE") {
            instead(format!("openssl crl2pkcs7 -nocrl -certfile {from} | openssl pkcs7 -print_certs -out {to}"))
        } else {
            "name the file with the certificate; the key belongs on the server alone".to_owned()
        };
        return Err(unusable("holds a private key, which only the server itself may have", cure));
    }
    if labels.is_empty() && bytes.first() == Some(&0x30) {
        return Err(if X509Certificate::from_der(bytes).is_ok() {
            let cure = instead(format!("openssl x509 -inform DER -in {from} -out {to}"));
            unusable("holds a certificate in the binary form (DER), not as text (PEM)", cure)
        } else {
            let cure = instead(format!("openssl pkcs12 -in {from} -nokeys -out {to}"));
            unusable("is binary, most likely a `.pfx` or `.p12` with a private key in it", cure)
        });
    }
    if has("PKCS7") {
        let cure = instead(format!("openssl pkcs7 -print_certs -in {from} -out {to}"));
        return Err(unusable("holds certificates in the form PKCS #7", cure));
    }
    if has("TRUSTED CERTIFICATE") {
        let cure = instead(format!("openssl x509 -in {from} -out {to}"));
        return Err(unusable("holds a certificate in OpenSSL's own form (`TRUSTED CERTIFICATE`)", cure));
    }
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let ask = "export the certificate of the authority again, as text (Base-64, PEM)";
    let certificates = match read {
        Ok(certificates) if certificates.is_empty() => {
            return Err(unusable("holds no certificate", "name a file with `-----BEGIN CERTIFICATE-----` in it"));
        }
        Ok(certificates) => certificates,
        Err(_) => return Err(unusable("holds a certificate that is cut off or has other signs in it", ask)),
    };
    for (number, certificate) in certificates.iter().enumerate() {
        if let Err(cause) = RootCertStore::empty().add(certificate.clone()) {
            return Err(unusable(
                format!("holds a certificate that cannot be read, number {}: {cause}", number + 1),
                ask,
            ));
        }
    }
    Ok(certificates)
}

/// The same place, with another name, so that nothing is written over.
fn with_ending(file: &Path) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push("-certificates.pem");
    file.with_file_name(name)
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
