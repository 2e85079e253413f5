//! The one place that knows what time it is.
//!
//! Everything that waits or stamps takes a [`Clock`], a concrete handle, so that no type parameter spreads and a test can
//! drive daemon and sandbox with one manual clock. The system clock sleeps in slices and looks again: a suspended machine
//! or a stepped wall clock delays a start by one slice at most, it never loses it.
//!
//! Absent: time zones (see `recurrence`) and any scheduling decision.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The longest sleep before the wall clock is read again (semantics.md 7: at least once a second).
const SLICE: Duration = Duration::from_secs(1);

/// Where time comes from: the system, or a test's hand.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(watch::Receiver<Hands>),
}

/// What a manual clock shows.
#[derive(Clone, Copy, Debug)]
struct Hands {
    reading: Reading,
    boots: u64,
}

/// Where the kernel shows the running boot's name.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall time, UTC. May jump either way.
    pub wall: Timestamp,
    /// Time since boot, suspend included. Never goes back (T13).
    pub boot: Duration,
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still until its [`ManualClock`] moves it.
    pub fn manual(start: Timestamp) -> (Clock, ManualClock) {
        let reading = Reading { wall: start, boot: Duration::from_secs(1_000) };
        let (sender, receiver) = watch::channel(Hands { reading, boots: 1 });
        (Clock(Source::Manual(receiver)), ManualClock(Arc::new(sender)))
    }

    /// Wall time, UTC.
    pub fn now(&self) -> Timestamp {
        self.read().wall
    }

    /// Time since boot, suspend included: for ages and waits that a clock step must not shorten.
    pub fn boottime(&self) -> Duration {
        self.read().boot
    }

    /// Both clocks at once.
    pub fn read(&self) -> Reading {
        match &self.0 {
            Source::System => Reading { wall: system_wall(), boot: system_boottime() },
            Source::Manual(hands) => hands.borrow().reading,
        }
    }

    /// Names the running boot, so that two readings of boot time can be told to belong together. None where the kernel hides
    /// it, as `ProcSubset=pid` does.
    pub fn boot_id(&self) -> Option<String> {
        match &self.0 {
            Source::System => std::fs::read_to_string(BOOT_ID).ok().map(|id| id.trim().to_owned()),
            Source::Manual(hands) => Some(format!("boot-{}", hands.borrow().boots)),
        }
    }

    /// Waits until the wall clock shows `deadline` or later.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &self.0 {
            Source::System => loop {
                let left = deadline.duration_since(system_wall());
                if left <= SignedDuration::ZERO {
                    return;
                }
                system_sleep(left.unsigned_abs().min(SLICE)).await;
            },
            Source::Manual(hands) => wait_for(hands.clone(), |r| r.wall >= deadline).await,
        }
    }

    /// Waits for `length` of boot time.
    pub async fn sleep(&self, length: Duration) {
        self.sleep_until_boottime(self.boottime().saturating_add(length)).await;
    }

    /// Waits until `end` of boot time. Unlike a length, an instant worked out a moment ago is not late when time has
    /// passed since.
    pub async fn sleep_until_boottime(&self, end: Duration) {
        match &self.0 {
            Source::System => loop {
                let left = end.saturating_sub(system_boottime());
                if left.is_zero() {
                    return;
                }
                system_sleep(left.min(SLICE)).await;
            },
            Source::Manual(hands) => wait_for(hands.clone(), |r| r.boot >= end).await,
        }
    }

    /// Waits for at most `length`, and shorter when the clocks are to be looked at again: after a second at the latest, or at
    /// once when a manual clock is not at `seen` any more. For loops that compare again after waking, so a stepped clock is
    /// noticed; `seen` is the reading they decided by, so that a clock moved meanwhile is not slept over.
    pub async fn nap(&self, seen: Reading, length: Duration) {
        match &self.0 {
            Source::System => system_sleep(length.min(SLICE)).await,
            Source::Manual(hands) => wait_for(hands.clone(), |now| *now != seen).await,
        }
    }
}

async fn wait_for(mut hands: watch::Receiver<Hands>, mut reached: impl FnMut(&Reading) -> bool) {
    // A clock whose hand was dropped stands still for ever, so nobody is woken early by a test that ended.
    if hands.wait_for(|hands| reached(&hands.reading)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_wall() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
async fn system_sleep(length: Duration) {
    tokio::time::sleep(length).await;
}

fn system_boottime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Manual(hands) => write!(f, "Clock({})", hands.borrow().reading.wall),
        }
    }
}

/// Moves a manual clock. Level, not edge: a waiter that looks late still sees that its time has come.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Hands>>);

impl ManualClock {
    /// Lets time pass on both clocks.
    pub fn advance(&self, length: Duration) {
        self.0.send_modify(|hands| {
            hands.reading.wall = later(hands.reading.wall, length);
            hands.reading.boot += length;
        });
    }

    /// Lets time pass until the wall clock shows `wall`; does nothing when it is already later.
    pub fn advance_to(&self, wall: Timestamp) {
        self.0.send_modify(|hands| {
            let reading = &mut hands.reading;
            let length = wall.duration_since(reading.wall);
            if length > SignedDuration::ZERO {
                reading.wall = wall;
                reading.boot += length.unsigned_abs();
            }
        });
    }

    /// Steps the wall clock without any time passing, as NTP or an administrator does.
    pub fn step_to(&self, wall: Timestamp) {
        self.0.send_modify(|hands| hands.reading.wall = wall);
    }

    /// Starts the machine anew: boot time begins again, ten seconds later by the wall.
    pub fn reboot(&self) {
        self.0.send_modify(|hands| {
            hands.boots += 1;
            hands.reading.boot = Duration::from_secs(10);
            hands.reading.wall = later(hands.reading.wall, Duration::from_secs(10));
        });
    }
}

/// `instant + length`, held at the last instant that can be written down.
pub fn later(instant: Timestamp, length: Duration) -> Timestamp {
    SignedDuration::try_from(length).ok().and_then(|d| instant.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
}

/// `instant - length`, held at the first instant that can be written down.
pub fn earlier(instant: Timestamp, length: Duration) -> Timestamp {
    SignedDuration::try_from(length).ok().and_then(|d| instant.checked_sub(d).ok()).unwrap_or(Timestamp::MIN)
}
