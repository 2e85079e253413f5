//! `punctual demo`: see it work, without a tenant.
//!
//! A stand-in Orchestrator, a real daemon and real schedule files in one process. One start's answer is dropped on purpose,
//! so that the finding of a lost start can be seen. What it leaves behind is an ordinary state folder, to be queried.

mod live;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::args::{DemoArgs, Global};
use super::daemon;
use super::failure::{Exit, Failure};
use super::files::tell;
use super::output::Out;
use super::state_folder::folder_failure;
use crate::clock::{Clock, later};
use crate::daemon::{Chores, Daemon, DaemonSettings, DispatcherThread, Files, Removals};
use crate::dispatcher::core::Pace;
use crate::history::{History, HistoryFilter};
use crate::lifecycle::{Asked, Signals};
use crate::sandbox::{Endpoint, Fault, FaultRule, Sandbox, SandboxConfig};
use crate::schedule::{Invalid, load};
use crate::store::StateFolder;
use crate::text::counted;

/// The demo shows every state; a tenant would be read far less often.
const PACE: Pace = Pace { first: Duration::from_millis(400), slowest: Duration::from_secs(1) };

/// How often the table is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(500);

/// The process whose first start is not answered.
const UNANSWERED: &str = "Payroll";

pub(super) async fn run(global: &Global, args: &DemoArgs, clock: Clock, out: &mut Out) -> Result<Exit, Failure> {
    let mut signals = Signals::listen().map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
    let folder = match &global.state_dir {
        Some(given) => given.clone(),
        None => temporary_folder()?,
    };
    only_ours(&folder)?;
    // Held while the files are written, so that no daemon's files change under it; `Daemon::start` takes it again.
    let held = StateFolder::take(&folder).map_err(|error| folder_failure(&error))?;
    // Keys are made from the seed: a second life must not give a new job the key of an old one.
    let seed = u64::try_from(clock.now().as_nanosecond()).unwrap_or(1);
    let mut config = SandboxConfig::demo(clock.clone());
    config.seed = seed;
    // The table is drawn twice a second and jobs are read as often.
    config.tenant.list_calls_per_minute = 1_000;
    let sandbox = Sandbox::start(config)
        .await
        .map_err(|cause| Failure::new(Exit::Usage, format!("failed to start the stand-in Orchestrator: {cause}")))?;
    sandbox.control().push_rule(FaultRule::once(Fault::DropAnswer).on(Endpoint::StartJobs).process(UNANSWERED));
    let file = write_files(&folder, &sandbox.base_url(), &clock)?;
    let loaded = match load(std::slice::from_ref(&file), clock.now()) {
        Ok(loaded) => loaded,
        Err(Invalid { diagnostics }) => {
            tell(&diagnostics);
            return Err(Failure::told(Exit::Usage));
        }
    };
    out.line(format!("A stand-in Orchestrator at {}", sandbox.base_url()))?;
    out.line(format!("Schedules in {}", file.display()))?;
    out.line(format!("State and history in {}\n", folder.display()))?;
    out.flush()?;
    let settings = DaemonSettings {
        clock: clock.clone(),
        set: Arc::new(loaded.set),
        files: Files::none(),
        // A demo's schedules are ours, not a person's.
        removals: Removals::Accepted,
        state_dir: folder.clone(),
        thread: DispatcherThread::Callers,
        pace: PACE,
        housekeeping: Chores::None,
        socket: Some(global.socket.clone().unwrap_or_else(|| folder.join("punctual.sock"))),
        log: None,
    };
    drop(held);
    let began = clock.now();
    let daemon = Daemon::start(settings).await.map_err(daemon::failure)?;
    let history = History::open(&folder).await?;
    let (_, seen) = history.changed_since(i64::MAX).await?;
    let end = clock.boottime() + args.length;
    let mut screen = live::Screen::new(seen);
    loop {
        let left = end.saturating_sub(clock.boottime());
        if left.is_zero() {
            break;
        }
        screen.draw(&history, Some(left), clock.now(), out).await?;
        tokio::select! {
            () = clock.sleep(DRAW_EVERY.min(left)) => {}
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => {}
            },
        }
    }
    screen.draw(&history, None, clock.now(), out).await?;
    daemon.stop().await.map_err(daemon::failure)?;
    sandbox.stop().await;
    farewell(&history, &folder, began, out).await?;
    history.close().await;
    Ok(Exit::Fine)
}

/// `/tmp/punctual-demo-…`, kept for queries afterwards.
fn temporary_folder() -> Result<PathBuf, Failure> {
    let mut bits = [0u8; 4];
    getrandom::fill(&mut bits).map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
    Ok(std::env::temp_dir().join(format!("punctual-demo-{:08x}", u32::from_be_bytes(bits))))
}

