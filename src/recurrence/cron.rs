//! Cron patterns: 5 fields, or 6 with seconds first.
//!
//! A pattern is split and checked here and in `field`, read by croner, and packed by `matcher`. Its canonical text — plain
//! numbers, single spaces, no seconds when they are 0 — is what is stored and hashed, so that spelling changes nothing.
//!
//! Not built yet, and refused in so many words: the year field, Quartz patterns, `L-3`, `H`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use croner::parser::{CronParser, Seconds, Year};

use super::field::{self, Field, Kind, Shape, Word};
use super::matcher::Matcher;
use super::policy::Class;

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

/// A cron pattern that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronPattern {
    canonical: Box<str>,
    class: Class,
    matcher: Matcher,
}

/// A cron pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The bytes of the pattern that are wrong.
    pub span: Option<Range<usize>>,
}

impl CronPattern {
    /// Reads 5 or 6 fields, or an alias such as `@daily`.
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
        let [second, minute, hour, day, month, weekday] = read_fields(trimmed)?;
        refuse_unclear_days(trimmed, &day, &weekday)?;
        let joined = weekday.joined && day.shape != Shape::Any && weekday.shape != Shape::Any;
        let plus = if joined { "+" } else { "" };
        let five = format!("{} {} {} {} {plus}{}", minute.text, hour.text, day.text, month.text, weekday.text);
        let canonical = if second.text == "0" { five } else { format!("{} {five}", second.text) };
        let matcher = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build()
            .parse(&canonical)
            .and_then(|cron| Matcher::new(&cron.pattern))
            .map_err(|error| trimmed.refuse(format!("`{}` cannot be read: {error}", trimmed.text), None))?;
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
        _ => format!("the aliases are {}", ALIASES.map(|(alias, _)| format!("`{alias}`")).join(", ")),
    };
    Err(word.refuse(format!("`{name}` is not an alias of a cron pattern"), hint))
}

fn read_fields(pattern: Word<'_>) -> Result<[Field; 6], PatternError> {
    let words = split_words(pattern);
    if let Some(first) = words.first().filter(|word| word.text.contains("TZ=")) {
        return Err(first.refuse(
            "a pattern does not carry a time zone".into(),
            "give the zone beside it, as in `timezone: Europe/Berlin`".to_string(),
        ));
    }
    match words.as_slice() {
        &[minute, hour, day, month, weekday] => Ok([
            Field { text: "0".into(), shape: Shape::Chosen, joined: false },
            field::read(Kind::Minute, minute)?,
            field::read(Kind::Hour, hour)?,
            field::read(Kind::DayOfMonth, day)?,
            field::read(Kind::Month, month)?,
            field::read(Kind::Weekday, weekday)?,
        ]),
        &[second, minute, hour, day, month, weekday] => Ok([
            field::read(Kind::Second, second)?,
            field::read(Kind::Minute, minute)?,
            field::read(Kind::Hour, hour)?,
            field::read(Kind::DayOfMonth, day)?,
            field::read(Kind::Month, month)?,
            field::read(Kind::Weekday, weekday)?,
        ]),
        [] => Err(pattern.refuse("the pattern is empty".into(), format!("a pattern has 5 fields: {FIELDS}"))),
        &[.., year] if words.len() == 7 => Err(year.refuse(
            "7 fields (a year) are not built yet".into(),
            "a single date and time is `at` instead of `cron`".to_string(),
        )),
        _ => {
            let fields = if words.len() == 1 { "1 field".to_string() } else { format!("{} fields", words.len()) };
            Err(pattern.refuse(
                format!("{fields} where a pattern has 5 ({FIELDS}), or 6 with seconds first"),
                (words.len() < 5).then(|| "`*` stands for every value of a field".to_string()),
            ))
        }
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

/// Vixie cron takes `*/2` beside a restricted day field for "both must match", others for "either may".
fn refuse_unclear_days(pattern: Word<'_>, day: &Field, weekday: &Field) -> Result<(), PatternError> {
    if weekday.joined || day.shape == Shape::Any || weekday.shape == Shape::Any {
        return Ok(());
    }
    let Some(stepped) = [day, weekday].into_iter().find(|field| field.shape == Shape::AnyStep) else { return Ok(()) };
    Err(pattern.refuse(
        format!("programs differ on what `{}` means beside another day field", stepped.text),
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
