//! The one place that builds an HTTPS client.
//!
//! Redirects are off and nothing is sent again by itself, unless the caller says otherwise. Answers are asked for as they
//! are: a compressed one can be a thousand times as long as what was received, and gateways have broken them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, redirect};
use tokio_rustls::rustls;
use url::{Host, Url};

use super::asked::Asked;
use super::authorities::Authorities;
use super::names::Names;
use super::tls::Tls;
use super::trouble::{self, Why};

/// Which versions of HTTP are offered to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// HTTP/1.1 alone: one connection carries one request.
    Http1,
    /// HTTP/2 too.
    Both,
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Most likely there are no certificates of authorities on this machine.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// Anything else.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// A client for one server. Clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    inner: reqwest::Client,
    names: Names,
    asked: Arc<Asked>,
}

impl Client {
    /// A client for the server of `url`; `more` adds what only the caller knows. Clients for one server share `names`, so that
    /// what one of them has learnt of its addresses spares the other the wait.
    pub(crate) fn new(
        url: &Url,
        authorities: Option<&Authorities>,
        spoken: Spoken,
        connect: Duration,
        names: Names,
        more: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, SetupError> {
        let Tls { mut config, asked } = Tls::new(url, authorities)?;
        // reqwest leaves a TLS of ours as it is, so what it would offer by itself is offered here.
        config.alpn_protocols = match spoken {
            Spoken::Http1 => vec![b"http/1.1".to_vec()],
            Spoken::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        let identity = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let builder = reqwest::Client::builder()
            .user_agent(concat!("punctual/", env!("CARGO_PKG_VERSION")))
            .default_headers(identity)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(connect)
            .https_only(url.scheme() == "https")
            .tls_backend_preconfigured(config)
            .dns_resolver(names.clone());
        let builder = match spoken {
            Spoken::Http1 => builder.http1_only(),
            Spoken::Both => builder,
        };
        // A proxy from the environment cannot reach this machine's own loopback.
        let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
        Ok(Client { inner: more(builder).build()?, names, asked })
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.inner.request(method, url)
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.inner.get(url)
    }

    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.inner.post(url)
    }

    /// Learns from what a request came to which of the server's addresses is the good one.
    pub(crate) fn note(&self, sent: &Result<Response, reqwest::Error>) {
        match sent {
            Ok(response) => {
                if let Some(address) = response.remote_addr() {
                    self.names.answered(address.ip());
                }
            }
            Err(error) if error.is_connect() => self.names.failed(),
            Err(_) => {}
        }
    }

    /// Why a request failed, in one fragment, with the cause and the cure where they are known.
    pub(crate) fn why(&self, error: &reqwest::Error) -> Why {
        trouble::why(error, &self.asked)
    }
}

/// This machine itself, to which nothing crosses a network.
pub fn is_loopback(url: &Url) -> bool {
    url.host().is_some_and(|host| match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    })
}
