//! The list calls of a connection, of which there are never more than its limit in any minute (semantics.md 20).
//!
//! The limit is the tenant's, so the next life counts those of the last minute too: each is stored in the commit before it is made.
//! What was made while nothing could be stored is stored by the core that takes over.

use std::time::Duration;

use crate::clock::{Reading, earlier};
use crate::dispatcher::core::book::Book;
use crate::dispatcher::core::link::budget::MINUTE;
use crate::dispatcher::core::link::health::Answering;
use crate::dispatcher::core::state::{State, boot_of};
use crate::run::ListCalls;
use crate::schedule::ConnectionName;

/// Counts what the life before this one has made.
pub(crate) fn count_stored(state: &mut State, stored: Vec<ListCalls>) {
    let opened = state.loaded.opened;
    for made in stored {
        // Boot time may have begun after those that are older, so they cannot be counted by it.
        if earlier(opened.wall, MINUTE) >= made.at {
            continue;
        }
        if let Some(link) = state.links.get_mut(&made.connection) {
            // Of one that was written under a later clock it is not known when it was.
            link.lists.made_before(made.calls, boot_of(opened, made.at.min(opened.wall)));
        }
    }
}

/// Our clock was set: what is stored has another time now.
pub(crate) fn store_anew(state: &mut State) {
    let now = state.now;
    for (name, link) in &state.links {
        record(&mut state.book, name, link.lists.made(now.boot), now);
    }
}

/// Takes over the count of a core that could not store: those beyond the stored ones are stored now.
pub(crate) fn inherit(state: &mut State, name: &ConnectionName, stored: usize) {
    let now = state.now;
    let Some(link) = state.links.get(name) else { return };
    record(&mut state.book, name, link.lists.made(now.boot).skip(stored), now);
}

/// Counts a list call that is made whether it fits or not.
pub(crate) fn count(state: &mut State, connection: &ConnectionName) {
    let now = state.now;
    if let Some(link) = state.links.get_mut(connection) {
        link.lists.spend(now.boot);
        state.book.record_list_call(connection, now.wall);
    }
}

/// Whether a list call may be made now; if so it is counted.
pub(crate) fn may_list(state: &mut State, connection: &ConnectionName) -> bool {
    let now = state.now;
    if !could_list(state, connection) {
        return false;
    }
    let Some(link) = state.links.get_mut(connection) else { return false };
    let taken = link.lists.take(now.boot).is_ok();
    if taken {
        state.book.record_list_call(connection, now.wall);
    }
    taken && link.health.may_read(now.boot)
}

/// Whether a list call may be made now, without counting one. If it may be made later, the next turn is taken then.
pub(crate) fn could_list(state: &mut State, connection: &ConnectionName) -> bool {
    let now = state.now;
    let Some(link) = state.links.get_mut(connection) else { return false };
    if matches!(link.health.is, Answering::Probing(_)) {
        // Its answer is waited for; nothing of the budget is spent meanwhile.
        return false;
    }
    let later = link.health.wake(now.boot).filter(|boot| *boot > now.boot).or_else(|| link.lists.next(now.boot).err());
    later.into_iter().for_each(|boot| state.wake.at_boot(boot));
    later.is_none()
}

/// Stores when calls were made, of instants in boot time.
fn record(book: &mut Book, name: &ConnectionName, made: impl Iterator<Item = Duration>, now: Reading) {
    for made in made {
        book.record_list_call(name, earlier(now.wall, now.boot.saturating_sub(made)));
    }
}
