//! What a page of jobs says of one Reference.
//!
//! "There is none" is said only by an answer that proves it: complete, of now, showing what is known to be there and nothing
//! that was not asked for (semantics.md 16, 16a).

use crate::executor::{Ask, AskedFor};
use crate::orchestrator::{Completeness, Freshness, JobPage, JobView, Stale};

/// What a look-up says of one Reference.
#[derive(Debug)]
pub(crate) enum Finding {
    /// These jobs have it.
    Jobs(Vec<JobView>),
    /// None has, and the answer proves that it would have shown one.
    ProvenNone,
    /// None was shown.
    NoneShown,
    /// The answer says nothing.
    Nothing,
    /// A cache answered.
    Stale(Stale),
}

/// What a page says of one Reference: `filtered` when it shows nothing foreign, `shows_control` when it shows what must be there.
pub(crate) fn find_in_page(ask: &Ask, page: &JobPage, filtered: bool, shows_control: bool) -> Finding {
    let jobs: Vec<JobView> = page.jobs.iter().filter(|job| ask.is(job.reference.as_ref())).cloned().collect();
    // A second job is what is counted for: that there is one is known, and an old page does not say that it is the only one.
    let counts_for_more = matches!(ask.purpose, AskedFor::Sweep) && jobs.len() == 1;
    match page.completeness {
        _ if page.freshness != Freshness::Fresh && counts_for_more => stale(page),
        _ if !jobs.is_empty() => Finding::Jobs(jobs),
        _ if page.freshness != Freshness::Fresh => stale(page),
        Completeness::Complete if !filtered => Finding::Nothing,
        Completeness::Complete if shows_control => Finding::ProvenNone,
        Completeness::Complete => Finding::NoneShown,
        // The filter was ignored, and what we ask for may lie beyond the cut, or could not be read.
        Completeness::Cut | Completeness::Holes => Finding::Nothing,
    }
}

pub(crate) fn stale(page: &JobPage) -> Finding {
    match page.freshness {
        Freshness::Fresh => Finding::Nothing,
        Freshness::Stale(why) => Finding::Stale(why),
    }
}
