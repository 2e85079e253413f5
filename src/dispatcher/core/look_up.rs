//! Which look-ups are due, gathered into as few calls as they fit.
//!
//! Look-ups come before the following of jobs in the tenant's budget of list calls: an unclear start holds up its schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Core;
use super::book::{Asked, BeforeStart, Verdict};
use super::link::Health;
use crate::clock::{Reading, earlier};
use crate::executor::{Action, Ask, AskedFor};
use crate::run::{FolderId, RunId, RunState};
use crate::schedule::ConnectionName;

/// References in one call. With the control, the URL stays below 8 KiB.
const ASKS_PER_CALL: usize = 49;

/// Clocks differ, and a call may have waited in a gateway: lists begin this long before the start.
const LIST_MARGIN: Duration = Duration::from_secs(7_200);

impl Core {
    /// Sends the look-ups that are due, fullest calls first come, within the budget of list calls.
    pub(super) fn ask_about_unclear_starts(&mut self, now: Reading) {
        let mut asks: BTreeMap<(ConnectionName, FolderId), Vec<Ask>> = BTreeMap::new();
        let mut lists: Vec<(ConnectionName, FolderId, Ask, Timestamp)> = Vec::new();
        for id in self.book.ids() {
            self.collect_asks(id, now, &mut asks, &mut lists);
        }
        self.collect_sweeps(now, &mut asks);
        self.collect_proofs(now, &mut asks);
        for ((connection, folder_id), asks) in asks {
            for chunk in asks.chunks(ASKS_PER_CALL) {
                if !self.may_list(&connection, now) {
                    break;
                }
                for ask in chunk {
                    self.mark_asked(ask, &connection, folder_id);
                }
                let control = self
                    .links
                    .get(&connection)
                    .and_then(|link| link.evidence.get(&folder_id))
                    .map(|evidence| evidence.reference.clone());
                self.actions.push(Action::LookUp {
                    connection: connection.clone(),
                    folder_id,
                    asks: chunk.to_vec(),
                    control,
                });
            }
        }
        for (connection, folder_id, ask, since) in lists {
            if self.may_list(&connection, now) {
                self.mark_asked(&ask, &connection, folder_id);
                self.actions.push(Action::ListSince { connection, folder_id, ask, since });
            }
        }
    }

    fn collect_asks(
        &mut self,
        id: RunId,
        now: Reading,
        asks: &mut BTreeMap<(ConnectionName, FolderId), Vec<Ask>>,
        lists: &mut Vec<(ConnectionName, FolderId, Ask, Timestamp)>,
    ) {
        let Some(open) = self.book.get(id) else { return };
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
                let since = attempt.sent_at.unwrap_or(open.run.fire_at);
                let Some(folder_id) = attempt.folder_id else { return };
                let ask = Ask { run: id, reference, purpose };
                match settle.verdict {
                    Verdict::NeedsList => lists.push((connection, folder_id, ask, earlier(since, LIST_MARGIN))),
                    Verdict::Open | Verdict::None => asks.entry((connection, folder_id)).or_default().push(ask),
                }
            }
            (RunState::Waiting(_) | RunState::Armed, settle, BeforeStart::LookUp(Asked::No)) => {
                if let Some(settle) = settle.filter(|settle| now.boot < settle.next) {
                    return self.wake.at_boot(settle.next);
                }
                let (start, kept, since) = (open.run.start.clone(), attempt.folder_id, open.run.fire_at);
                // Never sent in this life: the folder is where its process is now.
                let found = self.want_target(&connection, &start, now).map(|target| target.folder_id);
                let Some(folder_id) = kept.or(found) else { return };
                let ask = Ask { run: id, reference, purpose: AskedFor::BeforeStart };
                match settle.map(|settle| settle.verdict) {
                    Some(Verdict::NeedsList) => {
                        lists.push((connection, folder_id, ask, earlier(since, LIST_MARGIN)));
                    }
                    Some(Verdict::Open | Verdict::None) | None => {
                        asks.entry((connection, folder_id)).or_default().push(ask);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether a list call may be made now; if so it is counted.
    pub(super) fn may_list(&mut self, connection: &ConnectionName, now: Reading) -> bool {
        let Some(link) = self.links.get_mut(connection) else { return false };
        if matches!(link.health, Health::Probing { .. }) {
            // Its answer is waited for; nothing of the budget is spent meanwhile.
            return false;
        }
        if let Some(boot) = link.wake(now.boot).filter(|boot| *boot > now.boot) {
            self.wake.at_boot(boot);
            return false;
        }
        match link.lists.take(now.boot) {
            Ok(()) => link.may_read(now.boot),
            Err(next) => {
                self.wake.at_boot(next);
                false
            }
        }
    }

    fn mark_asked(&mut self, ask: &Ask, connection: &ConnectionName, folder_id: FolderId) {
        self.set_asked(ask, connection, folder_id, Asked::Yes);
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
}
