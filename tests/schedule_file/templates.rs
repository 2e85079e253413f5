//! Templates in arguments: what they become, and that they cannot become anything else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use punctual::recurrence::Zone;
use punctual::schedule::{TemplateContext, TemplateError};
use serde_json::{Value, json};

use super::{HEAD, messages, now, read, source, with_schedule};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The value of the argument `a`, written in double quotes, for a run at `nominal` in `zone`.
fn filled_at(nominal: &str, zone: &str, written: &str) -> Result<Value, TemplateError> {
    let lines = format!("every: 5m\nstart: {{ process: P, arguments: {{ a: {written} }} }}");
    let text = with_schedule(&lines).text + "daemon: { allow_env: [COMPANY, UNSET] }\n";
    let loaded = read(source("f.yaml", &text)).unwrap_or_else(|invalid| panic!("{:#?}", invalid.diagnostics));
    let env = BTreeMap::from([("COMPANY".to_owned(), "\"}, ${run}".to_owned())]);
    let context = TemplateContext {
        nominal: at(nominal),
        previous: Some(at("2026-11-20T06:00:00Z")),
        fire: at("2026-11-23T06:00:17Z"),
        schedule: "invoices",
        run: "0193-run",
        attempt: 2,
        reference: "p1.abc",
        zone: &Zone::find(zone).unwrap(),
        env: &env,
    };
    Ok(loaded.set.schedules["x"].start.render(&context)?["a"].clone())
}

fn filled(written: &str) -> Value {
    filled_at("2026-11-23T06:00:00Z", "Europe/Berlin", written).unwrap()
}

#[test]
fn every_name_is_filled_in_with_its_fact() {
    for (written, value) in [
        ("${nominal}", "2026-11-23T07:00:00+01:00"),
        ("${nominal.date}", "2026-11-23"),
        ("${nominal.time}", "07:00:00"),
        ("${nominal-1d}", "2026-11-22T07:00:00+01:00"),
        ("${nominal.date-1d}", "2026-11-22"),
        ("${nominal.date-8h}", "2026-11-22"),
        ("${nominal.time+90m}", "08:30:00"),
        ("${nominal.date-1d:%d.%m.%Y}", "22.11.2026"),
        ("${nominal:%Y%m%dT%H:%M}", "20261123T07:00"),
        ("${nominal:%G-W%V}", "2026-W48"),
        ("${nominal.date:%A}", "Monday"),
        ("${nominal.time:%Hh}", "07h"),
        ("${previous}", "2026-11-20T07:00:00+01:00"),
        ("${previous.date+1d}", "2026-11-21"),
        ("${fire}", "2026-11-23T07:00:17+01:00"),
        ("${fire.time}", "07:00:17"),
        ("${schedule}", "invoices"),
        ("${run}", "0193-run"),
        ("${attempt}", "2"),
        ("${reference}", "p1.abc"),
        ("from ${previous.date} to ${nominal.date}.", "from 2026-11-20 to 2026-11-23."),
    ] {
        assert_eq!(filled(&format!("\"{written}\"")), json!(value), "{written}");
    }
}

#[test]
fn a_doubled_sign_is_the_text_itself() {
    for (written, value) in [
        ("$${nominal}", "${nominal}"),
        ("a $${ b", "a ${ b"),
        ("$$${run}", "$${run}"),
        ("${run}$${run}${run}", "0193-run${run}0193-run"),
        ("$5 and $ and }", "$5 and $ and }"),
    ] {
        assert_eq!(filled(&format!("\"{written}\"")), json!(value), "{written}");
    }
}

#[test]
fn a_fact_is_text_inside_a_value_and_is_not_read_again() {
    // The variable holds a quote, a brace and a template of its own.
    assert_eq!(filled("\"${env:COMPANY}\""), json!("\"}, ${run}"));
    assert_eq!(filled("[{ deep: \"${env:COMPANY}\" }, 7, true, ~]"), json!([{ "deep": "\"}, ${run}" }, 7, true, null]));
}

#[test]
fn a_variable_that_is_not_set_stops_the_start() {
    let wrong = filled_at("2026-11-23T06:00:00Z", "UTC", "\"${env:UNSET}\"").unwrap_err();
    assert_eq!(wrong, TemplateError::NotSet("UNSET".to_owned()));
}

#[test]
fn what_grows_too_long_stops_the_start() {
    let long = "${nominal}".repeat(900);
    let wrong = filled_at("2026-11-23T06:00:00Z", "Europe/Berlin", &format!("\"{long}\"")).unwrap_err();
    assert_eq!(wrong, TemplateError::TooLong(900 * 25 + 8));
}

