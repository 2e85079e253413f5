//! What can be written on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::by_hand_args::{BackfillArgs, RetryArgs, StartArgs, StopArgs};
use super::copies_args::{BackupArgs, RestoreArgs};
pub(super) use super::formats::{Format, ObjectFormat};
use super::holding_args::{PauseArgs, ResumeArgs, SkipArgs};
use super::once_args::OnceArgs;
use super::runs_args::RunsArgs;
use super::times::{self, Ahead, When};

/// Starts UiPath robots on time, exactly once, and keeps the history.
#[derive(Debug, Parser)]
#[command(name = "punctual", version, about, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    /// When to colour what is printed.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(super) color: ColorChoice,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Where things are.
#[derive(Args, Debug)]
pub(super) struct Global {
    /// A schedule file, or a folder of them; may be given several times [default: ./schedules.yaml, else /etc/punctual].
    #[arg(long, global = true, env = "PUNCTUAL_CONFIG", value_name = "PATH")]
    pub(super) config: Vec<PathBuf>,
    /// The state folder: database, lock, tokens [default: $STATE_DIRECTORY, else /var/lib/punctual for root,
    /// $XDG_STATE_HOME/punctual for others].
    #[arg(long, global = true, env = "PUNCTUAL_STATE_DIR", value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// The daemon's control socket [default: punctual.sock in the state folder if that is named; else in
    /// $RUNTIME_DIRECTORY, in /run/punctual for root, in the state folder for others].
    #[arg(long, global = true, env = "PUNCTUAL_SOCKET", value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    pub(super) fn apply(self) {
        match self {
            ColorChoice::Auto => {}
            ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
            ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the schedules until stopped.
    Daemon(DaemonArgs),
    /// See it work: a stand-in Orchestrator, a daemon and a few schedules, with a live table.
    Demo(DemoArgs),
    /// Run the stand-in Orchestrator alone, for rehearsals.
    Sandbox(SandboxArgs),
    /// Show every mistake in the schedule files.
    Check(CheckArgs),
    /// Show the coming times, in this machine's zone and in that of each schedule.
    Next(NextArgs),
    /// Show what ran, what did not, and why.
    Runs(RunsArgs),
    /// Show all that is known of one run.
    Show(ShowArgs),
    /// Tell why a time of a schedule ran or did not, past or to come.
    Why(WhyArgs),
    /// Show how the daemon, its connections and its runs stand.
    Status(StatusArgs),
    /// Try each step of reaching Orchestrator, and name the cause and the cure of what fails.
    Doctor(DoctorArgs),
    /// Log in once: in a browser, or by giving a secret, which is kept for the daemon and never shown.
    Login(LoginArgs),
    /// Show or renew access tokens; none is ever printed.
    Token(TokenArgs),
    /// Have the running daemon read the schedule files again, and show what changed.
    Reload(ReloadArgs),
    /// Have the running daemon log more or less, until it restarts.
    Log {
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`; `CRATE=LEVEL` for another crate; several with commas.
        level: String,
    },
    /// Decide about a run that is held, or whose job cannot be read.
    Resolve(ResolveArgs),
    /// Start a schedule's process by hand, now.
    Start(StartArgs),
    /// Start a run once more, or make its next attempt at once.
    Retry(RetryArgs),
    /// Make missed times of a schedule good, one after another.
    Backfill(BackfillArgs),
    /// Stop a run: cancel what was not sent, stop the job of what was.
    Stop(StopArgs),
    /// Hold schedules back until they are resumed; running jobs go on.
    Pause(PauseArgs),
    /// Let schedules go on that were paused.
    Resume(ResumeArgs),
    /// Skip one coming time of a schedule.
    Skip(SkipArgs),
    /// Show who did what by hand: paused, resolved, logged in …
    Audit(AuditArgs),
    /// Make a checked copy of the database, with or without a daemon.
    Backup(BackupArgs),
    /// Put a copy of the database back, where no daemon runs; the old one is set aside.
    Restore(RestoreArgs),
    /// Print the JSON Schema of schedule files, for editors.
    Schema,
    /// Print what lets a shell complete punctual's commands and options.
    Completions(CompletionsArgs),
    /// Write the manual: one page for each command.
    Man(ManArgs),
}

#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// For which shell; README says where it looks for them.
    pub(super) shell: CompletedShell,
}

/// The shells that are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompletedShell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Args, Debug)]
pub(super) struct ManArgs {
    /// Where the pages go; `man -l DIR/punctual.1` shows the first of them.
    pub(super) dir: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct DaemonArgs {
    /// Log lines as text for people or JSON for programs.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "PUNCTUAL_LOG_FORMAT")]
    pub(super) log_format: LogFormat,
    /// Take the files although they have lost many schedules since the last run.
    #[arg(long)]
    pub(super) accept_removals: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// How long.
    #[arg(long = "for", value_name = "DURATION", default_value = "20s", value_parser = times::parse_some_duration)]
    pub(super) length: Duration,
}

#[derive(Args, Debug)]
pub(super) struct SandboxArgs {
    /// Where to listen; a port of 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDR")]
    pub(super) listen: std::net::SocketAddr,
    /// A YAML file with the faults to inject.
    #[arg(long, value_name = "FILE")]
    pub(super) faults: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// Ask Orchestrator too: folders, processes, rights, and a dry run of each start. Nothing is started.
    #[arg(long)]
    pub(super) online: bool,
    /// Warnings fail too: for a check before files are merged or installed.
    #[arg(long)]
    pub(super) strict: bool,
    /// Mistakes and doubts alone, without what was understood of each schedule.
    #[arg(long)]
    pub(super) quiet: bool,
    /// How to print what was found.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

#[derive(Args, Debug)]
pub(super) struct NextArgs {
    /// Only these schedules.
    #[arg(value_name = "SCHEDULE")]
    pub(super) schedules: Vec<String>,
    /// How many times of each schedule.
    #[arg(short = 'n', long, alias = "limit", default_value_t = 5, value_parser = times::parse_count)]
    pub(super) count: usize,
    /// Times from this on: an instant, a date, `today`, the next time that the clock shows it, such as `06:00`, or a duration ago such as
    /// `7d`; without an offset it is read in this machine's zone [default: now].
    #[arg(long, value_name = "T", value_parser = times::parse_when)]
    pub(super) from: Option<When>,
    /// Times before this: an instant, a date, the next time that the clock shows it, such as `18:00`, or a duration from now such as
    /// `2h`; then `-n` is not a limit unless it is given.
    #[arg(long, value_name = "T", value_parser = times::parse_ahead)]
    pub(super) until: Option<Ahead>,
    /// How to print the times.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

#[derive(Args, Debug)]
pub(super) struct ShowArgs {
    /// The run's id, or the beginning or end of it.
    pub(super) run: String,
    /// How to print the run.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

#[derive(Args, Debug)]
pub(super) struct WhyArgs {
    /// Of which schedule; also one that is in the files no more.
    pub(super) schedule: String,
    /// Which time: a time of day such as `06:00` (the last one), a day with one time, both, or what `runs` and `next` print; without an
    /// offset it is read in the zone of the schedule [default: the last time that was due].
    #[arg(value_name = "TIME", num_args = 0..=3)]
    pub(super) time: Vec<String>,
    /// How to print the answer.
    #[arg(short = 'o', long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(super) output: ObjectFormat,
}

#[derive(Args, Debug)]
pub(super) struct AuditArgs {
    /// From this on: an instant, a date, or a duration ago such as `7d`.
    #[arg(long, value_name = "T", value_parser = times::parse_when)]
    pub(super) since: Option<When>,
    /// Before this.
    #[arg(long, value_name = "T", value_parser = times::parse_when)]
    pub(super) until: Option<When>,
    /// At most so many, the newest.
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// How to print them.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

#[derive(Args, Debug)]
pub(super) struct ResolveArgs {
    /// The run's id, or the beginning or end of it.
    pub(super) run: String,
    /// `start` it after one more look-up, `skip` it, the key of the job that is its own, or `lost`: give it up, since its job
    /// cannot be read.
    #[arg(value_name = "start|skip|lost|JOB_KEY")]
    pub(super) decision: String,
    #[command(flatten)]
    pub(super) once: OnceArgs,
}

#[derive(Args, Debug)]
pub(super) struct ReloadArgs {
    /// Take the files although they have lost many schedules, or all.
    #[arg(long)]
    pub(super) accept_removals: bool,
    #[command(flatten)]
    pub(super) once: OnceArgs,
    /// What changed, for people, or one object.
    #[arg(short = 'o', long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(super) output: ObjectFormat,
}

#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    /// A table for people, or one object.
    #[arg(short = 'o', long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(super) output: ObjectFormat,
}

#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// Only this connection [default: all].
    pub(super) connection: Option<String>,
    /// Start one job of this process, which must do no harm, and learn what this server's lists can do.
    #[arg(long, value_name = "PROCESS")]
    pub(super) probe: Option<String>,
    /// The folder of that process.
    #[arg(long, value_name = "F", requires = "probe")]
    pub(super) folder: Option<String>,
    /// Start it without asking.
    #[arg(long, requires = "probe")]
    pub(super) yes: bool,
    /// Write a file for somebody who helps: everything but secrets and arguments.
    #[arg(long, value_name = "FILE")]
    pub(super) bundle: Option<PathBuf>,
    /// Show what was sent and what came back also where all is well.
    #[arg(short = 'v', long)]
    pub(super) verbose: bool,
    /// How to print the steps.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub(super) output: Format,
}

/// The port at which `login` waits for the browser when none is named: it stands in the redirect address that is registered.
const LOGIN_PORT: u16 = 8400;

#[derive(Args, Debug)]
pub(super) struct LoginArgs {
    /// The connection, as the schedule file names it.
    pub(super) connection: String,
    /// Paste the address of the browser's last page: for a machine without a browser.
    #[arg(long, conflicts_with_all = ["ask", "stdin"])]
    pub(super) paste: bool,
    /// Ask for the secret itself at the terminal: a refresh token or user key.
    #[arg(long, conflicts_with = "stdin")]
    pub(super) ask: bool,
    /// Read the secret from stdin.
    #[arg(long)]
    pub(super) stdin: bool,
    /// Give the client secret of a confidential application whose users log in.
    #[arg(long, conflicts_with = "paste")]
    pub(super) client_secret: bool,
    /// Only print the address, open no browser.
    #[arg(long)]
    pub(super) no_browser: bool,
    /// The port for the browser's way back; http://localhost:PORT/callback must be registered with the application.
    #[arg(long, value_name = "PORT", default_value_t = LOGIN_PORT)]
    pub(super) port: u16,
    /// How to print the token's state.
    #[arg(short = 'o', long, value_enum, default_value_t = ObjectFormat::Table)]
    pub(super) output: ObjectFormat,
}

#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    pub(super) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Show how the tokens stand.
    Status {
        /// Only this connection.
        connection: Option<String>,
        /// A line for people, or one object (all connections: one array).
        #[arg(short = 'o', long, value_enum, default_value_t = ObjectFormat::Table)]
        output: ObjectFormat,
    },
    /// Ask for a new access token now.
    Refresh {
        /// The connection.
        connection: String,
        #[command(flatten)]
        once: OnceArgs,
        /// A line for people, or one object.
        #[arg(short = 'o', long, value_enum, default_value_t = ObjectFormat::Table)]
        output: ObjectFormat,
    },
}
