//! The rules without a network: margins, back-off, the machine, the reader of answers, the file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use punctual::auth::answer::{Reply, clean, read};
use punctual::auth::core::{Asker, Class, Command, Core, Event, Kept, Left, Replay};
use punctual::auth::margins::{backoff, life};
use punctual::auth::private_file::{FileError, ensure_folder};
use punctual::auth::standing::Serve;
use punctual::auth::token_file::{Family, Stored, TokenFile};
use punctual::auth::trouble::Trouble;
use punctual::auth::{Generation, TokenState, token_url};
use punctual::grant::Style;
use punctual::secret::Secret;
use url::Url;

use crate::server::noon;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_token_is_renewed_at_its_soft_point_and_kept_back_from_its_hard_point() {
    // life, soft without jitter, soft with all of it, hard (T2)
    let table = [
        (86_400, 85_800, 85_740, 86_370),
        (3_600, 3_000, 2_940, 3_570),
        (600, 480, 468, 570),
        (120, 60, 54, 90),
        (100, 50, 50, 90),
        (8, 4, 4, 6),
    ];
    for (length, soft, soft_early, hard) in table {
        let at = |share| life(secs(1_000), secs(length), share);
        assert_eq!(at(0.0).soft, secs(1_000 + soft), "life {length}");
        assert_eq!(at(1.0).soft, secs(1_000 + soft_early), "life {length}");
        assert_eq!(at(0.5).hard, secs(1_000 + hard), "life {length}");
        assert_eq!(at(0.5).end, secs(1_000 + length), "life {length}");
    }
    assert_eq!(life(secs(0), secs(9_999_999), 0.0).end, secs(86_400), "nothing is believed beyond a day (T15)");
}

#[test]
fn the_back_off_doubles_from_a_second_to_a_minute() {
    let ceilings: Vec<u64> = (1..=9).map(|failures| backoff(failures, 1.0).as_secs()).collect();
    assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(backoff(u32::MAX, 1.0), secs(60));
    assert!(backoff(1, 0.0) >= Duration::from_millis(100));
}

#[test]
fn the_token_endpoint_follows_from_the_connection_s_url() {
    let table = [
        (
            "https://cloud.uipath.com/acme/prod/orchestrator_",
            Style::Identity,
            "https://cloud.uipath.com/acme/identity_/connect/token",
        ),
        (
            "https://cloud.uipath.com/acme/prod",
            Style::Identity,
            "https://cloud.uipath.com/acme/identity_/connect/token",
        ),
        (
            "https://staging.uipath.com/acme/prod/orchestrator_/",
            Style::Identity,
            "https://staging.uipath.com/acme/identity_/connect/token",
        ),
        (
            "https://suite.example.com/acme/prod/orchestrator_",
            Style::Identity,
            "https://suite.example.com/identity_/connect/token",
        ),
        (
            "https://orchestrator.example.com",
            Style::Identity,
            "https://orchestrator.example.com/identity/connect/token",
        ),
        (
            "https://orchestrator.example.com:8443/?x=1",
            Style::Identity,
            "https://orchestrator.example.com:8443/identity/connect/token",
        ),
        (
            "https://govcloud.uipath.us/acme/prod/orchestrator_",
            Style::Identity,
            "https://govcloud.uipath.us/acme/identity_/connect/token",
        ),
        ("https://govcloud.uipath.us/acme/prod", Style::Account, "https://govcloud.uipath.us/oauth/token"),
        ("https://notuipath.us/acme/prod", Style::Identity, "https://notuipath.us/identity/connect/token"),
        ("https://notuipath.com/acme/prod", Style::Identity, "https://notuipath.com/identity/connect/token"),
        ("https://platform.uipath.com/acme/acmeprod", Style::Account, "https://account.uipath.com/oauth/token"),
        ("https://cloud.uipath.com/acme/acmeprod", Style::Account, "https://account.uipath.com/oauth/token"),
        ("http://127.0.0.1:4010/acme/prod", Style::Account, "http://127.0.0.1:4010/oauth/token"),
        ("http://127.0.0.1:4010/acme/prod", Style::Identity, "http://127.0.0.1:4010/acme/identity_/connect/token"),
        (
            "http://[::1]:4010/acme/prod/orchestrator_",
            Style::Identity,
            "http://[::1]:4010/acme/identity_/connect/token",
        ),
        ("http://localhost:4010", Style::Identity, "http://localhost:4010/identity/connect/token"),
    ];
    for (base, style, expected) in table {
        assert_eq!(token_url(&Url::parse(base).unwrap(), style).as_str(), expected, "{base} {style:?}");
    }
}

