//! Whether a time is skipped for an older job follows from that job, in real seconds too (semantics.md 11).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use punctual::history::RunSummary;
use punctual::sandbox::{JobTruth, ProcessSpec};

use super::rig::Rig;
use super::support::{at, connection};

/// Longer than any interval between two looks at a job, and shorter than the shortest interval below but one.
const JOB: Duration = Duration::from_secs(31);

const LONG_ENOUGH: Duration = Duration::from_secs(180);

/// From the due time to the call, with the question whether the older job has ended in between.
const LATE: SignedDuration = SignedDuration::from_secs(3);

fn rows<'a>(runs: &'a [RunSummary], schedule: &str) -> Vec<&'a RunSummary> {
    let mut rows: Vec<&RunSummary> = runs.iter().filter(|run| run.schedule == schedule).collect();
    rows.sort_by(|a, b| a.nominal_at.cmp(&b.nominal_at));
    rows
}

/// Whether a job of one of these rows was on its way at this instant.
fn was_running(older: &[&RunSummary], jobs: &[JobTruth], instant: Timestamp) -> bool {
    older
        .iter()
        .filter_map(|run| jobs.iter().find(|job| Some(job.id) == run.job_id))
        .any(|job| job.created_at <= instant && job.ended_at.is_none_or(|ended| ended > instant))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "three minutes of jobs that take 31 s: `cargo test --test torture -- --ignored`"]
async fn for_three_minutes_a_time_is_skipped_only_while_its_older_job_runs() {
    let rig = Rig::begin(7_804, |config| {
        config.tenant.list_calls_per_minute = 100;
        config.tenant.folders[0].processes.push(ProcessSpec::new("Half a minute").taking(Duration::ZERO, JOB));
    })
    .await;
    let mut yaml = connection(&rig.sandbox.base_url());
    yaml.push_str("defaults: { folder: Shared, timezone: UTC }\nschedules:\n");
    for every in [20, 33, 35, 40] {
        yaml.push_str(&format!("  every{every}: {{ every: {every}s, start: {{ process: Half a minute }} }}\n"));
    }
    rig.write(&yaml);
    let life = rig.ready_life().await;
    rig.clock.sleep(LONG_ENOUGH).await;
    let looked_at = rig.clock.now();
    life.ask_to_stop();
    life.ended().await;
    // The last ones may not have been decided yet.
    let decided = looked_at.checked_sub(LATE).expect("an instant of these years");
    let runs: Vec<RunSummary> = rig.runs().await.into_iter().filter(|run| at(&run.fire_at) <= decided).collect();
    let jobs = rig.control.jobs();
    for every in [33, 35, 40] {
        let rows = rows(&runs, &format!("every{every}"));
        assert!(rows.len() as u64 >= LONG_ENOUGH.as_secs() / every - 1, "{every}: {} rows", rows.len());
        for run in rows {
            let sent = run.sent_at.as_deref().unwrap_or_else(|| panic!("every {every} s: {run:?}"));
            let late = at(sent).duration_since(at(&run.fire_at));
            assert!(late <= LATE, "every {every} s: {late:?} late: {run:?}");
        }
    }
    // The test could see a skip: where the job does run, each second time is one.
    let rows = rows(&runs, "every20");
    let skipped = rows.iter().filter(|run| run.sent_at.is_none()).count();
    assert!(skipped >= 3 && skipped <= rows.len() / 2 + 1, "{skipped} of {}", rows.len());
    for (n, run) in rows.iter().enumerate().filter(|(_, run)| run.sent_at.is_none()) {
        assert!(was_running(&rows[..n], &jobs, at(&run.fire_at)), "{run:?}");
    }
    println!(
        "figure: overlap in real seconds: {} rows, {skipped} skipped, each of them while its older job ran",
        runs.len()
    );
}
