//! One request, before it is sent.

use reqwest::Method;

use super::outcome::Asked;
use crate::run::FolderId;

/// Which pool a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// What must not be sent twice.
    Starts,
    /// What may be.
    Reads,
}

/// One request.
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) pool: Pool,
    pub(super) method: Method,
    /// After the base, without a leading slash: constants and numbers only.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) folder: Option<FolderId>,
    pub(super) body: Option<Vec<u8>>,
    /// The longest answer that is read, in bytes (S31).
    pub(super) limit: usize,
}
