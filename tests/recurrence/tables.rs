//! Clock changes by hand: what each zone's clock really did, and what a schedule did about it (semantics.md 2).

use punctual::recurrence::{Class, DstPolicy, Every, GapPolicy, OverlapTime, Pattern, Recurrence};

use crate::support::{USUAL, class, gap, instant, overlap, recurrence, rows, times, union, zone};

/// Zone, pattern, policy, local days, the times of those days.
type Row<'a> = (&'a str, &'a str, DstPolicy, (&'a str, &'a str), &'a [&'a str]);

fn check(table: &[Row<'_>]) {
    for (zone, pattern, dst, (from, to), expected) in table {
        let found = rows(&recurrence(pattern, zone, *dst), from, to);
        assert_eq!(found, *expected, "`{pattern}` in {zone} under {dst:?}");
    }
}

/// One day.
fn on(day: &str) -> (&str, &str) {
    (day, day)
}

#[test]
fn a_fixed_time_in_a_gap_runs_at_the_end_of_the_gap() {
    let shift = gap(GapPolicy::Shift);
    check(&[
        (
            "America/New_York",
            "30 2 * * *",
            shift,
            ("2026-03-07", "2026-03-09"),
            &[
                "03-07 02:30-05",
                "03-08 03:00-04 (stands for 02:30, which the clock change leaves out)",
                "03-09 02:30-04",
            ],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            shift,
            on("2026-03-29"),
            &["03-29 03:00+02 (stands for 02:30, which the clock change leaves out)"],
        ),
        // Half an hour.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            shift,
            on("2026-10-04"),
            &["10-04 02:30+11 (stands for 02:15, which the clock change leaves out)"],
        ),
        // The end of Ramadan.
        (
            "Africa/Casablanca",
            "30 2 * * *",
            shift,
            on("2026-03-22"),
            &["03-22 03:00+01 (stands for 02:30, which the clock change leaves out)"],
        ),
        // Winter is the exception there, on paper.
        (
            "Europe/Dublin",
            "30 1 * * *",
            shift,
            on("2026-03-29"),
            &["03-29 02:00+01 (stands for 01:30, which the clock change leaves out)"],
        ),
        // Midnight itself.
        (
            "Africa/Cairo",
            "0 0 * * *",
            shift,
            ("2026-04-23", "2026-04-24"),
            &["04-23 00:00+02", "04-24 01:00+03 (stands for 00:00, which the clock change leaves out)"],
        ),
        // Two hours.
        (
            "Antarctica/Troll",
            "30 1,2 * * *",
            shift,
            on("2026-03-29"),
            &["03-29 03:00+02 (stands for 01:30 and 02:30, which the clock change leaves out)"],
        ),
        // London's change at 01:00 leaves its midnight alone.
        (
            "Europe/London",
            "0 0 * * *",
            shift,
            ("2026-03-28", "2026-03-30"),
            &["03-28 00:00+00", "03-29 00:00+00", "03-30 00:00+01"],
        ),
    ]);
}

#[test]
fn a_fixed_time_in_a_gap_can_keep_the_old_offset_or_be_left_out() {
    let (offset, skip) = (gap(GapPolicy::Offset), gap(GapPolicy::Skip));
    check(&[
        (
            "America/New_York",
            "15,45 2 * * *",
            offset,
            on("2026-03-08"),
            &[
                "03-08 03:15-04 (stands for 02:15, which the clock change leaves out)",
                "03-08 03:45-04 (stands for 02:45, which the clock change leaves out)",
            ],
        ),
        (
            "America/New_York",
            "15,45 2 * * *",
            skip,
            ("2026-03-08", "2026-03-09"),
            &["03-09 02:15-04", "03-09 02:45-04"],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            offset,
            on("2026-03-29"),
            &["03-29 03:30+02 (stands for 02:30, which the clock change leaves out)"],
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            offset,
            on("2026-10-04"),
            &["10-04 02:45+11 (stands for 02:15, which the clock change leaves out)"],
        ),
        (
            "Africa/Cairo",
            "30 0 * * *",
            offset,
            on("2026-04-24"),
            &["04-24 01:30+03 (stands for 00:30, which the clock change leaves out)"],
        ),
        ("Africa/Cairo", "30 0 * * *", skip, ("2026-04-23", "2026-04-25"), &["04-23 00:30+02", "04-25 00:30+03"]),
        (
            "Antarctica/Troll",
            "30 1,2 * * *",
            offset,
            on("2026-03-29"),
            &[
                "03-29 03:30+02 (stands for 01:30, which the clock change leaves out)",
                "03-29 04:30+02 (stands for 02:30, which the clock change leaves out)",
            ],
        ),
        ("Europe/Dublin", "30 1 * * *", skip, on("2026-03-29"), &[]),
    ]);
}

#[test]
fn times_that_meet_on_one_instant_are_one_run_and_its_note_names_those_that_did_not_exist() {
    check(&[
        (
            "America/New_York",
            "15,45 2 * * *",
            USUAL,
            on("2026-03-08"),
            &["03-08 03:00-04 (stands for 02:15 and 02:45, which the clock change leaves out)"],
        ),
        // The real 03:00 and the shifted 02:00.
        (
            "America/New_York",
            "0 2,3 * * *",
            USUAL,
            on("2026-03-08"),
            &["03-08 03:00-04 (stands for 02:00, which the clock change leaves out)"],
        ),
        (
            "America/New_York",
            "30 2,3 * * *",
            gap(GapPolicy::Offset),
            on("2026-03-08"),
            &["03-08 03:30-04 (stands for 02:30, which the clock change leaves out)"],
        ),
        (
            "America/New_York",
            "0-30/10 2 * * *",
            USUAL,
            on("2026-03-08"),
            &["03-08 03:00-04 (stands for 4 times between 02:00 and 02:30, which the clock change leaves out)"],
        ),
        // Every second of a minute that never was is one run, not sixty.
        (
            "America/New_York",
            "* 30 2 * * *",
            USUAL,
            on("2026-03-08"),
            &["03-08 03:00-04 (stands for 60 times between 02:30 and 02:30:59, which the clock change leaves out)"],
        ),
    ]);
    let of_two = union(&["30 2 * * *", "0 3 * * *", "15 2 * * *"], "America/New_York", USUAL);
    assert_eq!(
        rows(&of_two, "2026-03-08", "2026-03-08"),
        ["03-08 03:00-04 (stands for 02:15 and 02:30, which the clock change leaves out)"]
    );
}

#[test]
fn a_fixed_time_in_an_overlap_runs_once_or_twice_as_asked() {
    let (first, last, both) = (overlap(OverlapTime::First), overlap(OverlapTime::Last), overlap(OverlapTime::Both));
    check(&[
        (
            "America/New_York",
            "30 1 * * *",
            first,
            ("2026-10-31", "2026-11-02"),
            &["10-31 01:30-04", "11-01 01:30-04 (first of two 01:30)", "11-02 01:30-05"],
        ),
        ("America/New_York", "30 1 * * *", last, on("2026-11-01"), &["11-01 01:30-05 (second of two 01:30)"]),
        (
            "America/New_York",
            "30 1 * * *",
            both,
            on("2026-11-01"),
            &["11-01 01:30-04 (first of two 01:30)", "11-01 01:30-05 (second of two 01:30)"],
        ),
        (
            "Europe/Berlin",
            "0,30 2 * * *",
            both,
            on("2026-10-25"),
            &[
                "10-25 02:00+02 (first of two 02:00)",
                "10-25 02:30+02 (first of two 02:30)",
                "10-25 02:00+01 (second of two 02:00)",
                "10-25 02:30+01 (second of two 02:30)",
            ],
        ),
        // The edges: 01:59 comes once, 02:00 twice, 03:00 once.
        ("Europe/Berlin", "59 1 * * *", last, on("2026-10-25"), &["10-25 01:59+02"]),
        (
            "Europe/Berlin",
            "0 2,3 * * *",
            last,
            on("2026-10-25"),
            &["10-25 02:00+01 (second of two 02:00)", "10-25 03:00+01"],
        ),
        ("Australia/Lord_Howe", "45 1 * * *", first, on("2026-04-05"), &["04-05 01:45+11 (first of two 01:45)"]),
        (
            "Australia/Lord_Howe",
            "15,45 1 * * *",
            last,
            on("2026-04-05"),
            &["04-05 01:15+11", "04-05 01:45+10:30 (second of two 01:45)"],
        ),
        ("Africa/Casablanca", "30 2 * * *", first, on("2026-02-15"), &["02-15 02:30+01 (first of two 02:30)"]),
        ("Africa/Casablanca", "30 2 * * *", last, on("2026-02-15"), &["02-15 02:30+00 (second of two 02:30)"]),
        ("Europe/Dublin", "30 1 * * *", first, on("2026-10-25"), &["10-25 01:30+01 (first of two 01:30)"]),
        (
            "Europe/Dublin",
            "30 1 * * *",
            both,
            on("2026-10-25"),
            &["10-25 01:30+01 (first of two 01:30)", "10-25 01:30+00 (second of two 01:30)"],
        ),
        // Back from midnight into the evening of the day before.
        (
            "Africa/Cairo",
            "30 23 * * *",
            first,
            ("2026-10-29", "2026-10-30"),
            &["10-29 23:30+03 (first of two 23:30)", "10-30 23:30+02"],
        ),
        ("Africa/Cairo", "30 23 * * *", last, on("2026-10-29"), &["10-29 23:30+02 (second of two 23:30)"]),
        (
            "Africa/Cairo",
            "0 0 * * *",
            both,
            ("2026-10-29", "2026-10-31"),
            &["10-29 00:00+03", "10-30 00:00+02", "10-31 00:00+02"],
        ),
        (
            "Antarctica/Troll",
            "0 1,2 * * *",
            both,
            on("2026-10-25"),
            &[
                "10-25 01:00+02 (first of two 01:00)",
                "10-25 02:00+02 (first of two 02:00)",
                "10-25 01:00+00 (second of two 01:00)",
                "10-25 02:00+00 (second of two 02:00)",
            ],
        ),
    ]);
}

#[test]
fn a_rhythm_runs_on_in_real_time() {
    for dst in [USUAL, gap(GapPolicy::Offset), overlap(OverlapTime::Last)] {
        check(&[(
            "America/New_York",
            "*/30 0-2 * * *",
            dst,
            on("2026-11-01"),
            &[
                "11-01 00:00-04",
                "11-01 00:30-04",
                "11-01 01:00-04 (first of two 01:00)",
                "11-01 01:30-04 (first of two 01:30)",
                "11-01 01:00-05 (second of two 01:00)",
                "11-01 01:30-05 (second of two 01:30)",
                "11-01 02:00-05",
                "11-01 02:30-05",
            ],
        )]);
        check(&[
            (
                "America/New_York",
                "*/15 1-3 * * *",
                dst,
                on("2026-03-08"),
                &[
                    "03-08 01:00-05",
                    "03-08 01:15-05",
                    "03-08 01:30-05",
                    "03-08 01:45-05",
                    "03-08 03:00-04",
                    "03-08 03:15-04",
                    "03-08 03:30-04",
                    "03-08 03:45-04",
                ],
            ),
            // The hour field is a step: 02:30 is left out like any other beat.
            (
                "America/New_York",
                "30 0-23/2 * 3 *",
                dst,
                ("2026-03-08", "2026-03-08"),
                &[
                    "03-08 00:30-05",
                    "03-08 04:30-04",
                    "03-08 06:30-04",
                    "03-08 08:30-04",
                    "03-08 10:30-04",
                    "03-08 12:30-04",
                    "03-08 14:30-04",
                    "03-08 16:30-04",
                    "03-08 18:30-04",
                    "03-08 20:30-04",
                    "03-08 22:30-04",
                ],
            ),
            (
                "Australia/Lord_Howe",
                "*/15 1 * * *",
                dst,
                on("2026-04-05"),
                &[
                    "04-05 01:00+11",
                    "04-05 01:15+11",
                    "04-05 01:30+11 (first of two 01:30)",
                    "04-05 01:45+11 (first of two 01:45)",
                    "04-05 01:30+10:30 (second of two 01:30)",
                    "04-05 01:45+10:30 (second of two 01:45)",
                ],
            ),
        ]);
    }
}

#[test]
fn a_rhythm_whose_beats_of_the_day_all_lie_in_the_gap_follows_the_gap_rule() {
    check(&[
        (
            "America/New_York",
            "*/15 2 * * *",
            USUAL,
            ("2026-03-08", "2026-03-08"),
            &["03-08 03:00-04 (stands for 4 times between 02:00 and 02:45, which the clock change leaves out)"],
        ),
        (
            "America/New_York",
            "*/30 2 * * *",
            gap(GapPolicy::Offset),
            on("2026-03-08"),
            &[
                "03-08 03:00-04 (stands for 02:00, which the clock change leaves out)",
                "03-08 03:30-04 (stands for 02:30, which the clock change leaves out)",
            ],
        ),
        ("America/New_York", "*/15 2 * * *", gap(GapPolicy::Skip), on("2026-03-08"), &[]),
        // A beat at 03:00 is enough: the rhythm goes on by itself.
        ("America/New_York", "0 2,3 * * *", class(Class::Interval), on("2026-03-08"), &["03-08 03:00-04"]),
        (
            "America/New_York",
            "30 2 * * *",
            class(Class::Interval),
            on("2026-03-08"),
            &["03-08 03:00-04 (stands for 02:30, which the clock change leaves out)"],
        ),
        (
            "Africa/Cairo",
            "*/20 0 * * *",
            USUAL,
            on("2026-04-24"),
            &["04-24 01:00+03 (stands for 00:00, 00:20 and 00:40, which the clock change leaves out)"],
        ),
    ]);
}

#[test]
fn the_class_can_be_overridden_and_each_pattern_of_a_union_has_its_own() {
    check(&[
        (
            "America/New_York",
            "*/30 1 * * *",
            class(Class::Fixed),
            on("2026-11-01"),
            &["11-01 01:00-04 (first of two 01:00)", "11-01 01:30-04 (first of two 01:30)"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            class(Class::Interval),
            on("2026-11-01"),
            &["11-01 01:30-04 (first of two 01:30)", "11-01 01:30-05 (second of two 01:30)"],
        ),
    ]);
    let both = union(&["45 1 * * *", "*/30 1 * * *"], "America/New_York", USUAL);
    assert_eq!(
        rows(&both, "2026-11-01", "2026-11-01"),
        [
            "11-01 01:00-04 (first of two 01:00)",
            "11-01 01:30-04 (first of two 01:30)",
            "11-01 01:45-04 (first of two 01:45)",
            "11-01 01:00-05 (second of two 01:00)",
            "11-01 01:30-05 (second of two 01:30)",
        ]
    );
}

#[test]
fn a_day_that_never_was_has_nothing_to_run() {
    // Samoa went from 29 to 31 December 2011.
    for dst in [USUAL, gap(GapPolicy::Offset), class(Class::Interval)] {
        check(&[
            (
                "Pacific/Apia",
                "0 9 * * *",
                dst,
                ("2011-12-28", "2011-12-31"),
                &["12-28 09:00-10", "12-29 09:00-10", "12-31 09:00+14"],
            ),
            (
                "Pacific/Apia",
                "*/30 23 * * *",
                dst,
                ("2011-12-29", "2011-12-31"),
                &["12-29 23:00-10", "12-29 23:30-10", "12-31 23:00+14", "12-31 23:30+14"],
            ),
        ]);
    }
}

#[test]
fn a_change_that_leaves_the_offset_alone_changes_nothing() {
    // Portugal went from CET in winter to GMT in summer on 31 March 1996: new names, both an hour east.
    check(&[(
        "Europe/Lisbon",
        "30 1,2 * * *",
        USUAL,
        ("1996-03-30", "1996-04-01"),
        &["03-30 01:30+01", "03-30 02:30+01", "03-31 01:30+01", "03-31 02:30+01", "04-01 01:30+01", "04-01 02:30+01"],
    )]);
}

#[test]
fn an_interval_steps_through_clock_changes_in_real_time() {
    let every = Every { step: std::time::Duration::from_secs(4 * 3600), anchor: instant("2026-01-01T00:00:00Z") };
    let recurrence = Recurrence::new(vec![Pattern::Every(every)], zone("America/New_York"), USUAL).unwrap();
    assert_eq!(
        rows(&recurrence, "2026-03-07", "2026-03-08")[4..],
        [
            "03-07 19:00-05",
            "03-07 23:00-05",
            "03-08 04:00-04",
            "03-08 08:00-04",
            "03-08 12:00-04",
            "03-08 16:00-04",
            "03-08 20:00-04",
        ]
    );
    // Before the anchor, too, and after any downtime at once.
    let next = |after: &str| recurrence.next_after(instant(after)).unwrap().at.to_string();
    assert_eq!(next("1969-12-31T23:59:59.5Z"), "1970-01-01T00:00:00Z");
    assert_eq!(next("2999-06-01T00:00:00Z"), "2999-06-01T04:00:00Z");
}

#[test]
fn single_instants_run_once_and_meet_cron_times() {
    let patterns = vec![
        Pattern::At(instant("2026-11-01T06:30:00Z")),
        crate::support::cron("30 1 * * *"),
        Pattern::At(instant("2026-11-01T07:00:00Z")),
    ];
    let recurrence = Recurrence::new(patterns, zone("America/New_York"), USUAL).unwrap();
    assert_eq!(
        rows(&recurrence, "2026-11-01", "2026-11-01"),
        ["11-01 01:30-04 (first of two 01:30)", "11-01 01:30-05 (second of two 01:30)", "11-01 02:00-05",]
    );
    let once = Recurrence::new(vec![Pattern::At(instant("2026-11-01T06:30:00Z"))], zone("UTC"), USUAL).unwrap();
    assert_eq!(once.next_after(instant("2026-11-01T06:29:59.999Z")).unwrap().at, instant("2026-11-01T06:30:00Z"));
    assert_eq!(once.next_after(instant("2026-11-01T06:30:00Z")), None);
}

#[test]
fn day_of_month_and_weekday_both_restricted_means_either_and_a_plus_means_both() {
    let days = |pattern: &str| -> Vec<String> {
        times(&recurrence(pattern, "UTC", USUAL), instant("2026-02-01T00:00:00Z"), instant("2026-03-01T00:00:00Z"))
            .iter()
            .map(|due| due.local.strftime("%a %-d").to_string())
            .collect()
    };
    assert_eq!(days("0 0 13 * MON"), ["Mon 2", "Mon 9", "Fri 13", "Mon 16", "Mon 23"]);
    assert_eq!(days("0 0 13 * +FRI"), ["Fri 13"]);
    assert_eq!(days("0 0 ? * SUN"), days("0 0 * * 7"));
    assert_eq!(days("0 0 * * 0"), ["Sun 1", "Sun 8", "Sun 15", "Sun 22"]);
    assert_eq!(days("0 0 L * *"), ["Sat 28"]);
    assert_eq!(days("0 0 LW * *"), ["Fri 27"]);
    assert_eq!(days("0 0 15W * *"), ["Mon 16"]);
    assert_eq!(days("0 0 * * FRI#2,MON#L"), ["Fri 13", "Mon 23"]);
    assert_eq!(days("0 0 * * FRI-SUN"), days("0 0 * * 5,6,0"));
}

#[test]
fn seconds_are_the_first_of_six_fields() {
    let seconds = |pattern: &str, from: &str, to: &str| -> Vec<String> {
        times(&recurrence(pattern, "UTC", USUAL), instant(from), instant(to))
            .iter()
            .map(|due| due.local.strftime("%a %T").to_string())
            .collect()
    };
    assert_eq!(
        seconds("5,*/25 59,1 2,4 * * MON", "2026-02-02T02:01:05Z", "2026-02-03T00:00:00Z"),
        [
            "Mon 02:01:05",
            "Mon 02:01:25",
            "Mon 02:01:50",
            "Mon 02:59:00",
            "Mon 02:59:05",
            "Mon 02:59:25",
            "Mon 02:59:50",
            "Mon 04:01:00",
            "Mon 04:01:05",
            "Mon 04:01:25",
            "Mon 04:01:50",
            "Mon 04:59:00",
            "Mon 04:59:05",
            "Mon 04:59:25",
            "Mon 04:59:50",
        ]
    );
    assert_eq!(seconds("30 7 * * *", "2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z"), ["Mon 07:30:00"]);
    assert_eq!(seconds("59 59 23 * * *", "2026-02-02T23:59:59Z", "2026-02-03T00:00:00Z"), ["Mon 23:59:59"]);
}

#[test]
fn the_rarest_pattern_is_found_and_an_impossible_one_is_refused() {
    let rare = recurrence("0 0 29 2 +MON", "Europe/Berlin", USUAL);
    let years: Vec<i16> = times(&rare, instant("2020-01-01T00:00:00Z"), instant("2110-01-01T00:00:00Z"))
        .iter()
        .map(|d| d.local.year())
        .collect();
    // 28 years apart, 40 across the year 2100, which has no 29 February.
    assert_eq!(years, [2044, 2072]);
    assert_eq!(rare.next_after(instant("2072-03-01T00:00:00Z")).unwrap().local.year(), 2112);
    for impossible in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *"] {
        let patterns = vec![crate::support::cron("0 0 * * *"), crate::support::cron(impossible)];
        let error = Recurrence::new(patterns, zone("UTC"), USUAL).unwrap_err();
        assert_eq!(error.pattern, 1, "`{impossible}`");
    }
}
