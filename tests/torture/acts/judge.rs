//! What people were told, against what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use punctual::history::RunSummary;
use punctual::sandbox::JobTruth;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use super::people::{Act, Kind};

/// A row of the audit.
struct Deed {
    action: String,
    detail: String,
}

#[expect(clippy::disallowed_methods, reason = "the judge asks the file itself, not the program")]
async fn audit(state_dir: &Path) -> Vec<Deed> {
    let options = SqliteConnectOptions::new().filename(state_dir.join("punctual.db")).read_only(true);
    let mut connection = options.connect().await.expect("the database is opened");
    let rows = sqlx::query("select action, coalesce(detail, '') from audit").fetch_all(&mut connection).await;
    let rows = rows.expect("the audit is read");
    connection.close().await.expect("it is closed");
    let text = |row: &sqlx::sqlite::SqliteRow, column| row.try_get::<String, _>(column).expect("a text");
    rows.iter().map(|row| Deed { action: text(row, 0), detail: text(row, 1) }).collect()
}

/// All that does not fit.
pub(super) async fn judge(acts: &[Act], runs: &[RunSummary], jobs: &[JobTruth], state_dir: &Path) -> Vec<String> {
    let audit = audit(state_dir).await;
    let mut findings = deeds(acts, &audit);
    findings.extend(rows(acts, runs));
    findings.extend(stopped(acts, runs));
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for job in jobs {
        if let Some(reference) = &job.reference {
            *made.entry(reference.as_str()).or_default() += 1;
        }
    }
    findings.extend(
        made.into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(reference, count)| format!("{count} jobs run under `{reference}`")),
    );
    findings
}

/// What it would not see: each of these is falsified in turn, and must be found.
pub(super) async fn blind_to(
    acts: &[Act],
    runs: &[RunSummary],
    jobs: &[JobTruth],
    state_dir: &Path,
) -> Vec<&'static str> {
    let mut falsified: Vec<(&str, Vec<Act>, Vec<JobTruth>)> = Vec::new();
    if let Some(place) = acts.iter().position(|act| act.kind == Kind::Start && act.is_confirmed()) {
        let changed = |change: &dyn Fn(&mut Vec<Act>)| {
            let mut acts = acts.to_vec();
            change(&mut acts);
            acts
        };
        let jobs = || jobs.to_vec();
        falsified.push(("a run that nobody was told of", changed(&|acts| drop(acts.remove(place))), jobs()));
        falsified.push(("two who were told of one run", changed(&|acts| acts.push(acts[place].clone())), jobs()));
        let nothing = changed(&|acts| acts[place].answer = serde_json::json!({ "run": "nothing" }));
        falsified.push(("a run that is not there", nothing, jobs()));
        falsified.push(("what was refused and is done", changed(&|acts| acts[place].status = 409), jobs()));
    }
    if let Some(ran) = runs.iter().find(|run| run.state.name() == "succeeded") {
        let called_off = Act {
            kind: Kind::Stop,
            key: "nobody".to_owned(),
            path: format!("/runs/{}/stop", ran.run),
            status: 200,
            answer: serde_json::json!({ "outcome": "cancelled" }),
            asked: 1,
        };
        let acts = acts.iter().cloned().chain([called_off]).collect();
        falsified.push(("what was called off and ran", acts, jobs.to_vec()));
    }
    if let Some(job) = jobs.iter().find(|job| job.reference.is_some()) {
        let twice = jobs.iter().chain([job]).cloned().collect();
        falsified.push(("a job that was made twice", acts.to_vec(), twice));
    }
    let truth = judge(acts, runs, jobs, state_dir).await.len();
    let mut blind = Vec::new();
    for (what, acts, jobs) in falsified {
        if judge(&acts, runs, &jobs, state_dir).await.len() <= truth {
            blind.push(what);
        }
    }
    blind
}

/// Whether an act that was confirmed leaves a row in the audit.
fn leaves_a_deed(act: &Act) -> bool {
    match act.kind {
        Kind::Start | Kind::Retry | Kind::Stop | Kind::Waiting | Kind::Pause | Kind::Resolve => true,
        // Nothing was paused, or nothing was to be made good: nothing was done.
        Kind::Resume => act.answer["scopes"][0][1].as_u64().is_some_and(|ended| ended > 0),
        Kind::Backfill => act.answer["times"].as_array().is_some_and(|times| !times.is_empty()),
    }
}

