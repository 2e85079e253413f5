//! What can be written behind `pause`, `resume` and `skip`.

use std::time::Duration;

use clap::Args;

use super::once_args::OnceArgs;
use super::times::{self, Ahead};

/// What is paused or resumed.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(super) struct Selection {
    /// Schedules, or patterns of their names such as `'payroll-*'`, which hold for later ones too.
    #[arg(value_name = "SCHEDULE", conflicts_with = "all")]
    pub(super) schedules: Vec<String>,
    /// All schedules on this connection, or on those that fit a pattern; may be given several times.
    #[arg(long, value_name = "C", conflicts_with = "all")]
    pub(super) connection: Vec<String>,
    /// Everything.
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Args, Debug)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    pub(super) of: Selection,
    /// Why; it stands with each time that is skipped.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// It ends by itself: an instant, a time of day such as `18:00`, or a duration from now such as `2h`. Without an offset it is read
    /// in this machine's zone.
    #[arg(long, value_name = "T", value_parser = times::parse_ahead)]
    pub(super) until: Option<Ahead>,
    /// It ends by itself after so long, such as `2h`.
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until", value_parser = times::parse_some_duration)]
    pub(super) length: Option<Duration>,
    #[command(flatten)]
    pub(super) once: OnceArgs,
}

#[derive(Args, Debug)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    pub(super) of: Selection,
    #[command(flatten)]
    pub(super) once: OnceArgs,
}

#[derive(Args, Debug)]
pub(super) struct SkipArgs {
    /// The schedule.
    #[arg(value_name = "SCHEDULE")]
    pub(super) schedule: String,
    /// The time that is skipped: as `next` shows it, or `14:00`, `tomorrow 14:00`, a date; without an offset it is read in the schedule's
    /// zone [default: the next one].
    #[arg(value_name = "TIME")]
    pub(super) time: Vec<String>,
    /// Do not skip it after all.
    #[arg(long)]
    pub(super) undo: bool,
    /// Why; it stands with the time that is skipped.
    #[arg(long, value_name = "TEXT", conflicts_with = "undo")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) once: OnceArgs,
}
