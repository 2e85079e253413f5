//! Durations: one reader, and a writer for each place where they are read.

use std::time::Duration;

use jiff::SignedDuration;

/// Seconds of each unit, the largest first.
const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotADuration {
    /// A number alone.
    NoUnit,
    /// Anything else that is not written as one.
    Shape,
    /// More seconds than can be counted.
    TooLong,
}

/// Reads `90s`, `5m`, `2h`, `1d`, or several together as in `1h30m`, in whole seconds. Larger units come first and each once, so
/// that a reader adds up what is meant: `1m1h` is more likely a slip than an hour and a minute.
///
/// # Errors
/// [`NotADuration`]. What is taken may be nothing, as `0s` is.
pub fn duration(text: &str) -> Result<Duration, NotADuration> {
    if text.is_empty() {
        return Err(NotADuration::Shape);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotADuration::NoUnit);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    let mut larger = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(NotADuration::Shape)?;
        let (number, after) = rest.split_at(digits);
        let mut after = after.chars();
        let named = after.next();
        let unit = UNITS.iter().find(|(_, name)| named == Some(*name)).map(|(unit, _)| *unit);
        let unit = unit.filter(|unit| *unit < larger && !number.is_empty()).ok_or(NotADuration::Shape)?;
        let seconds = number.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
        total = seconds.and_then(|seconds| total.checked_add(seconds)).ok_or(NotADuration::TooLong)?;
        larger = unit;
        rest = after.as_str();
    }
    Ok(Duration::from_secs(total))
}

/// As [`duration`] reads it: `1h30m`. Parts of a second are left out, and nothing is `0s`.
pub fn exactly(length: Duration) -> String {
    let mut rest = length.as_secs();
    let mut text = String::new();
    for (unit, name) in UNITS {
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// For the cells of a table, two units wide: `2h 05m`, `3m 07s`, `4.2s`.
pub fn in_columns(length: SignedDuration) -> String {
    let sign = if length.is_negative() { "-" } else { "" };
    let length = length.unsigned_abs();
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{sign}{:.1}s", length.as_secs_f64()),
        60..3_600 => format!("{sign}{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{sign}{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{sign}{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// For a sentence, in one unit and rounded down: `250 ms`, `1.5 s`, `40 s`, `12 min`, `3 h`, `12 days`.
pub fn roughly(length: Duration) -> String {
    match length.as_secs() {
        0 if !length.is_zero() => format!("{} ms", length.as_millis()),
        1..10 if length.subsec_millis() >= 50 => format!("{:.1} s", length.as_secs_f64()),
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..864_000 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
