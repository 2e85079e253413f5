//! Cron patterns: 5 fields, 6 with seconds first, or 7 with the year last; and the same as Quartz counts.
//!
//! A pattern is split and checked here and in `field`, read by croner, and packed by `matcher`. Its canonical text — plain
//! numbers, single spaces, no seconds when they are 0 — is what is stored and hashed, so that spelling changes nothing.
//!
//! A Quartz pattern is asked for by name, never guessed, since `2-6` is Monday to Friday there and Tuesday to Saturday here.
//! Its canonical text is in our numbers, so nothing behind this file knows that there are two dialects.
//!
//! Absent: `H` (a time by hash; that is what jitter is for) and Quartz's `L-3W` and `C`.

use std::fmt;
use std::str::FromStr;

use super::field::{self, Field, Fields, Shape};
use super::kind::Kind;
use super::matcher::Matcher;
use super::policy::Class;
use super::word::{PatternError, Word};
use crate::text;

/// `@midnight` is Vixie cron's; the rest is everybody's.
const ALIASES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const FIELDS: &str = "minute, hour, day of month, month, weekday";

const QUARTZ_FIELDS: &str = "second, minute, hour, day of month, month, weekday";

/// A cron pattern that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronPattern {
    canonical: Box<str>,
    class: Class,
    matcher: Matcher,
}

impl CronPattern {
    /// Reads 5, 6 or 7 fields, or an alias such as `@daily`.
    ///
    /// Day of month and weekday both restricted: either matches; a `+` before the weekday asks for both (semantics.md 4).
    ///
    /// # Errors
    /// [`PatternError`] with the bytes that are wrong.
    pub fn parse(text: &str) -> Result<CronPattern, PatternError> {
        let trimmed = Word { text: text.trim_end(), at: 0 }.trim_start();
        if trimmed.text.starts_with('@') {
            return Self::parse(expand_alias(trimmed)?);
        }
        let words = split_words(trimmed);
        refuse_quartz(trimmed, &words)?;
        let fields = read_fields(trimmed, &words)?;
        refuse_unclear_days(trimmed, &fields.day, &fields.weekday)?;
        Self::of(trimmed, fields)
    }

    /// Reads 6 or 7 fields as Quartz does: seconds first, Sunday is 1, one of the two day fields is `?` (semantics.md 4).
    ///
    /// # Errors
    /// [`PatternError`] with the bytes that are wrong.
    pub fn parse_quartz(text: &str) -> Result<CronPattern, PatternError> {
        let trimmed = Word { text: text.trim_end(), at: 0 }.trim_start();
        let words = split_words(trimmed);
        let ([second, minute, hour, day, month, weekday], year) = match *words {
            [second, minute, hour, day, month, weekday] => ([second, minute, hour, day, month, weekday], None),
            [second, minute, hour, day, month, weekday, year] => {
                ([second, minute, hour, day, month, weekday], Some(year))
            }
            _ => {
                return Err(trimmed.refuse(
                    format!(
                        "{} where a Quartz pattern has 6 ({QUARTZ_FIELDS}), or 7 with the year last",
                        count(&words)
                    ),
                    "without `quartz: true` a pattern has 5 fields".to_string(),
                ));
            }
        };
        match (day.text, weekday.text) {
            ("?", "?") => return Err(weekday.refuse("both day fields are `?`".into(), "write `*` for one".to_string())),
            ("?", _) | (_, "?") => {}
            _ => {
                return Err(weekday.refuse(
                    "in a Quartz pattern one of the two day fields is `?`".into(),
                    "write `?` for the day field that does not matter".to_string(),
                ));
            }
        }
        if let Some(plus) = weekday.text.strip_prefix('+') {
            return Err(weekday.refuse("Quartz knows no `+`".into(), format!("write `{plus}`")));
        }
        Self::of(
            trimmed,
            Fields {
                second: field::read(Kind::Second, second)?,
                minute: field::read(Kind::Minute, minute)?,
                hour: field::read(Kind::Hour, hour)?,
                day: field::read(Kind::DayOfMonth, day)?,
                month: field::read(Kind::Month, month)?,
                weekday: field::read(Kind::QuartzWeekday, weekday)?,
                year: read_year(year)?,
            },
        )
    }

    fn of(pattern: Word<'_>, fields: Fields) -> Result<CronPattern, PatternError> {
        let matcher = Matcher::new(&fields)
            .map_err(|error| pattern.refuse(format!("`{}` cannot be read: {error}", pattern.text), None))?;
        let Fields { second, minute, hour, day, month, weekday, year } = fields;
        let joined = weekday.joined && day.shape != Shape::Any && weekday.shape != Shape::Any;
        let plus = if joined { "+" } else { "" };
        let five = format!("{} {} {} {} {plus}{}", minute.text, hour.text, day.text, month.text, weekday.text);
        let canonical = match year.shape {
            Shape::Any if second.text == "0" => five,
            Shape::Any => format!("{} {five}", second.text),
            Shape::AnyStep | Shape::WholeRange | Shape::Chosen => format!("{} {five} {}", second.text, year.text),
        };
        let rhythm = steps_through(&minute) || steps_through(&hour) || matcher.runs_every_hour();
        let class = if rhythm { Class::Interval } else { Class::Fixed };
        Ok(CronPattern { canonical: canonical.into(), class, matcher })
    }

