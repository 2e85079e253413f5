//! Copies that people make and put back: checked, whole, and at every step of putting one back a daemon can begin.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use punctual::run::{InstallationId, Run};
use punctual::store::{
    Begins, Changes, Copy, CopyError, Database, Doubt, LoadedState, RestoreError, StateFolder, Step, Store, Whose,
    copy_to, damaged_databases,
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::{begin, cloud, execute, now, number, open, plain};

async fn claim(store: &Store, numbers: std::ops::Range<u128>) {
    for number in numbers {
        let inserted: Vec<Run> = vec![plain(number)];
        store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    }
}

/// A copy of a database with 19 open runs.
async fn a_copy() -> (TempDir, PathBuf, InstallationId) {
    let kept = open().await;
    claim(&kept.store, 1..20).await;
    let folder = tempfile::tempdir().unwrap();
    // Also what stands in the log alone is in it, and the daemon that has it open is not disturbed.
    let copy = copy_to(kept.dir.path(), folder.path(), now()).await.unwrap();
    let installation = kept.loaded().await.installation;
    kept.store.close().await.unwrap();
    (folder, copy, installation)
}

/// A state folder as a kill leaves it: a database with 39 open runs, half of them in its log.
async fn killed(installation: InstallationId) -> TempDir {
    let kept = open().await;
    claim(&kept.store, 101..120).await;
    kept.store.checkpoint().await.unwrap();
    claim(&kept.store, 120..140).await;
    let dir = tempfile::tempdir().unwrap();
    for name in ["punctual.db", "punctual.db-wal", "punctual.db-shm", "lock"] {
        fs::copy(kept.dir.path().join(name), dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("installation"), format!("{installation}\n")).unwrap();
    dir
}

/// What a daemon that is started here finds.
async fn found(folder: &Path) -> LoadedState {
    let held = StateFolder::take(folder).unwrap();
    let (database, state) = Database::open_and_load(&held, now()).await.unwrap();
    Store::start(database, &TaskTracker::new()).close().await.unwrap();
    state
}

fn kept_aside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("replaced-")).collect()
}

/// Puts a copy back as far as the first steps; gives where the old one is then.
async fn restored(folder: &Path, copy: &Path, whose: Whose, steps: usize) -> Result<PathBuf, RestoreError> {
    let copy = Copy::look(copy).await?;
    let held = StateFolder::take(folder).unwrap();
    let prepared = copy.prepare(&held, whose, now()).await?;
    let ready = prepared.ready(&held, "alice".to_owned(), Begins::Running, now()).await?;
    for step in Step::ALL.into_iter().take(steps) {
        ready.perform(step)?;
    }
    Ok(ready.replaced())
}

