//! The list calls of the last minute, which the next life counts too: their limit is the tenant's (semantics.md 20).
//!
//! Each is stored in the commit before it is made. What was made while nothing could be stored is stored by the core that takes over.

use std::time::Duration;

use super::book::Book;
use super::budget::MINUTE;
use super::{Core, boot_of};
use crate::clock::{Reading, earlier};
use crate::run::ListCalls;
use crate::schedule::ConnectionName;

impl Core {
    /// Counts what the life before this one has made.
    pub(super) fn count_stored_list_calls(&mut self, stored: Vec<ListCalls>, opened: Reading) {
        for made in stored {
            // Boot time may have begun after those that are older, so they cannot be counted by it.
            if earlier(opened.wall, MINUTE) >= made.at {
                continue;
            }
            if let Some(link) = self.links.get_mut(&made.connection) {
                // Of one that was written under a later clock it is not known when it was.
                link.lists.made_before(made.calls, boot_of(opened, made.at.min(opened.wall)));
            }
        }
    }

    /// Our clock was set: what is stored has another time now.
    pub(super) fn store_list_calls_anew(&mut self, now: Reading) {
        for (name, link) in &self.links {
            record(&mut self.book, name, link.lists.made(now.boot), now);
        }
    }

    /// Takes over the count of a core that could not store: those beyond the stored ones are stored now.
    pub(super) fn inherit_list_calls(&mut self, name: &ConnectionName, stored: usize, now: Reading) {
        let Some(link) = self.links.get(name) else { return };
        record(&mut self.book, name, link.lists.made(now.boot).skip(stored), now);
    }
}

/// Stores when calls were made, of instants in boot time.
fn record(book: &mut Book, name: &ConnectionName, made: impl Iterator<Item = Duration>, now: Reading) {
    for made in made {
        book.record_list_call(name, earlier(now.wall, now.boot.saturating_sub(made)));
    }
}
