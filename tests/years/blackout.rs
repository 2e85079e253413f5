//! A blackout in the words of its file, and its windows (rule 30). It shares no code with the program, as `law` does not.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::job::Moment;
use super::law::{Second, on_each_day};

/// When its windows begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Begins {
    /// At these hours and this minute of each day.
    Daily(Vec<i8>, i8),
    /// At these instants.
    At(Vec<Second>),
}

/// What a file says of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words {
    pub(crate) name: String,
    pub(crate) begins: Begins,
    pub(crate) zone: &'static str,
    /// Seconds.
    pub(crate) lasts: i64,
    /// None: all.
    pub(crate) schedules: Vec<String>,
    pub(crate) connections: Vec<String>,
    /// `then: wait`.
    pub(crate) waits: bool,
}

/// The same with its windows, from their begin to the first moment after them, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blackout {
    pub(crate) words: Words,
    windows: Vec<(Moment, Moment)>,
}

impl Words {
    /// With the windows of that time.
    pub(crate) fn spread(self, from: Moment, until: Moment) -> Blackout {
        const WIDE: Second = 4 * 86_400;
        let (from, until) = (from / 1_000 - WIDE, until / 1_000 + WIDE);
        let mut begins = match &self.begins {
            Begins::Daily(hours, minute) => on_each_day(self.zone, hours, *minute, from, until),
            Begins::At(instants) => instants.clone(),
        };
        begins.sort_unstable();
        begins.dedup();
        let windows = begins.into_iter().map(|begin| (begin * 1_000, (begin + self.lasts) * 1_000)).collect();
        Blackout { words: self, windows }
    }
}

impl Blackout {
    /// Its line in a file.
    pub(crate) fn yaml(&self) -> String {
        let Words { name, begins, zone, lasts, schedules, connections, waits } = &self.words;
        let mut text = match begins {
            Begins::Daily(hours, minute) => {
                let hours: Vec<String> = hours.iter().map(i8::to_string).collect();
                format!("  {name}: {{ cron: \"{minute} {} * * *\", timezone: {zone}", hours.join(","))
            }
            Begins::At(instants) => {
                let instants = instants.iter().map(|at| format!("\"{}\"", Timestamp::from_second(*at).unwrap()));
                format!("  {name}: {{ at: [{}]", instants.collect::<Vec<_>>().join(", "))
            }
        };
        let _ = write!(text, ", for: {lasts}s");
        for (word, patterns) in [("schedules", schedules), ("connections", connections)] {
            if !patterns.is_empty() {
                let patterns: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
                let _ = write!(text, ", {word}: [{}]", patterns.join(", "));
            }
        }
        text.push_str(if *waits { ", then: wait }\n" } else { " }\n" });
        text
    }

    /// Both must fit where both are given.
    pub(crate) fn is_about(&self, schedule: &str, connection: &str) -> bool {
        let one_fits = |patterns: &[String], name: &str| patterns.is_empty() || patterns.iter().any(|p| fits(p, name));
        one_fits(&self.words.schedules, schedule) && one_fits(&self.words.connections, connection)
    }

    /// Those of its windows that have a moment in common with that time, or meet it.
    pub(crate) fn near(&self, from: Moment, until: Moment) -> impl Iterator<Item = (Moment, Moment)> + '_ {
        let first = self.windows.partition_point(|(_, end)| *end < from);
        self.windows[first..].iter().copied().take_while(move |(begin, _)| *begin <= until)
    }

    pub(crate) fn has(&self, at: Moment) -> bool {
        self.near(at, at).any(|(begin, end)| begin <= at && at < end)
    }
}

/// Whether a name fits a pattern: `*` is any part, `?` one character.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => name.is_empty(),
        Some(("*", rest)) => (0..=name.len()).any(|left_out| fits(rest, &name[left_out..])),
        Some((one, rest)) => {
            name.split_at_checked(1).is_some_and(|(first, name)| (one == "?" || one == first) && fits(rest, name))
        }
    }
}
