//! Entries for systemd's journal, with their priority and what they are about (semantics.md 42).
//!
//! What a service writes to stderr reaches the journal as "info", whatever it says. So where stderr is the journal, each line goes to
//! journald's own socket as one entry (its native protocol: a datagram with `NAME=value` lines), with its priority, and with the
//! schedule, run, connection and state that it is about: `journalctl PUNCTUAL_SCHEDULE=payroll` finds them. The text of a line is
//! the same as ever.
//!
//! By hand, in these lines: tracing-journald gives each level one priority, while a run that ends badly is a notice among lines of
//! info, and its names for fields would be those of the code. An entry that the socket does not take (too long for a datagram,
//! journald away) goes to stderr with its priority in angle brackets in front (sd-daemon(3)), as all did before.
//!
//! A run that ends badly is logged at info, for its connection and its schedule are as they should be; here it is a notice.

use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Where journald listens (its protocol names the place).
const SOCKET: &str = "/run/systemd/journal/socket";

/// What stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stderr {
    /// The journal of this machine.
    Journal,
    /// A terminal, a file, a pipe.
    Other,
}

/// systemd names in `JOURNAL_STREAM` what it connected; a child whose stderr was led elsewhere still has the variable.
pub(super) fn stderr() -> Stderr {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return Stderr::Other };
    if stream == format!("{}:{}", stat.st_dev, stat.st_ino) { Stderr::Journal } else { Stderr::Other }
}

/// Sends what another format writes to the journal, and writes it with a priority where that cannot be.
#[derive(Debug)]
pub struct Journal<F> {
    format: F,
    /// None: this process can make no socket.
    socket: Option<UnixDatagram>,
    place: PathBuf,
}

impl<F> Journal<F> {
    pub(super) fn here(format: F) -> Journal<F> {
        Journal::at(format, PathBuf::from(SOCKET))
    }

    /// To a socket elsewhere, for tests.
    pub fn at(format: F, place: PathBuf) -> Journal<F> {
        Journal { format, socket: UnixDatagram::unbound().ok(), place }
    }

    fn send(&self, about: &About, priority: u8, text: &str) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Err(io::ErrorKind::NotConnected.into()) };
        // By its path each time: journald may have been started anew.
        socket.send_to(&entry(about, priority, text), &self.place).map(|_| ())
    }
}

impl<S, N, F> FormatEvent<S, N> for Journal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        self.format.format_event(context, Writer::new(&mut text), event)?;
        let mut about = About::default();
        event.record(&mut about);
        let priority = priority(*event.metadata().level(), &about);
        let text = text.trim_end_matches('\n');
        if self.send(&about, priority, text).is_ok() {
            return Ok(());
        }
        for line in text.lines() {
            writeln!(writer, "<{priority}>{line}")?;
        }
        Ok(())
    }
}

/// As in syslog(3).
fn priority(level: Level, about: &About) -> u8 {
    const ERROR: u8 = 3;
    const WARNING: u8 = 4;
    const NOTICE: u8 = 5;
    const INFO: u8 = 6;
    const DEBUG: u8 = 7;
    match level {
        Level::ERROR => ERROR,
        Level::WARN => WARNING,
        Level::INFO if about.ends_badly() => NOTICE,
        Level::INFO => INFO,
        Level::DEBUG | Level::TRACE => DEBUG,
    }
}

/// What a line is about, by the names of its fields in the log.
#[derive(Debug, Default)]
struct About {
    schedule: Option<String>,
    run: Option<String>,
    connection: Option<String>,
    state: Option<String>,
}

impl About {
    fn ends_badly(&self) -> bool {
        // A reason may follow.
        matches!(
            self.state.as_deref().unwrap_or_default().split(':').next().unwrap_or_default(),
            "faulted" | "stopped" | "timed_out" | "rejected" | "lost" | "missed" | "held"
        )
    }

    fn keep(&mut self, field: &Field, value: String) {
        match field.name() {
            "schedule" => self.schedule = Some(value),
            "run.id" => self.run = Some(value),
            "connection" => self.connection = Some(value),
            "state" => self.state = Some(value),
            _ => {}
        }
    }
}

impl Visit for About {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, format!("{value:?}"));
    }
}

/// One entry, as journald reads it.
fn entry(about: &About, priority: u8, text: &str) -> Vec<u8> {
    let About { schedule, run, connection, state } = about;
    let priority = priority.to_string();
    let fields = [
        ("PRIORITY", Some(priority.as_str())),
        ("SYSLOG_IDENTIFIER", Some("punctual")),
        ("PUNCTUAL_SCHEDULE", schedule.as_deref()),
        ("PUNCTUAL_RUN", run.as_deref()),
        ("PUNCTUAL_CONNECTION", connection.as_deref()),
        ("PUNCTUAL_STATE", state.as_deref()),
        ("MESSAGE", Some(text)),
    ];
    let mut entry = Vec::with_capacity(text.len() + 256);
    for (name, value) in fields {
        let Some(value) = value else { continue };
        entry.extend_from_slice(name.as_bytes());
        // A line break would end the value, and let a text from elsewhere write fields of its own.
        if value.contains('\n') {
            entry.push(b'\n');
            entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            entry.push(b'=');
        }
        entry.extend_from_slice(value.as_bytes());
        entry.push(b'\n');
    }
    entry
}
