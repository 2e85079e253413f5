//! `punctual pause`, `resume` and `skip`: hold schedules back, and single coming times.
//!
//! Only a running daemon can do it: what is held back is decided between two of its own decisions.

use super::args::Global;
use super::client::{Client, segment};
use super::failure::{Exit, Failure};
use super::holding_args::{PauseArgs, ResumeArgs, Selection, SkipArgs};
use super::output::{Out, first_line, plain};
use super::times::{self, Ahead};
use crate::clock::Clock;
use crate::text::{NamePattern, listed};
use crate::web::{
    PauseLine, PauseRequest, Paused, ResumeRequest, Resumed, Scope, SkipAnswer, SkipRequest, SkipWay, StillHeld,
};

/// So many schedules are named one by one.
const NAMED: usize = 12;

pub(super) async fn pause(global: &Global, args: &PauseArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let (until, for_s) = match args.until.or(args.length.map(Ahead::In)) {
        Some(Ahead::In(length)) => (None, Some(length.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX))),
        Some(until @ (Ahead::At(_) | Ahead::Clock(_))) => (Some(until.resolve(clock.now())), None),
        None => (None, None),
    };
    let request = PauseRequest { scopes: scopes(&args.of), reason: args.reason.clone(), until, for_s };
    let paused: Paused = daemon(global).await?.act("/pauses", &request, &args.once).await?;
    let until = told_until(paused.until.as_deref());
    for (scope, schedules) in &paused.scopes {
        let one = matches!(scope, Scope::Schedule(key) if !NamePattern::new(key.as_str()).is_open());
        let names: Vec<String> = schedules.iter().map(|key| plain(key)).collect();
        let whom = match names.as_slice() {
            [_] if one => String::new(),
            [] => "; no schedule fits now, and it holds those that are added".to_owned(),
            names => format!(": {}", listed(names, NAMED)),
        };
        out.line(format!("{} is paused {until}{whom}", plain(&scope.to_string())))?;
    }
    for PauseLine { scope, actor, reason, since, until } in &paused.already {
        let until = until.as_deref().map(|until| format!(" until {}", times::local_text(until))).unwrap_or_default();
        let reason = reason.as_deref().map(|reason| format!(" ({})", first_line(reason))).unwrap_or_default();
        out.line(plain(&format!(
            "{actor} had paused {scope} already, since {}{until}{reason}; both pauses hold now, and `punctual {}` ends both",
            times::local_text(since),
            resume_of(scope)
        )))?;
    }
    Ok(Exit::Fine)
}

pub(super) async fn resume(global: &Global, args: &ResumeArgs, out: &mut Out) -> Result<Exit, Failure> {
    let request = ResumeRequest { scopes: scopes(&args.of) };
    let resumed: Resumed = daemon(global).await?.act("/pauses/end", &request, &args.once).await?;
    for (scope, ended) in &resumed.scopes {
        let text = match (ended, scope) {
            (0, Scope::All) => "there was no pause of everything, so none was ended".to_owned(),
            (0, _) => format!("{scope} had no pause of its own"),
            (_, _) => format!("{scope} is resumed"),
        };
        out.line(plain(&text))?;
    }
    for held in resumed.still.iter().take(NAMED) {
        out.line(still(held))?;
    }
    if let Some(more) = resumed.still.len().checked_sub(NAMED).filter(|more| *more > 0) {
        out.line(format!("and {more} more such lines: `punctual status` shows the pauses"))?;
    }
    Ok(if resumed.still.is_empty() { Exit::Fine } else { Exit::Found })
}

fn still(held: &StillHeld) -> String {
    let StillHeld { schedule, scope, actor, reason, until } = held;
    let reason = reason.as_deref().map(|reason| format!(" ({})", first_line(reason))).unwrap_or_default();
    let until = until.as_deref().map(|until| format!(" until {}", times::local_text(until))).unwrap_or_default();
    let command = resume_of(scope);
    plain(&format!("`{schedule}` is still held: {actor} paused {scope}{until}{reason}; `punctual {command}` ends that"))
}

/// What ends the pauses with just this scope.
fn resume_of(scope: &Scope) -> String {
    format!("resume {}", scope.clone().into_scope().arguments())
}

pub(super) async fn skip(global: &Global, args: &SkipArgs, out: &mut Out) -> Result<Exit, Failure> {
    let at = (!args.time.is_empty()).then(|| args.time.join(" "));
    let (how, what) =
        if args.undo { (SkipWay::Undo, "is not skipped any more") } else { (SkipWay::Skip, "is skipped") };
    let request = SkipRequest { at, how, reason: args.reason.clone() };
    let path = format!("/schedules/{}/skip", segment(&args.schedule));
    let answer: SkipAnswer = daemon(global).await?.act(&path, &request, &args.once).await?;
    out.line(format!("`{}`: its time {} {what}", plain(&answer.schedule), plain(&time_of(&answer))))?;
    Ok(Exit::Fine)
}

/// As its schedule's zone has it, and as the clock here has it where that shows another.
fn time_of(answer: &SkipAnswer) -> String {
    let here = times::local(answer.nominal_at);
    match (&answer.local, &answer.zone) {
        (Some(local), Some(zone)) if *local == here => format!("{local} in {zone}"),
        (Some(local), Some(zone)) => format!("{local} in {zone} ({here} here)"),
        (_, _) => here,
    }
}

fn scopes(of: &Selection) -> Vec<Scope> {
    let schedules = of.schedules.iter().cloned().map(Scope::Schedule);
    let connections = of.connection.iter().cloned().map(Scope::Connection);
    schedules.chain(connections).chain(of.all.then_some(Scope::All)).collect()
}

/// `--until` is read where this command runs, and not in the zone of any schedule: a pause may hold many.
fn told_until(until: Option<&str>) -> String {
    until.map_or_else(
        || "until it is resumed".to_owned(),
        |until| format!("until {} (the time of this machine)", times::local_text(until)),
    )
}

async fn daemon(global: &Global) -> Result<Client, Failure> {
    Client::find(global).await?.ok_or_else(|| {
        Failure::new(Exit::NotReachable, "no daemon answers, and only a running one can hold schedules back").hint(
            "start it with `punctual daemon`, or say where its socket is with `--socket`; what must not run until then gets \
             `enabled: false` in its schedule file, for a pause cannot be set before the daemon runs",
        )
    })
}
