//! Where schedule files and the state folder are, and reading the files for any command.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::Global;
use super::failure::{Exit, Failure};
use crate::auth::tokens_folder;
use crate::schedule::{Diagnostic, Invalid, Loaded, Paint, load, render};

impl Global {
    /// The files and folders to read, in the order that `--help` tells.
    pub(super) fn config_paths(&self) -> Vec<PathBuf> {
        if !self.config.is_empty() {
            return self.config.clone();
        }
        let here = PathBuf::from("schedules.yaml");
        if here.exists() { vec![here] } else { vec![PathBuf::from("/etc/punctual")] }
    }

    /// The state folder, in the order that `--help` tells.
    pub(super) fn state_dir(&self) -> PathBuf {
        if let Some(given) = &self.state_dir {
            return given.clone();
        }
        if let Some(folder) = first_listed("STATE_DIRECTORY") {
            return folder;
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

/// systemd gives a list when there are several folders of a kind; the first is ours.
fn first_listed(variable: &str) -> Option<PathBuf> {
    let list = std::env::var(variable).ok()?;
    let first = list.split(':').next()?;
    (!first.is_empty()).then(|| PathBuf::from(first))
}

/// The name of the control socket in its folder.
const SOCKET: &str = "punctual.sock";

/// Where a service's socket is: the unit's `RuntimeDirectory=punctual`.
const SERVICE_SOCKET: &str = "/run/punctual/punctual.sock";

impl Global {
    /// Where tokens and what logins keep are.
    pub(super) fn tokens_dir(&self) -> PathBuf {
        tokens_folder(&self.state_dir())
    }

    /// Where a daemon makes its control socket. A state folder that is named has its own next to it, so that two daemons of
    /// one user do not meet.
    pub(super) fn socket(&self) -> PathBuf {
        if let Some(given) = &self.socket {
            return given.clone();
        }
        if self.state_dir.is_some() {
            return self.state_dir().join(SOCKET);
        }
        if let Some(folder) = first_listed("RUNTIME_DIRECTORY") {
            return folder.join(SOCKET);
        }
        if rustix::process::geteuid().is_root() {
            return PathBuf::from(SERVICE_SOCKET);
        }
        self.state_dir().join(SOCKET)
    }

    /// Where a daemon may answer. Without a word about it, a member of the service's group means the service.
    pub(super) fn sockets(&self) -> Vec<PathBuf> {
        let mut places = vec![self.socket()];
        if self.socket.is_none() && self.state_dir.is_none() {
            let own = self.state_dir();
            let has_own = own.is_dir();
            places.push(own.join(SOCKET));
            // Who has a state folder means that one, whether its daemon runs or not.
            let service = PathBuf::from(SERVICE_SOCKET);
            if !has_own && !places.contains(&service) {
                places.push(service);
            }
        }
        places.dedup();
        places
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
