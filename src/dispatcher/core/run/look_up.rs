//! Which look-ups are due, gathered into as few calls as they fit.
//!
//! Look-ups come before the following of jobs in the tenant's budget of list calls: an unclear start holds up its schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::process::REFUSED_AGAIN;
use super::{lists, process};
use crate::clock::earlier;
use crate::dispatcher::core::flights::{Folder, Question};
use crate::dispatcher::core::folder_state::FolderState;
use crate::dispatcher::core::inquiry::{Settle, Way};
use crate::dispatcher::core::progress::{Open, Progress};
use crate::dispatcher::core::state::{State, there};
use crate::executor::{Action, Ask, AskedFor};
use crate::run::{FolderId, Reference, Run, RunId, RunState};
use crate::schedule::ConnectionName;

/// References in one call. With the control, the URL stays below 8 KiB.
const ASKS_PER_CALL: usize = 49;

/// Clocks differ, and a call may have waited in a gateway: lists begin this long before the start.
const LIST_MARGIN: Duration = Duration::from_secs(7_200);

/// What is to be asked in this turn, by the folder it is asked in.
#[derive(Debug, Default)]
struct Wanted {
    look_ups: BTreeMap<Folder, Vec<(Duration, Ask)>>,
    next_to_newest: BTreeMap<Folder, Vec<(Duration, Ask)>>,
    lists: BTreeMap<Folder, Vec<(Duration, Ask, Timestamp)>>,
}

/// One list call.
#[derive(Debug)]
struct Call {
    /// When its oldest question was due.
    due: Duration,
    connection: ConnectionName,
    folder_id: FolderId,
    asks: Vec<Ask>,
    how: How,
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
enum How {
    /// Those with these References.
    ByReference,
    /// The same, next to the folder's newest job.
    NextToNewest,
    /// All jobs since then.
    Since(Timestamp),
}

impl Wanted {
    fn look_up(&mut self, folder: Folder, due: Duration, ask: Ask) {
        self.look_ups.entry(folder).or_default().push((due, ask));
    }

    fn next_to_newest(&mut self, folder: Folder, due: Duration, ask: Ask) {
        self.next_to_newest.entry(folder).or_default().push((due, ask));
    }

    fn list(&mut self, folder: Folder, due: Duration, ask: Ask, since: Timestamp) {
        self.lists.entry(folder).or_default().push((due, ask, since));
    }

