//! Words of other schedulers, and values that say "none": what is printed is carried out, and then the file is good.

use punctual::schedule::Severity;

use super::cures::Cure::{Do, Write};
use super::cures::{Told, carried_out};
use super::{HEAD, messages, read, source};

fn hint(text: &str) -> (String, String) {
    let invalid = read(source("f.yaml", text)).expect_err(text);
    let [one] = invalid.diagnostics.as_slice() else { panic!("{:#?}\nin\n{text}", invalid.diagnostics) };
    (one.message.clone(), one.hint.clone().unwrap())
}

/// Takes the key out, puts what the hint says first in its place, and reads again.
#[test]
fn a_key_of_another_scheduler_is_told_with_ours_and_that_is_good() {
    for (written, ours) in [
        // Airflow counts what follows the first start, and so does Kubernetes.
        ("retries: 3", "retry: { attempts: 4 }"),
        ("max_retries: 1", "retry: { attempts: 2 }"),
        ("backoffLimit: 6", "retry: { attempts: 7 }"),
        ("max_attempts: 3", "retry: { attempts: 3 }"),
        ("restart: on-failure", "retry: { attempts: 3 }"),
        ("RestartSec: 10", "retry: { attempts: 3, delay: 10s }"),
        ("retry_delay: 2m", "retry: { attempts: 3, delay: 2m }"),
        ("retries: often", "retry: { attempts: 4 }"),
        ("execution_timeout: 20m", "timeout: { soft: 20m }"),
        ("activeDeadlineSeconds: 1200", "timeout: { soft: 20m }"),
        ("max_runtime: [1]", "timeout: { soft: 1h }"),
        ("timeoutSeconds: 90", "timeout: { soft: 1m30s }"),
        ("timeout-minutes: 30", "timeout: { soft: 30m }"),
        ("pending_timeout: 2m", "timeout: { pending: 2m }"),
        ("killJobAfterSeconds: 300", "timeout: { soft: 1h, kill_after: 5m }"),
        ("concurrencyPolicy: Allow", "overlap: allow"),
        ("concurrencyPolicy: Forbid", "overlap: skip"),
        ("concurrencyPolicy: Replace", "overlap: stop_other"),
        ("concurrency: { group: x }", "overlap: skip"),
        ("max_active_runs: 1", "overlap: skip"),
        ("singleton: true", "overlap: skip"),
        ("cancel-in-progress: true", "overlap: stop_other"),
        ("catchup: false", "catch_up: { policy: skip }"),
        ("misfire_grace_time: 3600", "catch_up: { window: 1h }"),
        ("startingDeadlineSeconds: 600", "start_deadline: 10m"),
        ("paused: true", "enabled: false"),
        ("suspend: true", "enabled: false"),
        ("RandomizedDelaySec: 5m", "jitter: 5m"),
        ("start_date: 2026-12-01", "starts: 2026-12-01"),
        ("tz: Europe/Berlin", "timezone: Europe/Berlin"),
        ("disable_after_failures: 4", "pause_after_failures: 4"),
        ("priority_weight: 10", "priority: 10"),
    ] {
        let file = |line: &str| {
            format!("{HEAD}schedules: {{ x: {{ cron: \"0 7 * * *\", {line}, start: {{ process: P }} }} }}\n")
        };
        let (message, hint) = hint(&file(written));
        assert!(message.starts_with("schedule `x`: unknown key `"), "{message}");
        assert!(hint.contains(&format!("`{ours}`")), "{written}: {hint}");
        assert_eq!(messages(read(source("f.yaml", &file(ours)))), [""; 0], "{ours}");
    }
}

