//! `punctual backfill`: times of the past are made good, one after another.
//!
//! What ran already is only taken when that is asked for and confirmed: a robot that pays twice cannot be called back.

use super::agree::{Agreed, agree};
use super::args::{Format, Global};
use super::by_hand_args::BackfillArgs;
use super::client::{Client, segment};
use super::failure::{Exit, Failure};
use super::grid::{Cell, Grid};
use super::output::{Columns, Out, plain};
use super::start::{daemon, overlap};
use crate::policy::backfill::Kind;
use crate::run::RunId;
use crate::text::counted;
use crate::web::{BackfillAnswer, BackfillRequest, BackfillTime, StopAnswer, StopRequest};

impl Columns for BackfillTime {
    const COLUMNS: &'static [&'static str] = &["nominal_at", "local", "kind", "run"];
}

/// So many times are shown to people; `-o json` has all.
const SHOWN: usize = 40;

pub(super) async fn run(global: &Global, args: &BackfillArgs, out: &mut Out) -> Result<Exit, Failure> {
    let overlap = overlap(&args.how)?;
    let client = daemon(global).await?;
    let path = format!("/schedules/{}/backfill", segment(&args.schedule));
    if args.cancel {
        return cancel(&client, &path, args, out).await;
    }
    let request = BackfillRequest {
        from: args.from.clone().unwrap_or_default(),
        until: args.until.clone(),
        include: args.include.clone(),
        overlap,
        dry_run: args.dry_run,
        reason: args.how.act.reason.clone(),
    };
    let includes_ran = args.include.iter().any(|kind| kind == Kind::Ran.name());
    if includes_ran && !args.yes && !args.dry_run {
        let would: BackfillAnswer = client.post(&path, &BackfillRequest { dry_run: true, ..request.clone() }).await?;
        let ran = would.times.iter().filter(|time| time.kind == Kind::Ran.name()).count();
        if ran > 0 && !confirmed(&plain(&args.schedule), ran)? {
            return Ok(Exit::Found);
        }
    }
    let answer: BackfillAnswer = client.act(&path, &request, &args.how.act.once).await?;
    show(args, &answer, out)?;
    Ok(Exit::Fine)
}

async fn cancel(client: &Client, path: &str, args: &BackfillArgs, out: &mut Out) -> Result<Exit, Failure> {
    let request = StopRequest { kill: false, reason: args.how.act.reason.clone() };
    let answer: StopAnswer = client.act(&format!("{path}/cancel"), &request, &args.how.act.once).await?;
    let runs = match answer {
        StopAnswer::Waiting { runs } => runs.len(),
        StopAnswer::Cancelled | StopAnswer::EndedAsItsJob { .. } | StopAnswer::Asked { .. } | StopAnswer::LookedUp => 0,
    };
    out.line(format!(
        "`{}`: {} called off that had not been sent",
        plain(&args.schedule),
        counted(runs, "back-fill run")
    ))?;
    Ok(Exit::Fine)
}

/// Whether a person wants times to run that ran already.
fn confirmed(schedule: &str, ran: usize) -> Result<bool, Failure> {
    let what = format!("{} of `{schedule}` ran already, and would run again", counted(ran, "time"));
    match agree(&format!("{what}. Start them?"))? {
        Agreed::Yes => Ok(true),
        Agreed::No => Ok(false),
        Agreed::Nobody => Err(Failure::new(Exit::Usage, what).hint("`--dry-run` shows which; `--yes` starts them")),
    }
}

fn show(args: &BackfillArgs, answer: &BackfillAnswer, out: &mut Out) -> Result<(), Failure> {
    let schedule = plain(&args.schedule);
    if args.output != Format::Table {
        return out.rows(args.output, &answer.times, table);
    }
    let count = counted(answer.times.len(), "time");
    let what = match (answer.times.is_empty(), args.dry_run) {
        (true, _) => "nothing is to be made good in that range",
        (false, true) => "would be made good, one after another",
        (false, false) => "are made good, one after another",
    };
    out.line(if answer.times.is_empty() {
        format!("`{schedule}`: {what}")
    } else {
        format!("`{schedule}`: {count} {what}")
    })?;
    let shown: Vec<BackfillTime> = answer.times.iter().take(SHOWN).cloned().collect();
    if !shown.is_empty() {
        out.rows(Format::Table, &shown, table)?;
    }
    if answer.times.len() > shown.len() {
        out.line(format!("and {} more: `-o json` shows all", answer.times.len() - shown.len()))?;
    }
    if answer.more > 0 {
        out.line(format!("{} more are left in the range: one call takes {}", answer.more, answer.times.len()))?;
    }
    for (why, count) in &answer.left {
        out.line(format!("not taken: {} {}", counted(*count, "time"), left(&plain(why))))?;
    }
    Ok(())
}

/// Why times are not taken, and how they would be.
fn left(why: &str) -> String {
    match why {
        "open" => "whose run is open".to_owned(),
        "succeeded" => "that succeeded: `--include ran` takes them too".to_owned(),
        "other" => "that nobody wanted to run, or about which a person has decided: `punctual start SCHEDULE --nominal TIME` starts one"
            .to_owned(),
        "ran" => "that ran and failed: `punctual retry RUN` repeats one, `--include ran` takes all".to_owned(),
        kind => format!("({kind}): `--include {kind}` takes them"),
    }
}

fn table(times: &[BackfillTime]) -> Grid {
    let mut shown = Grid::new(&["TIME", "WAS", "RUN"]);
    for time in times {
        shown.row([
            Cell::new(plain(&time.local)),
            Cell::new(plain(&time.kind)),
            Cell::new(time.run.map(|run| RunId(run).short().to_string()).unwrap_or_default()),
        ]);
    }
    shown
}
