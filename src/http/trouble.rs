//! Why no secure connection came about: who is at fault, and the cure. One table for the errors of runs and for `doctor`.
//!
//! A library says `UnknownIssuer` or `handshake failure`; the person needs to know whose certificate it is, and what to ask
//! of whom.

use std::error::Error;
use std::fmt;
use std::io;

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::added::Added;
use super::asked::Asked;
use super::authorities::Authorities;
use super::certificate::Certificate;
use super::fragments::{Trouble, trouble};
use crate::text::{causes, cut};
use crate::witness::without_secrets;

/// webpki's own word for the one case; rustls hands it on as text.
pub(super) const IS_AN_AUTHORITY: &str = "CaUsedAsEndEntity";

/// Longer reasons are cut: they go into tables and logs.
const MAX_CHARS: usize = 300;

/// Who opens other people's TLS for a living, by a word of the issuer's name.
const INSPECTORS: [&str; 14] = [
    "Zscaler",
    "Netskope",
    "Forcepoint",
    "Websense",
    "Fortinet",
    "FortiGate",
    "Palo Alto",
    "Blue Coat",
    "Umbrella",
    "Skyhigh",
    "Sophos",
    "Check Point",
    "Kaspersky",
    "ESET",
];

/// Why a request failed, with what helps where that is known: fragments without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) what: String,
    pub(crate) cure: Option<String>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cure {
            Some(cure) => write!(f, "{}; {cure}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A certificate that was not trusted, with what it was and what it was to be. It travels in rustls's own error.
#[derive(Debug)]
pub(super) struct Distrust {
    why: CertificateError,
    host: String,
    /// `host:port`, for commands.
    server: String,
    /// The server's first.
    chain: Vec<Certificate>,
    now: Option<Timestamp>,
    /// What `tls.ca` adds to the system's certificates.
    added: Option<Added>,
}

impl Distrust {
    pub(super) fn new(
        why: CertificateError,
        host: &ServerName<'_>,
        server: &str,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Distrust {
        let chain = std::iter::once(end_entity).chain(intermediates).filter_map(Certificate::read).collect();
        let now = i64::try_from(now.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Distrust { why, host: host.to_str().into_owned(), server: server.to_owned(), chain, now, added: None }
    }

    pub(super) fn with(self, authorities: Option<&Authorities>) -> Distrust {
        let added = authorities.map(Added::of);
        Distrust { added, ..self }
    }

    fn trouble(&self) -> Trouble {
        let Distrust { why, host, server, chain, now, added } = self;
        let certificate = chain.first();
        let issuer = certificate.map_or("an unknown authority", |certificate| certificate.issuer.as_str());
        let date = |at: fn(&Certificate) -> Option<Timestamp>| day(certificate.and_then(at));
        let own = certificate.is_some_and(Certificate::signed_itself);
        match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => trouble(
                format!(
                    "the certificate by `{issuer}` ended on {}, and this machine's clock says {}",
                    date(|certificate| certificate.until),
                    day(*now)
                ),
                "the certificate has expired, or the clock of this machine is wrong",
                "have whoever runs the server renew the certificate; check the clock with `timedatectl`",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => trouble(
                format!(
                    "the certificate by `{issuer}` begins on {}, and this machine's clock says {}",
                    date(|certificate| certificate.from),
                    day(*now)
                ),
                "the clock of this machine is wrong, or the certificate is not in force yet",
                "set the clock: `timedatectl set-ntp true`",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = certificate.map(|certificate| certificate.names.join(", ")).unwrap_or_default();
                other_name(issuer, &names, host)
            }
            CertificateError::Revoked => trouble(
                format!("the certificate by `{issuer}` was revoked"),
                "its authority has called it back",
                "have whoever runs the server replace it",
            ),
            CertificateError::UnknownIssuer if !own => match (inspector(chain), added) {
                (None, Some(added)) => added.without(server, issuer, chain),
                (Some(_), _) | (None, None) => stranger(issuer, chain),
            },
            other if own && (*other == CertificateError::UnknownIssuer || is_authority(other)) => trouble(
                format!(
                    "the certificate by `{issuer}` signed itself, and {} does not trust it",
                    added.as_ref().map_or_else(|| "this machine".to_owned(), Added::and_machine)
                ),
                "whoever runs the server made it without an authority",
                format!(
                    "save it with `{}`, compare its fingerprint (`openssl x509 -in server.pem -noout -fingerprint -sha256`) \
                     with the server's own, and write `tls: {{ ca: server.pem }}` in the connection",
                    save(server)
                ),
            ),
            other if is_authority(other) => trouble(
                format!(
                    "the certificate by `{issuer}` is an authority itself (CA:TRUE), and not one that this machine trusts"
                ),
                "the certificate of an authority was given to the server instead of a server's own",
                "have the server use a certificate with `basicConstraints=CA:FALSE`, signed by that authority",
            ),
            CertificateError::BadSignature => trouble(
                format!("the certificate by `{issuer}` was not signed by the authority of that name"),
                "two authorities have the same name: the one in `tls.ca` or on this machine is an old one, or another one",
                "fetch the authority's certificate again from whoever runs it",
            ),
            other => trouble(
                format!("the certificate by `{issuer}` is not accepted: {other}"),
                "the certificate does not fit this use",
                format!(
                    "have whoever runs the server get another one; `openssl s_client -connect {server} </dev/null | openssl \
                     x509 -noout -text` shows this one"
                ),
            ),
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trouble().fmt(f)
    }
}

impl Error for Distrust {}

fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.to_string() == IS_AN_AUTHORITY)
}

fn other_name(issuer: &str, names: &str, host: &str) -> Trouble {
    if names.is_empty() {
        return trouble(
            format!("the certificate by `{issuer}` names no host in `subjectAltName`, so it is not for `{host}`"),
            "the host is in its common name alone, which is not read as a host any more",
            format!("have a certificate made for this host; for one that signs itself: `{}`", make(host)),
        );
    }
    trouble(
        format!("the certificate by `{issuer}` is for {names}, not for `{host}`"),
        "another server answers at this name (a proxy, the login page of a guest network), or `url` names the server \
         otherwise than its certificate does",
        "write a host of the certificate as the connection's `url`, or have the certificate made for this one",
    )
}

/// Who opens TLS on the way, as the issuers say.
fn inspector(chain: &[Certificate]) -> Option<&'static str> {
    INSPECTORS.into_iter().find(|name| chain.iter().any(|one| one.issuer.contains(name)))
}

/// Signed by an authority that nobody here knows.
fn stranger(issuer: &str, chain: &[Certificate]) -> Trouble {
    let add = "add the authority's certificate to the connection (`tls: { ca: FILE }`) or to this machine's (Debian: put it \
               into `/usr/local/share/ca-certificates/NAME.crt` and run `update-ca-certificates`)";
    match (inspector(chain), chain) {
        (Some(name), _) => trouble(
            format!("the certificate is by `{issuer}`, which this machine does not know"),
            format!("a proxy that opens TLS on the way ({name}) answers in the server's place, with its own authority"),
            format!("have this host excepted from inspection, or {add}"),
        ),
        (None, [_]) => trouble(
            format!(
                "the certificate is by `{issuer}`, which this machine does not know, and the server sent no other one"
            ),
            "the server does not send its intermediate certificate; or it is by a company's own authority, or by a proxy that \
             opens TLS on the way",
            format!("have the server send its full chain; for a company's own authority, {add}"),
        ),
        (None, _) => trouble(
            format!("the certificate is by `{issuer}`, which this machine does not know"),
            "a company's own authority, or a proxy that opens TLS with one; or the server sends a wrong intermediate certificate",
            add,
        ),
    }
}

/// The command that makes a certificate which is taken here once it is trusted.
fn make(host: &str) -> String {
    let kind = if host.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
    format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN={host} -addext \
         subjectAltName={kind}:{host}"
    )
}

/// The command that saves a server's certificate.
fn save(server: &str) -> String {
    format!("openssl s_client -connect {server} </dev/null | openssl x509 -out server.pem")
}

/// What is behind an error of the handshake, or of the first bytes after it.
pub(crate) fn handshake(error: &rustls::Error, asked: &Asked) -> Trouble {
    use AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) if other.0.is::<Distrust>() => {
            match other.0.downcast_ref::<Distrust>() {
                Some(distrust) => distrust.trouble(),
                None => unclear(error),
            }
        }
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::HandshakeFailure
            | Alert::BadCertificate
            | Alert::NoCertificate
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied,
        ) if asked.was() => trouble(
            format!("the server wants a certificate of the client ({error})"),
            "it takes only clients that have one (mutual TLS), and none is sent from here",
            "have the server, or the gateway before it, let this machine in without a client certificate",
        ),
        rustls::Error::AlertReceived(Alert::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => trouble(
            format!("no agreement on a version of TLS: {error}"),
            "the server speaks only versions before TLS 1.2, which are broken",
            "have TLS 1.2 or 1.3 switched on at the server",
        ),
        rustls::Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity) => trouble(
            format!("no agreement on a version or cipher: {error}"),
            "the server offers only ciphers without forward secrecy (RSA key exchange, CBC) or versions before TLS 1.2; or it \
             wants a certificate of the client",
            "have TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM, switched on at the server",
        ),
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => trouble(
            format!("the server knows no such host: {error}"),
            "`url` names the server otherwise than it names itself",
            "write the host as in the browser's address as the connection's `url`",
        ),
        rustls::Error::InvalidMessage(_) => trouble(
            format!("what answers does not speak TLS: {error}"),
            "the port is one for plain HTTP, or belongs to something else",
            "correct the port in the connection's `url`",
        ),
        other => unclear(other),
    }
}

