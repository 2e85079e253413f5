-- An index that is ordered by schedule or by Reference has each claim of a burst on a page of its own, and each of these pages is written
-- to the log and flushed before the start may leave: of a burst of a thousand they were half of what was written.

-- Nothing asks for a job or a Reference by these.
drop index attempt_by_reference;
drop index attempt_by_job;

-- One planned row a nominal time, whatever dies; a row that a person asked for stands next to it under its own id. The same index finds
-- the runs of a schedule.
drop index run_by_schedule;
drop index run_once;
create unique index run_once on run
  (schedule, nominal_at, case when trigger in ('scheduled', 'catch_up', 'after') then '' else id end);
