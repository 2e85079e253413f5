//! Finds known secrets in a text, in whichever form they came back.
//!
//! The text is looked at as it is, decoded once, twice and three times (`view`), and so are the secrets: `%41` may be a part
//! of a secret or an `A`, and the two agree in one of the pairs. Compared is what is left when differences without meaning
//! are taken out: case (addresses lose it), `+` and blanks, doubled punctuation (`''`), backslashes, invisible characters.
//!
//! Not only whole secrets are found but every stretch of eight characters of one: a message may be cut, and a parser that
//! splits `user:p@ss/word@host` shows pieces. A stretch that reads like words (`payroll-robot`) is masked from sixteen characters
//! on, or where a text was cut in it: such words stand in innocent texts too.
//!
//! The time is linear in the text's length, for any text: stretches are compared by a rolling hash.

use std::collections::HashMap;
use std::ops::Range;

use secrecy::zeroize::Zeroizing;

use super::view::{Dialect, SIGNS, Seen, bytes_within, decoded, decoded_in, plain};
use crate::secret::Secret;

/// What stands where a secret stood.
pub const MASK: &str = "[secret]";

/// From so many characters on a stretch of a secret is masked; shorter secrets are masked only whole.
pub(super) const SHORTEST_PIECE: usize = 8;

/// The same for what reads like words.
const SHORTEST_WORDS: usize = 16;

/// Below, a secret is masked only where it is a word of its own: `a` is in half of all words.
const SHORTEST_INSIDE: usize = 4;

/// How often a text is decoded: a double encoding within one of another kind.
const MOST_DECODINGS: usize = 3;

/// How many of these views are read in the dialects too: the text as it is, and with the escapes that are around one.
const MOST_BEFORE_DIALECTS: usize = 2;

/// Some of what escapes begin with, but for all: an encoder that writes `&amp;` leaves a `%41` of the secret as it is.
const SOME_SIGNS: [&[char]; 6] = [&['%'], &['&'], &['\\'], &['%', '&'], &['%', '\\'], &['&', '\\']];

/// The base of the rolling hash: any odd number, its powers keep all bits in play.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Of how many characters at least the rest must be when differences without meaning are taken out of a secret.
const SHORTEST_LOOSE: usize = 6;

/// How much of a difference counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Backslashes and doubled punctuation do not.
    Loose,
    /// They do: what is left of `ab\\\\cd` would be short.
    Strict,
}

/// What a stretch of eight characters is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// It could be a part of any text.
    Words,
    /// It is in no text by chance.
    Specific,
}

/// How a secret is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Also a part of it.
    Pieces,
    /// Only as a whole.
    Whole,
}

/// Knows secrets and masks them.
#[derive(Debug)]
pub struct Masker {
    known: [Known; 2],
}

/// Secrets as one look has them.
struct Known {
    look: Look,
    /// By the hash of eight characters, in lower case.
    pieces: HashMap<u64, Piece>,
    whole: Vec<Zeroizing<Vec<char>>>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("look", &self.look).finish_non_exhaustive()
    }
}

