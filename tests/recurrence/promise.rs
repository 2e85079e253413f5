//! The promise this program was asked for first, next to the rule that breaks it.

use jiff::civil::date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::support::{USUAL, instant, recurrence};

/// Created in winter; the days on either side of both clock changes of 2026, each with the instant that is 07:30 there.
const TABLE: [(&str, &str); 6] = [
    ("2026-03-07", "2026-03-07T12:30:00Z"),
    ("2026-03-08", "2026-03-08T11:30:00Z"),
    ("2026-03-09", "2026-03-09T11:30:00Z"),
    ("2026-10-31", "2026-10-31T11:30:00Z"),
    ("2026-11-01", "2026-11-01T12:30:00Z"),
    ("2026-11-02", "2026-11-02T12:30:00Z"),
];
const CREATED: &str = "2026-01-05T09:00:00Z";

/// The days on which a rule does not run at the table's instant.
fn wrong_days(mut next: impl FnMut(Timestamp) -> Timestamp) -> Vec<&'static str> {
    let end = instant("2026-12-01T00:00:00Z");
    let mut fired = Vec::new();
    let mut now = instant(CREATED);
    while now < end {
        now = next(now);
        fired.push(now);
    }
    TABLE.iter().filter(|(_, expected)| !fired.contains(&instant(expected))).map(|(day, _)| *day).collect()
}

#[test]
fn seven_thirty_in_new_york_stays_seven_thirty_after_both_clock_changes() {
    let schedule = recurrence("30 7 * * *", "America/New_York", USUAL);
    assert_eq!(wrong_days(|now| schedule.next_after(now).unwrap().at), [""; 0]);
    let mut now = instant(CREATED);
    for _ in 0..330 {
        let due = schedule.next_after(now).unwrap();
        assert_eq!((due.local.hour(), due.local.minute()), (7, 30), "{due:?}");
        assert_eq!(due.note, None);
        now = due.at;
    }
}

/// tokio-cron-scheduler 0.15: the first tick is worked out in the zone, later ones in the offset the zone had at creation.
struct FrozenOffset {
    offset: Offset,
    ticked: bool,
}

impl FrozenOffset {
    fn next(&mut self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let offset = if self.ticked { self.offset } else { zone.to_offset(now) };
        self.ticked = true;
        let today = offset.to_datetime(now).date();
        let at = offset.to_timestamp(today.at(7, 30, 0, 0)).unwrap();
        if at > now { at } else { at + SignedDuration::from_hours(24) }
    }
}

#[test]
fn a_frozen_offset_fails_the_same_table() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let created_in_winter = zone.to_offset(instant(CREATED));
    let mut rule = FrozenOffset { offset: created_in_winter, ticked: false };
    // An hour late from the first day of summer time to its last.
    assert_eq!(wrong_days(|now| rule.next(now, &zone)), ["2026-03-08", "2026-03-09", "2026-10-31"]);

    // Created in summer it is an hour early all winter.
    let created_in_summer = zone.to_offset(zone.to_timestamp(date(2026, 7, 1).at(12, 0, 0, 0)).unwrap());
    let mut rule = FrozenOffset { offset: created_in_summer, ticked: true };
    assert_eq!(wrong_days(|now| rule.next(now, &zone)), ["2026-03-07", "2026-11-01", "2026-11-02"]);
}
