//! Which look-ups are due, gathered into as few calls as they fit.
//!
//! Look-ups come before the following of jobs in the tenant's budget of list calls: an unclear start holds up its schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::due::Folder;
use super::link::Health;
use super::open::{Asked, BeforeStart, FolderState, Verdict};
use super::recall::REFUSED_AGAIN;
use crate::clock::{Reading, earlier};
use crate::executor::{Action, Ask, AskedFor};
use crate::run::{FolderId, Reference, Run, RunId, RunState};
use crate::schedule::ConnectionName;

/// References in one call. With the control, the URL stays below 8 KiB.
const ASKS_PER_CALL: usize = 49;

/// Clocks differ, and a call may have waited in a gateway: lists begin this long before the start.
const LIST_MARGIN: Duration = Duration::from_secs(7_200);

/// After a look-up that broke the next one waits this long, and longer each time, …
const BROKEN_FIRST: Duration = Duration::from_secs(5);

/// … at most this long.
pub(super) const BROKEN_MOST: Duration = Duration::from_secs(60);

/// So many broken look-ups in a row, some ten minutes of them, are more than an outage's worth.
pub(super) const BROKEN_OFTEN: u32 = 20;

/// So many lists of all jobs that broke after them, some five minutes more, and the run is held: its schedule goes on.
const LISTS_BROKEN: u32 = 5;

/// After so many broken looks in a row at what was open at the start, the connection's new starts wait for it no longer.
pub(super) const BROKEN_AT_START: u32 = 3;

/// What is to be asked in this turn, by the folder it is asked in.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    look_ups: BTreeMap<Folder, Vec<(Duration, Ask)>>,
    beside: BTreeMap<Folder, Vec<(Duration, Ask)>>,
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
    Beside,
    /// All jobs since then.
    Since(Timestamp),
}

impl Wanted {
    pub(super) fn look_up(&mut self, folder: Folder, due: Duration, ask: Ask) {
        self.look_ups.entry(folder).or_default().push((due, ask));
    }

    fn beside(&mut self, folder: Folder, due: Duration, ask: Ask) {
        self.beside.entry(folder).or_default().push((due, ask));
    }

    fn list(&mut self, folder: Folder, due: Duration, ask: Ask, since: Timestamp) {
        self.lists.entry(folder).or_default().push((due, ask, since));
    }

