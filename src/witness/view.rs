//! A text as its readers may decode it, with the way back to where each character stood.
//!
//! A secret comes back as HTML, JSON, a form or an address has it, encoded whole, in part or twice, and no list of encoders
//! is complete. So the text is decoded instead: one step undoes every escape it finds, whichever encoder wrote it, and each
//! character keeps the bytes it was read from. Words in base64 or hex are read as the bytes that they stand for, at each
//! alignment, since what stands before a secret (`id:secret`) shifts its bytes.
//!
//! Absent: what is a secret (`masker` compares), and decoding for use: what is read here is thrown away again.

use std::ops::Range;

use secrecy::zeroize::DefaultIsZeroes;

use super::names::named;

/// Eight bytes in base64 are eleven characters.
const SHORTEST_BASE64: usize = 11;
/// Bytes in a list of numbers.
const SHORTEST_LIST: usize = 8;
/// Characters between two numbers of a list: a comma, and a new line with its indent.
const MOST_BETWEEN: usize = 20;
/// Eight bytes in hex.
const SHORTEST_HEX: usize = 16;
/// `&CounterClockwiseContourIntegral;` is the longest name there is; those that stand for one character of a secret are short.
const LONGEST_NAME: usize = 8;

/// A character, and the bytes of the text that it was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) c: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A secret is decoded too, and wiped.
impl DefaultIsZeroes for Seen {}

/// A byte, and the bytes of the text that it was read from.
type Byte = (u8, usize, usize);

/// The text as it is.
pub(super) fn plain(text: &str) -> Vec<Seen> {
    text.char_indices().map(|(start, c)| Seen { c, start, end: start + c.len_utf8() }).collect()
}

/// What escapes begin with.
pub(super) const SIGNS: [char; 3] = ['%', '&', '\\'];

/// One step of decoding of the escapes that begin so; none when there is nothing to decode.
pub(super) fn decoded(view: &[Seen], signs: &[char]) -> Option<Vec<Seen>> {
    decoded_by(view, signs, |rest| match rest[0].c {
        '%' | '\\' => escape(rest),
        '&' => reference(rest),
        _ => None,
    })
}

/// An encoding whose escapes mean something else elsewhere, or stand in every text, so that a text is read in it besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `=3D` of mail, and its lines that are broken by `=` (RFC 2045, 6.7). In an address, `=` stands before a value.
    QuotedPrintable,
    /// `\\075` or `\\75` of shells, C and `git`'s paths: bytes.
    Octal,
    /// `\\3d ` of style sheets (CSS Syntax 4.3.7): characters, with a blank that ends the number.
    Css,
}

impl Dialect {
    pub(super) const ALL: [Dialect; 3] = [Dialect::QuotedPrintable, Dialect::Octal, Dialect::Css];
}

/// The text in this dialect; none when nothing in it is.
pub(super) fn decoded_in(view: &[Seen], dialect: Dialect) -> Option<Vec<Seen>> {
    match dialect {
        Dialect::QuotedPrintable => decoded_by(view, &['='], quoted_printable),
        Dialect::Octal => decoded_by(view, &['\\'], octal),
        Dialect::Css => decoded_by(view, &['\\'], css),
    }
}

fn quoted_printable(rest: &[Seen]) -> Option<(What, usize)> {
    match (rest.get(1)?.c, rest.get(2).map(|seen| seen.c)) {
        ('\r', Some('\n')) => Some((What::Nothing, 3)),
        ('\n', _) => Some((What::Nothing, 2)),
        _ => Some((What::Byte(u8::try_from(number(rest.get(1..3)?, 16)?).ok()?), 3)),
    }
}

/// Three digits, or as many as make a byte: what is printed takes two below 64, and with a third one would be no byte.
fn octal(rest: &[Seen]) -> Option<(What, usize)> {
    let digits = rest[1..].iter().take(3).take_while(|seen| seen.c.is_digit(8)).count();
    (1..=digits).rev().find_map(|length| {
        let byte = u8::try_from(number(&rest[1..=length], 8)?).ok()?;
        Some((What::Byte(byte), length + 1))
    })
}

fn css(rest: &[Seen]) -> Option<(What, usize)> {
    let digits = rest[1..].iter().take(6).take_while(|seen| seen.c.is_ascii_hexdigit()).count();
    let c = char::from_u32(number(&rest[1..=digits], 16)?)?;
    let blank = rest.get(digits + 1).is_some_and(|seen| seen.c.is_whitespace());
    Some((What::Char(c), digits + 1 + usize::from(blank)))
}

