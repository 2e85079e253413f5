-- A row of a run that has ended may be damaged on the disk: what it started is then shown as the text that it is, where reading it as
-- JSON would fail, and with it each list that the row is in. Otherwise the view of 0001.

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
      'job_key', a.job_key, 'job_id', a.job_id, 'state', a.job_state))
    from (select * from attempt where attempt.run_id = run.id order by job_number, attempt) as a) as jobs,
  strftime('%Y-%m-%dT%H:%M:%fZ', run.waiting_until_at / 1000.0, 'unixepoch') as waiting_until,
  run.actor,
  run.parent,
  run.retry_of,
  run.made_good_by,
  iif(json_valid(run.payload), nullif(run.payload -> '$.arguments', 'null'), run.payload) as arguments,
  run.output
from run
left join attempt as last on last.run_id = run.id
  and (last.job_number, last.attempt) = (
    select a.job_number, a.attempt from attempt as a where a.run_id = run.id order by a.job_number desc, a.attempt desc limit 1);
