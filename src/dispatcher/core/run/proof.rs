//! Proof that look-ups in a folder show our jobs, without which an empty answer counts for nothing.
//!
//! The newest job of ours that a look-up has shown is the folder's control: its Reference is asked for again with every later
//! look-up there, so that each answer carries its own proof. It is renewed daily, as jobs are purged from Orchestrator.

use std::time::Duration;

use crate::clock::later;
use crate::dispatcher::core::flights::Folder;
use crate::dispatcher::core::inquiry::Way;
use crate::dispatcher::core::link::ProofWanted;
use crate::dispatcher::core::progress::Open;
use crate::dispatcher::core::state::State;
use crate::executor::{Ask, AskedFor};
use crate::happening::OfConnection;
use crate::orchestrator::JobPage;
use crate::run::{Evidence, Reference, RunId};

/// A proof older than this is renewed with the next accepted start: jobs are purged from Orchestrator one day.
const PROOF_LIFE: Duration = Duration::from_secs(24 * 3600);

/// How often a folder's proof is tried with one job, doubling from [`PROOF_FIRST`].
const PROOF_TRIES: u32 = 6;

/// A job is usually visible at once.
const PROOF_FIRST: Duration = Duration::from_secs(2);

/// A job of ours was accepted in this folder: it can show that look-ups work there.
pub(crate) fn want(state: &mut State, at: &Folder, run: RunId, reference: Reference) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    let Some(link) = state.links.get_mut(connection) else { return };
    let fresh = link.evidence.get(&folder_id).is_some_and(|proof| later(proof.proven_at, PROOF_LIFE) > now.wall);
    // What is held there waits for a job of ours to be shown.
    let wanted = !held_in(state, at).is_empty();
    let Some(link) = state.links.get_mut(connection) else { return };
    if !fresh || wanted {
        let next = now.boot + PROOF_FIRST;
        link.proofs.entry(folder_id).or_insert(ProofWanted { run, reference, next, tries: 0 });
    }
}

/// Keeps the newest job of ours that this look-up showed as the folder's control.
pub(crate) fn keep(state: &mut State, at: &Folder, asks: &[Ask], control: Option<&Reference>, page: &JobPage) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    let shown = page
        .jobs
        .iter()
        .filter(|job| job.reference.as_ref().is_some_and(|text| asks.iter().any(|ask| ask.is(Some(text)))))
        .max_by_key(|job| job.id)
        .and_then(|job| job.reference.clone());
    let Some(link) = state.links.get_mut(connection) else { return };
    if let Some(reference) = shown {
        let proof = Evidence { connection: connection.clone(), folder_id, reference, proven_at: now.wall };
        link.proofs.remove(&folder_id);
        if link.evidence.get(&folder_id).is_none_or(|old| old.reference != proof.reference) {
            link.evidence.insert(folder_id, proof.clone());
            state.book.record_evidence(proof);
            settle_held(state, at);
        }
        return;
    }
    let control_is_shown = page.jobs.iter().any(|job| control.is_some() && job.reference.as_ref() == control);
    if page.is_proof() && !control_is_shown {
        // It was purged, or is not shown any more: it is no control for the next look-up.
        link.evidence.remove(&folder_id);
    }
    not_shown(state, at, asks);
}

/// The proof is tried again later, and not for ever: look-ups come before polls, and there is a budget.
pub(crate) fn not_shown(state: &mut State, at: &Folder, asks: &[Ask]) {
    let (connection, folder_id) = (&at.connection, at.id);
    let now = state.now;
    let Some(link) = state.links.get_mut(connection) else { return };
    if asks.iter().any(|ask| ask.purpose == AskedFor::Proof)
        && let Some(proof) = link.proofs.get_mut(&folder_id)
    {
        proof.tries += 1;
        proof.next = now.boot + PROOF_FIRST * 2u32.pow(proof.tries.min(PROOF_TRIES));
        if proof.tries >= PROOF_TRIES {
            link.proofs.remove(&folder_id);
            state.log(connection, OfConnection::NoProof(folder_id));
        }
    }
}

/// A folder shows a job of ours: what is held there for want of such a proof is looked up at once (semantics.md 16b).
fn settle_held(state: &mut State, at: &Folder) {
    let now = state.now;
    for id in held_in(state, at) {
        if let Some(inquiry) = state.book.get_mut(id).and_then(Open::inquiry_mut) {
            inquiry.turn_to(Way::ByReference, now.boot);
            state.wake.at_boot(now.boot);
        }
    }
}

/// The held runs whose job would be in this folder.
fn held_in(state: &mut State, at: &Folder) -> Vec<RunId> {
    let (connection, folder_id) = (&at.connection, at.id);
    let held: Vec<RunId> = state.book.due().held.iter().copied().collect();
    let here = |id: &RunId| {
        let open = state.book.get(*id);
        open.is_some_and(|open| &open.run.connection == connection && open.is_looked_for_in(folder_id))
    };
    held.into_iter().filter(here).collect()
}
