//! From when `start_deadline` counts.

use std::time::Duration;

use jiff::Timestamp;
use punctual::policy::deadline::decide;
use punctual::schedule::Trigger;

use super::at;

#[test]
fn the_deadline_counts_from_the_due_time_only_for_what_was_found_on_time() {
    let (fire, found) = (at("2026-11-23T07:00:00Z"), at("2026-11-23T09:00:00Z"));
    let (from_fire, from_found) = (at("2026-11-23T08:00:00Z"), at("2026-11-23T10:00:00Z"));
    for (trigger, expected) in [
        (Trigger::Scheduled, from_fire),
        (Trigger::CatchUp, from_found),
        (Trigger::After, from_found),
        (Trigger::Manual, from_found),
        (Trigger::Backfill, Timestamp::MAX),
    ] {
        assert_eq!(decide(trigger, fire, found, Duration::from_secs(3_600)), expected, "{trigger:?}");
    }
}

#[test]
fn a_deadline_beyond_all_instants_is_the_last_of_them() {
    let now = at("2026-11-23T07:00:00Z");
    assert_eq!(decide(Trigger::Scheduled, now, now, Duration::MAX), Timestamp::MAX);
}
