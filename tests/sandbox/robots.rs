//! Robots that do not take a job, that do not stop, or that stop in their own way; time-outs and runtimes.

use punctual::sandbox::{PendingReason, StopEnd, Stopping};

use super::*;

const JOBS: &str = "/odata/Jobs";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn ending(after: u64, ends: StopEnd) -> Stopping {
    Stopping { after: seconds(after), ends }
}

impl Stage {
    async fn ask_to_stop(&self, id: i64, strategy: &str) -> u16 {
        let body = json!({"strategy": strategy, "jobIds": [id]});
        self.post(STOP_JOBS, body).await.status().as_u16()
    }

    async fn why_pending(&self, id: i64) -> Value {
        let path = format!("{JOBS}({id})/UiPath.Server.Configuration.OData.ValidateExistingJob");
        json_of(self.post(&path, json!({})).await).await
    }

    /// The truth of a job, which needs no token: some of these stories take days.
    fn truth(&self, id: i64) -> punctual::sandbox::JobTruth {
        self.control.jobs().into_iter().find(|job| job.id == id).unwrap()
    }

    fn is(&self, id: i64, state: JobState) {
        assert_eq!(self.truth(id).state, state);
    }
}

// ---- pending ----

#[tokio::test]
async fn a_job_that_hangs_keeps_its_reason_while_a_fresh_one_runs() {
    let stage = stage().await;
    stage.control.push_fault(Fault::Hang(PendingReason::NoHost));
    let (old, fresh) = (stage.start("Heartbeat", "old").await, stage.start("Heartbeat", "fresh").await);
    stage.pass(3_000);
    stage.is(old, JobState::Pending);
    stage.is(fresh, JobState::Successful);
    let reasons = stage.why_pending(old).await;
    assert_eq!((&reasons["IsValid"], &reasons["ErrorCodes"][0]), (&json!(false), &json!("TemplateNoHostsAvailable")));
    assert_eq!(stage.why_pending(fresh).await["IsValid"], true);

    assert_eq!(stage.ask_to_stop(old, "SoftStop").await, 200);
    let job = stage.shown(old).await;
    assert_eq!((&job["State"], job.get("HostMachineName")), (&json!("Stopped"), None));
    assert_eq!(job["EndTime"], "2026-11-23T08:50:00.000Z");
}

#[tokio::test]
async fn a_hanging_job_that_was_stopped_is_shown_as_started_when_it_ended() {
    let stage = stage().await;
    stage.control.push_fault(Fault::Hang(PendingReason::NoHost));
    let (hangs, runs) = (stage.start("LongReport", "hangs").await, stage.start("LongReport", "runs").await);
    stage.pass(10);
    for id in [hangs, runs] {
        assert_eq!(stage.ask_to_stop(id, "Kill").await, 200);
    }
    stage.pass(1);
    let (hung, ran) = (stage.shown(hangs).await, stage.shown(runs).await);
    assert_eq!((&hung["StartTime"], hung.get("HostMachineName")), (&hung["EndTime"], None));
    assert_eq!(ran["StartTime"], "2026-11-23T08:00:01.000Z");
    let started = || async { stage.rows(&format!("{JOBS}?$filter=StartTime ne null")).await.len() };
    assert_eq!(started().await, 2, "a filter sees what is shown");
    assert_eq!(stage.truth(hangs).started_at, None);
    stage.control.push_rule(FaultRule::always(Fault::StoppedHidesStart));
    assert_eq!(stage.shown(hangs).await.get("StartTime"), None);
    assert_eq!(started().await, 1);
}

#[tokio::test]
async fn a_share_of_the_jobs_waits_longer_for_a_robot() {
    let stage = stage_with(|config| config.tenant.folders[0].robots = 100).await;
    stage.control.push_rule(FaultRule::always(Fault::PendingFor(seconds(60))).share(0.5));
    for n in 0..40 {
        stage.start("InvoiceIntake", &format!("r{n}")).await;
    }
    let waiting = |stage: &Stage| stage.control.jobs().iter().filter(|job| job.state == JobState::Pending).count();
    stage.pass(60);
    let late = waiting(&stage);
    assert!((8..=32).contains(&late), "{late} of 40 jobs wait");
    stage.pass(1);
    assert_eq!(waiting(&stage), 0);
}

