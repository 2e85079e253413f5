//! Whom a blackout is about, and what it says that is perhaps not meant.

use punctual::schedule::{Severity, parse};

use super::cures::Cure::{Do, Write};
use super::cures::{Told, carried_out};
use super::{HEAD, messages, read, source};

#[test]
fn all_but_one_which_waits_is_said_with_two_windows() {
    let text = format!(
        "{HEAD}blackouts:
  all: {{ cron: \"0 2 * * SAT\", for: 4h, except: [payroll, \"report-*\"] }}
  own: {{ cron: \"0 2 * * SAT\", for: 4h, schedules: payroll, then: wait }}
schedules:
  payroll: {{ every: 1h, start: {{ process: P }} }}
  report-a: {{ every: 1h, start: {{ process: P }} }}
  other: {{ every: 1h, start: {{ process: P }} }}\n"
    );
    let loaded = read(source("f.yaml", &text)).unwrap();
    assert_eq!(loaded.warnings, []);
    let about = |blackout: &str| {
        let blackout = &loaded.set.blackouts[blackout];
        ["payroll", "report-a", "other"].map(|key| blackout.is_about(key, "cloud"))
    };
    assert_eq!(about("all"), [false, false, true]);
    assert_eq!(about("own"), [true, false, false]);
}

#[test]
fn except_holds_for_what_schedules_and_connections_select() {
    let text = format!(
        "{HEAD}blackouts: {{ b: {{ cron: \"0 2 * * SAT\", for: 4h, schedules: \"p*\", connections: cloud, except: \"pay*\" }} }}
schedules:
  payroll: {{ every: 1h, start: {{ process: P }} }}
  prices: {{ every: 1h, start: {{ process: P }} }}
  other: {{ every: 1h, start: {{ process: P }} }}\n"
    );
    let loaded = read(source("f.yaml", &text)).unwrap();
    let blackout = &loaded.set.blackouts["b"];
    assert_eq!(["payroll", "prices", "other"].map(|key| blackout.is_about(key, "cloud")), [false, true, false]);
}

#[test]
fn a_name_that_is_turned_round_is_refused_with_except() {
    carried_out(
        Severity::Error,
        &[Told {
            lines: "blackouts: { b: { cron: \"0 2 * * SAT\", for: 4h, schedules: [\"!payroll\"] } }\nschedules: { payroll: { every: 1h, start: { process: P } }, x: { every: 1h, start: { process: P } } }\n",
            says: "`schedules` cannot say `!payroll`",
            cures: &[Write("except: [payroll]", "schedules: [\"!payroll\"]", "except: [payroll]")],
        }],
    );
}

#[test]
fn what_a_window_says_and_does_not_mean_is_a_doubt_with_a_cure() {
    carried_out(
        Severity::Warning,
        &[
            Told {
                lines: "blackouts: { b: { cron: \"* 2-6 * * SAT\", for: 4h } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "its windows run into each other, so that one lasts from 02:00 to 10:59, 8h59m and not 4h",
                cures: &[
                    Write("cron: \"0 2 * * SAT\"", "cron: \"* 2-6 * * SAT\"", "cron: \"0 2 * * SAT\""),
                    Do("with `for: 8h59m`", "* 2-6 * * SAT\", for: 4h", "0 2 * * SAT\", for: 8h59m"),
                ],
            },
            Told {
                lines: "blackouts: { b: { cron: \"0 2 * * MON-FRI\", for: 26h } }\nschedules: { x: { cron: \"0 7 * * SUN\", start: { process: P } } }\n",
                says: "so that one lasts from Mon 02:00 to Sat 04:00, 5d2h and not 1d2h",
                cures: &[
                    Do("write a shorter `for`", "26h", "6h"),
                    Do("or a `cron` with fewer times", "MON-FRI", "MON"),
                ],
            },
            Told {
                lines: "blackouts: { all: { cron: \"0 2 * * SAT\", for: 4h }, own: { cron: \"0 3 * * SAT\", for: 2h, schedules: \"pay*\", then: wait } }\nschedules: { payroll: { every: 1h, start: { process: P } }, x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `own`: blackout `all` skips at all its times, and where two meet `skip` wins: `payroll` never waits",
                cures: &[Write("except: [\"pay*\"]", "for: 4h }", "for: 4h, except: [\"pay*\"] }")],
            },
            Told {
                lines: "blackouts:\n  all: { cron: \"0 2 * * SAT\", for: 4h }\n  own: { cron: \"0 3 * * SAT\", for: 2h, then: wait }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "`x` never waits",
                cures: &[
                    Do("take blackout `all` out", "  all: { cron: \"0 2 * * SAT\", for: 4h }\n", ""),
                    Do("or this one", "  own: { cron: \"0 3 * * SAT\", for: 2h, then: wait }\n", ""),
                ],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 2 * * *\", for: 2h } }\nschedules: { x: { cron: \"30 3 * * *\", start: { process: P } }, y: { every: 1h, start: { process: P } } }\n",
                says: "schedule `x`: all its times up to 2027-01-15 lie in blackout `a`, and are skipped",
                cures: &[
                    Do("move one of the two", "30 3 * * *", "0 4 * * *"),
                    Do("write `except: [x]` in blackout `a`", "for: 2h }", "for: 2h, except: [x] }"),
                    Do(
                        "and a second blackout with `schedules: [x]` and `then: wait`",
                        "for: 2h }",
                        "for: 2h, except: [x] }, b: { cron: \"0 2 * * *\", for: 2h, schedules: [x], then: wait }",
                    ),
                ],
            },
            Told {
                lines: "blackouts: { a: { cron: \"0 2 * * SAT\", for: 2h, except: x } }\nschedules: { x: { every: 1h, start: { process: P } } }\n",
                says: "blackout `a`: no schedule is in it, so it holds nothing back",
                cures: &[
                    Do("take a schedule out of `except`", ", except: x", ""),
                    Do(
                        "or take the blackout out",
                        "blackouts: { a: { cron: \"0 2 * * SAT\", for: 2h, except: x } }\n",
                        "",
                    ),
                ],
            },
        ],
    );
}

#[test]
fn a_window_that_is_open_now_is_told_of_from_its_first_beginning() {
    let text = format!(
        "{HEAD}blackouts: {{ b: {{ cron: \"* 2-6 * * SAT\", for: 4h }} }}\nschedules: {{ x: {{ every: 1h, start: {{ process: P }} }} }}\n"
    );
    let in_it = "2026-11-28T02:36:00Z".parse().unwrap();
    let told = parse(&[source("f.yaml", &text)], in_it).unwrap().warnings;
    assert!(told[0].message.ends_with("lasts from 02:00 to 10:59, 8h59m and not 4h"), "{told:?}");
}

#[test]
fn a_skip_for_one_of_those_that_wait_is_meant_and_so_are_windows_that_touch() {
    for blackouts in [
        "a: { cron: \"0 2 * * SAT\", for: 4h, schedules: x }, b: { cron: \"0 2 * * SAT\", for: 4h, then: wait }",
        "a: { cron: \"0 2 1 * *\", for: 4h }, b: { cron: \"0 2 * * *\", for: 4h, then: wait }",
        "a: { cron: \"0 2-5 * * SAT\", for: 1h }",
        // One that is over for good is no news at each reload.
        "a: { at: 2026-11-20T00:00Z, for: 4h }",
    ] {
        let text = format!(
            "{HEAD}blackouts: {{ {blackouts} }}\nschedules: {{ x: {{ every: 1h, start: {{ process: P }} }}, y: {{ every: 1h, start: {{ process: P }} }} }}\n"
        );
        assert_eq!(messages(read(source("f.yaml", &text))), [""; 0], "{blackouts}");
    }
}

#[test]
fn policies_that_do_not_fit_the_times_are_doubts_with_a_cure() {
    carried_out(
        Severity::Warning,
        &[
            Told {
                lines: "schedules: { x: { every: 1h, catch_up: { policy: all }, start: { process: P } } }\n",
                says: "wait for them, and then go by `overlap: skip`: one is skipped if a run is open then",
                cures: &[
                    Write("overlap: queue_all", "start:", "overlap: queue_all, start:"),
                    Write("policy: last", "policy: all", "policy: last"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 1h, overlap: queue_all, catch_up: { policy: all, max: 8, window: 6h }, start: { process: P } } }\n",
                says: "`catch_up.window` of 6h holds 6 times, so `max: 8` never comes to it",
                cures: &[Write("window: 8h", "window: 6h", "window: 8h"), Write("max: 6", "max: 8", "max: 6")],
            },
            Told {
                lines: "schedules: { x: { every: 1m, overlap: queue_all, timeout: { soft: 30m }, start: { process: P } } }\n",
                says: "`timeout` lets a run last 30m, and a time comes every 1m: with `overlap: queue_all` up to 1000 wait, ever later",
                cures: &[
                    Do("make `soft` shorter", "30m", "50s"),
                    Write("overlap: queue_latest", "overlap: queue_all", "overlap: queue_latest"),
                ],
            },
            Told {
                lines: "limits: { few: { running: 2 } }\nschedules: { x: { every: 1m, overlap: allow, pool: few, timeout: { soft: 30m }, start: { process: P } } }\n",
                says: "its runs may last 30m, it has a time every 1m, and pool `few` holds 2 at once",
                cures: &[
                    Do("make `timeout.soft` shorter", "30m", "2m"),
                    Do("or the pool larger", "running: 2", "running: 30"),
                    Write("overlap: skip", "overlap: allow", "overlap: skip"),
                ],
            },
            Told {
                lines: "schedules: { x: { every: 5m, overlap: stop_other, retry: { attempts: 3, delay: 10m }, start: { process: P } } }\n",
                says: "`retry` pauses for 10m, and the next time, after 5m, ends a run that waits to be tried again",
                cures: &[
                    Do("make `delay` shorter", "10m", "1m"),
                    Write("overlap: skip", "overlap: stop_other", "overlap: skip"),
                ],
            },
            Told {
                lines: "calendars: { week: { weekdays: MON-FRI } }\nschedules: { x: { cron: \"0 7 * * *\", start: { process: P } } }\n",
                says: "calendar `week`: no schedule keeps to it",
                cures: &[
                    Write("calendar: week", "start:", "calendar: week, start:"),
                    Do("or take it out", "calendars: { week: { weekdays: MON-FRI } }\n", ""),
                ],
            },
        ],
    );
}

#[test]
fn a_calendar_that_is_wrong_is_told_of_once() {
    let text = format!(
        "{HEAD}calendars: {{ c: {{ exclude: [SAT] }} }}\nschedules: {{ x: {{ every: 1h, start: {{ process: P }} }} }}\n"
    );
    assert_eq!(messages(read(source("f.yaml", &text))), ["calendar `c`: `exclude` `SAT` is not a date"]);
}
