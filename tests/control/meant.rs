//! Which coming time of a schedule a person means, as a table.

use jiff::Timestamp;
use punctual::recurrence::{Class, CronPattern, DstPolicy, GapPolicy, OverlapTime, Pattern, Recurrence, Zone};
use punctual::web::meant::{NotMeant, meant, meant_of};

/// Friday noon in Berlin.
const NOON: &str = "2026-11-27T11:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(pattern: &str, zone: &str, overlap: OverlapTime) -> Recurrence {
    let pattern = Pattern::Cron(CronPattern::parse(pattern).unwrap());
    let dst = DstPolicy { gap: GapPolicy::Shift, overlap, class: Some(Class::Fixed) };
    Recurrence::new(vec![pattern], Zone::find(zone).unwrap(), dst).unwrap()
}

/// The instant, or why there is none.
fn read(text: &str, recurrence: &Recurrence, now: &str) -> Result<String, NotMeant> {
    meant(text, recurrence, at(now)).map(|time| time.at.to_string())
}

#[test]
fn a_time_is_read_in_the_zone_of_its_schedule_in_every_form_that_next_prints_and_people_write() {
    let daily = schedule("0 6,18 * * *", "Europe/Berlin", OverlapTime::First);
    let weekly = schedule("0 6 * * MON", "America/New_York", OverlapTime::First);
    let monday = "2026-11-30T11:00:00Z";
    for (schedule, text, wanted) in [
        // What `next` prints in its zone, in another one, and for machines.
        (&daily, "2026-11-28 06:00:00 +01:00", "2026-11-28T05:00:00Z"),
        (&daily, "2026-11-28 05:00:00 +00:00", "2026-11-28T05:00:00Z"),
        (&daily, "2026-11-27 19:00:00 -10:00", "2026-11-28T05:00:00Z"),
        (&daily, "2026-11-28T05:00:00.000Z", "2026-11-28T05:00:00Z"),
        (&daily, "2026-11-28T06:00:00+01:00", "2026-11-28T05:00:00Z"),
        (&daily, "2026-11-28T06:00[Europe/Berlin]", "2026-11-28T05:00:00Z"),
        // Without an offset.
        (&daily, "2026-11-28T06:00:00", "2026-11-28T05:00:00Z"),
        (&daily, "2026-11-28 06:00", "2026-11-28T05:00:00Z"),
        (&daily, "06:00", "2026-11-28T05:00:00Z"),
        (&daily, "6:00", "2026-11-28T05:00:00Z"),
        (&daily, "06:00:00", "2026-11-28T05:00:00Z"),
        (&daily, "18:00", "2026-11-27T17:00:00Z"),
        (&daily, "today 18:00", "2026-11-27T17:00:00Z"),
        (&daily, " tomorrow  18:00 ", "2026-11-28T17:00:00Z"),
        // The next of its times at which the clock shows it, however far.
        (&weekly, "06:00", monday),
        (&weekly, "2026-11-30", monday),
        (&weekly, "2026-11-30 06:00", monday),
        (&weekly, "2026-11-30 11:00:00 +00:00", monday),
    ] {
        assert_eq!(read(text, schedule, NOON).as_deref(), Ok(wanted), "{text}");
    }
    // Today has one time left.
    assert_eq!(read("today", &daily, NOON).as_deref(), Ok("2026-11-27T17:00:00Z"));
}

#[test]
fn what_is_no_coming_time_names_the_zone_and_the_times_around_it() {
    let daily = schedule("0 6 * * *", "Europe/Berlin", OverlapTime::First);
    for (text, wanted, nearest) in [
        ("07:00", "at 07:00:00", ["2026-11-28 06:00:00 +01:00", "2026-11-29 06:00:00 +01:00"]),
        ("2026-12-24 06:30", "2026-12-24 06:30:00", ["2026-12-24 06:00:00 +01:00", "2026-12-25 06:00:00 +01:00"]),
        // The clock of a machine in UTC.
        (
            "2026-11-28T06:00:00Z",
            "2026-11-28 07:00:00 +01:00",
            ["2026-11-28 06:00:00 +01:00", "2026-11-29 06:00:00 +01:00"],
        ),
        // It was this morning.
        ("today 06:00", "2026-11-27 06:00:00", ["2026-11-28 06:00:00 +01:00", "2026-11-29 06:00:00 +01:00"]),
        ("2026-11-27", "on 2026-11-27", ["2026-11-28 06:00:00 +01:00", "2026-11-29 06:00:00 +01:00"]),
    ] {
        let why = NotMeant::NoTime {
            wanted: wanted.to_owned(),
            zone: "Europe/Berlin".to_owned(),
            nearest: nearest.map(str::to_owned).to_vec(),
        };
        assert_eq!(read(text, &daily, NOON), Err(why), "{text}");
    }
    let texts = [
        "",
        "soon",
        "2h",
        "6",
        "0600",
        "2026",
        "25:00",
        "2026-02-30",
        "06:00 tomorrow",
        "2026-11-28 06:00 +26:00",
        "2026-11-28 06:00 Berlin",
        "now",
    ];
    for text in texts {
        assert_eq!(read(text, &daily, NOON), Err(NotMeant::Unreadable(text.to_owned())));
    }
}

