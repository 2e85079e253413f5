//! Pieces of a pattern that know where they stand, and what is wrong with one.

use std::ops::Range;

/// A cron pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The bytes of the pattern that are wrong.
    pub span: Option<Range<usize>>,
}

/// A piece of the pattern, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Its first byte in the pattern.
    pub(super) at: usize,
}

impl<'a> Word<'a> {
    pub(super) fn trim_start(self) -> Word<'a> {
        self.skip(self.text.len() - self.text.trim_start().len())
    }

    pub(super) fn skip(self, bytes: usize) -> Word<'a> {
        Word { text: &self.text[bytes..], at: self.at + bytes }
    }

    pub(super) fn cut(self, bytes: usize) -> Word<'a> {
        Word { text: &self.text[..bytes], at: self.at }
    }

    pub(super) fn split_once(self, mark: char) -> Option<(Word<'a>, Word<'a>)> {
        let place = self.text.find(mark)?;
        Some((self.cut(place), self.skip(place + mark.len_utf8())))
    }

    pub(super) fn is(self, text: &str) -> bool {
        self.text.eq_ignore_ascii_case(text)
    }

    pub(super) fn refuse(self, message: String, hint: impl Into<Option<String>>) -> PatternError {
        PatternError { message, hint: hint.into(), span: Some(self.at..self.at + self.text.len()) }
    }
}
