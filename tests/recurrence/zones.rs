//! Zone names: what is taken, and what a person is told instead.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use punctual::recurrence::{Zone, ZoneSource, zone_database};

#[test]
fn iana_names_are_taken_letter_for_letter() {
    for name in
        ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/UTC", "Etc/GMT-2", "Asia/Calcutta", "Japan"]
    {
        assert_eq!(Zone::find(name).unwrap().name(), name);
    }
}

#[test]
fn other_names_are_refused_with_the_iana_name_meant() {
    let table = [
        ("europe/berlin", Some("Europe/Berlin")),
        ("EUROPE/BERLIN", Some("Europe/Berlin")),
        ("utc", Some("UTC")),
        ("Europe/Zurch", Some("Europe/Zurich")),
        ("Europe/Berln", Some("Europe/Berlin")),
        ("America/NewYork", Some("America/New_York")),
        ("America/New York", Some("America/New_York")),
        ("Berlin", Some("Europe/Berlin")),
        ("new york", Some("America/New_York")),
        ("CET", Some("Europe/Berlin")),
        ("cest", Some("Europe/Berlin")),
        ("EST", Some("America/New_York")),
        ("PST", Some("America/Los_Angeles")),
        ("EST5EDT", Some("America/New_York")),
        ("GMT", Some("Europe/London")),
        ("W. Europe Standard Time", Some("Europe/Berlin")),
        ("w. europe standard time", Some("Europe/Berlin")),
        ("Eastern Standard Time", Some("America/New_York")),
        ("Pacific Standard Time (Mexico)", Some("America/Tijuana")),
        ("UTC-11", Some("Etc/GMT+11")),
        ("+02:00", Some("Etc/GMT-2")),
        ("-05:00", Some("Etc/GMT+5")),
        ("UTC+2", Some("Etc/GMT-2")),
        ("GMT+1", Some("Etc/GMT-1")),
        ("+0530", Some("Asia/Kolkata")),
        ("-09:30", Some("Pacific/Marquesas")),
        ("+00:00", Some("UTC")),
        ("Z", Some("UTC")),
        ("-03:30", None),
        ("+25:00", None),
        ("posix/Europe/Berlin", Some("Europe/Berlin")),
        ("right/Europe/Berlin", Some("Europe/Berlin")),
        ("localtime", None),
        ("Factory", None),
        ("Mars/Olympus_Mons", None),
        ("", None),
        (" ", None),
        ("../../etc/passwd", None),
    ];
    for (name, hint) in table {
        let error = Zone::find(name).expect_err(name);
        assert_eq!(error.hint.as_deref(), hint, "`{name}`");
        assert_eq!(error.to_string(), format!("unknown time zone `{name}`"));
        if let Some(hint) = hint {
            assert!(Zone::find(hint).is_ok(), "the hint `{hint}` is refused itself");
        }
    }
}

#[test]
fn the_zone_database_says_where_it_is() {
    let database = zone_database();
    match database.source {
        ZoneSource::System(folder) => assert!(folder.is_dir()),
        ZoneSource::Bundled => assert_eq!(database.version, None),
    }
}

#[test]
fn no_zone_changes_its_clock_twice_within_the_longest_gap_since_1900() {
    // The rule looks one change ahead and one back. Two changes closer than that would need another.
    let begin = "1900-01-01T00:00:00Z".parse().unwrap();
    let end = "2100-01-01T00:00:00Z".parse().unwrap();
    for name in jiff::tz::db().available().map(|name| name.to_string()) {
        if Zone::find(&name).is_err() {
            continue;
        }
        let tz = TimeZone::get(&name).unwrap();
        let mut last = begin;
        for change in tz.following(begin).take_while(|change| change.timestamp() < end) {
            let at = change.timestamp();
            assert!(at.duration_since(last) > SignedDuration::from_hours(6), "{name}: {last} and {at}");
            last = at;
        }
    }
}
