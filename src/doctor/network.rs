//! The way to a server, layer by layer: proxy, name, TCP, tunnel.
//!
//! reqwest does all of this at once and says only that it failed. Here each layer is tried alone, with the very code that
//! chooses the proxy for the real requests. What is open at the end is handed to `tls`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::step::{Blame, Finding};
use crate::clock::Clock;
use crate::http::{Challenge, challenges_of, is_loopback};
use crate::orchestrator::explain_status;
use crate::secret::{PROXY_VARIABLES, is_meant_proxy};
use crate::text;
use crate::witness::masked;

/// As long as the token server's own connections may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A proxy's answer to CONNECT is a few lines.
const MAX_TUNNEL_ANSWER: usize = 8 * 1024;

/// Which proxy variables hold for a URL of each scheme.
const HTTPS_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const HTTP_VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The way that requests to one origin take.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// `host:port` of the server itself.
    pub(super) server: String,
    host: String,
    port: u16,
    proxy: Option<Intercept>,
}

impl Way {
    /// The way to this address, and what is to be said about proxies.
    pub(super) fn to(url: &Url) -> (Way, Finding) {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let set = proxy_variables();
        if let Some(variable) = crooked_variable(url) {
            return (Way { server: format!("{host}:{port}"), host, port, proxy: None }, crooked(variable));
        }
        let proxy = if is_loopback(url) {
            None
        } else {
            url.as_str().parse().ok().and_then(|uri| Matcher::from_system().intercept(&uri))
        };
        let finding = match &proxy {
            Some(proxy) if !is_meant_proxy(host_of(proxy)) => Finding::fault(
                Blame::Here,
                format!("the address of the proxy in {} cannot be read as it is meant", proxy_variables().join(", ")),
                "its password holds a character that ends a login or an address: `@`, `/`, `?`, `#` or a blank",
                "percent-encode them in the password: `@` as `%40`, `/` as `%2F`, `?` as `%3F`, `#` as `%23`, `%` as `%25`",
            ),
            Some(proxy) => through(proxy),
            None if set.is_empty() => Finding::fine("none is set; the way is direct"),
            None if is_loopback(url) => {
                Finding::fine("none: this machine's own addresses are never asked through a proxy")
            }
            None => Finding::fine(format!("none for this host, though set is {}", set.join(", "))),
        };
        (Way { server: format!("{host}:{port}"), host, port, proxy }, finding)
    }

    /// Whom a connection is made to: the proxy if there is one.
    pub(super) fn next_hop(&self) -> (String, u16) {
        match &self.proxy {
            Some(proxy) => {
                let uri = proxy.uri();
                let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
                (uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(default))
            }
            None => (self.host.clone(), self.port),
        }
    }

    /// Finds the addresses of the next hop.
    pub(super) async fn resolve(&self, clock: &Clock) -> (Vec<SocketAddr>, Finding) {
        let (host, port) = self.next_hop();
        let began = clock.boottime();
        let found = tokio::select! {
            found = lookup_host((host.as_str(), port)) => found,
            () = clock.sleep(PATIENCE) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")),
        };
        let took = clock.boottime().saturating_sub(began);
        let whose = if self.proxy.is_some() { "the proxy's name" } else { "the name" };
        let mut addresses: Vec<SocketAddr> = match found {
            Ok(addresses) => addresses.collect(),
            Err(cause) => {
                let finding = Finding::fault(
                    Blame::Unreached,
                    format!("{whose} `{host}` was not found: {cause}"),
                    "the name is misspelt, or this machine's name server does not know it (no network, no VPN, a wrong `/etc/resolv.conf`)",
                    if self.proxy.is_some() {
                        "correct the host in the proxy variable"
                    } else {
                        "correct the host in the connection's `url` (or `auth.token_url`), or the machine's name server; try it with `getent hosts`"
                    },
                );
                return (Vec::new(), finding.taking(took));
            }
        };
        addresses.dedup();
        let listed: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        let found = if host.parse::<std::net::IpAddr>().is_ok() {
            format!("{host} is an address; there is no name to look up")
        } else {
            format!("{whose} `{host}` is {}", listed.join(", "))
        };
        (addresses, Finding::fine(found).taking(took))
    }

