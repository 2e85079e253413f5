//! The statements about what people start: which run has made which good, and one run with all its attempts.

use super::columns::{columns_of_attempt, columns_of_run, object};

/// Planned times that ran into nothing are made good by what a person starts for them (semantics.md 33).
pub(super) const MAKE_TIMES_GOOD: &str = "
update run set made_good_by = new.value ->> 'id'
from json_each(?1) as new
where run.schedule = new.value ->> 'schedule' and run.nominal_at = new.value ->> 'nominal_at'
  and case when run.trigger in ('scheduled', 'catch_up', 'after') then '' else run.id end = ''
  and run.nominal_until_at is null and run.made_good_by is null and run.ended_at is not null and run.state <> 'succeeded'";

/// The same of the very run that is tried again.
pub(super) const MAKE_RUNS_GOOD: &str = "
update run set made_good_by = new.value ->> 'id'
from json_each(?1) as new
where run.id = new.value ->> 'retry_of' and run.made_good_by is null and run.state <> 'succeeded'";

/// What was to make them good has not succeeded.
pub(super) const MAKE_GOOD_NO_LONGER: &str =
    "update run set made_good_by = null where made_good_by in (select value from json_each(?1))";

pub(super) const LOAD_RUN: &str = concat!("select ", columns_of_run!(object), " from run where id = ?1");

pub(super) const LOAD_ATTEMPTS: &str =
    concat!("select ", columns_of_attempt!(object), " from attempt where run_id = ?1 order by job_number, attempt");

/// By which run a run, or the planned time that it is for, has been made good or is to be.
pub(super) const MADE_GOOD_BY: &str = "
select coalesce(run.made_good_by, planned.made_good_by)
from run left join run as planned
  on planned.schedule = run.schedule and planned.nominal_at = run.nominal_at
  and case when planned.trigger in ('scheduled', 'catch_up', 'after') then '' else planned.id end = ''
where run.id = ?1";
