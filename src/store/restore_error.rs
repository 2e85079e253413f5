//! Why a copy was not put back: one sentence each, and none that leaves a person in doubt about the database that is there.

use std::io;
use std::path::PathBuf;

use super::copying::CopyError;
use super::trouble::StoreError;
use crate::run::InstallationId;

/// Why a copy was not put back. The database that was there is untouched.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no such file, or it cannot be read.
    #[error("failed to read the copy `{}`", path.display())]
    Unreadable {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// It is another kind of file.
    #[error("`{}` is no database", .0.display())]
    NoDatabase(PathBuf),
    /// It is a database of some other program, or of a daemon that never began.
    #[error("`{}` is no database of punctual, or an empty one", .0.display())]
    NotOurs(PathBuf),
    /// It is what it would replace.
    #[error("`{}` is the database of this state folder itself", .0.display())]
    Itself(PathBuf),
    /// It is damaged.
    #[error("the copy `{}` is damaged", path.display())]
    Damaged {
        /// The copy.
        path: PathBuf,
        /// What was found.
        #[source]
        cause: StoreError,
    },
    /// A newer version wrote it.
    #[error("the copy `{}` was written by a newer version of punctual (schema {schema})", path.display())]
    Newer {
        /// The copy.
        path: PathBuf,
        /// Its schema.
        schema: i64,
    },
    /// It belongs to another installation.
    #[error("the copy `{}` is of installation {copy}, and this state folder is of {folder}", path.display())]
    OtherInstallation {
        /// The copy.
        path: PathBuf,
        /// Its id.
        copy: InstallationId,
        /// The folder's.
        folder: InstallationId,
    },
    /// It could not be copied into the state folder.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The prepared copy could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the state folder.
    #[error("failed to {doing} in `{}`", path.display())]
    Files {
        /// The folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}
