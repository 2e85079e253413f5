//! The one writer of the database: claims, attempts, marks, evidence, schedule versions, audit.
//!
//! A claim that is lost is a robot started twice, so every write is a committed transaction with `synchronous=FULL` before
//! anything acts on it, and all writes go through one task: SQLite has one writer anyway, and a caller that goes away must
//! not drop a transaction half-way. Whatever lies ready is committed together.
//!
//! Absent: queries for people (`history`), and any decision.

mod attempt_rows;
mod by_hand_sql;
mod changes;
mod chores;
mod claim_lock;
mod columns;
mod commit;
mod connect;
mod connection_rows;
mod copy_sql;
mod copying;
mod holding_rows;
mod holding_sql;
mod installation;
mod one_run;
mod kept_answer;
mod kept_rows;
mod open;
mod replace;
mod restore;
mod restore_error;
mod rows;
mod schema;
mod seal;
mod set_aside;
mod sql;
mod trouble;
mod wal;
mod writer;

pub use changes::{
    Changes, Counting, Deed, Doubt, DoubtOver, Failing, Holding, HoldingChange, LoadedState, Retired, StoredVersion,
};
pub use chores::{Removed, Retention};
pub use claim_lock::{Holder, StateFolder, StateFolderError};
pub use commit::Committed;
pub use copying::{CopyError, copy_database, copy_to};
pub use kept_answer::{KeptAnswer, OnceKey, UnderKey};
pub use one_run::Recorded;
pub use open::Database;
pub use replace::{Begins, Prepared, Ready, Step};
pub use restore::{Copy, Whose};
pub use restore_error::RestoreError;
pub use set_aside::damaged_databases;
pub use sql::ALL as SQL_STATEMENTS;
pub use trouble::{NoRoom, StoreError, no_room};
pub use writer::Store;
