//! What good files mean.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use punctual::grant::Grant;
use punctual::schedule::{
    BlackoutThen, CatchUpPolicy, CountedBy, Enablement, FolderChoice, HistoryChoice, JobPriority, Kept, Loaded,
    OnPending, OnUnknownStart, OverlapPolicy, PauseAfter, RetryOn, Schedule, SourceFile, Timeouts, parse,
};
use punctual::secret::{SecretRef, SecretSource};
use serde_json::json;

use super::{HEAD, messages, now, read, source, with_schedule};

fn good(file: SourceFile) -> Loaded {
    read(file).unwrap_or_else(|invalid| panic!("{:#?}", invalid.diagnostics))
}

fn named(folder: &str) -> Option<FolderChoice> {
    Some(FolderChoice::Named(folder.to_owned()))
}

fn one(lines: &str) -> Schedule {
    let loaded = good(with_schedule(lines));
    loaded.set.schedules["x"].as_ref().clone()
}

#[test]
fn the_example_loads_without_a_word() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules.example.yaml");
    let loaded = good(source("schedules.example.yaml", &fs::read_to_string(path).unwrap()));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.set.connections.len(), 3);
    assert_eq!(loaded.set.schedules.len(), 12);
    assert_eq!((loaded.set.pools.len(), loaded.set.blackouts.len()), (1, 2));
    let reports = &loaded.set.schedules["reports"];
    assert_eq!(
        json!(reports.start.arguments),
        json!({ "recipient": "finance@example.com", "country": "NO", "pages": 12, "draft": false })
    );
    assert_eq!(loaded.set.schedules["year-end"].on_unknown_start, OnUnknownStart::Hold);
    assert_eq!(loaded.set.schedules["invoices"].start.folder, named("Shared"));
}

#[test]
fn what_is_not_said_has_the_documented_default() {
    let schedule = one("cron: \"0 7 * * *\"\nstart: { process: P }");
    assert_eq!(schedule.overlap, OverlapPolicy::Skip);
    assert_eq!(schedule.catch_up.policy, CatchUpPolicy::Last);
    assert_eq!(schedule.catch_up.window, Duration::from_secs(6 * 3600));
    assert_eq!(schedule.start_deadline, Duration::from_secs(3600));
    assert_eq!(schedule.on_unknown_start, OnUnknownStart::Retry);
    assert_eq!(schedule.enablement, Enablement::Enabled);
    assert_eq!(schedule.connection.as_str(), "cloud");
    assert_eq!(schedule.start.folder, None);
    assert_eq!(schedule.history, HistoryChoice::default());
    assert_eq!((schedule.retry, schedule.timeout, schedule.pool, schedule.priority), (None, None, None, 0));
    assert_eq!((schedule.pause_after, schedule.start.priority), (PauseAfter::AccountFaults, None));
    assert_eq!(schedule.catch_up.max, 10);
    assert_eq!(
        schedule.timing.to_json(),
        r#"{"cron":["0 7 * * *"],"every_s":null,"anchor":null,"at":[],"timezone":"UTC","dst_gap":"shift","dst_overlap":"first","dst_class":null}"#
    );
    assert_eq!((schedule.place.file, schedule.place.line), (PathBuf::from("schedules.yaml"), 8));
}

