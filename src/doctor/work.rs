//! What the schedules need in Orchestrator: each folder, each process, a read, and a start that starts nothing.
//!
//! One folder or process that fails does not keep the others from being looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::case::Case;
use super::step::{Blame, Finding, Topic, Verdict};
use super::trouble;
use crate::orchestrator::{
    CallError, Client, DryRun, ErrorCode, FoundBy, FoundFolder, ReleaseKey, StartRequest, explain_pending,
};
use crate::run::{FolderId, Reference};
use crate::schedule::{FolderChoice, Schedule, TemplateContext};
use crate::text;

/// Reasons that pass by themselves: the job would wait its turn.
const PASSING: [&str; 3] = ["RobotBusy", "RobotConcurrencyLimit", "TemplateFullCapacity"];

/// The dry run's Reference; nothing is ever started under it.
const REFERENCE: &str = "doctor.dry.run";

type ByProcess = BTreeMap<(String, Option<String>), Vec<Arc<Schedule>>>;

/// Looks at all that this connection's schedules name.
pub(super) async fn examine(case: &mut Case<'_>, client: &Client) {
    let mut folders: BTreeMap<Option<FolderChoice>, ByProcess> = BTreeMap::new();
    for schedule in case.schedules.clone() {
        let start = &schedule.start;
        let processes = folders.entry(start.folder.clone()).or_default();
        processes.entry((start.process.clone(), start.runtime.clone())).or_default().push(schedule);
    }
    if folders.is_empty() {
        for topic in [Topic::Folder, Topic::Process, Topic::Read, Topic::DryRun] {
            case.report(topic, None, Finding::not_tried("not tried, because no schedule uses this connection"));
        }
    }
    for (folder, processes) in folders {
        let name = folder.as_ref().map_or_else(|| "the only folder".to_owned(), |folder| format!("`{folder}`"));
        let found = client.find_folder(folder.as_ref()).await;
        let exchange = case.last_exchange();
        match found {
            Ok(found) => {
                let finding = Finding::fine(how(&found, folder.as_ref()));
                // A number is used without a call, and the call before was another's.
                let finding = if asked(&found, folder.as_ref()) { finding.with(exchange) } else { finding };
                case.report(Topic::Folder, Some(name.clone()), finding);
                self::folder(case, client, &found, &name, processes).await;
            }
            Err(error) => {
                let finding = unclear_name(
                    trouble::finding(&error, exchange),
                    &error,
                    match &folder {
                        Some(_) => Sought::Folder,
                        None => Sought::OnlyFolder,
                    },
                );
                case.report(Topic::Folder, Some(name.clone()), finding);
                for topic in [Topic::Process, Topic::Read, Topic::DryRun] {
                    let finding = Finding::not_tried("not tried, because the folder was not found");
                    case.report(topic, Some(format!("in {name}")), finding);
                }
            }
        }
    }
}

/// Whether nobody needs to list folders: each schedule names its folder by a number.
pub(super) fn names_folders_by_number(schedules: &[Arc<Schedule>]) -> bool {
    let by_number = |choice: &FolderChoice| match choice {
        FolderChoice::Number(_) => true,
        FolderChoice::Named(name) => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
    };
    !schedules.is_empty() && schedules.iter().all(|schedule| schedule.start.folder.as_ref().is_some_and(by_number))
}

/// The tenant answers, and keeps its folders to itself.
pub(super) fn unlisted_folders() -> Finding {
    Finding::doubt(
        "the tenant answers, and does not let this account list its folders",
        "the right `Folders.View` or the scope `OR.Folders.Read` is missing",
        "nothing, while every schedule names its folder by its number",
    )
}

/// What was looked for by its name.
#[derive(Clone, Copy)]
enum Sought {
    Folder,
    /// No name was given.
    OnlyFolder,
    Process,
}

