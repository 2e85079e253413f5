//! What is said about a pattern that cannot be read: one sentence, the bytes, the cure.

use punctual::recurrence::{Class, CronPattern};

/// The pattern with its wrong bytes underlined, the message and the hint.
fn shown(text: &str) -> String {
    let error = CronPattern::parse(text).expect_err(text);
    let span = error.span.clone().unwrap();
    let before = text[..span.start].chars().count();
    let under = text[span].chars().count().max(1);
    let hint = error.hint.as_ref().map_or(String::new(), |hint| format!("\nhint: {hint}"));
    format!("{text}\n{}{}\n{error}{hint}", " ".repeat(before), "^".repeat(under))
}

#[test]
fn a_pattern_that_cannot_be_read_names_its_bytes_and_its_cure() {
    let patterns = [
        "61 7 * * *",
        "0 24 * * *",
        "0 7 0 * *",
        "0 7 * 13 *",
        "0 7 * * 8",
        "0 7 * * 1-8",
        "99999999999 7 * * *",
        "-5 7 * * *",
        "0 7 * *",
        "7",
        "0 0 7 * * * 1969",
        "0 0 7 * * * 2027 x",
        "0 0 7 ? * 2-6",
        "0 0 7 * * ? 2027",
        "a b c d e f g h",
        "",
        "0 7 * * MONDAY",
        "0 7 * * MUN",
        "0 7 * JANUARY *",
        "0 seven * * *",
        "0 7 * * 1–5",
        "0 7,,8 * * *",
        "0 *,7 * * *",
        "*/0 * * * *",
        "*/x * * * *",
        "*/ * * * *",
        "/10 * * * *",
        "*/90 * * * *",
        "0 */36 * * *",
        "0 7 * * 1/2",
        "0 22-2 * * *",
        "0 7 * * SAT-MON",
        "0 7 1-2-3 * *",
        "0 7 5- * *",
        "H 7 * * *",
        "H/15 * * * *",
        "? 7 * * *",
        "0 7 L-31 * *",
        "0 7 W * *",
        "0 7 1-15W * *",
        "0 7 WL * *",
        "0 7 L,LW * *",
        "0 7 32W * *",
        "0 L * * *",
        "0 7 * * L",
        "0 7 * * 5#6",
        "0 7 * * 5#",
        "0 7 5#2 * *",
        "0 7 */2 * MON",
        "0 7 1 * */2",
        "@every 5m",
        "@reboot",
        "@fortnightly",
        "CRON_TZ=Europe/Berlin 0 7 * * *",
    ];
    let all: Vec<String> = patterns.iter().map(|text| shown(text)).collect();
    insta::assert_snapshot!(all.join("\n\n"), @r##"
61 7 * * *
^^
`61` is out of range in the minute field, which takes 0 to 59
hint: write a number in that range, or `*` for all of it

0 24 * * *
  ^^
`24` is out of range in the hour field, which takes 0 to 23
hint: midnight is hour 0

0 7 0 * *
    ^
`0` is out of range in the day-of-month field, which takes 1 to 31
hint: days are counted from 1; `L` is the last one

0 7 * 13 *
      ^^
`13` is out of range in the month field, which takes 1 to 12
hint: write a number in that range, or `*` for all of it

0 7 * * 8
        ^
`8` is out of range in the weekday field, which takes 0 to 7
hint: write a number in that range, or `*` for all of it

0 7 * * 1-8
          ^
`8` is out of range in the weekday field, which takes 0 to 7
hint: write `1-7`

99999999999 7 * * *
^^^^^^^^^^^
`99999999999` is out of range in the minute field, which takes 0 to 59
hint: write a number in that range, or `*` for all of it

-5 7 * * *
^^
`-5` is not a range
hint: a range is written `1-5`

0 7 * *
^^^^^^^
4 fields where a pattern has 5 (minute, hour, day of month, month, weekday), 6 with seconds first, or 7 with the year last
hint: `*` stands for every value of a field

7
^
1 field where a pattern has 5 (minute, hour, day of month, month, weekday), 6 with seconds first, or 7 with the year last
hint: `*` stands for every value of a field

0 0 7 * * * 1969
            ^^^^
`1969` is out of range in the year field, which takes 1970 to 2199
hint: write a number in that range, or `*` for all of it

0 0 7 * * * 2027 x
^^^^^^^^^^^^^^^^^^
8 fields where a pattern has 5 (minute, hour, day of month, month, weekday), 6 with seconds first, or 7 with the year last
hint: take out what is no field; lists such as `1,15` are written without spaces

0 0 7 ? * 2-6
^^^^^^^^^^^^^
this looks like a Quartz pattern, where Sunday is 1
hint: add `quartz: true` if it is one; if not, write `*` instead of `?`, and Sunday is 0

0 0 7 * * ? 2027
^^^^^^^^^^^^^^^^
this looks like a Quartz pattern, where Sunday is 1
hint: add `quartz: true` if it is one; if not, write `*` instead of `?`, and Sunday is 0

a b c d e f g h
^^^^^^^^^^^^^^^
8 fields where a pattern has 5 (minute, hour, day of month, month, weekday), 6 with seconds first, or 7 with the year last
hint: take out what is no field; lists such as `1,15` are written without spaces


^
the pattern is empty
hint: a pattern has 5 fields: minute, hour, day of month, month, weekday

0 7 * * MONDAY
        ^^^^^^
`MONDAY` is not a value of the weekday field
hint: write `MON`

0 7 * * MUN
        ^^^
`MUN` is not a value of the weekday field
hint: it takes 0 to 7 or SUN to SAT

0 7 * JANUARY *
      ^^^^^^^
`JANUARY` is not a value of the month field
hint: write `JAN`

0 seven * * *
  ^^^^^
`seven` is not a value of the hour field
hint: it takes 0 to 23

0 7 * * 1–5
        ^^^
`1–5` is not a value of the weekday field
hint: a range is written with a plain hyphen, as in `1-5`

0 7,,8 * * *
  ^^^^
an empty entry in the list of the hour field

0 *,7 * * *
  ^
`*` in a list makes the rest of the list idle
hint: write `*` alone

*/0 * * * *
^^^
a step of 0 in the minute field

*/x * * * *
  ^
the step in `*/x` is not a number
hint: write, for example, `*/15`

*/ * * * *
^^
the step in `*/` is not a number
hint: write, for example, `*/15`

/10 * * * *
^^^
`/10` has no start
hint: write `*/10`

*/90 * * * *
^^^^
a step of 90 is longer than the minute field, where counting starts afresh each time
hint: an interval in real time is `every: 90m`

0 */36 * * *
  ^^^^
a step of 36 is longer than the hour field, where counting starts afresh each time
hint: an interval in real time is `every: 36h`

0 7 * * 1/2
        ^^^
`1/2` has no end, and programs differ on where the week ends
hint: write the days, such as `MON,WED,FRI`

0 22-2 * * *
  ^^^^
the range `22-2` runs backwards
hint: write `22-23,0-2`

0 7 * * SAT-MON
        ^^^^^^^
the range `SAT-MON` runs backwards
hint: write `6,0-1`

0 7 1-2-3 * *
    ^^^^^
`1-2-3` is not a range
hint: a range is written `1-5`

0 7 5- * *
    ^^
`5-` is not a range
hint: a range is written `1-5`

H 7 * * *
^
`H` (a time chosen by a hash) is not a cron value here
hint: write the time

H/15 * * * *
^^^^
`H` (a time chosen by a hash) is not a cron value here
hint: write the time

? 7 * * *
^
`?` stands in the day-of-month or weekday field, not in the minute field
hint: write `*`

0 7 L-31 * *
    ^^^^
`L-31` is not a day of the month
hint: the third day before the last is `L-3`, and it takes 1 to 30

0 7 W * *
    ^
`W` is not a day of the month
hint: the working day nearest to the 15th is `15W`, the last working day is `LW`

0 7 1-15W * *
    ^^^^^
`1-15W` is not a day of the month
hint: the working day nearest to the 15th is `15W`, the last working day is `LW`

0 7 WL * *
    ^^
`WL` is not a day of the month
hint: the working day nearest to the 15th is `15W`, the last working day is `LW`

0 7 L,LW * *
    ^^^^
`L` and `LW` cannot stand in one list
hint: give each a pattern of its own

0 7 32W * *
    ^^
`32` is out of range in the day-of-month field, which takes 1 to 31
hint: write a number in that range, or `*` for all of it

0 L * * *
  ^
`L` stands in the day-of-month field, not in the hour field

0 7 * * L
        ^
`L` alone is no weekday
hint: the last Friday of the month is `FRIL`, the end of the week is `SAT`

0 7 * * 5#6
          ^
`6` is not a place in a month, which is 1 to 5 or `L`
hint: the second Friday is `FRI#2`, the last is `FRIL`

0 7 * * 5#
        ^^
`5#` is not a place in a month, which is 1 to 5 or `L`
hint: the second Friday is `FRI#2`, the last is `FRIL`

0 7 5#2 * *
    ^^^
`#` stands in the weekday field, not in the day-of-month field
hint: the second Friday is `FRI#2`

0 7 */2 * MON
^^^^^^^^^^^^^
programs differ on what `*/2` means next to another day field
hint: put `+` before the weekday if both must match; write the step with a range, as in `1-31/2`, if either may

0 7 1 * */2
^^^^^^^^^^^
programs differ on what `*/2` means next to another day field
hint: put `+` before the weekday if both must match; write the step with a range, as in `1-31/2`, if either may

@every 5m
^^^^^^^^^
`@every` is not an alias of a cron pattern
hint: write `every: 5m` instead of `cron`

@reboot
^^^^^^^
`@reboot` is not an alias of a cron pattern
hint: a schedule is a set of times; the start of the machine is none

@fortnightly
^^^^^^^^^^^^
`@fortnightly` is not an alias of a cron pattern
hint: the aliases are `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`

CRON_TZ=Europe/Berlin 0 7 * * *
^^^^^^^^^^^^^^^^^^^^^
a pattern does not carry a time zone
hint: give the zone next to it, as in `timezone: Europe/Berlin`
"##);
}

#[test]
fn each_spelling_is_read_as_its_plain_form_and_class() {
    let (fixed, interval) = (Class::Fixed, Class::Interval);
    let table = [
        ("0 7 * * MON-FRI", "0 7 * * 1-5", fixed),
        ("@hourly", "0 * * * *", interval),
        ("@Daily", "0 0 * * *", fixed),
        ("@midnight", "0 0 * * *", fixed),
        ("@weekly", "0 0 * * 0", fixed),
        ("@monthly", "0 0 1 * *", fixed),
        ("@yearly", "0 0 1 1 *", fixed),
        ("@annually", "0 0 1 1 *", fixed),
        ("*/15 * * * *", "*/15 * * * *", interval),
        ("*/15 2 * * *", "*/15 2 * * *", interval),
        ("0/10 2 * * *", "0-59/10 2 * * *", interval),
        ("5/10 2 * * *", "5-59/10 2 * * *", fixed),
        ("0-59 2 * * *", "0-59 2 * * *", interval),
        ("0-59/7 2 * * *", "0-59/7 2 * * *", interval),
        ("0-58/7 2 * * *", "0-58/7 2 * * *", fixed),
        ("30 */2 * * *", "30 */2 * * *", interval),
        ("30 0/2 * * *", "30 0-23/2 * * *", interval),
        ("30 1/2 * * *", "30 1-23/2 * * *", fixed),
        ("5,35 0-11,12-23 * * *", "5,35 0-11,12-23 * * *", interval),
        ("*/30,5 2 * * *", "*/30,5 2 * * *", fixed),
        ("* 30 2 * * *", "* 30 2 * * *", fixed),
        ("*/10 30 2 * * *", "*/10 30 2 * * *", fixed),
        ("0 30 2 * * *", "30 2 * * *", fixed),
        ("0 7 ? JAN,jul Sun", "0 7 * 1,7 0", fixed),
        ("0 7 * * FRI-SUN", "0 7 * * 5-7", fixed),
        ("0 7 * * SUN-SUN", "0 7 * * 0-0", fixed),
        ("0 7 * * 7", "0 7 * * 0", fixed),
        ("0 7 * * 7-2", "0 7 * * 0-2", fixed),
        ("0 7 * * fril", "0 7 * * 5#L", fixed),
        ("0 7 * * +MON", "0 7 * * 1", fixed),
        ("0 7 13 * +FRI", "0 7 13 * +5", fixed),
        ("0 7 lw,15w * *", "0 7 LW,15W * *", fixed),
        ("007 08 * * *", "7 8 * * *", fixed),
    ];
    for (text, canonical, class) in table {
        let pattern = CronPattern::parse(text).unwrap_or_else(|error| panic!("`{text}`: {error}"));
        assert_eq!((pattern.as_str(), pattern.class()), (canonical, class), "`{text}`");
    }
}
