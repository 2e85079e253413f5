//! Whether another attempt follows, for every end of a job.

use std::time::Duration;

use jiff::Timestamp;
use punctual::policy::retry::{JobEnd, Next, Why, decide, pause_after};
use punctual::run::{FaultClass, JobEnding, RunId, StopIntent, StoppedBy, TimeLimit};
use punctual::schedule::{Retry, RetryOn};
use uuid::Uuid;

fn run() -> RunId {
    RunId(Uuid::from_u128(7))
}

fn retry(attempts: u16, on: &[RetryOn]) -> Retry {
    Retry { attempts, delay: Duration::from_secs(60), max_delay: Duration::from_secs(900), on: on.to_vec() }
}

fn stops() -> Vec<Option<StopIntent>> {
    let by = |by| Some(StopIntent { by, asked_at: Timestamp::UNIX_EPOCH, soft: None, kill: None });
    let limits = TimeLimit::ALL.into_iter().map(|limit| by(StoppedBy::Timeout(limit)));
    let others = [None, by(StoppedBy::Overlap), by(StoppedBy::Person { actor: "ana".to_owned() })];
    others.into_iter().chain(limits).collect()
}

/// Every end × fault × stop × restart × begun × retry, said in words.
#[test]
fn every_end_of_a_job_has_its_row() {
    let faults: Vec<Option<FaultClass>> = FaultClass::ALL.into_iter().map(Some).chain([None]).collect();
    let policies = [
        None,
        Some(retry(3, &[RetryOn::Faulted])),
        Some(retry(3, &[RetryOn::TimedOut])),
        Some(retry(3, &[RetryOn::Business])),
        Some(retry(3, &[RetryOn::Faulted, RetryOn::TimedOut, RetryOn::Business])),
    ];
    let mut rows = 0;
    for ended_as in JobEnding::ALL {
        for fault in &faults {
            for stop in stops() {
                for restart in [false, true] {
                    for began in [false, true] {
                        for policy in &policies {
                            let end =
                                JobEnd { ended_as, fault: *fault, stop: stop.as_ref(), began, restart, starts: 1 };
                            let asked = |on| policy.as_ref().is_some_and(|retry| retry.on.contains(&on));
                            let by = stop.as_ref().map(|stop| &stop.by);
                            let again = match (ended_as, by) {
                                (_, Some(StoppedBy::Overlap | StoppedBy::Person { .. })) => false,
                                (JobEnding::TimedOut, Some(StoppedBy::Timeout(TimeLimit::Pending))) => {
                                    restart && !began
                                }
                                (JobEnding::TimedOut, Some(StoppedBy::Timeout(TimeLimit::At))) => false,
                                (JobEnding::TimedOut, _) => asked(RetryOn::TimedOut),
                                (JobEnding::Faulted, _) => match fault {
                                    Some(FaultClass::Account) => false,
                                    Some(FaultClass::Business) => asked(RetryOn::Business),
                                    Some(FaultClass::Infrastructure | FaultClass::Application) | None => {
                                        asked(RetryOn::Faulted)
                                    }
                                },
                                (
                                    JobEnding::Lost | JobEnding::Rejected | JobEnding::Stopped | JobEnding::Succeeded,
                                    _,
                                ) => false,
                            };
                            let next = decide(policy.as_ref(), &end, run());
                            assert_eq!(matches!(next, Next::Again(_)), again, "{end:?} {policy:?}");
                            rows += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(rows, 6 * 5 * 6 * 2 * 2 * 5);
}

#[test]
fn there_are_so_many_starts_in_all_and_two_of_a_pending_job_where_nothing_is_said() {
    let failed =
        |starts| JobEnd { ended_as: JobEnding::Faulted, fault: None, stop: None, began: true, restart: false, starts };
    let three = retry(3, &[RetryOn::Faulted]);
    let again = |starts| matches!(decide(Some(&three), &failed(starts), run()), Next::Again(_));
    assert_eq!([1, 2, 3, 4].map(again), [true, true, false, false]);
    let pending = StoppedBy::Timeout(TimeLimit::Pending);
    let stop = StopIntent { by: pending, asked_at: Timestamp::UNIX_EPOCH, soft: None, kill: None };
    let hung = |starts| JobEnd {
        ended_as: JobEnding::TimedOut,
        stop: Some(&stop),
        began: false,
        restart: true,
        ..failed(starts)
    };
    assert_eq!(decide(None, &hung(1), run()), Next::Again(Duration::ZERO));
    assert_eq!(decide(None, &hung(2), run()), Next::Ends(Why::NoneLeft));
}

#[test]
fn pauses_double_up_to_the_longest_and_differ_by_a_tenth_at_most() {
    let many = retry(100, &[RetryOn::Faulted]);
    for (starts, expected) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (6, 900), (90, 900), (u16::MAX, 900)] {
        let pauses: Vec<u64> = (0..200)
            .map(|n| pause_after(&many, starts, RunId(Uuid::from_u128(n * 0x1234_5678_9ABC))).as_secs())
            .collect();
        let (least, most) = (*pauses.iter().min().unwrap(), *pauses.iter().max().unwrap());
        assert!(least >= expected * 9 / 10 && most <= expected * 11 / 10, "{starts}: {least} to {most}");
        assert!(most - least > expected / 10, "they are spread: {least} to {most}");
    }
    // The same after a restart.
    assert_eq!(pause_after(&many, 2, run()), pause_after(&many, 2, run()));
}
