//! A database of each older schema, with a run in every state that the schema knew, is taken over whole: the same runs, their seals, the
//! same history, and a core that goes on with them as with runs of today.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;
use punctual::clock::{Reading, later};
use punctual::dispatcher::core::{Absent, Core, Pace, Step};
use punctual::schedule::{ScheduleSet, SourceFile, parse};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;

use super::*;

/// The schemas of before runs took their policy with them: those rows are written here as they were then.
const OLDER: usize = 6;

/// The last one with an index for each Reference.
const WITH_MORE_INDEXES: usize = 7;

/// The one before today's. From the one with more indexes on, rows of runs are as today's but for columns that came later.
const NEWEST_OLD: usize = 10;

/// From here on a state of before a reason was known could have it too.
const NOT_PROCESSED: usize = 5;

/// From here on a damaged payload hides no other run from the view.
const DAMAGED_ROWS: usize = 4;

/// From here on rows are sealed.
const SEALS: usize = 3;

const SCHEDULE: &str = "every-state";

/// A database with the first `schema` migrations.
async fn old_database(dir: &Path, schema: usize) -> SqliteConnection {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> = std::fs::read_dir(migrations).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), NEWEST_OLD + 1, "the schema before the newest is one more of the older ones");
    let old = tempfile::tempdir().unwrap();
    for file in &files[..schema] {
        std::fs::copy(file, old.path().join(file.file_name().unwrap())).unwrap();
    }
    std::fs::write(dir.join("installation"), "0badcafe\n").unwrap();
    let options = SqliteConnectOptions::new().filename(StateFolder::database_path(dir)).create_if_missing(true);
    let mut database = options.connect().await.unwrap();
    Migrator::new(old.path()).await.unwrap().run(&mut database).await.unwrap();
    database
}

/// Whether a schema knows a state.
fn is_known(schema: usize, state: RunState) -> bool {
    let later = match state.reason() {
        Some("look_up" | "capacity" | "blackout") => true,
        Some("paused") => state.name() == "waiting",
        _ => false,
    };
    schema >= NOT_PROCESSED || !later
}

/// A run as a version of that schema wrote it.
#[derive(Clone)]
struct Old {
    schema: usize,
    run: Run,
    has_seal: bool,
}

impl Old {
    fn new(schema: usize, number: u64, state: RunState) -> Old {
        let nominal_at = now().checked_sub(SignedDuration::from_mins(number as i64)).unwrap();
        let triggers = [Trigger::Scheduled, Trigger::CatchUp, Trigger::Manual];
        let trigger = triggers[number as usize % triggers.len()];
        let claimed_at = nominal_at.checked_add(SignedDuration::from_secs(5)).unwrap();
        let deadline_from = if trigger == Trigger::CatchUp { claimed_at } else { nominal_at };
        let has_job = matches!(state, RunState::Job(_) | RunState::Ended(Ending::Succeeded | Ending::Faulted));
        let arguments =
            json!({ "n": number, "rate": 1.5, "big": 9_007_199_254_740_993_u64, "deep": [{ "\u{e9}\"": null }] });
        let choices = [OnUnknownStart::Retry, OnUnknownStart::Skip, OnUnknownStart::Hold];
        let kept = [schedule::Kept::Keep, schedule::Kept::Hash, schedule::Kept::Drop];
        let history = HistoryChoice { arguments: kept[number as usize % 3], output: kept[number as usize % 2] };
        let has_more = number.is_multiple_of(2);
        let attempt = Attempt {
            folder_id: Some(FolderId(7)),
            sends: 1,
            sent_at: Some(claimed_at),
            job: has_job.then(|| JobRef { key: JobKey(Uuid::from_u128(number.into())), id: JobId(number as i64) }),
            job_state: has_job.then(|| "Running".to_owned()),
            ..Attempt::first(Reference::from_text(format!("p1.0badcafe.0123456789ab.x{number}")))
        };
        let run = Run {
            id: RunId(Uuid::from_u128(0x100 + u128::from(number))),
            version: 3,
            schedule: ScheduleKey::parse(SCHEDULE).unwrap(),
            trigger,
            nominal_at,
            nominal_until: None,
            count: None,
            local: civil::date(2026, 11, 23).at(12, 0, 0, 0),
            offset: Offset::UTC,
            fire_at: nominal_at,
            claimed_at,
            deadline_from,
            deadline_at: deadline_from.checked_add(SignedDuration::from_hours(number as i64 + 1)).unwrap(),
            state,
            note: Some(format!("note {number}")),
            error: None,
            connection: cloud(),
            identity: has_more.then(|| "orchestrator.acme.test/acme#".to_owned()),
            work: Work::Process(StartSpec {
                process: "Leap".to_owned(),
                folder: Some(FolderChoice::Named("Shared".to_owned())),
                runtime: None,
                priority: None,
                arguments: arguments.as_object().cloned(),
            }),
            template: None,
            policy: FrozenPolicy {
                overlap: None,
                on_unknown_start: choices[number as usize % choices.len()],
                history: if has_more { history } else { HistoryChoice::default() },
                start_deadline: Duration::from_secs(3_600 * (number + 1)),
                catch_up: None,
                retry: None,
                timeout: None,
                stop_at: None,
                pool: None,
                priority: 0,
                in_windows: InWindows::Waits,
            },
            schedule_version: None,
            waiting_until: None,
            sent_at: Some(claimed_at),
            accepted_at: has_job.then_some(claimed_at),
            started_at: None,
            ended_at: state.is_final().then_some(claimed_at),
            actor: None,
            cancelled_by: None,
            parent: None,
            retry_of: None,
            made_good_by: None,
            output: None,
            trace_id: None,
            held_for: None,
            counts_until: None,
            attempts: vec![attempt],
        };
        Old { schema, run, has_seal: schema >= SEALS && !number.is_multiple_of(4) }
    }

