//! Token servers that take long, answers that are packed and break off, and a browser's code while the process ends.

use std::io::Write as _;
use std::time::Duration;

use punctual::auth::token_file::{Family, TokenFile};
use punctual::auth::{Credential, KeptSecrets, Login, LoginFate, TokenManager, TokenState, Unfinished};
use punctual::grant::Grant;
use punctual::secret::{Purpose, Secret, SecretSource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use crate::server::{House, Said, Seen, soon, when};
use crate::{counting, secs, text_of};

/// Lets seconds pass, with work between.
async fn pass(house: &House, seconds: u64) {
    for _ in 0..seconds {
        house.hand.advance(secs(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

/// Lets time pass until one more try has failed; what is said of it.
async fn given_up(house: &House, manager: &TokenManager) -> String {
    let before = manager.status().refreshes_failed;
    soon(async {
        while manager.status().refreshes_failed == before {
            pass(house, 1).await;
        }
    })
    .await;
    manager.status().last_error.unwrap()
}

/// A server that takes 18 s for each answer. A first request of a day has been seen to take 12 s, and under load all of them
/// longer than their clients' limits (DuendeArchive/IdentityServer4 4327 and 4465, DuendeArchive/Support 641).
#[tokio::test]
async fn a_server_that_takes_eighteen_seconds_gives_a_token_at_the_second_try() {
    for grant in [House::client_credentials, House::password, House::account] {
        let house = House::new(|_, seen: &Seen| match seen.path.as_str() {
            "/api/account/authenticate" => Said::json(200, serde_json::json!({ "result": "at-1", "success": true })),
            _ => Said::token("at-1"),
        })
        .await;
        house.server.close_gate();
        let manager = house.manager(grant(&house));
        house.server.arrived(1).await;
        let told = given_up(&house, &manager).await;
        assert!(told.contains("punctual stopped waiting after 15 s"), "{told}");
        assert!(told.contains("waits up to 30 s then"), "{told}");
        soon(async {
            while house.server.count() < 2 {
                pass(&house, 1).await;
            }
        })
        .await;
        pass(&house, 18).await;
        assert_eq!(manager.status().refreshes_failed, 1, "it is waited for longer now");
        house.server.open_gate();
        when(&manager, |status| status.state == TokenState::Valid).await;
        assert_eq!(text_of(&manager).await, "at-1");
        assert_eq!(house.server.count(), 2);
    }
}

#[tokio::test]
async fn the_wait_grows_with_each_try_that_was_given_up_and_begins_anew_after_an_answer() {
    let house = House::new(|_, _: &Seen| Said::error(503, "busy")).await;
    house.server.close_gate();
    let manager = house.manager(house.client_credentials());
    for after in [15, 30, 60, 100, 100] {
        let told = given_up(&house, &manager).await;
        assert!(told.contains(&format!("stopped waiting after {after} s")), "{told}");
    }
    let before = house.server.count();
    house.server.open_gate();
    let told = given_up(&house, &manager).await;
    assert!(told.contains("answered 503"), "{told}");
    assert!(house.server.count() > before);
    house.server.close_gate();
    let told = given_up(&house, &manager).await;
    assert!(told.contains("stopped waiting after 15 s"), "{told}");
}

#[tokio::test]
async fn a_token_that_works_once_is_waited_for_as_long_at_the_first_try() {
    let house = House::new(counting).await;
    house.server.close_gate();
    let manager = house.manager(house.identity());
    house.server.arrived(1).await;
    let told = given_up(&house, &manager).await;
    assert!(told.contains("stopped waiting after 100 s"), "{told}");
}

/// As `zlib.brotliCompress` of Node makes it of the answer below.
const BROTLI: &str = "1bd700608cc3743b2b1f5d2549b206d795faf2c911f403c4528ebca09f0c65b94f57aad0aa610651528a4dd5e3533bd4c92249b327dc3e9afa628bced027100c371807b9e489ea22d09044ef0cc302b1c12e2990d0ad0f77876190eb1f77da0b91430636a13ab8ae48d83013f4978da38f8b056b76500320eb19c2e7f9db5c8ddab4f6d666947c0cdc5d1b57637f3b9592c1181b8508b706166e1c3af81414f803";
const ANSWER: &str = r#"{"access_token":"at-1","refresh_token":"refresh-1","token_type":"Bearer","expires_in":3600,"scope":"OR.Jobs OR.Folders.Read OR.Execution.Read offline_access","id_token":"eyJhbGciOiJSUzI1NiIsImtpZCI6IjE2RkI0RjM5QzY4"}"#;

fn packed(encoding: &str) -> Vec<u8> {
    match encoding {
        "br" => BROTLI
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
        "deflate" => {
            let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(ANSWER.as_bytes()).unwrap();
            out.finish().unwrap()
        }
        _ => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(ANSWER.as_bytes()).unwrap();
            out.finish().unwrap()
        }
    }
}

/// Answers each request with these bytes and closes; gives the token address.
async fn blurts(bytes: Vec<u8>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/acme/identity_/connect/token", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&bytes).await;
        }
    });
    Url::parse(&url).unwrap()
}

/// What a login whose answer is so sent says and keeps.
async fn sent(encoding: &str, said: usize, body: &[u8]) -> (String, Option<String>) {
    let house = House::new(counting).await;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {said}\r\n\r\n"
    );
    let url = blurts([head.as_bytes(), body].concat()).await;
    let credential = Credential { token_url: url.clone(), ..house.credential(house.identity()) };
    let manager = TokenManager::start(credential, house.environment()).unwrap();
    let status = when(&manager, |status| status.refreshes_failed + status.refreshes_ok > 0).await;
    let file = TokenFile::new(&house.tokens(), Family::of(&url, "app-1", &Secret::new("refresh-0")));
    let stored = file.load().unwrap().unwrap();
    let kept = stored.refresh_token.map(|token| token.expose().to_owned());
    (status.last_error.unwrap_or_default(), kept)
}

