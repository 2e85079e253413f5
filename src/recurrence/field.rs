//! One field of a cron pattern: read strictly, written back in plain numbers.
//!
//! croner forgives much (`5,,6`, `SUN-SUN`, a lone `L` among weekdays) and its errors do not say where they are. So each
//! field is read here first, every refusal names its bytes and its cure, and croner gets only what is left: numbers, `*`,
//! ranges, steps, `L`, `W`, `#`; years and `L-3` are read by `matcher`. What other schedulers read in different ways is refused rather than guessed.

use super::kind::Kind;
use super::word::{PatternError, Word};

/// A field that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// In plain numbers, as croner is given it.
    pub(super) text: String,
    pub(super) shape: Shape,
    /// Whether a day must match day of month and weekday both: croner's `+` before the weekday.
    pub(super) joined: bool,
}

/// The fields of a pattern, whichever were written.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) second: Field,
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day: Field,
    pub(super) month: Field,
    pub(super) weekday: Field,
    pub(super) year: Field,
}

/// How a field was written: the clock-change class depends on it (semantics.md 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `*` or `?`.
    Any,
    /// `*/n`.
    AnyStep,
    /// `0-59`, `0/n`, `0-59/n` and the like: everything, or a step through everything.
    WholeRange,
    /// Anything else.
    Chosen,
}

/// Reads one field.
pub(super) fn read(kind: Kind, word: Word<'_>) -> Result<Field, PatternError> {
    let (joined, word) = match word.text.strip_prefix('+') {
        Some(_) if kind == Kind::Weekday => (true, word.skip(1)),
        _ => (false, word),
    };
    if word.is("*") || (word.is("?") && kind.is_day()) {
        return Ok(Field { text: "*".into(), shape: Shape::Any, joined });
    }
    if word.is("?") {
        return Err(word.refuse(
            format!("`?` stands in the day-of-month or weekday field, not in the {} field", kind.name()),
            "write `*`".to_string(),
        ));
    }
    let mut items = Vec::new();
    let mut rest = word;
    while let Some((item, tail)) = rest.split_once(',') {
        items.push(read_item(kind, item, word)?);
        rest = tail;
    }
    items.push(read_item(kind, rest, word)?);
    let texts: Vec<&str> = items.iter().map(|(text, _)| text.as_str()).collect();
    if texts.contains(&"L") && texts.contains(&"LW") {
        return Err(
            word.refuse("`L` and `LW` cannot stand in one list".into(), "give each a pattern of its own".to_string())
        );
    }
    let shape = match items.as_slice() {
        [(_, shape)] => *shape,
        _ => Shape::Chosen,
    };
    Ok(Field { text: texts.join(","), shape, joined })
}

fn read_item(kind: Kind, item: Word<'_>, field: Word<'_>) -> Result<(String, Shape), PatternError> {
    if item.text.is_empty() {
        return Err(field.refuse(format!("an empty entry in the list of the {} field", kind.name()), None));
    }
    if item.is("*") {
        return Err(item.refuse("`*` in a list makes the rest of the list idle".into(), "write `*` alone".to_string()));
    }
    if item.is("H") || item.text.starts_with("H/") || item.text.starts_with("H(") {
        return Err(
            item.refuse("`H` (a time chosen by a hash) is not a cron value here".into(), "write the time".to_string())
        );
    }
    if let Some((base, step)) = item.split_once('/') {
        return read_step(kind, item, base, step);
    }
    if let Some((base, nth)) = split_nth(kind, item) {
        return read_nth(kind, item, base, nth);
    }
    if let Some(text) = read_day_mark(kind, item)? {
        return Ok((text, Shape::Chosen));
    }
    if item.text.contains('-') {
        let (first, last) = read_range(kind, item)?;
        return Ok((format!("{first}-{last}"), whole(kind, first, last)));
    }
    let value = read_value(kind, item)?;
    Ok((sunday_is_zero(kind, value).to_string(), Shape::Chosen))
}

