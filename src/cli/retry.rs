//! `punctual retry`: a person has a run tried again, or its next attempt made at once.

use super::args::Global;
use super::by_hand_args::RetryArgs;
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use super::reads::run_of;
use super::start::{daemon, follow, overlap};
use crate::clock::Clock;
use crate::run::RunId;
use crate::web::{RetryAnswer, RetryHow, RetryRequest};

pub(super) async fn run(global: &Global, args: &RetryArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let how = match (args.as_now, args.now) {
        (_, true) => RetryHow::Now,
        (true, false) => RetryHow::AsNow,
        (false, false) => RetryHow::AsItWas,
    };
    let request =
        RetryRequest { how, overlap: overlap(&args.how)?, force: args.force, reason: args.how.act.reason.clone() };
    let client = daemon(global).await?;
    let old = run_of(&client, &args.run).await?;
    let answer: RetryAnswer = client.act(&format!("/runs/{}/retry", old.run), &request, &args.how.act.once).await?;
    let (schedule, again) = (plain(&old.schedule), old.short());
    let run = match answer {
        RetryAnswer::Repeated { run, file_differs } => {
            let run = RunId(run);
            out.line(format!("`{schedule}`: run {} repeats run {again}", run.short()))?;
            if file_differs {
                out.line(format!(
                    "Its file says something else by now: this run starts what was started then; `punctual retry {again} --as-now` starts \
                     what the file says"
                ))?;
            }
            Some(run)
        }
        RetryAnswer::Sent => {
            out.line(format!("`{schedule}`: the next attempt of run {again} is made now"))?;
            old.run.parse().ok().map(RunId)
        }
    };
    match run.filter(|_| args.wait) {
        Some(run) => follow(&client, run, clock, out).await,
        None => Ok(Exit::Fine),
    }
}
