//! `punctual man`: the manual, one page for each command, as `man` and `apropos` look for it.
//!
//! It is made from the same sentences as `--help`. Only the first page has the options of all commands, the exit codes and the places:
//! on each page they would hide what is the command's own, so the others point there.

use std::fs;
use std::io;
use std::path::Path;

use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{Arguments, ManArgs};
use super::failure::{Exit, Failure};
use super::output::Out;

/// The program, and the first page's name.
const PUNCTUAL: &str = "punctual";

/// What `man` shows at the foot of each page.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What each exit code means; README has the same table.
const EXIT_CODES: [(&str, &str); 8] = [
    ("0", "Fine."),
    ("1", "What was asked about was found: a fault, something to do for a person, or a run that did not succeed."),
    ("2", "Wrong usage, or an invalid file."),
    ("3", "No daemon answers, or the state folder or its database cannot be used."),
    ("4", "Orchestrator or the identity server cannot be reached."),
    ("5", "Orchestrator or the identity server refused."),
    ("70", "A fault of punctual itself."),
    ("75", "Another daemon holds the state folder, or answers at the control socket."),
];

/// Where the service keeps things.
const FILES: [(&str, &str); 4] = [
    ("/etc/punctual", "The schedule files."),
    (
        "/var/lib/punctual",
        "The state: the database with its nightly copies, and the tokens. For the service and root alone.",
    ),
    ("/run/punctual/punctual.sock", "The control socket. For the service, root and the members of its group."),
    ("/usr/share/doc/punctual/schedules.example.yaml", "All that a schedule file can say."),
];

pub(super) fn run(args: &ManArgs, out: &mut Out) -> Result<Exit, Failure> {
    let failed =
        |cause: io::Error| Failure::new(Exit::Usage, format!("failed to write into `{}`: {cause}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed)?;
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    write_first(&args.dir, &root).map_err(failed)?;
    let written = 1 + write_all(&args.dir, &root).map_err(failed)?;
    out.line(format!("{written} pages are in {}", args.dir.display()))?;
    Ok(Exit::Fine)
}

fn write_first(dir: &Path, root: &Command) -> io::Result<()> {
    let mut more = Roff::new();
    for (heading, rows) in [("EXIT STATUS", EXIT_CODES.as_slice()), ("FILES", FILES.as_slice())] {
        more.control("SH", [heading]);
        for (name, text) in rows {
            more.control("TP", []);
            more.text([bold(*name)]);
            more.text([roman(*text)]);
        }
    }
    write_page(dir, root.clone(), PUNCTUAL, &more)
}

/// The pages of all that stands below a command; how many there are.
fn write_all(dir: &Path, above: &Command) -> io::Result<usize> {
    let mut written = 0;
    for command in above.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let own = command.clone().mut_args(|arg| {
            let everywhere = arg.is_global_set();
            arg.hide(everywhere)
        });
        let mut more = Roff::new();
        more.control("SH", ["SEE ALSO"]);
        more.text([
            bold(PUNCTUAL),
            roman("(1) has the options of all commands, the exit codes, and where things are."),
        ]);
        write_page(dir, own, name, &more)?;
        written += 1 + write_all(dir, command)?;
    }
    Ok(written)
}

fn write_page(dir: &Path, command: Command, name: &str, more: &Roff) -> io::Result<()> {
    let mut page = Vec::new();
    // clap_mangen leaves the date's place out where there is none, so the source would stand in it.
    Man::new(command.mut_args(in_one_line)).title(name).date(VERSION).source(PUNCTUAL).render(&mut page)?;
    more.to_writer(&mut page)?;
    fs::write(dir.join(format!("{name}.1")), page)
}

/// Words to choose from that explain themselves fill a line, not a screen.
fn in_one_line(arg: Arg) -> Arg {
    let words = arg.get_possible_values();
    if words.is_empty() || words.iter().any(|word| word.get_help().is_some()) {
        return arg;
    }
    let words = words.iter().map(PossibleValue::get_name).collect::<Vec<_>>().join(", ");
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.hide_possible_values(true).help(format!("{help}: {words}"))
}
