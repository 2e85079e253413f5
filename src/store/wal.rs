//! Whether the write-ahead log next to a database is the log of that database.
//!
//! SQLite applies any log that has the right name, and nothing in the two files says that they belong together (SQLite's "How To
//! Corrupt An SQLite Database File" has it among the ways to do so). A copy that is put back after a kill meets such a log: its pages
//! go into the copy, and what comes out is damaged, or worse, passes for sound. So before a database is opened for writing, the log
//! is asked for what only its own database fits:
//!
//! - a database that has never had a log, or one of our copies that was not opened by a daemon since, has none;
//! - the database counts its commits, and so does the log: one that leaves a gap after the database, or ends before it, is another's;
//! - together they must not be damaged where the database alone is sound.
//!
//! Everything here only reads. Absent: a log whose every page fits by chance is taken for the database's own, which is what it is then.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::sql;

/// What the header of a copy says (`application_id`), until a daemon has opened it as its database.
pub(super) const COPY: u32 = 0x7031_6370;

/// The same of a copy that `restore` has put back: its installation is the folder's from then on.
pub(super) const RESTORED: u32 = 0x7031_7273;

/// Where the header of a database says which versions may read and write it; 2 is a database with a log.
const VERSIONS_AT: u64 = 18;
const WITHOUT_LOG: [u8; 2] = [1, 1];

/// Where the header of a database has its `application_id`.
const APPLICATION_AT: u64 = 68;

/// The two kinds of checksums that a log may have.
const MAGIC: [u32; 2] = [0x377F_0682, 0x377F_0683];

const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// Whose a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// There is none, or nothing shows that it is another's.
    Own,
    /// Another database's; why.
    Foreign(String),
}

/// Looks at a database that nobody has open. Never at one that this process has open: to close a file lets go of all locks that the
/// process has on it (fcntl(2)), SQLite's too, and another process would then fold back and remove a log that is in use.
pub(super) async fn look(path: &Path) -> Log {
    let commits = match commits_in(&log_of(path)) {
        Ok(0) => return Log::Own,
        Ok(commits) => commits,
        Err(cause) => {
            // Opening the database will say more.
            tracing::debug!("The write-ahead log cannot be looked at: {cause}");
            return Log::Own;
        }
    };
    let Ok(header) = header(path) else { return Log::Own };
    if header.versions == WITHOUT_LOG {
        return Log::Foreign("the database has never had one".to_owned());
    }
    if [COPY, RESTORED].contains(&header.application) {
        return Log::Foreign("the database is a copy".to_owned());
    }
    let both = read(path, With::Log).await;
    if both.sound == Some(true) {
        let alone = read(path, With::Nothing).await;
        return match gap(&alone, &both, commits) {
            Some(why) => Log::Foreign(why),
            None => Log::Own,
        };
    }
    let alone = read_and_check(path, With::Nothing).await;
    match (both.sound, alone.sound) {
        (Some(false), Some(true)) => {
            Log::Foreign("with it the database would be damaged, and without it it is sound".to_owned())
        }
        (_, _) => Log::Own,
    }
}

/// The log of a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Marks a copy that nobody has open, and that has no log. The header of a database has a place for it that SQLite itself leaves alone.
pub(super) fn mark_as_copy(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.write_all_at(&COPY.to_be_bytes(), APPLICATION_AT)
}

/// Why the counts do not fit together; none when they do, or when there are none.
fn gap(alone: &Seen, both: &Seen, in_log: i64) -> Option<String> {
    let ((alone, alone_doubt), (both, both_doubt)) = (alone.counted.as_ref()?, both.counted.as_ref()?);
    if both < alone {
        return Some(format!("it ends {} commits before the database does", alone - both));
    }
    let more = both - alone;
    // When a daemon finds that its database is old, the count jumps to that of the folder.
    if more > in_log && alone_doubt == both_doubt {
        return Some(format!("{} commits are missing between the database and it", more - in_log));
    }
    None
}

