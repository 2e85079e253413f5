//! What a run takes with it: its arguments for each attempt, its policy, and the name of each attempt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use punctual::run::{
    Ending, FrozenPolicy, InstallationId, JobId, JobKey, JobPhase, JobRef, MissReason, Run, RunEvent, RunId, RunState,
    WaitReason, Work,
};
use punctual::schedule::{
    ConnectionName, Kept, Retry, RetryOn, Schedule, SourceFile, TemplateContext, TemplateError, Trigger, parse,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::at;

const INSTALLATION: InstallationId = InstallationId(0x0BAD_CAFE);

fn schedule(arguments: &str, more: &str) -> std::sync::Arc<Schedule> {
    let text = format!(
        "version: 1\nconnections:\n  cloud:\n    url: https://cloud.uipath.com/acme/main/orchestrator_\n    auth: {{ grant: \
         client_credentials, client_id: app, client_secret: \"credential:cloud\", scope: OR.Jobs }}\ndaemon: {{ allow_env: [DOLLAR] \
         }}\ndefaults: {{ timezone: Europe/Berlin, folder: F }}\nschedules:\n  x: {{ cron: \"0 7 * * *\", {more} start: {{ process: P, \
         arguments: {arguments} }} }}\n"
    );
    let file = SourceFile { path: PathBuf::from("s.yaml"), text, folder: PathBuf::from("/etc") };
    let loaded = parse(&[file], at("2026-11-23T00:00:00Z")).unwrap_or_else(|wrong| panic!("{:#?}", wrong.diagnostics));
    loaded.set.schedules["x"].clone()
}

fn fire() -> Timestamp {
    at("2026-11-23T06:00:17Z")
}

/// As it is claimed.
fn claimed(schedule: &Schedule, retry: Option<Retry>) -> Result<Run, TemplateError> {
    let nominal_at = at("2026-11-23T06:00:00Z");
    let id = RunId(Uuid::from_u128(7));
    let env = BTreeMap::from([("DOLLAR".to_owned(), "$".to_owned())]);
    let context = TemplateContext {
        nominal: nominal_at,
        previous: Some(at("2026-11-22T06:00:00Z")),
        fire: fire(),
        schedule: "x",
        run: &id.to_string(),
        attempt: 1,
        reference: "",
        zone: schedule.recurrence.zone(),
        env: &env,
    };
    let mut start = schedule.start.clone();
    let template = start.freeze(&context)?;
    if template.is_none() {
        start.arguments = Some(start.render(&context)?);
    }
    let mut run = Run {
        id,
        version: 1,
        schedule: schedule.key.clone(),
        trigger: Trigger::Scheduled,
        nominal_at,
        nominal_until: None,
        count: None,
        local: civil::date(2026, 11, 23).at(7, 0, 0, 0),
        offset: Offset::from_hours(1).unwrap(),
        fire_at: fire(),
        claimed_at: fire(),
        deadline_from: Timestamp::MAX,
        deadline_at: Timestamp::MAX,
        state: RunState::Armed,
        note: None,
        error: None,
        connection: ConnectionName("cloud".into()),
        identity: None,
        work: Work::Process(start),
        template,
        policy: FrozenPolicy { retry, ..FrozenPolicy::of(schedule) },
        schedule_version: None,
        waiting_until: None,
        sent_at: None,
        accepted_at: None,
        started_at: None,
        ended_at: None,
        actor: None,
        cancelled_by: None,
        parent: None,
        retry_of: None,
        made_good_by: None,
        output: None,
        trace_id: None,
        held_for: None,
        counts_until: None,
        attempts: Vec::new(),
    };
    run.begin_attempt(INSTALLATION, 1, fire())?;
    Ok(run)
}

fn twice() -> Option<Retry> {
    let (delay, max_delay) = (Duration::from_secs(60), Duration::from_secs(900));
    Some(Retry { attempts: 2, delay, max_delay, on: vec![RetryOn::Faulted] })
}

fn arguments(run: &Run) -> Value {
    run.start().arguments.clone().map_or(Value::Null, Value::Object)
}

#[test]
fn each_attempt_has_its_own_number_reference_and_time_and_all_else_is_as_at_the_claim() {
    let written = "{ a: \"${attempt} ${reference}\", b: [\"${fire.time}\", \"${fire.date+1d:%d.%m.}\", 1.50], c: { d: \"${nominal.date} \
                   ${previous.date} ${schedule}\" }, e: \"$${attempt}\", f: \"${env:DOLLAR}${attempt}${env:DOLLAR}{attempt}\", g: null }";
    let mut run = claimed(&schedule(written, ""), twice()).unwrap();
    let reference = run.attempts[0].reference.to_string();
    assert!(reference.starts_with("p1.0badcafe.") && !reference.contains(".a"), "{reference}");
    let expected = |attempt: u16, reference: &str, time: &str, day: &str| {
        json!({
            "a": format!("{attempt} {reference}"), "b": [time, day, 1.5], "c": { "d": "2026-11-23 2026-11-22 x" },
            "e": "${attempt}", "f": format!("${attempt}${{attempt}}"), "g": null,
        })
    };
    assert_eq!(arguments(&run), expected(1, &reference, "07:00:17", "24.11."));
    // It is read back from its row before the second one.
    let stored = serde_json::to_string(&run.template).unwrap();
    run.template = serde_json::from_str(&stored).unwrap();
    run.begin_attempt(INSTALLATION, 1, at("2026-11-23T23:30:00Z")).unwrap();
    let second = format!("{reference}.a2");
    assert_eq!(run.attempts[1].reference.as_str(), second);
    assert_eq!((run.attempts[1].attempt, run.attempts[1].due_at), (2, Some(at("2026-11-23T23:30:00Z"))));
    assert_eq!(arguments(&run), expected(2, &second, "00:30:00", "25.11."));
    // Another job of the run begins at its first attempt.
    run.begin_attempt(INSTALLATION, 3, fire()).unwrap();
    assert_eq!(run.attempts[2].reference.as_str(), format!("{reference}.j3"));
    run.begin_attempt(INSTALLATION, 3, fire()).unwrap();
    assert_eq!(run.attempts[3].reference.as_str(), format!("{reference}.j3.a2"));
}

#[test]
fn arguments_that_all_attempts_share_are_kept_once() {
    let run = claimed(&schedule("{ a: \"${nominal.date}\", b: [1] }", ""), twice()).unwrap();
    assert_eq!(run.template, None);
    assert_eq!(arguments(&run), json!({ "a": "2026-11-23", "b": [1] }));
}

#[test]
fn arguments_and_template_go_when_no_attempt_can_follow() {
    let written = schedule("{ a: \"secret ${attempt}\" }", "history: { arguments: drop },");
    assert_eq!(written.history.arguments, Kept::Drop);
    let job = RunEvent::Job(JobPhase::Running);
    let kept = |run: &Run| (run.template.is_some(), run.start().arguments.is_some());

    let mut once = claimed(&written, None).unwrap();
    assert_eq!(kept(&once), (true, true));
    once.apply(RunEvent::Send).unwrap();
    assert_eq!(kept(&once), (true, true), "it may have to be sent again");
    once.apply(job).unwrap();
    assert_eq!(kept(&once), (false, false));

    let mut again = claimed(&written, twice()).unwrap();
    again.apply(RunEvent::Send).unwrap();
    again.apply(job).unwrap();
    assert_eq!(kept(&again), (true, true), "a second attempt may follow");
    again.apply(RunEvent::Wait(WaitReason::Retry)).unwrap();
    again.begin_attempt(INSTALLATION, 1, fire()).unwrap();
    assert_eq!(arguments(&again), json!({ "a": "secret 2" }));
    again.apply(RunEvent::Send).unwrap();
    again.apply(job).unwrap();
    assert_eq!(kept(&again), (false, false), "it was the last one");

    let mut ended = claimed(&written, twice()).unwrap();
    ended.apply(RunEvent::Send).unwrap();
    ended.apply(job).unwrap();
    ended.apply(RunEvent::End(Ending::Succeeded)).unwrap();
    assert_eq!(kept(&ended), (false, false), "nothing follows a success");
}

#[test]
fn a_run_of_which_a_job_has_existed_ends_as_one_that_had_a_job() {
    let mut run = claimed(&schedule("{ a: 1 }", ""), twice()).unwrap();
    run.apply(RunEvent::Send).unwrap();
    run.attempts[0].job = Some(JobRef { key: JobKey(Uuid::from_u128(1)), id: JobId(1) });
    run.apply(RunEvent::Job(JobPhase::Running)).unwrap();
    run.apply(RunEvent::Wait(WaitReason::Retry)).unwrap();
    let before = format!("{run:?}");
    for ending in [Ending::Missed(MissReason::Deadline), Ending::Rejected, Ending::Cancelled] {
        assert!(run.apply(RunEvent::End(ending)).is_err(), "{ending:?}");
        assert_eq!(format!("{run:?}"), before, "nothing has changed");
    }
    run.apply(RunEvent::End(Ending::Faulted)).unwrap();
}

#[test]
fn arguments_that_are_too_long_for_an_attempt_are_refused() {
    let long = "x".repeat(9_970);
    let refused = claimed(&schedule(&format!("{{ a: \"{long}${{reference}}\" }}"), ""), None).unwrap_err();
    assert!(matches!(refused, TemplateError::TooLong(_)), "{refused}");
}

#[test]
fn a_policy_reads_back_as_it_was_stored() {
    use punctual::schedule::{CountedBy, OnPending, Timeouts};
    let timeout = Timeouts {
        pending: Some(Duration::from_secs(1_200)),
        soft: None,
        at: Some(civil::time(8, 0, 0, 0)),
        kill_after: Duration::from_secs(300),
        on_pending: OnPending::Restart,
        counted_by: CountedBy::Us,
    };
    let schedule = schedule("{}", "");
    let plain = FrozenPolicy::of(&schedule);
    let full = FrozenPolicy {
        retry: twice(),
        timeout: Some(timeout),
        pool: Some("night".to_owned()),
        priority: -3,
        ..plain.clone()
    };
    for policy in [plain, full] {
        let stored = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<FrozenPolicy>(&stored).unwrap(), policy, "{stored}");
    }
    // What a version that knows less would lose is refused.
    let newer = "{\"on_unknown_start\":\"retry\",\"start_deadline_ms\":1,\"mood\":\"good\"}";
    assert!(serde_json::from_str::<FrozenPolicy>(newer).is_err());
}
