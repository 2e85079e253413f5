//! Every statement of the readers.

use super::columns::{as_it_is, as_json, as_json_or_text, columns_of_history, object, of_first_attempt};

/// For the test that prepares each against the migrated schema.
pub const ALL: [&str; 22] = [
    LIST,
    FIND,
    LINES,
    NEWEST_LINE,
    CHANGED,
    COUNT_BY_STATE,
    OPEN,
    COUNTING,
    FAILED,
    CHORES,
    PAUSES,
    SKIPS,
    DEEDS,
    POOLS,
    DETAILS,
    POLICY,
    PLANNED,
    IN_POOL_OF,
    SCHEDULES,
    DIGESTS,
    SUCCESSES,
    JOB_PLACE,
];

/// The states of the partial index `run_open`, word for word, so that a long history costs nothing.
macro_rules! is_open {
    () => {
        "state in ('armed', 'waiting', 'starting', 'unknown', 'held', 'pending', 'running', 'suspended', 'stopping')"
    };
}

/// As `Ending::is_failure` says it.
macro_rules! is_failed {
    () => {
        "state in ('faulted', 'timed_out', 'rejected', 'lost', 'missed') and coalesce(reason, '') <> 'edited'"
    };
}

pub(super) const LIST: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from (
  select id, nominal_at from run
  where (?1 is null or schedule in (select value from json_each(?1)))
    and (?2 is null or state in (select value from json_each(?2)))
    and (?3 is null or reason in (select value from json_each(?3)))
    and (?4 is null or trigger in (select value from json_each(?4)))
    -- a range row is shown when any of its times is asked for
    and (?5 is null or coalesce(nominal_until_at, nominal_at) >= ?5)
    and (?6 is null or nominal_at < ?6)
    and (?8 is null or state not in (select value from json_each(?8)))
    and (?9 is null or ",
    is_failed!(),
    ")
  order by nominal_at desc, id desc
  limit ?7
) as chosen
join history as h on h.run = chosen.id
order by chosen.nominal_at desc, chosen.id desc"
);

/// Whole, by its beginning, or by its end as tables show it.
pub(super) const FIND: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from history as h
where h.run in (
  select id from run
  where replace(id, '-', '') = ?1 or replace(id, '-', '') glob ?1 || '*' or replace(id, '-', '') glob '*' || ?1
  order by nominal_at desc
  limit 5)"
);

pub(super) const LINES: &str = "
select json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'), 'state', state, 'reason', reason,
  'text', text)
from run_event where run_id = ?1 order by seq";

pub(super) const NEWEST_LINE: &str = "select max(seq) from run_event";

pub(super) const CHANGED: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from (select run_id, max(seq) as last from run_event where seq > ?1 and seq <= ?2 group by run_id) as changed
join history as h on h.run = changed.run_id
order by changed.last"
);

pub(super) const COUNT_BY_STATE: &str = "
select json_object('state', state, 'reason', reason), count(*) as runs
from run group by state, reason order by runs desc, state, reason";

pub(super) const COUNTING: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from (select id, nominal_at from run where counts_until_at > ?1) as chosen
join history as h on h.run = chosen.id
order by chosen.nominal_at, chosen.id"
);

pub(super) const OPEN: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from (
  select id, fire_at from run
  where ",
    is_open!(),
    "
) as chosen
join history as h on h.run = chosen.id
order by chosen.fire_at, chosen.id"
);

pub(super) const FAILED: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from (
  select id, nominal_at from run
  where nominal_at >= ?1 and ",
    is_failed!(),
    "
) as chosen
join history as h on h.run = chosen.id
order by chosen.nominal_at desc, chosen.id desc"
);

pub(super) const CHORES: &str = "
select json_object('name', name, 'last_ok_at', strftime('%Y-%m-%dT%H:%M:%fZ', last_ok_at / 1000.0, 'unixepoch'))
from housekeeping order by name";

/// Those that are not over.
pub(super) const PAUSES: &str = "
select json_object('id', id, 'scope', scope, 'pattern', pattern, 'reason', reason, 'actor', actor, 'since_at', since_at,
  'until_at', until_at)
from pause where ended_at is null and (until_at is null or until_at > ?1) order by id";

pub(super) const SKIPS: &str = "
select json_object('schedule', schedule, 'nominal_at', nominal_at, 'actor', actor, 'reason', reason, 'asked_at', asked_at)
from skip_mark order by nominal_at, schedule";

/// What people did, newest first. Rows are added in the order of time, but for clocks that were set.
pub(super) const DEEDS: &str = "
select json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'), 'actor', actor, 'action', action,
  'subject', subject, 'detail', detail)
from audit
where (?1 is null or at >= ?1) and (?2 is null or at < ?2)
order by seq desc limit ?3";

