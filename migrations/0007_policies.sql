-- What a policy needs: the table `run` is built anew, since a check cannot be changed, with all states and reasons that the rules have.
--
-- A run keeps what its schedule said at the claim (`policy`), and its arguments as the next attempt fills them in (`template`); each
-- attempt keeps how its job ended, whose fault that was, and why it is to stop; pauses and skipped times have their tables.
--
-- Applied with foreign keys off (src/store/schema.rs): dropping the old table would else take the attempts and lines with it.

drop view history;

create table run_new (
  id text primary key,
  -- counts the writes; each names the version it saw
  version integer not null,
  schedule text not null,
  -- the timing that it was claimed under
  schedule_version integer references schedule_version (id),
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
  -- where the connection led at the claim: host, path and tenant
  identity text,
  -- what is done; the columns and the payload follow from it
  work_kind text not null check (work_kind in ('process', 'queue_item')),
  folder text,
  process text,
  queue_item text,
  -- what is sent, frozen at the claim: JSON with process, folder, runtime, arguments; these as filled in for the last attempt
  payload text not null,
  -- the arguments as the next attempt fills them in, JSON; none where all attempts have the same, and once there will be no other
  template text check (json_valid(template)),
  -- what its schedule said at the claim: JSON, see `FrozenPolicy` in src/run/work.rs
  policy text not null check (json_valid(policy)),
  -- the job's output arguments, JSON text
  output text,
  actor text,
  -- who called it off: a person, or `files`
  cancelled_by text check (cancelled_by is null or state = 'cancelled'),
  parent text references run (id) on delete set null,
  retry_of text references run (id) on delete set null,
  made_good_by text references run (id) on delete set null,
  -- Orchestrator's own name for the request that failed last: its support asks for it
  trace_id text,
  -- why it is held: nothing can prove that no job was made, or its schedule asks for a person
  held_for text check (held_for in ('proof', 'person')),
  -- it has ended, but its job could not be read and may still run: it counts for overlap until then
  counts_until_at integer,
  -- a number that follows from what a row must not lose: see src/store/seal.rs
  seal integer
) strict;

-- Rows of before have no overlap policy: what the files say now holds for them, and their seal is of what they had. Their payload may be
-- damaged on the disk where they have ended.
insert into run_new (id, version, schedule, trigger, nominal_at, nominal_until_at, count, local, offset_s, fire_at, claimed_at,
  deadline_at, waiting_until_at, sent_at, accepted_at, started_at, ended_at, state, reason, note, error, connection, identity,
  work_kind, folder, process, queue_item, payload, policy, output, actor, parent, retry_of, made_good_by, trace_id, held_for,
  counts_until_at, seal)
select id, version, schedule, trigger, nominal_at, nominal_until_at, count, local, offset_s, fire_at, claimed_at,
  deadline_at, waiting_until_at, sent_at, accepted_at, started_at, ended_at, state, reason, note, error, connection,
  iif(json_valid(payload), payload ->> '$.identity', null),
  iif(queue_item is null, 'process', 'queue_item'), folder, process, queue_item,
  iif(json_valid(payload), json_remove(payload, '$.identity', '$.history'), payload),
  json_patch(
    json_object('on_unknown_start', on_unknown_start,
      'start_deadline_ms', max(0, deadline_at - iif(trigger = 'catch_up', claimed_at, fire_at))),
    iif(json_valid(payload) and json_type(payload, '$.history') = 'object',
      json_object('history', payload -> '$.history'), '{}')),
  output, actor, parent, retry_of, made_good_by, trace_id, held_for, counts_until_at, seal
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

-- When an attempt that repeats a failed job was to be made.
alter table attempt add column due_at integer;

-- How its job went, by Orchestrator's clock.
alter table attempt add column started_at integer;

alter table attempt add column ended_at integer;

alter table attempt add column ended_as text
  check (ended_as in ('lost', 'faulted', 'timed_out', 'rejected', 'stopped', 'succeeded'));

-- How long its job was suspended, or waited for a robot again after that, up to when its state was last read: its time-out leaves this out.
alter table attempt add column parked_ms integer not null default 0 check (parked_ms >= 0);

alter table attempt add column read_at integer;

-- Whose fault it was, and the Windows account where that names one.
alter table attempt add column fault text check (fault in ('account', 'business', 'infrastructure', 'application'));

alter table attempt add column account text;

-- Why its job is to stop, stored before that is asked for: by what, by which limit or whom, and when each step is asked for and was taken.
alter table attempt add column stop_by text check (stop_by in ('timeout', 'overlap', 'person'));

alter table attempt add column stop_limit text check (
  coalesce(stop_limit, 'pending') in ('pending', 'soft', 'at')
  and (stop_limit is not null) = (coalesce(stop_by, '') = 'timeout'));

alter table attempt add column stop_actor text check ((stop_actor is not null) = (coalesce(stop_by, '') = 'person'));

alter table attempt add column stop_asked_at integer check ((stop_asked_at is null) = (stop_by is null));

alter table attempt add column soft_stop_at integer;

alter table attempt add column soft_accepted_at integer check (soft_accepted_at is null or soft_stop_at is not null);

alter table attempt add column kill_at integer;

alter table attempt add column kill_accepted_at integer check (kill_accepted_at is null or kill_at is not null);

-- What is held back, and from when until when: `since_at` is in it, `until_at` is not. Those that were ended stay.
create table pause (
  id integer primary key,
  scope text not null check (scope in ('schedule', 'connection', 'all')),
  pattern text check ((pattern is null) = (scope = 'all')),
  reason text,
  -- `punctual` where too many runs in a row have failed
  actor text not null,
  since_at integer not null,
  until_at integer check (until_at is null or until_at > since_at),
  ended_at integer,
  ended_by text check ((ended_by is null) = (ended_at is null))
) strict;

create index pause_open on pause (id) where ended_at is null;

-- Single coming times that are to be skipped.
create table skip_mark (
  schedule text not null,
  nominal_at integer not null,
  actor text not null,
  reason text,
  asked_at integer not null,
  primary key (schedule, nominal_at)
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
