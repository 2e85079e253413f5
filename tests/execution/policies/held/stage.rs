//! The real program next to a sandbox, in real seconds: what a person does and sees, and what truly was started.
//!
//! Nothing sleeps for a time to come: each step looks again and again for what it waits for.

use std::time::Duration;

use jiff::Timestamp;
use punctual::clock::Clock;
use punctual::sandbox::{Control, FaultRule, JobTruth, ProcessSpec, Sandbox};
use rustix::process::Signal;
use serde_json::Value;
use tokio::process::Child;

use super::super::super::support::{check_contract, connection, sandbox_config, write_secrets};
use super::place::{FINE, Place, in_time, signal, text};

/// As `status` ends where a person must act.
pub(super) const TO_ACT: i32 = 1;

pub(super) struct Stage {
    pub(super) clock: Clock,
    pub(super) control: Control,
    sandbox: Sandbox,
    place: Place,
    daemon: Option<Child>,
}

impl Stage {
    /// Begins the daemon on these lines of a file. There are robots for all jobs, and `Quick` is done at once.
    pub(super) async fn begin(lines: &str) -> Stage {
        Stage::begin_with(lines, &[]).await
    }

    /// The same with robots that have these faults.
    pub(super) async fn begin_with(lines: &str, faults: &[FaultRule]) -> Stage {
        let clock = Clock::system();
        let mut config = sandbox_config(&clock);
        let folder = &mut config.tenant.folders[0];
        folder.robots = 1_000;
        folder.processes.push(ProcessSpec::new("Quick").taking(Duration::ZERO, Duration::from_millis(200)));
        let sandbox = Sandbox::start(config).await.unwrap();
        let defaults = "defaults: { folder: Shared, timezone: UTC }\n";
        let place = Place::new(&format!("{}{defaults}{lines}", connection(&sandbox.base_url())));
        write_secrets(place.folder.path());
        for fault in faults {
            sandbox.control().push_rule(fault.clone());
        }
        let mut stage = Stage { clock, control: sandbox.control(), sandbox, place, daemon: None };
        stage.live().await;
        stage
    }

    pub(super) async fn live(&mut self) {
        self.daemon = Some(self.place.daemon().await);
    }

    /// As by `kill -9`.
    pub(super) async fn kill(&mut self) {
        let daemon = self.daemon.take().unwrap();
        signal(&daemon, Signal::KILL);
        in_time("the end of a killed daemon", daemon.wait_with_output()).await.unwrap();
    }

    /// What a command prints that ends with 0; `status` ends with 1 where a person must act.
    pub(super) async fn told(&self, arguments: &[&str]) -> String {
        let end = self.place.run(arguments).await;
        let (said, told) = (text(&end.stdout), text(&end.stderr));
        let to_act = arguments.first() == Some(&"status") && end.status.code() == Some(TO_ACT);
        assert!(to_act || end.status.code() == Some(FINE), "{arguments:?}: {said}{told}");
        said
    }

    /// How `status` ends.
    pub(super) async fn status_code(&self) -> Option<i32> {
        self.place.run(&["status"]).await.status.code()
    }

    pub(super) async fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.told(&[arguments, &["-o", "json"]].concat()).await).unwrap()
    }

    /// The runs of a schedule as `runs -o json` has them, by time.
    pub(super) async fn rows(&self, schedule: &str) -> Vec<Row> {
        let all = self.json(&["runs", "--schedule", schedule, "--limit", "1000"]).await;
        let mut rows: Vec<Row> = all.as_array().unwrap().iter().map(Row::of).collect();
        rows.sort_by_key(|row| row.due);
        rows
    }

    /// Looks at the runs of a schedule until `found` finds something in them.
    pub(super) async fn until<T>(&self, what: &str, schedule: &str, found: impl Fn(&[Row]) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = found(&self.rows(schedule).await) {
                    break found;
                }
                self.clock.sleep(Duration::from_millis(150)).await;
            }
        };
        in_time(what, search).await
    }

    /// Looks at `status` until `found` finds something in it.
    pub(super) async fn until_status<T>(&self, what: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = found(&self.json(&["status"]).await) {
                    break found;
                }
                self.clock.sleep(Duration::from_millis(150)).await;
            }
        };
        in_time(what, search).await
    }

    /// Waits until a job is made for a time of a schedule from an instant on.
    pub(super) async fn until_started(&self, schedule: &str, from: Timestamp) {
        self.until_job(schedule, |due| due >= from).await;
    }

    /// Waits until a job is made for such a time of a schedule.
    pub(super) async fn until_job(&self, schedule: &str, is_one: impl Fn(Timestamp) -> bool) {
        let is_there = |control: &Control| jobs_of(control, schedule).iter().any(|(due, _)| is_one(*due));
        in_time("a job", self.control.wait_until(is_there)).await;
    }

    /// The jobs that were truly made for a schedule, with their times.
    pub(super) fn jobs(&self, schedule: &str) -> Vec<(Timestamp, JobTruth)> {
        jobs_of(&self.control, schedule)
    }

    pub(super) async fn end(mut self) {
        let daemon = self.daemon.take().unwrap();
        signal(&daemon, Signal::TERM);
        let end = in_time("the end of the daemon", daemon.wait_with_output()).await.unwrap();
        assert_eq!(end.status.code(), Some(FINE), "{}", text(&end.stderr));
        check_contract(&self.control, &self.sandbox.base_url());
        self.sandbox.stop().await;
    }
}

/// Jobs say of themselves whose they are: see [`schedule`].
fn jobs_of(control: &Control, schedule: &str) -> Vec<(Timestamp, JobTruth)> {
    let of_it = |job: JobTruth| {
        let arguments = job.arguments.as_ref()?;
        let due = arguments["due"].as_str()?.parse().unwrap();
        (arguments["schedule"] == schedule).then_some((due, job))
    };
    let mut jobs: Vec<_> = control.jobs().into_iter().filter_map(of_it).collect();
    jobs.sort_by_key(|(due, job)| (*due, job.id));
    jobs
}

/// A schedule whose jobs say what they were made for.
pub(super) fn schedule(key: &str, keys: &str, process: &str) -> String {
    format!(
        "  {key}: {{ {keys}, start: {{ process: {process}, arguments: {{ schedule: {key}, due: \"${{nominal}}\" }} }} }}\n"
    )
}

/// One run, as a program reads it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) run: String,
    pub(super) due: Timestamp,
    /// As people see it: `skipped: paused`.
    pub(super) state: String,
    pub(super) note: String,
    pub(super) job: Option<i64>,
    pub(super) whole: Value,
}

impl Row {
    fn of(row: &Value) -> Row {
        let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (state, reason) = (word("state"), word("reason"));
        Row {
            run: word("run"),
            due: word("nominal_at").parse().unwrap(),
            state: if reason.is_empty() { state } else { format!("{state}: {reason}") },
            note: word("note"),
            job: row["job_id"].as_i64(),
            whole: row.clone(),
        }
    }
}