fn granted(issued: u64, length: u64) -> Event {
    Event::Granted { issued: secs(issued), length: secs(length), kept: Kept::Safely }
}

fn failed(class: Class) -> Event {
    Event::Failed { class, left: Left::Request, kept: Kept::Safely }
}

/// A machine that got a token for an hour at 1000 s.
fn with_token(replay: Replay) -> Core {
    let mut core = Core::new(replay, 1, secs(1_000));
    assert_eq!(core.handle(Event::Tick, secs(1_000)), Some(Command::Ask(Asker::Itself)));
    assert_eq!(core.handle(granted(1_000, 3_600), secs(1_000)), None);
    core
}

#[test]
fn a_lost_answer_is_replayed_within_two_seconds_but_only_once() {
    let mut core = Core::new(Replay::OnlyAtOnce, 1, secs(1_000));
    core.handle(Event::Tick, secs(1_000));
    core.handle(failed(Class::Ambiguous), secs(1_000));
    let replay = core.standing().next_try().unwrap();
    assert!(replay > secs(1_000) && replay <= secs(1_002), "{replay:?}");
    assert_eq!(core.handle(Event::Tick, replay), Some(Command::Ask(Asker::Itself)));
    let mut latest = Duration::ZERO;
    for seed in 0..200 {
        let mut core = Core::new(Replay::OnlyAtOnce, seed, secs(1_000));
        for _ in 0..3 {
            core.handle(Event::Tick, secs(1_000));
            core.handle(failed(Class::Transient { retry_after: None }), secs(1_000));
            core.handle(Event::Tick, secs(1_030));
            core.handle(failed(Class::Ambiguous), secs(1_030));
        }
        latest = latest.max(core.standing().next_try().unwrap());
    }
    assert!(latest > secs(1_032), "the second lost answer follows the back-off: {latest:?}");
}

#[test]
fn a_server_s_retry_after_is_honoured_up_to_five_minutes() {
    for (ordered, expected) in [(90, 90), (3_600, 300)] {
        let mut core = with_token(Replay::Harmless);
        core.handle(Event::Tick, secs(4_000));
        core.handle(failed(Class::Transient { retry_after: Some(secs(ordered)) }), secs(4_000));
        assert_eq!(core.standing().next_try(), Some(secs(4_000 + expected)));
    }
}

#[test]
fn a_refresh_token_that_was_refused_is_not_tried_again_by_itself() {
    let mut core = with_token(Replay::OnlyAtOnce);
    assert_eq!(core.handle(Event::Tick, secs(4_000)), Some(Command::Ask(Asker::Itself)));
    core.handle(failed(Class::NeedsLogin), secs(4_000));
    assert_eq!(core.standing().state(secs(4_000)), TokenState::NeedsLogin);
    assert_eq!(core.standing().serve(secs(4_000)), Serve::Token, "the token at hand still works (T4)");
    for now in (4_005..90_000).step_by(5) {
        assert_eq!(core.handle(Event::Tick, secs(now)), Some(Command::Look), "at {now}");
    }
    assert_eq!(core.handle(Event::Changed, secs(90_001)), Some(Command::Ask(Asker::Itself)));
}

#[test]
fn a_token_that_is_dead_on_arrival_is_not_asked_for_again_before_ten_seconds() {
    let mut core = Core::new(Replay::Harmless, 1, secs(1_000));
    core.handle(Event::Tick, secs(1_000));
    core.handle(granted(1_000, 0), secs(1_000));
    assert_eq!(core.standing().next_try(), Some(secs(1_010)));
    assert_eq!(core.standing().serve(secs(1_000)), Serve::Nothing { retry_at: Some(secs(1_010)) });
}