#[test]
fn days_keep_the_time_of_day_across_a_clock_change_and_hours_do_not() {
    // Berlin sets its clock forward on 29 March 2026 at 2:00, and back on 25 October at 3:00.
    let berlin = |nominal, written| filled_at(nominal, "Europe/Berlin", written).unwrap();
    assert_eq!(berlin("2026-03-30T05:00:00Z", "\"${nominal-2d}\""), "2026-03-28T07:00:00+01:00");
    assert_eq!(berlin("2026-03-30T05:00:00Z", "\"${nominal-48h}\""), "2026-03-28T06:00:00+01:00");
    assert_eq!(berlin("2026-03-30T00:30:00Z", "\"${nominal-1d}\""), "2026-03-29T03:30:00+02:00", "2:30 was left out");
    assert_eq!(berlin("2026-10-26T01:30:00Z", "\"${nominal-1d}\""), "2026-10-25T02:30:00+01:00", "the offset is kept");
    assert_eq!(berlin("2026-10-24T00:30:00Z", "\"${nominal+1d}\""), "2026-10-25T02:30:00+02:00", "the offset is kept");
}

#[test]
fn the_time_before_is_the_schedules_own_and_the_first_has_none() {
    let with = |lines: &str| read(with_schedule(&format!("{lines}\nstart: {{ process: P }}"))).unwrap();
    for (lines, nominal, previous) in [
        ("cron: \"0 7 * * MON-FRI\"", "2026-11-23T07:00:00Z", Some("2026-11-20T07:00:00Z")),
        ("cron: \"0 7 29 2 *\"", "2028-02-29T07:00:00Z", Some("2024-02-29T07:00:00Z")),
        ("cron: \"* * 8 * * *\"", "2026-11-23T08:00:00Z", Some("2026-11-22T08:59:59Z")),
        ("every: 90s", "2026-11-23T00:00:00Z", Some("2026-11-22T23:58:30Z")),
        ("at: [2030-01-01T00:00Z, 2031-01-01T00:00Z]", "2031-01-01T00:00:00Z", Some("2030-01-01T00:00:00Z")),
        ("at: 2031-01-01T00:00Z", "2031-01-01T00:00:00Z", None),
    ] {
        let found = with(lines).set.schedules["x"].previous_time(at(nominal));
        assert_eq!(found, previous.map(at), "{lines}");
    }
}

#[test]
fn without_a_time_before_its_templates_are_empty_texts() {
    let loaded =
        read(with_schedule("at: 2031-01-01T00:00Z\nstart: { process: P, arguments: { a: \"<${previous.date}>\" } }"));
    let context = TemplateContext {
        nominal: now(),
        previous: None,
        fire: now(),
        schedule: "x",
        run: "r",
        attempt: 1,
        reference: "p1",
        zone: &Zone::utc(),
        env: &BTreeMap::new(),
    };
    assert_eq!(json!(loaded.unwrap().set.schedules["x"].start.render(&context).unwrap()), json!({ "a": "<>" }));
}

#[test]
fn variables_may_be_allowed_in_another_file() {
    let a = format!(
        "{HEAD}schedules:\n  x: {{ every: 5m, start: {{ process: P, arguments: {{ c: \"${{env:CODE}}\" }} }} }}\n"
    );
    let b = "version: 1\ndaemon: { allow_env: CODE }\n";
    assert!(punctual::schedule::parse(&[source("a.yaml", &a), source("b.yaml", b)], now()).is_ok());
    assert_eq!(
        messages(read(source("a.yaml", &a))),
        ["schedule `x`: `start.arguments`: the environment variable `CODE` may not be used here"]
    );
}

proptest::proptest! {
    #[test]
    fn no_text_stops_the_reader_of_templates(text in "[$ {}a-z.:%+0-9-]{0,40}") {
        let file = with_schedule(&format!("every: 5m\nstart: {{ process: P, arguments: {{ a: \"{text}\" }} }}"));
        if let Ok(loaded) = read(file) {
            let context = TemplateContext {
                nominal: now(), previous: None, fire: now(), schedule: "x", run: "r", attempt: 1, reference: "p1",
                zone: &Zone::utc(), env: &BTreeMap::new(),
            };
            let value = loaded.set.schedules["x"].start.render(&context).unwrap();
            // Without a template a text is what it was.
            if !text.contains("${") {
                proptest::prop_assert_eq!(&value["a"], &json!(text));
            }
        }
    }
}
