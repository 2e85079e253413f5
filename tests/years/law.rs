//! What a schedule says, in the words of its file: the file is written from it, and the checker judges by it. It shares no code with
//! the program, so that a mistake in the reading of files is a difference too.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Seconds since 1970.
pub(crate) type Second = i64;

/// When.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Times {
    /// Every so many seconds, 1970 being one of them.
    Every(i64),
    /// At these minutes of each hour: interval-like (rule 2).
    Minutes(Vec<i64>),
    /// At these hours and this minute: fixed.
    Daily(Vec<i8>, i8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    Skip,
    Allow,
    QueueOne,
    QueueLatest,
    QueueAll,
    StopOther,
    KillOther,
}

impl Overlap {
    pub(crate) const ALL: [Overlap; 7] = [
        Overlap::Skip,
        Overlap::Allow,
        Overlap::QueueOne,
        Overlap::QueueLatest,
        Overlap::QueueAll,
        Overlap::StopOther,
        Overlap::KillOther,
    ];

    fn word(self) -> &'static str {
        match self {
            Overlap::Skip => "skip",
            Overlap::Allow => "allow",
            Overlap::QueueOne => "queue_one",
            Overlap::QueueLatest => "queue_latest",
            Overlap::QueueAll => "queue_all",
            Overlap::StopOther => "stop_other",
            Overlap::KillOther => "kill_other",
        }
    }

    /// Whether a newer time takes the place of the ones that wait.
    pub(crate) fn replaces(self) -> bool {
        matches!(self, Overlap::QueueLatest | Overlap::StopOther | Overlap::KillOther)
    }

    pub(crate) fn ends_the_other(self) -> bool {
        matches!(self, Overlap::StopOther | Overlap::KillOther)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CatchUp {
    Last,
    Skip,
    All { max: usize },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Retry {
    pub(crate) attempts: i64,
    /// Seconds.
    pub(crate) delay: i64,
    pub(crate) max_delay: i64,
    pub(crate) on: Vec<&'static str>,
}

/// In seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timeout {
    pub(crate) pending: Option<i64>,
    pub(crate) soft: Option<i64>,
    /// Local hour and minute.
    pub(crate) at: Option<(i8, i8)>,
    pub(crate) kill_after: Option<i64>,
    pub(crate) restarts: bool,
}

/// How the jobs of a schedule go, which no file says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Temper {
    /// Seconds on the robot, usually.
    pub(crate) lasts: i64,
    /// Of a thousand jobs so many …
    pub(crate) fail: i64,
    pub(crate) hang: i64,
    pub(crate) begin_late: i64,
    pub(crate) run_long: i64,
    pub(crate) deaf: i64,
    pub(crate) park: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Law {
    pub(crate) key: String,
    pub(crate) zone: &'static str,
    pub(crate) times: Times,
    /// Seconds.
    pub(crate) jitter: i64,
    pub(crate) enabled: bool,
    pub(crate) overlap: Overlap,
    pub(crate) catch_up: CatchUp,
    /// Seconds, as is the next.
    pub(crate) window: i64,
    pub(crate) deadline: i64,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) pool: Option<&'static str>,
    pub(crate) priority: i64,
    pub(crate) connection: &'static str,
    pub(crate) unknown: &'static str,
    /// `pause_after_failures`.
    pub(crate) pause_after: Option<i64>,
    pub(crate) temper: Temper,
}

impl Law {
    /// Whether both have the same times.
    pub(crate) fn has_times_of(&self, other: &Law) -> bool {
        (&self.times, self.zone, self.jitter) == (&other.times, other.zone, other.jitter)
    }

