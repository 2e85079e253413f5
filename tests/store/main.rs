//! What is written is there, whole or not at all, and reads back as it was.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod copies;
mod failures;
mod holding;
mod kept_answers;
mod logs;
mod made_good;
mod migrations;
mod upgrade;
mod upkeep;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use punctual::history::{self, History, HistoryFilter};
use punctual::run::{
    Account, Attempt, Ending, Evidence, FaultClass, FolderId, FrozenPolicy, HeldFor, InWindows, JobEnding, JobId,
    JobKey, JobRef, MissReason, Pause, PauseId, PauseScope, Reference, Run, RunId, RunState, Seen, SkipMark,
    StopIntent, StopStep, StoppedBy, TimeLimit, Work,
};
use punctual::schedule::{
    self, CatchUp, CatchUpPolicy, ConnectionName, CountedBy, FolderChoice, HighWaterMark, HistoryChoice, OnPending,
    OnUnknownStart, OverlapPolicy, Retry, RetryOn, ScheduleKey, StartSpec, Timeouts, Timing, Trigger,
};
use punctual::store::{
    self, Changes, Database, Doubt, DoubtOver, Failing, HoldingChange, LoadedState, Removed, Retention, Retired,
    StateFolder, StateFolderError, Store, StoreError, StoredVersion,
};
use punctual::text::NamePattern;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn cloud() -> ConnectionName {
    ConnectionName("cloud".into())
}

/// A policy with something in everything it has.
fn policy() -> FrozenPolicy {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    FrozenPolicy {
        overlap: Some(OverlapPolicy::Allow),
        on_unknown_start: OnUnknownStart::Hold,
        history: HistoryChoice { arguments: schedule::Kept::Hash, output: schedule::Kept::Drop },
        start_deadline: Duration::from_millis(3_600_001),
        catch_up: Some(CatchUp { policy: CatchUpPolicy::Skip, window: minutes(360), max: 3 }),
        retry: Some(Retry {
            attempts: 3,
            delay: minutes(1),
            max_delay: minutes(15),
            on: vec![RetryOn::Faulted, RetryOn::TimedOut, RetryOn::Business],
        }),
        timeout: Some(Timeouts {
            pending: Some(minutes(20)),
            soft: Some(minutes(50)),
            at: Some(civil::time(8, 0, 0, 0)),
            kill_after: minutes(5),
            on_pending: OnPending::Restart,
            counted_by: CountedBy::ServerToo,
        }),
        stop_at: Some(now()),
        pool: Some("night".to_owned()),
        priority: 7,
        in_windows: InWindows::Starts,
    }
}

/// A stop for each rule, at each stage.
fn stop(number: u128) -> Option<StopIntent> {
    let asked = Some(StopStep { at: now(), accepted_at: None });
    let taken = Some(StopStep { at: now(), accepted_at: Some(now()) });
    let (by, soft, kill) = match number % 6 {
        0 => (StoppedBy::Timeout(TimeLimit::Pending), asked, None),
        1 => (StoppedBy::Timeout(TimeLimit::Soft), taken, asked),
        2 => (StoppedBy::Timeout(TimeLimit::At), taken, taken),
        3 => (StoppedBy::Overlap, None, asked),
        4 => (StoppedBy::Person { actor: "root".to_owned() }, None, taken),
        _ => return None,
    };
    Some(StopIntent { by, asked_at: now(), soft, kill })
}

/// A run with something in every column that its state allows.
fn run(number: u128, state: RunState, trigger: Trigger) -> Run {
    let nominal_at = now().checked_sub(Duration::from_secs(60 * number as u64)).unwrap();
    let arguments = serde_json::json!({ "b": 1, "a": "NO", "deep": { "list": [1, null, "\u{e9}\u{1f916}\"'"] } });
    let template = serde_json::json!({
        "zone": "Europe/Berlin",
        "arguments": [["a", { "text": [{ "plain": "NO ${" }, { "open": "attempt" }] }], ["b", { "done": 1.50 }]],
    });
    let attempt = |attempt: u16| Attempt {
        job_number: 1,
        attempt,
        reference: Reference::from_text(format!("p1.0badcafe.0123456789ab.{number}.a{attempt}")),
        folder_id: Some(FolderId(7)),
        sends: 3,
        unclear: 2,
        answered: Some(403),
        settled_none: 1,
        sent_at: Some(now()),
        job: Some(JobRef { key: JobKey(Uuid::from_u128(number)), id: JobId(number as i64) }),
        job_state: Some("Running".to_owned()),
        sweep_at: None,
        due_at: Some(now()),
        started_at: Some(now()),
        ended_at: Some(now()),
        ended_as: Some(JobEnding::ALL[number as usize % JobEnding::ALL.len()]),
        parked: Duration::from_millis(1_234),
        read_at: Some(now()),
        fault: Some(FaultClass::ALL[number as usize % FaultClass::ALL.len()]),
        account: Some("ACME\\robot".to_owned()),
        stop: stop(number),
    };
    Run {
        id: RunId(Uuid::from_u128(number)),
        version: 1,
        schedule: ScheduleKey::parse("123").unwrap(),
        trigger,
        nominal_at,
        nominal_until: Some(now()),
        count: Some(2_000),
        local: civil::date(2026, 11, 23).at(7, 30, 0, 0),
        offset: Offset::from_seconds(-5 * 3_600).unwrap(),
        fire_at: nominal_at,
        claimed_at: now(),
        deadline_from: now(),
        deadline_at: Timestamp::MAX,
        state,
        note: Some("first of two 01:30".to_owned()),
        error: Some("it said \"no\"\nand 100 %".to_owned()),
        connection: cloud(),
        identity: Some("cloud.uipath.com/acme/main#".to_owned()),
        work: Work::Process(StartSpec {
            process: "Invoice Intake".to_owned(),
            folder: Some(FolderChoice::Named("Finance/'s".to_owned())),
            runtime: Some("Unattended".to_owned()),
            priority: None,
            arguments: arguments.as_object().cloned(),
        }),
        template: Some(serde_json::from_value(template).unwrap()),
        policy: policy(),
        schedule_version: None,
        waiting_until: Some(now()),
        sent_at: Some(now()),
        accepted_at: Some(now()),
        started_at: Some(now()),
        ended_at: Some(now()),
        actor: Some("root".to_owned()),
        cancelled_by: (state == RunState::Ended(Ending::Cancelled)).then(|| "files".to_owned()),
        parent: None,
        retry_of: None,
        made_good_by: None,
        output: Some("{\"n\": 1}".to_owned()),
        trace_id: Some("00-aa-bb-00".to_owned()),
        held_for: Some(HeldFor::Proof),
        counts_until: Some(now()),
        attempts: vec![attempt(1), attempt(2)],
    }
}

