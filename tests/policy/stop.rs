//! Whose wish to stop a job holds, how a job ended that was to stop, and when a job has taken too long.

use std::time::Duration;

use jiff::Timestamp;
use punctual::policy::pool::{Rank, rank};
use punctual::policy::stop::{JobWord, OwnLimit, Standing, decide, ended_as, own_limit};
use punctual::policy::timeout::{self, JobTimes};
use punctual::run::{JobEnding, StopIntent, StopStep, StoppedBy, TimeLimit};
use punctual::schedule::{CountedBy, OnPending, Timeouts, Trigger};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn intent(by: StoppedBy, kills: bool) -> StopIntent {
    let step = Some(StopStep { at: at(0), accepted_at: None });
    let (soft, kill) = if kills { (None, step) } else { (step, None) };
    StopIntent { by, asked_at: at(0), soft, kill }
}

fn all() -> Vec<StopIntent> {
    let by = [
        StoppedBy::Timeout(TimeLimit::Pending),
        StoppedBy::Timeout(TimeLimit::Soft),
        StoppedBy::Timeout(TimeLimit::At),
        StoppedBy::Overlap,
        StoppedBy::Person { actor: "ana".to_owned() },
    ];
    by.into_iter().flat_map(|by| [false, true].map(|kills| intent(by.clone(), kills))).collect()
}

#[test]
fn a_persons_wish_stands_above_all_and_a_kill_above_a_soft_stop() {
    let is_person = |intent: &StopIntent| matches!(intent.by, StoppedBy::Person { .. });
    for new in all() {
        assert_eq!(decide(None, &new), Standing::Replaces);
        for old in all() {
            let hastens = new.soft.is_none() && old.soft.is_some();
            let expected = match (is_person(&old), is_person(&new)) {
                (true, true) if hastens => Standing::Replaces,
                (true, _) => Standing::Stays,
                (false, true) => Standing::Replaces,
                (false, false) if hastens => Standing::Hastens,
                (false, false) => Standing::Stays,
            };
            assert_eq!(decide(Some(&old), &new), expected, "{old:?} then {new:?}");
        }
    }
}

#[test]
fn the_wish_decides_only_stopped_and_faulted() {
    for own in [OwnLimit::No, OwnLimit::Passed] {
        for stop in all().into_iter().map(Some).chain([None]) {
            assert_eq!(ended_as(JobWord::Successful, stop.as_ref(), own), JobEnding::Succeeded);
            for word in [JobWord::Faulted, JobWord::Stopped] {
                let expected = match stop.as_ref().map(|stop| &stop.by) {
                    Some(StoppedBy::Timeout(_)) => JobEnding::TimedOut,
                    Some(StoppedBy::Overlap | StoppedBy::Person { .. }) => JobEnding::Stopped,
                    None if word == JobWord::Faulted => JobEnding::Faulted,
                    None if own == OwnLimit::Passed => JobEnding::TimedOut,
                    None => JobEnding::Stopped,
                };
                assert_eq!(ended_as(word, stop.as_ref(), own), expected, "{word:?} {stop:?} {own:?}");
            }
        }
    }
}

#[test]
fn orchestrators_own_limit_is_recognised_by_its_moment_and_its_grace() {
    let grace = Duration::from_secs(300);
    for (ended, passed) in [(939, false), (940, true), (1_000, true), (1_360, true), (1_361, false)] {
        assert_eq!(own_limit(at(1_000), grace, at(ended)) == OwnLimit::Passed, passed, "{ended}");
    }
}

/// Every combination of limits × whether it began × whether it is parked.
#[test]
fn the_first_limit_that_runs_is_the_one_that_is_passed() {
    let length = Duration::from_secs;
    for pending in [None, Some(length(600))] {
        for soft in [None, Some(length(1_200))] {
            for stop_at in [None, Some(at(1_500))] {
                for started_at in [None, Some(at(900))] {
                    for is_parked in [false, true] {
                        let timeouts = Timeouts {
                            pending,
                            soft,
                            at: None,
                            kill_after: length(300),
                            on_pending: OnPending::Stop,
                            counted_by: CountedBy::Us,
                        };
                        let job = JobTimes { accepted_at: at(100), started_at, parked: length(50), is_parked, stop_at };
                        let mut expected = Vec::new();
                        if pending.is_some() && started_at.is_none() {
                            expected.push((at(700), TimeLimit::Pending));
                        }
                        if soft.is_some() && started_at.is_some() && !is_parked {
                            expected.push((at(900 + 1_200 + 50), TimeLimit::Soft));
                        }
                        if stop_at.is_some() {
                            expected.push((at(1_500), TimeLimit::At));
                        }
                        let expected = expected.into_iter().min_by_key(|(at, _)| *at);
                        assert_eq!(timeout::decide(&timeouts, &job), expected, "{timeouts:?} {job:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn now_goes_before_late_and_late_before_the_past() {
    assert!(Rank::Now < Rank::Late && Rank::Late < Rank::Past);
    for trigger in [Trigger::Scheduled, Trigger::After, Trigger::Manual, Trigger::CatchUp, Trigger::Backfill] {
        let expected = match trigger {
            Trigger::Scheduled | Trigger::After | Trigger::Manual => Rank::Now,
            Trigger::CatchUp => Rank::Late,
            Trigger::Backfill => Rank::Past,
        };
        assert_eq!(rank(trigger), expected);
    }
}
