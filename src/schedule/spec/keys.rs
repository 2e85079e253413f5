//! Every key a schedule file may hold: its name, its shape, and what it is for.
//!
//! One table serves three readers: the file reader (unknown keys, keys whose behaviour is not built yet), the JSON Schema
//! that editors use, and the hints. So they cannot drift apart; `tests/schedule_file/schema.rs` compares schema and reader.

use super::choices::{self, Names};

/// One kind of map in the file.
#[derive(Debug)]
pub(in crate::schedule) struct Section {
    /// Its name in the schema.
    pub(in crate::schedule) name: &'static str,
    /// Where its keys belong, for hints: "`process` belongs …".
    pub(in crate::schedule) place: &'static str,
    /// For the reader of the schema.
    pub(in crate::schedule) about: &'static str,
    pub(in crate::schedule) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(in crate::schedule) struct Key {
    pub(in crate::schedule) name: &'static str,
    pub(in crate::schedule) shape: Shape,
    /// For the reader of the schema.
    pub(in crate::schedule) about: &'static str,
    pub(in crate::schedule) need: Need,
    pub(in crate::schedule) stage: Stage,
}

/// Whether something comes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule) enum Stage {
    Built,
    /// Its value is read and checked, and the key is refused: its behaviour is not built yet. With what to do instead.
    Later(&'static str),
}

/// Whether a map may do without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule) enum Need {
    Required,
    Optional,
}

