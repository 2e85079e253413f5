//! A schedule file as a tree in which every key and every value knows its place.
//!
//! serde stops at the first value of a wrong shape. A person wants all mistakes at once, so nothing is derived here: the
//! YAML becomes this tree first, whatever it says, and `fields` takes it apart by hand. serde-saphyr is named in this file
//! and in `syntax` only, so that it could be exchanged.
//!
//! Absent: what the keys mean.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::syntax::{self, MAX_DEPTH};
use crate::schedule::diagnostic::{At, Findings, SourceFile};

/// Values and keys in one file: bounds time and memory (S34).
const MAX_NODES: usize = 250_000;
/// What aliases may add to them: time is spent for each again.
const MAX_REPLAYED: usize = 50_000;
/// Uses of anchors in one file. High, because one `<<: *base` in each of some thousand schedules is honest; the bound on
/// what they expand to is [`MAX_REPLAYED`].
const MAX_ALIASES: usize = 10_000;
/// The library recurses through several frames a level; [`MAX_DEPTH`] levels of an unoptimised build need more than the
/// 2 MiB of an ordinary thread.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// For a map or a list: its first sign only.
    pub(super) at: At,
    pub(super) value: Value,
}

impl Node {
    /// The entries of a map; of anything else none.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        match &self.value {
            Value::Map(entries) => entries.as_slice(),
            Value::List(_) | Value::Scalar(_) => &[],
        }
        .iter()
    }
}

/// What stands there.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Map(Vec<Entry>),
    List(Vec<Node>),
    Scalar(Scalar),
}

/// One value that is neither map nor list.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// As written, quotes and escapes resolved: `0x1F` stays `0x1F`.
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What YAML 1.2 takes a scalar for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// `.nan`, `.inf`, or an integer that a JSON number would not keep.
    Inexact,
    Text,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: At,
    pub(super) value: Node,
}

/// Reads the files as far as YAML goes. A file that is not YAML is told and left out.
pub(super) fn parse_all(sources: &[SourceFile], findings: &mut Findings) -> Vec<Node> {
    let work = || sources.iter().enumerate().map(|(file, source)| parse(file, &source.text)).collect::<Vec<_>>();
    let parsed = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match thread.map(|handle| handle.join()) {
            Ok(Ok(parsed)) => parsed,
            // The parser never panics on purpose; if it does, no file may count as read.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => sources.iter().map(|_| Err(None)).collect(),
        }
    });
    let mut trees = Vec::new();
    for (file, result) in parsed.into_iter().enumerate() {
        match result {
            Ok(tree) => trees.push(tree),
            Err(Some(error)) => syntax::tell(file, &sources[file].text, &error, findings),
            Err(None) => {
                findings.error(At { file, start: 0, end: 0 }, "could not be read: no thread could be started for it");
            }
        }
    }
    trees
}

type Failed = Option<Box<serde_saphyr::Error>>;

fn parse(file: usize, text: &str) -> Result<Node, Failed> {
    let options = serde_saphyr::options! {
        // Text stays text: `no`, `on`, `NO` and `0755` start robots with what was written.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        // A JSON object pasted as it is, its closing brace in the column of the key, does no harm.
        strict_indentation: false,
        // Both places of a key that stands twice are told, so both entries are wanted.
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        // The lines are drawn by `render`, with secrets taken out.
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_aliases: MAX_ALIASES,
            max_merge_keys: MAX_ALIASES,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
    };
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|e| Some(Box::new(e)))?;
    Ok(Text { file, text }.node(raw))
}

/// What serde hands over, before the text as written is looked up.
enum Raw {
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
    List(Vec<Spanned<Raw>>),
    Scalar(Kind),
    Text(String),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Number(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(serde_json::Number::from_f64(value).map_or(Kind::Inexact, Kind::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

struct Text<'t> {
    file: usize,
    text: &'t str,
}

impl Text<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let range = self.bytes(&raw);
        let value = match raw.value {
            Raw::Map(entries) => Value::Map(entries.into_iter().map(|(key, value)| self.entry(key, value)).collect()),
            Raw::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Text(text) => Value::Scalar(Scalar { text, kind: Kind::Text }),
            Raw::Scalar(kind) => {
                let text = self.text[range.clone()].trim().to_owned();
                Value::Scalar(Scalar { kind: exact(kind, &text), text })
            }
        };
        // A block scalar's bytes reach into the next line's indentation.
        let end = range.start + self.text[range.clone()].trim_end().len();
        Node { at: At { file: self.file, start: range.start, end }, value }
    }

    fn entry(&self, key: Spanned<Raw>, value: Spanned<Raw>) -> Entry {
        let key = self.node(key);
        let text = match key.value {
            Value::Scalar(scalar) => scalar.text,
            // No key of ours is a map or a list: it is told as an unknown key, shown as it begins.
            Value::Map(_) => "{".to_owned(),
            Value::List(_) => "[".to_owned(),
        };
        Entry { key: text, key_at: key.at, value: self.node(value) }
    }

    /// Where a value is written: for an alias, where its anchor is, because the mistake is to be mended there.
    fn bytes(&self, raw: &Spanned<Raw>) -> Range<usize> {
        let span = raw.defined.span();
        let byte = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let start = self.text.floor_char_boundary(byte(span.byte_offset()));
        let end = self.text.floor_char_boundary(start.saturating_add(byte(span.byte_len())));
        start..end.max(start)
    }
}

/// An integer too long for 64 bits comes as a float that has lost digits; a robot must not get another number.
fn exact(kind: Kind, text: &str) -> Kind {
    let integer = text.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit());
    match kind {
        Kind::Number(number) if number.is_f64() && integer => Kind::Inexact,
        kind => kind,
    }
}