#[test]
fn a_time_of_another_scheduler_is_told_as_a_pattern_or_an_interval() {
    for (written, ours) in [
        ("schedule: \"0 6 * * MON-FRI\"", "cron: \"0 6 * * MON-FRI\""),
        ("schedule_interval: \"@daily\"", "cron: \"0 0 * * *\""),
        ("OnCalendar: hourly", "cron: \"0 * * * *\""),
        ("OnCalendar: \"Mon..Fri *-*-* 06:30:00\"", "cron: \"30 6 * * MON-FRI\""),
        ("schedule: 5m", "every: 5m"),
        ("interval: 90", "every: 1m30s"),
    ] {
        let file = |line: &str| format!("{HEAD}schedules: {{ x: {{ {line}, start: {{ process: P }} }} }}\n");
        let (_, hint) = hint(&file(written));
        assert!(hint.contains(&format!("`{ours}`")), "{written}: {hint}");
        assert_eq!(messages(read(source("f.yaml", &file(ours)))), [""; 0], "{ours}");
    }
}

#[test]
fn a_word_of_another_scheduler_for_what_overlaps_is_told_with_ours() {
    for (written, ours) in [
        ("forbid", "overlap: skip"),
        ("none", "overlap: skip"),
        ("replace", "overlap: stop_other"),
        ("wait", "overlap: queue_one"),
        ("queue", "overlap: queue_all"),
        ("kill", "overlap: kill_other"),
        ("true", "overlap: allow"),
    ] {
        let file = |line: &str| format!("{HEAD}schedules: {{ x: {{ every: 1d, {line}, start: {{ process: P }} }} }}\n");
        let (_, hint) = hint(&file(&format!("overlap: {written}")));
        assert!(hint.contains(&format!("`{ours}`")), "{written}: {hint}");
        assert_eq!(messages(read(source("f.yaml", &file(ours)))), [""; 0], "{ours}");
    }
}

#[test]
fn that_nobody_is_told_yet_is_said_once_for_all_its_keys() {
    let lines = "schedules: { x: { every: 1d, email_on_failure: true, on_failure_callback: f, notify: ops, start: { process: P } } }";
    let (message, hint) = hint(&format!("{HEAD}{lines}\n"));
    assert_eq!(message, "schedule `x`: `email_on_failure`: nobody is told of runs yet, that is not built");
    assert_eq!(hint, "take it out; look at the history for what failed");
    let seen = super::told(read(source(
        "f.yaml",
        &format!("{HEAD}schedules: {{ x: {{ every: 1d, webhook: hunter2, start: {{ process: P }} }} }}\n"),
    )));
    assert!(seen.contains("`webhook`: nobody") && !seen.contains("hunter2"), "{seen}");
}

