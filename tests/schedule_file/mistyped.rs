//! What is valid YAML and cannot be meant in a connection: the printed cure is put in its place, and then nothing is told any more.

use punctual::schedule::Severity;

use super::{HEAD, messages, read, source};

/// The file of one connection in which these stand, and one schedule.
fn with(url: &str, tenant: &str, client_id: &str, scope: &str) -> String {
    format!(
        "version: 1\nconnections:\n  cloud:\n    url: {url}\n    tenant: {tenant}\n    auth:\n      grant: client_credentials\n      \
         client_id: {client_id}\n      client_secret: \"credential:cloud\"\n      scope: {scope}\nschedules:\n  x: {{ every: 5m, start: {{ \
         process: P }} }}\n"
    )
}

const URL: &str = "https://cloud.uipath.com/acme/production/orchestrator_";
const ID: &str = "3f2c0d2e-5a1b-4c7d-9e8f-001122334455";

/// The only diagnostic: its severity, place, message, hint.
fn only(text: &str) -> (Severity, (u32, u32), String, String) {
    let all = match read(source("f.yaml", text)) {
        Ok(loaded) => loaded.warnings,
        Err(invalid) => invalid.diagnostics,
    };
    let [one] = all.as_slice() else { panic!("{all:#?}\nin\n{text}") };
    (one.severity, (one.line, one.column), one.message.clone(), one.hint.clone().unwrap())
}

/// What stands in the hint's first backticks.
fn written(hint: &str) -> &str {
    hint.split('`').nth(1).unwrap_or_else(|| panic!("nothing to write in: {hint}"))
}

#[test]
fn each_value_that_cannot_be_meant_is_told_with_a_cure_that_cures() {
    let url = |url: &str| with(url, "acme", ID, "OR.Jobs");
    let tenant = |tenant: &str| with(URL, tenant, ID, "OR.Jobs");
    let scope = |scope: &str| with(URL, "acme", ID, scope);
    let id = |id: &str| with(URL, "acme", id, "OR.Jobs");
    let table: [(String, &str, (u32, u32)); 14] = [
        (scope("OR.Jobs,OR.Folders.Read"), "`auth.scope` holds commas, and scopes are separated by blanks", (10, 14)),
        (scope("OR.Jobs, OR.Folders.Read, OR.Execution.Read"), "`auth.scope` holds commas", (10, 14)),
        (scope("OR.Jobs; OR.Folders.Read"), "`auth.scope` holds commas", (10, 14)),
        (
            scope("OR.Jobs\u{a0}OR.Folders.Read"),
            "`auth.scope` has the character NO-BREAK SPACE (U+00A0) at position 8",
            (10, 21),
        ),
        (
            scope("“OR.Jobs”"),
            "`auth.scope` has the character LEFT DOUBLE QUOTATION MARK (U+201C) at position 1",
            (10, 14),
        ),
        (
            scope("OR.Jobs offline_access"),
            "`auth.scope` asks for `offline_access`, which goes with a user's login only",
            (10, 14),
        ),
        (
            id("‘3f2c0d2e’"),
            "`auth.client_id` has the character LEFT SINGLE QUOTATION MARK (U+2018) at position 1",
            (8, 18),
        ),
        (id("3f2c0d2e–5a1b"), "`auth.client_id` has the character EN DASH (U+2013) at position 9", (8, 26)),
        (
            id("\"3f2c0d2e\u{200b}\""),
            "`auth.client_id` has the character ZERO WIDTH SPACE (U+200B) at position 9",
            (8, 27),
        ),
        (tenant("„acme“"), "`tenant` has the character DOUBLE LOW-9 QUOTATION MARK (U+201E) at position 1", (5, 13)),
        (
            tenant("ac\u{feff}me"),
            "`tenant` has the character ZERO WIDTH NO-BREAK SPACE (U+FEFF) at position 3",
            (5, 15),
        ),
        (url("https://cloud.uipath.com/acme /production/orchestrator_"), "`url` has a blank next to a `/`", (4, 10)),
        (
            url("https://cloud.uipath.com/ac\u{200b}me/production/orchestrator_"),
            "`url` has the character ZERO WIDTH SPACE (U+200B)",
            (4, 10),
        ),
        (url("https://cloud. uipath.com/acme/production"), "`url` has a blank in its host", (4, 10)),
    ];
    for (text, says, place) in table {
        let (_, at, message, hint) = only(&text);
        assert!(message.starts_with(&format!("connection `cloud`: {says}")), "{message}\n{text}");
        assert_eq!(at, place, "{message}");
        let meant = written(&hint);
        let line = text.lines().nth(place.0 as usize - 1).unwrap();
        let key = line.trim().split(':').next().unwrap();
        let value = meant.strip_prefix(&format!("{key}: ")).unwrap_or(meant);
        let indent = line.len() - line.trim_start().len();
        let mended = text.replace(line, &format!("{}{key}: {value}", " ".repeat(indent)));
        assert_eq!(messages(read(source("f.yaml", &mended))), [""; 0], "{hint}\n{mended}");
    }
}

