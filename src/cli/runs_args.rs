//! What can be asked of `punctual runs`: each list is one option, that may be given several times or hold several words with commas.

use clap::Args;

use super::formats::Format;
use super::times::{self, When};

#[derive(Args, Debug)]
pub(super) struct RunsArgs {
    /// Only these schedules.
    #[arg(value_name = "SCHEDULE", value_delimiter = ',')]
    pub(super) schedules: Vec<String>,
    /// The same.
    #[arg(long, value_name = "S", value_delimiter = ',')]
    pub(super) schedule: Vec<String>,
    /// Only runs in these states, such as `faulted,lost`.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(times::state_names()))]
    pub(super) state: Vec<String>,
    /// Only runs that are in none of these states, such as `succeeded,skipped`.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(times::state_names()))]
    pub(super) not: Vec<String>,
    /// Only runs that failed or were missed, as `status` counts them; with `--by-schedule` schedules that have one.
    #[arg(long, conflicts_with = "state")]
    pub(super) failed: bool,
    /// Only runs with these reasons, such as `overlap` or `deadline`.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(times::reason_names()))]
    pub(super) reason: Vec<String>,
    /// Only runs with these triggers.
    #[arg(long, value_delimiter = ',', value_parser = ["scheduled", "catch_up", "after", "backfill", "manual"])]
    pub(super) trigger: Vec<String>,
    /// Times from this on: an instant, a date, `today`, `yesterday`, the last time that the clock showed it, such as `07:00`, or a duration
    /// ago such as `7d`.
    #[arg(long, value_name = "T", value_parser = times::parse_when)]
    pub(super) since: Option<When>,
    /// Times before this.
    #[arg(long, value_name = "T", value_parser = times::parse_when)]
    pub(super) until: Option<When>,
    /// At most so many, the newest; with `--by-schedule` so many schedules, those that fail first.
    #[arg(short = 'n', long, alias = "count", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// One line a schedule: its last 30 runs as bars, its usual duration, its last success, and since when it fails.
    #[arg(long, conflicts_with_all = ["state", "not", "reason", "trigger", "follow"])]
    pub(super) by_schedule: bool,
    /// Go on and print each run as it changes.
    #[arg(long)]
    pub(super) follow: bool,
    /// How to print the runs.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}
