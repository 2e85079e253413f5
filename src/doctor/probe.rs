//! The one job that an examination may start, when a person asked for it: what this server's lists can do.
//!
//! Exactly-once starts stand on look-ups by `Reference`. How soon a job is visible and which filters are honoured differs
//! between servers and is nowhere promised, so it is measured here: each filter must find the job, and must not find what
//! is not there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::case::{Case, ProbeWish};
use super::step::{Blame, Finding, Topic};
use super::trouble;
use crate::clock::{earlier, later};
use crate::orchestrator::{CallError, Client, JobState, JobView, StartRequest, Survey, explain_job};
use crate::run::{FolderId, Reference};
use crate::text;

/// How often the list is asked for the new job: often at first, because most servers show it at once.
const LOOKS: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// Newest jobs in which the new one is looked for.
const NEWEST: usize = 20;

/// How long the job is watched: a harmless process is short.
const WATCHED: Duration = Duration::from_secs(60);

const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The settle time should be so many times as long as it took to see the job.
const AMPLE: u32 = 4;

/// Starts the job and learns from it.
pub(super) async fn examine(case: &mut Case<'_>, client: &Client, wish: &ProbeWish) {
    let ProbeWish { process, folder } = wish;
    let found = match client.find_folder(folder.as_ref()).await {
        Ok(folder) => client.find_release(folder.id, process).await.map(|release| (folder.id, release)),
        Err(error) => Err(error),
    };
    let exchange = case.last_exchange();
    let (folder, release_key) = match found {
        Ok(found) => found,
        Err(error) => return report(case, format!("`{process}`"), trouble::finding(&error, exchange)),
    };
    let name = Uuid::now_v7().simple().to_string();
    let reference = Reference::from_text(format!("probe1.{name}"));
    let start = StartRequest {
        release_key,
        reference: reference.clone(),
        arguments: None,
        runtime: None,
        priority: None,
        stop: None,
    };
    let reply = client.start_job(folder, &start).await;
    let exchange = case.last_exchange();
    let job = match reply.outcome {
        Ok(jobs) => jobs.into_iter().next(),
        Err(error) => return report(case, format!("start of `{process}`"), trouble::finding(&error, exchange)),
    };
    let Some(job) = job else { return };
    let finding =
        Finding::fine(format!("accepted as job {}, under the Reference `{reference}`", job.id)).with(exchange);
    report(case, format!("start of `{process}`"), finding);

    if visible(case, client, folder, &reference, reply.post_ended_boot).await {
        filters(case, client, folder, &job, &reference).await;
    }
    let finding = end(case, client, folder, &job).await;
    report(case, format!("end of `{process}`"), finding);
}

fn report(case: &mut Case<'_>, subject: impl Into<String>, finding: Finding) {
    case.report(Topic::Probe, Some(subject.into()), finding);
}

/// Waits until the list shows the job, and says what follows for `settle`.
async fn visible(
    case: &mut Case<'_>,
    client: &Client,
    folder: FolderId,
    reference: &Reference,
    since: Duration,
) -> bool {
    let settle = case.connection.settle;
    let newest = [("$orderby", "Id desc".to_owned())];
    for wait in LOOKS {
        case.clock.sleep(wait).await;
        match client.survey_jobs(folder, &newest, NEWEST).await {
            Ok(Survey { jobs, .. }) if jobs.iter().any(|job| job.reference.as_ref() == Some(reference)) => {
                let took = case.clock.boottime().saturating_sub(since);
                let found = format!("the list shows the job {} after it was accepted", text::roughly(took));
                let exchange = case.last_exchange();
                let finding = if took * AMPLE <= settle {
                    Finding::fine(format!("{found}; a settle time of {} s is ample", settle.as_secs()))
                } else {
                    Finding::doubt(
                        format!("{found}, and the settle time is {} s", settle.as_secs()),
                        "this server shows jobs late: after a lost answer the look-up could end too early",
                        format!("set the connection's `settle` to {} s or more", (took * AMPLE).as_secs().max(1)),
                    )
                };
                report(case, "visible", Finding { exchange, ..finding }.taking(took));
                return true;
            }
            Ok(_) => {}
            Err(error) => {
                let exchange = case.last_exchange();
                report(case, "visible", trouble::finding(&error, exchange));
                return false;
            }
        }
    }
    let took = case.clock.boottime().saturating_sub(since);
    let exchange = case.last_exchange();
    let finding = Finding::fault(
        Blame::Here,
        format!("the list did not show the job within {} s, or not its Reference", took.as_secs()),
        "this server shows jobs very late, or its lists leave `Reference` out",
        "set `on_unknown_start: hold` for schedules that must not run twice, and `settle` well above this time",
    );
    report(case, "visible", Finding { exchange, ..finding }.taking(took));
    false
}

