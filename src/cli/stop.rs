//! `punctual stop`: a person stops a run, or whatever of a schedule waits.

use super::args::Global;
use super::by_hand_args::StopArgs;
use super::client::{Client, segment};
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use super::reads::run_of;
use crate::text::counted;
use crate::web::{StopAnswer, StopRequest};

pub(super) async fn run(global: &Global, args: &StopArgs, out: &mut Out) -> Result<Exit, Failure> {
    let client = Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, and only a running one can stop a run")
            .hint("start it with `punctual daemon`, or say where its socket is with `--socket`; a job can be stopped in Orchestrator")
    })?;
    let request = StopRequest { kill: args.kill, reason: args.act.reason.clone() };
    if args.waiting {
        let path = format!("/schedules/{}/stop", segment(&args.what));
        let answer: StopAnswer = client.act(&path, &request, &args.act.once).await?;
        out.line(format!("`{}`: {}", plain(&args.what), told(&answer)))?;
        return Ok(Exit::Fine);
    }
    let run = run_of(&client, &args.what).await?;
    let answer: StopAnswer = client.act(&format!("/runs/{}/stop", run.run), &request, &args.act.once).await?;
    out.line(format!("`{}`, run {}: {}", plain(&run.schedule), run.short(), told(&answer)))?;
    Ok(Exit::Fine)
}

fn told(answer: &StopAnswer) -> String {
    match answer {
        StopAnswer::Cancelled => "it had not been sent, and is cancelled".to_owned(),
        StopAnswer::EndedAsItsJob { state } => format!("no further attempt is made; it is {}", plain(state)),
        StopAnswer::Asked { kill: false } => "its job is asked to stop; `--kill` if it does not".to_owned(),
        StopAnswer::Asked { kill: true } => "its job is killed".to_owned(),
        StopAnswer::LookedUp => {
            "it may have been started, and is looked up: a job that is found is stopped, and without one it is cancelled"
                .to_owned()
        }
        StopAnswer::Waiting { runs } => format!("{} cancelled that had not been sent", counted(runs.len(), "run")),
    }
}
