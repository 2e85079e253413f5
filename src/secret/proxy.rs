//! What the environment tells proxies: their passwords, so that nobody prints them, and the hosts that were meant.
//!
//! The parser that reqwest uses ends a login at the first `@`, and an address at the first `/`, `?` or `#`. A password that
//! holds one and is not percent-encoded becomes a part of the host's name, and every text that names the host shows it. So
//! the variables are read here as people mean them: the login ends at the last `@`.

use std::sync::OnceLock;

use super::value::Secret;

/// The variables that reqwest reads, in its order.
pub const PROXY_VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Every proxy's password. Read once: the environment of a process stays as it was.
pub fn proxy_passwords() -> &'static [Secret] {
    static PASSWORDS: OnceLock<Vec<Secret>> = OnceLock::new();
    PASSWORDS.get_or_init(|| values().filter_map(|value| password(&value)).collect())
}

/// Whether a proxy of this name was meant: it follows the login of a variable. Another host is a piece of a password.
pub fn is_meant_proxy(host: &str) -> bool {
    values().any(|value| {
        let place = place(&value).to_ascii_lowercase();
        let rest = place.strip_prefix('[').unwrap_or(&place).strip_prefix(&host.to_ascii_lowercase());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', ']', '?', '#']))
    })
}

fn values() -> impl Iterator<Item = String> {
    PROXY_VARIABLES.iter().filter_map(std::env::var_os).map(|value| value.to_string_lossy().trim().to_owned())
}

fn after_scheme(value: &str) -> &str {
    value.split_once("://").map_or(value, |(_, rest)| rest)
}

/// Host, port and path.
fn place(value: &str) -> &str {
    let rest = after_scheme(value);
    rest.rsplit_once('@').map_or(rest, |(_, place)| place)
}

/// What stands between the first `:` and the last `@`; a login without `:` can be a token.
fn password(value: &str) -> Option<Secret> {
    let (login, _) = after_scheme(value).rsplit_once('@')?;
    let password = login.split_once(':').map_or(login, |(_, password)| password);
    (!password.is_empty()).then(|| Secret::new(password))
}
