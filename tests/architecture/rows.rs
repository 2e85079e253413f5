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
    row("text", &[], "the lowest: whoever writes a sentence may use it"),
    row("clock", &[], "everything stands on it"),
    row("secret", &[], "one type that cannot be printed, known everywhere"),
    row(
        "grant",
        &["secret"],
        "files name grants, `auth` asks with them, `doctor` explains them; of `secret` only where one is",
    ),
    row(
        "witness",
        &["text", "secret"],
        "told by `auth` and `orchestrator`, which do not know each other; of `secret` only what to mask",
    ),
    row("durable", &[], "`auth` and `store` write files that must survive, and do not know each other"),
    row(
        "http",
        &["text", "witness"],
        "whom we trust and how an answer is read, for `auth`, `orchestrator` and `doctor`; of `witness` only how text is cleaned",
    ),
    row("recurrence", &["text"], "pure: a pattern, a zone and an instant are all it needs"),
    row(
        "schedule",
        &["text", "clock", "secret", "grant", "http", "recurrence"],
        "files hold references to secrets, and patterns; of `http` only how a file of certificates is read, of `clock` only sums of instants that stay within the calendar",
    ),
    row(
        "run",
        &["text", "schedule"],
        "a run is of a schedule; its Reference is computed from the key; of `text` only patterns of names, for pauses",
    ),
    row("faults", &["schedule", "run"], "broken variants of what stands below it; only with the feature `faults`"),
    row(
        "planner",
        &["clock", "recurrence", "schedule", "run"],
        "of `clock` only sums of instants, it reads no clock; of `run` the endings of times that will not run",
    ),
    row(
        "policy",
        &["clock", "recurrence", "schedule", "run"],
        "pure tables about values; of `clock` only sums of instants, it reads no clock; of `recurrence` only what a time is",
    ),
    row(
        "auth",
        &["text", "clock", "secret", "grant", "witness", "durable", "http", "faults"],
        "tokens know nothing of schedules, runs or Orchestrator; `faults` only under the feature",
    ),
    row(
        "orchestrator",
        &["text", "clock", "secret", "witness", "http", "schedule", "run", "faults"],
        "of `run` only ids and References, of `schedule` only how a folder is named; it asks for tokens through a trait of its own, so it does not know `auth`; \
         `faults` only under the feature",
    ),
    row(
        "happening",
        &["text", "run", "schedule", "orchestrator"],
        "words for what happened to these; of `orchestrator` only what an answer was, of `text` only what cuts one that is too long",
    ),
    row(
        "store",
        &["text", "durable", "schedule", "run", "faults"],
        "it writes down what the others decided; `faults` only under the feature",
    ),
    row(
        "history",
        &["text", "schedule", "run", "store"],
        "states and triggers are read back as the types that were written; of `store` only the database's place in the state folder, of `text` only patterns of names",
    ),
    row(
        "why",
        &["text", "clock", "recurrence", "schedule", "run", "policy", "history"],
        "it judges what is read, and decides nothing that runs; of `policy` only what holds a coming time back",
    ),
    row(
        "executor",
        &["schedule", "run", "faults", "orchestrator"],
        "one call an action; it decides nothing; `faults` only under the feature",
    ),
    row(
        "dispatcher",
        &[
            "text",
            "clock",
            "recurrence",
            "schedule",
            "run",
            "faults",
            "planner",
            "policy",
            "orchestrator",
            "happening",
            "store",
            "executor",
        ],
        "all choices are made here, so it sees all that they are made from; of `orchestrator` only answers and failures; \
         `faults` only under the feature",
    ),
    row("lifecycle", &[], "signals and the service manager; what they mean is decided elsewhere"),
    row("housekeeping", &["text", "clock", "store"], "chores on the database"),
    row(
        "web",
        &[
            "text",
            "clock",
            "secret",
            "grant",
            "recurrence",
            "schedule",
            "run",
            "faults",
            "policy",
            "auth",
            "store",
            "history",
            "why",
            "dispatcher",
        ],
        "it reads by `history` and published states, and acts through handles; of `store` only the audit and the answers that are kept, of `policy` only what holds a \
         coming time back, of `text` only names, their patterns and lists of them; `faults` only under the feature",
    ),
    row(
        "wiring",
        &["clock", "grant", "schedule", "auth", "orchestrator"],
        "what a file means in the words of `auth` and `orchestrator`, for the daemon, `doctor` and commands alike",
    ),
    row(
        "daemon",
        &[
            "text",
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
            "wiring",
        ],
        "it opens, recovers and spawns; of `recurrence` only which zone database is in use; it does not know the sandbox, which is not part of \
         the product's way; `faults` only under the feature",
    ),
    row(
        "doctor",
        &[
            "text",
            "clock",
            "secret",
            "grant",
            "witness",
            "http",
            "schedule",
            "run",
            "faults",
            "auth",
            "orchestrator",
            "wiring",
        ],
        "it takes the way of a start apart, so it sees what a start goes through; `faults` only under the feature",
    ),
    row("sandbox", &["clock"], "it shares no code with the client, so it can prove it wrong"),
    row(
        "cli",
        &[
            "text",
            "clock",
            "secret",
            "witness",
            "recurrence",
            "schedule",
            "run",
            "policy",
            "auth",
            "store",
            "history",
            "why",
            "dispatcher",
            "lifecycle",
            "web",
            "wiring",
            "daemon",
            "doctor",
            "sandbox",
        ],
        "commands put the parts to use; it speaks to Orchestrator and to the database only through them; of `policy` only \
         what holds a coming time back; of `auth` what `login` and `token` do where no daemon runs; of `daemon` what the commands need that run one (`ONLY_FROM`)",
    ),
];

