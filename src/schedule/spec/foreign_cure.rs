//! What is written here in the place of a key, or of a word, that another scheduler has.
//!
//! A cure is a whole value that works: with the writer's own number or length where that can be one, else with one that will do.

use std::time::Duration;

use super::foreign::FOREIGN;
use super::foreign_means::{Foreign, Means, Unit};
use super::keys::{START, Section};
use super::tree::{Entry, Kind, Scalar, Value};
use super::values;
use crate::schedule::diagnostic::quoted;
use crate::text;

/// What a foreign key is told with.
pub(super) struct Told {
    /// In the place of "unknown key".
    pub(super) what: Option<String>,
    pub(super) hint: String,
    /// A key about which enough was said then.
    pub(super) settles: &'static str,
}

/// What to say of a key that is another scheduler's. `beside` are all keys of its map; `subject` is as in "schedule `x`".
pub(super) fn told(entry: &Entry, beside: &[&Entry], section: &'static Section, subject: &str) -> Option<Told> {
    let name: String = entry.key.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    let fits = |row: &&Foreign| {
        row.names.contains(&name.as_str()) && row.homes.iter().any(|home| std::ptr::eq(*home, section))
    };
    let row = FOREIGN.iter().find(fits)?;
    if let Means::NotBuilt = row.means {
        let what = format!("{}: nobody is told of runs yet, that is not built", quoted(&entry.key));
        let hint = "take it out; look at the history for what failed".to_owned();
        return Some(Told { what: Some(what), hint, settles: row.settles });
    }
    if beside.iter().any(|other| other.key == row.settles) {
        let hint = format!("take it out, or say it in `{}`, which is there already", row.settles);
        return Some(Told { what: None, hint, settles: row.settles });
    }
    let hint = in_our_words(row.means, &entry.value.value);
    let key = subject.split('`').nth(1).unwrap_or("NAME");
    let beside = if std::ptr::eq(section, &START) { "; it belongs one level out, next to `start`" } else { "" };
    Some(Told { what: None, hint: format!("{}{beside}", hint.replace("{key}", key)), settles: row.settles })
}

fn in_our_words(means: Means, value: &Value) -> String {
    let scalar = match value {
        Value::Scalar(scalar) if scalar.kind != Kind::Null => Some(scalar),
        Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
    };
    let word = scalar.map_or("", |scalar| scalar.text.as_str());
    let number = word.parse::<u32>().ok();
    let with = |write: &str, value: &str| write.replace("{}", value);
    match means {
        Means::Always(write) => write.to_owned(),
        Means::MoreStarts(write) => match number {
            Some(0) => "take it out: nothing is started again unless `retry` says so".to_owned(),
            Some(more @ 1..=99) => {
                format!("{}: `attempts` counts the first start too", with(write, &(more + 1).to_string()))
            }
            Some(_) | None => format!("{}: `attempts` counts the first start too", with(write, "4")),
        },
        Means::Starts(write) => match number {
            Some(0 | 1) => "take it out: nothing is started again unless `retry` says so".to_owned(),
            Some(all @ 2..=100) => with(write, &all.to_string()),
            Some(_) | None => with(write, "3"),
        },
        Means::Number(write, example) => match number.filter(|number| (1..=100).contains(number)) {
            Some(number) => with(write, &number.to_string()),
            None => with(write, example),
        },
        Means::Length(write, unit, example) => with(write, &length(word, number, unit, example)),
        Means::Text(write, example) => match scalar.filter(|scalar| scalar.kind == Kind::Text && is_plain(word)) {
            Some(_) => with(write, word),
            None => with(write, example),
        },
        Means::Flag(on, off) => match is_off(scalar) {
            true => off.to_owned(),
            false => on.to_owned(),
        },
        Means::Times => times(word),
        Means::Overlap => match (number, overlap(word)) {
            (Some(number @ 2..), _) => format!(
                "write `overlap: allow`; at most {number} at once is a pool: `limits: {{ few: {{ running: {number} }} }}` at the \
                 top of the file, and `pool: few` here"
            ),
            (_, Some(cure)) => cure,
            (_, None) => "write `overlap: skip`, `overlap: allow` or `overlap: stop_other`".to_owned(),
        },
        Means::CatchUp => format!("write `{}`", catch_up(word)),
        Means::Restart => match is_off(scalar) {
            true => "take it out: nothing is started again unless `retry` says so".to_owned(),
            false => "write `retry: { attempts: 3 }`, which counts all starts".to_owned(),
        },
        Means::NotBuilt => "take it out".to_owned(),
    }
}

