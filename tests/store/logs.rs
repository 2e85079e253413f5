//! A write-ahead log that is another database's is told from the database's own, and neither is thrown away.

use std::path::{Path, PathBuf};

use punctual::run::Run;
use punctual::store::{Changes, Database, Doubt, StateFolder, Store, copy_database};
use tokio_util::task::TaskTracker;

use super::{now, open, plain};

/// Copies the files of a database as they are on the disk while it is open, as a kill leaves them.
fn carry(from: &Path, to: &Path) {
    for name in ["punctual.db", "punctual.db-wal", "installation", "lock"] {
        if from.join(name).is_file() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

fn named(folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().contains(part)).collect()
}

async fn claim(store: &Store, numbers: std::ops::Range<u128>) {
    for number in numbers {
        let inserted: Vec<Run> = vec![plain(number)];
        store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    }
}

/// What a daemon that is started on these files finds: how many open runs, and which doubt.
async fn found(folder: &Path) -> (usize, Option<Doubt>) {
    let held = StateFolder::take(folder).unwrap();
    let (database, state) = Database::open_and_load(&held, now()).await.unwrap();
    let store = Store::start(database, &TaskTracker::new());
    store.close().await.unwrap();
    (state.open.len(), state.doubt)
}

#[tokio::test]
async fn the_log_of_a_daemon_that_was_killed_is_its_own() {
    let kept = open().await;
    claim(&kept.store, 1..40).await;
    let killed = tempfile::tempdir().unwrap();
    carry(kept.dir.path(), killed.path());
    assert!(
        killed.path().join("punctual.db-wal").metadata().unwrap().len() > 0,
        "there is no log, so nothing is shown"
    );
    assert_eq!(found(killed.path()).await, (39, None));
    assert_eq!(named(killed.path(), ".foreign-"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_nightly_copy_that_meets_the_log_of_a_killed_daemon_is_used_and_the_log_is_kept() {
    let kept = open().await;
    claim(&kept.store, 1..20).await;
    let copies = kept.dir.path().join("copies");
    let copy = copy_database(kept.dir.path(), &copies, 3, now()).await.unwrap();
    // Also one whose commits are all in the log still, which no count can tell.
    for more in [20..21, 21..60] {
        claim(&kept.store, more).await;
        let killed = tempfile::tempdir().unwrap();
        carry(kept.dir.path(), killed.path());
        let log = std::fs::read(killed.path().join("punctual.db-wal")).unwrap();
        std::fs::copy(&copy, killed.path().join("punctual.db")).unwrap();
        assert_eq!(found(killed.path()).await, (19, Some(Doubt::Older)));
        let aside = named(killed.path(), ".foreign-20261123T120000Z-wal");
        assert_eq!(aside.len(), 1, "the log was not kept");
        assert_eq!(std::fs::read(&aside[0]).unwrap(), log);
        assert_eq!(named(killed.path(), ".corrupt-"), Vec::<PathBuf>::new());
        // From here on it is a database like any other, also after the next kill.
        assert_eq!(found(killed.path()).await.0, 19);
        assert_eq!(named(killed.path(), ".foreign-").len(), 1);
    }
}

#[tokio::test]
async fn a_copy_of_the_file_alone_is_told_by_the_commits_that_are_missing_before_the_log() {
    let kept = open().await;
    claim(&kept.store, 1..20).await;
    kept.store.checkpoint().await.unwrap();
    // As `cp` makes it at a quiet moment.
    let copy = std::fs::read(kept.dir.path().join("punctual.db")).unwrap();
    claim(&kept.store, 20..40).await;
    kept.store.checkpoint().await.unwrap();
    claim(&kept.store, 40..45).await;
    let killed = tempfile::tempdir().unwrap();
    carry(kept.dir.path(), killed.path());
    std::fs::write(killed.path().join("punctual.db"), &copy).unwrap();
    assert_eq!(found(killed.path()).await, (19, Some(Doubt::Older)));
    assert_eq!(named(killed.path(), ".foreign-20261123T120000Z-wal").len(), 1);
    assert_eq!(named(killed.path(), ".corrupt-"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_copy_that_the_log_goes_on_from_takes_all_that_is_in_it() {
    let kept = open().await;
    claim(&kept.store, 1..20).await;
    kept.store.checkpoint().await.unwrap();
    let copy = std::fs::read(kept.dir.path().join("punctual.db")).unwrap();
    claim(&kept.store, 20..45).await;
    let killed = tempfile::tempdir().unwrap();
    carry(kept.dir.path(), killed.path());
    std::fs::write(killed.path().join("punctual.db"), &copy).unwrap();
    assert_eq!(found(killed.path()).await, (44, None));
    assert_eq!(named(killed.path(), ".foreign-"), Vec::<PathBuf>::new());
}
