//! What failed is the same to whoever asks: the program's own word for it, `status`, and `runs --failed`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use punctual::history::{Ended, History, HistoryFilter};
use punctual::run::{Run, RunState};
use punctual::schedule::Trigger;
use punctual::store::Changes;

use super::{open, plain};

#[tokio::test]
async fn what_failed_is_the_same_to_whoever_asks() {
    let kept = open().await;
    let states = (1..).zip(RunState::ALL);
    let inserted: Vec<Run> =
        states.map(|(number, state)| Run { state, trigger: Trigger::Manual, ..plain(number) }).collect();
    let failed: BTreeSet<String> = inserted
        .iter()
        .filter(|run| matches!(run.state, RunState::Ended(ending) if ending.is_failure()))
        .map(|run| run.id.to_string())
        .collect();
    kept.store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    let history = History::open(kept.dir.path()).await.unwrap();
    let filter = HistoryFilter { ended: Ended::Failed, ..HistoryFilter::default() };
    let listed = history.list(&filter).await.unwrap();
    let counted = history.failures_since(Timestamp::UNIX_EPOCH).await.unwrap();
    history.close().await;
    for runs in [listed, counted] {
        assert_eq!(runs.into_iter().map(|run| run.run).collect::<BTreeSet<_>>(), failed);
    }
    assert!(!failed.is_empty());
}