#[test]
fn an_unsaved_login_is_written_every_second_and_nothing_is_asked_meanwhile() {
    let mut core = Core::new(Replay::OnlyAtOnce, 1, secs(1_000));
    core.handle(Event::Tick, secs(1_000));
    core.handle(Event::Granted { issued: secs(1_000), length: secs(3_600), kept: Kept::InMemoryOnly }, secs(1_000));
    assert_eq!(core.standing().serve(secs(1_000)), Serve::Token);
    for now in 1_001..9_000 {
        assert_eq!(core.handle(Event::Tick, secs(now)), Some(Command::Save), "at {now}");
        assert_eq!(core.handle(Event::Refused(Generation(1)), secs(now)), None);
        assert_eq!(core.handle(Event::SaveFailed, secs(now)), None);
        assert_eq!(core.standing().state(secs(now)), TokenState::Unsaved);
    }
    assert_eq!(core.handle(Event::Tick, secs(9_000)), Some(Command::Save));
    core.handle(Event::Saved, secs(9_000));
    assert_eq!(core.handle(Event::Tick, secs(9_000)), Some(Command::Ask(Asker::Itself)), "it is long due");
}

#[test]
fn tokens_that_worked_for_a_while_do_not_add_up_to_a_broken_login() {
    let mut core = with_token(Replay::Harmless);
    let mut now = 1_000;
    for generation in 1..20 {
        now += 1_200;
        assert_eq!(core.handle(Event::Refused(Generation(generation)), secs(now)), Some(Command::Ask(Asker::Itself)));
        core.handle(granted(now, 3_600), secs(now));
        assert_eq!(core.standing().state(secs(now)), TokenState::Valid);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Grant(u64),
    Fail(Class, Left),
    Refuse,
    RefuseOld,
    Change,
    Save,
    SaveFails,
    Unsaved,
    Find(u64),
    Force,
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        proptest::option::of(0..1_000_u64).prop_map(|s| Class::Transient { retry_after: s.map(secs) }),
        Just(Class::Ambiguous),
        Just(Class::NeedsLogin),
        Just(Class::BadClient),
        Just(Class::BadKey),
        Just(Class::SameToken),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_000_u64).prop_map(Step::Pass),
        6 => (0..12_u64).prop_map(Step::Pass),
        4 => (0..8_000_u64).prop_map(Step::Grant),
        4 => (class(), prop_oneof![Just(Left::Nothing), Just(Left::Request)]).prop_map(|(c, l)| Step::Fail(c, l)),
        3 => Just(Step::Refuse),
        1 => Just(Step::RefuseOld),
        1 => Just(Step::Change),
        1 => Just(Step::Save),
        1 => Just(Step::SaveFails),
        1 => Just(Step::Unsaved),
        1 => (31..8_000_u64).prop_map(Step::Find),
        2 => Just(Step::Force),
    ]
}

static STEPS: AtomicU64 = AtomicU64::new(0);

