//! Unclear starts: looked up until a job is found, or until it is certain that there is none.
//!
//! "None" is believed once, after the settle window, and only from a look-up that shows one of our own jobs in the same
//! answer: an empty list may also mean a filter that is ignored or a right that is missing (semantics.md 16). Where the rule
//! asks that such a look-up has worked in this folder before, this one carries its proof along, as a control Reference.

use std::time::Duration;

use super::ending::join;
use super::finding::Finding;
use super::verdict::{Next, Place, decide, place};
use super::{adopt, cancel, ending, sweep};
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::folder_state::FolderState;
use crate::dispatcher::core::inquiry::{Settle, Way};
use crate::dispatcher::core::progress::{Need, Open, Progress, Wish};
use crate::dispatcher::core::state::{State, there};
use crate::executor::{Ask, AskedFor};
use crate::happening::{HowFound, OfRun, WhyHeld, WhyLost};
use crate::policy::unknown_start::{self, NoJob};
use crate::run::{Ending, HeldFor, MissReason, RunEvent, RunId, RunState, SkipReason};
use crate::schedule::{ConnectionName, OnUnknownStart};

/// When an unclear start is looked up, after the end of its call. The last look is after the settle window.
const LOOK_UPS: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];

/// A held run is looked at this often: its job may answer before the person does.
const HELD_EVERY: Duration = Duration::from_secs(300);

/// After a look-up that broke the next one waits this long, and longer each time, …
const BROKEN_FIRST: Duration = Duration::from_secs(5);

/// … at most this long.
pub(crate) const BROKEN_MOST: Duration = Duration::from_secs(60);

/// So many broken look-ups in a row, some ten minutes of them, are more than an outage's worth.
pub(crate) const BROKEN_OFTEN: u32 = 20;

/// So many lists of all jobs that broke after them, some five minutes more, and the run is held: its schedule goes on.
const LISTS_BROKEN: u32 = 5;

/// After so many broken looks in a row at what was open at the start, the connection's new starts wait for it no longer.
pub(crate) const BROKEN_AT_START: u32 = 3;

/// So many sends that each were answered by the same status, and each had made no job, are an answer (semantics.md 15).
const SAME_ANSWERS: u16 = 3;

/// A look-up says this of one Reference.
pub(crate) fn on_looked_up(state: &mut State, at: &Folder, ask: &Ask, finding: Finding, how: HowFound) {
    let now = state.now;
    let (connection, folder_id) = (&at.connection, at.id);
    match ask.purpose {
        AskedFor::Sweep => return sweep::on_counted(state, at, ask, finding),
        AskedFor::Proof => return,
        AskedFor::Settling | AskedFor::Settled | AskedFor::Held | AskedFor::BeforeStart => {}
    }
    if state.is_elsewhere(ask.run) && !matches!(finding, Finding::Jobs(_)) {
        // The files name another tenant since it was asked: that its job was not shown says nothing of where it was started.
        return;
    }
    if let Finding::Stale(why) = finding {
        let inquiry = state.book.get(ask.run).and_then(Open::inquiry);
        if inquiry.is_none_or(|inquiry| inquiry.broken == 0) {
            state.note(ask.run, OfRun::LookUpProvesNothing(why));
        }
        // It proves nothing, and the next one is as likely to: as if the call had broken.
        return put_off(state, ask);
    }
    state.read_once(connection, ask.run);
    let Some(open) = state.book.get_mut(ask.run) else { return };
    // While its folder is looked for, a refusal there is a call that came to nothing: after many of them it is held.
    if !open.folder.is_sought()
        && let Some(inquiry) = open.inquiry_mut()
    {
        inquiry.broken = 0;
    }
    let place = place(open, folder_id);
    let next = decide(open, ask.purpose, place, &finding);
    if place == Place::OwnAgain && matches!(finding, Finding::ProvenNone) && next != Next::GiveUp {
        // It answers under its number.
        open.folder = FolderState::Known;
    }
    match (next, finding) {
        (Next::Adopt, Finding::Jobs(jobs)) => {
            if place == Place::Moved {
                state.book.change_attempt(ask.run, |attempt| attempt.folder_id = Some(folder_id));
            }
            adopt::adopt(state, ask.run, folder_id, &jobs, how);
        }
        (Next::Adopt | Next::Nothing, _) => {}
        (Next::GiveUp, _) => ending::lose(state, ask.run, WhyLost::FolderGone, None),
        (Next::PutOff, _) => put_off(state, ask),
        (Next::SendAsDecided, _) => {
            open.wish = Wish::Start;
            send_again(state, ask.run);
        }
        (Next::NoJob, _) => no_job_was_made(state, ask.run),
        (Next::Ask(way), _) => {
            if let Some(inquiry) = open.inquiry_mut() {
                inquiry.turn_to(way, now.boot);
            }
        }
        (Next::AskLater, _) => look_again_later(state, connection, ask.run),
        (Next::AskHeldLater, _) => {
            if let Some(inquiry) = open.inquiry_mut() {
                inquiry.turn_to(Way::ByReference, now.boot + HELD_EVERY);
            }
        }
        (Next::MaySend, _) => open.progress = Progress::Queued(Need::Nothing),
    }
}