#[test]
fn blanks_around_an_address_mean_nothing() {
    for around in ["\"  URL \"", "\"URL\\t\"", "\"\u{a0}URL\u{a0}\""] {
        let text = with(&around.replace("URL", URL), "acme", ID, "OR.Jobs");
        let loaded = read(source("f.yaml", &text)).unwrap();
        assert_eq!(loaded.set.connections.values().next().unwrap().url.as_str(), URL, "{around}");
    }
}

#[test]
fn a_client_id_that_stands_for_another_one_is_told_and_a_real_one_is_not() {
    for placeholder in [
        "<client-id>",
        "\"{client_id}\"",
        "YOUR_CLIENT_ID",
        "your-client-id",
        "yourAppId",
        "<your application's id>",
        "insert-client-id-here",
        "CLIENT_ID",
        "replace-me",
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        "XXXX",
        "00000000-0000-0000-0000-000000000000",
        "…",
        "3f2c0d2e-…",
        "\"********\"",
    ] {
        let (severity, at, message, hint) = only(&with(URL, "acme", placeholder, "OR.Jobs"));
        assert_eq!((severity, at), (Severity::Error, (8, 18)), "{message}");
        assert!(message.ends_with("stands for an id of yours"), "{message}");
        assert!(hint.contains("External applications"), "{hint}");
    }
    let real = [
        ID,
        "5v7PmH0pQd",
        "sandbox-client",
        "x",
        "app",
        "punctual",
        "CLIENT",
        "yourk-robots",
        "payroll-app",
        "client-7",
    ];
    for id in real {
        assert_eq!(messages(read(source("f.yaml", &with(URL, "acme", id, "OR.Jobs")))), [""; 0], "{id}");
    }
}

#[test]
fn a_user_login_needs_no_offline_access_in_the_file_since_login_asks_for_it() {
    let auth = "{ grant: refresh_token, client_id: app, scope: OR.Jobs }";
    let text = format!("version: 1\nconnections: {{ cloud: {{ url: \"{URL}\", auth: {auth} }} }}\n");
    assert_eq!(messages(read(source("f.yaml", &text))), [""; 0]);
}

#[test]
fn fields_of_auth_that_are_next_to_it_are_told_once_and_one_level_deeper_they_are_right() {
    let table = [
        "    auth:\n      grant: client_credentials\n    client_id: app\n    client_secret: \"credential:c\"\n    scope: OR.Jobs\n",
        "    auth:\n    grant: client_credentials\n    client_id: app\n    client_secret: \"credential:c\"\n    scope: OR.Jobs\n",
        "    auth:\n      grant: refresh_token\n      client_id: app\n    scope: OR.Jobs\n",
    ];
    for lines in table {
        let head = format!("version: 1\nconnections:\n  cloud:\n    url: {URL}\n");
        let rest = "defaults: { timezone: UTC }\n";
        let (severity, _, message, hint) = only(&format!("{head}{lines}{rest}"));
        assert_eq!(severity, Severity::Error);
        assert!(message.contains("next to `auth`, and must be one level deeper, in it"), "{message}");
        // The hint names the lines to indent.
        let named: Vec<&str> = hint
            .split(" as the lines")
            .next()
            .unwrap()
            .split(" by two")
            .next()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(hint.starts_with("indent ") && !named.is_empty(), "{hint}");
        let indented = lines.lines().map(|line| {
            let deeper = named.iter().any(|name| line.starts_with(&format!("    {name}:")));
            format!("{}{line}\n", if deeper { "  " } else { "" })
        });
        let mended = format!("{head}{}{rest}", indented.collect::<String>());
        assert_eq!(messages(read(source("f.yaml", &mended))), [""; 0], "{mended}");
    }
}

