//! Putting a copy in the place of the database.
//!
//! A copy that is put next to the log of a killed daemon by hand is damaged by it, one with another id in the file `installation` does
//! not know its own jobs, and one that passes for the present starts again what was started since. So one rename decides: the copy is
//! prepared whole in a folder of its own (`restore`), marked as older and as put back, and then it changes places with the
//! database. A kill before that leaves the old database with its log as it was; after it, the next daemon finishes what is
//! left, since the mark says that the log is another's (`wal`) and that the installation is the copy's (`open`).
//!
//! Nothing is removed: the old database, its log and its `installation` are in the folder that the copy came from.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::changes::{Deed, Doubt};
use super::claim_lock::StateFolder;
use super::commit::json;
use super::holding_rows::PauseRow;
use super::installation;
use super::open::Database;
use super::restore_error::RestoreError;
use super::rows::DeedRow;
use super::set_aside::{PARTS, damaged_databases, rename_parts};
use super::{copy_sql, holding_sql, sql};
use crate::durable::flush_folder;
use crate::run::{InstallationId, Pause, PauseId, PauseScope, Run};

/// The folder in which what was there before is kept; the stamp follows.
const ASIDE: &str = "replaced-";

/// Whether everything is paused from the restore on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// It goes on.
    Running,
    /// Nothing is started until `punctual resume --all`.
    Paused,
}

/// A copy that lies ready in the state folder, and what stands in it.
#[derive(Debug)]
pub struct Prepared {
    pub(super) copy: PathBuf,
    pub(super) state: PathBuf,
    pub(super) aside: PathBuf,
    /// Whose it is.
    pub installation: InstallationId,
    /// Whose the state folder is until now, if another's.
    pub other: Option<InstallationId>,
    /// Its newest entry.
    pub newest: Timestamp,
    /// The pauses that hold now.
    pub pauses: Vec<Pause>,
    /// Its open runs.
    pub open: Vec<Run>,
}

impl Prepared {
    /// Takes it away again.
    pub fn give_up(self) {
        remove(&self.aside);
    }

    /// Marks it as put back and as older than what happened since, and writes down who did it. From here on it only changes its place.
    ///
    /// # Errors
    /// See [`RestoreError`]; nothing is left of it then.
    pub async fn ready(
        self,
        folder: &StateFolder,
        actor: String,
        begins: Begins,
        now: Timestamp,
    ) -> Result<Ready, RestoreError> {
        let (aside, state) = (self.aside.clone(), self.state.clone());
        let sealed = self.seal(folder, actor, begins, now).await;
        let owned = sealed.and_then(|()| hand_over(&state, &aside).map_err(files(&aside, "set the owner of files")));
        if let Err(error) = owned {
            remove(&aside);
            return Err(error);
        }
        Ok(Ready { state, aside, installation: self.installation, other: self.other })
    }

    async fn seal(
        &self,
        folder: &StateFolder,
        actor: String,
        begins: Begins,
        now: Timestamp,
    ) -> Result<(), RestoreError> {
        let counted = folder.counter().read();
        let mut database = Database::open_in(&self.aside, folder.counter()).await?;
        let sealed = async {
            if begins == Begins::Paused {
                let id = PauseId(database.ask_number(holding_sql::LAST_PAUSE, "reading the last pause").await? + 1);
                let reason = Some("a copy was put back".to_owned());
                let pause = Pause { scope: PauseScope::All, reason, actor: actor.clone(), since: now, until: None };
                let rows = json(std::iter::once(PauseRow::from_pause(id, &pause)));
                database.run(sql::query(holding_sql::INSERT_PAUSE).bind(rows), "writing a pause").await?;
            }
            let subject = self.copy.display().to_string();
            let deed = Deed { at: now, actor, action: "restore", subject, detail: None };
            let rows = json(std::iter::once(DeedRow::from_deed(&deed)));
            database.run(sql::query(sql::INSERT_AUDIT).bind(rows), "writing who did it").await?;
            let commits = database.ask_number(sql::COUNT_COMMIT, "counting a write").await?.max(counted);
            // One that has forgotten more says so already.
            let query = sql::query(copy_sql::DOUBT_IF_NONE).bind(commits).bind(Doubt::Older.name());
            database.run(query, "writing that it is old").await?;
            database.run(sql::query(copy_sql::RESTORED_APPLICATION), "being marked as put back").await?;
            // What stayed in a log of its own would stay behind with that.
            database.run(sql::query(copy_sql::NO_LOG), "having its log folded back").await.map(|_| ())
        };
        let sealed = sealed.await;
        let closed = database.close().await;
        sealed?;
        closed?;
        let keep = self.aside.join(installation::FILE);
        match fs::copy(self.state.join(installation::FILE), &keep) {
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(files(&self.state, "copy `installation`")(cause)),
        }
        let flushed = fs::File::open(StateFolder::database_path(&self.aside)).and_then(|file| file.sync_all());
        flushed.and_then(|()| flush_folder(&self.aside)).map_err(files(&self.aside, "write a file"))
    }
}