    /// As it was computed then, written down here once more: the code of today must come to the same.
    fn seal(&self) -> i64 {
        let run = &self.run;
        let start = run.start();
        let start = json!({
            "process": start.process, "folder": "Shared", "runtime": null, "arguments": start.arguments,
        });
        let instants = [run.nominal_at, run.fire_at, run.claimed_at].map(Timestamp::as_millisecond);
        let what = json!([
            run.id,
            run.schedule,
            run.trigger,
            instants,
            run.connection,
            start,
            run.policy.on_unknown_start,
            run.attempts[0].reference,
        ]);
        let what = match &run.identity {
            Some(identity) => json!([what, identity]),
            None => what,
        };
        let digest = Sha256::digest(what.to_string());
        i64::from_be_bytes(digest[..8].try_into().unwrap())
    }

    fn rows(&self) -> String {
        let Run { id, trigger, nominal_at, claimed_at, deadline_at, state, note, policy, .. } = &self.run;
        let ms = |at: &Timestamp| at.as_millisecond();
        let number = |value: Option<i64>| value.map_or("null".to_owned(), |value| value.to_string());
        let text = |value: Option<&str>| value.map_or("null".to_owned(), |value| format!("'{value}'"));
        let mut payload = json!({
            "process": "Leap", "folder": "Shared", "runtime": null, "arguments": self.run.start().arguments,
        });
        if let Some(identity) = &self.run.identity {
            payload["history"] = json!(policy.history);
            payload["identity"] = json!(identity);
        }
        let seal = self.has_seal.then(|| self.seal());
        let (seal_column, seal) =
            if self.schema >= SEALS { (", seal", format!(", {}", number(seal))) } else { ("", String::new()) };
        let attempt = &self.run.attempts[0];
        let unknown = json!(policy.on_unknown_start);
        format!(
            "insert into run (id, version, schedule, trigger, nominal_at, local, offset_s, fire_at, claimed_at, deadline_at, sent_at,
               accepted_at, ended_at, state, reason, note, connection, folder, process, payload, on_unknown_start{seal_column})
             values ('{id}', 3, '{SCHEDULE}', '{}', {}, '2026-11-23T12:00:00', 0, {}, {}, {}, {}, {}, {}, '{}', {}, '{}', 'cloud', 'Shared',
               'Leap', '{payload}', '{}'{seal});
             insert into attempt (run_id, job_number, attempt, reference, folder_id, sends, sent_at, job_id, job_key, job_state)
             values ('{id}', 1, 1, '{}', 7, 1, {}, {}, {}, {});
             insert into run_event (run_id, at, state, reason, text) values ('{id}', {}, '{}', {}, 'line');",
            trigger.name(),
            ms(nominal_at),
            ms(nominal_at),
            ms(claimed_at),
            ms(deadline_at),
            ms(claimed_at),
            number(self.run.accepted_at.as_ref().map(ms)),
            number(self.run.ended_at.as_ref().map(ms)),
            state.name(),
            text(state.reason()),
            note.as_deref().unwrap(),
            unknown.as_str().unwrap(),
            attempt.reference,
            ms(claimed_at),
            number(attempt.job.map(|job| job.id.0)),
            text(attempt.job.map(|job| job.key.to_string()).as_deref()),
            text(attempt.job_state.as_deref()),
            ms(claimed_at),
            state.name(),
            text(state.reason()),
        )
    }
}

