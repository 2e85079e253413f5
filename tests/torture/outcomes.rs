//! Every outcome that a start can have × what became of the work: never more than one job.
//!
//! One row for each row of the table (semantics.md 15). Where an answer leaves open whether the work was done, it is
//! done, not done, or done and shown late. Where an answer says that nothing was done, that is taken at its word, and the
//! three go for the call that follows it. Where Orchestrator refuses in its own words for good, the run ends, whatever it did; where
//! it refuses for now, the start is looked up before it is sent again.
//!
//! Daemon, stand-in and one manual clock in this process; only the client's own time-out is real time.

use std::sync::Mutex;
use std::time::Duration;

use punctual::history::RunSummary;
use punctual::sandbox::{Endpoint, Fault, FaultRule, Outage, ProcessSpec, Refusal};
use tokio::runtime::Builder;

use super::checker::{Calm, Evidence, Invariant, judge};
use super::demand::demanded;
use super::support::{Story, at, check_contract, connection};

/// Stories side by side.
const AT_ONCE: usize = 4;
/// A job that is made late is shown after this; the settle window is two minutes.
const LATE: Duration = Duration::from_secs(60);
/// Beyond the client's own limit of 30 s.
const SLOW: Duration = Duration::from_secs(40);

/// What became of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Made,
    NotMade,
    MadeLate,
}

const WORKS: [Work; 3] = [Work::Made, Work::NotMade, Work::MadeLate];

/// How the client sees it.
#[derive(Clone, Debug)]
enum Outcome {
    /// The connection is cut without an answer.
    Reset,
    /// The answer takes longer than the client waits.
    Slow,
    /// The answer ends in the middle, or is a page for people.
    Broken,
    /// The answer is 201 and names no job, though the work may be done.
    NamesNone,
    /// A gateway's answer that leaves open what was done.
    Unclear(Refusal),
    /// The service cannot be reached for a while.
    Unreached,
    /// The token is refused.
    TokenRefused,
    /// Refused at the door: the limit of calls, or a proxy.
    Door(Refusal),
    /// Orchestrator refuses in its own words.
    Refused(Refusal),
    /// Sent elsewhere.
    Redirected,
    /// Orchestrator refuses it for now, or does not know its folder or process by the number that it was called by.
    NotNow(Refusal),
}

/// What the row promises for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// One job, and the run ends with it.
    Once,
    /// The run ends `rejected`; it was not sent again.
    Rejected,
}

impl Outcome {
    fn promise(&self) -> Promise {
        match self {
            Outcome::Reset
            | Outcome::Slow
            | Outcome::Broken
            | Outcome::NamesNone
            | Outcome::Unclear(_)
            | Outcome::Unreached
            | Outcome::TokenRefused
            | Outcome::Door(_)
            | Outcome::Redirected
            | Outcome::NotNow(_) => Promise::Once,
            Outcome::Refused(_) => Promise::Rejected,
        }
    }

    /// Faults of the first call, and of the second where the first was certainly not done.
    fn faults(&self, work: Work) -> (Vec<Fault>, Vec<Fault>) {
        let next = match work {
            Work::Made => vec![],
            Work::NotMade => vec![Fault::DropRequest],
            Work::MadeLate => vec![Fault::Late(LATE), Fault::DropAnswer],
        };
        let after = |fault: Fault| match work {
            Work::Made => vec![fault],
            Work::NotMade => vec![Fault::DropRequest],
            Work::MadeLate => vec![Fault::Late(LATE), fault],
        };
        match self {
            Outcome::Reset => (after(Fault::DropAnswer), vec![]),
            Outcome::Slow => match work {
                Work::Made => (vec![Fault::DelayAnswer(SLOW)], vec![]),
                Work::NotMade => (vec![Fault::Delay(SLOW), Fault::DropRequest], vec![]),
                // The work itself is done after the client has hung up.
                Work::MadeLate => (vec![Fault::Delay(SLOW)], vec![]),
            },
            Outcome::Broken => match work {
                Work::Made | Work::MadeLate => (after(Fault::Garble), vec![]),
                Work::NotMade => (vec![Fault::Html], vec![]),
            },
            Outcome::NamesNone => match work {
                Work::Made | Work::MadeLate => (after(Fault::NoJobs), vec![]),
                Work::NotMade => (vec![Fault::Refuse(Refusal::code(201, 0))], vec![]),
            },
            Outcome::Unclear(refusal) => match work {
                Work::Made | Work::MadeLate => (after(Fault::FailAfter(refusal.clone())), vec![]),
                Work::NotMade => (vec![Fault::Refuse(refusal.clone())], vec![]),
            },
            Outcome::Unreached => (next, vec![]),
            Outcome::TokenRefused => (vec![Fault::RevokeToken], next),
            Outcome::Door(refusal) => (vec![Fault::Refuse(refusal.clone())], next),
            Outcome::Refused(refusal) => match work {
                Work::Made | Work::MadeLate => (after(Fault::FailAfter(refusal.clone())), vec![]),
                Work::NotMade => (vec![Fault::Refuse(refusal.clone())], vec![]),
            },
            Outcome::NotNow(refusal) => match work {
                // As where a gateway has sent it twice: the second is refused because of the first.
                Work::Made => (vec![Fault::FailAfter(refusal.clone())], vec![]),
                Work::NotMade | Work::MadeLate => (vec![Fault::Refuse(refusal.clone())], next),
            },
            Outcome::Redirected => match work {
                Work::Made | Work::MadeLate => (after(Fault::FailAfter(Refusal::gateway(302))), vec![]),
                Work::NotMade => (vec![Fault::Redirect("https://elsewhere.example/".to_owned())], vec![]),
            },
        }
    }
}

