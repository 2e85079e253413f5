//! Asks a person whether something is to be done that cannot be taken back.

use std::io::{self, BufRead, IsTerminal, Write};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreed {
    Yes,
    No,
    /// No terminal: nobody can be asked.
    Nobody,
}

/// # Errors
/// The terminal has gone.
pub(super) fn agree(question: &str) -> io::Result<Agreed> {
    if !io::stdin().is_terminal() {
        return Ok(Agreed::Nobody);
    }
    let mut err = anstream::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") { Agreed::Yes } else { Agreed::No })
}