#[tokio::test]
async fn of_a_packed_answer_that_breaks_off_the_token_that_works_once_is_kept() {
    for encoding in ["br", "deflate", "gzip"] {
        let whole = packed(encoding);
        let (told, kept) = sent(encoding, whole.len(), &whole).await;
        assert_eq!((told.as_str(), kept.as_deref()), ("", Some("refresh-1")), "{encoding}");
        let part = &whole[..whole.len() - 20];
        // The connection broke, and: the gateway itself sent no more.
        for length in [whole.len(), part.len()] {
            let (told, kept) = sent(encoding, length, part).await;
            assert_eq!(kept.as_deref(), Some("refresh-1"), "{encoding}, {length} said: {told}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_unpacked_is_told_as_such() {
    let whole = packed("br");
    let (told, kept) = sent("br", 12, &whole[..12]).await;
    assert_eq!(kept, None);
    assert!(
        told.contains("answered 200, but its body is said to be encoded as `br`, and cannot be unpacked"),
        "{told}"
    );
    let (told, _) = sent("zstd", 4, b"\x28\xb5\x2f\xfd").await;
    assert!(told.contains("answered 200, but its body is encoded as `zstd`"), "{told}");
    assert!(told.contains("have the proxy or gateway on the way send answers whole and without compression"), "{told}");
}

fn kept_identity() -> Grant {
    Grant::RefreshTokenIdentity {
        client_id: "app-1".to_owned(),
        client_secret: SecretSource::Kept,
        refresh_token: SecretSource::Kept,
        scope: None,
    }
}

fn logs_in(number: usize, seen: &Seen) -> Said {
    match seen.field("grant_type").unwrap().as_str() {
        "authorization_code" => Said::rotated("at-0", "refresh-0"),
        _ => Said::rotated(&format!("at-{number}"), &format!("refresh-{}", number - 1)),
    }
}

#[tokio::test]
async fn a_browser_s_code_that_was_sent_becomes_a_login_although_the_process_ends_and_the_person_has_gone() {
    let house = House::new(logs_in).await;
    let manager = house.manager(kept_identity());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    house.server.close_gate();
    let login = Login::begin(manager.credential(), 8_400).unwrap();
    let person = tokio::spawn({
        let manager = manager.clone();
        async move { manager.finish_login(login, Secret::new("code-1")).await.map(|_| ()) }
    });
    house.server.arrived(1).await;
    assert_eq!(house.server.seen()[0].field("grant_type").unwrap(), "authorization_code");
    let under_way = house.exchanges.under_way();
    assert_eq!(
        under_way.first().map(|one| one.connection.as_str()),
        Some("cloud"),
        "whoever ends the process waits for it"
    );
    house.exchanges.close();
    person.abort();
    house.server.open_gate();
    soon(house.exchanges.ended()).await;
    // Redeemed, tried and kept: three steps, none of which is left out at the end.
    let kept = KeptSecrets::new(&house.tokens()).read("cloud", Purpose::RefreshToken).unwrap().unwrap();
    assert_eq!(kept.expose(), "refresh-0");
    let sent: Vec<_> = house.server.seen().iter().filter_map(|seen| seen.field("refresh_token")).collect();
    assert_eq!(sent, ["refresh-0"]);
}

#[tokio::test]
async fn a_code_is_not_sent_by_a_process_that_is_about_to_end() {
    let house = House::new(logs_in).await;
    let manager = house.manager(kept_identity());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    house.exchanges.close();
    let login = Login::begin(manager.credential(), 8_400).unwrap();
    let refused = soon(manager.finish_login(login, Secret::new("code-1"))).await.unwrap_err();
    let Unfinished::Code(cause) = refused else { panic!("{refused:?}") };
    assert_eq!(cause.fate, LoginFate::Unreachable);
    assert!(cause.to_string().contains("was not sent, because this process is about to end"), "{cause}");
    house.hand.advance(Duration::from_secs(1));
    assert_eq!(house.server.count(), 0);
}

#[tokio::test]
async fn of_an_answer_to_a_browser_s_code_that_is_cut_the_refresh_token_becomes_the_login() {
    let house = House::new(|number, seen| match seen.field("grant_type").unwrap().as_str() {
        "authorization_code" => {
            let said = Said::rotated("at-0", "refresh-0");
            // Whatever cut it sent no more of the access token, which is the last member here.
            let body = r#"{"refresh_token":"refresh-0","expires_in":3600,"token_type":"Bearer","access_token":"at"#;
            Said { body: body.to_owned(), ..said }
        }
        _ => logs_in(number, seen),
    })
    .await;
    let manager = house.manager(kept_identity());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    let login = Login::begin(manager.credential(), 8_400).unwrap();
    let status = soon(manager.finish_login(login, Secret::new("code-1"))).await.unwrap();
    assert_eq!(status.state, TokenState::Valid, "{status:?}");
    let kept = KeptSecrets::new(&house.tokens()).read("cloud", Purpose::RefreshToken).unwrap().unwrap();
    assert_eq!(kept.expose(), "refresh-0");
}
