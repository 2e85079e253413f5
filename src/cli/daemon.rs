//! `punctual daemon`: run until stopped.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use super::args::{DaemonArgs, Global};
use super::failure::{Exit, Failure};
use super::farewell::{Farewell, Farewelled};
use super::files::load_or_tell;
use super::logging;
use super::state_folder::{folder_failure, full_cure};
use crate::clock::Clock;
use crate::daemon::{Chores, Daemon, DaemonError, DaemonSettings, DispatcherThread, Files, Removals};
use crate::dispatcher::core::Pace;
use crate::lifecycle::{Asked, Signals, Watchdog, tell_manager};
use crate::text::counted;
use crate::web::SocketError;

/// After this much of a stop nothing is waited for any longer: the process ends within 15 s (semantics.md 28). Starts under way have
/// had their 10 s by then; what is left is a database that blocks.
const LAST_CALL: Duration = Duration::from_secs(14);

/// How often the service manager's line is compared with how things stand.
const STATUS_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(global: &Global, args: &DaemonArgs, clock: Clock) -> Result<Exit, Failure> {
    let log = logging::begin(args.log_format);
    let files = Files::look(global.config_paths());
    let loaded = load_or_tell(global, clock.now())?;
    let settings = DaemonSettings {
        clock,
        set: Arc::new(loaded.set),
        files,
        removals: if args.accept_removals { Removals::Accepted } else { Removals::Guarded },
        state_dir: global.state_dir(),
        thread: DispatcherThread::Own,
        pace: Pace::default(),
        housekeeping: Chores::Nightly,
        socket: Some(global.socket()),
        log: Some(log),
    };
    let watch = settings.clock.clone();
    let mut signals = Signals::listen().map_err(|cause| Failure::new(Exit::Usage, cause.to_string()))?;
    let mut daemon = Daemon::start(settings).await.map_err(failure)?;
    let mut files = daemon.reloads().state();
    let mut status = files.borrow_and_update().to_string();
    tell_manager(&[NotifyState::Ready, NotifyState::Status(&status)]);
    tracing::info!("Ready: {status}");
    let mut told = status.clone();
    let mut watchdog = Watchdog::asked_for();
    // An instant and not a length: the loop goes round more often.
    let mut look_at = watch.boottime() + STATUS_EVERY;
    let mut alive = daemon.handle().alive();
    loop {
        tokio::select! {
            Ok(()) = alive.changed() => watchdog.feed(*alive.borrow_and_update()),
            () = watch.sleep_until_boottime(look_at) => {
                look_at = watch.boottime() + STATUS_EVERY;
                let line = daemon.trouble().map_or_else(|| status.clone(), |trouble| format!("{status}; {trouble}"));
                if line != told {
                    tell_manager(&[NotifyState::Status(&line)]);
                    told = line;
                }
            }
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => daemon.reloads().hang_up(),
            },
            Ok(()) = files.changed() => {
                status = files.borrow_and_update().to_string();
                told = status.clone();
                tell_manager(&[NotifyState::Status(&status)]);
            }
            error = daemon.fell_over() => return Err(failure(error)),
        }
    }
    tell_manager(&[NotifyState::Stopping]);
    let turns = daemon.handle().turns();
    let starts = turns.borrow().starts_under_way;
    tracing::info!("Stopping: {} under way, seen to the end for 10 s at most; robots go on", counted(starts, "start"));
    let exchanges = daemon.exchanges().clone();
    match Farewell::new(exchanges, &watch, LAST_CALL).see_out(daemon.stop(), &mut signals).await {
        Farewelled::Stopped(stopped) => {
            stopped.map_err(failure)?;
            match turns.borrow().starts_under_way {
                0 => tracing::info!("Stopped"),
                left => tracing::warn!(
                    "Stopped without the answer to {}: looked up by its Reference at the next start, and never made twice",
                    counted(left, "start")
                ),
            }
        }
        Farewelled::Blocked => {
            tracing::warn!(
                "Stopped without waiting any longer: the database does not answer; what it did not take is looked up at the next start"
            );
        }
        // Asked twice: whatever is being sent is looked up at the next start.
        Farewelled::Hurried => tracing::warn!("Stopped at once; starts under way will be looked up at the next start"),
    }
    Ok(Exit::Fine)
}

pub(super) fn failure(error: DaemonError) -> Failure {
    let (exit, hint) = match &error {
        DaemonError::Folder(error) => return folder_failure(error),
        DaemonError::Store(error) => (Exit::NotReachable, error.folder().and_then(full_cure)),
        DaemonError::Socket(SocketError::Answered(_)) => (Exit::Held, None),
        DaemonError::Socket(_) => (Exit::Usage, None),
        DaemonError::Auth(_) | DaemonError::Client(_) => (Exit::Usage, None),
        DaemonError::Thread(_) | DaemonError::Ended => (Exit::Fault, None),
    };
    let failure = Failure::from_error(exit, &error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
