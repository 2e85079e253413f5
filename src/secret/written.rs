//! A secret as people write it down, and the value that they mean.
//!
//! Editors add line breaks, Windows a byte order mark or two bytes a character, `.env` files a name, and whoever copies an answer
//! copies its JSON. What cannot be meant is taken off; what may be meant stays and is named as an oddity, since a password
//! may well begin with a quote. A token is made by a server of visible characters (RFC 6749, A.12, A.17), so little can be
//! meant in one; a client secret is made so too, but from all of ASCII, quotes included (A.2).
//!
//! Nothing here says any part of a value, only what it looks like.

use std::fmt;

use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};

use super::Purpose;
use super::signs::{Sign, first_sign, is_sign};
use super::value::Secret;

/// A shorter secret cannot be masked without hiding half of every text.
pub const SHORTEST_SECRET: usize = 8;

/// What may be meant, and most often is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The same quote first and last.
    Quotes,
    /// A blank first or last.
    OuterBlank,
    /// A blank inside.
    InnerBlank,
    /// `Bearer` first.
    Bearer,
    /// `NAME=value`.
    Named,
    /// Curly brackets around it.
    Json,
    /// What no server makes a token or a client secret of.
    NotAscii,
    /// A character that a program put there: a typographic quote, a blank that looks like nothing.
    Sign(Sign),
    /// A password that cannot be masked well: so many characters.
    Short(usize),
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Oddity::Quotes => f.write_str("the value has a quote at both ends"),
            Oddity::OuterBlank => f.write_str("the value has a blank at an end"),
            Oddity::InnerBlank => f.write_str("the value has a blank inside"),
            Oddity::Bearer => f.write_str("the value begins with `Bearer`"),
            Oddity::Named => f.write_str("the value looks like `NAME=value`"),
            Oddity::Json => f.write_str("the value has curly brackets around it"),
            Oddity::NotAscii => f.write_str("the value has characters outside of ASCII"),
            Oddity::Sign(sign) => write!(f, "the value has {sign}"),
            Oddity::Short(length) => {
                write!(
                    f,
                    "the value has {length} characters; below {SHORTEST_SECRET} it cannot be masked in every text"
                )
            }
        }
    }
}

/// What was taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleaned {
    /// UTF-8's, as Notepad writes it.
    ByteOrderMark,
    /// PowerShell's `>`.
    Utf16,
    /// Blanks at the ends, blank lines, comments.
    Blanks,
    /// JSON around it.
    Json,
    /// `NAME=` before it.
    Name,
    /// `Bearer` before it.
    Bearer,
    /// Quotes around it.
    Quotes,
}

impl fmt::Display for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cleaned::ByteOrderMark => "a byte order mark",
            Cleaned::Utf16 => "UTF-16",
            Cleaned::Blanks => "blanks around it",
            Cleaned::Json => "the JSON around it",
            Cleaned::Name => "the name before it",
            Cleaned::Bearer => "`Bearer` before it",
            Cleaned::Quotes => "the quotes around it",
        })
    }
}

/// A value as it will be sent.
#[derive(Clone, Debug)]
pub struct Written {
    /// The value.
    pub secret: Secret,
    /// What was taken off. Line breaks at the end are not told: everybody has them.
    pub cleaned: Vec<Cleaned>,
    /// What was left and may be wrong.
    pub odd: Vec<Oddity>,
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// Nothing but blanks.
    #[error("empty")]
    Empty,
    /// Neither UTF-8 nor UTF-16.
    #[error("not text")]
    NotText,
    /// Zero bytes in it.
    #[error("not text: it has zero bytes, as UTF-16 without a byte order mark has")]
    ZeroBytes,
    /// Which line is meant is not clear.
    #[error("more than one line; write the value alone")]
    Lines,
    /// None of the members is the secret.
    #[error("a JSON text without the value in it; write the value alone")]
    Json,
    /// It could not be masked.
    #[error(
        "too short: it has {length} of at least {SHORTEST_SECRET} characters, and a shorter one cannot be kept out of logs without \
         hiding half of every text; copy it whole, or have a longer one made"
    )]
    Short {
        /// Its length in characters.
        length: usize,
    },
}

