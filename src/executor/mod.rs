//! Carries out what the dispatcher decided: one call, one report.
//!
//! It makes no choices and keeps no state of a run: every action is one call to Orchestrator on a task of its own, and every
//! action is answered by exactly one report, whatever happened. All choices are the dispatcher's.

mod action;
mod perform;

pub use action::{Action, Ask, AskedFor, NextToNewest, Report, Resolved, StartOrder, Target};
pub use perform::{Clients, Executor};
