//! The writer's statements about what is held back, and what has failed in a row (see `sql`).

pub(super) const INSERT_PAUSE: &str = "
insert into pause (id, scope, pattern, reason, actor, since_at, until_at)
select value ->> 'id', value ->> 'scope', value ->> 'pattern', value ->> 'reason', value ->> 'actor', value ->> 'since_at', value ->> 'until_at'
from json_each(?1)";

/// One that has ended stays as it ended.
pub(super) const END_PAUSE: &str = "update pause set ended_at = ?2, ended_by = ?3 where id = ?1 and ended_at is null";

/// Asked for twice, the first time holds.
pub(super) const INSERT_SKIP_MARK: &str = "
insert into skip_mark (schedule, nominal_at, actor, reason, asked_at)
select value ->> 'schedule', value ->> 'nominal_at', value ->> 'actor', value ->> 'reason', value ->> 'asked_at'
from json_each(?1)
where true
on conflict (schedule, nominal_at) do nothing";

pub(super) const DELETE_SKIP_MARK: &str = "delete from skip_mark where schedule = ?1 and nominal_at = ?2";

/// What is over still holds the times in it that are not planned yet.
pub(super) const LOAD_PAUSES: &str = "
select json_object('id', id, 'scope', scope, 'pattern', pattern, 'reason', reason, 'actor', actor, 'since_at', since_at,
  'until_at', min(coalesce(until_at, ended_at), coalesce(ended_at, until_at)))
from pause
where ended_at is null or ended_at > (select min(mark_at) from mark)
order by id";

pub(super) const LAST_PAUSE: &str = "select coalesce(max(id), 0) from pause";

pub(super) const LOAD_SKIP_MARKS: &str = "
select json_object('schedule', schedule, 'nominal_at', nominal_at, 'actor', actor, 'reason', reason, 'asked_at', asked_at)
from skip_mark order by nominal_at, schedule";

pub(super) const UPSERT_FAILING: &str = "
insert into failing (schedule, failures)
select value ->> 'schedule', value ->> 'failures' from json_each(?1)
where value ->> 'failures' > 0
on conflict (schedule) do update set failures = excluded.failures";

pub(super) const DELETE_FAILING: &str = "
delete from failing where schedule in (select value ->> 'schedule' from json_each(?1) where value ->> 'failures' = 0)";

/// Should its key come back, it begins anew.
pub(super) const DELETE_RETIRED_FAILING: &str =
    "delete from failing where schedule in (select value from json_each(?1))";

pub(super) const UPSERT_FAILING_ACCOUNTS: &str = "
insert into failing_account (connection, folder_id, account, faults)
select value ->> 'connection', value ->> 'folder_id', value ->> 'account', value ->> 'faults' from json_each(?1)
where value ->> 'faults' > 0
on conflict (connection, folder_id, account) do update set faults = excluded.faults";

pub(super) const DELETE_FAILING_ACCOUNTS: &str = "
delete from failing_account where (connection, folder_id, account) in (
  select value ->> 'connection', value ->> 'folder_id', value ->> 'account' from json_each(?1) where value ->> 'faults' = 0)";

pub(super) const UPSERT_LAST_ACCOUNTS: &str = "
insert into last_account (schedule, connection, folder_id, account)
select value ->> 'schedule', value ->> 'connection', value ->> 'folder_id', value ->> 'account' from json_each(?1)
where true
on conflict (schedule) do update set connection = excluded.connection, folder_id = excluded.folder_id,
  account = excluded.account";

pub(super) const DELETE_RETIRED_ACCOUNTS: &str =
    "delete from last_account where schedule in (select value from json_each(?1))";

pub(super) const LOAD_FAILING: &str = "select json_object('schedule', schedule, 'failures', failures) from failing";

pub(super) const LOAD_FAILING_ACCOUNTS: &str = "
select json_object('connection', connection, 'folder_id', folder_id, 'account', account, 'faults', faults)
from failing_account";

pub(super) const LOAD_LAST_ACCOUNTS: &str = "
select json_object('schedule', schedule, 'connection', connection, 'folder_id', folder_id, 'account', account)
from last_account";
