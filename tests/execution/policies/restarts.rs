//! The daemon ends and begins again in the middle of what a policy does (semantics.md 17, 21a).

use punctual::sandbox::{JobState, PendingReason};

use super::*;

/// The daemon is away for so long.
async fn away(story: &mut Story, length: Duration) {
    story.stop_daemon().await;
    story.hand.advance(length);
    story.start_daemon().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_while_a_run_waits_to_retry_makes_its_attempt_once() {
    // Away for a moment, and for longer than the pause.
    for length in [5, 1_800] {
        let keys = "at: \"2026-11-23T12:00:10Z\", retry: { attempts: 3, delay: 2m }";
        let mut story = Story::begin(NOON, &one(keys, "InvoiceIntake")).await;
        let fails = Fault::Fails(Failure::new(Mishap::SessionLoggedOff));
        story.control.push_rule(starts(fails).count(1));
        story.to("2026-11-23T12:00:10Z").await;
        story.until("report", "waiting", SECOND, seconds(60)).await;
        let due = story.only_run().await.waiting_until.expect("the next attempt has its time");
        away(&mut story, seconds(length)).await;
        if length == 5 {
            let run = story.only_run().await;
            assert_eq!((state(&run).as_str(), run.waiting_until), ("waiting: retry", Some(due)));
        }
        story.until_all_ended(SECOND, seconds(600)).await;
        story.pass_in_steps(seconds(600), seconds(20)).await;
        let jobs = story.control.jobs();
        let names = references(&jobs);
        assert_eq!(names, [names[0].to_owned(), format!("{}.a2", names[0])], "away for {length} s");
        assert_eq!(story.states().await, ["succeeded"]);
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_between_the_soft_stop_and_the_kill_forgets_neither_and_asks_for_neither_twice() {
    for length in [5, 1_800] {
        let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { soft: 10m, kill_after: 5m }";
        let mut story = Story::begin(NOON, &one(keys, "LongReport")).await;
        story.control.push_rule(starts(Fault::RunsFor(seconds(7_200))));
        story.control.push_rule(starts(Fault::IgnoreSoftStop));
        story.to("2026-11-23T12:00:10Z").await;
        story.until("report", "stopping", SECOND, seconds(900)).await;
        let asked = story.stops()[0].1;
        away(&mut story, seconds(length)).await;
        story.until_all_ended(SECOND, seconds(600)).await;
        assert_eq!(story.states().await, ["timed_out"]);
        assert_eq!(story.strategies(), ["SoftStop", "Kill"], "away for {length} s");
        let killed = seconds_between(asked, story.stops()[1].1);
        if length == 5 {
            assert_eq!(killed, 300);
        } else {
            assert!((1_800..1_830).contains(&killed), "as soon as it is back: {killed} s");
        }
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_between_the_stop_of_a_pending_job_and_the_next_job_starts_one_and_no_more() {
    for (length, hidden) in [(0, false), (1_800, false), (0, true), (1_800, true)] {
        let keys = "at: \"2026-11-23T12:00:10Z\", timeout: { pending: 10m, on_pending: restart }";
        let mut story = Story::begin(NOON, &one(keys, "InvoiceIntake")).await;
        if hidden {
            story.control.push_rule(FaultRule::always(Fault::StoppedHidesStart));
        }
        story.control.push_rule(starts(Fault::Hang(PendingReason::NoHost)).count(1));
        story.to("2026-11-23T12:00:10Z").await;
        let mut waited = 0;
        while story.stops().is_empty() {
            assert!(waited < 900, "its stop does not come");
            story.pass(SECOND).await;
            waited += 1;
        }
        assert_eq!(
            (story.control.jobs()[0].state, story.states().await),
            (JobState::Stopped, vec!["pending".to_owned()])
        );
        away(&mut story, seconds(length)).await;
        story.until_all_ended(SECOND, seconds(600)).await;
        story.pass_in_steps(seconds(600), seconds(20)).await;
        let run = story.only_run().await;
        let case = format!("away for {length} s, hidden: {hidden}: {run:#?}");
        assert_eq!((run.state.name(), run.attempts, story.control.jobs_made()), ("succeeded", 2, 2), "{case}");
        assert_eq!(story.strategies(), ["SoftStop"], "{case}");
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_a_queue_of_three_keeps_all_of_them_in_their_order() {
    let mut story = Story::begin(NOON, &one(&format!("{}, overlap: queue_all", times(4)), "LongReport")).await;
    story.to("2026-11-23T12:00:40Z").await;
    away(&mut story, seconds(5)).await;
    assert_eq!(story.states().await[1..], ["waiting: overlap"; 3]);
    // And once more in the middle, for longer than a job takes.
    story.pass_in_steps(seconds(30), SECOND).await;
    away(&mut story, seconds(300)).await;
    let runs = story.until_all_ended(SECOND, seconds(240)).await;
    assert_eq!(story.states().await, ["succeeded"; 4]);
    let jobs = story.control.jobs();
    assert_one_after_another(&jobs);
    assert_eq!(
        runs.iter().map(|run| run.job_id).collect::<Vec<_>>(),
        jobs.iter().map(|job| Some(job.id)).collect::<Vec<_>>()
    );
    story.end().await;
}