/// Each confirmed act has one row in the audit, and no other has any.
fn deeds(acts: &[Act], audit: &[Deed]) -> Vec<String> {
    let mut findings = Vec::new();
    let names_it = |deed: &Deed, key: &str| deed.detail.split([' ', ';', ':']).any(|word| word == key);
    for act in acts {
        match act.kind {
            // These take no reason: they are counted.
            Kind::Resume | Kind::Resolve => continue,
            Kind::Start | Kind::Retry | Kind::Stop | Kind::Waiting | Kind::Pause | Kind::Backfill => {}
        }
        let found = audit.iter().filter(|deed| names_it(deed, &act.key)).count();
        let expected = usize::from(act.is_confirmed() && leaves_a_deed(act));
        if found != expected {
            findings.push(format!("{found} rows of the audit, not {expected}, name {act:?}"));
        }
    }
    for (kind, action) in [(Kind::Resume, "resume"), (Kind::Resolve, "resolve")] {
        let found = audit.iter().filter(|deed| deed.action == action).count();
        let expected = acts.iter().filter(|act| act.kind == kind && act.is_confirmed() && leaves_a_deed(act)).count();
        if found != expected {
            findings.push(format!("{found} rows of the audit, not {expected}, say `{action}`"));
        }
    }
    let ours: Vec<&Act> = acts.iter().filter(|act| act.is_confirmed() && leaves_a_deed(act)).collect();
    if audit.len() != ours.len() {
        findings.push(format!("{} rows of the audit for {} acts", audit.len(), ours.len()));
    }
    findings
}

fn confirmed(acts: &[Act], kind: Kind) -> impl Iterator<Item = &Act> {
    acts.iter().filter(move |act| act.kind == kind && act.is_confirmed())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The runs that people started are those that they were told of, all of them and no other.
fn rows(acts: &[Act], runs: &[RunSummary]) -> Vec<String> {
    let of = |trigger: &str, repeats: Option<bool>| -> BTreeSet<String> {
        let fits = |run: &&RunSummary| {
            run.trigger.to_string() == trigger && repeats.is_none_or(|repeats| run.retry_of.is_some() == repeats)
        };
        runs.iter().filter(fits).map(|run| run.run.clone()).collect()
    };
    let told_starts: Vec<String> = confirmed(acts, Kind::Start).map(|act| text(&act.answer["run"])).collect();
    let told_retries: Vec<String> = confirmed(acts, Kind::Retry).map(|act| text(&act.answer["run"])).collect();
    let of_times = |act: &Act| -> Vec<String> {
        act.answer["times"].as_array().into_iter().flatten().map(|time| text(&time["run"])).collect()
    };
    let told_times: Vec<String> = confirmed(acts, Kind::Backfill).flat_map(of_times).collect();
    let mut findings = Vec::new();
    for (what, told, there) in [
        ("starts", told_starts, of("manual", Some(false))),
        ("retries", told_retries, of("manual", Some(true))),
        ("back-fill runs", told_times, of("backfill", None)),
    ] {
        let all: BTreeSet<String> = told.iter().cloned().collect();
        if all.len() != told.len() {
            findings.push(format!("of {what}, two acts were told of one run"));
        }
        findings
            .extend(all.difference(&there).map(|run| format!("of {what}, run {run} was confirmed and is not there")));
        findings.extend(
            there.difference(&all).map(|run| format!("of {what}, run {run} is there, and nobody was told of it")),
        );
    }
    findings
}

/// What was called off did not run, and what was told to stop has ended.
fn stopped(acts: &[Act], runs: &[RunSummary]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut cancelled: Vec<String> = Vec::new();
    for act in confirmed(acts, Kind::Waiting) {
        cancelled.extend(act.answer["runs"].as_array().into_iter().flatten().map(text));
    }
    for act in confirmed(acts, Kind::Stop).filter(|act| act.answer["outcome"] == "cancelled") {
        cancelled.extend(act.path.split('/').nth(2).map(str::to_owned));
    }
    for id in cancelled {
        let state = runs.iter().find(|run| run.run == id).map(|run| run.state.to_string());
        if state.as_deref() != Some("cancelled") {
            findings.push(format!("run {id} was called off, and is {state:?}"));
        }
    }
    findings
}