/// One filter: a question that must find the job, and one that must find nothing.
struct Question {
    name: &'static str,
    finds: String,
    finds_nothing: String,
    /// What the daemon loses without it.
    without: &'static str,
}

fn questions(job: &JobView, reference: &Reference, now: Timestamp) -> Vec<Question> {
    let nobody = Uuid::now_v7();
    let created = earlier(job.created_at.unwrap_or(now), Duration::from_secs(60));
    let day_ahead = later(now, Duration::from_secs(86_400));
    vec![
        Question {
            name: "Reference eq",
            finds: format!("Reference eq '{reference}'"),
            finds_nothing: format!("Reference eq 'probe1.{}'", nobody.simple()),
            without: "nothing: the daemon asks with `Reference in`",
        },
        Question {
            name: "Reference in",
            finds: format!("Reference in ('{reference}','probe1.{}')", nobody.simple()),
            finds_nothing: format!("Reference in ('probe1.{}')", nobody.simple()),
            without: "an unclear start is settled by listing all jobs of the folder: slower, and as safe",
        },
        Question {
            name: "startswith",
            finds: format!("startswith(Reference,'{reference}')"),
            finds_nothing: format!("startswith(Reference,'probe1.{}')", nobody.simple()),
            without: "with a thousand jobs open at once in a folder, their ends are seen later",
        },
        Question {
            name: "Key in",
            finds: format!("Key in ('{}')", job.key),
            finds_nothing: format!("Key in ('{nobody}')"),
            without: "jobs cannot be followed by lists, so their ends are seen late or not at all",
        },
        Question {
            name: "CreationTime ge",
            finds: format!("CreationTime ge {created:.3}"),
            finds_nothing: format!("CreationTime ge {day_ahead:.3}"),
            without: "where look-ups by Reference fail too, an unclear start is held for a person",
        },
    ]
}

async fn filters(case: &mut Case<'_>, client: &Client, folder: FolderId, job: &JobView, reference: &Reference) {
    let has = |survey: &Survey| survey.jobs.iter().any(|one| one.id == job.id);
    for Question { name, finds, finds_nothing, without } in questions(job, reference, case.clock.now()) {
        let found = client.survey_jobs(folder, &[("$filter", finds)], NEWEST).await;
        let exchange = case.last_exchange();
        let nothing = match &found {
            Ok(_) => client.survey_jobs(folder, &[("$filter", finds_nothing)], NEWEST).await,
            Err(error) => Err(error.clone()),
        };
        case.last_exchange();
        let finding = match (found, nothing) {
            (Ok(found), Ok(nothing)) if has(&found) && nothing.jobs.is_empty() => {
                Finding::fine("accepted and honoured").with(exchange)
            }
            (Ok(found), Ok(_)) if has(&found) => {
                let text =
                    format!("accepted and ignored: it also shows what it should leave out; without it {without}");
                ignored(text).with(exchange)
            }
            (Ok(_), Ok(_)) => {
                ignored(format!("accepted, but it does not find the job; without it {without}")).with(exchange)
            }
            (Err(error), _) | (Ok(_), Err(error)) => refused(&error, without).with(exchange),
        };
        report(case, format!("`{name}`"), finding);
    }
    let sorted = client.survey_jobs(folder, &[("$orderby", "Id desc".to_owned())], NEWEST).await;
    let exchange = case.last_exchange();
    let finding = match sorted {
        Ok(Survey { jobs, .. }) if jobs.len() < 2 => Finding::fine("accepted; one job alone does not show an order"),
        Ok(Survey { jobs, .. }) if jobs.is_sorted_by(|a, b| a.id > b.id) => Finding::fine("accepted and honoured"),
        Ok(_) => ignored("accepted and ignored: of a long list the daemon may see the wrong end".to_owned()),
        Err(error) => refused(&error, "of a long list the daemon may see the wrong end"),
    };
    report(case, "`$orderby`", finding.with(exchange));
    let counted = client.survey_jobs(folder, &[("$count", "true".to_owned())], 1).await;
    let exchange = case.last_exchange();
    let finding = match counted {
        Ok(Survey { count: Some(count), .. }) => Finding::fine(format!("accepted and honoured (it says {count})")),
        Ok(Survey { count: None, .. }) => Finding::fine("accepted and ignored; the daemon does not count on it"),
        Err(error) => refused(&error, "nothing: the daemon does not count on it"),
    };
    report(case, "`$count`", finding.with(exchange));
}

