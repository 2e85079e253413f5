//! `punctual why`: why a time ran or did not, past or to come.

use owo_colors::OwoColorize;
use serde::Serialize;

use super::args::{Global, ObjectFormat, WhyArgs};
use super::failure::{Exit, Failure};
use super::files::tell;
use super::given::Given;
use super::next::held;
use super::output::{Out, plain};
use super::times;
use crate::clock::Clock;
use crate::history::{History, HistoryError};
use crate::recurrence::spoken;
use crate::schedule::{ScheduleKey, ScheduleSet, load};
use crate::text::known_names;
use crate::why::{NoAnswer, NotMeant, Why};

/// As `-o json` prints it.
#[derive(Serialize)]
struct Object<'w> {
    schedule: &'w str,
    nominal_at: String,
    answer: &'w str,
    run: Option<&'w str>,
    reason: Option<&'w str>,
    sentence: String,
    evidence: Vec<String>,
    cure: Option<String>,
}

pub(super) async fn run(global: &Global, args: &WhyArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let now = clock.now();
    let history = match History::open(&global.state_dir()).await {
        Ok(history) => Some(history),
        Err(HistoryError::Missing(_)) => None,
        Err(cause) => return Err(cause.into()),
    };
    // The past needs no files, so files with a mistake are no reason not to answer.
    let loaded = load(&global.config_paths(), now);
    let none = ScheduleSet::default();
    let set = match &loaded {
        Ok(loaded) => &loaded.set,
        Err(invalid) => {
            tell(&invalid.diagnostics);
            &none
        }
    };
    let mut holds = held(global, now).await?.under(set);
    let schedule = set.schedules.get(args.schedule.as_str()).map(|schedule| &**schedule);
    let text = (!args.time.is_empty()).then(|| args.time.join(" "));
    let why = Why::ask(history.as_ref(), &args.schedule, schedule, &mut holds, text.as_deref(), now).await;
    if let Some(history) = history {
        history.close().await;
    }
    let why = why.map_err(|none| failure(none, loaded.is_ok().then_some(set), &args.schedule))?;
    match args.output {
        ObjectFormat::Table => print(&why, &Given::of(global), out)?,
        ObjectFormat::Json => {
            let text = serde_json::to_string_pretty(&object(&why));
            out.line(text.map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?)?;
        }
    }
    Ok(Exit::Fine)
}

fn object(why: &Why) -> Object<'_> {
    Object {
        schedule: &why.schedule,
        nominal_at: times::machine(why.nominal_at),
        answer: why.answer.name(),
        run: why.answer.run(),
        reason: why.answer.reason(),
        sentence: why.sentence(),
        evidence: why.evidence(),
        cure: why.cure(),
    }
}

fn print(why: &Why, given: &Given, out: &mut Out) -> Result<(), Failure> {
    let (there, here) = (spoken(&why.zone, why.nominal_at), times::local(why.nominal_at));
    let here = if there == here { String::new() } else { format!(" ({here} here)") };
    out.line(format!("{} at {there} in {}{here}", plain(&why.schedule).bold(), why.zone.name()))?;
    out.line("")?;
    out.line(format!("  {}.", begin_large(&times::local_in(&plain(&why.sentence())))))?;
    let evidence = why.evidence();
    if !evidence.is_empty() {
        out.line("")?;
    }
    for line in evidence {
        out.line(format!("  {}", times::local_in(&plain(&line))))?;
    }
    if let Some(cure) = why.cure() {
        out.line("")?;
        out.line(format!("  then: {}", given.in_text(&plain(&cure))))?;
    }
    Ok(())
}

fn begin_large(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |letter| letter.to_uppercase().chain(rest).collect())
}

/// `set`: what the files say, if they can be read.
fn failure(none: NoAnswer, set: Option<&ScheduleSet>, name: &str) -> Failure {
    match none {
        NoAnswer::History(cause) => cause.into(),
        NoAnswer::NoSchedule(_) => match set {
            Some(set) => Failure::new(Exit::Usage, plain(&none.to_string()))
                .hint(known_names(name, set.schedules.keys().map(ScheduleKey::as_str))),
            None => Failure::new(Exit::Usage, plain(&format!("the history has no schedule `{name}`")))
                .hint("mend the files first: what they say of it cannot be read"),
        },
        NoAnswer::NotMeant(NotMeant::Several { ref times, .. }) => {
            let times = times.join("`, `");
            Failure::new(Exit::Usage, plain(&format!("`{name}`: {none}"))).hint(format!("name one of them: `{times}` …"))
        }
        NoAnswer::NotMeant(NotMeant::Unreadable(_)) => Failure::new(Exit::Usage, plain(&none.to_string())).hint(
            "write a time of day such as `06:00`, a day such as `yesterday` or `2026-11-23`, both, or what `punctual runs` prints",
        ),
        NoAnswer::NotMeant(NotMeant::None) => Failure::new(Exit::Usage, plain(&format!("`{name}`: {none}"))),
    }
}
