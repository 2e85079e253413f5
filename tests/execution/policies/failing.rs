//! Jobs that fail, and jobs that take too long or find no robot (semantics.md 18, 21).

use punctual::sandbox::{Endpoint, JobState, PendingReason, RobotResult, StopEnd, Stopping};
use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_robot_that_fails_twice_and_then_does_its_work_is_one_run_of_three_jobs() {
    let text = "schedules:\n  report:\n    at: \"2026-11-23T12:00:10Z\"\n    retry: { attempts: 3, delay: 1m }\n    start: { process: InvoiceIntake, \
                folder: Shared, arguments: { try: \"${attempt}\", name: \"${reference}\" } }\n";
    let story = Story::begin(NOON, text).await;
    let fails = Fault::Fails(Failure::new(Mishap::WorkflowException));
    story.control.push_rule(starts(fails).count(2));
    story.to("2026-11-23T12:00:30Z").await;
    assert_eq!(story.states().await, ["waiting: retry"]);
    assert!(story.only_run().await.waiting_until.is_some(), "a person sees when the next attempt comes");
    story.until_all_ended(SECOND, seconds(600)).await;
    let run = story.only_run().await;
    assert_eq!((run.state.name(), run.attempts, run.error), ("succeeded", 3, None));
    let jobs = story.control.jobs();
    let names = references(&jobs);
    let first = names[0];
    assert_eq!(names, [first.to_owned(), format!("{first}.a2"), format!("{first}.a3")]);
    for (n, job) in jobs.iter().enumerate() {
        assert_eq!(job.arguments, Some(json!({ "try": (n + 1).to_string(), "name": names[n] })));
    }
    let pauses: Vec<i64> =
        jobs.windows(2).map(|pair| seconds_between(pair[0].ended_at.expect("it failed"), pair[1].created_at)).collect();
    // A minute and two, give or take a tenth, from when the end was read.
    assert!((54..=76).contains(&pauses[0]) && (108..=142).contains(&pauses[1]), "{pauses:?}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_account_is_never_tried_again_and_a_business_rule_only_where_it_is_named() {
    let cases = [
        (Mishap::LogonFailed, "[faulted, business]", 1),
        (Mishap::AccountLocked, "[faulted]", 1),
        (Mishap::BusinessRule, "[faulted]", 1),
        (Mishap::BusinessRule, "[business]", 2),
        (Mishap::ServiceShutdown, "[business]", 1),
        (Mishap::ServiceShutdown, "[faulted]", 2),
    ];
    for (mishap, on, jobs) in cases {
        let keys = format!("at: \"2026-11-23T12:00:10Z\", retry: {{ attempts: 3, delay: 1m, on: {on} }}");
        let story = Story::begin(NOON, &one(&keys, "InvoiceIntake")).await;
        story.control.push_rule(starts(Fault::Fails(Failure::new(mishap))).count(1));
        story.to("2026-11-23T12:00:10Z").await;
        story.until_all_ended(SECOND, seconds(600)).await;
        // An hour more, in which nothing may come.
        story.pass_in_steps(seconds(3_600), seconds(60)).await;
        let run = story.only_run().await;
        let expected = if jobs == 1 { "faulted" } else { "succeeded" };
        assert_eq!((run.state.name(), story.control.jobs_made()), (expected, jobs), "{mishap:?} {on}: {run:#?}");
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_too_long_is_asked_to_stop_and_obeys() {
    let story = Story::begin(NOON, &one("at: \"2026-11-23T12:00:10Z\", timeout: { soft: 10m }", "LongReport")).await;
    story.control.push_rule(starts(Fault::RunsFor(seconds(7_200))));
    story.to("2026-11-23T12:00:10Z").await;
    story.until_all_ended(SECOND, seconds(1_200)).await;
    assert_eq!(story.states().await, ["timed_out"]);
    let stops = story.stops();
    let began = story.control.jobs()[0].started_at.expect("it ran");
    assert_eq!(story.strategies(), ["SoftStop"]);
    assert_eq!(seconds_between(began, stops[0].1), 600, "ten minutes of its own time");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_deaf_to_its_time_out_is_killed() {
    let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { soft: 10m, kill_after: 2m }";
    let story = Story::begin(NOON, &one(keys, "LongReport")).await;
    story.control.push_rule(starts(Fault::RunsFor(seconds(7_200))));
    story.control.push_rule(starts(Fault::IgnoreSoftStop));
    story.to("2026-11-23T12:00:10Z").await;
    story.until_all_ended(SECOND, seconds(1_200)).await;
    assert_eq!(story.states().await, ["timed_out"]);
    let stops = story.stops();
    assert_eq!(story.strategies(), ["SoftStop", "Kill"]);
    assert_eq!(seconds_between(stops[0].1, stops[1].1), 120);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_no_robot_takes_is_stopped_and_never_began() {
    for hidden in [false, true] {
        let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { pending: 10m }, retry: { attempts: 3, delay: 1m }";
        let story = Story::begin(NOON, &one(keys, "InvoiceIntake")).await;
        if hidden {
            story.control.push_rule(FaultRule::always(Fault::StoppedHidesStart));
        }
        story.control.push_rule(starts(Fault::Hang(PendingReason::NoHost)));
        story.to("2026-11-23T12:00:10Z").await;
        story.until_all_ended(SECOND, seconds(1_200)).await;
        story.pass_in_steps(seconds(1_200), seconds(60)).await;
        let run = story.only_run().await;
        assert_eq!((run.state.name(), run.attempts, run.started_at), ("timed_out", 1, None), "hidden: {hidden}");
        assert_eq!(seconds_between(story.control.jobs()[0].created_at, story.stops()[0].1), 600);
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_restart_a_fresh_job_is_started_and_finds_the_robot_that_came_back() {
    for hidden in [false, true] {
        let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { pending: 10m, on_pending: restart }";
        let story = Story::begin(NOON, &one(keys, "InvoiceIntake")).await;
        if hidden {
            story.control.push_rule(FaultRule::always(Fault::StoppedHidesStart));
        }
        story.control.set_robots("Shared", 0);
        story.to("2026-11-23T12:00:10Z").await;
        story.pass_in_steps(seconds(120), SECOND).await;
        story.control.set_robots("Shared", 3);
        story.pass_in_steps(seconds(420), seconds(10)).await;
        assert_eq!(story.states().await, ["pending"], "what was frozen at its dispatch does not thaw");
        story.until_all_ended(SECOND, seconds(300)).await;
        let run = story.only_run().await;
        assert_eq!((run.state.name(), run.attempts), ("succeeded", 2), "hidden: {hidden}");
        let jobs = story.control.jobs();
        assert_eq!([jobs[0].state, jobs[1].state], [JobState::Stopped, JobState::Successful]);
        assert_one_after_another(&jobs);
        assert_eq!(references(&jobs)[1], format!("{}.a2", references(&jobs)[0]));
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_robot_that_takes_a_pending_job_a_moment_before_its_stop_keeps_a_second_one_from_being_started() {
    let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { pending: 10m, on_pending: restart }";
    let story = Story::begin(NOON, &one(keys, "InvoiceIntake")).await;
    story.control.push_rule(starts(Fault::PendingFor(seconds(3_600))));
    story.control.push_rule(FaultRule::always(Fault::TakenBeforeStop));
    story.to("2026-11-23T12:00:10Z").await;
    story.until_all_ended(SECOND, seconds(1_200)).await;
    story.pass_in_steps(seconds(1_200), seconds(60)).await;
    let run = story.only_run().await;
    assert_eq!((run.state.name(), story.control.jobs_made()), ("timed_out", 1));
    let note = run.note.unwrap_or_default();
    assert!(note.contains("a robot took it before it could be stopped"), "{note}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_whose_answer_was_lost_is_remembered_although_a_robot_took_the_job_a_moment_before() {
    let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { pending: 10m, on_pending: restart }";
    let story = Story::begin(NOON, &one(keys, "InvoiceIntake")).await;
    story.control.push_rule(starts(Fault::PendingFor(seconds(3_600))));
    story.control.push_rule(starts(Fault::RunsFor(seconds(3_600))));
    let slowly = Stopping { after: seconds(40), ends: StopEnd::Stopped };
    story.control.push_rule(starts(Fault::SoftStop(slowly)));
    story.control.push_rule(FaultRule::always(Fault::TakenBeforeStop));
    story.control.push_rule(FaultRule::once(Fault::DropAnswer).on(Endpoint::StopJobs));
    story.to("2026-11-23T12:00:10Z").await;
    story.until_all_ended(SECOND, seconds(1_200)).await;
    let run = story.only_run().await;
    assert_eq!((run.state.name(), story.control.jobs_made()), ("timed_out", 1), "{run:#?}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_of_day_in_the_zone_of_the_schedule_ends_a_job_and_all_attempts() {
    // Half past one in Berlin is half past twelve here.
    let keys = "at: \"2026-11-23T12:00:10Z\", timezone: Europe/Berlin, timeout: { at: \"13:30\" }, retry: { attempts: 3, delay: 1m }";
    let story = Story::begin(NOON, &one(keys, "LongReport")).await;
    story.control.push_rule(starts(Fault::RunsFor(seconds(7_200))));
    story.to("2026-11-23T12:00:10Z").await;
    story.until_all_ended(SECOND, seconds(2_400)).await;
    story.pass_in_steps(seconds(600), seconds(20)).await;
    assert_eq!(story.states().await, ["timed_out"]);
    assert_eq!(story.stops(), [("SoftStop".to_owned(), at("2026-11-23T12:30:00Z"))]);
    assert_eq!(story.control.jobs_made(), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_on_server_orchestrator_stops_a_job_also_while_the_daemon_is_down() {
    let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { pending: 10m, soft: 20m, kill_after: 5m, on_server: true }";
    let mut story = Story::begin(NOON, &one(keys, "LongReport")).await;
    story.control.push_rule(starts(Fault::RunsFor(seconds(7_200))));
    story.to("2026-11-23T12:00:10Z").await;
    let asked = story.start_info();
    let expressions =
        ["StopProcessExpression", "KillProcessExpression", "StopStrategy"].map(|name| asked[name].clone());
    assert_eq!(expressions, [json!("1800"), json!("300"), json!("SoftStop")], "{asked:#}");
    story.pass_in_steps(seconds(60), SECOND).await;
    story.stop_daemon().await;
    story.hand.advance(seconds(3_600));
    story.start_daemon().await;
    let run = story.until("report", "timed_out", SECOND, seconds(60)).await;
    assert!(story.stops().is_empty(), "nobody but Orchestrator stopped it");
    let job = &story.control.jobs()[0];
    assert_eq!((job.state, run.ended_at.as_deref().map(at)), (JobState::Stopped, job.ended_at));
    story.end().await;
    // One that a person stopped at another time is not taken for that.
    let story = Story::begin(NOON, &one(keys, "LongReport")).await;
    story.to("2026-11-23T12:00:20Z").await;
    story.control.finish_job(story.control.jobs()[0].id, RobotResult::Stops);
    story.until("report", "stopped", SECOND, seconds(60)).await;
    story.end().await;
}
