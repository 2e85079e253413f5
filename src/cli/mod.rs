//! The command line: one file a command, output formats, exit codes.
//!
//! Data goes to stdout, everything else to stderr; tables are for people, `-o json|ndjson|csv` for programs and stable. A
//! closed pipe is no error. Questions about runs are answered from the files, read-only, whether a daemon runs or not; what only
//! a daemon knows, and whatever acts, goes through its control socket (`client`).

mod agree;
mod args;
mod audit;
mod backfill;
#[doc(hidden)]
pub mod bars;
mod backup;
mod by_hand_args;
mod by_schedule;
mod check;
mod client;
mod copies_args;
mod completions;
#[doc(hidden)]
pub mod csv_cell;
mod daemon;
mod demo;
mod doctor;
mod failure;
mod farewell;
mod files;
mod formats;
mod given;
#[doc(hidden)]
pub mod grid;
mod here;
mod holding;
mod holding_args;
#[doc(hidden)]
pub mod journal;
mod log;
mod logging;
mod login;
mod man;
mod next;
mod once_args;
mod output;
mod people;
mod reads;
mod reload;
mod resolve;
mod retry;
mod run_row;
mod restore;
mod runs;
mod runs_args;
mod sandbox;
mod schema;
mod show;
mod start;
mod state_folder;
mod status;
mod status_runs;
mod stop;
mod times;
mod to_come;
mod token;
mod understood;
mod usage;
mod why;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Arguments, Command};
use self::failure::{Exit, Failure};
use self::given::Given;
use self::output::Out;
use crate::clock::Clock;

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(mut error) => {
            usage::leave_out_variables(&mut error);
            if let Some(failure) = to_come::not_built(&error) {
                return failure::report(&failure).into();
            }
            // clap words its own messages; help and version are not errors.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    arguments.color.apply();
    // Whatever is written (database, tokens, a demo's files) is for its owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            return failure::report(&Failure::new(Exit::Usage, format!("failed to start: {cause}"))).into();
        }
    };
    let given = Given::of(&arguments.global);
    let ended = runtime.block_on(run(arguments));
    // A look-up of a name, or a disk that hangs, must not keep the process from ending.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => failure::report(&failure.with(&given)).into(),
    }
}

async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { global, color: _, command } = arguments;
    let clock = Clock::system();
    let mut out = Out::stdout();
    let exit = match command {
        Command::Daemon(args) => daemon::run(&global, &args, clock).await?,
        Command::Demo(args) => demo::run(&global, &args, clock, &mut out).await?,
        Command::Sandbox(args) => sandbox::run(&args, clock, &mut out).await?,
        Command::Check(args) => check::run(&global, &args, &clock, &mut out).await?,
        Command::Next(args) => next::run(&global, &args, &clock, &mut out).await?,
        Command::Audit(args) => audit::run(&global, &args, &clock, &mut out).await?,
        Command::Runs(args) => runs::run(&global, &args, &clock, &mut out).await?,
        Command::Show(args) => show::run(&global, &args, &clock, &mut out).await?,
        Command::Why(args) => why::run(&global, &args, &clock, &mut out).await?,
        Command::Status(args) => status::run(&global, &args, &clock, &mut out).await?,
        Command::Doctor(args) => doctor::run(&global, &args, &clock, &mut out).await?,
        Command::Login(args) => login::run(&global, &args, &clock, &mut out).await?,
        Command::Token(args) => token::run(&global, &args, &clock, &mut out).await?,
        Command::Backup(args) => backup::run(&global, &args, &clock, &mut out).await?,
        Command::Restore(args) => restore::run(&global, &args, &clock, &mut out).await?,
        Command::Log { level } => log::run(&global, &level, &mut out).await?,
        Command::Reload(args) => reload::run(&global, &args, &mut out).await?,
        Command::Resolve(args) => resolve::run(&global, &args, &mut out).await?,
        Command::Start(args) => start::run(&global, &args, &clock, &mut out).await?,
        Command::Retry(args) => retry::run(&global, &args, &clock, &mut out).await?,
        Command::Backfill(args) => backfill::run(&global, &args, &mut out).await?,
        Command::Stop(args) => stop::run(&global, &args, &mut out).await?,
        Command::Pause(args) => holding::pause(&global, &args, &clock, &mut out).await?,
        Command::Resume(args) => holding::resume(&global, &args, &mut out).await?,
        Command::Skip(args) => holding::skip(&global, &args, &mut out).await?,
        Command::Schema => schema::run(&mut out)?,
        Command::Completions(args) => completions::run(&args, &mut out)?,
        Command::Man(args) => man::run(&args, &mut out)?,
    };
    out.flush()?;
    Ok(exit)
}
