//! Whom a client trusts, how an answer is read, and which address is tried first: against servers that do what gateways and
//! servers of one's own are known to do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bodies;
mod files;
mod names;
mod server;
mod trust;
