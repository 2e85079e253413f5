//! `punctual show`: all that is known of one run.

use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::args::{Format, Global, ShowArgs};
use super::failure::{Exit, Failure};
use super::given::Given;
use super::grid::Grid;
use super::output::{Out, plain};
use super::reads::Reads;
use super::run_row::RunRow;
use super::runs::{cure, length, running, short, state};
use super::times;
use crate::clock::Clock;
use crate::history::{Details, JobLine, RunLine, RunSummary, Spans};
use crate::run::{Ending, FrozenPolicy, RunState};
use crate::schedule::{Retry, Timeouts};
use crate::text::exactly;
use crate::web::{RunStory, ShownRun};

pub(super) async fn run(global: &Global, args: &ShowArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let now = clock.now();
    let (shown, story) = Reads::find(global).await?.run(&args.run, global, now).await?;
    match args.output {
        Format::Table => {
            let ShownRun { run, spans: _, policy, job_link } = shown;
            let RunStory { lines, template, starts_allowed, to_stop, usual_ms, counts } = story;
            let details = Details { run: run.run.clone(), starts_allowed, to_stop, usual_ms, counts };
            let run = RunSummary { arguments: run.arguments.clone().or(template), ..run };
            let told = Told { policy, details: Some(&details), lines, link: job_link, given: Given::of(global), now };
            print(&run, &told, out)?;
        }
        Format::Json => {
            let text = serde_json::to_string_pretty(&shown);
            out.line(text.map_err(|cause| Failure::new(Exit::Fault, cause.to_string()))?)?;
        }
        Format::Ndjson | Format::Csv => {
            out.rows(args.output, &[RunRow::of(shown.run, shown.spans)], |_| Grid::default())?;
        }
    }
    Ok(Exit::Fine)
}

/// What is known next to the run's row.
struct Told<'d> {
    policy: Option<FrozenPolicy>,
    details: Option<&'d Details>,
    lines: Vec<RunLine>,
    link: Option<String>,
    given: Given,
    now: Timestamp,
}

fn print(run: &RunSummary, told: &Told<'_>, out: &mut Out) -> Result<(), Failure> {
    let Told { policy, details, lines, link, given, now } = told;
    let details = *details;
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
    field("asked by", run.actor.as_deref().map(plain))?;
    field("repeats", run.retry_of.as_deref().map(short))?;
    field("made good", run.made_good_by.as_deref().map(|id| format!("by run {}", short(id))))?;
    field("note", run.note.as_deref().map(plain))?;
    field("error", run.error.as_deref().map(plain))?;
    field("cure", cure(run, details).map(|cure| given.in_text(&cure)))?;
    field("trace id", run.trace_id.as_deref().map(plain))?;
    field("process", run.process.as_deref().map(plain))?;
    field("folder", run.folder.as_deref().map(plain))?;
    field("connection", Some(run.connection.clone()))?;
    field("policy", policy.as_ref().map(frozen))?;
    field("claimed", Some(times::local_text(&run.claimed_at)))?;
    field("sent", run.sent_at.as_deref().map(times::local_text))?;
    field("accepted", run.accepted_at.as_deref().map(times::local_text))?;
    field("started", run.started_at.as_deref().map(times::local_text))?;
    field("ended", run.ended_at.as_deref().map(times::local_text))?;
    field("took", took(run, details, *now))?;
    field("waits until", run.waiting_until.as_deref().map(times::local_text))?;
    let filled = if run.is_filled() { "" } else { "not filled in, since it was not sent: " };
    field("arguments", run.arguments.as_ref().map(|arguments| format!("{filled}{}", json(arguments))))?;
    field("output", run.output.as_ref().map(json))?;
    for job in &run.jobs {
        let number = match (job.job_id, &job.job_key) {
            (Some(id), _) => format!("job {id}"),
            (None, Some(_)) => "job".to_owned(),
            (None, None) => without_job(run).to_owned(),
        };
        let key = job.job_key.as_deref().unwrap_or_default();
        let state = job.state.as_deref().unwrap_or_default();
        let mut text = format!("{number} {} {key}", plain(state)).trim_end().to_owned();
        // Of the only attempt the run itself tells when.
        let when = if run.jobs.len() > 1 { when(job) } else { None };
        for more in when.into_iter().chain(whose_fault(job)).chain(who_stopped(job, details)) {
            text.push_str(&format!("\n              {more}"));
        }
        text.push_str(&format!("\n              reference {}", job.reference));
        field(&format!("attempt {}", job.attempt), Some(text))?;
    }
    field("link", link.clone())?;
    out.line("")?;
    for line in lines {
        let name = line.state.to_string();
        out.line(format!("  {}  {name:<20} {}", times::local_ms(&line.at), plain(&line.text)))?;
    }
    Ok(())
}

