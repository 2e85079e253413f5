//! What outlives a process, a boot and a neighbour: stored access tokens, their age, and logins that processes share.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use punctual::auth::access_file::StoredAccess;
use punctual::auth::{Credential, TokenManager, TokenState, TokenStatus};
use punctual::clock::{Reading, later};
use punctual::grant::Grant;
use punctual::secret::Secret;
use serde_json::json;

use crate::server::{House, Said, Seen, noon, soon, when};
use crate::{counting, one_use, secs, text_of, valid};

async fn restarted(house: &House, manager: TokenManager, grant: Grant) -> (TokenManager, TokenStatus) {
    manager.stop().await;
    let manager = house.manager(grant);
    let status = when(&manager, |status| status.generation.is_some()).await;
    (manager, status)
}

#[tokio::test]
async fn a_token_outlives_the_process_and_serves_at_once_without_the_token_server() {
    let house = House::new(|number, seen: &Seen| match seen.path.as_str() {
        "/api/account/authenticate" => Said::json(200, json!({ "result": format!("at-{number}"), "success": true })),
        _ => counting(number, seen),
    })
    .await;
    for grant in [house.client_credentials(), house.account(), house.identity(), house.password()] {
        let manager = house.manager(grant.clone());
        let first = valid(&manager).await;
        let token = text_of(&manager).await;
        let count = house.server.count();
        house.hand.advance(secs(600));
        let (manager, status) = restarted(&house, manager, grant.clone()).await;
        assert_eq!(text_of(&manager).await, token, "{grant:?}");
        assert_eq!(house.server.count(), count, "{grant:?}");
        assert_eq!((status.refreshes_ok, status.taken_from_file), (0, 1));
        assert_eq!((status.issued_at, status.expires_at), (first.issued_at, first.expires_at), "{grant:?}");
        // Not beyond its life.
        house.hand.advance(secs(3_600));
        let (manager, _) = restarted(&house, manager, grant).await;
        assert_ne!(text_of(&manager).await, token);
        assert_eq!(house.server.count(), count + 1);
        manager.stop().await;
    }
}

#[tokio::test]
async fn within_one_boot_the_age_of_a_stored_token_is_not_read_from_the_wall_clock() {
    let house = House::new(counting).await;
    let grant = house.client_credentials();
    let mut manager = house.manager(grant.clone());
    valid(&manager).await;
    for wall in ["2016-03-02T12:00:00Z", "2036-03-02T12:00:00Z", "2026-03-02T11:59:59Z", "2026-03-02T13:30:00Z"] {
        house.hand.step_to(wall.parse().unwrap());
        let status;
        (manager, status) = restarted(&house, manager, grant.clone()).await;
        assert_eq!(text_of(&manager).await, "at-1", "{wall}");
        assert_eq!(status.expires_at.unwrap().duration_since(house.clock.now()).as_secs(), 3_600, "{wall}");
    }
    assert_eq!(house.server.count(), 1);
    // The machine slept meanwhile: no step of the wall clock makes the token younger.
    manager.stop().await;
    house.hand.advance(secs(7_200));
    house.hand.step_to(noon());
    let (manager, _) = restarted(&house, manager, grant).await;
    assert_eq!(text_of(&manager).await, "at-2");
}