/// Every day at this minute after noon.
fn timing(minute: u8) -> Timing {
    Timing {
        cron: vec![format!("{minute} 12 * * *")],
        every_s: None,
        anchor: None,
        at: Vec::new(),
        timezone: "UTC".to_owned(),
        dst_gap: "shift".to_owned(),
        dst_overlap: "first".to_owned(),
        dst_class: None,
        calendar: None,
        on_excluded: None,
        starts: None,
        ends: None,
        jitter_ms: None,
    }
}

fn plain(number: u128) -> Run {
    let attempts = vec![Attempt {
        folder_id: None,
        sends: 0,
        unclear: 0,
        answered: None,
        settled_none: 0,
        sent_at: None,
        job: None,
        job_state: None,
        due_at: None,
        started_at: None,
        ended_at: None,
        ended_as: None,
        parked: Duration::ZERO,
        read_at: None,
        fault: None,
        account: None,
        stop: None,
        ..run(number, RunState::Starting, Trigger::Scheduled).attempts[0].clone()
    }];
    let whole = run(number, RunState::Starting, Trigger::Scheduled);
    let start = StartSpec { folder: None, runtime: None, arguments: None, ..whole.start().clone() };
    Run {
        work: Work::Process(start),
        template: None,
        nominal_until: None,
        count: None,
        note: None,
        error: None,
        waiting_until: None,
        sent_at: None,
        accepted_at: None,
        started_at: None,
        ended_at: None,
        actor: None,
        output: None,
        trace_id: None,
        held_for: None,
        counts_until: None,
        attempts,
        ..whole
    }
}

fn seen(run: &Run, text: &str) -> Seen {
    Seen { run: run.id, at: now(), state: Some(run.state), text: text.to_owned() }
}

struct Kept {
    dir: TempDir,
    folder: StateFolder,
    store: Store,
}

async fn open() -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let store = begin(&folder).await;
    Kept { dir, folder, store }
}

async fn begin(folder: &StateFolder) -> Store {
    let (database, _) = Database::open_and_load(folder, now()).await.unwrap();
    Store::start(database, &TaskTracker::new())
}

impl Kept {
    /// What the next daemon finds.
    async fn loaded(&self) -> LoadedState {
        self.store.restart(now()).await.unwrap()
    }

    async fn reopened(mut self) -> Kept {
        self.store.close().await.unwrap();
        self.store = begin(&self.folder).await;
        self
    }

    async fn raw(&self) -> SqliteConnection {
        raw(self.dir.path()).await
    }

    async fn count(&self, table: &str) -> i64 {
        number(&mut self.raw().await, &format!("select count(*) from {table}")).await
    }
}

async fn raw(dir: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(StateFolder::database_path(dir)).foreign_keys(true).connect().await.unwrap()
}

async fn execute(connection: &mut SqliteConnection, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(connection).await.map(|_| ())
}

async fn number(connection: &mut SqliteConnection, statement: &str) -> i64 {
    let row = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).fetch_one(connection).await.unwrap();
    row.try_get(0).unwrap()
}

fn told(runs: &[Run]) -> BTreeSet<String> {
    runs.iter().map(|run| format!("{run:#?}")).collect()
}

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let mut database = Database::open(&folder).await.unwrap();
    for statements in [&store::SQL_STATEMENTS[..], &history::SQL_STATEMENTS[..]] {
        if let Err((statement, cause)) = database.prepare_all(statements).await {
            panic!("{cause}: {statement}");
        }
    }
}

