//! When a schedule is due: tables by hand, a naive evaluator that shares no code with the program, and laws for any pattern.

#![expect(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not the helpers they share")]

#[path = "recurrence/calendars.rs"]
mod calendars;
#[path = "recurrence/equality.rs"]
mod equality;
#[path = "recurrence/laws.rs"]
mod laws;
#[path = "recurrence/messages.rs"]
mod messages;
#[path = "recurrence/naive.rs"]
mod naive;
#[path = "recurrence/promise.rs"]
mod promise;
#[path = "recurrence/support.rs"]
mod support;
#[path = "recurrence/tables.rs"]
mod tables;
#[path = "recurrence/timing.rs"]
mod timing;
#[path = "recurrence/zones.rs"]
mod zones;