/// `0.1s late, 3.0s pending, 8m 00s running`, and what is usual for one that goes on.
fn took(run: &RunSummary, details: Option<&Details>, now: Timestamp) -> Option<String> {
    let Spans { late_ms, pending_ms, running_ms } = Spans::of(run, now);
    let spans = [(late_ms, "late"), (pending_ms, "pending"), (running_ms, "running")];
    let spans = spans.into_iter().filter(|(ms, _)| ms.is_some()).map(|(ms, what)| format!("{} {what}", length(ms)));
    let spans = spans.collect::<Vec<_>>().join(", ");
    let parts: Vec<String> =
        [spans].into_iter().filter(|spans| !spans.is_empty()).chain(running(run, details, now)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What its schedule said of pool, priority, retry and time-out when it was claimed, in one line.
fn frozen(policy: &FrozenPolicy) -> String {
    let FrozenPolicy { pool, priority, retry, timeout, .. } = policy;
    let pool = pool.as_deref().map(|pool| format!("pool {}", plain(pool)));
    let priority = (*priority != 0).then(|| format!("priority {priority}"));
    let retry = retry
        .as_ref()
        .map(|Retry { attempts, delay, .. }| format!("{attempts} attempts, the next after {}", exactly(*delay)));
    let timeout = timeout.as_ref().map(|Timeouts { pending, soft, at, .. }| {
        let pending = pending.map(|pending| format!("pending {}", exactly(pending)));
        let soft = soft.map(|soft| format!("soft {}", exactly(soft)));
        let at = at.map(|at| format!("at {}", at.strftime("%H:%M")));
        let limits: Vec<String> = [pending, soft, at].into_iter().flatten().collect();
        if limits.is_empty() { "no time-out".to_owned() } else { format!("time-out {}", limits.join(", ")) }
    });
    [
        pool.unwrap_or_else(|| "no pool".to_owned()),
        priority.unwrap_or_else(|| "priority 0".to_owned()),
        retry.unwrap_or_else(|| "no retry".to_owned()),
        timeout.unwrap_or_else(|| "no time-out".to_owned()),
    ]
    .join("; ")
}

/// When an attempt was made and its job went, as far as it is known.
fn when(job: &JobLine) -> Option<String> {
    let told = [
        ("due", job.due_at.as_deref().filter(|_| job.sent_at.is_none())),
        ("sent", job.sent_at.as_deref()),
        ("started", job.started_at.as_deref()),
        ("ended", job.ended_at.as_deref()),
    ];
    let told = told.into_iter().filter_map(|(name, at)| Some(format!("{name} {}", times::local_text(at?))));
    let text = told.collect::<Vec<_>>().join(", ");
    (!text.is_empty()).then_some(text)
}

/// Whose fault it was that it failed (semantics.md 18).
fn whose_fault(job: &JobLine) -> Option<String> {
    let fault = job.fault.as_deref()?;
    let whose = match fault {
        "account" => "the robot's account was refused",
        "business" => "a business rule was broken",
        "infrastructure" => "the robot's machine, its session or a service",
        "application" => "the workflow",
        other => return Some(format!("fault: {}", plain(other))),
    };
    Some(match job.account.as_deref() {
        Some(account) => format!("fault: {whose} ({})", plain(account)),
        None => format!("fault: {whose}"),
    })
}

/// Why it was to stop (semantics.md 21a).
fn who_stopped(job: &JobLine, details: Option<&Details>) -> Option<String> {
    let by = job.stopped_by.as_deref()?;
    let why = match by {
        "pending" => "no robot took it in time".to_owned(),
        "soft" => "it ran for too long".to_owned(),
        "at" => "it may not run after that time of day".to_owned(),
        // Only the story knows which.
        "overlap" => match details.and_then(|details| details.to_stop.as_deref()) {
            Some(why) => plain(why),
            None => "a newer time takes its place".to_owned(),
        },
        person => format!("{} stopped it", plain(person)),
    };
    let at = job.stop_asked_at.as_deref().map(|at| format!(" at {}", times::local_text(at))).unwrap_or_default();
    Some(format!("to stop{at}: {why}"))
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