#[test]
fn where_two_times_fit_both_are_named_and_where_the_clock_shows_a_time_twice_that_of_the_schedule_is_taken() {
    let before = "2026-10-24T12:00:00Z";
    for (overlap, wanted) in [(OverlapTime::First, "2026-10-25T00:30:00Z"), (OverlapTime::Last, "2026-10-25T01:30:00Z")]
    {
        let night = schedule("30 2 * * *", "Europe/Berlin", overlap);
        for text in ["02:30", "tomorrow 02:30", "2026-10-25 02:30", "2026-10-25"] {
            assert_eq!(read(text, &night, before).as_deref(), Ok(wanted), "{text}");
        }
    }
    let both = schedule("30 2 * * *", "Europe/Berlin", OverlapTime::Both);
    let times = ["2026-10-25 02:30:00 +02:00", "2026-10-25 02:30:00 +01:00"].map(str::to_owned);
    for (text, wanted) in
        [("02:30", "at 02:30:00"), ("2026-10-25 02:30", "2026-10-25 02:30:00"), ("2026-10-25", "on 2026-10-25")]
    {
        let why =
            NotMeant::Several { wanted: wanted.to_owned(), zone: "Europe/Berlin".to_owned(), times: times.to_vec() };
        assert_eq!(read(text, &both, before), Err(why), "{text}");
    }
    // What is named there is read again.
    assert_eq!(read(&times[0], &both, before).as_deref(), Ok("2026-10-25T00:30:00Z"));
    assert_eq!(read(&times[1], &both, before).as_deref(), Ok("2026-10-25T01:30:00Z"));
    // A local time that the spring leaves out is none; the time that stands for it is.
    let spring = "2026-03-28T12:00:00Z";
    let night = schedule("30 2 * * *", "Europe/Berlin", OverlapTime::First);
    assert!(matches!(read("2026-03-29 02:30", &night, spring), Err(NotMeant::NoTime { .. })));
    assert_eq!(read("2026-03-29 03:00", &night, spring).as_deref(), Ok("2026-03-29T01:00:00Z"));
}

#[test]
fn a_time_with_jitter_is_meant_by_when_it_is_due_and_by_when_it_fires() {
    let jitter = std::time::Duration::from_secs(1_800);
    let daily = schedule("0 6 * * *", "Europe/Berlin", OverlapTime::First).with_jitter(jitter, "payroll");
    let next = daily.next_after(at(NOON)).unwrap();
    let seconds = next.fire_at.as_second() - next.at.as_second();
    assert!(seconds > 1, "the key gives it some seconds");
    let shown = next.fire_at.strftime("%F %T +00:00").to_string();
    for text in [shown.as_str(), &next.fire_at.to_string(), "06:00"] {
        assert_eq!(read(text, &daily, NOON), Ok(next.at.to_string()), "{text}");
    }
    // It has passed and has not fired: it is still to come.
    let between = (next.at + jiff::SignedDuration::from_secs(1)).to_string();
    assert_eq!(read("06:00", &daily, &between), Ok(next.at.to_string()));
}

#[test]
fn of_the_times_that_are_to_be_skipped_the_one_that_was_meant_is_taken_back() {
    let zone = Zone::find("Europe/Berlin").unwrap();
    let all = [at("2026-11-28T05:00:00Z"), at("2026-11-29T05:00:00Z"), at("2026-11-29T17:00:00Z")];
    for (text, wanted) in [
        ("06:00", Some(all[0])),
        ("2026-11-29 06:00:00 +01:00", Some(all[1])),
        ("tomorrow", Some(all[0])),
        ("18:00", Some(all[2])),
        ("07:00", None),
    ] {
        assert_eq!(meant_of(text, &zone, &all, at(NOON)), Ok(wanted), "{text}");
    }
    let two = meant_of("2026-11-29", &zone, &all, at(NOON));
    assert!(matches!(&two, Err(NotMeant::Several { times, .. }) if times.len() == 2), "{two:?}");
}