/// One step of putting a copy in its place. After each of them a daemon can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The copy and the database change places: this decides.
    Database,
    /// The old one's log follows it.
    Log,
    /// And the index of that.
    Index,
    /// The folder is of the copy's installation.
    Installation,
    /// Databases that were damaged and set aside are no trouble any more.
    Damaged,
}

impl Step {
    /// In their order.
    pub const ALL: [Step; 5] = [Step::Database, Step::Log, Step::Index, Step::Installation, Step::Damaged];
}

/// A copy that only has to change its place.
#[derive(Debug)]
pub struct Ready {
    state: PathBuf,
    aside: PathBuf,
    installation: InstallationId,
    /// Whose the state folder was, if another's.
    pub other: Option<InstallationId>,
}

impl Ready {
    /// Where the database that was there is kept.
    pub fn replaced(&self) -> PathBuf {
        StateFolder::database_path(&self.aside)
    }

    /// The folder with all that was there.
    pub fn aside(&self) -> &Path {
        &self.aside
    }

    fn move_damaged(&self) -> io::Result<()> {
        for damaged in damaged_databases(&self.state) {
            let Some(name) = damaged.file_name() else { continue };
            rename_parts(&damaged, &self.aside.join(name), &PARTS)?;
        }
        Ok(())
    }

    /// Does one step: each once, in their order.
    ///
    /// # Errors
    /// What the system said. Before [`Step::Database`] has been done nothing was changed.
    pub fn perform(&self, step: Step) -> Result<(), RestoreError> {
        let (new, old) = (StateFolder::database_path(&self.aside), StateFolder::database_path(&self.state));
        let done = match step {
            Step::Database if old.exists() => change_places(&new, &old),
            Step::Database => fs::rename(&new, &old),
            Step::Log => rename_parts(&old, &new, &["-wal"]),
            Step::Index => rename_parts(&old, &new, &["-shm"]),
            Step::Damaged => self.move_damaged(),
            Step::Installation => installation::write(&self.state, self.installation)
                .and_then(|()| hand_over_file(&self.state, &self.state.join(installation::FILE))),
        };
        let durable = done.and_then(|()| flush_folder(&self.aside)).and_then(|()| flush_folder(&self.state));
        durable.map_err(files(&self.state, "put the copy in its place"))
    }
}

/// Both names are there at every moment. On the file systems that cannot do that at once the old one gets a second name first.
fn change_places(new: &Path, old: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let kept = new.with_extension("old");
            fs::hard_link(old, &kept)?;
            fs::rename(new, old)?;
            fs::rename(&kept, new)
        }
        done => Ok(done?),
    }
}

/// Root puts back what the service's own user must be able to write.
fn hand_over(state: &Path, aside: &Path) -> io::Result<()> {
    for entry in fs::read_dir(aside)? {
        hand_over_file(state, &entry?.path())?;
    }
    hand_over_file(state, aside)?;
    hand_over_file(state, &state.join("lock"))
}

fn hand_over_file(state: &Path, file: &Path) -> io::Result<()> {
    let (owner, meta) = (fs::metadata(state)?, fs::metadata(file)?);
    if (owner.uid(), owner.gid()) == (meta.uid(), meta.gid()) || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()))
}

/// A folder that is not there yet, for its owner alone.
pub(super) fn make_aside(state: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut name = state.join(format!("{ASIDE}{stamp}"));
    let mut count = 2;
    loop {
        match DirBuilder::new().mode(0o700).create(&name) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                name = state.join(format!("{ASIDE}{stamp}-{count}"));
                count += 1;
            }
            made => return made.map(|()| name),
        }
    }
}

/// Takes a prepared copy away: only what was made for it.
pub(super) fn remove(aside: &Path) {
    for name in ["punctual.db", "punctual.db-wal", "punctual.db-shm", "punctual.db-journal", installation::FILE] {
        let _ = fs::remove_file(aside.join(name));
    }
    let _ = fs::remove_dir(aside);
}

pub(super) fn files(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |cause| RestoreError::Files { path, doing, cause }
}
