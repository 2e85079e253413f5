//! Which ends count for a row of failures, and when such a row pauses a schedule: each table, gone through whole.

use punctual::policy::failing::{Counted, LOGONS, logons_pause, of_account, of_run, pauses};
use punctual::run::{Ending, FaultClass, RunState};
use punctual::schedule::PauseAfter;

fn endings() -> Vec<Ending> {
    let ending = |state| if let RunState::Ended(ending) = state { Some(ending) } else { None };
    RunState::ALL.into_iter().filter_map(ending).collect()
}

#[test]
fn what_was_not_tried_or_was_stopped_neither_counts_nor_breaks_the_row() {
    for ending in endings() {
        let expected = match RunState::Ended(ending).name() {
            "faulted" | "timed_out" | "rejected" => Counted::Failed,
            "succeeded" => Counted::Succeeded,
            "stopped" | "lost" | "cancelled" | "skipped" | "missed" => Counted::Not,
            other => panic!("`{other}` is not decided"),
        };
        assert_eq!(of_run(ending), expected, "{ending:?}");
    }
}

#[test]
fn whoever_got_as_far_as_the_workflow_had_logged_on() {
    for ending in endings() {
        for fault in [None].into_iter().chain(FaultClass::ALL.map(Some)) {
            let expected = match (RunState::Ended(ending).name(), fault) {
                ("succeeded", _) => Counted::Succeeded,
                ("faulted", Some(FaultClass::Account)) => Counted::Failed,
                ("faulted", Some(FaultClass::Business | FaultClass::Application)) => Counted::Succeeded,
                // The robot may not have been reached.
                (_, _) => Counted::Not,
            };
            assert_eq!(of_account(ending, fault), expected, "{ending:?}, {fault:?}");
        }
    }
}

#[test]
fn a_row_pauses_from_the_given_length_on() {
    let three = PauseAfter::Failures(3);
    for (after, failures, expected) in [
        (three, 2, false),
        (three, 3, true),
        // It was lowered in the file.
        (three, 9, true),
        (PauseAfter::Failures(1), 1, true),
        (PauseAfter::AccountFaults, 1_000, false),
        (PauseAfter::Never, 1_000, false),
    ] {
        assert_eq!(pauses(after, failures), expected, "{after:?} {failures}");
    }
    for (after, expected) in [(three, true), (PauseAfter::AccountFaults, true), (PauseAfter::Never, false)] {
        assert_eq!(logons_pause(after, LOGONS), expected, "{after:?}");
        assert!(!logons_pause(after, LOGONS - 1), "{after:?}");
    }
}
