//! Whether schedule files have changed, seen from outside: size, time and identity of each file.
//!
//! A look every second instead of notices from the kernel: it sees every way in which files change (an editor that renames, a
//! mounted folder, a link that is turned to another version), on every file system, and costs a `stat` a file. Files are read
//! only once they have been still for two seconds, since half a file is often valid (semantics.md 27).
//!
//! Absent: what is in the files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use super::load::list_files;

/// Files must have been as they are for this long.
const STILL: Duration = Duration::from_secs(2);

/// What the files look like from outside. Also which files there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStamps(Vec<(PathBuf, Option<Stamp>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Looks at all files of the paths. A path that cannot be looked at is a stamp too: once it can be, something has changed.
pub fn look_at_files(paths: &[PathBuf]) -> FileStamps {
    let found = list_files(paths).into_iter().map(|found| match found {
        Ok(path) => {
            let stamp = fs::metadata(&path).ok().map(|meta| Stamp {
                device: meta.dev(),
                inode: meta.ino(),
                size: meta.size(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            });
            (path, stamp)
        }
        Err(trouble) => (trouble.file, None),
    });
    FileStamps(found.collect())
}

/// Waits for something to be still after it has changed. Times are boot time.
#[derive(Clone, Debug)]
pub struct Stillness<T> {
    taken: T,
    seen: T,
    since: Duration,
}

/// What one look shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As it was when it was last taken.
    Same,
    /// Other, and perhaps still changing.
    Moving,
    /// Other, and still: to be taken now. Said once for each change.
    Still,
}

impl<T: PartialEq> Stillness<T> {
    /// Begins with what is taken now.
    pub fn new(taken: T, now: Duration) -> Stillness<T>
    where
        T: Clone,
    {
        Stillness { seen: taken.clone(), taken, since: now }
    }

    /// Takes in a look that was made between these two instants. Only what lies surely between two looks counts: a disk may
    /// hang while it is looked at, and a busy machine may come back to the look late.
    pub fn look(&mut self, seen: T, began: Duration, ended: Duration) -> Look
    where
        T: Clone,
    {
        if seen != self.seen {
            self.seen = seen;
            self.since = ended;
        }
        if self.seen == self.taken {
            return Look::Same;
        }
        if began.saturating_sub(self.since) < STILL {
            return Look::Moving;
        }
        self.taken = self.seen.clone();
        Look::Still
    }

    /// It was taken for another reason.
    pub fn taken(&mut self, taken: T, now: Duration)
    where
        T: Clone,
    {
        *self = Stillness::new(taken, now);
    }
}