#[tokio::test]
async fn a_run_in_any_state_reads_back_as_it_was_written() {
    let kept = open().await;
    let mut inserted = vec![plain(1_000)];
    let triggers = [Trigger::Scheduled, Trigger::CatchUp, Trigger::After, Trigger::Backfill, Trigger::Manual];
    for (number, state) in RunState::ALL.into_iter().enumerate() {
        inserted.push(run(number as u128 + 1, state, triggers[number % triggers.len()]));
    }
    let committed = kept.store.commit(Changes { inserted: inserted.clone(), ..Changes::default() }).await.unwrap();
    assert!(committed.all_won());
    let kept = kept.reopened().await;
    let open: Vec<Run> = inserted.iter().filter(|run| !run.state.is_final()).cloned().collect();
    assert_eq!(told(&kept.loaded().await.open), told(&open));
    // What has ended is history.
    let history = History::open(kept.dir.path()).await.unwrap();
    let all = history.list(&HistoryFilter::default()).await.unwrap();
    assert_eq!(all.len(), inserted.len());
    for run in &inserted {
        let shown = all.iter().find(|shown| shown.run == run.id.to_string()).unwrap();
        assert_eq!(shown.state.known(), Some(run.state));
        assert_eq!(shown.attempts as usize, run.attempts.len());
        assert_eq!(shown.reference.as_deref(), Some(run.attempts.last().unwrap().reference.as_str()));
        assert_eq!(shown.arguments, run.start().arguments.clone().map(serde_json::Value::Object));
    }
    history.close().await;
}

#[tokio::test]
async fn a_folder_is_kept_as_a_name_or_a_number_and_shown_as_text_and_rows_of_before_keep_their_seal() {
    let kept = open().await;
    let in_folder = |number, folder| {
        let run = plain(number);
        Run { work: Work::Process(StartSpec { folder: Some(folder), ..run.start().clone() }), ..run }
    };
    let inserted = vec![
        in_folder(1, FolderChoice::Number(345)),
        in_folder(2, FolderChoice::Named("345".to_owned())),
        in_folder(3, FolderChoice::Named("Finance/Accounts payable".to_owned())),
    ];
    kept.store.commit(Changes { inserted: inserted.clone(), ..Changes::default() }).await.unwrap();
    let column = "select group_concat(folder, ',') from (select folder from run order by id)";
    let row = sqlx::raw_sql(column).fetch_one(&mut kept.raw().await).await.unwrap();
    assert_eq!(row.try_get::<String, _>(0).unwrap(), "345,345,Finance/Accounts payable");
    let kept = kept.reopened().await;
    // A row that does not fit its seal is damage, and not among the open ones.
    assert_eq!(told(&kept.loaded().await.open), told(&inserted));
    // A row as it was written before folders had numbers: its text is the same, so its seal fits.
    let before = "select count(*) from run where payload ->> 'folder' = 'Finance/Accounts payable' \
                  and json_type(payload, '$.folder') = 'text'";
    assert_eq!(number(&mut kept.raw().await, before).await, 1);
}

#[tokio::test]
async fn a_damaged_row_of_a_run_that_has_ended_is_shown_as_it_can_be_and_hides_no_other() {
    let kept = open().await;
    let inserted = vec![
        run(1, RunState::Ended(Ending::Succeeded), Trigger::Scheduled),
        run(2, RunState::Ended(Ending::Succeeded), Trigger::Manual),
    ];
    let damaged = inserted[0].id.to_string();
    kept.store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    for damage in ["payload = '{' || payload", "output = '{\"a\":'", "process = cast(x'50ff51' as text)"] {
        execute(&mut kept.raw().await, &format!("update run set {damage} where id = '{damaged}'")).await.unwrap();
    }
    let history = History::open(kept.dir.path()).await.unwrap();
    let all = history.list(&HistoryFilter::default()).await.unwrap();
    assert_eq!(all.len(), 2);
    let (shown, other): (Vec<_>, Vec<_>) = all.into_iter().partition(|run| run.run == damaged);
    assert!(shown[0].arguments.as_ref().unwrap().as_str().unwrap().starts_with("{{"), "{shown:?}");
    assert_eq!(shown[0].output, Some("{\"a\":".into()));
    assert_eq!(shown[0].process.as_deref(), Some("P\u{fffd}Q"));
    assert!(other[0].arguments.as_ref().is_none_or(serde_json::Value::is_object), "{other:?}");
    history.close().await;
}

