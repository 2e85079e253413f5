-- What tells "not processed" from "unclear", and what is learnt again: the table `run` is built anew, since a check cannot be
-- changed. All states and reasons that the rules have are in it, so that it need not be built anew for the next of them.
--
-- Applied with foreign keys off (src/store/open.rs): dropping the old table would else take the attempts and lines with it.

drop view history;

create table run_new (
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
      ('overlap', 'token', 'outage', 'rate_limit', 'limit', 'capacity', 'look_up', 'retry', 'clock', 'catch_up', 'paused',
      'blackout'))
    or (state = 'skipped' and coalesce(reason, '') in
      ('calendar', 'paused', 'disabled', 'blackout', 'overlap', 'parent', 'unknown_start'))
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
  -- what is sent, frozen at the claim: JSON with process, folder, runtime, arguments, and where the connection led
  payload text not null,
  on_unknown_start text not null check (on_unknown_start in ('retry', 'skip', 'hold')),
  -- the job's output arguments, JSON text
  output text,
  actor text,
  parent text references run (id) on delete set null,
  retry_of text references run (id) on delete set null,
  made_good_by text references run (id) on delete set null,
  -- a number that follows from what a row must not lose: see src/store/seal.rs
  seal integer,
  -- Orchestrator's own name for the request that failed last: its support asks for it
  trace_id text,
  -- why it is held: nothing can prove that no job was made, or its schedule asks for a person
  held_for text check (held_for in ('proof', 'person')),
  -- it has ended, but its job could not be read and may still run: it counts for overlap until then
  counts_until_at integer
) strict;

insert into run_new (id, version, schedule, trigger, nominal_at, nominal_until_at, count, local, offset_s, fire_at, claimed_at,
  deadline_at, waiting_until_at, sent_at, accepted_at, started_at, ended_at, state, reason, note, error, connection, folder,
  process, queue_item, payload, on_unknown_start, output, actor, parent, retry_of, made_good_by, seal)
select id, version, schedule, trigger, nominal_at, nominal_until_at, count, local, offset_s, fire_at, claimed_at,
  deadline_at, waiting_until_at, sent_at, accepted_at, started_at, ended_at, state, reason, note, error, connection, folder,
  process, queue_item, payload, on_unknown_start, output, actor, parent, retry_of, made_good_by, seal
from run;

drop table run;

alter table run_new rename to run;

-- One planned row a nominal time, whatever dies; the partial index keeps manual runs free to repeat.
create unique index run_once on run (schedule, nominal_at) where trigger in ('scheduled', 'catch_up', 'after');

create index run_by_nominal on run (nominal_at, id);

create index run_by_schedule on run (schedule, nominal_at, id);

-- Start-up reads the open rows only, however long the history is.
create index run_open on run (fire_at)
  where state in ('armed', 'waiting', 'starting', 'unknown', 'held', 'pending', 'running', 'suspended', 'stopping');

-- Retention goes by the end of a run.
create index run_ended on run (ended_at) where ended_at is not null;

-- A row that goes is looked for in these three columns of all others.
create index run_by_parent on run (parent) where parent is not null;

create index run_by_retry_of on run (retry_of) where retry_of is not null;

create index run_by_made_good_by on run (made_good_by) where made_good_by is not null;

create index run_counting on run (counts_until_at) where counts_until_at is not null;

-- How many of the calls stayed unclear: each may have made a job. A start of before that was sent again had been unclear.
alter table attempt add column unclear integer not null default 0;

update attempt set unclear = sends - 1 where sends > 1;

-- The HTTP status of the last unclear answer, and how many calls in a row were answered by it and had made no job: after three
-- the start is given up.
alter table attempt add column answered integer;

alter table attempt add column settled_none integer not null default 0;

-- A folder that a schedule names by the last part of its path, and where that led: if it leads elsewhere one day, nothing is
-- started there before a person has looked.
create table short_folder (
  connection text not null,
  name text not null,
  folder_id integer not null,
  full_name text not null,
  found_at integer not null,
  primary key (connection, name)
) strict, without rowid;

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
  iif(json_valid(run.payload), nullif(run.payload -> '$.arguments', 'null'), run.payload) as arguments,
  run.output,
  run.trace_id,
  run.held_for
from run
left join attempt as last on last.run_id = run.id
  and (last.job_number, last.attempt) = (
    select a.job_number, a.attempt from attempt as a where a.run_id = run.id order by a.job_number desc, a.attempt desc limit 1);
