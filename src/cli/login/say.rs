//! What a person is told during a login. Everything but data goes to stderr.

use std::io::Write;

/// One line, or several.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