#[tokio::test]
async fn what_began_to_wait_without_robots_waits_for_ever_and_what_comes_after_them_runs() {
    let stage = stage().await;
    stage.control.set_robots("Shared", 0);
    let old = stage.start("Heartbeat", "old").await;
    stage.pass(60);
    stage.control.set_robots("shared", 2);
    let fresh = stage.start("Heartbeat", "fresh").await;
    stage.pass(60);
    stage.is(old, JobState::Pending);
    stage.is(fresh, JobState::Successful);
    assert_eq!(stage.why_pending(old).await["ErrorCodes"][0], "TemplateNoHostsAvailable");
}

#[tokio::test]
async fn robots_go_and_come_back_by_rules_with_times() {
    let stage = stage().await;
    let text = "rules:\n  - { fault: { robots: 0 }, after: 10s, count: 1 }\n  - { fault: { robots: 1 }, after: 60s, count: \
                1 }\n";
    stage.control.set_faults(Faults::from_yaml(text).unwrap());
    let before = stage.start("LongReport", "before").await;
    stage.pass(10);
    let meanwhile = stage.start("LongReport", "meanwhile").await;
    stage.is(before, JobState::Running);
    stage.pass(50);
    assert_eq!(stage.rows(JOBS).await.len(), 2);
    let after = [stage.start("LongReport", "a").await, stage.start("LongReport", "b").await];
    stage.pass(10);
    stage.is(before, JobState::Successful);
    stage.is(meanwhile, JobState::Pending);
    stage.is(after[0], JobState::Running);
    stage.is(after[1], JobState::Pending);
    stage.control.set_robots("Shared", 2);
    stage.is(after[1], JobState::Running);
}

#[tokio::test]
async fn a_rule_holds_only_for_its_time() {
    let stage = stage().await;
    let rule = FaultRule::always(Fault::Hang(PendingReason::Maintenance)).after(seconds(10)).lasts(seconds(20));
    stage.control.push_rule(rule);
    let mut jobs = Vec::new();
    for pause in [0, 9, 1, 19, 1] {
        stage.pass(pause);
        jobs.push(stage.start("Heartbeat", "r").await);
    }
    stage.pass(60);
    let states = jobs.iter().map(|id| stage.truth(*id).state == JobState::Pending).collect::<Vec<_>>();
    assert_eq!(states, [false, false, true, true, false]);
}

#[tokio::test]
async fn a_robot_takes_the_job_a_moment_before_its_stop() {
    let stage = stage().await;
    stage.control.push_rule(FaultRule::always(Fault::Hang(PendingReason::NoHost)));
    stage.control.push_rule(FaultRule::always(Fault::TakenBeforeStop));
    let (long, short) = (stage.start("LongReport", "long").await, stage.start("Heartbeat", "short").await);
    stage.pass(600);
    for id in [long, short] {
        stage.is(id, JobState::Pending);
        assert_eq!(stage.ask_to_stop(id, "SoftStop").await, 200);
        stage.is(id, JobState::Stopping);
    }
    stage.pass(1);
    for (id, state) in [(long, "Stopped"), (short, "Successful")] {
        let job = stage.shown(id).await;
        assert_eq!((&job["State"], &job["StartTime"]), (&json!(state), &json!("2026-11-23T08:10:00.000Z")));
    }
    let single = stage.start("LongReport", "single").await;
    let path = format!("{JOBS}({single})/UiPath.Server.Configuration.OData.StopJob");
    assert_eq!(stage.post(&path, json!({"strategy": "Kill"})).await.status(), 200);
    stage.is(single, JobState::Terminating);
}

// ---- stops ----