#[test]
fn windows_and_pools_that_stand_elsewhere_are_told_with_their_place() {
    carried_out(
        Severity::Error,
        &[
            Told {
                lines: "schedules: { x: { every: 1d, maintenance: nightly, start: { process: P } } }\n",
                says: "unknown key `maintenance`",
                cures: &[Do(
                    "blackouts: { patching: { cron: \"0 2 * * SAT\", for: 4h, schedules: [x] } }",
                    "schedules: { x: { every: 1d, maintenance: nightly,",
                    "blackouts: { patching: { cron: \"0 2 * * SAT\", for: 4h, schedules: [x] } }\nschedules: { x: { every: 1d,",
                )],
            },
            Told {
                lines: "pools: { finance: { running: 2 } }\nschedules: { x: { every: 1d, start: { process: P } } }\n",
                says: "unknown key `pools`",
                cures: &[Do(
                    "write `limits` in its place: `limits: { licences: { running: 2 } }`",
                    "pools: { finance: { running: 2 } }\nschedules: { x: { every: 1d,",
                    "limits: { finance: { running: 2 } }\nschedules: { x: { every: 1d, pool: finance,",
                )],
            },
            Told {
                lines: "limits: { finance: { max: 7 } }\nschedules: { x: { every: 1d, pool: finance, start: { process: P } } }\n",
                says: "pool `finance`: unknown key `max`",
                cures: &[Write("running: 7", "max: 7", "running: 7")],
            },
            Told {
                lines: "limits: { finance: { running: 2, priority: 5 } }\nschedules: { x: { every: 1d, pool: finance, start: { process: P } } }\n",
                says: "pool `finance`: unknown key `priority`",
                cures: &[Do(
                    "write it there, next to `pool`",
                    "2, priority: 5 } }\nschedules: { x: {",
                    "2 } }\nschedules: { x: { priority: 5,",
                )],
            },
            Told {
                lines: "limits: { running: 2 }\nschedules: { x: { every: 1d, start: { process: P } } }\n",
                says: "`limits.running` stands in no pool, and each pool has a name",
                cures: &[Do(
                    "write `limits: { licences: { running: 2 } }` with a name of yours, and `pool: licences` in each schedule",
                    "limits: { running: 2 }\nschedules: { x: { every: 1d,",
                    "limits: { licences: { running: 2 } }\nschedules: { x: { every: 1d, pool: licences,",
                )],
            },
            Told {
                lines: "blackouts: { b: { cron: \"0 2 * * SAT\", duration: 4h } }\nschedules: { x: { every: 1d, start: { process: P } } }\n",
                says: "blackout `b`: unknown key `duration`",
                cures: &[Write("for: 4h", "duration: 4h", "for: 4h")],
            },
            Told {
                lines: "blackouts: { b: { cron: \"0 2 * * SAT\", until: \"06:00\" } }\nschedules: { x: { every: 1d, start: { process: P } } }\n",
                says: "blackout `b`: unknown key `until`",
                cures: &[Write("for: 4h", "until: \"06:00\"", "for: 4h")],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: { running: 20m }, start: { process: P } } }\n",
                says: "unknown key `running`",
                cures: &[Write("soft: 20m", "running: 20m", "soft: 20m")],
            },
            Told {
                lines: "schedules: { x: { every: 1d, start: { process: P, overlap: allow } } }\n",
                says: "unknown key `overlap`",
                cures: &[Do(
                    "one level out, next to `start`",
                    "start: { process: P, overlap: allow }",
                    "overlap: allow, start: { process: P }",
                )],
            },
        ],
    );
}

#[test]
fn one_value_in_the_place_of_a_map_is_told_with_a_whole_map_that_works() {
    carried_out(
        Severity::Error,
        &[
            Told {
                lines: "schedules: { x: { every: 1d, timeout: 20, start: { process: P } } }\n",
                says: "`timeout` must be a map",
                cures: &[Write("timeout: { soft: 20m }", "timeout: 20", "timeout: { soft: 20m }")],
            },
            Told {
                lines: "schedules: { x: { every: 1h, catch_up: true, overlap: queue_all, start: { process: P } } }\n",
                says: "`catch_up` must be a map",
                cures: &[Write("catch_up: { policy: all }", "catch_up: true", "catch_up: { policy: all }")],
            },
            Told {
                lines: "schedules: { x: { every: 1h, catch_up: 5, overlap: queue_all, start: { process: P } } }\n",
                says: "`catch_up` must be a map",
                cures: &[Write(
                    "catch_up: { policy: all, max: 5 }",
                    "catch_up: 5",
                    "catch_up: { policy: all, max: 5 }",
                )],
            },
            Told {
                lines: "schedules: { x: { every: 1d, retry: true, start: { process: P } } }\n",
                says: "`retry` must be a map",
                cures: &[Write("retry: { attempts: 3 }", "retry: true", "retry: { attempts: 3 }")],
            },
            Told {
                lines: "schedules: { x: { every: 1d, retry: off, start: { process: P } } }\n",
                says: "`retry` must be a map",
                cures: &[Do("take `retry` out", "retry: off, ", "")],
            },
            Told {
                lines: "defaults: { timezone: UTC, retry: { attempts: 3 } }\nschedules: { x: { every: 1d, retry: false, start: { process: P } } }\n",
                says: "`retry` must be a map",
                cures: &[Write("retry: { attempts: 1 }", "retry: false", "retry: { attempts: 1 }")],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: 0, start: { process: P } } }\n",
                says: "`timeout` takes back what `defaults` say, and they say nothing of it",
                cures: &[Do("take `timeout` out", "timeout: 0, ", "")],
            },
            Told {
                lines: "defaults: { timezone: UTC, timeout: { soft: 1h } }\nschedules: { x: { every: 1d, timeout: {}, start: { process: P } } }\n",
                says: "`timeout` is taken back by the word `none`",
                cures: &[Write("timeout: none", "timeout: {}", "timeout: none")],
            },
            Told {
                lines: "limits: { a: { running: 2 } }\ndefaults: { timezone: UTC, pool: a }\nschedules: { x: { every: 1d, pool: \"\", start: { process: P } }, y: { every: 1d, start: { process: P } } }\n",
                says: "`pool` is taken back by the word `none`",
                cures: &[Write("pool: none", "pool: \"\"", "pool: none")],
            },
            Told {
                lines: "schedules: { x: { every: 1d, calendar: none, start: { process: P } } }\n",
                says: "`calendar` takes back what `defaults` say, and they say nothing of it",
                cures: &[Do("take `calendar` out", "calendar: none, ", "")],
            },
            Told {
                lines: "limits: { none: { running: 2 } }\nschedules: { x: { every: 1d, start: { process: P } } }\n",
                says: "`none` cannot be the name of a pool",
                cures: &[Do(
                    "rename it; in a schedule `pool: none` takes back",
                    "limits: { none: { running: 2 } }\nschedules: { x: { every: 1d,",
                    "limits: { few: { running: 2 } }\nschedules: { x: { every: 1d, pool: few,",
                )],
            },
        ],
    );
}