/// What may stand under a key.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule) enum Shape {
    /// The number 1.
    Version,
    Text,
    /// One text, or a list of them.
    Texts,
    /// Names of arguments: one text, or a list of them.
    Names,
    Flag,
    /// A whole number from 1 up to this.
    Count(u32),
    /// A whole number from this up to that.
    Whole(i32, i32),
    /// `08:00`.
    TimeOfDay,
    /// Orchestrator's number of a folder: a whole number from 1.
    FolderNumber,
    Duration,
    Instant,
    /// One instant, or a list of them.
    Instants,
    /// One date, or a list of them.
    Dates,
    /// A date or an instant.
    Bound,
    Url,
    /// A reference to a secret.
    Secret,
    Choice(&'static dyn Names),
    /// One word, or a list of them.
    Words(&'static dyn Names),
    Map(&'static Section),
    /// The same, or `none`.
    MapOrNone(&'static Section),
    /// A map from names to maps.
    Named(&'static Section),
    /// A list of maps.
    List(&'static Section),
    /// A JSON object.
    Object,
    /// A duration after the nominal time, or a text with templates.
    Moment,
    /// An address of this machine with its port.
    Listen,
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, about, need: Need::Optional, stage: Stage::Built }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { need: Need::Required, ..key(name, shape, about) }
}

const fn later(name: &'static str, shape: Shape, instead: &'static str) -> Key {
    Key { stage: Stage::Later(instead), ..key(name, shape, "") }
}

impl Section {
    /// The key of this name, built or not.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names that can be written today.
    pub(super) fn built(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().filter(|key| key.stage == Stage::Built).map(|key| key.name)
    }
}

/// Where a key may belong that stands in the wrong map, likeliest first.
pub(super) const SECTIONS: &[&Section] = &[
    &START,
    &SCHEDULE,
    &AUTH,
    &CONNECTION,
    &CATCH_UP,
    &DST,
    &HISTORY,
    &LIMITS,
    &CALENDAR,
    &HISTORY_LIMITS,
    &COPIES,
    &RETRY,
    &TIMEOUT,
    &ALERT,
    &QUEUE_ITEM,
    &POOL,
    &BLACKOUT,
    &DAEMON,
    &FILE,
];

pub(in crate::schedule) static FILE: Section = Section {
    name: "file",
    place: "at the top of the file",
    about: "A schedule file of punctual: connections to Orchestrator, and schedules that start processes there",
    keys: &[
        required("version", Shape::Version, "The version of this format: 1"),
        key("connections", Shape::Named(&CONNECTION), "Orchestrator tenants, by names of your own"),
        key(
            "defaults",
            Shape::Map(&DEFAULTS),
            "What every schedule says unless it says otherwise; in one file at most",
        ),
        key(
            "schedules",
            Shape::Named(&SCHEDULE),
            "Schedules by key. The key is the identity: a renamed key is a new schedule",
        ),
        key(
            "calendars",
            Shape::Named(&CALENDAR),
            "Sets of local days that schedules may keep to, by names of your own",
        ),
        key("daemon", Shape::Map(&DAEMON), "What holds for the whole program; in one file at most"),
        key("limits", Shape::Named(&POOL), "Pools that bound the open runs of several schedules, by names of your own"),
        key("blackouts", Shape::Named(&BLACKOUT), "Windows in which nothing is started, by names of your own"),
        later("notify", Shape::List(&NOTIFICATION), "take it out; look at the history for what failed"),
    ],
};

pub(in crate::schedule) static CALENDAR: Section = Section {
    name: "calendar",
    place: "in a calendar, under `calendars`",
    about: "The local days on which schedules run",
    keys: &[
        key("weekdays", Shape::Texts, "Only these are kept, such as MON-FRI; all of them when left out"),
        key("exclude", Shape::Dates, "Dates that are taken out, such as 2026-12-25"),
        key("include", Shape::Dates, "Dates that are put back, whatever the rest says"),
    ],
};

pub(in crate::schedule) static DAEMON: Section = Section {
    name: "daemon",
    place: "under `daemon`",
    about: "What holds for the whole program",
    keys: &[
        key(
            "tzdb",
            Shape::Choice(&choices::ZONE_DATABASE),
            "Which time zone database is read: the newer of the two with `auto`, which holds when left out",
        ),
        key(
            "watch",
            Shape::Flag,
            "With false, changed files are read again only when asked for, by SIGHUP; true when left out",
        ),
        key("allow_env", Shape::Texts, "The environment variables that templates may name as ${env:NAME}"),
        later("listen", Shape::Listen, "take it out; nothing is served over the network"),
        later("metrics", Shape::Flag, "take it out; look at the history"),
        key("history", Shape::Map(&HISTORY_LIMITS), "How much of the history is kept; 400d when left out"),
        key("backup", Shape::Map(&COPIES), "The nightly copy of the database"),
    ],
};

pub(in crate::schedule) static HISTORY_LIMITS: Section = Section {
    name: "history_limits",
    place: "under `history` of `daemon`",
    about: "How much of the history is kept. Whatever is over is removed at night, oldest first; open runs stay",
    keys: &[
        key("keep", Shape::Duration, "How long after its end a run is kept; 400d when left out"),
        key("max_runs", Shape::Count(u32::MAX), "At most so many runs that have ended"),
        key("max_bytes", Shape::Count(u32::MAX), "At most so many bytes in the database"),
    ],
};

pub(in crate::schedule) static COPIES: Section = Section {
    name: "copies",
    place: "under `backup` of `daemon`",
    about: "The nightly copy of the database, which is checked before it counts",
    keys: &[
        key("keep", Shape::Count(1_000), "How many copies are kept; 3 when left out"),
        key("folder", Shape::Text, "An absolute path; `copies` in the state folder when left out"),
    ],
};

pub(in crate::schedule) static CONNECTION: Section = Section {
    name: "connection",
    place: "in a connection, under `connections`",
    about: "One Orchestrator tenant with its credential",
    keys: &[
        required(
            "url",
            Shape::Url,
            "The base address before `/odata`, such as https://cloud.uipath.com/acme/production/orchestrator_; https, but \
             for this machine itself",
        ),
        key("tenant", Shape::Text, "The tenant's name, sent as X-UIPATH-TenantName"),
        required("auth", Shape::Map(&AUTH), "How to get access tokens"),
        key("limits", Shape::Map(&LIMITS), "How hard the server may be worked"),
        key(
            "settle",
            Shape::Duration,
            "How long after an unclear start its job may still become visible; 120s when left out",
        ),
        key("tls", Shape::Map(&TLS), "Whom this connection trusts; the system's certificate authorities when left out"),
    ],
};

pub(in crate::schedule) static AUTH: Section = Section {
    name: "auth",
    place: "under `auth` of a connection",
    about: "How a connection gets its access tokens. Secrets are references: credential:NAME, file:PATH or env:NAME",
    keys: &[
        required("grant", Shape::Choice(&choices::GRANT), "Which kind of credential this is"),
        key(
            "style",
            Shape::Choice(&choices::STYLE),
            "Which server gives tokens for a refresh token; `identity` when left out",
        ),
        key("client_id", Shape::Text, "The application's id, or the client id shown next to the user key"),
        key("client_secret", Shape::Secret, "Where the application's secret is kept; left out: by `punctual login`"),
        key(
            "refresh_token",
            Shape::Secret,
            "Where the refresh token, or the user key, is kept; left out: by `punctual login`",
        ),
        key("username", Shape::Text, "The user name or email address of `grant: password`"),
        key("password", Shape::Secret, "Where the password is kept; left out: by `punctual login`"),
        key("token", Shape::Secret, "Where the personal access token is kept; left out: by `punctual login`"),
        key("scope", Shape::Text, "Scopes, separated by spaces, such as OR.Jobs OR.Execution.Read OR.Folders.Read"),
        key("token_url", Shape::Url, "Where tokens are asked for, when it does not follow from `url`"),
    ],
};

pub(in crate::schedule) static LIMITS: Section = Section {
    name: "connection_limits",
    place: "under `limits` of a connection",
    about: "How hard a server may be worked",
    keys: &[
        key("starts_per_second", Shape::Count(1_000), "Starts a second; 15 when left out"),
        key("open_requests", Shape::Count(1_000), "Requests under way at once; 32 when left out"),
        key("list_calls_per_minute", Shape::Count(10_000), "Calls that list jobs, a minute; 60 when left out"),
        key("recovery_rate", Shape::Count(1_000), "Starts a second after an outage; 5 when left out"),
    ],
};

/// What a schedule and `defaults` say in the same words.
mod common {
    use super::*;

    pub(super) const CLOCK_CHANGES: Key = key("dst", Shape::Map(&DST), "What clock changes do to times of day");
    pub(super) const ON_EXCLUDED: Key = key(
        "on_excluded",
        Shape::Choice(&choices::ON_EXCLUDED),
        "What becomes of times on a day that the calendar takes out; `skip` when left out",
    );
    pub(super) const JITTER: Key =
        key("jitter", Shape::Duration, "Starts are spread over this long after their times, each by a fixed share");
    pub(super) const STARTS: Key = key("starts", Shape::Bound, "The first day, or the first instant");
    pub(super) const ENDS: Key = key("ends", Shape::Bound, "The last day, or the last instant");
    pub(super) const QUARTZ: Key =
        key("quartz", Shape::Flag, "With true, `cron` is read as Quartz does: seconds first, Sunday is 1");
    pub(super) const KEPT_OF_RUNS: Key = key(
        "history",
        Shape::Map(&HISTORY),
        "What of arguments and outputs the history keeps; all of it when left out",
    );
    pub(super) const AGAIN: Key =
        key("retry", Shape::Map(&RETRY), "Starts that follow a failed job; none when left out");
    pub(super) const ALERTS: Key =
        later("alert", Shape::Map(&ALERT), "take it out; look at the history for what was late");
    pub(super) const PING: Key = later("ping", Shape::Secret, "take it out; look at the history for what was missed");
    pub(super) const URGENCY: Key = key(
        "priority",
        Shape::Whole(LEAST_URGENT, MOST_URGENT),
        "Of runs that wait for a pool or for a limit, the higher go first; 0 when left out. Orchestrator's own is \
         `start.priority`",
    );
    pub(super) const PAUSE_AFTER_FAILURES: Key = key(
        "pause_after_failures",
        Shape::Whole(0, MOST_FAILURES),
        "It is paused after so many failed runs in a row; never with 0. When left out, only an account that cannot log \
         on pauses it",
    );
}

pub(in crate::schedule) static SCHEDULE: Section = Section {
    name: "schedule",
    place: "in a schedule, under `schedules`",
    about: "When a process is started, which, and what happens in the odd cases",
    keys: &[
        key("description", Shape::Text, "For people"),
        key(
            "cron",
            Shape::Texts,
            "One pattern or several: minute, hour, day of month, month, weekday, such as 0 7 * * MON-FRI; six fields begin \
             with seconds, seven end with a year",
        ),
        key("every", Shape::Duration, "A fixed interval in real time, such as 5m"),
        key("anchor", Shape::Instant, "An instant that is one of the times of `every`; the Unix epoch when left out"),
        key("at", Shape::Instants, "One instant or several, such as 2026-12-31T22:00[Europe/Berlin]"),
        key("timezone", Shape::Text, "The IANA name of the zone that `cron` is read in, such as Europe/Berlin"),
        common::CLOCK_CHANGES,
        key("enabled", Shape::Flag, "With false, times are recorded as skipped; true when left out"),
        key("connection", Shape::Text, "The connection's name; may be left out when there is only one"),
        required("start", Shape::Map(&START), "The process that is started"),
        key(
            "overlap",
            Shape::Choice(&choices::OVERLAP),
            "When a time comes while an earlier run is open; `skip` when left out",
        ),
        key("catch_up", Shape::Map(&CATCH_UP), "What happens with times found late, after the machine was down"),
        key(
            "start_deadline",
            Shape::Duration,
            "How late a start may still be sent, whether the server cannot be reached or its pool is full; 1h when left out",
        ),
        key(
            "on_unknown_start",
            Shape::Choice(&choices::UNKNOWN_START),
            "When it stays unclear whether a start arrived; `retry` when left out",
        ),
        key(
            "calendar",
            Shape::Text,
            "The calendar that says on which days; all when left out; `none` takes back the one of `defaults`",
        ),
        common::ON_EXCLUDED,
        common::JITTER,
        common::STARTS,
        common::ENDS,
        common::QUARTZ,
        common::KEPT_OF_RUNS,
        later("after", Shape::Map(&AFTER), "give this schedule a time of its own"),
        later("queue_item", Shape::Map(&QUEUE_ITEM), "start a process that adds the queue item"),
        common::AGAIN,
        key(
            "timeout",
            Shape::MapOrNone(&TIMEOUT),
            "How long a job may take; as long as it needs when left out; `none` takes back the one of `defaults`",
        ),
        common::ALERTS,
        common::PING,
        key(
            "pool",
            Shape::Text,
            "The pool of `limits` that its runs count in; `none` takes back the one of `defaults`",
        ),
        common::URGENCY,
        common::PAUSE_AFTER_FAILURES,
    ],
};

pub(in crate::schedule) static START: Section = Section {
    name: "start",
    place: "under `start`",
    about: "The job that Orchestrator is asked for",
    keys: &[
        required("process", Shape::Text, "The process by its name in the folder"),
        key(
            "folder",
            Shape::Text,
            "The folder: its full name, such as Finance/Accounts payable; else the last part of a full name, where only one \
             folder has it; else, in digits, its number",
        ),
        key(
            "folder_id",
            Shape::FolderNumber,
            "In the place of `folder`: its number, which web addresses show as fid=345",
        ),
        key("runtime", Shape::Text, "Orchestrator's runtime type, such as Unattended; its own default when left out"),
        key(
            "arguments",
            Shape::Object,
            "Input arguments, at most 10,000 characters as JSON. Texts may hold templates such as ${nominal.date-1d}",
        ),
        key(
            "priority",
            Shape::Choice(&choices::PRIORITY),
            "How urgent the job is to Orchestrator; as the process says when left out",
        ),
        later("jobs", Shape::Count(MOST_JOBS), "take it out; each time starts one job"),
        later("secret_arguments", Shape::Names, "let the robot read secrets from an Orchestrator asset"),
        later("machine", Shape::Text, "take it out; Orchestrator chooses the machine"),
        later("robot", Shape::Text, "take it out; Orchestrator chooses the robot"),
        later("entry_point", Shape::Text, "take it out; the process's own entry point is used"),
        later("run_as_me", Shape::Flag, "take it out; Orchestrator chooses the user"),
    ],
};

pub(in crate::schedule) static CATCH_UP: Section = Section {
    name: "catch_up",
    place: "under `catch_up`",
    about: "What happens with times that were found more than a minute late",
    keys: &[
        key("policy", Shape::Choice(&choices::CATCH_UP), "Which of them run; `last` when left out"),
        key("window", Shape::Duration, "How old a time may be to run at all; 6h when left out"),
        key("max", Shape::Count(MOST_CAUGHT_UP), "With `policy: all`, the newest so many run; 10 when left out"),
    ],
};

pub(in crate::schedule) static HISTORY: Section = Section {
    name: "history",
    place: "under `history` of a schedule",
    about: "What of a run the history keeps beside its times and its outcome",
    keys: &[
        key(
            "arguments",
            Shape::Choice(&choices::KEPT),
            "Of the arguments, once the job exists or the run has ended; `keep` when left out",
        ),
        key("output", Shape::Choice(&choices::KEPT), "Of the job's output; `keep` when left out"),
    ],
};

pub(in crate::schedule) static DST: Section = Section {
    name: "dst",
    place: "under `dst`",
    about: "What clock changes do to times of day",
    keys: &[
        key("gap", Shape::Choice(&choices::GAP), "For times that do not exist; `shift` when left out"),
        key("overlap", Shape::Choice(&choices::TWICE), "For times that come twice; `first` when left out"),
        key("class", Shape::Choice(&choices::CLASS), "Overrides whether the pattern names times of day or a rhythm"),
    ],
};

pub(in crate::schedule) static DEFAULTS: Section = Section {
    name: "defaults",
    place: "under `defaults`",
    about: "What every schedule says unless it says otherwise",
    keys: &[
        key("connection", Shape::Text, "The connection of schedules that name none"),
        key("folder", Shape::Text, "The folder of schedules that name none"),
        key(
            "folder_id",
            Shape::FolderNumber,
            "In the place of `folder`: its number, which web addresses show as fid=345",
        ),
        key("timezone", Shape::Text, "The zone of schedules that name none, such as Europe/Berlin"),
        common::CLOCK_CHANGES,
        key("overlap", Shape::Choice(&choices::OVERLAP), "When a time comes while an earlier run is open"),
        key("catch_up", Shape::Map(&CATCH_UP), "What happens with times found late"),
        key(
            "start_deadline",
            Shape::Duration,
            "How late a start may still be sent, whether the server cannot be reached or its pool is full",
        ),
        key(
            "on_unknown_start",
            Shape::Choice(&choices::UNKNOWN_START),
            "When it stays unclear whether a start arrived",
        ),
        key("calendar", Shape::Text, "The calendar that says on which days for schedules that name none"),
        common::ON_EXCLUDED,
        common::JITTER,
        common::STARTS,
        common::ENDS,
        common::QUARTZ,
        common::KEPT_OF_RUNS,
        key("description", Shape::Text, "For people, of schedules that have none of their own"),
        key("enabled", Shape::Flag, "With false, schedules run only where they say `enabled: true`"),
        common::AGAIN,
        key("timeout", Shape::Map(&TIMEOUT), "How long a job may take; as long as it needs when left out"),
        common::ALERTS,
        common::PING,
        key("pool", Shape::Text, "The pool of `limits` that the runs of schedules that name none count in"),
        common::URGENCY,
        common::PAUSE_AFTER_FAILURES,
    ],
};

/// A hundred steps either way are more than anybody tells apart, and stay short in a table.
pub(super) const LEAST_URGENT: i32 = -100;
pub(super) const MOST_URGENT: i32 = 100;
/// Who lets more runs fail in a row does not look at them: `0` says that better.
pub(super) const MOST_FAILURES: i32 = 1_000;
/// Starts of one run. With the longest pauses by default they last a day.
pub(super) const MOST_ATTEMPTS: u32 = 100;
/// Far more robots than any tenant has.
pub(super) const MOST_RUNNING: u32 = 10_000;
/// More late times than a person follows are made good by a back-fill.
pub(super) const MOST_CAUGHT_UP: u32 = 1_000;

pub(in crate::schedule) static POOL: Section = Section {
    name: "pool",
    place: "in a pool, under `limits` at the top of the file",
    about: "A bound for the open runs of several schedules together",
    keys: &[required("running", Shape::Count(MOST_RUNNING), "At most so many runs at Orchestrator")],
};

pub(in crate::schedule) static BLACKOUT: Section = Section {
    name: "blackout",
    place: "in a blackout, under `blackouts`",
    about: "Windows in which nothing is started",
    keys: &[
        key(
            "cron",
            Shape::Texts,
            "One pattern or several, whose times are the beginnings of the windows, such as 0 22 * * SAT",
        ),
        key("at", Shape::Instants, "In the place of `cron`: one beginning or several"),
        required("for", Shape::Duration, "How long each window lasts in real time, such as 6h; at most 92d"),
        key(
            "timezone",
            Shape::Text,
            "The IANA name of the zone that `cron` is read in; as `defaults` say when left out",
        ),
        key("schedules", Shape::Texts, "Of these schedules only, such as payroll-*; of all when left out"),
        key("connections", Shape::Texts, "On these connections only; on all when left out"),
        key("except", Shape::Texts, "Not of these schedules, such as payroll-*, whatever the two above select"),
        key(
            "then",
            Shape::Choice(&choices::IN_BLACKOUT),
            "What becomes of the times in it: `skip` when left out; with `wait` the last of each schedule is started at \
             the end",
        ),
    ],
};

pub(in crate::schedule) static RETRY: Section = Section {
    name: "retry",
    place: "under `retry`",
    about: "Starts that follow a failed job, as further attempts of the same run",
    keys: &[
        required("attempts", Shape::Count(MOST_ATTEMPTS), "How many starts in all, the first included"),
        key(
            "delay",
            Shape::Duration,
            "The first pause, after which each is twice as long; 1m when left out, or `max_delay` where that is shorter",
        ),
        key("max_delay", Shape::Duration, "The longest pause; 15m when left out, or `delay` where that is longer"),
        key("on", Shape::Words(&choices::RETRIED), "After which ends of a job; `faulted` when left out"),
    ],
};

pub(in crate::schedule) static TIMEOUT: Section = Section {
    name: "timeout",
    place: "under `timeout`",
    about: "How long a job may take",
    keys: &[
        key("soft", Shape::Duration, "When it has run for so long, it is asked to stop"),
        key("pending", Shape::Duration, "When no robot has begun it for so long, it is stopped"),
        key("at", Shape::TimeOfDay, "At this time of day, in the schedule's zone, it is asked to stop"),
        key("kill_after", Shape::Duration, "It is killed so long after it was asked to stop; 5m when left out"),
        key(
            "on_pending",
            Shape::Choice(&choices::ON_PENDING),
            "What follows when no robot has begun it: `stop` when left out, or `restart` once it is stopped",
        ),
        key(
            "on_server",
            Shape::Flag,
            "With true, Orchestrator itself counts `pending` and `soft` too, both together; false when left out",
        ),
    ],
};

// What follows stands behind keys that are not built yet. It is checked all the same: who writes a file ahead of its time
// hears of its mistakes, and no reader of the file has to change when the key is built.

/// Orchestrator is asked for one job a call, and a run makes at most so many calls (semantics.md 13).
const MOST_JOBS: u32 = 9;

pub(in crate::schedule) static NOTIFICATION: Section = Section {
    name: "notification",
    place: "under `notify`, which is not built yet",
    about: "Who is told of what",
    keys: &[
        required("on", Shape::Words(&choices::EVENTS), "Of what"),
        key("schedules", Shape::Texts, "Of these schedules only; of all when left out"),
        required("webhook", Shape::Secret, "Where the address is kept that is told"),
        key("format", Shape::Choice(&choices::FORMAT), "In which words; `json` when left out"),
    ],
};

pub(in crate::schedule) static TLS: Section = Section {
    name: "tls",
    place: "under `tls` of a connection",
    about: "Whom a connection trusts",
    keys: &[required(
        "ca",
        Shape::Text,
        "A file with certificates of authorities (PEM), relative to this one; trusted besides the system's",
    )],
};

pub(in crate::schedule) static AFTER: Section = Section {
    name: "after",
    place: "under `after`, which is not built yet",
    about: "The run whose end this schedule waits for",
    keys: &[
        required("schedule", Shape::Text, "The key of the other schedule"),
        key("on", Shape::Words(&choices::ENDS), "With which ends; `succeeded` when left out"),
    ],
};

pub(in crate::schedule) static QUEUE_ITEM: Section = Section {
    name: "queue_item",
    place: "under `queue_item`, which is not built yet",
    about: "An item that is added to a queue, instead of a job",
    keys: &[
        required("queue", Shape::Text, "The queue by its name in the folder"),
        key("folder", Shape::Text, "The folder's full name"),
        key("folder_id", Shape::FolderNumber, "In the place of `folder`: its number"),
        key("content", Shape::Object, "What the item holds; texts may hold templates"),
        key("priority", Shape::Choice(&choices::PRIORITY), "`Normal` when left out"),
        key("defer", Shape::Moment, "Not to be processed before"),
        key("due", Shape::Moment, "To be processed by"),
    ],
};

pub(in crate::schedule) static ALERT: Section = Section {
    name: "alert",
    place: "under `alert`, which is not built yet",
    about: "When somebody is told of a run that goes on",
    keys: &[
        key("not_started_within", Shape::Duration, "Not sent so long after its time"),
        key("pending_over", Shape::Duration, "Waiting for a robot for longer"),
        key("running_over", Shape::Duration, "Running for longer"),
        key("silent_over", Shape::Duration, "No run has succeeded for longer"),
    ],
};