fn all_states(schema: usize) -> Vec<Old> {
    let states = RunState::ALL.into_iter().filter(|state| is_known(schema, *state));
    (1..).zip(states).map(|(number, state)| Old::new(schema, number, state)).collect()
}

/// The view as any SQL tool sees it, in these columns.
#[expect(clippy::disallowed_methods, reason = "the view is read as any SQL tool does it")]
async fn shown(database: &mut SqliteConnection, columns: &[String]) -> Vec<Value> {
    let columns: Vec<_> = columns.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
    let select = format!("select json_object({}) from history order by run", columns.join(", "));
    let rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(database).await.unwrap();
    rows.iter().map(|row| known_then(serde_json::from_str(&row.get::<String, _>(0)).unwrap())).collect()
}

/// What every schema tells of each attempt; later ones tell more.
fn known_then(mut row: Value) -> Value {
    const OF_EACH: [&str; 6] = ["n", "attempt", "reference", "job_key", "job_id", "state"];
    let jobs: Option<Value> = row["jobs"].as_str().map(|text| serde_json::from_str(text).unwrap());
    if let Some(Value::Array(mut jobs)) = jobs {
        for job in jobs.iter_mut().filter_map(Value::as_object_mut) {
            job.retain(|key, _| OF_EACH.contains(&key.as_str()));
        }
        row["jobs"] = Value::Array(jobs);
    }
    row
}

