//! What is on a disk, in memory: to be written out, or compared with what is there.
//!
//! Absent: the -shm of SQLite, which is memory that only looks like a file. After a power loss the first to open the database
//! makes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is on a disk: paths below the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) folders: BTreeSet<PathBuf>,
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
}

fn is_memory(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-shm")
}

impl Image {
    /// What is in a folder now, as far as the daemon made it: the folder `state` and all below it.
    pub(crate) fn of(base: &Path) -> Image {
        let mut image = Image { folders: BTreeSet::from([PathBuf::from("state")]), files: BTreeMap::new() };
        let mut folders = vec![base.join("state")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
                let path = entry.path();
                let below = path.strip_prefix(base).expect("a path below the base").to_owned();
                let kind = entry.file_type().expect("a kind");
                if kind.is_dir() {
                    image.folders.insert(below);
                    folders.push(path);
                } else if kind.is_file() {
                    image.files.insert(below, std::fs::read(&path).expect("a file"));
                }
            }
        }
        image.without_memory()
    }

    /// Without what is memory and not a file.
    #[must_use]
    pub(crate) fn without_memory(mut self) -> Image {
        self.files.retain(|path, _| !is_memory(path));
        self
    }

    /// Writes it below `base`, for its owner only.
    pub(crate) fn write(&self, base: &Path) {
        for folder in &self.folders {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(base.join(folder)).expect("a folder is made");
        }
        for (path, text) in self.files.iter().filter(|(path, _)| !is_memory(path)) {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.create_new(true).write(true).mode(0o600).open(base.join(path)).expect("a new file");
            std::io::Write::write_all(&mut file, text).expect("the file is written");
        }
    }
}