#[test]
fn a_map_of_a_schedule_stands_in_the_place_of_the_whole_map_of_defaults() {
    let text = HEAD.replace(
        "{ timezone: UTC }",
        "{ folder: Shared, timezone: UTC, overlap: allow, catch_up: { policy: skip, window: 1h }, dst: { gap: skip }, retry: { attempts: 5, delay: 2m }, timeout: { soft: 1h, pending: 5m }, history: { arguments: hash } }",
    );
    let schedules = "  x: { cron: \"0 7 * * *\", catch_up: { window: 2h }, dst: { overlap: both }, retry: { attempts: 2 }, timeout: { soft: 2h }, history: { output: drop }, start: { process: P } }
  y: { cron: \"0 7 * * *\", start: { process: P } }\n";
    let loaded = good(source("f.yaml", &format!("{text}schedules:\n{schedules}")));
    let (x, y) = (&loaded.set.schedules["x"], &loaded.set.schedules["y"]);
    let caught_up = |schedule: &Schedule| (schedule.catch_up.policy, schedule.catch_up.window.as_secs());
    assert_eq!((caught_up(x), caught_up(y)), ((CatchUpPolicy::Last, 7_200), (CatchUpPolicy::Skip, 3_600)));
    let dst = |schedule: &Schedule| (schedule.timing.dst_gap.clone(), schedule.timing.dst_overlap.clone());
    assert_eq!(dst(x), ("shift".to_owned(), "both".to_owned()));
    assert_eq!(dst(y), ("skip".to_owned(), "first".to_owned()));
    let retry = |schedule: &Schedule| schedule.retry.clone().map(|retry| (retry.attempts, retry.delay.as_secs()));
    assert_eq!((retry(x), retry(y)), (Some((2, 60)), Some((5, 120))));
    let pending = |schedule: &Schedule| schedule.timeout.clone().unwrap().pending.map(|length| length.as_secs());
    assert_eq!((pending(x), pending(y)), (None, Some(300)));
    assert_eq!(x.history, HistoryChoice { arguments: Kept::Keep, output: Kept::Drop });
    assert_eq!(y.history, HistoryChoice { arguments: Kept::Hash, output: Kept::Keep });
    for schedule in [x, y] {
        assert_eq!((schedule.overlap, schedule.start.folder.clone()), (OverlapPolicy::Allow, named("Shared")));
    }
}

#[test]
fn what_is_said_of_failed_and_hanging_jobs_is_what_they_get() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let retry = |said: &str| {
        let retry = one(&format!("every: 30d\nretry: {{ {said} }}\nstart: {{ process: P }}")).retry.unwrap();
        (retry.attempts, retry.delay, retry.max_delay, retry.on)
    };
    assert_eq!(retry("attempts: 3"), (3, minutes(1), minutes(15), vec![RetryOn::Faulted]));
    let on = vec![RetryOn::Business, RetryOn::Faulted];
    assert_eq!(
        retry("attempts: 2, delay: 2m, max_delay: 3m, on: [business, faulted]"),
        (2, minutes(2), minutes(3), on)
    );
    // One that is said alone moves the other.
    assert_eq!(retry("attempts: 2, delay: 1h"), (2, minutes(60), minutes(60), vec![RetryOn::Faulted]));
    let second = Duration::from_secs(1);
    assert_eq!(retry("attempts: 2, max_delay: 1s"), (2, second, second, vec![RetryOn::Faulted]));
    let timeout =
        |said: &str| one(&format!("every: 1d\ntimeout: {{ {said} }}\nstart: {{ process: P }}")).timeout.unwrap();
    let soft = Timeouts {
        pending: None,
        soft: Some(minutes(60)),
        at: None,
        kill_after: minutes(5),
        on_pending: OnPending::Stop,
        counted_by: CountedBy::Us,
    };
    assert_eq!(timeout("soft: 1h"), soft);
    assert_eq!(
        timeout("pending: 20m, soft: 1h, at: 23:30, kill_after: 1m, on_pending: restart, on_server: true"),
        Timeouts {
            pending: Some(minutes(20)),
            at: Some(jiff::civil::time(23, 30, 0, 0)),
            kill_after: minutes(1),
            on_pending: OnPending::Restart,
            counted_by: CountedBy::ServerToo,
            ..soft
        }
    );
}

#[test]
fn a_schedule_takes_back_the_retry_of_defaults_by_one_attempt() {
    let text =
        HEAD.replace("timezone: UTC", "timezone: UTC, retry: { attempts: 3, on: timed_out }, timeout: { soft: 1h }");
    let schedules = "  x: { every: 1d, retry: { attempts: 1 }, timeout: { pending: 5m }, start: { process: P } }
  y: { every: 1d, start: { process: P } }\n";
    let loaded = good(source("f.yaml", &format!("{text}schedules:\n{schedules}")));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.set.schedules["x"].retry, None);
    assert_eq!(loaded.set.schedules["y"].retry.as_ref().unwrap().attempts, 3);
}

