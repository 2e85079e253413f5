//! `punctual doctor`: each step of reaching Orchestrator, with the cause and the cure of what fails.
//!
//! For people a line as each step is done, for programs one row a step at the end. What was sent and what came back is shown
//! for whatever is not as it should be, and for all with `--verbose`.

mod bundle;
mod print;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::agree::{Agreed, agree};
use super::args::{DoctorArgs, Format, Global};
use super::failure::{Exit, Failure};
use super::farewell::patiently;
use super::files::load_or_tell;
use super::given::Given;
use super::grid::Grid;
use super::output::{Columns, Out, plain};
use crate::auth::Exchanges;
use crate::clock::Clock;
use crate::doctor::{Blame, DoctorSettings, ProbeWish, Step, Verdict, examine};
use crate::schedule::{ConnectionName, Diagnostic, FolderChoice, Loaded, ScheduleSet, Severity};
use crate::text::known_names;
use crate::witness::{Came, Exchange};

/// One step for programs.
#[derive(Debug, Serialize)]
struct StepRow {
    connection: String,
    step: &'static str,
    subject: Option<String>,
    verdict: &'static str,
    found: String,
    cause: Option<String>,
    cure: Option<String>,
    request: Option<String>,
    sent: Vec<String>,
    status: Option<u16>,
    content_type: Option<String>,
    answer: Option<String>,
    took_ms: Option<u64>,
}

impl Columns for StepRow {
    const COLUMNS: &'static [&'static str] = &[
        "connection",
        "step",
        "subject",
        "verdict",
        "found",
        "cause",
        "cure",
        "request",
        "sent",
        "status",
        "content_type",
        "answer",
        "took_ms",
    ];
}

pub(super) async fn run(global: &Global, args: &DoctorArgs, clock: &Clock, out: &mut Out) -> Result<Exit, Failure> {
    let loaded = load_or_tell(global, clock.now())?;
    let set = Arc::new(loaded.set);
    let connections = chosen(&set, args)?;
    if let Some(process) = &args.probe {
        agreed(process, args)?;
    }
    let exchanges = Exchanges::default();
    let given = Given::of(global);
    let settings = DoctorSettings {
        clock: clock.clone(),
        set: set.clone(),
        files: loaded.files,
        state_dir: global.state_dir(),
        connections,
        probe: args
            .probe
            .clone()
            .map(|process| ProbeWish { process, folder: args.folder.clone().map(FolderChoice::Named) }),
        exchanges: exchanges.clone(),
    };
    let steps = match args.output {
        Format::Table => {
            let mut printer = print::Printer::new(out, args.verbose);
            let steps =
                patiently(&exchanges, clock, examine(settings, &mut |step| printer.step(&given.in_step(step)))).await?;
            printer.end(&steps)?;
            steps
        }
        Format::Json | Format::Ndjson | Format::Csv => {
            let steps = patiently(&exchanges, clock, examine(settings, &mut |_| {})).await?;
            let steps = with_given(steps, &given);
            let rows: Vec<StepRow> = steps.iter().map(row).collect();
            out.rows(args.output, &rows, |_| Grid::default())?;
            steps
        }
    };
    if let Some(path) = &args.bundle {
        bundle::write(path, global, &set, &steps, clock).await?;
    }
    Ok(exit(&steps))
}

/// A step as a mistake of the files.
pub(super) struct Told {
    connection: String,
    subject: Option<String>,
    pub(super) diagnostic: Diagnostic,
}

impl Told {
    /// Whether it is about this secret.
    pub(super) fn is_of_secret(&self, connection: &ConnectionName, key: &str) -> bool {
        let subject = self.subject.as_deref().and_then(|subject| subject.strip_prefix("auth."));
        self.connection == connection.as_str() && subject == Some(key)
    }
}

/// `check --online`: the same steps, as mistakes of the files.
pub(super) async fn online(global: &Global, loaded: &Loaded, clock: &Clock) -> (Vec<Told>, Exit) {
    let settings = DoctorSettings {
        clock: clock.clone(),
        set: Arc::new(loaded.set.clone()),
        files: loaded.files.clone(),
        state_dir: global.state_dir(),
        connections: loaded.set.connections.keys().cloned().collect(),
        probe: None,
        exchanges: Exchanges::default(),
    };
    let steps = with_given(examine(settings, &mut |_| {}).await, &Given::of(global));
    let file = loaded.files.first().cloned().unwrap_or_default();
    let told = steps.iter().filter_map(|step| told(step, file.clone())).collect();
    (told, exit(&steps))
}

