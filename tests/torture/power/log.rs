//! Reads the log of `recorder.c`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

/// `enum kind` and `struct record` of `recorder.c`.
const MAGIC: u32 = 0x5057_5231;
const HEAD: usize = 40;
const MADE: u32 = 1;
const FOLDER: u32 = 2;
const EMPTIED: u32 = 4;

/// Names a file as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Inode(pub(crate) u64);

/// What a flush is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    Content(Inode),
    /// The names in a folder.
    Names(PathBuf),
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Opened {
        file: Inode,
        path: PathBuf,
        how: Opened,
    },
    Written {
        file: Inode,
        at: u64,
        data: Arc<[u8]>,
    },
    Cut {
        file: Inode,
        length: u64,
    },
    FlushBegun {
        number: u64,
        of: Flush,
    },
    Flushed {
        number: u64,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Unlinked {
        path: PathBuf,
    },
    FolderMade {
        path: PathBuf,
    },
    Sent(Arc<[u8]>),
    Received(Arc<[u8]>),
    /// A call that was made to fail.
    Failed {
        number: u64,
        call: String,
        path: PathBuf,
        at: Timestamp,
    },
    /// What the model of the disk does not know.
    Unknown {
        call: String,
        path: PathBuf,
    },
}

/// What opening did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Made,
    Emptied,
    AsItWas,
    Folder,
}

impl Entry {
    /// Whether it is a call that can be made to fail.
    pub(crate) fn can_fail(&self) -> bool {
        match self {
            Entry::Opened { .. }
            | Entry::Written { .. }
            | Entry::Cut { .. }
            | Entry::FlushBegun { .. }
            | Entry::Renamed { .. }
            | Entry::Unlinked { .. }
            | Entry::FolderMade { .. }
            | Entry::Failed { .. } => true,
            Entry::Flushed { .. } | Entry::Sent(_) | Entry::Received(_) | Entry::Unknown { .. } => false,
        }
    }
}

/// All records of one life. Of one that was killed, the last may be cut short.
pub(crate) fn read(path: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut entries = Vec::new();
    let mut rest = &bytes[..];
    while let Some((entry, length)) = one(rest) {
        entries.push(entry);
        rest = &rest[length..];
    }
    assert!(
        !entries.is_empty(),
        "the recorder wrote nothing: the binary under test is not linked against glibc, or starts without LD_PRELOAD"
    );
    entries
}

fn one(bytes: &[u8]) -> Option<(Entry, usize)> {
    let head = bytes.get(..HEAD)?;
    let small = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let large = |at: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&head[at..at + 8]);
        u64::from_ne_bytes(eight)
    };
    assert_eq!(small(0), MAGIC, "the log of the recorder is not what it should be");
    let (kind, file, at, flags) = (small(4), Inode(large(8)), large(16), small(24));
    let (path, other, data) = (small(28) as usize, small(32) as usize, small(36) as usize);
    let length = HEAD + path + other + data;
    let body = bytes.get(HEAD..length)?;
    let text = |from: usize, length: usize| String::from_utf8_lossy(&body[from..from + length]).into_owned();
    let data: Arc<[u8]> = body[path + other..].into();
    let other = text(path, other);
    let path = PathBuf::from(text(0, path));
    let entry = match kind {
        1 => {
            let how = match flags {
                flags if flags & FOLDER != 0 => Opened::Folder,
                flags if flags & MADE != 0 => Opened::Made,
                flags if flags & EMPTIED != 0 => Opened::Emptied,
                _ => Opened::AsItWas,
            };
            Entry::Opened { file, path, how }
        }
        2 => Entry::Written { file, at, data },
        3 => Entry::Cut { file, length: at },
        4 if flags & FOLDER != 0 => Entry::FlushBegun { number: at, of: Flush::Names(path) },
        4 => Entry::FlushBegun { number: at, of: Flush::Content(file) },
        5 => Entry::Flushed { number: at },
        6 => Entry::Renamed { from: path, to: PathBuf::from(other) },
        7 => Entry::Unlinked { path },
        8 => Entry::FolderMade { path },
        9 => Entry::Sent(data),
        10 => Entry::Received(data),
        11 => {
            let milliseconds = i64::try_from(file.0).expect("an instant");
            Entry::Failed {
                number: at,
                call: other,
                path,
                at: Timestamp::from_millisecond(milliseconds).expect("an instant"),
            }
        }
        12 => Entry::Unknown { call: other, path },
        other => panic!("the recorder wrote a record of kind {other}"),
    };
    Some((entry, length))
}
