//! The columns of each table that is read and written whole: listed once. The row's shape and every list of columns in a statement are
//! made from the list, so that a column cannot be written and not read.
//!
//! A statement is a constant, so its parts are put together by the compiler: `columns_of_run!(names)` is a text.
//!
//! Absent: what the values mean (`rows`), and columns that only one statement knows.

use jiff::civil;

use crate::run::RunId;
use crate::schedule::{ConnectionName, ScheduleKey, Trigger};

/// The columns of `run`, in groups: what never changes, where a claim has it and where it has not; what changes, where a claim
/// has it and where it has not; what the writer works out.
macro_rules! columns_of_run {
    ($make:ident $(, $of:ident)?) => {
        $make! {
            $($of;)?
            RunRow, "run.";
            {
                id: RunId,
                version: i64,
                schedule: ScheduleKey,
                trigger: Trigger,
                nominal_at: i64,
                local: civil::DateTime,
                offset_s: i32,
                fire_at: i64,
                claimed_at: i64,
                connection: ConnectionName,
                identity: Option<String>,
                work_kind: String,
                folder: Option<String>,
                process: Option<String>,
                policy: String,
            }
            {
                nominal_until_at: Option<i64>,
                count: Option<u64>,
                actor: Option<String>,
                parent: Option<RunId>,
                retry_of: Option<RunId>,
            }
            {
                deadline_from_at: i64,
                deadline_at: i64,
                waiting_until_at: Option<i64>,
                sent_at: Option<i64>,
                state: String,
                reason: Option<String>,
                // Arguments may be kept only until the job exists; the seal follows from them.
                payload: String,
                template: Option<String>,
                seal: Option<i64>,
            }
            {
                accepted_at: Option<i64>,
                started_at: Option<i64>,
                ended_at: Option<i64>,
                note: Option<String>,
                error: Option<String>,
                output: Option<String>,
                cancelled_by: Option<String>,
                made_good_by: Option<RunId>,
                trace_id: Option<String>,
                held_for: Option<HeldFor>,
                counts_until_at: Option<i64>,
            }
            {
                schedule_version: Option<VersionId>,
            }
        }
    };
}

/// The columns of `attempt`, in the same groups; the first one is its key.
macro_rules! columns_of_attempt {
    ($make:ident $(, $of:ident)?) => {
        $make! {
            $($of;)?
            AttemptRow, "attempt.";
            {
                run_id: RunId,
                job_number: u8,
                attempt: u16,
            }
            {
            }
            {
                reference: String,
                folder_id: Option<i64>,
                sends: u16,
                unclear: u16,
                settled_none: u16,
                sent_at: Option<i64>,
                parked_ms: u64,
            }
            {
                answered: Option<u16>,
                job_id: Option<i64>,
                job_key: Option<JobKey>,
                job_state: Option<String>,
                sweep_at: Option<i64>,
                due_at: Option<i64>,
                started_at: Option<i64>,
                ended_at: Option<i64>,
                ended_as: Option<JobEnding>,
                read_at: Option<i64>,
                fault: Option<FaultClass>,
                account: Option<String>,
                stop_by: Option<StopRule>,
                stop_limit: Option<TimeLimit>,
                stop_actor: Option<String>,
                stop_asked_at: Option<i64>,
                soft_stop_at: Option<i64>,
                soft_accepted_at: Option<i64>,
                kill_at: Option<i64>,
                kill_accepted_at: Option<i64>,
            }
            {
            }
        }
    };
}

/// A value that may be null.
pub(super) trait Column {
    fn is_null(&self) -> bool;
}

impl<T> Column for Option<T> {
    fn is_null(&self) -> bool {
        self.is_none()
    }
}

macro_rules! never_null {
    ($($type:ty),*) => {
        $(impl Column for $type {
            fn is_null(&self) -> bool {
                false
            }
        })*
    };
}

never_null!(RunId, ScheduleKey, ConnectionName, Trigger, civil::DateTime, String, i64, i32, u64, u16, u8);

/// Another list, of what a claim has alone: each column that is not looked up is a quarter of a microsecond for each row of a burst.
macro_rules! of_claim {
    ($make:ident; $name:ident, $table:literal; $fixed:tt $fixed_rare:tt $changing:tt $later:tt $worked_out:tt) => {
        $make! { $name, $table; $fixed {} $changing {} $worked_out }
    };
}

