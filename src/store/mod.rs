//! The one writer of the database: claims, attempts, marks, evidence, schedule versions, audit.
//!
//! A claim that is lost is a robot started twice, so every write is a committed transaction with `synchronous=FULL` before
//! anything acts on it, and all writes go through one task: SQLite has one writer anyway, and a caller that goes away must
//! not drop a transaction half-way. Whatever lies ready is committed together.
//!
//! Absent: queries for people (`history`), and any decision.

mod claim_lock;
mod installation;
mod open;
mod rows;
mod sql;
mod writer;

pub use claim_lock::{StateFolder, StateFolderError};
pub use open::{Database, StoreError};
pub use rows::{Changes, LoadedState, Retired, StoredVersion, VersionId};
pub use sql::ALL as SQL_STATEMENTS;
pub use writer::{Committed, Store};
