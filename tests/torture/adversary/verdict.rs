//! What must hold after all of it, judged by the truth.
//!
//! `checker` counts rows and jobs; what the adversary adds is here: a run that is held has a cure and blocks nothing, a run may
//! be `lost` where semantics.md 22 says so, and the way to each finding is told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use punctual::clock::earlier;
use punctual::history::{RunSummary, Shown};

use super::super::checker::{Broken, Evidence, Invariant, demand_of, is_open, judge};
use super::super::demand::{Demand, demanded};
use super::file::is_one_at_a_time;
use super::run::{LAST, Outcome};

/// What was found, and how it came about.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<String>,
    /// Of them: a demanded time or a Reference with two jobs.
    pub(crate) doubles: usize,
    /// How the judged runs ended, by state and reason.
    pub(crate) ends: BTreeMap<String, usize>,
}

fn due(run: &RunSummary) -> Timestamp {
    run.nominal_at.parse().expect("an instant")
}

pub(crate) fn verdict(outcome: &Outcome) -> Verdict {
    let until = outcome.judged;
    let runs: Vec<RunSummary> = outcome.runs.iter().filter(|run| due(run) <= until).cloned().collect();
    let jobs: Vec<_> =
        outcome.jobs.iter().filter(|job| demand_of(job).is_none_or(|demand| demand.due <= until)).cloned().collect();
    let made: BTreeSet<Option<String>> = jobs.iter().map(|job| job.reference.clone()).collect();
    let mut secrets = outcome.secrets.clone();
    secrets.truncate(400);
    let evidence = Evidence {
        demanded: demanded(&outcome.yaml, outcome.loaded, until),
        jobs,
        runs,
        outputs: outcome.outputs.clone(),
        secrets,
        ..Evidence::default()
    };
    let mut broken = judge(&evidence).broken;
    // semantics.md 22 and 16b: a job that may not be read, or that never was in a folder that is gone.
    let lost: BTreeSet<String> = evidence
        .runs
        .iter()
        .filter(|run| run.state.name() == "lost" && run.error.as_ref().or(run.note.as_ref()).is_some())
        .filter(|run| run.job_key.is_some() || !made.contains(&run.reference))
        .map(|run| format!("`{}` of {} is lost", run.schedule, run.nominal_at))
        .collect();
    broken.retain(|found| found.invariant != Invariant::I4 || !lost.contains(&found.sentence));
    let mut verdict = Verdict {
        doubles: broken.iter().filter(|found| found.invariant == Invariant::I2).count(),
        ..Verdict::default()
    };
    for run in &evidence.runs {
        let reason = run.state.reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
        *verdict.ends.entry(format!("{}{reason}", run.state.name())).or_default() += 1;
    }
    let mut findings: Vec<String> = broken.iter().map(Broken::to_string).collect();
    findings.extend(outcome.wrong.iter().cloned());
    for run in evidence.runs.iter().filter(|run| is_open(run)) {
        let (schedule, at, state) = (&run.schedule, &run.nominal_at, run.state.name());
        let why = run.error.as_deref().or(run.note.as_deref()).unwrap_or("no error");
        if state != "held" {
            findings.push(format!("`{schedule}` of {at} is still {state} although all has been calm ({why})"));
        } else if !matches!(run.held_for, Some(Shown::Known(_))) {
            // What helps is made from it.
            findings.push(format!("`{schedule}` of {at} is held and nothing says for what: {why}"));
        }
    }
    findings.extend(side_by_side(&evidence));
    findings.extend(blocked(&evidence.runs, &evidence.demanded, until));
    verdict.findings = findings.into_iter().map(|finding| with_its_story(finding, outcome)).collect();
    verdict
}

