//! Where schedule files and the state folder are, and reading the files for any command.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::Global;
use super::failure::{Exit, Failure};
use crate::schedule::{Diagnostic, Invalid, Loaded, Paint, load, render};

impl Global {
    /// The files and folders to read, in the order of cli.md.
    pub(super) fn config_paths(&self) -> Vec<PathBuf> {
        if !self.config.is_empty() {
            return self.config.clone();
        }
        let here = PathBuf::from("schedules.yaml");
        if here.exists() { vec![here] } else { vec![PathBuf::from("/etc/punctual")] }
    }

    /// The state folder, in the order of cli.md.
    pub(super) fn state_dir(&self) -> PathBuf {
        if let Some(given) = &self.state_dir {
            return given.clone();
        }
        // systemd gives a list when there are several state directories; the first is ours.
        if let Some(first) = std::env::var("STATE_DIRECTORY").ok().and_then(|list| {
            let first = list.split(':').next()?.to_owned();
            (!first.is_empty()).then_some(first)
        }) {
            return PathBuf::from(first);
        }
        if rustix::process::geteuid().is_root() {
            return PathBuf::from("/var/lib/punctual");
        }
        let home = std::env::var_os("XDG_STATE_HOME")
            .filter(|path| Path::new(path).is_absolute())
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state")));
        home.unwrap_or_else(|| PathBuf::from(".")).join("punctual")
    }
}

/// Reads and checks the files; prints warnings, or every mistake.
pub(super) fn load_or_tell(global: &Global, now: Timestamp) -> Result<Loaded, Failure> {
    let paths = global.config_paths();
    match load(&paths, now) {
        Ok(loaded) => {
            tell(&loaded.warnings);
            Ok(loaded)
        }
        Err(Invalid { diagnostics }) => {
            tell(&diagnostics);
            Err(Failure::told(Exit::Usage))
        }
    }
}

/// Prints diagnostics to stderr.
pub(super) fn tell(diagnostics: &[Diagnostic]) {
    use std::io::Write;
    if !diagnostics.is_empty() {
        // anstream takes the colours off where they are not wanted.
        let _ = writeln!(anstream::stderr().lock(), "{}", render(diagnostics, Paint::Colored));
    }
}