/// The next look, or the last one after the window.
fn look_again_later(state: &mut State, connection: &ConnectionName, id: RunId) {
    let now = state.now;
    let Some(window) = state.links.get(connection).map(|link| link.connection.settle) else { return };
    let Some(settle) = state.book.get_mut(id).and_then(Open::settle_mut) else { return };
    let end = settle.from + window;
    let mut next = end;
    while settle.step < LOOK_UPS.len() {
        let candidate = settle.from + LOOK_UPS[settle.step];
        settle.step += 1;
        if candidate > now.boot {
            next = candidate.min(end);
            break;
        }
    }
    settle.inquiry.next = next.max(now.boot);
    state.wake.at_boot(settle.inquiry.next);
}

/// Neither the look-up nor the list can tell.
pub(crate) fn cannot_tell(state: &mut State, connection: &ConnectionName, ask: &Ask, finding: &Finding) {
    let now = state.now;
    state.read_once(connection, ask.run);
    let Some(open) = state.book.get_mut(ask.run) else { return };
    let is_held = open.run.state == RunState::Held;
    match &mut open.progress {
        Progress::Settling(settle) if is_held => settle.inquiry.turn_to(Way::ByReference, now.boot + HELD_EVERY),
        // It was asked before a person decided: the look that was promised comes next.
        Progress::Settling(settle) if open.wish == Wish::StartAfterLook => {
            settle.inquiry.turn_to(Way::ByReference, now.boot);
        }
        // The list was asked because look-ups broke. Perhaps that was an outage: one of them may tell now.
        Progress::Settling(settle) if settle.inquiry.broken == BROKEN_OFTEN => {
            settle.inquiry.turn_to(Way::ByReference, now.boot);
        }
        Progress::Settling(_) => hold_for_proof(state, ask.run, finding),
        Progress::Queued(Need::LookUp(inquiry)) => match finding {
            // The list has all jobs, and none of this run.
            Finding::NoneShown => open.progress = Progress::Queued(Need::Nothing),
            // Asked again until the deadline, from the look-up on, which may have been refused once only: a start that may be a
            // second one is not made.
            Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing | Finding::Stale(_) => {
                inquiry.turn_to(Way::ByReference, now.boot + BROKEN_MOST);
            }
        },
        Progress::Queued(Need::Nothing | Need::Overlap)
        | Progress::Sending
        | Progress::Settled(_)
        | Progress::Following(_)
        | Progress::Over => {}
    }
}

/// Neither look-ups nor lists come to anything, so nothing is learnt of it: it is held, and its schedule goes on (16b).
fn hold_unread(state: &mut State, connection: &ConnectionName, ask: &Ask) {
    state.read_once(connection, ask.run);
    hold_for_proof(state, ask.run, &Finding::Nothing);
}

fn hold_for_proof(state: &mut State, id: RunId, finding: &Finding) {
    let now = state.now;
    let Some(open) = there(state.book.get(id), "a run that is held is open") else { return };
    let why = match finding {
        Finding::NoneShown => WhyHeld::NoneOfOurs,
        Finding::Jobs(_) | Finding::ProvenNone | Finding::Nothing | Finding::Stale(_) => WhyHeld::NoAnswer,
    };
    let goes_on = if open.run.policy.on_unknown_start == OnUnknownStart::Hold {
        "its schedule starts nothing until a person decides"
    } else {
        "its schedule goes on, and its next job settles this one"
    };
    state.book.change(id, |run| {
        run.held_for = Some(HeldFor::Proof);
        run.error = join(run.error.take(), format!("{why}; {goes_on}"));
    });
    state.step(id, RunEvent::Hold, OfRun::HeldForProof(why));
    if let Some(inquiry) = state.book.get_mut(id).and_then(Open::inquiry_mut) {
        inquiry.turn_to(Way::ByReference, now.boot + HELD_EVERY);
    }
}

