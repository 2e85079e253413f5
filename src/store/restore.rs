//! Reading a copy of the database that is to be put back, before anything is changed (see `replace`).
//!
//! It is copied into the state folder, checked, and brought up to date there. A file whose log lies next to it, as it was saved from a
//! broken machine, is read with it: the newest rows stand in that alone.
//!
//! Absent: putting it in its place.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::{Connection, Row};

use super::claim_lock::StateFolder;
use super::copying::{CopyError, copy_and_check, enough_room};
use super::installation::{self, InFile};
use super::open::Database;
use super::replace::{Prepared, files, make_aside, remove};
use super::restore_error::RestoreError;
use super::trouble::StoreError;
use super::wal::{self, Log, With};
use super::{copy_sql, sql};
use crate::run::{InstallationId, Pause};

/// How a database file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Whose copies are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of the folder's own installation, or any where it has none yet.
    Own,
    /// Any: the folder is of the copy's installation from then on.
    Any,
}

/// A file that a person wants to be put back.
#[derive(Debug)]
pub struct Copy {
    path: PathBuf,
    with: With,
    /// Why a log that lies next to it is left out.
    pub foreign_log: Option<String>,
}

impl Copy {
    /// Looks whether it can be one; nothing is made or changed.
    ///
    /// # Errors
    /// [`RestoreError::Unreadable`], [`RestoreError::NoDatabase`].
    pub async fn look(path: &Path) -> Result<Copy, RestoreError> {
        let unreadable = |cause| RestoreError::Unreadable { path: path.to_owned(), cause };
        let mut start = [0; MAGIC.len()];
        match fs::File::open(path).map_err(unreadable)?.read_exact(&mut start) {
            Ok(()) if &start == MAGIC => {}
            Err(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => return Err(unreadable(cause)),
            Ok(()) | Err(_) => return Err(RestoreError::NoDatabase(path.to_owned())),
        }
        // A database that was saved from a broken machine has its log next to it, and the newest rows in that.
        let has_log = wal::commits_in(&wal::log_of(path)).map_err(unreadable)? > 0;
        let (with, foreign_log) = match wal::look(path).await {
            Log::Own if has_log => (With::Log, None),
            Log::Own => (With::Nothing, None),
            Log::Foreign(why) => (With::Nothing, Some(why)),
        };
        Ok(Copy { path: path.to_owned(), with, foreign_log })
    }

    /// Copies it into the state folder and reads what stands in it; the database that is there is not touched.
    ///
    /// # Errors
    /// See [`RestoreError`]; nothing is left of it then.
    pub async fn prepare(&self, folder: &StateFolder, whose: Whose, now: Timestamp) -> Result<Prepared, RestoreError> {
        let database = StateFolder::database_path(folder.path());
        if let (Ok(one), Ok(other)) = (fs::metadata(&self.path), fs::metadata(&database))
            && (one.dev(), one.ino()) == (other.dev(), other.ino())
        {
            return Err(RestoreError::Itself(self.path.clone()));
        }
        enough_room(&self.path, folder.path())?;
        let aside = make_aside(folder.path(), now).map_err(files(folder.path(), "make a folder"))?;
        let prepared = self.prepare_in(folder, &aside, whose, now).await;
        if prepared.is_err() {
            remove(&aside);
        }
        prepared
    }

    async fn prepare_in(
        &self,
        folder: &StateFolder,
        aside: &Path,
        whose: Whose,
        now: Timestamp,
    ) -> Result<Prepared, RestoreError> {
        let new = StateFolder::database_path(aside);
        match copy_and_check(&self.path, self.with, &new, self.id_beside()).await {
            Ok(()) => {}
            Err(CopyError::Store(cause)) => return Err(self.failed(cause)),
            Err(CopyError::Damaged { what, .. }) => {
                return Err(self.failed(StoreError::Damaged { path: self.path.clone(), what }));
            }
            Err(other) => return Err(other.into()),
        }
        if !is_ours(&new).await {
            return Err(RestoreError::NotOurs(self.path.clone()));
        }
        let mut database = Database::open_in(aside, folder.counter()).await.map_err(|cause| self.failed(cause))?;
        let read = self.read(&mut database, folder.path(), aside, now).await;
        database.shut().await;
        let mut prepared = read?;
        prepared.other = id_of(folder.path()).await.filter(|id| *id != prepared.installation);
        match (prepared.other, whose) {
            (Some(other), Whose::Own) => {
                let (path, copy) = (self.path.clone(), prepared.installation);
                Err(RestoreError::OtherInstallation { path, copy, folder: other })
            }
            (Some(_), Whose::Any) | (None, Whose::Own | Whose::Any) => Ok(prepared),
        }
    }

    /// A database that comes from a state folder, such as the one that was replaced last, is of the id that its file says there.
    fn id_beside(&self) -> Option<InstallationId> {
        let folder = self.path.parent()?;
        match installation::read(folder) {
            Ok(InFile::Holds(id)) if StateFolder::database_path(folder) == self.path => Some(id),
            Ok(InFile::Holds(_) | InFile::Missing | InFile::Damaged) | Err(_) => None,
        }
    }

    async fn read(
        &self,
        database: &mut Database,
        state: &Path,
        aside: &Path,
        now: Timestamp,
    ) -> Result<Prepared, RestoreError> {
        let path = database.path.clone();
        let row = sql::query(sql::INSTALLATION_GET).fetch_optional(&mut database.connection).await;
        if row.map_err(|cause| self.failed(StoreError::Database { path, doing: "being read", cause }))?.is_none() {
            return Err(RestoreError::NotOurs(self.path.clone()));
        }
        let newest = database.ask_number(copy_sql::NEWEST, "being read").await.map_err(|cause| self.failed(cause))?;
        let loaded = database.load(now).await.map_err(|cause| self.failed(cause))?;
        // Made by the reading. What stands in the folder later is the old one.
        let _ = fs::remove_file(aside.join(installation::FILE));
        let holds = |pause: &Pause| pause.until.is_none_or(|until| until > now);
        Ok(Prepared {
            copy: self.path.clone(),
            state: state.to_owned(),
            aside: aside.to_owned(),
            installation: loaded.installation,
            other: None,
            newest: Timestamp::from_millisecond(newest).unwrap_or(Timestamp::UNIX_EPOCH),
            pauses: loaded.holding.pauses.into_iter().map(|(_, pause)| pause).filter(holds).collect(),
            open: loaded.open,
        })
    }

    /// What is wrong with the copy, said of the copy and not of its copy.
    fn failed(&self, cause: StoreError) -> RestoreError {
        let path = self.path.clone();
        if let StoreError::Newer { wrote, .. } = &cause {
            return RestoreError::Newer { path, schema: *wrote };
        }
        if cause.is_damage() { RestoreError::Damaged { path, cause } } else { cause.into() }
    }
}

async fn is_ours(path: &Path) -> bool {
    let Ok(mut connection) = wal::open(path, With::Nothing).await else { return false };
    let tables =
        sql::query(copy_sql::OUR_TABLES).fetch_one(&mut connection).await.and_then(|row| row.try_get::<i64, _>(0));
    let closed = connection.close().await;
    closed.is_ok() && tables.is_ok_and(|tables| tables == 4)
}

/// Whose a state folder is; none where nothing in it says so.
async fn id_of(state: &Path) -> Option<InstallationId> {
    if let Ok(InFile::Holds(id)) = installation::read(state) {
        return Some(id);
    }
    let mut connection = wal::open(&StateFolder::database_path(state), With::Nothing).await.ok()?;
    let row = sql::query(sql::INSTALLATION_GET).fetch_optional(&mut connection).await;
    let closed = connection.close().await;
    let text: String = row.ok()??.try_get(0).ok()?;
    closed.ok().and_then(|()| InstallationId::parse(&text))
}
