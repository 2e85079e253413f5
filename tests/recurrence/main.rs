//! When a schedule is due: tables by hand, a naive evaluator that shares no code with the program, and laws for any pattern.

#![expect(clippy::unwrap_used, reason = "clippy lets tests unwrap, but not the helpers they share")]

mod calendars;
mod equality;
mod laws;
mod messages;
mod naive;
mod promise;
mod support;
mod tables;
mod timing;
mod zones;
