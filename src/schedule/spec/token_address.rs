//! Addresses of token servers as people paste them, and what they mean.
//!
//! The identity server describes itself under `.well-known`, logs people in under `connect/authorize`, and gives tokens under
//! `connect/token` only; on the Cloud its name ends with an underscore, on a server of one's own it does not (forum 504018).

use url::Url;

use super::address::{Matter, Place, SERVICE, Weight, parts, shown};

/// What is the matter with the address of a token server.
pub(super) fn token_server(url: &Url) -> Option<Matter> {
    let place = Place::of(url);
    let parts = parts(url);
    let lower: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
    let at = |name: &str| lower.iter().position(|part| part == name);
    let mut kept = parts.clone();
    let mut why = None;
    let to_token = |upto: usize| -> Vec<String> {
        let mut kept = parts[..upto].to_vec();
        kept.extend(["connect".to_owned(), "token".to_owned()]);
        kept
    };
    if let Some(connect) = at("connect") {
        if lower.get(connect + 1).map(String::as_str) != Some("token") || parts.len() > connect + 2 {
            why = Some("is not where tokens are given: that ends with `/connect/token`".to_owned());
            kept = to_token(connect);
        }
    } else if let Some(known) = at(".well-known") {
        why = Some("describes the token server, and gives no tokens itself".to_owned());
        kept = to_token(known);
    } else if let Some(identity) = at("identity_").or_else(|| at("identity")) {
        why = Some("is not where tokens are given: that ends with `/connect/token`".to_owned());
        kept = to_token(identity + 1);
    } else if url.host_str() == Some("account.uipath.com") {
        if lower.iter().map(String::as_str).ne(["oauth", "token"]) {
            why = Some("is not where tokens are given: that ends with `/oauth/token`".to_owned());
            kept = vec!["oauth".to_owned(), "token".to_owned()];
        }
    } else if parts.is_empty() || place != Place::Other || at(SERVICE).is_some() {
        // Of what is left on these hosts, only what logs users in gives tokens.
        if !lower.ends_with(&["api".to_owned(), "account".to_owned(), "authenticate".to_owned()]) {
            let what = "is not where tokens are given".to_owned();
            let also = "take `token_url` out: where tokens are given follows from `url`".to_owned();
            return Some(Matter { weight: Weight::Wrong, what, meant: None, also });
        }
    }
    // The Cloud's identity server is written with an underscore; without it the answer is a web page (forum 504018).
    if place != Place::Other && url.host_str() != Some("account.uipath.com") {
        match kept.iter().position(|part| part.eq_ignore_ascii_case("identity")) {
            Some(identity) => {
                why.get_or_insert_with(|| "misses the underscore of the Cloud's `identity_`".to_owned());
                "identity_".clone_into(&mut kept[identity]);
            }
            None if kept.first().is_some_and(|first| first.eq_ignore_ascii_case("connect")) => {
                why.get_or_insert_with(|| "misses the Cloud's `identity_`".to_owned());
                kept.insert(0, "identity_".to_owned());
            }
            None => {}
        }
    }
    if why.is_none() && (url.query().is_some() || url.fragment().is_some()) {
        why = Some("must end with its path, without `?` or `#`".to_owned());
    }
    let mut meant = url.clone();
    meant.set_query(None);
    meant.set_fragment(None);
    meant.set_path(&kept.join("/"));
    why.map(|what| Matter { weight: Weight::Wrong, what, meant: Some(shown(&meant)), also: String::new() })
}
