//! Runs that people start for a time make it good, until they end other than well (semantics.md 33).

use punctual::history::{History, HistoryFilter};
use punctual::run::{Ending, MissReason, Run, RunId, RunState};
use punctual::schedule::Trigger;
use punctual::store::Changes;
use uuid::Uuid;

use super::{Kept, open, plain};

const MISSED: RunState = RunState::Ended(Ending::Missed(MissReason::Down));
const FAULTED: RunState = RunState::Ended(Ending::Faulted);
const SUCCEEDED: RunState = RunState::Ended(Ending::Succeeded);

fn planned(number: u128, state: RunState) -> Run {
    let ended_at = state.is_final().then(super::now);
    Run { state, ended_at, ..plain(number) }
}

/// For the time of another run.
fn by_hand(number: u128, of: &Run, trigger: Trigger) -> Run {
    Run { trigger, nominal_at: of.nominal_at, ..plain(number) }
}

async fn write(kept: &Kept, inserted: Vec<Run>, updated: Vec<Run>) {
    let committed = kept.store.commit(Changes { inserted, updated, ..Changes::default() }).await.unwrap();
    assert!(committed.all_won());
}

async fn made_good_by(kept: &Kept, run: &Run) -> Option<RunId> {
    let history = History::open(kept.dir.path()).await.unwrap();
    let all = history.list(&HistoryFilter::default()).await.unwrap();
    history.close().await;
    let shown = all.into_iter().find(|shown| shown.run == run.id.to_string()).unwrap().made_good_by;
    let read = kept.store.read_run(run.id).await.unwrap().unwrap().made_good_by;
    let shown = shown.map(|id| RunId(id.parse::<Uuid>().unwrap()));
    assert!(shown.is_none() || shown == read, "{shown:?} {read:?}");
    shown
}

#[tokio::test]
async fn a_planned_time_is_made_good_by_what_is_started_for_it_and_free_again_when_that_fails() {
    for trigger in [Trigger::Manual, Trigger::Backfill] {
        let kept = open().await;
        let (old, other) = (planned(1, MISSED), planned(2, MISSED));
        write(&kept, vec![old.clone(), other.clone()], Vec::new()).await;
        assert_eq!(made_good_by(&kept, &old).await, None);
        let first = by_hand(11, &old, trigger);
        write(&kept, vec![first.clone()], Vec::new()).await;
        assert_eq!(made_good_by(&kept, &old).await, Some(first.id), "from when it is asked for");
        assert_eq!(made_good_by(&kept, &other).await, None, "another time is not");
        write(&kept, vec![by_hand(12, &old, trigger)], Vec::new()).await;
        assert_eq!(made_good_by(&kept, &old).await, Some(first.id), "the first one has it");
        write(&kept, Vec::new(), vec![Run { state: FAULTED, ..first }]).await;
        assert_eq!(made_good_by(&kept, &old).await, None);
        let second = by_hand(13, &old, trigger);
        write(&kept, vec![second.clone()], Vec::new()).await;
        write(&kept, Vec::new(), vec![Run { state: SUCCEEDED, ..second.clone() }]).await;
        assert_eq!(made_good_by(&kept, &old).await, Some(second.id), "and keeps it when it succeeds");
    }
}

#[tokio::test]
async fn what_is_open_or_succeeded_is_not_made_good_and_nor_is_a_row_for_many_times() {
    let kept = open().await;
    let open_one = planned(1, RunState::Starting);
    let succeeded = planned(2, SUCCEEDED);
    let range = Run { nominal_until: Some(super::now()), count: Some(2_000), ..planned(3, MISSED) };
    let of: Vec<Run> = vec![open_one, succeeded, range];
    write(&kept, of.clone(), Vec::new()).await;
    let made: Vec<Run> = (11..).zip(&of).map(|(number, run)| by_hand(number, run, Trigger::Backfill)).collect();
    write(&kept, made, Vec::new()).await;
    for run in &of {
        assert_eq!(made_good_by(&kept, run).await, None, "{}", run.state);
    }
}

#[tokio::test]
async fn a_retry_makes_good_the_run_that_it_repeats_and_the_time_of_that() {
    let kept = open().await;
    let old = planned(1, FAULTED);
    write(&kept, vec![old.clone()], Vec::new()).await;
    let first = Run { retry_of: Some(old.id), ..by_hand(11, &old, Trigger::Manual) };
    write(&kept, vec![first.clone()], Vec::new()).await;
    let failed = Run { state: FAULTED, ended_at: Some(super::now()), ..first.clone() };
    write(&kept, Vec::new(), vec![failed.clone()]).await;
    let second = Run { retry_of: Some(first.id), ..by_hand(12, &old, Trigger::Manual) };
    write(&kept, vec![second.clone()], Vec::new()).await;
    assert_eq!(made_good_by(&kept, &old).await, Some(second.id));
    assert_eq!(made_good_by(&kept, &first).await, Some(second.id));
}

#[tokio::test]
async fn a_run_is_read_whole_whether_it_is_open_or_has_ended() {
    let kept = open().await;
    let (one, two) = (planned(1, RunState::Starting), super::run(2, FAULTED, Trigger::Scheduled));
    write(&kept, vec![one.clone(), two.clone()], Vec::new()).await;
    for run in [one, two] {
        let read = kept.store.read_run(run.id).await.unwrap().unwrap();
        assert_eq!((format!("{:#?}", read.run), read.made_good_by), (format!("{run:#?}"), None));
    }
    assert!(kept.store.read_run(RunId(Uuid::from_u128(99))).await.unwrap().is_none());
}
