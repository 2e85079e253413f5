//! How servers, gateways and libraries write the same characters. Each is a function of one character, so a piece of a text
//! in any of these forms is known character by character.
//!
//! What they do was taken from the encoders themselves: ASP.NET's request validation and `JavaScriptEncoder`, Python's
//! `html.escape` and `json.dumps`, PHP's `htmlentities` and `json_encode`, Go's `encoding/json`, OWASP's encoders, JavaScript's
//! `escape`, Python's `quopri`, `git`'s quoted paths, and from what leaked past maskers that knew fewer (actions/runner #284 and #2960, azure-pipelines-agent #5030,
//! jenkins-library #2289).

pub(crate) type Encoder = Box<dyn Fn(char) -> String>;

/// One that stands on no other.
type Plain = (&'static str, fn(char) -> String);

fn percent(c: char, kept: &str, upper: bool) -> String {
    if c.is_ascii_alphanumeric() || kept.contains(c) {
        return c.to_string();
    }
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).bytes();
    bytes.map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect()
}

/// Each byte of UTF-8.
fn bytes(c: char, write: fn(u8) -> String) -> String {
    c.to_string().bytes().map(write).collect()
}

fn form(c: char, upper: bool) -> String {
    if c == ' ' { "+".to_owned() } else { percent(c, "*-._", upper) }
}

fn units(c: char, upper: bool) -> String {
    let mut buffer = [0; 2];
    let each = |unit: &mut u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    c.encode_utf16(&mut buffer).iter_mut().map(each).collect()
}

fn json(c: char) -> String {
    if matches!(c, '"' | '\\') { format!("\\{c}") } else { c.to_string() }
}

fn html(c: char, quote: &str) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => quote.to_owned(),
        c => c.to_string(),
    }
}

fn html_latin(c: char) -> String {
    match c {
        'é' => "&eacute;".to_owned(),
        'ü' => "&uuml;".to_owned(),
        'ß' => "&szlig;".to_owned(),
        'Å' => "&Aring;".to_owned(),
        c => html(c, "&#039;"),
    }
}

fn html_every_sign(c: char) -> String {
    let name = match c {
        '!' => "excl",
        '#' => "num",
        '$' => "dollar",
        '%' => "percnt",
        '(' => "lpar",
        ')' => "rpar",
        '*' => "ast",
        '+' => "plus",
        ',' => "comma",
        '.' => "period",
        '/' => "sol",
        ':' => "colon",
        ';' => "semi",
        '=' => "equals",
        '?' => "quest",
        '@' => "commat",
        '[' => "lsqb",
        '\\' => "bsol",
        ']' => "rsqb",
        '^' => "Hat",
        '_' => "lowbar",
        '`' => "grave",
        '{' => "lcub",
        '|' => "vert",
        '}' => "rcub",
        c => return html(c, "&apos;"),
    };
    format!("&{name};")
}

