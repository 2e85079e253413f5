//! Deliberately broken variants, for negative controls: a test that cannot fail proves nothing.
//!
//! Only under the cargo feature `faults`, switched on by the environment variable `PUNCTUAL_FAULT`. A binary built without
//! the feature has none of it, which a test shows.

use std::sync::Arc;

use crate::run::Reference;
use crate::schedule::Connection;

/// Starts leave before their claim is stored.
pub const CLAIM_AFTER_POST: &str = "claim_after_post";

/// Each call has a random Reference that cannot be computed again, so nothing is ever found.
pub const RANDOM_REFERENCE: &str = "random_reference";

/// The first look-up that shows no job is believed.
pub const NO_SETTLE: &str = "no_settle";

/// Whether this variant was asked for.
pub fn is_on(fault: &str) -> bool {
    std::env::var("PUNCTUAL_FAULT").is_ok_and(|value| value == fault)
}

/// Long enough for calls to be made before the claim is stored, as a slow disk would be.
#[expect(clippy::disallowed_methods, reason = "a broken variant, not the product")]
pub async fn slow_disk() {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

/// What is sent in the place of the Reference that is looked up.
pub fn reference_to_send(reference: Reference) -> Reference {
    if !is_on(RANDOM_REFERENCE) {
        return reference;
    }
    let mut bits = [0u8; 8];
    let _ = getrandom::fill(&mut bits);
    let prefix: String = reference.as_str().split_inclusive('.').take(2).collect();
    Reference::from_text(format!("{prefix}{:016x}", u64::from_be_bytes(bits)))
}

/// A connection whose jobs are expected to be visible at once.
pub fn without_settle(connection: Arc<Connection>) -> Arc<Connection> {
    if !is_on(NO_SETTLE) {
        return connection;
    }
    Arc::new(Connection { settle: std::time::Duration::ZERO, ..(*connection).clone() })
}