fn read_step(kind: Kind, item: Word<'_>, base: Word<'_>, step: Word<'_>) -> Result<(String, Shape), PatternError> {
    let count = read_number(step).ok_or_else(|| {
        // `0 7 * * * /usr/bin/run`, as a crontab has it.
        if base.text.is_empty() {
            let cure = "a pattern says when only; what is started stands under `start`".to_string();
            return item.refuse(format!("`{}` is no field of a pattern", item.text), cure);
        }
        part_or(item, step)
            .refuse(format!("the step in `{}` is not a number", item.text), "write, for example, `*/15`".to_string())
    })?;
    if count == 0 {
        return Err(item.refuse(format!("a step of 0 in the {} field", kind.name()), None));
    }
    if count > u32::from(kind.last()) {
        return Err(refuse_long_step(kind, item, count));
    }
    if base.is("*") {
        return Ok((format!("*/{count}"), Shape::AnyStep));
    }
    if base.text.is_empty() {
        return Err(item.refuse(format!("`{}` has no start", item.text), format!("write `*/{count}`")));
    }
    let (first, last) = if base.text.contains('-') {
        read_range(kind, base)?
    } else if kind == Kind::Weekday {
        // `1/2` is Monday alone, Monday to Saturday or Monday to Sunday, depending on the program.
        return Err(item.refuse(
            format!("`{}` has no end, and programs differ on where the week ends", item.text),
            "write the days, such as `MON,WED,FRI`".to_string(),
        ));
    } else {
        (read_value(kind, base)?, kind.last() - kind.shift())
    };
    Ok((format!("{first}-{last}/{count}"), whole(kind, first, last)))
}

fn refuse_long_step(kind: Kind, item: Word<'_>, count: u32) -> PatternError {
    let unit = match kind {
        Kind::Second => Some("s"),
        Kind::Minute => Some("m"),
        Kind::Hour => Some("h"),
        Kind::DayOfMonth => Some("d"),
        Kind::Month | Kind::Weekday | Kind::QuartzWeekday | Kind::Year => None,
    };
    item.refuse(
        format!("a step of {count} is longer than the {} field, where counting starts afresh each time", kind.name()),
        unit.map(|unit| format!("an interval in real time is `every: {count}{unit}`")),
    )
}

/// `5#2`, `5#L`, `5L`: a weekday's place in its month.
fn split_nth<'a>(kind: Kind, item: Word<'a>) -> Option<(Word<'a>, Word<'a>)> {
    if let Some(parts) = item.split_once('#') {
        return Some(parts);
    }
    let last = kind.is_weekday() && item.text.len() > 1 && item.text.ends_with(['L', 'l']);
    last.then(|| (item.cut(item.text.len() - 1), item.skip(item.text.len() - 1)))
}

fn read_nth(kind: Kind, item: Word<'_>, base: Word<'_>, nth: Word<'_>) -> Result<(String, Shape), PatternError> {
    if !kind.is_weekday() {
        return Err(item.refuse(
            format!("`#` stands in the weekday field, not in the {} field", kind.name()),
            "the second Friday is `FRI#2`".to_string(),
        ));
    }
    let place = match read_number(nth) {
        Some(place @ 1..=5) => place.to_string(),
        _ if nth.is("L") => "L".to_string(),
        _ => {
            let wrong = part_or(item, nth);
            return Err(wrong.refuse(
                format!("`{}` is not a place in a month, which is 1 to 5 or `L`", wrong.text),
                "the second Friday is `FRI#2`, the last is `FRIL`".to_string(),
            ));
        }
    };
    let days = if base.text.contains('-') {
        let (first, last) = read_range(kind, base)?;
        format!("{first}-{last}")
    } else {
        sunday_is_zero(kind, read_value(kind, base)?).to_string()
    };
    Ok((format!("{days}#{place}"), Shape::Chosen))
}

