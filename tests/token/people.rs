//! What a person asks for: one more try of what was refused, and a login that replaces none before it was taken.

use punctual::auth::{Given, KeptSecrets, NotKept, TokenState};
use punctual::grant::Grant;
use punctual::secret::{Purpose, Secret, SecretSource};
use serde_json::json;

use crate::server::{House, Said, Seen, soon, when};
use crate::{counting, one_use, secs, text_of, valid};

fn given(kind: Purpose, secret: &str) -> Given {
    Given { kind, secret: Secret::new(secret) }
}

fn disabled() -> Said {
    Said::json(403, json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." }))
}

#[tokio::test]
async fn a_refused_one_use_token_is_sent_again_when_a_person_asks_and_never_by_itself() {
    let house = House::new(|_, _: &Seen| Said::error(400, "invalid_grant")).await;
    let manager = house.manager(house.identity());
    when(&manager, |status| status.refreshes_failed == 1).await;
    house.hand.advance(secs(90_000));
    soon(manager.look()).await;
    assert_eq!(house.server.count(), 1, "a day later nothing more was sent");
    let refused = soon(manager.refresh()).await.unwrap_err();
    assert!(refused.message.contains("answered 400 `invalid_grant`"), "{refused}");
    assert_eq!(house.server.count(), 2, "a person's wish is sent");
    house.server.answer_with(one_use("refresh-0"));
    assert!(soon(manager.refresh()).await.is_ok());
    // The next life knows what was refused before, and takes a person at their word all the same.
    assert_eq!(house.stored("refresh-0").refused, None);
}

#[tokio::test]
async fn a_refused_user_key_is_tried_again_every_hour_and_at_once_when_a_person_asks() {
    let house = House::new(|_, _: &Seen| disabled()).await;
    let manager = house.manager(house.account());
    let blocked = when(&manager, |status| status.refreshes_failed == 1).await;
    assert_eq!(blocked.state, TokenState::NeedsLogin);
    assert!(blocked.last_error.unwrap().contains("this one is tried again every hour"));
    house.hand.advance(secs(3_599));
    soon(manager.look()).await;
    assert_eq!(house.server.count(), 1);
    house.hand.advance(secs(1));
    house.server.arrived(2).await;
    when(&manager, |status| status.refreshes_failed == 2).await;
    // The user is enabled again, and nothing changes here.
    house.server.answer_with(counting);
    assert!(soon(manager.refresh()).await.is_ok());
    assert_eq!(house.server.count(), 3);
}

#[tokio::test]
async fn what_was_not_sent_is_not_said_to_be_refused() {
    let house = House::new(|_, _: &Seen| disabled()).await;
    let manager = house.manager(house.account());
    when(&manager, |status| status.refreshes_failed == 1).await;
    for _ in 0..5 {
        assert!(soon(manager.refresh()).await.unwrap_err().message.contains("answered 403"));
    }
    let seventh = soon(manager.refresh()).await.unwrap_err();
    assert!(seventh.message.contains("a new token was not asked for now; before that: POST"), "{seventh}");
    assert!(seventh.cure.act.contains("six times a minute at most"), "{seventh}");
    assert_eq!(house.server.count(), 6);
    // The wish is not forgotten.
    house.server.answer_with(counting);
    house.hand.advance(secs(60));
    valid(&manager).await;
}

fn kept_account() -> Grant {
    Grant::RefreshTokenAccount { client_id: "app-1".to_owned(), refresh_token: SecretSource::Kept }
}

fn kept_identity() -> Grant {
    Grant::RefreshTokenIdentity {
        client_id: "app-1".to_owned(),
        client_secret: SecretSource::Kept,
        refresh_token: SecretSource::Kept,
        scope: None,
    }
}

fn only(good: &'static str) -> impl FnMut(usize, &Seen) -> Said + Send {
    move |number, seen| {
        let sent = seen.field("refresh_token").or_else(|| seen.field("client_secret"));
        if sent.as_deref() == Some(good) { counting(number, seen) } else { Said::error(400, "invalid_grant") }
    }
}

#[tokio::test]
async fn a_mistyped_login_replaces_none_that_works() {
    let house = House::new(only("good-key")).await;
    let kept = KeptSecrets::new(&house.tokens());
    let manager = house.manager(kept_account());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    let first = soon(manager.take_login(given(Purpose::RefreshToken, "good-key"))).await.unwrap();
    assert_eq!(first.state, TokenState::Valid);
    let before = text_of(&manager).await;

    let refused = soon(manager.take_login(given(Purpose::RefreshToken, "mistyped"))).await.unwrap_err();
    let told = refused.to_string();
    assert!(told.starts_with("Refused, so not kept; the login from before stays: connection `cloud`: POST "), "{told}");
    assert!(told.contains("answered 400 `invalid_grant`"), "{told}");
    assert_eq!(kept.read("cloud", Purpose::RefreshToken).unwrap().unwrap().expose(), "good-key");
    assert_eq!(manager.status().state, TokenState::Valid);
    assert_eq!(text_of(&manager).await, before);
    house.hand.advance(secs(4_000));
    when(&manager, |status| status.generation > first.generation).await;
}

#[tokio::test]
async fn a_first_login_that_is_refused_is_not_kept_and_one_that_cannot_be_tried_is() {
    let house = House::new(only("good-key")).await;
    let kept = KeptSecrets::new(&house.tokens());
    let manager = house.manager(kept_account());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    let refused = soon(manager.take_login(given(Purpose::RefreshToken, "mistyped"))).await.unwrap_err();
    assert!(refused.to_string().starts_with("Refused, so not kept: connection"), "{refused}");
    assert!(kept.read("cloud", Purpose::RefreshToken).unwrap().is_none());

    house.server.answer_with(|_, _: &Seen| Said::error(503, "down"));
    let untried = soon(manager.take_login(given(Purpose::RefreshToken, "good-key"))).await.unwrap();
    assert_ne!(untried.state, TokenState::Valid);
    assert_eq!(kept.read("cloud", Purpose::RefreshToken).unwrap().unwrap().expose(), "good-key");
    // Now there is something to lose: nothing is known against the one that is kept.
    let unclear = soon(manager.take_login(given(Purpose::RefreshToken, "other-key"))).await.unwrap_err();
    assert!(matches!(unclear, NotKept::Unclear { .. }), "{unclear}");
    assert!(unclear.to_string().contains("; the login from before stays: "), "{unclear}");
    assert_eq!(kept.read("cloud", Purpose::RefreshToken).unwrap().unwrap().expose(), "good-key");
}

#[tokio::test]
async fn the_same_key_given_once_more_is_asked_about_once_more() {
    let house = House::new(only("good-key")).await;
    let manager = house.manager(kept_account());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    soon(manager.take_login(given(Purpose::RefreshToken, "good-key"))).await.unwrap();
    house.server.answer_with(|_, _: &Seen| disabled());
    house.hand.advance(secs(3_600));
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    house.server.answer_with(only("good-key"));
    let again = soon(manager.take_login(given(Purpose::RefreshToken, "good-key"))).await.unwrap();
    assert_eq!(again.state, TokenState::Valid, "{again:?}");
}

#[tokio::test]
async fn a_login_that_is_tried_is_used_up_once_and_goes_on_with_what_came_of_it() {
    let house = House::new(one_use("refresh-0")).await;
    let manager = house.manager(kept_identity());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    let taken = soon(manager.take_login(given(Purpose::RefreshToken, "refresh-0"))).await.unwrap();
    assert_eq!(taken.state, TokenState::Valid);
    assert_eq!(house.server.count(), 1, "the trial's own token is used");
    house.hand.advance(secs(3_600));
    when(&manager, |status| status.generation > taken.generation).await;
    assert_eq!(house.server.seen()[1].field("refresh_token").unwrap(), "refresh-1");
}

#[tokio::test]
async fn whoever_gives_a_login_and_goes_away_leaves_it_kept() {
    let house = House::new(one_use("refresh-0")).await;
    let manager = house.manager(kept_identity());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    house.server.close_gate();
    let person = tokio::spawn({
        let manager = manager.clone();
        async move { manager.take_login(given(Purpose::RefreshToken, "refresh-0")).await.map(|_| ()) }
    });
    house.server.arrived(1).await;
    assert!(!house.exchanges.under_way().is_empty(), "whoever ends the process waits for it");
    person.abort();
    house.server.open_gate();
    soon(house.exchanges.ended()).await;
    house.hand.advance(secs(5));
    valid(&manager).await;
    assert_eq!(house.server.count(), 1);
}

#[tokio::test]
async fn a_personal_token_is_tried_at_orchestrator_before_it_is_kept() {
    let house = House::new(|_, seen: &Seen| match seen.headers["authorization"].to_str().unwrap() {
        "Bearer pat-good" => Said::json(403, json!({ "message": "no right to list folders", "errorCode": 0 })),
        _ => Said::json(401, json!({ "message": "You are not authenticated!", "errorCode": 0 })),
    })
    .await;
    let manager = house.manager(Grant::PersonalAccessToken { token: SecretSource::Kept });
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    let taken = soon(manager.take_login(given(Purpose::PersonalToken, "pat-good"))).await.unwrap();
    assert_eq!(taken.state, TokenState::Valid);
    let refused = soon(manager.take_login(given(Purpose::PersonalToken, "pat-typo"))).await.unwrap_err();
    assert!(refused.to_string().starts_with("Refused, so not kept; the login from before stays"), "{refused}");
    assert_eq!(text_of(&manager).await, "pat-good");
}
