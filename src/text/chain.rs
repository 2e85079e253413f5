//! Errors with their causes.

use std::error::Error;
use std::iter::successors;

/// The causes below an error, outermost first.
pub fn causes<'e>(error: &'e (dyn Error + 'e)) -> impl Iterator<Item = &'e (dyn Error + 'static)> + 'e {
    successors(error.source(), |cause| (*cause).source())
}

/// What an error comes from in the end, in that cause's words; its own where it names no cause. For libraries whose outer errors
/// repeat an address, or say only that something failed.
pub fn innermost(error: &dyn Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// An error with all its causes, for one line. Libraries that repeat a cause in their own text get it once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
