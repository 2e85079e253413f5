//! What a file names of others: `use` lines, and paths in the code (`crate::`, `super::`, `self::`, `child::`), made absolute.
//!
//! Absent: paths that stand in strings, as some attributes have them, and methods, which are called without naming their file.

use std::collections::BTreeMap;
use std::ops::Range;

use super::source::{Source, is_word};

/// One path from the crate's root: `["store", "writer", "Writer"]`; a glob ends in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Where in the file.
    pub(crate) at: usize,
    pub(crate) path: Vec<String>,
}

/// What a file names.
#[derive(Debug)]
pub(crate) struct Names {
    /// `use` lines: the name under which each is known in a module (an inline one too), and to those below and to whom it is exported.
    pub(crate) imported: BTreeMap<(Vec<String>, String), Named>,
    /// Globs.
    pub(crate) globs: Vec<Named>,
    /// Paths in the code; the first segment of each is a module or an import.
    pub(crate) inline: Vec<Named>,
}

/// Everything that `source` names within this crate.
///
/// `is_module` says whether a path is a file's module: only then does a path that begins with a plain word lead to a child.
pub(crate) fn names(source: &Source, is_module: impl Fn(&[String]) -> bool) -> Names {
    let mut code = source.code.clone();
    blank_visibilities(&mut code);
    let inline_modules = inline_modules(&code);
    let module = source.module();
    let place = |at: usize| {
        let inner = inline_modules.iter().filter(|(range, _)| range.contains(&at)).map(|(_, name)| name.clone());
        module.iter().filter(|part| *part != "lib").cloned().chain(inner).collect::<Vec<String>>()
    };
    let mut names = Names { imported: BTreeMap::new(), globs: Vec::new(), inline: Vec::new() };
    for line in use_lines(&code) {
        let here = place(line.start);
        let mut leaves = Vec::new();
        leaves_of(&code, line.start + "use".len()..line.end, &[], &mut leaves);
        for Leaf { at, segments, alias } in leaves {
            let Some(path) = absolute(&here, &segments, &names.imported, &is_module) else { continue };
            match segments.last().map(String::as_str) {
                Some("*") => names.globs.push(Named { at, path }),
                Some(last) => {
                    let name = alias.unwrap_or_else(|| last.to_owned());
                    names.imported.insert((here.clone(), name), Named { at, path });
                }
                None => {}
            }
        }
        blank(&mut code, line);
    }
    for Leaf { at, segments, .. } in chains(&code) {
        if let Some(path) = absolute(&place(at), &segments, &names.imported, &is_module) {
            names.inline.push(Named { at, path });
        }
    }
    names
}

/// A path as written; `segments` has no last `self`.
struct Leaf {
    at: usize,
    segments: Vec<String>,
    alias: Option<String>,
}

/// From the crate's root, or `None` for a path into another crate.
fn absolute(
    here: &[String],
    segments: &[String],
    imported: &BTreeMap<(Vec<String>, String), Named>,
    is_module: &impl Fn(&[String]) -> bool,
) -> Option<Vec<String>> {
    let mut base = here.to_vec();
    let mut rest = segments;
    let (first, after) = segments.split_first()?;
    match first.as_str() {
        "crate" => return Some(after.to_vec()),
        "self" => rest = after,
        "super" => {}
        word => {
            if let Some(named) = imported.get(&(here.to_vec(), word.to_owned())) {
                return Some([&named.path, after].concat());
            }
            let child = [here, &segments[..1]].concat();
            return is_module(&child).then(|| [here, segments].concat());
        }
    }
    while let Some(after) = rest.strip_prefix(&["super".to_owned()]) {
        base.pop();
        rest = after;
    }
    Some([&base, rest].concat())
}

/// `pub(in crate::a::b)` says who may see, and imports nothing.
fn blank_visibilities(code: &mut String) {
    let found: Vec<usize> = code.match_indices("pub(in ").map(|(at, _)| at).collect();
    for at in found {
        let end = code[at..].find(')').map_or(code.len(), |length| at + length);
        blank(code, at + "pub(".len()..end);
    }
}

fn blank(code: &mut String, range: Range<usize>) {
    let blanks: String = code[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    code.replace_range(range, &blanks);
}

/// `mod name { … }`, each with what it holds, outer ones first.
fn inline_modules(code: &str) -> Vec<(Range<usize>, String)> {
    words(code, "mod")
        .filter_map(|at| {
            let rest = code[at + "mod".len()..].trim_start();
            let name: String = rest.chars().take_while(|char| is_word(*char)).collect();
            let open = code.len() - rest[name.len()..].trim_start().len();
            code[open..].starts_with('{').then(|| (open..closing(code, open), name))
        })
        .collect()
}

/// The place of the bracket that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, char) in code[open..].char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at;
        }
    }
    code.len()
}

/// From each `use` to its `;`.
fn use_lines(code: &str) -> Vec<Range<usize>> {
    words(code, "use")
        // `impl Iterator + use<'a>` imports nothing.
        .filter(|at| !code[at + "use".len()..].trim_start().starts_with('<'))
        .map(|at| at..code[at..].find(';').map_or(code.len(), |length| at + length))
        .collect()
}

/// Takes a tree of imports apart: `a::{b, c::{self, D as E}}`.
fn leaves_of(code: &str, range: Range<usize>, before: &[String], found: &mut Vec<Leaf>) {
    let text = &code[range.clone()];
    if let Some(open) = text.find('{') {
        let prefix: Vec<String> = segments(&text[..open]);
        let before = [before, &prefix].concat();
        let inner = range.start + open + 1..closing(code, range.start + open);
        let (mut from, mut depth) = (inner.start, 0_usize);
        for (at, char) in code[inner.clone()].char_indices().chain([(inner.len(), ',')]) {
            match char {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    leaves_of(code, from..inner.start + at, &before, found);
                    from = inner.start + at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let at = range.start + (text.len() - text.trim_start().len());
    let mut parts = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let alias = parts.split_once(" as ").map(|(_, alias)| alias.to_owned());
    parts.truncate(parts.find(" as ").unwrap_or(parts.len()));
    let mut segments = [before, &segments(&parts)].concat();
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    if !segments.is_empty() {
        found.push(Leaf { at, segments, alias });
    }
}

fn segments(text: &str) -> Vec<String> {
    text.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Paths of two segments and more.
fn chains(code: &str) -> Vec<Leaf> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(begin) = code[from..].find(is_word).map(|offset| from + offset) {
        let mut segments = Vec::new();
        let mut rest = &code[begin..];
        loop {
            let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
            segments.push(rest[..end].to_owned());
            rest = &rest[end..];
            match rest.trim_start().strip_prefix("::").map(str::trim_start) {
                Some(next) if next.starts_with(is_word) => rest = next,
                Some(_) | None => break,
            }
        }
        from = code.len() - rest.len();
        // `<T as A>::b::c`, `.a` and `::std::a` do not begin here.
        let before = code[..begin].trim_end();
        if segments.len() > 1 && !before.ends_with("::") && !before.ends_with('\'') {
            found.push(Leaf { at: begin, segments, alias: None });
        }
    }
    found
}

fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        !code[..*at].chars().next_back().is_some_and(is_word)
            && !code[*at + word.len()..].chars().next().is_some_and(is_word)
    })
}
