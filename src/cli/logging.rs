//! The daemon's log: lines on stderr, or entries of the journal, through a filter that can be changed while it runs.
//!
//! A level that cannot be read is said in the log itself and changes nothing else: a typing mistake in a unit's drop-in must keep no
//! payroll from starting.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use super::args::LogFormat;
use super::journal::{self, Journal, Stderr};
use crate::web::{Directives, LogLevel};

/// The variable that says how much is logged.
const VARIABLE: &str = "PUNCTUAL_LOG";

/// The filter of this process's log.
#[derive(Debug)]
struct Filter {
    handle: reload::Handle<EnvFilter, Registry>,
    asked: Mutex<String>,
}

impl LogLevel for Filter {
    fn asked(&self) -> String {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, asked: &str, understood: &Directives) -> Result<(), String> {
        let set = self.handle.reload(EnvFilter::new(&understood.filter));
        set.map_err(|cause| format!("the log's filter could not be changed: {cause}"))?;
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = asked.to_owned();
        Ok(())
    }
}

/// Info and above, unless `PUNCTUAL_LOG` says otherwise.
pub(super) fn begin(format: LogFormat) -> Arc<dyn LogLevel> {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let understood = Directives::read(&asked);
    let (filter, handle) = reload::Layer::new(EnvFilter::new(&understood.filter));
    // Whoever reads the log may have gone. Telling that on the same broken pipe would be a panic in whatever logs next.
    let text = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false).with_target(false);
    let lines = match (format, journal::stderr()) {
        (LogFormat::Json, Stderr::Other) => text.json().with_target(true).boxed(),
        (LogFormat::Json, Stderr::Journal) => text.json().with_target(true).map_event_format(Journal::here).boxed(),
        // journald stamps its lines itself.
        (LogFormat::Text, Stderr::Journal) => {
            text.without_time().with_ansi(false).map_event_format(Journal::here).boxed()
        }
        (LogFormat::Text, Stderr::Other) => text.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    // A test may have set one already.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    let left = match understood.mistakes.len() {
        0 => "",
        _ if understood.filter == Directives::read("").filter => "; it is logged at `info`",
        _ => "; the rest of it holds",
    };
    for mistake in &understood.mistakes {
        tracing::warn!(
            "In {VARIABLE}={asked} {mistake}{left}; `punctual log LEVEL` changes it while the daemon runs, for a service \
             `systemctl edit punctual` for good"
        );
    }
    Arc::new(Filter { handle, asked: Mutex::new(asked) })
}
