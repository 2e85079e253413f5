//! Calendars, jitter, first and last instants, years and Quartz patterns, by hand (semantics.md 4 to 6).

use std::time::Duration;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use punctual::recurrence::{
    Calendar, CronPattern, DstPolicy, Every, Excluded, GapPolicy, OnExcluded, OverlapTime, Pattern, Recurrence,
    Weekdays,
};
use punctual::schedule::{Bounds, Timing};

use crate::support::{USUAL, cron, gap, instant, overlap, recurrence, rows, times, union, zone};

fn working_days(exclude: &[&str], include: &[&str]) -> Calendar {
    Calendar {
        weekdays: Some(Weekdays::parse("MON-FRI").unwrap()),
        exclude: exclude.iter().map(|day| day.parse().unwrap()).collect(),
        include: include.iter().map(|day| day.parse().unwrap()).collect(),
    }
}

fn berlin(pattern: &str, calendar: Calendar, on_excluded: OnExcluded) -> Recurrence {
    recurrence(pattern, "Europe/Berlin", USUAL).with_calendar(calendar, on_excluded)
}

#[test]
fn weekdays_are_read_as_in_a_pattern_and_written_one_way() {
    for (text, read) in [
        ("MON-FRI", "MON,TUE,WED,THU,FRI"),
        ("fri-sun", "SUN,FRI,SAT"),
        ("1,7", "SUN,MON"),
        ("*", "SUN,MON,TUE,WED,THU,FRI,SAT"),
    ] {
        assert_eq!(Weekdays::parse(text).unwrap().to_string(), read, "`{text}`");
    }
    for text in ["", "MONDAY", "FRI#2", "FRIL", "+MON", "8"] {
        assert!(Weekdays::parse(text).is_err(), "`{text}`");
    }
}

#[test]
fn a_skipped_day_keeps_its_times_and_marks_them() {
    let daily = berlin("0 7 * * *", working_days(&["2026-12-25"], &["2026-12-27"]), OnExcluded::Skip);
    let kept: Vec<_> = times(&daily, instant("2026-12-24T00:00:00Z"), instant("2026-12-29T00:00:00Z"))
        .into_iter()
        .map(|due| (due.local.date().day(), due.excluded))
        .collect();
    let (no, yes) = (Excluded::No, Excluded::Yes);
    assert_eq!(kept, [(24, no), (25, yes), (26, yes), (27, no), (28, no)]);
}

#[test]
fn a_day_is_the_schedules_own_and_not_utcs() {
    // 08:00 on Monday in Auckland is Sunday in UTC.
    let monday =
        recurrence("0 8 * * *", "Pacific/Auckland", USUAL).with_calendar(working_days(&[], &[]), OnExcluded::Skip);
    let due = monday.next_after(instant("2026-11-22T12:00:00Z")).unwrap();
    assert_eq!((due.at.to_string().as_str(), due.excluded), ("2026-11-22T19:00:00Z", Excluded::No));
}

#[test]
fn times_of_excluded_days_run_on_the_working_day_before_or_after() {
    // 31 May 2026 is a Sunday.
    let last = |on| berlin("0 6 L * *", working_days(&[], &[]), on);
    assert_eq!(
        rows(&last(OnExcluded::PreviousWorkingDay), "2026-05-01", "2026-06-30"),
        ["05-29 06:00+02 (moved from 2026-05-31, which the calendar takes out)", "06-30 06:00+02"]
    );
    assert_eq!(
        rows(&last(OnExcluded::NextWorkingDay), "2026-05-01", "2026-06-30"),
        ["06-01 06:00+02 (moved from 2026-05-31, which the calendar takes out)", "06-30 06:00+02"]
    );
}

#[test]
fn moved_times_that_meet_others_are_one_run() {
    let daily = berlin("0 7 * * *", working_days(&[], &[]), OnExcluded::NextWorkingDay);
    assert_eq!(
        rows(&daily, "2026-05-29", "2026-06-02"),
        [
            "05-29 07:00+02",
            "06-01 07:00+02 (moved from 2026-05-30 and 2026-05-31, which the calendar takes out)",
            "06-02 07:00+02",
        ]
    );
    // Over Easter, from two patterns, one time each.
    let two = union(&["0 7 3,4 4 *", "0 7 6 4 *"], "Europe/Berlin", USUAL)
        .with_calendar(working_days(&["2026-04-03", "2026-04-06"], &[]), OnExcluded::NextWorkingDay);
    assert_eq!(
        rows(&two, "2026-04-01", "2026-04-30"),
        ["04-07 07:00+02 (moved from 2026-04-03, 2026-04-04 and 2026-04-06, which the calendar takes out)"]
    );
}

