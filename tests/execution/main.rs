//! From a line of YAML to a run in the history.

mod kept;
mod policies;
mod reload;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use punctual::sandbox::{
    Endpoint, Fault, FaultRule, FolderSpec, Nulls, ProcessSpec, Refusal, RobotResult, TokenOutcome,
};
use support::Story;

const SECOND: Duration = Duration::from_secs(1);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_yaml_starts_a_robot_on_time_and_its_run_is_in_the_history() {
    let story = Story::begin(
        "2026-11-23T05:59:00Z",
        "schedules:\n  invoices: { cron: \"0 7 * * MON-FRI\", timezone: Europe/Berlin, start: { process: InvoiceIntake, folder: Shared } }\n",
    )
    .await;
    story.pass_to("2026-11-23T05:59:59Z").await;
    assert!(story.control.jobs().is_empty(), "not a second too early");
    story.pass_to("2026-11-23T06:00:00Z").await;
    assert_eq!(story.control.jobs().len(), 1);
    let run = story.until("invoices", "succeeded", SECOND, seconds(60)).await;
    assert_eq!(run.nominal_at, "2026-11-23T06:00:00.000Z");
    assert_eq!((run.local.as_str(), run.offset.as_str()), ("2026-11-23T07:00:00", "+01:00"));
    assert_eq!(run.sent_at.as_deref(), Some("2026-11-23T06:00:00.000Z"));
    assert_eq!(run.trigger.name(), "scheduled");
    assert_eq!(run.output, Some(serde_json::json!({"invoices": 17})));
    let job = &story.control.jobs()[0];
    assert_eq!(run.job_id, Some(job.id));
    assert_eq!(run.job_key, Some(job.key.to_string()));
    assert_eq!(run.reference, job.reference);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_smallest_file_runs_for_three_days_on_one_refresh_token() {
    // As the README shows it: no folder, because this server has one only.
    let story = Story::with(
        "2026-11-23T00:00:00Z",
        |sandbox| {
            sandbox.tenant.folders =
                vec![FolderSpec { path: "Default".to_owned(), processes: vec![ProcessSpec::new("InvoiceIntake")], robots: 1 }];
        },
        |url| {
            format!(
                "{}schedules:\n  invoices: {{ cron: \"0 7 * * MON-FRI\", timezone: Europe/Berlin, start: {{ process: InvoiceIntake }} }}\n",
                support::connection(url)
            )
        },
    )
    .await;
    for day in 23..=25 {
        story.pass_to(&format!("2026-11-{day}T05:59:59Z")).await;
        story.pass(SECOND).await;
        story.until("invoices", "succeeded", SECOND, seconds(60)).await;
        // The rest of the day, with its token's renewals.
        story.pass_in_steps(seconds(23 * 3_600), seconds(600)).await;
    }
    let runs = story.runs().await;
    let due: Vec<_> = runs.iter().map(|run| (run.nominal_at.as_str(), run.state.name())).collect();
    assert_eq!(
        due,
        [
            ("2026-11-23T06:00:00.000Z", "succeeded"),
            ("2026-11-24T06:00:00.000Z", "succeeded"),
            ("2026-11-25T06:00:00.000Z", "succeeded"),
        ]
    );
    let calls = story.control.token_calls();
    assert!(calls.iter().all(|call| call.grant == "refresh_token"), "one grant only: {calls:#?}");
    assert!((3..=6).contains(&calls.len()), "about one call a day: {calls:#?}");
    assert!(
        story.control.exchanges().iter().all(|exchange| exchange.status != Some(401)),
        "never without a valid token"
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_in_new_york_runs_at_half_past_seven_after_both_clock_changes() {
    let story = Story::begin(
        "2026-03-06T00:00:00Z",
        "schedules:\n  report: { cron: \"30 7 * * *\", timezone: America/New_York, start: { process: Heartbeat, folder: Shared } }\n",
    )
    .await;
    // The daemon runs throughout, from winter to winter. Its days are passed in two steps each: to the hour, and on.
    let mut day = support::at("2026-03-06T11:30:00Z");
    let end = support::at("2026-11-05T00:00:00Z");
    while day < end {
        for due in [day, day + seconds(3_600)] {
            story.hand.advance_to(due);
            story.settle().await;
            story.pass(seconds(6)).await;
            story.pass(seconds(6)).await;
        }
        day += seconds(86_400);
    }
    let runs = story.runs().await;
    assert_eq!(runs.len(), 244, "one run a day");
    assert!(runs.iter().all(|run| run.local.ends_with("T07:30:00") && run.state.name() == "succeeded"));
    assert!(runs.iter().all(|run| run.sent_at.as_deref() == Some(run.nominal_at.as_str())), "each at its second");
    let at_utc = |date: &str| {
        runs.iter().find(|run| run.local.starts_with(date)).map(|run| run.nominal_at.clone()).unwrap_or_default()
    };
    assert_eq!(at_utc("2026-03-07"), "2026-03-07T12:30:00.000Z");
    assert_eq!(at_utc("2026-03-08"), "2026-03-08T11:30:00.000Z");
    assert_eq!(at_utc("2026-10-31"), "2026-10-31T11:30:00.000Z");
    assert_eq!(at_utc("2026-11-01"), "2026-11-01T12:30:00.000Z");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_that_comes_while_the_last_run_is_open_is_recorded_as_skipped() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  report: { every: 20s, start: { process: LongReport, folder: Shared } }\n",
    )
    .await;
    story.pass_in_steps(seconds(65), SECOND).await;
    let runs = story.runs_of("report").await;
    let states: Vec<_> = runs.iter().map(|run| (run.state.name(), run.state.reason())).collect();
    assert_eq!(states, [("succeeded", None), ("skipped", Some("overlap")), ("running", None)]);
    assert_eq!(runs[1].note.as_deref(), Some(format!("run {} was still open", &runs[0].run[28..]).as_str()));
    assert_eq!(runs[1].reference, None, "nothing was sent for it");
    assert_eq!(story.control.jobs().len(), 2);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_robot_ends_as_faulted_with_its_own_words() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  scraper: { at: \"2026-11-23T12:00:10Z\", start: { process: Flaky, folder: Shared } }\n",
    )
    .await;
    story.pass(seconds(10)).await;
    let run = story.until("scraper", "faulted", SECOND, seconds(60)).await;
    assert_eq!(run.error.as_deref(), Some("Could not find the user-interface element"));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_whose_answer_is_lost_is_found_again_and_not_repeated() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  payroll: { at: \"2026-11-23T12:00:10Z\", start: { process: Payroll, folder: Finance } }\n",
    )
    .await;
    story.control.push_rule(FaultRule::once(Fault::DropAnswer).on(Endpoint::StartJobs));
    story.pass(seconds(10)).await;
    assert_eq!(story.only_run().await.state.name(), "unknown");
    let run = story.until("payroll", "succeeded", SECOND, seconds(60)).await;
    let lines = story.lines(&run.run).await;
    assert!(lines.iter().any(|line| line.text.starts_with("Found at Orchestrator by its Reference")), "{lines:#?}");
    story.pass_in_steps(seconds(600), seconds(20)).await;
    assert_eq!(story.control.jobs().len(), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_never_arrived_is_sent_again_after_the_settle_window_and_not_before() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  first: { at: \"2026-11-23T12:00:05Z\", start: { process: Heartbeat, folder: Shared } }\n  \
         report: { at: \"2026-11-23T12:01:00Z\", start: { process: Heartbeat, folder: Shared } }\n",
    )
    .await;
    // A run of ours in the folder: the control of every later look-up there.
    story.pass(seconds(5)).await;
    story.until("first", "succeeded", SECOND, seconds(60)).await;
    story.pass_to("2026-11-23T12:00:59Z").await;
    story.control.push_rule(FaultRule::once(Fault::DropRequest).on(Endpoint::StartJobs));
    story.pass(SECOND).await;
    story.pass_in_steps(seconds(119), SECOND).await;
    assert_eq!(story.control.jobs().len(), 1, "not within the settle window");
    let run = story.until("report", "succeeded", SECOND, seconds(60)).await;
    assert_eq!(story.control.jobs().len(), 2);
    let texts: Vec<_> = story.lines(&run.run).await.into_iter().map(|line| line.text).collect();
    assert!(texts.iter().any(|text| text.starts_with("Sent again under the same Reference")), "{texts:#?}");
    assert_eq!(run.attempts, 1, "the same attempt, under the same Reference");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_answer_that_proves_nothing_holds_the_run_for_a_person() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  payroll: { at: \"2026-11-23T12:00:10Z\", start: { process: Payroll, folder: Finance } }\n",
    )
    .await;
    // No right to read jobs: every list is empty, although the job was made.
    story.control.push_rule(FaultRule::once(Fault::DropAnswer).on(Endpoint::StartJobs));
    story.control.push_rule(FaultRule::always(Fault::EmptyList).on(Endpoint::ListJobs));
    story.pass(seconds(10)).await;
    let run = story.until("payroll", "held", SECOND, seconds(200)).await;
    assert!(run.error.as_deref().is_some_and(|error| error.contains("an empty answer proves nothing")), "{run:#?}");
    assert_eq!(story.control.jobs().len(), 1, "and it was not sent again");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_start_says_why_and_what_to_do() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  payroll: { at: \"2026-11-23T12:00:10Z\", start: { process: Payroll, folder: Finance } }\n",
    )
    .await;
    story.control.push_rule(FaultRule::once(Fault::Refuse(Refusal::code(409, 2818))).on(Endpoint::StartJobs));
    story.pass(seconds(10)).await;
    let run = story.only_run().await;
    assert_eq!(run.state.name(), "rejected");
    let error = run.error.unwrap_or_default();
    assert!(error.contains("2818") && error.contains("machine"), "{error}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_deployed_anew_is_found_again_and_started() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  payroll: { at: \"2026-11-23T12:00:10Z\", start: { process: Payroll, folder: Finance } }\n",
    )
    .await;
    story.control.push_rule(FaultRule::once(Fault::Refuse(Refusal::code(404, 1002))).on(Endpoint::StartJobs));
    story.pass(seconds(10)).await;
    story.until("payroll", "succeeded", SECOND, seconds(60)).await;
    assert_eq!(story.control.jobs().len(), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_asks_to_be_left_alone_is_left_alone() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  payroll: { at: \"2026-11-23T12:00:10Z\", start: { process: Payroll, folder: Finance } }\n",
    )
    .await;
    story.pass(seconds(9)).await;
    let refusal = Refusal::gateway(429).retry_after(30);
    story.control.push_rule(FaultRule::once(Fault::Refuse(refusal)).on(Endpoint::StartJobs));
    story.pass(SECOND).await;
    let run = story.only_run().await;
    assert_eq!((run.state.name(), run.state.reason()), ("waiting", Some("rate_limit")));
    let before = story.control.exchanges().len();
    story.pass_in_steps(seconds(29), SECOND).await;
    assert_eq!(story.control.exchanges().len(), before, "nothing at all is asked of it meanwhile");
    story.until("payroll", "succeeded", SECOND, seconds(60)).await;
    assert_eq!(story.control.jobs().len(), 1);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_parked_by_its_workflow_is_followed_to_its_end() {
    let story = Story::with(
        "2026-11-23T12:00:00Z",
        |sandbox| {
            sandbox.tenant.folders[0].processes.push(
                ProcessSpec::new("Approval").taking(SECOND, seconds(5)).ending(RobotResult::Suspends {
                    suspended: seconds(3_600),
                    output: serde_json::json!({"approved": true}),
                }),
            );
        },
        |url| {
            format!(
                "{}schedules:\n  approval: {{ at: \"2026-11-23T12:00:10Z\", start: {{ process: Approval, folder: Shared }} }}\n",
                support::connection(url)
            )
        },
    )
    .await;
    story.pass(seconds(10)).await;
    story.until("approval", "suspended", SECOND, seconds(60)).await;
    let run = story.until("approval", "succeeded", seconds(30), seconds(4_000)).await;
    assert_eq!(run.output, Some(serde_json::json!({"approved": true})));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_vanishes_is_lost_only_after_three_lists_over_five_minutes() {
    let story = Story::begin(
        "2026-11-23T12:00:00Z",
        "schedules:\n  report: { at: \"2026-11-23T12:00:10Z\", start: { process: LongReport, folder: Shared } }\n",
    )
    .await;
    story.pass(seconds(10)).await;
    let run = story.until("report", "running", SECOND, seconds(60)).await;
    story.control.forget_job(run.job_id.unwrap_or_default());
    story.pass_in_steps(seconds(290), seconds(5)).await;
    assert_eq!(story.only_run().await.state.name(), "running");
    story.until("report", "lost", seconds(5), seconds(120)).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_sends_what_waited_for_it_at_once() {
    let story = Story::without_daemon(
        "2026-11-23T12:00:00Z",
        |_| {},
        |url| {
            format!(
                "{}schedules:\n  payroll: {{ at: \"2026-11-23T12:00:10Z\", start: {{ process: Payroll, folder: Finance }} }}\n",
                support::connection(url)
            )
        },
    )
    .await;
    let mut story = story;
    story.control.push_rule(FaultRule::always(Fault::Refuse(Refusal::gateway(503))).on(Endpoint::Token).count(6));
    story.start_daemon().await;
    story.pass_to("2026-11-23T12:00:10Z").await;
    story.until("payroll", "succeeded", SECOND, seconds(300)).await;
    let run = story.only_run().await;
    let granted = story.control.token_calls().last().map(|call| call.at).expect("a token was given");
    let sent = run.sent_at.as_deref().map(support::at).expect("it was sent");
    assert!(sent.duration_since(granted) <= jiff::SignedDuration::from_secs(1), "granted {granted}, sent {sent}");
    assert_eq!(run.error, None, "the trouble is over");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_grant_starts_robots_through_a_restart_and_a_day_of_renewals() {
    let grants = [
        "grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: OR.Jobs OR.Execution.Read OR.Folders.Read",
        "grant: refresh_token, client_id: sandbox-client, client_secret: \"file:client-secret\", refresh_token: \"file:refresh-token\"",
        "grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: \"file:user-key\"",
        "grant: password, username: sandbox-user, password: \"file:password\"",
        "grant: personal_access_token, token: \"file:personal-token\"",
    ];
    for grant in grants {
        let mut story = Story::with(
            "2026-11-23T00:00:00Z",
            // As the real service does, where the contract's schemas know no null.
            |sandbox| sandbox.tenant.nulls = Nulls::Written,
            |url| {
                format!(
                    "version: 1\nconnections:\n  uipath: {{ url: \"{url}\", tenant: acmeprod, auth: {{ {grant} }} }}\nschedules:\n  \
                     hourly: {{ cron: \"0 * * * *\", timezone: UTC, start: {{ process: Heartbeat, folder: Shared }} }}\n"
                )
            },
        )
        .await;
        for hour in 1..=12 {
            story.pass_to(&format!("2026-11-23T{hour:02}:00:00Z")).await;
            story.until("hourly", "succeeded", SECOND, seconds(60)).await;
            if hour == 6 {
                // The first refresh token has long been used up; what is kept in the state folder goes on.
                story.stop_daemon().await;
                story.start_daemon().await;
            }
            story.pass_in_steps(seconds(3_000), seconds(300)).await;
        }
        let runs = story.runs().await;
        assert_eq!(runs.len(), 12, "{grant}");
        assert!(runs.iter().all(|run| run.state.name() == "succeeded"), "{grant}: {runs:#?}");
        let refused =
            story.control.token_calls().into_iter().find(|call| !matches!(call.outcome, TokenOutcome::Granted(_)));
        assert_eq!(refused, None, "{grant}");
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_filled_in_when_a_run_is_claimed_and_stay_as_they_were() {
    let story = Story::begin(
        "2026-11-20T12:00:00Z",
        "schedules:\n  invoices:\n    cron: \"0 7 * * MON-FRI\"\n    timezone: Europe/Berlin\n    start:\n      process: InvoiceIntake\n      folder: Shared\n      arguments: { day: \"${nominal.date-1d}\", since: \"${previous}\", who: \"${schedule} ${reference}\", try: \"${attempt}\", n: 3 }\n",
    )
    .await;
    story.pass_to("2026-11-23T06:00:00Z").await;
    let run = story.until("invoices", "succeeded", SECOND, seconds(60)).await;
    let job = &story.control.jobs()[0];
    let reference = job.reference.clone().expect("the job has a Reference");
    let filled = serde_json::json!({
        "day": "2026-11-22", "since": "2026-11-20T07:00:00+01:00", "who": format!("invoices {reference}"), "try": "1", "n": 3,
    });
    assert_eq!(job.arguments, Some(filled.clone()));
    assert_eq!(run.arguments, Some(filled), "the history shows what was sent");
    story.end().await;
}