#[tokio::test]
async fn a_soft_stop_ends_a_job_when_and_how_its_workflow_wants() {
    let ends = [
        (StopEnd::Successful, "Successful", Some("Job completed")),
        (StopEnd::Stopped, "Stopped", None),
        (StopEnd::Faulted, "Faulted", Some("System.Exception: Job stopped with an unexpected exit code: 0x40010004")),
    ];
    for (end, state, info) in ends {
        let stage = stage().await;
        stage.control.push_fault(Fault::SoftStop(ending(20, end)));
        let id = stage.start("LongReport", "r").await;
        stage.pass(2);
        assert_eq!(stage.ask_to_stop(id, "SoftStop").await, 200);
        stage.pass(19);
        stage.is(id, JobState::Stopping);
        stage.pass(1);
        let job = stage.shown(id).await;
        assert_eq!(
            (&job["State"], job["Info"].as_str(), &job["StopStrategy"]),
            (&json!(state), info, &json!("SoftStop"))
        );
    }
}

#[tokio::test]
async fn a_kill_takes_its_time_and_may_end_in_a_fault() {
    let stage = stage().await;
    stage.control.push_rule(FaultRule::always(Fault::Kill(ending(1_200, StopEnd::Faulted))));
    stage.control.push_rule(FaultRule::always(Fault::IgnoreSoftStop));
    let id = stage.start("LongReport", "r").await;
    stage.pass(2);
    assert_eq!(stage.ask_to_stop(id, "SoftStop").await, 200);
    stage.pass(5);
    assert_eq!(stage.ask_to_stop(id, "Kill").await, 200);
    stage.pass(1_199);
    assert_eq!(stage.state(id).await, "Terminating");
    assert_eq!(stage.ask_to_stop(id, "Kill").await, 200, "asking again does not begin anew");
    stage.pass(1);
    let job = stage.shown(id).await;
    assert_eq!((&job["State"], &job["ErrorCode"]), (&json!("Faulted"), &json!("Robot")));
    assert!(job["Info"].as_str().unwrap().ends_with("0x40010004"));
}

#[tokio::test]
async fn a_job_that_cannot_be_killed_is_cleaned_up_after_a_day() {
    let stage = stage().await;
    stage.pass(600);
    stage.control.push_fault(Fault::IgnoreKill);
    let id = stage.start("LongReport", "r").await;
    stage.pass(10);
    assert_eq!(stage.ask_to_stop(id, "Kill").await, 200);
    // The rounds are every three hours from the sandbox's beginning; that after 24 hours comes ten minutes too early.
    stage.pass(27 * 3_600 - 611);
    stage.is(id, JobState::Terminating);
    stage.pass(1);
    stage.is(id, JobState::Faulted);
    assert!(stage.truth(id).info.unwrap().contains("cleanup action for jobs in Terminating state"));
}

#[tokio::test]
async fn a_stop_that_is_refused_for_one_process_leaves_the_job_alone() {
    let stage = stage().await;
    let rule = FaultRule::always(Fault::Refuse(Refusal::code(409, 0))).on(Endpoint::StopJobs).process("LongReport");
    stage.control.push_rule(rule);
    let (report, intake) = (stage.start("LongReport", "r").await, stage.start("InvoiceIntake", "r").await);
    stage.pass(1);
    assert_eq!(stage.ask_to_stop(report, "Kill").await, 409);
    assert_eq!(stage.ask_to_stop(intake, "Kill").await, 200);
    stage.is(report, JobState::Running);
    stage.is(intake, JobState::Terminating);
}

// ---- the service's own time-outs ----

#[tokio::test]
async fn a_stop_expression_counts_the_time_spent_waiting_for_a_robot() {
    let stage = stage().await;
    let info = json!({"ReleaseName": "LongReport", "StopProcessExpression": "20", "StopStrategy": "Kill"});
    stage.control.push_fault(Fault::PendingFor(seconds(14)));
    stage.control.push_rule(FaultRule::once(Fault::Hang(PendingReason::NoHost)).skip(1));
    let (late, never) = (stage.start_with(info.clone()).await, stage.start_with(info).await);
    stage.pass(19);
    stage.is(late, JobState::Running);
    stage.is(never, JobState::Pending);
    stage.pass(1);
    stage.is(late, JobState::Terminating);
    stage.is(never, JobState::Stopped);
    assert_eq!(stage.truth(late).started_at, Some(at("2026-11-23T08:00:15Z")));
    assert_eq!(stage.truth(never).started_at, None);
}

