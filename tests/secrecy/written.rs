//! Secret files as people and tools write them: what is sent, what is named, and what is refused.

use punctual::secret::{NotWritten, Oddity, Purpose, Written, written};

const TOKEN: &str = "rt_5b1f0a9c7d3e4e5c2b90d1f7";
const SECRET: &str = "q9$Zk(r!Nd=7vT";

fn value(bytes: &[u8], purpose: Purpose) -> String {
    let Written { secret, .. } = written(bytes, purpose).unwrap();
    secret.expose().to_owned()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn what_cannot_be_meant_is_taken_off_every_kind_of_secret() {
    for purpose in [Purpose::ClientSecret, Purpose::RefreshToken, Purpose::PersonalToken, Purpose::Password] {
        for bytes in [
            format!("{SECRET}\n").into_bytes(),
            format!("{SECRET}\r\n").into_bytes(),
            // Notepad.
            format!("\u{feff}{SECRET}\r\n").into_bytes(),
            // Windows PowerShell's `>`; and of big-endian machines.
            utf16(&format!("\u{feff}{SECRET}\r\n"), u16::to_le_bytes),
            utf16(&format!("\u{feff}{SECRET}\r\n"), u16::to_be_bytes),
            format!("\n\r\n  \n{SECRET}\n\n \n").into_bytes(),
        ] {
            assert_eq!(value(&bytes, purpose), SECRET, "{bytes:?} as {purpose:?}");
        }
    }
}

#[test]
fn a_token_has_no_blanks_quotes_names_or_words_around_it() {
    for text in [
        format!("  {TOKEN}\t\n"),
        format!("\u{a0}{TOKEN}\u{200b}"),
        format!("\"{TOKEN}\""),
        format!("'{TOKEN}'\n"),
        format!("“{TOKEN}”"),
        format!("Bearer {TOKEN}"),
        format!("\"Bearer {TOKEN}\""),
        format!("Authorization: Bearer {TOKEN}"),
        format!("REFRESH_TOKEN={TOKEN}"),
        format!("export UIPATH_REFRESH_TOKEN=\"{TOKEN}\"\n"),
        format!("# of the payroll robot\nrefresh_token: {TOKEN}\n"),
        format!("CLIENT_ID=7f521a47\nREFRESH_TOKEN={TOKEN}\nSCOPE=OR.Jobs\n"),
        format!("{{\"access_token\": \"eyJhbGciOi\", \"expires_in\": 3600, \"refresh_token\": \"{TOKEN}\"}}\n"),
        format!("{{\n  \"userKey\": \"{TOKEN}\"\n}}"),
    ] {
        assert_eq!(value(text.as_bytes(), Purpose::RefreshToken), TOKEN, "{text}");
    }
    let env = format!("UIPATH_CLIENT_SECRET='{SECRET}'\n");
    assert_eq!(value(env.as_bytes(), Purpose::ClientSecret), SECRET);
    assert_eq!(value(format!("{{\"clientSecret\":\"{SECRET}\"}}").as_bytes(), Purpose::ClientSecret), SECRET);
}

#[test]
fn what_may_be_meant_stays_and_is_named() {
    let odd = |text: &str, purpose: Purpose| {
        let Written { secret, odd, .. } = written(text.as_bytes(), purpose).unwrap();
        assert_eq!(secret.expose(), text, "nothing is taken off");
        odd
    };
    assert_eq!(odd("\"Zk7!rNd7vT\"", Purpose::ClientSecret), [Oddity::Quotes]);
    assert_eq!(odd(" Zk7!rNd7vT", Purpose::Password), [Oddity::OuterBlank]);
    assert_eq!(odd("Bearer Zk7!rNd7vT", Purpose::Password), [Oddity::Bearer]);
    assert_eq!(odd("PASSWORD=Zk7!rNd7vT", Purpose::Password), [Oddity::Named]);
    assert_eq!(odd("{Zk7!rNd7vT}", Purpose::Password), [Oddity::Json]);
    assert_eq!(odd("Zk7 rNd7vT", Purpose::ClientSecret), [Oddity::InnerBlank]);
    assert_eq!(odd("Zk7é!rNd7vT", Purpose::ClientSecret), [Oddity::NotAscii]);
    let told = |text: &str, purpose: Purpose| odd(text, purpose).iter().map(ToString::to_string).collect::<Vec<_>>();
    for purpose in [Purpose::ClientSecret, Purpose::Password, Purpose::RefreshToken] {
        let sign = "the value has the character NO-BREAK SPACE (U+00A0) at position 4";
        assert_eq!(told("Zk7\u{a0}rNd7vT", purpose), [sign], "{purpose:?}");
    }
    let both = told("Zk7é“rNd7vT", Purpose::ClientSecret);
    assert!(both.len() == 2 && both[1].ends_with("LEFT DOUBLE QUOTATION MARK (U+201C) at position 5"), "{both:?}");
    assert_eq!(odd("hunter2", Purpose::Password), [Oddity::Short(7)]);
    assert_eq!(odd("correct horse battery é", Purpose::Password), []);
    for name in [Oddity::Quotes, Oddity::OuterBlank, Oddity::Named, Oddity::Short(7)] {
        assert!(name.to_string().starts_with("the value "), "{name}");
    }
}

#[test]
fn a_value_that_is_missing_or_not_clear_is_refused_by_what_it_is() {
    let why = |bytes: &[u8], purpose: Purpose| written(bytes, purpose).unwrap_err();
    for empty in [&b""[..], b"\n", b" \r\n ", "\u{feff}\r\n".as_bytes(), b"\xff\xfe", b"{\"refresh_token\":\"\"}"] {
        assert_eq!(why(empty, Purpose::RefreshToken), NotWritten::Empty, "{empty:?}");
    }
    assert_eq!(why(b"\xff\x00secret", Purpose::Password), NotWritten::NotText);
    assert_eq!(why(b"\xff\xfes", Purpose::Password), NotWritten::NotText);
    assert_eq!(why(&utf16(SECRET, u16::to_le_bytes), Purpose::ClientSecret), NotWritten::ZeroBytes);
    assert_eq!(why(b"one-secret\nanother-one\n", Purpose::ClientSecret), NotWritten::Lines);
    assert_eq!(why(b"{\"error\":\"invalid_grant\"}", Purpose::RefreshToken), NotWritten::Json);
    assert_eq!(why(b"hunter2\n", Purpose::ClientSecret), NotWritten::Short { length: 7 });
    assert!(
        why(b"hunter2", Purpose::PersonalToken).to_string().starts_with("too short: it has 7 of at least 8 characters")
    );
}
