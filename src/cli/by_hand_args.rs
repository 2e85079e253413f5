//! What can be written behind `start` and `stop`.

use clap::Args;

#[derive(Args, Debug)]
pub(super) struct StartArgs {
    /// The schedule whose process is started, with what its file says now.
    pub(super) schedule: String,
    /// An argument in the place of the file's; may be given several times. What the file has as a text stays a text.
    #[arg(short = 'a', long = "argument", value_name = "NAME=VALUE", value_parser = parse_argument)]
    pub(super) arguments: Vec<(String, String)>,
    /// What an open run of the schedule does to it [default: it is refused, unless the schedule says `allow`].
    #[arg(long, value_name = "POLICY")]
    pub(super) overlap: Option<String>,
    /// Start it also inside a blackout.
    #[arg(long)]
    pub(super) force: bool,
    /// Follow it to its end: exit code 0 if it succeeds, else 1.
    #[arg(long)]
    pub(super) wait: bool,
    /// Why, for `punctual audit`.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
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
    /// Why, for `punctual audit`.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}
