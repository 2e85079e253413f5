//! A secret that comes back in any form is masked, whole and in pieces; and innocent text stays as it is.
//!
//! Secrets are drawn from a seed, `PUNCTUAL_SECRETS` of them: 2,000 in the short form, each in a few forms, 100,000 in the long
//! one, each in all.

use std::time::Instant;

use punctual::secret::Secret;
use punctual::witness::{MASK, Masker, excerpt, masked, masked_by, without_secrets};

use crate::encoders::{self, Encoder, base64};

/// A generator that gives the same numbers for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Beyond ASCII: one of Latin-1, others, and one that UTF-16 needs two units for.
const OTHERS: [char; 8] = ['é', 'ü', 'ß', 'Å', '€', 'Ж', '日', '😀'];

/// What a decoder would take for an escape, as a part of the secret itself.
const TRAPS: [&str; 10] = ["%41", "&lt;", "\\u0041", "\\n", "&amp;", "%2", "\\\\", "&#65;", "++", "''"];

/// 8 to 200 printable characters.
fn secret(dice: &mut Dice) -> String {
    let length = if dice.below(4) == 0 { 8 + dice.below(6) } else { 8 + dice.below(193) };
    let mut text = String::new();
    while text.chars().count() < length {
        match dice.below(60) {
            0..4 => text.push(OTHERS[dice.below(OTHERS.len())]),
            4 => text.push_str(TRAPS[dice.below(TRAPS.len())]),
            _ => text.push(char::from(b' ' + dice.below(95) as u8)),
        }
    }
    text.chars().take(length).collect()
}

fn is_long() -> bool {
    std::env::var_os("PUNCTUAL_FULL").is_some()
}

fn count() -> usize {
    let long = if is_long() { 100_000 } else { 2_000 };
    std::env::var("PUNCTUAL_SECRETS").ok().and_then(|text| text.parse().ok()).unwrap_or(long)
}

fn seed() -> u64 {
    std::env::var("PUNCTUAL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_126)
}

/// What is left of an echo that stood between brackets which no encoder writes.
fn left<'a>(shown: &'a str, what: &dyn Fn() -> String) -> &'a str {
    let inner = shown.strip_prefix("refused ⟦").and_then(|rest| rest.strip_suffix("⟧ at `login`"));
    inner.unwrap_or_else(|| panic!("{}: the text around it is gone: {shown}", what()))
}

/// Blanks and backslashes at its ends are not what makes a secret.
fn without_blanks(text: &str) -> String {
    let blanks = [
        "%2520", "%20", "%2B", "&#x20;", "&#32;", "\\u0020", "\\x20", "=20", "=2B", "\\040", "\\40", "\\053", "\\53",
        "\\000020", "\\00002B", "\\20 ", "\\2b ", "\\20", "\\2b", "+", " ",
    ];
    let text = blanks.iter().fold(text.replace(MASK, ""), |text, blank| text.replace(blank, ""));
    text.replace(|c: char| c.is_control() || c == '\\', "")
}

/// Each echo with its name: whole, and cut after or before a piece of eight characters or more.
struct Echo {
    name: String,
    text: String,
    /// What of the secret it holds.
    part: String,
}

fn echoes(secret: &str, dice: &mut Dice, all: &[(String, Encoder)]) -> Vec<Echo> {
    let mut echoes = Vec::new();
    for (name, encoder) in all {
        if !is_long() && dice.below(8) != 0 {
            continue;
        }
        let units: Vec<String> = secret.chars().map(encoder).collect();
        echoes.push(Echo { name: name.clone(), text: units.concat(), part: secret.to_owned() });
        if dice.below(4) == 0 {
            let kept = 8 + dice.below(units.len() - 7);
            echoes.push(Echo {
                name: format!("{name}; cut after {kept}"),
                text: units[..kept].concat() + "…",
                part: secret.chars().take(kept).collect(),
            });
        }
        // A form is split at its `&`, an address at its `@` and `/`: the end of a secret alone.
        if dice.below(4) == 0 {
            let from = dice.below(units.len() - 7);
            echoes.push(Echo {
                name: format!("{name}; from {from}"),
                text: units[from..].concat(),
                part: secret.chars().skip(from).collect(),
            });
        }
    }
    echoes
}

