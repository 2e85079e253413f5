-- The spine: what was due, what was started, what became of it, and why.
-- Instants are integer milliseconds since 1970 in UTC and end in `_at`; the view `history` is the documented way in.

create table installation (
  one integer primary key check (one = 1),
  -- 8 hex digits, part of every Reference; the file `installation` of the state folder holds the same
  id text not null check (length(id) = 8),
  created_at integer not null,
  -- armed rows with fire_at up to here may have been sent; one row, whatever the burst
  released_until integer not null default 0
) strict;

-- Every timing that a schedule ever had: a change of timing must be able to say which old times it dropped.
create table schedule_version (
  id integer primary key,
  schedule text not null,
  timing_hash text not null,
  -- canonical JSON of cron, every, anchor, at, timezone, dst
  timing text not null,
  loaded_at integer not null
) strict;

create index schedule_version_by_schedule on schedule_version (schedule, id);

-- Up to where each schedule has been planned: every time up to mark_at has a row in `run`.
create table mark (
  schedule text primary key,
  mark_at integer not null,
  version_id integer not null references schedule_version (id)
) strict, without rowid;

create table run (
  id text primary key,
  -- counts the writes; each names the version it saw
  version integer not null,
  schedule text not null,
  trigger text not null check (trigger in ('scheduled', 'catch_up', 'after', 'backfill', 'manual')),
  nominal_at integer not null,
  -- with count: the last of a range of times that share this row
  nominal_until_at integer,
  count integer check (count is null or count > 1),
  -- the nominal time in the schedule's zone, and the zone's offset then, in seconds
  local text not null,
  offset_s integer not null,
  fire_at integer not null,
  claimed_at integer not null,
  deadline_at integer not null,
  waiting_until_at integer,
  sent_at integer,
  accepted_at integer,
  started_at integer,
  ended_at integer,
  state text not null check (
    -- a comparison with null is no refusal, so a missing reason is compared as an empty one
    (state = 'waiting' and coalesce(reason, '') in
      ('overlap', 'token', 'outage', 'rate_limit', 'limit', 'retry', 'clock', 'catch_up'))
    or (state = 'skipped' and coalesce(reason, '') in ('calendar', 'paused', 'disabled', 'overlap', 'parent', 'unknown_start'))
    or (state = 'missed' and coalesce(reason, '') in ('down', 'window', 'deadline', 'edited', 'limit'))
    or (state in ('armed', 'starting', 'unknown', 'held', 'pending', 'running', 'suspended', 'stopping', 'succeeded',
      'faulted', 'stopped', 'timed_out', 'rejected', 'lost', 'cancelled') and reason is null)
  ),
  reason text,
  note text,
  error text,
  connection text not null,
  folder text,
  process text,
  queue_item text,
  -- what is sent, frozen at the claim: JSON with process, folder, runtime, arguments
  payload text not null,
  on_unknown_start text not null check (on_unknown_start in ('retry', 'skip', 'hold')),
  -- the job's output arguments, JSON text
  output text,
  actor text,
  parent text references run (id) on delete set null,
  retry_of text references run (id) on delete set null,
  made_good_by text references run (id) on delete set null
) strict;

-- One planned row a nominal time, whatever dies; the partial index keeps manual runs free to repeat.
create unique index run_once on run (schedule, nominal_at) where trigger in ('scheduled', 'catch_up', 'after');

create index run_by_nominal on run (nominal_at, id);

create index run_by_schedule on run (schedule, nominal_at, id);

-- Start-up reads the open rows only, however long the history is.
create index run_open on run (fire_at)
  where state in ('armed', 'waiting', 'starting', 'unknown', 'held', 'pending', 'running', 'suspended', 'stopping');

-- One StartJobs call (repeated under the same Reference only while it is unclear) and its job.
create table attempt (
  run_id text not null references run (id) on delete cascade,
  job_number integer not null check (job_number between 1 and 9),
  attempt integer not null check (attempt >= 1),
  reference text not null,
  -- the folder it was sent to: every look-up asks this very folder
  folder_id integer,
  sends integer not null,
  sent_at integer,
  job_id integer,
  job_key text,
  job_state text,
  -- when all jobs of this Reference are counted once more, after a repeated call
  sweep_at integer,
  primary key (run_id, job_number, attempt)
) strict, without rowid;

create index attempt_by_reference on attempt (reference);

create index attempt_by_job on attempt (job_key) where job_key is not null;

create index attempt_to_sweep on attempt (sweep_at) where sweep_at is not null;

-- Every change of state, in order: what `show` tells.
create table run_event (
  seq integer primary key,
  run_id text not null references run (id) on delete cascade,
  at integer not null,
  state text not null,
  reason text,
  text text not null
) strict;

create index run_event_by_run on run_event (run_id, seq);

-- What lets an empty look-up count: a job of ours that a look-up found in this folder.
create table evidence (
  connection text not null,
  folder_id integer not null,
  reference text not null,
  -- called lookup_proven_at in the rules
  proven_at integer not null,
  primary key (connection, folder_id)
) strict, without rowid;

-- Who did what by hand. Rows are only ever added.
create table audit (
  seq integer primary key,
  at integer not null,
  actor text not null,
  action text not null,
  subject text not null,
  detail text
) strict;

create trigger audit_is_append_only_update before update on audit
begin
  select raise(abort, 'audit rows are only ever added');
end;

create trigger audit_is_append_only_delete before delete on audit
begin
  select raise(abort, 'audit rows are only ever added');
end;

-- When each housekeeping task last succeeded: a missed tick is seen.
create table housekeeping (
  name text primary key,
  last_ok_at integer not null
) strict, without rowid;

-- For people and tools: one row a run, instants as RFC 3339 in UTC. Columns are only ever added.
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
      'job_key', a.job_key, 'job_id', a.job_id, 'state', a.job_state))
    from (select * from attempt where attempt.run_id = run.id order by job_number, attempt) as a) as jobs,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.waiting_until_at / 1000.0, 'unixepoch') as waiting_until,
  run.actor,
  run.parent,
  run.retry_of,
  run.made_good_by,
  nullif(run.payload -> '$.arguments', 'null') as arguments,
  run.output
from run
left join attempt as last on last.run_id = run.id
  and (last.job_number, last.attempt) = (
    select a.job_number, a.attempt from attempt as a where a.run_id = run.id order by a.job_number desc, a.attempt desc limit 1);
