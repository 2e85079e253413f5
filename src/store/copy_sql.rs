//! The writer's statements about copies of the database (see `sql`).

pub(super) const COPY_INTO: &str = "vacuum into ?1";

/// In a copy: the id under which its starts were made is the folder's, also where the row says another.
pub(super) const INSTALLATION_RENAME: &str = "update installation set id = ?1 where id <> ?1";

/// Whether it is a copy (`wal`).
pub(super) const APPLICATION: &str = "pragma application_id";

/// Not a copy any more (`wal`).
pub(super) const OWN_APPLICATION: &str = "pragma application_id = 0";

/// In a copy that is about to be put back (`wal`).
pub(super) const RESTORED_APPLICATION: &str = "pragma application_id = 1882288755";

/// How many of our tables are there; a database of something else has none, or not these.
pub(super) const OUR_TABLES: &str =
    "select count(*) from sqlite_schema where type = 'table' and name in ('installation', 'mark', 'run', 'run_event')";

/// When something was written last. Nothing in a database says when it was copied.
pub(super) const NEWEST: &str = "
select max(at) from (
  select max(at) as at from run_event
  union all select max(at) from audit
  union all select max(last_ok_at) from housekeeping
  union all select max(loaded_at) from schedule_version
  union all select max(created_at) from installation)";

/// From here on the number is at least the folder's; a doubt that is there already is the greater one.
pub(super) const DOUBT_IF_NONE: &str = "update installation set commits = ?1, doubt = coalesce(doubt, ?2)";

/// A database without a log is one file.
pub(super) const NO_LOG: &str = "pragma journal_mode = delete";
