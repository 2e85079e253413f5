//! What was answered under a key: with the act or not at all, for a day, and of each person their own.

use punctual::store::{Deed, KeptAnswer, OnceKey, UnderKey};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn once(actor: &str, key: &str) -> OnceKey {
    OnceKey { actor: actor.to_owned(), key: key.to_owned(), asked: "pause".to_owned() }
}

fn kept_at(once: &OnceKey, at: Timestamp, answer: &str) -> KeptAnswer {
    KeptAnswer { once: once.clone(), at, answer: answer.to_owned() }
}

fn hours_later(count: u32) -> Timestamp {
    punctual::clock::later(now(), HOUR * count)
}

fn done(answer: &str) -> UnderKey {
    UnderKey::Done(answer.to_owned())
}

#[tokio::test]
async fn an_answer_is_there_for_a_day_and_is_of_one_act_of_one_actor() {
    let kept = open().await;
    let (mine, other) = (once("uid 0", "k"), once("uid 7", "k"));
    assert_eq!(kept.store.under_key(mine.clone(), now()).await.unwrap(), UnderKey::Nothing);
    let answer = r#"{"a":"b \"c\" ü"}"#;
    let pause = Pause { scope: PauseScope::All, reason: None, actor: "root".to_owned(), since: now(), until: None };
    let changes = Changes {
        holding: vec![HoldingChange::Pause(PauseId(1), pause)],
        audit: vec![Deed {
            at: now(),
            actor: "root (uid 0)".to_owned(),
            action: "pause",
            subject: "all".to_owned(),
            detail: None,
        }],
        kept: vec![kept_at(&mine, now(), answer)],
        ..Changes::default()
    };
    kept.store.commit(changes).await.unwrap();
    let kept = kept.reopened().await;
    assert_eq!(kept.store.under_key(mine.clone(), now()).await.unwrap(), done(answer));
    assert_eq!(kept.store.under_key(other.clone(), now()).await.unwrap(), UnderKey::Nothing, "somebody else's key");
    let resume = OnceKey { asked: "resume".to_owned(), ..mine.clone() };
    assert_eq!(kept.store.under_key(resume.clone(), now()).await.unwrap(), UnderKey::Another);
    // A clock that was set back makes nothing older.
    assert_eq!(kept.store.under_key(mine.clone(), at("2026-11-20T00:00:00Z")).await.unwrap(), done(answer));
    let last = hours_later(24).checked_sub(Duration::from_millis(1)).unwrap();
    assert_eq!(kept.store.under_key(mine.clone(), last).await.unwrap(), done(answer));
    assert_eq!(kept.store.under_key(mine.clone(), hours_later(24)).await.unwrap(), UnderKey::Nothing);
    assert_eq!(kept.store.under_key(resume.clone(), hours_later(24)).await.unwrap(), UnderKey::Nothing);

    // The next one that is written takes away what is too old, and no more; the key may be used anew.
    kept.store.keep_answer(kept_at(&other, hours_later(23), "{}")).await.unwrap();
    let rows = "select count(*) from kept_answer";
    assert_eq!(number(&mut kept.raw().await, rows).await, 2);
    kept.store.keep_answer(kept_at(&resume, hours_later(24), "[]")).await.unwrap();
    assert_eq!(number(&mut kept.raw().await, rows).await, 2);
    assert_eq!(kept.store.under_key(resume, hours_later(24)).await.unwrap(), done("[]"));
    assert_eq!(kept.store.under_key(mine, hours_later(24)).await.unwrap(), UnderKey::Another);
    kept.store.close().await.unwrap();
}

#[tokio::test]
async fn an_act_that_is_not_written_keeps_no_answer() {
    let kept = open().await;
    let mine = once("uid 0", "k");
    // Of a version that nobody has: the transaction fails whole.
    let changes = Changes { updated: vec![plain(1)], kept: vec![kept_at(&mine, now(), "{}")], ..Changes::default() };
    kept.store.commit(changes).await.unwrap_err();
    kept.store.restart(now()).await.unwrap();
    assert_eq!(kept.store.under_key(mine, now()).await.unwrap(), UnderKey::Nothing);
    kept.store.close().await.unwrap();
}
