//! The story of a token: one request for everyone, kept while it works, renewed for ever, its login never lost.
//!
//! The server is this file's own, not the sandbox, so that the two cannot agree on a mistake. Time is moved by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod causes;
#[cfg(feature = "faults")]
mod controls;
mod disk;
mod grants;
#[cfg(feature = "faults")]
#[path = "../support/noticed.rs"]
mod noticed;
mod people;
mod restart;
mod rules;
mod server;
mod slow;
#[path = "../support/thread_log.rs"]
mod thread_log;
mod weather;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use punctual::auth::{AuthSetupError, AuthUnavailable, Credential, Generation, TokenManager, TokenState, TokenStatus};
use punctual::clock::{Clock, later};
use serde_json::json;
use server::{House, Said, Seen, names, noon, soon, when};
use url::Url;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `at-1` to the first request, `at-2` to the second, …
fn counting(number: usize, _: &Seen) -> Said {
    Said::token(&format!("at-{number}"))
}

/// Each refresh token works once; a second use ends the family, as the standard wants it.
fn one_use(first: &str) -> impl FnMut(usize, &Seen) -> Said + Send + use<> {
    let mut current = Some(first.to_owned());
    move |number, seen| {
        if current.is_none() || seen.field("refresh_token") != current {
            current = None;
            return Said::error(400, "invalid_grant");
        }
        let next = format!("refresh-{number}");
        current = Some(next.clone());
        Said::rotated(&format!("at-{number}"), &next)
    }
}

async fn valid(manager: &TokenManager) -> TokenStatus {
    when(manager, |status| status.state == TokenState::Valid).await
}

async fn text_of(manager: &TokenManager) -> String {
    soon(manager.token()).await.unwrap().secret.expose().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_callers_in_the_soft_window_cause_one_request_and_are_answered_at_once() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    house.server.close_gate();
    house.hand.advance(secs(3_100));
    house.server.arrived(2).await;
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let manager = manager.clone();
            tokio::spawn(async move {
                // The answer is there at the first look, while the server keeps its own back.
                let mut token = pin!(manager.token());
                match token.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(token) => token.unwrap().generation,
                    Poll::Pending => panic!("a caller had to wait in the soft window"),
                }
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Generation(1));
    }
    house.server.open_gate();
    when(&manager, |status| status.generation == Some(Generation(2))).await;
    assert_eq!(house.server.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_thousand_callers_after_the_end_share_one_request_and_its_token() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    house.server.close_gate();
    house.hand.advance(secs(7_200));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let manager = manager.clone();
            tokio::spawn(async move { manager.token().await.unwrap().generation })
        })
        .collect();
    house.server.arrived(2).await;
    house.server.open_gate();
    for caller in callers {
        assert_eq!(soon(caller).await.unwrap(), Generation(2));
    }
    assert_eq!(house.server.count(), 2);
}

#[tokio::test]
async fn callers_wait_fifteen_seconds_at_most_and_the_request_goes_on_without_them() {
    let house = House::new(counting).await;
    house.server.close_gate();
    // Its answer is waited for 100 s, so that only the caller's own wait ends here.
    let manager = house.manager(house.identity());
    let caller = tokio::spawn({
        let manager = manager.clone();
        async move { manager.token().await }
    });
    house.server.arrived(1).await;
    // The caller may start to wait after any of these steps, never later than the last.
    let refused = soon(async {
        while !caller.is_finished() {
            house.hand.advance(secs(1));
            tokio::task::yield_now().await;
        }
        caller.await.unwrap().unwrap_err()
    })
    .await;
    assert_eq!(refused.state, TokenState::Starting);
    house.server.open_gate();
    valid(&manager).await;
    assert_eq!(house.server.count(), 1);
}

