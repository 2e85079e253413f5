//! Checked copies of the database: every night, and when a person asks.
//!
//! A copy is made over a connection of its own that can only read: it keeps no writer from writing, however large the history is, and
//! what stands in the log of a killed daemon stays there. It holds the installation's id, so that it can be put back on another machine
//! (`restore`), and a mark by which a log that is not its own is known (`wal`).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use super::claim_lock::StateFolder;
use super::installation::{self, InFile};
use super::trouble::StoreError;
use super::wal::{self, Log, With};
use super::{copy_sql, sql};
use crate::durable::{make_folder, prepared_at, put_in_place};
use crate::run::InstallationId;

/// Left free on the disk by a copy: filling it up would stop the daemon from claiming.
const FREE_BYTES: u64 = 64 << 20;

/// How copies are named; the stamp between these makes them sort by age.
const PREFIX: &str = "punctual-";
const ENDING: &str = ".db";

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
    /// Nothing is ever written over.
    #[error("`{}` is there already, and a copy is written over nothing", .0.display())]
    Exists(PathBuf),
    /// What a copy would be made of is not one database.
    #[error("the log next to the database `{}` is another database's ({why}), so there is nothing sound to copy", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
        /// Why so.
        why: String,
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
    // Left behind by a copy that was interrupted.
    for old in names(copies, ".new").map_err(failed)? {
        fs::remove_file(copies.join(old)).map_err(failed)?;
    }
    let copy = copies.join(name_at(now));
    make(state, &copy).await?;
    let mut all = names(copies, ENDING).map_err(failed)?;
    all.sort();
    let surplus = all.len().saturating_sub(keep.max(1));
    for old in all.into_iter().take(surplus) {
        fs::remove_file(copies.join(old)).map_err(failed)?;
    }
    Ok(copy)
}

/// Copies the database of a state folder to where a person wants it, checked, for its owner alone (0600); in a folder it gets a name by
/// its time. Gives the copy's path. A daemon may run or not.
///
/// # Errors
/// See [`CopyError`]; no file is left then, and none was changed.
pub async fn copy_to(state: &Path, wanted: &Path, now: Timestamp) -> Result<PathBuf, CopyError> {
    let copy = if wanted.is_dir() { free_name(wanted, now) } else { wanted.to_owned() };
    for name in [copy.clone(), prepared_at(&copy)] {
        if name.symlink_metadata().is_ok() {
            return Err(CopyError::Exists(name));
        }
    }
    let database = StateFolder::database_path(state);
    // What a running daemon has next to its database is its own, and changes while it is looked at.
    if !StateFolder::is_held(state)
        && let Log::Foreign(why) = wal::look(&database).await
        && !StateFolder::is_held(state)
    {
        return Err(CopyError::Foreign { path: database, why });
    }
    make(state, &copy).await?;
    Ok(copy)
}

async fn make(state: &Path, copy: &Path) -> Result<(), CopyError> {
    let from = StateFolder::database_path(state);
    let folder = copy.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |cause| CopyError::Files { path: folder.to_owned(), cause };
    enough_room(&from, folder)?;
    // A folder whose file is gone or damaged has the id in its row still.
    let id = match installation::read(state).map_err(failed)? {
        InFile::Holds(id) => Some(id),
        InFile::Missing | InFile::Damaged => None,
    };
    let temporary = prepared_at(copy);
    let copied = copy_and_check(&from, With::Log, &temporary, id).await;
    if let Err(error) = copied {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    fs::set_permissions(&temporary, Permissions::from_mode(0o600)).map_err(failed)?;
    put_in_place(&temporary, copy).map_err(failed)
}

/// Whether a copy of a database fits into a folder.
pub(super) fn enough_room(from: &Path, folder: &Path) -> Result<(), CopyError> {
    let failed = |cause| CopyError::Files { path: folder.to_owned(), cause };
    let size = fs::metadata(from).map_err(failed)?.len();
    let free = free_bytes(folder).map_err(failed)?;
    if free < size + FREE_BYTES {
        return Err(CopyError::NoRoom { path: folder.to_owned(), needed: size + FREE_BYTES, free });
    }
    Ok(())
}

/// Copies a database to a file that is not there, marks it as a copy, and checks it.
pub(super) async fn copy_and_check(
    from: &Path,
    with: With,
    to: &Path,
    id: Option<InstallationId>,
) -> Result<(), CopyError> {
    let failed = |path: &Path, doing| {
        let path = path.to_owned();
        move |cause| StoreError::Database { path, doing, cause }
    };
    let mut source = wal::open(from, with).await.map_err(failed(from, "being opened"))?;
    let copied = sql::query(copy_sql::COPY_INTO).bind(to.to_string_lossy().into_owned()).execute(&mut source).await;
    let closed = source.close().await;
    copied.map_err(failed(from, "being copied"))?;
    closed.map_err(failed(from, "being copied"))?;
    wal::mark_as_copy(to).map_err(|cause| CopyError::Files { path: to.to_owned(), cause })?;
    // Without a log of its own, which needs memory that is shared, and a network disk has none.
    let options = SqliteConnectOptions::new().filename(to).pragma("cell_size_check", "on");
    let mut copy = options.connect().await.map_err(failed(to, "being opened"))?;
    let renamed = match id {
        Some(id) => sql::query(copy_sql::INSTALLATION_RENAME).bind(id.to_string()).execute(&mut copy).await.map(|_| ()),
        None => Ok(()),
    };
    let check: Result<String, sqlx::Error> =
        sql::query(sql::QUICK_CHECK).fetch_one(&mut copy).await.and_then(|row| row.try_get(0));
    copy.close().await.map_err(failed(to, "being closed"))?;
    renamed.map_err(failed(to, "being given its installation's id"))?;
    let check = check.map_err(failed(to, "being checked"))?;
    if check == "ok" { Ok(()) } else { Err(CopyError::Damaged { path: to.to_owned(), what: check }) }
}

/// How a copy of this time is called.
fn name_at(now: Timestamp) -> String {
    format!("{PREFIX}{}{ENDING}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// So many copies are made in one second; of more the last is refused, as it is there already.
const COPIES_A_SECOND: u32 = 99;

/// Two copies may be asked for within a second: the next has a number after its time, which sorts behind.
fn free_name(folder: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let numbered = (2..=COPIES_A_SECOND).map(|number| format!("{PREFIX}{stamp}-{number}{ENDING}"));
    let mut names = std::iter::once(name_at(now)).chain(numbered).map(|name| folder.join(name));
    let is_free = |name: &PathBuf| [name, &prepared_at(name)].iter().all(|path| path.symlink_metadata().is_err());
    names.find(is_free).unwrap_or_else(|| folder.join(name_at(now)))
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