/// What counts for each pool, and what waits (semantics.md 11): the runs that are open, and those that were given up and count on.
pub(super) const POOLS: &str = concat!(
    "
select json_object('pool', pool,
  'running', sum(counts_until_at is not null
    or state in ('starting', 'unknown', 'pending', 'running', 'suspended', 'stopping')),
  'waiting', sum(state = 'waiting' and reason = 'limit'))
from (
  select run.state, run.reason, iif(run.counts_until_at > ?1, run.counts_until_at, null) as counts_until_at,
    iif(json_valid(run.policy), run.policy ->> '$.pool', null) as pool
  from (
    select id from run
    where ",
    is_open!(),
    "
    union select id from run where counts_until_at > ?1
  ) as chosen join run on run.id = chosen.id
)
where pool is not null group by pool order by pool"
);

/// What a line for people has next to a run's columns. The words are those of its story, after their beginning.
pub(super) const DETAILS: &str = "
select json_object('run', id,
  'starts_allowed', iif(json_valid(policy), policy ->> '$.retry.attempts', null),
  'to_stop', (select substr(text, length('Its job is to stop: ') + 1) from run_event
    where run_event.run_id = run.id and text like 'Its job is to stop: %' order by seq desc limit 1))
from run where id in (select value from json_each(?1))";

/// How a schedule was planned: its versions, oldest first, up to where its times have been judged, and its oldest row.
pub(super) const PLANNED: &str = "
select json_object(
  'versions', (select json_group_array(json_array(loaded_at, timing))
    from (select loaded_at, timing from schedule_version where schedule = ?1 order by id)),
  'mark', (select mark_at from mark where schedule = ?1),
  'oldest', (select min(nominal_at) from run where schedule = ?1))";

/// The open runs that have a place in the pool of a run.
pub(super) const IN_POOL_OF: &str = concat!(
    "select ",
    columns_of_history!(object),
    "
from (
  select id, fire_at from run
  where ",
    is_open!(),
    "
    and state not in ('armed', 'waiting', 'held')
    and iif(json_valid(policy), policy ->> '$.pool', null)
      = (select iif(json_valid(policy), policy ->> '$.pool', null) from run where id = ?1)
) as chosen
join history as h on h.run = chosen.id
order by chosen.fire_at, chosen.id"
);

/// Where a run's last job is.
pub(super) const JOB_PLACE: &str = "
select json_object('folder_id', attempt.folder_id, 'identity', run.identity)
from run join attempt on attempt.run_id = run.id
where run.id = ?1 order by attempt.job_number desc, attempt.attempt desc limit 1";

/// From each schedule on to the next one, which the index finds at once: to look at every row of it would take as long as the history is.
pub(super) const SCHEDULES: &str = "
with recursive known (schedule) as (
  select min(schedule) from run
  union all
  select (select min(schedule) from run where schedule > known.schedule) from known where known.schedule is not null
)
select json_quote(schedule) from known where schedule is not null";

/// Of each schedule the newest runs, and how late the last start was: each later attempt writes its own over that of the run.
pub(super) const DIGESTS: &str = "
select json_object('schedule', one.value,
  'runs', (select json_group_array(json_array(nominal_at, state, reason, accepted_at, ended_at))
    from (select nominal_at, state, reason, accepted_at, ended_at from run
      where schedule = one.value and nominal_at >= ?2 and nominal_at < ?3
      order by nominal_at desc limit 30)),
  'late', (select coalesce((select first.sent_at from attempt as first
      where first.run_id = last.id and first.job_number = 1 and first.attempt = 1), last.sent_at) - last.fire_at
    from (select id, sent_at, fire_at from run
      where schedule = one.value and nominal_at >= ?2 and nominal_at < ?3
      order by nominal_at desc limit 30) as last
    where last.sent_at is not null limit 1))
from json_each(?1) as one";

/// The newest successes of each schedule among its newest runs: one that has never succeeded is not looked for in all of its history.
pub(super) const SUCCESSES: &str = "
select json_object('schedule', one.value,
  'of', (select json_group_array(json_array(nominal_at, ended_at - accepted_at))
    from (select nominal_at, accepted_at, ended_at
      from (select nominal_at, accepted_at, ended_at, state from run
        where schedule = one.value order by nominal_at desc limit 1000)
      where state = 'succeeded' order by nominal_at desc limit 20)))
from json_each(?1) as one";

/// As it was frozen at the claim.
pub(super) const POLICY: &str = "select iif(json_valid(policy), policy, null) from run where id = ?1";

/// A statement, to be bound and run. Only constants come this far: sqlx takes no text that was put together.
#[expect(clippy::disallowed_methods, reason = "this is one of the two places where SQL is spoken")]
pub(super) fn query(statement: &'static str) -> Query<'static> {
    sqlx::query(statement)
}

/// One that is about to run.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;
