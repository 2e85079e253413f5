//! The nightly chores: what goes, what is copied, what is told when it fails.

use std::path::PathBuf;
use std::time::Duration;

use punctual::clock::{Clock, ManualClock};
use punctual::history::History;
use punctual::housekeeping::{Belief, Chore, ChoreSettings, Failing};
use punctual::run::{Ending, Run, RunState};
use punctual::store::{self, Changes, CopyError, StateFolder};
use tokio::sync::watch;

use super::{Kept, execute, now, number, open, plain, seen};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Chores with a clock of their own.
struct Chores {
    settings: ChoreSettings,
    hand: ManualClock,
    told: watch::Receiver<Failing>,
}

impl Chores {
    /// Does one; time passes while it takes a breath.
    async fn attempt(&self, chore: Chore) {
        let time = async {
            loop {
                self.hand.advance(Duration::from_millis(1));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = self.settings.attempt(chore) => {}
            () = time => {}
        }
    }

    fn failure(&self, chore: &str) -> Option<String> {
        self.told.borrow().get(chore).cloned()
    }

    fn copies(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.settings.copies_dir) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn chores(kept: &Kept, change: impl FnOnce(&mut ChoreSettings)) -> Chores {
    let (failing, told) = watch::channel(Failing::new());
    let (clock, hand) = Clock::manual(now());
    let mut settings = ChoreSettings {
        store: kept.store.clone(),
        belief: Belief::begin(clock.read()),
        clock,
        state_dir: kept.dir.path().to_owned(),
        keep: 400 * DAY,
        max_runs: None,
        max_bytes: None,
        copies_dir: kept.dir.path().join("copies"),
        copies: 3,
        failing,
    };
    change(&mut settings);
    Chores { settings, hand, told }
}

/// Runs that ended one after another, the first one longest ago, and one that is open.
async fn fill(kept: &Kept, ended: u128) {
    let mut inserted = vec![Run { ended_at: None, ..plain(1) }];
    inserted.extend((2..2 + ended).map(|number| {
        let ended_at = now().checked_sub(DAY * u32::try_from(2 + ended - number).unwrap()).unwrap();
        Run {
            ended_at: Some(ended_at),
            state: RunState::Ended(Ending::Succeeded),
            output: Some("x".repeat(2_000)),
            ..plain(number)
        }
    }));
    let lines = inserted.iter().map(|run| seen(run, "Claimed")).collect();
    kept.store.commit(Changes { inserted, seen: lines, ..Changes::default() }).await.unwrap();
}

async fn last_successes(kept: &Kept) -> Vec<(String, String)> {
    let history = History::open(kept.dir.path()).await.unwrap();
    let chores = history.chores().await.unwrap();
    history.close().await;
    chores.into_iter().map(|chore| (chore.name, chore.last_ok_at)).collect()
}

#[tokio::test]
async fn the_history_is_kept_within_its_bytes_oldest_first_and_the_disk_gets_them_back() {
    let kept = open().await;
    fill(&kept, 2_000).await;
    let most: u64 = 2 << 20;
    let size = "select (page_count - freelist_count) * page_size from pragma_page_count(), pragma_freelist_count(), pragma_page_size()";
    let before = number(&mut kept.raw().await, size).await;
    assert!(before > i64::try_from(2 * most).unwrap(), "{before} bytes are too few for this test");
    let chores = chores(&kept, |settings| settings.max_bytes = Some(most));
    chores.attempt(Chore::Retention).await;
    assert_eq!(chores.failure("retention"), None);
    let after = number(&mut kept.raw().await, size).await;
    assert!(after <= i64::try_from(most).unwrap(), "{after}");
    let file = std::fs::metadata(StateFolder::database_path(kept.dir.path())).unwrap().len();
    assert!(file <= most + (1 << 20), "the file still has {file} bytes");
    let left = kept.count("run").await;
    assert!((200..1_500).contains(&left), "{left} runs are left");
    // Day `left - 1` is the oldest of those that stay; the open run is none of them.
    let oldest = number(&mut kept.raw().await, "select min(ended_at) from run").await;
    let expected = now().checked_sub(DAY * u32::try_from(left - 1).unwrap()).unwrap().as_millisecond();
    assert_eq!(oldest, expected, "the newest stay");
    assert_eq!(kept.loaded().await.open.len(), 1);
}

#[tokio::test]
async fn each_chore_notes_its_last_success_and_age_is_counted_from_the_end() {
    let kept = open().await;
    fill(&kept, 500).await;
    assert_eq!(last_successes(&kept).await, []);
    let chores = chores(&kept, |_| {});
    for chore in Chore::ALL {
        chores.attempt(chore).await;
    }
    assert_eq!(*chores.told.borrow(), Failing::new());
    // 400 days and the open one.
    assert_eq!(kept.count("run").await, 401);
    let told = last_successes(&kept).await;
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["copy", "retention"]);
    let by_now = chores.settings.clock.now();
    assert!(told.iter().all(|(_, at)| (now()..=by_now).contains(&at.parse().unwrap())), "{told:?}");
    assert_eq!(chores.copies().len(), 1);
}

#[tokio::test]
async fn a_copy_that_is_damaged_is_found_told_and_thrown_away_and_the_older_ones_stay() {
    let kept = open().await;
    fill(&kept, 10).await;
    let chores = chores(&kept, |_| {});
    chores.attempt(Chore::Copy).await;
    let good = chores.copies();
    assert_eq!(good.len(), 1);
    let success = last_successes(&kept).await;

    // A value that no write of ours could make, as a failing disk makes it: SQLite copies it, and the check finds it.
    let mut raw = kept.raw().await;
    execute(&mut raw, "pragma ignore_check_constraints = on; update run set state = 'nonsense' where ended_at is null")
        .await
        .unwrap();
    chores.attempt(Chore::Copy).await;
    let text = chores.failure("copy").unwrap();
    assert!(text.starts_with("the nightly chore `copy` failed: the copy `"), "{text}");
    assert!(text.contains("is damaged: ") && text.contains("the older copies are kept"), "{text}");
    assert_eq!((chores.copies(), last_successes(&kept).await), (good, success), "nothing else has changed");

    execute(&mut raw, "update run set state = 'starting' where ended_at is null").await.unwrap();
    chores.attempt(Chore::Copy).await;
    assert_eq!(*chores.told.borrow(), Failing::new(), "it is not told any more");
}

#[tokio::test]
async fn a_copy_that_cannot_be_made_says_where_and_why() {
    let kept = open().await;
    fill(&kept, 10).await;
    let file = kept.dir.path().join("no-folder");
    std::fs::write(&file, "x").unwrap();
    let chores = chores(&kept, |settings| settings.copies_dir = file.join("copies"));
    chores.attempt(Chore::Copy).await;
    let text = chores.failure("copy").unwrap();
    let expected = format!("failed to keep a copy in `{}`", file.join("copies").display());
    assert!(text.contains(&expected) && text.contains("`daemon.backup.folder`"), "{text}");
    let broken = store::copy_database(&kept.dir.path().join("nowhere"), &kept.dir.path().join("c"), 3, now()).await;
    assert!(matches!(broken, Err(CopyError::Files { .. })), "{broken:?}");
}

#[tokio::test]
async fn by_a_clock_that_was_set_forward_no_run_is_old_before_it_has_stood_so_for_a_night() {
    let kept = open().await;
    fill(&kept, 5).await;
    let chores = chores(&kept, |_| {});
    let right = chores.hand.clone();
    chores.hand.step_to(now().checked_add(3_650 * DAY).unwrap());
    chores.attempt(Chore::Retention).await;
    let told = chores.failure("retention").unwrap();
    insta::assert_snapshot!(told, @"the nightly chore `retention` failed: the clock was set forward by 3650 days, and by a wrong clock the whole history may be old; it is done when the clock has stood so for a night; set it if it is wrong");
    assert_eq!(kept.count("run").await, 6, "nothing is removed");
    // Put right, it is believed at once.
    right.step_to(now());
    chores.attempt(Chore::Retention).await;
    assert_eq!(chores.failure("retention"), None);
    // A machine that began in 1970 is believed on the second night.
    chores.hand.step_to(now().checked_add(3_650 * DAY).unwrap());
    chores.attempt(Chore::Retention).await;
    chores.hand.advance(DAY);
    chores.attempt(Chore::Retention).await;
    assert_eq!(chores.failure("retention"), None);
    assert_eq!(kept.count("run").await, 1, "but for the open one");
}