/// What the text below would be with a masker that knows the secret as it is and no other form.
fn literally(text: &str, secret: &str) -> String {
    text.replace(secret, MASK)
}

#[test]
fn no_form_of_a_secret_and_no_piece_of_one_is_left() {
    let (count, seed) = (count(), seed());
    println!("seed {seed}, {count} secrets");
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(4);
    let parts: Vec<_> = (0..threads)
        .map(|part| {
            std::thread::spawn(move || {
                let mut found = Found::default();
                for number in (part..count).step_by(threads) {
                    found.look(seed.wrapping_add(number as u64 * 7919));
                }
                found
            })
        })
        .collect();
    let mut all = Found::default();
    for part in parts {
        let part = part.join().unwrap();
        all.echoes += part.echoes;
        all.missed_before += part.missed_before;
    }
    // The masker of before, which knew only the literal form, would have let through most of them.
    assert!(all.missed_before * 2 > all.echoes, "{} of {}", all.missed_before, all.echoes);
    println!(
        "figure: {count} secrets in {} echoes, each masked; the literal form alone would have left {}",
        all.echoes, all.missed_before
    );
}

#[derive(Default)]
struct Found {
    echoes: usize,
    missed_before: usize,
}

impl Found {
    fn look(&mut self, seed: u64) {
        let mut dice = Dice(seed);
        let text = secret(&mut dice);
        let secrets = [Secret::new(text.as_str())];
        let masker = Masker::of(&secrets);
        for Echo { name, text: echo, part } in echoes(&text, &mut dice, &encoders::all()) {
            let line = format!("refused ⟦{echo}⟧ at `login`");
            let shown = masker.mask(&line);
            let what = || format!("seed {seed}, {name}, secret {text}");
            let left = without_blanks(left(&shown, &what).trim_end_matches('…'));
            // Read through two encodings, what looks like an escape is read as one.
            let length = if name.contains(" of ") { counted(&as_read(&part)) } else { counted(&part) };
            // A cut may go through what looks like an escape; fewer than eight characters are no piece.
            let fine =
                left.is_empty() || is_common(&part) || length < 8 || (name.contains("; ") && left.chars().count() < 8);
            assert!(fine, "{}: {left} is left in {shown}", what());
            self.count(&line, &text, &echo);
        }
        for before in ["", "x", "id", "app-1:", "user:", "0-9:a:"] {
            if !is_long() && dice.below(8) != 0 {
                continue;
            }
            for (url, padded) in [(false, true), (false, false), (true, true), (true, false)] {
                let after = ["", "\n", "&scope=x"][dice.below(3)];
                let (echo, held) = base64(before, &text, after, url, padded);
                let line = format!("refused ⟦{echo}⟧ at `login`");
                let shown = masker.mask(&line);
                let what = || format!("seed {seed}, base64 after `{before}`, secret {text}");
                let around = format!("{}{MASK}{}", &echo[..held.start], &echo[held.end..]);
                let left = left(&shown, &what);
                // More than the secret's own characters may be masked where they are shared.
                let rest = |held: &std::ops::Range<usize>| echo.len() - held.len();
                // Blanks at its ends may be left, of which base64 makes letters.
                let bare = text.trim();
                let (first, last) = text.split_once(bare).unwrap_or_default();
                let (same, held_bare) =
                    base64(&format!("{before}{first}"), bare, &format!("{last}{after}"), url, padded);
                assert_eq!(same, echo);
                let most = rest(&held).max(rest(&held_bare));
                let fits = left == around || without_blanks(left).len() <= most;
                assert!(fits, "{}: {left} in the place of {around}", what());
                self.count(&line, &text, &echo);
            }
        }
    }

    fn count(&mut self, line: &str, secret: &str, echo: &str) {
        self.echoes += 1;
        self.missed_before += usize::from(literally(line, secret).contains(echo));
    }
}