fn outcomes() -> Vec<Outcome> {
    let mut outcomes = vec![
        Outcome::Reset,
        Outcome::Slow,
        Outcome::Broken,
        Outcome::NamesNone,
        Outcome::Unreached,
        Outcome::TokenRefused,
        Outcome::Redirected,
        Outcome::Unclear(Refusal::gateway(503).retry_after(5)),
        Outcome::NotNow(Refusal::code(409, 1670)),
        Outcome::NotNow(Refusal::code(409, 1020)),
        Outcome::NotNow(Refusal::code(404, 1100)),
        Outcome::NotNow(Refusal::code(404, 1002)),
        Outcome::Door(Refusal::gateway(429).retry_after(20)),
    ];
    // A firewall's, a gateway's and a portal's words, not Orchestrator's: the work may have been done (semantics.md 15).
    let theirs = [400, 402, 403, 404, 405, 406, 409, 410, 413, 414, 415, 418, 421, 422, 423, 426, 429, 431, 451];
    outcomes.extend(theirs.map(|status| Outcome::Unclear(Refusal::gateway(status))));
    let unclear = [408, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 528, 529];
    outcomes.extend(unclear.map(|status| Outcome::Unclear(Refusal::gateway(status))));
    // Only a proxy says this, and it has not sent the request on.
    outcomes.push(Outcome::Door(Refusal::gateway(407)));
    let refused = [(400, 1007), (403, 0), (409, 2818), (422, 1230)];
    outcomes.extend(refused.map(|(status, code)| Outcome::Refused(Refusal::code(status, code))));
    outcomes
}

const FILE: &str = "defaults: { folder: Shared, timezone: UTC, overlap: allow }\nschedules:\n  warm: { at: \
    \"2026-11-23T11:59:00Z\", start: { process: Burst, arguments: { schedule: warm, due: \"${nominal}\" } } }\n  case: { \
    at: \"2026-11-23T12:00:00Z\", start: { process: Case, arguments: { schedule: case, due: \"${nominal}\" } } }\n";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

async fn story() -> Story {
    Story::with(
        "2026-11-23T11:58:00Z",
        |config| {
            let folder = &mut config.tenant.folders[0];
            folder.robots = 100;
            for name in ["Burst", "Case"] {
                folder.processes.push(ProcessSpec::new(name).taking(Duration::ZERO, seconds(2)));
            }
        },
        |url| format!("{}{FILE}", connection(url)),
    )
    .await
}

async fn last_of(story: &Story, schedule: &str) -> Option<RunSummary> {
    story.runs_of(schedule).await.pop()
}

