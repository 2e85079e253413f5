//! `punctual completions`: what a shell needs to complete commands and options.
//!
//! The whole is made from the arguments that are read, and printed once: a shell that asked punctual at each key would wait for it.
//! What is absent: names of schedules, which only the files know.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::{Arguments, CompletedShell, CompletionsArgs};
use super::failure::{Exit, Failure};
use super::output::Out;

pub(super) fn run(args: &CompletionsArgs, out: &mut Out) -> Result<Exit, Failure> {
    let shell = match args.shell {
        CompletedShell::Bash => Shell::Bash,
        CompletedShell::Zsh => Shell::Zsh,
        CompletedShell::Fish => Shell::Fish,
    };
    // Into memory first: clap_complete takes a pipe that is closed for a fault, and for us it is none.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "punctual", &mut text);
    out.line(String::from_utf8_lossy(&text).trim_end())?;
    Ok(Exit::Fine)
}
