//! Chores on the database: old rows go, and a checked copy is made.
//!
//! Rows are removed by the writer in small batches, so that a claim never waits long. The copy is made over a connection of its
//! own: reading does not keep the writer from writing, however large the history is.
//!
//! Absent: when they are done (`housekeeping`).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::{Connection, Row};

use super::claim_lock::StateFolder;
use super::connect::connect;
use super::open::Database;
use super::sql;
use super::trouble::StoreError;
use super::wal;
use crate::durable::{make_folder, prepared_at, put_in_place};

/// Rows removed by one statement: a few milliseconds.
const BATCH: i64 = 200;

/// Left free on the disk by a copy: filling it up would stop the daemon from claiming.
const FREE_BYTES: u64 = 64 << 20;

/// How copies are named; the stamp between these makes them sort by age.
const PREFIX: &str = "punctual-";
const ENDING: &str = ".db";

/// Which rows may stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Runs that ended before this go.
    pub ended_before: Option<Timestamp>,
    /// Of the others that ended, so many stay.
    pub max_runs: Option<u64>,
    /// And no more than fit in so many bytes.
    pub max_bytes: Option<u64>,
}

/// How many runs went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed(pub u64);

/// One batch; none are removed when there is nothing more to do. Open runs are never touched.
pub(super) async fn remove_batch(database: &mut Database, retention: &Retention) -> Result<Removed, StoreError> {
    let Retention { ended_before, max_runs, max_bytes } = *retention;
    let doing = "removing old runs";
    if let Some(before) = ended_before {
        let query = sql::query(sql::DELETE_ENDED_BEFORE).bind(before.as_millisecond()).bind(BATCH);
        let gone = database.run(query, doing).await?;
        if gone > 0 {
            return Ok(Removed(gone));
        }
    }
    let over = match max_runs {
        Some(most) => database.ask_number(sql::COUNT_RUNS, doing).await? - i64::try_from(most).unwrap_or(i64::MAX),
        None => 0,
    };
    let too_large = match max_bytes {
        Some(most) => database.ask_number(sql::SIZE, doing).await? > i64::try_from(most).unwrap_or(i64::MAX),
        None => false,
    };
    let many = if too_large { BATCH } else { over.clamp(0, BATCH) };
    if many == 0 {
        return Ok(Removed(0));
    }
    Ok(Removed(database.run(sql::query(sql::DELETE_OLDEST).bind(many), doing).await?))
}

/// Why there is no new copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// SQLite.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder or a file in it.
    #[error("failed to keep a copy in `{}`", path.display())]
    Files {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The copy itself is damaged: the disk, or the database.
    #[error("the copy `{}` is damaged: {what}", path.display())]
    Damaged {
        /// The copy.
        path: PathBuf,
        /// What the check said.
        what: String,
    },
    /// There is too little room.
    #[error("a copy needs {needed} bytes and `{}` has {free} free", path.display())]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// With what must stay free.
        needed: u64,
        /// What there is.
        free: u64,
    },
}

/// Copies the database of a state folder, checks the copy, and keeps the newest `keep`. Gives the copy's path.
///
/// # Errors
/// See [`CopyError`]; older copies are still there then.
pub async fn copy_database(state: &Path, copies: &Path, keep: usize, now: Timestamp) -> Result<PathBuf, CopyError> {
    let failed = |cause| CopyError::Files { path: copies.to_owned(), cause };
    make_folder(copies).map_err(failed)?;
    fs::set_permissions(copies, Permissions::from_mode(0o700)).map_err(failed)?;
    let from = StateFolder::database_path(state);
    let size = fs::metadata(&from).map_err(failed)?.len();
    let free = free_bytes(copies).map_err(failed)?;
    if free < size + FREE_BYTES {
        return Err(CopyError::NoRoom { path: copies.to_owned(), needed: size + FREE_BYTES, free });
    }
    let name = format!("{PREFIX}{}{ENDING}", now.strftime("%Y%m%dT%H%M%SZ"));
    let copy = copies.join(name);
    let temporary = prepared_at(&copy);
    // Left behind by a copy that was interrupted.
    for old in names(copies, ".new").map_err(failed)? {
        fs::remove_file(copies.join(old)).map_err(failed)?;
    }
    let copied = copy_and_check(&from, &temporary).await;
    if let Err(error) = copied {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    fs::set_permissions(&temporary, Permissions::from_mode(0o600)).map_err(failed)?;
    put_in_place(&temporary, &copy).map_err(failed)?;
    let mut all = names(copies, ENDING).map_err(failed)?;
    all.sort();
    let surplus = all.len().saturating_sub(keep.max(1));
    for old in all.into_iter().take(surplus) {
        fs::remove_file(copies.join(old)).map_err(failed)?;
    }
    Ok(copy)
}

async fn copy_and_check(from: &Path, to: &Path) -> Result<(), CopyError> {
    let failed = |path: &Path, doing| {
        let path = path.to_owned();
        move |cause| StoreError::Database { path, doing, cause }
    };
    let mut source = connect(from).await?;
    let copied = sql::query(sql::COPY_INTO).bind(to.to_string_lossy().into_owned()).execute(&mut source).await;
    let closed = source.close().await;
    copied.map_err(failed(from, "being copied"))?;
    closed.map_err(failed(from, "being copied"))?;
    wal::mark_as_copy(to).map_err(|cause| CopyError::Files { path: to.to_owned(), cause })?;
    let mut copy = connect(to).await?;
    let check: Result<String, sqlx::Error> =
        sql::query(sql::QUICK_CHECK).fetch_one(&mut copy).await.and_then(|row| row.try_get(0));
    // Closed before it is judged: its WAL goes with it.
    copy.close().await.map_err(failed(to, "being closed"))?;
    let check = check.map_err(failed(to, "being checked"))?;
    if check == "ok" { Ok(()) } else { Err(CopyError::Damaged { path: to.to_owned(), what: check }) }
}

/// Our own files of this ending in the folder of copies.
fn names(copies: &Path, ending: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(copies)? {
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with(PREFIX)
            && name.ends_with(ending)
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