/// The first words of a file that may be written anew.
const OURS: &str = "# Written by `punctual demo`";

/// Refuses a folder that holds anything but an earlier demo.
fn only_ours(folder: &Path) -> Result<(), Failure> {
    let failed = |cause: std::io::Error| {
        Failure::new(Exit::NotReachable, format!("failed to look into `{}`: {cause}", folder.display()))
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(failed(cause)),
    };
    let names =
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    // A demo that failed to begin leaves the lock alone.
    if names.iter().all(|name| name == "lock") {
        return Ok(());
    }
    match std::fs::read(folder.join("schedules.yaml")) {
        Ok(text) if text.starts_with(OURS.as_bytes()) => Ok(()),
        Ok(_) | Err(_) => Err(Failure::new(
            Exit::Usage,
            format!("`{}` holds files that are not a demo's, and the demo would write over them", folder.display()),
        )
        .hint("give it a new or empty folder with `--state-dir`, or leave the option out")),
    }
}

/// The schedule file and the user key next to it, as a user would write them.
fn write_files(folder: &Path, url: &str, clock: &Clock) -> Result<PathBuf, Failure> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let failed = |cause: std::io::Error| {
        Failure::new(Exit::NotReachable, format!("failed to write into `{}`: {cause}", folder.display()))
    };
    let mut key = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(folder.join("user-key"))
        .map_err(failed)?;
    // One that is there already keeps its mode on opening.
    key.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    writeln!(key, "sandbox-user-key").map_err(failed)?;
    // Whole seconds, soon enough to be seen in the shortest demo.
    let now = clock.now();
    let soon = Timestamp::from_second(later(now, Duration::from_secs(4)).as_second()).unwrap_or(now);
    let file = folder.join("schedules.yaml");
    std::fs::write(&file, schedule_file(url, &soon.to_string())).map_err(failed)?;
    Ok(file)
}

fn schedule_file(url: &str, soon: &str) -> String {
    format!(
        r#"{OURS}. The stand-in Orchestrator ends with it; the history stays.
version: 1
connections:
  sandbox:
    url: {url}
    tenant: acmeprod
    auth: {{ grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: "file:user-key" }}
    limits: {{ list_calls_per_minute: 600 }}
defaults: {{ folder: Shared, timezone: Europe/Berlin }}
schedules:
  heartbeat:
    description: Every two seconds, done in one
    every: 2s
    start: {{ process: Heartbeat }}
  invoices:
    description: A cron pattern with seconds
    cron: "*/5 * * * * *"
    start: {{ process: InvoiceIntake, arguments: {{ source: mail }} }}
  scraper:
    description: Its robot fails
    every: 6s
    start: {{ process: Flaky }}
  long-report:
    description: Takes longer than its interval, so the times in between are skipped
    every: 4s
    start: {{ process: LongReport }}
  payroll:
    description: Once; the answer to its start is lost on the way, and the job is found again
    at: "{soon}"
    start: {{ process: Payroll, folder: Finance }}
  nightly:
    description: Not due in this demo; see `punctual next`
    cron: "30 2 * * *"
    start: {{ process: CloseBooks, folder: Finance }}
"#
    )
}

/// What happened, and how to look at it.
async fn farewell(history: &History, folder: &Path, began: Timestamp, out: &mut Out) -> Result<(), Failure> {
    let mut runs = history.list(&HistoryFilter::default()).await?;
    // A folder may hold earlier demos.
    runs.retain(|run| {
        run.claimed_at.parse::<Timestamp>().is_ok_and(|claimed| claimed.as_millisecond() >= began.as_millisecond())
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for run in &runs {
        let state = match run.state.reason() {
            Some(reason) => format!("{} ({reason})", run.state.name()),
            None => run.state.to_string(),
        };
        *counts.entry(state).or_default() += 1;
    }
    let states: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let colon = if states.is_empty() { "" } else { ": " };
    out.line(format!("\n{}{colon}{}", counted(runs.len(), "run"), states.join(", ")))?;
    let payroll = runs.iter().find(|run| run.schedule == "payroll" && run.sent_at.is_some());
    let folder = folder.display();
    out.line("\nLook at what it left:")?;
    out.line(format!("  punctual runs --state-dir {folder}"))?;
    if let Some(run) = payroll {
        out.line(format!(
            "  punctual show {} --state-dir {folder}      # the start whose answer was lost",
            super::runs::short(&run.run)
        ))?;
    }
    out.line(format!("  punctual next --config {folder}/schedules.yaml"))?;
    out.line(format!("  sqlite3 -readonly {folder}/punctual.db 'select * from history'"))?;
    Ok(())
}
