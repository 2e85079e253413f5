//! Every statement of the writer. A burst is one statement with one bound JSON array: a row bound value by value costs
//! fifty times as much (measured: 55 µs a row), and the burst's claims stand between the due instant and the first POST.
//! Where a row has many columns, `jsonb_each` takes the array apart: with `json_each` each column reads the row's text anew (measured: a
//! quarter more for ten thousand claims).

use super::by_hand_sql::{LOAD_ATTEMPTS, LOAD_RUN, MADE_GOOD_BY, MAKE_GOOD_NO_LONGER, MAKE_RUNS_GOOD, MAKE_TIMES_GOOD};
use super::columns::{
    changed_from_excluded, changed_from_new, columns_of_attempt, columns_of_run, names, object, of_claim, values,
};
use super::copy_sql::{
    APPLICATION, COPY_INTO, DOUBT_IF_NONE, INSTALLATION_RENAME, NEWEST, NO_LOG, OUR_TABLES, OWN_APPLICATION,
    RESTORED_APPLICATION,
};
use super::holding_sql::{
    DELETE_FAILING, DELETE_FAILING_ACCOUNTS, DELETE_RETIRED_ACCOUNTS, DELETE_RETIRED_FAILING, DELETE_SKIP_MARK,
    END_PAUSE, INSERT_PAUSE, INSERT_SKIP_MARK, LAST_PAUSE, LOAD_FAILING, LOAD_FAILING_ACCOUNTS, LOAD_LAST_ACCOUNTS,
    LOAD_PAUSES, LOAD_SKIP_MARKS, UPSERT_FAILING, UPSERT_FAILING_ACCOUNTS, UPSERT_LAST_ACCOUNTS,
};
use super::kept_rows::{DELETE_OLD_ANSWERS, KEEP_ANSWERS, LOAD_KEPT_ANSWER};

/// The states of the partial index `run_open`, word for word, so that a long history costs nothing.
macro_rules! open_states {
    () => {
        "'armed', 'waiting', 'starting', 'unknown', 'held', 'pending', 'running', 'suspended', 'stopping'"
    };
}

/// Every statement, for the test that prepares each against the migrated schema.
pub const ALL: [&str; 85] = [
    INSTALLATION_GET,
    INSTALLATION_SET,
    DOUBT_SET,
    DOUBT_OVER,
    COUNT_COMMIT,
    ANY_FORESEEN,
    DELETE_FORESEEN,
    INSERT_RUNS,
    INSERT_CLAIMS,
    WRITTEN_RUNS,
    UPDATE_RUNS,
    MAKE_TIMES_GOOD,
    MAKE_RUNS_GOOD,
    MAKE_GOOD_NO_LONGER,
    UPSERT_ATTEMPTS,
    INSERT_CLAIMED_ATTEMPTS,
    SWEEPS_DONE,
    INSERT_EVENTS,
    INSERT_LATE_EVENTS,
    INSERT_VERSIONS,
    UPSERT_MARKS,
    DELETE_MARKS,
    UPSERT_EVIDENCE,
    UPSERT_SHORT_FOLDERS,
    INSERT_AUDIT,
    LOAD_KEPT_ANSWER,
    DELETE_OLD_ANSWERS,
    KEEP_ANSWERS,
    INSERT_PAUSE,
    END_PAUSE,
    INSERT_SKIP_MARK,
    DELETE_SKIP_MARK,
    UPSERT_FAILING,
    DELETE_FAILING,
    DELETE_RETIRED_FAILING,
    UPSERT_FAILING_ACCOUNTS,
    DELETE_FAILING_ACCOUNTS,
    UPSERT_LAST_ACCOUNTS,
    DELETE_RETIRED_ACCOUNTS,
    DELETE_UNSENT_ATTEMPTS,
    DELETE_LIST_CALLS,
    INSERT_LIST_CALLS,
    LOAD_OPEN_RUNS,
    LOAD_OPEN_ATTEMPTS,
    LOAD_RUN,
    LOAD_ATTEMPTS,
    MADE_GOOD_BY,
    LOAD_COUNTING,
    LOAD_SWEEPS,
    LOAD_MARKS,
    LOAD_EVIDENCE,
    LOAD_SHORT_FOLDERS,
    LOAD_LIST_CALLS,
    LOAD_PAUSES,
    LAST_PAUSE,
    LOAD_SKIP_MARKS,
    LOAD_FAILING,
    LOAD_FAILING_ACCOUNTS,
    LOAD_LAST_ACCOUNTS,
    SQLITE_VERSION,
    QUICK_CHECK,
    REFERENCES_OFF,
    REFERENCES_ON,
    REFERENCES_CHECK,
    COUNT_NO_LONGER,
    DELETE_LOST_ATTEMPTS,
    DELETE_LOST_EVENTS,
    FORGET_LOST_RUNS,
    CHECKPOINT,
    APPLICATION,
    OWN_APPLICATION,
    OPTIMIZE,
    HOUSEKEEPING_DONE,
    DELETE_ENDED_BEFORE,
    DELETE_OLDEST,
    COUNT_RUNS,
    SIZE,
    GIVE_BACK,
    COPY_INTO,
    INSTALLATION_RENAME,
    RESTORED_APPLICATION,
    OUR_TABLES,
    NEWEST,
    DOUBT_IF_NONE,
    NO_LOG,
];

