//! Bodies as gateways send them, and the challenges of servers.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::{any, proptest};
use punctual::http::{Challenge, Content, challenges, challenges_of, is_loopback, is_page, plain, retry_after};
use reqwest::header::{CONTENT_ENCODING, DATE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

const JSON: &[u8] = br#"{"ok":true}"#;
const LIMIT: usize = 64 * 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn read(encoding: Option<&str>, body: &[u8]) -> Content {
    let mut headers = HeaderMap::new();
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
    }
    plain(&headers, body.to_vec(), LIMIT)
}

#[test]
fn what_a_gateway_packs_unasked_is_unpacked() {
    let zlib = {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
        out.write_all(JSON).unwrap();
        out.finish().unwrap()
    };
    let bare = {
        let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
        out.write_all(JSON).unwrap();
        out.finish().unwrap()
    };
    // RFC 7932, 9.2: one stored block of eleven bytes, and an empty last one.
    let brotli = [&[0xa0, 0x00, 0x10], JSON, &[0x03]].concat();
    let two_members = [gzip(b"{\"ok\""), gzip(b":true}")].concat();
    let table: [(Option<&str>, Vec<u8>); 13] = [
        (None, JSON.to_vec()),
        (Some("identity"), JSON.to_vec()),
        (Some("gzip"), gzip(JSON)),
        (Some("GZIP"), gzip(JSON)),
        (Some("x-gzip"), two_members),
        (Some("deflate"), zlib.clone()),
        (Some("deflate"), bare),
        (Some("br"), brotli),
        (Some("deflate, gzip"), gzip(&zlib)),
        // The header was lost on the way.
        (None, gzip(JSON)),
        // The header says what is not so.
        (Some("gzip"), JSON.to_vec()),
        (Some("utf-8"), JSON.to_vec()),
        (Some("gzip"), [&[0xef, 0xbb, 0xbf], JSON].concat()),
    ];
    for (encoding, body) in table {
        assert_eq!(read(encoding, &body), Content::Whole(JSON.to_vec()), "{encoding:?}: {body:?}");
    }
    // An answer without a body, as 204 and many 401 are.
    assert_eq!(read(Some("gzip"), b""), Content::Whole(Vec::new()));
}

#[test]
fn a_body_that_unpacks_beyond_the_limit_is_too_long_and_takes_no_memory() {
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 80_000, "{}", bomb.len());
    assert_eq!(read(Some("gzip"), &bomb), Content::TooLong);
    assert_eq!(read(Some("gzip, gzip"), &gzip(&bomb)), Content::TooLong);
    assert_eq!(read(Some("gzip"), &gzip(&vec![b' '; LIMIT])), Content::Whole(vec![b' '; LIMIT]));
}

#[test]
fn what_cannot_be_unpacked_names_its_encoding() {
    let cut = gzip(&[JSON; 9].concat());
    let table: [(&str, &[u8], &str); 4] = [
        ("zstd", b"\x28\xb5\x2f\xfd", "`zstd`"),
        ("gzip", &cut[..cut.len() / 2], "`gzip`"),
        ("br", b"\xff\xff\xff\xff", "`br`"),
        ("gzip,gzip,gzip,gzip", &gzip(JSON), "4 times"),
    ];
    for (encoding, body, words) in table {
        let Content::Broken { cause } = read(Some(encoding), body) else { panic!("{encoding} was read") };
        assert!(cause.contains(words), "{cause}");
    }
}