fn decoded_by(view: &[Seen], signs: &[char], read: impl Fn(&[Seen]) -> Option<(What, usize)>) -> Option<Vec<Seen>> {
    if !view.iter().any(|seen| signs.contains(&seen.c)) {
        return None;
    }
    let mut out = Vec::with_capacity(view.len());
    let mut bytes: Vec<Byte> = Vec::new();
    let mut at = 0;
    let mut changed = false;
    while let Some(seen) = view.get(at) {
        let rest = &view[at..];
        let found = if signs.contains(&seen.c) { read(rest) } else { None };
        let Some((what, length)) = found else {
            characters(&std::mem::take(&mut bytes), &mut out);
            out.push(*seen);
            at += 1;
            continue;
        };
        changed = true;
        let (start, end) = (seen.start, rest[length - 1].end);
        match what {
            What::Byte(byte) => bytes.push((byte, start, end)),
            What::Char(c) => {
                characters(&std::mem::take(&mut bytes), &mut out);
                out.push(Seen { c, start, end });
            }
            What::Nothing => {}
        }
        at += length;
    }
    characters(&bytes, &mut out);
    changed.then_some(out)
}

/// What an escape stands for.
enum What {
    /// One byte of a character.
    Byte(u8),
    /// A character.
    Char(char),
    /// A break that was put in.
    Nothing,
}

/// `%XX`, `%uXXXX`, and what may follow a backslash in JSON, JavaScript, Rust and Python; with its length.
fn escape(rest: &[Seen]) -> Option<(What, usize)> {
    let second = rest.get(1)?.c;
    match (rest[0].c, second) {
        // A backslash that is kept would make an escape of what follows it.
        ('\\', '\\' | '/' | '"' | '\'') => Some((What::Char(second), 2)),
        ('\\', 'u') if rest.get(2)?.c == '{' => {
            let digits = rest[3..].iter().take(6).take_while(|seen| seen.c.is_ascii_hexdigit()).count();
            let closed = rest.get(3 + digits)?.c == '}' && digits > 0;
            closed.then_some(())?;
            Some((What::Char(char::from_u32(number(&rest[3..3 + digits], 16)?)?), digits + 4))
        }
        ('\\' | '%', 'u') => {
            let unit = number(rest.get(2..6)?, 16)?;
            if !(0xD800..0xDC00).contains(&unit) {
                return Some((What::Char(char::from_u32(unit)?), 6));
            }
            let low = rest.get(6..12).filter(|next| next[0].c == rest[0].c && next[1].c == 'u')?;
            let low = number(&low[2..], 16).filter(|low| (0xDC00..0xE000).contains(low))?;
            Some((What::Char(char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))?), 12))
        }
        ('\\', 'U') => Some((What::Char(char::from_u32(number(rest.get(2..10)?, 16)?)?), 10)),
        ('\\', 'x') => Some((What::Byte(u8::try_from(number(rest.get(2..4)?, 16)?).ok()?), 4)),
        ('%', _) => Some((What::Byte(u8::try_from(number(rest.get(1..3)?, 16)?).ok()?), 3)),
        _ => None,
    }
}

/// A character reference of HTML or XML, with its length. Browsers read some without the semicolon, so they are read here.
fn reference(rest: &[Seen]) -> Option<(What, usize)> {
    if rest.get(1)?.c == '#' {
        let hex = matches!(rest.get(2)?.c, 'x' | 'X');
        let (from, base) = if hex { (3, 16) } else { (2, 10) };
        let digits = rest[from..].iter().take(8).take_while(|seen| seen.c.is_digit(base)).count();
        let c = char::from_u32(number(&rest[from..from + digits], base)?)?;
        let semicolon = rest.get(from + digits).is_some_and(|seen| seen.c == ';');
        return Some((What::Char(c), from + digits + usize::from(semicolon)));
    }
    let name: String =
        rest[1..].iter().take(LONGEST_NAME).map(|seen| seen.c).take_while(char::is_ascii_alphanumeric).collect();
    let closed = rest.get(1 + name.len()).is_some_and(|seen| seen.c == ';');
    if closed && let Some(c) = named(&name) {
        return Some((What::Char(c), name.len() + 2));
    }
    let bare = ["amp", "lt", "gt", "quot"].into_iter().find(|bare| name.starts_with(bare))?;
    Some((What::Char(named(bare)?), bare.len() + 1))
}

fn number(digits: &[Seen], base: u32) -> Option<u32> {
    let value = |so_far: Option<u32>, seen: &Seen| so_far?.checked_mul(base)?.checked_add(seen.c.to_digit(base)?);
    if digits.is_empty() { None } else { digits.iter().fold(Some(0), value) }
}