#[test]
fn none_takes_back_what_defaults_say_and_nothing_else() {
    let text = HEAD.replace("timezone: UTC", "timezone: UTC, pool: few, timeout: { soft: 1h }, calendar: week")
        + "limits: { few: { running: 2 } }\ncalendars: { week: { weekdays: MON-FRI } }\nschedules:
  x: { cron: \"0 7 * * *\", pool: none, timeout: none, calendar: none, start: { process: P } }
  y: { cron: \"0 7 * * *\", start: { process: P } }\n";
    let loaded = read(source("f.yaml", &text)).unwrap();
    assert_eq!(loaded.warnings, []);
    let said = |key: &str| {
        let schedule = &loaded.set.schedules[key];
        (schedule.pool.clone(), schedule.timeout.is_some(), schedule.timing.to_json().contains("calendar"))
    };
    assert_eq!(said("x"), (None, false, false));
    assert_eq!(said("y"), (Some("few".to_owned()), true, true));
}

#[test]
fn a_pool_that_is_refused_is_not_recommended_and_one_slip_is_told_once() {
    let told = |limits: &str| {
        let text =
            format!("{HEAD}{limits}\nschedules: {{ x: {{ every: 1d, pool: finance, start: {{ process: P }} }} }}\n");
        read(source("f.yaml", &text)).unwrap_err().diagnostics
    };
    let refused = told("limits: { Fin ance: { running: 2 } }");
    assert_eq!(refused.last().unwrap().hint.as_deref(), Some("describe it under `limits` at the top of the file"));
    for slip in ["pools: { finance: { running: 2 } }", "limit: { finance: { running: 2 } }", "limits: { running: 2 }"] {
        assert_eq!(told(slip).len(), 1, "{slip}");
    }
}

#[test]
fn next_to_our_key_a_foreign_one_is_to_go() {
    let lines = |said: &str| {
        format!(
            "{HEAD}schedules: {{ x: {{ cron: \"0 7 * * *\", {said}timeout: {{ soft: 1h }}, start: {{ process: P }} }} }}\n"
        )
    };
    let (_, hint) = hint(&lines("execution_timeout: 20m, "));
    assert_eq!(hint, "take it out, or say it in `timeout`, which is there already");
    assert_eq!(messages(read(source("f.yaml", &lines("")))), [""; 0]);
}
