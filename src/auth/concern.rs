//! What a person should know although a token came: it is not saved, dead already, narrower than asked for, or dated by
//! another clock.
//!
//! None of it stops a start; each has its own sentence, because each ends in trouble later.

use std::time::Duration;

use jiff::SignedDuration;
use tracing::warn;

use super::core::{Class, Left};
use super::credential::{Credential, printable};
use super::margins::SKEW_TOLD;
use super::trouble::Failure;
use super::what_helps::Cure;

/// The new refresh token could not be written.
pub(super) fn unsaved(reason: &str) -> Failure {
    Failure {
        class: Class::Transient { retry_after: None },
        left: Left::Nothing,
        code: "unsaved".to_owned(),
        message: format!("the new refresh token is in memory only because {reason}"),
        cure: Cure {
            act: "make the folder writable before this process ends, or the login is lost".to_owned(),
            promise: Some("it is tried every second".to_owned()),
        },
    }
}

/// The token's life was over before its answer was here.
pub(super) fn dead_on_arrival(credential: &Credential, length: Duration) -> Failure {
    let (what, check) = if length.is_zero() {
        ("a token that had already expired".to_owned(), "the clock of the token server")
    } else {
        (
            format!("a token for {} s, which was over on its arrival", length.as_secs_f64()),
            "how long its tokens live there",
        )
    };
    Failure {
        class: Class::Transient { retry_after: None },
        left: Left::Request,
        code: "dead_on_arrival".to_owned(),
        message: format!("POST {} answered with {what}", printable(&credential.token_url)),
        cure: Cure::again(format!("check {check}")),
    }
}

/// Told once while it lasts; ages are not judged by that clock (T13).
pub(super) fn tell_skew(credential: &Credential, skew: SignedDuration, before: Option<SignedDuration>) {
    let is_wide = |skew: SignedDuration| skew.unsigned_abs() >= SKEW_TOLD;
    if is_wide(skew) && !before.is_some_and(is_wide) {
        warn!(
            connection = credential.connection,
            skew_s = skew.as_secs(),
            "The clock of the token server differs from this machine's; check that both are set by NTP"
        );
    }
}

/// Calls that need a missing scope will be refused.
pub(super) fn tell_narrowed(credential: &Credential, granted: Option<&str>) {
    let (Some(asked), Some(granted)) = (credential.grant.scope(), granted) else { return };
    let is_granted = |one: &&str| granted.split_whitespace().any(|other| other == *one);
    let missing: Vec<&str> = asked.split_whitespace().filter(|one| !is_granted(one)).collect();
    if !missing.is_empty() {
        warn!(
            connection = credential.connection,
            missing = missing.join(" "),
            "The token has fewer scopes than asked for"
        );
    }
}
