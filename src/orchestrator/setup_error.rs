//! Why a client cannot be made: what a connection says, or this machine lacks. Found at start, before any request.

use crate::http::SetupError;

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientSetupError {
    /// Not an http(s) address, or with a login, query or fragment in it.
    #[error("the `url` of connection `{connection}` must be `https://host/path`, without login, `?` and `#`")]
    Address {
        /// The connection's name.
        connection: String,
    },
    /// A token would cross the network in the clear.
    #[error("the `url` of connection `{connection}` must begin with `https://`: `http://` is for this machine only")]
    Insecure {
        /// The connection's name.
        connection: String,
    },
    /// It cannot stand in a header.
    #[error("the `tenant` of connection `{connection}` has characters that cannot stand in a header")]
    Tenant {
        /// The connection's name.
        connection: String,
    },
    /// TLS could not be set up.
    #[error("failed to set up the HTTP client of connection `{connection}`")]
    Http {
        /// The connection's name.
        connection: String,
        /// Why.
        #[source]
        cause: SetupError,
    },
}
