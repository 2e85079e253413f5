//! `POST /reload`: the schedule files are read again, and who asked hears what came of it.
//!
//! Files with mistakes are an answer and not a refusal, so that the command can show each of them as `check` does, with its
//! line and mark.
//!
//! Absent: reading files, and what is too great a loss (`daemon`, `schedule`).

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::answer::{Body, Refusal, Why};
use super::control::Control;
use super::peer::Peer;
use super::reread::{Reloaded, Reread};
use crate::schedule::{Change, Diagnostic, Excerpt, Removals, Settings};

/// What is asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReloadRequest {
    /// Whether much may be lost.
    pub removals: Removals,
}

/// What became of it, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// Nothing was different.
    Unchanged,
    /// The new set holds.
    Taken,
    /// Too much would be lost: what was loaded goes on.
    HeldBack,
    /// The files have mistakes: what was loaded goes on.
    Wrong,
    /// A connection cannot be used: what was loaded goes on.
    Unusable,
}

/// What `punctual reload -o json` prints. Fields are stable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReloadReport {
    pub outcome: ReloadOutcome,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The files and folders that the daemon reads.
    pub paths: Vec<String>,
    /// How many schedules are loaded now.
    pub schedules: usize,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// With other times.
    pub retimed: Vec<String>,
    /// Changed otherwise.
    pub changed: Vec<String>,
    pub connections_added: Vec<String>,
    pub connections_removed: Vec<String>,
    pub connections_changed: Vec<String>,
    /// New, gone, or other windows.
    #[serde(default)]
    pub blackouts_changed: Vec<String>,
    /// New, gone, or of another size.
    #[serde(default)]
    pub pools_changed: Vec<String>,
    /// Whether `daemon` says something else.
    pub settings_changed: bool,
    /// What a set that is held back would take away.
    pub lost: Vec<String>,
    /// The rows of `check -o json`.
    pub diagnostics: Vec<Diagnostic>,
}

/// The report, and the lines that its diagnostics talk about, in their order: for people, who see them as `check` shows them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReloadAnswer {
    pub report: ReloadReport,
    pub excerpts: Vec<Vec<Excerpt>>,
}

impl ReloadAnswer {
    fn new(reread: Reread, paths: Vec<String>) -> Option<ReloadAnswer> {
        let Reread { outcome, warnings, schedules } = reread;
        let (mut hint, mut lost, mut diagnostics, mut change) = (None, Vec::new(), warnings, Change::default());
        let (outcome, message) = match outcome {
            Reloaded::Unchanged => (ReloadOutcome::Unchanged, "nothing has changed".to_owned()),
            Reloaded::Taken(taken) => {
                let message = format!("the changed files are taken: {taken}");
                change = taken;
                (ReloadOutcome::Taken, message)
            }
            Reloaded::HeldBack { loss, cure } => {
                let message = format!("held back: {loss}; what was loaded before goes on");
                hint = Some(cure);
                lost = names(&loss.lost);
                (ReloadOutcome::HeldBack, message)
            }
            Reloaded::Wrong(mistakes) => {
                diagnostics = mistakes;
                let message = "the files have mistakes and are not taken; what was loaded before goes on".to_owned();
                (ReloadOutcome::Wrong, message)
            }
            Reloaded::Unusable(error) => (
                ReloadOutcome::Unusable,
                format!("the files are not taken, and what was loaded before goes on: {error}"),
            ),
            Reloaded::Stopping => return None,
        };
        let excerpts = diagnostics.iter().map(|told| told.excerpts.clone()).collect();
        let Change {
            added,
            removed,
            retimed,
            changed,
            connections_added,
            connections_removed,
            connections_changed,
            blackouts,
            pools,
            settings,
        } = change;
        let report = ReloadReport {
            outcome,
            message,
            hint,
            paths,
            schedules,
            added: names(&added),
            removed: names(&removed),
            retimed: names(&retimed),
            changed: names(&changed),
            connections_added: names(&connections_added),
            connections_removed: names(&connections_removed),
            connections_changed: names(&connections_changed),
            blackouts_changed: blackouts,
            pools_changed: pools,
            settings_changed: settings == Settings::Changed,
            lost,
            diagnostics,
        };
        Some(ReloadAnswer { report, excerpts })
    }

    /// The diagnostics with their lines.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let with =
            |(told, excerpts): (&Diagnostic, &Vec<Excerpt>)| Diagnostic { excerpts: excerpts.clone(), ..told.clone() };
        self.report.diagnostics.iter().zip(&self.excerpts).map(with).collect()
    }
}

fn names<T: fmt::Display>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

pub(super) async fn reload(
    State(control): State<Arc<Control>>,
    Extension(peer): Extension<Peer>,
    Body(ReloadRequest { removals }): Body<ReloadRequest>,
) -> Result<Json<ReloadAnswer>, Refusal> {
    let paths = control.files.paths();
    let detail = match removals {
        Removals::Guarded => None,
        Removals::Accepted => Some("accept removals".to_owned()),
    };
    control.audit(&peer, "reload", &paths.join(", "), detail).await?;
    let reread = control.files.reread(removals).await;
    ReloadAnswer::new(reread, paths).map(Json).ok_or_else(|| {
        Refusal::new(Why::Unable, "the daemon is stopping").hint("its next start reads the files anyway")
    })
}