pub(super) const INSTALLATION_GET: &str = "select id, commits, doubt from installation";

pub(super) const INSTALLATION_SET: &str =
    "insert into installation (one, id, created_at, commits, doubt) values (1, ?1, ?2, ?3, ?4) on conflict do nothing";

/// From here on the number is the folder's, so that the doubt is kept in the row and not in the difference.
pub(super) const DOUBT_SET: &str = "update installation set commits = ?1, doubt = ?2";

pub(super) const DOUBT_OVER: &str = "update installation set doubt = null";

/// In the same transaction as whatever is written. By itself it shows that the database can be written.
pub(super) const COUNT_COMMIT: &str = "update installation set commits = commits + 1 returning commits";

/// Whether a row has ended later than now: the clock has been set back.
pub(super) const ANY_FORESEEN: &str = "select exists (select 1 from run where ended_at > ?1)";

/// Rows that say of a time to come that it was missed or skipped: they were written under a clock that has been set back since,
/// and the time has come now. What was sent stays.
pub(super) const DELETE_FORESEEN: &str = "
delete from run where id in (
  select old.id
  from json_each(?1) as new join run as old
    on old.schedule = new.value ->> 'schedule' and old.nominal_at = new.value ->> 'nominal_at'
    and old.trigger in ('scheduled', 'catch_up', 'after')
  where new.value ->> 'trigger' in ('scheduled', 'catch_up', 'after')
    and old.state in ('missed', 'skipped') and old.sent_at is null and old.ended_at > new.value ->> 'claimed_at')";

macro_rules! insert_runs {
    ($($of:ident)?) => {
        concat!(
            "insert into run (",
            columns_of_run!($($of,)? names),
            ", schedule_version) select ",
            columns_of_run!($($of,)? values),
            ",
  -- That of its mark: a time that an edit has dropped is of the version before. A schedule without one is new.
  coalesce((select version_id from mark where mark.schedule = value ->> 'schedule'),
    (select max(id) from schedule_version as newest where newest.schedule = value ->> 'schedule'))
from jsonb_each(?1)
where true
on conflict (schedule, nominal_at, case when trigger in ('scheduled', 'catch_up', 'after') then '' else id end) do nothing"
        )
    };
}

/// A planned time that has a row already is not claimed again: the claim is lost, and its id does not come back.
pub(super) const INSERT_RUNS: &str = insert_runs!();

/// The same of rows that have only what a claim has.
pub(super) const INSERT_CLAIMS: &str = insert_runs!(of_claim);

/// Which of these have a row.
pub(super) const WRITTEN_RUNS: &str = "select run.id from json_each(?1) as new join run on run.id = new.value ->> 'id'";

/// Each write names the version it saw; fewer rows than asked for means that somebody else wrote.
pub(super) const UPDATE_RUNS: &str = concat!(
    "update run set version = run.version + 1",
    columns_of_run!(changed_from_new),
    "
from jsonb_each(?1) as new
where run.id = new.value ->> 'id' and run.version = new.value ->> 'version'"
);

/// Runs that have ended and that only a person changes now.
pub(super) const COUNT_NO_LONGER: &str =
    "update run set counts_until_at = null where id in (select value from json_each(?1))";

pub(super) const UPSERT_ATTEMPTS: &str = concat!(
    "insert into attempt (",
    columns_of_attempt!(names),
    ") select ",
    columns_of_attempt!(values),
    "
from jsonb_each(?1)
where true
on conflict (run_id, job_number, attempt) do update set ",
    columns_of_attempt!(changed_from_excluded)
);

/// The attempts of claims, which have no row yet.
pub(super) const INSERT_CLAIMED_ATTEMPTS: &str = concat!(
    "insert into attempt (",
    columns_of_attempt!(of_claim, names),
    ") select ",
    columns_of_attempt!(of_claim, values),
    " from jsonb_each(?1)"
);

