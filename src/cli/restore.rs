//! `punctual restore FILE`: puts a copy of the database back, where no daemon runs.
//!
//! Before anything is changed a person reads what stands in the copy: what waits in it is looked up and sent, and a pause that
//! stands in it holds again. Who cannot be asked says `--yes`.

use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::agree::{Agreed, agree};
use super::args::Global;
use super::backup;
use super::copies_args::RestoreArgs;
use super::failure::{Exit, Failure};
use super::given::Given;
use super::output::{Out, plain};
use super::people;
use super::state_folder::folder_failure;
use super::times;
use crate::clock::Clock;
use crate::run::{Pause, Run, RunState};
use crate::store::{Begins, Copy, Prepared, Ready, RestoreError, StateFolder, StateFolderError, Step, Whose};
use crate::text::{in_shell, roughly};

/// So many pauses and runs are named one by one.
const NAMED: usize = 12;

pub(super) async fn run(global: &Global, args: &RestoreArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let state = global.state_dir();
    let copy = Copy::look(&args.file).await.map_err(|cause| failure(&cause, &state))?;
    let folder = StateFolder::take(&state).map_err(|cause| held(&cause))?;
    let whose = if args.force { Whose::Any } else { Whose::Own };
    let prepared = copy.prepare(&folder, whose, clock.now()).await.map_err(|cause| failure(&cause, &state))?;
    tell(out, args, &copy, &prepared, &state, clock.now())?;
    out.flush()?;
    match agreed(args) {
        Ok(()) => {}
        Err(refused) => {
            prepared.give_up();
            return Err(refused);
        }
    }
    let begins = if args.paused { Begins::Paused } else { Begins::Running };
    let ready = prepared.ready(&folder, people::actor(), begins, clock.now()).await;
    let ready = ready.map_err(|cause| failure(&cause, &state))?;
    for step in Step::ALL {
        ready.perform(step).map_err(|cause| failure(&cause, &state))?;
    }
    done(out, args, &ready, &Given::of(global))?;
    Ok(Exit::Fine)
}

fn tell(
    out: &mut Out,
    args: &RestoreArgs,
    copy: &Copy,
    prepared: &Prepared,
    state: &Path,
    now: Timestamp,
) -> Result<(), Failure> {
    let Prepared { installation, other, newest, pauses, open, .. } = prepared;
    let age = u64::try_from(now.duration_since(*newest).as_secs()).unwrap_or(0);
    let age = match age / 86_400 {
        0..3 => roughly(std::time::Duration::from_secs(age)),
        days => format!("{days} days"),
    };
    out.line(format!(
        "{} is of installation {installation}; its newest entry is of {}, {age} ago.",
        plain(&args.file.display().to_string()),
        times::local(*newest)
    ))?;
    if let Some(other) = other {
        out.line(format!("This state folder is of installation {other} until now, and then of {installation}."))?;
    }
    if let Some(why) = &copy.foreign_log {
        out.line(format!("The log next to it is another database's ({why}) and is left out."))?;
    }
    match pauses.len() {
        0 => out.line("No pause stands in it.")?,
        _ => out.line("These pauses stand in it, and hold again:")?,
    }
    for pause in pauses.iter().take(NAMED) {
        out.line(format!("  {}", plain(&pause_line(pause))))?;
    }
    more(out, pauses.len())?;
    let waits = |run: &&Run| matches!(run.state, RunState::Armed | RunState::Waiting(_));
    let waiting: Vec<&Run> = open.iter().filter(waits).collect();
    match waiting.len() {
        0 => out.line("No run waits in it.")?,
        _ => out.line("These runs wait in it; each is looked up at Orchestrator before it is sent:")?,
    }
    for run in waiting.iter().take(NAMED) {
        let line =
            format!("  `{}`, run {}, due {}: {}", run.schedule, run.id.short(), times::local(run.fire_at), run.state);
        out.line(plain(&line))?;
    }
    more(out, waiting.len())?;
    match open.len() - waiting.len() {
        0 => {}
        1 => out.line("One more open run of it may have a job, and is asked about.")?,
        others => out.line(format!("{others} more open runs of it may have a job, and are asked about."))?,
    }
    out.line(
        "What was due since then is looked up in the same way, and sent only if Orchestrator shows no job of it.",
    )?;
    out.line(
        "The daemon that wrote the copy must not run any more, on whichever machine: two of one installation start everything twice.",
    )?;
    out.line(format!("What is in {} now is set aside; nothing is removed.", plain(&state.display().to_string())))?;
    Ok(())
}