impl Masker {
    /// Masks these whole and in pieces.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Masker {
        let known = |look| Known { look, pieces: HashMap::new(), whole: Vec::new() };
        let mut masker = Masker { known: [known(Look::Loose), known(Look::Strict)] };
        secrets.into_iter().for_each(|secret| masker.learn(secret, Extent::Pieces));
        masker
    }

    /// Masks these too, but only whole: a schedule's arguments have parts that stand in every text, such as addresses.
    #[must_use]
    pub fn and_values<'a>(mut self, values: impl IntoIterator<Item = &'a Secret>) -> Masker {
        values.into_iter().for_each(|value| self.learn(value, Extent::Whole));
        self
    }

    fn learn(&mut self, secret: &Secret, extent: Extent) {
        for written in variants(secret) {
            let mut view = Zeroizing::new(plain(&written));
            for _ in 0..=MOST_DECODINGS {
                self.known.iter_mut().for_each(|known| known.learn(&view, extent));
                match decoded(&view, &SIGNS) {
                    Some(next) => view = Zeroizing::new(next),
                    None => break,
                }
            }
        }
    }

    /// The text without them.
    pub fn mask(&self, text: &str) -> String {
        let mut spans = Vec::new();
        let mut view = plain(text);
        for step in 0..=MOST_DECODINGS {
            self.find(&view, &mut spans);
            self.find_in_some(&view, &mut spans);
            if step < MOST_BEFORE_DIALECTS {
                self.find_in_dialects(&view, &mut spans);
            }
            for inner in bytes_within(&view) {
                self.find(&inner, &mut spans);
                // RFC 6749, 2.3.1: id and secret are form-encoded before they become HTTP Basic.
                if let Some(inner) = decoded(&inner, &SIGNS) {
                    self.find(&inner, &mut spans);
                }
            }
            match decoded(&view, &SIGNS) {
                Some(next) => view = next,
                None => break,
            }
        }
        replaced(text, spans)
    }

    /// In what it is in each dialect, and in that decoded once: a mail shows a page, a log shows JSON.
    fn find_in_dialects(&self, view: &[Seen], spans: &mut Vec<Range<usize>>) {
        for dialect in Dialect::ALL {
            let Some(inner) = decoded_in(view, dialect) else { continue };
            self.find(&inner, spans);
            if let Some(inner) = decoded(&inner, &SIGNS) {
                self.find(&inner, spans);
            }
        }
    }

    /// In what is left when only some kinds of escapes are decoded, where there is a choice.
    fn find_in_some(&self, view: &[Seen], spans: &mut Vec<Range<usize>>) {
        if SIGNS.iter().filter(|sign| view.iter().any(|seen| seen.c == **sign)).count() < 2 {
            return;
        }
        for signs in SOME_SIGNS {
            let mut some = decoded(view, signs);
            for _ in 0..MOST_DECODINGS {
                let Some(decoded_so) = some else { break };
                self.find(&decoded_so, spans);
                some = decoded(&decoded_so, signs);
            }
        }
    }

    fn find(&self, view: &[Seen], spans: &mut Vec<Range<usize>>) {
        self.known.iter().for_each(|known| known.find(view, spans));
    }
}

/// The secret as it is; and where it has characters outside of ASCII, as a server has it that takes its bytes for Latin-1, or
/// has no such characters.
fn variants(secret: &Secret) -> Vec<Zeroizing<String>> {
    let text = secret.expose();
    let mut variants = vec![Zeroizing::new(text.to_owned())];
    if !text.is_ascii() {
        variants.push(Zeroizing::new(text.bytes().map(char::from).collect()));
        variants.push(Zeroizing::new(text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()));
        variants.push(Zeroizing::new(text.chars().map(|c| if c.is_ascii() { c } else { '\u{fffd}' }).collect()));
    }
    variants
}

impl Known {
    fn learn(&mut self, view: &[Seen], extent: Extent) {
        let seen = Zeroizing::new(canonical(view, self.look));
        let blank = |seen: &&Seen| seen.c == ' ';
        let (before, after) = (seen.iter().take_while(blank).count(), seen.iter().rev().take_while(blank).count());
        let Some(bare) = seen.get(before..seen.len() - after) else { return };
        let shortest = match self.look {
            Look::Loose => SHORTEST_LOOSE,
            Look::Strict => 1,
        };
        if bare.len() < shortest {
            return;
        }
        let mut only_words = true;
        if extent == Extent::Pieces {
            for (piece, hash) in seen.windows(SHORTEST_PIECE).zip(hashes(&seen)) {
                let kind = if reads_like_words(piece) { Piece::Words } else { Piece::Specific };
                only_words &= kind == Piece::Words;
                self.pieces.entry(hash).and_modify(|known| *known = (*known).min(kind)).or_insert(kind);
            }
        }
        if only_words || bare.len() < SHORTEST_PIECE {
            self.whole.push(Zeroizing::new(bare.iter().map(|seen| folded(seen.c)).collect()));
        }
    }

    fn find(&self, view: &[Seen], spans: &mut Vec<Range<usize>>) {
        if self.pieces.is_empty() && self.whole.is_empty() {
            return;
        }
        let seen = canonical(view, self.look);
        let mut add = |range: Range<usize>| spans.push(seen[range.start].start..seen[range.end - 1].end);
        self.whole.iter().for_each(|whole| whole_in(&seen, whole).into_iter().for_each(&mut add));
        // A run of pieces, and whether one of them is in no text by chance.
        let mut run: Option<(Range<usize>, Piece)> = None;
        let mut end_run = |run: Option<(Range<usize>, Piece)>| {
            let Some((range, piece)) = run else { return };
            let enough = match piece {
                Piece::Specific => true,
                Piece::Words => range.len() >= SHORTEST_WORDS || is_cut(&seen[range.end..]),
            };
            if enough {
                add(range);
            }
        };
        if !self.pieces.is_empty() {
            for (at, hash) in hashes(&seen).enumerate() {
                let Some(piece) = self.pieces.get(&hash).copied() else { continue };
                let end = at + SHORTEST_PIECE;
                run = match run {
                    Some((range, so_far)) if at <= range.end => Some((range.start..end, so_far.max(piece))),
                    other => {
                        end_run(other);
                        Some((at..end, piece))
                    }
                };
            }
        }
        end_run(run);
    }
}

