//! `punctual runs --by-schedule`: one line a schedule, those that fail first.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::io::IsTerminal;
use std::time::Duration;

use super::args::Format;
use super::bars::{Bar, Script, bars};
use super::failure::{Exit, Failure};
use super::grid::{Cell, Grid};
use super::output::{Columns, Out, plain};
use super::runs_args::RunsArgs;
use super::times;
use crate::history::{Digest, Recent, ShownState};
use crate::text::{in_columns, roughly};

/// So many of the newest runs are shown on a narrow terminal.
const FEW: usize = 14;

/// As programs get it: instants in UTC, durations in milliseconds, the newest run first.
#[derive(Debug, Serialize)]
struct Line {
    schedule: String,
    last_success_at: Option<String>,
    usual_ms: Option<i64>,
    late_ms: Option<i64>,
    failed: usize,
    judged: usize,
    failing_since: Option<String>,
    open_since: Option<String>,
    runs: Vec<RunOf>,
}

#[derive(Debug, Serialize)]
struct RunOf {
    nominal_at: String,
    #[serde(flatten)]
    state: ShownState,
    took_ms: Option<i64>,
}

impl Columns for Line {
    const COLUMNS: &'static [&'static str] = &[
        "schedule",
        "last_success_at",
        "usual_ms",
        "late_ms",
        "failed",
        "judged",
        "failing_since",
        "open_since",
        "runs",
    ];
}

pub(super) fn show(mut digests: Vec<Digest>, args: &RunsArgs, now: Timestamp, out: &mut Out) -> Result<Exit, Failure> {
    digests.retain(|digest| !digest.runs.is_empty() && (!args.failed || digest.failed() > 0));
    // Those that fail now, then those of which some did, then the others; by name.
    digests.sort_by_key(|digest| (digest.failing_since().is_none(), digest.failed() == 0));
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let hidden = digests.len().saturating_sub(limit);
    digests.truncate(limit);
    if args.output == Format::Table && digests.is_empty() {
        let of = if args.failed { "No schedule has a run that failed" } else { "No schedule has a run" };
        out.line(format!("{of} in that time."))?;
        return Ok(Exit::Fine);
    }
    match args.output {
        Format::Table => {
            let script = Script::of(std::io::stdout().is_terminal(), |name| std::env::var(name).ok());
            let width = out.size().map(|size| size.columns);
            for line in table(&digests, script, now).lines(width) {
                out.line(line)?;
            }
            out.line("")?;
            out.line(script.legend())?;
            if hidden > 0 {
                out.line(format!("{hidden} more: `punctual runs --by-schedule -n {}`", limit.saturating_add(hidden)))?;
            }
        }
        Format::Json | Format::Ndjson | Format::Csv => {
            let lines: Vec<Line> = digests.iter().map(line).collect();
            out.rows(args.output, &lines, |_| Grid::default())?;
        }
    }
    Ok(Exit::Fine)
}

fn line(digest: &Digest) -> Line {
    let run = |run: &Recent| RunOf {
        nominal_at: times::machine(run.nominal_at),
        state: run.state.clone(),
        took_ms: run.took_ms(),
    };
    Line {
        schedule: digest.schedule.clone(),
        last_success_at: digest.last_success.map(times::machine),
        usual_ms: digest.usual_ms,
        late_ms: digest.late_ms,
        failed: digest.failed(),
        judged: digest.judged(),
        failing_since: digest.failing_since().map(times::machine),
        open_since: digest.open().and_then(|run| run.accepted_at).map(times::machine),
        runs: digest.runs.iter().map(run).collect(),
    }
}

fn table(digests: &[Digest], script: Script, now: Timestamp) -> Grid {
    let mut shown = Grid::new(&["SCHEDULE", "LAST RUNS", "USUAL", "LATE", "LAST SUCCESS", "NOTE"])
        .right(&[1, 2, 3])
        .spare(&[3, 4, 2]);
    for digest in digests {
        let runs = digest.runs.iter().rev();
        let runs: Vec<Bar> = runs.map(|run| Bar { state: run.state.known(), took_ms: run.took_ms() }).collect();
        let (text, tints) = bars(&runs, script);
        let few: String = text.chars().skip(runs.len().saturating_sub(FEW)).collect();
        let length = |ms: Option<i64>| ms.map(|ms| in_columns(SignedDuration::from_millis(ms))).unwrap_or_default();
        let success = digest.last_success.map(|at| Cell::new(times::local(at)).or_short(times::local_minute(at)));
        shown.row([
            Cell::new(plain(&digest.schedule)),
            Cell::new(text).or_short(few).in_tints(tints),
            Cell::new(length(digest.usual_ms)),
            Cell::new(length(digest.late_ms)),
            success.unwrap_or_else(|| Cell::new("none").or_short("none")),
            Cell::new(note(digest, now)),
        ]);
    }
    shown
}

/// How many failed and since when, and what is running.
fn note(digest: &Digest, now: Timestamp) -> String {
    let (failed, judged) = (digest.failed(), digest.judged());
    let failing = match (failed, digest.failing_since()) {
        (0, _) => None,
        (_, None) => Some(format!("{failed} of {judged} failed")),
        (_, Some(since)) => {
            let success = match digest.last_success {
                Some(at) => format!("last success {}", times::local_weekday(at)),
                None => "no success".to_owned(),
            };
            Some(format!("{failed} of {judged} failed, since {}, {success}", times::local_weekday(since)))
        }
    };
    let open = digest.open().and_then(|run| run.accepted_at).map(|at| running(at, digest.usual_ms, now));
    failing.into_iter().chain(open).collect::<Vec<_>>().join("; ")
}

/// `running since 07:00, 12 min; usually 8 min`
pub(super) fn running(since: Timestamp, usual_ms: Option<i64>, now: Timestamp) -> String {
    let long = roughly(now.duration_since(since).try_into().unwrap_or_default());
    let usual = usual_ms.and_then(|ms| u64::try_from(ms).ok()).map(|ms| roughly(Duration::from_millis(ms)));
    let usual = usual.map(|usual| format!("; usually {usual}")).unwrap_or_default();
    format!("running since {}, {long}{usual}", times::local_near(since, now))
}