    /// As few calls as they fit in, the longest-waiting first.
    fn into_calls(self) -> Vec<Call> {
        let mut calls = Vec::new();
        let by_reference = self.look_ups.into_iter().map(|(folder, asks)| (folder, asks, How::ByReference));
        let beside = self.beside.into_iter().map(|(folder, asks)| (folder, asks, How::Beside));
        for ((connection, folder_id), mut asks, how) in by_reference.chain(beside) {
            asks.sort_by_key(|(due, _)| *due);
            calls.extend(asks.chunks(ASKS_PER_CALL).map(|chunk| Call {
                due: chunk.first().map(|(due, _)| *due).unwrap_or_default(),
                connection: connection.clone(),
                folder_id,
                asks: chunk.iter().map(|(_, ask)| ask.clone()).collect(),
                how,
            }));
        }
        for ((connection, folder_id), asks) in self.lists {
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
pub(super) fn list_from(run: &Run) -> Timestamp {
    let sent = run.attempt().and_then(|attempt| attempt.sent_at).unwrap_or(run.fire_at);
    earlier(sent.min(run.fire_at), LIST_MARGIN)
}

impl Core {
    /// Sends the look-ups that are due within the budget of list calls: the one that has waited longest first, or the last
    /// folders would never have their turn when the budget is short.
    pub(super) fn ask_about_unclear_starts(&mut self, now: Reading) {
        let mut wanted = Wanted::default();
        let names: Vec<ConnectionName> = self.book.due().asks.keys().cloned().collect();
        for name in names {
            let (is_due, next) = self.book.due().next_ask(&name, now.boot);
            next.into_iter().for_each(|next| self.wake.at_boot(next));
            if !is_due || !self.could_list(&name, now) {
                continue;
            }
            for id in self.book.due().asks_due(&name, now.boot) {
                self.collect_asks(id, now, &mut wanted);
            }
        }
        self.collect_sweeps(now, &mut wanted);
        self.collect_proofs(now, &mut wanted);
        for call in wanted.into_calls() {
            let Call { due: _, connection, folder_id, asks, how } = call;
            if !self.may_list(&connection, now) {
                continue;
            }
            if matches!(how, How::Beside) {
                // It is two calls. Where the second is beyond the budget, it is made all the same: the next one waits longer.
                self.count_list(&connection, now);
            }
            for ask in &asks {
                self.set_asked(ask, &connection, folder_id, Asked::Yes);
            }
            let action = match how {
                How::Since(since) => {
                    let since = self.never_asked_before(since);
                    Action::ListSince { connection, folder_id, asks, since }
                }
                How::Beside => {
                    let nonce = self.nonce();
                    Action::LookUpBeside { connection, folder_id, asks, nonce }
                }
                How::ByReference => {
                    let evidence = self.links.get(&connection).and_then(|link| link.evidence.get(&folder_id));
                    let control = evidence.map(|evidence| evidence.reference.clone());
                    let nonce = self.nonce();
                    Action::LookUp { connection, folder_id, asks, control, nonce }
                }
            };
            self.actions.push(action);
        }
    }

    /// A name that nobody has and that was never asked for, so that no cache knows the answer (semantics.md 16a).
    fn nonce(&mut self) -> Reference {
        #[cfg(feature = "faults")]
        if crate::faults::is_on(crate::faults::BELIEVE_CACHED_LISTS) {
            return Reference::nonce(self.installation, [0; 10]);
        }
        Reference::nonce(self.installation, (self.random)())
    }

    /// The same for a list by time: up to a second earlier, by microseconds.
    fn never_asked_before(&mut self, since: Timestamp) -> Timestamp {
        let bits = (self.random)();
        let micros = u64::from(u32::from_be_bytes([bits[0], bits[1], bits[2], bits[3]])) % 1_000_000;
        earlier(since, Duration::from_micros(micros))
    }

    fn collect_asks(&mut self, id: RunId, now: Reading, wanted: &mut Wanted) {
        let Some(open) = self.book.get(id).filter(|open| open.elsewhere.is_none()) else { return };
        let Some(attempt) = open.run.attempt() else { return };
        let connection = open.run.connection.clone();
        let Some(link) = self.links.get(&connection) else { return };
        let window = link.connection.settle;
        let reference = attempt.reference.clone();
        match (open.run.state, open.settle, open.before_start) {
            (RunState::Unknown | RunState::Held, Some(settle), _) => {
                if settle.asked == Asked::Yes || settle.verdict == Verdict::None {
                    return;
                }
                if now.boot < settle.next {
                    return self.wake.at_boot(settle.next);
                }
                let purpose = if open.run.state == RunState::Held {
                    AskedFor::Held
                } else if now.boot >= settle.from + window {
                    AskedFor::Settled
                } else {
                    AskedFor::Settling
                };
                let since = list_from(&open.run);
                let folder_id = match (open.folder, attempt.folder_id) {
                    (FolderState::Moved(folder_id), _) | (_, Some(folder_id)) => folder_id,
                    (_, None) => match self.find_its_folder(id, &connection, now) {
                        Some(folder_id) => folder_id,
                        None => return,
                    },
                };
                let ask = Ask { run: id, reference, purpose };
                match settle.verdict {
                    Verdict::NeedsBeside => wanted.beside((connection, folder_id), settle.next, ask),
                    Verdict::NeedsList => wanted.list((connection, folder_id), settle.next, ask, since),
                    Verdict::Open | Verdict::None => wanted.look_up((connection, folder_id), settle.next, ask),
                }
            }
            (RunState::Waiting(_) | RunState::Armed, settle, BeforeStart::LookUp(Asked::No)) => {
                if let Some(pause) = open.pause.filter(|pause| now.boot < pause.until) {
                    return self.wake.at_boot(pause.until);
                }
                if let Some(settle) = settle.filter(|settle| now.boot < settle.next) {
                    return self.wake.at_boot(settle.next);
                }
                let (start, kept, since) = (open.run.start().clone(), attempt.folder_id, list_from(&open.run));
                let due = settle.map_or(now.boot, |settle| settle.next);
                // Never sent in this life: the folder is where its process is now.
                let found = self.want_target(&connection, &start, now).map(|target| target.folder_id);
                let Some(folder_id) = kept.or(found) else { return };
                let ask = Ask { run: id, reference, purpose: AskedFor::BeforeStart };
                match settle.map(|settle| settle.verdict) {
                    Some(Verdict::NeedsBeside) => wanted.beside((connection, folder_id), due, ask),
                    Some(Verdict::NeedsList) => wanted.list((connection, folder_id), due, ask, since),
                    Some(Verdict::Open | Verdict::None) | None => wanted.look_up((connection, folder_id), due, ask),
                }
            }
            _ => {}
        }
    }

    /// A start of a life that the database does not know: it was made in the folder where its process is.
    fn find_its_folder(&mut self, id: RunId, connection: &ConnectionName, now: Reading) -> Option<FolderId> {
        let start = self.book.get(id)?.run.start().clone();
        if self.was_refused(connection, &start, now) {
            let next = now.boot + REFUSED_AGAIN;
            if let Some(settle) = self.book.get_mut(id).and_then(|open| open.settle.as_mut()) {
                settle.next = next;
            }
            self.wake.at_boot(next);
            // What stands in the way of looking is told; nothing new waits for this run any longer.
            self.read_once(connection, id);
            return None;
        }
        let folder_id = self.want_target(connection, &start, now)?.folder_id;
        self.book.change(id, |run| {
            if let Some(attempt) = run.attempt_mut() {
                attempt.folder_id = Some(folder_id);
            }
        });
        Some(folder_id)
    }

    /// Counts a list call that is made whether it fits or not.
    fn count_list(&mut self, connection: &ConnectionName, now: Reading) {
        if let Some(link) = self.links.get_mut(connection) {
            link.lists.spend(now.boot);
            self.book.record_list_call(connection, now.wall);
        }
    }

    /// Whether a list call may be made now; if so it is counted.
    pub(super) fn may_list(&mut self, connection: &ConnectionName, now: Reading) -> bool {
        if !self.could_list(connection, now) {
            return false;
        }
        let Some(link) = self.links.get_mut(connection) else { return false };
        let taken = link.lists.take(now.boot).is_ok();
        if taken {
            self.book.record_list_call(connection, now.wall);
        }
        taken && link.may_read(now.boot)
    }

    /// Whether a list call may be made now, without counting one. If it may be made later, the next turn is taken then.
    pub(super) fn could_list(&mut self, connection: &ConnectionName, now: Reading) -> bool {
        let Some(link) = self.links.get_mut(connection) else { return false };
        if matches!(link.health, Health::Probing(_)) {
            // Its answer is waited for; nothing of the budget is spent meanwhile.
            return false;
        }
        let later = link.wake(now.boot).filter(|boot| *boot > now.boot).or_else(|| link.lists.next(now.boot).err());
        later.into_iter().for_each(|boot| self.wake.at_boot(boot));
        later.is_none()
    }

    pub(super) fn set_asked(&mut self, ask: &Ask, connection: &ConnectionName, folder_id: FolderId, asked: Asked) {
        match ask.purpose {
            AskedFor::Settling | AskedFor::Settled | AskedFor::Held => {
                if let Some(settle) = self.book.get_mut(ask.run).and_then(|open| open.settle.as_mut()) {
                    settle.asked = asked;
                }
            }
            AskedFor::BeforeStart => {
                if let Some(open) = self.book.get_mut(ask.run)
                    && matches!(open.before_start, BeforeStart::LookUp(_))
                {
                    open.before_start = BeforeStart::LookUp(asked);
                }
            }
            AskedFor::Sweep => {
                for sweep in self.sweeps.iter_mut().filter(|sweep| sweep.run == ask.run) {
                    sweep.asked = asked;
                }
            }
            AskedFor::Proof => {
                if let Some(proof) = self.links.get_mut(connection).and_then(|link| link.proofs.get_mut(&folder_id)) {
                    proof.in_flight = asked == Asked::Yes;
                }
            }
        }
    }

    /// The call broke, perhaps this one only: the others have their turn before it is made again. A look-up that always breaks
    /// is a filter that is not taken, however the server says it, and a list may tell.
    pub(super) fn put_off(&mut self, ask: &Ask, now: Reading) {
        match ask.purpose {
            AskedFor::Settling | AskedFor::Settled | AskedFor::Held | AskedFor::BeforeStart => {
                let Some(open) = self.book.get_mut(ask.run) else { return };
                if open.settle.is_none() {
                    open.settle_from(now.boot, now.boot);
                }
                let connection = open.run.connection.clone();
                let Some(settle) = &mut open.settle else { return };
                if settle.verdict == Verdict::NeedsList {
                    settle.next = now.boot + BROKEN_MOST;
                    settle.lists_broken = settle.lists_broken.saturating_add(1);
                    if settle.lists_broken >= LISTS_BROKEN && open.run.state == RunState::Unknown {
                        self.hold_unread(&connection, ask, now);
                    }
                    return;
                }
                settle.broken = settle.broken.saturating_add(1);
                settle.next = now.boot + BROKEN_FIRST.saturating_mul(settle.broken).min(BROKEN_MOST);
                if settle.broken >= BROKEN_AT_START
                    && let Some(link) = self.links.get_mut(&connection)
                {
                    // Its own schedule waits for it; the others do not.
                    link.reconciled(ask.run);
                }
                match ask.purpose {
                    AskedFor::Settled | AskedFor::BeforeStart if settle.broken >= BROKEN_OFTEN => {
                        settle.verdict = Verdict::NeedsList;
                    }
                    AskedFor::Settled
                    | AskedFor::BeforeStart
                    | AskedFor::Settling
                    | AskedFor::Held
                    | AskedFor::Sweep
                    | AskedFor::Proof => {}
                }
            }
            AskedFor::Sweep => self.put_off_sweep(ask.run, now),
            AskedFor::Proof => {}
        }
    }
}
