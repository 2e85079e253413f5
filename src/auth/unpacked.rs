//! Unpacks what came of a compressed answer, as far as it goes.
//!
//! Nobody asks for compression here, and it comes all the same: from gateways, and from networks that take the header away and
//! leave the bytes packed (modelcontextprotocol/typescript-sdk 2408 and 2436), so gzip is known by its own first bytes. Of an
//! answer that breaks off, what came before the break is unpacked: the token that works once may be in it.
//!
//! Pure, total over any bytes.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

const GZIP: [u8; 2] = [0x1F, 0x8B];
/// Gateways in a row have packed an answer twice.
const MOST_LAYERS: usize = 3;

/// The bytes that were packed, at most `limit` of them, by what `Content-Encoding` says and by what they are.
pub(super) fn unpacked(headers: &HeaderMap, bytes: Vec<u8>, limit: usize) -> Vec<u8> {
    let mut bytes = bytes;
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let named = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|names| names.split(',').map(|name| name.trim().to_ascii_lowercase())).collect();
    // The last one was applied last.
    for name in named.iter().rev().take(MOST_LAYERS) {
        if is_text(&bytes) {
            break;
        }
        bytes = match name.as_str() {
            "deflate" => {
                // Meant is zlib's form (RFC 9110, 8.4.1.2); some servers send the bare one.
                let zlib = part(ZlibDecoder::new(bytes.as_slice()).take(most));
                if zlib.is_empty() { part(DeflateDecoder::new(bytes.as_slice()).take(most)) } else { zlib }
            }
            "br" => part(brotli_decompressor::Decompressor::new(bytes.as_slice(), 4096).take(most)),
            "gzip" | "x-gzip" if bytes.starts_with(&GZIP) => part(MultiGzDecoder::new(bytes.as_slice()).take(most)),
            _ => bytes,
        };
    }
    for _ in 0..MOST_LAYERS {
        if !bytes.starts_with(&GZIP) {
            break;
        }
        bytes = part(MultiGzDecoder::new(bytes.as_slice()).take(most));
    }
    bytes
}

/// What comes before the end or the first fault. Piece by piece, since a fault takes back nothing that was read before.
fn part(mut packed: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    let mut piece = [0; 512];
    while let Ok(read @ 1..) = packed.read(&mut piece) {
        out.extend_from_slice(&piece[..read]);
    }
    out
}

/// Not packed, whatever the header says.
fn is_text(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'<' | b'['))
}