/// `L`, `LW`, `15W`: days of the month that depend on the month.
fn read_day_mark(kind: Kind, item: Word<'_>) -> Result<Option<String>, PatternError> {
    let upper = item.text.to_ascii_uppercase();
    if kind == Kind::Weekday && upper == "L" {
        return Err(item.refuse(
            "`L` alone is no weekday".into(),
            "the last Friday of the month is `FRIL`, the end of the week is `SAT`".to_string(),
        ));
    }
    if kind == Kind::QuartzWeekday && upper == "L" {
        return Ok(Some("6".to_string()));
    }
    let is_mark = upper.strip_prefix('L').is_some_and(|rest| rest.is_empty() || rest.starts_with(['W', '-']))
        || upper.strip_suffix('W').is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '-'))
        || upper == "WL";
    if !is_mark {
        return Ok(None);
    }
    if kind != Kind::DayOfMonth {
        return Err(item.refuse(
            format!("`{}` stands in the day-of-month field, not in the {} field", item.text, kind.name()),
            None,
        ));
    }
    if upper.starts_with("L-") {
        return match read_number(item.skip(2)) {
            Some(days @ 1..=30) => Ok(Some(format!("L-{days}"))),
            _ => Err(item.refuse(
                format!("`{}` is not a day of the month", item.text),
                "the third day before the last is `L-3`, and it takes 1 to 30".to_string(),
            )),
        };
    }
    if upper == "L" || upper == "LW" {
        return Ok(Some(upper));
    }
    // Behind `LW` anything may stand, so only a `W` at the end is cut off.
    if upper.ends_with('W') {
        let digits = item.cut(item.text.len() - 1);
        if !digits.text.is_empty() && !digits.text.contains('-') {
            return Ok(Some(format!("{}W", read_value(kind, digits)?)));
        }
    }
    Err(item.refuse(
        format!("`{}` is not a day of the month", item.text),
        "the working day nearest to the 15th is `15W`, the last working day is `LW`".to_string(),
    ))
}

fn read_range(kind: Kind, range: Word<'_>) -> Result<(u16, u16), PatternError> {
    let (left, right) = range.split_once('-').unwrap_or((range, range));
    if left.text.is_empty() || right.text.is_empty() || right.text.contains('-') {
        return Err(range.refuse(format!("`{}` is not a range", range.text), "a range is written `1-5`".to_string()));
    }
    let end = |word| read_value(kind, word).map_err(|wrong| within_the_field(kind, range, wrong));
    let (mut first, mut last) = (end(left)?, end(right)?);
    if kind == Kind::Weekday {
        // The week has Sunday at both ends: it begins a range as 0 and ends one as 7.
        if first == 7 {
            first = 0;
        }
        if last == 0 && first > 0 && right.is("SUN") {
            last = 7;
        }
        if first == 0 && last == 7 && left.text == right.text {
            last = 0;
        }
    }
    if first > last {
        let (begin, end) = if kind.is_weekday() { (0, 6) } else { (kind.first(), kind.last()) };
        let written = |value: u16| value + kind.shift();
        let piece = |a: u16, b: u16| if a == b { a.to_string() } else { format!("{a}-{b}") };
        let turned =
            format!("write `{},{}`", piece(written(first), written(end)), piece(written(begin), written(last)));
        return Err(
            range.refuse(format!("the range `{}` runs backwards", range.text), (kind != Kind::Year).then_some(turned))
        );
    }
    Ok((first, last))
}

/// What helps where nothing else is known to be meant.
const BEYOND: &str = "write a number in that range, or `*` for all of it";

/// A range of which one end is beyond the field: its part that is not.
fn within_the_field(kind: Kind, range: Word<'_>, wrong: PatternError) -> PatternError {
    let number = |text: &str| text.parse::<u16>().ok().map(|value| value.clamp(kind.first(), kind.last()));
    let ends = range.split_once('-').and_then(|(left, right)| Some((number(left.text)?, number(right.text)?)));
    match ends {
        Some((first, last)) if first < last && wrong.hint.as_deref() == Some(BEYOND) => {
            let hint = match (first, last) == (kind.first(), kind.last()) {
                true => format!("write `{first}-{last}`, or `*`: it is all there is"),
                false => format!("write `{first}-{last}`"),
            };
            PatternError { hint: Some(hint), ..wrong }
        }
        Some(_) | None => wrong,
    }
}