    /// The pattern in plain numbers: the same for every spelling, and readable by [`CronPattern::parse`] as the same pattern.
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// Whether it names times of day or a rhythm, by how it is written (semantics.md 2).
    pub fn class(&self) -> Class {
        self.class
    }

    pub(super) fn matcher(&self) -> &Matcher {
        &self.matcher
    }
}

impl fmt::Display for CronPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CronPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<CronPattern, PatternError> {
        CronPattern::parse(text)
    }
}

fn expand_alias(word: Word<'_>) -> Result<&'static str, PatternError> {
    if let Some((_, pattern)) = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(word.text)) {
        return Ok(pattern);
    }
    let (name, rest) = word.text.split_once(char::is_whitespace).unwrap_or((word.text, ""));
    let hint = match name.to_ascii_lowercase().as_str() {
        "@every" if rest.trim().is_empty() => "an interval is `every: 5m` instead of `cron`".to_string(),
        "@every" => format!("write `every: {}` instead of `cron`", rest.trim()),
        "@reboot" => "a schedule is a set of times; the start of the machine is none".to_string(),
        _ => format!("the aliases are {}", text::quoted(ALIASES.map(|(alias, _)| alias))),
    };
    Err(word.refuse(format!("`{name}` is not an alias of a cron pattern"), hint))
}

fn read_fields(pattern: Word<'_>, words: &[Word<'_>]) -> Result<Fields, PatternError> {
    if let Some(first) = words.first().filter(|word| word.text.contains("TZ=")) {
        return Err(first.refuse(
            "a pattern does not carry a time zone".into(),
            "give the zone next to it, as in `timezone: Europe/Berlin`".to_string(),
        ));
    }
    let (second, [minute, hour, day, month, weekday], year) = match *words {
        [minute, hour, day, month, weekday] => (None, [minute, hour, day, month, weekday], None),
        [second, minute, hour, day, month, weekday] => (Some(second), [minute, hour, day, month, weekday], None),
        [second, minute, hour, day, month, weekday, year] => {
            (Some(second), [minute, hour, day, month, weekday], Some(year))
        }
        [] => return Err(pattern.refuse("the pattern is empty".into(), format!("a pattern has 5 fields: {FIELDS}"))),
        _ => {
            return Err(pattern.refuse(
                format!(
                    "{} where a pattern has 5 ({FIELDS}), 6 with seconds first, or 7 with the year last",
                    count(words)
                ),
                match words.len() {
                    ..5 => "`*` stands for every value of a field".to_string(),
                    _ => "take out what is no field; lists such as `1,15` are written without spaces".to_string(),
                },
            ));
        }
    };
    Ok(Fields {
        second: match second {
            Some(second) => field::read(Kind::Second, second)?,
            None => Field { text: "0".into(), shape: Shape::Chosen, joined: false },
        },
        minute: field::read(Kind::Minute, minute)?,
        hour: field::read(Kind::Hour, hour)?,
        day: field::read(Kind::DayOfMonth, day)?,
        month: field::read(Kind::Month, month)?,
        weekday: field::read(Kind::Weekday, weekday)?,
        year: read_year(year)?,
    })
}

fn read_year(word: Option<Word<'_>>) -> Result<Field, PatternError> {
    match word {
        Some(word) => field::read(Kind::Year, word),
        None => Ok(Field { text: "*".into(), shape: Shape::Any, joined: false }),
    }
}

fn count(words: &[Word<'_>]) -> String {
    if words.len() == 1 { "1 field".to_string() } else { format!("{} fields", words.len()) }
}

/// Six or seven fields with a `?` were written for Quartz, where weekdays count from 1: taken as they stand, they would run a
/// day late.
fn refuse_quartz(pattern: Word<'_>, words: &[Word<'_>]) -> Result<(), PatternError> {
    match *words {
        [_, _, _, day, _, weekday] | [_, _, _, day, _, weekday, _] if day.text == "?" || weekday.text == "?" => {
            Err(pattern.refuse(
                "this looks like a Quartz pattern, where Sunday is 1".into(),
                "add `quartz: true` if it is one; if not, write `*` instead of `?`, and Sunday is 0".to_string(),
            ))
        }
        _ => Ok(()),
    }
}

fn split_words(pattern: Word<'_>) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = pattern.trim_start();
    while !rest.text.is_empty() {
        let end = rest.text.find(char::is_whitespace).unwrap_or(rest.text.len());
        words.push(rest.cut(end));
        rest = rest.skip(end).trim_start();
    }
    words
}

/// Vixie cron takes `*/2` next to a restricted day field for "both must match", others for "either may".
fn refuse_unclear_days(pattern: Word<'_>, day: &Field, weekday: &Field) -> Result<(), PatternError> {
    if weekday.joined || day.shape == Shape::Any || weekday.shape == Shape::Any {
        return Ok(());
    }
    let Some(stepped) = [day, weekday].into_iter().find(|field| field.shape == Shape::AnyStep) else { return Ok(()) };
    Err(pattern.refuse(
        format!("programs differ on what `{}` means next to another day field", stepped.text),
        "put `+` before the weekday if both must match; write the step with a range, as in `1-31/2`, if either may"
            .to_string(),
    ))
}

fn steps_through(field: &Field) -> bool {
    match field.shape {
        Shape::Any | Shape::AnyStep | Shape::WholeRange => true,
        Shape::Chosen => false,
    }
}