    /// Its lines in a file.
    pub(crate) fn yaml(&self) -> String {
        let mut text = format!("  {}:\n", self.key);
        let list = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let _ = match &self.times {
            Times::Every(seconds) => {
                writeln!(text, "    every: {seconds}s\n    anchor: \"1970-01-01T00:00:00Z\"")
            }
            Times::Minutes(minutes) => writeln!(text, "    cron: \"{} * * * *\"", list(minutes)),
            Times::Daily(hours, minute) => {
                let hours: Vec<i64> = hours.iter().copied().map(i64::from).collect();
                writeln!(text, "    cron: \"{minute} {} * * *\"", list(&hours))
            }
        };
        let _ = writeln!(text, "    timezone: {}\n    connection: {}", self.zone, self.connection);
        let _ = writeln!(text, "    start: {{ process: {} }}\n    overlap: {}", self.key, self.overlap.word());
        let policy = match self.catch_up {
            CatchUp::Last => "policy: last".to_owned(),
            CatchUp::Skip => "policy: skip".to_owned(),
            CatchUp::All { max } => format!("policy: all, max: {max}"),
        };
        let _ = writeln!(text, "    catch_up: {{ {policy}, window: {}s }}", self.window);
        let _ = writeln!(text, "    start_deadline: {}s\n    on_unknown_start: {}", self.deadline, self.unknown);
        if self.jitter > 0 {
            let _ = writeln!(text, "    jitter: {}s", self.jitter);
        }
        if !self.enabled {
            text.push_str("    enabled: false\n");
        }
        if let Some(Retry { attempts, delay, max_delay, on }) = &self.retry {
            let on = on.join(", ");
            let _ = writeln!(
                text,
                "    retry: {{ attempts: {attempts}, delay: {delay}s, max_delay: {max_delay}s, on: [{on}] }}"
            );
        }
        if let Some(timeout) = &self.timeout {
            let seconds = |name: &str, value: Option<i64>| value.map(|value| format!("{name}: {value}s"));
            let parts = [
                seconds("pending", timeout.pending),
                seconds("soft", timeout.soft),
                timeout.at.map(|(hour, minute)| format!("at: \"{hour:02}:{minute:02}\"")),
                seconds("kill_after", timeout.kill_after),
                timeout.restarts.then(|| "on_pending: restart".to_owned()),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let _ = writeln!(text, "    timeout: {{ {} }}", parts.join(", "));
        }
        if let Some(pool) = self.pool {
            let _ = writeln!(text, "    pool: {pool}");
        }
        if self.priority != 0 {
            let _ = writeln!(text, "    priority: {}", self.priority);
        }
        if let Some(failures) = self.pause_after {
            let _ = writeln!(text, "    pause_after_failures: {failures}");
        }
        text
    }

    /// Its nominal times after `from`, up to `until`, in order (rules 1 to 3).
    pub(crate) fn nominal_times(&self, from: Second, until: Second) -> Vec<Second> {
        let zone = TimeZone::get(self.zone).unwrap();
        let mut times = match &self.times {
            Times::Every(step) => {
                let first = from.div_euclid(*step) + 1;
                (first..).map(|number| number * step).take_while(|at| *at <= until).collect()
            }
            Times::Minutes(minutes) => in_each_hour(&zone, minutes, from, until),
            Times::Daily(hours, minute) => on_each_day(self.zone, hours, *minute, from, until),
        };
        times.sort_unstable();
        times.dedup();
        times.retain(|at| from < *at && *at <= until);
        times
    }
}

/// Clocks change on quarters of an hour only, since 1970 at least.
fn in_each_hour(zone: &TimeZone, minutes: &[i64], from: Second, until: Second) -> Vec<Second> {
    const QUARTER: i64 = 900;
    let mut times = Vec::new();
    let mut quarter = from.div_euclid(QUARTER) * QUARTER;
    while quarter <= until {
        let offset = i64::from(zone.to_offset(instant(quarter)).seconds());
        let local = (quarter + offset).rem_euclid(3_600) / 60;
        times.extend((0..15).filter(|after| minutes.contains(&(local + after))).map(|after| quarter + after * 60));
        quarter += QUARTER;
    }
    times
}

/// At these local hours and this minute of each day, about from then to then.
pub(crate) fn on_each_day(zone: &str, hours: &[i8], minute: i8, from: Second, until: Second) -> Vec<Second> {
    let zone = TimeZone::get(zone).unwrap();
    let date = |at: Second| zone.to_datetime(instant(at)).date();
    let last = date(until).tomorrow().unwrap();
    let mut day: Date = date(from).yesterday().unwrap();
    let mut times = Vec::new();
    while day <= last {
        times.extend(hours.iter().map(|hour| first_at(&zone, day, *hour, minute)));
        day = day.tomorrow().unwrap();
    }
    times
}

/// In a gap the first instant after it, in an overlap the first of the two (rule 2).
pub(crate) fn first_at(zone: &TimeZone, day: Date, hour: i8, minute: i8) -> Second {
    let local = day.to_datetime(time(hour, minute, 0, 0));
    let at = zone.to_ambiguous_timestamp(local);
    match at.offset() {
        AmbiguousOffset::Gap { after, .. } => {
            let before_the_gap = after.to_timestamp(local).unwrap();
            zone.following(before_the_gap).next().unwrap().timestamp().as_second()
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => at.earlier().unwrap().as_second(),
    }
}

/// In an overlap the second of the two, with the offset that holds then.
pub(crate) fn second_at(zone: &TimeZone, day: Date, hour: i8, minute: i8) -> Option<(Second, Offset)> {
    let at = zone.to_ambiguous_timestamp(day.to_datetime(time(hour, minute, 0, 0)));
    match at.offset() {
        AmbiguousOffset::Fold { after, .. } => Some((at.later().unwrap().as_second(), after)),
        AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => None,
    }
}

fn instant(at: Second) -> Timestamp {
    Timestamp::from_second(at).unwrap()
}