#[test]
fn pools_priorities_and_pauses_are_read_and_taken_over() {
    let text = HEAD.replace("timezone: UTC", "timezone: UTC, pool: a, priority: -3, pause_after_failures: 3")
        + "limits: { a: { running: 3 } }\n";
    let a = format!(
        "{text}schedules:\n  x: {{ every: 5m, start: {{ process: P, priority: Low }} }}
  y: {{ every: 5m, pool: b, priority: 100, pause_after_failures: 0, catch_up: {{ policy: all, max: 1000 }}, start: {{ process: P }} }}\n"
    );
    // A pool may stand in another file.
    let b = "version: 1\nlimits: { b: { running: 10000 } }\n";
    let set = parse(&[source("a.yaml", &a), source("b.yaml", b)], now()).unwrap().set;
    assert_eq!(set.pools, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 10_000)]));
    let said = |key: &str| {
        let schedule = &set.schedules[key];
        (schedule.pool.clone().unwrap(), schedule.priority, schedule.pause_after, schedule.start.priority)
    };
    assert_eq!(said("x"), ("a".to_owned(), -3, PauseAfter::Failures(3), Some(JobPriority::Low)));
    assert_eq!(said("y"), ("b".to_owned(), 100, PauseAfter::Never, None));
    let caught_up = set.schedules["y"].catch_up;
    assert_eq!((caught_up.policy, caught_up.max), (CatchUpPolicy::All, 1_000));
}