#[tokio::test]
async fn an_outage_of_hours_costs_no_token_before_its_end_and_is_over_within_a_minute() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    let first = valid(&manager).await;
    let hard = first.expires_at.unwrap() - jiff::SignedDuration::from_secs(30);
    house.server.answer_with(|_, _| Said::error(503, "down"));
    let end = later(hard, secs(3 * 3_600));
    let mut failed = 0;
    while house.clock.now() < end {
        let status = house.next_attempt(&manager).await;
        failed += 1;
        assert_eq!(status.refreshes_failed, failed);
        let wait = status.next_try_at.unwrap().duration_since(house.clock.now());
        assert!(wait <= jiff::SignedDuration::from_secs(61), "waits {wait}");
        match manager.token().await {
            Ok(token) => {
                assert!(house.clock.now() < hard, "handed out after its hard point");
                assert_eq!(token.secret.expose(), "at-1");
            }
            Err(unavailable) => {
                assert!(house.clock.now() >= hard, "kept back before its hard point");
                assert_eq!(unavailable.state, TokenState::Unavailable);
                assert_eq!(unavailable.retry_at, status.next_try_at);
            }
        }
    }
    let sent: Vec<Duration> = house.server.seen().iter().map(|seen| seen.boot).collect();
    // Each gap is within the back-off of its number, or the budget of six in a minute was used up (T6, T23). The first is
    // the soft point.
    let gaps: Vec<Duration> = sent.windows(2).skip(1).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    for (number, gap) in (1_u32..).zip(&gaps) {
        let ceiling = secs(1 << (number - 1).min(6)).min(secs(60));
        let before = sent[number as usize + 1];
        let recent = sent.iter().filter(|at| **at <= before && **at + secs(60) > before).count();
        assert!(*gap >= Duration::from_millis(100), "gap {number} is {gap:?}");
        assert!(*gap <= ceiling || (recent >= 6 && *gap <= secs(60)), "gap {number} is {gap:?}, {recent} recent");
    }
    println!("figure: token endpoint down: {} attempts in {} s", sent.len() - 1, 570 + 3 * 3_600);
    for at in &sent {
        let within = sent.iter().filter(|other| **other >= *at && **other < *at + secs(60)).count();
        assert!(within <= 6, "{within} requests within a minute");
    }
    house.server.answer_with(counting);
    let up_at = house.clock.now();
    house.next_attempt(&manager).await;
    assert!(text_of(&manager).await.starts_with("at-"));
    assert!(house.clock.now().duration_since(up_at) <= jiff::SignedDuration::from_secs(60));
}

#[tokio::test]
async fn a_caller_that_goes_away_at_any_moment_takes_no_login_with_it() {
    for polls in 1..=6 {
        let house = House::new(one_use("refresh-0")).await;
        house.server.close_gate();
        let manager = house.manager(house.identity());
        if polls > 1 {
            house.server.arrived(1).await;
        }
        {
            let mut token = pin!(manager.token());
            for _ in 0..polls {
                assert!(token.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                tokio::task::yield_now().await;
            }
        }
        house.server.open_gate();
        valid(&manager).await;
        assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-1", "after {polls} polls");
        assert_eq!(house.server.count(), 1);
    }
}

#[tokio::test]
async fn a_request_under_way_outlives_every_handle() {
    let house = House::new(one_use("refresh-0")).await;
    house.server.close_gate();
    let manager = house.manager(house.identity());
    house.server.arrived(1).await;
    drop(manager);
    house.server.open_gate();
    house.tracker.close();
    soon(house.tracker.wait()).await;
    assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-1");
}

#[tokio::test]
async fn stopping_waits_for_the_request_under_way_and_its_save() {
    let house = House::new(one_use("refresh-0")).await;
    house.server.close_gate();
    let manager = house.manager(house.identity());
    house.server.arrived(1).await;
    let stopping = tokio::spawn({
        let manager = manager.clone();
        async move { manager.stop().await }
    });
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished());
    house.server.open_gate();
    soon(stopping).await.unwrap();
    assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-1");
    house.hand.advance(secs(90_000));
    assert!(soon(manager.token()).await.unwrap_err().message.contains("stopping"));
    assert_eq!(house.server.count(), 1, "nothing is sent after the stop");
}

