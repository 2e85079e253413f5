//! `--probe`: one real start, and what is learnt from it.

use std::time::Duration;

use punctual::sandbox::{Endpoint, Fault, FaultRule, JobState, ProcessSpec, Refusal, RobotResult};
use serde_json::Value;

use crate::bench::{Bench, Seen};
use crate::support::check_contract;

const PROBE: [&str; 7] = ["--probe", "Quick", "--folder", "Shared", "--yes", "-o", "json"];

async fn bench() -> Bench {
    Bench::with(|config| {
        let processes = &mut config.tenant.folders[0].processes;
        processes.push(ProcessSpec::new("Quick").taking(Duration::ZERO, Duration::from_millis(50)));
        let info = "Automation cannot be started. Your tenant's assigned Robot Units have been exceeded";
        let faulty = ProcessSpec::new("Unlicensed").taking(Duration::ZERO, Duration::from_millis(50));
        processes.push(faulty.ending(RobotResult::Faults { info: info.to_owned() }));
    })
    .await
}

fn probe<'a>(rows: &'a [Value], subject: &str) -> &'a Value {
    let found = rows
        .iter()
        .find(|row| row["step"] == "probe" && row["subject"].as_str().is_some_and(|one| one.contains(subject)));
    found.unwrap_or_else(|| panic!("no probe of `{subject}` in {rows:#?}"))
}

async fn examined(bench: &Bench, arguments: &[&str]) -> (Seen, Vec<Value>) {
    let seen = bench.doctor(&bench.usual(), arguments).await;
    let rows = seen.rows();
    (seen, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_honours_every_filter_and_one_job_is_started() {
    let bench = bench().await;
    let (seen, rows) = examined(&bench, &PROBE).await;
    assert_eq!(seen.exit, 0, "{rows:#?}");
    for subject in ["`Reference eq`", "`Reference in`", "`startswith`", "`Key in`", "`CreationTime ge`", "`$count`"] {
        assert!(probe(&rows, subject)["found"].as_str().unwrap().starts_with("accepted and honoured"), "{subject}");
    }
    assert!(probe(&rows, "visible")["found"].as_str().unwrap().contains("a settle time of 120 s is ample"));
    assert!(probe(&rows, "end of")["found"].as_str().unwrap().contains("Successful"));
    let jobs = bench.control.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].state, JobState::Successful);
    assert!(jobs[0].reference.as_deref().unwrap().starts_with("probe1."), "{jobs:?}");
    check_contract(&bench.control, &bench.sandbox.base_url());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_ignored_or_refused_is_told_with_what_follows() {
    let bench = bench().await;
    // Somebody else's job, so that an ignored filter shows.
    let (_, _) = examined(&bench, &PROBE).await;
    bench.faults(vec![FaultRule::always(Fault::IgnoreFilter).on(Endpoint::ListJobs)]);
    let (seen, rows) = examined(&bench, &PROBE).await;
    let told = probe(&rows, "`Reference in`");
    assert_eq!((seen.exit, told["verdict"].as_str().unwrap()), (0, "doubt"));
    assert!(told["found"].as_str().unwrap().contains("accepted and ignored"), "{told:#}");
    assert!(told["found"].as_str().unwrap().contains("listing all jobs of the folder"), "{told:#}");
    bench.faults(vec![FaultRule::always(Fault::RefuseFilter).on(Endpoint::ListJobs)]);
    let (_, rows) = examined(&bench, &PROBE).await;
    let told = probe(&rows, "`Key in`");
    assert!(told["found"].as_str().unwrap().starts_with("refused ("), "{told:#}");
    assert!(told["cause"].as_str().unwrap().contains("older"), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shows_jobs_late_asks_for_a_longer_settle_time() {
    let bench = bench().await;
    bench.faults(vec![FaultRule::always(Fault::Late(Duration::from_secs(2)))]);
    let settle = bench.usual().replace("schedules:\n", "    settle: 4s\nschedules:\n");
    let seen = bench.doctor(&settle, &PROBE).await;
    let rows = seen.rows();
    let told = probe(&rows, "visible");
    assert_eq!(told["verdict"], "doubt", "{told:#}");
    assert!(told["cure"].as_str().unwrap().contains("set the connection's `settle` to"), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_and_a_missing_licence_are_explained_and_nobody_is_asked_in_a_script() {
    let bench = bench().await;
    bench.faults(vec![FaultRule::always(Fault::Refuse(Refusal::code(409, 2818))).on(Endpoint::StartJobs)]);
    let (seen, rows) = examined(&bench, &PROBE).await;
    let told = probe(&rows, "start of");
    assert_eq!(seen.exit, 5, "{told:#}");
    assert!(told["cure"].as_str().unwrap().contains("machine template"), "{told:#}");
    bench.faults(Vec::new());
    let unlicensed = PROBE.map(|word| if word == "Quick" { "Unlicensed" } else { word });
    let (seen, rows) = examined(&bench, &unlicensed).await;
    let told = probe(&rows, "end of");
    assert_eq!(seen.exit, 5, "{told:#}");
    assert!(told["cause"].as_str().unwrap().contains("robot units or licences are used up"), "{told:#}");
    let before = bench.control.jobs().len();
    let asked = bench.doctor(&bench.usual(), &["--probe", "Quick", "--folder", "Shared"]).await;
    assert_eq!(asked.exit, 2);
    assert!(asked.err.contains("nobody can be asked") && asked.err.contains("--yes"), "{}", asked.err);
    assert_eq!(bench.control.jobs().len(), before, "nothing was started");
}
