//! What can be written behind `start`, `retry`, `backfill` and `stop`.

use clap::Args;

use super::formats::Format;
use super::once_args::OnceArgs;

#[derive(Args, Debug)]
pub(super) struct StartArgs {
    /// The schedule whose process is started, with what its file says now.
    pub(super) schedule: String,
    /// An argument in the place of the file's; may be given several times. What the file has as a text stays a text.
    #[arg(short = 'a', long = "argument", value_name = "NAME=VALUE", value_parser = parse_argument)]
    pub(super) arguments: Vec<(String, String)>,
    /// The time of the schedule that it is for, read in the schedule's zone: the run makes that time good [default: now].
    #[arg(long, value_name = "TIME")]
    pub(super) nominal: Option<String>,
    #[command(flatten)]
    pub(super) how: HowArgs,
    /// Start it also inside a blackout.
    #[arg(long)]
    pub(super) force: bool,
    /// Follow it to its end: exit code 0 if it succeeds, else 1.
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Args, Debug)]
pub(super) struct RetryArgs {
    /// The run's id, or the beginning or end of it.
    pub(super) run: String,
    /// With what the file says now, instead of what it was started with.
    #[arg(long, conflicts_with = "now")]
    pub(super) as_now: bool,
    /// It waits for another attempt: make that now.
    #[arg(long, conflicts_with_all = ["overlap", "force"])]
    pub(super) now: bool,
    #[command(flatten)]
    pub(super) how: HowArgs,
    /// Also if it succeeded, was repeated already, or may still run; and inside a blackout.
    #[arg(long)]
    pub(super) force: bool,
    /// Follow it to its end: exit code 0 if it succeeds, else 1.
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Args, Debug)]
pub(super) struct BackfillArgs {
    /// The schedule whose missed times are made good, one after another, with what its file says now.
    pub(super) schedule: String,
    /// The first instant of the range, read in the schedule's zone: `2026-11-23 07:00`, or a day.
    #[arg(long, value_name = "TIME", required_unless_present = "cancel")]
    pub(super) from: Option<String>,
    /// The first instant after the range [default: now].
    #[arg(long, value_name = "TIME", conflicts_with = "cancel")]
    pub(super) until: Option<String>,
    /// What is taken besides what was missed; `ran` asks first.
    #[arg(long, value_name = "KIND", value_delimiter = ',', conflicts_with = "cancel")]
    pub(super) include: Vec<String>,
    #[command(flatten)]
    pub(super) how: HowArgs,
    /// Only show what would be taken.
    #[arg(long, conflicts_with = "cancel")]
    pub(super) dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
    /// Call off what waits to be made good.
    #[arg(long, conflicts_with_all = ["from", "overlap"])]
    pub(super) cancel: bool,
    /// How to show the times.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

/// What starts by hand have in common.
#[derive(Args, Debug)]
pub(super) struct HowArgs {
    /// What an open run of the schedule does to it: `skip`, `allow`, `queue_one`, `queue_latest`, `queue_all`, `stop_other` or `kill_other`
    /// [default: a single run is refused, unless the schedule says `allow`; several go one after another].
    #[arg(long, value_name = "POLICY")]
    pub(super) overlap: Option<String>,
    #[command(flatten)]
    pub(super) act: ActArgs,
}

/// What stands with every act.
#[derive(Args, Debug)]
pub(super) struct ActArgs {
    /// Why, for `punctual audit`.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) once: OnceArgs,
}

fn parse_argument(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err(format!("`{text}` is not `NAME=VALUE`")),
    }
}

#[derive(Args, Debug)]
pub(super) struct StopArgs {
    /// The run's id, or the beginning or end of it; with `--waiting` a schedule.
    #[arg(value_name = "RUN|SCHEDULE")]
    pub(super) what: String,
    /// End its job by force, without letting it tidy up.
    #[arg(long, conflicts_with = "waiting")]
    pub(super) kill: bool,
    /// Cancel every run of this schedule that was not sent.
    #[arg(long)]
    pub(super) waiting: bool,
    #[command(flatten)]
    pub(super) act: ActArgs,
}