#[test]
fn a_list_of_bytes_is_masked_as_the_text_that_it_is() {
    let mut dice = Dice(seed());
    for _ in 0..count() {
        let text = secret(&mut dice);
        let bare = text.trim();
        if is_common(bare) || counted(bare) < 9 {
            continue;
        }
        let masker = Masker::of(&[Secret::new(bare)]);
        let list =
            |write: &dyn Fn(u8) -> String, between: &str| bare.bytes().map(write).collect::<Vec<_>>().join(between);
        for (name, shown) in [
            ("Rust and Python", list(&|byte| byte.to_string(), ", ")),
            ("JavaScript", list(&|byte| byte.to_string(), ",")),
            ("Java", list(&|byte| byte.cast_signed().to_string(), ", ")),
            ("blanks", list(&|byte| byte.to_string(), " ")),
            ("a line each", list(&|byte| byte.to_string(), ",\n        ")),
        ] {
            if !is_long() && dice.below(2) != 0 {
                continue;
            }
            let masked = masked_by(&format!("body: [{shown}]; 12 jobs, 3 of 4"), &masker);
            assert!(masked.starts_with(&format!("body: [{MASK}")), "{name}, secret {bare}: {masked}");
            assert!(masked.ends_with("]; 12 jobs, 3 of 4"), "{name}, secret {bare}: {masked}");
        }
    }
}

#[test]
fn a_line_that_quoted_printable_breaks_hides_nothing() {
    let known = [Secret::new("correct=horse=battery-staple")];
    for end in ["\n", "\r\n"] {
        let echo = format!("password=3Dcorrect=3Dhorse={end}=3Dbattery-sta={end}ple refused");
        let shown = Masker::of(&known).mask(&echo);
        assert_eq!(shown, format!("password=3D{MASK} refused"));
    }
}

/// Fewer than sixteen letters that read like words are specific to no secret.
fn is_common(piece: &str) -> bool {
    piece.chars().count() < 16 && piece.chars().all(|c| c.is_alphabetic() || !c.is_ascii() || " -_.:/+".contains(c))
}

