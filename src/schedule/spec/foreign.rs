//! Names that people bring from other schedulers: cron, Kubernetes, Airflow, systemd, GitHub Actions, Quartz, UiPath's triggers.
//!
//! One table says what is written here in their place; what a value becomes is said in `foreign_cure`.

use super::foreign_means::{Foreign, Means, Unit, row};
use super::keys::{BLACKOUT, DEFAULTS, FILE, POOL, RETRY, SCHEDULE, START, Section, TIMEOUT};

const IN_SCHEDULES: &[&Section] = &[&SCHEDULE, &DEFAULTS, &START];
const IN_RETRY: &[&Section] = &[&RETRY];
const IN_TIMEOUT: &[&Section] = &[&TIMEOUT];
const IN_POOLS: &[&Section] = &[&POOL];
const IN_BLACKOUTS: &[&Section] = &[&BLACKOUT];
const IN_FILES: &[&Section] = &[&FILE];

const SOFT: Means = Means::Length("write `timeout: { soft: {} }`", Unit::Seconds, "1h");
const WINDOWS: &str = "windows stand under `blackouts` at the top of the file: write \
    `blackouts: { patching: { cron: \"0 2 * * SAT\", for: 4h, schedules: [{key}] } }` there";
const TAKE_OUT_PAUSES: &str = "take it out: each pause is twice as long as the one before, up to `max_delay`";

