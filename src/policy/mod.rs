//! What happens in the odd cases: each policy is one file with one table, `decide(…)`, and one test that goes through it.
//!
//! Which pauses and windows hold somebody is looked up here too (`holds`, `windows`): the dispatcher, `next` and `status` ask the same.
//!
//! Pure: what is decided from comes in as values, and what is decided goes out as a value; who asks does it. A run carries its policy
//! with it from the claim on (`run::FrozenPolicy`), so what was decided can be explained from its row.
//!
//! Absent: limits on rate and number of starts (`dispatcher`), since they delay a start and never drop it.

pub mod backfill;
pub mod deadline;
pub mod failing;
pub mod fault;
pub mod holding;
pub mod holds;
pub mod overlap;
pub mod pile;
pub mod pool;
pub mod retry;
pub mod stop;
pub mod timeout;
pub mod unknown_start;
pub mod windows;
