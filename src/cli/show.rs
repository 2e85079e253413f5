//! `punctual show`: all that is known of one run.

use owo_colors::OwoColorize;
use serde_json::Value;

use super::args::{Format, Global, ShowArgs};
use super::failure::{Exit, Failure};
use super::output::{Out, plain};
use super::runs::{runs_table, state};
use super::times;
use crate::history::{Found, History, RunLine, RunSummary};
use crate::run::{Ending, RunState};
use crate::web::held_cure;

pub(super) async fn run(global: &Global, args: &ShowArgs, out: &mut Out) -> Result<Exit, Failure> {
    let history = History::open(&global.state_dir()).await?;
    let run = find_run(&history, &args.run).await?;
    match args.output {
        Format::Table => {
            let lines = history.lines(&run.run).await?;
            print(&run, &lines, out)?;
        }
        Format::Json => {
            let text =
                serde_json::to_string_pretty(&run).map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
            out.line(text)?;
        }
        Format::Ndjson | Format::Csv => out.rows(args.output, std::slice::from_ref(&run), runs_table)?,
    }
    history.close().await;
    Ok(Exit::Fine)
}

/// The run that a person names.
pub(super) async fn find_run(history: &History, named: &str) -> Result<RunSummary, Failure> {
    match history.find(named).await? {
        Found::One(run) => Ok(*run),
        Found::None => Err(Failure::new(Exit::Usage, format!("there is no run `{}`", plain(named)))
            .hint("`punctual runs` lists them; the end of an id is enough")),
        Found::Several(ids) => Err(Failure::new(Exit::Usage, format!("`{}` may mean several runs", plain(named)))
            .hint(format!("write more of it: {}", ids.join(", ")))),
    }
}

fn print(run: &RunSummary, lines: &[RunLine], out: &mut Out) -> Result<(), Failure> {
    out.line(format!("{} {}", run.schedule.bold(), state(run)))?;
    out.line("")?;
    let mut field = |name: &str, value: Option<String>| match value.filter(|value| !value.is_empty()) {
        Some(value) => out.line(format!("  {name:<12}{value}")),
        None => Ok(()),
    };
    field("run", Some(run.run.clone()))?;
    field("due", Some(format!("{}  ({} {} in its zone)", times::local_text(&run.nominal_at), run.local, run.offset)))?;
    if let Some(until) = &run.nominal_until {
        let count =
            run.count.map_or_else(|| "too many times to be counted".to_owned(), |count| format!("{count} times"));
        field("until", Some(format!("{}  ({count})", times::local_text(until))))?;
    }
    field("trigger", Some(run.trigger.to_string()))?;
    field("note", run.note.as_deref().map(plain))?;
    field("error", run.error.as_deref().map(plain))?;
    let is_held = run.state.known() == Some(RunState::Held);
    field("cure", is_held.then(|| held_cure(run)))?;
    field("trace id", run.trace_id.as_deref().map(plain))?;
    field("process", run.process.as_deref().map(plain))?;
    field("folder", run.folder.as_deref().map(plain))?;
    field("connection", Some(run.connection.clone()))?;
    field("claimed", Some(times::local_text(&run.claimed_at)))?;
    field("sent", run.sent_at.as_deref().map(times::local_text))?;
    field("accepted", run.accepted_at.as_deref().map(times::local_text))?;
    field("started", run.started_at.as_deref().map(times::local_text))?;
    field("ended", run.ended_at.as_deref().map(times::local_text))?;
    field("waits until", run.waiting_until.as_deref().map(times::local_text))?;
    field("arguments", run.arguments.as_ref().map(json))?;
    field("output", run.output.as_ref().map(json))?;
    for job in &run.jobs {
        let number = match (job.job_id, &job.job_key) {
            (Some(id), _) => format!("job {id}"),
            (None, Some(_)) => "job".to_owned(),
            (None, None) => without_job(run).to_owned(),
        };
        let key = job.job_key.as_deref().unwrap_or_default();
        let state = job.state.as_deref().unwrap_or_default();
        field(
            &format!("attempt {}", job.attempt),
            Some(
                format!("{number} {} {key}\n              reference {}", plain(state), job.reference)
                    .trim_end()
                    .to_owned(),
            ),
        )?;
    }
    out.line("")?;
    for line in lines {
        let name = line.state.to_string();
        out.line(format!("  {}  {name:<20} {}", times::local_ms(&line.at), plain(&line.text)))?;
    }
    Ok(())
}

/// What an attempt without a job has come to.
fn without_job(run: &RunSummary) -> &'static str {
    let Some(state) = run.state.known() else { return "no job known" };
    match state {
        RunState::Waiting(_) if run.sent_at.is_none() => "not sent yet",
        // Whether one was made is being found out, or a person is to say.
        RunState::Starting | RunState::Unknown | RunState::Held => "no job known yet",
        RunState::Ended(Ending::Lost) => "no job known",
        RunState::Armed | RunState::Waiting(_) | RunState::Job(_) => "no job yet",
        // It has ended, and a job that was made would be known.
        RunState::Ended(
            Ending::Succeeded
            | Ending::Faulted
            | Ending::Stopped
            | Ending::TimedOut
            | Ending::Rejected
            | Ending::Skipped(_)
            | Ending::Missed(_)
            | Ending::Cancelled,
        ) => "no job was made",
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}
