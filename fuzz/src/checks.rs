//! What must hold for any input at all: one function for each reader of foreign text.
//!
//! No panic, first of all, and what is refused is refused with words and a place. `tests/corpus.rs` includes this file and
//! replays the corpus with it, so an input that once went wrong stays a test where no fuzzer runs.
//!
//! Absent: memory and time (the fuzz targets), and whether a good text means the right thing (the tests of each reader).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use punctual::auth::answer::{self, Reply};
use punctual::grant::Style;
use punctual::orchestrator::{Answer, Asked, Body, Call, CallError, Heard, Verdict, judge};
use punctual::recurrence::{CronPattern, DstPolicy, GapPolicy, OverlapTime, Pattern, PatternError, Recurrence, Zone};
use punctual::schedule::{
    self, ArgumentTemplate, AttemptFacts, Invalid, Loaded, Paint, Schedule, Severity, SourceFile, StartSpec,
    TemplateContext, TemplateError, parse, render,
};
use punctual::secret::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// A check: it panics when something does not hold.
pub type Check = fn(&[u8]);

/// By name, as the folders of the corpus are called.
pub const ALL: [(&str, Check); 7] = [
    ("file", file),
    ("cron", cron),
    ("duration", duration),
    ("instant", instant),
    ("template", template),
    ("token_answer", token_answer),
    ("server_answer", server_answer),
];

const NOW: Timestamp = Timestamp::constant(1_795_435_200, 0);

/// A whole schedule file.
pub fn file(input: &[u8]) {
    // Others are refused before they are read.
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(loaded) = read(text) {
        for schedule in loaded.set.schedules.values().take(8) {
            rises(&schedule.recurrence, NOW, 8);
            let _ = schedule.previous_time(NOW);
        }
    }
}

/// A cron pattern, after two bytes that choose the zone, the policy and where the walk begins.
pub fn cron(input: &[u8]) {
    const ZONES: [&str; 8] = [
        "UTC",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Europe/Dublin",
        "Africa/Cairo",
        "Pacific/Apia",
        "Antarctica/Troll",
    ];
    let Some(([first, second], rest)) = input.split_first_chunk() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let quartz = CronPattern::parse_quartz(text);
    let usual = CronPattern::parse(text);
    for read in [&usual, &quartz] {
        match read {
            Ok(pattern) => assert_eq!(CronPattern::parse(pattern.as_str()).as_ref(), Ok(pattern), "canonical"),
            Err(PatternError { message, hint: _, span }) => {
                assert!(!message.is_empty());
                assert!(span.clone().is_none_or(|span| text.get(span).is_some()), "{span:?}");
            }
        }
    }
    let zone = Zone::find(ZONES[usize::from(first % 8)]).expect("a zone");
    let dst = DstPolicy {
        gap: GapPolicy::ALL[usize::from(first / 8 % 3)],
        overlap: OverlapTime::ALL[usize::from(first / 24 % 3)],
        class: None,
    };
    // From the sixties on, with clock changes of all kinds ahead.
    let begin = NOW - SignedDuration::from_hours(24 * 256 * i64::from(*second));
    for pattern in [usual, quartz].into_iter().flatten() {
        if let Ok(recurrence) = Recurrence::new(vec![Pattern::Cron(pattern)], zone.clone(), dst) {
            rises(&recurrence, begin, 40);
        }
    }
}

/// What stands behind `start_deadline`.
pub fn duration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(read) = told(schedule::duration(text)) else { return };
    let schedule = read_schedule(&format!("every: 5m, start_deadline: {}", quoted(text)), "1");
    assert_eq!(schedule.map(|schedule| schedule.start_deadline).ok(), Some(read), "`{text}` in a file");
    let whole = Duration::from_secs(read.as_secs());
    assert!(read == whole && read >= Duration::from_secs(1) && read <= Duration::from_secs(3_653 * 86_400), "{read:?}");
    // Added up a second time: `1h30m` is 1 of 3,600 and 30 of 60.
    let (mut total, mut number) = (0, 0);
    for byte in text.bytes() {
        let unit = match byte {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            digit => {
                number = number * 10 + u64::from(digit - b'0');
                continue;
            }
        };
        total += number * unit;
        number = 0;
    }
    assert_eq!(read.as_secs(), total, "`{text}`");
}