/// The truth about overlap: where one run at a time is allowed, no two jobs of a schedule live at once. Left out are jobs whose row was
/// given up (`lost`, `skipped: unknown_start`, `rejected`) or is held, which by semantics.md 16b and 22 do not count for ever.
fn side_by_side(evidence: &Evidence) -> Vec<String> {
    let counts = |run: &&RunSummary| {
        let given_up = matches!(run.state.name(), "lost" | "held" | "rejected" | "missed" | "skipped");
        !given_up && is_one_at_a_time(&run.schedule)
    };
    let rows: BTreeMap<&str, &RunSummary> =
        evidence.runs.iter().filter(counts).filter_map(|run| Some((run.reference.as_deref()?, run))).collect();
    let mut lives: BTreeMap<&str, Vec<(Timestamp, Timestamp, &RunSummary)>> = BTreeMap::new();
    for job in &evidence.jobs {
        let Some(run) = job.reference.as_deref().and_then(|reference| rows.get(reference)) else { continue };
        let end = job.ended_at.unwrap_or(Timestamp::MAX);
        lives.entry(run.schedule.as_str()).or_default().push((job.created_at, end, run));
    }
    let mut found = Vec::new();
    for (schedule, mut jobs) in lives {
        jobs.sort_by_key(|(made, end, _)| (*made, *end));
        for pair in jobs.windows(2) {
            let [(_, end, older), (made, _, newer)] = pair else { continue };
            if made < end && older.run != newer.run {
                found.push(format!(
                    "`{schedule}` of {} was started while the job of {} ran until {end}",
                    newer.nominal_at, older.nominal_at
                ));
            }
        }
    }
    found
}

/// Schedules that did not run in the calm, although nothing was in their way.
fn blocked(runs: &[RunSummary], demanded: &BTreeSet<Demand>, until: Timestamp) -> Vec<String> {
    let from = earlier(until, LAST);
    let schedules: BTreeSet<&str> =
        demanded.iter().filter(|demand| demand.due > from).map(|demand| demand.schedule.as_str()).collect();
    schedules
        .into_iter()
        .filter_map(|schedule| {
            let last: Vec<&RunSummary> =
                runs.iter().filter(|run| run.schedule == schedule && due(run) > from).collect();
            if last.iter().any(|run| run.state.name() == "succeeded") {
                return None;
            }
            let states: Vec<String> = last
                .iter()
                .map(|run| {
                    format!(
                        "{} {:?} {:?}",
                        run.state.name(),
                        run.state.reason(),
                        run.note.as_ref().or(run.error.as_ref())
                    )
                })
                .take(3)
                .collect();
            let front: Vec<String> = runs
                .iter()
                .filter(|run| run.schedule == schedule && is_open(run))
                .map(|run| format!("{} of {}: {:?}", run.state, run.nominal_at, run.error))
                .take(3)
                .collect();
            Some(format!("`{schedule}` did not run in the calm: {states:?}; open: {front:?}"))
        })
        .collect()
}

/// The finding with all that happened under its Reference.
fn with_its_story(finding: String, outcome: &Outcome) -> String {
    let run = outcome
        .runs
        .iter()
        .find(|run| finding.contains(&format!("`{}` of {}", run.schedule, run.nominal_at)) || named(&finding, run));
    let Some(run) = run else { return finding };
    let reference = run.reference.clone().unwrap_or_default();
    let mut told = vec![
        finding,
        format!("  the row: {} {:?}, error {:?}, note {:?}", run.state.name(), run.state.reason(), run.error, run.note),
    ];
    told.extend(outcome.lines.get(&run.run).into_iter().flatten().map(|line| format!("  {line}")));
    let story = outcome.story.get(&reference).map(Vec::as_slice).unwrap_or_default();
    told.extend(story.iter().take(60).map(|line| format!("    {line}")));
    told.join("\n")
}

/// Whether a finding names a run by its Reference, or by its time without the fraction.
fn named(finding: &str, run: &RunSummary) -> bool {
    let whole = format!("`{}` of {}", run.schedule, run.nominal_at.replace(".000Z", "Z"));
    finding.contains(&whole) || run.reference.as_ref().is_some_and(|reference| finding.contains(reference.as_str()))
}
