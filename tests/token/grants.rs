//! The grants without OAuth, secrets kept by `punctual login`, and tokens asked for by a person.

use punctual::auth::{Generation, KeptSecrets, TokenState};
use punctual::clock::later;
use punctual::grant::{Grant, GrantKind, KEYS};
use punctual::secret::{Purpose, Secret, SecretSource};
use serde_json::json;

use crate::server::{House, Said, Seen, names, noon, soon, when};
use crate::{counting, one_use, secs, text_of, valid};

fn bearer(number: usize, _: &Seen) -> Said {
    Said::json(
        200,
        json!({ "result": format!("at-{number}"), "targetUrl": null, "success": true, "error": null,
            "unAuthorizedRequest": false, "__abp": true }),
    )
}

fn wrong_password() -> Said {
    Said::json(
        400,
        json!({ "message": "Invalid username/email address or password.", "errorCode": 1000, "traceId": "x" }),
    )
}

#[tokio::test]
async fn a_password_is_sent_as_json_and_its_token_used_for_less_than_half_an_hour() {
    let house = House::new(bearer).await;
    let manager = house.manager(house.password());
    let status = valid(&manager).await;
    assert_eq!(text_of(&manager).await, "at-1");
    assert_eq!(status.expires_at, Some(later(noon(), secs(25 * 60))));
    let request = &house.server.seen()[0];
    assert_eq!(request.path, "/api/account/authenticate");
    assert_eq!(request.content_type(), "application/json");
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        body,
        json!({ "tenancyName": "default", "usernameOrEmailAddress": "svc-punctual", "password": "password-1" })
    );
    house.hand.advance(secs(25 * 60));
    assert_eq!(text_of(&manager).await, "at-2");
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_an_hour_and_a_new_one_at_once() {
    for refusal in [
        wrong_password(),
        Said::json(401, json!({})),
        Said::json(
            200,
            json!({ "result": null, "success": false, "error": { "code": 0, "message": "Login failed!" },
                "unAuthorizedRequest": true, "__abp": true }),
        ),
    ] {
        let house = House::new(move |number, seen: &Seen| match seen.field("password").as_deref() {
            Some("password-2") => bearer(number, seen),
            _ => refusal.clone(),
        })
        .await;
        let manager = house.manager(house.password());
        let refused = when(&manager, |status| status.refreshes_failed == 1).await;
        assert_eq!(refused.state, TokenState::NeedsLogin);
        assert_eq!(refused.last_error_code.as_deref(), Some("invalid_password"));
        for _ in 0..3 * 3_600 / 5 {
            let before = manager.status();
            house.hand.advance(secs(5));
            when(&manager, |status| status.next_try_at != before.next_try_at).await;
        }
        let tries = house.server.count();
        assert!((3..=4).contains(&tries), "{tries} tries in three hours");
        house.write("password", "password-2");
        house.hand.advance(secs(5));
        valid(&manager).await;
        assert_eq!(house.server.count(), tries + 1);
    }
}

#[tokio::test]
async fn a_personal_token_is_used_as_it_is_and_no_server_is_asked() {
    let house = House::new(counting).await;
    let manager = house.manager(house.personal());
    let status = valid(&manager).await;
    assert_eq!(text_of(&manager).await, "personal-1");
    assert_eq!((status.expires_at, status.refreshes_ok, status.taken_from_file), (None, 0, 1));
    for _ in 0..400 {
        house.hand.advance(secs(86_400));
        assert_eq!(text_of(&manager).await, "personal-1");
    }
    assert_eq!(house.server.count(), 0);
    assert!(!house.tokens().exists(), "it is kept nowhere else");
}

