//! What is logged in the thread of a test.
//!
//! One subscriber for all threads, writing to a buffer of each: with a subscriber of one thread only, a log line that another
//! test's thread comes to first is switched off for all.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Logged;

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From here on all threads' lines are kept, down to this level; a second call changes nothing.
pub(crate) fn keep(level: tracing::Level) {
    static KEPT: Once = Once::new();
    KEPT.call_once(|| {
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(|| Logged).init();
    });
}

/// What this thread logged since the last call.
pub(crate) fn take() -> String {
    LOGGED.with_borrow_mut(|bytes| String::from_utf8_lossy(&std::mem::take(bytes)).into_owned())
}
