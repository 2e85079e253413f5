//! What pauses, marks and windows make of a time at its claim, and of a run that is to be sent (semantics.md 29, 30).
//!
//! Two tables, since a time that has come may be recorded as skipped, and a run that has a row can only wait.
//!
//! Absent: which pause and which windows hold somebody (`holds`, `windows`).

use jiff::Timestamp;

use super::windows::WindowRow;
use crate::run::{Held, HeldBy, Pause, PauseId, SkipMark};
use crate::schedule::{BlackoutThen, Trigger};

/// What keeps a run from being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    No,
    /// A pause; until then, if it ends by itself.
    Paused(HeldBy, Option<Timestamp>),
    /// A window; until the end of all that follow it without a gap, where there is one.
    Blackout(HeldBy, Option<Timestamp>),
}

/// What becomes of a time. A back-fill run is no time of its own: it waits as any run does. A person who starts something by hand is not
/// meant by a pause, and is asked about windows before (semantics.md 31).
pub fn decide(
    trigger: Trigger,
    mark: Option<&SkipMark>,
    pause: Option<(PauseId, &Pause)>,
    window: Option<WindowRow>,
) -> Held {
    match trigger {
        Trigger::Manual | Trigger::Backfill => return Held::No,
        Trigger::Scheduled | Trigger::CatchUp | Trigger::After => {}
    }
    match (mark, pause, window) {
        (Some(SkipMark { actor, reason, .. }), _, _) => {
            Held::Skipped(HeldBy::Mark { actor: actor.clone(), reason: reason.clone() })
        }
        (None, Some((id, pause)), _) => Held::Skipped(HeldBy::pause(id, pause)),
        (None, None, Some(WindowRow { name, then: BlackoutThen::Skip, until: _ })) => {
            Held::Skipped(HeldBy::Window { name })
        }
        (None, None, Some(WindowRow { name, then: BlackoutThen::Wait, until })) => Held::Waits { name, until },
        (None, None, None) => Held::No,
    }
}

/// What keeps a run from being sent now. `pause` is the one that holds it, and until when it and all others do. In a window whatever is
/// not sent yet waits, also where its times are skipped: it is not one of these times.
pub fn keep(trigger: Trigger, pause: Option<(PauseId, &Pause, Option<Timestamp>)>, window: Option<WindowRow>) -> Kept {
    let pause = match trigger {
        Trigger::Manual => None,
        Trigger::Scheduled | Trigger::CatchUp | Trigger::After | Trigger::Backfill => pause,
    };
    match (pause, window) {
        (Some((id, pause, until)), _) => Kept::Paused(HeldBy::pause(id, pause), until),
        (None, Some(WindowRow { name, then: _, until })) => Kept::Blackout(HeldBy::Window { name }, until),
        (None, None) => Kept::No,
    }
}
