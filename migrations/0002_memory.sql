-- What lets a lost or an old database be noticed and made good, and lets old rows be removed at little cost.

-- How often this database was written. The file `lock` of the state folder holds the same number, so a copy that was put back
-- knows less than the folder does.
alter table installation add column commits integer not null default 0;

-- Set when the database was found to be older than its folder, or new in a folder that had one; taken back when Orchestrator has
-- been asked what was started.
alter table installation add column doubt text check (doubt in ('older', 'lost'));

-- Retention goes by the end of a run.
create index run_ended on run (ended_at) where ended_at is not null;

-- A row that goes is looked for in these three columns of all others.
create index run_by_parent on run (parent) where parent is not null;

create index run_by_retry_of on run (retry_of) where retry_of is not null;

create index run_by_made_good_by on run (made_good_by) where made_good_by is not null;