/// The row's shape.
macro_rules! row {
    ($name:ident, $table:literal;
        { $($fixed:ident: $fixed_type:ty,)* }
        { $($fixed_rare:ident: $fixed_rare_type:ty,)* }
        { $($changing:ident: $changing_type:ty,)* }
        { $($later:ident: $later_type:ty,)* }
        { $($worked_out:ident: $other:ty,)* }) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub(super) struct $name {
            // What is null is left out: SQLite looks each column up among the object's keys.
            $(#[serde(skip_serializing_if = "Column::is_null")] pub(super) $fixed: $fixed_type,)*
            $(#[serde(skip_serializing_if = "Column::is_null")] pub(super) $fixed_rare: $fixed_rare_type,)*
            $(#[serde(skip_serializing_if = "Column::is_null")] pub(super) $changing: $changing_type,)*
            $(#[serde(skip_serializing_if = "Column::is_null")] pub(super) $later: $later_type,)*
            $(#[serde(skip_serializing_if = "Column::is_null")] pub(super) $worked_out: $other,)*
        }

        impl $name {
            /// Whether it has only what a claim has: nothing else of it is written by the shorter statement.
            pub(super) fn is_claim(&self) -> bool {
                true $(&& self.$fixed_rare.is_null())* $(&& self.$later.is_null())*
            }
        }
    };
}

/// `a, b, c`: what is written into a new row.
macro_rules! names {
    ($name:ident, $table:literal;
        { $first:ident: $type:ty, $($fixed:ident: $fixed_type:ty,)* }
        { $($fixed_rare:ident: $fixed_rare_type:ty,)* }
        { $($changing:ident: $changing_type:ty,)* }
        { $($later:ident: $later_type:ty,)* }
        { $($worked_out:ident: $other:ty,)* }) => {
        concat!(
            stringify!($first), $(", ", stringify!($fixed),)* $(", ", stringify!($fixed_rare),)*
            $(", ", stringify!($changing),)* $(", ", stringify!($later),)*
        )
    };
}

/// The values for `names` out of one JSON object, `value`.
macro_rules! values {
    ($name:ident, $table:literal;
        { $first:ident: $type:ty, $($fixed:ident: $fixed_type:ty,)* }
        { $($fixed_rare:ident: $fixed_rare_type:ty,)* }
        { $($changing:ident: $changing_type:ty,)* }
        { $($later:ident: $later_type:ty,)* }
        { $($worked_out:ident: $other:ty,)* }) => {
        concat!(
            "value ->> '", stringify!($first), "'",
            $(", value ->> '", stringify!($fixed), "'",)*
            $(", value ->> '", stringify!($fixed_rare), "'",)*
            $(", value ->> '", stringify!($changing), "'",)*
            $(", value ->> '", stringify!($later), "'",)*
        )
    };
}

/// `, a = new.value ->> 'a'` for all that changes.
macro_rules! changed_from_new {
    ($name:ident, $table:literal;
        { $($fixed:ident: $fixed_type:ty,)* }
        { $($fixed_rare:ident: $fixed_rare_type:ty,)* }
        { $($changing:ident: $changing_type:ty,)* }
        { $($later:ident: $later_type:ty,)* }
        { $($worked_out:ident: $other:ty,)* }) => {
        concat!(
            $(", ", stringify!($changing), " = new.value ->> '", stringify!($changing), "'",)*
            $(", ", stringify!($later), " = new.value ->> '", stringify!($later), "'",)*
        )
    };
}

/// `a = excluded.a, …` for all that changes.
macro_rules! changed_from_excluded {
    ($name:ident, $table:literal;
        { $($fixed:ident: $fixed_type:ty,)* }
        { $($fixed_rare:ident: $fixed_rare_type:ty,)* }
        { $first:ident: $first_type:ty, $($changing:ident: $changing_type:ty,)* }
        { $($later:ident: $later_type:ty,)* }
        { $($worked_out:ident: $other:ty,)* }) => {
        concat!(
            stringify!($first), " = excluded.", stringify!($first)
            $(, ", ", stringify!($changing), " = excluded.", stringify!($changing))*
            $(, ", ", stringify!($later), " = excluded.", stringify!($later))*
        )
    };
}

/// One JSON object of a row, as it is read back.
macro_rules! object {
    ($name:ident, $table:literal;
        { $first:ident: $type:ty, $($fixed:ident: $fixed_type:ty,)* }
        { $($fixed_rare:ident: $fixed_rare_type:ty,)* }
        { $($changing:ident: $changing_type:ty,)* }
        { $($later:ident: $later_type:ty,)* }
        { $($worked_out:ident: $other:ty,)* }) => {
        concat!(
            "json_object('", stringify!($first), "', ", $table, stringify!($first),
            $(", '", stringify!($fixed), "', ", $table, stringify!($fixed),)*
            $(", '", stringify!($fixed_rare), "', ", $table, stringify!($fixed_rare),)*
            $(", '", stringify!($changing), "', ", $table, stringify!($changing),)*
            $(", '", stringify!($later), "', ", $table, stringify!($later),)*
            $(", '", stringify!($worked_out), "', ", $table, stringify!($worked_out),)*
            ")"
        )
    };
}

pub(super) use {
    changed_from_excluded, changed_from_new, columns_of_attempt, columns_of_run, names, object, of_claim, row, values,
};
