//! Reads the body of an answer, up to a limit, as the bytes that were meant.
//!
//! Gateways compress answers that were asked for as they are, and some say so of answers that are not (deepdetect #176);
//! Windows servers put a byte order mark before JSON, which RFC 8259 8.1 lets a reader ignore. None of this may make an
//! answer unreadable: it may say that a job was made, or hold a token that works once.
//!
//! The limit holds for what was received and for what comes out of it, so a body that unpacks to gigabytes costs no more
//! memory than any other.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use serde::de::IgnoredAny;

use super::trouble::innermost;

/// A chain of encodings that is longer is a mistake or an attack.
const MOST_ENCODINGS: usize = 3;

/// A body as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// To its end: unpacked, in UTF-8 where it said what it is in, and without a byte order mark.
    Whole(Vec<u8>),
    /// Longer than the limit, as it came or unpacked.
    TooLong,
    /// It cannot be had.
    Broken {
        /// Why, as a fragment.
        cause: String,
    },
}

/// Reads the rest of an answer whose headers are these; at most `limit` bytes.
pub(crate) async fn read(response: &mut Response, headers: &HeaderMap, limit: usize) -> Content {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > limit => return Content::TooLong,
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return plain(headers, bytes, limit),
            Err(error) => return Content::Broken { cause: innermost(&error) },
        }
    }
}

/// What a body was before it was packed; at most `limit` bytes.
pub fn plain(headers: &HeaderMap, bytes: Vec<u8>, limit: usize) -> Content {
    let named: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| String::from_utf8_lossy(value.as_bytes()).split(',').map(named).collect::<Vec<_>>())
        .filter(|name| !name.is_empty() && name != "identity")
        .collect();
    // A gateway that takes the header away leaves gzip's own mark, which begins no text.
    let named = if named.is_empty() && bytes.starts_with(&[0x1f, 0x8b]) { vec!["gzip".to_owned()] } else { named };
    if named.is_empty() || bytes.is_empty() || is_text(&bytes) {
        return Content::Whole(as_utf8(bytes));
    }
    if named.len() > MOST_ENCODINGS {
        return Content::Broken { cause: format!("it is said to be encoded {} times over", named.len()) };
    }
    let mut bytes = bytes;
    for name in named.iter().rev() {
        bytes = match unpacked(name, &bytes, limit) {
            Ok(unpacked) if unpacked.len() > limit => return Content::TooLong,
            Ok(unpacked) => unpacked,
            Err(cause) => return Content::Broken { cause },
        };
    }
    Content::Whole(as_utf8(bytes))
}

fn named(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// One byte more than the limit shows that it is too long.
fn unpacked(name: &str, bytes: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let most = (limit as u64).saturating_add(1);
    let mut out = Vec::new();
    let read = match name {
        "gzip" | "x-gzip" => MultiGzDecoder::new(bytes).take(most).read_to_end(&mut out),
        // Meant is zlib's form (RFC 9110, 8.4.1.2); old Windows servers send the bare one.
        "deflate" if is_zlib(bytes) => ZlibDecoder::new(bytes).take(most).read_to_end(&mut out),
        "deflate" => DeflateDecoder::new(bytes).take(most).read_to_end(&mut out),
        "br" => brotli_decompressor::Decompressor::new(bytes, 4096).take(most).read_to_end(&mut out),
        other => {
            let shown: String = other.chars().filter(|c| c.is_ascii_graphic()).take(20).collect();
            return Err(format!("its body is encoded as `{shown}`, which nobody asked for and which is not read here"));
        }
    };
    match read {
        Ok(_) => Ok(out),
        Err(cause) => Err(format!("its body is said to be encoded as `{name}`, and cannot be unpacked: {cause}")),
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    let [first, second, ..] = bytes else { return false };
    first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0
}

/// JSON or a page as they are, whatever the header says.
fn is_text(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match text.first() {
        Some(b'{' | b'[' | b'"') => serde_json::from_slice::<IgnoredAny>(text).is_ok(),
        Some(b'<') => std::str::from_utf8(text).is_ok(),
        _ => false,
    }
}

/// Without a byte order mark, and with UTF-16 turned into UTF-8 where the mark says so.
fn as_utf8(bytes: Vec<u8>) -> Vec<u8> {
    let units = |of: fn([u8; 2]) -> u16| {
        let units = bytes[2..].as_chunks::<2>().0.iter().map(|two| of(*two));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
    };
    match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => bytes,
    }
}

/// A page for people, where data was asked for: by its type, XHTML included, or by its first sign. Login pages and those of
/// firewalls come as JSON too, with a byte order mark, and in two bytes a character.
pub fn is_page(content_type: Option<&str>, beginning: &[u8]) -> bool {
    let named = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    // Blanks, zero bytes, and the bytes of the three marks.
    let before = |byte: &&u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF);
    named || beginning.iter().find(|byte| !before(byte)) == Some(&b'<')
}