    /// Connects to the first address that answers, and through the proxy to the server.
    pub(super) async fn connect(&self, addresses: &[SocketAddr], clock: &Clock) -> (Option<TcpStream>, Finding) {
        let began = clock.boottime();
        let mut failed = Vec::new();
        for address in addresses {
            let tried = tokio::select! {
                tried = TcpStream::connect(address) => tried,
                () = clock.sleep(PATIENCE) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")),
            };
            match tried {
                Ok(stream) => {
                    let (stream, finding) = match &self.proxy {
                        Some(proxy) => self.tunnel(stream, proxy, clock).await,
                        None => (Some(stream), connected(address, &failed)),
                    };
                    return (stream, finding.taking(clock.boottime().saturating_sub(began)));
                }
                Err(cause) => failed.push((*address, cause)),
            }
        }
        let failures: Vec<String> = failed.iter().map(|(address, cause)| format!("{address}: {cause}")).collect();
        let refused = failed.iter().any(|(_, cause)| cause.kind() == io::ErrorKind::ConnectionRefused);
        let cause = if refused {
            "nothing listens on this port there: the service is down, or the port is wrong"
        } else {
            "a firewall drops the packets, or the machine is off"
        };
        let cure = match (&self.proxy, refused) {
            (Some(_), _) => "start the proxy, or correct its address in the proxy variable",
            (None, true) => {
                "start the service, or correct host and port in the connection's `url` (or `auth.token_url`)"
            }
            (None, false) => {
                "let this machine through the firewall, or set `HTTPS_PROXY` if it has to go through a proxy"
            }
        };
        let finding = Finding::fault(Blame::Unreached, format!("no connection: {}", failures.join("; ")), cause, cure);
        (None, finding.taking(clock.boottime().saturating_sub(began)))
    }

    async fn tunnel(&self, stream: TcpStream, proxy: &Intercept, clock: &Clock) -> (Option<TcpStream>, Finding) {
        let place = printable(proxy);
        match proxy.uri().scheme_str() {
            Some("http") => {}
            Some("https") => {
                let finding = Finding::doubt(
                    format!("connected to the proxy {place}, which wants TLS itself"),
                    "what is behind it is not looked at layer by layer",
                    "see whether the grant works",
                );
                return (None, finding);
            }
            Some(_) | None => {
                let finding = Finding::fault(
                    Blame::Here,
                    format!("the proxy {place} is of a kind that is not spoken here"),
                    "only HTTP proxies are supported, SOCKS is not",
                    "set `HTTPS_PROXY` to an address that begins with `http://`",
                );
                return (None, finding);
            }
        }
        let asked = tokio::select! {
            asked = ask_for_tunnel(stream, &self.server, proxy) => asked,
            () = clock.sleep(PATIENCE) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")),
        };
        match asked {
            Ok(Tunnel { stream, status: 200..=299, .. }) => {
                (Some(stream), Finding::fine(format!("the proxy {place} opened a way to {}", self.server)))
            }
            Ok(Tunnel { status, line, wanted, .. }) => {
                let found =
                    format!("the proxy {place} answered `{line}` when it was asked for a way to {}", self.server);
                let finding = match explain_status(status).filter(|_| status == 407) {
                    Some(explained) => {
                        let login = proxy.basic_auth().is_some();
                        wants_login(&found, &wanted, login)
                            .unwrap_or_else(|| Finding::explained(Blame::Unreached, found, explained))
                    }
                    None => Finding::fault(
                        Blame::Unreached,
                        found,
                        "the proxy does not let this host through, or does not find it",
                        "ask whoever runs the proxy to allow it, or except the host with `NO_PROXY`",
                    ),
                };
                (None, finding)
            }
            Err(cause) => {
                let finding = Finding::fault(
                    Blame::Unreached,
                    format!("the proxy {place} gave no answer: {cause}"),
                    "what listens there is no HTTP proxy, or it is overloaded",
                    "correct the address in the proxy variable",
                );
                (None, finding)
            }
        }
    }
}

fn connected(address: &SocketAddr, failed: &[(SocketAddr, io::Error)]) -> Finding {
    let mut text = format!("connected to {address}");
    for (other, cause) in failed {
        text.push_str(&format!("; {other} did not answer ({cause})"));
    }
    if failed.is_empty() {
        return Finding::fine(text);
    }
    Finding::doubt(
        text,
        "the name has an address at which nobody answers; the other one is taken, but the first \
         connection of the daemon takes some seconds longer",
        "have the dead address taken out of the name server, or its machine or route mended",
    )
}