fn unclear(error: &rustls::Error) -> Trouble {
    trouble(
        format!("no secure connection: {error}"),
        "server and client do not understand each other",
        "look into the server's log for the same minute",
    )
}

/// What `doctor` is told of a handshake that broke off without a word.
pub(crate) fn broke_off(cause: &io::Error) -> Trouble {
    trouble(
        format!("the handshake broke off: {cause}"),
        "a firewall or proxy cuts secure connections to this host, the server speaks only versions before TLS 1.2, or it is \
         overloaded",
        "ask whoever runs the network to let this host through; set `HTTPS_PROXY` if it has to go through a proxy",
    )
}

/// rustls's own error, where there is one. An `io::Error` gives what it wraps by no `source`, and may wrap another.
pub(crate) fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| of_tls(inner.downcast_ref()?))
}

/// Why a request failed, in one fragment; empty if that is not known.
pub(super) fn why(error: &reqwest::Error, asked: &Asked) -> Why {
    if error.is_timeout() {
        return Why { what: "time ran out".to_owned(), cure: None };
    }
    let chain = || causes(error);
    let tls = chain().find_map(|error| {
        let inner = error.downcast_ref::<io::Error>().and_then(of_tls);
        inner.or_else(|| error.downcast_ref::<rustls::Error>())
    });
    if let Some(tls) = tls {
        let Trouble { found, cause, cure } = handshake(tls, asked);
        return Why { what: format!("{found}; {cause}"), cure: Some(cure) };
    }
    let reason = innermost(error);
    if chain().any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)) {
        return Why {
            what: format!("what answers does not speak HTTP ({reason}); it is another service, or it wants TLS"),
            cure: Some("correct scheme and port of the connection's `url`".to_owned()),
        };
    }
    if reason.contains("proxy authorization required") {
        return Why {
            what: format!("{reason}; the proxy wants a login that it was not given"),
            cure: Some("`punctual doctor` says which kind".to_owned()),
        };
    }
    if !error.is_connect() && asked.was() {
        return Why {
            what: format!("{reason}; the server asked for a certificate of the client, and none is sent from here"),
            cure: None,
        };
    }
    Why { what: reason, cure: None }
}

/// The reason at the bottom of the chain, on one line: the layers above it repeat the URL, or say only that something failed.
/// Empty if there is none.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let Some(last) = causes(error).last().filter(|last| !last.is::<reqwest::Error>()) else { return String::new() };
    cut(without_secrets(&last.to_string(), &[]).trim_end_matches('.'), MAX_CHARS)
}

fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "an unknown day".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