/// After the settle window: certainly no job.
fn no_job_was_made(state: &mut State, id: RunId) {
    let now = state.now;
    if let Some(actor) = state.book.get(id).and_then(cancel::wanted) {
        cancel::cancel(state, id, actor);
        return;
    }
    let Some(open) = state.book.get_mut(id) else { return };
    if let Some(refusal) = open.settle_mut().and_then(|settle| settle.refused.take()) {
        return ending::reject(state, id, &refusal);
    }
    let held = open.run.state == RunState::Held;
    let (choice, deadline) = (open.run.policy.on_unknown_start, open.run.deadline_at);
    match unknown_start::decide(choice, now.wall, deadline) {
        NoJob::SendAgain => {
            if was_answered_so_before(state, id) {
                return;
            }
            if held {
                // Its schedule went on meanwhile.
                state.become_unclear(id, Settle::from(now.boot, now.boot).then_ask_overlap(), OfRun::SettledAfterHold);
            }
            send_again(state, id);
        }
        NoJob::TooLate => {
            state.step(id, RunEvent::End(Ending::Missed(MissReason::Deadline)), OfRun::NoJobAndLate);
        }
        NoJob::Skip => {
            state.step(id, RunEvent::End(Ending::Skipped(SkipReason::UnknownStart)), OfRun::NoJobAndSkipped);
        }
        NoJob::Hold => {
            if !held {
                state.book.change(id, |run| {
                    run.held_for = Some(HeldFor::Person);
                    let why = "no job was made; its schedule starts nothing until a person decides";
                    run.error = join(run.error.take(), why.to_owned());
                });
                state.step(id, RunEvent::Hold, OfRun::HeldForPerson);
            }
            if let Some(inquiry) = state.book.get_mut(id).and_then(Open::inquiry_mut) {
                inquiry.turn_to(Way::ByReference, now.boot + HELD_EVERY);
            }
        }
    }
}

/// A person wants to know, and does not want it started: it is looked up now.
pub(crate) fn look_now(state: &mut State, id: RunId) {
    let boot = state.now.boot;
    let Some(open) = state.book.get_mut(id) else { return };
    open.wish = Wish::None;
    let is_held = open.run.state == RunState::Held;
    if let Some(inquiry) = open.inquiry_mut().filter(|_| is_held) {
        inquiry.turn_to(Way::ByReference, boot);
    }
}

fn send_again(state: &mut State, id: RunId) {
    if let Some(open) = state.book.get_mut(id) {
        open.become_settled();
    }
    state.note(id, OfRun::NoJob);
}

/// Nobody's job can show that look-ups work here: a list of all jobs may tell.
pub(crate) fn cannot_tell_next_to(state: &mut State, ask: &Ask) {
    let now = state.now;
    let Some(open) = state.book.get_mut(ask.run) else { return };
    // After a decision of a person the look that was promised comes next.
    let decided = open.wish == Wish::StartAfterLook && open.run.state != RunState::Held;
    if let Some(inquiry) = open.inquiry_mut() {
        inquiry.turn_to(if decided { Way::ByReference } else { Way::InList }, now.boot);
    }
}

/// What was sent was settled as "no job was made". Gives whether it is given up: it was answered like that too often.
fn was_answered_so_before(state: &mut State, id: RunId) -> bool {
    state.book.change_attempt(id, |attempt| attempt.settled_none = attempt.settled_none.saturating_add(1));
    let Some(open) = there(state.book.get(id), "what settles is open") else { return false };
    let Some(attempt) = there(open.run.attempt(), "what settles has an attempt") else { return false };
    if attempt.answered.is_none() || attempt.settled_none < SAME_ANSWERS {
        return false;
    }
    let error = open.run.error.clone().unwrap_or_default();
    state.step(id, RunEvent::End(Ending::Rejected), OfRun::AnsweredAlike { times: SAME_ANSWERS, error });
    true
}

/// The call broke, perhaps this one only: the others have their turn before it is made again. A look-up that always breaks
/// is a filter that is not taken, however the server says it, and a list may tell.
pub(crate) fn put_off(state: &mut State, ask: &Ask) {
    let now = state.now;
    match ask.purpose {
        AskedFor::Settling | AskedFor::Settled | AskedFor::Held | AskedFor::BeforeStart => {
            let Some(open) = state.book.get_mut(ask.run) else { return };
            let (connection, is_unclear) = (open.run.connection.clone(), open.run.state == RunState::Unknown);
            let Some(inquiry) = open.inquiry_mut() else { return };
            if inquiry.way == Way::InList {
                inquiry.next = now.boot + BROKEN_MOST;
                inquiry.lists_broken = inquiry.lists_broken.saturating_add(1);
                if inquiry.lists_broken >= LISTS_BROKEN && is_unclear {
                    hold_unread(state, &connection, ask);
                }
                return;
            }
            inquiry.broken = inquiry.broken.saturating_add(1);
            inquiry.next = now.boot + BROKEN_FIRST.saturating_mul(inquiry.broken).min(BROKEN_MOST);
            if inquiry.broken >= BROKEN_AT_START
                && let Some(link) = state.links.get_mut(&connection)
            {
                // Its own schedule waits for it; the others do not.
                link.reconciled(ask.run);
            }
            match ask.purpose {
                AskedFor::Settled | AskedFor::BeforeStart if inquiry.broken >= BROKEN_OFTEN => {
                    inquiry.way = Way::InList;
                }
                AskedFor::Settled
                | AskedFor::BeforeStart
                | AskedFor::Settling
                | AskedFor::Held
                | AskedFor::Sweep
                | AskedFor::Proof => {}
            }
        }
        AskedFor::Sweep => sweep::put_off(state, &ask.reference),
        AskedFor::Proof => {}
    }
}