/// Finds the value in what was read or typed.
///
/// # Errors
/// There is none, or it cannot be told which part is meant.
pub fn written(bytes: &[u8], purpose: Purpose) -> Result<Written, NotWritten> {
    let mut reader = Reader { purpose, cleaned: Vec::new() };
    let text = reader.text(bytes)?;
    let value = reader.value(&text)?;
    let odd = oddities(&value, purpose);
    let length = value.chars().count();
    if length < SHORTEST_SECRET && purpose != Purpose::Password {
        return Err(NotWritten::Short { length });
    }
    Ok(Written { secret: Secret::new(value.as_str()), cleaned: reader.cleaned, odd })
}

struct Reader {
    purpose: Purpose,
    cleaned: Vec<Cleaned>,
}

impl Reader {
    fn text(&mut self, bytes: &[u8]) -> Result<Zeroizing<String>, NotWritten> {
        let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let (pairs, []) = bytes.as_chunks::<2>() else { return Err(NotWritten::NotText) };
            let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>();
            text.map(Zeroizing::new).map_err(|_| NotWritten::NotText)
        };
        let text = match bytes {
            [0xFF, 0xFE, rest @ ..] => {
                self.cleaned.push(Cleaned::Utf16);
                wide(rest, u16::from_le_bytes)?
            }
            [0xFE, 0xFF, rest @ ..] => {
                self.cleaned.push(Cleaned::Utf16);
                wide(rest, u16::from_be_bytes)?
            }
            _ => Zeroizing::new(std::str::from_utf8(bytes).map_err(|_| NotWritten::NotText)?.to_owned()),
        };
        if text.contains('\0') {
            return Err(NotWritten::ZeroBytes);
        }
        match text.strip_prefix('\u{feff}') {
            Some(rest) => {
                self.cleaned.push(Cleaned::ByteOrderMark);
                Ok(Zeroizing::new(rest.to_owned()))
            }
            None => Ok(text),
        }
    }

    fn value(&mut self, text: &str) -> Result<Zeroizing<String>, NotWritten> {
        let text = self.bare(text)?;
        if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) {
            return self.member(&object);
        }
        let line = self.one_line(text)?;
        let line = self.without_name(line);
        let line = self.without_bearer(line);
        let line = self.without_quotes(line);
        if line.is_empty() { Err(NotWritten::Empty) } else { Ok(Zeroizing::new(line.to_owned())) }
    }

    /// Without blank lines around it, and without blanks, which only a password may mean.
    fn bare<'a>(&mut self, text: &'a str) -> Result<&'a str, NotWritten> {
        let lines = text.trim_end_matches(['\r', '\n']);
        let blank = |line: &str| line.trim().is_empty();
        let start: usize = lines.split_inclusive('\n').take_while(|line| blank(line)).map(str::len).sum();
        let end: usize = lines.split_inclusive('\n').rev().take_while(|line| blank(line)).map(str::len).sum();
        // All of it is blank.
        if start + end >= lines.len() && lines.trim().is_empty() {
            return Err(NotWritten::Empty);
        }
        let inner = lines[start..lines.len() - end].trim_end_matches(['\r', '\n']);
        let bare = match self.purpose {
            Purpose::Password => inner,
            Purpose::ClientSecret | Purpose::RefreshToken | Purpose::PersonalToken => inner.trim_matches(is_blank),
        };
        if bare.len() < lines.len() {
            self.cleaned.push(Cleaned::Blanks);
        }
        if bare.is_empty() { Err(NotWritten::Empty) } else { Ok(bare) }
    }

    fn member(&mut self, object: &Map<String, Value>) -> Result<Zeroizing<String>, NotWritten> {
        let named = self.purpose.names().iter().find_map(|name| object.get(*name).and_then(Value::as_str));
        self.cleaned.push(Cleaned::Json);
        match named {
            Some("") => Err(NotWritten::Empty),
            Some(value) => Ok(Zeroizing::new(value.to_owned())),
            None => Err(NotWritten::Json),
        }
    }

    /// Comments and other settings of an `.env` file are none of the value.
    fn one_line<'a>(&mut self, text: &'a str) -> Result<&'a str, NotWritten> {
        if !text.contains(['\n', '\r']) {
            return Ok(text);
        }
        let says = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let lines: Vec<&str> = text.lines().filter(says).collect();
        let named = |line: &&&str| assigned(line).is_some_and(|(name, _)| self.is_its_name(name));
        let line = match lines.as_slice() {
            [only] => *only,
            lines => match lines.iter().filter(named).collect::<Vec<_>>().as_slice() {
                [only] => **only,
                _ => return Err(NotWritten::Lines),
            },
        };
        self.cleaned.push(Cleaned::Blanks);
        Ok(line.trim_matches(is_blank))
    }

    /// Whether a setting of this name holds such a secret: `UIPATH_CLIENT_SECRET`, `refreshToken`.
    fn is_its_name(&self, name: &str) -> bool {
        let plain = |name: &str| name.replace(['_', '-', '.'], "").to_ascii_lowercase();
        let name = plain(name);
        self.purpose.names().iter().any(|own| name.ends_with(&plain(own))) || name == "authorization"
    }

    fn without_name<'a>(&mut self, line: &'a str) -> &'a str {
        match assigned(line) {
            Some((name, value)) if self.is_its_name(name) && self.purpose != Purpose::Password => {
                self.cleaned.push(Cleaned::Name);
                // Here the quotes belong to the file's form, whatever they are around.
                unquoted(value).unwrap_or(value)
            }
            Some(_) | None => line,
        }
    }

    fn without_bearer<'a>(&mut self, line: &'a str) -> &'a str {
        match self.purpose {
            Purpose::RefreshToken | Purpose::PersonalToken => match after_bearer(line) {
                Some(token) => {
                    self.cleaned.push(Cleaned::Bearer);
                    token
                }
                None => line,
            },
            Purpose::ClientSecret | Purpose::Password => line,
        }
    }

    fn without_quotes<'a>(&mut self, line: &'a str) -> &'a str {
        match self.purpose {
            Purpose::RefreshToken | Purpose::PersonalToken => match unquoted(line) {
                Some(token) => {
                    self.cleaned.push(Cleaned::Quotes);
                    after_bearer(token).unwrap_or(token)
                }
                None => line,
            },
            Purpose::ClientSecret | Purpose::Password => line,
        }
    }
}