#[tokio::test]
async fn a_copy_is_checked_has_the_installations_id_and_is_for_its_owner_alone() {
    let kept = open().await;
    claim(&kept.store, 1..4).await;
    // The folder goes on under the id of its file, whatever the row says.
    fs::write(kept.dir.path().join("installation"), "0badcafe\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = copy_to(kept.dir.path(), folder.path(), now()).await.unwrap();
    assert_eq!(copy, folder.path().join("punctual-20261123T120000Z.db"));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    let other = copy_to(kept.dir.path(), &folder.path().join("mine"), now()).await.unwrap();
    assert_eq!(fs::read(&other).unwrap(), fs::read(&copy).unwrap());

    // Two in one second: the second has a number after its time, and sorts behind.
    let second = copy_to(kept.dir.path(), folder.path(), now()).await.unwrap();
    assert_eq!(second.file_name().unwrap(), "punctual-20261123T120000Z-2.db");
    let again = copy_to(kept.dir.path(), &other, now()).await;
    assert!(matches!(again, Err(CopyError::Exists(_))), "{again:?}");
    let empty = tempfile::tempdir().unwrap();
    restored(empty.path(), &copy, Whose::Own, Step::ALL.len()).await.unwrap();
    assert_eq!(found(empty.path()).await.installation, InstallationId(0x0bad_cafe));
    claim(&kept.store, 4..6).await;
    assert_eq!(kept.loaded().await.open.len(), 5, "the daemon goes on");
}

#[tokio::test]
async fn a_copy_of_what_a_kill_left_has_all_of_it_and_changes_none_of_it() {
    let (_folder, _, installation) = a_copy().await;
    let dir = killed(installation).await;
    let parts = ["punctual.db", "punctual.db-wal"];
    let before = parts.map(|part| fs::read(dir.path().join(part)).unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = copy_to(dir.path(), elsewhere.path(), now()).await.unwrap();
    assert_eq!(parts.map(|part| fs::read(dir.path().join(part)).unwrap()), before);
    let empty = tempfile::tempdir().unwrap();
    restored(empty.path(), &copy, Whose::Own, Step::ALL.len()).await.unwrap();
    assert_eq!(found(empty.path()).await.open.len(), 39);

    // The log of another database is not mixed into a copy.
    let (_folder, foreign, _) = a_copy().await;
    fs::copy(&foreign, dir.path().join("punctual.db")).unwrap();
    let mixed = copy_to(dir.path(), &elsewhere.path().join("mixed"), now()).await;
    assert!(matches!(mixed, Err(CopyError::Foreign { .. })), "{mixed:?}");
    assert!(!elsewhere.path().join("mixed").exists());
}

#[tokio::test]
async fn killed_after_any_step_the_old_or_the_new_database_is_whole_and_nothing_is_lost() {
    let (_copies, copy, installation) = a_copy().await;
    for steps in 0..=Step::ALL.len() {
        for whose in [Whose::Own, Whose::Any] {
            let dir = killed(if whose == Whose::Own { installation } else { InstallationId(7) }).await;
            let old = fs::read(dir.path().join("punctual.db")).unwrap();
            let log = fs::read(dir.path().join("punctual.db-wal")).unwrap();
            let replaced = restored(dir.path(), &copy, whose, steps).await.unwrap();
            let state = found(dir.path()).await;
            if steps == 0 {
                assert_eq!((state.open.len(), state.doubt), (39, None), "the old one, with its log");
                continue;
            }
            assert_eq!((state.open.len(), state.doubt), (19, Some(Doubt::Older)), "after {steps} steps");
            assert_eq!(state.installation, installation, "after {steps} steps");
            assert!(
                fs::read_to_string(dir.path().join("installation")).unwrap().starts_with(&installation.to_string())
            );
            assert_eq!(fs::read(&replaced).unwrap(), old);
            let logs = [replaced.with_extension("db-wal"), dir.path().join("punctual.db.foreign-20261123T120000Z-wal")];
            let logs: Vec<_> = logs.into_iter().filter_map(|log| fs::read(log).ok()).collect();
            assert_eq!(logs, [log], "after {steps} steps");
            // From here on it is a database like any other.
            assert_eq!(found(dir.path()).await.open.len(), 19);
        }
    }
}

#[tokio::test]
async fn what_was_set_aside_can_be_put_back_with_its_log() {
    let (_copies, copy, installation) = a_copy().await;
    let dir = killed(installation).await;
    fs::write(dir.path().join("punctual.db.corrupt-20261101T000000Z"), "a disk that has lost its mind").unwrap();
    let replaced = restored(dir.path(), &copy, Whose::Own, Step::ALL.len()).await.unwrap();
    assert_eq!(found(dir.path()).await.open.len(), 19);
    assert_eq!(damaged_databases(dir.path()), [""; 0].map(PathBuf::from), "what was damaged asks for nobody any more");
    assert!(replaced.with_extension("db.corrupt-20261101T000000Z").exists());
    restored(dir.path(), &replaced, Whose::Own, Step::ALL.len()).await.unwrap();
    assert_eq!(found(dir.path()).await.open.len(), 39);
    assert_eq!(kept_aside(dir.path()).len(), 2);
    assert!(replaced.exists(), "what was put back is still there");
}

#[tokio::test]
async fn what_stands_in_a_copy_is_read_before_anything_is_changed_and_a_pause_can_begin_with_it() {
    let (_copies, copy, installation) = a_copy().await;
    let dir = killed(installation).await;
    let held = StateFolder::take(dir.path()).unwrap();
    let before = fs::read(dir.path().join("punctual.db")).unwrap();
    let prepared = Copy::look(&copy).await.unwrap().prepare(&held, Whose::Own, now()).await.unwrap();
    assert_eq!((prepared.installation, prepared.open.len(), prepared.pauses.len()), (installation, 19, 0));
    assert_eq!(prepared.newest, now(), "its installation was made then, and nothing since");
    prepared.give_up();
    assert_eq!(kept_aside(dir.path()), [""; 0].map(PathBuf::from), "nothing is left of what was not wanted");
    assert_eq!(fs::read(dir.path().join("punctual.db")).unwrap(), before);

    let prepared = Copy::look(&copy).await.unwrap().prepare(&held, Whose::Own, now()).await.unwrap();
    let ready = prepared.ready(&held, "alice".to_owned(), Begins::Paused, now()).await.unwrap();
    for step in Step::ALL {
        ready.perform(step).unwrap();
    }
    drop(held);
    let state = found(dir.path()).await;
    let [(_, pause)] = state.holding.pauses.as_slice() else { panic!("{:?}", state.holding.pauses) };
    assert_eq!((pause.actor.as_str(), pause.since), ("alice", now()));
    assert!(pause.scope.holds(&plain(1).schedule, &cloud()));
}

#[tokio::test]
async fn what_is_no_sound_copy_of_this_installation_is_refused_and_nothing_is_changed() {
    let (copies, copy, installation) = a_copy().await;
    let dir = killed(installation).await;
    let before = fs::read(dir.path().join("punctual.db")).unwrap();
    let path = |name: &str| copies.path().join(name);
    let sql = async |name: &str, statement: &'static str| {
        let _ = fs::copy(&copy, path(name));
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path(name));
        let mut raw = sqlx::ConnectOptions::connect(&options).await.unwrap();
        execute(&mut raw, statement).await.unwrap();
        sqlx::Connection::close(raw).await.unwrap();
    };
    fs::write(path("text"), "schedules:\n").unwrap();
    fs::write(path("empty"), "").unwrap();
    let mut torn = fs::read(&copy).unwrap();
    torn[4096..20_000].fill(0xA5);
    fs::write(path("torn"), torn).unwrap();
    sql("bent", "update run set fire_at = fire_at + 1 where id = (select min(id) from run)").await;
    sql("newer", "insert into _sqlx_migrations values (99, 'later', 0, true, x'00', 0)").await;
    sql("unused", "delete from installation").await;
    sql("other", "update installation set id = '0000beef'").await;
    fs::write(path("music"), "").unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path("songs")).create_if_missing(true);
    let mut raw = sqlx::ConnectOptions::connect(&options).await.unwrap();
    execute(&mut raw, "create table song (title text)").await.unwrap();
    sqlx::Connection::close(raw).await.unwrap();
    // Larger than any disk that this runs on: only its length says so.
    fs::copy(&copy, path("huge")).unwrap();
    let free = rustix::fs::statvfs(dir.path()).unwrap();
    let file = fs::File::options().write(true).open(path("huge")).unwrap();
    file.set_len(free.f_bavail * free.f_frsize + (1 << 20)).unwrap();

    let own = dir.path().join("punctual.db");
    for (file, said) in [
        (path("nothing"), "failed to read the copy `nothing`: No such file or directory (os error 2)"),
        (path("text"), "`text` is no database"),
        (path("empty"), "`empty` is no database"),
        (path("songs"), "`songs` is no database of punctual, or an empty one"),
        (path("unused"), "`unused` is no database of punctual, or an empty one"),
        (path("torn"), "the copy `torn` is damaged: "),
        (path("bent"), "the copy `bent` is damaged: row "),
        (path("newer"), "the copy `newer` was written by a newer version of punctual (schema 99)"),
        (path("other"), "the copy `other` is of installation 0000beef, and this state folder is of "),
        (path("huge"), "a copy needs "),
        (own.clone(), "`punctual.db` is the database of this state folder itself"),
    ] {
        let refused = restored(dir.path(), &file, Whose::Own, Step::ALL.len()).await.unwrap_err();
        let sentence = punctual::text::chain(&refused);
        let folders = [copies.path(), dir.path()].map(|folder| format!("{}/", folder.display()));
        let sentence = folders.iter().fold(sentence, |text, folder| text.replace(folder, ""));
        assert!(sentence.starts_with(said), "{said}: {sentence}");
        assert_eq!(kept_aside(dir.path()), [""; 0].map(PathBuf::from), "{said}");
    }
    assert_eq!(fs::read(&own).unwrap(), before);
    // With the word for it the folder is of the other installation.
    let replaced = restored(dir.path(), &path("other"), Whose::Any, Step::ALL.len()).await.unwrap();
    assert_eq!(found(dir.path()).await.installation, InstallationId(0x0000_beef));
    let back = restored(dir.path(), &replaced, Whose::Own, Step::ALL.len()).await;
    assert!(matches!(back, Err(RestoreError::OtherInstallation { .. })), "{back:?}");
    restored(dir.path(), &replaced, Whose::Any, Step::ALL.len()).await.unwrap();
    assert_eq!(found(dir.path()).await.installation, installation, "its file is kept with it");
}

#[tokio::test]
async fn a_database_that_was_saved_with_its_log_is_put_back_with_it() {
    let (_copies, _, installation) = a_copy().await;
    let saved = killed(installation).await;
    let empty = tempfile::tempdir().unwrap();
    let before = fs::read(saved.path().join("punctual.db")).unwrap();
    restored(empty.path(), &saved.path().join("punctual.db"), Whose::Own, Step::ALL.len()).await.unwrap();
    assert_eq!(fs::read(saved.path().join("punctual.db")).unwrap(), before);
    let state = found(empty.path()).await;
    assert_eq!((state.open.len(), state.doubt), (39, Some(Doubt::Older)));
    let held = StateFolder::take(empty.path()).unwrap();
    let store = begin(&held).await;
    store.close().await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(empty.path().join("punctual.db"));
    let mut raw = sqlx::ConnectOptions::connect(&options).await.unwrap();
    assert_eq!(number(&mut raw, "select count(*) from audit where action = 'restore' and actor = 'alice'").await, 1);
}