/// A case has a hundred steps on average. `PUNCTUAL_TOKEN_STEPS` says how many steps there are to be at least.
fn model_cases() -> u32 {
    std::env::var("PUNCTUAL_TOKEN_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(100_000_u32) / 95
}

#[test]
fn whatever_happens_the_machine_keeps_its_promises() {
    machine_keeps_its_promises();
    println!("figure: token machine: {} steps", STEPS.load(Ordering::Relaxed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(model_cases()))]

    /// T3, T4, T5, T9, T23 for any order of events.
    fn machine_keeps_its_promises(steps in proptest::collection::vec(step(), 1..200), seed: u64) {
        STEPS.fetch_add(steps.len() as u64, Ordering::Relaxed);
        let mut core = Core::new(Replay::OnlyAtOnce, seed, secs(1_000));
        let mut now = secs(1_000);
        let mut sent: Vec<Duration> = Vec::new();
        let mut unsaved = false;
        for step in steps {
            let was_busy = core.busy();
            let held_before = core.standing().held;
            let event = match step {
                Step::Pass(seconds) => { now += secs(seconds); Event::Tick }
                Step::Grant(length) if was_busy && !unsaved => Event::Granted { issued: now, length: secs(length), kept: Kept::Safely },
                Step::Find(length) if was_busy && !unsaved => {
                    // It needed no request.
                    sent.pop();
                    Event::Found { issued: now, length: secs(length) }
                }
                Step::Force => Event::Forced,
                Step::Unsaved if was_busy && !unsaved => { unsaved = true; Event::Granted { issued: now, length: secs(3_600), kept: Kept::InMemoryOnly } }
                Step::Fail(class, left) if was_busy && !unsaved => {
                    if left == Left::Nothing { sent.pop(); }
                    Event::Failed { class, left, kept: Kept::Safely }
                }
                Step::Refuse => Event::Refused(core.standing().held.map_or(Generation(1), |h| h.generation)),
                Step::RefuseOld => Event::Refused(Generation(0)),
                Step::Change => Event::Changed,
                Step::Save if was_busy && unsaved => { unsaved = false; Event::Saved }
                Step::SaveFails if was_busy && unsaved => Event::SaveFailed,
                Step::Grant(_) | Step::Find(_) | Step::Unsaved | Step::Fail(..) | Step::Save | Step::SaveFails => Event::Tick,
            };
            // A personal token that was refused is the one thing that a failure takes away: there is no other.
            let failed = matches!(event, Event::Failed { class, .. } if class != Class::SameToken);
            match core.handle(event, now) {
                Some(Command::Ask(_)) => {
                    prop_assert!(!was_busy, "two requests at once");
                    prop_assert!(!unsaved, "a request while the login was in memory only");
                    sent.push(now);
                    let recent = sent.iter().filter(|at| **at + secs(60) > now).count();
                    prop_assert!(recent <= 6, "{recent} requests within a minute");
                }
                Some(Command::Save) => prop_assert!(unsaved),
                Some(Command::Look) | None => {}
            }
            if failed {
                prop_assert_eq!(core.standing().held, held_before, "a failure took the token away");
            }
            if core.standing().serve(now) == Serve::Token {
                prop_assert!(now < core.standing().held.unwrap().life.hard, "an old token was handed out");
            }
            // Never stuck: something is under way, or planned.
            prop_assert!(core.busy() || core.standing().next_try().is_some());
        }
    }

}

/// Two thousand, unless `PROPTEST_CASES` says how many.
fn answer_cases() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(2_000),
    }
}

proptest! {
    #![proptest_config(answer_cases())]

    /// T16: no bytes make the reader panic or accept what cannot stand in a header.
    #[test]
    fn any_answer_is_read_without_believing_it(
        status in 100..600_u16,
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            answer_like().prop_map(|value| value.to_string().into_bytes()),
        ],
        html in any::<bool>(),
    ) {
        let content_type = if html { Some("text/html") } else { Some("application/json") };
        for style in [Style::Identity, Style::Account] {
            let answer = read(Reply { status, content_type, authenticate: None, retry_after: None, body: &body }, style, &[Secret::new("x")]);
            if let Ok(access) = answer.access {
                prop_assert!((200..300).contains(&status));
                let token = access.token.expose();
                prop_assert!(!token.is_empty() && token.len() <= 16 * 1024 && token.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert!(access.length <= secs(86_400));
            }
            if let Some(next) = answer.refresh_token {
                let text = String::from_utf8_lossy(&body);
                prop_assert!((200..300).contains(&status) || text.contains("access_token"));
                prop_assert!(!next.expose().is_empty() && next.expose().bytes().all(|b| matches!(b, b' '..=b'~')));
            }
        }
    }

    #[test]
    fn a_server_s_words_are_one_short_clean_line_without_our_secrets(text in ".*", secret in "[a-zA-Z0-9]{20,40}") {
        let said = clean(&format!("{text} {secret} {text}"), &[Secret::new(secret.as_str())]);
        prop_assert!(said.chars().count() <= 200);
        prop_assert!(!said.contains(&secret));
        let odd = said.chars().find(|c| c.is_control() || *c == '\u{202e}');
        prop_assert_eq!(odd, None);
    }
}