#[test]
fn a_moved_time_keeps_its_time_of_day_and_meets_the_clock_changes_of_its_new_day() {
    // Sunday, 29 March 2026, has no 02:30 in Berlin. The Monday after has.
    let only = |on, dst| recurrence("30 2 29 3 *", "Europe/Berlin", dst).with_calendar(working_days(&[], &[]), on);
    assert_eq!(
        rows(&only(OnExcluded::NextWorkingDay, USUAL), "2026-03-01", "2026-04-30"),
        ["03-30 02:30+02 (moved from 2026-03-29, which the calendar takes out)"]
    );
    // The other way round: the day before the change is taken out, and its time does not exist on the next.
    let sunday_too = Calendar { exclude: [date(2026, 3, 28)].into(), ..Calendar::default() };
    let onto = |dst| {
        recurrence("30 2 28 3 *", "Europe/Berlin", dst).with_calendar(sunday_too.clone(), OnExcluded::NextWorkingDay)
    };
    assert_eq!(
        rows(&onto(USUAL), "2026-03-01", "2026-04-30"),
        [
            "03-29 03:00+02 (moved from 2026-03-28, which the calendar takes out; stands for 02:30, which the clock change leaves out)"
        ]
    );
    assert_eq!(rows(&onto(gap(GapPolicy::Skip)), "2026-03-01", "2026-04-30"), [""; 0]);
    let twice = Calendar { exclude: [date(2026, 10, 24)].into(), ..Calendar::default() };
    let both = recurrence("30 2 24 10 *", "Europe/Berlin", overlap(OverlapTime::Both))
        .with_calendar(twice, OnExcluded::NextWorkingDay);
    assert_eq!(
        rows(&both, "2026-10-20", "2026-10-30"),
        [
            "10-25 02:30+02 (moved from 2026-10-24, which the calendar takes out; first of two 02:30)",
            "10-25 02:30+01 (moved from 2026-10-24, which the calendar takes out; second of two 02:30)",
        ]
    );
}

#[test]
fn a_calendar_of_listed_days_moves_everything_to_them() {
    let listed = Calendar {
        weekdays: Some(Weekdays::default()),
        include: [date(2026, 3, 10), date(2026, 9, 10)].into(),
        ..Calendar::default()
    };
    let moved = |on| berlin("0 7 1 * *", listed.clone(), on);
    let days = |on| -> Vec<String> {
        let all = times(&moved(on), instant("2025-01-01T00:00:00Z"), instant("2030-01-01T00:00:00Z"));
        all.iter().map(|due| due.local.date().to_string()).collect()
    };
    assert_eq!(days(OnExcluded::NextWorkingDay), ["2026-03-10", "2026-09-10"]);
    assert_eq!(days(OnExcluded::PreviousWorkingDay), ["2026-03-10", "2026-09-10"]);
    let nothing = Calendar { weekdays: Some(Weekdays::default()), ..Calendar::default() };
    for on in [OnExcluded::PreviousWorkingDay, OnExcluded::NextWorkingDay] {
        assert_eq!(berlin("0 7 1 * *", nothing.clone(), on).next_after(instant("2026-01-01T00:00:00Z")), None);
    }
}

#[test]
fn an_instant_moves_and_an_interval_does_not() {
    // Saturday.
    let at = Pattern::At(instant("2026-05-30T05:00:00Z"));
    let every = Pattern::Every(Every { step: Duration::from_secs(86_400), anchor: instant("2026-05-29T10:00:00Z") });
    let build = |pattern: &Pattern| {
        Recurrence::new(vec![pattern.clone()], zone("Europe/Berlin"), USUAL)
            .unwrap()
            .with_calendar(working_days(&[], &[]), OnExcluded::PreviousWorkingDay)
    };
    assert_eq!(
        rows(&build(&at), "2026-05-25", "2026-06-05"),
        ["05-29 07:00+02 (moved from 2026-05-30, which the calendar takes out)"]
    );
    let of_every = times(&build(&every), instant("2026-05-29T00:00:00Z"), instant("2026-06-02T00:00:00Z"));
    let excluded: Vec<_> = of_every.iter().map(|due| due.excluded).collect();
    assert_eq!(excluded, [Excluded::No, Excluded::Yes, Excluded::Yes, Excluded::No]);
}