#[tokio::test]
async fn a_refused_personal_token_is_not_used_until_there_is_another_or_five_minutes_have_passed() {
    let house = House::new(counting).await;
    let manager = house.manager(house.personal());
    valid(&manager).await;
    let refused = soon(manager.renewed(Generation(1))).await.unwrap_err();
    assert_eq!(refused.state, TokenState::NeedsLogin);
    let folder = house.folder.path().display().to_string();
    insta::assert_snapshot!(refused.to_string().replace(&folder, "/etc"), @"connection `cloud`: Orchestrator answered 401 to the personal access token; it has ended, was revoked, or belongs to another organization: create a new one and put it in `file:/etc/pat`; it is looked for every 5 s");
    assert_eq!(soon(manager.token()).await.unwrap_err().state, TokenState::NeedsLogin);

    // The refusal may have been the server's mistake.
    house.hand.advance(secs(300));
    when(&manager, |status| status.state == TokenState::Valid).await;
    let second = soon(manager.token()).await.unwrap();
    assert_eq!((second.secret.expose(), second.generation), ("personal-1", Generation(2)));
    assert!(soon(manager.renewed(Generation(2))).await.is_err());

    house.write("pat", "personal-2");
    house.hand.advance(secs(5));
    when(&manager, |status| status.generation == Some(Generation(3))).await;
    assert_eq!(text_of(&manager).await, "personal-2");

    // One that was replaced before it was refused is taken at the refusal.
    house.write("pat", "personal-3");
    house.hand.advance(secs(11));
    assert_eq!(soon(manager.renewed(Generation(3))).await.unwrap().secret.expose(), "personal-3");
}

fn without_secrets() -> [(Grant, Purpose); 5] {
    let id = || "app-1".to_owned();
    let kept = || SecretSource::Kept;
    [
        (
            Grant::ClientCredentials { client_id: id(), client_secret: kept(), scope: "OR.Jobs".to_owned() },
            Purpose::ClientSecret,
        ),
        (Grant::RefreshTokenAccount { client_id: id(), refresh_token: kept() }, Purpose::RefreshToken),
        (
            Grant::RefreshTokenIdentity { client_id: id(), client_secret: kept(), refresh_token: kept(), scope: None },
            Purpose::RefreshToken,
        ),
        (Grant::Password { username: "u".to_owned(), password: kept() }, Purpose::Password),
        (Grant::PersonalAccessToken { token: kept() }, Purpose::PersonalToken),
    ]
}

#[tokio::test]
async fn a_secret_left_out_waits_for_a_login_and_is_taken_up_at_once() {
    for (grant, kind) in without_secrets() {
        let house = House::new(|number, seen: &Seen| match seen.path.as_str() {
            "/api/account/authenticate" => bearer(number, seen),
            _ => counting(number, seen),
        })
        .await;
        let is_personal = matches!(grant, Grant::PersonalAccessToken { .. });
        let manager = house.manager(grant);
        let missing = soon(manager.token()).await.unwrap_err();
        assert_eq!(missing.state, TokenState::NeedsLogin, "{kind}");
        assert_eq!(
            missing.to_string(),
            format!(
                "connection `cloud`: no {kind}: `auth.{}` is left out, and none has been kept yet; run `punctual login cloud`; it is looked for every 5 s",
                kind.key()
            )
        );
        assert_eq!(house.server.count(), 0);
        KeptSecrets::new(&house.tokens()).keep("cloud", kind, &Secret::new("kept-1")).unwrap();
        let status = soon(manager.look()).await;
        assert_eq!(status.state, TokenState::Valid, "{kind}: {status:?}");
        if is_personal {
            assert_eq!(text_of(&manager).await, "kept-1");
        } else {
            assert!(house.server.seen()[0].body.contains("kept-1"), "{kind}");
        }
        // Nothing has changed: nothing is sent.
        let count = house.server.count();
        soon(manager.look()).await;
        assert_eq!(house.server.count(), count, "{kind}");
    }
}

#[tokio::test]
async fn a_new_login_is_used_at_once_though_the_old_token_still_works() {
    let house = House::new(one_use("first-login")).await;
    let kept = KeptSecrets::new(&house.tokens());
    kept.keep("cloud", Purpose::RefreshToken, &Secret::new("first-login")).unwrap();
    let [_, _, (grant, _), _, _] = without_secrets();
    let manager = house.manager(grant);
    valid(&manager).await;
    kept.keep("cloud", Purpose::RefreshToken, &Secret::new("second-login")).unwrap();
    house.server.answer_with(one_use("second-login"));
    let status = soon(manager.look()).await;
    assert_eq!((status.state, status.generation), (TokenState::Valid, Some(Generation(2))));
    assert_eq!(house.server.seen()[1].field("refresh_token").unwrap(), "second-login");
}

