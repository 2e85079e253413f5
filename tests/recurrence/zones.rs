//! Zone names: what is taken, and what a person is told instead.

use jiff::SignedDuration;
use punctual::recurrence::{Zone, ZoneChoice, ZoneDatabase, ZoneSource, pick_zone_database, zone_database};

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
        ZoneSource::Bundled => assert!(database.version.is_some()),
    }
}

#[test]
fn the_newer_zone_database_is_taken_unless_one_is_asked_for() {
    let of = |source: &ZoneSource, version: Option<&str>| ZoneDatabase {
        source: source.clone(),
        version: version.map(str::to_string),
    };
    let (folder, inside) = (ZoneSource::System("/usr/share/zoneinfo".into()), ZoneSource::Bundled);
    let (system, bundled) = (|version| of(&folder, version), |version| of(&inside, Some(version)));
    use ZoneChoice::{Auto, Bundled, System};
    for (choice, of_system, of_bundled, taken) in [
        (Auto, Some("2025b"), "2026f", &inside),
        (Auto, Some("2026f"), "2026f", &folder),
        (Auto, Some("2027a"), "2026f", &folder),
        (Auto, None, "2026f", &folder),
        (System, Some("2025b"), "2026f", &folder),
        (Bundled, Some("2027a"), "2026f", &inside),
    ] {
        let picked = pick_zone_database(choice, Some(system(of_system)), bundled(of_bundled));
        assert_eq!(&picked.source, taken, "{choice:?} of {of_system:?} and {of_bundled}");
    }
    assert_eq!(pick_zone_database(System, None, bundled("2026f")).source, inside);
    for choice in ZoneChoice::ALL {
        assert_eq!(ZoneChoice::parse(choice.as_str()), Some(choice));
    }
}

#[test]
fn no_zone_changes_its_clock_twice_within_the_longest_gap_since_1900() {
    // The rule looks one change ahead and one back. Two changes closer than that would need another.
    let begin = "1900-01-01T00:00:00Z".parse().unwrap();
    let end = "2100-01-01T00:00:00Z".parse().unwrap();
    for name in jiff::tz::db().available().map(|name| name.to_string()) {
        let Ok(zone) = Zone::find(&name) else { continue };
        let tz = zone.time_zone();
        let mut last = begin;
        for change in tz.following(begin).take_while(|change| change.timestamp() < end) {
            let at = change.timestamp();
            assert!(at.duration_since(last) > SignedDuration::from_hours(6), "{name}: {last} and {at}");
            last = at;
        }
    }
}