/// What a proxy that answered 407 wants, where a name and a password in the variable are not the cure.
fn wants_login(found: &str, wanted: &[Challenge], login: bool) -> Option<Finding> {
    let basic = wanted.iter().any(|challenge| challenge.is("Basic"));
    if basic && login {
        return Some(Finding::fault(
            Blame::Unreached,
            found,
            "the proxy does not take the name and the password that stand in the proxy variable",
            "correct them there; characters such as `@`, `:`, `/` and `%` are written percent-encoded",
        ));
    }
    if basic || wanted.is_empty() {
        return None;
    }
    let schemes = text::quoted(wanted.iter().map(|challenge| masked(&challenge.scheme, &[])));
    Some(Finding::fault(
        Blame::Unreached,
        format!("{found}; the login that it takes is {schemes} alone"),
        "the proxy wants a Windows login (NTLM, Kerberos) or another one that is not spoken here; only `Basic` is",
        "run a small proxy on this machine that logs in to it (cntlm, px) and set `HTTPS_PROXY=http://127.0.0.1:3128`; or have \
         the proxy let this machine, or this host, through without a login",
    ))
}

/// The proxy variable whose login is cut off by a character in it, if requests to `url` would take it.
fn crooked_variable(url: &Url) -> Option<&'static str> {
    if is_loopback(url) {
        return None;
    }
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let excepted = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    let any = Matcher::builder().all("http://127.0.0.1:9").no(excepted).build();
    url.as_str().parse().ok().and_then(|uri| any.intercept(&uri))?;
    let names = if url.scheme() == "https" { HTTPS_VARIABLES } else { HTTP_VARIABLES };
    names.into_iter().find(|name| set(name).is_some_and(|value| is_crooked(&value)))
}

/// Whether the login holds what must be percent-encoded: an URL's reader would take its tail for the host.
fn is_crooked(proxy: &str) -> bool {
    let rest = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    let Some((login, _)) = rest.rsplit_once('@') else { return false };
    let encoded =
        |at: usize| login.as_bytes().get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    login.char_indices().any(|(at, c)| match c {
        '%' => !encoded(at),
        c => !c.is_ascii_graphic() || "@/?#[]\\\"<>^`{|}".contains(c),
    })
}

/// Neither the value nor a part of it is shown: which part is the password cannot be said.
fn crooked(variable: &str) -> Finding {
    Finding::fault(
        Blame::Here,
        format!("the login in `{variable}` holds a character that must not stand there as it is"),
        "a URL ends its login at the first such character, so a part of the password would be taken for the proxy's name",
        "write such characters of the name and the password percent-encoded: `@` as `%40`, `:` as `%3A`, `/` as `%2F`, `%` as \
         `%25`, `?` as `%3F`, `#` as `%23`, `\\` as `%5C`, a blank as `%20`",
    )
}

/// What came of a CONNECT.
struct Tunnel {
    stream: TcpStream,
    status: u16,
    line: String,
    /// `Proxy-Authenticate`.
    wanted: Vec<Challenge>,
}

async fn ask_for_tunnel(mut stream: TcpStream, server: &str, proxy: &Intercept) -> io::Result<Tunnel> {
    let mut request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n").into_bytes();
    if let Some(login) = proxy.basic_auth() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(login.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") && answer.len() < MAX_TUNNEL_ANSWER {
        // Byte by byte: what follows the empty line belongs to the handshake.
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(cause) if answer.is_empty() => return Err(cause),
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let line = masked(text.lines().next().unwrap_or_default(), &[]);
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer is not HTTP"))?;
    let wanted = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("proxy-authenticate"))
        .flat_map(|(_, value)| challenges_of(value))
        .collect();
    Ok(Tunnel { stream, status, line, wanted })
}

fn through(proxy: &Intercept) -> Finding {
    let login = if proxy.basic_auth().is_some() || proxy.raw_auth().is_some() { " with a login" } else { "" };
    Finding::fine(format!(
        "requests go through {}{login}, as set in {}",
        printable(proxy),
        proxy_variables().join(", ")
    ))
}

/// Without its login.
fn printable(proxy: &Intercept) -> String {
    let uri = proxy.uri();
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("`{}://{}{port}`", uri.scheme_str().unwrap_or("http"), host_of(proxy))
}

fn host_of(proxy: &Intercept) -> &str {
    proxy.uri().host().unwrap_or_default().trim_matches(['[', ']'])
}

/// The names that are set, and whether `NO_PROXY` is; never their values.
fn proxy_variables() -> Vec<String> {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    PROXY_VARIABLES
        .iter()
        .chain(&["NO_PROXY", "no_proxy"])
        .filter(|name| set(name))
        .map(|name| format!("`{name}`"))
        .collect()
}
