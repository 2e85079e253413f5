//! Policies that contradict themselves, and doubts: each cure that is printed is carried out here, and then nothing is told any more.

use punctual::schedule::Severity;

use super::budgets::in_time;
use super::{HEAD, messages, read, source};

/// One mistake or doubt, and what its hint says to write or to take out: each of these alone is enough.
pub(super) struct Told {
    /// After the head.
    pub(super) lines: &'static str,
    pub(super) says: &'static str,
    pub(super) cures: &'static [Cure],
}

pub(super) enum Cure {
    /// These words of the hint stand in the place of those of the file.
    Write(&'static str, &'static str, &'static str),
    /// The hint says in words what becomes of the lines.
    Do(&'static str, &'static str, &'static str),
}

use Cure::{Do, Write};

fn tell(text: &str) -> (Severity, String, String) {
    let all = match read(source("f.yaml", text)) {
        Ok(loaded) => loaded.warnings,
        Err(invalid) => invalid.diagnostics,
    };
    let [one] = all.as_slice() else { panic!("{all:#?}\nin\n{text}") };
    (one.severity, one.message.clone(), one.hint.clone().unwrap())
}

pub(super) fn carried_out(severity: Severity, table: &[Told]) {
    for Told { lines, says, cures } in table {
        let whole = |lines: &str| match lines.split_once("defaults: ") {
            Some(_) => HEAD.replace("defaults: { timezone: UTC }\n", "") + lines,
            None => format!("{HEAD}{lines}"),
        };
        let (found, message, hint) = tell(&whole(lines));
        assert_eq!(found, severity, "{message}");
        assert!(message.contains(says), "{message}\nin\n{lines}");
        for cure in *cures {
            let (words, from, to) = match cure {
                Write(words, from, to) => (format!("`{words}`"), from, to),
                Do(words, from, to) => ((*words).to_owned(), from, to),
            };
            assert!(hint.contains(&words), "{words} is not in the hint: {hint}");
            assert_eq!(lines.matches(from).count(), 1, "{from}\nin\n{lines}");
            if let Write(words, ..) = cure {
                assert!(to.contains(words), "{words} is not what is written: {to}");
            }
            let mended = lines.replace(from, to);
            assert_eq!(messages(read(source("f.yaml", &whole(&mended)))), [""; 0], "{hint}\n{mended}");
        }
        // Every part of a hint that is to be written is tried.
        let said: Vec<&str> = hint.split('`').skip(1).step_by(2).filter(|part| part.contains(": ")).collect();
        let all = cures.iter().map(|cure| match cure {
            Write(words, ..) | Do(words, ..) => *words,
        });
        let tried: Vec<&str> = all.collect();
        for part in said {
            assert!(tried.iter().any(|words| words.contains(part)), "`{part}` of the hint is not tried: {hint}");
        }
    }
}

#[test]
fn what_contradicts_itself_is_refused_with_a_cure_that_cures() {
    carried_out(
        Severity::Error,
        &[
            Told {
                lines: "schedules: { x: { every: 1h, retry: { attempts: 1 }, start: { process: P } } }\n",
                says: "`retry.attempts` counts all starts, and with 1 nothing is tried again",
                cures: &[
                    Do("write 2 or more", "attempts: 1", "attempts: 2"),
                    Do("take `retry` out", "retry: { attempts: 1 }, ", ""),
                ],
            },
            Told {
                lines: "defaults: { timezone: UTC, retry: { attempts: 3 } }\nschedules: { x: { every: 1h, retry: { attempts: 0 }, start: { process: P } } }\n",
                says: "`retry.attempts` counts all starts, and with 0 nothing is tried again",
                cures: &[
                    Do("write 2 or more", "attempts: 0", "attempts: 2"),
                    Do("or 1 to take back the `retry` of `defaults`", "attempts: 0", "attempts: 1"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, retry: { attempts: 3, delay: 15m, max_delay: 1m }, start: { process: P } } }\n",
                says: "`retry.max_delay` is shorter than `retry.delay`",
                cures: &[
                    Do("swap the two", "delay: 15m, max_delay: 1m", "delay: 1m, max_delay: 15m"),
                    Do("or take one out", ", delay: 15m", ""),
                    Do("or take one out", ", max_delay: 1m", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, retry: { attempts: 3, on: [faulted, faulted] }, start: { process: P } } }\n",
                says: "`retry.on` names `faulted` twice",
                cures: &[Do("take one of the two out", "[faulted, faulted]", "[faulted]")],
            },
            Told {
                lines: "schedules: { x: { every: 1d, retry: { attempts: 3, on: [faulted, timed_out] }, start: { process: P } } }\n",
                says: "`retry.on` names `timed_out`, and no `timeout.soft` says when that is",
                cures: &[
                    Write("timeout: { soft: 1h }", "start:", "timeout: { soft: 1h }, start:"),
                    Do("take `timed_out` out of `on`", ", timed_out", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, retry: { attempts: 3, on: [faulted, timed_out] }, timeout: { pending: 20m }, start: { process: P } } }\n",
                says: "`retry.on` names `timed_out`, and no `timeout.soft` says when that is",
                cures: &[
                    Write("soft: 1h", "timeout: {", "timeout: { soft: 1h,"),
                    Do("take `timed_out` out of `on`", ", timed_out", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: {}, start: { process: P } } }\n",
                says: "`timeout` names no time, so no job is ever stopped",
                cures: &[
                    Write("soft: 1h", "{}", "{ soft: 1h }"),
                    Write("pending: 20m", "{}", "{ pending: 20m }"),
                    Write("at: \"08:00\"", "{}", "{ at: \"08:00\" }"),
                    Do("or take `timeout` out", "timeout: {}, ", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: { kill_after: 5m }, start: { process: P } } }\n",
                says: "`timeout.kill_after` stands alone, and follows a stop that never comes",
                cures: &[
                    Write("soft: 1h", "kill", "soft: 1h, kill"),
                    Write("pending: 20m", "kill", "pending: 20m, kill"),
                    Write("at: \"08:00\"", "kill", "at: \"08:00\", kill"),
                    Do("or take `timeout` out", "timeout: { kill_after: 5m }, ", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: { soft: 1h, on_pending: restart }, start: { process: P } } }\n",
                says: "`timeout.on_pending` goes with `timeout.pending` only",
                cures: &[
                    Write("pending: 20m", "on_pending", "pending: 20m, on_pending"),
                    Do("take `on_pending` out", ", on_pending: restart", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: { at: \"08:00\", on_server: true }, start: { process: P } } }\n",
                says: "`timeout.on_server` needs both `pending` and `soft`",
                cures: &[
                    Do("`pending: 20m` and `soft: 1h`", "on_server", "pending: 20m, soft: 1h, on_server"),
                    Do("take `on_server` out", ", on_server: true", ""),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1d, timeout: { at: 8:00 }, start: { process: P } } }\n",
                says: "`timeout.at` `8:00` is not a time of day",
                cures: &[Write("\"08:00\"", "8:00", "\"08:00\"")],
            },
            Told {
                lines: "schedules: { x: { every: 1h, overlap: queue_all, catch_up: { max: 5 }, start: { process: P } } }\n",
                says: "`catch_up.max` goes with `policy: all` only",
                cures: &[
                    Write("policy: all", "{ max", "{ policy: all, max"),
                    Do("take `max` out", "{ max: 5 }", "{ window: 1h }"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1h, overlap: queue_all, catch_up: all, start: { process: P } } }\n",
                says: "`catch_up` must be a map",
                cures: &[Write("catch_up: { policy: all }", "catch_up: all", "catch_up: { policy: all }")],
            },
            Told {
                lines: "limits: { licences: { running: 0 } }\nschedules: { x: { every: 1h, pool: licences, start: { process: P } } }\n",
                says: "pool `licences`: `running` must be a whole number from 1 to 10000",
                cures: &[Do("write 1 or more", "running: 0", "running: 1")],
            },
            Told {
                lines: "limits: { licences: { running: 3 } }\nschedules:\n  x: { every: 1h, pool: licenses, start: { process: P } }\n  y: { every: 1h, pool: licences, start: { process: P } }\n",
                says: "unknown pool `licenses`",
                cures: &[Do("did you mean `licences`?", "licenses", "licences")],
            },
            Told {
                lines: "limits: { licences: 3 }\nschedules: { x: { every: 1h, pool: licences, start: { process: P } } }\n",
                says: "pool `licences`: it must be a map",
                cures: &[Write("licences: { running: 3 }", "licences: 3", "licences: { running: 3 }")],
            },
            Told {
                lines: "blackouts: { patching: { for: 6h } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `patching`: nothing says when it begins: `cron` or `at` is missing",
                cures: &[
                    Write("cron: \"0 22 * * SAT\"", "{ for", "{ cron: \"0 22 * * SAT\", for"),
                    Write(
                        "at: \"2026-12-31T22:00[Europe/Berlin]\"",
                        "{ for",
                        "{ at: \"2026-12-31T22:00[Europe/Berlin]\", for",
                    ),
                ],
            },
            Told {
                lines: "blackouts:\n  a: { cron: \"0 22 * * SAT\", at: 2027-01-01T00:00Z, for: 6h }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: `cron` and `at` both say when it begins, and only one may",
                cures: &[Do(
                    "make two blackouts of it",
                    ", at: 2027-01-01T00:00Z, for: 6h }",
                    ", for: 6h }\n  b: { at: 2027-01-01T00:00Z, for: 6h }",
                )],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 22 * * *\", for: 1d } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: each window lasts until the next one begins, so it never ends",
                cures: &[
                    Do("write a shorter `for`", "for: 1d", "for: 6h"),
                    Do("or a `cron` with fewer times", "22 * * *", "22 * * SAT"),
                    Do(
                        "says `enabled: false`",
                        "blackouts: { a: { cron: \"0 22 * * *\", for: 1d } }\nschedules: { x: { every: 1h,",
                        "schedules: { x: { every: 1h, enabled: false,",
                    ),
                ],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 22 * * SAT\" } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: `for` is missing",
                cures: &[Write("for: 6h", "SAT\"", "SAT\", for: 6h")],
            },
            Told {
                lines: "blackouts: { a: { at: 2027-01-01T00:00Z, for: 100d } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: `for` is longer than 92d",
                cures: &[
                    Do("write at most `92d`", "100d", "92d"),
                    Do(
                        "says `enabled: false` in its schedules",
                        "blackouts: { a: { at: 2027-01-01T00:00Z, for: 100d } }\nschedules: { x: { every: 1h,",
                        "schedules: { x: { every: 1h, enabled: false,",
                    ),
                ],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 22 * * SAT\", for: 6h, schedules: payrol } }\nschedules: { payroll: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: unknown schedule `payrol`",
                cures: &[Do("did you mean `payroll`?", "payrol }", "payroll }")],
            },
            Told {
                lines: "schedules: { x: { every: 1h, start: { process: P, priority: high } } }\n",
                says: "unknown `start.priority` `high`",
                cures: &[Do("did you mean `High`?", "high", "High")],
            },
            Told {
                lines: "schedules: { x: { every: 1h, priority: high, start: { process: P } } }\n",
                says: "`priority` must be a whole number from -100 to 100",
                cures: &[
                    Do("write `start: { priority: High }`", "priority: high, start: {", "start: { priority: High,"),
                    Do("or a number", "priority: high", "priority: 5"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1h, pause_after_failures: never, start: { process: P } } }\n",
                says: "`pause_after_failures` must be a whole number from 0 to 1000",
                cures: &[Do("write `0`", "never", "0")],
            },
        ],
    );
}

#[test]
fn what_is_perhaps_not_meant_is_a_doubt_with_a_cure_that_cures() {
    carried_out(
        Severity::Warning,
        &[
            Told {
                lines: "schedules: { x: { every: 30m, retry: { attempts: 4, delay: 10m }, start: { process: P } } }\n",
                says: "`retry` pauses for 40m in all, and times that come meanwhile, every 30m, are skipped",
                cures: &[
                    Do("make the pauses shorter", "10m", "1m"),
                    Write("overlap: skip", "start:", "overlap: skip, start:"),
                    Write("overlap: queue_one", "start:", "overlap: queue_one, start:"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 30m, timeout: { pending: 20m, soft: 50m }, start: { process: P } } }\n",
                says: "`timeout` lets a run last 1h10m, and times that come meanwhile, every 30m, are skipped",
                cures: &[
                    Do("make it shorter", "50m", "10m"),
                    Write("overlap: skip", "start:", "overlap: skip, start:"),
                    Write("overlap: queue_one", "start:", "overlap: queue_one, start:"),
                ],
            },
            Told {
                lines: "schedules: { x: { cron: \"0 7 * * *\", catch_up: { policy: all }, start: { process: P } } }\n",
                says: "`catch_up.window` of 6h holds one time at most, so `policy: all` runs no more than `last`",
                cures: &[
                    Write("window: 2d", "all }", "all, window: 2d }"),
                    Write("policy: last", "policy: all", "policy: last"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1h, overlap: skip, catch_up: { policy: all }, start: { process: P } } }\n",
                says: "times that come meanwhile wait for them, and then go by `overlap: skip`: one is skipped if a run is open then",
                cures: &[
                    Write("overlap: queue_all", "overlap: skip", "overlap: queue_all"),
                    Write("policy: last", "policy: all", "policy: last"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1h, overlap: stop_other, catch_up: { policy: all }, start: { process: P } } }\n",
                says: "and then go by `overlap: stop_other`: the newest stops the run before it",
                cures: &[
                    Write("overlap: queue_all", "overlap: stop_other", "overlap: queue_all"),
                    Write("policy: last", "policy: all", "policy: last"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1h, timeout: { at: \"08:30\" }, start: { process: P } } }\n",
                says: "`timeout.at` stops all runs of a day at one time, and this schedule has several times a day",
                cures: &[Write("soft: 1h", "at: \"08:30\"", "soft: 1h")],
            },
            Told {
                lines: "schedules: { x: { cron: \"0 8 * * *\", timeout: { at: \"08:00\" }, start: { process: P } } }\n",
                says: "`timeout.at` is the time at which it starts, so a run is stopped a day later",
                cures: &[Do("write a later time", "08:00", "09:00"), Write("soft: 1d", "at: \"08:00\"", "soft: 1d")],
            },
            Told {
                lines: "defaults: { folder: F }\nschedules: { x: { every: 1d, timeout: { at: \"08:00\" }, start: { process: P } } }\n",
                says: "no `timezone` is given, so `timeout.at` is read as UTC",
                cures: &[
                    Write("timezone: Europe/Berlin", "every", "timezone: Europe/Berlin, every"),
                    Do("or once under `defaults`", "folder: F", "folder: F, timezone: Europe/Berlin"),
                ],
            },
            Told {
                lines: "limits: { spare: { running: 3 } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "pool `spare`: no schedule is in it, so it bounds nothing",
                cures: &[
                    Write("pool: spare", "start:", "pool: spare, start:"),
                    Do("or take it out", "limits: { spare: { running: 3 } }\n", ""),
                ],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 22 * * SAT\", for: 6h, schedules: [\"pay-*\"] } }\nschedules: { payroll: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: `schedules` `pay-*` fits no schedule so far",
                cures: &[Do("known are `payroll`", "\"pay-*\"", "payroll")],
            },
            Told {
                lines: "defaults: { folder: F }\nblackouts: { a: { cron: \"0 22 * * SAT\", for: 6h } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: no `timezone` is given, so the times are read as UTC",
                cures: &[
                    Write("timezone: Europe/Berlin", "for", "timezone: Europe/Berlin, for"),
                    Do("or once under `defaults`", "folder: F", "folder: F, timezone: Europe/Berlin"),
                ],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 2 * * *\", for: 2h } }\nschedules: { x: { cron: \"30 3 * * *\", start: { process: P } } }\n",
                says: "schedule `x`: all its times up to 2027-01-15 lie in blackout `a`, and are skipped",
                cures: &[
                    Do("move one of the two", "30 3 * * *", "0 4 * * *"),
                    Write("then: wait", "for: 2h", "for: 2h, then: wait"),
                ],
            },
            Told {
                lines: "blackouts: { a: { at: 2027-01-01T00:00Z, for: 2d } }\nschedules: { x: { at: 2027-01-02T23:59:59Z, start: { process: P } } }\n",
                says: "schedule `x`: all its times lie in blackout `a`, and are skipped",
                cures: &[
                    Do("move one of the two", "2027-01-02T23:59:59Z", "2027-01-03T00:00:00Z"),
                    Write("then: wait", "for: 2d", "for: 2d, then: wait"),
                ],
            },
        ],
    );
}

#[test]
fn a_schedule_with_a_free_time_is_not_told_of_however_far_away_that_is() {
    for (blackouts, schedule) in [
        // 23 November 2026 is a Monday, 12:00.
        ("a: { cron: \"0 2 * * MON-SAT\", for: 2h }", "cron: \"0 3 * * *\""),
        ("a: { cron: \"0 2 2-31 * *\", for: 2h }", "cron: \"0 3 * * *\""),
        ("a: { cron: \"0 0 * * *\", for: 23h59m59s, schedules: x }", "every: 1s"),
        ("a: { cron: \"* 6-22 * * *\", for: 1m, schedules: x }", "cron: \"0 23 * * *\""),
        (
            "a: { cron: \"0 2 * * *\", for: 2h, schedules: y }, b: { cron: \"0 2 * * *\", for: 2h, then: wait }",
            "cron: \"0 3 * * *\"",
        ),
        ("a: { cron: \"0 2 * * *\", for: 2h }", "cron: \"0 3 * * *\"\n    enabled: false"),
    ] {
        let text = format!(
            "{HEAD}blackouts: {{ {blackouts} }}\nschedules:\n  x:\n    {schedule}\n    start: {{ process: P }}\n  y: {{ every: 7m, start: {{ process: P }} }}\n"
        );
        assert_eq!(messages(read(source("f.yaml", &text))), [""; 0], "{text}");
    }
}

#[test]
fn two_blackouts_that_take_turns_are_told_of_together() {
    let text = format!(
        "{HEAD}blackouts:\n  day: {{ cron: \"0 6 * * *\", for: 12h }}\n  night: {{ cron: \"0 18 * * *\", for: 12h }}\nschedules: {{ x: {{ every: 1h, start: {{ process: P }} }} }}\n"
    );
    assert_eq!(
        messages(read(source("f.yaml", &text))),
        ["schedule `x`: all its times up to 2026-12-19 lie in blackouts `day` and `night`, and are skipped"]
    );
}

#[test]
fn thousands_of_schedules_beside_a_hundred_blackouts_are_read_without_delay() {
    let blackouts: String = (0..99).map(|n| format!("  b{n}: {{ cron: \"{} 2 * * *\", for: 2h }}\n", n % 60)).collect();
    // Windows that are laid out longest: they meet, and nobody can wait for the end.
    let blackouts = blackouts + "  dense: { cron: \"* * * * * *\", for: 1s, schedules: s0 }\n";
    let schedules: String =
        (0..2_000).map(|n| format!("  s{n}: {{ cron: \"0 3 * * *\", start: {{ process: P }} }}\n")).collect();
    let text = format!("{HEAD}blackouts:\n{blackouts}schedules:\n{schedules}");
    let found = in_time(move || messages(read(source("f.yaml", &text))));
    assert!(found.iter().any(|told| told.contains("lie in blackout")), "{found:?}");
}

#[test]
fn more_than_a_hundred_blackouts_are_refused() {
    let blackouts: String = (0..=100).map(|n| format!("  b{n}: {{ cron: \"0 22 * * SAT\", for: 6h }}\n")).collect();
    let found = messages(read(source("f.yaml", &format!("{HEAD}blackouts:\n{blackouts}"))));
    assert_eq!(found, ["more than 100 blackouts, and each time of each schedule is looked for in all"]);
}
