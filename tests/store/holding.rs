//! Pauses, times to be skipped, and what has failed in a row: read back as they were written.

use super::*;

#[tokio::test]
async fn pauses_and_skipped_times_read_back_until_they_are_ended_or_taken_back() {
    let kept = open().await;
    let pause = |scope, until| Pause {
        scope,
        reason: Some("month's end".to_owned()),
        actor: "maria".to_owned(),
        since: now(),
        until,
    };
    let later = now().checked_add(Duration::from_secs(3_600)).unwrap();
    let pauses = [
        pause(PauseScope::Schedules(NamePattern::new("invoices-*")), Some(later)),
        pause(PauseScope::Connections(NamePattern::new("cloud")), None),
        pause(PauseScope::All, None),
    ];
    let numbered: Vec<_> = (1..).map(PauseId).zip(pauses).collect();
    let mark = |number: u128, actor: &str| SkipMark {
        schedule: plain(1).schedule,
        nominal_at: plain(number).nominal_at,
        actor: actor.to_owned(),
        reason: None,
        asked_at: now(),
    };
    assert_eq!(kept.loaded().await.holding.last_pause, PauseId(0));
    let mut holding: Vec<_> = numbered.iter().cloned().map(|(id, pause)| HoldingChange::Pause(id, pause)).collect();
    holding.extend([mark(1, "maria"), mark(2, "maria"), mark(1, "later")].map(HoldingChange::Skip));
    kept.store.commit(Changes { holding, ..Changes::default() }).await.unwrap();
    let kept = kept.reopened().await;
    let found = kept.loaded().await.holding;
    assert_eq!((found.pauses.as_slice(), found.last_pause), (numbered.as_slice(), PauseId(3)));
    assert_eq!(found.skips, [mark(2, "maria"), mark(1, "maria")], "the first word holds");

    let ended = found.pauses[1].0;
    let holding = vec![
        HoldingChange::Resume { pause: ended, at: now(), actor: "maria".to_owned() },
        // A second one comes too late.
        HoldingChange::Resume { pause: ended, at: later, actor: "root".to_owned() },
        HoldingChange::Unskip { schedule: plain(1).schedule, nominal_at: plain(1).nominal_at },
    ];
    kept.store.commit(Changes { holding, ..Changes::default() }).await.unwrap();
    let left = kept.loaded().await.holding;
    assert_eq!(left.pauses.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [found.pauses[0].0, found.pauses[2].0]);
    assert_eq!(left.skips, [mark(2, "maria")]);
    assert_eq!(left.last_pause, PauseId(3), "a number never comes twice");
    let by_maria =
        format!("select count(*) from pause where ended_by = 'maria' and ended_at = {}", now().as_millisecond());
    assert_eq!(number(&mut kept.raw().await, &by_maria).await, 1, "what was ended stays, as it was ended");
}

/// A schedule may be planned up to a time before the pause was ended: its times in between lie in it.
#[tokio::test]
async fn a_pause_that_was_ended_is_read_as_long_as_a_time_in_it_may_not_be_planned_yet() {
    let kept = open().await;
    let minutes = |count: u64| now().checked_add(Duration::from_secs(60 * count)).unwrap();
    let pause = |until| Pause { scope: PauseScope::All, reason: None, actor: "maria".to_owned(), since: now(), until };
    let holding = vec![
        HoldingChange::Pause(PauseId(1), pause(None)),
        HoldingChange::Pause(PauseId(2), pause(Some(minutes(30)))),
        HoldingChange::Pause(PauseId(3), pause(Some(minutes(5)))),
        HoldingChange::Resume { pause: PauseId(1), at: minutes(10), actor: "jo".to_owned() },
        HoldingChange::Resume { pause: PauseId(2), at: minutes(10), actor: "jo".to_owned() },
    ];
    let key = ScheduleKey::parse("123").unwrap();
    let versions = vec![StoredVersion { schedule: key.clone(), timing: timing(1), loaded_at: now() }];
    let marks = vec![(key.clone(), HighWaterMark(minutes(9)))];
    kept.store.commit(Changes { holding, versions, marks, ..Changes::default() }).await.unwrap();
    let read = |state: LoadedState| {
        let pauses = state.holding.pauses.into_iter();
        pauses.map(|(id, pause)| (id.0, pause.until)).collect::<Vec<_>>()
    };
    let expected = [(1, Some(minutes(10))), (2, Some(minutes(10))), (3, Some(minutes(5)))];
    assert_eq!(read(kept.loaded().await), expected);
    let marks = vec![(key, HighWaterMark(minutes(10)))];
    kept.store.commit(Changes { marks, ..Changes::default() }).await.unwrap();
    assert_eq!(read(kept.loaded().await), [(3, Some(minutes(5)))]);
}

#[tokio::test]
async fn what_has_failed_in_a_row_reads_back_until_the_row_is_over() {
    let kept = open().await;
    let key = |name| ScheduleKey::parse(name).unwrap();
    let account =
        |name: Option<&str>| Account { connection: cloud(), folder: FolderId(7), name: name.map(str::to_owned) };
    let robot = account(Some("ACME\\robot"));
    let failing = Failing {
        schedules: [(key("a"), 2), (key("b"), 1)].into(),
        accounts: [(robot.clone(), 1), (account(None), 3)].into(),
        last: [(key("a"), robot.clone()), (key("b"), account(None))].into(),
    };
    kept.store.commit(Changes { failing: failing.clone(), ..Changes::default() }).await.unwrap();
    let kept = kept.reopened().await;
    assert_eq!(kept.loaded().await.failing, failing);
    let changed = Failing {
        schedules: [(key("a"), 0), (key("b"), 2)].into(),
        accounts: [(account(None), 0), (robot.clone(), 2)].into(),
        last: [(key("b"), robot.clone())].into(),
    };
    kept.store.commit(Changes { failing: changed, ..Changes::default() }).await.unwrap();
    let left = Failing {
        schedules: [(key("b"), 2)].into(),
        accounts: [(robot.clone(), 2)].into(),
        last: [(key("a"), robot.clone()), (key("b"), robot.clone())].into(),
    };
    assert_eq!(kept.loaded().await.failing, left);
    // Of a schedule that left its file nothing is counted on.
    let retired = vec![Retired(key("b"))];
    kept.store.commit(Changes { retired, ..Changes::default() }).await.unwrap();
    let left =
        Failing { schedules: [].into(), accounts: [(robot.clone(), 2)].into(), last: [(key("a"), robot)].into() };
    assert_eq!(kept.loaded().await.failing, left);
}