#[tokio::test]
async fn a_word_that_a_disk_has_changed_is_shown_as_it_is_and_hides_no_other_run() {
    let kept = open().await;
    let ended = |number| run(number, RunState::Ended(Ending::Missed(MissReason::Down)), Trigger::Manual);
    kept.store.commit(Changes { inserted: vec![ended(1), ended(2)], ..Changes::default() }).await.unwrap();
    let damage = "pragma ignore_check_constraints = on; update run set state = 'misted', trigger = 'mani', held_for = 'proff' \
                  where id like '%0001'";
    execute(&mut kept.raw().await, damage).await.unwrap();
    let history = History::open(kept.dir.path()).await.unwrap();
    let all = history.list(&HistoryFilter::default()).await.unwrap();
    let words: BTreeSet<_> = all.iter().map(|run| (run.state.to_string(), run.trigger.to_string())).collect();
    let pair = |state: &str, trigger: &str| (state.to_owned(), trigger.to_owned());
    assert_eq!(words, BTreeSet::from([pair("misted: down", "mani"), pair("missed: down", "manual")]));
    let shown = all.iter().find(|run| run.state.known().is_none()).unwrap();
    let shown = serde_json::to_value(shown).unwrap();
    assert_eq!(
        [&shown["state"], &shown["reason"], &shown["trigger"], &shown["held_for"]],
        ["misted", "down", "mani", "proff"]
    );
    history.close().await;
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_counts_the_version_on() {
    let kept = open().await;
    let mut changed = plain(1);
    kept.store.commit(Changes { inserted: vec![changed.clone()], ..Changes::default() }).await.unwrap();
    let last = run(1, RunState::Job(punctual::run::JobPhase::Running), Trigger::Scheduled);
    changed = Run {
        state: last.state,
        note: last.note,
        error: last.error,
        sent_at: last.sent_at,
        accepted_at: last.accepted_at,
        started_at: last.started_at,
        waiting_until: last.waiting_until,
        output: last.output,
        attempts: last.attempts,
        ..changed
    };
    let changes = Changes { updated: vec![changed.clone()], ..Changes::default() };
    kept.store.commit(changes).await.unwrap();
    let kept = kept.reopened().await;
    assert_eq!(told(&kept.loaded().await.open), told(&[Run { version: 2, ..changed }]));
}

#[tokio::test]
async fn the_second_row_of_a_time_is_lost_whole() {
    let kept = open().await;
    let first = plain(1);
    let second = Run { id: RunId(Uuid::from_u128(2)), trigger: Trigger::CatchUp, ..plain(1) };
    let other = plain(3);
    kept.store.commit(Changes { inserted: vec![first.clone()], ..Changes::default() }).await.unwrap();
    let changes = Changes {
        inserted: vec![second.clone(), other.clone()],
        seen: vec![seen(&second, "lost"), seen(&other, "won")],
        ..Changes::default()
    };
    let committed = kept.store.commit(changes).await.unwrap();
    assert_eq!(committed.lost.into_iter().collect::<Vec<_>>(), [second.id]);
    assert_eq!(told(&kept.loaded().await.open), told(&[first, other]));
    assert_eq!(kept.count("attempt").await, 2);
    assert_eq!(kept.count("run_event").await, 1);
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_has_written_off_gives_way_when_its_time_comes() {
    let kept = open().await;
    let ahead = now().checked_add(Duration::from_secs(3_600)).unwrap();
    let ending = |number, ending, sent_at| Run {
        state: RunState::Ended(ending),
        ended_at: Some(ahead),
        claimed_at: ahead,
        sent_at,
        ..plain(number)
    };
    let missed = ending(1, Ending::Missed(MissReason::Down), None);
    let sent = ending(2, Ending::Missed(MissReason::Deadline), Some(ahead));
    let ran = ending(3, Ending::Succeeded, Some(ahead));
    let written = vec![missed, sent.clone(), ran.clone()];
    kept.store.commit(Changes { inserted: written, ..Changes::default() }).await.unwrap();
    let again = |number: u128| Run { id: RunId(Uuid::from_u128(number + 10)), ..plain(number) };
    let inserted = vec![again(1), again(2), again(3)];
    let committed = kept.store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    let lost: HashSet<RunId> = committed.lost.into_iter().collect();
    assert_eq!(lost, HashSet::from([again(2).id, again(3).id]), "what was sent stays");
    assert_eq!(told(&kept.loaded().await.open), told(&[again(1)]));
}

#[tokio::test]
async fn of_two_claims_of_one_time_in_one_turn_one_is_lost() {
    let kept = open().await;
    let second = Run { id: RunId(Uuid::from_u128(2)), ..plain(1) };
    let changes = Changes { inserted: vec![plain(1), second.clone()], ..Changes::default() };
    let committed = kept.store.commit(changes).await.unwrap();
    assert_eq!(committed.lost.into_iter().collect::<Vec<_>>(), [second.id]);
}

#[tokio::test]
async fn a_person_may_ask_for_the_same_time_twice() {
    let kept = open().await;
    let manual = |number: u128| Run {
        id: RunId(Uuid::from_u128(number)),
        trigger: if number.is_multiple_of(2) { Trigger::Manual } else { Trigger::Backfill },
        ..plain(1)
    };
    let inserted = vec![plain(1), manual(2), manual(3), manual(4), manual(5)];
    let committed = kept.store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    assert!(committed.all_won());
    assert_eq!(kept.count("run").await, 5);
}

#[tokio::test]
async fn a_stale_update_is_refused_and_nothing_is_half_written() {
    let kept = open().await;
    let first = plain(1);
    kept.store.commit(Changes { inserted: vec![first.clone()], ..Changes::default() }).await.unwrap();
    let fresh = Run { state: RunState::Unknown, ..first.clone() };
    kept.store.commit(Changes { updated: vec![fresh.clone()], ..Changes::default() }).await.unwrap();
    let stale = Run { state: RunState::Held, ..first };
    let new = plain(2);
    let proof = Evidence {
        connection: cloud(),
        folder_id: FolderId(7),
        reference: Reference::from_text("p1.x"),
        proven_at: now(),
    };
    let changes = Changes {
        inserted: vec![new.clone()],
        updated: vec![stale],
        seen: vec![seen(&new, "never")],
        evidence: vec![proof],
        ..Changes::default()
    };
    let cause = kept.store.commit(changes).await.unwrap_err();
    assert!(matches!(*cause, StoreError::Stale { expected: 1, changed: 0 }), "{cause}");
    let loaded = kept.loaded().await;
    assert_eq!(told(&loaded.open), told(&[Run { version: 2, ..fresh }]));
    assert!(loaded.evidence.is_empty());
    assert_eq!(kept.count("run_event").await, 0);
    // The writer goes on.
    assert!(kept.store.commit(Changes { inserted: vec![new], ..Changes::default() }).await.unwrap().all_won());
}

#[tokio::test]
async fn events_are_kept_in_the_order_in_which_they_happened() {
    let kept = open().await;
    let one = plain(1);
    let two = plain(2);
    let lines = (0..200).map(|n| seen(if n % 2 == 0 { &one } else { &two }, &format!("{n}"))).collect();
    let late = Seen { run: one.id, at: now(), state: None, text: "200".to_owned() };
    kept.store
        .commit(Changes { inserted: vec![two.clone(), one.clone()], seen: lines, ..Changes::default() })
        .await
        .unwrap();
    kept.store.commit(Changes { seen: vec![late], ..Changes::default() }).await.unwrap();
    let history = History::open(kept.dir.path()).await.unwrap();
    let told: Vec<String> =
        history.lines(&one.id.to_string()).await.unwrap().into_iter().map(|line| line.text).collect();
    assert_eq!(told, (0..=200).step_by(2).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(history.lines(&one.id.to_string()).await.unwrap().last().unwrap().state.name(), "starting");
    history.close().await;
}

#[tokio::test]
async fn marks_versions_and_proofs_read_back_and_a_schedule_that_left_begins_anew() {
    let kept = open().await;
    let key = |text: &str| ScheduleKey::parse(text).unwrap();
    let version =
        |schedule: &str, minute| StoredVersion { schedule: key(schedule), timing: timing(minute), loaded_at: now() };
    let proof = |reference: &str| Evidence {
        connection: cloud(),
        folder_id: FolderId(7),
        reference: Reference::from_text(reference),
        proven_at: now(),
    };
    let mark = HighWaterMark(now());
    let first = Changes {
        versions: vec![version("a", 1), version("1.50", 2)],
        marks: vec![(key("a"), mark), (key("1.50"), mark)],
        evidence: vec![proof("old")],
        ..Changes::default()
    };
    kept.store.commit(first).await.unwrap();
    let moved = HighWaterMark(at("2026-11-24T12:00:00Z"));
    let second = Changes {
        versions: vec![version("a", 3)],
        // Twice in one turn: the last one holds.
        marks: vec![(key("a"), mark), (key("a"), moved)],
        retired: vec![Retired(key("1.50"))],
        evidence: vec![proof("new")],
        ..Changes::default()
    };
    kept.store.commit(second).await.unwrap();
    let kept = kept.reopened().await;
    let loaded = kept.loaded().await;
    assert_eq!(loaded.marks, [(key("a"), moved, timing(3).hash(), Some(timing(3)))]);
    assert_eq!(loaded.evidence, [proof("new")]);
}

#[tokio::test]
async fn a_run_knows_under_which_timing_it_was_claimed_and_a_dropped_time_is_of_the_one_before() {
    let kept = open().await;
    let key = plain(1).schedule;
    let version = |minute| vec![StoredVersion { schedule: key.clone(), timing: timing(minute), loaded_at: now() }];
    let marks = vec![(key.clone(), HighWaterMark(now()))];
    // A schedule that is new, with its first time in the same turn; a time of it; then an edit that drops one, and a time after it.
    let dropped = Run { state: RunState::Ended(Ending::Missed(MissReason::Edited)), ..plain(3) };
    let turns = [
        Changes { versions: version(1), marks: marks.clone(), inserted: vec![plain(1)], ..Changes::default() },
        Changes { inserted: vec![plain(2)], ..Changes::default() },
        Changes { versions: version(2), marks: marks.clone(), inserted: vec![dropped], ..Changes::default() },
        Changes { inserted: vec![plain(4)], ..Changes::default() },
    ];
    for changes in turns {
        kept.store.commit(changes).await.unwrap();
    }
    let column = "select group_concat(schedule_version, ',') from (select schedule_version from run order by id)";
    let row = sqlx::raw_sql(column).fetch_one(&mut kept.raw().await).await.unwrap();
    assert_eq!(row.try_get::<String, _>(0).unwrap(), "1,1,1,2");
    let versions: BTreeSet<_> =
        kept.loaded().await.open.iter().map(|run| (run.id, run.schedule_version.map(|version| version.0))).collect();
    let expected = [(1, 1), (2, 1), (4, 2)].map(|(number, version)| (plain(number).id, Some(version)));
    assert_eq!(versions, BTreeSet::from(expected));
}

#[tokio::test]
async fn the_schema_refuses_stops_and_pauses_that_say_half() {
    let kept = open().await;
    kept.store.commit(Changes { inserted: vec![plain(1)], ..Changes::default() }).await.unwrap();
    let mut raw = kept.raw().await;
    for half in [
        "stop_by = 'timeout', stop_asked_at = 1",
        "stop_by = 'timeout', stop_limit = 'mood', stop_asked_at = 1",
        "stop_by = 'overlap', stop_limit = 'soft', stop_asked_at = 1",
        "stop_by = 'person', stop_asked_at = 1",
        "stop_by = 'overlap', stop_actor = 'root', stop_asked_at = 1",
        "stop_by = 'overlap'",
        "stop_asked_at = 1",
        "kill_accepted_at = 1",
        "soft_accepted_at = 1",
        "fault = 'mine'",
        "ended_as = 'well'",
    ] {
        assert!(execute(&mut raw, &format!("update attempt set {half}")).await.is_err(), "{half}");
    }
    for whole in ["stop_by = 'overlap', stop_asked_at = 1, kill_at = 2, kill_accepted_at = 3", "fault = 'account'"] {
        execute(&mut raw, &format!("update attempt set {whole}")).await.unwrap();
    }
    for half in [
        "('schedule', null, 'root', 1, null)",
        "('all', 'x', 'root', 1, null)",
        "('some', 'x', 'root', 1, null)",
        "('all', null, 'root', 2, 2)",
    ] {
        let insert = format!("insert into pause (scope, pattern, actor, since_at, until_at) values {half}");
        assert!(execute(&mut raw, &insert).await.is_err(), "{half}");
    }
    for half in ["cancelled_by = 'files'", "work_kind = 'dance'", "template = '{'", "policy = 'x'"] {
        assert!(execute(&mut raw, &format!("update run set {half}")).await.is_err(), "{half}");
    }
}

#[tokio::test]
async fn a_policy_or_a_template_that_a_disk_has_changed_is_damage() {
    for damage in [
        "policy = replace(policy, 'allow', 'skip')",
        "policy = json_remove(policy, '$.overlap')",
        "template = replace(template, 'NO', 'GO')",
        "identity = 'elsewhere'",
    ] {
        let kept = open().await;
        let inserted = vec![Run { attempts: Vec::new(), ..run(1, RunState::Unknown, Trigger::Manual) }];
        kept.store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
        kept.store.close().await.unwrap();
        execute(&mut kept.raw().await, &format!("update run set {damage}")).await.unwrap();
        let cause = Database::open(&kept.folder).await.unwrap().load(now()).await.unwrap_err();
        assert!(matches!(cause, StoreError::RowChanged { table: "run", .. }), "{damage}: {cause}");
    }
}

#[tokio::test]
async fn a_sweep_of_an_ended_run_reads_back_until_it_is_done() {
    let kept = open().await;
    let mut ended = run(1, RunState::Ended(punctual::run::Ending::Succeeded), Trigger::Scheduled);
    ended.attempts.truncate(1);
    ended.attempts[0].sweep_at = Some(now());
    kept.store.commit(Changes { inserted: vec![ended.clone()], ..Changes::default() }).await.unwrap();
    let loaded = kept.loaded().await;
    assert_eq!(loaded.sweeps, [(ended.id, cloud(), ended.attempts[0].clone())]);
    // As it was when it was sent again, five minutes ago.
    let swept = Attempt { sweep_at: None, job_state: Some("Pending".to_owned()), ..ended.attempts[0].clone() };
    kept.store.commit(Changes { swept: vec![(ended.id, swept)], ..Changes::default() }).await.unwrap();
    assert_eq!(kept.loaded().await.sweeps, []);
    let kept_its_end = "select count(*) from attempt where job_state = 'Running'";
    assert_eq!(number(&mut kept.raw().await, kept_its_end).await, 1, "what came after is not taken back");
}

#[tokio::test]
async fn a_burst_of_ten_thousand_claims_is_one_transaction() {
    let kept = open().await;
    // Without anything that a claim has not: such a batch has shorter statements of its own.
    let inserted: Vec<Run> = (1..=10_000).map(plain).collect();
    let seen = inserted.iter().map(|run| seen(run, "Claimed")).collect();
    let committed =
        kept.store.commit(Changes { inserted: inserted.clone(), seen, ..Changes::default() }).await.unwrap();
    assert!(committed.all_won());
    assert_eq!(kept.count("run").await, 10_000);
    assert_eq!(kept.count("run_event").await, 10_000);
    assert_eq!(told(&kept.loaded().await.open), told(&inserted));
}

#[tokio::test]
async fn audit_rows_are_only_ever_added() {
    let kept = open().await;
    kept.store.record_audit(now(), "root".to_owned(), "pause", "invoices".to_owned(), None).await.unwrap();
    let mut raw = kept.raw().await;
    for statement in ["update audit set actor = 'nobody'", "delete from audit"] {
        let cause = execute(&mut raw, statement).await.unwrap_err().to_string();
        assert!(cause.contains("audit rows are only ever added"), "{cause}");
    }
    assert_eq!(kept.count("audit").await, 1);
}

#[tokio::test]
async fn the_schema_takes_the_states_that_there_are_and_no_other() {
    let kept = open().await;
    let mut raw = kept.raw().await;
    let names: BTreeSet<&str> = RunState::ALL.iter().map(|state| state.name()).chain(["lurking"]).collect();
    let reasons: BTreeSet<Option<&str>> =
        RunState::ALL.iter().map(|state| state.reason()).chain([Some("whim"), None]).collect();
    let mut number = 0;
    for name in &names {
        for reason in &reasons {
            number += 1;
            let reason_text = reason.map_or("null".to_owned(), |text| format!("'{text}'"));
            let insert = format!(
                "insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at,
                   state, reason, connection, work_kind, payload, policy)
                 values ('{number}', 1, 's', 'manual', 0, '', 0, 0, 0, 0, '{name}', {reason_text}, 'c', 'process', '{{}}', '{{}}')"
            );
            let taken = execute(&mut raw, &insert).await.is_ok();
            let known = RunState::from_names(name, *reason).is_some();
            assert_eq!(taken, known, "{name}: {reason:?}");
        }
    }
}

#[tokio::test]
async fn the_view_has_the_fields_of_the_machine_output_in_their_order() {
    let kept = open().await;
    let rows = sqlx::raw_sql("select name from pragma_table_info('history')").fetch_all(&mut kept.raw().await).await;
    let columns: Vec<String> = rows.unwrap().iter().map(|row| row.try_get(0).unwrap()).collect();
    // Stable: nothing is ever taken out or moved.
    let fields = "run, schedule, trigger, nominal_at, nominal_until, count, local, offset, fire_at, claimed_at, sent_at, \
        accepted_at, started_at, ended_at, state, reason, note, error, connection, folder, process, queue_item, job_key, \
        job_id, reference, attempts, jobs, waiting_until, actor, parent, retry_of, made_good_by, arguments, output, trace_id, held_for";
    assert_eq!(columns, fields.split(", ").collect::<Vec<_>>());
    assert_eq!(columns, history::RunSummary::COLUMNS);
    // The machine output has them in that order too.
    kept.store.commit(Changes { inserted: vec![plain(1)], ..Changes::default() }).await.unwrap();
    let history = History::open(kept.dir.path()).await.unwrap();
    let all = history.list(&HistoryFilter::default()).await.unwrap();
    let shown = serde_json::to_value(&all[0]).unwrap();
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), columns.iter().collect::<Vec<_>>());
    history.close().await;
}

