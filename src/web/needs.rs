//! What waits for a person, each with the very command that helps: what `status` shows first.
//!
//! From the files, so that it is the same with a daemon and without: runs that are held, stuck, or have two jobs, schedules that were paused
//! since their runs fail, and a database that was set aside. Only the daemon knows whether it can read a secret.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::instant::instant;
use crate::history::{RunSummary, Shown};
use crate::run::{DUPLICATE, HAD_BEGUN, HeldFor, Pause, PauseId, PauseScope, RunState, STUCK};
use crate::store::{StateFolder, damaged_databases};
use crate::text::in_shell;

/// Something that a person has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// `held`, `stuck`, `duplicate`, `lost`, `paused`, `storage` or `token` (semantics.md 43).
    pub kind: String,
    /// The run's id, the schedule, the file, or the connection.
    pub subject: String,
    /// What is the matter.
    pub text: String,
    /// What to do about it.
    pub cure: String,
}

impl Need {
    /// A secret that the daemon cannot read any more; its token lasts for a while yet.
    pub(super) fn secret(connection: &str, text: &str, cure: &str) -> Need {
        Need {
            kind: "token".to_owned(),
            subject: connection.to_owned(),
            text: format!(
                "connection `{connection}`: {text}; its access token lasts for a while yet and cannot be renewed"
            ),
            cure: cure.to_owned(),
        }
    }
}

/// The kinds that a person must act on (semantics.md 43): those of what there is to do, and `more`. A run that was given up is none of them:
/// its schedule goes on by itself.
pub(super) fn act_on(needs: &[Need], more: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    // A longer-lived name is a name all the same.
    let more = more.into_iter().map(|kind: &'static str| -> &str { kind });
    let of_needs = needs.iter().map(|need| need.kind.as_str()).filter(|kind| *kind != "lost");
    let kinds: BTreeSet<&str> = of_needs.chain(more).collect();
    kinds.into_iter().map(str::to_owned).collect()
}

/// What the files tell. `counting` are the runs that were given up and keep their schedules back.
pub(super) fn needs(
    open: &[RunSummary],
    counting: &[RunSummary],
    pauses: &[(PauseId, Pause)],
    state_dir: &Path,
) -> Vec<Need> {
    let held = open.iter().filter(|run| run.state.known() == Some(RunState::Held)).map(held);
    let ours = pauses.iter().map(|(_, pause)| pause).filter(|pause| pause.actor == Pause::BY_US);
    let stuck = open.iter().filter(|run| says(run.error.as_deref(), STUCK)).map(stuck);
    let duplicate =
        open.iter().filter(|run| says(run.note.as_deref(), DUPLICATE) && says(run.note.as_deref(), HAD_BEGUN));
    held.chain(stuck)
        .chain(duplicate.map(two_jobs))
        .chain(counting.iter().map(lost))
        .chain(ours.filter_map(paused))
        .chain(damaged_databases(state_dir).iter().map(|aside| damaged(aside, state_dir)))
        .collect()
}

/// Nobody asked for this pause.
fn paused(pause: &Pause) -> Option<Need> {
    let PauseScope::Schedules(schedule) = &pause.scope else { return None };
    let why = pause.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(Need {
        kind: "paused".to_owned(),
        subject: schedule.to_string(),
        text: format!("`{schedule}` starts nothing since {}{why}", instant(pause.since)),
        cure: format!("once that is mended: `punctual resume {}`", pause.scope.arguments()),
    })
}

fn says(text: Option<&str>, words: &str) -> bool {
    text.is_some_and(|text| text.contains(words))
}

/// Its job was stopped and killed, and goes on.
fn stuck(run: &RunSummary) -> Need {
    let short = run.short();
    let job = run.job_id.map(|id| format!("job {id} of ")).unwrap_or_default();
    Need {
        kind: "stuck".to_owned(),
        subject: run.run.clone(),
        text: format!("{job}`{}`, due {}, {STUCK}", run.schedule, run.nominal_at),
        cure: format!("if it is over in Orchestrator or will never end: `punctual resolve {short} lost`"),
    }
}

/// One start made two jobs, and both were at work before that was seen.
fn two_jobs(run: &RunSummary) -> Need {
    Need {
        kind: "duplicate".to_owned(),
        subject: run.run.clone(),
        text: format!(
            "`{}`, due {}, has two jobs: {}",
            run.schedule,
            run.nominal_at,
            run.note.as_deref().unwrap_or_default()
        ),
        cure: "look in Orchestrator whether both may run, and stop there the one that may not".to_owned(),
    }
}

/// What helps with a run that was given up and keeps its schedule back.
pub fn lost_cure(run: &RunSummary) -> String {
    format!("look in Orchestrator; if the job has ended: `punctual resolve {} lost`", run.short())
}

fn lost(run: &RunSummary) -> Need {
    let why = run.error.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    Need {
        kind: "lost".to_owned(),
        subject: run.run.clone(),
        text: format!(
            "`{}`, due {}, is lost; its job may still run, so its schedule starts nothing for an hour after it began{why}",
            run.schedule, run.nominal_at
        ),
        cure: lost_cure(run),
    }
}

/// What helps with a run that is held. Rows of before that was kept have no reason.
pub fn held_cure(run: &RunSummary) -> String {
    let why = match &run.held_for {
        Some(Shown::Known(why)) => *why,
        Some(Shown::Other(_)) | None => HeldFor::Person,
    };
    why.cure(run.short())
}

fn held(run: &RunSummary) -> Need {
    let why = run.error.as_deref().or(run.note.as_deref());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Need {
        kind: "held".to_owned(),
        subject: run.run.clone(),
        text: format!("`{}`, due {}, is held{why}", run.schedule, run.nominal_at),
        cure: held_cure(run),
    }
}

fn damaged(aside: &Path, state_dir: &Path) -> Need {
    let folder = state_dir.display();
    let anew = "its history begins anew, and what was started was asked of Orchestrator";
    let name = aside.file_name().unwrap_or_default().to_string_lossy();
    let rid = format!("if nothing of it is needed any more, `sudo sh -c 'rm {folder}/{name}*'`");
    let cure = match newest_copy(state_dir) {
        Some(copy) => format!(
            "to have the history back as of its newest copy: stop the daemon (`sudo systemctl stop punctual`), `sudo \
             punctual restore --state-dir {} {}`, and start it again; {rid}",
            in_shell(state_dir),
            in_shell(&state_dir.join("copies").join(copy))
        ),
        None => format!("there is no copy in `{folder}/copies` to go back to; {rid}"),
    };
    Need {
        kind: "storage".to_owned(),
        subject: aside.display().to_string(),
        text: format!(
            "the database `{}` was damaged and is set aside as `{}`; {anew}",
            StateFolder::database_path(state_dir).display(),
            aside.display()
        ),
        cure,
    }
}

fn newest_copy(state_dir: &Path) -> Option<String> {
    let entries = std::fs::read_dir(state_dir.join("copies")).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with("punctual-") && name.ends_with(".db")).max()
}
