//! What holds schedules back: a person who pauses and resumes through the socket while daemons are killed, and what pauses
//! and windows must make of jobs and rows (semantics.md 29, 30).
//!
//! A command whose answer was lost with its daemon is given again, so of each pause it is known from when it held for
//! certain, and from when it perhaps did not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::{Clock, earlier, later};
use punctual::history::RunSummary;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::dice::Dice;
use super::super::rig::in_time;
use super::checker::{Finding, Law, Made, find};
use super::file::{Kind, Under};

/// Stands with each time that is skipped.
const REASON: &str = "the torture pauses it";

/// A start that had left when the pause was confirmed, or the window began, reaches the server within this.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// The server counts time by another of this machine's clocks.
const CLOCKS: Duration = Duration::from_millis(200);

/// One pause, as the person knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    pub(super) asked: Timestamp,
    /// From then on it holds for certain.
    pub(super) confirmed: Option<Timestamp>,
    /// Until then.
    pub(super) resume_asked: Option<Timestamp>,
    /// From then on it certainly does not.
    pub(super) resumed: Option<Timestamp>,
}

impl Pause {
    /// Whether it held for certain.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.confirmed.is_some_and(|from| from <= at) && self.resume_asked.is_none_or(|until| at < until)
    }

    fn may_hold(&self, at: Timestamp) -> bool {
        self.asked <= at && self.resumed.is_none_or(|until| at < until)
    }
}

/// A person who pauses and resumes the schedule `held`, again and again.
pub(super) struct Person {
    pauses: Arc<Mutex<Vec<Pause>>>,
    leave: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Person {
    pub(super) fn begin(state_dir: &Path, clock: &Clock, dice: Dice) -> Person {
        let pauses = Arc::new(Mutex::new(Vec::new()));
        let (leave, leaves) = watch::channel(false);
        let hand = Hand { socket: state_dir.join("punctual.sock"), clock: clock.clone(), pauses: pauses.clone() };
        let task = tokio::spawn(hand.go_on(dice, leaves));
        Person { pauses, leave, task }
    }

    /// The pauses so far.
    pub(super) fn pauses(&self) -> Vec<Pause> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends what is paused, for which a daemon must run.
    pub(super) async fn leave(self) -> Vec<Pause> {
        self.leave.send_replace(true);
        in_time("the last resume", self.task).await.expect("the person has no trouble");
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Hand {
    socket: PathBuf,
    clock: Clock,
    pauses: Arc<Mutex<Vec<Pause>>>,
}

impl Hand {
    async fn go_on(self, mut dice: Dice, mut leaves: watch::Receiver<bool>) {
        while self.waits(Duration::from_millis(1_000 + dice.throw(4_000)), &mut leaves).await {
            // A plain name, and a pattern.
            let scopes = json!([{ "schedule": if dice.percent(50) { "held" } else { "hel*" } }]);
            let asked = self.now();
            self.note(|pauses| pauses.push(Pause { asked, confirmed: None, resume_asked: None, resumed: None }));
            self.ask("/api/v1/pauses", &json!({ "scopes": scopes, "reason": REASON, "until": null })).await;
            self.note_last(|pause, now| pause.confirmed = Some(now));
            self.waits(Duration::from_millis(3_000 + dice.throw(9_000)), &mut leaves).await;
            self.note_last(|pause, now| pause.resume_asked = Some(now));
            self.ask("/api/v1/pauses/end", &json!({ "scopes": scopes })).await;
            self.note_last(|pause, now| pause.resumed = Some(now));
        }
    }

    /// Pauses begin and end in whole milliseconds.
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now().as_millisecond()).expect("an instant")
    }

    /// Waits; whether the person stays.
    async fn waits(&self, length: Duration, leaves: &mut watch::Receiver<bool>) -> bool {
        tokio::select! {
            _ = leaves.wait_for(|leaves| *leaves) => false,
            () = self.clock.sleep(length) => true,
        }
    }

    fn note(&self, note: impl FnOnce(&mut Vec<Pause>)) {
        note(&mut self.pauses.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn note_last(&self, note: impl FnOnce(&mut Pause, Timestamp)) {
        let now = self.now();
        self.note(|pauses| note(pauses.last_mut().expect("one was asked for"), now));
    }

    /// Asks until a daemon says that it is done.
    async fn ask(&self, path: &str, body: &Value) {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: punctual\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        while !self.call(&request).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    async fn call(&self, request: &str) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// What holds of the jobs at any moment.
pub(super) fn judge_held(made: &[Made], pauses: &[Pause]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in made {
        let (due, at) = (one.due, one.job.created_at);
        match one.kind.under {
            Under::Nothing => {}
            Under::Pauses => {
                // What has left may arrive a moment later; what came due meanwhile never left.
                let broken =
                    |pause: &&Pause| pause.holds(due) || pause.holds(at) && pause.holds(earlier(at, ON_ITS_WAY));
                if let Some(pause) = pauses.iter().find(broken) {
                    findings.push(find(Law::Paused, format!("{one} was made at {at} in spite of {pause:?}")));
                }
            }
            Under::Wait(windows) | Under::Skip(windows) => {
                let inside = windows.at(later(at, CLOCKS)).filter(|window| {
                    windows.at(due) == Some(*window) || windows.at(earlier(at, ON_ITS_WAY)) == Some(*window)
                });
                if let Some(window) = inside {
                    findings.push(find(Law::Window, format!("{one} was made at {at}, in {window:?}")));
                }
                match (one.kind.under, windows.at(due)) {
                    (Under::Wait(_), Some(window)) if due != window.last() => {
                        findings.push(find(Law::Window, format!("{one} is not the last of {window:?}")));
                    }
                    (Under::Skip(_), Some(window)) => {
                        findings.push(find(Law::Window, format!("{one} is of a time in {window:?}")));
                    }
                    (Under::Nothing | Under::Pauses | Under::Wait(_) | Under::Skip(_), _) => {}
                }
            }
        }
    }
    findings
}

/// What holds of the rows when all has been calm for a while.
pub(super) fn judge_held_rows(runs: &[RunSummary], pauses: &[Pause]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for run in runs {
        let Some(kind) = Kind::of(&run.schedule) else { continue };
        let due: Timestamp = run.nominal_at.parse().expect("an instant");
        let reason = run.state.reason().filter(|_| run.state.name() == "skipped");
        let (law, held_as, must, may) = match kind.under {
            Under::Nothing => continue,
            Under::Pauses => {
                let holds = pauses.iter().any(|pause| pause.holds(due));
                (Law::Paused, "paused", holds, pauses.iter().any(|pause| pause.may_hold(due)))
            }
            Under::Wait(windows) => {
                let makes_way = windows.at(due).is_some_and(|window| due != window.last());
                (Law::Window, "blackout", makes_way, makes_way)
            }
            Under::Skip(windows) => {
                let inside = windows.at(due).is_some();
                (Law::Window, "blackout", inside, inside)
            }
        };
        let is_held = reason == Some(held_as);
        let named = || format!("`{}` of {due}, which is {} ({:?})", run.schedule, run.state.name(), run.note);
        if must && !is_held {
            findings.push(find(law, format!("{} is not held back: {pauses:?}", named())));
        }
        if is_held && !may {
            findings.push(find(law, format!("{} is held back for nothing: {pauses:?}", named())));
        }
        if held_as == "paused" && is_held && !run.note.as_ref().is_some_and(|note| note.ends_with(REASON)) {
            findings.push(find(law, format!("{} does not say why it was paused", named())));
        }
    }
    findings
}