/// What a connection that cannot write sees.
#[derive(Debug, Default)]
struct Seen {
    /// The count of commits, and whether the database is in doubt.
    counted: Option<(i64, Option<String>)>,
    /// None: that could not be found out, or was not asked.
    sound: Option<bool>,
}

/// What of a database is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// Its log too.
    Log,
    /// The file alone, also where nothing may be written next to it.
    Nothing,
}

async fn read(path: &Path, with: With) -> Seen {
    match with {
        With::Log => read_and_check(path, with).await,
        With::Nothing => match open(path, with).await {
            Ok(mut connection) => {
                let counted = counted(&mut connection).await;
                close(connection).await;
                Seen { counted, sound: None }
            }
            Err(_) => Seen::default(),
        },
    }
}

async fn read_and_check(path: &Path, with: With) -> Seen {
    let mut connection = match open(path, with).await {
        Ok(connection) => connection,
        Err(cause) => return Seen { counted: None, sound: damage(&cause).then_some(false) },
    };
    let checked = sql::query(sql::QUICK_CHECK).fetch_one(&mut connection).await;
    let sound = match checked.and_then(|row| row.try_get::<String, _>(0)) {
        Ok(said) => Some(said == "ok"),
        Err(cause) => damage(&cause).then_some(false),
    };
    let counted = counted(&mut connection).await;
    close(connection).await;
    Seen { counted, sound }
}

async fn counted(connection: &mut SqliteConnection) -> Option<(i64, Option<String>)> {
    let row = sql::query(sql::INSTALLATION_GET).fetch_optional(connection).await.ok()??;
    Some((row.try_get(1).ok()?, row.try_get(2).ok()?))
}

/// Opens a database without being able to change it: what stands in its log stays there.
pub(super) async fn open(path: &Path, with: With) -> Result<SqliteConnection, sqlx::Error> {
    // Read-only, so that closing it does not write the log into the database. `immutable` leaves the log out.
    let options = SqliteConnectOptions::new().filename(path).read_only(true).pragma("cell_size_check", "on");
    options.immutable(with == With::Nothing).connect().await
}

async fn close(connection: SqliteConnection) {
    if let Err(cause) = connection.close().await {
        tracing::debug!("The database was looked at, and did not close cleanly: {cause}");
    }
}

fn damage(cause: &sqlx::Error) -> bool {
    super::trouble::is_damaged_file(cause)
}

struct Header {
    versions: [u8; 2],
    application: u32,
}

fn header(path: &Path) -> io::Result<Header> {
    let file = File::open(path)?;
    let (mut versions, mut application) = ([0; 2], [0; 4]);
    file.read_exact_at(&mut versions, VERSIONS_AT)?;
    file.read_exact_at(&mut application, APPLICATION_AT)?;
    Ok(Header { versions, application: u32::from_be_bytes(application) })
}

/// How many commits a log holds, at most: 0 where there is no log, or an empty one.
pub(super) fn commits_in(log: &Path) -> io::Result<i64> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(cause) => return Err(cause),
    };
    let length = file.metadata()?.len();
    if length < LOG_HEADER + FRAME_HEADER {
        return Ok(0);
    }
    let word = |at: u64| -> io::Result<u32> {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, at)?;
        Ok(u32::from_be_bytes(bytes))
    };
    if !MAGIC.contains(&word(0)?) {
        return Ok(0);
    }
    let (page, salts) = (u64::from(word(8)?), (word(16)?, word(20)?));
    let mut commits = 0;
    let mut at = LOG_HEADER;
    while at + FRAME_HEADER + page <= length {
        // What lies there from an earlier round of the log has other salts.
        if (word(at + 8)?, word(at + 12)?) != salts {
            break;
        }
        // The size of the database after a commit; 0 in all other frames.
        if word(at + 4)? != 0 {
            commits += 1;
        }
        at += FRAME_HEADER + page;
    }
    Ok(commits)
}
