//! A person who acts at random, and asks again under the same key until there is an answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use punctual::clock::Clock;
use punctual::history::{History, HistoryFilter};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::dice::Dice;
use super::super::rig::in_time;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Start,
    Retry,
    Stop,
    /// Whatever of a schedule waits.
    Waiting,
    Pause,
    Resume,
    Backfill,
    Resolve,
}

impl Kind {
    const ALL: [Kind; 8] =
        [Kind::Start, Kind::Retry, Kind::Stop, Kind::Waiting, Kind::Pause, Kind::Resume, Kind::Backfill, Kind::Resolve];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::Retry => "retry",
            Kind::Stop => "stop",
            Kind::Waiting => "waiting",
            Kind::Pause => "pause",
            Kind::Resume => "resume",
            Kind::Backfill => "backfill",
            Kind::Resolve => "resolve",
        }
    }
}

/// One act, with what the person was told at last.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) kind: Kind,
    /// Stands in its reason too, where it has one.
    pub(super) key: String,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) answer: Value,
    /// How often it was asked for.
    pub(super) asked: usize,
}

impl Act {
    pub(super) fn is_confirmed(&self) -> bool {
        self.status == 200
    }
}

/// One of those who act.
pub(super) struct People {
    acts: Arc<Mutex<Vec<Act>>>,
    leave: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl People {
    pub(super) fn begin(state_dir: &Path, clock: &Clock, dice: Dice, number: u64) -> People {
        let acts = Arc::new(Mutex::new(Vec::new()));
        let (leave, leaves) = watch::channel(false);
        let hand = Hand {
            state_dir: state_dir.to_owned(),
            clock: clock.clone(),
            acts: acts.clone(),
            name: format!("person-{number}"),
        };
        let task = tokio::spawn(hand.go_on(dice, leaves));
        People { acts, leave, task }
    }

    /// All that was done, the last of it answered, for which a daemon must run.
    pub(super) async fn leave(self) -> Vec<Act> {
        self.leave.send_replace(true);
        in_time("the last answer", self.task).await.expect("the person has no trouble");
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Somebody calls off what is to be made good and has not been started yet.
pub(super) async fn call_off(state_dir: &Path, clock: &Clock) -> Act {
    let name = "person-0".to_owned();
    let hand = Hand { state_dir: state_dir.to_owned(), clock: clock.clone(), acts: Arc::default(), name };
    let key = "person-0-1".to_owned();
    let body = json!({ "reason": key });
    hand.act(Kind::Waiting, key, "/schedules/tick/backfill/cancel".to_owned(), &body, false).await
}

struct Hand {
    state_dir: PathBuf,
    clock: Clock,
    acts: Arc<Mutex<Vec<Act>>>,
    name: String,
}

impl Hand {
    async fn go_on(self, mut dice: Dice, mut leaves: watch::Receiver<bool>) {
        let mut number = 0;
        loop {
            tokio::select! {
                _ = leaves.wait_for(|leaves| *leaves) => return,
                () = self.clock.sleep(Duration::from_millis(20 + dice.throw(400))) => {}
            }
            let kind = Kind::ALL[usize::try_from(dice.throw(Kind::ALL.len() as u64)).expect("a small number")];
            number += 1;
            let key = format!("{}-{number}", self.name);
            let Some((path, body)) = self.request(kind, &key, &mut dice).await else { continue };
            let act = self.act(kind, key, path, &body, dice.percent(15)).await;
            self.acts.lock().unwrap_or_else(PoisonError::into_inner).push(act);
        }
    }

    /// Where to ask and for what; none: there is nothing to do it to.
    async fn request(&self, kind: Kind, key: &str, dice: &mut Dice) -> Option<(String, Value)> {
        let reason = json!(key);
        Some(match kind {
            Kind::Start => {
                let schedules = ["quick", "flaky", "flaky", "long", "line", "line", "unclear", "unclear"];
                let schedule = schedules[usize::try_from(dice.throw(schedules.len() as u64)).ok()?];
                let overlap = if schedule == "line" { json!("queue_all") } else { Value::Null };
                (format!("/schedules/{schedule}/start"), json!({ "reason": reason, "overlap": overlap }))
            }
            Kind::Retry => {
                let run = self.some_run("flaky", "faulted", dice).await?;
                (format!("/runs/{run}/retry"), json!({ "reason": reason, "how": "as_it_was" }))
            }
            Kind::Stop => {
                let run = self.some_run("long", "running", dice).await?;
                (format!("/runs/{run}/stop"), json!({ "reason": reason, "kill": dice.percent(50) }))
            }
            Kind::Waiting => ("/schedules/line/stop".to_owned(), json!({ "reason": reason, "kill": false })),
            Kind::Pause => {
                ("/pauses".to_owned(), json!({ "scopes": [{ "schedule": "tick" }], "reason": reason, "until": null }))
            }
            Kind::Resume => ("/pauses/end".to_owned(), json!({ "scopes": [{ "schedule": "tick" }] })),
            Kind::Backfill => (
                "/schedules/tick/backfill".to_owned(),
                json!({ "from": "2026-01-01", "include": ["paused"], "reason": reason, "dry_run": false }),
            ),
            Kind::Resolve => {
                let run = self.some_run("unclear", "held", dice).await?;
                let decision = if dice.percent(50) { "start" } else { "skip" };
                (format!("/runs/{run}/resolve"), json!(decision))
            }
        })
    }

    async fn some_run(&self, schedule: &str, state: &str, dice: &mut Dice) -> Option<String> {
        let history = History::open(&self.state_dir).await.ok()?;
        let filter = HistoryFilter {
            schedules: vec![schedule.to_owned()],
            states: vec![state.to_owned()],
            limit: 20,
            ..HistoryFilter::default()
        };
        let runs = history.list(&filter).await.unwrap_or_default();
        history.close().await;
        let place = usize::try_from(dice.throw(runs.len().max(1) as u64)).ok()?;
        runs.get(place).map(|run| run.run.clone())
    }

    /// Asks until there is an answer; some ask twice at once, and must be told the same.
    async fn act(&self, kind: Kind, key: String, path: String, body: &Value, twice: bool) -> Act {
        let body = body.to_string();
        let request = format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: punctual\r\ncontent-type: application/json\r\nidempotency-key: {key}\r\nconnection: \
             close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut asked = 0;
        loop {
            asked += 1;
            let answered = if twice {
                let (one, other) = tokio::join!(self.call(&request), self.call(&request));
                if let (Some(one), Some(other)) = (&one, &other)
                    && one.0 == 200
                    && other.0 == 200
                {
                    assert_eq!(one, other, "two who ask under one key are told the same: {request}");
                }
                // A refusal is not kept: of two, one may have been refused and the other done.
                one.filter(|(status, _)| *status == 200).or(other)
            } else {
                self.call(&request).await
            };
            match answered {
                // It could not be stored, or the daemon is stopping: nothing was done.
                Some((status, answer)) if status < 500 => return Act { kind, key, path, status, answer, asked },
                Some(_) | None => self.clock.sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// None: no answer, or half of one.
    async fn call(&self, request: &str) -> Option<(u16, Value)> {
        let mut stream = UnixStream::connect(self.state_dir.join("punctual.sock")).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).ok()?))
    }
}
