//! Lines of a file as they are shown: where they begin, and what of them must not be seen.
//!
//! A file of a thousand mistakes has its lines looked at a thousand times, and all of it may be one line: what is looked up
//! here is looked up in sorted lists, and of a long line only a part is shown.

use std::ops::Range;

use super::mask;

/// A longer line is shown in part: far wider than any terminal, far shorter than a file in one line.
const LONGEST_LINE: usize = 600;

/// Columns of places that come in order: the characters of a long line are counted once.
#[derive(Default)]
pub(super) struct Column {
    file: usize,
    line: u32,
    byte: usize,
    column: u32,
}

impl Column {
    /// Line and column, both from 1; columns count characters.
    pub(super) fn of(&mut self, file: usize, byte: usize, lines: &Lines, text: &str) -> (u32, u32) {
        let byte = text.floor_char_boundary(byte);
        let line = lines.line(byte);
        if (self.file, self.line) != (file, line) || byte < self.byte {
            *self = Column { file, line, byte: lines.span(line, text).start, column: 1 };
        }
        let further = u32::try_from(text[self.byte..byte].chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(further);
        self.byte = byte;
        (line, self.column)
    }
}

/// Where the lines of a text begin: looked up often, so counted once.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(text: &str) -> Lines {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(n, _)| n + 1);
        Lines(std::iter::once(0).chain(ends).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, byte: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= byte)).unwrap_or(u32::MAX)
    }

    /// The bytes of a line, without its end.
    fn span(&self, line: u32, text: &str) -> Range<usize> {
        let number = usize::try_from(line).unwrap_or(usize::MAX);
        let start = self.0.get(number.saturating_sub(1)).copied().unwrap_or(0);
        let end = self.0.get(number).map_or(text.len(), |next| next - 1);
        start..start + text[start..end].trim_end_matches('\r').len()
    }
}

/// The bytes of the line around a byte, without its end.
pub(super) fn line_around(text: &str, byte: usize) -> Range<usize> {
    let byte = text.floor_char_boundary(byte);
    let start = text[..byte].rfind('\n').map_or(0, |n| n + 1);
    let end = text[byte..].find('\n').map_or(text.len(), |n| byte + n);
    start..start + text[start..end].trim_end_matches('\r').len()
}

/// A line as it may be shown.
pub(super) struct ShownLine {
    /// From 1.
    pub(super) number: u32,
    pub(super) text: String,
    /// The bytes of `text` that are meant.
    pub(super) mark: Range<usize>,
}

/// A file while lines of it are shown.
pub(super) struct Shown<'s> {
    text: &'s str,
    pub(super) lines: Lines,
    /// Sorted by their beginnings.
    hidden: Vec<Range<usize>>,
    /// The furthest end of those up to each.
    furthest: Vec<usize>,
    by_name: Vec<Range<usize>>,
}

impl Shown<'_> {
    /// A file with the stretches that must not be seen, in any order; those that their names tell are added.
    pub(super) fn new(text: &str, mut hidden: Vec<Range<usize>>) -> Shown<'_> {
        hidden.sort_by_key(|range| range.start);
        let ends = hidden.iter().scan(0, |furthest, range| {
            *furthest = range.end.max(*furthest);
            Some(*furthest)
        });
        let furthest = ends.collect();
        let by_name = mask::secrets_by_name(text);
        Shown { text, lines: Lines::new(text), hidden, furthest, by_name }
    }

    /// The line of a place, with what must not be seen replaced.
    pub(super) fn line(&self, at: Range<usize>) -> ShownLine {
        let text = self.text;
        let number = self.lines.line(text.floor_char_boundary(at.start));
        let whole = self.lines.span(number, text);
        // Of a line without end only what lies around the mark: each finding has its own.
        let line = match whole.len() > LONGEST_LINE {
            true => around(text, &whole, &at),
            false => whole.clone(),
        };
        let clip = |byte: usize| text.floor_char_boundary(byte.clamp(line.start, line.end)) - line.start;
        // Those found by name lie in one line each and in order; those of the tree may reach over several.
        let first = self.by_name.partition_point(|range| range.end <= line.start);
        let by_name = self.by_name[first..].iter().take_while(|range| range.start < line.end);
        let first = self.furthest.partition_point(|end| *end <= line.start);
        let by_place = self.hidden[first..].iter().take_while(|range| range.start < line.end);
        let hidden = by_name.chain(by_place).map(|r| clip(r.start)..clip(r.end)).filter(|r| !r.is_empty()).collect();
        let (mut text, mut mark) = mask::apply(&text[line.clone()], hidden, clip(at.start)..clip(at.end));
        if line.start > whole.start {
            text.insert(0, '…');
            mark = mark.start + '…'.len_utf8()..mark.end + '…'.len_utf8();
        }
        if line.end < whole.end {
            text.push('…');
        }
        ShownLine { number, text, mark }
    }
}

/// The part of a long line around a place.
fn around(text: &str, line: &Range<usize>, at: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(at.start.saturating_sub(LONGEST_LINE / 3).max(line.start));
    let end = at.end.min(at.start + LONGEST_LINE / 3) + LONGEST_LINE / 3;
    start..text.floor_char_boundary(end.min(line.end)).max(start)
}