#[tokio::test]
async fn the_new_refresh_token_is_on_the_disk_before_the_access_token_is_handed_out() {
    let house = House::new(one_use("refresh-0")).await;
    let manager = house.manager(house.identity());
    for number in 1..=5 {
        // Whoever holds the token can read the file.
        assert_eq!(text_of(&manager).await, format!("at-{number}"));
        assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), format!("refresh-{number}"));
        house.hand.advance(secs(3_600));
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_saved_works_from_memory_and_is_saved_later() {
    let house = House::new(one_use("refresh-0")).await;
    let prepared = house.token_file("refresh-0").path().with_extension("token.new");
    let mut inner = one_use("refresh-0");
    let blocker = prepared.clone();
    house.server.answer_with(move |number, seen| {
        // A folder where the file should go: no permission stops root, this does.
        if number == 1 {
            std::fs::create_dir(&blocker).unwrap();
        }
        inner(number, seen)
    });
    let manager = house.manager(house.identity());
    let unsaved = when(&manager, |status| status.state == TokenState::Unsaved).await;
    assert!(unsaved.last_error.unwrap().contains("in memory only"));
    assert_eq!(text_of(&manager).await, "at-1", "it serves all the same");
    let old = house.stored("refresh-0");
    assert!(old.refresh_token.is_none() && old.pending.is_some(), "the old file is whole");

    // Long past the token's end: still no second rotation while the first is unsaved.
    house.hand.advance(secs(4_000));
    assert!(soon(manager.token()).await.is_err());
    assert_eq!(house.server.count(), 1);

    std::fs::remove_dir(&prepared).unwrap();
    house.hand.advance(secs(1));
    when(&manager, |status| status.generation == Some(Generation(2))).await;
    assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-2");
    assert_eq!(house.server.seen()[1].field("refresh_token").unwrap(), "refresh-1");
    valid(&manager).await;
}

#[tokio::test]
async fn nothing_is_sent_when_the_next_login_could_not_be_written() {
    let house = House::new(one_use("refresh-0")).await;
    std::fs::create_dir(house.tokens()).unwrap();
    std::fs::set_permissions(house.tokens(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let prepared = house.token_file("refresh-0").path().with_extension("token.new");
    std::fs::create_dir(&prepared).unwrap();
    let manager = house.manager(house.identity());
    let unavailable = soon(manager.token()).await.unwrap_err();
    assert!(unavailable.message.contains("nothing was sent"), "{unavailable}");
    assert_eq!(house.server.count(), 0);
    std::fs::remove_dir(&prepared).unwrap();
    house.next_attempt(&manager).await;
    assert_eq!(text_of(&manager).await, "at-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_callers_that_were_refused_at_once_cause_one_renewal() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    house.server.close_gate();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let manager = manager.clone();
            tokio::spawn(async move { manager.renewed(Generation(1)).await.unwrap().generation })
        })
        .collect();
    house.server.arrived(2).await;
    house.server.open_gate();
    for caller in callers {
        assert_eq!(soon(caller).await.unwrap(), Generation(2));
    }
    // A straggler with the old generation gets the current token and no request.
    assert_eq!(soon(manager.renewed(Generation(1))).await.unwrap().generation, Generation(2));
    assert_eq!(house.server.count(), 2);
}

#[tokio::test]
async fn a_server_that_refuses_every_token_is_asked_three_times_and_then_left_alone() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    assert_eq!(soon(manager.renewed(Generation(1))).await.unwrap().generation, Generation(2));
    // Refused again at once: not before ten seconds.
    let early = soon(manager.renewed(Generation(2))).await.unwrap_err();
    assert_eq!(early.retry_at, Some(later(house.clock.now(), secs(10))));
    assert_eq!(house.server.count(), 2);
    house.hand.advance(secs(10));
    when(&manager, |status| status.generation == Some(Generation(3))).await;
    let broken = soon(manager.renewed(Generation(3))).await.unwrap_err();
    assert_eq!(broken.state, TokenState::AuthBroken);
    for number in 4..=7 {
        assert_eq!(soon(manager.token()).await.unwrap_err().state, TokenState::AuthBroken);
        // Half open after five minutes, with one new token: whoever asks at that very moment waits for it.
        house.hand.advance(secs(300));
        let token = soon(manager.token()).await.unwrap();
        assert_eq!(token.generation, Generation(number));
        assert_eq!(soon(manager.renewed(token.generation)).await.unwrap_err().state, TokenState::AuthBroken);
        assert_eq!(house.server.count() as u64, number, "one request in five minutes");
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_while_all_were_refused_is_replaced_when_the_refusals_end() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    soon(manager.renewed(Generation(1))).await.unwrap();
    soon(manager.renewed(Generation(2))).await.unwrap_err();
    house.hand.advance(secs(10));
    when(&manager, |status| status.generation == Some(Generation(3))).await;
    soon(manager.renewed(Generation(3))).await.unwrap_err();
    // The token server is away just then: the refused token serves again, and asking goes on (T4).
    house.server.answer_with(|_, _| Said::error(503, "down"));
    house.hand.advance(secs(300));
    house.server.arrived(4).await;
    assert_eq!(text_of(&manager).await, "at-3");
    house.server.answer_with(counting);
    house.next_attempt(&manager).await;
    assert_eq!(text_of(&manager).await, "at-5");
    // It works for a while: its end is an ordinary refusal, and cured at once.
    house.hand.advance(secs(1_200));
    assert_eq!(soon(manager.renewed(Generation(4))).await.unwrap().secret.expose(), "at-6");
}

#[tokio::test]
async fn a_refused_token_serves_again_when_its_renewal_fails() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    house.server.answer_with(|_, _| Said::error(503, "down"));
    assert!(soon(manager.renewed(Generation(1))).await.is_err());
    assert_eq!(text_of(&manager).await, "at-1");
}