fn told(step: &Step, file: PathBuf) -> Option<Told> {
    let severity = match step.verdict {
        Verdict::Fault(_) => Severity::Error,
        Verdict::Doubt => Severity::Warning,
        Verdict::Fine | Verdict::NotTried => return None,
    };
    let subject = step.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
    let cause = step.cause.as_ref().map(|cause| format!("; {cause}")).unwrap_or_default();
    let diagnostic = Diagnostic {
        file,
        line: 0,
        column: 0,
        severity,
        message: plain(&format!("connection `{}`: {subject}{}{cause}", step.connection, step.found)),
        hint: step.cure.as_deref().map(plain),
        excerpts: Vec::new(),
    };
    Some(Told { connection: step.connection.clone(), subject: step.subject.clone(), diagnostic })
}

fn with_given(steps: Vec<Step>, given: &Given) -> Vec<Step> {
    steps.iter().map(|step| given.in_step(step)).collect()
}

/// The connection that was named, else all.
fn chosen(set: &ScheduleSet, args: &DoctorArgs) -> Result<Vec<ConnectionName>, Failure> {
    let all: Vec<ConnectionName> = set.connections.keys().cloned().collect();
    let known = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match &args.connection {
        Some(name) => match all.iter().find(|known| known.as_str() == name) {
            Some(found) => Ok(vec![found.clone()]),
            None => Err(Failure::new(Exit::Usage, format!("there is no connection `{}`", plain(name)))
                .hint(known_names(name, all.iter().map(ConnectionName::as_str)))),
        },
        // A job is started on one tenant, and which one must be clear.
        None if args.probe.is_some() && all.len() > 1 => {
            Err(Failure::new(Exit::Usage, "`--probe` needs the connection on which to start")
                .hint(format!("name one of: {}", known())))
        }
        None => Ok(all),
    }
}

/// A start is real: a person says so, or `--yes` did.
fn agreed(process: &str, args: &DoctorArgs) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    let process = plain(process);
    match agree(&format!("This starts one job of `{process}` on a real robot. Go on?"))? {
        Agreed::Yes => Ok(()),
        Agreed::No => Err(Failure::new(Exit::Usage, "nothing was started")),
        Agreed::Nobody => {
            Err(Failure::new(Exit::Usage, format!("`--probe` would start `{process}`, and nobody can be asked"))
                .hint("say `--yes` if it does no harm"))
        }
    }
}

/// The first fault is the one that others hang on.
fn exit(steps: &[Step]) -> Exit {
    let blame = steps.iter().find_map(|step| match step.verdict {
        Verdict::Fault(blame) => Some(blame),
        Verdict::Fine | Verdict::Doubt | Verdict::NotTried => None,
    });
    match blame {
        None => Exit::Fine,
        Some(Blame::Here) => Exit::Found,
        Some(Blame::Unreached) => Exit::Unreachable,
        Some(Blame::Refused) => Exit::Refused,
    }
}

fn row(step: &Step) -> StepRow {
    let Step { connection, topic, subject, verdict, found, cause, cure, exchange, took } = step;
    let answered = exchange.as_ref().and_then(|Exchange { came, .. }| match came {
        Came::Answer(answered) => Some(answered),
        Came::Nothing { .. } => None,
    });
    StepRow {
        connection: connection.clone(),
        step: topic.as_str(),
        subject: subject.clone(),
        verdict: verdict.as_str(),
        found: found.clone(),
        cause: cause.clone(),
        cure: cure.clone(),
        request: exchange.as_ref().map(|exchange| exchange.request.clone()),
        sent: exchange.as_ref().map(|exchange| exchange.sent.clone()).unwrap_or_default(),
        status: answered.map(|answered| answered.status),
        content_type: answered.and_then(|answered| answered.content_type.clone()),
        answer: answered.map(|answered| answered.excerpt.clone()),
        took_ms: took.map(|took| took.as_millis() as u64),
    }
}