/// Of attempts that will not be sent, beyond those that their run has: a name that no job has is nothing to look for.
pub(super) const DELETE_UNSENT_ATTEMPTS: &str = "
delete from attempt where run_id in (select value ->> 'run_id' from json_each(?1)) and sends = 0 and job_id is null
  and attempt > (select value ->> 'attempts' from json_each(?1) where value ->> 'run_id' = attempt.run_id)";

/// The late count is of an attempt as it was five minutes ago: it adds what was not known, and takes nothing back.
pub(super) const SWEEPS_DONE: &str = "
update attempt set
  job_id = coalesce(attempt.job_id, value ->> 'job_id'),
  job_key = coalesce(attempt.job_key, value ->> 'job_key'),
  sweep_at = value ->> 'sweep_at'
from json_each(?1)
where attempt.run_id = value ->> 'run_id' and attempt.job_number = value ->> 'job_number'
  and attempt.attempt = value ->> 'attempt'";

/// Lines about runs that have a row, with the state that they took on or kept.
pub(super) const INSERT_EVENTS: &str = "
insert into run_event (run_id, at, state, reason, text)
select value ->> 'run_id', value ->> 'at', value ->> 'state', value ->> 'reason', value ->> 'text'
from jsonb_each(?1)
order by key";

/// Lines about runs that ended long ago, whose state stays; the history may have let them go.
pub(super) const INSERT_LATE_EVENTS: &str = "
insert into run_event (run_id, at, state, reason, text)
select run.id, value ->> 'at', run.state, run.reason, value ->> 'text'
from json_each(?1) join run on run.id = value ->> 'run_id'
order by key";

pub(super) const INSERT_VERSIONS: &str = "
insert into schedule_version (schedule, timing_hash, timing, loaded_at)
select value ->> 'schedule', value ->> 'timing_hash', value ->> 'timing', value ->> 'loaded_at' from json_each(?1)";

/// The mark belongs to the newest version, which the same transaction may just have written.
pub(super) const UPSERT_MARKS: &str = "
insert into mark (schedule, mark_at, version_id, seal)
select value ->> 'schedule', value ->> 'mark_at',
  (select max(id) from schedule_version where schedule = value ->> 'schedule'), value ->> 'seal'
from json_each(?1)
where true
on conflict (schedule) do update set mark_at = excluded.mark_at, version_id = excluded.version_id, seal = excluded.seal";

/// A schedule that left its file: should its key come back, it begins at that load.
pub(super) const DELETE_MARKS: &str = "delete from mark where schedule in (select value from json_each(?1))";

pub(super) const UPSERT_EVIDENCE: &str = "
insert into evidence (connection, folder_id, reference, proven_at)
select value ->> 'connection', value ->> 'folder_id', value ->> 'reference', value ->> 'proven_at' from json_each(?1)
where true
on conflict (connection, folder_id) do update set reference = excluded.reference, proven_at = excluded.proven_at";

pub(super) const UPSERT_SHORT_FOLDERS: &str = "
insert into short_folder (connection, name, folder_id, full_name, found_at)
select value ->> 'connection', value ->> 'name', value ->> 'folder_id', value ->> 'full_name', value ->> 'found_at'
from json_each(?1)
where true
on conflict (connection, name) do update set folder_id = excluded.folder_id, full_name = excluded.full_name,
  found_at = excluded.found_at";

/// Only the minute before each call counts. What is later was written under another clock.
pub(super) const DELETE_LIST_CALLS: &str = "
delete from list_call where at <= ?1 - 60000 or at > ?1";

pub(super) const INSERT_LIST_CALLS: &str = "
insert into list_call (connection, at, calls)
select value ->> 'connection', value ->> 'at', value ->> 'calls' from json_each(?1)
where true
on conflict (connection, at) do update set calls = list_call.calls + excluded.calls";

pub(super) const INSERT_AUDIT: &str = "
insert into audit (at, actor, action, subject, detail)
select value ->> 'at', value ->> 'actor', value ->> 'action', value ->> 'subject', value ->> 'detail' from json_each(?1)";

