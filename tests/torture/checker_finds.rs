//! The judge is judged: sound evidence passes, and for each invariant there is evidence that breaks it.

use std::time::Duration;

use jiff::Timestamp;
use punctual::history::RunSummary;
use punctual::sandbox::{JobState, JobTruth};
use serde_json::json;

use super::checker::{Calm, Evidence, Invariant, Quiet, Vitals, judge};
use super::demand::Demand;

const DUE: &str = "2026-11-23T12:00:00Z";
const KEY: &str = "00000000-0000-0000-0000-000000000007";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn job(id: i64) -> JobTruth {
    JobTruth {
        id,
        key: KEY.parse().expect("a key"),
        reference: Some("p1.x.y.z".to_owned()),
        folder: "Shared".to_owned(),
        process: "Burst".to_owned(),
        created_at: at("2026-11-23T12:00:01Z"),
        visible_at: at("2026-11-23T12:00:01Z"),
        started_at: None,
        ended_at: None,
        state: JobState::Successful,
        arguments: Some(json!({ "schedule": "s", "due": DUE })),
        output: None,
        info: None,
    }
}

fn row(state: &str) -> RunSummary {
    serde_json::from_value(json!({
        "run": "r", "schedule": "s", "trigger": "scheduled", "nominal_at": DUE, "local": "", "offset": "", "fire_at": DUE,
        "claimed_at": DUE, "state": state, "connection": "c", "attempts": 1, "job_key": KEY,
        "jobs": [{ "n": 1, "attempt": 1, "reference": "p1.x.y.z", "job_key": KEY, "job_id": 7, "state": null }],
    }))
    .expect("a row")
}

fn sound() -> Evidence {
    let vitals = Vitals { resident_kib: 20_000, handles: 30 };
    Evidence {
        demanded: [Demand { schedule: "s".to_owned(), due: at(DUE) }].into(),
        jobs: vec![job(7)],
        runs: vec![row("succeeded")],
        quiet: Some(Quiet { from: Timestamp::MIN, until: at(DUE), lateness: Duration::from_secs(2) }),
        unclaimed: Some(Vec::new()),
        calm: Some(Calm),
        outputs: vec![("the log".to_owned(), b"all is well".to_vec())],
        secrets: vec!["a-secret-word".to_owned()],
        vitals: Some((vitals, vitals)),
        ..Evidence::default()
    }
}

fn found(evidence: &Evidence) -> Vec<Invariant> {
    let mut found: Vec<Invariant> = judge(evidence).broken.iter().map(|broken| broken.invariant).collect();
    found.dedup();
    found
}

#[test]
fn sound_evidence_passes_and_every_invariant_is_judged() {
    let judgement = judge(&sound());
    judgement.assert_holds("by hand");
    assert_eq!(judgement.judged.into_iter().collect::<Vec<_>>(), Invariant::ALL);
}

#[test]
fn each_invariant_is_found_broken_by_evidence_that_breaks_it() {
    use Invariant::*;
    let broken = |change: fn(&mut Evidence)| {
        let mut evidence = sound();
        change(&mut evidence);
        found(&evidence)
    };
    assert_eq!(broken(|e| e.demanded.clear()), [I1], "a row that nobody demanded");
    assert_eq!(broken(|e| e.runs.push(row("succeeded"))), [I1], "two rows");
    assert_eq!(broken(|e| (e.runs, e.jobs, e.quiet) = (Vec::new(), Vec::new(), None)), [I1], "no row");
    assert_eq!(broken(|e| e.jobs.push(job(8))), [I2], "two jobs");
    assert_eq!(broken(|e| e.jobs[0].reference = Some("p1.other".to_owned())), [I3], "a job that no row knows");
    assert_eq!(broken(|e| e.runs[0].job_key = None), [I3, I4], "a row that ended without its job");
    assert_eq!(broken(|e| (e.jobs, e.quiet) = (Vec::new(), None)), [I4], "a row without a job");
    assert_eq!(broken(|e| e.jobs[0].created_at = at("2026-11-23T12:00:03Z")), [I5], "late in quiet times");
    assert_eq!(broken(|e| e.unclaimed = Some(vec!["job 7".to_owned()])), [I6], "a start without a claim");
    assert_eq!(broken(|e| e.runs[0] = row("unknown")), [I7], "open for ever");
    assert_eq!(broken(|e| e.outputs[0].1 = b"it is a-secret-word".to_vec()), [I8], "a secret in the log");
    assert_eq!(broken(|e| e.vitals = e.vitals.map(|(a, b)| (a, Vitals { handles: 300, ..b }))), [I9], "handles leak");
}
