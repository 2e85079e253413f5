//! Whether an answer is Orchestrator's of now, or a cache's of before.
//!
//! A cached "no such job" is the one lie that makes a robot run twice, so an answer counts as proof only without any mark of a
//! cache (semantics.md 16a). Gateways that cache reads mark it by `Age` (RFC 9111 5.1) or a header of their own; one that
//! marks nothing still repeats the `Date` of the answer it kept, which is older than the request.
//!
//! Pure, but for the server's clock, which is learnt from answers without these marks.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AGE, HeaderMap};

use crate::clock::{Reading, earlier, later};
use crate::http;

/// `Date` has whole seconds, and clocks are read at either end of the way: more than this is another answer's date.
const OLDER: SignedDuration = SignedDuration::from_secs(2);

/// Two answers at least this far apart that show the same offset are a clock that was set, not a cache: a kept `Date` falls
/// behind as time goes on.
const APART: Duration = Duration::from_secs(3);

/// How much two offsets of one clock may differ: whole seconds, and the way.
const SAME: SignedDuration = SignedDuration::from_millis(1_500);

/// So long old answers leave open whether a cache repeats them or the server's clock was set back; then it was a cache.
const OPEN_FOR: Duration = Duration::from_secs(30);

/// Headers in which caches and content networks say that they answered: Varnish, Squid, CloudFront and Azure say `X-Cache`,
/// Cloudflare `CF-Cache-Status`.
const CACHE_HEADERS: [&str; 2] = ["x-cache", "cf-cache-status"];

/// Whether an answer may be believed in what it does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// No mark of a cache.
    Fresh,
    /// A cache answered.
    Stale(Stale),
}

/// By what a cache was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// `Age` in seconds, 1 or more.
    Age(u64),
    /// A header says that it was a hit.
    Hit,
    /// `Date` is so much older than the request, in the server's time.
    OldDate(SignedDuration),
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stale::Age(seconds) => write!(f, "a cache answered with what it had kept for {seconds} s (`Age`)"),
            Stale::Hit => f.write_str("a cache answered (`X-Cache` or `CF-Cache-Status` says so)"),
            Stale::OldDate(behind) => {
                write!(f, "the answer is dated {} s before the request, as a cache's is", behind.as_secs())
            }
        }
    }
}

/// The server's clock, as its own answers showed it. Kept against boot time: a step of our own clock is no news of the server's.
#[derive(Debug, Default)]
pub(super) struct ServerClock {
    /// What the server's clock showed at boot time zero.
    zero: Option<Timestamp>,
    /// An older one that was seen: believed when it is seen again.
    behind: Option<Behind>,
}

/// A server's clock further back than what was known.
#[derive(Clone, Copy, Debug)]
struct Behind {
    /// What it showed at boot time zero.
    zero: Timestamp,
    /// When it was seen, in boot time.
    seen: Duration,
    /// Since when each answer was as old as this or older.
    since: Duration,
}

/// Orchestrator's clock minus ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerSkew {
    /// No answer has told it.
    Unknown,
    /// So much, by its last fresh answer.
    By(SignedDuration),
    /// The last answers are dated before what was known: a cache repeats them, or the server's clock was set back. The next
    /// answers tell.
    Open,
}

impl From<Option<SignedDuration>> for ServerSkew {
    fn from(skew: Option<SignedDuration>) -> ServerSkew {
        skew.map_or(ServerSkew::Unknown, ServerSkew::By)
    }
}

/// When a request left and its answer had come, in boot time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) sent: Duration,
    pub(super) came: Duration,
}

impl ServerClock {
    /// The server's clock minus ours, as far as its answers have told it.
    pub(super) fn skew(&self, now: Reading) -> ServerSkew {
        let Some(zero) = self.zero else { return ServerSkew::Unknown };
        if self.behind.is_some_and(|behind| now.boot.saturating_sub(behind.since) < OPEN_FOR) {
            return ServerSkew::Open;
        }
        ServerSkew::By(later(zero, now.boot).duration_since(now.wall))
    }

    /// Judges an answer, and learns from it if it is fresh.
    pub(super) fn judge(&mut self, headers: &HeaderMap, way: Way) -> Freshness {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::BELIEVE_CACHED_LISTS) {
            return Freshness::Fresh;
        }
        if let Some(stale) = marked(headers) {
            return Freshness::Stale(stale);
        }
        let Some(date) = http::date(headers) else { return Freshness::Fresh };
        let zero = earlier(date, way.came);
        if let Some(known) = self.zero {
            let behind = later(known, way.sent).duration_since(date);
            if behind > OLDER && !self.was_set_back(zero, way.came) {
                return Freshness::Stale(Stale::OldDate(behind));
            }
        }
        self.behind = None;
        self.zero = Some(zero);
        Freshness::Fresh
    }

    /// Whether the server's own clock goes behind what was known: seen twice so, some time apart.
    fn was_set_back(&mut self, zero: Timestamp, boot: Duration) -> bool {
        match self.behind {
            Some(before) if before.zero.duration_since(zero).abs() <= SAME => boot.saturating_sub(before.seen) >= APART,
            before => {
                let since = before.map_or(boot, |before| before.since);
                self.behind = Some(Behind { zero, seen: boot, since });
                false
            }
        }
    }
}

fn marked(headers: &HeaderMap) -> Option<Stale> {
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse::<u64>().ok());
    if let Some(age) = age.filter(|age| *age >= 1) {
        return Some(Stale::Age(age));
    }
    let hit = CACHE_HEADERS.iter().flat_map(|name| headers.get_all(*name)).any(|value| {
        let text = value.to_str().unwrap_or_default().trim_start().to_ascii_uppercase();
        // "HIT", "HIT from proxy-3", "TCP_HIT", "STALE", "REVALIDATED" is fresh: the origin was asked.
        ["HIT", "STALE", "TCP_HIT", "TCP_MEM_HIT"].iter().any(|mark| text.starts_with(mark))
    });
    hit.then_some(Stale::Hit)
}