fn more(out: &mut Out, many: usize) -> io::Result<()> {
    match many.checked_sub(NAMED).filter(|more| *more > 0) {
        Some(more) => out.line(format!("  and {more} more")),
        None => Ok(()),
    }
}

fn pause_line(pause: &Pause) -> String {
    let Pause { scope, reason, actor, since, until } = pause;
    let until = until.map(|until| format!(" until {}", times::local(until))).unwrap_or_default();
    let reason = reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{scope}, by {actor} since {}{until}{reason}", times::local(*since))
}

/// What is put back decides about starts: a person says so, or `--yes` did.
fn agreed(args: &RestoreArgs) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    match agree("Put it back?")? {
        Agreed::Yes => Ok(()),
        Agreed::No => Err(Failure::new(Exit::Usage, "the copy was not put back; nothing was changed")),
        Agreed::Nobody => {
            let why = "nobody can be asked whether the copy is to be put back; nothing was changed";
            Err(Failure::new(Exit::Usage, why).hint("say `--yes` when you have read what is said above"))
        }
    }
}

fn done(out: &mut Out, args: &RestoreArgs, ready: &Ready, given: &Given) -> io::Result<()> {
    out.line("The copy is in its place.")?;
    let replaced = ready.replaced();
    let undo = match replaced.exists() {
        true => {
            let force = if ready.other.is_some() { "--force " } else { "" };
            format!("; `punctual restore {force}{}` puts that back", in_shell(&replaced))
        }
        false => String::new(),
    };
    out.line(given.in_text(&format!("What was there is kept in {}{undo}.", ready.aside().display())))?;
    out.line(given.in_text(match args.paused {
        true => "Start the daemon (a service: `sudo systemctl start punctual`); it starts nothing until `punctual resume --all`.",
        false => "Start the daemon (a service: `sudo systemctl start punctual`).",
    }))
}

fn held(cause: &StateFolderError) -> Failure {
    let StateFolderError::Held { path, holder } = cause else { return folder_failure(cause) };
    let stop = match holder {
        Some(holder) => format!("`sudo systemctl stop punctual` if it is the service, else `kill {}`", holder.pid),
        None => format!("`fuser {}` shows its number", in_shell(&path.join("lock"))),
    };
    Failure::from_error(Exit::Held, cause)
        .hint(format!("a copy is put back only where no daemon runs: stop it ({stop}), and start it again afterwards"))
}

fn failure(cause: &RestoreError, state: &Path) -> Failure {
    let untouched = "the database that is there was not changed";
    let (exit, hint) = match cause {
        RestoreError::Copy(cause) => return backup::failure(cause),
        RestoreError::Unreadable { .. } | RestoreError::NoDatabase(_) | RestoreError::NotOurs(_) => (
            Exit::Usage,
            format!(
                "name a file that `punctual backup` made, or one of the nightly copies: `ls {}`; {untouched}",
                in_shell(&state.join("copies"))
            ),
        ),
        RestoreError::Itself(_) => (Exit::Usage, "name a copy of it".to_owned()),
        RestoreError::Damaged { .. } => (Exit::Usage, format!("take another copy; {untouched}")),
        RestoreError::Newer { .. } => (Exit::Usage, format!("put it back with that version; {untouched}")),
        RestoreError::OtherInstallation { .. } => (
            Exit::Usage,
            format!(
                "if this machine is to take the place of that one, whose daemon must not run any more: the same with `--force`; \
                 {untouched}"
            ),
        ),
        RestoreError::Store(_) | RestoreError::Files { .. } => {
            (Exit::NotReachable, "look at the disk of the state folder, and say it again".to_owned())
        }
    };
    Failure::from_error(exit, cause).hint(hint)
}
