//! The words that a key may choose between, and what each stands for.

use std::fmt;

use crate::grant::{GrantKind, Style};
use crate::recurrence::{Class, GapPolicy, OnExcluded, OverlapTime, ZoneChoice};
use crate::schedule::kept::Kept;
use crate::schedule::policy::{CatchUpPolicy, OnUnknownStart, OverlapPolicy};

/// Words with their values.
#[derive(Debug)]
pub(in crate::schedule) struct Choices<T: 'static> {
    pub(super) built: &'static [(&'static str, T)],
    /// Known, and their behaviour is not built yet.
    pub(super) later: &'static [&'static str],
}

/// The words alone.
pub(in crate::schedule) trait Names: fmt::Debug + Sync {
    fn built(&self) -> Vec<&'static str>;
    fn later(&self) -> &'static [&'static str];
}

impl<T: fmt::Debug + Sync> Names for Choices<T> {
    fn built(&self) -> Vec<&'static str> {
        self.built.iter().map(|(name, _)| *name).collect()
    }

    fn later(&self) -> &'static [&'static str] {
        self.later
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
    later: &[],
};

pub(super) static STYLE: Choices<Style> =
    Choices { built: &[("identity", Style::Identity), ("account", Style::Account)], later: &[] };

pub(super) static OVERLAP: Choices<OverlapPolicy> = Choices {
    built: &[("skip", OverlapPolicy::Skip), ("allow", OverlapPolicy::Allow)],
    later: &["queue_one", "queue_latest", "queue_all", "stop_other", "kill_other"],
};

pub(super) static CATCH_UP: Choices<CatchUpPolicy> =
    Choices { built: &[("last", CatchUpPolicy::Last), ("skip", CatchUpPolicy::Skip)], later: &["all"] };

pub(super) static UNKNOWN_START: Choices<OnUnknownStart> = Choices {
    built: &[("retry", OnUnknownStart::Retry), ("skip", OnUnknownStart::Skip), ("hold", OnUnknownStart::Hold)],
    later: &[],
};

pub(super) static KEPT: Choices<Kept> =
    Choices { built: &[("keep", Kept::Keep), ("hash", Kept::Hash), ("drop", Kept::Drop)], later: &[] };

pub(super) static GAP: Choices<GapPolicy> = Choices {
    built: &[("shift", GapPolicy::Shift), ("offset", GapPolicy::Offset), ("skip", GapPolicy::Skip)],
    later: &[],
};

pub(super) static TWICE: Choices<OverlapTime> = Choices {
    built: &[("first", OverlapTime::First), ("last", OverlapTime::Last), ("both", OverlapTime::Both)],
    later: &[],
};

pub(super) static CLASS: Choices<Class> =
    Choices { built: &[("fixed", Class::Fixed), ("interval", Class::Interval)], later: &[] };

pub(super) static ZONE_DATABASE: Choices<ZoneChoice> = Choices {
    built: &[("auto", ZoneChoice::Auto), ("system", ZoneChoice::System), ("bundled", ZoneChoice::Bundled)],
    later: &[],
};

pub(super) static ON_EXCLUDED: Choices<OnExcluded> = Choices {
    built: &[
        ("skip", OnExcluded::Skip),
        ("previous_working_day", OnExcluded::PreviousWorkingDay),
        ("next_working_day", OnExcluded::NextWorkingDay),
    ],
    later: &[],
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
    later: &[],
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
    later: &[],
};

/// What `retry` tries again (semantics.md 18).
pub(super) static RETRIED: Choices<()> =
    Choices { built: &words(["faulted", "timed_out", "rejected_transient"]), later: &[] };

pub(super) static FORMAT: Choices<()> = Choices { built: &words(["json", "teams"]), later: &[] };

/// Orchestrator's own words.
pub(in crate::schedule) static PRIORITY: Choices<()> = Choices { built: &words(["Low", "Normal", "High"]), later: &[] };
