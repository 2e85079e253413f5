//! The schema that editors use says what the reader says.

use std::fs;
use std::path::Path;

use punctual::schedule::json_schema;
use serde_json::Value;

use super::{HEAD, read, source, with_schedule};

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&json_schema()).unwrap()
}

fn as_json(text: &str) -> Value {
    serde_saphyr::from_str_with_options(
        text,
        serde_saphyr::options! { strict_booleans: true, leading_zero_numbers_as_strings: true },
    )
    .unwrap()
}

#[test]
fn the_schema_takes_the_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules.example.yaml");
    let example = as_json(&fs::read_to_string(path).unwrap());
    let errors: Vec<String> =
        validator().iter_errors(&example).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_schema_and_the_reader_agree() {
    let validator = validator();
    let schedules = [
        (true, "cron: \"0 7 * * *\"\nstart: { process: P }"),
        (true, "cron: [\"0 7 * * *\", \"0 8 * * *\"]\nstart: { process: 12 }"),
        (true, "every: 1h30m\nanchor: 2026-01-01T00:00:00Z\nstart: { process: P, arguments: { a: [1, { b: ~ }] } }"),
        (true, "at: \"2027-01-01T00:00Z\"\nenabled: false\nstart: { process: P, folder: F, runtime: Unattended }"),
        (true, "every: 5m\ncatch_up: { policy: skip, window: 1h }\ndst: { class: fixed }\nstart: { process: P }"),
        (true, "cron: \"0 0 7 ? * 2-6\"\nquartz: true\nstart: { process: P }"),
        (
            true,
            "cron: \"0 0 7 1 1 * 2030\"\njitter: 30s\nstarts: 2026-12-01\nends: 2030-06-01T00:00:00Z\nstart: { process: P }",
        ),
        (false, "every: 5m\nquartz: true\nstart: { process: P }"),
        (false, "every: 5m\njitter: 30\nstart: { process: P }"),
        (false, "every: 5m\nstarts: tomorrow\nstart: { process: P }"),
        (false, "every: 5m\non_excluded: move\nstart: { process: P }"),
        (false, "start: { process: P }"),
        (false, "cron: \"0 7 * * *\"\nevery: 5m\nstart: { process: P }"),
        (false, "cron: \"0 7 * * *\"\nanchor: 2026-01-01T00:00:00Z\nstart: { process: P }"),
        (false, "every: 5m"),
        (false, "every: 5\nstart: { process: P }"),
        (false, "every: 5 minutes\nstart: { process: P }"),
        (false, "every: 5m\nenabled: no\nstart: { process: P }"),
        (true, "every: 5m\noverlap: queue_one\nstart: { process: P, priority: High }"),
        (
            true,
            "every: 1h\nretry: { attempts: 3, delay: 1m, max_delay: 15m, on: [faulted, business] }\nstart: { process: P }",
        ),
        (
            true,
            "every: 1d\ntimeout: { pending: 20m, soft: 1h, at: \"23:59\", kill_after: 5m, on_pending: restart, on_server: true }\nstart: { process: P }",
        ),
        (
            true,
            "every: 1h\ncatch_up: { policy: all, max: 3 }\npriority: -100\npause_after_failures: 0\nstart: { process: P }",
        ),
        (true, "every: 1h\noverlap: stop_other\ntimeout: { kill_after: 1m }\nstart: { process: P }"),
        (false, "every: 5m\noverlap: queue\nstart: { process: P }"),
        (false, "every: 5m\nstart: { process: P, priority: high }"),
        (false, "every: 5m\nstart: { process: P, priority: 80 }"),
        (false, "every: 5m\nretry: { delay: 1m }\nstart: { process: P }"),
        (false, "every: 5m\nretry: { attempts: 0 }\nstart: { process: P }"),
        (false, "every: 5m\nretry: { attempts: 3, on: [stopped] }\nstart: { process: P }"),
        (false, "every: 1d\ntimeout: {}\nstart: { process: P }"),
        (false, "every: 1d\ntimeout: { on_server: false }\nstart: { process: P }"),
        (false, "every: 1d\ntimeout: { soft: 1h, on_pending: stop }\nstart: { process: P }"),
        (false, "every: 1d\ntimeout: { soft: 1h, on_server: true }\nstart: { process: P }"),
        (false, "every: 1d\ntimeout: { at: \"24:00\" }\nstart: { process: P }"),
        (false, "every: 1d\ntimeout: { at: \"8:00\" }\nstart: { process: P }"),
        (false, "every: 1h\ncatch_up: { max: 3 }\nstart: { process: P }"),
        (false, "every: 1h\ncatch_up: { policy: last, max: 3 }\nstart: { process: P }"),
        (false, "every: 1h\npriority: 101\nstart: { process: P }"),
        (false, "every: 1h\npriority: 1.5\nstart: { process: P }"),
        (false, "every: 1h\npause_after_failures: -1\nstart: { process: P }"),
        (false, "every: 5m\nafter: { schedule: y }\nstart: { process: P }"),
        (false, "every: 5m\ncolour: blue\nstart: { process: P }"),
        (false, "every: 5m\nstart: { process: P, arguments: text }"),
        (false, "every: 5m\nstart: { process: P, jobs: 2 }"),
        (false, "every: 5m\nstart: {}"),
        (false, "cron: []\nstart: { process: P }"),
        (false, "at: tomorrow\nstart: { process: P }"),
    ];
    for (fine, lines) in schedules {
        let file = with_schedule(lines);
        assert_eq!(validator.is_valid(&as_json(&file.text)), fine, "schema: {lines}");
        assert_eq!(read(file).is_ok(), fine, "reader: {lines}");
    }
    let files = [
        (true, HEAD.to_owned()),
        (true, format!("{HEAD}x-anything: [1, 2]\n")),
        (false, HEAD.replace("version: 1", "version: 2")),
        (false, HEAD.replace("version: 1\n", "")),
        (false, HEAD.replace("\"credential:cloud\"", "hunter2")),
        (false, HEAD.replace(", scope: OR.Jobs", "")),
        (false, HEAD.replace("client_credentials", "password")),
        (true, HEAD.replace(", client_secret: \"credential:cloud\"", "")),
        (true, with_auth("grant: refresh_token, client_id: x")),
        (true, with_auth("grant: refresh_token, client_id: x, client_secret: \"credential:s\", scope: OR.Jobs")),
        (true, with_auth("grant: refresh_token, style: account, client_id: x, refresh_token: \"file:key\"")),
        (true, with_auth("grant: password, username: x, password: \"file:p\"")),
        (true, with_auth("grant: personal_access_token, token: \"env:T\"")),
        (true, with_auth("grant: personal_access_token")),
        (false, with_auth("grant: refresh_token")),
        (false, with_auth("grant: refresh_token, style: account, client_id: x, scope: OR.Jobs")),
        (false, with_auth("grant: refresh_token, client_id: x, password: \"file:p\"")),
        (false, with_auth("grant: password")),
        (false, with_auth("grant: password, username: x, password: literal")),
        (false, with_auth("grant: password, style: account, username: x")),
        (false, with_auth("grant: personal_access_token, client_id: x")),
        (false, HEAD.replace("https://", "ftp://")),
        (false, HEAD.replace("cloud:\n", "my cloud:\n")),
        (false, format!("{HEAD}notify: []\n")),
        (true, format!("{HEAD}limits: {{ licences: {{ running: 3 }} }}\n")),
        (false, format!("{HEAD}limits: {{ licences: {{ running: 0 }} }}\n")),
        (false, format!("{HEAD}limits: {{ licences: 3 }}\n")),
        (
            true,
            format!(
                "{HEAD}blackouts: {{ b: {{ cron: \"0 22 * * SAT\", for: 6h, timezone: Europe/Berlin, connections: [cloud], then: wait }} }}\n"
            ),
        ),
        (true, format!("{HEAD}blackouts: {{ b: {{ at: [2027-01-01T00:00Z], for: 6h }} }}\n")),
        (false, format!("{HEAD}blackouts: {{ b: {{ at: 2027-01-01T00:00Z, cron: \"0 22 * * SAT\", for: 6h }} }}\n")),
        (true, format!("{HEAD}blackouts: {{ b: {{ cron: \"0 22 * * SAT\", for: 6h, except: [\"pay*\"] }} }}\n")),
        (false, format!("{HEAD}blackouts: {{ b: {{ cron: \"0 22 * * SAT\", for: 6h, except: [] }} }}\n")),
        (
            true,
            HEAD.replace("timezone: UTC", "timezone: UTC, timeout: { soft: 1h }")
                + "schedules: { x: { every: 1d, timeout: none, start: { process: P } } }\n",
        ),
        (
            false,
            HEAD.replace("timezone: UTC", "timezone: UTC, timeout: { soft: 1h }")
                + "schedules: { x: { every: 1d, timeout: off, start: { process: P } } }\n",
        ),
        (false, HEAD.replace("timezone: UTC", "timezone: UTC, timeout: none")),
        (false, format!("{HEAD}blackouts: {{ b: {{ for: 6h }} }}\n")),
        (false, format!("{HEAD}blackouts: {{ b: {{ cron: \"0 22 * * SAT\" }} }}\n")),
        (false, format!("{HEAD}blackouts: {{ b: {{ cron: \"0 22 * * SAT\", for: 6h, then: hold }} }}\n")),
        (true, HEAD.replace("timezone: UTC", "timezone: UTC, enabled: false, description: night work")),
        (false, HEAD.replace("timezone: UTC", "timezone: UTC, enabled: no")),
        (
            true,
            HEAD.replace("timezone: UTC", "timezone: UTC, retry: { attempts: 2 }, timeout: { soft: 1h }, priority: 5"),
        ),
        (true, format!("{HEAD}calendars: {{ a: {{ weekdays: MON-FRI }}, b: {{ exclude: [2026-12-25] }} }}\n")),
        (false, format!("{HEAD}calendars: {{ a: {{ exclude: 25.12.2026 }} }}\n")),
        (false, format!("{HEAD}calendars: {{ a: {{ days: MON }} }}\n")),
        (true, format!("{HEAD}daemon: {{ tzdb: auto, allow_env: [A, B], watch: false }}\n")),
        (true, format!("{HEAD}daemon: {{ tzdb: bundled }}\n")),
        (false, format!("{HEAD}daemon: {{ watch: 5s }}\n")),
        (false, format!("{HEAD}daemon: {{ tzdb: newest }}\n")),
    ];
    for (fine, text) in files {
        assert_eq!(validator.is_valid(&as_json(&text)), fine, "schema: {text}");
        assert_eq!(read(source("f.yaml", &text)).is_ok(), fine, "reader: {text}");
    }
}

fn with_auth(auth: &str) -> String {
    let begin = HEAD.find("auth: {").unwrap();
    let end = begin + HEAD[begin..].find('}').unwrap();
    format!("{}auth: {{ {auth} {}", &HEAD[..begin], &HEAD[end..])
}

#[test]
fn every_key_is_described() {
    fn look(schema: &Value, path: &str, seen: &mut usize) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let about = property["description"].as_str().unwrap_or_default();
            assert!(about.len() > 3 && !about.ends_with('.'), "{path}.{name}: {about:?}");
            *seen += 1;
        }
    }
    let schema = json_schema();
    let mut seen = 0;
    look(&schema, "", &mut seen);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        look(definition, name, &mut seen);
    }
    assert!(seen > 40, "{seen}");
}