#[test]
fn first_and_last_instant_are_included() {
    let (starts, ends) = (instant("2026-05-01T05:00:00Z"), instant("2026-05-03T05:00:00Z"));
    let some = recurrence("0 7 * * *", "Europe/Berlin", USUAL).between(Some(starts), Some(ends));
    let found: Vec<_> = times(&some, instant("2026-01-01T00:00:00Z"), instant("2027-01-01T00:00:00Z"))
        .iter()
        .map(|due| due.local.day())
        .collect();
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(some.next_after(ends), None);
    assert_eq!(some.previous_before(starts), None);
    assert_eq!(some.previous_before(Timestamp::MAX).unwrap().at, ends);
}

#[test]
fn a_local_day_begins_and_ends_where_its_zone_says() {
    // Cairo leaves out midnight itself when summer begins.
    for (name, day, first, last) in [
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00Z", "2026-04-24T20:59:59Z"),
    ] {
        assert_eq!(zone(name).first_instant_of(day), Some(instant(first)), "{name}");
        assert_eq!(zone(name).last_second_of(day), Some(instant(last)), "{name}");
    }
}

#[test]
fn jitter_is_the_same_everywhere_and_stays_before_the_next_time() {
    let hour = Duration::from_secs(3_600);
    let of = |key: &str| recurrence("*/5 * * * *", "Europe/Berlin", USUAL).with_jitter(hour, key);
    let day = |times_of: &Recurrence| times(times_of, instant("2026-05-01T00:00:00Z"), instant("2026-05-02T00:00:00Z"));
    let all = day(&of("invoices"));
    for pair in all.windows(2) {
        assert!(pair[0].at <= pair[0].fire_at && pair[0].fire_at < pair[1].at, "{pair:?}");
    }
    // Known answers: a change of the hash would move every run of everybody at an upgrade.
    let known: Vec<_> = all.iter().take(3).map(|due| due.fire_at.to_string()).collect();
    insta::assert_snapshot!(known.join("\n"), @r"
2026-05-01T00:04:11.446Z
2026-05-01T00:08:51.712Z
2026-05-01T00:14:10.787Z
");
    assert_eq!(day(&of("invoices")), all);
    assert_ne!(day(&of("invoice")), all);
    // Spread over the whole room: each tenth of five minutes has some of the 288 runs.
    let mut tenths = [0; 10];
    for due in &all {
        tenths[usize::try_from(due.fire_at.duration_since(due.at).as_millis() / 30_000).unwrap()] += 1;
    }
    assert!(tenths.iter().all(|count| *count > 10), "{tenths:?}");
    // The last of all has no next time to stay before.
    let last = Recurrence::new(vec![Pattern::At(instant("2026-05-01T00:00:00Z"))], zone("UTC"), USUAL).unwrap();
    let due = last.with_jitter(hour, "invoices").next_after(instant("2026-04-01T00:00:00Z")).unwrap();
    assert!(due.fire_at.duration_since(due.at) < SignedDuration::from_hours(1));
    assert_ne!(due.fire_at, due.at);
}

#[test]
fn a_seventh_field_is_the_year_and_then_there_is_an_end() {
    let year = recurrence("0 0 7 1 6 * 2027-2029/2,2032", "Europe/Berlin", USUAL);
    let found: Vec<_> = times(&year, instant("2000-01-01T00:00:00Z"), instant("2200-01-01T00:00:00Z"))
        .iter()
        .map(|due| due.local.date().year())
        .collect();
    assert_eq!(found, [2027, 2029, 2032]);
    let never = Recurrence::new(vec![cron("0 0 0 29 2 * 2027")], zone("UTC"), USUAL);
    assert_eq!(never.unwrap_err().pattern, 0);
    assert_eq!(CronPattern::parse("0 0 7 1 6 * *").unwrap().as_str(), "0 7 1 6 *");
    assert_eq!(CronPattern::parse("0 0 7 1 6 * 2027").unwrap().as_str(), "0 0 7 1 6 * 2027");
}

#[test]
fn a_day_may_be_counted_back_from_the_last() {
    let third = recurrence("0 7 L-3,L-30 * *", "Europe/Berlin", USUAL);
    assert_eq!(
        rows(&third, "2027-01-01", "2027-03-31"),
        ["01-01 07:00+01", "01-28 07:00+01", "02-25 07:00+01", "03-01 07:00+01", "03-28 07:00+02"]
    );
}

#[test]
fn a_quartz_pattern_is_kept_in_our_numbers() {
    for (quartz, ours) in [
        ("0 0 12 * * ?", "0 12 * * *"),
        ("0 15 10 ? * *", "15 10 * * *"),
        ("0 15 10 ? * 2-6", "15 10 * * 1-5"),
        ("0 15 10 ? * MON-FRI", "15 10 * * 1-5"),
        ("0 0 7 ? * 1,7", "0 7 * * 0,6"),
        ("0 0 7 ? * 6L", "0 7 * * 5#L"),
        ("0 0 7 ? * 6#3", "0 7 * * 5#3"),
        ("0 0 7 ? * L", "0 7 * * 6"),
        ("0 0 7 ? * 2/2", "0 7 * * 1-6/2"),
        ("0 0 7 L-3 * ?", "0 7 L-3 * *"),
        ("30 0 7 LW * ? 2027", "30 0 7 LW * * 2027"),
        ("0 0/5 14 * * ?", "0-59/5 14 * * *"),
    ] {
        let read = CronPattern::parse_quartz(quartz).unwrap_or_else(|error| panic!("`{quartz}`: {error}"));
        assert_eq!(read.as_str(), ours, "`{quartz}`");
        assert_eq!(CronPattern::parse(ours).unwrap(), read, "`{quartz}`");
    }
    for (quartz, message) in [
        (
            "0 12 * * ?",
            "5 fields where a Quartz pattern has 6 (second, minute, hour, day of month, month, weekday), or 7 with the year last",
        ),
        ("0 0 12 * * *", "in a Quartz pattern one of the two day fields is `?`"),
        ("0 0 12 ? * ?", "both day fields are `?`"),
        ("0 0 12 ? * 0", "`0` is out of range in the weekday field, which takes 1 to 7"),
        ("0 0 12 ? * 8", "`8` is out of range in the weekday field, which takes 1 to 7"),
        ("0 0 12 ? * 6-2", "the range `6-2` runs backwards"),
    ] {
        assert_eq!(CronPattern::parse_quartz(quartz).unwrap_err().message, message, "`{quartz}`");
    }
    let wrap = CronPattern::parse_quartz("0 0 12 ? * 6-2").unwrap_err();
    assert_eq!(wrap.hint.as_deref(), Some("write `6-7,1-2`"));
}

#[test]
fn everything_is_stored_with_the_timing_and_comes_back() {
    let bounds = Bounds {
        calendar: Some((working_days(&["2026-12-25"], &["2026-12-27"]), OnExcluded::NextWorkingDay)),
        starts: Some(instant("2026-05-01T00:00:00Z")),
        ends: Some(instant("2027-05-01T00:00:00Z")),
        jitter: Duration::from_secs(90),
    };
    let patterns = vec![cron("0 7 * * *")];
    let timing = Timing::of(&patterns, &zone("Europe/Berlin"), DstPolicy::default()).unwrap();
    assert_eq!(timing.clone().bounded(&Bounds::default()).to_json(), timing.to_json(), "old hashes hold");
    let timing = timing.bounded(&bounds);
    insta::assert_snapshot!(timing.to_json(), @r#"{"cron":["0 7 * * *"],"every_s":null,"anchor":null,"at":[],"timezone":"Europe/Berlin","dst_gap":"shift","dst_overlap":"first","dst_class":null,"calendar":{"weekdays":"MON,TUE,WED,THU,FRI","exclude":["2026-12-25"],"include":["2026-12-27"]},"on_excluded":"next_working_day","starts":"2026-05-01T00:00:00Z","ends":"2027-05-01T00:00:00Z","jitter_ms":90000}"#);
    let read: Timing = serde_json::from_str(&timing.to_json()).unwrap();
    assert_eq!(read, timing);
    let fresh = bounds.on(Recurrence::new(patterns, zone("Europe/Berlin"), USUAL).unwrap(), "invoices");
    let (from, to) = (instant("2026-01-01T00:00:00Z"), instant("2028-01-01T00:00:00Z"));
    assert_eq!(times(&read.compile("invoices").unwrap(), from, to), times(&fresh, from, to));
    for broken in [
        Timing { on_excluded: Some("later".into()), ..timing.clone() },
        Timing { starts: Some("soon".into()), ..timing.clone() },
    ] {
        assert!(broken.compile("").is_err(), "{broken:?}");
    }
}
