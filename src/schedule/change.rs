//! What a newly read set changes against the loaded one, and whether it loses suspiciously much.
//!
//! Pure. A cut-off YAML file is often valid, and an unmounted folder is an empty one: a set that lost much is held back until
//! somebody says that it is meant (semantics.md 27). A schedule is known by its key alone, so a rename is a loss and a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::blackout::Blackout;
use super::model::{Connection, Schedule, ScheduleSet};
use super::name::{ConnectionName, ScheduleKey};
use super::timing::TimingError;
use crate::text;

/// Losing so many is an ordinary edit, however few there were.
const FEW: usize = 3;

/// More than one of so many is a suspicious loss.
const PART: usize = 5;

/// How many of a schedule's coming times are compared when the rules of time zones change.
const TIMES_COMPARED: usize = 10;

/// Longest list of names in one line of a log.
const NAMES: usize = 10;

/// Whether a set may lose much of the last loaded one (semantics.md 27).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removals {
    /// It is held back: half a file is often valid.
    Guarded,
    /// A person has said that it is meant.
    Accepted,
}

/// A loss that is held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The keys that are gone.
    pub lost: Vec<ScheduleKey>,
    /// How many were loaded.
    pub of: usize,
    /// How many the new set has, new ones included.
    pub left: usize,
}

/// Whether a set loses so much of the last loaded one that it is held back.
pub fn weigh(loaded: &BTreeSet<ScheduleKey>, new: &ScheduleSet) -> Option<Loss> {
    let lost: Vec<ScheduleKey> = loaded.iter().filter(|key| !new.schedules.contains_key(*key)).cloned().collect();
    let emptied = new.schedules.is_empty() && !loaded.is_empty();
    let much = lost.len() > FEW && lost.len() * PART > loaded.len();
    (emptied || much).then_some(Loss { lost, of: loaded.len(), left: new.schedules.len() })
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { lost, of, left } = self;
        if *left == 0 {
            return write!(f, "the files have no schedule any more; {of} were loaded");
        }
        write!(f, "the files lost {} of {of} schedules: {}", lost.len(), names(lost))
    }
}

/// What is different in a newly read set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New keys; each begins at the load.
    pub added: Vec<ScheduleKey>,
    /// Keys that are gone. Their open runs are followed to their end.
    pub removed: Vec<ScheduleKey>,
    /// Other times; they hold from the load on.
    pub retimed: Vec<ScheduleKey>,
    /// The same times, and something else is different.
    pub changed: Vec<ScheduleKey>,
    /// New connections.
    pub connections_added: Vec<ConnectionName>,
    /// Connections that are gone.
    pub connections_removed: Vec<ConnectionName>,
    /// Connections with another address, credential or limit.
    pub connections_changed: Vec<ConnectionName>,
    /// Blackouts that are new, gone, or other windows.
    pub blackouts: Vec<String>,
    /// Pools that are new, gone, or of another size.
    pub pools: Vec<String>,
    /// Whether `daemon` says something else.
    pub settings: Settings,
}

/// Whether `daemon` says something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settings {
    /// It does not.
    #[default]
    Same,
    /// It does.
    Changed,
}

impl Change {
    /// From one set to the next.
    pub fn between(old: &ScheduleSet, new: &ScheduleSet) -> Change {
        let ScheduleSet {
            connections,
            schedules,
            pools,
            blackouts,
            zone_database,
            watch,
            history,
            copies,
            allow_env,
            env,
        } = new;
        let mut change = Change::default();
        for (key, schedule) in schedules {
            match old.schedules.get(key) {
                None => change.added.push(key.clone()),
                Some(before) if before.timing != schedule.timing => change.retimed.push(key.clone()),
                Some(before) if !same(before, schedule) => change.changed.push(key.clone()),
                Some(_) => {}
            }
        }
        change.removed = old.schedules.keys().filter(|key| !schedules.contains_key(*key)).cloned().collect();
        for (name, connection) in connections {
            match old.connections.get(name) {
                None => change.connections_added.push(name.clone()),
                Some(before) if before != connection => change.connections_changed.push(name.clone()),
                Some(_) => {}
            }
        }
        let gone = |name: &&ConnectionName| !connections.contains_key(*name);
        change.connections_removed = old.connections.keys().filter(gone).cloned().collect();
        let settings_same = old.zone_database == *zone_database
            && old.watch == *watch
            && old.history == *history
            && old.copies == *copies
            && old.allow_env == *allow_env
            && old.env == *env;
        change.blackouts = unlike(&old.blackouts, blackouts, |old, new| old.is_same(new));
        change.pools = unlike(&old.pools, pools, |old, new| old == new);
        change.settings = if settings_same { Settings::Same } else { Settings::Changed };
        change
    }

