//! Characters that text programs, chats and web pages put in the place of those that were typed, by their Unicode names.
//!
//! They look like nothing, like a blank, a quote or a hyphen, and no server makes an id, a scope or a token of them: what holds one
//! was copied from a document. None is `ü` or `é`, which a person may well mean.
//!
//! Names are those of the Unicode Character Database (UnicodeData.txt).

use std::fmt;
use std::ops::Range;

/// What stands in its place when the value is written as it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Nothing,
    Blank,
    Hyphen,
}

const SIGNS: [(char, &str, Meant); 45] = [
    ('\u{a0}', "NO-BREAK SPACE", Meant::Blank),
    ('\u{ab}', "LEFT-POINTING DOUBLE ANGLE QUOTATION MARK", Meant::Nothing),
    ('\u{ad}', "SOFT HYPHEN", Meant::Nothing),
    ('\u{bb}', "RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK", Meant::Nothing),
    ('\u{1680}', "OGHAM SPACE MARK", Meant::Blank),
    ('\u{180e}', "MONGOLIAN VOWEL SEPARATOR", Meant::Nothing),
    ('\u{2000}', "EN QUAD", Meant::Blank),
    ('\u{2001}', "EM QUAD", Meant::Blank),
    ('\u{2002}', "EN SPACE", Meant::Blank),
    ('\u{2003}', "EM SPACE", Meant::Blank),
    ('\u{2004}', "THREE-PER-EM SPACE", Meant::Blank),
    ('\u{2005}', "FOUR-PER-EM SPACE", Meant::Blank),
    ('\u{2006}', "SIX-PER-EM SPACE", Meant::Blank),
    ('\u{2007}', "FIGURE SPACE", Meant::Blank),
    ('\u{2008}', "PUNCTUATION SPACE", Meant::Blank),
    ('\u{2009}', "THIN SPACE", Meant::Blank),
    ('\u{200a}', "HAIR SPACE", Meant::Blank),
    ('\u{200b}', "ZERO WIDTH SPACE", Meant::Nothing),
    ('\u{200c}', "ZERO WIDTH NON-JOINER", Meant::Nothing),
    ('\u{200d}', "ZERO WIDTH JOINER", Meant::Nothing),
    ('\u{200e}', "LEFT-TO-RIGHT MARK", Meant::Nothing),
    ('\u{200f}', "RIGHT-TO-LEFT MARK", Meant::Nothing),
    ('\u{2010}', "HYPHEN", Meant::Hyphen),
    ('\u{2011}', "NON-BREAKING HYPHEN", Meant::Hyphen),
    ('\u{2012}', "FIGURE DASH", Meant::Hyphen),
    ('\u{2013}', "EN DASH", Meant::Hyphen),
    ('\u{2014}', "EM DASH", Meant::Hyphen),
    ('\u{2018}', "LEFT SINGLE QUOTATION MARK", Meant::Nothing),
    ('\u{2019}', "RIGHT SINGLE QUOTATION MARK", Meant::Nothing),
    ('\u{201a}', "SINGLE LOW-9 QUOTATION MARK", Meant::Nothing),
    ('\u{201b}', "SINGLE HIGH-REVERSED-9 QUOTATION MARK", Meant::Nothing),
    ('\u{201c}', "LEFT DOUBLE QUOTATION MARK", Meant::Nothing),
    ('\u{201d}', "RIGHT DOUBLE QUOTATION MARK", Meant::Nothing),
    ('\u{201e}', "DOUBLE LOW-9 QUOTATION MARK", Meant::Nothing),
    ('\u{201f}', "DOUBLE HIGH-REVERSED-9 QUOTATION MARK", Meant::Nothing),
    ('\u{202a}', "LEFT-TO-RIGHT EMBEDDING", Meant::Nothing),
    ('\u{202c}', "POP DIRECTIONAL FORMATTING", Meant::Nothing),
    ('\u{202f}', "NARROW NO-BREAK SPACE", Meant::Blank),
    ('\u{205f}', "MEDIUM MATHEMATICAL SPACE", Meant::Blank),
    ('\u{2060}', "WORD JOINER", Meant::Nothing),
    ('\u{2212}', "MINUS SIGN", Meant::Hyphen),
    ('\u{2068}', "FIRST STRONG ISOLATE", Meant::Nothing),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE", Meant::Nothing),
    ('\u{3000}', "IDEOGRAPHIC SPACE", Meant::Blank),
    ('\u{feff}', "ZERO WIDTH NO-BREAK SPACE", Meant::Nothing),
];

/// Such a character, and where it is in a value. Says nothing of the rest of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    code: char,
    name: &'static str,
    /// In characters of the value, counted from 1.
    position: usize,
    start: usize,
}

impl Sign {
    /// The bytes of the value that it takes.
    pub fn bytes(&self) -> Range<usize> {
        self.start..self.start + self.code.len_utf8()
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sign { code, name, position, start: _ } = self;
        write!(f, "the character {name} (U+{:04X}) at position {position}", u32::from(*code))
    }
}

fn known(c: char) -> Option<&'static (char, &'static str, Meant)> {
    // Most texts have nothing beyond ASCII.
    if c.is_ascii() { None } else { SIGNS.iter().find(|(sign, _, _)| *sign == c) }
}

/// What to do about one in a secret, wherever that is kept.
pub const SIGN_CURE: &str =
    "type that character anew, or take it out: programs for documents, chats and web pages put such characters in";

/// Whether a character is one of them.
pub(super) fn is_sign(c: char) -> bool {
    known(c).is_some()
}

/// The first of them in a value.
pub fn first_sign(value: &str) -> Option<Sign> {
    value.char_indices().enumerate().find_map(|(n, (start, c))| {
        let (code, name, _) = known(c)?;
        Some(Sign { code: *code, name, position: n + 1, start })
    })
}

/// The value as it was most likely meant: blanks as blanks, hyphens as hyphens, all else of them taken out.
pub fn without_signs(value: &str) -> String {
    let plain = |c: char| match known(c) {
        None => Some(c),
        Some((_, _, Meant::Blank)) => Some(' '),
        Some((_, _, Meant::Hyphen)) => Some('-'),
        Some((_, _, Meant::Nothing)) => None,
    };
    value.chars().filter_map(plain).collect()
}