async fn columns(database: &mut SqliteConnection) -> Vec<String> {
    let rows = sqlx::raw_sql("select name from pragma_table_info('history')").fetch_all(database).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_database_of_every_older_schema_with_runs_in_every_state_comes_over_whole() {
    for schema in 1..=OLDER {
        let dir = tempfile::tempdir().unwrap();
        let mut database = old_database(dir.path(), schema).await;
        let old = all_states(schema);
        // Every state that this schema takes is there, and no other is taken by it.
        let refused: Vec<_> = RunState::ALL.into_iter().filter(|state| !is_known(schema, *state)).collect();
        for state in &refused {
            let rows = Old::new(schema, 90, *state).rows();
            assert!(execute(&mut database, &rows).await.is_err(), "schema {schema} knows {state}");
        }
        assert_eq!(old.len() + refused.len(), RunState::ALL.len());
        for row in &old {
            execute(&mut database, &row.rows()).await.unwrap();
        }
        execute(&mut database, "insert into installation (one, id, created_at) values (1, '0badcafe', 0)")
            .await
            .unwrap();
        if schema >= DAMAGED_ROWS {
            let ended = old.iter().find(|old| old.run.state == RunState::Ended(Ending::Succeeded)).unwrap();
            let damage = format!("update run set payload = '{{' || payload where id = '{}'", ended.run.id);
            execute(&mut database, &damage).await.unwrap();
        }
        let columns = columns(&mut database).await;
        let before = shown(&mut database, &columns).await;
        sqlx::Connection::close(database).await.unwrap();

        let folder = StateFolder::take(dir.path()).unwrap();
        let (database, loaded) = Database::open_and_load(&folder, now()).await.unwrap();
        database.close().await.unwrap();
        assert!(store::damaged_databases(dir.path()).is_empty(), "schema {schema}");
        assert_eq!((loaded.installation.to_string().as_str(), loaded.doubt), ("0badcafe", None));
        let open: Vec<Run> = old.iter().map(|old| old.run.clone()).filter(|run| !run.state.is_final()).collect();
        assert_eq!(told(&loaded.open), told(&open), "schema {schema}");

        let mut database = raw(dir.path()).await;
        assert_eq!(shown(&mut database, &columns).await, before, "schema {schema}");
        assert_eq!(number(&mut database, "select count(*) from pragma_foreign_key_check").await, 0);
        assert_eq!(number(&mut database, "select count(*) from pragma_quick_check where quick_check <> 'ok'").await, 0);
        for table in ["run", "attempt", "run_event"] {
            let count = number(&mut database, &format!("select count(*) from {table}")).await;
            assert_eq!(count as usize, old.len(), "schema {schema}, table `{table}`");
        }
        // The typed reader says the same, and knows every word.
        let history = History::open(dir.path()).await.unwrap();
        let all = history.list(&HistoryFilter::default()).await.unwrap();
        history.close().await;
        for Old { run, .. } in &old {
            let shown = all.iter().find(|shown| shown.run == run.id.to_string()).unwrap();
            assert_eq!(shown.state.known(), Some(run.state), "schema {schema}");
            assert_eq!(shown.trigger, history::Shown::Known(run.trigger));
        }
    }
}

#[tokio::test]
async fn seals_of_before_still_hold_and_still_find_damage() {
    for schema in SEALS..=OLDER {
        for (damage, what) in [
            ("payload = replace(payload, 'Leap', 'Heap')", "what is started"),
            ("payload = replace(payload, '1.5', '1.6')", "an argument"),
            ("policy = json_set(policy, '$.on_unknown_start', 'mood')", "a word that is none"),
            ("policy = json_set(policy, '$.overlap', 'allow')", "a policy that was not there"),
            ("nominal_at = nominal_at - 1000", "its time"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let mut database = old_database(dir.path(), schema).await;
            let old = Old::new(schema, 6, RunState::Waiting(punctual::run::WaitReason::Outage));
            let sealed = Old { has_seal: true, ..old };
            execute(&mut database, &sealed.rows()).await.unwrap();
            sqlx::Connection::close(database).await.unwrap();
            let folder = StateFolder::take(dir.path()).unwrap();
            let mut database = Database::open(&folder).await.unwrap();
            assert_eq!(database.load(now()).await.unwrap().open.len(), 1, "schema {schema}");
            execute(&mut raw(dir.path()).await, &format!("update run set {damage}")).await.unwrap();
            let found = database.load(now()).await.unwrap_err();
            let is_damage = matches!(found, StoreError::RowChanged { .. } | StoreError::RowBroken { .. });
            assert!(is_damage, "schema {schema}, {what}: {found}");
        }
    }
}

#[tokio::test]
async fn a_run_of_before_that_goes_on_keeps_a_seal_that_fits() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = old_database(dir.path(), OLDER).await;
    let old = Old::new(OLDER, 5, RunState::Unknown);
    execute(&mut database, &old.rows()).await.unwrap();
    sqlx::Connection::close(database).await.unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let store = begin(&folder).await;
    let mut run = store.restart(now()).await.unwrap().open.remove(0);
    run.apply(punctual::run::RunEvent::Job(punctual::run::JobPhase::Running)).unwrap();
    store.commit(Changes { updated: vec![run.clone()], ..Changes::default() }).await.unwrap();
    let loaded = store.restart(now()).await.unwrap();
    assert_eq!(told(&loaded.open), told(&[Run { version: 4, ..run }]));
    store.close().await.unwrap();
}

fn set() -> Arc<ScheduleSet> {
    let text = format!(
        "version: 1\nconnections:\n  cloud:\n    url: https://orchestrator.acme.test/acme\n    auth: {{ grant: client_credentials, \
         client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }}\ndefaults: {{ timezone: UTC, folder: Shared }}\n\
         schedules:\n  {SCHEDULE}: {{ cron: \"0 7 * * *\", start: {{ process: Leap }} }}\n"
    );
    let file = SourceFile { path: PathBuf::from("s.yaml"), text, folder: PathBuf::from("/etc") };
    Arc::new(parse(&[file], now()).unwrap_or_else(|wrong| panic!("{:#?}", wrong.diagnostics)).set)
}

/// What a core does with these runs in its first turns, and what it makes of them.
fn first_turns(mut state: LoadedState, installation: punctual::run::InstallationId) -> Vec<String> {
    state.installation = installation;
    state.doubt = None;
    let mut count = 0_u8;
    let random = move || {
        count += 1;
        [count; 10]
    };
    let mut at = Reading { wall: now(), boot: Duration::from_secs(1_000) };
    let mut core = Core::recover(set(), Absent::Retire, state, at, Pace::default(), Box::new(random));
    let mut all = Vec::new();
    for _ in 0..4 {
        let Step { record, then, .. } = core.turn(at);
        all.extend(then.iter().map(|action| format!("{action:?}")));
        all.extend(record.seen.iter().map(|seen| format!("{seen:?}")));
        at.wall = at.wall.checked_add(SignedDuration::from_mins(20)).unwrap();
        at.boot += Duration::from_secs(20 * 60);
    }
    all
}

#[tokio::test]
async fn the_core_goes_on_with_runs_of_before_as_with_runs_of_today() {
    for schema in 1..=OLDER {
        let dir = tempfile::tempdir().unwrap();
        let mut database = old_database(dir.path(), schema).await;
        let old = all_states(schema);
        for row in &old {
            execute(&mut database, &row.rows()).await.unwrap();
        }
        sqlx::Connection::close(database).await.unwrap();
        let folder = StateFolder::take(dir.path()).unwrap();
        let (database, migrated) = Database::open_and_load(&folder, now()).await.unwrap();
        database.close().await.unwrap();

        // The same runs as this version claims them, under the policy that the files have.
        let kept = open().await;
        let inserted = old.iter().map(|old| {
            let policy = FrozenPolicy {
                overlap: Some(OverlapPolicy::Skip),
                catch_up: Some(CatchUp {
                    policy: CatchUpPolicy::Last,
                    window: Duration::from_secs(6 * 3_600),
                    max: CatchUp::USUAL_MAX,
                }),
                ..old.run.policy.clone()
            };
            Run { policy, ..old.run.clone() }
        });
        kept.store.commit(Changes { inserted: inserted.collect(), ..Changes::default() }).await.unwrap();
        let today = kept.loaded().await;
        assert_eq!(migrated.open.len(), today.open.len());

        let installation = migrated.installation;
        // Where nothing is to be read first, those that wait are judged by their overlap at once.
        let waiting = |state: &LoadedState| {
            let mut state = state.clone();
            state.open.retain(|run| matches!(run.state, RunState::Waiting(_)));
            state
        };
        let turns = first_turns(waiting(&migrated), installation);
        assert!(turns.iter().any(|line| line.contains("Skipped(Overlap)")), "{turns:#?}");
        assert_eq!(turns, first_turns(waiting(&today), installation), "schema {schema}");

        let turns = first_turns(migrated, installation);
        for call in ["LookUp", "Poll"] {
            assert!(turns.iter().any(|line| line.starts_with(call)), "{call}: {turns:#?}");
        }
        assert_eq!(turns, first_turns(today, installation), "schema {schema}");
    }
}

#[tokio::test]
async fn a_database_of_the_first_schema_after_a_day_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = old_database(dir.path(), 1).await;
    execute(&mut database, include_str!("../data/0001_spine.sql")).await.unwrap();
    sqlx::Connection::close(database).await.unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let (database, loaded) = Database::open_and_load(&folder, now()).await.unwrap();
    database.close().await.unwrap();
    assert_eq!(loaded.installation.to_string(), "0badcafe");
    assert_eq!(loaded.open.len(), 1);
    assert_eq!(loaded.open[0].state, RunState::Starting);
    assert_eq!(loaded.open[0].attempts[0].reference.as_str(), "p1.0badcafe.0123456789ab.tokus0");
    assert_eq!(loaded.sweeps.len(), 1);
    // A timing that cannot be read leaves the mark as it is.
    assert_eq!(loaded.marks.len(), 1);
    assert_eq!((loaded.marks[0].2.as_str(), loaded.marks[0].3.is_none()), ("ffeeddccbbaa9988", true));
    let history = History::open(dir.path()).await.unwrap();
    let all = history.list(&HistoryFilter::default()).await.unwrap();
    assert_eq!(all.len(), 3);
    let range = all.iter().find(|run| run.schedule == "pulse").unwrap();
    assert_eq!((range.count, range.nominal_until.as_deref()), (Some(3601), Some("2026-11-22T13:00:01.000Z")));
    history.close().await;
}