#[test]
fn a_blackout_is_read_in_its_own_zone_else_in_that_of_defaults() {
    let text = HEAD.replace("timezone: UTC", "timezone: Europe/Berlin")
        + "blackouts:
  own: { cron: \"0 22 * * SAT\", for: 6h, timezone: America/New_York, schedules: [\"pay*\", x], connections: cloud, then: wait }
  usual: { cron: \"0 22 * * SAT\", for: 6h }
  once: { at: \"2026-12-24T12:00[Asia/Tokyo]\", for: 1d }
schedules:
  x: { every: 5m, start: { process: P } }
  payroll: { every: 5m, start: { process: P } }
  other: { every: 5m, start: { process: P } }\n";
    let loaded = good(source("f.yaml", &text));
    assert_eq!(loaded.warnings, []);
    let set = loaded.set;
    let shut = |blackout: &str, at: &str| {
        let blackout = &set.blackouts[blackout];
        let until = blackout.stretch_at(at.parse().unwrap()).shut_until.map(|until| until.to_string());
        (until, blackout.length.as_secs() / 3_600, blackout.then)
    };
    let until = |text: &str| Some(text.to_owned());
    // 28 November 2026 is a Saturday.
    assert_eq!(shut("own", "2026-11-29T03:00:00Z"), (until("2026-11-29T09:00:00Z"), 6, BlackoutThen::Wait));
    assert_eq!(shut("own", "2026-11-29T02:59:59Z").0, None);
    assert_eq!(shut("usual", "2026-11-29T02:59:59Z"), (until("2026-11-29T03:00:00Z"), 6, BlackoutThen::Skip));
    assert_eq!(shut("usual", "2026-11-29T03:00:00Z").0, None);
    assert_eq!(shut("once", "2026-12-24T03:00:00Z"), (until("2026-12-25T03:00:00Z"), 24, BlackoutThen::Skip));
    let about = |key: &str| set.blackouts["own"].is_about(key, set.schedules["x"].connection.as_str());
    assert_eq!(["x", "payroll", "other"].map(about), [true, true, false]);
}

#[test]
fn with_defaults_that_switch_off_a_schedule_runs_where_it_says_so() {
    let text = HEAD.replace("timezone: UTC", "timezone: UTC, enabled: false, description: night work");
    let schedules = "  x: { every: 5m, start: { process: P } }
  y: { every: 5m, enabled: true, description: mine, start: { process: P } }\n";
    let loaded = good(source("f.yaml", &format!("{text}schedules:\n{schedules}")));
    let said =
        |key: &str| (loaded.set.schedules[key].enablement, loaded.set.schedules[key].description.clone().unwrap());
    assert_eq!(said("x"), (Enablement::Disabled, "night work".to_owned()));
    assert_eq!(said("y"), (Enablement::Enabled, "mine".to_owned()));
}

#[test]
fn text_stays_text_and_numbers_stay_numbers() {
    let lines = "every: 5m
start:
  process: 0755
  folder: on
  arguments: { country: NO, flag: on, yes: no, code: 0755, sum: 1_000, quoted: \"12\", hex: 0x1F, n: -12, f: 1.10, t: true, nothing: ~, list: [a, 2] }";
    let start = one(lines).start;
    assert_eq!((start.process.as_str(), start.folder.clone()), ("0755", named("on")));
    assert_eq!(
        json!(start.arguments),
        json!({ "country": "NO", "flag": "on", "yes": "no", "code": "0755", "sum": "1_000", "quoted": "12", "hex": 31,
                "n": -12, "f": 1.1, "t": true, "nothing": null, "list": ["a", 2] })
    );
}

#[test]
fn durations_are_read_as_written() {
    for (written, seconds) in
        [("90s", 90), ("5m", 300), ("2h", 7_200), ("1d", 86_400), ("1h30m", 5_400), ("1d2h3m4s", 93_784), ("007m", 420)]
    {
        assert_eq!(
            one(&format!("every: {written}\nstart: {{ process: P }}")).timing.every_s,
            Some(seconds),
            "{written}"
        );
    }
    for wrong in
        ["90", "1.5h", "5 m", "m", "1h1h", "1m1h", "-5m", "5M", "1w", "0s", "0d0s", "99999999999999999999s", "3654d"]
    {
        assert!(read(with_schedule(&format!("every: {wrong}\nstart: {{ process: P }}"))).is_err(), "{wrong}");
    }
}

#[test]
fn instants_are_kept_in_utc_sorted_and_once() {
    let timing = one(
        "at:\n  - \"2027-07-01T12:00[Europe/Berlin]\"\n  - 2027-01-01T12:00:00+01:00\n  - 2027-07-01T10:00:00Z\n  - 2027-07-01T10:00Z[Europe/Berlin]\n  - \"2027-10-31T02:30+01:00[Europe/Berlin]\"\nstart: { process: P }",
    )
    .timing;
    assert_eq!(timing.at, ["2027-01-01T11:00:00Z", "2027-07-01T10:00:00Z", "2027-10-31T01:30:00Z"]);
}

#[test]
fn the_same_times_written_the_same_way_have_one_version() {
    let a = one("cron: \"0 7  * *   MON-FRI\"\nstart: { process: P }").timing;
    let b = one("cron: [0 7 * * MON-FRI]\ndescription: other\nstart: { process: Q }").timing;
    assert_eq!(a.hash(), b.hash());
    let c = one("cron: \"0 7 * * MON-FRI\"\ntimezone: Europe/Berlin\nstart: { process: P }").timing;
    assert_ne!(a.hash(), c.hash());
}

#[test]
fn a_timing_that_was_kept_means_the_same_times_as_the_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules.example.yaml");
    let loaded = good(source("schedules.example.yaml", &fs::read_to_string(path).unwrap()));
    for (key, schedule) in &loaded.set.schedules {
        let kept = schedule.timing.compile(schedule.key.as_str()).unwrap();
        let (mut from_file, mut from_store) = (now(), now());
        for _ in 0..2 {
            let nominal = schedule.recurrence.next_after(from_file).unwrap_or_else(|| panic!("{key} has no time"));
            from_file = nominal.at;
            from_store = kept.next_after(from_store).unwrap().at;
            assert_eq!(from_file, from_store, "{key}");
        }
    }
}

#[test]
fn secrets_are_references_relative_to_the_file_they_stand_in() {
    let text = "version: 1\nconnections:\n  c: { url: \"http://localhost:8080/\", auth: { grant: refresh_token, style: account, client_id: 5v7P, refresh_token: \"file:user-key\" } }\n";
    let loaded = good(source("f.yaml", text));
    let connection = &loaded.set.connections.values().next().unwrap();
    assert_eq!(connection.url.as_str(), "http://localhost:8080/");
    let Grant::RefreshTokenAccount { client_id, refresh_token } = &connection.auth.grant else {
        panic!("{:?}", connection.auth.grant);
    };
    assert_eq!(client_id, "5v7P");
    assert_eq!(*refresh_token, SecretSource::At(SecretRef::File(PathBuf::from("/etc/punctual/user-key"))));
}

#[test]
fn a_secret_left_out_is_kept_by_login() {
    let grant = |auth: &str| {
        let text = format!("version: 1\nconnections:\n  c: {{ url: \"https://o.example.com\", auth: {{ {auth} }} }}\n");
        good(source("f.yaml", &text)).set.connections.values().next().unwrap().auth.grant.clone()
    };
    let (kept, id) = (|| SecretSource::Kept, || "x".to_owned());
    let at = |name: &str| SecretSource::At(SecretRef::Credential(name.to_owned()));
    assert_eq!(
        grant("grant: client_credentials, client_id: x, scope: OR.Jobs"),
        Grant::ClientCredentials { client_id: id(), client_secret: kept(), scope: "OR.Jobs".to_owned() }
    );
    assert_eq!(
        grant("grant: refresh_token, style: account, client_id: x"),
        Grant::RefreshTokenAccount { client_id: id(), refresh_token: kept() }
    );
    assert_eq!(
        grant("grant: refresh_token, client_id: x, client_secret: \"credential:s\""),
        Grant::RefreshTokenIdentity { client_id: id(), client_secret: at("s"), refresh_token: kept(), scope: None }
    );
    assert_eq!(grant("grant: password, username: x"), Grant::Password { username: id(), password: kept() });
    assert_eq!(
        grant("grant: password, username: x, password: \"credential:p\""),
        Grant::Password { username: id(), password: at("p") }
    );
    assert_eq!(grant("grant: personal_access_token"), Grant::PersonalAccessToken { token: kept() });
    assert_eq!(
        grant("grant: personal_access_token, token: \"credential:t\""),
        Grant::PersonalAccessToken { token: at("t") }
    );
}

#[test]
fn addresses_must_be_https_but_for_this_machine() {
    let url = |url: &str| {
        read(source("f.yaml", &HEAD.replace("https://cloud.uipath.com/acme/production/orchestrator_", url)))
    };
    for fine in ["http://localhost", "http://127.0.0.1:9/x/", "\"http://[::1]:80\"", "https://o.example.com/base/"] {
        let loaded = url(fine).unwrap_or_else(|invalid| panic!("{fine}: {:?}", invalid.diagnostics));
        let path = loaded.set.connections.values().next().unwrap().url.path().to_owned();
        assert!(path == "/" || !path.ends_with('/'), "{fine}: {path}");
    }
    for wrong in [
        "http://o.example.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "o.example.com",
        "file:///etc/x",
        "https://u:p@o.example.com",
        "https://o.example.com/?a=b",
        "https://o.example.com/#x",
        "https://o.example.com/odata/",
    ] {
        assert!(url(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn files_are_one_set_with_the_defaults_of_one_file() {
    let more = "version: 1\nschedules:\n  y: { cron: \"0 8 * * *\", start: { process: Q } }\n";
    let loaded = parse(&[source("a.yaml", HEAD), source("b.yaml", more)], now()).unwrap();
    assert_eq!(loaded.set.schedules["y"].timing.timezone, "UTC");
    assert_eq!(loaded.files, [PathBuf::from("a.yaml"), PathBuf::from("b.yaml")]);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_file_without_schedules_is_an_empty_set() {
    let loaded = good(source("f.yaml", "version: 1\n"));
    assert!(loaded.set.schedules.is_empty() && loaded.set.connections.is_empty());
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    let text =
        format!("\u{feff}{HEAD}schedules:\n  x: {{ every: 5m, start: {{ process: P }} }}\n").replace('\n', "\r\n");
    assert_eq!(good(source("f.yaml", &text)).set.schedules["x"].start.process, "P");
    let wrong = text.replace("version", "versoin");
    let first = &read(source("f.yaml", &wrong)).unwrap_err().diagnostics[0];
    assert_eq!((first.line, first.column), (1, 1));
}

#[test]
fn what_is_perhaps_not_meant_is_a_warning_and_no_error() {
    let no_zone = HEAD.replace("defaults: { timezone: UTC }\n", "");
    let text = format!(
        "{no_zone}schedules:\n  x: {{ cron: \"0 7 * * *\", start_deadline: 2m, start: {{ process: P }} }}\n  y: {{ at: 2020-01-01T00:00Z, start: {{ process: P }} }}\n"
    );
    let text = text.replace("\"credential:cloud\"", "\"env:CLOUD\"");
    assert_eq!(
        messages(Ok(good(source("f.yaml", &text)))),
        [
            "connection `cloud`: `auth.client_secret` is read from the environment, which other programs may see",
            "schedule `x`: no `timezone` is given, so the times are read as UTC",
            "schedule `x`: `start_deadline` is so short that an unclear start cannot be tried again",
            "schedule `y`: `at` has passed, so it will not run",
        ]
    );
}

#[test]
fn arguments_may_be_ten_thousand_characters_of_json_and_not_one_more() {
    // {"a":"…"} is 8 characters around the text.
    let with = |chars: usize| {
        with_schedule(&format!("every: 5m\nstart: {{ process: P, arguments: {{ a: {} }} }}", "x".repeat(chars)))
    };
    assert!(read(with(9_992)).is_ok());
    assert_eq!(
        messages(read(with(9_993))),
        ["schedule `x`: `start.arguments` is 10001 characters as JSON, and at most 10000 are allowed"]
    );
}

#[test]
fn calendars_bounds_and_jitter_come_from_any_file_and_from_defaults() {
    let a = HEAD.replace(
        "{ timezone: UTC }",
        "{ timezone: Europe/Berlin, calendar: work, on_excluded: next_working_day, jitter: 30s, starts: 2027-01-01 }",
    ) + "schedules:\n  x: { cron: \"0 7 1 * *\", ends: 2027-05-02, start: { process: P } }\n";
    let b = "version: 1\ncalendars: { work: { weekdays: [MON-FRI], exclude: 2027-02-01 } }\n";
    let loaded = parse(&[source("a.yaml", &a), source("b.yaml", b)], now()).unwrap();
    let schedule = &loaded.set.schedules["x"];
    let times: Vec<_> =
        std::iter::successors(schedule.recurrence.next_after(now()), |n| schedule.recurrence.next_after(n.at))
            .collect();
    let local: Vec<String> = times.iter().map(|n| n.local.to_string()).collect();
    // 1 January is a Friday; 1 February is taken out; 1 May is a Saturday, and Monday is after the end.
    assert_eq!(local, ["2027-01-01T07:00:00", "2027-02-02T07:00:00", "2027-03-01T07:00:00", "2027-04-01T07:00:00"]);
    assert!(times.iter().all(|n| n.fire_at >= n.at && n.fire_at < n.at + Duration::from_secs(30)));
    let kept = schedule.timing.compile("x").unwrap();
    assert_eq!(kept.next_after(now()), schedule.recurrence.next_after(now()), "kept as it was read");
    assert_eq!(schedule.timing.ends.as_deref(), Some("2027-05-02T21:59:59Z"), "the last day is included");
}

#[test]
fn quartz_patterns_count_weekdays_from_sunday_as_one() {
    let first =
        |lines: &str| one(&format!("{lines}\nstart: {{ process: P }}")).recurrence.next_after(now()).unwrap().local;
    // 23 November 2026 is a Monday.
    assert_eq!(first("quartz: true\ncron: \"0 0 7 ? * 3\"").to_string(), "2026-11-24T07:00:00");
    assert_eq!(first("cron: \"0 0 7 * * 3\"").to_string(), "2026-11-25T07:00:00");
    assert_eq!(first("cron: \"0 0 7 1 1 * 2030\"").to_string(), "2030-01-01T07:00:00");
}

#[test]
fn a_time_that_the_next_clock_change_leaves_out_is_told_unless_the_file_says_what_then() {
    let text = |more: &str| {
        with_schedule(&format!("cron: \"30 2 * * *\"\ntimezone: Europe/Berlin\n{more}start: {{ process: P }}"))
    };
    assert_eq!(
        messages(read(text(""))),
        ["schedule `x`: on 2027-03-28 the clock change leaves out 02:30, and the run is at 03:00"]
    );
    assert_eq!(messages(read(text("dst: { gap: shift }\n"))), [""; 0]);
}

#[test]
fn one_daemon_section_and_one_calendar_of_a_name_hold_for_all_files() {
    let a = format!("{HEAD}daemon: {{ tzdb: auto }}\ncalendars: {{ w: {{ weekdays: MON }} }}\n");
    let b = "version: 1\ndaemon: { tzdb: auto }\ncalendars: { w: { weekdays: TUE } }\n";
    let wrong = parse(&[source("a.yaml", &a), source("b.yaml", b)], now()).unwrap_err();
    let seen = punctual::schedule::render(&wrong.diagnostics, punctual::schedule::Paint::Plain);
    assert!(seen.contains("b.yaml:2:1: `daemon` may stand in one file only") && seen.contains("a.yaml"), "{seen}");
    assert!(seen.contains("b.yaml:3:14: calendar `w` stands twice"), "{seen}");
}
