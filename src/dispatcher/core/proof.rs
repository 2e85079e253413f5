//! Proof that look-ups in a folder show our jobs, without which an empty answer counts for nothing.
//!
//! The newest job of ours that a look-up has shown is the folder's control: its Reference is asked for again with every later
//! look-up there, so that each answer carries its own proof. It is renewed daily, as jobs are purged from Orchestrator.

use std::time::Duration;

use super::Core;
use super::link::ProofWanted;
use super::look_up::Wanted;
use crate::clock::{Reading, later};
use crate::executor::{Ask, AskedFor};
use crate::orchestrator::JobPage;
use crate::run::{Evidence, FolderId, Reference, RunId};
use crate::schedule::ConnectionName;

/// A proof older than this is renewed with the next accepted start: jobs are purged from Orchestrator one day.
const PROOF_LIFE: Duration = Duration::from_secs(24 * 3600);

/// How often a folder's proof is tried with one job, doubling from [`PROOF_FIRST`].
const PROOF_TRIES: u32 = 6;

/// A job is usually visible at once.
const PROOF_FIRST: Duration = Duration::from_secs(2);

impl Core {
    pub(super) fn collect_proofs(&mut self, now: Reading, wanted: &mut Wanted) {
        for (name, link) in &self.links {
            for (folder_id, proof) in &link.proofs {
                if proof.in_flight {
                    continue;
                }
                if now.boot < proof.next {
                    self.wake.at_boot(proof.next);
                    continue;
                }
                let ask = Ask { run: proof.run, reference: proof.reference.clone(), purpose: AskedFor::Proof };
                wanted.look_up((name.clone(), *folder_id), proof.next, ask);
            }
        }
    }

    pub(super) fn want_proof(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        run: RunId,
        reference: Reference,
        now: Reading,
    ) {
        let Some(link) = self.links.get_mut(connection) else { return };
        let fresh = link.evidence.get(&folder_id).is_some_and(|proof| later(proof.proven_at, PROOF_LIFE) > now.wall);
        // What is held there waits for a job of ours to be shown.
        let wanted = !self.held_in(connection, folder_id).is_empty();
        let Some(link) = self.links.get_mut(connection) else { return };
        if !fresh || wanted {
            let next = now.boot + PROOF_FIRST;
            link.proofs.entry(folder_id).or_insert(ProofWanted { run, reference, next, tries: 0, in_flight: false });
        }
    }

    /// Keeps the newest job of ours that this look-up showed as the folder's control.
    pub(super) fn keep_proof(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: &[Ask],
        control: Option<&Reference>,
        page: &JobPage,
        now: Reading,
    ) {
        let shown = page
            .jobs
            .iter()
            .filter(|job| job.reference.as_ref().is_some_and(|text| asks.iter().any(|ask| ask.is(Some(text)))))
            .max_by_key(|job| job.id)
            .and_then(|job| job.reference.clone());
        let Some(link) = self.links.get_mut(connection) else { return };
        if let Some(reference) = shown {
            let proof = Evidence { connection: connection.clone(), folder_id, reference, proven_at: now.wall };
            link.proofs.remove(&folder_id);
            if link.evidence.get(&folder_id).is_none_or(|old| old.reference != proof.reference) {
                link.evidence.insert(folder_id, proof.clone());
                self.book.record_evidence(proof);
                self.settle_held(connection, folder_id, now);
            }
            return;
        }
        let control_is_shown = page.jobs.iter().any(|job| control.is_some() && job.reference.as_ref() == control);
        if page.is_proof() && !control_is_shown {
            // It was purged, or is not shown any more: it is no control for the next look-up.
            link.evidence.remove(&folder_id);
        }
        self.proof_not_shown(connection, folder_id, asks, now);
    }

    /// The proof is tried again later, and not for ever: look-ups come before polls, and there is a budget.
    pub(super) fn proof_not_shown(
        &mut self,
        connection: &ConnectionName,
        folder_id: FolderId,
        asks: &[Ask],
        now: Reading,
    ) {
        let Some(link) = self.links.get_mut(connection) else { return };
        if asks.iter().any(|ask| ask.purpose == AskedFor::Proof)
            && let Some(proof) = link.proofs.get_mut(&folder_id)
        {
            proof.tries += 1;
            proof.next = now.boot + PROOF_FIRST * 2u32.pow(proof.tries.min(PROOF_TRIES));
            if proof.tries >= PROOF_TRIES {
                tracing::warn!(
                    connection = %connection,
                    "No look-up by Reference has shown our jobs in folder {folder_id} yet: an unclear start there may be held for a person"
                );
                link.proofs.remove(&folder_id);
            }
        }
    }
}
