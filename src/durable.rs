//! Files and folders that survive a power loss, and the file systems on which none of that can be relied on.
//!
//! To flush a file, or the folder that it is in, says nothing about the name of that folder: a power loss that takes the name back
//! takes every claim and every login with it. And a file that is written in place is half of each after a crash, so a new one
//! is written next to it, flushed, renamed, and the folder flushed (T9). `auth` and `store` both do this and do not know each
//! other, so it is below them.
//!
//! Absent: what is in the files, who may see them after they were made, and SQLite's own.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Makes a folder for its owner alone, and what is missing above it; all names are on the disk when it returns. One that is there
/// stays as it is.
///
/// # Errors
/// What making a folder, or flushing the one above it, came to.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for made in missing {
        flush_folder(above(made))?;
    }
    Ok(())
}

/// Where a file's next content is prepared: next to it, so that a rename puts it in place.
pub fn prepared_at(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Gives a file new content, for its owner alone: when this returns, a power cut leaves the new content. After an error the old
/// content is intact, or the new one is in place and may not outlive a power cut.
///
/// # Errors
/// What writing, renaming or flushing came to.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    prepare(path, bytes)?;
    put_in_place(&prepared_at(path), path)
}

/// Writes what [`put_in_place`] will put there, next to `path`, and flushes it. Anew from the first byte on: a file that is there
/// is removed first and no link is followed, so nobody else has it open.
///
/// # Errors
/// What removing, making or flushing came to.
pub fn prepare(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let prepared = prepared_at(path);
    remove(&prepared)?;
    let mut file = private().create_new(true).open(&prepared)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts a complete file in the place of another one of the same folder, and flushes both the file and the folder.
///
/// # Errors
/// What renaming or flushing came to.
pub fn put_in_place(prepared: &Path, path: &Path) -> io::Result<()> {
    rename_flushed(prepared, path)?;
    flush_folder(above(path))
}

/// The same without the folder: a power cut may bring the old file back, never half of one.
///
/// # Errors
/// What flushing the file or renaming it came to.
pub fn rename_flushed(prepared: &Path, path: &Path) -> io::Result<()> {
    File::open(prepared)?.sync_all()?;
    std::fs::rename(prepared, path)
}

/// Flushes the names in a folder.
///
/// # Errors
/// What opening or flushing it came to.
pub fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a file if it is there; says whether it was.
///
/// # Errors
/// What removing it came to, but for that it is not there.
pub fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// For files that are made: nobody else's from the first moment on, and never through a link.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    options.write(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    options
}

fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What a folder is on where a lock, or a flush, may not hold between machines or after a crash of the server; none on a local
/// disk.
///
/// # Errors
/// The system does not tell.
pub fn network_file_system(folder: &Path) -> io::Result<Option<&'static str>> {
    Ok(network_file_system_of(wide(rustix::fs::statfs(folder)?.f_type)))
}

/// The type of `f_type` differs between machines.
fn wide(f_type: impl Into<i64>) -> i64 {
    f_type.into()
}

/// The same of the number by which Linux names a file system (statfs(2), `linux/magic.h`).
#[doc(hidden)]
pub fn network_file_system_of(f_type: i64) -> Option<&'static str> {
    match f_type & 0xFFFF_FFFF {
        0x6969 => Some("NFS"),
        0xFF53_4D42 => Some("CIFS"),
        0xFE53_4D42 => Some("SMB"),
        0x517B => Some("SMB"),
        0x5346_414F => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        0x7375_7245 => Some("Coda"),
        // 9p carries a folder of another machine, or of the host into a virtual one, and its locks stay within this machine.
        0x0102_1997 => Some("9p"),
        // FUSE carries sshfs and object stores, whose locks nobody else sees, and cannot be told from local ones by this number.
        0x6573_5546 => Some("FUSE"),
        _ => None,
    }
}