#[tokio::test]
async fn a_wall_clock_that_jumps_changes_nothing_and_a_suspended_machine_hands_out_no_old_token() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    for year in ["2016", "2036", "2026"] {
        house.hand.step_to(format!("{year}-03-02T12:00:00Z").parse().unwrap());
        assert_eq!(text_of(&manager).await, "at-1");
        assert_eq!(manager.status().expires_at.unwrap().duration_since(house.clock.now()).as_secs(), 3_600);
    }
    assert_eq!(house.server.count(), 1);
    house.hand.advance(secs(7_200));
    assert_eq!(text_of(&manager).await, "at-2");
}

#[tokio::test]
async fn a_wrong_secret_is_tried_every_five_minutes_and_a_new_one_is_taken_up_within_five_seconds() {
    let house = House::new(|number, seen: &Seen| match seen.field("client_secret").as_deref() {
        Some("client-secret-2") => Said::token(&format!("at-{number}")),
        _ => Said::error(400, "invalid_client"),
    })
    .await;
    let manager = house.manager(house.client_credentials());
    when(&manager, |status| status.state == TokenState::BadClient).await;
    let end = later(noon(), secs(3_600));
    while house.clock.now() < end {
        let before = manager.status();
        house.hand.advance_to(before.next_try_at.unwrap().min(end));
        when(&manager, |status| status.next_try_at != before.next_try_at && status.state == TokenState::BadClient)
            .await;
    }
    assert!(house.server.count() <= 13, "{} calls in the hour", house.server.count());
    let calls = house.server.count();
    house.write("client-secret", "client-secret-2\n");
    house.hand.advance(secs(5));
    valid(&manager).await;
    assert_eq!(house.server.count(), calls + 1);
}

