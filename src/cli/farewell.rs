//! The end of a process that may be exchanging a refresh token that works once.
//!
//! Such an exchange is the one thing that is waited for beyond the 15 s of a stop (semantics.md 28): its answer is the only
//! copy of a login. The service manager is told how long it may take, and why. A second request ends all the rest at once, but
//! not this: nothing is gained by ending 100 s earlier that a lost login would not cost many times over. SIGKILL ends it.
//!
//! `EXTEND_TIMEOUT_USEC` counts from when it is sent and must be sent again before it is over (systemd#7214), so it is told
//! every second with what is left.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use sd_notify::NotifyState;

use super::failure::{Exit, Failure};
use crate::auth::{Exchanges, ONE_USE_LIMIT, UnderWay};
use crate::clock::Clock;
use crate::lifecycle::{Signals, tell_manager};

/// For the save, once the answer is there.
const SAVE_TIME: Duration = Duration::from_secs(5);
/// How often the service manager is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// What the service manager is asked for beyond what is left, so that it never ends what is about to end.
const SPARE: Duration = Duration::from_secs(10);
/// As a shell names the end by SIGINT.
const INTERRUPTED: i32 = 130;

/// How a stop went.
#[derive(Debug)]
pub(super) enum Farewelled<T> {
    /// To its end.
    Stopped(T),
    /// Something did not end in time.
    Blocked,
    /// A second request came.
    Hurried,
}

/// One stop.
pub(super) struct Farewell<'a> {
    exchanges: Exchanges,
    clock: &'a Clock,
    /// When the stop was asked for, boot time.
    asked: Duration,
    /// Up to when all else is waited for, boot time.
    last_call: Duration,
}

impl Farewell<'_> {
    /// A stop that was asked for now; all but exchanges is waited for as long as `last_call`.
    pub(super) fn new(exchanges: Exchanges, clock: &Clock, last_call: Duration) -> Farewell<'_> {
        let asked = clock.boottime();
        Farewell { exchanges, clock, asked, last_call: asked.saturating_add(last_call) }
    }

    /// Waits for the stop, and then for what is left of exchanges.
    pub(super) async fn see_out<T>(self, stopping: impl Future<Output = T>, signals: &mut Signals) -> Farewelled<T> {
        let mut stopping = pin!(stopping);
        let mut ended = None;
        let end = self.asked.saturating_add(ONE_USE_LIMIT).saturating_add(SAVE_TIME);
        let mut was_told = false;
        loop {
            let now = self.clock.boottime();
            let under_way = self.exchanges.under_way();
            if now >= self.last_call && ended.is_none() {
                self.exchanges.close();
                ended = Some(Farewelled::Blocked);
            }
            let is_waiting = !under_way.is_empty() && now < end;
            if let Some(how) = ended.take_if(|_| !is_waiting) {
                return how;
            }
            if is_waiting {
                self.tell(&under_way, end.saturating_sub(now), &mut was_told);
            }
            let look_at = now.saturating_add(TELL_EVERY).min(if ended.is_none() { self.last_call } else { end });
            tokio::select! {
                stopped = &mut stopping, if !matches!(ended, Some(Farewelled::Stopped(_))) => {
                    ended = Some(Farewelled::Stopped(stopped));
                }
                () = self.exchanges.ended(), if is_waiting => {}
                () = self.clock.sleep_until_boottime(look_at) => {}
                _ = signals.next() => {
                    self.exchanges.close();
                    if is_waiting {
                        let names = names(&under_way);
                        tracing::warn!(
                            "All else ends at once. The answer for {names} is waited for all the same, at most {} s more: its refresh token works once, and the login would be lost; `kill -9` ends even this",
                            end.saturating_sub(now).as_secs()
                        );
                    }
                    if ended.is_none() {
                        ended = Some(Farewelled::Hurried);
                    }
                }
            }
        }
    }

    fn tell(&self, under_way: &[UnderWay], left: Duration, was_told: &mut bool) {
        let text = format!(
            "Stopping: waits for the token server's answer for {}, at most {} s more; its refresh token works once",
            names(under_way),
            left.as_secs()
        );
        if !std::mem::replace(was_told, true) {
            tracing::info!("{text}");
        }
        let micros = u32::try_from(left.saturating_add(SPARE).as_micros()).unwrap_or(u32::MAX);
        tell_manager(&[NotifyState::Status(&text), NotifyState::ExtendTimeoutUsec(micros), NotifyState::Watchdog]);
    }
}

fn names(under_way: &[UnderWay]) -> String {
    let mut names: Vec<String> = under_way.iter().map(|one| format!("connection `{}`", one.connection)).collect();
    names.dedup();
    names.join(", ")
}

/// Does work that may exchange a refresh token that works once. Ctrl-C ends it at once where nothing would be lost, and else as
/// soon as the answer is saved.
pub(super) async fn patiently<T>(
    exchanges: &Exchanges,
    clock: &Clock,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut signals = Signals::listen().map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
    let mut work = pin!(work);
    let interrupted = async {
        signals.next().await;
        exchanges.close();
        if !exchanges.under_way().is_empty() {
            anstream::eprintln!(
                "Ends as soon as the token server has answered, at most in 100 s: the refresh token works once, and the login would be lost."
            );
            tokio::select! {
                () = exchanges.ended() => {}
                () = clock.sleep(ONE_USE_LIMIT.saturating_add(SAVE_TIME)) => {}
            }
        }
    };
    tokio::select! {
        biased;
        done = &mut work => Ok(done),
        () = interrupted => std::process::exit(INTERRUPTED),
    }
}