#[tokio::test]
async fn a_stop_expression_counts_the_time_a_job_is_suspended() {
    let stage = stage().await;
    stage.control.push_rule(FaultRule::always(Fault::Suspends(seconds(60))));
    let info = json!({"ReleaseName": "InvoiceIntake", "StopProcessExpression": "30"});
    let (stopped, held) = (stage.start_with(info.clone()).await, stage.start_with(info).await);
    stage.pass(29);
    stage.is(stopped, JobState::Suspended);
    stage.control.hold_job(held);
    stage.pass(1);
    stage.is(stopped, JobState::Stopped);
    stage.is(held, JobState::Suspended);
}

#[tokio::test]
async fn a_job_that_is_told_to_be_suspended_waits_for_a_robot_again_and_ends_as_usual() {
    let stage = stage_with(|config| config.tenant.folders[0].robots = 1).await;
    stage.control.push_fault(Fault::Suspends(seconds(10)));
    let parked = stage.start("InvoiceIntake", "parked").await;
    stage.pass(3);
    stage.is(parked, JobState::Suspended);
    stage.start("LongReport", "long").await;
    stage.pass(10);
    stage.is(parked, JobState::Resumed);
    stage.pass(21);
    stage.is(parked, JobState::Running);
    stage.pass(2);
    assert_eq!(stage.truth(parked).output, Some(json!({"invoices": 17})));
}

// ---- runtimes and priorities ----

#[tokio::test]
async fn a_second_pending_job_is_refused_where_only_one_may_wait() {
    let stage = stage().await;
    stage.control.push_rule(FaultRule::always(Fault::OnePending));
    stage.start("LongReport", "first").await;
    let refused = stage.try_start("LongReport", "second").await.unwrap();
    assert_eq!(refused.status(), 409);
    let error = json_of(refused).await;
    assert_eq!(error["errorCode"], 1670);
    assert_eq!(error["message"], "The robots already have pending jobs for this Process");
    stage.start("Heartbeat", "other").await;
    stage.pass(1);
    stage.start("LongReport", "third").await;
}

#[tokio::test]
async fn runtimes_are_counted() {
    let stage = stage_with(|config| config.tenant.folders[0].robots = 3).await;
    let folder = stage.rows("/odata/Folders?$filter=FullyQualifiedName eq 'Shared'").await[0]["Id"].clone();
    let path =
        |id: &Value| format!("/odata/Machines/UiPath.Server.Configuration.OData.GetRuntimesForFolder(folderId={id})");
    let count = async || stage.rows(&path(&folder)).await[0].clone();
    for n in 0..4 {
        stage.start("LongReport", &format!("r{n}")).await;
    }
    assert_eq!(count().await, json!({"Type": "Unattended", "Total": 3, "Connected": 3, "Available": 3}));
    stage.pass(1);
    stage.control.set_robots("Shared", 2);
    assert_eq!(count().await, json!({"Type": "Unattended", "Total": 2, "Connected": 2, "Available": 0}));
    assert_eq!(stage.get(&path(&json!(7))).await.status(), 404);
}

#[tokio::test]
async fn a_priority_is_kept_and_shown() {
    let stage = stage().await;
    for (given, shown, value) in [(Some("Low"), "Low", 25), (None, "Normal", 45), (Some("high"), "High", 65)] {
        let mut info = json!({"ReleaseName": "Heartbeat"});
        if let Some(given) = given {
            info["JobPriority"] = json!(given);
        }
        let id = stage.start_with(info).await;
        let job = stage.shown(id).await;
        assert_eq!((&job["JobPriority"], &job["SpecificPriorityValue"]), (&json!(shown), &json!(value)));
    }
}

#[tokio::test]
async fn a_job_runs_for_as_long_as_a_rule_says() {
    let stage = stage().await;
    stage.control.push_rule(FaultRule::once(Fault::RunsFor(seconds(7_200))).process("Heartbeat"));
    let (long, usual) = (stage.start("Heartbeat", "long").await, stage.start("Heartbeat", "usual").await);
    stage.pass(7_199);
    stage.is(long, JobState::Running);
    stage.is(usual, JobState::Successful);
    stage.pass(1);
    stage.is(long, JobState::Successful);
}