/// What stands behind `at`.
pub fn instant(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some(at) = told(schedule::instant(text, "UTC")) else { return };
    let schedule = read_schedule(&format!("at: {}", quoted(text)), "1").expect("a file takes what its reader takes");
    assert_eq!(only_time(&schedule, text), at);
    assert_eq!(at.subsec_nanosecond(), 0);
    let again = read_schedule(&format!("at: \"{at}\""), "1").unwrap_or_else(|_| panic!("`{at}` is refused"));
    assert_eq!(only_time(&again, text), at);
}

/// What was read; what is refused is refused with words and a cure.
fn told<T>(read: Result<T, schedule::Wrong>) -> Option<T> {
    if let Err(schedule::Wrong { message, hint }) = &read {
        assert!(!message.is_empty() && !hint.is_empty());
    }
    read.ok()
}

fn only_time(schedule: &Schedule, text: &str) -> Timestamp {
    let first = schedule.recurrence.next_after(Timestamp::MIN).unwrap_or_else(|| panic!("`{text}` has no time"));
    assert_eq!(schedule.recurrence.next_after(first.at), None, "`{text}`");
    first.at
}

/// A text among the arguments, after eight bytes that choose the time it is filled in with.
pub fn template(input: &[u8]) {
    let Some((seconds, rest)) = input.split_first_chunk() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let span = Timestamp::MAX.as_second() - Timestamp::MIN.as_second();
    let second = Timestamp::MIN.as_second() + i64::from_le_bytes(*seconds).rem_euclid(span);
    let nominal = Timestamp::from_second(second).expect("an instant");
    let env = BTreeMap::from([("COMPANY".to_owned(), "${run} \"".to_owned())]);
    let zone = Zone::find("Africa/Casablanca").expect("a zone");
    let context = TemplateContext {
        nominal,
        previous: Some(nominal).filter(|at| at.as_second() % 2 == 0),
        fire: nominal,
        schedule: "x",
        run: "0193-run",
        attempt: 2,
        reference: "p1.abc",
        zone: &zone,
        env: &env,
    };
    let checked = schedule::check_template(text, &BTreeSet::from(["COMPANY".to_owned()]));
    if let Err(slip) = &checked {
        assert!(!slip.message.is_empty() && !slip.hint.is_empty() && text.get(slip.span.clone()).is_some(), "{slip:?}");
    }
    // Unchecked ones too, as after an update.
    let arguments = Map::from_iter([("a".to_owned(), Value::String(text.to_owned()))]);
    let start =
        StartSpec { process: "P".to_owned(), folder: None, runtime: None, priority: None, arguments: Some(arguments) };
    let whole = start.render(&context);
    match &whole {
        Ok(filled) => assert!(matches!(&filled["a"], Value::String(_)) && filled.len() == 1),
        // What was checked can be filled in, whatever the time is.
        Err(error @ (TemplateError::Unreadable { .. } | TemplateError::NotSet(_))) => {
            assert!(checked.is_err(), "`{text}`: {error}");
        }
        Err(error @ (TemplateError::OutOfRange(_) | TemplateError::TooLong(_) | TemplateError::ZoneGone(_))) => {
            assert!(!error.to_string().is_empty());
        }
    }
    // In two steps, with a row of the database between them, it comes to the same.
    if let Ok(Some(template)) = start.freeze(&context) {
        let row = serde_json::to_string(&template).expect("plain values");
        let template: ArgumentTemplate = serde_json::from_str(&row).expect("what was just written");
        let facts = AttemptFacts { fire: context.fire, attempt: context.attempt, reference: context.reference };
        assert_eq!(template.fill_in(&facts), whole, "`{text}`");
    }
}