/// Bytes as text: UTF-8, and where they are none, one character a byte, as older servers write them.
fn characters(bytes: &[Byte], out: &mut Vec<Seen>) {
    let mut at = 0;
    while let Some((first, start, end)) = bytes.get(at).copied() {
        let length = match first {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        let some: Vec<u8> = bytes[at..].iter().take(length).map(|(byte, ..)| *byte).collect();
        match std::str::from_utf8(&some).ok().and_then(|text| text.chars().next()) {
            Some(c) => {
                let end = bytes[at + length - 1].2;
                out.push(Seen { c, start, end });
                at += length;
            }
            None => {
                out.push(Seen { c: char::from(first), start, end });
                at += 1;
            }
        }
    }
}

/// What words in base64, base64url or hex stand for, at each alignment, and lists of bytes.
pub(super) fn bytes_within(view: &[Seen]) -> Vec<Vec<Seen>> {
    let mut found = Vec::new();
    for run in runs(view, SHORTEST_BASE64, |c| digit64(c).is_some()) {
        for skipped in 0..4 {
            found.push(text_of(&from_base64(&view[run.start + skipped..run.end])));
        }
    }
    for run in runs(view, SHORTEST_HEX, |c| c.is_ascii_hexdigit()) {
        for skipped in 0..2 {
            let pairs = view[run.start + skipped..run.end].chunks_exact(2);
            let byte = |pair: &[Seen]| Some((u8::try_from(number(pair, 16)?).ok()?, pair[0].start, pair[1].end));
            found.push(text_of(&pairs.filter_map(byte).collect::<Vec<_>>()));
        }
    }
    found.extend(lists(view).iter().map(|bytes| text_of(bytes)));
    found
}

/// Bytes as numbers with commas, blanks or both between: `[72, 101]` as Rust, Python and JavaScript print them, and Java with
/// those from 128 on below zero.
fn lists(view: &[Seen]) -> Vec<Vec<Byte>> {
    let mut found = Vec::new();
    let mut list: Vec<Byte> = Vec::new();
    let mut at = 0;
    // How far after the last number the next one may begin.
    let mut reach = 0;
    while let Some(seen) = view.get(at) {
        let minus = usize::from(seen.c == '-');
        let digits = view[at + minus..].iter().take(4).take_while(|seen| seen.c.is_ascii_digit()).count();
        if digits == 0 {
            let between = seen.c == ',' || seen.c == ';' || seen.c.is_whitespace();
            if !between || at >= reach {
                end_list(&mut list, &mut found);
            }
            at += 1;
            continue;
        }
        let end = at + minus + digits;
        let byte = number(&view[at + minus..end], 10).and_then(|number| match (minus, number) {
            (0, 0..=255) => u8::try_from(number).ok(),
            (1, 1..=128) => u8::try_from(256 - number).ok(),
            _ => None,
        });
        match byte {
            Some(byte) => list.push((byte, seen.start, view[end - 1].end)),
            None => end_list(&mut list, &mut found),
        }
        reach = end + MOST_BETWEEN;
        at = end;
    }
    end_list(&mut list, &mut found);
    found
}

fn end_list(list: &mut Vec<Byte>, found: &mut Vec<Vec<Byte>>) {
    let ended = std::mem::take(list);
    if ended.len() >= SHORTEST_LIST {
        found.push(ended);
    }
}

fn text_of(bytes: &[Byte]) -> Vec<Seen> {
    let mut out = Vec::with_capacity(bytes.len());
    characters(bytes, &mut out);
    out
}

fn runs(view: &[Seen], shortest: usize, belongs: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in 0..=view.len() {
        if view.get(at).is_none_or(|seen| !belongs(seen.c)) {
            if at - start >= shortest {
                found.push(start..at);
            }
            start = at + 1;
        }
    }
    found
}

/// Each byte with the two characters that hold it.
fn from_base64(digits: &[Seen]) -> Vec<Byte> {
    let mut bytes = Vec::with_capacity(digits.len());
    for four in digits.chunks(4) {
        for pair in 0..four.len().saturating_sub(1) {
            let (Some(high), Some(low)) = (digit64(four[pair].c), digit64(four[pair + 1].c)) else { continue };
            let shift = 2 * (pair as u32 + 1);
            // Six bits of the first and two of the second, four and four, two and six.
            let byte = (u32::from(high) << shift | u32::from(low) >> (6 - shift)) & 0xFF;
            bytes.push((byte as u8, four[pair].start, four[pair + 1].end));
        }
    }
    bytes
}

/// The value of a digit in either alphabet.
fn digit64(c: char) -> Option<u8> {
    let value = match c {
        'A'..='Z' => u32::from(c) - 65,
        'a'..='z' => u32::from(c) - 71,
        '0'..='9' => u32::from(c) + 4,
        '+' | '-' => 62,
        '/' | '_' => 63,
        _ => return None,
    };
    u8::try_from(value).ok()
}
