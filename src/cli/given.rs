//! Keeps `--config` and `--state-dir` in the commands that a cure or a hint prints.
//!
//! Cures are made where nobody knows how this command was called; printed without the options, a command would examine or log in to
//! another installation. They are global options, so they may follow the subcommand's name wherever that is.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::args::Global;
use crate::doctor::Step;

/// The subcommands that cures name.
const COMMANDS: [&str; 20] = [
    "audit", "backfill", "check", "daemon", "doctor", "login", "next", "pause", "reload", "resolve", "resume", "retry",
    "runs", "show", "skip", "start", "status", "stop", "token", "why",
];

/// Those of them that read the schedule files; the others ask the daemon, or its database.
const READ_FILES: [&str; 7] = ["check", "daemon", "doctor", "login", "next", "token", "why"];

/// The options that were given, by option or by variable.
pub(super) struct Given {
    config: Vec<PathBuf>,
    /// What is read where no option names it; in another folder that would be something else.
    found: Vec<PathBuf>,
    state_dir: Option<PathBuf>,
}

impl Given {
    pub(super) fn of(global: &Global) -> Given {
        let mut found = global.config_paths();
        found.retain(|path| path.is_relative());
        Given { config: global.config.clone(), found, state_dir: global.state_dir.clone() }
    }

    /// The step, with the options in every command of its cure.
    pub(super) fn in_step(&self, step: &Step) -> Step {
        Step { cure: step.cure.as_deref().map(|cure| self.in_text(cure)), ..step.clone() }
    }

    /// Commands are between backticks.
    pub(super) fn in_text(&self, text: &str) -> String {
        let parts = text.split('`').enumerate();
        let parts = parts.map(|(n, part)| if n % 2 == 1 { self.in_command(part) } else { part.to_owned() });
        parts.collect::<Vec<_>>().join("`")
    }

    fn everywhere(&self) -> &[PathBuf] {
        if self.config.is_empty() { &self.found } else { &self.config }
    }

    fn in_command(&self, command: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let called = words.windows(2).position(|pair| pair[0] == "punctual" && COMMANDS.contains(&pair[1]));
        let Some(called) = called else { return command.to_owned() };
        // systemd starts it in another folder.
        let elsewhere = words[..called].contains(&"systemd-run");
        let mut options = String::new();
        if READ_FILES.contains(&words[called + 1]) && !words.contains(&"--config") {
            for path in if elsewhere { self.everywhere() } else { &self.config } {
                let _ = write!(options, " --config {}", written(path, elsewhere));
            }
        }
        if let Some(path) = self.state_dir.as_ref().filter(|_| !words.contains(&"--state-dir")) {
            let _ = write!(options, " --state-dir {}", written(path, elsewhere));
        }
        let (before, after) = words.split_at(called + 2);
        let after = after.iter().map(|word| format!(" {word}")).collect::<String>();
        format!("{}{options}{after}", before.join(" "))
    }
}

/// As a shell takes it.
fn written(path: &Path, elsewhere: bool) -> String {
    let path = match elsewhere {
        true => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        false => path.to_owned(),
    };
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | '@' | '%' | ':' | '=');
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