/// As it is written here; a bare number is in the unit that it has there.
fn length(word: &str, number: Option<u32>, unit: Unit, example: &str) -> String {
    let seconds = match unit {
        Unit::Seconds => number,
        Unit::Minutes => number.and_then(|minutes| minutes.checked_mul(60)),
    };
    match (values::duration(word), seconds) {
        (Ok(_), _) => word.to_owned(),
        (Err(_), Some(seconds @ 1..)) => text::exactly(Duration::from_secs(u64::from(seconds))),
        (Err(_), Some(0) | None) => example.to_owned(),
    }
}

/// A pattern, an interval, or a word of systemd for one.
fn times(word: &str) -> String {
    let usual = match word.to_ascii_lowercase().trim_start_matches('@') {
        "minutely" => Some("* * * * *"),
        "hourly" => Some("0 * * * *"),
        "daily" | "midnight" => Some("0 0 * * *"),
        "weekly" => Some("0 0 * * MON"),
        "monthly" => Some("0 0 1 * *"),
        "yearly" | "annually" => Some("0 0 1 1 *"),
        _ => None,
    };
    let fields = word.split_whitespace();
    let signs = |c: char| c.is_ascii_alphanumeric() || "*/,-? #".contains(c);
    let pattern = (5..=7).contains(&fields.count()) && word.chars().all(signs);
    let usual = usual.map(str::to_owned).or_else(|| of_systemd(word));
    match usual.or_else(|| pattern.then(|| word.to_owned())) {
        Some(pattern) => format!("write `cron: \"{pattern}\"`"),
        None if values::duration(word).is_ok() => format!("write `every: {word}`"),
        None => "write `cron: \"0 7 * * *\"` (minute, hour, day of month, month, weekday), or `every: 5m`".to_owned(),
    }
}

/// `Mon..Fri *-*-* 07:00:00`.
fn of_systemd(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split_whitespace().collect();
    let [days @ .., time] = parts.as_slice() else { return None };
    let time = values::time_of_day(time.get(..5)?).ok()?;
    let days = match days {
        [] | ["*-*-*"] => "*".to_owned(),
        [days] | [days, "*-*-*"] if days.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '.' | ',')) => {
            days.replace("..", "-").to_ascii_uppercase()
        }
        _ => return None,
    };
    Some(format!("{} {} * * {days}", time.minute(), time.hour()))
}

/// What `overlap` is here, where another scheduler has this word. None: no scheduler has it.
pub(super) fn overlap(word: &str) -> Option<String> {
    let one = |word: &str| Some(format!("write `overlap: {word}`"));
    match word.to_ascii_lowercase().as_str() {
        "allow" | "allowed" | "parallel" | "concurrent" | "true" | "yes" | "on" => one("allow"),
        "forbid" | "forbidden" | "disallow" | "drop" | "ignore" | "none" | "never" | "no" | "off" | "false" | "0"
        | "1" | "skip" | "single" => one("skip"),
        "replace" | "cancel" | "restart" | "stop" | "terminate" | "cancel_running" => one("stop_other"),
        "kill" => one("kill_other"),
        "wait" | "queue" | "queued" | "enqueue" | "serial" | "delay" | "sequential" => {
            Some("write `overlap: queue_one`; or `overlap: queue_all`, where none may be left out".to_owned())
        }
        _ => None,
    }
}

/// What `catch_up` is here: what Airflow and others say in one word.
pub(super) fn catch_up(word: &str) -> String {
    let number = word.parse::<u32>().ok();
    match (number, word.to_ascii_lowercase().as_str()) {
        (Some(0), _) | (_, "false" | "none" | "no" | "off" | "never" | "skip" | "do_nothing" | "ignore") => {
            "catch_up: { policy: skip }".to_owned()
        }
        (Some(most @ 1..=1_000), _) => format!("catch_up: {{ policy: all, max: {most} }}"),
        (_, "true" | "all" | "yes" | "on") => "catch_up: { policy: all }".to_owned(),
        (_, _) if values::duration(word).is_ok() => format!("catch_up: {{ window: {word} }}"),
        _ => "catch_up: { policy: last }".to_owned(),
    }
}

/// Whether it says no.
pub(super) fn is_off(scalar: Option<&Scalar>) -> bool {
    scalar.is_some_and(|scalar| {
        matches!(
            scalar.text.to_ascii_lowercase().as_str(),
            "false" | "no" | "off" | "none" | "never" | "0" | "n" | "null"
        )
    })
}

/// Whether a text may stand in a file without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
}