pub(super) static FOREIGN: &[Foreign] = &[
    // Starts that follow a failed one.
    row(
        IN_SCHEDULES,
        "retry",
        &["retries", "maxretries", "retrycount", "numretries", "backofflimit", "maxrestarts", "restarts"],
        Means::MoreStarts("write `retry: { attempts: {} }`"),
    ),
    row(
        IN_SCHEDULES,
        "retry",
        &["maxattempts", "tries", "maxtries"],
        Means::Starts("write `retry: { attempts: {} }`, which counts all starts"),
    ),
    row(IN_SCHEDULES, "retry", &["restart", "restartpolicy", "onfailurerestart"], Means::Restart),
    row(
        IN_SCHEDULES,
        "retry",
        &["retrydelay", "retryinterval", "retrywait", "restartsec", "retrybackoff", "backoff"],
        Means::Length("write `retry: { attempts: 3, delay: {} }`", Unit::Seconds, "1m"),
    ),
    row(
        IN_SCHEDULES,
        "retry",
        &["maxretrydelay", "retrymaxdelay"],
        Means::Length("write `retry: { attempts: 3, max_delay: {} }`", Unit::Seconds, "15m"),
    ),
    row(IN_SCHEDULES, "", &["retryexponentialbackoff"], Means::Always(TAKE_OUT_PAUSES)),
    row(
        IN_RETRY,
        "attempts",
        &["retries", "maxretries", "backofflimit", "maxrestarts"],
        Means::MoreStarts("write `attempts: {}`"),
    ),
    row(
        IN_RETRY,
        "attempts",
        &["maxattempts", "count", "times", "tries", "max", "limit", "maxtries"],
        Means::Starts("write `attempts: {}`, which counts all starts"),
    ),
    row(
        IN_RETRY,
        "delay",
        &["retrydelay", "initialdelay", "interval", "wait", "pause", "retryinterval", "restartsec"],
        Means::Length("write `delay: {}`", Unit::Seconds, "1m"),
    ),
    row(
        IN_RETRY,
        "max_delay",
        &["maxretrydelay", "maxinterval", "maxwait", "maxbackoff"],
        Means::Length("write `max_delay: {}`", Unit::Seconds, "15m"),
    ),
    row(
        IN_RETRY,
        "",
        &["backoff", "exponential", "retryexponentialbackoff", "multiplier", "factor", "backoffmultiplier"],
        Means::Always(TAKE_OUT_PAUSES),
    ),
    row(
        IN_RETRY,
        "on",
        &["except", "exclude", "unless", "ignore"],
        Means::Always("take it out: `on: [faulted]` already leaves business rules and accounts that cannot log on out"),
    ),
    // How long a job may take.
    row(
        IN_SCHEDULES,
        "timeout",
        &[
            "executiontimeout",
            "activedeadlineseconds",
            "maxruntime",
            "maxduration",
            "timeoutseconds",
            "timeoutsec",
            "timeoutstartsec",
            "runtimemaxsec",
            "dagruntimeout",
            "runtimeout",
            "jobtimeout",
            "stopafter",
            "stopjobafterseconds",
            "stopprocessexpression",
            "softtimeout",
        ],
        SOFT,
    ),
    row(
        IN_SCHEDULES,
        "timeout",
        &["timeoutminutes", "timeoutinminutes"],
        Means::Length("write `timeout: { soft: {} }`", Unit::Minutes, "1h"),
    ),
    row(
        IN_SCHEDULES,
        "timeout",
        &["pendingtimeout", "queuetimeout", "queuedtimeout", "maxpending", "waittimeout"],
        Means::Length("write `timeout: { pending: {} }`", Unit::Seconds, "20m"),
    ),
    row(
        IN_SCHEDULES,
        "timeout",
        &["killjobafterseconds", "killprocessexpression", "timeoutstopsec", "terminationgraceperiodseconds"],
        Means::Length(
            "write `timeout: { soft: 1h, kill_after: {} }`, which counts from the soft stop",
            Unit::Seconds,
            "5m",
        ),
    ),
    row(
        IN_TIMEOUT,
        "soft",
        &["running", "run", "runtime", "execution", "max", "stop", "total", "duration", "seconds"],
        Means::Length("write `soft: {}`", Unit::Seconds, "1h"),
    ),
    row(IN_TIMEOUT, "soft", &["minutes"], Means::Length("write `soft: {}`", Unit::Minutes, "1h")),
    row(
        IN_TIMEOUT,
        "pending",
        &["queue", "queued", "waiting", "wait"],
        Means::Length("write `pending: {}`", Unit::Seconds, "20m"),
    ),
    row(
        IN_TIMEOUT,
        "kill_after",
        &["kill", "hard", "grace", "graceperiod"],
        Means::Always("write `kill_after: 5m`, which counts from the soft stop"),
    ),
    // While an earlier run is open.
    row(
        IN_SCHEDULES,
        "overlap",
        &[
            "concurrency",
            "concurrent",
            "concurrencypolicy",
            "maxactiveruns",
            "maxconcurrent",
            "maxconcurrency",
            "maxinstances",
            "parallel",
            "parallelism",
            "allowconcurrent",
        ],
        Means::Overlap,
    ),
    row(
        IN_SCHEDULES,
        "overlap",
        &["singleton", "disallowconcurrentexecution", "norunoverlap"],
        Means::Flag("write `overlap: skip`", "write `overlap: allow`"),
    ),
    row(
        IN_SCHEDULES,
        "overlap",
        &["dependsonpast", "waitfordownstream"],
        Means::Flag("write `overlap: queue_all`", "take it out"),
    ),
    row(
        IN_SCHEDULES,
        "overlap",
        &["cancelinprogress"],
        Means::Flag("write `overlap: stop_other`", "write `overlap: queue_latest`"),
    ),
    // Late times.
    row(
        IN_SCHEDULES,
        "catch_up",
        &["catchup", "misfire", "misfirepolicy", "misfireinstruction", "persistent", "backfill", "runmissed"],
        Means::CatchUp,
    ),
    row(
        IN_SCHEDULES,
        "catch_up",
        &["misfiregracetime", "misfirethreshold"],
        Means::Length("write `catch_up: { window: {} }`", Unit::Seconds, "6h"),
    ),
    row(
        IN_SCHEDULES,
        "start_deadline",
        &["startingdeadlineseconds", "startdeadlineseconds", "startwithin"],
        Means::Length(
            "write `start_deadline: {}`; how old a time may be after the machine was down is `catch_up: { window: 6h }`",
            Unit::Seconds,
            "1h",
        ),
    ),
    // When.
    row(
        IN_SCHEDULES,
        "cron",
        &["schedule", "scheduleinterval", "schedules", "crontab", "cronexpression", "cronschedule", "oncalendar"],
        Means::Times,
    ),
    row(
        IN_SCHEDULES,
        "cron",
        &["interval", "onunitactivesec", "repeatinterval", "period"],
        Means::Length("write `every: {}`", Unit::Seconds, "5m"),
    ),
    row(IN_SCHEDULES, "timezone", &["tz", "timezoneid"], Means::Text("write `timezone: {}`", "Europe/Berlin")),
    row(
        IN_SCHEDULES,
        "jitter",
        &["randomizeddelaysec", "randomdelay", "splay"],
        Means::Length("write `jitter: {}`", Unit::Seconds, "30s"),
    ),
    row(IN_SCHEDULES, "starts", &["startdate", "startsat", "startat"], Means::Text("write `starts: {}`", "2026-12-01")),
    row(IN_SCHEDULES, "ends", &["enddate", "endsat", "endat"], Means::Text("write `ends: {}`", "2026-12-31")),
    // Switched off.
    row(
        IN_SCHEDULES,
        "enabled",
        &["paused", "suspend", "suspended", "pause", "disabled", "ispaused", "ispauseduponcreation"],
        Means::Flag("write `enabled: false`, or run `punctual pause {key}`", "take it out"),
    ),
    row(IN_SCHEDULES, "enabled", &["active", "isactive"], Means::Flag("take it out", "write `enabled: false`")),
    row(
        IN_SCHEDULES,
        "",
        &["skip", "skipdates", "skipnext"],
        Means::Always("run `punctual skip {key}` for one coming time; whole days are taken out by a `calendar`"),
    ),
    row(
        IN_SCHEDULES,
        "pause_after_failures",
        &[
            "maxconsecutivefailures",
            "disableafterfailures",
            "maxconsecutivefaileddagruns",
            "startlimitburst",
            "maxfailures",
        ],
        Means::Number("write `pause_after_failures: {}`", "3"),
    ),
    row(IN_SCHEDULES, "priority", &["priorityweight", "weight"], Means::Number("write `priority: {}`", "5")),
    row(
        IN_SCHEDULES,
        "pool",
        &["limit", "limits", "concurrencygroup"],
        Means::Always(
            "write `limits: { licences: { running: 2 } }` at the top of the file, and `pool: licences` in each schedule that shares it",
        ),
    ),
    row(
        IN_SCHEDULES,
        "pool",
        &["pools"],
        Means::Text("write `pool: {}`: one that is described under `limits` at the top of the file", "licences"),
    ),
    row(
        IN_SCHEDULES,
        "history",
        &["successfuljobshistorylimit", "failedjobshistorylimit", "keepruns", "retention"],
        Means::Always(
            "how much is kept is said for all schedules: write `daemon: { history: { keep: 90d } }` at the top of the file",
        ),
    ),
    // Windows.
    row(
        IN_SCHEDULES,
        "",
        &["blackout", "blackouts", "maintenance", "maintenancewindow", "maintenancewindows", "freeze", "downtime"],
        Means::Always(WINDOWS),
    ),
    row(
        IN_SCHEDULES,
        "",
        &["exclude", "excludes", "excluded"],
        Means::Always(
            "whole days are taken out by a `calendar`, described under `calendars`; hours by a window under `blackouts`; both stand at the top of the file",
        ),
    ),
    row(
        IN_SCHEDULES,
        "",
        &["except"],
        Means::Always("write `except: [{key}]` in the blackout that is to leave it alone, under `blackouts`"),
    ),
    row(
        IN_FILES,
        "blackouts",
        &["blackout", "maintenance", "maintenancewindow", "maintenancewindows", "exclude", "freeze", "downtime"],
        Means::Always("write `blackouts` in its place: `blackouts: { patching: { cron: \"0 2 * * SAT\", for: 4h } }`"),
    ),
    row(
        IN_FILES,
        "limits",
        &["pools", "pool", "limit", "concurrency"],
        Means::Always("write `limits` in its place: `limits: { licences: { running: 2 } }`"),
    ),
    row(
        IN_FILES,
        "schedules",
        &["jobs", "triggers", "dags", "timers"],
        Means::Always("write `schedules` in its place"),
    ),
    row(
        IN_BLACKOUTS,
        "for",
        &["duration", "length", "lasts", "minutes"],
        Means::Length("write `for: {}`", Unit::Minutes, "4h"),
    ),
    row(
        IN_BLACKOUTS,
        "for",
        &["until", "to", "end", "ends", "till"],
        Means::Always("write how long it lasts, such as `for: 4h`"),
    ),
    row(
        IN_BLACKOUTS,
        "cron",
        &["from", "start", "starts", "begin", "begins", "days", "weekdays", "every", "oncalendar", "window"],
        Means::Always(
            "write when it begins, with the days: `cron: \"0 2 * * SAT\"`, or once: `at: \"2026-12-31T22:00[Europe/Berlin]\"`",
        ),
    ),
    row(
        IN_BLACKOUTS,
        "",
        &["exclude", "excludes", "not", "unless", "ignore"],
        Means::Text(
            "write `except: [{}]`, and what `schedules` and `connections` select is shut but for these",
            "NAME",
        ),
    ),
    row(IN_BLACKOUTS, "then", &["action", "policy", "mode", "do"], Means::Always("write `then: skip` or `then: wait`")),
    row(
        IN_BLACKOUTS,
        "",
        &["enabled", "paused", "suspend", "disabled"],
        Means::Always("take the blackout out, or put `#` before its lines"),
    ),
    // Pools.
    row(
        IN_POOLS,
        "running",
        &["max", "limit", "size", "slots", "count", "capacity", "concurrency", "maxrunning", "maxactive", "robots"],
        Means::Number("write `running: {}`", "3"),
    ),
    row(
        IN_POOLS,
        "",
        &["priority"],
        Means::Always("`priority` is a schedule's own key: write it there, next to `pool`"),
    ),
    row(
        IN_POOLS,
        "",
        &["schedules", "members"],
        Means::Always("write `pool` with this pool's name in those schedules"),
    ),
    // Who is told.
    row(
        &[&SCHEDULE, &DEFAULTS, &START, &FILE],
        "notify",
        &[
            "notify",
            "notifications",
            "alerts",
            "alertafter",
            "webhook",
            "email",
            "emailonfailure",
            "emailonretry",
            "mailto",
            "onfailure",
            "onfailurecallback",
            "onsuccesscallback",
            "sla",
        ],
        Means::NotBuilt,
    ),
];