#[tokio::test]
async fn after_a_reboot_a_stored_token_serves_only_while_the_wall_clock_can_vouch_for_it() {
    type Row = (&'static str, fn(&House), bool);
    let table: [Row; 5] = [
        ("at once", |_| {}, true),
        ("forty minutes later", |house| house.hand.advance(secs(2_400)), true),
        ("an hour later", |house| house.hand.advance(secs(3_600)), false),
        ("with the clock ten years back", |house| house.hand.step_to("2016-03-02T12:00:00Z".parse().unwrap()), false),
        ("with the clock ten years on", |house| house.hand.step_to("2036-03-02T12:00:00Z".parse().unwrap()), false),
    ];
    for (what, happen, serves) in table {
        let house = House::new(counting).await;
        let grant = house.client_credentials();
        let manager = house.manager(grant.clone());
        let first = valid(&manager).await;
        manager.stop().await;
        house.hand.reboot();
        happen(&house);
        let (manager, status) = restarted(&house, manager, grant).await;
        let expected = if serves { ("at-1", 1) } else { ("at-2", 2) };
        assert_eq!((text_of(&manager).await.as_str(), house.server.count()), expected, "{what}");
        if serves {
            assert_eq!(status.expires_at, first.expires_at, "{what}");
            // It is renewed in time, though the machine has been up for less than the token is old.
            house.hand.advance(secs(3_600));
            assert_eq!(text_of(&manager).await, "at-2", "{what}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// T13, T14: whatever the wall clock does within a boot, and whether the boot is named or not, no stored token is believed
    /// for longer than it lives. After a reboot only a wall clock that was set back could make it younger than it is.
    #[test]
    fn no_stored_token_is_believed_for_longer_than_it_lives(
        length in 1..90_000_u64,
        boot in 0..4_000_000_u64,
        elapsed in 0..200_000_u64,
        step in -400_000_000..400_000_000_i64,
        reboot: bool,
        uptime in 0..200_000_u64,
        named_then: bool,
        named_now: bool,
    ) {
        let sent = Reading { wall: noon(), boot: secs(boot) };
        let then = named_then.then(|| "boot-1".to_owned());
        let key = serde_json::from_str("\"key\"").unwrap();
        let stored = StoredAccess::new(key, Secret::new("at"), sent, secs(length), then);
        let step = if reboot { step.max(0) } else { step };
        let wall = later(noon(), secs(elapsed)).checked_add(SignedDuration::from_secs(step)).unwrap();
        let now = Reading { wall, boot: if reboot { secs(uptime.min(elapsed)) } else { secs(boot + elapsed) } };
        let id = if reboot { "boot-2" } else { "boot-1" };
        if let Some(aged) = stored.aged(now, named_now.then_some(id)) {
            let left = (aged.issued + aged.length).saturating_sub(now.boot);
            prop_assert!(left <= secs(length.saturating_sub(elapsed)), "{left:?} left of {length} s after {elapsed} s");
            prop_assert!(elapsed < length);
        } else if !reboot && named_then && named_now {
            prop_assert!(elapsed >= length, "a living token of this boot was thrown away");
        }
    }
}

#[tokio::test]
async fn a_change_of_any_part_of_a_credential_asks_for_a_new_token() {
    let house = House::new(counting).await;
    let base = house.credential(house.client_credentials());
    let changed = |change: &dyn Fn(&mut Credential)| {
        let mut credential = base.clone();
        change(&mut credential);
        credential
    };
    let grant = |client_id: &str, secret: &str, scope: &str| Grant::ClientCredentials {
        client_id: client_id.to_owned(),
        client_secret: house.secret(secret),
        scope: scope.to_owned(),
    };
    house.write("other-secret", "client-secret-2");
    let credentials = [
        base.clone(),
        changed(&|c| c.grant = grant("app-2", "client-secret", "OR.Jobs OR.Folders.Read")),
        changed(&|c| c.grant = grant("app-1", "other-secret", "OR.Jobs OR.Folders.Read")),
        changed(&|c| c.grant = grant("app-1", "client-secret", "OR.Jobs")),
        changed(&|c| c.token_url.set_path("/other/identity_/connect/token")),
        changed(&|c| c.grant = house.account()),
        changed(&|c| c.grant = house.identity()),
    ];
    for (number, credential) in credentials.into_iter().enumerate() {
        let manager = TokenManager::start(credential.clone(), house.environment()).unwrap();
        assert_eq!(text_of(&manager).await, format!("at-{}", number + 1), "{credential:?}");
        manager.stop().await;
    }
    // The other way round, what has not changed is found again: here the last of them.
    let manager = house.manager(house.identity());
    assert_eq!(text_of(&manager).await, "at-7");
}

#[tokio::test]
async fn a_machine_that_slept_through_a_request_does_not_hand_out_what_died_meanwhile() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    house.server.close_gate();
    house.hand.advance(secs(3_100));
    house.server.arrived(2).await;
    // Two hours of sleep; then the answer of before arrives. Its token's life began when the request left.
    house.hand.advance(secs(7_200));
    house.server.open_gate();
    assert_eq!(text_of(&manager).await, "at-3");
    assert_eq!(house.server.count(), 3);
}

/// What a caller gets without waiting.
fn at_once(manager: &TokenManager) -> Option<String> {
    match pin!(manager.token()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(token)) => Some(token.secret.expose().to_owned()),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

/// Lets the managers go on until each has a token of this name. Whoever waits for the lock looks every 50 ms of the clock.
async fn all_have(house: &House, managers: &[TokenManager], token: &str) {
    let most = token.trim_start_matches("at-").parse().unwrap();
    soon(async {
        while managers.iter().any(|manager| at_once(manager).as_deref() != Some(token)) {
            assert!(house.server.count() <= most, "one request for all");
            if house.server.is_idle() {
                house.hand.advance(Duration::from_millis(50));
            }
            // About as long as a file takes to be read.
            let folder = house.folder.path().to_owned();
            tokio::task::spawn_blocking(move || std::fs::read_dir(folder).map(Iterator::count)).await.unwrap().unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_share_a_login_use_each_refresh_token_once() {
    let house = House::new(one_use("refresh-0")).await;
    // Each has a lock, a memory and a budget of its own, as processes do.
    let managers: Vec<TokenManager> = (0..5).map(|_| house.manager(house.identity())).collect();
    for rotation in 1..=20_usize {
        all_have(&house, &managers, &format!("at-{rotation}")).await;
        assert_eq!(house.server.count(), rotation, "one request for all");
        house.hand.advance(secs(3_600));
    }
    let taken: u64 = managers.iter().map(|manager| manager.status().taken_from_file).sum();
    assert!(taken >= 4 * 20, "{taken} taken from the file");
    let sent: Vec<_> = house.server.seen().iter().map(|seen| seen.field("refresh_token").unwrap()).collect();
    assert_eq!(sent, (0..20).map(|number| format!("refresh-{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_person_s_refresh_takes_what_another_process_was_given() {
    let house = House::new(one_use("refresh-0")).await;
    let (daemon, command) = (house.manager(house.identity()), house.manager(house.identity()));
    all_have(&house, &[daemon.clone(), command.clone()], "at-1").await;
    assert_eq!(soon(command.refresh()).await.unwrap().refreshes_ok + daemon.status().refreshes_ok, 2);
    assert_eq!(text_of(&command).await, "at-2");
    // The daemon has not heard of it: it is told, and sends nothing.
    let status = soon(daemon.refresh()).await.unwrap();
    assert_eq!(text_of(&daemon).await, "at-2");
    assert_eq!((house.server.count(), status.state), (2, TokenState::Valid));
    // Now both have the newest: a further refresh is a request.
    soon(daemon.refresh()).await.unwrap();
    assert_eq!(house.server.count(), 3);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_at_the_start_even_if_an_old_token_still_lives() {
    let house = House::new(one_use("refresh-0")).await;
    let manager = house.manager(house.identity());
    valid(&manager).await;
    // The process dies with its second request under way: the note of it is on the disk.
    let file = house.token_file("refresh-0");
    let mut stored = file.load().unwrap().unwrap();
    house.server.close_gate();
    house.hand.advance(secs(3_100));
    house.server.arrived(2).await;
    let noted = file.peek().unwrap().unwrap();
    assert!(noted.pending.is_some());
    stored.pending = noted.pending;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut environment = house.environment();
    environment.tokens_dir = elsewhere.path().join("tokens");
    let copy = punctual::auth::token_file::TokenFile::new(
        &environment.tokens_dir,
        punctual::auth::token_file::Family::of(&house.server.url("/"), "app-1", &Secret::new("refresh-0")),
    );
    copy.save(&mut stored).unwrap();
    let next = TokenManager::start(house.credential(house.identity()), environment).unwrap();
    house.server.arrived(3).await;
    assert_eq!(house.server.seen()[2].field("refresh_token").unwrap(), "refresh-1", "the same token, at once");
    drop(next);
    house.server.open_gate();
}

fn day_long(number: usize, _: &Seen) -> Said {
    Said::json(200, json!({ "access_token": format!("at-{number}"), "expires_in": 86_400, "token_type": "Bearer" }))
}

#[tokio::test]
async fn a_login_is_used_every_day_and_its_end_is_told_twelve_days_ahead() {
    // This server never hands out a new refresh token, so the first one ends after sixty days.
    let house = House::new(day_long).await;
    let manager = house.manager(house.identity());
    let first = valid(&manager).await;
    let ends_at = later(noon(), secs(60 * 86_400));
    assert_eq!((first.refresh_token_at, first.refresh_token_ends_at), (Some(noon()), Some(ends_at)));
    let mut told_at: Option<Timestamp> = None;
    for day in 1..=50_usize {
        house.hand.advance(secs(86_400));
        text_of(&manager).await;
        let status = when(&manager, |status| status.refreshes_ok == day as u64 + 1).await;
        assert_eq!(house.server.count(), day + 1, "once a day");
        if status.warning.is_some() && told_at.is_none() {
            told_at = Some(house.clock.now());
        }
    }
    assert_eq!(told_at, Some(later(noon(), secs(48 * 86_400))));
    let folder = house.folder.path().display().to_string();
    insta::assert_snapshot!(manager.status().warning.unwrap().replace(&folder, "/etc"), @"its refresh token is 50 days old and ends about 2026-05-01 unless it is renewed; put a new refresh token in `file:/etc/seed`");
    // A server that does hand out new ones never gets there.
    let house = House::new(one_use("refresh-0")).await;
    let manager = house.manager(house.identity());
    for _ in 0..50 {
        text_of(&manager).await;
        assert_eq!(manager.status().warning, None);
        house.hand.advance(secs(86_400));
    }
}

#[tokio::test]
async fn how_far_the_token_server_s_clock_is_off_is_shown_and_changes_nothing() {
    let house =
        House::new(|number, seen: &Seen| counting(number, seen).with("date", "Mon, 02 Mar 2026 12:05:00 GMT")).await;
    let manager = house.manager(house.client_credentials());
    let status = valid(&manager).await;
    assert_eq!(status.clock_skew, Some(SignedDuration::from_secs(300)));
    assert_eq!(status.expires_at, Some(later(noon(), secs(3_600))));
    let house = House::new(|number, seen: &Seen| {
        counting(number, seen).with("date", "Mon, 02 Mar 2026 12:05:00 GMT").with("age", "300")
    })
    .await;
    let manager = house.manager(house.client_credentials());
    assert_eq!(valid(&manager).await.clock_skew, None, "out of a cache");
}

#[tokio::test]
async fn a_credential_without_a_login_goes_on_when_nothing_can_be_stored() {
    let house = House::new(counting).await;
    // A file where the folder should be.
    std::fs::write(house.tokens(), "").unwrap();
    for grant in [house.client_credentials(), house.account(), house.password()] {
        if matches!(grant, Grant::Password { .. }) {
            house.server.answer_with(|_, _| Said::json(200, json!({ "result": "at", "success": true })));
        }
        let manager = house.manager(grant);
        let status = valid(&manager).await;
        assert_eq!((status.refreshes_ok, status.last_error), (1, None));
        manager.stop().await;
    }
}
