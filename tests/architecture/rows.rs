//! The module rows: which module may import which. ARCHITECTURE.md shows them with what each owns.

use super::source::{Source, is_word};

/// One module.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) module: &'static str,
    pub(crate) may_import: &'static [&'static str],
    /// Why just these.
    pub(crate) why: &'static str,
}

const fn row(module: &'static str, may_import: &'static [&'static str], why: &'static str) -> Row {
    Row { module, may_import, why }
}

/// In import order: a module may import only rows above its own, so a circle cannot be written.
pub(crate) const ROWS: &[Row] = &[
    row("clock", &[], "everything stands on it"),
    row("secret", &[], "one type that cannot be printed, known everywhere"),
    row(
        "witness",
        &["secret"],
        "told by `auth` and `orchestrator`, which do not know each other; of `secret` only what to mask",
    ),
    row("durable", &[], "`auth` and `store` make folders, and do not know each other"),
    row(
        "http",
        &["witness"],
        "whom we trust and how an answer is read, for `auth`, `orchestrator` and `doctor`; of `witness` only how text is cleaned",
    ),
    row("recurrence", &[], "pure: a pattern, a zone and an instant are all it needs"),
    row(
        "schedule",
        &["secret", "http", "recurrence"],
        "files hold references to secrets, and patterns; of `http` only how a file of certificates is read",
    ),
    row("run", &["schedule"], "a run is of a schedule; its Reference is computed from the key"),
    row("faults", &["schedule", "run"], "broken variants of what stands below it; only with the feature `faults`"),
    row(
        "planner",
        &["clock", "recurrence", "schedule", "run"],
        "of `clock` only sums of instants, it reads no clock; of `run` the endings of times that will not run",
    ),
    row(
        "policy",
        &["clock", "schedule", "run"],
        "pure tables about values; of `clock` only sums of instants, it reads no clock",
    ),
    row(
        "auth",
        &["clock", "secret", "witness", "durable", "http", "faults"],
        "tokens know nothing of schedules, runs or Orchestrator; `faults` only under the feature",
    ),
    row(
        "orchestrator",
        &["clock", "secret", "witness", "http", "schedule", "run", "faults"],
        "of `run` only ids and References, of `schedule` only how a folder is named; it asks for tokens through a trait of its own, so it does not know `auth`; \
         `faults` only under the feature",
    ),
    row(
        "store",
        &["durable", "schedule", "run", "faults"],
        "it writes down what the others decided; `faults` only under the feature",
    ),
    row(
        "history",
        &["schedule", "run", "store"],
        "states and triggers are read back as the types that were written; of `store` only the database's place in the state folder",
    ),
    row(
        "executor",
        &["schedule", "run", "faults", "orchestrator"],
        "one call an action; it decides nothing; `faults` only under the feature",
    ),
    row(
        "dispatcher",
        &["clock", "recurrence", "schedule", "run", "faults", "planner", "policy", "orchestrator", "store", "executor"],
        "all choices are made here, so it sees all that they are made from; of `orchestrator` only answers and failures; \
         `faults` only under the feature",
    ),
    row("lifecycle", &[], "signals and the service manager; what they mean is decided elsewhere"),
    row("housekeeping", &["clock", "store"], "chores on the database"),
    row(
        "web",
        &["clock", "secret", "recurrence", "schedule", "run", "faults", "auth", "store", "history", "dispatcher"],
        "it reads by `history` and published states, and acts through handles; of `store` only the audit; `faults` only under \
         the feature",
    ),
    row(
        "daemon",
        &[
            "clock",
            "recurrence",
            "schedule",
            "faults",
            "auth",
            "orchestrator",
            "store",
            "executor",
            "dispatcher",
            "housekeeping",
            "web",
        ],
        "the wiring; of `recurrence` only which zone database is in use; it does not know the sandbox, which is not part of \
         the product's way; `faults` only under the feature",
    ),
    row(
        "doctor",
        &["clock", "secret", "witness", "http", "schedule", "run", "faults", "auth", "orchestrator", "daemon"],
        "it takes the way of a start apart, so it sees what a start goes through; of `daemon` only how a connection becomes a \
         credential and a bearer; `faults` only under the feature",
    ),
    row("sandbox", &["clock"], "it shares no code with the client, so it can prove it wrong"),
    row(
        "cli",
        &[
            "clock",
            "secret",
            "witness",
            "recurrence",
            "schedule",
            "run",
            "auth",
            "store",
            "history",
            "dispatcher",
            "lifecycle",
            "web",
            "daemon",
            "doctor",
            "sandbox",
        ],
        "commands put the parts to use; it speaks to Orchestrator and to the database only through them; of `auth` what `login` \
         and `token` do where no daemon runs",
    ),
];

/// Paths that leave a module's row.
pub(crate) fn outside_of_row(source: &Source) -> Vec<String> {
    let path = source.module();
    let own = match path.first().map(String::as_str) {
        Some("lib") | None => return Vec::new(),
        // The program is a caller of `cli` and nothing else.
        Some("main") => "cli",
        Some(module) => module,
    };
    let Some(row) = ROWS.iter().find(|row| row.module == own) else {
        return vec![source.finding(0, &format!("`{own}` has no row"))];
    };
    let mut findings = Vec::new();
    for Import { at, name } in imports(source, path.len()) {
        if name == own || row.may_import.contains(&name.as_str()) {
            continue;
        }
        let may = if row.may_import.is_empty() { "nothing of ours".to_owned() } else { row.may_import.join(", ") };
        findings.push(source.finding(at, &format!("`{own}` must not import `{name}`; it may import {may}")));
    }
    findings
}

/// One first segment after the crate's root.
struct Import {
    at: usize,
    name: String,
}

/// `crate::…` and `punctual::…`, and `super::…` where it climbs up to the root of the crate.
fn imports(source: &Source, depth: usize) -> Vec<Import> {
    let mut found = Vec::new();
    for root in ["crate", "punctual"] {
        for at in source.words(root) {
            let rest = &source.code[at + root.len()..];
            match after_colons(rest) {
                Some(path) => first_segments(source, path, at, &mut found),
                // `pub(crate)` is no path; `use crate as x` and `use crate;` would hide every import that follows.
                None if root == "crate" && !rest.trim_start().starts_with(')') => {
                    found.push(Import { at, name: "the whole crate".to_owned() });
                }
                None => {}
            }
        }
    }
    for at in source.words("super") {
        let climbed_from = source.code[..at].trim_end();
        if climbed_from.strip_suffix("::").is_some_and(|before| before.trim_end().ends_with("super")) {
            continue;
        }
        let mut rest = &source.code[at..];
        let mut steps = 0;
        while let Some(next) = rest.trim_start().strip_prefix("super").and_then(after_colons) {
            steps += 1;
            rest = next;
        }
        if steps >= depth {
            first_segments(source, rest, at, &mut found);
        }
    }
    found
}

fn after_colons(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix("::")
}

/// The next name, or the first name of each path in a group.
fn first_segments(source: &Source, path: &str, at: usize, found: &mut Vec<Import>) {
    let path = path.trim_start();
    let place = source.code.len() - path.len();
    match path.strip_prefix('{') {
        None => {
            let name: String = path.chars().take_while(|char| is_word(*char)).collect();
            // A glob, or what only a macro could write.
            let name = if name.is_empty() { "the whole crate".to_owned() } else { name };
            found.push(Import { at: if name == "the whole crate" { at } else { place }, name });
        }
        Some(group) => {
            let mut depth = 0_usize;
            let mut begins = true;
            for (offset, char) in group.char_indices() {
                match char {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => begins = true,
                    char if depth == 0 && begins && !char.is_whitespace() => {
                        begins = false;
                        first_segments(source, &group[offset..], at, found);
                    }
                    _ => {}
                }
            }
        }
    }
}

/// `pub mod x;` in the library's root.
pub(crate) fn declared_modules(source: &Source) -> Vec<String> {
    source
        .words("mod")
        .map(|at| source.code[at + 3..].trim_start().chars().take_while(|char| is_word(*char)).collect())
        .collect()
}

/// The rows of the table in ARCHITECTURE.md: `| module | owns | may import |`.
pub(crate) fn rows_in_markdown(text: &str) -> Vec<(String, Vec<String>)> {
    let table = text.lines().skip_while(|line| !line.starts_with("| module |")).skip(2);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let imports = cells.get(2).copied().unwrap_or_default();
            let imports = imports.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "–"));
            let module = cells.first().copied().unwrap_or_default().trim_matches('`');
            (module.to_owned(), imports.map(|name| name.trim_matches('`').to_owned()).collect())
        })
        .collect()
}