/// Whether the text was cut here, by us or by who wrote it.
fn is_cut(rest: &[Seen]) -> bool {
    let dots =
        |seen: &Seen| rest.iter().take(2).all(|seen| seen.c == '.') && rest.len() > 1 || seen.end - seen.start > 1;
    rest.first().is_some_and(|seen| seen.c == '…' || seen.c == '.' && dots(seen))
}

/// Where this stands whole; very short ones only as words of their own.
fn whole_in(seen: &[Seen], whole: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, window) in seen.windows(whole.len().max(1)).enumerate() {
        if window.iter().zip(whole).all(|(seen, c)| folded(seen.c) == *c) {
            let range = at..at + window.len();
            let joined = |seen: Option<&Seen>| seen.is_some_and(|seen| seen.c.is_alphanumeric());
            let inside = joined(at.checked_sub(1).and_then(|before| seen.get(before))) || joined(seen.get(range.end));
            if whole.len() >= SHORTEST_INSIDE || !inside {
                found.push(range);
            }
        }
    }
    found
}

/// A view without what makes no difference.
fn canonical(view: &[Seen], look: Look) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::with_capacity(view.len());
    for seen in view {
        // A form has blanks as `+`.
        let c = if seen.c == '+' || seen.c.is_whitespace() { ' ' } else { seen.c };
        if c.is_control() || is_invisible(c) {
            continue;
        }
        match (look, out.last_mut()) {
            (Look::Loose, _) if c == '\\' => {}
            // SQL, CSV and PowerShell double quotes, batch files `%`.
            (Look::Loose, Some(last)) if last.c == c && !c.is_alphanumeric() => last.end = seen.end,
            (Look::Loose | Look::Strict, _) => out.push(Seen { c, ..*seen }),
        }
    }
    out
}

fn folded(c: char) -> char {
    c.to_ascii_lowercase()
}

/// The hash of each stretch of eight characters, in lower case.
fn hashes(seen: &[Seen]) -> impl Iterator<Item = u64> {
    let oldest = BASE.wrapping_pow(SHORTEST_PIECE as u32);
    let mut hash = 0_u64;
    seen.iter().enumerate().filter_map(move |(at, one)| {
        // Not its code itself: small numbers would leave the upper bits to chance.
        let value = |c: char| (u64::from(folded(c)) + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        hash = hash.wrapping_mul(BASE).wrapping_add(value(one.c));
        if let Some(gone) = at.checked_sub(SHORTEST_PIECE) {
            hash = hash.wrapping_sub(oldest.wrapping_mul(value(seen[gone].c)));
        }
        (at + 1 >= SHORTEST_PIECE).then_some(hash)
    })
}

/// Words in one case or with a capital, and what joins them in sentences, names and addresses; or one character again and again.
fn reads_like_words(piece: &[Seen]) -> bool {
    if piece.iter().all(|seen| seen.c == piece[0].c) {
        return true;
    }
    let joins = |seen: &Seen| matches!(seen.c, ' ' | '-' | '_' | '.' | ':' | '/');
    piece.split(joins).all(|word| {
        let small = |seen: &Seen| seen.c.is_alphabetic() && !seen.c.is_uppercase();
        let capital = |seen: &Seen| seen.c.is_uppercase();
        word.iter().all(small)
            || word.iter().all(capital)
            || word.split_first().is_some_and(|(first, rest)| capital(first) && rest.iter().all(small))
    })
}

fn replaced(text: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.sort_by_key(|span| span.start);
    let mut shown = String::with_capacity(text.len());
    let mut masked: Option<Range<usize>> = None;
    for span in spans {
        match &mut masked {
            // What touches is one secret and one mask.
            Some(before) if span.start <= before.end => before.end = before.end.max(span.end),
            Some(_) | None => {
                shown.push_str(&text[masked.map_or(0, |before| before.end)..span.start]);
                shown.push_str(MASK);
                masked = Some(span);
            }
        }
    }
    shown.push_str(&text[masked.map_or(0, |before| before.end)..]);
    shown
}

/// Characters that turn text around or hide in it.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
