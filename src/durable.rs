//! Folders whose names survive a power loss.
//!
//! To flush a file, or the folder that it is in, says nothing about the name of that folder: a power loss that takes the name back
//! takes every claim and every login with it. `auth` and `store` both make folders and do not know each other, so it stands
//! below them.
//!
//! Absent: files (`auth::private_file`, SQLite), and who may see a folder (`auth::private_file`).

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

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
        let above = made.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above)?.sync_all()?;
    }
    Ok(())
}