#[tokio::test]
async fn a_database_of_each_schema_since_policies_were_frozen_comes_over_whole_and_refuses_the_same_second_rows() {
    for schema in WITH_MORE_INDEXES..=NEWEST_OLD {
        comes_over_from(schema).await;
    }
}

async fn comes_over_from(schema: usize) {
    let today = open().await;
    let triggers = [Trigger::Scheduled, Trigger::CatchUp, Trigger::After, Trigger::Backfill, Trigger::Manual];
    let runs = (1..).zip(RunState::ALL);
    let inserted = runs.map(|(number, state)| run(number, state, triggers[number as usize % 5]));
    // From when a deadline counts follows from where it is.
    let inserted: Vec<Run> =
        inserted.map(|run| Run { deadline_at: later(run.deadline_from, run.policy.start_deadline), ..run }).collect();
    today.store.commit(Changes { inserted: inserted.clone(), ..Changes::default() }).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut old = old_database(dir.path(), schema).await;
    let path = StateFolder::database_path(today.dir.path());
    execute(&mut old, &format!("attach database '{}' as today", path.display())).await.unwrap();
    for table in ["installation", "run", "attempt", "run_event"] {
        // The columns are the same, but for those of `run` that came later.
        let names = format!("select group_concat(name, ', ') from pragma_table_info('{table}')");
        let columns: String = sqlx::raw_sql(sqlx::AssertSqlSafe(names)).fetch_one(&mut old).await.unwrap().get(0);
        let copy = format!("insert into {table} ({columns}) select {columns} from today.{table}");
        execute(&mut old, &copy).await.unwrap();
    }
    sqlx::Connection::close(old).await.unwrap();

    std::fs::copy(today.dir.path().join("installation"), dir.path().join("installation")).unwrap();
    let folder = StateFolder::take(dir.path()).unwrap();
    let store = begin(&folder).await;
    let open: Vec<Run> = inserted.iter().filter(|run| !run.state.is_final()).cloned().collect();
    assert_eq!(told(&store.restart(now()).await.unwrap().open), told(&open));
    let mut database = raw(dir.path()).await;
    assert_eq!(number(&mut database, "select count(*) from run").await as usize, inserted.len());
    assert_eq!(number(&mut database, "select count(*) from pragma_quick_check where quick_check <> 'ok'").await, 0);
    // A planned time that has a row gets no other; what a person asked for may stand next to it.
    let again = |(number, old): (u128, &Run)| Run { nominal_at: old.nominal_at, ..plain(1_000 + number) };
    let planned: Vec<Run> = (1..).zip(&inserted).map(again).collect();
    let by_hand = planned.iter().map(|run| Run {
        trigger: Trigger::Manual,
        id: RunId(Uuid::new_v5(&run.id.0, b"")),
        ..run.clone()
    });
    let all = by_hand.chain(planned.clone()).collect();
    let lost = store.commit(Changes { inserted: all, ..Changes::default() }).await.unwrap().lost;
    let once = |run: &&Run| matches!(run.trigger, Trigger::Scheduled | Trigger::CatchUp | Trigger::After);
    let wanted = planned.iter().zip(&inserted).filter(|(_, old)| once(old)).map(|(new, _)| new.id).collect();
    assert_eq!(lost, wanted);
    store.close().await.unwrap();
}