#[test]
fn a_byte_order_mark_before_json_is_no_part_of_it() {
    let utf16 = |of: fn(u16) -> [u8; 2], mark: [u8; 2]| {
        let text = r#"{"ok":"é€😀"}"#;
        [mark.to_vec(), text.encode_utf16().flat_map(of).collect()].concat()
    };
    assert_eq!(read(None, &[&[0xef, 0xbb, 0xbf], JSON].concat()), Content::Whole(JSON.to_vec()));
    assert_eq!(read(Some("gzip"), &gzip(&[&[0xef, 0xbb, 0xbf], JSON].concat())), Content::Whole(JSON.to_vec()));
    for body in [utf16(u16::to_le_bytes, [0xff, 0xfe]), utf16(u16::to_be_bytes, [0xfe, 0xff])] {
        assert_eq!(read(None, &body), Content::Whole(r#"{"ok":"é€😀"}"#.into()));
    }
}

#[test]
fn challenges_are_read_as_servers_write_them() {
    let read = |lines: &[&str]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
        }
        challenges(&headers, WWW_AUTHENTICATE)
    };
    let bearer = |error: &str, description: Option<&str>, scope: Option<&str>| Challenge {
        scheme: "Bearer".to_owned(),
        realm: None,
        error: Some(error.to_owned()),
        error_description: description.map(str::to_owned),
        scope: scope.map(str::to_owned),
    };
    assert_eq!(
        read(&[r#"Bearer error="invalid_token", error_description="The audience 'UiPath.Apps', or none, is invalid""#]),
        [bearer("invalid_token", Some("The audience 'UiPath.Apps', or none, is invalid"), None)]
    );
    assert_eq!(
        read(&[
            r#"Bearer error=insufficient_scope , scope = "OR.Jobs OR.Folders", error_description="say \"please\"""#
        ]),
        [bearer("insufficient_scope", Some(r#"say "please""#), Some("OR.Jobs OR.Folders"))]
    );
    let schemes = |lines: &[&str]| read(lines).into_iter().map(|one| one.scheme).collect::<Vec<_>>();
    assert_eq!(schemes(&["Negotiate", "NTLM"]), ["Negotiate", "NTLM"]);
    assert_eq!(schemes(&["Negotiate, NTLM, Basic realm=\"a, b\", Bearer"]), ["Negotiate", "NTLM", "Basic", "Bearer"]);
    assert_eq!(schemes(&["NTLM TlRMTVNTUAAC=="]), ["NTLM"]);
    assert_eq!(read(&["Basic realm=\"a, b\""])[0].realm.as_deref(), Some("a, b"));
    for odd in ["", ",,", "=", "\"", "Bearer error=\"cut"] {
        read(&[odd]);
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_within_the_limit_and_without_a_panic(
        body in any::<Vec<u8>>(),
        encoding in "(gzip|deflate|br|x|,| ){0,4}",
        text in "[Bb]earer|\\PC{0,60}",
    ) {
        for body in [body.clone(), gzip(&body)] {
            if let Content::Whole(read) = read(Some(&encoding), &body) {
                // UTF-16 grows by half at most when it becomes UTF-8.
                assert!(read.len() <= LIMIT * 2);
            }
        }
        challenges_of(&text);
    }
}

#[test]
fn a_page_is_known_by_its_type_or_by_its_first_sign() {
    let wide: Vec<u8> = "\u{feff}  <html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for page in [&b"<html>"[..], b" \r\n<!doctype html>", "\u{feff}<html>".as_bytes(), &wide, b"<?xml version='1.0'?>"]
    {
        assert!(is_page(None, page), "{page:?}");
        assert!(is_page(Some("application/json"), page), "{page:?}");
    }
    for kind in ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"] {
        assert!(is_page(Some(kind), b"sign in"), "{kind}");
    }
    for data in [JSON, b"", b"\"<\"", b"sign in <here>"] {
        assert!(!is_page(Some("application/json"), data), "{data:?}");
    }
}

#[test]
fn this_machine_is_known_however_its_address_is_written() {
    let is_here = |url: &str| is_loopback(&url.parse().unwrap());
    for here in ["http://localhost", "http://LOCALHOST:1", "http://127.0.0.1", "http://127.8.8.8", "http://[::1]:8443"]
    {
        assert!(is_here(here), "{here}");
    }
    for elsewhere in ["http://localhost.example.com", "http://10.0.0.1", "http://[fe80::1]", "data:,localhost"] {
        assert!(!is_here(elsewhere), "{elsewhere}");
    }
}

#[test]
fn a_server_is_waited_for_as_long_as_it_says_and_no_longer_than_we_allow() {
    let (now, most) = ("2026-03-01T00:00:00Z".parse().unwrap(), std::time::Duration::from_secs(300));
    let waits = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        headers.insert(DATE, HeaderValue::from_static("Sun, 01 Mar 2026 07:00:00 GMT"));
        retry_after(&headers, now, most).map(|wait| wait.as_secs())
    };
    assert_eq!([waits("7"), waits("301"), waits("soon")], [Some(7), Some(300), None]);
    // By the server's own clock, which may be hours from ours.
    assert_eq!(waits("Sun, 01 Mar 2026 07:00:09 GMT"), Some(9));
    assert_eq!(waits("Sun, 01 Mar 2026 06:00:00 GMT"), Some(0));
    assert_eq!(waits("Mon, 02 Mar 2026 07:00:00 GMT"), Some(300));
}