fn ignored(text: String) -> Finding {
    Finding::doubt(
        text,
        "this server, or a gateway before it, does not keep to the filter",
        "the daemon compares every answer itself and notices; update the server if you can",
    )
}

fn refused(error: &CallError, without: &str) -> Finding {
    let said = trouble::finding(error, None).found;
    Finding::doubt(
        format!("refused ({said}); without it {without}"),
        "this server is older than the filter",
        "update the server if you can; the daemon goes on without",
    )
}

/// Watches the job to its end, for a minute.
async fn end(case: &mut Case<'_>, client: &Client, folder: FolderId, job: &JobView) -> Finding {
    let until = case.clock.boottime().saturating_add(WATCHED);
    loop {
        let read = client.read_job(folder, job.id).await;
        let exchange = case.last_exchange();
        let view = match read {
            Ok(Some(view)) => view,
            Ok(None) if case.clock.boottime() < until => {
                case.clock.sleep(WATCH_EVERY).await;
                continue;
            }
            Ok(None) => {
                return Finding::doubt(
                    format!("job {} cannot be read by its id", job.id),
                    "it was deleted, or the server shows jobs late",
                    "look for it in Orchestrator",
                )
                .with(exchange);
            }
            Err(error) => return trouble::finding(&error, exchange),
        };
        if view.state.is_final() {
            return ended(&view).with(exchange);
        }
        if case.clock.boottime() >= until {
            return Finding::doubt(
                format!("job {} is still {} after a minute", view.id, view.state),
                "no robot has taken it, or the process is long",
                "see the step `dry_run`, and the job in Orchestrator",
            )
            .with(exchange);
        }
        case.clock.sleep(WATCH_EVERY).await;
    }
}

fn ended(view: &JobView) -> Finding {
    let took = view.ended_at.zip(view.started_at).map(|(end, start)| end.duration_since(start));
    let took =
        took.filter(SignedDuration::is_positive).map(|took| format!(" after {}", text::roughly(took.unsigned_abs())));
    let found = format!("job {} ended as {}{}", view.id, view.state, took.unwrap_or_default());
    match &view.state {
        JobState::Successful => Finding::fine(found),
        JobState::Faulted
        | JobState::Stopped
        | JobState::Pending
        | JobState::Running
        | JobState::Stopping
        | JobState::Terminating
        | JobState::Suspended
        | JobState::Resumed
        | JobState::Other(_) => {
            let words = view.info.clone().or_else(|| view.error.as_ref().and_then(|fault| fault.title.clone()));
            let code = view.error.as_ref().and_then(|fault| fault.code.as_deref());
            let found = words.as_ref().map_or(found.clone(), |words| format!("{found}: {words}"));
            match explain_job(code, words.as_deref()) {
                Some(explained) => Finding::explained(Blame::Refused, found, explained),
                None => Finding::doubt(
                    found,
                    "the process itself failed or was stopped; starting it worked",
                    "take a process that ends well, or read the job's log in Orchestrator",
                ),
            }
        }
    }
}