fn oddities(value: &str, purpose: Purpose) -> Vec<Oddity> {
    let visible = match purpose {
        Purpose::Password => true,
        Purpose::ClientSecret | Purpose::RefreshToken | Purpose::PersonalToken => {
            value.chars().all(|c| c.is_ascii() || is_sign(c))
        }
    };
    let length = value.chars().count();
    let inner_blank = purpose != Purpose::Password && value.trim().contains(|c: char| c.is_whitespace() && !is_sign(c));
    let named = assigned(value).is_some_and(|(name, _)| {
        name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            || (Reader { purpose, cleaned: Vec::new() }).is_its_name(name)
    });
    let found = [
        (unquoted(value).is_some(), Oddity::Quotes),
        (value.starts_with(is_blank) || value.ends_with(is_blank), Oddity::OuterBlank),
        (inner_blank, Oddity::InnerBlank),
        (after_bearer(value).is_some(), Oddity::Bearer),
        (named, Oddity::Named),
        (value.starts_with('{') && value.ends_with('}'), Oddity::Json),
        (!visible, Oddity::NotAscii),
        (length < SHORTEST_SECRET, Oddity::Short(length)),
    ];
    let sign = first_sign(value).map(Oddity::Sign);
    found.into_iter().filter(|(is, _)| *is).map(|(_, oddity)| oddity).chain(sign).collect()
}

/// Also what web pages put next to a value that is copied.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn after_bearer(text: &str) -> Option<&str> {
    let (word, token) = text.split_once(char::is_whitespace)?;
    word.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(is_blank))
}

fn unquoted(text: &str) -> Option<&str> {
    let pairs = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')];
    let inner = pairs.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    inner.filter(|inner| !inner.is_empty())
}

/// `NAME=value`, `export NAME=value`, `name: value`.
fn assigned(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let length = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))?;
    let (name, rest) = line.split_at(length);
    let rest = rest.trim_start();
    let value = rest.strip_prefix('=').or_else(|| rest.strip_prefix(": "))?;
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins && !value.trim().is_empty()).then(|| (name, value.trim_matches(is_blank)))
}