/// What is wrong after one outcome; nothing, if all is well.
async fn play(outcome: &Outcome, work: Work) -> Vec<String> {
    let story = story().await;
    story.pass_to("2026-11-23T11:59:00Z").await;
    story.until("warm", "succeeded", seconds(1), seconds(30)).await;
    let rule =
        |fault: &Fault, skip: u64| FaultRule::once(fault.clone()).on(Endpoint::StartJobs).process("Case").skip(skip);
    let (first, second) = outcome.faults(work);
    for fault in &first {
        story.control.push_rule(rule(fault, 0));
    }
    for fault in &second {
        story.control.push_rule(rule(fault, 1));
    }
    match outcome {
        Outcome::Unreached => story.control.set_outage(Outage::Refused),
        Outcome::Reset
        | Outcome::Slow
        | Outcome::Broken
        | Outcome::NamesNone
        | Outcome::Unclear(_)
        | Outcome::TokenRefused
        | Outcome::Door(_)
        | Outcome::Refused(_)
        | Outcome::NotNow(_)
        | Outcome::Redirected => {}
    }
    story.pass_to("2026-11-23T12:00:00Z").await;
    // Ten minutes, in steps that grow: every outcome has come to its end by then.
    for step in [1, 1, 1, 2, 5, 5, 5, 10, 10, 20, 20, 20, 20, 10, 10, 10, 10, 20, 20, 20, 30, 30, 30, 60, 60, 60, 60] {
        story.pass(seconds(step)).await;
        story.control.set_outage(Outage::None);
        if last_of(&story, "case").await.is_some_and(|run| run.ended_at.is_some()) {
            break;
        }
    }
    // The sweep after a repeated start, and jobs that are shown late.
    story.pass_in_steps(seconds(400), seconds(40)).await;
    let rows = story.runs().await;
    let evidence = Evidence {
        demanded: demanded(&story.yaml, at("2026-11-23T11:58:00Z"), story.clock.now()),
        jobs: story.control.jobs(),
        runs: rows,
        calm: Some(Calm),
        ..Evidence::default()
    };
    let run = last_of(&story, "case").await;
    let state = run.as_ref().map_or("no row", |run| run.state.name());
    let mut wrong = Vec::new();
    let asked = story.control.starts_asked("Case");
    match outcome.promise() {
        Promise::Once => {
            wrong.extend(judge(&evidence).broken.iter().map(ToString::to_string));
            if state != "succeeded" {
                wrong.push(format!("the run is {state}: {run:#?}"));
            }
        }
        Promise::Rejected => {
            // Refused in its own words, and done all the same: the row tells the refusal, and there is no second job.
            let broken = judge(&evidence).broken;
            wrong.extend(broken.iter().filter(|b| b.invariant != Invariant::I3).map(ToString::to_string));
            if state != "rejected" || asked != 1 {
                wrong.push(format!("the run is {state} after {asked} calls"));
            }
        }
    }
    let jobs = story.control.jobs().iter().filter(|job| job.process == "Case").count();
    if jobs > 1 {
        wrong.push(format!("{jobs} jobs"));
    }
    check_contract(&story.control, &story.sandbox.base_url());
    story.end().await;
    wrong
}

#[test]
#[ignore = "a minute of daemons that wait for outcomes: `cargo test --test torture -- --ignored`"]
fn no_outcome_of_a_start_leads_to_a_second_job() {
    let cells: Vec<(Outcome, Work)> =
        outcomes().into_iter().flat_map(|outcome| WORKS.map(|work| (outcome.clone(), work))).collect();
    let count = cells.len();
    let cells = Mutex::new(cells);
    let wrong = Mutex::new(Vec::new());
    // A story is bound to its thread: opening the database is not `Send`.
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
                loop {
                    let next = cells.lock().expect("nobody has fallen over").pop();
                    let Some((outcome, work)) = next else { return };
                    let found = runtime.block_on(play(&outcome, work));
                    if !found.is_empty() {
                        let told = format!("{outcome:?} × {work:?}: {}", found.join("; "));
                        wrong.lock().expect("nobody has fallen over").push(told);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody has fallen over");
    println!("figure: outcomes of a start: {count} cells, {} as the table says", count - wrong.len());
    assert!(wrong.is_empty(), "{} cells of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A gateway may repeat a request by itself: two jobs are Orchestrator's doing, and one of them is stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_jobs_that_a_server_made_from_one_call_the_spare_one_is_stopped_while_it_waits_for_a_robot() {
    let story = story().await;
    story.pass_to("2026-11-23T11:59:00Z").await;
    story.until("warm", "succeeded", seconds(1), seconds(30)).await;
    for fault in [Fault::Duplicate(2), Fault::DropAnswer] {
        story.control.push_rule(FaultRule::once(fault).on(Endpoint::StartJobs).process("Case"));
    }
    story.pass_to("2026-11-23T12:00:00Z").await;
    let made: Vec<i64> = story.control.jobs().iter().filter(|job| job.process == "Case").map(|job| job.id).collect();
    assert_eq!(made.len(), 2);
    // No robot was free yet.
    for id in &made {
        story.control.set_job_state(*id, punctual::sandbox::JobState::Pending);
    }
    story.pass_in_steps(seconds(30), seconds(2)).await;
    assert_eq!(story.control.starts_asked("Case"), 1, "it was not sent again");
    let run = last_of(&story, "case").await.expect("a row");
    let states: Vec<_> = story
        .control
        .jobs()
        .into_iter()
        .filter(|job| job.process == "Case")
        .map(|job| (Some(job.key.to_string()) == run.job_key, job.state.name()))
        .collect();
    assert!(states.contains(&(true, "Pending")) && states.contains(&(false, "Stopped")), "{states:?}: {run:#?}");
    story.end().await;
}