/// The cause when a list was answered and the name leads to none in it, or to several. The cure names those that there are.
fn unclear_name(finding: Finding, error: &CallError, sought: Sought) -> Finding {
    let status = match (error, finding.verdict) {
        (CallError::Rejected { status, code: None, .. }, Verdict::Fault(Blame::Here)) => *status,
        (CallError::Rejected { .. } | CallError::Unsent { .. } | CallError::Unknown { .. }, _) => return finding,
    };
    let cause = match (sought, status) {
        (Sought::Folder, 404) => "no folder has this name, or this account may not see it",
        (Sought::Folder, 409) => {
            "the name does not say which folder: several have it, or may have it, as the last part of their full names"
        }
        (Sought::OnlyFolder, 404) => "there is no folder that this account may see",
        (Sought::OnlyFolder, 409) => "no folder is named in the schedule, and this account sees several",
        (Sought::Process, 404) => "no process of this folder has this name, or this account may not see it",
        (Sought::Process, 409) => "several processes of this folder have this name, but for capital letters and blanks",
        (Sought::Folder | Sought::OnlyFolder | Sought::Process, _) => return finding,
    };
    Finding { cause: Some(cause.to_owned()), ..finding }
}

/// How a folder was found, in words.
fn how(found: &FoundFolder, choice: Option<&FolderChoice>) -> String {
    let FoundFolder { id, full_name, found_by } = found;
    let full = full_name.as_deref().map(|name| format!("`{name}`"));
    match (found_by, full) {
        (FoundBy::FullName, Some(full)) if choice.map(FolderChoice::to_string).as_deref() != full_name.as_deref() => {
            format!("there, number {id}; Orchestrator writes it {full}")
        }
        (FoundBy::FullName | FoundBy::OnlyOne, None) | (FoundBy::FullName, Some(_)) => format!("there, number {id}"),
        (FoundBy::OnlyOne, Some(full)) => format!("there, {full}, number {id}"),
        (FoundBy::LastPart, full) => format!(
            "there, number {id}, found by the last part of its full name {}: should another folder get the same last \
             part, the full name must be written",
            full.unwrap_or_default()
        ),
        (FoundBy::Number, Some(full)) => format!("there, {full}, found by its number {id}"),
        (FoundBy::Number, None) => {
            format!("number {id} is used as it is; whether there is such a folder is seen by the calls into it")
        }
    }
}

/// Whether finding it took a call.
fn asked(found: &FoundFolder, choice: Option<&FolderChoice>) -> bool {
    match choice {
        Some(FolderChoice::Number(_)) => false,
        Some(FolderChoice::Named(_)) | None => found.full_name.is_some(),
    }
}

async fn folder(case: &mut Case<'_>, client: &Client, at: &FoundFolder, name: &str, processes: ByProcess) {
    let id = at.id;
    let read = client.survey_jobs(id, &[("$orderby", "Id desc".to_owned())], 1).await;
    let exchange = case.last_exchange();
    let finding = match read {
        Ok(_) => Finding::fine("jobs can be listed").with(exchange),
        Err(error) => trouble::finding(&at.explain(error), exchange),
    };
    case.report(Topic::Read, Some(format!("jobs in {name}")), finding);
    for ((process, runtime), schedules) in processes {
        let subject = format!("`{process}` in {name}");
        let users = users(&schedules);
        let found = client.find_release(id, &process).await;
        let exchange = case.last_exchange();
        match found {
            Ok(release) => {
                let finding = Finding::fine(format!("there, for {users}")).with(exchange);
                case.report(Topic::Process, Some(subject.clone()), finding);
                let finding = dry_run(case, client, id, release, runtime, &schedules).await;
                case.report(Topic::DryRun, Some(subject), finding);
            }
            Err(error) => {
                let error = at.explain(error);
                let finding = unclear_name(trouble::finding(&error, exchange), &error, Sought::Process);
                let finding = Finding { found: format!("{}, for {users}", finding.found), ..finding };
                case.report(Topic::Process, Some(subject.clone()), finding);
                let finding = Finding::not_tried("not tried, because the process was not found");
                case.report(Topic::DryRun, Some(subject), finding);
            }
        }
    }
}