#[test]
fn fields_next_to_an_auth_in_braces_or_of_one_word_are_right_between_the_braces_that_are_told() {
    let file = |lines: &str| format!("version: 1\nconnections:\n  cloud:\n    url: {URL}\n{lines}");
    let (_, _, _, hint) = only(&file("    auth: { grant: personal_access_token }\n    token: \"credential:t\"\n"));
    assert_eq!(hint, "move `token` between the braces of `auth`");
    let (_, _, _, hint) = only(&file("    auth: personal_access_token\n    token: \"credential:t\"\n"));
    assert!(hint.ends_with(", and move `token` between those braces"), "{hint}");
    let mended = written(&hint).replace(" }", ", token: \"credential:t\" }");
    assert_eq!(messages(read(source("f.yaml", &file(&format!("    {mended}\n"))))), [""; 0], "{mended}");
}

#[test]
fn whether_an_unclear_start_can_be_tried_again_follows_from_settle_too() {
    let file = |settle: &str, keys: &str| {
        HEAD.replace("orchestrator_\n", &format!("orchestrator_\n    settle: {settle}\n"))
            + &format!("schedules:\n  x: {{ every: 5m, {keys} start: {{ process: P }} }}\n")
    };
    for (settle, keys) in [
        ("10s", "start_deadline: 70s,"),
        ("120s", "start_deadline: 3m,"),
        ("10m", "start_deadline: 11m,"),
        ("10m", "start_deadline: 2m, on_unknown_start: hold,"),
        ("59m", ""),
    ] {
        assert_eq!(messages(read(source("f.yaml", &file(settle, keys)))), [""; 0], "{settle} {keys}");
    }
    for (settle, keys, least) in [
        ("10s", "start_deadline: 69s,", "start_deadline: 1m10s"),
        ("120s", "start_deadline: 2m,", "start_deadline: 3m"),
        ("10m", "start_deadline: 5m,", "start_deadline: 11m"),
        ("2h", "", "start_deadline: 2h1m"),
    ] {
        let (severity, _, message, hint) = only(&file(settle, keys));
        assert_eq!(severity, Severity::Warning);
        assert!(message.contains("is so short that an unclear start cannot be tried again"), "{message}");
        assert_eq!(written(&hint), least, "{hint}");
        assert_eq!(messages(read(source("f.yaml", &file(settle, &format!("{least},"))))), [""; 0]);
    }
}

/// A file of a connection and a schedule with this `connections` entry and these `schedules` entries.
fn whole(connection: &str, schedules: &str) -> String {
    format!("version: 1\nconnections:\n{connection}schedules:\n{schedules}")
}

/// The same lines, each of which begins with one of these keys two blanks further in, and what is below it too.
fn indented(lines: &str, keys: &[&str]) -> String {
    let mut within = false;
    let deeper = lines.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        let starts = keys.iter().any(|key| line.starts_with(&format!("  {key}:")));
        within = starts || (within && indent > 2);
        format!("{}{line}\n", if within { "  " } else { "" })
    });
    deeper.collect()
}

#[test]
fn keys_that_are_next_to_their_entry_are_told_once_and_one_level_deeper_they_are_right() {
    let cloud = format!(
        "  cloud:\n    url: {URL}\n    auth:\n      grant: client_credentials\n      client_id: {ID}\n      client_secret: \
         \"credential:c\"\n      scope: OR.Jobs\n"
    );
    let auth_out = format!(
        "  cloud:\n    url: {URL}\n  auth:\n    grant: client_credentials\n    client_id: {ID}\n    client_secret: \
         \"credential:c\"\n    scope: OR.Jobs\n"
    );
    let x = "  x:\n    every: 5m\n    start: { process: P }\n";
    let table = [
        (auth_out.as_str(), x, "connection `cloud`: `auth` is next to it", (5, 3)),
        (&cloud, "  x:\n    every: 5m\n  start: { process: P }\n", "schedule `x`: `start` is next to it", (13, 3)),
        (&cloud, "  x:\n    every: 5m\n  start:\n    process: P\n", "schedule `x`: `start` is next to it", (13, 3)),
        (
            &cloud,
            "  x:\n    cron: 0 7 * * *\n  timezone: Europe/Berlin\n  start: { process: P }\n",
            "schedule `x`: `timezone` and `start` are next to it",
            (13, 3),
        ),
        (
            &cloud,
            "  x:\n  cron: 0 7 * * *\n  timezone: Europe/Berlin\n  start: { process: P }\n",
            "schedule `x`: `cron`, `timezone` and `start` are next to it",
            (12, 3),
        ),
    ];
    for (connection, schedules, says, place) in table {
        let text = whole(connection, schedules);
        let (severity, at, message, hint) = only(&text);
        assert_eq!((severity, at), (Severity::Error, place), "{message}\n{text}");
        assert!(message.starts_with(says), "{message}");
        let cure = hint.split(", under").next().unwrap().split(" as the lines").next().unwrap();
        let named: Vec<&str> = cure.split('`').skip(1).step_by(2).collect();
        assert!(hint.starts_with("indent ") && !named.is_empty(), "{hint}");
        let mended = whole(&indented(connection, &named), &indented(schedules, &named));
        assert_eq!(messages(read(source("f.yaml", &mended))), [""; 0], "{mended}");
    }
    let (.., hint) = only(&whole(&cloud, "  x: { every: 5m }\n  start: { process: P }\n"));
    assert_eq!(hint, "move `start` between the braces of `x`");
}