pub(super) const LOAD_OPEN_RUNS: &str = concat!(
    "select ",
    columns_of_run!(object),
    "
from run
where state in (",
    open_states!(),
    ")
order by fire_at, nominal_at, id"
);

pub(super) const LOAD_OPEN_ATTEMPTS: &str = concat!(
    "select ",
    columns_of_attempt!(object),
    "
from run join attempt on attempt.run_id = run.id
where run.state in (",
    open_states!(),
    ")
order by attempt.run_id, attempt.job_number, attempt.attempt"
);

/// Ended, but their jobs could not be read and may still run: they count for overlap until then.
pub(super) const LOAD_COUNTING: &str = "
select json_object('id', id, 'schedule', schedule, 'pool', policy ->> '$.pool', 'counts_until_at', counts_until_at)
from run where counts_until_at > ?1";

pub(super) const LOAD_SWEEPS: &str = concat!(
    "select json_set(",
    columns_of_attempt!(object),
    ", '$.connection', run.connection)
from attempt join run on run.id = attempt.run_id
where attempt.sweep_at is not null"
);

pub(super) const LOAD_MARKS: &str = "
select json_object('schedule', mark.schedule, 'mark_at', mark_at, 'seal', seal, 'timing_hash', timing_hash, 'timing', timing)
from mark join schedule_version on schedule_version.id = mark.version_id";

pub(super) const LOAD_EVIDENCE: &str = "
select json_object('connection', connection, 'folder_id', folder_id, 'reference', reference, 'proven_at', proven_at)
from evidence";

pub(super) const LOAD_SHORT_FOLDERS: &str = "
select json_object('connection', connection, 'name', name, 'folder_id', folder_id, 'full_name', full_name,
  'found_at', found_at)
from short_folder";

pub(super) const LOAD_LIST_CALLS: &str = "
select json_object('connection', connection, 'at', at, 'calls', calls) from list_call order by at";

pub(super) const SQLITE_VERSION: &str = "select sqlite_version()";

pub(super) const QUICK_CHECK: &str = "pragma quick_check(1)";

/// While a table is built anew its references are off: dropping the old one would take with it what refers to it.
pub(super) const REFERENCES_OFF: &str = "pragma foreign_keys = off";

pub(super) const REFERENCES_ON: &str = "pragma foreign_keys = on";

/// A row for each reference that leads nowhere.
pub(super) const REFERENCES_CHECK: &str = "select \"table\" from pragma_foreign_key_check limit 1";

/// Of a run that is not there any more.
pub(super) const DELETE_LOST_ATTEMPTS: &str = "delete from attempt where run_id not in (select id from run)";

/// The same.
pub(super) const DELETE_LOST_EVENTS: &str = "delete from run_event where run_id not in (select id from run)";

/// As `on delete set null` would have it.
pub(super) const FORGET_LOST_RUNS: &str = "
update run set
  parent = (select id from run as other where other.id = run.parent),
  retry_of = (select id from run as other where other.id = run.retry_of),
  made_good_by = (select id from run as other where other.id = run.made_good_by)
where parent is not null or retry_of is not null or made_good_by is not null";

pub(super) const CHECKPOINT: &str = "pragma wal_checkpoint(truncate)";

pub(super) const OPTIMIZE: &str = "pragma optimize";

pub(super) const HOUSEKEEPING_DONE: &str = "
insert into housekeeping (name, last_ok_at) values (?1, ?2)
on conflict (name) do update set last_ok_at = excluded.last_ok_at";

/// A run that ended, with its attempts and lines; never one whose jobs are still to be counted. In small batches, so that claims
/// are not kept waiting.
pub(super) const DELETE_ENDED_BEFORE: &str = "
delete from run where id in (
  select id from run
  where ended_at < ?1 and (counts_until_at is null or counts_until_at < ?1)
    and not exists (select 1 from attempt where run_id = run.id and sweep_at is not null)
  order by ended_at limit ?2)";

/// The same by number: the oldest of those that ended. The newest end is the latest instant that the database is sure of.
pub(super) const DELETE_OLDEST: &str = "
delete from run where id in (
  select id from run
  where ended_at is not null and (counts_until_at is null or counts_until_at < (select max(ended_at) from run))
    and not exists (select 1 from attempt where run_id = run.id and sweep_at is not null)
  order by ended_at limit ?1)";

pub(super) const COUNT_RUNS: &str = "select count(*) from run where ended_at is not null";

/// What the rows take; pages that are free do not count.
pub(super) const SIZE: &str = "
select (page_count - freelist_count) * page_size
from pragma_page_count(), pragma_freelist_count(), pragma_page_size()";

/// Free pages go back to the disk, some at a time.
pub(super) const GIVE_BACK: &str = "pragma incremental_vacuum(1000)";

/// A statement, to be bound and run. Only constants come this far: sqlx takes no text that was put together.
#[expect(clippy::disallowed_methods, reason = "this is one of the two places where SQL is spoken")]
pub(super) fn query(
    statement: &'static str,
) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query(statement)
}
