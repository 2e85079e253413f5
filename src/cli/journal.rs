//! The priority of each line that goes to systemd's journal (semantics.md 42).
//!
//! What a service writes to stderr reaches the journal as "info", whatever it says, unless a line begins with its priority in
//! angle brackets (sd-daemon(3)). Then `journalctl -p err` finds the errors, and whoever watches a machine's journal sees them. The
//! journal's own socket would need a crate and would take a line's fields out of its text.
//!
//! A run that ends badly is logged at info, for its connection and its schedule are as they should be; here it is a notice.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stderr {
    /// The journal of this machine.
    Journal,
    /// A terminal, a file, a pipe.
    Other,
}

/// systemd names in `JOURNAL_STREAM` what it connected; a child whose stderr was led elsewhere still has the variable.
pub(super) fn is_stderr() -> Stderr {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return Stderr::Other };
    if stream == format!("{}:{}", stat.st_dev, stat.st_ino) { Stderr::Journal } else { Stderr::Other }
}

/// Writes what another format writes, with a priority in front of every line.
#[derive(Debug)]
pub(super) struct WithPriority<F>(F);

impl<F> WithPriority<F> {
    pub(super) fn new(format: F) -> WithPriority<F> {
        WithPriority(format)
    }
}

impl<S, N, F> FormatEvent<S, N> for WithPriority<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        self.0.format_event(context, Writer::new(&mut text), event)?;
        let priority = priority(event);
        for line in text.lines() {
            writeln!(writer, "<{priority}>{line}")?;
        }
        Ok(())
    }
}

/// As in syslog(3).
fn priority(event: &Event<'_>) -> u8 {
    const ERROR: u8 = 3;
    const WARNING: u8 = 4;
    const NOTICE: u8 = 5;
    const INFO: u8 = 6;
    const DEBUG: u8 = 7;
    match *event.metadata().level() {
        Level::ERROR => ERROR,
        Level::WARN => WARNING,
        Level::INFO if ends_badly(event) => NOTICE,
        Level::INFO => INFO,
        Level::DEBUG | Level::TRACE => DEBUG,
    }
}

fn ends_badly(event: &Event<'_>) -> bool {
    let mut state = State::default();
    event.record(&mut state);
    // A reason may follow.
    matches!(
        state.0.split(':').next().unwrap_or_default(),
        "faulted" | "stopped" | "timed_out" | "rejected" | "lost" | "missed" | "held"
    )
}

/// The field `state` of a line about a run.
#[derive(Default)]
struct State(String);

impl Visit for State {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "state" {
            self.0 = format!("{value:?}");
        }
    }
}
