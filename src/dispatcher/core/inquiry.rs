//! Asking whether a job exists, and settling an unclear start by it.

use std::time::Duration;

use crate::orchestrator::CallError;
use crate::policy::overlap::Knowledge;

/// How it is asked whether a job exists. In boot time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inquiry {
    pub(crate) next: Duration,
    pub(crate) way: Way,
    /// Calls that came to nothing, one after another.
    pub(crate) broken: u32,
    /// The same of lists of all jobs, after look-ups had broken too often.
    pub(crate) lists_broken: u32,
}

/// By which call it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By its Reference.
    ByReference,
    /// The same next to somebody else's job: none of ours shows that such a look-up works.
    NextToNewest,
    /// In a list of all jobs: look-ups cannot tell.
    InList,
}

/// The settling of an unclear start. In boot time.
#[derive(Debug)]
pub(crate) struct Settle {
    /// The end of the call: the settle window counts from here.
    pub(crate) from: Duration,
    /// How many of the looks within the window are over.
    pub(crate) step: usize,
    pub(crate) inquiry: Inquiry,
    pub(crate) knowledge: Knowledge,
    /// What is asked before it is sent again.
    pub(crate) then: Then,
    /// A repeated start was refused with this, perhaps because of the job that the first one made.
    pub(crate) refused: Option<CallError>,
}

/// What follows once it is certain that no job was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is sent again: its schedule has waited for it.
    Send,
    /// Its schedule went on meanwhile, so overlap is asked again.
    AskOverlap,
}

impl Inquiry {
    /// By its Reference, at this boot time.
    pub(crate) fn at(next: Duration) -> Inquiry {
        Inquiry { next, way: Way::ByReference, broken: 0, lists_broken: 0 }
    }

    /// Asked by this call from `next` on.
    pub(crate) fn turn_to(&mut self, way: Way, next: Duration) {
        self.way = way;
        self.next = next;
    }
}

impl Settle {
    /// The settle window counts from `from`, the end of the call; the first look is at `next`.
    pub(crate) fn from(from: Duration, next: Duration) -> Settle {
        Settle {
            from,
            step: 0,
            inquiry: Inquiry::at(next),
            knowledge: Knowledge::Current,
            then: Then::Send,
            refused: None,
        }
    }

    /// Overlap is asked before it is sent again.
    pub(crate) fn then_ask_overlap(self) -> Settle {
        Settle { then: Then::AskOverlap, ..self }
    }
}