#[tokio::test]
async fn a_second_daemon_is_told_that_the_folder_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let first = StateFolder::take(dir.path()).unwrap();
    let second = StateFolder::take(dir.path());
    assert!(matches!(second, Err(StateFolderError::Held { path, .. }) if path == dir.path()));
    drop(first);
    StateFolder::take(dir.path()).unwrap();
}

#[tokio::test]
async fn the_installation_survives_the_loss_of_its_file_or_of_its_database() {
    let kept = open().await;
    let id = kept.loaded().await.installation;
    let file = kept.dir.path().join("installation");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(kept.loaded().await.installation, id);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&id.to_string()), "{text}");
    // A changed digit is no other id, whatever the file is worth more than the database.
    let changed = text.replacen(&id.to_string(), &format!("{:08x}", id.0 ^ 1), 1);
    for damage in [changed.as_str(), "garbage", "", "0badcafe 0"] {
        std::fs::write(&file, damage).unwrap();
        assert_eq!(kept.loaded().await.installation, id, "{damage}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "it is written anew");
    }
    kept.store.close().await.unwrap();
    for entry in std::fs::read_dir(kept.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("punctual.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(&file, "garbage").unwrap();
    let mut fresh = Database::open(&kept.folder).await.unwrap();
    let refused = fresh
        .load(now())
        .await
        .unwrap_err()
        .to_string()
        .replace(kept.dir.path().to_str().unwrap(), "/var/lib/punctual");
    insta::assert_snapshot!(refused, @"`/var/lib/punctual/installation` is damaged, and no database knows what it held; write into it the 8 hex digits that the Reference of any job of punctual has after `p1.`, or remove the file to begin anew without knowing those jobs");
    // As a person does it.
    std::fs::write(&file, format!("{id}\n")).unwrap();
    assert_eq!(fresh.load(now()).await.unwrap().installation, id);
}

fn removing(ended_before: Option<Timestamp>, max_runs: Option<u64>) -> Retention {
    Retention { ended_before, max_runs, max_bytes: None }
}

#[tokio::test]
async fn old_runs_go_by_age_and_by_number_and_open_ones_stay() {
    let kept = open().await;
    let open_run = Run { ended_at: None, ..plain(1) };
    let ended = |number: u128| {
        let ended_at = Some(now().checked_sub(Duration::from_secs(3_600 * number as u64)).unwrap());
        Run { ended_at, state: RunState::Ended(Ending::Succeeded), ..plain(number) }
    };
    let mut inserted = vec![open_run];
    inserted.extend((2..=300).map(ended));
    // One whose jobs are still to be counted stays as well.
    inserted[299].attempts[0].sweep_at = Some(now());
    // So does one that was given up and keeps its schedule back.
    inserted[298].counts_until = Some(now().checked_add(Duration::from_secs(1_800)).unwrap());
    let lines = inserted.iter().map(|run| seen(run, "Claimed")).collect();
    kept.store.commit(Changes { inserted, seen: lines, ..Changes::default() }).await.unwrap();

    let before = now().checked_sub(Duration::from_secs(3_600 * 50)).unwrap();
    let mut gone = 0;
    loop {
        let Removed(batch) = kept.store.remove_old_runs(removing(Some(before), None)).await.unwrap();
        if batch == 0 {
            break;
        }
        gone += batch;
    }
    assert_eq!(gone, 248);
    assert_eq!(kept.count("run").await, 52);
    assert_eq!((kept.count("attempt").await, kept.count("run_event").await), (52, 52));
    let Removed(batch) = kept.store.remove_old_runs(removing(None, Some(10))).await.unwrap();
    assert_eq!(batch, 41);
    assert_eq!(kept.count("run").await, 11);
    assert_eq!(kept.loaded().await.open.len(), 1, "the open run is there");
    assert_eq!(kept.loaded().await.counting.len(), 1, "and the one that counts");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the copy is read as any SQL tool reads it")]
async fn a_copy_is_checked_closed_to_others_and_only_the_newest_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let kept = open().await;
    kept.store.commit(Changes { inserted: vec![plain(1)], ..Changes::default() }).await.unwrap();
    let copies = kept.dir.path().join("copies");
    for hour in 0..4 {
        let at = now().checked_add(Duration::from_secs(3_600 * hour)).unwrap();
        let copy = store::copy_database(kept.dir.path(), &copies, 2, at).await.unwrap();
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut names: Vec<_> = std::fs::read_dir(&copies).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["punctual-20261123T140000Z.db", "punctual-20261123T150000Z.db"]);
    let copy = SqliteConnectOptions::new().filename(copies.join("punctual-20261123T150000Z.db"));
    let mut copy = copy.connect().await.unwrap();
    let rows = sqlx::query("select count(*) from run").fetch_one(&mut copy).await.unwrap();
    assert_eq!(rows.get::<i64, _>(0), 1);
}

#[tokio::test]
async fn a_copy_that_is_put_back_and_a_database_that_is_gone_are_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let store = begin(&folder).await;
    assert_eq!(store.restart(now()).await.unwrap().doubt, None, "a new folder");
    let path = StateFolder::database_path(dir.path());
    store.close().await.unwrap();
    let copy = std::fs::read(&path).unwrap();

    let store = begin(&folder).await;
    store.commit(Changes { inserted: vec![plain(1)], ..Changes::default() }).await.unwrap();
    assert_eq!(store.restart(now()).await.unwrap().doubt, None, "as it was left");
    store.close().await.unwrap();

    std::fs::write(&path, copy).unwrap();
    let store = begin(&folder).await;
    assert_eq!(store.restart(now()).await.unwrap().doubt, Some(Doubt::Older));
    store.close().await.unwrap();
    // Kept until it is over, however often the daemon dies.
    let store = begin(&folder).await;
    assert_eq!(store.restart(now()).await.unwrap().doubt, Some(Doubt::Older));
    store.commit(Changes { doubt: Some(DoubtOver), ..Changes::default() }).await.unwrap();
    assert_eq!(store.restart(now()).await.unwrap().doubt, None);
    store.close().await.unwrap();

    std::fs::remove_file(&path).unwrap();
    let store = begin(&folder).await;
    assert_eq!(store.restart(now()).await.unwrap().doubt, Some(Doubt::Lost));
    store.close().await.unwrap();
}

#[tokio::test]
async fn rows_that_a_person_removed_by_hand_cost_no_history() {
    let kept = open().await;
    let again = Run { trigger: Trigger::Manual, retry_of: Some(plain(1).id), ..plain(2) };
    let lines = vec![seen(&plain(1), "one"), seen(&plain(2), "two")];
    let inserted = vec![plain(1), again, plain(3)];
    kept.store.commit(Changes { inserted, seen: lines, ..Changes::default() }).await.unwrap();
    // The shell of SQLite has references off unless it is told.
    let gone = format!("pragma foreign_keys = off; delete from run where id = '{}'", plain(1).id);
    execute(&mut kept.raw().await, &gone).await.unwrap();
    let kept = kept.reopened().await;
    let state = kept.loaded().await;
    assert_eq!(state.doubt, None, "it is the same database");
    let left: BTreeSet<_> = state.open.iter().map(|run| (run.id, run.retry_of)).collect();
    assert_eq!(left, BTreeSet::from([(plain(2).id, None), (plain(3).id, None)]));
    assert_eq!(kept.count("run_event").await, 1);
    let set_aside = std::fs::read_dir(kept.dir.path()).unwrap().flatten();
    let set_aside = set_aside.filter(|file| file.file_name().to_string_lossy().contains("damaged")).count();
    assert_eq!(set_aside, 0);
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_with_all_that_belongs_to_it_and_a_new_one_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let store = begin(&folder).await;
    let inserted: Vec<Run> = (1..=500).map(plain).collect();
    store.commit(Changes { inserted, ..Changes::default() }).await.unwrap();
    let id = store.restart(now()).await.unwrap().installation;
    store.close().await.unwrap();
    let path = StateFolder::database_path(dir.path());
    let whole = std::fs::read(&path).unwrap();
    let damages: [(&str, Vec<u8>); 3] = [
        ("no database at all", b"this is no database, and long enough to be looked at as one".repeat(100)),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("pages of nothing", {
            let mut text = whole.clone();
            let length = text.len();
            text[4_096 * 3..length - 4_096].fill(0);
            text
        }),
    ];
    for (what, damage) in damages {
        std::fs::write(&path, &damage).unwrap();
        let (database, state) = Database::open_and_load(&folder, now()).await.unwrap();
        assert_eq!((state.doubt, state.installation), (Some(Doubt::Lost), id), "{what}");
        assert!(state.open.is_empty(), "{what}");
        database.close().await.unwrap();
        let aside: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains(".corrupt-20261123T120000Z"))
            .collect();
        let kept = aside.iter().any(|path| std::fs::read(path).unwrap() == damage);
        assert!(kept, "{what}: {aside:?}");
        for path in aside {
            std::fs::remove_file(path).unwrap();
        }
    }
}
