//! `punctual resolve`: decide about a run that is held, or whose job cannot be read.
//!
//! Only a running daemon can do it: the decision has to come between two of its own.

use uuid::Uuid;

use super::args::{Global, ResolveArgs};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use super::reads::run_of;
use crate::web::{Decided, Decision};

pub(super) async fn run(global: &Global, args: &ResolveArgs, out: &mut Out) -> Result<Exit, Failure> {
    let decision = match args.decision.as_str() {
        "start" => Decision::Start,
        "skip" => Decision::Skip,
        "lost" => Decision::Lost,
        key => Decision::Job(Uuid::parse_str(key).map_err(|_| {
            Failure::new(Exit::Usage, format!("`{}` is not `start`, `skip`, `lost` or the key of a job", plain(key)))
                .hint("a job's key is shown in Orchestrator under the job's details, as in 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed")
        })?),
    };
    let client = Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, and only a running one can resolve a run")
            .hint("start it with `punctual daemon`, or say where its socket is with `--socket`")
    })?;
    let run = run_of(&client, &args.run).await?;
    let answer: Decided = client.act(&format!("/runs/{}/resolve", run.run), &decision, &args.once).await?;
    out.line(format!("{}: {}", run.schedule, plain(&answer.answer)))?;
    Ok(Exit::Fine)
}