    /// Whether nothing is different.
    pub fn is_nothing(&self) -> bool {
        *self == Change::default()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change {
            added,
            removed,
            retimed,
            changed,
            connections_added,
            connections_removed,
            connections_changed,
            blackouts,
            pools,
            settings,
        } = self;
        let mut parts = Vec::new();
        let mut tell = |what: &str, list: String, count: usize| {
            if count > 0 {
                parts.push(format!("{count} {what} ({list})"));
            }
        };
        tell("added", names(added), added.len());
        tell("removed", names(removed), removed.len());
        tell("with other times", names(retimed), retimed.len());
        tell("changed otherwise", names(changed), changed.len());
        tell("connections added", names(connections_added), connections_added.len());
        tell("connections removed", names(connections_removed), connections_removed.len());
        tell("connections changed", names(connections_changed), connections_changed.len());
        tell("blackouts changed", names(blackouts), blackouts.len());
        tell("pools changed", names(pools), pools.len());
        if *settings == Settings::Changed {
            parts.push("other settings under `daemon`".to_owned());
        }
        if parts.is_empty() {
            return f.write_str("nothing has changed");
        }
        f.write_str(&parts.join(", "))
    }
}

/// The names that only one of two maps has, or that stand for something else in each.
fn unlike<T>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>, same: impl Fn(&T, &T) -> bool) -> Vec<String> {
    let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let is_unlike = |name: &&String| match (old.get(*name), new.get(*name)) {
        (Some(old), Some(new)) => !same(old, new),
        (_, _) => true,
    };
    all.into_iter().filter(is_unlike).cloned().collect()
}

fn names<T: fmt::Display>(list: &[T]) -> String {
    text::first(list, NAMES)
}

/// Whether two schedules of one timing say the same. Where it stands in its file is no part of it.
fn same(old: &Schedule, new: &Schedule) -> bool {
    let Schedule {
        key,
        description,
        timing,
        recurrence: _,
        enablement,
        connection,
        start,
        overlap,
        catch_up,
        start_deadline,
        on_unknown_start,
        retry,
        timeout,
        pool,
        priority,
        pause_after,
        history,
        place: _,
    } = new;
    old.key == *key
        && old.description == *description
        && old.timing == *timing
        && old.enablement == *enablement
        && old.connection == *connection
        && old.start == *start
        && old.overlap == *overlap
        && old.catch_up == *catch_up
        && old.start_deadline == *start_deadline
        && old.on_unknown_start == *on_unknown_start
        && old.retry == *retry
        && old.timeout == *timeout
        && old.pool == *pool
        && old.priority == *priority
        && old.pause_after == *pause_after
        && old.history == *history
}

/// A coming time that the new rules of its zone moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub schedule: ScheduleKey,
    /// When it would have been; `None` when there is one more now.
    pub old: Option<Timestamp>,
    /// When it is now; `None` when it is gone.
    pub new: Option<Timestamp>,
}

/// The same set under the rules of the zone database that is in use now, and for each schedule whose next ten times after
/// `now` are others, the first of them.
///
/// # Errors
/// [`TimingError`] when a zone is gone from the database; the set that was loaded stays good.
pub fn replan(set: &ScheduleSet, now: Timestamp) -> Result<(ScheduleSet, Vec<Moved>), TimingError> {
    let mut schedules = BTreeMap::new();
    let mut blackouts = BTreeMap::new();
    for (name, old) in &set.blackouts {
        let begins = old.timing.compile(name)?;
        blackouts.insert(name.clone(), Arc::new(Blackout { begins, ..(**old).clone() }));
    }
    let mut moved = Vec::new();
    for (key, old) in &set.schedules {
        let new = Schedule { recurrence: old.timing.compile(key.as_str())?, ..(**old).clone() };
        moved.extend(first_moved(old, &new, now));
        schedules.insert(key.clone(), Arc::new(new));
    }
    Ok((ScheduleSet { schedules, blackouts, ..set.clone() }, moved))
}

fn first_moved(old: &Schedule, new: &Schedule, now: Timestamp) -> Option<Moved> {
    let (mut before, mut after) = (now, now);
    for _ in 0..TIMES_COMPARED {
        let (was, is) = (old.recurrence.next_after(before), new.recurrence.next_after(after));
        let (was, is) = (was.map(|time| time.at), is.map(|time| time.at));
        if was != is {
            return Some(Moved { schedule: old.key.clone(), old: was, new: is });
        }
        (before, after) = (was?, is?);
    }
    None
}

/// Whether a connection asks another server, or as somebody else: what was known of it does not hold any more.
pub fn asks_elsewhere(old: &Connection, new: &Connection) -> bool {
    old.url != new.url || old.tenant != new.tenant || old.auth != new.auth
}