async fn dry_run(
    case: &Case<'_>,
    client: &Client,
    folder: FolderId,
    release_key: ReleaseKey,
    runtime: Option<String>,
    schedules: &[Arc<Schedule>],
) -> Finding {
    let arguments = match schedules.iter().map(|schedule| arguments(case, schedule)).collect::<Result<Vec<_>, _>>() {
        Ok(all) => all.into_iter().flatten().next(),
        Err(finding) => return *finding,
    };
    let start = StartRequest {
        release_key,
        reference: Reference::from_text(REFERENCE),
        arguments,
        runtime,
        priority: None,
        stop: None,
    };
    let checked = client.check_start(folder, &start).await;
    let exchange = case.last_exchange();
    match checked {
        Ok(DryRun::WouldRun) => Finding::fine("a start would find a robot; nothing was started").with(exchange),
        Ok(DryRun::WouldWait { codes, words }) => would_wait(&codes, &words).with(exchange),
        // Old servers lack the call itself.
        Err(CallError::Rejected { status: 404 | 405, code: None | Some(ErrorCode::Number(0)), .. }) => Finding::doubt(
            "this server has no dry run",
            "it is older than the call",
            "see with a real start whether a robot takes it",
        )
        .with(exchange),
        Err(error) => trouble::finding(&error, exchange),
    }
}

fn would_wait(codes: &[String], words: &[String]) -> Finding {
    let known: Vec<_> = codes.iter().filter_map(|code| explain_pending(code)).collect();
    let mut reasons = codes.to_vec();
    reasons.extend(words.iter().map(|words| format!("\"{words}\"")));
    let found = format!("a job would be made, but would wait: {}", reasons.join(", "));
    let join = |texts: Vec<&str>, unknown: &str| {
        if texts.is_empty() { unknown.to_owned() } else { texts.join("; ") }
    };
    let cause = join(known.iter().map(|known| known.cause).collect(), "Orchestrator's words say what is missing");
    let cure = join(
        known.iter().map(|known| known.cure).collect(),
        "look at robots, machines and licences of the folder in Orchestrator",
    );
    let passing =
        !codes.is_empty() && codes.iter().all(|code| PASSING.iter().any(|name| name.eq_ignore_ascii_case(code)));
    if passing { Finding::doubt(found, cause, cure) } else { Finding::fault(Blame::Here, found, cause, cure) }
}

/// The arguments as the schedule's next time would send them.
fn arguments(case: &Case<'_>, schedule: &Schedule) -> Result<Option<String>, Box<Finding>> {
    if schedule.start.arguments.is_none() {
        return Ok(None);
    }
    let now = case.clock.now();
    let nominal = schedule.recurrence.next_after(now);
    let at = nominal.as_ref().map_or(now, |nominal| nominal.at);
    let context = TemplateContext {
        nominal: at,
        previous: schedule.previous_time(at),
        fire: nominal.as_ref().map_or(now, |nominal| nominal.fire_at),
        schedule: schedule.key.as_str(),
        run: REFERENCE,
        attempt: 1,
        reference: REFERENCE,
        zone: schedule.recurrence.zone(),
        env: &case.set.env,
    };
    match schedule.start.render(&context) {
        Ok(arguments) => Ok(serde_json::to_string(&arguments).ok()),
        Err(cause) => Err(Box::new(Finding::fault(
            Blame::Here,
            format!("the arguments of schedule `{}` cannot be filled in: {cause}", schedule.key),
            "a template names something that is not there now",
            "correct the schedule's `arguments`, or set the variable for the daemon",
        ))),
    }
}

fn users(schedules: &[Arc<Schedule>]) -> String {
    const SHOWN: usize = 3;
    let noun = if schedules.len() == 1 { "schedule" } else { "schedules" };
    format!("{noun} {}", text::listed(schedules.iter().map(|schedule| &schedule.key), SHOWN))
}
