//! Rules 18 and 29: pauses by punctual, after failures in a row and after failed logons.
//!
//! Where the law leaves open what breaks a row, a count has two ends: one that nothing open has broken, and one that all of it has. A pause
//! must have the higher one for it, and must come by the lower one.

use std::collections::{BTreeMap, BTreeSet};

use punctual::orchestrator::JobState;
use punctual::run::{Ending, RunState};

use super::{Findings, clock};
use crate::job::{Class, Moment};
use crate::people::{Answer, Ask, US};
use crate::story::{Row, Story};

/// What a turn may take.
const SLACK: i64 = 2_000;

/// So many logons.
const LOGONS: i64 = 2;

#[derive(Clone, Copy, Default)]
struct Count {
    /// At least, and at most.
    least: i64,
    most: i64,
}

/// Of jobs: the account that a failed logon names, none where it names none.
type Account = Option<&'static str>;

enum Happened<'s> {
    /// A person resumed: which answer there was.
    Resumed(&'s Ask, bool),
    /// An attempt ended, and another follows.
    Tried(&'s Row),
    Ended(&'s Row),
}

#[derive(Default)]
struct Counts {
    failures: BTreeMap<String, Count>,
    logons: BTreeMap<(&'static str, Account), Count>,
    /// Who certainly last ran under which account: its logon failed.
    under: BTreeMap<String, (&'static str, Account)>,
    /// Who has had a job that has ended.
    ran: BTreeSet<String>,
}

pub(super) fn check(story: &Story, found: &mut Findings<'_>) {
    let mut counts = Counts::default();
    let mut explained = vec![false; story.pauses.len()];
    for (at, happened) in in_order(story) {
        match happened {
            Happened::Resumed(Ask::Resume { scope }, certain) => resumed(story, &mut counts, at, scope, certain),
            Happened::Resumed(_, _) => {}
            Happened::Tried(row) => tried(story, &mut counts, row),
            Happened::Ended(row) => {
                ended(story, &mut counts, row, at, &mut explained, found);
                logon(story, &mut counts, row, at, &mut explained, found);
            }
        }
    }
    for (place, pause) in story.pauses.iter().enumerate().filter(|(_, pause)| pause.actor == US) {
        let schedule = format!("{:?}", pause.scope);
        if !explained[place] {
            let text = format!("paused by punctual, and not so many have failed: {:?}", pause.reason);
            found.about("29", schedule.clone(), pause.since, &[], text);
        }
        let twice = |other: &crate::people::Pause| other.actor == US && other.scope == pause.scope;
        if story.pauses[..place].iter().any(|other| twice(other) && other.end() > pause.since) {
            found.about("29", schedule, pause.since, &[], "paused by punctual, and it was already");
        }
    }
}

/// All that counts, in the order in which it was stored; people come before what their turn finds.
fn in_order(story: &Story) -> Vec<(Moment, Happened<'_>)> {
    let mut all: Vec<(Moment, u8, Moment, Happened<'_>)> = Vec::new();
    for asked in story.record.asked.iter().filter(|asked| matches!(asked.ask, Ask::Resume { .. })) {
        let certain = asked.answer == Some(Answer::Done);
        all.push((asked.at, 0, 0, Happened::Resumed(&asked.ask, certain)));
    }
    for row in &story.rows {
        for pair in row.lines.windows(2) {
            let (at, over) = (pair[1].0, pair[1].1.is_final());
            if over {
                all.push((at, 1, row.ended.unwrap_or(at), Happened::Ended(row)));
            } else if matches!((pair[0].1, pair[1].1), (RunState::Job(_), RunState::Waiting(_))) {
                all.push((at, 1, at, Happened::Tried(row)));
            }
        }
    }
    all.sort_by_key(|(at, kind, ended, _)| (*at, *kind, *ended));
    all.into_iter().map(|(at, _, _, happened)| (at, happened)).collect()
}

fn resumed(story: &Story, counts: &mut Counts, at: Moment, scope: &crate::people::Scope, certain: bool) {
    let ended = certain && story.pauses.iter().any(|pause| pause.scope == *scope && pause.ended == Some(at));
    for (key, connection) in story.connections.iter().filter(|(key, connection)| scope.holds(key, connection)) {
        let count = counts.failures.entry(key.clone()).or_default();
        count.least = 0;
        if ended {
            count.most = 0;
        }
        let on_it = counts.logons.iter_mut().filter(|((its, _), _)| its == connection);
        on_it.for_each(|(_, count)| count.least = 0);
    }
}

/// Whether punctual pauses this schedule then, or has done so before.
fn pauses_now(story: &Story, key: &str, at: Moment, explained: &mut [bool], possible: bool) -> bool {
    let mut any = false;
    for (place, pause) in story.pauses.iter().enumerate().filter(|(_, pause)| pause.is_ours(key)) {
        if pause.since <= at + SLACK && pause.end() > at {
            any = true;
            explained[place] |= possible && pause.since >= at;
        }
    }
    any
}

fn ended(story: &Story, counts: &mut Counts, row: &Row, at: Moment, explained: &mut [bool], found: &mut Findings<'_>) {
    let count = counts.failures.entry(row.schedule.clone()).or_default();
    match row.state {
        RunState::Ended(Ending::Faulted | Ending::TimedOut | Ending::Rejected) => {
            count.least += 1;
            count.most += 1;
        }
        RunState::Ended(Ending::Succeeded) => *count = Count::default(),
        _ => return,
    }
    let Some(most) = story.files_at(at).laws.get(&row.schedule).and_then(|law| law.pause_after) else { return };
    let Count { least, most: highest } = *count;
    if most == 0 || highest < most {
        return;
    }
    if !pauses_now(story, &row.schedule, at, explained, true) && least >= most {
        let text = format!("{least} runs in a row have failed, {most} pause it, and it is not paused at {}", clock(at));
        found.add("29", at, &[row], text);
    }
}

/// The last job of a run, and whether its logon failed: certainly, perhaps.
fn logon_of(story: &Story, row: &Row) -> Option<(&'static str, Option<Account>)> {
    let job = row.tries.iter().rev().find_map(|attempt| story.job_of(attempt))?;
    let (end, state) = job.end();
    job.started_by(end)?;
    let failed = job.fault.filter(|(class, _)| *class == Class::Account && state == JobState::Faulted);
    let account = failed.map(|(_, text)| text.split_once("for user ").and_then(|(_, rest)| rest.split_once(". ")));
    Some((job.connection, account.map(|named| named.map(|(name, _)| name))))
}

/// Whatever got as far as its workflow may break a row of its connection.
fn tried(story: &Story, counts: &mut Counts, row: &Row) {
    let Some(law) = story.law(row) else { return };
    let on_it = counts.logons.iter_mut().filter(|((connection, _), _)| *connection == law.connection);
    on_it.for_each(|(_, count)| count.least = 0);
}

fn logon(story: &Story, counts: &mut Counts, row: &Row, at: Moment, explained: &mut [bool], found: &mut Findings<'_>) {
    let Some((connection, account)) = logon_of(story, row) else { return };
    counts.ran.insert(row.schedule.clone());
    let Some(account) = account else {
        tried(story, counts, row);
        let faulted = row.is("faulted", "");
        let class = row.last_try().and_then(|attempt| story.job_of(attempt)).and_then(|job| job.fault);
        let beyond = matches!(class, Some((Class::Business | Class::Application, _)));
        // Elsewhere it runs under another account, and of a schedule that was taken out of the files meanwhile it is forgotten.
        let is_there = story.files_at(at).laws.contains_key(&row.schedule);
        let under = counts.under.get(&row.schedule).filter(|(its, _)| *its == connection && is_there);
        if (row.is("succeeded", "") || faulted && beyond)
            && let Some(under) = under
        {
            counts.logons.entry(*under).or_default().most = 0;
        }
        return;
    };
    let faulted = row.is("faulted", "");
    // A job that names its account, however its run ended, is the last that ran under one; and a stop decides what others end as.
    if faulted || account.is_some() {
        counts.under.insert(row.schedule.clone(), (connection, account));
    }
    if !faulted {
        return;
    }
    let count = counts.logons.entry((connection, account)).or_default();
    count.least += 1;
    count.most += 1;
    let Count { least, most } = *count;
    if most < LOGONS {
        return;
    }
    for (key, law) in &story.files_at(at).laws {
        let possible = law.connection == connection && law.pause_after != Some(0) && counts.ran.contains(key);
        let must = least >= LOGONS && possible && counts.under.get(key) == Some(&(connection, account));
        if !pauses_now(story, key, at, explained, possible) && must {
            let text =
                format!("{least} logons of {account:?} in a row have failed, the last here, and {key} is not paused");
            found.add("18", at, &[row], text);
        }
    }
}