fn answer_like() -> impl Strategy<Value = serde_json::Value> {
    let odd = prop_oneof![
        Just(serde_json::json!(null)),
        Just(serde_json::json!(true)),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        any::<i64>().prop_map(|n| serde_json::json!(n)),
        any::<f64>().prop_map(|n| serde_json::json!(n)),
        ".{0,20}".prop_map(|s| serde_json::json!(s)),
        Just(serde_json::json!("Bearer")),
        Just(serde_json::json!("3600")),
        Just(serde_json::json!("1e400")),
        Just(serde_json::json!("NaN")),
        Just(serde_json::json!("a".repeat(16 * 1024 + 1))),
    ];
    let keys = ["access_token", "refresh_token", "expires_in", "token_type", "scope", "error", "error_description"];
    proptest::collection::hash_map(proptest::sample::select(keys.to_vec()), odd, 0..7)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

fn read_body(body: &str, style: Style) -> Result<(String, Duration), Trouble> {
    let reply = Reply { status: 200, content_type: None, authenticate: None, retry_after: None, body: body.as_bytes() };
    read(reply, style, &[]).access.map(|access| (access.token.expose().to_owned(), access.length))
}

#[test]
fn odd_lifetimes_are_read_with_care() {
    let table = [
        (r#"3600"#, 3_600),
        (r#""3600""#, 3_600),
        (r#""3600.9""#, 3_600),
        (r#"0"#, 0),
        (r#"-5"#, 0),
        (r#"99999999999999999999"#, 86_400),
        (r#""soon""#, 300),
        (r#"null"#, 300),
    ];
    for (written, expected) in table {
        let body = format!(r#"{{"access_token":"t","token_type":"bearer","expires_in":{written}}}"#);
        assert_eq!(read_body(&body, Style::Identity).unwrap().1.as_secs(), expected, "{written}");
    }
    assert_eq!(read_body(r#"{"access_token":"t"}"#, Style::Identity).unwrap().1, secs(300));
    assert_eq!(read_body(r#"{"access_token":"t"}"#, Style::Account).unwrap().1, secs(23 * 3_600));
}

#[test]
fn an_answer_without_a_usable_access_token_still_gives_its_refresh_token() {
    let body = br#"{"access_token":"two words","refresh_token":"refresh-1","token_type":"Bearer"}"#;
    let answer = read(
        Reply { status: 200, content_type: None, authenticate: None, retry_after: None, body },
        Style::Identity,
        &[],
    );
    assert_eq!(answer.access.unwrap_err(), Trouble::OddToken);
    assert_eq!(answer.refresh_token.unwrap().expose(), "refresh-1");
}

#[test]
fn a_new_refresh_token_is_found_in_whatever_was_made_of_the_answer() {
    let plain = r#"{"access_token":"at","refresh_token":"refresh-1","expires_in":"3600.5","token_type":"Bearer"}"#;
    let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let wrapped = format!("{{\"success\":true,\"data\":{plain}}}");
    let page = format!("<html><style>b {{ top: 0 }}</style><pre>{plain}</pre></html>");
    let escaped = format!("<html><pre>{}</pre></html>", plain.replace('"', "&quot;"));
    let text = serde_json::Value::String(plain.to_owned()).to_string();
    let whole: [&[u8]; 9] = [
        plain.as_bytes(),
        &[b"\xEF\xBB\xBF", plain.as_bytes()].concat(),
        &wide,
        &[b" \r\n\0", plain.as_bytes(), b"\0\0 <!-- gateway -->"].concat(),
        wrapped.as_bytes(),
        page.as_bytes(),
        escaped.as_bytes(),
        text.as_bytes(),
        b"access_token=at&refresh_token=refresh-1&token_type=Bearer",
    ];
    let reply =
        |status, body| Reply { status, content_type: Some("text/html"), authenticate: None, retry_after: None, body };
    for body in whole {
        let answer = read(reply(200, body), Style::Identity, &[]);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(answer.access.unwrap().token.expose(), "at", "{shown}");
        assert_eq!(answer.refresh_token.unwrap().expose(), "refresh-1", "{shown}");
        // A gateway's status in the place of the server's does not take it away.
        let answer = read(reply(502, body), Style::Identity, &[]);
        assert!(answer.access.is_err());
        assert_eq!(answer.refresh_token.unwrap().expose(), "refresh-1", "{shown}");
    }
    // Cut anywhere: whole from its closing quote on, and before that nothing.
    let closed = plain.find("refresh-1").unwrap() + "refresh-1\"".len();
    for end in 0..plain.len() {
        let answer = read(reply(200, &plain.as_bytes()[..end]), Style::Identity, &[]);
        let found = answer.refresh_token.map(|token| token.expose().to_owned());
        assert_eq!(found, (end >= closed).then(|| "refresh-1".to_owned()), "{end}");
    }
    // An object further in is not all there is of an answer that was cut.
    let cut = r#"{"access_token":"at","refresh_token":"refresh-1","limits":{"error":"none"},"sco"#;
    let answer = read(reply(200, cut.as_bytes()), Style::Identity, &[]);
    assert_eq!(answer.refresh_token.unwrap().expose(), "refresh-1");
    // A refusal that repeats a field is no answer.
    let echo = br#"{"error":"invalid_request","refresh_token":"must be a string"}"#;
    assert!(read(reply(400, echo), Style::Identity, &[]).refresh_token.is_none());
}

#[test]
fn tokens_within_another_object_are_found_and_null_counts_as_nothing() {
    let reply = |body| Reply { status: 200, content_type: None, authenticate: None, retry_after: None, body };
    for body in [
        r#"{"refresh_token":null,"data":{"access_token":"at","refresh_token":"refresh-1"}}"#,
        r#"{"access_token":null,"refresh_token":"","result":{"access_token":"at","refresh_token":"refresh-1"}}"#,
        r#"{"code":200,"message":"success","data":{"access_token":"at","refresh_token":"refresh-1","token_type":"Bearer"}}"#,
        // Each in its own place.
        r#"{"access_token":"at","data":{"refresh_token":"refresh-1"}}"#,
        r#"{"refresh_token":"refresh-1","data":{"access_token":"at"}}"#,
        r#"{"access_token":"at","refresh_token":null,"data":{"access_token":"at","refresh_token":"refresh-1"}}"#,
        r#"{"data":[{"access_token":"at","refresh_token":"refresh-1"}]}"#,
        r#"{"result":"{\"access_token\":\"at\",\"refresh_token\":\"refresh-1\"}"}"#,
        r#"{"result":{"data":{"access_token":"at","refresh_token":"refresh-1"}}}"#,
    ] {
        let answer = read(reply(body.as_bytes()), Style::Identity, &[]);
        assert_eq!(answer.access.unwrap().token.expose(), "at", "{body}");
        assert_eq!(answer.refresh_token.unwrap().expose(), "refresh-1", "{body}");
    }
    // Without an access token, the new login is saved all the same.
    let answer = read(reply(br#"{"data":{"refresh_token":"refresh-1"}}"#), Style::Identity, &[]);
    assert_eq!(answer.access.unwrap_err(), Trouble::NoToken);
    assert_eq!(answer.refresh_token.unwrap().expose(), "refresh-1");
    // What is somebody else's, or repeats what was sent, is not ours.
    for body in [
        r#"{"access_token":"at","authed_user":{"access_token":"other","refresh_token":"other-1"}}"#,
        r#"{"error":"invalid_grant","request":{"refresh_token":"refresh-0"}}"#,
        r#"{"error":"invalid_grant","request":{"access_token":"old","refresh_token":"refresh-0"}}"#,
        r#"{"access_token":"at","refresh_token":null}"#,
    ] {
        assert!(read(reply(body.as_bytes()), Style::Identity, &[]).refresh_token.is_none(), "{body}");
    }
    let repeated = r#"{"error":"invalid_grant","request":{"access_token":"old"}}"#;
    assert!(read(reply(repeated.as_bytes()), Style::Identity, &[]).access.is_err(), "{repeated}");
}

fn family() -> Family {
    Family::of(
        &Url::parse("https://cloud.uipath.com/acme/identity_/connect/token").unwrap(),
        "app-1",
        &Secret::new("refresh-0"),
    )
}

fn saved(file: &TokenFile, token: &str, from: Option<Stored>) -> Stored {
    let mut stored = from.unwrap_or_else(|| Stored::new(&family(), "cloud"));
    stored.rotate(Secret::new(token), noon());
    file.save(&mut stored).unwrap();
    stored
}

fn loaded(file: &TokenFile) -> String {
    file.load().unwrap().unwrap().refresh_token.unwrap().expose().to_owned()
}

#[test]
fn after_a_crash_at_any_step_of_a_save_the_old_or_the_new_token_is_there() {
    // The bytes of the new file, made elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = TokenFile::new(&elsewhere.path().join("tokens"), family());
    let first = saved(&other, "refresh-1", None);
    let old = std::fs::read(other.path()).unwrap();
    saved(&other, "refresh-2", Some(first));
    let new = std::fs::read(other.path()).unwrap();

    // The file, the copy next to it, the token that must be found.
    type Image<'a> = (&'a [u8], Option<&'a [u8]>, &'a str);
    let images: [Image<'_>; 5] = [
        (&old, None, "refresh-1"),
        (&old, Some(b""), "refresh-1"),
        (&old, Some(&new[..new.len() / 2]), "refresh-1"),
        (&old, Some(&new), "refresh-2"),
        (&new, None, "refresh-2"),
    ];
    for (number, (main, prepared, expected)) in images.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::new(&folder.path().join("tokens"), family());
        let prepared_path = file.path().with_extension("token.new");
        private_file(file.path(), main);
        if let Some(body) = prepared {
            private_file(&prepared_path, body);
        }
        assert_eq!(loaded(&file), expected, "image {number}");
        // A later save works from any of them.
        let stored = file.load().unwrap();
        saved(&file, "refresh-3", stored);
        assert_eq!(loaded(&file), "refresh-3", "image {number}");
        assert!(!prepared_path.exists());
    }
}

fn private_file(path: &std::path::Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    ensure_folder(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_damaged_or_open_or_newer_file_is_refused_and_never_taken_for_none() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(&folder.path().join("tokens"), family());
    saved(&file, "refresh-1", None);
    let whole = std::fs::read(file.path()).unwrap();
    for cut in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
        private_file(file.path(), &whole[..cut]);
        assert!(matches!(file.load(), Err(FileError::Damaged { .. })), "cut at {cut}");
    }
    let newer = String::from_utf8(whole.clone()).unwrap().replacen("punctual-token 2", "punctual-token 3", 1);
    private_file(file.path(), newer.as_bytes());
    assert!(matches!(file.load(), Err(FileError::Newer { .. })));
    private_file(file.path(), &whole);
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(file.load(), Err(FileError::Open { .. })));
}

#[test]
fn files_and_folder_are_for_their_owner_only_and_hold_no_first_token() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    let family =
        Family::of(&Url::parse("https://h/identity/connect/token").unwrap(), "app-1", &Secret::new("the-first-token"));
    let file = TokenFile::new(&tokens, family.clone());
    let mut stored = Stored::new(&family, "cloud");
    file.save(&mut stored).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&tokens), 0o700);
    assert_eq!(mode(file.path()), 0o600);
    assert!(!std::fs::read_to_string(file.path()).unwrap().contains("the-first-token"));
}

#[test]
fn a_second_process_cannot_take_a_family_while_the_first_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(&folder.path().join("tokens"), family());
    let first = file.try_lock().unwrap();
    assert!(first.is_some());
    assert!(file.try_lock().unwrap().is_none());
    drop(first);
    assert!(file.try_lock().unwrap().is_some());
}
