//! What a key of another scheduler can mean here: the rows of `foreign`, which `foreign_cure` reads.

use super::keys::Section;

/// One meaning, with the names that it has elsewhere.
pub(super) struct Foreign {
    /// The maps in which they are found.
    pub(super) homes: &'static [&'static Section],
    /// Without `_` and `-`, in small letters.
    pub(super) names: &'static [&'static str],
    /// The key of this map about which enough was said then.
    pub(super) settles: &'static str,
    pub(super) means: Means,
}

/// What is to be written. `{}` stands for the writer's own value, `{key}` for the schedule's key.
#[derive(Clone, Copy)]
pub(super) enum Means {
    /// The same, whatever the value.
    Always(&'static str),
    /// A number of starts after the first one.
    MoreStarts(&'static str),
    /// A number of starts in all.
    Starts(&'static str),
    /// A number of something else, and one that will do.
    Number(&'static str, &'static str),
    /// A length, in which unit a bare number is, and one that will do.
    Length(&'static str, Unit, &'static str),
    /// A text, and one that will do.
    Text(&'static str, &'static str),
    /// True and false.
    Flag(&'static str, &'static str),
    /// When it runs: a pattern or an interval.
    Times,
    /// What becomes of a time while a run is open.
    Overlap,
    /// What becomes of late times.
    CatchUp,
    /// Whether it is started again at all.
    Restart,
    /// Somebody is told. That is not built.
    NotBuilt,
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Minutes,
}

/// One row.
pub(super) const fn row(
    homes: &'static [&'static Section],
    settles: &'static str,
    names: &'static [&'static str],
    means: Means,
) -> Foreign {
    Foreign { homes, names, settles, means }
}
