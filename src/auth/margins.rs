//! The arithmetic of token life: when to renew, when to stop handing out, how long to wait after a failure.
//!
//! Pure: no clock and no source of chance of its own. All instants are boot time.

use std::collections::VecDeque;
use std::time::Duration;

/// Longest life that is believed (T15).
pub const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Between a token that was dead on arrival and the next request (T15).
pub const AFTER_DEAD_TOKEN: Duration = Duration::from_secs(10);
/// Between two renewals forced by a 401 (T12).
pub const BETWEEN_FORCED: Duration = Duration::from_secs(10);
/// How long no token is handed out after three fresh ones were refused. The token server is left alone meanwhile, and asked
/// for one new token then: the one at hand may have been revoked by mistake, and would live for an hour or a day (T12).
pub const BROKEN_PAUSE: Duration = Duration::from_secs(300);
/// A token refused within this age counts as refused fresh; an older one worked before, so it starts a new count (T12).
pub const FRESH: Duration = Duration::from_secs(300);
/// Between tries when the server refuses the client: at most 13 in an hour (T6).
pub const AFTER_BAD_CLIENT: Duration = Duration::from_secs(300);
/// Between tries of a password or a user key that was refused. Accounts are locked after some wrong tries within minutes, half
/// an hour at most; one an hour never adds up.
pub const AFTER_BAD_KEY: Duration = Duration::from_secs(3_600);
/// Up to when a lost answer is asked for again while the process ends, counted from when the end was asked for: half of what
/// a whole exchange may take, so that the other half is left for the answer.
pub const LAST_REPLAY: Duration = Duration::from_secs(50);
/// Between looks at the secret files while only a new one can help (T6).
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Life of a refresh token of the identity server (T20).
pub const LOGIN_LIFE: Duration = Duration::from_secs(60 * 24 * 3_600);
/// Age at which a person is told that the login is about to end: 80 % of its life (T20). A daemon that renews every hour
/// never sees it; one that was cut off, or whose server does not hand out new ones, does.
pub const LOGIN_ALERT: Duration = Duration::from_secs(48 * 24 * 3_600);
/// Between two such alerts.
pub const LOGIN_ALERT_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// A difference from the token server's clock that is told (T13).
pub const SKEW_TOLD: Duration = Duration::from_secs(30);
/// Between attempts to write an unsaved refresh token (T9).
pub const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Longest wait that a server can order by `Retry-After` (T6).
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Longest wait of the back-off (T6): recovery comes within a minute.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// Longest wait of a caller once no token is usable (T5).
pub(super) const CALLER_WAIT: Duration = Duration::from_secs(15);
/// Longest wait of a person: for another process's lock (5 s), and then for the longest answer.
pub(super) const PERSON_WAIT: Duration = Duration::from_secs(110);
/// The same for a refresh token: another process's whole exchange, one of our own, and a second request for a lost answer.
pub(super) const PERSON_WAIT_FOR_LOGIN: Duration = Duration::from_secs(320);
/// Longest wait for an answer that comes once. Identity servers have been reported to take 12 s, and 100 s under load before their own client
/// gave up; a client that waited 5 s lost its users' logins.
/// (DuendeArchive/IdentityServer4 4465 and 3368, DuendeArchive/Support 641, kurrent-io/kcap-cli 946)
pub const ONE_USE_LIMIT: Duration = Duration::from_secs(100);
/// Longest wait for a request and its save at the end (T7).
pub(super) const STOP_WAIT: Duration = Duration::from_secs(10);
/// The same for a refresh token, which may work once: a whole exchange (semantics.md 28), and its save.
pub(super) const STOP_WAIT_FOR_LOGIN: Duration = ONE_USE_LIMIT.saturating_add(Duration::from_secs(5));
/// Requests per minute and credential, whatever happens (T23). Counted in each process for itself: it is there to stop a loop,
/// and a loop is in one process. Processes that share a login share its tokens through the file, so five of them make no more
/// requests than one while tokens live for minutes; only with lives of seconds do their budgets add up.
const BUDGET: usize = 6;
const BUDGET_WINDOW: Duration = Duration::from_secs(60);

/// One token's life, in boot time, counted from when its request was sent (T13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When the request left.
    pub issued: Duration,
    /// From here a new one is asked for.
    pub soft: Duration,
    /// From here it is not handed out.
    pub hard: Duration,
    /// When the server stops accepting it.
    pub end: Duration,
}

/// Works out T2: `share` is the jitter, 0 to 1, and moves the soft point earlier by at most a tenth of the margin.
pub fn life(issued: Duration, length: Duration, share: f64) -> Life {
    let length = length.min(LONGEST_LIFE);
    let (soft, hard) = if length < Duration::from_secs(120) {
        (length / 2, length.saturating_sub((length / 4).min(Duration::from_secs(10))))
    } else {
        let margin = (length / 5).clamp(Duration::from_secs(60), Duration::from_secs(600));
        let early = margin.mul_f64(0.1 * share.clamp(0.0, 1.0));
        (length.saturating_sub(margin + early), length.saturating_sub(Duration::from_secs(30)))
    };
    let at = |age: Duration| issued.saturating_add(age);
    Life { issued, soft: at(soft), hard: at(hard), end: at(length) }
}

/// Full jitter, 1 s doubling to 60 s (T6). `failures` counts from 1.
pub fn backoff(failures: u32, share: f64) -> Duration {
    let ceiling = Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(LONGEST_BACKOFF);
    // Never quite zero: a refused connection would otherwise be tried again at once, six times.
    ceiling.mul_f64(share.clamp(0.0, 1.0)).max(Duration::from_millis(100))
}

/// When requests left, for the budget of T23.
#[derive(Clone, Debug, Default)]
pub struct Budget(VecDeque<Duration>);

impl Budget {
    /// Takes one request out of the budget, or says when there is room again.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        while self.0.front().is_some_and(|sent| sent.saturating_add(BUDGET_WINDOW) <= now) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(oldest) if self.0.len() >= BUDGET => Err(oldest.saturating_add(BUDGET_WINDOW)),
            _ => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }

    /// Puts the last one back: no request left after all.
    pub fn put_back(&mut self) {
        self.0.pop_back();
    }
}

/// A small source of chance, seeded from outside (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number from 0 up to 1.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        f64::from(u32::try_from(mixed >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }
}
