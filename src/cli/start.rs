//! `punctual start`: a person starts a schedule's process by hand.

use std::time::Duration;

use super::args::Global;
use super::by_hand_args::{HowArgs, StartArgs};
use super::client::{Client, segment};
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use super::reads::run_of;
use crate::clock::Clock;
use crate::run::{Ending, RunId, RunState};
use crate::schedule::OverlapPolicy;
use crate::text::quoted;
use crate::web::{StartAnswer, StartRequest};

/// How often a run that is waited for is looked at.
const LOOKS: Duration = Duration::from_secs(1);

pub(super) async fn run(global: &Global, args: &StartArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let request = StartRequest {
        typed: args.arguments.iter().cloned().collect(),
        nominal: args.nominal.clone(),
        overlap: overlap(&args.how)?,
        force: args.force,
        reason: args.how.act.reason.clone(),
        ..StartRequest::default()
    };
    let client = daemon(global).await?;
    let path = format!("/schedules/{}/start", segment(&args.schedule));
    let answer: StartAnswer = client.act(&path, &request, &args.how.act.once).await?;
    let run = RunId(answer.run);
    out.line(format!("`{}`: run {}", plain(&args.schedule), run.short()))?;
    if let Some(paused) = &answer.paused {
        out.line(format!("The schedule is paused ({}); what a person starts runs all the same", plain(paused)))?;
    }
    if args.wait { follow(&client, run, clock, out).await } else { Ok(Exit::Fine) }
}

/// The daemon, without which nothing is started.
pub(super) async fn daemon(global: &Global) -> Result<Client, Failure> {
    Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, and only a running one can start a run")
            .hint("start it with `punctual daemon`, or say where its socket is with `--socket`")
    })
}

/// What was said about older runs.
pub(super) fn overlap(how: &HowArgs) -> Result<Option<OverlapPolicy>, Failure> {
    let read = |word: &str| {
        serde_json::from_value(word.into()).map_err(|_| {
            let words = OverlapPolicy::ALL.iter().filter_map(|policy| serde_json::to_value(policy).ok());
            let words: Vec<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
            Failure::new(Exit::Usage, format!("`{}` is no overlap policy", plain(word)))
                .hint(format!("there are {}", quoted(words)))
        })
    };
    how.overlap.as_deref().map(read).transpose()
}

/// Looks at a run until it has ended, and says how.
pub(super) async fn follow(client: &Client, run: RunId, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    out.flush()?;
    let id = run.to_string();
    let mut run = run_of(client, &id).await?;
    while run.state.known().is_none_or(|state| !state.is_final()) {
        clock.sleep(LOOKS).await;
        run = run_of(client, &id).await?;
    }
    out.line(format!("`{}`: run {} {}", plain(&run.schedule), run.short(), run.state))?;
    match run.state.known() {
        Some(RunState::Ended(Ending::Succeeded)) => Ok(Exit::Fine),
        Some(_) | None => Ok(Exit::Found),
    }
}
