//! The socket's file: made at the start, taken away at the end, and never taken from a daemon that lives.
//!
//! A daemon that was killed leaves its file behind; a file at which nobody answers is replaced. Only the holder of the state
//! folder's lock comes here, so two daemons of one folder cannot take it from each other; one of another folder still
//! answers, and is left alone.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Owner and group may connect (S15).
const MODE: u32 = 0o660;

/// The folder that holds it, when it is missing: everybody may look, only the owner may add.
const FOLDER_MODE: u32 = 0o755;

/// Longest path that the kernel takes: 108 bytes with the end mark.
const LONGEST_PATH: usize = 107;

/// A socket that this process listens on.
#[derive(Debug)]
pub struct ControlSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A living daemon of another state folder.
    #[error("another daemon answers at the control socket `{}`; give this one its own with `--socket PATH`", .0.display())]
    Answered(PathBuf),
    /// A file of somebody else.
    #[error("`{}` is not a socket and is left as it is; choose another place with `--socket PATH`", .0.display())]
    Occupied(PathBuf),
    /// The kernel's limit.
    #[error("the path of the control socket `{}` is longer than the system's 107 bytes; choose a shorter one with `--socket PATH`", .0.display())]
    TooLong(PathBuf),
    /// The system refused.
    #[error("failed to make the control socket `{}`; choose another place with `--socket PATH`", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

impl ControlSocket {
    /// Listens at `path`. Call only while holding the state folder's lock.
    ///
    /// # Errors
    /// See [`SocketError`]; whatever lay at `path` is untouched then.
    pub async fn bind(path: &Path) -> Result<ControlSocket, SocketError> {
        let failed = |cause| SocketError::Io { path: path.to_owned(), cause };
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(SocketError::TooLong(path.to_owned()));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
        }
        remove_stale(path).await?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Until here the umask has kept everyone else out.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let inode = std::fs::symlink_metadata(path).map_err(failed)?.ino();
        Ok(ControlSocket { listener, path: path.to_owned(), inode })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Somebody may have put another one there.
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode);
        if ours && let Err(cause) = std::fs::remove_file(&self.path) {
            tracing::debug!("The control socket's file stays behind: {cause}");
        }
    }
}

async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |cause| SocketError::Io { path: path.to_owned(), cause };
    match std::fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failed(cause)),
        Ok(meta) if !meta.file_type().is_socket() => return Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(SocketError::Answered(path.to_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path).map_err(failed),
        Err(cause) => Err(failed(cause)),
    }
}