/// Imports that a row allows to a few of its module's files only: the module, what it imports, and the files.
const ONLY_FROM: &[(&str, &str, &[&str])] =
    // All other commands work next to a daemon or without one, and must not depend on what it is made of.
    &[("cli", "daemon", &["src/cli/daemon.rs", "src/cli/demo/mod.rs"])];

/// The files of `src/dispatcher/core`, lowest first, each with the reason for its place: a file may import only rows above it.
pub(crate) const CORE_ROWS: &[(&str, &str)] = &[
    ("wake", "a time, and nothing else"),
    ("folder_state", "how a folder is known, and nothing else"),
    ("flights", "calls under way name runs by their ids, not by what they are"),
    ("inquiry", "questions about a job, before there is a run to ask for"),
    ("progress", "one open run, which holds its inquiries"),
    ("link/budget", "how much may be asked, without knowing whom"),
    ("link/obstacle", "words for what keeps starts back, which health and clocks use"),
    ("link/targets", "where processes are; it does not matter whether the connection answers"),
    ("link/health", "its pauses are obstacles"),
    ("link/clocks", "clocks that differ are an obstacle"),
    ("link/mod", "one connection is made of the parts above it"),
    ("queue", "runs that wait, by the processes that targets know"),
    ("due", "it files runs by their progress, their flights and their queue"),
    ("ended", "what of runs that have ended still matters, by ids and instants alone"),
    ("book", "the open runs, each filed in `due` and `queue`"),
    ("counting", "which of the open runs count for overlap"),
    ("holding", "pauses, skipped times and windows as they are kept, each change of them noted in the book"),
    ("state", "all that is known; every rule below is a function of it"),
    ("run/mod", "it only declares the rules for one run"),
    ("run/finding", "what a page says, before anything follows from it"),
    ("run/verdict", "a table over findings; it changes nothing"),
    ("run/lists", "list calls are counted in one place, which whoever lists asks"),
    ("run/process", "the look for a process, which sending and warming up ask for"),
    ("run/reading", "what a read adds to an attempt; nothing follows from it yet"),
    ("run/ending", "each rule below may end a run, and no ending starts another rule"),
    ("run/next_attempt", "a job's end is the run's, or another attempt follows"),
    ("run/pile", "what an outage piled up ends in part"),
    ("run/pool", "who has a place and who waits for one; sending takes it"),
    ("run/unreadable", "jobs that may not be read end as `lost`"),
    ("run/folder", "a folder with a new number: its runs are unreadable until it is found"),
    ("run/short_folder", "where a short folder name led, for `found`"),
    ("run/proof", "what makes an empty answer count"),
    ("run/sweep", "one count after a repeated start"),
    ("run/cancel", "what is called off ends, and a job of it that shows up late is swept"),
    ("run/adopt", "a job that is taken is proof, and its Reference is swept"),
    ("run/settle", "a start is settled by a verdict, and then adopted or ended"),
    ("run/look_up", "it asks; the answers are heard one row below"),
    ("run/looked_up", "answers to look-ups settle starts"),
    ("run/polling", "which jobs are read when"),
    ("run/follow", "what was read, by which runs end"),
    ("run/crowd", "following for thousands, by the same rules as for one"),
    ("run/started", "an answer to a start adopts or ends"),
    ("run/stop", "a job is made to end, for whoever wants it"),
    ("run/overlap", "a run that waits for an older one has it polled"),
    ("run/deadline", "a deadline ends"),
    ("run/holding", "what keeps a run back is asked before it is sent"),
    ("run/failing", "a row of failures begins a pause, which is looked at like any other"),
    ("run/send", "whatever must have been asked before a start is above it"),
    ("run/found", "what the look for a process came to, for those that wait to be sent"),
    ("run/trial", "a read that tells whether the connection answers"),
    ("run/elsewhere", "a connection that leads to another tenant ends its runs"),
    ("set/mod", "it only declares the rules for the whole set"),
    ("set/new_run", "the row of a time, from the schedule alone"),
    ("set/planning", "what decides when schedules are due"),
    ("set/window", "a run that was just claimed may wait for the end of a window"),
    ("set/claim", "due times become runs, which overlap may end at once"),
    ("set/jumps", "after a jump it is planned anew"),
    ("set/recall", "after a lost database: planned times are looked for, and jobs adopted"),
    ("set/reload", "a new set claims, and ends what is recalled"),
    ("set/warm_up", "planned times have their processes looked up"),
    ("recover", "a life begins by the rules for runs and the set"),
    ("succession", "a core that hands over reads on, and loads what the old one had loaded"),
    ("holding_command", "people pause by the same rules as a row of failures"),
    ("by_hand", "what people start goes by the same rules as a due time"),
    ("start_command", "people start what the file says now"),
    ("retry_command", "people have a run repeated that has ended, or an attempt made at once"),
    ("backfill_command", "people start what a time of the past has missed"),
    ("stop_command", "people stop by the same rules as a time-out"),
    ("answer", "what people are told, whatever they asked for"),
    ("command", "people act by the same rules"),
    ("report", "answers are handed to the rules that asked"),
    ("mod", "the order of a turn, which calls all others"),
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
        let only = ONLY_FROM.iter().find(|(module, import, _)| *module == own && *import == name);
        if let Some((_, _, files)) = only
            && !files.iter().any(|file| source.path.ends_with(file))
        {
            findings.push(source.finding(at, &format!("`{own}` imports `{name}` only from {}", files.join(", "))));
        }
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
