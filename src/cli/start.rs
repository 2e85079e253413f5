//! `punctual start`: a person starts a schedule's process by hand.

use std::time::Duration;

use super::args::Global;
use super::by_hand_args::StartArgs;
use super::client::{Client, segment};
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use super::show::find_run;
use crate::clock::Clock;
use crate::history::History;
use crate::run::{Ending, RunState};
use crate::schedule::OverlapPolicy;
use crate::text::quoted;
use crate::web::{StartAnswer, StartRequest};

/// How often a run that is waited for is looked at.
const LOOKS: Duration = Duration::from_secs(1);

pub(super) async fn run(global: &Global, args: &StartArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let overlap = args.overlap.as_deref().map(|word| {
        serde_json::from_value(word.into()).map_err(|_| {
            let words = OverlapPolicy::ALL.iter().filter_map(|policy| serde_json::to_value(policy).ok());
            let words: Vec<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
            Failure::new(Exit::Usage, format!("`{}` is no overlap policy", plain(word)))
                .hint(format!("there are {}", quoted(words)))
        })
    });
    let request = StartRequest {
        typed: args.arguments.iter().cloned().collect(),
        overlap: overlap.transpose()?,
        force: args.force,
        reason: args.reason.clone(),
        ..StartRequest::default()
    };
    let client = Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, and only a running one can start a run")
            .hint("start it with `punctual daemon`, or say where its socket is with `--socket`")
    })?;
    let path = format!("/schedules/{}/start", segment(&args.schedule));
    let answer: StartAnswer = client.post(&path, &request).await?;
    let id = answer.run.to_string();
    let history = History::open(&global.state_dir()).await?;
    let ended = async {
        let mut run = find_run(&history, &id).await?;
        out.line(format!("`{}`: run {}", plain(&run.schedule), run.short()))?;
        while args.wait && run.state.known().is_none_or(|state| !state.is_final()) {
            clock.sleep(LOOKS).await;
            run = find_run(&history, &id).await?;
        }
        Ok::<_, Failure>(run)
    };
    let run = ended.await;
    history.close().await;
    let run = run?;
    if !args.wait {
        return Ok(Exit::Fine);
    }
    out.line(format!("`{}`: run {} {}", plain(&run.schedule), run.short(), run.state))?;
    match run.state.known() {
        Some(RunState::Ended(Ending::Succeeded)) => Ok(Exit::Fine),
        Some(_) | None => Ok(Exit::Found),
    }
}