#[test]
fn kept_secrets_are_private_whole_and_can_be_forgotten() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    let kept = KeptSecrets::new(&tokens);
    assert!(kept.read("cloud", Purpose::Password).unwrap().is_none());
    kept.keep("cloud", Purpose::Password, &Secret::new("one")).unwrap();
    kept.keep("cloud", Purpose::Password, &Secret::new("two")).unwrap();
    kept.keep("../x", Purpose::Password, &Secret::new("three")).unwrap();
    assert_eq!(kept.read("cloud", Purpose::Password).unwrap().unwrap().expose(), "two");
    assert_eq!(kept.read("../x", Purpose::Password).unwrap().unwrap().expose(), "three");
    assert!(kept.read("cloud", Purpose::ClientSecret).unwrap().is_none());
    assert!(names(folder.path()).len() == 1 && names(&tokens).len() == 2, "nothing outside: {:?}", names(&tokens));
    let path = tokens.join("cloud.password.kept");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&tokens), mode(&path)), (0o700, 0o600));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert!(kept.read("cloud", Purpose::Password).unwrap_err().to_string().ends_with("is damaged"));
    assert!(kept.forget("cloud", Purpose::Password).unwrap());
    assert!(!kept.forget("cloud", Purpose::Password).unwrap());
    assert!(kept.keep("cloud", Purpose::Password, &Secret::new("x".repeat(40_000))).is_err());
}

#[tokio::test]
async fn a_person_s_refresh_asks_once_and_keeps_to_the_budget() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    let status = soon(manager.refresh()).await.unwrap();
    assert_eq!(status.generation, Some(Generation(2)));
    // Together with one under way: one request.
    house.server.close_gate();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let manager = manager.clone();
            tokio::spawn(async move { manager.refresh().await.unwrap().generation })
        })
        .collect();
    house.server.arrived(3).await;
    house.server.open_gate();
    for one in both {
        assert!(soon(one).await.unwrap() >= Some(Generation(3)));
    }
    let mut refused = None;
    for _ in 0..6 {
        refused = soon(manager.refresh()).await.err();
    }
    let refused = refused.unwrap();
    assert_eq!(house.server.count(), 6);
    assert_eq!(refused.retry_at, Some(later(noon(), secs(60))));
    assert_eq!(refused.state, TokenState::Valid, "the token at hand works");
    assert!(refused.to_string().contains("six times a minute"), "{refused}");
}

#[tokio::test]
async fn a_person_s_refresh_skips_the_back_off() {
    let house = House::new(|_, _: &Seen| Said::error(503, "down")).await;
    let manager = house.manager(house.client_credentials());
    when(&manager, |status| status.refreshes_failed == 1).await;
    house.server.answer_with(counting);
    assert!(soon(manager.refresh()).await.is_ok());
}

#[test]
fn each_grant_has_one_row_that_says_what_a_file_may_hold() {
    let mut labels: Vec<&str> = GrantKind::ALL.iter().map(|kind| kind.facts().label).collect();
    let mut marks: Vec<&str> = GrantKind::ALL.iter().map(|kind| kind.facts().mark).collect();
    labels.sort_unstable();
    labels.dedup();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!((labels.len(), marks.len()), (GrantKind::ALL.len(), GrantKind::ALL.len()));
    for kind in GrantKind::ALL {
        let facts = kind.facts();
        assert_eq!(facts.kind, kind);
        // The secret may always be left out, and is kept by `punctual login` then.
        assert!(facts.takes.contains(&facts.secret.key()), "{kind:?}");
        let named = facts.needs.iter().chain(facts.takes);
        assert!(named.clone().all(|key| KEYS.contains(key)), "{kind:?}");
        assert_eq!(named.count() + facts.surplus().count(), KEYS.len(), "{kind:?}: a key is named twice");
    }
}

#[test]
fn names_of_token_files_do_not_follow_the_words_of_the_table() {
    // A mark that changes loses every login and every token that is kept.
    let marks: Vec<&str> = GrantKind::ALL.iter().map(|kind| kind.facts().mark).collect();
    assert_eq!(marks, ["client_credentials", "identity", "account", "password", "personal"]);
}