    /// As few calls as they fit in, the longest-waiting first.
    fn into_calls(self) -> Vec<Call> {
        let mut calls = Vec::new();
        let by_reference = self.look_ups.into_iter().map(|(folder, asks)| (folder, asks, How::ByReference));
        let next_to_newest = self.next_to_newest.into_iter().map(|(folder, asks)| (folder, asks, How::NextToNewest));
        for (Folder { connection, id: folder_id }, mut asks, how) in by_reference.chain(next_to_newest) {
            asks.sort_by_key(|(due, _)| *due);
            calls.extend(asks.chunks(ASKS_PER_CALL).map(|chunk| Call {
                due: chunk.first().map(|(due, _)| *due).unwrap_or_default(),
                connection: connection.clone(),
                folder_id,
                asks: chunk.iter().map(|(_, ask)| ask.clone()).collect(),
                how,
            }));
        }
        for (Folder { connection, id: folder_id }, asks) in self.lists {
            // One list from the oldest start on answers for all of them.
            let Some(since) = asks.iter().map(|(.., since)| *since).min() else { continue };
            calls.push(Call {
                due: asks.iter().map(|(due, ..)| *due).min().unwrap_or_default(),
                connection,
                folder_id,
                how: How::Since(since),
                asks: asks.into_iter().map(|(_, ask, _)| ask).collect(),
            });
        }
        calls.sort_by_key(|call| call.due);
        calls
    }
}

/// From when on a list of all jobs would show this run's job.
pub(crate) fn list_from(run: &Run) -> Timestamp {
    let sent = run.attempt().and_then(|attempt| attempt.sent_at).unwrap_or(run.fire_at);
    earlier(sent.min(run.fire_at), LIST_MARGIN)
}

/// The folders whose look-ups are to be proven with a job of ours.
fn collect_proofs(state: &mut State, wanted: &mut Wanted) {
    let now = state.now;
    for (name, link) in &state.links {
        for (folder_id, proof) in &link.proofs {
            let folder = Folder::new(name.clone(), *folder_id);
            if state.book.flights().has(&Question::Proof(folder.clone())) {
                continue;
            }
            if now.boot < proof.next {
                state.wake.at_boot(proof.next);
                continue;
            }
            let ask = Ask { run: proof.run, reference: proof.reference.clone(), purpose: AskedFor::Proof };
            wanted.look_up(folder, proof.next, ask);
        }
    }
}

/// The repeated starts whose jobs are to be counted.
fn collect_sweeps(state: &mut State, wanted: &mut Wanted) {
    let now = state.now;
    for sweep in &state.sweeps {
        let (Some(at), Some(folder_id)) = (sweep.attempt.sweep_at, sweep.attempt.folder_id) else { continue };
        if state.book.flights().has(&Question::Count(sweep.attempt.reference.clone())) {
            continue;
        }
        if at > now.wall {
            state.wake.at_wall(at);
            continue;
        }
        let reference = sweep.attempt.reference.clone();
        let ask = Ask { run: sweep.run, reference, purpose: AskedFor::Sweep };
        wanted.look_up(Folder::new(sweep.connection.clone(), folder_id), now.boot, ask);
    }
}

/// Sends the look-ups that are due within the budget of list calls: the one that has waited longest first, or the last
/// folders would never have their turn when the budget is short.
pub(crate) fn ask_about_unclear_starts(state: &mut State) {
    let now = state.now;
    let mut wanted = Wanted::default();
    let names: Vec<ConnectionName> = state.book.due().asks.keys().cloned().collect();
    for name in names {
        let (is_due, next) = state.book.due().next_ask(&name, now.boot);
        next.into_iter().for_each(|next| state.wake.at_boot(next));
        if !is_due || !lists::could_list(state, &name) {
            continue;
        }
        for id in state.book.due().asks_due(&name, now.boot) {
            collect_asks(state, id, &mut wanted);
        }
    }
    collect_sweeps(state, &mut wanted);
    collect_proofs(state, &mut wanted);
    for call in wanted.into_calls() {
        let Call { due: _, connection, folder_id, asks, how } = call;
        if !lists::may_list(state, &connection) {
            continue;
        }
        if matches!(how, How::NextToNewest) {
            // It is two calls. Where the second is beyond the budget, it is made all the same: the next one waits longer.
            lists::count(state, &connection);
        }
        let action = match how {
            How::Since(since) => {
                let since = never_asked_before(state, since);
                Action::ListSince { connection, folder_id, asks, since }
            }
            How::NextToNewest => {
                let nonce = nonce(state);
                Action::LookUpNextToNewest { connection, folder_id, asks, nonce }
            }
            How::ByReference => {
                let evidence = state.links.get(&connection).and_then(|link| link.evidence.get(&folder_id));
                let control = evidence.map(|evidence| evidence.reference.clone());
                let nonce = nonce(state);
                Action::LookUp { connection, folder_id, asks, control, nonce }
            }
        };
        state.act(action);
    }
}

/// A name that nobody has and that was never asked for, so that no cache knows the answer (semantics.md 16a).
fn nonce(state: &mut State) -> Reference {
    #[cfg(feature = "faults")]
    if crate::faults::is_on(crate::faults::BELIEVE_CACHED_LISTS) {
        return Reference::nonce(state.loaded.installation, [0; 10]);
    }
    Reference::nonce(state.loaded.installation, (state.random)())
}

/// The same for a list by time: up to a second earlier, by microseconds.
fn never_asked_before(state: &mut State, since: Timestamp) -> Timestamp {
    let bits = (state.random)();
    let micros = u64::from(u32::from_be_bytes([bits[0], bits[1], bits[2], bits[3]])) % 1_000_000;
    earlier(since, Duration::from_micros(micros))
}

fn collect_asks(state: &mut State, id: RunId, wanted: &mut Wanted) {
    let Some(open) = there(state.book.get(id), "what is asked about is open") else { return };
    let asked = open.run.attempt().zip(open.inquiry().copied());
    let Some((attempt, inquiry)) = there(asked, "it has an attempt, and is being settled or looked up") else { return };
    let (connection, reference, since) = (open.run.connection.clone(), attempt.reference.clone(), list_from(&open.run));
    let asked = match &open.progress {
        Progress::Queued(_) => ask_before_start(state, open),
        Progress::Settling(settle) => ask_to_settle(state, open, settle),
        Progress::Sending | Progress::Settled(_) | Progress::Following(_) | Progress::Over => return,
    };
    let Some(purpose) = asked else { return };
    let Some(folder_id) = folder_to_ask(state, id, &connection) else { return };
    let due = if inquiry.next.is_zero() { state.now.boot } else { inquiry.next };
    let ask = Ask { run: id, reference, purpose };
    let folder = Folder::new(connection, folder_id);
    match inquiry.way {
        Way::NextToNewest => wanted.next_to_newest(folder, due, ask),
        Way::InList => wanted.list(folder, due, ask, since),
        Way::ByReference => wanted.look_up(folder, due, ask),
    }
}

/// What a run that was never sent is asked about for, if its time has come.
fn ask_before_start(state: &State, open: &Open) -> Option<AskedFor> {
    let paused = open.tries.pause.map(|pause| pause.until).unwrap_or_default();
    let next = open.inquiry()?.next.max(paused);
    (next <= state.now.boot).then_some(AskedFor::BeforeStart)
}

/// What an unclear start is asked about for, if its time has come.
fn ask_to_settle(state: &State, open: &Open, settle: &Settle) -> Option<AskedFor> {
    let window = state.links.get(&open.run.connection)?.connection.settle;
    let purpose = match open.run.state {
        RunState::Held => AskedFor::Held,
        _ if state.now.boot >= settle.from + window => AskedFor::Settled,
        _ => AskedFor::Settling,
    };
    (settle.inquiry.next <= state.now.boot).then_some(purpose)
}

/// The folder in which a run's job would be, if it is known.
fn folder_to_ask(state: &mut State, id: RunId, connection: &ConnectionName) -> Option<FolderId> {
    let open = state.book.get(id)?;
    let (start, kept) = (open.run.start().clone(), open.run.folder_id());
    match (&open.progress, open.folder) {
        // Never sent in this life: the folder is where its process is now.
        (Progress::Queued(_), _) => {
            let found = process::want_target(state, connection, &start).map(|target| target.folder_id);
            kept.or(found)
        }
        (_, FolderState::Moved(number)) => Some(number),
        (_, FolderState::Known | FolderState::Sought | FolderState::Absent { .. }) => {
            kept.or_else(|| find_its_folder(state, id, connection))
        }
    }
}

/// A start of a life that the database does not know: it was made in the folder where its process is.
fn find_its_folder(state: &mut State, id: RunId, connection: &ConnectionName) -> Option<FolderId> {
    let now = state.now;
    let start = state.book.get(id)?.run.start().clone();
    if process::was_refused(state, connection, &start) {
        let next = now.boot + REFUSED_AGAIN;
        if let Some(inquiry) = state.book.get_mut(id).and_then(Open::inquiry_mut) {
            inquiry.next = next;
        }
        state.wake.at_boot(next);
        // What stands in the way of looking is shown; nothing new waits for this run any longer.
        state.read_once(connection, id);
        return None;
    }
    let folder_id = process::want_target(state, connection, &start)?.folder_id;
    state.book.change_attempt(id, |attempt| attempt.folder_id = Some(folder_id));
    Some(folder_id)
}