/// What is meant by a number that no time has.
fn beyond(kind: Kind, value: Option<u16>) -> String {
    let hint = match (kind, value) {
        (Kind::Hour, Some(24)) => "midnight is hour 0",
        (Kind::Second, Some(60)) => "second 60 is second 0 of the next minute",
        (Kind::Minute, Some(60)) => "minute 60 is minute 0 of the next hour",
        (Kind::DayOfMonth, Some(0)) => "days are counted from 1; `L` is the last one",
        (Kind::Month, Some(0)) => "months are counted from 1",
        (Kind::QuartzWeekday, Some(0)) => {
            "with `quartz: true` Sunday is 1 and Saturday 7; names such as `SUN` are safer"
        }
        _ => BEYOND,
    };
    hint.to_owned()
}

fn read_value(kind: Kind, word: Word<'_>) -> Result<u16, PatternError> {
    if !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit()) {
        let value = read_number(word).and_then(|value| u16::try_from(value).ok());
        let inside = value.filter(|value| (kind.first()..=kind.last()).contains(value));
        return inside.map(|value| value - kind.shift()).ok_or_else(|| {
            word.refuse(
                format!(
                    "`{}` is out of range in the {} field, which takes {} to {}",
                    word.text,
                    kind.name(),
                    kind.first(),
                    kind.last()
                ),
                beyond(kind, value),
            )
        });
    }
    let place = kind.names().iter().position(|name| word.is(name));
    if let Some(value) = place.and_then(|place| u16::try_from(place).ok()) {
        return Ok(value + kind.first() - kind.shift());
    }
    Err(word.refuse(format!("`{}` is not a value of the {} field", word.text, kind.name()), value_hint(kind, word)))
}

fn value_hint(kind: Kind, word: Word<'_>) -> Option<String> {
    if word.text.contains(['–', '—', '−']) {
        return Some("a range is written with a plain hyphen, as in `1-5`".to_string());
    }
    let begins =
        |name: &&&str| word.text.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case(name)) && word.text.is_ascii();
    match kind.names() {
        [] => Some(format!("it takes {} to {}", kind.first(), kind.last())),
        names => Some(match names.iter().find(begins) {
            Some(name) => format!("write `{name}`"),
            None => {
                format!("it takes {} to {} or {} to {}", kind.first(), kind.last(), names[0], names[names.len() - 1])
            }
        }),
    }
}

/// Digits only: `str::parse` would also take a sign.
fn read_number(word: Word<'_>) -> Option<u32> {
    let plain = word.text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { word.text.parse().ok() } else { None }
}

fn sunday_is_zero(kind: Kind, value: u16) -> u16 {
    if kind == Kind::Weekday && value == 7 { 0 } else { value }
}

fn whole(kind: Kind, first: u16, last: u16) -> Shape {
    if first == kind.first() - kind.shift() && last == kind.last() - kind.shift() {
        Shape::WholeRange
    } else {
        Shape::Chosen
    }
}

/// An empty step or place has no bytes to point at; its entry has.
fn part_or<'a>(item: Word<'a>, part: Word<'a>) -> Word<'a> {
    if part.text.is_empty() { item } else { part }
}

/// The numbers of a field that was read and has nothing but numbers: `0-59/15` and the like.
pub(super) fn numbers(kind: Kind, text: &str) -> impl Iterator<Item = u16> {
    let number = |text: &str| text.parse::<u16>().ok();
    text.split(',').flat_map(move |item| {
        let (base, step) = item.split_once('/').unwrap_or((item, "1"));
        let range = match base.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)),
            None if base == "*" => Some((kind.first(), kind.last())),
            None => number(base).map(|value| (value, value)),
        };
        let (first, last) = range.unwrap_or((1, 0));
        (first..=last).step_by(usize::from(number(step).unwrap_or(1).max(1)))
    })
}
