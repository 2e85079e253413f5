//! Which times of the past are made good.

use std::collections::BTreeSet;

use punctual::policy::backfill::{Choice, Kind, Row, decide};
use punctual::run::{Ending, MissReason, RunState, SkipReason};
use punctual::schedule::Trigger;

const PLANNED: [Trigger; 3] = [Trigger::Scheduled, Trigger::CatchUp, Trigger::After];
const BY_HAND: [Trigger; 2] = [Trigger::Manual, Trigger::Backfill];

/// By the words of semantics.md 33, not by the code: what is taken without being named, and by which name else.
fn kind(state: RunState) -> Option<Kind> {
    let name = match (state.name(), state.reason()) {
        ("missed", Some("edited")) => Kind::Edited,
        ("missed", _) => Kind::Missed,
        ("skipped", Some("overlap")) => Kind::Overlap,
        ("skipped", Some("disabled")) => Kind::Disabled,
        ("skipped", Some("paused")) => Kind::Paused,
        ("skipped", Some("blackout")) => Kind::Blackout,
        ("succeeded" | "faulted" | "stopped" | "timed_out" | "rejected" | "lost", _) => Kind::Ran,
        _ => return None,
    };
    Some(name)
}

fn named(kinds: &[Kind]) -> BTreeSet<Kind> {
    kinds.iter().copied().collect()
}

#[test]
fn of_every_state_it_is_known_whether_it_is_taken_and_by_which_name() {
    for (state, trigger) in RunState::ALL.into_iter().flat_map(|state| PLANNED.map(|trigger| (state, trigger))) {
        let rows = [Row { trigger, state }];
        let plainly = decide(&rows, &named(&[]));
        let all = decide(&rows, &named(&Kind::NAMED));
        let expected = match kind(state) {
            _ if !state.is_final() => (Choice::Open, Choice::Open),
            Some(Kind::Missed) => (Choice::Taken(Kind::Missed), Choice::Taken(Kind::Missed)),
            Some(Kind::Ran) if state == RunState::Ended(Ending::Succeeded) => {
                (Choice::Succeeded, Choice::Taken(Kind::Ran))
            }
            Some(kind) => (Choice::NotNamed(kind), Choice::Taken(kind)),
            None => (Choice::Never, Choice::Never),
        };
        assert_eq!((plainly, all), expected, "{state}");
        // Each name takes its own kind and no other.
        for name in Kind::NAMED {
            let taken = decide(&rows, &named(&[name])) == Choice::Taken(name);
            assert_eq!(taken, kind(state) == Some(name), "{state} by {}", name.name());
        }
    }
}

#[test]
fn what_people_have_started_for_a_time_counts_while_it_is_open_and_once_it_has_succeeded() {
    let missed = Row { trigger: Trigger::Scheduled, state: RunState::Ended(Ending::Missed(MissReason::Down)) };
    for (state, trigger) in RunState::ALL.into_iter().flat_map(|state| BY_HAND.map(|trigger| (state, trigger))) {
        let rows = [missed, Row { trigger, state }];
        let expected = match state {
            RunState::Ended(Ending::Succeeded) => Choice::Succeeded,
            state if state.is_final() => Choice::Taken(Kind::Missed),
            _ => Choice::Open,
        };
        assert_eq!(decide(&rows, &named(&[])), expected, "{state}");
        let all = if state == RunState::Ended(Ending::Succeeded) { Choice::Taken(Kind::Ran) } else { expected };
        assert_eq!(decide(&rows, &named(&Kind::NAMED)), all, "{state}: a person is asked before it runs again");
        let reversed: Vec<Row> = rows.into_iter().rev().collect();
        assert_eq!(decide(&reversed, &named(&[])), expected, "{state}");
    }
}

#[test]
fn a_time_without_a_row_of_its_plan_is_taken_by_name_alone() {
    assert_eq!(decide(&[], &named(&[])), Choice::NotNamed(Kind::Unplanned));
    assert_eq!(decide(&[], &named(&[Kind::Unplanned])), Choice::Taken(Kind::Unplanned));
    let skipped = Row { trigger: Trigger::Scheduled, state: RunState::Ended(Ending::Skipped(SkipReason::Calendar)) };
    assert_eq!(decide(&[skipped], &named(&Kind::NAMED)), Choice::Never, "nobody wanted it");
}