/// An answer of a token server, after three bytes for the status, the kind of body and the style.
pub fn token_answer(input: &[u8]) {
    let Some(([status, kind, style], body)) = input.split_first_chunk() else { return };
    let statuses = [200, 200, 200, 201, 302, 400, 400, 401, 403, 404, 408, 429, 500, 503];
    let kinds = [None, Some("application/json"), Some("text/html; charset=utf-8"), Some("")];
    let reply = Reply {
        status: statuses[usize::from(*status) % statuses.len()],
        content_type: kinds[usize::from(*kind) % kinds.len()],
        authenticate: None,
        retry_after: None,
        body,
    };
    let style = if style % 2 == 0 { Style::Identity } else { Style::Account };
    let secret = Secret::new("hunter-2");
    let answer = answer::read(reply, style, &[secret]);
    let printed = format!("{answer:?}");
    assert!(printed.len() < 4_096, "{} bytes are said", printed.len());
    if let Ok(access) = answer.access {
        assert!(access.length <= Duration::from_secs(86_400), "{:?}", access.length);
        assert!(access.token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    } else {
        // The token server repeats what it was sent; we do not.
        assert!(!printed.contains("hunter-2"), "{printed}");
    }
}

/// An answer of Orchestrator: two bytes for the status and the call, then lines as `Retry-After`, `Date`, `Location` and
/// `Content-Type`, then the body.
pub fn server_answer(input: &[u8]) {
    let Some(([status, call], rest)) = input.split_first_chunk() else { return };
    let calls = [
        Call::FindFolder,
        Call::FindRelease,
        Call::Start,
        Call::ListJobs,
        Call::ReadJob,
        Call::StopJob,
        Call::ReadLogs,
    ];
    let asked = Asked {
        connection: "main".to_owned(),
        call: calls[usize::from(*call) % calls.len()],
        what: "asking".to_owned(),
    };
    let mut headers = HeaderMap::new();
    let mut rest = rest;
    for name in ["retry-after", "date", "location", "content-type"] {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = end.map_or((rest, &rest[..0]), |end| (&rest[..end], &rest[end + 1..]));
        rest = after;
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let heard = Heard::Answer(Answer {
        // 104 to 614: every class, and what is none.
        status: 104 + u16::from(*status) * 2 + u16::from(call / 128),
        headers,
        body: Body::Whole(rest.to_vec()),
    });
    match judge(&asked, heard, NOW) {
        Verdict::Accepted(body) => assert_eq!(body, rest),
        Verdict::TooLong(error) | Verdict::Failed(error) => says(&error),
        Verdict::TokenRefused { .. } => {}
    }
}

fn says(error: &CallError) {
    let text = error.to_string();
    assert!(text.starts_with("connection `main`: asking "), "{text}");
    assert!(text.len() < 8_192 && !text.contains('\u{1b}'), "{} bytes are said", text.len());
    assert!(error.retry_after().is_none_or(|wait| wait <= Duration::from_secs(3_600)));
}

/// Reads a file and holds what it says against the law: whatever is told has words, a line of the file, and can be shown.
fn read(text: &str) -> Result<Loaded, Invalid> {
    let source = SourceFile { path: "f.yaml".into(), text: text.to_owned(), folder: "/etc/punctual".into() };
    let result = parse(&[source], NOW);
    let (diagnostics, refused) = match &result {
        Ok(loaded) => (&loaded.warnings, false),
        Err(invalid) => (&invalid.diagnostics, true),
    };
    assert_eq!(diagnostics.iter().any(|told| told.severity == Severity::Error), refused);
    let lines = 1 + text.split(['\n', '\r']).count();
    for told in diagnostics {
        assert!(!told.message.is_empty() && told.line as usize <= lines, "{told:?}");
    }
    let shown = render(diagnostics, Paint::Plain);
    assert!(refused != shown.is_empty() || !diagnostics.is_empty());
    result
}

/// Reads a file whose only schedule has these entries, and this one argument.
fn read_schedule(entries: &str, argument: &str) -> Result<Arc<Schedule>, Invalid> {
    let text = format!(
        "version: 1\nconnections: {{ c: {{ url: \"https://h\", auth: {{ grant: client_credentials, client_id: a, \
         client_secret: \"env:S\", scope: b }} }} }}\ndefaults: {{ timezone: UTC }}\nschedules:\n  x: {{ {entries}, \
         start: {{ process: P, arguments: {{ a: {argument} }} }} }}\n"
    );
    read(&text).map(|loaded| Arc::clone(&loaded.set.schedules["x"]))
}

/// A YAML text in double quotes; JSON's are such.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn rises(recurrence: &Recurrence, begin: Timestamp, most: usize) {
    let mut after = begin;
    for _ in 0..most {
        let Some(due) = recurrence.next_after(after) else { break };
        assert!(due.at > after, "{after} then {}", due.at);
        after = due.at;
    }
}