/// Each encoder by name, then those one over another that are met: a page that shows JSON, JSON in an address, and twice.
pub(crate) fn all() -> Vec<(String, Encoder)> {
    let plain: [Plain; 36] = [
        ("literal", |c| c.to_string()),
        ("form", |c| form(c, true)),
        ("form, lower case", |c| form(c, false)),
        ("percent", |c| percent(c, "-._~", true)),
        ("percent, lower case", |c| percent(c, "-._~", false)),
        ("percent, a path", |c| percent(c, "-._~!$&'()*+,;=:@", true)),
        ("percent, a query", |c| percent(c, "-._~!$'()*,;:@/?", false)),
        ("percent, encodeURI", |c| percent(c, "-._~!*'();/?:@&=+$,#", true)),
        ("percent, every byte", |c| c.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect()),
        ("percent, Latin-1", |c| {
            if ('\u{80}'..='\u{ff}').contains(&c) { format!("%{:02X}", c as u32) } else { percent(c, "", true) }
        }),
        ("JavaScript's escape", |c| match c {
            c if c.is_ascii_alphanumeric() || "@*_+-./".contains(c) => c.to_string(),
            c if (c as u32) < 0x100 => format!("%{:02X}", c as u32),
            c => units(c, true).replace('\\', "%"),
        }),
        ("JSON", json),
        ("JSON of PHP", |c| {
            if c == '/' {
                "\\/".to_owned()
            } else if c.is_ascii() {
                json(c)
            } else {
                units(c, false)
            }
        }),
        ("JSON of Python", |c| if c.is_ascii() { json(c) } else { units(c, false) }),
        ("JSON of Go", |c| if "<>&".contains(c) { units(c, false) } else { json(c) }),
        ("JSON of .NET", |c| if "\"&'+<>`".contains(c) || !c.is_ascii() { units(c, true) } else { json(c) }),
        ("JSON, every character", |c| units(c, true)),
        ("JavaScript, hex", |c| {
            if c.is_ascii_alphanumeric() || !c.is_ascii() { c.to_string() } else { format!("\\x{:02x}", c as u32) }
        }),
        ("Rust's Debug", |c| c.escape_default().to_string()),
        ("HTML", |c| html(c, "&#39;")),
        ("HTML of Python", |c| html(c, "&#x27;")),
        ("HTML of PHP", html_latin),
        ("HTML, decimal", |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("&#{};", c as u32) }),
        ("HTML, hex", |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("&#x{:X};", c as u32) }),
        ("HTML, every character", |c| format!("&#x{:x};", c as u32)),
        ("HTML, every sign", html_every_sign),
        ("SQL and CSV", |c| if matches!(c, '\'' | '"') { format!("{c}{c}") } else { c.to_string() }),
        ("UTF-8 read as Latin-1", |c| c.to_string().bytes().map(char::from).collect()),
        ("quoted-printable", |c| {
            if matches!(c, '!'..='<' | '>'..='~' | ' ') {
                c.to_string()
            } else {
                bytes(c, |byte| format!("={byte:02X}"))
            }
        }),
        ("quoted-printable, every byte", |c| bytes(c, |byte| format!("={byte:02x}"))),
        ("octal, three digits", |c| {
            if c.is_ascii_alphanumeric() { c.to_string() } else { bytes(c, |byte| format!("\\{byte:03o}")) }
        }),
        ("octal, as short as it can be", |c| {
            if c.is_ascii_alphanumeric() { c.to_string() } else { bytes(c, |byte| format!("\\{byte:o}")) }
        }),
        ("octal, every byte", |c| bytes(c, |byte| format!("\\{byte:03o}"))),
        ("CSS", |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\{:x} ", c as u32) }),
        ("CSS, six digits", |c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\{:06X}", c as u32) }),
        ("ASCII only", |c| if c.is_ascii() { c.to_string() } else { "?".to_owned() }),
    ];
    let mut all: Vec<(String, Encoder)> = Vec::new();
    for (name, encoder) in plain {
        all.push((name.to_owned(), Box::new(encoder)));
    }
    let by_name = |wanted: &str| plain.iter().find(|(name, _)| *name == wanted).map(|(_, encoder)| *encoder).unwrap();
    for (outer, inner) in [
        ("form", "form"),
        ("percent", "percent"),
        ("percent, lower case", "form"),
        ("HTML", "HTML"),
        ("HTML", "form"),
        ("HTML", "JSON"),
        ("HTML of Python", "JSON of .NET"),
        ("HTML, hex", "form"),
        ("JSON", "JSON"),
        ("JSON", "HTML"),
        ("JSON of Go", "HTML"),
        ("JSON of PHP", "form"),
        ("form", "JSON"),
        ("percent", "JSON of .NET"),
        ("percent, lower case", "HTML"),
        ("JSON", "Rust's Debug"),
        ("quoted-printable", "HTML"),
        ("quoted-printable", "form"),
        ("JSON", "octal, three digits"),
        ("JSON", "CSS"),
    ] {
        let (first, second) = (by_name(inner), by_name(outer));
        all.push((format!("{outer} of {inner}"), Box::new(move |c| first(c).chars().map(second).collect())));
    }
    all
}

/// In one of base64's alphabets, with the bytes that stand before it; and the characters of it that hold the secret.
pub(crate) fn base64(
    before: &str,
    secret: &str,
    after: &str,
    url: bool,
    padded: bool,
) -> (String, std::ops::Range<usize>) {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let bytes = format!("{before}{secret}{after}");
    let text = match (url, padded) {
        (false, true) => STANDARD.encode(bytes),
        (false, false) => STANDARD_NO_PAD.encode(bytes),
        (true, true) => URL_SAFE.encode(bytes),
        (true, false) => URL_SAFE_NO_PAD.encode(bytes),
    };
    let end = before.len() + secret.len();
    (text, before.len() * 8 / 6..(end * 8).div_ceil(6))
}