/// A piece with `%2e`, `&lt;`, `\\u0041` and the like as one character each, whatever it is.
fn as_read(piece: &str) -> String {
    let mut read = String::new();
    let mut rest = piece;
    while let Some(first) = rest.chars().next() {
        let hex = |from: usize, count: usize| {
            rest.get(from..from + count).is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        let name = rest.find(';').filter(|end| (3..=8).contains(end));
        let length = match first {
            '%' if hex(1, 2) => 3,
            '\\' if rest[1..].starts_with('u') && hex(2, 4) => 6,
            '\\' if rest[1..].starts_with('x') && hex(2, 2) => 4,
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '&' => name.map_or(1, |end| end + 1),
            _ => first.len_utf8(),
        };
        read.push(if length == first.len_utf8() { first } else { 'A' });
        rest = &rest[length..];
    }
    read
}

/// How long a piece is when backslashes, which encoders add and take, do not count, and doubled signs count once.
fn counted(piece: &str) -> usize {
    let mut signs: Vec<char> = piece.chars().filter(|c| *c != '\\').collect();
    signs.dedup_by(|one, other| one == other && !one.is_alphanumeric());
    signs.len()
}

/// What servers and this program say all day.
const INNOCENT: [&str; 12] = [
    "POST https://cloud.uipath.com/acme/prod/orchestrator_/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs answered 409",
    "{\"message\":\"Unattended Robot is required for process InvoiceIntake\",\"errorCode\":1670,\"result\":null}",
    "connection `payroll`: POST https://cloud.uipath.com/identity_/connect/token answered 400 `invalid_client` (client_id=7f521a47-e999-4aa4-8aa2-d26d1d93fd63)",
    "a form: grant_type=client_credentials&client_id=payroll-robot&client_secret=[secret]&scope=OR.Jobs OR.Execution.Read",
    "<html><title>A potentially dangerous Request.Form value was detected from the client (client_secret=…)</title></html>",
    "TLS 1.3, certificate by `C=US, O=Let's Encrypt, CN=R11`, valid until 2026-12-24",
    "the refresh token was refused before with `invalid_grant` and was not sent to https://cloud.uipath.com/identity_/connect/token again",
    "Basic realm=\"orchestrator\", charset=\"UTF-8\"",
    "{\"@odata.context\":\"https://host/odata/$metadata#Jobs\",\"@odata.count\":2,\"value\":[{\"Key\":\"0ab6f9d2-1f0c-4a5b-9f86-3d4c2b1a0e9f\",\"State\":\"Faulted\"}]}",
    "the folder `Finance/Accounts payable` was not found; did you mean `Finance/Accounts receivable`?",
    "-----------------------------------------------------------------------",
    "dGhlIGFuc3dlciBpcyBub3QgYSBzZWNyZXQgYW5kIG5vdCBhIHRva2VuIGVpdGhlcg==",
];

#[test]
fn innocent_text_stays_as_it_is() {
    let mut dice = Dice(seed());
    let mut secrets: Vec<String> = (0..2_000).map(|_| secret(&mut dice)).collect();
    // As people choose them.
    secrets.extend(
        [
            "payroll-robot-2026!x",
            "marker-client-secret-5b1f0a9c7d3e",
            "Orchestrator+Prod&77",
            "my_client_secret_Q7",
            "correct horse battery",
            "https://me@x",
        ]
        .map(str::to_owned),
    );
    // What stays as it is for one who knows twenty of them stays so for one who knows one.
    for some in secrets.chunks(20) {
        let known: Vec<Secret> = some.iter().map(|text| Secret::new(text.as_str())).collect();
        let masker = Masker::of(&known);
        for innocent in INNOCENT {
            assert_eq!(masker.mask(innocent), innocent, "with one of the secrets {some:?}");
        }
    }
}

#[test]
fn a_short_password_is_masked_whole_and_a_very_short_one_only_as_a_word() {
    let shown = |secret: &str, text: &str| without_secrets(text, &[Secret::new(secret)]);
    assert_eq!(
        shown("hunter2", "no user with hunter2, xhunter2x or hunter%32"),
        format!("no user with {MASK}, x{MASK}x or {MASK}")
    );
    assert_eq!(shown("ab", "absent, not `ab` and not a%62"), format!("absent, not `{MASK}` and not {MASK}"));
}

#[test]
fn what_was_cut_before_it_was_masked_keeps_no_beginning_of_a_secret() {
    let secret = [Secret::new("correct-horse-battery-staple")];
    assert_eq!(without_secrets("bad password correct-horse-b…", &secret), format!("bad password {MASK}…"));
    // Eight letters in the middle of a sentence may be anybody's.
    assert_eq!(without_secrets("the correct-horse is red", &secret), "the correct-horse is red");
    let body = format!("{{\"error\":\"{}client_secret={}\"}}", "x ".repeat(90), "correct-horse-battery-staple");
    let shown = excerpt(body.as_bytes(), &secret);
    assert!(shown.ends_with("client_secre") || shown.contains(MASK) || !shown.contains("correct"), "{shown}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what is measured is this machine's work, not a time of the product")]
fn masking_takes_time_in_proportion_to_the_text() {
    let mut dice = Dice(7);
    let secrets: Vec<Secret> = (0..4).map(|_| Secret::new(secret(&mut dice))).collect();
    let took = |text: &str| {
        let began = Instant::now();
        assert!(!masked(text, &secrets).is_empty());
        began.elapsed()
    };
    for (name, unit) in [
        ("base64", "QWxhZGRpbjpvcGVuIHNlc2FtZQ0K"),
        ("percent", "%25%32%35"),
        ("backslashes", "\\\\"),
        ("references", "&amp;"),
        ("one letter", "a"),
        ("quoted-printable", "=3D=41"),
        ("octal", "\\075\\101"),
        ("CSS", "\\3d \\41 "),
        ("bytes", "72, 101, "),
        ("every kind", "%3D&#61;\\u003d=3D\\075\\3d 61, 72, "),
    ] {
        let text = |bytes: usize| unit.repeat(bytes / unit.len());
        let (short, long) = (took(&text(16 * 1024)), took(&text(64 * 1024)));
        println!("figure: 16 KiB of {name}: {} ms, 64 KiB: {} ms", short.as_millis(), long.as_millis());
        assert!(long < short * 12 + std::time::Duration::from_millis(200), "{name}: {short:?}, {long:?}");
    }
}
