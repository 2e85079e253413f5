//! `punctual why`: why a time ran or did not, past or to come.

use owo_colors::OwoColorize;

use super::args::{Global, ObjectFormat, WhyArgs};
use super::client::segment;
use super::failure::{Exit, Failure};
use super::files::tell;
use super::given::Given;
use super::output::{Out, plain};
use super::reads::Reads;
use super::times;
use crate::clock::Clock;
use crate::history::History;
use crate::schedule::{ScheduleSet, load};
use crate::web::{HeldNow, WhyAnswer};

pub(super) async fn run(global: &Global, args: &WhyArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let at = (!args.time.is_empty()).then(|| args.time.join(" "));
    let why = match Reads::find(global).await? {
        Reads::Daemon(client) => {
            let mut path = format!("/schedules/{}/why", segment(&args.schedule));
            if let Some(at) = &at {
                path.push_str(&format!("?at={}", segment(at)));
            }
            client.get(&path).await?
        }
        Reads::Files(history) => from_files(global, Some(history), &args.schedule, at, clock).await?,
        Reads::Nothing(_) => from_files(global, None, &args.schedule, at, clock).await?,
    };
    match args.output {
        ObjectFormat::Table => print(&why, &Given::of(global), out)?,
        ObjectFormat::Json => {
            let text = serde_json::to_string_pretty(&why);
            out.line(text.map_err(|cause| Failure::new(Exit::Fault, cause.to_string()))?)?;
        }
    }
    Ok(Exit::Fine)
}

async fn from_files(
    global: &Global,
    history: Option<History>,
    schedule: &str,
    at: Option<String>,
    clock: &Clock,
) -> Result<WhyAnswer, Failure> {
    let now = clock.now();
    // The past needs no files, so files with a mistake are no reason not to answer.
    let loaded = load(&global.config_paths(), now);
    if let Err(invalid) = &loaded {
        tell(&invalid.diagnostics);
    }
    let (none, set) = (ScheduleSet::default(), loaded.as_ref().ok().map(|loaded| &loaded.set));
    let held = match &history {
        Some(history) => HeldNow::of(&history.held_back(now).await?),
        None => HeldNow::default(),
    };
    let mut holds = held.under(set.unwrap_or(&none));
    let answer = WhyAnswer::ask(history.as_ref(), set, &mut holds, (schedule, at.as_deref()), now).await;
    if let Some(history) = history {
        history.close().await;
    }
    Ok(answer?)
}

fn print(why: &WhyAnswer, given: &Given, out: &mut Out) -> Result<(), Failure> {
    let (there, here) = (plain(&why.local), times::local_text(&why.nominal_at));
    let here = if there == here { String::new() } else { format!(" ({here} here)") };
    out.line(format!("{} at {there} in {}{here}", plain(&why.schedule).bold(), plain(&why.zone)))?;
    out.line("")?;
    out.line(format!("  {}.", begin_large(&times::local_in(&plain(&why.sentence)))))?;
    if !why.evidence.is_empty() {
        out.line("")?;
    }
    for line in &why.evidence {
        out.line(format!("  {}", times::local_in(&plain(line))))?;
    }
    if let Some(cure) = &why.cure {
        out.line("")?;
        out.line(format!("  then: {}", given.in_text(&plain(cure))))?;
    }
    Ok(())
}

fn begin_large(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |letter| letter.to_uppercase().chain(rest).collect())
}