#[tokio::test]
async fn one_use_tokens_survive_fifty_rotations_with_restarts_between() {
    let house = House::new(one_use("refresh-0")).await;
    let mut manager = house.manager(house.identity());
    for number in 1..=50 {
        assert_eq!(text_of(&manager).await, format!("at-{number}"));
        if number % 7 == 0 {
            manager.stop().await;
            manager = house.manager(house.identity());
            assert_eq!(text_of(&manager).await, format!("at-{number}"), "a restart asks for nothing");
        }
        house.hand.advance(secs(3_600));
    }
    assert_eq!(house.server.count(), 50);
    assert_eq!(house.stored("refresh-0").generation, 50);
    assert_eq!(names(&house.tokens()).len(), 2, "one family and its lock: {:?}", names(&house.tokens()));
    let sent: Vec<_> = house.server.seen().iter().map(|seen| seen.field("refresh_token").unwrap()).collect();
    assert_eq!(sent, (0..50).map(|number| format!("refresh-{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_new_first_token_starts_a_new_family_and_an_old_one_finds_its_own() {
    let house = House::new(one_use("refresh-0")).await;
    let manager = house.manager(house.identity());
    valid(&manager).await;
    manager.stop().await;

    house.write("seed", "fresh-login");
    house.server.answer_with(one_use("fresh-login"));
    let manager = house.manager(house.identity());
    valid(&manager).await;
    assert_eq!(house.server.seen()[1].field("refresh_token").unwrap(), "fresh-login");
    manager.stop().await;

    house.write("seed", "refresh-0");
    house.server.answer_with(one_use("refresh-1"));
    house.hand.advance(secs(3_600));
    let manager = house.manager(house.identity());
    valid(&manager).await;
    assert_eq!(house.server.seen()[2].field("refresh_token").unwrap(), "refresh-1", "not the first token again");
}

#[tokio::test]
async fn a_refused_refresh_token_waits_for_a_new_one_and_is_never_sent_again() {
    let house = House::new(|_, _: &Seen| Said::error(400, "invalid_grant")).await;
    let manager = house.manager(house.identity());
    when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    manager.stop().await;
    // Not even by the next process.
    let manager = house.manager(house.identity());
    let refused = when(&manager, |status| status.state == TokenState::NeedsLogin).await;
    assert!(refused.last_error.unwrap().contains("was not sent"));
    assert_eq!(house.server.count(), 1);

    house.server.answer_with(one_use("refresh-new"));
    house.write("seed", "refresh-new");
    house.hand.advance(secs(5));
    valid(&manager).await;
    assert_eq!(house.server.count(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_with_the_same_token() {
    // A server with a grace window: the old token gets the same answer again.
    let house = House::new(|number, _: &Seen| match number {
        1 => Said::error(504, "gateway"),
        _ => Said::rotated("at-1", "refresh-1"),
    })
    .await;
    let manager = house.manager(house.identity());
    let lost = when(&manager, |status| status.refreshes_failed == 1).await;
    let pause = lost.next_try_at.unwrap().duration_since(house.clock.now());
    assert!(pause <= jiff::SignedDuration::from_secs(2), "{pause}");
    assert!(house.stored("refresh-0").pending.is_some(), "a crash now would be noticed");
    house.next_attempt(&manager).await;
    assert_eq!(text_of(&manager).await, "at-1");
    let sent: Vec<_> = house.server.seen().iter().map(|seen| seen.field("refresh_token").unwrap()).collect();
    assert_eq!(sent, ["refresh-0", "refresh-0"]);
    assert!(house.stored("refresh-0").pending.is_none());
}

/// The answer to the first request is lost after the server's work, which is answered again.
fn forgiving(number: usize, _: &Seen) -> Said {
    match number {
        1 => Said::error(504, "gateway"),
        _ => Said::rotated("at-1", "refresh-1"),
    }
}

#[tokio::test]
async fn whoever_waits_for_an_answer_that_was_lost_gets_the_second_one() {
    let house = House::new(forgiving).await;
    let manager = house.manager(house.identity());
    let person = tokio::spawn({
        let manager = manager.clone();
        async move { manager.look().await }
    });
    let lost = when(&manager, |status| status.refreshes_failed == 1).await;
    assert_eq!(lost.state, TokenState::Refreshing);
    let caller = tokio::spawn({
        let manager = manager.clone();
        async move { manager.token().await }
    });
    tokio::task::yield_now().await;
    assert!(!person.is_finished() && !caller.is_finished(), "neither gives up before the second request");
    house.hand.advance(secs(2));
    assert_eq!(soon(person).await.unwrap().state, TokenState::Valid);
    assert_eq!(soon(caller).await.unwrap().unwrap().secret.expose(), "at-1");
}

#[tokio::test]
async fn a_stop_between_a_lost_answer_and_the_second_request_sends_it_first() {
    let house = House::new(forgiving).await;
    let manager = house.manager(house.identity());
    when(&manager, |status| status.refreshes_failed == 1).await;
    soon(manager.stop()).await;
    assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-1");
    assert_eq!(house.server.count(), 2);
    // So does a stop during the first request.
    let house = House::new(forgiving).await;
    house.server.close_gate();
    let manager = house.manager(house.identity());
    house.server.arrived(1).await;
    let stopping = tokio::spawn(async move { manager.stop().await });
    tokio::task::yield_now().await;
    house.server.open_gate();
    soon(stopping).await.unwrap();
    house.tracker.close();
    soon(house.tracker.wait()).await;
    assert_eq!(house.stored("refresh-0").refresh_token.unwrap().expose(), "refresh-1");
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one() {
    let house = House::new(counting).await;
    let manager = house.manager(house.identity());
    for number in 1..=3 {
        assert_eq!(text_of(&manager).await, format!("at-{number}"));
        house.hand.advance(secs(3_600));
    }
    soon(house.server.arrived(4)).await;
    assert!(house.server.seen().iter().all(|seen| seen.field("refresh_token").as_deref() == Some("refresh-0")));
}

#[tokio::test]
async fn a_user_key_serves_for_three_days_and_stays_the_same() {
    let house = House::new(|number, _: &Seen| {
        Said::json(200, json!({ "access_token": format!("at-{number}"), "expires_in": 86_400, "token_type": "Bearer" }))
    })
    .await;
    let manager = house.manager(house.account());
    valid(&manager).await;
    for _ in 0..3 * 24 * 4 {
        house.hand.advance(secs(900));
        text_of(&manager).await;
        when(&manager, |status| {
            matches!(status.state, TokenState::Valid) && status.soft_at.unwrap() > house.clock.now()
        })
        .await;
    }
    let seen = house.server.seen();
    assert_eq!(seen.len(), 4, "one request a day");
    for request in seen {
        assert_eq!(request.path, "/oauth/token");
        assert_eq!(request.headers["x-uipath-tenantname"], "acmeprod");
        assert_eq!(request.content_type(), "application/json");
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body, json!({ "grant_type": "refresh_token", "client_id": "app-1", "refresh_token": "refresh-0" }));
    }
    assert!(house.stored("refresh-0").refresh_token.is_none(), "nothing has rotated");
}

#[tokio::test]
async fn a_user_key_s_token_without_a_stated_life_is_used_for_less_than_a_day() {
    let house =
        House::new(|_, _: &Seen| Said::json(200, json!({ "access_token": "at", "token_type": "Bearer" }))).await;
    let manager = house.manager(house.account());
    let status = valid(&manager).await;
    assert_eq!(status.expires_at.unwrap(), later(noon(), secs(23 * 3_600)));
}

#[tokio::test]
async fn a_user_key_that_the_server_replaces_is_saved_and_used() {
    let house = House::new(one_use("refresh-0")).await;
    for number in 1..=3 {
        let manager = house.manager(house.account());
        assert_eq!(text_of(&manager).await, format!("at-{number}"));
        manager.stop().await;
        house.hand.advance(secs(3_600));
    }
    assert_eq!(house.stored("refresh-0").generation, 3);
}

#[tokio::test]
async fn client_credentials_go_out_as_a_form_with_nothing_secret_in_the_address() {
    let house = House::new(counting).await;
    let manager = house.manager(house.client_credentials());
    valid(&manager).await;
    let request = &house.server.seen()[0];
    assert_eq!(request.path, "/acme/identity_/connect/token");
    assert_eq!(request.content_type(), "application/x-www-form-urlencoded");
    assert_eq!(
        request.body,
        "grant_type=client_credentials&client_id=app-1&client_secret=client-secret-1&scope=OR.Jobs+OR.Folders.Read"
    );
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_endless_answer_is_read() {
    for status in [301, 302, 307, 308] {
        let house = House::new(move |_, _: &Seen| Said::error(status, "moved").with("location", "/elsewhere")).await;
        let manager = house.manager(house.client_credentials());
        assert!(soon(manager.token()).await.unwrap_err().message.contains("not followed"));
        assert_eq!(house.server.count(), 1);
    }
    let house = House::new(|_, _: &Seen| Said { body: " ".repeat(70_000), ..Said::token("at") }).await;
    let manager = house.manager(house.client_credentials());
    assert!(soon(manager.token()).await.unwrap_err().message.contains("more than 64 KiB"));
}

#[tokio::test]
async fn of_a_gibibyte_only_the_beginning_is_read() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    const GIBIBYTE: usize = 1 << 30;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {GIBIBYTE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let block = vec![b' '; 64 * 1024];
        let mut written = 0;
        while written < GIBIBYTE && stream.write_all(&block).await.is_ok() {
            written += block.len();
        }
        written
    });
    let house = House::new(counting).await;
    let mut credential = house.credential(house.client_credentials());
    credential.token_url = Url::parse(&format!("http://127.0.0.1:{port}/identity/connect/token")).unwrap();
    let manager = TokenManager::start(credential, house.environment()).unwrap();
    assert!(soon(manager.token()).await.unwrap_err().message.contains("more than 64 KiB"));
    // What the system's buffers hold, no more.
    let written = soon(server).await.unwrap();
    assert!(written < 32 << 20, "{written} bytes were taken");
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let house = House::new(|_, _: &Seen| Said::error(429, "slow_down").with("retry-after", "120")).await;
    let manager = house.manager(house.client_credentials());
    let unavailable = soon(manager.token()).await.unwrap_err();
    assert_eq!(unavailable.retry_at, Some(later(noon(), secs(120))));

    let date = |_: usize, _: &Seen| {
        Said::error(503, "down")
            .with("retry-after", "Mon, 02 Mar 2026 12:03:20 GMT")
            .with("date", "Mon, 02 Mar 2026 12:00:00 GMT")
    };
    let house = House::new(date).await;
    let manager = house.manager(house.client_credentials());
    let unavailable = soon(manager.token()).await.unwrap_err();
    assert_eq!(unavailable.retry_at, Some(later(noon(), secs(200))));
}

#[tokio::test]
async fn secrets_travel_only_over_https_or_to_this_machine() {
    let house = House::new(counting).await;
    let credential = |url: &str| Credential {
        connection: "cloud".to_owned(),
        grant: house.client_credentials(),
        token_url: Url::parse(url).unwrap(),
        tenant: None,
        authorities: None,
    };
    for url in
        ["http://identity.example.com/identity/connect/token", "http://127.0.0.1.example.com/", "ftp://localhost/"]
    {
        let refused = TokenManager::start(credential(url), house.environment()).unwrap_err();
        assert!(matches!(refused, AuthSetupError::InsecureUrl { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_folder_that_others_can_read_is_refused_at_the_start() {
    let house = House::new(counting).await;
    std::fs::create_dir(house.tokens()).unwrap();
    std::fs::set_permissions(house.tokens(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let refused = TokenManager::start(house.credential(house.identity()), house.environment()).unwrap_err();
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
    std::fs::remove_dir(house.tokens()).unwrap();
    std::fs::write(house.tokens(), "a file").unwrap();
    assert!(TokenManager::start(house.credential(house.identity()), house.environment()).is_err());
}

#[tokio::test]
async fn no_secret_is_printed_anywhere_even_when_the_server_repeats_it() {
    const MARKERS: [&str; 4] = ["MARKER-seed", "MARKER-secret", "MARKER-access", "MARKER-next"];
    thread_log::keep(tracing::Level::TRACE);
    thread_log::take();
    let house = House::new(|number, seen: &Seen| match number {
        1 => Said::rotated("MARKER-access", "MARKER-next"),
        2 => Said::json(
            400,
            json!({ "error": format!("bad {}", seen.field("refresh_token").unwrap()), "error_description": seen.body }),
        ),
        3 => Said::token("MARKER-access MARKER-access"),
        _ => Said::json(400, json!({ "error": "invalid_grant", "error_description": format!("no {}", seen.field("refresh_token").unwrap()) })),
    })
    .await;
    house.write("seed", "MARKER-seed");
    house.write("client-secret", "MARKER-secret");
    let grant = punctual::grant::Grant::RefreshTokenIdentity {
        client_id: "app-1".to_owned(),
        client_secret: house.secret("client-secret"),
        refresh_token: house.secret("seed"),
        scope: None,
    };
    let mut printed = String::new();
    let credential = house.credential(grant);
    printed += &format!("{credential:?}");
    let manager = TokenManager::start(credential, house.environment()).unwrap();
    valid(&manager).await;
    printed += &format!("{:?} {:?} {manager:?}", manager.token().await, manager.status());
    let mut callers = Vec::new();
    for _ in 0..3 {
        let status = house.next_attempt(&manager).await;
        printed += &format!("{status:?}");
        let manager = manager.clone();
        callers.push(tokio::spawn(async move { manager.renewed(Generation(1)).await }));
    }
    for caller in callers {
        let refused: Result<_, AuthUnavailable> = soon(caller).await.unwrap();
        printed += &refused.map_or_else(|e| format!("{e} {e:?}"), |token| format!("{token:?}"));
    }
    printed += &format!("{:?}", house.stored("MARKER-seed"));
    let log = thread_log::take();
    assert!(log.contains("Got an access token"), "the log was taken");
    assert!(printed.contains("[secret]"), "the server's echo was there and is covered: {printed}");
    for marker in MARKERS {
        assert!(!printed.contains(marker), "{marker} in {printed}");
        assert!(!log.contains(marker), "{marker} in the log");
    }
}

#[tokio::test]
async fn the_system_s_clock_drives_a_manager_too() {
    let house = House::new(counting).await;
    let mut environment = house.environment();
    environment.clock = Clock::system();
    let manager = TokenManager::start(house.credential(house.client_credentials()), environment).unwrap();
    assert_eq!(text_of(&manager).await, "at-1");
    soon(manager.stop()).await;
}
