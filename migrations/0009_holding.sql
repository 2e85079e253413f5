-- What pauses and windows need. `alter table … add column` rewrites no row, however long the history is.

-- From when `start_deadline` counts: the windows in which nothing is started are left out of it, and they can be edited while a run waits.
-- Only open runs are read back, so those that have ended have none.
alter table run add column deadline_from_at integer;

update run set deadline_from_at = deadline_at - coalesce(policy ->> '$.start_deadline_ms', 0)
where state in ('armed', 'waiting', 'starting', 'unknown', 'held', 'pending', 'running', 'suspended', 'stopping');

-- How many runs of a schedule have failed in a row, by the order in which they ended. No row: the last one did not.
create table failing (
  schedule text primary key,
  failures integer not null check (failures > 0)
) strict, without rowid;

-- How many logons of an account have failed in a row in a folder, whatever the schedule. Without a name: jobs that did not name theirs.
create table failing_account (
  connection text not null,
  folder_id integer not null,
  account text not null default '',
  faults integer not null check (faults > 0),
  primary key (connection, folder_id, account)
) strict, without rowid;

-- Under which account the last run of a schedule was, as far as its job named one.
create table last_account (
  schedule text primary key,
  connection text not null,
  folder_id integer not null,
  account text not null default ''
) strict, without rowid;

-- `jobs` tells of each attempt when and how it went, whose fault its end was, and who had it stopped.
drop view history;

create view history as
select
  run.id as run,
  run.schedule,
  run.trigger,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.nominal_at / 1000.0, 'unixepoch') as nominal_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.nominal_until_at / 1000.0, 'unixepoch') as nominal_until,
  run.count,
  run.local,
  printf('%s%02d:%02d', iif(run.offset_s < 0, '-', '+'), abs(run.offset_s) / 3600, abs(run.offset_s) / 60 % 60) as offset,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.fire_at / 1000.0, 'unixepoch') as fire_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.claimed_at / 1000.0, 'unixepoch') as claimed_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.sent_at / 1000.0, 'unixepoch') as sent_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.accepted_at / 1000.0, 'unixepoch') as accepted_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.started_at / 1000.0, 'unixepoch') as started_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.ended_at / 1000.0, 'unixepoch') as ended_at,
  run.state,
  run.reason,
  run.note,
  run.error,
  run.connection,
  run.folder,
  run.process,
  run.queue_item,
  last.job_key,
  last.job_id,
  last.reference,
  (select count(*) from attempt where attempt.run_id = run.id) as attempts,
  (select json_group_array(json_object('n', a.job_number, 'attempt', a.attempt, 'reference', a.reference,
      'job_key', a.job_key, 'job_id', a.job_id, 'state', a.job_state,
      'due_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.due_at / 1000.0, 'unixepoch'),
      'sent_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.sent_at / 1000.0, 'unixepoch'),
      'started_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1000.0, 'unixepoch'),
      'ended_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_at / 1000.0, 'unixepoch'),
      'ended_as', a.ended_as, 'fault', a.fault, 'account', a.account,
      'stopped_by', coalesce(a.stop_actor, a.stop_limit, a.stop_by),
      'stop_asked_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.stop_asked_at / 1000.0, 'unixepoch')))
    from (select * from attempt where attempt.run_id = run.id order by job_number, attempt) as a) as jobs,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.waiting_until_at / 1000.0, 'unixepoch') as waiting_until,
  run.actor,
  run.parent,
  run.retry_of,
  run.made_good_by,
  iif(json_valid(run.payload), nullif(run.payload -> '$.arguments', 'null'), run.payload) as arguments,
  run.output,
  run.trace_id,
  run.held_for
from run
left join attempt as last on last.run_id = run.id
  and (last.job_number, last.attempt) = (
    select a.job_number, a.attempt from attempt as a where a.run_id = run.id order by a.job_number desc, a.attempt desc limit 1);