#[test]
fn entries_that_are_called_as_keys_are_stay_entries() {
    let connections = format!(
        "  auth:\n    url: {URL}\n    auth: {{ grant: client_credentials, client_id: {ID}, client_secret: \"credential:c\", scope: OR.Jobs }}\n"
    );
    let schedules = "  x: { every: 5m, start: { process: P } }\n  start: { every: 5m, start: { process: P } }\n  timezone:\n    every: 1h\n    start: { process: P }\n";
    let loaded = read(source("f.yaml", &whole(&connections, schedules))).unwrap();
    assert_eq!(loaded.set.schedules.len(), 3);
    assert_eq!(loaded.set.connections.len(), 1);
}

#[test]
fn a_typographic_quote_is_told_where_it_is_and_the_cure_is_read() {
    let file = |cron: &str, process: &str, secret: &str| {
        let auth = format!("{{ grant: client_credentials, client_id: {ID}, client_secret: {secret}, scope: OR.Jobs }}");
        whole(
            &format!("  cloud:\n    url: {URL}\n    auth: {auth}\n"),
            &format!("  x:\n    timezone: UTC\n    cron: {cron}\n    start:\n      process: {process}\n"),
        )
    };
    let (cron, secret) = ("0 7 * * MON-FRI", "\"credential:c\"");
    let table = [
        (file("“*/5 7 * * MON-FRI”", "P", secret), "`cron` has the character LEFT DOUBLE QUOTATION MARK (U+201C)", 9),
        (file("’0 7 * * MON-FRI’", "P", secret), "`cron` has the character RIGHT SINGLE QUOTATION MARK (U+2019)", 9),
        (
            file(cron, "„Payroll run“", secret),
            "`start.process` has the character DOUBLE LOW-9 QUOTATION MARK (U+201E)",
            11,
        ),
    ];
    for (text, says, line) in table {
        let (severity, at, message, hint) = only(&text);
        assert_eq!((severity, at.0), (Severity::Error, line), "{message}");
        assert!(message.starts_with(&format!("schedule `x`: {says} at position 1, which is not meant")), "{message}");
        let (key, value) = written(&hint).split_once(": ").unwrap();
        let old = text.lines().nth(line as usize - 1).unwrap();
        let mended = text.replace(old, &format!("{}: {value}", old.split(key).next().unwrap().to_owned() + key));
        assert_eq!(messages(read(source("f.yaml", &mended))), [""; 0], "{mended}");
    }
    let (_, _, message, hint) = only(&file(cron, "P", "“credential:c”"));
    assert!(message.contains("`auth.client_secret` has the character LEFT DOUBLE QUOTATION MARK"), "{message}");
    assert_eq!(hint, "write `client_secret: \"credential:c\"`");
    // A value that is a secret stays hidden, quoted or not.
    let (_, _, message, _) = only(&file(cron, "P", "“s3cr3t-value-of-mine”"));
    assert!(message.contains("holds the secret itself") && !message.contains("s3cr3t"), "{message}");
    // In real quotes a typographic one is a part of a name.
    assert_eq!(messages(read(source("f.yaml", &file(cron, "\"“Payroll”\"", secret)))), [""; 0]);
}
