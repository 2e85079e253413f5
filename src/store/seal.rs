//! A number beside what must not change: a bit that a disk has turned is no other start.
//!
//! SQLite checks the shape of its pages, not what stands in them. A run that waits is sent from its row after a restart, and a
//! mark decides what is due; so both carry a number that follows from them, and a row that does not fit its own is damage.
//! What changes while a run goes on (its state, its instants) is not sealed: Orchestrator is asked for it again. It is no
//! protection against people, who could work it out.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::run::{Run, Work};
use crate::schedule::{HighWaterMark, ScheduleKey};

/// Of what a run was claimed as, and under which Reference it is looked for.
pub(super) fn of_run(run: &Run) -> i64 {
    let Run {
        id,
        schedule,
        trigger,
        nominal_at,
        fire_at,
        claimed_at,
        connection,
        identity,
        work,
        template,
        policy,
        ..
    } = run;
    let instants = [nominal_at, fire_at, claimed_at].map(|at| at.as_millisecond());
    let reference = run.attempts.first().map(|attempt| attempt.reference.as_str());
    let Work::Process(start) = work;
    let what = (id, schedule, trigger, instants, connection, start, policy.on_unknown_start, reference);
    match (policy.overlap, identity) {
        (Some(_), _) => number(&(what, identity, policy, template)),
        // Rows of before policies were frozen, or identities, have the number that follows from the rest.
        (None, Some(identity)) => number(&(what, identity)),
        (None, None) => number(&what),
    }
}

/// Of up to where a schedule is planned.
pub(super) fn of_mark(schedule: &ScheduleKey, mark: HighWaterMark) -> i64 {
    number(&(schedule, mark.0.as_millisecond()))
}

fn number(of: &impl Serialize) -> i64 {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::NO_SEAL) {
        return 0;
    }
    let text = serde_json::to_vec(of).expect("plain values with text keys");
    let digest: [u8; 32] = Sha256::digest(text).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
