//! The words that a key may choose between, and what each stands for.

use std::fmt;

use crate::grant::{GrantKind, Style};
use crate::recurrence::{Class, GapPolicy, OnExcluded, OverlapTime, ZoneChoice};
use crate::schedule::blackout::BlackoutThen;
use crate::schedule::kept::Kept;
use crate::schedule::policy::{CatchUpPolicy, JobPriority, OnPending, OnUnknownStart, OverlapPolicy, RetryOn};

/// Words with their values.
#[derive(Debug)]
pub(in crate::schedule) struct Choices<T: 'static> {
    pub(super) built: &'static [(&'static str, T)],
}

/// The words alone.
pub(in crate::schedule) trait Names: fmt::Debug + Sync {
    fn built(&self) -> Vec<&'static str>;
}

impl<T: fmt::Debug + Sync> Names for Choices<T> {
    fn built(&self) -> Vec<&'static str> {
        self.built.iter().map(|(name, _)| *name).collect()
    }
}

/// Of two grants with one word the one that is meant without a style.
pub(super) static GRANT: Choices<GrantKind> = Choices {
    built: &[
        ("client_credentials", GrantKind::ClientCredentials),
        ("refresh_token", GrantKind::RefreshTokenIdentity),
        ("password", GrantKind::Password),
        ("personal_access_token", GrantKind::PersonalAccessToken),
    ],
};

pub(super) static STYLE: Choices<Style> =
    Choices { built: &[("identity", Style::Identity), ("account", Style::Account)] };

pub(super) static OVERLAP: Choices<OverlapPolicy> = Choices {
    built: &[
        ("skip", OverlapPolicy::Skip),
        ("allow", OverlapPolicy::Allow),
        ("queue_one", OverlapPolicy::QueueOne),
        ("queue_latest", OverlapPolicy::QueueLatest),
        ("queue_all", OverlapPolicy::QueueAll),
        ("stop_other", OverlapPolicy::StopOther),
        ("kill_other", OverlapPolicy::KillOther),
    ],
};

pub(super) static CATCH_UP: Choices<CatchUpPolicy> =
    Choices { built: &[("last", CatchUpPolicy::Last), ("skip", CatchUpPolicy::Skip), ("all", CatchUpPolicy::All)] };

/// What `retry` tries again (semantics.md 18).
pub(super) static RETRIED: Choices<RetryOn> = Choices {
    built: &[("faulted", RetryOn::Faulted), ("timed_out", RetryOn::TimedOut), ("business", RetryOn::Business)],
};

pub(super) static ON_PENDING: Choices<OnPending> =
    Choices { built: &[("stop", OnPending::Stop), ("restart", OnPending::Restart)] };

/// Orchestrator's own words.
pub(super) static PRIORITY: Choices<JobPriority> =
    Choices { built: &[("Low", JobPriority::Low), ("Normal", JobPriority::Normal), ("High", JobPriority::High)] };

pub(super) static IN_BLACKOUT: Choices<BlackoutThen> =
    Choices { built: &[("skip", BlackoutThen::Skip), ("wait", BlackoutThen::Wait)] };

pub(super) static UNKNOWN_START: Choices<OnUnknownStart> = Choices {
    built: &[("retry", OnUnknownStart::Retry), ("skip", OnUnknownStart::Skip), ("hold", OnUnknownStart::Hold)],
};

pub(super) static KEPT: Choices<Kept> =
    Choices { built: &[("keep", Kept::Keep), ("hash", Kept::Hash), ("drop", Kept::Drop)] };

pub(super) static GAP: Choices<GapPolicy> =
    Choices { built: &[("shift", GapPolicy::Shift), ("offset", GapPolicy::Offset), ("skip", GapPolicy::Skip)] };

pub(super) static TWICE: Choices<OverlapTime> =
    Choices { built: &[("first", OverlapTime::First), ("last", OverlapTime::Last), ("both", OverlapTime::Both)] };

pub(super) static CLASS: Choices<Class> = Choices { built: &[("fixed", Class::Fixed), ("interval", Class::Interval)] };

pub(super) static ZONE_DATABASE: Choices<ZoneChoice> =
    Choices { built: &[("auto", ZoneChoice::Auto), ("system", ZoneChoice::System), ("bundled", ZoneChoice::Bundled)] };

pub(super) static ON_EXCLUDED: Choices<OnExcluded> = Choices {
    built: &[
        ("skip", OnExcluded::Skip),
        ("previous_working_day", OnExcluded::PreviousWorkingDay),
        ("next_working_day", OnExcluded::NextWorkingDay),
    ],
};

// Words behind keys that are not built yet: they are checked, and stand for nothing so far.

const fn words<const N: usize>(names: [&'static str; N]) -> [(&'static str, ()); N] {
    let mut words = [("", ()); N];
    let mut at = 0;
    while at < N {
        words[at].0 = names[at];
        at += 1;
    }
    words
}

/// Of what `notify` tells.
pub(super) static EVENTS: Choices<()> = Choices {
    built: &words([
        "faulted",
        "timed_out",
        "rejected",
        "missed",
        "lost",
        "held",
        "skipped",
        "duplicate",
        "paused",
        "removed",
        "token",
        "files",
        "storage",
    ]),
};

/// How a run may end, for `after`.
pub(super) static ENDS: Choices<()> = Choices {
    built: &words([
        "succeeded",
        "faulted",
        "stopped",
        "timed_out",
        "rejected",
        "lost",
        "skipped",
        "missed",
        "cancelled",
    ]),
};

pub(super) static FORMAT: Choices<()> = Choices { built: &words(["json", "teams"]) };
