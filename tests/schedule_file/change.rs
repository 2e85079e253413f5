//! What a newly read set changes, when it is held back, and when files are still.

use std::collections::BTreeSet;
use std::time::Duration;

use punctual::schedule::{Change, Look, ScheduleKey, ScheduleSet, Settings, SourceFile, Stillness, parse, weigh};

use super::{HEAD, now, read, source};

fn set(schedules: &str) -> ScheduleSet {
    read(source("schedules.yaml", &format!("{HEAD}schedules:\n{schedules}"))).unwrap().set
}

fn numbered(keys: impl IntoIterator<Item = u32>) -> ScheduleSet {
    let lines: String =
        keys.into_iter().map(|n| format!("  s{n}: {{ every: 1h, start: {{ process: P }} }}\n")).collect();
    if lines.is_empty() { read(source("schedules.yaml", HEAD)).unwrap().set } else { set(&lines) }
}

fn keys(set: &ScheduleSet) -> BTreeSet<ScheduleKey> {
    set.schedules.keys().cloned().collect()
}

#[test]
fn a_set_is_held_back_when_it_lost_more_than_a_fifth_and_more_than_three_or_everything() {
    let table: [(u32, u32, u32, bool); 12] = [
        // how many there were, how many of them are left, how many are new, held back
        (0, 0, 0, false),
        (0, 0, 5, false),
        (1, 1, 0, false),
        (1, 0, 0, true),
        (1, 0, 1, false),
        (3, 0, 1, false),
        (3, 0, 0, true),
        (4, 0, 9, true),
        (10, 7, 0, false),
        (10, 6, 0, true),
        (20, 16, 0, false),
        (21, 16, 9, true),
    ];
    for (were, left, new, held) in table {
        let loaded = keys(&numbered(0..were));
        let after = numbered((0..left).chain(100..100 + new));
        let loss = weigh(&loaded, &after);
        assert_eq!(loss.is_some(), held, "{were} schedules, {left} left, {new} new");
        if let Some(loss) = loss {
            assert_eq!((loss.of as u32, loss.lost.len() as u32), (were, were - left));
        }
    }
}

#[test]
fn a_rename_is_a_loss_and_a_new_schedule() {
    let loaded = keys(&numbered(0..4));
    assert!(weigh(&loaded, &numbered(10..14)).is_some());
    let change = Change::between(&numbered(0..2), &numbered(1..3));
    assert_eq!(change.to_string(), "1 added (s2), 1 removed (s0)");
}

#[test]
fn a_change_names_what_is_different_and_nothing_else() {
    let old = set(
        "  a: { cron: \"0 7 * * *\", timezone: UTC, start: { process: P } }\n  b: { every: 1h, start: { process: P } }\n  \
                   c: { every: 1h, start: { process: P } }\n",
    );
    // `a` is written otherwise and means the same; `b` has other times; `c` another process.
    let new = set(
        "  # a comment\n  a: { cron: \"0 07 * * *\", timezone: UTC, start: { process: P }, overlap: skip }\n  b: { every: \
                   2h, start: { process: P } }\n  c: { every: 60m, start: { process: Q } }\n",
    );
    let change = Change::between(&old, &new);
    assert_eq!(change.to_string(), "1 with other times (b), 1 changed otherwise (c)");
    assert!(Change::between(&old, &old.clone()).is_nothing());
    assert_eq!(Change::between(&old, &old.clone()).to_string(), "nothing has changed");

    let slower = HEAD.replace("scope: OR.Jobs", "scope: OR.Jobs OR.Folders.Read");
    assert_ne!(slower, HEAD, "the head has a scope");
    let text = format!("{slower}daemon: {{ watch: false }}\n");
    let change =
        Change::between(&read(source("a.yaml", HEAD)).unwrap().set, &read(source("a.yaml", &text)).unwrap().set);
    assert_eq!(change.settings, Settings::Changed);
    assert_eq!(change.to_string(), "1 connections changed (cloud), other settings under `daemon`");

    let held = |hours: u8, size: u8| {
        let text = format!(
            "{HEAD}blackouts:\n  patch: {{ cron: \"0 22 * * *\", for: {hours}h, timezone: UTC }}\nlimits:\n  finance: {{ running: {size} }}\n"
        );
        read(source("a.yaml", &text)).unwrap().set
    };
    let change = Change::between(&held(1, 2), &held(2, 3));
    assert_eq!(change.to_string(), "1 blackouts changed (patch), 1 pools changed (finance)");
    assert_eq!(change.settings, Settings::Same, "nothing under `daemon` is different");
    assert!(Change::between(&held(1, 2), &held(1, 2)).is_nothing());
}

#[test]
fn a_long_list_of_names_is_cut() {
    let change = Change::between(&numbered(0..0), &numbered(0..12));
    assert_eq!(change.to_string(), "12 added (s0, s1, s10, s11, s2, s3, s4, s5, s6, s7 and 2 more)");
}

#[test]
fn what_changes_is_taken_once_after_it_has_been_still_for_two_seconds() {
    let second = Duration::from_secs;
    let mut files = Stillness::new(1, second(0));
    let looks = [
        (1, 1, Look::Same),
        (2, 2, Look::Moving),
        (3, 3, Look::Moving),
        (3, 4, Look::Moving),
        (3, 5, Look::Still),
        (3, 6, Look::Same),
        // A change that is taken back in time is none.
        (4, 7, Look::Moving),
        (3, 8, Look::Same),
    ];
    for (seen, at, expected) in looks {
        assert_eq!(files.look(seen, second(at), second(at)), expected, "at second {at}");
    }
    files.taken(5, second(9));
    assert_eq!(files.look(5, second(20), second(20)), Look::Same);
}

#[test]
fn the_time_that_a_look_takes_is_no_time_of_being_still() {
    let second = Duration::from_secs;
    let mut files = Stillness::new(1, second(0));
    // A disk that hangs: what was seen may have changed a moment before either look came back.
    for (began, ended, expected) in [(1, 11, Look::Moving), (12, 22, Look::Moving), (23, 23, Look::Still)] {
        assert_eq!(files.look(2, second(began), second(ended)), expected, "from second {began} to {ended}");
    }
}

#[test]
fn a_file_of_authorities_is_found_beside_the_schedule_file_and_its_change_is_a_change_of_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let authority = || {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem()
    };
    let load = || {
        let text = HEAD.replace("    auth:", "    tls: { ca: certs/acme.pem }\n    auth:");
        let text = format!("{text}schedules: {{ x: {{ every: 1h, start: {{ process: P }} }} }}\n");
        let file = SourceFile { path: "schedules.yaml".into(), text, folder: folder.path().to_owned() };
        parse(&[file], now()).unwrap().set
    };
    std::fs::create_dir(folder.path().join("certs")).unwrap();
    std::fs::write(folder.path().join("certs/acme.pem"), authority() + &authority()).unwrap();
    let (old, again) = (load(), load());
    assert!(old.connections.values().all(|connection| connection.authorities.is_some()));
    assert!(Change::between(&old, &again).is_nothing());
    std::fs::write(folder.path().join("certs/acme.pem"), authority()).unwrap();
    let changed = Change::between(&old, &load()).connections_changed;
    assert_eq!(changed.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["cloud"]);
}
